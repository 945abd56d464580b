package report

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"passkey-audit/audit"
)

// A ChangeKind says in one word what changed between two snapshots.
type ChangeKind string

// The kinds of changes.csv, and two that stand elsewhere: a passkey whose
// verdict has become undecided, which is neither newly blocked nor newly
// allowed, and a person of whom not all can be compared.
const (
	ChangePolicy         ChangeKind = "policy_changed"
	ChangeNewlyBlocked   ChangeKind = "newly_blocked" // now blocked; allowed or undecided before
	ChangeNewlyAllowed   ChangeKind = "newly_allowed" // now allowed; blocked or undecided before
	ChangePasskeyAdded   ChangeKind = "passkey_added"
	ChangePasskeyRemoved ChangeKind = "passkey_removed"
	ChangeUserAdded      ChangeKind = "user_added"
	ChangeUserRemoved    ChangeKind = "user_removed"

	ChangeUndecided   ChangeKind = "newly_undecided" // now undecided; allowed or blocked before
	ChangeNotCompared ChangeKind = "not_compared"
)

// changeKinds are the kinds of changes.csv in the order of its rows.
func changeKinds() []ChangeKind {
	return []ChangeKind{ChangePolicy, ChangeNewlyBlocked, ChangeNewlyAllowed, ChangePasskeyAdded, ChangePasskeyRemoved, ChangeUserAdded, ChangeUserRemoved}
}

// A Change is one thing that changed for a user between two snapshots.
type Change struct {
	Kind ChangeKind
	// User is the user as the newer snapshot has it, or else the older one.
	User audit.User
	// Passkey is the passkey that changed; zero where it is about none.
	Passkey audit.Passkey
	// Before and After are the passkey's verdicts, each under its snapshot's
	// own policy; empty where the passkey was not there.
	Before, After string
	// Why says in a sentence why something could not be compared.
	Why string
}

// A SettingChange is a difference between the policies of two snapshots.
type SettingChange struct {
	// Setting says where. Before is empty for what was added, After for what was
	// removed.
	Setting, Before, After string
}

// A Snapshot is one scan of a comparison, with its figures. Count is to be
// called for every user of it before BuildChanges is done with reading.
type Snapshot struct {
	// Name is what the administrator called it: a file or a folder.
	Name              string
	Tenant            audit.Tenant
	Started, Finished time.Time
	Coverage          audit.Coverage
	// ListsEverybody tells that every account of the tenant is listed, so that
	// whoever is not does not exist. It is false where the listing broke off, and
	// where the scan's scope left accounts off it.
	ListsEverybody bool

	// Passkeys are the counts of passkeys under the snapshot's own policy.
	Passkeys SnapshotPasskeys

	seen   audit.Coverage
	models map[modelKey]*snapshotModel
}

// SnapshotPasskeys count passkeys; Total is the sum of the others.
type SnapshotPasskeys struct{ Total, Allowed, Blocked, Undecided int }

type snapshotModel struct {
	passkeys, people int
	last             int // the user under count who was counted for it
}

// Count counts a user of the snapshot, by the verdicts Current.
func (s *Snapshot) Count(u *audit.JudgedUser) {
	c := Counter{seen: s.seen}
	c.outcome(u)
	s.seen = c.seen
	if s.models == nil {
		s.models = map[modelKey]*snapshotModel{}
	}
	for i := range u.Passkeys {
		k := &u.Passkeys[i]
		s.Passkeys.Total++
		switch k.Current.Decision {
		case audit.Allowed:
			s.Passkeys.Allowed++
		case audit.Blocked:
			s.Passkeys.Blocked++
		default:
			s.Passkeys.Undecided++
		}
		key := keyOf(k.AAGUID)
		m := s.models[key]
		if m == nil {
			m = &snapshotModel{}
			s.models[key] = m
		}
		m.passkeys++
		if m.last != s.seen.Listed {
			m.last = s.seen.Listed
			m.people++
		}
	}
}

func keyOf(aaguid string) modelKey {
	a, err := audit.ParseAAGUID(aaguid)
	return modelKey{aaguid: a, none: err != nil}
}

// Incomplete says in sentences what is missing in the snapshot.
func (s *Snapshot) Incomplete() []string {
	return incompleteness(s.Coverage, s.seen, "what passkeys they have is not known", "")
}

// Complete reports whether nothing that was asked for is missing.
func (s *Snapshot) Complete() bool { return len(s.Incomplete()) == 0 }

// ChangesInput is what BuildChanges makes a comparison of.
type ChangesInput struct {
	Tool Tool
	// Snapshots are two or more scans of one tenant, oldest first. Changes are
	// those from the first to the last; the others are points of the trend.
	Snapshots []*Snapshot
	// Policy are the differences from the first policy to the last.
	Policy []SettingChange
	// Changes gives what changed, as CompareUser finds it, user by user in final
	// order. It is read once; a value is used until the next one only.
	Changes iter.Seq2[*Change, error]

	// Authenticator looks an AAGUID up; may be nil.
	Authenticator func(audit.AAGUID) (audit.Authenticator, bool)
	// CatalogueDate is the date of the names, in words.
	CatalogueDate string
	// TempDir is where the spool is put; empty for the system's.
	TempDir string
}

