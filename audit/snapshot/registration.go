package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"passkey-audit/audit"
)

// Names of reports: the registration report as a whole, and its rows of
// administrators alone; then what else a tenant may not have or not permit to
// be read, and whose absence is told in a line.
const (
	ReportEverybody         = "everybody"
	ReportAdministrators    = "administrators"
	ReportRoles             = audit.WhatRoles
	ReportStrengths         = audit.WhatStrengths
	ReportConditionalAccess = audit.WhatConditionalAccess
)

// A ReportState tells what became of reading a report.
type ReportState string

// The states of a report.
const (
	// ReportReading: not read to its end. Its zero value means the same.
	ReportReading ReportState = "reading"
	ReportRead    ReportState = "read"
	// ReportUnlicensed: the tenant has no licence for the report.
	ReportUnlicensed ReportState = "unlicensed"
	// ReportRefused: a permission or a role is missing.
	ReportRefused ReportState = "refused"
	ReportFailed  ReportState = "failed"
)

// A Report is how far the reading of a registration report, or of something
// else that is optional, has come.
type Report struct {
	Name  string
	State ReportState
	// Next is the link to the next page; empty before the first.
	Next            string
	Pages, Restarts int
	// Users counts the rows (users, or whatever else it lists), and Oldest and Newest are when the report last
	// looked at one of them; zero where it does not say.
	Users          int
	Oldest, Newest time.Time
	// LeftOut counts the users who were not read on the report's word.
	LeftOut int
	// Failure says why the report could not be read; What is empty if it could.
	Failure audit.Failure
}

const selectReports = "SELECT name, state, next_link, pages, restarts, users, oldest, newest, left_out, status, code, message FROM reports"

func scanReport(scan func(...any) error) (Report, error) {
	var r Report
	var oldest, newest string
	err := scan(&r.Name, &r.State, &r.Next, &r.Pages, &r.Restarts, &r.Users, &oldest, &newest, &r.LeftOut, &r.Failure.Status, &r.Failure.Code, &r.Failure.Message)
	r.Oldest, r.Newest = parseTime(oldest), parseTime(newest)
	if r.State != ReportReading && r.State != ReportRead {
		r.Failure.What = r.Name
		if r.Name == ReportEverybody || r.Name == ReportAdministrators {
			r.Failure.What = audit.WhatRegistration
		}
	}
	return r, err
}

type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func report(ctx context.Context, q rowQuerier, name string) (Report, error) {
	r, err := scanReport(q.QueryRowContext(ctx, selectReports+" WHERE name = ?", name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Report{Name: name, State: ReportReading}, nil
	}
	if err != nil {
		return Report{}, fmt.Errorf("read how far a report has come: %w", classify(err))
	}
	return r, nil
}

// Report reads how far a report has come.
func (s *Store) Report(ctx context.Context, name string) (Report, error) {
	return report(ctx, s.db, name)
}

// Reports gives every report that was begun, by name; none of a snapshot from
// before reports were kept.
func (r *Reader) Reports(ctx context.Context) ([]Report, error) {
	var have int
	err := r.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'reports'").Scan(&have)
	if err != nil || have == 0 {
		return nil, classify(err)
	}
	rows, err := r.db.QueryContext(ctx, selectReports+" ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("read reports: %w", classify(err))
	}
	defer rows.Close()
	var out []Report
	for rows.Next() {
		rep, err := scanReport(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("read reports: %w", err)
		}
		out = append(out, rep)
	}
	return out, rows.Err()
}

// AddRegistrations adds rows of a page of a report, and the page itself and the
// link to the next one, in one transaction; an empty link ends the report. Rows
// may be left away where they serve nothing; page counts and times are of all.
func (s *Store) AddRegistrations(ctx context.Context, name string, page audit.RegistrationPage, keep func(*audit.Registration) bool) error {
	ctx = context.WithoutCancel(ctx)
	err := s.tx(ctx, func(tx *sql.Tx) error {
		number := s.likely.Load()
		at, err := report(ctx, tx, name)
		if err != nil {
			return err
		}
		w, err := prepareRegistrations(ctx, tx)
		if err != nil {
			return err
		}
		defer w.close()
		for i := range page.Rows {
			row := &page.Rows[i]
			if t := row.UpdatedAt; !t.IsZero() {
				if at.Oldest.IsZero() || t.Before(at.Oldest) {
					at.Oldest = t
				}
				if t.After(at.Newest) {
					at.Newest = t
				}
			}
			if !keep(row) {
				continue
			}
			if err := w.add(ctx, row.UserID, audit.NamesPasskey(row.Methods), ternary(row.Admin), &number); err != nil {
				return err
			}
		}
		s.likely.Store(number)
		state := ReportReading
		if page.Next == "" {
			state = ReportRead
		}
		return putReport(ctx, tx, Report{Name: name, State: state, Next: page.Next, Pages: at.Pages + min(1, len(page.Rows)), Restarts: at.Restarts,
			Users: at.Users + len(page.Rows), Oldest: at.Oldest, Newest: at.Newest, LeftOut: at.LeftOut})
	})
	if err != nil {
		return fmt.Errorf("write registrations: %w", err)
	}
	return nil
}

func putReport(ctx context.Context, tx *sql.Tx, r Report) error {
	_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO reports (name, state, next_link, pages, restarts, users, oldest, newest, left_out, status, code, message)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Name, string(r.State), r.Next, r.Pages, r.Restarts, r.Users, formatTime(r.Oldest), formatTime(r.Newest), r.LeftOut,
		r.Failure.Status, r.Failure.Code, r.Failure.Message)
	return err
}

