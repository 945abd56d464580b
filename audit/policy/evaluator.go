package policy

import (
	"strings"
	"sync"
	"sync/atomic"

	"passkey-audit/audit"
)

// A Namer gives the name of an authenticator, or nothing where it has none. It
// is called from several goroutines at once.
type Namer func(audit.AAGUID) string

// TenantWide is what DecidedBy says where there are no profiles.
const TenantWide = "tenant-wide restrictions"

// Bounds of what an Evaluator remembers. A tenant has a few hundred AAGUIDs
// and a handful of group combinations; the bounds hold where somebody registers
// passkeys with made-up AAGUIDs. Beyond them answers are worked out each time.
const (
	maxClasses = 1 << 12
	maxAnswers = 1 << 16
)

// An Evaluator judges passkeys under one policy. It does not change after
// NewEvaluator but for what it remembers, and is safe for concurrent use.
type Evaluator struct {
	off bool // the method is disabled
	// base is what every verdict hangs on that is not blocked: each of these
	// assumptions errs on the side of letting people in.
	base audit.AssumptionSet

	include, exclude []compiledTarget
	// byGroup and byUser find targets by lower-case id; a target's number is
	// its place in include, or len(include) plus its place in exclude.
	byGroup, byUser map[string][]int
	everyone        []byte // a membership that holds those targets alone that fit everyone
	stride          int    // see membership
	rules           []*rule
	byProfile       map[string]*rule // by lower-case id; also missing ones
	names           Namer

	mu      sync.RWMutex
	classes map[string]*class // by the set of targets that fit
	answers atomic.Int64      // how many are remembered in all classes
}

// A compiledTarget is an include or exclude target and how sure its members are.
type compiledTarget struct {
	audit.Target
	label      string // such as `group "Pilots"`
	group      bool   // membership was found through a group
	unresolved bool   // not everybody in it is known
	// open says of an unresolved target why, and settle what would settle it,
	// with %s for its name.
	open, settle string
	assumes      audit.AssumptionSet
	refs         []ref // include targets: the rules that it brings
}

// A ref is a rule that serves a target, and how a user comes to it.
type ref struct {
	rule    *rule
	assumes audit.AssumptionSet
	// via is the target, and nested the user's membership in it; unset in
	// compiledTarget.refs, which hold for all users.
	via    *compiledTarget
	nested audit.Ternary
}

// NewEvaluator prepares a policy. Groups tells what became of reading each
// group that the policy names: one that is missing here, or whose Outcome is
// not OutcomeRead, leaves open who is in it. The groups' names are used in
// reasons. Names may be nil: AAGUIDs then stand alone.
func NewEvaluator(p audit.Policy, groups []audit.Group, names Namer) *Evaluator {
	e := &Evaluator{
		off:     strings.EqualFold(p.State, "disabled"),
		byGroup: map[string][]int{}, byUser: map[string][]int{},
		byProfile: map[string]*rule{}, names: names, classes: map[string]*class{},
	}
	if !e.off && !strings.EqualFold(p.State, "enabled") {
		e.base.Add(AssumeUnknownStateEnabled)
	}
	if p.HasProfiles() {
		for i := range p.Profiles {
			id := strings.ToLower(p.Profiles[i].ID)
			if e.byProfile[id] == nil { // of two with one id the first counts
				e.byProfile[id] = e.add(profileRule(&p.Profiles[i]))
			}
		}
	} else {
		e.add(tenantRule(&p))
	}
	read := map[string]audit.Group{}
	for _, g := range groups {
		read[strings.ToLower(g.ID)] = g
	}
	width := (len(p.Include) + len(p.Exclude) + 7) / 8
	e.everyone, e.stride = make([]byte, 3*width), 8*width
	for i, t := range p.Include {
		c := e.compile(t, i, read)
		if g, ok := read[strings.ToLower(t.ID)]; c.unresolved && ok && g.Outcome == audit.OutcomeGone && isGroup(t) {
			c.settle = "include this person through another target"
		}
		c.refs = e.refsOf(&p, t)
		e.include = append(e.include, c)
	}
	if r := e.byProfile[strings.ToLower(p.DefaultProfile)]; r != nil {
		r.standard = p.HasProfiles()
	}
	for i, t := range p.Exclude {
		if isNobody(t.ID) {
			e.base.Add(AssumeZeroTargetNobody)
			e.exclude = append(e.exclude, compiledTarget{Target: t, label: "nobody"})
			continue
		}
		e.exclude = append(e.exclude, e.compile(t, len(p.Include)+i, read))
	}
	return e
}

func (e *Evaluator) add(r *rule) *rule {
	r.order = len(e.rules)
	e.rules = append(e.rules, r)
	return r
}

