package collect

import (
	"errors"
	"fmt"
	"testing"
)

// TestTrail follows listings page by page until one gives an error.
func TestTrail(t *testing.T) {
	type page struct{ next, first string }
	var long, empty []page
	for i := range 3000 {
		long = append(long, page{fmt.Sprint("p", i), fmt.Sprint("u", i)})
		empty = append(empty, page{fmt.Sprint("p", i), ""})
	}
	var sparse []page
	for i := range 3000 {
		p := page{fmt.Sprint("p", i), ""}
		if i%900 == 0 {
			p.first = fmt.Sprint("u", i)
		}
		sparse = append(sparse, p)
	}
	for _, tt := range []struct {
		name  string
		pages []page
		at    int // the page with the error; the number of pages if there is none
		want  error
	}{
		{"one page", []page{{"", "u1"}}, 1, nil},
		{"nobody", []page{{"", ""}}, 1, nil},
		{"many pages", append(long[:len(long):len(long)], page{"", "last"}), 3001, nil},
		{"the same link", []page{{"p1", "u1"}, {"p1", "u2"}}, 1, errLinkRepeats},
		{"a circle", []page{{"p1", "u1"}, {"p2", "u2"}, {"p1", "u3"}}, 2, errLinkRepeats},
		{"back to where it went on", []page{{"p1", "u1"}, {"begin", "u2"}}, 1, errLinkRepeats},
		{"new links to the same page", []page{{"p1", "u1"}, {"p2", "u2"}, {"p3", "u2"}}, 2, errLinkRepeats},
		{"the last page again", []page{{"p1", "u1"}, {"", "u1"}}, 1, errLinkRepeats},
		{"empty for ever", empty, maxEmptyPages - 1, errNoEnd},
		{"empty at times", sparse, 3000, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trail := newTrail("begin")
			var err error
			n := 0
			for ; n < len(tt.pages); n++ {
				if err = trail.follow(tt.pages[n].next, tt.pages[n].first); err != nil {
					break
				}
			}
			if n != tt.at || !errors.Is(err, tt.want) {
				t.Errorf("page %d: %v, want page %d: %v", n, err, tt.at, tt.want)
			}
		})
	}
}
