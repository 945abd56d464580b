package graph

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
)

// claimsAsked is a claims challenge as in the documentation of continuous access
// evaluation.
const claimsAsked = `{"access_token":{"nbf":{"essential":true, "value":"1604106651"}}}`

func challengeOf(claims string) string {
	return `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ` +
		`client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(claims)) + `"`
}

func TestChallengeClaims(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString([]byte(claimsAsked))
	tests := []struct {
		name    string
		headers []string
		want    string
	}{
		{"as documented", []string{challengeOf(claimsAsked)}, claimsAsked},
		{"other order, other case, no blanks", []string{`bearer Claims="` + b64 + `",ERROR="insufficient_claims"`}, claimsAsked},
		{"alphabet of addresses, no padding", []string{`Bearer error="insufficient_claims", claims="` + base64.RawURLEncoding.EncodeToString([]byte(claimsAsked)) + `"`}, claimsAsked},
		{"without quotes", []string{`Bearer error=insufficient_claims, claims=` + b64}, claimsAsked},
		{"second of two", []string{"Negotiate", challengeOf(claimsAsked)}, claimsAsked},
		{"expired, not a challenge", []string{`Bearer error="invalid_token", claims="` + b64 + `"`}, ""},
		{"no claims", []string{`Bearer error="insufficient_claims"`}, ""},
		{"no base64", []string{`Bearer error="insufficient_claims", claims="{}"`}, ""},
		{"no JSON", []string{challengeOf("anything")}, ""},
		{"a list", []string{challengeOf("[]")}, ""},
		{"quote that does not end", []string{`Bearer error="insufficient_claims`}, ""},
		{"other scheme", []string{`Basic error="insufficient_claims", claims="` + b64 + `"`}, ""},
		{"huge", []string{challengeOf(`{"a":"` + strings.Repeat("x", maxChallenge) + `"}`)}, ""},
		{"none", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := challengeClaims(tt.headers); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzChallengeClaims(f *testing.F) {
	for _, s := range []string{challengeOf(claimsAsked), `Bearer a=`, `Bearer =,=,"`, `Bearer error="insufficient_claims", claims="e30="`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := challengeClaims([]string{s}); got != "" && !strings.HasPrefix(strings.TrimSpace(got), "{") {
			t.Errorf("%q gives claims %q", s, got)
		}
	})
}

// A recorder is a credential that keeps what it was asked for, and gives the
// tokens in turn, the last one again and again.
type recorder struct {
	tokens []string
	asked  []policy.TokenRequestOptions
}

func (r *recorder) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	r.asked = append(r.asked, o)
	return azcore.AccessToken{Token: r.tokens[min(len(r.asked), len(r.tokens))-1], ExpiresOn: testNow.Add(time.Hour)}, nil
}

func (r *recorder) claims() []string {
	var out []string
	for _, a := range r.asked {
		if !a.EnableCAE {
			out = append(out, "without CAE")
			continue
		}
		out = append(out, a.Claims)
	}
	return out
}

// TestChallenge answers a claims challenge with one token that carries the
// claims, and never with a second one.
func TestChallenge(t *testing.T) {
	refuse := always(401, graphError("InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge"), "WWW-Authenticate", challengeOf(claimsAsked))
	for _, tt := range []struct {
		name      string
		tokens    []string
		claims    []string // of the requests for tokens
		exchanges int
		refused   bool
	}{
		{"answered", []string{"old", "good"}, []string{"", claimsAsked}, 2, false},
		{"challenged again", []string{"old", "older", "good"}, []string{"", claimsAsked}, 2, true},
		{"cannot be answered", []string{"old"}, []string{"", claimsAsked}, 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, exchanges := &recorder{tokens: tt.tokens}, 0
			c := testClient(t, handler(func(request *http.Request) (*http.Response, error) {
				exchanges++
				if request.Header.Get("Authorization") == "Bearer good" {
					return answer(200, `{"value":[]}`), nil
				}
				return refuse(request)
			}), func(o *Options) { o.Credential = r })
			_, err := c.Users(context.Background(), "", UserQuery{})
			if errors.Is(err, ErrUnauthorized) != tt.refused || err != nil != tt.refused {
				t.Errorf("got %v; want refused: %v", err, tt.refused)
			}
			if d := cmp.Diff(tt.claims, r.claims()); d != "" || exchanges != tt.exchanges {
				t.Errorf("%d exchanges, want %d; claims (-want +got):\n%s", exchanges, tt.exchanges, d)
			}
		})
	}
}

// TestChallengeOfItem is challenged within a batch: the next request carries
// the claims.
func TestChallengeOfItem(t *testing.T) {
	r := &recorder{tokens: []string{"old", "good"}}
	body := `{"responses":[{"id":"0","status":401,"headers":{"www-authenticate":` + quoteJSON(challengeOf(claimsAsked)) + `},"body":{"error":{"code":"InvalidAuthenticationToken","message":"challenge"}}}]}`
	c := testClient(t, always(200, body), func(o *Options) { o.Credential = r })
	for range 2 {
		if _, err := c.Methods(context.Background(), []string{alexID}); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{"", claimsAsked}, r.claims()); d != "" {
		t.Errorf("claims (-want +got):\n%s", d)
	}
}

func quoteJSON(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

func TestGrants(t *testing.T) {
	tests := []struct {
		name, token string
		want        Grants
	}{
		{"app", testToken(`{"appid":"` + alexID + `","idtyp":"app","roles":["User.Read.All","Policy.Read.All"]}`),
			Grants{Known: true, AppID: alexID, Permissions: []string{"User.Read.All", "Policy.Read.All"}}},
		{"app that does not say so", testToken(`{"roles":["User.Read.All"]}`), Grants{Known: true, Permissions: []string{"User.Read.All"}}},
		{"app without permissions", testToken(`{}`), Grants{Known: true}},
		{"person", testToken(`{"scp":"User.Read.All openid","wids":["F2EF992C-3AFB-46B9-B7CF-A126EE74C451"],"roles":["ignored"]}`),
			Grants{Known: true, Delegated: true, Permissions: []string{"User.Read.All", "openid"}, DirectoryRoles: []string{"f2ef992c-3afb-46b9-b7cf-a126ee74c451"}}},
		{"text that would move a cursor", testToken("{\"roles\":[\"User.Read.All\\u001b[2J\"]}"), Grants{Known: true, Permissions: []string{"User.Read.All[2J"}}},
		{"opaque", "EwBgA8l6BAAU", Grants{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testClient(t, always(500, ""), func(o *Options) { o.Credential = goodFor(tt.token) })
			got, err := c.Grants(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
