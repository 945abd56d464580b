package policy

import (
	"math"
	"math/bits"
	"slices"

	"passkey-audit/audit"
)

// A Suggester finds the smallest allow list under which nobody breaks who works
// today. It sees each user once, so that a tenant of any size is handled in
// memory that grows with the number of different AAGUIDs alone. It is for one
// goroutine.
//
// What the list keeps, and why:
//
//   - A passkey that is blocked today needs nothing: it does not work.
//   - A passkey that is allowed today stays allowed: one profile of those that
//     accept it today keeps its AAGUID; a profile counts as such also if it is
//     not known whether its enforced list allows or blocks. Where several profiles of a user accept
//     it, those count that take the least for granted (see audit.Assumption),
//     so that nobody comes to hang on an assumption who does not today. Among
//     them the AAGUID goes to as few profiles as serve all users, and of equal
//     choices to the first in the policy's order. A profile that keeps its own
//     list and accepts the passkey makes an entry elsewhere needless.
//   - A passkey that is undecided today may work, and so its AAGUID stays with
//     every profile that may let it pass today: those that leave it undecided,
//     and those behind an included group of which it is not known whether the
//     user is in it. Where all that is not known is whether an excluded group
//     holds the user, the rule for allowed passkeys serves. This list may be
//     larger than the verdicts alone demand: which of these profiles it is that
//     works, nobody can tell. Entries that no allowed passkey needs are marked
//     Doubtful.
//   - A passkey without an AAGUID cannot be on a list. If it is allowed today
//     by a list that is made anew, it becomes undecided; Unlisted counts these.
//   - No profile gets an AAGUID that it refuses today, so that the list lets in
//     nobody who is blocked. The two AAGUIDs of Microsoft Authenticator, which
//     are on each list always, and Add are the exception. Where an enforced
//     allow list is empty today, passkeys without an AAGUID become undecided.
//
// So no entry can go, apart from added and doubtful ones, but that a passkey
// breaks, becomes undecided or comes to hang on a further assumption; and no
// other choice of entries is shorter that keeps all this (with up to 12
// profiles; with more, none is shorter by leaving entries out).
type Suggester struct {
	*plan
	o     SuggestOptions
	names Namer
	known []audit.Group
	e     *Evaluator // by the live policy
	// floor judges by lists that hold nothing but what is always on.
	floor  *Evaluator
	memo   map[memoKey]need
	usages map[audit.AAGUID]*usage
	seen   int // users observed; the number of the present one
	left   Unlisted
}

type memoKey struct {
	class *class
	subject
}

// A need tells which lists must name a passkey's AAGUID so that it goes on
// working: one of those in anyOf, and all of those in allOf. Firm: the passkey
// is allowed today, not undecided.
type need struct {
	anyOf, allOf uint64
	firm         bool
}

func (n need) none() bool { return n.anyOf|n.allOf == 0 }

// A usage gathers what all passkeys with one AAGUID need.
type usage struct {
	Use
	last  int      // number of the user who was counted last
	anyOf []uint64 // each once
	firm  []uint64 // those of anyOf that a passkey needs which is allowed today
	allOf uint64
}

// NewSuggester prepares a suggestion for a live policy. Groups are as for
// NewEvaluator. It refuses a profile that cannot be found.
func NewSuggester(live audit.Policy, groups []audit.Group, names Namer, o SuggestOptions) (*Suggester, error) {
	p, err := newPlan(live, o)
	if err != nil {
		return nil, err
	}
	return &Suggester{
		plan: p, o: o, names: names, known: groups,
		e: NewEvaluator(p.live, groups, names), floor: NewEvaluator(p.policy(nil), groups, names),
		memo: map[memoKey]need{}, usages: map[audit.AAGUID]*usage{},
	}, nil
}

// Observe takes account of a user whose passkeys were read. Each user must be
// given once, in any order; memberOf is as for Evaluator.Scope.
func (s *Suggester) Observe(userID string, memberOf []audit.Membership, passkeys []audit.Passkey) {
	if len(passkeys) == 0 {
		return
	}
	s.seen++
	scope := s.e.Scope(userID, memberOf)
	if v := scope.class.settled; v != nil && v.Decision == audit.Blocked {
		return
	}
	unlisted := false
	for i := range passkeys {
		k := &passkeys[i]
		key := subjectOf(k)
		if key.known.unknown() {
			unlisted = s.observeUnlisted(scope, s.floor.Scope(userID, memberOf), k) || unlisted
			continue
		}
		n := s.need(scope.class, key)
		if n.none() {
			continue
		}
		u := s.usages[key.aaguid]
		if u == nil {
			u = &usage{Use: Use{AAGUID: key.aaguid}}
			s.usages[key.aaguid] = u
		}
		u.Passkeys++
		if u.last != s.seen {
			u.last = s.seen
			u.Users++
		}
		u.allOf |= n.allOf
		if n.anyOf != 0 && !slices.Contains(u.anyOf, n.anyOf) {
			u.anyOf = append(u.anyOf, n.anyOf)
		}
		if n.firm && !slices.Contains(u.firm, n.anyOf) {
			u.firm = append(u.firm, n.anyOf)
		}
	}
	if unlisted {
		s.left.Users++
	}
}

