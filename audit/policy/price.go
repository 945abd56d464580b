package policy

import (
	"slices"

	"passkey-audit/audit"
)

// A Price says what an allow list costs that leaves out the AAGUIDs which
// fewer than MinUsers people hold. All figures are exact.
type Price struct {
	// MinUsers is the threshold: 1 leaves out nothing.
	MinUsers int
	// AAGUIDs is the length of the list: how many different AAGUIDs are on it,
	// those of Microsoft Authenticator included. Entries counts them once for
	// each profile that lists them.
	AAGUIDs, Entries int
	// Passkeys counts the passkeys that break (see audit.ImpactBreaks), and
	// People those who hold one.
	Passkeys, People int
	// LastPasskey counts the people who have a passkey that is allowed today,
	// and none under the list (see audit.RiskLosesLastPasskey).
	LastPasskey int
	// Undecided counts the passkeys that are allowed today and undecided under
	// the list.
	Undecided int
}

// A Loss is what one user loses.
type Loss struct {
	// Breaks counts the passkeys that break, and Undecided those that are
	// allowed today and undecided under the list.
	Breaks, Undecided int
	// Last: no passkey is left that is allowed, and one was.
	Last bool
}

// A Pricing works out what shorter lists cost. It sees each user a second
// time, since how many people hold an AAGUID is known only after the first. It
// is for one goroutine.
type Pricing struct {
	s    *Suggester
	full *Evaluator // by the list that leaves out nothing
	rows []Price
	mine int // the row that was asked for by MinUsers
	// of is the present user's passkeys.
	of []priced
}

// A priced passkey: what it is today, with its AAGUID on the list, and off it.
type priced struct {
	now, on, off audit.Decision
	users        int // who hold the AAGUID; the list keeps it up to this threshold
}

// Pricing begins the second pass, with all users observed. Its thresholds are
// 1, 2, 3, 5, 10, 20, 50, 100 and so on, up to the first at which nothing is
// left but what is always on, and MinUsers if one is wanted.
func (s *Suggester) Pricing() (*Pricing, error) {
	all, err := s.suggest(1)
	if err != nil {
		return nil, err
	}
	most := 0
	on := map[audit.AAGUID]uint64{}
	for i, list := range all.Lists {
		bit := s.place(i)
		for _, e := range list.Entries {
			on[e.AAGUID] |= bit
			if !s.always[e.AAGUID] {
				most = max(most, e.Users)
			}
		}
	}
	p := &Pricing{s: s, full: NewEvaluator(s.policy(on), s.known, s.names)}
	asked := max(s.o.MinUsers, 1)
	for _, n := range thresholds(most, asked) {
		row := Price{MinUsers: n}
		for _, list := range all.Lists {
			for _, e := range list.Entries {
				if s.always[e.AAGUID] || e.Users >= n {
					row.Entries++
				}
			}
		}
		for _, a := range all.AAGUIDs {
			if u := s.usages[a]; s.always[a] || u != nil && u.Users >= n {
				row.AAGUIDs++
			}
		}
		if n == asked {
			p.mine = len(p.rows)
		}
		p.rows = append(p.rows, row)
	}
	return p, nil
}

// place gives the bit of the i-th list that is made anew.
func (p *plan) place(i int) uint64 {
	rest := p.mask
	for range i {
		rest &= rest - 1
	}
	return rest & -rest
}

// thresholds gives the steps up to the first over most, and asked, sorted.
func thresholds(most, asked int) []int {
	all := []int{asked}
	n := 1
	for {
		all = append(all, n)
		if n > most {
			break
		}
		n = step125(n)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// step125 goes on from 1, 2, 5, 10, 20, 50 and so on; between 2 and 5 it takes
// in 3, since the smallest lists are where the choice is made.
func step125(n int) int {
	lead := n
	for lead >= 10 {
		lead /= 10
	}
	switch {
	case n == 2:
		return 3
	case n == 3:
		return 5
	case lead == 2:
		return n / 2 * 5
	}
	return n * 2
}

// Observe takes account of a user who was given to the Suggester before, and
// tells what that user loses under the list that MinUsers asks for.
func (p *Pricing) Observe(userID string, memberOf []audit.Membership, passkeys []audit.Passkey) Loss {
	if len(passkeys) == 0 {
		return Loss{}
	}
	now, on, off := p.s.e.Scope(userID, memberOf), p.full.Scope(userID, memberOf), p.s.floor.Scope(userID, memberOf)
	p.of = p.of[:0]
	changes := false
	for i := range passkeys {
		k := &passkeys[i]
		q := priced{now: now.Judge(k).Decision, on: on.Judge(k).Decision, off: off.Judge(k).Decision}
		if q.on != q.off {
			if a, err := audit.ParseAAGUID(k.AAGUID); err == nil && p.s.usages[a] != nil {
				q.users = p.s.usages[a].Users
			}
		}
		changes = changes || q.now != q.on || q.now != q.off
		p.of = append(p.of, q)
	}
	if !changes {
		return Loss{}
	}
	var mine Loss
	for i := range p.rows {
		row := &p.rows[i]
		l := p.loss(row.MinUsers)
		row.Passkeys += l.Breaks
		row.Undecided += l.Undecided
		if l.Breaks > 0 {
			row.People++
		}
		if l.Last {
			row.LastPasskey++
		}
		if i == p.mine {
			mine = l
		}
	}
	return mine
}

// loss is what the present user loses at a threshold.
func (p *Pricing) loss(minUsers int) Loss {
	var l Loss
	before, after := 0, 0
	for _, q := range p.of {
		then := q.off
		if q.users >= minUsers {
			then = q.on
		}
		if q.now == audit.Allowed {
			before++
		}
		if then == audit.Allowed {
			after++
		}
		switch {
		case audit.ImpactOf(q.now, then) == audit.ImpactBreaks:
			l.Breaks++
		case q.now == audit.Allowed && then == audit.Undecided:
			l.Undecided++
		}
	}
	l.Last = before > 0 && after == 0
	return l
}

// Table gives the prices of all thresholds, from the longest list to the
// shortest, for the users observed so far.
func (p *Pricing) Table() []Price { return slices.Clone(p.rows) }
