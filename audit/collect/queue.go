package collect

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"passkey-audit/audit/pace"
	"passkey-audit/audit/snapshot"
)

// mergeStop gives a context that ends with ctx or with stop, which may be nil.
func mergeStop(ctx context.Context, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if stop != nil {
		go func() {
			select {
			case <-stop:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return ctx, cancel
}

func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// An item is a pending user in memory.
type item struct {
	snapshot.PendingUser
	try pace.Try
	// whole counts the batches that failed as a whole with this user in them.
	whole int
	// unauthorized is true after a 401, which renewing the token may cure once.
	unauthorized bool
	// alone asks for a batch of its own.
	alone bool
	at    time.Time // not before
}

// A queue holds the users that are about to be read. One goroutine takes from
// it; everything else may be called by many.
type queue struct {
	mu      sync.Mutex
	fresh   []*item
	delayed delayed
	out     int // taken and neither finished nor back
	ended   bool
	changed chan struct{} // of capacity 1: a signal is kept until somebody waits
}

func (q *queue) signal() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

func (q *queue) endListing() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.signal()
}

func (q *queue) listingHasEnded() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ended
}

func (q *queue) add(users []snapshot.PendingUser) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, u := range users {
		q.fresh = append(q.fresh, &item{PendingUser: u})
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.fresh)
}

// again puts an item back for a further try.
func (q *queue) again(it *item, at time.Time) {
	it.at = at
	q.mu.Lock()
	heap.Push(&q.delayed, it)
	q.out--
	q.mu.Unlock()
	q.signal()
}

func (q *queue) finished(n int) {
	q.mu.Lock()
	q.out -= n
	q.mu.Unlock()
	q.signal()
}

// idle reports whether nobody is queued or under way.
func (q *queue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.out == 0 && len(q.fresh) == 0 && len(q.delayed) == 0
}

// ready counts what could be taken now. If nothing, at is when the first
// retry falls due; zero if there is none.
func (q *queue) ready(now time.Time) (n int, at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = len(q.fresh)
	if n >= MaxBatch {
		return n, time.Time{}
	}
	for _, it := range q.delayed {
		if !it.at.After(now) {
			if it.alone {
				return 1, time.Time{}
			}
			n++
		}
	}
	if n == 0 && len(q.delayed) > 0 {
		at = q.delayed[0].at
	}
	return n, at
}

// take takes up to n items that are ready, retries first. An item that wants
// to be alone is.
func (q *queue) take(n int, now time.Time) []*item {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := make([]*item, 0, n)
	for len(batch) < n && len(q.delayed) > 0 && !q.delayed[0].at.After(now) {
		if q.delayed[0].alone && len(batch) > 0 {
			break
		}
		it := heap.Pop(&q.delayed).(*item)
		batch = append(batch, it)
		if it.alone {
			q.out += len(batch)
			return batch
		}
	}
	k := min(n-len(batch), len(q.fresh))
	batch = append(batch, q.fresh[:k]...)
	clear(q.fresh[:k])
	q.fresh = q.fresh[k:]
	q.out += len(batch)
	return batch
}

// wait waits for a signal, a time (none if zero) or the context's end.
func (q *queue) wait(ctx context.Context, at time.Time) error {
	var due <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-due:
	case <-q.changed:
	}
	return nil
}

// delayed is a heap by time, and by the users' order where times agree.
type delayed []*item

func (d delayed) Len() int { return len(d) }
func (d delayed) Less(i, j int) bool {
	if d[i].at.Equal(d[j].at) {
		return d[i].Seq < d[j].Seq
	}
	return d[i].at.Before(d[j].at)
}
func (d delayed) Swap(i, j int) { d[i], d[j] = d[j], d[i] }

// Push and Pop are for container/heap.
func (d *delayed) Push(x any) { *d = append(*d, x.(*item)) }

// Pop takes the last element.
func (d *delayed) Pop() any {
	old := *d
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return it
}
