package policy

import (
	"bytes"
	"cmp"
	"encoding/json"
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
	// MinUsers leaves out AAGUIDs that fewer people hold.
	MinUsers int
	// Profile is the id or the name of the profile that gets the list; empty
	// means every profile, or the tenant-wide restrictions without profiles.
	Profile string
	// Add holds AAGUIDs that are wanted on the list whether in use or not. The
	// two of Microsoft Authenticator always are.
	Add []audit.AAGUID
}

// A Suggestion is an allow list that keeps working what is in use.
type Suggestion struct {
	// Body is an indented PATCH body for the Passkey (FIDO2) configuration.
	Body []byte
	// AAGUIDs is the list, sorted.
	AAGUIDs []audit.AAGUID
	// LeftOut are the uses that MinUsers left out, most people first.
	LeftOut []Use
	// Notes tell what to know before the body is sent.
	Notes []string
	// Size is the body's size in bytes without the indentation.
	Size int
}

// The parts of a PATCH body, in Graph's names and in the order of its
// reference.
type (
	patchBody struct {
		Type         string             `json:"@odata.type"`
		Restrictions *patchRestrictions `json:"keyRestrictions,omitempty"`
		Profiles     []patchProfile     `json:"passkeyProfiles,omitempty"`
	}
	patchRestrictions struct {
		Enforced *bool    `json:"isEnforced"`
		Type     *string  `json:"enforcementType"`
		AAGUIDs  []string `json:"aaGuids"`
	}
	patchProfile struct {
		ID           string            `json:"id"`
		Name         string            `json:"name,omitempty"`
		Types        string            `json:"passkeyTypes,omitempty"`
		Attestation  string            `json:"attestationEnforcement,omitempty"`
		Restrictions patchRestrictions `json:"keyRestrictions"`
	}
)

// Suggest makes an enforced allow list from what is in use. In a tenant with
// profiles the body holds every profile with all its other settings, since
// Graph replaces the collection whole.
func Suggest(live audit.Policy, use []Use, o SuggestOptions) (Suggestion, error) {
	var s Suggestion
	s.pick(use, o)
	texts := make([]string, len(s.AAGUIDs))
	for i, a := range s.AAGUIDs {
		texts[i] = a.String()
	}
	want := audit.KeyRestrictions{Enforced: audit.Yes, Type: "allow", AAGUIDs: texts}
	next := clone(live)
	if err := putList(&next, want, o.Profile); err != nil {
		return Suggestion{}, err
	}
	if err := s.encode(next); err != nil {
		return Suggestion{}, err
	}
	s.remark(live, next, o)
	return s, nil
}

// pick fills AAGUIDs and LeftOut.
func (s *Suggestion) pick(use []Use, o SuggestOptions) {
	s.AAGUIDs = append([]audit.AAGUID{audit.AuthenticatorAndroid, audit.AuthenticatorIOS}, o.Add...)
	for _, u := range use {
		if u.Users < o.MinUsers && !slices.Contains(s.AAGUIDs, u.AAGUID) {
			s.LeftOut = append(s.LeftOut, u)
			continue
		}
		s.AAGUIDs = append(s.AAGUIDs, u.AAGUID)
	}
	compare := func(a, b audit.AAGUID) int { return bytes.Compare(a[:], b[:]) }
	slices.SortFunc(s.AAGUIDs, compare)
	s.AAGUIDs = slices.Compact(s.AAGUIDs)
	slices.SortFunc(s.LeftOut, func(a, b Use) int {
		return cmp.Or(cmp.Compare(b.Users, a.Users), compare(a.AAGUID, b.AAGUID))
	})
}

// putList puts the list where it is wanted.
func putList(p *audit.Policy, want audit.KeyRestrictions, profile string) error {
	if !p.HasProfiles() {
		if profile != "" {
			return fmt.Errorf("suggest for profile %q: the tenant has no passkey profiles", profile)
		}
		p.KeyRestrictions = want
		return nil
	}
	if profile == "" {
		for i := range p.Profiles {
			p.Profiles[i].KeyRestrictions = want
		}
		return nil
	}
	found, ok := p.Profile(profile)
	if !ok {
		for i := range p.Profiles {
			if !strings.EqualFold(p.Profiles[i].Name, profile) {
				continue
			}
			if ok {
				return fmt.Errorf("suggest for profile %q: two profiles have this name; give the id", profile)
			}
			found, ok = &p.Profiles[i], true
		}
	}
	if !ok {
		var names []string
		for i := range p.Profiles {
			names = append(names, profileLabel(p.Profiles[i]))
		}
		return fmt.Errorf("suggest for profile %q: no such profile; there are %s", profile, strings.Join(names, ", "))
	}
	found.KeyRestrictions = want
	return nil
}

