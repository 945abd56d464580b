package policy_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"passkey-audit/audit"
	"passkey-audit/audit/policy"
)

func TestSuggest(t *testing.T) {
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
		files = append(files, filepath.Join("testdata", "suggestions", test.name+".golden"))
		t.Run(test.name, func(t *testing.T) {
			s, err := policy.Suggest(test.live, use, test.o)
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%ssize: %d\n", s.Body, s.Size)
			for _, u := range s.LeftOut {
				got += fmt.Sprintf("left out: %s %d %d\n", u.AAGUID, u.Passkeys, u.Users)
			}
			for _, n := range s.Notes {
				got += "note: " + n + "\n"
			}
			golden(t, filepath.Join("testdata", "suggestions", test.name+".golden"), got)
		})
	}
	sameFiles(t, files)
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
		if _, err := policy.Suggest(test.live, nil, policy.SuggestOptions{Profile: test.profile}); err == nil || err.Error() != test.want {
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
		s, err := policy.Suggest(legacy, use, policy.SuggestOptions{})
		if err != nil {
			t.Fatal(err)
		}
		notes := strings.Join(s.Notes, "\n")
		if strings.Contains(notes, "limit") != (test.want != "") || !strings.Contains(notes, test.want) {
			t.Errorf("%d AAGUIDs, %d bytes: notes %q, want %q", test.aaguids, s.Size, notes, test.want)
		}
	}
}

// TestSuggestBreaksNobody lays each suggestion over the policy that it was
// made for: whatever was allowed stays allowed.
func TestSuggestBreaksNobody(t *testing.T) {
	check := func(t *rapid.T) {
		live := drawPolicy(t)
		seen := map[string]bool{}
		live.Profiles = slices.DeleteFunc(live.Profiles, func(p audit.Profile) bool { // each has its own id
			id := strings.ToLower(p.ID)
			again := seen[id]
			seen[id] = true
			return again
		})
		var keys []audit.Passkey
		var use []policy.Use
		for range 12 {
			k := audit.Passkey{AAGUID: drawAAGUID.Draw(t, "aaguid"), Type: drawType.Draw(t, "passkey type")}
			if a, err := audit.ParseAAGUID(k.AAGUID); err == nil {
				use = append(use, policy.Use{AAGUID: a, Passkeys: 1, Users: 1})
				keys = append(keys, k)
			}
		}
		s, err := policy.Suggest(live, use, policy.SuggestOptions{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.Propose(live, policy.Spec{Body: s.Body, Source: "suggested-policy.json"})
		if err != nil {
			t.Fatalf("%v in\n%s", err, s.Body)
		}
		var groups []audit.Group
		for _, id := range rapid.SliceOfNDistinct(drawGroup, 0, 3, strings.ToLower).Draw(t, "known groups") {
			groups = append(groups, audit.Group{ID: id, Outcome: audit.OutcomeRead})
		}
		user, member := drawUser.Draw(t, "user"), drawMember(t)
		now := policy.NewEvaluator(live, groups, nil).Scope(user, member)
		then := policy.NewEvaluator(p.Policy, groups, nil).Scope(user, member)
		for i := range keys {
			before, after := now.Judge(&keys[i]), then.Judge(&keys[i])
			if before.Decision == audit.Allowed && after.Decision != audit.Allowed {
				t.Fatalf("%+v: %s (%s) becomes %s (%s)", keys[i], before.Decision, before.Reason, after.Decision, after.Reason)
			}
		}
		if diff := cmp.Diff([]string(nil), unlisted(s, use)); diff != "" {
			t.Fatalf("in use and not on the list:\n%s", diff)
		}
	}
	for range 10 {
		rapid.Check(t, check)
	}
}

func unlisted(s policy.Suggestion, use []policy.Use) (out []string) {
	listed := map[audit.AAGUID]bool{}
	for _, a := range s.AAGUIDs {
		listed[a] = true
	}
	for _, a := range []audit.AAGUID{audit.AuthenticatorAndroid, audit.AuthenticatorIOS} {
		use = append(use, policy.Use{AAGUID: a})
	}
	for _, u := range use {
		if !listed[u.AAGUID] {
			out = append(out, u.AAGUID.String())
		}
	}
	return out
}
