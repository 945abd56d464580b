package main

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/graphsim"
	"passkey-audit/audit/policy"
	reportjson "passkey-audit/report/json"
)

// later copies a snapshot into a folder of that name and changes the copy, as if
// the tenant had been scanned again on that day.
func later(t *testing.T, from, name, day string, changes ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileSnapshot)
	if err := os.WriteFile(path, []byte(read(t, from, fileSnapshot)), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range append([]string{
		"UPDATE meta SET value = '" + day + "T08:00:00Z' WHERE key = 'started_at'",
		"UPDATE meta SET value = '" + day + "T09:00:00Z' WHERE key = 'finished_at'",
		"UPDATE meta SET value = 'key of " + name + "' WHERE key = 'mask_key'",
	}, changes...) {
		r, err := db.ExecContext(t.Context(), q)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			t.Fatalf("%s: changes nothing (%v)", q, err)
		}
	}
	return dir
}

// changeRows gives the rows of changes.csv as the tests name them.
func changeRows(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	for _, row := range table(t, dir, fileChanges) {
		out = append(out, strings.Join([]string{row["change"], row["user_id"], strings.TrimPrefix(row["passkey_id"], "'"), row["before"] + ">" + row["after"]}, " "))
	}
	return out
}

func comparisonOf(t *testing.T, dir string) (c struct {
	reportjson.Comparison
	Changes     []reportjson.Change `json:"changes"`
	NotCompared []reportjson.Person `json:"not_compared"`
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, dir, fileChangesJSON)), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func inSQL(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// someUser finds a user by what is in the snapshot.
func someUser(t *testing.T, sim *graphsim.Server, dir string, ok func(i int, keys []audit.Passkey) bool) audit.User {
	t.Helper()
	in := records(t, dir)
	for i := range sim.Users() {
		u := sim.User(i)
		if rec := in[u.ID]; i > 31 && ok(i, rec.Passkeys) {
			return u
		}
	}
	t.Fatal("the tenant has no such user")
	return audit.User{}
}

// liveWith gives the policy of a tenant with key restrictions in force, in the
// form in which a snapshot holds it.
func liveWith(t *testing.T, dir, old, new string) string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, fileSnapshot))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var body string
	if err := db.QueryRowContext(t.Context(), "SELECT CAST(body AS TEXT) FROM documents WHERE name = 'policy'").Scan(&body); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(body, old) {
		t.Fatalf("the policy has no %s:\n%s", old, body)
	}
	return "UPDATE documents SET body = CAST(" + inSQL(strings.Replace(body, old, new, 1)) + " AS BLOB) WHERE name = 'policy'"
}

