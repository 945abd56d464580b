package graph

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
)

// certificateFile makes a PEM file with certificate and key that ends at end.
func certificateFile(t *testing.T, end time.Time, key any, public any) string {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "passkey-audit"},
		NotBefore: end.Add(-time.Hour), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, block := range []*pem.Block{{Type: "PRIVATE KEY", Bytes: private}, {Type: "CERTIFICATE", Bytes: der}} {
		if err := pem.Encode(&b, block); err != nil {
			t.Fatal(err)
		}
	}
	return writeFile(t, "app.pem", b.Bytes())
}

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNewCredential(t *testing.T) {
	global, err := CloudByName("global")
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	goodPEM := certificateFile(t, testNow.Add(time.Hour), rsaKey, &rsaKey.PublicKey)
	oldPEM := certificateFile(t, testNow.Add(-time.Hour), rsaKey, &rsaKey.PublicKey)
	ecPEM := certificateFile(t, testNow.Add(time.Hour), ecKey, &ecKey.PublicKey)
	whole, err := os.ReadFile(goodPEM)
	if err != nil {
		t.Fatal(err)
	}
	noKey := writeFile(t, "nokey.pem", whole[bytes.Index(whole, []byte("-----BEGIN CERT")):])
	empty := writeFile(t, "empty", []byte(" \n"))
	garbage := writeFile(t, "garbage.pfx", []byte("this is no certificate"))

	app := AuthOptions{TenantID: tenantID, ClientID: alexID, Cloud: global, Now: func() time.Time { return testNow }}
	with := func(change func(*AuthOptions)) AuthOptions {
		o := app
		change(&o)
		return o
	}
	tests := []struct {
		name  string
		o     AuthOptions
		taken string // on success
		want  string // part of the error
		usage bool
	}{
		{"secret", with(func(o *AuthOptions) { o.Method, o.ClientSecret = AuthSecret, testSecret }), AuthSecret, "", false},
		{"certificate", with(func(o *AuthOptions) { o.Method, o.CertificateFile = AuthCertificate, goodPEM }), AuthCertificate, "", false},
		{"token", AuthOptions{Method: AuthToken, AccessToken: "opaque"}, AuthToken, "", false},
		{"auto takes a secret", with(func(o *AuthOptions) { o.ClientSecret = testSecret }), AuthSecret, "", false},
		{"auto takes a certificate first", with(func(o *AuthOptions) { o.ClientSecret, o.CertificateFile = testSecret, goodPEM }), AuthCertificate, "", false},
		{"auto takes a token before all", with(func(o *AuthOptions) { o.Method, o.ClientSecret, o.AccessToken = AuthAuto, testSecret, "x" }), AuthToken, "", false},
		{"nothing", app, "", "no credentials", false},
		{"unknown method", with(func(o *AuthOptions) { o.Method = "magic" }), "", `"magic"`, true},
		{"method in capitals", with(func(o *AuthOptions) { o.Method = "Secret" }), "", "workload-identity", true},
		{"device code without a person", with(func(o *AuthOptions) { o.Method = AuthDeviceCode }), "", "no terminal", false},
		{"browser without a person", with(func(o *AuthOptions) { o.Method = AuthBrowser }), "", "no terminal", false},
		{"device code without a client id", AuthOptions{Method: AuthDeviceCode, Cloud: global, TenantID: tenantID, Prompt: func(string) {}}, "", "the client id", false},
		{"device code", with(func(o *AuthOptions) { o.Method, o.Prompt = AuthDeviceCode, func(string) {} }), AuthDeviceCode, "", false},
		{"browser", with(func(o *AuthOptions) { o.Method, o.Prompt = AuthBrowser, func(string) {} }), AuthBrowser, "", false},
		{"Azure CLI", AuthOptions{Method: AuthAzureCLI, TenantID: "contoso.com"}, AuthAzureCLI, "", false},
		{"Azure CLI and a tenant that would be a flag", AuthOptions{Method: AuthAzureCLI, TenantID: "contoso.com --debug"}, "", "tenant", false},
		{"managed identity", AuthOptions{Method: AuthManagedIdentity}, AuthManagedIdentity, "", false},
		{"workload identity", with(func(o *AuthOptions) { o.Method, o.FederatedTokenFile = AuthWorkloadIdentity, goodPEM }), AuthWorkloadIdentity, "", false},
		{"workload identity without a file", with(func(o *AuthOptions) { o.Method = AuthWorkloadIdentity }), "", "federated token", false},
		{"workload identity and a file that is missing", with(func(o *AuthOptions) { o.Method, o.FederatedTokenFile = AuthWorkloadIdentity, "/nowhere/token" }), "", "token: the file cannot be read", false},
		{"workload identity and an empty file", with(func(o *AuthOptions) { o.Method, o.FederatedTokenFile = AuthWorkloadIdentity, empty }), "", "empty", false},
		{"auto takes what was handed over before what the host offers", with(func(o *AuthOptions) {
			o.ClientSecret, o.FederatedTokenFile, o.ManagedIdentity, o.AzureCLI = testSecret, goodPEM, true, true
		}), AuthSecret, "", false},
		{"auto takes a workload identity", with(func(o *AuthOptions) { o.FederatedTokenFile, o.ManagedIdentity, o.AzureCLI = goodPEM, true, true }), AuthWorkloadIdentity, "", false},
		{"auto takes a managed identity", with(func(o *AuthOptions) { o.ManagedIdentity, o.AzureCLI = true, true }), AuthManagedIdentity, "", false},
		{"auto takes Azure CLI last", with(func(o *AuthOptions) { o.AzureCLI = true }), AuthAzureCLI, "", false},
		{"auto never asks a person", with(func(o *AuthOptions) { o.Prompt = func(string) {} }), "", "no credentials", false},
		{"no secret", with(func(o *AuthOptions) { o.Method = AuthSecret }), "", "the client secret", false},
		{"nothing but a secret", AuthOptions{ClientSecret: testSecret, Cloud: global}, "", "the tenant, the client id", false},
		{"no certificate", with(func(o *AuthOptions) { o.Method = AuthCertificate }), "", "the certificate file", false},
		{"no token", AuthOptions{Method: AuthToken, AccessToken: " \n"}, "", "missing", false},
		{"token of two lines", AuthOptions{Method: AuthToken, AccessToken: "a\r\nX-Evil: 1"}, "", "character", false},
		{"token not of ASCII", AuthOptions{Method: AuthToken, AccessToken: "tökén"}, "", "character", false},
		{"no authority", with(func(o *AuthOptions) { o.ClientSecret = testSecret; o.Cloud = Cloud{Root: testRoot} }), "", "authority", false},
		{"authority without https", with(func(o *AuthOptions) { o.ClientSecret = testSecret; o.Cloud.Authority = "http://127.0.0.1" }), "", "https", false},
		{"tenant that is none", with(func(o *AuthOptions) { o.ClientSecret = testSecret; o.TenantID = "a b/c" }), "", "tenant", false},
		{"file is missing", with(func(o *AuthOptions) { o.CertificateFile = "/nowhere/at/all.pem" }), "", "all.pem: the file cannot be read: no such file", false},
		{"file is a folder", with(func(o *AuthOptions) { o.CertificateFile = t.TempDir() }), "", "cannot be read", false},
		{"file is garbage", with(func(o *AuthOptions) { o.CertificateFile = garbage }), "", "garbage.pfx", false},
		{"wrong password", with(func(o *AuthOptions) { o.CertificateFile, o.CertificatePassword = garbage, testSecret }), "", "garbage.pfx", false},
		{"file without a key", with(func(o *AuthOptions) { o.CertificateFile = noKey }), "", "private key", false},
		{"certificate expired", with(func(o *AuthOptions) { o.CertificateFile = oldPEM }), "", "expired on 2026-11-01", false},
		{"key that is not RSA", with(func(o *AuthOptions) { o.CertificateFile = ecPEM }), "", "RSA", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := NewCredential(tt.o)
			if tt.taken != "" {
				if err != nil || c == nil {
					t.Fatalf("got %v, %v", c, err)
				}
				if got, err := tt.o.Taken(); got != tt.taken || err != nil {
					t.Errorf("Taken = %q, %v; want %q", got, err, tt.taken)
				}
				return
			}
			var option *OptionError
			var signIn *SignInError
			if tt.usage && !errors.As(err, &option) || !tt.usage && !errors.As(err, &signIn) {
				t.Fatalf("got %T %v, want a usage error: %v", err, err, tt.usage)
			}
			if c != nil {
				t.Errorf("a credential comes with an error")
			}
			text := err.Error()
			if !strings.Contains(text, tt.want) || strings.Contains(text, "\n") || strings.Contains(text, testSecret) || len(text) > 400 {
				t.Errorf("got %q, want one line with %q and no secret", text, tt.want)
			}
		})
	}
}

