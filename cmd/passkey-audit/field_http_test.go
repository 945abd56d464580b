package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"passkey-audit/audit/graphsim"
	"passkey-audit/report"
)

// TestForeignLinks lets every link to a next page lead to another server, on
// another port of the same machine: of users, of members and of a user's
// passkeys. Nothing is sent there.
func TestForeignLinks(t *testing.T) {
	var visits atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		visits.Add(1)
		fmt.Fprint(w, `{"value":[]}`)
	}))
	t.Cleanup(elsewhere.Close)
	sim := simulate(graphsim.Options{Users: 2000, Seed: 4, MaxPage: 12, MethodsPage: 1, WithoutPremium: true})
	var links atomic.Int64
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		sim.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		own := []byte(`"@odata.nextLink":"http://` + r.Host + `/`)
		links.Add(int64(bytes.Count(body, own)))
		body = bytes.ReplaceAll(body, own, []byte(`"@odata.nextLink":"`+elsewhere.URL+`/`))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(rec.Code)
		if _, err := w.Write(body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(host.Close)
	r, dir := scanTenant(t, host.URL, nil)
	if r.status != exitPartial {
		t.Fatalf("exit %d, want %d; stderr:\n%s", r.status, exitPartial, r.stderr)
	}
	if visits.Load() != 0 || links.Load() < 10 {
		t.Errorf("%d requests went elsewhere over %d links", visits.Load(), links.Load())
	}
	what := map[string]int{}
	for _, row := range table(t, dir, report.FileUnread) {
		what[row["what"]]++
		if row["code"] != "foreignLink" || !strings.Contains(row["message"], strings.TrimPrefix(elsewhere.URL, "http://")) {
			t.Errorf("unread.csv does not say where the link leads: %v", row)
		}
	}
	if what["users"] != 1 || what["user"] == 0 || what["group"] == 0 {
		t.Errorf("unread.csv: %v, want the listing, groups and users with more passkeys than a page holds", what)
	}
}

// A signInHost gives tokens that are good for a while, and lets nobody in with
// another one. It answers for Graph and for the sign-in host.
type signInHost struct {
	next http.RoundTripper

	mu     sync.Mutex
	tokens int
	until  time.Time
	refuse int // this many requests at Graph with a good token are refused, once tokens is 2
}

// RoundTrip answers a request in process.
func (h *signInHost) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "login.example.com" {
		return h.token(r)
	}
	h.mu.Lock()
	good := r.Header.Get("Authorization") == h.bearer() && time.Now().Before(h.until)
	if good && h.tokens == 2 && h.refuse > 0 {
		h.refuse--
		good = false
		h.until = time.Time{} // revoked
	}
	h.mu.Unlock()
	if !good {
		return reply(r, http.StatusUnauthorized, `{"error":{"code":"InvalidAuthenticationToken","message":"Lifetime validation failed, the token is expired."}}`), nil
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+testToken)
	return h.next.RoundTrip(r)
}

func (h *signInHost) bearer() string { return fmt.Sprintf("Bearer SECRET-token-%d", h.tokens) }

const tokenLife = 10 * time.Minute

func (h *signInHost) token(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
		root := "https://login.example.com/" + strings.Split(r.URL.Path, "/")[1]
		return reply(r, http.StatusOK, fmt.Sprintf(`{"token_endpoint":"%[1]s/oauth2/v2.0/token","authorization_endpoint":"%[1]s/oauth2/v2.0/authorize","issuer":"%[1]s/v2.0"}`, root)), nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tokens++
	h.until = time.Now().Add(tokenLife)
	return reply(r, http.StatusOK, fmt.Sprintf(`{"token_type":"Bearer","expires_in":%d,"access_token":%q}`, int(tokenLife.Seconds()), strings.TrimPrefix(h.bearer(), "Bearer "))), nil
}

