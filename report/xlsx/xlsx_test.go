package xlsx

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

func written(t testing.TB, d *report.Document) []byte {
	t.Helper()
	dir := t.TempDir()
	var b bytes.Buffer
	if err := Write(context.Background(), &b, d, Options{TempDir: dir}); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	return b.Bytes()
}

// parts unpacks a workbook.
func parts(t testing.TB, b []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		p, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if list[f.Name] != nil {
			t.Errorf("%s is there twice", f.Name)
		}
		list[f.Name] = p
	}
	return list
}

// checkParts holds what keeps Excel from repairing a file: every part parses
// to its end, cells are in order, and no cell is a formula.
func checkParts(t testing.TB, list map[string][]byte) {
	t.Helper()
	for name, p := range list {
		d := xml.NewDecoder(bytes.NewReader(p))
		lastRow := 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			e, ok := token.(xml.StartElement)
			if !ok || !strings.HasPrefix(name, "xl/worksheets/") {
				continue
			}
			switch e.Name.Local {
			case "f":
				t.Errorf("%s has a formula", name)
			case "row":
				for _, a := range e.Attr {
					if a.Name.Local != "r" {
						continue
					}
					n, err := strconv.Atoi(a.Value)
					if err != nil || n <= lastRow {
						t.Errorf("%s: row %s after %d", name, a.Value, lastRow)
					}
					lastRow = n
				}
			}
		}
	}
}

// cellText gives a table's cell as excelize reads it back raw.
func cellText(c report.Cell) string {
	switch c.Type() {
	case report.CellYesNo:
		if c.Bool() {
			return "1"
		}
		return "0"
	case report.CellTime:
		if serial, ok := serialOf(c.Time()); ok {
			return strconv.FormatFloat(serial, 'f', -1, 64)
		}
	}
	return clean(c.String())
}

