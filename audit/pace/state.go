package pace

import (
	"math"
	"time"
)

// The numbers of the control. They are choices, not facts, but for period:
// Microsoft documents its identity quotas as "so many units in 10 seconds"
// (Microsoft Graph throttling limits), and what follows from that is a good
// first guess of the rate that a quota permits.
const (
	period = 10 * time.Second

	startWindow = 2.0  // requests in flight at the start
	minWindow   = 1.0  // never fewer
	slowWindow  = 8.0  // below this, slow answers do not end the fast climb: the first ones are noise
	tolerance   = 2.0  // answers may take this many times the fastest before the window shrinks
	steady      = 0.93 // share of the quota that is aimed at where the service tells its share

	minRate     = 0.1                    // units a second; never slower
	fillTime    = 250 * time.Millisecond // how long a grant may wait to become larger
	probeUnits  = 10                     // good answers after which a little more is tried at the earliest,
	probeTime   = 5 * time.Second        // or what is answered in this time, if that is more
	probeLength = 2 * time.Second        // a try lasts so long, and for twice probeUnits
	maxProbing  = 256                    // the longest interval between tries, in shortest ones
	outage      = 5                      // so many refusals in a row are no matter of a rate
	maxBackoff  = time.Minute            // longest pause where the service names none
)

// A state is everything that one bucket's decisions depend on. Its methods are
// pure: they take the time as an argument and return the next state.
type state struct {
	limits Limits

	// The window bounds how many requests are in flight.
	window    float64
	inFlight  int
	slowStart bool
	sentAt    time.Time     // when the last request was sent
	fastest   time.Duration // fastest answer lately
	fastestAt time.Time
	shrunkAt  time.Time

	// The rate bounds how many units are sent in a second. It is 0 until a
	// refusal or a warning says that there is a quota.
	rate     float64
	measured float64 // the rate that the quota was measured to permit; 0 if never
	tokens   float64
	accrued  time.Time
	warned   float64 // last share of the quota told
	warnedAt time.Time
	told     bool // the service has told its share at least once

	// A try of a higher rate: nothing but a try shows that a quota is larger
	// than we think.
	probing  bool
	factor   float64 // by which the next try, or the one under way, is faster
	interval float64 // between tries, in multiples of the shortest
	tried    float64 // good answers since the last try began or ended
	triedAt  time.Time

	// What was answered well since the last refusal, or since the start.
	good     float64
	since    time.Time
	refuse   int // refusals since the last good answer
	evidence int // requests in a row that were mostly refused

	pausedUntil time.Time
	pausedAt    time.Time
	stopped     time.Duration // time spent in pauses, up to pausedAt
}

func newState(l Limits) state {
	s := state{limits: l, window: startWindow, slowStart: true, factor: 2, interval: 1}
	if l.KnownRate > 0 {
		// The quota is full at the start.
		s.rate, s.measured, s.tokens = l.KnownRate, l.KnownRate, math.Max(1, l.KnownRate*period.Seconds())
	}
	return s
}

// effectiveRate is the rate under the user's own bound; 0 means none.
func (s state) effectiveRate() float64 {
	r := s.rate
	if s.probing {
		r *= s.factor
	}
	if m := s.limits.MaxPerSecond; m > 0 && (r == 0 || r > m) {
		r = m
	}
	return r
}

// burst is how many units may be saved up. A quota that refused us was empty
// then, and refills while we pause: what it refilled may be used at once.
func (s state) burst() float64 {
	return math.Max(1, s.effectiveRate()*period.Seconds())
}

// accrue brings the saved units up to now.
func (s state) accrue(now time.Time) state {
	r := s.effectiveRate()
	if s.accrued.IsZero() || r == 0 {
		s.accrued = now
		return s
	}
	if d := now.Sub(s.accrued); d > 0 {
		s.tokens = math.Min(s.burst(), s.tokens+d.Seconds()*r)
		s.accrued = now
	}
	return s
}

