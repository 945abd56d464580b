package policy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"passkey-audit/audit"
	"passkey-audit/audit/policy"
)

// seed adds the bodies of testdata and some that went wrong elsewhere.
func seed(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/wire/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no bodies: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{
		"", "{}", "[]", "null", `"x"`, "{", "\xff\xfe{\x00", "\ufeff{}", `{"state":"enabled","state":1}`, `{"state":{"a":[1e999,{}]}}`,
		`{"passkeyProfiles":[{"id":"00000000-0000-0000-0000-000000000001","keyRestrictions":null}]}`,
		`{"includeTargets":[{"id":"all_users","targetType":"group","allowedPasskeyProfiles":["x"]}],"passkeyProfiles":[{"id":"X","passkeyTypes":",synced,"}]}`,
		`{"keyRestrictions":{"aaGuids":["{DE1E552D-DB1D-4423-A619-566B625CDC84}"]},"defaultPasskeyProfile":null}`,
		`{"\ud800":1,"isAttestationEnforced":null}`,
	} {
		f.Add([]byte(s))
	}
}

// placed checks that an error names a place within the text.
func placed(t *testing.T, err error, body []byte) {
	t.Helper()
	var syntax *policy.SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("error without a place: %v", err)
	}
	lines := strings.Split(strings.TrimPrefix(string(body), "\ufeff"), "\n")
	if syntax.Line < 1 || syntax.Line > len(lines) || syntax.Column < 1 || syntax.Column > len([]rune(lines[syntax.Line-1]))+1 {
		t.Fatalf("no such place: %v", err)
	}
}

// judgeAll makes sure that a policy can be judged by.
func judgeAll(t *testing.T, p audit.Policy) {
	t.Helper()
	scope := policy.NewEvaluator(p, nil, names).Scope("u", []audit.Membership{{GroupID: "g", Nested: audit.Yes}})
	for _, k := range []audit.Passkey{{}, {AAGUID: android, Type: audit.DeviceBound}, {AAGUID: "x", Type: "quantum"}} {
		v := scope.Judge(&k)
		if v.Reason == "" || v.DecidedBy == "" {
			t.Fatalf("verdict without words: %+v", v)
		}
		scope.Registrable(&k, v)
	}
}

func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		p, notes, err := policy.Parse(body)
		if err != nil {
			placed(t, err, body)
			if diff := cmp.Diff(audit.Policy{}, p); diff != "" || notes != nil {
				t.Fatalf("a part was taken: %q %s", notes, diff)
			}
			return
		}
		judgeAll(t, p)
		policy.Groups(p)
		suggestFrom(t, p, body)
		// What was read from a tenant is a proposal that changes nothing,
		// unless it is odder than a proposal may be.
		if same, err := policy.Propose(p, policy.Spec{Body: body, Source: "b"}); err == nil && len(same.Changes) > 0 && distinct(p) {
			t.Fatalf("the live body changes %q", same.Changes)
		}
	})
}

// suggestFrom makes a list of any live body, and lays it over where each
// profile can be told apart.
func suggestFrom(t *testing.T, p audit.Policy, body []byte) {
	t.Helper()
	g, err := policy.NewSuggester(p, nil, nil, policy.SuggestOptions{Live: body})
	if err != nil {
		return // more profiles than a policy can have
	}
	g.Observe("u", nil, []audit.Passkey{{AAGUID: yubiKey}, {AAGUID: "x"}})
	s, err := g.Suggest()
	if err != nil {
		t.Fatalf("suggest: %v", err)
	}
	then, _, err := policy.Parse(s.Body)
	if err != nil {
		t.Fatalf("the suggested body is none: %v in\n%s", err, s.Body)
	}
	for _, q := range p.Profiles {
		if got, ok := then.Profile(q.ID); !ok || got.KeyRestrictions.Enforced != audit.Yes || len(got.KeyRestrictions.AAGUIDs) < 2 {
			t.Fatalf("profile %q in\n%s", q.ID, s.Body)
		}
	}
	if _, err := policy.Propose(p, policy.Spec{Body: s.Body, Source: "s"}); err != nil && distinct(p) && !slices.ContainsFunc(p.Profiles, func(q audit.Profile) bool { return q.ID == "" }) {
		t.Fatalf("%v in\n%s", err, s.Body)
	}
}

// distinct tells whether profiles and targets can be told apart by their ids,
// and the default profile is named: Diff finds them by that.
func distinct(p audit.Policy) bool {
	seen := map[string]bool{}
	for _, q := range p.Profiles {
		seen["p"+strings.ToLower(q.ID)] = true
	}
	for _, t := range p.Include {
		seen["i"+strings.ToLower(t.Type+" "+t.ID)] = true
	}
	for _, t := range p.Exclude {
		seen["e"+strings.ToLower(t.Type+" "+t.ID)] = true
	}
	return len(seen) == len(p.Profiles)+len(p.Include)+len(p.Exclude) && p.HasProfiles() == (p.DefaultProfile != "")
}

