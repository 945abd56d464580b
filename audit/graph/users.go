package graph

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"passkey-audit/audit"
)

// MaxPage is the most objects that Graph gives in one page of a listing; one
// more is refused with 400 (Graph documentation, "List users").
const MaxPage = 999

// A UserQuery chooses users. Its zero value means all of them.
type UserQuery struct {
	// EnabledOnly leaves out disabled accounts, MembersOnly guests.
	EnabledOnly bool
	MembersOnly bool
	// PageSize is the number of users to ask for in a page; 0 and anything
	// above MaxPage mean MaxPage.
	PageSize int
}

// filter gives the OData filter. Both clauses are of the simple kind that
// needs no advanced query, and so no index that may lag behind.
func (q UserQuery) filter() string {
	var clauses []string
	if q.EnabledOnly {
		clauses = append(clauses, "accountEnabled eq true")
	}
	if q.MembersOnly {
		clauses = append(clauses, "userType eq 'Member'")
	}
	return strings.Join(clauses, " and ")
}

type userJSON struct {
	ID          string `json:"id"`
	UPN         string `json:"userPrincipalName"`
	DisplayName string `json:"displayName"`
	Type        string `json:"userType"`
	Enabled     *bool  `json:"accountEnabled"`
}

// Users reads one page of the listing of users: the first one where link is
// empty, else the one that link leads to, which was the Next of another page;
// the query is in the link then. TenantID and Admin of the users are left
// empty.
//
// A link that leads away from the Graph root is refused with ErrForeignLink
// before anything is sent, and one that has expired is ErrPageTokenExpired.
func (c *Client) Users(ctx context.Context, link string, q UserQuery) (audit.UserPage, error) {
	size := int32(MaxPage)
	if q.PageSize > 0 && q.PageSize < MaxPage {
		size = int32(q.PageSize)
	}
	query := &users.UsersRequestBuilderGetQueryParameters{
		Select: []string{"id", "userPrincipalName", "displayName", "accountEnabled", "userType"},
		Top:    &size,
	}
	if filter := q.filter(); filter != "" {
		query.Filter = &filter
	}
	request, err := users.NewUsersRequestBuilderInternal(map[string]string{}, c.adapter).
		ToGetRequestInformation(ctx, &users.UsersRequestBuilderGetRequestConfiguration{QueryParameters: query})
	if err != nil {
		return audit.UserPage{}, fmt.Errorf("list users: %w", err)
	}
	k := &call{path: "/v1.0/users", parsers: &c.parsers}
	if err := c.get(ctx, request, link, k); err != nil {
		return audit.UserPage{}, fmt.Errorf("list users: %w", err)
	}
	out, err := decodeUsers(k, link)
	if err != nil {
		return audit.UserPage{}, fmt.Errorf("list users: %w", err)
	}
	return out, nil
}

// decodeUsers reads a page of users. A user without an id could neither be
// asked for passkeys nor be counted, so the page as a whole is malformed.
func decodeUsers(k *call, link string) (audit.UserPage, error) {
	p, ok := plainUsers(k.answer, k.parsers)
	var err error
	if ok {
		p, err = checkPage(k, p, link, "users")
	} else {
		p, err = decodePage[userJSON](k, link, "users")
	}
	if err != nil {
		return audit.UserPage{}, err
	}
	out := audit.UserPage{Users: make([]audit.User, len(*p.Value)), Next: p.Next, Load: k.load}
	for i := range *p.Value {
		u := &(*p.Value)[i]
		if u.ID == "" {
			return audit.UserPage{}, k.complete(malformed(k.status, "user %d of the page has no id", i+1))
		}
		out.Users[i] = audit.User{
			ID: u.ID, UPN: u.UPN, DisplayName: u.DisplayName, Type: u.Type,
			Enabled: audit.TernaryOfPointer(u.Enabled),
		}
	}
	return out, nil
}

// UserExists tells whether there is a user of this id: false if Graph says
// that there is none, an error if it says anything else.
func (c *Client) UserExists(ctx context.Context, id string) (bool, error) {
	if err := checkID(id); err != nil {
		return false, fmt.Errorf("look up user: %w", err)
	}
	request, err := users.NewUsersRequestBuilderInternal(map[string]string{}, c.adapter).ByUserId(id).
		ToGetRequestInformation(ctx, &users.UserItemRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.UserItemRequestBuilderGetQueryParameters{Select: []string{"id"}},
		})
	if err != nil {
		return false, fmt.Errorf("look up user: %w", err)
	}
	k := &call{path: "/v1.0/users/{id}"}
	err = c.get(ctx, request, "", k)
	var answered *Error
	if errors.As(err, &answered) && answered.missing() {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up user: %w", err)
	}
	var body struct {
		ID string `json:"id"`
	}
	if err := decodeObject(k, &body, "user"); err != nil {
		return false, fmt.Errorf("look up user: %w", err)
	}
	if body.ID == "" {
		return false, fmt.Errorf("look up user: %w", k.complete(malformed(k.status, "the answer is no user: it has no id")))
	}
	return true, nil
}

// checkID refuses ids that would lead to another resource: the empty one to
// the collection, dots to its parent. Everything else is escaped.
func checkID(id string) error {
	if strings.Trim(id, ".") == "" || len(id) > 1000 {
		return &Error{Code: CodeBadID, Message: "this is no object id"}
	}
	return nil
}

// escapeID makes an id fit for one segment of a path.
func escapeID(id string) string { return url.PathEscape(id) }
