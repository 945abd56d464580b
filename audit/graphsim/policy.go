package graphsim

// The profiles of a tenant with passkey profiles. The default profile's id is
// Microsoft's.
const (
	profileDefault = "00000000-0000-0000-0000-000000000001"
	profilePilots  = "e47a833c-5dfa-45f1-9471-bb0cf0eb425b"
)

// defaultPolicy writes the passkey policy of a company that has prepared key
// restrictions and has not switched them on: a list with Microsoft Authenticator
// and the two models of its administrators, a profile for pilots, and
// break-glass accounts left out. It begins behind @odata.context, which depends
// on who asks.
func (s *Server) defaultPolicy(shape Shape) string {
	group := func(g int) string { return s.tenant.groupID(g).String() }
	prepared := appendStrings(nil, []string{authenticatorIOS, authenticatorAndroid, yubiKey5NFC, yubiKey5NFCNewer, yubiKey5NFC})
	restrictions := `"keyRestrictions":{"isEnforced":false,"enforcementType":"allow","aaGuids":` + string(prepared) + `}`

	head := `"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration","id":"Fido2","state":"enabled",` +
		`"isSelfServiceRegistrationAllowed":true,"isAttestationEnforced":false,` + restrictions +
		`,"excludeTargets":[{"id":"` + group(groupEmergency) + `","targetType":"group"}],`
	if shape == ShapeLegacy {
		return head + `"defaultPasskeyProfile":null,"includeTargets":[{"targetType":"group","id":"all_users",` +
			`"isRegistrationRequired":false,"allowedPasskeyProfiles":[]}],"passkeyProfiles":[]}`
	}

	// As seen in real tenants: a device-bound AAGUID in a profile for synced
	// passkeys, upper case, and a list that is not enforced.
	synced := appendStrings(nil, []string{
		"FBFC3007-154E-4ECC-8C0B-6E020557D7BD", iCloudManaged, googlePasswords, onePassword, windowsHelloHardware,
	})
	return head + `"defaultPasskeyProfile":"` + profileDefault + `","includeTargets":[` +
		`{"targetType":"group","id":"all_users","isRegistrationRequired":false,"allowedPasskeyProfiles":["` + profileDefault + `"]},` +
		`{"targetType":"group","id":"` + group(groupPilots) + `","isRegistrationRequired":false,"allowedPasskeyProfiles":["` +
		profileDefault + `","` + profilePilots + `"]}],"passkeyProfiles":[` +
		`{"id":"` + profileDefault + `","name":"Default passkey profile","passkeyTypes":"deviceBound,synced",` +
		`"attestationEnforcement":"disabled",` + restrictions + `},` +
		`{"id":"` + profilePilots + `","name":"Synced passkeys for pilots","passkeyTypes":"synced","attestationEnforcement":"disabled",` +
		`"keyRestrictions":{"isEnforced":false,"enforcementType":"allow","aaGuids":` + string(synced) + `}}]}`
}

// passkeyPolicy answers GET .../authenticationMethodConfigurations/fido2.
func (s *Server) passkeyPolicy(q *request, rt *route, p *reply) {
	if s.options.Policy != nil {
		p.body = append(p.body, s.policy...)
		return
	}
	p.body = append(append(p.body, '{'), entityLead(q, "policies/authenticationMethodsPolicy/authenticationMethodConfigurations")...)
	p.body = append(p.body, s.policy...)
}

// methodsPolicy answers GET /policies/authenticationMethodsPolicy; of its
// configurations it knows the one for passkeys.
func (s *Server) methodsPolicy(q *request, rt *route, p *reply) {
	p.body = append(append(p.body, '{'), entityLead(q, "authenticationMethodsPolicy")...)
	p.body = append(p.body, `"id":"authenticationMethodsPolicy","displayName":"Authentication Methods Policy",`+
		`"description":"The tenant-wide policy that controls which authentication methods are allowed in the tenant, authentication method registration requirements, and self-service password reset settings",`+
		`"lastModifiedDateTime":"2026-10-12T08:15:30.1234567Z","policyVersion":"1.5","policyMigrationState":"migrationComplete",`+
		`"authenticationMethodConfigurations":[`...)
	if s.options.Policy == nil {
		p.body = append(p.body, '{')
	}
	p.body = append(append(p.body, s.policy...), "]}"...)
}
