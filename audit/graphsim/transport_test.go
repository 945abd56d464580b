package graphsim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestServeLoopbackOnly(t *testing.T) {
	tests := []struct {
		addr string
		ok   bool
	}{
		{"127.0.0.1:0", true},
		{"localhost:0", true},
		{"127.0.0.2:0", true},
		{":0", false},
		{"0.0.0.0:0", false},
		{"[::]:0", false},
		{"192.0.2.1:0", false},
		{"example.com:0", false},
		{"127.0.0.1", false},
		{"", false},
	}
	for _, tt := range tests {
		t.Run(tt.addr, func(t *testing.T) {
			_, stop, err := New(Options{}).Serve(t.Context(), tt.addr)
			if (err == nil) != tt.ok {
				t.Fatalf("got error %v", err)
			}
			if err == nil {
				if err := stop(); err != nil {
					t.Error(err)
				}
			} else if strings.Contains(tt.addr, ":") && !errors.Is(err, ErrNotLoopback) {
				t.Errorf("got %v, want ErrNotLoopback", err)
			}
		})
	}
}

// overHTTP gets an address from a server on loopback.
func overHTTP(ctx context.Context, client *http.Client, address string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	return response.StatusCode, string(b), err
}

// TestServe: over HTTP the answers are those given in process, broken ones too,
// and nothing is left running behind.
func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := New(Options{Users: 1200, Seed: 6, Faults: Plan{Rules: []Rule{
		{On: OnMethods, Users: []int{1}, Fault: Fault{Kind: FaultReset}},
		{On: OnMethods, Users: []int{2}, Fault: Fault{Kind: FaultBreak}},
		{On: OnMethods, Users: []int{3}, Fault: Fault{Kind: FaultHang}},
		{On: OnMethods, Users: []int{4}, Fault: Fault{Kind: FaultCut}},
	}}})
	root, stop, err := s.Serve(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()

	status, body, err := overHTTP(t.Context(), client, root+"/v1.0/users?$top=999&$select=id")
	if err != nil || status != 200 {
		t.Fatalf("got %d, %v", status, err)
	}
	plain := get(t, New(Options{Users: 1200, Seed: 6}), root+"/v1.0/users?$top=999&$select=id")
	if diff := cmp.Diff(string(plain.body), body); diff != "" {
		t.Errorf("in process and over HTTP differ:\n%.500s", diff)
	}
	methods := func(i int) string { return root + "/v1.0" + methodsOf(s, i) }
	if _, _, err := overHTTP(t.Context(), client, methods(1)); !errors.Is(err, io.EOF) && err == nil {
		t.Error("a reset connection gave an answer")
	}
	if _, body, err := overHTTP(t.Context(), client, methods(2)); !errors.Is(err, io.ErrUnexpectedEOF) || body == "" {
		t.Errorf("a connection that broke in the body gave %q, %v", body, err)
	}
	if _, body, err := overHTTP(t.Context(), client, methods(4)); err != nil || strings.HasSuffix(body, "}") {
		t.Errorf("a cut body: got %q, %v", body, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := overHTTP(ctx, client, methods(3)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a hanging request: %v", err)
	}
	// One that hangs for ever does not keep the server from ending.
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if _, _, err := overHTTP(t.Context(), client, methods(3)); err == nil {
			t.Error("a hanging request was answered")
		}
	})
	for s.Stats().Faults < 6 {
		if !pause(t.Context(), time.Millisecond) {
			t.Fatal("the request did not arrive")
		}
	}
	for range 2 {
		if err := stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	waiting.Wait()
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	s := New(Options{Users: 300, Seed: 6, Quota: QuotaDirectory, MaxPage: 7, Faults: Plan{Every: 5, Rules: []Rule{{Each: true, Times: 1, Fault: Fault{Kind: FaultNoValue}}}}})
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 40 {
				for _, address := range []string{methodsOf(s, (worker*31+i)%300), "/users", "/reports/authenticationMethods/userRegistrationDetails"} {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+"/v1.0"+address, nil)
					if err != nil {
						t.Error(err)
						return
					}
					if response, err := s.Transport().RoundTrip(r); err == nil {
						_ = response.Body.Close()
					}
				}
				_ = s.Stats()
			}
		})
	}
	group.Wait()
	if got := s.Stats().Requests; got != 8*40*3 {
		t.Errorf("got %d requests, want %d", got, 8*40*3)
	}
}
