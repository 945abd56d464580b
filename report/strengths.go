package report

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// Strengths is what was found of authentication strengths. None of it is ever
// counted among the passkeys that break: a strength matters only where a
// Conditional Access policy asks for it.
type Strengths struct {
	// Of gives the findings of a user whom Users has just given, in final order;
	// nil if strengths were not judged. What it gives is used until the next call
	// only.
	Of func(u *audit.JudgedUser) []StrengthFinding
	// Notes say in sentences why strengths were not judged, or not all of them
	// (not asked for, not licensed, refused and which permission is missing), or
	// why there can be no finding (no strength has a list of AAGUIDs).
	Notes []string
	// Partial tells that there may be more findings: something that they depend
	// on could not be read.
	Partial bool
	// Certainty says in sentences what a finding leaves open for everybody, such
	// as that applications and conditions are not judged.
	Certainty []string
}

// A StrengthFinding is a passkey that the methods policy allows and an
// authentication strength does not accept.
type StrengthFinding struct {
	Strength, StrengthID string
	// Policy and PolicyState are the Conditional Access policy that asks for
	// the strength, and its state as Microsoft Graph sent it.
	Policy, PolicyState string
	// Scope is Yes where the policy is for the user for certain, and Unknown
	// where that cannot be told; Why then says in a sentence why not. A user
	// whom the policy leaves out is no finding.
	Scope   audit.Ternary
	Why     string
	User    audit.User
	Passkey audit.Passkey
}

// enforced tells whether the policy keeps the user from something: only one
// that is enabled does.
func (f *StrengthFinding) enforced() audit.Ternary {
	switch f.PolicyState {
	case "enabled":
		return f.Scope
	case "disabled", "enabledForReportingButNotEnforced":
		return audit.No
	}
	return audit.Unknown
}

// state gives the policy's state, and says of a finding whose scope is not
// known that it is not, so that nobody who looks for "enabled" takes it for
// certain.
func (f *StrengthFinding) state() string {
	if f.Scope == audit.Yes {
		return f.PolicyState
	}
	return cmp.Or(f.PolicyState, "state not known") + " (not certain)"
}

// StrengthFigures count what authentication strengths do not accept.
type StrengthFigures struct {
	// Findings counts rows; People and Passkeys each person and passkey once.
	Findings, People, Passkeys int
	// PeopleEnforced and PasskeysEnforced count those whom an enabled policy
	// holds to the strength for certain.
	PeopleEnforced, PasskeysEnforced Tally
	// Administrators counts those among People.
	Administrators Tally
	// Reasons say why it is not known whether a policy is for somebody, those
	// of most findings first.
	Reasons []StrengthReason
}

// A StrengthReason is a reason and the number of findings that hang on it.
type StrengthReason struct {
	Text     string
	Findings int
}

// Limits of what is kept of findings: remarks for the sheet, and reasons.
const (
	strengthRemarks = 1000
	strengthReasons = 50
	otherReasons    = "Other reasons."
)

// A strengthCounter counts findings that come person by person.
type strengthCounter struct {
	StrengthFigures
	user    audit.User
	keys    []strengthKey // of the person under count
	reasons map[string]int
	remarks []Remark
}

type strengthKey struct {
	id       string
	enforced audit.Ternary
}

func (c *strengthCounter) add(f *StrengthFinding) {
	if c.Findings == 0 || f.User.ID != c.user.ID || f.User.TenantID != c.user.TenantID {
		c.end()
		c.user = f.User
	}
	if f.Scope == audit.Unknown {
		why := cmp.Or(f.Why, "It is not known whether the policy is for this person.")
		if len(c.remarks) < strengthRemarks {
			c.remarks = append(c.remarks, Remark{Row: c.Findings, Key: "policy_state", Text: why})
		}
		if _, ok := c.reasons[why]; !ok && len(c.reasons) >= strengthReasons {
			why = otherReasons
		}
		c.reasons[strings.Clone(why)]++
	}
	c.Findings++
	i := slices.IndexFunc(c.keys, func(k strengthKey) bool { return k.id == f.Passkey.ID })
	if i < 0 {
		i = len(c.keys)
		c.keys = append(c.keys, strengthKey{f.Passkey.ID, audit.No})
	}
	c.keys[i].enforced = anyOf(c.keys[i].enforced, f.enforced())
}

