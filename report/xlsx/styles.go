package xlsx

import (
	"time"

	"github.com/xuri/excelize/v2"

	"passkey-audit/report"
)

// family is the font of every cell; a style without one loses it.
const family = "Calibri"

// The colours are told apart by colour-blind people and, by their lightness
// and the weight of the text, in black and white too (after Okabe and Ito,
// "Color Universal Design", 2008).
const (
	colInk     = "1F2933"
	colMuted   = "52606D"
	colBad     = "A33A00" // dark vermilion, with white text
	colWarn    = "FFE08A" // light yellow, with dark text
	colGood    = "D6ECFA" // light blue, with dark text
	colGrey    = "D9DEE4"
	colHeader  = "1F4E79"
	colLine    = "9AA5B1"
	colTile    = "F3F5F7"
	colBadPale = "FBE3D6"
	colAmber   = "C99700" // bars: the colours of cells are too light for them
	colGoodBar = "4A7BA6"
)

// styles are the numbers of the cell styles, and of the conditional ones.
type styles struct {
	header, text, wrap, guid, count, time int
	person, problem                       int
	factCount, factTime, oldTime          int
	yesNo, yesStrong, yesWarn, yesGood    int

	title, made, note, verdict, verdictWarn, verdictBad, good, bad, word, section int
	tileLabel, tileNote, tileValue, tileBad, tileWarn, tileGood                   int
	head, headRight, cell, number, link                                           int

	// legend are the colours of the impacts: none, breaks, undecided, already
	// blocked, restored.
	legend [5]int

	condBad, condWarn, condGood, condGrey, condStrong int
}

// newStyles makes the styles of a workbook.
func newStyles(f *excelize.File) (styles, error) {
	var s styles
	m := maker{f: f}
	plain := font(10, false, colInk)
	date := "yyyy-mm-dd hh:mm"
	m.to(&s.header, &excelize.Style{Font: font(10, true, "FFFFFF"), Fill: fill(colHeader),
		Alignment: &excelize.Alignment{Vertical: "center", WrapText: true}})
	m.to(&s.text, &excelize.Style{Font: plain, Alignment: top(false), NumFmt: 49})
	m.to(&s.person, &excelize.Style{Font: &excelize.Font{Family: family, Size: 10, Color: "0563C1", Underline: "single"}, Alignment: top(false), NumFmt: 49})
	m.to(&s.problem, &excelize.Style{Font: font(10, true, colInk), Fill: fill(colWarn), Alignment: top(true), NumFmt: 49})
	m.to(&s.wrap, &excelize.Style{Font: plain, Alignment: top(true), NumFmt: 49})
	m.to(&s.guid, &excelize.Style{Font: &excelize.Font{Family: "Consolas", Size: 9, Color: colMuted}, Alignment: top(false), NumFmt: 49})
	m.to(&s.count, &excelize.Style{Font: plain, Alignment: top(false), NumFmt: 3})
	m.to(&s.time, &excelize.Style{Font: plain, Alignment: top(false), CustomNumFmt: &date})
	// The word is part of the format, so that the cell stays a date.
	old := date + `" (` + report.UnusedWord + `)"`
	m.to(&s.oldTime, &excelize.Style{Font: font(10, true, colInk), Fill: fill(colGrey), Alignment: top(false), CustomNumFmt: &old})
	leftTop := &excelize.Alignment{Horizontal: "left", Vertical: "top"}
	m.to(&s.factCount, &excelize.Style{Font: plain, Alignment: leftTop, NumFmt: 3})
	m.to(&s.factTime, &excelize.Style{Font: plain, Alignment: leftTop, CustomNumFmt: &date})
	middle := &excelize.Alignment{Vertical: "top", Horizontal: "center"}
	// Excel shows a yes as TRUE whatever the format; LibreOffice shows 1 in some
	// cells of a column without one.
	logical := `"TRUE";"TRUE";"FALSE"`
	m.to(&s.yesNo, &excelize.Style{Font: plain, Alignment: middle, CustomNumFmt: &logical})
	m.to(&s.yesStrong, &excelize.Style{Font: font(10, true, colInk), Fill: fill(colBadPale), Alignment: middle, CustomNumFmt: &logical})
	m.to(&s.yesWarn, &excelize.Style{Font: font(10, true, colInk), Fill: fill(colWarn), Alignment: middle, CustomNumFmt: &logical})
	m.to(&s.yesGood, &excelize.Style{Font: plain, Fill: fill(colGood), Alignment: middle, CustomNumFmt: &logical})
	s.page(&m)
	m.cond(&s.condBad, &excelize.Style{Font: &excelize.Font{Bold: true, Color: "FFFFFF"}, Fill: fill(colBad)})
	m.cond(&s.condWarn, &excelize.Style{Font: &excelize.Font{Italic: true, Color: colInk}, Fill: fill(colWarn)})
	m.cond(&s.condGood, &excelize.Style{Font: &excelize.Font{Color: colInk}, Fill: fill(colGood)})
	m.cond(&s.condGrey, &excelize.Style{Font: &excelize.Font{Color: colInk}, Fill: fill(colGrey)})
	m.cond(&s.condStrong, &excelize.Style{Font: &excelize.Font{Bold: true, Color: colInk}, Fill: fill(colBadPale)})
	return s, m.err
}

