package graph

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBrowser signs in with a stand-in for the browser, which is told the
// address to open; a person then comes back to the program with a code.
func TestBrowser(t *testing.T) {
	a := newAuthority(t)
	dir := t.TempDir()
	opened := filepath.Join(dir, "address")
	script := "#!/bin/sh\necho 'Opening in existing browser session.'\necho \"$1\" > '" + opened + ".new' && mv '" + opened + ".new' '" + opened + "'\n"
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	came := make(chan string, 1)
	go func() { came <- person(ctx, opened) }()

	o := a.options(t)
	var prompts []string
	o.Method, o.Prompt = AuthBrowser, func(text string) { prompts = append(prompts, text) }
	c, err := NewCredential(o)
	if err != nil {
		t.Fatal(err)
	}
	request := tokenRequest{Scopes: []string{testRoot + "/.default"}, EnableCAE: true}
	token, err := c.GetToken(ctx, request)
	if wrong := <-came; wrong != "" || err != nil || token.Token == "" {
		t.Fatalf("got %v; the person: %s", err, wrong)
	}
	last := a.asked()[len(a.asked())-1]
	if last.Get("code") != "code-of-the-person" || last.Get("code_verifier") == "" || last.Get("client_secret") != "" {
		t.Errorf("asked with %v", last)
	}
	// The next one comes without a person, by the refresh token.
	request.Claims = claimsAsked
	again, err := c.GetToken(ctx, request)
	if err != nil || again.Token == token.Token || len(prompts) != 1 {
		t.Errorf("got %v; a new token: %v; the person was told %q", err, again.Token != token.Token, prompts)
	}
}

// person waits for an address, and goes where it says one should come back to.
func person(ctx context.Context, file string) (wrong string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return "no address to open"
		case <-tick.C:
		}
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		u, err := url.Parse(strings.TrimSpace(string(b)))
		if err != nil {
			return err.Error()
		}
		q := u.Query()
		form := url.Values{"code": {"code-of-the-person"}, "state": {q.Get("state")}}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, q.Get("redirect_uri"), strings.NewReader(form.Encode()))
		if err != nil {
			return err.Error()
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		transport := &http.Transport{DisableKeepAlives: true}
		response, err := transport.RoundTrip(r)
		if err != nil {
			return err.Error()
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		return ""
	}
}
