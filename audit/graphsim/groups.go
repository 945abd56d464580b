package graphsim

import (
	"net/http"
	"slices"
)

// The groups of the tenant.
const (
	groupPilots = iota
	groupPilotsNested
	groupEmergency
	groupEmergencyNested
	groupHidden
	groupAdmins
	groupEverybody
	groupOperators
	groupsTotal
)

// A group is one of the tenant's groups. Who is in it is told by
// tenant.isMember.
type group struct {
	name, description, visibility, rule string
	// groups are the groups in it, devices and principals the indices of the
	// devices and service principals in it.
	groups, devices, principals []int
	roles                       bool
}

func groups() [groupsTotal]group {
	return [groupsTotal]group{
		groupPilots: {
			name: "Passkey pilots", description: "People who try passkeys first",
			groups: []int{groupPilotsNested}, devices: []int{0, 1}, principals: []int{2},
		},
		groupPilotsNested:    {name: "Passkey pilots - IT operations", description: "Service desk and operations"},
		groupEmergency:       {name: "Break-glass accounts", description: "Emergency access; no passkeys by policy", groups: []int{groupEmergencyNested}},
		groupEmergencyNested: {name: "Break-glass accounts - second site"},
		groupHidden:          {name: "Works council", visibility: "HiddenMembership"},
		groupAdmins:          {name: "Tier 0 administrators", description: "Holders of privileged roles", roles: true},
		groupEverybody:       {name: "All enabled accounts", rule: "(user.accountEnabled -eq true)"},
		// Entra nests no groups in one that can be assigned roles.
		groupOperators: {name: "Tier 1 operators", description: "Service desk and read-only roles", roles: true},
	}
}

// isMember reports whether user i is in the group itself, not in a nested one.
func (t *tenant) isMember(g, i int) bool {
	switch g {
	case groupPilots:
		return i == surePilot || chance(t.roll(i, aboutGroup), 20)
	case groupPilotsNested:
		return i == surePilotNested || chance(t.roll(i, aboutGroup)>>20, 8)
	case groupEmergency:
		return i == emergencyFirst
	case groupEmergencyNested:
		return i == emergencySecond
	case groupHidden:
		return i == surePilot || chance(t.roll(i, aboutGroup)>>40, 10)
	case groupAdmins:
		_, _, admin := t.standing(i)
		return admin
	case groupEverybody:
		_, enabled, _ := t.standing(i)
		return enabled
	case groupOperators:
		return t.operator(i)
	}
	return false
}

// closure gives the group and all groups nested in it.
func (s *Server) closure(g int) []int {
	all := []int{g}
	for n := 0; n < len(all); n++ {
		for _, inner := range s.groups[all[n]].groups {
			if !slices.Contains(all, inner) {
				all = append(all, inner)
			}
		}
	}
	return all
}

func (t *tenant) groupID(g int) guid { return t.ids.seal(kindGroup, g) }

func (t *tenant) findGroup(key string) (int, bool) {
	id, ok := parseGUID(key)
	if !ok {
		return 0, false
	}
	kind, g, ok := t.ids.open(id)
	return g, ok && kind == kindGroup && g < groupsTotal
}

// A Group is one of the tenant's groups as a perfect reader would know it.
type Group struct {
	ID, Name string
	// Hidden groups do not tell their members.
	Hidden bool
}

// Groups gives the groups; the index is the one that Member and a Rule take.
func (s *Server) Groups() []Group {
	list := make([]Group, 0, groupsTotal)
	for g := range s.groups {
		list = append(list, Group{
			ID: s.tenant.groupID(g).String(), Name: s.groups[g].name, Hidden: s.groups[g].visibility == "HiddenMembership",
		})
	}
	return list
}

// Member reports whether user i is in group g, directly or through nested groups.
func (s *Server) Member(g, i int) bool {
	for _, inner := range s.closure(g) {
		if s.tenant.isMember(inner, i) {
			return true
		}
	}
	return false
}

// groupProperties are the properties of groups that can be asked for.
func groupProperties() []property[int] {
	of := func(b []byte, s *Server, g *int) *group { return &s.groups[*g] }
	no := func(b []byte, _ *Server, _ *int) []byte { return append(b, "false"...) }
	none := func(b []byte, _ *Server, _ *int) []byte { return append(b, "null"...) }
	return []property[int]{
		{"id", true, func(b []byte, s *Server, g *int) []byte {
			return append(s.tenant.groupID(*g).append(append(b, '"')), '"')
		}},
		{"displayName", true, func(b []byte, s *Server, g *int) []byte { return appendString(b, of(b, s, g).name) }},
		{"description", true, func(b []byte, s *Server, g *int) []byte { return appendStringOrNull(b, of(b, s, g).description) }},
		{"createdDateTime", true, func(b []byte, _ *Server, g *int) []byte {
			return moment{unix: since(2024, 1) + int64(*g)*86461}.append(b)
		}},
		{"groupTypes", true, func(b []byte, s *Server, g *int) []byte {
			if of(b, s, g).rule != "" {
				return append(b, `["DynamicMembership"]`...)
			}
			return append(b, "[]"...)
		}},
		{"membershipRule", true, func(b []byte, s *Server, g *int) []byte { return appendStringOrNull(b, of(b, s, g).rule) }},
		{"isAssignableToRole", true, func(b []byte, s *Server, g *int) []byte { return appendBool(b, of(b, s, g).roles) }},
		{"mail", true, none},
		{"mailEnabled", true, no},
		{"mailNickname", true, func(b []byte, _ *Server, g *int) []byte {
			return append(appendInt(append(b, `"group`...), *g), '"')
		}},
		{"securityEnabled", true, func(b []byte, _ *Server, _ *int) []byte { return append(b, "true"...) }},
		{"visibility", true, func(b []byte, s *Server, g *int) []byte { return appendStringOrNull(b, of(b, s, g).visibility) }},
		{"onPremisesSyncEnabled", true, none},
	}
}

