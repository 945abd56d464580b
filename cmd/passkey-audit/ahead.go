package main

import (
	"context"
	"iter"

	"passkey-audit/audit"
	"passkey-audit/audit/snapshot"
)

// aheadSize is how many users are handed over at a time, and aheadBatches how
// many such batches there are: enough that neither side waits for the other,
// and no more than some thousand users in memory.
const (
	aheadSize    = 512
	aheadBatches = 4
)

// A herd is a batch of users that were read ahead.
type herd struct {
	users []snapshot.Record
	keys  []audit.Passkey
	in    []audit.Membership
	err   error
}

// take copies a record, which is valid until the next one only.
func (h *herd) take(rec *snapshot.Record) {
	r := *rec
	from := len(h.keys)
	h.keys = append(h.keys, rec.Passkeys...)
	r.Passkeys = h.keys[from:len(h.keys):len(h.keys)]
	from = len(h.in)
	h.in = append(h.in, rec.MemberOf...)
	r.MemberOf = h.in[from:len(h.in):len(h.in)]
	h.users = append(h.users, r)
}

// ahead reads users while others are looked at: reading a snapshot takes as long
// as judging what is in it. A record is valid until the next one.
func ahead(ctx context.Context, read func(context.Context) iter.Seq2[*snapshot.Record, error]) iter.Seq2[*snapshot.Record, error] {
	return func(yield func(*snapshot.Record, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		full, empty, ended := make(chan *herd, aheadBatches), make(chan *herd, aheadBatches), make(chan struct{})
		defer func() {
			cancel()
			<-ended
		}()
		for range aheadBatches {
			empty <- new(herd)
		}
		go func() {
			defer close(ended)
			defer close(full)
			drive(ctx, read(ctx), empty, full)
		}()
		for h := range full {
			for i := range h.users {
				if !yield(&h.users[i], nil) {
					return
				}
			}
			if h.err != nil {
				yield(nil, h.err)
				return
			}
			h.users, h.keys, h.in = h.users[:0], h.keys[:0], h.in[:0]
			empty <- h
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// drive fills empty herds with users, up to the last or the first error.
func drive(ctx context.Context, users iter.Seq2[*snapshot.Record, error], empty <-chan *herd, full chan<- *herd) {
	// Full has room for every herd there is, so that sending never waits.
	next := func() *herd {
		select {
		case h := <-empty:
			return h
		case <-ctx.Done():
			return nil
		}
	}
	h := next()
	for rec, err := range users {
		if h == nil {
			return
		}
		if err != nil {
			h.err = err
			break
		}
		h.take(rec)
		if len(h.users) == aheadSize {
			full <- h
			h = next()
		}
	}
	if h != nil {
		full <- h
	}
}
