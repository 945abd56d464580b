package pace_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"passkey-audit/audit/pace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// refusal is an error of a service.
type refusal struct {
	throttled, temporary bool
	after                time.Duration
	told                 bool
}

func (refusal) Error() string                       { return "refused" }
func (r refusal) Throttled() bool                   { return r.throttled }
func (r refusal) Temporary() bool                   { return r.temporary }
func (r refusal) RetryAfter() (time.Duration, bool) { return r.after, r.told }
func half() float64                                 { return 0.5 }
func acquire(t *testing.T, s *pace.Scheduler, b pace.Bucket, want int) pace.Grant {
	t.Helper()
	g, err := s.Acquire(t.Context(), b, want)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestReportOf(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want pace.Report
	}{
		{"answered", nil, pace.Report{OK: 3}},
		{"throttled", refusal{throttled: true, after: time.Second, told: true}, pace.Report{Throttled: 3, RetryAfter: time.Second, HasRetryAfter: true}},
		{"throttled without a word", refusal{throttled: true}, pace.Report{Throttled: 3}},
		{"broken in passing", refusal{temporary: true}, pace.Report{Failed: 3}},
		{"refused for good", refusal{}, pace.Report{OK: 3}},
		{"cancelled", context.Canceled, pace.Report{}},
	} {
		if got := pace.ReportOf(3, tt.err); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestBucketsWaitForThemselves pauses one bucket and uses another.
func TestBucketsWaitForThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pace.New(pace.Options{Jitter: half})
		start := time.Now()
		acquire(t, s, "reports", 1).Done(pace.Report{Throttled: 1, RetryAfter: 10 * time.Minute, HasRetryAfter: true})
		for range 100 {
			acquire(t, s, "directory", 20).Done(pace.Report{OK: 20})
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("the other bucket waited %v", d)
		}
		acquire(t, s, "reports", 1).Done(pace.Report{OK: 1})
		if d := time.Since(start); d != 10*time.Minute {
			t.Errorf("the refused bucket waited %v, want 10 minutes", d)
		}
		if st := s.Status("reports"); st.Stopped != 10*time.Minute || st.Totals != (pace.Totals{OK: 1, Throttled: 1}) {
			t.Errorf("status %+v", st)
		}
	})
}

// TestRefusalPausesEverybody refuses one of many requests in flight.
func TestRefusalPausesEverybody(t *testing.T) {
	for _, tt := range []struct {
		name   string
		report pace.Report
		want   time.Duration
	}{
		{"told", pace.Report{Throttled: 1, RetryAfter: 7 * time.Second, HasRetryAfter: true}, 7 * time.Second},
		{"told nothing", pace.Report{Throttled: 1}, 500 * time.Millisecond},
		{"told at once", pace.Report{Throttled: 1, HasRetryAfter: true}, 0},
		{"one item of a batch", pace.Report{OK: 19, Throttled: 1, RetryAfter: 3 * time.Second, HasRetryAfter: true}, 3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := pace.New(pace.Options{Jitter: half})
				a, b := acquire(t, s, "b", 20), acquire(t, s, "b", 20)
				start := time.Now()
				a.Done(tt.report)
				b.Done(pace.Report{OK: 20})
				acquire(t, s, "b", 20).Done(pace.Report{OK: 20})
				if d := time.Since(start); d != tt.want {
					t.Errorf("waited %v, want %v", d, tt.want)
				}
			})
		})
	}
}

// TestLongerPauseCounts keeps to the latest of several Retry-After.
func TestLongerPauseCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pace.New(pace.Options{Jitter: half})
		a, b := acquire(t, s, "b", 1), acquire(t, s, "b", 1)
		start := time.Now()
		a.Done(pace.Report{Throttled: 1, RetryAfter: time.Minute, HasRetryAfter: true})
		b.Done(pace.Report{Throttled: 1, RetryAfter: time.Second, HasRetryAfter: true})
		acquire(t, s, "b", 1)
		if d := time.Since(start); d != time.Minute {
			t.Errorf("waited %v, want the longer minute", d)
		}
		if st := s.Status("b"); st.Stopped != time.Minute {
			t.Errorf("stopped for %v in all, want a minute", st.Stopped)
		}
	})
}

func TestWaitHearsCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pace.New(pace.Options{Jitter: half})
		acquire(t, s, "b", 1).Done(pace.Report{Throttled: 1, RetryAfter: time.Hour, HasRetryAfter: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := s.Acquire(ctx, "b", 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Acquire: %v after %v", err, time.Since(start))
		}
		var try pace.Try
		err := s.Do(ctx, "b", &try, func(context.Context) (pace.Report, error) { t.Error("sent in a pause"); return pace.Report{}, nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do: %v", err)
		}
	})
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pace.New(pace.Options{Limits: pace.Limits{MaxPerSecond: 10}, Buckets: map[pace.Bucket]pace.Limits{"reports": {KnownRate: 0.5}}})
		sv := service{manner: manner{latency: time.Millisecond}}
		if took := drive(s, &sv, 1000); took < 89*time.Second || took > 105*time.Second {
			t.Errorf("1,000 reads at no more than 10 a second took %v", took)
		}
		start := time.Now()
		for range 51 {
			acquire(t, s, "reports", 20).Done(pace.Report{OK: 1})
		}
		if took := time.Since(start); took > 100*time.Second || took < 60*time.Second {
			t.Errorf("51 reads of a quota that is known took %v", took)
		}
		one := pace.New(pace.Options{Limits: pace.Limits{MaxInFlight: 1}})
		g := acquire(t, one, "b", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := one.Acquire(ctx, "b", 1); err == nil {
			t.Error("two requests in flight, where one is the most")
		}
		g.Done(pace.Report{OK: 1})
		acquire(t, one, "b", 1)
	})
}

func TestBudget(t *testing.T) {
	for _, tt := range []struct {
		name     string
		budget   pace.Budget
		err      error
		attempts int
		atLeast  time.Duration
		atMost   time.Duration
	}{
		{"fails for good", pace.Budget{}, refusal{}, 1, 0, 0},
		{"fails in passing", pace.Budget{}, refusal{temporary: true}, 8, 10 * time.Second, 20 * time.Second},
		{"three attempts", pace.Budget{Attempts: 3}, refusal{temporary: true}, 3, 300 * time.Millisecond, time.Second},
		{"throttled for as long as it takes, within a time", pace.Budget{Elapsed: time.Hour}, refusal{throttled: true, after: time.Minute, told: true}, 61, 59 * time.Minute, time.Hour},
		{"throttled without a word, within a time", pace.Budget{Elapsed: time.Hour}, refusal{throttled: true}, 126, 59 * time.Minute, 61 * time.Minute},
		{"an error that says nothing", pace.Budget{}, errors.New("plain"), 1, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := pace.New(pace.Options{Budget: tt.budget, Jitter: half})
				start := time.Now()
				var try pace.Try
				err := s.Do(t.Context(), "b", &try, func(context.Context) (pace.Report, error) { return pace.Report{}, tt.err })
				if !errors.Is(err, tt.err) {
					t.Errorf("Do: %v", err)
				}
				if took := time.Since(start); took < tt.atLeast || took > tt.atMost {
					t.Errorf("took %v, want %v to %v", took, tt.atLeast, tt.atMost)
				}
				if math.Abs(float64(try.Attempts-tt.attempts)) > 2 || tt.attempts < 10 && try.Attempts != tt.attempts {
					t.Errorf("%d attempts, want %d", try.Attempts, tt.attempts)
				}
			})
		})
	}
}

// TestRemaining tells the time that is left and compares it with what it then
// takes, from the fastest quota to the slowest.
func TestRemaining(t *testing.T) {
	for _, tt := range []struct {
		name   string
		manner manner
		before int
		units  int
	}{
		{"directory", manner{capacity: 8000, perSecond: 800, latency: 30 * time.Millisecond, told: true, retryAfter: true}, 16_000, 40_000},
		{"reports", manner{capacity: 5, perSecond: 0.5, latency: 30 * time.Millisecond, retryAfter: true}, 60, 300},
		{"no quota", manner{latency: 50 * time.Millisecond}, 100_000, 300_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := pace.New(pace.Options{Limits: pace.Limits{MaxInFlight: 32}, Jitter: half})
				sv := service{manner: tt.manner}
				if _, ok := s.Status("b").Remaining(tt.units, time.Now()); ok {
					t.Error("an estimate from nothing")
				}
				drive(s, &sv, tt.before)
				told, ok := s.Status("b").Remaining(tt.units, time.Now())
				took := drive(s, &sv, tt.units)
				if r := float64(told) / float64(took); !ok || r < 0.85 || r > 1.2 {
					t.Errorf("told %v, and it took %v", told, took)
				}
			})
		})
	}
}
