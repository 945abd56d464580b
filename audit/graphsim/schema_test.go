package graphsim

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"passkey-audit/audit"
)

// A schema is the slice of Graph's published metadata in testdata.
type schema struct {
	Types map[string]struct {
		Base       string
		Properties map[string]struct {
			Type     string
			Nullable bool
		}
		Navigation map[string]string
	}
	Enums map[string]struct {
		Flags   bool
		Members []string
	}
	// values counts the properties that were checked, by type and name.
	values map[string]int
}

func readSchema(t *testing.T) *schema {
	t.Helper()
	b, err := os.ReadFile("testdata/schema-v1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	s := &schema{values: make(map[string]int)}
	if err := json.Unmarshal(b, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// object gives what is wrong with v as an object of a type, annotations left out.
func (s *schema) object(typeName string, v any, beyond ...string) error {
	members, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: got %T, want an object", typeName, v)
	}
	for name, value := range members {
		if strings.Contains(name, "@odata.") || slices.Contains(beyond, name) {
			continue
		}
		declared, nullable, ok := s.property(typeName, name)
		if !ok {
			return fmt.Errorf("%s has no property %s", typeName, name)
		}
		if err := s.value(declared, nullable, value); err != nil {
			return fmt.Errorf("%s.%s: %w", typeName, name, err)
		}
		s.values[typeName+"."+name]++
	}
	return nil
}

// property looks through the base types and the navigation properties.
func (s *schema) property(typeName, name string) (declared string, nullable, ok bool) {
	for typeName != "" {
		t, known := s.Types[typeName]
		if !known {
			return "", false, false
		}
		if p, ok := t.Properties[name]; ok {
			return p.Type, p.Nullable, true
		}
		if n, ok := t.Navigation[name]; ok {
			// One that leads to a single object may lead nowhere.
			return n, !strings.HasPrefix(n, "Collection("), true
		}
		typeName = t.Base
	}
	return "", false, false
}

func (s *schema) value(declared string, nullable bool, v any) error {
	if v == nil {
		if !nullable {
			return fmt.Errorf("null, and %s is not nullable", declared)
		}
		return nil
	}
	if inner, ok := strings.CutPrefix(declared, "Collection("); ok {
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("got %T, want a collection", v)
		}
		for _, element := range list {
			if err := s.value(strings.TrimSuffix(inner, ")"), false, element); err != nil {
				return err
			}
		}
		return nil
	}
	text, isText := v.(string)
	switch declared {
	case "Edm.String":
		if !isText {
			return fmt.Errorf("got %T, want a string", v)
		}
		return nil
	case "Edm.Boolean":
		if _, ok := v.(bool); !ok {
			return fmt.Errorf("got %T, want a boolean", v)
		}
		return nil
	case "Edm.DateTimeOffset":
		_, err := time.Parse(time.RFC3339Nano, text)
		return err
	case "Edm.Guid":
		_, err := audit.ParseAAGUID(text)
		return err
	}
	name, ok := strings.CutPrefix(declared, "graph.")
	if !ok {
		return fmt.Errorf("type %s is not known to the test", declared)
	}
	if enum, ok := s.Enums[name]; ok {
		parts := []string{text}
		if enum.Flags {
			parts = strings.Split(text, ",")
		}
		for _, part := range parts {
			if !isText || !slices.Contains(enum.Members, part) {
				return fmt.Errorf("%q is no value of %s", part, name)
			}
		}
		return nil
	}
	if actual, ok := v.(map[string]any); ok {
		if t, ok := actual["@odata.type"].(string); ok {
			name = strings.TrimPrefix(t, "#microsoft.graph.")
		}
	}
	switch name {
	case "authenticationMethodConfiguration", "authenticationCombinationConfiguration", "directoryObject":
		return fmt.Errorf("%s without the @odata.type of what it really is", name)
	case "conditionalAccessApplications", "conditionalAccessAllExternalTenants":
		// Not in the slice: nothing reads them.
		return nil
	}
	return s.object(within(name), v)
}

// within gives the type to hold an object against. Devices and service
// principals are not in the slice; ours have what every object has.
func within(name string) string {
	if name == "device" || name == "servicePrincipal" {
		return "directoryObject"
	}
	return name
}

// allOf asks for every property that an endpoint knows.
func allOf[T any](table []property[T]) string {
	var list []string
	for _, p := range table {
		list = append(list, p.name)
	}
	return "$select=" + strings.Join(list, ",")
}

// TestSchema walks every answer that is no error, and holds each property, type
// and enumeration value against Graph's metadata.
func TestSchema(t *testing.T) {
	const users = 1500
	sch := readSchema(t)
	check := func(typeName, from string, v any, beyond ...string) {
		t.Helper()
		if err := sch.object(typeName, v, beyond...); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
	for _, shape := range []Shape{ShapeProfiles, ShapeLegacy} {
		s := New(Options{Users: users, Seed: 7, Shape: shape})
		lists := map[string]string{
			"/v1.0/organization": "organization",
			"/v1.0/users":        "user",
			"/v1.0/users?$top=999&" + allOf(s.userProperties):             "user",
			"/beta/users?$filter=userType eq 'Guest'":                     "user",
			"/v1.0/reports/authenticationMethods/userRegistrationDetails": "userRegistrationDetails",

			"/v1.0/roleManagement/directory/roleAssignments":                               "unifiedRoleAssignment",
			"/v1.0/roleManagement/directory/roleAssignments?$expand=principal":             "unifiedRoleAssignment",
			"/v1.0/roleManagement/directory/roleAssignments?$expand=principal($select=id)": "unifiedRoleAssignment",
			"/v1.0/policies/authenticationStrengthPolicies":                                "authenticationStrengthPolicy",
			"/v1.0/identity/conditionalAccess/authenticationStrength/policies":             "authenticationStrengthPolicy",
			"/v1.0/identity/conditionalAccess/policies":                                    "conditionalAccessPolicy",
		}
		for _, strength := range strengths() {
			one := "/v1.0/policies/authenticationStrengthPolicies/" + strength.id
			check("authenticationStrengthPolicy", one, get(t, s, one).object(t))
		}
		for g, group := range s.Groups() {
			if group.Hidden {
				continue
			}
			lists["/v1.0/groups/"+group.ID+"/members"] = "directoryObject"
			lists["/v1.0/groups/"+group.ID+"/transitiveMembers"] = "directoryObject"
			check("group", "group", get(t, s, "/v1.0/groups/"+group.ID).object(t))
			check("group", "group", get(t, s, "/v1.0/groups/"+group.ID+"?"+allOf(s.groupProperties)).object(t))
			cast, _ := walk(t, s, "/v1.0/groups/"+group.ID+"/transitiveMembers/microsoft.graph.user?$count=true", "ConsistencyLevel", "eventual")
			for _, v := range cast {
				check("user", "cast of group "+s.Groups()[g].Name, v)
			}
		}
		for address, typeName := range lists {
			values, _ := walk(t, s, strings.ReplaceAll(address, " ", "%20"))
			if len(values) == 0 {
				t.Errorf("%s is empty", address)
			}
			for _, v := range values {
				actual := typeName
				if typeName == "directoryObject" {
					actual = strings.TrimPrefix(fmt.Sprint(v["@odata.type"]), "#microsoft.graph.")
				}
				check(within(actual), address, v)
			}
		}
		for _, policy := range []string{"/v1.0/policies/authenticationMethodsPolicy", "/v1.0/authenticationMethodsPolicy"} {
			check("authenticationMethodsPolicy", policy, get(t, s, policy).object(t))
			fido := policy + "/authenticationMethodConfigurations/fido2"
			check("fido2AuthenticationMethodConfiguration", fido, get(t, s, fido).object(t))
		}
		for i := range users {
			id := s.User(i).ID
			check("user", "user", get(t, s, "/v1.0/users/"+id).object(t))
			if s.tenant.registered(i) {
				check("userRegistrationDetails", "row", get(t, s, "/v1.0/reports/authenticationMethods/userRegistrationDetails/"+id).object(t))
			}
			for version, beyond := range map[string]string{"v1.0": "", "beta": "lastUsedDateTime"} {
				methods := "/" + version + "/users/" + id + "/authentication/fido2Methods"
				values, _ := walk(t, s, methods)
				for _, v := range values {
					check("fido2AuthenticationMethod", methods, v, beyond)
					one := get(t, s, methods+"/"+v["id"].(string)).object(t)
					check("fido2AuthenticationMethod", "one method", one, beyond)
				}
			}
		}
	}
	sch.mustHaveSeen(t)
}

// mustHaveSeen keeps TestSchema from passing because it looked at nothing.
func (s *schema) mustHaveSeen(t *testing.T) {
	t.Helper()
	for _, seen := range []string{
		"organization.verifiedDomains", "user.accountEnabled", "user.userType", "group.displayName",
		"fido2AuthenticationMethod.aaGuid", "fido2AuthenticationMethod.passkeyType", "fido2AuthenticationMethod.attestationLevel",
		"fido2AuthenticationMethodConfiguration.passkeyProfiles", "passkeyProfile.passkeyTypes", "fido2KeyRestrictions.aaGuids",
		"passkeyAuthenticationMethodTarget.allowedPasskeyProfiles", "excludeTarget.id", "userRegistrationDetails.methodsRegistered",
		"authenticationMethodsPolicy.authenticationMethodConfigurations", "verifiedDomain.name",
		"unifiedRoleAssignment.principal", "unifiedRoleAssignment.directoryScopeId", "authenticationStrengthPolicy.allowedCombinations",
		"fido2CombinationConfiguration.allowedAAGUIDs", "conditionalAccessPolicy.state", "conditionalAccessGrantControls.authenticationStrength",
		"conditionalAccessUsers.includeRoles", "conditionalAccessGuestsOrExternalUsers.guestOrExternalUserTypes",
	} {
		if s.values[seen] == 0 {
			t.Errorf("%s was never checked", seen)
		}
	}
}

// TestSchemaRefuses makes sure that the check above can fail.
func TestSchemaRefuses(t *testing.T) {
	sch := readSchema(t)
	tests := []struct{ name, typeName, body string }{
		{"unknown property", "user", `{"shoeSize":"44"}`},
		{"wrong type", "user", `{"accountEnabled":"true"}`},
		{"null where not nullable", "userRegistrationDetails", `{"userPrincipalName":null}`},
		{"unknown enumeration value", "fido2AuthenticationMethod", `{"passkeyType":"hybrid"}`},
		{"unknown flag", "passkeyProfile", `{"passkeyTypes":"deviceBound,other"}`},
		{"no time", "user", `{"createdDateTime":"yesterday"}`},
		{"nested", "fido2AuthenticationMethodConfiguration", `{"keyRestrictions":{"list":[]}}`},
		{"principal of no type", "unifiedRoleAssignment", `{"principal":{"id":"x"}}`},
		{"unknown state", "conditionalAccessPolicy", `{"state":"on"}`},
		{"unknown combination", "authenticationStrengthPolicy", `{"allowedCombinations":["fido2,smoke"]}`},
		{"AAGUIDs as the methods policy spells them", "fido2CombinationConfiguration", `{"aaGuids":[]}`},
		{"element", "fido2AuthenticationMethodConfiguration", `{"passkeyProfiles":[{"passkeyTypes":"x"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v any
			if err := json.Unmarshal([]byte(tt.body), &v); err != nil {
				t.Fatal(err)
			}
			if err := sch.object(tt.typeName, v); err == nil {
				t.Errorf("%s passed as a %s", tt.body, tt.typeName)
			}
		})
	}
}
