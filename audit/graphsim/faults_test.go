package graphsim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// withRule makes a tenant of fifty users in which one rule holds.
func withRule(r Rule) *Server {
	return New(Options{Users: 50, Seed: 6, MaxPage: 20, Faults: Plan{Rules: []Rule{r}}})
}

// TestFaultAlone shows what each kind of fault makes of a request on its own.
func TestFaultAlone(t *testing.T) {
	const second = time.Second
	users := "/v1.0/users?$select=id"
	methods := "/v1.0" + methodsOf(New(Options{Users: 50, Seed: 6}), 7)
	tests := []struct {
		name, address string
		fault         Fault
		// want is the status, the error code, Retry-After, and what the body is:
		// "json", "cut", "html", "empty", or an error of the transport.
		want string
	}{
		{"429 with seconds", methods, Fault{Kind: FaultStatus, Status: 429, Retry: RetrySeconds, Wait: 7 * second}, "429 TooManyRequests 7 json"},
		{"429 without", methods, Fault{Kind: FaultStatus, Status: 429}, "429 TooManyRequests  json"},
		{"429 with a date", methods, Fault{Kind: FaultStatus, Status: 429, Retry: RetryDate, Wait: 7 * second}, "429 TooManyRequests Sat, 01 Jan 2000 00:00:07 GMT json"},
		{"500", users, Fault{Kind: FaultStatus, Status: 500}, "500 generalException  json"},
		{"500 without body", users, Fault{Kind: FaultStatus, Status: 500, Body: BodyNone}, "500   empty"},
		{"502 with HTML", users, Fault{Kind: FaultStatus, Status: 502, Body: BodyHTML}, "502   html"},
		{"503 with seconds", users, Fault{Kind: FaultStatus, Status: 503, Retry: RetrySeconds, Wait: second / 2}, "503 serviceNotAvailable 1 json"},
		{"504", users, Fault{Kind: FaultStatus, Status: 504}, "504 UnknownError  json"},
		{"401", users, Fault{Kind: FaultStatus, Status: 401}, "401 InvalidAuthenticationToken  json"},
		{"403", users, Fault{Kind: FaultStatus, Status: 403}, "403 Authorization_RequestDenied  json"},
		{"403 of the methods", methods, Fault{Kind: FaultStatus, Status: 403}, "403 accessDenied  json"},
		{"404", users, Fault{Kind: FaultStatus, Status: 404}, "404 Request_ResourceNotFound  json"},
		{"404 of the methods", methods, Fault{Kind: FaultStatus, Status: 404}, "404 resourceNotFound  json"},
		{"424", methods, Fault{Kind: FaultStatus, Status: 424}, "424 FailedDependency  json"},
		{"own code", methods, Fault{Kind: FaultStatus, Status: 403, Code: "insufficient_claims"}, "403 insufficient_claims  json"},
		{"outage", users, Fault{Kind: FaultOutage, For: 600 * second, Retry: RetrySeconds}, "429 TooManyRequests 600 json"},
		{"missing", users, Fault{Kind: FaultMissing}, "reset"},
		{"200 with an error", users, Fault{Kind: FaultErrorBody}, "200 UnknownError  json"},
		{"200 with nothing", users, Fault{Kind: FaultEmptyBody}, "200   empty"},
		{"cut", users, Fault{Kind: FaultCut}, "200   cut"},
		{"reset", users, Fault{Kind: FaultReset}, "reset"},
		{"broken", users, Fault{Kind: FaultBreak}, "broken"},
		{"hang", users, Fault{Kind: FaultHang}, "cancelled after 10s"},
		{"slow", users, Fault{Kind: FaultSlow, For: 3 * second}, "200   json after 3s"},
		{"too slow", users, Fault{Kind: FaultSlow, For: 30 * second}, "cancelled after 10s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := withRule(Rule{Fault: tt.fault, Times: 1})
				if got := describe(t, s, tt.address); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if tt.fault.Kind == FaultOutage {
					return
				}
				if again := get(t, s, tt.address); again.err != nil || again.status != 200 || !json.Valid(again.body) {
					t.Errorf("the second time: %d, %v", again.status, again.err)
				}
				if got := s.Stats().Faults; got != 1 {
					t.Errorf("got %d faults, want 1", got)
				}
			})
		})
	}
}

