package graph

import (
	"context"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// A staticToken is a token that was acquired elsewhere and cannot be renewed.
type staticToken struct {
	token   string
	expires time.Time
	now     func() time.Time
}

var _ azcore.TokenCredential = (*staticToken)(nil)

// opaqueLifetime is how long a token is taken to be good that does not say
// when it ends: Graph's 401 then says it.
const opaqueLifetime = 24 * time.Hour

func newStaticToken(token string, now func() time.Time) (*staticToken, error) {
	token = strings.TrimSpace(token)
	if len(token) > 7 && strings.EqualFold(token[:7], "bearer ") {
		token = strings.TrimSpace(token[7:])
	}
	refuse := func(why string) (*staticToken, error) {
		return nil, &SignInError{Method: AuthToken, Message: "sign in by token: " + why}
	}
	if token == "" {
		return refuse("the access token is missing")
	}
	for _, r := range token {
		// A line break would end the header and begin another one.
		if r <= ' ' || r > '~' {
			return refuse("the access token holds a character that tokens do not have")
		}
	}
	t := &staticToken{token: token, now: now}
	if c, ok := decodeToken(token); ok {
		t.expires = c.expiry()
	}
	return t, nil
}

// GetToken gives the token until its end.
func (t *staticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	now := t.now()
	switch {
	case t.expires.IsZero():
		return azcore.AccessToken{Token: t.token, ExpiresOn: now.Add(opaqueLifetime)}, nil
	case !now.Before(t.expires):
		return azcore.AccessToken{}, &SignInError{
			Method:  AuthToken,
			Message: "sign in by token: the access token expired at " + t.expires.Format(time.RFC3339),
			Hint:    "acquire a new one and go on with the unfinished scan",
		}
	}
	return azcore.AccessToken{Token: t.token, ExpiresOn: t.expires}, nil
}
