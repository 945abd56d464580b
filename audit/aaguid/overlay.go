package aaguid

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"passkey-audit/audit"
)

// maxOverlay bounds the size of a list of own names: 100,000 names fit.
const maxOverlay = 16 << 20

// utf8BOM is what Excel and Windows PowerShell put before UTF-8 text.
var utf8BOM = []byte("\ufeff")

// Overlay gives a new catalogue in which own names stand over those of c: they
// replace the name of an AAGUID that is known and add those that are not. The
// vendor that c knows stays where the list gives none. The source becomes
// Authenticator.Source of each; give a short word or a file's name.
//
// The list is UTF-8 text of up to 16 MiB, with or without a byte order mark,
// in one of these forms:
//
//   - a JSON object: {"AAGUID": "name", ...}; in place of the name there may
//     be an object with name and vendor, its other fields are not looked at;
//   - a JSON array of objects with aaguid, name and, if wanted, vendor;
//   - CSV with a header that has the columns aaguid, name and, if wanted,
//     vendor, in any order, among others; separated by commas, semicolons or
//     tabs.
//
// An error names the line. Refused are what is no AAGUID, an empty name, a
// name with control characters, an AAGUID that is there twice, and a list that
// names nothing (ErrEmpty): half a list is never taken.
func (c *Catalogue) Overlay(r io.Reader, source string) (*Catalogue, error) {
	source, err := cleanText("source", source)
	if err != nil {
		return nil, err
	}
	if source == "" {
		return nil, errors.New("the list of own names has no source")
	}
	data, err := io.ReadAll(io.LimitReader(r, maxOverlay+1))
	if err != nil {
		return nil, fmt.Errorf("read authenticator names: %w", err)
	}
	if len(data) > maxOverlay {
		return nil, fmt.Errorf("read authenticator names: the list is larger than %d MiB", maxOverlay>>20)
	}
	own, err := readOwn(bytes.TrimPrefix(data, utf8BOM))
	if err != nil {
		return nil, fmt.Errorf("read authenticator names: %w", err)
	}
	byID := maps.Clone(c.byID)
	for _, a := range own {
		if a.Vendor == "" {
			a.Vendor = byID[a.AAGUID].Vendor
		}
		a.Source = source
		status, _ := c.Status(a.AAGUID)
		a.Certification, a.Problem = status.Certification, status.Problem
		byID[a.AAGUID] = a
	}
	sources := slices.Clone(c.sources)
	if !slices.ContainsFunc(sources, func(s Source) bool { return s.ID == source }) {
		sources = append(sources, Source{ID: source, Description: "own names, laid over the catalogue"})
	}
	return newCatalogue(c.date, sources, byID, c.mds), nil
}

// ownNames gathers the entries of a list and refuses an AAGUID that comes
// twice: which of the two names holds would be a guess.
type ownNames struct {
	entries []audit.Authenticator
	lines   map[audit.AAGUID]int
}

func (o *ownNames) add(line int, id, name, vendor string) error {
	a, err := newEntry(id, name, vendor)
	if err != nil {
		return fmt.Errorf("line %d: %w", line, err)
	}
	if first, ok := o.lines[a.AAGUID]; ok {
		return fmt.Errorf("line %d: %s is there twice, first in line %d", line, a.AAGUID, first)
	}
	o.lines[a.AAGUID] = line
	o.entries = append(o.entries, a)
	return nil
}

// readOwn reads a list in any of the forms of Overlay.
func readOwn(data []byte) ([]audit.Authenticator, error) {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return nil, fmt.Errorf("line %d: the list is not UTF-8 text", lineAt(data, i))
		}
		i += size
	}
	own := &ownNames{lines: map[audit.AAGUID]int{}}
	var err error
	switch text := bytes.TrimSpace(data); {
	case len(text) == 0:
		return nil, ErrEmpty
	case text[0] == '{' || text[0] == '[':
		err = own.readJSON(data)
	default:
		err = own.readCSV(data)
	}
	if err == nil && len(own.entries) == 0 {
		err = ErrEmpty
	}
	return own.entries, err
}

// ownEntry is a name in JSON.
type ownEntry struct {
	AAGUID string `json:"aaguid"`
	Name   string `json:"name"`
	Vendor string `json:"vendor"`
}

// readJSON walks the tokens instead of decoding the whole, for two reasons: a
// key that comes twice is seen, and each error has its line.
func (o *ownNames) readJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	line := func() int { return lineAt(data, int(d.InputOffset())) }
	fail := func(err error) error {
		at := int(d.InputOffset())
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = int(syntax.Offset)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			at, err = len(data), errors.New("the JSON ends too early")
		}
		return fmt.Errorf("line %d: %w", lineAt(data, at), err)
	}
	open, err := d.Token()
	if err != nil {
		return fail(err)
	}
	for d.More() {
		var e ownEntry
		if open == json.Delim('{') {
			key, err := d.Token()
			if err != nil {
				return fail(err)
			}
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				return fail(err)
			}
			if value[0] == '"' {
				err = json.Unmarshal(value, &e.Name)
			} else {
				err = json.Unmarshal(value, &e)
			}
			if err != nil {
				return fmt.Errorf("line %d: %w", line(), jsonKind(err))
			}
			e.AAGUID, _ = key.(string)
		} else if err := d.Decode(&e); err != nil {
			return fail(jsonKind(err))
		}
		if err := o.add(line(), e.AAGUID, e.Name, e.Vendor); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fail(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: there is more text after the JSON", line())
	}
	return nil
}

// jsonKind puts a mismatch of types into words that do not speak of Go.
func jsonKind(err error) error {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("a JSON %s stands where a name, or an object with aaguid, name and vendor, is expected", kind.Value)
	}
	return err
}

// readCSV reads the separator off the header line.
func (o *ownNames) readCSV(data []byte) error {
	r := csv.NewReader(bytes.NewReader(data))
	r.TrimLeadingSpace = true
	head, _, _ := bytes.Cut(bytes.TrimSpace(data), []byte("\n"))
	for _, separator := range ";\t" {
		if !bytes.ContainsRune(head, ',') && bytes.ContainsRune(head, separator) {
			r.Comma = separator
			r.TrimLeadingSpace = separator != '\t'
		}
	}
	header, err := r.Read()
	if err != nil {
		return csvError(err)
	}
	column := map[string]int{}
	for i, h := range header {
		h = strings.ToLower(strings.TrimSpace(h))
		if _, ok := column[h]; !ok {
			column[h] = i
		}
	}
	idAt, hasID := column["aaguid"]
	nameAt, hasName := column["name"]
	vendorAt, hasVendor := column["vendor"]
	if !hasID || !hasName {
		line, _ := r.FieldPos(0)
		return fmt.Errorf("line %d: the list is neither JSON nor CSV whose header has the columns aaguid and name", line)
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return csvError(err)
		}
		vendor := ""
		if hasVendor {
			vendor = record[vendorAt]
		}
		line, _ := r.FieldPos(idAt)
		if err := o.add(line, record[idAt], record[nameAt], vendor); err != nil {
			return err
		}
	}
}

// csvError says a CSV error in the form of the others: line, then what is
// wrong.
func csvError(err error) error {
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("line %d: %w", p.Line, p.Err)
	}
	return err
}

// lineAt gives the line of a byte offset, counted from 1.
func lineAt(data []byte, offset int) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), len(data))], []byte("\n"))
}
