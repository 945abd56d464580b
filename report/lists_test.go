package report_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// TestListsOfProfiles: an AAGUID is in the proposed list only where a list that
// everybody is under names it; else the remark says which lists do.
func TestListsOfProfiles(t *testing.T) {
	allow := func(enforced audit.Ternary, list ...string) audit.KeyRestrictions {
		return audit.KeyRestrictions{Enforced: enforced, Type: "allow", AAGUIDs: list}
	}
	const both, one, idle, off, first = fixture.IOS, fixture.Hello, fixture.Android, fixture.Unnamed, nfcA
	profiles := []audit.Profile{
		{ID: "p1", Name: "Default", KeyRestrictions: allow(audit.Yes, both, first)},
		{ID: "p2", Name: "Pilots", KeyRestrictions: allow(audit.Yes, both, one)},
		{ID: "p3", Name: "Idle", KeyRestrictions: allow(audit.Yes, idle)},
		{ID: "p4", Name: "Off", KeyRestrictions: allow(audit.No, both, off)},
	}
	everybody := audit.Target{Type: "group", ID: "all_users"}
	group := audit.Target{Type: "group", ID: "g", Profiles: []string{"P2", "p4"}}
	in := inputOf(t, judged("a@contoso.com", audit.No, audit.Yes, "ab"))
	in.Live = audit.Policy{DefaultProfile: "p4", Profiles: profiles, Include: []audit.Target{everybody}}
	in.Proposal.Policy = audit.Policy{DefaultProfile: "p1", Profiles: profiles, Include: []audit.Target{everybody, group}}
	in.Suggested = nil
	d := fixture.Build(t, in)
	want := map[string]string{
		both:            "true true ",
		one:             `false false In the proposal only the list of profile "Pilots" names it, not that of profile "Default".`,
		idle:            "false false ",
		off:             "true false ",
		first:           "false true ",
		fixture.YubiKey: "false false ",
	}
	table := mustTable(t, d, report.FileAAGUIDs)
	remarks := map[int]string{}
	for _, r := range table.Remarks {
		remarks[r.Row] = r.Text
	}
	got := map[string]string{}
	for i, row := range fixture.Rows(t, table) {
		got[row[0]] = row[7] + " " + row[8] + " " + remarks[i]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSuggestionUnproven: what the suggested list lets in without proof is
// named everywhere.
func TestSuggestionUnproven(t *testing.T) {
	const zero = "00000000-0000-0000-0000-000000000000"
	u := judged("a@contoso.com", audit.No, audit.Yes, "ab", "ab", "ab", "ab", "ab")
	for i, k := range []struct {
		aaguid string
		level  audit.AttestationLevel
	}{{zero, audit.NotAttested}, {fixture.Unnamed, audit.Attested}, {fixture.Hello, audit.NotAttested}, {fixture.YubiKey, audit.Attested}, {fixture.YubiKey, audit.NotAttested}} {
		u.Passkeys[i].AAGUID, u.Passkeys[i].Attestation = k.aaguid, k.level
	}
	in := inputOf(t, u)
	in.Suggested = nil
	for _, s := range []string{zero, fixture.Unnamed, fixture.Hello, fixture.YubiKey, fixture.IOS} {
		in.Suggested = append(in.Suggested, mustAAGUID(t, s))
	}
	d := fixture.Build(t, in)
	got := map[string]report.Unproven{}
	for _, s := range d.Summary().SuggestedUnproven {
		got[s.AAGUID] = s.Reason
	}
	want := map[string]report.Unproven{zero: report.UnprovenZero, fixture.Unnamed: report.UnprovenUnknown, fixture.Hello: report.UnprovenUnattested}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	for aaguid := range want {
		if list := strings.Join(d.SuggestionList(), "\n"); !strings.Contains(list, aaguid[:8]+"…") {
			t.Errorf("%s is not in:\n%s", aaguid, list)
		}
	}
	s := strings.Join(strings.Fields(terminal(t, d)), " ")
	if !strings.Contains(s, "It allows 5 AAGUIDs. Not proven") || !strings.Contains(s, "the all-zero AAGUID") {
		t.Errorf("terminal: %s", s)
	}
}
