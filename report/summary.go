package report

import (
	"math"
	"time"

	"passkey-audit/audit"
)

// SummarySchema is the version of Summary. Fields are only added; a change
// that breaks a reader raises it.
const SummarySchema = 1

// A Summary holds a report's figures. Its JSON form is summary.json, a
// contract with machines: report/json/summary.schema.json describes it.
type Summary struct {
	Schema int         `json:"schema"`
	Tool   SummaryTool `json:"tool"`
	// Tenant is the tenant, of several the first that could be judged. Tenants has
	// them all, with their figures, in a report of several.
	Tenant          SummaryTenant          `json:"tenant"`
	Tenants         []SummaryTenantFigures `json:"tenants,omitempty"`
	StartedAt       *time.Time             `json:"started_at"`
	FinishedAt      *time.Time             `json:"finished_at"`
	DurationSeconds float64                `json:"duration_seconds"`

	// Verdict and Completeness are the sentences that people read.
	Verdict      string `json:"verdict"`
	Completeness string `json:"completeness"`
	// Complete is true if nothing that was asked for is missing; if not,
	// Incomplete says what is. NotLookedAt says what was not asked for.
	Complete    bool     `json:"complete"`
	Incomplete  []string `json:"incomplete"`
	NotLookedAt []string `json:"not_looked_at"`

	Users    SummaryUsers    `json:"users"`
	Passkeys SummaryPasskeys `json:"passkeys"`
	LastUse  SummaryLastUse  `json:"last_use"`

	Proposal        string   `json:"proposal"`
	ProposalChanges []string `json:"proposal_changes"`
	ProposalNotes   []string `json:"proposal_notes"`
	// Proposals compares all proposals, the report's own first. Live has the
	// figures of the policy as it is; it is null where there is one proposal.
	Proposals []SummaryProposal `json:"proposals"`
	Live      *SummaryProposal  `json:"live_policy"`

	Assumptions       []string            `json:"assumptions"`
	AssumptionDetails []SummaryAssumption `json:"assumption_details"`

	// SuggestedCount is the length of the suggested allow list;
	// SuggestedUnproven are its entries of which it is not proven what they
	// stand for.
	SuggestedCount    int                `json:"suggested"`
	SuggestedUnproven []SummarySuggested `json:"suggested_unproven"`

	// AuthenticatorProblems are the authenticators that the FIDO Metadata
	// Service warns of; an empty list means that no warning is known.
	AuthenticatorProblems []SummaryProblem `json:"authenticator_problems"`

	Unread        int  `json:"unread_rows"`
	StrengthsRead bool `json:"strengths_read"`
	// Strengths is what authentication strengths do not accept, which is never
	// counted among what breaks.
	Strengths SummaryStrengths `json:"strengths"`

	Requests SummaryRequests `json:"requests"`
	Rate     SummaryRate     `json:"rate"`
}

// SummaryTool names the program.
type SummaryTool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// SummaryTenant names a tenant.
type SummaryTenant struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Domain string `json:"domain"`
}

// UserFigures count people. Listed = Read + Unread + Gone + OutOfScope holds
// in a complete report.
type UserFigures struct {
	Listed, Read, Unread, Gone, OutOfScope int
	WithPasskey, WithoutPasskey            int

	// LosingLast counts people with a passkey that works now and none that is
	// allowed under the proposal; LosingLastUndecided those of them who have
	// one that is undecided, so that they may keep it.
	LosingLast, LosingLastUndecided int
	// LosingSome counts the others with a passkey that breaks;
	// LosingSomeNoneLeft those of them whom the proposal allows none: whether
	// any of theirs works now is undecided.
	LosingSome, LosingSomeNoneLeft int
	// Unjudged counts people of whom it cannot be told whether they lose their
	// last working passkey: nothing of theirs is known to work now, something
	// may, and the proposal allows none.
	Unjudged int
	// Undecided, BlockedAlready and Unaffected count the people of these
	// risks; Unaffected only those who have a passkey.
	Undecided, BlockedAlready, Unaffected int

	// Breaking counts the people with a passkey that breaks, whatever else
	// they have.
	Breaking int

	// LosingLastAdmins and LosingSomeAdmins count the administrators among
	// those above.
	LosingLastAdmins, LosingSomeAdmins Tally
	// LosingLastUnused counts those who lose the last passkey and have used none
	// of those that work or may work now for a year or more; it is empty where
	// last use was not read.
	LosingLastUnused Tally
	// Administrators counts the administrators among the listed users who were
	// not deleted meanwhile, AdministratorsUnread those among the unread.
	Administrators, AdministratorsUnread Tally
}

// PasskeyFigures count passkeys; Total is the sum of the five impacts.
type PasskeyFigures struct {
	Total, Breaks, AlreadyBlocked, Restored, Unaffected, Undecided int
	// NotRegistrable counts the allowed ones that could not be registered
	// again under the proposal.
	NotRegistrable Tally
	// BreaksUnused counts those that break and were not used for a year or
	// more; it is empty where last use was not read.
	BreaksUnused Tally
}

