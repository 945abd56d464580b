package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"passkey-audit/audit"
	"passkey-audit/audit/graphsim"
	"passkey-audit/audit/snapshot"
	"passkey-audit/report"
)

// A sent is a request that the program has sent.
type sent struct {
	at   time.Time
	host string
	path string
	// users are the ids of those whose passkeys it asks for.
	users []string
}

// A recorder keeps what is sent over a transport.
type recorder struct {
	next http.RoundTripper
	mu   sync.Mutex
	sent []sent
}

var methodsOf = regexp.MustCompile(`/users/([^/"]+)/authentication/fido2Methods`)

// RoundTrip keeps a request and passes it on.
func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	s := sent{at: time.Now(), host: q.URL.Host, path: q.URL.Path}
	if q.Body != nil {
		b, err := io.ReadAll(q.Body)
		if err != nil {
			return nil, err
		}
		for _, m := range methodsOf.FindAllSubmatch(b, -1) {
			s.users = append(s.users, string(m[1]))
		}
		q = q.Clone(q.Context())
		q.Body = io.NopCloser(bytes.NewReader(b))
	}
	r.mu.Lock()
	r.sent = append(r.sent, s)
	r.mu.Unlock()
	return r.next.RoundTrip(q)
}

// A fieldRun is a scan of a simulated tenant in which something goes wrong.
type fieldRun struct {
	result
	sim  *graphsim.Server
	dir  string
	took time.Duration
	sent []sent
}

// A fieldCase is a way in which tools have failed on real tenants.
type fieldCase struct {
	name  string
	rules []graphsim.Rule
	// stop and cancel are when the first and the second Ctrl-C come, if not 0.
	stop, cancel time.Duration
	status       int
	// same wants the report of an undisturbed run; of a run that stopped early,
	// after it was resumed.
	same  bool
	check func(*testing.T, fieldRun)
}

const (
	fieldUsers   = 330
	fieldLatency = 50 * time.Millisecond
)

func fieldTenant(rules []graphsim.Rule) graphsim.Options {
	return graphsim.Options{Users: fieldUsers, Seed: 4, Latency: fieldLatency, MaxPage: 50, MethodsPage: 4, Faults: graphsim.Plan{Rules: rules}}
}

// once lets each answer of a kind fail so many times.
func once(on graphsim.On, times int, f graphsim.Fault) []graphsim.Rule {
	return []graphsim.Rule{{On: on, Times: times, Each: true, Fault: f}}
}

// ever lets what fits the rule fail for good, after so many good answers.
func ever(on graphsim.On, after int, f graphsim.Fault) []graphsim.Rule {
	return []graphsim.Rule{{On: on, After: after, Fault: f}}
}

func status(n int) graphsim.Fault { return graphsim.Fault{Kind: graphsim.FaultStatus, Status: n} }

func throttled(form graphsim.RetryForm, wait time.Duration) graphsim.Fault {
	return graphsim.Fault{Kind: graphsim.FaultStatus, Status: 429, Retry: form, Wait: wait}
}

func outage(form graphsim.RetryForm, d time.Duration) graphsim.Fault {
	return graphsim.Fault{Kind: graphsim.FaultOutage, Retry: form, For: d}
}

