package report

import (
	"context"
	"iter"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// passkeysIn gives the passkeys of some buckets.
func (d *Document) passkeysIn(ctx context.Context, buckets ...string) iter.Seq2[*Passkey, error] {
	return func(yield func(*Passkey, error) bool) {
		var k Passkey
		for rec, err := range d.spool.read(ctx, buckets...) {
			if err == nil {
				dec := decoder{rest: rec, dict: &d.spool.dict}
				n := dec.passkey(&k)
				if dec.bad || n >= len(d.models) {
					err = errDamaged
				} else {
					k.Authenticator = d.models[n].Authenticator
					k.HasAAGUID = !d.models[n].None
				}
			}
			if !yield(&k, err) || err != nil {
				return
			}
		}
	}
}

// passkeyRows gives the rows of passkeys.csv for some buckets.
func (d *Document) passkeyRows(ctx context.Context, buckets ...string) iter.Seq2[[]Cell, error] {
	return func(yield func([]Cell, error) bool) {
		var k Passkey
		var row [24]Cell
		for rec, err := range d.spool.read(ctx, buckets...) {
			if err == nil {
				dec := decoder{rest: rec, dict: &d.spool.dict}
				n := dec.passkey(&k)
				if dec.bad || n >= len(d.models) {
					err = errDamaged
				} else {
					passkeyRow(&row, &k, d.models[n])
				}
			}
			if !yield(row[:], err) || err != nil {
				return
			}
		}
	}
}

// passkeyRow fills a row in the order of passkeyColumns.
func passkeyRow(row *[24]Cell, k *Passkey, m *model) {
	aaguid := m.text
	if m.None {
		aaguid = k.AAGUID
	}
	kind := k.Type
	if !kind.Known() {
		kind = ""
	}
	*row = [24]Cell{
		Text(k.Impact()), Text(k.Proposed.Code), Text(k.Proposed.Reason),
		Text(k.User.UPN), Text(k.User.DisplayName), Text(k.User.Type), YesNo(k.User.Enabled), YesNo(k.User.Admin),
		Text(k.Name), Text(kind), Text(m.Title), Text(aaguid), Text(k.Model), Text(k.Attestation),
		YesNo(k.Registrable), Time(k.CreatedAt), Time(k.LastUsedAt),
		Text(k.Current.Decision), Text(k.Proposed.Decision), Text(k.Proposed.DecidedBy), Count(k.UsableLeft),
		Text(k.User.TenantID), Text(k.User.ID), Text(k.ID),
	}
}

func (d *Document) breakingTable() Table {
	names := []string{passkeyBucket(audit.ImpactBreaks), passkeyBucket(audit.ImpactAlreadyBlocked)}
	words := ""
	if p := &d.Passkeys; p.AlreadyBlocked > 0 {
		words = verb(p.Breaks, "breaks", "break") + ", " + verb(p.AlreadyBlocked, "is", "are") + " blocked already"
	}
	return Table{
		CountWords: words,
		Title:      TitleBreaking, File: FileBreaking, Columns: passkeyColumns(), Count: d.spool.count(names...), Ages: d.ages(), Portal: d.in.Portal,
		Empty: d.emptyWords("No passkey that was read is blocked by the proposal"),
		Rows:  func(ctx context.Context) iter.Seq2[[]Cell, error] { return d.passkeyRows(ctx, names...) },
	}
}

func (d *Document) passkeysTable() Table {
	names := passkeyBuckets()
	return Table{
		Title: TitlePasskeys, File: FilePasskeys, Columns: passkeyColumns(), Count: d.spool.count(names...), Ages: d.ages(), Portal: d.in.Portal,
		Empty: d.emptyWords("No passkey was found"),
		Rows:  func(ctx context.Context) iter.Seq2[[]Cell, error] { return d.passkeyRows(ctx, names...) },
	}
}

func (d *Document) usersTable() Table { return d.users(userBuckets()) }

// AtRisk gives the table of users without those who are unaffected, for a page
// that cannot hold all.
func (d *Document) AtRisk() Table {
	t := d.users(slices.DeleteFunc(userBuckets(), func(s string) bool { return strings.Contains(s, string(audit.RiskUnaffected)) }))
	t.CountWords = ""
	return t
}

func (d *Document) users(names []string) Table {
	return Table{
		CountWords: d.riskWords(),
		Title:      TitleUsers, File: FileUsers, Columns: userColumns(), Count: d.spool.count(names...), Portal: d.in.Portal,
		Empty: d.emptyWords("Nobody has a passkey"),
		Rows: func(ctx context.Context) iter.Seq2[[]Cell, error] {
			var p Person
			return rowsOf(ctx, d, names, 13, func(dec *decoder, row []Cell) {
				dec.person(&p)
				userRow(row, &p)
			})
		},
	}
}

// userRow fills a row in the order of userColumns. What could not be read has
// no counts: 0 would say that there is none.
func userRow(row []Cell, p *Person) {
	copy(row, []Cell{
		Text(p.Risk), Text(p.UPN), Text(p.DisplayName), Text(p.Type), YesNo(p.Enabled), YesNo(p.Admin),
		{}, {}, {}, {}, {}, Text(p.TenantID), Text(p.ID),
	})
	if p.Known() {
		for i, n := range [...]int{p.Passkeys, p.UsableNow, p.UsableAfter, p.Breaking, p.Undecided} {
			row[6+i] = Count(n)
		}
	}
}

// rowsOf decodes the records of some buckets into rows of width cells; fill
// need not look at the decoder's state.
func rowsOf(ctx context.Context, d *Document, buckets []string, width int, fill func(*decoder, []Cell)) iter.Seq2[[]Cell, error] {
	return func(yield func([]Cell, error) bool) {
		row := make([]Cell, width)
		for rec, err := range d.spool.read(ctx, buckets...) {
			if err == nil {
				dec := decoder{rest: rec, dict: &d.spool.dict}
				clear(row)
				if fill(&dec, row); dec.bad {
					err = errDamaged
				} else {
					err = dec.failed
				}
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (d *Document) unreadTable() Table {
	columns := unreadColumns()
	if d.fleet {
		columns = append(columns, Column{"tenant_id", "Tenant ID", KindGUID, 37, "The tenant's identifier; empty where a snapshot does not tell it."})
	}
	return Table{
		Title: TitleUnread, File: FileUnread, Columns: columns, Count: d.spool.count(bucketFailures),
		Empty: d.emptyWords("Everything that was asked for was read"),
		Rows: func(ctx context.Context) iter.Seq2[[]Cell, error] {
			var f audit.Failure
			return rowsOf(ctx, d, []string{bucketFailures}, len(columns), func(dec *decoder, row []Cell) {
				dec.failure(&f)
				status := Cell{}
				if f.Status != 0 {
					status = Count(f.Status)
				}
				// The last one is there in a report of several tenants.
				copy(row, []Cell{
					Text(f.What), Text(f.UPN), Text(f.ID), status, Text(f.Code), Text(f.Message), Text(f.RequestID), Count(f.Attempts), Text(f.TenantID),
				})
			})
		},
	}
}

func (d *Document) outreachTable() Table {
	return Table{
		File: FileOutreach, Columns: outreachColumns(), Count: d.spool.count(outreachBuckets()...),
		Empty: d.emptyWords("Nobody who was read has to act"),
		Rows: func(ctx context.Context) iter.Seq2[[]Cell, error] {
			var o outreach
			return rowsOf(ctx, d, outreachBuckets(), 14, func(dec *decoder, row []Cell) {
				if dec.outreach(&o); dec.bad {
					return
				}
				// Here and not when the row is spooled: the words of a template cost
				// more than all else of a row, and only this file has them.
				subject, message, err := d.words.words(&o)
				dec.failed = err
				copy(row, []Cell{
					Count(o.priority), Text(o.Risk), Text(o.UPN), Text(o.DisplayName), Text(o.Type), YesNo(o.Enabled), YesNo(o.Admin),
					Text(o.loses()), Text(o.stillWorks()), Text(o.instead), Text(o.TenantID), Text(o.ID), Text(subject), Text(message),
				})
			})
		},
	}
}

// staticTable gives a table whose rows are in memory.
func staticTable(title string, columns []Column, rows [][]Cell, empty string) Table {
	return Table{
		Title: title, Columns: columns, Count: len(rows), Empty: empty,
		Rows: func(ctx context.Context) iter.Seq2[[]Cell, error] {
			return func(yield func([]Cell, error) bool) {
				for row := range slices.Values(rows) {
					if !yield(row, ctx.Err()) || ctx.Err() != nil {
						return
					}
				}
			}
		},
	}
}
