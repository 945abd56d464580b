package graph

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
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
	// may still hold it. Challenge are the claims that Graph asks of the next one.
	refused, challenge string
}

// A renewer is a credential that can be made to forget its cache.
type renewer interface {
	renew(context.Context, tokenRequest) (azcore.AccessToken, error)
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
	// Continuous access evaluation: Graph may refuse a token before its end, and
	// says which claims the next one needs. Whoever can answer that gets tokens
	// that live longer.
	fresh, err := ask(ctx, tokenRequest{Scopes: []string{t.scope}, EnableCAE: true, Claims: t.challenge})
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
	t.current, t.retryAt, t.refused, t.challenge = fresh, time.Time{}, "", ""
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
// asks the credential, with the claims of Graph's challenge if there was one. A
// token that has been replaced already stays.
func (t *tokens) forget(ctx context.Context, token, challenge string) {
	select {
	case t.lock <- struct{}{}:
		if t.current.Token == token {
			t.current, t.refused, t.challenge = azcore.AccessToken{}, token, challenge
		}
		<-t.lock
	case <-ctx.Done():
	}
}
