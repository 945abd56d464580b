package graph

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// The sign-in methods of this version.
const (
	AuthAuto        = "auto"
	AuthSecret      = "secret"
	AuthCertificate = "certificate"
	AuthToken       = "token"
)

// signInTimeout bounds one request for a token by secret or certificate.
const signInTimeout = 30 * time.Second

// AuthOptions say how to sign in. Everything is passed in: the package reads
// no environment variable.
type AuthOptions struct {
	// Method is one of the Auth constants; empty means AuthAuto, which takes
	// the first of token, certificate and secret that there is something for.
	Method string
	// TenantID is the tenant's id or one of its domains.
	TenantID string
	ClientID string
	// ClientSecret serves AuthSecret.
	ClientSecret string
	// CertificateFile is the path of a PEM or PFX file with certificate and
	// private key, for AuthCertificate; CertificatePassword opens a PFX file.
	CertificateFile     string
	CertificatePassword string
	// AccessToken is a token that was acquired elsewhere, for AuthToken.
	AccessToken string
	Cloud       Cloud
	// DisableInstanceDiscovery leaves out the question to Microsoft whether the
	// authority is a known one; needed for private clouds.
	DisableInstanceDiscovery bool
	// Transport sends the requests for tokens; nil means NewTransport without
	// options. Redirects are not followed: they would carry the secret along.
	Transport http.RoundTripper
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Taken gives the method that NewCredential will use, for auto the one that it
// takes; its errors are NewCredential's.
func (o AuthOptions) Taken() (string, error) {
	switch o.Method {
	case AuthSecret, AuthCertificate, AuthToken:
		return o.Method, nil
	case AuthAuto, "":
	default:
		return "", &OptionError{
			Message: fmt.Sprintf("this version does not know the sign-in method %q", clean(o.Method, 40)),
			Hint:    "the methods are auto, secret, certificate and token",
		}
	}
	switch {
	case o.AccessToken != "":
		return AuthToken, nil
	case o.CertificateFile != "":
		return AuthCertificate, nil
	case o.ClientSecret != "":
		return AuthSecret, nil
	}
	return "", &SignInError{
		Method:  AuthAuto,
		Message: "sign in: no credentials were given",
		Hint:    "give tenant, client id, and a client secret or a certificate; or an access token",
	}
}

// NewCredential makes the credential that the options ask for. It asks no
// server; what is missing or cannot be read is a *SignInError, a method that
// does not exist an *OptionError. The credential's errors are *SignInError, or
// the context's.
func NewCredential(o AuthOptions) (azcore.TokenCredential, error) {
	method, err := o.Taken()
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Transport == nil {
		o.Transport = NewTransport(TransportOptions{})
	}
	if method == AuthToken {
		c, err := newStaticToken(o.AccessToken, o.Now)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	if err := o.checkApp(method); err != nil {
		return nil, err
	}
	remake := o.secretCredential
	if method == AuthCertificate {
		remake = o.certificateCredential
	}
	inner, err := remake()
	if err != nil {
		return nil, newSignInError(method, err)
	}
	return &credential{inner: inner, remake: remake, method: method, timeout: signInTimeout}, nil
}

// checkApp says what a sign-in as an app lacks, all of it at once.
func (o AuthOptions) checkApp(method string) error {
	var missing []string
	if o.TenantID == "" {
		missing = append(missing, "the tenant")
	}
	if o.ClientID == "" {
		missing = append(missing, "the client id")
	}
	if method == AuthSecret && o.ClientSecret == "" {
		missing = append(missing, "the client secret")
	}
	if method == AuthCertificate && o.CertificateFile == "" {
		missing = append(missing, "the certificate file")
	}
	if len(missing) > 0 {
		return &SignInError{
			Method:  method,
			Message: fmt.Sprintf("sign in by %s: missing: %s", method, strings.Join(missing, ", ")),
		}
	}
	if o.Cloud.Authority == "" {
		return &SignInError{
			Method:  method,
			Message: fmt.Sprintf("sign in by %s: the cloud has no authority host", method),
			Hint:    "give the authority host of the custom cloud",
		}
	}
	return nil
}

func (o AuthOptions) clientOptions() azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: o.Cloud.Authority},
		Transport: &tokenTransport{client: http.Client{
			Transport:     o.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}},
		// One try: waiting and trying again is the caller's.
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}
}

