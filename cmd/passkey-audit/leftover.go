package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"passkey-audit/audit/snapshot"
)

// Names of what stands in a folder while reports are written: a file that is
// not whole yet, and folders for what does not fit into memory.
var (
	filePart   = regexp.MustCompile(`^\.(.+)\.\d+$`)
	folderPart = regexp.MustCompile(`^\.?passkey-audit-\d+$`)
)

// removeParts removes what a killed run has left half done in a report folder:
// it holds names, and nobody else would. The folder must be locked, so that
// nobody is at work in it.
func removeParts(dir string) error {
	found, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range found {
		if leftover(e) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// leftover tells whether an entry is what a killed run left half done.
func leftover(e os.DirEntry) bool {
	if e.IsDir() {
		return folderPart.MatchString(e.Name())
	}
	m := filePart.FindStringSubmatch(e.Name())
	return m != nil && e.Type().IsRegular() &&
		(slices.Contains(anyFiles(), m[1]) || slices.Contains(comparisonFiles(), m[1]) || m[1] == snapshot.SortFile)
}
