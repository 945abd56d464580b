package graphsim

import (
	"net/http"
	"strings"
	"testing"
)

// TestGranted takes permissions away one at a time, and looks which paths are
// refused.
func TestGranted(t *testing.T) {
	all := []string{
		"User.Read.All", "UserAuthMethod-Passkey.Read.All", "Policy.Read.AuthenticationMethod", "GroupMember.Read.All",
		"Organization.Read.All", "AuditLog.Read.All", "RoleManagement.Read.Directory", "Policy.Read.All", "Member.Read.Hidden",
	}
	full := New(Options{Users: 5})
	user, group, hidden := full.User(0).ID, full.Groups()[groupPilots].ID, full.Groups()[groupHidden].ID
	paths := map[string]string{ // and the code of the refusal
		"organization":                           "Authorization_RequestDenied",
		"users":                                  "Authorization_RequestDenied",
		"users/" + user:                          "Authorization_RequestDenied",
		"groups/" + group:                        "Authorization_RequestDenied",
		"groups/" + group + "/transitiveMembers": "Authorization_RequestDenied",
		"groups/" + hidden + "/members":          "",
		"users/" + user + "/authentication/fido2Methods":                                "accessDenied",
		"policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2": "AccessDenied",
		"policies/authenticationStrengthPolicies":                                       "AccessDenied",
		"identity/conditionalAccess/policies":                                           "AccessDenied",
		"roleManagement/directory/roleAssignments":                                      "Authorization_RequestDenied",
		"reports/authenticationMethods/userRegistrationDetails":                         "Authentication_MSGraphPermissionMissing",
	}
	refused := func(missing string) map[string]bool {
		granted := []string{}
		for _, p := range all {
			if p != missing && (missing != "Policy.Read.AuthenticationMethod" || p != "Policy.Read.All") {
				granted = append(granted, p)
			}
		}
		s := New(Options{Users: 5, Granted: granted})
		out := map[string]bool{}
		for path, code := range paths {
			a := get(t, s, "/v1.0/"+path)
			status, body := a.status, string(a.body)
			switch {
			case status == http.StatusForbidden:
				out[path] = true
				if !strings.Contains(body, `"code":"`+code) {
					t.Errorf("without %s: %s is refused with %s, want code %s", missing, path, body, code)
				}
			case status != http.StatusOK:
				t.Errorf("without %s: %s answers %d %s", missing, path, status, body)
			}
		}
		return out
	}
	if got := refused(""); len(got) > 0 {
		t.Errorf("with all permissions are refused: %v", got)
	}
	for missing, want := range map[string]int{
		"User.Read.All": 2, "UserAuthMethod-Passkey.Read.All": 1, "Policy.Read.AuthenticationMethod": 3, "GroupMember.Read.All": 3,
		"Organization.Read.All": 1, "AuditLog.Read.All": 1, "RoleManagement.Read.Directory": 1, "Policy.Read.All": 1, "Member.Read.Hidden": 1,
	} {
		if got := refused(missing); len(got) != want {
			t.Errorf("without %s are refused %v, want %d", missing, got, want)
		}
	}
}

func TestNotOffered(t *testing.T) {
	s := New(Options{Users: 5, NotOffered: OnMethods | OnPolicy})
	for path, want := range map[string]int{
		"users": 200,
		"users/" + s.User(0).ID + "/authentication/fido2Methods":                        400,
		"policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2": 400,
	} {
		if a := get(t, s, "/v1.0/"+path); a.status != want || want == 400 && !strings.Contains(string(a.body), "Resource not found for the segment") {
			t.Errorf("%s: %d %s, want %d", path, a.status, a.body, want)
		}
	}
}
