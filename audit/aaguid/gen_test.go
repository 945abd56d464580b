package aaguid

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	update = flag.Bool("update", false, "rewrite catalogue.tsv (with -source) and the golden files")
	source = flag.String("source", "", "JSON `FILE` with the gathered authenticators")
)

// trust lists the sources, the most trustworthy first: Microsoft's own table
// for Entra, what vendors themselves state, and then lists kept by people.
var trust = []string{"microsoft-learn", "fido-mds-mirror", "passkeydeveloper", "yubikey-list", "community-list", "webauthn-spec"}

// gathered is what the generator reads of the source file. It has no field for
// anything else that is in the file, so that nothing else can be embedded.
type gathered struct {
	Generated string            `json:"generated"`
	Sources   map[string]string `json:"sources"`
	Entries   []struct {
		AAGUID  string   `json:"aaguid"`
		Name    string   `json:"name"`
		Vendor  string   `json:"vendor"`
		Sources []string `json:"sources"`
	} `json:"entries"`
}

// generate turns the JSON with everything gathered into catalogue.tsv.
func generate(data []byte) (string, error) {
	var g gathered
	if err := json.Unmarshal(data, &g); err != nil {
		return "", fmt.Errorf("parse the source: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "date\t%s\n", g.Generated)
	for _, id := range trust {
		if text, ok := g.Sources[id]; ok {
			fmt.Fprintf(&b, "source\t%s\t%s\n", id, text)
		}
	}
	fmt.Fprintln(&b, dataHeader)
	var lines []string
	for _, e := range g.Entries {
		a, err := newEntry(e.AAGUID, e.Name, e.Vendor)
		if err != nil {
			return "", err
		}
		var ids []string
		for _, id := range trust {
			if slices.Contains(e.Sources, id) {
				ids = append(ids, id)
			}
		}
		if len(ids) != len(e.Sources) {
			return "", fmt.Errorf("%s: one of the sources %q has no place in the order of trust", a.AAGUID, e.Sources)
		}
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s\n", a.AAGUID, a.Name, a.Vendor, strings.Join(ids, ",")))
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
	if _, err := parse(b.String()); err != nil {
		return "", fmt.Errorf("the result cannot be read: %w", err)
	}
	return b.String(), nil
}

// TestGenerate holds the generator on a small sample that has everything the
// real source has: entries out of order, upper case, fields not to be taken.
func TestGenerate(t *testing.T) {
	sample, err := os.ReadFile("testdata/gathered.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := generate(sample)
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/gathered.tsv"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("generated file (-want +got):\n%s", diff)
	}
	for _, foreign := range []string{"icon", "attestationEligible", "security-key", "usb"} {
		if strings.Contains(got, foreign) {
			t.Errorf("the generated file holds %q", foreign)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	entry := func(s string) string {
		return `{"generated":"2026-11-22","sources":{"passkeydeveloper":"a list"},"entries":[` + s + `]}`
	}
	const id = `"aaguid":"ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"`
	tests := []struct{ name, in, want string }{
		{"no entries", entry(""), "names no authenticator"},
		{"no JSON", "[", "parse the source"},
		{"bad AAGUID", entry(`{"aaguid":"x","name":"A","sources":["passkeydeveloper"]}`), "not an AAGUID"},
		{"empty name", entry(`{` + id + `,"name":" ","sources":["passkeydeveloper"]}`), "name is empty"},
		{"tab in the name", entry(`{` + id + `,"name":"A\tB","sources":["passkeydeveloper"]}`), "unprintable"},
		{"unranked source", entry(`{` + id + `,"name":"A","sources":["rumour"]}`), "order of trust"},
		{"undescribed source", entry(`{` + id + `,"name":"A","sources":["yubikey-list"]}`), "not described"},
		{"no source", entry(`{` + id + `,"name":"A"}`), "not described"},
		{"twice", entry(`{` + id + `,"name":"A","sources":["passkeydeveloper"]},{` + id + `,"name":"B","sources":["passkeydeveloper"]}`), "twice"},
		{"bad date", strings.Replace(entry(`{`+id+`,"name":"A","sources":["passkeydeveloper"]}`), "2026-11-22", "today", 1), "yyyy-mm-dd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := generate([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("generate = %q, %v; want an error with %q", got, err, tt.want)
			}
		})
	}
}

// TestCatalogueFile holds that catalogue.tsv is what the generator writes.
// With -source it is compared with the result from that file, and with -update
// rewritten; without, the file's form is checked by writing it anew.
func TestCatalogueFile(t *testing.T) {
	if *source != "" {
		data, err := os.ReadFile(*source)
		if err != nil {
			t.Fatal(err)
		}
		want, err := generate(data)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile("catalogue.tsv", []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			return // the embedded text is the one from before
		}
		if diff := cmp.Diff(want, embedded); diff != "" {
			t.Errorf("catalogue.tsv differs from its source (-want +got):\n%s", diff)
		}
		return
	}
	var g gathered
	head, body, ok := strings.Cut(embedded, dataHeader+"\n")
	if !ok {
		t.Fatal("catalogue.tsv has no header")
	}
	g.Sources = map[string]string{}
	for line := range strings.Lines(head) {
		switch f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); f[0] {
		case "date":
			g.Generated = f[1]
		case "source":
			g.Sources[f[1]] = f[2]
		}
	}
	for line := range strings.Lines(body) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			t.Fatalf("line with %d fields, want aaguid, name, vendor, sources alone: %q", len(f), line)
		}
		g.Entries = append(g.Entries, struct {
			AAGUID  string   `json:"aaguid"`
			Name    string   `json:"name"`
			Vendor  string   `json:"vendor"`
			Sources []string `json:"sources"`
		}{f[0], f[1], f[2], strings.Split(f[3], ",")})
	}
	data, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	again, err := generate(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(embedded, again); diff != "" {
		t.Errorf("catalogue.tsv written anew (-file +again):\n%s", diff)
	}
}
