package audit

import "strings"

// AllUsers is the id of the include target that means everyone. Its target
// type is "group" (Graph reference, passkeyAuthenticationMethodTarget).
const AllUsers = "all_users"

// A Policy is the tenant's Passkey (FIDO2) authentication method
// configuration, in either of its shapes: with passkey profiles, or the older
// one with tenant-wide restrictions alone.
//
// The strings that hold Graph enumerations are kept as sent, so that a value
// which this version does not know is shown and never guessed at.
type Policy struct {
	// State is "enabled" or "disabled".
	State string
	// SelfServiceRegistration is isSelfServiceRegistrationAllowed; it has no
	// effect on sign-in.
	SelfServiceRegistration Ternary
	// AttestationEnforced and KeyRestrictions are the tenant-wide fields. With
	// profiles they only mirror the default profile and do not govern.
	AttestationEnforced Ternary
	KeyRestrictions     KeyRestrictions
	// DefaultProfile is the id of the default passkey profile; empty without
	// profiles.
	DefaultProfile string
	Profiles       []Profile
	Include        []Target
	Exclude        []Target
}

// HasProfiles reports whether passkey profiles govern.
func (p *Policy) HasProfiles() bool { return len(p.Profiles) > 0 }

// Profile finds a passkey profile by its id, in any letter case.
func (p *Policy) Profile(id string) (*Profile, bool) {
	for i := range p.Profiles {
		if strings.EqualFold(p.Profiles[i].ID, id) {
			return &p.Profiles[i], true
		}
	}
	return nil, false
}

// KeyRestrictions is a list of AAGUIDs and what it means.
type KeyRestrictions struct {
	// Enforced is isEnforced; with No and Unknown the list is ignored.
	Enforced Ternary
	// Type is enforcementType, "allow" or "block"; empty for null.
	Type string
	// AAGUIDs are as Graph holds them: any letter case, duplicates possible.
	AAGUIDs []string
}

// A Profile is a passkey profile.
type Profile struct {
	ID   string
	Name string
	// Types is passkeyTypes, Graph's comma-separated flags, split and trimmed.
	Types []PasskeyType
	// Attestation is attestationEnforcement, "disabled" or "registrationOnly".
	Attestation     string
	KeyRestrictions KeyRestrictions
}

// A Target is a group or a user that the policy includes or excludes.
type Target struct {
	// Type is targetType, "group" or "user".
	Type string
	// ID is an object id, or AllUsers.
	ID string
	// Profiles are the allowedPasskeyProfiles of an include target.
	Profiles []string
	// RegistrationRequired is isRegistrationRequired of an include target; it
	// has no documented effect on sign-in.
	RegistrationRequired Ternary
}

// Everyone reports whether the target means all users.
func (t Target) Everyone() bool { return strings.EqualFold(t.ID, AllUsers) }
