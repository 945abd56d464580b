package csv

import (
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// parse reads RFC 4180 by the letter; encoding/csv would change line ends
// inside fields.
func parse(s string, delimiter rune) ([][]string, error) {
	var rows [][]string
	var row []string
	for len(s) > 0 {
		var field strings.Builder
		if s[0] == '"' {
			for s = s[1:]; ; {
				q := strings.IndexByte(s, '"')
				if q < 0 {
					return nil, errors.New("quote without an end")
				}
				field.WriteString(s[:q])
				if s = s[q+1:]; !strings.HasPrefix(s, `"`) {
					break
				}
				field.WriteByte('"')
				s = s[1:]
			}
		} else {
			end := strings.IndexFunc(s, func(r rune) bool { return r == delimiter || r == '\r' || r == '\n' || r == '"' })
			if end < 0 || s[end] == '"' || s[end] == '\n' {
				return nil, fmt.Errorf("bare field %q", s[:min(len(s), 20)])
			}
			field.WriteString(s[:end])
			s = s[end:]
		}
		row = append(row, field.String())
		switch {
		case strings.HasPrefix(s, "\r\n"):
			rows, row, s = append(rows, row), nil, s[2:]
		case strings.HasPrefix(s, string(delimiter)):
			s = s[utf8.RuneLen(delimiter):]
		default:
			return nil, fmt.Errorf("after field: %q", s[:min(len(s), 20)])
		}
	}
	if row != nil {
		return nil, errors.New("last line without an end")
	}
	return rows, nil
}

func written(t testing.TB, table report.Table, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(context.Background(), &b, table, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	n := 0
	for _, table := range d.Tables() {
		if table.File == "" {
			continue
		}
		n++
		fixture.Golden(t, table.File, []byte(written(t, table, Options{})))
	}
	if n != 7 {
		t.Errorf("%d CSV files, want 7", n)
	}
	several := fixture.Build(t, fixture.Fleet(t.TempDir()))
	for file, golden := range map[string]string{report.FileTenants: "tenants.csv", report.FileUnread: "unread-tenants.csv", report.FileAAGUIDs: "aaguids-tenants.csv"} {
		table, ok := several.Table(file)
		if !ok {
			t.Fatalf("no %s", file)
		}
		fixture.Golden(t, golden, []byte(written(t, table, Options{})))
	}
	users, ok := d.Table(report.FileUsers)
	if !ok {
		t.Fatal("no users")
	}
	fixture.Golden(t, "users-raw.csv", []byte(written(t, users, Options{Raw: true, Delimiter: ';'})))
}

// TestParseBack: every file gives the table back, in each form.
func TestParseBack(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	for _, o := range []Options{{}, {Raw: true}, {Delimiter: ';'}, {Delimiter: '\t'}, {Delimiter: '│', Raw: true}} {
		for _, table := range d.Tables() {
			t.Run(fmt.Sprintf("%s%s %q raw %v", table.Title, table.File, o.Delimiter, o.Raw), func(t *testing.T) {
				s := written(t, table, o)
				if o.Raw == strings.HasPrefix(s, "\uFEFF") {
					t.Errorf("raw %v, but begins with %q", o.Raw, s[:3])
				}
				delimiter := o.Delimiter
				if delimiter == 0 {
					delimiter = ','
				}
				got, err := parse(strings.TrimPrefix(s, "\uFEFF"), delimiter)
				if err != nil {
					t.Fatal(err)
				}
				want := [][]string{nil}
				for _, c := range table.Columns {
					if !c.ForPeople() {
						want[0] = append(want[0], c.Key)
					}
				}
				for _, row := range fixture.Rows(t, table) {
					want = append(want, row[:len(want[0])])
				}
				if !o.Raw {
					for _, row := range got[1:] {
						for i, s := range row {
							if k := table.Columns[i].Kind; k == report.KindFree || k == report.KindGUID {
								row[i] = strings.TrimPrefix(s, "'")
							}
						}
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("rows (-want +got):\n%s", diff)
				}
				// The reader that others will use must come through as well.
				r := stdcsv.NewReader(strings.NewReader(strings.TrimPrefix(s, "\uFEFF")))
				r.Comma = delimiter
				if rows, err := r.ReadAll(); err != nil || len(rows) != len(want) {
					t.Errorf("encoding/csv reads %d rows: %v", len(rows), err)
				}
			})
		}
	}
}

// one is a table of one column and one cell.
func one(k report.Kind, c report.Cell) report.Table {
	return report.Table{Columns: []report.Column{{Key: "k", Kind: k}}, Count: 1,
		Rows: func(context.Context) iter.Seq2[[]report.Cell, error] {
			return func(yield func([]report.Cell, error) bool) { yield([]report.Cell{c}, nil) }
		}}
}

func TestGuard(t *testing.T) {
	tests := []struct {
		name string
		kind report.Kind
		cell report.Cell
		want string
	}{
		{"plain", report.KindFree, report.Text("Alex"), "Alex"},
		{"equals", report.KindFree, report.Text("=1+1"), "'=1+1"},
		{"plus", report.KindFree, report.Text("+1"), "'+1"},
		{"minus", report.KindFree, report.Text("-1"), "'-1"},
		{"at", report.KindFree, report.Text("@A1"), "'@A1"},
		{"tab", report.KindFree, report.Text("\t=1"), "\"'\t=1\""},
		{"return", report.KindFree, report.Text("\r=1"), "\"'\r=1\""},
		{"line feed", report.KindFree, report.Text("\n=1"), "\"'\n=1\""},
		{"nul", report.KindFree, report.Text("\x00=1"), "\"'\x00=1\""},
		{"wide equals", report.KindFree, report.Text("＝1"), "'＝1"},
		{"wide plus", report.KindFree, report.Text("＋1"), "'＋1"},
		{"wide minus", report.KindFree, report.Text("－1"), "'－1"},
		{"wide at", report.KindFree, report.Text("＠1"), "'＠1"},
		{"other wide form", report.KindFree, report.Text("Ａ"), "Ａ"},
		{"quote", report.KindFree, report.Text("'=1"), "''=1"},
		{"later", report.KindFree, report.Text("a=1"), "a=1"},
		{"delimiter", report.KindFree, report.Text("=A,\"B\""), "\"'=A,\"\"B\"\"\""},
		{"blanks", report.KindFree, report.Text(" a "), "\" a \""},
		{"own words", report.KindOwn, report.Text("-"), "-"},
		{"number", report.KindCount, report.Count(-5), "-5"},
		{"fact that is a number", report.KindFree, report.Count(-5), "-5"},
		{"guid", report.KindGUID, report.Text(fixture.YubiKey), fixture.YubiKey},
		{"no guid", report.KindGUID, report.Text("=guid"), "'=guid"},
		{"empty", report.KindFree, report.Cell{}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := "\uFEFFk\r\n" + test.want + "\r\n"
			if got := written(t, one(test.kind, test.cell), Options{}); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestDelimiter(t *testing.T) {
	for d, ok := range map[rune]bool{0: true, ',': true, ';': true, '\t': true, '|': true, '"': false, '\'': false, '\n': false, '\r': false, 'a': false, '5': false, '-': false, ':': false, utf8.RuneError: false, -1: false} {
		err := Options{Delimiter: d}.Check()
		if (err == nil) != ok {
			t.Errorf("%q: %v", d, err)
		}
		if !ok {
			if err := Write(context.Background(), io.Discard, one(report.KindFree, report.Text("a")), Options{Delimiter: d}); !errors.Is(err, ErrDelimiter) {
				t.Errorf("%q: Write gives %v", d, err)
			}
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteFails(t *testing.T) {
	if err := Write(context.Background(), full{}, one(report.KindFree, report.Text("a")), Options{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	table, _ := d.Table(report.FilePasskeys)
	if err := Write(ctx, io.Discard, table, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzCell(f *testing.F) {
	for _, s := range []string{"", "a", "=1", "'", "''", "\"", "a\r\nb", "\n", "\x00", "\uFEFF", "＝", "a,b;c\td", "\xff", strings.Repeat("界", 40000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" {
			return
		}
		for _, o := range []Options{{}, {Raw: true}, {Delimiter: ';'}} {
			delimiter := o.Delimiter
			if delimiter == 0 {
				delimiter = ','
			}
			rows, err := parse(strings.TrimPrefix(written(t, one(report.KindFree, report.Text(s)), o), "\uFEFF"), delimiter)
			if err != nil || len(rows) != 2 || len(rows[1]) != 1 {
				t.Fatalf("%q: rows %q, %v", s, rows, err)
			}
			got := rows[1][0]
			if !o.Raw {
				if strings.ContainsRune("=+-@\t\r\n\x00＝＋－＠", []rune(got)[0]) {
					t.Fatalf("%q: begins like a formula", got)
				}
				got = strings.TrimPrefix(got, "'")
			}
			if got != s {
				t.Fatalf("got %q, want %q", got, s)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := fixture.Build(b, fixture.Large(b.TempDir(), n))
			table, _ := d.Table(report.FilePasskeys)
			for b.Loop() {
				if err := Write(context.Background(), io.Discard, table, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
