package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/graphsim"
	"passkey-audit/report"
	reportjson "passkey-audit/report/json"
)

func TestExpand(t *testing.T) {
	at := time.Date(2026, 11, 1, 9, 30, 0, 0, time.FixedZone("CET", 3600))
	for _, tt := range []struct {
		template string
		tenant   audit.Tenant
		want     string
	}{
		{"reports", audit.Tenant{Domain: "contoso.com"}, "reports"},
		{"/r/{tenant}/{date}_{time}", audit.Tenant{Domain: "contoso.com"}, "/r/contoso.com/2026-11-01_20261101T083000Z"},
		{"{tenant}", audit.Tenant{ID: "11111111-2222-3333-4444-555555555555"}, "11111111-2222-3333-4444-555555555555"},
		{"{tenant}", audit.Tenant{Domain: "../{time}/x"}, "..--time--x"},
		{"", audit.Tenant{Domain: "contoso.com"}, "passkey-audit_contoso.com_20261101T083000Z"},
	} {
		if got := outFolder(tt.template, tt.tenant, at); got != tt.want {
			t.Errorf("%q for %v: %q, want %q", tt.template, tt.tenant, got, tt.want)
		}
	}
}

func TestTemplates(t *testing.T) {
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"--out", "r_{tennant}"}, `unknown placeholder "{tennant}"`},
		{[]string{"--out", "r_{}"}, `unknown placeholder "{}"`},
		{[]string{"--out", "r_{time"}, "a brace without its partner"},
		{[]string{"--out", "r_{{time}}"}, "a brace without its partner"},
		{[]string{"--keep", "-1"}, "--keep -1"},
		{[]string{"--keep", "3", "--out", "r_{tenant}"}, "{time} or {date}"},
		{[]string{"--keep", "3", "--out", "{time}/r"}, "{time} or {date}"},
		{[]string{"--summary", "xml"}, "text, json"},
		{[]string{"--upload", "s3://audits/{tennant}"}, "--upload: unknown placeholder"},
		{[]string{"--upload", "https://contoso.com/x?sig=MINE"}, "AZURE_STORAGE_SAS_TOKEN"},
	} {
		t.Chdir(t.TempDir())
		r := runProgram(t, nil, nil, append([]string{"demo", "--size", "5"}, tt.args...)...)
		if r.status != exitUsage || r.stdout != "" || !strings.Contains(r.stderr, tt.says) || strings.Contains(r.stderr, "MINE") || len(entries(t, ".")) != 0 {
			t.Errorf("%v: exit %d, %q, %v; want 2 and %q", tt.args, r.status, r.stderr, entries(t, "."), tt.says)
		}
	}
}