// RestartReport forgets how far a report has come, after a link of it has
// broken, but for what its rows have said.
func (s *Store) RestartReport(ctx context.Context, name string) error {
	return s.changeReport(ctx, name, func(r *Report) {
		*r = Report{Name: name, State: ReportReading, Restarts: r.Restarts + 1, LeftOut: r.LeftOut}
	})
}

// FinishReport keeps that a report is read whose rows are kept elsewhere, and
// how many pages and rows it had.
func (s *Store) FinishReport(ctx context.Context, name string, pages, rows int) error {
	return s.changeReport(ctx, name, func(r *Report) {
		*r = Report{Name: name, State: ReportRead, Pages: pages, Users: rows}
	})
}

// EndReport keeps that a report cannot be read, and why.
func (s *Store) EndReport(ctx context.Context, name string, state ReportState, f audit.Failure) error {
	return s.changeReport(ctx, name, func(r *Report) { r.State, r.Failure = state, f })
}

func (s *Store) changeReport(ctx context.Context, name string, change func(*Report)) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		r, err := report(ctx, tx, name)
		if err != nil {
			return err
		}
		change(&r)
		return putReport(ctx, tx, r)
	})
	if err != nil {
		return fmt.Errorf("write how far a report has come: %w", err)
	}
	return nil
}

// registrar holds the statements that keep rows of the report.
type registrar struct{ user, later *sql.Stmt }

func prepareRegistrations(ctx context.Context, tx *sql.Tx) (w registrar, err error) {
	// A number is never changed: whoever follows the numbers has passed it. What
	// an earlier row knew of a role stays where this one does not say.
	w.user, err = tx.PrepareContext(ctx, `UPDATE users SET likely = CASE WHEN likely > 0 THEN likely ELSE ?1 END, admin = coalesce(?2, admin) WHERE id = ?3
		RETURNING likely`)
	if err == nil {
		w.later, err = tx.PrepareContext(ctx, "INSERT OR REPLACE INTO registrations (user_id, holder, admin) VALUES (?, ?, ?)")
	}
	if err != nil {
		w.close()
	}
	return w, err
}

func (w registrar) close() {
	for _, st := range []*sql.Stmt{w.user, w.later} {
		if st != nil {
			st.Close()
		}
	}
}

// add keeps a row. Numbers are given out within a transaction, of which there is
// one at a time; should it fail, they are left out. A likely holder gets the number after *number, which is
// raised then.
func (w registrar) add(ctx context.Context, id string, holder bool, admin any, number *int64) error {
	var next, got int64
	if holder {
		next = *number + 1
	}
	err := w.user.QueryRowContext(ctx, next, admin, id).Scan(&got)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = w.later.ExecContext(ctx, id, holder, admin)
		return err
	}
	if holder && got == next {
		*number = next
	}
	return err
}

