package report_test

import (
	"bytes"
	stdjson "encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/json"
	"passkey-audit/report/testdata/fixture"
	"passkey-audit/report/text"
)

// judged makes a user with passkeys of these verdicts: now and after, by their
// first letters, such as "ab" for one that breaks.
func judged(upn string, admin, enabled audit.Ternary, keys ...string) *audit.JudgedUser {
	u := &audit.JudgedUser{User: audit.User{TenantID: fixture.Tenant.ID, ID: upn, UPN: upn, Admin: admin, Enabled: enabled}, Outcome: audit.OutcomeRead}
	decisions := map[byte]audit.Decision{'a': audit.Allowed, 'b': audit.Blocked, 'u': audit.Undecided}
	for _, k := range keys {
		u.Passkeys = append(u.Passkeys, audit.JudgedPasskey{
			Passkey: audit.Passkey{ID: k, AAGUID: fixture.YubiKey}, Registrable: audit.Yes,
			Current:  audit.Verdict{Decision: decisions[k[0]]},
			Proposed: audit.Verdict{Decision: decisions[k[1]], Code: audit.ReasonAAGUIDNotAllowed, DecidedBy: "tenant-wide restrictions"},
		})
	}
	return u
}

// inputOf is a complete report of these people.
func inputOf(t *testing.T, users ...*audit.JudgedUser) report.Input {
	in := fixture.Input(t.TempDir())
	in.Users, in.Failures, in.Alternatives = fixture.Each(users), nil, nil
	in.Coverage = audit.Coverage{ListingComplete: true, Listed: len(users), Read: len(users)}
	for _, u := range users {
		if len(u.Passkeys) > 0 {
			in.Coverage.WithPasskey++
		} else {
			in.Coverage.WithoutPasskey++
		}
	}
	return in
}

