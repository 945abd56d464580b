package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"iter"
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
			err = r.inOrder(ctx, parts, func(rec *Record) bool { return yield(rec, nil) })
		}
		if err != nil {
			yield(nil, fmt.Errorf("read users: %w", classify(err)))
		}
	}
}

// User finds a listed user by the id; false if there is none.
func (r *Reader) User(ctx context.Context, id string) (Record, bool, error) {
	return r.one(ctx, "WHERE u.id = ?", id)
}

// UserNamed finds a listed user by the user principal name in any letter case;
// false if there is none. Names are unique in a tenant; of a user who was
// deleted and made anew between two pages the first one counts.
func (r *Reader) UserNamed(ctx context.Context, upn string) (Record, bool, error) {
	return r.one(ctx, "WHERE u.upn_key = ? ORDER BY u.id", strings.ToLower(upn))
}

func (r *Reader) one(ctx context.Context, which string, arg any) (Record, bool, error) {
	var out Record
	found := false
	query, err := r.usersQuery(ctx, "", which)
	if err == nil {
		err = r.records(ctx, query, []any{arg}, func(rec *sortable) bool {
			out, found = rec.Record, true
			return false
		})
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("read users: %w", classify(err))
	}
	return out, found, nil
}

// usersQuery gives the query for users, as far as the file's version knows what
// is asked for. By says how to find them, where SQLite is not to choose. A row
// is a user with all passkeys and groups, each packed into one text: what a row
// costs is its columns.
func (r *Reader) usersQuery(ctx context.Context, by, which string) (string, error) {
	groups, err := r.hasMembers(ctx)
	if err != nil {
		return "", err
	}
	holder, nested, memberOf := "u.seq", "''", "''"
	if r.version >= 4 {
		// With a null nothing is looked for.
		holder = "CASE WHEN u.holds = 0 THEN NULL ELSE u.seq END"
		nested = "coalesce(m.nested, '')"
	}
	if groups {
		memberOf = "coalesce((SELECT group_concat(" + pack("m.group_id", nested) + ", '') FROM group_members m WHERE m.user_id = u.id), '')"
	}
	return "SELECT " + pack("u.upn_key", "u.id", "u.upn", "u.display_name", "u.user_type", "coalesce(u.enabled, '')", "coalesce(u.admin, '')", "u.outcome") + `,
		coalesce((SELECT group_concat(` + pack("k.id", "k.name", "k.aaguid", "k.model", "k.type", "k.attestation", "k.created_at", "k.last_used_at") + `, '')
			FROM passkeys k WHERE k.user_seq = ` + holder + "), ''), " + memberOf + `
		FROM users u ` + by + " " + which, nil
}

// A sortable is a record with what it is sorted by before the id.
type sortable struct {
	Record
	key string
}

// before tells which of two users comes first.
func (s *sortable) before(o *sortable) bool {
	return cmp.Or(cmp.Compare(s.key, o.key), cmp.Compare(s.ID, o.ID)) < 0
}

// records reads the rows of a query that usersQuery gave. The record is valid
// until the next one, but for its slices, which are the caller's to use again
// by leaving them in it. It returns nil also where yield wants no more.
func (r *Reader) records(ctx context.Context, query string, args []any, yield func(*sortable) bool) error {
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var rec sortable
	for rows.Next() {
		var user, passkeys, memberOf string
		if err := rows.Scan(&user, &passkeys, &memberOf); err != nil {
			return err
		}
		if err := r.unpack(&rec, user, passkeys, memberOf); err != nil {
			return err
		}
		if !yield(&rec) {
			return nil
		}
	}
	return rows.Err()
}

// unpack fills a record from the three columns of a row.
func (r *Reader) unpack(rec *sortable, user, passkeys, memberOf string) error {
	u := packed{rest: user}
	rec.key = u.text()
	rec.User = audit.User{TenantID: r.meta.Tenant.ID, ID: u.text(), UPN: u.text(), DisplayName: u.text(), Type: u.text(), Enabled: u.ternary(), Admin: u.ternary()}
	if rec.Admin == audit.Unknown && r.meta.AdminsKnown {
		rec.Admin = audit.No
	}
	rec.Outcome = audit.Outcome(u.text())
	rec.Passkeys, rec.MemberOf = rec.Passkeys[:0], rec.MemberOf[:0]
	k := packed{rest: passkeys}
	for k.more() {
		rec.Passkeys = append(rec.Passkeys, audit.Passkey{
			ID: k.text(), Name: k.text(), AAGUID: k.text(), Model: k.text(), Type: audit.PasskeyType(k.text()),
			Attestation: audit.AttestationLevel(k.text()), CreatedAt: parseTime(k.text()), LastUsedAt: parseTime(k.text()),
		})
	}
	m := packed{rest: memberOf}
	for m.more() {
		rec.MemberOf = append(rec.MemberOf, audit.Membership{GroupID: m.text(), Nested: m.ternary()})
	}
	if u.bad || u.more() || k.bad || m.bad {
		return errDamaged
	}
	// In order here costs less than in SQL, where it would be a sort of all users.
	slices.SortFunc(rec.Passkeys, func(a, b audit.Passkey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return nil
}

func (r *Reader) hasMembers(ctx context.Context) (bool, error) {
	var has bool
	err := r.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM group_members)").Scan(&has)
	if err != nil {
		return false, fmt.Errorf("read members: %w", classify(err))
	}
	return has, nil
}
