package collect_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"passkey-audit/audit"
	"passkey-audit/audit/collect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAllWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &tenant{users: 503, latency: 80 * time.Millisecond}
		r := newRig(t, src)
		var p collect.Progress
		r.opts.Progress = &p
		start := time.Now()
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantAll()
		for id, n := range src.read {
			if n != 1 {
				t.Errorf("%s was read %d times", id, n)
			}
		}
		// One request after the other takes 503 times the latency.
		if took, serial := time.Since(start), 503*src.latency; took > serial/8 {
			t.Errorf("took %v, and one after the other takes %v", took, serial)
		}
		if s := p.Stage(); s.Done != 503 || s.Listed != 503 || !s.ListingDone || s.Unread != 0 {
			t.Errorf("progress %+v", s)
		}
	})
}

// TestEachFailure lets one user fail in every way that there is, and checks the
// outcome: unknown is never none.
func TestEachFailure(t *testing.T) {
	always := func(status int, code string) func(string, int) error {
		return func(id string, _ int) error {
			if id == "u0006" {
				return &answerError{status: status, code: code}
			}
			return nil
		}
	}
	for _, tt := range []struct {
		name     string
		method   func(string, int) error
		gone     bool
		want     audit.Outcome
		what     string
		status   int
		attempts int
	}{
		{"refused", always(403, "accessDenied"), false, audit.OutcomeRefused, audit.WhatUser, 403, 1},
		{"broken for good", always(500, "UnknownError"), false, audit.OutcomeFailed, audit.WhatUser, 500, 8},
		{"never answered", always(0, "unanswered"), false, audit.OutcomeFailed, audit.WhatUser, 0, 8},
		{"not found, but there", always(404, "resourceNotFound"), false, audit.OutcomeFailed, audit.WhatUser, 404, 2},
		{"not found, and gone", nil, true, audit.OutcomeGone, audit.WhatUserGone, 404, 2},
		{"an error that says nothing of itself", func(id string, _ int) error {
			if id == "u0006" {
				return errPlain
			}
			return nil
		}, false, audit.OutcomeFailed, audit.WhatUser, 0, 1},
		{"unknown status", always(418, "teapot"), false, audit.OutcomeFailed, audit.WhatUser, 418, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &tenant{users: 100, latency: 10 * time.Millisecond, method: tt.method}
				if tt.gone {
					src.gone = map[string]bool{"u0006": true}
				}
				r := newRig(t, src)
				if err := r.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				p := r.picture()
				if got := p.Outcomes["u0006"]; got != tt.want {
					t.Errorf("outcome %q, want %q", got, tt.want)
				}
				if p.Coverage.Read != 99 || !p.Coverage.Balanced() || p.Coverage.Complete() != (tt.want == audit.OutcomeGone) {
					t.Errorf("coverage %+v", p.Coverage)
				}
				if len(p.Failures) != 1 {
					t.Fatalf("failures %+v, want one", p.Failures)
				}
				f := p.Failures[0]
				if f.What != tt.what || f.ID != "u0006" || f.UPN != "u0006@contoso.com" || f.Status != tt.status || f.Attempts != tt.attempts {
					t.Errorf("failure %+v, want %s, status %d, %d attempts", f, tt.what, tt.status, tt.attempts)
				}
			})
		})
	}
}

func TestPassingFailures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method func(string, int) error
		batch  func(int, []string) error
		page   func(int, string) error
	}{
		{name: "each item fails twice", method: func(_ string, n int) error {
			if n <= 2 {
				return &answerError{status: 503, code: "x"}
			}
			return nil
		}},
		{name: "an item throttled with Retry-After", method: func(id string, n int) error {
			if id == "u0042" && n <= 20 {
				return &answerError{status: 429, code: "TooManyRequests", retryAfter: 7 * time.Second, told: true}
			}
			return nil
		}},
		{name: "an item throttled without Retry-After", method: func(id string, n int) error {
			if id == "u0042" && n <= 20 {
				return &answerError{status: 429, code: "TooManyRequests"}
			}
			return nil
		}},
		{name: "whole batches fail", batch: func(n int, _ []string) error {
			if n%3 == 1 {
				return &answerError{status: 502, code: "BadGateway"}
			}
			return nil
		}},
		{name: "whole batches throttled", batch: func(n int, _ []string) error {
			if n < 12 {
				return &answerError{status: 429, code: "TooManyRequests", retryAfter: 120 * time.Second, told: true}
			}
			return nil
		}},
		{name: "a batch with this user in it is a bad request", batch: func(_ int, ids []string) error {
			if slices.Contains(ids, "u0042") && len(ids) > 1 {
				return &answerError{status: 400, code: "BadRequest"}
			}
			return nil
		}},
		{name: "pages fail", page: func(n int, _ string) error {
			if n%2 == 1 {
				return &answerError{status: 504, code: "GatewayTimeout"}
			}
			return nil
		}},
		{name: "page tokens expire", page: func(n int, link string) error {
			if link != "" && (n == 4 || n == 9) {
				return &answerError{status: 400, code: "Directory_ExpiredPageToken", broken: true}
			}
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, &tenant{users: 204, latency: 20 * time.Millisecond, method: tt.method, batch: tt.batch, page: tt.page})
				if err := r.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.wantAll()
			})
		})
	}
}

