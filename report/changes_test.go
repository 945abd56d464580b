package report_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// TestChangeColumns holds the columns of changes.csv, which are a contract.
func TestChangeColumns(t *testing.T) {
	c := fixture.BuildChanges(t, fixture.ChangesInput(t.TempDir()))
	const want = "change,user_principal_name,display_name,passkey_name,authenticator,aaguid,before,after,tenant_id,user_id,passkey_id"
	var sheets []string
	for _, table := range c.Tables() {
		var keys []string
		for _, col := range table.Columns {
			keys = append(keys, col.Key)
			if col.Doc == "" || col.Heading == "" || col.Width <= 0 {
				t.Errorf("%s: column %s lacks a width or words", table.Title, col.Key)
			}
		}
		if got := strings.Join(keys, ","); got != want && table.Title != report.TitleNotCompared && table.Title != report.TitleTrend {
			t.Errorf("%s%s: columns %s", table.Title, table.File, got)
		}
		if table.Title != "" {
			sheets = append(sheets, table.Title)
		}
		fixture.Rows(t, table)
	}
	order := []string{"Added", "Removed", "Newly blocked", "Newly allowed", "Newly undecided", "People", "Policy changes", "Not compared", "Trend"}
	if diff := cmp.Diff(order, sheets); diff != "" {
		t.Errorf("sheets (-want +got):\n%s", diff)
	}
}

// TestChangesFound: every kind of change of the fixture, and nothing else.
func TestChangesFound(t *testing.T) {
	c := fixture.BuildChanges(t, fixture.ChangesInput(t.TempDir()))
	var got []string
	for ch, err := range c.Each(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Join(strings.Fields(fmt.Sprint(ch.Kind, " ", ch.User.UPN, " ", ch.Passkey.ID, " ", ch.Before, ">", ch.After)), " "))
	}
	want := []string{
		`policy_changed profile "=<Pilots>", key restrictions: not enforced>profile "=<Pilots>", key restrictions: enforced`,
		`policy_changed >profile "=<Pilots>", AAGUIDs: YubiKey 5 Series with NFC (` + fixture.YubiKey + ")",
		"policy_changed +excluded targets: group \x1b[31mbbbb>",
		"newly_blocked adele.vance@contoso.com pk-a1 allowed>blocked",
		"newly_blocked alex.wilber@contoso.com pk-b2 undecided>blocked",
		"newly_allowed lee.gu@contoso.com pk-l2 blocked>allowed",
		"newly_allowed patti.fernandez@contoso.com pk-p2 undecided>allowed",
		"passkey_added alex.wilber@contoso.com pk-b4 >allowed",
		"passkey_added +joni.sherman@contoso.com pk-j >allowed",
		"passkey_removed alex.wilber@contoso.com pk-b1 allowed>",
		"passkey_removed pradeep.gupta@contoso.com pk-g1 allowed>",
		"passkey_removed raul_fabrikam.com#EXT#@contoso.com pk-r blocked>",
		"user_added +joni.sherman@contoso.com >",
		"user_added miriam.graham@contoso.com >",
		"user_removed pradeep.gupta@contoso.com >",
		"user_removed raul_fabrikam.com#EXT#@contoso.com >",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	var apart []string
	for ch, err := range c.Each(context.Background(), report.ChangeUndecided, report.ChangeNotCompared) {
		if err != nil {
			t.Fatal(err)
		}
		apart = append(apart, ch.User.UPN+" "+ch.Before+" "+ch.Why)
	}
	want = []string{
		"alex.wilber@contoso.com allowed ",
		"emily.braun@contoso.com  The passkeys could not be read in the newer scan.",
		"isaiah.langer@contoso.com  The passkeys were out of scope of the newer scan.",
		"lynne.robbins@contoso.com  The passkeys could not be read in the older scan.",
		"unread.partly@contoso.com  The passkeys could not be read in either scan.",
		"miriam.graham@contoso.com  The passkeys could not be read in the newer scan.",
	}
	if diff := cmp.Diff(want, apart); diff != "" {
		t.Errorf("apart (-want +got):\n%s", diff)
	}
	f := report.ChangeFigures{
		Policy: 3, NewlyBlocked: 2, NewlyAllowed: 2, NewlyUndecided: 1, PasskeysAdded: 2, PasskeysRemoved: 3, UsersAdded: 2, UsersRemoved: 2,
		NewlyBlockedUndecided: 1, NewlyAllowedUndecided: 1, NotCompared: 5,
	}
	if diff := cmp.Diff(f, c.Figures); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}

