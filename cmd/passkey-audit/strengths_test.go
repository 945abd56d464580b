package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/graphsim"
	"passkey-audit/report"
)

// The roles that the simulated tenant's policy CA001 names, and the models that
// its two strengths accept.
func simStrengths() (roles, hardware, company []string) {
	hardware = []string{"fa2b99dc-9e39-4257-8f92-4a30d23c4118", "a25342c0-3cdc-4414-8e46-f4807fca511c"}
	return []string{
		"62e90394-69f5-4237-9190-012177145e10", "e8611ab8-c189-46e8-94e1-60213ab1f814", "194ae4cb-b126-40b2-bd5b-6091b380977d",
		"c4e39bd9-1100-46d3-8c65-fb160da0071f", "729827e3-9c14-49f7-bb1b-9608f156bbb8",
	}, hardware, append([]string{audit.AuthenticatorAndroid.String(), audit.AuthenticatorIOS.String()}, hardware...)
}

// wantStrengths gives the findings that follow from the tenant's policies in
// plain words, given which passkeys the proposal allows.
func wantStrengths(t *testing.T, sim *graphsim.Server, allowed map[string]bool) []string {
	t.Helper()
	roles, hardware, company := simStrengths()
	emergency, _ := groupNamed(t, sim, "Break-glass accounts")
	pilots, _ := groupNamed(t, sim, "Passkey pilots")
	var want []string
	for i := range sim.Users() {
		u := sim.User(i)
		if sim.Member(emergency, i) {
			continue
		}
		for _, p := range []struct {
			name   string
			held   bool
			models []string
		}{
			{"CA001 enabled", slices.ContainsFunc(sim.Roles(i), func(r string) bool { return slices.Contains(roles, r) }), hardware},
			{"CA002 enabledForReportingButNotEnforced", sim.Member(pilots, i) && i != simPilot, company},
			{"CA003 disabled", u.Type != "Guest", company},
		} {
			for _, k := range sim.Passkeys(i) {
				id, err := audit.ParseAAGUID(k.AAGUID)
				if p.held && allowed[u.ID+k.ID] && (err != nil || !slices.Contains(p.models, id.String())) {
					name := p.name
					if err != nil { // nobody can tell whether it is on the list
						name += " (not certain)"
					}
					want = append(want, strings.Join([]string{name, u.ID, k.ID, u.Admin.String()}, " "))
				}
			}
		}
	}
	slices.Sort(want)
	return want
}

// TestStrengths wants the findings of the tenant's truth, under two proposals.
func TestStrengths(t *testing.T) {
	sim, dir := scanned(t, graphsim.Options{Users: 900, Seed: 7})
	for _, proposed := range []string{"live", "authenticator-only"} {
		_, out := evaluated(t, exitDone, dir, "--proposed", proposed)
		allowed := map[string]bool{}
		for _, row := range passkeyRows(t, out) {
			allowed[row["user_id"]+row["passkey_id"]] = row["proposed"] == "allowed"
		}
		var got []string
		people, keys, enforced := map[string]bool{}, map[string]bool{}, map[string]bool{}
		rows := table(t, out, report.FileStrengths)
		for _, row := range rows {
			id := strings.TrimPrefix(row["passkey_id"], "'")
			got = append(got, strings.Join([]string{row["conditional_access_policy"][:5], row["policy_state"], row["user_id"], id, row["is_admin"]}, " "))
			people[row["user_id"]], keys[row["user_id"]+id] = true, true
			if row["policy_state"] == "enabled" {
				enforced[row["user_id"]] = true
			}
		}
		slices.Sort(got)
		want := wantStrengths(t, sim, allowed)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: findings (-want +got):\n%s", proposed, d)
		}
		if len(enforced) == 0 || proposed == "live" && len(countBy(rows, "conditional_access_policy")) != 3 {
			t.Errorf("%s: %d people held for certain, policies %v: the test shows little", proposed, len(enforced), countBy(rows, "conditional_access_policy"))
		}
		s := summaryOf(t, out)
		f := s.Strengths.Found
		if !s.StrengthsRead || !s.Strengths.Read || s.Strengths.Partial || f == nil || len(s.Strengths.Certainty) == 0 {
			t.Fatalf("%s: %+v", proposed, s.Strengths)
		}
		if f.Findings != len(want) || f.People != len(people) || f.Passkeys != len(keys) || f.PeopleEnforced == nil || *f.PeopleEnforced != len(enforced) {
			t.Errorf("%s: %+v; want %d findings of %d people and %d passkeys, %d people for certain", proposed, *f, len(want), len(people), len(keys), len(enforced))
		}
		if s.Passkeys.Breaks != len(table(t, out, report.FileBreaking))-countBy(table(t, out, report.FileBreaking), "impact")["already_blocked"] {
			t.Errorf("%s: %d break, and breaking.csv has %v", proposed, s.Passkeys.Breaks, countBy(table(t, out, report.FileBreaking), "impact"))
		}
	}
}

