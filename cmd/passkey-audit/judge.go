package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/policy"
	"passkey-audit/audit/snapshot"
	"passkey-audit/report"
)

// A judgement is a snapshot with the policy as it was and the proposals, ready
// to be made into a report.
type judgement struct {
	evidence
	// proposals are those to judge by, the report's own first.
	proposals []*contender
	suggested policy.Suggestion
	strengths *strengths
	mask      *mask                    // nil for none
	outreach  *report.OutreachTemplate // nil for the report's own words
}

// A contender is a proposal that people are judged by. The report counts for its
// own proposal; the others have a counter.
type contender struct {
	policy.Proposal
	then    *policy.Evaluator
	counter *report.Counter
	user    audit.JudgedUser
}

// Evidence is what a snapshot says of a policy and of whom it is for.
type evidence struct {
	reader *snapshot.Reader
	body   []byte // the policy as Graph sent it
	live   audit.Policy
	notes  []string // what is odd about it
	groups []audit.Group
	names  policy.Namer
	now    *policy.Evaluator
}

// Why the policy of a snapshot cannot be judged by.
var (
	errNoPolicy  = errors.New("the snapshot holds no policy: the scan was interrupted before it was read")
	errBadPolicy = errors.New("read the policy in the snapshot")
)

// readEvidence reads the snapshot's policy and groups.
func readEvidence(ctx context.Context, r *snapshot.Reader, names policy.Namer) (evidence, error) {
	e := evidence{reader: r, names: names}
	have := false
	var err error
	if e.body, have, err = r.Document(ctx, snapshot.DocumentPolicy); err != nil {
		return e, err
	}
	if !have {
		return e, withHint(errNoPolicy, "finish the scan first, with scan --resume")
	}
	if e.live, e.notes, err = policy.Parse(e.body); err != nil {
		return e, fmt.Errorf("%w: %w", errBadPolicy, err)
	}
	if e.groups, err = r.Groups(ctx); err != nil {
		return e, err
	}
	e.now = policy.NewEvaluator(e.live, e.groups, names)
	return e, nil
}

// judge lays the proposals over the snapshot's policy.
func judge(ctx context.Context, r *snapshot.Reader, specs []policy.Spec, names *aaguid.Catalogue) (*judgement, error) {
	e, err := readEvidence(ctx, r, nameOf(names))
	if err != nil {
		return nil, err
	}
	j := &judgement{evidence: e}
	proposals, err := propose(j.live, specs)
	if err != nil {
		return nil, err
	}
	for i, p := range proposals {
		p.Notes = append(p.Notes, j.notes...)
		c := &contender{Proposal: p, then: policy.NewEvaluator(p.Policy, j.groups, j.names)}
		if i > 0 {
			c.counter = report.NewCounter(reportProposal(p))
		}
		j.proposals = append(j.proposals, c)
	}
	uses, err := r.AAGUIDs(ctx)
	if err != nil {
		return nil, err
	}
	if j.suggested, err = policy.SuggestInUse(j.live, usesOf(uses), policy.SuggestOptions{Live: j.body}); err != nil {
		return nil, fmt.Errorf("suggest a policy: %w", err)
	}
	if j.strengths, err = readStrengths(ctx, r, j.groups); err != nil {
		return nil, err
	}
	return j, nil
}

