package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"passkey-audit/audit"
	"passkey-audit/audit/pace"
	"passkey-audit/audit/snapshot"
)

// ConditionalAccess is the bucket of authentication strengths and Conditional
// Access policies, and ConditionalAccessRate its documented quota in requests a
// second: for each tenant, of all applications together, and without a
// Retry-After (Microsoft Graph throttling limits, "Identity protection and
// Conditional Access").
const (
	ConditionalAccess     pace.Bucket = "conditional access"
	ConditionalAccessRate             = 1.0
)

// A scan waits for what it can do without as it does for all else, but not for
// ever: other applications may use up the quota of Conditional Access. It gives
// up this long after all else was read, and after so many requests in vain.
const (
	patience    = 2 * time.Hour
	manyInVain  = 30
	codeTimeout = "timeout"
)

// errImpatient says that something was waited for in vain.
var errImpatient = errors.New("throttled for too long")

// mostRoles bounds the role assignments of a tenant; beyond, there is no end.
const mostRoles = 200_000

// untilImpatient ends c.impatient when a scan has waited long enough after all
// else was read; it returns when around has come to its end.
func (c *collector) untilImpatient(ctx context.Context, read, ended <-chan struct{}, end context.CancelFunc) error {
	select {
	case <-read:
	case <-ended:
		return nil
	case <-ctx.Done():
		return nil
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case <-enough.C:
		end()
	case <-ended:
	case <-ctx.Done():
	}
	return nil
}

// around reads what stands around the passkeys: the groups of the policies,
// then what a scan can do without, namely Conditional Access and roles.
func (c *collector) around(ctx context.Context, policyGroups []string) error {
	for _, id := range policyGroups {
		if err := c.group(ctx, id, required); err != nil {
			return err
		}
	}
	for _, id := range policyGroups {
		if err := c.directMembers(ctx, id); err != nil {
			return err
		}
	}
	accessGroups, err := c.access(ctx)
	if err != nil {
		return err
	}
	for _, id := range accessGroups {
		if err := c.group(ctx, id, required); err != nil {
			return err
		}
	}
	return c.roles(ctx)
}

// access reads the authentication strengths and, where any has a list of
// AAGUIDs, the Conditional Access policies, and names the groups on which it
// hangs whom such a strength is asked of.
func (c *collector) access(ctx context.Context) ([]string, error) {
	if c.o.Limited == nil {
		return nil, nil
	}
	strengths, ok, err := c.collection(ctx, snapshot.ReportStrengths, snapshot.DocumentStrengths, c.src.Strengths)
	if err != nil || !ok {
		return nil, err
	}
	limited, err := c.o.Limited(strengths)
	if err != nil || !limited {
		return nil, err
	}
	policies, ok, err := c.collection(ctx, snapshot.ReportConditionalAccess, snapshot.DocumentConditionalAccess, c.src.ConditionalAccess)
	if err != nil || !ok {
		return nil, err
	}
	groups, err := c.o.AccessGroups(strengths, policies)
	for i := range groups {
		groups[i] = strings.ToLower(groups[i])
	}
	slices.Sort(groups)
	return slices.Compact(groups), err
}

// collection reads a collection whole and keeps it as a JSON array of what Graph
// sent, unless it is there. It is not ok where it cannot be read, which is kept
// in its report's state.
func (c *collector) collection(ctx context.Context, name, document string, read func(context.Context, string) (audit.ItemPage, error)) (body []byte, ok bool, err error) {
	if body, ok, err = c.store.Document(ctx, document); err != nil || ok {
		return body, ok, err
	}
	var items [][]byte
	pages := 0
	ok, err = c.optional(ctx, name, ConditionalAccess, func(ctx context.Context, link string) (string, string, audit.Load, error) {
		page, err := read(ctx, link)
		if err != nil {
			return "", "", page.Load, err
		}
		if link == "" {
			items, pages = nil, 0
		}
		items, pages = append(items, page.Items...), pages+1
		return page.Next, string(bytes.Join(page.Items, nil)), page.Load, nil
	})
	if err != nil || !ok {
		return nil, false, err
	}
	body = slices.Concat([]byte("["), bytes.Join(items, []byte(",")), []byte("]"))
	if err := c.store.PutDocument(ctx, document, body); err != nil {
		return nil, false, err
	}
	return body, true, c.store.FinishReport(ctx, name, pages, len(items))
}

