package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"passkey-audit/audit/graphsim"
)

// What is proved here: for any plan of faults that ends, and any instants at
// which a run is stopped, cancelled or killed, the final report is that of a
// run that nothing disturbed. All waiting is on testing/synctest's clock.

// proofTenant is the tenant of the property: large enough for several pages of
// users, members and batches.
func proofTenant(seed uint64) graphsim.Options {
	return graphsim.Options{Users: 130, Seed: seed, Latency: 50 * time.Millisecond, MaxPage: 30, MethodsPage: 3}
}

// undisturbed gives the report of a tenant that is read without any fault.
func undisturbed(t *testing.T, o graphsim.Options, args ...string) map[string]string {
	t.Helper()
	o.Faults, o.Quota = graphsim.Plan{}, graphsim.QuotaNone
	dir := filepath.Join(t.TempDir(), "calm")
	var r result
	synctest.Test(t, func(t *testing.T) {
		r = scanProcess(t.Context(), simulate(o).Transport(), nil, append(args, "--out", dir)...)
	})
	if r.status != exitDone {
		t.Fatalf("undisturbed: exit %d; stderr:\n%s", r.status, r.stderr)
	}
	files, err := finalReports(dir)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A kill ends a run at an instant.
type kill struct {
	after time.Duration
	how   int
}

// The ways in which a run ends early.
const (
	killStop   = iota // the first Ctrl-C
	killCancel        // the second
	killDead          // kill -9: what is on the disk at that instant is all there is
	killWays
)

// A disturbance is what happens to a scan.
type disturbance struct {
	seed   uint64
	faults graphsim.Plan
	kills  []kill
}

// String tells a failing case.
func (d disturbance) String() string {
	type plain disturbance // without this method
	return fmt.Sprintf("%+v", plain(d))
}

// drawFault draws a fault that a caller gets over by asking again, by beginning
// a listing anew, or (401) by signing in and resuming. Not among them is what is
// no fault but an answer: 403 and 404 about one user.
func drawFault(t *rapid.T) graphsim.Fault {
	f := graphsim.Fault{Kind: graphsim.FaultKind(rapid.IntRange(int(graphsim.FaultStatus), int(graphsim.FaultSlow)).Draw(t, "kind"))}
	wait := func(name string) time.Duration {
		return rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, 30 * time.Second, 59 * time.Second, 2 * time.Minute, time.Hour}).Draw(t, name)
	}
	switch f.Kind {
	case graphsim.FaultStatus:
		f.Status = rapid.SampledFrom([]int{401, 408, 424, 429, 429, 429, 500, 502, 503, 503, 504, 509}).Draw(t, "status")
		f.Body = graphsim.BodyForm(rapid.IntRange(0, int(graphsim.BodyHTML)).Draw(t, "body"))
		f.Retry = graphsim.RetryForm(rapid.IntRange(0, int(graphsim.RetryDate)).Draw(t, "retry"))
		f.Wait = wait("wait")
	case graphsim.FaultOutage:
		f.Retry = graphsim.RetryForm(rapid.IntRange(0, int(graphsim.RetryDate)).Draw(t, "retry"))
		f.Wait, f.For = wait("wait"), wait("for")
	case graphsim.FaultSlow:
		f.For = wait("for")
	}
	return f
}

// drawPlan draws a plan that ends.
func drawPlan(t *rapid.T) graphsim.Plan {
	p := graphsim.Plan{Every: rapid.SampledFrom([]int{0, 0, 3, 10, 30}).Draw(t, "every")}
	some := func(name string, below int) []int {
		if rapid.Bool().Draw(t, "any "+name) {
			return nil
		}
		return rapid.SliceOfN(rapid.IntRange(0, below-1), 1, 4).Draw(t, name)
	}
	restarts := 0
	for range rapid.IntRange(0, 6).Draw(t, "rules") {
		r := graphsim.Rule{
			On: graphsim.On(rapid.SampledFrom([]graphsim.On{graphsim.OnAny, graphsim.OnOrganization, graphsim.OnUsers, graphsim.OnMethods, graphsim.OnMethods, graphsim.OnPolicy, graphsim.OnGroup, graphsim.OnMembers, graphsim.OnBatch,
				graphsim.OnRoles, graphsim.OnStrengths, graphsim.OnConditionalAccess}).Draw(t, "on")),
			Times: rapid.IntRange(1, 4).Draw(t, "times"), After: rapid.IntRange(0, 6).Draw(t, "after"),
			Each: rapid.Bool().Draw(t, "each"), Fault: drawFault(t),
		}
		switch r.On {
		case graphsim.OnMethods:
			r.Users = some("users", 130)
		case graphsim.OnUsers, graphsim.OnMembers:
			r.Pages = some("pages", 5)
		}
		switch r.Fault.Kind {
		case graphsim.FaultRepeatLink, graphsim.FaultForeignLink, graphsim.FaultExpired:
			// A listing begins anew five times in a run at most.
			if restarts++; restarts > 4 {
				continue
			}
			r.Times, r.Each = 1, false
		case graphsim.FaultHang, graphsim.FaultEmptyPage: // each empty page leads to a new one
			r.Each = false
		case graphsim.FaultStatus:
			if r.Fault.Status == http.StatusUnauthorized {
				r.Times, r.Each = 2, false
			}
		}
		p.Rules = append(p.Rules, r)
	}
	return p
}

