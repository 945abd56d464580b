package snapshot

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"passkey-audit/audit"
)

// Names of documents.
const (
	// DocumentPolicy is the Passkey (FIDO2) configuration as Graph sent it.
	DocumentPolicy = "policy"
	// DocumentStrengths and DocumentConditionalAccess are JSON arrays of
	// authentication strengths and Conditional Access policies, each as Graph
	// sent it.
	DocumentStrengths = "strengths"
	// DocumentGrants tells with which permissions the last run has read, in the
	// program's own form.
	DocumentGrants            = "grants"
	DocumentConditionalAccess = "conditional_access"
)

// PutDocument keeps a body as Graph sent it, instead of any former one.
func (s *Store) PutDocument(ctx context.Context, name string, body []byte) error {
	_, err := s.db.ExecContext(ctx, "INSERT INTO documents (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body", name, body)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, classify(err))
	}
	return nil
}

// Document reads a body that PutDocument kept; false if there is none.
func (s *Store) Document(ctx context.Context, name string) ([]byte, bool, error) {
	return document(ctx, s.db, name)
}

// Listing is how far the listing of users has come.
type Listing struct {
	// Next is the link to the next page; empty before the first.
	Next     string
	Pages    int
	Restarts int
	Done     bool
}

// Listing reads how far the listing has come.
func (s *Store) Listing(ctx context.Context) (Listing, error) {
	var l Listing
	err := s.db.QueryRowContext(ctx, "SELECT next_link, pages, restarts, done FROM listing").Scan(&l.Next, &l.Pages, &l.Restarts, &l.Done)
	if err != nil {
		return Listing{}, fmt.Errorf("read listing: %w", classify(err))
	}
	return l, nil
}

// A ListedUser is a user of the listing and the outcome to start with: pending,
// or out of scope.
type ListedUser struct {
	audit.User
	Outcome audit.Outcome
}

// AddPages adds the users of pages that follow each other, and the link behind
// the last of them, in one transaction; an empty link ends the listing. A user
// who is there already keeps the outcome: a page may be added twice. It returns
// how many users are new.
func (s *Store) AddPages(ctx context.Context, users []ListedUser, pages int, next string) (added int, err error) {
	ctx = context.WithoutCancel(ctx)
	err = s.tx(ctx, func(tx *sql.Tx) error {
		ins := bulk{tx: tx, sql: bulkSQL{"INSERT OR IGNORE INTO users (id, upn, upn_key, display_name, user_type, enabled, outcome) VALUES ", "(?, ?, ?, ?, ?, ?, ?)"}}
		for i := range users {
			u := &users[i]
			if err := ins.add(ctx, u.ID, u.UPN, strings.ToLower(u.UPN), u.DisplayName, u.Type, ternary(u.Enabled), string(u.Outcome)); err != nil {
				return err
			}
		}
		if err := ins.end(ctx); err != nil {
			return err
		}
		added = ins.affected
		if err := s.joinRegistrations(ctx, tx, users); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE listing SET next_link = ?, pages = pages + ?, done = ?", next, pages, next == "")
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("write users: %w", err)
	}
	return added, nil
}

// RestartListing forgets the link to the next page, after the service has
// declared it expired. Nobody is forgotten or doubled by it.
func (s *Store) RestartListing(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "UPDATE listing SET next_link = '', restarts = restarts + 1")
	if err != nil {
		return fmt.Errorf("restart listing: %w", classify(err))
	}
	return nil
}

// A PendingUser is a user whose passkeys are still to be read.
type PendingUser struct {
	Seq int64
	ID  string
	UPN string
	// Likely is the number of a likely holder; 0 for everybody else.
	Likely int64
}

// Pending gives up to limit pending users whose Seq is greater than after, in
// the order of Seq.
func (s *Store) Pending(ctx context.Context, after int64, limit int) ([]PendingUser, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT seq, id, upn, coalesce(likely, 0) FROM users WHERE outcome = 'pending' AND seq > ? ORDER BY seq LIMIT ?", after, limit)
	if err != nil {
		return nil, fmt.Errorf("read pending users: %w", classify(err))
	}
	defer rows.Close()
	var out []PendingUser
	for rows.Next() {
		var u PendingUser
		if err := rows.Scan(&u.Seq, &u.ID, &u.UPN, &u.Likely); err != nil {
			return nil, fmt.Errorf("read pending users: %w", err)
		}
		out = append(out, u)
	}
	return out, rows.Err()
}

