package graphsim

import (
	"net/url"
	"strings"
	"testing"

	"passkey-audit/audit"
)

// TestPaging reaches each thing exactly once, whatever the size of the pages.
func TestPaging(t *testing.T) {
	s := New(Options{Users: 1234, Seed: 2})
	pilots := s.Groups()[groupPilots].ID
	wantUsers := func(fits func(int, audit.User) bool) (want []string) {
		for i := range s.Users() {
			if u := s.User(i); fits(i, u) {
				want = append(want, u.ID)
			}
		}
		return want
	}
	all := func(int, audit.User) bool { return true }
	tests := []struct {
		name, address string
		headers       []string
		want          []string
		pages         int
	}{
		{"default size", "/v1.0/users", nil, wantUsers(all), 13},
		{"largest size", "/v1.0/users?$top=999&$select=id", nil, wantUsers(all), 2},
		{"size divides the number", "/v1.0/users?$top=617", nil, wantUsers(all), 2},
		{"escaped option", "/v1.0/users?%24top=999&%24select=id%2CdisplayName", nil, wantUsers(all), 2},
		{"enabled", "/v1.0/users?$filter=accountEnabled+eq+true&$top=50", nil, wantUsers(func(_ int, u audit.User) bool { return u.Enabled == audit.Yes }), 0},
		{"guests", "/v1.0/users?$filter=userType%20eq%20'Guest'&$top=20", nil, wantUsers(func(_ int, u audit.User) bool { return u.Type == "Guest" }), 0},
		{"both", "/v1.0/users?$filter=accountEnabled%20eq%20false%20and%20userType%20eq%20'Member'&$top=7", nil,
			wantUsers(func(_ int, u audit.User) bool { return u.Enabled == audit.No && u.Type == "Member" }), 0},
		{"members with cast", "/v1.0/groups/" + pilots + "/transitiveMembers/microsoft.graph.user?$select=id&$top=3&$count=true",
			[]string{"ConsistencyLevel", "eventual"}, wantUsers(func(i int, _ audit.User) bool { return s.Member(groupPilots, i) }), 0},
		{"members with cast, as SDKs write it", "/v1.0/groups/" + pilots + "/transitiveMembers/graph.user?$select=id&$top=3&$count=true",
			[]string{"ConsistencyLevel", "eventual"}, wantUsers(func(i int, _ audit.User) bool { return s.Member(groupPilots, i) }), 0},
		{"direct members with cast", "/v1.0/groups/" + pilots + "/members/microsoft.graph.user?$select=id&$top=3&$count=true",
			[]string{"ConsistencyLevel", "eventual"}, wantUsers(func(i int, _ audit.User) bool { return s.tenant.isMember(groupPilots, i) }), 0},
		{"report", "/v1.0/reports/authenticationMethods/userRegistrationDetails?$top=200", nil,
			wantUsers(func(i int, _ audit.User) bool { return s.tenant.registered(i) }), 0},
		{"report of administrators", "/v1.0/reports/authenticationMethods/userRegistrationDetails?$top=2&$filter=isAdmin%20eq%20true&$select=id", nil,
			wantUsers(func(i int, u audit.User) bool { return s.tenant.registered(i) && u.Admin == audit.Yes }), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			values, pages := walk(t, s, tt.address, tt.headers...)
			if len(tt.want) == 0 {
				t.Fatal("nothing to find: the test is worthless")
			}
			if tt.pages > 0 && pages != tt.pages {
				t.Errorf("got %d pages, want %d", pages, tt.pages)
			}
			if len(values) != len(tt.want) {
				t.Fatalf("got %d things, want %d", len(values), len(tt.want))
			}
			for i, v := range values {
				if v["id"] != tt.want[i] {
					t.Fatalf("thing %d is %v, want %s", i, v["id"], tt.want[i])
				}
			}
		})
	}
}

func TestMixedMembers(t *testing.T) {
	s := New(Options{Users: 400, Seed: 2, MaxPage: 2})
	values, _ := walk(t, s, "/v1.0/groups/"+s.Groups()[groupPilots].ID+"/transitiveMembers?$select=id")
	kinds, users := make(map[any]int), 0
	for _, v := range values {
		kinds[v["@odata.type"]]++
		if len(v) != 2 {
			t.Errorf("got %v, want a type and an id", v)
		}
	}
	for i := range s.Users() {
		count(&users, s.Member(groupPilots, i))
	}
	if kinds["#microsoft.graph.group"] != 1 || kinds["#microsoft.graph.device"] != 2 || kinds["#microsoft.graph.user"] != users {
		t.Errorf("got %v, want 1 group, 2 devices, %d users", kinds, users)
	}
	everybody, _ := walk(t, s, "/v1.0/groups/"+s.Groups()[groupEverybody].ID+"/members?$top=50")
	for _, v := range everybody {
		if u, _ := s.Find(v["id"].(string)); s.User(u).Enabled != audit.Yes {
			t.Errorf("user %v is in the group of enabled accounts", v)
		}
	}
}

