package policy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"passkey-audit/audit"
	"passkey-audit/audit/policy"
)

// A holder is a user with passkeys.
type holder struct {
	id       string
	memberOf []audit.Membership
	keys     []audit.Passkey
}

// A sampleTenant is a tenant small enough to try everything out on it.
type sampleTenant struct {
	live   audit.Policy
	groups []audit.Group
	users  []holder
}

func drawTenant(t *rapid.T) sampleTenant {
	s := sampleTenant{live: drawPolicy(t)}
	if rapid.IntRange(0, 3).Draw(t, "enabled") > 0 {
		s.live.State = "enabled" // else too many tenants have nothing to keep
	}
	if rapid.IntRange(0, 3).Draw(t, "everyone") > 0 {
		s.live.Include = append(s.live.Include, audit.Target{Type: "group", ID: "all_users"})
		if s.live.HasProfiles() {
			s.live.Include[len(s.live.Include)-1].Profiles = rapid.SliceOfN(drawProfile, 0, 2).Draw(t, "for everyone")
		}
	}
	seen := map[string]bool{} // each profile has its own id
	s.live.Profiles = slices.DeleteFunc(s.live.Profiles, func(p audit.Profile) bool {
		id := strings.ToLower(p.ID)
		again := seen[id]
		seen[id] = true
		return again
	})
	if s.live.HasProfiles() && rapid.Bool().Draw(t, "broad") {
		// Profiles that accept much, and users who have several of them.
		all := audit.Target{Type: "group", ID: rapid.SampledFrom([]string{"all_users", "a0000000-0000-4000-8000-00000000000a"}).Draw(t, "broad target")}
		for i := range s.live.Profiles {
			p := &s.live.Profiles[i]
			p.Types = []audit.PasskeyType{"deviceBound", "synced"}
			p.KeyRestrictions.Enforced = rapid.SampledFrom([]audit.Ternary{audit.No, audit.No, audit.Yes}).Draw(t, "broad enforced")
			all.Profiles = append(all.Profiles, p.ID)
		}
		s.live.Include = append(s.live.Include, all)
	}
	s.groups = drawGroups(t)
	for i := range rapid.IntRange(1, 6).Draw(t, "users") {
		u := holder{id: fmt.Sprintf("user-%d", i), memberOf: drawMember(t)}
		if i == 0 {
			u.id = strings.ToLower(drawUser.Draw(t, "user"))
		}
		for range rapid.IntRange(0, 4).Draw(t, "passkeys") {
			u.keys = append(u.keys, audit.Passkey{AAGUID: drawAAGUID.Draw(t, "aaguid"), Type: drawType.Draw(t, "passkey type")})
		}
		s.users = append(s.users, u)
	}
	return s
}

func (s sampleTenant) options(t *rapid.T) policy.SuggestOptions {
	var o policy.SuggestOptions
	if s.live.HasProfiles() && rapid.Bool().Draw(t, "one profile") {
		o.Profile = rapid.SampledFrom(s.live.Profiles).Draw(t, "profile").ID
	}
	if rapid.Bool().Draw(t, "live body") {
		o.Live = getBody(t, s.live)
	}
	return o
}

