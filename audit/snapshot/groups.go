package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"passkey-audit/audit"
)

// GroupListing is how far the reading of a group has come.
type GroupListing struct {
	Outcome audit.Outcome
	Next    string
	// Direct is what became of reading the direct members.
	Direct audit.Outcome
}

// GroupListing reads how far a group has come; OutcomePending with an empty
// link where nothing was read.
func (s *Store) GroupListing(ctx context.Context, id string) (GroupListing, error) {
	g := GroupListing{Outcome: audit.OutcomePending, Direct: audit.OutcomePending}
	err := s.db.QueryRowContext(ctx, "SELECT outcome, next_link, direct FROM groups WHERE id = ?", strings.ToLower(id)).Scan(&g.Outcome, &g.Next, &g.Direct)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
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

// AddDirectMembers adds a page of those who are in the group themselves. After
// the last one, everybody else in the group is known to be there through
// another group alone. The pages of an interrupted reading may be added again.
func (s *Store) AddDirectMembers(ctx context.Context, groupID string, userIDs []string, last bool) error {
	groupID = strings.ToLower(groupID)
	err := s.tx(ctx, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		// Somebody may have come into the group between the two readings.
		ins, err := tx.PrepareContext(ctx, "INSERT INTO group_members (user_id, group_id, nested) VALUES (?, ?, 0) ON CONFLICT (user_id, group_id) DO UPDATE SET nested = 0")
		if err != nil {
			return err
		}
		defer ins.Close()
		for _, id := range userIDs {
			if _, err := ins.ExecContext(ctx, id, groupID); err != nil {
				return err
			}
		}
		if !last {
			return nil
		}
		if _, err := tx.ExecContext(ctx, "UPDATE group_members SET nested = 1 WHERE group_id = ? AND nested IS NULL", groupID); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE groups SET direct = ? WHERE id = ?", string(audit.OutcomeRead), groupID)
		return err
	})
	if err != nil {
		return fmt.Errorf("write members: %w", err)
	}
	return nil
}

// NoDirectMembers keeps that the direct members cannot be read: it stays unknown
// who is in the group through another one.
func (s *Store) NoDirectMembers(ctx context.Context, groupID string, o audit.Outcome) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		if _, err := tx.ExecContext(ctx, "UPDATE group_members SET nested = NULL WHERE group_id = ?", strings.ToLower(groupID)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE groups SET direct = ? WHERE id = ?", string(o), strings.ToLower(groupID))
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
