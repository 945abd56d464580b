package policy

import (
	"strings"

	"passkey-audit/audit"
)

// A rule is what one profile, or the tenant-wide restrictions, demands.
type rule struct {
	order     int
	decidedBy string // the profile's name, or TenantWide
	subject   string // how sentences name it, such as `profile "Pilots"`
	plural    bool   // "the tenant-wide restrictions allow", "the profile allows"

	id       string // the profile's id as written; empty for the tenant-wide restrictions
	standard bool   // the default profile
	missing  bool   // named by a target, but not part of the policy

	anyType             bool // no restriction by type: the older shape
	deviceBound, synced bool
	otherTypes          []string // values that this version does not know

	enforced   bool
	list       listKind
	listed     map[audit.AAGUID]bool // the value tells: written as String does
	listLength int                   // entries, those that are no AAGUID too

	attestation audit.Ternary // enforced at registration
}

type listKind uint8

const (
	listUnknown listKind = iota
	listAllow
	listBlock
)

func profileRule(p *audit.Profile) *rule {
	name := p.Name
	if printable(name) == "" {
		name = p.ID
	}
	if printable(name) == "" {
		name = "(no name)"
	}
	r := &rule{id: p.ID, decidedBy: name, subject: "profile " + quote(name)}
	for _, t := range p.Types {
		switch passkeyType(t) {
		case audit.DeviceBound:
			r.deviceBound = true
		case audit.Synced:
			r.synced = true
		default:
			r.otherTypes = append(r.otherTypes, string(t))
		}
	}
	switch {
	case strings.EqualFold(p.Attestation, "disabled"):
		r.attestation = audit.No
	case strings.EqualFold(p.Attestation, "registrationOnly"):
		r.attestation = audit.Yes
	}
	r.restrict(p.KeyRestrictions)
	return r
}

func tenantRule(p *audit.Policy) *rule {
	r := &rule{
		decidedBy: TenantWide, subject: "the tenant-wide restrictions", plural: true,
		anyType: true, attestation: p.AttestationEnforced,
	}
	r.restrict(p.KeyRestrictions)
	return r
}

func missingRule(id string) *rule {
	if printable(id) == "" { // only the default profile can be unnamed
		return &rule{missing: true, decidedBy: "the default passkey profile", subject: "the default passkey profile"}
	}
	return &rule{id: id, missing: true, decidedBy: id, subject: "profile " + quote(id)}
}

func (r *rule) restrict(k audit.KeyRestrictions) {
	r.enforced = k.Enforced == audit.Yes
	r.list = kindOf(k)
	r.listLength = len(k.AAGUIDs)
	r.listed = make(map[audit.AAGUID]bool, len(k.AAGUIDs))
	for _, text := range k.AAGUIDs {
		if a, err := audit.ParseAAGUID(text); err == nil {
			r.listed[a] = r.listed[a] || text == a.String()
		}
	}
}

func kindOf(k audit.KeyRestrictions) listKind {
	switch {
	case strings.EqualFold(k.Type, "allow"):
		return listAllow
	case strings.EqualFold(k.Type, "block"):
		return listBlock
	}
	return listUnknown
}

// passkeyType folds the letter case of the known types.
func passkeyType(t audit.PasskeyType) audit.PasskeyType {
	switch {
	case t == "" || t.Known():
		return t
	case strings.EqualFold(string(t), string(audit.DeviceBound)):
		return audit.DeviceBound
	case strings.EqualFold(string(t), string(audit.Synced)):
		return audit.Synced
	}
	return t
}

// A subject is what a verdict depends on in a passkey.
type subject struct {
	aaguid audit.AAGUID
	known  aaguidState
	kind   audit.PasskeyType
}

type aaguidState uint8

const (
	aaguidPlain     aaguidState = iota // written as String writes it
	aaguidOdd                          // another way of writing an AAGUID
	aaguidMissing                      // null or empty
	aaguidMalformed                    // no GUID
)

func (s aaguidState) unknown() bool { return s >= aaguidMissing }

func subjectOf(k *audit.Passkey) subject {
	s := subject{kind: passkeyType(k.Type)}
	a, err := audit.ParseAAGUID(k.AAGUID)
	switch {
	case err == nil:
		s.aaguid = a
		if !plain(k.AAGUID) {
			s.known = aaguidOdd
		}
	case strings.TrimSpace(k.AAGUID) == "":
		s.known = aaguidMissing
	default:
		s.known = aaguidMalformed
	}
	return s
}

// plain tells, of a text that is an AAGUID, whether String would write it so.
func plain(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		if c := text[i]; 'A' <= c && c <= 'F' {
			return false
		}
	}
	return true
}

// A finding is one rule's answer, or that of one of its two checks. Its zero
// value has no decision.
type finding struct {
	ref      ref // whose rule it is, and how the user comes to it
	decision audit.Decision
	code     audit.ReasonCode
	why      why
	assumes  audit.AssumptionSet
}

