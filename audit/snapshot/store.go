package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver named "sqlite": SQLite in pure Go

	"passkey-audit/audit"
)

// Errors that callers branch on.
var (
	// ErrExists: Create found a file already.
	ErrExists = errors.New("there is a snapshot already")
	// ErrNoSnapshot: the file is missing, is no SQLite database, is damaged, or
	// is not a snapshot of ours.
	ErrNoSnapshot = errors.New("not a snapshot of passkey-audit")
	// ErrNewer: the file was written by a newer version of the program.
	ErrNewer = errors.New("written by a newer version of passkey-audit")
	// ErrInUse: another process is writing to it.
	ErrInUse = errors.New("in use by another process")
	// ErrSealed: the scan is finished; nothing may be added.
	ErrSealed = errors.New("the scan is finished")
)

// A Store is a snapshot that is being written. It has one connection, so its
// methods are safe for concurrent use and take turns.
type Store struct {
	db   *sql.DB
	path string
	run  int64

	preparing sync.Mutex
	recorder  recorder

	// likely is the highest number of a likely holder.
	likely atomic.Int64
}

// Create makes a new snapshot with these particulars. The caller closes it. It
// returns ErrExists if there is a file, and touches it not. Only one process
// may create a snapshot in a folder at a time.
func Create(ctx context.Context, path string, m Meta) (*Store, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, ErrExists
	}
	// Under its name it is a snapshot that can be resumed, or it is not there:
	// whoever is killed or finds the disk full until then may begin again.
	part := path + ".new"
	run, err := create(ctx, part, m)
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		removePart(part)
		return nil, fmt.Errorf("create snapshot: %w", err)
	}
	s, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("create snapshot: %w", err)
	}
	s.run = run
	return s, nil
}

// create makes the file of a snapshot, and gives the number of its first run.
func create(ctx context.Context, path string, m Meta) (run int64, err error) {
	removePart(path) // of somebody who was killed
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	s, err := open(ctx, path)
	if err != nil {
		return 0, err
	}
	err = s.begin(ctx, m, true)
	return s.run, errors.Join(err, s.Close())
}

// removePart removes a snapshot that did not come to be, as far as it can.
func removePart(path string) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		_ = os.Remove(path + suffix)
	}
}

// Resume opens a snapshot to go on with it, where the scan is unfinished or is
// finished and lacks something: what could not be read is then pending again.
// The caller closes it. It changes nothing if it returns an error:
// ErrNoSnapshot, ErrNewer, ErrInUse, ErrSealed (nothing is missing), or what
// check says of the snapshot's particulars.
func Resume(ctx context.Context, path, toolVersion string, check func(Meta) error) (*Store, error) {
	if err := Probe(path); err != nil {
		return nil, err
	}
	if err := precheck(ctx, path, check); err != nil {
		return nil, err
	}
	s, err := open(ctx, path)
	if err != nil {
		return nil, err
	}
	m, err := readMeta(ctx, s.db)
	switch {
	case err != nil:
		err = fmt.Errorf("%w: %w", ErrNoSnapshot, err)
	case check != nil:
		err = check(m)
	}
	switch {
	case err != nil:
	case m.FinishedAt.IsZero():
		err = s.askAgain(ctx)
	default:
		err = s.reopen(ctx)
	}
	if err == nil {
		err = s.begin(ctx, Meta{ToolVersion: toolVersion}, false)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// precheck refuses a snapshot without opening it for writing, which changes the
// file, wherever that can be told. A file with a log beside it is of a process
// that was killed, and unfinished.
func precheck(ctx context.Context, path string, check func(Meta) error) error {
	if _, err := os.Stat(path + "-wal"); err == nil {
		return nil
	}
	r, err := OpenReader(ctx, path)
	if err != nil {
		return err
	}
	if check != nil {
		err = check(r.meta)
	}
	if err == nil && !r.meta.FinishedAt.IsZero() {
		var c audit.Coverage
		if c, err = r.Coverage(ctx); err == nil && c.Complete() {
			err = ErrSealed
		}
	}
	return errors.Join(err, r.Close())
}

// askAgain makes pending again who was refused: it may have been the end of a
// permission or role, which stopped the run, and not the user's matter.
func (s *Store) askAgain(ctx context.Context) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.WithoutCancel(ctx), `DELETE FROM failures WHERE what = '`+audit.WhatUser+`' AND id IN (SELECT id FROM users WHERE outcome = 'refused');
			UPDATE users SET outcome = 'pending' WHERE outcome = 'refused'`)
		if err != nil {
			return fmt.Errorf("reopen snapshot: %w", err)
		}
		return nil
	})
}

// reopen makes pending again what a finished scan could not read.
func (s *Store) reopen(ctx context.Context) error {
	r := Reader{db: s.db}
	c, err := r.Coverage(ctx)
	if err != nil {
		return err
	}
	if c.Complete() {
		return ErrSealed
	}
	return s.tx(ctx, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		for _, q := range []string{
			"DELETE FROM meta WHERE key = '" + keyFinishedAt + "'",
			"UPDATE users SET outcome = 'pending' WHERE outcome IN ('refused', 'failed')",
			"UPDATE groups SET outcome = 'pending', next_link = '' WHERE outcome <> 'read'",
			"DELETE FROM failures WHERE what <> '" + audit.WhatUserGone + "'",
		} {
			if _, err := tx.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("reopen snapshot: %w", err)
			}
		}
		return nil
	})
}

