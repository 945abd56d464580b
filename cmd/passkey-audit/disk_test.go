//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passkey-audit/audit/graphsim"
)

// TestDiskFull lets a scan meet a disk that is full, sooner or later: it says so
// in one line, leaves no report that looks whole, and goes on once there is room.
func TestDiskFull(t *testing.T) {
	o := graphsim.Options{Users: 1500, Seed: 13}
	want, _ := undisturbedScan(t, o)
	s := serveCounting(t, o)
	for _, tt := range []struct {
		name   string
		limit  string // of a file, in bytes
		before bool   // everything is read before, and the reports are missing
		resume bool   // the message says how to go on
	}{
		{"before there is a snapshot", "8192", false, false},
		{"at the first users", "100000", false, true},
		{"while passkeys are read", "500000", false, true},
		{"while the reports are written", "800000", true, true},
		{"at the first report", "8192", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			if tt.before {
				p := startScan(t, s.root, nil, "--out", dir)
				if status := p.wait(t); status != exitDone {
					t.Fatalf("exit %d; stderr:\n%s", status, p.stderr.String())
				}
				for _, name := range reportFiles() {
					if err := os.Remove(filepath.Join(dir, name)); err != nil {
						t.Fatal(err)
					}
				}
			}
			p := startScan(t, s.root, []string{fileLimit + "=" + tt.limit}, goOn(dir)...)
			p.wait(t)
			wantFull(t, p, dir, tt.resume)
			p = startScan(t, s.root, nil, goOn(dir)...)
			if status := p.wait(t); status != exitDone {
				t.Fatalf("with room again: exit %d; stderr:\n%s", status, p.stderr.String())
			}
			wantSameReport(t, want, dir)
		})
	}
}

// wantFull wants a process that has failed for want of room, and said so.
func wantFull(t *testing.T, p *process, dir string, resume bool) {
	t.Helper()
	said := p.stderr.String()
	if status := p.wait(t); status != exitFailed || p.stdout.String() != "" {
		t.Fatalf("exit %d, want %d; stdout %q; stderr:\n%s", status, exitFailed, p.stdout.String(), said)
	}
	if strings.Count(said, "\n") > 2 || !strings.HasPrefix(said, "passkey-audit: ") || strings.Contains(said, "--resume") != resume {
		t.Errorf("stderr, want one line and perhaps how to go on:\n%s", said)
	}
	if !strings.Contains(said, "disk") && !strings.Contains(said, "file too large") && !strings.Contains(said, "no space") {
		t.Errorf("stderr does not name the disk:\n%s", said)
	}
	if _, err := os.Stat(filepath.Join(dir, fileManifest)); err == nil {
		t.Error("there is a manifest")
	}
}
