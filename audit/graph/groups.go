package graph

import (
	"context"
	"fmt"

	"github.com/microsoftgraph/msgraph-sdk-go/groups"

	"passkey-audit/audit"
)

// Group reads a group's name. It says nothing of members: Outcome is
// OutcomePending. A group that is gone is ErrNotFound.
func (c *Client) Group(ctx context.Context, id string) (audit.Group, error) {
	if err := checkID(id); err != nil {
		return audit.Group{}, fmt.Errorf("read group: %w", err)
	}
	request, err := groups.NewGroupsRequestBuilderInternal(map[string]string{}, c.adapter).ByGroupId(id).
		ToGetRequestInformation(ctx, &groups.GroupItemRequestBuilderGetRequestConfiguration{
			QueryParameters: &groups.GroupItemRequestBuilderGetQueryParameters{Select: []string{"id", "displayName"}},
		})
	if err != nil {
		return audit.Group{}, fmt.Errorf("read group: %w", err)
	}
	k := &call{path: "/v1.0/groups/{id}"}
	if err := c.get(ctx, request, "", k); err != nil {
		return audit.Group{}, fmt.Errorf("read group: %w", err)
	}
	var body struct {
		ID   string `json:"id"`
		Name string `json:"displayName"`
	}
	if err := decodeObject(k, &body, "group"); err != nil {
		return audit.Group{}, fmt.Errorf("read group: %w", err)
	}
	if body.ID == "" {
		return audit.Group{}, fmt.Errorf("read group: %w", k.complete(malformed(k.status, "the answer is no group: it has no id")))
	}
	return audit.Group{ID: body.ID, Name: body.Name, Outcome: audit.OutcomePending}, nil
}
