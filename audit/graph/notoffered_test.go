package graph

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNotOffered tells what a cloud does not know from what is refused or gone.
func TestNotOffered(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		policy     bool // that the policy is not offered
		users      bool // that users are not
	}{
		{"segment", graphError("BadRequest", "Resource not found for the segment 'fido2'."), 400, true, true},
		{"policy is not found", graphError("resourceNotFound", "Not found."), 404, true, false},
		{"no such path, without a body", "", 404, true, false},
		{"method", graphError("methodNotAllowed", ""), 405, true, false},
		{"refused", graphError("accessDenied", "Request Authorization failed"), 403, false, false},
		{"busy", graphError("serviceNotAvailable", ""), 503, false, false},
		{"token", graphError("InvalidAuthenticationToken", ""), 401, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testClient(t, always(tt.status, tt.body), nil)
			if _, err := c.Policy(context.Background()); err == nil || errors.Is(err, ErrNotOffered) != tt.policy {
				t.Errorf("policy: %v, want not offered: %v", err, tt.policy)
			}
			if _, err := c.Users(context.Background(), "", UserQuery{}); err == nil || errors.Is(err, ErrNotOffered) != tt.users {
				t.Errorf("users: %v, want not offered: %v", err, tt.users)
			}
		})
	}
}

// TestCanReadMethods asks for one user's passkeys without a batch.
func TestCanReadMethods(t *testing.T) {
	for _, tt := range []struct {
		name, id, body string
		status         int
		want           error
	}{
		{"may", alexID, `{"value":[]}`, 200, nil},
		{"may not", alexID, graphError("accessDenied", "Request Authorization failed"), 403, ErrForbidden},
		{"gone", alexID, graphError("resourceNotFound", "User not found."), 404, ErrNotFound},
		{"not offered", alexID, graphError("BadRequest", "Resource not found for the segment 'fido2Methods'."), 400, ErrNotOffered},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r record
			c := testClient(t, r.wrap(always(tt.status, tt.body)), nil)
			if err := c.CanReadMethods(t.Context(), tt.id); !errors.Is(err, tt.want) || err != nil && tt.want == nil {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if got, want := r.requests[0].URL.Path, "/v1.0/users/"+alexID+"/authentication/fido2Methods"; got != want || r.requests[0].Method != "GET" {
				t.Errorf("asked %s, want %s", got, want)
			}
		})
	}
	if err := testClient(t, always(200, "{}"), nil).CanReadMethods(t.Context(), ".."); err == nil {
		t.Error("an id that leads elsewhere is taken")
	}
}

func TestDomains(t *testing.T) {
	c := testClient(t, always(200, `{"value":[{"id":"`+tenantID+`","displayName":"Contoso","verifiedDomains":[{"name":"contoso.onmicrosoft.com","isDefault":false},{"name":"contoso.com","isDefault":true}]}]}`), nil)
	got, err := c.Domains(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"contoso.onmicrosoft.com", "contoso.com"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	tenant, err := c.Organization(context.Background())
	if err != nil || tenant.Domain != "contoso.com" || tenant.ID != tenantID {
		t.Errorf("got %+v, %v", tenant, err)
	}
}
