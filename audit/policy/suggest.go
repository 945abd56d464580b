package policy

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// policyLimit is Microsoft's limit on a policy's size. Its articles disagree
// whether it holds for the Passkey (FIDO2) policy or for the whole
// authentication methods policy, so that it is worth a word from 80 % on.
const policyLimit = 20 * 1024

// A Use says how many passkeys of a tenant name an AAGUID, and how many people
// hold them.
type Use struct {
	AAGUID          audit.AAGUID
	Passkeys, Users int
}

// SuggestOptions say which list is wanted.
type SuggestOptions struct {
	// MinUsers leaves out AAGUIDs that fewer people hold: people with a passkey
	// that works or may work today and needs the list to go on.
	MinUsers int
	// Profile is the id or the name of the profile that gets the list, while
	// the others stay; empty means every profile, or the tenant-wide
	// restrictions without profiles.
	Profile string
	// Add holds AAGUIDs that are wanted on the list whether in use or not. The
	// two of Microsoft Authenticator always are.
	Add []audit.AAGUID
	// Live is the live policy's body as Graph gave it. Graph replaces the
	// collection of profiles whole, so that properties which this version does
	// not know stay only where they are copied from here. Nil means that there
	// are none.
	Live []byte
	// Unread counts the people whose passkeys could not be read: what they hold
	// may be missing from the list, and Notes say so.
	Unread int
}

// A Suggestion is an allow list that keeps working what works today.
type Suggestion struct {
	// Body is an indented PATCH body for the Passkey (FIDO2) configuration. It
	// holds what changes; Graph keeps the properties that a body leaves out.
	Body []byte
	// Lists are the lists that the body sets, in the policy's order.
	Lists []SuggestedList
	// AAGUIDs is what is on any of them, sorted, each once.
	AAGUIDs []audit.AAGUID
	// LeftOut are the uses that MinUsers left out, most people first.
	LeftOut []Use
	// Unlisted counts passkeys that no allow list can name.
	Unlisted Unlisted
	// Notes tell what to know before the body is sent.
	Notes []string
	// Size is the body's size in bytes without the indentation, PolicySize
	// about what the whole policy would come to, and Fit compares the larger of
	// them with Microsoft's limit of 20 KB.
	Size, PolicySize int
	Fit              Fit
}

// A Fit tells whether a policy keeps within Microsoft's limit of 20 KB.
type Fit string

// The fits: well below, from 16 KB on, and over 20 KB.
const (
	FitWell Fit = ""
	FitNear Fit = "near"
	FitOver Fit = "over"
)

// A SuggestedList is the allow list for one profile.
type SuggestedList struct {
	// ProfileID is empty for the tenant-wide restrictions.
	ProfileID string
	// Where names the profile by name and id, or is TenantWide.
	Where string
	// Entries are sorted by AAGUID.
	Entries []SuggestedEntry
}

// A SuggestedEntry is one AAGUID of a list.
type SuggestedEntry struct {
	// Use counts the passkeys that need an allow list to name this AAGUID, and
	// the people who hold them, in all of the tenant.
	Use
	// Added: no passkey needs the entry. It is one of Microsoft Authenticator,
	// or was asked for.
	Added bool
	// Doubtful: only passkeys hang on the entry of which it is undecided
	// whether they work today.
	Doubtful bool
}

// Unlisted counts the passkeys without an AAGUID. Under an enforced allow list
// with entries nobody can tell whether they pass.
type Unlisted struct {
	// Passkeys are allowed today and undecided under the suggestion, and Users
	// the people who hold them.
	Passkeys, Users int
	// Undecided are those that are undecided today, and stay it.
	Undecided int
}

// SuggestInUse makes a list of every AAGUID that a passkey of the tenant names,
// whether it works today or not, and puts it everywhere. Use [Suggester] for
// the smallest list.
func SuggestInUse(live audit.Policy, use []Use, o SuggestOptions) (Suggestion, error) {
	p, err := newPlan(live, o)
	if err != nil {
		return Suggestion{}, err
	}
	b := p.builder(o)
	for _, u := range use {
		if u.Users < o.MinUsers && !p.always[u.AAGUID] {
			b.leftOut(u)
			continue
		}
		b.enter(u, p.mask, 0)
	}
	return b.finish()
}

// A plan says which lists of a live policy are made anew.
type plan struct {
	live   audit.Policy
	mask   uint64 // of the profiles by their place; bit 0 for the tenant-wide list
	always map[audit.AAGUID]bool
}

// maxProfiles is how many profiles a plan can tell apart. Microsoft's limit is
// 3, and a policy of 20 KB holds no 64.
const maxProfiles = 64

