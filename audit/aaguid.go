package audit

import (
	"encoding/hex"
	"errors"
	"strings"
)

// An AAGUID names an authenticator model: 16 bytes that the authenticator
// states when a passkey is registered (W3C Web Authentication, "Authenticator
// Attestation GUID"). It proves the model only where attestation was verified.
//
// AAGUIDs are compared as bytes, since no source says that Microsoft Graph
// keeps one letter case. The zero AAGUID is a value like any other: it is what
// an authenticator sends that does not disclose its model.
type AAGUID [16]byte

// ErrNoAAGUID says that a text is not an AAGUID.
var ErrNoAAGUID = errors.New("not an AAGUID: 32 hexadecimal digits in the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx are expected")

// The AAGUIDs of Microsoft Authenticator, from Microsoft's article "Enable
// passkeys in Microsoft Authenticator" (2026-07-05).
var (
	AuthenticatorAndroid = AAGUID{0xde, 0x1e, 0x55, 0x2d, 0xdb, 0x1d, 0x44, 0x23, 0xa6, 0x19, 0x56, 0x6b, 0x62, 0x5c, 0xdc, 0x84}
	AuthenticatorIOS     = AAGUID{0x90, 0xa3, 0xcc, 0xdf, 0x63, 0x5c, 0x47, 0x29, 0xa2, 0x48, 0x9b, 0x70, 0x91, 0x35, 0x07, 0x8f}
)

// ParseAAGUID reads an AAGUID in the usual GUID form, in any letter case, with
// or without braces and surrounding white space. It returns ErrNoAAGUID for
// anything else, the empty text included.
func ParseAAGUID(s string) (AAGUID, error) {
	var a AAGUID
	s = strings.TrimSpace(s)
	if len(s) == 38 && s[0] == '{' && s[37] == '}' {
		s = s[1:37]
	}
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return AAGUID{}, ErrNoAAGUID
	}
	var digits [32]byte
	n := copy(digits[:], s[0:8])
	n += copy(digits[n:], s[9:13])
	n += copy(digits[n:], s[14:18])
	n += copy(digits[n:], s[19:23])
	copy(digits[n:], s[24:36])
	if _, err := hex.Decode(a[:], digits[:]); err != nil {
		return AAGUID{}, ErrNoAAGUID
	}
	return a, nil
}

// IsZero reports whether all 16 bytes are zero: the authenticator did not
// disclose its model.
func (a AAGUID) IsZero() bool { return a == AAGUID{} }

// String gives the GUID form in lower case.
func (a AAGUID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], a[0:4])
	b[8] = '-'
	hex.Encode(b[9:13], a[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], a[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], a[8:10])
	b[23] = '-'
	hex.Encode(b[24:36], a[10:16])
	return string(b[:])
}

// MarshalText gives the GUID form in lower case.
func (a AAGUID) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what ParseAAGUID reads.
func (a *AAGUID) UnmarshalText(b []byte) error {
	p, err := ParseAAGUID(string(b))
	if err != nil {
		return err
	}
	*a = p
	return nil
}

// An Authenticator is what a catalogue knows of an AAGUID.
type Authenticator struct {
	AAGUID AAGUID
	// Name is the product's name; empty where no source knows the AAGUID.
	Name string
	// Vendor is the maker's name; empty where not known.
	Vendor string
	// Source says in one word who gives the name, such as microsoft-learn;
	// empty where no source knows the AAGUID.
	Source string
	// Certification says in words what certification the FIDO Metadata
	// Service tells of, with dates, such as "FIDO Certified L1 (2021-03-01)",
	// and any status that this program has no words for. Empty means not
	// known, never "not certified", for which there are words of its own.
	Certification string
	// Problem says in words why the FIDO Metadata Service warns of the model:
	// revoked, retired, or a known way to misuse it. Empty means that no
	// warning is known, be it that there is none or that nobody was asked.
	Problem string
}