func terminal(t *testing.T, d *report.Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := text.WriteTerminal(&b, d, text.Output{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRoles: where roles are not known, no figure says that there are no
// administrators.
func TestRoles(t *testing.T) {
	const yes, no, unknown = audit.Yes, audit.No, audit.Unknown
	tests := []struct {
		name            string
		roles           [3]audit.Ternary
		known           string
		number, atLeast any
		run, tile       string
	}{
		{"none known", [3]audit.Ternary{unknown, unknown, unknown}, "none", nil, nil, "not known", "administrators not known"},
		{"some known", [3]audit.Ternary{yes, no, unknown}, "some", nil, 1.0, "at least 1 (not known for 1)", "at least 1 administrator (not known for 1)"},
		{"others known", [3]audit.Ternary{no, no, unknown}, "some", nil, nil, "none known (not known for 1)", "administrators not known for 1"},
		{"all known", [3]audit.Ternary{yes, no, no}, "all", 1.0, 1.0, "1", "1 administrator"},
		{"none there", [3]audit.Ternary{no, no, no}, "all", 0.0, 0.0, "0", "0 administrators"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var users []*audit.JudgedUser
			for i, r := range test.roles {
				users = append(users, judged(string(rune('a'+i))+"@contoso.com", r, yes, "ab"))
			}
			d := fixture.Build(t, inputOf(t, users...))
			var b bytes.Buffer
			if err := json.WriteSummary(&b, d); err != nil {
				t.Fatal(err)
			}
			var s struct{ Users map[string]any }
			if err := stdjson.Unmarshal(b.Bytes(), &s); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"administrators", "losing_last_passkey_administrators"} {
				got := []any{s.Users[key], s.Users[key+"_at_least"]}
				if diff := cmp.Diff([]any{test.number, test.atLeast}, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", key, diff)
				}
			}
			if s.Users["roles_known"] != test.known {
				t.Errorf("roles_known is %v, want %s", s.Users["roles_known"], test.known)
			}
			want := []string{"Administrators among them " + test.run, "Administrators in all " + test.run}
			for _, row := range pick(t, d, "Run", "name", "value") {
				if strings.HasPrefix(row, "Administrators") && !slices.Contains(want, row) {
					t.Errorf("sheet Run says %q, want one of %q", row, want)
				}
			}
			if got := d.Figures()[0].Note; got != test.tile {
				t.Errorf("the tile says %q, want %q", got, test.tile)
			}
			for _, p := range d.Proposals() {
				if p.Users.LosingLastAdmins != d.Users.LosingLastAdmins {
					t.Errorf("the comparison says %+v", p.Users.LosingLastAdmins)
				}
			}
		})
	}
}

// TestUnreadRoles: nor does the list of what was not read.
func TestUnreadRoles(t *testing.T) {
	in := inputOf(t, judged("a@contoso.com", audit.Unknown, audit.Yes, "aa"))
	unread := judged("b@contoso.com", audit.Unknown, audit.Yes)
	unread.Outcome = audit.OutcomeFailed
	in.Users = fixture.Each([]*audit.JudgedUser{judged("a@contoso.com", audit.Unknown, audit.Yes, "aa"), unread})
	in.Coverage.Listed, in.Coverage.Unread = 2, 1
	d := fixture.Build(t, in)
	if s := terminal(t, d); !strings.Contains(strings.Join(strings.Fields(s), " "), "whether they are administrators is not known") {
		t.Errorf("the summary does not say that the unread may be administrators:\n%s", s)
	}
	if n := d.Summary().Users.AdministratorsUnread; n != nil {
		t.Errorf("the summary says that %d unread people are administrators", *n)
	}
}

// TestRegistrableUnknown: a passkey of which it is not known whether it could
// be registered again is not counted as one that could.
func TestRegistrableUnknown(t *testing.T) {
	u := judged("a@contoso.com", audit.No, audit.Yes, "aa", "aa")
	u.Passkeys[0].Registrable, u.Passkeys[1].Registrable = audit.Unknown, audit.Unknown
	d := fixture.Build(t, inputOf(t, u))
	if n := d.Summary().Passkeys.NotRegistrable; n != nil {
		t.Errorf("the summary says %d", *n)
	}
	if rows := strings.Join(pick(t, d, "Run", "name", "value"), "\n"); !strings.Contains(rows, "could not be registered again not known") {
		t.Errorf("sheet Run:\n%s", rows)
	}
	if s := strings.Join(strings.Fields(terminal(t, d)), " "); !strings.Contains(s, "registered again is not known") {
		t.Errorf("terminal:\n%s", s)
	}
}

// TestUndecidedNow: somebody whose only passkey is undecided now and blocked
// under the proposal keeps no other one, and nobody says so.
func TestUndecidedNow(t *testing.T) {
	d := fixture.Build(t, inputOf(t,
		judged("a@contoso.com", audit.No, audit.Yes, "ub"),
		judged("b@contoso.com", audit.No, audit.Yes, "ab", "aa"),
		judged("c@contoso.com", audit.No, audit.Yes, "uu"),
		judged("d@contoso.com", audit.No, audit.Yes, "bu"),
	))
	u := d.Users
	if u.LosingSome != 2 || u.LosingSomeNoneLeft != 1 || u.Unjudged != 2 {
		t.Errorf("got %+v", u)
	}
	if got, want := d.Figures()[4].Note, "1 keep another; 1 may lose the last"; got != want {
		t.Errorf("the tile says %q, want %q", got, want)
	}
	if s := terminal(t, d); !strings.Contains(s, "may lose the last one") {
		t.Errorf("terminal:\n%s", s)
	}
	if got := d.Verdict(); !strings.Contains(got, "2 people cannot be judged") {
		t.Errorf("verdict %q", got)
	}
}

// TestRounding: figures of time and rate have two decimals at most.
func TestRounding(t *testing.T) {
	in := fixture.Input(t.TempDir())
	in.Duration, in.Rate = 1234567890, report.Rate{UsersPerSecond: 1810.123456, ThrottledSeconds: 0.12345}
	s := fixture.Build(t, in).Summary()
	if s.DurationSeconds != 1.23 || s.Rate.UsersPerSecond != 1810.12 || s.Rate.ThrottledSeconds != 0.12 {
		t.Errorf("got %v %+v", s.DurationSeconds, s.Rate)
	}
}

// TestUrgency: users.csv has administrators first, then risks; where it is about
// what to do next, risks come first; disabled accounts of a risk are last in
// all; every priority of outreach.csv is reached.
func TestUrgency(t *testing.T) {
	var users []*audit.JudgedUser
	for i, keys := range [][]string{{"ab"}, {"ab", "aa"}} {
		for _, enabled := range []audit.Ternary{audit.No, audit.Yes, audit.Unknown} {
			for _, admin := range []audit.Ternary{audit.No, audit.Unknown, audit.Yes} {
				upn := string(rune('a'+len(users))) + map[int]string{0: "-last", 1: "-some"}[i]
				upn += map[audit.Ternary]string{audit.No: "-disabled", audit.Yes: "", audit.Unknown: "-account?"}[enabled]
				upn += map[audit.Ternary]string{audit.No: "", audit.Yes: "-admin", audit.Unknown: "-admin?"}[admin]
				users = append(users, judged(upn, admin, enabled, keys...))
			}
		}
	}
	d := fixture.Build(t, inputOf(t, users...))
	want := []string{
		"1 f-last-admin", "1 i-last-account?-admin", "2 d-last", "2 e-last-admin?", "2 g-last-account?", "2 h-last-account?-admin?",
		"3 c-last-disabled-admin", "3 a-last-disabled", "3 b-last-disabled-admin?",
		"4 o-some-admin", "4 r-some-account?-admin", "5 m-some", "5 n-some-admin?", "5 p-some-account?", "5 q-some-account?-admin?",
		"6 l-some-disabled-admin", "6 j-some-disabled", "6 k-some-disabled-admin?",
	}
	if diff := cmp.Diff(want, pick(t, d, "outreach.csv", "priority", "user_principal_name")); diff != "" {
		t.Errorf("outreach.csv (-want +got):\n%s", diff)
	}
	for i := range want {
		want[i] = want[i][2:]
	}
	rows := []string{
		"f-last-admin", "i-last-account?-admin", "c-last-disabled-admin", "o-some-admin", "r-some-account?-admin", "l-some-disabled-admin",
		"d-last", "e-last-admin?", "g-last-account?", "h-last-account?-admin?", "a-last-disabled", "b-last-disabled-admin?",
		"m-some", "n-some-admin?", "p-some-account?", "q-some-account?-admin?", "j-some-disabled", "k-some-disabled-admin?",
	}
	if diff := cmp.Diff(rows, pick(t, d, "users.csv", "user_principal_name")); diff != "" {
		t.Errorf("users.csv (-want +got):\n%s", diff)
	}
	var hardest []string
	for _, p := range d.Hardest {
		hardest = append(hardest, p.UPN)
	}
	if diff := cmp.Diff(want[:len(hardest)], hardest); diff != "" {
		t.Errorf("hardest (-want +got):\n%s", diff)
	}
}

// TestHardestHeading promises only an order that there is.
func TestHardestHeading(t *testing.T) {
	const yes, no, unknown = audit.Yes, audit.No, audit.Unknown
	tests := []struct {
		name           string
		admin, enabled audit.Ternary
		want           string
	}{
		{"roles not known", unknown, yes, "Hit hardest (all are in users.csv)"},
		{"roles known", yes, yes, "Hit hardest (administrators first; all are in users.csv)"},
		{"disabled", unknown, no, "Hit hardest (disabled accounts last; all are in users.csv)"},
		{"both", no, no, "Hit hardest (administrators first, disabled accounts last; all are in users.csv)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := terminal(t, fixture.Build(t, inputOf(t, judged("a@contoso.com", test.admin, test.enabled, "ab"))))
			if !strings.Contains(s, test.want+"\n") {
				t.Errorf("no heading %q in:\n%s", test.want, s)
			}
			if got := strings.Contains(s, "loses the last one, disabled"); got != (test.enabled == no) {
				t.Errorf("marked as disabled: %v in:\n%s", got, s)
			}
			if test.admin == unknown && strings.Contains(s, " ? ") {
				t.Errorf("a column of question marks in:\n%s", s)
			}
		})
	}
}
