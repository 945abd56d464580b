package strength_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/strength"
)

const (
	key5     = "fa2b99dc-9e39-4257-8f92-4a30d23c4118"
	keyNewer = "a25342c0-3cdc-4414-8e46-f4807fca511c"
	phone    = "de1e552d-db1d-4423-a619-566b625cdc84"
)

func aaguid(t testing.TB, text string) audit.AAGUID {
	t.Helper()
	a, err := audit.ParseAAGUID(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// items makes the objects of a page.
func items(objects ...string) [][]byte {
	var list [][]byte
	for _, o := range objects {
		list = append(list, []byte(o))
	}
	return list
}

// fido2 is a strength as Graph sends it, with a configuration.
func fido2(properties string) string {
	return `{"id":"S1","displayName":"Hardware keys","policyType":"custom","requirementsSatisfied":"mfa","allowedCombinations":["fido2"],
		"combinationConfigurations@odata.context":"x","combinationConfigurations":[{"@odata.type":"#microsoft.graph.fido2CombinationConfiguration","id":"c",` + properties + `}]}`
}

func TestParse(t *testing.T) {
	list := []audit.AAGUID{aaguid(t, keyNewer), aaguid(t, key5)}
	limited := func(lists ...[]audit.AAGUID) strength.Strength {
		return strength.Strength{ID: "s1", Name: "Hardware keys", Custom: true, Told: true, Lists: lists}
	}
	unclear := limited()
	unclear.Unclear = true
	for _, tt := range []struct {
		name string
		in   string
		want strength.Strength
		// note is a part of the only note, empty for none; open whether findings
		// may be missing for it.
		note string
		open bool
	}{
		{"as documented", fido2(`"appliesToCombinations":["fido2"],"allowedAAGUIDs":["` + key5 + `","` + keyNewer + `"]`), limited(list), "", false},
		{"letter case, braces, duplicates", fido2(`"appliestocombinations":["FIDO2"],"allowedAaGuids":["{` + strings.ToUpper(key5) + `}","` + keyNewer + `","` + key5 + `"]`), limited(list), "", false},
		{"nothing said of combinations", fido2(`"allowedAAGUIDs":["` + key5 + `","` + keyNewer + `"]`), limited(list), "", false},
		{"for other methods", fido2(`"appliesToCombinations":["password,sms"],"allowedAAGUIDs":["` + key5 + `"]`), limited(), "for other methods than passkeys", false},
		{"entries that are none", fido2(`"allowedAAGUIDs":["` + key5 + `","",null,"YubiKey","` + keyNewer + `"]`), limited(list), "3 entries", false},
		{"all entries are none", fido2(`"allowedAAGUIDs":["YubiKey"]`), limited([]audit.AAGUID{}), "1 entries", false},
		{"empty list", fido2(`"allowedAAGUIDs":[]`), unclear, "empty list", false},
		{"no list", fido2(`"allowedAAGUIDs":null`), unclear, "was not told", false},
		{"built-in", `{"id":"00000000-0000-0000-0000-000000000004","displayName":"Phishing-resistant MFA","policyType":"builtIn","allowedCombinations":["fido2"],"combinationConfigurations":[]}`,
			strength.Strength{ID: "00000000-0000-0000-0000-000000000004", Name: "Phishing-resistant MFA", Told: true}, "", false},
		{"built-in with a list", strings.Replace(fido2(`"allowedAAGUIDs":["`+key5+`","`+keyNewer+`"]`), "custom", "builtIn", 1),
			strength.Strength{ID: "s1", Name: "Hardware keys", Told: true, Lists: [][]audit.AAGUID{list}}, "", false},
		{"configurations left out", `{"id":"s1","displayName":"Hardware keys","policyType":"custom"}`, strength.Strength{ID: "s1", Name: "Hardware keys", Custom: true}, "", false},
		{"certificates", strings.Replace(fido2(`"allowedIssuerSkis":["x"]`), "fido2Comb", "x509CertificateComb", 1), limited(), "", false},
		{"a kind to come", strings.Replace(fido2(`"allowed":["x"]`), "fido2Comb", "orbitalComb", 1), limited(), "kind that is not known", true},
		{"a kind to come for other methods", strings.Replace(fido2(`"appliesToCombinations":["sms"]`), "fido2Comb", "orbitalComb", 1), limited(), "kind that is not known", false},
		{"type not told", strings.Replace(fido2(`"allowedAAGUIDs":["`+key5+`","`+keyNewer+`"]`), `"@odata.type":"#microsoft.graph.fido2CombinationConfiguration",`, "", 1), limited(list), "", false},
		{"no passkeys permitted", strings.Replace(fido2(`"allowedAAGUIDs":["`+key5+`"]`), `["fido2"]`, `["password,sms"]`, 1), limited(), "permits no passkeys", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, notes, err := strength.Parse(items(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]strength.Strength{tt.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tt.note == "" && len(notes) > 0 || tt.note != "" && (len(notes) != 1 || !strings.Contains(notes[0].Text, tt.note) || notes[0].Open != tt.open) {
				t.Errorf("got notes %+v, want one with %q, open %v", notes, tt.note, tt.open)
			}
		})
	}
}

func TestParseSeveral(t *testing.T) {
	one, other := fido2(`"allowedAAGUIDs":["`+key5+`"]`), fido2(`"allowedAAGUIDs":["`+phone+`"]`)
	got, notes, err := strength.Parse(items(one, strings.ReplaceAll(one, "S1", "s1"), `{"id":"s2"}`))
	if err != nil || len(got) != 2 || got[0].ID != "s1" || got[1].ID != "s2" || got[0].Unclear || len(notes) != 0 {
		t.Errorf("one listed twice: got %+v, %v, %v", got, notes, err)
	}
	got, notes, err = strength.Parse(items(one, other))
	if err != nil || len(got) != 1 || !got[0].Unclear || len(notes) != 1 || !notes[0].Open {
		t.Errorf("one listed in two forms: got %+v, %v, %v", got, notes, err)
	}
	if got, notes, err := strength.Parse(nil); len(got)+len(notes) != 0 || err != nil {
		t.Errorf("nothing: got %v, %v, %v", got, notes, err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`null`, "read authentication strength 2: it is no JSON object"},
		{`[]`, "read authentication strength 2: it is no JSON object"},
		{``, "read authentication strength 2: it is no JSON object"},
		{`{}`, "read authentication strength 2: it has no id"},
		{`{"id":"x"`, "read authentication strength 2: unexpected end of JSON input"},
		{`{"id":5}`, "read authentication strength 2: id is a JSON number"},
		{`{"id":"x","combinationConfigurations":{}}`, "read authentication strength 2: combinationConfigurations is a JSON object"},
	} {
		got, _, err := strength.Parse(items(`{"id":"a"}`, tt.in))
		if err == nil || err.Error() != tt.want || got != nil {
			t.Errorf("%s: got %v, %v; want %s", tt.in, got, err, tt.want)
		}
	}
}

func TestAccepts(t *testing.T) {
	a, b, c := aaguid(t, key5), aaguid(t, keyNewer), aaguid(t, phone)
	for _, tt := range []struct {
		name     string
		strength strength.Strength
		want     [3]audit.Ternary // for a, b and c
	}{
		{"not limited", strength.Strength{}, [3]audit.Ternary{audit.Yes, audit.Yes, audit.Yes}},
		{"a list", strength.Strength{Lists: [][]audit.AAGUID{{b, a}}}, [3]audit.Ternary{audit.Yes, audit.Yes, audit.No}},
		{"a list of nothing", strength.Strength{Lists: [][]audit.AAGUID{{}}}, [3]audit.Ternary{audit.No, audit.No, audit.No}},
		{"lists that disagree", strength.Strength{Lists: [][]audit.AAGUID{{b, a}, {a}}}, [3]audit.Ternary{audit.Yes, audit.Unknown, audit.No}},
		{"unclear", strength.Strength{Unclear: true, Lists: [][]audit.AAGUID{{a}}}, [3]audit.Ternary{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := [3]audit.Ternary{tt.strength.Accepts(a), tt.strength.Accepts(b), tt.strength.Accepts(c)}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
