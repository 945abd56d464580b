package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"passkey-audit/audit/graph"
	"passkey-audit/audit/snapshot"
	"passkey-audit/report"
)

// keptGrants is what a snapshot keeps of the permissions that it was read with.
type keptGrants struct {
	Known       bool     `json:"known"`
	Delegated   bool     `json:"delegated"`
	Permissions []string `json:"permissions"`
}

// keepGrants notes in the snapshot what the access token says that it may do.
func keepGrants(ctx context.Context, client *graph.Client, store *snapshot.Store) error {
	g, err := client.Grants(ctx)
	if err != nil {
		return err
	}
	body, err := json.Marshal(keptGrants{g.Known, g.Delegated, g.Permissions})
	if err != nil {
		return fmt.Errorf("note permissions: %w", err)
	}
	return store.PutDocument(ctx, snapshot.DocumentGrants, body)
}

// grantFacts says with which permissions a tenant was read.
func grantFacts(ctx context.Context, r *snapshot.Reader) ([]report.Fact, error) {
	body, have, err := r.Document(ctx, snapshot.DocumentGrants)
	if err != nil || !have {
		return nil, err
	}
	var g keptGrants
	if err := json.Unmarshal(body, &g); err != nil {
		return nil, fmt.Errorf("read permissions: %w", err)
	}
	const section = "Permissions"
	if !g.Known {
		return []report.Fact{{Section: section, Name: "Of the sign-in", Value: report.Text("the access token does not tell")}}, nil
	}
	as, writes := "an application", "none"
	if g.Delegated {
		as = "a person, whose own roles count too"
	}
	if w := writing(g.Permissions); len(w) > 0 {
		writes = strings.Join(w, ", ") + " (not needed: passkey-audit only reads)"
	}
	return []report.Fact{
		{Section: section, Name: "Signed in as", Value: report.Text(as)},
		{Section: section, Name: "Held", Value: report.Text(strings.Join(g.Permissions, ", "))},
		{Section: section, Name: "That can do more than read", Value: report.Text(writes)},
	}, nil
}
