package json

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"passkey-audit/audit"
	"passkey-audit/report"
)

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
	e := encoder{d: d, verdicts: map[audit.Verdict]string{}}
	for k, err := range d.AllPasskeys(ctx) {
		if err == nil {
			e.passkey(k)
			err = e.flush(w, chunk)
		}
		if err != nil {
			return fmt.Errorf("write passkeys: %w", err)
		}
	}
	if err := e.flush(w, 0); err != nil {
		return fmt.Errorf("write passkeys: %w", err)
	}
	return nil
}

const (
	// chunk is how much is gathered before it is written.
	chunk = 64 << 10
	// verdictsKept is for how many verdicts the text is kept: the same ones come
	// again and again, but a tenant may have any number.
	verdictsKept = 4096
)

// An encoder writes lines of type Passkey, byte for byte as encoding/json does
// without HTML escapes, in a fifth of its time: a large report has gigabytes of
// them.
type encoder struct {
	d        *report.Document
	buf      []byte
	verdicts map[audit.Verdict]string
}

// flush writes what was gathered if it has at least so many bytes.
func (e *encoder) flush(w io.Writer, least int) error {
	if len(e.buf) < least {
		return nil
	}
	_, err := w.Write(e.buf)
	e.buf = e.buf[:0]
	return err
}

// passkey adds one line, in the order of the fields of Passkey.
func (e *encoder) passkey(k *report.Passkey) {
	e.buf = append(e.buf, `{"schema":`...)
	e.buf = strconv.AppendInt(e.buf, PasskeySchema, 10)
	e.text(`,"impact":`, string(k.Impact()))
	u := &k.User
	e.text(`,"tenant_id":`, u.TenantID)
	e.text(`,"user_id":`, u.ID)
	e.text(`,"user_principal_name":`, u.UPN)
	e.text(`,"display_name":`, u.DisplayName)
	e.text(`,"user_type":`, u.Type)
	e.ternary(`,"account_enabled":`, u.Enabled)
	e.ternary(`,"is_admin":`, u.Admin)
	e.text(`,"passkey_id":`, k.ID)
	e.text(`,"passkey_name":`, k.Name)
	e.text(`,"passkey_type":`, string(k.Type))
	if k.HasAAGUID {
		e.text(`,"aaguid":`, k.Authenticator.AAGUID.String())
	} else {
		e.buf = append(e.buf, `,"aaguid":null`...)
	}
	e.text(`,"aaguid_as_sent":`, k.AAGUID)
	e.text(`,"model":`, k.Model)
	e.text(`,"authenticator":`, k.Authenticator.Name)
	e.text(`,"vendor":`, k.Authenticator.Vendor)
	e.text(`,"name_source":`, k.Authenticator.Source)
	e.text(`,"attestation_level":`, string(k.Attestation))
	e.ternary(`,"registrable":`, k.Registrable)
	e.time(`,"created_at":`, k.CreatedAt)
	e.time(`,"last_used_at":`, k.LastUsedAt)
	e.verdict(`,"current":`, &k.Current)
	e.verdict(`,"proposed":`, &k.Proposed)
	e.buf = append(e.buf, `,"usable_passkeys_left":`...)
	e.buf = strconv.AppendInt(e.buf, int64(k.UsableLeft), 10)
	e.buf = append(e.buf, "}\n"...)
}

func (e *encoder) ternary(key string, t audit.Ternary) {
	e.buf = append(e.buf, key...)
	if b := t.Pointer(); b != nil {
		e.buf = strconv.AppendBool(e.buf, *b)
		return
	}
	e.buf = append(e.buf, "null"...)
}

// time adds a time, or null.
func (e *encoder) time(key string, t time.Time) {
	e.buf = append(e.buf, key...)
	t, ok := utc(t)
	if !ok {
		e.buf = append(e.buf, "null"...)
		return
	}
	e.buf = append(e.buf, '"')
	e.buf = t.AppendFormat(e.buf, time.RFC3339Nano)
	e.buf = append(e.buf, '"')
}

func (e *encoder) verdict(key string, v *audit.Verdict) {
	e.buf = append(e.buf, key...)
	if known, ok := e.verdicts[*v]; ok {
		e.buf = append(e.buf, known...)
		return
	}
	from := len(e.buf)
	e.text(`{"decision":`, string(v.Decision))
	e.text(`,"reason_code":`, string(v.Code))
	e.text(`,"reason":`, v.Reason)
	e.text(`,"decided_by":`, v.DecidedBy)
	for i, sentence := range e.d.AssumptionTexts(v.Assumes) {
		if i == 0 {
			e.text(`,"assumptions":[`, sentence)
		} else {
			e.text(`,`, sentence)
		}
	}
	if v.Assumes != 0 {
		e.buf = append(e.buf, ']')
	}
	e.buf = append(e.buf, '}')
	if len(e.verdicts) < verdictsKept {
		e.verdicts[*v] = string(e.buf[from:])
	}
}

// text adds a key, which is written as it stands, and a string.
func (e *encoder) text(key, s string) {
	b := append(e.buf, key...)
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			if c >= ' ' && c != '"' && c != '\\' {
				continue
			}
			b = append(b, s[start:i-1]...)
			b = appendEscape(b, c)
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, s[start:i]...)
			b = append(b, `\ufffd`...)
			start = i + size
		case r == '\u2028' || r == '\u2029': // they end lines in JavaScript
			b = append(b, s[start:i]...)
			b = append(b, `\u202`...)
			b = append(b, hex[r&0xf])
			start = i + size
		}
		i += size
	}
	b = append(b, s[start:]...)
	e.buf = append(b, '"')
}

const hex = "0123456789abcdef"

// appendEscape adds an ASCII character that may not stand in a string.
func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
}
