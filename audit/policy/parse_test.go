package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"passkey-audit/audit"
	"passkey-audit/audit/policy"
)

func TestParseWire(t *testing.T) {
	allUsers := audit.Target{Type: "group", ID: "all_users", RegistrationRequired: audit.No}
	with := func(t audit.Target, profiles ...string) audit.Target { t.Profiles = profiles; return t }
	both := []string{ios, android, android}
	tests := []struct {
		file string
		want audit.Policy
	}{
		{"policy-legacy.json", audit.Policy{
			State: "disabled", SelfServiceRegistration: audit.Yes, AttestationEnforced: audit.Yes,
			KeyRestrictions: audit.KeyRestrictions{Enforced: audit.No, Type: "block"},
			Include:         []audit.Target{allUsers},
		}},
		{"policy-profiles.json", audit.Policy{
			State: "enabled", SelfServiceRegistration: audit.Yes, AttestationEnforced: audit.Yes, DefaultProfile: first,
			KeyRestrictions: audit.KeyRestrictions{Enforced: audit.Yes, Type: "allow", AAGUIDs: both},
			Exclude:         []audit.Target{{Type: "group", ID: "0b1f1c52-6f6c-4c3c-9a57-5f9f6a2d9b01"}},
			Include: []audit.Target{with(allUsers, first), with(audit.Target{
				Type: "group", ID: "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", RegistrationRequired: audit.No}, first, pilots)},
			Profiles: []audit.Profile{
				{ID: first, Name: "Default passkey profile", Types: []audit.PasskeyType{"deviceBound", "synced"}, Attestation: "registrationOnly",
					KeyRestrictions: audit.KeyRestrictions{Enforced: audit.Yes, Type: "allow", AAGUIDs: both}},
				{ID: pilots, Name: "Synced for pilots", Types: []audit.PasskeyType{"synced"}, Attestation: "disabled",
					KeyRestrictions: audit.KeyRestrictions{Enforced: audit.No, Type: "allow",
						AAGUIDs: []string{"DD4EC289-E01D-41C9-BB89-70FA845D4BF2", "08987058-cadc-4b81-b6e1-30de50dcbe96"}}},
			},
		}},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			got, notes, err := policy.Parse(wire(t, test.file))
			if err != nil || len(notes) > 0 {
				t.Fatalf("notes %q, error %v", notes, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWireJudged judges Microsoft's example passkeys under its example
// policies, and under its own PATCH body laid over them.
func TestWireJudged(t *testing.T) {
	const strangers, inPilots = "", "7A1D6C0E-24F7-4F0F-8F5C-0F2F5B6F4A02"
	keys := readPasskeys(t, wire(t, "fido2Methods.json"))
	keys = append(keys,
		audit.Passkey{Name: "Phone", AAGUID: android, Type: audit.DeviceBound},
		audit.Passkey{Name: "Google", AAGUID: google, Type: audit.Synced})
	groups := []audit.Group{
		{ID: "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", Name: "Pilots", Outcome: audit.OutcomeRead},
		{ID: "0b1f1c52-6f6c-4c3c-9a57-5f9f6a2d9b01", Name: "Break glass accounts", Outcome: audit.OutcomeRead},
	}
	tests := []struct {
		name, file, state string
		patch             bool
		member            string
		want              string
	}{
		{"legacy: the method is off", "policy-legacy.json", "disabled", false, strangers,
			"Red key method_disabled, Blue key method_disabled, Phone method_disabled, Google method_disabled"},
		{"legacy: patch leaves the method off", "policy-legacy.json", "disabled", true, strangers,
			"Red key method_disabled, Blue key method_disabled, Phone method_disabled, Google method_disabled"},
		{"legacy switched on: everything passes", "policy-legacy.json", "enabled", false, strangers,
			"Red key ok, Blue key ok, Phone ok, Google ok"},
		{"legacy switched on, patched: Authenticator alone", "policy-legacy.json", "enabled", true, strangers,
			"Red key aaguid_not_allowed, Blue key aaguid_not_allowed, Phone ok, Google aaguid_not_allowed"},
		{"profiles: the default profile for everyone", "policy-profiles.json", "enabled", false, strangers,
			"Red key aaguid_not_allowed, Blue key aaguid_not_allowed, Phone ok, Google aaguid_not_allowed"},
		{"profiles: synced passkeys for pilots, a key without a type stays open", "policy-profiles.json", "enabled", false, inPilots,
			"Red key aaguid_not_allowed, Blue key type_unknown, Phone ok, Google ok"},
		{"profiles, patched: the pilots' profile stays", "policy-profiles.json", "enabled", true, inPilots,
			"Red key aaguid_not_allowed, Blue key type_unknown, Phone ok, Google ok"},
		{"profiles: excluded", "policy-profiles.json", "enabled", true, "0b1f1c52-6f6c-4c3c-9a57-5f9f6a2d9b01",
			"Red key user_excluded, Blue key user_excluded, Phone user_excluded, Google user_excluded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := parse(t, string(wire(t, test.file)))
			p.State = test.state
			if test.patch {
				proposal, err := policy.Propose(p, policy.Spec{Body: wire(t, "patch-authenticator.json"), Source: "patch-authenticator.json"})
				if err != nil {
					t.Fatal(err)
				}
				p = proposal.Policy
			}
			scope := policy.NewEvaluator(p, groups, nil).Scope("86462606-fde0-4fc4-9e0c-a20eb73e54c6", []audit.Membership{{GroupID: test.member}})
			var got []string
			for i := range keys {
				got = append(got, keys[i].Name+" "+string(scope.Judge(&keys[i]).Code))
			}
			if diff := cmp.Diff(test.want, strings.Join(got, ", ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseNotes(t *testing.T) {
	const targets = `"includeTargets":[{"targetType":"group","id":"all_users"}]`
	tests := []struct {
		name, body string
		want       []string
	}{
		{"annotations are passed over", `{"@odata.context":"x","@microsoft.graph.tips":"y","state":"Enabled","includeTargets@odata.context":"z",` + targets + `}`, nil},
		{"no state", `{` + targets + `}`, []string{"the policy has no state"}},
		{"unknown values", `{"state":"paused","keyRestrictions":{"isEnforced":true,"enforcementType":"unknownFutureValue","aaGuids":["x"]},"excludeTargets":[{"id":"a","targetType":"device"}]}`, []string{
			`state is "paused", a value that is not known`,
			`keyRestrictions.enforcementType is "unknownFutureValue", a value that is not known`,
			`keyRestrictions.aaGuids[0] is "x", which is no AAGUID; it matches nothing`,
			`excludeTargets[0].targetType is "device", a value that is not known`,
		}},
		{"unknown properties", `{"state":"enabled","colour":"red","keyRestrictions":{"isenforced":true}}`, []string{
			`property "colour" is not known and was left aside`,
			`property "keyRestrictions.isenforced" is not known and was left aside; did you mean "isEnforced"?`,
		}},
		{"given twice", `{"state":"enabled","state":"disabled"}`, []string{`"state" is given twice; the last one is followed`}},
		{"profiles", `{"state":"enabled","defaultPasskeyProfile":"z","includeTargets":[{"targetType":"group","id":"all_users","allowedPasskeyProfiles":["y"]}],
			"passkeyProfiles":[{"id":"x","passkeyTypes":"deviceBound, quantum","attestationEnforcement":"always"},{"id":"X","passkeyTypes":null}]}`, []string{
			`passkeyProfiles[0].passkeyTypes is "quantum", a value that is not known`,
			`passkeyProfiles[0].attestationEnforcement is "always", a value that is not known`,
			`passkeyProfiles[1] names no passkeyTypes; which types it accepts is not known`,
			`passkeyProfiles[1] has no attestationEnforcement`,
			`two passkey profiles have the id "x"; the first one is followed`,
			`the default passkey profile "z" is not among the profiles`,
			`target "all_users" names passkey profile "y", which the policy does not hold`,
		}},
		{"targets without parts", `{"state":"enabled","includeTargets":[{"id":"a"}],"excludeTargets":[{"targetType":"group"}]}`, []string{
			"includeTargets[0] has no targetType", "excludeTargets[0] has no id",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, notes, err := policy.Parse([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseBoundsNotes(t *testing.T) {
	var b strings.Builder
	for i := range 150 {
		fmt.Fprintf(&b, `,"x%d":1`, i)
	}
	_, notes, err := policy.Parse([]byte(`{"state":"enabled"` + b.String() + `}`))
	if err != nil || len(notes) != 101 || notes[100] != "further oddities from here on are not listed" {
		t.Errorf("%d notes, error %v", len(notes), err)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"an error answer": `{"error":{"code":"accessDenied"}}`,
		"nothing":         ``,
		"an empty object": `{}`,
		"another method":  `{"@odata.type":"#microsoft.graph.smsAuthenticationMethodConfiguration","state":"enabled"}`,
		"a wrong kind":    `{"keyRestrictions":{"isEnforced":1}}`,
		"cut":             `{"state":"enabled"`,
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := policy.Parse([]byte(body))
			var syntax *policy.SyntaxError
			if !errors.As(err, &syntax) || !strings.HasPrefix(err.Error(), "line 1, column ") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	a := audit.Policy{
		Include: []audit.Target{{Type: "group", ID: "all_users"}, {Type: "group", ID: "B0"}, {Type: "user", ID: "u"}, {Type: "", ID: "d0"}},
		Exclude: []audit.Target{{Type: "Group", ID: "a0"}, {Type: "group", ID: "00000000-0000-0000-0000-000000000000"}, {Type: "group"}},
	}
	b := audit.Policy{Exclude: []audit.Target{{Type: "group", ID: "b0"}, {Type: "group", ID: "c0"}}}
	if diff := cmp.Diff([]string{"a0", "b0", "c0", "d0"}, policy.Groups(a, b)); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if got := policy.Groups(parse(t, string(wire(t, "policy-legacy.json")))); len(got) > 0 {
		t.Errorf("got %q where all users are included and nobody excluded", got)
	}
}

func TestAssumptions(t *testing.T) {
	seen := map[string]bool{}
	for i, a := range policy.Assumptions() {
		d := policy.Describe(a)
		if int(a) != i || a >= 64 || d == "" || seen[d] || !strings.HasSuffix(d, ".") {
			t.Errorf("assumption %d is %d: %q", i, a, d)
		}
		seen[d] = true
	}
	if d := policy.Describe(audit.Assumption(len(seen))); d != "" {
		t.Errorf("an assumption too many: %q", d)
	}
}

func TestMissingGroups(t *testing.T) {
	live := parse(t, string(wire(t, "policy-profiles.json")))
	propose := func(body string) audit.Policy {
		p, err := policy.Propose(live, policy.Spec{Body: []byte(body), Source: "p.json"})
		if err != nil {
			t.Fatal(err)
		}
		return p.Policy
	}
	const pilotGroup, glass, other, third = "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", "0b1f1c52-6f6c-4c3c-9a57-5f9f6a2d9b01", "FFFFFFFF-0000-4000-8000-00000000000F", "11111111-0000-4000-8000-00000000000a"
	have := []audit.Group{{ID: strings.ToUpper(pilotGroup), Outcome: audit.OutcomeRead}, {ID: glass, Outcome: audit.OutcomeRefused}}
	for _, test := range []struct {
		name string
		p    audit.Policy
		have []audit.Group
		want []string
	}{
		{"all there, one of them unread", live, have, nil},
		{"none there", live, nil, []string{glass, pilotGroup}},
		{"new include and exclude targets", propose(`{"includeTargets":[{"targetType":"group","id":"` + other + `"},{"targetType":"group","id":"all_users"}],
			"excludeTargets":[{"targetType":"group","id":"` + third + `"},{"targetType":"user","id":"86462606-fde0-4fc4-9e0c-a20eb73e54c6"},{"targetType":"group","id":"00000000-0000-0000-0000-000000000000"}]}`),
			have, []string{third, strings.ToLower(other)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, policy.MissingGroups(test.have, test.p), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("missing groups (-want +got):\n%s", diff)
			}
		})
	}
}
