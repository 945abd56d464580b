package strength_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit/strength"
)

// access is a Conditional Access policy as Graph sends it, with a condition on
// users and an authentication strength.
func access(users, grant string) string {
	return `{"id":"P1","displayName":"Keys","state":"enabled","conditions":{"applications":{"includeApplications":["All"]},"users":` + users + `},
		"grantControls":{"operator":"OR","builtInControls":[],"customAuthenticationFactors":[],"termsOfUse":[]` + grant + `}}`
}

const asks = `,"authenticationStrength":{"id":"S1","displayName":"Hardware keys","policyType":"custom"}`

func TestParsePolicies(t *testing.T) {
	named := strength.Strength{ID: "s1", Name: "Hardware keys", Custom: true}
	policy := func(include, exclude strength.Users) []strength.Policy {
		return []strength.Policy{{ID: "p1", Name: "Keys", State: "enabled", Strength: named, Include: include, Exclude: exclude}}
	}
	for _, tt := range []struct {
		name, in string
		want     []strength.Policy
		note     string
		open     bool
	}{
		{"all lists", access(`{"includeUsers":["U2","u1","U1"],"includeGroups":["G"],"includeRoles":["R"],"excludeUsers":["X"],"excludeGroups":["y"],"excludeRoles":["z"]}`, asks),
			policy(strength.Users{Users: []string{"u1", "u2"}, Groups: []string{"g"}, Roles: []string{"r"}},
				strength.Users{Users: []string{"x"}, Groups: []string{"y"}, Roles: []string{"z"}}), "", false},
		{"words", access(`{"includeUsers":["All"],"excludeUsers":["GuestsOrExternalUsers"]}`, asks), policy(strength.Users{All: true}, strength.Users{AllGuests: true}), "", false},
		{"none", access(`{"includeUsers":["None"],"includeGroups":null}`, asks), policy(strength.Users{}, strength.Users{}), "", false},
		{"guests", access(`{"includeGuestsOrExternalUsers":{"guestOrExternalUserTypes":"internalGuest, b2bCollaborationGuest","externalTenants":{"membershipKind":"all"}},
			"excludeGuestsOrExternalUsers":{"guestOrExternalUserTypes":"serviceProvider","externalTenants":{"membershipKind":"enumerated","members":["t"]}}}`, asks),
			policy(strength.Users{Guests: []string{"internalGuest", "b2bCollaborationGuest"}}, strength.Users{Guests: []string{"serviceProvider"}, SomeTenants: true}), "", false},
		{"guests none", access(`{"includeGuestsOrExternalUsers":{"guestOrExternalUserTypes":"none"},"excludeGuestsOrExternalUsers":null}`, asks), policy(strength.Users{}, strength.Users{}), "", false},
		{"no strength", access(`{}`, `,"authenticationStrength":null`), nil, "", false},
		{"no grant controls", `{"id":"p1","grantControls":null}`, nil, "", false},
		{"for workloads", `{"id":"P1","displayName":"Keys","state":"enabled","conditions":{"users":null},"grantControls":{"authenticationStrength":{"id":"S1","displayName":"Hardware keys","policyType":"custom"}}}`,
			policy(strength.Users{}, strength.Users{}), "does not say for which users", true},
		{"strength without an id", access(`{}`, `,"authenticationStrength":{}`), []strength.Policy{{ID: "p1", Name: "Keys", State: "enabled"}}, "which authentication strength", true},
		{"something else will do", strings.Replace(access(`{}`, asks), `"builtInControls":[]`, `"builtInControls":["compliantDevice"]`, 1),
			policy(strength.Users{}, strength.Users{}), "(compliantDevice)", false},
		{"something else beside", strings.NewReplacer(`"builtInControls":[]`, `"builtInControls":["compliantDevice"]`, `"OR"`, `"AND"`).Replace(access(`{}`, asks)),
			policy(strength.Users{}, strength.Users{}), "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, notes, err := strength.ParsePolicies(items(tt.in, tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tt.note == "" && len(notes) > 0 || tt.note != "" && (len(notes) != 1 || !strings.Contains(notes[0].Text, tt.note) || notes[0].Open != tt.open) {
				t.Errorf("got notes %+v, want one with %q, open %v", notes, tt.note, tt.open)
			}
		})
	}
}

func TestParsePoliciesTwice(t *testing.T) {
	one := access(`{"includeUsers":["All"]}`, asks)
	got, notes, err := strength.ParsePolicies(items(one, strings.Replace(one, "enabled", "disabled", 1)))
	if err != nil || len(got) != 1 || got[0].State != "enabled" || len(notes) != 1 || !notes[0].Open {
		t.Errorf("got %+v, %v, %v", got, notes, err)
	}
}

func TestParsePoliciesErrors(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`null`, "it is no JSON object"},
		{`"x"`, "it is no JSON object"},
		{`{}`, "it has no id"},
		{`{"id":"x"`, "unexpected end of JSON input"},
		{`{"id":"x","conditions":{"users":{"includeUsers":"All"}}}`, "conditions.users.includeUsers is a JSON string"},
	} {
		got, _, err := strength.ParsePolicies(items(`{"id":"a"}`, tt.in))
		if want := "read Conditional Access policy 2: " + tt.want; err == nil || err.Error() != want || got != nil {
			t.Errorf("%s: got %v, %v; want %s", tt.in, got, err, want)
		}
	}
}
