package report

import (
	"fmt"

	"passkey-audit/audit"
)

// A Tally counts a yes among those for whom the answer may not be known. Where
// it is not, the count is a lower bound and never shown as a plain number: 0
// would say that there is none.
type Tally struct {
	// Yes counts those with a yes, Unknown those whose answer is not known, Of
	// all who were looked at.
	Yes, Unknown, Of int
}

func (t *Tally) add(answer audit.Ternary) {
	t.Of++
	switch answer {
	case audit.Yes:
		t.Yes++
	case audit.Unknown:
		t.Unknown++
	}
}

// Exact reports whether every answer is known, so that Yes is the number.
func (t Tally) Exact() bool { return t.Unknown == 0 }

// NothingKnown reports whether there are answers, and none of them is known.
func (t Tally) NothingKnown() bool { return t.Unknown > 0 && t.Unknown >= t.Of }

// Words gives the number, "at least" it, or that it is not known.
func (t Tally) Words() string {
	switch {
	case t.Exact():
		return Number(t.Yes)
	case t.NothingKnown():
		return "not known"
	case t.Yes == 0:
		return fmt.Sprintf("none known (not known for %s)", Number(t.Unknown))
	}
	return fmt.Sprintf("at least %s (not known for %s)", Number(t.Yes), Number(t.Unknown))
}

// Short gives Words in at most 11 characters up to 99: for narrow columns.
func (t Tally) Short() string {
	switch {
	case t.Exact():
		return Number(t.Yes)
	case t.Yes == 0:
		return "not known"
	}
	return "at least " + Number(t.Yes)
}

// Cell gives a number where it is exact, else Words.
func (t Tally) Cell() Cell {
	if t.Exact() {
		return Count(t.Yes)
	}
	return Text(t.Words())
}

// exact gives the number for machines; nil where it is not known.
func (t Tally) exact() *int {
	if !t.Exact() {
		return nil
	}
	return &t.Yes
}

// atLeast gives the lower bound for machines; nil where nothing is known that
// would make it one, since a 0 would be taken for the number.
func (t Tally) atLeast() *int {
	if !t.Exact() && t.Yes == 0 {
		return nil
	}
	return &t.Yes
}
