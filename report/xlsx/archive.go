package xlsx

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"regexp"
	"slices"

	"github.com/klauspost/compress/flate"

	"passkey-audit/report"
)

// sheetRows are the rows that a sheet takes: count of them from the table,
// after skip others.
type sheetRows struct {
	table       report.Table
	skip, count int
	styles      []cellStyle // by column
}

// An archive is the zip file that excelize writes its parts to. Where a part is
// a table sheet, which excelize ends with the header row, the archive puts the
// table's rows before the end of the sheet's data.
//
// It stands in for excelize's own StreamWriter rows, which cost an interface
// for each cell and a copy of the sheet on disk.
type archive struct {
	zip  *zip.Writer
	rows map[string]sheetRows
	fill func(*bufio.Writer, sheetRows) error
	open *injector
}

func newArchive(w io.Writer, rows map[string]sheetRows, fill func(*bufio.Writer, sheetRows) error) *archive {
	z := zip.NewWriter(w)
	// Level 1 takes half the time of level 6, for a file a quarter larger.
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed)
	})
	return &archive{zip: z, rows: rows, fill: fill}
}

// errUnfinished says that a sheet ended without its rows.
var errUnfinished = errors.New("sheet without the end of its data")

// Create starts a part.
func (a *archive) Create(name string) (io.Writer, error) {
	if err := a.end(); err != nil {
		return nil, err
	}
	w, err := a.zip.Create(name)
	if err != nil {
		return nil, err
	}
	if name == contentTypes {
		return sorter{w}, nil
	}
	rows, ok := a.rows[name]
	if !ok {
		return w, nil
	}
	delete(a.rows, name)
	a.open = &injector{w: w, fill: func(b *bufio.Writer) error { return a.fill(b, rows) }}
	return a.open, nil
}

// end checks the part before.
func (a *archive) end() error {
	if a.open != nil && !a.open.done {
		return errUnfinished
	}
	a.open = nil
	return nil
}

// AddFS is never called by excelize's writing.
func (a *archive) AddFS(fsys fs.FS) error { return a.zip.AddFS(fsys) }

// Close ends the file; every sheet must have been written.
func (a *archive) Close() error {
	if err := a.end(); err != nil {
		return err
	}
	if len(a.rows) > 0 {
		return errUnfinished
	}
	return a.zip.Close()
}

// contentTypes is the part that lists the others, in an order that excelize
// leaves to chance.
const contentTypes = "[Content_Types].xml"

var contentType = regexp.MustCompile(`<(Default|Override) [^>]*></(Default|Override)>`)

// A sorter puts the entries of the content types in order, so that the same
// report gives the same part. excelize writes the part at once.
type sorter struct{ w io.Writer }

func (s sorter) Write(p []byte) (int, error) {
	entries := contentType.FindAll(p, -1)
	slices.SortFunc(entries, bytes.Compare)
	sorted := contentType.ReplaceAllFunc(p, func([]byte) []byte {
		next := entries[0]
		entries = entries[1:]
		return next
	})
	if _, err := s.w.Write(sorted); err != nil {
		return 0, err
	}
	return len(p), nil
}

// endOfData is what excelize's StreamWriter writes after the rows.
var endOfData = []byte("</sheetData>")

// An injector passes a sheet's XML on and puts rows before the end of its
// data. What comes before that is the header row alone, so it may be held.
type injector struct {
	w    io.Writer
	fill func(*bufio.Writer) error
	head []byte
	done bool
}

func (i *injector) Write(p []byte) (int, error) {
	if i.done {
		return i.w.Write(p)
	}
	i.head = append(i.head, p...)
	at := bytes.Index(i.head, endOfData)
	if at < 0 {
		return len(p), nil
	}
	i.done = true
	b := bufio.NewWriterSize(i.w, 256<<10)
	if _, err := b.Write(i.head[:at]); err != nil {
		return 0, err
	}
	if err := i.fill(b); err != nil {
		return 0, err
	}
	if _, err := b.Write(i.head[at:]); err != nil {
		return 0, err
	}
	i.head = nil
	return len(p), b.Flush()
}
