package collect_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/collect"
	"passkey-audit/audit/snapshot"
)

// honest is a registration report that knows every passkey. Every tenth user
// is an administrator, and every thirteenth is not listed yet.
func honest(i int) (audit.Registration, bool) {
	r := audit.Registration{Admin: audit.TernaryOf(i%10 == 0), Methods: []string{"mobilePhone"}, UpdatedAt: time.Date(2026, 10, 1+i%20, 0, 0, 0, 0, time.UTC)}
	for range keysOf(userID(i)) {
		r.Methods = append(r.Methods, "passKeySynced")
	}
	return r, i%13 != 12
}

func everyNinth(i int) bool { return i%9 == 4 }

// reports reads how far the reports of the snapshot have come.
func (r *rig) reports() map[string]snapshot.Report {
	r.t.Helper()
	rd, err := snapshot.OpenReader(context.Background(), r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rd.Close()
	list, err := rd.Reports(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]snapshot.Report{}
	for _, rep := range list {
		out[rep.Name] = rep
	}
	return out
}

// wantAdmins checks what is known of administrators. A report that is not read
// whole names those who are, and leaves open who is not.
func (r *rig) wantAdmins(whole bool) {
	r.t.Helper()
	p := r.picture()
	for i := range r.src.users {
		row, listed := r.src.row(i)
		want := row.Admin
		if !listed || r.src.disabled != nil && r.src.disabled(i) || !whole && want == audit.No {
			want = audit.Unknown
		}
		if got := p.Admins[userID(i)]; got != want {
			r.t.Errorf("%s: administrator %q, want %q", userID(i), got, want)
		}
	}
}

func TestAdministrators(t *testing.T) {
	for _, tt := range []struct {
		name  string
		users int
		whole bool
	}{
		{"short report", 48, true},
		{"report of just the pages that are waited for", 50, true},
		{"long report", 503, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, &tenant{users: tt.users, latency: 80 * time.Millisecond, row: honest, disabled: everyNinth})
				start := time.Now()
				if err := r.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				// Five pages come at once, the sixth request after two seconds.
				if took := time.Since(start); took > 6*time.Second {
					t.Errorf("took %v: the report held the run up", took)
				}
				r.wantAll()
				r.wantAdmins(tt.whole)
				if at := r.reports()[snapshot.ReportEverybody]; (at.State == snapshot.ReportRead) != tt.whole || at.Users == 0 {
					t.Errorf("report %+v", at)
				}
				for id, n := range r.src.read {
					if n != 1 {
						t.Errorf("%s was read %d times", id, n)
					}
				}
			})
		})
	}
}

// TestReportUnreadable checks that the report is optional: whatever becomes of
// it costs only what it would have told.
func TestReportUnreadable(t *testing.T) {
	always := func(e *answerError) func(int, string) error { return func(int, string) error { return e } }
	for _, tt := range []struct {
		name  string
		row   func(int) (audit.Registration, bool)
		page  func(int, string) error
		next  func(string) (string, bool)
		state snapshot.ReportState
	}{
		{"no licence", nil, nil, nil, snapshot.ReportUnlicensed},
		{"refused", honest, always(&answerError{status: 403, code: "Authorization_RequestDenied"}), nil, snapshot.ReportRefused},
		{"not offered", honest, always(&answerError{status: 404, code: "ResourceNotFound"}), nil, snapshot.ReportFailed},
		{"broken", honest, always(&answerError{status: 500, code: "UnknownError"}), nil, snapshot.ReportFailed},
		{"link repeats", honest, nil, func(link string) (string, bool) { return "report-20", link == "report-20" }, snapshot.ReportFailed},
		{"links expire for ever", honest, func(_ int, link string) error {
			if link == "report-30" {
				return &answerError{status: 400, code: "Directory_ExpiredPageToken", broken: true}
			}
			return nil
		}, nil, snapshot.ReportFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, &tenant{users: 203, latency: 20 * time.Millisecond, row: tt.row, reportPage: tt.page, reportNext: tt.next})
				var told []string
				r.opts.Notice = func(s string) { told = append(told, s) }
				if err := r.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.wantAll()
				at := r.reports()[snapshot.ReportEverybody]
				if at.State != tt.state || at.Failure.Code == "" {
					t.Errorf("report %+v, want it %s", at, tt.state)
				}
				if len(told) > 0 {
					t.Errorf("told %q, and nothing departs from what was asked", told)
				}
				if r.src.reports > 60 {
					t.Errorf("%d requests for the report", r.src.reports)
				}
			})
		})
	}
}

