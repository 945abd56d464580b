package json

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"

	"passkey-audit/audit"
	"passkey-audit/report"
)

// ChangesSchema is the version of changes.json.
const ChangesSchema = 1

// A Comparison is the head of changes.json; after it the file has two arrays,
// "changes" with a Change for each row of changes.csv and for each passkey that
// has become undecided, and "not_compared" with a Person for each who could not
// be compared. changes.schema.json beside this file describes it.
type Comparison struct {
	Schema int                  `json:"schema"`
	Tool   report.SummaryTool   `json:"tool"`
	Tenant report.SummaryTenant `json:"tenant"`
	// Verdict and Completeness are the sentences that people read.
	Verdict      string `json:"verdict"`
	Completeness string `json:"completeness"`
	// Complete tells whether the first snapshot and the last are; also then
	// people may not be comparable, see NotCompared.
	Complete bool `json:"complete"`
	// Snapshots are oldest first; changes are those from the first to the last.
	Snapshots []Snapshot `json:"snapshots"`
	Counts    Counts     `json:"counts"`
	// Policy are the differences of the policies.
	Policy         []Setting       `json:"policy_changes"`
	Authenticators []Authenticator `json:"authenticators"`
	// Reasons say why people could not be compared.
	Reasons []Reason `json:"not_compared_reasons"`
}

// A Snapshot is one scan of a comparison. Where Complete is false its figures
// are lower bounds.
type Snapshot struct {
	Name           string     `json:"name"`
	StartedAt      *time.Time `json:"started_at"`
	FinishedAt     *time.Time `json:"finished_at"`
	Complete       bool       `json:"complete"`
	Incomplete     []string   `json:"incomplete"`
	NotLookedAt    []string   `json:"not_looked_at"`
	ListsEverybody bool       `json:"lists_everybody"`
	Users          struct {
		Listed         int `json:"listed"`
		Read           int `json:"read"`
		Unread         int `json:"unread"`
		Gone           int `json:"gone"`
		OutOfScope     int `json:"out_of_scope"`
		WithPasskey    int `json:"with_passkey"`
		WithoutPasskey int `json:"without_passkey"`
	} `json:"users"`
	Passkeys struct {
		Total     int `json:"total"`
		Allowed   int `json:"allowed"`
		Blocked   int `json:"blocked"`
		Undecided int `json:"undecided"`
	} `json:"passkeys"`
}

// Counts count the changes of each kind.
type Counts struct {
	PolicyChanged         int `json:"policy_changed"`
	NewlyBlocked          int `json:"newly_blocked"`
	NewlyBlockedUndecided int `json:"newly_blocked_undecided_before"`
	NewlyAllowed          int `json:"newly_allowed"`
	NewlyAllowedUndecided int `json:"newly_allowed_undecided_before"`
	NewlyUndecided        int `json:"newly_undecided"`
	PasskeyAdded          int `json:"passkey_added"`
	PasskeyRemoved        int `json:"passkey_removed"`
	UserAdded             int `json:"user_added"`
	UserRemoved           int `json:"user_removed"`
	NotCompared           int `json:"not_compared"`
}

// A Setting is a difference between the policies; a value is null where the
// setting was not there.
type Setting struct {
	Setting string  `json:"setting"`
	Before  *string `json:"before"`
	After   *string `json:"after"`
}

// An Authenticator compares the passkeys of one model; AAGUID is null for those
// without one.
type Authenticator struct {
	AAGUID         *string `json:"aaguid"`
	Authenticator  string  `json:"authenticator"`
	PasskeysBefore int     `json:"passkeys_before"`
	PasskeysAfter  int     `json:"passkeys_after"`
	PeopleBefore   int     `json:"people_before"`
	PeopleAfter    int     `json:"people_after"`
}

// A Reason is why people could not be compared, and how many.
type Reason struct {
	Reason string `json:"reason"`
	People int    `json:"people"`
}

// A Change is one element of "changes". What is not there is null.
type Change struct {
	Change        report.ChangeKind `json:"change"`
	TenantID      string            `json:"tenant_id"`
	UserID        *string           `json:"user_id"`
	UPN           *string           `json:"user_principal_name"`
	DisplayName   *string           `json:"display_name"`
	PasskeyID     *string           `json:"passkey_id"`
	Name          *string           `json:"passkey_name"`
	Authenticator *string           `json:"authenticator"`
	// AAGUID is in lower case, and null where what was sent is no AAGUID.
	AAGUID *string `json:"aaguid"`
	Before *string `json:"before"`
	After  *string `json:"after"`
}

// A Person is one element of "not_compared".
type Person struct {
	TenantID    string `json:"tenant_id"`
	UserID      string `json:"user_id"`
	UPN         string `json:"user_principal_name"`
	DisplayName string `json:"display_name"`
	Why         string `json:"why"`
}

// WriteChanges writes changes.json. Memory does not grow with the changes.
func WriteChanges(ctx context.Context, w io.Writer, c *report.Changes) error {
	if err := writeChanges(ctx, w, c); err != nil {
		return fmt.Errorf("write changes: %w", err)
	}
	return nil
}

