package main

// benchGroup is the group that benchProfiles names.
const benchGroup = "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02"

// Policies of both shapes, in which no list is enforced.
const benchLegacy = `{"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration","id":"Fido2","state":"enabled","isAttestationEnforced":false,
	"keyRestrictions":{"isEnforced":false,"enforcementType":"allow","aaGuids":[]},
	"includeTargets":[{"targetType":"group","id":"all_users"}],"excludeTargets":[]}`

const benchProfiles = `{"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration","id":"Fido2","state":"enabled","defaultPasskeyProfile":"00000000-0000-0000-0000-000000000001",
	"excludeTargets":[],"includeTargets":[
		{"targetType":"group","id":"all_users","allowedPasskeyProfiles":["00000000-0000-0000-0000-000000000001"]},
		{"targetType":"group","id":"` + benchGroup + `","allowedPasskeyProfiles":["00000000-0000-0000-0000-000000000001","e1c9b8a7-3a51-4f57-9a0e-6f1a55e0c003"]}],
	"passkeyProfiles":[
		{"id":"00000000-0000-0000-0000-000000000001","name":"Default passkey profile","passkeyTypes":"deviceBound,synced","attestationEnforcement":"disabled","keyRestrictions":{"isEnforced":false,"enforcementType":"allow","aaGuids":[]}},
		{"id":"e1c9b8a7-3a51-4f57-9a0e-6f1a55e0c003","name":"Synced for pilots","passkeyTypes":"synced","attestationEnforcement":"disabled","keyRestrictions":{"isEnforced":false,"enforcementType":"allow","aaGuids":[]}}]}`
