package collect_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/snapshot"
)

// state is what a snapshot holds of what a scan can do without.
type state struct {
	Reports   map[string]snapshot.ReportState
	Code      map[string]string
	Documents map[string]string
	Nested    map[string]audit.Ternary
	Groups    map[string]audit.Outcome
}

func (r *rig) state() state {
	r.t.Helper()
	ctx := context.Background()
	rd, err := snapshot.OpenReader(ctx, r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rd.Close()
	s := state{map[string]snapshot.ReportState{}, map[string]string{}, map[string]string{}, map[string]audit.Ternary{}, map[string]audit.Outcome{}}
	reports, err := rd.Reports(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, rep := range reports {
		s.Reports[rep.Name] = rep.State
		if rep.Failure.Code != "" {
			s.Code[rep.Name] = rep.Failure.Code
		}
	}
	for _, name := range []string{snapshot.DocumentStrengths, snapshot.DocumentConditionalAccess} {
		if body, ok, err := rd.Document(ctx, name); err != nil {
			r.t.Fatal(err)
		} else if ok {
			s.Documents[name] = string(body)
		}
	}
	for rec, err := range rd.Users(ctx) {
		if err != nil {
			r.t.Fatal(err)
		}
		for _, m := range rec.MemberOf {
			s.Nested[rec.ID+" "+m.GroupID] = m.Nested
		}
	}
	groups, err := rd.Groups(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, g := range groups {
		s.Groups[g.ID] = g.Outcome
	}
	return s
}

// limitedBy makes strengths limited that hold the word.
func (r *rig) limitedBy(word string) {
	r.opts.Limited = func(strengths []byte) (bool, error) { return strings.Contains(string(strengths), word), nil }
	r.opts.AccessGroups = func(_, policies []byte) ([]string, error) {
		if strings.Contains(string(policies), "G-ACCESS") {
			return []string{"G-ACCESS", "g-access"}, nil
		}
		return nil, nil
	}
}

func give[T any](all ...T) func() ([]T, error) { return func() ([]T, error) { return all, nil } }

func fail[T any](err error) func() ([]T, error) { return func() ([]T, error) { return nil, err } }

func TestConditionalAccess(t *testing.T) {
	const strengths, access = snapshot.ReportStrengths, snapshot.ReportConditionalAccess
	unlicensed := &unlicensedError{answerError{status: 403, code: "Authentication_RequestFromNonPremiumTenantOrB2CTenant"}}
	throttled := &answerError{status: 429, code: "TooManyRequests"}
	for _, tt := range []struct {
		name              string
		strengths, access func() ([]string, error)
		notWanted         bool
		reports           map[string]snapshot.ReportState
		documents         map[string]string
		group             bool
		code              string
	}{
		{name: "not wanted", notWanted: true, strengths: give(`{"list":1}`)},
		{name: "no strength with a list", strengths: give(`{"a":1}`, `{"b":2}`), access: give(`{"p":1}`),
			reports: map[string]snapshot.ReportState{strengths: snapshot.ReportRead}, documents: map[string]string{"strengths": `[{"a":1},{"b":2}]`}},
		{name: "read in pages", strengths: give(`{"a":1}`, `{"b":2}`, `{"list":3}`), access: give(`{"p":"G-ACCESS"}`), group: true,
			reports:   map[string]snapshot.ReportState{strengths: snapshot.ReportRead, access: snapshot.ReportRead},
			documents: map[string]string{"strengths": `[{"a":1},{"b":2},{"list":3}]`, "conditional_access": `[{"p":"G-ACCESS"}]`}},
		{name: "strengths refused", reports: map[string]snapshot.ReportState{strengths: snapshot.ReportRefused}, code: "accessDenied"},
		{name: "policies refused", strengths: give(`{"list":1}`),
			reports:   map[string]snapshot.ReportState{strengths: snapshot.ReportRead, access: snapshot.ReportRefused},
			documents: map[string]string{"strengths": `[{"list":1}]`}, code: "accessDenied"},
		{name: "unlicensed", strengths: give(`{"list":1}`), access: fail[string](unlicensed),
			reports:   map[string]snapshot.ReportState{strengths: snapshot.ReportRead, access: snapshot.ReportUnlicensed},
			documents: map[string]string{"strengths": `[{"list":1}]`}, code: unlicensed.code},
		{name: "throttled for ever", strengths: give(`{"list":1}`), access: fail[string](throttled),
			reports:   map[string]snapshot.ReportState{strengths: snapshot.ReportRead, access: snapshot.ReportFailed},
			documents: map[string]string{"strengths": `[{"list":1}]`}, code: "timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, &tenant{users: 20, strengths: tt.strengths, access: tt.access})
				if !tt.notWanted {
					r.limitedBy("list")
				}
				if err := r.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.wantAll()
				got := r.state()
				for _, name := range []string{strengths, access} {
					if got.Reports[name] != tt.reports[name] {
						t.Errorf("%s: state %q, want %q", name, got.Reports[name], tt.reports[name])
					}
				}
				if want := tt.documents; len(want) != len(got.Documents) || len(want) > 0 && !cmp.Equal(want, got.Documents) {
					t.Errorf("documents %v, want %v", got.Documents, want)
				}
				if read := got.Groups["g-access"] == audit.OutcomeRead; read != tt.group {
					t.Errorf("groups %v; want g-access read: %v", got.Groups, tt.group)
				}
				if code := got.Code[strengths] + got.Code[access]; code != tt.code {
					t.Errorf("code %q, want %q", code, tt.code)
				}
			})
		})
	}
}