func reply(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// TestTokenExpires scans for an hour with tokens that are good for ten minutes,
// one of which is revoked early.
func TestTokenExpires(t *testing.T) {
	o := fieldTenant([]graphsim.Rule{{On: graphsim.OnMethods, Users: []int{17}, Times: 6, Fault: throttled(graphsim.RetrySeconds, 11*time.Minute)}})
	calm := undisturbed(t, fieldTenant(nil))
	dir := filepath.Join(t.TempDir(), "out")
	var r result
	var host *signInHost
	synctest.Test(t, func(t *testing.T) {
		host = &signInHost{next: simulate(o).Transport(), refuse: 1}
		var out, errs safeBuffer
		env := map[string]string{"AZURE_CLIENT_SECRET": "SECRET-of-the-app"}
		r.status = run(t.Context(), world{
			args: []string{"scan", "--auth", "secret", "--tenant", "contoso.com", "--client-id", "6731de76-14a6-49ae-97bc-6eba6914391e", "--cloud", "custom", "--graph-endpoint", simulatedRoot,
				"--authority-host", "https://login.example.com", "--disable-instance-discovery", "--out", dir, "--no-progress"},
			stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(name string) string { return env[name] }, now: time.Now, transport: host,
		})
		r.stdout, r.stderr = out.String(), errs.String()
	})
	if r.status != exitDone {
		t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
	}
	if host.tokens < 5 || host.refuse != 0 {
		t.Errorf("%d tokens were asked for, want one every ten minutes and one for that which was revoked (%d left)", host.tokens, host.refuse)
	}
	wantSameReport(t, calm, dir)
	for _, name := range entries(t, dir) {
		if strings.Contains(read(t, dir, name), "SECRET") {
			t.Errorf("%s holds a secret", name)
		}
	}
}

// TestStdoutIsClean wants standard output of a scan through faults, told of in
// full, to be that of a calm one: no notice of a retry, no log line is among it.
func TestStdoutIsClean(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	var outs []string
	many := graphsim.FaultsMany()
	many.Rules = append(many.Rules, graphsim.Rule{On: graphsim.OnUsers, After: 1, Times: 2, Fault: throttled(graphsim.RetrySeconds, time.Minute)})
	for _, faults := range []graphsim.Plan{graphsim.FaultsNone(), many} {
		o := fieldTenant(nil)
		o.Faults = faults
		var r result
		synctest.Test(t, func(t *testing.T) {
			r = scanProcess(t.Context(), simulate(o).Transport(), nil, "--out", dir, "--force", "--log-level", "trace", "--log-format", "json")
		})
		if r.status != exitDone {
			t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
		}
		outs = append(outs, r.stdout)
		for _, line := range strings.Split(strings.TrimSpace(r.stderr), "\n") {
			if !json.Valid([]byte(line)) && !strings.HasPrefix(line, "passkey-audit: ") {
				t.Errorf("standard error holds a line that is neither log nor message: %q", line)
			}
		}
		if faults.Every > 0 && !strings.Contains(r.stderr, `"status":429`) {
			t.Error("nothing was throttled: the test shows nothing")
		}
	}
	if outs[0] != outs[1] {
		t.Errorf("standard output of the calm run\n%s\nand of the other\n%s", outs[0], outs[1])
	}
}

// TestManyPagesOfAGroupFail lets each page of a large group fail twice: each
// page has tries of its own, however many pages there are.
func TestManyPagesOfAGroupFail(t *testing.T) {
	o := fieldTenant(nil)
	o.MaxPage = 20
	var everybody string
	for _, g := range simulate(o).Groups() {
		if strings.HasPrefix(g.Name, "All enabled") {
			everybody = g.ID
		}
	}
	calm := undisturbed(t, o, "--group", everybody)
	o.Faults.Rules = once(graphsim.OnMembers, 2, status(http.StatusServiceUnavailable))
	dir := filepath.Join(t.TempDir(), "out")
	var r result
	var sim *graphsim.Server
	synctest.Test(t, func(t *testing.T) {
		sim = simulate(o)
		r = scanProcess(t.Context(), sim.Transport(), nil, "--out", dir, "--group", everybody)
	})
	if r.status != exitDone {
		t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
	}
	if n := sim.Stats().Faults; n < 20 {
		t.Errorf("%d answers failed: the test shows nothing", n)
	}
	wantSameReport(t, calm, dir)
}
