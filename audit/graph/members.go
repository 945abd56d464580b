package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"

	"passkey-audit/audit"
)

// GroupMembers reads one page of the users among a group's transitive members:
// the first where link is empty, else the one that link leads to.
//
// Naming the type of member in the path (a cast) leaves out devices, groups and
// service principals, and needs an advanced query: ConsistencyLevel and $count
// (Graph documentation, "List group transitive members"). Links do not carry
// the header, so it goes with every page. Where Graph does not take the cast,
// the members are asked for without it, and those that are no users are left
// out by their type.
func (c *Client) GroupMembers(ctx context.Context, id, link string) (audit.MemberPage, error) {
	page, err := c.members(ctx, memberList{id: id, transitive: true}, link)
	if err != nil {
		return audit.MemberPage{}, fmt.Errorf("list members of group: %w", err)
	}
	return page, nil
}

// DirectMembers is GroupMembers without the members of nested groups. Whoever
// is among those and not among these is in the group through another one alone.
func (c *Client) DirectMembers(ctx context.Context, id, link string) (audit.MemberPage, error) {
	page, err := c.members(ctx, memberList{id: id}, link)
	if err != nil {
		return audit.MemberPage{}, fmt.Errorf("list direct members of group: %w", err)
	}
	return page, nil
}

// A memberList says which members of which group are asked for.
type memberList struct {
	id         string
	transitive bool
	// cast: the path names users, so that Graph leaves out all else.
	cast bool
}

// members reads a page. A link goes on in the way in which its list was begun,
// which its path tells.
func (c *Client) members(ctx context.Context, m memberList, link string) (audit.MemberPage, error) {
	if err := checkID(m.id); err != nil {
		return audit.MemberPage{}, err
	}
	m.cast = link == "" || hasCast(link)
	page, err := c.memberPage(ctx, m, link)
	var answered *Error
	if link == "" && errors.As(err, &answered) && answered.unsupported() {
		m.cast = false
		page, err = c.memberPage(ctx, m, link)
	}
	return page, err
}

// unsupported reports whether Graph seems not to know how to answer a query,
// rather than to refuse it or to be unable to at the moment.
func (e *Error) unsupported() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// hasCast reports whether the path of a link names the type of member. One that
// cannot be read goes nowhere, see checkLink.
func hasCast(link string) bool {
	u, err := url.Parse(link)
	return err == nil && (strings.EqualFold(path.Base(u.Path), "microsoft.graph.user") || strings.EqualFold(path.Base(u.Path), "graph.user"))
}

func (c *Client) memberPage(ctx context.Context, m memberList, link string) (audit.MemberPage, error) {
	request, err := m.request(ctx, c)
	if err != nil {
		return audit.MemberPage{}, err
	}
	k := &call{path: "/v1.0/groups/{id}/members"}
	if m.transitive {
		k.path = "/v1.0/groups/{id}/transitiveMembers"
	}
	if m.cast {
		k.path += "/microsoft.graph.user"
	}
	if err := c.get(ctx, request, link, k); err != nil {
		return audit.MemberPage{}, err
	}
	return decodeMembers(k, link, !m.cast)
}

// request describes the first page of the list. With a link, its headers alone
// matter.
func (m memberList) request(ctx context.Context, c *Client) (*abstractions.RequestInformation, error) {
	size, count, selected := int32(MaxPage), true, []string{"id"}
	group := groups.NewGroupsRequestBuilderInternal(map[string]string{}, c.adapter).ByGroupId(m.id)
	if !m.cast {
		if m.transitive {
			return group.TransitiveMembers().ToGetRequestInformation(ctx, &groups.ItemTransitiveMembersRequestBuilderGetRequestConfiguration{
				QueryParameters: &groups.ItemTransitiveMembersRequestBuilderGetQueryParameters{Select: selected, Top: &size},
			})
		}
		return group.Members().ToGetRequestInformation(ctx, &groups.ItemMembersRequestBuilderGetRequestConfiguration{
			QueryParameters: &groups.ItemMembersRequestBuilderGetQueryParameters{Select: selected, Top: &size},
		})
	}
	headers := abstractions.NewRequestHeaders()
	headers.Add("ConsistencyLevel", "eventual")
	var request *abstractions.RequestInformation
	var err error
	if m.transitive {
		request, err = group.TransitiveMembers().GraphUser().ToGetRequestInformation(ctx, &groups.ItemTransitiveMembersGraphUserRequestBuilderGetRequestConfiguration{
			Headers:         headers,
			QueryParameters: &groups.ItemTransitiveMembersGraphUserRequestBuilderGetQueryParameters{Select: selected, Top: &size, Count: &count},
		})
	} else {
		request, err = group.Members().GraphUser().ToGetRequestInformation(ctx, &groups.ItemMembersGraphUserRequestBuilderGetRequestConfiguration{
			Headers:         headers,
			QueryParameters: &groups.ItemMembersGraphUserRequestBuilderGetQueryParameters{Select: selected, Top: &size, Count: &count},
		})
	}
	if err != nil {
		return nil, err
	}
	// The SDK shortens the namespace to an alias that the documentation does
	// not mention; the whole name is sure to be understood.
	request.UrlTemplate = strings.Replace(request.UrlTemplate, "/graph.user{", "/microsoft.graph.user{", 1)
	return request, nil
}

// decodeMembers reads a page of members, all of which are users unless mixed.
// One without an id, or in a mixed page without a type, makes the page
// malformed: it would be missing from the group.
func decodeMembers(k *call, link string, mixed bool) (audit.MemberPage, error) {
	type memberJSON struct {
		ID   string `json:"id"`
		Type string `json:"@odata.type"`
	}
	p, err := decodePage[memberJSON](k, link, "members")
	if err != nil {
		return audit.MemberPage{}, err
	}
	out := audit.MemberPage{UserIDs: make([]string, 0, len(*p.Value)), Next: p.Next, Load: k.load}
	for i, m := range *p.Value {
		switch {
		case m.ID == "":
			return audit.MemberPage{}, k.complete(malformed(k.status, "member %d of the page has no id", i+1))
		case mixed && m.Type == "":
			return audit.MemberPage{}, k.complete(malformed(k.status, "member %d of the page does not say whether it is a user", i+1))
		case mixed && !isUserType(m.Type):
			continue
		}
		out.UserIDs = append(out.UserIDs, m.ID)
	}
	return out, nil
}

// isUserType reports whether a type is that of users or one derived from it,
// such as agentUser of beta, which the cast would give too.
func isUserType(t string) bool { return strings.HasSuffix(strings.ToLower(t), "user") }
