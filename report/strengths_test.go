package report_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// TestStrengths: the rows, each with its certainty in the state, and figures
// that count each person and passkey once and call nothing certain that is not.
func TestStrengths(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	want := []string{
		"+Admins enabled adele.vance@contoso.com Blue key YubiKey 5 Series with NFC " + fixture.YubiKey,
		"Everybody enabled (not certain) adele.vance@contoso.com Blue key YubiKey 5 Series with NFC " + fixture.YubiKey,
		"Everybody enabled (not certain) alex.wilber@contoso.com =HYPERLINK(\"http://x\",\"y\") YubiKey 5 Series with NFC " + fixture.YubiKey,
		"Everybody enabled (not certain) alex.wilber@contoso.com 'quoted Microsoft Authenticator for iOS " + fixture.IOS,
		"Trial enabledForReportingButNotEnforced pradeep.gupta@contoso.com ok Microsoft Authenticator for Android " + fixture.Android,
	}
	got := pick(t, d, "strengths.csv", "conditional_access_policy", "policy_state", "user_principal_name", "passkey_name", "authenticator", "aaguid")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	figures := report.StrengthFigures{
		Findings: 5, People: 3, Passkeys: 4,
		PeopleEnforced: report.Tally{Yes: 1, Unknown: 1, Of: 3}, PasskeysEnforced: report.Tally{Yes: 1, Unknown: 2, Of: 4},
		Administrators: report.Tally{Yes: 1, Unknown: 1, Of: 3},
		Reasons:        []report.StrengthReason{{Text: `The members of group "Break glass" could not be read.`, Findings: 3}},
	}
	if diff := cmp.Diff(figures, d.Strengths); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	var remarks []int
	for _, r := range mustTable(t, d, report.TitleStrengths).Remarks {
		remarks = append(remarks, r.Row)
	}
	if diff := cmp.Diff([]int{1, 2, 3}, remarks); diff != "" {
		t.Errorf("remarks (-want +got):\n%s", diff)
	}
	in := fixture.Input(t.TempDir())
	in.Strengths = report.Strengths{}
	if diff := cmp.Diff(fixture.Build(t, in).Passkeys, d.Passkeys); diff != "" {
		t.Errorf("strengths change what breaks:\n%s", diff)
	}
}

// TestStrengthWords: why nothing was judged, or why there is nothing, and never
// that all is well where something is missing.
func TestStrengthWords(t *testing.T) {
	none := func(*audit.JudgedUser) []report.StrengthFinding { return nil }
	finding := func(u *audit.JudgedUser) []report.StrengthFinding {
		return []report.StrengthFinding{{PolicyState: "enabled", Scope: audit.Yes, User: u.User, Passkey: audit.Passkey{ID: "k"}}}
	}
	tests := []struct {
		name string
		in   report.Strengths
		part bool // of the report
		want []string
	}{
		{"not asked", report.Strengths{}, false, []string{"Authentication strengths were not judged: this report says nothing of them."}},
		{"refused", report.Strengths{Notes: []string{"Policy.Read.All is missing."}}, false,
			[]string{"Authentication strengths were not judged: this report says nothing of them.", "Policy.Read.All is missing."}},
		{"no list", report.Strengths{Of: none, Notes: []string{"No strength has a list of AAGUIDs."}}, false,
			[]string{"No passkey that the methods policy allows is refused by an authentication strength.", "No strength has a list of AAGUIDs."}},
		{"partial", report.Strengths{Of: none, Partial: true}, false,
			[]string{"No passkey was found that an authentication strength does not accept, but not everything that this depends on could be read."}},
		{"report incomplete", report.Strengths{Of: none}, true,
			[]string{"No passkey that was read is refused by an authentication strength, but the report is incomplete. 1 of 2 users could not be read: they may have passkeys that break."}},
		{"found, partial", report.Strengths{Of: finding, Partial: true, Certainty: []string{"Applications are not judged."}}, false, []string{
			"At least 1 passkey of 1 person is allowed by the methods policy, but not accepted by an authentication strength. These are not counted among the passkeys that break.",
			"Of these people, an enabled Conditional Access policy certainly covers: 1. Administrators among all of them: 0.",
			"Applications are not judged."}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := inputOf(t, judged("a@contoso.com", audit.No, audit.Yes, "aa"))
			if test.part {
				unread := judged("b@contoso.com", audit.No, audit.Yes)
				unread.Outcome = audit.OutcomeFailed
				in = inputOf(t, judged("a@contoso.com", audit.No, audit.Yes, "aa"), unread)
				in.Coverage.Read, in.Coverage.Unread, in.Coverage.WithoutPasskey = 1, 1, 0
			}
			in.Strengths = test.in
			d := fixture.Build(t, in)
			if diff := cmp.Diff(test.want, d.StrengthWords()); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
			s := d.Summary()
			if s.StrengthsRead != (test.in.Of != nil) || (s.Strengths.Found == nil) == s.StrengthsRead {
				t.Errorf("summary %+v", s.Strengths)
			}
			if table := mustTable(t, d, report.TitleStrengths); table.Count == 0 && !strings.HasPrefix(table.Empty, test.want[0]) {
				t.Errorf("the empty table says %q", table.Empty)
			}
		})
	}
}

func TestStrengthsFail(t *testing.T) {
	in := fixture.Input(t.TempDir())
	in.Strengths.Of = func(u *audit.JudgedUser) []report.StrengthFinding {
		return []report.StrengthFinding{{Policy: "P", Scope: audit.No, User: audit.User{ID: "u"}}}
	}
	want := `policy "P" leaves user u out`
	if _, err := report.Build(context.Background(), in); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestManyStrengths: memory does not grow with the findings, nor do the reasons
// and remarks.
func TestManyStrengths(t *testing.T) {
	const n = 200_000
	in := fixture.Empty(t.TempDir())
	in.Coverage = audit.Coverage{ListingComplete: true, Listed: n / 2, Read: n / 2, WithoutPasskey: n / 2}
	in.Users = func(yield func(*audit.JudgedUser, error) bool) {
		for i := range n / 2 {
			u := &audit.JudgedUser{Outcome: audit.OutcomeRead, User: audit.User{ID: fmt.Sprintf("user-%06d", i), UPN: fmt.Sprintf("person%06d@contoso.com", i)}}
			if !yield(u, nil) {
				return
			}
		}
	}
	findings := make([]report.StrengthFinding, 2)
	in.Strengths.Of = func(u *audit.JudgedUser) []report.StrengthFinding {
		for i := range findings {
			findings[i] = report.StrengthFinding{
				Strength: "S", Policy: "P", PolicyState: "enabled", User: u.User,
				Passkey: audit.Passkey{ID: fmt.Sprintf("%s-key-%d", u.ID, i), AAGUID: fixture.YubiKey},
				Why:     fmt.Sprintf("Group %s-%d could not be read.", u.ID, i),
			}
		}
		return findings
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	d := fixture.Build(t, in)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("%d findings keep %d bytes", n, grown)
	}
	f := d.Strengths
	if f.Findings != n || f.People != n/2 || f.Passkeys != n || f.PeopleEnforced.Unknown != n/2 {
		t.Errorf("got %+v", f)
	}
	if len(f.Reasons) > 51 || f.Reasons[0].Text != "Other reasons." {
		t.Errorf("%d reasons, first %+v", len(f.Reasons), f.Reasons[0])
	}
	if r := mustTable(t, d, report.TitleStrengths).Remarks; len(r) != 1000 {
		t.Errorf("%d remarks", len(r))
	}
}
