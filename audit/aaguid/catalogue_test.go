package aaguid

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

func id(t testing.TB, s string) audit.AAGUID {
	t.Helper()
	a, err := audit.ParseAAGUID(s)
	if err != nil {
		t.Fatalf("ParseAAGUID(%q): %v", s, err)
	}
	return a
}

func TestDefaultIsWellFormed(t *testing.T) {
	c := Default()
	if got, want := c.Len(), 419; got != want {
		t.Errorf("Len = %d, want %d", got, want)
	}
	if got, want := c.Date(), "2026-11-22"; got != want {
		t.Errorf("Date = %q, want %q", got, want)
	}
	var ids []string
	for _, s := range c.Sources() {
		ids = append(ids, s.ID)
		if s.Description == "" {
			t.Errorf("source %s has no description", s.ID)
		}
	}
	if diff := cmp.Diff(trust, ids); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	all := c.Search("")
	if len(all) != c.Len() {
		t.Errorf("Search of nothing gives %d entries, want all %d", len(all), c.Len())
	}
	seen := map[audit.AAGUID]bool{}
	for _, a := range all {
		if seen[a.AAGUID] {
			t.Errorf("%s is there twice", a.AAGUID)
		}
		seen[a.AAGUID] = true
		if a.Name == "" || a.Name != strings.TrimSpace(a.Name) || a.Vendor != strings.TrimSpace(a.Vendor) {
			t.Errorf("%s: name %q, vendor %q", a.AAGUID, a.Name, a.Vendor)
		}
		if strings.ContainsFunc(a.Name+a.Vendor, unicode.IsControl) {
			t.Errorf("%s: control character in %q or %q", a.AAGUID, a.Name, a.Vendor)
		}
		if got, ok := c.Lookup(a.AAGUID); !ok || got != a {
			t.Errorf("Lookup(%s) = %+v, %v; want %+v", a.AAGUID, got, ok, a)
		}
	}
}

// TestTraps holds the names that public lists mix up, and which source each
// name is credited to.
func TestTraps(t *testing.T) {
	tests := []struct{ id, name, vendor, source string }{
		{"08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows Hello Hardware Authenticator", "Microsoft", "fido-mds-mirror"},
		{"9ddd1817-af5a-4672-a2b9-3e3dd95000a9", "Windows Hello VBS Hardware Authenticator", "Microsoft", "fido-mds-mirror"},
		{"6028b017-b1d4-4c02-b4b3-afcdafc96bb2", "Windows Hello Software Authenticator", "Microsoft", "fido-mds-mirror"},
		{"dd4ec289-e01d-41c9-bb89-70fa845d4bf2", "iCloud Keychain (Managed)", "Apple", "fido-mds-mirror"},
		{"adce0002-35bc-c60a-648b-0b25f1f05503", "Chrome on Mac", "Google", "fido-mds-mirror"},
		{audit.AuthenticatorAndroid.String(), "Microsoft Authenticator for Android", "Microsoft", "microsoft-learn"},
		{audit.AuthenticatorIOS.String(), "Microsoft Authenticator for iOS", "Microsoft", "microsoft-learn"},
		{"00000000-0000-0000-0000-000000000000", "(authenticator did not disclose its model)", "", "webauthn-spec"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := audit.Authenticator{AAGUID: id(t, tt.id), Name: tt.name, Vendor: tt.vendor, Source: tt.source}
			got, ok := Default().Lookup(want.AAGUID)
			if !ok {
				t.Fatalf("%s is not known", tt.id)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestLookupUnknown(t *testing.T) {
	unknown := id(t, "ffffffff-ffff-ffff-ffff-fffffffffff0")
	got, ok := Default().Lookup(unknown)
	if ok {
		t.Errorf("Lookup says that %s is known", unknown)
	}
	if want := (audit.Authenticator{AAGUID: unknown}); got != want {
		t.Errorf("Lookup = %+v, want %+v", got, want)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	c := Default()
	if n := testing.AllocsPerRun(100, func() { c.Lookup(audit.AuthenticatorIOS) }); n != 0 {
		t.Errorf("Lookup allocates %v times, want 0", n)
	}
}

func TestParseRefuses(t *testing.T) {
	const (
		head  = "date\t2026-11-22\nsource\tx\ta list\n" + dataHeader + "\n"
		entry = "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4\tA\tB\tx\n"
	)
	tests := []struct{ name, in, want string }{
		{"nothing", "", "names no authenticator"},
		{"no entries", head, "names no authenticator"},
		{"no date", strings.TrimPrefix(head, "date\t2026-11-22\n") + entry, "no date"},
		{"no header", strings.TrimSuffix(head, dataHeader+"\n") + entry, "line 3: neither"},
		{"upper case", head + strings.ToUpper(entry[:36]) + entry[36:], "line 4: the entry is not in its plain form"},
		{"space around the name", head + strings.Replace(entry, "\tA", "\t A", 1), "line 4: the entry is not in its plain form"},
		{"twice", head + entry + entry, "line 5: ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4 is out of order or there twice"},
		{"a fifth field", head + strings.Replace(entry, "\n", "\tusb\n", 1), "line 4: 5 fields where 4 are expected"},
		{"unknown source", head + strings.Replace(entry, "\tx", "\ty", 1), "line 4: source \"y\" is not described"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.in)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("parse: %v, want an error with %q", err, tt.want)
			}
		})
	}
	if _, err := parse(head); !errors.Is(err, ErrEmpty) {
		t.Errorf("parse without entries: %v, want ErrEmpty", err)
	}
}

// TestConcurrentUse is for the race detector: everything at once on one
// catalogue.
func TestConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := Default()
			c.Lookup(audit.AuthenticatorIOS)
			c.Search("yubikey")
			c.Match("Microsoft Authenticator")
			c.Sources()[0].ID = "mine"
			if _, err := c.Overlay(strings.NewReader(`{"ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4":"A"}`), "own"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := Default().Sources()[0].ID; got != trust[0] {
		t.Errorf("a caller's change to Sources reached the catalogue: %q", got)
	}
}

func BenchmarkLookup(b *testing.B) {
	c := Default()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.Lookup(audit.AuthenticatorIOS); !ok {
			b.Fatal("not found")
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(embedded); err != nil {
			b.Fatal(err)
		}
	}
}
