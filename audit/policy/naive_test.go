package policy_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"passkey-audit/audit"
	"passkey-audit/audit/policy"
)

// naive is the evaluation table once more, transcribed as plainly as can be:
// no caches, no classes, no shared code with the package but the vocabulary.
type naive struct {
	p      audit.Policy
	groups []audit.Group
	user   string
	member []audit.Membership
}

func (n naive) judge(k audit.Passkey) (audit.Decision, audit.ReasonCode) {
	if strings.ToLower(n.p.State) == "disabled" {
		return audit.Blocked, audit.ReasonMethodDisabled
	}
	excludedOpen := false
	for _, t := range n.p.Exclude {
		if t.ID == "00000000-0000-0000-0000-000000000000" {
			continue
		}
		in, sure := n.in(t)
		if in {
			return audit.Blocked, audit.ReasonUserExcluded
		}
		excludedOpen = excludedOpen || !sure
	}
	targeted, includedOpen := false, false
	var answers []naiveAnswer
	for _, t := range n.p.Include {
		in, sure := n.in(t)
		if !in {
			includedOpen = includedOpen || !sure
			continue
		}
		targeted = true
		answers = append(answers, n.target(t, k)...)
	}
	result := naiveAnswer{audit.Blocked, audit.ReasonUserNotTargeted}
	if targeted {
		result = combine(answers)
	}
	if result.decision == audit.Allowed {
		if excludedOpen {
			return audit.Undecided, audit.ReasonGroupUnresolved
		}
		return result.decision, result.code
	}
	if includedOpen {
		return audit.Undecided, audit.ReasonGroupUnresolved
	}
	return result.decision, result.code
}

type naiveAnswer struct {
	decision audit.Decision
	code     audit.ReasonCode
}

// in tells whether the user is in a target, and whether that is certain.
func (n naive) in(t audit.Target) (in, sure bool) {
	if t.ID == "all_users" {
		return true, true
	}
	if t.Type == "user" {
		return strings.EqualFold(t.ID, n.user), true
	}
	if t.Type != "group" {
		return false, false
	}
	for _, m := range n.member {
		if strings.EqualFold(m.GroupID, t.ID) {
			return true, true
		}
	}
	for _, g := range n.groups {
		if strings.EqualFold(g.ID, t.ID) && g.Outcome == audit.OutcomeRead {
			return false, true
		}
	}
	return false, false
}

func (n naive) target(t audit.Target, k audit.Passkey) []naiveAnswer {
	if len(n.p.Profiles) == 0 && len(t.Profiles) == 0 {
		return []naiveAnswer{list(n.p.KeyRestrictions, k.AAGUID)}
	}
	ids := t.Profiles
	if len(ids) == 0 {
		ids = []string{n.p.DefaultProfile}
	}
	var all []naiveAnswer
	for _, id := range ids {
		answer := naiveAnswer{audit.Undecided, audit.ReasonTypeUnknown}
		for _, p := range n.p.Profiles {
			if strings.EqualFold(p.ID, id) {
				answer = both(types(p.Types, k.Type), list(p.KeyRestrictions, k.AAGUID))
				break
			}
		}
		all = append(all, answer)
	}
	return all
}

func both(kind, id naiveAnswer) naiveAnswer {
	switch {
	case kind.decision == audit.Blocked:
		return kind
	case id.decision == audit.Blocked:
		return id
	case kind.decision == audit.Undecided:
		return kind
	}
	return id
}

func types(accepted []audit.PasskeyType, t audit.PasskeyType) naiveAnswer {
	device, synced, other := false, false, false
	for _, a := range accepted {
		if a == t {
			return naiveAnswer{audit.Allowed, audit.ReasonOK}
		}
		device = device || a == "deviceBound"
		synced = synced || a == "synced"
		other = other || (a != "deviceBound" && a != "synced")
	}
	known := t == "deviceBound" || t == "synced"
	switch {
	case len(accepted) == 0:
		return naiveAnswer{audit.Undecided, audit.ReasonTypeUnknown}
	case device && synced:
		return naiveAnswer{audit.Allowed, audit.ReasonOK}
	case other || !known:
		return naiveAnswer{audit.Undecided, audit.ReasonTypeUnknown}
	}
	return naiveAnswer{audit.Blocked, audit.ReasonTypeNotAllowed}
}

