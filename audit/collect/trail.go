package collect

// maxEmptyPages is how many pages in a row may hold nobody and yet lead on. A
// group's pages hold users alone, so that a group with many devices has some.
const maxEmptyPages = 1000

// A trail watches over the pages of a listing, which must not lead back, nor on
// and on. A page that was read is known by its link, or by whom it begins with:
// links can differ and yet lead to the same page.
type trail struct {
	links, firsts map[string]bool
	empty         int
}

// newTrail begins where a listing begins or goes on.
func newTrail(link string) *trail {
	return &trail{links: map[string]bool{link: true}, firsts: map[string]bool{}}
}

// follow takes the link of a page, empty at the listing's end, and the id of the
// first on the page, empty if there is nobody on it. The error is errLinkRepeats
// or errNoEnd.
func (t *trail) follow(next, first string) error {
	if next != "" && t.links[next] || first != "" && t.firsts[first] {
		return errLinkRepeats
	}
	t.links[next] = true
	if first != "" {
		t.firsts[first] = true
		t.empty = 0
		return nil
	}
	t.empty++
	if next != "" && t.empty >= maxEmptyPages {
		return errNoEnd
	}
	return nil
}

// first gives the id of the first thing of a page; empty if there is none.
func first[T any](page []T, id func(*T) string) string {
	if len(page) == 0 {
		return ""
	}
	return id(&page[0])
}
