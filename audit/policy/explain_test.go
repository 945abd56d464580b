package policy_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"passkey-audit/audit"
	"passkey-audit/audit/policy"
)

// TestExplain holds explanations of scenarios in golden files.
func TestExplain(t *testing.T) {
	var files []string
	for _, name := range []string{
		"profiles-any-allows", "included-nested-and-direct", "excluded-nested-and-direct", "both-groups-unread", "excluded-group-unread",
		"included-group-unread-other-allows", "method-disabled", "not-targeted", "profile-missing", "default-profile-serves", "default-profile-missing", "included-user",
	} {
		file := filepath.Join("testdata", "explanations", name+".golden")
		files = append(files, file)
		t.Run(name, func(t *testing.T) {
			s := readScenario(t, filepath.Join("testdata", "scenarios", name+".txtar"))
			scope := policy.NewEvaluator(s.live, s.groups, names).Scope(s.userID, s.memberOf)
			var b strings.Builder
			for i := range s.passkeys {
				fmt.Fprintf(&b, "# %s\n", s.passkeys[i].Name)
				render(&b, scope.Explain(&s.passkeys[i]))
			}
			golden(t, file, b.String())
		})
	}
	sameFiles(t, files)
}

func render(b *strings.Builder, x policy.Explanation) {
	fmt.Fprintf(b, "%s %s; %s; registrable %q; settled %t\n", x.Verdict.Decision, x.Verdict.Code, x.Verdict.DecidedBy, x.Registrable, x.Settled)
	fmt.Fprintf(b, "why: %s\nremedy: %s\n", x.Verdict.Reason, x.Remedy)
	for _, w := range x.Excluded {
		renderWay(b, "excluded ", w)
	}
	for _, p := range x.Profiles {
		fmt.Fprintf(b, "- %s %q", p.Name, p.ID)
		for _, m := range []struct {
			is   bool
			word string
		}{{p.Default, "default"}, {p.Missing, "missing"}} {
			if m.is {
				b.WriteString(", " + m.word)
			}
		}
		fmt.Fprintf(b, "; reaches %q; %s %s; registrable %q\n  why: %s\n  remedy: %s\n", p.Reaches, p.Decision, p.Code, p.Registrable, p.Reason, p.Remedy)
		for _, a := range policy.Assumptions() {
			if p.Assumes.Has(a) {
				fmt.Fprintf(b, "  assumed: %s\n", policy.Describe(a))
			}
		}
		for _, w := range p.Ways {
			renderWay(b, "  through ", w)
		}
	}
}

func renderWay(b *strings.Builder, role string, w policy.Way) {
	fmt.Fprintf(b, "%s%s: member %q", role, w.Label, w.Member)
	if w.Member == audit.Yes {
		fmt.Fprintf(b, ", nested %q", w.Nested)
	}
	if w.Open != "" {
		b.WriteString(", " + w.Open)
	}
	if w.ByDefault {
		b.WriteString(", by default")
	}
	b.WriteString("\n")
}

// TestExplainAgrees works the verdict out anew from what an explanation tells.
func TestExplainAgrees(t *testing.T) {
	check := func(t *rapid.T) {
		p := drawPolicy(t)
		e := policy.NewEvaluator(p, drawGroups(t), names)
		for range 10 {
			scope := e.Scope(drawUser.Draw(t, "user"), drawMember(t))
			k := audit.Passkey{AAGUID: drawAAGUID.Draw(t, "aaguid"), Type: drawType.Draw(t, "type"), Attestation: rapid.SampledFrom([]audit.AttestationLevel{"", "attested", "notAttested"}).Draw(t, "level")}
			x, v := scope.Explain(&k), scope.Judge(&k)
			if diff := cmp.Diff(v, x.Verdict); diff != "" || x.Registrable != scope.Registrable(&k, v) {
				t.Fatalf("verdicts:\n%s", diff)
			}
			if (x.Remedy == "") != (v.Decision == audit.Allowed) {
				t.Fatalf("%s with the remedy %q", v.Decision, x.Remedy)
			}
			if x.Remedy != "" && !x.Settled && v.Code == audit.ReasonUserExcluded {
				t.Fatal("excluded, and not settled")
			}
			if got := again(p, x); got != v.Decision {
				t.Fatalf("%s, but %s by the explanation %+v", v.Decision, got, x)
			}
			for i := range p.Profiles {
				// Of two profiles with one id the first counts.
				first, _ := p.Profile(p.Profiles[i].ID)
				if first == &p.Profiles[i] && !strings.EqualFold(x.Profiles[position(p, i)].ID, first.ID) {
					t.Fatalf("profile %d is not in the policy's order", i)
				}
			}
		}
	}
	for range 10 {
		rapid.Check(t, check)
	}
}

// position is a profile's place among those with an id of their own.
func position(p audit.Policy, i int) int {
	n := 0
	for j := range i {
		if first, _ := p.Profile(p.Profiles[j].ID); first == &p.Profiles[j] {
			n++
		}
	}
	return n
}

func again(p audit.Policy, x policy.Explanation) audit.Decision {
	if strings.EqualFold(p.State, "disabled") {
		return audit.Blocked
	}
	excludedOpen, includedOpen, reached := false, false, false
	for _, w := range x.Excluded {
		if w.Member == audit.Yes {
			return audit.Blocked
		}
		excludedOpen = excludedOpen || w.Member == audit.Unknown
	}
	seen := map[audit.Decision]bool{}
	for _, q := range x.Profiles {
		for _, w := range q.Ways {
			includedOpen = includedOpen || w.Member == audit.Unknown
		}
		if q.Reaches == audit.Yes {
			reached = true
			seen[q.Decision] = true
		}
	}
	switch {
	case reached && seen[audit.Allowed] && !excludedOpen:
		return audit.Allowed
	case reached && seen[audit.Allowed], includedOpen, seen[audit.Undecided]:
		return audit.Undecided
	}
	return audit.Blocked
}

func TestExplainNothing(t *testing.T) {
	x := policy.Scope{}.Explain(&audit.Passkey{})
	if x.Verdict.Decision != audit.Undecided || x.Profiles != nil || x.Settled {
		t.Errorf("the zero Scope explains %+v", x)
	}
}
