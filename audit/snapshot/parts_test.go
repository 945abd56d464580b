package snapshot

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"passkey-audit/audit"
)

// many makes a snapshot of n users with none, one or two passkeys, whose names
// come in no order and share their letters.
func many(t *testing.T, n int) (*Reader, []Record) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "snapshot.db")
	s, err := Create(ctx, path, Meta{Tenant: audit.Tenant{ID: "84841066-274d-4ec0-a5c1-276be684bdd3"}, StartedAt: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)})
	must(err)
	var users []ListedUser
	var results []Result
	var want []Record
	for i := range n {
		roll := uint32(i) * 2654435761
		u := audit.User{ID: fmt.Sprintf("%08x", roll), UPN: fmt.Sprintf("User%d:%d@contoso.com", roll%97, roll%1009), DisplayName: []string{"7:x\x00Ünïcode", "\x1f", "a\x1fb\x1f", ""}[i*i%17%4] + fmt.Sprint(i), Type: "Member", Enabled: audit.Ternary(i % 3)}
		rec := Record{User: u, Outcome: audit.OutcomeRead}
		for k := range i % 3 {
			rec.Passkeys = append(rec.Passkeys, audit.Passkey{
				ID: fmt.Sprintf("k%d-%d", i, k), Name: []string{"my key", "\x1f", "12:\x00"}[roll%31%3], AAGUID: fmt.Sprintf([]string{"AA%d", "aa%d"}[k], roll%5), Model: "12:", Type: audit.Synced, Attestation: audit.NotAttested,
				CreatedAt: time.Date(2026, 1, 1, 0, 0, int(roll%1000), 0, time.UTC),
			})
		}
		users = append(users, ListedUser{User: u, Outcome: audit.OutcomePending})
		results = append(results, Result{Seq: int64(i) + 1, Outcome: rec.Outcome, Passkeys: slices.Clone(rec.Passkeys)})
		rec.TenantID = "84841066-274d-4ec0-a5c1-276be684bdd3"
		want = append(want, rec)
	}
	_, err = s.AddPages(ctx, users, 1, "")
	must(err)
	must(s.Record(ctx, results))
	must(s.Seal(ctx, time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)))
	r, err := OpenReader(ctx, path)
	must(err)
	t.Cleanup(func() { _ = r.Close() })
	slices.SortFunc(want, func(a, b Record) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.UPN), strings.ToLower(b.UPN)), strings.Compare(a.ID, b.ID))
	})
	return r, want
}

func cloned(rec *Record) Record {
	out := *rec
	out.Passkeys, out.MemberOf = slices.Clone(rec.Passkeys), nil
	if len(out.Passkeys) == 0 {
		out.Passkeys = nil
	}
	return out
}

