package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"passkey-audit/audit/graphsim"
)

// An entra is a sign-in host and a simulated Microsoft Graph, both over TLS on
// loopback, of which the one accepts the tokens of the other alone.
type entra struct {
	login, graph *httptest.Server
	sim          *graphsim.Server
	// refuse gives code and words of a refusal; nil for none.
	refuse func(url.Values) (code, text string)
	// lifetime of the tokens.
	lifetime time.Duration
	// revoke lets Graph challenge the token in use after so many requests; 0 never.
	revoke int

	mu       sync.Mutex
	tokens   map[string]bool // whether they are still accepted
	answered int
	claims   []string
	secret   []string // whatever must show nowhere
}

const testPassword = "SECRET-password-of-the-file"

func newEntra(t *testing.T, o graphsim.Options) *entra {
	t.Helper()
	e := &entra{sim: graphsim.New(o), tokens: map[string]bool{}, lifetime: time.Hour, secret: []string{testSecretOfApp, testPassword}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		root := "https://" + r.Host + "/" + r.PathValue("tenant")
		fmt.Fprintf(w, `{"token_endpoint":"%[1]s/oauth2/v2.0/token","authorization_endpoint":"%[1]s/oauth2/v2.0/authorize","issuer":"%[1]s/v2.0"}`, root)
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", e.token)
	serve := func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	e.login, e.graph = serve(mux), serve(http.HandlerFunc(e.answer))
	return e
}

const testSecretOfApp = "SECRET~of-the-app"

// token gives a token, or refuses.
func (e *entra) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "form", http.StatusBadRequest)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.claims = append(e.claims, r.PostForm.Get("claims"))
	if a := r.PostForm.Get("client_assertion"); a != "" {
		e.secret = append(e.secret, a)
	}
	w.Header().Set("Content-Type", "application/json")
	if e.refuse != nil {
		code, text := e.refuse(r.PostForm)
		w.WriteHeader(http.StatusUnauthorized)
		// What was sent is echoed, as a careless proxy might.
		b, _ := json.Marshal(map[string]string{"error": "invalid_client", "error_description": code + ": " + text + " " + r.PostForm.Encode() + " Trace ID: 1"})
		_, _ = w.Write(b)
		return
	}
	token := tokenWith(e.sim.Tenant().ID, map[string]any{"roles": allNames(), "jti": len(e.tokens)})
	e.tokens[token] = true
	e.secret = append(e.secret, token)
	fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":%d,"access_token":%q}`, int(e.lifetime.Seconds()), token)
}

// answer is Graph's.
func (e *entra) answer(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	e.mu.Lock()
	e.answered++
	if e.revoke > 0 && e.answered == e.revoke {
		e.tokens[token] = false
	}
	good := e.tokens[token]
	e.mu.Unlock()
	if !good {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="`+e.login.URL+`/common/oauth2/authorize", error="insufficient_claims", claims="`+
			base64.StdEncoding.EncodeToString([]byte(`{"access_token":{"nbf":{"essential":true,"value":"1793527026"}}}`))+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":{"code":"InvalidAuthenticationToken","message":"Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp"}}`)
		return
	}
	e.sim.ServeHTTP(w, r)
}