// describe sends a request with a timeout of ten seconds, and says in words what
// came.
func describe(t *testing.T, s *Server, address string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	response, err := s.Transport().RoundTrip(r)
	after := ""
	if d := time.Since(begin); d > 0 {
		after = fmt.Sprint(" after ", d)
	}
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return "reset" + after
	case errors.Is(err, context.DeadlineExceeded):
		return "cancelled" + after
	case err != nil:
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "broken" + after
	}
	form, code := "cut", ""
	switch {
	case len(body) == 0:
		form = "empty"
	case response.Header.Get("Content-Type") == "text/html":
		form = "html"
	case json.Valid(body):
		form = "json"
		if strings.Contains(string(body), `"error"`) {
			code = answer{body: body}.code(t)
		}
	}
	return fmt.Sprintf("%d %s %s %s%s", response.StatusCode, code, response.Header.Get("Retry-After"), form, after)
}

// TestFaultInBatch shows what each kind of fault makes of one item of a $batch;
// the others must not suffer.
func TestFaultInBatch(t *testing.T) {
	const second = time.Second
	tests := []struct {
		name  string
		fault Fault
		// want is the item's status, Retry-After and the beginning of its body.
		want string
	}{
		{"429", Fault{Kind: FaultStatus, Status: 429, Retry: RetrySeconds, Wait: 7 * second}, `429 "7" {"error":{"code":"TooManyRequests"`},
		{"429 without Retry-After", Fault{Kind: FaultStatus, Status: 429}, `429 "" {"error":{"code":"TooManyRequests"`},
		{"429 with a date", Fault{Kind: FaultStatus, Status: 429, Retry: RetryDate, Wait: 7 * second}, `429 "Sat, 01 Jan 2000 00:00:07 GMT" {"error":{"code":"TooManyRequests"`},
		{"424", Fault{Kind: FaultStatus, Status: 424}, `424 "" {"error":{"code":"FailedDependency"`},
		{"403", Fault{Kind: FaultStatus, Status: 403}, `403 "" {"error":{"code":"accessDenied"`},
		{"404", Fault{Kind: FaultStatus, Status: 404}, `404 "" {"error":{"code":"resourceNotFound"`},
		{"500", Fault{Kind: FaultStatus, Status: 500}, `500 "" {"error":{"code":"generalException"`},
		{"503 without body", Fault{Kind: FaultStatus, Status: 503, Body: BodyNone}, `503 "" null`},
		{"502 with HTML", Fault{Kind: FaultStatus, Status: 502, Body: BodyHTML}, `502 "" "PGh0bWw+DQo8aGVhZD48dGl0bGU+NTAyIEJhZCBH`},
		{"200 with an error", Fault{Kind: FaultErrorBody}, `200 "" {"error":{"code":"UnknownError"`},
		{"200 with nothing", Fault{Kind: FaultEmptyBody}, `200 "" null`},
		{"no value", Fault{Kind: FaultNoValue}, `200 "" {"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users('`},
		{"cut", Fault{Kind: FaultCut}, `200 "" "eyJAb2RhdGEuY29udGV4dCI6Imh0dHBzOi8vZ3JhcGgubWlj`},
		{"missing", Fault{Kind: FaultMissing}, `none`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := withRule(Rule{Users: []int{7}, On: OnMethods, Fault: tt.fault})
				for range 3 {
					a, got, _ := batchOf(t, s, methodsOf(s, 5), methodsOf(s, 7), methodsOf(s, 9))
					if a.status != 200 || got["0"].Status != 200 || got["2"].Status != 200 {
						t.Fatalf("got %d: %s", a.status, a.body)
					}
					item, ok := got["1"]
					is := "none"
					if ok {
						is = fmt.Sprintf("%d %q %s", item.Status, item.Headers["Retry-After"], item.Body)
					}
					if !strings.HasPrefix(is, tt.want) {
						t.Errorf("got  %.200s\nwant %s", is, tt.want)
					}
					if tt.fault.Kind == FaultNoValue && strings.Contains(is, `"value"`) {
						t.Errorf("there is a value: %s", is)
					}
				}
			})
		})
	}
}

