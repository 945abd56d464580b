package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"passkey-audit/audit"
	"passkey-audit/audit/graph"
	"passkey-audit/report"
	reportjson "passkey-audit/report/json"
	"passkey-audit/report/upload"
)

// finishOptions say what becomes of a finished report folder.
type finishOptions struct {
	upload string
	keep   int
}

// AddFlags binds the flags.
func (o *finishOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.upload, "upload", "", "upload the finished folder below this `URL`: https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX or s3://BUCKET/PREFIX?endpoint=URL&region=NAME; it may hold {tenant}, {time} and {date}")
	f.IntVar(&o.keep, "keep", 0, "when all is done, remove complete older reports of this tenant beside the new one, all but the newest `N`; 0 removes none")
}

// A depot is where finished folders are uploaded to.
type depot struct {
	w   world
	u   *ui
	url string // with placeholders
	// replace allows another folder of the same name to be replaced.
	replace bool
}

// check refuses an address that is none, before the first request.
func (d *depot) check() error {
	if err := checkTemplate("upload", d.url); err != nil {
		return err
	}
	target, err := d.target(audit.Tenant{ID: "tenant"}, time.Time{})
	if err == nil && target.Plain() {
		d.u.warn("--upload: without https, whoever is on the way can read the reports")
	}
	return err
}

func (d *depot) target(t audit.Tenant, at time.Time) (upload.Target, error) {
	target, err := upload.Parse(expand(d.url, t, at))
	if err != nil {
		return target, usagef("--upload: %v", err)
	}
	return target, nil
}

// open makes ready to upload. The caller calls hangUp in the end.
func (d *depot) open(t audit.Tenant, at time.Time, sent func(upload.File, bool)) (place *upload.Place, hangUp func(), err error) {
	target, err := d.target(t, at)
	if err != nil {
		return nil, nil, err
	}
	o := upload.Options{Getenv: d.w.getenv, Transport: d.w.transport, Replace: d.replace, Sent: sent}
	hangUp = func() {}
	if o.Transport == nil {
		h := graph.NewTransport(graph.TransportOptions{Proxy: http.ProxyFromEnvironment})
		h.ResponseHeaderTimeout = storeSilence
		o.Transport, hangUp = h, h.CloseIdleConnections
	}
	place, err = upload.Open(target, o)
	return place, hangUp, storeHint(err)
}

// storeSilence is how long a store may be silent after a request was sent.
const storeSilence = 2 * time.Minute

// reach finds out whether the store lets us in, before hours are spent on what
// is to go there.
func (d *depot) reach(ctx context.Context, t audit.Tenant) error {
	ctx, cancel := untilStop(ctx, d.w.stop)
	defer cancel()
	place, hangUp, err := d.open(t, d.w.now(), nil)
	if err != nil {
		return fmt.Errorf("--upload: %w", err)
	}
	defer hangUp()
	if err := place.Reach(ctx); err != nil {
		return fmt.Errorf("--upload: %w", interruptedOr(storeHint(err)))
	}
	return nil
}

// put uploads a finished folder and tells where it is. The folder must be
// locked.
func (d *depot) put(ctx context.Context, dir string) (where string, err error) {
	ctx, cancel := untilStop(ctx, d.w.stop)
	defer cancel()
	folder, m, err := finishedFolder(dir)
	if err != nil {
		return "", err
	}
	tenant, one := tenantOf(m)
	if !one && strings.Contains(d.url, "{tenant}") {
		return "", usagef("--upload: {tenant} has no meaning for a report of %s", report.Plural(len(m.Tenants), "tenant", "tenants"))
	}
	var at time.Time
	if m.CreatedAt != nil {
		at = *m.CreatedAt
	}
	place, hangUp, err := d.open(tenant, at, nil)
	if err != nil {
		return "", err
	}
	defer hangUp()
	r, err := place.Put(ctx, folder)
	if err != nil {
		return "", interruptedOr(storeHint(err))
	}
	d.u.say("uploaded to %s: %s (%s bytes), %s there already", r.Where, report.Plural(r.Sent, "file", "files"), report.Number(int(r.Bytes)), report.Number(r.Kept))
	return r.Where, nil
}