// transport trusts both hosts.
func (e *entra) transport(t *testing.T) http.RoundTripper {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(e.login.Certificate())
	tr := e.login.Client().Transport.(*http.Transport).Clone()
	tr.TLSClientConfig.RootCAs = roots
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// flags lead to both hosts.
func (e *entra) flags() []string {
	return []string{
		"--cloud", "custom", "--graph-endpoint", e.graph.URL, "--authority-host", e.login.URL, "--disable-instance-discovery",
		"--tenant", e.sim.Tenant().ID, "--client-id", "11111111-2222-3333-4444-555555555555",
	}
}

// scan runs scan at the full log, and makes sure that it shows nothing secret.
func (e *entra) scan(t *testing.T, transport http.RoundTripper, env map[string]string, args ...string) (result, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	var out, errs safeBuffer
	status := run(context.Background(), world{
		args:  append(append([]string{"scan", "--no-progress", "--log-level", "trace", "--log-format", "json", "--out", dir}, e.flags()...), args...),
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
		getenv: func(name string) string { return env[name] }, now: time.Now, transport: transport,
	})
	r := result{status, out.String(), errs.String()}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.secret {
		for _, form := range []string{s, url.QueryEscape(s)} {
			if strings.Contains(r.stdout+r.stderr, form) {
				t.Errorf("%.20q shows in\n%s%s", s, r.stdout, r.stderr)
			}
		}
	}
	return r, dir
}

// pfx makes a PFX file that ends at end.
func pfxFile(t *testing.T, end time.Time) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "passkey-audit"}, NotBefore: end.Add(-48 * time.Hour), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	b, err := pkcs12.Modern2026.Encode(key, c, nil, testPassword)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, "app.pfx", string(b))
}

// TestSignInScans scans with azidentity's real flow of an app: with tokens that
// are renewed again and again in mid-run, and with one that is revoked.
func TestSignInScans(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		args []string
	}{
		{"secret", map[string]string{"AZURE_CLIENT_SECRET": testSecretOfApp}, nil},
		{"PFX", map[string]string{"AZURE_CLIENT_CERTIFICATE_PASSWORD": testPassword}, []string{"--auth", "certificate", "--certificate", pfxFile(t, time.Now().Add(time.Hour))}},
		{"workload identity", map[string]string{"AZURE_FEDERATED_TOKEN_FILE": file(t, "token", tokenWith("cluster", nil))}, nil},
	} {
		for name, lifetime := range map[string]time.Duration{"renewed": time.Second, "revoked": time.Hour} {
			t.Run(tt.name+" "+name, func(t *testing.T) {
				e := newEntra(t, graphsim.Options{Users: 200, Seed: 7})
				if e.lifetime = lifetime; name == "revoked" {
					e.revoke = 6
				}
				r, dir := e.scan(t, e.transport(t), tt.env, append([]string{"--concurrency", "2"}, tt.args...)...)
				if r.status != exitDone {
					t.Fatalf("exit %d:\n%s", r.status, r.stderr)
				}
				challenged := 0
				for _, c := range e.claims {
					if strings.Contains(c, "1793527026") {
						challenged++
					}
				}
				if name == "renewed" && (len(e.tokens) < 10 || challenged > 0) || name == "revoked" && (len(e.tokens) != 2 || challenged != 1) {
					t.Errorf("%d tokens, %d answers to a challenge", len(e.tokens), challenged)
				}
				if s := summaryOf(t, dir); s.Users.Read != 200 || !s.Complete {
					t.Errorf("%+v", s.Users)
				}
				said := strings.Contains(r.stderr, "signed in by workload-identity, as --auth auto found it")
				if said != (tt.name == "workload identity") {
					t.Errorf("what auto took is said: %v", said)
				}
				for _, name := range entries(t, dir) {
					text := read(t, dir, name)
					for _, s := range e.secret {
						if strings.Contains(text, s) {
							t.Errorf("%s holds a secret", name)
						}
					}
				}
			})
		}
	}
}

