package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"passkey-audit/audit"
)

// A Reader reads a snapshot and cannot change it. It is safe for concurrent
// use, also for queries inside a range over another's rows.
type Reader struct {
	db   *sql.DB
	path string
	meta Meta
	// version is the schema's, which is the one of when it was written.
	version int
}

// OpenReader opens a snapshot to read it. The caller closes it. It returns
// ErrNoSnapshot, ErrNewer or ErrInUse where that is the matter.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	if err := Probe(path); err != nil {
		return nil, err
	}
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(2000)", "query_only(ON)", "temp_store(FILE)", "cache_size(-2000)"}}
	db, err := sql.Open("sqlite", dsn(path, q))
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	// Ranges over all users take some of them, and a query inside such a range
	// would wait for ever for one more.
	db.SetMaxOpenConns(4*partsMost + 4)
	r := &Reader{db: db, path: path}
	if err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&r.version); err == nil {
		r.meta, err = readMeta(ctx, db)
	}
	if err != nil {
		err = classify(err)
		if !errors.Is(err, ErrInUse) && !errors.Is(err, ErrNoSnapshot) {
			err = fmt.Errorf("%w: %w", ErrNoSnapshot, err)
		}
		return nil, errors.Join(err, db.Close())
	}
	return r, nil
}

// Close ends the reading.
func (r *Reader) Close() error { return r.db.Close() }

// Path is where the snapshot lies.
func (r *Reader) Path() string { return r.path }

// Meta is what the snapshot knows of itself.
func (r *Reader) Meta() Meta { return r.meta }

// Document reads a body that was kept as Graph sent it; false if there is none.
func (r *Reader) Document(ctx context.Context, name string) ([]byte, bool, error) {
	return document(ctx, r.db, name)
}

func document(ctx context.Context, db *sql.DB, name string) ([]byte, bool, error) {
	var body []byte
	err := db.QueryRowContext(ctx, "SELECT body FROM documents WHERE name = ?", name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", name, classify(err))
	}
	return body, true, nil
}

// Listing is how far the listing of users came.
func (r *Reader) Listing(ctx context.Context) (Listing, error) {
	s := Store{db: r.db}
	return s.Listing(ctx)
}

