package collect

// maxEmptyPages is how many pages in a row may hold nobody and yet lead on. A
// group's pages hold users alone, so that a group with many devices has some.
const maxEmptyPages = 1000

// A trail watches over the links of a listing, which must not lead back, nor on
// and on.
type trail struct {
	seen  map[string]bool
	empty int
}

// newTrail begins where a listing begins or goes on.
func newTrail(link string) *trail { return &trail{seen: map[string]bool{link: true}} }

// follow takes the link of a page of n things; an empty link ends the listing.
// The error is errLinkRepeats or errNoEnd.
func (t *trail) follow(next string, n int) error {
	if next == "" {
		return nil
	}
	if t.seen[next] {
		return errLinkRepeats
	}
	t.seen[next] = true
	t.empty++
	if n > 0 {
		t.empty = 0
	}
	if t.empty >= maxEmptyPages {
		return errNoEnd
	}
	return nil
}
