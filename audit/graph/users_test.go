package graph

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

func TestUsersRequest(t *testing.T) {
	base := "/v1.0/users?%24select=id,userPrincipalName,displayName,accountEnabled,userType&%24top=999"
	tests := []struct {
		name  string
		query UserQuery
		link  string
		want  string
	}{
		{"all", UserQuery{}, "", base},
		{"enabled", UserQuery{EnabledOnly: true}, "", strings.Replace(base, "?", "?%24filter=accountEnabled%20eq%20true&", 1)},
		{"members", UserQuery{MembersOnly: true}, "", strings.Replace(base, "?", "?%24filter=userType%20eq%20%27Member%27&", 1)},
		{"both", UserQuery{MembersOnly: true, EnabledOnly: true}, "", strings.Replace(base, "?", "?%24filter=accountEnabled%20eq%20true%20and%20userType%20eq%20%27Member%27&", 1)},
		{"small page", UserQuery{PageSize: 5}, "", strings.Replace(base, "999", "5", 1)},
		{"page too large", UserQuery{PageSize: 1000}, "", base},
		{"negative page", UserQuery{PageSize: -1}, "", base},
		{"link as it is", UserQuery{EnabledOnly: true}, testRoot + "/v1.0/users?$top=999&$skiptoken=RFN%2Bw+d%3D%3D_-~x", "/v1.0/users?$top=999&$skiptoken=RFN%2Bw+d%3D%3D_-~x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r record
			c := testClient(t, r.wrap(always(200, `{"value":[]}`)), func(o *Options) { o.UserAgent = "passkey-audit/9.9" })
			if _, err := c.Users(context.Background(), tt.link, tt.query); err != nil {
				t.Fatal(err)
			}
			if len(r.requests) != 1 {
				t.Fatalf("%d requests, want 1", len(r.requests))
			}
			got := r.requests[0]
			if got.Method != "GET" || got.URL.RequestURI() != tt.want {
				t.Errorf("got  %s %s\nwant GET %s", got.Method, got.URL.RequestURI(), tt.want)
			}
			want := http.Header{
				"Accept": {"application/json"}, "Authorization": {"Bearer " + testSecret},
				"User-Agent": {"passkey-audit/9.9"}, "X-Ms-Throttle-Priority": {"Low"},
				"Client-Request-Id": {"c1c1c1c1-0000-4000-8000-000000000001"},
			}
			if diff := cmp.Diff(want, got.Header); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUsersPage(t *testing.T) {
	body := `{"@odata.context":"x","@odata.nextLink":"` + testRoot + `/v1.0/users?$skiptoken=x","value":[
	 {"id":"` + alexID + `","userPrincipalName":"AlexW@contoso.com","displayName":"Alex Wilber","accountEnabled":true,"userType":"Member","unknown":{"a":[1]}},
	 {"id":"2","userPrincipalName":"adele_fabrikam.com#EXT#@contoso.com","displayName":null,"accountEnabled":false,"userType":"Guest"},
	 {"id":"3","accountEnabled":null,"userType":null}]}`
	c := testClient(t, always(200, body, "x-ms-resource-unit", "1", "x-ms-throttle-limit-percentage", "0.9"), nil)
	got, err := c.Users(context.Background(), "", UserQuery{})
	if err != nil {
		t.Fatal(err)
	}
	want := audit.UserPage{
		Users: []audit.User{
			{ID: alexID, UPN: "AlexW@contoso.com", DisplayName: "Alex Wilber", Type: "Member", Enabled: audit.Yes},
			{ID: "2", UPN: "adele_fabrikam.com#EXT#@contoso.com", Type: "Guest", Enabled: audit.No},
			{ID: "3"},
		},
		Next: testRoot + "/v1.0/users?$skiptoken=x",
		Load: audit.Load{Units: 1, Percentage: 0.9},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestEmptyPageWithNext(t *testing.T) {
	next := testRoot + "/v1.0/users?$skiptoken=y"
	c := testClient(t, always(200, `{"value":[],"@odata.nextLink":"`+next+`"}`), nil)
	got, err := c.Users(context.Background(), "", UserQuery{})
	if err != nil || got.Next != next || len(got.Users) != 0 {
		t.Errorf("got %+v, %v; want an empty page with a link", got, err)
	}
	if _, err := c.Users(context.Background(), next, UserQuery{}); !errors.Is(err, ErrMalformed) {
		t.Errorf("a page that leads to itself: got %v, want ErrMalformed", err)
	}
}

func TestForeignLinkSendsNothing(t *testing.T) {
	for _, link := range []string{"https://evil.example/v1.0/users", testRoot + "@evil.example/v1.0/users", testRoot + "/other"} {
		var r record
		c := testClient(t, r.wrap(always(200, `{"value":[]}`)), nil)
		_, usersErr := c.Users(context.Background(), link, UserQuery{})
		_, membersErr := c.GroupMembers(context.Background(), "g", link)
		for _, err := range []error{usersErr, membersErr} {
			var e *Error
			if !errors.Is(err, ErrForeignLink) || !errors.As(err, &e) || e.Temporary() {
				t.Errorf("%s: got %v, want a lasting ErrForeignLink", link, err)
			}
		}
		if len(r.requests) != 0 {
			t.Errorf("%s: %d requests were sent", link, len(r.requests))
		}
	}
}

// TestSenderGuardsItself sends requests past the check of links.
func TestSenderGuardsItself(t *testing.T) {
	for _, address := range []string{
		"https://evil.example/v1.0/users", "http://graph.example.com/v1.0/users",
		testRoot + ":8443/v1.0/users", "https://user@graph.example.com/v1.0/users",
	} {
		var r record
		c := testClient(t, r.wrap(always(200, `{"value":[]}`)), nil)
		ctx := context.WithValue(context.Background(), callKey{}, &call{})
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := c.sender.RoundTrip(request); !errors.Is(err, ErrForeignLink) {
			t.Errorf("%s: got %v, %v; want ErrForeignLink", address, response, err)
		}
		if len(r.requests) != 0 {
			t.Errorf("%s: sent", address)
		}
	}
	var r record
	c := testClient(t, r.wrap(always(200, `{}`)), nil)
	ctx := context.WithValue(context.Background(), callKey{}, &call{})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, testRoot+"/v1.0/users", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "evil.example"
	if response, err := c.sender.RoundTrip(request); !errors.Is(err, ErrForeignLink) || len(r.requests) != 0 {
		t.Errorf("another Host header: got %v, %v; want ErrForeignLink", response, err)
	}
}

func TestUserExists(t *testing.T) {
	tests := []struct {
		name      string
		transport handler
		want      bool
		err       error
		fails     bool
	}{
		{"there", always(200, `{"id":"`+alexID+`"}`), true, nil, false},
		{"gone, directory", always(404, graphError("Request_ResourceNotFound", "x")), false, nil, false},
		{"gone, newer backends", always(404, graphError("resourceNotFound", "x")), false, nil, false},
		{"gone in capitals", always(404, graphError("RESOURCENOTFOUND", "x")), false, nil, false},
		{"404 of something in between", always(404, "<html>"), false, ErrNotFound, true},
		{"404 for the path", always(404, graphError("BadRequest", "Resource not found for the segment")), false, ErrNotFound, true},
		{"refused", always(403, graphError("Authorization_RequestDenied", "x")), false, ErrForbidden, true},
		{"no user", always(200, `{"value":[]}`), false, ErrMalformed, true},
		{"error body", always(200, graphError("x", "y")), false, ErrMalformed, true},
		{"cut", always(200, `{"id"`), false, ErrMalformed, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r record
			got, err := testClient(t, r.wrap(tt.transport), nil).UserExists(context.Background(), "a/../b c")
			if got != tt.want || (err != nil) != tt.fails || !errors.Is(err, tt.err) {
				t.Errorf("got %v, %v; want %v, %v", got, err, tt.want, tt.err)
			}
			if want := "/v1.0/users/a%2F..%2Fb%20c?%24select=id"; r.requests[0].URL.RequestURI() != want {
				t.Errorf("got %s, want %s", r.requests[0].URL.RequestURI(), want)
			}
		})
	}
}

func TestIDsThatAreNone(t *testing.T) {
	var r record
	c := testClient(t, r.wrap(always(200, `{"id":"x","value":[]}`)), nil)
	for _, id := range []string{"", ".", "..", strings.Repeat("x", 1001)} {
		if ok, err := c.UserExists(context.Background(), id); err == nil || ok {
			t.Errorf("UserExists(%.5q) = %v, %v; want an error", id, ok, err)
		}
		if _, err := c.Group(context.Background(), id); err == nil {
			t.Errorf("Group(%.5q): no error", id)
		}
		if _, err := c.GroupMembers(context.Background(), id, ""); err == nil {
			t.Errorf("GroupMembers(%.5q): no error", id)
		}
	}
	if len(r.requests) != 0 {
		t.Errorf("%d requests were sent", len(r.requests))
	}
}

func FuzzDecodeUsers(f *testing.F) {
	for _, s := range []string{
		`{"value":[]}`, `{"value":null}`, `{"error":{"code":"x"}}`, `{"value":[{"id":"a","accountEnabled":true}]}`,
		`{"value":[{}]}`, `[]`, ``, `{"value":[{"id":1}]}`, `{"VALUE":[]}`, `{"value":[],"@odata.nextLink":"x"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decodeUsers(&call{status: 200, answer: body}, "")
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || !e.Temporary() || len(got.Users) != 0 {
				t.Fatalf("got %v, %v; want a temporary *Error and no users", got, err)
			}
			return
		}
		// Nothing that has no list in it is an empty list.
		if !strings.Contains(strings.ToLower(string(body)), "value") && !strings.Contains(string(body), `\u`) && !strings.Contains(string(body), "ſ") {
			t.Fatalf("%q is taken for a list", body)
		}
		for _, u := range got.Users {
			if u.ID == "" {
				t.Fatal("a user without an id")
			}
		}
	})
}