// getBody writes a policy as Graph would give it, with properties that this
// version does not know.
func getBody(t *rapid.T, p audit.Policy) []byte {
	list := func(k audit.KeyRestrictions) map[string]any {
		m := map[string]any{"isEnforced": k.Enforced.Pointer(), "aaGuids": k.AAGUIDs, "note": "list"}
		if m["enforcementType"] = k.Type; k.Type == "" {
			m["enforcementType"] = nil
		}
		return m
	}
	body := map[string]any{"@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration", "keyRestrictions": list(p.KeyRestrictions), "later": 1}
	var profiles []any
	for _, q := range p.Profiles {
		var types []string
		for _, k := range q.Types {
			types = append(types, string(k))
		}
		profiles = append(profiles, map[string]any{
			"id": q.ID, "name": q.Name, "passkeyTypes": strings.Join(types, ","), "attestationEnforcement": q.Attestation,
			"keyRestrictions": list(q.KeyRestrictions), "colour": "red",
		})
	}
	body["passkeyProfiles"] = profiles
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s sampleTenant) suggester(t *rapid.T, o policy.SuggestOptions) *policy.Suggester {
	g, err := policy.NewSuggester(s.live, s.groups, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range s.users {
		g.Observe(u.id, u.memberOf, u.keys)
	}
	return g
}

// propose lays a suggestion over the live policy.
func (s sampleTenant) propose(t *rapid.T, g policy.Suggestion) audit.Policy {
	p, err := policy.Propose(s.live, policy.Spec{Body: g.Body, Source: "suggested-policy.json"})
	if err != nil {
		t.Fatalf("%v in\n%s", err, g.Body)
	}
	return p.Policy
}

// judge gives the verdicts on all passkeys, in order.
func (s sampleTenant) judge(p audit.Policy) []audit.Verdict {
	e := policy.NewEvaluator(p, s.groups, nil)
	var all []audit.Verdict
	for _, u := range s.users {
		scope := e.Scope(u.id, u.memberOf)
		for i := range u.keys {
			all = append(all, scope.Judge(&u.keys[i]))
		}
	}
	return all
}

// keys gives all passkeys, in the order of judge.
func (s sampleTenant) keys() (all []audit.Passkey) {
	for _, u := range s.users {
		all = append(all, u.keys...)
	}
	return all
}

func isAuthenticator(a audit.AAGUID) bool {
	return a == audit.AuthenticatorAndroid || a == audit.AuthenticatorIOS
}

// TestSuggestedRoundTrip proposes what was suggested: nobody breaks, nobody
// comes into doubt whom a list can help, and nobody is let in.
func TestSuggestedRoundTrip(t *testing.T) {
	var profiles, legacy, unlisted, doubtful, kept int
	check := func(t *rapid.T) {
		s := drawTenant(t)
		g, err := s.suggester(t, s.options(t)).Suggest()
		if err != nil {
			t.Fatal(err)
		}
		now, then, keys := s.judge(s.live), s.judge(s.propose(t, g)), s.keys()
		var left policy.Unlisted
		for i, k := range keys {
			a, err := audit.ParseAAGUID(k.AAGUID)
			switch {
			case audit.ImpactOf(now[i].Decision, then[i].Decision) == audit.ImpactBreaks:
				t.Fatalf("%+v breaks: %s (%s), then %s in\n%s", k, now[i].Decision, now[i].Reason, then[i].Reason, g.Body)
			case now[i].Decision == audit.Allowed && then[i].Decision != audit.Allowed && err == nil:
				t.Fatalf("%+v becomes %s: %s, then %s in\n%s", k, then[i].Decision, now[i].Reason, then[i].Reason, g.Body)
			case now[i].Decision == audit.Allowed && then[i].Decision != audit.Allowed:
				left.Passkeys++
			case now[i].Decision == audit.Undecided && err != nil:
				left.Undecided++
			case now[i].Decision == audit.Blocked && then[i].Decision != audit.Blocked && !isAuthenticator(a) && err == nil:
				t.Fatalf("%+v is let in: %s, then %s in\n%s", k, now[i].Reason, then[i].Reason, g.Body)
			}
			// An AAGUID that is zero or written oddly brings an assumption of its
			// own to every list, beside which another one is no worse.
			plain := err == nil && !a.IsZero() && a.String() == k.AAGUID
			if plain && now[i].Decision == audit.Allowed && then[i].Decision == audit.Allowed && more(now[i], then[i]) {
				t.Fatalf("%+v hangs on more than before: %b, then %b in\n%s", k, now[i].Assumes, then[i].Assumes, g.Body)
			}
		}
		left.Users = g.Unlisted.Users
		if diff := cmp.Diff(left, g.Unlisted); diff != "" || (left.Users > 0) != (left.Passkeys > 0) {
			t.Fatalf("without AAGUID (-want +got):\n%s", diff)
		}
		if said := strings.Contains(strings.Join(g.Notes, "\n"), "under this list it is undecided whether they work"); said != (left.Passkeys > 0) {
			t.Fatalf("%d passkeys without AAGUID come into doubt, notes %q", left.Passkeys, g.Notes)
		}
		if s.live.HasProfiles() {
			profiles++
		} else {
			legacy++
		}
		unlisted += left.Passkeys
		for _, l := range g.Lists {
			for _, e := range l.Entries {
				if e.Doubtful {
					doubtful++
				} else if !e.Added {
					kept++
				}
			}
		}
	}
	for range 15 { // of 100 tenants each
		rapid.Check(t, check)
	}
	for what, n := range map[string]int{"tenants with profiles": profiles, "tenants without": legacy, "passkeys without AAGUID": unlisted, "doubtful entries": doubtful, "needed entries": kept} {
		if n < 100 {
			t.Errorf("only %d %s were drawn", n, what)
		}
	}
}

// more reports whether a verdict assumes more than another one.
func more(before, after audit.Verdict) bool {
	n := func(s audit.AssumptionSet) (n int) {
		for _, a := range policy.Assumptions() {
			if s.Has(a) {
				n++
			}
		}
		return n
	}
	return n(after.Assumes) > n(before.Assumes)
}

// TestSuggestedMinimal takes each entry off the list, one at a time.
func TestSuggestedMinimal(t *testing.T) {
	tried := 0
	check := func(t *rapid.T) {
		s := drawTenant(t)
		g, err := s.suggester(t, s.options(t)).Suggest()
		if err != nil {
			t.Fatal(err)
		}
		whole := s.propose(t, g)
		then := s.judge(whole)
		for _, l := range g.Lists {
			for _, e := range l.Entries {
				if isAuthenticator(e.AAGUID) {
					continue
				}
				if e.Added {
					t.Fatalf("%s is added to %s", e.AAGUID, l.Where)
				}
				tried++
				if e.Doubtful {
					if !s.mayPass(l.ProfileID, e.AAGUID) {
						t.Fatalf("%s on the list of %s: no passkey is in doubt that it might pass in\n%s", e.AAGUID, l.Where, g.Body)
					}
					continue
				}
				less := s.judge(strike(whole, l.ProfileID, e.AAGUID))
				if !slices.ContainsFunc(positions(then), func(i int) bool { return worse(then[i], less[i]) }) {
					t.Fatalf("%s on the list of %s serves nobody in\n%s", e.AAGUID, l.Where, g.Body)
				}
			}
		}
	}
	for range 10 {
		rapid.Check(t, check)
	}
	if tried < 500 {
		t.Errorf("only %d entries were tried", tried)
	}
}

func positions(all []audit.Verdict) []int {
	n := make([]int, len(all))
	for i := range n {
		n[i] = i
	}
	return n
}

func worse(before, after audit.Verdict) bool {
	rank := map[audit.Decision]int{audit.Allowed: 2, audit.Undecided: 1}
	return rank[after.Decision] < rank[before.Decision] || before.Decision == audit.Allowed && after.Decision == audit.Allowed && more(before, after)
}

// mayPass reports whether a passkey with an AAGUID is undecided today that the
// profile may let pass.
func (s sampleTenant) mayPass(profile string, a audit.AAGUID) bool {
	e := policy.NewEvaluator(s.live, s.groups, nil)
	for _, u := range s.users {
		for i := range u.keys {
			if b, err := audit.ParseAAGUID(u.keys[i].AAGUID); err != nil || a != b {
				continue
			}
			x := e.Scope(u.id, u.memberOf).Explain(&u.keys[i])
			for _, p := range x.Profiles {
				if strings.EqualFold(p.ID, profile) && !p.Missing && p.Reaches != audit.No && p.Decision != audit.Blocked && x.Verdict.Decision == audit.Undecided {
					return true
				}
			}
		}
	}
	return false
}

// strike copies a policy without one entry of one list.
func strike(p audit.Policy, profile string, a audit.AAGUID) audit.Policy {
	without := func(ids []string) []string {
		return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == a.String() })
	}
	if profile == "" && !p.HasProfiles() {
		p.KeyRestrictions.AAGUIDs = without(p.KeyRestrictions.AAGUIDs)
		return p
	}
	p.Profiles = slices.Clone(p.Profiles)
	for i := range p.Profiles {
		if p.Profiles[i].ID == profile {
			p.Profiles[i].KeyRestrictions.AAGUIDs = without(p.Profiles[i].KeyRestrictions.AAGUIDs)
		}
	}
	return p
}

