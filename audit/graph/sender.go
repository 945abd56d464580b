package graph

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"passkey-audit/audit"
)

// maxBody bounds an answer after decompression. A page of 999 users is about
// 300 KB, a batch of 20 users with 20 passkeys each about 200 KB.
const maxBody = 64 << 20

// A sender is the last thing before the transport, and the only one that holds
// a token: it checks where a request goes, signs it, bounds its time and the
// size of its answer, and turns everything but a success into an *Error, before
// the SDK's adapter can drop the status or the body.
type sender struct {
	next    http.RoundTripper
	origin  string
	tokens  *tokens
	options Options
}

var _ http.RoundTripper = (*sender)(nil)

// errExchangeTimeout tells our own time limit from one of the caller's.
var errExchangeTimeout = errors.New("no complete answer in time")

// RoundTrip sends one request of the Client. The answer's body goes into the
// call, since the adapter would only copy it. A token that is not accepted is
// renewed once, with the claims that Graph asks for, and the request sent again:
// tokens can be revoked before their end.
func (s *sender) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	k, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return nil, errors.New("request from outside of the client")
	}
	// The second guard: whatever the request was built from, the token goes to
	// the Graph root alone.
	if origin(request.URL) != s.origin || request.URL.User != nil || (request.Host != "" && request.Host != request.URL.Host) {
		return nil, &Error{
			Code:    CodeForeignLink,
			Message: "the request would lead to " + clean(request.URL.Host, 100) + ", away from the Graph root",
			cause:   ErrForeignLink,
		}
	}
	token, err := s.tokens.get(ctx)
	if err != nil {
		return nil, err
	}
	response, err := s.once(ctx, request, k, token)
	if !errors.Is(err, ErrUnauthorized) {
		return response, err
	}
	s.tokens.forget(ctx, token, k.challenge())
	fresh, terr := s.tokens.get(ctx)
	switch {
	case terr != nil:
		return nil, terr
	case fresh == token:
		return nil, err
	}
	return s.once(ctx, request, k, fresh)
}

// once sends the request with this token.
func (s *sender) once(ctx context.Context, request *http.Request, k *call, token string) (*http.Response, error) {
	k.token = token
	bounded, cancel := context.WithTimeoutCause(ctx, s.options.Timeout, errExchangeTimeout)
	defer cancel()
	id := s.options.NewID()
	k.id = id
	x := Exchange{
		Method: request.Method, Path: k.path, Sent: len(k.body),
		ClientRequestID: id, Started: s.options.Now(),
	}
	response, err := s.exchange(s.prepare(bounded, request, k, token, id), k, &x, token)
	x.Duration = s.options.Now().Sub(x.Started)
	var failed *Error
	if errors.As(err, &failed) {
		failed.ClientRequestID = id
		if failed.RequestID == "" {
			failed.RequestID = x.RequestID
		}
		// What the network says, or a Location, may echo it too.
		failed.Message = strings.ReplaceAll(failed.Message, token, "[token]")
		x.Code = failed.Code
	}
	if s.options.Observe != nil {
		s.options.Observe(x)
	}
	return response, err
}

// prepare makes the request that goes out; a RoundTripper must leave the one
// that came in as it is.
func (s *sender) prepare(ctx context.Context, request *http.Request, k *call, token, id string) *http.Request {
	out := request.Clone(ctx)
	out.Header.Set("Authorization", "Bearer "+token)
	out.Header.Set("Accept", "application/json")
	out.Header.Set("User-Agent", s.options.UserAgent)
	out.Header.Set("client-request-id", id)
	// Graph sheds low priority first, so that a batch tool does not take the
	// quota from people's applications (Graph documentation, "Throttling").
	out.Header.Set("x-ms-throttle-priority", "Low")
	if k.body != nil {
		// With a length the body is not chunked, and with GetBody it can be
		// sent again when a kept connection turns out to be closed.
		out.ContentLength = int64(len(k.body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(k.body)), nil }
		out.Body, _ = out.GetBody()
		out.Header.Set("Content-Type", "application/json")
	}
	return out
}

