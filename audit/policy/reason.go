package policy

import (
	"math/bits"
	"strings"
	"unicode"

	"passkey-audit/audit"
)

// A why is a ground for a finding; sentences are made from it.
type why uint8

const (
	whyOpen why = iota
	whyListed
	whyNotRefused
	whyBlockEmpty
	whyNotListed
	whyAllowEmpty
	whyRefused
	whyType
	whyTypeUnknown
	whyTypesMissing
	whyTypeValueUnknown
	whyAAGUIDUnknown
	whyListKind
	whyProfileMissing
)

// sentence says why a passkey is judged as it is, in words that a help desk
// can read out. Where the passkey is not allowed, the cause tells how the
// person came to the rule, and remedy what would let the passkey pass: words
// that stand behind the cause, or alone.
func (c *class) sentence(f finding, s subject, alone bool) (cause, remedy string) {
	allowed := f.decision == audit.Allowed
	switch {
	case allowed && c.openExclude == nil:
		return c.e.cause(f, s), ""
	case allowed:
		return unknownWhether("excluded ", c.openExclude) + ", while " + f.ref.rule.subject + " would let this passkey pass", c.openExclude.settling(alone)
	case c.openInclude != nil:
		return unknownWhether("included ", c.openInclude) + ", and nothing else is sure to let this passkey pass",
			c.openInclude.settling(alone) + ", or " + c.e.remedy(f, s, true)
	}
	cause, remedy = c.e.cause(f, s), c.e.remedy(f, s, alone)
	if c.openExclude != nil {
		remedy += " (" + unknownWhether("excluded ", c.openExclude) + ")"
	}
	return cause, remedy
}

// cause says what a rule makes of a passkey.
func (e *Evaluator) cause(f finding, s subject) string {
	r := f.ref
	switch f.why {
	case whyOpen:
		return r.says(f, "allow") + " every authenticator, since no key restrictions are enforced"
	case whyListed:
		return r.says(f, "allow") + " " + e.authenticator(s) + ", which is on the list"
	case whyNotRefused:
		return r.says(f, "block") + " only listed authenticators, and " + e.authenticator(s) + " is not among them"
	case whyBlockEmpty:
		return r.says(f, "block") + " only listed authenticators, and the list is empty"
	case whyNotListed:
		return r.says(f, "allow") + " only listed authenticators, and " + e.authenticator(s) + " is not among them"
	case whyAllowEmpty:
		return r.says(f, "allow") + " only listed authenticators, and the list is empty"
	case whyRefused:
		return r.says(f, "block") + " " + e.authenticator(s) + ", which is on its list"
	case whyType:
		return r.says(f, "do") + " not accept " + typeWord(s.kind) + " passkeys"
	case whyTypeUnknown:
		return r.says(f, "accept") + " only " + r.rule.only() + " passkeys, and the type of this one is not known"
	case whyTypesMissing:
		return "it is not known which types of passkey " + r.says(f, "accept")
	case whyTypeValueUnknown:
		return r.says(f, "name") + " a passkey type that is not known, which may or may not cover this passkey"
	case whyAAGUIDUnknown:
		if s.known == aaguidMissing {
			return "the passkey has no AAGUID, so it cannot be compared with the list of " + r.named(f, "")
		}
		return "the passkey's AAGUID is no GUID, so it cannot be compared with the list of " + r.named(f, "")
	case whyListKind:
		return "it is not known whether the enforced list of " + r.named(f, ",") + " allows or blocks"
	case whyProfileMissing:
		if r.via == nil {
			return "a target names " + r.rule.subject + ", but the policy does not hold it"
		}
		return r.named(f, ",") + " applies to this person, but the policy does not hold it"
	}
	return ""
}

// says puts a verb behind the rule's name: `profile "Pilots" allows`.
func (r ref) says(f finding, verb string) string {
	subject := r.named(f, ",")
	switch {
	case r.rule.plural:
		return subject + " " + verb
	case verb == "do":
		return subject + " does"
	}
	return subject + " " + verb + "s"
}

// named gives the rule's name and, where it stands in the passkey's way, how
// the person came to it, closed by end. That everybody has it needs no word.
func (r ref) named(f finding, end string) string {
	if f.decision == audit.Allowed || r.via == nil || r.via.Everyone() {
		return r.rule.subject
	}
	if r.rule.plural {
		return r.rule.subject + ", which reach this person through " + r.way() + end
	}
	return r.rule.subject + ", which this person has through " + r.way() + end
}

// way says in which target a person is, and how.
func (r ref) way() string {
	switch {
	case r.via.Everyone():
		return "all users"
	case isUser(r.via.Target):
		return "a target for this person alone"
	case r.nested == audit.Yes:
		return "a group nested in " + r.via.label
	}
	return r.via.label
}

func (e *Evaluator) authenticator(s subject) string { return nameOf(e.names, s.aaguid) }

// nameOf writes an authenticator as `YubiKey 5 NFC (2fc0579f-...)`, or as
// `AAGUID 2fc0579f-...` where no name is known.
func nameOf(names Namer, a audit.AAGUID) string {
	if names != nil {
		if name := printable(names(a)); name != "" {
			return name + " (" + a.String() + ")"
		}
	}
	return "AAGUID " + a.String()
}

func typeWord(t audit.PasskeyType) string {
	switch t {
	case audit.DeviceBound:
		return "device-bound"
	case audit.Synced:
		return "synced"
	}
	return quote(string(t))
}

// quote puts tenant text into a sentence.
func quote(s string) string { return `"` + printable(s) + `"` }

// printable keeps a sentence in one line and in bounds: control and format
// characters become spaces, and what is over 120 characters is cut.
func printable(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s))
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return s
}

// only names the one type that a rule takes.
func (r *rule) only() string {
	if r.synced {
		return "synced"
	}
	return "device-bound"
}

func count(s audit.AssumptionSet) int { return bits.OnesCount64(uint64(s)) }
