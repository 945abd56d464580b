package policy_test

import (
	"fmt"
	"sync"
	"testing"

	"passkey-audit/audit"
	"passkey-audit/audit/policy"
)

// tenant gives passkeys as a large tenant has them: some hundred AAGUIDs.
func tenant(n int) []audit.Passkey {
	keys := make([]audit.Passkey, n)
	for i := range keys {
		keys[i] = audit.Passkey{
			AAGUID: audit.AAGUID{byte(i % 200), 2, 3, 4}.String(), Type: []audit.PasskeyType{audit.DeviceBound, audit.Synced}[i%2], Attestation: audit.Attested,
		}
	}
	return keys
}

func benchmarkEvaluator(b *testing.B) (*policy.Evaluator, []audit.Membership) {
	p := parse(b, string(wire(b, "policy-profiles.json")))
	groups := []audit.Group{
		{ID: "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", Name: "Pilots", Outcome: audit.OutcomeRead},
		{ID: "0b1f1c52-6f6c-4c3c-9a57-5f9f6a2d9b01", Name: "Break glass accounts", Outcome: audit.OutcomeRead},
	}
	return policy.NewEvaluator(p, groups, names), []audit.Membership{{GroupID: "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", Nested: audit.Yes}}
}

// BenchmarkJudge is one passkey: scope, verdict and registrable.
func BenchmarkJudge(b *testing.B) {
	e, pilots := benchmarkEvaluator(b)
	keys := tenant(4096)
	b.Run("judge", func(b *testing.B) {
		scope := e.Scope("86462606-fde0-4fc4-9e0c-a20eb73e54c6", pilots)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			scope.Judge(&keys[i%len(keys)])
		}
	})
	b.Run("scope", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e.Scope("86462606-fde0-4fc4-9e0c-a20eb73e54c6", pilots)
		}
	})
	b.Run("scope+judge+registrable", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			k := &keys[i%len(keys)]
			scope := e.Scope("86462606-fde0-4fc4-9e0c-a20eb73e54c6", pilots)
			scope.Registrable(k, scope.Judge(k))
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				k := &keys[i%len(keys)]
				e.Scope("86462606-fde0-4fc4-9e0c-a20eb73e54c6", pilots).Judge(k)
			}
		})
	})
}

// TestJudgeAllocates holds the promise that judging a million passkeys makes
// no garbage.
func TestJudgeAllocates(t *testing.T) {
	p := parse(t, string(wire(t, "policy-profiles.json")))
	e := policy.NewEvaluator(p, nil, names)
	keys := tenant(400)
	member := []audit.Membership{{GroupID: "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", Nested: audit.No}}
	run := func() {
		for i := range keys {
			scope := e.Scope("86462606-fde0-4fc4-9e0c-a20eb73e54c6", member)
			scope.Registrable(&keys[i], scope.Judge(&keys[i]))
		}
	}
	run() // the first time each answer is worked out
	if n := testing.AllocsPerRun(10, run); n > 0 {
		t.Errorf("%v allocations for %d passkeys", n, len(keys))
	}
}

// TestManyAAGUIDs judges more AAGUIDs than an Evaluator remembers, from
// several goroutines: the answers stay right.
func TestManyAAGUIDs(t *testing.T) {
	p := parse(t, `{"state":"enabled","keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["`+android+`"]},
		"includeTargets":[{"targetType":"group","id":"all_users"}]}`)
	e := policy.NewEvaluator(p, nil, nil)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			scope := e.Scope(fmt.Sprint("user", g), nil)
			for i := range 30_000 {
				a := audit.AAGUID{byte(g), byte(i), byte(i >> 8), 1}
				v := scope.Judge(&audit.Passkey{AAGUID: a.String()})
				if want := "the tenant-wide restrictions allow only listed authenticators, and AAGUID " + a.String() + " is not among them: add it to that list, or register a passkey with an authenticator on it"; v.Reason != want {
					t.Errorf("got %q, want %q", v.Reason, want)
					return
				}
			}
		})
	}
	wg.Wait()
}
