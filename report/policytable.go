package report

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// policyRows spools the rows of the sheet Policy for the tenant under work: the
// live policy beside the proposal, setting by setting, with names beside AAGUIDs
// and groups.
func (b *builder) policyRows() error {
	s := b.source
	p := policyRows{d: b.d, titles: map[audit.AAGUID]string{}, groups: map[string]audit.Group{}}
	for _, n := range b.touched {
		if m := b.d.models[n]; !m.None {
			p.titles[m.AAGUID] = m.Title
		}
	}
	for _, g := range s.Groups {
		p.groups[strings.ToLower(g.ID)] = g
	}
	p.all(&s.Live, &s.Proposal.Policy)
	if b.fleet != nil {
		p.proposal(&s.Proposal)
	}
	for _, row := range p.rows {
		b.buf = b.buf[:0]
		if b.fleet != nil {
			t := TenantFigures{Tenant: s.Tenant}
			b.buf = putCell(b.buf, Text(t.Label()))
		}
		for _, c := range row {
			b.buf = putCell(b.buf, c)
		}
		if err := b.d.spool.append(bucketPolicy, b.buf); err != nil {
			return err
		}
	}
	return nil
}

func (d *Document) policyTable() Table {
	columns := policyColumns()
	if d.fleet {
		columns = append([]Column{{"tenant", "Tenant", KindFree, 30, "The tenant: its default domain, else its name or identifier."}}, columns...)
	}
	return Table{
		Title: TitlePolicy, Columns: columns, Count: d.spool.count(bucketPolicy),
		Rows: func(ctx context.Context) iter.Seq2[[]Cell, error] {
			return rowsOf(ctx, d, []string{bucketPolicy}, len(columns), func(dec *decoder, row []Cell) {
				for i := range row {
					row[i] = dec.cell()
				}
			})
		},
	}
}

type policyRows struct {
	d      *Document
	titles map[audit.AAGUID]string
	groups map[string]audit.Group
	rows   [][]Cell
	// idle is true for rows that decide nothing, whether they differ or not.
	idle bool
}

// proposal adds what is to say of how the proposal comes out in a tenant: the
// summary of several tenants has no room for all of it.
func (p *policyRows) proposal(q *Proposal) {
	for _, part := range []struct {
		setting string
		list    []string
	}{{"Change", q.Changes}, {"Note", q.Notes}} {
		for _, s := range part.list {
			p.rows = append(p.rows, []Cell{Text("The proposal in words"), Text(part.setting), {}, {}, Text(s), {}, {}})
		}
	}
}

// notThere stands where one of the two policies lacks what the other has.
const notThere = "not there"

func (p *policyRows) row(section, setting, name, live, proposed string, members Cell) {
	changed := audit.TernaryOf(live != proposed)
	if p.idle {
		changed = audit.Unknown
	}
	p.rows = append(p.rows, []Cell{Text(section), Text(setting), Text(name), Text(live), Text(proposed), YesNo(changed), members})
}

func (p *policyRows) all(live, prop *audit.Policy) {
	const method = "Passkey (FIDO2) method"
	p.row(method, "State", "", text(live.State), text(prop.State), Cell{})
	p.row(method, "Self-service registration", "", onOff(live.SelfServiceRegistration), onOff(prop.SelfServiceRegistration), Cell{})
	if live.DefaultProfile != "" || prop.DefaultProfile != "" {
		p.row(method, "Default passkey profile", "", profileName(live, live.DefaultProfile), profileName(prop, prop.DefaultProfile), Cell{})
	}
	section := "Tenant-wide restrictions"
	if p.idle = live.HasProfiles() && prop.HasProfiles(); p.idle {
		section += " (do not govern)"
	}
	p.row(section, "Attestation enforced", "", onOff(live.AttestationEnforced), onOff(prop.AttestationEnforced), Cell{})
	p.restrictions(section, &live.KeyRestrictions, &prop.KeyRestrictions)
	p.idle = false
	for _, id := range profileIDs(live, prop) {
		p.profile(live, prop, id)
	}
	p.targets("Included", live, prop, live.Include, prop.Include)
	p.targets("Excluded", live, prop, live.Exclude, prop.Exclude)
}

