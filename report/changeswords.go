package report

import (
	"fmt"
	"strings"
	"time"
)

// Title is the heading of the comparison.
func (c *Changes) Title() string { return "What changed between two scans" }

// TenantWords names the tenant.
func (c *Changes) TenantWords() string {
	t := c.Last().Tenant
	switch {
	case t.Name == "" && t.Domain == "":
		return t.ID
	case t.Name == "":
		return t.Domain
	case t.Domain == "":
		return t.Name
	}
	return t.Name + " (" + t.Domain + ")"
}

// SpanWords says from when to when changes are told.
func (c *Changes) SpanWords() string {
	return "from " + whenWords(c.First().Finished) + " to " + whenWords(c.Last().Finished)
}

func whenWords(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format("2 January 2006, 15:04") + " UTC"
}

// MadeWords says when the snapshots are of and with what the comparison was
// made.
func (c *Changes) MadeWords() string {
	span := c.SpanWords()
	s := strings.ToUpper(span[:1]) + span[1:] + ", with " + c.in.Tool.Name + " " + c.in.Tool.Version
	if n := len(c.in.Snapshots); n > 2 {
		s += "; " + Plural(n-2, "scan", "scans") + " in between for the trend"
	}
	if c.in.CatalogueDate != "" {
		s += "; authenticator names as of " + c.in.CatalogueDate
	}
	return s + "."
}

// exact reports whether the figures are all there is to tell: both snapshots
// are complete, and everybody could be compared.
func (c *Changes) exact() bool { return c.Complete() && c.Figures.NotCompared == 0 }

// Verdict is the comparison's answer. It never says that nothing changed where
// not everything could be compared.
func (c *Changes) Verdict() string {
	f := &c.Figures
	policy := "The policy did not change."
	if f.Policy > 0 {
		policy = "The policy changed: " + Plural(f.Policy, "difference.", "differences.")
	}
	if f.any() == f.Policy {
		switch {
		case c.exact():
			return "No passkey was added, removed or judged differently, and nobody came or left. " + policy
		case !c.Complete():
			return "No change of a passkey was found, but the comparison is incomplete. " + policy
		}
		return "No change of a passkey was found, but not everybody could be compared. " + policy
	}
	least := "At least "
	if c.exact() {
		least = ""
	}
	s := fmt.Sprintf("%s%s newly blocked and %s newly allowed; %s added and %s removed.", least,
		verb(f.NewlyBlocked, "passkey is", "passkeys are"), Number(f.NewlyAllowed),
		verb(f.PasskeysAdded, "was", "were"), Number(f.PasskeysRemoved))
	if f.NewlyUndecided > 0 {
		s += " " + Plural(f.NewlyUndecided, "passkey has become undecided.", "passkeys have become undecided.")
	}
	return s + " " + policy
}

// Completeness says in a sentence whether anything is missing.
func (c *Changes) Completeness() string {
	if c.Complete() {
		return fmt.Sprintf("Both scans are complete: %s listed then, %s now.", Plural(c.First().Coverage.Listed, "user", "users"), Number(c.Last().Coverage.Listed))
	}
	var list []string
	for _, s := range []struct {
		name string
		of   *Snapshot
	}{{"older", c.First()}, {"newer", c.Last()}} {
		if missing := s.of.Incomplete(); len(missing) > 0 {
			list = append(list, "The "+s.name+" scan is incomplete. "+strings.Join(missing, " "))
		}
	}
	return "INCOMPLETE: " + strings.Join(list, " ")
}

// NotComparedWords says how many people could not be compared, and why; nil if
// everybody could.
func (c *Changes) NotComparedWords() []string {
	n := c.Figures.NotCompared
	if n == 0 {
		return nil
	}
	list := []string{Plural(n, "person", "people") + " could not be compared: nothing that one scan does not know is told as a change. The sheet Not compared and changes.json name them."}
	for _, r := range c.Reasons {
		list = append(list, fmt.Sprintf("%s (%s)", strings.TrimSuffix(r.Text, "."), Plural(r.People, "person", "people")))
	}
	return list
}

// ScopeWords says what the scans were not asked for.
func (c *Changes) ScopeWords() []string {
	var list []string
	for _, s := range []struct {
		name string
		of   *Snapshot
	}{{"older", c.First()}, {"newer", c.Last()}} {
		for _, n := range s.of.Coverage.NotLookedAt {
			list = append(list, "In the "+s.name+" scan: "+n)
		}
	}
	return list
}

