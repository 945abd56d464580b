package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSentences(t *testing.T) {
	many := make([]string, 23)
	for i := range many {
		many[i] = fmt.Sprintf("Sentence %02d.", i)
	}
	var shown []string
	for _, s := range many[:sentencesShown] {
		shown = append(shown, strings.TrimSuffix(s, ".")+" (in 1 of 3 tenants).")
	}
	tests := []struct {
		name    string
		tenants [][]string
		want    []string
	}{
		{"none", [][]string{nil, nil}, nil},
		{"one tenant alone", [][]string{{"b", "a."}}, []string{"a.", "b"}},
		{"all", [][]string{{"a"}, {"a"}}, []string{"a (in all 2 tenants)"}},
		{"the most frequent first", [][]string{{"a.", "b."}, {"b."}, {"c."}}, []string{"b (in 2 of 3 tenants).", "a (in 1 of 3 tenants).", "c (in 1 of 3 tenants)."}},
		{"twice in one tenant", [][]string{{"a", "b", "a"}, {"b"}}, []string{"b (in all 2 tenants)", "a (in 1 of 2 tenants)"}},
		{"too many", [][]string{many, nil, nil}, append(shown, "And 3 more: elsewhere.")},
		{"no room", [][]string{{strings.Repeat("x", sentencesRoom-1)}, {"yy"}, {"z"}, {"z"}},
			[]string{"z (in 2 of 4 tenants)", strings.Repeat("x", sentencesRoom-1) + " (in 1 of 4 tenants)", "And at least 1 more: elsewhere."}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newSentenceCount()
			for _, list := range test.tenants {
				c.add(list)
			}
			if diff := cmp.Diff(test.want, c.words(len(test.tenants), "elsewhere")); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
		})
	}
}