// interruptedOr gives an end by Ctrl-C its own error.
func interruptedOr(err error) error {
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}

// storeHint adds what can be done about a store's refusal.
func storeHint(err error) error {
	var e *upload.Error
	switch {
	case errors.As(err, &e) && e.Hint() != "":
		return withHint(err, "%s", e.Hint())
	case errors.Is(err, upload.ErrTaken):
		return withHint(err, "upload under another name, or replace that folder with --force")
	}
	return err
}

// finishedFolder lists the files of a finished report folder, each of which is
// as its manifest says.
func finishedFolder(dir string) (upload.Folder, reportjson.Manifest, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return upload.Folder{}, reportjson.Manifest{}, err
	}
	folder := upload.Folder{Name: filepath.Base(dir), Stale: ownFiles()}
	text, err := readSmall(filepath.Join(dir, fileManifest))
	if err != nil {
		return folder, reportjson.Manifest{}, usagef("%s: no finished report: %s: %v", quote(dir), fileManifest, bare(err))
	}
	m, err := reportjson.ReadManifest(strings.NewReader(string(text)))
	if err != nil {
		return folder, m, usagef("%s: %v", quote(filepath.Join(dir, fileManifest)), err)
	}
	add := func(name string) (upload.File, error) {
		got, err := digest(filepath.Join(dir, name))
		if err != nil {
			return upload.File{}, fmt.Errorf("%s: %w", quote(name), bare(err))
		}
		return upload.File{Name: name, Path: filepath.Join(dir, name), Size: got.Size, SHA256: got.SHA256}, nil
	}
	for _, f := range m.Files {
		if f.Name != filepath.Base(f.Name) || f.Name == "." || f.Name == ".." || f.Name == fileManifest {
			return folder, m, usagef("%s: the manifest names %s, which is no file of a report", quote(dir), quote(f.Name))
		}
		got, err := add(f.Name)
		if err != nil {
			return folder, m, err
		}
		if got.Size != f.Size || !strings.EqualFold(got.SHA256, f.SHA256) {
			return folder, m, withHint(fmt.Errorf("%s in %s is not as its manifest says", quote(f.Name), quote(dir)), "see passkey-audit verify %s", quote(dir))
		}
		folder.Files = append(folder.Files, got)
	}
	folder.Mark, err = add(fileManifest)
	return folder, m, err
}

// A finish is what comes after the reports of a scan.
type finish struct {
	o     *finishOptions
	depot *depot // nil for no upload
}

// newFinish checks the flags.
func newFinish(w world, u *ui, o *ScanOptions) (finish, error) {
	f := finish{o: &o.finishOptions}
	if err := checkKeep(o.keep, o.out); err != nil {
		return f, err
	}
	if o.upload == "" {
		return f, nil
	}
	f.depot = &depot{w: w, u: u, url: o.upload, replace: o.force || o.resume != ""}
	return f, f.depot.check()
}

// reach finds out whether the folder can be uploaded.
func (f finish) reach(ctx context.Context, t audit.Tenant) error {
	if f.depot == nil {
		return nil
	}
	return f.depot.reach(ctx, t)
}