// PolicyWords says how the policy changed.
func (c *Changes) PolicyWords() []string {
	var list []string
	for _, s := range c.in.Policy {
		switch {
		case s.Before == "":
			list = append(list, s.Setting+": "+s.After+" added")
		case s.After == "":
			list = append(list, s.Setting+": "+s.Before+" removed")
		default:
			list = append(list, s.Setting+": "+s.After+" (was "+s.Before+")")
		}
	}
	if len(list) == 0 {
		list = []string{"The policy did not change."}
	}
	return list
}

// emptyWords says why a table is empty; whole is true where that does not hang
// on what was read of users.
func (c *Changes) emptyWords(s string, whole bool) string {
	switch {
	case whole || c.exact():
		return s + "."
	case !c.Complete():
		return s + ", as far as the scans tell. " + c.Completeness()
	}
	return s + ", as far as people could be compared. " + c.NotComparedWords()[0]
}

// Tone tells how the verdict is to be taken.
func (c *Changes) Tone() Tone {
	switch {
	case c.Figures.NewlyBlocked > 0, !c.Complete():
		return ToneBad
	case c.Figures.NewlyUndecided > 0, c.Figures.NotCompared > 0:
		return ToneWarn
	}
	return ToneGood
}

// Tiles gives the figures, the most important first.
func (c *Changes) Tiles() []Figure {
	f := &c.Figures
	tone := func(n int, t Tone) Tone {
		if n > 0 {
			return t
		}
		return ToneNeutral
	}
	before := func(n int) string {
		if n > 0 {
			return Number(n) + " undecided before"
		}
		return "known in both scans"
	}
	return []Figure{
		{"Passkeys newly blocked", f.NewlyBlocked, before(f.NewlyBlockedUndecided), tone(f.NewlyBlocked, ToneBad), TitleNewlyBlocked},
		{"Passkeys newly allowed", f.NewlyAllowed, before(f.NewlyAllowedUndecided), tone(f.NewlyAllowed, ToneGood), TitleNewlyAllowed},
		{"Passkeys added", f.PasskeysAdded, "not there before", ToneNeutral, TitleAdded},
		{"Passkeys removed", f.PasskeysRemoved, "not there any more", ToneNeutral, TitleRemoved},
		{"Passkeys newly undecided", f.NewlyUndecided, "neither allowed nor blocked", tone(f.NewlyUndecided, ToneWarn), TitleNewlyUndecided},
		{"People who came or left", f.UsersAdded + f.UsersRemoved, Number(f.UsersAdded) + " came, " + Number(f.UsersRemoved) + " left", ToneNeutral, TitlePeople},
		{"Policy differences", f.Policy, "in the methods policy", ToneNeutral, TitlePolicyChanges},
		{"People not compared", f.NotCompared, "not known in one scan", tone(f.NotCompared, ToneWarn), TitleNotCompared},
	}
}

// A SidePair is a figure in the first snapshot and in the last.
type SidePair struct {
	Label         string
	Before, After int
}

// Sides lays the figures of both snapshots side by side.
func (c *Changes) Sides() []SidePair {
	a, b := c.First(), c.Last()
	return []SidePair{
		{"Users listed", a.Coverage.Listed, b.Coverage.Listed},
		{"Users read", a.Coverage.Read, b.Coverage.Read},
		{"Users not read", a.Coverage.Unread, b.Coverage.Unread},
		{"People with a passkey", a.Coverage.WithPasskey, b.Coverage.WithPasskey},
		{"Passkeys", a.Passkeys.Total, b.Passkeys.Total},
		{"Passkeys allowed", a.Passkeys.Allowed, b.Passkeys.Allowed},
		{"Passkeys blocked", a.Passkeys.Blocked, b.Passkeys.Blocked},
		{"Passkeys undecided", a.Passkeys.Undecided, b.Passkeys.Undecided},
	}
}

// DifferenceWords gives After - Before with its sign; not known where one of
// the snapshots does not know everybody's passkeys, since its figures are
// lower bounds then.
func (c *Changes) DifferenceWords(before, after int) string {
	if !c.exact() {
		return unknownWord
	}
	n := after - before
	if n > 0 {
		return "+" + Number(n)
	}
	return Number(n)
}

// TrendWords says what the trend shows, and which scans are lower bounds.
func (c *Changes) TrendWords() string {
	n := 0
	for _, s := range c.in.Snapshots {
		if !s.Complete() {
			n++
		}
	}
	const s = "Each point is a scan, judged under the policy of its time."
	if n == 0 {
		return s
	}
	return fmt.Sprintf("%s %s incomplete: what they show is the least there was. The sheet Trend marks them.", s, verb(n, "scan is", "scans are"))
}