// allow answers how many of the wanted units may be sent now. With 0, at is
// when to ask again; a zero at means: when a request in flight has ended.
func (s state) allow(want int, now time.Time) (n int, at time.Time, next state) {
	if now.Before(s.pausedUntil) {
		return 0, s.pausedUntil, s
	}
	if s.inFlight >= s.maxInFlight() {
		return 0, time.Time{}, s
	}
	r := s.effectiveRate()
	if r == 0 {
		// Requests that are sent together are answered together: spread over the
		// time that an answer takes, they keep everything behind evenly busy.
		if s.fastest >= time.Millisecond {
			if due := s.sentAt.Add(time.Duration(float64(s.fastest) / s.window)); now.Before(due) {
				return 0, due, s
			}
		}
		s.inFlight++
		s.sentAt = now
		return want, time.Time{}, s.started(now)
	}
	s = s.accrue(now)
	// A fuller batch saves a round trip, but not at the price of waiting long.
	enough := math.Min(float64(want), math.Max(1, math.Floor(r*fillTime.Seconds())))
	const rounding = 1e-9
	if s.tokens+rounding < enough {
		wait := time.Duration(math.Ceil((enough - s.tokens) / r * float64(time.Second)))
		return 0, now.Add(max(wait, time.Millisecond)), s
	}
	n = min(want, int(s.tokens+rounding))
	s.tokens -= float64(n)
	s.inFlight++
	return n, time.Time{}, s.started(now)
}

func (s state) started(now time.Time) state {
	if s.since.IsZero() {
		s.since = now
	}
	return s
}

func (s state) maxInFlight() int {
	w := int(s.window)
	if m := s.limits.MaxInFlight; m > 0 && w > m {
		w = m
	}
	return max(w, 1)
}

// An event is the end of a request: what came of it and how long it took.
type event struct {
	Report
	took   time.Duration
	jitter float64 // in [0, 1), drawn by the caller: the state stays pure
}

// done takes the end of a request into account.
func (s state) done(e event, now time.Time) state {
	s.inFlight--
	s = s.accrue(now)
	if e.OK > 0 {
		s.good += float64(e.OK)
		s.tried += float64(e.OK)
		s.refuse = 0
	}
	if e.OK > e.Throttled {
		s.evidence = 0
	}
	switch {
	case e.Throttled > 0:
		return s.refused(e, now)
	case e.Failed > 0 && e.OK == 0:
		return s.shrink(now, 0.7, max(e.took, 100*time.Millisecond))
	case e.OK > 0:
		s = s.widen(e.took, now)
		if e.Percentage > 0 {
			return s.warning(e.Percentage, now)
		}
		return s.probe(now)
	}
	return s
}

// refused takes a refusal for the quota into account: everybody pauses, and
// the rate becomes what the quota let through since the refusal before this.
func (s state) refused(e event, now time.Time) state {
	pause := e.RetryAfter
	if !e.HasRetryAfter {
		pause = time.Duration(e.jitter * float64(min(maxBackoff, time.Second<<min(s.refuse, 10))))
	}
	until := now.Add(pause)
	if until.After(s.pausedUntil) {
		from := now
		if s.pausedUntil.After(now) {
			from = s.pausedUntil
		}
		s.stopped += until.Sub(from)
		s.pausedUntil = until
	}
	s.slowStart = false
	if e.OK > e.Throttled {
		// A few refused among many answered are no sign of an empty quota.
		return s
	}
	s.tokens = 0
	s.evidence++
	if e.OK > 0 {
		s.evidence++ // the quota came to its end within this request
	}
	// Requests that were in flight at the first refusal tell nothing new of a
	// rate that is known.
	together := now.Sub(s.pausedAt) < max(e.took, 100*time.Millisecond) && !s.pausedAt.IsZero()
	if together && s.rate > 0 {
		return s
	}
	if !together {
		s.refuse++
		s.pausedAt = now
	}
	return s.slower(now)
}

