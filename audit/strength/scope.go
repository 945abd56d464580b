package strength

import (
	"maps"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// hold fills in who holds which of the roles that rules name. It gives the
// groups by role of which it is not known who is in them.
func (e *Evaluator) hold(f *Facts, read, gone map[string]bool) map[string][]string {
	if !f.RolesRead {
		return nil
	}
	named := map[string]bool{}
	for _, id := range Roles(f.Strengths, f.Policies) {
		named[id] = true
	}
	// Who is no group: was looked for among the groups in vain, and nothing else
	// takes it for one.
	other := maps.Clone(gone)
	for _, id := range Groups(f.Strengths, f.Policies) {
		delete(other, id)
	}
	for i := range f.Roles {
		if isGroup(&f.Roles[i]) {
			delete(other, strings.ToLower(f.Roles[i].PrincipalID))
		}
	}
	open := map[string][]string{}
	for i := range f.Roles {
		a := &f.Roles[i]
		role, holder := strings.ToLower(a.RoleID), strings.ToLower(a.PrincipalID)
		if !named[role] || !everywhere(a) {
			continue
		}
		e.held[holder] = append(e.held[holder], role)
		if !read[holder] && (isGroup(a) || a.PrincipalType == "" && !other[holder]) {
			open[role] = append(open[role], holder)
		}
	}
	return open
}

// openRoles names what is not known of the holders of the side's roles.
func openRoles(s *side, rolesRead bool, open map[string][]string, label func(string) string) []string {
	if len(s.Roles) == 0 {
		return nil
	}
	if !rolesRead {
		return []string{"who holds roles could not be read"}
	}
	var list []string
	for _, role := range s.Roles {
		for _, id := range open[role] {
			list = append(list, "the members of "+label(id)+", to which a role is assigned, could not be read")
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Findings appends what the strengths do not accept, or may not accept, of a
// user's passkeys, by passkey and then by policy: what is in force first, then
// by the policy's name. MemberOf are the groups that the user is in, directly or
// through nested ones, which Conditional Access does not tell apart; groups that
// no policy names do no harm. Keys are those of which the caller wants to know,
// such as the ones that the methods policy allows.
//
// It allocates nothing but room for findings, and each sentence once.
func (e *Evaluator) Findings(to []Finding, u *audit.User, memberOf []audit.Membership, keys []audit.Passkey) []Finding {
	if len(keys) == 0 || len(e.rules) == 0 {
		return to
	}
	id := strings.ToLower(u.ID)
	type place struct {
		in  audit.Ternary
		why cause
	}
	var buffer [16]place
	places := buffer[:0]
	for i := range e.rules {
		in, why := e.scope(&e.rules[i], u, id, memberOf)
		places = append(places, place{in, why})
	}
	for k := range keys {
		aaguid, err := audit.ParseAAGUID(keys[k].AAGUID)
		for i := range e.rules {
			r, p := &e.rules[i], places[i]
			if p.in == audit.No {
				continue
			}
			accepted, why := audit.Unknown, p.why|noAAGUID
			if err == nil {
				accepted, why = r.strength.Accepts(aaguid), p.why
			}
			switch {
			case accepted == audit.Yes:
				continue
			case accepted == audit.Unknown && err == nil:
				why |= unclearList
			}
			to = append(to, Finding{Key: k, Strength: r.strength, Policy: r.policy, Scope: p.in, Accepted: accepted, Why: r.sentence(why)})
		}
	}
	return to
}

// Scope tells whether a policy is for a user, by the policy's id: No also for a
// policy that asks for no limited strength.
func (e *Evaluator) Scope(policyID string, u *audit.User, memberOf []audit.Membership) audit.Ternary {
	for i := range e.rules {
		if strings.EqualFold(e.rules[i].policy.ID, policyID) {
			in, _ := e.scope(&e.rules[i], u, strings.ToLower(u.ID), memberOf)
			return in
		}
	}
	return audit.No
}

// scope tells whether the rule is for the user, and what leaves it open.
func (e *Evaluator) scope(r *rule, u *audit.User, id string, memberOf []audit.Membership) (audit.Ternary, cause) {
	included, why := e.within(&r.include, u, id, memberOf)
	if included == audit.No {
		return audit.No, 0
	}
	excluded, whyNot := e.within(&r.exclude, u, id, memberOf)
	switch {
	case excluded == audit.Yes:
		return audit.No, 0
	case included == audit.Yes && excluded == audit.No:
		return audit.Yes, 0
	}
	return audit.Unknown, why | whyNot<<toExclude
}

// within tells whether the user is on the side, and if that is not known, why,
// in the causes of the included side.
func (e *Evaluator) within(s *side, u *audit.User, id string, memberOf []audit.Membership) (audit.Ternary, cause) {
	if s.All || s.users[id] {
		return audit.Yes, 0
	}
	if len(s.groups) > 0 {
		for i := range memberOf {
			if s.groups[memberOf[i].GroupID] {
				return audit.Yes, 0
			}
		}
	}
	if len(s.roles) > 0 {
		if s.anyRole(e.held[id]) {
			return audit.Yes, 0
		}
		for i := range memberOf {
			if s.anyRole(e.held[memberOf[i].GroupID]) {
				return audit.Yes, 0
			}
		}
	}
	guest := s.guest(u)
	if guest == audit.Yes {
		return audit.Yes, 0
	}
	var why cause
	if len(s.openGroups) > 0 {
		why |= includeGroups
	}
	if len(s.openRoles) > 0 {
		why |= includeRoles
	}
	if guest == audit.Unknown {
		why |= includeGuests
	}
	if why != 0 {
		return audit.Unknown, why
	}
	return audit.No, 0
}

func (s *side) anyRole(held []string) bool {
	for _, role := range held {
		if s.roles[role] {
			return true
		}
	}
	return false
}

// guest tells whether the user is one of the guests or external users that the
// side names. What a user is to the tenant stands in no property that is read:
// userType tells guests from members, and the mark in the user principal name
// tells who comes from outside, as long as nobody has renamed the account. So a
// kind can be told only where all kinds that the account could be are named, or
// none of them.
func (s *side) guest(u *audit.User) audit.Ternary {
	if !s.AllGuests && len(s.Guests) == 0 {
		return audit.No
	}
	isGuest, isMember := strings.EqualFold(u.Type, "Guest"), strings.EqualFold(u.Type, "Member")
	outside := hasMark(u.UPN)
	if isMember && !outside {
		return audit.No
	}
	if s.AllGuests {
		if isGuest {
			return audit.Yes
		}
		return audit.Unknown
	}
	internal, external, members, others := s.kinds()
	switch {
	case isGuest && internal && external && !s.SomeTenants:
		return audit.Yes
	case !others && (isMember || !internal && !external) && (isGuest || !members):
		return audit.No
	}
	return audit.Unknown
}

// hasMark reports whether a user principal name has the mark of accounts that
// were invited from outside.
func hasMark(upn string) bool {
	const mark = "#ext#"
	for i := 0; i+len(mark) <= len(upn); i++ {
		if upn[i] == '#' && strings.EqualFold(upn[i:i+len(mark)], mark) {
			return true
		}
	}
	return false
}

// kinds sorts the kinds that the side names: guests with an account of the
// tenant's own, invited guests, invited members, and any that a user in the
// directory could be besides. Direct connect users and service providers have
// no account there.
func (s *side) kinds() (internal, external, members, others bool) {
	for _, kind := range s.Guests {
		switch strings.ToLower(kind) {
		case "internalguest":
			internal = true
		case "b2bcollaborationguest":
			external = true
		case "b2bcollaborationmember":
			members = true
		case "b2bdirectconnectuser", "serviceprovider":
		default:
			others = true
		}
	}
	return internal, external, members, others
}