// TestStrengthsMissing takes strengths, policies, or their licence away: a scan
// is complete without, and says in one sentence why it knows nothing of them.
func TestStrengthsMissing(t *testing.T) {
	refused := func(on graphsim.On) []graphsim.Rule {
		return []graphsim.Rule{{On: on, Fault: status(http.StatusForbidden)}}
	}
	for _, tt := range []struct {
		name string
		o    graphsim.Options
		says string
	}{
		{"strengths refused", graphsim.Options{Faults: graphsim.Plan{Rules: refused(graphsim.OnStrengths)}}, "Authentication strengths were not read: they need the permission Policy.Read.AuthenticationMethod or Policy.Read.All."},
		{"policies refused", graphsim.Options{Faults: graphsim.Plan{Rules: refused(graphsim.OnConditionalAccess)}}, "Conditional Access policies were not read: they need the permission Policy.Read.All."},
		{"no licence", graphsim.Options{WithoutPremium: true}, "Conditional Access policies were not read: they need Entra ID P1, which the tenant does not have."},
		{"strengths fail", graphsim.Options{Faults: graphsim.Plan{Rules: []graphsim.Rule{{On: graphsim.OnStrengths, Fault: status(500)}}}}, "Authentication strengths could not be read (status 500, generalException)."},
		{"policies without value", graphsim.Options{Faults: graphsim.Plan{Rules: []graphsim.Rule{{On: graphsim.OnConditionalAccess, Fault: graphsim.Fault{Kind: graphsim.FaultNoValue}}}}}, "Conditional Access policies could not be read (status 200, malformed)."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Users, tt.o.Seed = 120, 7
			var r result
			dir := filepath.Join(t.TempDir(), "out")
			synctest.Test(t, func(t *testing.T) { r = scanSimulated(t, simulate(tt.o), nil, "--out", dir) })
			if r.status != exitDone || r.stderr != "" {
				t.Fatalf("exit %d; stderr, want nothing:\n%s", r.status, r.stderr)
			}
			if rows := table(t, dir, report.FileStrengths); len(rows) > 0 {
				t.Errorf("strengths.csv: %v", rows)
			}
			s := summaryOf(t, dir)
			if !s.Complete || s.StrengthsRead || s.Strengths.Read || s.Strengths.Found != nil || len(s.Strengths.Notes) != 1 || s.Strengths.Notes[0] != tt.says {
				t.Errorf("complete %v, %+v", s.Complete, s.Strengths)
			}
			if len(table(t, dir, report.FileUnread)) != 0 {
				t.Error("unread.csv has rows: nothing that was asked for is missing")
			}
			for name, text := range map[string]string{"standard output": oneSpace(r.stdout), filePage: oneSpace(read(t, dir, filePage)), fileWorkbook: workbookText(t, filepath.Join(dir, fileWorkbook))} {
				if strings.Count(text, tt.says) == 0 {
					t.Errorf("%s does not say %q", name, tt.says)
				}
			}
		})
	}
}

// TestAccessThrottled throttles Conditional Access without a Retry-After, in
// passing and for good: the scan waits, or goes on without after a while, and
// ends.
func TestAccessThrottled(t *testing.T) {
	for _, tt := range []struct {
		name  string
		times int
		read  bool
	}{{"in passing", 5, true}, {"for good", 0, false}} {
		t.Run(tt.name, func(t *testing.T) {
			o := graphsim.Options{Users: 120, Seed: 7, Latency: 20 * time.Millisecond}
			o.Faults.Rules = []graphsim.Rule{{On: graphsim.OnStrengths | graphsim.OnConditionalAccess, Times: tt.times, Fault: throttled(graphsim.RetryNone, 0)}}
			dir := filepath.Join(t.TempDir(), "out")
			var r result
			var took time.Duration
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				r = scanSimulated(t, simulate(o), nil, "--out", dir)
				took = time.Since(start)
			})
			s := summaryOf(t, dir)
			if r.status != exitDone || !s.Complete || s.StrengthsRead != tt.read || took > 3*time.Hour {
				t.Errorf("exit %d after %v, complete %v, strengths %+v; stderr:\n%s", r.status, took, s.Complete, s.Strengths, r.stderr)
			}
			if s.Users.Read != 120 {
				t.Errorf("%d users are read", s.Users.Read)
			}
			if !tt.read && (len(s.Strengths.Notes) != 1 || !strings.HasPrefix(s.Strengths.Notes[0], "Authentication strengths could not be read (")) {
				t.Errorf("notes: %q", s.Strengths.Notes)
			}
		})
	}
}

