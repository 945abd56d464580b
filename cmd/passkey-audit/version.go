package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// These are set by the linker where a release is built; the build's own
// information serves otherwise. The date is the commit's, in RFC 3339.
var version, commit, date string

// toolVersion gives the version to show in reports and to Microsoft Graph.
func toolVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// toolCommit gives the commit that this program was built from and its time in
// RFC 3339; both are empty where the build did not know them.
func toolCommit() (revision, at string) {
	revision, at = commit, date
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return revision, at
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && revision == "":
			revision = s.Value
		case s.Key == "vcs.time" && at == "":
			at = s.Value
		}
	}
	return revision, at
}

func newVersionCommand(w world) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			words := []string{"passkey-audit", toolVersion()}
			revision, at := toolCommit()
			for _, word := range []string{revision, at} {
				if word != "" {
					words = append(words, word)
				}
			}
			_, err := fmt.Fprintf(w.stdout, "%s (%s, %s/%s)\n", strings.Join(words, " "), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