// TestHourOfThrottling checks that a refusal says later and not never.
func TestHourOfThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := newRig(t, &tenant{users: 120, latency: 20 * time.Millisecond, batch: func(int, []string) error {
			if time.Since(start) < time.Hour {
				return &answerError{status: 429, code: "TooManyRequests"}
			}
			return nil
		}})
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantAll()
		if took := time.Since(start); took > time.Hour+5*time.Minute {
			t.Errorf("took %v: want little more than the hour", took)
		}
		if r.src.batches > 300 {
			t.Errorf("%d requests in an hour of refusals: too many", r.src.batches)
		}
	})
}

func TestOneUserWhoHangsABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &tenant{users: 100, latency: 10 * time.Millisecond, batch: func(_ int, ids []string) error {
			if slices.Contains(ids, "u0042") {
				return &answerError{status: 0, code: "timeout"}
			}
			return nil
		}})
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := r.picture()
		if p.Coverage.Read != 99 || p.Coverage.Unread != 1 || p.Outcomes["u0042"] != audit.OutcomeFailed {
			t.Errorf("coverage %+v, u0042 %q: want all others read", p.Coverage, p.Outcomes["u0042"])
		}
	})
}

// TestLosingThePermission checks that a run stops, rather than mark a tenant
// unreadable, and that those refused stay pending.
func TestLosingThePermission(t *testing.T) {
	for _, tt := range []struct {
		name  string
		from  int // batches before it happens
		error *answerError
		whole bool
	}{
		{"never had", 0, &answerError{status: 403, code: "accessDenied"}, false},
		{"role lapses", 8, &answerError{status: 403, code: "accessDenied"}, false},
		{"token dies, items", 8, &answerError{status: 401, code: "InvalidAuthenticationToken"}, false},
		{"token dies, batches", 8, &answerError{status: 401, code: "InvalidAuthenticationToken"}, true},
		{"refused, batches", 8, &answerError{status: 403, code: "accessDenied"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &tenant{users: 400, latency: 10 * time.Millisecond}
				lapsed := func() bool { return src.batches > tt.from }
				if tt.whole {
					src.batch = func(n int, _ []string) error {
						if n > tt.from {
							return tt.error
						}
						return nil
					}
				} else {
					src.method = func(string, int) error {
						if lapsed() {
							return tt.error
						}
						return nil
					}
				}
				r := newRig(t, src)
				err := r.run(t.Context())
				var refused *collect.RefusedError
				if !errors.As(err, &refused) {
					t.Fatalf("run: %v, want a RefusedError", err)
				}
				if p := r.picture(); p.Coverage.Unread == 0 || p.Outcomes["u0399"] == audit.OutcomeRefused {
					t.Errorf("coverage %+v: want the rest pending", p.Coverage)
				} else {
					for id, o := range p.Outcomes {
						if o != audit.OutcomeRead && o != audit.OutcomePending {
							t.Errorf("%s is %q", id, o)
						}
					}
				}
				src.method, src.batch = nil, nil
				if err := r.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.wantAll()
			})
		})
	}
}

func TestEverybodyRefusedInASmallTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &tenant{users: 7, method: func(string, int) error { return &answerError{status: 403, code: "accessDenied"} }})
		err := r.run(t.Context())
		var refused *collect.RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("run: %v, want a RefusedError", err)
		}
	})
}

func TestPolicyRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &tenant{users: 7, policy: &answerError{status: 403, code: "accessDenied"}})
		err := r.run(t.Context())
		var refused *collect.RefusedError
		if !errors.As(err, &refused) || r.src.pages > 0 {
			t.Errorf("run: %v after %d pages, want a RefusedError and nothing read", err, r.src.pages)
		}
	})
}

// TestLinks follows links that lead in circles or nowhere.
func TestLinks(t *testing.T) {
	for _, tt := range []struct {
		name     string
		next     func(string) (string, bool)
		page     func(int, string) error
		complete bool
	}{
		{"repeats for ever", func(link string) (string, bool) { return "page-20", link == "page-20" }, nil, false},
		{"circle", func(link string) (string, bool) { return "page-10", link == "page-40" }, nil, false},
		{"foreign host for ever", nil, func(_ int, link string) error {
			if link == "page-30" {
				return &answerError{code: "foreignLink", status: 400, broken: true}
			}
			return nil
		}, false},
		{"fails for good", nil, func(_ int, link string) error {
			if link == "page-30" {
				return &answerError{status: 500, code: "x"}
			}
			return nil
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &tenant{users: 100, latency: time.Millisecond, next: tt.next, page: tt.page}
				r := newRig(t, src)
				if err := r.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				p := r.picture()
				if p.Coverage.ListingComplete || p.Coverage.Complete() || p.Coverage.OtherUnread != 1 {
					t.Errorf("coverage %+v, want an incomplete listing", p.Coverage)
				}
				if p.Coverage.Read != p.Coverage.Listed || p.Coverage.Listed < 20 {
					t.Errorf("coverage %+v: want all that were listed read", p.Coverage)
				}
				if len(p.Failures) != 1 || p.Failures[0].What != audit.WhatUsers || p.Failures[0].Code == "" {
					t.Errorf("failures %+v", p.Failures)
				}
				if src.pages > 60 {
					t.Errorf("%d pages read", src.pages)
				}
				src.next, src.page = nil, nil
				if err := r.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.wantAll()
			})
		})
	}
}

func TestScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &tenant{users: 40}
		r := newRig(t, src)
		r.opts.Scope.MembersOnly = true
		r.opts.Scope.Groups = []string{"g1"}
		r.opts.Scope.ExcludeUPN = []string{"U000?@*"}
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := r.picture()
		// The group has u0000 to u0014; u0000 to u0009 are excluded by name, and
		// u0010 is a guest.
		for i := range src.users {
			want := audit.OutcomeOutOfScope
			if i >= 11 && i <= 14 {
				want = audit.OutcomeRead
			}
			if got := p.Outcomes[userID(i)]; got != want {
				t.Errorf("%s is %q, want %q", userID(i), got, want)
			}
		}
		if !p.Coverage.Complete() {
			t.Errorf("coverage %+v, want complete", p.Coverage)
		}
	})
}

func TestScopeGroupUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &tenant{users: 40, group: func(string) error { return &answerError{status: 404, code: "Request_ResourceNotFound"} }}
		r := newRig(t, src)
		r.opts.Scope.Groups = []string{"g1"}
		if err := r.run(t.Context()); err == nil || src.pages > 0 {
			t.Errorf("run: %v after %d pages: want an error before anything is read", err, src.pages)
		}
	})
}

func TestPolicyGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &tenant{users: 40, group: func(id string) error {
			if id == "hidden" {
				return &answerError{status: 403, code: "Authorization_RequestDenied"}
			}
			return nil
		}}
		r := newRig(t, src)
		r.opts.PolicyGroups = func([]byte) ([]string, error) { return []string{"Hidden", "G1", "g1"}, nil }
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := r.picture()
		if len(p.MemberOf) != 15 {
			t.Errorf("%d users are members, want 15", len(p.MemberOf))
		}
		if len(p.Failures) != 1 || p.Failures[0].What != audit.WhatGroup || p.Failures[0].ID != "hidden" || p.Failures[0].Status != 403 {
			t.Errorf("failures %+v", p.Failures)
		}
		if p.Coverage.Complete() || p.Coverage.Read != 40 {
			t.Errorf("coverage %+v: want all read, and not complete", p.Coverage)
		}
	})
}

// TestStop checks both ways to end a run, and that it goes on afterwards.
func TestStop(t *testing.T) {
	for _, gentle := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			src := &tenant{users: 400, latency: 500 * time.Millisecond}
			r := newRig(t, src)
			ctx, cancel := context.WithCancel(t.Context())
			stop := make(chan struct{})
			r.opts.Stop = stop
			time.AfterFunc(5*time.Second+100*time.Millisecond, func() {
				if gentle {
					close(stop)
				} else {
					cancel()
				}
			})
			start := time.Now()
			if err := r.run(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("run: %v, want context.Canceled", err)
			}
			cancel()
			took := time.Since(start)
			before := r.picture()
			if before.Coverage.Read == 0 || before.Coverage.Read == src.users {
				t.Fatalf("coverage %+v: want a part read", before.Coverage)
			}
			if gentle && (len(src.read) != before.Coverage.Read || took < 5400*time.Millisecond) {
				t.Errorf("%d users were given and %d kept after %v: want what was under way kept", len(src.read), before.Coverage.Read, took)
			}
			if !gentle && took != 5*time.Second+100*time.Millisecond {
				t.Errorf("ended after %v, want at once", took)
			}
			r.opts.Stop = nil
			if err := r.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.wantAll()
		})
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"svc-*", "SVC-backup@contoso.com", true},
		{"svc-*", "xsvc-backup@contoso.com", false},
		{"*@fabrikam.com", "a@fabrikam.com", true},
		{"*@fabrikam.com", "a@fabrikam.com.evil", false},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXbY", false},
		{"?", "é", true},
		{"?", "", false},
		{"", "", true},
		{"**", "anything", true},
		{"[a]", "a", false},
	} {
		if got := collect.Glob(tt.pattern, tt.s); got != tt.want {
			t.Errorf("Glob(%q, %q) = %v, want %v", tt.pattern, tt.s, got, tt.want)
		}
	}
}

// TestOneUnauthorizedItem answers one 401 with one more try, since the source
// renews its token in between.
func TestOneUnauthorizedItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &tenant{users: 100, method: func(_ string, n int) error {
			if n == 1 {
				return &answerError{status: 401, code: "InvalidAuthenticationToken"}
			}
			return nil
		}})
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantAll()
	})
}
