package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"passkey-audit/audit"
)

// Names of the spool's buckets; passkeys have one for each impact, users two
// for each risk and whether they are administrators, outreach one for each
// priority.
const (
	bucketLines     = "lines"
	bucketFailures  = "failures"
	bucketStrengths = "strengths"
	bucketPolicy    = "policy"
)

// passkeyBuckets gives the buckets of passkeys in the order of passkeys.csv.
func passkeyBuckets() []string {
	return []string{
		passkeyBucket(audit.ImpactBreaks), passkeyBucket(audit.ImpactUndecided), passkeyBucket(audit.ImpactAlreadyBlocked),
		passkeyBucket(audit.ImpactRestored), passkeyBucket(audit.ImpactUnaffected),
	}
}

func passkeyBucket(i audit.Impact) string { return "passkeys-" + string(i) }

// userBuckets gives the buckets of users in the order of users.csv:
// administrators first, then by risk; within a risk, accounts that are disabled
// come last.
func userBuckets() []string {
	var list []string
	for _, admin := range []bool{true, false} {
		for _, r := range []audit.Risk{audit.RiskUnread, audit.RiskLosesLastPasskey, audit.RiskLosesSome,
			audit.RiskUndecided, audit.RiskBlockedAlready, audit.RiskUnaffected} {
			list = append(list, userBucket(admin, r, false), userBucket(admin, r, true))
		}
	}
	return list
}

func userBucket(admin bool, r audit.Risk, disabled bool) string {
	s := "users-" + string(r)
	if admin {
		s += "-admin"
	}
	if disabled {
		s += "-disabled"
	}
	return s
}

// ranks is how many ranks there are.
const ranks = 4

// rank orders people of one risk: administrators, others, and then both again
// where the account is disabled, since nobody signs in there now. What is not
// known counts as the more pressing of two for accounts, but nobody is called
// an administrator who is not known to be one.
func rank(u *audit.User) int {
	return 2*boolInt(u.Enabled == audit.No) + boolInt(u.Admin != audit.Yes)
}

// outreachBuckets gives the buckets of outreach.csv in order: by priority, and
// within it administrators first.
func outreachBuckets() []string {
	var list []string
	for p := 1; p <= priorities; p++ {
		list = append(list, outreachBucket(p, true), outreachBucket(p, false))
	}
	return list
}

func outreachBucket(priority int, admin bool) string {
	s := "outreach-" + strconv.Itoa(priority)
	if admin {
		s += "-admin"
	}
	return s
}

// codeLimit bounds how many users' error codes are remembered for AAGUIDs.txt;
// beyond it the lines give the outcome instead.
const codeLimit = 50_000

// hardestLimit is how many people Document.Hardest names.
const hardestLimit = 10

// A builder holds what Build gathers.
type builder struct {
	d    *Document
	byID map[modelKey]int
	// source is the tenant under work; codes has its error codes by user id, and
	// touched the models that it holds, names or suggests.
	source  *Source
	codes   map[string]string
	touched []int
	// fleet gathers what becomes the report's own of several tenants.
	fleet *fleet
	// own counts the report's proposal; live the policy as it is, nil where
	// there is nothing to compare it with.
	own, live *Counter
	hard      [2 * ranks][]Person
	strengths strengthCounter
	advise    *adviser
	names     *names
	// buf is the record under work, and again the buffers of one user.
	buf    []byte
	labels []int
	same   audit.JudgedUser
}

// Build reads of each tenant the failures and then the users, each once, and
// makes the report. An error of theirs ends the report of one tenant: a report
// of half a tenant that looks whole is worse than none. In a report of several,
// that tenant is told to be read in part. The caller closes the document.
func Build(ctx context.Context, in Input) (*Document, error) {
	if in.Users == nil && in.Sources == nil {
		return nil, errors.New("build report: no users given")
	}
	words, err := outreachTemplate(&in)
	if err == nil {
		err = in.Portal.check()
	}
	if err != nil {
		return nil, fmt.Errorf("build report: %w", err)
	}
	sp, err := newSpool(in.TempDir)
	if err != nil {
		return nil, fmt.Errorf("build report: %w", err)
	}
	b := &builder{
		d:         &Document{in: in, spool: sp, words: words},
		byID:      map[modelKey]int{},
		codes:     map[string]string{},
		own:       NewCounter(in.Proposal),
		strengths: strengthCounter{reasons: map[string]int{}},
		names:     newNames(in.Namesakes),
	}
	if len(in.Alternatives) > 0 {
		b.live = NewCounter(Proposal{Name: LiveName})
	}
	if err := b.run(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("build report: %w", err), sp.close())
	}
	return b.d, nil
}

