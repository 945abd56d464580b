package audit_test

import (
	"testing"

	"passkey-audit/audit"
)

func TestNamesPasskey(t *testing.T) {
	for _, tt := range []struct {
		name    string
		methods []string
		want    bool
	}{
		{"nothing registered", nil, false},
		{"device-bound", []string{"mobilePhone", "passKeyDeviceBound"}, true},
		{"in Microsoft Authenticator", []string{"passKeyDeviceBoundAuthenticator"}, true},
		{"in Windows", []string{"passKeyDeviceBoundWindowsHello"}, true},
		{"synced", []string{"passKeySynced"}, true},
		{"the name before 2023", []string{"fido2"}, true},
		{"security key", []string{"fido2SecurityKey"}, true},
		{"a name to come", []string{"futurePasskeyInACloud"}, true},
		{"letter case", []string{"PASSKEYSYNCED"}, true},
		{"Windows Hello for Business", []string{"windowsHelloForBusiness"}, false},
		{"others", []string{"microsoftAuthenticatorPasswordless", "macOsSecureEnclaveKey", "certificateBasedAuthentication", "hardwareOneTimePasscode", ""}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := audit.NamesPasskey(tt.methods); got != tt.want {
				t.Errorf("NamesPasskey(%q) = %v, want %v", tt.methods, got, tt.want)
			}
		})
	}
}
