package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"passkey-audit/audit"
	"passkey-audit/audit/snapshot"
)

// herdOf gives n users who share the memory of one record, and err at the end.
func herdOf(n int, err error) func(context.Context) iter.Seq2[*snapshot.Record, error] {
	return func(ctx context.Context) iter.Seq2[*snapshot.Record, error] {
		return func(yield func(*snapshot.Record, error) bool) {
			var rec snapshot.Record
			for i := range n {
				if ctx.Err() != nil {
					yield(nil, ctx.Err())
					return
				}
				rec.ID, rec.Passkeys, rec.MemberOf = fmt.Sprint(i), rec.Passkeys[:0], rec.MemberOf[:0]
				for k := range i % 4 {
					rec.Passkeys = append(rec.Passkeys, audit.Passkey{ID: fmt.Sprint(i, k)})
					rec.MemberOf = append(rec.MemberOf, audit.Membership{GroupID: fmt.Sprint(k, i)})
				}
				if !yield(&rec, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
			}
		}
	}
}

// TestAhead: everybody comes, in order and whole, then the error if there is one.
func TestAhead(t *testing.T) {
	broken := errors.New("broken")
	for _, n := range []int{0, 1, aheadSize - 1, aheadSize, aheadSize + 1, 20*aheadSize + 7} {
		for _, end := range []error{nil, broken} {
			at, last := 0, error(nil)
			for rec, err := range ahead(t.Context(), herdOf(n, end)) {
				if err != nil {
					last = err
					continue
				}
				if rec.ID != fmt.Sprint(at) || len(rec.Passkeys) != at%4 || len(rec.MemberOf) != at%4 {
					t.Fatalf("%d users: user %d is %+v", n, at, rec)
				}
				for k := range rec.Passkeys {
					if rec.Passkeys[k].ID != fmt.Sprint(at, k) || rec.MemberOf[k].GroupID != fmt.Sprint(k, at) {
						t.Fatalf("user %d: %+v", at, rec)
					}
				}
				at++
			}
			if at != n || !errors.Is(last, end) {
				t.Errorf("%d users and error %v came, want %d and %v", at, last, n, end)
			}
		}
	}
}

// TestAheadStops: whoever has seen enough leaves nothing behind; goleak looks.
func TestAheadStops(t *testing.T) {
	for _, seen := range []int{1, aheadSize, 3 * aheadSize} {
		n := 0
		for range ahead(t.Context(), herdOf(50*aheadSize, nil)) {
			if n++; n == seen {
				break
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	n := 0
	for _, err := range ahead(ctx, herdOf(1<<40, nil)) {
		if n++; n == 2*aheadSize {
			cancel()
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("a cancelled reading ended with %v", last)
	}
}
