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

const (
	rolesPath   = "/v1.0/roleManagement/directory/roleAssignments"
	globalAdmin = "62e90394-69f5-4237-9190-012177145e10"
)

func TestRoleAssignments(t *testing.T) {
	const expanded = rolesPath + "?%24expand=principal%28%24select%3Did%29"
	next := testRoot + rolesPath + "?$expand=principal($select=id)&$skiptoken=x"
	row := func(id, principal string) string {
		return `{"id":"a` + id + `","principalId":"` + id + `","directoryScopeId":"/","appScopeId":null,"roleDefinitionId":"` + globalAdmin + `"` + principal + `}`
	}
	for _, tt := range []struct {
		name, link string
		// refuse says which queries are answered with 400.
		refuse func(query string) bool
		body   string
		want   audit.RolePage
		asked  []string
	}{
		{name: "usual", body: `{"@odata.nextLink":"` + next + `","value":[` + row("u", `,"principal":{"@odata.type":"#microsoft.graph.user","id":"u"}`) + "," +
			row("g", `,"principal":{"@odata.type":"#microsoft.graph.group","id":"g"}`) + "," + row("s", `,"principal":{"@odata.type":"#microsoft.graph.servicePrincipal","id":"s"}`) + "," +
			row("n", `,"principal":{"@odata.type":"#microsoft.graph.robot"}`) + `]}`,
			want: audit.RolePage{Next: next, Assignments: []audit.RoleAssignment{
				{PrincipalID: "u", PrincipalType: "user", RoleID: globalAdmin, Scope: "/"}, {PrincipalID: "g", PrincipalType: "group", RoleID: globalAdmin, Scope: "/"},
				{PrincipalID: "s", PrincipalType: "servicePrincipal", RoleID: globalAdmin, Scope: "/"}, {PrincipalID: "n", PrincipalType: "robot", RoleID: globalAdmin, Scope: "/"},
			}}, asked: []string{expanded}},
		{name: "principal not told", body: `{"value":[` + row("u", `,"principal":null`) + `,{"principalId":"v","roleDefinitionId":"r"}]}`,
			want:  audit.RolePage{Assignments: []audit.RoleAssignment{{PrincipalID: "u", RoleID: globalAdmin, Scope: "/"}, {PrincipalID: "v", RoleID: "r"}}},
			asked: []string{expanded}},
		{name: "none", body: `{"value":[]}`, want: audit.RolePage{Assignments: []audit.RoleAssignment{}}, asked: []string{expanded}},
		{name: "whole principals alone", refuse: func(q string) bool { return strings.Contains(q, "select") }, body: `{"value":[]}`,
			want: audit.RolePage{Assignments: []audit.RoleAssignment{}}, asked: []string{expanded, rolesPath + "?%24expand=principal"}},
		{name: "no principals", refuse: func(q string) bool { return q != "" }, body: `{"value":[` + row("u", "") + `]}`,
			want:  audit.RolePage{Assignments: []audit.RoleAssignment{{PrincipalID: "u", RoleID: globalAdmin, Scope: "/"}}},
			asked: []string{expanded, rolesPath + "?%24expand=principal", rolesPath}},
		{name: "link as it is", link: next, body: `{"value":[]}`, want: audit.RolePage{Assignments: []audit.RoleAssignment{}}, asked: []string{strings.TrimPrefix(next, testRoot)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r record
			c := testClient(t, r.wrap(func(q *http.Request) (*http.Response, error) {
				if tt.refuse != nil && tt.refuse(q.URL.RawQuery) {
					return answer(400, graphError("BadRequest", "Parsing OData Select and Expand failed")), nil
				}
				return answer(200, tt.body), nil
			}), nil)
			got, err := c.RoleAssignments(context.Background(), tt.link)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.asked, asked(&r)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// asked gives the addresses of the requests, without the host.
func asked(r *record) []string {
	var list []string
	for _, request := range r.requests {
		list = append(list, request.URL.RequestURI())
	}
	return list
}

// A listing is one of the methods that read a page.
type listing struct {
	name, path string
	read       func(*Client, string) (items int, err error)
}

func newListings() []listing {
	ctx := context.Background()
	return []listing{
		{"role assignments", rolesPath, func(c *Client, link string) (int, error) {
			p, err := c.RoleAssignments(ctx, link)
			return len(p.Assignments), err
		}},
		{"strengths", strengthsPath, func(c *Client, link string) (int, error) {
			p, err := c.Strengths(ctx, link)
			return len(p.Items), err
		}},
		{"Conditional Access", accessPath, func(c *Client, link string) (int, error) {
			p, err := c.ConditionalAccess(ctx, link)
			return len(p.Items), err
		}},
		{"members", "/v1.0/groups/g/transitiveMembers", func(c *Client, link string) (int, error) {
			p, err := c.GroupMembers(ctx, "g", link)
			return len(p.UserIDs), err
		}},
		{"direct members", "/v1.0/groups/g/members", func(c *Client, link string) (int, error) {
			p, err := c.DirectMembers(ctx, "g", link)
			return len(p.UserIDs), err
		}},
	}
}

// TestListingErrors: what is no proper answer is an *Error and nothing else,
// whatever is listed.
func TestListingErrors(t *testing.T) {
	for _, l := range newListings() {
		good := testRoot + l.path + "?$skiptoken=x"
		for _, tt := range []struct {
			name, link string
			transport  handler
			is         error
			// status and code as reports show them.
			status int
			code   string
		}{
			{"no permission", "", always(403, graphError("Authorization_RequestDenied", "Insufficient privileges")), ErrForbidden, 403, "Authorization_RequestDenied"},
			{"no licence", "", always(403, graphError("Authentication_RequestFromNonPremiumTenantOrB2CTenant", "x")), ErrNonPremium, 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant"},
			{"throttled without Retry-After", "", always(429, graphError("TooManyRequests", "x")), nil, 429, "TooManyRequests"},
			{"expired link", good, always(400, graphError("Directory_ExpiredPageToken", "x")), ErrPageTokenExpired, 400, "Directory_ExpiredPageToken"},
			{"foreign link", "https://evil.example" + l.path, always(200, `{"value":[]}`), ErrForeignLink, 0, CodeForeignLink},
			{"link over http", strings.Replace(good, "https", "http", 1), always(200, `{"value":[]}`), ErrForeignLink, 0, CodeForeignLink},
			{"no list", "", always(200, `{}`), ErrMalformed, 200, CodeMalformed},
			{"null", "", always(200, `{"value":null}`), ErrMalformed, 200, CodeMalformed},
			{"no objects", "", always(200, `{"value":[1]}`), ErrMalformed, 200, CodeMalformed},
			{"null object", "", always(200, `{"value":[null]}`), ErrMalformed, 200, CodeMalformed},
			{"error body", "", always(200, `{"error":{"code":"x"},"value":[]}`), ErrMalformed, 200, "x"},
			{"cut short", "", always(200, `{"value":[`), ErrMalformed, 200, CodeMalformed},
			{"link to itself", good, always(200, `{"value":[],"@odata.nextLink":"`+good+`"}`), ErrMalformed, 200, CodeMalformed},
			{"too large", "", always(200, `{"value":[],"x":"`+strings.Repeat("x", maxBody)+`"}`), ErrMalformed, 200, CodeMalformed},
		} {
			t.Run(l.name+"/"+tt.name, func(t *testing.T) {
				var r record
				items, err := l.read(testClient(t, r.wrap(tt.transport), nil), tt.link)
				var e *Error
				if !errors.As(err, &e) || tt.is != nil && !errors.Is(err, tt.is) || items != 0 {
					t.Fatalf("got %d items, %v; want %v", items, err, tt.is)
				}
				f := e.Failure()
				if f.Status != tt.status || f.Code != tt.code || e.Throttled() != (tt.status == 429) {
					t.Errorf("got failure %+v, throttled %v", f, e.Throttled())
				}
				if _, waits := e.RetryAfter(); waits {
					t.Error("a time to wait was made up")
				}
				if want := map[bool]int{true: 0, false: 1}[errors.Is(tt.is, ErrForeignLink)]; len(r.requests) != want {
					t.Errorf("%d requests, want %d: %q", len(r.requests), want, asked(&r))
				}
			})
		}
	}
}

func TestRoleAssignmentsIncomplete(t *testing.T) {
	for _, body := range []string{
		`{"value":[{"principalId":"u"}]}`, `{"value":[{"roleDefinitionId":"r","directoryScopeId":"/"}]}`, `{"value":[{"principalId":5,"roleDefinitionId":"r"}]}`,
	} {
		got, err := testClient(t, always(200, body), nil).RoleAssignments(context.Background(), "")
		if !errors.Is(err, ErrMalformed) || len(got.Assignments) != 0 {
			t.Errorf("%s: got %v, %v; want ErrMalformed", body, got, err)
		}
	}
}
