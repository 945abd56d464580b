package audit

import (
	"strings"
	"time"
)

// A Registration is a user's row in the registration report
// (userRegistrationDetails). The report leaves disabled accounts out, and it
// lags behind by hours or more: it may speak for a passkey, never against one.
type Registration struct {
	UserID string
	// Admin tells whether the user holds an administrator role; Unknown where
	// the row does not say.
	Admin Ternary
	// Methods are the names of the registered methods, as sent.
	Methods []string
	// UpdatedAt is when the report last looked at the user, in UTC; zero where
	// the row does not say.
	UpdatedAt time.Time
}

// A RegistrationPage is one page of the registration report.
type RegistrationPage struct {
	Rows []Registration
	// Next is the opaque link to the next page, whole as sent; empty on the
	// last page.
	Next string
	Load Load
}

// NamesPasskey reports whether one of the methods of a Registration is a
// passkey. Microsoft publishes no closed list of names and has changed them, as
// from fido2 to passKeyDeviceBound, so whatever speaks of passkeys or of FIDO
// counts, also names to come. Windows Hello for Business does not: it is no
// passkey that the policy governs, unlike passKeyDeviceBoundWindowsHello.
func NamesPasskey(methods []string) bool {
	for _, m := range methods {
		m = strings.ToLower(m)
		if strings.Contains(m, "passkey") || strings.Contains(m, "fido") {
			return true
		}
	}
	return false
}
