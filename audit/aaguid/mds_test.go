package aaguid

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

// mdsNow is the time of all readings here.
var mdsNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// payload is a BLOB's with each thing that ReadMDS looks at.
const payload = `{
  "legalHeader": "Use\u0007 is subject to terms.",
  "no": 285,
  "nextUpdate": "2026-12-01",
  "later": {"a": [1, {"b": "]}"}], "c": null},
  "entries": [
    {"aaid": "4e4e#4005", "statusReports": [{"status": "FIDO_CERTIFIED"}]},
    {"aaguid": "` + unknown + `",
     "metadataStatement": {"description": "Contoso\tKey \u202e 5", "icon": "data:image/png;base64,AAAA", "schema": 3},
     "statusReports": [
       {"status": "FIDO_CERTIFIED_L1", "effectiveDate": "2021-03-01", "certificateNumber": "FIDO20020210301001"},
       {"status": "FIDO_CERTIFIED", "effectiveDate": "2021-03-01"}]},
    {"aaguid": "` + known + `", "metadataStatement": {"description": "Not the name that is known"},
     "statusReports": [{"status": "REVOKED", "effectiveDate": "2024-05-06", "url": "https://fido.example/news"}]},
    {"aaguid": "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFF1", "metadataStatement": {"description": " ", "friendlyNames": {"en-US": "Fabrikam Badge"}}},
    {"aaguid": "ffffffff-ffff-ffff-ffff-fffffffffff2", "statusReports": [{"status": "RETIRED"}]},
    {"aaguid": "ffffffff-ffff-ffff-ffff-fffffffffff2", "metadataStatement": {"description": "Fabrikam Token"},
     "statusReports": [{"status": "SOMETHING_NEW", "effectiveDate": "2026-01-02T00:00:00Z"}]},
    {"aaguid": "not one"}
  ]
}`

func TestReadMDSPayload(t *testing.T) {
	for _, in := range []string{payload, "\ufeff\r\n" + payload + "\n"} {
		m, err := ReadMDS(iotest.OneByteReader(strings.NewReader(in)), MDSOptions{Now: mdsNow})
		if err != nil {
			t.Fatal(err)
		}
		type facts struct {
			Serial                    int64
			Next, Legal               string
			Verified                  bool
			Known, Others, Unreadable int
		}
		want := facts{285, "2026-12-01", "Use is subject to terms.", false, 4, 1, 1}
		got := facts{m.Serial, m.NextUpdate, m.LegalHeader, m.Verified, m.Len(), m.Others, m.Unreadable}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff([]string{
			"FIDO metadata not verified: the file is the payload alone, without signature",
			"FIDO metadata number 285 has entries whose AAGUID cannot be read: 1",
		}, m.Warnings()); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
		wantStatus := Status{Certification: "FIDO Certified L1 (2021-03-01)", Reports: []Report{
			{Status: "FIDO_CERTIFIED", Effective: "2021-03-01"},
			{Status: "FIDO_CERTIFIED_L1", Effective: "2021-03-01"},
		}}
		if s, ok := m.Status(id(t, unknown)); !ok || !cmp.Equal(s, wantStatus) {
			t.Errorf("status, %v (-want +got):\n%s", ok, cmp.Diff(wantStatus, s))
		}
	}
}

