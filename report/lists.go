package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// A restriction is a list of AAGUIDs that governs, with whose it is.
type restriction struct {
	owner string
	list  []audit.AAGUID
}

// restrictionsThatCount gives the lists that decide over somebody's passkeys:
// those of the profiles that an included target names, or of the default
// profile where a target names none; the tenant-wide one where there are no
// profiles. Where some of them are enforced, the others do not count; where
// none is, those that hold an entry do: they would if they were switched on.
func restrictionsThatCount(p *audit.Policy) []restriction {
	type governing struct {
		owner string
		r     audit.KeyRestrictions
	}
	var all []governing
	if !p.HasProfiles() {
		all = append(all, governing{"the tenant-wide restrictions", p.KeyRestrictions})
	}
	serving := servingProfiles(p)
	for _, f := range p.Profiles {
		if len(serving) == 0 || slices.ContainsFunc(serving, func(id string) bool { return strings.EqualFold(id, f.ID) }) {
			all = append(all, governing{fmt.Sprintf("profile %q", cmp.Or(f.Name, f.ID)), f.KeyRestrictions})
		}
	}
	enforced := slices.ContainsFunc(all, func(g governing) bool { return g.r.Enforced == audit.Yes })
	var list []restriction
	for _, g := range all {
		if counts := g.r.Enforced == audit.Yes || !enforced && len(g.r.AAGUIDs) > 0; !counts {
			continue
		}
		r := restriction{owner: g.owner}
		for _, s := range g.r.AAGUIDs {
			if a, err := audit.ParseAAGUID(s); err == nil {
				r.list = append(r.list, a)
			}
		}
		list = append(list, r)
	}
	return list
}

// servingProfiles gives the ids of the profiles that the included targets are
// served by; none where there are no targets.
func servingProfiles(p *audit.Policy) []string {
	var ids []string
	for _, t := range p.Include {
		if len(t.Profiles) == 0 {
			ids = append(ids, p.DefaultProfile)
		}
		ids = append(ids, t.Profiles...)
	}
	return ids
}

// naming splits the owners of lists by whether their list names an AAGUID.
func naming(list []restriction, a audit.AAGUID) (with, without []string) {
	for _, r := range list {
		if slices.Contains(r.list, a) {
			with = append(with, r.owner)
		} else {
			without = append(without, r.owner)
		}
	}
	return with, without
}

// markLists fills in what the lists and the suggestion say of each model.
func (d *Document) markLists() {
	live, prop := restrictionsThatCount(&d.in.Live), restrictionsThatCount(&d.in.Proposal.Policy)
	for _, m := range d.models {
		if m.None {
			m.remark("The passkeys without an AAGUID: no list can name them.")
		} else {
			for _, p := range []struct {
				title string
				list  []restriction
				in    *bool
			}{{"live policy", live, &m.InLive}, {"proposal", prop, &m.InProposed}} {
				with, without := naming(p.list, m.AAGUID)
				*p.in = len(with) > 0 && len(without) == 0
				if len(with) > 0 && len(without) > 0 {
					m.remark(fmt.Sprintf("In the %s only the list of %s names it, not that of %s.", p.title, join(with), join(without)))
				}
			}
		}
		if m.Undecided > 0 {
			m.remark(Plural(m.Undecided, "of its passkeys is undecided.", "of its passkeys are undecided."))
		}
		if m.Unproven = m.unproven(); m.Unproven != "" {
			m.remark("Suggested, but not proven: " + m.Unproven.words() + ".")
		}
	}
}

func (m *model) remark(s string) { m.Remarks = append(m.Remarks, s) }

func (u Unproven) words() string {
	switch u {
	case UnprovenZero:
		return "it lets in every authenticator that does not disclose its model"
	case UnprovenUnknown:
		return "no source knows which authenticator it is"
	case UnprovenUnattested:
		return "no passkey with it is attested, so that nothing proves the model"
	}
	return ""
}

func (m *model) unproven() Unproven {
	switch {
	case !m.Suggested:
		return ""
	case m.AAGUID.IsZero():
		return UnprovenZero
	case m.Name == "":
		return UnprovenUnknown
	case m.Passkeys > 0 && m.Attested == 0:
		return UnprovenUnattested
	}
	return ""
}

func join(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}

// SuggestedUnproven gives the models that the suggested allow list names and
// that are not proven, in the order of aaguids.csv.
func (d *Document) SuggestedUnproven() []AuthenticatorFigures {
	var list []AuthenticatorFigures
	for _, a := range d.Authenticators {
		if a.Unproven != "" {
			list = append(list, a)
		}
	}
	return list
}

// SuggestionWords says what is not proven in the suggested allow list; empty
// where nothing is suggested.
func (d *Document) SuggestionWords() string {
	n := len(d.in.Suggested)
	if n == 0 {
		return ""
	}
	count := map[Unproven]int{}
	for _, a := range d.SuggestedUnproven() {
		count[a.Unproven]++
	}
	var list []string
	if count[UnprovenZero] > 0 {
		list = append(list, "the all-zero AAGUID, which lets in every authenticator that does not disclose its model")
	}
	if c := count[UnprovenUnknown]; c > 0 {
		list = append(list, Plural(c, "AAGUID that no source knows", "AAGUIDs that no source knows"))
	}
	if c := count[UnprovenUnattested]; c > 0 {
		list = append(list, Number(c)+" of which no passkey is attested")
	}
	s := fmt.Sprintf("It allows %s", Plural(n, "AAGUID", "AAGUIDs"))
	if len(list) == 0 {
		return s + "."
	}
	return s + ". Not proven, to be looked at before it is sent: " + join(list) + "; the sheet AAGUIDs and summary.json name each."
}

// SuggestionList gives SuggestionWords, then a line for each reason with the
// entries that are not proven; nil where nothing is suggested.
func (d *Document) SuggestionList() []string {
	words := d.SuggestionWords()
	if words == "" {
		return nil
	}
	const shown = 10
	list := []string{words}
	for _, why := range []Unproven{UnprovenZero, UnprovenUnknown, UnprovenUnattested} {
		var names []string
		for _, a := range d.SuggestedUnproven() {
			if a.Unproven == why {
				names = append(names, fmt.Sprintf("%s (%s)", a.Title, prefix(a.AAGUID)))
			}
		}
		if more := len(names) - shown; more > 0 {
			names = append(names[:shown], Number(more)+" more")
		}
		if len(names) > 0 {
			w := why.words()
			list = append(list, strings.ToUpper(w[:1])+w[1:]+": "+join(names)+".")
		}
	}
	return list
}
