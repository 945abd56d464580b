package upload

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answering lets a function answer for some hosts; others get the server.
func answering(next http.RoundTripper, answers func(*http.Request) string) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		text := answers(r)
		if text == "" {
			return next.RoundTrip(r)
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
	})
}

// TestAzureIdentity signs in with what azidentity's default chain finds.
func TestAzureIdentity(t *testing.T) {
	store, server := newFake(t)
	t.Setenv("AZURE_TENANT_ID", "contoso.onmicrosoft.com")
	t.Setenv("AZURE_CLIENT_ID", "11111111-2222-3333-4444-555555555555")
	t.Setenv("AZURE_CLIENT_SECRET", secretKey)
	asked := ""
	transport := answering(server.Client().Transport, func(r *http.Request) string {
		if r.URL.Hostname() != "login.microsoftonline.com" {
			return ""
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
			root := "https://login.microsoftonline.com/contoso.onmicrosoft.com"
			return fmt.Sprintf(`{"issuer":"%s/v2.0","authorization_endpoint":"%s/authorize","token_endpoint":"%s/token","tenant_discovery_endpoint":"%s"}`, root, root, root, root)
		case strings.Contains(r.URL.Path, "/discovery/"):
			return `{"tenant_discovery_endpoint":"https://login.microsoftonline.com/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration","metadata":[]}`
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return ""
		}
		asked = string(body)
		return `{"token_type":"Bearer","expires_in":3600,"access_token":"token-of-the-test"}`
	})
	target, err := Parse(server.URL + "/account/container")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(target, Options{Getenv: func(string) string { return "" }, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	f := folder(t, t.TempDir(), map[string]string{"a.csv": "a", "manifest.json": "{}"})
	if _, err := p.Put(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if store.auth != "Bearer token-of-the-test" || !strings.Contains(asked, "storage.azure.com") {
		t.Errorf("the store got %q; the authority was asked %q", store.auth, strings.ReplaceAll(asked, secretKey, "..."))
	}
}

// TestWebIdentity exchanges a service account's token for credentials.
func TestWebIdentity(t *testing.T) {
	store, server := newFake(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("token-of-the-service-account"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"AWS_WEB_IDENTITY_TOKEN_FILE": file, "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/audit", "AWS_REGION": "eu-central-1",
		"AWS_ENDPOINT_URL_S3": server.URL,
	}
	asked := ""
	transport := answering(server.Client().Transport, func(r *http.Request) string {
		if r.URL.Hostname() != "sts.eu-central-1.amazonaws.com" {
			return ""
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return ""
		}
		asked = r.URL.RawQuery + string(body)
		return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>short-lived</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`
	})
	target, err := Parse("s3://bucket/reports")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(target, Options{Getenv: func(n string) string { return env[n] }, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Reach(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(store.auth, "Credential=short-lived/") || !strings.Contains(store.auth, "/eu-central-1/s3/") || !strings.Contains(asked, "token-of-the-service-account") {
		t.Errorf("the store got %q; asked was %q", store.auth, asked)
	}
}

func TestNoCredentials(t *testing.T) {
	target, err := Parse("s3://bucket")
	if err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string]map[string]string{"none": nil, "half": {"AWS_ACCESS_KEY_ID": "id"}} {
		_, err := Open(target, Options{Getenv: func(n string) string { return env[n] }})
		if err == nil || !strings.Contains(err.Error(), "sign in to S3") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
