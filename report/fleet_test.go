package report_test

import (
	stdcmp "cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// sourcesOf gives the tenants of a report of several that can be judged.
func sourcesOf(t *testing.T, in report.Input) []report.Source {
	t.Helper()
	var list []report.Source
	for s, err := range in.Sources {
		if err != nil {
			t.Fatal(err)
		}
		if s.Unusable == nil {
			list = append(list, *s)
		}
	}
	return list
}

// fleetOf is a report of these tenants.
func fleetOf(t *testing.T, sources ...*report.Source) report.Input {
	in := fixture.LargeFleet(t.TempDir(), 0)
	in.Sources = func(yield func(*report.Source, error) bool) {
		for _, s := range sources {
			if !yield(s, nil) {
				return
			}
		}
	}
	return in
}

// TestFleetIsTheSum: a report of several tenants has the rows of the reports of
// each, and its figures are their sums.
func TestFleetIsTheSum(t *testing.T) {
	whole := fixture.Build(t, fixture.Fleet(t.TempDir()))
	var singles []*report.Document
	for _, s := range sourcesOf(t, fixture.Fleet(t.TempDir())) {
		in := fixture.Input(t.TempDir())
		in.Source, in.Alternatives = s, nil
		singles = append(singles, fixture.Build(t, in))
	}
	if len(singles) != 3 {
		t.Fatalf("%d tenants can be judged, want 3", len(singles))
	}
	for _, file := range []string{report.FileBreaking, report.FilePasskeys, report.FileUsers, report.FileOutreach, report.FileStrengths} {
		rows := func(d *report.Document) []string {
			var list []string
			for _, row := range fixture.Rows(t, mustTable(t, d, file)) {
				list = append(list, strings.Join(row, "|"))
			}
			return list
		}
		var want []string
		for _, d := range singles {
			want = append(want, rows(d)...)
		}
		got := rows(whole)
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
			t.Errorf("%s: %d rows (-want +got):\n%s", file, len(got), diff)
		}
	}
	for name, figure := range map[string]func(*report.Document) int{
		"listed":         func(d *report.Document) int { return d.Users.Listed },
		"read":           func(d *report.Document) int { return d.Users.Read },
		"unread":         func(d *report.Document) int { return d.Users.Unread },
		"gone":           func(d *report.Document) int { return d.Users.Gone },
		"with passkey":   func(d *report.Document) int { return d.Users.WithPasskey },
		"losing last":    func(d *report.Document) int { return d.Users.LosingLast },
		"administrators": func(d *report.Document) int { return d.Users.LosingLastAdmins.Yes },
		"unjudged":       func(d *report.Document) int { return d.Users.Unjudged },
		"passkeys":       func(d *report.Document) int { return d.Passkeys.Total },
		"breaks":         func(d *report.Document) int { return d.Passkeys.Breaks },
		"undecided":      func(d *report.Document) int { return d.Passkeys.Undecided },
		"findings":       func(d *report.Document) int { return d.Strengths.Findings },
		"assumption 1":   func(d *report.Document) int { return hanging(d, "A body that leaves") },
		"assumption 2":   func(d *report.Document) int { return hanging(d, "An excluded group") },
		"requests":       func(d *report.Document) int { return d.Summary().Requests.Total },
		"lines of users": func(d *report.Document) int { return countLines(t, d) },
	} {
		want := 0
		for _, d := range singles {
			want += figure(d)
		}
		if got := figure(whole); got != want {
			t.Errorf("%s: got %d, want the sum %d", name, got, want)
		}
	}
}

func hanging(d *report.Document, assumption string) int {
	for _, a := range d.Assumptions {
		if strings.HasPrefix(a.Text, assumption) {
			return a.Passkeys
		}
	}
	return 0
}