// TestFaultOfBatch shows faults of the $batch as a whole.
func TestFaultOfBatch(t *testing.T) {
	tests := []struct {
		name  string
		fault Fault
		want  string
	}{
		{"503", Fault{Kind: FaultStatus, Status: 503, Body: BodyNone}, "503 "},
		{"429", Fault{Kind: FaultStatus, Status: 429}, `429 {"error":{"code":"TooManyRequests"`},
		{"no responses", Fault{Kind: FaultNoValue}, "200 {}"},
		{"nothing", Fault{Kind: FaultEmptyBody}, "200 "},
		{"reset", Fault{Kind: FaultReset}, "reset"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := withRule(Rule{On: OnBatch, Fault: tt.fault, Times: 1})
			a, _, _ := batchOf(t, s, methodsOf(s, 1))
			got := fmt.Sprintf("%d %s", a.status, a.body)
			if errors.Is(a.err, syscall.ECONNRESET) {
				got = "reset"
			}
			if !strings.HasPrefix(got, tt.want) || strings.HasSuffix(tt.want, " ") && got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if again, items, _ := batchOf(t, s, methodsOf(s, 1)); again.status != 200 || items["0"].Status != 200 {
				t.Errorf("the second time: %d %s", again.status, again.body)
			}
		})
	}
}

func TestFaultsOfPages(t *testing.T) {
	const second = "/v1.0/users?$select=id&$top=20"
	page := func(kind FaultKind, times int) (*Server, map[string]any, string) {
		s := withRule(Rule{On: OnUsers, Pages: []int{1}, Times: times, Fault: Fault{Kind: kind}})
		link := get(t, s, second).object(t)["@odata.nextLink"].(string)
		return s, get(t, s, link).object(t), link
	}
	t.Run("no value", func(t *testing.T) {
		_, got, _ := page(FaultNoValue, 1)
		if _, ok := got["value"]; ok {
			t.Errorf("got %v", got)
		}
	})
	t.Run("empty page", func(t *testing.T) {
		s, got, _ := page(FaultEmptyPage, 1)
		if list, ok := got["value"].([]any); !ok || len(list) != 0 {
			t.Errorf("got %v", got)
		}
		if rest, _ := walk(t, s, got["@odata.nextLink"].(string)); len(rest) != 30 {
			t.Errorf("behind the empty page are %d users, want 30", len(rest))
		}
	})
	t.Run("repeats", func(t *testing.T) {
		_, got, link := page(FaultRepeatLink, 0)
		if got["@odata.nextLink"] != link || len(got["value"].([]any)) != 20 {
			t.Errorf("got link %v, want %s", got["@odata.nextLink"], link)
		}
	})
	t.Run("foreign", func(t *testing.T) {
		_, got, _ := page(FaultForeignLink, 0)
		if next := got["@odata.nextLink"].(string); !strings.HasPrefix(next, foreignOrigin+"/v1.0/users?") {
			t.Errorf("got link %v", next)
		}
	})
	t.Run("repeats on the first page", func(t *testing.T) {
		s := withRule(Rule{On: OnUsers, Fault: Fault{Kind: FaultRepeatLink}})
		one := get(t, s, second).object(t)["@odata.nextLink"].(string)
		two := get(t, s, one).object(t)["@odata.nextLink"]
		if one != two {
			t.Errorf("got %v, want %s", two, one)
		}
	})
}

// TestEmptyPageOfMethods: also a user's passkeys can come on a second page.
func TestEmptyPageOfMethods(t *testing.T) {
	s := withRule(Rule{On: OnMethods, Pages: []int{0}, Fault: Fault{Kind: FaultEmptyPage}})
	_, got, _ := batchOf(t, s, methodsOf(s, collector))
	var page struct {
		Next  string `json:"@odata.nextLink"`
		Value []any
	}
	if err := json.Unmarshal(got["0"].Body, &page); err != nil || len(page.Value) != 0 || page.Next == "" {
		t.Fatalf("got %s, %v", got["0"].Body, err)
	}
	if values, _ := walk(t, s, page.Next); len(values) != len(s.Passkeys(collector)) {
		t.Errorf("the second page has %d passkeys, want %d", len(values), len(s.Passkeys(collector)))
	}
}

