package policy

import (
	"fmt"
	"strings"

	"passkey-audit/audit"
)

// The presets of a proposal.
const (
	PresetAuto              = "auto"
	PresetLive              = "live"
	PresetEnforced          = "enforced"
	PresetAuthenticatorOnly = "authenticator-only"
	// PresetFile is what Proposal.Preset says of a body.
	PresetFile = "file"
)

// Presets lists the presets that a Spec may ask for.
func Presets() []string {
	return []string{PresetAuto, PresetLive, PresetEnforced, PresetAuthenticatorOnly}
}

// A Spec is what somebody wants to try out.
type Spec struct {
	// Name is the proposal's label. Where it is empty the preset's name serves,
	// for a body Source without folder and extension.
	Name string
	// Preset is one of Presets; empty where there is a Body, else like auto.
	Preset string
	// Body is a proposal in the form of a PATCH or GET body, and Source its
	// name for messages. An empty Body with a Source is an empty file.
	Body   []byte
	Source string
	// Allow and Block are applied last, in every profile.
	Allow, Block []audit.AAGUID
	// Names gives authenticators' names for Changes and Notes; may be nil.
	Names Namer
}

// A Proposal is a policy to judge by, and how it came about.
type Proposal struct {
	Name string
	// Preset is the preset that was followed, auto resolved, or PresetFile.
	Preset string
	Policy audit.Policy
	// Changes tell each difference from the live policy in words.
	Changes []string
	// Notes tell what the proposer should know: properties that were left
	// aside, settings that change nothing, settings that lock everyone out.
	Notes []string
	// Assumes holds the assumptions of laying the proposal over the policy.
	Assumes audit.AssumptionSet
}

// A draft is a proposal in the making. The live policy is never written to.
type draft struct {
	live audit.Policy
	Proposal
	names Namer
}

// Propose lays what spec asks for over the live policy. It takes a body whole
// or not at all: a *SyntaxError says what is wrong with it and where.
func Propose(live audit.Policy, spec Spec) (Proposal, error) {
	p := &draft{live: live, names: spec.Names}
	p.Policy = clone(live)
	var err error
	if spec.Body != nil || spec.Source != "" {
		if spec.Preset != "" {
			return Proposal{}, fmt.Errorf("propose %s: a preset and a body exclude each other", spec.Preset)
		}
		p.Preset = PresetFile
		err = p.overlay(spec)
	} else {
		err = p.preset(spec.Preset)
	}
	if err != nil {
		return Proposal{}, err
	}
	if err := p.adjust(spec.Allow, spec.Block); err != nil {
		return Proposal{}, err
	}
	p.keepMirror()
	p.warn()
	for _, c := range Diff(live, p.Policy, spec.Names) {
		p.Changes = append(p.Changes, c.String())
	}
	if len(p.Changes) == 0 && p.Preset != PresetLive {
		p.note("the proposal equals the live policy")
	}
	p.Name = spec.Name
	if p.Name == "" {
		p.Name = p.Preset
		if p.Preset == PresetFile {
			p.Name = baseName(spec.Source)
		}
	}
	return p.Proposal, nil
}

func (p *draft) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// baseName is a file's name without folder and extension.
func baseName(source string) string {
	name := source[strings.LastIndexAny(source, `/\`)+1:]
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		name = name[:dot]
	}
	if name == "" {
		return PresetFile
	}
	return name
}

func (p *draft) preset(name string) error {
	if name == "" || name == PresetAuto {
		name = PresetAuthenticatorOnly
		for _, l := range p.lists() {
			if len(l.AAGUIDs) > 0 || l.Enforced == audit.Yes {
				name = PresetEnforced
			}
		}
	}
	switch p.Preset = name; name {
	case PresetLive:
	case PresetEnforced:
		p.enforce()
	case PresetAuthenticatorOnly:
		p.authenticatorOnly()
	default:
		return fmt.Errorf("propose %q: no such preset; there are %s", name, strings.Join(Presets(), ", "))
	}
	return nil
}

// A list is a key restriction list that governs, and where it is.
type list struct {
	*audit.KeyRestrictions
	where   string         // such as `profile "Pilots"`, or TenantWide
	profile *audit.Profile // nil for the tenant-wide list
}

// lists gives the lists that govern: one a profile, or the tenant-wide one.
func (p *draft) lists() []list {
	q := &p.Policy
	if !q.HasProfiles() {
		return []list{{KeyRestrictions: &q.KeyRestrictions, where: TenantWide}}
	}
	all := make([]list, len(q.Profiles))
	for i := range q.Profiles {
		all[i] = list{&q.Profiles[i].KeyRestrictions, profileLabel(q.Profiles[i]), &q.Profiles[i]}
	}
	return all
}

// enforce switches on each list that holds an entry.
func (p *draft) enforce() {
	filled, switched := false, false
	for _, l := range p.lists() {
		if len(l.AAGUIDs) == 0 {
			continue
		}
		filled = true
		if l.Enforced != audit.Yes {
			l.Enforced, switched = audit.Yes, true
		}
	}
	switch {
	case !filled:
		p.note("enforced: no key restriction list holds an entry, so there is nothing to switch on")
	case !switched:
		p.note("enforced: every key restriction list that holds an entry is already enforced, so there is nothing to switch on")
	}
}

func (p *draft) authenticatorOnly() {
	for _, l := range p.lists() {
		*l.KeyRestrictions = audit.KeyRestrictions{
			Enforced: audit.Yes, Type: "allow",
			AAGUIDs: []string{audit.AuthenticatorAndroid.String(), audit.AuthenticatorIOS.String()},
		}
		if l.profile == nil || len(l.profile.Types) == 0 {
			continue
		}
		if r := profileRule(l.profile); !r.deviceBound && len(r.otherTypes) == 0 {
			p.note("%s accepts only synced passkeys; those of Microsoft Authenticator are device-bound, so nothing passes it", l.where)
		}
	}
}

// keepMirror keeps the tenant-wide fields in step with the default profile
// where the proposal changes it, as Entra does. They do not govern.
func (p *draft) keepMirror() {
	now, ok := p.Policy.Profile(p.Policy.DefaultProfile)
	if !ok || !p.Policy.HasProfiles() {
		return
	}
	before, ok := p.live.Profile(p.live.DefaultProfile)
	if ok && before.Attestation == now.Attestation && equalLists(before.KeyRestrictions, now.KeyRestrictions) {
		return
	}
	p.Policy.KeyRestrictions = cloneList(now.KeyRestrictions)
	p.Policy.AttestationEnforced = profileRule(now).attestation
}

// warn notes lists that let nothing pass, or of which it is not known what
// they do.
func (p *draft) warn() {
	for _, l := range p.lists() {
		switch {
		case l.Enforced != audit.Yes:
		case kindOf(*l.KeyRestrictions) == listUnknown:
			p.note("%s: the list is enforced, but it is not known whether it allows or blocks", l.where)
		case len(l.AAGUIDs) == 0 && kindOf(*l.KeyRestrictions) == listAllow:
			p.note("%s: an enforced allow list without entries lets no passkey pass", l.where)
		}
	}
	if len(p.Policy.Include) == 0 {
		p.note("no target is included, so nobody can use passkeys")
	}
}