// fieldCases are run end to end by TestField.
func fieldCases() []fieldCase {
	const hour = time.Hour
	kind := func(k graphsim.FaultKind) graphsim.Fault { return graphsim.Fault{Kind: k} }
	one := func(on graphsim.On, f graphsim.Fault) []graphsim.Rule {
		return []graphsim.Rule{{On: on, Users: []int{17}, Fault: f}}
	}
	page := func(k graphsim.FaultKind, times int) []graphsim.Rule {
		return []graphsim.Rule{{On: graphsim.OnUsers, Pages: []int{3}, Times: times, Fault: kind(k)}}
	}
	return []fieldCase{
		{name: "inner 429 without Retry-After", rules: once(graphsim.OnMethods, 2, throttled(graphsim.RetryNone, 0)), same: true},
		{name: "inner 429 with seconds", rules: once(graphsim.OnMethods, 2, throttled(graphsim.RetrySeconds, 40*time.Second)), same: true, check: waitsFor(40 * time.Second)},
		{name: "inner 429 with a date", rules: once(graphsim.OnMethods, 2, throttled(graphsim.RetryDate, 40*time.Second)), same: true, check: waitsFor(40 * time.Second)},
		{name: "inner 503 with seconds", rules: once(graphsim.OnMethods, 2, graphsim.Fault{Kind: graphsim.FaultStatus, Status: 503, Retry: graphsim.RetrySeconds, Wait: 40 * time.Second}), same: true, check: waitsFor(40 * time.Second)},
		{name: "outer 429 with seconds", rules: []graphsim.Rule{{On: graphsim.OnBatch, Times: 9, Fault: throttled(graphsim.RetrySeconds, 5*time.Minute)}}, same: true, check: waitsFor(5 * time.Minute)},
		{name: "item left unanswered", rules: once(graphsim.OnMethods, 1, kind(graphsim.FaultMissing)), same: true},
		{name: "item left unanswered for good", rules: one(graphsim.OnMethods, kind(graphsim.FaultMissing)), status: exitPartial, check: unreadUser(17, "0", "unanswered")},
		// Up to four kinds of requests are asked for at the time, each with a quota of
		// its own, and each is tried again about every half minute.
		{name: "throttled for an hour, without Retry-After", rules: []graphsim.Rule{{On: graphsim.OnMethods, After: 90, Times: 1, Fault: outage(graphsim.RetryNone, hour)}}, same: true, check: sitsOut(hour, 4*time.Minute, 600)},
		{name: "throttled for an hour, with seconds", rules: []graphsim.Rule{{On: graphsim.OnMethods, After: 90, Times: 1, Fault: outage(graphsim.RetrySeconds, hour)}}, same: true, check: sitsOut(hour, time.Minute, 0)},
		{name: "throttled for an hour, with a date", rules: []graphsim.Rule{{On: graphsim.OnMethods, After: 90, Times: 1, Fault: outage(graphsim.RetryDate, hour)}}, same: true, check: sitsOut(hour, time.Minute, 0)},
		{name: "link that repeats, once", rules: page(graphsim.FaultRepeatLink, 1), same: true},
		{name: "link that repeats, for good", rules: page(graphsim.FaultRepeatLink, 0), status: exitPartial, check: listingBroken("same page again")},
		{name: "link to another host, once", rules: page(graphsim.FaultForeignLink, 1), same: true},
		{name: "link to another host, for good", rules: page(graphsim.FaultForeignLink, 0), status: exitPartial, check: listingBroken("leads to")},
		{name: "page token expired", rules: page(graphsim.FaultExpired, 1), same: true},
		{name: "page token expired four times", rules: page(graphsim.FaultExpired, 4), same: true},
		{name: "page token that always expires", rules: page(graphsim.FaultExpired, 0), status: exitPartial, check: listingBroken("expired")},
		{name: "200 with an error body", rules: once(graphsim.OnAny, 1, kind(graphsim.FaultErrorBody)), same: true},
		{name: "200 with an error body for good", rules: one(graphsim.OnMethods, kind(graphsim.FaultErrorBody)), status: exitPartial, check: unreadUser(17, "200", "UnknownError")},
		{name: "page without value", rules: once(graphsim.OnAny, 1, kind(graphsim.FaultNoValue)), same: true},
		{name: "passkeys without value for good", rules: one(graphsim.OnMethods, kind(graphsim.FaultNoValue)), status: exitPartial, check: unreadUser(17, "200", "malformed")},
		{name: "users without value for good", rules: page(graphsim.FaultNoValue, 0), status: exitPartial, check: listingBroken("no value")},
		{name: "empty pages with links", rules: []graphsim.Rule{{On: graphsim.OnUsers | graphsim.OnMembers, Times: 9, Fault: kind(graphsim.FaultEmptyPage)}}, same: true},
		{name: "empty pages with new links for ever", rules: ever(graphsim.OnUsers, 4, kind(graphsim.FaultEmptyPage)), status: exitPartial, check: listingBroken("empty")},
		{name: "empty page of passkeys", rules: once(graphsim.OnMethods, 1, kind(graphsim.FaultEmptyPage)), same: true},
		{name: "empty page with a link for good", rules: one(graphsim.OnMethods, kind(graphsim.FaultEmptyPage)), status: exitPartial, check: unreadUser(17, "200", "malformed")},
		{name: "links of passkeys expired", rules: once(graphsim.OnMethods, 1, kind(graphsim.FaultExpired)), same: true},
		{name: "links of passkeys to another host", rules: once(graphsim.OnMethods, 1, kind(graphsim.FaultForeignLink)), same: true},
		{name: "links of passkeys that repeat", rules: once(graphsim.OnMethods, 1, kind(graphsim.FaultRepeatLink)), same: true},
		{name: "answers cut short", rules: append(once(graphsim.OnUsers|graphsim.OnPolicy|graphsim.OnGroup, 2, kind(graphsim.FaultCut)), graphsim.Rule{On: graphsim.OnBatch, Times: 3, Fault: kind(graphsim.FaultBreak)}), same: true},
		{name: "connections reset", rules: []graphsim.Rule{{On: graphsim.OnAny &^ graphsim.OnMethods, Times: 6, Fault: kind(graphsim.FaultReset)}}, same: true},
		{name: "token refused once", rules: []graphsim.Rule{{On: graphsim.OnUsers, After: 3, Times: 1, Fault: status(401)}}, status: exitRefused, same: true, check: nobodyMarked},
		{name: "batch refused once for its token", rules: []graphsim.Rule{{On: graphsim.OnBatch, After: 3, Times: 1, Fault: status(401)}}, status: exitRefused, same: true, check: nobodyMarked},
		{name: "item refused once for its token", rules: []graphsim.Rule{{On: graphsim.OnMethods, After: 60, Times: 1, Fault: status(401)}}, same: true},
		{name: "token refused for good", rules: ever(graphsim.OnBatch, 3, status(401)), status: exitRefused, same: true, check: nobodyMarked},
		{name: "role lapses while users are listed", rules: ever(graphsim.OnUsers, 3, status(403)), status: exitRefused, same: true, check: nobodyMarked},
		{name: "role lapses while passkeys are read", rules: ever(graphsim.OnMethods, 90, status(403)), status: exitRefused, same: true, check: nobodyMarked},
		{name: "role lapses, whole batches", rules: ever(graphsim.OnBatch, 4, status(403)), status: exitRefused, same: true, check: nobodyMarked},
		{name: "a user who never answers", rules: one(graphsim.OnMethods, kind(graphsim.FaultHang)), status: exitPartial, check: unreadUser(17, "0", "timeout")},
		{name: "a user whose answer breaks the batch for good", rules: one(graphsim.OnMethods, status(500)), status: exitPartial, check: unreadUser(17, "500", "generalException")},
		{name: "a user who is throttled for hours", rules: []graphsim.Rule{{On: graphsim.OnMethods, Users: []int{17}, Times: 30, Fault: throttled(graphsim.RetrySeconds, 10*time.Minute)}}, same: true},
		{name: "policy fails in passing", rules: once(graphsim.OnPolicy|graphsim.OnOrganization, 5, status(503)), same: true},
		{name: "Ctrl-C while sign-in is throttled", rules: ever(graphsim.OnOrganization, 0, outage(graphsim.RetrySeconds, hour)), stop: 10 * time.Second, status: exitInterrupted, check: endsAfter(10 * time.Second)},
		{name: "Ctrl-C while the policy is throttled", rules: ever(graphsim.OnPolicy, 0, outage(graphsim.RetrySeconds, hour)), stop: 10 * time.Second, status: exitInterrupted, same: true, check: endsAfter(10 * time.Second)},
		{name: "Ctrl-C while the listing is throttled", rules: ever(graphsim.OnUsers, 2, outage(graphsim.RetryDate, hour)), stop: 10 * time.Second, status: exitInterrupted, same: true, check: endsAfter(10 * time.Second)},
		{name: "Ctrl-C while reading is throttled", rules: ever(graphsim.OnMethods, 90, outage(graphsim.RetryNone, hour)), stop: time.Minute, status: exitInterrupted, same: true, check: endsAfter(time.Minute)},
		{name: "Ctrl-C while a server error is waited out", rules: ever(graphsim.OnPolicy, 0, graphsim.Fault{Kind: graphsim.FaultStatus, Status: 500, Retry: graphsim.RetrySeconds, Wait: hour}), stop: time.Minute, status: exitInterrupted, same: true, check: endsAfter(time.Minute)},
		{name: "second Ctrl-C while nothing is answered", rules: ever(graphsim.OnBatch, 2, kind(graphsim.FaultHang)), stop: 10 * time.Second, cancel: 12 * time.Second, status: exitInterrupted, same: true, check: endsAfter(12 * time.Second)},
	}
}

