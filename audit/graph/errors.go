package graph

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"passkey-audit/audit"
)

// The sentinels that an *Error matches with errors.Is. One error may match
// several.
var (
	// ErrNotFound: status 404. It may also mean that the cloud does not know
	// the resource: UserExists and Group tell by the code.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: status 403, a permission, role or licence is missing.
	ErrForbidden = errors.New("forbidden")
	// ErrUnauthorized: status 401, the token is not accepted.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrPageTokenExpired: the link to a page has expired; it never recovers,
	// and the listing has to begin again.
	ErrPageTokenExpired = errors.New("page token expired")
	// ErrForeignLink: a link leads away from the Graph root; nothing was sent.
	ErrForeignLink = errors.New("link leads away from the Graph root")
	// ErrNonPremium: 403, the tenant has no Entra ID P1 licence.
	ErrNonPremium = errors.New("the tenant has no premium licence")
	// ErrNotOffered: the cloud does not know what was asked for, such as the
	// passkey policy.
	ErrNotOffered = errors.New("not offered in this cloud")
	// ErrMalformed: the answer is cut short or is not what was asked for.
	ErrMalformed = errors.New("malformed answer")
)

// The codes of errors that Graph did not name itself.
const (
	CodeNetwork     = "network"
	CodeTimeout     = "timeout"
	CodeMalformed   = "malformed"
	CodeForeignLink = "foreignLink"
	CodeRedirect    = "redirect"
	// CodeCertificate: the host's certificate is not trusted. A proxy that
	// opens connections needs its authority among the trusted ones.
	CodeCertificate = "certificate"
	// CodeBadID: an id that no address can be made of; nothing was sent.
	CodeBadID = "badId"
	// CodeUnanswered: the answer to a batch leaves out this item.
	CodeUnanswered = "unanswered"
)

// Bounds of server text in errors, in runes.
const (
	maxMessage = 500
	maxCode    = 100
)

// An Error is a request that was not answered as it should be: Graph refused
// it, the network failed, or the answer makes no sense. Its texts are bounded
// and hold no control characters; the message is hostile text all the same.
type Error struct {
	// Status is the HTTP status, of the item in a batch; 0 without an answer.
	Status int
	// Code is Graph's error code as sent (it may be empty), or one of the
	// Code constants.
	Code string
	// Message is Graph's message, or what the network said.
	Message string
	// RequestID is Graph's request-id; ClientRequestID is the one we sent.
	RequestID       string
	ClientRequestID string
	// Date is the time of the answer in UTC by the server's clock; zero where
	// it does not say.
	Date time.Time

	retryAfter    time.Duration
	hasRetryAfter bool
	throttleHint  bool
	load          audit.Load
	cause         error
}

// Error gives one line, such as "Graph answered 403 Authorization_RequestDenied:
// Insufficient privileges to complete the operation. (request id ...)".
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Status == 0:
		b.WriteString("no answer from Graph")
	default:
		fmt.Fprintf(&b, "Graph answered %d", e.Status)
	}
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Code == "" && e.Message == "" && e.Status != 0 {
		b.WriteString(" " + http.StatusText(e.Status))
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.RequestID != "" {
		b.WriteString(" (request id " + e.RequestID + ")")
	}
	return b.String()
}

// Unwrap gives the sentinel that caused the error, if any.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is match the sentinels by status and code.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrForbidden:
		return e.Status == http.StatusForbidden
	case ErrUnauthorized:
		return e.Status == http.StatusUnauthorized
	case ErrPageTokenExpired:
		return e.Status == http.StatusBadRequest && e.hasCode("Directory_ExpiredPageToken")
	case ErrNotOffered:
		return e.unknownPath()
	case ErrNonPremium:
		return e.Status == http.StatusForbidden && e.hasCode("Authentication_RequestFromNonPremiumTenantOrB2CTenant")
	}
	return false
}

// hasCode compares codes without case: Graph's backends do not agree on it.
func (e *Error) hasCode(codes ...string) bool {
	for _, c := range codes {
		if strings.EqualFold(e.Code, c) {
			return true
		}
	}
	return false
}

// unknownPath reports whether Graph says that it does not know a part of the
// address, as it does of properties and types that a cloud's schema lacks.
func (e *Error) unknownPath() bool {
	return e.Status == http.StatusBadRequest && strings.Contains(strings.ToLower(e.Message), "resource not found for the segment")
}

// missing reports whether Graph says that an object does not exist, rather
// than that it does not know the path.
func (e *Error) missing() bool {
	return e.Status == http.StatusNotFound && e.hasCode("Request_ResourceNotFound", "resourceNotFound")
}

// RetryAfter tells how long Graph asked to wait, counted from the answer. It
// is false where Graph did not say, or said something that makes no sense; at
// most 24 hours.
func (e *Error) RetryAfter() (time.Duration, bool) { return e.retryAfter, e.hasRetryAfter }

// Throttled reports whether Graph refused for the quota's sake: 429, or an
// answer of an overloaded service that comes with a time to wait or with one of
// the throttling headers.
func (e *Error) Throttled() bool {
	switch e.Status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusFailedDependency, http.StatusServiceUnavailable, 509:
		return e.hasRetryAfter || e.throttleHint || e.hasCode("TooManyRequests")
	}
	return false
}

// Temporary reports whether the same request may succeed later: throttling,
// failures of the service and the network, and answers that make no sense.
func (e *Error) Temporary() bool {
	if errors.Is(e.cause, ErrMalformed) {
		return true
	}
	switch e.Status {
	case 0:
		return e.Code == CodeNetwork || e.Code == CodeTimeout
	case http.StatusRequestTimeout, http.StatusFailedDependency, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable,
		http.StatusGatewayTimeout, 509:
		return true
	}
	// A success that is none, since the network cut it short.
	return e.Status >= 200 && e.Status < 300
}

// Load gives what Graph said of its quota along with the answer.
func (e *Error) Load() audit.Load { return e.load }

// Failure gives the error in the vocabulary of reports. The caller fills in
// what was to be read, and how often it was tried. Where no answer came that
// told Graph's id of the request, it is the one we sent along, by which
// Microsoft can find the request too.
func (e *Error) Failure() audit.Failure {
	f := audit.Failure{Status: e.Status, Code: e.Code, Message: e.Message, RequestID: e.RequestID}
	if f.RequestID == "" {
		f.RequestID = e.ClientRequestID
	}
	return f
}

// malformed is the error of an answer that is not what was asked for.
func malformed(status int, format string, args ...any) *Error {
	return &Error{
		Status:  status,
		Code:    CodeMalformed,
		Message: clean(fmt.Sprintf(format, args...), maxMessage),
		cause:   ErrMalformed,
	}
}

// An OptionError is a choice of the user that cannot be: an unknown cloud, an
// unknown sign-in method, an address that is none.
type OptionError struct {
	// Message is one line; Hint, on a line of its own, says what to do and may
	// be empty.
	Message string
	Hint    string
}

// Error gives the message and the hint in one line.
func (e *OptionError) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + ": " + e.Hint
}
