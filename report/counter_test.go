package report_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// TestCounterCountsAlike: a proposal has the same figures whether it is the
// report's own or stands beside it, for any people; the live policy changes
// nothing, and keeps what is undecided.
func TestCounterCountsAlike(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		var users []*audit.JudgedUser
		for range rapid.IntRange(0, 12).Draw(t, "users") {
			keys := rapid.SliceOfN(rapid.StringMatching("[abu][abu]"), 0, 3).Draw(t, "keys")
			u := judged(rapid.StringMatching("[a-z]{3}").Draw(t, "upn"), audit.Ternary(rapid.IntRange(0, 2).Draw(t, "admin")), audit.Yes, keys...)
			u.Outcome = rapid.SampledFrom([]audit.Outcome{audit.OutcomeRead, audit.OutcomeFailed, audit.OutcomeGone}).Draw(t, "outcome")
			users = append(users, u)
		}
		p := report.Proposal{Name: "p", Assumes: 1 << 1, Notes: []string{"note"}}
		c := report.NewCounter(p)
		for _, u := range users {
			c.Add(u)
		}
		d, err := report.Build(context.Background(), report.Input{
			Source: report.Source{Users: fixture.Each(users), Proposal: p}, Alternatives: []*report.Counter{c}, TempDir: dir,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		list := d.Comparison()
		if len(list) != 3 || !list[0].Live {
			t.Fatalf("compared: %+v", list)
		}
		if diff := cmp.Diff(list[1], list[2]); diff != "" {
			t.Errorf("own and alternative differ (-own +alternative):\n%s", diff)
		}
		now := map[audit.Decision]int{}
		for _, u := range users {
			for _, k := range u.Passkeys {
				now[k.Current.Decision]++
			}
		}
		k := list[0].Passkeys
		if got := (map[audit.Decision]int{audit.Allowed: k.Unaffected, audit.Blocked: k.AlreadyBlocked, audit.Undecided: k.Undecided}); k.Breaks+k.Restored+list[0].Users.LosingLast > 0 ||
			got[audit.Allowed] != now[audit.Allowed] || got[audit.Blocked] != now[audit.Blocked] || got[audit.Undecided] != now[audit.Undecided] {
			t.Errorf("the live policy: got %+v, want %v", k, now)
		}
	})
}

// TestCounterMissed: a proposal that was not given everybody is no comparison.
func TestCounterMissed(t *testing.T) {
	for name, c := range map[string]*report.Counter{"nobody": report.NewCounter(report.Proposal{Name: "late"}), "nil": nil} {
		in := fixture.Input(t.TempDir())
		in.Alternatives = []*report.Counter{c}
		if d, err := report.Build(context.Background(), in); err == nil {
			t.Errorf("%s: no error; %+v", name, d.Proposals())
		}
	}
}

// TestCounterWhileReading: the figures of alternatives are those of the end of
// the users, not of the beginning.
func TestCounterWhileReading(t *testing.T) {
	in := inputOf(t, judged("a@contoso.com", audit.Yes, audit.Yes, "ab"), judged("b@contoso.com", audit.Unknown, audit.Yes, "au"))
	users, c := in.Users, report.NewCounter(report.Proposal{Name: "other"})
	in.Alternatives = []*report.Counter{c}
	in.Users = func(yield func(*audit.JudgedUser, error) bool) {
		for u, err := range users {
			c.Add(u)
			if !yield(u, err) {
				return
			}
		}
	}
	d := fixture.Build(t, in)
	got := d.Comparison()[2]
	want := report.Tally{Yes: 1, Unknown: 1, Of: 2}
	if got.Users.LosingLastAdmins != want || got.Passkeys.Breaks != 1 || got.Users.Breaking != 1 || got.Passkeys.Undecided != 1 {
		t.Errorf("got %+v", got)
	}
	if s := terminal(t, d); !strings.Contains(s, "  other "+strings.Repeat(" ", 22)) || !strings.Contains(s, "at least 1\n") {
		t.Errorf("terminal:\n%s", s)
	}
}

