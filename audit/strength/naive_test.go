package strength_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"passkey-audit/audit"
	"passkey-audit/audit/strength"
)

// The naive evaluator answers by possible worlds: whatever was not read could be
// one way or the other. What holds in all worlds is certain, what holds in none
// is not so, and all else is not known.

// A world says of what was not read how it is.
type world struct {
	memberOf []string // the groups of the user
	roles    []string // what the user holds
	guest    string   // the user's kind; empty for an ordinary member
	fits     bool     // whether the user's organisation is among those chosen
}

// worlds gives all that are possible for a user.
func worlds(f strength.Facts, u audit.User, memberOf []audit.Membership) []world {
	var sure, perhaps []string
	for _, m := range memberOf {
		sure = append(sure, m.GroupID)
	}
	outcome := func(id string) audit.Outcome {
		for _, g := range f.Groups {
			if strings.EqualFold(g.ID, id) {
				return g.Outcome
			}
		}
		return audit.OutcomePending
	}
	named := strength.Groups(f.Strengths, f.Policies)
	for _, a := range f.Roles {
		if strings.EqualFold(a.PrincipalType, "group") || a.PrincipalType == "" && outcome(a.PrincipalID) != audit.OutcomeGone {
			named = append(named, a.PrincipalID)
		}
	}
	for _, id := range named {
		if outcome(id) != audit.OutcomeRead && !slices.Contains(sure, id) && !slices.Contains(perhaps, id) {
			perhaps = append(perhaps, id)
		}
	}
	list := []world{{memberOf: sure}}
	for _, id := range perhaps {
		for _, w := range list {
			w.memberOf = append(slices.Clone(w.memberOf), id)
			list = append(list, w)
		}
	}
	for i := range list {
		for _, a := range f.Roles {
			held := strings.EqualFold(a.PrincipalID, u.ID) || slices.Contains(list[i].memberOf, a.PrincipalID)
			if held && a.Scope == "/" {
				list[i].roles = append(list[i].roles, a.RoleID)
			}
		}
	}
	if !f.RolesRead {
		var more []world
		for _, w := range list {
			for _, roles := range [][]string{nil, {"r1"}, {"r2"}, {"r1", "r2"}} {
				w.roles = roles
				more = append(more, w)
			}
		}
		list = more
	}
	var kinds []string
	outside := strings.Contains(u.UPN, "#EXT#")
	switch {
	case u.Type == "Guest":
		kinds = []string{"internalGuest", "b2bCollaborationGuest", "otherExternalUser"}
	case u.Type == "Member" && outside:
		// An invited member, or one that has become the tenant's own.
		kinds = []string{"", "b2bCollaborationMember", "otherExternalUser"}
	case u.Type == "Member":
		kinds = []string{""}
	default:
		kinds = []string{"", "internalGuest", "b2bCollaborationGuest", "b2bCollaborationMember", "otherExternalUser"}
	}
	var more []world
	for _, w := range list {
		for _, kind := range kinds {
			for _, fits := range []bool{true, false} {
				w.guest, w.fits = kind, fits
				more = append(more, w)
			}
		}
	}
	return more
}

func (w world) on(s strength.Users, u audit.User) bool {
	// Guests that are neither internal nor invited are not known to exist: whoever
	// names both kinds names all guests.
	guest := slices.Contains(s.Guests, w.guest)
	if w.guest == "otherExternalUser" && u.Type == "Guest" && slices.Contains(s.Guests, "internalGuest") && slices.Contains(s.Guests, "b2bCollaborationGuest") {
		guest = true
	}
	guest = guest && (w.fits || !s.SomeTenants)
	return s.All || slices.Contains(s.Users, strings.ToLower(u.ID)) ||
		slices.ContainsFunc(s.Groups, func(g string) bool { return slices.Contains(w.memberOf, g) }) ||
		slices.ContainsFunc(s.Roles, func(r string) bool { return slices.Contains(w.roles, r) }) ||
		guest || s.AllGuests && (u.Type == "Guest" || w.guest != "")
}

// everyWorld tells whether something holds in all of the worlds, or in none.
func everyWorld(list []world, holds func(world) bool) audit.Ternary {
	yes := 0
	for _, w := range list {
		if holds(w) {
			yes++
		}
	}
	switch yes {
	case 0:
		return audit.No
	case len(list):
		return audit.Yes
	}
	return audit.Unknown
}

// naiveScope looks at each side of a policy on its own: included and not
// excluded. A group that is not known on both sides at once is not known.
func naiveScope(p strength.Policy, list []world, u audit.User) audit.Ternary {
	included := everyWorld(list, func(w world) bool { return w.on(p.Include, u) })
	excluded := everyWorld(list, func(w world) bool { return w.on(p.Exclude, u) })
	switch {
	case included == audit.No || excluded == audit.Yes:
		return audit.No
	case included == audit.Yes && excluded == audit.No:
		return audit.Yes
	}
	return audit.Unknown
}

// naive gives findings as texts, by passkey and policy id.
func naive(f strength.Facts, u audit.User, memberOf []audit.Membership, keys []audit.Passkey) []string {
	var list []string
	for n, k := range keys {
		for _, p := range f.Policies {
			scope := naiveScope(p, worlds(f, u, memberOf), u)
			if scope == audit.No {
				continue
			}
			var s strength.Strength
			for _, listed := range f.Strengths {
				if listed.ID == p.Strength.ID {
					s = listed
				}
			}
			accepted := audit.Yes
			a, err := audit.ParseAAGUID(k.AAGUID)
			for _, l := range s.Lists {
				switch {
				case err != nil:
					accepted = audit.Unknown
				case !slices.Contains(l, a):
					accepted = audit.No
				}
			}
			if s.Unclear {
				accepted = audit.Unknown
			}
			if accepted != audit.Yes {
				list = append(list, fmt.Sprintf("%d %s scope %q accepted %q", n, p.ID, scope, accepted))
			}
		}
	}
	slices.Sort(list)
	return list
}

