package collect

import (
	"errors"
	"net/http"

	"passkey-audit/audit"
)

// errLinkRepeats says that a page leads back to a page that was read: followed,
// it would never end.
var errLinkRepeats = errors.New("the link to the next page leads back to a page already read")

// errNoEnd says that page after page held nothing and led on.
var errNoEnd = errors.New("the pages of the list are empty and lead on without end")

// storeError marks an error of the snapshot among errors of the source.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

func isStore(err error) bool {
	var s storeError
	return errors.As(err, &s)
}

// linkBroken reports whether a page's link will never work.
func linkBroken(err error) bool {
	var b interface{ LinkBroken() bool }
	return errors.Is(err, errLinkRepeats) || errors.As(err, &b) && b.LinkBroken()
}

// An anewError is a broken link in the list of one user's passkeys: it may be
// gone when the list is read from its beginning.
type anewError struct{ error }

func (e anewError) Unwrap() error { return e.error }

// Temporary tells package pace that it is worth another try.
func (anewError) Temporary() bool { return true }

// detail asks err for status, code, message and request id.
func detail(err error) audit.Failure {
	var d interface{ Failure() audit.Failure }
	if errors.As(err, &d) {
		return d.Failure()
	}
	if err == nil {
		return audit.Failure{}
	}
	f := audit.Failure{Code: "error", Message: err.Error()}
	switch {
	case errors.Is(err, errLinkRepeats):
		f.Code = "repeated_link"
	case errors.Is(err, errNoEnd):
		f.Code = "endless_list"
	}
	return f
}

// failureOf fills f with what err says.
func failureOf(f audit.Failure, err error) audit.Failure {
	d := detail(err)
	f.Status, f.Code, f.Message, f.RequestID = d.Status, d.Code, d.Message, d.RequestID
	return f
}

func status(err error) int { return detail(err).Status }

// refused reports whether the answer was that we may not.
func refused(err error) bool {
	s := status(err)
	return s == http.StatusUnauthorized || s == http.StatusForbidden
}

func outcomeOf(err error) audit.Outcome {
	switch {
	case refused(err):
		return audit.OutcomeRefused
	case status(err) == http.StatusNotFound:
		return audit.OutcomeGone
	}
	return audit.OutcomeFailed
}
