package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/policy"
	"passkey-audit/audit/snapshot"
	"passkey-audit/report"
	"passkey-audit/report/csv"
)

// SuggestOptions are the flags of the command suggest.
type SuggestOptions struct {
	namesOptions
	logOptions
	out      string
	force    bool
	minUsers int
	profile  string
	allow    []string
	people   string
}

// AddFlags binds the flags.
func (o *SuggestOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "`FILE` for the body (default: standard output)")
	f.BoolVar(&o.force, "force", false, "overwrite files that are in the way")
	f.IntVar(&o.minUsers, "min-users", 0, "leave out AAGUIDs that fewer than `N` people hold, and say who breaks")
	f.StringVar(&o.profile, "profile", "", "put the list into the passkey profile with this `ID|NAME` and leave the others as they are")
	f.StringArrayVar(&o.allow, "allow", nil, "put this `AAGUID` or authenticator name on the list too (repeatable)")
	f.StringVar(&o.people, "people", "", "`FILE` for a CSV of who breaks with --min-users (default: the first of them on standard error)")
	o.namesOptions.AddFlags(cmd)
	o.logOptions.AddFlags(cmd)
}

func newSuggestCommand(w world, u *ui) *cobra.Command {
	var o SuggestOptions
	cmd := &cobra.Command{
		Use:   "suggest SNAPSHOT",
		Short: "Make the allow list that breaks nobody, as a ready PATCH body",
		Long: `Finds the smallest allow list under which nobody breaks who works today, and
writes it as a body for PATCH
/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2
that keeps all else of the live policy. The two AAGUIDs of Microsoft
Authenticator are always on it. It asks no server and changes nothing.

What shorter lists would cost stands on standard error, as a table.

` + exitHelp,
		Example: `  passkey-audit suggest passkey-audit_contoso.com_20261101T080000Z --out allow.json
  passkey-audit suggest snapshot.db --min-users 5 --people breaks.csv --out allow.json
  passkey-audit evaluate snapshot.db --proposed allow.json --out what-if`,
		Args: oneSnapshot,
		RunE: func(cmd *cobra.Command, args []string) error { return runSuggest(cmd.Context(), w, u, &o, args[0]) },
	}
	o.AddFlags(cmd)
	return cmd
}

// oneSnapshot wants a snapshot as the only argument.
func oneSnapshot(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%s takes one snapshot, a file or the folder of a scan, and %d were given", cmd.CommandPath(), len(args))
	}
	return nil
}

func runSuggest(ctx context.Context, w world, u *ui, o *SuggestOptions, path string) (err error) {
	_, endLog, err := o.logOptions.open(u)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endLog()) }()
	if err := o.check(); err != nil {
		return err
	}
	names, err := o.catalogue(w, u)
	if err != nil {
		return err
	}
	add, err := findAAGUIDs(u, "allow", o.allow, names)
	if err != nil {
		return err
	}
	r, err := openSnapshot(ctx, path)
	if err != nil {
		return err
	}
	defer r.Close()
	e, err := readEvidence(ctx, r, nameOf(names))
	if err != nil {
		return err
	}
	cov, err := r.Coverage(ctx)
	if err != nil {
		return err
	}
	s, err := suggest(ctx, &e, policy.SuggestOptions{MinUsers: o.minUsers, Profile: o.profile, Add: add, Live: e.body, Unread: cov.Unread}, o.people)
	if err != nil {
		return err
	}
	s.tell(u, names)
	if !cov.Complete() {
		u.warn("the snapshot is partial: what was not read may be missing from the list")
	}
	if o.out == "" {
		_, err = w.stdout.Write(s.Body)
	} else {
		err = writeFile(o.out, func(out io.Writer) error { _, err := out.Write(s.Body); return err })
	}
	if err == nil && !cov.Complete() {
		return &resultError{exitPartial}
	}
	return err
}

// check checks the flags before the snapshot is read.
func (o *SuggestOptions) check() error {
	if o.minUsers < 0 {
		return usagef("--min-users %d: choose a number from 1", o.minUsers)
	}
	if o.people != "" && o.minUsers < 2 {
		return usagef("--people goes with --min-users from 2 on: without it nobody breaks")
	}
	if o.out != "" && o.people != "" && filepath.Clean(o.out) == filepath.Clean(o.people) {
		return usagef("--out and --people name one file, %s: choose another one for either", quote(o.people))
	}
	for _, f := range []struct{ flag, file string }{{"out", o.out}, {"people", o.people}} {
		if f.file == "" {
			continue
		}
		if there, err := os.Stat(f.file); err == nil && there.IsDir() {
			return usagef("--%s %s: it is a folder: give a file", f.flag, quote(f.file))
		}
		if _, err := os.Lstat(f.file); err == nil && !o.force {
			return usagef("--%s %s: it is there already: choose another file, or --force to overwrite", f.flag, quote(f.file))
		}
		folder, err := os.Stat(filepath.Dir(f.file))
		if err == nil && !folder.IsDir() {
			err = errors.New("no folder")
		}
		if err != nil {
			return usagef("--%s %s: cannot write there: %v", f.flag, quote(f.file), bare(err))
		}
	}
	return nil
}

// A suggested list, and what shorter ones would cost.
type suggested struct {
	policy.Suggestion
	minUsers int
	prices   []policy.Price
	// losers are the first people who break under the list, and broken counts
	// them all.
	losers []string
	broken int
}