// A Result is what became of reading a user's passkeys.
type Result struct {
	Seq      int64
	Outcome  audit.Outcome
	Passkeys []audit.Passkey
	// Failure goes with every outcome but OutcomeRead.
	Failure *audit.Failure
}

// Record keeps results in one transaction, and sorts them for that. Recording a
// user again replaces what was there.
func (s *Store) Record(ctx context.Context, results []Result) error {
	ctx = context.WithoutCancel(ctx)
	slices.SortFunc(results, func(a, b Result) int { return cmp.Compare(a.Seq, b.Seq) })
	if err := s.prepare(ctx); err != nil {
		return err
	}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		w := s.recorder.in(ctx, tx)
		for from := 0; from < len(results); {
			to := runOf(results, from)
			if err := w.run(ctx, results[from:to]); err != nil {
				return err
			}
			from = to
		}
		return w.keys.end(ctx)
	})
	if err != nil {
		return fmt.Errorf("write passkeys: %w", err)
	}
	return nil
}

// runOf finds the end of a run of users who follow each other and have the same
// outcome: one statement serves them all.
func runOf(rs []Result, from int) int {
	to := from + 1
	for to < len(rs) && rs[to].Seq == rs[to-1].Seq+1 && rs[to].Outcome == rs[from].Outcome {
		to++
	}
	return to
}

// A recorder holds the statements of Record, prepared for all transactions.
type recorder struct {
	users, clear, fail *sql.Stmt
	keys               bulkStatements
}

// insertPasskeys adds passkeys of users whose former ones were removed before.
// Should Graph list one twice, it is the same passkey.
func insertPasskeys() bulkSQL {
	return bulkSQL{
		"INSERT OR IGNORE INTO passkeys (user_seq, id, name, aaguid, model, type, attestation, created_at, last_used_at) VALUES ",
		"(?, ?, ?, ?, ?, ?, ?, ?, ?)",
	}
}

// prepare prepares the statements of Record at its first call, for all later
// ones. It must not be called in a transaction, which has the one connection.
func (s *Store) prepare(ctx context.Context) (err error) {
	s.preparing.Lock()
	defer s.preparing.Unlock()
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		// One statement serves a run of users: ?4 has a digit for each.
		{&s.recorder.users, "UPDATE users SET outcome = ?1, holds = CAST(substr(?4, seq - ?2 + 1, 1) AS INTEGER) WHERE seq BETWEEN ?2 AND ?3"},
		{&s.recorder.clear, "DELETE FROM passkeys WHERE user_seq BETWEEN ? AND ?"},
		{&s.recorder.fail, insertFailure},
	} {
		if *p.to == nil {
			if *p.to, err = s.db.PrepareContext(ctx, p.sql); err != nil {
				return fmt.Errorf("prepare statement: %w", classify(err))
			}
		}
	}
	return s.recorder.keys.prepare(ctx, s.db, insertPasskeys())
}

// A recording holds the statements of a recorder in a transaction, which closes
// them.
type recording struct {
	users, clear, fail *sql.Stmt
	keys               bulk
}

func (w *recorder) in(ctx context.Context, tx *sql.Tx) *recording {
	return &recording{
		tx.StmtContext(ctx, w.users), tx.StmtContext(ctx, w.clear), tx.StmtContext(ctx, w.fail),
		bulk{tx: tx, sql: insertPasskeys(), prepared: &w.keys},
	}
}

// held gives the digits of users.holds for a run of users; nil, which stands
// for not known, unless they were read.
func held(rs []Result) any {
	if rs[0].Outcome != audit.OutcomeRead {
		return nil
	}
	digits := make([]byte, len(rs))
	for i := range rs {
		digits[i] = '0' + byte(min(9, len(rs[i].Passkeys)))
	}
	return string(digits)
}

