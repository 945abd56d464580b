package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"passkey-audit/audit"
	"passkey-audit/audit/graph"
	"passkey-audit/audit/policy"
)

// What came of a trial.
const (
	trialOK         = "ok"
	trialRefused    = "refused"
	trialNotOffered = "not offered in this cloud"
	trialUnlicensed = "no licence"
	// trialNotNeeded: this tenant has nothing that would need the permission.
	trialNotNeeded = "not needed here"
	// trialUnknown: something else went wrong, which says nothing of permissions.
	trialUnknown = "not known"
)

// A trial is one request that shows whether a permission works. That counts, and
// not what the token says of itself: custom roles, directory roles and
// Conditional Access show in the answer alone.
type trial struct {
	Permission string `json:"permission"`
	Path       string `json:"path"`
	Result     string `json:"result"`
	Status     int    `json:"status,omitempty"`
	Code       string `json:"code,omitempty"`
	Message    string `json:"message,omitempty"`
	RequestID  string `json:"request_id,omitempty"`

	err error
}

// try makes a trial of a request.
func try(permission, path string, err error) trial {
	t := trial{Permission: permission, Path: path, Result: trialOK, err: err}
	if err == nil {
		return t
	}
	t.Result = trialUnknown
	var e *graph.Error
	if !errors.As(err, &e) {
		t.Message = oneLine(err)
		return t
	}
	t.Status, t.Code, t.Message, t.RequestID = e.Status, e.Code, e.Message, e.RequestID
	switch {
	case errors.Is(err, graph.ErrNotOffered):
		t.Result = trialNotOffered
	case e.Unlicensed():
		t.Result = trialUnlicensed
	case errors.Is(err, graph.ErrForbidden):
		t.Result = trialRefused
	}
	return t
}

// A prober tries permissions, each by a request or two, each once: what fails
// for another reason than permissions is for the scan to wait for.
type prober struct {
	client *graph.Client
	users  []string // some users, in the order of the listing
	groups []string // those that the policy names
	body   []byte   // the policy
}

// policy tries to read the policy.
func (p *prober) policy(ctx context.Context) trial {
	var err error
	p.body, err = p.client.Policy(ctx)
	if err == nil {
		if live, _, perr := policy.Parse(p.body); perr == nil {
			p.groups = policy.Groups(live)
		}
	}
	return try(permPolicy, "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2", err)
}

// list tries to list users.
func (p *prober) list(ctx context.Context) trial {
	page, err := p.client.Users(ctx, "", graph.UserQuery{PageSize: graph.MaxBatch})
	for _, u := range page.Users {
		if len(p.users) < graph.MaxBatch {
			p.users = append(p.users, u.ID)
		}
	}
	return try(permUsers, "/users", err)
}

// passkeys tries to read somebody's passkeys. Some people may be refused for
// their own sake, such as administrators to an Authentication Administrator, so
// that the first refusal does not count if anybody else is not refused.
func (p *prober) passkeys(ctx context.Context) trial {
	const path = "/users/{id}/authentication/fido2Methods"
	if len(p.users) == 0 {
		return trial{Permission: permPasskeys, Path: path, Result: trialUnknown, Message: "there is no user to try it with"}
	}
	err := p.client.CanReadMethods(ctx, p.users[0])
	if !errors.Is(err, graph.ErrForbidden) || len(p.users) == 1 {
		return try(permPasskeys, path, err)
	}
	others, oerr := p.client.Methods(ctx, p.users[1:])
	if oerr != nil {
		return try(permPasskeys, path, err)
	}
	for _, a := range others.Answers {
		if !errors.Is(a.Err, graph.ErrForbidden) {
			return try(permPasskeys, path, a.Err)
		}
	}
	return try(permPasskeys, path, err)
}

// nobody is no object's id: whoever may read groups is told that there is none.
const nobody = "00000000-0000-0000-0000-000000000000"

// group tries to read groups and their members.
func (p *prober) group(ctx context.Context) []trial {
	const path, members = "/groups/{id}", "/groups/{id}/transitiveMembers"
	hidden := trial{Permission: permHidden, Path: members, Result: trialNotNeeded}
	if len(p.groups) == 0 {
		_, err := p.client.Group(ctx, nobody)
		if errors.Is(err, graph.ErrNotFound) {
			err = nil
		}
		return []trial{try(permGroups, path, err), hidden}
	}
	var names trial
	for i, id := range p.groups {
		_, err := p.client.Group(ctx, id)
		if errors.Is(err, graph.ErrNotFound) {
			err = nil
		}
		if t := try(permGroups, path, err); i == 0 || t.Result != trialOK {
			names = t
		}
		if names.Result != trialOK {
			break
		}
		if _, err = p.client.GroupMembers(ctx, id, ""); errors.Is(err, graph.ErrForbidden) {
			hidden = try(permHidden, members, err)
		}
	}
	return []trial{names, hidden}
}

// rest tries what a scan can do without.
func (p *prober) rest(ctx context.Context) []trial {
	out := p.group(ctx)
	_, err := p.client.RoleAssignments(ctx, "")
	out = append(out, try(permRoles, "/roleManagement/directory/roleAssignments", err))
	_, err = p.client.Registration(ctx, "", graph.RegistrationQuery{AdminsOnly: true})
	out = append(out, try(permReport, "/reports/authenticationMethods/userRegistrationDetails", err))
	_, err = p.client.Strengths(ctx, "")
	out = append(out, try(permPolicy, "/policies/authenticationStrengthPolicies", err))
	_, err = p.client.ConditionalAccess(ctx, "")
	out = append(out, try(permAccess, "/identity/conditionalAccess/policies", err))
	_, err = p.client.Organization(ctx)
	return append(out, try(permOrganization, "/organization", err))
}