func TestCount(t *testing.T) {
	s := New(Options{Users: 400, Seed: 2})
	members := 0
	for i := range s.Users() {
		count(&members, s.Member(groupPilots, i))
	}
	address := "/v1.0/groups/" + s.Groups()[groupPilots].ID + "/transitiveMembers/microsoft.graph.user?$count=true&$top=2"
	first := get(t, s, address, "ConsistencyLevel", "eventual").object(t)
	if first["@odata.count"] != float64(members) {
		t.Errorf("got count %v, want %d", first["@odata.count"], members)
	}
	second := get(t, s, first["@odata.nextLink"].(string), "ConsistencyLevel", "eventual").object(t)
	if n, ok := second["@odata.count"]; ok {
		t.Errorf("the second page has a count of %v, too", n)
	}
	if a := get(t, s, first["@odata.nextLink"].(string)); a.status != 400 {
		t.Errorf("a link whose header was not sent again got %d, want 400", a.status)
	}
	if a := get(t, s, "/v1.0/users/$count", "ConsistencyLevel", "eventual"); string(a.body) != "400" || a.header.Get("Content-Type") != "text/plain" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := get(t, s, "/v1.0/users/$count", "ConsistencyLevel", "eventual", "Accept", "application/json"); a.status != 415 {
		t.Errorf("got %d, want 415", a.status)
	}
}

func TestMethodsInPages(t *testing.T) {
	s := New(Options{Users: 50, Seed: 2, MethodsPage: 2})
	for i := range s.Users() {
		want := s.Passkeys(i)
		values, _ := walk(t, s, "/v1.0/users/"+s.User(i).ID+"/authentication/fido2Methods")
		if len(values) != len(want) {
			t.Fatalf("user %d: got %d passkeys, want %d", i, len(values), len(want))
		}
		for n, v := range values {
			if v["id"] != want[n].ID {
				t.Errorf("user %d, passkey %d: got %v, want %s", i, n, v["id"], want[n].ID)
			}
		}
	}
}

// TestForgedTokens: only links that were given out are good, and only whole.
func TestForgedTokens(t *testing.T) {
	s := New(Options{Users: 500, Seed: 2})
	link, _ := get(t, s, "/v1.0/users?$top=10&$select=id").object(t)["@odata.nextLink"].(string)
	if !strings.HasPrefix(link, origin+"/v1.0/users?") || !strings.Contains(link, "$select=id") {
		t.Fatalf("got link %q", link)
	}
	at := strings.Index(link, "$skiptoken=") + len("$skiptoken=")
	token := []byte(link[at:])
	token[11]++
	tests := []struct{ name, link string }{
		{"changed token", link[:at] + string(token)},
		{"no token", link[:at] + "AAAA"},
		{"no base64", link[:at] + "%00"},
		{"other size", strings.Replace(link, "$top=10", "$top=20", 1)},
		{"other properties", strings.Replace(link, "$select=id", "$select=id,displayName", 1)},
		{"option left out", strings.Replace(link, "$select=id&", "", 1)},
		{"other path", strings.Replace(link, "/users?", "/reports/authenticationMethods/userRegistrationDetails?", 1)},
		{"other version", strings.Replace(link, "/v1.0/", "/beta/", 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if a := get(t, s, tt.link); a.status != 400 || a.code(t) == "" {
				t.Errorf("got status %d for %s, want 400", a.status, tt.link)
			}
		})
	}
	if a := get(t, s, link); a.status != 200 {
		t.Errorf("the link itself got %d", a.status)
	}
	if a := get(t, New(Options{Users: 500, Seed: 2}), link); a.status != 200 {
		t.Errorf("after a restart the link got %d", a.status)
	}
	if a := get(t, New(Options{Users: 500, Seed: 3}), link); a.status != 400 {
		t.Errorf("in another tenant the link got %d", a.status)
	}
	if strings.Contains(get(t, s, "http://127.0.0.1:8080/v1.0/users?$top=10").object(t)["@odata.nextLink"].(string), "microsoft") {
		t.Error("the link does not lead to the host that was asked")
	}
}