// end counts the person whose findings have all come.
func (c *strengthCounter) end() {
	if len(c.keys) == 0 {
		return
	}
	person := audit.No
	for _, k := range c.keys {
		c.Passkeys++
		c.PasskeysEnforced.add(k.enforced)
		person = anyOf(person, k.enforced)
	}
	c.People++
	c.PeopleEnforced.add(person)
	c.Administrators.add(c.user.Admin)
	c.keys = c.keys[:0]
}

// anyOf gives Yes if either is, else Unknown if either is.
func anyOf(a, b audit.Ternary) audit.Ternary { return not(worse(not(a), not(b))) }

// figures ends the count.
func (c *strengthCounter) figures() StrengthFigures {
	c.end()
	for text, n := range c.reasons {
		c.Reasons = append(c.Reasons, StrengthReason{text, n})
	}
	slices.SortFunc(c.Reasons, func(a, b StrengthReason) int {
		return cmp.Or(cmp.Compare(b.Findings, a.Findings), cmp.Compare(a.Text, b.Text))
	})
	return c.StrengthFigures
}

// strengthsOf counts and spools what strengths do not accept of a user.
func (b *builder) strengthsOf(u *audit.JudgedUser) error {
	if b.source.Strengths.Of == nil {
		return nil
	}
	found := b.source.Strengths.Of(u)
	for i := range found {
		f := &found[i]
		if f.Scope == audit.No {
			return fmt.Errorf("read strengths: policy %q leaves user %s out", f.Policy, f.User.ID)
		}
		b.strengths.add(f)
		m := b.model(f.Passkey.AAGUID, f.Passkey.Model)
		b.buf = b.d.spool.putStrength(b.buf[:0], f, m)
		if err := b.d.spool.append(bucketStrengths, b.buf); err != nil {
			return err
		}
	}
	return nil
}

// StrengthsRead tells whether authentication strengths were judged, of several
// tenants in any of them.
func (d *Document) StrengthsRead() bool { return d.in.Strengths.Of != nil }

// StrengthsReadAll tells whether they were judged in all tenants: if not, that
// there is no finding says nothing.
func (d *Document) StrengthsReadAll() bool { return d.StrengthsRead() && (!d.fleet || d.strengthsAll) }

// StrengthWords says in sentences what authentication strengths do not accept,
// how certain that is, or why nothing is said of them.
func (d *Document) StrengthWords() []string {
	in, f := &d.in.Strengths, &d.Strengths
	if !d.StrengthsRead() {
		return append([]string{"Authentication strengths were not judged: this report says nothing of them."}, in.Notes...)
	}
	if f.Findings == 0 {
		return append([]string{d.noStrengthFinding()}, in.Notes...)
	}
	least := ""
	if in.Partial {
		least = "At least "
	}
	list := []string{
		fmt.Sprintf("%s%s of %s %s allowed by the methods policy, but not accepted by an authentication strength. These are not counted among the passkeys that break.",
			least, Plural(f.Passkeys, "passkey", "passkeys"), Plural(f.People, "person", "people"), onlyVerb(f.Passkeys, "is", "are")),
		"Of these people, an enabled Conditional Access policy certainly covers: " + f.PeopleEnforced.Words() + ". Administrators among all of them: " + f.Administrators.Words() + ".",
	}
	list = append(list, in.Certainty...)
	for _, r := range f.Reasons {
		list = append(list, fmt.Sprintf("%s (%s)", strings.TrimSuffix(r.Text, "."), Plural(r.Findings, "finding is uncertain for that", "findings are uncertain for that")))
	}
	return append(list, in.Notes...)
}

func onlyVerb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// noStrengthFinding says what it means that there is no finding.
func (d *Document) noStrengthFinding() string {
	switch {
	case d.in.Strengths.Partial:
		return "No passkey was found that an authentication strength does not accept, but not everything that this depends on could be read."
	case !d.Complete():
		return d.emptyWords("No passkey that was read is refused by an authentication strength")
	}
	return "No passkey that the methods policy allows is refused by an authentication strength."
}

