package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/policy"
	"passkey-audit/audit/snapshot"
	"passkey-audit/report"
)

// A judgement is a snapshot with the policy as it was and the proposal, ready
// to be made into a report.
type judgement struct {
	reader    *snapshot.Reader
	names     *aaguid.Catalogue
	live      audit.Policy
	proposal  policy.Proposal
	groups    []audit.Group
	now, then *policy.Evaluator
	suggested policy.Suggestion
}

// judge lays the proposal over the snapshot's policy.
func judge(ctx context.Context, r *snapshot.Reader, spec policy.Spec, names *aaguid.Catalogue) (*judgement, error) {
	body, have, err := r.Document(ctx, snapshot.DocumentPolicy)
	if err != nil {
		return nil, err
	}
	if !have {
		return nil, withHint(errors.New("the snapshot holds no policy: the scan was interrupted before it was read"), "finish the scan first, with scan --resume")
	}
	j := &judgement{reader: r, names: names}
	var notes []string
	if j.live, notes, err = policy.Parse(body); err != nil {
		return nil, fmt.Errorf("read the policy in the snapshot: %w", err)
	}
	if j.proposal, err = policy.Propose(j.live, spec); err != nil {
		return nil, usagef("%v", err)
	}
	j.proposal.Notes = append(j.proposal.Notes, notes...)
	if j.groups, err = r.Groups(ctx); err != nil {
		return nil, err
	}
	j.now = policy.NewEvaluator(j.live, j.groups, spec.Names)
	j.then = policy.NewEvaluator(j.proposal.Policy, j.groups, spec.Names)
	uses, err := r.AAGUIDs(ctx)
	if err != nil {
		return nil, err
	}
	j.suggested, err = policy.SuggestInUse(j.live, usesOf(uses), policy.SuggestOptions{})
	if err != nil {
		return nil, fmt.Errorf("suggest a policy: %w", err)
	}
	return j, nil
}

// usesOf keeps the uses whose text is an AAGUID, and joins those that are
// written differently.
func usesOf(uses []snapshot.Use) []policy.Use {
	at := make(map[audit.AAGUID]int)
	var out []policy.Use
	for _, u := range uses {
		a, err := audit.ParseAAGUID(u.AAGUID)
		if err != nil {
			continue
		}
		i, ok := at[a]
		if !ok {
			i = len(out)
			at[a] = i
			out = append(out, policy.Use{AAGUID: a})
		}
		out[i].Passkeys += u.Passkeys
		out[i].Users += u.Users
	}
	return out
}

// missingGroups names the groups that the proposal needs and that the snapshot
// has never asked for.
func (j *judgement) missingGroups() []string {
	have := make(map[string]bool)
	for _, g := range j.groups {
		have[g.ID] = true
	}
	var out []string
	for _, id := range policy.Groups(j.proposal.Policy) {
		if !have[id] {
			out = append(out, id)
		}
	}
	return out
}

// users judges everybody. A value is valid until the next one.
func (j *judgement) users(ctx context.Context) iter.Seq2[*audit.JudgedUser, error] {
	return func(yield func(*audit.JudgedUser, error) bool) {
		var u audit.JudgedUser
		for rec, err := range j.reader.Users(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			u.User, u.Outcome, u.Passkeys = rec.User, rec.Outcome, u.Passkeys[:0]
			if len(rec.Passkeys) > 0 {
				now, then := j.now.Scope(rec.ID, rec.MemberOf), j.then.Scope(rec.ID, rec.MemberOf)
				for i := range rec.Passkeys {
					k := &rec.Passkeys[i]
					proposed := then.Judge(k)
					u.Passkeys = append(u.Passkeys, audit.JudgedPasskey{
						Passkey: *k, Current: now.Judge(k), Proposed: proposed, Registrable: then.Registrable(k, proposed),
					})
				}
			}
			if !yield(&u, nil) {
				return
			}
		}
	}
}

