package policy_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/policy"
)

func wire(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "wire", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t testing.TB, body string) audit.Policy {
	t.Helper()
	p, _, err := policy.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func aaguid(t testing.TB, s string) audit.AAGUID {
	t.Helper()
	a, err := audit.ParseAAGUID(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const (
	yubiKey = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	android = "de1e552d-db1d-4423-a619-566b625cdc84"
	ios     = "90a3ccdf-635c-4729-a248-9b709135078f"
	google  = "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"
	pilots  = "e1c9b8a7-3a51-4f57-9a0e-6f1a55e0c003"
	first   = "00000000-0000-0000-0000-000000000001"
)

// TestProposals holds what each proposal changes, notes and assumes in a
// golden file.
func TestProposals(t *testing.T) {
	legacy, profiles := string(wire(t, "policy-legacy.json")), string(wire(t, "policy-profiles.json"))
	filled := `{"state":"enabled","isAttestationEnforced":false,"keyRestrictions":{"isEnforced":false,"enforcementType":"block","aaGuids":["` + yubiKey + `"]},"includeTargets":[{"targetType":"group","id":"all_users"}],"excludeTargets":[]}`
	allowed := `{"state":"enabled","keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["` + strings.ToUpper(yubiKey) + `","` + android + `","` + yubiKey + `"]},"includeTargets":[{"targetType":"group","id":"all_users"}]}`
	// As odd as a tenant might answer: a whole GET body is taken all the same.
	odd := strings.NewReplacer(`"defaultPasskeyProfile": "`+first+`"`, `"defaultPasskeyProfile": null`, `"state": "enabled"`, `"state": "paused"`,
		`"passkeyTypes": "synced"`, `"passkeyTypes": "synced,quantum"`, `"`+pilots+`"]`, `"3d0f4a5c-7c1e-4f5a-8c11-2b7a90e4d004"]`,
		"08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows", `"enforcementType": "allow"`, `"enforcementType": "unknownFutureValue"`).Replace(profiles)
	body := func(s string) policy.Spec { return policy.Spec{Body: []byte(s), Source: "folder/what-if.json"} }
	ids := func(all ...string) (out []audit.AAGUID) {
		for _, s := range all {
			out = append(out, aaguid(t, s))
		}
		return out
	}
	tests := []struct {
		name string
		live string
		spec policy.Spec
	}{
		{"live", profiles, policy.Spec{Preset: "live"}},
		{"enforced-nothing", legacy, policy.Spec{Preset: "enforced"}},
		{"enforced-tenant-wide", filled, policy.Spec{Preset: "enforced", Name: "Switch on"}},
		{"enforced-profiles", profiles, policy.Spec{Preset: "enforced"}},
		{"enforced-already", allowed, policy.Spec{Preset: "enforced"}},
		{"authenticator-only-tenant-wide", filled, policy.Spec{Preset: "authenticator-only"}},
		{"authenticator-only-profiles", profiles, policy.Spec{Preset: "authenticator-only"}},
		{"auto-filled", filled, policy.Spec{Preset: "auto"}},
		{"auto-empty", legacy, policy.Spec{}},
		{"auto-mirror-does-not-count", strings.ReplaceAll(profiles, `"isEnforced": true, "enforcementType": "allow",
        "aaGuids": ["90a3ccdf-635c-4729-a248-9b709135078f", "de1e552d-db1d-4423-a619-566b625cdc84", "de1e552d-db1d-4423-a619-566b625cdc84"]`, `"isEnforced": false`), policy.Spec{Preset: "auto"}},
		{"file-authenticator-tenant-wide", legacy, policy.Spec{Body: wire(t, "patch-authenticator.json"), Source: `C:\proposals\authenticator.json`}},
		{"file-authenticator-profiles", profiles, policy.Spec{Body: wire(t, "patch-authenticator.json"), Source: "authenticator.json"}},
		{"file-whole-profiles", profiles, body(profiles)},
		{"file-whole-legacy", legacy, body(legacy)},
		{"file-whole-odd", odd, body(odd)},
		{"file-empty-object", legacy, body(`{}`)},
		{"file-one-switch", filled, body(`{"keyRestrictions":{"isEnforced":true}}`)},
		{"file-restrictions-null", allowed, body(`{"keyRestrictions":null}`)},
		{"file-list-null", allowed, body(`{"keyRestrictions":{"aaGuids":null}}`)},
		{"file-list-type-null", allowed, body(`{"keyRestrictions":{"enforcementType":null}}`)},
		{"file-targets", profiles, body(`{"includeTargets":[{"targetType":"group","id":"7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02","allowedPasskeyProfiles":["` + first + `"]}],"excludeTargets":[{"targetType":"user","id":"86462606-fde0-4fc4-9e0c-a20eb73e54c6"}],"state":"disabled","isSelfServiceRegistrationAllowed":false}`)},
		{"file-nobody", legacy, body(`{"includeTargets":null}`)},
		{"file-unknown-properties", legacy, body("\ufeff" + `{"keyrestrictions":{"isEnforced":true},` + "\n" + `"keyRestrictions":{"aaguids":[],"isEnforced":true,"enforcementType":"allow"},"colour":"red"}`)},
		{"file-profiles-replaced", profiles, body(`{"passkeyProfiles":[{"id":"` + first + `","name":"Default passkey profile","passkeyTypes":"deviceBound","attestationEnforcement":"disabled","keyRestrictions":{"isEnforced":true,"enforcementType":"block","aaGuids":["` + yubiKey + `"]}},{"id":"` + pilots + `","name":"Pilots"}]}`)},
		{"file-profile-changed-beside-mirror", profiles, body(`{"keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["` + android + `","` + ios + `"]},"passkeyProfiles":[{"id":"` + first + `","passkeyTypes":"deviceBound,synced","attestationEnforcement":"registrationOnly","keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["` + yubiKey + `"]}},{"id":"` + pilots + `","passkeyTypes":"synced","attestationEnforcement":"disabled","keyRestrictions":null}]}`)},
		{"file-migration", filled, body(`{"passkeyProfiles":[{"id":"` + pilots + `","name":"Pilots","passkeyTypes":"deviceBound,synced","attestationEnforcement":"disabled","keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["` + google + `"]}},{"id":"` + first + `","name":"Default passkey profile","passkeyTypes":"deviceBound","attestationEnforcement":"disabled","keyRestrictions":{"isEnforced":false}}]}`)},
		{"file-profiles-away", profiles, body(`{"passkeyProfiles":[],"defaultPasskeyProfile":null,"includeTargets":[{"targetType":"group","id":"all_users","allowedPasskeyProfiles":[]}]}`)},
		{"auto-enforced-empty", `{"state":"enabled","keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":[]},"includeTargets":[{"targetType":"group","id":"all_users"}]}`, policy.Spec{Preset: "auto"}},
		{"file-attestation-profiles", profiles, body(`{"isAttestationEnforced":false}`)},
		{"file-mirror-changed-beside-profile", profiles, body(strings.Replace(profiles, `"isAttestationEnforced": true`, `"isAttestationEnforced": false`, 1))},
		{"file-other-order", profiles, body(`{"includeTargets":[{"targetType":"group","id":"7A1D6C0E-24F7-4F0F-8F5C-0F2F5B6F4A02","isRegistrationRequired":false,"allowedPasskeyProfiles":["` + strings.ToUpper(pilots) + `","` + first + `"]},{"targetType":"group","id":"all_users","isRegistrationRequired":false,"allowedPasskeyProfiles":["` + first + `"]}],"keyRestrictions":{"aaGuids":["` + android + `","` + strings.ToUpper(ios) + `"]}}`)},
		{"allow-on-allow-list", allowed, policy.Spec{Preset: "live", Allow: ids(yubiKey, google)}},
		{"block-on-allow-list", allowed, policy.Spec{Preset: "live", Block: ids(yubiKey, google)}},
		{"block-empties-allow-list", allowed, policy.Spec{Preset: "live", Block: ids(yubiKey, android)}},
		{"both-on-block-list", filled, policy.Spec{Preset: "enforced", Allow: ids(yubiKey), Block: ids(google)}},
		{"allow-not-enforced", filled, policy.Spec{Preset: "live", Allow: ids(google)}},
		{"block-not-enforced", legacy, policy.Spec{Preset: "live", Block: ids(google)}},
		{"allow-profiles", profiles, policy.Spec{Preset: "live", Allow: ids(yubiKey)}},
		{"file-tenant-wide-on-profiles-and-block", profiles, policy.Spec{Body: wire(t, "patch-authenticator.json"), Source: "authenticator.json", Block: ids(ios)}},
		{"file-whole-profiles-and-allow", profiles, policy.Spec{Body: []byte(profiles), Source: "get.json", Allow: ids(yubiKey)}},
		{"file-unknown-properties-in-profiles", profiles, body(`{"passkeyProfiles":[{"id":"` + first + `","name":"Default passkey profile","passkeyType":"deviceBound","attestationEnforcement":"disabled","keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["` + yubiKey + `"],"reach":1}},{"id":"` + pilots + `","passkeyTypes":"synced","attestationEnforcement":"disabled","keyRestrictions":null}],"includeTargets":[{"targetType":"group","id":"all_users","allowedProfiles":["` + first + `"]}]}`)},
		{"file-and-allow", legacy, policy.Spec{Body: wire(t, "patch-authenticator.json"), Source: "authenticator.json", Allow: ids(yubiKey)}},
	}
	var files []string
	for _, test := range tests {
		files = append(files, filepath.Join("testdata", "proposals", test.name+".golden"))
		t.Run(test.name, func(t *testing.T) {
			live := parse(t, test.live)
			test.spec.Names = names
			got, err := policy.Propose(live, test.spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parse(t, test.live), live); diff != "" {
				t.Errorf("the live policy was changed:\n%s", diff)
			}
			golden(t, filepath.Join("testdata", "proposals", test.name+".golden"), describe(got))
		})
	}
	sameFiles(t, files)
}

// sameFiles fails on golden files that no test reads any more.
func sameFiles(t *testing.T, want []string) {
	t.Helper()
	got, err := filepath.Glob(filepath.Join(filepath.Dir(want[0]), "*.golden"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("golden files (-want +got):\n%s", diff)
	}
}

func describe(p policy.Proposal) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\npreset: %s\n", p.Name, p.Preset)
	section := func(title string, lines []string) {
		fmt.Fprintf(&b, "\n%s\n", title)
		for _, l := range lines {
			fmt.Fprintf(&b, "- %s\n", l)
		}
	}
	section("changes", p.Changes)
	section("notes", p.Notes)
	var assumed []string
	for _, a := range policy.Assumptions() {
		if p.Assumes.Has(a) {
			assumed = append(assumed, policy.Describe(a))
		}
	}
	section("assumes", assumed)
	return b.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestTenantWideFields: beside profiles they govern nothing, but follow the
// default profile where a proposal changes it, and stay otherwise.
func TestTenantWideFields(t *testing.T) {
	live := parse(t, string(wire(t, "policy-profiles.json")))
	propose := func(spec policy.Spec) audit.Policy {
		p, err := policy.Propose(live, spec)
		if err != nil {
			t.Fatal(err)
		}
		return p.Policy
	}
	p := propose(policy.Spec{Body: []byte(`{"isAttestationEnforced":false,"keyRestrictions":{"isEnforced":false}}`)})
	want := audit.KeyRestrictions{Enforced: audit.No, Type: "allow", AAGUIDs: []string{ios, android, android}}
	if diff := cmp.Diff(want, p.KeyRestrictions); diff != "" || p.AttestationEnforced != audit.No {
		t.Errorf("attestation %q, restrictions (-want +got):\n%s", p.AttestationEnforced, diff)
	}
	if diff := cmp.Diff(want, p.Profiles[0].KeyRestrictions); diff != "" || p.Profiles[0].Attestation != "disabled" {
		t.Errorf("default profile: attestation %q, restrictions (-want +got):\n%s", p.Profiles[0].Attestation, diff)
	}
	p = propose(policy.Spec{Preset: policy.PresetEnforced})
	if diff := cmp.Diff(live.KeyRestrictions, p.KeyRestrictions); diff != "" {
		t.Errorf("changed although the default profile is not:\n%s", diff)
	}
	p = propose(policy.Spec{Body: []byte(`{"passkeyProfiles":[],"includeTargets":[{"targetType":"group","id":"all_users"}]}`)})
	if p.DefaultProfile != "" {
		t.Errorf("default profile %q without profiles", p.DefaultProfile)
	}
}

func TestProposalsRefused(t *testing.T) {
	legacy, profiles := string(wire(t, "policy-legacy.json")), string(wire(t, "policy-profiles.json"))
	noDefault := strings.Replace(profiles, `"defaultPasskeyProfile": "`+first+`"`, `"defaultPasskeyProfile": null`, 1)
	tests := []struct {
		name, live, body, want string
	}{
		{"empty", legacy, "", "p.json:1:1: the text is empty: a JSON object is expected"},
		{"white space", legacy, " \n", "p.json:1:1: the text is empty: a JSON object is expected"},
		{"list", legacy, "\n  []", "p.json:2:3: a JSON object is expected, not a list"},
		{"text", legacy, `"x"`, "p.json:1:1: a JSON object is expected, not text"},
		{"null", legacy, `null`, "p.json:1:1: a JSON object is expected, not null"},
		{"cut", legacy, "{\n \"state\": ", "p.json:2:11: no valid JSON: unexpected end of JSON input"},
		{"no JSON", legacy, "{\n  \"é\": x}", "p.json:2:8: no valid JSON: invalid character 'x' looking for beginning of value"},
		{"no JSON behind a byte order mark", legacy, "\ufeff{x}", "p.json:1:2: no valid JSON: invalid character 'x' looking for beginning of object key string"},
		{"something behind", legacy, "{}\n{}", "p.json:2:1: no valid JSON: invalid character '{' after top-level value"},
		{"UTF-16", legacy, "\xff\xfe{\x00}\x00", "p.json:1:1: the text is UTF-16: save it as UTF-8, in PowerShell with Out-File -Encoding utf8"},
		{"UTF-16 without a mark", legacy, "{\x00}\x00", "p.json:1:1: the text is UTF-16: save it as UTF-8, in PowerShell with Out-File -Encoding utf8"},
		{"no UTF-8", legacy, "{\"stät\xe4\":1}", "p.json:1:7: the text is not valid UTF-8"},
		{"too long", legacy, "{}" + strings.Repeat(" ", 1<<20), "p.json:1:1: the text has more than 1048576 bytes; a policy has at most 20 KB"},
		{"given twice", legacy, "{\"state\":\"enabled\",\r\n\"state\":\"disabled\"}", `p.json:2:1: "state" is given twice`},
		{"nothing known", legacy, `{"keyRestriction":{}}`, `p.json:1:1: nothing of a Passkey (FIDO2) configuration is in it: p.json:1:2: property "keyRestriction" is not known and was left aside; did you mean "keyRestrictions"?`},
		{"the whole methods policy", legacy, `{"id":"authenticationMethodsPolicy","authenticationMethodConfigurations":[]}`, "p.json:1:37: this is the whole authentication methods policy: give its Fido2 configuration alone"},
		{"another method", legacy, `{"@odata.type":"#microsoft.graph.smsAuthenticationMethodConfiguration","state":"enabled"}`, `p.json:1:16: @odata.type is "#microsoft.graph.smsAuthenticationMethodConfiguration": "#microsoft.graph.fido2AuthenticationMethodConfiguration" is expected`},
		{"another method's id", legacy, `{"id":"Sms","state":"enabled"}`, `p.json:1:7: id is "Sms": "Fido2" is expected`},
		{"truth as text", legacy, `{"keyRestrictions":{"isEnforced":"true"}}`, "p.json:1:34: keyRestrictions.isEnforced must be true, false or null, not text"},
		{"restrictions as list", legacy, `{"keyRestrictions":[]}`, "p.json:1:20: keyRestrictions must be an object, not a list"},
		{"list as text", legacy, `{"keyRestrictions":{"aaGuids":"` + android + `"}}`, "p.json:1:31: keyRestrictions.aaGuids must be a list, not text"},
		{"no AAGUID", legacy, "{\"keyRestrictions\":{\"aaGuids\":[\n\"" + android + "\",\n \"Authenticator\"]}}", `p.json:3:2: keyRestrictions.aaGuids[1] is "Authenticator": ` + audit.ErrNoAAGUID.Error()},
		{"AAGUID as number", legacy, `{"keyRestrictions":{"aaGuids":[1e999]}}`, "p.json:1:32: keyRestrictions.aaGuids[0] must be text, not a number"},
		{"list type misspelt", legacy, `{"keyRestrictions":{"enforcementType":"alow"}}`, `p.json:1:39: keyRestrictions.enforcementType is "alow": "allow" or "block" is expected`},
		{"state null", legacy, `{"state":null}`, `p.json:1:10: state is null: "enabled" or "disabled" is expected`},
		{"types as list", profiles, `{"passkeyProfiles":[{"id":"x","passkeyTypes":["synced"]}]}`, `p.json:1:46: passkeyProfiles[0].passkeyTypes must be text such as "deviceBound,synced", not a list`},
		{"type misspelt", profiles, `{"passkeyProfiles":[{"id":"x","passkeyTypes":"deviceBound, sync"}]}`, `p.json:1:46: passkeyProfiles[0].passkeyTypes is "sync": "deviceBound" or "synced" is expected`},
		{"profile without id", profiles, `{"passkeyProfiles":[{"name":"x"}]}`, "p.json:1:21: passkeyProfiles[0] has no id"},
		{"profile twice", profiles, `{"passkeyProfiles":[{"id":"x","passkeyTypes":"synced"},{"id":"X"}]}`, `p.json:1:62: passkeyProfiles[1] has the id "X" of another profile`},
		{"target without id", legacy, `{"excludeTargets":[{"targetType":"user"}]}`, "p.json:1:20: excludeTargets[0] has no id"},
		{"target without type", legacy, `{"includeTargets":[{"id":"all_users"}]}`, "p.json:1:20: includeTargets[0] has no targetType"},
		{"target as text", legacy, `{"includeTargets":["all_users"]}`, "p.json:1:20: includeTargets[0] must be an object, not text"},
		{"profile that live targets name goes missing", profiles, `{"passkeyProfiles":[{"id":"` + first + `","passkeyTypes":"synced"}]}`, `p.json:1:20: passkeyProfiles leaves out profile "` + pilots + `", which the live target "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02" still names`},
		{"default profile goes missing", profiles, `{"includeTargets":[],"passkeyProfiles":[{"id":"` + pilots + `","passkeyTypes":"synced"}]}`, `p.json:1:40: passkeyProfiles leaves out the default profile "` + first + `"`},
		{"default profile that is none", profiles, `{"defaultPasskeyProfile":"x"}`, `p.json:1:26: defaultPasskeyProfile names profile "x", which is not among the profiles`},
		{"default profile taken away", profiles, `{"defaultPasskeyProfile":null}`, "p.json:1:26: defaultPasskeyProfile names no profile, but the tenant has profiles"},
		{"all profiles go missing", profiles, `{"passkeyProfiles":null}`, `p.json:1:20: passkeyProfiles leaves out profile "` + first + `", which the live target "all_users" still names`},
		{"target with a profile that is none", legacy, `{"includeTargets":[{"targetType":"group","id":"all_users","allowedPasskeyProfiles":["x"]}]}`, `p.json:1:85: target "all_users" names passkey profile "x", which is not among the profiles`},
		{"default profile without profiles", legacy, `{"defaultPasskeyProfile":"x"}`, `p.json:1:26: defaultPasskeyProfile names profile "x", but there are no passkey profiles`},
		{"several profiles and no default", legacy, `{"passkeyProfiles":[{"id":"x"},{"id":"y"}]}`, "p.json:1:20: the proposal brings several passkey profiles: defaultPasskeyProfile must say which one is the default"},
		{"tenant-wide fields and default profile changed apart", profiles, `{"keyRestrictions":{"isEnforced":false},"passkeyProfiles":[{"id":"` + first + `","passkeyTypes":"deviceBound,synced","attestationEnforcement":"registrationOnly","keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["` + yubiKey + `"]}},{"id":"` + pilots + `","passkeyTypes":"synced","attestationEnforcement":"disabled","keyRestrictions":null}]}`, `p.json:1:59: the tenant-wide settings and the default profile "` + first + `" are both changed and differ: leave out keyRestrictions and isAttestationEnforced, or make them alike`},
		{"no default profile to change", noDefault, `{"isAttestationEnforced":true}`, "p.json:1:26: the tenant has passkey profiles but no default one that tenant-wide settings could change"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := policy.Propose(parse(t, test.live), policy.Spec{Body: []byte(test.body), Source: "p.json"})
			var syntax *policy.SyntaxError
			if !errors.As(err, &syntax) || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if diff := cmp.Diff(policy.Proposal{}, got); diff != "" {
				t.Errorf("a part was taken:\n%s", diff)
			}
		})
	}
}

func TestChangesRefused(t *testing.T) {
	legacy, profiles := parse(t, string(wire(t, "policy-legacy.json"))), parse(t, string(wire(t, "policy-profiles.json")))
	odd := parse(t, `{"state":"enabled","keyRestrictions":{"isEnforced":true,"enforcementType":null,"aaGuids":[]}}`)
	key, phone := aaguid(t, yubiKey), aaguid(t, android)
	tests := []struct {
		name string
		live audit.Policy
		spec policy.Spec
		want string
	}{
		{"no such preset", legacy, policy.Spec{Preset: "strict"}, `propose "strict": no such preset; there are auto, live, enforced, authenticator-only`},
		{"preset and body", legacy, policy.Spec{Preset: "live", Body: []byte(`{}`)}, "propose live: a preset and a body exclude each other"},
		{"allowed and blocked", legacy, policy.Spec{Preset: "live", Allow: []audit.AAGUID{key}, Block: []audit.AAGUID{phone, key}}, "change proposal: AAGUID " + yubiKey + " is to be both allowed and blocked"},
		{"both on a list not enforced", legacy, policy.Spec{Preset: "live", Allow: []audit.AAGUID{key}, Block: []audit.AAGUID{phone}}, "change proposal: tenant-wide restrictions: the list is not enforced, so it can become an allow list or a block list, not both"},
		{"both where one profile's list is not enforced", profiles, policy.Spec{Preset: "live", Allow: []audit.AAGUID{key}, Block: []audit.AAGUID{phone}}, `change proposal: profile "Synced for pilots" (` + pilots + `): the list is not enforced, so it can become an allow list or a block list, not both`},
		{"list of no known type", odd, policy.Spec{Preset: "live", Allow: []audit.AAGUID{key}}, "change proposal: tenant-wide restrictions: it is not known whether the list allows or blocks, so it cannot be changed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := policy.Propose(test.live, test.spec)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if diff := cmp.Diff(policy.Proposal{}, got); diff != "" {
				t.Errorf("a part was taken:\n%s", diff)
			}
		})
	}
}
