package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit/graphsim"
	"passkey-audit/report"
	reportjson "passkey-audit/report/json"
)

// fleetTenants is how many tenants rigFleet scans.
const fleetTenants = 3

// rigFleet scans simulated tenants into folders below a new one, and gives these
// in the order of their domains. The first has the policy of the simulation, the
// second one without a list, the third passkey profiles.
func rigFleet(t *testing.T) []string {
	t.Helper()
	parent := t.TempDir()
	var dirs []string
	for i, domain := range []string{"contoso.com", "fabrikam.com", "nordic.contoso.com"} {
		dir := filepath.Join(parent, domain)
		if r := scanSimulated(t, simulate(graphsim.Options{Users: 60 + 20*i, Seed: uint64(i) + 1}), nil, "--out", dir, "--format", "csv,json"); r.status != exitDone {
			t.Fatalf("scan of %s: exit %d; stderr:\n%s", domain, r.status, r.stderr)
		}
		changeSnapshot(t, dir, fmt.Sprintf("UPDATE meta SET value = '%s' WHERE key = 'tenant_domain'", domain))
		if body := []string{"", benchLegacy, benchProfiles}[i]; body != "" {
			changeSnapshot(t, dir, "UPDATE documents SET body = CAST('"+body+"' AS BLOB) WHERE name = 'policy'")
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

// changeSnapshot changes the snapshot of a scan behind the program's back.
func changeSnapshot(t *testing.T, dir, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, fileSnapshot))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(query)
	if cerr := db.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
}

// joined makes one report of snapshots, and wants an exit status.
func joined(t *testing.T, status int, snapshots []string, args ...string) (result, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	return runs(t, status, slices.Concat([]string{"evaluate"}, snapshots, []string{"--out", dir}, args)...), dir
}

// TestFleetSums: the report of several tenants has the rows of the reports of
// each, its figures are their sums, and the order of the arguments is the same.
func TestFleetSums(t *testing.T) {
	dirs := rigFleet(t)
	args := []string{"--proposed", "auto", "--proposed", "strict=authenticator-only", "--fail-on", "breaking"}
	r, whole := joined(t, exitFinding, dirs, args...)
	var parts []string
	var sum, strict report.SummaryPasskeys
	users, losing := 0, 0
	digests := map[string][2]string{}
	for _, d := range dirs {
		part := filepath.Join(t.TempDir(), "part")
		runProgram(t, nil, nil, slices.Concat([]string{"evaluate", d, "--out", part}, args)...)
		parts = append(parts, part)
		s := summaryOf(t, part)
		for to, p := range map[*report.SummaryPasskeys]report.SummaryPasskeys{&sum: s.Passkeys, &strict: s.Proposals[1].Passkeys} {
			to.Total, to.Breaks, to.Undecided, to.AlreadyBlocked = to.Total+p.Total, to.Breaks+p.Breaks, to.Undecided+p.Undecided, to.AlreadyBlocked+p.AlreadyBlocked
		}
		users, losing = users+s.Users.Listed, losing+s.Users.LosingLast
		m := manifestOf(t, part)
		digests[s.Tenant.Domain] = [2]string{m.PolicySHA256, m.ProposedSHA256}
	}
	for _, file := range []string{report.FileBreaking, report.FilePasskeys, report.FileUsers, report.FileOutreach, report.FileStrengths, filePasskeys, fileAAGUIDs} {
		var want []string
		for _, p := range parts {
			want = append(want, lines(t, p, file)...)
		}
		got := lines(t, whole, file)
		slices.Sort(want)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" || len(got) == 0 && file != report.FileStrengths {
			t.Errorf("%s: %d lines; they are not those of the single reports (-want +got):\n%.2000s", file, len(got), d)
		}
	}
	s := summaryOf(t, whole)
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"passkeys", s.Passkeys.Total, sum.Total}, {"breaks", s.Passkeys.Breaks, sum.Breaks}, {"undecided", s.Passkeys.Undecided, sum.Undecided},
		{"already blocked", s.Passkeys.AlreadyBlocked, sum.AlreadyBlocked}, {"users", s.Users.Listed, users}, {"losing the last", s.Users.LosingLast, losing},
		{"breaks, strict", s.Proposals[1].Passkeys.Breaks, strict.Breaks}, {"passkeys, strict", s.Proposals[1].Passkeys.Total, strict.Total},
		{"tenants", len(s.Tenants), fleetTenants}, {"rows of tenants.csv", len(table(t, whole, report.FileTenants)), fleetTenants},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, c.got, c.want)
		}
	}
	if s.Proposal != "auto" || s.Proposals[1].Name != "strict" || !s.Complete {
		t.Errorf("the proposals are called %s and %s; complete: %v", s.Proposal, s.Proposals[1].Name, s.Complete)
	}
	m := manifestOf(t, whole)
	if m.PolicySHA256 != "" || len(m.Tenants) != fleetTenants {
		t.Errorf("manifest: %+v", m)
	}
	for _, tenant := range m.Tenants {
		if got := [2]string{tenant.PolicySHA256, tenant.ProposedSHA256}; got != digests[tenant.Domain] {
			t.Errorf("%s has the digests %v, want %v", tenant.Domain, got, digests[tenant.Domain])
		}
	}
	if !strings.Contains(r.stdout, "nordic.contoso.com") {
		t.Errorf("stdout:\n%s", r.stdout)
	}
	for _, want := range []string{"auto stands for authenticator-only (in 2 of 3 tenants)", "auto stands for enforced (in 1 of 3 tenants)"} {
		if !slices.Contains(s.ProposalNotes, want) {
			t.Errorf("the notes %q lack %q", s.ProposalNotes, want)
		}
	}
	runs(t, exitDone, "verify", whole)
	backwards := slices.Clone(dirs)
	slices.Reverse(backwards)
	_, again := joined(t, exitFinding, backwards, args...)
	if d := cmp.Diff(entries(t, whole), entries(t, again)); d != "" {
		t.Fatalf("files (-whole +again):\n%s", d)
	}
	for _, f := range entries(t, whole) {
		if read(t, whole, f) != read(t, again, f) {
			t.Errorf("%s depends on the order of the arguments", f)
		}
	}
}

