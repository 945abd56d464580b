package graph

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

const reportPath = "/v1.0/reports/authenticationMethods/userRegistrationDetails"

func TestRegistrationRequest(t *testing.T) {
	query := "%24select=id,isAdmin,methodsRegistered,lastUpdatedDateTime&%24top=999"
	next := testRoot + reportPath + "?$top=999&$skiptoken=RFN%2Bw+d"
	for _, tt := range []struct {
		name string
		q    RegistrationQuery
		link string
		want string
	}{
		{"everybody", RegistrationQuery{}, "", reportPath + "?" + query},
		{"administrators", RegistrationQuery{AdminsOnly: true}, "", reportPath + "?%24filter=isAdmin%20eq%20true&" + query},
		{"link as it is", RegistrationQuery{AdminsOnly: true}, next, reportPath + "?$top=999&$skiptoken=RFN%2Bw+d"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r record
			c := testClient(t, r.wrap(always(200, `{"value":[]}`)), nil)
			if _, err := c.Registration(context.Background(), tt.link, tt.q); err != nil {
				t.Fatal(err)
			}
			if len(r.requests) != 1 || r.requests[0].URL.RequestURI() != tt.want {
				t.Errorf("%d requests, got %s\nwant %s", len(r.requests), r.requests[0].URL.RequestURI(), tt.want)
			}
		})
	}
}

func TestRegistrationPage(t *testing.T) {
	c := testClient(t, always(200, wire(t, "userRegistrationDetails.json"), "x-ms-throttle-limit-percentage", "0.8"), nil)
	got, err := c.Registration(context.Background(), "", RegistrationQuery{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 13, 19, 15, 41, 619583300, time.UTC)
	want := audit.RegistrationPage{
		Rows: []audit.Registration{
			{UserID: alexID, Admin: audit.No, UpdatedAt: at,
				Methods: []string{"passKeyDeviceBound", "passKeyDeviceBoundAuthenticator", "passKeySynced", "softwareOneTimePasscode"}},
			{UserID: "c6ad1942-4afa-47f8-8d48-afb5d8d69d2f", Admin: audit.No, UpdatedAt: at, Methods: []string{}},
		},
		Load: audit.Load{Percentage: 0.8},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestRegistrationOddRows(t *testing.T) {
	c := testClient(t, always(200, `{"value":[{"id":"1","isAdmin":true},{"isAdmin":true},{"id":"2","methodsRegistered":null,"lastUpdatedDateTime":"soon"},
		{"id":"3","isAdmin":null,"userType":"unknownFutureValue","new":{"x":1}}],"@odata.nextLink":"`+testRoot+reportPath+`?$skiptoken=x"}`), nil)
	got, err := c.Registration(context.Background(), "", RegistrationQuery{})
	if err != nil {
		t.Fatal(err)
	}
	want := audit.RegistrationPage{Rows: []audit.Registration{{UserID: "1", Admin: audit.Yes}, {UserID: "2"}, {UserID: "3"}}, Next: testRoot + reportPath + "?$skiptoken=x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

// TestRegistrationWithoutSelect lets Graph refuse what is not documented.
func TestRegistrationWithoutSelect(t *testing.T) {
	var r record
	c := testClient(t, r.wrap(func(q *http.Request) (*http.Response, error) {
		if q.URL.Query().Has("$select") || q.URL.Query().Has("$top") {
			return answer(400, `{"error":{"code":"BadRequest","message":"Query option 'Select' is not allowed."}}`), nil
		}
		return answer(200, wire(t, "userRegistrationDetails.json")), nil
	}), nil)
	got, err := c.Registration(context.Background(), "", RegistrationQuery{AdminsOnly: true})
	if err != nil || len(got.Rows) != 2 {
		t.Fatalf("%d rows, %v; want both", len(got.Rows), err)
	}
	if len(r.requests) != 2 || r.requests[1].URL.RequestURI() != reportPath+"?%24filter=isAdmin%20eq%20true" {
		t.Errorf("%d requests, the last one %s", len(r.requests), r.requests[len(r.requests)-1].URL)
	}
}

func TestRegistrationErrors(t *testing.T) {
	for _, tt := range []struct {
		name     string
		status   int
		body     string
		link     string
		is       error
		requests int
	}{
		{"no licence", 403, `{"error":{"code":"Authentication_RequestFromNonPremiumTenantOrB2CTenant","message":"Neither tenant is B2C or tenant doesn't have premium license"}}`, "", ErrNonPremium, 1},
		{"no permission", 403, `{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges"}}`, "", ErrForbidden, 1},
		{"bad in any case", 400, `{"error":{"code":"BadRequest","message":"no"}}`, "", nil, 2},
		{"expired link", 400, `{"error":{"code":"Directory_ExpiredPageToken","message":"x"}}`, testRoot + reportPath + "?$skiptoken=x", ErrPageTokenExpired, 1},
		{"foreign link", 200, `{"value":[]}`, "https://evil.example/v1.0/reports", ErrForeignLink, 0},
		{"no list", 200, `{}`, "", ErrMalformed, 1},
		{"cut short", 200, `{"value":[{"id":"1"`, "", ErrMalformed, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r record
			c := testClient(t, r.wrap(always(tt.status, tt.body)), nil)
			_, err := c.Registration(context.Background(), tt.link, RegistrationQuery{})
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v", err, tt.is)
			}
			if len(r.requests) != tt.requests {
				t.Errorf("%d requests, want %d", len(r.requests), tt.requests)
			}
			var e *Error
			if errors.As(err, &e) && e.Unlicensed() != (tt.is == ErrNonPremium) {
				t.Errorf("a missing permission and a missing licence are mixed up: %v", err)
			}
		})
	}
}