// TestConditionalAccessOnce asks again only for what a former run could not read.
func TestConditionalAccessOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &tenant{users: 20, strengths: give(`{"list":1}`), access: fail[string](&answerError{status: 403, code: "accessDenied"})}
		r := newRig(t, src)
		r.limitedBy("list")
		src.batch = func(n int, _ []string) error {
			if n == 1 {
				return &answerError{status: 401, code: "InvalidAuthenticationToken"}
			}
			return nil
		}
		if err := r.run(t.Context()); err == nil {
			t.Fatal("the first run should end with the lapsed token")
		}
		src.access = give(`{"p":1}`)
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantAll()
		if s := r.state(); s.Reports[snapshot.ReportConditionalAccess] != snapshot.ReportRead || s.Documents["conditional_access"] != `[{"p":1}]` {
			t.Errorf("%+v; want the policies read by the second run", s)
		}
		if src.asked["strengths"] > 2 {
			t.Errorf("strengths were asked for %d times", src.asked["strengths"])
		}
	})
}

func TestRoles(t *testing.T) {
	user := func(i int) audit.RoleAssignment {
		return audit.RoleAssignment{PrincipalID: userID(i), PrincipalType: "user", RoleID: "r1", Scope: "/"}
	}
	group := audit.RoleAssignment{PrincipalID: "G-Roles", PrincipalType: "group", RoleID: "r2", Scope: "/"}
	app := audit.RoleAssignment{PrincipalID: "app", PrincipalType: "servicePrincipal", RoleID: "r2", Scope: "/"}
	untold := audit.RoleAssignment{PrincipalID: userID(18), RoleID: "r2", Scope: "/"}
	refuse := func(id string) error { return &answerError{status: 403, code: "accessDenied"} }
	for _, tt := range []struct {
		name  string
		roles func() ([]audit.RoleAssignment, error)
		group func(string) error
		row   func(int) (audit.Registration, bool)
		// admins are the first so many and the 17th; others is what the rest is.
		admins int
		others audit.Ternary
	}{
		{name: "direct", roles: give(user(0), user(1), user(16), app), admins: 2, others: audit.No},
		{name: "through a group", roles: give(user(0), app, group, user(16)), admins: 15, others: audit.No},
		{name: "through a group that is refused", roles: give(user(0), group, user(16)), group: refuse, admins: 1, others: audit.Unknown},
		{name: "of a kind that is not told", roles: give(user(0), user(16), untold), admins: 1, others: audit.Unknown},
		{name: "refused", admins: 0, others: audit.Unknown},
		{name: "beside the registration report", roles: give(user(0), user(16)), admins: 1, others: audit.No,
			row: func(i int) (audit.Registration, bool) {
				return audit.Registration{Admin: audit.TernaryOf(i == 16)}, i != 0
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, &tenant{users: 20, roles: tt.roles, group: tt.group, row: tt.row})
				if err := r.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.wantAll()
				p := r.picture()
				for i := range 20 {
					want := tt.others
					if i < tt.admins || i == 16 && tt.roles != nil || i == 18 && strings.HasPrefix(tt.name, "of a kind") {
						want = audit.Yes
					}
					if got := p.Admins[userID(i)]; got != want {
						t.Errorf("user %d is an administrator: %q, want %q", i, got, want)
					}
				}
			})
		})
	}
}

// TestDirectMembers: the group has the first 15 users, of whom the first five are
// in it themselves.
func TestDirectMembers(t *testing.T) {
	for _, tt := range []struct {
		name          string
		direct        func(string) error
		first, others audit.Ternary
	}{
		{"read", nil, audit.No, audit.Yes},
		{"refused", func(string) error { return &answerError{status: 403, code: "accessDenied"} }, audit.Unknown, audit.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, &tenant{users: 20, direct: tt.direct})
				r.opts.PolicyGroups = func([]byte) ([]string, error) { return []string{"g1"}, nil }
				if err := r.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.wantAll()
				s := r.state()
				for i := range 15 {
					want := tt.others
					if i < 5 {
						want = tt.first
					}
					if got, ok := s.Nested[userID(i)+" g1"]; got != want || !ok {
						t.Errorf("user %d is nested: %q (a member: %v), want %q", i, got, ok, want)
					}
				}
			})
		})
	}
}