func (in *ChangesInput) check() error {
	if len(in.Snapshots) < 2 {
		return fmt.Errorf("a comparison takes two snapshots or more, not %d", len(in.Snapshots))
	}
	if in.Changes == nil {
		return errors.New("no changes given")
	}
	for _, s := range in.Snapshots[1:] {
		if first := in.Snapshots[0].Tenant.ID; !strings.EqualFold(s.Tenant.ID, first) {
			return fmt.Errorf("snapshots of two tenants, %s and %s, cannot be compared", first, s.Tenant.ID)
		}
	}
	return nil
}

// How much one snapshot knows of a user.
type knowledge uint8

const (
	knownAbsent knowledge = iota // there is no such user
	knownRead                    // there is, and the passkeys are known
	knownUnread                  // there is, and the passkeys are not known
	notListed                    // nobody knows whether there is
)

func knowledgeOf(u *audit.JudgedUser, s *Snapshot) knowledge {
	switch {
	case u == nil && s.ListsEverybody:
		return knownAbsent
	case u == nil:
		return notListed
	case u.Outcome == audit.OutcomeGone:
		return knownAbsent
	case u.Outcome == audit.OutcomeRead:
		return knownRead
	}
	return knownUnread
}

// CompareUser adds to list what changed for one user between the snapshots
// before and after; a is the user in before and b in after, nil where that
// does not list the user. Verdicts are the users' Current ones.
//
// What one of the snapshots does not know is no change: passkeys that were not
// read are not gone, and whoever a partial listing lacks is not new. Such a
// user is ChangeNotCompared, beside what is known nevertheless.
func CompareUser(list []Change, a, b *audit.JudgedUser, before, after *Snapshot) []Change {
	then, now := knowledgeOf(a, before), knowledgeOf(b, after)
	c := comparison{list: list}
	switch {
	case now != knownAbsent && b != nil:
		c.user = b.User
	case then != knownAbsent && a != nil:
		c.user = a.User
	default:
		return list // there is nobody
	}
	if then == notListed || now == notListed {
		if then == notListed && now == notListed || then == knownAbsent || now == knownAbsent {
			return list
		}
		c.why(then, now, a, b)
		return c.list
	}
	switch {
	case then == knownAbsent:
		c.add(Change{Kind: ChangeUserAdded})
	case now == knownAbsent:
		c.add(Change{Kind: ChangeUserRemoved})
	}
	if then == knownUnread || now == knownUnread {
		// Whom neither scan was asked for, neither of them lacks.
		if a == nil || b == nil || a.Outcome != audit.OutcomeOutOfScope || b.Outcome != audit.OutcomeOutOfScope {
			c.why(then, now, a, b)
		}
		return c.list
	}
	c.passkeys(a, b, then, now)
	return c.list
}

// A comparison gathers the changes of one user.
type comparison struct {
	user audit.User
	list []Change
}

func (c *comparison) add(ch Change) {
	ch.User = c.user
	c.list = append(c.list, ch)
}

// why says why a user could not be compared.
func (c *comparison) why(then, now knowledge, a, b *audit.JudgedUser) {
	words := func(k knowledge, u *audit.JudgedUser, scan string) string {
		switch {
		case k == notListed:
			return "The " + scan + " scan does not list everybody, and not this person."
		case k != knownUnread:
			return ""
		case u.Outcome == audit.OutcomeOutOfScope:
			return "The passkeys were out of scope of the " + scan + " scan."
		}
		return "The passkeys could not be read in the " + scan + " scan."
	}
	if u := knownUnread; then == u && now == u && a.Outcome.Unread() && b.Outcome.Unread() {
		c.add(Change{Kind: ChangeNotCompared, Why: "The passkeys could not be read in either scan."})
		return
	}
	s := strings.TrimSpace(words(then, a, "older") + " " + words(now, b, "newer"))
	c.add(Change{Kind: ChangeNotCompared, Why: s})
}

// passkeys compares the passkeys of a user; whoever is absent has none.
func (c *comparison) passkeys(a, b *audit.JudgedUser, then, now knowledge) {
	var old, young []audit.JudgedPasskey
	if then == knownRead {
		old = a.Passkeys
	}
	if now == knownRead {
		young = b.Passkeys
	}
	find := func(list []audit.JudgedPasskey, id string) *audit.JudgedPasskey {
		for i := range list {
			if list[i].ID == id {
				return &list[i]
			}
		}
		return nil
	}
	for i := range young {
		k := &young[i]
		was := find(old, k.ID)
		if was == nil {
			c.add(Change{Kind: ChangePasskeyAdded, Passkey: k.Passkey, After: string(k.Current.Decision)})
			continue
		}
		if kind, ok := changeOf(was.Current.Decision, k.Current.Decision); ok {
			c.add(Change{Kind: kind, Passkey: k.Passkey, Before: string(was.Current.Decision), After: string(k.Current.Decision)})
		}
	}
	for i := range old {
		if k := &old[i]; find(young, k.ID) == nil {
			c.add(Change{Kind: ChangePasskeyRemoved, Passkey: k.Passkey, Before: string(k.Current.Decision)})
		}
	}
}

// changeOf says what it means that a verdict has changed; false if it has not.
func changeOf(before, after audit.Decision) (ChangeKind, bool) {
	switch {
	case before == after:
		return "", false
	case after == audit.Blocked:
		return ChangeNewlyBlocked, true
	case after == audit.Allowed:
		return ChangeNewlyAllowed, true
	}
	return ChangeUndecided, true
}
