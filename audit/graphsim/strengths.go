package graphsim

import (
	"net/http"
	"strings"
)

// The ids of authentication strengths. The built-in ones are Microsoft's, and
// none of them limits AAGUIDs.
const (
	strengthMFA           = "00000000-0000-0000-0000-000000000002"
	strengthPasswordless  = "00000000-0000-0000-0000-000000000003"
	strengthPhishing      = "00000000-0000-0000-0000-000000000004"
	strengthHardwareKeys  = "a34a4c89-a5af-4618-8fbf-8c80a1a6e5b1"
	strengthCompany       = "7c0f3a54-5d1c-4d2c-9a0e-3f6d1a0b5c22"
	strengthSMS           = "c2d4b1e7-6a0b-4f6e-8a51-0d7a9b3e4f33"
	strengthsPath         = "policies/authenticationStrengthPolicies"
	configurationHardware = "5b0e0c0e-8f0d-4a8e-9d38-5f1b6f0f7a01"
	configurationCompany  = "5b0e0c0e-8f0d-4a8e-9d38-5f1b6f0f7a02"
)

// A strength is an authentication strength as it stands in the tenant.
type strength struct {
	id, name, description string
	custom                bool
	combinations          []string
	// configuration is the id of a limit on AAGUIDs, empty for none.
	configuration string
	aaguids       []string
}

// strengths are the same in every tenant: Microsoft's three, two of the
// company's that limit AAGUIDs, and one that does not.
func strengths() []strength {
	strong := []string{"windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor"}
	passwordless := append([]string{"deviceBasedPush"}, strong...)
	mfa := append([]string{
		"temporaryAccessPassOneTime", "temporaryAccessPassMultiUse", "password,microsoftAuthenticatorPush", "password,softwareOath",
		"password,hardwareOath", "password,sms", "password,voice", "federatedMultiFactor", "microsoftAuthenticatorPush,federatedSingleFactor",
	}, passwordless...)
	return []strength{
		{id: strengthMFA, name: "Multifactor authentication", description: "Combinations of methods that satisfy strong authentication, such as a password + SMS", combinations: mfa},
		{id: strengthPasswordless, name: "Passwordless MFA", description: "Passwordless methods that satisfy strong authentication, such as Passwordless sign-in with the Microsoft Authenticator", combinations: passwordless},
		{id: strengthPhishing, name: "Phishing-resistant MFA", description: "Phishing-resistant, Passwordless methods for the strongest authentication, such as a FIDO2 security key", combinations: strong},
		{
			id: strengthHardwareKeys, name: "Hardware keys for administrators", custom: true, combinations: []string{"fido2"},
			configuration: configurationHardware, aaguids: []string{yubiKey5NFC, yubiKey5NFCNewer},
		},
		{
			id: strengthCompany, name: "Company passkeys", description: "Models that the company hands out", custom: true, combinations: strong,
			// Upper case, as somebody typed it.
			configuration: configurationCompany, aaguids: []string{authenticatorIOS, authenticatorAndroid, strings.ToUpper(yubiKey5NFC), yubiKey5NFCNewer, authenticatorIOS},
		},
		{id: strengthSMS, name: "Passkey or password and text message", custom: true, combinations: []string{"fido2", "password,sms"}},
	}
}

// append appends the strength's properties and the closing brace.
func (t *strength) append(b []byte, q *request) []byte {
	kind := "builtIn"
	created := "2021-12-01T00:00:00Z"
	if t.custom {
		kind, created = "custom", "2025-05-14T09:31:07.6823418Z"
	}
	b = appendString(append(b, `"id":`...), t.id)
	b = append(append(append(b, `,"createdDateTime":"`...), created...), `","modifiedDateTime":"`...)
	b = append(append(append(b, created...), `","displayName":`...), appendString(nil, t.name)...)
	b = appendString(append(b, `,"description":`...), t.description)
	b = append(append(append(b, `,"policyType":"`...), kind...), `","requirementsSatisfied":"mfa","allowedCombinations":`...)
	b = appendStrings(b, t.combinations)
	b = appendString(append(b, `,"combinationConfigurations@odata.context":`...), q.origin+"/"+q.version+"/$metadata#"+strengthsPath+"('"+t.id+"')/combinationConfigurations")
	b = append(b, `,"combinationConfigurations":[`...)
	if t.configuration != "" {
		b = append(append(append(b, `{"@odata.type":"#microsoft.graph.fido2CombinationConfiguration","id":"`...), t.configuration...), '"')
		b = appendStrings(append(b, `,"appliesToCombinations":["fido2"],"allowedAAGUIDs":`...), t.aaguids)
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

// strengthList answers GET /policies/authenticationStrengthPolicies.
func (s *Server) strengthList(q *request, rt *route, p *reply) {
	all := strengths()
	s.writePage(q, rt, p, strengthsPath, -1, s.pageSize(rt), func(b []byte, at, limit int) ([]byte, int) {
		return writeSome(b, at, limit, len(all), func(b []byte, i int) []byte { return all[i].append(append(b, '{'), q) })
	})
}

// strength answers the same for one strength.
func (s *Server) strength(q *request, rt *route, p *reply) {
	for _, t := range strengths() {
		if strings.EqualFold(t.id, rt.method) {
			p.body = t.append(append(append(p.body, '{'), entityLead(q, strengthsPath)...), q)
			return
		}
	}
	p.fail(http.StatusNotFound, "NotFound", "Could not find authentication strength policy with id '"+rt.method+"'.")
}

// writeSome writes things at to at+limit-1 of so many.
func writeSome(b []byte, at, limit, of int, one func(b []byte, i int) []byte) ([]byte, int) {
	for n := 0; at < of; at++ {
		if n == limit {
			return b, at
		}
		if n > 0 {
			b = append(b, ',')
		}
		n++
		b = one(b, at)
	}
	return b, -1
}
