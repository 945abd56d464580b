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
	// settled is the verdict for every passkey, where scope alone decides, and
	// remedy the end of its reason, in words that stand alone.
	settled *audit.Verdict
	remedy  string
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
		c.settle(audit.Blocked, audit.ReasonMethodDisabled, "method state",
			"the Passkey (FIDO2) method is disabled", "enable it in the authentication methods policy", AssumeDisabledBlocks)
		c.remedy = "enable the Passkey (FIDO2) method in the authentication methods policy"
		return c
	}
	if c.exclude(); c.settled != nil {
		return c
	}
	switch included := c.include(); {
	case included:
	case c.openInclude != nil:
		c.settle(audit.Undecided, audit.ReasonGroupUnresolved, "included "+c.openInclude.label,
			unknownWhether("included ", c.openInclude), c.openInclude.settling(false))
		c.remedy = c.openInclude.settling(true)
		c.settled.Assumes |= c.openInclude.assumes
	default:
		c.settle(audit.Blocked, audit.ReasonUserNotTargeted, "include targets",
			"no target of the policy includes this person", e.inclusion(), AssumeUntargetedBlocked)
	}
	return c
}

// include finds the rules that reach the class's users, and those of which
// that is not known. It reports whether any target holds them for sure.
func (c *class) include() bool {
	found := map[*rule]int{}
	included := false
	for i := range c.e.include {
		t := &c.e.include[i]
		in := c.in(i, t)
		if in == audit.No {
			continue
		}
		if in == audit.Unknown && c.openInclude == nil {
			c.openInclude = t
		}
		included = included || in == audit.Yes
		for _, r := range t.refs {
			r.via, r.nested = t, c.e.nested(c.set, i, t)
			if in == audit.Unknown {
				c.open = append(c.open, r)
				continue
			}
			if r.nested != audit.No {
				r.assumes.Add(AssumeNestedGroups)
			}
			c.refer(r, found)
		}
	}
	return included
}

// in tells whether the class's users are in the target with a number.
func (c *class) in(n int, t *compiledTarget) audit.Ternary {
	switch {
	case has(c.set, n) && t.assumes == 0:
		return audit.Yes
	case t.unresolved:
		return audit.Unknown
	}
	return audit.No
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
		switch c.in(n, t) {
		case audit.Yes:
			r := ref{via: t, nested: c.e.nested(c.set, n, t)}
			if r.nested != audit.No {
				r.assumes.Add(AssumeNestedGroups)
			}
			by = append(by, r)
			if count(r.assumes) < count(by[decides].assumes) {
				decides = len(by) - 1
			}
		case audit.Unknown:
			if c.openExclude == nil {
				c.openExclude = t
			}
		}
	}
	if len(by) > 0 {
		cause, remedy, alone := exclusion(by)
		c.settle(audit.Blocked, audit.ReasonUserExcluded, "excluded "+by[decides].via.label, cause, remedy)
		c.remedy = alone
		c.settled.Assumes |= by[decides].assumes
	}
}

func (c *class) settle(d audit.Decision, code audit.ReasonCode, by, cause, remedy string, assumes ...audit.Assumption) {
	c.settled = &audit.Verdict{Decision: d, Code: code, Reason: cause + ": " + remedy, DecidedBy: by}
	c.remedy = remedy
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
	a := s.class.answer(subjectOf(k))
	return registrable(k, a.free, a.maybe)
}

// registrable tells of an allowed passkey whether it could be registered again
// under rules of which some ask for no attestation, or some do not say.
func registrable(k *audit.Passkey, free, maybe bool) audit.Ternary {
	synced := passkeyType(k.Type) == audit.Synced
	switch {
	case free:
		return audit.Yes
	case synced && maybe:
		return audit.Unknown
	case synced:
		return audit.No
	case k.Attestation == audit.Attested:
		return audit.Yes
	case k.Attestation == audit.NotAttested && !maybe:
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
	cause, remedy := c.sentence(best, s, false)
	if a.verdict.Reason = cause; remedy != "" {
		a.verdict.Reason += ": " + remedy
	}
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
