package collect_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passkey-audit/audit"
	"passkey-audit/audit/collect"
	"passkey-audit/audit/pace"
	"passkey-audit/audit/snapshot"
)

// answerError is an error as a source gives it.
type answerError struct {
	status     int
	code       string
	retryAfter time.Duration
	told       bool
	broken     bool
}

func (e *answerError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.code) }

func (e *answerError) Throttled() bool { return e.status == 429 }
func (e *answerError) Temporary() bool { return e.status >= 500 || e.status == 0 || e.Throttled() }
func (e *answerError) RetryAfter() (time.Duration, bool) {
	return e.retryAfter, e.told
}
func (e *answerError) LinkBroken() bool { return e.broken }
func (e *answerError) Failure() audit.Failure {
	return audit.Failure{Status: e.status, Code: e.code, Message: "message of " + e.code, RequestID: "req"}
}

// A tenant is a Source in memory: users u0000, u0001, ... in pages of ten.
type tenant struct {
	users   int
	latency time.Duration
	// quickList says that pages of users take no time.
	quickList bool
	// method answers for one user at the nth attempt, from 1 on; nil: all well.
	method func(id string, attempt int) error
	// batch answers for a whole batch, counted from 1 on.
	batch func(n int, ids []string) error
	// page answers for a page, counted from 1 on; next replaces its link.
	page   func(n int, link string) error
	next   func(link string) (string, bool)
	gone   map[string]bool
	policy error
	group  func(id string) error
	// disabled accounts have no row in the registration report.
	disabled func(i int) bool
	// hide says that a user's passkeys do not show at the nth attempt.
	hide func(id string, attempt int) bool
	// row gives a user's row in the registration report; without it, the tenant
	// has no licence. reportSize is how many users a page spans, 10 if 0;
	// reportPage and reportNext are like page and next, of everybody's report.
	row        func(i int) (audit.Registration, bool)
	reportSize int
	reportPage func(n int, link string) error
	reportNext func(link string) (string, bool)

	// direct answers for the direct members of a group, who are its first five.
	direct func(id string) error
	// roles, strengths and access answer with a collection in pages of two, or
	// with an error.
	roles             func() ([]audit.RoleAssignment, error)
	strengths, access func() ([]string, error)

	mu       sync.Mutex
	asked    map[string]int // requests for these
	attempts map[string]int
	read     map[string]int // users whose passkeys were given
	order    []string
	batches  int
	pages    int
	reports  int // requests for the report
	inFlight int
	most     int
	sizes    []int
}

func userID(i int) string { return fmt.Sprintf("u%04d", i) }

func (s *tenant) wait(ctx context.Context) error {
	if s.latency == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(s.latency)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *tenant) Policy(context.Context) ([]byte, error) { return []byte("{}"), s.policy }

