package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
		part := e.IsDir() && folderPart.MatchString(e.Name())
		if m := filePart.FindStringSubmatch(e.Name()); m != nil && e.Type().IsRegular() {
			part = slices.Contains(anyFiles(), m[1]) || slices.Contains(comparisonFiles(), m[1])
		}
		if part {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
