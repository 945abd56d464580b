package xlsx

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"passkey-audit/report"
)

// linkLimit is how many rows of a sheet lead to the pages of their people.
// Excel takes 65,530 links in a sheet ("Excel specifications and limits") and
// repairs a file that has more; and nobody opens more pages one by one.
const linkLimit = 50_000

// links gives how many rows of a sheet may lead to people's pages: those where
// people are worked through do, and not the list of everything.
func (b *book) links(t report.Table) int {
	if t.Portal == "" || t.Title == report.TitlePasskeys {
		return 0
	}
	return b.linkLimit
}

// writeRows writes rows as SpreadsheetML from row 2 on. Texts are inline
// strings, which no program evaluates. It gives the links of the cells, made of
// the ids of users alone.
func writeRows(ctx context.Context, w *bufio.Writer, r sheetRows) ([]byte, error) {
	if r.count == 0 {
		return nil, nil
	}
	columns := make([]string, len(r.table.Columns))
	for i := range columns {
		name, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return nil, err
		}
		columns[i] = name
	}
	var buf, links []byte
	n, last := 0, r.skip+r.count
	for row, err := range r.table.Rows(ctx) {
		if err != nil {
			return nil, err
		}
		if n++; n <= r.skip {
			continue
		}
		at := n - r.skip + 1
		buf = append(buf[:0], `<row r="`...)
		buf = strconv.AppendInt(buf, int64(at), 10)
		if lines := linesOf(row, r.styles); lines > 1 {
			// LibreOffice does not work the height out when it opens a file.
			buf = append(buf, `" ht="`...)
			buf = strconv.AppendInt(buf, int64(lines*lineHeight+2), 10)
			buf = append(buf, `" customHeight="1`...)
		}
		buf = append(buf, `">`...)
		person := -1
		if at <= r.links+1 {
			if i, address, ok := r.table.Link(row); ok {
				person, links = i, appendLink(links, columns[i], at, address)
			}
		}
		for i, c := range row {
			if c.Type() == report.CellEmpty {
				c = report.Text(r.styles[i].missing)
			}
			if c.Type() != report.CellEmpty {
				style := r.styles[i]
				if i == person {
					style.text = style.link
				}
				buf = appendCell(buf, columns[i], at, style, c)
			}
		}
		buf = append(buf, `</row>`...)
		if _, err := w.Write(buf); err != nil {
			return nil, err
		}
		if n == last {
			return links, nil
		}
	}
	// The table's range would not match: Excel would want to repair the file.
	return nil, fmt.Errorf("table %s has %d rows, not %d", r.table.Title, n, last)
}

// appendLink adds the link of a cell: the part of the address after its #.
func appendLink(b []byte, column string, row int, address string) []byte {
	_, location, _ := strings.Cut(address, "#")
	b = append(b, `<hyperlink ref="`...)
	b = append(b, column...)
	b = strconv.AppendInt(b, int64(row), 10)
	b = append(b, `" r:id="`+portalRelation+`" location="`...)
	b = appendText(b, location)
	return append(b, `"/>`...)
}

// lineHeight is the height of a line of the tables' font in points; maxLines
// keeps a row below the height that Excel takes.
const (
	lineHeight = 13
	maxLines   = 30
)

// linesOf gives how many lines the longest wrapped text of a row takes.
func linesOf(row []report.Cell, styles []cellStyle) int {
	lines := 1
	for i, c := range row {
		if w := styles[i].wrap; w > 0 && c.Type() == report.CellText {
			lines = max(lines, wrappedLines(c.Text(), w))
		}
	}
	return min(lines, maxLines)
}

// wrappedLines estimates how many lines a text takes in a column of w
// characters, breaking between words.
func wrappedLines(s string, w float64) int {
	lines := 0
	for line := range strings.SplitSeq(s, "\n") {
		lines++
		used := 0.0
		for word := range strings.FieldsSeq(line) {
			n := float64(textWidth(word))
			switch {
			case used == 0:
				used = n
			case used+1+n <= w:
				used += 1 + n
			default:
				lines++
				used = n
			}
			for used > w {
				lines++
				used -= w
			}
			if lines > maxLines {
				return maxLines
			}
		}
	}
	return lines
}

