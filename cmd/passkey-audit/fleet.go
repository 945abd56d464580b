package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/policy"
	"passkey-audit/audit/snapshot"
	"passkey-audit/report"
)

// A member is one of several snapshots that give one report.
type member struct {
	path string
	meta snapshot.Meta // zero where it could not be read
	err  error         // why the snapshot cannot be used; nil if nothing is known against it
}

// label names the member's tenant, else its snapshot.
func (m *member) label() string { return cmp.Or(m.meta.Tenant.Domain, m.meta.Tenant.ID, quote(m.path)) }

// A fleet is several snapshots on their way into one report. Only one of them is
// open at a time.
type fleet struct {
	members  []*member
	specs    []policy.Spec
	names    *aaguid.Catalogue
	o        *outputOptions
	counters []*report.Counter // of the proposals beside the report's own
	missing  missingGroups
	// used counts the snapshots that were judged, failed has the first error of
	// the others.
	used   int
	failed error
}

// newFleet looks at each snapshot, and puts them in an order that does not depend
// on that of the arguments. A snapshot that is not there, and one that is of the
// same tenant as another, are refused; whatever else is wrong is for the report.
func newFleet(ctx context.Context, paths []string, specs []policy.Spec, names *aaguid.Catalogue, o *outputOptions) (*fleet, error) {
	f := &fleet{specs: fleetSpecs(specs), names: names, o: o}
	byTenant := map[string]string{}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, usagef("%s: there is no such snapshot", quote(path))
		}
		m := &member{path: path}
		f.members = append(f.members, m)
		r, err := readSnapshot(ctx, path)
		if err != nil {
			m.err = err
			continue
		}
		m.meta = r.Meta()
		if err := r.Close(); err != nil {
			return nil, err
		}
		id := strings.ToLower(m.meta.Tenant.ID)
		if other, twice := byTenant[id]; twice {
			return nil, usagef("%s and %s are of the same tenant (%s): give one snapshot of each tenant; compare tells what changed between two", quote(other), quote(path), m.label())
		}
		byTenant[id] = path
	}
	slices.SortFunc(f.members, func(a, b *member) int {
		x, y := a.meta.Tenant, b.meta.Tenant
		return cmp.Or(cmp.Compare(strings.ToLower(x.Domain), strings.ToLower(y.Domain)), cmp.Compare(x.ID, y.ID), cmp.Compare(a.path, b.path))
	})
	if i := slices.IndexFunc(f.members, func(m *member) bool { return m.err == nil }); i < 0 {
		f.failed = usageOf(f.members[0].path, f.members[0].err)
		return nil, f.noneUsable()
	}
	for range specs[1:] {
		f.counters = append(f.counters, report.NewCounter(report.Proposal{}))
	}
	return f, nil
}

// fleetSpecs names each preset as it was asked for, so that a proposal has one
// name in all tenants: auto comes to different ones.
func fleetSpecs(specs []policy.Spec) []policy.Spec {
	specs = slices.Clone(specs)
	for i := range specs {
		if s := &specs[i]; s.Name == "" && s.Body == nil && s.Source == "" {
			s.Name = cmp.Or(s.Preset, policy.PresetAuto)
		}
	}
	return specs
}

// judge opens a member and judges it. The caller closes its reader.
func (f *fleet) judge(ctx context.Context, m *member) (*judgement, error) {
	if m.err != nil {
		return nil, m.err
	}
	r, err := readSnapshot(ctx, m.path)
	if err != nil {
		return nil, err
	}
	j, err := judge(ctx, r, f.specs, f.names)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	for i, c := range j.proposals {
		if asked := f.specs[i].Preset; (asked == "" || asked == policy.PresetAuto) && c.Preset != policy.PresetFile {
			c.Notes = append(c.Notes, "auto stands for "+c.Preset)
		}
	}
	j.mask, j.outreach = newMask(f.o.mask, maskKey(r.Meta())), f.o.outreach
	return j, nil
}

