package pace

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A Bucket names a quota. Buckets do not disturb each other.
type Bucket string

// Limits bound a bucket; the zero value bounds nothing.
type Limits struct {
	// MaxInFlight bounds the requests in flight; 0 means no bound.
	MaxInFlight int
	// MaxPerSecond bounds the units sent in a second; 0 means no bound.
	MaxPerSecond float64
	// KnownRate is a documented quota in units a second, which is kept to and
	// never tried to exceed; 0 means that the quota is to be found.
	KnownRate float64
}

// Options configure a Scheduler.
type Options struct {
	// Limits holds for every bucket that Buckets does not name.
	Limits Limits
	// Buckets holds the limits of particular buckets.
	Buckets map[Bucket]Limits
	// Budget bounds the retries of one request.
	Budget Budget
	// Jitter draws a number in [0, 1); nil means math/rand.
	Jitter func() float64
}

// A Scheduler hands out the right to send. It is safe for concurrent use, and
// starts no goroutine.
type Scheduler struct {
	opts   Options
	jitter func() float64

	mu      sync.Mutex
	buckets map[Bucket]*bucket
}

type bucket struct {
	state
	changed chan struct{} // closed and renewed whenever a waiter should look again
	totals  Totals
	recent  meter
}

// New gives a Scheduler that has seen nothing yet.
func New(o Options) *Scheduler {
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	o.Budget = o.Budget.withDefaults()
	return &Scheduler{opts: o, jitter: o.Jitter, buckets: make(map[Bucket]*bucket)}
}

// bucket finds or makes a bucket; s.mu is held.
func (s *Scheduler) bucket(b Bucket) *bucket {
	bk, ok := s.buckets[b]
	if !ok {
		l, named := s.opts.Buckets[b]
		if !named {
			l = s.opts.Limits
		}
		bk = &bucket{state: newState(l), changed: make(chan struct{})}
		s.buckets[b] = bk
	}
	return bk
}

// A Grant is the right to send one request of so many units. Done must be
// called once, whatever became of the request.
type Grant struct {
	s     *Scheduler
	b     Bucket
	units int
	at    time.Time
}

// Units says how many units may be sent: at least one.
func (g Grant) Units() int { return g.units }

// Acquire waits until a request of 1 to want units may be sent, and for
// nothing longer than that: a smaller grant now is better than a larger one
// much later. It returns the context's error once that is done.
func (s *Scheduler) Acquire(ctx context.Context, b Bucket, want int) (Grant, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Grant{}, err
		}
		s.mu.Lock()
		bk := s.bucket(b)
		now := time.Now()
		n, at, next := bk.allow(want, now)
		bk.state = next
		changed := bk.changed
		s.mu.Unlock()
		if n > 0 {
			return Grant{s: s, b: b, units: n, at: now}, nil
		}
		if err := wait(ctx, at, changed); err != nil {
			return Grant{}, err
		}
	}
}

// wait waits for a time (none if zero), a change, or the context's end.
func wait(ctx context.Context, at time.Time, changed <-chan struct{}) error {
	var timer <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer:
	case <-changed:
	}
	return nil
}

// A Report says what came of a request, in units. All zero means that nothing
// was learned, as after a cancellation.
type Report struct {
	// OK counts units that were answered, with whatever answer; Throttled
	// those refused for the quota; Failed those that failed in passing.
	OK, Throttled, Failed int
	// RetryAfter is how long the service asks to wait, where HasRetryAfter.
	RetryAfter    time.Duration
	HasRetryAfter bool
	// Percentage is the share of the quota in use, 1 being all of it; 0 if the
	// service did not tell.
	Percentage float64
}

// Done gives the grant back and tells what came of the request.
func (g Grant) Done(r Report) {
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	bk := s.bucket(g.b)
	now := time.Now()
	bk.state = bk.done(event{Report: r, took: now.Sub(g.at), jitter: s.jitter()}, now)
	bk.totals.OK += r.OK
	bk.totals.Throttled += r.Throttled
	bk.totals.Failed += r.Failed
	bk.recent.add(now, r.OK)
	close(bk.changed)
	bk.changed = make(chan struct{})
}

// Totals count units since the start.
type Totals struct{ OK, Throttled, Failed int }

// A Status describes a bucket at one moment, for people.
type Status struct {
	Totals Totals
	// PerSecond is the rate of good answers lately, in units a second.
	PerSecond float64
	// Ceiling is the rate that the quota was found to permit, in units a
	// second; 0 if no quota was met.
	Ceiling float64
	// PausedUntil is in the future while the bucket waits.
	PausedUntil time.Time
	// Stopped is how long the service has kept the bucket waiting in all.
	Stopped time.Duration
	// InFlight and Window count requests: under way, and permitted.
	InFlight, Window int
}

// Status tells how a bucket fares.
func (s *Scheduler) Status(b Bucket) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	bk := s.bucket(b)
	now := time.Now()
	st := Status{
		Totals: bk.totals, PerSecond: bk.recent.rate(now), Ceiling: bk.measured,
		PausedUntil: bk.pausedUntil, Stopped: bk.stopped,
		InFlight: bk.inFlight, Window: bk.maxInFlight(),
	}
	if bk.pausedUntil.After(now) {
		st.Stopped -= bk.pausedUntil.Sub(now)
	}
	return st
}

// Remaining estimates how long so many more units will take, from the rate
// that the quota permits or else the rate lately, and the pause under way. The
// second result is false while there is nothing to estimate from.
func (st Status) Remaining(units int, now time.Time) (time.Duration, bool) {
	rate := st.PerSecond
	if st.Ceiling > 0 && (rate == 0 || st.Ceiling < rate) {
		rate = st.Ceiling
	}
	if rate <= 0 {
		return 0, false
	}
	d := time.Duration(float64(units) / rate * float64(time.Second))
	if p := st.PausedUntil.Sub(now); p > 0 && st.Ceiling == 0 {
		d += p
	}
	return d, true
}

// A meter measures a rate over the last ten to twenty seconds.
type meter struct {
	from   time.Time
	before time.Time
	last   int
	now    int
}

func (m *meter) add(at time.Time, n int) {
	if m.from.IsZero() {
		m.from, m.before = at, at
	}
	if at.Sub(m.from) >= period {
		m.last, m.before = m.now, m.from
		m.now, m.from = 0, at
	}
	m.now += n
}

func (m *meter) rate(at time.Time) float64 {
	d := at.Sub(m.before).Seconds()
	if m.from.IsZero() || d <= 0 {
		return 0
	}
	return float64(m.last+m.now) / d
}
