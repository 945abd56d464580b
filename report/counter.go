package report

import (
	"fmt"
	"slices"
	"time"

	"passkey-audit/audit"
)

// A Counter counts what one proposal does to the people of a tenant, or of
// several. Build counts with one for the report's own proposal; further ones
// stand beside it as Input.Alternatives and are given the same people by the
// caller.
//
// A Counter is for one goroutine.
type Counter struct {
	// name is the proposal's, and assumes what it assumes in any tenant.
	name    string
	assumes audit.AssumptionSet
	// proposal is the one for the tenant under count. begun are the figures when
	// that tenant began: what the proposal assumes is behind all since then.
	proposal Proposal
	begun    struct {
		hinges   [64]int
		passkeys int
	}
	// tenants counts those that Next began; changes and notes are theirs.
	tenants        int
	changes, notes *sentenceCount

	users    UserFigures
	passkeys PasskeyFigures
	seen     audit.Coverage
	hinges   [64]int // passkeys by assumption
	// unusedSince is the time before which a passkey counts as unused; zero
	// where last use was not read.
	unusedSince time.Time
}

// NewCounter starts to count for a proposal. Of its fields Policy is not
// looked at. For a report of several tenants, Next tells of each of them.
func NewCounter(p Proposal) *Counter { return &Counter{name: p.Name, proposal: p} }

// Next goes on with the people of a further tenant, or begins with those of the
// first: there the proposal comes to p. Its name is the first tenant's. Nothing
// of p is kept that grows with the number of tenants.
func (c *Counter) Next(p Proposal) {
	c.settle()
	if c.changes == nil {
		c.name = p.Name
		c.changes, c.notes = newSentenceCount(), newSentenceCount()
	}
	c.tenants++
	c.changes.add(p.Changes)
	c.notes.add(p.Notes)
	c.proposal = Proposal{Assumes: p.Assumes}
	c.begun.hinges, c.begun.passkeys = c.hinges, c.passkeys.Total
}

// settle ends the count of a tenant. How its proposal is read is behind every
// verdict under it.
func (c *Counter) settle() {
	c.assumes |= c.proposal.Assumes
	for a := range c.hinges {
		if c.proposal.Assumes.Has(audit.Assumption(a)) {
			c.hinges[a] = c.begun.hinges[a] + c.passkeys.Total - c.begun.passkeys
		}
	}
}

// Add counts one user, whose Proposed verdicts are those of the counter's
// proposal. Every user of Input.Users is to be added, those that could not be
// read too; Build refuses a counter that was given fewer. The user is not kept.
func (c *Counter) Add(u *audit.JudgedUser) { c.add(u) }

// add counts a user and gives the user's figures.
func (c *Counter) add(u *audit.JudgedUser) Person {
	c.outcome(u)
	p := Person{
		User: u.User, Outcome: u.Outcome, Risk: u.Risk(), Passkeys: len(u.Passkeys),
		UsableNow: u.UsableNow(), UsableAfter: u.UsableAfter(), Breaking: u.Breaking(), Undecided: u.Undecided(),
	}
	c.risk(&p)
	undecidedNow := slices.ContainsFunc(u.Passkeys, func(k audit.JudgedPasskey) bool { return k.Current.Decision == audit.Undecided })
	if p.Known() && undecidedNow && p.UsableNow == 0 && p.UsableAfter == 0 {
		c.users.Unjudged++
	}
	lastUnused := audit.Yes
	for i := range u.Passkeys {
		k := &u.Passkeys[i]
		unused := c.passkey(k)
		if k.Current.Decision != audit.Blocked {
			lastUnused = worse(lastUnused, unused)
		}
	}
	if p.Risk == audit.RiskLosesLastPasskey && !c.unusedSince.IsZero() {
		c.users.LosingLastUnused.add(lastUnused)
	}
	return p
}

// passkey counts a passkey and tells whether it was unused for a year.
func (c *Counter) passkey(k *audit.JudgedPasskey) (unused audit.Ternary) {
	impact := k.Impact()
	c.passkeys.add(impact)
	if k.Proposed.Decision == audit.Allowed {
		c.passkeys.NotRegistrable.add(not(k.Registrable))
	}
	for set, a := uint64(k.Current.Assumes|k.Proposed.Assumes), 0; set != 0; set, a = set>>1, a+1 {
		if set&1 != 0 {
			c.hinges[a]++
		}
	}
	if c.unusedSince.IsZero() {
		return audit.Unknown
	}
	if !k.LastUsedAt.IsZero() {
		unused = audit.TernaryOf(k.LastUsedAt.Before(c.unusedSince))
	}
	if impact == audit.ImpactBreaks {
		c.passkeys.BreaksUnused.add(unused)
	}
	return unused
}

