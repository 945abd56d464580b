package snapshot

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Sizes of reading all users in parts.
const (
	// partLeast is for how many users another connection is worth its start.
	partLeast = 10_000
	// partsMost bounds the connections that one reading takes.
	partsMost = 4
	// A part has batches of batchLength records, batches of them at a time.
	batchLength = 256
	batches     = 3
)

// A part is a range of users by their numbers, both included.
type part struct{ from, to int64 }

// parts cuts the users into ranges of one length each, as many as can be read at
// once.
func (r *Reader) parts(ctx context.Context) ([]part, error) {
	var first, last int64
	if err := r.db.QueryRowContext(ctx, "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM users").Scan(&first, &last); err != nil {
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

// inOrder gives the users of the parts in order until yield wants no more.
// Sorting them takes most of the time and comes before the first one: each part
// is read and sorted by a connection of its own, and what they give is merged.
func (r *Reader) inOrder(ctx context.Context, parts []part, yield func(*Record) bool) error {
	// Sorting all rows costs less than to look each one up in the order of an
	// index: a page of the file holds people of all names.
	query, err := r.usersQuery(ctx, "NOT INDEXED", "WHERE u.seq BETWEEN ? AND ? ORDER BY u.upn_key, u.id")
	if err != nil {
		return err
	}
	return r.merged(ctx, query, parts, yield)
}

// merged runs a query for each part, and merges what they give.
func (r *Reader) merged(ctx context.Context, query string, parts []part, yield func(*Record) bool) error {
	if len(parts) == 1 {
		return r.records(ctx, query, []any{parts[0].from, parts[0].to}, func(s *sortable) bool { return yield(&s.Record) })
	}
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	defer func() {
		cancel()
		_ = group.Wait() // told already, or nobody wants to know
	}()
	streams := make([]*stream, len(parts))
	for i, p := range parts {
		s := newStream()
		streams[i] = s
		group.Go(func() error {
			defer close(s.full)
			if err := r.records(ctx, query, []any{p.from, p.to}, func(rec *sortable) bool { return s.put(ctx, rec) }); err != nil {
				return err
			}
			return s.end(ctx)
		})
	}
	if merge(streams, yield) {
		return nil
	}
	return group.Wait()
}

// merge gives the records of the streams in order. It returns false if a stream
// broke off.
func merge(streams []*stream, yield func(*Record) bool) bool {
	for _, s := range streams {
		s.next()
	}
	for {
		var least *stream
		for _, s := range streams {
			switch {
			case s.broken():
				return false
			case s.head != nil && (least == nil || s.head.before(least.head)):
				least = s
			}
		}
		if least == nil || !yield(&least.head.Record) {
			return true
		}
		least.next()
	}
}

// A stream brings the records of one part from the goroutine that reads them to
// the one that wants them.
type stream struct {
	full, free chan []sortable
	// batch is what the reading goroutine fills.
	batch []sortable
	// whole is set before full is closed, if all was read.
	whole bool

	// What the other goroutine has in hand: the batch and, in it, the head; no
	// head at the end.
	taken []sortable
	at    int
	head  *sortable
}

func newStream() *stream {
	s := &stream{full: make(chan []sortable, batches), free: make(chan []sortable, batches), batch: make([]sortable, 0, batchLength)}
	for range batches - 1 {
		s.free <- make([]sortable, 0, batchLength)
	}
	return s
}

// put adds a record, and leaves in it slices to use again. It returns false
// when the context has ended.
func (s *stream) put(ctx context.Context, rec *sortable) bool {
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
	s.whole = true
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

// broken tells at the end whether there should have been more.
func (s *stream) broken() bool { return s.head == nil && !s.whole }
