package report

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"passkey-audit/audit"
)

// tenantColumns are the columns of tenants.csv.
func tenantColumns() []Column {
	return []Column{
		{"tenant", "Tenant", KindFree, 30, "The tenant's name; where nothing is known of the tenant, the snapshot that could not be used."},
		{"domain", "Default domain", KindFree, 30, "The tenant's default domain."},
		{"complete", "Complete", KindYesNo, 11, "Whether nothing is missing that was asked for; if not, the counts are lower bounds."},
		{"losing_last_passkey", "People who lose their last passkey", KindCount, 14, "How many people have a passkey that works now and none under the proposal."},
		{"losing_last_passkey_administrators", "Administrators among them", KindCount, 16, "How many of these people are administrators; in words where that is not known of all of them."},
		{"losing_some", "People who lose some", KindCount, 12, "How many others have a passkey that breaks."},
		{"breaks", "Passkeys that break", KindCount, 12, "How many passkeys the proposal breaks."},
		{"undecided", "Passkeys undecided", KindCount, 12, "How many passkeys are undecided under the proposal: neither allowed nor blocked."},
		{"cannot_be_judged", "People who cannot be judged", KindCount, 14, "How many people may lose their last passkey: nothing of theirs is known to work now, something may, and the proposal allows none."},
		{"passkeys", "Passkeys", KindCount, 11, "How many passkeys were read."},
		{"with_passkey", "People with a passkey", KindCount, 12, "How many people have at least one."},
		{"listed", "Users listed", KindCount, 11, "How many users the tenant lists."},
		{"read", "Users read", KindCount, 11, "How many users' passkeys were read."},
		{"unread", "Users not read", KindCount, 11, "How many users' passkeys could not be read: they may have passkeys that break."},
		{"proposal_changes", "Proposal changes policy", KindYesNo, 12, "Whether the proposal changes anything in the tenant's policy."},
		{"strengths_judged", "Strengths judged", KindYesNo, 12, "Whether authentication strengths were judged; if not, the sheet Strengths says nothing of the tenant."},
		{"scanned_at", "Scanned (UTC)", KindTime, 18, "When the tenant had been read, in UTC; empty where the scan did not come to its end."},
		{"missing", "What is missing", KindFree, 70, "What could not be read, in sentences."},
		{"not_looked_at", "Not looked at", KindFree, 50, "What was not asked for, in sentences."},
		{"strength_notes", "Notes on strengths", KindFree, 50, "What is to say of the judging of authentication strengths."},
		{"tenant_id", "Tenant ID", KindGUID, 37, "The tenant's identifier."},
	}
}

func (d *Document) tenantsTable() Table {
	columns := tenantColumns()
	return Table{
		Title: TitleTenants, File: FileTenants, Columns: columns, Count: len(d.tenants), CountWords: d.tenantsWords(),
		Rows: func(ctx context.Context) iter.Seq2[[]Cell, error] {
			return func(yield func([]Cell, error) bool) {
				row := make([]Cell, len(columns))
				for i := range d.tenants {
					d.tenants[i].row(row)
					if !yield(row, ctx.Err()) || ctx.Err() != nil {
						return
					}
				}
			}
		},
	}
}

// row fills a row in the order of tenantColumns. What could not be used has no
// counts: 0 would say that there is none.
func (f *TenantFigures) row(row []Cell) {
	clear(row)
	name := f.Name
	if f.Tenant == (audit.Tenant{}) {
		name = f.Snapshot
	}
	row[0], row[1], row[2] = Text(name), Text(f.Domain), YesNo(audit.TernaryOf(f.Complete()))
	copy(row[17:], []Cell{
		Text(strings.Join(f.Incomplete, " ")), Text(strings.Join(f.NotLookedAt, " ")), Text(strings.Join(f.StrengthNotes, " ")), Text(f.ID),
	})
	if f.Usable {
		c := &f.Coverage
		copy(row[3:], []Cell{
			Count(f.LosingLast), f.LosingLastAdmins.Cell(), Count(f.LosingSome), Count(f.Breaks), Count(f.Undecided), Count(f.CantJudge),
			Count(f.Passkeys), Count(c.WithPasskey), Count(c.Listed), Count(c.Read), Count(c.Unread),
			YesNo(audit.TernaryOf(f.Changes)), YesNo(audit.TernaryOf(f.StrengthsRead)), Time(f.Finished),
		})
	}
}

// tenantsWords says how many tenants lose something, and of how many something
// is missing.
func (d *Document) tenantsWords() string {
	hit, missing := 0, 0
	for i := range d.tenants {
		hit += boolInt(d.tenants[i].LosingLast > 0)
		missing += boolInt(!d.tenants[i].Complete())
	}
	s := Plural(len(d.tenants), "tenant", "tenants") + ": in " + Number(hit) + " people lose their last passkey"
	if missing > 0 {
		s += ", " + verb(missing, "is", "are") + " incomplete"
	}
	return s
}

