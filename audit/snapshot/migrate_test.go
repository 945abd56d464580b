package snapshot

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"testing"

	"passkey-audit/audit"
)

// TestMigrationsStay fails when a migration is edited after its release.
func TestMigrationsStay(t *testing.T) {
	for i, want := range []string{
		"6919bc7f0c36f1a0e6c3d6ae12c960679ba82324d98519e7e9744ef28e15c233",
		"d48125f3e0ff892064069de0b708283c1802892695d2b1a4039ecec59351e408",
		"bd0e46182b874ad8b634ef19bd90bdaf9b1d96cfefd21b761dad1c135e0a0317",
		"536c6fb7c96d6416b7bb8a161ab494451970eee00ea58609f69528ea6aa77b15",
	} {
		sum := sha256.Sum256([]byte(migrations[i]))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("migration %d was edited: digest %s, want %s; add a new one instead", i+1, got, want)
		}
	}
}

// TestMigrateVersion1 goes on with a file as the first version wrote it, and
// reads another one as it is.
func TestMigrateVersion1(t *testing.T) {
	ctx := t.Context()
	old := func() string {
		path := filepath.Join(t.TempDir(), "snapshot.db")
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, q := range []string{
			migrations[0],
			fmt.Sprintf("PRAGMA user_version = 1; PRAGMA application_id = %d", applicationID),
			`INSERT INTO meta VALUES ('tenant_id', 'contoso'), ('started_at', '2026-11-01T08:00:00Z'), ('scope', '{"users":"all"}')`,
			`INSERT INTO users (id, upn, upn_key, display_name, user_type, enabled, outcome)
			 VALUES ('u1', 'AlexW@contoso.com', 'alexw@contoso.com', 'Alex Wilber', 'Member', 1, 'read'),
			        ('u2', 'AdeleV@contoso.com', 'adelev@contoso.com', 'Adele Vance', 'Member', NULL, 'pending')`,
			"INSERT INTO passkeys VALUES (1, 'k1', 'Red key', '', '', '', '', '', '')",
			"UPDATE listing SET next_link = 'page2', pages = 1",
		} {
			if _, err := db.Exec(q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
		return path
	}
	path := old()
	s, err := Resume(ctx, path, "v2", nil)
	if err != nil {
		t.Fatal(err)
	}
	var have int
	if err := s.db.QueryRow("PRAGMA user_version").Scan(&have); err != nil || have != version {
		t.Errorf("user_version %d, %v; want %d", have, err, version)
	}
	page := audit.RegistrationPage{Rows: []audit.Registration{{UserID: "u2", Methods: []string{"fido2"}, Admin: audit.Yes}}}
	if err := s.AddRegistrations(ctx, ReportEverybody, page, func(*audit.Registration) bool { return true }); err != nil {
		t.Fatal(err)
	}
	p, err := s.Pending(ctx, 0, 10)
	if err != nil || len(p) != 1 || p[0].ID != "u2" || p[0].Likely != 1 {
		t.Errorf("pending %+v, %v; want u2 as a likely holder", p, err)
	}
	if l, err := s.Listing(ctx); err != nil || l.Next != "page2" || l.Pages != 1 {
		t.Errorf("listing %+v, %v", l, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	for _, p := range []string{path, old()} {
		r, err := OpenReader(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		cov, err := r.Coverage(ctx)
		if err != nil || cov.Listed != 2 || cov.WithPasskey != 1 {
			t.Errorf("coverage %+v, %v", cov, err)
		}
		reports, err := r.Reports(ctx)
		if want := p == path; err != nil || (len(reports) > 0) != want {
			t.Errorf("reports %+v, %v; want some: %v", reports, err, want)
		}
		for rec, err := range r.Users(ctx) {
			if err != nil || rec.ID == "u2" && (rec.Admin == audit.Yes) != (p == path) {
				t.Errorf("%+v, %v", rec, err)
			}
		}
	}
}
