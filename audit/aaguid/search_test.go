package aaguid

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

const hello = "Windows Hello "

func names(as []audit.Authenticator) []string {
	var s []string
	for _, a := range as {
		s = append(s, a.Name)
	}
	return s
}

func TestSearch(t *testing.T) {
	managed := []string{"iCloud Keychain (Managed)"}
	tests := []struct {
		name, query string
		want        []string
	}{
		{"AAGUID", "dd4ec289-e01d-41c9-bb89-70fa845d4bf2", managed},
		{"AAGUID in braces and upper case", "{DD4EC289-E01D-41C9-BB89-70FA845D4BF2}", managed},
		{"AAGUID not known", "ffffffff-e01d-41c9-bb89-70fa845d4bf2", nil},
		{"prefix", "DD4EC289", managed},
		{"prefix with a hyphen", "dd4ec289-e0", managed},
		{"prefix in a brace", "{dd4ec289", managed},
		{"word", "icloud", managed},
		{"words in any order", "  KEYCHAIN   icloud ", managed},
		{"words in name and vendor", "google mac", []string{"Chrome on Mac"}},
		{"vendor's other products too", "microsoft authenticator", []string{
			"Microsoft Authenticator for Android", "Microsoft Authenticator for iOS",
			hello + "Hardware Authenticator", hello + "Software Authenticator", hello + "VBS Hardware Authenticator"}},
		{"wildcard", "windows hello * authenticator", []string{
			hello + "Hardware Authenticator", hello + "Software Authenticator", hello + "VBS Hardware Authenticator"}},
		{"wildcard is anchored", "hello*", nil},
		{"wildcard on the AAGUID", "dd4ec289*bf2", managed},
		{"no such word", "no such authenticator", nil},
		{"letters outside ASCII", "SÉSAME", []string{"Sésame"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, names(Default().Search(tt.query))); diff != "" {
				t.Errorf("Search(%q) (-want +got):\n%s", tt.query, diff)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		name, query string
		want        []string
	}{
		{"never Windows Hello for Authenticator", "Microsoft Authenticator", []string{"Microsoft Authenticator for Android", "Microsoft Authenticator for iOS"}},
		{"whole name before parts", "hid crescendo key", []string{"HID Crescendo Key"}},
		{"whole name", "hid crescendo key v2", []string{"HID Crescendo Key V2"}},
		{"words in a row", "icloud keychain", []string{"iCloud Keychain (Managed)"}},
		{"several models of one name", "yubikey 5 fips series", []string{"YubiKey 5 FIPS Series", "YubiKey 5 FIPS Series"}},
		{"AAGUID", audit.AuthenticatorIOS.String(), []string{"Microsoft Authenticator for iOS"}},
		{"no AAGUID prefix", "dd4ec289", nil},
		{"whole words alone", "icloud key", nil},
		{"wildcard", "icloud*", []string{"iCloud Keychain (Managed)"}},
		{"vendor", "allthenticate", []string{
			"Allthenticator Android App: roaming BLE FIDO2 Allthenticator for Windows, Mac, Linux, and Allthenticate door readers",
			"Allthenticator iOS App: roaming BLE FIDO2 Allthenticator for Windows, Mac, Linux, and Allthenticate door readers"}},
		{"empty", "", nil},
		{"everything", " ** ", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, names(Default().Match(tt.query))); diff != "" {
				t.Errorf("Match(%q) (-want +got):\n%s", tt.query, diff)
			}
		})
	}
}

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"a*", "a", true},
		{"a*", "ba", false},
		{"*a", "ba", true},
		{"*a*", "xay", true},
		{"a*b*c", "a-bb-bc", true},
		{"a*b*c", "a-c-b", false},
		{"**a**", "a", true},
		{"ab", "abc", false},
	}
	for _, tt := range tests {
		if got := glob(tt.pattern, tt.text); got != tt.want {
			t.Errorf("glob(%q, %q) = %v, want %v", tt.pattern, tt.text, got, tt.want)
		}
	}
}

func FuzzSearch(f *testing.F) {
	for _, s := range []string{"", "yubikey 5", "*", "dd4ec289", "{de1e552d-db1d-4423-a619-566b625cdc84}", "a*b*c*", "\xff", "sésame", "0000"} {
		f.Add(s)
	}
	c := Default()
	f.Fuzz(func(t *testing.T, query string) {
		for what, found := range map[string][]audit.Authenticator{"Search": c.Search(query), "Match": c.Match(query)} {
			for _, a := range found {
				if known, ok := c.Lookup(a.AAGUID); !ok || known != a {
					t.Errorf("%s(%q) gives %+v, which the catalogue does not hold", what, query, a)
				}
			}
			sorted := slices.IsSortedFunc(found, func(a, b audit.Authenticator) int {
				if d := strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)); d != 0 {
					return d
				}
				return strings.Compare(a.AAGUID.String(), b.AAGUID.String())
			})
			if !sorted {
				t.Errorf("%s(%q) is not sorted: %q", what, query, names(found))
			}
		}
	})
}

// TestMatchTakesWholeWords: "HID" is a maker of its own, and no Hideez key may
// come along with it into a policy.
func TestMatchTakesWholeWords(t *testing.T) {
	found := Default().Match("HID")
	if len(found) == 0 {
		t.Fatal("nothing found for HID")
	}
	for _, a := range found {
		if a.Vendor != "HID Global" {
			t.Errorf("Match(HID) gives %s of %s", a.Name, a.Vendor)
		}
	}
}
