package aaguid

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

const (
	known   = "dd4ec289-e01d-41c9-bb89-70fa845d4bf2" // iCloud Keychain (Managed), Apple
	unknown = "ffffffff-ffff-ffff-ffff-fffffffffff0"
)

func TestOverlay(t *testing.T) {
	keeps := audit.Authenticator{AAGUID: id(t, known), Name: "Managed Mac", Vendor: "Apple", Source: "own.csv"}
	adds := audit.Authenticator{AAGUID: id(t, unknown), Name: "Contoso Badge", Source: "own.csv"}
	withVendor := adds
	withVendor.Vendor = "Contoso"
	tests := []struct {
		name, in string
		want     []audit.Authenticator
	}{
		{"object", `{"` + known + `": "Managed Mac", "` + unknown + `": "Contoso Badge"}`, []audit.Authenticator{keeps, adds}},
		{"object of objects", `{"` + unknown + `": {"name": "Contoso Badge", "vendor": "Contoso", "icon": [1, {}]}}`, []audit.Authenticator{withVendor}},
		{"the key counts, not an aaguid within", `{"` + unknown + `": {"aaguid": "x", "name": "Contoso Badge"}}`, []audit.Authenticator{adds}},
		{"array", `[{"aaguid": "` + known + `", "name": "Managed Mac"}, {"aaguid": "` + unknown + `", "name": "Contoso Badge", "vendor": "Contoso"}]`, []audit.Authenticator{keeps, withVendor}},
		{"byte order mark", "\ufeff{\"" + known + `": "Managed Mac"}`, []audit.Authenticator{keeps}},
		{"braces, upper case, white space", ` {"{` + strings.ToUpper(known) + `}": "  Managed Mac "} `, []audit.Authenticator{keeps}},
		{"CSV", "aaguid,name\n" + known + ",Managed Mac\n", []audit.Authenticator{keeps}},
		{"CSV with vendor", "aaguid,name,vendor\n" + unknown + ",Contoso Badge,Contoso\n" + known + ",Managed Mac,\n", []audit.Authenticator{keeps, withVendor}},
		{"CSV as Excel writes it", "\ufeffAAGUID;Name;Vendor\r\n" + unknown + ";\"Contoso Badge\";Contoso\r\n", []audit.Authenticator{withVendor}},
		{"CSV with tabs", "vendor\tname\taaguid\n\tManaged Mac\t" + known, []audit.Authenticator{keeps}},
		{"CSV with other columns and blank lines", "note,aaguid,name\n\nx," + known + ",Managed Mac\n\n", []audit.Authenticator{keeps}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := Default()
			got, err := base.Overlay(strings.NewReader(tt.in), "own.csv")
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				a, _ := got.Lookup(want.AAGUID)
				if diff := cmp.Diff(want, a); diff != "" {
					t.Errorf("Lookup (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]audit.Authenticator{want}, got.Search(want.AAGUID.String())); diff != "" {
					t.Errorf("Search (-want +got):\n%s", diff)
				}
			}
			if got.Date() != base.Date() {
				t.Errorf("Date = %q, want %q", got.Date(), base.Date())
			}
			if n := len(got.Sources()); n != len(trust)+1 || got.Sources()[n-1].ID != "own.csv" {
				t.Errorf("Sources = %v, want own.csv last", got.Sources())
			}
		})
	}
	if a, _ := Default().Lookup(id(t, known)); a.Name != "iCloud Keychain (Managed)" {
		t.Errorf("the catalogue below an overlay changed: %+v", a)
	}
	if _, ok := Default().Lookup(id(t, unknown)); ok {
		t.Error("an overlay's entry reached the catalogue below")
	}
}

func TestOverlayRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty file", " \n", "the list names no authenticator"},
		{"empty object", "{}", "the list names no authenticator"},
		{"empty array", "[]", "the list names no authenticator"},
		{"CSV header alone", "aaguid,name\n", "the list names no authenticator"},
		{"bad AAGUID in an object", "{\n\"" + known + "\": \"A\",\n\"dd4ec289\": \"B\"\n}", `line 3: "dd4ec289" is not an AAGUID`},
		{"bad AAGUID in an array", "[\n{\"aaguid\": \"?\", \"name\": \"A\"}]", `line 2: "?" is not an AAGUID`},
		{"bad AAGUID in CSV", "aaguid,name\n" + known + ",A\nx,B\n", `line 3: "x" is not an AAGUID`},
		{"no name", `[{"aaguid": "` + known + `"}]`, "line 1: " + known + ": the name is empty"},
		{"null", `{"` + known + `": null}`, "the name is empty"},
		{"control character", `{"` + known + `": "a\u0007b"}`, "line 1: " + known + ": the name holds the unprintable character U+0007"},
		{"turned direction of text", `{"` + known + `": "a\u202eb"}`, "U+202E"},
		{"line break in CSV", "aaguid,name\n" + known + ",\"a\nb\"\n", "line 2: " + known + ": the name holds the unprintable character U+000A"},
		{"twice in an object", "{\"" + known + "\": \"A\",\n\"{" + strings.ToUpper(known) + "}\": \"B\"}", "line 2: " + known + " is there twice, first in line 1"},
		{"twice in CSV", "aaguid,name\n" + known + ",A\n" + known + ",A\n", "line 3: " + known + " is there twice, first in line 2"},
		{"number for a name", "{\n\"" + known + "\": 5}", "line 2: a JSON number stands where a name"},
		{"string for an object", `["` + known + `"]`, "line 1: a JSON string stands where a name"},
		{"cut JSON", "{\"" + known + "\":\n", "line 2: the JSON ends too early"},
		{"cut string", "{\"" + known + "\":\n\"a", "line 2: the JSON ends too early"},
		{"broken JSON", "{\n\n\"" + known + "\" \"A\"}", "line 3: "},
		{"text after the JSON", "{\"" + known + "\": \"A\"}\n{}", "line 2: there is more text after the JSON"},
		{"plain text", "hello\n", "line 1: the list is neither JSON nor CSV whose header has the columns aaguid and name"},
		{"short row", "aaguid,name\n" + known + "\n", "line 2: wrong number of fields"},
		{"UTF-16", "a\n\xff\xfe", "line 2: the list is not UTF-8 text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Default().Overlay(strings.NewReader(tt.in), "own")
			if err == nil || !strings.HasPrefix(err.Error(), "read authenticator names: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Overlay: %v, want an error with %q", err, tt.want)
			}
			if c != nil {
				t.Error("Overlay gives a catalogue beside an error")
			}
		})
	}
	if _, err := Default().Overlay(strings.NewReader("{}"), "own"); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty object: %v, want ErrEmpty", err)
	}
	if _, err := Default().Overlay(iotest.ErrReader(io.ErrClosedPipe), "own"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a reader's error: %v, want it wrapped", err)
	}
	if _, err := Default().Overlay(strings.NewReader(`{"`+known+`":"A"}`), " "); err == nil {
		t.Error("Overlay takes an empty source")
	}
	if _, err := Default().Overlay(bytes.NewReader(make([]byte, maxOverlay+1)), "own"); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Errorf("a list over the bound: %v", err)
	}
}

func FuzzOverlay(f *testing.F) {
	for _, s := range []string{
		"", "{}", "[]", `{"` + known + `":"A"}`, `{"` + known + `":{"name":"A","vendor":"B"}}`,
		`[{"aaguid":"` + known + `","name":"A"}]`, "aaguid,name\n" + known + ",A\n", "\ufeffaaguid;name;vendor\r\n" + known + ";A;B\r\n",
		"aaguid\tname\n", `{"` + known + `":"\ud800"}`, "[[[", `{"a":`, "\"", "aaguid,name\n\"",
	} {
		f.Add(s)
	}
	base := Default()
	f.Fuzz(func(t *testing.T, in string) {
		c, err := base.Overlay(strings.NewReader(in), "own")
		if err != nil {
			if c != nil {
				t.Error("a catalogue beside an error")
			}
			if !utf8.ValidString(err.Error()) {
				t.Errorf("error %q is not UTF-8", err)
			}
			return
		}
		own := 0
		for _, a := range c.Search("") {
			if a.Source != "own" {
				continue
			}
			own++
			if a.Name == "" || strings.ContainsFunc(a.Name+a.Vendor, unicode.IsControl) || !utf8.ValidString(a.Name+a.Vendor) {
				t.Errorf("entry %+q", a)
			}
		}
		if own == 0 || c.Len() < base.Len() {
			t.Errorf("%d own entries of %d in all", own, c.Len())
		}
	})
}
