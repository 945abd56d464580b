package graphsim

import "net/http"

// A registration is a user's row in the registration report.
type registration struct {
	account
	updated  moment
	passkeys []string
	mfa      bool
	strong   bool
}

// Days by which the rows of some users lag behind, and the time of day at which
// the report is made.
const (
	day     = 24 * 3600
	lagDays = 2
)

// registered reports whether the report lists user i. It leaves disabled accounts
// out, and the newest ones.
func (t *tenant) registered(i int) bool {
	_, enabled, _ := t.standing(i)
	return enabled && (i <= collector || t.roll(i, aboutReport)>>40%250 != 0)
}

// registration works out the row of user i. A row that lags does not know the
// passkeys of the last days; a few know one that has been deleted since.
func (t *tenant) registration(i int) registration {
	r := registration{account: t.account(i)}
	roll := t.roll(i, aboutReport)
	r.updated = moment{unix: now() - day/2 + int64(roll%600), ticks: 1 + int(roll>>10%9999999)}
	if roll>>34%20 == 0 {
		r.updated.unix -= lagDays * day
	}
	var space [4]passkey
	add := func(method string) {
		for _, m := range r.passkeys {
			if m == method {
				return
			}
		}
		r.passkeys = append(r.passkeys, method)
	}
	for _, k := range t.passkeys(space[:0], i) {
		if k.created.unix > r.updated.unix {
			continue
		}
		add(k.method)
	}
	r.strong = len(r.passkeys) > 0
	if !r.strong && roll>>48%400 == 0 {
		r.strong = true
		add(methodKey)
	}
	if r.strong && roll>>20%40 == 0 {
		// The name from before the split into kinds of passkeys.
		add("fido2SecurityKey")
	}
	r.mfa = r.strong
	if r.person() {
		for n, method := range [...]string{"microsoftAuthenticatorPush", "softwareOneTimePasscode", "mobilePhone", "windowsHelloForBusiness", "email"} {
			if roll>>(22+2*n)%4 == 0 || n == 0 && roll>>22%4 < 3 {
				r.passkeys = append(r.passkeys, method)
				r.mfa = r.mfa || n < 4
				r.strong = r.strong || n == 3
			}
		}
	}
	return r
}

func (r *registration) preferred() string {
	for _, m := range r.passkeys {
		switch m {
		case "microsoftAuthenticatorPush":
			return "push"
		case "softwareOneTimePasscode":
			return "oath"
		case "mobilePhone":
			return "sms"
		}
	}
	return "none"
}

// registrationProperties are the properties of the report, all by default.
func registrationProperties() []property[registration] {
	flag := func(get func(*registration) bool) func([]byte, *Server, *registration) []byte {
		return func(b []byte, _ *Server, r *registration) []byte { return appendBool(b, get(r)) }
	}
	return []property[registration]{
		{"id", true, func(b []byte, s *Server, r *registration) []byte {
			return append(s.tenant.userID(r.index).append(append(b, '"')), '"')
		}},
		{"userPrincipalName", true, func(b []byte, _ *Server, r *registration) []byte {
			return append(r.appendUPN(append(b, '"')), '"')
		}},
		{"userDisplayName", true, func(b []byte, _ *Server, r *registration) []byte {
			var space [96]byte
			return appendString(b, string(r.appendDisplayName(space[:0])))
		}},
		{"userType", true, func(b []byte, _ *Server, r *registration) []byte {
			if r.kind == accountGuest {
				return append(b, `"guest"`...)
			}
			return append(b, `"member"`...)
		}},
		{"isAdmin", true, flag(func(r *registration) bool { return r.admin })},
		{"isSsprRegistered", true, flag(func(r *registration) bool { return false })},
		{"isSsprEnabled", true, flag(func(r *registration) bool { return false })},
		{"isSsprCapable", true, flag(func(r *registration) bool { return false })},
		{"isMfaRegistered", true, flag(func(r *registration) bool { return r.mfa })},
		{"isMfaCapable", true, flag(func(r *registration) bool { return r.mfa })},
		{"isPasswordlessCapable", true, flag(func(r *registration) bool { return r.strong })},
		{"lastUpdatedDateTime", true, func(b []byte, _ *Server, r *registration) []byte { return r.updated.append(b) }},
		{"methodsRegistered", true, func(b []byte, _ *Server, r *registration) []byte { return appendStrings(b, r.passkeys) }},
		{"isSystemPreferredAuthenticationMethodEnabled", true, flag(func(*registration) bool { return true })},
		{"systemPreferredAuthenticationMethods", true, func(b []byte, _ *Server, r *registration) []byte {
			if r.strong {
				return append(b, `["Fido2"]`...)
			}
			return append(b, "[]"...)
		}},
		{"userPreferredMethodForSecondaryAuthentication", true, func(b []byte, _ *Server, r *registration) []byte {
			return appendString(b, r.preferred())
		}},
	}
}

const reportContext = "reports/authenticationMethods/userRegistrationDetails"

// licensed writes the error of a tenant without Entra ID P1.
func (s *Server) licensed(p *reply) bool {
	if s.options.WithoutPremium {
		p.fail(http.StatusForbidden, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "Neither tenant is B2C or tenant doesn't have premium license")
	}
	return !s.options.WithoutPremium
}

// report answers GET /reports/authenticationMethods/userRegistrationDetails.
func (s *Server) report(q *request, rt *route, p *reply) {
	if !s.licensed(p) {
		return
	}
	chosen := choose(s.registrationProperties, rt, p, "microsoft.graph.userRegistrationDetails")
	if chosen == nil {
		return
	}
	s.writePage(q, rt, p, reportContext+selectContext(rt), -1, s.pageSize(rt), func(b []byte, at, limit int) ([]byte, int) {
		for n := 0; at < s.tenant.users; at++ {
			if !s.tenant.registered(at) || rt.query.filter.admin != nil && s.tenant.account(at).admin != *rt.query.filter.admin {
				continue
			}
			if n == limit {
				return b, at
			}
			if n > 0 {
				b = append(b, ',')
			}
			n++
			r := s.tenant.registration(at)
			b = append(writeObject(b, s, chosen, &r, ""), '}')
		}
		return b, -1
	})
}

// reportOfUser answers the same for one user.
func (s *Server) reportOfUser(q *request, rt *route, p *reply) {
	if !s.licensed(p) {
		return
	}
	if rt.user < 0 || !s.tenant.registered(rt.user) {
		p.fail(http.StatusNotFound, "notFound", "User details not found.")
		return
	}
	r := s.tenant.registration(rt.user)
	p.body = append(writeObject(p.body, s, s.registrationProperties, &r, entityLead(q, reportContext)), '}')
}
