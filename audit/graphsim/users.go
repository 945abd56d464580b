package graphsim

import (
	"net/http"
	"strings"
)

const userTypeName = "microsoft.graph.user"

// userProperties are the properties of users that can be asked for. Those by
// default are Graph's own default set.
func userProperties() []property[account] {
	null := func(b []byte, _ *Server, _ *account) []byte { return append(b, "null"...) }
	return []property[account]{
		{"businessPhones", true, func(b []byte, _ *Server, _ *account) []byte { return append(b, "[]"...) }},
		{"displayName", true, func(b []byte, _ *Server, a *account) []byte {
			var space [96]byte
			return appendString(b, string(a.appendDisplayName(space[:0])))
		}},
		{"givenName", true, func(b []byte, _ *Server, a *account) []byte {
			if !a.person() {
				return append(b, "null"...)
			}
			return appendString(b, a.given.shown)
		}},
		{"jobTitle", true, func(b []byte, s *Server, a *account) []byte {
			return appendStringOrNull(b, s.tenant.jobTitle(a))
		}},
		{"mail", true, func(b []byte, _ *Server, a *account) []byte { return a.appendMail(b) }},
		{"mobilePhone", true, null},
		{"officeLocation", true, null},
		{"preferredLanguage", true, func(b []byte, _ *Server, a *account) []byte {
			if !a.person() {
				return append(b, "null"...)
			}
			return appendString(b, a.culture.language)
		}},
		{"surname", true, func(b []byte, _ *Server, a *account) []byte {
			if !a.person() {
				return append(b, "null"...)
			}
			return appendString(b, a.family.shown)
		}},
		{"userPrincipalName", true, func(b []byte, _ *Server, a *account) []byte {
			return append(a.appendUPN(append(b, '"')), '"')
		}},
		{"id", true, func(b []byte, s *Server, a *account) []byte {
			return append(s.tenant.userID(a.index).append(append(b, '"')), '"')
		}},
		{"accountEnabled", false, func(b []byte, _ *Server, a *account) []byte { return appendBool(b, a.enabled) }},
		{"userType", false, func(b []byte, _ *Server, a *account) []byte { return appendString(b, a.userType()) }},
		{"createdDateTime", false, func(b []byte, s *Server, a *account) []byte { return s.tenant.created(a.index).append(b) }},
		{"creationType", false, func(b []byte, _ *Server, a *account) []byte {
			if a.kind == accountGuest {
				return append(b, `"Invitation"`...)
			}
			return append(b, "null"...)
		}},
		{"externalUserState", false, func(b []byte, _ *Server, a *account) []byte {
			if a.kind == accountGuest {
				return append(b, `"Accepted"`...)
			}
			return append(b, "null"...)
		}},
		{"department", false, func(b []byte, s *Server, a *account) []byte {
			return appendStringOrNull(b, s.tenant.department(a))
		}},
		{"companyName", false, null},
		{"employeeId", false, null},
		{"onPremisesSyncEnabled", false, null},
		{"usageLocation", false, null},
	}
}

var jobTitles = [...]string{"Accountant", "Analyst", "Buyer", "Consultant", "Designer", "Engineer", "Field technician", "Nurse", "Planner", "Sales manager", "Support specialist", "Team lead"}

var departments = [...]string{"Finance", "Human resources", "IT", "Logistics", "Marketing", "Production", "Research", "Sales"}

func (t *tenant) jobTitle(a *account) string {
	if a.kind != accountMember {
		return ""
	}
	return jobTitles[t.roll(a.index, aboutJob)%uint64(len(jobTitles))]
}

func (t *tenant) department(a *account) string {
	switch {
	case a.kind == accountGuest || a.kind == accountService:
		return ""
	case a.admin:
		return "IT"
	}
	return departments[t.roll(a.index, aboutJob)>>20%uint64(len(departments))]
}

// users answers GET /users.
func (s *Server) users(q *request, rt *route, p *reply) {
	chosen := choose(s.userProperties, rt, p, userTypeName)
	if chosen == nil {
		return
	}
	count := -1
	if rt.query.count && q.eventual {
		count = s.countUsers(rt.query.filter)
	}
	s.writePage(q, rt, p, "users"+selectContext(rt), count, s.pageSize(rt), func(b []byte, at, limit int) ([]byte, int) {
		for n := 0; at < s.tenant.users; at++ {
			if !rt.query.filter.fits(s.tenant, at) {
				continue
			}
			if n == limit {
				return b, at
			}
			if n > 0 {
				b = append(b, ',')
			}
			n++
			a := s.tenant.account(at)
			b = append(writeObject(b, s, chosen, &a, ""), '}')
		}
		return b, -1
	})
}

func (s *Server) countUsers(f filter) int {
	if f == (filter{}) {
		return s.tenant.users
	}
	n := 0
	for i := range s.tenant.users {
		if f.fits(s.tenant, i) {
			n++
		}
	}
	return n
}

// usersCount answers GET /users/$count, which is text and wants to be asked for
// text.
func (s *Server) usersCount(q *request, rt *route, p *reply) {
	switch {
	case !q.eventual:
		p.fail(http.StatusBadRequest, "Request_UnsupportedQuery", "$count is not currently supported without the header ConsistencyLevel: eventual.")
	case strings.Contains(q.accept, "json"):
		p.fail(http.StatusUnsupportedMediaType, "Request_BadRequest", "The requested media type is not supported.")
	default:
		p.contentType = typeText
		p.body = appendInt(p.body[:0], s.countUsers(rt.query.filter))
	}
}

// user answers GET /users/{id}.
func (s *Server) user(q *request, rt *route, p *reply) {
	if rt.user < 0 {
		p.fail(http.StatusNotFound, "Request_ResourceNotFound", "Resource '"+q.segments[1]+"' does not exist or one of its queried reference-property objects are not present.")
		return
	}
	chosen := choose(s.userProperties, rt, p, userTypeName)
	if chosen == nil {
		return
	}
	a := s.tenant.account(rt.user)
	p.body = append(writeObject(p.body, s, chosen, &a, entityLead(q, "users"+selectContext(rt))), '}')
}
