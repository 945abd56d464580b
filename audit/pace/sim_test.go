package pace_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"passkey-audit/audit/pace"
)

// A manner is how a service answers.
type manner struct {
	capacity, perSecond float64
	latency             time.Duration
	told                bool // x-ms-throttle-limit-percentage from 0.8 on
	retryAfter          bool
	slots               int // answers at a time; 0 for any number
	// noise refuses every so many'th batch for no reason.
	noise int
}

// A service throttles like Microsoft Graph: a token bucket, from which every
// unit of a batch draws for itself.
type service struct {
	manner

	mu        sync.Mutex
	tokens    float64
	at        time.Time
	ok, bad   int
	early     int // requests before a Retry-After was over
	blocked   time.Time
	requests  int
	busy      int
	mostBusy  int
	queueFree time.Time
}

func (s *service) batch(units int) pace.Report {
	s.mu.Lock()
	s.requests++
	number := s.requests
	s.busy++
	s.mostBusy = max(s.mostBusy, s.busy)
	now := time.Now()
	if now.Before(s.blocked) {
		s.early++
	}
	d := s.latency
	if s.slots > 0 { // a server that works on so many requests at a time
		if s.queueFree.Before(now) {
			s.queueFree = now
		}
		s.queueFree = s.queueFree.Add(s.latency / time.Duration(s.slots))
		d = s.queueFree.Sub(now) + s.latency
	}
	s.mu.Unlock()
	time.Sleep(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	if s.noise > 0 && number%s.noise == 0 {
		s.bad += units
		return pace.Report{Throttled: units, HasRetryAfter: true, RetryAfter: time.Second}
	}
	if s.capacity == 0 {
		s.ok += units
		return pace.Report{OK: units}
	}
	now = time.Now()
	if s.at.IsZero() {
		s.tokens, s.at = s.capacity, now
	}
	s.tokens = min(s.capacity, s.tokens+now.Sub(s.at).Seconds()*s.perSecond)
	s.at = now
	var r pace.Report
	for range units {
		if s.tokens >= 1 {
			s.tokens--
			r.OK++
			continue
		}
		r.Throttled++
		if s.retryAfter {
			wait := time.Duration((1 - s.tokens) / s.perSecond * float64(time.Second))
			r.HasRetryAfter, r.RetryAfter = true, wait.Truncate(time.Second)+time.Second
		}
	}
	if used := 1 - s.tokens/s.capacity; s.told && used >= 0.8 {
		r.Percentage = used
	}
	s.ok += r.OK
	s.bad += r.Throttled
	if r.HasRetryAfter && now.Add(r.RetryAfter).After(s.blocked) {
		s.blocked = now.Add(r.RetryAfter)
	}
	return r
}

// drive reads so many units in batches of 20.
func drive(s *pace.Scheduler, sv *service, units int) time.Duration {
	start := time.Now()
	var wg sync.WaitGroup
	var mu sync.Mutex
	left, flying := units, 0
	again := make(chan struct{}, 1)
	for {
		mu.Lock()
		want, done := min(left, 20), left == 0 && flying == 0
		mu.Unlock()
		if done {
			break
		}
		if want == 0 {
			<-again
			continue
		}
		g, err := s.Acquire(context.Background(), "b", want)
		if err != nil {
			panic(err)
		}
		mu.Lock()
		n := min(g.Units(), left)
		left -= n
		flying++
		mu.Unlock()
		wg.Go(func() {
			r := sv.batch(n)
			g.Done(r)
			mu.Lock()
			left += r.Throttled
			flying--
			mu.Unlock()
			select {
			case again <- struct{}{}:
			default:
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// TestFindsTheQuota reads under quotas that differ by a factor of sixteen
// hundred, and compares the time with the least that the quota permits.
func TestFindsTheQuota(t *testing.T) {
	for _, tt := range []struct {
		name     string
		manner   manner
		units    int
		slower   float64 // at most so many times the least time
		throttle float64 // at most this share of the units refused
	}{
		{"directory, large tenant", manner{capacity: 8000, perSecond: 800, latency: 30 * time.Millisecond, told: true, retryAfter: true}, 20_000, 1.10, 0.01},
		{"directory, fast answers", manner{capacity: 8000, perSecond: 800, latency: time.Millisecond, told: true, retryAfter: true}, 20_000, 1.10, 0.01},
		{"directory, slow answers", manner{capacity: 8000, perSecond: 800, latency: 300 * time.Millisecond, told: true, retryAfter: true}, 20_000, 1.15, 0.01},
		{"directory, long", manner{capacity: 8000, perSecond: 800, latency: 80 * time.Millisecond, told: true, retryAfter: true}, 200_000, 1.05, 0.01},
		{"directory, no percentages", manner{capacity: 8000, perSecond: 800, latency: 30 * time.Millisecond, retryAfter: true}, 60_000, 1.20, 0.03},
		{"directory, no headers at all", manner{capacity: 8000, perSecond: 800, latency: 30 * time.Millisecond}, 60_000, 1.25, 0.04},
		{"quota of a small tenant", manner{capacity: 3500, perSecond: 350, latency: 30 * time.Millisecond, told: true, retryAfter: true}, 20_000, 1.10, 0.02},
		{"reports", manner{capacity: 5, perSecond: 0.5, latency: 30 * time.Millisecond, retryAfter: true}, 500, 1.11, 0.10},
		{"reports, told", manner{capacity: 5, perSecond: 0.5, latency: 30 * time.Millisecond, retryAfter: true, told: true}, 500, 1.11, 0.10},
		{"reports, no headers at all", manner{capacity: 5, perSecond: 0.5, latency: 30 * time.Millisecond}, 500, 1.3, 0.10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sv := service{manner: tt.manner}
				s := pace.New(pace.Options{Limits: pace.Limits{MaxInFlight: 32}, Jitter: func() float64 { return 0.5 }})
				took := drive(s, &sv, tt.units)
				least := time.Duration((float64(tt.units) - sv.capacity) / sv.perSecond * float64(time.Second))
				ratio := float64(took) / float64(least)
				refused := float64(sv.bad) / float64(tt.units)
				st := s.Status("b")
				msg := fmt.Sprintf("took %v, %.3f times the least %v; %.2f %% refused; ceiling %.2f; %d requests, %d early", took.Round(time.Millisecond), ratio, least.Round(time.Millisecond), 100*refused, st.Ceiling, sv.requests, sv.early)
				t.Log(msg)
				if ratio > tt.slower || refused > tt.throttle {
					t.Errorf("want at most %.2f times, and at most %.1f %%: %s", tt.slower, 100*tt.throttle, msg)
				}
			})
		})
	}
}

// TestWithoutQuota climbs where nothing holds it back.
func TestWithoutQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sv := service{manner: manner{latency: 80 * time.Millisecond}}
		s := pace.New(pace.Options{Limits: pace.Limits{MaxInFlight: 48}})
		took := drive(s, &sv, 5000)
		t.Logf("took %v, at most %d requests at a time", took, sv.mostBusy)
		if took > 2*time.Second || sv.mostBusy > 48 {
			t.Errorf("took %v with at most %d at a time", took, sv.mostBusy)
		}
	})
}

// TestBusyServer does not pile requests onto a server that answers no faster
// for it.
func TestBusyServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sv := service{manner: manner{latency: 20 * time.Millisecond, slots: 4}}
		s := pace.New(pace.Options{Limits: pace.Limits{MaxInFlight: 200}})
		took := drive(s, &sv, 40_000)
		least := 2000 * sv.latency / 4
		t.Logf("took %v (least %v), at most %d requests at a time, window %d at the end", took, least, sv.mostBusy, s.Status("b").Window)
		if took > least*12/10 || sv.mostBusy > 40 {
			t.Errorf("took %v with at most %d at a time", took, sv.mostBusy)
		}
	})
}

// TestRefusalsForNoReason does not take chance for a quota.
func TestRefusalsForNoReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sv := service{manner: manner{latency: 20 * time.Millisecond, noise: 25}}
		s := pace.New(pace.Options{Limits: pace.Limits{MaxInFlight: 32}})
		took := drive(s, &sv, 5000)
		t.Logf("took %v in %d requests; status %+v", took, sv.requests, s.Status("b"))
		if took > 40*time.Second {
			t.Errorf("took %v: crept", took)
		}
	})
}
