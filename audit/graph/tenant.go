package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/organization"
	"github.com/microsoftgraph/msgraph-sdk-go/policies"

	"passkey-audit/audit"
)

// Organization reads the tenant's id, name and default domain.
func (c *Client) Organization(ctx context.Context) (audit.Tenant, error) {
	first, err := c.organization(ctx)
	if err != nil {
		return audit.Tenant{}, fmt.Errorf("read organization: %w", err)
	}
	t := audit.Tenant{ID: lowerGUID(first.ID), Name: first.Name}
	for _, d := range first.Domains {
		if d.Default {
			t.Domain = d.Name
		}
	}
	return t, nil
}

// Domains reads the tenant's verified domains, in the order in which Graph gives
// them.
func (c *Client) Domains(ctx context.Context) ([]string, error) {
	first, err := c.organization(ctx)
	if err != nil {
		return nil, fmt.Errorf("read domains: %w", err)
	}
	var out []string
	for _, d := range first.Domains {
		out = append(out, d.Name)
	}
	return out, nil
}

type organizationJSON struct {
	ID      string `json:"id"`
	Name    string `json:"displayName"`
	Domains []struct {
		Name    string `json:"name"`
		Default bool   `json:"isDefault"`
	} `json:"verifiedDomains"`
}

// organization reads the one organization that there is.
func (c *Client) organization(ctx context.Context) (organizationJSON, error) {
	request, err := organization.NewOrganizationRequestBuilderInternal(map[string]string{}, c.adapter).
		ToGetRequestInformation(ctx, &organization.OrganizationRequestBuilderGetRequestConfiguration{
			QueryParameters: &organization.OrganizationRequestBuilderGetQueryParameters{
				Select: []string{"id", "displayName", "verifiedDomains"},
			},
		})
	if err != nil {
		return organizationJSON{}, err
	}
	k := &call{path: "/v1.0/organization"}
	if err := c.get(ctx, request, "", k); err != nil {
		return organizationJSON{}, err
	}
	p, err := decodePage[organizationJSON](k, "", "organizations")
	if err != nil {
		return organizationJSON{}, err
	}
	if len(*p.Value) == 0 || (*p.Value)[0].ID == "" {
		return organizationJSON{}, k.complete(malformed(k.status, "the answer names no organization"))
	}
	return (*p.Value)[0], nil
}

// Policy reads the Passkey (FIDO2) configuration and gives its body as Graph
// sent it. It makes sure that the body is one; what it says is package
// policy's to read, in either of its shapes. Every tenant has the policy: where
// Graph does not find it, the cloud does not offer it, and the error matches
// ErrNotOffered.
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
		var answered *Error
		if errors.As(err, &answered) && (answered.unsupported() || answered.Status == http.StatusNotFound) {
			answered.cause = ErrNotOffered
		}
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
