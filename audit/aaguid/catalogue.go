package aaguid

import (
	_ "embed" // catalogue.tsv
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"passkey-audit/audit"
)

//go:embed catalogue.tsv
var embedded string

// A Catalogue says which AAGUID is which authenticator. It never changes once
// made, so any number of goroutines may use it at the same time.
type Catalogue struct {
	date    string
	sources []Source
	byID    map[audit.AAGUID]audit.Authenticator
	mds     *MDS // nil without WithMDS
	// sorted holds the same entries by name, then AAGUID.
	sorted []indexed
}

// A Source is a list that names were gathered from.
type Source struct {
	// ID is the word that stands in audit.Authenticator.Source.
	ID string
	// Description says what the list is, and of which date.
	Description string
}

// indexed is an entry with what Search compares.
type indexed struct {
	audit.Authenticator
	text   string // the AAGUID's text
	name   string // in lower case
	vendor string // in lower case
}

// parsedEmbedded reads the embedded catalogue once. That it can be read is a
// matter of the build, held by a test: anything else cannot happen at run time.
var parsedEmbedded = sync.OnceValue(func() *Catalogue {
	c, err := parse(embedded)
	if err != nil {
		panic(fmt.Sprintf("embedded authenticator catalogue: %v", err))
	}
	return c
})

// Default gives the catalogue that is embedded in the binary. It is read at
// the first call; every call gives the same one.
func Default() *Catalogue { return parsedEmbedded() }

// Lookup gives what is known of an AAGUID. Where no list names it, it gives an
// Authenticator that has no name, and false; that one holds the AAGUID alone,
// and what metadata says of it, which may know a status without a name.
//
// Source is the most trustworthy of the lists that hold the AAGUID, in the
// order of Sources, the name given to Overlay, or fido-mds for a name that came
// with WithMDS.
func (c *Catalogue) Lookup(id audit.AAGUID) (audit.Authenticator, bool) {
	a, ok := c.byID[id]
	if !ok {
		status, _ := c.Status(id)
		return audit.Authenticator{AAGUID: id, Certification: status.Certification, Problem: status.Problem}, false
	}
	return a, true
}

// Date is the day on which the embedded names were gathered, as yyyy-mm-dd.
// Own names laid over the catalogue do not change it.
func (c *Catalogue) Date() string { return c.date }

// Len counts the AAGUIDs that the catalogue knows.
func (c *Catalogue) Len() int { return len(c.byID) }

// Sources gives the lists that the names come from, the most trustworthy
// first, and then own names and metadata in the order in which they were given.
// The slice is the caller's.
func (c *Catalogue) Sources() []Source { return slices.Clone(c.sources) }

// newCatalogue builds the sorted index over the entries, which it keeps.
func newCatalogue(date string, sources []Source, byID map[audit.AAGUID]audit.Authenticator, m *MDS) *Catalogue {
	c := &Catalogue{date: date, sources: sources, byID: byID, mds: m, sorted: make([]indexed, 0, len(byID))}
	for a := range maps.Values(byID) {
		c.sorted = append(c.sorted, indexed{
			Authenticator: a,
			text:          a.AAGUID.String(),
			name:          strings.ToLower(a.Name),
			vendor:        strings.ToLower(a.Vendor),
		})
	}
	slices.SortFunc(c.sorted, func(a, b indexed) int {
		if d := strings.Compare(a.name, b.name); d != 0 {
			return d
		}
		return strings.Compare(a.text, b.text)
	})
	return c
}