func writeChanges(ctx context.Context, w io.Writer, c *report.Changes) error {
	var head bytes.Buffer
	if err := writeIndented(&head, comparison(c)); err != nil {
		return err
	}
	// The arrays follow inside the object.
	body, ok := bytes.CutSuffix(bytes.TrimRight(head.Bytes(), "\n"), []byte("\n}"))
	if !ok {
		return fmt.Errorf("head of %d bytes is no object", head.Len())
	}
	b := bufio.NewWriterSize(w, 64<<10)
	if _, err := b.Write(body); err != nil {
		return err
	}
	changed := c.Each(ctx)
	undecided := c.Each(ctx, report.ChangeUndecided)
	if err := writeArray(b, "changes", func(yield func(*report.Change, error) bool) {
		for _, list := range []iter.Seq2[*report.Change, error]{changed, undecided} {
			for ch, err := range list {
				if !yield(ch, err) {
					return
				}
			}
		}
	}, func(ch *report.Change) any { return changeOf(c, ch) }); err != nil {
		return err
	}
	if err := writeArray(b, "not_compared", c.Each(ctx, report.ChangeNotCompared), func(ch *report.Change) any {
		return Person{TenantID: ch.User.TenantID, UserID: ch.User.ID, UPN: ch.User.UPN, DisplayName: ch.User.DisplayName, Why: ch.Why}
	}); err != nil {
		return err
	}
	// A bufio.Writer keeps its first error.
	_, _ = b.WriteString("\n}\n")
	return b.Flush()
}

// writeArray adds a member to the object that w is in, one element a line.
func writeArray(w *bufio.Writer, name string, list iter.Seq2[*report.Change, error], form func(*report.Change) any) error {
	fmt.Fprintf(w, ",\n  %q: [", name)
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	between := "\n    "
	for ch, err := range list {
		if err != nil {
			return err
		}
		line.Reset()
		line.WriteString(between)
		if err := e.Encode(form(ch)); err != nil {
			return err
		}
		if _, err := w.Write(bytes.TrimRight(line.Bytes(), "\n")); err != nil {
			return err
		}
		between = ",\n    "
	}
	_, err := w.WriteString("\n  ]")
	return err
}

func comparison(c *report.Changes) Comparison {
	f := c.Figures
	out := Comparison{
		Schema: ChangesSchema, Tool: report.SummaryTool(c.Tool()), Tenant: report.SummaryTenant(c.Last().Tenant),
		Verdict: c.Verdict(), Completeness: c.Completeness(), Complete: c.Complete(),
		Counts: Counts{
			PolicyChanged: f.Policy, NewlyBlocked: f.NewlyBlocked, NewlyBlockedUndecided: f.NewlyBlockedUndecided,
			NewlyAllowed: f.NewlyAllowed, NewlyAllowedUndecided: f.NewlyAllowedUndecided, NewlyUndecided: f.NewlyUndecided,
			PasskeyAdded: f.PasskeysAdded, PasskeyRemoved: f.PasskeysRemoved, UserAdded: f.UsersAdded, UserRemoved: f.UsersRemoved, NotCompared: f.NotCompared,
		},
		Snapshots: []Snapshot{}, Policy: []Setting{}, Authenticators: []Authenticator{}, Reasons: []Reason{},
	}
	for _, s := range c.Snapshots() {
		out.Snapshots = append(out.Snapshots, snapshot(s))
	}
	for _, p := range c.Policy() {
		out.Policy = append(out.Policy, Setting{p.Setting, orNull(p.Before), orNull(p.After)})
	}
	for _, a := range c.Authenticators {
		out.Authenticators = append(out.Authenticators, Authenticator{orNull(a.AAGUID), a.Title, a.PasskeysBefore, a.PasskeysAfter, a.PeopleBefore, a.PeopleAfter})
	}
	for _, r := range c.Reasons {
		out.Reasons = append(out.Reasons, Reason{r.Text, r.People})
	}
	return out
}

func snapshot(s *report.Snapshot) Snapshot {
	out := Snapshot{
		Name: s.Name, StartedAt: timePointer(s.Started), FinishedAt: timePointer(s.Finished), Complete: s.Complete(),
		Incomplete: append([]string{}, s.Incomplete()...), NotLookedAt: append([]string{}, s.Coverage.NotLookedAt...), ListsEverybody: s.ListsEverybody,
	}
	u, c := &out.Users, &s.Coverage
	u.Listed, u.Read, u.Unread, u.Gone, u.OutOfScope, u.WithPasskey, u.WithoutPasskey = c.Listed, c.Read, c.Unread, c.Gone, c.OutOfScope, c.WithPasskey, c.WithoutPasskey
	out.Passkeys.Total, out.Passkeys.Allowed, out.Passkeys.Blocked, out.Passkeys.Undecided = s.Passkeys.Total, s.Passkeys.Allowed, s.Passkeys.Blocked, s.Passkeys.Undecided
	return out
}

func changeOf(c *report.Changes, ch *report.Change) Change {
	out := Change{
		Change: ch.Kind, TenantID: ch.User.TenantID, UserID: orNull(ch.User.ID), UPN: orNull(ch.User.UPN), DisplayName: orNull(ch.User.DisplayName),
		PasskeyID: orNull(ch.Passkey.ID), Name: orNull(ch.Passkey.Name), Before: orNull(ch.Before), After: orNull(ch.After),
	}
	if ch.Passkey.ID != "" {
		aaguid, title := c.Authenticator(&ch.Passkey)
		out.Authenticator = orNull(title)
		if _, err := audit.ParseAAGUID(aaguid); err == nil {
			out.AAGUID = &aaguid
		}
	}
	return out
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func timePointer(t time.Time) *time.Time {
	t, ok := utc(t)
	if !ok {
		return nil
	}
	return &t
}