func (b *builder) run(ctx context.Context) error {
	if b.d.in.Sources != nil {
		if err := b.several(ctx); err != nil {
			return err
		}
	} else {
		b.d.tenants = []TenantFigures{{Tenant: b.d.in.Tenant, Usable: true}}
		if err := b.tenant(ctx, &b.d.in.Source); err != nil {
			return err
		}
		b.d.incomplete = incompleteness(b.d.in.Coverage, b.own.seen, "they may have passkeys that break", ": see Unread")
	}
	if b.d.in.Strengths.Of != nil {
		b.d.Strengths, b.d.strengthRemarks = b.strengths.figures(), b.strengths.remarks
	}
	if err := b.d.spool.flush(); err != nil {
		return err
	}
	if err := b.finish(); err != nil {
		return err
	}
	return ctx.Err()
}

// A sourceError says that a tenant gave no more users or failures, although
// there are more; what came before is counted.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// tenant reads one tenant. A *sourceError is its own.
func (b *builder) tenant(ctx context.Context, s *Source) error {
	b.source, b.touched = s, b.touched[:0]
	clear(b.codes)
	if s.LastUsedRead && b.own.unusedSince.IsZero() {
		b.own.unusedSince = unusedSince(b.d.in.AsOf, s.Finished)
		b.d.unusedSince = b.own.unusedSince
	}
	known := len(b.d.models)
	b.named()
	b.names.add(b.d.models[known:])
	b.advise = &adviser{policy: &s.Proposal.Policy, title: b.title, lists: map[string]*advice{}, names: b.names}
	var failed *sourceError
	err := b.failures(ctx)
	if err == nil || b.fleet != nil && errors.As(err, &failed) {
		if uerr := b.users(ctx); uerr != nil {
			err = uerr
		}
	}
	if err != nil && !errors.As(err, &failed) {
		return err
	}
	b.markLists()
	if perr := b.policyRows(); perr != nil {
		return perr
	}
	return err
}

func (b *builder) users(ctx context.Context) error {
	n := 0
	for u, err := range b.source.Users {
		if err != nil {
			return b.broken(ctx, "users", err)
		}
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := b.user(u); err != nil {
			return err
		}
	}
	return nil
}

// broken gives the error of a tenant that gives no more, unless it does so
// because all is to end.
func (b *builder) broken(ctx context.Context, what string, err error) error {
	err = fmt.Errorf("read %s: %w", what, err)
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &sourceError{err}
}

// failures spools what could not be read.
func (b *builder) failures(ctx context.Context) error {
	if b.source.Failures == nil {
		return nil
	}
	n := 0
	for f, err := range b.source.Failures {
		if err != nil {
			return b.broken(ctx, "failures", err)
		}
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := b.failure(&f); err != nil {
			return err
		}
	}
	return nil
}

// failure spools one thing that could not be read.
func (b *builder) failure(f *audit.Failure) error {
	if f.What == audit.WhatUser && len(b.codes) < codeLimit {
		code := f.Code
		if code == "" && f.Status != 0 {
			code = fmt.Sprintf("HTTP status %d", f.Status)
		}
		b.codes[f.TenantID+"/"+f.ID] = code
	}
	b.buf = b.d.spool.putFailure(b.buf[:0], f)
	return b.d.spool.append(bucketFailures, b.buf)
}

// user counts and spools one user.
func (b *builder) user(u *audit.JudgedUser) error {
	p := b.own.add(u)
	b.hardest(&p)
	if b.live != nil {
		b.countLive(u)
	}
	sp := b.d.spool
	b.buf = sp.putLine(b.buf[:0], u, b.code(u))
	if err := sp.append(bucketLines, b.buf); err != nil {
		return err
	}
	if len(u.Passkeys) > 0 || u.Outcome.Unread() {
		b.buf = sp.putPerson(b.buf[:0], &p)
		if err := sp.append(userBucket(p.Admin == audit.Yes, p.Risk, p.Enabled == audit.No), b.buf); err != nil {
			return err
		}
	}
	b.labels = b.labels[:0]
	for i := range u.Passkeys {
		if err := b.passkey(u, i, p.UsableAfter); err != nil {
			return err
		}
	}
	if err := b.strengthsOf(u); err != nil {
		return err
	}
	return b.outreach(u, &p)
}

