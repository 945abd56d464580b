package graph

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

// TestLastUsed: the version stands in the address of the batch, and only with
// the option is it beta.
func TestLastUsed(t *testing.T) {
	used := time.Date(2026, 3, 13, 19, 15, 41, 619583300, time.UTC)
	// The object goes on with a link.
	const begun = `{"value":[{"id":"1","lastUsedDateTime":"2026-03-13T19:15:41.6195833Z"},{"id":"2","lastUsedDateTime":null},{"id":"3"},{"id":"4","lastUsedDateTime":"0001-01-01T00:00:00Z"}]`
	for _, tt := range []struct {
		name    string
		last    bool
		version string
	}{
		{"without the option", false, "v1.0"},
		{"with it", true, "beta"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next := testRoot + "/" + tt.version + "/users/u/authentication/fido2Methods?$skiptoken=x"
			var r record
			var paths []string
			answers := []string{oneItem(`{"id":"0","status":200,"body":` + begun + `,"@odata.nextLink":"` + next + `"}}`), `{"value":[{"id":"5","lastUsedDateTime":"2026-03-13T19:15:41.6195833Z"}]}`}
			n := 0
			c := testClient(t, r.wrap(sequence(&n, answers)), func(o *Options) {
				o.LastUsed = tt.last
				o.Observe = func(x Exchange) { paths = append(paths, x.Path) }
			})
			got, err := c.Methods(context.Background(), []string{"u"})
			if err != nil || got.Answers[0].Err != nil {
				t.Fatalf("got %v, %v", err, got.Answers[0].Err)
			}
			want := []audit.Passkey{{ID: "1", LastUsedAt: used}, {ID: "2"}, {ID: "3"}, {ID: "4"}, {ID: "5", LastUsedAt: used}}
			if diff := cmp.Diff(want, got.Answers[0].Passkeys); diff != "" {
				t.Errorf("passkeys (-want +got):\n%s", diff)
			}
			list := "/" + tt.version + "/users/u/authentication/fido2Methods?$skiptoken=x"
			if diff := cmp.Diff([]string{"/" + tt.version + "/$batch", list}, asked(&r)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"/" + tt.version + "/$batch", "/" + tt.version + "/users/{id}/authentication/fido2Methods"}, paths); diff != "" {
				t.Errorf("exchanges (-want +got):\n%s", diff)
			}
		})
	}
}