// Probe looks at a file without opening it as a database, so that not even a
// lock is taken: ErrNoSnapshot, ErrNewer, or nil.
func Probe(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoSnapshot, err)
	}
	defer f.Close()
	// The header's fields: https://www.sqlite.org/fileformat2.html
	var h [100]byte
	if n, _ := f.Read(h[:]); n < len(h) || string(h[:16]) != "SQLite format 3\x00" {
		return ErrNoSnapshot
	}
	be := func(at int) uint32 {
		return uint32(h[at])<<24 | uint32(h[at+1])<<16 | uint32(h[at+2])<<8 | uint32(h[at+3])
	}
	if be(68) != applicationID {
		return ErrNoSnapshot
	}
	if be(60) > version {
		return ErrNewer
	}
	return nil
}

func dsn(path string, q url.Values) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	return fileURI(filepath.ToSlash(abs), q)
}

// fileURI gives SQLite's URI of a file, by its absolute path with slashes. A
// drive of Windows takes a slash before it, or SQLite reads it as a host
// (https://www.sqlite.org/uri.html).
func fileURI(slashed string, q url.Values) string {
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed
	}
	u := url.URL{Scheme: "file", Path: slashed, RawQuery: q.Encode()}
	return u.String()
}

// open opens the file for writing, alone: no other process may write, and
// whatever a killed process left half done is undone.
func open(ctx context.Context, path string) (*Store, error) {
	q := url.Values{"_pragma": {
		"busy_timeout(2000)",
		// One process writes; the lock is dropped by the system if it dies.
		"locking_mode(EXCLUSIVE)",
		"journal_mode(WAL)",
		// A killed process loses nothing that was committed. A power cut may
		// lose the last commits, never the file: those users are read again.
		"synchronous(NORMAL)",
		// Sorting a million users for an index must not take their memory.
		"temp_store(FILE)",
		"cache_size(-16000)", // KiB
		// Users come in no order, so that a page of them dirties much of the
		// index: fewer checkpoints write it less often.
		"wal_autocheckpoint(8000)",
	}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", dsn(path, q))
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	db.SetMaxOpenConns(1)
	s := &Store{db: db, path: path}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(classify(err), db.Close())
	}
	if err := s.countLikely(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// migrate brings the schema up to date.
func (s *Store) migrate(ctx context.Context) error {
	var have int
	if err := s.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("open snapshot: %w", err)
	}
	if have > version {
		return ErrNewer
	}
	// A write takes the exclusive lock at once, not at the first page of users.
	return s.tx(ctx, func(tx *sql.Tx) error {
		for v := have; v < version; v++ {
			if _, err := tx.ExecContext(ctx, migrations[v]); err != nil {
				return fmt.Errorf("migrate snapshot to version %d: %w", v+1, err)
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", version, applicationID))
		return err
	})
}

// begin notes a new run of the program.
func (s *Store) begin(ctx context.Context, m Meta, fresh bool) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if fresh {
			if err := writeMeta(ctx, tx, m); err != nil {
				return err
			}
		}
		r, err := tx.ExecContext(ctx, "INSERT INTO runs (version, started_at) VALUES (?, ?)", m.ToolVersion, formatTime(time.Now()))
		if err != nil {
			return err
		}
		s.run, err = r.LastInsertId()
		return err
	})
}

// tx runs f in one transaction. Once begun it is not cancelled: it takes
// milliseconds, and the driver watches a context that can end with a goroutine
// for each statement.
func (s *Store) tx(ctx context.Context, f func(*sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	if err := f(tx); err != nil {
		return errors.Join(classify(err), ignoreDone(tx.Rollback()))
	}
	return classify(tx.Commit())
}

// ignoreDone drops the error of a rollback that had already happened.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// classify gives SQLite's result codes our names.
// The codes: https://www.sqlite.org/rescode.html
func classify(err error) error {
	var coded interface{ Code() int }
	if err == nil || !errors.As(err, &coded) {
		return err
	}
	switch coded.Code() & 0xff {
	case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
		return fmt.Errorf("%w: %w", ErrInUse, err)
	case 11, 26: // SQLITE_CORRUPT, SQLITE_NOTADB
		return fmt.Errorf("%w: %w", ErrNoSnapshot, err)
	}
	return err
}

// Path is where the snapshot lies.
func (s *Store) Path() string { return s.path }

// Close ends the writing. An unsealed snapshot can be resumed.
func (s *Store) Close() error {
	// Folds the write-ahead log into the file, so that one file is all there is.
	_, err := s.db.Exec("PRAGMA journal_mode(DELETE)")
	return errors.Join(classify(err), s.db.Close())
}

// Seal marks the scan as finished at this time and closes the snapshot.
func (s *Store) Seal(ctx context.Context, finished time.Time) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		return setMeta(ctx, tx, keyFinishedAt, formatTime(finished))
	})
	if err != nil {
		return errors.Join(fmt.Errorf("seal snapshot: %w", err), s.Close())
	}
	return s.Close()
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
