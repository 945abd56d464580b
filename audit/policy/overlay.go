package policy

import (
	"slices"
	"strings"

	"passkey-audit/audit"
)

// migratedDefault is the id that Entra gives the default passkey profile when
// a tenant moves to profiles, as seen in every published policy.
const migratedDefault = "00000000-0000-0000-0000-000000000001"

// overlay lays a body over the live policy.
func (p *draft) overlay(spec Spec) error {
	d := &document{source: spec.Source, text: spec.Body, live: valuesOf(&p.live)}
	if d.source == "" {
		d.source = "proposal"
	}
	b, err := d.read()
	if err != nil {
		return err
	}
	q := &p.Policy
	if b.state.set {
		q.State = b.state.value
	}
	if b.selfService.set {
		q.SelfServiceRegistration = b.selfService.value
	}
	if b.include.set {
		q.Include = targetsOf(b.include.value)
	}
	if b.exclude.set {
		q.Exclude = targetsOf(b.exclude.value)
	}
	if b.profiles.set {
		q.Profiles = profilesOf(b.profiles.value)
	}
	if b.defaultProfile.set {
		q.DefaultProfile = b.defaultProfile.value
	}
	if err := p.pickDefault(d, b); err != nil {
		return err
	}
	if err := p.legacy(d, b); err != nil {
		return err
	}
	if err := p.checkReferences(d, b); err != nil {
		return err
	}
	p.assumeOverlay(b)
	p.Notes = append(p.Notes, d.notes...)
	if len(q.Profiles) > 3 {
		p.note("the proposal has %d passkey profiles; Microsoft's limit is 3", len(q.Profiles))
	}
	if p.live.HasProfiles() && !q.HasProfiles() {
		p.note("the proposal takes all passkey profiles away; Microsoft says that opting in to profiles cannot be undone")
	}
	return nil
}

// valuesOf collects those values of the live policy that a body may repeat
// although they are not known, so that a body which was read from the tenant
// is always taken.
func valuesOf(p *audit.Policy) map[string]bool {
	values := map[string]bool{}
	enter := func(name, value string) { values[enumKey(name, value)] = true }
	restrictions := func(k audit.KeyRestrictions) {
		enter("enforcementType", k.Type)
		for _, a := range k.AAGUIDs {
			enter("aaGuids", a)
		}
	}
	enter("state", p.State)
	restrictions(p.KeyRestrictions)
	for i := range p.Profiles {
		restrictions(p.Profiles[i].KeyRestrictions)
		enter("attestationEnforcement", p.Profiles[i].Attestation)
		for _, t := range p.Profiles[i].Types {
			enter("passkeyTypes", string(t))
		}
	}
	for _, t := range slices.Concat(p.Include, p.Exclude) {
		enter("targetType", t.Type)
	}
	return values
}

// pickDefault finds the default profile where a body brings profiles to a
// tenant without them and does not say which one it is.
func (p *draft) pickDefault(d *document, b *body) error {
	q := &p.Policy
	if !q.HasProfiles() {
		q.DefaultProfile = ""
		if b.defaultProfile.value != "" {
			return d.errorAt(b.defaultProfile.at, "defaultPasskeyProfile names profile %q, but there are no passkey profiles", shorten(b.defaultProfile.value))
		}
		return nil
	}
	if !b.profiles.set || q.DefaultProfile != "" || p.live.HasProfiles() {
		return nil
	}
	_, migrated := q.Profile(migratedDefault)
	switch {
	case migrated:
		q.DefaultProfile = migratedDefault
	case len(q.Profiles) == 1:
		q.DefaultProfile = q.Profiles[0].ID
	default:
		return d.errorAt(b.profiles.at, "the proposal brings several passkey profiles: defaultPasskeyProfile must say which one is the default")
	}
	p.Assumes.Add(AssumeMigration)
	p.note("the proposal names no default passkey profile; %s is taken", quote(q.DefaultProfile))
	return nil
}

// legacy lays the tenant-wide fields of a body where they govern: in a tenant
// with profiles over the default profile, else where they are.
func (p *draft) legacy(d *document, b *body) error {
	if !b.restrictions.set && !b.attestation.set {
		return nil
	}
	q := &p.Policy
	if !q.HasProfiles() {
		q.KeyRestrictions = merge(q.KeyRestrictions, b.restrictions)
		if b.attestation.set {
			q.AttestationEnforced = b.attestation.value
		}
		return nil
	}
	at := b.restrictions.at
	if !b.restrictions.set {
		at = b.attestation.at
	}
	to, ok := q.Profile(q.DefaultProfile)
	if !ok && b.profiles.set {
		// checkReferences tells whether the default may be missing.
		d.note(at, "the tenant-wide settings govern nothing and were left aside: there are passkey profiles, but no default one")
		return nil
	}
	if !ok {
		return d.errorAt(at, "the tenant has passkey profiles but no default one that tenant-wide settings could change")
	}
	restricted := merge(to.KeyRestrictions, b.restrictions)
	attestation := to.Attestation
	switch b.attestation.value {
	case audit.Yes:
		attestation = "registrationOnly"
	case audit.No:
		attestation = "disabled"
	}
	if b.profiles.set {
		apply, err := p.mirrored(d, b, to, restricted, attestation)
		if err != nil || !apply {
			return err
		}
	}
	to.KeyRestrictions, to.Attestation = restricted, attestation
	p.Assumes.Add(AssumeLegacyChangesDefault)
	p.note("the tenant has passkey profiles, so the tenant-wide settings of the proposal change %s", profileLabel(*to))
	return nil
}