func countLines(t *testing.T, d *report.Document) int {
	n := 0
	for _, err := range d.UserLines(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestFleetTables(t *testing.T) {
	d := fixture.Build(t, fixture.Fleet(t.TempDir()))
	if got := d.Tables()[0].Title; got != report.TitleTenants {
		t.Errorf("the first table is %s", got)
	}
	tests := []struct {
		table string
		keys  []string
		want  []string
	}{
		{report.FileTenants, []string{"tenant", "domain", "complete", "losing_last_passkey", "losing_last_passkey_administrators", "breaks", "undecided", "passkeys", "listed", "unread", "proposal_changes", "strengths_judged", "scanned_at"}, []string{
			" suites.contoso.com false", "scans/=old.db  false",
			"Contoso Nordic nordic.contoso.com true 5 1 5 0 6 6 0 true true 2026-08-02T06:00:20Z",
			"Contoso & <Söhne> contoso.com false 4 1 5 3 14 14 2 true true 2026-08-01T12:03:20Z",
			"Fabrikam fabrikam.com true 0 0 0 0 2 2 0 false false 2026-08-03T06:00:20Z",
		}},
		{report.FileTenants, []string{"domain", "missing", "not_looked_at", "strength_notes"}, []string{
			"suites.contoso.com The snapshot scans/suites/snapshot.db could not be used: the snapshot holds no policy: the scan was interrupted before it was read.",
			" The snapshot scans/=old.db could not be used: it is not a snapshot of passkey-audit.",
			"nordic.contoso.com  Guests were left out (--members-only). No custom authentication strength has a list of AAGUIDs.",
			"contoso.com 2 of 14 users could not be read: they may have passkeys that break. 1 other thing could not be read, such as a group that the policy names: see Unread. " +
				"Guests whose name ends in \"test\" were left out. 1 policy that is switched off was passed over.",
			"fabrikam.com   Authentication strengths were not read: they need Entra ID P1, which the tenant does not have.",
		}},
		{report.FileUnread, []string{"what", "id", "code", "tenant_id"}, []string{
			"group bbbbbbbb-0000-4000-8000-000000000002 Authorization_RequestDenied " + fixture.Tenant.ID,
			"user aaaaaaaa-0000-4000-8000-000000000008 serviceNotAvailable " + fixture.Tenant.ID,
			"user aaaaaaaa-0000-4000-8000-000000000014  " + fixture.Tenant.ID, "user gone aaaaaaaa-0000-4000-8000-000000000005 Request_ResourceNotFound " + fixture.Tenant.ID,
			"snapshot scans/suites/snapshot.db no policy " + fixture.Broken.ID, "snapshot scans/=old.db not a snapshot",
		}},
		// The live list of contoso.com names none of what somebody has there, so
		// that only what is held nowhere is on the list of each tenant that counts.
		{report.FileAAGUIDs, []string{"aaguid", "users", "in_current_list", "in_proposed_list", "suggested"}, []string{
			fixture.YubiKey + " 7 false false false", fixture.Hello + " 3 false false false", fixture.Unnamed + " 2 false false false",
			fixture.Android + " 4 false true true", fixture.IOS + " 3 false true true", " 2 false false false",
			"00000000-0000-0000-0000-000000000000 1 false false false", "c5ef55ff-ad9a-4b9f-b580-adebafe026d0 0 true true false",
		}},
	}
	for _, test := range tests {
		t.Run(test.table, func(t *testing.T) {
			if diff := cmp.Diff(test.want, pick(t, d, test.table, test.keys...)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
	policy := pick(t, d, "Policy", "tenant", "setting", "proposed")
	for _, want := range []string{"contoso.com State enabled", "fabrikam.com State enabled", "nordic.contoso.com Default passkey profile Default", "fabrikam.com Note the proposal equals the live policy"} {
		if !slices.Contains(policy, want) {
			t.Errorf("the sheet Policy has no row %q", want)
		}
	}
	for _, table := range d.Tables() {
		if table.Portal != "" {
			t.Errorf("%s leads to an admin centre", table.Title)
		}
	}
}

// TestFleetColumns holds the columns that a report of several tenants has beside
// those of a report of one.
func TestFleetColumns(t *testing.T) {
	d, one := fixture.Build(t, fixture.Fleet(t.TempDir())), fixture.Build(t, fixture.Input(t.TempDir()))
	keys := func(table report.Table) string {
		var list []string
		headings := map[string]bool{}
		for _, c := range table.Columns {
			list = append(list, c.Key)
			if headings[c.Heading] || c.Doc == "" || c.Width <= 0 {
				t.Errorf("%s: column %s has a heading that another one has, or lacks a width or a sentence", table.Title, c.Key)
			}
			headings[c.Heading] = true
		}
		return strings.Join(list, ",")
	}
	for _, table := range d.Tables() {
		name := stdcmp.Or(table.File, table.Title)
		want := ""
		switch name {
		case report.FileTenants:
			want = "tenant,domain,complete,losing_last_passkey,losing_last_passkey_administrators,losing_some,breaks,undecided,cannot_be_judged,passkeys,with_passkey,listed,read,unread,proposal_changes,strengths_judged,scanned_at,missing,not_looked_at,strength_notes,tenant_id"
		case report.FileUnread:
			want = keys(mustTable(t, one, name)) + ",tenant_id"
		case report.TitlePolicy:
			want = "tenant," + keys(mustTable(t, one, name))
		default:
			want = keys(mustTable(t, one, name))
		}
		if got := keys(table); got != want {
			t.Errorf("%s has the columns\n%s\nwant\n%s", name, got, want)
		}
		for _, row := range fixture.Rows(t, table) {
			if len(row) != len(table.Columns) {
				t.Fatalf("%s: a row of %d cells under %d columns", name, len(row), len(table.Columns))
			}
		}
	}
	if _, ok := one.Table(report.FileTenants); ok {
		t.Error("a report of one tenant has a table of tenants")
	}
}

// TestFleetSays: the sentences of a report of several tenants.
func TestFleetSays(t *testing.T) {
	d := fixture.Build(t, fixture.Fleet(t.TempDir()))
	large := fixture.Build(t, fixture.LargeFleet(t.TempDir(), 250))
	for _, test := range []struct{ name, got, want string }{
		{"tenants", d.TenantWords(), "5 tenants"},
		{"many tenants", large.TenantWords(), "250 tenants"},
		{"label", d.TenantLabel(strings.ToUpper(fixture.Nordic.ID)), "nordic.contoso.com"},
		{"label of another", d.TenantLabel("x"), "x"},
		{"made", d.MadeWords(), "Read from 1 August 2026, 12:00 to 3 August 2026, 06:00 UTC, 4 min 0 s of reading in all, with passkey-audit v0.0.0-test; authenticator names as of 1 July 2026."},
		{"completeness", large.Completeness(), "INCOMPLETE: 2 of 250 snapshots could not be used: nothing is known of the people in their tenants; see Tenants and Unread."},
		{"changes", strings.Join(large.ProposalWords(), "|"),
			"Key restrictions are enforced with an allow list of 2 AAGUIDs; today they are not enforced (in 212 of 248 tenants).|the proposal equals the live policy (in 36 of 248 tenants)"},
		{"suggestion", d.SuggestionWords(), "Each tenant has a list of its own: passkey-audit suggest gives it, from the tenant's snapshot. Together they allow 2 AAGUIDs."},
		{"tenants' rows", mustTable(t, d, report.FileTenants).CountWords, "5 tenants: in 2 people lose their last passkey, 3 are incomplete"},
	} {
		if test.got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, test.got, test.want)
		}
	}
	hit, more := large.TenantsHit(20)
	if len(hit) != 20 || more == 0 || len(large.TenantsIncomplete(1)) != 2 {
		t.Errorf("%d tenants are hit and %d more, of %d something is missing", len(hit), more, len(large.TenantsIncomplete(1)))
	}
	if list, more := fixture.Build(t, fixture.Input(t.TempDir())).TenantsHit(20); list != nil || more != 0 {
		t.Errorf("a report of one tenant has tenants: %v", list)
	}
}

// TestFleetLists: a list is said to name a model only if the lists of each tenant
// do where somebody has one.
func TestFleetLists(t *testing.T) {
	sources := sourcesOf(t, fixture.LargeFleet(t.TempDir(), 5))
	var list []*report.Source
	for i := range sources {
		list = append(list, &sources[i])
	}
	d := fixture.Build(t, fleetOf(t, list...))
	var android report.AuthenticatorFigures
	for _, a := range d.Authenticators {
		if a.AAGUID == audit.AuthenticatorAndroid {
			android = a
		}
	}
	if android.InLive || !android.InProposed || android.ListsNow != "allowed" {
		t.Errorf("in the live list: %v, in the proposed one: %v, lists now %s", android.InLive, android.InProposed, android.ListsNow)
	}
	want := []string{"The live lists of 1 of the 4 tenants where somebody has one name it."}
	if diff := cmp.Diff(want, android.Remarks); diff != "" {
		t.Errorf("remarks (-want +got):\n%s", diff)
	}
}

// TestFleetSumsAny: people count the same whether they are of one tenant or of
// several, for any people in any tenants.
func TestFleetSumsAny(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		var all []*audit.JudgedUser
		var sources []*report.Source
		proposal := report.Proposal{Name: "p", Assumes: 1 << 1}
		coverage := func(users []*audit.JudgedUser) audit.Coverage {
			c := report.NewCounter(proposal)
			for _, u := range users {
				c.Add(u)
			}
			return report.Seen(c)
		}
		for i := range rapid.IntRange(1, 5).Draw(t, "tenants") {
			var users []*audit.JudgedUser
			for range rapid.IntRange(0, 5).Draw(t, "users") {
				keys := rapid.SliceOfN(rapid.StringMatching("[abu][abu]"), 0, 3).Draw(t, "keys")
				u := judged(rapid.StringMatching("[a-z]{3}").Draw(t, "upn"), audit.Ternary(rapid.IntRange(0, 2).Draw(t, "admin")), audit.Yes, keys...)
				u.Outcome = rapid.SampledFrom([]audit.Outcome{audit.OutcomeRead, audit.OutcomeFailed, audit.OutcomeGone}).Draw(t, "outcome")
				users = append(users, u)
			}
			all = append(all, users...)
			sources = append(sources, &report.Source{Tenant: audit.Tenant{ID: fmt.Sprint(i)}, Users: fixture.Each(users), Proposal: proposal, Coverage: coverage(users)})
		}
		one, err := report.Build(context.Background(), report.Input{Source: report.Source{Users: fixture.Each(all), Proposal: proposal, Coverage: coverage(all)}, TempDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer one.Close()
		several, err := report.Build(context.Background(), report.Input{TempDir: dir, Sources: func(yield func(*report.Source, error) bool) {
			for _, s := range sources {
				if !yield(s, nil) {
					return
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer several.Close()
		if d := cmp.Diff(one.Proposals(), several.Proposals()); d != "" {
			t.Errorf("figures (-one tenant +several):\n%s", d)
		}
		if a, b := one.Incomplete(), several.Incomplete(); !slices.Equal(a, b) {
			t.Errorf("missing: %q, of several %q", a, b)
		}
		var tenants report.TenantFigures
		for _, f := range several.Tenants() {
			tenants.Passkeys, tenants.Breaks, tenants.LosingLast = tenants.Passkeys+f.Passkeys, tenants.Breaks+f.Breaks, tenants.LosingLast+f.LosingLast
		}
		if tenants.Passkeys != one.Passkeys.Total || tenants.Breaks != one.Passkeys.Breaks || tenants.LosingLast != one.Users.LosingLast {
			t.Errorf("the tenants have %d passkeys, %d break, %d lose the last; want %+v", tenants.Passkeys, tenants.Breaks, tenants.LosingLast, one.Passkeys)
		}
	})
}

// TestFleetKeepsNothing: of a tenant nothing is kept but its figures, so that
// memory does not grow with the policies of many.
func TestFleetKeepsNothing(t *testing.T) {
	var kept []weak.Pointer[audit.Profile]
	in := fleetOf(t)
	in.Sources = func(yield func(*report.Source, error) bool) {
		for _, s := range sourcesOf(t, fixture.Fleet(t.TempDir())) {
			s.Live.Profiles = []audit.Profile{{ID: "p", Name: "Default"}}
			kept = append(kept, weak.Make(&s.Live.Profiles[0]))
			if !yield(&s, nil) {
				return
			}
		}
	}
	d := fixture.Build(t, in)
	runtime.GC()
	for i, p := range kept {
		if p.Value() != nil {
			t.Errorf("the policy of tenant %d is still there", i)
		}
	}
	runtime.KeepAlive(d)
}

// TestFleetBrokenSource: a tenant whose snapshot breaks off keeps what came, and
// who did not come is not read; the other tenants are whole.
func TestFleetBrokenSource(t *testing.T) {
	broken := errors.New("disk image is malformed")
	tests := []struct {
		name   string
		change func(*report.Source)
		unread int
	}{
		{"users", func(s *report.Source) {
			users := s.Users
			s.Users = func(yield func(*audit.JudgedUser, error) bool) {
				n := 0
				for u := range users {
					if n++; n > 2 {
						yield(nil, broken)
						return
					}
					if !yield(u, nil) {
						return
					}
				}
			}
		}, 4},
		{"failures", func(s *report.Source) {
			s.Failures = func(yield func(audit.Failure, error) bool) { yield(audit.Failure{}, broken) }
		}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sources := sourcesOf(t, fixture.Fleet(t.TempDir()))
			test.change(&sources[2])
			d := fixture.Build(t, fleetOf(t, &sources[1], &sources[2]))
			if d.Complete() || !strings.Contains(d.Completeness(), "1 snapshot could be read only in part") {
				t.Errorf("completeness: %s", d.Completeness())
			}
			if u := d.Users; u.Unread != test.unread || u.Listed != 8 || u.Read != 8-test.unread || u.WithPasskey != 8-test.unread {
				t.Errorf("users: %+v", u)
			}
			if got := pick(t, d, report.FileUnread, "what", "id", "code", "message"); len(got) != 1 || got[0] != fmt.Sprintf("snapshot scans/nordic.contoso.com damaged read %s: disk image is malformed", test.name) {
				t.Errorf("unread: %q", got)
			}
			if got := pick(t, d, report.FileTenants, "domain", "complete", "unread"); got[0] != fmt.Sprintf("nordic.contoso.com false %d", test.unread) || got[1] != "fabrikam.com true 0" {
				t.Errorf("tenants: %q", got)
			}
		})
	}
}

func TestFleetFails(t *testing.T) {
	broken := errors.New("no more")
	unusable := &report.Source{Snapshot: "x", Unusable: &audit.Failure{What: report.WhatSnapshot}}
	sources := sourcesOf(t, fixture.Fleet(t.TempDir()))
	other := sources[1]
	other.Proposal.Name = "another"
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	failing := fleetOf(t)
	failing.Sources = func(yield func(*report.Source, error) bool) { yield(nil, broken) }
	for name, test := range map[string]struct {
		ctx  context.Context
		in   report.Input
		want string
	}{
		"no tenants":          {t.Context(), fleetOf(t), "no tenants given"},
		"none can be used":    {t.Context(), fleetOf(t, unusable, unusable), "no snapshot can be used"},
		"the tenants fail":    {t.Context(), failing, "read tenants: no more"},
		"cancelled":           {cancelled, fleetOf(t, &sources[1]), "context canceled"},
		"names of a proposal": {t.Context(), fleetOf(t, &sources[2], &other), `has the proposal "another"`},
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := report.Build(test.ctx, test.in); d != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v; want an error with %q", d, err, test.want)
			}
		})
	}
}

// TestFleetLastUse: where last use was not read, it is not known, and the three
// answers add up to what breaks.
func TestFleetLastUse(t *testing.T) {
	s := fixture.Build(t, fixture.Fleet(t.TempDir())).Summary()
	if u := s.LastUse; !u.Read || u.Breaks.Unused+u.Breaks.Used+u.Breaks.NotKnown != s.Passkeys.Breaks || u.Breaks.NotKnown == 0 {
		t.Errorf("last use: %+v, %d break", u.Breaks, s.Passkeys.Breaks)
	}
	in := fixture.Fleet(t.TempDir())
	in.AsOf = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	if got := fixture.Build(t, in).Summary().LastUse.UnusedSince; got == nil || !got.Equal(in.AsOf.AddDate(-1, 0, 0)) {
		t.Errorf("unused since %v", got)
	}
}
