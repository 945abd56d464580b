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

// reason makes the sentence that a help desk can read out.
func (e *Evaluator) reason(f finding, s subject) string {
	r := f.rule
	switch f.why {
	case whyOpen:
		return r.says("allow") + " every authenticator, since no key restrictions are enforced"
	case whyListed:
		return r.says("allow") + " " + e.authenticator(s) + ", which is on the list"
	case whyNotRefused:
		return r.says("block") + " only listed authenticators, and " + e.authenticator(s) + " is not among them"
	case whyBlockEmpty:
		return r.says("block") + " only listed authenticators, and the list is empty"
	case whyNotListed:
		return r.says("allow") + " only listed authenticators, and " + e.authenticator(s) + " is not among them"
	case whyAllowEmpty:
		return r.says("allow") + " only listed authenticators, and the list is empty"
	case whyRefused:
		return r.says("block") + " " + e.authenticator(s)
	case whyType:
		return r.says("do") + " not accept " + typeWord(s.kind) + " passkeys"
	case whyTypeUnknown:
		only := "device-bound"
		if r.synced {
			only = "synced"
		}
		return r.says("accept") + " only " + only + " passkeys, and the type of this one is not known"
	case whyTypesMissing:
		return "it is not known which types of passkey " + r.says("accept")
	case whyTypeValueUnknown:
		return r.says("name") + " a passkey type that is not known, which may or may not cover this passkey"
	case whyAAGUIDUnknown:
		if s.known == aaguidMissing {
			return "the passkey has no AAGUID, so it cannot be compared with the list of " + r.subject
		}
		return "the passkey's AAGUID is no GUID, so it cannot be compared with the list of " + r.subject
	case whyListKind:
		return "it is not known whether the enforced list of " + r.subject + " allows or blocks"
	case whyProfileMissing:
		return r.subject + " applies to this person, but the policy does not hold it"
	}
	return ""
}

// says puts a verb behind the rule's name: `profile "Pilots" allows`.
func (r *rule) says(verb string) string {
	switch {
	case r.plural:
		return r.subject + " " + verb
	case verb == "do":
		return r.subject + " does"
	}
	return r.subject + " " + verb + "s"
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

func count(s audit.AssumptionSet) int { return bits.OnesCount64(uint64(s)) }
