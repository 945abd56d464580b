package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Limits of what is kept and shown of the sentences of many tenants.
const (
	sentencesShown = 20
	sentencesRoom  = 1 << 20 // bytes
)

// A sentenceCount counts in how many tenants each sentence holds, in bounded
// memory: tenants may have any number of different ones.
type sentenceCount struct {
	tenants map[string]int
	room    int
	// left tells that there was no room for some.
	left bool
}

func newSentenceCount() *sentenceCount {
	return &sentenceCount{tenants: map[string]int{}, room: sentencesRoom}
}

// add counts the sentences of one tenant, each once.
func (c *sentenceCount) add(list []string) {
	for i, s := range list {
		if slices.Contains(list[:i], s) {
			continue
		}
		if _, ok := c.tenants[s]; !ok {
			if len(s) > c.room {
				c.left = true
				continue
			}
			c.room -= len(s)
			s = strings.Clone(s)
		}
		c.tenants[s]++
	}
}

// words gives the sentences with the number of tenants in which they hold, of
// so many in all, the most frequent first. Those that would be too many are
// counted, and where tells where they are.
func (c *sentenceCount) words(of int, where string) []string {
	var all []string
	for s := range c.tenants {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(c.tenants[b], c.tenants[a]), cmp.Compare(a, b)) })
	var list []string
	for _, s := range all[:min(len(all), sentencesShown)] {
		list = append(list, inTenants(s, c.tenants[s], of))
	}
	more := len(all) - len(list)
	switch {
	case c.left:
		list = append(list, fmt.Sprintf("And at least %s more: %s.", Number(more+1), where))
	case more > 0:
		list = append(list, fmt.Sprintf("And %s more: %s.", Number(more), where))
	}
	return list
}

// inTenants adds to a sentence in how many tenants it holds. Where there is one
// tenant alone, there is nothing to add.
func inTenants(s string, n, of int) string {
	if of == 1 {
		return s
	}
	in := fmt.Sprintf("in %s of %s", Number(n), Plural(of, "tenant", "tenants"))
	if n == of {
		in = "in all " + Plural(of, "tenant", "tenants")
	}
	if text, ok := strings.CutSuffix(s, "."); ok {
		return text + " (" + in + ")."
	}
	return s + " (" + in + ")"
}
