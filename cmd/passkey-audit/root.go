package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// A world is everything that a run takes from outside, so that tests can run
// the program in their own process.
type world struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	// stop is closed at the first Ctrl-C.
	stop <-chan struct{}
	now  func() time.Time
	// terminal says that stderr is one.
	terminal bool
	// transport sends requests to Graph and for tokens; nil means the network.
	transport http.RoundTripper
}

// run runs the program and gives its exit status.
func run(ctx context.Context, w world) int {
	u := &ui{out: w.stdout, err: w.stderr, terminal: w.terminal}
	root := newRootCommand(w, u)
	root.SetArgs(w.args)
	root.SetIn(w.stdin)
	root.SetOut(w.stdout)
	root.SetErr(w.stderr)
	err := root.ExecuteContext(ctx)
	if lerr := u.line.write(w.stdout, err); err == nil {
		err = lerr
	}
	u.fail(err)
	return statusOf(err)
}

func newRootCommand(w world, u *ui) *cobra.Command {
	root := &cobra.Command{
		Use:   "passkey-audit",
		Short: "Tells whose passkeys (FIDO2) break under a change of the Microsoft Entra policy, before it is made",
		Long: `passkey-audit reads which passkeys (FIDO2) the people of a Microsoft Entra
tenant have registered, judges each one under the policy as it is and as
proposed, and writes the reports that say who would be locked out. It only
ever reads.

Try it without a tenant:  passkey-audit demo

` + exitHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArguments,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%v: see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		newScanCommand(w, u),
		newDemoCommand(w, u),
		newEvaluateCommand(w, u),
		newSuggestCommand(w, u),
		newCompareCommand(w, u),
		newVerifyCommand(w, u),
		newPermissionsCommand(w, u),
		newAAGUIDsCommand(w, u),
		newTenantsCommand(w),
		newUploadCommand(w, u),
		newVersionCommand(w),
		newDocsCommand(w),
	)
	addConfig(root, w)
	return root
}

// noArguments refuses arguments, for commands that take none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		return usagef("unknown command %q: see %s --help", args[0], cmd.CommandPath())
	}
	return usagef("%s takes no argument, and %q was given: see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
}

// oneOf checks a flag's value.
func oneOf(flag, value string, values ...string) error {
	for _, v := range values {
		if value == v {
			return nil
		}
	}
	return usagef("--%s %s: choose one of %s", flag, quote(value), strings.Join(values, ", "))
}

// oneLine gives an error's text, without its hint, in one line of bounded length.
func oneLine(err error) string {
	var h *hintError
	if errors.As(err, &h) {
		err = h.error
	}
	s := strings.Join(strings.Fields(err.Error()), " ")
	const most = 600
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}
