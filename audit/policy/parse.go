package policy

import (
	"fmt"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// Parse reads a Passkey (FIDO2) configuration as Graph gives it, in either
// shape. Enumerations are kept as sent. Unknown properties, unknown values and
// other oddities do not stop it; they come back as notes, in the order of the
// body. Annotations (@odata and the like) are passed over. A body that is no
// such configuration gives a *SyntaxError.
func Parse(text []byte) (audit.Policy, []string, error) {
	d := &document{text: text}
	b, err := d.read()
	if err != nil {
		return audit.Policy{}, nil, err
	}
	p := audit.Policy{
		State:                   b.state.value,
		SelfServiceRegistration: b.selfService.value,
		AttestationEnforced:     b.attestation.value,
		KeyRestrictions:         merge(audit.KeyRestrictions{}, b.restrictions),
		DefaultProfile:          b.defaultProfile.value,
		Profiles:                profilesOf(b.profiles.value),
		Include:                 targetsOf(b.include.value),
		Exclude:                 targetsOf(b.exclude.value),
	}
	if !b.state.set {
		d.note(0, "the policy has no state")
	}
	return p, append(d.notes, oddities(&p)...), nil
}

// oddities notes references within a policy that lead nowhere.
func oddities(p *audit.Policy) []string {
	var notes []string
	for i := range p.Profiles {
		if first, ok := p.Profile(p.Profiles[i].ID); ok && first != &p.Profiles[i] {
			notes = append(notes, fmt.Sprintf("two passkey profiles have the id %q; the first one is followed", shorten(first.ID)))
		}
	}
	if p.HasProfiles() {
		if _, ok := p.Profile(p.DefaultProfile); !ok {
			notes = append(notes, fmt.Sprintf("the default passkey profile %q is not among the profiles", shorten(p.DefaultProfile)))
		}
	}
	for _, t := range p.Include {
		for _, id := range t.Profiles {
			if _, ok := p.Profile(id); !ok {
				notes = append(notes, fmt.Sprintf("target %q names passkey profile %q, which the policy does not hold", shorten(t.ID), shorten(id)))
			}
		}
	}
	return notes
}

// Groups lists the ids of all groups that the policies' targets name, in lower
// case, each once, sorted: those whose members must be known to judge by these
// policies. All_users is no group to read, nor is the all-zero id that an
// exclude list holds for "nobody".
func Groups(policies ...audit.Policy) []string {
	var ids []string
	for i := range policies {
		for _, t := range policies[i].Include {
			if !t.Everyone() && !isUser(t) {
				ids = append(ids, strings.ToLower(t.ID))
			}
		}
		for _, t := range policies[i].Exclude {
			if !t.Everyone() && !isUser(t) && !isNobody(t.ID) {
				ids = append(ids, strings.ToLower(t.ID))
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(slices.DeleteFunc(ids, func(id string) bool { return id == "" }))
}

// MissingGroups lists those of Groups(policies...) that have does not hold:
// nobody asked for their members, so that what hangs on them is undecided until
// somebody does. A group that is in have and could not be read is not among
// them.
func MissingGroups(have []audit.Group, policies ...audit.Policy) []string {
	return slices.DeleteFunc(Groups(policies...), func(id string) bool {
		return slices.ContainsFunc(have, func(g audit.Group) bool { return strings.EqualFold(g.ID, id) })
	})
}

func isUser(t audit.Target) bool  { return strings.EqualFold(t.Type, "user") }
func isGroup(t audit.Target) bool { return strings.EqualFold(t.Type, "group") }

// isNobody recognises the all-zero id, which elsewhere in the authentication
// methods policy stands for an empty exclusion.
func isNobody(id string) bool { return id == "00000000-0000-0000-0000-000000000000" }

// read takes the body apart. It refuses what is no such configuration.
func (d *document) read() (*body, error) {
	root, err := d.root()
	if err != nil {
		return nil, err
	}
	for _, m := range root.members {
		switch {
		case m.name == "@odata.type" && m.value.kind == kindText && m.value.text != configType:
			return nil, d.errorAt(m.value.at, "@odata.type is %q: %q is expected", shorten(m.value.text), configType)
		case m.name == "authenticationMethodConfigurations":
			return nil, d.errorAt(m.at, "this is the whole authentication methods policy: give its Fido2 configuration alone")
		}
	}
	b := &body{root: root}
	known, err := d.fields(root, "", map[string]field{
		"id":                               d.configID,
		"state":                            d.enum(&b.state, false, "enabled", "disabled"),
		"isSelfServiceRegistrationAllowed": d.ternary(&b.selfService),
		"isAttestationEnforced":            d.ternary(&b.attestation),
		"keyRestrictions":                  d.restrictions(&b.restrictions),
		"defaultPasskeyProfile":            d.str(&b.defaultProfile),
		"passkeyProfiles":                  d.profiles(&b.profiles),
		"includeTargets":                   d.targets(&b.include, true),
		"excludeTargets":                   d.targets(&b.exclude, false),
	})
	if err != nil {
		return nil, err
	}
	if known == 0 && (!d.proposal() || len(root.members) > 0) && !onlyAnnotations(root) {
		hint := ""
		if len(d.notes) > 0 && d.proposal() {
			hint = ": " + d.notes[0]
		}
		return nil, d.errorAt(root.at, "nothing of a Passkey (FIDO2) configuration is in it%s", hint)
	}
	return b, nil
}

func onlyAnnotations(n node) bool {
	return len(n.members) > 0 && !slices.ContainsFunc(n.members, func(m member) bool { return !strings.Contains(m.name, "@") })
}

// configID refuses the configuration of another method.
func (d *document) configID(n node, path string) error {
	if n.kind != kindText {
		return d.mismatch(n, path, "text")
	}
	if !strings.EqualFold(n.text, "fido2") {
		return d.errorAt(n.at, `id is %q: "Fido2" is expected`, shorten(n.text))
	}
	return nil
}

func (d *document) restrictions(to *opt[restrictions]) field {
	return func(n node, path string) error {
		to.set, to.at = true, n.at
		if n.kind == kindNull {
			to.value.null = true
			return nil
		}
		if n.kind != kindObject {
			return d.mismatch(n, path, "an object")
		}
		r := &to.value
		_, err := d.fields(n, path, map[string]field{
			"isEnforced":      d.ternary(&r.enforced),
			"enforcementType": d.enum(&r.kind, true, "allow", "block"),
			"aaGuids":         d.aaguids(&r.aaguids),
		})
		return err
	}
}

func (d *document) aaguids(to *opt[[]string]) field {
	return func(n node, path string) error {
		*to = opt[[]string]{set: true, at: n.at}
		return d.each(n, path, func(it node, path string, i int) error {
			if it.kind != kindText {
				return d.mismatch(it, fmt.Sprintf("%s[%d]", path, i), "text")
			}
			if _, err := audit.ParseAAGUID(it.text); err != nil {
				if d.proposal() && !d.live[enumKey("aaGuids", it.text)] {
					return d.errorAt(it.at, "%s[%d] is %q: %v", path, i, shorten(it.text), err)
				}
				d.note(it.at, "%s[%d] is %q, which is no AAGUID; it matches nothing", path, i, shorten(it.text))
			}
			to.value = append(to.value, it.text)
			return nil
		})
	}
}

func (d *document) profiles(to *opt[[]profile]) field {
	return func(n node, path string) error {
		*to = opt[[]profile]{set: true, at: n.at}
		return d.each(n, path, func(it node, path string, i int) error {
			path = fmt.Sprintf("%s[%d]", path, i)
			if it.kind != kindObject {
				return d.mismatch(it, path, "an object")
			}
			p := profile{at: it.at}
			_, err := d.fields(it, path, map[string]field{
				"id":                     d.str(&p.id),
				"name":                   d.str(&p.name),
				"passkeyTypes":           d.types(&p.types),
				"attestationEnforcement": d.enum(&p.attestation, false, "disabled", "registrationOnly"),
				"keyRestrictions":        d.restrictions(&p.restrictions),
			})
			if err != nil {
				return err
			}
			if err := d.checkProfile(p, path, to.value); err != nil {
				return err
			}
			to.value = append(to.value, p)
			return nil
		})
	}
}

// checkProfile refuses a proposed profile that nothing could name, or that is
// there twice, and notes what it leaves open.
func (d *document) checkProfile(p profile, path string, before []profile) error {
	same := func(b profile) bool { return strings.EqualFold(b.id.value, p.id.value) }
	switch {
	case d.proposal() && p.id.value == "":
		return d.errorAt(p.at, "%s has no id", path)
	case d.proposal() && slices.ContainsFunc(before, same):
		return d.errorAt(p.id.at, "%s has the id %q of another profile", path, shorten(p.id.value))
	}
	if len(p.types.value) == 0 {
		d.note(p.at, "%s names no passkeyTypes; which types it accepts is not known", path)
	}
	if !p.attestation.set {
		d.note(p.at, "%s has no attestationEnforcement", path)
	}
	if d.proposal() && !p.restrictions.set {
		d.note(p.at, "%s has no keyRestrictions; it is read as a profile without key restrictions", path)
	}
	return nil
}

// types reads Graph's comma-separated flags.
func (d *document) types(to *opt[[]audit.PasskeyType]) field {
	return func(n node, path string) error {
		*to = opt[[]audit.PasskeyType]{set: true, at: n.at}
		if n.kind == kindNull {
			return nil
		}
		if n.kind != kindText {
			return d.mismatch(n, path, `text such as "deviceBound,synced"`)
		}
		for flag := range strings.SplitSeq(n.text, ",") {
			flag = strings.TrimSpace(flag)
			if flag == "" {
				continue
			}
			if err := d.checkEnum(n, path, flag, []string{"deviceBound", "synced"}); err != nil {
				return err
			}
			to.value = append(to.value, audit.PasskeyType(flag))
		}
		return nil
	}
}

func (d *document) targets(to *opt[[]target], include bool) field {
	return func(n node, path string) error {
		*to = opt[[]target]{set: true, at: n.at}
		return d.each(n, path, func(it node, path string, i int) error {
			path = fmt.Sprintf("%s[%d]", path, i)
			if it.kind != kindObject {
				return d.mismatch(it, path, "an object")
			}
			t := target{at: it.at}
			known := map[string]field{
				"id":         d.str(&t.id),
				"targetType": d.enum(&t.kind, false, "group", "user"),
			}
			if include {
				known["isRegistrationRequired"] = d.ternary(&t.registration)
				known["allowedPasskeyProfiles"] = d.allowedProfiles(&t)
			}
			if _, err := d.fields(it, path, known); err != nil {
				return err
			}
			if err := d.checkTarget(t, path); err != nil {
				return err
			}
			to.value = append(to.value, t)
			return nil
		})
	}
}

// checkTarget refuses a proposed target that names nobody or nothing certain.
func (d *document) checkTarget(t target, path string) error {
	for _, p := range []struct {
		name    string
		missing bool
	}{{"id", t.id.value == ""}, {"targetType", !t.kind.set}} {
		if !p.missing {
			continue
		}
		if d.proposal() {
			return d.errorAt(t.at, "%s has no %s", path, p.name)
		}
		d.note(t.at, "%s has no %s", path, p.name)
	}
	return nil
}

func (d *document) allowedProfiles(t *target) field {
	return func(n node, path string) error {
		t.profiles = opt[[]string]{set: true, at: n.at}
		return d.each(n, path, func(it node, path string, i int) error {
			if it.kind != kindText {
				return d.mismatch(it, fmt.Sprintf("%s[%d]", path, i), "text")
			}
			t.profiles.value = append(t.profiles.value, it.text)
			t.profileAt = append(t.profileAt, it.at)
			return nil
		})
	}
}

// merge lays given restrictions over others; what they leave out stays.
func merge(over audit.KeyRestrictions, r opt[restrictions]) audit.KeyRestrictions {
	over.AAGUIDs = slices.Clone(over.AAGUIDs)
	if !r.set {
		return over
	}
	if r.value.null {
		return audit.KeyRestrictions{}
	}
	if r.value.enforced.set {
		over.Enforced = r.value.enforced.value
	}
	if r.value.kind.set {
		over.Type = r.value.kind.value
	}
	if r.value.aaguids.set {
		over.AAGUIDs = slices.Clone(r.value.aaguids.value)
	}
	return over
}

func profilesOf(given []profile) []audit.Profile {
	var all []audit.Profile
	for _, p := range given {
		all = append(all, audit.Profile{
			ID: p.id.value, Name: p.name.value, Types: slices.Clone(p.types.value),
			Attestation: p.attestation.value, KeyRestrictions: merge(audit.KeyRestrictions{}, p.restrictions),
		})
	}
	return all
}

func targetsOf(given []target) []audit.Target {
	var all []audit.Target
	for _, t := range given {
		all = append(all, audit.Target{
			Type: t.kind.value, ID: t.id.value,
			Profiles: slices.Clone(t.profiles.value), RegistrationRequired: t.registration.value,
		})
	}
	return all
}
