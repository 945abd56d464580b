package xlsx

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// TestRun: times are dates and yes is a word, in a column of texts too.
func TestRun(t *testing.T) {
	f := open(t, written(t, fixture.Build(t, fixture.Input(t.TempDir()))))
	rows, err := f.GetRows(report.TitleRun)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Started (UTC)": "2026-08-01 12:00", "Finished (UTC)": "2026-08-01 12:03", "Complete": "no", "Listed": "14"}
	for i, row := range rows {
		if w, ok := want[row[1]]; ok {
			if row[2] != w {
				t.Errorf("%s shows %q, want %q", row[1], row[2], w)
			}
			delete(want, row[1])
			// A number in the format of texts shows as one in Excel, and raw in
			// LibreOffice.
			id, err := f.GetCellStyle(report.TitleRun, cellName(3, i+1))
			if err != nil {
				t.Fatal(err)
			}
			style, err := f.GetStyle(id)
			if err != nil {
				t.Fatal(err)
			}
			kind, err := f.GetCellType(report.TitleRun, cellName(3, i+1))
			if err != nil {
				t.Fatal(err)
			}
			if isText := kind == excelize.CellTypeInlineString; isText != (style.NumFmt == 49) {
				t.Errorf("%s: a cell of type %v in number format %d", row[1], kind, style.NumFmt)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("no rows %v", want)
	}
}

// TestCharts: each impact has its colour.
func TestCharts(t *testing.T) {
	list := parts(t, written(t, fixture.Build(t, fixture.Input(t.TempDir()))))
	for part, want := range map[string]string{
		"xl/charts/chart1.xml": "A33A00 C99700 C99700 4A7BA6 4A7BA6",
		"xl/charts/chart2.xml": "A33A00 A33A00 A33A00",
	} {
		var got []string
		for _, m := range regexp.MustCompile(`<dPt>.*?srgbClr val="(\w+)"`).FindAllSubmatch(list[part], -1) {
			got = append(got, string(m[1]))
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", part, diff)
		}
	}
}

// TestPrinted: the AAGUID is on the paper, and Summary is one page.
func TestPrinted(t *testing.T) {
	in, users := fixture.Input(t.TempDir()), fixture.Users()
	users[0].Passkeys[0].Proposed.Reason = strings.Repeat("reason ", 20)
	in.Users = fixture.Each(users)
	f := open(t, written(t, fixture.Build(t, in)))
	found := false
	for _, n := range f.GetDefinedName() {
		if n.Scope == report.TitleBreaking && n.Name == "_xlnm.Print_Area" {
			found = true
			if want := "'Would break'!$A$1:$L$7"; n.RefersTo != want {
				t.Errorf("printed: %s, want %s", n.RefersTo, want)
			}
		}
	}
	if heading, err := f.GetCellValue(report.TitleBreaking, "L1"); err != nil || heading != "AAGUID" || !found {
		t.Errorf("column L is %q, %v; print area there: %v", heading, err, found)
	}
	// A row with a wrapped text is as high as the text takes.
	for title, row := range map[string]int{report.TitleBreaking: 2, report.TitleRun: 1} {
		h, err := f.GetRowHeight(title, row)
		if err != nil || h < 2*lineHeight {
			t.Errorf("%s row %d is %v high, %v", title, row, h, err)
		}
	}
	// Summary breaks before a section, so that the legend is with its sheets.
	list := parts(t, written(t, fixture.Build(t, in)))
	rows, err := f.GetRows(summaryTitle)
	if err != nil {
		t.Fatal(err)
	}
	breaks := regexp.MustCompile(`<brk id="(\d+)"`).FindAllSubmatch(list["xl/worksheets/sheet1.xml"], -1)
	if len(breaks) == 0 {
		t.Error("Summary is longer than a page and has no page break")
	}
	for _, m := range breaks {
		n, err := strconv.Atoi(string(m[1])) // the row above the break
		if err != nil || len(rows[n]) == 0 || rows[n][0] == "Legend" || len(rows[n-1]) > 0 {
			t.Errorf("a page begins with %q after %q", rows[n], rows[n-1])
		}
	}
	layout, err := open(t, written(t, fixture.Build(t, fixture.Empty(t.TempDir())))).GetPageLayout(summaryTitle)
	if err != nil || layout.FitToHeight == nil || *layout.FitToHeight != 1 {
		t.Errorf("a short Summary is not put on one page: %v", err)
	}
}

// TestPolicy: what does not govern is not marked as changed.
func TestPolicy(t *testing.T) {
	in := fixture.Input(t.TempDir())
	in.Live.Profiles = []audit.Profile{{ID: "p", Name: "Default"}}
	in.Proposal.Policy.Profiles = in.Live.Profiles
	f := open(t, written(t, fixture.Build(t, in)))
	rows, err := f.GetRows(report.TitlePolicy)
	if err != nil {
		t.Fatal(err)
	}
	idle := 0
	for _, row := range rows {
		if !strings.HasSuffix(row[0], "(do not govern)") {
			continue
		}
		idle++
		if len(row) > 5 && row[5] != "" {
			t.Errorf("changed is %q in %q", row[5], row)
		}
	}
	if idle == 0 {
		t.Error("no rows of settings that do not govern")
	}
}

// TestRemarks: the remarks on authenticators survive the streaming, on their
// cells.
func TestRemarks(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	table, ok := d.Table(report.TitleAAGUIDs)
	if !ok || len(table.Remarks) == 0 {
		t.Fatal("no remarks to look for")
	}
	list, err := open(t, written(t, d)).GetComments(report.TitleAAGUIDs)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range list {
		for _, run := range c.Paragraph {
			got[c.Cell] += run.Text
		}
	}
	want := map[string]string{}
	for _, r := range table.Remarks {
		want[fmt.Sprintf("B%d", r.Row+2)] = r.Text
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPeople: a user principal name leads to the person's page, by the user's id
// alone, in as many rows as a sheet may have links, and never in the list of
// everything; without an admin centre, nowhere.
func TestPeople(t *testing.T) {
	in := fixture.Input(t.TempDir())
	d := fixture.Build(t, in)
	for _, limit := range []int{linkLimit, 2} {
		b := newBook(d, func(b *book) error { return b.summary(d) })
		b.linkLimit = limit
		var out bytes.Buffer
		if err := b.write(context.Background(), &out); err != nil {
			t.Fatal(err)
		}
		checkParts(t, parts(t, out.Bytes()))
		list, f := parts(t, out.Bytes()), open(t, out.Bytes())
		for sheet, title := range f.GetSheetList() {
			xml := list[fmt.Sprintf("xl/worksheets/sheet%d.xml", sheet+1)]
			rels := list[fmt.Sprintf("xl/worksheets/_rels/sheet%d.xml.rels", sheet+1)]
			table, ok := d.Table(title)
			if !ok {
				continue
			}
			want := 0
			for row, err := range table.Rows(context.Background()) {
				if err != nil {
					t.Fatal(err)
				}
				column, address, ok := table.Link(row)
				if !ok || want == limit || title == report.TitlePasskeys {
					break
				}
				want++
				cell := cellName(column+1, want+1)
				// excelize reads the target of the relation; the page is in location.
				if linked, target, err := f.GetCellHyperLink(title, cell); err != nil || !linked || target != "https://entra.microsoft.com/" {
					t.Errorf("%s %s leads to %q, %v", title, cell, target, err)
				}
				_, location, _ := strings.Cut(address, "#")
				if s := fmt.Sprintf(`<hyperlink ref="%s" r:id="%s" location="%s"/>`, cell, portalRelation, location); !bytes.Contains(xml, []byte(s)) {
					t.Errorf("%s lacks %s", title, s)
				}
			}
			if got := bytes.Count(xml, []byte("<hyperlink ")); got != want {
				t.Errorf("%s has %d links, want %d", title, got, want)
			}
			if got := bytes.Count(rels, []byte("hyperlink\"")); got != min(want, 1) {
				t.Errorf("%s has %d relations for its links", title, got)
			}
		}
	}
	in = fixture.Input(t.TempDir())
	in.Portal = ""
	for name, p := range parts(t, written(t, fixture.Build(t, in))) {
		if bytes.Contains(p, []byte("entra.microsoft.com")) {
			t.Errorf("%s names an admin centre that nobody asked for", name)
		}
	}
}

// TestSameBytes: the archive itself is the same for the same report.
func TestSameBytes(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	first := written(t, d)
	for range 5 {
		if !bytes.Equal(first, written(t, d)) {
			t.Fatal("two workbooks of one report differ")
		}
	}
}
