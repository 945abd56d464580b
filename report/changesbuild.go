package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"passkey-audit/audit"
)

// Changes is a comparison without a format: figures, sentences and tables. It
// is made by BuildChanges and does not change; several formats may be written
// from it at a time. Close it when all are written.
type Changes struct {
	in    ChangesInput
	spool *spool

	// Figures count the changes.
	Figures ChangeFigures
	// Reasons say why people could not be compared, those of most people first.
	Reasons []ChangeReason
	// Authenticators compare each authenticator model, those whose number of
	// passkeys changed most first.
	Authenticators []ModelChange

	models map[modelKey]*model
}

// ChangeFigures count the rows of each kind.
type ChangeFigures struct {
	Policy, NewlyBlocked, NewlyAllowed, NewlyUndecided int
	PasskeysAdded, PasskeysRemoved                     int
	UsersAdded, UsersRemoved                           int
	// NewlyBlockedUndecided and NewlyAllowedUndecided count those of the above
	// whose verdict was undecided before.
	NewlyBlockedUndecided, NewlyAllowedUndecided int
	// NotCompared counts people of whom not all could be compared.
	NotCompared int
}

// A ChangeReason is why people could not be compared, and how many.
type ChangeReason struct {
	Text   string
	People int
}

// A ModelChange is an authenticator model in the first snapshot and the last.
type ModelChange struct {
	// AAGUID is empty for the passkeys without one.
	AAGUID, Title                 string
	PasskeysBefore, PasskeysAfter int
	PeopleBefore, PeopleAfter     int
}

// BuildChanges reads the changes, once, and makes the comparison. Any error of
// theirs ends it. The caller closes it.
func BuildChanges(ctx context.Context, in ChangesInput) (*Changes, error) {
	if err := in.check(); err != nil {
		return nil, fmt.Errorf("build comparison: %w", err)
	}
	sp, err := newSpool(in.TempDir)
	if err != nil {
		return nil, fmt.Errorf("build comparison: %w", err)
	}
	c := &Changes{in: in, spool: sp, models: map[modelKey]*model{}}
	if err := c.read(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("build comparison: %w", err), sp.close())
	}
	c.compareModels()
	return c, nil
}

func changeBucket(k ChangeKind) string { return "changes-" + string(k) }

// read spools the changes, each kind in a bucket of its own.
func (c *Changes) read(ctx context.Context) error {
	var buf []byte
	reasons := map[string]int{}
	put := func(ch *Change) error {
		if err := c.Figures.count(ch); err != nil {
			return err
		}
		if ch.Kind == ChangeNotCompared {
			reasons[strings.Clone(ch.Why)]++
		}
		buf = c.spool.putChange(buf[:0], ch)
		return c.spool.append(changeBucket(ch.Kind), buf)
	}
	for _, s := range c.in.Policy {
		if err := put(policyChange(s, c.in.Snapshots[0].Tenant.ID)); err != nil {
			return err
		}
	}
	n := 0
	for ch, err := range c.in.Changes {
		if n++; err == nil && n%1024 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read changes: %w", err)
		}
		if err := put(ch); err != nil {
			return err
		}
	}
	for text, people := range reasons {
		c.Reasons = append(c.Reasons, ChangeReason{text, people})
	}
	slices.SortFunc(c.Reasons, func(a, b ChangeReason) int {
		return cmp.Or(cmp.Compare(b.People, a.People), cmp.Compare(a.Text, b.Text))
	})
	if err := c.spool.flush(); err != nil {
		return err
	}
	return ctx.Err()
}

// policyChange puts a setting's values into a row: changes.csv has no column
// for the setting, so it stands before each value.
func policyChange(s SettingChange, tenant string) *Change {
	value := func(v string) string {
		if v == "" {
			return ""
		}
		return s.Setting + ": " + v
	}
	return &Change{Kind: ChangePolicy, User: audit.User{TenantID: tenant}, Before: value(s.Before), After: value(s.After)}
}

func (f *ChangeFigures) count(ch *Change) error {
	undecided := ch.Before == string(audit.Undecided)
	switch ch.Kind {
	case ChangePolicy:
		f.Policy++
	case ChangeNewlyBlocked:
		f.NewlyBlocked++
		if undecided {
			f.NewlyBlockedUndecided++
		}
	case ChangeNewlyAllowed:
		f.NewlyAllowed++
		if undecided {
			f.NewlyAllowedUndecided++
		}
	case ChangeUndecided:
		f.NewlyUndecided++
	case ChangePasskeyAdded:
		f.PasskeysAdded++
	case ChangePasskeyRemoved:
		f.PasskeysRemoved++
	case ChangeUserAdded:
		f.UsersAdded++
	case ChangeUserRemoved:
		f.UsersRemoved++
	case ChangeNotCompared:
		f.NotCompared++
	default:
		return fmt.Errorf("change of the unknown kind %q", ch.Kind)
	}
	return nil
}