func (p *policyRows) profile(live, prop *audit.Policy, id string) {
	a, inLive := live.Profile(id)
	b, inProp := prop.Profile(id)
	name := ""
	if inProp {
		name = b.Name
	} else if inLive {
		name = a.Name
	}
	section := "Passkey profile: " + cmp.Or(name, id)
	if !inLive || !inProp {
		p.row(section, "The profile itself", "", there(inLive), there(inProp), Cell{})
	}
	var none audit.Profile
	if !inLive {
		a = &none
	}
	if !inProp {
		b = &none
	}
	value := func(s string, in bool) string {
		if !in {
			return notThere
		}
		return text(s)
	}
	p.row(section, "Profile ID", "", value(a.ID, inLive), value(b.ID, inProp), Cell{})
	p.row(section, "Passkey types", "", value(types(a.Types), inLive), value(types(b.Types), inProp), Cell{})
	p.row(section, "Attestation enforcement", "", value(a.Attestation, inLive), value(b.Attestation, inProp), Cell{})
	switch {
	case !inLive:
		p.restrictions(section, nil, &b.KeyRestrictions)
	case !inProp:
		p.restrictions(section, &a.KeyRestrictions, nil)
	default:
		p.restrictions(section, &a.KeyRestrictions, &b.KeyRestrictions)
	}
}

// restrictions adds the rows of one list; a nil one is not there.
func (p *policyRows) restrictions(section string, live, prop *audit.KeyRestrictions) {
	value := func(r *audit.KeyRestrictions, f func(*audit.KeyRestrictions) string) string {
		if r == nil {
			return notThere
		}
		return f(r)
	}
	add := func(setting string, f func(*audit.KeyRestrictions) string) {
		p.row(section, setting, "", value(live, f), value(prop, f), Cell{})
	}
	add("Key restrictions enforced", func(r *audit.KeyRestrictions) string { return onOff(r.Enforced) })
	add("Kind of list", func(r *audit.KeyRestrictions) string { return text(r.Type) })
	add("AAGUIDs in the list", func(r *audit.KeyRestrictions) string { return Number(len(normalised(r))) })
	inLive, inProp := normalised(live), normalised(prop)
	for _, s := range union(inLive, inProp) {
		name := "no AAGUID: it can match nothing"
		if a, err := audit.ParseAAGUID(s); err == nil {
			name = p.titles[a]
			if name == "" {
				name = "not looked up"
				if p.d.in.Authenticator != nil {
					name = unknownAuthenticator
					if auth, ok := p.d.in.Authenticator(a); ok {
						name = auth.Name
					}
				}
			}
		}
		p.row(section, s, name, listed(slices.Contains(inLive, s)), listed(slices.Contains(inProp, s)), Cell{})
	}
}

