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
	var worst *audit.Verdict
	broken := map[string]bool{}
	for i := range u.Passkeys {
		k := &u.Passkeys[i]
		m := b.d.models[b.labels[i]]
		label := passkeyLabel(b.advise.names.precise(&m.AuthenticatorFigures), k.Name)
		switch {
		case k.Impact() == audit.ImpactBreaks:
			o.breaks = append(o.breaks, label)
			broken[m.Title] = true
			if worst == nil {
				worst = &k.Proposed
			}
		case k.Proposed.Decision == audit.Undecided:
			o.undecided = append(o.undecided, label)
		case k.Proposed.Decision == audit.Allowed:
			o.works = append(o.works, label)
		}
	}
	o.instead, o.registrable = b.advise.instead(worst, broken)
	o.tenant, o.proposal = b.tenantName(o.TenantID), b.source.Proposal.Name
	b.buf = b.d.spool.putOutreach(b.buf[:0], &o)
	return b.d.spool.append(outreachBucket(o.priority, o.Admin == audit.Yes), b.buf)
}

// loses gives the cell that names the passkeys which break or may break.
func (o *outreach) loses() string {
	s := strings.Join(o.breaks, "; ")
	for _, label := range o.undecided {
		if s != "" {
			s += "; "
		}
		s += label + " (undecided)"
	}
	return s
}

// stillWorks gives the cell that names the others.
func (o *outreach) stillWorks() string {
	if len(o.works) == 0 {
		return "no passkey"
	}
	return strings.Join(o.works, "; ")
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
