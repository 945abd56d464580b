package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passkey-audit/audit"
	"passkey-audit/audit/graphsim"
	"passkey-audit/audit/snapshot"
	"passkey-audit/report"
)

// scanned scans a simulated tenant in process into a new folder, and wants the
// scan to be complete.
func scanned(t *testing.T, o graphsim.Options, args ...string) (*graphsim.Server, string) {
	t.Helper()
	sim, r, dir := scannedAs(t, exitDone, o, args...)
	if r.stderr != "" && !strings.HasPrefix(r.stderr, "passkey-audit: --") {
		t.Errorf("stderr of a scan without trouble:\n%s", r.stderr)
	}
	return sim, dir
}

// scannedAs is scanned for another exit status.
func scannedAs(t *testing.T, status int, o graphsim.Options, args ...string) (*graphsim.Server, result, string) {
	t.Helper()
	sim := simulate(o)
	dir := filepath.Join(t.TempDir(), "out")
	r := scanSimulated(t, sim, nil, append([]string{"--out", dir}, args...)...)
	if r.status != status {
		t.Fatalf("scan: exit %d, want %d; stderr:\n%s", r.status, status, r.stderr)
	}
	return sim, r, dir
}

// evaluated judges a snapshot into a new folder, and wants an exit status.
func evaluated(t *testing.T, status int, snapshot string, args ...string) (result, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	return runs(t, status, append([]string{"evaluate", snapshot, "--out", dir}, args...)...), dir
}

// runs runs the program without an environment, and wants an exit status.
func runs(t *testing.T, status int, args ...string) result {
	t.Helper()
	r := runProgram(t, nil, nil, args...)
	if r.status != status {
		t.Fatalf("passkey-audit %s: exit %d, want %d; stdout:\n%s\nstderr:\n%s", strings.Join(args, " "), r.status, status, r.stdout, r.stderr)
	}
	return r
}

// file writes a file of the test, and gives its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// records reads what a snapshot holds of each user, by id.
func records(t *testing.T, dir string) map[string]snapshot.Record {
	t.Helper()
	r, err := snapshot.OpenReader(t.Context(), filepath.Join(dir, fileSnapshot))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := map[string]snapshot.Record{}
	for rec, err := range r.Users(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		c := *rec
		c.Passkeys, c.MemberOf = append([]audit.Passkey(nil), rec.Passkeys...), append([]audit.Membership(nil), rec.MemberOf...)
		out[c.ID] = c
	}
	return out
}

// sameTables wants the tables of two reports to be the same.
func sameTables(t *testing.T, a, b string) {
	t.Helper()
	if d := differences(reportsOf(t, a), reportsOf(t, b)); d != "" {
		t.Errorf("tables differ:\n%s", d)
	}
}

// oneSpace puts text that is broken into lines on one.
func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }

// groupNamed gives the id of one of the simulated tenant's groups.
func groupNamed(t *testing.T, sim *graphsim.Server, name string) (index int, id string) {
	t.Helper()
	for i, g := range sim.Groups() {
		if g.Name == name {
			return i, g.ID
		}
	}
	t.Fatalf("the tenant has no group %q", name)
	return 0, ""
}

// countBy counts the rows of a table by the value of a column.
func countBy(rows []map[string]string, column string) map[string]int {
	out := map[string]int{}
	for _, r := range rows {
		out[r[column]]++
	}
	return out
}

// passkeyRows reads passkeys.csv, with ids as Graph gives them: of some, which
// begin with a hyphen, a spreadsheet would make a formula.
func passkeyRows(t *testing.T, dir string) []map[string]string {
	t.Helper()
	rows := table(t, dir, report.FilePasskeys)
	for _, r := range rows {
		r["passkey_id"] = strings.TrimPrefix(r["passkey_id"], "'")
	}
	return rows
}
