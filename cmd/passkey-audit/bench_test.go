package main

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"passkey-audit/audit/graphsim"
)

// benchScan scans a tenant in process into a new folder, with these flags.
func benchScan(b *testing.B, transport http.RoundTripper, args ...string) {
	b.Helper()
	args = append([]string{"scan", "--auth", "token", "--cloud", "custom", "--graph-endpoint", "https://graph.example.com", "--no-progress",
		"--out", filepath.Join(b.TempDir(), "out")}, args...)
	status := run(context.Background(), world{
		args: args, stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, now: time.Now, transport: transport,
		getenv: func(name string) string { return map[string]string{"PASSKEY_AUDIT_ACCESS_TOKEN": testToken}[name] },
	})
	if status != exitDone {
		b.Fatalf("exit %d", status)
	}
}

// BenchmarkAgainstSerial compares a scan of 5,000 users, whose answers take
// 80 ms, with asking one user after the other, as Microsoft's script did. The
// latter is measured on a sample in the same run.
func BenchmarkAgainstSerial(b *testing.B) {
	const users, sample = 5000, 40
	o := graphsim.Options{Users: users, Seed: 1, Latency: 80 * time.Millisecond, Token: testToken}
	for b.Loop() {
		sim := graphsim.New(o)
		client := http.Client{Transport: sim.Transport()}
		start := time.Now()
		for i := range sample {
			r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "https://graph.example.com/v1.0/users/"+sim.User(i).ID+"/authentication/fido2Methods", nil)
			if err != nil {
				b.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+testToken)
			a, err := client.Do(r)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, a.Body); err != nil || a.StatusCode != http.StatusOK {
				b.Fatal(a.Status, err)
			}
			a.Body.Close()
		}
		serial := time.Since(start) * users / sample
		start = time.Now()
		benchScan(b, graphsim.New(o).Transport())
		b.ReportMetric(float64(serial)/float64(time.Since(start)), "times_as_fast")
	}
}

// BenchmarkQuota reads under a quota on a clock that runs as fast as it can,
// and compares the time with the least that the quota permits.
func BenchmarkQuota(b *testing.B) {
	for _, bb := range []struct {
		name            string
		quota           graphsim.Quota
		users           int
		full, perSecond float64 // the quota for reads of passkeys
	}{
		{"directory", graphsim.QuotaDirectory, 20_000, 8000, 800},
		{"reports", graphsim.QuotaReports, 600, 5, 0.5},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				synctestBench(b, func() {
					sim := graphsim.New(graphsim.Options{Users: bb.users, Seed: 1, Latency: 30 * time.Millisecond, Quota: bb.quota, Token: testToken})
					start := time.Now()
					benchScan(b, sim.Transport(), "--format", "json")
					took, st := time.Since(start), sim.Stats()
					least := (float64(bb.users) - bb.full) / bb.perSecond
					b.ReportMetric(took.Seconds()/least, "times_the_least")
					b.ReportMetric(100*float64(st.Throttled)/float64(st.Items+st.Requests), "%throttled")
					b.ReportMetric(60*float64(bb.users)/took.Seconds(), "users/min")
				})
			}
		})
	}
}

// synctestBench runs f in a bubble of its own, which a benchmark has none of.
func synctestBench(b *testing.B, f func()) {
	b.Helper()
	ok := testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: b.Name(), F: func(t *testing.T) {
		synctest.Test(t, func(*testing.T) { f() })
	}}})
	if !ok {
		b.Fatal("failed in its bubble")
	}
}

// BenchmarkScan is the whole program, from the first request to the last file,
// with the simulated tenant in the same process.
func BenchmarkScan(b *testing.B) {
	const users = 20_000
	o := graphsim.Options{Users: users, Seed: 1, Token: testToken}
	b.ReportAllocs()
	for b.Loop() {
		benchScan(b, graphsim.New(o).Transport())
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/users, "us/user")
}
