package collect

import (
	"context"
	"time"

	"passkey-audit/audit/snapshot"
)

// A spool gathers pages of users before they are written. Users come in no
// order, so that each transaction writes much of an index: the fewer, the
// cheaper. What is gathered and not written when the process dies is listed
// again.
type spool struct {
	c     *collector
	added func()

	users   []snapshot.ListedUser
	pages   int
	next    string
	flushed time.Time
}

// How much is gathered at most, and for how long.
const (
	spoolUsers = 10_000
	spoolTime  = 200 * time.Millisecond
)

// add takes a page, and writes it at once if it is the first or the last one.
func (s *spool) add(ctx context.Context, users []snapshot.ListedUser, next string) error {
	s.users = append(s.users, users...)
	s.pages++
	s.next = next
	if next != "" && len(s.users) < spoolUsers && time.Since(s.flushed) < spoolTime {
		return nil
	}
	return s.flush(ctx)
}

// flush writes what was gathered.
func (s *spool) flush(ctx context.Context) error {
	if s.pages == 0 {
		return nil
	}
	n, err := s.c.store.AddPages(ctx, s.users, s.pages, s.next)
	if err != nil {
		return err
	}
	s.c.o.Progress.listed(n, s.next == "")
	s.users, s.pages, s.flushed = s.users[:0], 0, time.Now()
	s.added()
	return nil
}
