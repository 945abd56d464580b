package graphsim

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// attemptsKept bounds the memory of failed attempts. When it is full it is
// forgotten, and then something may fail again that had failed before.
const attemptsKept = 1 << 20

// A planner carries out a Plan. It is safe for concurrent use.
type planner struct {
	plan Plan
	seed uint64

	mu       sync.Mutex
	failed   map[uint64]uint8 // failures so far by key, of the random faults
	matched  []int            // fitting requests by rule
	each     map[eachKey]int  // the same for rules with Each
	closed   time.Time        // end of an outage
	reopened Fault            // the outage
	// Listings: the number of times that one was begun, and up to which of them
	// the page tokens have expired; by kind of listing.
	begun, expired map[On]uint32
}

type eachKey struct {
	rule int
	key  uint64
}

func newPlanner(plan Plan, seed uint64) *planner {
	return &planner{
		plan: plan, seed: mix(seed ^ 0x706c616e), failed: make(map[uint64]uint8),
		matched: make([]int, len(plan.Rules)), each: make(map[eachKey]int),
		begun: make(map[On]uint32), expired: make(map[On]uint32),
	}
}

// key tells apart what a request asks for.
func (rt *route) key() uint64 {
	return mix(uint64(rt.on)<<48 ^ mix(uint64(rt.user+1))<<1 ^ mix(uint64(rt.group+1))<<2 ^ uint64(rt.page.number))
}

// outage reports whether the whole tenant is throttled, and for how long.
func (p *planner) outage(t time.Time) (Fault, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reopened, p.closed.Sub(t)
}

func (p *planner) close(f Fault, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reopened, p.closed = f, until
}

// decide gives the fault that a request meets. item tells an item of a $batch
// from a request on its own.
func (p *planner) decide(rt *route, item bool) Fault {
	if p.plan.Every == 0 && len(p.plan.Rules) == 0 {
		return Fault{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.byRule(rt); f.Kind != FaultNone {
		return f
	}
	if p.plan.Every == 0 || rt.on == OnBatch {
		return Fault{}
	}
	key := rt.key()
	return p.atRandom(key, p.failed[key], item, key)
}

// decideBatch gives the fault that a $batch meets as a whole. Where it meets one,
// each of its items counts as failed.
func (p *planner) decideBatch(items []batchItem) Fault {
	if p.plan.Every == 0 && len(p.plan.Rules) == 0 {
		return Fault{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.byRule(&route{on: OnBatch, user: -1, group: -1}); f.Kind != FaultNone {
		return f
	}
	if p.plan.Every == 0 {
		return Fault{}
	}
	keys := make([]uint64, len(items))
	all, attempts := uint64(0), uint8(0)
	for i := range items {
		keys[i] = items[i].route.key()
		all = mix(all ^ keys[i])
		attempts = max(attempts, p.failed[keys[i]])
	}
	return p.atRandom(all, attempts, false, keys...)
}

// byRule is called with the lock held.
func (p *planner) byRule(rt *route) Fault {
	for i := range p.plan.Rules {
		r := &p.plan.Rules[i]
		if !r.fits(rt) {
			continue
		}
		var n int
		if r.Each {
			k := eachKey{i, rt.key()}
			n = p.each[k]
			p.each[k]++
		} else {
			n = p.matched[i]
			p.matched[i]++
		}
		if n >= r.After && (r.Times == 0 || n < r.After+r.Times) {
			return r.Fault
		}
	}
	return Fault{}
}

func (r *Rule) fits(rt *route) bool {
	return (r.On == 0 || r.On&rt.on != 0) &&
		strings.Contains(rt.path, r.Path) &&
		(r.Users == nil || slices.Contains(r.Users, rt.user)) &&
		(r.Groups == nil || slices.Contains(r.Groups, rt.group)) &&
		(r.Pages == nil || rt.paged() && slices.Contains(r.Pages, rt.page.number))
}

// atRandom is called with the lock held. keys are what fails along with it.
func (p *planner) atRandom(key uint64, attempts uint8, item bool, keys ...uint64) Fault {
	roll := mix(p.seed ^ mix(key+uint64(attempts)))
	if attempts >= 2 || roll%uint64(p.plan.Every) != 0 {
		return Fault{}
	}
	if len(p.failed)+len(keys) > attemptsKept {
		clear(p.failed)
	}
	for _, k := range keys {
		p.failed[k]++
	}
	return randomFault(mix(roll), item)
}

// begin counts a listing that starts with its first page, and gives its number.
func (p *planner) begin(on On) uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun[on]++
	return p.begun[on]
}

// expire makes all page tokens of a kind of listing expire, up to now and at
// least up to listing number n.
func (p *planner) expire(on On, n uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun[on] = max(p.begun[on], n)
	p.expired[on] = p.begun[on]
}

func (p *planner) hasExpired(on On, n uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return n <= p.expired[on]
}
