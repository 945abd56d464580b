package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"passkey-audit/audit"
)

// WhatSnapshot is Failure.What of a snapshot that could not be used, or not to
// its end.
const WhatSnapshot = "snapshot"

// TenantFigures are what a report of several tenants says of one of them.
type TenantFigures struct {
	audit.Tenant
	// Snapshot says where its snapshot lies.
	Snapshot string
	// Usable is false where the snapshot could not be used. Of what follows
	// Incomplete alone means something then.
	Usable bool
	// Finished is when the tenant was read to its end; zero where it was not.
	Finished time.Time
	// Incomplete says in sentences what is missing, NotLookedAt what was not asked
	// for. What is counted is a lower bound where something is missing.
	Incomplete, NotLookedAt []string
	// Coverage tells what became of the users; its NotLookedAt is empty.
	Coverage audit.Coverage

	Passkeys, Breaks, Undecided       int
	LosingLast, LosingSome, CantJudge int
	LosingLastAdmins                  Tally

	// Changes tells whether the proposal changes the tenant's policy.
	Changes bool
	// StrengthsRead tells whether authentication strengths were judged, and
	// StrengthNotes what is to say of that.
	StrengthsRead bool
	StrengthNotes []string

	LiveDigest, ProposedDigest string
}

// Complete reports whether nothing of the tenant is missing that was asked for.
func (f *TenantFigures) Complete() bool { return f.Usable && len(f.Incomplete) == 0 }

// Label names the tenant in few words: its domain, else its name, its id, or
// the snapshot that could not be used.
func (f *TenantFigures) Label() string { return cmp.Or(f.Domain, f.Name, f.ID, f.Snapshot) }

// A fleet gathers what becomes the report's own of its tenants. Nothing in it
// grows with their number but their figures.
type fleet struct {
	sum         Source
	notLookedAt *sentenceCount
	notes       *sentenceCount // on authentication strengths
	certainty   []string
	notJudged   int // tenants whose strengths were not judged
	usable      int

	unusable, partly, unlisted, odd int // tenants of which that is missing
}

