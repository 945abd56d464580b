package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/policy"
	"passkey-audit/audit/snapshot"
	"passkey-audit/report"
	"passkey-audit/report/csv"
	reportjson "passkey-audit/report/json"
	"passkey-audit/report/text"
	"passkey-audit/report/xlsx"
)

// Names of files of a comparison.
const (
	fileChanges     = "changes.csv"
	fileChangesJSON = "changes.json"
	fileComparison  = "compare.xlsx"
)

// CompareOptions are the flags of the command compare.
type CompareOptions struct {
	namesOptions
	outputOptions
	logOptions
}

// AddFlags binds the flags.
func (o *CompareOptions) AddFlags(cmd *cobra.Command) {
	o.namesOptions.AddFlags(cmd)
	o.outputOptions.addFlags(cmd, []string{formatXLSX, formatCSV, formatJSON})
	o.logOptions.AddFlags(cmd)
}

func newCompareCommand(w world, u *ui) *cobra.Command {
	var o CompareOptions
	cmd := &cobra.Command{
		Use:   "compare OLD NEW",
		Short: "Tell what changed between two snapshots of a tenant",
		Long: `Tells what changed between two snapshots of a tenant, each a file or the folder
of a scan: passkeys and users that came and went, passkeys whose verdict under
the policy of the day is another one, and the policy itself. Of more than two
snapshots, the first and the last are compared, and all stand in a trend.
It asks no server. Writes ` + fileChanges + `, ` + fileChangesJSON + ` and ` + fileComparison + `.

` + exitHelp,
		Example: `  passkey-audit compare october november --out october-to-november
  passkey-audit compare august september october november --out trend`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("%s takes two snapshots or more, the oldest first, and %d were given", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runCompare(cmd.Context(), w, u, &o, args) },
	}
	o.AddFlags(cmd)
	return cmd
}