func TestSignInErrors(t *testing.T) {
	entra := func(status int, code, text string) handler {
		return func(r *http.Request) (*http.Response, error) {
			if !strings.HasSuffix(r.URL.Path, "/token") {
				body := fmt.Sprintf(`{"authorization_endpoint":"https://%[1]s/%[2]s/oauth2/v2.0/authorize","token_endpoint":"https://%[1]s/%[2]s/oauth2/v2.0/token","issuer":"https://%[1]s/%[2]s/v2.0","tenant_discovery_endpoint":"https://%[1]s/%[2]s/v2.0/.well-known/openid-configuration","metadata":[]}`, r.URL.Host, tenantID)
				response := answer(200, body)
				response.Request = r
				return response, nil
			}
			response := answer(status, fmt.Sprintf(`{"error":"invalid_client","error_description":"%s: %s Trace ID: 1 Correlation ID: 2 Timestamp: 3","error_codes":[1]}`, code, text))
			response.Request = r
			return response, nil
		}
	}
	failing := func(err error) handler {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	tests := []struct {
		name      string
		transport handler
		code      string
		want      string
		temporary bool
	}{
		{"wrong secret", entra(401, "AADSTS7000215", "Invalid client secret provided."), "AADSTS7000215", "its value is needed", false},
		{"expired secret", entra(401, "AADSTS7000222", "The provided client secret keys are expired."), "AADSTS7000222", "make a new one", false},
		{"unknown app", entra(400, "AADSTS700016", "Application not found."), "AADSTS700016", "check the client id", false},
		{"unknown code", entra(400, "AADSTS12345", "Something else."), "AADSTS12345", "Something else.", false},
		{"busy", entra(503, "AADSTS90033", "A transient error has occurred."), "AADSTS90033", "transient", true},
		{"throttled", entra(429, "AADSTS90024", "Too many."), "AADSTS90024", "Too many", true},
		{"no such host", failing(&net.DNSError{Err: "no such host", Name: "login.microsoftonline.com", IsNotFound: true}), "", "login.microsoftonline.com was not found", true},
		{"refused", failing(&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}), "", "connection refused", true},
		{"no JSON", func(r *http.Request) (*http.Response, error) {
			response := answer(502, "<html>")
			response.Request = r
			return response, nil
		}, "", "502", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			global, err := CloudByName("global")
			if err != nil {
				t.Fatal(err)
			}
			calls := 0
			c, err := NewCredential(AuthOptions{
				TenantID: tenantID, ClientID: alexID, ClientSecret: testSecret, Cloud: global, DisableInstanceDiscovery: true,
				Transport: handler(func(r *http.Request) (*http.Response, error) {
					if calls++; calls > 10 {
						t.Error("azidentity tries again and again")
					}
					return tt.transport(r)
				}),
			})
			if err != nil {
				t.Fatal(err)
			}
			client := testClient(t, always(200, `{"value":[]}`), func(o *Options) { o.Credential = c })
			_, err = client.Users(context.Background(), "", UserQuery{})
			var signIn *SignInError
			if !errors.As(err, &signIn) {
				t.Fatalf("got %T %v, want a *SignInError", err, err)
			}
			if signIn.Code != tt.code || signIn.Temporary() != tt.temporary || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got code %q, temporary %v, %q; want %q, %v, %q", signIn.Code, signIn.Temporary(), err, tt.code, tt.temporary, tt.want)
			}
			if signIn.Failure().Status == http.StatusUnauthorized == tt.temporary {
				t.Errorf("Failure = %+v", signIn.Failure())
			}
			for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", signIn)} {
				if strings.Contains(text, testSecret) || strings.Contains(err.Error(), "\n") || strings.Contains(text, "Trace ID") {
					t.Errorf("%q is more than a line or holds the secret", text)
				}
			}
		})
	}
}

