package policy_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/policy"
)

// holders are the users of the table test: pilots and others, with passkeys
// that work, that do not, and that may.
func holders() []holder {
	pilot := []audit.Membership{{GroupID: "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", Nested: audit.No}}
	out := []audit.Membership{{GroupID: "0b1f1c52-6f6c-4c3c-9a57-5f9f6a2d9b01", Nested: audit.No}}
	key := func(aaguid string, kind audit.PasskeyType) audit.Passkey {
		return audit.Passkey{AAGUID: aaguid, Type: kind}
	}
	return []holder{
		{"alex", nil, []audit.Passkey{key(yubiKey, audit.DeviceBound), key(strings.ToUpper(yubiKey), audit.DeviceBound), key(ios, audit.DeviceBound)}},
		{"adele", pilot, []audit.Passkey{key(google, audit.Synced), key(yubiKey, audit.DeviceBound)}},
		{"diego", pilot, []audit.Passkey{key(google, audit.Synced), key("", audit.Synced)}},
		{"isaiah", pilot, []audit.Passkey{key("c5ef55ff-ad9a-4b9f-b580-adebafe026d0", "")}},
		{"lynne", nil, []audit.Passkey{key("c5ef55ff-ad9a-4b9f-b580-adebafe026d0", audit.DeviceBound), key("", audit.DeviceBound)}},
		{"megan", out, []audit.Passkey{key("ffffffff-0000-4000-8000-000000000001", audit.DeviceBound)}},
		{"nestor", nil, []audit.Passkey{key("00000000-0000-0000-0000-000000000000", audit.DeviceBound)}},
		{"patti", nil, nil},
	}
}

func TestSuggester(t *testing.T) {
	legacy, profiles := string(wire(t, "policy-legacy.json")), string(wire(t, "policy-profiles.json"))
	blocking := `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#x","state":"enabled","keyRestrictions":{"later":[1, 2],"isEnforced":true,"enforcementType":"block","aaGuids":["` + google + `"],"aaGuids@odata.type":"#Collection(String)"},
		"includeTargets":[{"targetType":"group","id":"all_users"}]}`
	unknown := strings.NewReplacer(`"name": "Synced for pilots"`, `"name": "Synced <for> pilots & others", "colour": {"shade": 1e3}`,
		`"isEnforced": false`, `"isEnforced": false, "reach": null`).Replace(profiles)
	tests := []struct {
		name, live string
		o          policy.SuggestOptions
	}{
		{"tenant-wide", strings.Replace(legacy, `"state": "disabled"`, `"state": "enabled"`, 1), policy.SuggestOptions{}},
		{"block-list", blocking, policy.SuggestOptions{Live: []byte(blocking)}},
		{"block-list-min-users", blocking, policy.SuggestOptions{MinUsers: 2, Unread: 3}},
		{"profiles", profiles, policy.SuggestOptions{Live: []byte(profiles)}},
		{"profiles-unknown-properties", unknown, policy.SuggestOptions{Live: []byte("\ufeff" + unknown), Profile: "Synced <for> pilots & others"}},
		{"profiles-one", profiles, policy.SuggestOptions{Profile: first}},
		{"disabled", legacy, policy.SuggestOptions{}},
	}
	groups := []audit.Group{
		{ID: "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", Outcome: audit.OutcomeRead},
		{ID: "0b1f1c52-6f6c-4c3c-9a57-5f9f6a2d9b01", Outcome: audit.OutcomeRead},
	}
	var files []string
	for _, test := range tests {
		file := filepath.Join("testdata", "suggestions", test.name+".golden")
		files = append(files, file)
		t.Run(test.name, func(t *testing.T) {
			g, err := policy.NewSuggester(parse(t, test.live), groups, names, test.o)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range holders() {
				g.Observe(u.id, u.memberOf, u.keys)
			}
			s, err := g.Suggest()
			if err != nil {
				t.Fatal(err)
			}
			prices, err := g.Pricing()
			if err != nil {
				t.Fatal(err)
			}
			got := describeSuggestion(s)
			for _, u := range holders() {
				if l := prices.Observe(u.id, u.memberOf, u.keys); l != (policy.Loss{}) {
					got += fmt.Sprintf("%s loses %+v\n", u.id, l)
				}
			}
			for _, row := range prices.Table() {
				got += fmt.Sprintf("%+v\n", row)
			}
			golden(t, file, got)
		})
	}
	sameFiles(t, files)
}