func newPlan(live audit.Policy, o SuggestOptions) (*plan, error) {
	p := &plan{live: live, mask: 1, always: map[audit.AAGUID]bool{audit.AuthenticatorAndroid: true, audit.AuthenticatorIOS: true}}
	for _, a := range o.Add {
		p.always[a] = true
	}
	if !live.HasProfiles() {
		if o.Profile != "" {
			return nil, fmt.Errorf("suggest for profile %q: the tenant has no passkey profiles", o.Profile)
		}
		return p, nil
	}
	// Of two profiles with one id the first counts, here as everywhere.
	p.live.Profiles = nil
	for i := range live.Profiles {
		if first, _ := live.Profile(live.Profiles[i].ID); first == &live.Profiles[i] {
			p.live.Profiles = append(p.live.Profiles, live.Profiles[i])
		}
	}
	if n := len(p.live.Profiles); n > maxProfiles {
		return nil, fmt.Errorf("suggest: the policy has %d passkey profiles; %d are handled", n, maxProfiles)
	}
	p.mask = 1<<len(p.live.Profiles) - 1
	if o.Profile != "" {
		i, err := findProfile(&p.live, o.Profile)
		if err != nil {
			return nil, err
		}
		p.mask = 1 << i
	}
	return p, nil
}

// findProfile finds a profile by its id, or else by its name if only one has it.
func findProfile(p *audit.Policy, profile string) (int, error) {
	byID := slices.IndexFunc(p.Profiles, func(q audit.Profile) bool { return strings.EqualFold(q.ID, profile) })
	if byID >= 0 {
		return byID, nil
	}
	found, labels := -1, []string(nil)
	for i := range p.Profiles {
		labels = append(labels, profileLabel(p.Profiles[i]))
		if !strings.EqualFold(p.Profiles[i].Name, profile) {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("suggest for profile %q: two profiles have this name; give the id", profile)
		}
		found = i
	}
	if found < 0 {
		return 0, fmt.Errorf("suggest for profile %q: no such profile; there are %s", profile, strings.Join(labels, ", "))
	}
	return found, nil
}

// policy gives the live policy with other lists: for each planned place the
// AAGUIDs that are always on, and those of which on says so.
func (p *plan) policy(on map[audit.AAGUID]uint64) audit.Policy {
	next := clone(p.live)
	put := func(k *audit.KeyRestrictions, bit uint64) {
		if p.mask&bit == 0 {
			return
		}
		*k = audit.KeyRestrictions{Enforced: audit.Yes, Type: "allow"}
		var ids []audit.AAGUID
		for a := range p.always {
			ids = append(ids, a)
		}
		for a, bits := range on {
			if bits&bit != 0 && !p.always[a] {
				ids = append(ids, a)
			}
		}
		slices.SortFunc(ids, compareAAGUIDs)
		for _, a := range ids {
			k.AAGUIDs = append(k.AAGUIDs, a.String())
		}
	}
	if !next.HasProfiles() {
		put(&next.KeyRestrictions, 1)
	}
	for i := range next.Profiles {
		put(&next.Profiles[i].KeyRestrictions, 1<<i)
	}
	return next
}

func compareAAGUIDs(a, b audit.AAGUID) int { return bytes.Compare(a[:], b[:]) }

// A builder gathers what a Suggestion is made of.
type builder struct {
	*plan
	o    SuggestOptions
	on   map[audit.AAGUID]uint64 // the places that list an AAGUID
	weak map[audit.AAGUID]uint64 // those that list it for undecided passkeys alone
	use  map[audit.AAGUID]Use
	s    Suggestion
}

func (p *plan) builder(o SuggestOptions) *builder {
	return &builder{plan: p, o: o, on: map[audit.AAGUID]uint64{}, weak: map[audit.AAGUID]uint64{}, use: map[audit.AAGUID]Use{}}
}

// enter puts an AAGUID on the lists of places, on those of weak for passkeys
// alone that may work.
func (b *builder) enter(u Use, places, weak uint64) {
	b.on[u.AAGUID] |= places & b.mask
	b.weak[u.AAGUID] |= weak
	b.use[u.AAGUID] = u
}

func (b *builder) leftOut(u Use) { b.s.LeftOut = append(b.s.LeftOut, u) }

// finish makes the Suggestion.
func (b *builder) finish() (Suggestion, error) {
	next := b.policy(b.on)
	slices.SortFunc(b.s.LeftOut, func(a, b Use) int {
		return cmp.Or(cmp.Compare(b.Users, a.Users), compareAAGUIDs(a.AAGUID, b.AAGUID))
	})
	for i, l := range (&draft{Proposal: Proposal{Policy: next}}).lists() {
		bit := uint64(1) << i
		if b.mask&bit == 0 {
			continue
		}
		list := SuggestedList{Where: l.where}
		if l.profile != nil {
			list.ProfileID = l.profile.ID
		}
		for _, text := range l.AAGUIDs {
			a, err := audit.ParseAAGUID(text)
			if err != nil {
				return Suggestion{}, fmt.Errorf("suggest: %w", err)
			}
			u := b.use[a]
			u.AAGUID = a
			list.Entries = append(list.Entries, SuggestedEntry{Use: u, Added: b.on[a]&bit == 0, Doubtful: b.weak[a]&bit != 0})
			b.s.AAGUIDs = append(b.s.AAGUIDs, a)
		}
		b.s.Lists = append(b.s.Lists, list)
	}
	slices.SortFunc(b.s.AAGUIDs, compareAAGUIDs)
	b.s.AAGUIDs = slices.Compact(b.s.AAGUIDs)
	if err := b.encode(next); err != nil {
		return Suggestion{}, fmt.Errorf("suggest: %w", err)
	}
	b.measure(next)
	b.remark(next)
	return b.s, nil
}