// oldReport makes the folder of an older scan.
func oldReport(t *testing.T, dir string, change func(*reportjson.Manifest)) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if m := regexp.MustCompile(`\d{8}T\d{6}Z`).FindString(dir); m != "" {
		var err error
		if at, err = time.Parse(timeForm, m); err != nil {
			t.Fatal(err)
		}
	}
	m := reportjson.Manifest{Schema: reportjson.ManifestSchema, Complete: true, CreatedAt: &at, Files: []reportjson.File{{Name: fileSnapshot}, {Name: fileSummary}}}
	m.Tool.Name = "passkey-audit"
	m.Tenants = []reportjson.ManifestTenant{{SummaryTenant: report.SummaryTenant{ID: demoTenantID(t), Name: "Contoso", Domain: "contoso.com"}}}
	if change != nil {
		change(&m)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{fileManifest: string(text), fileSnapshot: "x", fileSummary: "{}", ".report.xlsx.123": "half"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// demoTenantID is the ID of the simulated tenant.
func demoTenantID(t *testing.T) string {
	t.Helper()
	return graphsim.New(graphsim.Options{Users: 1, Seed: 1}).Tenant().ID
}

// TestKeep: only old, whole, complete reports of this tenant go, and only where
// nothing else lies in their folder.
func TestKeep(t *testing.T) {
	parent := t.TempDir()
	t.Chdir(parent)
	name := func(month string) string { return "r_contoso.com_2026" + month + "01T080000Z" }
	for _, month := range []string{"01", "02", "03", "04"} {
		oldReport(t, name(month), nil)
	}
	stays := map[string]func(string){
		"r_contoso.com_20250101T000000Z": func(d string) { oldReport(t, d, func(m *reportjson.Manifest) { m.Tenants[0].ID = "another" }) },
		"r_contoso.com_20250102T000000Z": func(d string) { oldReport(t, d, func(m *reportjson.Manifest) { m.Complete = false }) },
		"r_contoso.com_20250103T000000Z": func(d string) { oldReport(t, d, func(m *reportjson.Manifest) { m.Tool.Name = "other" }) },
		"r_contoso.com_20250104T000000Z": func(d string) { oldReport(t, d, func(m *reportjson.Manifest) { m.CreatedAt = nil }) },
		"r_contoso.com_20250105T000000Z": func(d string) { oldReport(t, d, func(m *reportjson.Manifest) { m.Files = nil }) },
		"r_contoso.com_20250106T000000Z": func(d string) {
			oldReport(t, d, func(m *reportjson.Manifest) { m.Tenants = append(m.Tenants, m.Tenants[0]) })
		},
		"r_contoso.com_20250107T000000Z": func(d string) {
			oldReport(t, d, nil)
			if err := os.Remove(filepath.Join(d, fileManifest)); err != nil {
				t.Fatal(err)
			}
		},
		"r_contoso.com_20250108T000000Z": func(d string) {
			oldReport(t, d, nil)
			if err := os.WriteFile(filepath.Join(d, "notes.txt"), []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"r_contoso.com_20250109T000000Z": func(d string) {
			oldReport(t, "elsewhere", nil)
			if err := os.Symlink(filepath.Join(parent, "elsewhere"), d); err != nil {
				t.Fatal(err)
			}
		},
		"r_contoso.com_20250110T000000Z": func(d string) {
			oldReport(t, d, nil)
			lock, err := lockOut(d)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(lock.release)
		},
		"r_contoso.com_20250111T000000Z.bak": func(d string) { oldReport(t, d, nil) },
		"r_fabrikam.com_20250101T000000Z":    func(d string) { oldReport(t, d, nil) },
		"contoso.com_20250101T000000Z":       func(d string) { oldReport(t, d, nil) },
	}
	for d, make := range stays {
		make(d)
	}
	before := entries(t, ".")
	scan := func(args ...string) result {
		return runProgram(t, nil, nil, append([]string{"demo", "--size", "5", "--out", "r_{tenant}_{time}", "--format", "json"}, args...)...)
	}
	// A run that fails removes nothing.
	if r := scan("--keep", "1", "--group", "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02"); r.status != exitFailed {
		t.Fatalf("exit %d: %s", r.status, r.stderr)
	}
	failed := slices.DeleteFunc(entries(t, "."), func(n string) bool { return slices.Contains(before, n) })
	if len(entries(t, ".")) != len(before)+len(failed) {
		t.Fatalf("a run that failed removed something: %v", entries(t, "."))
	}
	for _, n := range failed {
		if err := os.RemoveAll(n); err != nil {
			t.Fatal(err)
		}
	}
	r := scan("--keep", "3", "--summary", "json")
	if r.status != exitDone {
		t.Fatalf("exit %d: %s", r.status, r.stderr)
	}
	var line struct {
		Out     string
		Removed []string
	}
	if err := json.Unmarshal([]byte(r.stdout), &line); err != nil {
		t.Fatal(err)
	}
	gone := []string{name("01"), name("02")}
	want := slices.DeleteFunc(append(before, line.Out), func(n string) bool { return slices.Contains(gone, n) })
	slices.Sort(want)
	if d := cmp.Diff(want, entries(t, ".")); d != "" {
		t.Errorf("folders (-want +got):\n%s\nstderr:\n%s", d, r.stderr)
	}
	for i, n := range []string{name("02"), name("01")} {
		if len(line.Removed) != 2 || filepath.Base(line.Removed[i]) != n || !strings.Contains(r.stderr, n) {
			t.Errorf("removed %v, want %s; stderr:\n%s", line.Removed, n, r.stderr)
		}
	}
	if len(entries(t, "elsewhere")) != 4 {
		t.Errorf("behind the link: %v", entries(t, "elsewhere"))
	}
	for _, says := range []string{"notes.txt", "in use"} {
		if !strings.Contains(r.stderr, says) {
			t.Errorf("it does not say why a folder stays (%s):\n%s", says, r.stderr)
		}
	}
}

// TestSummaryLine: one line of JSON, whatever the end.
func TestSummaryLine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	var line map[string]any
	parse := func(r result) {
		t.Helper()
		line = nil
		if strings.Count(r.stdout, "\n") != 1 || json.Unmarshal([]byte(r.stdout), &line) != nil {
			t.Fatalf("exit %d, standard output is no line of JSON: %q\n%s", r.status, r.stdout, r.stderr)
		}
		if line["exit_status"] != float64(r.status) {
			t.Errorf("exit_status %v, and the exit status is %d", line["exit_status"], r.status)
		}
	}
	parse(runProgram(t, nil, nil, "demo", "--size", "300", "--out", dir, "--summary", "json", "--fail-on", "breaking"))
	if line["exit_status"] != float64(exitFinding) || line["out"] != dir || line["error"] != nil || line["uploaded"] != nil {
		t.Errorf("got %v", line)
	}
	var file map[string]any
	if err := json.Unmarshal([]byte(read(t, dir, fileSummary)), &file); err != nil {
		t.Fatal(err)
	}
	for name, want := range file {
		if d := cmp.Diff(want, line[name]); d != "" {
			t.Errorf("%s (-summary.json +line):\n%s", name, d)
		}
	}
	parse(runProgram(t, nil, nil, "demo", "--size", "300", "--out", dir, "--summary", "json"))
	if line["exit_status"] != float64(exitUsage) || !strings.Contains(line["error"].(string), "--force") {
		t.Errorf("over an existing report: %v", line)
	}
	parse(runProgram(t, nil, nil, "evaluate", dir, "--out", filepath.Join(t.TempDir(), "again"), "--summary", "json"))
	if line["exit_status"] != float64(exitDone) || line["passkeys"] == nil {
		t.Errorf("evaluate: %v", line)
	}
	parse(runProgram(t, nil, nil, "scan", "--summary", "json"))
	if line["exit_status"] != float64(exitRefused) || line["error"] == nil || line["out"] != nil {
		t.Errorf("without credentials: %v", line)
	}
}