// end uploads the folder and removes older ones. Err is how the scan ended; it
// stays as it is if all goes well, and after a scan that failed nothing is done.
func (s *scan) end(ctx context.Context, dir *outDir, t audit.Tenant, err error) error {
	if err != nil && !isResult(err) {
		return err
	}
	if s.finish.depot != nil {
		where, uerr := s.finish.depot.put(ctx, dir.path)
		if uerr != nil {
			hint := fmt.Sprintf("the report is whole in %s; upload it with: passkey-audit upload %s %s", quote(dir.path), quote(dir.path), quote(s.o.upload))
			if h := hintOf(uerr); h != "" {
				hint = h + "; " + hint
			}
			return withHint(fmt.Errorf("upload the report: %w", uerr), "%s", hint)
		}
		if s.u.line != nil {
			s.u.line.uploaded = where
		}
		s.log.Info().Str("to", where).Msg("the report is uploaded")
	}
	if s.o.keep == 0 {
		return err
	}
	removed, kerr := prune(s.u, s.o.out, t, dir.path, s.o.keep)
	if s.u.line != nil {
		s.u.line.removed = removed
	}
	if kerr != nil && err != nil {
		s.u.warn("%s", oneLine(kerr))
		return err
	}
	return kerr
}

// isResult tells whether an error is the end of a run whose work is done.
func isResult(err error) bool {
	var result *resultError
	return errors.As(err, &result)
}

// UploadOptions are the flags of the command upload.
type UploadOptions struct {
	force bool
	logOptions
}

// AddFlags binds the flags.
func (o *UploadOptions) AddFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.force, "force", false, "replace another report of the same name")
	o.logOptions.AddFlags(cmd)
}

func newUploadCommand(w world, u *ui) *cobra.Command {
	var o UploadOptions
	cmd := &cobra.Command{
		Use:   "upload DIR URL",
		Short: "Upload a finished report folder to Azure Blob Storage or S3",
		Long: `Uploads a finished report folder, as scan --upload does, below an address:

  https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX
  s3://BUCKET/PREFIX?endpoint=URL&region=NAME

The folder keeps its name. Its files come first and manifest.json last: a folder
without manifest.json is not there. Files that are there already, with the same
size and SHA-256, are not sent again, so a broken upload goes on with the same
command. Another report of the same name is refused, or replaced with --force.

Credentials come from the environment: for Azure AZURE_STORAGE_SAS_TOKEN, or
what DefaultAzureCredential finds (AZURE_CLIENT_ID and the like, workload
identity, managed identity, Azure CLI); for S3 AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY, or a web identity or container role.

Exit status:
  0    the folder is there
  1    it is not: failed
  2    wrong usage, or no finished report
  130  interrupted`,
		Example: `  passkey-audit upload passkey-audit_contoso.com_20261101T080000Z https://contoso.blob.core.windows.net/audits/passkeys
  passkey-audit upload passkey-audit_contoso.com_20261101T080000Z "s3://audits/{tenant}?region=eu-central-1"`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("%s takes a folder and an address, and %d were given", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUpload(cmd.Context(), w, u, &o, args[0], args[1])
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func runUpload(ctx context.Context, w world, u *ui, o *UploadOptions, dir, url string) (err error) {
	_, endLog, err := o.logOptions.open(u)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endLog()) }()
	d := &depot{w: w, u: u, url: url, replace: o.force}
	if err := d.check(); err != nil {
		return err
	}
	if !readOnly(dir) {
		lock, err := lockOut(dir)
		if err != nil {
			return err
		}
		defer lock.release()
	}
	where, err := d.put(ctx, dir)
	if err == nil {
		_, err = fmt.Fprintln(w.stdout, where)
		return err
	}
	var e *upload.Error
	if errors.As(err, &e) || errors.Is(err, errInterrupted) {
		hint := "what is there already is not sent again: give the same command once more"
		if h := hintOf(err); h != "" {
			hint = h + "; " + hint
		}
		return withHint(fmt.Errorf("upload the report: %w", err), "%s", hint)
	}
	return err
}

// readOnly tells whether nobody can be at work in a folder, which then needs no
// lock, and takes none.
func readOnly(dir string) bool {
	f, err := os.CreateTemp(dir, ".passkey-audit-*")
	if err != nil {
		return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
	}
	_ = f.Close() // nothing was written
	_ = os.Remove(f.Name())
	return false
}