func appendCell(b []byte, column string, row int, style cellStyle, c report.Cell) []byte {
	b = append(b, `<c r="`...)
	b = append(b, column...)
	b = strconv.AppendInt(b, int64(row), 10)
	b = append(b, `" s="`...)
	b = strconv.AppendInt(b, int64(style.number(c)), 10)
	switch c.Type() {
	case report.CellCount:
		b = append(b, `"><v>`...)
		b = strconv.AppendInt(b, c.Int(), 10)
		return append(b, `</v></c>`...)
	case report.CellYesNo:
		b = append(b, `" t="b"><v>`...)
		if c.Bool() {
			return append(b, `1</v></c>`...)
		}
		return append(b, `0</v></c>`...)
	case report.CellTime:
		if serial, ok := serialOf(c.Time()); ok {
			b = append(b, `"><v>`...)
			b = strconv.AppendFloat(b, serial, 'f', -1, 64)
			return append(b, `</v></c>`...)
		}
	}
	b = append(b, `" t="inlineStr"><is><t xml:space="preserve">`...)
	b = appendText(b, c.String())
	return append(b, `</t></is></c>`...)
}

// number gives the number of the style for a cell.
func (s cellStyle) number(c report.Cell) int {
	switch c.Type() {
	case report.CellCount:
		return s.count
	case report.CellTime:
		if _, ok := serialOf(c.Time()); ok {
			if c.Time().Before(s.oldBefore) {
				return s.old
			}
			return s.time
		}
	case report.CellYesNo:
		if c.Bool() {
			return s.yes
		}
		return s.no
	}
	return s.text
}

// serialOf gives Excel's number for a time: days since 1899-12-30, which is
// right from March 1900 on. Other times stay text.
func serialOf(t time.Time) (float64, bool) {
	if t.Year() < 1901 || t.Year() > 9999 {
		return 0, false
	}
	const epoch = 25569 // 1970-01-01
	return epoch + float64(t.Unix())/86400, true
}

// Excel's limit for the text of a cell, in UTF-16 units, and what marks a text
// that was cut to fit.
const (
	maxUnits = 32767
	cutMark  = "… [cut]"
)

// clean gives a text as a cell may hold it: cut to Excel's limit, with U+FFFD
// for what XML cannot hold. Tabs and line feeds stay.
func clean(s string) string {
	s = cut(s)
	return strings.Map(func(r rune) rune {
		if forbidden(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// cut cuts s to Excel's limit.
func cut(s string) string {
	if len(s) <= maxUnits {
		return s
	}
	units := 0
	room := maxUnits - len([]rune(cutMark)) // the mark has one unit a rune
	fits := -1
	for i, r := range s {
		n := 1
		if r > 0xFFFF {
			n = 2
		}
		if fits < 0 && units+n > room {
			fits = i
		}
		if units += n; units > maxUnits {
			return s[:fits] + cutMark
		}
	}
	return s
}

// forbidden reports whether a character cannot stand in XML 1.0, or is a
// control character that no cell shows.
func forbidden(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return false
	case r < ' ', r >= 0x7f && r < 0xa0, r == 0xFFFE, r == 0xFFFF:
		return true
	}
	return false
}

// appendText adds a text, cut, cleaned and escaped. A text that looks like
// SpreadsheetML's own escape, such as _x0041_, is escaped so that it is not
// taken for one.
func appendText(b []byte, s string) []byte {
	s = cut(s)
	done := 0
	flush := func(i, width int, with string) {
		b = append(b, s[done:i]...)
		b = append(b, with...)
		done = i + width
	}
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '&':
				flush(i, 1, "&amp;")
			case c == '<':
				flush(i, 1, "&lt;")
			case c == '>':
				flush(i, 1, "&gt;")
			case c == '\r':
				flush(i, 1, "&#13;")
			case c == '_' && isEscape(s[i:]):
				flush(i, 1, "_x005F_")
			case c == 0x7f || c < ' ' && c != '\t' && c != '\n':
				flush(i, 1, "\uFFFD")
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if forbidden(r) || (r == utf8.RuneError && n == 1) {
			flush(i, n, "\uFFFD")
		}
		i += n
	}
	return append(b, s[done:]...)
}

// isEscape reports whether s begins with _xHHHH_.
func isEscape(s string) bool {
	if len(s) < 7 || s[1] != 'x' || s[6] != '_' {
		return false
	}
	for _, c := range []byte(s[2:6]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
