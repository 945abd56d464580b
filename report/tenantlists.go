package report

import (
	"fmt"
	"slices"

	"passkey-audit/audit"
)

// A modelTenants counts what the tenants of a report say of a model. In a report
// of one tenant the counts are 0 or 1.
type modelTenants struct {
	// here is about the tenant under work.
	here struct {
		touched, named, suggested bool
		passkeys, attested        int
	}
	// held are the tenants in which somebody has one; others are those that only
	// name or suggest it, which count where nobody has one anywhere.
	held, others listTenants
	// suggestedIn counts the tenants whose suggested list names it, and
	// unattestedIn those of them where people have it and nothing attests it.
	suggestedIn, unattestedIn int
}

// A listTenants counts tenants by what their lists say of a model: the live
// policy's first, then the proposal's.
type listTenants struct {
	// of counts tenants that hold it, or whose policy names it; all and some
	// those of which the lists for everybody name it, or only a list for some.
	of        int
	all, some [2]int
	// say counts tenants by what their lists come to; see listsSay.
	say [2]map[string]int
}

// lists gives the tenants that count.
func (m *modelTenants) lists() *listTenants {
	if m.held.say[0] != nil {
		return &m.held
	}
	return &m.others
}

// The two policies of a tenant, by which listTenants counts.
const (
	livePolicy = iota
	proposedPolicy
	policies
)

// markLists counts, at a tenant's end, what its lists and its suggestion say of
// each model that it holds, names or suggests.
func (b *builder) markLists() {
	for i, p := range [policies]*audit.Policy{livePolicy: &b.source.Live, proposedPolicy: &b.source.Proposal.Policy} {
		deciding, all := targetLists(p)
		for _, n := range b.touched {
			b.d.models[n].mark(i, p, deciding, all, b.fleet == nil)
		}
	}
	for _, n := range b.touched {
		m := b.d.models[n]
		if m.here.suggested {
			m.suggestedIn++
			if m.here.passkeys > 0 && m.here.attested == 0 {
				m.unattestedIn++
			}
		}
		m.here.touched, m.here.named, m.here.suggested = false, false, false
		m.here.passkeys, m.here.attested = 0, 0
	}
}

// mark counts what one of the tenant's policies says of the model. In a report
// of one tenant it says which lists name it.
func (m *model) mark(i int, p *audit.Policy, deciding [][]restriction, all []restriction, one bool) {
	t := &m.others
	if m.here.passkeys > 0 {
		t = &m.held
	}
	if i == livePolicy && (m.here.passkeys > 0 || m.here.named) {
		t.of++
	}
	if t.say[i] == nil {
		t.say[i] = map[string]int{}
	}
	t.say[i][listsSay(p, modelKey{aaguid: m.AAGUID, none: m.None})]++
	if m.None {
		return
	}
	if named(deciding, m.AAGUID) {
		t.all[i]++
		return
	}
	with, without := naming(all, m.AAGUID)
	if len(with) == 0 {
		return
	}
	t.some[i]++
	if one {
		title := [policies]string{livePolicy: "live policy", proposedPolicy: "proposal"}[i]
		m.remark(fmt.Sprintf("In the %s only the list of %s names it, not that of %s.", title, join(with), join(without)))
	}
}

// judgeLists fills in what the lists and the suggestions of all tenants say.
// Nothing is said of all that does not hold in each tenant that counts. f is nil
// in a report of one tenant.
func (m *model) judgeLists(f *fleet) {
	t := m.lists()
	m.InLive = t.of > 0 && t.all[livePolicy] == t.of
	m.InProposed = t.of > 0 && t.all[proposedPolicy] == t.of
	m.ListsNow, m.ListsProposed = together(t.say[livePolicy]), together(t.say[proposedPolicy])
	if f != nil {
		m.listRemarks(t, f.usable)
	}
	if m.None {
		m.remark("The passkeys without an AAGUID: no list can name them.")
	}
	if m.Undecided > 0 {
		m.remark(Plural(m.Undecided, "of its passkeys is undecided.", "of its passkeys are undecided."))
	}
	if m.Unproven = m.unproven(); m.Unproven != "" {
		s := "Suggested, but not proven: " + m.Unproven.words()
		if f != nil && m.Unproven == UnprovenUnattested {
			s += fmt.Sprintf(" (in %s)", Plural(m.unattestedIn, "tenant", "tenants"))
		}
		m.remark(s + ".")
	}
}

// listRemarks says in numbers where tenants differ.
func (m *model) listRemarks(t *listTenants, tenants int) {
	where := "whose policy names it"
	if t == &m.held {
		where = "where somebody has one"
	}
	of := Plural(t.of, "tenant ", "tenants ") + where
	for i, p := range [policies]struct{ lists, list, come string }{
		livePolicy:     {"live lists", "a live list", "the live policies"},
		proposedPolicy: {"proposed lists", "a proposed list", "the proposal"},
	} {
		if n := t.all[i]; n > 0 && n < t.of {
			m.remark(fmt.Sprintf("The %s of %s of the %s name it.", p.lists, Number(n), of))
		}
		if n := t.some[i]; n > 0 {
			m.remark(fmt.Sprintf("In %s of the %s only %s for some people names it.", Number(n), of, p.list))
		}
		if len(t.say[i]) > 1 {
			m.remark("By the lists of " + p.come + ": " + sayWords(t.say[i]) + ".")
		}
	}
	if m.suggestedIn > 0 && m.suggestedIn < tenants {
		m.remark(fmt.Sprintf("The suggested list of %s of the %s names it.", Number(m.suggestedIn), Plural(tenants, "tenant", "tenants")))
	}
}

// sayWords counts tenants by what their lists come to.
func sayWords(say map[string]int) string {
	var list []string
	for _, w := range []struct{ say, words string }{
		{listsAllow, "let through in"}, {listsForSome, "for some people in"}, {listsBlock, "blocked in"}, {listsUnknown, "undecided in"},
	} {
		if n := say[w.say]; n > 0 {
			list = append(list, w.words+" "+Plural(n, "tenant", "tenants"))
		}
	}
	return join(list)
}

// together gives what the lists of several tenants come to, as listsSay does for
// the targets of one: the answer of all, else that it depends on the tenant
// where some let the model through.
func together(say map[string]int) string {
	all := []string{}
	for _, s := range []string{listsAllow, listsForSome, listsBlock, listsUnknown} {
		if say[s] > 0 {
			all = append(all, s)
		}
	}
	switch {
	case len(all) == 1:
		return all[0]
	case slices.Contains(all, listsAllow), slices.Contains(all, listsForSome):
		return listsForSome
	}
	return listsUnknown
}
