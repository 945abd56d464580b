package snapshot

import (
	"cmp"
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Sizes of reading all users in parts.
const (
	// partLeast is for how many users another part is worth its start.
	partLeast = 10_000
	// partsMost bounds the parts; each takes two connections.
	partsMost = 4
	// A stream has batches of batchLength records, batches of them at a time.
	batchLength = 256
	batches     = 3
)

// A part is a range of users by their numbers, both included.
type part struct{ from, to int64 }

// parts cuts the users into ranges of one length each, as many as can be read at
// once.
func (r *Reader) parts(ctx context.Context) ([]part, error) {
	var first, last int64
	// Asked for together, SQLite goes through all rows for the two.
	if err := r.db.QueryRowContext(ctx, "SELECT coalesce((SELECT min(seq) FROM users), 0), coalesce((SELECT max(seq) FROM users), 0)").Scan(&first, &last); err != nil {
		return nil, err
	}
	span := last - first + 1
	if span <= 0 { // no such numbers are given
		return []part{{first, last}}, nil
	}
	n := max(min(int64(runtime.GOMAXPROCS(0)), partsMost, span/partLeast), 1)
	var list []part
	for i := range n {
		list = append(list, part{first + span/n*i, first + span/n*(i+1) - 1})
	}
	list[n-1].to = last
	return list, nil
}

// inOrder gives the users of the parts in order until yield wants no more. Each
// part is read by a goroutine of its own into a sorter with so much room; once
// all are read, another one merges them ahead of yield.
func (r *Reader) inOrder(ctx context.Context, parts []part, room int, yield func(*Record) bool) error {
	sorters := make([]*sorter, len(parts))
	defer func() {
		for _, s := range sorters {
			s.close()
		}
	}()
	group, gctx := errgroup.WithContext(ctx)
	for i, p := range parts {
		s := newSorter(r.folder(), room)
		sorters[i] = s
		group.Go(func() error { return r.scan(gctx, p, s) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newStream()
	group, gctx = errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(s.full)
		if err := r.merge(gctx, sorters, s); err != nil {
			return err
		}
		return s.end(gctx)
	})
	defer func() {
		cancel()
		_ = group.Wait() // told below, or nobody wants to know
	}()
	for s.next(); s.head != nil; s.next() {
		if !yield(s.head) {
			return nil
		}
	}
	return group.Wait()
}

// merge sends the users of all sorters to a stream.
func (r *Reader) merge(ctx context.Context, sorters []*sorter, to *stream) error {
	var rec Record
	var damaged error
	err := inOrder(ctx, sorters, func(id, rest []byte) bool {
		text := string(rest) // which the record's texts are parts of
		damaged = r.unpack(&rec, string(id), text)
		return damaged == nil && to.put(ctx, &rec)
	})
	return cmp.Or(err, damaged)
}

// A stream brings records from the goroutine that makes them to the one that
// wants them.
type stream struct {
	full, free chan []Record
	// batch is what the first one fills.
	batch []Record

	// What the other goroutine has in hand: the batch and, in it, the head; no
	// head at the end.
	taken []Record
	at    int
	head  *Record
}

func newStream() *stream {
	s := &stream{full: make(chan []Record, batches), free: make(chan []Record, batches), batch: make([]Record, 0, batchLength)}
	for range batches - 1 {
		s.free <- make([]Record, 0, batchLength)
	}
	return s
}

// put adds a record, and leaves in it slices to use again. It returns false
// when the context has ended.
func (s *stream) put(ctx context.Context, rec *Record) bool {
	n := len(s.batch)
	s.batch = s.batch[:n+1]
	s.batch[n], *rec = *rec, s.batch[n]
	if n+1 < batchLength {
		return true
	}
	s.full <- s.batch // there is room for all batches
	select {
	case s.batch = <-s.free:
		return true
	case <-ctx.Done():
		return false
	}
}

// end hands over the last records.
func (s *stream) end(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.full <- s.batch
	return nil
}

// next moves the head on.
func (s *stream) next() {
	for s.at++; s.at >= len(s.taken); s.at = 0 {
		if s.taken != nil {
			s.free <- s.taken[:0] // there is room for all batches
		}
		var more bool
		if s.taken, more = <-s.full; !more {
			s.head = nil
			return
		}
	}
	s.head = &s.taken[s.at]
}