func TestSuggesterRefuses(t *testing.T) {
	profiles := parse(t, string(wire(t, "policy-profiles.json")))
	if _, err := policy.NewSuggester(profiles, nil, nil, policy.SuggestOptions{Profile: "x"}); err == nil || !strings.HasPrefix(err.Error(), `suggest for profile "x": no such profile; `) {
		t.Errorf("no such profile: %v", err)
	}
	many := audit.Policy{}
	for i := range 65 {
		many.Profiles = append(many.Profiles, audit.Profile{ID: fmt.Sprint(i)})
	}
	if _, err := policy.NewSuggester(many, nil, nil, policy.SuggestOptions{}); err == nil || err.Error() != "suggest: the policy has 65 passkey profiles; 64 are handled" {
		t.Errorf("65 profiles: %v", err)
	}
	for _, test := range []struct{ live, want string }{
		{`[]`, "suggest: read the live body: a JSON object is expected"},
		{`{"passkeyProfiles":{}}`, "suggest: read the profiles of the live body: "},
		{`{"passkeyProfiles":["x"]}`, "suggest: read a profile of the live body: a JSON object is expected"},
		{`{"passkeyProfiles":[]}`, `suggest: the live body does not hold profile "Default passkey profile"`},
	} {
		g, err := policy.NewSuggester(profiles, nil, nil, policy.SuggestOptions{Live: []byte(test.live)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Suggest(); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.live, err, test.want)
		}
	}
}

// TestThresholds: the table ends with the first list that holds nothing but
// what is always on it.
func TestThresholds(t *testing.T) {
	legacy := parse(t, `{"state":"enabled","includeTargets":[{"targetType":"group","id":"all_users"}]}`)
	for _, test := range []struct {
		users, asked int
		want         []int
	}{
		{0, 0, []int{1}},
		{1, 0, []int{1, 2}},
		{2, 7, []int{1, 2, 3, 7}},
		{120, 30, []int{1, 2, 3, 5, 10, 20, 30, 50, 100, 200}},
		{500, 0, []int{1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000}},
	} {
		g, err := policy.NewSuggester(legacy, nil, nil, policy.SuggestOptions{MinUsers: test.asked})
		if err != nil {
			t.Fatal(err)
		}
		for i := range test.users {
			g.Observe(fmt.Sprint(i), nil, []audit.Passkey{{AAGUID: yubiKey}})
		}
		prices, err := g.Pricing()
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, row := range prices.Table() {
			got = append(got, row.MinUsers)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%d users (-want +got):\n%s", test.users, diff)
		}
	}
}

// BenchmarkSuggest is one user of a large tenant, who has two passkeys: the
// first pass, and the second one with its table.
func BenchmarkSuggest(b *testing.B) {
	p := parse(b, string(wire(b, "policy-profiles.json")))
	pilots := []audit.Membership{{GroupID: "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", Nested: audit.No}}
	groups := []audit.Group{{ID: "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", Outcome: audit.OutcomeRead}, {ID: "0b1f1c52-6f6c-4c3c-9a57-5f9f6a2d9b01", Outcome: audit.OutcomeRead}}
	keys := tenant(4096)
	g, err := policy.NewSuggester(p, groups, nil, policy.SuggestOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("observe", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			at := i * 2 % (len(keys) - 2)
			g.Observe("86462606-fde0-4fc4-9e0c-a20eb73e54c6", pilots, keys[at:at+2])
		}
	})
	prices, err := g.Pricing()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("price", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			at := i * 2 % (len(keys) - 2)
			prices.Observe("86462606-fde0-4fc4-9e0c-a20eb73e54c6", pilots, keys[at:at+2])
		}
	})
}
