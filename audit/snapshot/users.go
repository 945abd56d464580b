package snapshot

import (
	"cmp"
	"context"
	"database/sql"
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
	// Sorting all rows costs less than to look each one up in the order of an
	// index: a page of the file holds people of all names.
	return r.users(ctx, "NOT INDEXED", "ORDER BY u.upn_key, u.id")
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
	for rec, err := range r.users(ctx, "", which, arg) {
		if err != nil {
			return Record{}, false, err
		}
		out := *rec
		out.Passkeys, out.MemberOf = slices.Clone(rec.Passkeys), slices.Clone(rec.MemberOf)
		return out, true, nil
	}
	return Record{}, false, nil
}

func (r *Reader) users(ctx context.Context, by, which string, args ...any) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		query, err := r.usersQuery(ctx, by, which)
		if err != nil {
			yield(nil, err)
			return
		}
		rows, err := r.db.QueryContext(ctx, query, args...)
		if err != nil {
			yield(nil, fmt.Errorf("read users: %w", classify(err)))
			return
		}
		defer rows.Close()
		if err := r.scanUsers(rows, yield); err != nil {
			yield(nil, fmt.Errorf("read users: %w", classify(err)))
		}
	}
}

// usersQuery gives the query for users, as far as the file's version knows what
// is asked for. By says how to find them, where SQLite is not to choose.
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
		memberOf = "coalesce((SELECT group_concat(m.group_id || ':' || " + nested + ") FROM group_members m WHERE m.user_id = u.id), '')"
	}
	return `SELECT u.seq, u.id, u.upn, u.display_name, u.user_type, u.enabled, u.admin, u.outcome, ` + memberOf + `,
		k.id, k.name, k.aaguid, k.model, k.type, k.attestation, k.created_at, k.last_used_at
		FROM users u ` + by + ` LEFT JOIN passkeys k ON k.user_seq = ` + holder + " " + which, nil
}

// membersOf reads what usersQuery says of a user's groups.
func membersOf(to []audit.Membership, text string) []audit.Membership {
	for text != "" {
		var one string
		one, text, _ = strings.Cut(text, ",")
		id, nested, _ := strings.Cut(one, ":")
		m := audit.Membership{GroupID: id}
		if nested != "" {
			m.Nested = audit.TernaryOf(nested == "1")
		}
		to = append(to, m)
	}
	return to
}

// scanUsers joins the rows of one user. It returns nil also where yield wants
// no more.
func (r *Reader) scanUsers(rows *sql.Rows, yield func(*Record, error) bool) error {
	var rec Record
	var current int64
	have := false
	for rows.Next() {
		var seq int64
		var u audit.User
		var outcome, memberOf string
		var enabled, admin sql.NullBool
		var k [8]sql.NullString
		if err := rows.Scan(&seq, &u.ID, &u.UPN, &u.DisplayName, &u.Type, &enabled, &admin, &outcome, &memberOf,
			&k[0], &k[1], &k[2], &k[3], &k[4], &k[5], &k[6], &k[7]); err != nil {
			return err
		}
		if !have || seq != current {
			if have && !yieldSorted(&rec, yield) {
				return nil
			}
			u.TenantID, u.Enabled, u.Admin = r.meta.Tenant.ID, nullTernary(enabled), nullTernary(admin)
			if u.Admin == audit.Unknown && r.meta.AdminsKnown {
				u.Admin = audit.No
			}
			rec = Record{User: u, Outcome: audit.Outcome(outcome), Passkeys: rec.Passkeys[:0], MemberOf: membersOf(rec.MemberOf[:0], memberOf)}
			current, have = seq, true
		}
		if k[0].Valid {
			rec.Passkeys = append(rec.Passkeys, audit.Passkey{
				ID: k[0].String, Name: k[1].String, AAGUID: k[2].String, Model: k[3].String, Type: audit.PasskeyType(k[4].String),
				Attestation: audit.AttestationLevel(k[5].String), CreatedAt: parseTime(k[6].String), LastUsedAt: parseTime(k[7].String),
			})
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if have {
		yieldSorted(&rec, yield)
	}
	return nil
}

// yieldSorted puts the passkeys in order, which costs less here than in SQL,
// where it would be a sort of all users.
func yieldSorted(rec *Record, yield func(*Record, error) bool) bool {
	slices.SortFunc(rec.Passkeys, func(a, b audit.Passkey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return yield(rec, nil)
}

func nullTernary(b sql.NullBool) audit.Ternary {
	if !b.Valid {
		return audit.Unknown
	}
	return audit.TernaryOf(b.Bool)
}

func (r *Reader) hasMembers(ctx context.Context) (bool, error) {
	var has bool
	err := r.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM group_members)").Scan(&has)
	if err != nil {
		return false, fmt.Errorf("read members: %w", classify(err))
	}
	return has, nil
}