// checkTime bounds the check of a scan: what takes longer says nothing of
// permissions.
const checkTime = 20 * time.Second

// checkPermissions finds out in seconds, before anything is written, whether
// this sign-in can read what no scan can do without. Its error names what is
// missing and how to get it; it is nil where something else is wrong, which the
// scan will meet and wait for.
func (s *scan) checkPermissions(ctx context.Context, client *graph.Client, tenant audit.Tenant) error {
	if isGUID(s.auth.TenantID) && !strings.EqualFold(s.auth.TenantID, tenant.ID) {
		return &graph.SignInError{
			Message: fmt.Sprintf("the tenant that answers is %s, not %s", tenant.ID, s.auth.TenantID),
			Hint:    "sign in to the right tenant, or change --tenant",
		}
	}
	ctx, cancel := untilStop(ctx, s.w.stop)
	defer cancel()
	err := s.tryRequired(ctx, client)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	if method, err := s.auth.Taken(); err == nil && tellsTaken(s.auth, method) {
		s.u.say("signed in by %s, as --auth auto found it", method)
	}
	return s.warnOfWriting(ctx, client)
}

// tryRequired tries each required permission.
func (s *scan) tryRequired(ctx context.Context, client *graph.Client) error {
	bounded, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	p := &prober{client: client}
	trials := []trial{p.policy(bounded), p.list(bounded)}
	trials = append(trials, p.passkeys(bounded))
	if len(s.scope.Groups) > 0 {
		_, err := client.Group(bounded, s.scope.Groups[0])
		trials = append(trials, try(permGroups, "/groups/{id}", err))
	}
	for _, t := range trials {
		if t.Result == trialNotOffered {
			return notOffered(s.auth.Cloud, t)
		}
	}
	var missing []trial
	for _, t := range trials {
		if t.Result == trialRefused {
			missing = append(missing, t)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	grants, err := client.Grants(ctx)
	if err != nil {
		return err
	}
	return missingError(missing, grants, s.auth)
}

// notOffered says that there is nothing to scan in a cloud.
func notOffered(c graph.Cloud, t trial) error {
	what := map[string]string{permPolicy: "the Passkey (FIDO2) policy", permPasskeys: "people's passkeys", permUsers: "users"}[t.Permission]
	return withHint(fmt.Errorf("not offered in this cloud (%s): %s, %s: %w", c.Name, orElse(what, t.Path), t.Path, t.err),
		"nothing was read; check --cloud, and try again when Microsoft offers it there")
}

// A missingPermission is why a scan cannot begin. It wraps what Graph answered.
type missingPermission struct {
	names []string
	err   error
}

func (e *missingPermission) Error() string {
	what := "the permission " + e.names[0] + " is missing"
	if len(e.names) > 1 {
		what = "the permissions " + strings.Join(e.names, ", ") + " are missing"
	}
	return what + ": " + e.err.Error()
}

// Unwrap gives Graph's answer to the first of them.
func (e *missingPermission) Unwrap() error { return e.err }

// missingError words what is missing, by what the token says of itself: an app
// needs a permission, and a person a scope and a directory role.
func missingError(missing []trial, g graph.Grants, auth graph.AuthOptions) error {
	m := &missingPermission{err: missing[0].err}
	held := true
	for _, t := range missing {
		m.names = append(m.names, t.Permission)
		held = held && holdsPermission(g.Permissions, permissionNamed(t.Permission))
	}
	a := appRegistration{cloud: auth.Cloud, tenant: auth.TenantID, clientID: orElse(auth.ClientID, g.AppID)}
	hint := "grant it to the app with admin consent, and sign in again: " + a.consentURL()
	switch {
	case g.Known && g.Delegated && held:
		hint = "the token has the scope, but the signed-in person needs the directory role Global Reader"
	case g.Known && g.Delegated:
		hint = "the app needs it as a delegated permission with admin consent, and the signed-in person the directory role Global Reader"
		if method, err := auth.Taken(); err == nil && method == graph.AuthAzureCLI {
			hint += "; Azure CLI's own app cannot have it: sign in to it as an app, or choose another --auth"
		}
	case g.Known && held:
		hint = "the token has it, and Graph refuses all the same: look for a Conditional Access policy for workload identities, or for a custom role"
	}
	return withHint(m, "%s; all of them: passkey-audit permissions", hint)
}

// tellsTaken reports whether it is worth a line which way to sign in auto took:
// there was a choice, or nobody handed anything over.
func tellsTaken(a graph.AuthOptions, method string) bool {
	if a.Method != graph.AuthAuto && a.Method != "" {
		return false
	}
	given := method == graph.AuthToken || method == graph.AuthSecret || method == graph.AuthCertificate
	return !given || len(a.Offered()) > 1
}

// warnOfWriting says that the token could change something. The tool never does;
// whoever else gets hold of the token could.
func (s *scan) warnOfWriting(ctx context.Context, client *graph.Client) error {
	g, err := client.Grants(ctx)
	if err != nil {
		return err
	}
	if w := writing(g.Permissions); len(w) > 0 {
		s.u.warn("%s", writingWords(w))
	}
	return nil
}

// writingWords names permissions that allow more than to read.
func writingWords(names []string) string {
	const most = 6
	text := strings.Join(names[:min(most, len(names))], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return "the token can do more than read: " + text + "; passkey-audit only reads, and an app of its own needs none of these"
}

// statusWords says a status as people read it.
func statusWords(t trial) string {
	if t.Status == 0 {
		return t.Message
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", t.Status, orElse(t.Code, http.StatusText(t.Status)), t.Message))
}
