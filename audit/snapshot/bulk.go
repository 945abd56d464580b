package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/bits"
	"strings"
)

// bulkPowers bounds how many rows a bulk inserts with one statement: 32. SQLite
// permits 32,766 parameters; past some tens of rows there is little to gain.
const bulkPowers = 6

// A bulkSQL is the statement of a bulk: what stands before the rows, and a row
// with its parameters.
//
// It says OR IGNORE, which nothing else does as cheaply: where a statement could
// fail after some of its rows, SQLite keeps a copy of every page for undoing
// them. What could be ignored is what is there already, and nothing else: no
// column of these tables is given a NULL that it does not permit.
type bulkSQL struct{ before, row string }

// rows gives the statement for 2^power rows.
func (q bulkSQL) rows(power int) string {
	return q.before + q.row + strings.Repeat(", "+q.row, 1<<power-1)
}

// A bulkStatements holds the statements of a bulk by power, prepared once for
// many transactions; nil where it is not yet.
type bulkStatements [bulkPowers]*sql.Stmt

// prepare prepares all statements. It must not be called in a transaction.
func (b *bulkStatements) prepare(ctx context.Context, db *sql.DB, q bulkSQL) (err error) {
	for power := range b {
		if b[power] != nil {
			continue
		}
		if b[power], err = db.PrepareContext(ctx, q.rows(power)); err != nil {
			return fmt.Errorf("prepare statement: %w", classify(err))
		}
	}
	return nil
}

// A bulk inserts rows with one statement for many, in a transaction: a
// statement costs the driver more than a row.
type bulk struct {
	tx  *sql.Tx
	sql bulkSQL
	// prepared has the statements that need not be prepared here; may be nil.
	prepared *bulkStatements
	// affected counts the rows that were really inserted.
	affected int

	args  []any
	rows  int
	stmts bulkStatements
}

// add takes a row.
func (b *bulk) add(ctx context.Context, args ...any) error {
	b.args = append(b.args, args...)
	if b.rows++; b.rows < 1<<(bulkPowers-1) {
		return nil
	}
	return b.flush(ctx)
}

// end inserts the rows that are left.
func (b *bulk) end(ctx context.Context) error {
	err := b.flush(ctx)
	for _, st := range b.stmts {
		if st != nil {
			err = errors.Join(err, st.Close())
		}
	}
	return err
}

// flush inserts the rows that are there, as many with a statement as it can.
func (b *bulk) flush(ctx context.Context) error {
	args := b.args
	for left := b.rows; left > 0; {
		power := bits.Len(uint(left)) - 1
		st, err := b.statement(ctx, power)
		if err != nil {
			return err
		}
		n := len(args) / left << power
		r, err := st.ExecContext(ctx, args[:n]...)
		if err != nil {
			return err
		}
		added, err := r.RowsAffected()
		if err != nil {
			return err
		}
		b.affected += int(added)
		args, left = args[n:], left-1<<power
	}
	b.args, b.rows = b.args[:0], 0
	return nil
}

func (b *bulk) statement(ctx context.Context, power int) (st *sql.Stmt, err error) {
	if b.stmts[power] == nil {
		if b.prepared != nil {
			b.stmts[power] = b.tx.StmtContext(ctx, b.prepared[power])
		} else {
			b.stmts[power], err = b.tx.PrepareContext(ctx, b.sql.rows(power))
		}
	}
	return b.stmts[power], err
}
