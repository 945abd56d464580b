package graphsim

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestDirectoryQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Users: 100, Quota: QuotaDirectory})
		address := "/v1.0" + methodsOf(s, 3)
		for n := range 8000 {
			a := get(t, s, address)
			if a.status != 200 || a.header.Get("x-ms-resource-unit") != "1" {
				t.Fatalf("request %d got %d, %v", n, a.status, a.header)
			}
			used := a.header.Get("x-ms-throttle-limit-percentage")
			if (used != "") != (n+1 >= 6400) {
				t.Fatalf("after %d units of 8,000 the header says %q", n+1, used)
			}
		}
		a := get(t, s, address)
		if a.status != 429 || a.code(t) != "TooManyRequests" || a.header.Get("Retry-After") != "1" ||
			a.header.Get("x-ms-throttle-information") != "ResourceUnitLimitExceeded" || a.header.Get("x-ms-throttle-scope") == "" {
			t.Fatalf("got %d %v %s", a.status, a.header, a.body)
		}
		if used, err := strconv.ParseFloat(a.header.Get("x-ms-throttle-limit-percentage"), 64); err != nil || used < 1 {
			t.Errorf("got percentage %v, %v; want 1 or more", used, err)
		}
		if got := s.Stats().Throttled; got != 1 {
			t.Errorf("got %d throttled, want 1", got)
		}
		pauseFor(t, time.Second)
		for n := range 800 {
			if a := get(t, s, address); a.status != 200 {
				t.Fatalf("request %d of the next second got %d", n, a.status)
			}
		}
		if a := get(t, s, address); a.status != 429 {
			t.Errorf("request 801 of the next second got %d", a.status)
		}
	})
}

// pauseFor waits on the bubble's clock.
func pauseFor(t *testing.T, d time.Duration) {
	t.Helper()
	if !pause(t.Context(), d) {
		t.Fatal("the wait was cancelled")
	}
}

func TestCosts(t *testing.T) {
	s := New(Options{Users: 100, Quota: QuotaDirectory})
	pilots := "/v1.0/groups/" + s.Groups()[groupPilots].ID
	tests := []struct {
		address string
		want    string
	}{
		{"/v1.0/users", "2"},
		{"/v1.0/users?$select=id", "1"},
		{"/v1.0/users?$top=19", "1"},
		{"/v1.0/users?$top=5&$select=id", "1"},
		{"/v1.0/users?$top=20", "2"},
		{"/v1.0/users/" + s.User(0).ID, "2"},
		{"/v1.0" + methodsOf(s, 0), "1"},
		{pilots, "1"},
		{pilots + "/members", "3"},
		{pilots + "/transitiveMembers", "5"},
		{pilots + "/transitiveMembers?$select=id", "4"},
		{pilots + "/transitiveMembers?$select=id&$top=5", "3"},
		{"/v1.0/organization", "1"},
	}
	for _, tt := range tests {
		if got := get(t, s, tt.address).header.Get("x-ms-resource-unit"); got != tt.want {
			t.Errorf("%s costs %s, want %s", tt.address, got, tt.want)
		}
	}
}

func TestReportQuota(t *testing.T) {
	const report = "/v1.0/reports/authenticationMethods/userRegistrationDetails"
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Users: 100, Quota: QuotaDirectory})
		for range 5 {
			if a := get(t, s, report); a.status != 200 {
				t.Fatalf("got %d", a.status)
			}
		}
		a := get(t, s, report)
		if a.status != 429 || a.code(t) != "UnknownError" || a.header.Get("Retry-After") != "2" {
			t.Errorf("got %d %v %s", a.status, a.header, a.body)
		}
		if a := get(t, s, "/v1.0/users"); a.status != 200 {
			t.Errorf("the report's bucket throttles users: %d", a.status)
		}
		pauseFor(t, 2*time.Second)
		if a := get(t, s, report); a.status != 200 {
			t.Errorf("after Retry-After: got %d", a.status)
		}
	})
}

// TestMethodsQuota: whoever keeps to the pace gets five reads in ten seconds for
// hours, and the items of a $batch count one by one.
func TestMethodsQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Users: 100, Quota: QuotaReports})
		var addresses []string
		for i := range batchLimit {
			addresses = append(addresses, methodsOf(s, i))
		}
		a, got, _ := batchOf(t, s, addresses...)
		if a.status != 200 || a.header.Get("Retry-After") != "" {
			t.Fatalf("the batch as a whole got %d %v", a.status, a.header)
		}
		good, throttled := 0, 0
		for id, item := range got {
			count(&good, item.Status == 200)
			count(&throttled, item.Status == 429 && item.Headers["Retry-After"] == "2")
			if item.Status == 429 && (answer{body: item.Body}).code(t) != "TooManyRequests" {
				t.Errorf("item %s: %s", id, item.Body)
			}
		}
		if good != 5 || throttled != 15 {
			t.Errorf("got %d answered and %d throttled, want 5 and 15", good, throttled)
		}
		for n := range 1800 {
			pauseFor(t, 2*time.Second)
			if a := get(t, s, "/v1.0"+addresses[n%20]); a.status != 200 {
				t.Fatalf("read %d at the permitted pace got %d", n, a.status)
			}
		}
	})
}

func TestNoQuota(t *testing.T) {
	s := New(Options{Users: 10})
	for range 9000 {
		if a := get(t, s, "/v1.0/organization"); a.status != 200 || a.header.Get("x-ms-throttle-limit-percentage") != "" {
			t.Fatalf("got %d %v", a.status, a.header)
		}
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Users: 50, Latency: 80 * time.Millisecond})
		begin := time.Now()
		get(t, s, "/v1.0/users").object(t)
		if got := time.Since(begin); got != 80*time.Millisecond {
			t.Errorf("an answer took %v, want 80ms", got)
		}
		begin = time.Now()
		batchOf(t, s, methodsOf(s, 0), methodsOf(s, 1), methodsOf(s, 2))
		if got := time.Since(begin); got != 80*time.Millisecond {
			t.Errorf("a batch took %v, want 80ms", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+"/v1.0/users", nil)
		if err != nil {
			t.Fatal(err)
		}
		begin = time.Now()
		if response, err := s.Transport().RoundTrip(r); err == nil {
			_ = response.Body.Close()
			t.Error("a cancelled request was answered")
		}
		if got := time.Since(begin); got != 30*time.Millisecond {
			t.Errorf("cancelling was heard after %v, want 30ms", got)
		}
	})
}

func TestBucketRefillsOnce(t *testing.T) {
	b := newBucket(10, 10*time.Second)
	at := time.Unix(1000, 0)
	steps := []struct {
		after time.Duration
		cost  float64
		want  string
	}{
		{0, 10, "true 0s"}, {0, 1, "false 1s"}, {time.Second, 1, "true 0s"}, {0, 5, "false 5s"},
		{5 * time.Second, 5, "true 0s"}, {-time.Second, 1, "false 1s"}, {2 * time.Second, 1, "true 0s"}, {time.Hour, 10, "true 0s"}, {0, 0.5, "false 1s"},
	}
	for i, step := range steps {
		at = at.Add(step.after)
		_, wait, ok := b.take(step.cost, at)
		if got := fmt.Sprint(ok, wait); got != step.want {
			t.Errorf("step %d: got %s, want %s", i, got, step.want)
		}
	}
}
