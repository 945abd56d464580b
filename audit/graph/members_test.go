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

// TestMembersFallback lets Graph refuse the cast in various ways.
func TestMembersFallback(t *testing.T) {
	const mixed = `{"value":[{"@odata.type":"#microsoft.graph.group","id":"n"},{"@odata.type":"#microsoft.graph.user","id":"a"},
		{"@odata.type":"#microsoft.graph.device","id":"d"},{"@odata.type":"#microsoft.graph.servicePrincipal","id":"s"},
		{"@odata.type":"#microsoft.graph.orgContact","id":"c"},{"@odata.type":"#microsoft.graph.agentUser","id":"b"}]}`
	const plain, cast = "?%24select=id&%24top=999", "/microsoft.graph.user?%24count=true&%24select=id&%24top=999"
	for _, list := range []struct {
		path string
		read func(*Client, string) (audit.MemberPage, error)
	}{
		{"/v1.0/groups/g/transitiveMembers", func(c *Client, link string) (audit.MemberPage, error) {
			return c.GroupMembers(context.Background(), "g", link)
		}},
		{"/v1.0/groups/g/members", func(c *Client, link string) (audit.MemberPage, error) {
			return c.DirectMembers(context.Background(), "g", link)
		}},
	} {
		for _, tt := range []struct {
			name   string
			status int
			// first and second are bodies of the answers with and without the cast.
			first, second string
			want          []string
			err           error
			requests      int
		}{
			{"taken", 200, `{"value":[{"id":"a"},{"id":"b"}]}`, "", []string{"a", "b"}, nil, 1},
			{"unsupported query", 400, graphError("Request_UnsupportedQuery", "x"), mixed, []string{"a", "b"}, nil, 2},
			{"not allowed", 405, graphError("Request_BadRequest", "x"), mixed, []string{"a", "b"}, nil, 2},
			{"not implemented", 501, ``, mixed, []string{"a", "b"}, nil, 2},
			{"refused", 403, graphError("Authorization_RequestDenied", "x"), mixed, nil, ErrForbidden, 1},
			{"gone", 404, graphError("Request_ResourceNotFound", "x"), mixed, nil, ErrNotFound, 1},
			{"type not told", 400, ``, `{"value":[{"@odata.type":"#microsoft.graph.user","id":"a"},{"id":"b"}]}`, nil, ErrMalformed, 2},
			{"id not told", 400, ``, `{"value":[{"@odata.type":"#microsoft.graph.user"}]}`, nil, ErrMalformed, 2},
			{"nobody", 400, ``, `{"value":[]}`, []string{}, nil, 2},
		} {
			t.Run(list.path[strings.LastIndex(list.path, "/")+1:]+"/"+tt.name, func(t *testing.T) {
				var r record
				c := testClient(t, r.wrap(func(q *http.Request) (*http.Response, error) {
					if strings.HasSuffix(q.URL.Path, "/microsoft.graph.user") {
						return answer(tt.status, tt.first), nil
					}
					return answer(200, tt.second), nil
				}), nil)
				got, err := list.read(c, "")
				if !errors.Is(err, tt.err) || tt.err == nil && err != nil {
					t.Fatalf("got %v, want %v", err, tt.err)
				}
				if diff := cmp.Diff(tt.want, got.UserIDs); diff != "" {
					t.Errorf("users (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]string{list.path + cast, list.path + plain}[:tt.requests], asked(&r)); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
				for i, q := range r.requests {
					if advanced := q.Header.Get("ConsistencyLevel") == "eventual"; advanced != (i == 0) {
						t.Errorf("request %d: ConsistencyLevel %q", i+1, q.Header.Get("ConsistencyLevel"))
					}
				}
			})
		}
	}
}

// TestMembersLinks: a link goes on in the way of the list that it is part of,
// and is never asked for in another.
func TestMembersLinks(t *testing.T) {
	const path = "/v1.0/groups/g/members"
	for _, tt := range []struct {
		name, link string
		status     int
		body       string
		advanced   bool
		want       []string
		err        error
	}{
		{"with the cast", path + "/microsoft.graph.user?$count=true&$skiptoken=x", 200, `{"value":[{"id":"a"}]}`, true, []string{"a"}, nil},
		{"with the cast's alias", path + "/graph.user?$skiptoken=x", 200, `{"value":[{"id":"a"}]}`, true, []string{"a"}, nil},
		{"without", path + "?$skiptoken=x", 200, `{"value":[{"@odata.type":"#microsoft.graph.group","id":"n"},{"@odata.type":"#microsoft.graph.user","id":"a"}]}`, false, []string{"a"}, nil},
		{"without, type not told", path + "?$skiptoken=microsoft.graph.user", 200, `{"value":[{"id":"a"}]}`, false, nil, ErrMalformed},
		{"expired", path + "/microsoft.graph.user?$skiptoken=x", 400, graphError("Directory_ExpiredPageToken", "x"), true, nil, ErrPageTokenExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r record
			c := testClient(t, r.wrap(always(tt.status, tt.body)), nil)
			got, err := c.DirectMembers(context.Background(), "g", testRoot+tt.link)
			if !errors.Is(err, tt.err) || tt.err == nil && err != nil {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got.UserIDs); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{tt.link}, asked(&r)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if got := r.requests[0].Header.Get("ConsistencyLevel") == "eventual"; got != tt.advanced {
				t.Errorf("ConsistencyLevel sent: %v, want %v", got, tt.advanced)
			}
		})
	}
}

func TestMembersBadID(t *testing.T) {
	var r record
	c := testClient(t, r.wrap(always(200, `{"value":[]}`)), nil)
	var e *Error
	if _, err := c.DirectMembers(context.Background(), "..", ""); !errors.As(err, &e) || e.Code != CodeBadID || len(r.requests) != 0 {
		t.Errorf("got %v after %d requests, want %s", err, len(r.requests), CodeBadID)
	}
}