// source judges a member and gives what the report takes of it, and how to end
// that. Nothing is counted yet where there is an error.
func (f *fleet) source(ctx context.Context, m *member) (*report.Source, func() error, error) {
	j, err := f.judge(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	s, err := j.source(ctx)
	if err == nil {
		s.Snapshot = m.path
		s.LiveDigest, err = policyDigest(j.live)
	}
	if err == nil {
		s.ProposedDigest, err = policyDigest(j.proposals[0].Policy)
	}
	if err != nil {
		return nil, nil, errors.Join(err, j.reader.Close())
	}
	for i, c := range j.proposals[1:] {
		c.counter = f.counters[i]
		c.counter.Next(reportProposal(c.Proposal))
	}
	f.missing.add(m, j)
	return s, j.reader.Close, nil
}

// sources gives the tenants one after the other. What is wrong with one of them
// does not end the report, and is told in it.
func (f *fleet) sources(ctx context.Context) iter.Seq2[*report.Source, error] {
	return func(yield func(*report.Source, error) bool) {
		for _, m := range f.members {
			s, end, err := f.source(ctx, m)
			switch {
			case ctx.Err() != nil:
				if end != nil {
					err = errors.Join(err, end())
				}
				yield(nil, errors.Join(ctx.Err(), err))
				return
			case err != nil:
				if f.failed == nil {
					f.failed = usageOf(m.path, err)
				}
				s, end = unusable(m, err), func() error { return nil }
			default:
				f.used++
			}
			more := yield(s, nil)
			if err := end(); err != nil && more {
				yield(nil, fmt.Errorf("close %s: %w", quote(m.path), err))
				return
			}
			if !more {
				return
			}
		}
	}
}

// unusable says in the report why a snapshot could not be used.
func unusable(m *member, err error) *report.Source {
	var usage *usageError
	var syntax *policy.SyntaxError
	code := "damaged"
	switch {
	case errors.Is(err, snapshot.ErrNewer):
		code = "newer version"
	case errors.Is(err, snapshot.ErrInUse):
		code = "in use"
	case errors.Is(err, snapshot.ErrNoSnapshot):
		if m.meta.Tenant.ID == "" { // else it was one to begin with
			code = "no snapshot"
		}
	case errors.Is(err, errNoPolicy):
		code = "no policy"
	case errors.Is(err, errBadPolicy):
		code = "policy not understood"
	case errors.As(err, &usage), errors.As(err, &syntax):
		code = "proposal does not fit"
	}
	return &report.Source{Tenant: m.meta.Tenant, Snapshot: m.path, Unusable: &audit.Failure{
		TenantID: m.meta.Tenant.ID, What: report.WhatSnapshot, ID: m.path, Code: code, Message: oneLine(err),
	}}
}

// asOf is the time from which last use is looked back on: when the first of the
// scans that asked for it was done, so that no passkey is called unused that was
// used within the year before its own scan.
func (f *fleet) asOf() time.Time {
	var t time.Time
	for _, m := range f.members {
		if at := m.meta.FinishedAt; m.meta.Scope.LastUsed && !at.IsZero() && (t.IsZero() || at.Before(t)) {
			t = at
		}
	}
	return t
}

// evaluateFleet makes one report of several snapshots.
func evaluateFleet(ctx context.Context, w world, u *ui, o *EvaluateOptions, specs []policy.Spec, names *aaguid.Catalogue, paths []string) (err error) {
	f, err := newFleet(ctx, paths, specs, names, &o.outputOptions)
	if err != nil {
		return err
	}
	if o.explain != "" {
		return f.explain(ctx, w, u, o.explain)
	}
	many := audit.Tenant{Domain: fmt.Sprintf("%d-tenants", len(f.members))}
	if o.out != "" {
		out := outFolder(o.out, many, w.now())
		found := inTheWay(out)
		switch {
		case slices.Contains(found, fileSnapshot):
			return usagef("--out %s: the folder holds a snapshot: a report of several tenants goes into a folder of its own", quote(out))
		case len(found) > 0 && !o.force:
			return usagef("--out %s: %s is there already: choose another folder, or --force to overwrite", quote(out), strings.Join(found, ", "))
		}
	} else if err := checkOut(&outputOptions{}); err != nil {
		return err
	}
	dir, err := openOut(o.out, many, w)
	if err != nil {
		return err
	}
	defer dir.release()
	if err := removeParts(dir.path); err != nil {
		return err
	}
	in := reportInput(names, dir.path)
	in.Sources, in.Alternatives, in.AsOf = f.sources(ctx), f.counters, f.asOf()
	in.Outreach, in.Run = o.outreach, metadataFacts(names)
	d, err := report.Build(ctx, in)
	if f.used == 0 && f.failed != nil && ctx.Err() == nil {
		return f.noneUsable()
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	f.missing.warn(u)
	return publish(ctx, u, d, &o.outputOptions, dir.path, o.force)
}

// noneUsable says that there is no report at all.
func (f *fleet) noneUsable() error {
	return fmt.Errorf("none of the %d snapshots can be used; the first of them: %w", len(f.members), f.failed)
}

// missingGroups are the groups that proposals name and scans did not read.
type missingGroups struct {
	first          []string
	groups, tenant int
}

// missingShown is how many of them are named.
const missingShown = 5

func (g *missingGroups) add(m *member, j *judgement) {
	ids := j.missingGroups()
	for _, id := range ids {
		if len(g.first) < missingShown {
			g.first = append(g.first, fmt.Sprintf("%s in %s", id, m.label()))
		}
	}
	g.groups += len(ids)
	if len(ids) > 0 {
		g.tenant++
	}
}

// warn names the first groups and counts the others.
func (g *missingGroups) warn(u *ui) {
	if g.groups == 0 {
		return
	}
	names := strings.Join(g.first, ", ")
	if more := g.groups - len(g.first); more > 0 {
		names += fmt.Sprintf(" and %s more", report.Number(more))
	}
	u.warn("the proposal names %s in %s that the scans did not read: verdicts that depend on them stay undecided; scan again with this --proposed, or with --group: %s",
		report.Plural(g.groups, "group", "groups"), report.Plural(g.tenant, "tenant", "tenants"), names)
}

// explain explains one user's passkeys wherever the user is found: a guest may
// have the same name in many tenants. Nobody is said to be nowhere where a
// snapshot could not be looked at.
func (f *fleet) explain(ctx context.Context, w world, u *ui, who string) error {
	found, closed := 0, 0
	var partial error
	for _, m := range f.members {
		hit, err := f.explainIn(ctx, w, m, who, found > 0)
		var result *resultError
		switch {
		case errors.As(err, &result):
			partial = err
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			if closed++; closed <= missingShown {
				u.warn("%s cannot be used: %s", quote(m.path), oneLine(err))
			}
			partial = &resultError{exitPartial}
		}
		if hit {
			found++
		}
	}
	if closed > missingShown {
		u.warn("%s more cannot be used", report.Plural(closed-missingShown, "snapshot", "snapshots"))
	}
	switch {
	case found > 0:
		return partial
	case closed == len(f.members):
		return usagef("none of the %d snapshots can be used", closed)
	}
	of := report.Number(len(f.members) - closed)
	return usagef("--explain %s: none of the %s snapshots that can be used lists anybody with this user principal name or ID", quote(who), of)
}

// explainIn looks for the user in one snapshot.
func (f *fleet) explainIn(ctx context.Context, w world, m *member, who string, further bool) (hit bool, err error) {
	if m.err != nil {
		return false, m.err
	}
	r, err := readSnapshot(ctx, m.path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	rec, ok, err := findUser(ctx, r, who)
	if err != nil || !ok {
		return false, err
	}
	j, err := judge(ctx, r, f.specs, f.names)
	if err != nil {
		return false, err
	}
	j.mask = newMask(f.o.mask, maskKey(m.meta))
	if further {
		fmt.Fprintln(w.stdout)
	}
	if _, err := fmt.Fprintf(w.stdout, "Tenant %s\n", harmless(m.label())); err != nil {
		return true, fmt.Errorf("write the explanation: %w", err)
	}
	return true, explainUser(w.stdout, j, f.names, &rec)
}
