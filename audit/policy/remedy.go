package policy

import (
	"slices"
	"strings"

	"passkey-audit/audit"
)

// unknownWhether says of which target it is not known whether it holds the
// person, and why not.
func unknownWhether(role string, t *compiledTarget) string {
	return "it is not known whether this person is in the " + role + t.label + ", " + t.open
}

// settling says what would settle who is in the target, behind its name or, in
// words that stand alone, with it.
func (t *compiledTarget) settling(alone bool) string {
	name := "that group"
	switch {
	case alone:
		name = t.label
	case t.assumes != 0:
		name = "it"
	}
	return strings.ReplaceAll(t.settle, "%s", name)
}

// exclusion says what excludes a person, and what would end that: each target
// that does has to go. Alone is the remedy in words that stand alone.
func exclusion(by []ref) (cause, remedy, alone string) {
	const excludes = "the policy excludes this person from passkeys through "
	var ways, out, steps, leave, named []string
	groups, nested, targets := 0, 0, 0
	for _, r := range by {
		if r.via.Everyone() {
			// Whatever else excludes the person is of no account beside it.
			remedy = "take all users off the excluded targets"
			return "the policy excludes all users from passkeys", remedy, remedy
		}
		ways = append(ways, r.way())
		switch {
		case !r.via.group:
			targets++
			continue
		case r.nested == audit.Yes:
			nested++
			leave = append(leave, "the group nested in "+r.via.label)
			continue
		}
		groups++
		leave = append(leave, r.via.label)
	}
	if groups > 0 {
		out = append(out, these(groups, "that group", "those groups"))
	}
	if nested > 0 {
		out = append(out, these(nested, "the nested group", "the nested groups"))
	}
	if len(out) > 0 {
		steps = append(steps, "take this person out of "+and(out))
		named = append(named, "take this person out of "+and(leave))
	}
	if targets > 0 {
		steps = append(steps, "take "+these(targets, "that target", "those targets")+" off the policy")
		named = append(named, "take this person off the excluded targets")
	}
	return excludes + and(ways), and(steps), and(named)
}

// maxNamed bounds how many groups a sentence lists.
const maxNamed = 3

// inclusion says what would make a person one who may use passkeys.
func (e *Evaluator) inclusion() string {
	var groups []string
	for i := range e.include {
		if t := &e.include[i]; t.group && t.assumes == 0 {
			groups = append(groups, t.label)
		}
	}
	switch n := len(groups); {
	case n == 0:
		return "include all users, or a group that this person is in"
	case n > maxNamed:
		return "put this person into one of the " + plural(n, "group", "groups") + " that the policy includes"
	}
	return "put this person into " + strings.Join(groups, " or ")
}

