package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/collect"
	"passkey-audit/audit/graphsim"
	"passkey-audit/audit/pace"
	"passkey-audit/report"
)

// A reportRow is a row of the simulated registration report.
type reportRow struct {
	ID      string   `json:"id"`
	Admin   bool     `json:"isAdmin"`
	Methods []string `json:"methodsRegistered"`
}

// holder reports whether the row speaks for a passkey, in words of its own.
func (r *reportRow) holder() bool {
	names := strings.ToLower(strings.Join(r.Methods, " "))
	return strings.Contains(names, "passkey") || strings.Contains(names, "fido")
}

// reportRows reads the report past the program.
func reportRows(t *testing.T, sim *graphsim.Server) map[string]*reportRow {
	t.Helper()
	out := make(map[string]*reportRow)
	for link := simulatedRoot + "/v1.0/reports/authenticationMethods/userRegistrationDetails?$top=999"; link != ""; {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+testToken)
		r, err := sim.Transport().RoundTrip(q)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Value []*reportRow
			Next  string `json:"@odata.nextLink"`
		}
		if err := json.NewDecoder(r.Body).Decode(&page); err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("report: status %d, %v", r.StatusCode, err)
		}
		if err := r.Body.Close(); err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Value {
			out[row.ID] = row
		}
		link = page.Next
	}
	return out
}

// scanSimulated scans a tenant in process.
func scanSimulated(t *testing.T, sim *graphsim.Server, stop <-chan struct{}, args ...string) result {
	t.Helper()
	return scanProcess(context.Background(), sim.Transport(), stop, args...)
}

// TestRegistered checks that likely holders, disabled accounts and whom the
// report does not list are read, that everybody else is counted, and that every
// output says so.
func TestRegistered(t *testing.T) {
	sim := simulate(graphsim.Options{Users: 900, Seed: 7})
	rows := reportRows(t, sim)
	dir := filepath.Join(t.TempDir(), "out")
	r := scanSimulated(t, sim, nil, "--users", "registered", "--out", dir)
	if r.status != exitDone {
		t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
	}
	got := map[string]int{}
	for _, row := range table(t, dir, report.FilePasskeys) {
		got[row["user_id"]]++
	}
	want := map[string]int{}
	left, disabled, unlisted := 0, 0, 0
	for i := range sim.Users() {
		u := sim.User(i)
		row := rows[u.ID]
		switch {
		case u.Enabled != audit.Yes:
			disabled++
		case row == nil:
			unlisted++
		case !row.holder():
			left++
			continue
		}
		if n := len(sim.Passkeys(i)); n > 0 {
			want[u.ID] = n
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("passkeys by user (-want +got):\n%s", d)
	}
	s := summaryOf(t, dir)
	if left == 0 || disabled == 0 || unlisted == 0 || s.Users.OutOfScope != left || s.Users.Listed != 900 || s.Users.Read != 900-left || !s.Complete {
		t.Errorf("users %+v; want %d left out; %d are disabled, %d not listed", s.Users, left, disabled, unlisted)
	}
	for name, text := range map[string]string{
		"standard output": strings.Join(strings.Fields(r.stdout), " "), fileSummary: strings.Join(s.NotLookedAt, " "),
		filePage: read(t, dir, filePage), fileWorkbook: workbookText(t, filepath.Join(dir, fileWorkbook)),
	} {
		if !strings.Contains(text, report.Number(left)+" enabled users of whom the registration report names no passkey") || !strings.Contains(text, "2026-10-") {
			t.Errorf("%s does not say what was not looked at", name)
		}
	}
}

func workbookText(t *testing.T, path string) string {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var all strings.Builder
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&all, r); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// TestIsAdmin compares the column with the tenant where role assignments can be
// read, and with the report where they cannot; and looks for administrators at
// the head of the summary.
func TestIsAdmin(t *testing.T) {
	for _, tt := range []struct {
		name  string
		o     graphsim.Options
		rules []graphsim.Rule
		// unknown: whoever the report does not list is not known.
		unknown bool
	}{
		{"by the report and by roles", graphsim.Options{}, nil, false},
		{"by the report alone", graphsim.Options{}, rolesRefused(), true},
		{"by roles, without the permission for the report", graphsim.Options{}, []graphsim.Rule{{On: graphsim.OnReport, Fault: status(http.StatusForbidden)}}, false},
		{"by roles, without the licence for the report", graphsim.Options{WithoutPremium: true}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Users, tt.o.Seed, tt.o.Faults.Rules = 900, 7, tt.rules
			sim := simulate(tt.o)
			rows := reportRows(t, simulate(graphsim.Options{Users: 900, Seed: 7}))
			dir := filepath.Join(t.TempDir(), "out")
			r := scanSimulated(t, sim, nil, "--out", dir)
			if r.status != exitDone {
				t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
			}
			seen := map[string]int{}
			for _, u := range table(t, dir, report.FileUsers) {
				i, ok := sim.Find(u["user_id"])
				if !ok {
					t.Fatalf("no such user: %v", u)
				}
				want := sim.User(i).Admin.String()
				if tt.unknown && rows[u["user_id"]] == nil {
					want = ""
				}
				if got := u["is_admin"]; got != want {
					t.Errorf("%s: is_admin %q, want %q", u["user_principal_name"], got, want)
				}
				seen[want]++
			}
			if seen["true"] == 0 || seen["false"] == 0 || (seen[""] != 0) != tt.unknown {
				t.Errorf("the tenant does not have all of them: %v", seen)
			}
			_, hit, ok := strings.Cut(r.stdout, "Hit hardest")
			lines := strings.Split(hit, "\n")
			if !ok || len(lines) < 2 || !strings.Contains(lines[1], " admin ") {
				t.Errorf("no administrator at the head of those hit hardest:\n%s", r.stdout)
			}
			if strings.Contains(r.stdout, "is an administrator:") {
				t.Errorf("something is said to be missing:\n%s", r.stdout)
			}
		})
	}
}