// document builds the report. The caller closes it, before the snapshot.
func (j *judgement) document(ctx context.Context, tempDir string) (*report.Document, error) {
	m := j.reader.Meta()
	cov, err := j.reader.Coverage(ctx)
	if err != nil {
		return nil, err
	}
	reports, err := j.reader.Reports(ctx)
	if err != nil {
		return nil, err
	}
	cov.NotLookedAt = append(notLookedAt(m.Scope), registrationNotes(m.Scope, reports)...)
	effort, runs, err := j.reader.Effort(ctx)
	if err != nil {
		return nil, err
	}
	listing, err := j.reader.Listing(ctx)
	if err != nil {
		return nil, err
	}
	ceiling, err := j.reader.Ceiling(ctx)
	if err != nil {
		return nil, err
	}
	active := time.Duration(effort.ActiveMS) * time.Millisecond
	in := report.Input{
		Tool:    report.Tool{Name: "passkey-audit", Version: toolVersion()},
		Tenants: []audit.Tenant{m.Tenant},
		Started: m.StartedAt, Finished: m.FinishedAt, Duration: active,
		Coverage: cov, Live: j.live, Groups: j.groups,
		Proposal: report.Proposal{Name: j.proposal.Name, Policy: j.proposal.Policy, Changes: j.proposal.Changes, Notes: j.proposal.Notes, Assumes: j.proposal.Assumes},
		Users:    j.users(ctx), Failures: j.reader.Failures(ctx),
		Authenticator: j.names.Lookup, Namesakes: j.names.Match, CatalogueDate: j.names.Date(), DescribeAssumption: policy.Describe,
		Suggested: j.suggested.AAGUIDs, SuggestedBody: j.suggested.Body,
		Requests: report.Requests{Total: effort.Requests, Batches: effort.Batches, Throttled: effort.Throttled, Retried: effort.Retried, Failed: effort.Failed},
		Rate:     report.Rate{ThrottledSeconds: float64(effort.WaitedMS) / 1000},
		Run: []report.Fact{
			{Section: "Tenant", Name: "Cloud", Value: report.Text(m.Cloud)},
			{Section: "Tenant", Name: "Microsoft Graph", Value: report.Text(m.GraphRoot)},
			{Section: "Requests", Name: "Pages of users", Value: report.Count(listing.Pages)},
			{Section: "Requests", Name: "Listings begun anew", Value: report.Count(listing.Restarts)},
			{Section: "Requests", Name: "Quota met", Value: report.Text(quotaWords(ceiling))},
			{Section: "Time", Name: "Runs (1 if never interrupted)", Value: report.Count(runs)},
			{Section: "Report", Name: "Scan made with", Value: report.Text("passkey-audit " + m.ToolVersion)},
		},
		TempDir: tempDir,
	}
	in.Run = append(in.Run, registrationFacts(reports)...)
	if active > 0 {
		in.Rate.UsersPerSecond = float64(cov.Read) / active.Seconds()
	}
	return report.Build(ctx, in)
}

// notLookedAt says in sentences what the scope leaves out.
func notLookedAt(s snapshot.Scope) []string {
	var out []string
	if s.MembersOnly {
		out = append(out, "Guests were left out (--members-only).")
	}
	if s.EnabledOnly {
		out = append(out, "Disabled accounts were left out (--enabled-only).")
	}
	if n := len(s.Groups); n > 0 {
		out = append(out, fmt.Sprintf("Only members of %s were read (--group).", report.Plural(n, "group", "groups")))
	}
	for _, g := range s.ExcludeUPN {
		out = append(out, fmt.Sprintf("Users whose user principal name matches %q were left out (--exclude-upn).", g))
	}
	return out
}

// quotaWords says which quota the scan met. Microsoft documents two that reads
// of passkeys may draw on, and not which of them: 8,000 units in 10 s for a
// large tenant, and 5 requests in 10 s (Microsoft Graph throttling limits).
func quotaWords(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "none: the tenant was read as fast as it answered"
	case perSecond < 5:
		return fmt.Sprintf("about %.2f reads a second, in the order of the quota for reports (5 in 10 s)", perSecond)
	}
	return fmt.Sprintf("about %.0f reads a second, in the order of the quota of the directory (8,000 units in 10 s for a large tenant)", perSecond)
}