// TestListingThroughFaults: whoever asks again, and begins again where a token
// has expired, reads every user.
func TestListingThroughFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Users: 3000, Seed: 12, MaxPage: 50, Faults: FaultsMany()})
		const first = "/v1.0/users?$top=50&$select=id"
		seen, address, failures, expired := make(map[any]bool), first, 0, 0
		for address != "" {
			a := get(t, s, address)
			var page struct {
				Next  string           `json:"@odata.nextLink"`
				Value []map[string]any `json:"value"`
			}
			if a.err != nil || json.Unmarshal(a.body, &page) != nil || page.Value == nil {
				if failures++; failures > 200 {
					t.Fatal("the listing does not come to an end")
				}
				if strings.Contains(string(a.body), "ExpiredPageToken") {
					expired++
					address = first
				}
				continue
			}
			for _, u := range page.Value {
				seen[u["id"]] = true
			}
			address = page.Next
		}
		if len(seen) != s.Users() || expired != 1 || failures < 3 {
			t.Errorf("read %d of %d users with %d failures, %d expired tokens", len(seen), s.Users(), failures, expired)
		}
	})
}

// TestExpiredToken: the same link never works again; a new listing does.
func TestExpiredToken(t *testing.T) {
	s := withRule(Rule{On: OnUsers, Pages: []int{1}, Times: 1, Fault: Fault{Kind: FaultExpired}})
	link := get(t, s, "/v1.0/users").object(t)["@odata.nextLink"].(string)
	for range 3 {
		if a := get(t, s, link); a.status != 400 || a.code(t) != "Directory_ExpiredPageToken" {
			t.Fatalf("got %d %s", a.status, a.body)
		}
	}
	if values, _ := walk(t, s, "/v1.0/users"); len(values) != 50 {
		t.Errorf("a new listing has %d users, want 50", len(values))
	}
	// Also a link from before a restart of the server expires for good.
	s = withRule(Rule{On: OnUsers, Pages: []int{1}, Times: 1, Fault: Fault{Kind: FaultExpired}})
	if a := get(t, s, link); a.status != 400 {
		t.Fatalf("got %d", a.status)
	}
	if values, _ := walk(t, s, "/v1.0/users"); len(values) != 50 {
		t.Errorf("a new listing has %d users, want 50", len(values))
	}
}

func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := withRule(Rule{On: OnMethods, After: 2, Times: 1, Fault: Fault{Kind: FaultOutage, For: 10 * time.Minute, Retry: RetrySeconds}})
		address := "/v1.0" + methodsOf(s, 1)
		get(t, s, address).object(t)
		get(t, s, address).object(t)
		for _, step := range []struct {
			wait time.Duration
			want string
		}{{0, "600"}, {time.Minute, "540"}, {9*time.Minute - 1, "1"}} {
			pauseFor(t, step.wait)
			for _, other := range []string{address, "/v1.0/organization"} {
				if a := get(t, s, other); a.status != 429 || a.header.Get("Retry-After") != step.want {
					t.Errorf("after %v %s got %d, Retry-After %q, want %q", step.wait, other, a.status, a.header.Get("Retry-After"), step.want)
				}
			}
			if a, _, _ := batchOf(t, s, methodsOf(s, 1)); a.status != 429 {
				t.Errorf("a batch got %d", a.status)
			}
		}
		pauseFor(t, 1)
		get(t, s, address).object(t)
	})
}

