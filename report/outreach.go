package report

import (
	"fmt"
	"strings"

	"passkey-audit/audit"
)

// labelLimit bounds the text of one passkey in outreach.csv, in runes: users
// name their passkeys, and no line of a letter should run to pages.
const labelLimit = 80

// priorities is how many priorities outreach.csv has; outreachColumns tells
// what they mean.
const priorities = 6

// priority gives the place of a person in outreach.csv; false for whoever
// loses nothing. It keeps to the order of users.csv.
func priority(p *Person) (int, bool) {
	n := 0
	switch p.Risk {
	case audit.RiskLosesLastPasskey:
	case audit.RiskLosesSome:
		n = 3
	default:
		return 0, false
	}
	switch {
	case p.Enabled == audit.No:
		return n + 3, true
	case p.Admin == audit.Yes:
		return n + 1, true
	}
	return n + 2, true
}

// outreach spools the row of a user who must act: whoever loses a passkey.
func (b *builder) outreach(u *audit.JudgedUser, p *Person) error {
	o := outreach{Person: *p}
	var must bool
	if o.priority, must = priority(p); !must {
		return nil
	}
	var breaks, works []string
	var worst *audit.Verdict
	for i := range u.Passkeys {
		k := &u.Passkeys[i]
		label := passkeyLabel(b.d.models[b.labels[i]].Title, k.Name)
		switch {
		case k.Impact() == audit.ImpactBreaks:
			breaks = append(breaks, label)
			if worst == nil {
				worst = &k.Proposed
			}
		case k.Proposed.Decision == audit.Undecided:
			breaks = append(breaks, label+" (undecided)")
		case k.Proposed.Decision == audit.Allowed:
			works = append(works, label)
		}
	}
	o.breaks, o.stillWorks = strings.Join(breaks, "; "), strings.Join(works, "; ")
	if o.stillWorks == "" {
		o.stillWorks = "no passkey"
	}
	o.instead = b.advise.instead(worst)
	b.buf = b.d.spool.putOutreach(b.buf[:0], &o)
	return b.d.spool.append(outreachBucket(o.priority, o.Admin == audit.Yes), b.buf)
}

// passkeyLabel names a passkey in a sentence: its authenticator and the name
// that the user gave it.
func passkeyLabel(title, name string) string {
	if name == "" || name == title {
		return title
	}
	return title + " \"" + cutRunes(name, labelLimit) + "\""
}

// cutRunes cuts s to at most n runes and marks the cut.
func cutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	count := 0
	for i := range s {
		if count == n {
			return s[:i] + "…"
		}
		count++
	}
	return s
}

// An adviser says what to register instead of a passkey that breaks.
type adviser struct {
	policy *audit.Policy
	title  func(audit.AAGUID) string
	said   map[string]string // by the name of what decided
}

func newAdviser(p *audit.Policy, title func(audit.AAGUID) string) *adviser {
	return &adviser{policy: p, title: title, said: map[string]string{}}
}

// namedLimit is how many authenticators an advice names.
const namedLimit = 5

// instead gives the advice for a blocked passkey's verdict; v may be nil for a
// person all of whose passkeys are undecided.
func (a *adviser) instead(v *audit.Verdict) string {
	if v == nil {
		return "to be settled first: whether the passkeys go on working is undecided"
	}
	switch v.Code {
	case audit.ReasonMethodDisabled:
		return "no passkey: the proposal switches passkeys off"
	case audit.ReasonUserExcluded:
		return "no passkey: the proposal excludes this person"
	case audit.ReasonUserNotTargeted:
		return "no passkey: the proposal does not include this person"
	}
	if s, ok := a.said[v.DecidedBy]; ok {
		return s
	}
	s := a.byProfile(v.DecidedBy)
	a.said[v.DecidedBy] = s
	return s
}

// byProfile gives the advice of the profile of that name, else the advice of
// the only profile or of the tenant-wide restrictions.
func (a *adviser) byProfile(name string) string {
	if !a.policy.HasProfiles() {
		return a.accepted(nil, a.policy.KeyRestrictions)
	}
	found := -1
	for i := range a.policy.Profiles {
		if a.policy.Profiles[i].Name == name || len(a.policy.Profiles) == 1 {
			if found >= 0 {
				found = -1 // two profiles of one name
				break
			}
			found = i
		}
	}
	if found < 0 {
		return "a passkey that one of the person's passkey profiles accepts"
	}
	p := &a.policy.Profiles[found]
	return a.accepted(p.Types, p.KeyRestrictions)
}

func (a *adviser) accepted(types []audit.PasskeyType, r audit.KeyRestrictions) string {
	kind := "any passkey"
	if len(types) == 1 {
		switch types[0] {
		case audit.DeviceBound:
			kind = "a device-bound passkey"
		case audit.Synced:
			kind = "a synced passkey"
		}
	}
	if r.Enforced != audit.Yes {
		return kind
	}
	if strings.EqualFold(r.Type, "block") {
		return kind + " whose authenticator is not on the block list"
	}
	var names []string
	seen := map[string]bool{}
	for _, s := range r.AAGUIDs {
		id, err := audit.ParseAAGUID(s)
		if err != nil {
			continue
		}
		name := a.title(id)
		if name == unknownAuthenticator {
			name += " " + id.String()
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nothing: the proposal's allow list is empty"
	}
	more := ""
	if len(names) > namedLimit {
		more = fmt.Sprintf(", or one of %d others on the allow list", len(names)-namedLimit)
		if len(names) == namedLimit+1 {
			more = ", or the other one on the allow list"
		}
		names = names[:namedLimit]
	}
	prefix := ""
	if len(types) == 1 && kind != "any passkey" {
		prefix = kind + " of "
	}
	return prefix + strings.Join(names, ", ") + more
}
