package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/snapshot"
)

// TestGrantFacts: the sheet Run says with which permissions a tenant was read,
// or that this is not known.
func TestGrantFacts(t *testing.T) {
	for _, tt := range []struct {
		name, document string
		want           map[string]string
	}{
		{"of before they were kept", "", map[string]string{}},
		{"a token that cannot be read", `{"known":false}`, map[string]string{"Of the sign-in": "the access token does not tell"}},
		{"an application", `{"known":true,"permissions":["AuditLog.Read.All","User.Read.All"]}`, map[string]string{
			"Signed in as": "an application", "Held": "AuditLog.Read.All, User.Read.All", "That can do more than read": "none"}},
		{"a person who could write", `{"known":true,"delegated":true,"permissions":["User.ReadWrite.All"]}`, map[string]string{
			"Signed in as": "a person, whose own roles count too", "Held": "User.ReadWrite.All",
			"That can do more than read": "User.ReadWrite.All (not needed: passkey-audit only reads)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			path := filepath.Join(t.TempDir(), fileSnapshot)
			s, err := snapshot.Create(ctx, path, snapshot.Meta{Tenant: audit.Tenant{ID: "84841066-274d-4ec0-a5c1-276be684bdd3"}, StartedAt: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			if tt.document != "" {
				if err := s.PutDocument(ctx, snapshot.DocumentGrants, []byte(tt.document)); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Seal(ctx, time.Now()); err != nil {
				t.Fatal(err)
			}
			r, err := snapshot.OpenReader(ctx, path)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			facts, err := grantFacts(ctx, r)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, f := range facts {
				got[f.Name] = f.Value.Text()
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("facts (-want +got):\n%s", d)
			}
		})
	}
}
