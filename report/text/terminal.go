package text

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"passkey-audit/audit"
	"passkey-audit/report"
)

// columns is the width that every line keeps to.
const columns = 80

// Limits of the lists: the files have the rest.
const (
	hardestShown = 5
	modelsShown  = 5
	tenantsShown = 5
	wordsShown   = 6
	wordsOther   = 3  // of each further proposal
	modelWidth   = 48 // in columns
)

// Output says where the files are.
type Output struct {
	// Dir is the folder; Files are the names in it. Both may be empty.
	Dir   string
	Files []string
}

// WriteTerminal writes the final summary: plain text of at most 80 columns, the
// same on a terminal and in a job's log.
func WriteTerminal(w io.Writer, d *report.Document, out Output) error {
	t := terminal{d: d}
	t.verdict()
	t.impacts()
	t.tenants()
	t.hardest()
	t.models()
	t.unread()
	t.proposal()
	t.files(out)
	if _, err := w.Write(t.b.Bytes()); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

type terminal struct {
	b bytes.Buffer
	d *report.Document
}

// line writes one line, which must already fit.
func (t *terminal) line(s string) { t.b.WriteString(strings.TrimRight(s, " ") + "\n") }

// para writes a text in lines; each but the first is indented like prefix.
func (t *terminal) para(prefix, s string) {
	pad := strings.Repeat(" ", len(prefix))
	lines := strings.Split(Wrap(s, columns-len(prefix), ""), "\n")
	for i, l := range lines {
		if i == 0 {
			t.line(prefix + l)
		} else {
			t.line(pad + l)
		}
	}
}

func (t *terminal) head(s string) {
	t.line("")
	t.line(s)
}

func (t *terminal) verdict() {
	t.para("", "passkey-audit: "+t.d.TenantWords())
	t.line("")
	t.para("", t.d.Verdict())
	t.para("", t.d.Completeness())
	for _, s := range t.d.Coverage().NotLookedAt {
		t.para("Not looked at: ", s)
	}
	for _, s := range t.d.ProblemWords() {
		t.para("", s)
	}
}

func (t *terminal) impacts() {
	t.head("Passkeys under the proposal " + Cut(`"`+t.d.Proposal().Name+`"`, 50))
	for _, f := range t.d.ImpactFigures() {
		t.line(fmt.Sprintf("  %-16s %9s  %s", f.Label, report.Number(f.Value), f.Note))
	}
	t.line(fmt.Sprintf("  %-16s %9s", "Total", report.Number(t.d.Passkeys.Total)))
	for _, s := range t.d.LastUseWords() {
		t.para("  ", s)
	}
	n := t.d.Passkeys.NotRegistrable
	if n.Yes > 0 {
		t.para("  ", fmt.Sprintf("%s but could not be registered again under the proposal.", report.Plural(n.Yes, "passkey is allowed", "passkeys are allowed")))
	}
	if n.Unknown > 0 {
		t.para("  ", fmt.Sprintf("%s, and whether they could be registered again is not known.", report.Plural(n.Unknown, "passkey is allowed", "passkeys are allowed")))
	}
}

func (t *terminal) hardest() {
	list := t.d.Hardest
	if len(list) == 0 {
		return
	}
	order := t.d.HardestOrder()
	if order != "" {
		order += "; "
	}
	t.head("Hit hardest (" + order + "all are in users.csv)")
	list = list[:min(len(list), hardestShown)]
	roles, wide := t.d.RolesShown(), 44
	if slices.ContainsFunc(list, func(p report.Person) bool { return p.Enabled == audit.No }) {
		wide = 39
	}
	for _, p := range list {
		room := wide
		if !roles {
			room++
		}
		name := Pad(who(p), room)
		if t.d.Several() {
			const label = 18
			name = Pad(who(p), room-label-1) + " " + Pad(t.d.TenantLabel(p.TenantID), label)
		}
		role := ""
		switch {
		case !roles:
		case p.Admin == audit.Yes:
			role = "admin"
		case p.Admin == audit.Unknown:
			role = "?"
		}
		what := fate(p)
		if p.Enabled == audit.No {
			what += ", disabled"
		}
		if roles {
			t.line(fmt.Sprintf("  %s %s %s", name, Pad(role, 5), what))
		} else {
			t.line(fmt.Sprintf("  %s %s", name, what))
		}
	}
	u := &t.d.Users
	if more := u.LosingLast + u.LosingSome - len(list); more > 0 {
		t.line("  and " + report.Plural(more, "other person", "other people"))
	}
}

// tenants names the tenants that are hit hardest and those of which something is
// missing, in a report of several.
func (t *terminal) tenants() {
	list, more := t.d.TenantsHit(tenantsShown)
	if len(list) > 0 {
		t.head("Tenants hit hardest (all are in tenants.csv)")
		t.line(fmt.Sprintf("  %-44s %9s %9s %11s", "", "breaking", "lose last", "admins"))
		for _, f := range list {
			t.line(fmt.Sprintf("  %s %9s %9s %11s", Pad(f.Label(), 44), report.Number(f.Breaks), report.Number(f.LosingLast), f.LosingLastAdmins.Short()))
		}
		if more > 0 {
			t.line("  and " + report.Plural(more, "other tenant", "other tenants"))
		}
	}
	if missing := t.d.TenantsIncomplete(tenantsShown); len(missing) > 0 {
		t.head("Tenants of which something is missing")
		for _, s := range missing {
			t.para("  - ", s)
		}
	}
}

// who names a person: by user principal name, else by name or id.
func who(p report.Person) string {
	for _, s := range []string{p.UPN, p.DisplayName} {
		if s != "" {
			return s
		}
	}
	return p.ID
}

func fate(p report.Person) string {
	if p.Risk == audit.RiskLosesLastPasskey {
		if p.Undecided > 0 {
			return "last one, if undecided"
		}
		return "loses the last one"
	}
	if p.UsableAfter == 0 {
		// Nothing of theirs is known to work now, and nothing is allowed after.
		return "may lose the last one"
	}
	return fmt.Sprintf("loses %d of %d", p.Breaking, p.Passkeys)
}

func (t *terminal) models() {
	list := t.d.TopBreaking(modelsShown)
	if len(list) == 0 {
		return
	}
	t.head("Authenticators that break (all are in aaguids.csv)")
	for _, a := range list {
		t.line(fmt.Sprintf("  %s %s, %s", Pad(a.Label(modelWidth), modelWidth), report.Plural(a.Breaking, "passkey", "passkeys"), report.Plural(a.PeopleBreaking, "person", "people")))
	}
}

func (t *terminal) unread() {
	n := t.d.UnreadCount()
	if n == 0 && t.d.Complete() {
		return
	}
	u := &t.d.Users
	t.head("Not read (each is in unread.csv, with the error)")
	if n := t.d.Unusable(); n > 0 {
		t.para("  ", report.Plural(n, "snapshot", "snapshots")+" could not be used: nothing is known of the people there")
	}
	if u.Unread > 0 {
		s := report.Plural(u.Unread, "user", "users") + ": they may have passkeys that break"
		switch a := u.AdministratorsUnread; {
		case a.NothingKnown():
			s += "; whether they are administrators is not known"
		case a.Yes > 0 || a.Unknown > 0:
			s += "; administrators among them: " + a.Words()
		}
		t.para("  ", s)
	}
	if u.Gone > 0 {
		t.para("  ", report.Plural(u.Gone, "user", "users")+" deleted since the listing; nothing is missing because of that")
	}
	if o := t.d.Coverage().OtherUnread; o > 0 {
		t.para("  ", report.Plural(o, "other thing", "other things")+", such as a group that the policy names")
	}
}

func (t *terminal) proposal() {
	t.head("What the proposal changes")
	t.list(t.d.ProposalWords())
	if words := t.d.AssumptionWords(); len(words) > 0 {
		t.head(fmt.Sprintf("Assumptions, since Microsoft does not document it (%d)", len(words)))
		t.list(words)
	}
	if words := t.d.SuggestionWords(); words != "" {
		t.head(t.d.SuggestionTitle())
		t.para("  ", words)
	}
	t.comparison()
	t.head("Authentication strengths (strengths.csv; not counted among what breaks)")
	t.list(t.d.StrengthWords())
}

// comparison lays the proposals side by side, in the same 80 columns.
func (t *terminal) comparison() {
	list := t.d.Comparison()
	if list == nil {
		return
	}
	t.head("Proposals side by side")
	t.line(fmt.Sprintf("  %-28s %18s | %28s", "", "passkeys", "people"))
	t.line(fmt.Sprintf("  %-28s %8s %9s | %6s %9s %11s", "", "break", "undecided", "hit", "lose last", "admins"))
	for _, p := range list {
		u := &p.Users
		t.line(fmt.Sprintf("  %s %8s %9s | %6s %9s %11s", Pad(p.Name, 28), report.Number(p.Passkeys.Breaks), report.Number(p.Passkeys.Undecided),
			report.Number(u.Breaking), report.Number(u.LosingLast), u.LosingLastAdmins.Short()))
	}
	for _, p := range list {
		if n := p.Users.Unjudged; n > 0 {
			t.para("  ", fmt.Sprintf("%s: %s cannot be judged.", Cut(p.Name, 28), report.Plural(n, "person", "people")))
		}
	}
	for _, p := range t.d.Others() {
		words := p.Words()
		for _, s := range words[:min(len(words), wordsOther)] {
			t.para("  - ", Cut(p.Name, 28)+": "+s)
		}
		if more := len(words) - wordsOther; more > 0 {
			t.line(fmt.Sprintf("  - %s: and %d more: see the workbook or summary.json", Cut(p.Name, 28), more))
		}
	}
}

func (t *terminal) list(words []string) {
	for _, s := range words[:min(len(words), wordsShown)] {
		t.para("  - ", s)
	}
	if more := len(words) - wordsShown; more > 0 {
		t.line(fmt.Sprintf("  - and %d more: see the workbook", more))
	}
}

func (t *terminal) files(out Output) {
	if out.Dir == "" && len(out.Files) == 0 {
		return
	}
	t.head("Files")
	if out.Dir != "" {
		// A path is for copying: it is made safe and never cut or wrapped.
		t.line("  " + Line(out.Dir))
	}
	if len(out.Files) > 0 {
		t.para("    ", strings.Join(out.Files, " "))
	}
}
