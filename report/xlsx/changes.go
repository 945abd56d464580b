package xlsx

import (
	"bytes"
	"fmt"

	"github.com/xuri/excelize/v2"

	"passkey-audit/report"
)

// A changesPage is the Summary of a comparison.
type changesPage struct {
	*page
	d *report.Changes
}

// changes fills the first sheet of a comparison.
func (b *book) changes(d *report.Changes) error {
	p := &changesPage{page: &page{book: b, row: 1, file: "changes.json"}, d: d}
	p.setUp()
	p.verdict(nil, nil, d.ScopeWords())
	p.tiles(d.Tiles())
	p.words("Not compared", d.NotComparedWords())
	p.words("The policy", d.PolicyWords())
	p.sides()
	p.models()
	p.trend()
	p.contents(aboutChanges)
	p.pages()
	return p.err
}

// sides lays the figures of both scans side by side.
func (p *changesPage) sides() {
	p.section(1, gridColumns, "Both scans")
	p.row++
	p.heads([]heading{{1, 6, "Figure"}, {7, 8, "Older scan"}, {9, 10, "Newer scan"}, {11, 12, "Difference"}}, 2)
	for _, s := range p.d.Sides() {
		p.put(1, 6, p.row, s.Label, p.styles.cell)
		p.put(7, 8, p.row, s.Before, p.styles.number)
		p.put(9, 10, p.row, s.After, p.styles.number)
		p.put(11, 12, p.row, p.d.DifferenceWords(s.Before, s.After), p.styles.number)
		p.row++
	}
	p.row++
}

// models compares the authenticators that changed most.
func (p *changesPage) models() {
	list := p.d.Authenticators
	if len(list) == 0 {
		return
	}
	p.section(1, gridColumns, "Passkeys by authenticator, the greatest differences first")
	p.row++
	p.heads([]heading{{1, 4, "Authenticator"}, {5, 7, "AAGUID"}, {8, 8, "Passkeys in older"}, {9, 9, "Passkeys in newer"}, {10, 10, "Difference"}, {11, 11, "People in older"}, {12, 12, "People in newer"}}, 3)
	p.height(p.row-1, 28)
	for _, m := range list[:min(len(list), modelsShown)] {
		p.put(1, 4, p.row, short(m.Title, 46), p.styles.cell)
		p.put(5, 7, p.row, m.AAGUID, p.styles.cell)
		p.put(8, 8, p.row, m.PasskeysBefore, p.styles.number)
		p.put(9, 9, p.row, m.PasskeysAfter, p.styles.number)
		p.put(10, 10, p.row, p.d.DifferenceWords(m.PasskeysBefore, m.PasskeysAfter), p.styles.number)
		p.put(11, 11, p.row, m.PeopleBefore, p.styles.number)
		p.put(12, 12, p.row, m.PeopleAfter, p.styles.number)
		p.row++
	}
	if more := len(list) - modelsShown; more > 0 {
		p.block(fmt.Sprintf("and %s more: changes.json has them all", report.Number(more)), p.styles.word, 10.5)
	}
	p.row++
}

// modelsShown bounds the authenticators on the Summary.
const modelsShown = 15

// A heading is the head of some columns.
type heading struct {
	from, to int
	s        string
}

// heads writes a line of headings; the first so many are of texts, the others
// of numbers.
func (p *page) heads(list []heading, texts int) {
	for i, h := range list {
		style := p.styles.head
		if i >= texts-1 {
			style = p.styles.headRight
		}
		p.put(h.from, h.to, p.row, h.s, style)
	}
	p.row++
}