// TestCompareUserUnknown: whatever one of the snapshots does not know makes no
// change: nothing is told added, removed or judged anew that both do not know.
func TestCompareUserUnknown(t *testing.T) {
	outcomes := []audit.Outcome{"", audit.OutcomeRead, audit.OutcomeGone, audit.OutcomeOutOfScope, audit.OutcomeRefused, audit.OutcomeFailed, audit.OutcomePending, "new"}
	rapid.Check(t, func(t *rapid.T) {
		side := func(name string) (*audit.JudgedUser, *report.Snapshot) {
			s := &report.Snapshot{ListsEverybody: rapid.Bool().Draw(t, name+" lists everybody")}
			o := rapid.SampledFrom(outcomes).Draw(t, name)
			if o == "" {
				return nil, s // not listed
			}
			u := judged("a@contoso.com", audit.No, audit.Yes, rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"aa", "bb", "uu", "ab"}), 0, 3, rapid.ID).Draw(t, name+" passkeys")...)
			u.Outcome = o
			for i := range u.Passkeys {
				u.Passkeys[i].Current.Decision = rapid.SampledFrom([]audit.Decision{audit.Allowed, audit.Blocked, audit.Undecided}).Draw(t, "verdict")
			}
			return u, s
		}
		a, before := side("before")
		b, after := side("after")
		// What is known: of existence, and of passkeys.
		exists := func(u *audit.JudgedUser, s *report.Snapshot) audit.Ternary {
			if u == nil {
				return map[bool]audit.Ternary{true: audit.No, false: audit.Unknown}[s.ListsEverybody]
			}
			return audit.TernaryOf(u.Outcome != audit.OutcomeGone)
		}
		known := func(u *audit.JudgedUser, s *report.Snapshot) bool {
			return exists(u, s) == audit.No || u != nil && u.Outcome == audit.OutcomeRead
		}
		list := report.CompareUser(nil, a, b, before, after)
		lost := 0
		for _, c := range list {
			switch c.Kind {
			case report.ChangeNotCompared:
				lost++
				if known(a, before) && known(b, after) || c.Why == "" {
					t.Errorf("known, yet not compared: %+v", c)
				}
			case report.ChangeUserAdded:
				if exists(a, before) != audit.No || exists(b, after) != audit.Yes {
					t.Errorf("not known: %+v", c)
				}
			case report.ChangeUserRemoved:
				if exists(a, before) != audit.Yes || exists(b, after) != audit.No {
					t.Errorf("not known: %+v", c)
				}
			default:
				if !known(a, before) || !known(b, after) || c.Before == c.After {
					t.Errorf("not known: %+v", c)
				}
			}
		}
		somewhere := exists(a, before) == audit.Yes || exists(b, after) == audit.Yes
		neither := a != nil && b != nil && a.Outcome == audit.OutcomeOutOfScope && b.Outcome == audit.OutcomeOutOfScope
		want := 0
		if somewhere && (!known(a, before) || !known(b, after)) && !neither {
			want = 1
		}
		if lost != want {
			t.Errorf("not compared %d times, want %d: %+v", lost, want, list)
		}
	})
}

