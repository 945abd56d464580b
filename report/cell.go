package report

import (
	"strconv"
	"time"

	"passkey-audit/audit"
)

// A CellType tells what a cell holds.
type CellType uint8

// The types of cells. The zero value is an empty cell: not known, or not
// applicable.
const (
	CellEmpty CellType = iota
	CellText
	CellCount
	CellTime
	CellYesNo
)

// A Cell is one value of a table. It is small and holds no interface, since a
// report may have tens of millions of them. The zero Cell is empty.
type Cell struct {
	text string
	n    int64
	typ  CellType
}

// Text gives a cell with a text; an empty text gives an empty cell.
func Text[S ~string](s S) Cell {
	if s == "" {
		return Cell{}
	}
	return Cell{text: string(s), typ: CellText}
}

// Count gives a cell with a whole number.
func Count(n int) Cell { return Cell{n: int64(n), typ: CellCount} }

// Time gives a cell with a time, cut to whole seconds; empty for the zero time.
func Time(t time.Time) Cell {
	if t.IsZero() {
		return Cell{}
	}
	return Cell{n: t.Unix(), typ: CellTime}
}

// YesNo gives a cell with a yes or no; empty for Unknown.
func YesNo(t audit.Ternary) Cell {
	switch t {
	case audit.Yes:
		return Cell{n: 1, typ: CellYesNo}
	case audit.No:
		return Cell{typ: CellYesNo}
	}
	return Cell{}
}

// Type tells what the cell holds.
func (c Cell) Type() CellType { return c.typ }

// Text gives the text of a cell of type CellText.
func (c Cell) Text() string { return c.text }

// Int gives the number of a cell of type CellCount.
func (c Cell) Int() int64 { return c.n }

// Time gives the time of a cell of type CellTime, in UTC.
func (c Cell) Time() time.Time { return time.Unix(c.n, 0).UTC() }

// Bool gives the answer of a cell of type CellYesNo.
func (c Cell) Bool() bool { return c.n != 0 }

// Append adds the cell in the words of the contract: numbers in digits, times
// in RFC 3339 and UTC, "true" and "false", nothing for an empty cell.
func (c Cell) Append(b []byte) []byte {
	switch c.typ {
	case CellText:
		return append(b, c.text...)
	case CellCount:
		return strconv.AppendInt(b, c.n, 10)
	case CellTime:
		return c.Time().AppendFormat(b, time.RFC3339)
	case CellYesNo:
		return strconv.AppendBool(b, c.n != 0)
	}
	return b
}

// String gives what Append adds.
func (c Cell) String() string {
	if c.typ == CellText {
		return c.text
	}
	return string(c.Append(nil))
}

// A Kind tells what the cells of a column mean, and so how far their text is
// to be trusted.
type Kind uint8

// The kinds of columns.
const (
	// KindFree is text that somebody in the tenant wrote, or that Microsoft
	// Graph sent: hostile.
	KindFree Kind = iota
	// KindOwn is text of this program's own words alone.
	KindOwn
	// KindEnum is one of a few fixed words.
	KindEnum
	// KindGUID is a GUID in lower case. A cell that holds anything else is
	// hostile text; see Hostile.
	KindGUID
	// KindCount, KindTime and KindYesNo hold what they say.
	KindCount
	KindTime
	KindYesNo
)

// Hostile reports whether the cell, in a column of kind k, holds text that
// this program did not make: it may look like a formula, or like markup.
func (c Cell) Hostile(k Kind) bool {
	if c.typ != CellText {
		return false
	}
	switch k {
	case KindFree:
		return true
	case KindGUID:
		return !isGUID(c.text)
	}
	return false
}

// isGUID reports whether s has the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx
// of hexadecimal digits.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return false
			}
		}
	}
	return true
}
