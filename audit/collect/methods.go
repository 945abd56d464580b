package collect

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"passkey-audit/audit"
	"passkey-audit/audit/pace"
	"passkey-audit/audit/snapshot"
)

// readAhead is how many pending users are taken from the snapshot at once.
const readAhead = 2000

// methods reads the passkeys of all pending users. One goroutine forms batches
// of whatever is ready, one goroutine a batch sends it, and one writes.
type methods struct {
	c       *collector
	q       queue
	results chan []snapshot.Result

	mu      sync.Mutex
	refused []snapshot.Result // refused since the last good answer, not yet written
	anyRead bool
}

func newMethods(c *collector) *methods {
	return &methods{c: c, q: queue{changed: make(chan struct{}, 1)}, results: make(chan []snapshot.Result, 64)}
}

func (m *methods) wake()         { m.q.signal() }
func (m *methods) listingEnded() { m.q.endListing() }

func (m *methods) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.write(ctx) })
	g.Go(func() error {
		defer close(m.results)
		return m.dispatch(ctx)
	})
	return g.Wait()
}

// dispatch forms batches until nobody is pending.
func (m *methods) dispatch(ctx context.Context) error {
	workers, wctx := errgroup.WithContext(ctx)
	soft, cancel := mergeStop(wctx, m.c.o.Stop)
	defer cancel()
	err := m.feed(soft, wctx, workers)
	if werr := workers.Wait(); werr != nil {
		return werr // the cause of ours
	}
	return err
}

// feed waits under the soft context, which ends first, and lets the workers go
// on under theirs: what is under way when we are asked to stop is finished.
func (m *methods) feed(ctx, workCtx context.Context, workers *errgroup.Group) error {
	look := lookout{store: m.c.store}
	for {
		// The order matters: if the listing had ended before an empty look into
		// the snapshot, then the snapshot is exhausted.
		ended := m.q.listingHasEnded()
		if m.q.len() < MaxBatch {
			users, err := look.next(ctx)
			if err != nil {
				return err
			}
			if len(users) > 0 {
				ended = false
				m.q.add(users)
			}
		} else {
			ended = false
		}
		n, at := m.q.ready(time.Now())
		if n == 0 {
			if ended && m.q.idle() {
				return nil
			}
			if err := m.q.wait(ctx, at); err != nil {
				return err
			}
			continue
		}
		grant, err := m.c.o.Pace.Acquire(ctx, Directory, min(n, MaxBatch))
		if err != nil {
			return err
		}
		// Retries that became ready while we waited join this batch.
		batch := m.q.take(grant.Units(), time.Now())
		workers.Go(func() error { return m.send(workCtx, grant, batch) })
	}
}

// send reads one batch and finds for each of its users an outcome, or another
// try.
func (m *methods) send(ctx context.Context, grant pace.Grant, batch []*item) error {
	ids := make([]string, len(batch))
	for i, it := range batch {
		ids[i] = it.ID
	}
	answers, err := m.c.src.Methods(ctx, ids)
	m.c.effort.batch(err)
	if ctx.Err() != nil {
		grant.Done(pace.Report{})
		return ctx.Err()
	}
	if err != nil {
		grant.Done(pace.ReportOf(len(batch), err))
		return m.wholeFailed(ctx, batch, err)
	}
	grant.Done(reportOf(answers))
	var results []snapshot.Result
	var missing []*item
	for i, it := range batch {
		a := answers.Answers[i]
		m.c.effort.item(it.try.Attempts > 0, a.Err)
		switch {
		case a.Err == nil:
			results = append(results, snapshot.Result{Seq: it.Seq, Outcome: audit.OutcomeRead, Passkeys: a.Passkeys})
		case status(a.Err) == http.StatusUnauthorized && !it.unauthorized:
			it.unauthorized = true
			it.try.Attempts++
			m.q.again(it, time.Time{})
		case status(a.Err) == http.StatusUnauthorized:
			return &RefusedError{What: "passkeys", Err: a.Err}
		case status(a.Err) == http.StatusNotFound:
			it.try.Attempts++
			missing = append(missing, it)
		default:
			results = m.retryOrFail(results, it, a.Err)
		}
	}
	if err := m.deliver(ctx, results); err != nil {
		return err
	}
	for _, it := range missing {
		r, err := m.lookFor(ctx, it)
		if err != nil {
			return err
		}
		if err := m.deliver(ctx, []snapshot.Result{r}); err != nil {
			return err
		}
	}
	return nil
}

