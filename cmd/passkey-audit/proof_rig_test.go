package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passkey-audit/audit/graphsim"
	reportjson "passkey-audit/report/json"
)

// asProgram, in the environment, makes the test's own binary the program
// itself, so that tests can start and kill it as a process.
const asProgram = "PASSKEY_AUDIT_TEST_AS_PROGRAM"

// fileLimit, in the program's environment, is how many bytes a file may have: a
// disk that fills up, where the system knows such limits.
const fileLimit = "PASSKEY_AUDIT_TEST_FILE_LIMIT"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		limitFiles(os.Getenv(fileLimit))
		os.Exit(start())
	}
	goleak.VerifyTestMain(m)
}

// simulatedRoot is the Graph root of tenants in process. Nothing is sent there.
const simulatedRoot = "https://graph.example.com"

// scanProcess runs scan in this goroutine over a transport in process, for the
// clock of testing/synctest.
func scanProcess(ctx context.Context, transport http.RoundTripper, stop <-chan struct{}, args ...string) result {
	var out, errs safeBuffer
	env := map[string]string{"PASSKEY_AUDIT_ACCESS_TOKEN": testToken}
	status := run(ctx, world{
		args:  append([]string{"scan", "--auth", "token", "--cloud", "custom", "--graph-endpoint", simulatedRoot, "--no-progress"}, args...),
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
		getenv: func(name string) string { return env[name] }, stop: stop, now: time.Now, transport: transport,
	})
	return result{status, out.String(), errs.String()}
}

// simulate makes a simulated tenant in process.
func simulate(o graphsim.Options) *graphsim.Server {
	o.Token = testToken
	return graphsim.New(o)
}

// What differs between two readings of the same tenant: times, addresses and
// counts of requests.
var (
	madeLine  = regexp.MustCompile(`Read \d[^<]* UTC in [^<]* with passkey-audit`)
	pageFacts = regexp.MustCompile(`(?m)^\["(Time|Requests|Rate)",.*$|^\["Tenant","Microsoft Graph",.*$`)
	runSheet  = regexp.MustCompile(`<sheet name="Run" sheetId="(\d+)"`)
)

// finalReports reads all files of a report into comparable texts, without times
// and request counts. It checks the manifest against them, which is made of
// nothing else. An error says that the report is not whole.
func finalReports(dir string) (map[string]string, error) {
	out := make(map[string]string)
	for _, name := range reportFiles() {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		out[name] = string(b)
	}
	var m reportjson.Manifest
	if err := json.Unmarshal([]byte(out[fileManifest]), &m); err != nil {
		return nil, err
	}
	delete(out, fileManifest)
	listed := ""
	for _, f := range m.Files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		ok := "as in the manifest"
		if f.SHA256 != hex.EncodeToString(sum[:]) {
			ok = "NOT AS IN THE MANIFEST"
		}
		listed += f.Name + ": " + ok + "\n"
	}
	out["the manifest's files"] = listed
	var summary map[string]any
	if err := json.Unmarshal([]byte(out[fileSummary]), &summary); err != nil {
		return nil, err
	}
	for _, key := range []string{"started_at", "finished_at", "duration_seconds", "requests", "rate"} {
		delete(summary, key)
	}
	b, err := json.MarshalIndent(summary, "", " ")
	if err != nil {
		return nil, err
	}
	out[fileSummary] = string(b)
	page := pageFacts.ReplaceAllString(out[filePage], "")
	out[filePage] = madeLine.ReplaceAllString(page, "")
	workbook := out[fileWorkbook]
	delete(out, fileWorkbook)
	return out, workbookParts(out, []byte(workbook))
}

// workbookParts adds the parts of a workbook, but for the sheet Run and the
// file's own times.
func workbookParts(out map[string]string, b []byte) error {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	parts := make(map[string]string)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		parts[f.Name] = string(text)
	}
	if m := runSheet.FindStringSubmatch(parts["xl/workbook.xml"]); m != nil {
		delete(parts, "xl/worksheets/sheet"+m[1]+".xml")
	}
	delete(parts, "docProps/core.xml")
	for name, text := range parts {
		out[fileWorkbook+"/"+name] = madeLine.ReplaceAllString(text, "")
	}
	return nil
}

// differences names the files that differ, with the place where each begins to.
func differences(want, got map[string]string) string {
	names := slices.Sorted(maps.Keys(want))
	for name := range got {
		if _, ok := want[name]; !ok {
			names = append(names, name)
		}
	}
	var b strings.Builder
	for _, name := range names {
		w, g := want[name], got[name]
		if w == g {
			continue
		}
		at := 0
		for at < len(w) && at < len(g) && w[at] == g[at] {
			at++
		}
		around := func(s string) string { return s[max(0, min(at, len(s))-60):min(len(s), at+120)] }
		b.WriteString(name + " differs\n  want ..." + around(w) + "...\n  got  ..." + around(g) + "...\n")
	}
	return b.String()
}

// wantSameReport compares a folder's report with the one that is wanted.
func wantSameReport(t *testing.T, want map[string]string, dir string) {
	t.Helper()
	got, err := finalReports(dir)
	if err != nil {
		t.Fatalf("the report is not whole: %v", err)
	}
	if d := differences(want, got); d != "" {
		t.Errorf("the report is not that of the undisturbed run:\n%s", d)
	}
	for _, name := range entries(t, dir) {
		if name != fileSnapshot && !slices.Contains(reportFiles(), name) {
			t.Errorf("%s is left behind", name)
		}
	}
}

// cancelAfter gives a context that ends at an instant.
func cancelAfter(ctx context.Context, d time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(d, cancel)
	return ctx, func() { timer.Stop(); cancel() }
}
