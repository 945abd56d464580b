// Package json writes a report for machines: summary.json, passkeys.jsonl and
// manifest.json.
//
// It knows the report's model and nothing else. The forms are contracts: fields
// are only added, and the number "schema" rises when a reader could break.
package json

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"passkey-audit/audit"
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

// PasskeySchema is the version of the lines of passkeys.jsonl.
const PasskeySchema = 1

// A Passkey is one line of passkeys.jsonl. What is not known is null; texts
// are as Microsoft Graph sent them.
type Passkey struct {
	Schema      int          `json:"schema"`
	Impact      audit.Impact `json:"impact"`
	TenantID    string       `json:"tenant_id"`
	UserID      string       `json:"user_id"`
	UPN         string       `json:"user_principal_name"`
	DisplayName string       `json:"display_name"`
	UserType    string       `json:"user_type"`
	Enabled     *bool        `json:"account_enabled"`
	Admin       *bool        `json:"is_admin"`
	PasskeyID   string       `json:"passkey_id"`
	Name        string       `json:"passkey_name"`
	Type        string       `json:"passkey_type"`
	// AAGUID is in lower case and null where AAGUIDSent is no AAGUID.
	AAGUID        *string    `json:"aaguid"`
	AAGUIDSent    string     `json:"aaguid_as_sent"`
	Model         string     `json:"model"`
	Authenticator string     `json:"authenticator"`
	Vendor        string     `json:"vendor"`
	NameSource    string     `json:"name_source"`
	Attestation   string     `json:"attestation_level"`
	Registrable   *bool      `json:"registrable"`
	CreatedAt     *time.Time `json:"created_at"`
	LastUsedAt    *time.Time `json:"last_used_at"`
	Current       Verdict    `json:"current"`
	Proposed      Verdict    `json:"proposed"`
	UsableLeft    int        `json:"usable_passkeys_left"`
}

// A Verdict is one of a passkey's two.
type Verdict struct {
	Decision  audit.Decision   `json:"decision"`
	Code      audit.ReasonCode `json:"reason_code"`
	Reason    string           `json:"reason"`
	DecidedBy string           `json:"decided_by"`
	// Assumptions are the undocumented rules that the verdict hangs on.
	Assumptions []string `json:"assumptions,omitempty"`
}

// WritePasskeys writes passkeys.jsonl: every passkey, one JSON object a line,
// in the order of passkeys.csv, with nothing left out.
func WritePasskeys(ctx context.Context, w io.Writer, d *report.Document) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	e := json.NewEncoder(buf)
	e.SetEscapeHTML(false)
	var line Passkey
	for k, err := range d.AllPasskeys(ctx) {
		if err == nil {
			line.fill(d, k)
			err = e.Encode(&line)
		}
		if err != nil {
			return fmt.Errorf("write passkeys: %w", err)
		}
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write passkeys: %w", err)
	}
	return nil
}

func (p *Passkey) fill(d *report.Document, k *report.Passkey) {
	*p = Passkey{
		Schema: PasskeySchema, Impact: k.Impact(),
		TenantID: k.User.TenantID, UserID: k.User.ID, UPN: k.User.UPN, DisplayName: k.User.DisplayName, UserType: k.User.Type,
		Enabled: k.User.Enabled.Pointer(), Admin: k.User.Admin.Pointer(),
		PasskeyID: k.ID, Name: k.Name, Type: string(k.Type), AAGUIDSent: k.AAGUID, Model: k.Model,
		Authenticator: k.Authenticator.Name, Vendor: k.Authenticator.Vendor, NameSource: k.Authenticator.Source,
		Attestation: string(k.Attestation), Registrable: k.Registrable.Pointer(),
		CreatedAt: timePointer(k.CreatedAt), LastUsedAt: timePointer(k.LastUsedAt),
		Current: verdict(d, &k.Current), Proposed: verdict(d, &k.Proposed), UsableLeft: k.UsableLeft,
	}
	if k.HasAAGUID {
		s := k.Authenticator.AAGUID.String()
		p.AAGUID = &s
	}
}

func verdict(d *report.Document, v *audit.Verdict) Verdict {
	return Verdict{
		Decision: v.Decision, Code: v.Code, Reason: v.Reason, DecidedBy: v.DecidedBy,
		Assumptions: d.AssumptionTexts(v.Assumes),
	}
}

func timePointer(t time.Time) *time.Time {
	// encoding/json refuses years beyond 9999.
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return nil
	}
	t = t.UTC()
	return &t
}