// Groups gives the groups that were asked for, by id.
func (r *Reader) Groups(ctx context.Context) ([]audit.Group, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT g.id, g.name, g.outcome, (SELECT count(*) FROM group_members m WHERE m.group_id = g.id),
		f.status, f.code, f.message, f.request_id, f.attempts
		FROM groups g LEFT JOIN failures f ON f.what = ? AND f.id = g.id ORDER BY g.id`, audit.WhatGroup)
	if err != nil {
		return nil, fmt.Errorf("read groups: %w", classify(err))
	}
	defer rows.Close()
	var out []audit.Group
	for rows.Next() {
		var g audit.Group
		var status, attempts sql.NullInt64
		var code, message, request sql.NullString
		if err := rows.Scan(&g.ID, &g.Name, &g.Outcome, &g.Members, &status, &code, &message, &request, &attempts); err != nil {
			return nil, fmt.Errorf("read groups: %w", err)
		}
		if status.Valid {
			g.Failure = &audit.Failure{TenantID: r.meta.Tenant.ID, What: audit.WhatGroup, ID: g.ID, Status: int(status.Int64), Code: code.String,
				Message: message.String, RequestID: request.String, Attempts: int(attempts.Int64)}
		}
		out = append(out, g)
	}
	return out, rows.Err()
}

// Failures gives what could not be read: first what is no user, then users by
// their principal names. Users who were never asked because the scan was
// interrupted come last, with the code "pending". An error ends the sequence.
func (r *Reader) Failures(ctx context.Context) iter.Seq2[audit.Failure, error] {
	return func(yield func(audit.Failure, error) bool) {
		rows, err := r.db.QueryContext(ctx, `SELECT * FROM (
			SELECT what, id, upn, status, code, message, request_id, attempts, 0 AS late FROM failures
			UNION ALL
			SELECT ?, id, upn, 0, 'pending', 'not read before the scan was interrupted', '', 0, 1 FROM users WHERE outcome = 'pending')
			ORDER BY late, upn <> '', what, lower(upn), id`, audit.WhatUser)
		if err != nil {
			yield(audit.Failure{}, fmt.Errorf("read failures: %w", classify(err)))
			return
		}
		defer rows.Close()
		for rows.Next() {
			f := audit.Failure{TenantID: r.meta.Tenant.ID}
			var late int
			err := rows.Scan(&f.What, &f.ID, &f.UPN, &f.Status, &f.Code, &f.Message, &f.RequestID, &f.Attempts, &late)
			if !yield(f, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(audit.Failure{}, fmt.Errorf("read failures: %w", classify(err)))
		}
	}
}

// Coverage counts what became of the users. NotLookedAt is left empty.
func (r *Reader) Coverage(ctx context.Context) (audit.Coverage, error) {
	l, err := r.Listing(ctx)
	if err != nil {
		return audit.Coverage{}, err
	}
	c := audit.Coverage{ListingComplete: l.Done}
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		err := r.db.QueryRowContext(gctx, `SELECT count(*), count(*) FILTER (WHERE outcome = ?), count(*) FILTER (WHERE outcome = ?), count(*) FILTER (WHERE outcome = ?) FROM users`,
			audit.OutcomeRead, audit.OutcomeGone, audit.OutcomeOutOfScope).Scan(&c.Listed, &c.Read, &c.Gone, &c.OutOfScope)
		if err != nil {
			return fmt.Errorf("count users: %w", classify(err))
		}
		c.Unread = c.Listed - c.Read - c.Gone - c.OutOfScope
		return nil
	})
	group.Go(func() error {
		err := r.db.QueryRowContext(gctx, `SELECT (SELECT count(DISTINCT user_seq) FROM passkeys k JOIN users u ON u.seq = k.user_seq AND u.outcome = 'read'),
			(SELECT count(*) FROM failures WHERE what NOT IN (?, ?))`, audit.WhatUser, audit.WhatUserGone).Scan(&c.WithPasskey, &c.OtherUnread)
		if err != nil {
			return fmt.Errorf("count passkeys: %w", classify(err))
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return audit.Coverage{}, err
	}
	c.WithoutPasskey = c.Read - c.WithPasskey
	return c, nil
}

// A Use counts the passkeys and the users that hold one AAGUID, in the text
// that Graph sent.
type Use struct {
	AAGUID   string
	Passkeys int
	Users    int
}

// AAGUIDs counts the AAGUIDs among the passkeys, ordered by their text.
func (r *Reader) AAGUIDs(ctx context.Context) ([]Use, error) {
	parts, err := r.parts(ctx)
	if err != nil {
		return nil, fmt.Errorf("count AAGUIDs: %w", classify(err))
	}
	counted := make([][]Use, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	for i, p := range parts {
		group.Go(func() (err error) {
			counted[i], err = r.uses(ctx, p)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("count AAGUIDs: %w", classify(err))
	}
	sum := map[string]Use{}
	for _, u := range slices.Concat(counted...) {
		have := sum[u.AAGUID]
		sum[u.AAGUID] = Use{AAGUID: u.AAGUID, Passkeys: have.Passkeys + u.Passkeys, Users: have.Users + u.Users}
	}
	return slices.SortedFunc(maps.Values(sum), func(a, b Use) int { return strings.Compare(a.AAGUID, b.AAGUID) }), nil
}

// uses counts the AAGUIDs among the passkeys of some users, who come one after
// the other.
func (r *Reader) uses(ctx context.Context, p part) ([]Use, error) {
	rows, err := r.db.QueryContext(ctx, "SELECT user_seq, aaguid FROM passkeys WHERE user_seq BETWEEN ? AND ? ORDER BY user_seq", p.from, p.to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	type use struct {
		Use
		last int64
	}
	byText, byAAGUID := map[string]*use{}, map[string]*use{}
	var seq int64
	var text sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&seq, &text); err != nil {
			return nil, err
		}
		u := byText[string(text)]
		if u == nil {
			a := strings.ToLower(string(text))
			if u = byAAGUID[a]; u == nil {
				u = &use{Use: Use{AAGUID: a}, last: p.from - 1}
				byAAGUID[a] = u
			}
			byText[string(text)] = u
		}
		u.Passkeys++
		if u.last != seq {
			u.last = seq
			u.Users++
		}
	}
	var out []Use
	for _, u := range byAAGUID {
		out = append(out, u.Use)
	}
	return out, rows.Err()
}

// Ceiling gives the rate that NoteCeiling kept; 0 if no quota was met.
func (r *Reader) Ceiling(ctx context.Context) (perSecond float64, err error) {
	var text string
	err = r.db.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", keyCeiling).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err == nil {
		perSecond, err = strconv.ParseFloat(text, 64)
	}
	if err != nil {
		return 0, fmt.Errorf("read quota: %w", classify(err))
	}
	return perSecond, nil
}

// Effort sums what all runs on this snapshot have cost, and says how many
// there were.
func (r *Reader) Effort(ctx context.Context) (e Effort, runs int, err error) {
	err = r.db.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(requests), 0), coalesce(sum(batches), 0), coalesce(sum(throttled), 0), coalesce(sum(retried), 0),
		coalesce(sum(failed), 0), coalesce(sum(waited_ms), 0), coalesce(sum(active_ms), 0) FROM runs`).
		Scan(&runs, &e.Requests, &e.Batches, &e.Throttled, &e.Retried, &e.Failed, &e.WaitedMS, &e.ActiveMS)
	if err != nil {
		return Effort{}, 0, fmt.Errorf("sum effort: %w", classify(err))
	}
	return e, runs, nil
}
