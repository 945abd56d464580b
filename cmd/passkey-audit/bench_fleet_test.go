//go:build unix

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/snapshot"
)

// The tenants of BenchmarkFleet: as many passkeys as users in each, of those who
// hold them in BenchmarkEvaluate.
const (
	benchTenants     = 1_000
	benchTenantUsers = 100
)

// benchTenant makes the snapshot of one tenant; a third of them have profiles.
func benchTenant(b *testing.B, path string, n int, models []audit.Authenticator) {
	b.Helper()
	ctx := context.Background()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	start := time.Date(2026, 11, 1, 8, n%60, 0, 0, time.UTC)
	domain := fmt.Sprintf("c%04d.contoso.com", n)
	s, err := snapshot.Create(ctx, path, snapshot.Meta{
		ToolVersion: "bench", Tenant: audit.Tenant{ID: fmt.Sprintf("84841066-274d-4ec0-a5c1-%012d", n), Name: fmt.Sprintf("Contoso %04d", n), Domain: domain},
		Cloud: "global", GraphRoot: simulatedRoot, Scope: snapshot.Scope{Users: snapshot.UsersAll}, StartedAt: start,
	})
	must(err)
	policy := benchLegacy
	if n%3 == 0 {
		policy = benchProfiles
	}
	must(s.PutDocument(ctx, snapshot.DocumentPolicy, []byte(policy)))
	users, results := make([]snapshot.ListedUser, benchTenantUsers), make([]snapshot.Result, benchTenantUsers)
	for i := range users {
		users[i] = snapshot.ListedUser{Outcome: audit.OutcomePending, User: audit.User{
			ID: benchUserID(n*benchTenantUsers + i), UPN: fmt.Sprintf("user%03d@%s", i, domain), DisplayName: fmt.Sprintf("User %d", i), Type: "Member", Enabled: audit.TernaryOf(i%20 != 0),
		}}
		results[i] = snapshot.Result{Seq: int64(i) + 1, Outcome: audit.OutcomeRead, Passkeys: benchKeys(n*benchTenantUsers+i, models)}
	}
	_, err = s.AddPages(ctx, users, 1, "")
	must(err)
	must(s.Record(ctx, results))
	must(s.Seal(ctx, start.Add(time.Hour)))
}

// BenchmarkFleet joins the snapshots of 1,000 tenants of 100 users each into one
// report, in all formats and in a process of its own.
func BenchmarkFleet(b *testing.B) {
	dir := b.TempDir()
	models := aaguid.Default().Search("")
	var paths []string
	for n := range benchTenants {
		path := filepath.Join(dir, fmt.Sprintf("%04d.db", n))
		benchTenant(b, path, n, models)
		paths = append(paths, path)
	}
	for _, tenants := range []int{benchTenants / 10, benchTenants} {
		b.Run(fmt.Sprint(tenants), func(b *testing.B) {
			benchProgram(b, append([]string{"evaluate", "--proposed", "authenticator-only", "--force", "--out", filepath.Join(dir, "out")}, paths[:tenants]...)...)
		})
	}
}