// TestThrottledReport lets the report's quota be closed for an hour: passkeys
// are none the slower.
func TestThrottledReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &tenant{users: 1000, latency: 80 * time.Millisecond, row: honest, reportPage: func(n int, link string) error {
			if link == "report-60" {
				return &answerError{status: 429, code: "UnknownError", retryAfter: time.Hour, told: true}
			}
			return nil
		}})
		start := time.Now()
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantAll()
		r.wantAdmins(false)
		// A hundred pages of users, one after the other, take eight seconds alone.
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// TestThrottledFromTheStart closes the report's quota at once: the passkeys do
// not wait, and the end of the run does.
func TestThrottledFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var read time.Duration
		src := &tenant{users: 40, latency: 80 * time.Millisecond, row: honest, reportPage: func(n int, link string) error {
			if n == 1 {
				return &answerError{status: 429, code: "UnknownError", retryAfter: 10 * time.Minute, told: true}
			}
			return nil
		}}
		src.method = func(string, int) error { read = time.Since(start); return nil }
		r := newRig(t, src)
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantAll()
		r.wantAdmins(true)
		if took := time.Since(start); read > 5*time.Second || took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("the last passkeys came after %v, the end after %v", read, took)
		}
	})
}

// TestLikelyFirst checks the order, and that nobody is read twice by it.
func TestLikelyFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The report comes in one page, while the first users are read.
		src := &tenant{users: 6000, latency: 200 * time.Millisecond, quickList: true, reportSize: 6000, row: func(i int) (audit.Registration, bool) {
			r := audit.Registration{}
			if i >= 5000 {
				r.Methods = []string{"fido2"}
			}
			return r, true
		}}
		r := newRig(t, src)
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantAll()
		last := 0
		for n, id := range src.order {
			if src.read[id] != 1 && id < userID(5000) {
				t.Errorf("%s was read %d times", id, src.read[id])
			}
			if id >= userID(5000) && !slices.Contains(src.order[:n], id) {
				last = n
			}
		}
		// What was read ahead before the report came goes first.
		if last < 1000 || last > 3500 {
			t.Errorf("the last of 1,000 likely holders was read in place %d of 6,000, want it before others", last)
		}
	})
}

// TestDoubt reads users again whom the report calls holders and who seem to
// hold nothing, and nobody else.
func TestDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &tenant{users: 40, latency: 10 * time.Millisecond,
			hide: func(id string, attempt int) bool { return id == "u0006" && attempt == 1 },
			row: func(i int) (audit.Registration, bool) {
				r, listed := honest(i)
				if i == 7 { // the report has not heard of the end of this one
					r.Methods = []string{"fido2SecurityKey"}
				}
				return r, listed
			}}
		r := newRig(t, src)
		var p collect.Progress
		r.opts.Progress = &p
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantAll()
		for i := range src.users {
			want := 1
			if i == 6 || i == 7 {
				want = 2
			}
			if got := src.read[userID(i)]; got != want {
				t.Errorf("%s was read %d times, want %d", userID(i), got, want)
			}
		}
		if s := p.Stage(); s.Done != 40 || s.Unread != 0 || s.Registrations == 0 {
			t.Errorf("progress %+v", s)
		}
	})
}

