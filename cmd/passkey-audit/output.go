package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/csv"
	"passkey-audit/report/html"
	reportjson "passkey-audit/report/json"
	"passkey-audit/report/text"
	"passkey-audit/report/xlsx"
)

// Names of files in a report folder, beside report's names of CSV files.
const (
	fileSnapshot  = "snapshot.db"
	fileWorkbook  = "report.xlsx"
	fileSummary   = "summary.json"
	filePasskeys  = "passkeys.jsonl"
	fileSuggested = "suggested-policy.json"
	filePage      = "report.html"
	fileAAGUIDs   = "AAGUIDs.txt"
	fileManifest  = "manifest.json"
	fileLock      = ".lock"
)

// Formats that --format takes.
const (
	formatXLSX = "xlsx"
	formatCSV  = "csv"
	formatJSON = "json"
	formatText = "txt"
	formatHTML = "html"
)

// outputOptions say what is written, and where.
type outputOptions struct {
	out       string
	formats   []string
	force     bool
	delimiter string
	raw       bool
	mask      bool
	failOn    []string
	summary   string
	// outreachFile is the file of a template, and outreach what it holds.
	outreachFile string
	outreach     *report.OutreachTemplate
	// possible are the formats that there are.
	possible []string
}

// AddFlags binds the flags.
func (o *outputOptions) AddFlags(cmd *cobra.Command) {
	o.addFlags(cmd, allFormats())
	cmd.Flags().StringVar(&o.summary, "summary", summaryText, "what to print at the end: text, or json, one line for schedulers")
	cmd.Flags().StringVar(&o.outreachFile, "outreach-template", "", "`FILE` with your words for outreach.csv (a template of Go's text/template; see the README)")
	cmd.Flags().StringArrayVar(&o.failOn, "fail-on", nil, "exit with status 3 if there is a finding of this `KIND`: breaking or undecided (repeatable)")
}

// addFlags binds the flags of what comes in these formats.
func (o *outputOptions) addFlags(cmd *cobra.Command, formats []string) {
	o.possible = formats
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "`DIR` for the reports; it may hold {tenant}, {time} and {date} (default passkey-audit_{tenant}_{time})")
	f.StringSliceVar(&o.formats, "format", formats, "formats to write")
	f.BoolVar(&o.force, "force", false, "overwrite report files that are in the way")
	f.StringVar(&o.delimiter, "csv-delimiter", ",", "the character between the fields of CSV files")
	f.BoolVar(&o.raw, "csv-raw", false, "CSV by RFC 4180, without byte order mark and without the ' that keeps Excel from taking text for a formula")
	f.BoolVar(&o.mask, "mask", false, "pseudonyms instead of names, user principal names and passkey names, the same in every report of one snapshot; snapshot.db keeps the names")
}

func allFormats() []string {
	return []string{formatXLSX, formatCSV, formatJSON, formatText, formatHTML}
}

func (o *outputOptions) check() error {
	if len(o.formats) == 0 {
		return usagef("--format: choose at least one of %s", strings.Join(o.possible, ", "))
	}
	for _, f := range o.formats {
		if err := oneOf("format", f, o.possible...); err != nil {
			return err
		}
	}
	if o.summary != "" { // not every command has it
		if err := oneOf("summary", o.summary, summaryText, summaryJSON); err != nil {
			return err
		}
	}
	if err := checkTemplate("out", o.out); err != nil {
		return err
	}
	for _, f := range o.failOn {
		if err := oneOf("fail-on", f, "breaking", "undecided"); err != nil {
			return err
		}
	}
	if o.delimiter == `\t` {
		o.delimiter = "\t"
	}
	r, n := utf8.DecodeRuneInString(o.delimiter)
	if n == 0 || n != len(o.delimiter) {
		return usagef("--csv-delimiter %s: %v", quote(o.delimiter), csv.ErrDelimiter)
	}
	if err := (csv.Options{Delimiter: r}).Check(); err != nil {
		return usagef("--csv-delimiter %s: %v", quote(o.delimiter), err)
	}
	return o.readOutreach()
}

// readOutreach reads the template for outreach.csv, if there is one.
func (o *outputOptions) readOutreach() error {
	if o.outreachFile == "" {
		return nil
	}
	text, err := readSmall(o.outreachFile)
	if err == nil {
		o.outreach, err = report.ParseOutreach(bytes.NewReader(text), filepath.Base(o.outreachFile))
	}
	if err != nil {
		return usagef("--outreach-template %s: %v", quote(o.outreachFile), bare(err))
	}
	return nil
}

func (o *outputOptions) csv() csv.Options {
	r, _ := utf8.DecodeRuneInString(o.delimiter)
	return csv.Options{Delimiter: r, Raw: o.raw}
}

