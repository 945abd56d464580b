package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/rolemanagement"

	"passkey-audit/audit"
)

// typePrefix begins the names of types in answers.
const typePrefix = "#microsoft.graph."

// RoleAssignments reads one page of the active assignments of directory roles:
// the first one where link is empty, else the one that link leads to. It needs
// RoleManagement.Read.Directory. Assignments that somebody is merely eligible
// for are not among them.
//
// Only the expanded principal says whether it is a user, a group or a service
// principal. Where Graph answers 400 to the form that asks for the least, the
// page is asked for with whole principals, and last without: PrincipalType is
// empty then.
func (c *Client) RoleAssignments(ctx context.Context, link string) (audit.RolePage, error) {
	var k *call
	var err error
	for _, expand := range [][]string{{"principal($select=id)"}, {"principal"}, nil} {
		k, err = c.roleAssignments(ctx, link, expand)
		var answered *Error
		if link != "" || !errors.As(err, &answered) || answered.Status != http.StatusBadRequest {
			break
		}
	}
	if err == nil {
		var page audit.RolePage
		if page, err = decodeRoles(k, link); err == nil {
			return page, nil
		}
	}
	return audit.RolePage{}, fmt.Errorf("list role assignments: %w", err)
}

func (c *Client) roleAssignments(ctx context.Context, link string, expand []string) (*call, error) {
	request, err := rolemanagement.NewRoleManagementRequestBuilderInternal(map[string]string{}, c.adapter).Directory().RoleAssignments().
		ToGetRequestInformation(ctx, &rolemanagement.DirectoryRoleAssignmentsRequestBuilderGetRequestConfiguration{
			QueryParameters: &rolemanagement.DirectoryRoleAssignmentsRequestBuilderGetQueryParameters{Expand: expand},
		})
	if err != nil {
		return nil, err
	}
	k := &call{path: "/v1.0/roleManagement/directory/roleAssignments"}
	return k, c.get(ctx, request, link, k)
}

// decodeRoles reads a page of role assignments. One that does not say who holds
// which role makes the page malformed: an administrator would be missing.
func decodeRoles(k *call, link string) (audit.RolePage, error) {
	type assignment struct {
		PrincipalID string `json:"principalId"`
		RoleID      string `json:"roleDefinitionId"`
		Scope       string `json:"directoryScopeId"`
		Principal   struct {
			Type string `json:"@odata.type"`
		} `json:"principal"`
	}
	p, err := decodePage[assignment](k, link, "role assignments")
	if err != nil {
		return audit.RolePage{}, err
	}
	out := audit.RolePage{Assignments: make([]audit.RoleAssignment, len(*p.Value)), Next: p.Next, Load: k.load}
	for i, a := range *p.Value {
		if a.PrincipalID == "" || a.RoleID == "" {
			return audit.RolePage{}, k.complete(malformed(k.status, "role assignment %d of the page lacks its principal or its role", i+1))
		}
		out.Assignments[i] = audit.RoleAssignment{
			PrincipalID: a.PrincipalID, PrincipalType: strings.TrimPrefix(a.Principal.Type, typePrefix),
			RoleID: a.RoleID, Scope: a.Scope,
		}
	}
	return out, nil
}
