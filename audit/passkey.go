package audit

import "time"

// A PasskeyType tells whether a passkey stays on its device. It is Graph's
// evolvable enumeration: a value that is neither of the two constants is kept
// as sent and treated as unknown.
type PasskeyType string

// The passkey types of Microsoft Graph v1.0.
const (
	DeviceBound PasskeyType = "deviceBound"
	Synced      PasskeyType = "synced"
)

// Known reports whether t is one of the documented values.
func (t PasskeyType) Known() bool { return t == DeviceBound || t == Synced }

// An AttestationLevel tells whether Entra verified at registration that the
// passkey's AAGUID is true. Values other than the constants are kept as sent.
type AttestationLevel string

// The attestation levels of Microsoft Graph v1.0.
const (
	Attested    AttestationLevel = "attested"
	NotAttested AttestationLevel = "notAttested"
)

// A Passkey is one fido2AuthenticationMethod of a user.
type Passkey struct {
	// ID is the method's id, opaque and unique within the user.
	ID string
	// Name is the displayName, which the user chose: hostile text.
	Name string
	// AAGUID is the aaGuid as Graph sent it: a GUID in any letter case, or
	// empty (also for null), or any other text. ParseAAGUID decides.
	AAGUID string
	// Model is the maker's text for the model.
	Model string
	// Type is empty where Graph sent null or left it out.
	Type PasskeyType
	// Attestation is empty where Graph sent null or left it out.
	Attestation AttestationLevel
	// CreatedAt is the registration's time in UTC; zero where not known.
	CreatedAt time.Time
	// LastUsedAt is zero where not asked for, or not known.
	LastUsedAt time.Time
}
