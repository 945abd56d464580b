package graph

import (
	"errors"
	"net/http"

	"passkey-audit/audit"
)

// LinkBroken reports whether the link that failed will never work, so that the
// listing has to begin anew: it has expired, or leads away from the Graph root.
func (e *Error) LinkBroken() bool {
	return errors.Is(e, ErrPageTokenExpired) || errors.Is(e, ErrForeignLink)
}

// Failure gives the error in the vocabulary of reports. Without a token the
// request would have been answered with 401, and so it counts.
func (e *SignInError) Failure() audit.Failure {
	code := e.Code
	if code == "" {
		code = "signIn"
	}
	f := audit.Failure{Code: code, Message: e.Message}
	if !e.temporary {
		f.Status = http.StatusUnauthorized
	}
	return f
}
