package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

func TestTokensAreKeptAndRenewed(t *testing.T) {
	now, calls := testNow, 0
	var fail error
	tk := newTokens(credentialFunc(func(context.Context) (azcore.AccessToken, error) {
		if fail != nil {
			return azcore.AccessToken{}, fail
		}
		calls++
		return azcore.AccessToken{Token: fmt.Sprint("t", calls), ExpiresOn: now.Add(time.Hour)}, nil
	}), "s", func() time.Time { return now })
	steps := []struct {
		name    string
		advance time.Duration
		fail    error
		forget  string
		want    string
		fails   bool
	}{
		{"first", 0, nil, "", "t1", false},
		{"kept", time.Minute, nil, "", "t1", false},
		{"kept until five minutes before its end", 53 * time.Minute, nil, "", "t1", false},
		{"renewal fails, still good", 2 * time.Minute, errors.New("down"), "", "t1", false},
		{"not tried again at once", time.Second, nil, "", "t1", false},
		{"renewed", time.Minute, nil, "", "t2", false},
		{"an old one is refused late", 0, nil, "t1", "t2", false},
		{"refused", 0, nil, "t2", "t3", false},
		{"at its end", time.Hour, errors.New("down"), "", "", true},
		{"good again", 0, nil, "", "t4", false},
	}
	for _, s := range steps {
		now, fail = now.Add(s.advance), s.fail
		if s.forget != "" {
			tk.forget(t.Context(), s.forget, "")
		}
		got, err := tk.get(context.Background())
		if got != s.want || (err != nil) != s.fails {
			t.Fatalf("%s: got %q, %v; want %q", s.name, got, err, s.want)
		}
	}
}

func TestTokensAskOnceForAll(t *testing.T) {
	calls, entered, release := 0, make(chan struct{}), make(chan struct{})
	tk := newTokens(credentialFunc(func(context.Context) (azcore.AccessToken, error) {
		calls++
		close(entered)
		<-release
		return azcore.AccessToken{Token: "t", ExpiresOn: testNow.Add(time.Hour)}, nil
	}), "s", func() time.Time { return testNow })
	var wg sync.WaitGroup
	ask := func() {
		if got, err := tk.get(context.Background()); got != "t" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	wg.Go(ask)
	<-entered
	for range 10 {
		wg.Go(ask)
	}
	// Waiting for another's sign-in hears the cancellation.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tk.get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(release)
	wg.Wait()
	if calls != 1 {
		t.Errorf("%d sign-ins, want 1", calls)
	}
}

func TestTokensHearCancellation(t *testing.T) {
	tk := newTokens(credentialFunc(func(ctx context.Context) (azcore.AccessToken, error) {
		<-ctx.Done()
		return azcore.AccessToken{}, fmt.Errorf("wrapped: %w", ctx.Err())
	}), "s", func() time.Time { return testNow })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tk.get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	tk.lock <- struct{}{}
	if _, err := tk.get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting: got %v, want context.Canceled", err)
	}
}

func TestEmptyTokenIsAnError(t *testing.T) {
	var r record
	c := testClient(t, r.wrap(always(200, `{"value":[]}`)), func(o *Options) { o.Credential = goodFor("") })
	_, err := c.Users(context.Background(), "", UserQuery{})
	var signIn *SignInError
	if !errors.As(err, &signIn) || len(r.requests) != 0 {
		t.Errorf("got %v after %d requests, want a *SignInError", err, len(r.requests))
	}
}

func TestTokenTenant(t *testing.T) {
	tests := []struct{ name, token, want string }{
		{"says so", testToken(`{"tid":"84841066-274D-4EC0-A5C1-276BE684BDD3"}`), tenantID},
		{"does not say", testToken(`{}`), ""},
		{"opaque", "EwBgA8l6BAAU", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testClient(t, always(500, ""), func(o *Options) { o.Credential = goodFor(tt.token) })
			if got, err := c.TokenTenant(context.Background()); got != tt.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// TestRefusedToken answers 401 as long as a token is not accepted.
func TestRefusedToken(t *testing.T) {
	// The SDK's adapter panics at a challenge of this form; it must never see it.
	refuse := always(401, graphError("InvalidAuthenticationToken", "Access token has expired."), "WWW-Authenticate", `Bearer realm="", claims=unquoted`)
	accept := always(200, `{"value":[]}`)
	for _, tt := range []struct {
		name string
		// given are the tokens that the credential gives, the last one again and again.
		given              []string
		signIns, exchanges int
		refused            bool
	}{
		{"renewed once", []string{"old", "good"}, 2, 2, false},
		{"the same again", []string{"old"}, 2, 1, true},
		{"another that is no better", []string{"old", "older"}, 2, 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signIns, exchanges := 0, 0
			c := testClient(t, handler(func(r *http.Request) (*http.Response, error) {
				exchanges++
				if r.Header.Get("Authorization") == "Bearer good" {
					return accept(r)
				}
				return refuse(r)
			}), func(o *Options) {
				o.Credential = credentialFunc(func(context.Context) (azcore.AccessToken, error) {
					token := tt.given[min(signIns, len(tt.given)-1)]
					signIns++
					return azcore.AccessToken{Token: token, ExpiresOn: testNow.Add(time.Hour)}, nil
				})
			})
			_, err := c.Users(context.Background(), "", UserQuery{})
			if errors.Is(err, ErrUnauthorized) != tt.refused || err != nil != tt.refused {
				t.Errorf("got %v; want refused: %v", err, tt.refused)
			}
			if signIns != tt.signIns || exchanges != tt.exchanges {
				t.Errorf("%d sign-ins and %d exchanges, want %d and %d", signIns, exchanges, tt.signIns, tt.exchanges)
			}
		})
	}
}

// TestRefusedItem renews after a batch whose envelope was accepted and an item
// not.
func TestRefusedItem(t *testing.T) {
	signIns := 0
	c := testClient(t, always(200, `{"responses":[{"id":"0","status":401,"headers":{},"body":{"error":{"code":"InvalidAuthenticationToken","message":"expired"}}}]}`), func(o *Options) {
		o.Credential = credentialFunc(func(context.Context) (azcore.AccessToken, error) {
			signIns++
			return azcore.AccessToken{Token: fmt.Sprint("t", signIns), ExpiresOn: testNow.Add(time.Hour)}, nil
		})
	})
	for want := 1; want <= 2; want++ {
		b, err := c.Methods(context.Background(), []string{"86462606-fde0-4fc4-9e0c-a20eb73e54c6"})
		if err != nil || !errors.Is(b.Answers[0].Err, ErrUnauthorized) {
			t.Fatalf("got %+v, %v", b, err)
		}
		if signIns != want {
			t.Errorf("%d sign-ins, want %d", signIns, want)
		}
	}
}

// TestRenewForgetsTheCache asks a credential whose inner one would give the
// cached token for ever.
func TestRenewForgetsTheCache(t *testing.T) {
	made := 0
	remake := func() (azcore.TokenCredential, error) {
		made++
		token := fmt.Sprint("t", made)
		return credentialFunc(func(context.Context) (azcore.AccessToken, error) {
			return azcore.AccessToken{Token: token, ExpiresOn: testNow.Add(time.Hour)}, nil
		}), nil
	}
	inner, _ := remake()
	tk := newTokens(&credential{inner: inner, remake: remake, timeout: time.Minute}, "s", func() time.Time { return testNow })
	for _, want := range []string{"t1", "t2", "t3"} {
		got, err := tk.get(context.Background())
		if got != want || err != nil {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
		tk.forget(t.Context(), got, "")
	}
}
