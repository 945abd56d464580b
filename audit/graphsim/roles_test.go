package graphsim

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

const rolesAddress = "/v1.0/roleManagement/directory/roleAssignments"

// TestRolesMatchReport: whoever is an administrator in the registration report
// holds a role, and nobody else does; some hold theirs through a group alone.
func TestRolesMatchReport(t *testing.T) {
	for _, users := range []int{50, 1500} {
		s := New(Options{Users: users, Seed: 21, MaxPage: 10})
		rows, pages := walk(t, s, rolesAddress+"?$expand=principal($select=id)")
		if pages < 2 && users > 1000 {
			t.Errorf("%d assignments on one page", len(rows))
		}
		direct, byGroup, ids := make(map[string][]string), make(map[string][]string), make(map[string]bool)
		scoped, others := 0, 0
		for _, r := range rows {
			principal := r["principal"].(map[string]any)
			if principal["id"] != r["principalId"] {
				t.Errorf("principal %v of an assignment to %v", principal["id"], r["principalId"])
			}
			id, holder, role := r["id"].(string), r["principalId"].(string), r["roleDefinitionId"].(string)
			if ids[id] {
				t.Errorf("assignment %s stands there twice", id)
			}
			ids[id] = true
			switch scope := r["directoryScopeId"].(string); {
			case principal["@odata.type"] == "#microsoft.graph.servicePrincipal":
				others++
			case principal["@odata.type"] == "#microsoft.graph.group":
				byGroup[holder] = append(byGroup[holder], role)
			case scope != "/":
				scoped++
				if !strings.HasPrefix(scope, "/administrativeUnits/") {
					t.Errorf("scope %q", scope)
				}
			default:
				direct[holder] = append(direct[holder], role)
			}
		}
		if others == 0 || len(byGroup) == 0 || users > 1000 && scoped == 0 {
			t.Errorf("%d users: %d service principals, %d groups, %d administrative units", users, others, len(byGroup), scoped)
		}
		groupAlone := 0
		for i := range users {
			u := s.User(i)
			held := slices.Clone(direct[u.ID])
			for g, group := range s.Groups() {
				if roles, ok := byGroup[group.ID]; ok && s.Member(g, i) {
					count(&groupAlone, len(held) == 0)
					held = append(held, roles...)
				}
			}
			want := s.Roles(i)
			slices.Sort(held)
			slices.Sort(want)
			if diff := cmp.Diff(want, slices.Compact(held)); diff != "" {
				t.Errorf("roles of user %d:\n%s", i, diff)
			}
			if admin := audit.TernaryOf(len(held) > 0); admin != u.Admin {
				t.Errorf("user %d holds %v, and the report says administrator = %q", i, held, u.Admin)
			}
		}
		if groupAlone == 0 {
			t.Errorf("%d users: nobody is an administrator through a group alone", users)
		}
	}
}

// TestRolesExpand: without $expand nothing says what a principal is.
func TestRolesExpand(t *testing.T) {
	s := New(Options{Users: 50, Seed: 21})
	for _, tt := range []struct {
		query, bad string
		properties []string
	}{
		{query: ""},
		{query: "?$expand=principal($select=id)", properties: []string{"@odata.type", "id"}},
		{query: "?$expand=principal%28%24select%3Did%29&%24top=3", properties: []string{"@odata.type", "id"}},
		{query: "?$expand=principal", properties: []string{"@odata.type", "businessPhones", "displayName", "givenName", "id", "jobTitle", "mail",
			"mobilePhone", "officeLocation", "preferredLanguage", "surname", "userPrincipalName"}},
		{query: "?$expand=roleDefinition", bad: "BadRequest"},
		{query: "?$expand=principal($select=mail)", bad: "BadRequest"},
		{query: "?$filter=x", bad: "BadRequest"},
	} {
		if tt.bad != "" {
			if a := get(t, s, rolesAddress+tt.query); a.status != 400 || a.code(t) != tt.bad {
				t.Errorf("%s: got %d, want 400 %s", tt.query, a.status, tt.bad)
			}
			continue
		}
		rows, _ := walk(t, s, rolesAddress+tt.query)
		user := s.User(emergencyFirst).ID
		at := slices.IndexFunc(rows, func(r map[string]any) bool { return r["principalId"] == user })
		if at < 0 {
			t.Fatalf("%s: no assignment to %s among %d", tt.query, user, len(rows))
		}
		principal, _ := rows[at]["principal"].(map[string]any)
		var got []string
		for name := range principal {
			got = append(got, name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(tt.properties, got); diff != "" {
			t.Errorf("%s: properties of a principal:\n%s", tt.query, diff)
		}
	}
}
