package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/graphsim"
	"passkey-audit/audit/policy"
	"passkey-audit/report"
)

// patchAuthenticator is the body of Microsoft's article "Enable passkeys in
// Microsoft Authenticator".
const patchAuthenticator = `{
  "@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration",
  "isAttestationEnforced": true,
  "keyRestrictions": {
    "isEnforced": true,
    "enforcementType": "allow",
    "aaGuids": [
      "90a3ccdf-635c-4729-a248-9b709135078f",
      "de1e552d-db1d-4423-a619-566b625cdc84"
    ]
  }
}`

// TestSeveralProposals wants each of several proposals to have the figures that
// it has alone, and the first one to fill the tables as it does alone.
func TestSeveralProposals(t *testing.T) {
	for _, shape := range []graphsim.Shape{graphsim.ShapeProfiles, graphsim.ShapeLegacy} {
		t.Run(fmt.Sprint("shape ", shape), func(t *testing.T) {
			_, dir := scanned(t, graphsim.Options{Users: 400, Seed: 7, Shape: shape}, "--format", "json")
			mine := file(t, "mine.json", patchAuthenticator)
			values := []string{"authenticator-only", "plan B=enforced", mine, "live"}
			names := []string{"authenticator-only", "plan B", "mine", "live"}
			var all []string
			for _, v := range values {
				all = append(all, "--proposed", v)
			}
			r, together := evaluated(t, exitDone, dir, all...)
			s := summaryOf(t, together)
			if s.Proposal != names[0] || len(s.Proposals) != len(names) || s.Live == nil {
				t.Fatalf("proposal %q, %d proposals, live %v", s.Proposal, len(s.Proposals), s.Live)
			}
			breaks := map[int]bool{}
			for i, v := range values {
				_, alone := evaluated(t, exitDone, dir, "--proposed", v)
				if i == 0 {
					sameTables(t, alone, together)
				}
				one := summaryOf(t, alone)
				if one.Live != nil || len(one.Proposals) != 1 {
					t.Errorf("%s alone: %d proposals, live %v", v, len(one.Proposals), one.Live)
				}
				if d := cmp.Diff(one.Proposals[0], s.Proposals[i]); d != "" || s.Proposals[i].Name != names[i] {
					t.Errorf("%s (-alone +among others):\n%s", v, d)
				}
				// The figures of the report itself are worked out elsewhere.
				got := s.Proposals[i]
				if d := cmp.Diff(one.Passkeys, got.Passkeys); d != "" {
					t.Errorf("%s (-report +comparison):\n%s", v, d)
				}
				u := one.Users
				if d := cmp.Diff([]int{u.Breaking, u.LosingLast, u.LosingSome, u.Undecided, u.Unjudged}, []int{got.Breaking, got.LosingLast, got.LosingSome, got.Undecided, got.Unjudged}); d != "" {
					t.Errorf("%s: people (-report +comparison):\n%s", v, d)
				}
				if d := cmp.Diff(u.LosingLastAdmins, got.LosingLastAdmins); d != "" || got.LosingLastAdmins == nil {
					t.Errorf("%s: administrators (-report +comparison):\n%s", v, d)
				}
				if !strings.Contains(r.stdout, names[i]) {
					t.Errorf("the summary does not name %q:\n%s", names[i], r.stdout)
				}
				breaks[got.Passkeys.Breaks] = true
			}
			if len(breaks) < 3 || s.Live.Passkeys.Breaks != 0 || s.Proposals[3].Passkeys.Breaks != 0 {
				t.Errorf("breaks of the proposals %v, live %d: the proposals do not differ", breaks, s.Live.Passkeys.Breaks)
			}
		})
	}
}