// TestCompare compares scans that differ in one known way.
func TestCompare(t *testing.T) {
	sim, dir := scanned(t, graphsim.Options{Users: 120, Seed: 7, Shape: graphsim.ShapeLegacy}, "--format", "json")
	in := records(t, dir)
	one := someUser(t, sim, dir, func(_ int, k []audit.Passkey) bool { return len(k) == 1 })
	two := someUser(t, sim, dir, func(_ int, k []audit.Passkey) bool { return len(k) == 2 })
	none := someUser(t, sim, dir, func(_ int, k []audit.Passkey) bool { return len(k) == 0 })
	key := func(u audit.User, n int) string { return in[u.ID].Passkeys[n].ID }
	seq := func(u audit.User) string { return "(SELECT seq FROM users WHERE id = " + inSQL(u.ID) + ")" }
	const clean = "UPDATE listing SET done = 1"
	remove := []string{"DELETE FROM passkeys WHERE user_seq = " + seq(two) + " AND id = " + inSQL(key(two, 0)), "UPDATE users SET holds = 1 WHERE id = " + inSQL(two.ID)}
	gone := []string{"DELETE FROM passkeys WHERE user_seq = " + seq(one), "DELETE FROM users WHERE id = " + inSQL(one.ID)}
	goneWithout := []string{"DELETE FROM users WHERE id = " + inSQL(none.ID)}
	unread := []string{
		"DELETE FROM passkeys WHERE user_seq = " + seq(two), "UPDATE users SET outcome = 'failed', holds = NULL WHERE id = " + inSQL(two.ID),
		"INSERT INTO failures VALUES ('user', " + inSQL(two.ID) + ", " + inSQL(two.UPN) + ", 500, 'generalException', 'no', '', 8)",
	}
	rename := []string{"UPDATE users SET upn = 'Aaa.New@contoso.com', upn_key = 'aaa.new@contoso.com' WHERE id = " + inSQL(two.ID)}
	renameLast := []string{"UPDATE users SET upn = 'zzz.new@contoso.com', upn_key = 'zzz.new@contoso.com' WHERE id = " + inSQL(two.ID)}
	enforced := liveWith(t, dir, `"isEnforced":false`, `"isEnforced":true`)
	var blocked, allowed []string
	_, judged := evaluated(t, exitDone, dir, "--proposed", "enforced", "--format", "csv")
	for _, row := range passkeyRows(t, judged) {
		id := row["user_id"] + " " + row["passkey_id"]
		if row["impact"] == "breaks" {
			blocked = append(blocked, "newly_blocked "+id+" allowed>blocked")
			allowed = append(allowed, "newly_allowed "+id+" blocked>allowed")
		}
	}
	for _, tt := range []struct {
		name       string
		older      []string
		newer      []string
		want       []string
		status     int
		undecided  bool // some have become, or were, undecided
		notCompare int
	}{
		{name: "nothing", newer: []string{clean}},
		{name: "passkey removed", newer: remove, want: []string{"passkey_removed " + two.ID + " " + key(two, 0) + " allowed>"}},
		{name: "passkey added", older: remove, want: []string{"passkey_added " + two.ID + " " + key(two, 0) + " >allowed"}},
		{name: "user removed", newer: gone, want: []string{"passkey_removed " + one.ID + " " + key(one, 0) + " allowed>", "user_removed " + one.ID + "  >"}},
		{name: "user added", older: gone, want: []string{"passkey_added " + one.ID + " " + key(one, 0) + " >allowed", "user_added " + one.ID + "  >"}},
		{name: "user without passkeys removed", newer: goneWithout, want: []string{"user_removed " + none.ID + "  >"}},
		{name: "user renamed", newer: rename},
		{name: "user renamed the other way", older: rename},
		{name: "user renamed and moved to the end", newer: renameLast},
		{name: "user renamed, and a passkey removed", newer: slices.Concat(rename, remove), want: []string{"passkey_removed " + two.ID + " " + key(two, 0) + " allowed>"}},
		{name: "policy enforced", newer: []string{enforced}, want: slices.Concat([]string{"policy_changed   tenant-wide restrictions, key restrictions: not enforced>tenant-wide restrictions, key restrictions: enforced"}, blocked), undecided: true},
		{name: "policy no more enforced", older: []string{enforced}, want: slices.Concat([]string{"policy_changed   tenant-wide restrictions, key restrictions: enforced>tenant-wide restrictions, key restrictions: not enforced"}, allowed), undecided: true},
		{name: "user unread in the newer", newer: unread, status: exitPartial, notCompare: 1},
		{name: "user unread in the older", older: unread, status: exitPartial, notCompare: 1},
		{name: "user unread in both", older: unread, newer: unread, status: exitPartial, notCompare: 1},
		{name: "user renamed and unread", older: unread, newer: rename, status: exitPartial, notCompare: 1},
		{name: "user gone meanwhile", newer: []string{"UPDATE users SET outcome = 'gone', holds = NULL WHERE id = " + inSQL(one.ID), "DELETE FROM passkeys WHERE user_seq = " + seq(one)},
			want: []string{"passkey_removed " + one.ID + " " + key(one, 0) + " allowed>", "user_removed " + one.ID + "  >"}},
		{name: "listing broken off in the newer", newer: slices.Concat(gone, []string{"UPDATE listing SET done = 0"}), status: exitPartial, notCompare: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := later(t, dir, "october", "2026-10-01", tt.older...), later(t, dir, "november", "2026-11-01", tt.newer...)
			out := filepath.Join(t.TempDir(), "out")
			r := runs(t, tt.status, "compare", a, b, "--out", out)
			got := changeRows(t, out)
			if tt.undecided {
				// Of passkeys without AAGUID it becomes undecided, and one whose AAGUID
				// is none may have been before: they are told apart.
				got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, "undecided") })
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("changes (-want +got):\n%s", d)
			}
			c := comparisonOf(t, out)
			if c.Counts.NotCompared != tt.notCompare || len(c.NotCompared) != tt.notCompare || c.Complete != (tt.status == exitDone) {
				t.Errorf("complete %v, not compared %d: %+v", c.Complete, c.Counts.NotCompared, c.NotCompared)
			}
			if undecided := c.Counts.NewlyUndecided + c.Counts.NewlyAllowedUndecided; (undecided > 0) != tt.undecided {
				t.Errorf("%d undecided", undecided)
			}
			if len(c.Snapshots) != 2 || c.Snapshots[0].Name != a || c.Snapshots[1].Name != b {
				t.Errorf("snapshots: %+v", c.Snapshots)
			}
			if len(tt.want) == 0 && !tt.undecided {
				if text := read(t, out, fileChanges); strings.Count(text, "\r\n") != 1 || !strings.HasPrefix(text, "\uFEFFchange,user_principal_name,") {
					t.Errorf("changes.csv of no change: %q", text)
				}
			}
			if d := cmp.Diff([]string{fileChanges, fileChangesJSON, fileComparison, fileManifest}, entries(t, out)); d != "" {
				t.Errorf("files (-want +got):\n%s", d)
			}
			if r.stderr != "" || !strings.Contains(r.stdout, out) {
				t.Errorf("stdout:\n%s\nstderr: %s", r.stdout, r.stderr)
			}
			sameComparison(t, out, []string{a, b}, tt.status)
		})
	}
}

