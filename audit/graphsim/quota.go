package graphsim

import (
	"math"
	"sync"
	"time"
)

// A Quota says how much the simulated Graph lets a caller have.
type Quota int

// The quotas. The documentation leaves open which of the last two holds for
// reads of passkeys.
const (
	// QuotaNone throttles nothing.
	QuotaNone Quota = iota
	// QuotaDirectory gives the whole tenant 8,000 resource units in 10 s (a token
	// bucket), which is Microsoft's figure for tenants of more than 500 users.
	// The registration report has a bucket of its own: 5 requests in 10 s. So have
	// the Conditional Access policies: 1 request a second, refused without a word
	// on how long to wait.
	QuotaDirectory
	// QuotaReports is QuotaDirectory, and reads of a user's passkeys share a
	// bucket of 5 in 10 s.
	QuotaReports
)

// A bucket is a token bucket. It is safe for concurrent use.
type bucket struct {
	capacity float64
	perSec   float64

	mu   sync.Mutex
	left float64
	at   time.Time
}

func newBucket(units float64, window time.Duration) *bucket {
	return &bucket{capacity: units, perSec: units / window.Seconds(), left: units}
}

// take tries to take cost units at time t. It gives the share of the bucket that
// is in use after that. Where the units are not there, it gives the time until
// they would be; a refused request uses up what is left, since Microsoft counts
// refused requests too.
func (b *bucket) take(cost float64, t time.Time) (used float64, wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.at.IsZero() && t.After(b.at) {
		b.left = min(b.capacity, b.left+b.perSec*t.Sub(b.at).Seconds())
	}
	if b.at.IsZero() || t.After(b.at) {
		b.at = t
	}
	// The tolerance is for rounding: who waits to the second must get it.
	if b.left+1e-6 < cost {
		b.left = 0
		return 1 + cost/b.capacity, time.Duration(math.Ceil(cost/b.perSec)) * time.Second, false
	}
	b.left = max(0, b.left-cost)
	return 1 - b.left/b.capacity, 0, true
}

// quotas are the buckets of a tenant; nil ones throttle nothing.
type quotas struct{ directory, reports, methods, access *bucket }

func newQuotas(q Quota) quotas {
	const window = 10 * time.Second
	var b quotas
	if q == QuotaDirectory || q == QuotaReports {
		b.directory = newBucket(8000, window)
		b.reports = newBucket(5, window)
		b.access = newBucket(1, time.Second)
	}
	if q == QuotaReports {
		b.methods = newBucket(5, window)
	}
	return b
}

// cost gives the price of a request in resource units, by Microsoft's table:
// a user or users 2, transitive members 5, members 3, all else 1; one less with
// $select and one less with $top below 20, but never below 1.
func (rt *route) cost() int {
	units := 1
	switch rt.on {
	case OnUsers, OnUser:
		units = 2
	case OnMembers:
		units = 3
		if rt.transitive {
			units = 5
		}
	}
	if rt.query.selected != nil {
		units--
	}
	if rt.query.top > 0 && rt.query.top < 20 {
		units--
	}
	return max(1, units)
}

// charge books a request. It writes the answer itself where the quota is used up,
// and then reports false.
func (s *Server) charge(q *request, rt *route, p *reply) bool {
	p.unit = rt.cost()
	b, cost, form := s.quotas.directory, float64(p.unit), RetrySeconds
	switch {
	case rt.on == OnConditionalAccess:
		b, cost, form = s.quotas.access, 1, RetryNone
	case rt.on == OnReport:
		b, cost = s.quotas.reports, 1
	case rt.on == OnMethods && s.quotas.methods != nil:
		b, cost = s.quotas.methods, 1
	}
	if b == nil {
		return true
	}
	used, wait, ok := b.take(cost, time.Now())
	if used >= 0.8 {
		p.percent = used
	}
	if ok {
		return true
	}
	s.throttle(q, rt, p, form, wait)
	return false
}