// mirrored decides what the tenant-wide fields mean in a body that holds the
// default profile as well, as every body does that GET gave: there they mirror
// that profile. Only the side that differs from the live policy counts; where
// both do and disagree nobody can tell what is meant.
func (p *draft) mirrored(d *document, b *body, to *audit.Profile, restricted audit.KeyRestrictions, attestation string) (apply bool, err error) {
	q := &p.Policy
	if sameEffect(restricted, to.KeyRestrictions) && strings.EqualFold(attestation, to.Attestation) {
		return false, nil
	}
	given := merge(q.KeyRestrictions, b.restrictions)
	attested := q.AttestationEnforced
	if b.attestation.set {
		attested = b.attestation.value
	}
	if sameEffect(given, p.live.KeyRestrictions) && attested == p.live.AttestationEnforced {
		d.note(b.profiles.at, "the default profile differs from the tenant-wide settings, which are as before; the profile counts")
		return false, nil
	}
	before, ok := p.live.Profile(to.ID)
	if ok && sameEffect(before.KeyRestrictions, to.KeyRestrictions) && strings.EqualFold(before.Attestation, to.Attestation) {
		return true, nil
	}
	return false, d.errorAt(b.profiles.at, "the tenant-wide settings and the default profile %s are both changed and differ: leave out keyRestrictions and isAttestationEnforced, or make them alike", quote(shorten(to.ID)))
}

// sameEffect compares lists as they work: their entries in any order and form.
func sameEffect(a, b audit.KeyRestrictions) bool {
	if (a.Enforced == audit.Yes) != (b.Enforced == audit.Yes) {
		return false
	}
	if kindOf(a) != kindOf(b) {
		return false
	}
	return len(missing(a.AAGUIDs, b.AAGUIDs)) == 0 && len(missing(b.AAGUIDs, a.AAGUIDs)) == 0
}

// checkReferences refuses a body under which a target or the default names a
// profile that is not there, unless the live policy is like that already.
func (p *draft) checkReferences(d *document, b *body) error {
	q := &p.Policy
	tolerated := map[string]bool{}
	refer := func(of *audit.Policy, id string) {
		if _, ok := of.Profile(id); !ok {
			tolerated[strings.ToLower(id)] = true
		}
	}
	for _, t := range p.live.Include {
		for _, id := range t.Profiles {
			refer(&p.live, id)
		}
	}
	if p.live.HasProfiles() {
		refer(&p.live, p.live.DefaultProfile)
	}
	lost := func(id string) bool {
		_, ok := q.Profile(id)
		return !ok && !tolerated[strings.ToLower(id)]
	}
	for i, t := range q.Include {
		for j, id := range t.Profiles {
			if !lost(id) {
				continue
			}
			if b.include.set {
				return d.errorAt(b.include.value[i].profileAt[j], "target %s names passkey profile %s, which is not among the profiles", quote(shorten(t.ID)), quote(shorten(id)))
			}
			return d.errorAt(b.profiles.at, "passkeyProfiles leaves out profile %s, which the live target %s still names", quote(shorten(id)), quote(shorten(t.ID)))
		}
	}
	if q.HasProfiles() && lost(q.DefaultProfile) {
		if q.DefaultProfile == "" {
			return d.errorAt(b.defaultProfile.at, "defaultPasskeyProfile names no profile, but the tenant has profiles")
		}
		if b.defaultProfile.set {
			return d.errorAt(b.defaultProfile.at, "defaultPasskeyProfile names profile %s, which is not among the profiles", quote(shorten(q.DefaultProfile)))
		}
		return d.errorAt(b.profiles.at, "passkeyProfiles leaves out the default profile %s", quote(shorten(q.DefaultProfile)))
	}
	return nil
}

// assumeOverlay records which undocumented rules the body called for.
func (p *draft) assumeOverlay(b *body) {
	for _, given := range []bool{
		b.state.set, b.selfService.set, b.include.set, b.exclude.set,
		b.profiles.set || b.restrictions.set, b.profiles.set || b.attestation.set,
	} {
		if !given {
			p.Assumes.Add(AssumeLeftOutKept)
		}
	}
	if r := b.restrictions; r.set && !r.value.null && !b.profiles.set &&
		!(r.value.enforced.set && r.value.kind.set && r.value.aaguids.set) {
		p.Assumes.Add(AssumeRestrictionsMerged)
	}
	if b.include.set || b.exclude.set || b.profiles.set || b.restrictions.value.aaguids.set {
		p.Assumes.Add(AssumeCollectionsReplaced)
	}
}