func (p *reply) noGroup(q *request) {
	p.fail(http.StatusNotFound, "Request_ResourceNotFound", "Resource '"+q.segments[1]+"' does not exist or one of its queried reference-property objects are not present.")
}

// group answers GET /groups/{id}.
func (s *Server) group(q *request, rt *route, p *reply) {
	if rt.group < 0 {
		p.noGroup(q)
		return
	}
	chosen := choose(s.groupProperties, rt, p, "microsoft.graph.group")
	if chosen == nil {
		return
	}
	p.body = append(writeObject(p.body, s, chosen, &rt.group, entityLead(q, "groups"+selectContext(rt))), '}')
}

// members answers GET /groups/{id}/members and /transitiveMembers. Without the
// cast the list begins with what is no user: groups, then devices, then service
// principals; positions below their number mean them, others the users from
// there on.
func (s *Server) members(q *request, rt *route, p *reply) {
	if rt.group < 0 {
		p.noGroup(q)
		return
	}
	if s.groups[rt.group].visibility == "HiddenMembership" && (s.options.Granted == nil || !s.holds(hiddenMembers)) {
		p.fail(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
		return
	}
	m := s.memberList(rt, p)
	if m == nil {
		return
	}
	count := -1
	if rt.query.count && q.eventual {
		count = m.count()
	}
	context := "directoryObjects"
	if rt.cast {
		context = "users"
	}
	s.writePage(q, rt, p, context+selectContext(rt), count, s.pageSize(rt), m.write)
}

// A memberList lists the members of a group.
type memberList struct {
	s      *Server
	within []int
	// groups, devices and principals are what is no user.
	groups, devices, principals []int
	cast                        bool
	user                        []property[account]
	group                       []property[int]
}

// others counts what is no user.
func (m *memberList) others() int { return len(m.groups) + len(m.devices) + len(m.principals) }

// memberList gives nil where it has written an error.
func (s *Server) memberList(rt *route, p *reply) *memberList {
	m := &memberList{s: s, within: []int{rt.group}, cast: rt.cast}
	if rt.transitive {
		m.within = s.closure(rt.group)
	}
	m.user = choose(s.userProperties, rt, p, userTypeName)
	if m.user == nil || rt.cast {
		if m.user == nil {
			return nil
		}
		return m
	}
	m.group = chosenAmong(s.groupProperties, rt.query.selected)
	for _, g := range m.within {
		for _, inner := range s.groups[g].groups {
			if !slices.Contains(m.groups, inner) {
				m.groups = append(m.groups, inner)
			}
		}
		m.devices = append(m.devices, s.groups[g].devices...)
		m.principals = append(m.principals, s.groups[g].principals...)
	}
	return m
}

func (m *memberList) has(i int) bool {
	for _, g := range m.within {
		if m.s.tenant.isMember(g, i) {
			return true
		}
	}
	return false
}

func (m *memberList) count() int {
	n := m.others()
	for i := range m.s.tenant.users {
		if m.has(i) {
			n++
		}
	}
	return n
}

func (m *memberList) write(b []byte, at, limit int) ([]byte, int) {
	others, n := m.others(), 0
	for ; at < others+m.s.tenant.users; at++ {
		if at >= others && !m.has(at-others) {
			continue
		}
		if n == limit {
			return b, at
		}
		if n > 0 {
			b = append(b, ',')
		}
		n++
		b = m.writeOne(b, at)
	}
	return b, -1
}

func (m *memberList) writeOne(b []byte, at int) []byte {
	others, devices := m.others(), len(m.groups)+len(m.devices)
	switch {
	case at < len(m.groups):
		return append(writeObject(b, m.s, m.group, &m.groups[at], `"@odata.type":"#microsoft.graph.group",`), '}')
	case at < devices:
		device := m.s.tenant.ids.seal(kindDevice, m.devices[at-len(m.groups)])
		b = device.append(append(b, `{"@odata.type":"#microsoft.graph.device","id":"`...))
		return append(b, `"}`...)
	case at < others:
		return m.s.writeServicePrincipal(b, m.principals[at-devices])
	}
	a := m.s.tenant.account(at - others)
	lead := `"@odata.type":"#microsoft.graph.user",`
	if m.cast {
		lead = ""
	}
	return append(writeObject(b, m.s, m.user, &a, lead), '}')
}
