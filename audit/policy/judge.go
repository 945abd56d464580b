package policy

import (
	"bytes"
	"sync"

	"passkey-audit/audit"
)

// A class is everything that users have in common who are in the same targets
// in the same way. It remembers its answers.
type class struct {
	e   *Evaluator
	set membership
	// settled is the verdict for every passkey, where scope alone decides.
	settled *audit.Verdict
	refs    []ref // in the policy's order, each rule once
	// open are the rules of those include targets of which it is not known
	// whether the user is in them; a rule may be in it more than once.
	open []ref
	// openExclude and openInclude are targets of which it is not known whether
	// the user is in them; nil if there is none.
	openExclude, openInclude *compiledTarget

	mu      sync.RWMutex
	answers map[subject]answer
}

// An answer is a verdict and what registering the passkey again would need.
type answer struct {
	verdict audit.Verdict
	// free and maybe: some allowing rule asks for no attestation, or does not
	// say whether it does.
	free, maybe bool
}

// newClass works out what a membership holds, in the contract's order: the
// method's state, exclusion, inclusion.
func (e *Evaluator) newClass(set membership) *class {
	c := &class{e: e, set: bytes.Clone(set), answers: map[subject]answer{}}
	if e.off {
		c.settle(audit.Blocked, audit.ReasonMethodDisabled, "method state", methodDisabledReason, AssumeDisabledBlocks)
		return c
	}
	if c.exclude(); c.settled != nil {
		return c
	}
	found := map[*rule]int{}
	included := false
	for i := range e.include {
		t := &e.include[i]
		sure := has(set, i) && t.assumes == 0
		if !sure && !t.unresolved {
			continue
		}
		if !sure && c.openInclude == nil {
			c.openInclude = t
		}
		included = included || sure
		for _, r := range t.refs {
			r.via, r.nested = t, e.nested(set, i, t)
			if !sure {
				c.open = append(c.open, r)
				continue
			}
			if r.nested != audit.No {
				r.assumes.Add(AssumeNestedGroups)
			}
			c.refer(r, found)
		}
	}
	switch {
	case included:
	case c.openInclude != nil:
		c.settle(audit.Undecided, audit.ReasonGroupUnresolved, "included "+c.openInclude.label, openIncludeReason(c.openInclude))
		c.settled.Assumes |= c.openInclude.assumes
	default:
		c.settle(audit.Blocked, audit.ReasonUserNotTargeted, "include targets", e.notTargetedReason(), AssumeUntargetedBlocked)
	}
	return c
}

// exclude settles the class if an exclude target holds its users, or else
// notes a target of which that is not known. Of several targets the one
// decides that takes the least for granted.
func (c *class) exclude() {
	var by []ref
	decides := 0
	for i := range c.e.exclude {
		t := &c.e.exclude[i]
		n := len(c.e.include) + i
		switch {
		case has(c.set, n) && t.assumes == 0:
			r := ref{via: t, nested: c.e.nested(c.set, n, t)}
			if r.nested != audit.No {
				r.assumes.Add(AssumeNestedGroups)
			}
			by = append(by, r)
			if count(r.assumes) < count(by[decides].assumes) {
				decides = len(by) - 1
			}
		case t.unresolved && c.openExclude == nil:
			c.openExclude = t
		}
	}
	if len(by) > 0 {
		c.settle(audit.Blocked, audit.ReasonUserExcluded, "excluded "+by[decides].via.label, excludedReason(by))
		c.settled.Assumes |= by[decides].assumes
	}
}

func (c *class) settle(d audit.Decision, code audit.ReasonCode, by, reason string, assumes ...audit.Assumption) {
	c.settled = &audit.Verdict{Decision: d, Code: code, Reason: reason, DecidedBy: by}
	if d != audit.Blocked {
		c.settled.Assumes = c.e.base
	}
	for _, a := range assumes {
		c.settled.Assumes.Add(a)
	}
}

// refer adds a rule, in the policy's order; of two ways to one rule the one
// with fewer assumptions counts, and of two alike the one that holds for
// everybody.
func (c *class) refer(r ref, found map[*rule]int) {
	if i, ok := found[r.rule]; ok {
		old, now := count(c.refs[i].assumes), count(r.assumes)
		if now < old || now == old && r.via.Everyone() && !c.refs[i].via.Everyone() {
			c.refs[i] = r
		}
		return
	}
	at := len(c.refs)
	for at > 0 && c.refs[at-1].rule.order > r.rule.order {
		at--
	}
	c.refs = append(c.refs, ref{})
	copy(c.refs[at+1:], c.refs[at:])
	c.refs[at] = r
	for i := at; i < len(c.refs); i++ {
		found[c.refs[i].rule] = i
	}
}

