package report

import (
	"fmt"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// names knows which authenticator models share a name: makers give one name to
// many models, of which a policy may allow some and not others.
type names struct {
	namesakes func(string) []audit.Authenticator
	known     map[string][]audit.AAGUID
}

func newNames(namesakes func(string) []audit.Authenticator) *names {
	return &names{namesakes: namesakes, known: map[string][]audit.AAGUID{}}
}

// add makes further models known, such as those that a policy or the suggestion
// names.
func (n *names) add(models []*model) {
	fresh := map[string]bool{}
	for _, m := range models {
		if m.Name != "" && !slices.Contains(n.known[m.Name], m.AAGUID) {
			n.known[m.Name] = append(n.known[m.Name], m.AAGUID)
			fresh[m.Name] = true
		}
	}
	if n.namesakes != nil {
		for name := range fresh {
			n.look(name)
		}
	}
}

// look adds the catalogue's models of a name.
func (n *names) look(name string) []audit.AAGUID {
	list := n.known[name]
	if n.namesakes != nil {
		for _, a := range n.namesakes(name) {
			if a.Name == name && !slices.Contains(list, a.AAGUID) {
				list = append(list, a.AAGUID)
			}
		}
	}
	n.known[name] = list
	return list
}

// of gives the models of a name that are known.
func (n *names) of(name string) []audit.AAGUID {
	if list, ok := n.known[name]; ok {
		return list
	}
	return n.look(name)
}

// precise gives the name of a model so that no other one is meant.
func (n *names) precise(a *AuthenticatorFigures) string {
	switch {
	case a.None:
		return "Passkey without an AAGUID"
	case a.Name == "":
		if a.AAGUID.IsZero() {
			return a.Title
		}
		return a.Title + " " + a.AAGUID.String()
	}
	for _, other := range n.of(a.Name) {
		if other != a.AAGUID {
			return a.Title + " (" + prefix(a.AAGUID) + ")"
		}
	}
	return a.Title
}

// prefix gives the start of an AAGUID, which tells models of one name apart.
func prefix(a audit.AAGUID) string { return a.String()[:8] + "…" }

// An adviser says what to register instead of a passkey that breaks.
type adviser struct {
	policy *audit.Policy
	title  func(audit.AAGUID) string
	names  *names
	lists  map[string]*advice // by the name of what decided
}

// An advice is what one profile, or the tenant-wide restrictions, accepts.
type advice struct {
	// whole says it all where no list has to be named.
	whole string
	// nothing tells that there is nothing to register.
	nothing bool
	// kind is "a synced passkey" or the like where only that is accepted.
	kind   string
	models []namedModels
}

// namedModels are the allowed models of one name.
type namedModels struct {
	name string
	ids  []audit.AAGUID
	// all tells that no other model of that name is known.
	all bool
}

// Limits of an advice: how many names, and how many AAGUIDs of each.
const (
	namedLimit  = 5
	aaguidLimit = 3
)

// instead gives the advice for a blocked passkey's verdict; v may be nil for a
// person all of whose passkeys are undecided. A name in broken, those of the
// person's authenticators that break, is never said without AAGUIDs. It is
// false where the advice is nothing that one could register.
func (a *adviser) instead(v *audit.Verdict, broken map[string]bool) (string, bool) {
	if v == nil {
		return "to be settled first: whether the passkeys go on working is undecided", false
	}
	switch v.Code {
	case audit.ReasonMethodDisabled:
		return "no passkey: the proposal switches passkeys off", false
	case audit.ReasonUserExcluded:
		return "no passkey: the proposal excludes this person", false
	case audit.ReasonUserNotTargeted:
		return "no passkey: the proposal does not include this person", false
	}
	list, ok := a.lists[v.DecidedBy]
	if !ok {
		list = a.byProfile(v.DecidedBy)
		a.lists[v.DecidedBy] = list
	}
	return list.words(broken), !list.nothing
}

// byProfile gives the advice of the profile of that name, else the advice of
// the only profile or of the tenant-wide restrictions.
func (a *adviser) byProfile(name string) *advice {
	if !a.policy.HasProfiles() {
		return a.accepted(nil, a.policy.KeyRestrictions)
	}
	found := -1
	for i := range a.policy.Profiles {
		if a.policy.Profiles[i].Name == name || len(a.policy.Profiles) == 1 {
			if found >= 0 {
				found = -1 // two profiles of one name
				break
			}
			found = i
		}
	}
	if found < 0 {
		return &advice{whole: "a passkey that one of the person's passkey profiles accepts"}
	}
	p := &a.policy.Profiles[found]
	return a.accepted(p.Types, p.KeyRestrictions)
}

func (a *adviser) accepted(types []audit.PasskeyType, r audit.KeyRestrictions) *advice {
	var list advice
	if len(types) == 1 {
		switch types[0] {
		case audit.DeviceBound:
			list.kind = "a device-bound passkey"
		case audit.Synced:
			list.kind = "a synced passkey"
		}
	}
	kind := list.kind
	if kind == "" {
		kind = "any passkey"
	}
	switch {
	case r.Enforced != audit.Yes:
		return &advice{whole: kind}
	case strings.EqualFold(r.Type, "block"):
		return &advice{whole: kind + " whose authenticator is not on the block list"}
	}
	var ids []audit.AAGUID
	zero := false
	for _, s := range r.AAGUIDs {
		id, err := audit.ParseAAGUID(s)
		switch {
		case err != nil:
		case id.IsZero():
			zero = true // it stands for no model that one could get
		case !slices.Contains(ids, id):
			ids = append(ids, id)
		}
	}
	list.models = a.byName(ids)
	if len(list.models) == 0 {
		list.whole, list.nothing = "nothing: the proposal's allow list is empty", !zero
		if zero {
			list.whole = kind + " whose authenticator does not disclose its model (the all-zero AAGUID)"
		}
	}
	return &list
}

// byName joins the models of one name, those without a name last.
func (a *adviser) byName(ids []audit.AAGUID) []namedModels {
	var list, nameless []namedModels
	for _, id := range ids {
		name := a.title(id)
		if name == unknownAuthenticator {
			nameless = append(nameless, namedModels{name: name + " " + id.String(), all: true})
			continue
		}
		i := slices.IndexFunc(list, func(m namedModels) bool { return m.name == name })
		if i < 0 {
			i = len(list)
			list = append(list, namedModels{name: name, all: true})
		}
		list[i].ids = append(list[i].ids, id)
	}
	for i := range list {
		for _, id := range a.names.of(list[i].name) {
			if !slices.Contains(list[i].ids, id) {
				list[i].all = false
			}
		}
	}
	return append(list, nameless...)
}

func (a *advice) words(broken map[string]bool) string {
	if a.whole != "" {
		return a.whole
	}
	var list []string
	for _, m := range a.models[:min(len(a.models), namedLimit)] {
		s := m.name
		if len(m.ids) > 0 && (!m.all || broken[m.name]) {
			s += " (only " + aaguidWords(m.ids) + ")"
		}
		list = append(list, s)
	}
	more := ""
	switch n := len(a.models) - namedLimit; {
	case n == 1:
		more = ", or the other one on the allow list"
	case n > 1:
		more = fmt.Sprintf(", or one of %d others on the allow list", n)
	}
	if a.kind != "" {
		return a.kind + " of " + strings.Join(list, ", ") + more
	}
	return strings.Join(list, ", ") + more
}

func aaguidWords(ids []audit.AAGUID) string {
	var list []string
	for _, id := range ids[:min(len(ids), aaguidLimit)] {
		list = append(list, id.String())
	}
	s := "AAGUID " + strings.Join(list, " or ")
	if n := len(ids) - aaguidLimit; n > 0 {
		s += fmt.Sprintf(" or %d more on the allow list", n)
	}
	return s
}
