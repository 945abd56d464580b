package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"passkey-audit/report"
)

// Values of --summary.
const (
	summaryText = "text"
	summaryJSON = "json"
)

// A summaryLine is what --summary json prints at the end of a run, whatever its
// end: one line of JSON with the figures of summary.json, where there is a
// report, and what a scheduler wants to know besides.
type summaryLine struct {
	summary  *report.Summary // nil where no report was written
	out      string          // the report's folder, if there is one
	uploaded string          // where it was uploaded to, if it was
	removed  []string        // folders of older reports
}

// newSummaryLine gives the line for a value of --summary; nil if it wants none.
func newSummaryLine(format string) *summaryLine {
	if format == summaryJSON {
		return &summaryLine{}
	}
	return nil
}

// write prints the line of a run that ended with this error. A nil line prints
// nothing.
func (l *summaryLine) write(w io.Writer, err error) error {
	if l == nil {
		return nil
	}
	head := struct {
		ExitStatus int      `json:"exit_status"`
		Error      *string  `json:"error"`
		Hint       *string  `json:"hint"`
		Out        *string  `json:"out"`
		Uploaded   *string  `json:"uploaded"`
		Removed    []string `json:"removed"`
	}{ExitStatus: statusOf(err), Out: textOrNull(l.out), Uploaded: textOrNull(l.uploaded), Removed: l.removed}
	if head.Removed == nil {
		head.Removed = []string{}
	}
	if err != nil && !isResult(err) {
		head.Error, head.Hint = textOrNull(harmless(oneLine(err))), textOrNull(harmless(hintOf(err)))
	}
	line, merr := compactJSON(head)
	if merr == nil && l.summary != nil {
		var figures string
		figures, merr = compactJSON(l.summary)
		line = strings.TrimSuffix(line, "}") + "," + strings.TrimPrefix(figures, "{")
	}
	if merr == nil {
		_, merr = fmt.Fprintln(w, line)
	}
	if merr != nil {
		return fmt.Errorf("write summary line: %w", merr)
	}
	return nil
}

// compactJSON gives a value's JSON in one line, with < and > as they are.
func compactJSON(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