// trend draws the figures of all scans, if there are more than two, from the
// sheet that has them.
func (p *changesPage) trend() {
	n := len(p.d.Snapshots())
	if n < 3 {
		return
	}
	p.section(1, gridColumns, "Trend over "+report.Number(n)+" scans")
	p.row++
	p.block(p.d.TrendWords(), p.styles.word, 10.5)
	ref := func(col string) string {
		return fmt.Sprintf("'%s'!$%s$2:$%s$%d", report.TitleTrend, col, col, n+1)
	}
	axis := excelize.Font{Family: family, Size: 10, Color: colInk}
	var series []excelize.ChartSeries
	for i, s := range []struct{ column, colour string }{{"B", colInk}, {"C", colHeader}, {"D", colGoodBar}, {"E", colBad}, {"F", colAmber}} {
		fill := excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{s.colour}}
		series = append(series, excelize.ChartSeries{
			Name: fmt.Sprintf("'%s'!$%s$1", report.TitleTrend, s.column), Categories: ref("A"), Values: ref(s.column),
			Fill: fill, Line: excelize.LineOptions{Width: 2},
			// A symbol for each line, for those who cannot tell the colours.
			Marker: excelize.ChartMarker{
				Symbol: []string{"circle", "square", "diamond", "triangle", "x"}[i], Size: 7, Fill: fill,
			},
		})
	}
	const title = "People with a passkey, and passkeys under the policy of the time"
	p.do(p.f.AddChart(summaryTitle, cellName(1, p.row), &excelize.Chart{
		Type: excelize.Line, Series: series,
		Title:     excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: title, Font: &excelize.Font{Family: family, Size: 12, Bold: true, Color: colInk}}}},
		Legend:    excelize.ChartLegend{Position: "bottom", Font: &axis},
		Dimension: excelize.ChartDimension{Width: 1090, Height: chartRows * 20},
		XAxis:     excelize.ChartAxis{Font: axis, NumFmt: excelize.ChartNumFmt{CustomNumFmt: "yyyy-mm-dd"}},
		YAxis:     excelize.ChartAxis{Font: axis, MajorGridLines: true, NumFmt: excelize.ChartNumFmt{CustomNumFmt: "#,##0"}},
		Format:    excelize.GraphicOptions{AltText: title + "; the sheet Trend has the numbers.", OffsetX: 4, OffsetY: 2},
	}))
	p.charts++
	p.categories()
	for range chartRows + 2 {
		p.height(p.row, 15)
		p.row++
	}
}

// categories keeps the axis of the chart that was made last one of categories,
// each scan with its label: an axis of dates would join scans of one day, and
// LibreOffice would label every day.
func (p *page) categories() {
	part := fmt.Sprintf("xl/charts/chart%d.xml", p.charts)
	value, _ := p.f.Pkg.Load(part)
	xml, _ := value.([]byte)
	automatic := []byte(`<auto val="1">`)
	if !bytes.Contains(xml, automatic) {
		p.do(fmt.Errorf("label %s: no axis to label", part))
		return
	}
	xml = bytes.ReplaceAll(xml, automatic, []byte(`<auto val="0">`))
	// Tick marks keep the labels clear of the symbols of lines that lie at 0.
	p.f.Pkg.Store(part, bytes.Replace(xml, []byte(`<majorTickMark val="none">`), []byte(`<majorTickMark val="out">`), 1))
}

// aboutChanges says what each sheet of a comparison holds.
func aboutChanges(t report.Table) string {
	return map[string]string{
		report.TitleAdded:          "passkeys that the newer scan has and the older one has not",
		report.TitleRemoved:        "passkeys that the older scan has and the newer one has not",
		report.TitleNewlyBlocked:   "passkeys that are blocked now and were not, or for which that was undecided",
		report.TitleNewlyAllowed:   "passkeys that are allowed now and were not, or for which that was undecided",
		report.TitleNewlyUndecided: "passkeys for which it is undecided now whether they are allowed, and was not; changes.csv does not have them",
		report.TitlePeople:         "users who came or left",
		report.TitlePolicyChanges:  "how the methods policy changed, setting by setting",
		report.TitleNotCompared:    "people of whom one scan does not know the passkeys; changes.csv does not have them",
		report.TitleTrend:          "the figures of every scan",
	}[t.Title]
}
