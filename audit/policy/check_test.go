package policy_test

import (
	"testing"

	"passkey-audit/audit/policy"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		spec policy.Spec
		want string
	}{
		{"preset", policy.Spec{Preset: policy.PresetEnforced}, ""},
		{"a profile that only the tenant can know", policy.Spec{Source: "p.json", Body: []byte(`{"includeTargets":[{"targetType":"group","id":"all_users","allowedPasskeyProfiles":["e1c9b8a7-3a51-4f57-9a0e-6f1a55e0c003"]}]}`)}, ""},
		{"a state that only the tenant can know", policy.Spec{Source: "p.json", Body: []byte(`{"state":"paused"}`)}, ""},
		{"no JSON", policy.Spec{Source: "p.json", Body: []byte("{\n \"state\": enabled}")}, "p.json:2:11: "},
		{"no AAGUID", policy.Spec{Source: "p.json", Body: []byte(`{"keyRestrictions":{"aaGuids":["Yubikey"]}}`)}, "p.json:1:32: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := policy.Check(tt.spec)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || len(err.Error()) <= len(tt.want) || err.Error()[:len(tt.want)] != tt.want) {
				t.Errorf("Check: %v, want %q and what is wrong", err, tt.want)
			}
		})
	}
}
