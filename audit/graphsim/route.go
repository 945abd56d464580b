package graphsim

import "net/http"

// A route is what a request was found to ask for.
type route struct {
	on       On
	endpoint func(*Server, *request, *route, *reply)
	takes    options
	query    query
	page     position
	// user and group are indices; -1 where there is none, or no such one.
	user, group int
	// transitive and cast are for members: nested ones too; users alone.
	transitive, cast bool
	// path is the path behind the version, as it was written.
	path string
	// method is the id of a passkey, or of an authentication strength.
	method string
	// fault is a fault that the endpoint has to carry out.
	fault FaultKind
}

// paged reports whether the answer is a collection in pages.
func (rt *route) paged() bool { return rt.takes&takesToken != 0 }

// route finds out what q asks for. Where that is nothing it writes the error and
// reports false.
func (s *Server) route(q *request, rt *route, p *reply) bool {
	rt.user, rt.group, rt.path = -1, -1, q.path
	if !s.find(q, rt) || rt.on&s.options.NotOffered != 0 {
		p.fail(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '"+q.unknown()+"'.")
		return false
	}
	if q.method != http.MethodGet {
		p.fail(http.StatusMethodNotAllowed, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
		return false
	}
	if bad := q.parseQuery(rt.takes, &rt.query); bad != nil {
		p.fail(http.StatusBadRequest, bad.code, bad.message)
		return false
	}
	if rt.cast && s.options.WithoutCast {
		p.fail(http.StatusBadRequest, "Request_UnsupportedQuery", "The OData cast segment is not supported on this collection.")
		return false
	}
	if rt.cast && (!q.eventual || !rt.query.count) {
		p.fail(http.StatusBadRequest, "Request_UnsupportedQuery", "Request with OData cast needs the header ConsistencyLevel: eventual and $count=true.")
		return false
	}
	if !rt.paged() {
		return true
	}
	return s.openPage(q, rt, p)
}

// unknown names a segment for the error message.
func (q *request) unknown() string {
	return q.segments[min(q.count, len(q.segments))-1]
}

// find chooses the endpoint by the path.
func (s *Server) find(q *request, rt *route) bool {
	switch {
	case q.is(0, "organization"):
		rt.on, rt.endpoint, rt.takes = OnOrganization, (*Server).organization, takesSelect|takesToken
		return q.count == 1
	case q.is(0, "users"):
		return s.findUser(q, rt)
	case q.is(0, "groups"):
		return s.findGroup(q, rt)
	case q.is(0, "policies") && q.is(1, "authenticationStrengthPolicies"):
		return findStrengths(q, rt, 1)
	case q.is(0, "policies"):
		return findPolicy(q, rt, 1)
	case q.is(0, "authenticationMethodsPolicy"):
		return findPolicy(q, rt, 0)
	case q.is(0, "reports") && q.is(1, "authenticationMethods") && q.is(2, "userRegistrationDetails"):
		return s.findReport(q, rt)
	case q.is(0, "identity") && q.is(1, "conditionalAccess") && q.is(2, "authenticationStrength") && q.is(3, "policies"):
		return findStrengths(q, rt, 3)
	case q.is(0, "identity") && q.is(1, "conditionalAccess") && q.is(2, "policies"):
		rt.on, rt.endpoint, rt.takes = OnConditionalAccess, (*Server).access, takesTop|takesToken
		return q.count == 3
	case q.is(0, "roleManagement") && q.is(1, "directory") && q.is(2, "roleAssignments"):
		rt.on, rt.endpoint, rt.takes = OnRoles, (*Server).assignments, takesTop|takesToken|takesExpand
		return q.count == 3
	}
	return false
}

// findStrengths expects the strengths at segment n.
func findStrengths(q *request, rt *route, n int) bool {
	rt.on, rt.endpoint, rt.takes = OnStrengths, (*Server).strengthList, takesToken
	if q.count == n+1 {
		return true
	}
	rt.endpoint, rt.takes, rt.method = (*Server).strength, 0, q.segments[n+1]
	return q.count == n+2
}

func (s *Server) findUser(q *request, rt *route) bool {
	if q.count == 1 {
		rt.on, rt.endpoint, rt.takes = OnUsers, (*Server).users, takesSelect|takesTop|takesFilter|takesCount|takesToken
		return true
	}
	if q.is(1, "$count") && q.count == 2 {
		rt.on, rt.endpoint, rt.takes = OnUsers, (*Server).usersCount, takesFilter
		return true
	}
	if i, ok := s.tenant.find(q.segments[1]); ok {
		rt.user = i
	}
	switch {
	case q.count == 2:
		rt.on, rt.endpoint, rt.takes = OnUser, (*Server).user, takesSelect
		return true
	case !q.is(2, "authentication") || !q.is(3, "fido2Methods"):
		return false
	case q.count == 4:
		rt.on, rt.endpoint, rt.takes = OnMethods, (*Server).methods, takesToken
		return true
	case q.count == 5:
		rt.on, rt.endpoint, rt.method = OnMethods, (*Server).oneMethod, q.segments[4]
		return true
	}
	return false
}

func (s *Server) findGroup(q *request, rt *route) bool {
	if q.count < 2 {
		return false
	}
	if g, ok := s.tenant.findGroup(q.segments[1]); ok {
		rt.group = g
	}
	if q.count == 2 {
		rt.on, rt.endpoint, rt.takes = OnGroup, (*Server).group, takesSelect
		return true
	}
	rt.on, rt.endpoint, rt.takes = OnMembers, (*Server).members, takesSelect|takesTop|takesCount|takesToken
	rt.transitive = q.is(2, "transitiveMembers")
	if !rt.transitive && !q.is(2, "members") {
		return false
	}
	// The documentation writes the namespace whole; Microsoft's SDKs write its
	// alias, and the service takes both.
	rt.cast = q.count == 4 && (q.is(3, "microsoft.graph.user") || q.is(3, "graph.user"))
	return q.count == 3 || rt.cast
}

// findPolicy expects the policy at segment n.
func findPolicy(q *request, rt *route, n int) bool {
	rt.on = OnPolicy
	switch {
	case !q.is(n, "authenticationMethodsPolicy"):
		return false
	case q.count == n+1:
		rt.endpoint = (*Server).methodsPolicy
		return true
	}
	rt.endpoint = (*Server).passkeyPolicy
	return q.count == n+3 && q.is(n+1, "authenticationMethodConfigurations") && q.is(n+2, "fido2")
}

func (s *Server) findReport(q *request, rt *route) bool {
	rt.on = OnReport
	if q.count == 3 {
		rt.endpoint, rt.takes = (*Server).report, takesSelect|takesTop|takesToken|takesRoleFilter
		return true
	}
	rt.endpoint = (*Server).reportOfUser
	if i, ok := s.tenant.find(q.segments[3]); ok {
		rt.user = i
	}
	return q.count == 4
}