// observeUnlisted counts a passkey without an AAGUID. It reports whether the
// passkey stops being allowed.
func (s *Suggester) observeUnlisted(now, then Scope, k *audit.Passkey) bool {
	switch now.Judge(k).Decision {
	case audit.Undecided:
		s.left.Undecided++
	case audit.Allowed:
		if then.Judge(k).Decision != audit.Allowed {
			s.left.Passkeys++
			return true
		}
	}
	return false
}

func (s *Suggester) need(c *class, key subject) need {
	at := memoKey{c, key}
	n, ok := s.memo[at]
	if !ok {
		n = s.needed(c, key)
		if len(s.memo) < maxAnswers {
			s.memo[at] = n
		}
	}
	return n
}

// needed works out what a passkey needs that is not blocked by scope alone.
func (s *Suggester) needed(c *class, key subject) need {
	const none = math.MaxInt
	var n need
	var maybe uint64
	// The fewest assumptions: today, by a profile that keeps its own list, and
	// by one whose new list names the passkey.
	today, kept, listed := none, none, none
	for _, r := range c.refs {
		f := r.judge(key)
		bit := s.bit(r.rule)
		switch {
		case f.decision == audit.Blocked:
			continue
		case f.decision == audit.Allowed:
			today = min(today, count(f.assumes))
			if bit == 0 {
				kept = min(kept, count(f.assumes))
			}
		default:
			maybe |= bit
		}
		// A list of an unknown kind becomes an allow list, and then it is sure
		// to let the passkey pass.
		if bit == 0 || f.decision == audit.Undecided && f.why != whyListKind {
			continue
		}
		if once := count(r.once(key)); once < listed {
			listed, n.anyOf = once, bit
		} else if once == listed {
			n.anyOf |= bit
		}
	}
	switch {
	case today == none: // allowed by none
	case kept != none && kept <= max(today, listed):
		return need{} // an entry would make nothing surer than it is today
	default:
		n.firm = c.openExclude == nil
		return n
	}
	for _, r := range c.open {
		if r.judge(key).decision != audit.Blocked {
			maybe |= s.bit(r.rule)
		}
	}
	return need{allOf: maybe}
}

// once gives what the verdict on a passkey will assume, whose type and AAGUID
// the rule takes, when the rule's list is an allow list that names it.
func (r ref) once(key subject) audit.AssumptionSet {
	a := r.assumes | r.rule.judgeType(key).assumes
	if key.known == aaguidOdd {
		a.Add(AssumeAAGUIDBytes)
	}
	if key.aaguid.IsZero() {
		a.Add(AssumeZeroAAGUID)
	}
	return a
}

// bit is a rule's place among the lists that are made anew, or 0.
func (s *Suggester) bit(r *rule) uint64 {
	if r.missing || r.order >= maxProfiles {
		return 0
	}
	return s.mask & (1 << r.order)
}

// Suggest makes the list from all users observed so far.
func (s *Suggester) Suggest() (Suggestion, error) { return s.suggest(s.o.MinUsers) }

func (s *Suggester) suggest(minUsers int) (Suggestion, error) {
	b := s.builder(s.o)
	b.o.MinUsers = minUsers
	b.s.Unlisted = s.left
	for _, u := range s.usages {
		if u.Users < minUsers && !s.always[u.AAGUID] {
			b.leftOut(u.Use)
			continue
		}
		places := u.allOf | cover(u.anyOf, u.allOf)
		b.enter(u.Use, places, u.doubtful(places))
	}
	return b.finish()
}

// doubtful tells which of the places serve undecided passkeys alone: those that
// no passkey needs which is allowed today and has no other place.
func (u *usage) doubtful(places uint64) uint64 {
	weak := places
	for _, m := range u.firm {
		if only := m & places; bits.OnesCount64(only) == 1 {
			weak &^= only
		}
	}
	return weak
}

// maxExact bounds the number of profiles among which the best choice is sought
// by trying all.
const maxExact = 12

// cover finds the fewest places that, along with those taken, hold one of each
// set; of several such choices the one whose places come first.
func cover(sets []uint64, taken uint64) uint64 {
	var open []uint64
	var all uint64
	for _, m := range sets {
		if m&taken == 0 {
			open = append(open, m)
			all |= m
		}
	}
	switch {
	case len(open) == 0:
		return 0
	case len(open) == 1:
		return all & -all
	case bits.OnesCount64(all) > maxExact:
		return prune(open, all)
	}
	best := all
	for try := all; try != 0; try = (try - 1) & all { // every subset, larger numbers first
		if hits(open, try) && better(try, best) {
			best = try
		}
	}
	return best
}

func better(a, b uint64) bool {
	n, m := bits.OnesCount64(a), bits.OnesCount64(b)
	return n < m || n == m && bits.Reverse64(a) > bits.Reverse64(b)
}

func hits(sets []uint64, places uint64) bool {
	return !slices.ContainsFunc(sets, func(m uint64) bool { return m&places == 0 })
}

// prune leaves places out, the last first, as long as all sets are hit.
func prune(sets []uint64, places uint64) uint64 {
	for rest := places; rest != 0; {
		last := uint64(1) << (63 - bits.LeadingZeros64(rest))
		rest &^= last
		if hits(sets, places&^last) {
			places &^= last
		}
	}
	return places
}