// judge gives a rule's answer. Both checks must pass, and blocked wins over
// undecided: an AAGUID that is refused anyway is blocked whatever the type.
func (r *rule) judge(s subject) finding {
	if r.missing {
		f := finding{ref: ref{rule: r}, decision: audit.Undecided, code: audit.ReasonTypeUnknown, why: whyProfileMissing}
		f.assumes.Add(AssumeProfileMissing)
		return f
	}
	kind := r.judgeType(s)
	if kind.decision == audit.Blocked {
		return kind
	}
	id := r.judgeAAGUID(s)
	switch {
	case id.decision == audit.Blocked:
		return id
	case kind.decision == audit.Undecided:
		return kind
	}
	id.assumes |= kind.assumes
	return id
}

func (r *rule) judgeType(s subject) finding {
	f := finding{ref: ref{rule: r}, decision: audit.Allowed, code: audit.ReasonOK}
	if r.anyType || r.takes(s.kind) {
		return f
	}
	undecided := func(w why, a ...audit.Assumption) finding {
		f.decision, f.code, f.why = audit.Undecided, audit.ReasonTypeUnknown, w
		for _, a := range a {
			f.assumes.Add(a)
		}
		return f
	}
	switch {
	case !r.deviceBound && !r.synced && len(r.otherTypes) == 0:
		return undecided(whyTypesMissing, AssumeTypesMissing)
	case r.deviceBound && r.synced:
		// What is left is a passkey of no or of an unknown type.
		if s.kind != "" {
			f.assumes.Add(AssumePasskeyTypeUnknown)
		}
		return f
	case len(r.otherTypes) > 0:
		return undecided(whyTypeValueUnknown, AssumeTypeValueUnknown)
	case !s.kind.Known():
		return undecided(whyTypeUnknown)
	}
	f.decision, f.code, f.why = audit.Blocked, audit.ReasonTypeNotAllowed, whyType
	return f
}

func (r *rule) takes(t audit.PasskeyType) bool {
	switch t {
	case "":
		return false
	case audit.DeviceBound:
		return r.deviceBound
	case audit.Synced:
		return r.synced
	}
	for _, o := range r.otherTypes {
		if strings.EqualFold(o, string(t)) {
			return true
		}
	}
	return false
}

func (r *rule) judgeAAGUID(s subject) finding {
	f := finding{ref: ref{rule: r}, decision: audit.Allowed, code: audit.ReasonOK, why: whyOpen}
	if !r.enforced {
		if isWindowsHello(s) {
			f.assumes.Add(AssumeWindowsHello)
		}
		return f
	}
	switch {
	case r.list == listUnknown:
		f.decision, f.code, f.why = audit.Undecided, audit.ReasonAAGUIDUnknown, whyListKind
		f.assumes.Add(AssumeListTypeUnknown)
		return f
	case r.listLength == 0 && r.list == listAllow:
		f.decision, f.code, f.why = audit.Blocked, audit.ReasonAAGUIDNotAllowed, whyAllowEmpty
		f.assumes.Add(AssumeEmptyAllowBlocks)
		return f
	case r.listLength == 0:
		f.why = whyBlockEmpty
		f.assumes.Add(AssumeEmptyBlockAllows)
		return f
	case s.known.unknown():
		f.decision, f.code, f.why = audit.Undecided, audit.ReasonAAGUIDUnknown, whyAAGUIDUnknown
		return f
	}
	plainEntry, listed := r.listed[s.aaguid]
	if listed && (!plainEntry || s.known == aaguidOdd) {
		f.assumes.Add(AssumeAAGUIDBytes)
	}
	if s.aaguid.IsZero() {
		f.assumes.Add(AssumeZeroAAGUID)
	}
	switch {
	case listed && r.list == listAllow:
		f.why = whyListed
	case listed:
		f.decision, f.code, f.why = audit.Blocked, audit.ReasonAAGUIDBlocked, whyRefused
	case r.list == listAllow:
		f.decision, f.code, f.why = audit.Blocked, audit.ReasonAAGUIDNotAllowed, whyNotListed
	default:
		f.why = whyNotRefused
	}
	return f
}

// isWindowsHello recognises the AAGUIDs of Windows passkeys (hardware TPM,
// virtualisation-based security, software), from Microsoft's article on Entra
// passkeys on Windows (2026-02-18).
func isWindowsHello(s subject) bool {
	if s.known.unknown() {
		return false
	}
	switch s.aaguid {
	case audit.AAGUID{0x08, 0x98, 0x70, 0x58, 0xca, 0xdc, 0x4b, 0x81, 0xb6, 0xe1, 0x30, 0xde, 0x50, 0xdc, 0xbe, 0x96},
		audit.AAGUID{0x9d, 0xdd, 0x18, 0x17, 0xaf, 0x5a, 0x46, 0x72, 0xa2, 0xb9, 0x3e, 0x3d, 0xd9, 0x50, 0x00, 0xa9},
		audit.AAGUID{0x60, 0x28, 0xb0, 0x17, 0xb1, 0xd4, 0x4c, 0x02, 0xb4, 0xb3, 0xaf, 0xcd, 0xaf, 0xc9, 0x6b, 0xb2}:
		return true
	}
	return false
}
