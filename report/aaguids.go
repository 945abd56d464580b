package report

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"passkey-audit/audit"
)

func (d *Document) aaguidsTable() Table {
	names := map[audit.AAGUID]*model{}
	for _, m := range d.models {
		if !m.None {
			names[m.AAGUID] = m
		}
	}
	var remarks []Remark
	for i, a := range d.Authenticators {
		if len(a.Remarks) > 0 {
			remarks = append(remarks, Remark{Row: i, Key: "authenticator", Text: strings.Join(a.Remarks, " ")})
		}
	}
	certified := slices.ContainsFunc(d.Authenticators, func(a AuthenticatorFigures) bool { return a.Certification != "" || a.Problem != "" })
	columns := append(aaguidColumns(), peopleColumns(certified)...)
	if d.fleet {
		fleetDocs(columns)
	}
	return Table{
		Title: TitleAAGUIDs, File: FileAAGUIDs, Columns: columns, Count: len(d.Authenticators), Remarks: remarks,
		Empty: d.emptyWords("No passkey was found, and no list names an AAGUID"),
		Rows: func(ctx context.Context) iter.Seq2[[]Cell, error] {
			return func(yield func([]Cell, error) bool) {
				row := make([]Cell, len(columns))
				for i := range d.Authenticators {
					a := &d.Authenticators[i]
					title, aaguid := a.Title, ""
					if m := names[a.AAGUID]; !a.None {
						aaguid = m.text
						if a.Name == "" && m.graphModel != "" {
							title = fmt.Sprintf("%s (model text %q)", a.Title, m.graphModel)
						}
					}
					copy(row, []Cell{
						Text(aaguid), Text(title), Text(a.Vendor), Text(a.Source), Count(a.Passkeys), Count(a.People),
						Count(a.Breaking), YesNo(audit.TernaryOf(a.InLive)), YesNo(audit.TernaryOf(a.InProposed)), YesNo(audit.TernaryOf(a.Suggested)),
						Text(a.ListsNow), Text(a.ListsProposed),
					})
					if certified {
						row[len(row)-2], row[len(row)-1] = Text(a.Problem), Text(a.Certification)
					}
					if !yield(row, nil) {
						return
					}
				}
			}
		},
	}
}

// fleetDocs says what columns mean in a report of several tenants.
func fleetDocs(columns []Column) {
	const (
		where = " in every tenant where somebody has one (where nobody has: in every tenant whose policy names it)"
		tell  = "; the remarks tell where they differ"
	)
	for i := range columns {
		switch c := &columns[i]; c.Key {
		case "in_current_list":
			c.Doc = "Whether a list that everybody is under names it in the policy as it is, allow and block lists alike," + where + tell + "."
		case "in_proposed_list":
			c.Doc = "Whether a list that everybody is under names it in the proposal, allow and block lists alike," + where + tell + "."
		case "suggested":
			c.Doc = "Whether the suggested allow list of any tenant names it; the remarks tell where it is not proven what it stands for."
		case "allowed_now":
			c.Doc = "Whether the key restrictions of the policies as they are let it through: allowed, blocked, for_some where that depends on the tenant or the passkey profile, or undecided."
		case "allowed_proposed":
			c.Doc = "Whether the key restrictions of the proposal let it through: allowed, blocked, for_some where that depends on the tenant or the passkey profile, or undecided."
		}
	}
}