// compile enters a target under its number into the look-ups.
func (e *Evaluator) compile(t audit.Target, number int, read map[string]audit.Group) compiledTarget {
	id := strings.ToLower(t.ID)
	c := compiledTarget{Target: t}
	switch {
	case t.Everyone():
		c.label = "all users"
		e.everyone[number/8] |= 1 << (number % 8)
		return c
	case isUser(t):
		c.label = "user " + printable(t.ID)
		e.byUser[id] = append(e.byUser[id], number)
		return c
	}
	c.label, c.group = "group "+printable(t.ID), true
	g, ok := read[id]
	if ok && g.Name != "" {
		c.label = "group " + quote(g.Name)
	}
	e.byGroup[id] = append(e.byGroup[id], number)
	switch {
	case !isGroup(t):
		// It may name a user, or something that is not known yet.
		c.label, c.unresolved = "target "+printable(t.ID), true
		c.open, c.settle = "whose kind is not known", "find out what %s is"
		c.assumes.Add(AssumeTargetTypeUnknown)
	case !ok:
		c.unresolved, c.open, c.settle = true, "whose members were not asked for", "read the members of %s"
	case g.Outcome == audit.OutcomeGone:
		c.unresolved, c.open, c.settle = true, "which no longer exists", "take %s off the excluded targets"
	case g.Outcome == audit.OutcomeRefused:
		c.unresolved, c.open, c.settle = true, "whose members may not be read", "get permission to read the members of %s"
	case g.Outcome != audit.OutcomeRead:
		c.unresolved, c.open, c.settle = true, "whose members could not be read", "read the members of %s"
	}
	return c
}

// refsOf finds the rules that a target brings.
func (e *Evaluator) refsOf(p *audit.Policy, t audit.Target) []ref {
	if len(t.Profiles) == 0 {
		if !p.HasProfiles() {
			return []ref{{rule: e.rules[0]}}
		}
		var a audit.AssumptionSet
		a.Add(AssumeDefaultServes)
		return []ref{{rule: e.profile(p.DefaultProfile), assumes: a}}
	}
	// A policy without profiles whose targets name some was not delivered
	// whole: the tenant-wide fields mirror the default profile at best.
	refs := make([]ref, 0, len(t.Profiles))
	for _, id := range t.Profiles {
		refs = append(refs, ref{rule: e.profile(id)})
	}
	return refs
}

// profile finds a profile's rule, or makes one that decides nothing where the
// policy does not hold the profile.
func (e *Evaluator) profile(id string) *rule {
	key := strings.ToLower(id)
	if e.byProfile[key] == nil {
		e.byProfile[key] = e.add(missingRule(id))
	}
	return e.byProfile[key]
}

// A Scope is what a policy holds for one user. It stays valid as long as its
// Evaluator and is safe for concurrent use. The zero Scope decides nothing.
type Scope struct{ class *class }

// Scope finds what the policy holds for a user. MemberOf are those groups named
// by the policy of which the user is a member, directly or through nested
// groups, with their ids in any letter case; other groups do no harm. Of two
// memberships in one group a direct one counts.
func (e *Evaluator) Scope(userID string, memberOf []audit.Membership) Scope {
	var buffer [96]byte // 256 targets; a policy of 20 KB has fewer than 100
	set := append(buffer[:0], e.everyone...)
	mark(set, e.byUser, userID, 0)
	for i := range memberOf {
		known := 0
		switch memberOf[i].Nested {
		case audit.No:
			known = e.stride
		case audit.Yes:
			known = 2 * e.stride
		}
		mark(set, e.byGroup, memberOf[i].GroupID, known)
	}
	e.mu.RLock()
	c := e.classes[string(set)]
	e.mu.RUnlock()
	if c != nil {
		return Scope{c}
	}
	c = e.newClass(set)
	e.mu.Lock()
	defer e.mu.Unlock()
	if known := e.classes[string(set)]; known != nil {
		return Scope{known}
	}
	if len(e.classes) < maxClasses {
		e.classes[string(set)] = c
	}
	return Scope{c}
}

// A membership is a user's place in all targets of a policy, as three sets of
// targets' numbers one behind the other, an Evaluator's stride of bits apart:
// the targets that hold the user, those that hold the user as a direct member,
// and those that hold the user through a nested group.
type membership []byte

// mark enters the targets with an id into the first set, and into another one
// that begins where known says.
func mark(set membership, targets map[string][]int, id string, known int) {
	if len(targets) == 0 {
		return
	}
	for _, n := range targets[strings.ToLower(id)] {
		set[n/8] |= 1 << (n % 8)
		n += known
		set[n/8] |= 1 << (n % 8)
	}
}

func has(set membership, n int) bool { return set[n/8]&(1<<(n%8)) != 0 }

// nested tells how the user is in the target with a number: No for a direct
// member, and for a target that is no group.
func (e *Evaluator) nested(set membership, n int, t *compiledTarget) audit.Ternary {
	switch {
	case !t.group, has(set, n+e.stride):
		return audit.No
	case has(set, n+2*e.stride):
		return audit.Yes
	}
	return audit.Unknown
}
