package report

import (
	"iter"
	"time"

	"passkey-audit/audit"
)

// A Tool names the program that made a report.
type Tool struct{ Name, Version string }

// A Proposal is the policy that the passkeys were judged against, beside the
// live one.
type Proposal struct {
	// Name is what the administrator asked for: "enforced", "live", a file's
	// name, and so on.
	Name   string
	Policy audit.Policy
	// Changes says in sentences what the proposal changes in the live policy;
	// empty if nothing.
	Changes []string
	// Notes are further sentences about the proposal, such as that there was
	// nothing to switch on.
	Notes []string
	// Assumes holds the assumptions that laying the proposal over the live
	// policy needed.
	Assumes audit.AssumptionSet
}

// Requests counts what was sent to Microsoft Graph.
type Requests struct{ Total, Batches, Throttled, Retried, Failed int }

// A Rate tells how fast the tenant was read.
type Rate struct{ UsersPerSecond, ThrottledSeconds float64 }

// A Fact is one row of the sheet Run.
type Fact struct {
	Section, Name string
	Value         Cell
}

// Input is what Build makes a report of.
type Input struct {
	Tool    Tool
	Tenants []audit.Tenant

	// Started, Finished and Duration tell when the tenant was read and how long
	// that took, interruptions not counted.
	Started, Finished time.Time
	Duration          time.Duration

	Coverage audit.Coverage
	Live     audit.Policy
	Proposal Proposal
	// Alternatives count further proposals, to stand beside Proposal; may be
	// nil. They are looked at when Users has come to its end, so that they can
	// be given each user while Users gives it.
	Alternatives []*Counter
	Groups       []audit.Group

	// Users gives every listed user in final order: lower-cased user principal
	// name, then id. It is read once; a value is used until the next one only.
	Users iter.Seq2[*audit.JudgedUser, error]
	// Failures gives everything that could not be read, in final order. It is
	// read once, before Users. May be nil.
	Failures iter.Seq2[audit.Failure, error]
	// Strengths is what was found of authentication strengths; its zero value
	// says that they were not judged, and every format then says so.
	Strengths Strengths

	// LastUsedRead tells that the times of last use were asked for. A time that
	// is missing then is not known: it never means that a passkey was not used.
	LastUsedRead bool
	// AsOf is the time from which last use is looked back on; zero for
	// Finished. It is a time of the scan, so that a snapshot judged a year later
	// gives the same report.
	AsOf time.Time

	// Authenticator looks an AAGUID up; false where no source knows it. May be
	// nil.
	Authenticator func(audit.AAGUID) (audit.Authenticator, bool)
	// Namesakes gives the models of a name, and perhaps others; makers give one
	// name to many models. May be nil.
	Namesakes func(name string) []audit.Authenticator
	// CatalogueDate is the date of the names, in words.
	CatalogueDate string
	// DescribeAssumption gives the sentence for an assumption. May be nil.
	DescribeAssumption func(audit.Assumption) string

	// Suggested are the AAGUIDs of the suggested allow list, SuggestedBody the
	// PATCH body that holds them; both may be nil.
	Suggested     []audit.AAGUID
	SuggestedBody []byte

	// Outreach are the words of outreach.csv; nil for the report's own.
	Outreach *OutreachTemplate
	// Portal is the admin centre that has a page on each user; empty for no
	// links.
	Portal Portal

	Requests Requests
	Rate     Rate
	// Run are further rows of the sheet Run, after those that Build makes.
	Run []Fact

	// TempDir is where the spool is put, in a folder of its own; empty for the
	// system's. It needs about 400 bytes for each passkey.
	TempDir string
}
