package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// bulkRows is how many rows a bulk inserts with one statement. SQLite permits
// 32,766 parameters; past some tens of rows there is little more to gain.
const bulkRows = 32

// A bulk inserts rows with one statement for many, in a transaction: a
// statement costs the driver more than a row.
type bulk struct {
	tx *sql.Tx
	// before and after are the statement around the rows, row is one of them
	// with its parameters.
	before, row, after string
	// affected counts the rows that were really inserted.
	affected int

	args []any
	rows int
	full *sql.Stmt
}

// add takes a row.
func (b *bulk) add(ctx context.Context, args ...any) (err error) {
	b.args = append(b.args, args...)
	if b.rows++; b.rows < bulkRows {
		return nil
	}
	if b.full == nil {
		if b.full, err = b.tx.PrepareContext(ctx, b.statement()); err != nil {
			return err
		}
	}
	return b.done(b.full.ExecContext(ctx, b.args...))
}

// end inserts the rows that are left.
func (b *bulk) end(ctx context.Context) error {
	var err error
	if b.rows > 0 {
		err = b.done(b.tx.ExecContext(ctx, b.statement(), b.args...))
	}
	if b.full != nil {
		err = errors.Join(err, b.full.Close())
	}
	return err
}

func (b *bulk) statement() string {
	return b.before + b.row + strings.Repeat(", "+b.row, b.rows-1) + b.after
}

func (b *bulk) done(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	b.affected += int(n)
	b.args, b.rows = b.args[:0], 0
	return err
}
