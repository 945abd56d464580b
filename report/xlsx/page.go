package xlsx

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"passkey-audit/report"
)

// The Summary's grid: twelve columns of one width, so that four tiles or two
// tables stand side by side.
const (
	gridColumns = 12
	gridWidth   = 12.5
	chartRows   = 16
	topModels   = 8
	wordsShown  = 25
	legendTitle = "Legend"
)

// A page is the Summary under construction; row is the next free one. The
// first error stays.
type page struct {
	*book
	row    int
	charts int
	// file is the one for machines, which has what the sheet leaves out.
	file string
	// starts are the rows in which sections begin that may begin a page.
	starts []int
	err    error
}

func (p *page) do(err error) {
	if p.err == nil {
		p.err = err
	}
}

func cellName(col, row int) string {
	// The coordinates are this file's own and always valid.
	name, err := excelize.CoordinatesToCellName(col, row)
	if err != nil {
		return ""
	}
	return name
}

func (p *page) setUp() {
	hide, fit, color := false, true, opaque+colHeader
	p.do(p.f.SetSheetView(summaryTitle, 0, &excelize.ViewOptions{ShowGridLines: &hide}))
	p.do(p.f.SetSheetProps(summaryTitle, &excelize.SheetPropsOptions{FitToPage: &fit, TabColorRGB: &color}))
	p.do(p.page(summaryTitle, ""))
	p.do(p.f.SetColWidth(summaryTitle, "A", "L", gridWidth))
	upright := "portrait"
	p.do(p.f.SetPageLayout(summaryTitle, &excelize.PageLayoutOptions{Orientation: &upright}))
}

// put writes a text or a number into merged cells of one row.
func (p *page) put(from, to, row int, value any, style int) {
	a, z := cellName(from, row), cellName(to, row)
	if from != to {
		p.do(p.f.MergeCell(summaryTitle, a, z))
	}
	p.do(p.f.SetCellStyle(summaryTitle, a, z, style))
	switch v := value.(type) {
	case string:
		// SetCellStr takes no text for a formula.
		p.do(p.f.SetCellStr(summaryTitle, a, clean(v)))
	case int:
		p.do(p.f.SetCellInt(summaryTitle, a, int64(v)))
	}
}

// block writes a text over the whole width and makes the row as high as the
// text takes: Excel does not do so for merged cells.
func (p *page) block(s string, style int, size float64) {
	p.put(1, gridColumns, p.row, s, style)
	perLine := gridColumns * gridWidth * 10 / size * 0.95
	if style == p.styles.word {
		perLine *= 1.15 // not bold
	}
	lines := 0
	for l := range strings.SplitSeq(s, "\n") {
		lines += 1 + int(float64(textWidth(l))/perLine)
	}
	const highest = 409 // Excel's limit
	p.do(p.f.SetRowHeight(summaryTitle, p.row, min(highest, float64(lines)*size*1.35+5)))
	p.row++
}

// textWidth counts the characters of s, those of East Asian scripts twice.
func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x1100 {
			n++
		}
	}
	return n
}

func (p *page) height(row int, h float64) { p.do(p.f.SetRowHeight(summaryTitle, row, h)) }

// pages puts the sheet on one printed page where it nearly is one; else it
// begins a page before a section that would run over the end of one. Excel may
// set such breaks aside where it fits a sheet to pages.
func (p *page) pages() {
	// Points of rows that an upright page takes at the scale at which the
	// twelve columns fill its width.
	const room, standard = 1130.0, 15.0
	at := make([]float64, p.row+1) // where a row begins
	for row := 1; row < p.row; row++ {
		h, err := p.f.GetRowHeight(summaryTitle, row)
		p.do(err)
		at[row+1] = at[row] + max(h, standard)
	}
	if at[p.row] <= 1.4*room {
		upright, one := "portrait", 1
		p.do(p.f.SetPageLayout(summaryTitle, &excelize.PageLayoutOptions{Orientation: &upright, FitToWidth: &one, FitToHeight: &one}))
		return
	}
	begin := 0.0
	for i, row := range p.starts {
		end := p.row
		if i+1 < len(p.starts) {
			end = p.starts[i+1]
		}
		if at[row] > begin && at[end]-begin > room {
			begin = at[row]
			p.do(p.f.InsertPageBreak(summaryTitle, cellName(1, row)))
		}
	}
}

// verdict says what it all comes to, what is missing, what was not looked at,
// what to be warned of, and more.
func (p *page) verdict(not, warnings, more []string) {
	p.put(1, gridColumns, p.row, p.c.Title()+": "+p.c.TenantWords(), p.styles.title)
	p.height(p.row, 34)
	p.row++
	p.block(p.c.MadeWords(), p.styles.made, 10)
	style := p.styles.verdict
	switch p.c.Tone() {
	case report.ToneBad:
		style = p.styles.verdictBad
	case report.ToneWarn:
		style = p.styles.verdictWarn
	}
	p.block(p.c.Verdict(), style, 16)
	style = p.styles.good
	if !p.c.Complete() {
		style = p.styles.bad
	}
	p.block(p.c.Completeness(), style, 12)
	for _, s := range not {
		p.block(s, p.styles.good, 11)
	}
	for _, s := range warnings {
		p.block(s, p.styles.bad, 12)
	}
	for _, s := range more {
		p.block(s, p.styles.good, 11)
	}
	p.row++
}

