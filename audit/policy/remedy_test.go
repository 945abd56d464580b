package policy

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"passkey-audit/audit"
)

// drawRule makes a rule as a profile, or as tenant-wide restrictions.
func drawRule(t *rapid.T) *rule {
	list := audit.KeyRestrictions{
		Enforced: rapid.SampledFrom([]audit.Ternary{audit.Yes, audit.Yes, audit.No}).Draw(t, "enforced"),
		Type:     rapid.SampledFrom([]string{"allow", "block", "", "other"}).Draw(t, "list"),
		AAGUIDs: rapid.SliceOfN(rapid.SampledFrom([]string{
			"2fc0579f-8113-47ea-b116-bb5a8db9202a", "{DE1E552D-DB1D-4423-A619-566B625CDC84}", "00000000-0000-0000-0000-000000000000", "no AAGUID",
		}), 0, 3).Draw(t, "aaguids"),
	}
	if rapid.Bool().Draw(t, "tenant-wide") {
		return tenantRule(&audit.Policy{KeyRestrictions: list})
	}
	types := rapid.SliceOfN(rapid.SampledFrom([]audit.PasskeyType{"deviceBound", "synced", "quantum"}), 0, 2).Draw(t, "types")
	return profileRule(&audit.Profile{Name: "P", Types: types, KeyRestrictions: list})
}

// take changes a rule as a step says.
func take(r *rule, st step, s subject) {
	switch st {
	case stepAcceptType:
		r.deviceBound = r.deviceBound || s.kind == audit.DeviceBound
		r.synced = r.synced || s.kind == audit.Synced
	case stepAcceptBoth, stepNameTypes:
		r.deviceBound, r.synced = true, true
	case stepEnter:
		r.listed[s.aaguid] = true
		r.listLength++
	case stepStrike:
		delete(r.listed, s.aaguid)
	case stepAllowList:
		r.list = listAllow
	case stepSwitchOff:
		r.enforced = false
	}
}

// TestRemedies does what each remedy says: the passkey passes then, and so
// does another passkey that is as the remedy wants it.
func TestRemedies(t *testing.T) {
	e := &Evaluator{}
	spoken := map[step]bool{}
	check := func(t *rapid.T) {
		r := drawRule(t)
		s := subjectOf(&audit.Passkey{
			AAGUID: rapid.SampledFrom([]string{
				"2fc0579f-8113-47ea-b116-bb5a8db9202a", "c5ef55ff-ad9a-4b9f-b580-adebafe026d0", "00000000-0000-0000-0000-000000000000", "", "NFC",
			}).Draw(t, "aaguid"),
			Type: rapid.SampledFrom([]audit.PasskeyType{"deviceBound", "synced", "", "photonic"}).Draw(t, "type"),
		})
		f := ref{rule: r}.judge(s)
		steps := r.steps(s)
		if (f.decision == audit.Allowed) != (len(steps) == 0) {
			t.Fatalf("%s with steps %v", f.decision, steps)
		}
		if len(steps) == 0 {
			return
		}
		w := wording{"A", "R", "L"}
		for _, alone := range []bool{false, true} {
			text := e.remedy(f, s, alone)
			if text == "" || strings.Contains(text, "  ") || strings.HasSuffix(text, ".") {
				t.Fatalf("remedy %q", text)
			}
		}
		if other := r.other(w, s); other != "" {
			k := subject{kind: audit.DeviceBound, aaguid: audit.AAGUID{9}}
			if strings.Contains(other, "synced") {
				k.kind = audit.Synced
			}
			if strings.HasSuffix(other, "with an authenticator on L") {
				for a := range r.listed {
					k.aaguid = a
				}
			}
			if got := r.judge(k); got.decision != audit.Allowed {
				t.Fatalf("%q: %+v is %s", other, k, got.decision)
			}
		}
		for _, st := range steps {
			spoken[st] = true
			if w.change(st, s) == "" {
				t.Fatalf("step %d without words", st)
			}
			take(r, st, s)
		}
		if got := r.judge(s); got.decision != audit.Allowed {
			t.Fatalf("%+v is %s for %d after steps %v", s, got.decision, got.why, steps)
		}
	}
	for range 20 {
		rapid.Check(t, check)
	}
	for st := stepAcceptType; st < stepHoldProfile; st++ {
		if !spoken[st] {
			t.Errorf("no case with step %d was drawn", st)
		}
	}
}