func FuzzPropose(f *testing.F) {
	seed(f)
	var lives []audit.Policy
	for _, name := range []string{"policy-legacy.json", "policy-profiles.json"} {
		lives = append(lives, parse(f, string(wire(f, name))))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for i, live := range lives {
			before := parse(t, string(wire(t, []string{"policy-legacy.json", "policy-profiles.json"}[i])))
			spec := policy.Spec{Body: body, Source: "b"}
			got, err := policy.Propose(live, spec)
			if diff := cmp.Diff(before, live); diff != "" {
				t.Fatalf("the live policy was changed:\n%s", diff)
			}
			early := policy.Check(spec)
			if err != nil {
				placed(t, err, body)
				if diff := cmp.Diff(policy.Proposal{}, got); diff != "" {
					t.Fatalf("a part was taken:\n%s", diff)
				}
				continue
			}
			if early != nil {
				t.Fatalf("Check refuses what Propose takes: %v", early)
			}
			whole(t, got.Policy)
			taken(t, body, live, got.Policy)
			judgeAll(t, got.Policy)
		}
	})
}

// taken checks that a proposal holds all of a body, and the live policy where
// the body says nothing: Parse reads the body alone.
func taken(t *testing.T, body []byte, live, got audit.Policy) {
	t.Helper()
	given := map[string]json.RawMessage{}
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &given); err != nil {
		t.Fatal(err)
	}
	alone, _, err := policy.Parse(body)
	if err != nil && len(given) > 0 { // {} changes nothing, and is no policy
		t.Fatalf("Propose takes what Parse refuses: %v", err)
	}
	want := live
	for name, take := range map[string]func(){
		"state":                            func() { want.State = alone.State },
		"isSelfServiceRegistrationAllowed": func() { want.SelfServiceRegistration = alone.SelfServiceRegistration },
		"includeTargets":                   func() { want.Include = alone.Include },
		"excludeTargets":                   func() { want.Exclude = alone.Exclude },
	} {
		if _, ok := given[name]; ok {
			take()
		}
	}
	ids := func(p audit.Policy) (all []string) {
		for _, q := range p.Profiles {
			all = append(all, q.ID+" "+q.Name)
		}
		return all
	}
	if _, ok := given["passkeyProfiles"]; ok {
		want.Profiles = alone.Profiles
	}
	if diff := cmp.Diff(ids(want), ids(got)); diff != "" {
		t.Fatalf("profiles (-want +got):\n%s", diff)
	}
	// What lists and the default profile become is the overlay's own matter.
	want.KeyRestrictions, want.AttestationEnforced, want.DefaultProfile, want.Profiles = got.KeyRestrictions, got.AttestationEnforced, got.DefaultProfile, got.Profiles
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("a part was not taken (-want +got):\n%s", diff)
	}
}

// whole checks that a proposed policy holds nothing that is known to be wrong:
// the live policies of the fuzz test are in order.
func whole(t *testing.T, p audit.Policy) {
	t.Helper()
	if !strings.EqualFold(p.State, "enabled") && !strings.EqualFold(p.State, "disabled") {
		t.Fatalf("state %q", p.State)
	}
	lists := []audit.KeyRestrictions{p.KeyRestrictions}
	for _, q := range p.Profiles {
		lists = append(lists, q.KeyRestrictions)
		if first, _ := p.Profile(q.ID); q.ID == "" || first.Name != q.Name {
			t.Fatalf("profile id %q", q.ID)
		}
		for _, k := range q.Types {
			if !strings.EqualFold(string(k), "deviceBound") && !strings.EqualFold(string(k), "synced") {
				t.Fatalf("passkey type %q", k)
			}
		}
	}
	if _, ok := p.Profile(p.DefaultProfile); ok != p.HasProfiles() {
		t.Fatalf("default profile %q", p.DefaultProfile)
	}
	for _, l := range lists {
		if l.Type != "" && !strings.EqualFold(l.Type, "allow") && !strings.EqualFold(l.Type, "block") {
			t.Fatalf("list type %q", l.Type)
		}
		for _, a := range l.AAGUIDs {
			if _, err := audit.ParseAAGUID(a); err != nil {
				t.Fatalf("AAGUID %q", a)
			}
		}
	}
	for _, target := range p.Include {
		if target.ID == "" {
			t.Fatal("target without id")
		}
		for _, id := range target.Profiles {
			if _, ok := p.Profile(id); !ok {
				t.Fatalf("target names profile %q", id)
			}
		}
	}
}