// TenantsHit gives up to n tenants, those where most people lose their last
// passkey, and how many more there are where anybody does. In a report of one
// tenant there are none.
func (d *Document) TenantsHit(n int) (list []TenantFigures, more int) {
	if !d.fleet {
		return nil, 0
	}
	for _, t := range d.tenants {
		switch {
		case t.LosingLast == 0:
		case len(list) < n:
			list = append(list, t)
		default:
			more++
		}
	}
	return list, more
}

// Unusable counts the snapshots of a report of several tenants that could not be
// used.
func (d *Document) Unusable() int {
	n := 0
	for i := range d.tenants {
		n += boolInt(d.fleet && !d.tenants[i].Usable)
	}
	return n
}

// TenantsIncomplete gives sentences on up to n tenants of which something is
// missing, and one that counts the others.
func (d *Document) TenantsIncomplete(n int) []string {
	if !d.fleet {
		return nil
	}
	var list []string
	more := 0
	for i := range d.tenants {
		t := &d.tenants[i]
		switch {
		case t.Complete():
		case len(list) < n:
			s := strings.Join(t.Incomplete, " ")
			if label := t.Label(); label != t.Snapshot { // else the sentence names it
				s = label + ": " + s
			}
			list = append(list, s)
		default:
			more++
		}
	}
	if more > 0 {
		list = append(list, "And "+Plural(more, "more tenant", "more tenants")+": the sheet Tenants and tenants.csv have them all.")
	}
	return list
}

// SummaryTenantFigures is the form of TenantFigures. All counts are null of a
// snapshot that could not be used.
type SummaryTenantFigures struct {
	SummaryTenant
	FinishedAt *time.Time `json:"finished_at"`
	// Complete is true if nothing is missing; if not, Incomplete says what is, and
	// the counts are lower bounds.
	Complete    bool     `json:"complete"`
	Incomplete  []string `json:"incomplete"`
	NotLookedAt []string `json:"not_looked_at"`

	Users           *SummaryTenantUsers    `json:"users"`
	Passkeys        *SummaryTenantPasskeys `json:"passkeys"`
	ProposalChanges *bool                  `json:"proposal_changes"`
	StrengthsRead   *bool                  `json:"strengths_read"`
}

// SummaryTenantUsers counts a tenant's people, as SummaryUsers does.
type SummaryTenantUsers struct {
	Listed                  int  `json:"listed"`
	Read                    int  `json:"read"`
	Unread                  int  `json:"unread"`
	Gone                    int  `json:"gone"`
	OutOfScope              int  `json:"out_of_scope"`
	WithPasskey             int  `json:"with_passkey"`
	WithoutPasskey          int  `json:"without_passkey"`
	LosingLast              int  `json:"losing_last_passkey"`
	LosingLastAdmins        *int `json:"losing_last_passkey_administrators"`
	LosingLastAdminsAtLeast *int `json:"losing_last_passkey_administrators_at_least"`
	LosingLastAdminUnknown  int  `json:"losing_last_passkey_administrator_unknown"`
	LosingSome              int  `json:"losing_some"`
	Unjudged                int  `json:"unjudged"`
}

// SummaryTenantPasskeys counts a tenant's passkeys.
type SummaryTenantPasskeys struct {
	Total     int `json:"total"`
	Breaks    int `json:"breaks"`
	Undecided int `json:"undecided"`
}

// summaryTenants gives the first tenant that was judged, and all in a report of
// several.
func (d *Document) summaryTenants() (first SummaryTenant, all []SummaryTenantFigures) {
	if !d.fleet {
		return SummaryTenant(d.in.Tenant), nil
	}
	if i := slices.IndexFunc(d.tenants, func(t TenantFigures) bool { return t.Usable }); i >= 0 {
		first = SummaryTenant(d.tenants[i].Tenant)
	}
	for i := range d.tenants {
		t := &d.tenants[i]
		s := SummaryTenantFigures{
			SummaryTenant: SummaryTenant(t.Tenant), FinishedAt: timePointer(t.Finished), Complete: t.Complete(),
			Incomplete: append([]string{}, t.Incomplete...), NotLookedAt: append([]string{}, t.NotLookedAt...),
		}
		if t.Usable {
			c, a := &t.Coverage, t.LosingLastAdmins
			s.Users = &SummaryTenantUsers{
				Listed: c.Listed, Read: c.Read, Unread: c.Unread, Gone: c.Gone, OutOfScope: c.OutOfScope,
				WithPasskey: c.WithPasskey, WithoutPasskey: c.WithoutPasskey, LosingLast: t.LosingLast,
				LosingLastAdmins: a.exact(), LosingLastAdminsAtLeast: a.atLeast(), LosingLastAdminUnknown: a.Unknown,
				LosingSome: t.LosingSome, Unjudged: t.CantJudge,
			}
			s.Passkeys = &SummaryTenantPasskeys{Total: t.Passkeys, Breaks: t.Breaks, Undecided: t.Undecided}
			s.ProposalChanges, s.StrengthsRead = &t.Changes, &t.StrengthsRead
		}
		all = append(all, s)
	}
	return first, all
}
