package snapshot

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"passkey-audit/audit"
)

// Meta is what a snapshot knows of itself.
type Meta struct {
	// ToolVersion is the version of passkey-audit that began the scan.
	ToolVersion string
	Tenant      audit.Tenant
	// Cloud is the cloud's name, and GraphRoot the address that was read.
	Cloud     string
	GraphRoot string
	Scope     Scope
	StartedAt time.Time
	// FinishedAt is zero while the scan is unfinished.
	FinishedAt time.Time
	// AdminsKnown says that whoever is not known to be an administrator is none;
	// see Store.AdminsByRole.
	AdminsKnown bool
	// MaskKey is a secret of the snapshot's own, from which pseudonyms are made;
	// one is made for a new snapshot that is given none.
	MaskKey string
}

// Scope says which users were to be read. Two runs with different scopes do
// not mix in one snapshot.
type Scope struct {
	Users       string   `json:"users"` // UsersAll or UsersRegistered
	MembersOnly bool     `json:"members_only,omitempty"`
	EnabledOnly bool     `json:"enabled_only,omitempty"`
	Groups      []string `json:"groups,omitempty"`
	ExcludeUPN  []string `json:"exclude_upn,omitempty"`
	LastUsed    bool     `json:"last_used,omitempty"`
}

// The values of Scope.Users: everybody, or only likely holders of passkeys by
// the registration report and whomever it does not speak of.
const (
	UsersAll        = "all"
	UsersRegistered = "registered"
)

const (
	keyToolVersion  = "tool_version"
	keyTenantID     = "tenant_id"
	keyTenantName   = "tenant_name"
	keyTenantDomain = "tenant_domain"
	keyCloud        = "cloud"
	keyGraphRoot    = "graph_root"
	keyScope        = "scope"
	keyStartedAt    = "started_at"
	keyFinishedAt   = "finished_at"
	keyCeiling      = "quota_ceiling"
	keyAdmins       = "administrators"
	keyMask         = "mask_key"
)

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func readMeta(ctx context.Context, q querier) (Meta, error) {
	rows, err := q.QueryContext(ctx, "SELECT key, value FROM meta")
	if err != nil {
		return Meta{}, fmt.Errorf("read particulars: %w", err)
	}
	defer rows.Close()
	kv := make(map[string]string)
	for rows.Next() {
		var k, v string
		if err := rows.Scan(&k, &v); err != nil {
			return Meta{}, fmt.Errorf("read particulars: %w", err)
		}
		kv[k] = v
	}
	if err := rows.Err(); err != nil {
		return Meta{}, fmt.Errorf("read particulars: %w", err)
	}
	m := Meta{
		ToolVersion: kv[keyToolVersion],
		Tenant:      audit.Tenant{ID: kv[keyTenantID], Name: kv[keyTenantName], Domain: kv[keyTenantDomain]},
		Cloud:       kv[keyCloud], GraphRoot: kv[keyGraphRoot],
		StartedAt: parseTime(kv[keyStartedAt]), FinishedAt: parseTime(kv[keyFinishedAt]),
		AdminsKnown: kv[keyAdmins] == "all", MaskKey: kv[keyMask],
	}
	if err := json.Unmarshal([]byte(kv[keyScope]), &m.Scope); err != nil {
		return Meta{}, fmt.Errorf("read particulars: scope: %w", err)
	}
	if m.Tenant.ID == "" || m.StartedAt.IsZero() {
		return Meta{}, fmt.Errorf("read particulars: tenant or time missing")
	}
	return m, nil
}

func writeMeta(ctx context.Context, tx *sql.Tx, m Meta) error {
	scope, err := json.Marshal(m.Scope)
	if err != nil {
		return fmt.Errorf("write particulars: %w", err)
	}
	if m.MaskKey == "" {
		m.MaskKey = rand.Text()
	}
	for _, kv := range [][2]string{
		{keyMask, m.MaskKey},
		{keyToolVersion, m.ToolVersion},
		{keyTenantID, m.Tenant.ID}, {keyTenantName, m.Tenant.Name}, {keyTenantDomain, m.Tenant.Domain},
		{keyCloud, m.Cloud}, {keyGraphRoot, m.GraphRoot},
		{keyScope, string(scope)}, {keyStartedAt, formatTime(m.StartedAt)},
	} {
		if err := setMeta(ctx, tx, kv[0], kv[1]); err != nil {
			return err
		}
	}
	return nil
}

func setMeta(ctx context.Context, tx *sql.Tx, key, value string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// Meta reads what the snapshot knows of itself.
func (s *Store) Meta(ctx context.Context) (Meta, error) { return readMeta(ctx, s.db) }