func TestSecretSignIn(t *testing.T) {
	global, err := CloudByName("usgov")
	if err != nil {
		t.Fatal(err)
	}
	var form string
	c, err := NewCredential(AuthOptions{
		TenantID: tenantID, ClientID: alexID, ClientSecret: testSecret, Cloud: global, DisableInstanceDiscovery: true,
		Transport: handler(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host != "login.microsoftonline.us" {
				t.Errorf("asked %s for a token", r.URL.Host)
			}
			if r.Body != nil {
				b, _ := io.ReadAll(r.Body)
				form = string(b)
			}
			response := answer(200, `{"token_type":"Bearer","expires_in":3599,"access_token":"`+testToken(`{"tid":"`+tenantID+`"}`)+`",
				"authorization_endpoint":"https://login.microsoftonline.us/`+tenantID+`/oauth2/v2.0/authorize",
				"token_endpoint":"https://login.microsoftonline.us/`+tenantID+`/oauth2/v2.0/token","issuer":"https://login.microsoftonline.us/`+tenantID+`/v2.0"}`)
			response.Request = r
			return response, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	client := testClient(t, always(200, `{}`), func(o *Options) { o.Credential, o.Cloud, o.Now = c, global, nil })
	got, err := client.TokenTenant(context.Background())
	if err != nil || got != tenantID {
		t.Errorf("TokenTenant = %q, %v; want %q", got, err, tenantID)
	}
	if want := "scope=https%3A%2F%2Fgraph.microsoft.us%2F.default"; !strings.Contains(form, want) {
		t.Errorf("the request for a token does not hold %s", want)
	}
}

func TestStaticToken(t *testing.T) {
	token := func(payload string) string { return testToken(payload) }
	in := func(d time.Duration) string { return fmt.Sprint(testNow.Add(d).Unix()) }
	tests := []struct {
		name, token string
		expires     time.Time
		fails       bool
	}{
		{"says when it ends", token(`{"exp":` + in(time.Hour) + `}`), testNow.Add(time.Hour), false},
		{"with a fraction", token(`{"exp":` + in(time.Hour) + `.5}`), testNow.Add(time.Hour), false},
		{"does not say", token(`{}`), testNow.Add(opaqueLifetime), false},
		{"says nonsense", token(`{"exp":-1}`), testNow.Add(opaqueLifetime), false},
		{"says a text", token(`{"exp":"soon"}`), testNow.Add(opaqueLifetime), false},
		{"far too late", token(`{"exp":1e300}`), testNow.Add(opaqueLifetime), false},
		{"opaque", "EwBgA8l6BAAU", testNow.Add(opaqueLifetime), false},
		{"three parts of nothing", "..", testNow.Add(opaqueLifetime), false},
		{"with its header's word", "Bearer EwBgA8l6BAAU", testNow.Add(opaqueLifetime), false},
		{"expired", token(`{"exp":` + in(0) + `}`), time.Time{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := NewCredential(AuthOptions{Method: AuthToken, AccessToken: tt.token, Now: func() time.Time { return testNow }})
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.GetToken(context.Background(), policy.TokenRequestOptions{})
			var signIn *SignInError
			if tt.fails != errors.As(err, &signIn) || tt.fails && signIn.Temporary() {
				t.Fatalf("got %v, want an error: %v", err, tt.fails)
			}
			if !got.ExpiresOn.Equal(tt.expires) || strings.Contains(got.Token, " ") {
				t.Errorf("got %v, want %v", got.ExpiresOn, tt.expires)
			}
		})
	}
}

func FuzzDecodeToken(f *testing.F) {
	for _, s := range []string{testToken(`{"tid":"x","exp":1}`), "", "..", "a.b.c", testToken(`[]`), testToken(`{"exp":1e999}`)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := decodeToken(s)
		if !ok && !cmp.Equal(c, claims{}) {
			t.Errorf("claims of what is none: %+v", c)
		}
		if e := c.expiry(); !e.IsZero() && e.Before(time.Unix(0, 0)) {
			t.Errorf("expiry %v", e)
		}
	})
}
