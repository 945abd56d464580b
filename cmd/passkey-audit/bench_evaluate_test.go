//go:build unix

package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/snapshot"
)

// The tenant of BenchmarkEvaluate: six in ten people hold one or two passkeys,
// and one in a hundred is in the group.
const (
	benchUsers    = 1_000_000
	benchPasskeys = 1_000_000
)

func benchUserID(i int) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(i)*2654435761, i)
}

// benchSnapshot makes the snapshot, tenant-wide and without a group.
func benchSnapshot(b *testing.B, path string) {
	b.Helper()
	ctx := context.Background()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	start := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	s, err := snapshot.Create(ctx, path, snapshot.Meta{
		ToolVersion: "bench", Tenant: audit.Tenant{ID: "84841066-274d-4ec0-a5c1-276be684bdd3", Name: "Contoso", Domain: "contoso.com"},
		Cloud: "global", GraphRoot: simulatedRoot, Scope: snapshot.Scope{Users: snapshot.UsersAll}, StartedAt: start,
	})
	must(err)
	must(s.PutDocument(ctx, snapshot.DocumentPolicy, []byte(benchLegacy)))
	models := aaguid.Default().Search("")
	const page = 10_000
	keys := 0
	for from := 0; from < benchUsers; from += page {
		users, results := make([]snapshot.ListedUser, page), make([]snapshot.Result, page)
		for n := range page {
			i := from + n
			users[n] = snapshot.ListedUser{Outcome: audit.OutcomePending, User: audit.User{
				ID: benchUserID(i), UPN: fmt.Sprintf("user%07d@contoso.com", uint32(i)*2654435761%10_000_000), DisplayName: fmt.Sprintf("User %d", i), Type: "Member", Enabled: audit.TernaryOf(i%20 != 0),
			}}
			results[n] = snapshot.Result{Seq: int64(i) + 1, Outcome: audit.OutcomeRead, Passkeys: benchKeys(i, models)}
			keys += len(results[n].Passkeys)
		}
		next := "next"
		if from+page == benchUsers {
			next = ""
		}
		_, err := s.AddPages(ctx, users, 1, next)
		must(err)
		must(s.Record(ctx, results))
	}
	if keys != benchPasskeys {
		b.Fatalf("%d passkeys, want %d", keys, benchPasskeys)
	}
	must(s.Seal(ctx, start.Add(time.Hour)))
}

// benchKeys gives a user's passkeys: mostly of Microsoft Authenticator.
func benchKeys(i int, models []audit.Authenticator) []audit.Passkey {
	count := [10]int{1, 2, 1, 0, 2, 2, 0, 0, 2, 0}[i%10]
	list := make([]audit.Passkey, count)
	for n := range list {
		roll := uint32(i*2+n) * 2654435761 >> 8
		k := audit.Passkey{
			ID: fmt.Sprintf("%016x%06x2", uint64(roll)*0x9e3779b97f4a7c15, i), Name: "My passkey", Type: audit.DeviceBound, Attestation: audit.Attested,
			CreatedAt: time.Date(2024, 1, 1, 0, 0, int(roll%60_000_000), 0, time.UTC),
		}
		switch {
		case roll%100 < 35:
			k.AAGUID, k.Model = audit.AuthenticatorIOS.String(), "Microsoft Authenticator for iOS"
		case roll%100 < 65:
			k.AAGUID, k.Model = audit.AuthenticatorAndroid.String(), "Microsoft Authenticator for Android"
		default:
			m := models[int(roll/100)%len(models)]
			k.AAGUID, k.Model = m.AAGUID.String(), m.Name
			if roll%3 == 0 {
				k.Type, k.Attestation = audit.Synced, audit.NotAttested
			}
		}
		list[n] = k
	}
	return list
}

// benchPolicy gives the snapshot profiles and the group.
func benchPolicy(b *testing.B, path string) {
	b.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{
		"UPDATE documents SET body = CAST('" + benchProfiles + "' AS BLOB) WHERE name = 'policy'",
		"INSERT INTO groups (id, name, outcome, direct) VALUES ('" + benchGroup + "', 'Passkey pilots', 'read', 'read')",
		"INSERT INTO group_members (user_id, group_id, nested) SELECT id, '" + benchGroup + "', seq / 100 % 2 FROM users WHERE seq % 100 = 1",
	} {
		if _, err := db.Exec(q); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEvaluate judges a snapshot of 1,000,000 passkeys in a process of its
// own, and writes the figures and every passkey (json), or everything but
// workbook and page.
func BenchmarkEvaluate(b *testing.B) {
	dir := b.TempDir()
	path := filepath.Join(dir, fileSnapshot)
	benchSnapshot(b, path)
	for _, bb := range []struct {
		name    string
		formats string
		prepare func(*testing.B, string)
	}{
		{"tenant-wide", "json", func(*testing.B, string) {}},
		{"tenant-wide", "csv,json,txt", func(*testing.B, string) {}},
		{"profiles", "json", benchPolicy},
		{"profiles", "csv,json,txt", func(*testing.B, string) {}},
	} {
		bb.prepare(b, path)
		b.Run(bb.name+"/"+bb.formats, func(b *testing.B) {
			benchProgram(b, "evaluate", path, "--proposed", "authenticator-only", "--format", bb.formats, "--force", "--out", filepath.Join(dir, "out"))
		})
	}
}

// benchProgram measures the program in a process of its own: time, processor's
// time, and memory at most.
func benchProgram(b *testing.B, args ...string) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	var seconds, processor, peak float64
	for b.Loop() {
		cmd := exec.Command(self, args...)
		var said bytes.Buffer
		cmd.Env, cmd.Stderr = append(os.Environ(), asProgram+"=1"), &said
		start := time.Now()
		if err := cmd.Run(); err != nil {
			b.Fatal(err, said.String())
		}
		seconds += time.Since(start).Seconds()
		use, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			b.Fatal("no figures of the process")
		}
		rss := float64(use.Maxrss)
		if runtime.GOOS != "darwin" {
			rss *= 1024 // in KiB everywhere else
		}
		peak = max(peak, rss)
		processor += cmd.ProcessState.UserTime().Seconds() + cmd.ProcessState.SystemTime().Seconds()
	}
	b.ReportMetric(seconds/float64(b.N), "s/report")
	b.ReportMetric(processor/float64(b.N), "cpu_s/report")
	b.ReportMetric(peak/(1<<20), "MB_at_most")
}
