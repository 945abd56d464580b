package xlsx

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/klauspost/compress/flate"

	"passkey-audit/report"
)

// sheetRows are the rows that a sheet takes: count of them from the table,
// after skip others.
type sheetRows struct {
	table       report.Table
	skip, count int
	styles      []cellStyle // by column
	// links is how many of them lead to their person's page at most.
	links int
}

// An archive is the zip file that excelize writes its parts to. It keeps them
// until Close, which puts them in a fixed order, since excelize leaves that to
// chance, and puts the rows into the table sheets, which excelize ends with
// the header row. Without the rows all parts together are small.
//
// It stands in for excelize's own StreamWriter rows, which cost an interface
// for each cell and a copy of the sheet on disk.
type archive struct {
	zip   *zip.Writer
	parts map[string]*bytes.Buffer
	rows  map[string]sheetRows
	// fill writes the rows of a sheet and gives the links of its cells, as XML;
	// nil where there are none.
	fill func(*bufio.Writer, sheetRows) ([]byte, error)
}

func newArchive(w io.Writer, rows map[string]sheetRows, fill func(*bufio.Writer, sheetRows) ([]byte, error)) *archive {
	z := zip.NewWriter(w)
	// Level 1 takes half the time of level 6, for a file a quarter larger.
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed)
	})
	return &archive{zip: z, parts: map[string]*bytes.Buffer{}, rows: rows, fill: fill}
}

// errUnfinished says that a sheet ended without its rows.
var errUnfinished = errors.New("sheet without the end of its data")

// Create starts a part.
func (a *archive) Create(name string) (io.Writer, error) {
	if a.parts[name] != nil {
		return nil, fmt.Errorf("part %s is there twice", name)
	}
	a.parts[name] = &bytes.Buffer{}
	return a.parts[name], nil
}

// AddFS is never called by excelize's writing.
func (a *archive) AddFS(fsys fs.FS) error { return a.zip.AddFS(fsys) }

// Names of parts, and what is searched for in them.
const (
	contentTypes = "[Content_Types].xml"
	sheetPrefix  = "xl/worksheets/sheet"
	relsPrefix   = "xl/worksheets/_rels/sheet"
	endOfData    = "</sheetData>"
	endOfRels    = "</Relationships>"
	// margins follow the links of a sheet, in the order of the schema (ECMA-376,
	// CT_Worksheet); every sheet has them.
	margins = "<pageMargins"
)

// Close writes the file; every sheet must be there.
func (a *archive) Close() error {
	names := make([]string, 0, len(a.parts))
	for name := range a.parts {
		names = append(names, name)
	}
	// A sheet comes before its relations, since the rows tell what these are.
	rank := func(name string) int {
		switch {
		case name == contentTypes:
			return 0
		case strings.HasPrefix(name, relsPrefix):
			return 2
		}
		return 1
	}
	slices.SortFunc(names, func(x, y string) int { return cmp.Or(rank(x)-rank(y), cmp.Compare(x, y)) })
	for _, name := range names {
		w, err := a.zip.Create(name)
		if err != nil {
			return err
		}
		if err := a.part(w, name, a.parts[name].Bytes()); err != nil {
			return err
		}
	}
	if len(a.rows) > 0 {
		return errUnfinished
	}
	return a.zip.Close()
}

// part writes one part.
func (a *archive) part(w io.Writer, name string, xml []byte) error {
	if name == contentTypes {
		xml = sortTypes(xml)
	}
	rows, ok := a.rows[name]
	if !ok {
		_, err := w.Write(xml)
		return err
	}
	head, tail, found := bytes.Cut(xml, []byte(endOfData))
	if !found {
		return errUnfinished
	}
	b := bufio.NewWriterSize(w, 256<<10)
	// A bufio.Writer keeps its first error; Flush tells it.
	_, _ = b.Write(head)
	links, err := a.fill(b, rows)
	if err != nil {
		return err
	}
	_, _ = b.WriteString(endOfData)
	if len(links) > 0 {
		at := bytes.Index(tail, []byte(margins))
		if at < 0 {
			return fmt.Errorf("part %s: no place for links", name)
		}
		if err := a.relate(name, rows.table.Portal); err != nil {
			return err
		}
		_, _ = b.Write(tail[:at])
		_, _ = b.WriteString("<hyperlinks>")
		_, _ = b.Write(links)
		_, _ = b.WriteString("</hyperlinks>")
		tail = tail[at:]
	}
	_, _ = b.Write(tail)
	delete(a.rows, name)
	return b.Flush()
}

// portalRelation is the id of the relation of a sheet to the admin centre.
const portalRelation = "rIdPortal"

// relate adds the admin centre to a sheet's relations. All links of a sheet
// share it: they differ in what follows the # of their address, which is an
// attribute of the link (ECMA-376, CT_Hyperlink, location).
func (a *archive) relate(sheet string, portal report.Portal) error {
	name := relsPrefix + strings.TrimPrefix(sheet, sheetPrefix) + ".rels"
	b := a.parts[name]
	if b == nil || !bytes.HasSuffix(bytes.TrimSpace(b.Bytes()), []byte(endOfRels)) {
		return fmt.Errorf("part %s: no relations", sheet)
	}
	target, _, _ := strings.Cut(portal.UserPrefix(), "#")
	b.Truncate(bytes.LastIndex(b.Bytes(), []byte(endOfRels)))
	b.WriteString(`<Relationship Id="` + portalRelation +
		`" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink" Target="`)
	b.Write(appendText(nil, target))
	b.WriteString(`" TargetMode="External"/>` + endOfRels)
	return nil
}

var contentType = regexp.MustCompile(`<(Default|Override) [^>]*></(Default|Override)>`)

// sortTypes puts the entries of the content types in order, which excelize
// leaves to chance, so that the same report gives the same part.
func sortTypes(xml []byte) []byte {
	entries := contentType.FindAll(xml, -1)
	slices.SortFunc(entries, bytes.Compare)
	return contentType.ReplaceAllFunc(xml, func([]byte) []byte {
		next := entries[0]
		entries = entries[1:]
		return next
	})
}
