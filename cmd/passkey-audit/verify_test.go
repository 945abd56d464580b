package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passkey-audit/audit/graphsim"
	"passkey-audit/report"
)

// wantVerified wants a folder to be as it was written.
func wantVerified(t *testing.T, dir string) {
	t.Helper()
	r := runs(t, exitDone, "verify", dir)
	files := len(entries(t, dir)) - 1
	want := fmt.Sprintf("%s is as it was written: %d files, manifest SHA-256 %x\n", dir, files, sha256.Sum256([]byte(read(t, dir, fileManifest))))
	if r.stdout != want || r.stderr != "" {
		t.Errorf("stdout %q, want %q; stderr %q", r.stdout, want, r.stderr)
	}
}

// TestVerifyIntact verifies what each command writes, and again after others
// have read it.
func TestVerifyIntact(t *testing.T) {
	_, scan := scanned(t, graphsim.Options{Users: 80, Seed: 1})
	wantVerified(t, scan)
	demo := filepath.Join(t.TempDir(), "out")
	runs(t, exitDone, "demo", "--size", "40", "--out", demo, "--mask", "--csv-raw")
	wantVerified(t, demo)
	_, evaluation := evaluated(t, exitDone, scan, "--format", "csv,txt")
	wantVerified(t, evaluation)
	compared := filepath.Join(t.TempDir(), "out")
	runs(t, exitDone, "compare", scan, filepath.Join(scan, fileSnapshot), "--out", compared)
	wantVerified(t, compared)
	runs(t, exitDone, "suggest", scan)
	runs(t, exitDone, "evaluate", scan, "--explain", "emergency-access-1@contoso.onmicrosoft.com")
	wantVerified(t, scan)
	// A report beside the snapshot that it is made of.
	beside := t.TempDir()
	if err := os.WriteFile(filepath.Join(beside, fileSnapshot), []byte(read(t, scan, fileSnapshot)), 0o600); err != nil {
		t.Fatal(err)
	}
	runs(t, exitDone, "evaluate", beside, "--out", beside)
	wantVerified(t, beside)
	runs(t, exitDone, "evaluate", beside, "--out", beside, "--force", "--format", "json")
	wantVerified(t, beside)
}

func TestVerifyFinds(t *testing.T) {
	_, scan := scanned(t, graphsim.Options{Users: 40, Seed: 1})
	write := func(dir, name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(dir, name string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	// list puts another file on the manifest.
	list := func(dir, name, text string) {
		t.Helper()
		entry := mustJSON(t, map[string]any{"name": name, "size": len(text), "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(text)))})
		write(dir, fileManifest, strings.Replace(read(t, dir, fileManifest), `"files": [`, `"files": [`+entry+",", 1))
	}
	for _, tt := range []struct {
		name   string
		spoil  func(dir string)
		status int
		says   []string // the lines of standard error but the last one
	}{
		{"a changed byte", func(dir string) {
			text := read(t, dir, report.FileUsers)
			write(dir, report.FileUsers, text[:40]+"~"+text[41:])
		}, exitFailed, []string{`warning: "users.csv": changed: its SHA-256 is `}},
		{"a line more", func(dir string) { write(dir, fileAAGUIDs, read(t, dir, fileAAGUIDs)+"\n") }, exitFailed, []string{`warning: "AAGUIDs.txt": changed: `}},
		{"a changed snapshot", func(dir string) { write(dir, fileSnapshot, "") }, exitFailed, []string{`warning: "snapshot.db": changed: 0 bytes, and the manifest says `}},
		{"two missing files", func(dir string) { remove(dir, report.FileUnread); remove(dir, fileWorkbook) }, exitFailed, []string{`warning: "report.xlsx": missing`, `warning: "unread.csv": missing`}},
		{"a folder in a file's place", func(dir string) {
			remove(dir, filePage)
			if err := os.Mkdir(filepath.Join(dir, filePage), 0o700); err != nil {
				t.Fatal(err)
			}
		}, exitFailed, []string{`warning: "report.html": cannot be read: `}},
		{"an extra file", func(dir string) { write(dir, "notes.txt", "mine") }, exitDone, []string{`"notes.txt" is not of the report`}},
		{"an extra file and a missing one", func(dir string) { write(dir, "notes.txt", "mine"); remove(dir, filePage) }, exitFailed, []string{`warning: "report.html": missing`, `"notes.txt" is not of the report`}},
		{"an extra file of a hostile name", func(dir string) { write(dir, "a\nb\x1b[31m", "") }, exitDone, []string{`"a\nb\x1b[31m" is not of the report`}},
		{"a manifest that names a file outside", func(dir string) {
			write(filepath.Dir(dir), "x", "there")
			list(dir, "../x", "there")
		}, exitFailed, []string{`warning: "../x": the manifest names a file outside the folder`}},
		{"a manifest that names a file by its path", func(dir string) { list(dir, "/etc/hosts", "") }, exitFailed, []string{`warning: "/etc/hosts": the manifest names a file outside the folder`}},
		{"a manifest that names the folder above", func(dir string) { list(dir, "..", "") }, exitFailed, []string{`warning: "..": the manifest names a file outside the folder`}},
		{"a manifest that names nothing", func(dir string) { list(dir, "", "") }, exitFailed, []string{`warning: "": the manifest names a file outside the folder`}},
		{"a manifest that names a file of a hostile name", func(dir string) { list(dir, "a\n\x1b[2Jb", "") }, exitFailed, []string{`warning: "a\n\x1b[2Jb": missing`}},
		{"no manifest", func(dir string) { remove(dir, fileManifest) }, exitUsage, nil},
		{"an empty manifest", func(dir string) { write(dir, fileManifest, "") }, exitUsage, nil},
		{"a manifest that is cut short", func(dir string) { write(dir, fileManifest, read(t, dir, fileManifest)[:200]) }, exitUsage, nil},
		{"a manifest of another form", func(dir string) { write(dir, fileManifest, `{"schema":2,"files":[]}`) }, exitUsage, nil},
		{"a manifest of no form", func(dir string) { write(dir, fileManifest, `{}`) }, exitUsage, nil},
		{"no folder", func(dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}, exitUsage, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			if err := copyRemains(scan, dir); err != nil {
				t.Fatal(err)
			}
			tt.spoil(dir)
			r := runs(t, tt.status, "verify", dir)
			if (r.stdout != "") != (tt.status == exitDone) {
				t.Errorf("stdout %q", r.stdout)
			}
			lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
			if tt.status != exitDone {
				if last := lines[len(lines)-1]; !strings.HasPrefix(last, "passkey-audit: \""+dir) || tt.status == exitFailed && !strings.Contains(last, "is not as it was written: ") {
					t.Errorf("the last line is %q", last)
				}
				lines = lines[:len(lines)-1]
			}
			if len(lines) != len(tt.says) {
				t.Fatalf("stderr, want %d lines before the last:\n%s", len(tt.says), r.stderr)
			}
			for i, says := range tt.says {
				if !strings.HasPrefix(lines[i], "passkey-audit: "+says) {
					t.Errorf("line %d is %q, want %q", i, lines[i], says)
				}
			}
		})
	}
	for _, args := range [][]string{{}, {scan, scan}} {
		if r := runs(t, exitUsage, append([]string{"verify"}, args...)...); strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
			t.Errorf("%v: stdout %q, stderr %q", args, r.stdout, r.stderr)
		}
	}
}