func list(r audit.KeyRestrictions, id string) naiveAnswer {
	if r.Enforced != audit.Yes {
		return naiveAnswer{audit.Allowed, audit.ReasonOK}
	}
	if r.Type != "allow" && r.Type != "block" {
		return naiveAnswer{audit.Undecided, audit.ReasonAAGUIDUnknown}
	}
	bare := func(s string) string { return strings.ToLower(strings.Trim(strings.TrimSpace(s), "{}")) }
	noGUID := len(bare(id)) != 36 || strings.Count(bare(id), "-") != 4
	if noGUID && len(r.AAGUIDs) > 0 {
		return naiveAnswer{audit.Undecided, audit.ReasonAAGUIDUnknown}
	}
	listed := false
	for _, a := range r.AAGUIDs {
		listed = listed || !noGUID && bare(a) == bare(id)
	}
	switch {
	case r.Type == "allow" && !listed:
		return naiveAnswer{audit.Blocked, audit.ReasonAAGUIDNotAllowed}
	case r.Type == "block" && listed:
		return naiveAnswer{audit.Blocked, audit.ReasonAAGUIDBlocked}
	}
	return naiveAnswer{audit.Allowed, audit.ReasonOK}
}

// combine: allowed if any allows, else undecided if any is undecided, else
// blocked; the reason that failed at the AAGUID before the one at the type,
// of two such the first in the order of the profiles, which the caller of the
// test does not compare.
func combine(all []naiveAnswer) naiveAnswer {
	for _, d := range []audit.Decision{audit.Allowed, audit.Undecided, audit.Blocked} {
		var found *naiveAnswer
		for i, a := range all {
			if a.decision != d {
				continue
			}
			atType := a.code == audit.ReasonTypeNotAllowed || a.code == audit.ReasonTypeUnknown
			if found == nil || !atType {
				found = &all[i]
			}
		}
		if found != nil {
			return *found
		}
	}
	return naiveAnswer{}
}

var (
	drawAAGUID = rapid.SampledFrom([]string{
		"2fc0579f-8113-47ea-b116-bb5a8db9202a", "2FC0579F-8113-47EA-B116-BB5A8DB9202A", "{2fc0579f-8113-47ea-b116-bb5a8db9202a}",
		"de1e552d-db1d-4423-a619-566b625cdc84", "90a3ccdf-635c-4729-a248-9b709135078f", "08987058-cadc-4b81-b6e1-30de50dcbe96",
		"00000000-0000-0000-0000-000000000000", "", "NFC key", "2fc0579f-8113-47ea-b116",
	})
	drawType    = rapid.SampledFrom([]audit.PasskeyType{"deviceBound", "synced", "", "quantum"})
	drawTernary = rapid.SampledFrom([]audit.Ternary{audit.Unknown, audit.No, audit.Yes, audit.Yes})
	drawGroup   = rapid.SampledFrom([]string{"a0000000-0000-4000-8000-00000000000a", "b0000000-0000-4000-8000-00000000000b", "C0000000-0000-4000-8000-00000000000C"})
	drawUser    = rapid.SampledFrom([]string{"10000000-0000-4000-8000-000000000001", "20000000-0000-4000-8000-00000000000F"})
	drawProfile = rapid.SampledFrom([]string{"00000000-0000-0000-0000-000000000001", "e1c9b8a7-3a51-4f57-9a0e-6f1a55e0c003", "E1C9B8A7-3A51-4F57-9A0E-6F1A55E0C003", "3d0f4a5c-7c1e-4f5a-8c11-2b7a90e4d004"})
)

