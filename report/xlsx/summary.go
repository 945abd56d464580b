package xlsx

import (
	"fmt"
	"slices"
	"strings"

	"passkey-audit/report"
)

// A reportPage is the Summary of a report.
type reportPage struct {
	*page
	d *report.Document
}

// summary fills the first sheet: the answer, what is missing, the figures, and
// where to go on.
func (b *book) summary(d *report.Document) error {
	p := &reportPage{page: &page{book: b, row: 1, file: "summary.json"}, d: d}
	p.setUp()
	var not []string
	for _, s := range d.Coverage().NotLookedAt {
		not = append(not, "Not looked at: "+s)
	}
	p.verdict(not, d.ProblemWords(), append([]string{d.PasskeyWords()}, d.LastUseWords()...))
	p.tiles(d.Figures())
	p.breakdown()
	p.tenants()
	p.words("The proposal \""+d.Proposal().Name+"\" against the live policy", d.ProposalWords())
	p.proposals()
	p.hardest()
	p.words("Assumptions, since Microsoft does not document it", d.AssumptionWords())
	p.words(p.d.SuggestionTitle(), p.d.SuggestionList())
	p.words("Authentication strengths, which are not counted among what breaks", p.d.StrengthWords())
	p.contents(p.about)
	p.legend()
	p.pages()
	return p.err
}

// breakdown shows two small tables side by side, each with its chart.
func (p *reportPage) breakdown() {
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

// hardest names the people who are hit hardest.
func (p *reportPage) hardest() {
	if len(p.d.Hardest) == 0 {
		return
	}
	title := "Hit hardest"
	if order := p.d.HardestOrder(); order != "" {
		title += ": " + order
	}
	p.section(1, gridColumns, title)
	p.row++
	second := "Name"
	if p.d.Several() {
		second = "Tenant"
	}
	for _, h := range []struct {
		from, to int
		s        string
	}{{1, 4, "User principal name"}, {5, 6, second}, {7, 7, "Admin"}, {8, 8, "Account"}, {9, 10, "Risk"}, {11, 11, "Breaking"}, {12, 12, "Usable after"}} {
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
		name := h.DisplayName
		if p.d.Several() {
			name = p.d.TenantLabel(h.TenantID)
		}
		p.put(5, 6, p.row, short(name, 23), p.styles.cell)
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

// Limits of what the summary says of tenants; the sheet Tenants has them all.
const (
	tenantsShown    = 20
	incompleteShown = 10
)

// tenants names the tenants that are hit hardest and those of which something is
// missing, in a report of several.
func (p *reportPage) tenants() {
	list, more := p.d.TenantsHit(tenantsShown)
	if len(list) > 0 {
		p.section(1, gridColumns, "Tenants hit hardest")
		p.row++
		for _, h := range []struct {
			from, to int
			s        string
		}{{1, 4, "Tenant"}, {5, 6, "People who lose their last"}, {7, 8, "Admins among them"}, {9, 10, "Passkeys that break"}, {11, 11, "Undecided"}, {12, 12, "Not read"}} {
			style := p.styles.headRight
			if h.from == 1 {
				style = p.styles.head
			}
			p.put(h.from, h.to, p.row, h.s, style)
		}
		p.row++
		for _, t := range list {
			p.put(1, 4, p.row, short(t.Label(), 46), p.styles.cell)
			p.put(5, 6, p.row, t.LosingLast, p.styles.number)
			p.put(7, 8, p.row, tally(t.LosingLastAdmins), p.styles.number)
			p.put(9, 10, p.row, t.Breaks, p.styles.number)
			p.put(11, 11, p.row, t.Undecided, p.styles.number)
			p.put(12, 12, p.row, t.Coverage.Unread, p.styles.number)
			p.row++
		}
		if more > 0 {
			p.block(fmt.Sprintf("And in %s people lose their last passkey: the sheet Tenants has them all.", report.Plural(more, "more tenant", "more tenants")), p.styles.word, 10.5)
		}
		p.row++
	}
	p.words("Tenants of which something is missing", p.d.TenantsIncomplete(incompleteShown))
}

// about says what each sheet holds.
func (p *reportPage) about(t report.Table) string {
	if t.Title == report.TitleStrengths && !p.d.StrengthsRead() {
		return t.Empty
	}
	return map[string]string{
		report.TitleTenants:   "every tenant with its figures: first those of which nothing is known, then by people who lose their last passkey",
		report.TitleBreaking:  "every passkey that the proposal blocks, those that break first",
		report.TitleUsers:     "every user with a passkey, and every user who could not be read; administrators first, then by risk",
		report.TitlePasskeys:  "every passkey with both verdicts",
		report.TitleAAGUIDs:   "every authenticator model in use or on a list",
		report.TitlePolicy:    "the live policy beside the proposal, setting by setting",
		report.TitleStrengths: "passkeys that an authentication strength does not accept",
		report.TitleUnread:    "what could not be read, and why",
		report.TitleRun:       "when and how this report was made",
	}[t.Title]
}

// legend says what the words and colours of the table sheets mean.
func (p *reportPage) legend() {
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
	if p.d.Portal() != "" {
		p.block(fmt.Sprintf("On the sheets %s, %s and %s a user principal name leads to the person's page in the Microsoft Entra admin centre, in the first %s rows: Excel takes no more than 65,530 links in a sheet. "+
			"Elsewhere, the column User ID finds the person there.", report.TitleBreaking, report.TitleUsers, report.TitleStrengths, report.Number(linkLimit)), p.styles.word, 10.5)
	}
}