func runCompare(ctx context.Context, w world, u *ui, o *CompareOptions, paths []string) (err error) {
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
	sides, err := openSides(ctx, u, paths, names)
	defer func() {
		for _, s := range sides {
			err = errors.Join(err, s.reader.Close())
		}
	}()
	if err != nil {
		return err
	}
	last := sides[len(sides)-1]
	if o.out != "" {
		o.out = outFolder(o.out, last.reader.Meta().Tenant, w.now())
		if found := filesIn(o.out, comparisonFiles()); len(found) > 0 && !o.force {
			return usagef("--out %s: %s is there already: choose another folder, or --force to overwrite", quote(o.out), strings.Join(found, ", "))
		}
	} else {
		o.out = outFolder("", last.reader.Meta().Tenant, w.now()) + "_changes"
	}
	dir, err := openOut(o.out, last.reader.Meta().Tenant, w)
	if err != nil {
		return err
	}
	defer dir.release()
	if err := removeParts(dir.path); err != nil {
		return err
	}
	c, err := compare(ctx, sides, newMask(o.mask, maskKey(last.reader.Meta())), names, dir.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := removeFiles(dir.path, comparisonFiles()); err != nil {
		return err
	}
	out := &output{dir: dir.path}
	if err := out.writeComparison(ctx, c, &o.outputOptions, last.live); err != nil {
		return err
	}
	if err := text.WriteChanges(u.out, c, text.Output{Dir: dir.path, Files: out.names()}); err != nil {
		return err
	}
	if !c.Complete() {
		return &resultError{exitPartial}
	}
	return nil
}

// A side is one of the snapshots that are compared.
type side struct {
	evidence
	snap *report.Snapshot
	mask *mask
	user audit.JudgedUser // the one that is looked at
}

// openSides opens the snapshots and puts the oldest first. What it returns is to
// be closed, also with an error.
func openSides(ctx context.Context, u *ui, paths []string, names *aaguid.Catalogue) ([]*side, error) {
	var sides []*side
	for _, path := range paths {
		r, err := openSnapshot(ctx, path)
		if err != nil {
			return sides, err
		}
		s := &side{evidence: evidence{reader: r}}
		sides = append(sides, s)
		if s.evidence, err = readEvidence(ctx, r, nameOf(names)); err != nil {
			return sides, fmt.Errorf("%s: %w", quote(path), err)
		}
		cov, err := r.Coverage(ctx)
		if err != nil {
			return sides, err
		}
		m := r.Meta()
		if first := sides[0].reader.Meta().Tenant; !strings.EqualFold(m.Tenant.ID, first.ID) {
			return sides, usagef("%s is of another tenant (%s) than %s (%s)", quote(path), m.Tenant.ID, quote(paths[0]), first.ID)
		}
		s.snap = &report.Snapshot{Name: path, Tenant: m.Tenant, Started: m.StartedAt, Finished: m.FinishedAt, Coverage: cov, ListsEverybody: cov.ListingComplete}
	}
	older := func(a, b *side) int { return a.snap.Started.Compare(b.snap.Started) }
	if !slices.IsSortedFunc(sides, older) {
		slices.SortStableFunc(sides, older)
		u.say("the snapshots were not given in the order of their time: %s is taken for the oldest, %s for the newest", quote(sides[0].snap.Name), quote(sides[len(sides)-1].snap.Name))
	}
	return sides, nil
}

// compare reads the snapshots. The caller closes the comparison.
func compare(ctx context.Context, sides []*side, m *mask, names *aaguid.Catalogue, tempDir string) (*report.Changes, error) {
	first, last := sides[0], sides[len(sides)-1]
	in := report.ChangesInput{
		Tool:    report.Tool{Name: "passkey-audit", Version: toolVersion()},
		Changes: changes(ctx, first, last), Authenticator: names.Lookup, CatalogueDate: names.Date(), TempDir: tempDir,
	}
	for _, d := range policy.Diff(first.live, last.live, nameOf(names)) {
		in.Policy = append(in.Policy, report.SettingChange{Setting: d.Setting, Before: d.Before, After: d.After})
	}
	for i, s := range sides {
		s.mask = m
		if err := s.notes(ctx); err != nil {
			return nil, err
		}
		in.Snapshots = append(in.Snapshots, s.snap)
		if i == 0 || i == len(sides)-1 {
			continue // counted while they are compared
		}
		for rec, err := range s.reader.Users(ctx) {
			if err != nil {
				return nil, err
			}
			s.snap.Count(s.judge(rec))
		}
	}
	return report.BuildChanges(ctx, in)
}

// notes says what the scan was not asked for.
func (s *side) notes(ctx context.Context) error {
	reports, err := s.reader.Reports(ctx)
	if err != nil {
		return err
	}
	m := s.reader.Meta()
	m.AdminsKnown = true // a comparison says of nobody whether he is an administrator
	s.snap.Coverage.NotLookedAt = append(notLookedAt(m.Scope, s.mask), registrationNotes(m, reports)...)
	return nil
}

// judge judges a user's passkeys under the snapshot's own policy. The answer is
// valid until the next one.
func (s *side) judge(rec *snapshot.Record) *audit.JudgedUser {
	s.user = audit.JudgedUser{User: rec.User, Outcome: rec.Outcome, Passkeys: s.user.Passkeys[:0]}
	if len(rec.Passkeys) > 0 {
		scope := s.now.Scope(rec.ID, rec.MemberOf)
		for i := range rec.Passkeys {
			k := &rec.Passkeys[i]
			s.user.Passkeys = append(s.user.Passkeys, audit.JudgedPasskey{Passkey: *k, Current: scope.Judge(k)})
		}
	}
	s.mask.user(&s.user)
	return &s.user
}

// order compares users as a snapshot orders them.
func order(a, b *snapshot.Record) int {
	if c := strings.Compare(strings.ToLower(a.UPN), strings.ToLower(b.UPN)); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// changes goes along two snapshots side by side. A user is known by the id, and
// may have another name in each: such a one comes at the place of the newer
// name.
func changes(ctx context.Context, older, newer *side) iter.Seq2[*report.Change, error] {
	return func(yield func(*report.Change, error) bool) {
		nextOld, stopOld := iter.Pull2(older.reader.Users(ctx))
		defer stopOld()
		nextNew, stopNew := iter.Pull2(newer.reader.Users(ctx))
		defer stopNew()
		a, err, haveA := nextOld()
		b, errB, haveB := nextNew()
		var list []report.Change
		for err = errors.Join(err, errB); err == nil && (haveA || haveB); {
			var ua, ub *audit.JudgedUser
			c := 0
			switch {
			case !haveB:
				c = -1
			case !haveA:
				c = 1
			default:
				c = order(a, b)
			}
			if c <= 0 {
				ua = older.judge(a)
				older.snap.Count(ua)
			}
			if c >= 0 {
				ub = newer.judge(b)
				newer.snap.Count(ub)
			}
			skip := false
			switch {
			case c < 0:
				// Under another name in the newer snapshot, and compared there.
				_, skip, err = newer.reader.User(ctx, a.ID)
			case c > 0:
				var was snapshot.Record
				var found bool
				if was, found, err = older.reader.User(ctx, b.ID); found {
					ua = older.judge(&was)
				}
			}
			list = list[:0]
			if err == nil && !skip {
				list = report.CompareUser(list, ua, ub, older.snap, newer.snap)
			}
			for i := range list {
				if !yield(&list[i], nil) {
					return
				}
			}
			if err == nil && c <= 0 {
				a, err, haveA = nextOld()
			}
			if err == nil && c >= 0 {
				b, err, haveB = nextNew()
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func comparisonFiles() []string {
	return []string{fileComparison, fileChanges, fileChangesJSON, fileManifest}
}

// writeComparison writes the files of a comparison, the manifest last.
func (o *output) writeComparison(ctx context.Context, c *report.Changes, opts *outputOptions, live audit.Policy) error {
	for _, f := range []struct {
		name, format string
		write        func(io.Writer) error
	}{
		{fileComparison, formatXLSX, func(w io.Writer) error { return xlsx.WriteChanges(ctx, w, c, xlsx.Options{TempDir: o.dir}) }},
		{fileChanges, formatCSV, func(w io.Writer) error {
			t, ok := c.Table(fileChanges)
			if !ok {
				return errors.New("the comparison has no such table")
			}
			return csv.Write(ctx, w, t, opts.csv())
		}},
		{fileChangesJSON, formatJSON, func(w io.Writer) error { return reportjson.WriteChanges(ctx, w, c) }},
	} {
		if !opts.wants(f.format) {
			continue
		}
		if err := o.write(f.name, f.write); err != nil {
			return err
		}
	}
	finished, t := c.Finished(), c.Last().Tenant
	m := reportjson.Manifest{
		Schema: reportjson.ManifestSchema, Tool: report.SummaryTool{Name: c.Tool().Name, Version: c.Tool().Version},
		Tenants: []reportjson.ManifestTenant{{SummaryTenant: report.SummaryTenant(t)}}, Complete: c.Complete(),
	}
	if !finished.IsZero() {
		m.CreatedAt = &finished
	}
	return o.manifest(m, opts, live)
}

// filesIn lists those of the files that a folder holds.
func filesIn(dir string, files []string) []string {
	var out []string
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f)); err == nil {
			out = append(out, f)
		}
	}
	return out
}

// removeFiles removes those of the files that a folder holds: what this run does
// not write must not stand beside what it writes.
func removeFiles(dir string, files []string) error {
	for _, f := range files {
		if err := os.Remove(filepath.Join(dir, f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