func TestWithMDS(t *testing.T) {
	m, err := ReadMDS(strings.NewReader(payload), MDSOptions{Now: mdsNow})
	if err != nil {
		t.Fatal(err)
	}
	const revoked = "revoked on 2024-05-06: the FIDO Alliance says that it should not be trusted (https://fido.example/news)"
	tests := []struct {
		name string
		want audit.Authenticator
		ok   bool
	}{
		{"a name that is known stays", audit.Authenticator{AAGUID: id(t, known), Name: "iCloud Keychain (Managed)", Vendor: "Apple", Source: "fido-mds-mirror", Problem: revoked}, true},
		{"an unknown one gets its name", audit.Authenticator{AAGUID: id(t, unknown), Name: "Contoso Key 5", Source: "fido-mds", Certification: "FIDO Certified L1 (2021-03-01)"}, true},
		{"friendly name", audit.Authenticator{AAGUID: id(t, "ffffffff-ffff-ffff-ffff-fffffffffff1"), Name: "Fabrikam Badge", Source: "fido-mds"}, true},
		{"two entries", audit.Authenticator{AAGUID: id(t, "ffffffff-ffff-ffff-ffff-fffffffffff2"), Name: "Fabrikam Token", Source: "fido-mds",
			Certification: `also reported: "SOMETHING_NEW" (2026-01-02)`, Problem: "retired: it should not be accepted any longer"}, true},
		{"not in the metadata", audit.Authenticator{AAGUID: id(t, "ffffffff-ffff-ffff-ffff-fffffffffff3")}, false},
	}
	c := Default().WithMDS(m)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := c.Lookup(tt.want.AAGUID)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
				t.Errorf("Lookup, %v (-want +got):\n%s", ok, diff)
			}
			s, _ := c.Status(tt.want.AAGUID)
			if s.Certification != tt.want.Certification || s.Problem != tt.want.Problem {
				t.Errorf("Status = %+v", s)
			}
			if found := c.Search(tt.want.AAGUID.String()); tt.ok && !cmp.Equal(found, []audit.Authenticator{tt.want}) {
				t.Errorf("Search = %+v", found)
			}
		})
	}
	if got, want := c.Len(), Default().Len()+3; got != want {
		t.Errorf("Len = %d, want %d", got, want)
	}
	last := c.Sources()[len(c.Sources())-1]
	if want := (Source{"fido-mds", "FIDO Metadata Service, number 285, next update due by 2026-12-01; not verified: the file is the payload alone, without signature"}); last != want {
		t.Errorf("source = %+v", last)
	}
	if c.Metadata() != m || Default().Metadata() != nil || Default().WithMDS(nil) != Default() {
		t.Error("Metadata is not that of WithMDS")
	}
	if _, ok := Default().Status(id(t, known)); ok {
		t.Error("the catalogue below knows a status")
	}
	if a, _ := Default().Lookup(id(t, known)); a.Problem != "" {
		t.Errorf("the catalogue below changed: %+v", a)
	}

	// A later BLOB takes the words of the earlier one away.
	newer, err := ReadMDS(strings.NewReader(`{"no": 286, "entries": [{"aaguid": "`+known+`"}]}`), MDSOptions{Now: mdsNow})
	if err != nil {
		t.Fatal(err)
	}
	again := c.WithMDS(newer)
	for _, x := range []string{known, unknown} {
		if a, _ := again.Lookup(id(t, x)); a.Problem != "" || a.Certification != "" || a.Name == "" {
			t.Errorf("after a newer BLOB: %+v", a)
		}
	}
	if n := len(again.Sources()); n != len(trust)+1 || again.Sources()[n-1].Description != "FIDO Metadata Service, number 286; not verified: the file is the payload alone, without signature" {
		t.Errorf("sources after a newer BLOB: %+v", again.Sources())
	}
}

// TestOwnNamesOverMDS holds that own names stand over the metadata's in either
// order, and keep the words of the metadata.
func TestOwnNamesOverMDS(t *testing.T) {
	m, err := ReadMDS(strings.NewReader(payload), MDSOptions{Now: mdsNow})
	if err != nil {
		t.Fatal(err)
	}
	overlay := func(c *Catalogue) *Catalogue {
		c, err := c.Overlay(strings.NewReader(`{"`+unknown+`": "Our Key"}`), "own.json")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	want := audit.Authenticator{AAGUID: id(t, unknown), Name: "Our Key", Source: "own.json", Certification: "FIDO Certified L1 (2021-03-01)"}
	for name, c := range map[string]*Catalogue{
		"own names first": overlay(Default()).WithMDS(m),
		"metadata first":  overlay(Default().WithMDS(m)),
	} {
		if got, _ := c.Lookup(want.AAGUID); got != want {
			t.Errorf("%s: %+v", name, got)
		}
		if c.Metadata() != m {
			t.Errorf("%s: the metadata is lost", name)
		}
	}
}

// TestNameless holds that a status without a name is not lost.
func TestNameless(t *testing.T) {
	m, err := ReadMDS(strings.NewReader(`{"entries": [{"aaguid": "`+unknown+`", "statusReports": [{"status": "RETIRED"}]}]}`), MDSOptions{Now: mdsNow})
	if err != nil {
		t.Fatal(err)
	}
	got, ok := Default().WithMDS(m).Lookup(id(t, unknown))
	want := audit.Authenticator{AAGUID: id(t, unknown), Problem: "retired: it should not be accepted any longer"}
	if got != want || ok {
		t.Errorf("Lookup = %+v, %v", got, ok)
	}
}

func TestReadMDSRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", "the list names no authenticator"},
		{"white space", " \r\n", "the list names no authenticator"},
		{"no entries", "{}", "the list names no authenticator"},
		{"own names", `{"` + known + `": "Key"}`, "the list names no authenticator"},
		{"only UAF", `{"entries": [{"aaid": "4e4e#4005"}]}`, "the list names no authenticator"},
		{"web page", "<html>Sign in to the proxy.</html>", "neither a metadata BLOB"},
		{"web page without dots", "<html></html>", "neither a metadata BLOB"},
		{"UTF-16", "\xff\xfee\x00y\x00", "neither a metadata BLOB"},
		{"array", "[]", "neither a metadata BLOB"},
		{"header is no JSON", "AAAA.AAAA.AAAA", "neither a metadata BLOB"},
		{"huge header", strings.Repeat("A", maxHeader+1) + ".A.A", "neither a metadata BLOB"},
		{"cut JSON", payload[:len(payload)/2], "the file ends too early"},
		{"cut before the end", strings.TrimSuffix(payload, "}"), "the file ends too early"},
		{"cut in a skipped value", `{"later": [1, {`, "later: the file ends too early"},
		{"text after the JSON", payload + "{}", "more text after the JSON"},
		{"entries are no array", `{"entries": {}}`, "entries: an array is expected"},
		{"entry is no object", `{"entries": [{}, 5]}`, "entries: entry 2: a JSON number stands where another kind of value is expected"},
		{"status is no text", `{"entries": [{"aaguid": "` + known + `", "statusReports": [{"status": 5}]}]}`, "entries: entry 1: a JSON number stands"},
		{"broken JSON", `{"entries": [{"aaguid" 5}]}`, "entries: entry 1: invalid character"},
		{"number is text", `{"no": "5"}`, "no: a JSON string stands"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ReadMDS(strings.NewReader(tt.in), MDSOptions{Now: mdsNow})
			if err == nil || !strings.HasPrefix(err.Error(), "read FIDO metadata: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ReadMDS: %v, want an error with %q", err, tt.want)
			}
			if m != nil {
				t.Error("metadata beside an error")
			}
		})
	}
	if _, err := ReadMDS(strings.NewReader(payload), MDSOptions{}); err == nil {
		t.Error("ReadMDS works without a time")
	}
	if _, err := ReadMDS(iotest.ErrReader(io.ErrClosedPipe), MDSOptions{Now: mdsNow}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a reader's error: %v, want it wrapped", err)
	}
	if _, err := ReadMDS(iotest.TimeoutReader(strings.NewReader(payload)), MDSOptions{Now: mdsNow}); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("a reader's late error: %v, want it wrapped", err)
	}
}

