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
	// starts are the rows in which sections begin that may begin a page.
	starts []int
	err    error
}

// summary fills the first sheet: the answer, what is missing, the figures, and
// where to go on.
func (b *book) summary() error {
	p := &page{book: b, row: 1}
	p.setUp()
	p.verdict()
	p.tiles()
	p.breakdown()
	p.words("The proposal \""+b.d.Proposal().Name+"\" against the live policy", b.d.ProposalWords())
	p.proposals()
	p.hardest()
	p.words("Assumptions, since Microsoft does not document it", b.d.AssumptionWords())
	p.words("The suggested policy (suggested-policy.json)", p.d.SuggestionList())
	p.words("Authentication strengths, which are not counted among what breaks", p.d.StrengthWords())
	p.contents()
	p.legend()
	p.pages()
	return p.err
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

func (p *page) verdict() {
	p.put(1, gridColumns, p.row, "Passkeys under a proposed policy: "+p.d.TenantWords(), p.styles.title)
	p.height(p.row, 34)
	p.row++
	p.block(p.d.MadeWords(), p.styles.made, 10)
	style := p.styles.verdict
	switch p.d.Tone() {
	case report.ToneBad:
		style = p.styles.verdictBad
	case report.ToneWarn:
		style = p.styles.verdictWarn
	}
	p.block(p.d.Verdict(), style, 16)
	style = p.styles.good
	if !p.d.Complete() {
		style = p.styles.bad
	}
	p.block(p.d.Completeness(), style, 12)
	p.block(p.d.PasskeyWords(), p.styles.good, 11)
	for _, s := range p.d.LastUseWords() {
		p.block(s, p.styles.good, 11)
	}
	for _, s := range p.d.Coverage().NotLookedAt {
		p.block("Not looked at: "+s, p.styles.good, 11)
	}
	p.row++
}

// tiles shows the figures, four in a row; each has a label, a number and a
// note, and leads to its sheet.
func (p *page) tiles() {
	figures := p.d.Figures()
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

// breakdown shows two small tables side by side, each with its chart.
func (p *page) breakdown() {
	p.section(1, 6, "Passkeys by impact")
	p.section(7, 12, "Authenticators that break, by people")
	head := p.row + 1
	for _, h := range []struct {
		from, to int
		s        string
	}{{1, 2, "Impact"}, {3, 3, "Passkeys"}, {4, 6, "Meaning"}, {7, 10, "Authenticator"}, {11, 11, "People"}, {12, 12, "Passkeys"}} {
		style := p.styles.head
		if h.from == h.to {
			style = p.styles.headRight
		}
		p.put(h.from, h.to, head, h.s, style)
	}
	impacts := p.d.ImpactFigures()
	for i, f := range impacts {
		r := head + 1 + i
		p.put(1, 2, r, f.Label, p.styles.cell)
		p.put(3, 3, r, f.Value, p.styles.number)
		p.put(4, 6, r, f.Note, p.styles.cell)
		p.height(r, 28)
	}
	top := p.d.TopBreaking(topModels)
	for i, a := range top {
		r := head + 1 + i
		p.put(7, 10, r, a.Label(60), p.styles.cell)
		p.put(11, 11, r, a.PeopleBreaking, p.styles.number)
		p.put(12, 12, r, a.Breaking, p.styles.number)
		if i >= len(impacts) {
			p.height(r, 16)
		}
	}
	if len(top) == 0 {
		p.put(7, 12, head+1, p.d.NothingBreaks(), p.styles.cell)
	}
	rows := max(len(impacts), len(top), 1)
	p.row = head + rows + 2
	var colours []string
	for _, f := range impacts {
		colours = append(colours, map[report.Tone]string{report.ToneBad: colBad, report.ToneWarn: colAmber, report.ToneGood: colGoodBar}[f.Tone])
	}
	p.chart(cellName(1, p.row), "A", "C", head, colours, "Passkeys by impact")
	if len(top) > 0 {
		p.chart(cellName(7, p.row), "G", "K", head, slices.Repeat([]string{colBad}, len(top)), "People whose passkey breaks, by authenticator")
	}
	for range chartRows + 2 {
		p.height(p.row, 15) // as high as Excel has it: the charts lie over these rows
		p.row++
	}
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
		p.block(fmt.Sprintf("• and %d more: summary.json has them all", more), p.styles.word, 10.5)
	}
	p.row++
}

// hardest names the people who are hit hardest.
func (p *page) hardest() {
	if len(p.d.Hardest) == 0 {
		return
	}
	title := "Hit hardest"
	if order := p.d.HardestOrder(); order != "" {
		title += ": " + order
	}
	p.section(1, gridColumns, title)
	p.row++
	for _, h := range []struct {
		from, to int
		s        string
	}{{1, 4, "User principal name"}, {5, 6, "Name"}, {7, 7, "Admin"}, {8, 8, "Account"}, {9, 10, "Risk"}, {11, 11, "Breaking"}, {12, 12, "Usable after"}} {
		style := p.styles.head
		if h.from > 10 {
			style = p.styles.headRight
		}
		p.put(h.from, h.to, p.row, h.s, style)
	}
	p.row++
	for _, h := range p.d.Hardest {
		admin := map[string]string{"true": "yes", "false": "no", "": "not known"}[h.Admin.String()]
		p.put(1, 4, p.row, short(h.UPN, 46), p.styles.cell)
		p.put(5, 6, p.row, short(h.DisplayName, 23), p.styles.cell)
		p.put(7, 7, p.row, admin, p.styles.cell)
		account := map[string]string{"true": "enabled", "false": "disabled", "": "not known"}[h.Enabled.String()]
		p.put(8, 8, p.row, account, p.styles.cell)
		p.put(9, 10, p.row, strings.ReplaceAll(string(h.Risk), "_", " "), p.styles.cell)
		p.put(11, 11, p.row, h.Breaking, p.styles.number)
		p.put(12, 12, p.row, h.UsableAfter, p.styles.number)
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

// contents says what each sheet holds and leads there.
func (p *page) contents() {
	p.section(1, gridColumns, "Sheets")
	p.row++
	about := map[string]string{
		report.TitleBreaking:  "every passkey that the proposal blocks, those that break first",
		report.TitleUsers:     "every user with a passkey, and every user who could not be read",
		report.TitlePasskeys:  "every passkey with both verdicts",
		report.TitleAAGUIDs:   "every authenticator model in use or on a list",
		report.TitlePolicy:    "the live policy beside the proposal, setting by setting",
		report.TitleStrengths: "passkeys that an authentication strength does not accept",
		report.TitleUnread:    "what could not be read, and why",
		report.TitleRun:       "when and how this report was made",
	}
	for _, t := range p.d.Tables() {
		if t.Title == "" {
			continue
		}
		p.put(1, 2, p.row, t.Title, p.styles.link)
		p.link(cellName(1, p.row), t.Title)
		s := about[t.Title]
		if t.Title == report.TitleStrengths && !p.d.StrengthsRead() {
			s = t.Empty
		}
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

// legend says what the words and colours of the table sheets mean.
func (p *page) legend() {
	p.section(1, gridColumns, legendTitle)
	p.row++
	for _, f := range p.d.ImpactFigures() {
		style := p.styles.legend[0]
		switch f.Label {
		case "Breaks":
			style = p.styles.legend[1]
		case "Undecided":
			style = p.styles.legend[2]
		case "Already blocked":
			style = p.styles.legend[3]
		case "Restored":
			style = p.styles.legend[4]
		}
		p.put(1, 2, p.row, f.Label, style)
		p.put(3, gridColumns, p.row, f.Note, p.styles.word)
		p.row++
	}
	p.block("A user's risk is the first that fits: unread, loses last passkey (one works now, none is allowed after), loses some, undecided, blocked already, unaffected. "+
		"Undecided means that something the answer depends on is not known: it counts neither as allowed nor as blocked.", p.styles.word, 10.5)
}
