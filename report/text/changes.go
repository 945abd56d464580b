package text

import (
	"fmt"
	"io"

	"passkey-audit/report"
)

// WriteChanges writes the final summary of a comparison: plain text of at most
// 80 columns, the same on a terminal and in a job's log.
func WriteChanges(w io.Writer, c *report.Changes, out Output) error {
	var t terminal
	t.para("", "passkey-audit: "+c.TenantWords()+", "+c.SpanWords())
	t.line("")
	t.para("", c.Verdict())
	t.para("", c.Completeness())
	for _, s := range c.ScopeWords() {
		t.para("", s)
	}
	t.head("What changed")
	for _, f := range c.Tiles() {
		t.line(fmt.Sprintf("  %-26s %9s  %s", f.Label, report.Number(f.Value), f.Note))
	}
	if words := c.NotComparedWords(); words != nil {
		t.head("Not compared")
		t.list(words)
	}
	t.head("The policy")
	t.list(c.PolicyWords())
	t.head(fmt.Sprintf("%-40s %11s %11s %12s", "Both scans", "older", "newer", "difference"))
	for _, s := range c.Sides() {
		t.line(fmt.Sprintf("  %-38s %11s %11s %12s", s.Label, report.Number(s.Before), report.Number(s.After), c.DifferenceWords(s.Before, s.After)))
	}
	t.changedModels(c)
	t.files(out)
	if _, err := w.Write(t.b.Bytes()); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

// changedModels shows the authenticators whose number changed most.
func (t *terminal) changedModels(c *report.Changes) {
	n := 0
	for _, m := range c.Authenticators {
		if m.PasskeysBefore == m.PasskeysAfter || n == modelsShown {
			continue
		}
		if n++; n == 1 {
			t.head(fmt.Sprintf("%-40s %11s %11s %12s", "Passkeys by authenticator", "older", "newer", "difference"))
		}
		t.line(fmt.Sprintf("  %s %11s %11s %12s", Pad(m.Title, 38), report.Number(m.PasskeysBefore), report.Number(m.PasskeysAfter), c.DifferenceWords(m.PasskeysBefore, m.PasskeysAfter)))
	}
}
