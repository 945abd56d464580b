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

// Write writes the workbook. Any error is fatal for it: what was written until
// then is no workbook.
func Write(ctx context.Context, w io.Writer, d *report.Document, o Options) (err error) {
	// excelize keeps sheets over 16 MiB in files, which would hold names: they
	// go to a folder that nobody else can read.
	dir, err := os.MkdirTemp(o.TempDir, "passkey-audit-*")
	if err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	b := &book{
		d: d, f: excelize.NewFile(excelize.Options{TmpDir: dir}),
		rows: map[string]sheetRows{}, limit: maxRows,
	}
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
	d      *report.Document
	f      *excelize.File
	styles styles
	// rows says which parts of the archive take rows, by the part's name.
	rows  map[string]sheetRows
	limit int
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
	for _, t := range b.d.Tables() {
		if t.Title == "" {
			continue
		}
		if err := b.table(t); err != nil {
			return fmt.Errorf("sheet %s: %w", t.Title, err)
		}
	}
	if err := b.summary(); err != nil {
		return fmt.Errorf("sheet %s: %w", summaryTitle, err)
	}
	b.f.SetActiveSheet(0)
	z := newArchive(w, b.rows, func(w *bufio.Writer, r sheetRows) error { return writeRows(ctx, w, r) })
	b.f.SetZipWriter(func(io.Writer) excelize.ZipWriter { return z })
	return b.f.Write(io.Discard)
}

// properties sets what Explorer and Excel show of the file. The times are the
// scan's, so that the same snapshot gives the same workbook.
func (b *book) properties() error {
	tool := b.d.Tool()
	made := b.d.Finished()
	if made.IsZero() {
		made = time.Unix(0, 0)
	}
	stamp := made.UTC().Format(time.RFC3339)
	status := "Complete"
	if !b.d.Complete() {
		status = "Incomplete"
	}
	if err := b.f.SetDocProps(&excelize.DocProperties{
		Title:         "Passkeys under a proposed policy",
		Subject:       clean(b.d.TenantWords()),
		Creator:       tool.Name,
		Description:   clean(b.d.Verdict() + " " + b.d.Completeness()),
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
