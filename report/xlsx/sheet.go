package xlsx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"passkey-audit/report"
)

// table adds a table, on as many sheets as it takes.
func (b *book) table(t report.Table) error {
	skip := 0
	for n := 1; ; n++ {
		title := t.Title
		if n > 1 {
			title = fmt.Sprintf("%s (%d)", t.Title, n)
		}
		count := min(t.Count-skip, b.limit-1)
		if err := b.sheet(title, t, skip, count); err != nil {
			return err
		}
		if skip += count; skip >= t.Count {
			return nil
		}
	}
}

// sheet adds one sheet with the header and everything around the rows; the
// archive puts the rows in. What belongs to the sheet must be set before
// Flush: after it, excelize drops it without an error.
func (b *book) sheet(title string, t report.Table, skip, count int) error {
	index, err := b.f.NewSheet(title)
	if err != nil {
		return err
	}
	last, err := excelize.CoordinatesToCellName(len(t.Columns), max(count, 1)+1)
	if err != nil {
		return err
	}
	all := "A1:" + last
	if err := b.before(title, t, all); err != nil {
		return err
	}
	sw, err := b.f.NewStreamWriter(title)
	if err != nil {
		return err
	}
	if err := b.layout(sw, title, t); err != nil {
		return err
	}
	header := make([]any, len(t.Columns))
	kinds := make([]cellStyle, len(t.Columns))
	for i, c := range t.Columns {
		header[i] = excelize.Cell{StyleID: b.styles.header, Value: c.Heading}
		kinds[i] = b.styles.of(t, c)
	}
	if err := sw.SetRow("A1", header, excelize.RowOpts{Height: 32}); err != nil {
		return err
	}
	if count == 0 {
		// Row 2 stays empty, since a table has at least one row of data.
		note := []any{excelize.Cell{StyleID: b.styles.note, Value: clean(t.Empty)}}
		if err := sw.SetRow(cellName(1, noteRow), note); err != nil {
			return err
		}
	}
	stripes := true
	if err := sw.AddTable(&excelize.Table{
		Range: all, Name: tableName(title), StyleName: "TableStyleLight1", ShowRowStripes: &stripes,
	}); err != nil {
		return err
	}
	if err := b.colours(title, t, max(count, 1)+1); err != nil {
		return err
	}
	if err := b.remarks(title, t, skip, count); err != nil {
		return err
	}
	if err := sw.Flush(); err != nil {
		return err
	}
	if count > 0 {
		// excelize numbers the parts by the order in which sheets are made.
		b.rows[fmt.Sprintf("xl/worksheets/sheet%d.xml", index+1)] = sheetRows{table: t, skip: skip, count: count, styles: kinds, links: b.links(t)}
	}
	return nil
}

// remarkLimit bounds the remarks of a sheet: each costs a drawing.
const remarkLimit = 1000

// remarks puts the remarks on their cells, as notes that open when the mouse
// is over them.
func (b *book) remarks(title string, t report.Table, skip, count int) error {
	for _, r := range t.Remarks[:min(len(t.Remarks), remarkLimit)] {
		col := slices.IndexFunc(t.Columns, func(c report.Column) bool { return c.Key == r.Key })
		if col < 0 || r.Row < skip || r.Row >= skip+count {
			continue
		}
		const width, line = 360, 20 // pixels
		if err := b.f.AddComment(title, excelize.Comment{
			Cell: cellName(col+1, r.Row-skip+2), Author: b.c.Tool().Name, Width: width, Height: uint(line * (2 + textWidth(r.Text)/50)),
			Paragraph: []excelize.RichTextRun{{Text: clean(r.Text), Font: &excelize.Font{Family: family, Size: 9, Color: colInk}}},
		}); err != nil {
			return err
		}
	}
	return nil
}

// noteRow is the row of the note below an empty table.
const noteRow = 4

// tableName makes a name that Excel takes for a table: letters and digits.
func tableName(title string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, title) + "Table"
}

// tab gives the colour of a sheet's tab.
func tab(t report.Table) string {
	switch {
	case t.Count == 0:
		return colGrey
	case t.Title == report.TitleBreaking, t.Title == report.TitleUsers:
		return colBad
	case t.Title == report.TitleNewlyBlocked:
		return colBad
	case t.Title == report.TitleTenants:
		return colInk
	case t.Title == report.TitleUnread, t.Title == report.TitleStrengths, t.Title == report.TitleNewlyUndecided, t.Title == report.TitleNotCompared:
		return colWarn
	}
	return colHeader
}

// opaque stands before the colour of a tab: unlike those of styles, it is
// written as given and needs its alpha.
const opaque = "FF"

// before sets what must stand before the stream begins.
func (b *book) before(title string, t report.Table, all string) error {
	fit, color := true, opaque+tab(t)
	if err := b.f.SetSheetProps(title, &excelize.SheetPropsOptions{TabColorRGB: &color, FitToPage: &fit}); err != nil {
		return err
	}
	if err := b.f.SetSheetDimension(title, all); err != nil {
		return err
	}
	if err := b.page(title, "$1:$1"); err != nil {
		return err
	}
	if t.Count == 0 {
		all = fmt.Sprintf("A1:A%d", noteRow)
	}
	return b.printArea(title, t, all)
}

