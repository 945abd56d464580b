package report_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// Three models of one name, and one that has its name alone.
const (
	nfcA   = "a25342c0-3cdc-4414-8e46-f4807fca511c"
	nfcB   = "fa2b99dc-9e39-4257-8f92-4a30d23c4118"
	nfcOld = fixture.YubiKey
	phone  = fixture.IOS
)

func sameNames(a audit.AAGUID) (audit.Authenticator, bool) {
	switch a.String() {
	case nfcA, nfcB, nfcOld:
		return audit.Authenticator{AAGUID: a, Name: "YubiKey 5 Series with NFC"}, true
	}
	return fixture.Authenticator(a)
}

func mustAAGUID(t *testing.T, s string) audit.AAGUID {
	t.Helper()
	a, err := audit.ParseAAGUID(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestAdvice: nobody is told to register what breaks; where one name has
// several models, the AAGUID says which is meant.
func TestAdvice(t *testing.T) {
	const zero = "00000000-0000-0000-0000-000000000000"
	catalogue := []string{nfcOld, nfcA, nfcB, phone}
	tests := []struct {
		name      string
		catalogue []string
		allowed   []string
		breaks    string
		what, do  string
	}{
		{"another model of the name is allowed", catalogue, []string{nfcA, phone}, nfcOld,
			"YubiKey 5 Series with NFC (2fc0579f…)", "YubiKey 5 Series with NFC (only AAGUID " + nfcA + "), Microsoft Authenticator for iOS"},
		{"two others are", catalogue, []string{nfcA, phone, nfcB}, nfcOld,
			"YubiKey 5 Series with NFC (2fc0579f…)", "YubiKey 5 Series with NFC (only AAGUID " + nfcA + " or " + nfcB + "), Microsoft Authenticator for iOS"},
		{"something else breaks", catalogue, []string{nfcA}, fixture.Hello,
			"Windows Hello Hardware Authenticator", "YubiKey 5 Series with NFC (only AAGUID " + nfcA + ")"},
		{"all of the name are allowed", catalogue, []string{nfcA, nfcB, nfcOld}, fixture.Hello,
			"Windows Hello Hardware Authenticator", "YubiKey 5 Series with NFC"},
		{"without a catalogue", nil, []string{nfcA}, nfcOld,
			"YubiKey 5 Series with NFC (2fc0579f…)", "YubiKey 5 Series with NFC (only AAGUID " + nfcA + ")"},
		{"the same model, refused for its type", catalogue, []string{phone}, phone,
			"Microsoft Authenticator for iOS", "Microsoft Authenticator for iOS (only AAGUID " + phone + ")"},
		{"no such model to be had", catalogue, []string{zero, phone}, nfcOld,
			"YubiKey 5 Series with NFC (2fc0579f…)", "Microsoft Authenticator for iOS"},
		{"nothing else allowed", catalogue, []string{zero}, nfcOld,
			"YubiKey 5 Series with NFC (2fc0579f…)", "any passkey whose authenticator does not disclose its model (the all-zero AAGUID)"},
		{"a model that nobody knows", catalogue, []string{fixture.Unnamed, phone}, nfcOld,
			"YubiKey 5 Series with NFC (2fc0579f…)", "Microsoft Authenticator for iOS, Unknown authenticator " + fixture.Unnamed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := judged("a@contoso.com", audit.No, audit.Yes, "ab")
			u.Passkeys[0].AAGUID = test.breaks
			in := inputOf(t, u)
			in.Suggested = nil
			in.Live = audit.Policy{}
			in.Proposal.Policy = audit.Policy{KeyRestrictions: audit.KeyRestrictions{Enforced: audit.Yes, Type: "allow", AAGUIDs: test.allowed}}
			in.Authenticator = sameNames
			if test.catalogue != nil {
				in.Namesakes = func(name string) []audit.Authenticator {
					var list []audit.Authenticator
					for _, s := range test.catalogue {
						if a, _ := sameNames(mustAAGUID(t, s)); strings.Contains(a.Name, name) {
							list = append(list, a)
						}
					}
					return list
				}
			}
			d := fixture.Build(t, in)
			row := fixture.Rows(t, mustTable(t, d, report.FileOutreach))[0]
			if diff := cmp.Diff([]string{test.what, test.do}, []string{row[7], row[9]}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func mustTable(t *testing.T, d *report.Document, name string) report.Table {
	t.Helper()
	table, ok := d.Table(name)
	if !ok {
		t.Fatalf("no table %s", name)
	}
	return table
}

// TestNamesakes: lists of authenticators tell models of one name apart.
func TestNamesakes(t *testing.T) {
	u := judged("a@contoso.com", audit.No, audit.Yes, "ab", "ab", "ab", "ab")
	for i, s := range []string{nfcA, nfcOld, fixture.Hello, fixture.Unnamed} {
		u.Passkeys[i].AAGUID = s
	}
	in := inputOf(t, u)
	in.Authenticator = sameNames
	d := fixture.Build(t, in)
	var got []string
	for _, a := range d.TopBreaking(8) {
		got = append(got, a.Label(60))
	}
	want := []string{"Windows Hello Hardware Authenticator", "Unknown " + fixture.Unnamed,
		"YubiKey 5 Series with NFC (2fc0579f…)", "YubiKey 5 Series with NFC (a25342c0…)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s := terminal(t, d)
	for _, mark := range []string{"NFC (2fc0579f…) ", "NFC (a25342c0…) ", "  Unknown " + fixture.Unnamed + " "} {
		if !strings.Contains(s, mark) {
			t.Errorf("no %q in:\n%s", mark, s)
		}
	}
}
