package graph

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

// graphError is an error body as Graph documents it.
func graphError(code, message string) string {
	return `{"error":{"code":"` + code + `","message":"` + message +
		`","innerError":{"date":"2026-11-01T10:17:06","request-id":"0d3f4a5c-0000-4000-8000-000000000009","client-request-id":"0d3f4a5c-0000-4000-8000-0000000000c1"}}}`
}

// listError lists users over a transport and gives the *Error.
func listError(t *testing.T, transport http.RoundTripper) *Error {
	t.Helper()
	page, err := testClient(t, transport, nil).Users(context.Background(), "", UserQuery{})
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, %v; want an *Error", page, err)
	}
	if len(page.Users) != 0 || page.Next != "" {
		t.Errorf("an error comes with %d users and the link %q", len(page.Users), page.Next)
	}
	if !strings.HasPrefix(err.Error(), "list users: ") {
		t.Errorf("%q does not say what was done", err)
	}
	return e
}

func TestErrorClasses(t *testing.T) {
	all := []error{ErrNotFound, ErrForbidden, ErrUnauthorized, ErrPageTokenExpired, ErrForeignLink, ErrNonPremium, ErrMalformed}
	tests := []struct {
		name      string
		transport handler
		status    int
		code      string
		temporary bool
		throttled bool
		is        []error
	}{
		{"expired page", always(400, graphError("Directory_ExpiredPageToken", "expired")), 400, "Directory_ExpiredPageToken", false, false, []error{ErrPageTokenExpired}},
		{"expired page in another case", always(400, graphError("directory_expiredPAGEtoken", "expired")), 400, "directory_expiredPAGEtoken", false, false, []error{ErrPageTokenExpired}},
		{"bad request", always(400, graphError("Request_BadRequest", "x")), 400, "Request_BadRequest", false, false, nil},
		{"token", always(401, graphError("InvalidAuthenticationToken", "x")), 401, "InvalidAuthenticationToken", false, false, []error{ErrUnauthorized}},
		{"permission", always(403, graphError("Authorization_RequestDenied", "x")), 403, "Authorization_RequestDenied", false, false, []error{ErrForbidden}},
		{"licence", always(403, graphError("Authentication_RequestFromNonPremiumTenantOrB2CTenant", "x")), 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", false, false, []error{ErrForbidden, ErrNonPremium}},
		{"gone", always(404, graphError("Request_ResourceNotFound", "x")), 404, "Request_ResourceNotFound", false, false, []error{ErrNotFound}},
		{"method", always(405, graphError("methodNotAllowed", "x")), 405, "methodNotAllowed", false, false, nil},
		{"request timeout", always(408, ""), 408, "", true, false, nil},
		{"dependency", always(424, ""), 424, "", true, false, nil},
		{"dependency with a wait", always(424, "", "Retry-After", "3"), 424, "", true, true, nil},
		{"throttled", always(429, graphError("TooManyRequests", "x"), "Retry-After", "3"), 429, "TooManyRequests", true, true, nil},
		{"throttled by the reports", always(429, graphError("UnknownError", "x")), 429, "UnknownError", true, true, nil},
		{"server error", always(500, ""), 500, "", true, false, nil},
		{"not implemented", always(501, ""), 501, "", false, false, nil},
		{"bad gateway", always(502, "<html>bad</html>"), 502, "", true, false, nil},
		{"unavailable", always(503, ""), 503, "", true, false, nil},
		{"unavailable with a wait", always(503, "", "Retry-After", "10"), 503, "", true, true, nil},
		{"unavailable for the quota", always(503, "", "x-ms-throttle-information", "CPULimitExceeded"), 503, "", true, true, nil},
		{"gateway timeout", always(504, ""), 504, "", true, false, nil},
		{"bandwidth", always(509, ""), 509, "", true, false, nil},
		{"redirect", always(302, "", "Location", "https://evil.example/x?$skiptoken=abc"), 302, CodeRedirect, false, false, nil},
		{"success with an error body", always(200, graphError("UnknownError", "x")), 200, "UnknownError", true, false, []error{ErrMalformed}},
		{"empty success", always(200, ""), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"no content", always(204, ""), 204, CodeMalformed, true, false, []error{ErrMalformed}},
		{"no value", always(200, `{"@odata.context":"x"}`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"value null", always(200, `{"value":null}`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"value an object", always(200, `{"value":{}}`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"value a text", always(200, `{"value":"none"}`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"a list", always(200, `[]`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"null", always(200, `null`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"cut JSON", always(200, `{"value":[{"id":"a"},{"id"`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"two documents", always(200, `{"value":[]}{"value":[]}`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"a page for people", always(200, `<html>Sign in to the Wi-Fi</html>`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"user without an id", always(200, `{"value":[{"id":"a"},{"displayName":"b"}]}`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"user null", always(200, `{"value":[null]}`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"user a text", always(200, `{"value":["a"]}`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"link a number", always(200, `{"value":[],"@odata.nextLink":7}`), 200, CodeMalformed, true, false, []error{ErrMalformed}},
		{"network", func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}, 0, CodeNetwork, true, false, nil},
		{"network's timeout", func(*http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Get", URL: testRoot + "/v1.0/users?$skiptoken=abc", Err: timeoutError{}}
		}, 0, CodeTimeout, true, false, nil},
		{"cut body", func(*http.Request) (*http.Response, error) {
			r := answer(200, "")
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"value":[`), failingReader{}))
			r.ContentLength = -1
			return r, nil
		}, 200, CodeNetwork, true, false, nil},
		{"cut body of an error", func(*http.Request) (*http.Response, error) {
			r := answer(403, "")
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"error":{"co`), failingReader{}))
			return r, nil
		}, 403, "", false, false, []error{ErrForbidden}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := listError(t, tt.transport)
			if e.Status != tt.status || e.Code != tt.code {
				t.Errorf("got status %d, code %q; want %d, %q (%v)", e.Status, e.Code, tt.status, tt.code, e)
			}
			if e.Temporary() != tt.temporary || e.Throttled() != tt.throttled {
				t.Errorf("got temporary %v, throttled %v; want %v, %v", e.Temporary(), e.Throttled(), tt.temporary, tt.throttled)
			}
			for _, target := range all {
				want := false
				for _, w := range tt.is {
					want = want || w == target
				}
				if errors.Is(e, target) != want {
					t.Errorf("errors.Is(%v, %v) = %v, want %v", e, target, !want, want)
				}
			}
			if got, want := e.LinkBroken(), errors.Is(e, ErrPageTokenExpired); got != want {
				t.Errorf("LinkBroken = %v, want %v", got, want)
			}
			if strings.Contains(e.Error(), "abc") || strings.Contains(e.Error(), "\n") {
				t.Errorf("%q shows a page token or is more than a line", e.Error())
			}
		})
	}
}

type timeoutError struct{}

func (timeoutError) Error() string { return "i/o timeout" }
func (timeoutError) Timeout() bool { return true }

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestErrorFields(t *testing.T) {
	e := listError(t, always(429, graphError("TooManyRequests", "Too many\\r\\nrequests."),
		"Retry-After", "7", "request-id", "11111111-0000-4000-8000-000000000001",
		"x-ms-resource-unit", "3", "x-ms-throttle-limit-percentage", "1.2"))
	want := audit.Failure{
		Status: 429, Code: "TooManyRequests", Message: "Too many requests.",
		RequestID: "11111111-0000-4000-8000-000000000001",
	}
	if diff := cmp.Diff(want, e.Failure()); diff != "" {
		t.Errorf("Failure (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(audit.Load{Units: 3, Percentage: 1.2}, e.Load()); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
	if d, ok := e.RetryAfter(); d != 7*time.Second || !ok {
		t.Errorf("RetryAfter = %v, %v; want 7s", d, ok)
	}
	if e.ClientRequestID != "c1c1c1c1-0000-4000-8000-000000000001" {
		t.Errorf("ClientRequestID = %q, want the one that was sent", e.ClientRequestID)
	}
	if !e.Date.Equal(testNow) {
		t.Errorf("Date = %v, want %v", e.Date, testNow)
	}
	if want := "Graph answered 429 TooManyRequests: Too many requests. (request id 11111111-0000-4000-8000-000000000001)"; e.Error() != want {
		t.Errorf("got %q, want %q", e.Error(), want)
	}
}

func TestDecodeErrorBodies(t *testing.T) {
	tests := []struct{ name, body, code, message, id string }{
		{"documented", graphError("a", "b"), "a", "b", "0d3f4a5c-0000-4000-8000-000000000009"},
		{"other spelling", `{"error":{"code":"a","message":"b","innererror":{"request-id":"1-2"}}}`, "a", "b", "1-2"},
		{"inner texts", `{"error":{"code":"","message":"","innerError":{"code":"c","message":"d"}}}`, "c", "d", ""},
		{"only a date", `{"error":{"code":"","message":"","innerError":{"date":"2026-11-01T10:17:06"}}}`, "", "", ""},
		{"code a number", `{"error":{"code":429,"message":"b"}}`, "", "b", ""},
		{"inner a text", `{"error":{"code":"a","message":"b","innerError":"c"}}`, "a", "b", ""},
		{"inner a list", `{"error":{"code":"a","message":"b","innerError":[1]}}`, "a", "b", ""},
		{"OAuth", `{"error":"invalid_request","error_description":"b"}`, "invalid_request", "b", ""},
		{"error null", `{"error":null}`, "", "", ""},
		{"error a number", `{"error":5}`, "", "", ""},
		{"no error", `{"message":"b"}`, "", "", ""},
		{"not JSON", "upstream\nconnect error", "", "no error body of Graph: upstream connect error", ""},
		{"cut", `{"error":{"code":"a"`, "", `no error body of Graph: {"error":{"code":"a"`, ""},
		{"empty", "", "", "", ""},
		{"null", "null", "", "", ""},
		{"not UTF-8", "\xff\xfe", "", "no error body of Graph: \uFFFD", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := decodeError(503, []byte(tt.body))
			if e.Status != 503 || e.Code != tt.code || e.Message != tt.message || e.RequestID != tt.id {
				t.Errorf("got %d %q %q %q; want 503 %q %q %q", e.Status, e.Code, e.Message, e.RequestID, tt.code, tt.message, tt.id)
			}
		})
	}
}

func TestCleanHostileText(t *testing.T) {
	token := testToken(`{"tid":"x"}`)
	tests := []struct{ name, in, want string }{
		{"plain", "Insufficient privileges.", "Insufficient privileges."},
		{"lines", "a\r\nb\tc\u2028d", "a b c d"},
		{"control characters", "a\x00\x1b[31mb\x7f", "a[31mb"},
		{"direction marks", "a\u202Eb\u200Bc", "abc"},
		{"token", "Bearer of " + token + " is bad", "Bearer [hidden] [token] is bad"},
		{"token alone", "got " + token, "got [token]"},
		{"bearer", "Authorization: Bearer abc.def-ghi", "Authorization: Bearer [hidden]"},
		{"secret in a form", "client_id=1&client_secret=s3cr3t&x=1", "client_id=1&client_secret=[hidden]&x=1"},
		{"credentials of a proxy", "proxy http://u:p@proxy.example:8080 failed", "proxy http://[credentials]@proxy.example:8080 failed"},
		{"page token", "GET https://g/v1.0/users?$skiptoken=RFNwdAIAAQ&$top=9", "GET https://g/v1.0/users?$skiptoken=[hidden]&$top=9"},
		{"page token escaped", "%24skiptoken=RFNwdAIAAQ", "%24skiptoken=[hidden]"},
		{"word password", "the password is wrong", "the password is wrong"},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clean(tt.in, 500); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	long := clean(strings.Repeat("ü", 1_000_000), 500)
	if n := len([]rune(long)); n != 500 || !strings.HasSuffix(long, "…") {
		t.Errorf("got %d runes, want 500 with an ellipsis", n)
	}
}

func FuzzDecodeError(f *testing.F) {
	for _, s := range []string{
		graphError("a", "b"), `{"error":"x"}`, `{"error":{"innererror":{"code":1}}}`, "", "null", "[", `{"error":[]}`, "\xff",
	} {
		f.Add(404, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := decodeError(status, body)
		if e == nil || e.Status != status {
			t.Fatalf("got %v, want an error of status %d", e, status)
		}
		if n := len([]rune(e.Message)); n > maxMessage {
			t.Errorf("message of %d runes", n)
		}
		if strings.ContainsAny(e.Error(), "\r\n\x00\x1b") {
			t.Errorf("%q holds control characters", e.Error())
		}
	})
}
