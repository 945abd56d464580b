package strength_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/strength"
)

// hardware is a strength with a list of two models.
func hardware(t testing.TB) strength.Strength {
	return strength.Strength{ID: "s1", Name: "Hardware keys", Custom: true, Told: true, Lists: [][]audit.AAGUID{{aaguid(t, keyNewer), aaguid(t, key5)}}}
}

// policyFor is a policy that asks for it.
func policyFor(include, exclude strength.Users) strength.Policy {
	return strength.Policy{ID: "p1", Name: "Keys", State: "enabled", Strength: strength.Strength{ID: "s1"}, Include: include, Exclude: exclude}
}

var (
	member   = audit.User{ID: "U1", UPN: "AlexW@contoso.com", Type: "Member"}
	guest    = audit.User{ID: "U1", UPN: "alex_fabrikam.com#EXT#@contoso.onmicrosoft.com", Type: "Guest"}
	homely   = audit.User{ID: "U1", UPN: "alex@contoso.com", Type: "Guest"}
	invited  = audit.User{ID: "U1", UPN: "alex_fabrikam.com#ext#@contoso.onmicrosoft.com", Type: "Member"}
	untold   = audit.User{ID: "U1", UPN: "AlexW@contoso.com"}
	inG      = []audit.Membership{{GroupID: "g", Nested: audit.Yes}}
	everyone = strength.Users{All: true}
	groupG   = strength.Users{Groups: []string{"g"}}
	roleR    = strength.Users{Roles: []string{"r"}}
)