// optional reads the pages of something that a scan can do without, from the
// first page on, and from there again where a link breaks: read then begins
// anew too. It gives the link to the next page and something by which the page
// is known again. It is not ok where it cannot be read: that is kept in
// the report's state, and no error.
func (c *collector) optional(ctx context.Context, name string, b pace.Bucket, read func(ctx context.Context, link string) (next, first string, l audit.Load, err error)) (ok bool, err error) {
	at, err := c.store.Report(ctx, name)
	if err != nil || at.State == snapshot.ReportUnlicensed {
		return false, err
	}
	link, trail := "", newTrail("")
	for restarts := 0; ; {
		var next, first string
		t := new(pace.Try)
		err := c.doIn(ctx, b, t, func(ctx context.Context) (pace.Report, error) {
			if c.impatient.Err() != nil && t.Attempts >= manyInVain {
				return pace.Report{}, errImpatient
			}
			var l audit.Load
			var err error
			next, first, l, err = read(ctx, link)
			return pace.Report{Percentage: l.Percentage}, err
		})
		if err == nil {
			err = trail.follow(next, first)
		}
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case status(err) == http.StatusUnauthorized:
			return false, &RefusedError{What: "the " + name, Err: err}
		case err != nil && linkBroken(err) && restarts < maxRestarts:
			restarts++
			next, trail = "", newTrail("")
		case err != nil:
			f := failureOf(audit.Failure{Attempts: t.Attempts}, err)
			if errors.Is(err, errImpatient) {
				f.Code, f.Message = codeTimeout, fmt.Sprintf("throttled %d times, and not read in the %v after all else was read", t.Attempts, patience)
			}
			c.o.Log.Warn().Str("what", name).Int("status", f.Status).Str("code", f.Code).Msg("cannot be read, and the scan goes on without")
			return false, c.store.EndReport(ctx, name, reportState(err), f)
		case next == "":
			return true, nil
		}
		link = next
	}
}

// roles reads who holds a directory role, directly or through a group.
func (c *collector) roles(ctx context.Context) error {
	var all []audit.RoleAssignment
	pages := 0
	ok, err := c.optional(ctx, snapshot.ReportRoles, Directory, func(ctx context.Context, link string) (string, string, audit.Load, error) {
		page, err := c.src.RoleAssignments(ctx, link)
		if err != nil {
			return "", "", page.Load, err
		}
		if link == "" {
			all, pages = nil, 0
		}
		if len(all) > mostRoles {
			return "", "", page.Load, errNoEnd
		}
		all, pages = append(all, page.Assignments...), pages+1
		first := ""
		if len(page.Assignments) > 0 {
			a := page.Assignments[0]
			first = a.PrincipalID + a.RoleID + a.Scope
		}
		return page.Next, first, page.Load, nil
	})
	if err != nil || !ok {
		return err
	}
	if err := c.store.PutRoles(ctx, all); err != nil {
		return err
	}
	whole := true
	for _, id := range roleGroups(all) {
		at, err := c.store.GroupListing(ctx, id)
		if err == nil && at.Outcome == audit.OutcomePending {
			if err = c.group(ctx, id, helpful); err == nil {
				at, err = c.store.GroupListing(ctx, id)
			}
		}
		if err != nil {
			return err
		}
		whole = whole && at.Outcome == audit.OutcomeRead
	}
	for i := range all {
		// What is neither a user nor known not to be one may be a group.
		whole = whole && all[i].PrincipalType != ""
	}
	c.rolesWhole = whole
	return c.store.FinishReport(ctx, snapshot.ReportRoles, pages, len(all))
}

// roleGroups names the groups that carry a role, each once, sorted.
func roleGroups(all []audit.RoleAssignment) []string {
	var out []string
	for i := range all {
		if strings.EqualFold(all[i].PrincipalType, "group") {
			out = append(out, strings.ToLower(all[i].PrincipalID))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
