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

// AddPage adds a page of users and the link to the next page in one
// transaction; an empty link ends the listing. A user who is there already
// keeps the outcome: a page may be added twice. It returns how many users are
// new.
func (s *Store) AddPage(ctx context.Context, users []ListedUser, next string) (added int, err error) {
	return s.AddPages(ctx, users, 1, next)
}

// AddPages adds the users of several pages that follow each other, and the link
// behind the last of them, as AddPage does for one.
func (s *Store) AddPages(ctx context.Context, users []ListedUser, pages int, next string) (added int, err error) {
	ctx = context.WithoutCancel(ctx)
	err = s.tx(ctx, func(tx *sql.Tx) error {
		ins := bulk{tx: tx, before: "INSERT INTO users (id, upn, upn_key, display_name, user_type, enabled, outcome) VALUES ", row: "(?, ?, ?, ?, ?, ?, ?)", after: " ON CONFLICT (id) DO NOTHING"}
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

// A recorder holds the statements of Record, in a transaction.
type recorder struct {
	users, clear, fail *sql.Stmt
	keys               *bulk
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
		{&s.recorder.users, "UPDATE users SET outcome = ? WHERE seq BETWEEN ? AND ?"},
		{&s.recorder.clear, "DELETE FROM passkeys WHERE user_seq BETWEEN ? AND ?"},
		{&s.recorder.fail, insertFailure},
	} {
		if *p.to == nil {
			if *p.to, err = s.db.PrepareContext(ctx, p.sql); err != nil {
				return fmt.Errorf("prepare statement: %w", classify(err))
			}
		}
	}
	return nil
}

// in gives the statements in a transaction, which closes them.
func (w recorder) in(ctx context.Context, tx *sql.Tx) recorder {
	keys := bulk{tx: tx, before: "INSERT OR REPLACE INTO passkeys (user_seq, id, name, aaguid, model, type, attestation, created_at, last_used_at) VALUES ", row: "(?, ?, ?, ?, ?, ?, ?, ?, ?)"}
	return recorder{tx.StmtContext(ctx, w.users), tx.StmtContext(ctx, w.clear), tx.StmtContext(ctx, w.fail), &keys}
}

// run records users who follow each other and have the same outcome.
func (w recorder) run(ctx context.Context, rs []Result) error {
	first, last := rs[0].Seq, rs[len(rs)-1].Seq
	if _, err := w.users.ExecContext(ctx, string(rs[0].Outcome), first, last); err != nil {
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

// GroupListing is how far the reading of a group has come.
type GroupListing struct {
	Outcome audit.Outcome
	Next    string
}

// GroupListing reads how far a group has come; OutcomePending with an empty
// link where nothing was read.
func (s *Store) GroupListing(ctx context.Context, id string) (GroupListing, error) {
	g := GroupListing{Outcome: audit.OutcomePending}
	err := s.db.QueryRowContext(ctx, "SELECT outcome, next_link FROM groups WHERE id = ?", strings.ToLower(id)).Scan(&g.Outcome, &g.Next)
	if err != nil && err != sql.ErrNoRows { //nolint:errorlint // Scan returns it bare
		return GroupListing{}, fmt.Errorf("read group: %w", classify(err))
	}
	return g, nil
}

// PutGroup keeps a group's name and outcome; its members stay as they are.
func (s *Store) PutGroup(ctx context.Context, g audit.Group) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO groups (id, name, outcome) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, outcome = excluded.outcome",
			strings.ToLower(g.ID), g.Name, string(g.Outcome))
		if err != nil {
			return fmt.Errorf("write group: %w", err)
		}
		if g.Failure == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM failures WHERE what = ? AND id = ?", audit.WhatGroup, strings.ToLower(g.ID))
			return err
		}
		f := *g.Failure
		_, err = tx.ExecContext(ctx, insertFailure, f.What, strings.ToLower(g.ID), f.UPN, f.Status, f.Code, f.Message, f.RequestID, f.Attempts)
		return err
	})
}

// AddMembers adds a page of members and the link to the next one in one
// transaction; an empty link means that the group is read.
func (s *Store) AddMembers(ctx context.Context, groupID string, userIDs []string, next string) error {
	ctx = context.WithoutCancel(ctx)
	outcome := audit.OutcomePending
	if next == "" {
		outcome = audit.OutcomeRead
	}
	groupID = strings.ToLower(groupID)
	err := s.tx(ctx, func(tx *sql.Tx) error {
		ins, err := tx.PrepareContext(ctx, "INSERT OR IGNORE INTO group_members (user_id, group_id) VALUES (?, ?)")
		if err != nil {
			return err
		}
		defer ins.Close()
		for _, id := range userIDs {
			if _, err := ins.ExecContext(ctx, id, groupID); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE groups SET next_link = ?, outcome = ? WHERE id = ?", next, string(outcome), groupID)
		return err
	})
	if err != nil {
		return fmt.Errorf("write members: %w", err)
	}
	return nil
}

// RestartGroup forgets the link to a group's next page of members.
func (s *Store) RestartGroup(ctx context.Context, groupID string) error {
	_, err := s.db.ExecContext(ctx, "UPDATE groups SET next_link = '' WHERE id = ?", strings.ToLower(groupID))
	if err != nil {
		return fmt.Errorf("restart group: %w", classify(err))
	}
	return nil
}

// Members reports which of the users are members of any of the groups.
func (s *Store) Members(ctx context.Context, groupIDs, userIDs []string) (map[string]bool, error) {
	in := make(map[string]bool)
	st, err := s.db.PrepareContext(ctx, "SELECT group_id FROM group_members WHERE user_id = ?")
	if err != nil {
		return nil, fmt.Errorf("read members: %w", classify(err))
	}
	defer st.Close()
	want := make(map[string]bool)
	for _, g := range groupIDs {
		want[strings.ToLower(g)] = true
	}
	for _, id := range userIDs {
		ids, err := strs(st.QueryContext(ctx, id))
		if err != nil {
			return nil, fmt.Errorf("read members: %w", err)
		}
		for _, g := range ids {
			in[id] = in[id] || want[g]
		}
	}
	return in, nil
}

// strs reads a query's one column of text.
func strs(rows *sql.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
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
func (s *Store) Counts(ctx context.Context) (map[audit.Outcome]int, error) { return counts(ctx, s.db) }