func reportProposal(p policy.Proposal) report.Proposal {
	return report.Proposal{Name: p.Name, Policy: p.Policy, Changes: p.Changes, Notes: p.Notes, Assumes: p.Assumes}
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

// missingGroups gives the groups that the proposals need and that the snapshot
// has never asked for.
func (j *judgement) missingGroups() []string {
	var proposed []audit.Policy
	for _, c := range j.proposals {
		proposed = append(proposed, c.Policy)
	}
	return policy.MissingGroups(j.groups, proposed...)
}

// warnMissingGroups names them.
func (j *judgement) warnMissingGroups(u *ui) {
	for _, id := range j.missingGroups() {
		u.warn("the proposal names group %s, which the scan did not read: verdicts that depend on it stay undecided; scan again with this --proposed, which reads all users and the groups it names, or with --group %s, which reads the members of that group alone", id, id)
	}
}

// judged tells of everybody, with the verdicts of the report's own proposal, and
// has the other proposals count. A value is valid until the next one.
func (j *judgement) judged(ctx context.Context) iter.Seq2[*audit.JudgedUser, error] {
	return func(yield func(*audit.JudgedUser, error) bool) {
		for rec, err := range j.reader.Users(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, c := range j.proposals {
				c.judge(rec, j.now)
				if c.counter != nil {
					c.counter.Add(&c.user)
				}
			}
			u := &j.proposals[0].user
			j.mask.user(u)
			j.strengths.find(u, rec.MemberOf)
			if !yield(u, nil) {
				return
			}
		}
	}
}

// judge judges a user's passkeys under a policy as it is and under the proposal.
func (c *contender) judge(rec *snapshot.Record, now *policy.Evaluator) {
	c.user.User, c.user.Outcome, c.user.Passkeys = rec.User, rec.Outcome, c.user.Passkeys[:0]
	if len(rec.Passkeys) == 0 {
		return
	}
	current, then := now.Scope(rec.ID, rec.MemberOf), c.then.Scope(rec.ID, rec.MemberOf)
	for i := range rec.Passkeys {
		k := &rec.Passkeys[i]
		proposed := then.Judge(k)
		c.user.Passkeys = append(c.user.Passkeys, audit.JudgedPasskey{
			Passkey: *k, Current: current.Judge(k), Proposed: proposed, Registrable: then.Registrable(k, proposed),
		})
	}
}

// source is what the report says of the tenant. It lasts as long as the snapshot
// is open.
func (j *judgement) source(ctx context.Context) (*report.Source, error) {
	m := j.reader.Meta()
	cov, err := j.reader.Coverage(ctx)
	if err != nil {
		return nil, err
	}
	reports, err := j.reader.Reports(ctx)
	if err != nil {
		return nil, err
	}
	cov.NotLookedAt = append(notLookedAt(m.Scope, j.mask), registrationNotes(m, reports)...)
	effort, _, err := j.reader.Effort(ctx)
	if err != nil {
		return nil, err
	}
	active := time.Duration(effort.ActiveMS) * time.Millisecond
	s := &report.Source{
		Tenant: m.Tenant, Snapshot: j.reader.Path(),
		Started: m.StartedAt, Finished: m.FinishedAt, Duration: active,
		Coverage: cov, Live: j.live, Groups: j.targetGroups(),
		Proposal: reportProposal(j.proposals[0].Proposal),
		Users:    j.judged(ctx), Failures: j.mask.failures(j.reader.Failures(ctx)),
		LastUsedRead: m.Scope.LastUsed, Suggested: j.suggested.AAGUIDs, Strengths: j.strengths.input(reports),
		Requests: report.Requests{Total: effort.Requests, Batches: effort.Batches, Throttled: effort.Throttled, Retried: effort.Retried, Failed: effort.Failed},
		Rate:     report.Rate{ThrottledSeconds: float64(effort.WaitedMS) / 1000},
	}
	if active > 0 {
		s.Rate.UsersPerSecond = float64(cov.Read) / active.Seconds()
	}
	return s, nil
}

// facts are rows of the sheet Run on how the snapshot came to be, and with what
// it is judged.
func (j *judgement) facts(ctx context.Context, names *aaguid.Catalogue) ([]report.Fact, error) {
	m := j.reader.Meta()
	_, runs, err := j.reader.Effort(ctx)
	if err != nil {
		return nil, err
	}
	reports, err := j.reader.Reports(ctx)
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
	granted, err := grantFacts(ctx, j.reader)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]report.Fact{
		{Section: "Tenant", Name: "Cloud", Value: report.Text(m.Cloud)},
		{Section: "Tenant", Name: "Microsoft Graph", Value: report.Text(m.GraphRoot)},
		{Section: "Requests", Name: "Pages of users", Value: report.Count(listing.Pages)},
		{Section: "Requests", Name: "Listings begun anew", Value: report.Count(listing.Restarts)},
		{Section: "Requests", Name: "Quota met", Value: report.Text(quotaWords(ceiling))},
		{Section: "Time", Name: "Runs (1 if never interrupted)", Value: report.Count(runs)},
		{Section: "Report", Name: "Scan made with", Value: report.Text("passkey-audit " + m.ToolVersion)},
	}, granted, metadataFacts(names), registrationFacts(m, reports)), nil
}

// document builds the report. The caller closes it, before the snapshot.
func (j *judgement) document(ctx context.Context, names *aaguid.Catalogue, tempDir string) (*report.Document, error) {
	s, err := j.source(ctx)
	if err != nil {
		return nil, err
	}
	in := reportInput(names, tempDir)
	in.Source, in.SuggestedBody, in.Outreach, in.Portal = *s, j.suggested.Body, j.outreach, portalOf(j.reader.Meta().Cloud)
	if in.Run, err = j.facts(ctx, names); err != nil {
		return nil, err
	}
	for _, c := range j.proposals[1:] {
		in.Alternatives = append(in.Alternatives, c.counter)
	}
	return report.Build(ctx, in)
}

// reportInput is what a report is made of beside its tenants.
func reportInput(names *aaguid.Catalogue, tempDir string) report.Input {
	return report.Input{
		Tool:          report.Tool{Name: "passkey-audit", Version: toolVersion()},
		Authenticator: names.Lookup, Namesakes: names.Match, CatalogueDate: names.Date(), DescribeAssumption: policy.Describe,
		TempDir: tempDir,
	}
}

// metadataFacts says which FIDO metadata was given.
func metadataFacts(names *aaguid.Catalogue) []report.Fact {
	mds := names.Metadata()
	if mds == nil {
		return nil
	}
	return []report.Fact{{Section: "Report", Name: "FIDO metadata", Value: report.Text(
		fmt.Sprintf("number %d, next update %s; %s", mds.Serial, orWord(mds.NextUpdate, "not told"), mds.Signature))}}
}

// portalOf gives the admin centre of a cloud; none where there is none, or its
// address is not known for certain.
func portalOf(cloud string) report.Portal {
	switch cloud {
	case "global":
		return report.EntraPortal
	case "usgov", "dod":
		return "https://entra.microsoft.us"
	case "china":
		return "https://entra.microsoftonline.cn"
	}
	return ""
}

// targetGroups gives the groups that the live policy and the report's own
// proposal name. Others were read for Conditional Access and for roles.
func (j *judgement) targetGroups() []audit.Group {
	wanted := policy.Groups(j.live, j.proposals[0].Policy)
	return slices.DeleteFunc(slices.Clone(j.groups), func(g audit.Group) bool { return !slices.Contains(wanted, g.ID) })
}

// notLookedAt says in sentences what the scope leaves out. A pattern may be
// somebody's name, and so is masked like one.
func notLookedAt(s snapshot.Scope, m *mask) []string {
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
	if n := len(s.ExcludeUPN); n > 0 && m != nil {
		out = append(out, fmt.Sprintf("Users whose user principal name matches %s were left out (--exclude-upn).", report.Plural(n, "pattern", "patterns")))
		return out
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
