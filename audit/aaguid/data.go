package aaguid

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"passkey-audit/audit"
)

// ErrEmpty says that a list of authenticators names none. An empty catalogue
// would make every authenticator unknown without a word, so it is refused.
var ErrEmpty = errors.New("the list names no authenticator")

// dataHeader starts the entries of catalogue.tsv.
const dataHeader = "aaguid\tname\tvendor\tsources"

// parse reads catalogue.tsv: the line "date", lines "source" with id and
// description, the most trustworthy first, the header, and then one line an
// AAGUID, in the order of the AAGUIDs, with the ids of its sources separated
// by commas. It is strict, for the file is made by a program.
func parse(data string) (*Catalogue, error) {
	var (
		date    string
		sources []Source
		rank    = map[string]int{}
		byID    = map[audit.AAGUID]audit.Authenticator{}
		last    string
		header  bool
		number  int
	)
	for line := range strings.Lines(data) {
		number++
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case header:
			a, err := parseEntry(fields, sources, rank)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			if fields[0] <= last {
				return nil, fmt.Errorf("line %d: %s is out of order or there twice", number, fields[0])
			}
			last = fields[0]
			byID[a.AAGUID] = a
		case fields[0] == "date" && len(fields) == 2:
			if _, err := time.Parse(time.DateOnly, fields[1]); err != nil {
				return nil, fmt.Errorf("line %d: date %q is not of the form yyyy-mm-dd", number, fields[1])
			}
			date = fields[1]
		case fields[0] == "source" && len(fields) == 3 && fields[1] != "":
			rank[fields[1]] = len(sources)
			sources = append(sources, Source{ID: fields[1], Description: fields[2]})
		case line == dataHeader+"\n":
			header = true
		default:
			return nil, fmt.Errorf("line %d: neither a date, a source nor the header", number)
		}
	}
	switch {
	case len(byID) == 0:
		return nil, ErrEmpty
	case date == "":
		return nil, errors.New("the list has no date")
	}
	return newCatalogue(date, sources, byID, nil), nil
}

// parseEntry reads one line of catalogue.tsv after the header.
func parseEntry(fields []string, sources []Source, rank map[string]int) (audit.Authenticator, error) {
	if len(fields) != 4 {
		return audit.Authenticator{}, fmt.Errorf("%d fields where 4 are expected", len(fields))
	}
	a, err := newEntry(fields[0], fields[1], fields[2])
	if err != nil {
		return audit.Authenticator{}, err
	}
	if a.AAGUID.String() != fields[0] || a.Name != fields[1] || a.Vendor != fields[2] {
		return audit.Authenticator{}, errors.New("the entry is not in its plain form")
	}
	best := len(sources)
	for id := range strings.SplitSeq(fields[3], ",") {
		r, ok := rank[id]
		if !ok {
			return audit.Authenticator{}, fmt.Errorf("source %q is not described", id)
		}
		best = min(best, r)
	}
	a.Source = sources[best].ID
	return a, nil
}

// newEntry checks an AAGUID, its name and its vendor, which may be empty, and
// takes surrounding white space away.
func newEntry(id, name, vendor string) (audit.Authenticator, error) {
	g, err := audit.ParseAAGUID(id)
	if err != nil {
		return audit.Authenticator{}, fmt.Errorf("%q is %w", bounded(id), err)
	}
	if name, err = cleanText("name", name); err != nil {
		return audit.Authenticator{}, fmt.Errorf("%s: %w", g, err)
	}
	if name == "" {
		return audit.Authenticator{}, fmt.Errorf("%s: the name is empty", g)
	}
	if vendor, err = cleanText("vendor", vendor); err != nil {
		return audit.Authenticator{}, fmt.Errorf("%s: %w", g, err)
	}
	return audit.Authenticator{AAGUID: g, Name: name, Vendor: vendor}, nil
}

// cleanText trims s and refuses what is no visible text: control characters,
// and formatting characters that turn the direction of the text around them.
// Names go to terminals and into reports.
func cleanText(what, s string) (string, error) {
	s = strings.TrimSpace(s)
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("the %s is not UTF-8", what)
	}
	for _, r := range s {
		if !unicode.IsGraphic(r) {
			return "", fmt.Errorf("the %s holds the unprintable character %U", what, r)
		}
	}
	return s, nil
}

// bounded cuts foreign text to a length that fits into a message.
func bounded(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