// TestField runs a scan through each way in which tools have failed.
func TestField(t *testing.T) {
	calm := undisturbed(t, fieldTenant(nil))
	for _, c := range fieldCases() {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			var run fieldRun
			synctest.Test(t, func(t *testing.T) { run = c.run(t, dir) })
			if run.status != c.status {
				t.Fatalf("exit %d, want %d; stderr:\n%s", run.status, c.status, run.stderr)
			}
			if (run.status != exitDone && run.status != exitPartial) && (run.stdout != "" || strings.Count(run.stderr, "\n") > 2) {
				t.Errorf("stdout %q, want nothing; stderr, want one line and a hint:\n%s", run.stdout, run.stderr)
			}
			if c.check != nil {
				c.check(t, run)
			}
			for _, s := range run.sent {
				if s.host != "graph.example.com" {
					t.Errorf("a request went to %s", s.host)
				}
			}
			if !c.same {
				return
			}
			if c.status != exitDone {
				var r result
				synctest.Test(t, func(t *testing.T) {
					r = scanProcess(t.Context(), simulate(fieldTenant(nil)).Transport(), nil, "--resume", dir)
				})
				if r.status != exitDone {
					t.Fatalf("resumed: exit %d; stderr:\n%s", r.status, r.stderr)
				}
			}
			wantSameReport(t, calm, dir)
		})
	}
}