// wholeFailed handles a batch of which no item was answered.
func (m *methods) wholeFailed(ctx context.Context, batch []*item, err error) error {
	if refused(err) {
		return &RefusedError{What: "passkeys", Err: err}
	}
	var results []snapshot.Result
	for _, it := range batch {
		if !pace.Throttled(err) && len(batch) > 1 {
			it.whole++
			// It may be one user who spoils the batch for the others.
			it.alone = it.whole >= 2 || !pace.Temporary(err)
			if it.alone && !pace.Temporary(err) {
				it.try.Attempts++
				m.q.again(it, time.Time{})
				continue
			}
		}
		results = m.retryOrFail(results, it, err)
	}
	return m.deliver(ctx, results)
}

// retryOrFail queues another try, or appends the failure to the results.
func (m *methods) retryOrFail(results []snapshot.Result, it *item, err error) []snapshot.Result {
	if linkBroken(err) {
		err = anewError{err} // the user's list begins anew
	}
	if at, again := m.c.o.Pace.Next(&it.try, err); again {
		m.q.again(it, at)
		return results
	}
	o := audit.OutcomeFailed
	if refused(err) {
		o = audit.OutcomeRefused
	}
	return append(results, it.failure(o, audit.WhatUser, err))
}

func (it *item) failure(o audit.Outcome, what string, err error) snapshot.Result {
	f := failureOf(audit.Failure{What: what, UPN: it.UPN, ID: it.ID, Attempts: it.try.Attempts}, err)
	return snapshot.Result{Seq: it.Seq, Outcome: o, Failure: &f}
}

// lookFor finds out whether a user whose passkeys are not found is gone. If
// not, nobody knows the user's passkeys.
func (m *methods) lookFor(ctx context.Context, it *item) (snapshot.Result, error) {
	exists := false
	err := m.c.do(ctx, &it.try, func(ctx context.Context) (pace.Report, error) {
		var err error
		exists, err = m.c.src.UserExists(ctx, it.ID)
		return pace.Report{}, err
	})
	notFound := notFoundError{}
	switch {
	case ctx.Err() != nil:
		return snapshot.Result{}, ctx.Err()
	case status(err) == http.StatusUnauthorized:
		return snapshot.Result{}, &RefusedError{What: "a user", Err: err}
	case err != nil:
		return it.failure(audit.OutcomeFailed, audit.WhatUser, err), nil
	case exists:
		return it.failure(audit.OutcomeFailed, audit.WhatUser, notFound), nil
	}
	return it.failure(audit.OutcomeGone, audit.WhatUserGone, notFound), nil
}

// notFoundError stands for the 404 that was answered for a user's passkeys.
type notFoundError struct{}

func (notFoundError) Error() string { return "not found" }

// Failure gives the status.
func (notFoundError) Failure() audit.Failure {
	return audit.Failure{Status: http.StatusNotFound, Code: "notFound", Message: "the user's passkeys were not found"}
}

