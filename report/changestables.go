package report

import (
	"context"
	"iter"

	"passkey-audit/audit"
)

// Titles of the sheets of a comparison, and its CSV file.
const (
	TitleAdded          = "Added"
	TitleRemoved        = "Removed"
	TitleNewlyBlocked   = "Newly blocked"
	TitleNewlyAllowed   = "Newly allowed"
	TitleNewlyUndecided = "Newly undecided"
	TitlePeople         = "People"
	TitlePolicyChanges  = "Policy changes"
	TitleNotCompared    = "Not compared"
	TitleTrend          = "Trend"

	FileChanges = "changes.csv"
)

// changeColumns are the columns of changes.csv. Verdicts are a few fixed words;
// the values of settings are text, and so are both in one column.
func changeColumns(values Kind) []Column {
	return []Column{
		{"change", "Change", KindEnum, 17, "What changed: policy_changed, newly_blocked, newly_allowed, passkey_added, passkey_removed, user_added or user_removed."},
		{"user_principal_name", "User principal name", KindFree, 36, "The user's sign-in name, as the newer scan has it."},
		{"display_name", "Display name", KindFree, 24, "The user's name."},
		{"passkey_name", "Passkey name", KindFree, 24, "The name that the user gave the passkey."},
		{"authenticator", "Authenticator", KindFree, 36, "The authenticator's name, by its AAGUID."},
		{"aaguid", "AAGUID", KindGUID, 37, "The authenticator model's identifier, in lower case."},
		{"before", "Before", values, 14, "The verdict under the older scan's own policy, empty where the passkey was not there; or the setting with its value."},
		{"after", "After", values, 14, "The verdict under the newer scan's own policy, empty where the passkey is not there; or the setting with its value."},
		{"tenant_id", "Tenant ID", KindGUID, 37, "The tenant's identifier."},
		{"user_id", "User ID", KindGUID, 37, "The user's object identifier."},
		{"passkey_id", "Passkey ID", KindFree, 30, "The passkey's identifier, unique within the user."},
	}
}

// notComparedColumns are the columns of the sheet Not compared.
func notComparedColumns() []Column {
	return []Column{
		{"user_principal_name", "User principal name", KindFree, 36, "The user's sign-in name."},
		{"display_name", "Display name", KindFree, 26, "The user's name."},
		{"why", "Why", KindOwn, 90, "Why the user's passkeys could not be compared."},
		{"tenant_id", "Tenant ID", KindGUID, 37, "The tenant's identifier."},
		{"user_id", "User ID", KindGUID, 37, "The user's object identifier."},
	}
}

// trendColumns are the columns of the sheet Trend.
func trendColumns() []Column {
	return []Column{
		{"finished_at", "Scan finished (UTC)", KindTime, 20, "When the scan was finished, in UTC."},
		{"with_passkey", "People with a passkey", KindCount, 14, "How many people are known to have a passkey."},
		{"passkeys", "Passkeys", KindCount, 12, "How many passkeys were read."},
		{"allowed", "Allowed", KindCount, 12, "How many of them the policy of that time allows."},
		{"blocked", "Blocked", KindCount, 12, "How many of them the policy of that time blocks."},
		{"undecided", "Undecided", KindCount, 12, "For how many of them that is undecided."},
		{"complete", "Complete", KindYesNo, 12, "Whether the scan is complete. If not, its figures are lower bounds."},
		{"unread", "Users not read", KindCount, 12, "How many users could not be read."},
		{"listed", "Users listed", KindCount, 12, "How many users were listed."},
		{"snapshot", "Snapshot", KindFree, 50, "The snapshot's file or folder."},
	}
}

