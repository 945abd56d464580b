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

// A Source is one tenant's part of a report.
type Source struct {
	Tenant audit.Tenant
	// Snapshot says where the tenant's snapshot lies, for people. It is shown in
	// a report of several tenants, where the snapshot could not be used.
	Snapshot string
	// Unusable says why the tenant's snapshot could not be used; nil where it
	// could. Only in a report of several tenants: of the other fields Tenant is
	// looked at then, as far as it is known, and Snapshot.
	Unusable *audit.Failure

	// Started, Finished and Duration tell when the tenant was read and how long
	// that took, interruptions not counted.
	Started, Finished time.Time
	Duration          time.Duration

	Coverage audit.Coverage
	Live     audit.Policy
	// Proposal is the tenant's: of what was asked for, what it comes to there. Its
	// name is the same for all tenants.
	Proposal Proposal
	Groups   []audit.Group
	// LiveDigest and ProposedDigest tell the two policies from others; for
	// machines, in a report of several tenants. May be empty.
	LiveDigest, ProposedDigest string

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

	// Suggested are the AAGUIDs of the tenant's suggested allow list; may be nil.
	Suggested []audit.AAGUID

	Requests Requests
	Rate     Rate
}

// Input is what Build makes a report of: of one tenant, which it embeds, or of
// those that Sources gives.
type Input struct {
	// Source is the tenant of a report of one; it must be left zero where
	// Sources is set.
	Source
	// Sources gives the tenants of a report of several, in final order: it stays
	// such a report if there is one alone. Each is read to its end before the
	// next one is asked for, and nothing of it is kept but its figures. An error
	// ends the report; a tenant that fails alone is one with Unusable. It is nil
	// for a report of one tenant.
	Sources iter.Seq2[*Source, error]

	Tool Tool
	// Alternatives count further proposals, to stand beside Proposal; may be
	// nil. They are looked at when Users has come to its end, so that they can
	// be given each user while Users gives it.
	Alternatives []*Counter

	// AsOf is the time from which last use is looked back on; zero for Finished,
	// of several tenants for that of the first whose times of last use were asked
	// for. It is a time of the scan, so that a snapshot judged a year later gives
	// the same report.
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

	// SuggestedBody is the PATCH body that holds Suggested; may be nil. There is
	// none for several tenants: each has its own.
	SuggestedBody []byte

	// Outreach are the words of outreach.csv; nil for the report's own.
	Outreach *OutreachTemplate
	// Portal is the admin centre that has a page on each user; empty for no
	// links. A report of several tenants has none: a link opens in the tenant
	// that one is signed in to.
	Portal Portal

	// Run are further rows of the sheet Run, after those that Build makes.
	Run []Fact

	// TempDir is where the spool is put, in a folder of its own; empty for the
	// system's. It needs about 400 bytes for each passkey.
	TempDir string
}