// wantRegistered checks that everybody was read but enabled users of whom the
// report says that they hold no passkey.
func (r *rig) wantRegistered() {
	r.t.Helper()
	p := r.picture()
	left := 0
	for i := range r.src.users {
		row, listed := r.src.row(i)
		want := audit.OutcomeRead
		if listed && !audit.NamesPasskey(row.Methods) && !r.src.disabled(i) {
			want = audit.OutcomeOutOfScope
			left++
		}
		id := userID(i)
		if got := p.Outcomes[id]; got != want {
			r.t.Errorf("%s is %q, want %q", id, got, want)
		}
		if got, keys := p.Passkeys[id], len(keysOf(id)); want == audit.OutcomeRead && got != keys {
			r.t.Errorf("%s: %d passkeys, want %d", id, got, keys)
		}
	}
	if !p.Coverage.Complete() || p.Coverage.OutOfScope != left || p.Coverage.Read != r.src.users-left || left == 0 || left == r.src.users {
		r.t.Errorf("coverage %+v, want %d left out", p.Coverage, left)
	}
	at := r.reports()[snapshot.ReportEverybody]
	if at.State != snapshot.ReportRead || at.LeftOut != left {
		r.t.Errorf("report %+v, want it read and %d users left out", at, left)
	}
	r.wantAdmins(true)
}

func TestRegistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &tenant{users: 503, latency: 20 * time.Millisecond, row: honest, disabled: everyNinth, reportSize: 40}
		r := newRig(t, src)
		r.opts.Scope.Users = snapshot.UsersRegistered
		var p collect.Progress
		r.opts.Progress = &p
		src.method = func(string, int) error {
			if p.Stage().Waiting || src.reports < 13 {
				t.Errorf("passkeys were asked for after %d pages of the report", src.reports)
			}
			return nil
		}
		start := time.Now()
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantRegistered()
		// 13 requests: five at once, and one every two seconds.
		if took := time.Since(start); took < 14*time.Second || took > 20*time.Second {
			t.Errorf("took %v", took)
		}
		if s := p.Stage(); s.Done != 503 || s.OutOfScope == 0 || s.Waiting {
			t.Errorf("progress %+v", s)
		}
	})
}

func TestRegisteredWithOtherScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &tenant{users: 200, row: honest, disabled: everyNinth, reportSize: 50}
		r := newRig(t, src)
		r.opts.Scope.Users, r.opts.Scope.EnabledOnly = snapshot.UsersRegistered, true
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := r.picture()
		for i := range src.users {
			row, listed := honest(i)
			want := audit.OutcomeRead
			if everyNinth(i) || listed && !audit.NamesPasskey(row.Methods) {
				want = audit.OutcomeOutOfScope
			}
			if got := p.Outcomes[userID(i)]; got != want {
				t.Errorf("%s is %q, want %q", userID(i), got, want)
			}
		}
		if at := r.reports()[snapshot.ReportEverybody]; at.LeftOut >= p.Coverage.OutOfScope {
			t.Errorf("%d left out on the report's word of %d out of scope: disabled accounts are among them", at.LeftOut, p.Coverage.OutOfScope)
		}
	})
}

