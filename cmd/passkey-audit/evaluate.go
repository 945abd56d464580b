package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/policy"
	"passkey-audit/audit/snapshot"
	"passkey-audit/report"
	"passkey-audit/report/text"
)

// EvaluateOptions are the flags of the command evaluate.
type EvaluateOptions struct {
	proposalOptions
	namesOptions
	outputOptions
	logOptions
	explain string
}

// AddFlags binds the flags.
func (o *EvaluateOptions) AddFlags(cmd *cobra.Command) {
	cmd.Flags().Func("explain", "print what each profile says of the passkeys of this user (`UPN|ID`), and write no files", func(who string) error {
		if o.explain = strings.TrimSpace(who); o.explain == "" {
			return errors.New("give a user principal name or an ID")
		}
		return nil
	})
	o.proposalOptions.AddFlags(cmd)
	o.namesOptions.AddFlags(cmd)
	o.outputOptions.AddFlags(cmd)
	o.logOptions.AddFlags(cmd)
}

func newEvaluateCommand(w world, u *ui) *cobra.Command {
	var o EvaluateOptions
	cmd := &cobra.Command{
		Use:   "evaluate SNAPSHOT...",
		Short: "Judge saved snapshots again, offline, under another proposal",
		Long: `Judges the passkeys in a snapshot (the file, or the folder of a scan) under
another proposal and writes the reports. It asks no server.

Several snapshots, each of another tenant, give one report: the proposal is laid
over the policy of each, the rows of all stand together, and the sheet Tenants
(tenants.csv) says who is hit hardest. A snapshot that cannot be used is named
there and in unread.csv, and the report is incomplete then.

` + exitHelp,
		Example: `  passkey-audit evaluate passkey-audit_contoso.com_20261101T080000Z --proposed authenticator-only --out what-if
  passkey-audit evaluate snapshot.db --proposed proposal.json --format csv --out what-if
  passkey-audit evaluate snapshot.db --explain AdeleV@contoso.com
  passkey-audit evaluate snapshot.db --proposed authenticator-only --proposed two-vendors=vendors.json --out compared
  passkey-audit evaluate reports/*/ --proposed authenticator-only --out fleet`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s takes snapshots, files or the folders of scans, and none was given", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runEvaluate(cmd.Context(), w, u, &o, args)
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func runEvaluate(ctx context.Context, w world, u *ui, o *EvaluateOptions, paths []string) (err error) {
	u.line = newSummaryLine(o.summary)
	_, endLog, err := o.logOptions.open(u)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endLog()) }()
	if err := o.outputOptions.check(); err != nil {
		return err
	}
	names, err := o.catalogue(w, u)
	if err != nil {
		return err
	}
	specs, err := o.specs(u, names)
	if err != nil {
		return err
	}
	if len(paths) > 1 {
		return evaluateFleet(ctx, w, u, o, specs, names, paths)
	}
	r, err := openSnapshot(ctx, paths[0])
	if err != nil {
		return err
	}
	defer r.Close()
	if o.explain != "" {
		j, err := judge(ctx, r, specs, names)
		if err != nil {
			return err
		}
		j.warnMissingGroups(u)
		j.mask = newMask(o.mask, maskKey(r.Meta()))
		return explain(ctx, w.stdout, j, names, o.explain)
	}
	// The report may go beside the snapshot it is made from: that stays.
	out := o.out
	if out != "" {
		out = outFolder(out, r.Meta().Tenant, w.now())
		if found := inTheWay(out); len(found) > 0 && !o.force && !(len(found) == 1 && found[0] == fileSnapshot) {
			return usagef("--out %s: %s is there already: choose another folder, or --force to overwrite", quote(out), strings.Join(found, ", "))
		}
	}
	if err := checkOut(&outputOptions{}); out == "" && err != nil {
		return err
	}
	dir, err := openOut(out, r.Meta().Tenant, w)
	if err != nil {
		return err
	}
	defer dir.release()
	return writeReports(ctx, u, r, specs, names, &o.outputOptions, dir.path, o.force)
}

// openSnapshot opens a snapshot, given its file or the folder of its scan.
func openSnapshot(ctx context.Context, path string) (*snapshot.Reader, error) {
	r, err := readSnapshot(ctx, path)
	return r, usageOf(path, err)
}

// readSnapshot is openSnapshot with errors for callers that tell them apart.
func readSnapshot(ctx context.Context, path string) (*snapshot.Reader, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, fileSnapshot)
	}
	return snapshot.OpenReader(ctx, path)
}

// usageOf makes the errors of readSnapshot that the user can mend usage errors.
func usageOf(path string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return usagef("%s: there is no such snapshot", quote(path))
	case errors.Is(err, snapshot.ErrNoSnapshot), errors.Is(err, snapshot.ErrNewer), errors.Is(err, snapshot.ErrInUse):
		return usagef("%s is %v", quote(path), err)
	}
	return err
}

// openOut makes and locks the folder of reports that go beside no new snapshot.
func openOut(out string, tenant audit.Tenant, w world) (*outDir, error) {
	out = outFolder(out, tenant, w.now())
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, usagef("--out %s: %v", quote(out), bare(err))
	}
	return lockOut(out)
}

// writeReports judges a snapshot, writes the files and prints the summary. Its
// error tells the exit status also where all went well.
func writeReports(ctx context.Context, u *ui, r *snapshot.Reader, specs []policy.Spec, names *aaguid.Catalogue, o *outputOptions, dir string, overwrite bool) (err error) {
	if err := removeParts(dir); err != nil {
		return err
	}
	j, err := judge(ctx, r, specs, names)
	if err != nil {
		return err
	}
	j.warnMissingGroups(u)
	j.mask, j.outreach = newMask(o.mask, maskKey(r.Meta())), o.outreach
	d, err := j.document(ctx, names, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return publish(ctx, u, d, o, dir, overwrite, j.live, j.proposals[0].Policy)
}

// publish writes the files of a report and prints the summary. Policies are those
// of writeAll. Its error tells the exit status also where all went well.
func publish(ctx context.Context, u *ui, d *report.Document, o *outputOptions, dir string, overwrite bool, policies ...audit.Policy) error {
	if overwrite {
		if err := removeFiles(dir, anyFiles()); err != nil {
			return err
		}
	}
	out := &output{dir: dir}
	if err := out.writeAll(ctx, d, o, policies...); err != nil {
		return err
	}
	files := out.names()
	if _, serr := os.Stat(filepath.Join(dir, fileSnapshot)); serr == nil {
		files = append(files, fileSnapshot) // what evaluate takes
	}
	if u.line != nil {
		s := d.Summary()
		u.line.summary, u.line.out = &s, dir
	} else if err := text.WriteTerminal(u.out, d, text.Output{Dir: dir, Files: files}); err != nil {
		return err
	}
	return resultOf(d, o.failOn)
}

// resultOf gives the error that stands for what the report found.
func resultOf(d *report.Document, failOn []string) error {
	if !d.Complete() {
		return &resultError{exitPartial}
	}
	for _, f := range failOn {
		if f == "breaking" && d.Passkeys.Breaks > 0 || f == "undecided" && d.Passkeys.Undecided > 0 {
			return &resultError{exitFinding}
		}
	}
	return nil
}