func manifestOf(t *testing.T, dir string) reportjson.Manifest {
	t.Helper()
	m, err := reportjson.ReadManifest(strings.NewReader(read(t, dir, fileManifest)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// lines gives the lines of a file without its header.
func lines(t *testing.T, dir, file string) []string {
	t.Helper()
	list := strings.Split(strings.TrimSuffix(strings.ReplaceAll(read(t, dir, file), "\r\n", "\n"), "\n"), "\n")
	if strings.HasSuffix(file, ".csv") || file == fileAAGUIDs {
		return list[1:]
	}
	return list
}

// TestFleetPart: whatever is wrong with one snapshot is told with its name, and
// the others are judged.
func TestFleetPart(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, dir string)
		code   string
	}{
		{"cut off", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, fileSnapshot), []byte("SQLite format 3\x00"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "no snapshot"},
		{"cut in half", func(t *testing.T, dir string) {
			info, err := os.Stat(filepath.Join(dir, fileSnapshot))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(dir, fileSnapshot), info.Size()/2); err != nil {
				t.Fatal(err)
			}
		}, "no snapshot"},
		{"no snapshot in the folder", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, fileSnapshot)); err != nil {
				t.Fatal(err)
			}
		}, "no snapshot"},
		{"newer", func(t *testing.T, dir string) { changeSnapshot(t, dir, "PRAGMA user_version = 1000") }, "newer version"},
		{"no policy", func(t *testing.T, dir string) {
			changeSnapshot(t, dir, "DELETE FROM documents WHERE name = 'policy'")
		}, "no policy"},
		{"policy not understood", func(t *testing.T, dir string) {
			changeSnapshot(t, dir, "UPDATE documents SET body = CAST('[' AS BLOB) WHERE name = 'policy'")
		}, "policy not understood"},
		{"a table is gone", func(t *testing.T, dir string) { changeSnapshot(t, dir, "DROP TABLE groups") }, "damaged"},
	}
	dirs := rigFleet(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			odd := filepath.Join(t.TempDir(), "odd")
			if err := os.CopyFS(odd, os.DirFS(dirs[2])); err != nil {
				t.Fatal(err)
			}
			test.change(t, odd)
			r, out := joined(t, exitPartial, []string{odd, dirs[0], dirs[1]}, "--format", "csv,json,html,xlsx")
			var rows []map[string]string
			for _, row := range table(t, out, report.FileUnread) {
				if row["what"] == report.WhatSnapshot {
					rows = append(rows, row)
				}
			}
			if len(rows) != 1 || rows[0]["id"] != odd || rows[0]["code"] != test.code || rows[0]["message"] == "" {
				t.Errorf("unread.csv: %v", rows)
			}
			s := summaryOf(t, out)
			if s.Complete || len(s.Tenants) != fleetTenants || s.Tenants[0].Complete || s.Tenants[0].Users != nil || !strings.Contains(s.Completeness, "1 of 3 snapshots could not be used") {
				t.Errorf("complete: %v; %s; first tenant: %+v", s.Complete, s.Completeness, s.Tenants[0])
			}
			if row := table(t, out, report.FileTenants)[0]; row["complete"] != "false" || row["passkeys"] != "" || row["losing_last_passkey"] != "" || !strings.Contains(row["missing"], odd) {
				t.Errorf("tenants.csv: %v", row)
			}
			if !strings.Contains(oneSpace(r.stdout), "1 of 3 snapshots could not be used") {
				t.Errorf("stdout:\n%s", r.stdout)
			}
			if page := read(t, out, filePage); !strings.Contains(page, odd) {
				t.Error("the page does not name the snapshot")
			}
			runs(t, exitDone, "verify", out)
		})
	}
}