func (o *outputOptions) wants(format string) bool { return slices.Contains(o.formats, format) }

// reportFiles lists every file that the report of one tenant may hold, in the
// order in which they are written; the manifest comes last, when all else is
// there.
func reportFiles() []string {
	return []string{
		fileWorkbook, report.FileBreaking, report.FilePasskeys, report.FileUsers, report.FileAAGUIDs, report.FileUnread,
		report.FileStrengths, report.FileOutreach, fileSummary, filePasskeys, fileSuggested, fileAAGUIDs, filePage, fileManifest,
	}
}

// fleetFiles lists those of a report of several tenants, in the same way. Each
// tenant has a suggestion of its own, which the command suggest gives.
func fleetFiles() []string {
	return append([]string{report.FileTenants}, slices.DeleteFunc(reportFiles(), func(f string) bool { return f == fileSuggested })...)
}

// anyFiles lists every file that a report of either kind may hold.
func anyFiles() []string { return append([]string{report.FileTenants}, reportFiles()...) }

// An outDir is a report folder that belongs to this process until release.
type outDir struct {
	path string
	lock *flock.Flock
}

// release gives the folder back.
func (d *outDir) release() {
	// The file goes first: whoever opens it after that makes a new one.
	_ = os.Remove(d.lock.Path())
	_ = d.lock.Unlock()
}

// inTheWay lists files of a report or a snapshot in a folder.
func inTheWay(dir string) []string {
	return filesIn(dir, append([]string{fileSnapshot}, anyFiles()...))
}

// checkOut looks, before the first request, whether the reports can be written.
// It leaves nothing behind.
func checkOut(o *outputOptions) error {
	dir := fixedPart(o.out)
	if dir == "" {
		dir = "."
	} else if found := inTheWay(dir); dir == o.out && len(found) > 0 && !o.force {
		return usagef("--out %s: %s is there already: choose another folder, or --force to overwrite", quote(dir), strings.Join(found, ", "))
	}
	// The nearest folder that exists has to take a new entry.
	for {
		info, err := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
			dir = filepath.Dir(dir)
			continue
		}
		if err == nil && !info.IsDir() {
			err = errors.New("it is no folder")
		}
		if err == nil {
			var probe string
			if probe, err = os.MkdirTemp(dir, ".passkey-audit-*"); err == nil {
				err = os.Remove(probe)
			}
		}
		if err != nil {
			return usagef("--out %s: cannot write to %s: %v", quote(o.out), quote(dir), bare(err))
		}
		return nil
	}
}

// bare strips the path from an error about a path.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// makeOut makes the report folder and locks it.
func makeOut(out string, tenant audit.Tenant, at time.Time, force bool) (*outDir, error) {
	out = outFolder(out, tenant, at)
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, usagef("--out %s: %v", quote(out), bare(err))
	}
	d, err := lockOut(out)
	if err != nil {
		return nil, err
	}
	if found := inTheWay(out); len(found) > 0 {
		if !force {
			d.release()
			return nil, usagef("--out %s: %s is there already: choose another folder, or --force to overwrite", quote(out), strings.Join(found, ", "))
		}
		// A new scan begins: nothing of an older one may stand beside it.
		for _, f := range append(found, fileSnapshot+"-wal", fileSnapshot+"-shm", fileSnapshot+"-journal") {
			if err := os.Remove(filepath.Join(out, f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				d.release()
				return nil, usagef("--out %s: %v", quote(out), bare(err))
			}
		}
	}
	return d, nil
}

// lockOut takes a folder for this process; the system frees it if we die.
func lockOut(dir string) (*outDir, error) {
	l := flock.New(filepath.Join(dir, fileLock), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, usagef("%s: cannot lock the folder: %v", quote(dir), bare(err))
	}
	if !ok {
		return nil, usagef("%s is in use by another passkey-audit: wait for its end, or choose another folder", quote(dir))
	}
	return &outDir{path: dir, lock: l}, nil
}

// outFolder gives the folder that --out names for a tenant and a time.
func outFolder(out string, tenant audit.Tenant, at time.Time) string {
	if out == "" {
		out = defaultOutTemplate
	}
	return expand(out, tenant, at)
}

// folderName makes a tenant's name fit for a file name.
func folderName(t audit.Tenant) string {
	s := t.Domain
	if s == "" {
		s = t.ID
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '-'
	}, s)
}

// An output writes the files of one report.
type output struct {
	dir string
	// mu guards files: several are written at a time.
	mu    sync.Mutex
	files []reportjson.File
}

