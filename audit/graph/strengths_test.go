package graph

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

const (
	strengthsPath = "/v1.0/policies/authenticationStrengthPolicies"
	accessPath    = "/v1.0/identity/conditionalAccess/policies"
)

// TestItems: what is kept is kept byte for byte, unknown properties, odd spacing
// and all.
func TestItems(t *testing.T) {
	items := [][]byte{[]byte("{\"id\":\"1\",\n  \"new\" : [1e2, {\"a\":null}], \"displayName\":\"\\u00e9\"}"), []byte(`{}`)}
	for _, tt := range []struct {
		name, path string
		read       func(*Client, string) (audit.ItemPage, error)
	}{
		{"strengths", strengthsPath, func(c *Client, link string) (audit.ItemPage, error) {
			return c.Strengths(context.Background(), link)
		}},
		{"Conditional Access", accessPath, func(c *Client, link string) (audit.ItemPage, error) {
			return c.ConditionalAccess(context.Background(), link)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next := testRoot + tt.path + "?$skiptoken=RFN%2Bw+d"
			body := `{"@odata.context":"x","value":[ ` + string(items[0]) + ` ,` + string(items[1]) + `],"@odata.nextLink":"` + next + `"}`
			var r record
			c := testClient(t, r.wrap(always(200, body, "x-ms-throttle-limit-percentage", "0.9")), nil)
			got, err := tt.read(c, "")
			if err != nil {
				t.Fatal(err)
			}
			want := audit.ItemPage{Items: items, Next: next, Load: audit.Load{Percentage: 0.9}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
			if _, err := tt.read(testClient(t, r.wrap(always(200, `{"value":[]}`)), nil), next); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tt.path, tt.path + "?$skiptoken=RFN%2Bw+d"}, asked(&r)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnlicensed(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		status     int
		want       bool
	}{
		{"by code", graphError("Authentication_RequestFromNonPremiumTenantOrB2CTenant", "x"), 403, true},
		{"by message", graphError("AccessDenied", "Your tenant is not Licensed for this feature."), 403, true},
		{"a permission", graphError("AccessDenied", "You cannot perform the requested operation, required scopes are missing in the token."), 403, false},
		{"no refusal", graphError("generalException", "The license service failed."), 500, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := testClient(t, always(tt.status, tt.body), nil).ConditionalAccess(context.Background(), "")
			var e *Error
			if !errors.As(err, &e) || e.Unlicensed() != tt.want {
				t.Errorf("got %v, unlicensed %v, want %v", err, !tt.want, tt.want)
			}
		})
	}
}
