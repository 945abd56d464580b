package main

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// logOptions say what is logged, and where.
type logOptions struct {
	level, format, file string
	quiet, noProgress   bool
}

// AddFlags binds the flags.
func (o *logOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.level, "log-level", "error", "log trace, debug, info, warn, error or disabled")
	f.StringVar(&o.format, "log-format", "console", "log as console or json")
	f.StringVar(&o.file, "log-file", "", "log to this `FILE` instead of standard error")
	f.BoolVar(&o.quiet, "quiet", false, "no messages but warnings and errors")
	f.BoolVar(&o.noProgress, "no-progress", false, "do not tell the progress")
}

// open makes the logger. The caller calls the returned function at the end.
func (o *logOptions) open(u *ui) (zerolog.Logger, func() error, error) {
	level, err := zerolog.ParseLevel(o.level)
	if err != nil || o.level == "" {
		return zerolog.Nop(), nil, usagef("--log-level %s: choose one of trace, debug, info, warn, error, disabled", quote(o.level))
	}
	if err := oneOf("log-format", o.format, "console", "json"); err != nil {
		return zerolog.Nop(), nil, err
	}
	u.quiet = o.quiet
	var w io.Writer = u
	end := func() error { return nil }
	if o.file != "" {
		f, err := os.OpenFile(o.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return zerolog.Nop(), nil, usagef("--log-file: %v", err)
		}
		w, end = f, f.Close
	}
	if o.format == "console" {
		w = zerolog.ConsoleWriter{Out: w, NoColor: true, TimeFormat: time.RFC3339}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), end, nil
}

// Write lets the log share standard error with messages and the progress line.
func (u *ui) Write(b []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.clearLive()
	return u.err.Write(b)
}