// any tells how many changes there are.
func (f *ChangeFigures) any() int {
	return f.Policy + f.NewlyBlocked + f.NewlyAllowed + f.NewlyUndecided + f.PasskeysAdded + f.PasskeysRemoved + f.UsersAdded + f.UsersRemoved
}

func (s *spool) putChange(b []byte, c *Change) []byte {
	b = s.dict.put(b, string(c.Kind))
	b = s.putUser(b, &c.User)
	b = putText(b, c.Passkey.ID)
	b = putText(b, c.Passkey.Name)
	b = s.dict.put(b, c.Passkey.AAGUID)
	b = s.dict.put(b, c.Before)
	b = s.dict.put(b, c.After)
	return s.dict.put(b, c.Why)
}

func (d *decoder) change(c *Change) {
	c.Kind = ChangeKind(d.known())
	d.user(&c.User)
	c.Passkey.ID = d.text()
	c.Passkey.Name = d.text()
	c.Passkey.AAGUID = d.known()
	c.Before = d.known()
	c.After = d.known()
	c.Why = d.known()
}

// compareModels lays the authenticators of the first and the last snapshot
// side by side.
func (c *Changes) compareModels() {
	byKey := map[modelKey]*ModelChange{}
	get := func(key modelKey) *ModelChange {
		m := byKey[key]
		if m == nil {
			model := newModel(key, c.in.Authenticator)
			c.models[key] = model
			m = &ModelChange{AAGUID: model.text, Title: model.Title}
			byKey[key] = m
		}
		return m
	}
	for key, n := range c.First().models {
		m := get(key)
		m.PasskeysBefore, m.PeopleBefore = n.passkeys, n.people
	}
	for key, n := range c.Last().models {
		m := get(key)
		m.PasskeysAfter, m.PeopleAfter = n.passkeys, n.people
	}
	for _, m := range byKey {
		c.Authenticators = append(c.Authenticators, *m)
	}
	slices.SortFunc(c.Authenticators, func(a, b ModelChange) int {
		return cmp.Or(cmp.Compare(b.size(), a.size()), cmp.Compare(b.PasskeysAfter, a.PasskeysAfter), cmp.Compare(a.AAGUID, b.AAGUID))
	})
}

func (m *ModelChange) size() int {
	return max(m.PasskeysAfter-m.PasskeysBefore, m.PasskeysBefore-m.PasskeysAfter)
}

// First and Last are the snapshots between which changes are told.
func (c *Changes) First() *Snapshot { return c.in.Snapshots[0] }
func (c *Changes) Last() *Snapshot  { return c.in.Snapshots[len(c.in.Snapshots)-1] }

// Snapshots gives all snapshots, oldest first.
func (c *Changes) Snapshots() []*Snapshot { return c.in.Snapshots }

// Policy gives the differences of the policies.
func (c *Changes) Policy() []SettingChange { return c.in.Policy }

// Tool names the program that made the comparison.
func (c *Changes) Tool() Tool { return c.in.Tool }

// Finished is when the newest snapshot was finished.
func (c *Changes) Finished() time.Time { return c.Last().Finished }

// Complete reports whether nothing that was asked for is missing in the first
// snapshot and the last.
func (c *Changes) Complete() bool { return c.First().Complete() && c.Last().Complete() }

// Close removes the spool.
func (c *Changes) Close() error { return c.spool.close() }

// Each gives the changes of some kinds, kind after kind; those of changes.csv
// if none is named. A value is used until the next one only. It ends after the
// first error.
func (c *Changes) Each(ctx context.Context, kinds ...ChangeKind) iter.Seq2[*Change, error] {
	if len(kinds) == 0 {
		kinds = changeKinds()
	}
	var buckets []string
	for _, k := range kinds {
		buckets = append(buckets, changeBucket(k))
	}
	return func(yield func(*Change, error) bool) {
		var ch Change
		for rec, err := range c.spool.read(ctx, buckets...) {
			if err == nil {
				dec := decoder{rest: rec, dict: &c.spool.dict}
				if dec.change(&ch); dec.bad {
					err = errDamaged
				}
			}
			if !yield(&ch, err) || err != nil {
				return
			}
		}
	}
}

// Authenticator gives the AAGUID of a passkey as the tables show it, and the
// authenticator's name.
func (c *Changes) Authenticator(k *audit.Passkey) (aaguid, title string) {
	key := keyOf(k.AAGUID)
	m := c.models[key]
	if m == nil {
		m = newModel(key, c.in.Authenticator)
	}
	if key.none {
		return k.AAGUID, m.Title
	}
	return m.text, m.Title
}
