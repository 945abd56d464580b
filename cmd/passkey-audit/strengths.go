package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"passkey-audit/audit"
	"passkey-audit/audit/snapshot"
	"passkey-audit/audit/strength"
	"passkey-audit/report"
)

// Strengths finds the passkeys that the proposal allows and an authentication
// strength does not accept. A nil one finds none.
type strengths struct {
	evaluator *strength.Evaluator // nil where strengths cannot be judged
	notes     []strength.Note

	// Room for the user under judgement.
	keys     []audit.Passkey
	findings []strength.Finding
	found    []report.StrengthFinding
}

// limited reports whether any of the strengths, a JSON array, has a list of
// AAGUIDs.
func limited(body []byte) (bool, error) {
	list, _, err := parseStrengths(body)
	return slices.ContainsFunc(list, func(s strength.Strength) bool { return s.Limited() }), err
}

// accessGroups names the groups on which it hangs whom a strength with a list is
// asked of.
func accessGroups(strengths, policies []byte) ([]string, error) {
	list, _, err := parseStrengths(strengths)
	if err != nil {
		return nil, err
	}
	access, _, err := parseAccess(policies)
	return strength.Groups(list, access), err
}

func parseStrengths(body []byte) ([]strength.Strength, []strength.Note, error) {
	items, err := itemsOf(body)
	if err != nil {
		return nil, nil, fmt.Errorf("read authentication strengths: %w", err)
	}
	return strength.Parse(items)
}

func parseAccess(body []byte) ([]strength.Policy, []strength.Note, error) {
	items, err := itemsOf(body)
	if err != nil {
		return nil, nil, fmt.Errorf("read Conditional Access policies: %w", err)
	}
	return strength.ParsePolicies(items)
}

func itemsOf(body []byte) ([][]byte, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, err
	}
	items := make([][]byte, len(raw))
	for i := range raw {
		items[i] = raw[i]
	}
	return items, nil
}

// readStrengths prepares the judging of strengths by what the snapshot holds.
func readStrengths(ctx context.Context, r *snapshot.Reader, groups []audit.Group) (*strengths, error) {
	s := new(strengths)
	body, have, err := r.Document(ctx, snapshot.DocumentStrengths)
	if err != nil || !have {
		return s, err
	}
	f := strength.Facts{Groups: groups}
	if f.Strengths, s.notes, err = parseStrengths(body); err != nil {
		return nil, err
	}
	if body, have, err = r.Document(ctx, snapshot.DocumentConditionalAccess); err != nil {
		return nil, err
	}
	if !have {
		if ok := slices.ContainsFunc(f.Strengths, func(s strength.Strength) bool { return s.Limited() }); ok {
			return s, nil // who is held to them is not known
		}
		body = []byte("[]")
	}
	var notes []strength.Note
	if f.Policies, notes, err = parseAccess(body); err != nil {
		return nil, err
	}
	if f.Roles, err = r.Roles(ctx); err != nil {
		return nil, err
	}
	reports, err := r.Reports(ctx)
	if err != nil {
		return nil, err
	}
	f.RolesRead = reportNamed(reports, snapshot.ReportRoles).State == snapshot.ReportRead
	s.evaluator = strength.NewEvaluator(f)
	s.notes = slices.Concat(s.notes, notes, s.evaluator.Notes())
	return s, nil
}

// find finds what strengths do not accept of a user's passkeys that the proposal
// allows.
func (s *strengths) find(u *audit.JudgedUser, memberOf []audit.Membership) {
	s.found = s.found[:0]
	if s.evaluator == nil || s.evaluator.Policies() == 0 || len(u.Passkeys) == 0 {
		return
	}
	s.keys = s.keys[:0]
	for i := range u.Passkeys {
		if k := &u.Passkeys[i]; k.Proposed.Decision == audit.Allowed {
			s.keys = append(s.keys, k.Passkey)
		}
	}
	s.findings = s.evaluator.Findings(s.findings[:0], &u.User, memberOf, s.keys)
	for i := range s.findings {
		f := &s.findings[i]
		s.found = append(s.found, report.StrengthFinding{
			Strength: f.Strength.Name, StrengthID: f.Strength.ID, Policy: f.Policy.Name, PolicyState: f.Policy.State,
			Scope: f.Certain(), Why: f.Why, User: u.User, Passkey: s.keys[f.Key],
		})
	}
}

// input is what the report says of strengths.
func (s *strengths) input(reports []snapshot.Report) report.Strengths {
	var in report.Strengths
	for _, n := range s.notes {
		in.Notes = append(in.Notes, n.Text)
		in.Partial = in.Partial || n.Open
	}
	if s.evaluator == nil {
		in.Notes = append(in.Notes, strengthsMissing(reports))
		return in
	}
	in.Of = func(*audit.JudgedUser) []report.StrengthFinding { return s.found }
	in.Certainty = strength.Certainty()
	if s.evaluator.Policies() == 0 {
		in.Notes = append(in.Notes, "No Conditional Access policy asks for an authentication strength with a list of AAGUIDs.")
	}
	return in
}

// strengthsMissing says why strengths were not judged.
func strengthsMissing(reports []snapshot.Report) string {
	for _, r := range []snapshot.Report{reportNamed(reports, snapshot.ReportStrengths), reportNamed(reports, snapshot.ReportConditionalAccess)} {
		needs := "Policy.Read.AuthenticationMethod or Policy.Read.All"
		what := "Authentication strengths"
		if r.Name == snapshot.ReportConditionalAccess {
			needs, what = "Policy.Read.All", "Conditional Access policies"
		}
		switch r.State {
		case snapshot.ReportUnlicensed:
			return what + " were not read: they need Entra ID P1, which the tenant does not have."
		case snapshot.ReportRefused:
			return what + " were not read: they need the permission " + needs + "."
		case snapshot.ReportFailed:
			return fmt.Sprintf("%s could not be read (%s).", what, failureWords(r.Failure))
		}
	}
	return "Authentication strengths were not read by this scan."
}

func failureWords(f audit.Failure) string {
	if f.Status > 0 {
		return fmt.Sprintf("status %d, %s", f.Status, f.Code)
	}
	return f.Code
}