func drawList(t *rapid.T) audit.KeyRestrictions {
	return audit.KeyRestrictions{
		Enforced: drawTernary.Draw(t, "enforced"),
		Type:     rapid.SampledFrom([]string{"allow", "allow", "block", "block", "", "unknownFutureValue"}).Draw(t, "type"),
		AAGUIDs:  rapid.SliceOfN(drawAAGUID, 0, 4).Draw(t, "aaguids"),
	}
}

// drawGroups tells what became of reading some of the groups.
func drawGroups(t *rapid.T) []audit.Group {
	var groups []audit.Group
	for _, id := range rapid.SliceOfNDistinct(drawGroup, 0, 3, strings.ToLower).Draw(t, "known groups") {
		outcome := rapid.SampledFrom([]audit.Outcome{audit.OutcomeRead, audit.OutcomeRead, audit.OutcomeRead, audit.OutcomeGone, audit.OutcomeFailed}).Draw(t, "outcome")
		groups = append(groups, audit.Group{ID: id, Outcome: outcome})
	}
	return groups
}

func drawMember(t *rapid.T) []audit.Membership {
	var all []audit.Membership
	for _, id := range rapid.SliceOfN(drawGroup, 0, 2).Draw(t, "member") {
		all = append(all, audit.Membership{GroupID: id, Nested: rapid.SampledFrom([]audit.Ternary{audit.No, audit.No, audit.Yes, audit.Unknown}).Draw(t, "nested")})
	}
	return all
}

func drawTarget(t *rapid.T, include bool) audit.Target {
	target := audit.Target{Type: rapid.SampledFrom([]string{"group", "group", "group", "user", "unknownFutureValue"}).Draw(t, "kind")}
	switch {
	case target.Type == "user":
		target.ID = drawUser.Draw(t, "user")
	case include && rapid.Bool().Draw(t, "all"):
		target.ID, target.Type = "all_users", "group"
	case !include && rapid.IntRange(0, 9).Draw(t, "nobody") == 0:
		target.ID = "00000000-0000-0000-0000-000000000000"
	default:
		target.ID = drawGroup.Draw(t, "group")
	}
	return target
}

// drawPolicy makes policies of both shapes, as odd as a tenant could be.
func drawPolicy(t *rapid.T) audit.Policy {
	p := audit.Policy{
		State:               rapid.SampledFrom([]string{"enabled", "enabled", "enabled", "enabled", "Disabled", ""}).Draw(t, "state"),
		AttestationEnforced: drawTernary.Draw(t, "attestation"),
		KeyRestrictions:     drawList(t),
	}
	n := rapid.IntRange(0, 3).Draw(t, "profiles")
	for range n {
		p.Profiles = append(p.Profiles, audit.Profile{
			ID: drawProfile.Draw(t, "id"), Name: rapid.SampledFrom([]string{"", "Pilots"}).Draw(t, "name"),
			Types:           rapid.SliceOfN(rapid.SampledFrom([]audit.PasskeyType{"deviceBound", "synced", "deviceBound", "synced", "quantum"}), 0, 2).Draw(t, "types"),
			Attestation:     rapid.SampledFrom([]string{"disabled", "registrationOnly", ""}).Draw(t, "attestation"),
			KeyRestrictions: drawList(t),
		})
	}
	if n > 0 {
		p.DefaultProfile = drawProfile.Draw(t, "default")
	}
	for range rapid.IntRange(0, 3).Draw(t, "includes") {
		target := drawTarget(t, true)
		if n > 0 {
			target.Profiles = rapid.SliceOfN(drawProfile, 0, 2).Draw(t, "allowed")
		}
		p.Include = append(p.Include, target)
	}
	for range rapid.IntRange(0, 2).Draw(t, "excludes") {
		p.Exclude = append(p.Exclude, drawTarget(t, false))
	}
	return p
}

