// Package xlsx writes a report as an Excel workbook.
//
// excelize makes everything but the rows of the table sheets; those are
// streamed straight into the archive (see archive.go), which takes a third of
// the time and no temporary disk. Memory does not grow with the rows.
//
// The package lays out what it finds in the report's model. It knows no
// verdict, no tenant and no file name; it must not put a tenant's text where a
// spreadsheet evaluates it.
package xlsx

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"passkey-audit/report"
)

// maxRows is how many rows a sheet has, its header included.
const maxRows = 1 << 20

// Options say where the workbook may put temporary files.
type Options struct {
	// TempDir is the parent of a private folder; empty for the system's.
	TempDir string
}

// content is what any workbook is made of, beside its first sheet.
type content interface {
	Title() string
	Tool() report.Tool
	TenantWords() string
	MadeWords() string
	Tone() report.Tone
	Verdict() string
	Completeness() string
	Complete() bool
	// Finished is the time that the file bears, so that it is always the same.
	Finished() time.Time
	// Tables gives those that are sheets, in order; others have no title.
	Tables() []report.Table
}

var (
	_ content = (*report.Document)(nil)
	_ content = (*report.Changes)(nil)
)

// Write writes the workbook of a report. Any error is fatal for it: what was
// written until then is no workbook.
func Write(ctx context.Context, w io.Writer, d *report.Document, o Options) error {
	return writeBook(ctx, w, d, func(b *book) error { return b.summary(d) }, o)
}

// WriteChanges writes the workbook of a comparison; see Write.
func WriteChanges(ctx context.Context, w io.Writer, c *report.Changes, o Options) error {
	return writeBook(ctx, w, c, func(b *book) error { return b.changes(c) }, o)
}

func writeBook(ctx context.Context, w io.Writer, c content, first func(*book) error, o Options) (err error) {
	// excelize keeps sheets over 16 MiB in files, which would hold names: they
	// go to a folder that nobody else can read.
	dir, err := os.MkdirTemp(o.TempDir, "passkey-audit-*")
	if err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	b := newBook(c, first, excelize.Options{TmpDir: dir})
	err = b.write(ctx, w)
	if e := b.f.Close(); err == nil {
		err = e
	}
	if e := os.RemoveAll(dir); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}

// A book is a workbook under construction.
type book struct {
	c content
	// first fills the first sheet when the others are there.
	first  func(*book) error
	f      *excelize.File
	styles styles
	// rows says which parts of the archive take rows, by the part's name.
	rows  map[string]sheetRows
	limit int
	// linkLimit is how many rows of a sheet lead to their person's page.
	linkLimit int
}

func newBook(c content, first func(*book) error, o ...excelize.Options) *book {
	return &book{c: c, first: first, f: excelize.NewFile(o...), rows: map[string]sheetRows{}, limit: maxRows, linkLimit: linkLimit}
}

// summaryTitle is the name of the first sheet.
const summaryTitle = "Summary"

func (b *book) write(ctx context.Context, w io.Writer) error {
	var err error
	if b.styles, err = newStyles(b.f); err != nil {
		return err
	}
	if err := b.properties(); err != nil {
		return err
	}
	if err := b.f.SetSheetName("Sheet1", summaryTitle); err != nil {
		return err
	}
	for _, t := range b.c.Tables() {
		if t.Title == "" {
			continue
		}
		if err := b.table(t); err != nil {
			return fmt.Errorf("sheet %s: %w", t.Title, err)
		}
	}
	if err := b.first(b); err != nil {
		return fmt.Errorf("sheet %s: %w", summaryTitle, err)
	}
	b.f.SetActiveSheet(0)
	z := newArchive(w, b.rows, func(w *bufio.Writer, r sheetRows) ([]byte, error) { return writeRows(ctx, w, r) })
	b.f.SetZipWriter(func(io.Writer) excelize.ZipWriter { return z })
	return b.f.Write(io.Discard)
}

// properties sets what Explorer and Excel show of the file. The times are the
// scan's, so that the same snapshot gives the same workbook.
func (b *book) properties() error {
	tool := b.c.Tool()
	made := b.c.Finished()
	if made.IsZero() {
		made = time.Unix(0, 0)
	}
	stamp := made.UTC().Format(time.RFC3339)
	status := "Complete"
	if !b.c.Complete() {
		status = "Incomplete"
	}
	if err := b.f.SetDocProps(&excelize.DocProperties{
		Title:         b.c.Title(),
		Subject:       clean(b.c.TenantWords()),
		Creator:       tool.Name,
		Description:   clean(b.c.Verdict() + " " + b.c.Completeness()),
		Keywords:      "passkeys, FIDO2, AAGUID, key restrictions",
		Category:      "Report",
		ContentStatus: status,
		Created:       stamp,
		Modified:      stamp,
	}); err != nil {
		return err
	}
	return b.f.SetAppProps(&excelize.AppProperties{Application: clean(strings.TrimSpace(tool.Name + " " + tool.Version))})
}
