package report_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// TestColumns holds the columns of the CSV files, which are a contract.
func TestColumns(t *testing.T) {
	passkeys := "impact,reason_code,reason,user_principal_name,display_name,user_type,account_enabled,is_admin,passkey_name,passkey_type,authenticator,aaguid,model,attestation_level,registrable,created_at,last_used_at,current,proposed,decided_by,usable_passkeys_left,tenant_id,user_id,passkey_id"
	want := map[string]string{
		"breaking.csv":  passkeys,
		"passkeys.csv":  passkeys,
		"users.csv":     "risk,user_principal_name,display_name,user_type,account_enabled,is_admin,passkeys,usable_now,usable_after,breaking,undecided,tenant_id,user_id",
		"aaguids.csv":   "aaguid,authenticator,vendor,name_source,passkeys,users,breaking,in_current_list,in_proposed_list,suggested",
		"unread.csv":    "what,user_principal_name,id,status,code,message,request_id,attempts",
		"strengths.csv": "strength,strength_id,conditional_access_policy,policy_state,user_principal_name,display_name,is_admin,passkey_name,authenticator,aaguid,tenant_id,user_id,passkey_id",
		"outreach.csv":  "priority,risk,user_principal_name,display_name,user_type,account_enabled,is_admin,what_breaks,what_still_works,register_instead,tenant_id,user_id,subject,message",
	}
	got := map[string]string{}
	var sheets []string
	for _, table := range fixture.Build(t, fixture.Input(t.TempDir())).Tables() {
		var keys []string
		headings := map[string]bool{}
		for _, c := range table.Columns {
			if !c.ForPeople() {
				keys = append(keys, c.Key)
			}
			if h := strings.ToLower(c.Heading); headings[h] || h == "" {
				t.Errorf("%s: heading %q is empty or doubled", table.Title, c.Heading)
			} else {
				headings[h] = true
			}
			if c.Doc == "" || c.Width <= 0 {
				t.Errorf("%s: column %s lacks a width or a sentence", table.Title, c.Key)
			}
		}
		if table.File != "" {
			got[table.File] = strings.Join(keys, ",")
		}
		if table.Title != "" {
			sheets = append(sheets, table.Title)
		}
		for _, row := range fixture.Rows(t, table) {
			if len(row) != len(table.Columns) {
				t.Fatalf("%s: a row of %d cells under %d columns", table.Title, len(row), len(table.Columns))
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("columns (-want +got):\n%s", d)
	}
	order := []string{"Would break", "Users at risk", "All passkeys", "AAGUIDs", "Policy", "Strengths", "Unread", "Run"}
	if d := cmp.Diff(order, sheets); d != "" {
		t.Errorf("sheets (-want +got):\n%s", d)
	}
}

// pick gives some columns of a table's rows, joined by blanks.
func pick(t *testing.T, d *report.Document, name string, keys ...string) []string {
	t.Helper()
	table, ok := d.Table(name)
	if !ok {
		t.Fatalf("no table %s", name)
	}
	var list []string
	for _, row := range fixture.Rows(t, table) {
		var cells []string
		for _, key := range keys {
			for i, c := range table.Columns {
				if c.Key == key {
					cells = append(cells, row[i])
				}
			}
		}
		list = append(list, strings.TrimRight(strings.Join(cells, " "), " "))
	}
	return list
}

func TestOrder(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	tests := []struct {
		table string
		keys  []string
		want  []string
	}{
		{"breaking.csv", []string{"impact", "passkey_id"}, []string{
			"breaks pk-a1", "breaks pk-b1", "breaks pk-b2", "breaks pk-c1", "breaks pk-m1", "already_blocked pk-r"}},
		{"passkeys.csv", []string{"impact", "passkey_id"}, []string{
			"breaks pk-a1", "breaks pk-b1", "breaks pk-b2", "breaks pk-c1", "breaks pk-m1",
			"undecided -2_GRUg2-HYz6", "undecided pk-p1", "undecided pk-p2", "already_blocked pk-r", "restored pk-l2",
			"unaffected pk-b3", "unaffected pk-lee", "unaffected pk-m2", "unaffected pk-g1"}},
		{"users.csv", []string{"risk", "user_principal_name", "is_admin", "passkeys", "breaking"}, []string{
			"unread lynne.robbins@contoso.com true", "loses_last_passkey adele.vance@contoso.com true 1 1", "loses_some megan.bowen@contoso.com true 2 1",
			"unread unread.partly@contoso.com", "loses_last_passkey diego.siciliani@contoso.com false 1 1",
			"loses_last_passkey emily.braun@contoso.com false 1 0", "loses_last_passkey patti.fernandez@contoso.com false 2 0",
			"loses_some alex.wilber@contoso.com false 3 2",
			"blocked_already raul_fabrikam.com#EXT#@contoso.com  1 0",
			"unaffected lee.gu@contoso.com false 2 0", "unaffected pradeep.gupta@contoso.com  1 0"}},
		{"aaguids.csv", []string{"aaguid", "passkeys", "users", "breaking", "in_current_list", "in_proposed_list", "suggested"}, []string{
			fixture.YubiKey + " 4 4 3 false false false", fixture.Hello + " 2 2 1 false false false", fixture.Unnamed + " 1 1 1 true false false",
			fixture.IOS + " 2 2 0 false true true", fixture.Android + " 2 2 0 false true true", " 2 2 0 false false false",
			"00000000-0000-0000-0000-000000000000 1 1 0 false false false"}},
		{"AAGUIDs", []string{"aaguid", "allowed_now", "allowed_proposed", "certification", "problem"}, []string{
			fixture.YubiKey + " allowed blocked FIDO Certified L1 (2019-11-04) =revoked <2025-01-31>: attestation keys are known to others",
			fixture.Hello + " allowed blocked", fixture.Unnamed + " allowed blocked", fixture.IOS + " allowed allowed", fixture.Android + " allowed allowed",
			" allowed undecided", "00000000-0000-0000-0000-000000000000 allowed blocked"}},
		{"unread.csv", []string{"what", "status", "attempts"}, []string{"group 403 1", "user 503 8", "user  5", "user gone 404 2"}},
		{"outreach.csv", []string{"priority", "user_principal_name", "what_still_works"}, []string{
			"1 adele.vance@contoso.com no passkey", "2 diego.siciliani@contoso.com no passkey", "2 emily.braun@contoso.com no passkey",
			"2 patti.fernandez@contoso.com no passkey", `4 megan.bowen@contoso.com Microsoft Authenticator for iOS "phone"`,
			`5 alex.wilber@contoso.com Microsoft Authenticator for iOS "'quoted"`}},
		{"Policy", []string{"setting", "live", "proposed", "changed", "members"}, []string{
			"State enabled enabled false", "Self-service registration yes yes false", "Attestation enforced no yes true",
			"Key restrictions enforced no yes true", "Kind of list block allow true", "AAGUIDs in the list 1 3 true",
			fixture.Unnamed + " listed not listed true", fixture.Android + " not listed listed true", fixture.IOS + " not listed listed true",
			"no guid not listed listed true", "all_users included included false",
			"bbbbbbbb-0000-4000-8000-000000000001 not there included true 12", "bbbbbbbb-0000-4000-8000-000000000002 excluded excluded false"}},
	}
	for _, test := range tests {
		t.Run(test.table, func(t *testing.T) {
			if diff := cmp.Diff(test.want, pick(t, d, test.table, test.keys...)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPolicyWithProfiles(t *testing.T) {
	in := fixture.Input(t.TempDir())
	in.Live = audit.Policy{
		State: "enabled", DefaultProfile: "p1",
		Profiles: []audit.Profile{{ID: "p1", Name: "Default", Types: []audit.PasskeyType{audit.DeviceBound, audit.Synced}, Attestation: "disabled"}},
		Include:  []audit.Target{{Type: "group", ID: "all_users", Profiles: []string{"P1"}}},
	}
	in.Proposal.Policy = in.Live
	in.Proposal.Policy.KeyRestrictions.Enforced = audit.Yes // differs, and decides nothing
	in.Proposal.Policy.Profiles = []audit.Profile{in.Live.Profiles[0], {ID: "p2", Name: "Strict", Types: []audit.PasskeyType{audit.DeviceBound},
		KeyRestrictions: audit.KeyRestrictions{Enforced: audit.Yes, Type: "allow", AAGUIDs: []string{fixture.YubiKey}}}}
	in.Proposal.Policy.Include = []audit.Target{{Type: "group", ID: "all_users", Profiles: []string{"p1", "p2"}}}
	d := fixture.Build(t, in)
	got := strings.Join(pick(t, d, "Policy", "section", "setting", "live", "proposed", "changed"), "\n")
	for _, want := range []string{
		"Tenant-wide restrictions (do not govern) Attestation enforced not set not set\n",
		"Tenant-wide restrictions (do not govern) Key restrictions enforced not set yes\n",
		"Passkey profile: Default Passkey types deviceBound, synced deviceBound, synced false",
		"Passkey profile: Strict The profile itself not there there true",
		"Passkey profile: Strict Key restrictions enforced not there yes true",
		"Passkey profile: Strict " + fixture.YubiKey + " not listed listed true",
		"Included all_users included: Default included: Default, Strict true",
		"Excluded Nobody   false",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no row %q in:\n%s", want, got)
		}
	}
	for _, a := range d.Authenticators {
		if a.AAGUID.String() == fixture.YubiKey && !a.InProposed {
			t.Error("the list of a profile does not count as proposed")
		}
	}
}

// TestIncomplete: whatever is missing, the report says so, and never that
// nothing breaks.
func TestIncomplete(t *testing.T) {
	whole := audit.Coverage{ListingComplete: true, Listed: 1, Read: 1, WithoutPasskey: 1}
	tests := []struct {
		name   string
		change func(*audit.Coverage)
		want   string
	}{
		{"whole", func(*audit.Coverage) {}, ""},
		{"listing", func(c *audit.Coverage) { c.ListingComplete = false }, "not read to its end"},
		{"other", func(c *audit.Coverage) { c.OtherUnread = 2 }, "2 other things could not be read"},
		{"unbalanced", func(c *audit.Coverage) { c.Listed = 3 }, "do not add up"},
		{"unread", func(c *audit.Coverage) { c.Listed, c.Unread = 3, 2 }, "2 of 3 users could not be read"},
		{"users that did not come", func(c *audit.Coverage) { c.Listed, c.Read, c.WithPasskey = 3, 3, 2 }, "do not match"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := fixture.Empty(t.TempDir())
			in.Coverage = whole
			test.change(&in.Coverage)
			d := fixture.Build(t, in)
			s := d.Summary()
			if test.want == "" {
				if !s.Complete || !strings.HasPrefix(s.Completeness, "Complete: ") || len(s.Incomplete) != 0 {
					t.Errorf("not complete: %q %q", s.Completeness, s.Incomplete)
				}
				return
			}
			if s.Complete || d.Complete() {
				t.Error("the report calls itself complete")
			}
			if !strings.HasPrefix(s.Completeness, "INCOMPLETE: ") || !strings.Contains(s.Completeness, test.want) {
				t.Errorf("completeness %q does not say %q", s.Completeness, test.want)
			}
			if strings.HasPrefix(s.Verdict, "Nobody") || !strings.Contains(s.Verdict, "incomplete") && !strings.Contains(s.Verdict, "not everybody could be read") {
				t.Errorf("verdict %q does not say that something is missing", s.Verdict)
			}
			for _, table := range d.Tables() {
				if table.Count == 0 && table.Title != report.TitleStrengths && !strings.Contains(table.Empty, "incomplete") {
					t.Errorf("empty table %s%s says %q", table.Title, table.File, table.Empty)
				}
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	whole := audit.Coverage{ListingComplete: true}
	tests := []struct {
		name      string
		u         report.UserFigures
		undecided int
		part      bool
		want      string
	}{
		{"many", report.UserFigures{WithPasskey: 4210, LosingLast: 37, LosingLastAdmins: report.Tally{Yes: 2, Of: 37}}, 0, false,
			"37 of 4,210 people with a passkey lose their last working passkey if this policy is saved; 2 of them are administrators."},
		{"one", report.UserFigures{WithPasskey: 4210, LosingLast: 1}, 0, false,
			"1 of 4,210 people with a passkey loses the last working passkey if this policy is saved; none of them is an administrator."},
		{"administrators not known", report.UserFigures{WithPasskey: 9, LosingLast: 3, LosingLastAdmins: report.Tally{Unknown: 3, Of: 3}}, 0, false,
			"3 of 9 people with a passkey lose their last working passkey if this policy is saved; whether they are administrators is not known."},
		{"some not known", report.UserFigures{WithPasskey: 9, LosingLast: 3, LosingLastAdmins: report.Tally{Yes: 1, Unknown: 1, Of: 3}}, 0, false,
			"3 of 9 people with a passkey lose their last working passkey if this policy is saved; at least 1 of them is an administrator (not known for 1)."},
		{"none known", report.UserFigures{WithPasskey: 9, LosingLast: 3, LosingLastAdmins: report.Tally{Unknown: 1, Of: 3}}, 0, false,
			"3 of 9 people with a passkey lose their last working passkey if this policy is saved; none of them is known to be an administrator (not known for 1)."},
		{"undecided", report.UserFigures{WithPasskey: 9, LosingLast: 3, LosingLastUndecided: 2}, 4, false,
			"3 of 9 people with a passkey lose their last working passkey if this policy is saved; none of them is an administrator. For 2 of them that hangs on passkeys that are undecided."},
		{"some cannot be judged", report.UserFigures{WithPasskey: 9, LosingLast: 3, Unjudged: 5}, 5, false,
			"3 of 9 people with a passkey lose their last working passkey if this policy is saved; none of them is an administrator, and 5 people cannot be judged. 5 passkeys are undecided."},
		{"none", report.UserFigures{WithPasskey: 9}, 0, false,
			"None of the 9 people with a passkey loses the last working passkey if this policy is saved."},
		{"none, but nobody can be judged", report.UserFigures{WithPasskey: 374, Unjudged: 374}, 603, false,
			"None of the 374 people with a passkey is known to lose the last working passkey if this policy is saved, but 374 people cannot be judged. 603 passkeys are undecided."},
		{"none, passkeys undecided", report.UserFigures{WithPasskey: 9}, 1, false,
			"None of the 9 people with a passkey loses the last working passkey if this policy is saved. 1 passkey is undecided."},
		{"none, partial", report.UserFigures{WithPasskey: 9}, 0, true,
			"None of the 9 people known to have a passkey loses the last working passkey if this policy is saved, but not everybody could be read."},
		{"none, partial, not judged", report.UserFigures{WithPasskey: 9, Unjudged: 1}, 0, true,
			"None of the 9 people known to have a passkey is known to lose the last working passkey if this policy is saved, but not everybody could be read and 1 person cannot be judged."},
		{"some, partial", report.UserFigures{WithPasskey: 9, LosingLast: 1}, 0, true,
			"At least 1 of 9 people known to have a passkey loses the last working passkey if this policy is saved; none of them is an administrator."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := fixture.Empty(t.TempDir())
			in.Proposal.Name = "enforced"
			in.Coverage, in.Users = whole, fixture.Each(nil)
			in.Coverage.ListingComplete = !test.part
			d := fixture.Build(t, in)
			d.Users = test.u
			d.Passkeys.Undecided = test.undecided
			reassuring := test.u.LosingLast == 0 && test.u.Unjudged == 0 && test.undecided == 0 && !test.part
			if got := d.Tone() == report.ToneGood; got != reassuring {
				t.Errorf("the tone is good: %v, want %v", got, reassuring)
			}
			if got := d.Verdict(); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestBuildFails(t *testing.T) {
	broken := errors.New("disk on fire")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	tests := []struct {
		name   string
		ctx    context.Context
		change func(*report.Input)
		want   error
	}{
		{"users", context.Background(), func(in *report.Input) {
			in.Users = func(yield func(*audit.JudgedUser, error) bool) {
				for _, u := range fixture.Users() {
					if !yield(u, nil) {
						return
					}
				}
				yield(nil, broken)
			}
		}, broken},
		{"failures", context.Background(), func(in *report.Input) {
			in.Failures = func(yield func(audit.Failure, error) bool) { yield(audit.Failure{}, broken) }
		}, broken},
		{"cancelled", cancelled, func(*report.Input) {}, context.Canceled},
		{"folder", context.Background(), func(in *report.Input) { in.TempDir = filepath.Join(in.TempDir, "none") }, fs.ErrNotExist},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			in := fixture.Input(dir)
			test.change(&in)
			d, err := report.Build(test.ctx, in)
			if d != nil || !errors.Is(err, test.want) {
				t.Errorf("got %v, %v; want %v", d, err, test.want)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
	if _, err := report.Build(context.Background(), report.Input{}); err == nil {
		t.Error("no users were given, and no error came")
	}
}

// TestSpool: the folder is private and goes away.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	d, err := report.Build(context.Background(), fixture.Input(dir))
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, not %o", path, got, want)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files, %v", files, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestReadOnce: the users are asked for once, whatever is written.
func TestReadOnce(t *testing.T) {
	in := fixture.Input(t.TempDir())
	users, times := in.Users, 0
	in.Users = func(yield func(*audit.JudgedUser, error) bool) {
		times++
		users(yield)
	}
	d := fixture.Build(t, in)
	for range 2 {
		for _, table := range d.Tables() {
			fixture.Rows(t, table)
		}
	}
	if times != 1 {
		t.Errorf("the users were read %d times", times)
	}
}

// TestCountWords: a table whose rows are of several kinds says so beside their
// number, with the figures of the summary.
func TestCountWords(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	for name, want := range map[string]string{
		report.TitleBreaking: "5 break, 1 is blocked already",
		report.TitleUsers:    "2 not read, 4 lose the last passkey, 2 lose some, 1 blocked already, 2 unaffected",
	} {
		table := mustTable(t, d, name)
		if table.CountWords != want {
			t.Errorf("%s: got %q, want %q", name, table.CountWords, want)
		}
		sum := 0
		for _, part := range strings.Split(table.CountWords, ", ") {
			n := 0
			if _, err := fmt.Sscan(part, &n); err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		if sum != table.Count {
			t.Errorf("%s: the words add up to %d, there are %d rows", name, sum, table.Count)
		}
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 4210: "4,210", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := report.Number(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				d, err := report.Build(context.Background(), fixture.Large(b.TempDir(), n))
				if err != nil {
					b.Fatal(err)
				}
				if err := d.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
