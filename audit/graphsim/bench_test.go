package graphsim

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkUsers reports the cost of a listed user.
func BenchmarkUsers(b *testing.B) {
	s := New(Options{Users: 1_000_000, Seed: 1})
	transport := s.Transport()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, origin+"/v1.0/users?$top=999&$select=id,userPrincipalName,displayName,accountEnabled,userType", nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		response, err := transport.RoundTrip(r)
		if err != nil || response.StatusCode != 200 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/999, "ns/user")
}

// BenchmarkBatch reports the cost of an item of a $batch.
func BenchmarkBatch(b *testing.B) {
	s := New(Options{Users: 1_000_000, Seed: 1, Quota: QuotaNone})
	transport := s.Transport()
	bodies := make([]string, 512)
	for n := range bodies {
		var items []string
		for i := range batchLimit {
			items = append(items, fmt.Sprintf(`{"id":"%d","method":"GET","url":%q}`, i, methodsOf(s, 100+n*batchLimit+i)))
		}
		bodies[n] = `{"requests":[` + strings.Join(items, ",") + `]}`
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, origin+"/v1.0/$batch", strings.NewReader(bodies[n%len(bodies)]))
		if err != nil {
			b.Fatal(err)
		}
		response, err := transport.RoundTrip(r)
		if err != nil || response.StatusCode != 200 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchLimit, "ns/item")
}

// BenchmarkBatchOverHTTP is BenchmarkBatch with a connection on loopback.
func BenchmarkBatchOverHTTP(b *testing.B) {
	s := New(Options{Users: 1_000_000, Seed: 1})
	root, stop, err := s.Serve(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var items []string
	for i := range batchLimit {
		items = append(items, fmt.Sprintf(`{"id":"%d","method":"GET","url":%q}`, i, methodsOf(s, 100+i)))
	}
	body := `{"requests":[` + strings.Join(items, ",") + `]}`
	client := &http.Client{Transport: &http.Transport{}}
	b.ReportAllocs()
	for b.Loop() {
		response, err := client.Post(root+"/v1.0/$batch", "application/json", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			b.Fatal(err)
		}
		_ = response.Body.Close()
	}
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchLimit, "ns/item")
	client.CloseIdleConnections()
	if err := stop(); err != nil {
		b.Error(err)
	}
}

// BenchmarkReport reports the cost of a row of the registration report.
func BenchmarkReport(b *testing.B) {
	s := New(Options{Users: 1_000_000, Seed: 1})
	transport := s.Transport()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, origin+"/v1.0/reports/authenticationMethods/userRegistrationDetails?$top=999", nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := transport.RoundTrip(r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/999, "ns/row")
}

// BenchmarkSparseGroup lists a group of two users among a million.
func BenchmarkSparseGroup(b *testing.B) {
	s := New(Options{Users: 1_000_000, Seed: 1})
	transport := s.Transport()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, origin+"/v1.0/groups/"+s.Groups()[groupEmergency].ID+"/transitiveMembers?$select=id&$top=999", nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := transport.RoundTrip(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNew is the start of a tenant of a million users.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		runtime.KeepAlive(New(Options{Users: 1_000_000, Seed: 1}))
	}
}