func (c fieldCase) run(t *testing.T, dir string) fieldRun {
	o := fieldTenant(c.rules)
	sim := simulate(o)
	rec := &recorder{next: sim.Transport()}
	stop := make(chan struct{})
	ctx := t.Context()
	if c.cancel > 0 {
		var cancel func()
		ctx, cancel = cancelAfter(ctx, c.cancel)
		defer cancel()
	}
	if c.stop > 0 {
		timer := time.AfterFunc(c.stop, func() { close(stop) })
		defer timer.Stop()
	}
	start := time.Now()
	r := scanProcess(ctx, rec, stop, "--out", dir)
	return fieldRun{result: r, sim: sim, dir: dir, took: time.Since(start), sent: rec.sent}
}

// waitsFor wants no user to be asked for again before the wait is over.
func waitsFor(d time.Duration) func(*testing.T, fieldRun) {
	return func(t *testing.T, r fieldRun) {
		t.Helper()
		last, again := map[string]time.Time{}, 0
		for _, s := range r.sent {
			for _, id := range s.users {
				if at, ok := last[id]; ok {
					again++
					if s.at.Sub(at) < d {
						t.Errorf("user %s is asked for again after %v, want at least %v", id, s.at.Sub(at), d)
					}
				}
				last[id] = s.at
			}
		}
		if again == 0 {
			t.Error("nobody was asked for twice: the test shows nothing")
		}
	}
}

// sitsOut wants a run that lasts as long as a throttling, hardly longer, and
// sends next to nothing while it lasts.
func sitsOut(d, more time.Duration, most int) func(*testing.T, fieldRun) {
	return func(t *testing.T, r fieldRun) {
		t.Helper()
		if r.took < d || r.took > d+more {
			t.Errorf("took %v, want %v to %v", r.took, d, d+more)
		}
		// What was in flight when the throttling began does not count.
		from, during := time.Time{}, 0
		for _, s := range r.sent {
			if from.IsZero() && len(s.users) > 0 && r.sim.Stats().Throttled > 0 {
				from = s.at
			}
			if !from.IsZero() && s.at.After(from.Add(5*time.Second)) && s.at.Before(from.Add(d-5*time.Second)) {
				during++
			}
		}
		if during > most {
			t.Errorf("%d requests while throttled, want at most %d", during, most)
		}
	}
}

