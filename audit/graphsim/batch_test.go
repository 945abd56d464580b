package graphsim

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func methodsOf(s *Server, i int) string {
	return "/users/" + s.User(i).ID + "/authentication/fido2Methods"
}

func TestBatch(t *testing.T) {
	s := New(Options{Users: 100, Seed: 4})
	var addresses []string
	for i := range batchLimit {
		addresses = append(addresses, methodsOf(s, i))
	}
	shuffled := false
	for range 5 {
		a, byID, order := batchOf(t, s, addresses...)
		if a.status != 200 || len(byID) != batchLimit {
			t.Fatalf("got status %d and %d answers", a.status, len(byID))
		}
		shuffled = shuffled || !slices.IsSortedFunc(order, func(x, y string) int { return len(x) - len(y) })
		for i, address := range addresses {
			got := byID[fmt.Sprint(i)]
			alone := get(t, s, "/v1.0"+address)
			if got.Status != 200 || !strings.HasPrefix(got.Headers["Content-Type"], "application/json") || got.Headers["x-ms-resource-unit"] != "1" {
				t.Errorf("item %d: got %d %v", i, got.Status, got.Headers)
			}
			if diff := cmp.Diff(string(alone.body), string(got.Body)); diff != "" {
				t.Errorf("item %d differs from the request on its own:\n%.500s", i, diff)
			}
		}
	}
	if !shuffled {
		t.Error("the answers come in the order of the requests")
	}
	if got := s.Stats(); got.Batches != 5 || got.Items != 100 || got.Requests != 105 || got.Paths[OnMethods] != 200 || got.Paths[OnBatch] != 5 {
		t.Errorf("got %+v", got)
	}
}

// TestBatchMixed: every item has a status of its own.
func TestBatchMixed(t *testing.T) {
	s := New(Options{Users: 100, Seed: 4})
	guest := 0
	for s.User(guest).Type != "Guest" {
		guest++
	}
	_, got, _ := batchOf(t, s,
		methodsOf(s, 1), "/users/7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02/authentication/fido2Methods", "/nonsense",
		"/users?$top=5&$select=id", "https://graph.microsoft.com/v1.0/users", "users/"+url.PathEscape(s.User(guest).UPN), "/v1.0/users",
		"/groups/"+s.Groups()[groupPilots].ID+"/transitiveMembers/microsoft.graph.user?$count=true",
	)
	want := []int{200, 404, 400, 200, 400, 200, 400, 400}
	for i, status := range want {
		if got[fmt.Sprint(i)].Status != status {
			t.Errorf("item %d: got %d %s, want %d", i, got[fmt.Sprint(i)].Status, got[fmt.Sprint(i)].Body, status)
		}
	}
	var page struct {
		Next string `json:"@odata.nextLink"`
	}
	if err := json.Unmarshal(got["3"].Body, &page); err != nil || !strings.HasPrefix(page.Next, origin+"/v1.0/users?") {
		t.Errorf("the link in an item is %q, %v", page.Next, err)
	}
	if a := get(t, s, page.Next); a.status != 200 {
		t.Errorf("the link in an item got %d", a.status)
	}
	relative := strings.TrimPrefix(page.Next, origin+"/v1.0")
	if _, got, _ := batchOf(t, s, relative); got["0"].Status != 200 {
		t.Errorf("the link made relative got %d %s", got["0"].Status, got["0"].Body)
	}
	if user := string(got["5"].Body); !strings.Contains(user, s.User(guest).ID) {
		t.Errorf("user by name: got %s", user)
	}
}

func TestBatchRefusals(t *testing.T) {
	s := New(Options{Users: 10})
	item := `{"id":"%d","method":"GET","url":"/organization"}`
	many := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(item, i))
		}
		return `{"requests":[` + strings.Join(list, ",") + `]}`
	}
	tests := []struct {
		name, body string
		status     int
	}{
		{"twenty", many(20), 200},
		{"twenty-one", many(21), 400},
		{"none", many(0), 400},
		{"no JSON", `{"requests":[`, 400},
		{"empty", ``, 400},
		{"no id", `{"requests":[{"method":"GET","url":"/users"}]}`, 400},
		{"no method", `{"requests":[{"id":"1","url":"/users"}]}`, 400},
		{"no url", `{"requests":[{"id":"1","method":"GET"}]}`, 400},
		{"number as id", `{"requests":[{"id":1,"method":"GET","url":"/users"}]}`, 400},
		{"same id in another case", `{"requests":[{"id":"a","method":"GET","url":"/users"},{"id":"A","method":"GET","url":"/users"}]}`, 400},
		{"depends on nothing", `{"requests":[{"id":"a","method":"GET","url":"/users","dependsOn":["b"]}]}`, 400},
		{"too large", `{"requests":[` + strings.Repeat(" ", maxBody) + `]}`, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := send(t, s, "POST", "/v1.0/$batch", tt.body)
			if a.status != tt.status {
				t.Errorf("got %d %s, want %d", a.status, a.body, tt.status)
			}
			if tt.status != 200 && a.code(t) != "BadRequest" {
				t.Errorf("got %s", a.body)
			}
		})
	}
}

func TestBatchDependsOn(t *testing.T) {
	s := New(Options{Users: 10})
	a := send(t, s, "POST", "/v1.0/$batch", `{"requests":[
		{"id":"bad","method":"GET","url":"/nonsense"},
		{"id":"good","method":"GET","url":"/organization"},
		{"id":"after bad","method":"GET","url":"/organization","dependsOn":["BAD"]},
		{"id":"after good","method":"get","url":"/organization","dependsOn":["good"]}]}`)
	var got struct{ Responses []batchAnswer }
	if err := json.Unmarshal(a.body, &got); err != nil {
		t.Fatal(err)
	}
	statuses := make(map[string]int)
	for _, r := range got.Responses {
		statuses[r.ID] = r.Status
	}
	want := map[string]int{"bad": 400, "good": 200, "after bad": 424, "after good": 200}
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Error(diff)
	}
}

// FuzzBatch: nothing that is sent makes the server fall over, and every answer
// is JSON.
func FuzzBatch(f *testing.F) {
	f.Add(`{"requests":[{"id":"1","method":"GET","url":"/users?$top=2"}]}`)
	f.Add(`{"requests":[{"id":"1","method":"GET","url":"/users/%zz/authentication/fido2Methods"}]}`)
	f.Add(`{"requests":[{"id":"\u0000","method":"GET","url":"?&=%"},{"id":"2","method":"POST","url":"//","dependsOn":["1"]}]}`)
	f.Add(`{"requests":[{"id":"1","method":"GET","url":"/groups/x/members/microsoft.graph.user?$count=true&$skiptoken=AAAA"}]}`)
	s := New(Options{Users: 20})
	f.Fuzz(func(t *testing.T, body string) {
		a := send(t, s, "POST", "/v1.0/$batch", body)
		if a.err == nil && a.status == 400 && !json.Valid(a.body) {
			t.Errorf("%q got %d %q", body, a.status, a.body)
		}
	})
}
