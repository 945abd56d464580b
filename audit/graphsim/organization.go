package graphsim

// organizationProperties are the properties of the organisation.
func organizationProperties() []property[tenant] {
	text := func(value string) func([]byte, *Server, *tenant) []byte {
		return func(b []byte, _ *Server, _ *tenant) []byte { return appendStringOrNull(b, value) }
	}
	return []property[tenant]{
		{"id", true, func(b []byte, _ *Server, t *tenant) []byte { return append(t.tenantID.append(append(b, '"')), '"') }},
		{"displayName", true, text(tenantName)},
		{"tenantType", true, text("AAD")},
		{"countryLetterCode", true, text("US")},
		{"preferredLanguage", true, text("en")},
		{"createdDateTime", true, func(b []byte, _ *Server, _ *tenant) []byte { return moment{unix: since(2012, 1)}.append(b) }},
		{"onPremisesSyncEnabled", true, text("")},
		{"technicalNotificationMails", true, func(b []byte, _ *Server, _ *tenant) []byte {
			return appendStrings(b, []string{"it@" + domain})
		}},
		{"verifiedDomains", true, func(b []byte, _ *Server, _ *tenant) []byte {
			return append(b, `[{"capabilities":"Email, OfficeCommunicationsOnline","isDefault":false,"isInitial":true,"name":"`+initialDomain+
				`","type":"Managed"},{"capabilities":"Email, OfficeCommunicationsOnline","isDefault":true,"isInitial":false,"name":"`+domain+`","type":"Managed"}]`...)
		}},
	}
}

// organization answers GET /organization.
func (s *Server) organization(q *request, rt *route, p *reply) {
	chosen := choose(organizationProperties(), rt, p, "microsoft.graph.organization")
	if chosen == nil {
		return
	}
	s.writePage(q, rt, p, "organization"+selectContext(rt), -1, 1, func(b []byte, _, _ int) ([]byte, int) {
		return append(writeObject(b, s, chosen, s.tenant, ""), '}'), -1
	})
}
