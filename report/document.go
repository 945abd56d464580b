package report

import (
	"context"
	"iter"
	"time"

	"passkey-audit/audit"
)

// A Document is a report without a format: figures, sentences and tables. It
// is made by Build and does not change; several formats may be written from it
// at a time. Close it when all are written.
type Document struct {
	in    Input
	spool *spool
	// words write outreach.csv.
	words *OutreachTemplate

	// Users and Passkeys are the figures.
	Users    UserFigures
	Passkeys PasskeyFigures
	// Assumptions are what verdicts or the proposal hang on, in the order of
	// the assumptions' numbers.
	Assumptions []Assumption
	// Hardest are up to ten people who are hit hardest: those who lose the last
	// passkey before those who lose some, and of both administrators first.
	Hardest []Person
	// Strengths counts what authentication strengths do not accept; it means
	// nothing where StrengthsRead is false.
	Strengths StrengthFigures
	// Authenticators count passkeys and people for each AAGUID, in the order
	// of aaguids.csv.
	Authenticators []AuthenticatorFigures

	models     []*model
	incomplete []string
	proposals  []ProposalFigures
	live       *ProposalFigures

	strengthRemarks []Remark

	// tenants are those of the report, in the order of tenants.csv; fleet is true
	// in a report of several, and tenantAt finds them there by id.
	tenants  []TenantFigures
	tenantAt map[string]int
	fleet    bool
	// strengthsAll tells that strengths were judged in each tenant of several.
	strengthsAll bool
	// unusedSince is the time before which a passkey counts as unused.
	unusedSince time.Time
}

// An Assumption is a rule that was followed although Microsoft does not
// document it, and the number of passkeys whose verdict hangs on it.
type Assumption struct {
	Text     string
	Passkeys int
	// OfProposal tells that it is about how the proposal is to be read: every
	// verdict under the proposal hangs on it then.
	OfProposal bool
}

// AuthenticatorFigures count the passkeys of one authenticator model.
type AuthenticatorFigures struct {
	audit.Authenticator
	// None is true for the passkeys whose AAGUID is missing or is no AAGUID.
	None bool
	// Title is the name to show: the catalogue's, or words that say that there
	// is none.
	Title string
	// Mark tells the model apart from another one of this report with the same
	// Title; empty where there is none.
	Mark string
	// Passkeys and People count those that have it; Breaking, and
	// PeopleBreaking, those that break.
	Passkeys, People, Breaking, PeopleBreaking int
	Undecided                                  int
	// Attested counts the passkeys that were attested when registered.
	Attested int
	// InLive and InProposed tell whether the lists that everybody is under name
	// it; Remarks say so where only a list for some does. Suggested tells of the
	// suggested allow list.
	InLive, InProposed, Suggested bool
	// Unproven says why an allow list had better not name it without a second
	// thought; empty where there is nothing to say, and where it is not
	// suggested.
	Unproven Unproven
	// ListsNow and ListsProposed tell whether the key restrictions of either
	// policy let it through: "allowed", "blocked", "for_some", "undecided".
	ListsNow, ListsProposed string
	// Remarks are sentences on it for people.
	Remarks []string
}

// Unproven says in one word why it is not proven which authenticators an
// AAGUID stands for.
type Unproven string

// The reasons.
const (
	UnprovenZero       Unproven = "zero"         // the all-zero AAGUID stands for any authenticator
	UnprovenUnknown    Unproven = "unknown"      // no source knows it
	UnprovenUnattested Unproven = "not_attested" // no passkey with it is attested: its AAGUID may be made up
)

// A Table is rows under columns. The tables of a document have the same rows
// in every format.
type Table struct {
	// Title is the name of the sheet; empty for a table without one.
	Title string
	// File is the base name of the CSV file; empty for a table without one.
	File    string
	Columns []Column
	// Count is the number of rows.
	Count int
	// CountWords says in a few words what the rows are, where they are of
	// several kinds; empty elsewhere.
	CountWords string
	// Empty says in a sentence why there are no rows, where Count is 0.
	Empty string
	// Remarks are on some cells, in the order of the rows; for people alone.
	Remarks []Remark
	// Ages say which times of a column are old; for people alone.
	Ages []Age
	// Portal has a page on the person of each row; see Link. It is empty where
	// rows are about nobody.
	Portal Portal
	// Rows gives the rows in order. A row is used until the next one only. It
	// ends after the first error. It may be called often, also concurrently.
	Rows func(ctx context.Context) iter.Seq2[[]Cell, error]
}

// A Remark is on a cell of a table.
type Remark struct {
	// Row counts from 0, the column is that of the key.
	Row  int
	Key  string
	Text string
}

// An Age is about the times of the column of that key. Where people read them,
// Old stands beside a time before Before, and Missing where there is none.
type Age struct {
	Key          string
	Before       time.Time
	Old, Missing string
}

// Age gives what the table says of the times of a column.
func (t Table) Age(key string) (Age, bool) {
	for _, a := range t.Ages {
		if a.Key == key {
			return a, true
		}
	}
	return Age{}, false
}

