//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

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
	seen := watchMemory(p.cmd.Process.Pid)
	if status := p.wait(t); status != exitDone {
		t.Fatalf("exit %d; stderr:\n%s", status, p.stderr.String())
	}
	peak := seen()
	if peak == 0 { // no such file system here
		use, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			t.Fatal("no figures of the process")
		}
		peak = int64(use.Maxrss)
		if runtime.GOOS != "darwin" {
			peak <<= 10 // in KiB everywhere else
		}
	}
	t.Logf("%d users: %d MB at most", users, peak>>20)
	if peak > most && !underRace {
		t.Errorf("took %d MB at most, want at most %d", peak>>20, most>>20)
	}
}

// watchMemory looks again and again at the most memory that a process has had,
// in bytes, until the function that it gives is called; 0 where the system does
// not tell. Linux's figure for an ended process would not do: it counts the
// memory of the process that started it, too.
func watchMemory(pid int) (peak func() int64) {
	end, most := make(chan struct{}), make(chan int64)
	go func() {
		look := time.NewTicker(5 * time.Millisecond)
		defer look.Stop()
		var peak int64
		for {
			if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
				if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
					var kib int64
					if _, err := fmt.Sscan(rest, &kib); err == nil {
						peak = max(peak, kib<<10)
					}
				}
			}
			select {
			case <-look.C:
			case <-end:
				most <- peak
				return
			}
		}
	}()
	return func() int64 {
		close(end)
		return <-most
	}
}
