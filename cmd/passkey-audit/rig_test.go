package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"passkey-audit/audit/graphsim"
)

// testToken is the access token of the simulated tenants. It must show nowhere.
const testToken = "SECRET-access-token-of-the-test"

// A result is what a run of the program leaves behind.
type result struct {
	status         int
	stdout, stderr string
}

// A safeBuffer may be written to by a run and read by a test at once.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// runProgram runs the program in this process.
func runProgram(t *testing.T, env map[string]string, stop <-chan struct{}, args ...string) result {
	t.Helper()
	var out, errs safeBuffer
	status := run(t.Context(), world{
		args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
		getenv: func(name string) string { return env[name] }, stop: stop, now: time.Now,
	})
	return result{status, out.String(), errs.String()}
}

// serve serves a simulated tenant until the test's end.
func serve(t *testing.T, o graphsim.Options) (*graphsim.Server, string) {
	t.Helper()
	o.Token = testToken
	s := graphsim.New(o)
	root, stop, err := s.Serve(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return s, root
}

// scanTenant scans a served tenant into a new folder.
func scanTenant(t *testing.T, root string, stop <-chan struct{}, args ...string) (result, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	return scanInto(t, root, stop, append([]string{"--out", dir}, args...)...), dir
}

func scanInto(t *testing.T, root string, stop <-chan struct{}, args ...string) result {
	t.Helper()
	return runProgram(t, map[string]string{"PASSKEY_AUDIT_ACCESS_TOKEN": testToken}, stop,
		append([]string{"scan", "--auth", "token", "--cloud", "custom", "--graph-endpoint", root}, args...)...)
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// table reads a CSV file of a report: a map for each row.
func table(t *testing.T, path ...string) []map[string]string {
	t.Helper()
	text, ok := strings.CutPrefix(read(t, path...), "\uFEFF")
	if !ok {
		t.Errorf("%v: no byte order mark", path)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatalf("%v: %v", path, err)
	}
	var out []map[string]string
	for _, r := range rows[1:] {
		m := make(map[string]string)
		for i, name := range rows[0] {
			m[name] = r[i]
		}
		out = append(out, m)
	}
	return out
}

// reportsOf reads the files of a report that must be the same whenever the same
// tenant is read: all but those that hold times and request counts.
func reportsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, f := range reportFiles() {
		switch f {
		case fileManifest, fileSummary, fileWorkbook, filePage:
			continue // they tell times and counts
		}
		out[f] = read(t, dir, f)
	}
	return out
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range es {
		out = append(out, e.Name())
	}
	return out
}