// TestRoleGroupUnreadable lets nobody tell who is in a group that carries roles:
// whoever holds one directly is an administrator, and of nobody else is it known.
func TestRoleGroupUnreadable(t *testing.T) {
	o := graphsim.Options{Users: 900, Seed: 7, WithoutPremium: true}
	operators, _ := groupNamed(t, simulate(o), "Tier 1 operators")
	o.Faults.Rules = []graphsim.Rule{{On: graphsim.OnMembers, Groups: []int{operators}, Fault: status(http.StatusForbidden)}}
	sim, dir := scanned(t, o)
	seen := map[string]int{}
	for _, u := range table(t, dir, report.FileUsers) {
		i, _ := sim.Find(u["user_id"])
		want := ""
		switch {
		case sim.Member(operators, i) && u["is_admin"] == "":
			seen["through the group"]++
		case sim.User(i).Admin == audit.Yes && !sim.Member(operators, i):
			want = "true"
		}
		if got := u["is_admin"]; got != want && !sim.Member(operators, i) {
			t.Errorf("%s: is_admin %q, want %q", u["user_principal_name"], got, want)
		}
		seen[u["is_admin"]]++
	}
	if seen["true"] == 0 || seen[""] == 0 || seen["false"] != 0 || seen["through the group"] == 0 {
		t.Errorf("is_admin: %v", seen)
	}
	s := summaryOf(t, dir)
	if notes := strings.Join(s.NotLookedAt, " "); !s.Complete || !strings.Contains(notes, "Who else is an administrator: a group that carries a directory role could not be read.") {
		t.Errorf("complete %v, not looked at: %q", s.Complete, notes)
	}
	if s.Users.RolesKnown != "some" || s.Users.Administrators != nil {
		t.Errorf("%+v", s.Users)
	}
}

// rolesRefused makes a tenant in which nobody tells who holds a role.
func rolesRefused() []graphsim.Rule {
	return []graphsim.Rule{{On: graphsim.OnRoles, Fault: status(http.StatusForbidden)}}
}

// TestLicence scans the same tenants with and without the licence for the
// report, where roles cannot be read either: the passkeys and verdicts are the
// same, and the loss is told.
func TestLicence(t *testing.T) {
	for seed := range uint64(3) {
		o := graphsim.Options{Users: 300, Seed: seed, MaxPage: 70, Faults: graphsim.Plan{Rules: rolesRefused()}}
		with, without := filepath.Join(t.TempDir(), "with"), filepath.Join(t.TempDir(), "without")
		a := scanSimulated(t, simulate(o), nil, "--out", with)
		o.WithoutPremium = true
		b := scanSimulated(t, simulate(o), nil, "--out", without)
		c := scanSimulated(t, simulate(o), nil, "--out", filepath.Join(t.TempDir(), "registered"), "--users", "registered")
		if a.status != exitDone || b.status != exitDone || c.status != exitDone {
			t.Fatalf("exit %d, %d and %d:\n%s%s%s", a.status, b.status, c.status, a.stderr, b.stderr, c.stderr)
		}
		for _, name := range []string{report.FilePasskeys, report.FileBreaking} {
			plain := func(dir string) []map[string]string {
				rows := table(t, dir, name)
				for _, row := range rows {
					delete(row, "is_admin")
				}
				return rows
			}
			if d := cmp.Diff(plain(with), plain(without)); d != "" {
				t.Errorf("seed %d: %s (-with the licence +without):\n%s", seed, name, d)
			}
		}
		if a.stderr != b.stderr || strings.Contains(a.stderr, "licence") {
			t.Errorf("stderr %q and %q: want no word of an optional report", a.stderr, b.stderr)
		}
		if !strings.Contains(strings.Join(strings.Fields(b.stdout), " "), "Who is an administrator: the registration report needs Entra ID P1") {
			t.Errorf("the summary does not say why is_admin is empty:\n%s", b.stdout)
		}
		const line = "passkey-audit: warning: the tenant has no Entra ID P1 licence, so there is no registration report: all users are read\n"
		if strings.Count(c.stderr, line) != 1 || !strings.Contains(strings.Join(strings.Fields(c.stdout), " "), "300 users listed, 300 read") {
			t.Errorf("stderr %q, want once %q; summary:\n%s", c.stderr, line, c.stdout)
		}
	}
}

