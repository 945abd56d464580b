package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"passkey-audit/report"
	reportjson "passkey-audit/report/json"
)

func newVerifyCommand(w world, u *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Check a report folder against its manifest",
		Long: `Checks every file of a report folder against size and SHA-256 in its
manifest.json, and names files that are missing, changed, or not of the report.
Whoever can change the files can change the manifest too: keep a copy of it,
or of its digest, which is printed, elsewhere.

Exit status:
  0    the folder is as it was written
  1    something is missing or changed
  2    wrong usage, or no manifest`,
		Example: `  passkey-audit verify passkey-audit_contoso.com_20261101T080000Z`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("%s takes one folder, and %d were given", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return runVerify(w, u, args[0]) },
	}
	return cmd
}

func runVerify(w world, u *ui, dir string) error {
	text, err := readSmall(filepath.Join(dir, fileManifest))
	if err != nil {
		return usagef("%s: no manifest that can be read: %v", quote(dir), bare(err))
	}
	m, err := reportjson.ReadManifest(strings.NewReader(string(text)))
	if err != nil {
		return usagef("%s: %v", quote(filepath.Join(dir, fileManifest)), err)
	}
	bad := 0
	complain := func(name, format string, args ...any) {
		bad++
		u.warn("%s: %s", quote(name), fmt.Sprintf(format, args...))
	}
	var known []string
	for _, f := range m.Files {
		if f.Name != filepath.Base(f.Name) || f.Name == "." || f.Name == ".." {
			complain(f.Name, "the manifest names a file outside the folder")
			continue
		}
		known = append(known, f.Name)
		got, err := digest(filepath.Join(dir, f.Name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			complain(f.Name, "missing")
		case err != nil:
			complain(f.Name, "cannot be read: %v", bare(err))
		case got.Size != f.Size:
			complain(f.Name, "changed: %d bytes, and the manifest says %d", got.Size, f.Size)
		case !strings.EqualFold(got.SHA256, f.SHA256):
			complain(f.Name, "changed: its SHA-256 is %s, and the manifest says %s", got.SHA256, f.SHA256)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, bare(err))
	}
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) && e.Name() != fileManifest && e.Name() != fileLock {
			u.say("%s is not of the report", quote(e.Name()))
		}
	}
	if bad > 0 {
		return fmt.Errorf("%s is not as it was written: %s", quote(dir), report.Plural(bad, "file is missing or changed", "files are missing or changed"))
	}
	_, err = fmt.Fprintf(w.stdout, "%s is as it was written: %s, manifest SHA-256 %x\n", harmless(dir), report.Plural(len(known), "file", "files"), sha256.Sum256(text))
	return err
}

// digest takes size and SHA-256 of a file.
func digest(path string) (reportjson.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return reportjson.File{}, err
	}
	sum := &measure{sum: sha256.New()}
	_, err = io.Copy(sum, f)
	return sum.file(filepath.Base(path)), errors.Join(err, f.Close())
}
