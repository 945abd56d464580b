package snapshot

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// A Record is a user with everything that was read of him.
type Record struct {
	audit.User
	Outcome  audit.Outcome
	Passkeys []audit.Passkey
	// MemberOf holds those groups that were read and have the user among their
	// transitive members, by id.
	MemberOf []audit.Membership
}

// Users gives every listed user with the passkeys, ordered by the user
// principal name in lower case and then by id; passkeys are ordered by the time
// of registration and then by id. A record is valid until the next one. An
// error ends the sequence.
func (r *Reader) Users(ctx context.Context) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		parts, err := r.parts(ctx)
		if err == nil {
			err = r.inOrder(ctx, parts, arenaSize, func(rec *Record) bool { return yield(rec, nil) })
		}
		if err != nil {
			yield(nil, fmt.Errorf("read users: %w", classify(err)))
		}
	}
}

// User finds a listed user by the id; false if there is none.
func (r *Reader) User(ctx context.Context, id string) (Record, bool, error) {
	return r.one(ctx, "WHERE id = ?", id)
}

// UserNamed finds a listed user by the user principal name in any letter case;
// false if there is none. Names are unique in a tenant; of a user who was
// deleted and made anew between two pages the first one counts.
func (r *Reader) UserNamed(ctx context.Context, upn string) (Record, bool, error) {
	return r.one(ctx, "WHERE upn_key = ? ORDER BY id", strings.ToLower(upn))
}

func (r *Reader) one(ctx context.Context, which string, arg any) (rec Record, found bool, err error) {
	var seq int64
	err = r.db.QueryRowContext(ctx, "SELECT seq FROM users "+which+" LIMIT 1", arg).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return Record{}, false, nil
	}
	if err == nil {
		err = r.inOrder(ctx, []part{{seq, seq}}, 0, func(one *Record) bool {
			rec, found = *one, true
			return true
		})
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("read user: %w", classify(err))
	}
	return rec, found, nil
}

// scan reads the users of a part, in the order of their numbers, into a sorter.
func (r *Reader) scan(ctx context.Context, p part, s *sorter) error {
	memberOf, err := r.memberships(ctx)
	if err != nil {
		return err
	}
	userColumns := []string{"u.upn_key", "u.id", "u.upn", "u.display_name", "u.user_type", "coalesce(u.enabled, '')", "coalesce(u.admin, '')", "u.outcome", memberOf}
	keyColumns := []string{"k.id", "k.name", "k.aaguid", "k.model", "k.type", "k.attestation", "k.created_at", "k.last_used_at"}
	users, err := r.lines(ctx, "SELECT u.seq, "+joined(userColumns)+" FROM users u WHERE u.seq BETWEEN ? AND ? ORDER BY u.seq", p)
	if err != nil {
		return err
	}
	defer users.rows.Close()
	// To go through the passkeys beside them costs half of looking for those of
	// each user.
	held, err := r.lines(ctx, "SELECT k.user_seq, "+joined(keyColumns)+" FROM passkeys k WHERE k.user_seq BETWEEN ? AND ? ORDER BY k.user_seq", p)
	if err != nil {
		return err
	}
	defer held.rows.Close()
	held.next()
	var user, passkeys []byte
	for users.next() {
		ok, whole := true, true
		passkeys = passkeys[:0]
		for ; held.more && held.owner <= users.owner; held.next() {
			if held.owner == users.owner {
				passkeys, ok = repack(passkeys, held.line, len(keyColumns))
				whole = whole && ok
			}
		}
		if !whole {
			if passkeys, err = r.packedRows(ctx, passkeys[:0], "SELECT "+pack(keyColumns...)+" FROM passkeys k WHERE k.user_seq = ?", users.owner); err != nil {
				return err
			}
		}
		if user, ok = repack(user[:0], users.line, len(userColumns)); !ok {
			if user, err = r.packedRows(ctx, user[:0], "SELECT "+pack(userColumns...)+" FROM users u WHERE u.seq = ?", users.owner); err != nil {
				return err
			}
		}
		if err := s.addPacked(user, passkeys); err != nil {
			return err
		}
	}
	return cmp.Or(users.err, held.err)
}

// lines are rows of two columns: whose they are, and values that joined put
// together.
type lines struct {
	rows  *sql.Rows
	more  bool
	err   error
	owner int64
	line  sql.RawBytes // valid until the next one
}

func (r *Reader) lines(ctx context.Context, query string, p part) (*lines, error) {
	rows, err := r.db.QueryContext(ctx, query, p.from, p.to)
	return &lines{rows: rows}, err
}

// next moves to the next line; false at the end, and after an error.
func (l *lines) next() bool {
	if l.more = l.rows.Next(); !l.more {
		l.err = l.rows.Err()
	} else if l.err = l.rows.Scan(&l.owner, &l.line); l.err != nil {
		l.more = false
	}
	return l.more
}

// packedRows adds the packed rows of a user.
func (r *Reader) packedRows(ctx context.Context, to []byte, query string, seq int64) ([]byte, error) {
	rows, err := r.db.QueryContext(ctx, query, seq)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var row sql.RawBytes
		if err := rows.Scan(&row); err != nil {
			return nil, err
		}
		to = append(to, row...)
	}
	return to, rows.Err()
}

// memberships gives the SQL for what a user is a member of, packed.
func (r *Reader) memberships(ctx context.Context) (string, error) {
	var has bool
	if err := r.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM group_members)").Scan(&has); err != nil {
		return "", err
	}
	if !has {
		return "''", nil
	}
	nested := "''"
	if r.version >= 4 {
		nested = "coalesce(m.nested, '')"
	}
	return "coalesce((SELECT group_concat(" + pack("m.group_id", nested) + ", '') FROM group_members m WHERE m.user_id = u.id), '')", nil
}

// unpack fills a record from what scan gave the sorter.
func (r *Reader) unpack(rec *Record, id, rest string) error {
	u := packed{rest: rest}
	rec.User = audit.User{TenantID: r.meta.Tenant.ID, ID: id, UPN: u.text(), DisplayName: u.text(), Type: u.text(), Enabled: u.ternary(), Admin: u.ternary()}
	if rec.Admin == audit.Unknown && r.meta.AdminsKnown {
		rec.Admin = audit.No
	}
	rec.Outcome = audit.Outcome(u.text())
	rec.Passkeys, rec.MemberOf = rec.Passkeys[:0], rec.MemberOf[:0]
	m := packed{rest: u.text()}
	for m.more() {
		rec.MemberOf = append(rec.MemberOf, audit.Membership{GroupID: m.text(), Nested: m.ternary()})
	}
	for u.more() {
		rec.Passkeys = append(rec.Passkeys, audit.Passkey{
			ID: u.text(), Name: u.text(), AAGUID: u.text(), Model: u.text(), Type: audit.PasskeyType(u.text()),
			Attestation: audit.AttestationLevel(u.text()), CreatedAt: parseTime(u.text()), LastUsedAt: parseTime(u.text()),
		})
	}
	if u.bad || m.bad {
		return errDamaged
	}
	slices.SortFunc(rec.Passkeys, func(a, b audit.Passkey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return nil
}

// folder is where the snapshot lies.
func (r *Reader) folder() string { return filepath.Dir(r.path) }
