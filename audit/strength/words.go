package strength

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Certainty says in sentences what findings leave open for everybody. It is the
// same whatever the tenant.
func Certainty() []string {
	return []string{
		"A finding does not mean that a sign-in fails: a Conditional Access policy holds only for the applications, platforms, locations, client applications and risk that it names, and those are not judged.",
		"An authentication strength can permit other methods beside passkeys, such as Windows Hello for Business or a password with a text message: people who have one of those can go on signing in.",
		"Policies that are switched off or only report are judged like the others and listed with their state: they keep nobody out today.",
		"Roles count where they are assigned and active in the whole tenant: whoever is eligible for a role is subject to the policies for it once the role is activated.",
		"Whether a guest's own organisation is trusted for the sign-in is not judged.",
	}
}

// Notes says what of the facts leaves findings open or keeps them from being
// found: strengths that were not told, groups and roles that were not read.
// Notes of the parsers are not among them.
func (e *Evaluator) Notes() []Note { return slices.Clone(e.notes) }

// Policies counts the policies that are judged: those whose strength accepts
// some passkeys and not others.
func (e *Evaluator) Policies() int { return len(e.rules) }

// noteOpen says what is not known of a rule's sides.
func (e *Evaluator) noteOpen(r *rule) {
	var missing []string
	for _, s := range []*side{&r.include, &r.exclude} {
		for _, g := range s.openGroups {
			missing = append(missing, "who is in the group "+g+" could not be read")
		}
		missing = append(missing, s.openRoles...)
	}
	slices.Sort(missing)
	if missing = slices.Compact(missing); len(missing) > 0 {
		e.notes = append(e.notes, Note{
			// The findings are there, marked as not certain; none is missing.
			Text: fmt.Sprintf("For whom the Conditional Access policy %s is, is not wholly known: %s.", quote(r.policy.label()), strings.Join(missing, "; ")),
		})
	}
}

// sentence says what is not known, in words that are put together once.
func (r *rule) sentence(why cause) string {
	if why == 0 {
		return ""
	}
	if s := r.why[why].Load(); s != nil {
		return *s
	}
	s := r.words(why)
	r.why[why].Store(&s)
	return s
}

func (r *rule) words(why cause) string {
	var b strings.Builder
	sides := []struct {
		side                  *side
		groups, roles, guests cause
		verb                  string
	}{
		{&r.include, includeGroups, includeRoles, includeGuests, "includes"},
		{&r.exclude, excludeGroups, excludeRoles, excludeGuests, "excludes"},
	}
	var parts []string
	for _, s := range sides {
		if why&s.groups != 0 {
			parts = append(parts, "the policy "+s.verb+" "+groupWords(s.side.openGroups)+", whose members could not be read")
		}
		if why&s.roles != 0 {
			parts = append(parts, "the policy "+s.verb+" holders of roles, and "+some(s.side.openRoles, "; "))
		}
		if why&s.guests != 0 {
			parts = append(parts, "the policy "+s.verb+" kinds of guests or external users, and which kind this is cannot be told")
		}
	}
	if len(parts) > 0 {
		b.WriteString("It is not known whether the policy is for this person: " + strings.Join(parts, "; ") + ".")
	}
	if why&noAAGUID != 0 {
		b.WriteString(" The passkey's AAGUID is not known.")
	}
	if why&unclearList != 0 {
		b.WriteString(" What the authentication strength accepts is not known.")
	}
	return strings.TrimSpace(b.String())
}

func groupWords(labels []string) string {
	if len(labels) == 1 {
		return "the group " + labels[0]
	}
	return "the groups " + some(labels, ", ")
}

// some joins the first few of a list.
func some(list []string, separator string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, separator)
	}
	return fmt.Sprintf("%s%sand %d more", strings.Join(list[:most], separator), separator, len(list)-most)
}

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
