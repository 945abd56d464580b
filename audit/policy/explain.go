package policy

import "passkey-audit/audit"

// An Explanation is everything that a policy holds for one passkey of one
// person. Its order is the policy's.
type Explanation struct {
	// Verdict is what Judge says, and Registrable what Registrable says.
	Verdict     audit.Verdict
	Registrable audit.Ternary
	// Settled: the method's state or the targets decide alone, whatever the
	// profiles say; Verdict.DecidedBy names what does.
	Settled bool
	// Excluded holds every exclude target, also those that do not hold the
	// person.
	Excluded []Way
	// Profiles holds the answer of every profile of the policy, also of those
	// that do not reach the person, and behind them profiles that a target
	// names and the policy does not hold. Without profiles it holds the
	// tenant-wide restrictions alone.
	Profiles []ProfileAnswer
	// Remedy says what would let the passkey pass; empty where it is allowed.
	// Where Settled, it says what would let the profiles decide. It is a
	// sentence of its own, without a full stop at its end.
	Remedy string
}

// A Way is a target of the policy and the person's place in it.
type Way struct {
	// Label is the target in words, such as `group "Pilots"` or "all users".
	Label  string
	Target audit.Target
	// Member tells whether the target holds the person; Unknown where its
	// members are not known, and Open then says why in a clause, such as
	// "whose members may not be read".
	Member audit.Ternary
	Open   string
	// Nested is meaningful where Member is Yes: through a nested group alone;
	// Unknown where nobody looked. It is No for what is no group.
	Nested audit.Ternary
	// ByDefault: an include target that names no profile, so that the default
	// profile is assumed to serve it.
	ByDefault bool
}

// A ProfileAnswer is what one profile says of a passkey by itself.
type ProfileAnswer struct {
	// ID is the profile's id; empty for the tenant-wide restrictions.
	ID string
	// Name is what Verdict.DecidedBy says of the profile.
	Name string
	// Default marks the default profile, Missing one that a target names and
	// the policy does not hold.
	Default, Missing bool
	// Reaches tells whether the profile holds for the person: through a target
	// that does not exclude the person, were the method enabled.
	Reaches audit.Ternary
	// Ways are the include targets that bring the profile, also those that do
	// not hold the person.
	Ways []Way
	// Decision, Code, Reason and Assumes are the profile's own answer, as if
	// nothing else counted. Reason is a sentence like that of a verdict.
	Decision audit.Decision
	Code     audit.ReasonCode
	Reason   string
	Assumes  audit.AssumptionSet
	// Registrable tells whether the profile would let the passkey be
	// registered again; Unknown where its Decision is Undecided.
	Registrable audit.Ternary
	// Remedy says what would let the passkey pass this profile; empty where it
	// is allowed.
	Remedy string
}

// Explain tells everything that bears on one passkey. It works its answer out
// anew each time. The zero Scope explains nothing but its verdict.
func (s Scope) Explain(k *audit.Passkey) Explanation {
	x := Explanation{Verdict: s.Judge(k)}
	x.Registrable = s.Registrable(k, x.Verdict)
	c := s.class
	if c == nil {
		return x
	}
	key := subjectOf(k)
	switch {
	case c.settled != nil:
		x.Settled, x.Remedy = true, c.remedy
	case x.Verdict.Decision != audit.Allowed:
		var a answer
		best, _ := c.closest(key, &a)
		_, x.Remedy = c.sentence(best, key, true)
	}
	for i := range c.e.exclude {
		x.Excluded = append(x.Excluded, c.way(len(c.e.include)+i, &c.e.exclude[i]))
	}
	// A class that is settled early does not know the way to its rules.
	reach := &class{e: c.e, set: c.set}
	reach.include()
	for _, r := range c.e.rules {
		x.Profiles = append(x.Profiles, reach.profile(r, key, k))
	}
	return x
}

// way tells the place of the class's users in the target with a number.
func (c *class) way(n int, t *compiledTarget) Way {
	w := Way{Label: t.label, Target: t.Target, Member: c.in(n, t), Nested: c.e.nested(c.set, n, t)}
	w.Target.Profiles = append([]string(nil), t.Profiles...)
	if w.Member == audit.Unknown {
		w.Open = t.open
	}
	return w
}

// profile gives one rule's answer for the class's users.
func (c *class) profile(r *rule, key subject, k *audit.Passkey) ProfileAnswer {
	p := ProfileAnswer{ID: r.id, Name: r.decidedBy, Default: r.standard, Missing: r.missing, Reaches: audit.No}
	for i := range c.e.include {
		t := &c.e.include[i]
		for _, ref := range t.refs {
			if ref.rule != r {
				continue
			}
			w := c.way(i, t)
			w.ByDefault = ref.assumes.Has(AssumeDefaultServes)
			p.Ways = append(p.Ways, w)
			if w.Member == audit.Yes || w.Member == audit.Unknown && p.Reaches == audit.No {
				p.Reaches = w.Member
			}
			break // a target may name a profile twice
		}
	}
	from := ref{rule: r}
	for _, ref := range c.refs {
		if ref.rule == r {
			from = ref
		}
	}
	f := from.judge(key)
	p.Decision, p.Code, p.Assumes = f.decision, f.code, f.assumes
	p.Reason = c.e.cause(f, key)
	switch {
	case f.decision == audit.Allowed:
		p.Registrable = registrable(k, r.attestation == audit.No, r.attestation == audit.Unknown)
		return p
	case f.decision == audit.Blocked:
		p.Registrable = audit.No
	}
	p.Reason += ": " + c.e.remedy(f, key, false)
	p.Remedy = c.e.remedy(f, key, true)
	return p
}
