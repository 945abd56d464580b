package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passkey-audit/audit/graphsim"
)

// digests describes a folder's files, so that any change to them shows.
func digests(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, name := range entries(t, dir) {
		fmt.Fprintf(&b, "%s %x\n", name, sha256.Sum256([]byte(read(t, dir, name))))
	}
	return b.String()
}

// TestResumeRefused wants --resume to refuse what it must not go on with: in one
// line, with exit status 2, and with nothing changed.
func TestResumeRefused(t *testing.T) {
	healthy, lapsed := graphsim.Options{Users: 400, Seed: 6}, graphsim.Options{Users: 400, Seed: 6}
	lapsed.Faults.Rules = ever(graphsim.OnBatch, 6, status(403))
	_, root := serve(t, healthy)
	_, refusing := serve(t, lapsed)
	_, foreign := serve(t, graphsim.Options{Users: 400, Seed: 7})
	r, begun := scanTenant(t, refusing, nil, "--members-only")
	if r.status != exitRefused {
		t.Fatalf("exit %d, want %d; stderr:\n%s", r.status, exitRefused, r.stderr)
	}
	r, finished := scanTenant(t, root, nil, "--members-only")
	if r.status != exitDone {
		t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
	}
	nothing := func([]byte) []byte { return nil }
	same := func(b []byte) []byte { return b }
	for _, tt := range []struct {
		name  string
		from  string
		root  string
		scope string
		file  func([]byte) []byte
		says  string
	}{
		{"another tenant", begun, foreign, "--members-only", same, "tenant"},
		{"another scope", begun, root, "--enabled-only", same, "--members-only"},
		{"finished", finished, root, "--members-only", same, "finished"},
		{"finished, another tenant", finished, foreign, "--members-only", same, "tenant"},
		{"empty file", begun, root, "--members-only", nothing, "not a snapshot"},
		{"a text", begun, root, "--members-only", func([]byte) []byte { return []byte(strings.Repeat("Alex Wilber\n", 1000)) }, "not a snapshot"},
		{"damaged header", begun, root, "--members-only", func(b []byte) []byte { copy(b, "SQLite form@t 4"); return b }, "not a snapshot"},
		{"of another program", begun, root, "--members-only", func(b []byte) []byte { binary.BigEndian.PutUint32(b[68:], 7); return b }, "not a snapshot"},
		{"cut short", begun, root, "--members-only", func(b []byte) []byte { return b[:len(b)/2] }, "not a snapshot"},
		{"cut short to its header", begun, root, "--members-only", func(b []byte) []byte { return b[:4096] }, "not a snapshot"},
		{"overwritten in the middle", begun, root, "--members-only", func(b []byte) []byte { clear(b[4096 : len(b)-4096]); return b }, "not a snapshot"},
		{"of a newer version", begun, root, "--members-only", func(b []byte) []byte { binary.BigEndian.PutUint32(b[60:], 999); return b }, "newer version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			if err := copyRemains(tt.from, dir); err != nil {
				t.Fatal(err)
			}
			b := tt.file([]byte(read(t, dir, fileSnapshot)))
			if err := os.WriteFile(filepath.Join(dir, fileSnapshot), b, 0o600); err != nil {
				t.Fatal(err)
			}
			before := digests(t, dir)
			r := scanInto(t, tt.root, nil, "--resume", dir, tt.scope)
			if r.status != exitUsage || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, tt.says) {
				t.Errorf("exit %d, want 2; stdout %q; stderr, want one line that says %q:\n%s", r.status, r.stdout, tt.says, r.stderr)
			}
			if after := digests(t, dir); after != before {
				t.Errorf("the folder was changed from\n%sto\n%s", before, after)
			}
		})
	}
	if r := scanInto(t, root, nil, "--resume", begun, "--members-only"); r.status != exitDone {
		t.Errorf("the scan that was copied cannot be resumed itself: exit %d; stderr:\n%s", r.status, r.stderr)
	}
}
