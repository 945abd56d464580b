package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// A restriction is a list of AAGUIDs, with whose it is.
type restriction struct {
	owner string
	block bool
	list  []audit.AAGUID
}

// targetLists gives, for each included target that decides, the lists that
// restrict the people of that target, and all lists that restrict anybody.
//
// Where a target means all users it alone decides: what its profiles accept
// works for everybody, and a list of a further target is only for some. Of a
// target's lists the enforced ones count; where none is, those that hold an
// entry: they would if they were switched on.
func targetLists(p *audit.Policy) (deciding [][]restriction, all []restriction) {
	if !p.HasProfiles() {
		all = lists(p.KeyRestrictions, "the tenant-wide restrictions")
		return [][]restriction{all}, all
	}
	targets := p.Include
	if len(targets) == 0 {
		for _, f := range p.Profiles {
			targets = append(targets, audit.Target{Profiles: []string{f.ID}})
		}
	}
	everybody := slices.ContainsFunc(targets, audit.Target.Everyone)
	for _, t := range targets {
		ids := t.Profiles
		if len(ids) == 0 {
			ids = []string{p.DefaultProfile}
		}
		var own []restriction
		enforced := slices.ContainsFunc(ids, func(id string) bool {
			f, ok := p.Profile(id)
			return ok && f.KeyRestrictions.Enforced == audit.Yes
		})
		for _, id := range ids {
			if f, ok := p.Profile(id); ok && (!enforced || f.KeyRestrictions.Enforced == audit.Yes) {
				own = append(own, lists(f.KeyRestrictions, fmt.Sprintf("profile %q", cmp.Or(f.Name, f.ID)))...)
			}
		}
		for _, r := range own {
			if !slices.ContainsFunc(all, func(o restriction) bool { return o.owner == r.owner }) {
				all = append(all, r)
			}
		}
		if len(own) > 0 && (t.Everyone() || !everybody) {
			deciding = append(deciding, own)
		}
	}
	return deciding, all
}

// lists gives a list if it counts.
func lists(k audit.KeyRestrictions, owner string) []restriction {
	if k.Enforced != audit.Yes && len(k.AAGUIDs) == 0 {
		return nil
	}
	r := restriction{owner: owner, block: strings.EqualFold(k.Type, "block")}
	for _, s := range k.AAGUIDs {
		if a, err := audit.ParseAAGUID(s); err == nil {
			r.list = append(r.list, a)
		}
	}
	return []restriction{r}
}

// named reports whether the lists of every target name an AAGUID: one of its
// allow lists or all of its block lists, since a passkey works that any of the
// profiles accepts.
func named(deciding [][]restriction, a audit.AAGUID) bool {
	for _, lists := range deciding {
		allow, blocks, blocked := false, 0, 0
		for _, r := range lists {
			has := slices.Contains(r.list, a)
			switch {
			case !r.block:
				allow = allow || has
			case has:
				blocks++
				blocked++
			default:
				blocks++
			}
		}
		if !allow && (blocks == 0 || blocked < blocks) {
			return false
		}
	}
	return len(deciding) > 0
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
	case m.unattestedIn > 0:
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

// suggested counts the AAGUIDs that are suggested, of several tenants in any.
func (d *Document) suggested() int {
	if !d.fleet {
		return len(d.in.Suggested)
	}
	n := 0
	for _, m := range d.models {
		n += boolInt(m.Suggested)
	}
	return n
}

// SuggestionTitle is the heading above SuggestionWords.
func (d *Document) SuggestionTitle() string {
	if d.fleet {
		return "The suggested policies"
	}
	return "The suggested policy (suggested-policy.json)"
}

// SuggestionWords says what is not proven in the suggested allow list; empty
// where nothing is suggested.
func (d *Document) SuggestionWords() string {
	n := d.suggested()
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
	s, it := fmt.Sprintf("It allows %s", Plural(n, "AAGUID", "AAGUIDs")), "it is"
	if d.fleet {
		s, it = fmt.Sprintf("Each tenant has a list of its own: passkey-audit suggest gives it, from the tenant's snapshot. Together they allow %s", Plural(n, "AAGUID", "AAGUIDs")), "they are"
	}
	if len(list) == 0 {
		return s + "."
	}
	return s + ". Not proven, to be looked at before " + it + " sent: " + join(list) + "; the sheet AAGUIDs and summary.json name each."
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