// several reads the tenants of a report of several.
func (b *builder) several(ctx context.Context) error {
	f := &fleet{notLookedAt: newSentenceCount(), notes: newSentenceCount()}
	f.sum.Coverage.ListingComplete = true
	b.fleet, b.d.in.Portal, b.d.fleet = f, "", true
	for s, err := range b.d.in.Sources {
		if err != nil {
			return fmt.Errorf("read tenants: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.oneOfSeveral(ctx, s); err != nil {
			return err
		}
	}
	b.source = nil
	switch {
	case len(b.d.tenants) == 0:
		return errors.New("no tenants given")
	case f.usable == 0:
		return errors.New("no snapshot can be used")
	}
	b.settleLastUse()
	b.d.in.Sources, b.d.in.Source = nil, f.sum
	in := &b.d.in
	in.Coverage.NotLookedAt = f.notLookedAt.words(f.usable, "the sheet Tenants has those of each tenant")
	in.Proposal.Name, in.Proposal.Assumes = b.own.name, b.own.assumes|b.own.proposal.Assumes
	in.Proposal.Changes, in.Proposal.Notes = b.own.words()
	in.Strengths.Notes = f.notes.words(f.usable, "the sheet Tenants has those of each tenant")
	in.Strengths.Certainty = f.certainty
	if f.notJudged > 0 && in.Strengths.Of != nil {
		in.Strengths.Partial = true
		in.Strengths.Notes = append([]string{fmt.Sprintf("Authentication strengths were not judged in %s of the %s: this report says nothing of them there.",
			Number(f.notJudged), Plural(f.usable, "tenant", "tenants"))}, in.Strengths.Notes...)
	}
	b.d.strengthsAll = f.notJudged == 0
	if s := in.Duration.Seconds(); s > 0 {
		in.Rate.UsersPerSecond = float64(in.Coverage.Read) / s
	}
	b.d.incomplete = f.incompleteness(len(b.d.tenants), in.Coverage)
	b.d.sortTenants()
	return nil
}

// oneOfSeveral reads one tenant and keeps its figures.
func (b *builder) oneOfSeveral(ctx context.Context, s *Source) error {
	t := TenantFigures{
		Tenant:   audit.Tenant{ID: strings.Clone(s.Tenant.ID), Name: strings.Clone(s.Tenant.Name), Domain: strings.Clone(s.Tenant.Domain)},
		Snapshot: s.Snapshot, Usable: s.Unusable == nil,
	}
	if !t.Usable {
		b.fleet.unusable++
		t.Incomplete = []string{"The snapshot " + s.Snapshot + " could not be used: " + sentence(s.Unusable.Message)}
		b.d.tenants = append(b.d.tenants, t)
		return b.failure(s.Unusable)
	}
	if b.fleet.usable > 0 && s.Proposal.Name != b.own.name {
		return fmt.Errorf("tenant %s has the proposal %q, others %q", s.Tenant.ID, s.Proposal.Name, b.own.name)
	}
	b.fleet.usable++
	b.own.Next(s.Proposal)
	before := *b.own
	err := b.tenant(ctx, s)
	if failed := (*sourceError)(nil); errors.As(err, &failed) {
		b.fleet.partly++
		t.Incomplete = append(t.Incomplete, "The snapshot "+s.Snapshot+" could be read only in part: "+sentence(failed.Error()))
		err = b.failure(&audit.Failure{TenantID: s.Tenant.ID, What: WhatSnapshot, ID: s.Snapshot, Code: "damaged", Message: failed.Error()})
	}
	if err != nil {
		return err
	}
	t.Finished, t.Changes = s.Finished, len(s.Proposal.Changes) > 0
	t.LiveDigest, t.ProposedDigest = s.LiveDigest, s.ProposedDigest
	t.NotLookedAt, t.StrengthsRead, t.StrengthNotes = s.Coverage.NotLookedAt, s.Strengths.Of != nil, s.Strengths.Notes
	t.Coverage = s.Coverage
	t.Coverage.NotLookedAt = nil
	t.count(&before, b.own)
	seen := since(b.own.seen, before.seen)
	if len(t.Incomplete) > 0 && seen.Listed < t.Coverage.Listed {
		// Who did not come was not read, whatever the snapshot counts.
		missing := t.Coverage.Listed - seen.Listed
		seen.ListingComplete, seen.OtherUnread = t.Coverage.ListingComplete, t.Coverage.OtherUnread
		seen.Listed, seen.Unread = seen.Listed+missing, seen.Unread+missing
		t.Coverage = seen
	}
	t.Incomplete = append(t.Incomplete, incompleteness(t.Coverage, seen, "they may have passkeys that break", ": see Unread")...)
	b.fleet.add(s, t.Coverage, seen)
	b.d.tenants = append(b.d.tenants, t)
	return nil
}

// sentence gives a text as the end of a sentence.
func sentence(s string) string { return strings.TrimRight(s, ". ") + "." }

// count takes the tenant's figures: what a counter has more than before.
func (f *TenantFigures) count(before, after *Counter) {
	k, was := &after.passkeys, &before.passkeys
	f.Passkeys, f.Breaks, f.Undecided = k.Total-was.Total, k.Breaks-was.Breaks, k.Undecided-was.Undecided
	u, had := &after.users, &before.users
	f.LosingLast, f.LosingSome, f.CantJudge = u.LosingLast-had.LosingLast, u.LosingSome-had.LosingSome, u.Unjudged-had.Unjudged
	a, b := u.LosingLastAdmins, had.LosingLastAdmins
	f.LosingLastAdmins = Tally{Yes: a.Yes - b.Yes, Unknown: a.Unknown - b.Unknown, Of: a.Of - b.Of}
}

// since gives what a count of users has more than before.
func since(after, before audit.Coverage) audit.Coverage {
	return audit.Coverage{
		Listed: after.Listed - before.Listed, Read: after.Read - before.Read, Unread: after.Unread - before.Unread,
		Gone: after.Gone - before.Gone, OutOfScope: after.OutOfScope - before.OutOfScope,
		WithPasskey: after.WithPasskey - before.WithPasskey, WithoutPasskey: after.WithoutPasskey - before.WithoutPasskey,
	}
}

// add sums a tenant that was read; c is what became of its users, and seen are
// those that came.
func (f *fleet) add(s *Source, c, seen audit.Coverage) {
	t := &f.sum
	if !s.Started.IsZero() && (t.Started.IsZero() || s.Started.Before(t.Started)) {
		t.Started = s.Started
	}
	if s.Finished.After(t.Finished) {
		t.Finished = s.Finished
	}
	t.Duration += s.Duration
	t.LastUsedRead = t.LastUsedRead || s.LastUsedRead
	sum := &t.Coverage
	sum.ListingComplete = sum.ListingComplete && c.ListingComplete
	sum.Listed, sum.Read, sum.Unread = sum.Listed+c.Listed, sum.Read+c.Read, sum.Unread+c.Unread
	sum.Gone, sum.OutOfScope, sum.OtherUnread = sum.Gone+c.Gone, sum.OutOfScope+c.OutOfScope, sum.OtherUnread+c.OtherUnread
	sum.WithPasskey, sum.WithoutPasskey = sum.WithPasskey+c.WithPasskey, sum.WithoutPasskey+c.WithoutPasskey
	if !c.ListingComplete {
		f.unlisted++
	}
	if !c.Balanced() || !sameUsers(c, seen) {
		f.odd++
	}
	f.notLookedAt.add(s.Coverage.NotLookedAt)
	f.notes.add(s.Strengths.Notes)
	t.Strengths.Partial = t.Strengths.Partial || s.Strengths.Partial
	if s.Strengths.Of == nil {
		f.notJudged++
	} else {
		t.Strengths.Of = noStrengths
		for _, w := range s.Strengths.Certainty {
			if !slices.Contains(f.certainty, w) && len(f.certainty) < sentencesShown {
				f.certainty = append(f.certainty, strings.Clone(w))
			}
		}
	}
	q, r := &t.Requests, s.Requests
	q.Total, q.Batches, q.Throttled, q.Retried, q.Failed = q.Total+r.Total, q.Batches+r.Batches, q.Throttled+r.Throttled, q.Retried+r.Retried, q.Failed+r.Failed
	t.Rate.ThrottledSeconds += s.Rate.ThrottledSeconds
}

// noStrengths stands for strengths that were judged: their findings are in the
// spool.
func noStrengths(*audit.JudgedUser) []StrengthFinding { return nil }

// settleLastUse counts as not known when passkeys were used last of the tenants
// where that was not read, if it was in others.
func (b *builder) settleLastUse() {
	if !b.fleet.sum.LastUsedRead {
		return
	}
	t, n := &b.own.passkeys.BreaksUnused, b.own.passkeys.Breaks
	t.Unknown, t.Of = t.Unknown+n-t.Of, n
	t, n = &b.own.users.LosingLastUnused, b.own.users.LosingLast
	t.Unknown, t.Of = t.Unknown+n-t.Of, n
}

// incompleteness says in sentences what is missing of all tenants. The sheet
// Tenants says it of each.
func (f *fleet) incompleteness(tenants int, c audit.Coverage) []string {
	var list []string
	if n := f.unusable; n > 0 {
		list = append(list, fmt.Sprintf("%s of %s could not be used: nothing is known of the people in %s; see Tenants and Unread.",
			Number(n), Plural(tenants, "snapshot", "snapshots"), onlyVerb(n, "its tenant", "their tenants")))
	}
	if n := f.partly; n > 0 {
		list = append(list, fmt.Sprintf("%s could be read only in part: see Tenants and Unread.", Plural(n, "snapshot", "snapshots")))
	}
	list = append(list, incompleteness(audit.Coverage{
		ListingComplete: true, Listed: c.Listed, Read: c.Listed - c.Unread, Unread: c.Unread, OtherUnread: c.OtherUnread,
	}, audit.Coverage{Listed: c.Listed, Read: c.Listed - c.Unread, Unread: c.Unread}, "they may have passkeys that break", ": see Unread")...)
	if n := f.unlisted; n > 0 {
		list = append(list, fmt.Sprintf("The list of users of %s was not read to its end: nobody knows how many are missing; see Tenants.", Plural(n, "tenant", "tenants")))
	}
	if n := f.odd; n > 0 {
		list = append(list, fmt.Sprintf("The counts of %s do not add up, or do not match the users in this report: see Tenants.", Plural(n, "tenant", "tenants")))
	}
	return list
}

// sortTenants puts those first of which nothing is known, then those where most
// people lose their last passkey; of equal ones the order of the input stays.
func (d *Document) sortTenants() {
	d.tenantAt = map[string]int{}
	slices.SortStableFunc(d.tenants, func(a, b TenantFigures) int {
		return cmp.Or(cmp.Compare(boolInt(a.Usable), boolInt(b.Usable)), cmp.Compare(b.LosingLast, a.LosingLast), cmp.Compare(b.Breaks, a.Breaks))
	})
	for i := range d.tenants {
		if id := d.tenants[i].ID; id != "" {
			d.tenantAt[strings.ToLower(id)] = i
		}
	}
}
