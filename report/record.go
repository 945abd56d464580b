package report

import (
	"encoding/binary"
	"time"

	"passkey-audit/audit"
)

// A Passkey is one passkey of a report, with its user and both verdicts.
type Passkey struct {
	User audit.User
	audit.JudgedPasskey
	// Authenticator is what the catalogue knows of the AAGUID; its name is
	// empty where that is nothing.
	Authenticator audit.Authenticator
	// HasAAGUID tells whether the passkey's AAGUID is one; if so,
	// Authenticator.AAGUID holds it.
	HasAAGUID bool
	// UsableLeft counts the user's passkeys that the proposal allows.
	UsableLeft int
}

// A Person is one user of a report, without the passkeys.
type Person struct {
	audit.User
	Outcome audit.Outcome
	Risk    audit.Risk
	// The counts mean nothing where Outcome.Unread(); Known tells.
	Passkeys, UsableNow, UsableAfter, Breaking, Undecided int
}

// Known reports whether the counts are those of all the user's passkeys.
func (p *Person) Known() bool { return !p.Outcome.Unread() }

// A UserLine is what AAGUIDs.txt says of one user.
type UserLine struct {
	UserID  string
	Outcome audit.Outcome
	// Code is the error code of the failed read; may be empty.
	Code string
	// Passkeys holds AAGUID and Model alone.
	Passkeys []audit.Passkey
}

// An outreach is one row of outreach.csv; its words are written when it is read.
type outreach struct {
	Person
	priority int
	// The person's passkeys, each as it is called in a sentence.
	breaks, undecided, works  []string
	instead, tenant, proposal string
	registrable               bool
}

func putTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	b = append(b, 1)
	b = binary.AppendVarint(b, t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

func (d *decoder) time() time.Time {
	if d.byte() == 0 {
		return time.Time{}
	}
	sec := d.int()
	return time.Unix(sec, int64(d.uint())).UTC()
}

func (s *spool) putUser(b []byte, u *audit.User) []byte {
	b = s.dict.put(b, u.TenantID)
	b = putText(b, u.ID)
	b = putText(b, u.UPN)
	b = putText(b, u.DisplayName)
	b = s.dict.put(b, u.Type)
	return append(b, byte(u.Enabled), byte(u.Admin))
}

func (d *decoder) user(u *audit.User) {
	u.TenantID = d.known()
	u.ID = d.text()
	u.UPN = d.text()
	u.DisplayName = d.text()
	u.Type = d.known()
	u.Enabled = audit.Ternary(d.byte())
	u.Admin = audit.Ternary(d.byte())
}

// putVerdict encodes a verdict as its number, or as 0 and its parts: the same few
// come again and again.
func (s *spool) putVerdict(b []byte, v *audit.Verdict) []byte {
	if id := s.dict.verdict(v); id > 0 {
		return binary.AppendUvarint(b, id)
	}
	b = append(b, 0)
	b = s.dict.put(b, string(v.Decision))
	b = s.dict.put(b, string(v.Code))
	b = s.dict.put(b, v.Reason)
	b = s.dict.put(b, v.DecidedBy)
	return binary.AppendUvarint(b, uint64(v.Assumes))
}

func (d *decoder) verdict(v *audit.Verdict) {
	switch id := d.uint(); {
	case id > uint64(len(d.dict.verdicts)):
		d.rest, d.bad = "", true
		return
	case id > 0:
		*v = d.dict.verdicts[id-1]
		return
	}
	v.Decision = audit.Decision(d.known())
	v.Code = audit.ReasonCode(d.known())
	v.Reason = d.known()
	v.DecidedBy = d.known()
	v.Assumes = audit.AssumptionSet(d.uint())
}

// putPasskey encodes a passkey; model is the number of its entry in the
// document's list of authenticator models.
func (s *spool) putPasskey(b []byte, u *audit.User, k *audit.JudgedPasskey, model, left int) []byte {
	b = s.putUser(b, u)
	b = binary.AppendUvarint(b, uint64(model))
	b = binary.AppendUvarint(b, uint64(left))
	b = putText(b, k.ID)
	b = putText(b, k.Name)
	b = s.dict.put(b, k.AAGUID)
	b = s.dict.put(b, k.Model)
	b = s.dict.put(b, string(k.Type))
	b = s.dict.put(b, string(k.Attestation))
	b = putTime(b, k.CreatedAt)
	b = putTime(b, k.LastUsedAt)
	b = s.putVerdict(b, &k.Current)
	b = s.putVerdict(b, &k.Proposed)
	return append(b, byte(k.Registrable))
}

// passkey decodes into k and returns the number that putPasskey was given.
func (d *decoder) passkey(k *Passkey) (model int) {
	d.user(&k.User)
	model = int(d.uint())
	k.UsableLeft = int(d.uint())
	k.ID = d.text()
	k.Name = d.text()
	k.AAGUID = d.known()
	k.Model = d.known()
	k.Type = audit.PasskeyType(d.known())
	k.Attestation = audit.AttestationLevel(d.known())
	k.CreatedAt = d.time()
	k.LastUsedAt = d.time()
	d.verdict(&k.Current)
	d.verdict(&k.Proposed)
	k.Registrable = audit.Ternary(d.byte())
	return model
}

func (s *spool) putPerson(b []byte, p *Person) []byte {
	b = s.putUser(b, &p.User)
	b = s.dict.put(b, string(p.Outcome))
	b = s.dict.put(b, string(p.Risk))
	for _, n := range [...]int{p.Passkeys, p.UsableNow, p.UsableAfter, p.Breaking, p.Undecided} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

func (d *decoder) person(p *Person) {
	d.user(&p.User)
	p.Outcome = audit.Outcome(d.known())
	p.Risk = audit.Risk(d.known())
	for _, n := range [...]*int{&p.Passkeys, &p.UsableNow, &p.UsableAfter, &p.Breaking, &p.Undecided} {
		*n = int(d.uint())
	}
}

func (s *spool) putOutreach(b []byte, o *outreach) []byte {
	b = s.putPerson(b, &o.Person)
	b = append(b, byte(o.priority), byte(boolInt(o.registrable)))
	for _, list := range [...][]string{o.breaks, o.undecided, o.works} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, label := range list {
			b = s.dict.put(b, label)
		}
	}
	b = s.dict.put(b, o.instead)
	b = s.dict.put(b, o.tenant)
	return s.dict.put(b, o.proposal)
}

func (d *decoder) outreach(o *outreach) {
	d.person(&o.Person)
	o.priority = int(d.byte())
	o.registrable = d.byte() == 1
	for _, list := range [...]*[]string{&o.breaks, &o.undecided, &o.works} {
		*list = (*list)[:0]
		for n := d.uint(); n > 0 && !d.bad; n-- {
			*list = append(*list, d.known())
		}
	}
	o.instead = d.known()
	o.tenant = d.known()
	o.proposal = d.known()
}

func (s *spool) putLine(b []byte, u *audit.JudgedUser, code string) []byte {
	b = putText(b, u.ID)
	b = s.dict.put(b, string(u.Outcome))
	b = s.dict.put(b, code)
	b = binary.AppendUvarint(b, uint64(len(u.Passkeys)))
	for i := range u.Passkeys {
		b = s.dict.put(b, u.Passkeys[i].AAGUID)
		b = s.dict.put(b, u.Passkeys[i].Model)
	}
	return b
}

func (d *decoder) line(l *UserLine) {
	l.UserID = d.text()
	l.Outcome = audit.Outcome(d.known())
	l.Code = d.known()
	l.Passkeys = l.Passkeys[:0]
	for n := d.uint(); n > 0 && !d.bad; n-- {
		l.Passkeys = append(l.Passkeys, audit.Passkey{AAGUID: d.known(), Model: d.known()})
	}
}

func (s *spool) putFailure(b []byte, f *audit.Failure) []byte {
	b = s.dict.put(b, f.TenantID)
	b = s.dict.put(b, f.What)
	b = putText(b, f.UPN)
	b = putText(b, f.ID)
	b = binary.AppendVarint(b, int64(f.Status))
	b = s.dict.put(b, f.Code)
	b = putText(b, f.Message)
	b = putText(b, f.RequestID)
	return binary.AppendVarint(b, int64(f.Attempts))
}

func (d *decoder) failure(f *audit.Failure) {
	f.TenantID = d.known()
	f.What = d.known()
	f.UPN = d.text()
	f.ID = d.text()
	f.Status = int(d.int())
	f.Code = d.known()
	f.Message = d.text()
	f.RequestID = d.text()
	f.Attempts = int(d.int())
}

func (s *spool) putStrength(b []byte, f *StrengthFinding, model int) []byte {
	b = s.dict.put(b, f.Strength)
	b = s.dict.put(b, f.StrengthID)
	b = s.dict.put(b, f.Policy)
	b = s.dict.put(b, f.PolicyState)
	b = append(b, byte(f.Scope))
	b = s.putUser(b, &f.User)
	b = binary.AppendUvarint(b, uint64(model))
	b = putText(b, f.Passkey.ID)
	b = putText(b, f.Passkey.Name)
	return s.dict.put(b, f.Passkey.AAGUID)
}

func (d *decoder) strength(f *StrengthFinding) (model int) {
	f.Strength = d.known()
	f.StrengthID = d.known()
	f.Policy = d.known()
	f.PolicyState = d.known()
	f.Scope = audit.Ternary(d.byte())
	d.user(&f.User)
	model = int(d.uint())
	f.Passkey.ID = d.text()
	f.Passkey.Name = d.text()
	f.Passkey.AAGUID = d.known()
	return model
}

func putCell(b []byte, c Cell) []byte {
	b = append(b, byte(c.typ))
	if c.typ == CellText {
		return putText(b, c.text)
	}
	return binary.AppendVarint(b, c.n)
}

func (d *decoder) cell() Cell {
	c := Cell{typ: CellType(d.byte())}
	switch {
	case c.typ == CellText:
		c.text = d.text()
	case c.typ > CellYesNo:
		d.bad = true
	default:
		c.n = d.int()
	}
	return c
}
