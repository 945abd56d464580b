package report

import (
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
// loses nothing. What a person loses comes before who the person is: an
// administrator who keeps a passkey can wait, somebody who is locked out cannot.
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
	var breaks, undecided, works []string
	var worst *audit.Verdict
	broken := map[string]bool{}
	for i := range u.Passkeys {
		k := &u.Passkeys[i]
		m := b.d.models[b.labels[i]]
		label := passkeyLabel(b.advise.names.precise(&m.AuthenticatorFigures), k.Name)
		switch {
		case k.Impact() == audit.ImpactBreaks:
			breaks = append(breaks, label)
			broken[m.Title] = true
			if worst == nil {
				worst = &k.Proposed
			}
		case k.Proposed.Decision == audit.Undecided:
			undecided = append(undecided, label)
		case k.Proposed.Decision == audit.Allowed:
			works = append(works, label)
		}
	}
	o.stillWorks = strings.Join(works, "; ")
	if o.stillWorks == "" {
		o.stillWorks = "no passkey"
	}
	var registrable bool
	o.instead, registrable = b.advise.instead(worst, broken)
	if err := b.words(&o, breaks, undecided, works, registrable); err != nil {
		return err
	}
	for _, label := range undecided {
		breaks = append(breaks, label+" (undecided)")
	}
	o.breaks = strings.Join(breaks, "; ")
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