// deliver hands results to the writer and takes the items off the books.
//
// Refused results are held back until a good answer follows: where nobody is
// answered any more, a permission has lapsed, and these users must stay
// pending for the next run.
func (m *methods) deliver(ctx context.Context, results []snapshot.Result) error {
	if len(results) == 0 {
		return nil
	}
	m.mu.Lock()
	out := results[:0:0]
	for _, r := range results {
		switch r.Outcome {
		case audit.OutcomeRefused:
			m.refused = append(m.refused, r)
			continue
		case audit.OutcomeRead:
			out = append(out, m.refused...)
			m.refused, m.anyRead = nil, true
		}
		out = append(out, r)
	}
	held := m.refused
	m.mu.Unlock()
	if len(held) >= refusedInARow {
		return refusedStop(held)
	}
	if len(out) > 0 {
		select {
		case m.results <- out:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.q.finished(len(results))
	return nil
}

func refusedStop(held []snapshot.Result) error {
	return &RefusedError{What: "passkeys", Err: failureError{*held[len(held)-1].Failure}}
}

// failureError turns a kept failure into an error again.
type failureError struct{ f audit.Failure }

func (e failureError) Error() string {
	if e.f.Message == "" {
		return e.f.Code
	}
	return e.f.Code + ": " + e.f.Message
}

// Failure gives the kept failure.
func (e failureError) Failure() audit.Failure { return e.f }

// lastRefused decides at the end of the run about those that are held back.
func (m *methods) lastRefused() ([]snapshot.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.refused) > 0 && !m.anyRead && m.c.o.Progress.Stage().Done == m.c.o.Progress.Stage().OutOfScope {
		// Nobody could be read at all.
		return nil, refusedStop(m.refused)
	}
	return m.refused, nil
}

// write keeps results as they come: all that are there in one transaction, so
// that a kill loses next to nothing and a commit is paid for once.
func (m *methods) write(ctx context.Context) error {
	noted := time.Now()
	for {
		rs, ok, err := m.next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			if ctx.Err() != nil || stopped(m.c.o.Stop) {
				return ctx.Err()
			}
			if rs, err = m.lastRefused(); err != nil {
				return err
			}
		}
		if len(rs) > 0 {
			// What was answered is kept, also when the run is being cancelled.
			if err := m.c.store.Record(context.WithoutCancel(ctx), rs); err != nil {
				return err
			}
			m.c.o.Progress.recorded(rs)
		}
		if !ok {
			return nil
		}
		if now := time.Now(); now.Sub(noted) > time.Second {
			noted = now
			if err := m.c.noteEffort(ctx, time.Time{}); err != nil {
				return err
			}
		}
	}
}

// gather is how long results wait for others, to be written in one transaction:
// long enough to save commits where answers come fast, and short enough that a
// kill loses next to nothing.
const gather = time.Millisecond

// next gives all results that are there or come soon, waiting for the first.
func (m *methods) next(ctx context.Context) (rs []snapshot.Result, ok bool, err error) {
	const most = 500
	select {
	case rs, ok = <-m.results:
	case <-ctx.Done():
		// Whatever was answered before the end is still kept.
		select {
		case rs, ok = <-m.results:
		default:
			return nil, false, ctx.Err()
		}
	}
	if !ok {
		return nil, false, nil
	}
	soon := time.NewTimer(gather)
	defer soon.Stop()
	for len(rs) < most {
		select {
		case more, open := <-m.results:
			if !open {
				return rs, true, nil
			}
			rs = append(rs, more...)
		case <-soon.C:
			return rs, true, nil
		case <-ctx.Done():
			return rs, true, nil
		}
	}
	return rs, true, nil
}

// reportOf tells the pace what came of a batch, item by item.
func reportOf(b audit.MethodsBatch) pace.Report {
	r := pace.Report{Percentage: b.Load.Percentage}
	for i := range b.Answers {
		one := pace.ReportOf(1, b.Answers[i].Err)
		r.OK += one.OK
		r.Throttled += one.Throttled
		r.Failed += one.Failed
		if one.Throttled > 0 && one.HasRetryAfter {
			r.HasRetryAfter = true
			r.RetryAfter = max(r.RetryAfter, one.RetryAfter)
		}
	}
	return r
}