// printedTo names the last column that is printed, by the key of the first
// column, where a whole row would be too small to read on paper.
func printedTo(first string) string {
	switch first {
	case "impact", "strength":
		return "aaguid"
	case "risk":
		return "undecided"
	case "change":
		return "after"
	case "tenant": // the sheet Tenants; Policy has no such column
		return "unread"
	}
	return ""
}

// printArea keeps the columns that only machines need off the paper.
func (b *book) printArea(title string, t report.Table, all string) error {
	key := printedTo(t.Columns[0].Key)
	for i, c := range t.Columns {
		if c.Key != key {
			continue
		}
		name, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		last := strings.TrimLeft(strings.TrimPrefix(all, "A1:"), "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		return b.f.SetDefinedName(&excelize.DefinedName{
			Name: "_xlnm.Print_Area", RefersTo: fmt.Sprintf("'%s'!$A$1:$%s$%s", title, name, last), Scope: title,
		})
	}
	return nil
}

// page sets how a sheet prints: landscape, one page wide, the header repeated,
// pages numbered. The header says so if the report is incomplete.
func (b *book) page(title, repeat string) error {
	orientation, width, height, paper := "landscape", 1, 0, 9 // A4
	if err := b.f.SetPageLayout(title, &excelize.PageLayoutOptions{
		Orientation: &orientation, FitToWidth: &width, FitToHeight: &height, Size: &paper,
	}); err != nil {
		return err
	}
	side, edge, head := 0.4, 0.7, 0.3
	if err := b.f.SetPageMargins(title, &excelize.PageLayoutMarginsOptions{
		Left: &side, Right: &side, Top: &edge, Bottom: &edge, Header: &head, Footer: &head,
	}); err != nil {
		return err
	}
	text := "&L&A"
	if !b.c.Complete() {
		text += "&C&\"" + family + ",Bold\"INCOMPLETE: see Summary"
	}
	text += "&R" + strings.ReplaceAll(b.c.Tool().Name, "&", "&&")
	if err := b.f.SetHeaderFooter(title, &excelize.HeaderFooterOptions{
		OddHeader: text, OddFooter: "&L&D&RPage &P of &N",
	}); err != nil {
		return err
	}
	if repeat == "" {
		return nil
	}
	return b.f.SetDefinedName(&excelize.DefinedName{
		Name: "_xlnm.Print_Titles", RefersTo: "'" + title + "'!" + repeat, Scope: title,
	})
}

// layout sets the widths and freezes the header, and the first column too.
func (b *book) layout(sw *excelize.StreamWriter, title string, t report.Table) error {
	for i, c := range t.Columns {
		width := c.Width
		if _, ok := t.Age(c.Key); ok {
			width += 18 // the word beside a time
		}
		if err := sw.SetColWidth(i+1, i+1, width); err != nil {
			return err
		}
	}
	return sw.SetPanes(&excelize.Panes{
		Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft",
		Selection: []excelize.Selection{{SQRef: "A2", ActiveCell: "A2", Pane: "bottomLeft"}},
	})
}

// A colour is a conditional format: cells of a column that equal a text.
type colour struct {
	key, equals string
	style       func(*styles) int
}

func bad(s *styles) int    { return s.condBad }
func warn(s *styles) int   { return s.condWarn }
func good(s *styles) int   { return s.condGood }
func grey(s *styles) int   { return s.condGrey }
func strong(s *styles) int { return s.condStrong }

// colourRules are all conditional formats. Every one of them colours a cell
// that says the same in words.
func colourRules() []colour {
	return []colour{
		{"impact", "breaks", bad},
		{"impact", "undecided", warn},
		{"impact", "already_blocked", grey},
		{"impact", "restored", good},
		{"risk", "unread", warn},
		{"risk", "loses_last_passkey", bad},
		{"risk", "loses_some", strong},
		{"risk", "undecided", warn},
		{"risk", "blocked_already", grey},
		{"allowed_now", "blocked", grey},
		{"allowed_now", "for_some", warn},
		{"allowed_now", "undecided", warn},
		{"allowed_proposed", "blocked", strong},
		{"allowed_proposed", "for_some", warn},
		{"allowed_proposed", "undecided", warn},
		{"before", "blocked", grey},
		{"before", "undecided", warn},
		{"after", "blocked", strong},
		{"after", "undecided", warn},
		{"current", "blocked", grey},
		{"current", "undecided", warn},
		{"proposed", "blocked", strong},
		{"proposed", "undecided", warn},
	}
}

func (b *book) colours(title string, t report.Table, last int) error {
	for i, c := range t.Columns {
		name, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		ref := fmt.Sprintf("%s2:%s%d", name, name, last)
		var list []excelize.ConditionalFormatOptions
		for _, r := range colourRules() {
			// The sheet Policy has a column "proposed" that holds no verdicts.
			if r.key == c.Key && c.Kind == report.KindEnum {
				style := r.style(&b.styles)
				list = append(list, excelize.ConditionalFormatOptions{Type: "cell", Criteria: "==", Value: `"` + r.equals + `"`, Format: &style})
			}
		}
		if c.Key == "breaking" || t.Title == report.TitleTenants && (c.Key == "losing_last_passkey" || c.Key == "unread") {
			style := b.styles.condStrong
			list = append(list, excelize.ConditionalFormatOptions{Type: "cell", Criteria: ">", Value: "0", Format: &style})
		}
		if len(list) == 0 {
			continue
		}
		if err := b.f.SetConditionalFormat(title, ref, list); err != nil {
			return err
		}
	}
	return nil
}