func TestReadMDSBound(t *testing.T) {
	size := int64(len(payload))
	if _, err := readMDS(strings.NewReader(payload), MDSOptions{Now: mdsNow}, size); err != nil {
		t.Errorf("a file that just fits: %v", err)
	}
	signed := newSigner(t, signing{}).blob(t, payload)
	for name, in := range map[string]string{"payload": payload, "signed": signed} {
		if _, err := readMDS(strings.NewReader(in), MDSOptions{Now: mdsNow}, size-1); err == nil || !strings.Contains(err.Error(), "the file is larger than") {
			t.Errorf("%s over the bound: %v", name, err)
		}
	}
	if _, err := ReadMDS(io.MultiReader(strings.NewReader("{"), spaces{}), MDSOptions{Now: mdsNow}); err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Errorf("a file without end: %v", err)
	}
}

// spaces is a file without end.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestOverdue(t *testing.T) {
	for next, want := range map[string]int{"2026-11-21": 2, "2026-11-22": 1, "2027-01-01": 1, "soon": 1, "": 1} {
		in := strings.Replace(strings.Replace(payload, "2026-12-01", next, 1), `,
    {"aaguid": "not one"}`, "", 1)
		m, err := ReadMDS(strings.NewReader(in), MDSOptions{Now: mdsNow})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Warnings(); len(got) != want || want == 2 && got[1] != "FIDO metadata number 285 is old: a newer one was due by 2026-11-21, which may revoke more" {
			t.Errorf("next update %q: warnings %q, want %d", next, got, want)
		}
	}
}

func FuzzReadMDS(f *testing.F) {
	s := newSigner(f, signing{})
	blob := s.blob(f, payload)
	parts := strings.Split(blob, ".")
	for _, seed := range []string{
		"", "{}", "[", ".", "..", "...", payload, blob, blob[:len(blob)/2], blob + ".", parts[0] + "..", parts[0] + ".e30.",
		parts[0] + "." + parts[1], "{\"entries\":[{\"aaguid\":\"" + known + "\"}]}", "eyJ9.e30.AAAA", "\ufeff{", "<html>",
		`{"entries":[{"aaguid":"` + unknown + `","statusReports":[{"status":"\u001b[2J","effectiveDate":"2026-13-01","sunsetDate":"x","url":"\u202e"}]}]}`,
		s.sign(f, s.header(map[string]any{"alg": "none"}), payload), s.blob(f, "{}"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		m, err := ReadMDS(strings.NewReader(in), MDSOptions{Now: mdsNow})
		if err != nil {
			if m != nil {
				t.Error("metadata beside an error")
			}
			return
		}
		if m.Verified {
			t.Error("verified without the FIDO Alliance's key")
		}
		if m.Len() == 0 {
			t.Error("metadata without an authenticator")
		}
		texts := append(m.Warnings(), m.Signature, m.NextUpdate, m.LegalHeader)
		c := Default().WithMDS(m)
		for id, e := range m.entries {
			a, _ := c.Lookup(id)
			texts = append(texts, a.Name, a.Certification, a.Problem)
			if len(e.status.Reports) > 0 && a.Certification == "" && a.Problem == "" {
				t.Errorf("reports that nobody sees: %+v", e.status.Reports)
			}
		}
		for _, text := range texts {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
				t.Errorf("text that cannot be shown: %+q", text)
			}
		}
	})
}
