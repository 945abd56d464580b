package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit/graphsim"
	"passkey-audit/report"
)

// needle gives the longest part of a name that is written alike in every format:
// without what any of them escapes.
func needle(name string) string {
	best := ""
	for _, part := range strings.FieldsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune("<>&\"'`\\=+@{}$%\u2028\u2029", r)
	}) {
		if part = strings.TrimSpace(part); len(part) > len(best) {
			best = part
		}
	}
	if len(best) > 60 {
		best = best[:60]
	}
	return best
}

// secrets gives what the people and passkeys of a tenant are called, as far as
// nothing else is called so: a passkey called "Laptop" is known by its column.
func secrets(sim *graphsim.Server) []string {
	all := map[string]bool{}
	for i := range sim.Users() {
		u := sim.User(i)
		local, _, _ := strings.Cut(u.UPN, "@")
		all[local] = true
		if i != simHostileThird { // who is called after an account
			all[needle(u.DisplayName)] = true
		}
		for _, k := range sim.Passkeys(i) {
			n := needle(k.Name)
			ascii := strings.IndexFunc(n, func(r rune) bool { return r > unicode.MaxASCII }) < 0
			if !ascii || strings.Contains(n, "40000") || strings.Contains(n, "in the safe") || strings.Contains(n, "keyring") || strings.Contains(n, "DESKTOP") {
				all[n] = true
			}
		}
	}
	delete(all, "")
	return slices.Sorted(maps.Keys(all))
}

// found gives the secrets that a text holds, in any letter case, and no more than
// a few of them.
func found(text string, secrets []string) []string {
	text = strings.ToLower(text)
	var out []string
	for _, s := range secrets {
		if strings.Contains(text, strings.ToLower(s)) && len(out) < 5 {
			out = append(out, s)
		}
	}
	return out
}

// written gives the texts of everything that a run has left behind but for the
// snapshot: files, workbooks unzipped, and both outputs.
func written(t *testing.T, r result, dir string) map[string]string {
	t.Helper()
	out := map[string]string{"standard output": r.stdout, "standard error": r.stderr}
	for _, name := range entries(t, dir) {
		switch {
		case name == fileSnapshot:
		case filepath.Ext(name) == ".xlsx":
			out[name] = workbookText(t, filepath.Join(dir, name))
		default:
			out[name] = read(t, dir, name)
		}
	}
	return out
}

// maskedNames are the forms of pseudonyms by column.
var maskedNames = map[string]*regexp.Regexp{
	"user_principal_name": regexp.MustCompile(`^user-[a-z2-7]{12}@masked\.invalid$`),
	"display_name":        regexp.MustCompile(`^User [a-z2-7]{12}$`),
	"passkey_name":        regexp.MustCompile(`^passkey-[a-z2-7]{12}$`),
}

// TestMask looks for everything that people and passkeys are called in all that
// a scan, an evaluation, an explanation and a comparison leave behind.
func TestMask(t *testing.T) {
	o := graphsim.Options{Users: 300, Seed: 1}
	names := secrets(simulate(o))
	gone := simulate(o).User(simUnread).UPN
	o.Faults.Rules = []graphsim.Rule{
		{On: graphsim.OnMethods, Users: []int{simUnread}, Fault: graphsim.Fault{Kind: graphsim.FaultStatus, Status: 400, Message: "There is no method of " + strings.ToUpper(gone) + " for you, " + gone + "."}},
		{On: graphsim.OnMethods | graphsim.OnUser, Users: []int{simUnread + 1}, Fault: status(404)},
	}
	args := []string{"--proposed", "authenticator-only", "--proposed", "enforced", "--exclude-upn", simulate(o).User(simUnread + 2).UPN}
	sim, open, dir := scannedAs(t, exitPartial, o, args...)
	// Without the flag the names are everywhere: so they can be found.
	for name, text := range written(t, open, dir) {
		switch name {
		case "standard error", report.FileAAGUIDs, fileAAGUIDs, fileSuggested, fileManifest:
			continue
		}
		if len(found(text, names)) == 0 {
			t.Errorf("%s holds no name without --mask: the test cannot see one", name)
		}
	}
	_, scan, masked := scannedAs(t, exitPartial, o, append(args, "--mask", "--log-level", "trace")...)
	again, evaluation := evaluated(t, exitPartial, masked, append(args[:4:4], "--mask", "--log-level", "trace")...)
	explained := runs(t, exitDone, "evaluate", masked, "--explain", sim.User(simHostileThird).UPN, "--mask")
	compared := filepath.Join(t.TempDir(), "out")
	change := runs(t, exitPartial, "compare", dir, masked, "--mask", "--out", compared)
	for where, files := range map[string]map[string]string{
		"scan": written(t, scan, masked), "evaluate": written(t, again, evaluation), "compare": written(t, change, compared),
		"explain": {"standard output": explained.stdout, "standard error": explained.stderr},
	} {
		for name, text := range files {
			if leaks := found(text, names); len(leaks) > 0 {
				t.Errorf("%s: %s holds %q", where, name, leaks)
			}
		}
	}
	if !strings.Contains(explained.stdout, "@masked.invalid") || strings.Count(explained.stdout, "Passkey \"passkey-") != len(sim.Passkeys(simHostileThird)) {
		t.Errorf("the explanation has no pseudonyms:\n%s", explained.stdout)
	}
	sameTables(t, masked, evaluation)
	maskedTables(t, dir, masked)
	other := maskedTables(t, dir, compareOf(t, o, args))
	for id, name := range maskedTables(t, dir, evaluation) {
		if other[id] == name {
			t.Errorf("user %s has one pseudonym, %s, in two snapshots", id, name)
		}
	}
	unread := 0
	for _, row := range table(t, masked, report.FileUnread) {
		if row["id"] == sim.User(simUnread).ID {
			unread++
			want := fmt.Sprintf("There is no method of %[1]s for you, %[1]s.", row["user_principal_name"])
			if row["message"] != want {
				t.Errorf("unread.csv: message %q, want %q", row["message"], want)
			}
		}
	}
	if unread != 1 {
		t.Errorf("%d rows of the unread user in unread.csv", unread)
	}
}

