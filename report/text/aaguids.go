// Package text writes a report as plain text: AAGUIDs.txt, in the form of
// Microsoft's script, and the summary for a terminal or a job's log.
//
// It knows the report's model and nothing else: no terminal, no colours, no
// width but 80 columns. Nothing of a tenant's text can steer a terminal or make a line.
package text

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"passkey-audit/audit"
	"passkey-audit/report"
)

// WriteAAGUIDs writes AAGUIDs.txt as GetRegisteredPasskeyAAGUIDsForAllUsers.ps1
// does: a line "---", then for each user either the line that there is no
// passkey or a line for each passkey, and a line "===" after each user; UTF-8
// and LF.
//
// The script prints "has no Passkey" for users whose read failed. Here they
// have lines that say so, as have users who were deleted or not asked for.
func WriteAAGUIDs(ctx context.Context, w io.Writer, d *report.Document) error {
	b := bufio.NewWriterSize(w, 64<<10)
	fmt.Fprintln(b, "---")
	for u, err := range d.UserLines(ctx) {
		if err != nil {
			return fmt.Errorf("write AAGUIDs: %w", err)
		}
		writeUser(b, u)
	}
	// A bufio.Writer keeps its first error.
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write AAGUIDs: %w", err)
	}
	return nil
}

func writeUser(b *bufio.Writer, u *report.UserLine) {
	id := Line(u.UserID)
	for _, k := range u.Passkeys {
		fmt.Fprintf(b, "- User object ID %s has a Passkey with AAGUID %s of Model type '%s'\n", id, Line(k.AAGUID), Line(k.Model))
	}
	switch {
	case u.Outcome.Unread():
		fmt.Fprintf(b, "User object ID %s could not be read: %s\n", id, Line(u.Code))
	case len(u.Passkeys) > 0:
	case u.Outcome == audit.OutcomeGone:
		fmt.Fprintf(b, "User object ID %s was deleted since it was listed\n", id)
	case u.Outcome == audit.OutcomeOutOfScope:
		fmt.Fprintf(b, "User object ID %s is out of scope and was not read\n", id)
	default:
		fmt.Fprintf(b, "User object ID %s has no Passkey\n", id)
	}
	b.WriteString("===\n")
}