func TestProposalNames(t *testing.T) {
	_, dir := scanned(t, graphsim.Options{Users: 40, Seed: 1}, "--format", "json")
	files := t.TempDir()
	for _, name := range []string{"a=b.json", "plan.json", "live"} {
		if err := os.WriteFile(filepath.Join(files, name), []byte(patchAuthenticator), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(files)
	for _, tt := range []struct {
		name   string
		values []string
		want   []string // names; nil where it is refused
		says   string
	}{
		{"none given", nil, []string{"enforced"}, ""},
		{"presets", []string{"live", "authenticator-only"}, []string{"live", "authenticator-only"}, ""},
		{"named presets", []string{"now=live", "soon=authenticator-only"}, []string{"now", "soon"}, ""},
		{"a file", []string{"plan.json"}, []string{"plan"}, ""},
		{"a named file", []string{"next=plan.json"}, []string{"next"}, ""},
		{"a file with = in its name", []string{"a=b.json"}, []string{"a=b"}, ""},
		{"such a file under a name", []string{"next=a=b.json"}, []string{"next"}, ""},
		{"a preset before a file of its name", []string{"live"}, []string{"live"}, ""},
		{"spaces around the name", []string{" next =live"}, []string{"next"}, ""},
		{"a preset's name for another", []string{"live=enforced"}, []string{"live"}, ""},
		{"auto beside what it stands for", []string{"auto", "enforced"}, []string{"enforced", "enforced (2)"}, ""},
		{"one preset three times", []string{"live", "live", "live"}, []string{"live", "live (2)", "live (3)"}, ""},
		{"a name like a number's", []string{"live (2)=enforced", "live", "live"}, []string{"live (2)", "live", "live (3)"}, ""},
		{"two of one name", []string{"a=live", "a=enforced"}, nil, `two proposals are called "a"`},
		{"no name", []string{"=live"}, nil, "give a name before the ="},
		{"a name of spaces", []string{"  =live"}, nil, "give a name before the ="},
		{"neither preset nor file", []string{"everything"}, nil, "neither one of auto"},
		{"neither preset nor file under a name", []string{"a=everything"}, nil, `"everything" is neither one of auto`},
		{"empty", []string{""}, nil, "neither one of auto"},
		{"a folder", []string{files}, nil, "neither one of auto"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"--format", "json"}
			for _, v := range tt.values {
				args = append(args, "--proposed", v)
			}
			if tt.want == nil {
				r, out := evaluated(t, exitUsage, dir, args...)
				if r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, tt.says) {
					t.Errorf("stdout %q, stderr %q; want one line that says %q", r.stdout, r.stderr, tt.says)
				}
				if _, err := os.Stat(out); err == nil {
					t.Error("a folder was made")
				}
				return
			}
			_, out := evaluated(t, exitDone, dir, args...)
			var got []string
			for _, p := range summaryOf(t, out).Proposals {
				got = append(got, p.Name)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("names (-want +got):\n%s", d)
			}
		})
	}
}

