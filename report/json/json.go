// Package json writes a report for machines: summary.json, passkeys.jsonl and
// manifest.json.
//
// It knows the report's model and nothing else. The forms are contracts: fields
// are only added, and the number "schema" rises when a reader could break.
package json

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"passkey-audit/report"
)

// WriteSummary writes summary.json; summary.schema.json beside this file
// describes it.
func WriteSummary(w io.Writer, d *report.Document) error {
	if err := writeIndented(w, d.Summary()); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

func writeIndented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// utc gives a time in UTC; false where there is none, or where RFC 3339 has no
// form for its year: encoding/json refuses those.
func utc(t time.Time) (time.Time, bool) {
	t = t.UTC()
	return t, !t.IsZero() && t.Year() >= 0 && t.Year() <= 9999
}
