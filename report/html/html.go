// Package html writes a report as one page for people: no outside resource, no
// request to anywhere, usable from a file share.
//
// It lays out the report's model and knows nothing else. Whatever a tenant's
// people wrote stands there as text: html/template escapes it, the rows travel
// as JSON in a block that no browser executes, the page's own script sets text
// alone, and the Content-Security-Policy lets nothing else run or load.
package html

import (
	"bufio"
	"context"
	"crypto/sha256"
	_ "embed" // for the page's parts
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"passkey-audit/report"
)

// The page's parts: a template, and the style and the script that the policy
// admits by their hashes.
var (
	//go:embed page.html.tmpl
	pageText string
	//go:embed page.css
	styleText string
	//go:embed fleet.css
	fleetText string // follows the style in reports of several tenants
	//go:embed page.js
	scriptText string
)

// rowLimit is how many rows of a table the page holds. Beyond it the workbook
// serves better: a browser would take seconds to open the page.
const rowLimit = 50_000

// Limits of the texts of cells, in runes: users name their passkeys. The
// program's own sentences are shorter than theirs, AAGUIDs and names of
// profiles included.
const (
	textLimit     = 120
	sentenceLimit = 600
)

// limitOf gives the limit for a column.
func limitOf(key string) int {
	switch key {
	case "reason", "remarks", "message", "live", "proposed", "value", "missing", "not_looked_at", "strength_notes":
		return sentenceLimit
	}
	return textLimit
}

// Write writes report.html.
func Write(ctx context.Context, w io.Writer, d *report.Document) error {
	if err := write(ctx, w, d, rowLimit); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

func write(ctx context.Context, w io.Writer, d *report.Document, limit int) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"number": report.Number, "tone": tone, "see": anchor,
	}).Parse(pageText)
	if err != nil {
		return err
	}
	p := newPage(d, limit)
	b := bufio.NewWriterSize(w, 64<<10)
	if err := t.ExecuteTemplate(b, "top", p); err != nil {
		return err
	}
	for _, s := range p.Tables {
		if err := writeData(ctx, b, s); err != nil {
			return err
		}
	}
	if err := t.ExecuteTemplate(b, "bottom", p); err != nil {
		return err
	}
	return b.Flush()
}

// A page is what the template shows.
type page struct {
	Doc       *report.Document
	Style     template.CSS
	Script    template.JS
	StyleSum  string
	ScriptSum string
	Bars      []bar
	Models    []bar
	Tables    []section
	// Hit are the tenants that are hit hardest in a report of several, MoreHit
	// counts the others, and Missing tells of what something is missing.
	Hit     []report.TenantFigures
	MoreHit string
	Missing []string
}

// Limits of what the page says of tenants above its table of them.
const (
	hitShown     = 20
	missingShown = 50
)

// A bar is one bar of a chart, in the units of its drawing.
type bar struct {
	Label, Full string
	Value       int
	Y, TextY    int
	Width       int
	LabelX      int
	LabelY      int
	Tone        string
}

// A section is one table of the page.
type section struct {
	report.Table
	ID, Caption string
	// Shown is how many of the table's rows the page holds; All is how many
	// there are in the file.
	Shown, All int
	// Left says what the page leaves out, and where that is; empty where it
	// holds everything.
	Left string
}

// newSection gives a table its place. Of a table that is too long for the page
// it takes the rows that matter, core, as far as these fit.
func newSection(t, core report.Table, caption string, limit int) section {
	s := section{Table: t, ID: anchor(t.Title), Caption: caption, Shown: t.Count, All: t.Count}
	if t.Count <= limit {
		return s
	}
	s.Table = core
	s.CountWords, s.Empty = t.CountWords, ""
	s.Shown = min(core.Count, limit)
	where := fmt.Sprintf("All %s rows are in report.xlsx and %s.", report.Number(t.Count), t.File)
	order := "the most serious first"
	switch t.Title {
	case report.TitleUsers:
		order = "administrators first, then by risk"
	case report.TitlePolicy:
		where = fmt.Sprintf("All %s rows are in report.xlsx.", report.Number(t.Count))
		order = "tenant after tenant"
	}
	switch {
	case s.Shown < core.Count:
		s.Left = fmt.Sprintf("This page holds the first %s of %s rows, %s. ", report.Number(s.Shown), report.Number(core.Count), order) + where
	case t.Title == report.TitlePasskeys:
		s.Left = "This page holds those that the proposal blocks, above. " + where
	default:
		s.Left = fmt.Sprintf("This page holds the %s at risk, and leaves out who is unaffected. ", report.Plural(s.Shown, "person", "people")) + where
	}
	return s
}

