package main

import (
	"context"
	"errors"
	"fmt"

	"passkey-audit/audit/collect"
	"passkey-audit/audit/graph"
	"passkey-audit/audit/policy"
)

// The exit statuses, which schedulers depend on.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitFinding     = 3
	exitPartial     = 4
	exitRefused     = 5
	exitInterrupted = 130
)

// exitHelp is the table of exit statuses in the help texts.
const exitHelp = `Exit status:
  0    done, complete
  1    failed
  2    wrong usage
  3    done, and a finding that --fail-on names
  4    done, but partial: something could not be read (wins over 3)
  5    sign-in or permission
  130  interrupted; the scan can be resumed`

// A usageError is something about the command line or its files that the user
// can mend. Its text is one line that says what to do.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// A hintError adds a line that says what to do.
type hintError struct {
	error
	hint string
}

func (e *hintError) Unwrap() error { return e.error }

func withHint(err error, format string, args ...any) error {
	return &hintError{err, fmt.Sprintf(format, args...)}
}

// A resultError ends a run whose work is done, with a status other than 0. It
// is not a failure and has been told in the summary already.
type resultError struct{ status int }

func (e *resultError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// errInterrupted says that the user stopped the run.
var errInterrupted = errors.New("interrupted")

// statusOf is the one table from errors to exit statuses.
func statusOf(err error) int {
	var (
		usage   *usageError
		option  *graph.OptionError
		result  *resultError
		signIn  *graph.SignInError
		refused *collect.RefusedError
		syntax  *policy.SyntaxError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &result):
		return result.status
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage), errors.As(err, &option), errors.As(err, &syntax):
		return exitUsage
	case errors.As(err, &signIn), errors.As(err, &refused), errors.Is(err, graph.ErrUnauthorized), errors.Is(err, graph.ErrForbidden):
		return exitRefused
	}
	return exitFailed
}