func (o AuthOptions) secretCredential() (azcore.TokenCredential, error) {
	return azidentity.NewClientSecretCredential(o.TenantID, o.ClientID, o.ClientSecret,
		&azidentity.ClientSecretCredentialOptions{
			ClientOptions:            o.clientOptions(),
			DisableInstanceDiscovery: o.DisableInstanceDiscovery,
		})
}

func (o AuthOptions) certificateCredential() (azcore.TokenCredential, error) {
	refuse := func(why, hint string) (azcore.TokenCredential, error) {
		return nil, &SignInError{
			Method:  AuthCertificate,
			Message: fmt.Sprintf("sign in by certificate: %s: %s", clean(filepath.Base(o.CertificateFile), 100), why),
			Hint:    hint,
		}
	}
	data, err := os.ReadFile(o.CertificateFile)
	if err != nil {
		// The path is known to whoever gave it; only its last part is shown.
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return refuse("the file cannot be read: "+clean(err.Error(), 200), "")
	}
	certificates, key, err := azidentity.ParseCertificates(data, []byte(o.CertificatePassword))
	if err != nil {
		return refuse(clean(err.Error(), 200),
			"a PEM or PFX file with the certificate and its private key is needed, and the password of a PFX file")
	}
	if end := certificates[0].NotAfter; o.Now().After(end) {
		return refuse("the certificate expired on "+end.UTC().Format(time.DateOnly),
			"make a new one and upload it to the app registration")
	}
	return azidentity.NewClientCertificateCredential(o.TenantID, o.ClientID, certificates, key,
		&azidentity.ClientCertificateCredentialOptions{
			ClientOptions:            o.clientOptions(),
			DisableInstanceDiscovery: o.DisableInstanceDiscovery,
		})
}

// A credential turns the errors of another one into *SignInError and bounds
// its time.
type credential struct {
	inner azcore.TokenCredential
	// remake makes inner anew: only so does azidentity forget a token that it
	// thinks is good. A certificate's file is read again, and may be a new one.
	remake  func() (azcore.TokenCredential, error)
	method  string
	timeout time.Duration
}

var (
	_ azcore.TokenCredential = (*credential)(nil)
	_ renewer                = (*credential)(nil)
)

// renew asks for a token without regard to what is cached. It must not be
// called by two at once.
func (c *credential) renew(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if c.remake != nil {
		inner, err := c.remake()
		if err != nil {
			return azcore.AccessToken{}, newSignInError(c.method, err)
		}
		c.inner = inner
	}
	return c.GetToken(ctx, o)
}

// GetToken asks the inner credential.
func (c *credential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var lost error
	token, err := c.inner.GetToken(context.WithValue(bounded, lostKey{}, &lost), o)
	switch {
	case err == nil:
		return token, nil
	case ctx.Err() != nil:
		return azcore.AccessToken{}, ctx.Err()
	case lost != nil:
		err = lost
	}
	return azcore.AccessToken{}, newSignInError(c.method, err)
}

// lostKey finds the place where a tokenTransport leaves the network's error:
// azidentity keeps no more than its text.
type lostKey struct{}

// A tokenTransport sends the requests of one GetToken, and remembers how the
// last of them failed for want of an answer.
type tokenTransport struct{ client http.Client }

var _ policy.Transporter = (*tokenTransport)(nil)

// Do sends one request.
func (t *tokenTransport) Do(r *http.Request) (*http.Response, error) {
	response, err := t.client.Do(r)
	if lost, ok := r.Context().Value(lostKey{}).(*error); ok {
		*lost = err
	}
	return response, err
}

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
