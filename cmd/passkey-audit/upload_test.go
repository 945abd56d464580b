package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A blobContainer is a container of Azure Blob Storage, as far as small blobs go.
type blobContainer struct {
	mu      sync.Mutex
	blobs   map[string]string
	digests map[string]string
	order   []string
	refuse  func(*http.Request) int
}

// newContainer serves a container until the test's end, and gives its address.
func newContainer(t *testing.T) (*blobContainer, string) {
	c := &blobContainer{blobs: map[string]string{}, digests: map[string]string{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return c, server.URL + "/contoso/audits"
}

// ServeHTTP answers one request at a time.
func (c *blobContainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/contoso/audits/")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if c.refuse != nil {
		if status := c.refuse(r); status != 0 {
			w.Header().Set("X-Ms-Error-Code", "AuthorizationFailure")
			w.WriteHeader(status)
			return
		}
	}
	text, ok := c.blobs[name]
	switch {
	case r.Method == "PUT":
		c.blobs[name], c.digests[name] = string(body), r.Header.Get("X-Ms-Meta-Sha256")
		c.order = append(c.order, path.Base(name))
		w.WriteHeader(http.StatusCreated)
	case !ok:
		w.Header().Set("X-Ms-Error-Code", "BlobNotFound")
		w.WriteHeader(http.StatusNotFound)
	case r.Method == "DELETE":
		delete(c.blobs, name)
		w.WriteHeader(http.StatusAccepted)
	default:
		w.Header().Set("X-Ms-Meta-Sha256", c.digests[name])
		w.Header().Set("Content-Length", "0")
		w.Header()["Content-Length"] = []string{itoa(len(text))}
	}
}

func itoa(n int) string {
	b, err := json.Marshal(n)
	if err != nil {
		return ""
	}
	return string(b)
}

var signature = map[string]string{"AZURE_STORAGE_SAS_TOKEN": "sv=2026-01-01&sig=SECRET-signature"}

func TestScanUploads(t *testing.T) {
	store, address := newContainer(t)
	t.Chdir(t.TempDir())
	r := runProgram(t, signature, nil, "demo", "--size", "30", "--out", "r_{time}", "--upload", address+"/{tenant}", "--summary", "json")
	if r.status != exitDone {
		t.Fatalf("exit %d: %s", r.status, r.stderr)
	}
	var line struct{ Out, Uploaded string }
	if err := json.Unmarshal([]byte(r.stdout), &line); err != nil {
		t.Fatal(err)
	}
	if want := address + "/contoso.com/" + line.Out; line.Uploaded != want {
		t.Errorf("uploaded to %q, want %q", line.Uploaded, want)
	}
	want := entries(t, line.Out)
	var got []string
	for name, text := range store.blobs {
		got = append(got, path.Base(name))
		if text != read(t, line.Out, path.Base(name)) {
			t.Errorf("%s is not the file", name)
		}
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("files (-folder +store):\n%s", d)
	}
	if last := store.order[len(store.order)-1]; last != fileManifest {
		t.Errorf("%s came last", last)
	}
	if strings.Contains(r.stderr+r.stdout, "SECRET") {
		t.Errorf("a secret shows:\n%s%s", r.stdout, r.stderr)
	}
	// The same once more by hand: nothing to send.
	n := len(store.order)
	r = runProgram(t, signature, nil, "upload", line.Out, address+"/{tenant}")
	if r.status != exitDone || r.stdout != line.Uploaded+"\n" || len(store.order) != n {
		t.Errorf("exit %d, %q, %d sent: %s", r.status, r.stdout, len(store.order)-n, r.stderr)
	}
	// A changed file is not uploaded.
	if err := os.WriteFile(filepath.Join(line.Out, fileSummary), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r = runProgram(t, signature, nil, "upload", line.Out, address+"/other"); r.status != exitFailed || !strings.Contains(r.stderr, "passkey-audit verify") {
		t.Errorf("a changed folder: exit %d: %s", r.status, r.stderr)
	}
}

// TestUploadFails: the report stays, older ones too, and the command that goes
// on is told, and does.
func TestUploadFails(t *testing.T) {
	store, address := newContainer(t)
	t.Chdir(t.TempDir())
	oldReport(t, "r_20200101T000000Z", nil)
	store.refuse = func(r *http.Request) int {
		if r.Method == "PUT" && len(store.order) == 5 {
			return http.StatusForbidden
		}
		return 0
	}
	r := runProgram(t, signature, nil, "demo", "--size", "30", "--out", "r_{time}", "--upload", address, "--keep", "1", "--summary", "json")
	var line struct {
		Out, Hint string
		Error     string
	}
	if err := json.Unmarshal([]byte(r.stdout), &line); err != nil {
		t.Fatal(err)
	}
	if r.status != exitFailed || !strings.Contains(line.Hint, "passkey-audit upload") || !strings.Contains(line.Hint, "Storage Blob Data Contributor") || !strings.Contains(line.Error, "403") {
		t.Errorf("exit %d: %+v", r.status, line)
	}
	if _, err := os.Stat("r_20200101T000000Z"); err != nil {
		t.Errorf("the older report: %v", err)
	}
	if slices.Contains(store.order, fileManifest) {
		t.Errorf("a folder that is not whole has its manifest: %v", store.order)
	}
	store.refuse = nil
	if r = runProgram(t, signature, nil, "upload", line.Out, address); r.status != exitDone || len(store.blobs) != len(entries(t, line.Out)) || len(store.order) != len(store.blobs) {
		t.Errorf("another try: exit %d, %d blobs, %d sent: %s", r.status, len(store.blobs), len(store.order), r.stderr)
	}
}

// TestUploadRefusedEarly: a scan does not begin if its report has no place to go.
func TestUploadRefusedEarly(t *testing.T) {
	store, address := newContainer(t)
	store.refuse = func(*http.Request) int { return http.StatusForbidden }
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		env           map[string]string
		address, says string
	}{
		{signature, address, "403"},
		{nil, "s3://audits", "AWS_ACCESS_KEY_ID"},
	} {
		r := runProgram(t, tt.env, nil, "demo", "--size", "30", "--upload", tt.address)
		if r.status != exitFailed || !strings.Contains(r.stderr, tt.says) || len(entries(t, ".")) != 0 {
			t.Errorf("exit %d: %s%v", r.status, r.stderr, entries(t, "."))
		}
	}
}

// TestUploadAnother: a report does not take another one's place unasked.
func TestUploadAnother(t *testing.T) {
	store, address := newContainer(t)
	upload := func(dir string, args ...string) result {
		t.Helper()
		if r := runProgram(t, nil, nil, "demo", "--size", itoa(20+len(store.order)), "--out", dir, "--format", "json"); r.status != exitDone {
			t.Fatalf("exit %d: %s", r.status, r.stderr)
		}
		return runProgram(t, signature, nil, append([]string{"upload", dir, address}, args...)...)
	}
	if r := upload(filepath.Join(t.TempDir(), "report")); r.status != exitDone {
		t.Fatalf("exit %d: %s", r.status, r.stderr)
	}
	first := store.blobs["report/"+fileManifest]
	dir := filepath.Join(t.TempDir(), "report")
	if r := upload(dir); r.status != exitFailed || !strings.Contains(r.stderr, "--force") || store.blobs["report/"+fileManifest] != first {
		t.Errorf("exit %d: %s", r.status, r.stderr)
	}
	if r := runProgram(t, signature, nil, "upload", dir, address, "--force"); r.status != exitDone || store.blobs["report/"+fileManifest] != read(t, dir, fileManifest) {
		t.Errorf("exit %d: %s", r.status, r.stderr)
	}
	for _, args := range [][]string{{}, {dir}, {t.TempDir(), address}, {filepath.Join(dir, "none"), address}, {dir, "ftp://contoso.com"}, {dir, address + "/{x}"}} {
		if r := runProgram(t, signature, nil, append([]string{"upload"}, args...)...); r.status != exitUsage || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%v: exit %d: %s", args, r.status, r.stderr)
		}
	}
}