func TestPartsInOrder(t *testing.T) {
	const n = 3000
	r, want := many(t, n)
	tests := []struct {
		name  string
		parts []part
		room  int
	}{
		{"one", []part{{1, n}}, arenaSize},
		{"two", []part{{1, 1500}, {1501, n}}, arenaSize},
		{"unequal, one of them empty", []part{{1, 10}, {11, 10}, {11, 2600}, {2601, n}}, arenaSize},
		{"in runs", []part{{1, n}}, 50_000},
		{"two in runs", []part{{1, 2000}, {2001, n}}, 20_000},
		{"a run for each", []part{{1, n}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []Record
			if err := r.inOrder(t.Context(), tt.parts, tt.room, func(rec *Record) bool {
				got = append(got, cloned(rec))
				return true
			}); err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPartsEndEarly(t *testing.T) {
	r, _ := many(t, 3000)
	parts := []part{{1, 1500}, {1501, 3000}}
	leak := goleak.IgnoreCurrent()
	t.Run("nobody wants more", func(t *testing.T) {
		n := 0
		if err := r.inOrder(t.Context(), parts, 50_000, func(*Record) bool { n++; return n < 700 }); err != nil || n != 700 {
			t.Errorf("%d users, %v; want 700 and no error", n, err)
		}
	})
	t.Run("the context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		err := r.inOrder(ctx, parts, 50_000, func(*Record) bool {
			if n++; n == 700 {
				cancel()
			}
			return true
		})
		if !errors.Is(err, context.Canceled) || n == 3000 {
			t.Errorf("%d users, %v; want fewer and %v", n, err, context.Canceled)
		}
	})
	t.Run("no room for what does not fit", func(t *testing.T) {
		s := newSorter(t.TempDir(), 100)
		if err := s.add([]byte("key"), []byte("id"), bytes.Repeat([]byte("x"), 100), nil); err != nil {
			t.Fatal(err)
		}
		if err := s.spill(); err != nil {
			t.Fatal(err)
		}
		if err := s.file.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.add([]byte("key2"), []byte("id"), bytes.Repeat([]byte("x"), 100), nil); err != nil {
			t.Fatal(err)
		}
		if err := s.add([]byte("key3"), []byte("id"), nil, nil); !errors.Is(err, os.ErrClosed) {
			t.Errorf("got %v", err)
		}
		s.close()
	})
	t.Run("a run is damaged", func(t *testing.T) {
		for _, size := range []int64{0, 1, 2, 30, 149} {
			s := newSorter(t.TempDir(), 1000)
			for _, id := range []string{"a", "b"} {
				if err := s.add([]byte("key"), []byte(id), bytes.Repeat([]byte("x"), 70), nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.spill(); err != nil {
				t.Fatal(err)
			}
			if err := s.file.Truncate(size); err != nil {
				t.Fatal(err)
			}
			n := 0
			if err := inOrder(t.Context(), []*sorter{s}, func(_, _ []byte) bool { n++; return true }); err == nil || n > 1 {
				t.Errorf("%d bytes left: %d users and error %v", size, n, err)
			}
			s.close()
		}
	})
	if err := goleak.Find(leak, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener")); err != nil {
		t.Error(err)
	}
}

func TestAAGUIDsOfParts(t *testing.T) {
	r, want := many(t, 3*partLeast)
	parts, err := r.parts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := min(3, runtime.GOMAXPROCS(0)); len(parts) != n {
		t.Errorf("%d parts, want %d", len(parts), n)
	}
	sum := map[string]Use{}
	for _, rec := range want {
		seen := map[string]bool{}
		for _, k := range rec.Passkeys {
			u := sum[strings.ToLower(k.AAGUID)]
			u.AAGUID = strings.ToLower(k.AAGUID)
			u.Passkeys++
			if !seen[u.AAGUID] {
				seen[u.AAGUID] = true
				u.Users++
			}
			sum[u.AAGUID] = u
		}
	}
	uses, err := r.AAGUIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Use{}
	for _, u := range uses {
		got[u.AAGUID] = u
	}
	if diff := gocmp.Diff(sum, got); diff != "" || !slices.IsSortedFunc(uses, func(a, b Use) int { return strings.Compare(a.AAGUID, b.AAGUID) }) {
		t.Errorf("AAGUIDs in order %v (-want +got):\n%s", uses, diff)
	}
}

func TestPacked(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
		bad      bool
	}{
		{"nothing", "", nil, false},
		{"values", "1:a0:3:b:c", []string{"a", "", "b:c"}, false},
		{"too long", "1:a5:b", []string{"a"}, true},
		{"no number", "x", nil, true},
		{"no colon", "1", nil, true},
		{"no length", ":a", nil, true},
		{"a number beyond all bounds", "99999999999999999999999:a", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := packed{rest: tt.in}
			var got []string
			for p.more() {
				if s := p.text(); !p.bad {
					got = append(got, s)
				}
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" || p.bad != tt.bad {
				t.Errorf("bad %v, want %v (-want +got):\n%s", p.bad, tt.bad, diff)
			}
		})
	}
}

// TestNothingLeft: no file stays of sorting, wherever it ended.
func TestNothingLeft(t *testing.T) {
	r, _ := many(t, 3000)
	before, err := os.ReadDir(r.folder())
	if err != nil {
		t.Fatal(err)
	}
	for _, most := range []int{1, 3001} {
		n := 0
		if err := r.inOrder(t.Context(), []part{{1, 3000}}, 10_000, func(*Record) bool { n++; return n < most }); err != nil {
			t.Fatal(err)
		}
	}
	after, err := os.ReadDir(r.folder())
	if err != nil || len(after) != len(before) {
		t.Errorf("files %v, before %v; %v", after, before, err)
	}
}
