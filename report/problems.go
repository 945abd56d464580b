package report

import (
	"cmp"
	"slices"
	"strings"
)

// Problems gives the authenticators that the FIDO Metadata Service warns of,
// those that most people have first.
func (d *Document) Problems() []AuthenticatorFigures {
	var list []AuthenticatorFigures
	for _, a := range d.Authenticators {
		if a.Problem != "" {
			list = append(list, a)
		}
	}
	slices.SortStableFunc(list, func(a, b AuthenticatorFigures) int { return cmp.Compare(b.People, a.People) })
	return list
}

// ProblemWords says in sentences which authenticators the FIDO Metadata Service
// warns of, who has them, and whether the proposal lets them through; nil where
// no warning is known, which does not mean that there is none.
func (d *Document) ProblemWords() []string {
	const shown = 5
	var list []string
	problems := d.Problems()
	for _, a := range problems[:min(len(problems), shown)] {
		s := "Warning of " + a.precise() + ": " + strings.TrimRight(a.Problem, ". ") + ". "
		if a.Passkeys == 0 {
			s += "Nobody who was read has one"
		} else {
			s += Plural(a.Passkeys, "passkey", "passkeys") + " of " + Plural(a.People, "person", "people")
		}
		list = append(list, s+"; "+proposalWords(a.ListsProposed)+".")
	}
	if more := len(problems) - shown; more > 0 {
		list = append(list, Plural(more, "more authenticator has a warning", "more authenticators have a warning")+": the sheet AAGUIDs and summary.json name each.")
	}
	return list
}

// precise gives the title with the start of the AAGUID: models of one name may
// differ in what is wrong with them.
func (a *AuthenticatorFigures) precise() string { return a.Title + " (" + prefix(a.AAGUID) + ")" }

func proposalWords(lists string) string {
	switch lists {
	case listsAllow:
		return "the proposal's lists let it through"
	case listsBlock:
		return "the proposal's lists block it"
	case listsForSome:
		return "the proposal's lists let it through for some people"
	}
	return "whether the proposal's lists let it through is undecided"
}

// SummaryProblem is an authenticator that the FIDO Metadata Service warns of.
type SummaryProblem struct {
	AAGUID        string `json:"aaguid"`
	Authenticator string `json:"authenticator"`
	Problem       string `json:"problem"`
	Certification string `json:"certification"`
	Passkeys      int    `json:"passkeys"`
	People        int    `json:"people"`
	// Proposal tells whether the proposal's lists let it through: "allowed",
	// "blocked", "for_some" or "undecided".
	Proposal string `json:"proposal_lists"`
}

func summaryProblems(d *Document) []SummaryProblem {
	list := []SummaryProblem{}
	for _, a := range d.Problems() {
		list = append(list, SummaryProblem{
			AAGUID: a.AAGUID.String(), Authenticator: a.Name, Problem: a.Problem, Certification: a.Certification,
			Passkeys: a.Passkeys, People: a.People, Proposal: a.ListsProposed,
		})
	}
	return list
}
