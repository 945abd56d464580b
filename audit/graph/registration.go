package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/reports"

	"passkey-audit/audit"
)

// A RegistrationQuery chooses rows of the registration report. Its zero value
// means all of them.
type RegistrationQuery struct {
	// AdminsOnly leaves out users without an administrator role.
	AdminsOnly bool
}

// registrationReport is the builder of the SDK for the report.
type registrationReport = reports.AuthenticationMethodsUserRegistrationDetailsRequestBuilderGetRequestConfiguration

// Registration reads one page of the registration report
// (userRegistrationDetails): the first one where link is empty, else the one
// that link leads to, which was the Next of another page; the query is in the
// link then. It needs AuditLog.Read.All. A tenant without Entra ID P1 is
// ErrNonPremium.
//
// The documentation names neither a page size nor $select; both work on the
// wire. Where Graph answers 400 to them, the page is asked for without.
func (c *Client) Registration(ctx context.Context, link string, q RegistrationQuery) (audit.RegistrationPage, error) {
	size := int32(MaxPage)
	query := &reports.AuthenticationMethodsUserRegistrationDetailsRequestBuilderGetQueryParameters{
		Select: []string{"id", "isAdmin", "methodsRegistered", "lastUpdatedDateTime"},
		Top:    &size,
	}
	if q.AdminsOnly {
		filter := "isAdmin eq true"
		query.Filter = &filter
	}
	k, err := c.registration(ctx, link, query)
	var answered *Error
	if link == "" && errors.As(err, &answered) && answered.Status == http.StatusBadRequest {
		query.Select, query.Top = nil, nil
		k, err = c.registration(ctx, link, query)
	}
	if err == nil {
		var page audit.RegistrationPage
		if page, err = decodeRegistration(k, link); err == nil {
			return page, nil
		}
	}
	return audit.RegistrationPage{}, fmt.Errorf("read registration report: %w", err)
}

func (c *Client) registration(ctx context.Context, link string, query *reports.AuthenticationMethodsUserRegistrationDetailsRequestBuilderGetQueryParameters) (*call, error) {
	request, err := reports.NewReportsRequestBuilderInternal(map[string]string{}, c.adapter).AuthenticationMethods().UserRegistrationDetails().
		ToGetRequestInformation(ctx, &registrationReport{QueryParameters: query})
	if err != nil {
		return nil, err
	}
	k := &call{path: "/v1.0/reports/authenticationMethods/userRegistrationDetails"}
	return k, c.get(ctx, request, link, k)
}

// decodeRegistration reads a page of the report. A row that does not say whose
// it is serves nothing and is left out: whoever has no row is not taken for
// somebody without a passkey.
func decodeRegistration(k *call, link string) (audit.RegistrationPage, error) {
	type row struct {
		ID      string   `json:"id"`
		Admin   *bool    `json:"isAdmin"`
		Methods []string `json:"methodsRegistered"`
		Updated string   `json:"lastUpdatedDateTime"`
	}
	p, err := decodePage[row](k, link, "registrations")
	if err != nil {
		return audit.RegistrationPage{}, err
	}
	out := audit.RegistrationPage{Rows: make([]audit.Registration, 0, len(*p.Value)), Next: p.Next, Load: k.load}
	for _, r := range *p.Value {
		if strings.TrimSpace(r.ID) == "" {
			continue
		}
		out.Rows = append(out.Rows, audit.Registration{
			UserID: r.ID, Admin: audit.TernaryOfPointer(r.Admin), Methods: r.Methods, UpdatedAt: parseTime(r.Updated),
		})
	}
	return out, nil
}

// Unlicensed reports whether the tenant lacks the licence for what was asked.
// What services other than the reports say of that is not documented: a refusal
// whose message speaks of a licence is taken for one.
func (e *Error) Unlicensed() bool {
	message := strings.ToLower(e.Message)
	return errors.Is(e, ErrNonPremium) ||
		e.Status == http.StatusForbidden && (strings.Contains(message, "license") || strings.Contains(message, "licence"))
}