// TestAllowByName allows and blocks authenticators by names of all kinds, and
// wants to be told what each stands for.
func TestAllowByName(t *testing.T) {
	_, dir := scanned(t, graphsim.Options{Users: 400, Seed: 7}, "--format", "json")
	for _, tt := range []struct {
		flag, text string
		proposed   string
	}{
		{"allow", "Microsoft Authenticator", "authenticator-only"},
		{"allow", "Yubico", "authenticator-only"},
		{"allow", "yubikey 5*nfc*", "authenticator-only"},
		{"allow", "ee882879-721c-4913-9775-3dfcce97072a", "authenticator-only"},
		{"block", "Microsoft Authenticator", "authenticator-only"},
		{"block", "Yubico", "enforced"},
		{"block", "iCloud*", "live"},
	} {
		t.Run(tt.flag+" "+tt.text, func(t *testing.T) {
			var found []audit.Authenticator
			matched := map[string]bool{}
			if a, err := audit.ParseAAGUID(tt.text); err == nil {
				matched[a.String()] = true
			} else {
				found = aaguid.Default().Match(tt.text)
			}
			_, before := evaluated(t, exitDone, dir, "--proposed", tt.proposed, "--format", "csv")
			r, out := evaluated(t, exitDone, dir, "--proposed", tt.proposed, "--"+tt.flag, tt.text, "--format", "csv")
			for _, a := range found {
				matched[a.AAGUID.String()] = true
				if line := fmt.Sprintf("--%s %q: %s %s\n", tt.flag, tt.text, a.AAGUID, a.Name); strings.Count(r.stderr, line) != 1 {
					t.Errorf("stderr does not say %q:\n%s", line, r.stderr)
				}
			}
			if got := strings.Count(r.stderr, "\n"); got != len(found) || len(matched) == 0 {
				t.Errorf("%d lines, want %d:\n%s", got, len(found), r.stderr)
			}
			was := map[string]string{}
			for _, row := range passkeyRows(t, before) {
				was[row["user_id"]+row["passkey_id"]] = row["proposed"]
			}
			changed := 0
			for _, row := range passkeyRows(t, out) {
				switch old := was[row["user_id"]+row["passkey_id"]]; {
				case tt.flag == "allow" && matched[row["aaguid"]] && row["reason_code"] != "user_excluded" && row["proposed"] != "allowed",
					tt.flag == "block" && matched[row["aaguid"]] && row["proposed"] != "blocked":
					t.Errorf("%s %s is %s (%s)", row["aaguid"], row["passkey_type"], row["proposed"], row["reason_code"])
				case len(row["aaguid"]) == 36 && !matched[row["aaguid"]] && row["proposed"] != old:
					t.Errorf("%s is %s, and was %s", row["aaguid"], row["proposed"], old)
				case row["proposed"] != old:
					changed++
				}
			}
			if changed == 0 && !(tt.flag == "allow" && tt.text == "Microsoft Authenticator") {
				t.Error("nothing changed: the test shows nothing")
			}
		})
	}
	for _, text := range []string{"*", "", "a key that nobody makes"} {
		if r, _ := evaluated(t, exitUsage, dir, "--allow", text); !strings.Contains(r.stderr, "--allow") || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("--allow %q: %q", text, r.stderr)
		}
	}
}

// TestProposalNamesUnreadGroup proposes a policy for a group that the scan had
// no reason to read: which one it is, and how to collect it, is said; nothing
// is decided that hangs on it; and a scan with the proposal reads it.
func TestProposalNamesUnreadGroup(t *testing.T) {
	o := graphsim.Options{Users: 300, Seed: 7}
	sim, dir := scanned(t, o, "--format", "json")
	index, id := groupNamed(t, sim, "Tier 0 administrators")
	body := file(t, "tier0.json", fmt.Sprintf(`{"includeTargets":[{"targetType":"group","id":%q,"allowedPasskeyProfiles":["00000000-0000-0000-0000-000000000001"]}]}`, strings.ToUpper(id)))
	for _, args := range [][]string{{"--proposed", body}, {"--proposed", "live", "--proposed", body}} {
		r, _ := evaluated(t, exitDone, dir, append(args, "--format", "json")...)
		if strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "warning: the proposal names group "+id) || !strings.Contains(r.stderr, "--group "+id) {
			t.Errorf("%v: stderr, want one line about group %s:\n%s", args, id, r.stderr)
		}
	}
	_, out := evaluated(t, exitFinding, dir, "--proposed", body, "--fail-on", "undecided", "--format", "csv,json")
	codes := map[string]int{}
	for _, row := range passkeyRows(t, out) {
		codes[row["proposed"]+" "+row["reason_code"]]++
		if row["proposed"] == "undecided" && row["reason_code"] == "group_unresolved" && !strings.Contains(strings.ToLower(row["reason"]), id) {
			t.Fatalf("the reason does not name the group: %q", row["reason"])
		}
	}
	if len(codes) != 2 || codes["undecided group_unresolved"] == 0 || codes["blocked user_excluded"] == 0 {
		t.Errorf("verdicts: %v", codes)
	}
	if s := summaryOf(t, out); !s.Complete || s.Passkeys.Undecided != codes["undecided group_unresolved"] {
		t.Errorf("complete %v, %d undecided", s.Complete, s.Passkeys.Undecided)
	}

	_, whole := scanned(t, o, "--format", "csv", "--proposed", body)
	for _, row := range passkeyRows(t, whole) {
		i, _ := sim.Find(row["user_id"])
		want := "blocked"
		emergency, _ := groupNamed(t, sim, "Break-glass accounts")
		if sim.Member(index, i) && !sim.Member(emergency, i) {
			want = "allowed"
		}
		if row["proposed"] != want {
			t.Errorf("%s: %s (%s), want %s", row["user_principal_name"], row["proposed"], row["reason_code"], want)
		}
	}
	// A group that was read for the roles it carries is known.
	_, operators := groupNamed(t, sim, "Tier 1 operators")
	known := file(t, "tier1.json", fmt.Sprintf(`{"includeTargets":[{"targetType":"group","id":%q}]}`, operators))
	if r, _ := evaluated(t, exitDone, dir, "--proposed", known); r.stderr != "" {
		t.Errorf("a group that was read: %s", r.stderr)
	}
}