// code gives the error code for an unread user's line in AAGUIDs.txt.
func (b *builder) code(u *audit.JudgedUser) string {
	if !u.Outcome.Unread() {
		return ""
	}
	if c := b.codes[u.TenantID+"/"+u.ID]; c != "" {
		return c
	}
	return string(u.Outcome)
}

// passkey counts the user's passkey i by its authenticator, and spools it.
func (b *builder) passkey(u *audit.JudgedUser, i, left int) error {
	k := &u.Passkeys[i]
	impact := k.Impact()
	n := b.model(k.AAGUID, k.Model)
	b.labels = append(b.labels, n)
	m := b.d.models[n]
	m.Passkeys++
	m.here.passkeys++
	if k.Attestation == audit.Attested {
		m.Attested++
		m.here.attested++
	}
	first := !slices.Contains(b.labels[:i], n)
	if first {
		m.People++
		m.lastBroken = false
	}
	switch impact {
	case audit.ImpactBreaks:
		m.Breaking++
		if !m.lastBroken {
			m.PeopleBreaking++
			m.lastBroken = true
		}
	case audit.ImpactUndecided:
		m.Undecided++
	}
	b.buf = b.d.spool.putPasskey(b.buf[:0], &u.User, k, n, left)
	return b.d.spool.append(passkeyBucket(impact), b.buf)
}

// hardest keeps a person who loses a passkey, if there is room.
func (b *builder) hardest(p *Person) {
	place := rank(&p.User)
	switch p.Risk {
	case audit.RiskLosesLastPasskey:
	case audit.RiskLosesSome:
		place += ranks
	default:
		return
	}
	if len(b.hard[place]) < hardestLimit {
		b.hard[place] = append(b.hard[place], *p)
	}
}

// countLive counts the policy as it is like a proposal that changes nothing.
func (b *builder) countLive(u *audit.JudgedUser) {
	b.same.User, b.same.Outcome, b.same.Passkeys = u.User, u.Outcome, append(b.same.Passkeys[:0], u.Passkeys...)
	for i := range b.same.Passkeys {
		k := &b.same.Passkeys[i]
		k.Proposed, k.Registrable = k.Current, audit.Unknown
	}
	b.live.Add(&b.same)
}

// finish computes what needs the whole.
func (b *builder) finish() error {
	d := b.d
	d.Users, d.Passkeys = covered(b.own.users, d.in.Coverage), b.own.passkeys
	for _, list := range b.hard {
		d.Hardest = append(d.Hardest, list...)
	}
	d.Hardest = d.Hardest[:min(len(d.Hardest), hardestLimit)]
	d.Assumptions = b.own.assumptions(d.describe)
	if err := b.compare(); err != nil {
		return err
	}
	d.markNamesakes()
	for _, m := range d.models {
		m.judgeLists(b.fleet)
	}
	for _, m := range d.models {
		d.Authenticators = append(d.Authenticators, m.AuthenticatorFigures)
	}
	slices.SortStableFunc(d.Authenticators, func(a, b AuthenticatorFigures) int {
		return cmp.Or(cmp.Compare(b.Breaking, a.Breaking), cmp.Compare(b.Passkeys, a.Passkeys),
			cmp.Compare(boolInt(a.None), boolInt(b.None)), slices.Compare(a.AAGUID[:], b.AAGUID[:]))
	})
	return nil
}

// compare takes the figures of all proposals.
func (b *builder) compare() error {
	d := b.d
	list := []*Counter{b.own}
	for i, c := range d.in.Alternatives {
		if c == nil {
			return fmt.Errorf("alternative %d is nil", i)
		}
		if err := c.check(b.own); err != nil {
			return err
		}
		list = append(list, c)
	}
	for _, c := range list {
		f := c.figures(d.in.Coverage)
		f.Assumptions = c.assumptions(d.describe)
		d.proposals = append(d.proposals, f)
	}
	if b.live != nil {
		f := b.live.figures(d.in.Coverage)
		f.Assumptions = b.live.assumptions(d.describe)
		f.Live = true
		d.live = &f
	}
	return nil
}

// describe gives an assumption's sentence.
func (d *Document) describe(a audit.Assumption) string {
	if d.in.DescribeAssumption != nil {
		if s := d.in.DescribeAssumption(a); s != "" {
			return s
		}
	}
	return fmt.Sprintf("assumption %d", a)
}

func not(t audit.Ternary) audit.Ternary {
	switch t {
	case audit.Yes:
		return audit.No
	case audit.No:
		return audit.Yes
	}
	return audit.Unknown
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
