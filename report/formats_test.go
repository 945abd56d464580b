package report_test

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"passkey-audit/report"
	"passkey-audit/report/csv"
	"passkey-audit/report/html"
	"passkey-audit/report/json"
	"passkey-audit/report/testdata/fixture"
	"passkey-audit/report/text"
	"passkey-audit/report/xlsx"
)

// writeAll writes a report in every format.
func writeAll(ctx context.Context, w io.Writer, d *report.Document, tmp string) error {
	var errs []error
	for _, t := range d.Tables() {
		if t.File != "" {
			errs = append(errs, csv.Write(ctx, w, t, csv.Options{}))
		}
	}
	return errors.Join(append(errs,
		json.WriteSummary(w, d), json.WritePasskeys(ctx, w, d), text.WriteAAGUIDs(ctx, w, d),
		text.WriteTerminal(w, d, text.Output{}), html.Write(ctx, w, d), xlsx.Write(ctx, w, d, xlsx.Options{TempDir: tmp}))...)
}

// TestFormatsAgree: every format that people or machines read alone says the
// same verdict, that the report is incomplete, and the same figures.
func TestFormatsAgree(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	ctx := context.Background()
	var page, terminal, summary, lines bytes.Buffer
	if err := errors.Join(html.Write(ctx, &page, d), text.WriteTerminal(&terminal, d, text.Output{}),
		json.WriteSummary(&summary, d), json.WritePasskeys(ctx, &lines, d)); err != nil {
		t.Fatal(err)
	}
	flat := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	for name, s := range map[string]string{"page": page.String(), "terminal": flat(terminal.String()), "summary": summary.String()} {
		for _, want := range []string{d.Verdict(), d.Completeness()} {
			if !strings.Contains(s, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
	}
	var s report.Summary
	if err := stdjson.Unmarshal(summary.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	table, ok := d.Table(report.FilePasskeys)
	if !ok {
		t.Fatal("no passkeys")
	}
	for _, row := range fixture.Rows(t, table) {
		counts[row[0]]++
	}
	users := map[string]int{}
	if table, ok = d.Table(report.FileUsers); !ok {
		t.Fatal("no users")
	}
	for _, row := range fixture.Rows(t, table) {
		users[row[0]]++
	}
	for _, c := range []struct {
		name            string
		figure, counted int
	}{
		{"total", s.Passkeys.Total, bytes.Count(lines.Bytes(), []byte("\n"))},
		{"breaks", s.Passkeys.Breaks, counts["breaks"]},
		{"undecided", s.Passkeys.Undecided, counts["undecided"]},
		{"already blocked", s.Passkeys.AlreadyBlocked, counts["already_blocked"]},
		{"restored", s.Passkeys.Restored, counts["restored"]},
		{"unaffected", s.Passkeys.Unaffected, counts["unaffected"]},
		{"unread", s.Users.Unread, users["unread"]},
		{"losing last", s.Users.LosingLast, users["loses_last_passkey"]},
		{"losing some", s.Users.LosingSome, users["loses_some"]},
		{"users blocked already", s.Users.BlockedAlready, users["blocked_already"]},
		{"users unaffected", s.Users.Unaffected, users["unaffected"]},
	} {
		if c.figure != c.counted {
			t.Errorf("%s: the summary says %d, the rows %d", c.name, c.figure, c.counted)
		}
	}
	if s.Complete {
		t.Error("the summary calls an incomplete report complete")
	}
}

// TestSameBytesTwice: the same input gives the same bytes in every format.
func TestSameBytesTwice(t *testing.T) {
	ctx := context.Background()
	var out [2]bytes.Buffer
	for i := range out {
		d := fixture.Build(t, fixture.Input(t.TempDir()))
		errs := []error{html.Write(ctx, &out[i], d), text.WriteTerminal(&out[i], d, text.Output{}), text.WriteAAGUIDs(ctx, &out[i], d),
			json.WriteSummary(&out[i], d), json.WritePasskeys(ctx, &out[i], d), xlsx.Write(ctx, &out[i], d, xlsx.Options{TempDir: t.TempDir()})}
		for _, table := range d.Tables() {
			errs = append(errs, csv.Write(ctx, &out[i], table, csv.Options{}))
		}
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(out[0].Bytes(), out[1].Bytes()) {
		t.Error("two reports of one input differ")
	}
}

// BenchmarkAllFormats is the promise for a whole report: building it and
// writing every format.
func BenchmarkAllFormats(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				d, err := report.Build(context.Background(), fixture.Large(b.TempDir(), n))
				if err != nil {
					b.Fatal(err)
				}
				if err := errors.Join(writeAll(context.Background(), io.Discard, d, b.TempDir()), d.Close()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
