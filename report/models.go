package report

import (
	"strings"

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
}

// The words for an authenticator that has no name.
const (
	noAAGUID             = "No AAGUID"
	unknownAuthenticator = "Unknown authenticator"
	undisclosed          = "Authenticator that does not disclose its model"
)

// model finds or makes the model of a passkey and returns its number.
func (b *builder) model(aaguid, graphModel string) int {
	a, err := audit.ParseAAGUID(aaguid)
	n := b.modelOf(modelKey{aaguid: a, none: err != nil})
	if m := b.d.models[n]; m.graphModel == "" && graphModel != "" {
		m.graphModel = strings.Clone(graphModel)
	}
	return n
}

func (b *builder) modelOf(key modelKey) int {
	if n, ok := b.byID[key]; ok {
		return n
	}
	m := &model{AuthenticatorFigures: AuthenticatorFigures{None: key.none}}
	if key.none {
		m.Title = noAAGUID
	} else {
		m.text = key.aaguid.String()
		if b.d.in.Authenticator != nil {
			if auth, ok := b.d.in.Authenticator(key.aaguid); ok {
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
	}
	b.d.models = append(b.d.models, m)
	b.byID[key] = len(b.d.models) - 1
	return len(b.d.models) - 1
}

// named makes the models that the policies or the suggestion name, whether or
// not anybody has them.
func (b *builder) named() {
	in := &b.d.in
	for _, a := range listedAAGUIDs(&in.Live) {
		b.d.models[b.modelOf(modelKey{aaguid: a})].InLive = true
	}
	for _, a := range listedAAGUIDs(&in.Proposal.Policy) {
		b.d.models[b.modelOf(modelKey{aaguid: a})].InProposed = true
	}
	for _, a := range in.Suggested {
		b.d.models[b.modelOf(modelKey{aaguid: a})].Suggested = true
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
