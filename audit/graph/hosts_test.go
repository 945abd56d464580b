package graph

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// TestManagedIdentity asks the endpoint that App Service gives its apps.
func TestManagedIdentity(t *testing.T) {
	for _, tt := range []struct{ name, clientID string }{{"system-assigned", ""}, {"user-assigned", alexID}} {
		t.Run(tt.name, func(t *testing.T) {
			var query url.Values
			var header string
			status := 200
			host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				query, header = r.URL.Query(), r.Header.Get("X-IDENTITY-HEADER")
				if status != 200 {
					writeJSON(w, status, `{"error":"invalid_request","error_description":"Identity not found"}`)
					return
				}
				writeJSON(w, 200, fmt.Sprintf(`{"access_token":%q,"expires_on":"%d","resource":%q,"token_type":"Bearer"}`,
					testToken(`{"tid":"`+tenantID+`"}`), time.Now().Add(time.Hour).Unix(), testRoot))
			}))
			defer host.Close()
			t.Setenv("IDENTITY_ENDPOINT", host.URL+"/msi/token")
			t.Setenv("IDENTITY_HEADER", testSecret)
			transport := NewTransport(TransportOptions{})
			defer transport.CloseIdleConnections()
			o := AuthOptions{ManagedIdentity: true, ClientID: tt.clientID, Cloud: Cloud{Root: testRoot}, Transport: transport}
			c, err := NewCredential(o)
			if err != nil {
				t.Fatal(err)
			}
			client := testClient(t, always(200, `{"value":[]}`), func(o *Options) { o.Credential, o.Now = c, nil })
			if got, err := client.TokenTenant(t.Context()); err != nil || got != tenantID {
				t.Fatalf("TokenTenant = %q, %v", got, err)
			}
			if query.Get("client_id") != tt.clientID || query.Get("resource") != testRoot || header != testSecret {
				t.Errorf("asked with %v", query)
			}
			status = 400
			if c, err = NewCredential(o); err != nil {
				t.Fatal(err)
			}
			_, err = c.GetToken(t.Context(), tokenRequest{Scopes: []string{"https://other.example.com/.default"}})
			var s *SignInError
			if !errors.As(err, &s) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), testSecret) || !strings.Contains(err.Error(), "Identity not found") {
				t.Errorf("got %v, want one line", err)
			}
		})
	}
}

// TestAzureCLI runs a stand-in for Azure CLI.
func TestAzureCLI(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\n[ \"$AZ_TEST_FAILS\" ] && { echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1; }\n" +
		"echo \"$@\" > '" + dir + "/args'\n" +
		`echo '{"accessToken":"` + testToken(`{"tid":"`+tenantID+`"}`) + `","expires_on":4102444800}'` + "\n"
	if err := os.WriteFile(dir+"/az", []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	c, err := NewCredential(AuthOptions{AzureCLI: true, TenantID: "contoso.com", Cloud: Cloud{Root: testRoot}})
	if err != nil {
		t.Fatal(err)
	}
	client := testClient(t, always(200, `{"value":[]}`), func(o *Options) { o.Credential, o.Now = c, nil })
	if got, err := client.TokenTenant(t.Context()); err != nil || got != tenantID {
		t.Fatalf("TokenTenant = %q, %v", got, err)
	}
	args, err := os.ReadFile(dir + "/args")
	if err != nil {
		t.Fatal(err)
	}
	if want := "--resource " + testRoot + " --tenant contoso.com"; !strings.Contains(string(args), want) {
		t.Errorf("az was called with %s, want %s", args, want)
	}
	t.Setenv("AZ_TEST_FAILS", "1")
	_, err = c.GetToken(t.Context(), tokenRequest{Scopes: []string{testRoot + "/.default"}})
	var s *SignInError
	if !errors.As(err, &s) || !strings.Contains(s.Hint, "az login") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want a hint", err)
	}
}