func these(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// and joins parts as in "a, b and c".
func and(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// A step is a change to a rule. All steps of a rule together let a passkey
// pass it.
type step uint8

const (
	stepAcceptType  step = iota // take the passkey's type
	stepAcceptBoth              // take both known types
	stepNameTypes               // say which types it takes, the passkey's among them
	stepEnter                   // put the AAGUID on the list
	stepStrike                  // take it off the list
	stepAllowList               // make the list an allow list
	stepSwitchOff               // enforce no restrictions
	stepHoldProfile             // give the target a profile that the policy holds
)

// steps finds what would let a passkey pass a rule that does not allow it, the
// type before the AAGUID.
func (r *rule) steps(s subject) []step {
	if r.missing {
		return []step{stepHoldProfile}
	}
	var all []step
	switch kind := r.judgeType(s); {
	case kind.decision == audit.Allowed:
	case kind.why == whyTypesMissing:
		all = append(all, stepNameTypes)
	case s.kind.Known():
		all = append(all, stepAcceptType)
	default:
		all = append(all, stepAcceptBoth)
	}
	switch id := r.judgeAAGUID(s); {
	case id.decision == audit.Allowed:
	case s.known.unknown():
		all = append(all, stepSwitchOff)
	case id.why == whyRefused:
		all = append(all, stepStrike)
	case id.why != whyListKind:
		all = append(all, stepEnter)
	case r.on(s.aaguid):
		all = append(all, stepAllowList)
	default:
		all = append(all, stepEnter, stepAllowList)
	}
	return all
}

// on tells whether the list holds an AAGUID.
func (r *rule) on(a audit.AAGUID) bool {
	_, listed := r.listed[a]
	return listed
}

// remedy says what would let a passkey pass the rule of f, which does not
// allow it: a change to the rule, or another passkey. Alone it names rule and
// authenticator; otherwise it stands behind the cause, which has named them.
func (e *Evaluator) remedy(f finding, s subject, alone bool) string {
	r := f.ref.rule
	w := wording{authenticator: "it", rule: "it", list: "that list"}
	switch f.why {
	case whyType, whyTypeUnknown, whyTypesMissing, whyTypeValueUnknown:
		w.authenticator, w.list = e.authenticator(s), "its list"
	case whyNotListed, whyRefused:
		w.rule = "that profile"
	case whyAllowEmpty, whyListKind, whyAAGUIDUnknown:
		w.authenticator, w.rule = e.authenticator(s), "that profile"
	}
	if alone {
		w = wording{e.authenticator(s), r.subject, "the list of " + r.subject}
	}
	if r.plural && !alone {
		w.rule = "them"
	}
	steps := r.steps(s)
	zero := slices.Contains(steps, stepEnter) && s.aaguid.IsZero()
	if zero {
		w.authenticator = "the all-zero AAGUID"
	}
	var change []string
	for _, step := range steps {
		change = append(change, w.change(step, s))
		switch { // what has been named now needs no name in what comes next
		case step < stepEnter && alone:
			w.list = "its list"
		case step >= stepEnter && !zero:
			w.list = "it"
		}
	}
	text, other := and(change), r.other(w, s)
	switch {
	case other == "":
		return text
	case zero:
		// The entry would undo most of what the list is for.
		return other + ", or " + text + ", which lets in every authenticator that does not disclose its model"
	}
	return text + ", or " + other
}

// A wording holds the words for what a sentence has named before.
type wording struct{ authenticator, rule, list string }

func (w wording) change(st step, s subject) string {
	switch st {
	case stepAcceptType:
		return "let " + w.rule + " accept " + typeWord(s.kind) + " passkeys"
	case stepAcceptBoth:
		return "let " + w.rule + " accept both device-bound and synced passkeys"
	case stepNameTypes:
		if w.rule == "it" {
			return "name them"
		}
		return "name the passkey types of " + w.rule
	case stepEnter:
		return "add " + w.authenticator + " to " + w.list
	case stepStrike:
		return "take " + w.authenticator + " off " + w.list
	case stepAllowList:
		return "make " + w.list + " an allow list"
	case stepSwitchOff:
		return "stop enforcing " + w.list
	case stepHoldProfile:
		return "give the target that names " + w.rule + " a profile that the policy holds"
	}
	return ""
}

// other says what another passkey would have to be like to pass the rule as it
// is; empty where nobody can tell, or none passes.
func (r *rule) other(w wording, s subject) string {
	kind := "a "
	switch {
	case r.missing || !r.anyType && !r.deviceBound && !r.synced:
		return ""
	case !r.anyType && r.deviceBound != r.synced:
		kind += r.only() + " "
	}
	text := "register " + kind + "passkey"
	switch {
	case !r.enforced:
		return text
	case r.list == listAllow && len(r.listed) > 0:
		return text + " with an authenticator on " + w.list
	case r.list == listBlock && r.listLength > 0 && s.known.unknown():
		return text + " with an authenticator that states its AAGUID and is not on " + w.list
	case r.list == listBlock && r.listLength > 0:
		return text + " with an authenticator that is not on " + w.list
	case r.list == listBlock:
		return text
	}
	return ""
}
