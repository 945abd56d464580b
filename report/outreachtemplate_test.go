package report_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

func TestParseOutreach(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"own words", report.OutreachText(), ""},
		{"message alone", "Dear {{.Name}}", ""},
		{"byte order mark", "\uFEFFDear {{.Name}}", ""},
		{"syntax", "one\ntwo {{if}}", "my.tmpl:2: missing value for if"},
		{"no such field", "one\ntwo\n{{.Nmae}}", "my.tmpl:3:2: executing \"my.tmpl\" at <.Nmae>: can't evaluate field Nmae"},
		{"no such field where few get to", "{{if not .Registrable}}\n{{.Nmae}}{{end}}", "my.tmpl:2:2:"},
		{"no such function", "{{env \"HOME\"}}", "my.tmpl:1: function \"env\" not defined"},
		{"no such part", "{{define \"subject\"}}x{{end}}", "has a part \"subject\" and no part \"message\""},
		{"a part that is not there", "{{template \"other\" .}}", "template \"other\" not defined"},
		{"empty", " \n", "my.tmpl says nothing"},
		{"comment alone", "{{/* later */}}", "my.tmpl says nothing"},
		{"endless", "{{range 100000}}words {{end}}", "more than 16384 bytes"},
		{"recursion", "{{define \"message\"}}{{template \"message\" .}}{{end}}", "exceeded maximum template depth"},
		{"index", "{{index .Breaks 5}}", "out of range"},
		{"long file", strings.Repeat("x", 300<<10), "more than 262144 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tmpl, err := report.ParseOutreach(strings.NewReader(test.text), "my.tmpl")
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			case test.want != "" && tmpl != nil:
				t.Error("a template beside an error")
			}
		})
	}
}

// TestOutreachWords: the user's words stand in outreach.csv, one line each,
// whatever the names in them hold.
func TestOutreachWords(t *testing.T) {
	tmpl, err := report.ParseOutreach(strings.NewReader(`{{define "subject"}}  {{.Priority}}
		{{if .UnknownDecisive}}open{{end}} {{end -}}
		{{define "message"}}{{.Name}}|{{join .Breaks "+"}}|{{join .Undecided "+"}}|{{join .StillWorks "+"}}|{{.LosesLast}}|{{.Administrator}}|{{.Tenant}}|{{.Proposal}}{{end}}`), "own")
	if err != nil {
		t.Fatal(err)
	}
	in := fixture.Input(t.TempDir())
	in.Outreach = tmpl
	d := fixture.Build(t, in)
	const tail = "|Contoso & <Söhne>|authenticator-only"
	want := []string{
		`1 Adele Vance|YubiKey 5 Series with NFC "Blue key"|||true|true` + tail,
		`2 ＝1+1 </script><script>alert(1)</script>|Unknown authenticator ` + fixture.Unnamed + ` "` + strings.Repeat("界", 80) + `…"|||true|false` + tail,
		`2 open 田中 さくら||Passkey without an AAGUID||true|false` + tail,
		`2 open Patti Fernandez||Authenticator that does not disclose its model "zero"+Passkey without an AAGUID "none"||true|false` + tail,
		`4 @SUM(A1)|YubiKey 5 Series with NFC "-1+1|cmd"||Microsoft Authenticator for iOS "phone"|false|true` + tail,
		`5 =HYPERLINK("http://x","y")|YubiKey 5 Series with NFC "=HYPERLINK("http://x","y")"+Windows Hello Hardware Authenticator "+1 tab cr lf"quote` +
			"\uFFFD\uFFFD\uFFFD" + `]0;title` + "\uFFFD\uFFFD" + `gnp"||Microsoft Authenticator for iOS "'quoted"|false|false` + tail,
	}
	if diff := cmp.Diff(want, pick(t, d, "outreach.csv", "subject", "message")); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

// FuzzParseOutreach: no template of a user ends the program, and none writes
// more than one line.
func FuzzParseOutreach(f *testing.F) {
	for _, s := range []string{report.OutreachText(), "{{.Name}}", "{{printf \"%s\" .Breaks}}", "{{define \"message\"}}\n{{end}}", "{{index .Breaks 0}}", "{{slice .Name 1 2}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "range") || strings.Contains(text, "printf") {
			return // may take as long, and as much, as they say
		}
		if tmpl, err := report.ParseOutreach(strings.NewReader(text), "fuzz"); (tmpl == nil) == (err == nil) {
			t.Errorf("template %v beside error %v", tmpl, err)
		}
	})
}

// TestOutreachFails: a template that goes wrong for one person alone ends the
// file with that person's id, and no other file.
func TestOutreachFails(t *testing.T) {
	tmpl, err := report.ParseOutreach(strings.NewReader(`{{if eq .Name "Patti Fernandez"}}{{printf "%17000s" "x"}}{{else}}words{{end}}`), "own")
	if err != nil {
		t.Fatal(err)
	}
	in := fixture.Input(t.TempDir())
	in.Outreach = tmpl
	d := fixture.Build(t, in)
	for _, table := range d.Tables() {
		var last error
		for _, err := range table.Rows(t.Context()) {
			last = err
		}
		if fails := last != nil; fails != (table.File == report.FileOutreach) {
			t.Errorf("%s%s: %v", table.Title, table.File, last)
		} else if fails && !strings.Contains(last.Error(), "more than 16384 bytes") {
			t.Errorf("%s: %v", table.File, last)
		}
	}
}
