package strength

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// A Policy is a Conditional Access policy that asks for an authentication
// strength.
type Policy struct {
	// ID is in lower case; Name is hostile text.
	ID, Name string
	// State is as sent: "enabled", "disabled" or
	// "enabledForReportingButNotEnforced".
	State string
	// Strength is the strength that it asks for, as it stands in the policy; the
	// listing of strengths goes before it.
	Strength Strength
	// Include and Exclude say for whom the policy is: who is included and not
	// excluded.
	Include, Exclude Users
}

// Users is a side of a policy's condition on users. Ids are in lower case,
// sorted and without duplicates.
type Users struct {
	// All is everybody, guests too. AllGuests are the guests, by a word from before
	// kinds of guests could be chosen.
	All, AllGuests bool
	// Users, Groups and Roles are object ids, and for roles their templates' ids.
	Users, Groups, Roles []string
	// Guests are the kinds of guests and external users, as sent. SomeTenants
	// tells that only those of certain organisations are meant.
	Guests      []string
	SomeTenants bool
}

type policyJSON struct {
	ID         string `json:"id"`
	Name       string `json:"displayName"`
	State      string `json:"state"`
	Conditions *struct {
		Users *usersJSON `json:"users"`
	} `json:"conditions"`
	Grant *struct {
		Operator string        `json:"operator"`
		Controls []string      `json:"builtInControls"`
		Terms    []string      `json:"termsOfUse"`
		Factors  []string      `json:"customAuthenticationFactors"`
		Strength *strengthJSON `json:"authenticationStrength"`
	} `json:"grantControls"`
}

type usersJSON struct {
	IncludeUsers  []string    `json:"includeUsers"`
	IncludeGroups []string    `json:"includeGroups"`
	IncludeRoles  []string    `json:"includeRoles"`
	IncludeGuests *guestsJSON `json:"includeGuestsOrExternalUsers"`
	ExcludeUsers  []string    `json:"excludeUsers"`
	ExcludeGroups []string    `json:"excludeGroups"`
	ExcludeRoles  []string    `json:"excludeRoles"`
	ExcludeGuests *guestsJSON `json:"excludeGuestsOrExternalUsers"`
}

type guestsJSON struct {
	Types   string `json:"guestOrExternalUserTypes"`
	Tenants *struct {
		Kind string `json:"membershipKind"`
	} `json:"externalTenants"`
}

// ParsePolicies reads Conditional Access policies as Graph lists them, one JSON
// object each, and gives those that ask for an authentication strength, in their
// order. A policy that is there twice is given once. An object that cannot be
// read is an error that tells its place, counted from 1.
func ParsePolicies(items [][]byte) ([]Policy, []Note, error) {
	var list []Policy
	var notes []Note
	seen := map[string][]byte{}
	for i, item := range items {
		var raw policyJSON
		if err := decode(item, &raw); err != nil {
			return nil, nil, fmt.Errorf("read Conditional Access policy %d: %w", i+1, err)
		}
		if raw.ID == "" {
			return nil, nil, fmt.Errorf("read Conditional Access policy %d: %w", i+1, errNoID)
		}
		id := strings.ToLower(raw.ID)
		if before, twice := seen[id]; twice {
			if !bytes.Equal(before, item) {
				notes = append(notes, Note{Text: "Conditional Access policy " + quote(raw.Name) + " was listed twice, in different forms: the first one is judged.", Open: true})
			}
			continue
		}
		seen[id] = item
		if raw.Grant == nil || raw.Grant.Strength == nil {
			continue
		}
		p, more := raw.policy()
		list, notes = append(list, p), append(notes, more...)
	}
	return list, notes, nil
}

func (raw *policyJSON) policy() (Policy, []Note) {
	// What it says of a strength is said where the strength is listed; here it
	// only matters where the listing lacks it.
	s, _ := raw.Grant.Strength.strength()
	p := Policy{ID: strings.ToLower(raw.ID), Name: raw.Name, State: raw.State, Strength: s}
	var notes []Note
	say := func(open bool, text string) {
		notes = append(notes, Note{Text: "Conditional Access policy " + quote(p.label()) + text, Open: open})
	}
	if s.ID == "" {
		say(true, " does not say which authentication strength it asks for: it is not judged.")
	}
	if raw.Conditions == nil || raw.Conditions.Users == nil {
		say(true, " does not say for which users it is: it is not judged.")
		return p, notes
	}
	u := raw.Conditions.Users
	p.Include = newUsers(u.IncludeUsers, u.IncludeGroups, u.IncludeRoles, u.IncludeGuests)
	p.Exclude = newUsers(u.ExcludeUsers, u.ExcludeGroups, u.ExcludeRoles, u.ExcludeGuests)
	if others := slices.Concat(raw.Grant.Controls, raw.Grant.Factors, raw.Grant.Terms); len(others) > 0 && !strings.EqualFold(raw.Grant.Operator, "AND") {
		for i := range others {
			others[i] = printable(others[i])
		}
		say(false, " lets people in with something else in place of the authentication strength ("+printable(strings.Join(others, ", "))+"): that is not judged.")
	}
	return p, notes
}

func newUsers(users, groups, roles []string, guests *guestsJSON) Users {
	u := Users{Groups: ids(groups), Roles: ids(roles)}
	for _, id := range ids(users) {
		switch id {
		case "all":
			u.All = true
		case "guestsorexternalusers":
			u.AllGuests = true
		case "none":
		default:
			u.Users = append(u.Users, id)
		}
	}
	if guests == nil {
		return u
	}
	for _, kind := range strings.Split(guests.Types, ",") {
		if kind = strings.TrimSpace(kind); kind != "" && !strings.EqualFold(kind, "none") {
			u.Guests = append(u.Guests, kind)
		}
	}
	// Without a word on organisations all of them are taken to be meant.
	u.SomeTenants = guests.Tenants != nil && !strings.EqualFold(guests.Tenants.Kind, "all")
	return u
}

// ids brings ids to lower case and into order; empty ones are dropped.
func ids(list []string) []string {
	var out []string
	for _, id := range list {
		if id = strings.ToLower(strings.TrimSpace(id)); id != "" {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (p *Policy) label() string {
	if printable(p.Name) == "" {
		return p.ID
	}
	return p.Name
}