// TestLegacyBodyOnProfiles lays the documented PATCH body of the older shape
// over a tenant with profiles: the default profile changes, the others do not,
// and that this is assumed is said.
func TestLegacyBodyOnProfiles(t *testing.T) {
	sim, dir := scanned(t, graphsim.Options{Users: 600, Seed: 7}, "--proposed", file(t, "patch-authenticator.json", patchAuthenticator))
	pilots, _ := groupNamed(t, sim, "Passkey pilots")
	emergency, _ := groupNamed(t, sim, "Break-glass accounts")
	ours := map[audit.AAGUID]bool{audit.AuthenticatorAndroid: true, audit.AuthenticatorIOS: true}
	truth := map[string]audit.Passkey{}
	for i := range sim.Users() {
		for _, k := range sim.Passkeys(i) {
			truth[sim.User(i).ID+k.ID] = k
		}
	}
	seen := map[string]int{}
	for _, row := range passkeyRows(t, dir) {
		i, _ := sim.Find(row["user_id"])
		k := truth[row["user_id"]+row["passkey_id"]]
		id, err := audit.ParseAAGUID(k.AAGUID)
		var answers []string
		switch {
		case err != nil:
			answers = append(answers, "undecided")
		case ours[id]:
			answers = append(answers, "allowed")
		default:
			answers = append(answers, "blocked")
		}
		if sim.Member(pilots, i) {
			switch k.Type {
			case audit.Synced:
				answers = append(answers, "allowed")
			case audit.DeviceBound:
				answers = append(answers, "blocked")
			default:
				answers = append(answers, "undecided")
			}
		}
		want := "blocked"
		for _, best := range []string{"undecided", "allowed"} {
			for _, a := range answers {
				if a == best {
					want = best
				}
			}
		}
		if sim.Member(emergency, i) {
			want = "blocked"
		}
		if row["proposed"] != want {
			t.Errorf("%s, %q: %s (%s), want %s of %v", row["passkey_id"], k.AAGUID, row["proposed"], row["reason_code"], want, answers)
		}
		if want == "allowed" && answers[0] == "allowed" {
			// The body enforces attestation, in the default profile too.
			if attested := k.Attestation == audit.Attested; (row["registrable"] == "true") != attested && len(answers) == 1 {
				t.Errorf("%s, attestation %q: registrable %q", row["passkey_id"], k.Attestation, row["registrable"])
			}
			seen["registrable "+row["registrable"]]++
		}
		seen[fmt.Sprint(len(answers), " ", want)]++
	}
	for _, want := range []string{"1 allowed", "1 blocked", "1 undecided", "2 allowed", "2 blocked", "registrable true", "registrable false"} {
		if seen[want] == 0 {
			t.Errorf("the tenant has no case %q: %v", want, seen)
		}
	}
	s := summaryOf(t, dir)
	changes := strings.Join(s.ProposalChanges, "\n")
	if !strings.Contains(changes, `profile "Default passkey profile"`) || strings.Contains(changes, "pilots") {
		t.Errorf("changes:\n%s", changes)
	}
	assumed := map[string]report.SummaryAssumption{}
	for _, a := range s.AssumptionDetails {
		assumed[a.Text] = a
	}
	for _, a := range []audit.Assumption{policy.AssumeLegacyChangesDefault, policy.AssumeLeftOutKept} {
		if d, ok := assumed[policy.Describe(a)]; !ok || !d.OfProposal {
			t.Errorf("%q is not among the assumptions of the proposal: %+v", policy.Describe(a), s.AssumptionDetails)
		}
	}
}
