package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	// renewBefore is how long before its end a token is renewed.
	renewBefore = 5 * time.Minute
	// renewPause is how long a token that is still good serves on after its
	// renewal failed, before the next try.
	renewPause = 30 * time.Second
)

// tokens keeps the current access token, since a credential's own cache takes
// longer to ask than a request to build. It is safe for concurrent use: one
// goroutine renews, the others wait, and all hear the cancellation of their
// context.
type tokens struct {
	credential azcore.TokenCredential
	scope      string
	now        func() time.Time

	// lock holds one element while the fields below are in use; unlike a
	// mutex, waiting for it can be given up.
	lock    chan struct{}
	current azcore.AccessToken
	retryAt time.Time
	// refused is a token that Graph did not accept: the credential's own cache
	// may still hold it.
	refused string
}

// A renewer is a credential that can be made to forget its cache.
type renewer interface {
	renew(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error)
}

func newTokens(credential azcore.TokenCredential, scope string, now func() time.Time) *tokens {
	return &tokens{credential: credential, scope: scope, now: now, lock: make(chan struct{}, 1)}
}

// get gives a token that is good for a while, from the cache or from the
// credential. Its errors are *SignInError or the context's.
func (t *tokens) get(ctx context.Context) (string, error) {
	select {
	case t.lock <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-t.lock }()

	now := t.now()
	good := t.current.Token != "" && now.Before(t.current.ExpiresOn)
	if good && (now.Before(t.renewal()) || now.Before(t.retryAt)) {
		return t.current.Token, nil
	}
	ask := t.credential.GetToken
	if r, ok := t.credential.(renewer); ok && t.refused != "" {
		ask = r.renew
	}
	fresh, err := ask(ctx, policy.TokenRequestOptions{Scopes: []string{t.scope}})
	switch {
	case err != nil && ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil && good:
		t.retryAt = now.Add(renewPause)
		return t.current.Token, nil
	case err != nil:
		return "", newSignInError("", err)
	case fresh.Token == "":
		return "", &SignInError{Message: "sign in: an empty access token was given"}
	}
	t.current, t.retryAt, t.refused = fresh, time.Time{}, ""
	return fresh.Token, nil
}

func (t *tokens) renewal() time.Time {
	at := t.current.ExpiresOn.Add(-renewBefore)
	if r := t.current.RefreshOn; !r.IsZero() && r.Before(at) {
		return r
	}
	return at
}

// forget drops a token that Graph did not accept, so that the next request
// asks the credential. A token that has been replaced already stays.
func (t *tokens) forget(ctx context.Context, token string) {
	select {
	case t.lock <- struct{}{}:
		if t.current.Token == token {
			t.current, t.refused = azcore.AccessToken{}, token
		}
		<-t.lock
	case <-ctx.Done():
	}
}

// claims are the parts of an access token that matter here. They are read
// without a check of the signature, which only Graph can make, and so serve
// for messages and for refusing early, never for trust.
type claims struct {
	TenantID string      `json:"tid"`
	Expires  json.Number `json:"exp"`
}

// decodeToken reads the claims of a JSON Web Token; false if it is none.
// Microsoft calls its access tokens opaque to clients, and for some accounts
// they are.
func decodeToken(token string) (claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return claims{}, false
	}
	var c claims
	if err := json.Unmarshal(body, &c); err != nil {
		return claims{}, false
	}
	return c, true
}

// expiry gives the token's end; zero if it does not say, or nothing sensible.
func (c claims) expiry() time.Time {
	f, err := c.Expires.Float64()
	if err != nil || f <= 0 || f > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(f), 0).UTC()
}