// normalised gives a list's entries in lower case without duplicates, in their
// order; entries that are no AAGUID stay as they are.
func normalised(r *audit.KeyRestrictions) []string {
	if r == nil {
		return nil
	}
	var list []string
	seen := map[string]bool{}
	for _, s := range r.AAGUIDs {
		if a, err := audit.ParseAAGUID(s); err == nil {
			s = a.String()
		}
		if !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	return list
}

func union(a, b []string) []string {
	list := slices.Clone(a)
	have := map[string]bool{}
	for _, s := range a {
		have[s] = true
	}
	for _, s := range b {
		if !have[s] {
			list = append(list, s)
		}
	}
	return list
}

// targets adds a row for each target of either policy.
func (p *policyRows) targets(section string, live, prop *audit.Policy, a, b []audit.Target) {
	if len(a)+len(b) == 0 {
		p.row(section, "Nobody", "", "", "", Cell{})
		return
	}
	find := func(list []audit.Target, id string) (audit.Target, bool) {
		i := slices.IndexFunc(list, func(t audit.Target) bool { return strings.EqualFold(t.ID, id) })
		if i < 0 {
			return audit.Target{}, false
		}
		return list[i], true
	}
	seen := map[string]bool{}
	for _, t := range slices.Concat(a, b) {
		id := strings.ToLower(t.ID)
		if seen[id] {
			continue
		}
		seen[id] = true
		value := func(policy *audit.Policy, list []audit.Target) string {
			t, ok := find(list, id)
			if !ok {
				return notThere
			}
			return targetWords(policy, t, section)
		}
		name, members := p.targetName(t)
		p.row(section, t.ID, name, value(live, a), value(prop, b), members)
	}
}

func (p *policyRows) targetName(t audit.Target) (string, Cell) {
	if t.Everyone() {
		return "All users", Cell{}
	}
	g, ok := p.groups[strings.ToLower(t.ID)]
	switch {
	case ok && g.Outcome == audit.OutcomeRead:
		return cmp.Or(g.Name, "(group without a name)"), Count(g.Members)
	case ok && g.Outcome == audit.OutcomeGone:
		return cmp.Or(g.Name, "(group)") + ": deleted", Cell{}
	case ok:
		return cmp.Or(g.Name, "(group)") + ": members could not be read", Cell{}
	case t.Type == "user":
		return "(user)", Cell{}
	}
	return "(" + cmp.Or(t.Type, "target") + " not read)", Cell{}
}

func targetWords(p *audit.Policy, t audit.Target, section string) string {
	if section == "Excluded" {
		return "excluded"
	}
	if len(t.Profiles) == 0 {
		if p.HasProfiles() {
			return "included, without a profile"
		}
		return "included"
	}
	var names []string
	for _, id := range t.Profiles {
		names = append(names, profileName(p, id))
	}
	return "included: " + strings.Join(names, ", ")
}

func profileName(p *audit.Policy, id string) string {
	if f, ok := p.Profile(id); ok && f.Name != "" {
		return f.Name
	}
	return text(id)
}

// profileIDs gives the ids of both policies' profiles, the live ones first.
func profileIDs(live, prop *audit.Policy) []string {
	var list []string
	for _, p := range slices.Concat(live.Profiles, prop.Profiles) {
		if !slices.ContainsFunc(list, func(id string) bool { return strings.EqualFold(id, p.ID) }) {
			list = append(list, p.ID)
		}
	}
	return list
}

func types(list []audit.PasskeyType) string {
	var s []string
	for _, t := range list {
		s = append(s, string(t))
	}
	return strings.Join(s, ", ")
}

// text makes a missing value visible.
func text(s string) string { return cmp.Or(s, "not set") }

func onOff(t audit.Ternary) string {
	switch t {
	case audit.Yes:
		return "yes"
	case audit.No:
		return "no"
	}
	return "not set"
}

func there(b bool) string {
	if b {
		return "there"
	}
	return notThere
}

func listed(b bool) string {
	if b {
		return "listed"
	}
	return "not listed"
}

// runTable says how and when the report was made.
func (d *Document) runTable() Table {
	in := &d.in
	var rows [][]Cell
	add := func(section, name string, v Cell) { rows = append(rows, []Cell{Text(section), Text(name), v}) }
	add("Report", "Complete", Text(onOff(audit.TernaryOf(d.Complete()))))
	for _, s := range d.incomplete {
		add("Report", "Incomplete", Text(s))
	}
	for _, s := range in.Coverage.NotLookedAt {
		add("Report", "Not looked at", Text(s))
	}
	add("Report", "Program", Text(strings.TrimSpace(in.Tool.Name+" "+in.Tool.Version)))
	add("Report", "Authenticator names as of", Text(in.CatalogueDate))
	add("Report", "Proposal", Text(in.Proposal.Name))
	switch {
	case d.fleet:
		add("Tenant", "Tenants (each is on the sheet "+TitleTenants+")", Count(len(d.tenants)))
	case in.Tenant != audit.Tenant{}:
		add("Tenant", "Name", Text(in.Tenant.Name))
		add("Tenant", "Default domain", Text(in.Tenant.Domain))
		add("Tenant", "Tenant ID", Text(in.Tenant.ID))
	}
	add("Time", "Started (UTC)", Time(in.Started))
	add("Time", "Finished (UTC)", Time(in.Finished))
	add("Time", "Duration", Text(DurationWords(in.Duration)))
	u := &d.Users
	for _, f := range []struct {
		name string
		n    int
	}{
		{"Listed", u.Listed}, {"Read", u.Read}, {"Not read", u.Unread}, {"Deleted meanwhile", u.Gone}, {"Out of scope", u.OutOfScope},
		{"With a passkey", u.WithPasskey}, {"Without a passkey", u.WithoutPasskey},
		{"Losing the last passkey", u.LosingLast},
	} {
		add("Users", f.name, Count(f.n))
	}
	add("Users", "Administrators among them", u.LosingLastAdmins.Cell())
	add("Users", "Losing some passkeys", Count(u.LosingSome))
	add("Users", "Cannot be judged", Count(u.Unjudged))
	add("Users", "Administrators in all", u.Administrators.Cell())
	for _, f := range d.ImpactFigures() {
		add("Passkeys", f.Label, Count(f.Value))
	}
	add("Passkeys", "Allowed, but could not be registered again", d.Passkeys.NotRegistrable.Cell())
	for _, f := range []struct {
		name string
		n    int
	}{
		{"Sent", in.Requests.Total}, {"Batches", in.Requests.Batches}, {"Throttled answers", in.Requests.Throttled},
		{"Retried", in.Requests.Retried}, {"Failed", in.Requests.Failed},
	} {
		add("Requests", f.name, Count(f.n))
	}
	add("Rate", "Users a second", Text(fmt.Sprintf("%.2f", in.Rate.UsersPerSecond)))
	add("Rate", "Seconds spent throttled", Text(fmt.Sprintf("%.2f", in.Rate.ThrottledSeconds)))
	for _, f := range in.Run {
		add(f.Section, f.Name, f.Value)
	}
	// The caller's facts join the section of their name.
	order := map[string]int{}
	for _, row := range rows {
		if s := row[0].Text(); order[s] == 0 {
			order[s] = len(order) + 1
		}
	}
	slices.SortStableFunc(rows, func(a, b []Cell) int { return cmp.Compare(order[a[0].Text()], order[b[0].Text()]) })
	return staticTable(TitleRun, runColumns(), rows, "")
}
