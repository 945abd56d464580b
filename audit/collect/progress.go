package collect

import (
	"context"
	"sync"
	"time"

	"passkey-audit/audit"
	"passkey-audit/audit/pace"
	"passkey-audit/audit/snapshot"
)

// Progress tells how far a run has come. It is safe for concurrent use.
type Progress struct {
	mu sync.Mutex
	s  Stage
}

// A Stage is how far a run has come, at one moment.
type Stage struct {
	// Listed counts users, and ListingDone says whether that is all of them.
	Listed      int
	ListingDone bool
	// Done counts the users that have an outcome, and Unread those among them
	// that could not be read; OutOfScope those that are not to be read.
	Done, Unread, OutOfScope int
	Passkeys                 int
	// Registrations counts the users of whom the registration report has told in
	// this run; Waiting says that passkeys are not read before it is whole, and
	// Reported that as much of it is there as the run waits for.
	Registrations     int
	Waiting, Reported bool
}

// Stage tells how far the run has come.
func (p *Progress) Stage() Stage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.s
}

func (p *Progress) start(done map[audit.Outcome]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for o, n := range done {
		p.s.Listed += n
		switch {
		case o == audit.OutcomePending:
		case o == audit.OutcomeOutOfScope:
			p.s.OutOfScope += n
			p.s.Done += n
		default:
			p.s.Done += n
			if o.Unread() {
				p.s.Unread += n
			}
		}
	}
}

func (p *Progress) listed(n int, done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.Listed += n
	p.s.ListingDone = p.s.ListingDone || done
}

func (p *Progress) recorded(rs []snapshot.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range rs {
		p.s.Done++
		p.s.Passkeys += len(rs[i].Passkeys)
		if rs[i].Outcome.Unread() {
			p.s.Unread++
		}
	}
}

func (p *Progress) reported(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.Registrations += n
}

func (p *Progress) waiting(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.Waiting = yes
}

func (p *Progress) enoughReported() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.Reported = true
}

// leftOut takes n pending users off the list of those to read.
func (p *Progress) leftOut(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.Done += n
	p.s.OutOfScope += n
}

// doubted puts n users back who were done.
func (p *Progress) doubted(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.Done -= n
}

// effort counts what the run costs.
type effort struct {
	mu sync.Mutex
	e  snapshot.Effort
}

func (f *effort) request(again bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.e.Requests++
	f.again(again)
	f.answer(err)
}

func (f *effort) batch(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.e.Requests++
	f.e.Batches++
	if err != nil {
		f.answer(err)
	}
}

func (f *effort) item(again bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.again(again)
	f.answer(err)
}

func (f *effort) again(again bool) {
	if again {
		f.e.Retried++
	}
}

func (f *effort) answer(err error) {
	switch {
	case pace.Throttled(err):
		f.e.Throttled++
	case err != nil:
		f.e.Failed++
	}
}

func (f *effort) sum() snapshot.Effort {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.e
}

// noteEffort keeps what the run has cost; ended is zero while it goes on.
func (c *collector) noteEffort(ctx context.Context, ended time.Time) error {
	e := c.effort.sum()
	st := c.o.Pace.Status(Directory)
	e.WaitedMS = st.Stopped.Milliseconds()
	if !ended.IsZero() && st.Ceiling > 0 {
		if err := c.store.NoteCeiling(ctx, st.Ceiling); err != nil {
			return err
		}
	}
	e.ActiveMS = time.Since(c.started).Milliseconds()
	word := ""
	if !ended.IsZero() {
		word = ended.UTC().Format(time.RFC3339Nano)
	}
	return c.store.NoteEffort(ctx, e, word)
}