// Tables gives every table: those that are sheets in the workbook's order,
// then the one of changes.csv.
func (c *Changes) Tables() []Table {
	list := []Table{
		c.changesTable(TitleAdded, "No passkey was added", ChangePasskeyAdded),
		c.changesTable(TitleRemoved, "No passkey was removed", ChangePasskeyRemoved),
		c.changesTable(TitleNewlyBlocked, "No passkey is newly blocked", ChangeNewlyBlocked),
		c.changesTable(TitleNewlyAllowed, "No passkey is newly allowed", ChangeNewlyAllowed),
		c.changesTable(TitleNewlyUndecided, "No passkey has become undecided", ChangeUndecided),
		c.changesTable(TitlePeople, "Nobody came or left", ChangeUserAdded, ChangeUserRemoved),
		c.changesTable(TitlePolicyChanges, "The policy did not change", ChangePolicy),
		c.notComparedTable(),
	}
	if len(c.in.Snapshots) > 2 {
		list = append(list, c.trendTable())
	}
	return append(list, c.changesTable("", "Nothing changed", changeKinds()...))
}

// Table finds a table by the name of its CSV file or by its title.
func (c *Changes) Table(name string) (Table, bool) {
	for _, t := range c.Tables() {
		if name != "" && (t.File == name || t.Title == name) {
			return t, true
		}
	}
	return Table{}, false
}

func (c *Changes) changesTable(title, empty string, kinds ...ChangeKind) Table {
	var buckets []string
	values := KindEnum
	for _, k := range kinds {
		buckets = append(buckets, changeBucket(k))
		if k == ChangePolicy {
			values = KindFree
		}
	}
	t := Table{
		Title: title, Columns: changeColumns(values), Count: c.spool.count(buckets...), Empty: c.emptyWords(empty, title == TitlePolicyChanges),
		Rows: func(ctx context.Context) iter.Seq2[[]Cell, error] {
			return cellsOf(c.Each(ctx, kinds...), 11, c.changeRow)
		},
	}
	switch title {
	case "":
		t.File = FileChanges
	case TitlePolicyChanges:
		for i := range t.Columns {
			if k := t.Columns[i].Key; k == "before" || k == "after" {
				t.Columns[i].Width = 60
			}
		}
	}
	return t
}

// changeRow fills a row in the order of changeColumns.
func (c *Changes) changeRow(row []Cell, ch *Change) {
	var aaguid, title string
	if ch.Passkey.ID != "" {
		aaguid, title = c.Authenticator(&ch.Passkey)
	}
	copy(row, []Cell{
		Text(ch.Kind), Text(ch.User.UPN), Text(ch.User.DisplayName), Text(ch.Passkey.Name), Text(title), Text(aaguid),
		Text(ch.Before), Text(ch.After), Text(ch.User.TenantID), Text(ch.User.ID), Text(ch.Passkey.ID),
	})
}

func (c *Changes) notComparedTable() Table {
	return Table{
		Title: TitleNotCompared, Columns: notComparedColumns(), Count: c.Figures.NotCompared,
		Empty: c.emptyWords("Everybody whom the scans list could be compared", false),
		Rows: func(ctx context.Context) iter.Seq2[[]Cell, error] {
			return cellsOf(c.Each(ctx, ChangeNotCompared), 5, func(row []Cell, ch *Change) {
				copy(row, []Cell{Text(ch.User.UPN), Text(ch.User.DisplayName), Text(ch.Why), Text(ch.User.TenantID), Text(ch.User.ID)})
			})
		},
	}
}

// cellsOf makes rows of width cells.
func cellsOf(list iter.Seq2[*Change, error], width int, fill func([]Cell, *Change)) iter.Seq2[[]Cell, error] {
	return func(yield func([]Cell, error) bool) {
		row := make([]Cell, width)
		for ch, err := range list {
			if err == nil {
				clear(row)
				fill(row, ch)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (c *Changes) trendTable() Table {
	var rows [][]Cell
	for _, s := range c.in.Snapshots {
		rows = append(rows, []Cell{
			Time(s.Finished), Count(s.Coverage.WithPasskey), Count(s.Passkeys.Total), Count(s.Passkeys.Allowed), Count(s.Passkeys.Blocked),
			Count(s.Passkeys.Undecided), YesNo(audit.TernaryOf(s.Complete())), Count(s.Coverage.Unread), Count(s.Coverage.Listed), Text(s.Name),
		})
	}
	return staticTable(TitleTrend, trendColumns(), rows, "")
}