// joinRegistrations gives users who have just been listed what the report has
// said of them before. It costs next to nothing where that is nothing.
func (s *Store) joinRegistrations(ctx context.Context, tx *sql.Tx, users []ListedUser) error {
	var waiting int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM registrations").Scan(&waiting); err != nil || waiting == 0 {
		return err
	}
	ids := make([]string, 0, min(waiting, len(users)))
	if waiting < len(users) {
		// Fewer rows than users: ask for the rows.
		rows, err := tx.QueryContext(ctx, "SELECT user_id FROM registrations r WHERE EXISTS (SELECT 1 FROM users u WHERE u.id = r.user_id) ORDER BY user_id")
		if ids, err = strs(rows, err); err != nil {
			return err
		}
	} else {
		for i := range users {
			ids = append(ids, users[i].ID)
		}
	}
	w, err := prepareRegistrations(ctx, tx)
	if err != nil {
		return err
	}
	defer w.close()
	take, err := tx.PrepareContext(ctx, "DELETE FROM registrations WHERE user_id = ? RETURNING holder, admin")
	if err != nil {
		return err
	}
	defer take.Close()
	number := s.likely.Load()
	for _, id := range ids {
		var holder bool
		var admin sql.NullInt64
		err := take.QueryRowContext(ctx, id).Scan(&holder, &admin)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err == nil {
			err = w.add(ctx, id, holder, admin, &number)
		}
		if err != nil {
			return err
		}
	}
	s.likely.Store(number)
	return nil
}

func (s *Store) countLikely(ctx context.Context) error {
	var n int64
	if err := s.db.QueryRowContext(ctx, "SELECT coalesce(max(likely), 0) FROM users WHERE likely > 0").Scan(&n); err != nil {
		return fmt.Errorf("open snapshot: %w", classify(err))
	}
	s.likely.Store(n)
	return nil
}

// Likely gives the highest number of a likely holder; 0 if there is none. It
// asks the database nothing.
func (s *Store) Likely() int64 { return s.likely.Load() }

// PendingLikely looks at up to limit likely holders whose number is greater
// than after, and gives those among them that are pending, by number. last is
// the number up to which it has looked.
func (s *Store) PendingLikely(ctx context.Context, after int64, limit int) (users []PendingUser, last int64, err error) {
	known := s.Likely()
	rows, err := s.db.QueryContext(ctx, "SELECT seq, id, upn, likely, outcome FROM users WHERE likely > 0 AND likely > ? ORDER BY likely LIMIT ?", after, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("read likely holders: %w", classify(err))
	}
	defer rows.Close()
	seen := 0
	for rows.Next() {
		var u PendingUser
		var outcome audit.Outcome
		if err := rows.Scan(&u.Seq, &u.ID, &u.UPN, &u.Likely, &outcome); err != nil {
			return nil, 0, fmt.Errorf("read likely holders: %w", err)
		}
		seen++
		last = u.Likely
		if outcome == audit.OutcomePending {
			users = append(users, u)
		}
	}
	if seen < limit {
		last = max(last, known) // also past numbers that were left out
	}
	return users, last, rows.Err()
}

// LeaveOutUnlikely puts those pending users out of scope who are enabled and of
// whom the report says that they hold no passkey, and tells how many. Whoever
// the report does not list stays: it leaves disabled accounts and new ones out.
func (s *Store) LeaveOutUnlikely(ctx context.Context) (n int, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE users SET outcome = ? WHERE outcome = 'pending' AND likely = 0 AND enabled = 1", string(audit.OutcomeOutOfScope))
		if err != nil {
			return err
		}
		changed, err := res.RowsAffected()
		if err != nil {
			return err
		}
		n = int(changed)
		_, err = tx.ExecContext(ctx, "UPDATE reports SET left_out = left_out + ? WHERE name = ?", n, ReportEverybody)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("leave out users: %w", err)
	}
	return n, nil
}

// Doubt makes those users pending once more who were read and hold no passkey
// although the report names one, and tells how many. Each is doubted once.
func (s *Store) Doubt(ctx context.Context) (int, error) {
	if s.Likely() == 0 {
		return 0, nil
	}
	res, err := s.db.ExecContext(ctx, `UPDATE users SET outcome = 'pending', checked = 1
		WHERE likely > 0 AND checked = 0 AND outcome = 'read' AND NOT EXISTS (SELECT 1 FROM passkeys k WHERE k.user_seq = users.seq)`)
	if err != nil {
		return 0, fmt.Errorf("find users to read again: %w", classify(err))
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// ForgetNonAdmins makes unknown who is no administrator.
func (s *Store) ForgetNonAdmins(ctx context.Context) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		for _, table := range []string{"users", "registrations"} {
			if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET admin = NULL WHERE admin = 0"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget roles: %w", err)
	}
	return nil
}
