package graphsim

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// The ids of built-in roles, which are the same in every tenant (Microsoft
// Entra documentation, "Microsoft Entra built-in roles").
const (
	roleGlobalAdmin         = "62e90394-69f5-4237-9190-012177145e10"
	rolePrivilegedRoleAdmin = "e8611ab8-c189-46e8-94e1-60213ab1f814"
	roleSecurityAdmin       = "194ae4cb-b126-40b2-bd5b-6091b380977d"
	roleUserAdmin           = "fe930be7-5e62-47db-91af-98c3a49a38b1"
	roleHelpdeskAdmin       = "729827e3-9c14-49f7-bb1b-9608f156bbb8"
	roleAuthenticationAdmin = "c4e39bd9-1100-46d3-8c65-fb160da0071f"
	roleExchangeAdmin       = "29232cdf-9323-42fd-ade2-1d097af3e4de"
	roleSharePointAdmin     = "f28a1f50-f6e7-4571-818b-6a12f2af6b6c"
	roleGlobalReader        = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
	roleDirectoryReaders    = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"
	roleSynchronization     = "d29b2b05-8046-44ba-8758-1e26182fcf32"
)

// A grant is a role that somebody has been assigned; unit is the number of an
// administrative unit, from 1, or 0 for the whole tenant.
type grant struct {
	role string
	unit int
}

// An assignment is a grant, and who holds it.
type assignment struct {
	grant
	kind  objectKind
	index int
	// slot tells apart what one principal holds.
	slot int
}

// grantsMost is how many roles one user is assigned at most, groups aside.
const grantsMost = 2

// fixedAssignments are those of service principals and groups; the users' follow.
func fixedAssignments() []assignment {
	return []assignment{
		{grant{role: roleDirectoryReaders}, kindPrincipal, 0, 0},
		{grant{role: roleSynchronization}, kindPrincipal, 1, 0},
		{grant{role: roleUserAdmin}, kindPrincipal, 2, 0},
		{grant{role: roleHelpdeskAdmin}, kindGroup, groupOperators, 0},
		{grant{role: roleGlobalReader}, kindGroup, groupOperators, 1},
	}
}

// operator reports whether an administrator has roles through the group of
// operators.
func (t *tenant) operator(i int) bool {
	kind, _, admin := t.standing(i)
	return admin && kind != accountEmergency && (i == sureAdmin || chance(t.roll(i, aboutRoles), 350))
}

// grants appends what user i is assigned directly. Whoever is an administrator
// holds a role in the whole tenant, directly or as an operator, and nobody else
// holds any: so the assignments and the registration report agree.
func (t *tenant) grants(list []grant, i int) []grant {
	kind, _, admin := t.standing(i)
	roll := t.roll(i, aboutRoles)
	switch {
	case !admin:
		return list
	case kind == accountEmergency:
		return append(list, grant{role: roleGlobalAdmin})
	case !t.operator(i):
		usual := [...]string{
			roleUserAdmin, roleExchangeAdmin, roleSharePointAdmin, roleGlobalReader, roleUserAdmin, roleGlobalReader,
			roleSecurityAdmin, roleAuthenticationAdmin, rolePrivilegedRoleAdmin, roleGlobalAdmin,
		}
		list = append(list, grant{role: usual[roll>>20%uint64(len(usual))]})
	case i == sureAdmin:
		// An administrator through a group alone.
		return list
	}
	if roll>>40%4 == 0 {
		list = append(list, grant{role: roleAuthenticationAdmin, unit: 1 + int(roll>>50%5)})
	}
	return list
}

// Roles gives the ids of the roles that user i holds in the whole tenant,
// directly or through a group, each once.
func (s *Server) Roles(i int) []string {
	var list []string
	for _, g := range s.tenant.grants(nil, i) {
		if g.unit == 0 && !slices.Contains(list, g.role) {
			list = append(list, g.role)
		}
	}
	for _, a := range fixedAssignments() {
		if a.kind == kindGroup && a.unit == 0 && s.Member(a.index, i) && !slices.Contains(list, a.role) {
			list = append(list, a.role)
		}
	}
	return list
}

// assignments answers GET /roleManagement/directory/roleAssignments. Positions
// below the number of fixed ones mean those, others the users' slots from there
// on.
func (s *Server) assignments(q *request, rt *route, p *reply) {
	fixed := fixedAssignments()
	context := "roleManagement/directory/roleAssignments"
	if rt.query.expand != expandNone {
		context += "(principal())"
	}
	s.writePage(q, rt, p, context, -1, s.pageSize(rt), func(b []byte, at, limit int) ([]byte, int) {
		var space [grantsMost]grant
		for n := 0; at < len(fixed)+grantsMost*s.tenant.users; at++ {
			var a assignment
			if at < len(fixed) {
				a = fixed[at]
			} else {
				user, slot := (at-len(fixed))/grantsMost, (at-len(fixed))%grantsMost
				held := s.tenant.grants(space[:0], user)
				if slot >= len(held) {
					continue
				}
				a = assignment{held[slot], kindUser, user, slot}
			}
			if n == limit {
				return b, at
			}
			if n > 0 {
				b = append(b, ',')
			}
			n++
			b = s.writeAssignment(b, &a, rt.query.expand)
		}
		return b, -1
	})
}

func (s *Server) writeAssignment(b []byte, a *assignment, e expand) []byte {
	principal := s.tenant.ids.seal(a.kind, a.index)
	// As Graph's: opaque, of letters that base64url has.
	raw := binary.BigEndian.AppendUint64(nil, mix(principal.hi^uint64(a.slot)))
	raw = binary.BigEndian.AppendUint64(raw, mix(principal.lo^uint64(a.slot)))
	raw = binary.BigEndian.AppendUint64(raw, principal.hi)
	raw = binary.BigEndian.AppendUint64(raw, principal.lo)
	b = base64.RawURLEncoding.AppendEncode(append(b, `{"id":"`...), raw)
	b = principal.append(append(b, `-1","principalId":"`...))
	b = s.tenant.tenantID.append(append(b, `","principalOrganizationId":"`...))
	b = append(b, `","directoryScopeId":"/`...)
	if a.unit > 0 {
		b = s.tenant.ids.seal(kindOther, firstUnit+a.unit).append(append(b, "administrativeUnits/"...))
	}
	b = append(append(append(b, `","appScopeId":null,"condition":null,"roleDefinitionId":"`...), a.role...), '"')
	if e != expandNone {
		b = s.writePrincipal(append(b, `,"principal":`...), a, e)
	}
	return append(b, '}')
}

// firstUnit is below the indices of the administrative units among other things.
const firstUnit = 100

// writePrincipal writes the expanded principal, whole or with its id alone.
func (s *Server) writePrincipal(b []byte, a *assignment, e expand) []byte {
	var selected []string
	if e == expandID {
		selected = []string{"id"}
	}
	switch a.kind {
	case kindUser:
		u := s.tenant.account(a.index)
		return append(writeObject(b, s, chosenAmong(s.userProperties, selected), &u, `"@odata.type":"#microsoft.graph.user",`), '}')
	case kindGroup:
		return append(writeObject(b, s, chosenAmong(s.groupProperties, selected), &a.index, `"@odata.type":"#microsoft.graph.group",`), '}')
	}
	return s.writeServicePrincipal(b, a.index)
}

func (s *Server) writeServicePrincipal(b []byte, index int) []byte {
	b = s.tenant.ids.seal(kindPrincipal, index).append(append(b, `{"@odata.type":"#microsoft.graph.servicePrincipal","id":"`...))
	return append(b, `"}`...)
}