// TestAssumptionNumbers: each assumption has its number, and what lies behind
// the whole proposal is not said to lie behind none.
func TestAssumptionNumbers(t *testing.T) {
	in := fixture.Input(t.TempDir())
	d := fixture.Build(t, in)
	want := []string{
		"A body that leaves a property out keeps its live value (how the proposal is read: 14 verdicts hang on it)",
		"An excluded group that cannot be read may hold anybody (2 passkeys hang on it)",
	}
	if diff := cmp.Diff(want, d.AssumptionWords()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	in = fixture.Empty(t.TempDir())
	in.Proposal.Assumes = 1 << 1
	if diff := cmp.Diff([]string{"A body that leaves a property out keeps its live value (no passkey hangs on it)"}, fixture.Build(t, in).AssumptionWords()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLastUse: a passkey without a time is not known, never unused; the year is
// counted back from the scan.
func TestLastUse(t *testing.T) {
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	tests := []struct {
		name       string
		read       bool
		asOf       time.Time
		used       []time.Time // of one person's passkeys, which all break
		breaks     report.Tally
		losing     report.Tally
		firstWords string
	}{
		{"not asked for", false, time.Time{}, []time.Time{day("2020-01-01")}, report.Tally{}, report.Tally{}, ""},
		{"unused", true, time.Time{}, []time.Time{day("2025-08-01")}, report.Tally{Yes: 1, Of: 1}, report.Tally{Yes: 1, Of: 1},
			"Of 1 passkey that breaks, 1 was not used for a year or more and 0 were used since."},
		{"used", true, time.Time{}, []time.Time{day("2025-08-02")}, report.Tally{Of: 1}, report.Tally{Of: 1},
			"Of 1 passkey that breaks, 0 were not used for a year or more and 1 was used since."},
		{"asked of another day", true, day("2030-01-01"), []time.Time{day("2025-08-02")}, report.Tally{Yes: 1, Of: 1}, report.Tally{Yes: 1, Of: 1},
			"Of 1 passkey that breaks, 1 was not used for a year or more and 0 were used since."},
		{"not known", true, time.Time{}, []time.Time{{}}, report.Tally{Unknown: 1, Of: 1}, report.Tally{Unknown: 1, Of: 1},
			"When a passkey was used last is not known of the 1 passkey that breaks."},
		{"one of each", true, time.Time{}, []time.Time{{}, day("2025-01-01"), day("2026-07-01")}, report.Tally{Yes: 1, Unknown: 1, Of: 3}, report.Tally{Of: 1},
			"Of 3 passkeys that break, 1 was not used for a year or more and 1 was used since; of 1 that is not known."},
		{"unused and not known", true, time.Time{}, []time.Time{{}, day("2025-01-01")}, report.Tally{Yes: 1, Unknown: 1, Of: 2}, report.Tally{Unknown: 1, Of: 1},
			"Of 2 passkeys that break, 1 was not used for a year or more and 0 were used since; of 1 that is not known."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := judged("a@contoso.com", audit.No, audit.Yes, "ab", "ab", "ab")
			u.Passkeys = u.Passkeys[:len(test.used)]
			for i, at := range test.used {
				u.Passkeys[i].LastUsedAt = at
			}
			in := inputOf(t, u)
			in.LastUsedRead, in.AsOf = test.read, test.asOf
			d := fixture.Build(t, in)
			if d.Passkeys.BreaksUnused != test.breaks || d.Users.LosingLastUnused != test.losing {
				t.Errorf("got %+v and %+v", d.Passkeys.BreaksUnused, d.Users.LosingLastUnused)
			}
			if words := d.LastUseWords(); strings.Join(words[:min(len(words), 1)], "") != test.firstWords {
				t.Errorf("words %q", words)
			}
			s := d.Summary().LastUse
			if !test.read {
				if s.Read || s.Breaks != nil || s.LosingLast != nil {
					t.Errorf("summary %+v", s)
				}
				return
			}
			if b := s.Breaks; b.Unused+b.Used+b.NotKnown != d.Passkeys.Breaks || b.Unused != test.breaks.Yes || b.NotKnown != test.breaks.Unknown {
				t.Errorf("summary %+v", b)
			}
		})
	}
	in := inputOf(t, judged("a@contoso.com", audit.No, audit.Yes, "ab"))
	in.LastUsedRead, in.Finished = true, time.Time{}
	if s := fixture.Build(t, in).Summary().LastUse; s.Breaks.NotKnown != 1 || s.LosingLast.NotKnown != 1 || s.UnusedSince != nil {
		t.Errorf("without a time to look back from: %+v %+v", s.Breaks, s.LosingLast)
	}
}