// writeAll writes every file that was asked for, several at a time, and the
// manifest when all are there. Policies are the live one and the proposed one;
// none in a report of several tenants.
func (o *output) writeAll(ctx context.Context, d *report.Document, opts *outputOptions, policies ...audit.Policy) error {
	order := reportFiles()
	if d.Several() {
		order = fleetFiles()
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), writersMost))
	for _, name := range largestFirst(order) {
		format, write, err := o.writerOf(gctx, d, opts, name)
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		if opts.wants(format) {
			group.Go(func() error { return o.write(name, write) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	slices.SortFunc(o.files, func(a, b reportjson.File) int { return slices.Index(order, a.Name) - slices.Index(order, b.Name) })
	return o.manifest(reportjson.NewManifest(d), opts, policies...)
}

// writersMost bounds how many files are written at a time: each takes memory.
const writersMost = 4

// largestFirst gives the files but the manifest in the order in which they are
// begun: what takes longest first, so that nothing long is left to one alone at
// the end.
func largestFirst(files []string) []string {
	first := []string{fileWorkbook, filePasskeys}
	return append(first, slices.DeleteFunc(slices.Clone(files), func(name string) bool {
		return name == fileManifest || slices.Contains(first, name)
	})...)
}

// writerOf gives a file's format, and what writes it.
func (o *output) writerOf(ctx context.Context, d *report.Document, opts *outputOptions, name string) (format string, write func(io.Writer) error, err error) {
	switch name {
	case fileWorkbook:
		return formatXLSX, func(w io.Writer) error { return xlsx.Write(ctx, w, d, xlsx.Options{TempDir: o.dir}) }, nil
	case fileSummary:
		return formatJSON, func(w io.Writer) error { return reportjson.WriteSummary(w, d) }, nil
	case filePasskeys:
		return formatJSON, func(w io.Writer) error { return reportjson.WritePasskeys(ctx, w, d) }, nil
	case fileSuggested:
		return formatJSON, func(w io.Writer) error { _, err := w.Write(d.SuggestedBody()); return err }, nil
	case fileAAGUIDs:
		return formatText, func(w io.Writer) error { return text.WriteAAGUIDs(ctx, w, d) }, nil
	case filePage:
		return formatHTML, func(w io.Writer) error { return html.Write(ctx, w, d) }, nil
	}
	t, ok := d.Table(name)
	if !ok {
		return "", nil, fmt.Errorf("write %s: the report has no such table", name)
	}
	return formatCSV, func(w io.Writer) error { return csv.Write(ctx, w, t, opts.csv()) }, nil
}

// write writes a file under a temporary name and renames it when it is whole.
func (o *output) write(name string, fill func(io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", filepath.Join(o.dir, name), err)
		}
	}()
	f, err := os.CreateTemp(o.dir, "."+name+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	s := newSink(f)
	err = fill(s)
	if cerr := s.close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(o.dir, name))
	}
	if err == nil {
		o.mu.Lock()
		o.files = append(o.files, s.file(name))
		o.mu.Unlock()
	}
	return err
}

// A measure takes size and digest of what is written.
type measure struct {
	sum  hash.Hash
	size int64
}

// Write never fails.
func (m *measure) Write(b []byte) (int, error) {
	m.size += int64(len(b))
	return m.sum.Write(b)
}

func (m *measure) file(name string) reportjson.File {
	return reportjson.File{Name: name, Size: m.size, SHA256: hex.EncodeToString(m.sum.Sum(nil))}
}

// manifest writes manifest.json, about all other files of the report and the
// snapshot if it lies beside them. Policies are the live one, then the proposed
// one if there is one.
func (o *output) manifest(m reportjson.Manifest, opts *outputOptions, policies ...audit.Policy) error {
	for i, to := range []*string{&m.PolicySHA256, &m.ProposedSHA256}[:len(policies)] {
		var err error
		if *to, err = policyDigest(policies[i]); err != nil {
			return err
		}
	}
	m.CSV = reportjson.CSVForm{Form: "excel", Delimiter: opts.delimiter}
	if opts.raw {
		m.CSV.Form = "raw"
	}
	m.Files = slices.Clone(o.files)
	switch snap, err := digest(filepath.Join(o.dir, fileSnapshot)); {
	case err == nil:
		m.Files = append(m.Files, snap)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("digest snapshot: %w", err)
	}
	slices.SortFunc(m.Files, func(a, b reportjson.File) int { return strings.Compare(a.Name, b.Name) })
	return o.write(fileManifest, func(w io.Writer) error { return reportjson.WriteManifest(w, m) })
}

// policyDigest tells a policy from others. The fields are in the order of the
// type: the same policy gives the same digest.
func policyDigest(p audit.Policy) (string, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("digest policy: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// names lists what was written.
func (o *output) names() []string {
	var out []string
	for _, f := range o.files {
		out = append(out, f.Name)
	}
	return out
}
