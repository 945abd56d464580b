package graph

import (
	"context"
	"fmt"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
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

// GroupMembers reads one page of the users among a group's transitive members:
// the first where link is empty, else the one that link leads to.
//
// Naming the type of member in the path leaves out devices, groups and service
// principals, and needs an advanced query: ConsistencyLevel and $count (Graph
// documentation, "List group transitive members"). Links do not carry the
// header, so it goes with every page.
func (c *Client) GroupMembers(ctx context.Context, id, link string) (audit.MemberPage, error) {
	if err := checkID(id); err != nil {
		return audit.MemberPage{}, fmt.Errorf("list members of group: %w", err)
	}
	size, count := int32(MaxPage), true
	headers := abstractions.NewRequestHeaders()
	headers.Add("ConsistencyLevel", "eventual")
	request, err := groups.NewGroupsRequestBuilderInternal(map[string]string{}, c.adapter).ByGroupId(id).
		TransitiveMembers().GraphUser().
		ToGetRequestInformation(ctx, &groups.ItemTransitiveMembersGraphUserRequestBuilderGetRequestConfiguration{
			Headers: headers,
			QueryParameters: &groups.ItemTransitiveMembersGraphUserRequestBuilderGetQueryParameters{
				Select: []string{"id"}, Top: &size, Count: &count,
			},
		})
	if err != nil {
		return audit.MemberPage{}, fmt.Errorf("list members of group: %w", err)
	}
	// The SDK shortens the namespace to an alias that the documentation does
	// not mention; the whole name is sure to be understood.
	request.UrlTemplate = strings.Replace(request.UrlTemplate, "/graph.user{", "/microsoft.graph.user{", 1)
	k := &call{path: "/v1.0/groups/{id}/transitiveMembers/microsoft.graph.user"}
	if err := c.get(ctx, request, link, k); err != nil {
		return audit.MemberPage{}, fmt.Errorf("list members of group: %w", err)
	}
	out, err := decodeMembers(k, link)
	if err != nil {
		return audit.MemberPage{}, fmt.Errorf("list members of group: %w", err)
	}
	return out, nil
}

// decodeMembers reads a page of members. One without an id makes the page
// malformed: it would be missing from the group.
func decodeMembers(k *call, link string) (audit.MemberPage, error) {
	type memberJSON struct {
		ID string `json:"id"`
	}
	p, err := decodePage[memberJSON](k, link, "members")
	if err != nil {
		return audit.MemberPage{}, err
	}
	out := audit.MemberPage{UserIDs: make([]string, len(*p.Value)), Next: p.Next, Load: k.load}
	for i, m := range *p.Value {
		if m.ID == "" {
			return audit.MemberPage{}, k.complete(malformed(k.status, "member %d of the page has no id", i+1))
		}
		out.UserIDs[i] = m.ID
	}
	return out, nil
}
