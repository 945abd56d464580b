package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"passkey-audit/audit"
)

// The sentences that people read. They live here so that the workbook, the
// page and the terminal say the same.

// Number writes n with commas between the thousands.
func Number(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// Plural gives "1 passkey", "2 passkeys": the number with the noun that fits.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// Title is the heading of the report.
func (d *Document) Title() string { return "Passkeys under a proposed policy" }

// Verdict is the report's answer in one or two sentences. It never says "none"
// of what was not read.
func (d *Document) Verdict() string {
	u := &d.Users
	saved := "if this policy is saved"
	if d.in.Proposal.Name == "live" {
		saved = "under the live policy as it stands"
	}
	if u.WithPasskey == 0 && d.Passkeys.Total == 0 {
		if u.Read == 0 {
			return "No verdict: nobody's passkeys could be read."
		}
		if !d.Complete() {
			return fmt.Sprintf("No passkey was found among the %s read, but the report is incomplete.", Plural(u.Read, "user", "users"))
		}
		return fmt.Sprintf("Nobody loses a passkey: none of the %s read has one.", Plural(u.Read, "user", "users"))
	}
	return d.peopleWords(saved) + d.undecidedWords()
}

// peopleWords is the verdict's first sentence where somebody has a passkey.
func (d *Document) peopleWords(saved string) string {
	u := &d.Users
	people := Plural(u.WithPasskey, "person with a passkey", "people with a passkey")
	if !d.Complete() {
		people = Plural(u.WithPasskey, "person known to have a passkey", "people known to have a passkey")
	}
	if u.LosingLast == 0 {
		verb := "loses"
		if u.Unjudged > 0 {
			verb = "is known to lose"
		}
		s := fmt.Sprintf("None of the %s %s the last working passkey %s", people, verb, saved)
		missing := ""
		switch {
		case d.Complete():
		case u.Unread > 0 || !d.in.Coverage.ListingComplete:
			missing = "not everybody could be read"
		default:
			missing = "the report is incomplete"
		}
		switch {
		case missing != "" && u.Unjudged > 0:
			return s + ", but " + missing + " and " + d.unjudgedWords() + "."
		case missing != "":
			return s + ", but " + missing + "."
		case u.Unjudged > 0:
			return s + ", but " + d.unjudgedWords() + "."
		}
		return s + "."
	}
	verb := "lose their"
	if u.LosingLast == 1 {
		verb = "loses the"
	}
	least := ""
	if !d.Complete() {
		least = "At least "
	}
	s := fmt.Sprintf("%s%s of %s %s last working passkey %s%s", least, Number(u.LosingLast), people, verb, saved, d.adminWords())
	if u.Unjudged > 0 {
		s += ", and " + d.unjudgedWords()
	}
	return s + "."
}

func (d *Document) unjudgedWords() string {
	return Plural(d.Users.Unjudged, "person", "people") + " cannot be judged"
}

// undecidedWords is the verdict's second sentence, after a blank: what hangs
// on passkeys that are undecided. It is empty where none is.
func (d *Document) undecidedWords() string {
	u, n := &d.Users, d.Passkeys.Undecided
	switch {
	case u.LosingLastUndecided > 0:
		return fmt.Sprintf(" For %s of them that hangs on passkeys that are undecided.", Number(u.LosingLastUndecided))
	case n > 0:
		return " " + Plural(n, "passkey is undecided.", "passkeys are undecided.")
	}
	return ""
}

// Tone tells how the verdict is to be taken: good only where nothing breaks,
// nothing is undecided and nothing is missing.
func (d *Document) Tone() Tone {
	switch {
	case d.Users.LosingLast > 0, d.Passkeys.Breaks > 0, !d.Complete():
		return ToneBad
	case d.Users.Unjudged > 0, d.Passkeys.Undecided > 0:
		return ToneWarn
	}
	return ToneGood
}

// NothingBreaks says that no authenticator breaks, as far as that is known.
func (d *Document) NothingBreaks() string {
	s := "None of the passkeys that were read breaks"
	if n := d.Passkeys.Undecided; n > 0 {
		s += ", but " + Plural(n, "is undecided", "are undecided")
	}
	return d.emptyWords(s)
}

// adminWords says how many of those who lose the last passkey are
// administrators, as far as that is known.
func (d *Document) adminWords() string {
	a := d.Users.LosingLastAdmins
	if a.NothingKnown() {
		return "; whether they are administrators is not known"
	}
	var s string
	switch {
	case a.Yes == 0 && a.Unknown > 0:
		s = "; none of them is known to be an administrator"
	case a.Yes == 0:
		return "; none of them is an administrator"
	default:
		s = "; "
		if a.Unknown > 0 {
			s += "at least "
		}
		s += Plural(a.Yes, "of them is an administrator", "of them are administrators")
	}
	if a.Unknown > 0 {
		s += fmt.Sprintf(" (not known for %s)", Number(a.Unknown))
	}
	return s
}

// PasskeyWords says in one sentence what becomes of the passkeys.
func (d *Document) PasskeyWords() string {
	p := &d.Passkeys
	s := fmt.Sprintf("Of %s, %s and %s undecided", Plural(p.Total, "passkey", "passkeys"),
		verb(p.Breaks, "breaks", "break"), verb(p.Undecided, "is", "are"))
	if p.AlreadyBlocked > 0 {
		s += "; " + verb(p.AlreadyBlocked, "is", "are") + " blocked already"
	}
	if p.Restored > 0 {
		s += "; " + verb(p.Restored, "works", "work") + " again"
	}
	return s + "; " + verb(p.Unaffected, "is", "are") + " unaffected."
}

func verb(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// riskWords says what the rows of users.csv are: not everybody there is at
// risk.
func (d *Document) riskWords() string {
	u := &d.Users
	var list []string
	for _, f := range []struct {
		n    int
		what string
	}{
		{u.Unread, "not read"}, {u.LosingLast, "lose the last passkey"}, {u.LosingSome, "lose some"}, {u.Undecided, "undecided"},
		{u.BlockedAlready, "blocked already"}, {u.Unaffected, "unaffected"},
	} {
		if f.n > 0 {
			list = append(list, Number(f.n)+" "+f.what)
		}
	}
	return strings.Join(list, ", ")
}

// Completeness says in a sentence whether anything is missing.
func (d *Document) Completeness() string {
	u := &d.Users
	if !d.Complete() {
		return "INCOMPLETE: " + strings.Join(d.incomplete, " ")
	}
	s := fmt.Sprintf("Complete: %s listed, %s read", Plural(u.Listed, "user", "users"), Number(u.Read))
	if u.Gone > 0 {
		s += fmt.Sprintf(", %s deleted meanwhile", Number(u.Gone))
	}
	if u.OutOfScope > 0 {
		s += fmt.Sprintf(", %s out of scope", Number(u.OutOfScope))
	}
	return s + "."
}

// incompleteness says in sentences what is missing: what the coverage says,
// and where the users that came do not match it. unread says what that means of
// users who could not be read, and where tells where to look for the rest.
func incompleteness(c, seen audit.Coverage, unread, where string) []string {
	var list []string
	if c.Unread > 0 {
		list = append(list, fmt.Sprintf("%s of %s could not be read: %s.",
			Number(c.Unread), Plural(c.Listed, "user", "users"), unread))
	}
	if !c.ListingComplete {
		list = append(list, "The list of users was not read to its end: nobody knows how many are missing.")
	}
	if c.OtherUnread > 0 {
		list = append(list, fmt.Sprintf("%s could not be read, such as a group that the policy names%s.",
			Plural(c.OtherUnread, "other thing", "other things"), where))
	}
	if !c.Balanced() {
		list = append(list, fmt.Sprintf("The counts do not add up: %s listed, but %s read, %s unread, %s deleted meanwhile and %s out of scope.",
			Number(c.Listed), Number(c.Read), Number(c.Unread), Number(c.Gone), Number(c.OutOfScope)))
	}
	if !sameUsers(c, seen) {
		list = append(list, fmt.Sprintf("The counts do not match the users in this report: %s read and %s unread were counted, %s and %s came.",
			Number(c.Read), Number(c.Unread), Number(seen.Read), Number(seen.Unread)))
	}
	return list
}

// sameUsers reports whether the users that came are those that were counted.
func sameUsers(c, seen audit.Coverage) bool {
	return c.Listed == seen.Listed && c.Read == seen.Read && c.Unread == seen.Unread && c.WithPasskey == seen.WithPasskey
}

// emptyWords says why a table is empty, and what that does not mean.
func (d *Document) emptyWords(s string) string {
	if d.Complete() {
		return s + "."
	}
	return s + ", but the report is incomplete. " + strings.Join(d.incomplete, " ")
}

// A Tone tells how a figure is to be taken.
type Tone uint8

// The tones.
const (
	ToneNeutral Tone = iota
	ToneBad
	ToneWarn
	ToneGood
)

// A Figure is a number with its meaning, for tiles.
type Figure struct {
	Label string
	Value int
	// Note is a short text below the number; may be empty.
	Note string
	Tone Tone
	// See is the title of the table that has the rows.
	See string
}

// Figures gives the figures of the summary, the most important first.
func (d *Document) Figures() []Figure {
	u, p := &d.Users, &d.Passkeys
	worse := func(n int, t Tone) Tone {
		if n > 0 {
			return t
		}
		return ToneNeutral
	}
	var admins string
	switch a := u.LosingLastAdmins; {
	case a.NothingKnown():
		admins = "administrators not known"
	case a.Exact():
		admins = Plural(a.Yes, "administrator", "administrators")
	case a.Yes == 0:
		admins = "administrators not known for " + Number(a.Unknown)
	default:
		admins = fmt.Sprintf("at least %s (not known for %s)", Plural(a.Yes, "administrator", "administrators"), Number(a.Unknown))
	}
	some := "and keep another"
	if n := u.LosingSomeNoneLeft; n > 0 {
		some = fmt.Sprintf("%s keep another; %s may lose the last", Number(u.LosingSome-n), Number(n))
	}
	unread := Figure{"Users not read", u.Unread, "of " + Number(u.Listed) + " listed", worse(u.Unread, ToneBad), TitleUnread}
	if n := d.Unusable(); n > 0 {
		unread.Note += "; " + Plural(n, "snapshot not used", "snapshots not used")
		unread.Tone = ToneBad
	}
	return []Figure{
		{"People who lose their last passkey", u.LosingLast, admins, worse(u.LosingLast, ToneBad), TitleUsers},
		{"Passkeys that break", p.Breaks, "of " + Plural(p.Total, "passkey", "passkeys"), worse(p.Breaks, ToneBad), TitleBreaking},
		{"Passkeys undecided", p.Undecided, "neither allowed nor blocked", worse(p.Undecided, ToneWarn), TitlePasskeys},
		unread,
		{"People who lose some passkeys", u.LosingSome, some, worse(u.LosingSome, ToneWarn), TitleUsers},
		{"Passkeys blocked already", p.AlreadyBlocked, "under the live policy too", worse(p.AlreadyBlocked, ToneWarn), TitleBreaking},
		{"Passkeys that work again", p.Restored, "blocked under the live policy", worse(p.Restored, ToneGood), TitlePasskeys},
		{"Passkeys unaffected", p.Unaffected, Plural(u.WithPasskey, "person has a passkey", "people have a passkey"), worse(p.Unaffected, ToneGood), TitlePasskeys},
	}
}

// ImpactFigures gives the passkeys by impact, for charts and tables.
func (d *Document) ImpactFigures() []Figure {
	p := &d.Passkeys
	return []Figure{
		{"Breaks", p.Breaks, "works or may work now, blocked under the proposal", ToneBad, TitleBreaking},
		{"Undecided", p.Undecided, "something that the answer depends on is not known", ToneWarn, TitlePasskeys},
		{"Already blocked", p.AlreadyBlocked, "blocked now and under the proposal", ToneWarn, TitleBreaking},
		{"Restored", p.Restored, "blocked now, allowed under the proposal", ToneGood, TitlePasskeys},
		{"Unaffected", p.Unaffected, "allowed now and under the proposal", ToneGood, TitlePasskeys},
	}
}

// RolesShown reports whether it is known of anybody among Hardest whether they
// are administrators; if not, a column for that says nothing.
func (d *Document) RolesShown() bool {
	return slices.ContainsFunc(d.Hardest, func(p Person) bool { return p.Admin != audit.Unknown })
}

// HardestOrder says in which order Hardest is, beside the risk; empty where
// nothing that is known has changed it.
func (d *Document) HardestOrder() string {
	var list []string
	if d.RolesShown() {
		list = append(list, "administrators first")
	}
	if slices.ContainsFunc(d.Hardest, func(p Person) bool { return p.Enabled == audit.No }) {
		list = append(list, "disabled accounts last")
	}
	return strings.Join(list, ", ")
}

// TopBreaking gives up to n authenticators that break, those that most people
// have first.
func (d *Document) TopBreaking(n int) []AuthenticatorFigures {
	var list []AuthenticatorFigures
	for _, a := range d.Authenticators {
		if a.Breaking == 0 {
			continue
		}
		i := len(list)
		for i > 0 && list[i-1].PeopleBreaking < a.PeopleBreaking {
			i--
		}
		list = append(list[:i], append([]AuthenticatorFigures{a}, list[i:]...)...)
		list = list[:min(len(list), n)]
	}
	return list
}

// ProposalWords says what the proposal changes in the live policy, then the
// notes on it.
func (d *Document) ProposalWords() []string {
	return changeWords(d.in.Proposal.Changes, d.in.Proposal.Notes)
}

func changeWords(changes, notes []string) []string {
	list := append([]string{}, changes...)
	if len(list) == 0 {
		list = append(list, "It changes nothing in the live policy.")
	}
	return append(list, notes...)
}

// AssumptionWords gives the assumptions as sentences with the number of
// passkeys that hang on each.
func (d *Document) AssumptionWords() []string {
	var list []string
	for _, a := range d.Assumptions {
		list = append(list, a.Words())
	}
	return list
}

// Words gives the assumption with its number.
func (a Assumption) Words() string {
	n := "no passkey hangs on it"
	if a.Passkeys > 0 {
		n = Plural(a.Passkeys, "passkey hangs on it", "passkeys hang on it")
	}
	if a.OfProposal && a.Passkeys > 0 {
		n = fmt.Sprintf("how the proposal is read: %s hang on it", Plural(a.Passkeys, "verdict", "verdicts"))
		if a.Passkeys == 1 {
			n = "how the proposal is read: 1 verdict hangs on it"
		}
	}
	return fmt.Sprintf("%s (%s)", strings.TrimSuffix(a.Text, "."), n)
}

// TenantWords names the tenant, or the tenants if they are few.
func (d *Document) TenantWords() string {
	const shown = 3
	if len(d.tenants) > shown {
		return Plural(len(d.tenants), "tenant", "tenants")
	}
	var list []string
	for i := range d.tenants {
		t := &d.tenants[i]
		s := t.Label()
		if t.Name != "" && t.Domain != "" {
			s = t.Name + " (" + t.Domain + ")"
		} else if t.Name != "" {
			s = t.Name
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

// TenantLabel names the tenant of an id in few words, for reports of several;
// it is the id where the report has no such tenant.
func (d *Document) TenantLabel(id string) string {
	if i, ok := d.tenantAt[strings.ToLower(id)]; ok {
		return d.tenants[i].Label()
	}
	return id
}

// MadeWords says when and with what the report was made.
func (d *Document) MadeWords() string {
	s := "Read "
	t, from := d.in.Finished, d.in.Started
	if d.fleet && !t.IsZero() && !from.IsZero() {
		s += "from " + from.UTC().Format("2 January 2006, 15:04") + " to "
	}
	if !t.IsZero() {
		s += t.UTC().Format("2 January 2006, 15:04") + " UTC"
	} else {
		s += "at an unknown time"
	}
	if d.in.Duration > 0 && d.fleet {
		s += ", " + DurationWords(d.in.Duration) + " of reading in all,"
	} else if d.in.Duration > 0 {
		s += " in " + DurationWords(d.in.Duration)
	}
	s += " with " + d.in.Tool.Name + " " + d.in.Tool.Version
	if d.in.CatalogueDate != "" {
		s += "; authenticator names as of " + d.in.CatalogueDate
	}
	return s + "."
}

// DurationWords writes a duration for people: "0.4 s", "12 s", "3 min 20 s",
// "2 h 5 min".
func DurationWords(t time.Duration) string {
	switch {
	case t < 10*time.Second:
		return strconv.FormatFloat(t.Round(100*time.Millisecond).Seconds(), 'f', 1, 64) + " s"
	case t < time.Minute:
		return fmt.Sprintf("%d s", int(t.Seconds()))
	case t < time.Hour:
		return fmt.Sprintf("%d min %d s", int(t.Minutes()), int(t.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(t.Hours()), int(t.Minutes())%60)
}