func TestReportRefused(t *testing.T) {
	sim := simulate(graphsim.Options{Users: 120, Faults: graphsim.Plan{Rules: append(rolesRefused(), graphsim.Rule{On: graphsim.OnReport, Fault: status(http.StatusForbidden)})}})
	dir := filepath.Join(t.TempDir(), "out")
	r := scanSimulated(t, sim, nil, "--users", "registered", "--out", dir)
	if r.status != exitRefused || r.stdout != "" || !strings.Contains(r.stderr, "AuditLog.Read.All") || !strings.Contains(r.stderr, "--resume") {
		t.Errorf("exit %d, stdout %q, stderr %q; want 5 and the permission", r.status, r.stdout, r.stderr)
	}
	for _, mode := range [][]string{nil, {"--users", "all"}} {
		r := scanSimulated(t, sim, nil, append(mode, "--resume", dir)...)
		if r.status != exitUsage || !strings.Contains(r.stderr, "--users registered") {
			t.Errorf("resumed with %v: exit %d, stderr %q; want 2 and the flags of the scan", mode, r.status, r.stderr)
		}
	}
	r = scanSimulated(t, sim, nil, "--out", filepath.Join(t.TempDir(), "all"))
	if r.status != exitDone || !strings.Contains(strings.Join(strings.Fields(r.stdout), " "), "it needs the permission AuditLog.Read.All") {
		t.Errorf("all users, without the permission: exit %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}

func TestUsersFlag(t *testing.T) {
	sim := simulate(graphsim.Options{Users: 20})
	for _, value := range []string{"", "some", "Registered"} {
		r := scanSimulated(t, sim, nil, "--users", value, "--out", filepath.Join(t.TempDir(), "out"))
		if r.status != exitUsage || r.stdout != "" || !strings.Contains(r.stderr, "all, registered") || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("--users %q: exit %d, stderr %q", value, r.status, r.stderr)
		}
	}
}

// TestInterruptedInTheReport stops scans in the middle of the report, on a
// clock of their own, and resumes them.
func TestInterruptedInTheReport(t *testing.T) {
	for _, mode := range []string{"registered", "all"} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := graphsim.Options{Users: 400, Seed: 5, MaxPage: 40, Latency: 200 * time.Millisecond}
				whole := filepath.Join(t.TempDir(), "whole")
				if r := scanSimulated(t, simulate(o), nil, "--users", mode, "--out", whole); r.status != exitDone {
					t.Fatalf("exit %d: %s", r.status, r.stderr)
				}
				dir := filepath.Join(t.TempDir(), "out")
				args := []string{"--users", mode, "--out", dir}
				stops := 0
				// Each of the first runs comes a little further.
				for after := time.Second; ; after += time.Second {
					stop := make(chan struct{})
					timer := time.AfterFunc(after, func() { close(stop) })
					r := scanSimulated(t, simulate(o), stop, args...)
					timer.Stop()
					if r.status == exitDone {
						break
					}
					if r.status != exitInterrupted || stops > 20 {
						t.Fatalf("stop %d: exit %d: %s", stops, r.status, r.stderr)
					}
					stops++
					args = []string{"--users", mode, "--resume", dir}
				}
				if stops == 0 {
					t.Error("nothing was interrupted")
				}
				want, err := finalReports(whole)
				if err != nil {
					t.Fatal(err)
				}
				wantSameReport(t, want, dir)
			})
		})
	}
}

func TestProgressNamesTheReport(t *testing.T) {
	for _, tt := range []struct {
		name  string
		stage collect.Stage
		want  string
	}{
		{"before passkeys are read", collect.Stage{Listed: 12000, Registrations: 4995, Waiting: true}, "waiting for the registration report: 4,995 users of it, 12,000 listed"},
		{"after all passkeys are read", collect.Stage{Listed: 40, ListingDone: true, Done: 40, Passkeys: 7}, "40 of 40 users, 7 passkeys, waiting for the registration report"},
		{"when it is there", collect.Stage{Listed: 40, ListingDone: true, Done: 40, Passkeys: 7, Reported: true}, "40 of 40 users, 7 passkeys"},
		{"in between", collect.Stage{Listed: 40, Done: 10, Passkeys: 7}, "10 of 40+ users, 7 passkeys"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := progressWords(tt.stage, pace.Status{}, time.Now()); got != tt.want || len(got) > 79 {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
