package strength_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/strength"
)

// FuzzParse: whatever is sent, nothing panics, the same bytes read the same, and
// what was read can be judged by, in sentences of one line.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		``, `{}`, `null`, `{"id":"x","allowedCombinations":null,"combinationConfigurations":[null]}`, `{"ID":"x","id":null}`,
		fido2(`"allowedAAGUIDs":["` + key5 + `",""]`), fido2(`"allowedAAGUIDs":[],"appliesToCombinations":["sms"]`),
	} {
		f.Add([]byte(s), []byte(access(`{"includeUsers":["All"]}`, asks)))
	}
	for _, s := range []string{
		`{"id":"p","grantControls":{"authenticationStrength":{}}}`, access(`{"includeGuestsOrExternalUsers":{"guestOrExternalUserTypes":",,x,none"}}`, asks),
		access(`null`, asks), access(`{"excludeRoles":[null,"R"]}`, `,"authenticationStrength":`+fido2(`"allowedAAGUIDs":["`+phone+`"]`)),
	} {
		f.Add([]byte(fido2(`"allowedAAGUIDs":["`+key5+`"]`)), []byte(s))
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		strengths, notes, err := strength.Parse([][]byte{one})
		if err != nil && (strengths != nil || notes != nil) {
			t.Fatalf("an error and something else: %v, %v", strengths, err)
		}
		again, _, _ := strength.Parse([][]byte{one, one})
		if diff := cmp.Diff(strengths, again); diff != "" && err == nil {
			t.Fatalf("the same twice is not the same:\n%s", diff)
		}
		policies, more, err := strength.ParsePolicies([][]byte{other})
		if err != nil && (policies != nil || more != nil) {
			t.Fatalf("an error and something else: %v, %v", policies, err)
		}
		e := strength.NewEvaluator(strength.Facts{Strengths: strengths, Policies: policies})
		for _, u := range []audit.User{member, guest, untold} {
			for _, found := range e.Findings(nil, &u, inG, []audit.Passkey{{AAGUID: phone}, {}}) {
				if found.Scope == audit.No || found.Accepted == audit.Yes || (found.Why == "") != (found.Certain() == audit.Yes) || !oneLine(found.Why) {
					t.Fatalf("finding %+v", found)
				}
			}
		}
		for _, n := range append(append(notes, more...), e.Notes()...) {
			if n.Text == "" || !oneLine(n.Text) {
				t.Fatalf("note %q", n.Text)
			}
		}
	})
}

func oneLine(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