func TestScope(t *testing.T) {
	read := func(ids ...string) []audit.Group {
		var list []audit.Group
		for _, id := range ids {
			list = append(list, audit.Group{ID: strings.ToUpper(id), Name: "Pilots", Outcome: audit.OutcomeRead})
		}
		return list
	}
	lost := []audit.Group{{ID: "g", Name: "Pilots", Outcome: audit.OutcomeRefused}}
	role := func(holder, kind, scope string) []audit.RoleAssignment {
		return []audit.RoleAssignment{{PrincipalID: holder, PrincipalType: kind, RoleID: "R", Scope: scope}}
	}
	guests := func(kinds ...string) strength.Users { return strength.Users{Guests: kinds} }
	all := guests("internalGuest", "b2bCollaborationGuest", "b2bCollaborationMember", "b2bDirectConnectUser", "otherExternalUser", "serviceProvider")
	chosen := all
	chosen.SomeTenants = true
	const no, unknown, yes = audit.No, audit.Unknown, audit.Yes
	for _, tt := range []struct {
		name             string
		include, exclude strength.Users
		user             audit.User
		memberOf         []audit.Membership
		groups           []audit.Group
		roles            []audit.RoleAssignment
		rolesUnread      bool
		want             audit.Ternary
		// why are parts of the sentence for a passkey that is not accepted.
		why []string
	}{
		{name: "everybody", include: everyone, user: member, want: yes},
		{name: "everybody, guests too", include: everyone, user: guest, want: yes},
		{name: "nobody", user: member, want: no},
		{name: "by id, whatever the case", include: strength.Users{Users: []string{"u1"}}, user: member, want: yes},
		{name: "somebody else", include: strength.Users{Users: []string{"u2"}}, user: member, want: no},
		{name: "excluded by id", include: everyone, exclude: strength.Users{Users: []string{"u1"}}, user: member, want: no},
		{name: "in the group", include: groupG, user: member, memberOf: inG, groups: read("g"), want: yes},
		{name: "not in the group", include: groupG, user: member, groups: read("g"), want: no},
		{name: "group lost", include: groupG, user: member, groups: lost, want: unknown, why: []string{`includes the group "Pilots", whose members could not be read`}},
		{name: "group not asked about", include: groupG, user: member, want: unknown, why: []string{"includes the group g, whose"}},
		{name: "group lost, and known to be in it", include: groupG, user: member, memberOf: inG, groups: lost, want: yes},
		{name: "group lost, excluded for certain", include: groupG, exclude: everyone, user: member, groups: lost, want: no},
		{name: "excluded by the group", include: everyone, exclude: groupG, user: member, memberOf: inG, groups: read("g"), want: no},
		{name: "excluded group lost", include: everyone, exclude: groupG, user: member, groups: lost, want: unknown, why: []string{`excludes the group "Pilots", whose`}},
		{name: "excluded group lost, not included", include: roleR, exclude: groupG, user: member, groups: lost, want: no},
		{name: "both lost", include: groupG, exclude: strength.Users{Groups: []string{"h"}}, user: member, want: unknown, why: []string{"includes the group g", "excludes the group h"}},
		{name: "role", include: roleR, user: member, roles: role("u1", "user", "/"), want: yes},
		{name: "role in an administrative unit", include: roleR, user: member, roles: role("u1", "user", "/administrativeUnits/x"), want: no},
		{name: "another's role", include: roleR, user: member, roles: role("u2", "user", "/"), want: no},
		{name: "role through a group", include: roleR, user: member, memberOf: inG, groups: read("g"), roles: role("G", "group", "/"), want: yes},
		{name: "not in the group of the role", include: roleR, user: member, groups: read("g"), roles: role("g", "group", "/"), want: no},
		{name: "group of the role lost", include: roleR, user: member, groups: lost, roles: role("g", "group", "/"), want: unknown, why: []string{`includes holders of roles, and the members of "Pilots", to which a role is assigned, could not be read`}},
		{name: "group of the role lost, role also direct", include: roleR, user: member, groups: lost, roles: append(role("g", "group", "/"), role("u1", "user", "/")...), want: yes},
		{name: "group of another role lost", include: roleR, user: member, groups: lost, roles: []audit.RoleAssignment{{PrincipalID: "g", PrincipalType: "group", RoleID: "q", Scope: "/"}}, want: no},
		{name: "principal that may be a group", include: roleR, user: member, roles: role("g", "", "/"), want: unknown, why: []string{"the members of g"}},
		{name: "principal that is no group", include: roleR, user: member, groups: []audit.Group{{ID: "g", Outcome: audit.OutcomeGone}}, roles: role("g", "", "/"), want: no},
		{name: "roles unread", include: roleR, user: member, rolesUnread: true, want: unknown, why: []string{"includes holders of roles, and who holds roles could not be read"}},
		{name: "roles unread, none named", include: groupG, user: member, memberOf: inG, groups: read("g"), rolesUnread: true, want: yes},
		{name: "excluded roles unread", include: everyone, exclude: roleR, user: member, rolesUnread: true, want: unknown, why: []string{"excludes holders of roles"}},
		{name: "excluded by role", include: everyone, exclude: roleR, user: member, roles: role("u1", "user", "/"), want: no},
		{name: "guests, by the old word", include: strength.Users{AllGuests: true}, user: guest, want: yes},
		{name: "guests, by the old word, member", include: strength.Users{AllGuests: true}, user: member, want: no},
		{name: "guests, by the old word, member from outside", include: strength.Users{AllGuests: true}, user: invited, want: unknown, why: []string{"kinds of guests"}},
		{name: "guests, type not told", include: all, user: untold, want: unknown, why: []string{"includes kinds of guests"}},
		{name: "all kinds, guest", include: all, user: guest, want: yes},
		{name: "all kinds, guest without the mark", include: all, user: homely, want: yes},
		{name: "all kinds, member", include: all, user: member, want: no},
		{name: "all kinds, member from outside", include: all, user: invited, want: unknown},
		{name: "all kinds of some organisations", include: chosen, user: guest, want: unknown},
		{name: "one kind of guest", include: guests("internalGuest"), user: guest, want: unknown},
		{name: "members from outside alone", include: guests("b2bCollaborationMember"), user: guest, want: no},
		{name: "guests alone, member from outside", include: guests("internalGuest", "b2bCollaborationGuest"), user: invited, want: no},
		{name: "kinds without accounts", include: guests("serviceProvider", "B2bDirectConnectUser"), user: guest, want: no},
		{name: "kinds without accounts, type not told", include: guests("serviceProvider"), user: untold, want: no},
		{name: "a kind to come", include: guests("orbitalGuest"), user: guest, want: unknown},
		{name: "guests excluded", include: everyone, exclude: all, user: guest, want: no},
		{name: "guests excluded, cannot be told", include: everyone, exclude: chosen, user: guest, want: unknown, why: []string{"excludes kinds of guests"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := strength.NewEvaluator(strength.Facts{
				Strengths: []strength.Strength{hardware(t)}, Policies: []strength.Policy{policyFor(tt.include, tt.exclude)},
				Groups: tt.groups, Roles: tt.roles, RolesRead: !tt.rolesUnread,
			})
			if got := e.Scope("P1", &tt.user, tt.memberOf); got != tt.want {
				t.Errorf("scope %q, want %q", got, tt.want)
			}
			found := e.Findings(nil, &tt.user, tt.memberOf, []audit.Passkey{{AAGUID: phone}})
			if tt.want == no {
				if len(found) != 0 {
					t.Errorf("found %+v for somebody out of scope", found)
				}
				return
			}
			if len(found) != 1 || found[0].Scope != tt.want || found[0].Accepted != no || found[0].Certain() != tt.want {
				t.Fatalf("found %+v", found)
			}
			if (found[0].Why == "") != (tt.want == yes) {
				t.Errorf("scope %q with the reason %q", tt.want, found[0].Why)
			}
			for _, part := range tt.why {
				if !strings.Contains(found[0].Why, part) {
					t.Errorf("reason %q does not say %q", found[0].Why, part)
				}
			}
		})
	}
}