// compareOf scans the tenant again, masked.
func compareOf(t *testing.T, o graphsim.Options, args []string) string {
	t.Helper()
	_, _, dir := scannedAs(t, exitPartial, o, append(args, "--mask")...)
	return dir
}

// maskedTables wants the masked tables to have the rows and ids of the open
// ones, pseudonyms of the right form in the columns of names, and one for each
// user in all files. It gives those by id.
func maskedTables(t *testing.T, open, masked string) map[string]string {
	t.Helper()
	names := map[string]string{}
	for _, f := range []string{report.FilePasskeys, report.FileBreaking, report.FileUsers, report.FileUnread, report.FileStrengths, report.FileOutreach} {
		was, rows := table(t, open, f), table(t, masked, f)
		if len(rows) == 0 || len(was) != len(rows) {
			t.Errorf("%s has %d rows masked, %d open", f, len(rows), len(was))
			continue
		}
		for i, row := range rows {
			id := row["user_id"]
			if f == report.FileUnread {
				id = row["id"]
			}
			for column, value := range row {
				form := maskedNames[column]
				if form != nil && !form.MatchString(value) {
					t.Errorf("%s: %s is %q", f, column, value)
				}
				switch {
				case form != nil, f == report.FileOutreach, column == "message", column == "request_id":
				case value != was[i][column]:
					t.Errorf("%s: %s is %q, and %q without --mask", f, column, value, was[i][column])
				}
			}
			if name := row["user_principal_name"]; names[id] == "" {
				names[id] = name
			} else if names[id] != name {
				t.Errorf("%s: user %s is called %s, and %s elsewhere", f, id, name, names[id])
			}
		}
	}
	byName := map[string]string{}
	for id, name := range names {
		if byName[name] != "" {
			t.Errorf("%s stands for %s and %s", name, id, byName[name])
		}
		byName[name] = id
	}
	return names
}

// TestMaskIsOfTheSnapshot moves a snapshot elsewhere and copies it: pseudonyms go
// with it, and the names stay in it.
func TestMaskIsOfTheSnapshot(t *testing.T) {
	sim, dir := scanned(t, graphsim.Options{Users: 80, Seed: 1}, "--mask")
	copied := filepath.Join(t.TempDir(), "moved.db")
	if err := os.WriteFile(copied, []byte(read(t, dir, fileSnapshot)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, masked := evaluated(t, exitDone, copied, "--mask")
	sameTables(t, dir, masked)
	_, open := evaluated(t, exitDone, copied)
	want, got := map[string]string{}, map[string]string{}
	for i := range sim.Users() {
		if len(sim.Passkeys(i)) > 0 {
			want[sim.User(i).ID] = sim.User(i).UPN
		}
	}
	for _, row := range table(t, open, report.FileUsers) {
		got[row["user_id"]] = row["user_principal_name"]
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("user principal names without --mask (-tenant +report):\n%s", d)
	}
}