// slower draws from a refusal what it says of the rate.
func (s state) slower(now time.Time) state {
	elapsed := now.Sub(s.since).Seconds()
	if s.refuse > outage {
		// A quota of so much in ten seconds does not stay empty for so long:
		// the service is closed, and how fast it is will be found out anew.
		s.rate, s.measured, s.probing, s.window = 0, 0, false, startWindow
		s.good, s.since = 0, now
		return s
	}
	if s.rate == 0 {
		if s.evidence < 2 {
			return s // one refusal alone may be chance
		}
		// The quota was full at the start: so much in it, and its refill since.
		s.rate = math.Max(minRate, s.good/(period.Seconds()+elapsed))
	} else {
		switch {
		case s.probing:
			s.factor = 1 + math.Max(0.05, (s.factor-1)/2)
			s.interval = math.Min(maxProbing, s.interval*2)
		case s.good >= 2*probeUnits && elapsed > 0:
			// It was empty at the last refusal and is empty now: what went
			// through between the two is what it refills.
			s.rate = clamp(s.good/elapsed, s.rate*0.9, s.rate)
		case s.good > 0:
			s.rate *= 0.75
		} // else it is still closed, which says nothing of the rate
		s.rate = math.Max(s.rate, minRate)
	}
	s.probing, s.tried, s.triedAt = false, 0, now
	s.measured = s.rate
	s.tokens, s.accrued = 0, now
	s.good, s.since = 0, now
	s.warned = 0
	return s
}

// warning takes the told share of the quota into account: it is steered
// towards a point just below the limit.
func (s state) warning(share float64, now time.Time) state {
	s.slowStart, s.told, s.probing = false, true, false
	if s.measured == 0 {
		elapsed := now.Sub(s.since).Seconds()
		s.measured = math.Max(minRate, s.good/(period.Seconds()*share+elapsed))
		s.tokens, s.accrued = 0, now
	} else if d := now.Sub(s.warnedAt).Seconds(); d > 0 && d < 5 {
		s.measured *= 1 + clamp(0.2*(steady-share)*d, -0.1, 0.1)
	}
	s.warned, s.warnedAt = share, now
	s.rate = math.Max(minRate, s.measured*clamp(1+2.5*(steady-share), 0.3, 1.4))
	return s
}

// probe tries after a while of good answers whether the quota is larger.
func (s state) probe(now time.Time) state {
	if s.rate == 0 || s.limits.KnownRate > 0 || s.limits.MaxPerSecond > 0 && s.rate >= s.limits.MaxPerSecond {
		return s
	}
	if s.told {
		return s.silence(now)
	}
	if s.triedAt.IsZero() {
		s.triedAt = now
	}
	if s.probing {
		if s.tried >= 2*probeUnits && now.Sub(s.triedAt) >= probeLength {
			s.rate *= s.factor
			s.measured = s.rate
			s.factor, s.interval = math.Min(2, 1+(s.factor-1)*2), 1
			s.tried, s.triedAt, s.probing = 0, now, false
		}
		return s
	}
	if s.tried >= s.interval*math.Max(probeUnits, s.rate*probeTime.Seconds()) {
		s.tried, s.triedAt, s.probing = 0, now, true
	}
	return s
}

// silence takes into account that a service that tells its share from 0.8 on
// did not: it is below that, so there is room.
func (s state) silence(now time.Time) state {
	s.rate = math.Max(s.rate, s.measured*1.3)
	if d := now.Sub(s.warnedAt); d > period/2 {
		s.measured *= 1.01
		s.warnedAt = now.Add(-period/2 + 100*time.Millisecond)
	}
	return s
}

// widen lets more requests fly while answers stay about as fast as the fastest.
func (s state) widen(took time.Duration, now time.Time) state {
	took = max(took, 50*time.Microsecond)
	if s.fastest == 0 || took < s.fastest || now.Sub(s.fastestAt) > time.Minute {
		s.fastest, s.fastestAt = took, now
	}
	slow := float64(took) > tolerance*float64(s.fastest)+float64(2*time.Millisecond)
	if slow && s.slowStart && s.window >= slowWindow {
		s.slowStart = false
	}
	if slow && !s.slowStart {
		return s.shrink(now, 0.95, took)
	}
	if float64(s.inFlight+1) < s.window/2 {
		return s // the window is not what bounds us
	}
	if s.slowStart {
		s.window++
	} else {
		s.window += 1 / s.window
	}
	if m := float64(s.limits.MaxInFlight); m > 0 && s.window > m {
		s.window = m
	}
	return s
}

// shrink narrows the window, once in the time that an answer takes.
func (s state) shrink(now time.Time, factor float64, took time.Duration) state {
	s.slowStart = false
	if !s.shrunkAt.IsZero() && now.Sub(s.shrunkAt) < took {
		return s
	}
	s.shrunkAt = now
	s.window = math.Max(minWindow, s.window*factor)
	return s
}

func clamp(x, low, high float64) float64 { return math.Min(high, math.Max(low, x)) }