// sameComparison compares once more, and wants the same files.
func sameComparison(t *testing.T, was string, snapshots []string, status int) {
	t.Helper()
	again := filepath.Join(t.TempDir(), "out")
	runs(t, status, append([]string{"compare", "--out", again}, snapshots...)...)
	want, got := map[string]string{}, map[string]string{}
	for dir, to := range map[string]map[string]string{was: want, again: got} {
		to[fileChanges], to[fileChangesJSON] = read(t, dir, fileChanges), read(t, dir, fileChangesJSON)
		if err := workbookParts(to, []byte(read(t, dir, fileComparison))); err != nil {
			t.Fatal(err)
		}
	}
	if d := differences(want, got); d != "" {
		t.Errorf("compared twice:\n%s", d)
	}
}

// TestCompareMany takes passkeys and users away at random places, and
// renames people, and wants just that to be told.
func TestCompareMany(t *testing.T) {
	sim, dir := scanned(t, graphsim.Options{Users: 300, Seed: 3}, "--format", "json")
	var changes, want []string
	in := records(t, dir)
	for i := range sim.Users() {
		u := sim.User(i)
		keys := in[u.ID].Passkeys
		seq := "(SELECT seq FROM users WHERE id = " + inSQL(u.ID) + ")"
		switch i % 7 {
		case 0:
			if len(keys) > 0 {
				changes = append(changes, "DELETE FROM passkeys WHERE user_seq = "+seq+" AND id = "+inSQL(keys[0].ID))
				want = append(want, "passkey_removed "+u.ID+" "+keys[0].ID)
			}
		case 1:
			if len(keys) > 0 {
				changes = append(changes, "DELETE FROM passkeys WHERE user_seq = "+seq)
			}
			changes = append(changes, "DELETE FROM users WHERE id = "+inSQL(u.ID))
			want = append(want, "user_removed "+u.ID+" ")
			for _, k := range keys {
				want = append(want, "passkey_removed "+u.ID+" "+k.ID)
			}
		case 2: // married
			name := inSQL("new." + strings.ToLower(u.UPN))
			changes = append(changes, "UPDATE users SET upn = "+name+", upn_key = "+name+" WHERE id = "+inSQL(u.ID))
		}
	}
	slices.Sort(want)
	for _, reverse := range []bool{false, true} {
		from, to := "2026-10-01", "2026-11-01"
		if reverse {
			from, to = to, from
		}
		a, b := later(t, dir, "a", from, "UPDATE listing SET done = 1"), later(t, dir, "b", to, changes...)
		out := filepath.Join(t.TempDir(), "out")
		if reverse {
			a, b = b, a
		}
		runs(t, exitDone, "compare", a, b, "--out", out)
		var got []string
		for _, c := range changeRows(t, out) {
			c = c[:strings.LastIndex(c, " ")]
			if reverse {
				c = strings.NewReplacer("passkey_added", "passkey_removed", "user_added", "user_removed").Replace(c)
			}
			got = append(got, c)
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("reverse %v: changes (-want +got):\n%s", reverse, d)
		}
	}
}