// checkRows holds the sheets against the document's tables.
func checkRows(t testing.TB, f *excelize.File, d content, limit int) {
	t.Helper()
	for _, table := range d.Tables() {
		if table.Title == "" {
			continue
		}
		sheet, part, at := table.Title, 1, 1
		rows, err := f.GetRows(sheet, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range table.Columns {
			if rows[0][i] != c.Heading {
				t.Errorf("%s: heading %q, want %q", sheet, rows[0][i], c.Heading)
			}
		}
		for row, err := range table.Rows(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if at == limit {
				part++
				sheet, at = fmt.Sprintf("%s (%d)", table.Title, part), 1
				if rows, err = f.GetRows(sheet, excelize.Options{RawCellValue: true}); err != nil {
					t.Fatal(err)
				}
			}
			var want []string
			for i, c := range row {
				if c.Type() == report.CellEmpty {
					c = report.Text(table.Missing(table.Columns[i]))
				}
				want = append(want, cellText(c))
			}
			for len(want) > 0 && want[len(want)-1] == "" {
				want = want[:len(want)-1]
			}
			if diff := cmp.Diff(want, rows[at]); diff != "" {
				t.Fatalf("%s row %d (-want +got):\n%s", sheet, at+1, diff)
			}
			at++
		}
		if table.Count > 0 && len(rows) != at {
			t.Errorf("%s has %d rows, want %d", sheet, len(rows), at)
		}
	}
}

func open(t testing.TB, b []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// dump writes a workbook as text, for the golden file.
func dump(t *testing.T, f *excelize.File) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, sheet := range f.GetSheetList() {
		fmt.Fprintf(&b, "== %s\n", sheet)
		rows, err := f.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for r, row := range rows {
			for c, s := range row {
				if s == "" {
					continue
				}
				if len(s) > 200 {
					s = fmt.Sprintf("%.10s... (%d bytes)", s, len(s))
				}
				fmt.Fprintf(&b, "%s %q\n", cellName(c+1, r+1), s)
			}
		}
		tables, err := f.GetTables(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			fmt.Fprintf(&b, "table %s %s\n", table.Name, table.Range)
		}
		formats, err := f.GetConditionalFormats(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for c := 1; c <= 30; c++ {
			for ref, list := range formats {
				if name, _ := excelize.ColumnNumberToName(c); strings.HasPrefix(ref, name+"2:") {
					for _, o := range list {
						fmt.Fprintf(&b, "format %s %s %s %s\n", ref, o.Type, o.Criteria, o.Value)
					}
				}
			}
		}
	}
	for _, n := range f.GetDefinedName() {
		fmt.Fprintf(&b, "name %s %s\n", n.Name, n.RefersTo)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for name, in := range map[string]report.Input{"workbook.txt": fixture.Input(t.TempDir()), "workbook-empty.txt": fixture.Empty(t.TempDir()),
		"workbook-tenants.txt": fixture.Fleet(t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			d := fixture.Build(t, in)
			b := written(t, d)
			checkParts(t, parts(t, b))
			f := open(t, b)
			checkRows(t, f, d, maxRows)
			fixture.Golden(t, name, dump(t, f))
		})
	}
}

// TestLook: what people rely on in Excel survives the streaming.
func TestLook(t *testing.T) {
	list := parts(t, written(t, fixture.Build(t, fixture.Input(t.TempDir()))))
	for part, wants := range map[string][]string{
		"xl/worksheets/sheet2.xml": {`state="frozen"`, "<tablePart ", "conditionalFormatting", `orientation="landscape"`, `fitToWidth="1"`, "INCOMPLETE", "<cols>", `<dimension ref="A1:X7">`},
		"xl/worksheets/sheet1.xml": {"<hyperlink ", "<drawing ", `orientation="portrait"`},
		"xl/workbook.xml":          {"_xlnm.Print_Titles", "_xlnm.Print_Area"},
		"docProps/core.xml":        {"<dc:title>", "2026-08-01T12:03:20Z", "INCOMPLETE"},
		"xl/charts/chart1.xml":     {"barChart"},
		"xl/charts/chart2.xml":     {"barChart"},
	} {
		if list[part] == nil {
			t.Errorf("no part %s", part)
		}
		for _, want := range wants {
			if !bytes.Contains(list[part], []byte(want)) {
				t.Errorf("%s lacks %s", part, want)
			}
		}
	}
}

func TestSamePartsTwice(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	first, second := parts(t, written(t, d)), parts(t, written(t, d))
	if len(first) != len(second) {
		t.Errorf("%d and %d parts", len(first), len(second))
	}
	for name, p := range first {
		if !bytes.Equal(p, second[name]) {
			t.Errorf("%s differs:\n%s", name, cmp.Diff(string(p), string(second[name])))
		}
	}
}

// TestManySheets: a table that outgrows a sheet goes on in the next one.
func TestManySheets(t *testing.T) {
	d := fixture.Build(t, fixture.Large(t.TempDir(), 25))
	b := newBook(d, func(b *book) error { return b.summary(d) })
	b.limit = 11
	var out bytes.Buffer
	if err := b.write(context.Background(), &out); err != nil {
		t.Fatal(err)
	}
	checkParts(t, parts(t, out.Bytes()))
	f := open(t, out.Bytes())
	checkRows(t, f, d, 11)
	if list := strings.Join(f.GetSheetList(), ","); !strings.Contains(list, "All passkeys,All passkeys (2),All passkeys (3),AAGUIDs") {
		t.Errorf("sheets %s", list)
	}
}

func TestWriteFails(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Write(ctx, io.Discard, d, Options{TempDir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	for room := 0; room < 40_000; room += 7919 {
		if err := Write(context.Background(), &small{room: room}, d, Options{TempDir: t.TempDir()}); !errors.Is(err, errFull) {
			t.Errorf("disk of %d bytes: got %v", room, err)
		}
	}
}

var errFull = errors.New("disk full")

// small is a disk that fills up.
type small struct{ room int }

func (s *small) Write(p []byte) (int, error) {
	if s.room -= len(p); s.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWrappedLines(t *testing.T) {
	for s, want := range map[string]int{
		"": 1, "one": 1, "ten chars.": 1, "ten chars. and": 2, "a\nb": 2, "abcdefghijklmnop": 2, "日本語日本語": 2, "aaaaaa bbbbbb cccccc": 3,
		strings.Repeat("x ", 10000): maxLines,
	} {
		if got := wrappedLines(s, 10); got != want {
			t.Errorf("%.30q: got %d, want %d", s, got, want)
		}
	}
}

func TestText(t *testing.T) {
	long := strings.Repeat("界", 40000)
	pairs := strings.Repeat("😀", 20000)
	tests := []struct{ name, in, want string }{
		{"plain", "Alex", "Alex"},
		{"markup", `<a href="x">&'`, `&lt;a href="x"&gt;&amp;'`},
		{"control", "a\x00b\x1bc\x7fd\u009be", "a\uFFFDb\uFFFDc\uFFFDd\uFFFDe"},
		{"white space", "a\tb\nc\rd", "a\tb\nc&#13;d"},
		{"escape of the format", "_x0041_ _x41_ _xZZZZ_", "_x005F_x0041_ _x41_ _xZZZZ_"},
		{"no character", "a\uFFFEb\uFFFFc", "a\uFFFDb\uFFFDc"},
		{"at the limit", strings.Repeat("a", maxUnits), strings.Repeat("a", maxUnits)},
		{"over the limit", strings.Repeat("a", maxUnits+1), strings.Repeat("a", maxUnits-7) + cutMark},
		{"long", long, strings.Repeat("界", maxUnits-7) + cutMark},
		{"pairs", pairs, strings.Repeat("😀", (maxUnits-7)/2) + cutMark},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(appendText(nil, test.in)); got != test.want {
				t.Errorf("got %.80q, want %.80q", got, test.want)
			}
		})
	}
}

// TestTextProperty: whatever the text, the XML gives it back, cleaned.
func TestTextProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`(_x[0-9a-f]{4}_|[<>&\r\n\t=+]|.)*`)).Draw(t, "s")
		var got struct {
			Text string `xml:",chardata"`
		}
		if err := xml.Unmarshal(append(appendText([]byte("<t>"), s), "</t>"...), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		plain := strings.ReplaceAll(got.Text, "_x005F_", "_")
		if want := clean(s); plain != strings.ReplaceAll(want, "_x005F_", "_") {
			t.Fatalf("got %q, want %q", plain, want)
		}
	})
}

func TestSerial(t *testing.T) {
	for text, want := range map[string]float64{"1970-01-01T00:00:00Z": 25569, "2024-02-29T12:00:00Z": 45351.5} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := serialOf(at); !ok || got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	if _, ok := serialOf(time.Date(1899, 1, 1, 0, 0, 0, 0, time.UTC)); ok {
		t.Error("1899 has no serial number")
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			d := fixture.Build(b, fixture.Large(b.TempDir(), n))
			for b.Loop() {
				if err := Write(context.Background(), io.Discard, d, Options{TempDir: b.TempDir()}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
