package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/organization"
	"github.com/microsoftgraph/msgraph-sdk-go/policies"

	"passkey-audit/audit"
)

// Organization reads the tenant's id, name and default domain.
func (c *Client) Organization(ctx context.Context) (audit.Tenant, error) {
	request, err := organization.NewOrganizationRequestBuilderInternal(map[string]string{}, c.adapter).
		ToGetRequestInformation(ctx, &organization.OrganizationRequestBuilderGetRequestConfiguration{
			QueryParameters: &organization.OrganizationRequestBuilderGetQueryParameters{
				Select: []string{"id", "displayName", "verifiedDomains"},
			},
		})
	if err != nil {
		return audit.Tenant{}, fmt.Errorf("read organization: %w", err)
	}
	k := &call{path: "/v1.0/organization"}
	if err := c.get(ctx, request, "", k); err != nil {
		return audit.Tenant{}, fmt.Errorf("read organization: %w", err)
	}
	type organizationJSON struct {
		ID      string `json:"id"`
		Name    string `json:"displayName"`
		Domains []struct {
			Name    string `json:"name"`
			Default bool   `json:"isDefault"`
		} `json:"verifiedDomains"`
	}
	p, err := decodePage[organizationJSON](k, "", "organizations")
	if err != nil {
		return audit.Tenant{}, fmt.Errorf("read organization: %w", err)
	}
	if len(*p.Value) == 0 || (*p.Value)[0].ID == "" {
		return audit.Tenant{}, fmt.Errorf("read organization: %w",
			k.complete(malformed(k.status, "the answer names no organization")))
	}
	first := (*p.Value)[0]
	t := audit.Tenant{ID: lowerGUID(first.ID), Name: first.Name}
	for _, d := range first.Domains {
		if d.Default {
			t.Domain = d.Name
		}
	}
	return t, nil
}

// Policy reads the Passkey (FIDO2) configuration and gives its body as Graph
// sent it. It makes sure that the body is one; what it says is package
// policy's to read, in either of its shapes.
func (c *Client) Policy(ctx context.Context) ([]byte, error) {
	request, err := policies.NewPoliciesRequestBuilderInternal(map[string]string{}, c.adapter).
		AuthenticationMethodsPolicy().AuthenticationMethodConfigurations().
		ByAuthenticationMethodConfigurationId("fido2").
		ToGetRequestInformation(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	k := &call{path: "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2"}
	if err := c.get(ctx, request, "", k); err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	var body struct {
		ID    string          `json:"id"`
		Type  string          `json:"@odata.type"`
		State json.RawMessage `json:"state"`
	}
	if err := decodeObject(k, &body, "Passkey (FIDO2) configuration"); err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	named := strings.EqualFold(body.ID, "fido2") || strings.EqualFold(body.Type, "#microsoft.graph.fido2AuthenticationMethodConfiguration")
	if !named || !present(body.State) {
		return nil, fmt.Errorf("read policy: %w",
			k.complete(malformed(k.status, "the answer is no Passkey (FIDO2) configuration: its id, type or state is missing")))
	}
	return slices.Clone(k.answer), nil
}