// run records users who follow each other and have the same outcome.
func (w *recording) run(ctx context.Context, rs []Result) error {
	first, last := rs[0].Seq, rs[len(rs)-1].Seq
	if _, err := w.users.ExecContext(ctx, string(rs[0].Outcome), first, last, held(rs)); err != nil {
		return err
	}
	if _, err := w.clear.ExecContext(ctx, first, last); err != nil {
		return err
	}
	for i := range rs {
		if rs[i].Failure != nil {
			if err := execFailure(ctx, w.fail, *rs[i].Failure); err != nil {
				return err
			}
		}
		if rs[i].Outcome != audit.OutcomeRead {
			continue
		}
		for j := range rs[i].Passkeys {
			k := &rs[i].Passkeys[j]
			err := w.keys.add(ctx, rs[i].Seq, k.ID, k.Name, k.AAGUID, k.Model, string(k.Type), string(k.Attestation), formatTime(k.CreatedAt), formatTime(k.LastUsedAt))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

const insertFailure = "INSERT OR REPLACE INTO failures (what, id, upn, status, code, message, request_id, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

func execFailure(ctx context.Context, st *sql.Stmt, f audit.Failure) error {
	_, err := st.ExecContext(ctx, f.What, f.ID, f.UPN, f.Status, f.Code, f.Message, f.RequestID, f.Attempts)
	return err
}

// Fail keeps a failure that is not about one user's passkeys.
func (s *Store) Fail(ctx context.Context, f audit.Failure) error {
	_, err := s.db.ExecContext(ctx, insertFailure, f.What, f.ID, f.UPN, f.Status, f.Code, f.Message, f.RequestID, f.Attempts)
	if err != nil {
		return fmt.Errorf("write failure: %w", classify(err))
	}
	return nil
}

// Forget drops a failure of Fail after all went well.
func (s *Store) Forget(ctx context.Context, what, id string) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM failures WHERE what = ? AND id = ?", what, id)
	if err != nil {
		return fmt.Errorf("drop failure: %w", classify(err))
	}
	return nil
}

// ternary turns a Ternary into a nullable integer.
func ternary(t audit.Ternary) any {
	switch t {
	case audit.Yes:
		return 1
	case audit.No:
		return 0
	}
	return nil
}

// Effort is what a run has cost so far.
type Effort struct {
	Requests, Batches, Throttled, Retried, Failed int
	// WaitedMS is how long the service kept us waiting, ActiveMS how long the
	// run has lasted, both in milliseconds.
	WaitedMS, ActiveMS int64
}

// NoteCeiling keeps the rate, in reads a second, that the service was found to
// permit.
func (s *Store) NoteCeiling(ctx context.Context, perSecond float64) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		return setMeta(context.WithoutCancel(ctx), tx, keyCeiling, strconv.FormatFloat(perSecond, 'g', 4, 64))
	})
}

// NoteEffort keeps what this run has cost so far.
func (s *Store) NoteEffort(ctx context.Context, e Effort, ended string) error {
	_, err := s.db.ExecContext(ctx, "UPDATE runs SET requests = ?, batches = ?, throttled = ?, retried = ?, failed = ?, waited_ms = ?, active_ms = ?, ended_at = ? WHERE n = ?",
		e.Requests, e.Batches, e.Throttled, e.Retried, e.Failed, e.WaitedMS, e.ActiveMS, ended, s.run)
	if err != nil {
		return fmt.Errorf("write effort: %w", classify(err))
	}
	return nil
}

// Counts tells how many users there are with each outcome.
func (s *Store) Counts(ctx context.Context) (map[audit.Outcome]int, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT outcome, count(*) FROM users GROUP BY outcome")
	if err != nil {
		return nil, fmt.Errorf("count users: %w", classify(err))
	}
	defer rows.Close()
	out := make(map[audit.Outcome]int)
	for rows.Next() {
		var o string
		var n int
		if err := rows.Scan(&o, &n); err != nil {
			return nil, fmt.Errorf("count users: %w", err)
		}
		out[audit.Outcome(o)] = n
	}
	return out, rows.Err()
}