// TestCompareTrend compares three snapshots, given in any order.
func TestCompareTrend(t *testing.T) {
	sim, dir := scanned(t, graphsim.Options{Users: 120, Seed: 7}, "--format", "json")
	one := someUser(t, sim, dir, func(_ int, k []audit.Passkey) bool { return len(k) == 1 })
	remove := "DELETE FROM passkeys WHERE user_seq = (SELECT seq FROM users WHERE id = " + inSQL(one.ID) + ")"
	august := later(t, dir, "august", "2026-08-01")
	september := later(t, dir, "september", "2026-09-01", remove)
	october := later(t, dir, "october", "2026-10-01", liveWith(t, dir, `"state":"enabled"`, `"state":"disabled"`))
	out := filepath.Join(t.TempDir(), "out")
	r := runs(t, exitDone, "compare", august, september, october, "--out", out)
	if r.stderr != "" {
		t.Errorf("stderr %q", r.stderr)
	}
	c := comparisonOf(t, out)
	var names []string
	for _, s := range c.Snapshots {
		names = append(names, s.Name)
	}
	if d := cmp.Diff([]string{august, september, october}, names); d != "" {
		t.Errorf("snapshots (-want +got):\n%s", d)
	}
	total := c.Snapshots[0].Passkeys.Total
	for i, want := range []int{total, total - 1, total} {
		p := c.Snapshots[i].Passkeys
		if p.Total != want || p.Allowed+p.Blocked+p.Undecided != want || (p.Blocked == want) != (i == 2) {
			t.Errorf("snapshot %d: %+v, want %d passkeys", i, p, want)
		}
		if c.Snapshots[i].Users.Listed != 120 || !c.Snapshots[i].Complete {
			t.Errorf("snapshot %d: %+v", i, c.Snapshots[i])
		}
	}
	if c.Counts.PasskeyRemoved+c.Counts.PasskeyAdded != 0 || c.Counts.NewlyBlocked == 0 || c.Counts.PolicyChanged != 1 {
		t.Errorf("from the first to the last: %+v", c.Counts)
	}
	if text := workbookText(t, filepath.Join(out, fileComparison)); !strings.Contains(text, "Trend") {
		t.Error("the workbook has no trend")
	}
	sameComparison(t, out, []string{august, september, october}, exitDone)
	wrong := filepath.Join(t.TempDir(), "out")
	r = runs(t, exitDone, "compare", october, august, september, "--out", wrong)
	if strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "not given in the order of their time: \""+august+"\" is taken for the oldest, \""+october+"\" for the newest") {
		t.Errorf("stderr %q", r.stderr)
	}
	if read(t, wrong, fileChanges) != read(t, out, fileChanges) || read(t, wrong, fileChangesJSON) != read(t, out, fileChangesJSON) {
		t.Error("the order in which they are given makes another comparison")
	}
}

