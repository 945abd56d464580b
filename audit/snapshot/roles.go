package snapshot

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"passkey-audit/audit"
)

// PutRoles keeps the active assignments of directory roles, instead of former
// ones.
func (s *Store) PutRoles(ctx context.Context, all []audit.RoleAssignment) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		if _, err := tx.ExecContext(ctx, "DELETE FROM roles"); err != nil {
			return err
		}
		ins := bulk{tx: tx, sql: bulkSQL{"INSERT OR IGNORE INTO roles (principal_id, principal_type, role_id, scope) VALUES ", "(?, ?, ?, ?)"}}
		for i := range all {
			r := &all[i]
			if err := ins.add(ctx, strings.ToLower(r.PrincipalID), r.PrincipalType, strings.ToLower(r.RoleID), r.Scope); err != nil {
				return err
			}
		}
		return ins.end(ctx)
	})
	if err != nil {
		return fmt.Errorf("write role assignments: %w", err)
	}
	return nil
}

// AdminsByRole makes whoever holds a directory role an administrator, directly
// or as a member of a group that was read. With all, whoever is not known to be
// one is known to be none: every role assignment and every member of a group
// that carries a role was read.
func (s *Store) AdminsByRole(ctx context.Context, all bool) error {
	known := ""
	if all {
		known = "all"
	}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		_, err := tx.ExecContext(ctx, `UPDATE users SET admin = 1 WHERE id IN (SELECT principal_id FROM roles)
			OR id IN (SELECT user_id FROM group_members WHERE group_id IN (SELECT principal_id FROM roles))`)
		if err != nil {
			return err
		}
		// Kept once for all, since most of a tenant holds no role.
		return setMeta(ctx, tx, keyAdmins, known)
	})
	if err != nil {
		return fmt.Errorf("write who is an administrator: %w", err)
	}
	return nil
}

// Roles gives the active assignments of directory roles, ordered by principal,
// ids in lower case; none of a snapshot from before they were kept. Whether
// they were read at all is what Reports says of ReportRoles.
func (r *Reader) Roles(ctx context.Context) ([]audit.RoleAssignment, error) {
	if r.version < 4 {
		return nil, nil
	}
	rows, err := r.db.QueryContext(ctx, "SELECT principal_id, principal_type, role_id, scope FROM roles ORDER BY principal_id, role_id, scope")
	if err != nil {
		return nil, fmt.Errorf("read role assignments: %w", classify(err))
	}
	defer rows.Close()
	var out []audit.RoleAssignment
	for rows.Next() {
		var a audit.RoleAssignment
		if err := rows.Scan(&a.PrincipalID, &a.PrincipalType, &a.RoleID, &a.Scope); err != nil {
			return nil, fmt.Errorf("read role assignments: %w", err)
		}
		out = append(out, a)
	}
	return out, rows.Err()
}
