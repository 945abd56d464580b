package policy_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"passkey-audit/audit"
	"passkey-audit/audit/policy"
)

func TestSuggestInUse(t *testing.T) {
	legacy, profiles := parse(t, string(wire(t, "policy-legacy.json"))), parse(t, string(wire(t, "policy-profiles.json")))
	blocking := parse(t, `{"state":"enabled","keyRestrictions":{"isEnforced":true,"enforcementType":"block","aaGuids":["`+google+`"]}}`)
	use := []policy.Use{
		{AAGUID: aaguid(t, yubiKey), Passkeys: 12, Users: 9},
		{AAGUID: aaguid(t, google), Passkeys: 2, Users: 2},
		{AAGUID: aaguid(t, android), Passkeys: 1, Users: 1},
		{AAGUID: audit.AAGUID{}, Passkeys: 1, Users: 1},
	}
	tests := []struct {
		name string
		live audit.Policy
		o    policy.SuggestOptions
	}{
		{"tenant-wide", legacy, policy.SuggestOptions{}},
		{"tenant-wide-min-users", blocking, policy.SuggestOptions{MinUsers: 3, Add: []audit.AAGUID{aaguid(t, "ffffffff-0000-4000-8000-000000000001")}}},
		{"profiles", profiles, policy.SuggestOptions{}},
		{"profiles-one-by-name", profiles, policy.SuggestOptions{Profile: "synced FOR pilots", MinUsers: 2}},
		{"profiles-one-by-id", profiles, policy.SuggestOptions{Profile: strings.ToUpper(first)}},
	}
	var files []string
	for _, test := range tests {
		files = append(files, filepath.Join("testdata", "in-use", test.name+".golden"))
		t.Run(test.name, func(t *testing.T) {
			s, err := policy.SuggestInUse(test.live, use, test.o)
			if err != nil {
				t.Fatal(err)
			}
			got := describeSuggestion(s)
			golden(t, filepath.Join("testdata", "in-use", test.name+".golden"), got)
		})
	}
	sameFiles(t, files)
}

func describeSuggestion(s policy.Suggestion) string {
	got := fmt.Sprintf("%ssize: %d, policy: %d, fit %q\n", s.Body, s.Size, s.PolicySize, s.Fit)
	for _, l := range s.Lists {
		got += l.Where + "\n"
		for _, e := range l.Entries {
			got += fmt.Sprintf("  %s passkeys %d users %d", e.AAGUID, e.Passkeys, e.Users)
			if e.Added {
				got += " added"
			}
			if e.Doubtful {
				got += " doubtful"
			}
			got += "\n"
		}
	}
	for _, u := range s.LeftOut {
		got += fmt.Sprintf("left out: %s %d %d\n", u.AAGUID, u.Passkeys, u.Users)
	}
	for _, n := range s.Notes {
		got += "note: " + n + "\n"
	}
	return got
}

func TestSuggestRefuses(t *testing.T) {
	legacy, profiles := parse(t, string(wire(t, "policy-legacy.json"))), parse(t, string(wire(t, "policy-profiles.json")))
	twins := parse(t, `{"passkeyProfiles":[{"id":"a","name":"Twin"},{"id":"b","name":"twin"}]}`)
	for _, test := range []struct {
		live          audit.Policy
		profile, want string
	}{
		{legacy, "Pilots", `suggest for profile "Pilots": the tenant has no passkey profiles`},
		{profiles, "Pilots", `suggest for profile "Pilots": no such profile; there are profile "Default passkey profile" (` + first + `), profile "Synced for pilots" (` + pilots + `)`},
		{twins, "TWIN", `suggest for profile "TWIN": two profiles have this name; give the id`},
	} {
		if _, err := policy.SuggestInUse(test.live, nil, policy.SuggestOptions{Profile: test.profile}); err == nil || err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
}

func TestSuggestSize(t *testing.T) {
	legacy := parse(t, string(wire(t, "policy-legacy.json")))
	for _, test := range []struct {
		aaguids int
		want    string
	}{{100, ""}, {440, "near Microsoft's limit"}, {520, "over Microsoft's limit"}} {
		var use []policy.Use
		for i := range test.aaguids {
			use = append(use, policy.Use{AAGUID: audit.AAGUID{1, byte(i), byte(i >> 8)}, Passkeys: 1, Users: 1})
		}
		s, err := policy.SuggestInUse(legacy, use, policy.SuggestOptions{})
		if err != nil {
			t.Fatal(err)
		}
		notes := strings.Join(s.Notes, "\n")
		fit := map[string]policy.Fit{"": policy.FitWell, "near Microsoft's limit": policy.FitNear, "over Microsoft's limit": policy.FitOver}[test.want]
		if s.Fit != fit {
			t.Errorf("%d AAGUIDs: fit %q, want %q", test.aaguids, s.Fit, fit)
		}
		if strings.Contains(notes, "limit") != (test.want != "") || !strings.Contains(notes, test.want) {
			t.Errorf("%d AAGUIDs, %d bytes: notes %q, want %q", test.aaguids, s.Size, notes, test.want)
		}
	}
}
