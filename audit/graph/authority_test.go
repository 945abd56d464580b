package graph

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// An authority is a sign-in host over TLS on loopback, with a certificate of its
// own authority, that answers as Microsoft Entra does.
type authority struct {
	server *httptest.Server
	// refuse answers a request for a token in place of a token; nil for none.
	refuse func(url.Values) (status int, body string)
	// lifetime of the tokens in seconds.
	lifetime int
	// pending is how often a device code is not yet entered.
	pending int

	mu    sync.Mutex
	forms []url.Values
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{lifetime: 3599}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		base := a.server.URL + "/" + r.PathValue("tenant")
		writeJSON(w, 200, fmt.Sprintf(`{"authorization_endpoint":%q,"token_endpoint":%q,"device_authorization_endpoint":%q,"issuer":%q}`,
			base+"/oauth2/v2.0/authorize", base+"/oauth2/v2.0/token", base+"/oauth2/v2.0/devicecode", base+"/v2.0"))
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/devicecode", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, `{"user_code":"ABCD1234","device_code":"device-code-secret","verification_uri":"https://microsoft.com/devicelogin","expires_in":900,"interval":0,
			"message":"To sign in, use a web browser to open the page https://microsoft.com/devicelogin and enter the code ABCD1234 to authenticate."}`)
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", a.token)
	a.server = httptest.NewUnstartedServer(mux)
	a.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	a.server.StartTLS()
	t.Cleanup(a.server.Close)
	return a
}

func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func (a *authority) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		writeJSON(w, 400, `{}`)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forms = append(a.forms, r.PostForm)
	if r.PostForm.Get("device_code") != "" && a.pending > 0 {
		a.pending--
		writeJSON(w, 400, `{"error":"authorization_pending","error_description":"AADSTS70016: pending"}`)
		return
	}
	if a.refuse != nil {
		if status, body := a.refuse(r.PostForm); status != 0 {
			writeJSON(w, status, body)
			return
		}
	}
	answer := map[string]any{
		"token_type": "Bearer", "expires_in": a.lifetime, "scope": r.PostForm.Get("scope"),
		"access_token": testToken(fmt.Sprintf(`{"tid":%q,"jti":"%d"}`, r.PathValue("tenant"), len(a.forms))),
	}
	if strings.Contains(r.PostForm.Get("scope"), "openid") {
		answer["refresh_token"] = "refresh-token-secret"
		answer["id_token"] = testToken(fmt.Sprintf(`{"tid":%q,"oid":%q,"aud":%q,"iss":%q,"preferred_username":"alexw@contoso.com","exp":%d}`,
			tenantID, alexID, alexID, a.server.URL, time.Now().Add(time.Hour).Unix()))
		answer["client_info"] = base64.RawURLEncoding.EncodeToString([]byte(`{"uid":"` + alexID + `","utid":"` + tenantID + `"}`))
	}
	b, _ := json.Marshal(answer)
	writeJSON(w, 200, string(b))
}

// asked gives the requests for tokens so far.
func (a *authority) asked() []url.Values {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]url.Values(nil), a.forms...)
}

// options are those of a sign-in at this authority.
func (a *authority) options(t *testing.T) AuthOptions {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(a.server.Certificate())
	transport := NewTransport(TransportOptions{RootCAs: roots})
	t.Cleanup(transport.CloseIdleConnections)
	return AuthOptions{
		TenantID: tenantID, ClientID: alexID, DisableInstanceDiscovery: true, Transport: transport,
		Cloud: Cloud{Name: "custom", Root: testRoot, Authority: a.server.URL},
	}
}

// keyPair makes a key and a certificate for it that ends at end.
func keyPair(t *testing.T, end time.Time) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "passkey-audit"},
		NotBefore: end.Add(-2 * time.Hour), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, c
}

// checkAssertion makes sure that a client assertion was signed with the key.
func checkAssertion(t *testing.T, assertion string, key *rsa.PublicKey) {
	t.Helper()
	head, signature, ok := cutLast(assertion, ".")
	s, err := base64.RawURLEncoding.DecodeString(signature)
	sum := sha256.Sum256([]byte(head))
	if !ok || err != nil || rsa.VerifyPSS(key, crypto.SHA256, sum[:], s, nil) != nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], s) != nil {
		t.Errorf("the assertion is not signed with the certificate's key")
	}
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// TestSignInFlows signs in by azidentity's real flows, renews, and answers a
// claims challenge.
func TestSignInFlows(t *testing.T) {
	key, certificate := keyPair(t, time.Now().Add(time.Hour))
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	_, other := keyPair(t, time.Now().Add(-time.Hour))
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	// The order means nothing, and an old one of somebody else does no harm.
	pemFile := writeFile(t, "app.pem", []byte(block("CERTIFICATE", other.Raw)+block("PRIVATE KEY", pkcs8)+block("CERTIFICATE", certificate.Raw)))
	pfx := func(name string, e *pkcs12.Encoder, password string) string {
		b, err := e.Encode(key, certificate, nil, password)
		if err != nil {
			t.Fatal(err)
		}
		return writeFile(t, name, b)
	}
	modern, legacy := pfx("modern.pfx", pkcs12.Modern2026, testSecret), pfx("legacy.pfx", pkcs12.LegacyRC2, testSecret)
	open := pfx("open.pfx", pkcs12.Passwordless, "")
	assertion := writeFile(t, "token", []byte(testToken(`{"iss":"cluster"}`)+"\n"))
	var prompts []string

	tests := []struct {
		name   string
		change func(*AuthOptions)
		check  func(*testing.T, url.Values)
	}{
		{"secret", func(o *AuthOptions) { o.ClientSecret = testSecret }, func(t *testing.T, f url.Values) {
			if f.Get("client_secret") != testSecret || f.Get("grant_type") != "client_credentials" || f.Get("scope") != testRoot+"/.default openid offline_access profile" && f.Get("scope") != testRoot+"/.default" {
				t.Errorf("asked with %v", f)
			}
		}},
		{"PEM", func(o *AuthOptions) { o.CertificateFile = pemFile }, nil},
		{"PFX", func(o *AuthOptions) { o.CertificateFile, o.CertificatePassword = modern, testSecret }, nil},
		{"PFX of old", func(o *AuthOptions) { o.CertificateFile, o.CertificatePassword = legacy, testSecret }, nil},
		{"PFX without a password", func(o *AuthOptions) { o.CertificateFile = open }, nil},
		{"workload identity", func(o *AuthOptions) { o.FederatedTokenFile = assertion }, func(t *testing.T, f url.Values) {
			if strings.TrimSpace(f.Get("client_assertion")) != testToken(`{"iss":"cluster"}`) {
				t.Errorf("the assertion is not the file's")
			}
		}},
		{"device code", func(o *AuthOptions) {
			o.Method, o.Prompt = AuthDeviceCode, func(text string) { prompts = append(prompts, text) }
		}, func(t *testing.T, f url.Values) {
			if len(prompts) != 1 || !strings.Contains(prompts[0], "ABCD1234") {
				t.Errorf("the person was told %q", prompts)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAuthority(t)
			a.pending = 1
			o := a.options(t)
			tt.change(&o)
			c, err := NewCredential(o)
			if err != nil {
				t.Fatal(err)
			}
			challenged := false
			var sent []string
			client := testClient(t, handler(func(r *http.Request) (*http.Response, error) {
				sent = append(sent, r.Header.Get("Authorization"))
				if !challenged {
					challenged = true
					return answer(401, graphError("InvalidAuthenticationToken", "challenge"), "WWW-Authenticate", challengeOf(claimsAsked)), nil
				}
				return answer(200, `{"value":[]}`), nil
			}), func(o *Options) { o.Credential, o.Now = c, nil })
			if got, err := client.TokenTenant(t.Context()); err != nil || got != tenantID {
				t.Fatalf("TokenTenant = %q, %v", got, err)
			}
			if _, err := client.Users(t.Context(), "", UserQuery{}); err != nil {
				t.Fatal(err)
			}
			if len(sent) != 2 || sent[0] == sent[1] {
				t.Errorf("%d requests, and a new token: %v", len(sent), len(sent) == 2 && sent[0] != sent[1])
			}
			asked := a.asked()
			last := asked[len(asked)-1]
			for i, f := range asked {
				if !strings.Contains(f.Get("claims"), "CP1") {
					t.Errorf("request %d does not say that it can answer challenges: %q", i, f.Get("claims"))
				}
			}
			if !strings.Contains(last.Get("claims"), "1604106651") {
				t.Errorf("the challenge's claims are not asked for: %q", last.Get("claims"))
			}
			if tt.check != nil {
				tt.check(t, last)
			} else {
				checkAssertion(t, last.Get("client_assertion"), &key.PublicKey)
			}
		})
	}
}

// TestRenewal asks for a new token when the old one is about to end.
func TestRenewal(t *testing.T) {
	a := newAuthority(t)
	a.lifetime = 1
	o := a.options(t)
	o.ClientSecret = testSecret
	c, err := NewCredential(o)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	client := testClient(t, handler(func(r *http.Request) (*http.Response, error) {
		seen[r.Header.Get("Authorization")] = true
		return answer(200, `{"value":[]}`), nil
	}), func(o *Options) { o.Credential, o.Now = c, nil })
	for range 3 {
		if _, err := client.Users(t.Context(), "", UserQuery{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 3 || len(a.asked()) != 3 {
		t.Errorf("%d tokens of %d requests, want 3 of 3", len(seen), len(a.asked()))
	}
}

// TestSignInRefused lets sign-in fail in every way that administrators meet:
// one line, in good time, that shows nothing secret, even where an answer echoes
// it.
func TestSignInRefused(t *testing.T) {
	key, certificate := keyPair(t, time.Now().Add(time.Hour))
	modern, err := pkcs12.Modern2026.Encode(key, certificate, nil, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	pfx := writeFile(t, "app.pfx", modern)
	oldKey, old := keyPair(t, time.Now().Add(-time.Minute))
	oldPFX, err := pkcs12.Modern2026.Encode(oldKey, old, nil, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	expired := writeFile(t, "old.pfx", oldPFX)
	mixed, err := pkcs12.Modern2026.Encode(oldKey, certificate, nil, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	foreign := writeFile(t, "foreign.pfx", mixed)
	encrypted := writeFile(t, "locked.pem", []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	assertion := writeFile(t, "token", []byte(testToken(`{"iss":"cluster"}`)))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "https://" + closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	entra := func(code, text string) func(url.Values) (int, string) {
		return func(f url.Values) (int, string) {
			b, _ := json.Marshal(map[string]string{"error": "invalid_client", "error_description": code + ": " + text + " " +
				f.Get("client_secret") + f.Get("client_assertion") + " Trace ID: 1\r\nCorrelation ID: 2"})
			return 401, string(b)
		}
	}
	secret := func(o *AuthOptions) { o.ClientSecret = testSecret }
	tests := []struct {
		name   string
		change func(*AuthOptions)
		refuse func(url.Values) (int, string)
		want   string // of the message
		hint   string
	}{
		{"wrong secret", secret, entra("AADSTS7000215", "Invalid client secret provided."), "Invalid client secret", "not its id"},
		{"expired secret", secret, entra("AADSTS7000222", "The provided client secret keys are expired."), "expired", "make a new one"},
		{"wrong tenant", secret, entra("AADSTS90002", "Tenant 'contoso' not found."), "not found", "tenant"},
		{"certificate that is not registered", func(o *AuthOptions) { o.CertificateFile, o.CertificatePassword = pfx, testSecret },
			entra("AADSTS700027", "Client assertion failed signature validation."), "signature", "upload this certificate"},
		{"federated credential that does not match", func(o *AuthOptions) { o.FederatedTokenFile = assertion },
			entra("AADSTS700213", "No matching federated identity record found for presented assertion subject."), "No matching federated identity", "issuer, subject and audience"},
		{"public client that is not allowed", func(o *AuthOptions) { o.Method, o.Prompt = AuthDeviceCode, func(string) {} },
			entra("AADSTS7000218", "The request body must contain client_assertion."), "AADSTS7000218", "public client flows"},
		{"expired certificate", func(o *AuthOptions) { o.CertificateFile, o.CertificatePassword = expired, testSecret }, nil, "old.pfx: the certificate expired", "make a new one"},
		{"wrong password", func(o *AuthOptions) { o.CertificateFile, o.CertificatePassword = pfx, "not this one" }, nil, "app.pfx: the password does not open", "AZURE_CLIENT_CERTIFICATE_PASSWORD"},
		{"no password", func(o *AuthOptions) { o.CertificateFile = pfx }, nil, "app.pfx: the password does not open", ""},
		{"key of another certificate", func(o *AuthOptions) { o.CertificateFile, o.CertificatePassword = foreign, testSecret }, nil, "none of the certificates", ""},
		{"encrypted PEM", func(o *AuthOptions) { o.CertificateFile, o.CertificatePassword = encrypted, testSecret }, nil, "which only PFX files may be", ""},
		{"nobody answers", func(o *AuthOptions) { secret(o); o.Cloud.Authority = dead }, nil, "connection refused", ""},
		{"unknown host", func(o *AuthOptions) { secret(o); o.Cloud.Authority = "https://login.contoso.invalid" }, nil, "login.contoso.invalid was not found", ""},
		{"certificate authority that nobody trusts", func(o *AuthOptions) {
			secret(o)
			transport := NewTransport(TransportOptions{RootCAs: x509.NewCertPool()})
			o.Transport = transport
		}, nil, "unknown authority", "SSL_CERT_FILE"},
		{"tenant that is no tenant", func(o *AuthOptions) { secret(o); o.TenantID = "contoso.com/../x" }, nil, "tenant", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAuthority(t)
			a.refuse = tt.refuse
			o := a.options(t)
			tt.change(&o)
			begun := time.Now()
			err := func() error {
				c, err := NewCredential(o)
				if err != nil {
					return err
				}
				_, err = c.GetToken(t.Context(), tokenRequest{Scopes: []string{testRoot + "/.default"}, EnableCAE: true})
				return err
			}()
			var s *SignInError
			if !errors.As(err, &s) {
				t.Fatalf("got %T %v, want a *SignInError", err, err)
			}
			if !strings.Contains(s.Message, tt.want) || !strings.Contains(s.Hint, tt.hint) || !strings.HasPrefix(s.Message, "sign in by "+s.Method+": ") {
				t.Errorf("got %q and %q, want %q and %q", s.Message, s.Hint, tt.want, tt.hint)
			}
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", s)} {
				for _, hidden := range []string{testSecret, "eyJ", "Trace ID", "\n"} {
					if strings.Contains(text, hidden) {
						t.Errorf("%q holds %q", text, hidden)
					}
				}
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestSilentAuthority signs in at a host that takes the connection and never
// says a word.
func TestSilentAuthority(t *testing.T) {
	global, err := CloudByName("global")
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCredential(AuthOptions{
		TenantID: tenantID, ClientID: alexID, ClientSecret: testSecret, Cloud: global, DisableInstanceDiscovery: true,
		Transport: handler(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	known, ok := c.(*credential)
	if !ok || known.timeout >= 10*time.Second {
		t.Fatalf("a sign-in may take %v, want under 10 s", known.timeout)
	}
	known.timeout = 20 * time.Millisecond
	_, err = c.GetToken(context.Background(), tokenRequest{Scopes: []string{testRoot + "/.default"}})
	var s *SignInError
	if !errors.As(err, &s) || !strings.Contains(s.Message, "no answer in time") || !s.Temporary() {
		t.Errorf("got %v, want a *SignInError", err)
	}
}