func newPage(d *report.Document, limit int) *page {
	style := styleText
	if d.Several() {
		style += fleetText
	}
	p := &page{
		Doc: d, Style: template.CSS(style), Script: template.JS(scriptText),
		StyleSum: sum(style), ScriptSum: sum(scriptText), Missing: d.TenantsIncomplete(missingShown),
	}
	more := 0
	if p.Hit, more = d.TenantsHit(hitShown); more > 0 {
		p.MoreHit = fmt.Sprintf("In %s people lose their last passkey too.", report.Plural(more, "more tenant", "more tenants"))
	}
	captions := map[string]string{
		report.TitleTenants:  "Every tenant with its figures: first those of which nothing is known, then by people who lose their last passkey.",
		report.TitleBreaking: "Every passkey that the proposal blocks, those that break first.",
		report.TitleUsers:    "Every user with a passkey, and every user who could not be read; administrators first, then by risk.",
		report.TitlePasskeys: "Every passkey with both verdicts. Left out where the page is printed.",
		report.TitleAAGUIDs:  "Every authenticator model in use or on a list.",
		report.TitlePolicy:   "The live policy beside the proposal, setting by setting.",
		report.TitleUnread:   "What could not be read, and why.",
		report.TitleRun:      "When and how this report was made.",
	}
	if d.StrengthsRead() {
		captions[report.TitleStrengths] = "Passkeys that the methods policy allows and an authentication strength does not accept."
	}
	for _, t := range d.Tables() {
		if c, ok := captions[t.Title]; ok {
			core := t
			switch t.Title {
			case report.TitleUsers:
				core = d.AtRisk()
			case report.TitlePasskeys:
				core.Count = 0 // the page has those that break in a table of their own
			}
			p.Tables = append(p.Tables, newSection(t, core, c, limit))
		}
	}
	var bars []bar
	for _, f := range d.ImpactFigures() {
		bars = append(bars, bar{Label: f.Label, Full: f.Label, Value: f.Value, Tone: tone(f.Tone)})
	}
	p.Bars = scale(bars)
	bars = nil
	for _, a := range d.TopBreaking(8) {
		full := a.Title
		if a.Mark != "" {
			full += " " + a.AAGUID.String()
		}
		bars = append(bars, bar{Label: a.Label(nameLimit), Full: full, Value: a.PeopleBreaking, Tone: "bad"})
	}
	p.Models = scale(bars)
	return p
}

// Sizes of the charts, in the drawing's units.
const (
	barHeight = 50 // the name and the bar below it
	barMost   = 340
	nameLimit = 48 // in runes
)

// scale gives the bars their places and lengths; the longest fills the room.
func scale(bars []bar) []bar {
	most := 1
	for _, b := range bars {
		most = max(most, b.Value)
	}
	for i := range bars {
		b := &bars[i]
		b.Y, b.TextY = i*barHeight+22, i*barHeight+16
		b.Width = b.Value * barMost / most
		if b.Value > 0 {
			b.Width = max(b.Width, 2)
		}
		b.LabelX, b.LabelY = b.Width+8, b.Y+16
	}
	return bars
}

// Height is the height of a chart of these bars.
func (p *page) Height(bars []bar) int { return len(bars)*barHeight + 8 }

// anchor gives the id of a table's section.
func anchor(title string) string {
	return "t-" + strings.ReplaceAll(strings.ToLower(title), " ", "-")
}

func tone(t report.Tone) string {
	switch t {
	case report.ToneBad:
		return "bad"
	case report.ToneWarn:
		return "warn"
	case report.ToneGood:
		return "good"
	}
	return "plain"
}

// sum gives the source expression that admits a text by its hash.
func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(h[:])
}

