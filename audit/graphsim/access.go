package graphsim

import "net/http"

const accessPath = "identity/conditionalAccess/policies"

// An accessPolicy is a Conditional Access policy as it stands in the tenant.
type accessPolicy struct {
	id, name, state string
	// users are the properties of its condition on users that are not empty.
	includeUsers, includeGroups, includeRoles []string
	excludeUsers, excludeGroups, excludeRoles []string
	includeGuests, excludeGuests              string
	// strength is the id of the authentication strength that it asks for, empty
	// for none; controls are what else it asks for.
	strength string
	controls []string
}

// The states of Conditional Access policies.
const (
	stateOn     = "enabled"
	stateOff    = "disabled"
	stateReport = "enabledForReportingButNotEnforced"
)

// guestTypes are all kinds of guests and external users.
const guestTypes = "internalGuest,b2bCollaborationGuest,b2bCollaborationMember,b2bDirectConnectUser,otherExternalUser,serviceProvider"

// accessPolicies are a company's that is on its way to passkeys: what it asks of
// administrators is in force, what it will ask of the pilots is tried out, and
// what it will ask of everybody is prepared.
func (s *Server) accessPolicies() []accessPolicy {
	group := func(g int) string { return s.tenant.groupID(g).String() }
	everybody, emergency := []string{"All"}, []string{group(groupEmergency)}
	pilot := []string{}
	if s.tenant.users > surePilot {
		pilot = []string{s.tenant.userID(surePilot).String()}
	}
	return []accessPolicy{
		{
			id: "10d1b4f6-2f6b-4c52-9b0c-8c41c9a40001", name: "CA001: Administrators sign in with hardware keys", state: stateOn,
			includeRoles:  []string{roleGlobalAdmin, rolePrivilegedRoleAdmin, roleSecurityAdmin, roleAuthenticationAdmin, roleHelpdeskAdmin},
			excludeGroups: emergency, strength: strengthHardwareKeys,
		},
		{
			id: "10d1b4f6-2f6b-4c52-9b0c-8c41c9a40002", name: "CA002: Pilots sign in with company passkeys", state: stateReport,
			includeGroups: []string{group(groupPilots)}, excludeUsers: pilot, excludeGroups: emergency, strength: strengthCompany,
		},
		{
			id: "10d1b4f6-2f6b-4c52-9b0c-8c41c9a40003", name: "CA003: Everybody signs in with company passkeys", state: stateOff,
			includeUsers: everybody, excludeGroups: emergency, excludeRoles: []string{roleSynchronization}, excludeGuests: guestTypes, strength: strengthCompany,
		},
		{
			id: "10d1b4f6-2f6b-4c52-9b0c-8c41c9a40004", name: "CA004: Tier 0 uses phishing-resistant methods", state: stateOn,
			includeGroups: []string{group(groupAdmins)}, excludeGroups: emergency, strength: strengthPhishing,
		},
		{
			id: "10d1b4f6-2f6b-4c52-9b0c-8c41c9a40005", name: "CA005: Guests use multifactor authentication", state: stateOn,
			includeGuests: guestTypes, strength: strengthMFA,
		},
		{
			id: "10d1b4f6-2f6b-4c52-9b0c-8c41c9a40006", name: "CA006: Works council uses multifactor authentication", state: stateOn,
			includeGroups: []string{group(groupHidden)}, controls: []string{"mfa"},
		},
		{
			id: "10d1b4f6-2f6b-4c52-9b0c-8c41c9a40007", name: "CA007: Block legacy authentication", state: stateOn,
			includeUsers: everybody, excludeGroups: emergency, controls: []string{"block"},
		},
	}
}

// append appends the policy's properties and the closing brace.
func (a *accessPolicy) append(b []byte, q *request) []byte {
	b = appendString(append(b, `"id":`...), a.id)
	b = appendString(append(b, `,"templateId":null,"displayName":`...), a.name)
	b = append(b, `,"createdDateTime":"2025-06-02T07:14:55.2291234Z","modifiedDateTime":null,"state":"`...)
	b = append(append(b, a.state...), `","sessionControls":null,"conditions":{"userRiskLevels":[],"signInRiskLevels":[],"clientAppTypes":["all"],`+
		`"servicePrincipalRiskLevels":[],"insiderRiskLevels":null,"platforms":null,"locations":null,"devices":null,"clientApplications":null,`+
		`"authenticationFlows":null,"applications":{"includeApplications":["All"],"excludeApplications":[],"includeUserActions":[],`+
		`"includeAuthenticationContextClassReferences":[],"applicationFilter":null},"users":{"includeUsers":`...)
	include := a.includeUsers
	if include == nil && a.includeGroups == nil && a.includeRoles == nil && a.includeGuests == "" {
		include = []string{"None"}
	}
	b = appendStrings(b, include)
	b = appendStrings(append(b, `,"excludeUsers":`...), a.excludeUsers)
	b = appendStrings(append(b, `,"includeGroups":`...), a.includeGroups)
	b = appendStrings(append(b, `,"excludeGroups":`...), a.excludeGroups)
	b = appendStrings(append(b, `,"includeRoles":`...), a.includeRoles)
	b = appendStrings(append(b, `,"excludeRoles":`...), a.excludeRoles)
	b = appendGuests(append(b, `,"includeGuestsOrExternalUsers":`...), a.includeGuests)
	b = appendGuests(append(b, `,"excludeGuestsOrExternalUsers":`...), a.excludeGuests)
	b = appendStrings(append(b, `}},"grantControls":{"operator":"OR","builtInControls":`...), a.controls)
	b = append(b, `,"customAuthenticationFactors":[],"termsOfUse":[],"authenticationStrength@odata.context":`...)
	b = appendString(b, q.origin+"/"+q.version+"/$metadata#"+accessPath+"('"+a.id+"')/grantControls/authenticationStrength/$entity")
	b = append(b, `,"authenticationStrength":`...)
	for _, t := range strengths() {
		if t.id == a.strength {
			return append(t.append(append(b, '{'), q), "}}"...)
		}
	}
	return append(b, "null}}"...)
}

func appendGuests(b []byte, types string) []byte {
	if types == "" {
		return append(b, "null"...)
	}
	b = appendString(append(b, `{"guestOrExternalUserTypes":`...), types)
	return append(b, `,"externalTenants":{"@odata.type":"#microsoft.graph.conditionalAccessAllExternalTenants","membershipKind":"all"}}`...)
}

// access answers GET /identity/conditionalAccess/policies. What Graph tells a
// tenant without the licence is not documented; the words here are in its manner.
func (s *Server) access(q *request, rt *route, p *reply) {
	if s.options.WithoutPremium {
		p.fail(http.StatusForbidden, "AccessDenied", "Your tenant is not licensed for this feature: Conditional Access needs a premium license.")
		return
	}
	all := s.accessPolicies()
	s.writePage(q, rt, p, accessPath, -1, s.pageSize(rt), func(b []byte, at, limit int) ([]byte, int) {
		return writeSome(b, at, limit, len(all), func(b []byte, i int) []byte { return all[i].append(append(b, '{'), q) })
	})
}