// TestStrengthsWithoutRoles judges a policy for roles without knowing who holds
// one: what hangs on it is uncertain, and said so.
func TestStrengthsWithoutRoles(t *testing.T) {
	sim, dir := scanned(t, graphsim.Options{Users: 300, Seed: 7, Faults: graphsim.Plan{Rules: rolesRefused()}}, "--proposed", "live")
	states := countBy(table(t, dir, report.FileStrengths), "policy_state")
	// The third policy leaves a role out, so it is uncertain too; the second one
	// names none.
	if states["enabled"]+states["disabled"] != 0 || states["enabled (not certain)"] == 0 || states["disabled (not certain)"] == 0 || states["enabledForReportingButNotEnforced"] == 0 {
		t.Errorf("states: %v", states)
	}
	s := summaryOf(t, dir)
	f := s.Strengths.Found
	if f == nil || f.PeopleEnforced != nil || f.PeopleUnknown == 0 || len(f.Reasons) == 0 {
		t.Errorf("%+v", f)
	}
	_, known := scanned(t, graphsim.Options{Users: 300, Seed: 7}, "--proposed", "live")
	certain := map[string]bool{}
	for _, row := range table(t, known, report.FileStrengths) {
		if row["policy_state"] == "enabled" {
			certain[row["user_id"]+row["passkey_id"]] = true
		}
	}
	for _, row := range table(t, dir, report.FileStrengths) {
		if row["policy_state"] == "enabled (not certain)" {
			delete(certain, row["user_id"]+row["passkey_id"])
		}
	}
	if len(certain) > 0 {
		t.Errorf("%d findings are lost without roles: %v; of %d users", len(certain), certain, sim.Users())
	}
}

// TestNestedGroups counts as an assumption only what hangs on members through
// nested groups, and everybody where nobody can tell them apart.
func TestNestedGroups(t *testing.T) {
	const text = "Members of nested groups count as members of a group that the policy includes or excludes."
	for _, tt := range []struct {
		name  string
		rules []graphsim.Rule
		all   bool // nobody knows who is a direct member
	}{
		{"direct members known", nil, false},
		{"direct members refused", []graphsim.Rule{{On: graphsim.OnMembers, Path: "/members", Fault: status(http.StatusForbidden)}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim, dir := scanned(t, graphsim.Options{Users: 900, Seed: 7, Faults: graphsim.Plan{Rules: tt.rules}}, "--proposed", "live")
			outer, _ := groupNamed(t, sim, "Break-glass accounts")
			inner, _ := groupNamed(t, sim, "Break-glass accounts - second site")
			pilots, _ := groupNamed(t, sim, "Passkey pilots")
			want, nested := 0, 0
			for i := range sim.Users() {
				switch {
				case sim.Member(inner, i):
					nested += len(sim.Passkeys(i))
					want += len(sim.Passkeys(i))
				case tt.all && sim.Member(outer, i):
					want += len(sim.Passkeys(i))
				}
			}
			s := summaryOf(t, dir)
			got := 0
			for _, a := range s.AssumptionDetails {
				if a.Text == text {
					got = a.Passkeys
				}
			}
			// A verdict by the default profile, which all users have, hangs on no
			// group: so no pilot does.
			if got != want || nested == 0 || !sim.Member(pilots, simPilotNested) {
				t.Errorf("%d passkeys hang on it, want %d: %v", got, want, s.Assumptions)
			}
			if !s.Complete {
				t.Errorf("incomplete: %v", s.Incomplete)
			}
			words := "through a group nested in group"
			for _, row := range passkeyRows(t, dir) {
				i, _ := sim.Find(row["user_id"])
				if row["reason_code"] != "user_excluded" {
					continue
				}
				if says := strings.Contains(row["reason"], words); says != (sim.Member(inner, i) && !tt.all) {
					t.Errorf("user %d: %q", i, row["reason"])
				}
			}
			if tt.all {
				r := runs(t, exitDone, "evaluate", dir, "--explain", sim.User(simEmergency).UPN)
				if !strings.Contains(r.stdout, "not known whether directly or through a nested group") {
					t.Error(fmt.Sprint("the explanation does not say that nobody knows:\n", r.stdout))
				}
			}
		})
	}
}