// TestAgainstNaive compares the evaluator with the table's plainest form, on
// one evaluator for many passkeys, so that what it remembers is tested too.
func TestAgainstNaive(t *testing.T) {
	seen := map[audit.ReasonCode]int{}
	check := func(t *rapid.T) {
		p := drawPolicy(t)
		groups := drawGroups(t)
		e := policy.NewEvaluator(p, groups, names)
		for range 30 {
			user := strings.ToLower(drawUser.Draw(t, "who"))
			member := drawMember(t)
			k := audit.Passkey{AAGUID: drawAAGUID.Draw(t, "aaguid"), Type: drawType.Draw(t, "passkey type")}
			got := e.Scope(user, member).Judge(&k)
			decision, code := naive{p, groups, user, member}.judge(k)
			if got.Decision != decision || !sameCode(got.Code, code) {
				t.Fatalf("user %s in %v, passkey %+v: got %s %s (%s), want %s %s", user, member, k, got.Decision, got.Code, got.Reason, decision, code)
			}
			if got.Reason == "" || got.DecidedBy == "" || strings.HasSuffix(got.Reason, ".") {
				t.Fatalf("verdict without words: %+v", got)
			}
			checkNested(t, naive{p, groups, user, member}, k, got)
			seen[got.Code]++
		}
	}
	for range 40 { // of 100 policies with 30 passkeys each
		rapid.Check(t, check)
	}
	for _, code := range []audit.ReasonCode{
		audit.ReasonOK, audit.ReasonAAGUIDNotAllowed, audit.ReasonAAGUIDBlocked, audit.ReasonTypeNotAllowed, audit.ReasonUserExcluded,
		audit.ReasonUserNotTargeted, audit.ReasonMethodDisabled, audit.ReasonAAGUIDUnknown, audit.ReasonTypeUnknown, audit.ReasonGroupUnresolved,
	} {
		if seen[code] == 0 {
			t.Errorf("no case with the code %s was drawn", code)
		}
	}
}

// checkNested: a verdict that would be another one if members of nested groups
// were none hangs on the assumption that they are; that of a person who is a
// direct member wherever the person is one does not.
func checkNested(t *rapid.T, n naive, k audit.Passkey, got audit.Verdict) {
	member := n.member
	n.member, n.groups = nil, slices.Clone(n.groups)
	for _, m := range member {
		if m.Nested == audit.No {
			n.member = append(n.member, m)
		}
		// Of whom it is known that nested groups alone make the person a
		// member, it is known as well that nothing else does.
		n.groups = append(n.groups, audit.Group{ID: m.GroupID, Outcome: audit.OutcomeRead})
	}
	direct, _ := n.judge(k)
	switch has := got.Assumes.Has(policy.AssumeNestedGroups); {
	case direct != got.Decision && !has:
		t.Fatalf("user in %v, passkey %+v: %s, but %s as a direct member alone, and nested groups are not assumed", member, k, got.Decision, direct)
	case has && n.inAll(member):
		t.Fatalf("user in %v, passkey %+v: nested groups are assumed for a direct member", member, k)
	case has && got.Decision == audit.Blocked && got.Code != audit.ReasonUserExcluded:
		t.Fatalf("user in %v, passkey %+v: blocked for %s, whatever nested groups count for", member, k, got.Code)
	}
}

// inAll tells whether the user is a direct member of all these groups.
func (n naive) inAll(member []audit.Membership) bool {
	for _, m := range member {
		in := false
		for _, d := range n.member {
			in = in || strings.EqualFold(d.GroupID, m.GroupID)
		}
		if !in {
			return false
		}
	}
	return true
}

// sameCode: which of two lists refused is a matter of order alone.
func sameCode(a, b audit.ReasonCode) bool {
	refused := func(c audit.ReasonCode) bool {
		return c == audit.ReasonAAGUIDNotAllowed || c == audit.ReasonAAGUIDBlocked
	}
	return a == b || refused(a) && refused(b)
}