// unreadUser wants a run that has read everybody but one user, says so with
// all particulars, and comes to its end in reasonable time.
func unreadUser(i int, status, code string) func(*testing.T, fieldRun) {
	return func(t *testing.T, r fieldRun) {
		t.Helper()
		rows := table(t, r.dir, report.FileUnread)
		if len(rows) != 1 {
			t.Fatalf("unread.csv has %d rows, want 1: %v", len(rows), rows)
		}
		u, row := r.sim.User(i), rows[0]
		if row["status"] == "" {
			row["status"] = "0"
		}
		if row["what"] != "user" || row["id"] != u.ID || row["user_principal_name"] != u.UPN || row["status"] != status || !strings.EqualFold(row["code"], code) {
			t.Errorf("unread.csv: %v, want user %s with status %s and code %s", row, u.UPN, status, code)
		}
		if n, err := strconv.Atoi(row["attempts"]); err != nil || n < 8 || n > 12 || row["request_id"] == "" {
			t.Errorf("unread.csv: %v, want about 8 attempts and a request id", row)
		}
		s := summaryOf(t, r.dir)
		if s.Complete || s.Users.Unread != 1 || s.Users.Read != fieldUsers-1 {
			t.Errorf("summary.json: complete %v, users %+v", s.Complete, s.Users)
		}
		if r.took > 20*time.Minute {
			t.Errorf("took %v", r.took)
		}
	}
}

func summaryOf(t *testing.T, dir string) report.Summary {
	t.Helper()
	var s report.Summary
	if err := json.Unmarshal([]byte(read(t, dir, fileSummary)), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// listingBroken wants a run that says that its list of users is incomplete, has
// read those that it knows of, and has ended.
func listingBroken(words string) func(*testing.T, fieldRun) {
	return func(t *testing.T, r fieldRun) {
		t.Helper()
		rows := table(t, r.dir, report.FileUnread)
		if len(rows) != 1 || rows[0]["what"] != audit.WhatUsers || rows[0]["code"] == "" || !strings.Contains(rows[0]["message"], words) {
			t.Errorf("unread.csv: %v, want the users, and %q", rows, words)
		}
		s := summaryOf(t, r.dir)
		if s.Complete || s.Users.Listed < 150 || s.Users.Listed >= fieldUsers || s.Users.Read != s.Users.Listed {
			t.Errorf("summary.json: complete %v, users %+v", s.Complete, s.Users)
		}
		if !strings.Contains(r.stdout, "INCOMPLETE") {
			t.Errorf("the summary does not say so:\n%s", r.stdout)
		}
		if len(r.sent) > 1500 || r.took > 10*time.Minute {
			t.Errorf("%d requests in %v: that is no end", len(r.sent), r.took)
		}
	}
}

// nobodyMarked wants a snapshot in which hardly anybody is unreadable: those who
// were not read are left for the next run.
func nobodyMarked(t *testing.T, r fieldRun) {
	t.Helper()
	if got := entries(t, r.dir); len(got) != 1 || got[0] != fileSnapshot {
		t.Errorf("files %v, want the snapshot alone", got)
	}
	reader, err := snapshot.OpenReader(t.Context(), filepath.Join(r.dir, fileSnapshot))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	outcomes := map[audit.Outcome]int{}
	for u, err := range reader.Users(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		outcomes[u.Outcome]++
	}
	// Good answers that were under way at the end may come after a few refusals;
	// those are asked again when the scan is resumed.
	if outcomes[audit.OutcomeRead]+outcomes[audit.OutcomePending]+outcomes[audit.OutcomeRefused] != total(outcomes) || outcomes[audit.OutcomeRefused] > 60 {
		t.Errorf("outcomes %v, want users read or pending", outcomes)
	}
	if outcomes[audit.OutcomeRead] == 0 || !strings.Contains(r.stderr, "--resume") {
		t.Errorf("outcomes %v, want some read; stderr:\n%s", outcomes, r.stderr)
	}
}

func total(outcomes map[audit.Outcome]int) (n int) {
	for _, k := range outcomes {
		n += k
	}
	return n
}

// endsAfter wants a run to end as soon as it is asked to.
func endsAfter(d time.Duration) func(*testing.T, fieldRun) {
	return func(t *testing.T, r fieldRun) {
		t.Helper()
		if r.took < d || r.took > d+time.Second {
			t.Errorf("ended after %v, want %v", r.took, d)
		}
	}
}
