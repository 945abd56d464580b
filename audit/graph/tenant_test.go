package graph

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

func TestOrganization(t *testing.T) {
	tests := []struct {
		name, body string
		want       audit.Tenant
		err        error
	}{
		{"usual", `{"value":[{"id":"84841066-274D-4EC0-A5C1-276BE684BDD3","displayName":"Contoso","verifiedDomains":[
			{"name":"contoso.onmicrosoft.com","isInitial":true,"isDefault":false},{"name":"contoso.com","isDefault":true}]}]}`,
			audit.Tenant{ID: tenantID, Name: "Contoso", Domain: "contoso.com"}, nil},
		{"no domains", `{"value":[{"id":"` + tenantID + `","displayName":null,"verifiedDomains":null}]}`, audit.Tenant{ID: tenantID}, nil},
		{"none", `{"value":[]}`, audit.Tenant{}, ErrMalformed},
		{"without an id", `{"value":[{"displayName":"Contoso"}]}`, audit.Tenant{}, ErrMalformed},
		{"no list", `{"id":"` + tenantID + `"}`, audit.Tenant{}, ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r record
			got, err := testClient(t, r.wrap(always(200, tt.body)), nil).Organization(context.Background())
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if want := "/v1.0/organization?%24select=id,displayName,verifiedDomains"; r.requests[0].URL.RequestURI() != want {
				t.Errorf("got %s, want %s", r.requests[0].URL.RequestURI(), want)
			}
		})
	}
}

func TestPolicy(t *testing.T) {
	const good = `{"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration","id":"Fido2","state":"enabled"}`
	tests := []struct {
		name      string
		transport http.RoundTripper
		body      string
		err       error
	}{
		{"profiles", always(200, wire(t, "policy-profiles.json")), wire(t, "policy-profiles.json"), nil},
		{"legacy", always(200, wire(t, "policy-legacy.json")), wire(t, "policy-legacy.json"), nil},
		{"by type alone", always(200, `{"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration","state":"x"}`), `{"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration","state":"x"}`, nil},
		{"error body", always(200, `{"error":{"code":"x"},"id":"Fido2","state":"enabled"}`), "", ErrMalformed},
		{"another configuration", always(200, `{"id":"MicrosoftAuthenticator","state":"enabled"}`), "", ErrMalformed},
		{"no state", always(200, `{"id":"Fido2"}`), "", ErrMalformed},
		{"id a number", always(200, `{"id":7,"state":"enabled"}`), "", ErrMalformed},
		{"a list", always(200, `[`+good+`]`), "", ErrMalformed},
		{"in an envelope", always(200, `{"value":`+good+`}`), "", ErrMalformed},
		{"null", always(200, `null`), "", ErrMalformed},
		{"cut", always(200, good[:40]), "", ErrMalformed},
		{"empty", always(200, ``), "", ErrMalformed},
		{"refused", always(403, graphError("accessDenied", "x")), "", ErrForbidden},
		{"not offered", always(404, graphError("BadRequest", "Resource not found for the segment 'authenticationMethodsPolicy'.")), "", ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r record
			got, err := testClient(t, r.wrap(tt.transport.(handler)), nil).Policy(context.Background())
			if !errors.Is(err, tt.err) || (tt.err == nil && err != nil) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if string(got) != tt.body {
				t.Errorf("got %s, want %s", got, tt.body)
			}
			if want := "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2"; r.requests[0].URL.RequestURI() != want {
				t.Errorf("got %s, want %s", r.requests[0].URL.RequestURI(), want)
			}
		})
	}
}

func TestGroup(t *testing.T) {
	tests := []struct {
		name      string
		transport handler
		want      audit.Group
		err       error
	}{
		{"usual", always(200, `{"id":"g","displayName":"Pilots"}`), audit.Group{ID: "g", Name: "Pilots", Outcome: audit.OutcomePending}, nil},
		{"gone", always(404, graphError("Request_ResourceNotFound", "x")), audit.Group{}, ErrNotFound},
		{"without an id", always(200, `{"displayName":"Pilots"}`), audit.Group{}, ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r record
			got, err := testClient(t, r.wrap(tt.transport), nil).Group(context.Background(), "g")
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if want := "/v1.0/groups/g?%24select=id,displayName"; r.requests[0].URL.RequestURI() != want {
				t.Errorf("got %s, want %s", r.requests[0].URL.RequestURI(), want)
			}
		})
	}
}

func TestGroupMembers(t *testing.T) {
	next := testRoot + "/v1.0/groups/g/transitiveMembers/microsoft.graph.user?$skiptoken=x"
	var r record
	c := testClient(t, r.wrap(func(request *http.Request) (*http.Response, error) {
		if request.URL.String() == next {
			return answer(200, `{"value":[{"id":"c"}]}`), nil
		}
		return answer(200, `{"@odata.count":3,"value":[{"id":"a"},{"id":"b"}],"@odata.nextLink":"`+next+`"}`, "x-ms-resource-unit", "4"), nil
	}), nil)
	first, err := c.GroupMembers(context.Background(), "g", "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(audit.MemberPage{UserIDs: []string{"a", "b"}, Next: next, Load: audit.Load{Units: 4}}, first); diff != "" {
		t.Errorf("first page (-want +got):\n%s", diff)
	}
	second, err := c.GroupMembers(context.Background(), "g", first.Next)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(audit.MemberPage{UserIDs: []string{"c"}}, second); diff != "" {
		t.Errorf("second page (-want +got):\n%s", diff)
	}
	if want := "/v1.0/groups/g/transitiveMembers/microsoft.graph.user?%24count=true&%24select=id&%24top=999"; r.requests[0].URL.RequestURI() != want {
		t.Errorf("got %s, want %s", r.requests[0].URL.RequestURI(), want)
	}
	for i, request := range r.requests {
		if got := request.Header.Get("ConsistencyLevel"); got != "eventual" {
			t.Errorf("page %d: ConsistencyLevel = %q", i+1, got)
		}
	}
	for _, body := range []string{`{"value":[{}]}`, `{"value":[null]}`, `{}`, `{"value":null}`, `{"value":[{"id":5}]}`} {
		got, err := testClient(t, always(200, body), nil).GroupMembers(context.Background(), "g", "")
		if !errors.Is(err, ErrMalformed) || len(got.UserIDs) != 0 {
			t.Errorf("%s: got %v, %v; want ErrMalformed", body, got, err)
		}
	}
}