func (f *PasskeyFigures) add(i audit.Impact) {
	f.Total++
	switch i {
	case audit.ImpactBreaks:
		f.Breaks++
	case audit.ImpactAlreadyBlocked:
		f.AlreadyBlocked++
	case audit.ImpactRestored:
		f.Restored++
	case audit.ImpactUnaffected:
		f.Unaffected++
	default:
		f.Undecided++
	}
}

// ProposalFigures are one proposal's figures in the comparison.
type ProposalFigures struct {
	Name string
	// Live is true for the policy as it is.
	Live     bool
	Passkeys PasskeyFigures
	Users    UserFigures
	// Changes and Notes are those of the Proposal.
	Changes, Notes []string
	// Assumptions are what its verdicts hang on.
	Assumptions []Assumption
}

// SummaryAssumption is an assumption and the number of passkeys whose verdict
// hangs on it.
type SummaryAssumption struct {
	Text       string `json:"text"`
	Passkeys   int    `json:"passkeys"`
	OfProposal bool   `json:"of_proposal"`
}

// SummaryRequests mirrors Requests.
type SummaryRequests struct {
	Total     int `json:"total"`
	Batches   int `json:"batches"`
	Throttled int `json:"throttled"`
	Retried   int `json:"retried"`
	Failed    int `json:"failed"`
}

// SummaryRate mirrors Rate.
type SummaryRate struct {
	UsersPerSecond   float64 `json:"users_per_second"`
	ThrottledSeconds float64 `json:"throttled_seconds"`
}

// Summary gives the figures. The slices are never nil.
func (d *Document) Summary() Summary {
	in := &d.in
	s := Summary{
		Schema:          SummarySchema,
		Tool:            SummaryTool(in.Tool),
		StartedAt:       timePointer(in.Started),
		FinishedAt:      timePointer(in.Finished),
		DurationSeconds: hundredths(in.Duration.Seconds()),
		Verdict:         d.Verdict(),
		Completeness:    d.Completeness(),
		Complete:        d.Complete(),
		Incomplete:      append([]string{}, d.incomplete...),
		NotLookedAt:     append([]string{}, in.Coverage.NotLookedAt...),
		Users:           summaryUsers(&d.Users),
		Passkeys:        summaryPasskeys(&d.Passkeys),
		LastUse:         summaryLastUse(d),
		Proposal:        in.Proposal.Name,
		ProposalChanges: append([]string{}, in.Proposal.Changes...),
		ProposalNotes:   append([]string{}, in.Proposal.Notes...),
		Assumptions:     []string{},
		Unread:          d.spool.count(bucketFailures),
		StrengthsRead:   d.StrengthsReadAll(),
		Strengths:       summaryStrengths(d),
		Requests:        SummaryRequests(in.Requests),
		Rate:            SummaryRate{UsersPerSecond: hundredths(in.Rate.UsersPerSecond), ThrottledSeconds: hundredths(in.Rate.ThrottledSeconds)},
	}
	for _, p := range d.Proposals() {
		s.Proposals = append(s.Proposals, summaryProposal(&p))
	}
	if d.live != nil {
		live := summaryProposal(d.live)
		s.Live = &live
	}
	s.SuggestedCount, s.SuggestedUnproven = d.suggested(), []SummarySuggested{}
	for _, a := range d.SuggestedUnproven() {
		s.SuggestedUnproven = append(s.SuggestedUnproven, SummarySuggested{
			AAGUID: a.AAGUID.String(), Authenticator: a.Name, Passkeys: a.Passkeys, People: a.People, Reason: a.Unproven,
		})
	}
	s.AuthenticatorProblems = summaryProblems(d)
	s.Tenant, s.Tenants = d.summaryTenants()
	s.AssumptionDetails = summaryAssumptions(d.Assumptions)
	for _, a := range d.Assumptions {
		s.Assumptions = append(s.Assumptions, a.Text)
	}
	return s
}

// LiveName is the name of the policy as it is in the comparison.
const LiveName = "as it is now"

// Proposals gives the figures of all proposals, the report's own first.
func (d *Document) Proposals() []ProposalFigures { return d.proposals }

// Comparison gives the figures of the policy as it is and those of all
// proposals; nil where there is one proposal alone.
func (d *Document) Comparison() []ProposalFigures {
	if d.live == nil {
		return nil
	}
	return append([]ProposalFigures{*d.live}, d.proposals...)
}

// Others gives the figures of the proposals beside the report's own.
func (d *Document) Others() []ProposalFigures { return d.proposals[1:] }

// Words says what the proposal changes in the live policy, then the notes on
// it. Of the live policy itself there is nothing to say.
func (f ProposalFigures) Words() []string {
	if f.Live {
		return nil
	}
	return changeWords(f.Changes, f.Notes)
}

// hundredths rounds to two decimals, as all figures of time and rate are.
func hundredths(f float64) float64 { return math.Round(f*100) / 100 }

func timePointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