func TestFindings(t *testing.T) {
	other := strength.Strength{ID: "s2", Name: "Company", Custom: true, Told: true, Unclear: true}
	policies := []strength.Policy{
		{ID: "p4", Name: "D", State: "disabled", Strength: strength.Strength{ID: "s1"}, Include: everyone},
		{ID: "p3", Name: "C", State: "enabledForReportingButNotEnforced", Strength: strength.Strength{ID: "s2"}, Include: everyone},
		{ID: "p2", Name: "B", State: "enabled", Strength: strength.Strength{ID: "s1"}, Include: everyone},
		{ID: "p1", Name: "A", State: "enabled", Strength: strength.Strength{ID: "built-in", Told: true}, Include: everyone},
		{ID: "p0", Name: "E", State: "enabled", Strength: strength.Strength{ID: "s1"}, Include: strength.Users{Users: []string{"u2"}}},
	}
	e := strength.NewEvaluator(strength.Facts{Strengths: []strength.Strength{hardware(t), other}, Policies: policies, RolesRead: true})
	if e.Policies() != 4 {
		t.Errorf("%d policies are judged, want 4", e.Policies())
	}
	keys := []audit.Passkey{{AAGUID: "{" + strings.ToUpper(key5) + "}"}, {AAGUID: phone}, {}, {AAGUID: "n/a"}, {AAGUID: "00000000-0000-0000-0000-000000000000"}}
	var got []string
	for _, f := range e.Findings(nil, &member, nil, keys) {
		got = append(got, fmt.Sprintf("%d %s %s %q %q %s", f.Key, f.Policy.ID, f.Strength.ID, f.Scope, f.Accepted, f.Why))
	}
	const unclear, unknown = "What the authentication strength accepts is not known.", "The passkey's AAGUID is not known."
	want := []string{
		`0 p3 s2 "true" "" ` + unclear,
		`1 p2 s1 "true" "false" `, `1 p3 s2 "true" "" ` + unclear, `1 p4 s1 "true" "false" `,
		`2 p2 s1 "true" "" ` + unknown, `2 p3 s2 "true" "" ` + unknown, `2 p4 s1 "true" "" ` + unknown,
		`3 p2 s1 "true" "" ` + unknown, `3 p3 s2 "true" "" ` + unknown, `3 p4 s1 "true" "" ` + unknown,
		`4 p2 s1 "true" "false" `, `4 p3 s2 "true" "" ` + unclear, `4 p4 s1 "true" "false" `,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if found := e.Findings(nil, &member, nil, nil); found != nil {
		t.Errorf("without passkeys: %v", found)
	}
}

// TestStrengthOfPolicy: the listing goes before what stands in the policy, which
// counts alone where the listing lacks the strength.
func TestStrengthOfPolicy(t *testing.T) {
	embedded := hardware(t)
	empty := strength.Strength{ID: "s1", Custom: true, Told: true}
	builtIn := strength.Strength{ID: "s1", Told: true}
	for _, tt := range []struct {
		name     string
		listed   []strength.Strength
		embedded strength.Strength
		judged   int
		open     bool
	}{
		{"both", []strength.Strength{hardware(t)}, embedded, 1, false},
		{"listed alone", []strength.Strength{hardware(t)}, strength.Strength{ID: "s1"}, 1, false},
		{"listed without a limit", []strength.Strength{empty}, embedded, 0, false},
		{"in the policy alone", nil, embedded, 1, false},
		{"in the policy without a limit", nil, empty, 0, true},
		{"in the policy without a limit, built-in", nil, builtIn, 0, false},
		{"nowhere", nil, strength.Strength{ID: "s1"}, 0, true},
		{"not named", nil, strength.Strength{}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := policyFor(everyone, strength.Users{})
			p.Strength = tt.embedded
			e := strength.NewEvaluator(strength.Facts{Strengths: tt.listed, Policies: []strength.Policy{p}, RolesRead: true})
			notes := e.Notes()
			if e.Policies() != tt.judged || (len(notes) > 0) != tt.open || len(notes) > 0 && !notes[0].Open {
				t.Errorf("%d policies judged, notes %+v", e.Policies(), notes)
			}
		})
	}
}