// page makes the styles of the sheet Summary.
func (s *styles) page(m *maker) {
	plain := font(10, false, colInk)
	wrap := &excelize.Alignment{Horizontal: "left", Vertical: "center", WrapText: true, Indent: 1}
	m.to(&s.title, &excelize.Style{Font: font(20, true, colInk), Alignment: &excelize.Alignment{Vertical: "center"}})
	m.to(&s.made, &excelize.Style{Font: font(10, false, colMuted), Alignment: top(true)})
	m.to(&s.note, &excelize.Style{Font: &excelize.Font{Family: family, Size: 11, Italic: true, Color: colInk}})
	m.to(&s.verdict, &excelize.Style{Font: font(15, true, colInk), Fill: fill(colGood), Alignment: wrap})
	m.to(&s.verdictWarn, &excelize.Style{Font: font(15, true, colInk), Fill: fill(colWarn), Alignment: wrap})
	m.to(&s.verdictBad, &excelize.Style{Font: font(15, true, "FFFFFF"), Fill: fill(colBad), Alignment: wrap})
	m.to(&s.good, &excelize.Style{Font: font(11, false, colInk), Alignment: wrap})
	m.to(&s.bad, &excelize.Style{Font: font(12, true, colInk), Fill: fill(colWarn), Alignment: wrap,
		Border: box(colInk, 2)})
	m.to(&s.word, &excelize.Style{Font: font(10.5, false, colInk), Alignment: &excelize.Alignment{Horizontal: "left", Vertical: "center", WrapText: true, Indent: 1}})
	m.to(&s.section, &excelize.Style{Font: font(13, true, colHeader), Alignment: &excelize.Alignment{Vertical: "bottom"},
		Border: []excelize.Border{{Type: "bottom", Color: colHeader, Style: 1}}})

	center := &excelize.Alignment{Horizontal: "center", Vertical: "center", WrapText: true}
	m.to(&s.tileLabel, &excelize.Style{Font: font(10, true, colMuted), Fill: fill(colTile), Alignment: center, Border: sides("top")})
	m.to(&s.tileNote, &excelize.Style{Font: font(9, false, colMuted), Fill: fill(colTile), Alignment: center, Border: sides("bottom")})
	tile := func(p *int, color, back string) {
		m.to(p, &excelize.Style{Font: font(22, true, color), Fill: fill(back), Alignment: center, NumFmt: 3, Border: sides("")})
	}
	tile(&s.tileValue, colInk, colTile)
	tile(&s.tileBad, "FFFFFF", colBad)
	tile(&s.tileWarn, colInk, colWarn)
	tile(&s.tileGood, colInk, colGood)

	line := []excelize.Border{{Type: "bottom", Color: colGrey, Style: 1}}
	under := []excelize.Border{{Type: "bottom", Color: colLine, Style: 1}}
	left := &excelize.Alignment{Horizontal: "left", Vertical: "center", WrapText: true, Indent: 1}
	right := &excelize.Alignment{Horizontal: "right", Vertical: "center", WrapText: true}
	m.to(&s.head, &excelize.Style{Font: font(10, true, colMuted), Border: under, Alignment: left})
	m.to(&s.headRight, &excelize.Style{Font: font(10, true, colMuted), Border: under, Alignment: right})
	m.to(&s.cell, &excelize.Style{Font: plain, Border: line, Alignment: left})
	m.to(&s.number, &excelize.Style{Font: plain, Border: line, NumFmt: 3, Alignment: right})
	m.to(&s.link, &excelize.Style{Font: &excelize.Font{Family: family, Size: 10.5, Color: "0563C1", Underline: "single"}, Alignment: &excelize.Alignment{Horizontal: "left", Vertical: "center", Indent: 1}})

	for i, back := range []string{"FFFFFF", colBad, colWarn, colGrey, colGood} {
		f := font(10, i == 1, colInk)
		f.Italic = i == 2
		if i == 1 {
			f.Color = "FFFFFF"
		}
		m.to(&s.legend[i], &excelize.Style{Font: f, Fill: fill(back), Alignment: &excelize.Alignment{Horizontal: "left", Vertical: "center", Indent: 1}})
	}
}

