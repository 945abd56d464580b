package report

import (
	"slices"
	"strings"

	"passkey-audit/audit"
)

// The words for whether a policy's key restrictions let an AAGUID through.
const (
	listsAllow   = "allowed"
	listsBlock   = "blocked"
	listsForSome = "for_some"
	listsUnknown = "undecided"
)

// listsSay tells whether the key restrictions of a policy let an authenticator
// model through, for everybody whom the policy includes. It reads the lists
// alone: the verdicts on passkeys also depend on their type and on their user.
//
// As for InLive, a target that means all users decides alone where it lets the
// model through.
func listsSay(p *audit.Policy, key modelKey) string {
	if strings.EqualFold(p.State, "disabled") {
		return listsBlock
	}
	if !p.HasProfiles() {
		return wordOf(passes(p.KeyRestrictions, key))
	}
	targets := p.Include
	if len(targets) == 0 {
		for _, f := range p.Profiles {
			targets = append(targets, audit.Target{Profiles: []string{f.ID}})
		}
	}
	var all []audit.Ternary
	for _, t := range targets {
		answer := targetPasses(p, t, key)
		if t.Everyone() && answer == audit.Yes {
			return listsAllow
		}
		if !slices.Contains(all, answer) {
			all = append(all, answer)
		}
	}
	if len(all) == 1 {
		return wordOf(all[0])
	}
	if slices.Contains(all, audit.Yes) {
		return listsForSome
	}
	return listsUnknown
}

// targetPasses tells whether any profile of a target lets a model through.
func targetPasses(p *audit.Policy, t audit.Target, key modelKey) audit.Ternary {
	ids := t.Profiles
	if len(ids) == 0 {
		ids = []string{p.DefaultProfile}
	}
	answer := audit.No
	for _, id := range ids {
		f, ok := p.Profile(id)
		if !ok {
			answer = audit.Unknown
			continue
		}
		switch passes(f.KeyRestrictions, key) {
		case audit.Yes:
			return audit.Yes
		case audit.Unknown:
			answer = audit.Unknown
		}
	}
	return answer
}

// passes tells whether one list lets a model through. Passkeys without an
// AAGUID fail an empty allow list and pass an empty block list; anything else
// depends on an AAGUID that nobody knows.
func passes(r audit.KeyRestrictions, key modelKey) audit.Ternary {
	if r.Enforced != audit.Yes {
		return audit.Yes
	}
	block := strings.EqualFold(r.Type, "block")
	if !block && !strings.EqualFold(r.Type, "allow") {
		return audit.Unknown
	}
	if key.none {
		if len(r.AAGUIDs) > 0 {
			return audit.Unknown
		}
		return audit.TernaryOf(block)
	}
	listed := slices.ContainsFunc(r.AAGUIDs, func(s string) bool {
		a, err := audit.ParseAAGUID(s)
		return err == nil && a == key.aaguid
	})
	return audit.TernaryOf(listed != block)
}

func wordOf(t audit.Ternary) string {
	switch t {
	case audit.Yes:
		return listsAllow
	case audit.No:
		return listsBlock
	}
	return listsUnknown
}
