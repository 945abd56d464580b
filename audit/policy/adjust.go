package policy

import (
	"fmt"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// adjust applies --allow and --block to every list that governs. On an
// enforced list they add or take off, whichever has the effect asked for; a
// list that is not enforced becomes an enforced one holding just these.
func (p *draft) adjust(allow, block []audit.AAGUID) error {
	if len(allow)+len(block) == 0 {
		return nil
	}
	for _, a := range allow {
		if slices.Contains(block, a) {
			return fmt.Errorf("change proposal: %s is to be both allowed and blocked", nameOf(p.names, a))
		}
	}
	for _, l := range p.lists() {
		if err := p.adjustList(l, allow, block); err != nil {
			return err
		}
	}
	return nil
}

func (p *draft) adjustList(l list, allow, block []audit.AAGUID) error {
	if l.Enforced != audit.Yes {
		if len(allow) > 0 && len(block) > 0 {
			return fmt.Errorf("change proposal: %s: the list is not enforced, so it can become an allow list or a block list, not both", l.where)
		}
		if n := len(l.AAGUIDs); n > 0 {
			p.note("%s: the list was not enforced; its %s replaced by what was asked for", l.where, plural(n, "entry is", "entries are"))
		}
		*l.KeyRestrictions = audit.KeyRestrictions{Enforced: audit.Yes, Type: "allow"}
		add := allow
		if len(block) > 0 {
			l.Type, add = "block", block
		}
		p.enter(l, add)
		return nil
	}
	switch kindOf(*l.KeyRestrictions) {
	case listAllow:
		p.enter(l, allow)
		p.strike(l, block)
	case listBlock:
		p.enter(l, block)
		p.strike(l, allow)
	default:
		return fmt.Errorf("change proposal: %s: it is not known whether the list allows or blocks, so it cannot be changed", l.where)
	}
	return nil
}

// enter puts AAGUIDs on a list that does not hold them yet.
func (p *draft) enter(l list, add []audit.AAGUID) {
	for _, a := range add {
		if slices.ContainsFunc(l.AAGUIDs, same(a)) {
			p.note("%s: %s is already on the %s list", l.where, nameOf(p.names, a), strings.ToLower(l.Type))
			continue
		}
		l.AAGUIDs = append(l.AAGUIDs, a.String())
	}
}

// strike takes every entry of AAGUIDs off a list, however it is written.
func (p *draft) strike(l list, off []audit.AAGUID) {
	for _, a := range off {
		before := len(l.AAGUIDs)
		l.AAGUIDs = slices.DeleteFunc(l.AAGUIDs, same(a))
		if len(l.AAGUIDs) == before {
			p.note("%s: %s is not on the %s list", l.where, nameOf(p.names, a), strings.ToLower(l.Type))
		}
	}
}

func same(a audit.AAGUID) func(string) bool {
	return func(text string) bool {
		b, err := audit.ParseAAGUID(text)
		return err == nil && a == b
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// clone copies a policy so that no slice is shared.
func clone(p audit.Policy) audit.Policy {
	p.KeyRestrictions = cloneList(p.KeyRestrictions)
	p.Profiles = slices.Clone(p.Profiles)
	for i := range p.Profiles {
		p.Profiles[i].Types = slices.Clone(p.Profiles[i].Types)
		p.Profiles[i].KeyRestrictions = cloneList(p.Profiles[i].KeyRestrictions)
	}
	p.Include, p.Exclude = cloneTargets(p.Include), cloneTargets(p.Exclude)
	return p
}

func cloneTargets(all []audit.Target) []audit.Target {
	all = slices.Clone(all)
	for i := range all {
		all[i].Profiles = slices.Clone(all[i].Profiles)
	}
	return all
}

func cloneList(k audit.KeyRestrictions) audit.KeyRestrictions {
	k.AAGUIDs = slices.Clone(k.AAGUIDs)
	return k
}

func equalLists(a, b audit.KeyRestrictions) bool {
	return a.Enforced == b.Enforced && a.Type == b.Type && slices.Equal(a.AAGUIDs, b.AAGUIDs)
}

// profileLabel names a profile by name and id.
func profileLabel(p audit.Profile) string {
	if p.Name == "" || p.Name == p.ID {
		return "profile " + quote(p.ID)
	}
	return "profile " + quote(p.Name) + " (" + printable(p.ID) + ")"
}
