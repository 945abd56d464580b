package strength

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"

	"passkey-audit/audit"
)

// Facts are what an Evaluator judges by.
type Facts struct {
	Strengths []Strength
	Policies  []Policy
	// Groups tells what became of reading each group that Groups and RoleGroups
	// name: of one that is missing here, or whose Outcome is not OutcomeRead, it is
	// not known who is in it.
	Groups []audit.Group
	// Roles are the active assignments of roles. They mean something only with
	// RolesRead, which says that all of them were read.
	Roles     []audit.RoleAssignment
	RolesRead bool
}

// A Finding is a passkey that a policy's strength does not accept, or may not,
// of a user for whom the policy is, or may be.
type Finding struct {
	// Key is the passkey's place among those that were asked about.
	Key      int
	Strength *Strength
	Policy   *Policy
	// Scope is Yes where the policy is for the user, and Unknown where that cannot
	// be told. Accepted is No where the strength does not accept the passkey, and
	// Unknown where that cannot be told. They have no other values.
	Scope, Accepted audit.Ternary
	// Why says in sentences what is not known; empty where both are.
	Why string
}

// Certain is Yes where nothing about the finding is left open but what Certainty
// says of all of them, and else Unknown.
func (f *Finding) Certain() audit.Ternary {
	if f.Scope == audit.Yes && f.Accepted == audit.No {
		return audit.Yes
	}
	return audit.Unknown
}

// A cause is a thing that is not known; causes are joined with |.
type cause uint8

const (
	includeGroups cause = 1 << iota
	includeRoles
	includeGuests
	excludeGroups
	excludeRoles
	excludeGuests
	noAAGUID
	unclearList

	causes = 8
	// toExclude brings the causes of an included side to the excluded one.
	toExclude = 3
)

// An Evaluator finds passkeys that strengths do not accept. It does not change
// after NewEvaluator but for sentences that it keeps, and is safe for concurrent
// use.
type Evaluator struct {
	rules []rule
	// held are the roles that somebody holds in the whole tenant, by the lower-case
	// id of the user or group; roles that no rule names are left out.
	held  map[string][]string
	notes []Note
}

// A rule is a policy whose strength limits passkeys.
type rule struct {
	policy           *Policy
	strength         *Strength
	include, exclude side
	why              [1 << causes]atomic.Pointer[string]
}

// A side is Users made for quick look-ups.
type side struct {
	*Users
	users, groups, roles map[string]bool
	// openGroups and openRoles name what of it could not be read.
	openGroups, openRoles []string
}

// NewEvaluator prepares what is known. The strengths and policies that findings
// point at are copies, but share the lists in f, which must not change.
func NewEvaluator(f Facts) *Evaluator {
	pairs, notes := match(f.Strengths, f.Policies)
	e := &Evaluator{rules: make([]rule, len(pairs)), notes: notes, held: map[string][]string{}}
	read, labels := map[string]bool{}, map[string]string{}
	gone := map[string]bool{}
	for _, g := range f.Groups {
		id := strings.ToLower(g.ID)
		read[id] = g.Outcome == audit.OutcomeRead
		gone[id] = g.Outcome == audit.OutcomeGone
		if printable(g.Name) != "" {
			labels[id] = quote(g.Name)
		}
	}
	label := func(id string) string { return cmp.Or(labels[id], printable(id)) }
	open := e.hold(&f, read, gone)
	for i, p := range pairs {
		r := &e.rules[i]
		r.policy, r.strength = p.policy, p.strength
		r.include, r.exclude = newSide(&p.policy.Include), newSide(&p.policy.Exclude)
		for _, s := range []*side{&r.include, &r.exclude} {
			for _, id := range s.Groups {
				if !read[id] {
					s.openGroups = append(s.openGroups, label(id))
				}
			}
			s.openRoles = openRoles(s, f.RolesRead, open, label)
		}
		e.noteOpen(r)
	}
	return e
}

// A pair is a policy and the limited strength that it asks for.
type pair struct {
	policy   *Policy
	strength *Strength
}

// match finds the strengths of policies and gives the pairs in the order of
// reports: what is in force first, then by name. Where the listing lacks a
// strength, what stands in the policy counts.
func match(strengths []Strength, policies []Policy) ([]pair, []Note) {
	listed := map[string]*Strength{}
	for _, s := range strengths {
		listed[s.ID] = &s
	}
	var pairs []pair
	var notes []Note
	for _, p := range policies {
		s := listed[p.Strength.ID]
		if s == nil {
			s = &p.Strength
			// Without the listing an empty place in the policy proves nothing of a
			// strength that could be limited.
			if s.ID != "" && (!s.Told || s.Custom && !s.Limited()) {
				notes = append(notes, Note{Open: true, Text: "Conditional Access policy " + quote(p.label()) + " asks for the authentication strength " +
					quote(s.label()) + ", and what that accepts was not told: it is not judged."})
			}
		}
		if s.Limited() {
			pairs = append(pairs, pair{&p, s})
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(rank(a.policy.State), rank(b.policy.State)), cmp.Compare(a.policy.Name, b.policy.Name), cmp.Compare(a.policy.ID, b.policy.ID))
	})
	return pairs, notes
}

// rank orders states by what they mean to people who sign in today.
func rank(state string) int {
	switch state {
	case "enabled":
		return 0
	case "enabledForReportingButNotEnforced":
		return 1
	case "disabled":
		return 2
	}
	return 3
}

func newSide(u *Users) side {
	set := func(list []string) map[string]bool {
		if len(list) == 0 {
			return nil
		}
		m := make(map[string]bool, len(list))
		for _, id := range list {
			m[id] = true
		}
		return m
	}
	return side{Users: u, users: set(u.Users), groups: set(u.Groups), roles: set(u.Roles)}
}

// Groups gives the ids of the groups that the policies with limited strengths
// name, in lower case and in order: those of which it matters who is in them.
func Groups(strengths []Strength, policies []Policy) []string {
	var list []string
	pairs, _ := match(strengths, policies)
	for _, p := range pairs {
		list = append(append(list, p.policy.Include.Groups...), p.policy.Exclude.Groups...)
	}
	return ids(list)
}

// Roles gives the ids of the roles that the policies with limited strengths
// name, in lower case and in order. Without any, nobody needs to know who holds
// roles.
func Roles(strengths []Strength, policies []Policy) []string {
	var list []string
	pairs, _ := match(strengths, policies)
	for _, p := range pairs {
		list = append(append(list, p.policy.Include.Roles...), p.policy.Exclude.Roles...)
	}
	return ids(list)
}

// RoleGroups gives the ids of the groups that hold one of the roles in the whole
// tenant, in lower case and in order. Principals of which it was not told what
// they are are among them: reading such a one tells.
func RoleGroups(roles []string, assignments []audit.RoleAssignment) []string {
	var list []string
	for _, a := range assignments {
		if everywhere(&a) && (a.PrincipalType == "" || isGroup(&a)) && contains(roles, a.RoleID) {
			list = append(list, a.PrincipalID)
		}
	}
	return ids(list)
}

func isGroup(a *audit.RoleAssignment) bool { return strings.EqualFold(a.PrincipalType, "group") }

// everywhere reports whether an assignment is for the whole tenant. Conditional
// Access does not look at roles in an administrative unit, or over one object
// (Microsoft Entra documentation, "Conditional Access: Users, groups, agents, and
// workload identities").
func everywhere(a *audit.RoleAssignment) bool { return a.Scope == "/" || a.Scope == "" }