// Missing gives the word that people read in a column's cells without a value;
// empty where they are left empty.
func (t Table) Missing(c Column) string {
	if a, ok := t.Age(c.Key); ok {
		return a.Missing
	}
	if t.Title == TitleTenants && c.Kind == KindCount {
		return unknownWord
	}
	return ""
}

// Titles of the tables that are sheets.
const (
	TitleBreaking  = "Would break"
	TitleUsers     = "Users at risk"
	TitlePasskeys  = "All passkeys"
	TitleAAGUIDs   = "AAGUIDs"
	TitlePolicy    = "Policy"
	TitleStrengths = "Strengths"
	TitleUnread    = "Unread"
	TitleRun       = "Run"
	TitleTenants   = "Tenants"
)

// Names of the CSV files.
const (
	FileBreaking  = "breaking.csv"
	FileUsers     = "users.csv"
	FilePasskeys  = "passkeys.csv"
	FileAAGUIDs   = "aaguids.csv"
	FileStrengths = "strengths.csv"
	FileUnread    = "unread.csv"
	FileOutreach  = "outreach.csv"
	FileTenants   = "tenants.csv"
)

// Tables gives every table: those that are sheets in the workbook's order,
// then the others.
func (d *Document) Tables() []Table {
	list := []Table{
		d.breakingTable(), d.usersTable(), d.passkeysTable(), d.aaguidsTable(),
		d.policyTable(), d.strengthsTable(), d.unreadTable(), d.runTable(),
		d.outreachTable(),
	}
	if d.fleet {
		list = append([]Table{d.tenantsTable()}, list...)
	}
	return list
}

// Table finds a table by the name of its CSV file or by its title; false where
// the report has none, such as that of tenants in a report of one.
func (d *Document) Table(name string) (Table, bool) {
	for _, t := range d.Tables() {
		if name != "" && (t.File == name || t.Title == name) {
			return t, true
		}
	}
	return Table{}, false
}

// Tool names the program that made the report.
func (d *Document) Tool() Tool { return d.in.Tool }

// Several reports whether this is a report of several tenants, even if they
// have come to be one.
func (d *Document) Several() bool { return d.fleet }

// Tenants gives the tenants that the report is about: in a report of several,
// those first of which nothing is known, then those where most people lose
// their last passkey. In a report of one the figures are not filled in.
func (d *Document) Tenants() []TenantFigures { return d.tenants }

// Started and Finished tell when the tenant was read.
func (d *Document) Started() time.Time  { return d.in.Started }
func (d *Document) Finished() time.Time { return d.in.Finished }

// Coverage tells what became of the tenant's users.
func (d *Document) Coverage() audit.Coverage { return d.in.Coverage }

// Proposal is what the passkeys were judged against.
func (d *Document) Proposal() Proposal { return d.in.Proposal }

// CatalogueDate is the date of the authenticators' names, in words.
func (d *Document) CatalogueDate() string { return d.in.CatalogueDate }

// Portal is the admin centre that has a page on each user; empty where there
// are to be no links.
func (d *Document) Portal() Portal { return d.in.Portal }

// SuggestedBody is the content of suggested-policy.json; may be nil.
func (d *Document) SuggestedBody() []byte { return d.in.SuggestedBody }

// AssumptionTexts gives the sentences of a set of assumptions.
func (d *Document) AssumptionTexts(set audit.AssumptionSet) []string {
	var list []string
	for a := audit.Assumption(0); set != 0 && a < 64; a++ {
		if set.Has(a) {
			list = append(list, d.describe(a))
		}
	}
	return list
}

// Complete reports whether nothing that was asked for is missing.
func (d *Document) Complete() bool { return len(d.incomplete) == 0 }

// Incomplete says in sentences what is missing; empty in a complete report.
func (d *Document) Incomplete() []string { return d.incomplete }

// UnreadCount is the number of rows of unread.csv.
func (d *Document) UnreadCount() int { return d.spool.count(bucketFailures) }

// Close removes the spool.
func (d *Document) Close() error { return d.spool.close() }

// AllPasskeys gives every passkey in the order of passkeys.csv. A value is
// used until the next one only. It ends after the first error.
func (d *Document) AllPasskeys(ctx context.Context) iter.Seq2[*Passkey, error] {
	return d.passkeysIn(ctx, passkeyBuckets()...)
}

// UserLines gives every user in the order of the input. A value is used until
// the next one only. It ends after the first error.
func (d *Document) UserLines(ctx context.Context) iter.Seq2[*UserLine, error] {
	return func(yield func(*UserLine, error) bool) {
		var l UserLine
		for rec, err := range d.spool.read(ctx, bucketLines) {
			dec := decoder{rest: rec, dict: &d.spool.dict}
			if err == nil {
				if dec.line(&l); dec.bad {
					err = errDamaged
				}
			}
			if !yield(&l, err) || err != nil {
				return
			}
		}
	}
}
