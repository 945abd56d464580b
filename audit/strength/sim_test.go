package strength_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"passkey-audit/audit"
	"passkey-audit/audit/graphsim"
	"passkey-audit/audit/strength"
)

// simItems reads a listing of the simulated tenant, which is one page long.
func simItems(t *testing.T, s *graphsim.Server, path string) [][]byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://graph.microsoft.com/v1.0/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var page struct{ Value []json.RawMessage }
	if err := json.Unmarshal(body, &page); err != nil || len(page.Value) == 0 {
		t.Fatalf("%s: %v: %.200s", path, err, body)
	}
	var list [][]byte
	for _, v := range page.Value {
		list = append(list, v)
	}
	return list
}

// TestSimulatedTenant: for everybody in a tenant, what is found is what follows
// from its policies in plain words.
func TestSimulatedTenant(t *testing.T) {
	const users = 1500
	s := graphsim.New(graphsim.Options{Users: users, Seed: 12})
	strengths, notes, err := strength.Parse(simItems(t, s, "policies/authenticationStrengthPolicies"))
	if err != nil || len(notes) != 0 {
		t.Fatal(notes, err)
	}
	policies, notes, err := strength.ParsePolicies(simItems(t, s, "identity/conditionalAccess/policies"))
	if err != nil || len(notes) != 0 {
		t.Fatal(notes, err)
	}
	f := strength.Facts{Strengths: strengths, Policies: policies, RolesRead: true}
	groups := map[string]int{}
	for i, g := range s.Groups() {
		groups[g.Name] = i
		f.Groups = append(f.Groups, audit.Group{ID: g.ID, Name: g.Name, Outcome: audit.OutcomeRead})
	}
	for i := range users {
		for _, role := range s.Roles(i) {
			f.Roles = append(f.Roles, audit.RoleAssignment{PrincipalID: s.User(i).ID, PrincipalType: "user", RoleID: role, Scope: "/"})
		}
	}
	e := strength.NewEvaluator(f)
	if e.Policies() != 3 || len(e.Notes()) != 0 {
		t.Fatalf("%d policies are judged, notes %v", e.Policies(), e.Notes())
	}
	admins := []string{"62e90394-69f5-4237-9190-012177145e10", "e8611ab8-c189-46e8-94e1-60213ab1f814", "194ae4cb-b126-40b2-bd5b-6091b380977d",
		"c4e39bd9-1100-46d3-8c65-fb160da0071f", "729827e3-9c14-49f7-bb1b-9608f156bbb8"}
	hardware := []string{key5, keyNewer}
	company := append([]string{phone, "90a3ccdf-635c-4729-a248-9b709135078f"}, hardware...)
	found := map[string]int{}
	for i := range users {
		u := s.User(i)
		var memberOf []audit.Membership
		for g, group := range s.Groups() {
			if s.Member(g, i) {
				memberOf = append(memberOf, audit.Membership{GroupID: group.ID})
			}
		}
		emergency := s.Member(groups["Break-glass accounts"], i)
		admin := slices.ContainsFunc(s.Roles(i), func(r string) bool { return slices.Contains(admins, r) })
		pilot := s.Member(groups["Passkey pilots"], i) && !strings.EqualFold(u.ID, policies[1].Exclude.Users[0])
		want := map[string]bool{"CA001": admin && !emergency, "CA002": pilot && !emergency, "CA003": !emergency && u.Type != "Guest"}
		keys := s.Passkeys(i)
		list := e.Findings(nil, &u, memberOf, keys)
		for _, p := range policies {
			name, models := p.Name[:5], company
			if name == "CA001" {
				models = hardware
			}
			for n, k := range keys {
				a, err := audit.ParseAAGUID(k.AAGUID)
				bad := want[name] && (err != nil || !slices.Contains(models, a.String()))
				at := slices.IndexFunc(list, func(f strength.Finding) bool { return f.Key == n && f.Policy.ID == p.ID })
				if bad != (at >= 0) {
					t.Fatalf("%s, user %d, passkey %+v: found %v, want %v", p.Name, i, k, at >= 0, bad)
				}
				if at < 0 {
					continue
				}
				found[name]++
				if list[at].Scope != audit.Yes || list[at].Accepted != audit.No && err == nil || list[at].Accepted != audit.Unknown && err != nil {
					t.Fatalf("%s, user %d: %+v", p.Name, i, list[at])
				}
			}
		}
	}
	if found["CA001"] == 0 || found["CA002"] == 0 || found["CA003"] == 0 || len(found) != 3 {
		t.Errorf("findings by policy: %v", found)
	}
}
