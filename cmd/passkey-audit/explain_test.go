package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/graphsim"
)

// golden compares a text with a file in testdata, and renews it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(read(t, path), got); d != "" {
		t.Errorf("%s (-want +got); renew it with -update:\n%s", path, d)
	}
}

// The users of the simulated tenant who are there whatever its seed.
const (
	simEmergency       = 2  // in the excluded group
	simEmergencyNested = 9  // in a group in it
	simAdmin           = 5  // with roles through a group
	simPilot           = 7  // in the pilots' group
	simPilotNested     = 13 // in a group in it
	simHostile         = 11 // with passkey names that attack, as have the next two
	simHostileSecond   = 17
	simHostileThird    = 23
	simUnread          = 40 // for those tests that let reads fail
)

// explainTenant has a user whose passkeys cannot be read.
func explainTenant() graphsim.Options {
	return graphsim.Options{Users: 60, Seed: 1, Faults: graphsim.Plan{Rules: []graphsim.Rule{
		{On: graphsim.OnMethods, Users: []int{simUnread}, Fault: status(403)},
	}}}
}

func TestExplain(t *testing.T) {
	sim, _, dir := scannedAs(t, exitPartial, explainTenant(), "--format", "json")
	for _, tt := range []struct {
		name   string
		user   int
		args   []string
		status int
	}{
		{"blocked", simPilot, []string{"--proposed", "authenticator-only"}, exitDone},
		{"undecided", simHostileThird, []string{"--proposed", "authenticator-only"}, exitDone},
		{"nested", simPilotNested, []string{"--proposed", "enforced"}, exitDone},
		{"excluded", simEmergencyNested, []string{"--proposed", "live"}, exitDone},
		{"two-proposals", simAdmin, []string{"--proposed", "plan A=authenticator-only", "--proposed", "enforced"}, exitDone},
		{"unread", simUnread, nil, exitPartial},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := sim.User(tt.user)
			args := append([]string{"evaluate", dir, "--explain", u.UPN}, tt.args...)
			r := runs(t, tt.status, args...)
			if r.stderr != "" {
				t.Errorf("stderr %q", r.stderr)
			}
			for _, who := range []string{u.ID, strings.ToUpper(u.ID), strings.ToUpper(u.UPN), " " + u.UPN + " "} {
				args[3] = who
				if again := runs(t, tt.status, args...); again.stdout != r.stdout {
					t.Errorf("--explain %q prints something else than for %q", who, u.UPN)
				}
			}
			golden(t, filepath.Join("explain", tt.name+".txt"), r.stdout)
		})
	}
	for _, who := range []string{"nobody@contoso.com", "5d1e4d52-3bd7-4ab1-8a8e-4a8c6a0d9f11", "AlexW"} {
		r := runs(t, exitUsage, "evaluate", dir, "--explain", who)
		if r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, who) {
			t.Errorf("%s: stdout %q, stderr %q", who, r.stdout, r.stderr)
		}
	}
	t.Chdir(t.TempDir())
	runs(t, exitDone, "evaluate", dir, "--explain", sim.User(simPilot).UPN)
	if left := entries(t, "."); len(left) > 0 {
		t.Errorf("an explanation wrote %v", left)
	}
	for _, who := range []string{"", "  "} {
		r := runs(t, exitUsage, "evaluate", dir, "--explain", who)
		if left := entries(t, "."); r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || len(left) > 0 {
			t.Errorf("--explain %q: stdout %q, stderr %q, files %v", who, r.stdout, r.stderr, left)
		}
	}
}

// TestExplainAgrees holds what an explanation says of each passkey to the
// verdict of the report, under both policies.
func TestExplainAgrees(t *testing.T) {
	sim, dir := scanned(t, graphsim.Options{Users: 60, Seed: 3}, "--proposed", "authenticator-only", "--format", "csv")
	rows := passkeyRows(t, dir)
	if len(rows) == 0 {
		t.Fatal("no passkeys")
	}
	said := map[string]string{}
	for i := range sim.Users() {
		said[sim.User(i).ID] = runs(t, exitDone, "evaluate", dir, "--explain", sim.User(i).UPN, "--proposed", "authenticator-only").stdout
		if got, want := strings.Count(said[sim.User(i).ID], "\nPasskey "), len(sim.Passkeys(i)); got != want {
			t.Errorf("user %d: %d passkeys are explained, want %d", i, got, want)
		}
	}
	for _, row := range rows {
		_, text, ok := strings.Cut(said[row["user_id"]], ", ID "+row["passkey_id"]+"\n")
		if !ok {
			t.Errorf("passkey %s is not explained", row["passkey_id"])
			continue
		}
		text, _, _ = strings.Cut(text, "\nPasskey ")
		now, then, ok := strings.Cut(text, `  The proposal "authenticator-only": `)
		if !ok || !strings.HasPrefix(now, "  The policy as it is: "+strings.ToUpper(row["current"])+" (") {
			t.Errorf("%s, now %s, is explained as\n%s", row["passkey_id"], row["current"], text)
		}
		if !strings.HasPrefix(then, strings.ToUpper(row["proposed"])+" ("+row["reason_code"]+", decided by "+row["decided_by"]+")\n") {
			t.Errorf("%s, then %s (%s), is explained as\n%s", row["passkey_id"], row["proposed"], row["reason_code"], then)
		}
		if remedy := strings.Contains(then, "To let it pass: "); remedy != (row["proposed"] != string(audit.Allowed)) {
			t.Errorf("%s, %s: a remedy %v", row["passkey_id"], row["proposed"], remedy)
		}
	}
}

// TestExplainHostileNames wants each line to stay one, to move no cursor and to
// fit a screen, whatever passkeys and people are called.
func TestExplainHostileNames(t *testing.T) {
	sim, dir := scanned(t, graphsim.Options{Users: 60, Seed: 1}, "--format", "json")
	names := 0
	for _, i := range []int{simHostile, simHostileSecond, simHostileThird} {
		r := runs(t, exitDone, "evaluate", dir, "--explain", sim.User(i).UPN)
		for _, line := range strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n") {
			for _, c := range line {
				if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == '\u2028' || c == '\u2029' {
					t.Errorf("a line holds %U: %.200q", c, line)
				}
			}
			if n := len([]rune(line)); n > 700 {
				t.Errorf("a line of %d characters: %.100s", n, line)
			}
			if strings.HasPrefix(line, "Passkey ") {
				names++
			}
		}
	}
	if names < 18 {
		t.Errorf("%d passkeys were explained: the tenant is not hostile", names)
	}
}
