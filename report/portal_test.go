package report_test

import (
	"context"
	"strings"
	"testing"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

func TestPortal(t *testing.T) {
	const id = "AAAAAAAA-0000-4000-8000-000000000001"
	const page = "/#view/Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/"
	tests := []struct {
		name   string
		portal report.Portal
		id     string
		want   string
	}{
		{"global", report.EntraPortal, id, "https://entra.microsoft.com" + page + strings.ToLower(id)},
		{"another cloud", "https://entra.microsoft.us", id, "https://entra.microsoft.us" + page + strings.ToLower(id)},
		{"no portal", "", id, ""},
		{"no id", report.EntraPortal, "", ""},
		{"no GUID", report.EntraPortal, "../?x=javascript:alert(1)", ""},
		{"a GUID and more", report.EntraPortal, id + "/../x", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.portal.User(test.id); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestPortalRefused: a link must lead to a host over TLS and nowhere else.
func TestPortalRefused(t *testing.T) {
	for _, p := range []report.Portal{"http://entra.microsoft.com", "javascript:alert(1)", "https://", "https://a/b", "https://a\"b", "https://user@host", "https://A"} {
		in := fixture.Empty(t.TempDir())
		in.Portal = p
		d, err := report.Build(context.Background(), in)
		if err == nil {
			t.Errorf("%q is taken for an admin centre", p)
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestLinks: the tables about people lead to their pages, others nowhere.
func TestLinks(t *testing.T) {
	in := fixture.Input(t.TempDir())
	in.Portal = report.EntraPortal
	d := fixture.Build(t, in)
	want := map[string]int{"Would break": 6, "Users at risk": 11, "All passkeys": 14, "Strengths": 5}
	for _, table := range d.Tables() {
		n := 0
		for row, err := range table.Rows(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			column, address, ok := table.Link(row)
			if !ok {
				continue
			}
			n++
			id := address[len(address)-36:]
			if table.Columns[column].Key != "user_principal_name" || !strings.HasPrefix(address, in.Portal.UserPrefix()) || !strings.HasPrefix(id, "aaaaaaaa-0000-") {
				t.Errorf("%s: column %d leads to %s", table.Title, column, address)
			}
		}
		if n != want[table.Title] {
			t.Errorf("%s has %d links, want %d", table.Title, n, want[table.Title])
		}
	}
}