// Judge says whether the user can sign in with the passkey.
func (s Scope) Judge(k *audit.Passkey) audit.Verdict {
	if s.class == nil {
		return audit.Verdict{Decision: audit.Undecided, Code: audit.ReasonGroupUnresolved, Reason: unknownScopeReason}
	}
	if s.class.settled != nil {
		return *s.class.settled
	}
	return s.class.answer(subjectOf(k)).verdict
}

// Registrable tells whether the passkey could be registered again: v, which
// Judge gave for it in the same scope, allows it, and an allowing profile asks
// for no attestation, or the passkey is attested. A synced passkey cannot be
// attested (Microsoft: "attestation isn't supported for synced passkeys").
// Unknown where v is undecided, or where it hangs on an attestation level or
// an enforcement that is not known.
func (s Scope) Registrable(k *audit.Passkey, v audit.Verdict) audit.Ternary {
	switch {
	case v.Decision == audit.Blocked:
		return audit.No
	case v.Decision != audit.Allowed || s.class == nil || s.class.settled != nil:
		return audit.Unknown
	}
	key := subjectOf(k)
	a := s.class.answer(key)
	synced := key.kind == audit.Synced
	switch {
	case a.free:
		return audit.Yes
	case synced && a.maybe:
		return audit.Unknown
	case synced:
		return audit.No
	case k.Attestation == audit.Attested:
		return audit.Yes
	case k.Attestation == audit.NotAttested && !a.maybe:
		return audit.No
	}
	return audit.Unknown
}

// answer looks an answer up or works it out.
func (c *class) answer(s subject) answer {
	c.mu.RLock()
	a, ok := c.answers[s]
	c.mu.RUnlock()
	if ok {
		return a
	}
	a = c.decide(s)
	if c.e.answers.Add(1) <= maxAnswers {
		c.mu.Lock()
		c.answers[s] = a
		c.mu.Unlock()
	} else {
		c.e.answers.Add(-1)
	}
	return a
}

// decide combines the rules: allowed if any allows, else undecided if any is
// undecided, else blocked.
func (c *class) decide(s subject) answer {
	var a answer
	best, every := c.closest(s, &a)
	if best.decision != audit.Allowed {
		best.assumes = every
	}
	a.verdict = audit.Verdict{
		Decision: best.decision, Code: best.code, DecidedBy: best.ref.rule.decidedBy, Assumes: best.assumes,
	}
	if best.decision != audit.Blocked || c.openInclude != nil {
		a.verdict.Assumes |= c.e.base
	}
	switch {
	case best.decision == audit.Allowed && c.openExclude != nil:
		c.leaveOpen(&a.verdict, "excluded ", c.openExclude)
	case best.decision != audit.Allowed && c.openInclude != nil:
		c.leaveOpen(&a.verdict, "included ", c.openInclude)
	}
	a.verdict.Reason = c.sentence(best, s)
	return a
}

// closest finds the rule whose answer is the users' own, notes in a what the
// allowing rules ask for at registration, and collects what all rules assume.
func (c *class) closest(s subject, a *answer) (best finding, every audit.AssumptionSet) {
	for _, r := range c.refs {
		f := r.judge(s)
		every |= f.assumes
		if f.decision == audit.Allowed {
			a.free = a.free || r.rule.attestation == audit.No
			a.maybe = a.maybe || r.rule.attestation == audit.Unknown
		}
		if best.ref.rule == nil || closer(f, best) {
			best = f
		}
	}
	return best, every
}

// judge gives the rule's answer for users who come to it in this way.
func (r ref) judge(s subject) finding {
	f := r.rule.judge(s)
	f.ref = r
	f.assumes |= r.assumes
	if f.decision == audit.Blocked {
		// That the rule reaches the user at all matters only where it might
		// let the passkey pass.
		f.assumes &^= 1 << AssumeNestedGroups
	}
	return f
}

// leaveOpen makes a verdict undecided that hangs on a target whose members are
// not known.
func (c *class) leaveOpen(v *audit.Verdict, role string, t *compiledTarget) {
	v.Decision, v.Code = audit.Undecided, audit.ReasonGroupUnresolved
	v.DecidedBy = role + t.label
	v.Assumes |= t.assumes
}

// closer reports whether f says more than g: allowed before undecided before
// blocked; of two that allow the one that assumes less; of two others the one
// that came closest, since it failed at the AAGUID and not at the type before.
func closer(f, g finding) bool {
	if f.decision != g.decision {
		return rank(f.decision) > rank(g.decision)
	}
	if f.decision == audit.Allowed {
		return count(f.assumes) < count(g.assumes)
	}
	return !atType(f.code) && atType(g.code)
}

func rank(d audit.Decision) int {
	switch d {
	case audit.Allowed:
		return 2
	case audit.Undecided:
		return 1
	}
	return 0
}

func atType(c audit.ReasonCode) bool {
	return c == audit.ReasonTypeNotAllowed || c == audit.ReasonTypeUnknown
}