// TestSignInFails lets sign-in fail: one line and perhaps a hint, exit status 5,
// in good time, nothing written, nothing secret shown.
func TestSignInFails(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "https://" + closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	secret := map[string]string{"AZURE_CLIENT_SECRET": testSecretOfApp}
	entraSays := func(code, text string) func(url.Values) (string, string) {
		return func(url.Values) (string, string) { return code, text }
	}
	for _, tt := range []struct {
		name   string
		env    map[string]string
		args   []string
		refuse func(url.Values) (string, string)
		blind  bool // trusts no private authority
		says   string
	}{
		{"wrong secret", secret, nil, entraSays("AADSTS7000215", "Invalid client secret provided."), false, "AADSTS7000215"},
		{"wrong tenant", secret, nil, entraSays("AADSTS90002", "Tenant not found."), false, "AADSTS90002"},
		{"expired certificate", map[string]string{"AZURE_CLIENT_CERTIFICATE_PASSWORD": testPassword}, []string{"--auth", "certificate", "--certificate", pfxFile(t, time.Now().Add(-time.Hour))}, nil, false, "expired on"},
		{"wrong password", map[string]string{"AZURE_CLIENT_CERTIFICATE_PASSWORD": "SECRET~of-the-app"}, []string{"--auth", "certificate", "--certificate", pfxFile(t, time.Now().Add(time.Hour))}, nil, false, "does not open the file"},
		{"nobody answers", secret, []string{"--authority-host", dead}, nil, false, "connection refused"},
		{"unknown host", secret, []string{"--authority-host", "https://login.contoso.invalid"}, nil, false, "was not found"},
		{"private authority", secret, nil, nil, true, "unknown authority"},
		{"device code without a terminal", nil, []string{"--auth", "device-code"}, nil, false, "standard input is no terminal"},
		{"browser without a terminal", nil, []string{"--auth", "browser"}, nil, false, "standard input is no terminal"},
		{"token of another tenant", map[string]string{"PASSKEY_AUDIT_ACCESS_TOKEN": tokenWith("7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", nil)}, nil, nil, false, "belongs to tenant 7a1d6c0e"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEntra(t, graphsim.Options{Users: 20})
			e.refuse = tt.refuse
			transport := e.transport(t)
			if tt.blind {
				own := transport.(*http.Transport).Clone()
				own.TLSClientConfig.RootCAs = x509.NewCertPool()
				t.Cleanup(own.CloseIdleConnections)
				transport = own
			}
			begun := time.Now()
			r, dir := e.scan(t, transport, tt.env, tt.args...)
			var messages []string
			for _, l := range strings.Split(strings.TrimSpace(r.stderr), "\n") {
				if !json.Valid([]byte(l)) {
					messages = append(messages, l)
				}
			}
			if r.status != exitRefused || r.stdout != "" || len(messages) == 0 || !strings.Contains(messages[0], tt.says) || len(messages) > 2 {
				t.Errorf("exit %d, want 5 and %q:\n%s", r.status, tt.says, r.stderr)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("something was written")
			}
		})
	}
}

// A silent transport takes requests and never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestSilentSignInHost gives up in under 10 seconds on a host that takes the
// connection and says nothing.
func TestSilentSignInHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, errs safeBuffer
		begun := time.Now()
		status := run(context.Background(), world{
			args:  []string{"scan", "--tenant", "contoso.com", "--client-id", "11111111-2222-3333-4444-555555555555"},
			stdin: strings.NewReader(""), stdout: &out, stderr: &errs, now: time.Now, transport: silent{},
			getenv: func(name string) string {
				return map[string]string{"AZURE_CLIENT_SECRET": testSecretOfApp}[name]
			},
		})
		if took := time.Since(begun); status != exitRefused || took > 10*time.Second || !strings.Contains(errs.String(), "no answer in time") || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("exit %d after %v:\n%s", status, took, errs.String())
		}
	})
}

// TestChallengeWithoutEnd challenges every token: the run ends instead of asking
// on and on.
func TestChallengeWithoutEnd(t *testing.T) {
	e := newEntra(t, graphsim.Options{Users: 20})
	challenge := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer none")
		e.answer(w, r)
	}))
	challenge.StartTLS()
	defer challenge.Close()
	r, _ := e.scan(t, e.transport(t), map[string]string{"AZURE_CLIENT_SECRET": testSecretOfApp}, "--graph-endpoint", challenge.URL)
	if r.status != exitRefused || len(e.tokens) > 3 {
		t.Errorf("exit %d after %d tokens:\n%s", r.status, len(e.tokens), r.stderr)
	}
}

// certificateOf writes a server's certificate as PEM.
func certificateOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	return file(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
}
