package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"passkey-audit/audit/graphsim"
	"passkey-audit/report"
)

// scanRecorded scans a tenant and keeps the paths that were asked for, those
// inside a $batch by the batch's own.
func scanRecorded(t *testing.T, o graphsim.Options, args ...string) (sim *graphsim.Server, paths map[string]int, dir string) {
	t.Helper()
	sim = simulate(o)
	rec := &recorder{next: sim.Transport()}
	dir = filepath.Join(t.TempDir(), "out")
	if r := scanProcess(t.Context(), rec, nil, append([]string{"--out", dir}, args...)...); r.status != exitDone {
		t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
	}
	paths = map[string]int{}
	for _, s := range rec.sent {
		_, rest, _ := strings.Cut(strings.TrimPrefix(s.path, "/"), "/")
		if s.users != nil {
			rest = "passkeys"
		}
		version, _, _ := strings.Cut(strings.TrimPrefix(s.path, "/"), "/")
		if rest != "passkeys" {
			rest = "other"
		}
		paths[version+" "+rest]++
	}
	return sim, paths, dir
}

// TestLastUsed reads the times of last use from beta, and only where asked to. A
// time that is not told stays empty.
func TestLastUsed(t *testing.T) {
	o := graphsim.Options{Users: 300, Seed: 7}
	_, plain, without := scanRecorded(t, o)
	sim, asked, with := scanRecorded(t, o, "--last-used")
	if plain["beta passkeys"] != 0 || plain["beta other"] != 0 || plain["v1.0 passkeys"] == 0 {
		t.Errorf("without the flag, requests: %v", plain)
	}
	if asked["beta passkeys"] == 0 || asked["v1.0 passkeys"] != 0 || asked["beta other"] != 0 || asked["v1.0 other"] == 0 {
		t.Errorf("with the flag, requests: %v", asked)
	}
	want := map[string]time.Time{}
	for i := range sim.Users() {
		for _, k := range sim.Passkeys(i) {
			want[sim.User(i).ID+k.ID] = k.LastUsedAt
		}
	}
	empty, filled := 0, 0
	a, b := passkeyRows(t, without), passkeyRows(t, with)
	if len(a) != len(b) || len(b) != len(want) {
		t.Fatalf("%d and %d passkeys, want %d", len(a), len(b), len(want))
	}
	for i := range b {
		if a[i]["last_used_at"] != "" {
			t.Errorf("without the flag: last used %s", a[i]["last_used_at"])
		}
		at := want[b[i]["user_id"]+b[i]["passkey_id"]]
		text := ""
		if !at.IsZero() {
			text = at.UTC().Truncate(time.Second).Format(time.RFC3339)
			filled++
		} else {
			empty++
		}
		if got := b[i]["last_used_at"]; got != text {
			t.Errorf("%s: last used %q, want %q", b[i]["passkey_id"], got, text)
		}
		delete(b[i], "last_used_at")
		delete(a[i], "last_used_at")
		for column, value := range a[i] {
			if b[i][column] != value {
				t.Errorf("%s: %s is %q with the flag, %q without", a[i]["passkey_id"], column, b[i][column], value)
			}
		}
	}
	if empty == 0 || filled == 0 {
		t.Errorf("%d times are told, %d are not: the test shows nothing", filled, empty)
	}
	if s := summaryOf(t, without); s.LastUse.Read || s.LastUse.Breaks != nil {
		t.Errorf("without the flag: %+v", s.LastUse)
	}
	s := summaryOf(t, with)
	if !s.LastUse.Read || s.LastUse.Breaks == nil || s.LastUse.UnusedSince == nil {
		t.Fatalf("with the flag: %+v", s.LastUse)
	}
	unused, known, unknown := 0, 0, 0
	for _, row := range table(t, with, report.FileBreaking) {
		if row["impact"] != "breaks" {
			continue
		}
		switch at, err := time.Parse(time.RFC3339, row["last_used_at"]); {
		case row["last_used_at"] == "":
			unknown++
		case err != nil:
			t.Error(err)
		case at.Before(*s.LastUse.UnusedSince):
			unused++
		default:
			known++
		}
	}
	if got := *s.LastUse.Breaks; got.Unused != unused || got.Used != known || got.NotKnown != unknown || unused+known == 0 {
		t.Errorf("of those that break, by breaking.csv %d unused, %d used, %d not known; summary %+v", unused, known, unknown, got)
	}
	// What was read is judged again without asking anew.
	_, again := evaluated(t, exitDone, with)
	sameTables(t, with, again)
}

// TestLastUsedResume refuses to go on with the other flag, so that no snapshot
// holds half of the times.
func TestLastUsedResume(t *testing.T) {
	for _, tt := range []struct{ begun, resumed []string }{
		{[]string{"--last-used"}, nil},
		{nil, []string{"--last-used"}},
	} {
		o := graphsim.Options{Users: 400, Seed: 6}
		o.Faults.Rules = ever(graphsim.OnBatch, 6, status(403))
		dir := filepath.Join(t.TempDir(), "out")
		if r := scanSimulated(t, simulate(o), nil, append([]string{"--out", dir}, tt.begun...)...); r.status != exitRefused {
			t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
		}
		o.Faults.Rules = nil
		before := digests(t, dir)
		r := scanSimulated(t, simulate(o), nil, append([]string{"--resume", dir}, tt.resumed...)...)
		want := "none of them"
		if tt.begun != nil {
			want = "--last-used"
		}
		if r.status != exitUsage || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "("+want+")") || digests(t, dir) != before {
			t.Errorf("begun with %v, resumed with %v: exit %d, stderr %s", tt.begun, tt.resumed, r.status, r.stderr)
		}
		if r := scanSimulated(t, simulate(o), nil, append([]string{"--resume", dir}, tt.begun...)...); r.status != exitDone {
			t.Fatalf("resumed as begun: exit %d; stderr:\n%s", r.status, r.stderr)
		}
		times := 0
		for _, row := range passkeyRows(t, dir) {
			if row["last_used_at"] != "" {
				times++
			}
		}
		if (times > 0) != (tt.begun != nil) {
			t.Errorf("begun with %v: %d times of last use", tt.begun, times)
		}
	}
}
