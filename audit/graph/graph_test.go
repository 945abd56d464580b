package graph

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testRoot   = "https://graph.example.com"
	testSecret = "correct-horse-battery-staple"
	tenantID   = "84841066-274d-4ec0-a5c1-276be684bdd3"
	alexID     = "86462606-fde0-4fc4-9e0c-a20eb73e54c6"
)

// testNow is the clock of all tests that do not say otherwise.
var testNow = time.Date(2026, 11, 1, 10, 17, 6, 0, time.UTC)

// testToken is a token as Microsoft Entra makes them, without a signature that
// anybody would accept.
func testToken(payload string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"typ":"JWT","alg":"RS256"}`) + "." + part(payload) + "." + part("no signature")
}

// A handler answers requests in process, as a transport.
type handler func(*http.Request) (*http.Response, error)

func (h handler) RoundTrip(r *http.Request) (*http.Response, error) { return h(r) }

// answer makes a response; headers are name, value, name, value.
func answer(status int, body string, headers ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// always answers every request alike.
func always(status int, body string, headers ...string) handler {
	return func(*http.Request) (*http.Response, error) { return answer(status, body, headers...), nil }
}

// A record keeps what requests a handler saw.
type record struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func (r *record) wrap(next handler) handler {
	return func(request *http.Request) (*http.Response, error) {
		var body []byte
		if request.Body != nil {
			body, _ = io.ReadAll(request.Body)
		}
		r.mu.Lock()
		r.requests = append(r.requests, request)
		r.bodies = append(r.bodies, string(body))
		r.mu.Unlock()
		return next(request)
	}
}

// credentialFunc is a credential made of a function.
type credentialFunc func(context.Context) (azcore.AccessToken, error)

func (f credentialFunc) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return f(ctx)
}

// goodFor is a credential that gives one token.
func goodFor(token string) azcore.TokenCredential {
	return credentialFunc(func(context.Context) (azcore.AccessToken, error) {
		return azcore.AccessToken{Token: token, ExpiresOn: testNow.Add(time.Hour)}, nil
	})
}

// testClient is a client over a transport in process; change may be nil.
func testClient(t testing.TB, transport http.RoundTripper, change func(*Options)) *Client {
	t.Helper()
	o := Options{
		Cloud:      Cloud{Name: "custom", Root: testRoot},
		Credential: goodFor(testSecret),
		Transport:  transport,
		Now:        func() time.Time { return testNow },
		NewID:      func() string { return "c1c1c1c1-0000-4000-8000-000000000001" },
	}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// wire reads a body as Microsoft Graph sends it.
func wire(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "wire", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sequence answers requests with the bodies in turn; n counts them.
func sequence(n *int, bodies []string) handler {
	return func(*http.Request) (*http.Response, error) {
		*n++
		if *n > len(bodies) {
			return answer(500, ""), nil
		}
		return answer(200, bodies[*n-1]), nil
	}
}