// TestFleetProposal: a proposal that does not fit one tenant leaves that tenant
// unjudged; a proposal that fits none is an error.
func TestFleetProposal(t *testing.T) {
	dirs := rigFleet(t)
	body := file(t, "pilots.json", `{"passkeyProfiles": [{"id": "00000000-0000-0000-0000-000000000001", "name": "Default passkey profile", "passkeyTypes": "deviceBound"}]}`)
	r := runs(t, exitUsage, "evaluate", dirs[2], "--proposed", body, "--out", filepath.Join(t.TempDir(), "one"))
	_, out := joined(t, exitPartial, dirs, "--proposed", body)
	var rows []map[string]string
	for _, row := range table(t, out, report.FileUnread) {
		if row["what"] == report.WhatSnapshot {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 || rows[len(rows)-1]["id"] != dirs[2] || rows[len(rows)-1]["code"] != "proposal does not fit" || !strings.Contains(r.stderr, strings.TrimSpace(rows[len(rows)-1]["message"])) {
		t.Errorf("unread.csv: %v; of the tenant alone: %s", rows, r.stderr)
	}
	wrong := file(t, "wrong.json", `{"keyRestrictions": 1}`)
	joinedFails(t, exitUsage, dirs, "wrong.json", "--proposed", wrong)
}

// joinedFails wants an error and no report.
func joinedFails(t *testing.T, status int, snapshots []string, want string, args ...string) {
	t.Helper()
	r, dir := joined(t, status, snapshots, args...)
	if !strings.Contains(r.stderr, want) || r.stdout != "" {
		t.Errorf("stderr %q does not say %q; stdout %q", r.stderr, want, r.stdout)
	}
	if found := inTheWay(dir); len(found) > 0 {
		t.Errorf("files of a report: %v", found)
	}
}

func TestFleetUsage(t *testing.T) {
	dirs := rigFleet(t)
	broken := file(t, "broken.db", "no snapshot")
	joinedFails(t, exitUsage, []string{dirs[0], dirs[1], filepath.Join(dirs[0], fileSnapshot)}, "are of the same tenant")
	joinedFails(t, exitUsage, []string{dirs[0], filepath.Join(t.TempDir(), "none")}, "there is no such snapshot")
	joinedFails(t, exitUsage, []string{broken, file(t, "other.db", "")}, "none of the 2 snapshots can be used")
	runs(t, exitUsage, "evaluate")
	for _, args := range [][]string{{"--out", dirs[2]}, {"--out", dirs[2], "--force"}} {
		if r := runs(t, exitUsage, append([]string{"evaluate", dirs[0], dirs[1]}, args...)...); !strings.Contains(r.stderr, "a folder of its own") {
			t.Errorf("stderr: %s", r.stderr)
		}
	}
	// One snapshot that can be used is still one of several.
	_, out := joined(t, exitPartial, []string{broken, dirs[0]}, "--format", "csv,json")
	if rows := table(t, out, report.FileTenants); len(rows) != 2 {
		t.Errorf("tenants.csv: %v", rows)
	}
	if r := runs(t, exitUsage, "evaluate", dirs[0], dirs[1], "--out", out); !strings.Contains(r.stderr, "--force") {
		t.Errorf("stderr: %s", r.stderr)
	}
	runs(t, exitDone, "evaluate", dirs[0], dirs[1], "--out", out, "--force", "--format", "json")
	if _, err := os.Stat(filepath.Join(out, report.FileTenants)); err == nil {
		t.Error("tenants.csv of the older report is still there")
	}
}

// TestFleetFolder: the folder names the number of tenants, and its report can be
// told from a scan's by the other commands.
func TestFleetFolder(t *testing.T) {
	dirs := rigFleet(t)
	t.Chdir(t.TempDir())
	r := runs(t, exitDone, slices.Concat([]string{"evaluate"}, dirs, []string{"--format", "json", "--summary", "json"})...)
	var line struct {
		Out     string `json:"out"`
		Status  int    `json:"exit_status"`
		Tenants []struct {
			Domain string `json:"domain"`
		} `json:"tenants"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &line); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(line.Out, "passkey-audit_3-tenants_") || len(line.Tenants) != fleetTenants {
		t.Errorf("line: %+v", line)
	}
	runs(t, exitDone, slices.Concat([]string{"evaluate"}, dirs, []string{"--format", "json", "--out", "all/{tenant}"})...)
	if got := entries(t, "all"); len(got) != 1 || got[0] != "3-tenants" {
		t.Errorf("folders: %v", got)
	}
	if r := runs(t, exitUsage, "upload", line.Out, "s3://audits/{tenant}?region=eu-central-1"); !strings.Contains(r.stderr, "{tenant} has no meaning for a report of 3 tenants") {
		t.Errorf("stderr: %s", r.stderr)
	}
}

// TestFleetMask: names are masked by each tenant's own key, as in the reports of
// one tenant.
func TestFleetMask(t *testing.T) {
	dirs := rigFleet(t)
	_, whole := joined(t, exitDone, dirs, "--mask", "--format", "csv")
	_, one := evaluated(t, exitDone, dirs[1], "--mask", "--format", "csv")
	all := map[string]bool{}
	for _, l := range lines(t, whole, report.FileUsers) {
		all[l] = true
	}
	for _, l := range lines(t, one, report.FileUsers) {
		if !all[l] || !strings.Contains(l, "@masked.invalid") {
			t.Fatalf("not in the report of several: %s", l)
		}
	}
}

// TestFleetInterrupted: a tenant whose scan was interrupted makes the report
// incomplete, and its users who were not read stand there as unread.
func TestFleetInterrupted(t *testing.T) {
	dirs := rigFleet(t)
	changeSnapshot(t, dirs[1], "UPDATE users SET outcome = 'pending' WHERE seq > 40")
	changeSnapshot(t, dirs[1], "DELETE FROM passkeys WHERE user_seq > 40")
	_, out := joined(t, exitPartial, dirs, "--format", "csv,json")
	pending := countBy(table(t, out, report.FileUnread), "code")["pending"]
	s := summaryOf(t, out)
	if pending != 40 || s.Users.Unread != 40 || s.Complete {
		t.Errorf("%d rows in unread.csv are pending, %d users unread; complete: %v", pending, s.Users.Unread, s.Complete)
	}
	for _, tenant := range s.Tenants {
		if want := tenant.Domain != "fabrikam.com"; tenant.Complete != want {
			t.Errorf("%s is complete: %v", tenant.Domain, tenant.Complete)
		}
	}
}

func TestFleetExplain(t *testing.T) {
	dirs := rigFleet(t)
	var upn string
	for _, row := range table(t, dirs[1], report.FilePasskeys) {
		upn = row["user_principal_name"]
	}
	r := runs(t, exitDone, slices.Concat([]string{"evaluate"}, dirs, []string{"--explain", upn})...)
	if !strings.Contains(r.stdout, "Tenant fabrikam.com\n") || !strings.Contains(r.stdout, upn) {
		t.Errorf("stdout:\n%s", r.stdout)
	}
	if r := runs(t, exitUsage, slices.Concat([]string{"evaluate"}, dirs, []string{"--explain", "nobody@contoso.com"})...); !strings.Contains(r.stderr, "none of the 3 snapshots") {
		t.Errorf("stderr: %s", r.stderr)
	}
	// Where a snapshot cannot be looked at, the answer is not the whole.
	r = runs(t, exitPartial, slices.Concat([]string{"evaluate", file(t, "broken.db", "x")}, dirs, []string{"--explain", upn})...)
	if !strings.Contains(r.stderr, "broken.db") || !strings.Contains(r.stdout, upn) {
		t.Errorf("stdout:\n%s\nstderr:\n%s", r.stdout, r.stderr)
	}
}

// TestFleetMissingGroups: groups that scans did not read are one warning.
func TestFleetMissingGroups(t *testing.T) {
	dirs := rigFleet(t)
	body := file(t, "group.json", `{"excludeTargets": [{"targetType": "group", "id": "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4aff"}]}`)
	r, _ := joined(t, exitDone, dirs, "--proposed", body, "--format", "json")
	if n := strings.Count(r.stderr, "warning:"); n != 1 || !strings.Contains(r.stderr, "4 groups in 3 tenants") || !strings.Contains(r.stderr, "in fabrikam.com") {
		t.Errorf("stderr:\n%s", r.stderr)
	}
}