// TestRefusals are requests that Graph refuses.
func TestRefusals(t *testing.T) {
	s := New(Options{Users: 50, Seed: 2, Token: "secret"})
	free := New(Options{Users: 50, WithoutPremium: true, Token: "secret"})
	user, groups := s.User(3).ID, s.Groups()
	members := "/v1.0/groups/" + groups[groupPilots].ID + "/transitiveMembers/microsoft.graph.user"
	gone := "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02"
	bearer := []string{"Authorization", "Bearer secret"}
	eventual := append([]string{"ConsistencyLevel", "eventual"}, bearer...)
	tests := []struct {
		name, method, address string
		headers               []string
		server                *Server
		status                int
		code                  string
	}{
		{"no token", "GET", "/v1.0/users", nil, s, 401, "InvalidAuthenticationToken"},
		{"wrong token", "GET", "/v1.0/users", []string{"Authorization", "Bearer other"}, s, 401, "InvalidAuthenticationToken"},
		{"page too large", "GET", "/v1.0/users?$top=1000", bearer, s, 400, "Request_UnsupportedQuery"},
		{"page too small", "GET", "/v1.0/users?$top=0", bearer, s, 400, "Request_UnsupportedQuery"},
		{"skip", "GET", "/v1.0/users?$skip=5", bearer, s, 400, "Request_BadRequest"},
		{"unknown option", "GET", "/v1.0/users?pretty=1", bearer, s, 400, "BadRequest"},
		{"option twice", "GET", "/v1.0/users?$top=5&$top=6", bearer, s, 400, "BadRequest"},
		{"broken query", "GET", "/v1.0/users?$top=%zz", bearer, s, 400, "BadRequest"},
		{"unknown property", "GET", "/v1.0/users?$select=shoeSize", bearer, s, 400, "BadRequest"},
		{"filter too complex", "GET", "/v1.0/users?$filter=" + url.QueryEscape("startsWith(displayName,'a')"), bearer, s, 400, "Request_UnsupportedQuery"},
		{"options on passkeys", "GET", "/v1.0/users/" + user + "/authentication/fido2Methods?$select=id", bearer, s, 400, "BadRequest"},
		{"no such user", "GET", "/v1.0/users/" + gone, bearer, s, 404, "Request_ResourceNotFound"},
		{"passkeys of no such user", "GET", "/v1.0/users/" + gone + "/authentication/fido2Methods", bearer, s, 404, "resourceNotFound"},
		{"no such passkey", "GET", "/v1.0/users/" + user + "/authentication/fido2Methods/AAAA2", bearer, s, 404, "resourceNotFound"},
		{"a group is no user", "GET", "/v1.0/users/" + groups[0].ID, bearer, s, 404, "Request_ResourceNotFound"},
		{"no such group", "GET", "/v1.0/groups/" + gone, bearer, s, 404, "Request_ResourceNotFound"},
		{"members of no such group", "GET", "/v1.0/groups/" + gone + "/members", bearer, s, 404, "Request_ResourceNotFound"},
		{"hidden members", "GET", "/v1.0/groups/" + groups[groupHidden].ID + "/members", bearer, s, 403, "Authorization_RequestDenied"},
		{"cast without header", "GET", members + "?$count=true", bearer, s, 400, "Request_UnsupportedQuery"},
		{"cast without count", "GET", members, eventual, s, 400, "Request_UnsupportedQuery"},
		{"no licence", "GET", "/v1.0/reports/authenticationMethods/userRegistrationDetails", bearer, free, 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant"},
		{"filter of the report too complex", "GET", "/v1.0/reports/authenticationMethods/userRegistrationDetails?$filter=" + url.QueryEscape("isAdmin eq true or isMfaCapable eq true"), bearer, s, 400, "BadRequest"},
		{"users by role", "GET", "/v1.0/users?$filter=" + url.QueryEscape("isAdmin eq true"), bearer, s, 400, "Request_UnsupportedQuery"},
		{"unknown path", "GET", "/v1.0/nonsense", bearer, s, 400, "BadRequest"},
		{"long path", "GET", "/v1.0/users/a/b/c/d/e/f/g/h/i/j", bearer, s, 400, "BadRequest"},
		{"no path", "GET", "/", bearer, s, 400, "BadRequest"},
		{"unknown version", "GET", "/v2.0/users", bearer, s, 400, "BadRequest"},
		{"write", "PATCH", "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2", bearer, s, 405, "Request_BadRequest"},
		{"batch by GET", "GET", "/v1.0/$batch", bearer, s, 405, "Request_BadRequest"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := send(t, tt.server, tt.method, tt.address, "", tt.headers...)
			if code := a.code(t); a.status != tt.status || code != tt.code {
				t.Errorf("got %d %s, want %d %s", a.status, code, tt.status, tt.code)
			}
			if a.header.Get("request-id") == "" || a.header.Get("client-request-id") == "" {
				t.Errorf("answer without ids: %v", a.header)
			}
		})
	}
	a := get(t, s, "/v1.0/nonsense", "Authorization", "Bearer secret", "client-request-id", `id "7"`)
	if a.header.Get("client-request-id") != `id "7"` || !strings.Contains(string(a.body), `"client-request-id":"id \"7\""`) {
		t.Errorf("the client's id did not come back: %v %s", a.header, a.body)
	}
}

func TestEmptyTenant(t *testing.T) {
	s := New(Options{})
	if values, pages := walk(t, s, "/v1.0/users"); len(values) != 0 || pages != 1 {
		t.Errorf("an empty tenant lists %v", values)
	}
	emergency := s.Groups()[groupEmergency].ID
	if values, _ := walk(t, s, "/v1.0/groups/"+emergency+"/transitiveMembers?$select=id"); len(values) != 1 {
		t.Errorf("got members %v, want the nested group alone", values)
	}
}
