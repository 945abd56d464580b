package policy

import (
	"sync"

	"passkey-audit/audit"
)

// A class is everything that users to whom the same targets apply have in
// common. It remembers its answers.
type class struct {
	e *Evaluator
	// settled is the verdict for every passkey, where scope alone decides.
	settled *audit.Verdict
	refs    []ref // in the policy's order, each rule once
	// openExclude and openInclude are targets of which it is not known whether
	// the user is in them; nil if there is none.
	openExclude, openInclude *compiledTarget

	mu      sync.RWMutex
	answers map[subject]answer
}

// An answer is a verdict and what registering the passkey again would need.
type answer struct {
	verdict audit.Verdict
	// free, attested and maybe: some allowing rule asks for no attestation,
	// asks for it, or does not say.
	free, attested, maybe bool
}

// newClass works out what the targets in set hold, in the contract's order:
// the method's state, exclusion, inclusion.
func (e *Evaluator) newClass(set []byte) *class {
	c := &class{e: e, answers: map[subject]answer{}}
	if e.off {
		c.settle(audit.Blocked, audit.ReasonMethodDisabled, "method state", "the Passkey (FIDO2) method is disabled", AssumeDisabledBlocks)
		return c
	}
	for i := range e.exclude {
		t := &e.exclude[i]
		switch {
		case has(set, len(e.include)+i) && t.assumes == 0:
			c.settle(audit.Blocked, audit.ReasonUserExcluded, "excluded "+t.label, "the policy excludes this person from passkeys: "+t.label)
			if t.group {
				c.settled.Assumes.Add(AssumeNestedGroups)
			}
			return c
		case t.unresolved && c.openExclude == nil:
			c.openExclude = t
		}
	}
	found := map[*rule]int{}
	included := false
	for i := range e.include {
		t := &e.include[i]
		if !has(set, i) || t.assumes != 0 {
			if t.unresolved && c.openInclude == nil {
				c.openInclude = t
			}
			continue
		}
		included = true
		for _, r := range t.refs {
			if t.group {
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
		c.settle(audit.Blocked, audit.ReasonUserNotTargeted, "include targets", "no target of the policy includes this person", AssumeUntargetedBlocked)
	}
	return c
}

func openIncludeReason(t *compiledTarget) string {
	return "it is not known whether this person is in the included " + t.label
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
// with fewer assumptions counts.
func (c *class) refer(r ref, found map[*rule]int) {
	if i, ok := found[r.rule]; ok {
		if count(r.assumes) < count(c.refs[i].assumes) {
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
		return audit.Verdict{Decision: audit.Undecided, Code: audit.ReasonGroupUnresolved, Reason: "it is not known which targets include this person"}
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
	var best finding
	var every audit.AssumptionSet
	for _, r := range c.refs {
		f := r.rule.judge(s)
		f.assumes |= r.assumes
		if f.decision == audit.Blocked {
			// That the rule reaches the user at all matters only where it
			// might let the passkey pass.
			f.assumes &^= 1 << AssumeNestedGroups
		}
		every |= f.assumes
		if f.decision == audit.Allowed {
			a.free = a.free || r.rule.attestation == audit.No
			a.attested = a.attested || r.rule.attestation == audit.Yes
			a.maybe = a.maybe || r.rule.attestation == audit.Unknown
		}
		if best.rule == nil || closer(f, best) {
			best = f
		}
	}
	if best.decision != audit.Allowed {
		best.assumes = every
	}
	a.verdict = audit.Verdict{
		Decision: best.decision, Code: best.code, DecidedBy: best.rule.decidedBy,
		Reason: c.e.reason(best, s), Assumes: best.assumes,
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
	return a
}

// leaveOpen makes a verdict undecided that hangs on a target whose members are
// not known.
func (c *class) leaveOpen(v *audit.Verdict, role string, t *compiledTarget) {
	v.Decision, v.Code = audit.Undecided, audit.ReasonGroupUnresolved
	v.DecidedBy = role + t.label
	v.Reason = "it is not known whether this person is in the " + role + t.label
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
