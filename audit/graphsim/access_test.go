package graphsim

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	accessAddress    = "/v1.0/identity/conditionalAccess/policies"
	strengthsAddress = "/v1.0/policies/authenticationStrengthPolicies"
)

// TestStrengths: three are Microsoft's and limit nothing, two of the others limit
// AAGUIDs, and both addresses and every page size tell the same.
func TestStrengths(t *testing.T) {
	for _, shape := range []Shape{ShapeProfiles, ShapeLegacy} {
		rows, _ := walk(t, New(Options{Users: 50, Shape: shape}), strengthsAddress)
		kinds, limited := map[any]int{}, map[any]int{}
		for _, r := range rows {
			kinds[r["policyType"]]++
			for _, c := range r["combinationConfigurations"].([]any) {
				limited[r["policyType"]]++
				if list := c.(map[string]any)["allowedAAGUIDs"].([]any); len(list) == 0 {
					t.Errorf("%s has an empty list", r["displayName"])
				}
			}
		}
		if diff := cmp.Diff(map[any]int{"builtIn": 3, "custom": 3}, kinds); diff != "" {
			t.Errorf("strengths:\n%s", diff)
		}
		if diff := cmp.Diff(map[any]int{"custom": 2}, limited); diff != "" {
			t.Errorf("limited strengths:\n%s", diff)
		}
		other, _ := walk(t, New(Options{Users: 50}), "/v1.0/identity/conditionalAccess/authenticationStrength/policies")
		small, pages := walk(t, New(Options{Users: 50, MaxPage: 2}), strengthsAddress)
		if !cmp.Equal(rows, other) || !cmp.Equal(rows, small) || pages != 3 {
			t.Errorf("another address, or %d pages, tell something else", pages)
		}
	}
	if a := get(t, New(Options{}), strengthsAddress+"/00000000-0000-0000-0000-000000000009"); a.status != 404 || a.code(t) != "NotFound" {
		t.Errorf("no such strength: got %d", a.status)
	}
}

// TestConditionalAccess: the policies hold every case that a reader has to tell
// apart, and name only what there is.
func TestConditionalAccess(t *testing.T) {
	s := New(Options{Users: 50, Seed: 4})
	strengths, _ := walk(t, s, strengthsAddress)
	policies, _ := walk(t, s, accessAddress)
	states, with := map[any]int{}, map[string]int{}
	groups := map[string]bool{}
	for _, g := range s.Groups() {
		groups[g.ID] = true
	}
	for _, p := range policies {
		states[p["state"]]++
		users := p["conditions"].(map[string]any)["users"].(map[string]any)
		for name, v := range users {
			list, _ := v.([]any)
			if _, ok := v.(map[string]any); ok || len(list) > 0 {
				with[name]++
			}
			for _, id := range list {
				if (name == "includeGroups" || name == "excludeGroups") && !groups[id.(string)] {
					t.Errorf("%s names the group %v, which is none", p["displayName"], id)
				}
			}
		}
		strength, ok := p["grantControls"].(map[string]any)["authenticationStrength"].(map[string]any)
		if !ok {
			with["no strength"]++
			continue
		}
		at := slices.IndexFunc(strengths, func(s map[string]any) bool { return s["id"] == strength["id"] })
		if at < 0 || strengths[at]["displayName"] != strength["displayName"] {
			t.Errorf("%s asks for a strength that is none: %v", p["displayName"], strength["id"])
			continue
		}
		with[strength["policyType"].(string)]++
	}
	if states["enabled"] == 0 || states["disabled"] == 0 || states["enabledForReportingButNotEnforced"] == 0 || len(states) != 3 {
		t.Errorf("states %v", states)
	}
	for _, name := range []string{
		"includeUsers", "includeGroups", "includeRoles", "excludeUsers", "excludeGroups", "excludeRoles",
		"includeGuestsOrExternalUsers", "excludeGuestsOrExternalUsers", "no strength", "builtIn", "custom",
	} {
		if with[name] == 0 {
			t.Errorf("no policy with %s", name)
		}
	}
}

// TestConditionalAccessQuota: one request a second, and no word on how long to
// wait; the other quotas are left alone.
func TestConditionalAccessQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Users: 50, Quota: QuotaDirectory})
		if a := get(t, s, accessAddress); a.status != 200 {
			t.Fatalf("the first request got %d", a.status)
		}
		a := get(t, s, accessAddress)
		if a.status != 429 || a.header.Get("Retry-After") != "" || a.code(t) != "TooManyRequests" {
			t.Errorf("the second request got %d with Retry-After %q", a.status, a.header.Get("Retry-After"))
		}
		if a := get(t, s, strengthsAddress); a.status != 200 {
			t.Errorf("the strengths got %d", a.status)
		}
		pauseFor(t, time.Second)
		if a := get(t, s, accessAddress); a.status != 200 {
			t.Errorf("a second later: %d", a.status)
		}
	})
}

