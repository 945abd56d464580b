//go:build unix

package main

import (
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"passkey-audit/audit/graphsim"
)

// TestMemory bounds the memory of a scan that no more users would make larger:
// neither users nor passkeys are kept in memory, nor are rows of reports.
func TestMemory(t *testing.T) {
	const most = 110 << 20
	users := 40_000
	if underRace {
		users = 4_000 // the race detector keeps a shadow of all memory: it counts for nothing
	}
	s := serveCounting(t, graphsim.Options{Users: users, Seed: 1})
	dir := filepath.Join(t.TempDir(), "out")
	p := startScan(t, s.root, nil, "--out", dir)
	if status := p.wait(t); status != exitDone {
		t.Fatalf("exit %d; stderr:\n%s", status, p.stderr.String())
	}
	use, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("no figures of the process")
	}
	peak := int64(use.Maxrss)
	if runtime.GOOS != "darwin" {
		peak <<= 10 // in KiB everywhere else
	}
	t.Logf("%d users: %d MB at most", users, peak>>20)
	if peak > most && !underRace {
		t.Errorf("took %d MB at most, want at most %d", peak>>20, most>>20)
	}
}