func TestAgainstNaive(t *testing.T) {
	outcomes := []audit.Outcome{audit.OutcomeRead, audit.OutcomeRead, audit.OutcomeRefused, audit.OutcomeGone, audit.OutcomeFailed}
	kinds := []string{"internalGuest", "b2bCollaborationGuest", "b2bCollaborationMember", "b2bDirectConnectUser", "otherExternalUser", "serviceProvider"}
	some := func(t *rapid.T, label string, of ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 2, rapid.ID).Draw(t, label)
	}
	side := func(t *rapid.T, label string) strength.Users {
		u := strength.Users{Users: some(t, label+" users", "u1", "u2"), Groups: some(t, label+" groups", "g1", "g2", "g3"), Roles: some(t, label+" roles", "r1", "r2")}
		switch rapid.IntRange(0, 5).Draw(t, label+" more") {
		case 0:
			u.All = true
		case 1:
			u.AllGuests = true
		case 2:
			u.Guests = rapid.SliceOfNDistinct(rapid.SampledFrom(kinds), 1, 6, rapid.ID).Draw(t, label+" guests")
			u.SomeTenants = rapid.Bool().Draw(t, label+" some tenants")
		}
		return u
	}
	certain, open := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		lists := [][]audit.AAGUID{{aaguidOf(key5)}}
		f := strength.Facts{RolesRead: rapid.Bool().Draw(t, "roles read"), Strengths: []strength.Strength{
			{ID: "s1", Told: true, Lists: lists}, {ID: "s2", Told: true, Unclear: true}, {ID: "s3", Told: true},
		}}
		for i := range rapid.IntRange(1, 3).Draw(t, "policies") {
			label := fmt.Sprint("p", i)
			f.Policies = append(f.Policies, strength.Policy{
				ID: label, State: rapid.SampledFrom([]string{"enabled", "disabled", "x"}).Draw(t, "state"),
				Strength: strength.Strength{ID: rapid.SampledFrom([]string{"s1", "s1", "s2", "s3"}).Draw(t, "strength")},
				Include:  side(t, label+" include"), Exclude: side(t, label+" exclude"),
			})
		}
		var memberOf []audit.Membership
		for _, id := range []string{"g1", "g2", "g3"} {
			switch outcome := rapid.SampledFrom(outcomes).Draw(t, id); {
			case rapid.IntRange(0, 9).Draw(t, id+" left out") == 0:
			default:
				f.Groups = append(f.Groups, audit.Group{ID: strings.ToUpper(id), Outcome: outcome})
				if outcome == audit.OutcomeRead && rapid.Bool().Draw(t, "in "+id) {
					memberOf = append(memberOf, audit.Membership{GroupID: id, Nested: audit.Unknown})
				}
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "assignments") {
			f.Roles = append(f.Roles, audit.RoleAssignment{
				PrincipalID: rapid.SampledFrom([]string{"u1", "u2", "g1", "g2", "g3"}).Draw(t, "principal"),
				RoleID:      rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "role"),
				Scope:       rapid.SampledFrom([]string{"/", "/", "/administrativeUnits/x"}).Draw(t, "scope"),
			})
			a := &f.Roles[len(f.Roles)-1]
			if a.PrincipalType = "group"; a.PrincipalID[0] == 'u' {
				a.PrincipalType = "user"
			} else if rapid.IntRange(0, 3).Draw(t, "not told") == 0 {
				a.PrincipalType = ""
			}
		}
		u := audit.User{
			ID: "U1", Type: rapid.SampledFrom([]string{"Member", "Member", "Guest", ""}).Draw(t, "type"),
			UPN: rapid.SampledFrom([]string{"a@contoso.com", "a#EXT#@contoso.com"}).Draw(t, "upn"),
		}
		keys := []audit.Passkey{{AAGUID: key5}, {AAGUID: phone}, {}}
		var got []string
		for _, found := range strength.NewEvaluator(f).Findings(nil, &u, memberOf, keys) {
			got = append(got, fmt.Sprintf("%d %s scope %q accepted %q", found.Key, found.Policy.ID, found.Scope, found.Accepted))
			if found.Certain() == audit.Yes {
				certain++
			} else {
				open++
			}
			if (found.Certain() == audit.Yes) != (found.Why == "") {
				t.Fatalf("certain %q, reason %q", found.Certain(), found.Why)
			}
		}
		// The two sides taken together: what is certain holds in every world.
		for _, p := range f.Policies {
			in := everyWorld(worlds(f, u, memberOf), func(w world) bool { return w.on(p.Include, u) && !w.on(p.Exclude, u) })
			if p.Strength.ID == "s3" {
				in = audit.No
			}
			if scope := strength.NewEvaluator(f).Scope(p.ID, &u, memberOf); scope != audit.Unknown && scope != in {
				t.Fatalf("scope %q of %+v, and the worlds say %q\nfacts %+v\nuser %+v in %v", scope, p, in, f, u, memberOf)
			}
		}
		slices.Sort(got)
		if want := naive(f, u, memberOf, keys); !slices.Equal(got, want) {
			t.Fatalf("got  %q\nwant %q\nfacts %+v\nuser %+v in %v", got, want, f, u, memberOf)
		}
	})
	if certain == 0 || open == 0 {
		t.Errorf("%d certain findings and %d others: the cases are one-sided", certain, open)
	}
}

func aaguidOf(text string) audit.AAGUID {
	a, err := audit.ParseAAGUID(text)
	if err != nil {
		return audit.AAGUID{}
	}
	return a
}