// TestRegisteredWithoutReport answers a missing licence, and a report that
// fails, by reading everybody, and a missing permission by stopping.
func TestRegisteredWithoutReport(t *testing.T) {
	for _, tt := range []struct {
		name    string
		row     func(int) (audit.Registration, bool)
		page    error
		refused bool
		says    string
	}{
		{"no licence", nil, nil, false, "P1"},
		{"broken", honest, &answerError{status: 500, code: "UnknownError"}, false, "UnknownError"},
		{"no permission", honest, &answerError{status: 403, code: "Authorization_RequestDenied"}, true, "AuditLog.Read.All"},
		{"token dies", honest, &answerError{status: 401, code: "InvalidAuthenticationToken"}, true, "registration report"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &tenant{users: 120, latency: 10 * time.Millisecond, row: tt.row, disabled: everyNinth}
				if tt.page != nil {
					src.reportPage = func(int, string) error { return tt.page }
				}
				r := newRig(t, src)
				r.opts.Scope.Users = snapshot.UsersRegistered
				var told []string
				r.opts.Notice = func(s string) { told = append(told, s) }
				err := r.run(t.Context())
				var refused *collect.RefusedError
				if errors.As(err, &refused) != tt.refused || !tt.refused && err != nil {
					t.Fatalf("run: %v, want a refusal: %v", err, tt.refused)
				}
				if tt.refused {
					if !strings.Contains(err.Error(), tt.says) || src.batches > 0 || len(told) > 0 {
						t.Errorf("run: %v after %d batches, told %q", err, src.batches, told)
					}
					// With the permission, the scan goes on.
					src.reportPage = nil
					if err := r.run(t.Context()); err != nil {
						t.Fatal(err)
					}
					r.wantRegistered()
					return
				}
				r.wantAll()
				if len(told) != 1 || !strings.Contains(told[0], tt.says) || strings.Contains(told[0], "\n") {
					t.Errorf("told %q, want one line with %q", told, tt.says)
				}
			})
		})
	}
}

// TestRegisteredInterrupted stops a run at many instants, gently and at once,
// and lets links expire in between: in the end nothing differs.
func TestRegisteredInterrupted(t *testing.T) {
	for seed := range uint64(16) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		mode := []string{snapshot.UsersAll, snapshot.UsersRegistered}[seed%2]
		gentle := rnd.IntN(2) == 0
		expired := rnd.IntN(12)
		stops := make([]int, 1+rnd.IntN(4))
		for i := range stops {
			stops[i] = 1 + rnd.IntN(12_000)
		}
		synctest.Test(t, func(t *testing.T) {
			src := &tenant{users: 130, latency: 150 * time.Millisecond, row: honest, disabled: everyNinth, reportSize: 13}
			src.reportPage = func(n int, link string) error {
				if n == expired && link != "" {
					return &answerError{status: 400, code: "Directory_ExpiredPageToken", broken: true}
				}
				return nil
			}
			r := newRig(t, src)
			r.opts.Scope.Users = mode
			for _, ms := range stops {
				ctx, cancel := context.WithCancel(t.Context())
				stop := make(chan struct{})
				r.opts.Stop = stop
				timer := time.AfterFunc(time.Duration(ms)*time.Millisecond, func() {
					if gentle {
						close(stop)
					} else {
						cancel()
					}
				})
				err := r.run(ctx)
				timer.Stop()
				cancel()
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
			}
			r.opts.Stop = nil
			if err := r.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if mode == snapshot.UsersRegistered {
				r.wantRegistered()
			} else {
				r.wantAll()
				r.wantAdmins(false)
			}
			if t.Failed() {
				t.Logf("seed %d: %s, stopped after %v ms, gently %v, expired %d", seed, mode, stops, gentle, expired)
			}
		})
	}
}

// TestResumeGoesOnWithTheReport checks that pages that were read are not read
// again.
func TestResumeGoesOnWithTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var links []string
		src := &tenant{users: 300, latency: 10 * time.Millisecond, row: honest, disabled: everyNinth, reportSize: 30,
			reportPage: func(_ int, link string) error { links = append(links, link); return nil }}
		r := newRig(t, src)
		r.opts.Scope.Users = snapshot.UsersRegistered
		stop := make(chan struct{})
		r.opts.Stop = stop
		time.AfterFunc(5*time.Second, func() { close(stop) })
		if err := r.run(t.Context()); !errors.Is(err, context.Canceled) || src.batches > 0 {
			t.Fatalf("run: %v after %d batches, want it stopped before passkeys are read", err, src.batches)
		}
		before := slices.Clone(links)
		r.opts.Stop = nil
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantRegistered()
		if d := cmp.Diff(10, len(links)); d != "" || len(before) < 5 {
			t.Errorf("%d pages before the stop and %d in all, want 10: %q", len(before), len(links), links)
		}
	})
}