// TestRefusedAlone: what a tenant lacks, and rules that meet one address alone.
func TestRefusedAlone(t *testing.T) {
	group := "/v1.0/groups/" + New(Options{Users: 50}).Groups()[groupPilots].ID
	direct, cast := group+"/members", "/microsoft.graph.user?$count=true"
	no := func(r Rule) Options {
		r.Fault = Fault{Kind: FaultStatus, Status: 403}
		return Options{Users: 50, Faults: Plan{Rules: []Rule{r}}}
	}
	for _, tt := range []struct {
		name    string
		options Options
		// status by address.
		want map[string]int
	}{
		{"no premium", Options{Users: 50, WithoutPremium: true}, map[string]int{accessAddress: 403, strengthsAddress: 200, rolesAddress: 200}},
		{"no cast", Options{Users: 50, WithoutCast: true}, map[string]int{direct: 200, direct + cast: 400, group + "/transitiveMembers": 200, group + "/transitiveMembers" + cast: 400}},
		{"roles", no(Rule{On: OnRoles}), map[string]int{accessAddress: 200, strengthsAddress: 200, rolesAddress: 403}},
		{"strengths", no(Rule{On: OnStrengths}), map[string]int{accessAddress: 200, strengthsAddress: 403, rolesAddress: 200}},
		{"Conditional Access", no(Rule{On: OnConditionalAccess}), map[string]int{accessAddress: 403, strengthsAddress: 200, rolesAddress: 200}},
		{"direct members by path", no(Rule{Path: "/members"}), map[string]int{direct: 403, direct + cast: 403, group + "/transitiveMembers": 200, group: 200}},
		{"the cast of direct members by path", no(Rule{Path: "/members/"}), map[string]int{direct: 200, direct + cast: 403, group + "/transitiveMembers" + cast: 200}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := New(tt.options)
			got := map[string]int{}
			for address := range tt.want {
				got[address] = get(t, s, address, "ConsistencyLevel", "eventual").status
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLastUse: beta tells it, of old and of late or not at all, v1.0 never.
func TestLastUse(t *testing.T) {
	s := New(Options{Users: 400, Seed: 8})
	year := time.Unix(now(), 0).AddDate(-1, 0, 0)
	var never, old, recent int
	for first := 0; first < 400; first += batchLimit {
		var body struct {
			Requests []map[string]string `json:"requests"`
		}
		for i := first; i < first+batchLimit; i++ {
			body.Requests = append(body.Requests, map[string]string{"id": s.User(i).ID, "method": "GET", "url": methodsOf(s, i)})
		}
		sent, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range []string{"v1.0", "beta"} {
			var answers struct {
				Responses []struct {
					Body struct{ Value []map[string]any }
				}
			}
			a := send(t, s, http.MethodPost, "/"+version+"/$batch", string(sent))
			if err := json.Unmarshal(a.body, &answers); err != nil || len(answers.Responses) != batchLimit {
				t.Fatalf("%d answers, %v", len(answers.Responses), err)
			}
			for _, r := range answers.Responses {
				for _, k := range r.Body.Value {
					v, ok := k["lastUsedDateTime"]
					if ok != (version == "beta") {
						t.Fatalf("%s: last use told: %v", version, ok)
					}
					text, _ := v.(string)
					used, err := time.Parse(time.RFC3339, text)
					switch {
					case !ok:
					case v == nil:
						never++
					case err != nil:
						t.Errorf("last use %q: %v", text, err)
					case used.Before(year):
						old++
					default:
						recent++
					}
				}
			}
		}
	}
	if never == 0 || old == 0 || recent == 0 {
		t.Errorf("last use never told %d times, more than a year ago %d times, later %d times", never, old, recent)
	}
}

// TestNestedMembership: in every nest some users are in the outer group through
// the inner one alone.
func TestNestedMembership(t *testing.T) {
	s := New(Options{Users: 2000, Seed: 5})
	for _, g := range []int{groupPilots, groupEmergency} {
		address := "/v1.0/groups/" + s.Groups()[g].ID
		direct := map[any]bool{}
		list, _ := walk(t, s, address+"/members/microsoft.graph.user?$count=true", "ConsistencyLevel", "eventual")
		for _, u := range list {
			direct[u["id"]] = true
		}
		mixed, _ := walk(t, s, address+"/transitiveMembers")
		nested, kinds := 0, map[any]int{}
		for _, u := range mixed {
			kinds[u["@odata.type"]]++
			count(&nested, u["@odata.type"] == "#microsoft.graph.user" && !direct[u["id"]])
		}
		if nested == 0 || len(direct) == 0 {
			t.Errorf("%s: %d direct members, %d through nested groups alone", s.Groups()[g].Name, len(direct), nested)
		}
		if kinds["#microsoft.graph.group"] == 0 || g == groupPilots && (kinds["#microsoft.graph.device"] == 0 || kinds["#microsoft.graph.servicePrincipal"] == 0) {
			t.Errorf("%s: members of kinds %v", s.Groups()[g].Name, kinds)
		}
	}
}