func (d *Document) strengthsTable() Table {
	words := d.StrengthWords()
	if d.StrengthsRead() {
		words = append(words[:1:1], d.in.Strengths.Notes...)
	}
	return Table{
		Title: TitleStrengths, File: FileStrengths, Columns: strengthColumns(), Count: d.spool.count(bucketStrengths), Portal: d.in.Portal,
		Empty: strings.Join(words, " "), Remarks: d.strengthRemarks,
		Rows: func(ctx context.Context) iter.Seq2[[]Cell, error] {
			var f StrengthFinding
			return rowsOf(ctx, d, []string{bucketStrengths}, 13, func(dec *decoder, row []Cell) {
				n := dec.strength(&f)
				if n >= len(d.models) {
					dec.bad = true
					return
				}
				m, aaguid := d.models[n], f.Passkey.AAGUID
				if !m.None {
					aaguid = m.text
				}
				copy(row, []Cell{
					Text(f.Strength), Text(f.StrengthID), Text(f.Policy), Text(f.state()), Text(f.User.UPN), Text(f.User.DisplayName),
					YesNo(f.User.Admin), Text(f.Passkey.Name), Text(m.Title), Text(aaguid), Text(f.User.TenantID), Text(f.User.ID), Text(f.Passkey.ID),
				})
			})
		},
	}
}

// SummaryStrengths is what authentication strengths do not accept. Found is
// null where they were not judged; Notes then say why.
type SummaryStrengths struct {
	Read      bool          `json:"read"`
	Partial   bool          `json:"partial"`
	Notes     []string      `json:"notes"`
	Certainty []string      `json:"certainty"`
	Found     *SummaryFound `json:"found"`
}

// SummaryFound is the form of StrengthFigures. A count is null where it is not
// known of all; AtLeast is then the lower bound.
type SummaryFound struct {
	Findings                int             `json:"findings"`
	People                  int             `json:"people"`
	PeopleEnforced          *int            `json:"people_enforced"`
	PeopleEnforcedAtLeast   *int            `json:"people_enforced_at_least"`
	PeopleUnknown           int             `json:"people_enforcement_unknown"`
	Passkeys                int             `json:"passkeys"`
	PasskeysEnforced        *int            `json:"passkeys_enforced"`
	PasskeysEnforcedAtLeast *int            `json:"passkeys_enforced_at_least"`
	PasskeysUnknown         int             `json:"passkeys_enforcement_unknown"`
	Admins                  *int            `json:"administrators"`
	AdminsAtLeast           *int            `json:"administrators_at_least"`
	AdminUnknown            int             `json:"administrator_unknown"`
	Reasons                 []SummaryReason `json:"scope_not_known"`
}

// SummaryReason is the form of StrengthReason.
type SummaryReason struct {
	Reason   string `json:"reason"`
	Findings int    `json:"findings"`
}

func summaryStrengths(d *Document) SummaryStrengths {
	in, f := &d.in.Strengths, &d.Strengths
	s := SummaryStrengths{
		Read: d.StrengthsRead(), Partial: in.Partial,
		Notes: append([]string{}, in.Notes...), Certainty: append([]string{}, in.Certainty...),
	}
	if !s.Read {
		return s
	}
	s.Found = &SummaryFound{
		Findings: f.Findings, People: f.People, Passkeys: f.Passkeys, Reasons: []SummaryReason{},
		PeopleEnforced: f.PeopleEnforced.exact(), PeopleEnforcedAtLeast: f.PeopleEnforced.atLeast(), PeopleUnknown: f.PeopleEnforced.Unknown,
		PasskeysEnforced: f.PasskeysEnforced.exact(), PasskeysEnforcedAtLeast: f.PasskeysEnforced.atLeast(), PasskeysUnknown: f.PasskeysEnforced.Unknown,
		Admins: f.Administrators.exact(), AdminsAtLeast: f.Administrators.atLeast(), AdminUnknown: f.Administrators.Unknown,
	}
	for _, r := range f.Reasons {
		s.Found.Reasons = append(s.Found.Reasons, SummaryReason{r.Text, r.Findings})
	}
	return s
}