// worse gives No if either is, else Unknown if either is.
func worse(a, b audit.Ternary) audit.Ternary {
	switch {
	case a == audit.No || b == audit.No:
		return audit.No
	case a == audit.Unknown || b == audit.Unknown:
		return audit.Unknown
	}
	return audit.Yes
}

// outcome counts what became of the user.
func (c *Counter) outcome(u *audit.JudgedUser) {
	s := &c.seen
	s.Listed++
	switch {
	case u.Outcome.Unread():
		s.Unread++
	case u.Outcome == audit.OutcomeGone:
		s.Gone++
	case u.Outcome == audit.OutcomeOutOfScope:
		s.OutOfScope++
	default:
		s.Read++
		if len(u.Passkeys) > 0 {
			s.WithPasskey++
		} else {
			s.WithoutPasskey++
		}
	}
	if u.Outcome != audit.OutcomeGone {
		c.users.Administrators.add(u.Admin)
	}
	if u.Outcome.Unread() {
		c.users.AdministratorsUnread.add(u.Admin)
	}
}

// risk counts what the proposal does to the user.
func (c *Counter) risk(p *Person) {
	f := &c.users
	if p.Breaking > 0 {
		f.Breaking++
	}
	switch p.Risk {
	case audit.RiskLosesLastPasskey:
		f.LosingLast++
		f.LosingLastAdmins.add(p.Admin)
		if p.Undecided > 0 {
			f.LosingLastUndecided++
		}
	case audit.RiskLosesSome:
		f.LosingSome++
		f.LosingSomeAdmins.add(p.Admin)
		if p.UsableAfter == 0 {
			f.LosingSomeNoneLeft++
		}
	case audit.RiskUndecided:
		f.Undecided++
	case audit.RiskBlockedAlready:
		f.BlockedAlready++
	case audit.RiskUnaffected:
		if p.Passkeys > 0 {
			f.Unaffected++
		}
	}
}

// figures gives the figures for the comparison; c is what became of the users.
func (c *Counter) figures(cov audit.Coverage) ProposalFigures {
	changes, notes := c.words()
	return ProposalFigures{
		Name: c.name, Passkeys: c.passkeys, Users: covered(c.users, cov),
		Changes: append([]string{}, changes...), Notes: append([]string{}, notes...),
	}
}

// words gives the proposal's changes and notes, of several tenants with the
// number of those in which they hold.
func (c *Counter) words() (changes, notes []string) {
	if c.changes == nil {
		return c.proposal.Changes, c.proposal.Notes
	}
	const where = "the sheet Policy has those of each tenant"
	return c.changes.words(c.tenants, where), c.notes.words(c.tenants, where)
}

// covered fills in the figures that the coverage gives.
func covered(f UserFigures, c audit.Coverage) UserFigures {
	f.Listed, f.Read, f.Unread, f.Gone, f.OutOfScope = c.Listed, c.Read, c.Unread, c.Gone, c.OutOfScope
	f.WithPasskey, f.WithoutPasskey = c.WithPasskey, c.WithoutPasskey
	return f
}

// assumptions gives the assumptions that the verdicts or the proposal hang on,
// in the order of their numbers.
func (c *Counter) assumptions(describe func(audit.Assumption) string) []Assumption {
	c.settle()
	var list []Assumption
	for a, n := range c.hinges {
		if of := c.assumes.Has(audit.Assumption(a)); n > 0 || of {
			list = append(list, Assumption{Text: describe(audit.Assumption(a)), Passkeys: n, OfProposal: of})
		}
	}
	return list
}

// check reports whether the counter was given the people of another one.
func (c *Counter) check(own *Counter) error {
	if c.seen.Listed == own.seen.Listed && c.seen.Unread == own.seen.Unread && c.passkeys.Total == own.passkeys.Total {
		return nil
	}
	return fmt.Errorf("proposal %q was given %d users with %d passkeys, of %d with %d",
		c.name, c.seen.Listed, c.passkeys.Total, own.seen.Listed, own.passkeys.Total)
}