// tiles shows the figures, four in a row; each has a label, a number and a
// note, and leads to its sheet.
func (p *page) tiles(figures []report.Figure) {
	for i, f := range figures {
		col, row := i%4*3+1, p.row+i/4*4
		if i%4 == 0 {
			p.height(row, 18)
			p.height(row+1, 34)
			p.height(row+2, 18)
			p.height(row+3, 8)
		}
		value := p.styles.tileValue
		switch f.Tone {
		case report.ToneBad:
			value = p.styles.tileBad
		case report.ToneWarn:
			value = p.styles.tileWarn
		case report.ToneGood:
			value = p.styles.tileGood
		}
		p.put(col, col+2, row, f.Label, p.styles.tileLabel)
		p.put(col, col+2, row+1, f.Value, value)
		p.put(col, col+2, row+2, f.Note, p.styles.tileNote)
		p.link(cellName(col, row+1), f.See)
	}
	p.row += (len(figures) + 3) / 4 * 4
}

func (p *page) link(cell, sheet string) {
	tip := "Go to " + sheet
	p.do(p.f.SetCellHyperLink(summaryTitle, cell, "'"+sheet+"'!A1", "Location", excelize.HyperlinkOpts{Tooltip: &tip}))
}

func (p *page) section(from, to int, s string) {
	if from == 1 && s != legendTitle { // the legend goes with the list of sheets
		p.starts = append(p.starts, p.row)
	}
	p.put(from, to, p.row, s, p.styles.section)
	p.height(p.row, 24)
}

// chart adds a bar chart of the rows below row head, one for each colour.
func (p *page) chart(at, names, values string, head int, colours []string, title string) {
	n := len(colours)
	ref := func(col string, from, to int) string {
		return fmt.Sprintf("%s!$%s$%d:$%s$%d", summaryTitle, col, from, col, to)
	}
	axis := excelize.Font{Family: family, Size: 10, Color: colInk}
	gap := uint(45)
	p.do(p.f.AddChart(summaryTitle, at, &excelize.Chart{
		Type: excelize.Bar,
		Series: []excelize.ChartSeries{{
			Name:       fmt.Sprintf("%s!$%s$%d", summaryTitle, values, head),
			Categories: ref(names, head+1, head+n), Values: ref(values, head+1, head+n),
			Fill:      excelize.Fill{Type: "pattern", Pattern: 1, Color: colours[:1]},
			DataLabel: excelize.ChartDataLabel{Font: excelize.Font{Family: family, Size: 10, Color: colInk}},
		}},
		Title:     excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: title, Font: &excelize.Font{Family: family, Size: 12, Bold: true, Color: colInk}}}},
		Legend:    excelize.ChartLegend{Position: "none"},
		Dimension: excelize.ChartDimension{Width: 545, Height: chartRows * 20},
		GapWidth:  &gap,
		XAxis:     excelize.ChartAxis{ReverseOrder: true, Font: axis},
		YAxis:     excelize.ChartAxis{Font: axis, MajorGridLines: true, NumFmt: excelize.ChartNumFmt{CustomNumFmt: "#,##0"}},
		PlotArea:  excelize.ChartPlotArea{ShowVal: true, NumFmt: excelize.ChartNumFmt{CustomNumFmt: "#,##0"}},
		Format: excelize.GraphicOptions{
			AltText: title + "; the table above the chart has the numbers.", OffsetX: 4, OffsetY: 2,
		},
	}))
	p.charts++
	p.paint(colours)
}

// paint gives the bars of the chart that was made last their own colours:
// excelize colours the points of pies alone. The place of c:dPt is that of the
// schema (ECMA-376, CT_BarSer): before the labels.
func (p *page) paint(colours []string) {
	part := fmt.Sprintf("xl/charts/chart%d.xml", p.charts)
	value, _ := p.f.Pkg.Load(part)
	xml, _ := value.([]byte)
	head, tail, ok := bytes.Cut(xml, []byte("<dLbls>"))
	if !ok {
		p.do(fmt.Errorf("colour %s: no labels to put the colours before", part))
		return
	}
	var points bytes.Buffer
	for i, c := range colours {
		fmt.Fprintf(&points, `<dPt><idx val="%d"></idx><invertIfNegative val="0"></invertIfNegative><bubble3D val="0"></bubble3D>`+
			`<spPr><a:solidFill><a:srgbClr val="%s"></a:srgbClr></a:solidFill></spPr></dPt>`, i, c)
	}
	p.f.Pkg.Store(part, slices.Concat(head, points.Bytes(), []byte("<dLbls>"), tail))
}

// words adds a section of sentences.
func (p *page) words(title string, list []string) {
	if len(list) == 0 {
		return
	}
	p.section(1, gridColumns, title)
	p.row++
	for _, s := range list[:min(len(list), wordsShown)] {
		p.block("• "+s, p.styles.word, 10.5)
	}
	if more := len(list) - wordsShown; more > 0 {
		p.block(fmt.Sprintf("• and %d more: %s has them all", more, p.file), p.styles.word, 10.5)
	}
	p.row++
}

// contents says what each sheet holds, in the words of about, and leads there.
func (p *page) contents(about func(report.Table) string) {
	p.section(1, gridColumns, "Sheets")
	p.row++
	for _, t := range p.c.Tables() {
		if t.Title == "" {
			continue
		}
		p.put(1, 2, p.row, t.Title, p.styles.link)
		p.link(cellName(1, p.row), t.Title)
		s := about(t)
		if t.CountWords != "" {
			s += " (" + t.CountWords + ")"
		}
		p.put(3, 3, p.row, t.Count, p.styles.number)
		p.put(4, gridColumns, p.row, s, p.styles.word)
		if lines := wrappedLines(s, 9*gridWidth); lines > 1 {
			p.height(p.row, float64(lines)*15)
		}
		p.row++
	}
	p.row++
}

// short cuts a name that would not fit its cell; the table sheets have it
// whole.
func short(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