// TestPrices compares each row with what judging by a list of that threshold
// says.
func TestPrices(t *testing.T) {
	rows := 0
	check := func(t *rapid.T) {
		s := drawTenant(t)
		o := s.options(t)
		o.MinUsers = rapid.IntRange(0, 4).Draw(t, "min users")
		mine := policy.Price{MinUsers: max(o.MinUsers, 1)}
		prices, err := s.suggester(t, o).Pricing()
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range s.users {
			l := prices.Observe(u.id, u.memberOf, u.keys)
			mine.Passkeys += l.Breaks
			mine.Undecided += l.Undecided
			if l.Breaks > 0 {
				mine.People++
			}
			if l.Last {
				mine.LastPasskey++
			}
		}
		table := prices.Table()
		for i, row := range table {
			rows++
			o.MinUsers = row.MinUsers
			shorter, err := s.suggester(t, o).Suggest()
			if err != nil {
				t.Fatal(err)
			}
			want := s.price(t, shorter, row.MinUsers)
			if diff := cmp.Diff(want, row); diff != "" {
				t.Fatalf("threshold %d (-want +got):\n%s", row.MinUsers, diff)
			}
			if i > 0 && table[i-1].MinUsers >= row.MinUsers {
				t.Fatalf("thresholds %+v", table)
			}
		}
		if last := table[len(table)-1]; last.AAGUIDs != 2 {
			t.Fatalf("the shortest list has %d AAGUIDs", last.AAGUIDs)
		}
		for _, row := range table {
			if row.MinUsers == mine.MinUsers {
				mine.AAGUIDs, mine.Entries = row.AAGUIDs, row.Entries
				if diff := cmp.Diff(row, mine); diff != "" {
					t.Fatalf("losses of all users (-want +got):\n%s", diff)
				}
			}
		}
	}
	for range 10 {
		rapid.Check(t, check)
	}
	if rows < 1000 {
		t.Errorf("only %d rows were compared", rows)
	}
}

// price works a row out by judging everybody.
func (s sampleTenant) price(t *rapid.T, g policy.Suggestion, minUsers int) policy.Price {
	want := policy.Price{MinUsers: minUsers, AAGUIDs: len(g.AAGUIDs)}
	for _, l := range g.Lists {
		want.Entries += len(l.Entries)
	}
	now, then := s.judge(s.live), s.judge(s.propose(t, g))
	i := 0
	for _, u := range s.users {
		var j audit.JudgedUser
		for range u.keys {
			if now[i].Decision == audit.Allowed && then[i].Decision == audit.Undecided {
				want.Undecided++
			}
			j.Passkeys = append(j.Passkeys, audit.JudgedPasskey{Current: now[i], Proposed: then[i]})
			i++
		}
		want.Passkeys += j.Breaking()
		if j.Breaking() > 0 {
			want.People++
		}
		if j.UsableNow() > 0 && j.UsableAfter() == 0 {
			want.LastPasskey++
		}
	}
	return want
}
