package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	"github.com/pkg/browser"
)

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

// refuseFile is the error of a file that the sign-in needs. The path is known
// to whoever gave it; only its last part is shown.
func refuseFile(method, file, why, hint string) error {
	return &SignInError{
		Method:  method,
		Message: fmt.Sprintf("sign in by %s: %s: %s", method, clean(filepath.Base(file), 100), why),
		Hint:    hint,
	}
}

// unreadable says why a file could not be read, without its path.
func unreadable(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return "the file cannot be read: " + clean(err.Error(), 200)
}

// workloadCredential reads the file once, so that one that is not there or holds
// nothing is told before anything is asked for.
func (o AuthOptions) workloadCredential() (azcore.TokenCredential, error) {
	data, err := os.ReadFile(o.FederatedTokenFile)
	if err != nil {
		return nil, refuseFile(AuthWorkloadIdentity, o.FederatedTokenFile, unreadable(err), "")
	}
	if strings.TrimSpace(string(data)) == "" {
		return nil, refuseFile(AuthWorkloadIdentity, o.FederatedTokenFile, "the file is empty", "")
	}
	return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: o.clientOptions(), TenantID: o.TenantID, ClientID: o.ClientID,
		TokenFilePath: o.FederatedTokenFile, DisableInstanceDiscovery: o.DisableInstanceDiscovery,
	})
}

func (o AuthOptions) managedCredential() (azcore.TokenCredential, error) {
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: o.clientOptions()}
	if o.ClientID != "" {
		options.ID = azidentity.ClientID(o.ClientID)
	}
	return azidentity.NewManagedIdentityCredential(options)
}

func (o AuthOptions) cliCredential() (azcore.TokenCredential, error) {
	return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: o.TenantID})
}

func (o AuthOptions) browserCredential() (azcore.TokenCredential, error) {
	inner, err := azidentity.NewInteractiveBrowserCredential(&azidentity.InteractiveBrowserCredentialOptions{
		ClientOptions: o.clientOptions(), TenantID: o.TenantID, ClientID: o.ClientID,
		DisableInstanceDiscovery: o.DisableInstanceDiscovery,
		// When the token ends, what is kept is tried first; the prompt is told then.
		DisableAutomaticAuthentication: true,
	})
	if err != nil {
		return nil, err
	}
	return &asking{TokenCredential: inner, ask: func(ctx context.Context, r policy.TokenRequestOptions) error {
		// Browsers greet whoever starts them, and would do so among the data. It
		// is the library's only switch; nothing else in the process starts one.
		browser.Stdout = io.Discard
		o.Prompt("sign in with the browser window that opens now")
		_, err := inner.Authenticate(ctx, &r)
		return err
	}}, nil
}

func (o AuthOptions) deviceCredential() (azcore.TokenCredential, error) {
	return azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
		ClientOptions: o.clientOptions(), TenantID: o.TenantID, ClientID: o.ClientID,
		DisableInstanceDiscovery: o.DisableInstanceDiscovery,
		UserPrompt: func(_ context.Context, m azidentity.DeviceCodeMessage) error {
			o.Prompt(m.Message)
			return nil
		},
	})
}

// asking is a credential that asks a person where nothing kept serves.
type asking struct {
	azcore.TokenCredential
	ask func(context.Context, policy.TokenRequestOptions) error
}

// GetToken asks for a token, and the person only if that is needed.
func (a *asking) GetToken(ctx context.Context, r policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := a.TokenCredential.GetToken(ctx, r)
	var required *azidentity.AuthenticationRequiredError
	if !errors.As(err, &required) {
		return token, err
	}
	if err := a.ask(ctx, r); err != nil {
		return azcore.AccessToken{}, err
	}
	// What the person was asked for is kept now, the claims included.
	r.Claims = ""
	return a.TokenCredential.GetToken(ctx, r)
}

// tokenRequest is what a credential is asked for.
type tokenRequest = policy.TokenRequestOptions

// A credential turns the errors of another one into *SignInError and bounds
// its time.
type credential struct {
	inner azcore.TokenCredential
	// remake makes inner anew: only so does azidentity forget a token that it
	// thinks is good. A file is read again, and may be a new one.
	remake  func() (azcore.TokenCredential, error)
	method  string
	timeout time.Duration
	// person says that inner made anew would ask a person again.
	person bool
	// secrets gives what no message may show; nil for nothing.
	secrets func() []string
}

var (
	_ azcore.TokenCredential = (*credential)(nil)
	_ renewer                = (*credential)(nil)
)

// renew asks for a token without regard to what is cached. It must not be
// called by two at once.
func (c *credential) renew(ctx context.Context, o tokenRequest) (azcore.AccessToken, error) {
	// With claims azidentity leaves its cache aside, and a person who has signed
	// in is not asked again for a token that may be no better.
	if c.remake != nil && o.Claims == "" && !c.person {
		inner, err := c.remake()
		if err != nil {
			return azcore.AccessToken{}, c.explain(err)
		}
		c.inner = inner
	}
	return c.GetToken(ctx, o)
}

// GetToken asks the inner credential.
func (c *credential) GetToken(ctx context.Context, o tokenRequest) (azcore.AccessToken, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var last exchanged
	token, err := c.inner.GetToken(context.WithValue(bounded, exchangedKey{}, &last), o)
	switch {
	case err == nil:
		return token, nil
	case ctx.Err() != nil:
		return azcore.AccessToken{}, ctx.Err()
	case last.err != nil:
		err = last.err
	}
	if answered := signInResponse(err); answered != nil && last.refusal != nil {
		answered.Body = io.NopCloser(bytes.NewReader(last.refusal))
	}
	return azcore.AccessToken{}, c.explain(err)
}

// explain puts a failure into one line that shows no secret.
func (c *credential) explain(err error) error {
	err = newSignInError(c.method, err)
	var s *SignInError
	if c.secrets == nil || !errors.As(err, &s) {
		return err
	}
	for _, secret := range c.secrets() {
		// One that is a word or two would only make the message unreadable.
		if len(secret) >= 8 {
			s.Message = strings.ReplaceAll(s.Message, secret, "[secret]")
		}
	}
	return err
}

// exchanged is how the last request of one GetToken ended. azidentity keeps no
// more than the text of the network's error, and not always a refusal's body.
type exchanged struct {
	err     error
	refusal []byte
}

// exchangedKey finds the exchanged of a request.
type exchangedKey struct{}

// A tokenTransport sends the requests for tokens, and remembers how the last of
// them failed.
type tokenTransport struct{ client http.Client }

var _ policy.Transporter = (*tokenTransport)(nil)

// maxRefusal bounds what is read of an error's body.
const maxRefusal = 64 << 10

// Do sends one request.
func (t *tokenTransport) Do(r *http.Request) (*http.Response, error) {
	response, err := t.client.Do(r)
	last, ok := r.Context().Value(exchangedKey{}).(*exchanged)
	if !ok {
		return response, err
	}
	*last = exchanged{err: err}
	if err == nil && response.StatusCode >= 400 {
		var rerr error
		if last.refusal, rerr = io.ReadAll(io.LimitReader(response.Body, maxRefusal)); rerr != nil {
			last.refusal = nil
		}
		_ = response.Body.Close()
		response.Body = io.NopCloser(bytes.NewReader(last.refusal))
	}
	return response, err
}
