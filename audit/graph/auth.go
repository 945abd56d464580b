package graph

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// The sign-in methods.
const (
	// AuthAuto takes the first method that there is something for; see
	// AuthOptions.Offered for the order.
	AuthAuto             = "auto"
	AuthSecret           = "secret"
	AuthCertificate      = "certificate"
	AuthManagedIdentity  = "managed-identity"
	AuthWorkloadIdentity = "workload-identity"
	AuthAzureCLI         = "azure-cli"
	AuthBrowser          = "browser"
	AuthDeviceCode       = "device-code"
	AuthToken            = "token"
)

// AuthMethods gives the names of the sign-in methods, auto first.
func AuthMethods() []string {
	return []string{
		AuthAuto, AuthSecret, AuthCertificate, AuthManagedIdentity, AuthWorkloadIdentity,
		AuthAzureCLI, AuthBrowser, AuthDeviceCode, AuthToken,
	}
}

// How long one sign-in may take.
const (
	// signInTimeout bounds all requests for one token. Microsoft Entra answers
	// within a second; who waits in front of a wrong address should not wait long.
	signInTimeout = 9 * time.Second
	// cliTimeout bounds Azure CLI, which needs seconds to start.
	cliTimeout = 30 * time.Second
	// personTimeout bounds what a person does in a browser: as long as a device
	// code lives.
	personTimeout = 15 * time.Minute
)

// AuthOptions say how to sign in. Everything is passed in: the package reads
// no environment variable. For a managed identity, azidentity itself reads
// those that the host sets, and Azure CLI those of the process.
type AuthOptions struct {
	// Method is one of AuthMethods; empty means AuthAuto.
	Method string
	// TenantID is the tenant's id or one of its domains. A managed identity has
	// its own and a token too; Azure CLI takes its default one if this is empty.
	TenantID string
	// ClientID is the app registration's id; for a managed identity that of a
	// user-assigned one, and empty means the system-assigned one.
	ClientID string
	// ClientSecret serves AuthSecret.
	ClientSecret string
	// CertificateFile is the path of a PEM or PFX file with certificate and
	// private key, for AuthCertificate; CertificatePassword opens a PFX file.
	CertificateFile     string
	CertificatePassword string
	// FederatedTokenFile is the path of a file with the token that another
	// issuer gave this workload, for AuthWorkloadIdentity. It is read anew when
	// it may have been replaced.
	FederatedTokenFile string
	// AccessToken is a token that was acquired elsewhere, for AuthToken.
	AccessToken string
	// ManagedIdentity says that the host offers a managed identity, and AzureCLI
	// that there is an Azure CLI: AuthAuto takes them only then.
	ManagedIdentity bool
	AzureCLI        bool
	// Prompt tells a person, in one or more lines, what to do to sign in, for
	// AuthBrowser and AuthDeviceCode. Without it nobody is there, and both are
	// refused. It is called from the goroutine that needs a token.
	Prompt func(text string)
	Cloud  Cloud
	// DisableInstanceDiscovery leaves out the question to Microsoft whether the
	// authority is a known one; needed for private clouds.
	DisableInstanceDiscovery bool
	// Transport sends the requests for tokens; nil means NewTransport without
	// options. Redirects are not followed: they would carry the secret along.
	Transport http.RoundTripper
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Offered gives the methods that there is something for, in the order in which
// AuthAuto prefers them: what was handed over comes before what the host
// offers. Browser and device code are never among them, since they would ask a
// person.
//
// AuthAuto takes the first and stays with it: were it to go on after a failure,
// a wrong secret would end in a sign-in as somebody else.
func (o AuthOptions) Offered() []string {
	var out []string
	for _, m := range []struct {
		name  string
		there bool
	}{
		{AuthToken, o.AccessToken != ""},
		{AuthCertificate, o.CertificateFile != ""},
		{AuthSecret, o.ClientSecret != ""},
		{AuthWorkloadIdentity, o.FederatedTokenFile != ""},
		{AuthManagedIdentity, o.ManagedIdentity},
		{AuthAzureCLI, o.AzureCLI},
	} {
		if m.there {
			out = append(out, m.name)
		}
	}
	return out
}

// Taken gives the method that NewCredential will use, for auto the one that it
// takes; its errors are NewCredential's.
func (o AuthOptions) Taken() (string, error) {
	if o.Method != AuthAuto && o.Method != "" {
		if slices.Contains(AuthMethods(), o.Method) {
			return o.Method, nil
		}
		return "", &OptionError{
			Message: fmt.Sprintf("unknown sign-in method %q", clean(o.Method, 40)),
			Hint:    "the methods are " + strings.Join(AuthMethods(), ", "),
		}
	}
	if offered := o.Offered(); len(offered) > 0 {
		return offered[0], nil
	}
	return "", &SignInError{
		Method:  AuthAuto,
		Message: "sign in: no credentials were given",
		Hint: "give tenant, client id, and a client secret or a certificate; or an access token; or say how to sign in, " +
			"such as managed-identity on a virtual machine of Azure, or device-code",
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
	if err := o.check(method); err != nil {
		return nil, err
	}
	c := &credential{method: method, timeout: signInTimeout, secrets: o.secrets}
	switch method {
	case AuthToken:
		t, err := newStaticToken(o.AccessToken, o.Now)
		if err != nil {
			return nil, err
		}
		return t, nil
	case AuthSecret:
		c.remake = o.secretCredential
	case AuthCertificate:
		c.remake = o.certificateCredential
	case AuthWorkloadIdentity:
		c.remake = o.workloadCredential
	case AuthManagedIdentity:
		c.remake = o.managedCredential
	case AuthAzureCLI:
		c.remake, c.timeout = o.cliCredential, cliTimeout
	case AuthBrowser:
		c.remake, c.timeout, c.person = o.browserCredential, personTimeout, true
	case AuthDeviceCode:
		c.remake, c.timeout, c.person = o.deviceCredential, personTimeout, true
	}
	if c.inner, err = c.remake(); err != nil {
		return nil, c.explain(err)
	}
	return c, nil
}

// check says what a method lacks, all of it at once.
func (o AuthOptions) check(method string) error {
	lacks := func(format string, args ...any) *SignInError {
		return &SignInError{Method: method, Message: "sign in by " + method + ": " + fmt.Sprintf(format, args...)}
	}
	if method == AuthToken || method == AuthManagedIdentity || method == AuthAzureCLI {
		return nil
	}
	if (method == AuthBrowser || method == AuthDeviceCode) && o.Prompt == nil {
		e := lacks("nobody is there to sign in: standard input is no terminal")
		e.Hint = "run it on a terminal, or sign in by secret, certificate, managed-identity or workload-identity"
		return e
	}
	var missing []string
	for _, m := range []struct {
		what    string
		missing bool
	}{
		{"the tenant", o.TenantID == ""},
		{"the client id", o.ClientID == ""},
		{"the client secret", method == AuthSecret && o.ClientSecret == ""},
		{"the certificate file", method == AuthCertificate && o.CertificateFile == ""},
		{"the file with the federated token", method == AuthWorkloadIdentity && o.FederatedTokenFile == ""},
	} {
		if m.missing {
			missing = append(missing, m.what)
		}
	}
	if len(missing) > 0 {
		return lacks("missing: %s", strings.Join(missing, ", "))
	}
	if o.Cloud.Authority == "" {
		e := lacks("the cloud has no authority host")
		e.Hint = "give the authority host of the custom cloud"
		return e
	}
	return nil
}

// secrets gives what no message may show.
func (o AuthOptions) secrets() []string {
	return []string{o.ClientSecret, o.CertificatePassword, o.AccessToken}
}
