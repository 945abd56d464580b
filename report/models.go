package report

import (
	"slices"
	"strings"
	"unicode/utf8"

	"passkey-audit/audit"
)

// A modelKey finds an authenticator model: its AAGUID, or none for passkeys
// whose AAGUID is missing or is no AAGUID.
type modelKey struct {
	aaguid audit.AAGUID
	none   bool
}

// A model is an authenticator model with its figures.
type model struct {
	AuthenticatorFigures
	// text is the AAGUID as the tables show it.
	text string
	// lastBroken tells whether the user under count already has a passkey of
	// this model that breaks.
	lastBroken bool
	// graphModel is the first model text that Microsoft Graph gave with it.
	graphModel string
	modelTenants
}

// The words for an authenticator that has no name.
const (
	noAAGUID             = "No AAGUID"
	unknownAuthenticator = "Unknown authenticator"
	undisclosed          = "Authenticator that does not disclose its model"
)

// model finds or makes the model of a passkey and returns its number.
func (b *builder) model(aaguid, graphModel string) int {
	n := b.modelOf(keyOf(aaguid))
	if m := b.d.models[n]; m.graphModel == "" && graphModel != "" {
		m.graphModel = strings.Clone(graphModel)
	}
	return n
}

func (b *builder) modelOf(key modelKey) int {
	n, ok := b.byID[key]
	if !ok {
		n = len(b.d.models)
		b.d.models = append(b.d.models, newModel(key, b.d.in.Authenticator))
		b.byID[key] = n
	}
	if here := &b.d.models[n].here; !here.touched {
		here.touched = true
		b.touched = append(b.touched, n)
	}
	return n
}

// newModel looks a model up; look may be nil.
func newModel(key modelKey, look func(audit.AAGUID) (audit.Authenticator, bool)) *model {
	m := &model{AuthenticatorFigures: AuthenticatorFigures{None: key.none}}
	if key.none {
		m.Title = noAAGUID
		return m
	}
	m.text = key.aaguid.String()
	if look != nil {
		if auth, ok := look(key.aaguid); ok {
			m.Authenticator = auth
		}
	}
	m.AAGUID = key.aaguid
	m.Title = m.Name
	if m.Title == "" {
		m.Title = unknownAuthenticator
		if key.aaguid.IsZero() {
			m.Title = undisclosed
		}
	}
	return m
}

// named makes the models that the tenant's policies or the suggestion name,
// whether or not anybody has them.
func (b *builder) named() {
	s := b.source
	for _, a := range slices.Concat(listedAAGUIDs(&s.Live), listedAAGUIDs(&s.Proposal.Policy)) {
		b.d.models[b.modelOf(modelKey{aaguid: a})].here.named = true
	}
	for _, a := range s.Suggested {
		m := b.d.models[b.modelOf(modelKey{aaguid: a})]
		m.Suggested, m.here.suggested = true, true
	}
}

// title gives the name to show for an AAGUID that a policy names.
func (b *builder) title(a audit.AAGUID) string {
	return b.d.models[b.modelOf(modelKey{aaguid: a})].Title
}

// listedAAGUIDs gives the AAGUIDs of the lists that govern: those of the
// profiles, or the tenant-wide list where there are none. What is no AAGUID is
// left out; the sheet Policy shows it.
func listedAAGUIDs(p *audit.Policy) []audit.AAGUID {
	var list []audit.AAGUID
	add := func(r audit.KeyRestrictions) {
		for _, s := range r.AAGUIDs {
			if a, err := audit.ParseAAGUID(s); err == nil {
				list = append(list, a)
			}
		}
	}
	if !p.HasProfiles() {
		add(p.KeyRestrictions)
	}
	for _, f := range p.Profiles {
		add(f.KeyRestrictions)
	}
	return list
}

// markNamesakes gives a mark to models that share their title.
func (d *Document) markNamesakes() {
	byTitle := map[string][]*model{}
	for _, m := range d.models {
		if !m.None {
			byTitle[m.Title] = append(byTitle[m.Title], m)
		}
	}
	for title, list := range byTitle {
		if len(list) == 1 && title != unknownAuthenticator {
			continue
		}
		count := map[string]int{}
		for _, m := range list {
			count[prefix(m.AAGUID)]++
		}
		for _, m := range list {
			m.Mark = prefix(m.AAGUID)
			if title == unknownAuthenticator || count[m.Mark] > 1 {
				m.Mark = m.text
			}
		}
	}
}

// Label gives title and mark in at most n runes, or in as many as the mark
// takes, which stays whole.
func (a AuthenticatorFigures) Label(n int) string {
	if a.Name == "" && a.Mark != "" {
		return "Unknown " + a.Mark
	}
	if a.Mark == "" {
		return cutRunes(a.Title, n-1)
	}
	mark := "(" + a.Mark + ")"
	return cutRunes(a.Title, max(n-2-utf8.RuneCountInString(mark), 1)) + " " + mark
}