// exchange sends and receives, and fills in the call and x. Should anything
// echo the token, it goes no further.
func (s *sender) exchange(out *http.Request, k *call, x *Exchange, token string) (*http.Response, error) {
	response, err := s.next.RoundTrip(out)
	if err != nil {
		return nil, networkError(out.Context(), 0, err)
	}
	defer func() { _ = response.Body.Close() }()
	x.Status, x.Protocol = response.StatusCode, response.Proto
	x.RequestID = cleanID(response.Header.Get("request-id"))
	x.Load = readLoad(response.Header)
	k.status, k.header, k.load = response.StatusCode, response.Header, x.Load

	body, err := readBody(response)
	x.Received = len(body)
	if bytes.Contains(body, []byte(token)) {
		body = bytes.ReplaceAll(body, []byte(token), []byte("[token]"))
	}
	success := response.StatusCode >= 200 && response.StatusCode < 300
	switch {
	case errors.Is(err, errTooLarge):
		return nil, s.annotate(malformed(response.StatusCode, "the answer is larger than %d MiB", maxBody>>20), response)
	case err != nil && success:
		return nil, s.annotate(networkError(out.Context(), response.StatusCode, err), response)
	case err != nil && out.Context().Err() != nil:
		// Given up in the middle of an error's body: the end counts.
		return nil, s.annotate(networkError(out.Context(), response.StatusCode, err), response)
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return nil, s.annotate(redirectError(response), response)
	case !success:
		return nil, s.annotate(decodeError(response.StatusCode, body), response)
	}
	k.answer = body
	return &http.Response{
		Status: response.Status, StatusCode: response.StatusCode,
		Proto: response.Proto, ProtoMajor: response.ProtoMajor, ProtoMinor: response.ProtoMinor,
		Header: response.Header, Body: http.NoBody, Request: out,
	}, nil
}

// annotate adds to an error what the headers of its answer say.
func (s *sender) annotate(err error, response *http.Response) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	e.addHeaders(response.Header.Get, s.options.Now())
	return e
}

// addHeaders takes what an answer's headers say: of a response, or of an item
// of a batch.
func (e *Error) addHeaders(get func(string) string, now time.Time) {
	e.retryAfter, e.hasRetryAfter = parseRetryAfter(get("Retry-After"), now)
	e.throttleHint = get("x-ms-throttle-scope") != "" || get("x-ms-throttle-information") != ""
	e.load = loadOf(get("x-ms-resource-unit"), get("x-ms-throttle-limit-percentage"))
	if id := cleanID(get("request-id")); id != "" {
		e.RequestID = id
	}
	if at, err := http.ParseTime(get("Date")); err == nil {
		e.Date = at.UTC()
	}
}

// networkError tells a time limit from other failures. The end of the
// caller's context passes through as it is.
func networkError(ctx context.Context, status int, err error) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errExchangeTimeout):
		return &Error{Status: status, Code: CodeTimeout, Message: errExchangeTimeout.Error()}
	case ctx.Err() != nil:
		return ctx.Err()
	}
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err
	}
	e := &Error{Status: status, Code: CodeNetwork, Message: clean(err.Error(), maxMessage)}
	var timeout interface{ Timeout() bool }
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		e.Code = CodeCertificate
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Code = CodeTimeout
	case status != 0:
		e.Message = "the answer is cut short: " + e.Message
	}
	return e
}

// redirectError says where a redirect would lead. Graph documents none, so it
// comes from something in between; following it could carry the token away.
func redirectError(response *http.Response) *Error {
	to := "another address"
	if u, err := url.Parse(response.Header.Get("Location")); err == nil && u.Host != "" {
		to = u.Scheme + "://" + u.Host
	}
	return &Error{
		Status:  response.StatusCode,
		Code:    CodeRedirect,
		Message: "a redirect to " + clean(to, 100) + " is not followed",
	}
}

var errTooLarge = errors.New("answer too large")

// readBody reads a whole answer, up to maxBody.
func readBody(response *http.Response) ([]byte, error) {
	var buffer bytes.Buffer
	if n := response.ContentLength; n > 0 && n <= maxBody {
		// ReadFrom wants room for one read more, or it grows at the end.
		buffer.Grow(int(n) + bytes.MinRead)
	}
	n, err := buffer.ReadFrom(io.LimitReader(response.Body, maxBody+1))
	if err == nil && n > maxBody {
		err = errTooLarge
	}
	if err != nil {
		return buffer.Bytes(), fmt.Errorf("read answer: %w", err)
	}
	return buffer.Bytes(), nil
}

// readLoad reads the quota headers of a response.
func readLoad(h http.Header) audit.Load {
	return loadOf(h.Get("x-ms-resource-unit"), h.Get("x-ms-throttle-limit-percentage"))
}

// loadOf reads the quota headers; what makes no sense counts as not sent.
func loadOf(units, percentage string) audit.Load {
	var l audit.Load
	if n, err := strconv.Atoi(strings.TrimSpace(units)); err == nil && n > 0 && n < 1<<20 {
		l.Units = n
	}
	if f, err := strconv.ParseFloat(strings.TrimSpace(percentage), 64); err == nil && f > 0 && f < 1<<20 {
		l.Percentage = f
	}
	return l
}

// addLoad joins what two answers said of the quota: prices add up, and the
// higher percentage counts.
func addLoad(a, b audit.Load) audit.Load {
	return audit.Load{Units: a.Units + b.Units, Percentage: max(a.Percentage, b.Percentage)}
}

// cleanID gives a request id if it looks like one: hexadecimal digits and
// dashes, as in a GUID. Anything else could be whatever somebody echoes.
func cleanID(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 64 || strings.Trim(s, "0123456789abcdefABCDEF-") != "" {
		return ""
	}
	return s
}
