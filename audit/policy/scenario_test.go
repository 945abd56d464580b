package policy_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"passkey-audit/audit"
	"passkey-audit/audit/policy"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

// rows are the cases of the evaluation table in the outside contract, as the
// scenarios name them in lines that begin with "Row:". Each needs a scenario.
var rows = []string{
	"`state` disabled",
	"user in any excluded target (directly or through nested groups)",
	"user in no included target",
	"restrictions not enforced (false or null)",
	"enforced allow, AAGUID not in the list (also an empty or null list)",
	"enforced block, AAGUID in the list",
	"AAGUID null, empty or no GUID, restrictions enforced",
	"all-zero AAGUID",
	"AAGUIDs compared",
	"profile types do not include the passkey's type",
	"passkey's type null or unknown, profile takes only one type",
	"target without profiles in a tenant that has profiles",
	"profiles exist",
	"an excluded group could not be read",
	"an included group could not be read",
	"attestation",
	"type and AAGUID of one profile",
	"AAGUID unknown against an enforced empty list",
	"several profiles block for different reasons",
}

// names stands in for the catalogue.
func names(a audit.AAGUID) string {
	return map[string]string{
		"2fc0579f-8113-47ea-b116-bb5a8db9202a": "YubiKey 5 Series with NFC",
		"c5ef55ff-ad9a-4b9f-b580-adebafe026d0": "YubiKey 5 Series with Lightning",
		"de1e552d-db1d-4423-a619-566b625cdc84": "Microsoft Authenticator for Android",
		"90a3ccdf-635c-4729-a248-9b709135078f": "Microsoft Authenticator for iOS",
		"ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4": "Google Password Manager",
		"08987058-cadc-4b81-b6e1-30de50dcbe96": "Windows Hello Hardware Authenticator",
	}[a.String()]
}

// A scenario is a file of testdata/scenarios, taken apart.
type scenario struct {
	archive  *txtar.Archive
	rows     []string
	live     audit.Policy
	spec     *policy.Spec
	userID   string
	memberOf []audit.Membership
	groups   []audit.Group
	passkeys []audit.Passkey
}

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	covered := map[string]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			s := readScenario(t, file)
			for _, r := range s.rows {
				if !slices.Contains(rows, r) {
					t.Errorf("%q is no row of the table", r)
				}
				covered[r] = true
			}
			p := s.live
			if s.spec != nil {
				proposal, err := policy.Propose(s.live, *s.spec)
				if err != nil {
					t.Fatal(err)
				}
				p = proposal.Policy
			}
			verdicts, reasons := s.judge(p)
			if diff := cmp.Diff(s.part("want"), verdicts); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
			if *update {
				s.set("reasons", reasons)
				if err := os.WriteFile(file, txtar.Format(s.archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(s.part("reasons"), reasons); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
		})
	}
	for _, r := range rows {
		if !covered[r] {
			t.Errorf("no scenario for the row %q", r)
		}
	}
}

// judge gives the part "want" and the part "reasons" as they come out.
func (s *scenario) judge(p audit.Policy) (verdicts, reasons string) {
	scope := policy.NewEvaluator(p, s.groups, names).Scope(s.userID, s.memberOf)
	for i := range s.passkeys {
		k := &s.passkeys[i]
		v := scope.Judge(k)
		verdicts += fmt.Sprintf("%s: %s %s; %s%s\n", k.Name, v.Decision, v.Code, v.DecidedBy, registrable(scope.Registrable(k, v), v))
		reasons += fmt.Sprintf("%s: %s\n", k.Name, v.Reason)
		for _, a := range policy.Assumptions() {
			if v.Assumes.Has(a) {
				reasons += "    Assumed: " + policy.Describe(a) + "\n"
			}
		}
	}
	return verdicts, reasons
}

// registrable is shown where the passkey is allowed; elsewhere it follows.
func registrable(r audit.Ternary, v audit.Verdict) string {
	switch {
	case v.Decision == audit.Blocked && r == audit.No, v.Decision == audit.Undecided && r == audit.Unknown:
		return ""
	case r == audit.Yes:
		return "; registrable"
	case r == audit.No:
		return "; not registrable"
	}
	return "; registrable unknown"
}

func (s *scenario) part(name string) string {
	for _, f := range s.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func (s *scenario) set(name, text string) {
	for i := range s.archive.Files {
		if s.archive.Files[i].Name == name {
			s.archive.Files[i].Data = []byte(text)
			return
		}
	}
	s.archive.Files = append(s.archive.Files, txtar.File{Name: name, Data: []byte(text)})
}

func readScenario(t *testing.T, file string) *scenario {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &scenario{archive: archive}
	for line := range strings.Lines(string(archive.Comment)) {
		if row, ok := strings.CutPrefix(line, "Row: "); ok {
			s.rows = append(s.rows, strings.TrimSpace(row))
		}
	}
	if s.live, _, err = policy.Parse([]byte(s.part("policy.json"))); err != nil {
		t.Fatal(err)
	}
	if b := s.part("proposal.json"); b != "" {
		s.spec = &policy.Spec{Body: []byte(b), Source: "proposal.json"}
	}
	if text := s.part("proposal.txt"); text != "" {
		s.spec = readSpec(t, text)
	}
	var user struct {
		ID       string
		MemberOf []string // direct members
		Nested   []string // members through nested groups alone
		Unsure   []string // members, it is not known how
		Groups   []struct{ ID, Name, Outcome string }
	}
	if err := json.Unmarshal([]byte(s.part("user.json")), &user); err != nil {
		t.Fatal(err)
	}
	s.userID = user.ID
	for _, in := range []struct {
		ids    []string
		nested audit.Ternary
	}{{user.MemberOf, audit.No}, {user.Nested, audit.Yes}, {user.Unsure, audit.Unknown}} {
		for _, id := range in.ids {
			s.memberOf = append(s.memberOf, audit.Membership{GroupID: id, Nested: in.nested})
		}
	}
	for _, g := range user.Groups {
		s.groups = append(s.groups, audit.Group{ID: g.ID, Name: g.Name, Outcome: audit.Outcome(g.Outcome)})
	}
	s.passkeys = readPasskeys(t, []byte(s.part("passkeys.json")))
	return s
}

func readSpec(t *testing.T, text string) *policy.Spec {
	t.Helper()
	spec := &policy.Spec{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if key == "preset" {
			spec.Preset = value
			continue
		}
		a, err := audit.ParseAAGUID(value)
		if err != nil {
			t.Fatal(err)
		}
		switch key {
		case "allow":
			spec.Allow = append(spec.Allow, a)
		case "block":
			spec.Block = append(spec.Block, a)
		default:
			t.Fatalf("proposal.txt: %q", key)
		}
	}
	return spec
}

// readPasskeys reads what Graph answers to a read of fido2Methods.
func readPasskeys(t *testing.T, body []byte) []audit.Passkey {
	t.Helper()
	var answer struct {
		Value []struct {
			ID, DisplayName, AAGUID, Model string
			CreatedDateTime                time.Time
			AttestationLevel, PasskeyType  string
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	var all []audit.Passkey
	for _, k := range answer.Value {
		all = append(all, audit.Passkey{
			ID: k.ID, Name: k.DisplayName, AAGUID: k.AAGUID, Model: k.Model, CreatedAt: k.CreatedDateTime,
			Type: audit.PasskeyType(k.PasskeyType), Attestation: audit.AttestationLevel(k.AttestationLevel),
		})
	}
	if len(all) == 0 {
		t.Fatal("no passkeys")
	}
	return all
}