// TestCompareScopes says whom scans of likely holders left out, and claims no
// change of them.
func TestCompareScopes(t *testing.T) {
	o := graphsim.Options{Users: 300, Seed: 7}
	_, all := scanned(t, o, "--format", "json")
	_, registered := scanned(t, o, "--format", "json", "--users", "registered")
	a, b := later(t, all, "all", "2026-10-01"), later(t, registered, "registered", "2026-11-01")
	out := filepath.Join(t.TempDir(), "out")
	r := runs(t, exitDone, "compare", a, b, "--out", out)
	c := comparisonOf(t, out)
	left := summaryOf(t, registered).Users.OutOfScope
	if rows := changeRows(t, out); len(rows) > 0 || left == 0 || c.Counts.NotCompared != left {
		t.Errorf("%d left out, %d not compared, changes %v", left, c.Counts.NotCompared, rows)
	}
	both := filepath.Join(t.TempDir(), "out")
	rr := runs(t, exitDone, "compare", b, later(t, registered, "again", "2026-12-01"), "--out", both)
	for name, text := range map[string]string{"one": r.stdout, "both": rr.stdout} {
		if !strings.Contains(oneSpace(text), "enabled users of whom the registration report names no passkey (--users registered)") {
			t.Errorf("%s: the summary does not say whom the scan left out:\n%s", name, text)
		}
	}
	if s := comparisonOf(t, both).Snapshots; len(s) != 2 || len(s[0].NotLookedAt) != 1 || len(s[1].NotLookedAt) != 1 {
		t.Errorf("changes.json does not say it: %+v", s)
	}
}

func TestCompareRefuses(t *testing.T) {
	_, dir := scanned(t, graphsim.Options{Users: 40, Seed: 1}, "--format", "json")
	_, foreign := scanned(t, graphsim.Options{Users: 40, Seed: 2}, "--format", "json")
	newer := later(t, dir, "newer", "2026-12-01")
	there := t.TempDir()
	if err := os.WriteFile(filepath.Join(there, fileChanges), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := file(t, "snapshot.db", "no snapshot")
	for _, tt := range []struct {
		name string
		args []string
		says string
	}{
		{"nothing", nil, "two snapshots or more"},
		{"one snapshot", []string{dir}, "two snapshots or more"},
		{"another tenant", []string{dir, foreign}, "another tenant"},
		{"another tenant in the middle", []string{dir, foreign, newer}, "another tenant"},
		{"one that is not there", []string{dir, filepath.Join(there, "none")}, "no such snapshot"},
		{"a text", []string{text, dir}, "not a snapshot"},
		{"a format that a comparison has not", []string{dir, newer, "--format", "html"}, "xlsx, csv, json"},
		{"a delimiter of two", []string{dir, newer, "--csv-delimiter", ";;"}, "--csv-delimiter"},
		{"a comparison that is there", []string{dir, newer, "--out", there}, "--force"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			r := runs(t, exitUsage, append([]string{"compare"}, tt.args...)...)
			if r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, tt.says) {
				t.Errorf("stdout %q, stderr %q; want one line that says %q", r.stdout, r.stderr, tt.says)
			}
			if left := entries(t, "."); len(left) > 0 || read(t, there, fileChanges) != "mine" {
				t.Errorf("something was written: %v", left)
			}
		})
	}
	runs(t, exitDone, "compare", dir, newer, "--out", there, "--force", "--format", "csv")
	if d := cmp.Diff([]string{fileChanges, fileManifest}, entries(t, there)); d != "" || read(t, there, fileChanges) == "mine" {
		t.Errorf("with --force (-want +got):\n%s", d)
	}
	// The policies are told by the names of their profiles and settings.
	out := filepath.Join(t.TempDir(), "out")
	other := later(t, dir, "other", "2026-12-02", liveWith(t, dir, `"name":"Synced passkeys for pilots"`, `"name":"=cmd|' /C calc'!A0"`))
	runs(t, exitDone, "compare", newer, other, "--out", out)
	rows := table(t, out, fileChanges)
	if len(rows) != 1 || rows[0]["change"] != "policy_changed" || !strings.Contains(rows[0]["after"], "calc") || strings.HasPrefix(rows[0]["after"], "=") {
		t.Errorf("%v", rows)
	}
	if policy.TenantWide != "tenant-wide restrictions" {
		t.Errorf("the tests take the tenant-wide restrictions for %q", policy.TenantWide)
	}
}
