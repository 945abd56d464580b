package xlsx

import (
	"fmt"

	"passkey-audit/report"
)

// proposals compares several proposals, and the policy as it is with them.
func (p *reportPage) proposals() {
	list := p.d.Comparison()
	if list == nil {
		return
	}
	p.section(1, gridColumns, "Proposals side by side")
	p.row++
	heads := []string{"Passkeys that break", "Passkeys undecided", "Blocked already", "Work again", "Unaffected",
		"People with a passkey that breaks", "People who lose their last", "Admins among them", "People who cannot be judged"}
	p.put(1, 3, p.row, "Proposal", p.styles.head)
	for i, h := range heads {
		p.put(4+i, 4+i, p.row, h, p.styles.headRight)
	}
	p.height(p.row, 42)
	p.row++
	for _, f := range list {
		p.put(1, 3, p.row, short(f.Name, 70), p.styles.cell)
		k, u := &f.Passkeys, &f.Users
		for i, n := range []any{k.Breaks, k.Undecided, k.AlreadyBlocked, k.Restored, k.Unaffected, u.Breaking, u.LosingLast, tally(u.LosingLastAdmins), u.Unjudged} {
			p.put(4+i, 4+i, p.row, n, p.styles.number)
		}
		p.height(p.row, float64(wrappedLines(short(f.Name, 70), 2.6*gridWidth))*15)
		p.row++
	}
	const shown = 8
	for _, f := range p.d.Others() {
		words := f.Words()
		for _, s := range words[:min(len(words), shown)] {
			p.block("• "+short(f.Name, 70)+": "+s, p.styles.word, 10.5)
		}
		if more := len(words) - shown; more > 0 {
			p.block(fmt.Sprintf("• %s: and %d more, which summary.json has", short(f.Name, 70), more), p.styles.word, 10.5)
		}
	}
	p.row++
}

// tally gives a number where it is exact, else the words.
func tally(t report.Tally) any {
	if t.Exact() {
		return t.Yes
	}
	return t.Short()
}