func TestNeeds(t *testing.T) {
	free := strength.Strength{ID: "s2", Told: true}
	strengths := []strength.Strength{hardware(t), free}
	policies := []strength.Policy{
		policyFor(strength.Users{Groups: []string{"b", "a"}, Roles: []string{"r"}}, strength.Users{Groups: []string{"c", "a"}, Roles: []string{"q"}}),
		{ID: "p2", Strength: strength.Strength{ID: "s2"}, Include: strength.Users{Groups: []string{"x"}, Roles: []string{"y"}}},
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, strength.Groups(strengths, policies)); diff != "" {
		t.Errorf("groups:\n%s", diff)
	}
	roles := strength.Roles(strengths, policies)
	if diff := cmp.Diff([]string{"q", "r"}, roles); diff != "" {
		t.Errorf("roles:\n%s", diff)
	}
	assignments := []audit.RoleAssignment{
		{PrincipalID: "G1", PrincipalType: "group", RoleID: "R", Scope: "/"}, {PrincipalID: "g1", PrincipalType: "group", RoleID: "q", Scope: "/"},
		{PrincipalID: "g2", PrincipalType: "group", RoleID: "y", Scope: "/"}, {PrincipalID: "g3", PrincipalType: "group", RoleID: "r", Scope: "/administrativeUnits/x"},
		{PrincipalID: "u", PrincipalType: "user", RoleID: "r", Scope: "/"}, {PrincipalID: "a0", RoleID: "q", Scope: "/"},
	}
	if diff := cmp.Diff([]string{"a0", "g1"}, strength.RoleGroups(roles, assignments)); diff != "" {
		t.Errorf("groups with roles:\n%s", diff)
	}
}

// TestNotes: what could not be read is said once for each policy, in one line
// whatever the names.
func TestNotes(t *testing.T) {
	p := policyFor(strength.Users{Groups: []string{"g", "h"}}, strength.Users{Groups: []string{"g"}, Roles: []string{"r"}})
	p.Name = "=Keys\n\x1b[31m"
	e := strength.NewEvaluator(strength.Facts{
		Strengths: []strength.Strength{hardware(t)}, Policies: []strength.Policy{p},
		Groups: []audit.Group{{ID: "g", Name: "Pi\u202elots", Outcome: audit.OutcomeFailed}, {ID: "h", Outcome: audit.OutcomeRead}},
	})
	want := []strength.Note{{Text: `For whom the Conditional Access policy "=Keys  [31m" is, is not wholly known: who holds roles could not be read; who is in the group "Pi lots" could not be read.`}}
	if diff := cmp.Diff(want, e.Notes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, s := range strength.Certainty() {
		if !strings.HasSuffix(s, ".") {
			t.Errorf("%q is no sentence", s)
		}
	}
}

// TestFindingsAllocateNothing: room for findings is the caller's.
func TestFindingsAllocateNothing(t *testing.T) {
	e, users := bigTenant(t)
	room := make([]strength.Finding, 0, 64)
	n := 0
	if got := testing.AllocsPerRun(200, func() {
		u := &users[n%len(users)]
		room = e.Findings(room[:0], &u.user, u.memberOf, u.keys)
		n++
	}); got != 0 {
		t.Errorf("%v allocations a user, want none", got)
	}
}

type person struct {
	user     audit.User
	memberOf []audit.Membership
	keys     []audit.Passkey
}

// bigTenant is an evaluator of ten policies, and people to judge, for each of
// whom every sentence has been put together.
func bigTenant(t testing.TB) (*strength.Evaluator, []person) {
	f := strength.Facts{Strengths: []strength.Strength{hardware(t)}, RolesRead: true, Groups: []audit.Group{{ID: "g", Outcome: audit.OutcomeRead}}}
	for i := range 10 {
		p := policyFor(strength.Users{Groups: []string{"g", fmt.Sprint("g", i)}, Roles: []string{"r"}}, strength.Users{Users: []string{fmt.Sprint("x", i)}})
		p.ID = fmt.Sprint("p", i)
		f.Policies = append(f.Policies, p)
	}
	for i := range 1000 {
		f.Roles = append(f.Roles, audit.RoleAssignment{PrincipalID: fmt.Sprintf("%08x-fde0-4fc4-9e0c-a20eb73e54c6", i*7), PrincipalType: "user", RoleID: "r", Scope: "/"})
	}
	e := strength.NewEvaluator(f)
	var list []person
	for i := range 1000 {
		p := person{user: audit.User{ID: fmt.Sprintf("%08x-fde0-4fc4-9e0c-a20eb73e54c6", i), Type: "Member"}, keys: []audit.Passkey{{AAGUID: phone}, {AAGUID: key5}, {}}}
		for g := range i % 4 {
			p.memberOf = append(p.memberOf, audit.Membership{GroupID: fmt.Sprint("g", g*i%13)})
		}
		list = append(list, p)
		e.Findings(nil, &p.user, p.memberOf, p.keys)
	}
	return e, list
}

func BenchmarkFindings(b *testing.B) {
	e, users := bigTenant(b)
	room := make([]strength.Finding, 0, 64)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		u := &users[n%len(users)]
		room = e.Findings(room[:0], &u.user, u.memberOf, u.keys)
		n++
	}
}
