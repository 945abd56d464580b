package report

import (
	"cmp"
	"fmt"
	"time"
)

// unusedSince is a year before the time from which last use is looked back on:
// asOf, else the scan's end; zero where neither is known.
func unusedSince(asOf, finished time.Time) time.Time {
	t := asOf
	if t.IsZero() {
		t = finished
	}
	if t.IsZero() {
		return t
	}
	return t.UTC().AddDate(-1, 0, 0)
}

// LastUsedRead tells whether the times of last use were asked for.
func (d *Document) LastUsedRead() bool { return d.in.LastUsedRead }

// The words beside a time of last use, and instead of one.
const (
	UnusedWord  = "unused for a year"
	unknownWord = "not known"
)

// ages gives what stands beside the times of last use; nil where those were
// not asked for.
func (d *Document) ages() []Age {
	if !d.in.LastUsedRead {
		return nil
	}
	return []Age{{Key: "last_used_at", Before: d.unusedSince, Old: UnusedWord, Missing: unknownWord}}
}

// LastUseWords says in sentences when the passkeys that break were used last;
// nil where last use was not read, or nothing breaks. What Microsoft Graph
// gives no time for is not known: it is never called unused.
func (d *Document) LastUseWords() []string {
	t := d.Passkeys.BreaksUnused
	if !d.in.LastUsedRead || d.Passkeys.Breaks == 0 {
		return nil
	}
	if t.Of == 0 { // there is no time to look back from
		t.Unknown, t.Of = d.Passkeys.Breaks, d.Passkeys.Breaks
	}
	list := []string{usedWords(t, Plural(t.Of, "passkey that breaks", "passkeys that break"), "not used for a year or more", "used since", "was", "were")}
	if u := d.Users.LosingLastUnused; u.Of > 0 {
		list = append(list, usedWords(u, Plural(u.Of, "person who loses the last passkey", "people who lose their last passkey"),
			"used none of theirs for a year or more", "used one since", "has", "have"))
	}
	return list
}

// usedWords says how many of what a tally counts were not used, how many were,
// and of how many that is not known.
func usedWords(t Tally, of, unused, used, one, many string) string {
	if t.NothingKnown() {
		return fmt.Sprintf("When a passkey was used last is not known of the %s.", of)
	}
	s := fmt.Sprintf("Of %s, %s %s and %s %s", of, verb(t.Yes, one, many), unused, verb(t.Of-t.Yes-t.Unknown, one, many), used)
	if t.Unknown > 0 {
		s += fmt.Sprintf("; of %s that is not known", Number(t.Unknown))
	}
	return s + "."
}

// SummaryLastUse says when the passkeys that break were used last. The counts
// are null where last use was not read. A passkey without a time is among
// NotKnown, never among the unused.
type SummaryLastUse struct {
	Read        bool        `json:"read"`
	UnusedSince *time.Time  `json:"unused_since"`
	Breaks      *SummaryUse `json:"breaks"`
	LosingLast  *SummaryUse `json:"losing_last_passkey"`
}

// SummaryUse splits a number by last use; the three add up to it.
type SummaryUse struct {
	Unused   int `json:"unused_for_a_year"`
	Used     int `json:"used_within_a_year"`
	NotKnown int `json:"not_known"`
}

func summaryLastUse(d *Document) SummaryLastUse {
	s := SummaryLastUse{Read: d.in.LastUsedRead}
	if !s.Read {
		return s
	}
	s.UnusedSince = timePointer(d.unusedSince)
	s.Breaks, s.LosingLast = summaryUse(d.Passkeys.BreaksUnused, d.Passkeys.Breaks), summaryUse(d.Users.LosingLastUnused, d.Users.LosingLast)
	return s
}

// summaryUse splits n; where nothing was tallied, nothing of it is known.
func summaryUse(t Tally, n int) *SummaryUse {
	t = cmp.Or(t, Tally{Unknown: n, Of: n})
	return &SummaryUse{Unused: t.Yes, Used: t.Of - t.Yes - t.Unknown, NotKnown: t.Unknown}
}