// TestChangesSay: no words say that nothing changed where something is not
// known.
func TestChangesSay(t *testing.T) {
	same := func(change func(*report.ChangesInput)) func(string) report.ChangesInput {
		return func(dir string) report.ChangesInput {
			in := fixture.NothingChanged(dir)
			change(&in)
			return in
		}
	}
	tests := []struct {
		name              string
		in                func(string) report.ChangesInput
		verdict, complete string
		difference        string
	}{
		{"nothing", same(func(*report.ChangesInput) {}),
			"No passkey was added, removed or judged differently, and nobody came or left. The policy did not change.",
			"Both scans are complete: 3 users listed then, 3 now.", "+1"},
		{"policy alone", same(func(in *report.ChangesInput) {
			in.Policy = []report.SettingChange{{Setting: "state", Before: "a", After: "b"}}
		}),
			"No passkey was added, removed or judged differently, and nobody came or left. The policy changed: 1 difference.",
			"Both scans are complete: 3 users listed then, 3 now.", "+1"},
		{"not compared", same(func(in *report.ChangesInput) {
			in.Changes = func(yield func(*report.Change, error) bool) {
				yield(&report.Change{Kind: report.ChangeNotCompared, Why: "Why."}, nil)
			}
		}), "No change of a passkey was found, but not everybody could be compared. The policy did not change.",
			"Both scans are complete: 3 users listed then, 3 now.", "not known"},
		{"older scan incomplete", same(func(in *report.ChangesInput) { in.Snapshots[0].Coverage.ListingComplete = false }),
			"No change of a passkey was found, but the comparison is incomplete. The policy did not change.",
			"INCOMPLETE: The older scan is incomplete. The list of users was not read to its end: nobody knows how many are missing.", "not known"},
		{"everything", fixture.ChangesInput,
			"At least 2 passkeys are newly blocked and 2 newly allowed; 2 were added and 3 removed. 1 passkey has become undecided. The policy changed: 3 differences.",
			"INCOMPLETE: The older scan is incomplete. 2 of 14 users could not be read: what passkeys they have is not known. The newer scan is incomplete. 3 of 15 users could not be read: what passkeys they have is not known.", "not known"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := fixture.BuildChanges(t, test.in(t.TempDir()))
			if diff := cmp.Diff([]string{test.verdict, test.complete, test.difference}, []string{c.Verdict(), c.Completeness(), c.DifferenceWords(1, 2)}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if c.Complete() == strings.HasPrefix(test.complete, "INCOMPLETE") {
				t.Error("complete and incomplete at a time")
			}
			if (c.Tone() == report.ToneGood) != strings.HasPrefix(test.verdict, "No passkey") {
				t.Errorf("tone %d", c.Tone())
			}
			for _, table := range c.Tables() {
				sure := strings.HasSuffix(table.Empty, ".") && !strings.Contains(table.Empty, "as far as")
				if table.Title != report.TitlePolicyChanges && table.Title != report.TitleTrend && sure != (test.difference != "not known") {
					t.Errorf("%s is empty: %q", table.Title, table.Empty)
				}
			}
		})
	}
}

func TestBuildChangesFails(t *testing.T) {
	broken := errors.New("broken")
	for name, change := range map[string]func(*report.ChangesInput){
		"one snapshot": func(in *report.ChangesInput) { in.Snapshots = in.Snapshots[:1] },
		"two tenants": func(in *report.ChangesInput) {
			s := *in.Snapshots[0]
			s.Tenant.ID = "other"
			in.Snapshots[0] = &s
		},
		"no changes": func(in *report.ChangesInput) { in.Changes = nil },
		"broken": func(in *report.ChangesInput) {
			in.Changes = func(y func(*report.Change, error) bool) { y(nil, broken) }
		},
		"kind": func(in *report.ChangesInput) {
			in.Changes = func(y func(*report.Change, error) bool) { y(&report.Change{Kind: "odd"}, nil) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in := fixture.ChangesInput(dir)
			change(&in)
			if c, err := report.BuildChanges(context.Background(), in); err == nil || c != nil {
				t.Errorf("got %v, %v", c, err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}