func drawDisturbance(t *rapid.T) disturbance {
	d := disturbance{seed: uint64(rapid.IntRange(1, 2).Draw(t, "seed")), faults: drawPlan(t)}
	for range rapid.IntRange(0, 4).Draw(t, "kills") {
		// From the start of a run to its end and beyond.
		after := time.Duration(rapid.IntRange(1, 2000).Draw(t, "after")) * time.Millisecond
		if rapid.Bool().Draw(t, "late") {
			after *= 100
		}
		d.kills = append(d.kills, kill{after, rapid.IntRange(0, killWays-1).Draw(t, "how")})
	}
	return d
}

// survive scans through a disturbance below a folder, resuming as often as it
// takes, and gives the folder of the final report.
func survive(t *testing.T, d disturbance, under string) (dir string, err error) {
	o := proofTenant(d.seed)
	o.Faults = d.faults
	sim := simulate(o)
	dir = filepath.Join(under, "0")
	args := func() []string {
		if _, err := os.Stat(filepath.Join(dir, fileSnapshot)); err == nil {
			return []string{"--resume", dir, "--max-attempts", "100"}
		}
		return []string{"--out", dir, "--max-attempts", "100"}
	}
	const most = 40
	for n := range most {
		if n >= len(d.kills) {
			r := scanProcess(t.Context(), sim.Transport(), nil, args()...)
			switch r.status {
			case exitDone:
				return dir, nil
			case exitRefused: // a 401: signed in again, it goes on
				continue
			}
			return dir, fmt.Errorf("run %d: exit %d; stderr: %s", n, r.status, r.stderr)
		}
		next := filepath.Join(under, fmt.Sprint(n+1))
		r, died, err := disturbed(t, sim, d.kills[n], dir, next, args())
		if err != nil {
			return dir, err
		}
		if died {
			dir = next
			continue
		}
		switch r.status {
		case exitDone:
			return dir, nil
		case exitInterrupted, exitRefused:
		default:
			return dir, fmt.Errorf("run %d, ended early: exit %d; stderr: %s", n, r.status, r.stderr)
		}
	}
	return dir, fmt.Errorf("no end after %d runs", most)
}

// disturbed runs a scan until it ends or is killed. died says that it was killed
// as by kill -9, and that what it left on the disk is in next.
func disturbed(t *testing.T, sim *graphsim.Server, k kill, dir, next string, args []string) (r result, died bool, err error) {
	ctx, cancel := context.WithCancel(t.Context())
	stop, ended, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		timer := time.NewTimer(k.after)
		defer timer.Stop()
		select {
		case <-ended:
			return
		case <-timer.C:
		}
		switch k.how {
		case killStop:
			close(stop)
			return
		case killDead:
			synctest.Wait() // no write is half done in this process: the test with processes covers that
			select {
			case <-ended:
				return
			default:
			}
			died, err = true, copyRemains(dir, next)
		}
		cancel()
	}()
	r = scanProcess(ctx, sim.Transport(), stop, args...)
	close(ended)
	<-done
	cancel()
	return r, died, err
}

// copyRemains copies what a killed process leaves.
func copyRemains(from, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	es, err := os.ReadDir(from)
	if os.IsNotExist(err) {
		return nil
	}
	for _, e := range es {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), b, 0o600); err != nil {
			return err
		}
	}
	return err
}

// TestAnyDisturbance is the property.
func TestAnyDisturbance(t *testing.T) {
	want := map[uint64]map[string]string{}
	for seed := uint64(1); seed <= 2; seed++ {
		want[seed] = undisturbed(t, proofTenant(seed))
	}
	root := t.TempDir()
	n := 0
	boundChecks(t)
	rapid.Check(t, func(rt *rapid.T) {
		d := drawDisturbance(rt)
		n++
		under := filepath.Join(root, fmt.Sprint(n))
		if err := os.Mkdir(under, 0o700); err != nil {
			rt.Fatal(err)
		}
		var dir string
		var err error
		synctest.Test(t, func(t *testing.T) { dir, err = survive(t, d, under) })
		if err != nil {
			rt.Fatalf("%v\n%v", err, d)
		}
		got, err := finalReports(dir)
		if err != nil {
			rt.Fatalf("the report is not whole: %v\n%v", err, d)
		}
		if diff := differences(want[d.seed], got); diff != "" {
			rt.Fatalf("%s\n%v", diff, d)
		}
		if err := os.RemoveAll(under); err != nil {
			rt.Fatal(err)
		}
	})
}

// boundChecks bounds the cases of a property whose cases are whole scans, unless
// the command line says how many there are to be.
func boundChecks(t *testing.T) {
	t.Helper()
	const usual = "100"
	f := flag.Lookup("rapid.checks")
	checks := "40"
	if underRace {
		checks = "15"
	}
	if f.Value.String() != usual {
		return
	}
	if err := f.Value.Set(checks); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Value.Set(usual); err != nil {
			t.Error(err)
		}
	})
}
