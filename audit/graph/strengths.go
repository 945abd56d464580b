package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/identity"
	"github.com/microsoftgraph/msgraph-sdk-go/policies"

	"passkey-audit/audit"
)

// Strengths reads one page of the authentication strengths, built-in and custom
// ones, as Graph sends them: the first page where link is empty, else the one
// that link leads to. It needs Policy.Read.AuthenticationMethod. The
// combination configurations stand in each strength without being asked for
// (Graph documentation, "List authenticationStrengthPolicies").
func (c *Client) Strengths(ctx context.Context, link string) (audit.ItemPage, error) {
	request, err := policies.NewPoliciesRequestBuilderInternal(map[string]string{}, c.adapter).AuthenticationStrengthPolicies().
		ToGetRequestInformation(ctx, nil)
	if err != nil {
		return audit.ItemPage{}, fmt.Errorf("list authentication strengths: %w", err)
	}
	k := &call{path: "/v1.0/policies/authenticationStrengthPolicies"}
	page, err := c.items(ctx, request, link, k, "authentication strengths")
	if err != nil {
		return audit.ItemPage{}, fmt.Errorf("list authentication strengths: %w", err)
	}
	return page, nil
}

// ConditionalAccess reads one page of the Conditional Access policies as Graph
// sends them: the first one where link is empty, else the one that link leads
// to. It needs Policy.Read.All.
//
// Graph grants one such request a second to all applications of a tenant
// together, and a 429 comes without Retry-After (Graph documentation,
// "Throttling", Identity protection and conditional access).
func (c *Client) ConditionalAccess(ctx context.Context, link string) (audit.ItemPage, error) {
	request, err := identity.NewIdentityRequestBuilderInternal(map[string]string{}, c.adapter).ConditionalAccess().Policies().
		ToGetRequestInformation(ctx, nil)
	if err != nil {
		return audit.ItemPage{}, fmt.Errorf("list Conditional Access policies: %w", err)
	}
	k := &call{path: "/v1.0/identity/conditionalAccess/policies"}
	page, err := c.items(ctx, request, link, k, "Conditional Access policies")
	if err != nil {
		return audit.ItemPage{}, fmt.Errorf("list Conditional Access policies: %w", err)
	}
	return page, nil
}

// items reads a page of things that are kept as they were sent. What is no
// object makes the page malformed: nobody could tell later what it was.
func (c *Client) items(ctx context.Context, request *abstractions.RequestInformation, link string, k *call, what string) (audit.ItemPage, error) {
	if err := c.get(ctx, request, link, k); err != nil {
		return audit.ItemPage{}, err
	}
	p, err := decodePage[json.RawMessage](k, link, what)
	if err != nil {
		return audit.ItemPage{}, err
	}
	out := audit.ItemPage{Items: make([][]byte, len(*p.Value)), Next: p.Next, Load: k.load}
	for i, item := range *p.Value {
		if !bytes.HasPrefix(item, []byte("{")) {
			return audit.ItemPage{}, k.complete(malformed(k.status, "item %d of the %s is no object", i+1, what))
		}
		out.Items[i] = item
	}
	return out, nil
}