func cutRunes(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// A head describes a column to the page's script.
type head struct {
	Key     string `json:"k"`
	Heading string `json:"h"`
	Doc     string `json:"d"`
	Kind    string `json:"t"`
	// Before, Old and Missing are those of a report.Age.
	Before  string `json:"b,omitempty"`
	Old     string `json:"o,omitempty"`
	Missing string `json:"m,omitempty"`
}

// pageOrder gives the numbers of the columns that the page shows: without the
// details, and those first that answer whose passkey it is and why it breaks,
// since a screen is narrower than a workbook.
func pageOrder(t report.Table) []int {
	columns := t.Columns
	first := []string{"impact", "user_principal_name", "passkey_name", "authenticator", "aaguid", "reason"}
	if columns[0].Key != "impact" {
		first = nil
	}
	var order []int
	for _, key := range first {
		if i := slices.IndexFunc(columns, func(c report.Column) bool { return c.Key == key }); i >= 0 {
			order = append(order, i)
		}
	}
	for i, c := range columns {
		_, aged := t.Age(c.Key)
		if (aged || !c.Detail()) && !slices.Contains(order, i) {
			order = append(order, i)
		}
	}
	return order
}

// writeData writes one table's rows as a block of JSON. encoding/json writes
// the characters <, > and & as escapes, so no text can end the block.
func writeData(ctx context.Context, w *bufio.Writer, s section) error {
	var heads []head
	var take []int
	for _, i := range pageOrder(s.Table) {
		c := s.Columns[i]
		take = append(take, i)
		h := head{Key: c.Key, Heading: c.Heading, Doc: c.Doc, Kind: kind(c.Kind), Missing: s.Missing(c)}
		if a, ok := s.Age(c.Key); ok {
			h.Before, h.Old = a.Before.UTC().Format(time.RFC3339), a.Old
		}
		heads = append(heads, h)
	}
	remarks := map[int]string{}
	for _, r := range s.Remarks {
		remarks[r.Row] += r.Text
	}
	if len(remarks) > 0 {
		heads = append(heads, head{Key: "remarks", Heading: "Remarks", Doc: "What to know of this row; not in the CSV file.", Kind: "text"})
	}
	h, err := json.Marshal(heads)
	if err != nil {
		return err
	}
	link, err := json.Marshal(s.Portal.UserPrefix())
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "<script type=\"application/json\" id=\"data-%s\">{\"columns\":%s,\"link\":%s,\"rows\":[", s.ID, h, link)
	n := 0
	for row, err := range s.Rows(ctx) {
		if err != nil {
			return err
		}
		if n >= s.Shown {
			break
		}
		if n > 0 {
			w.WriteByte(',')
		}
		remark := report.Text(remarks[n])
		n++
		w.WriteString("\n[")
		for i, c := range take {
			if i > 0 {
				w.WriteByte(',')
			}
			if err := writeCell(w, row[c], limitOf(s.Columns[c].Key)); err != nil {
				return err
			}
		}
		if len(remarks) > 0 {
			w.WriteByte(',')
			if err := writeCell(w, remark, limitOf("remarks")); err != nil {
				return err
			}
		}
		if s.Portal != "" {
			id := "null"
			if _, address, ok := s.Link(row); ok {
				id = `"` + strings.TrimPrefix(address, s.Portal.UserPrefix()) + `"`
			}
			w.WriteByte(',')
			w.WriteString(id)
		}
		w.WriteByte(']')
	}
	// A bufio.Writer keeps its first error; the caller flushes it.
	_, err = w.WriteString("]}</script>\n")
	return err
}

func kind(k report.Kind) string {
	switch k {
	case report.KindCount:
		return "count"
	case report.KindTime:
		return "time"
	case report.KindYesNo:
		return "yesno"
	case report.KindEnum:
		return "enum"
	case report.KindGUID:
		return "guid"
	}
	return "text"
}

// writeCell writes a cell as JSON, a text cut to limit runes.
func writeCell(w *bufio.Writer, c report.Cell, limit int) error {
	switch c.Type() {
	case report.CellEmpty:
		_, err := w.WriteString("null")
		return err
	case report.CellCount, report.CellYesNo:
		_, err := w.Write(c.Append(w.AvailableBuffer()))
		return err
	}
	b, err := json.Marshal(cutRunes(c.String(), limit))
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}