func (s *tenant) Users(ctx context.Context, link string) (audit.UserPage, error) {
	if !s.quickList {
		if err := s.wait(ctx); err != nil {
			return audit.UserPage{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages++
	if s.page != nil {
		if err := s.page(s.pages, link); err != nil {
			return audit.UserPage{}, err
		}
	}
	from := 0
	if link != "" {
		if _, err := fmt.Sscanf(link, "page-%d", &from); err != nil {
			return audit.UserPage{}, err
		}
	}
	var p audit.UserPage
	for i := from; i < min(from+10, s.users); i++ {
		u := audit.User{ID: userID(i), UPN: userID(i) + "@contoso.com", Type: "Member", Enabled: audit.Yes}
		if i%7 == 3 {
			u.Type = "Guest"
		}
		if s.disabled != nil && s.disabled(i) {
			u.Enabled = audit.No
		}
		p.Users = append(p.Users, u)
	}
	if from+10 < s.users {
		p.Next = fmt.Sprintf("page-%d", from+10)
	}
	if s.next != nil {
		if next, ok := s.next(link); ok {
			p.Next = next
		}
	}
	return p, nil
}

// keysOf gives every third user one or two passkeys.
func keysOf(id string) []audit.Passkey {
	var n int
	if _, err := fmt.Sscanf(id, "u%d", &n); err != nil || n%3 != 0 {
		return nil
	}
	keys := []audit.Passkey{{ID: id + "-a", Name: "key", AAGUID: "de1e552d-db1d-4423-a619-566b625cdc84"}}
	if n%2 == 0 {
		keys = append(keys, audit.Passkey{ID: id + "-b", Name: "second"})
	}
	return keys
}

func (s *tenant) Methods(ctx context.Context, ids []string) (audit.MethodsBatch, error) {
	s.mu.Lock()
	s.batches++
	n := s.batches
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	s.sizes = append(s.sizes, len(ids))
	s.mu.Unlock()
	err := s.wait(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if err == nil && s.batch != nil {
		err = s.batch(n, ids)
	}
	if err != nil {
		return audit.MethodsBatch{}, err
	}
	b := audit.MethodsBatch{Answers: make([]audit.MethodsAnswer, len(ids))}
	for i, id := range ids {
		s.attempts[id]++
		if s.gone[id] {
			b.Answers[i].Err = &answerError{status: 404, code: "resourceNotFound"}
			continue
		}
		if s.method != nil {
			if err := s.method(id, s.attempts[id]); err != nil {
				b.Answers[i].Err = err
				continue
			}
		}
		s.read[id]++
		s.order = append(s.order, id)
		if s.hide == nil || !s.hide(id, s.attempts[id]) {
			b.Answers[i].Passkeys = keysOf(id)
		}
	}
	return b, nil
}

func (s *tenant) UserExists(_ context.Context, id string) (bool, error) { return !s.gone[id], nil }

func (s *tenant) Group(_ context.Context, id string) (audit.Group, error) {
	if s.group != nil {
		if err := s.group(id); err != nil {
			return audit.Group{}, err
		}
	}
	return audit.Group{ID: id, Name: "Group " + id}, nil
}

// GroupMembers gives the first 15 users in two pages.
func (s *tenant) GroupMembers(_ context.Context, _, link string) (audit.MemberPage, error) {
	var p audit.MemberPage
	from, to := 0, 10
	if link != "" {
		from, to = 10, 15
	} else {
		p.Next = "members-2"
	}
	for i := from; i < to; i++ {
		p.UserIDs = append(p.UserIDs, userID(i))
	}
	return p, nil
}

func (s *tenant) DirectMembers(_ context.Context, id, _ string) (audit.MemberPage, error) {
	if s.direct != nil {
		if err := s.direct(id); err != nil {
			return audit.MemberPage{}, err
		}
	}
	return audit.MemberPage{UserIDs: []string{userID(0), userID(1), userID(2), userID(3), userID(4)}}, nil
}

// two gives a page of two of all, and the link to the next one.
func two[T any](s *tenant, what, link string, get func() ([]T, error)) ([]T, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[what]++
	if get == nil {
		return nil, "", &answerError{status: 403, code: "accessDenied"}
	}
	all, err := get()
	if err != nil {
		return nil, "", err
	}
	from := 0
	if link != "" {
		if _, err := fmt.Sscanf(link, "two-%d", &from); err != nil {
			return nil, "", err
		}
	}
	if from+2 >= len(all) {
		return all[from:], "", nil
	}
	return all[from : from+2], fmt.Sprintf("two-%d", from+2), nil
}

func (s *tenant) RoleAssignments(_ context.Context, link string) (audit.RolePage, error) {
	page, next, err := two(s, "roles", link, s.roles)
	return audit.RolePage{Assignments: page, Next: next}, err
}

func (s *tenant) items(what, link string, get func() ([]string, error)) (audit.ItemPage, error) {
	page, next, err := two(s, what, link, get)
	p := audit.ItemPage{Next: next}
	for _, item := range page {
		p.Items = append(p.Items, []byte(item))
	}
	return p, err
}

func (s *tenant) Strengths(_ context.Context, link string) (audit.ItemPage, error) {
	return s.items("strengths", link, s.strengths)
}

func (s *tenant) ConditionalAccess(_ context.Context, link string) (audit.ItemPage, error) {
	return s.items("access", link, s.access)
}

// unlicensedError is the answer of a tenant without Entra ID P1.
type unlicensedError struct{ answerError }

func (*unlicensedError) Unlicensed() bool { return true }

func (s *tenant) Registration(ctx context.Context, admins bool, link string) (audit.RegistrationPage, error) {
	if s.row == nil {
		return audit.RegistrationPage{}, &unlicensedError{answerError{status: 403, code: "Authentication_RequestFromNonPremiumTenantOrB2CTenant"}}
	}
	if err := s.wait(ctx); err != nil {
		return audit.RegistrationPage{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports++
	if s.reportPage != nil && !admins {
		if err := s.reportPage(s.reports, link); err != nil {
			return audit.RegistrationPage{}, err
		}
	}
	size, from := s.reportSize, 0
	if size == 0 {
		size = 10
	}
	if link != "" {
		if _, err := fmt.Sscanf(link, "report-%d", &from); err != nil {
			return audit.RegistrationPage{}, err
		}
	}
	if admins {
		size = s.users
	}
	var p audit.RegistrationPage
	for i := from; i < min(from+size, s.users); i++ {
		r, listed := s.row(i)
		if !listed || s.disabled != nil && s.disabled(i) || admins && r.Admin != audit.Yes {
			continue
		}
		r.UserID = userID(i)
		p.Rows = append(p.Rows, r)
	}
	if from+size < s.users {
		p.Next = fmt.Sprintf("report-%d", from+size)
	}
	if s.reportNext != nil && !admins {
		if next, ok := s.reportNext(link); ok {
			p.Next = next
		}
	}
	return p, nil
}

// A rig runs scans of a tenant on one snapshot.
type rig struct {
	t    *testing.T
	src  *tenant
	path string
	opts collect.Options
}

func newRig(t *testing.T, src *tenant) *rig {
	t.Helper()
	src.attempts, src.read, src.asked = make(map[string]int), make(map[string]int), make(map[string]int)
	r := &rig{t: t, src: src, path: filepath.Join(t.TempDir(), "snapshot.db")}
	r.opts = collect.Options{Log: zerolog.Nop(), PolicyGroups: func([]byte) ([]string, error) { return nil, nil }, Scope: snapshot.Scope{Users: "all"}}
	s, err := snapshot.Create(context.Background(), r.path, snapshot.Meta{Tenant: audit.Tenant{ID: "contoso"}, StartedAt: time.Now(), Scope: r.opts.Scope})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

// run goes on with the snapshot and closes it.
func (r *rig) run(ctx context.Context) error {
	r.t.Helper()
	store, err := snapshot.Resume(context.Background(), r.path, "test", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.opts.Pace = pace.New(pace.Options{
		Limits: pace.Limits{MaxInFlight: 16}, Jitter: func() float64 { return 0.5 },
		Buckets: map[pace.Bucket]pace.Limits{
			collect.Reports:           {KnownRate: collect.ReportsRate},
			collect.ConditionalAccess: {MaxInFlight: 1, KnownRate: collect.ConditionalAccessRate},
		},
	})
	err = collect.Run(ctx, r.src, store, r.opts)
	if cerr := store.Close(); cerr != nil {
		r.t.Fatal(cerr)
	}
	return err
}

// A picture is what a snapshot holds.
type picture struct {
	Coverage audit.Coverage
	Outcomes map[string]audit.Outcome
	Passkeys map[string]int
	Failures []audit.Failure
	MemberOf map[string]int
	Admins   map[string]audit.Ternary
}

func (r *rig) picture() picture {
	r.t.Helper()
	ctx := context.Background()
	rd, err := snapshot.OpenReader(ctx, r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rd.Close()
	p := picture{Outcomes: map[string]audit.Outcome{}, Passkeys: map[string]int{}, MemberOf: map[string]int{}, Admins: map[string]audit.Ternary{}}
	if p.Coverage, err = rd.Coverage(ctx); err != nil {
		r.t.Fatal(err)
	}
	for rec, err := range rd.Users(ctx) {
		if err != nil {
			r.t.Fatal(err)
		}
		p.Outcomes[rec.ID], p.Admins[rec.ID] = rec.Outcome, rec.Admin
		if n := len(rec.Passkeys); n > 0 {
			p.Passkeys[rec.ID] = n
		}
		if n := len(rec.MemberOf); n > 0 {
			p.MemberOf[rec.ID] = n
		}
	}
	for f, err := range rd.Failures(ctx) {
		if err != nil {
			r.t.Fatal(err)
		}
		p.Failures = append(p.Failures, f)
	}
	return p
}

// wantAll checks that everybody was read, and nobody's passkeys are missing.
func (r *rig) wantAll() {
	r.t.Helper()
	p := r.picture()
	if !p.Coverage.Complete() || p.Coverage.Read != r.src.users {
		r.t.Errorf("coverage %+v, want all %d users read", p.Coverage, r.src.users)
	}
	for i := range r.src.users {
		if got, want := p.Passkeys[userID(i)], len(keysOf(userID(i))); got != want {
			r.t.Errorf("%s: %d passkeys in the snapshot, want %d", userID(i), got, want)
		}
	}
	if len(p.Failures) > 0 {
		r.t.Errorf("failures: %+v", p.Failures)
	}
}

var errPlain = errors.New("plain")
