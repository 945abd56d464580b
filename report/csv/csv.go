// Package csv writes the tables of a report as CSV files, made for Excel or,
// raw, as RFC 4180 has them.
//
// It must not know where a file lies, nor what cells mean beyond their kind: it
// sees the report's model alone.
package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"passkey-audit/report"
)

// Options choose the form. The zero value is the form for Excel with commas.
type Options struct {
	// Delimiter stands between fields; 0 for a comma.
	Delimiter rune
	// Raw writes RFC 4180 without a byte order mark and without the quote that
	// keeps spreadsheets from taking text for a formula.
	Raw bool
}

// ErrDelimiter says that a character cannot stand between fields.
var ErrDelimiter = errors.New("delimiter must be one printable character or a tab, and not a quote, letter or digit")

// Check reports whether the options can be used.
func (o Options) Check() error {
	d := o.Delimiter
	switch {
	case d == 0, d == '\t':
		return nil
	case d < ' ', d == 0x7f, d == utf8.RuneError, !utf8.ValidRune(d), strings.ContainsRune(`"'-:.`, d),
		d >= '0' && d <= '9', d >= 'a' && d <= 'z', d >= 'A' && d <= 'Z':
		return ErrDelimiter
	}
	return nil
}

// bom is the UTF-8 byte order mark, without which Excel takes a file for one
// of the system's code page.
const bom = "\uFEFF"

// chunk is how much is gathered before it is written.
const chunk = 64 << 10

// Write writes a table with its header. Lines end with CR LF in both forms.
//
// In the form for Excel, one ' stands before hostile text that a spreadsheet
// could take for a formula, and before text that begins with ' itself, so that
// taking one ' away gives the text back; see Guard. Quoting alone is no
// defence: Excel evaluates quoted fields too.
func Write(ctx context.Context, w io.Writer, t report.Table, o Options) error {
	if err := o.Check(); err != nil {
		return fmt.Errorf("write %s: %w", t.File, err)
	}
	if o.Delimiter == 0 {
		o.Delimiter = ','
	}
	e := encoder{delimiter: string(o.Delimiter), raw: o.Raw}
	if !o.Raw {
		e.buf = append(e.buf, bom...)
	}
	// Columns for people alone stand behind the others.
	width := len(t.Columns)
	for width > 0 && t.Columns[width-1].ForPeople() {
		width--
	}
	for i, c := range t.Columns[:width] {
		e.field(i, c.Key, false)
	}
	e.buf = append(e.buf, '\r', '\n')
	for row, err := range t.Rows(ctx) {
		if err != nil {
			return fmt.Errorf("write %s: %w", t.File, err)
		}
		for i, c := range row[:width] {
			if c.Type() == report.CellText {
				e.field(i, c.Text(), c.Hostile(t.Columns[i].Kind))
				continue
			}
			e.separate(i)
			e.buf = c.Append(e.buf)
		}
		e.buf = append(e.buf, '\r', '\n')
		if len(e.buf) >= chunk {
			if err := e.flush(w); err != nil {
				return fmt.Errorf("write %s: %w", t.File, err)
			}
		}
	}
	if err := e.flush(w); err != nil {
		return fmt.Errorf("write %s: %w", t.File, err)
	}
	return nil
}

type encoder struct {
	buf       []byte
	delimiter string
	raw       bool
}

func (e *encoder) flush(w io.Writer) error {
	_, err := w.Write(e.buf)
	e.buf = e.buf[:0]
	return err
}

func (e *encoder) separate(i int) {
	if i > 0 {
		e.buf = append(e.buf, e.delimiter...)
	}
}

// field adds a text. encoding/csv is not used since it changes bare line feeds
// inside fields when lines end with CR LF.
func (e *encoder) field(i int, s string, hostile bool) {
	e.separate(i)
	guard := hostile && !e.raw && Guarded(s)
	if !e.mustQuote(s) {
		if guard {
			e.buf = append(e.buf, '\'')
		}
		e.buf = append(e.buf, s...)
		return
	}
	e.buf = append(e.buf, '"')
	if guard {
		e.buf = append(e.buf, '\'')
	}
	for {
		q := strings.IndexByte(s, '"')
		if q < 0 {
			break
		}
		e.buf = append(e.buf, s[:q+1]...)
		e.buf = append(e.buf, '"')
		s = s[q+1:]
	}
	e.buf = append(e.buf, s...)
	e.buf = append(e.buf, '"')
}

// mustQuote reports whether a field needs quotes: for the delimiter, quotes
// and line ends by RFC 4180; for other control characters and blanks at the
// ends so that no reader trims or trips.
func (e *encoder) mustQuote(s string) bool {
	if s == "" {
		return false
	}
	if s[0] == ' ' || s[len(s)-1] == ' ' {
		return true
	}
	if len(e.delimiter) == 1 {
		d := e.delimiter[0]
		for i := range len(s) {
			if c := s[i]; c < ' ' || c == '"' || c == d {
				return true
			}
		}
		return false
	}
	return strings.Contains(s, e.delimiter) || bytes.ContainsFunc([]byte(s), func(r rune) bool { return r < ' ' || r == '"' })
}

// Guarded reports whether a spreadsheet could take s for a formula, or whether
// s begins with the ' that guards against that.
func Guarded(s string) bool {
	if s == "" {
		return false
	}
	switch s[0] {
	case '=', '+', '-', '@', '\t', '\r', '\n', 0, '\'':
		return true
	case 0xEF: // the full-width forms are U+FF1D, U+FF0B, U+FF0D and U+FF20
		for _, p := range [...]string{"＝", "＋", "－", "＠"} {
			if strings.HasPrefix(s, p) {
				return true
			}
		}
	}
	return false
}

// Guard gives s as the form for Excel holds it.
func Guard(s string) string {
	if Guarded(s) {
		return "'" + s
	}
	return s
}
