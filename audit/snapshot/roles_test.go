package snapshot_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/snapshot"
)

// directory is a snapshot with five users, of whom the group has three, and the
// roles of a directory.
func directory(t *testing.T) *snapshot.Store {
	t.Helper()
	ctx := t.Context()
	s, err := snapshot.Create(ctx, filepath.Join(t.TempDir(), "snapshot.db"), contoso)
	if err != nil {
		t.Fatal(err)
	}
	var users []snapshot.ListedUser
	for _, id := range []string{"u1", "u2", "u3", "u4", "u5"} {
		users = append(users, snapshot.ListedUser{User: audit.User{ID: id, UPN: id + "@Contoso.com"}, Outcome: audit.OutcomePending})
	}
	for _, err := range []error{
		second(s.AddPages(ctx, users, 1, "")),
		s.PutGroup(ctx, audit.Group{ID: "G1", Name: "Helpdesk", Outcome: audit.OutcomePending}),
		s.AddMembers(ctx, "G1", []string{"u1", "u2", "u3"}, ""),
		s.PutRoles(ctx, []audit.RoleAssignment{{PrincipalID: "gone", RoleID: "r0", Scope: "/"}}),
		s.PutRoles(ctx, []audit.RoleAssignment{
			{PrincipalID: "U5", PrincipalType: "user", RoleID: "R1", Scope: "/"},
			{PrincipalID: "g1", PrincipalType: "group", RoleID: "r2", Scope: "/administrativeUnits/a1"},
			{PrincipalID: "g1", PrincipalType: "group", RoleID: "r2", Scope: "/administrativeUnits/a1"},
		}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func second(_ int, err error) error { return err }

// sealed seals the snapshot and opens it to be read.
func sealed(t *testing.T, s *snapshot.Store) *snapshot.Reader {
	t.Helper()
	if err := s.Seal(t.Context(), time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	r, err := snapshot.OpenReader(t.Context(), s.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestAdminsByRole(t *testing.T) {
	for _, tt := range []struct {
		name string
		all  bool
		want map[string]audit.Ternary
	}{
		{"all was read", true, map[string]audit.Ternary{"u1": audit.Yes, "u2": audit.Yes, "u3": audit.Yes, "u4": audit.No, "u5": audit.Yes}},
		{"a group is missing", false, map[string]audit.Ternary{"u1": audit.Yes, "u2": audit.Yes, "u3": audit.Yes, "u4": audit.Unknown, "u5": audit.Yes}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := directory(t)
			if err := s.AdminsByRole(t.Context(), tt.all); err != nil {
				t.Fatal(err)
			}
			r := sealed(t, s)
			got := map[string]audit.Ternary{}
			for rec, err := range r.Users(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				got[rec.ID] = rec.Admin
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("administrators (-want +got):\n%s", d)
			}
			roles, err := r.Roles(t.Context())
			want := []audit.RoleAssignment{
				{PrincipalID: "g1", PrincipalType: "group", RoleID: "r2", Scope: "/administrativeUnits/a1"},
				{PrincipalID: "u5", PrincipalType: "user", RoleID: "r1", Scope: "/"},
			}
			if d := cmp.Diff(want, roles); d != "" || err != nil {
				t.Errorf("roles (-want +got), error %v:\n%s", err, d)
			}
		})
	}
}

// TestNested tells who is in a group through another one alone.
func TestNested(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(t *testing.T, s *snapshot.Store) []error
		want  map[string]audit.Ternary
	}{
		{"not read", func(*testing.T, *snapshot.Store) []error { return nil },
			map[string]audit.Ternary{"u1": audit.Unknown, "u2": audit.Unknown, "u3": audit.Unknown}},
		{"interrupted", func(t *testing.T, s *snapshot.Store) []error {
			return []error{s.AddDirectMembers(t.Context(), "g1", []string{"u1"}, false)}
		}, map[string]audit.Ternary{"u1": audit.No, "u2": audit.Unknown, "u3": audit.Unknown}},
		{"read twice", func(t *testing.T, s *snapshot.Store) []error {
			return []error{
				s.AddDirectMembers(t.Context(), "g1", []string{"u1"}, false), s.AddDirectMembers(t.Context(), "g1", []string{"u1"}, false),
				s.AddDirectMembers(t.Context(), "G1", []string{"u3"}, true),
			}
		}, map[string]audit.Ternary{"u1": audit.No, "u2": audit.Yes, "u3": audit.No}},
		{"joined between the readings", func(t *testing.T, s *snapshot.Store) []error {
			return []error{s.AddDirectMembers(t.Context(), "g1", []string{"u4"}, true)}
		}, map[string]audit.Ternary{"u1": audit.Yes, "u2": audit.Yes, "u3": audit.Yes, "u4": audit.No}},
		{"refused half-way", func(t *testing.T, s *snapshot.Store) []error {
			return []error{s.AddDirectMembers(t.Context(), "g1", []string{"u1"}, false), s.NoDirectMembers(t.Context(), "g1", audit.OutcomeRefused)}
		}, map[string]audit.Ternary{"u1": audit.Unknown, "u2": audit.Unknown, "u3": audit.Unknown}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := directory(t)
			for _, err := range tt.write(t, s) {
				if err != nil {
					t.Fatal(err)
				}
			}
			at, err := s.GroupListing(t.Context(), "g1")
			if err != nil || at.Outcome != audit.OutcomeRead {
				t.Errorf("group %+v, %v; want it read", at, err)
			}
			got := map[string]audit.Ternary{}
			for rec, err := range sealed(t, s).Users(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range rec.MemberOf {
					got[rec.ID] = m.Nested
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("nested (-want +got):\n%s", d)
			}
		})
	}
}

func TestFindUser(t *testing.T) {
	ctx := t.Context()
	s := directory(t)
	p, err := s.Pending(ctx, 0, 10)
	if err != nil || len(p) != 5 {
		t.Fatalf("pending %v, %v", p, err)
	}
	keys := []audit.Passkey{{ID: "k1", Name: "Red key"}, {ID: "k2"}}
	if err := s.Record(ctx, []snapshot.Result{{Seq: p[1].Seq, Outcome: audit.OutcomeRead, Passkeys: keys}, {Seq: p[3].Seq, Outcome: audit.OutcomeRead}}); err != nil {
		t.Fatal(err)
	}
	r := sealed(t, s)
	for _, tt := range []struct {
		name string
		find func() (snapshot.Record, bool, error)
		want string
		keys int
	}{
		{"by id", func() (snapshot.Record, bool, error) { return r.User(ctx, "u2") }, "u2", 2},
		{"without passkeys", func() (snapshot.Record, bool, error) { return r.User(ctx, "u4") }, "u4", 0},
		{"not read", func() (snapshot.Record, bool, error) { return r.User(ctx, "u5") }, "u5", 0},
		{"unknown id", func() (snapshot.Record, bool, error) { return r.User(ctx, "u9") }, "", 0},
		{"by name in another letter case", func() (snapshot.Record, bool, error) { return r.UserNamed(ctx, "U2@contoso.COM") }, "u2", 2},
		{"unknown name", func() (snapshot.Record, bool, error) { return r.UserNamed(ctx, "u2") }, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec, ok, err := tt.find()
			if err != nil || ok != (tt.want != "") || rec.ID != tt.want || len(rec.Passkeys) != tt.keys {
				t.Errorf("got %+v, %v, %v; want %q with %d passkeys", rec, ok, err, tt.want, tt.keys)
			}
		})
	}
}

// TestHoldsManyPasskeys reads every passkey of those who hold none, one, nine
// and more, also after they were read again.
func TestHoldsManyPasskeys(t *testing.T) {
	ctx := t.Context()
	s := directory(t)
	p, err := s.Pending(ctx, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	many := func(n int) (keys []audit.Passkey) {
		for i := range n {
			keys = append(keys, audit.Passkey{ID: string(rune('a' + i))})
		}
		return keys
	}
	for _, counts := range [][]int{{3, 0, 1, 11, 9}, {0, 1, 9, 23, 10}} {
		var rs []snapshot.Result
		for i, n := range counts {
			rs = append(rs, snapshot.Result{Seq: p[i].Seq, Outcome: audit.OutcomeRead, Passkeys: many(n)})
		}
		if err := s.Record(ctx, rs); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int{"u1": 0, "u2": 1, "u3": 9, "u4": 23, "u5": 10}
	got := map[string]int{}
	for rec, err := range sealed(t, s).Users(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		got[rec.ID] = len(rec.Passkeys)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("passkeys (-want +got):\n%s", d)
	}
}
