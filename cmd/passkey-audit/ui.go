package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"passkey-audit/audit/collect"
	"passkey-audit/audit/graph"
	"passkey-audit/audit/pace"
	"passkey-audit/report"
)

// A ui speaks to the user: summaries go to out, everything else to err. It is
// safe for concurrent use.
type ui struct {
	out, err io.Writer
	terminal bool
	quiet    bool
	// line is printed at the end of the run; nil for none.
	line *summaryLine

	mu   sync.Mutex
	live bool // a progress line stands on the terminal
}

// say writes a message, unless the user wants none.
func (u *ui) say(format string, args ...any) {
	if !u.quiet {
		u.message("", format, args...)
	}
}

// block writes a line of a list or a table, unless the user wants no messages.
func (u *ui) block(format string, args ...any) {
	if u.quiet {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.clearLive()
	fmt.Fprintln(u.err, harmless(fmt.Sprintf(format, args...)))
}

// warn writes a warning.
func (u *ui) warn(format string, args ...any) { u.message("warning: ", format, args...) }

// message writes a line to err and keeps tenant text in it harmless.
func (u *ui) message(kind, format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.clearLive()
	fmt.Fprintln(u.err, "passkey-audit: "+kind+harmless(fmt.Sprintf(format, args...)))
}

// fail tells an error, unless it was told in the summary.
func (u *ui) fail(err error) {
	var result *resultError
	if err == nil || errors.As(err, &result) {
		return
	}
	u.message("", "%s", oneLine(err))
	if hint := hintOf(err); hint != "" {
		u.message("hint: ", "%s", hint)
	}
}

// hintOf gives what the user can do about an error, if the error does not say.
func hintOf(err error) string {
	var h *hintError
	if errors.As(err, &h) {
		return h.hint
	}
	var signIn *graph.SignInError
	switch {
	case errors.As(err, &signIn):
	case errors.Is(err, graph.ErrUnauthorized):
		return "the access token is not accepted: sign in again, and check tenant and cloud"
	case errors.Is(err, graph.ErrForbidden):
		return "the app or the signed-in person lacks a permission: see the permissions in the README"
	}
	return ""
}

// harmless replaces control characters, which may come from a tenant's text or
// a file name, so that a message stays one line and moves no cursor.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return '\uFFFD'
		}
		return r
	}, s)
}

func quote(s string) string { return strconv.Quote(s) }

// clearLive wipes the progress line; u.mu is held.
func (u *ui) clearLive() {
	if u.live {
		fmt.Fprint(u.err, "\r\x1b[K")
		u.live = false
	}
}

// How often the progress is told.
const (
	liveEvery  = 200 * time.Millisecond // on a terminal
	plainEvery = 30 * time.Second       // elsewhere: readable in a job's log
)

// progress tells how far a scan is until the returned function is called, which
// waits for the end of the telling.
func (u *ui) progress(ctx context.Context, p *collect.Progress, s *pace.Scheduler) (end func()) {
	if u.quiet {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		every := plainEvery
		if u.terminal {
			every = liveEvery
		}
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-t.C:
				u.tell(progressWords(p.Stage(), s.Status(collect.Directory), now))
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		u.mu.Lock()
		defer u.mu.Unlock()
		u.clearLive()
	}
}

func (u *ui) tell(line string) {
	if !u.terminal {
		u.say("%s", line)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	fmt.Fprint(u.err, "\r\x1b[K"+line)
	u.live = true
}

// progressWords says in under 80 columns how far a scan is.
func progressWords(s collect.Stage, st pace.Status, now time.Time) string {
	if s.Waiting {
		return fmt.Sprintf("waiting for the registration report: %s users of it, %s listed", report.Number(s.Registrations), report.Number(s.Listed))
	}
	of := report.Number(s.Listed)
	if !s.ListingDone {
		of += "+"
	}
	line := fmt.Sprintf("%s of %s users, %s passkeys", report.Number(s.Done), of, report.Number(s.Passkeys))
	if s.Unread > 0 {
		line += fmt.Sprintf(", %s unread", report.Number(s.Unread))
	}
	if s.Listed > 0 && s.Done == s.Listed && !s.Reported {
		return line + ", waiting for the registration report"
	}
	switch {
	case st.PausedUntil.After(now):
		line += ", throttled for " + round(st.PausedUntil.Sub(now))
	case st.PerSecond >= 1:
		line += fmt.Sprintf(", %.0f/s", st.PerSecond)
	case st.PerSecond > 0:
		line += fmt.Sprintf(", %.2f/s", st.PerSecond)
	}
	if left, ok := st.Remaining(s.Listed-s.Done, now); ok && s.ListingDone && s.Listed > s.Done {
		line += ", " + round(left) + " left"
	}
	return line
}

func round(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}