// TestRules: how rules are counted and matched.
func TestRules(t *testing.T) {
	lapse := Fault{Kind: FaultStatus, Status: 403}
	statuses := func(rules []Rule, addresses ...string) string {
		s := New(Options{Users: 50, Seed: 6, Faults: Plan{Rules: rules}})
		var got []string
		for _, address := range addresses {
			got = append(got, fmt.Sprint(get(t, s, "/v1.0"+address).status))
		}
		return strings.Join(got, " ")
	}
	s := New(Options{Users: 50, Seed: 6})
	one, two := methodsOf(s, 1), methodsOf(s, 2)
	user, group := "/users/"+s.User(1).ID, "/groups/"+s.Groups()[groupPilots].ID
	gone := Fault{Kind: FaultStatus, Status: 404}
	tests := []struct {
		name      string
		rules     []Rule
		addresses []string
		want      string
	}{
		{"a role lapses", []Rule{{After: 2, Fault: lapse}}, []string{one, user, two, "/users", "/organization"}, "200 200 403 403 403"},
		{"a token expires once", []Rule{{After: 1, Times: 1, Fault: Fault{Kind: FaultStatus, Status: 401}}}, []string{one, two, two}, "200 401 200"},
		{"a deleted user", []Rule{{On: OnUser | OnMethods, Users: []int{1}, Fault: gone}}, []string{one, user, two}, "404 404 200"},
		{"methods gone, user there", []Rule{{On: OnMethods, Users: []int{1}, Fault: gone}}, []string{one, user, one}, "404 200 404"},
		{"a group", []Rule{{On: OnMembers, Groups: []int{groupPilots}, Fault: lapse}}, []string{group, group + "/members", "/groups/" + s.Groups()[groupAdmins].ID + "/members"}, "200 403 200"},
		{"each user once", []Rule{{On: OnMethods, Each: true, Times: 1, Fault: lapse}}, []string{one, one, two, two}, "403 200 403 200"},
		{"one after the other", []Rule{{On: OnMethods, Times: 1, Fault: lapse}, {Times: 2, Fault: gone}}, []string{one, one, one, one}, "403 404 404 200"},
		{"the first page", []Rule{{Pages: []int{0}, Fault: lapse}}, []string{"/users", user, one, group}, "403 200 403 200"},
		{"another page", []Rule{{Pages: []int{1}, Fault: lapse}}, []string{"/users", user, one, group}, "200 200 200 200"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := statuses(tt.rules, tt.addresses...); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestPresets reads a whole tenant through the random faults: about the promised
// share fails, in many ways, and nothing fails for ever.
func TestPresets(t *testing.T) {
	tests := []struct {
		name      string
		plan      Plan
		low, high float64
	}{
		{"none", FaultsNone(), 0, 0},
		{"some", FaultsSome(), 0.004, 0.02},
		{"many", FaultsMany(), 0.06, 0.14},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(Options{Users: 4000, Seed: 8, Faults: tt.plan})
				ways := make(map[string]bool)
				attempts, failed := 0, 0
				for i := range s.Users() {
					for n := 0; ; n++ {
						attempts++
						_, got, _ := batchOf(t, s, methodsOf(s, i))
						item, ok := got["0"]
						if ok && item.Status == 200 && strings.Contains(string(item.Body), `"value"`) {
							break
						}
						failed++
						ways[fmt.Sprintf("%v %d %q %.12s", ok, item.Status, item.Headers["Retry-After"], item.Body)] = true
						if n == 2 {
							t.Fatalf("user %d failed three times", i)
						}
					}
				}
				// An item can fail, and so can the batch around it.
				share := float64(failed) / float64(attempts) / 2
				if share < tt.low || share > tt.high || tt.high > 0.1 && len(ways) < 12 {
					t.Errorf("%d of %d failed, in %d ways: %v", failed, attempts, len(ways), ways)
				}
			})
		})
	}
}

// TestSameFaultsAgain: a plan at random is a function of the seed.
func TestSameFaultsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := func(seed uint64) string {
			s := New(Options{Users: 400, Seed: seed, Faults: FaultsMany()})
			var b strings.Builder
			for i := range s.Users() {
				a := get(t, s, "/v1.0"+methodsOf(s, i))
				fmt.Fprintf(&b, "%d %v %v\n", a.status, a.err, len(a.body) == 0)
			}
			return b.String()
		}
		first := read(1)
		if again := read(1); again != first {
			t.Error("the same seed gives other faults")
		}
		if read(2) == first {
			t.Error("another seed gives the same faults")
		}
	})
}

// TestRandomFaultsNeedNoSignIn: the presets promise that asking again is enough.
func TestRandomFaultsNeedNoSignIn(t *testing.T) {
	kinds := make(map[FaultKind]bool)
	for roll := range uint64(64) {
		for _, item := range []bool{true, false} {
			f := randomFault(roll, item)
			kinds[f.Kind] = true
			switch {
			case f.Kind == FaultStatus && (f.Status < 424 || f.Status > 504),
				f.Kind == FaultHang, f.Kind == FaultExpired, f.Kind == FaultRepeatLink, f.Kind == FaultForeignLink,
				item && (f.Kind == FaultReset || f.Kind == FaultBreak || f.Kind == FaultCut),
				!item && f.Kind == FaultMissing:
				t.Errorf("item %v: fault %+v is not for a preset", item, f)
			}
		}
	}
	if len(kinds) < 8 {
		t.Errorf("only %d kinds of faults", len(kinds))
	}
}

func TestForgettingFailures(t *testing.T) {
	p := newPlanner(Plan{Every: 1}, 1)
	for i := range attemptsKept + 10 {
		p.decide(&route{on: OnMethods, user: i, group: -1}, true)
	}
	if len(p.failed) > attemptsKept {
		t.Errorf("%d failures are remembered", len(p.failed))
	}
}