// shownLosers bounds whom standard error names.
const shownLosers = 20

// suggest goes over the snapshot twice: for the list, and for its price.
func suggest(ctx context.Context, e *evidence, o policy.SuggestOptions, people string) (*suggested, error) {
	find, err := policy.NewSuggester(e.live, e.groups, e.names, o)
	if err != nil {
		return nil, usagef("%v", err)
	}
	for rec, err := range e.reader.Users(ctx) {
		if err != nil {
			return nil, err
		}
		if rec.Outcome == audit.OutcomeRead {
			find.Observe(rec.ID, rec.MemberOf, rec.Passkeys)
		}
	}
	s := &suggested{minUsers: o.MinUsers}
	if s.Suggestion, err = find.Suggest(); err != nil {
		return nil, fmt.Errorf("suggest a policy: %w", err)
	}
	price, err := find.Pricing()
	if err != nil {
		return nil, fmt.Errorf("suggest a policy: %w", err)
	}
	t := s.losersTable(e, price)
	if people == "" {
		for _, err := range t.Rows(ctx) {
			if err != nil {
				return nil, err
			}
		}
	} else if err := writeFile(people, func(w io.Writer) error { return csv.Write(ctx, w, t, csv.Options{}) }); err != nil {
		return nil, err
	}
	s.prices = price.Table()
	return s, nil
}

// losersTable gives who breaks under the list, and on the way finds the prices.
func (s *suggested) losersTable(e *evidence, price *policy.Pricing) report.Table {
	return report.Table{
		File: "people who break",
		Columns: []report.Column{
			{Key: "user_principal_name"}, {Key: "display_name"}, {Key: "breaking", Kind: report.KindCount}, {Key: "undecided", Kind: report.KindCount},
			{Key: "loses_last_passkey", Kind: report.KindYesNo}, {Key: "user_id", Kind: report.KindGUID},
		},
		Rows: func(ctx context.Context) iter.Seq2[[]report.Cell, error] {
			return func(yield func([]report.Cell, error) bool) {
				for rec, err := range e.reader.Users(ctx) {
					if err != nil {
						yield(nil, err)
						return
					}
					if rec.Outcome != audit.OutcomeRead {
						continue
					}
					l := price.Observe(rec.ID, rec.MemberOf, rec.Passkeys)
					if l.Breaks+l.Undecided == 0 {
						continue
					}
					s.lose(rec, l)
					row := []report.Cell{
						report.Text(rec.UPN), report.Text(rec.DisplayName), report.Count(l.Breaks), report.Count(l.Undecided),
						report.YesNo(audit.TernaryOf(l.Last)), report.Text(rec.ID),
					}
					if !yield(row, nil) {
						return
					}
				}
			}
		},
	}
}

// lose takes note of somebody who breaks under the list.
func (s *suggested) lose(rec *snapshot.Record, l policy.Loss) {
	if l.Breaks == 0 {
		return
	}
	s.broken++
	if len(s.losers) < shownLosers {
		s.losers = append(s.losers, rec.UPN)
	}
}

// tell says what is on the list and what it costs.
func (s *suggested) tell(u *ui, names *aaguid.Catalogue) {
	for _, l := range s.Lists {
		u.block("%s: an allow list of %s", l.Where, report.Plural(len(l.Entries), "AAGUID", "AAGUIDs"))
		for _, e := range l.Entries {
			a, _ := names.Lookup(e.AAGUID)
			u.block("  %s  %s%s", e.AAGUID, orUnknown(a.Name), entryWords(e))
		}
	}
	for _, use := range s.LeftOut {
		a, _ := names.Lookup(use.AAGUID)
		u.block("left out: %s  %s: %s of %s", use.AAGUID, orUnknown(a.Name), report.Plural(use.Passkeys, "passkey", "passkeys"), report.Plural(use.Users, "person", "people"))
	}
	for _, n := range s.Notes {
		u.say("%s", n)
	}
	u.block("%10s %8s %12s %10s %10s %10s", "min users", "AAGUIDs", "passkeys", "people", "lose last", "undecided")
	u.block("%10s %8s %12s %10s %10s %10s", "", "on list", "that break", "who break", "passkey", "then")
	for _, p := range s.prices {
		mark := ""
		if p.MinUsers == max(1, s.minUsers) {
			mark = "  <- this list"
		}
		u.block("%10d %8d %12d %10d %10d %10d%s", p.MinUsers, p.AAGUIDs, p.Passkeys, p.People, p.LastPasskey, p.Undecided, mark)
	}
	for _, name := range s.losers {
		u.block("breaks: %s", name)
	}
	if n := s.broken - len(s.losers); n > 0 {
		u.block("breaks: %s more: see --people FILE", report.Plural(n, "person", "people"))
	}
}

func orUnknown(name string) string {
	if name == "" {
		return "(no source names it)"
	}
	return name
}

func entryWords(e policy.SuggestedEntry) string {
	var w []string
	switch {
	case e.Added:
		w = append(w, "always on the list")
	default:
		w = append(w, report.Plural(e.Users, "person", "people"))
	}
	if e.Doubtful {
		w = append(w, "kept since it is undecided whether it works today")
	}
	return " (" + strings.Join(w, ", ") + ")"
}

// writeFile writes a file under a temporary name and renames it when it is whole.
func writeFile(path string, fill func(io.Writer) error) error {
	o := &output{dir: filepath.Dir(path)}
	return o.write(filepath.Base(path), fill)
}
