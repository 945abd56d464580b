package policy

import (
	"fmt"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// A Change is a difference between two policies in one setting.
type Change struct {
	// Setting says where, such as `profile "Pilots" (ID): key restrictions`.
	Setting string
	// Before and After are the setting's values in words. Before is empty for
	// what was added, After for what was removed.
	Before, After string
}

// String says the change in words.
func (c Change) String() string {
	switch {
	case c.Before == "":
		return c.Setting + ": " + c.After + " added"
	case c.After == "":
		return c.Setting + ": " + c.Before + " removed"
	}
	return c.Setting + ": " + c.After + " (was " + c.Before + ")"
}

// Diff lists how after differs from before, setting by setting: the method,
// its targets, then each profile, found by its id, or the tenant-wide
// restrictions where neither policy has profiles. Tenant-wide fields beside
// profiles govern nothing and are passed over. Differences without a meaning,
// such as the order of a list, are none.
func Diff(before, after audit.Policy, names Namer) []Change {
	d := &differ{names: names}
	d.value("state", enum(before.State), enum(after.State))
	d.value("self-service registration", yesNo(before.SelfServiceRegistration), yesNo(after.SelfServiceRegistration))
	d.targets("included targets", before.Include, after.Include)
	d.targets("excluded targets", before.Exclude, after.Exclude)
	switch {
	case !before.HasProfiles() && !after.HasProfiles():
		d.value("attestation", enforcedWord(before.AttestationEnforced), enforcedWord(after.AttestationEnforced))
		d.restrictions(TenantWide, before.KeyRestrictions, after.KeyRestrictions)
		return d.changes
	case before.HasProfiles() != after.HasProfiles():
		d.value("what governs", governs(before), governs(after))
	}
	d.value("default passkey profile", quoted(before.DefaultProfile), quoted(after.DefaultProfile))
	for _, b := range before.Profiles {
		a, ok := after.Profile(b.ID)
		if !ok {
			d.changes = append(d.changes, Change{Setting: "passkey profiles", Before: profileLabel(b)})
			continue
		}
		d.profile(b, *a)
	}
	for _, a := range after.Profiles {
		if _, ok := before.Profile(a.ID); !ok {
			d.changes = append(d.changes, Change{Setting: "passkey profiles", After: profileLabel(a) + ", " + d.describe(a)})
		}
	}
	return d.changes
}

type differ struct {
	names   Namer
	changes []Change
}

func (d *differ) value(setting, before, after string) {
	if before != after {
		d.changes = append(d.changes, Change{setting, before, after})
	}
}

func (d *differ) profile(b, a audit.Profile) {
	where := profileLabel(a)
	d.value(where+", name", quoted(b.Name), quoted(a.Name))
	d.value(where+", passkey types", typesWord(b.Types), typesWord(a.Types))
	d.value(where+", attestation", enum(b.Attestation), enum(a.Attestation))
	d.restrictions(where, b.KeyRestrictions, a.KeyRestrictions)
}

func (d *differ) restrictions(where string, b, a audit.KeyRestrictions) {
	d.value(where+", key restrictions", onOff(b.Enforced), onOff(a.Enforced))
	d.value(where+", list type", enum(b.Type), enum(a.Type))
	for _, id := range missing(b.AAGUIDs, a.AAGUIDs) {
		d.changes = append(d.changes, Change{Setting: where + ", AAGUIDs", Before: d.entry(id)})
	}
	for _, id := range missing(a.AAGUIDs, b.AAGUIDs) {
		d.changes = append(d.changes, Change{Setting: where + ", AAGUIDs", After: d.entry(id)})
	}
}

func (d *differ) entry(id string) string {
	a, err := audit.ParseAAGUID(id)
	if err != nil {
		return quote(id) + ", which is no AAGUID,"
	}
	return nameOf(d.names, a)
}

// describe tells a new profile's settings in one line.
func (d *differ) describe(p audit.Profile) string {
	s := "passkey types " + typesWord(p.Types) + ", attestation " + enum(p.Attestation) + ", key restrictions " + onOff(p.KeyRestrictions.Enforced)
	if len(p.KeyRestrictions.AAGUIDs) == 0 {
		return s + ", no AAGUIDs,"
	}
	var ids []string
	for _, id := range missing(p.KeyRestrictions.AAGUIDs, nil) {
		ids = append(ids, d.entry(id))
	}
	return s + ", " + enum(p.KeyRestrictions.Type) + " list " + strings.Join(ids, "; ") + ","
}

// targets compares targets by type and id.
func (d *differ) targets(setting string, before, after []audit.Target) {
	find := func(in []audit.Target, t audit.Target) (audit.Target, bool) {
		i := slices.IndexFunc(in, func(o audit.Target) bool {
			return strings.EqualFold(o.ID, t.ID) && strings.EqualFold(o.Type, t.Type)
		})
		if i < 0 {
			return audit.Target{}, false
		}
		return in[i], true
	}
	for _, b := range before {
		a, ok := find(after, b)
		if !ok {
			d.changes = append(d.changes, Change{Setting: setting, Before: targetLabel(b)})
			continue
		}
		d.value(setting+", "+targetLabel(b)+", profiles", profilesWord(b.Profiles), profilesWord(a.Profiles))
		d.value(setting+", "+targetLabel(b)+", registration required", yesNo(b.RegistrationRequired), yesNo(a.RegistrationRequired))
	}
	for _, a := range after {
		if _, ok := find(before, a); ok {
			continue
		}
		label := targetLabel(a)
		if len(a.Profiles) > 0 {
			label += " with profiles " + profilesWord(a.Profiles)
		}
		d.changes = append(d.changes, Change{Setting: setting, After: label})
	}
}

func targetLabel(t audit.Target) string {
	if t.Everyone() {
		return "all users"
	}
	return enum(t.Type) + " " + printable(t.ID)
}

// missing lists what is in a and not in b, each once, in a's order; AAGUIDs
// are compared as bytes.
func missing(a, b []string) []string {
	key := func(s string) string {
		if id, err := audit.ParseAAGUID(s); err == nil {
			return id.String()
		}
		return s
	}
	seen := make(map[string]bool, len(b))
	for _, s := range b {
		seen[key(s)] = true
	}
	var out []string
	for _, s := range a {
		if k := key(s); !seen[k] {
			seen[k] = true
			out = append(out, s)
		}
	}
	return out
}

func enum(s string) string {
	if s == "" {
		return "not set"
	}
	return printable(s)
}

func quoted(s string) string {
	if s == "" {
		return "none"
	}
	return quote(s)
}

func yesNo(t audit.Ternary) string {
	switch t {
	case audit.Yes:
		return "yes"
	case audit.No:
		return "no"
	}
	return "not set"
}

func onOff(t audit.Ternary) string {
	if t == audit.Yes {
		return "enforced"
	}
	return "not enforced"
}

func enforcedWord(t audit.Ternary) string {
	if t == audit.Unknown {
		return "not set"
	}
	return onOff(t)
}

func governs(p audit.Policy) string {
	if p.HasProfiles() {
		return fmt.Sprintf("passkey profiles (%d)", len(p.Profiles))
	}
	return TenantWide
}

func typesWord(types []audit.PasskeyType) string {
	if len(types) == 0 {
		return "not set"
	}
	var all []string
	for _, t := range types {
		all = append(all, printable(string(passkeyType(t))))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " and ")
}

func profilesWord(ids []string) string {
	if len(ids) == 0 {
		return "none named"
	}
	var all []string
	for _, id := range ids {
		all = append(all, printable(strings.ToLower(id)))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " and ")
}