// encode writes the body.
func (s *Suggestion) encode(p audit.Policy) error {
	b := patchBody{Type: configType}
	if !p.HasProfiles() {
		r := patchOf(p.KeyRestrictions)
		b.Restrictions = &r
	}
	for _, q := range p.Profiles {
		types := make([]string, len(q.Types))
		for i, t := range q.Types {
			types[i] = string(t)
		}
		b.Profiles = append(b.Profiles, patchProfile{
			ID: q.ID, Name: q.Name, Types: strings.Join(types, ","),
			Attestation: q.Attestation, Restrictions: patchOf(q.KeyRestrictions),
		})
	}
	var compact bytes.Buffer
	enc := json.NewEncoder(&compact)
	enc.SetEscapeHTML(false) // names with & stay readable
	if err := enc.Encode(b); err != nil {
		return fmt.Errorf("encode suggestion: %w", err)
	}
	s.Size = len(bytes.TrimSpace(compact.Bytes()))
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact.Bytes(), "", "  "); err != nil {
		return fmt.Errorf("encode suggestion: %w", err)
	}
	s.Body = indented.Bytes()
	return nil
}

func patchOf(k audit.KeyRestrictions) patchRestrictions {
	r := patchRestrictions{Enforced: k.Enforced.Pointer(), AAGUIDs: k.AAGUIDs}
	if k.Type != "" {
		r.Type = &k.Type
	}
	if r.AAGUIDs == nil {
		r.AAGUIDs = []string{}
	}
	return r
}

// remark fills Notes.
func (s *Suggestion) remark(live, next audit.Policy, o SuggestOptions) {
	if n := len(s.LeftOut); n > 0 {
		people := 0
		for _, u := range s.LeftOut {
			people += u.Users
		}
		s.Notes = append(s.Notes, fmt.Sprintf("%s left out, being held by fewer than %s; passkeys of up to %s break",
			plural(n, "AAGUID in use is", "AAGUIDs in use are"), plural(o.MinUsers, "person", "people"), plural(people, "person", "people")))
	}
	if slices.ContainsFunc(s.AAGUIDs, audit.AAGUID.IsZero) {
		s.Notes = append(s.Notes, "the list holds the all-zero AAGUID, which every authenticator sends that does not disclose its model")
	}
	who := "nobody"
	if o.MinUsers > 1 {
		who = "too few people"
	}
	before, after := draft{Proposal: Proposal{Policy: live}}, draft{Proposal: Proposal{Policy: next}}
	now := after.lists()
	for i, l := range before.lists() {
		switch kind := kindOf(*l.KeyRestrictions); {
		case equalLists(*l.KeyRestrictions, *now[i].KeyRestrictions), len(l.AAGUIDs) == 0:
		case kind == listBlock:
			s.Notes = append(s.Notes, fmt.Sprintf("%s: the allow list takes the place of a block list of %s", l.where, plural(len(l.AAGUIDs), "entry", "entries")))
		default:
			if gone := missing(l.AAGUIDs, now[i].AAGUIDs); len(gone) > 0 {
				s.Notes = append(s.Notes, fmt.Sprintf("%s: %s not taken over, being held by %s", l.where, plural(len(gone), "entry of the present list is", "entries of the present list are"), who))
			}
		}
	}
	s.remarkSize(next)
}

// remarkSize compares with Microsoft's limit: the body, and what the policy
// would come to by the sizes that Microsoft gives (1.44 KB, 0.23 KB a target,
// 0.4 KB a profile, about 0.3 KB for ten AAGUIDs; 40 bytes an AAGUID is what
// the body holds, and more than that).
func (s *Suggestion) remarkSize(p audit.Policy) {
	lists := []audit.KeyRestrictions{p.KeyRestrictions}
	estimate := 1475 + 236*(len(p.Include)+len(p.Exclude)) + 410*len(p.Profiles)
	for i := range p.Profiles {
		lists = append(lists, p.Profiles[i].KeyRestrictions)
	}
	if p.HasProfiles() {
		lists = lists[1:] // tenant-wide fields only mirror the default profile
	}
	for _, l := range lists {
		estimate += 40 * len(l.AAGUIDs)
	}
	switch size := max(s.Size, estimate); {
	case size > policyLimit:
		s.Notes = append(s.Notes, fmt.Sprintf("the body has %d bytes and the policy would have about %d: over Microsoft's limit of 20 KB; Graph will refuse it", s.Size, estimate))
	case size > policyLimit*8/10:
		s.Notes = append(s.Notes, fmt.Sprintf("the body has %d bytes and the policy would have about %d: near Microsoft's limit of 20 KB", s.Size, estimate))
	}
}
