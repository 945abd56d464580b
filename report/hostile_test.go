package report_test

import (
	"archive/zip"
	"bytes"
	"context"
	stdcsv "encoding/csv"
	stdjson "encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"passkey-audit/report"
	"passkey-audit/report/csv"
	"passkey-audit/report/html"
	"passkey-audit/report/json"
	"passkey-audit/report/testdata/fixture"
	"passkey-audit/report/text"
	"passkey-audit/report/xlsx"
)

// The tests of this file write a report in which every text that somebody in
// the tenant, Microsoft Graph or a file of the user's may bring is hostile, and
// hold each format to show it and never to do what it says. What a browser
// does with the page, the tests of package html hold.

// eachHostile runs a test with a hostile report of one tenant, and with one of
// several.
func eachHostile(t *testing.T, test func(*testing.T, *report.Document)) {
	t.Helper()
	for name, in := range map[string]report.Input{"one tenant": fixture.Hostile(t.TempDir()), "several": fixture.HostileFleet(t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			tmpl, err := report.ParseOutreach(strings.NewReader(`={{.Name}} {{.UserPrincipalName}} {{join .Breaks ";"}} {{.Tenant}} {{.Proposal}} {{.UserType}} {{.Instead}}`), "own")
			if err != nil {
				t.Fatal(err)
			}
			in.Outreach = tmpl
			test(t, fixture.Build(t, in))
		})
	}
}

func TestHostileCSV(t *testing.T) { eachHostile(t, hostileCSV) }

func hostileCSV(t *testing.T, d *report.Document) {
	t.Helper()
	seen := 0
	for _, table := range d.Tables() {
		if table.File == "" {
			continue
		}
		var b bytes.Buffer
		if err := csv.Write(context.Background(), &b, table, csv.Options{}); err != nil {
			t.Fatal(err)
		}
		rows, err := stdcsv.NewReader(bytes.NewReader(bytes.TrimPrefix(b.Bytes(), []byte("\uFEFF")))).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", table.File, err)
		}
		for n, row := range rows {
			for i, cell := range row {
				if strings.HasPrefix(cell, "'") {
					seen++
				}
				if cell != "" && strings.ContainsRune("=+-@\t\r\n\x00＝＋－＠", []rune(cell)[0]) {
					t.Errorf("%s row %d, %s: a spreadsheet takes %q for a formula", table.File, n, rows[0][i], cell)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d cells were guarded: the report is not hostile enough to prove anything", seen)
	}
}

func TestHostileWorkbook(t *testing.T) { eachHostile(t, hostileWorkbook) }

func hostileWorkbook(t *testing.T, d *report.Document) {
	t.Helper()
	var b bytes.Buffer
	if err := xlsx.Write(context.Background(), &b, d, xlsx.Options{TempDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	inline := 0
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(r)
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			e, ok := token.(xml.StartElement)
			if !ok {
				continue
			}
			attr := map[string]string{}
			for _, a := range e.Attr {
				attr[a.Name.Local] = a.Value
			}
			switch e.Name.Local {
			case "f": // in a chart's reference it is a range of ours
				if !strings.HasPrefix(f.Name, "xl/charts/") {
					t.Errorf("%s has a formula", f.Name)
				}
			case "c":
				switch attr["t"] {
				case "inlineStr":
					inline++
				case "str", "e":
					t.Errorf("%s: cell %s is of type %s, the result of a formula", f.Name, attr["r"], attr["t"])
				}
			case "Relationship":
				if attr["TargetMode"] == "External" && attr["Target"] != "https://entra.microsoft.com/" {
					t.Errorf("%s leads to %s", f.Name, attr["Target"])
				}
			case "hyperlink":
				if l := attr["location"]; !regexp.MustCompile(`^('[A-Za-z ]+'!A1|view/Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/[0-9a-f-]{36})$`).MatchString(l) {
					t.Errorf("%s leads to %s", f.Name, l)
				}
			case "externalReference", "ddeLink", "oleLink", "definedName":
				if e.Name.Local != "definedName" || !strings.HasPrefix(attr["name"], "_xlnm.") {
					t.Errorf("%s has a %s %s", f.Name, e.Name.Local, attr["name"])
				}
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if inline < 1000 {
		t.Errorf("%d texts", inline)
	}
}

func TestHostilePage(t *testing.T) { eachHostile(t, hostilePage) }

func hostilePage(t *testing.T, d *report.Document) {
	t.Helper()
	var b bytes.Buffer
	if err := html.Write(context.Background(), &b, d); err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`(?s)(<script type="application/json" id="data-[a-z-]+">)(.*?)(</script>)`)
	for _, m := range blocks.FindAllSubmatch(b.Bytes(), -1) {
		if bytes.ContainsAny(m[2], "<>&\u2028\u2029") {
			t.Errorf("%s holds markup", m[1])
		}
		var any struct{ Rows [][]any }
		if err := stdjson.Unmarshal(m[2], &any); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
	page := blocks.ReplaceAllString(b.String(), "")
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts", n)
	}
	for _, tag := range regexp.MustCompile(`<([a-zA-Z!]+)([^>]*)>`).FindAllStringSubmatch(strings.SplitN(page, "<script>", 2)[0], -1) {
		switch strings.ToLower(tag[1]) {
		case "img", "iframe", "object", "embed", "base", "form", "link", "input", "!":
			t.Errorf("the page has %s", tag[0])
		}
		if regexp.MustCompile(`(?i)\s(on[a-z]+|style|src)\s*=`).MatchString(tag[2]) {
			t.Errorf("the page has %s", tag[0])
		}
		if m := regexp.MustCompile(`href="([^"]*)"`).FindStringSubmatch(tag[2]); m != nil && !strings.HasPrefix(m[1], "#t-") {
			t.Errorf("the page leads to %s", m[1])
		}
	}
}

// TestHostileTerminal: no control character and nothing that turns the direction
// of text reaches a terminal, and no line is longer than 80 columns.
func TestHostileTerminal(t *testing.T) { eachHostile(t, hostileTerminal) }

func hostileTerminal(t *testing.T, d *report.Document) {
	t.Helper()
	var b, lines bytes.Buffer
	if err := errors.Join(text.WriteTerminal(&b, d, text.Output{Dir: "\x1b[2J", Files: fixture.Payloads}), text.WriteAAGUIDs(context.Background(), &lines, d)); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{"terminal": b.String(), "AAGUIDs.txt": lines.String()} {
		for line := range strings.SplitSeq(s, "\n") {
			for _, r := range line {
				if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
					t.Errorf("%s has %U in %q", name, r, line)
				}
			}
			if n := len([]rune(line)); name == "terminal" && n > 80 {
				t.Errorf("a line of %d columns: %q", n, line)
			}
		}
	}
}

func TestHostileJSON(t *testing.T) { eachHostile(t, hostileJSON) }

func hostileJSON(t *testing.T, d *report.Document) {
	t.Helper()
	var summary, lines bytes.Buffer
	if err := errors.Join(json.WriteSummary(&summary, d), json.WritePasskeys(context.Background(), &lines, d)); err != nil {
		t.Fatal(err)
	}
	if !stdjson.Valid(summary.Bytes()) {
		t.Error("summary.json is not valid")
	}
	for line := range bytes.Lines(lines.Bytes()) {
		if !stdjson.Valid(line) {
			t.Errorf("not valid: %.200q", line)
		}
	}
}
