package pace

import (
	"context"
	"errors"
	"time"
)

// A Budget bounds the retries of one thing that is to be read.
type Budget struct {
	// Attempts bounds the requests that fail in passing (a server error, a cut
	// answer); 0 means 8. Refusals for the quota do not count: they say "later",
	// not "broken".
	Attempts int
	// Elapsed bounds the time from the first attempt, refusals included; 0
	// means no bound.
	Elapsed time.Duration
}

func (b Budget) withDefaults() Budget {
	if b.Attempts == 0 {
		b.Attempts = 8
	}
	return b
}

// Throttled reports whether err is a refusal for the quota: whether an error
// in its chain has a method Throttled that says so.
func Throttled(err error) bool {
	var t interface{ Throttled() bool }
	return errors.As(err, &t) && t.Throttled()
}

// Temporary reports whether err may be gone at the next attempt: whether an
// error in its chain has a method Temporary that says so, or Throttled.
func Temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary() || Throttled(err)
}

// RetryAfter asks err how long the service wants us to wait.
func RetryAfter(err error) (time.Duration, bool) {
	var r interface {
		RetryAfter() (time.Duration, bool)
	}
	if errors.As(err, &r) {
		return r.RetryAfter()
	}
	return 0, false
}

// ReportOf tells what a request of so many units came to that ended with err,
// which may be nil: the Report for Grant.Done.
func ReportOf(units int, err error) Report {
	var r Report
	switch {
	case err == nil:
		r.OK = units
	case Throttled(err):
		r.Throttled = units
	case Temporary(err):
		r.Failed = units
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return r
	default:
		r.OK = units // an answer, though not the one hoped for
	}
	r.RetryAfter, r.HasRetryAfter = RetryAfter(err)
	return r
}

// A Try counts the attempts at one thing that is to be read. Its zero value
// has made none.
type Try struct {
	// Attempts counts requests, refusals for the quota included.
	Attempts int
	failed   int
	first    time.Time
}

// Next decides after an attempt that ended with err, which is not nil: whether
// to try again, and not before which time.
func (s *Scheduler) Next(t *Try, err error) (at time.Time, again bool) {
	now := time.Now()
	t.Attempts++
	if t.first.IsZero() {
		t.first = now
	}
	if !Temporary(err) {
		return time.Time{}, false
	}
	throttled := Throttled(err)
	if !throttled {
		t.failed++
		if t.failed >= s.opts.Budget.Attempts {
			return time.Time{}, false
		}
	}
	after, told := RetryAfter(err)
	if !told && !throttled {
		// The first retries come soon: most failures in passing pass at once.
		after = time.Duration(s.jitter() * float64(min(maxBackoff, 250*time.Millisecond<<min(t.failed-1, 10))))
	}
	at = now.Add(after)
	if e := s.opts.Budget.Elapsed; e > 0 && at.Sub(t.first) > e {
		return time.Time{}, false
	}
	return at, true
}

// Do makes one request of one unit in a bucket, again and again until it
// succeeds, fails for good or the budget is spent. It counts its attempts in t
// and returns the last error. send must not wait for anything but its answer.
func (s *Scheduler) Do(ctx context.Context, b Bucket, t *Try, send func(context.Context) (Report, error)) error {
	for {
		g, err := s.Acquire(ctx, b, 1)
		if err != nil {
			return err
		}
		r, err := send(ctx)
		if err == nil {
			t.Attempts++
			r.OK = 1
			g.Done(r)
			return nil
		}
		f := ReportOf(1, err)
		f.Percentage = r.Percentage
		g.Done(f)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		at, again := s.Next(t, err)
		if !again {
			return err
		}
		if err := wait(ctx, at, nil); err != nil {
			return err
		}
	}
}