func top(wrap bool) *excelize.Alignment {
	return &excelize.Alignment{Vertical: "top", WrapText: wrap}
}

func font(size float64, bold bool, color string) *excelize.Font {
	return &excelize.Font{Family: family, Size: size, Bold: bold, Color: color}
}

func fill(c string) excelize.Fill {
	return excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{c}}
}

func box(color string, style int) []excelize.Border {
	var list []excelize.Border
	for _, side := range []string{"left", "top", "right", "bottom"} {
		list = append(list, excelize.Border{Type: side, Color: color, Style: style})
	}
	return list
}

// sides gives the border of one part of a tile: left, right and one other.
func sides(other string) []excelize.Border {
	list := []excelize.Border{{Type: "left", Color: colLine, Style: 1}, {Type: "right", Color: colLine, Style: 1}}
	if other != "" {
		list = append(list, excelize.Border{Type: other, Color: colLine, Style: 1})
	}
	return list
}

// A maker makes styles and keeps the first error.
type maker struct {
	f   *excelize.File
	err error
}

func (m *maker) to(id *int, s *excelize.Style) {
	if m.err == nil {
		*id, m.err = m.f.NewStyle(s)
	}
}

func (m *maker) cond(id *int, s *excelize.Style) {
	if m.err == nil {
		*id, m.err = m.f.NewConditionalStyle(s)
	}
}

// A cellStyle is the style of a column's cells by what they hold; yes is for
// those that hold a yes. A column of texts may hold numbers and times too, and
// a number in the format of texts would show as none: 46348.59 for a time.
//
// Colours for yes and no are part of the cell and not conditional, since
// LibreOffice 7.4 crashes when it prints a conditional format over such cells.
//
// wrap is the width in characters at which long texts go on in the next line;
// 0 where they do not. Times before oldBefore take the style old; missing is
// the text of cells without a value; link is the style of a text that leads to
// a person's page.
type cellStyle struct {
	text, count, time, old, no, yes, link int
	wrap                                  float64
	oldBefore                             time.Time
	missing                               string
}

// wrapLimit is up to how many rows long texts are wrapped; longer tables are
// for filtering, and there rows of one height are easier to read.
const wrapLimit = 10_000

// of gives the style of a column's cells.
func (s *styles) of(t report.Table, c report.Column) cellStyle {
	style := cellStyle{text: s.text, old: s.oldTime, count: s.count, time: s.time, no: s.yesNo, yes: s.yesNo, link: s.person}
	if age, ok := t.Age(c.Key); ok {
		style.oldBefore = age.Before
	}
	style.missing = t.Missing(c)
	switch c.Kind {
	case report.KindGUID:
		style.text = s.guid
	case report.KindYesNo:
		switch c.Key {
		case "is_admin":
			style.yes = s.yesStrong
		case "changed":
			style.yes = s.yesWarn
		case "in_proposed_list", "in_current_list", "suggested":
			style.yes = s.yesGood
		case "complete":
			style.no = s.yesWarn
		}
	case report.KindFree:
		if t.Count > wrapLimit {
			break
		}
		if t.Title == report.TitleRun { // beside texts
			style.count, style.time = s.factCount, s.factTime
		}
		if c.Key == "missing" || c.Key == "not_looked_at" || c.Key == "strength_notes" {
			style.text, style.wrap = s.wrap, c.Width
		}
		if t.Title == report.TitlePolicy || t.Title == report.TitlePolicyChanges || t.Title == report.TitleRun || t.Title == report.TitleAAGUIDs || t.Title == report.TitleBreaking && (c.Key == "reason" || c.Key == "authenticator") {
			style.text, style.wrap = s.wrap, c.Width
		}
		if c.Key == "problem" {
			style.text = s.problem
		}
	}
	return style
}
