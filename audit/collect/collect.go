package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"passkey-audit/audit"
	"passkey-audit/audit/pace"
	"passkey-audit/audit/snapshot"
)

// A Source is the tenant as it can be read. Its methods make one request each,
// never wait for a quota and never try again; they are safe for concurrent use.
//
// Errors may have the methods that package pace asks for, and also
// Failure() audit.Failure for status, code, message and request id, and
// LinkBroken() bool, which says of a failed page that its link will never work
// and the listing has to begin anew.
type Source interface {
	// Policy reads the Passkey (FIDO2) configuration, as sent.
	Policy(ctx context.Context) ([]byte, error)
	// Users reads a page of users; the first one for an empty link.
	Users(ctx context.Context, link string) (audit.UserPage, error)
	// Methods reads the passkeys of up to MaxBatch users in one request.
	Methods(ctx context.Context, userIDs []string) (audit.MethodsBatch, error)
	// UserExists tells whether a user is still there.
	UserExists(ctx context.Context, id string) (bool, error)
	// Group reads a group's name.
	Group(ctx context.Context, id string) (audit.Group, error)
	// GroupMembers reads a page of a group's transitive members.
	GroupMembers(ctx context.Context, id, link string) (audit.MemberPage, error)
	// DirectMembers reads a page of those users who are in the group themselves.
	DirectMembers(ctx context.Context, id, link string) (audit.MemberPage, error)
	// Registration reads a page of the registration report, of administrators
	// alone if wanted. An error may have a method Unlicensed() bool, which says
	// that the tenant has no licence for it; that holds for all that follows.
	Registration(ctx context.Context, admins bool, link string) (audit.RegistrationPage, error)
	// RoleAssignments reads a page of the active assignments of directory roles.
	RoleAssignments(ctx context.Context, link string) (audit.RolePage, error)
	// Strengths reads a page of the authentication strengths.
	Strengths(ctx context.Context, link string) (audit.ItemPage, error)
	// ConditionalAccess reads a page of the Conditional Access policies.
	ConditionalAccess(ctx context.Context, link string) (audit.ItemPage, error)
}

// MaxBatch is how many users one request for passkeys may name: the limit of
// Microsoft Graph's $batch (concepts/json-batching).
const MaxBatch = 20

// Directory is the bucket of the requests for users, groups and passkeys.
const Directory pace.Bucket = "directory"

// maxRestarts bounds how often a listing begins anew in one run.
const maxRestarts = 5

// refusedInARow is how many users in a row may be refused before the run stops:
// so many in a row are no matter of these users, but of a permission or role
// that is missing or has lapsed.
const refusedInARow = 40

// Options say what to collect, and how.
type Options struct {
	Pace *pace.Scheduler
	// Scope says which users' passkeys are read.
	Scope snapshot.Scope
	// PolicyGroups names the groups on which a policy's verdicts depend.
	PolicyGroups func(policy []byte) ([]string, error)
	// Limited reports whether any of the authentication strengths, a JSON array,
	// has a list of AAGUIDs; only then are Conditional Access policies read.
	// Without it, neither is.
	Limited func(strengths []byte) (bool, error)
	// AccessGroups names the groups by which Conditional Access policies, a JSON
	// array, that ask for a limited strength choose their users.
	AccessGroups func(strengths, policies []byte) ([]string, error)
	// Stop, once closed, ends the run gently: nothing new is asked for, what is
	// under way is finished and kept, and Run returns context.Canceled.
	Stop <-chan struct{}
	// Progress is kept up to date; nil if nobody looks.
	Progress *Progress
	// Notice is told in one line where the run departs from what was asked for;
	// nil if nobody listens.
	Notice func(text string)
	Log    zerolog.Logger
}

// A RefusedError says that the run stopped because sign-in, a permission or a
// role is missing or has lapsed. What was read is kept.
type RefusedError struct {
	// What names what was to be read.
	What string
	Err  error
}

func (e *RefusedError) Error() string { return fmt.Sprintf("read %s: %v", e.What, e.Err) }

// Unwrap gives the answer that was refused with.
func (e *RefusedError) Unwrap() error { return e.Err }

// Run brings the snapshot as far as it can. It returns nil when everything has
// an outcome, also where that is a failure; the caller then seals the snapshot.
// Otherwise the snapshot can be resumed, and the error says why: the context's
// error, a RefusedError, or what the snapshot said.
func Run(ctx context.Context, src Source, store *snapshot.Store, o Options) error {
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	c := &collector{src: src, store: store, o: o, started: time.Now()}
	err := c.run(ctx)
	// The run's cost is kept also when the run was cancelled.
	return errors.Join(err, c.noteEffort(context.WithoutCancel(ctx), time.Now()))
}

type collector struct {
	src     Source
	store   *snapshot.Store
	o       Options
	started time.Time
	effort  effort
	// narrow says that the registration report was read whole, and leaves out
	// whom it knows to hold no passkey.
	narrow bool
	// impatient ends when what a scan can do without is no longer waited for.
	impatient context.Context
	// rolesWhole says that every administrator is known by role assignments.
	rolesWhole bool
}

func (c *collector) run(hard context.Context) error {
	ctx, cancel := mergeStop(hard, c.o.Stop)
	defer cancel()
	groups, err := c.policy(ctx)
	if err != nil {
		return err
	}
	// Whether a user is in scope is decided when he is listed.
	for _, id := range c.o.Scope.Groups {
		if err := c.scopeGroup(ctx, id); err != nil {
			return err
		}
	}
	done, err := c.store.Counts(ctx)
	if err != nil {
		return err
	}
	c.o.Progress.start(done)

	g, hardInGroup := errgroup.WithContext(hard)
	soft, cancelSoft := mergeStop(hardInGroup, c.o.Stop)
	defer cancelSoft()
	rest, cancelRest := context.WithCancel(soft)
	defer cancelRest()
	m := newMethods(c)
	known := make(chan struct{})
	// Nobody new becomes pending once the listing and the report are there.
	var left atomic.Int32
	left.Store(2)
	arrived := func() {
		if left.Add(-1) == 0 {
			m.listingEnded()
			close(known)
		}
	}
	g.Go(func() error {
		defer arrived()
		return c.unlessStopped(c.list(soft, m.wake))
	})
	enough := sync.OnceFunc(func() {
		c.o.Progress.enoughReported()
		arrived()
	})
	g.Go(func() error { return c.unlessStopped(c.registrations(soft, rest, enough)) })
	read, ended := make(chan struct{}), make(chan struct{})
	g.Go(func() error {
		defer close(read)
		defer cancelRest()
		return c.passkeys(hardInGroup, soft, m, known)
	})
	impatient, lose := context.WithCancel(hard)
	defer lose()
	c.impatient = impatient
	g.Go(func() error {
		defer close(ended)
		return c.unlessStopped(c.around(soft, groups))
	})
	g.Go(func() error { return c.untilImpatient(soft, read, ended, lose) })
	if err := g.Wait(); err != nil {
		return err
	}
	if stopped(c.o.Stop) {
		return context.Canceled
	}
	return c.store.AdminsByRole(hard, c.rolesWhole)
}

// unlessStopped drops the error of what a gentle stop has ended, so that it
// does not take the batches under way with it.
func (c *collector) unlessStopped(err error) error {
	if stopped(c.o.Stop) && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// scopeGroup reads a group that says whom to read. Without it nobody knows who
// is in scope, so that it cannot be read ends the run.
func (c *collector) scopeGroup(ctx context.Context, id string) error {
	if err := c.group(ctx, id, required); err != nil {
		return err
	}
	at, err := c.store.GroupListing(ctx, id)
	if err == nil && at.Outcome != audit.OutcomeRead {
		err = fmt.Errorf("read the members of group %s, which the scope names: %s", id, at.Outcome)
		if at.Outcome == audit.OutcomeRefused {
			return &RefusedError{What: "the members of group " + id, Err: err}
		}
	}
	return err
}

// policy reads the policy unless it was read before, and names the groups on
// which verdicts depend.
func (c *collector) policy(ctx context.Context) ([]string, error) {
	body, have, err := c.store.Document(ctx, snapshot.DocumentPolicy)
	if err != nil {
		return nil, err
	}
	if !have {
		err := c.do(ctx, nil, func(ctx context.Context) (pace.Report, error) {
			var err error
			body, err = c.src.Policy(ctx)
			return pace.Report{}, err
		})
		if refused(err) {
			return nil, &RefusedError{What: "the passkey policy", Err: err}
		}
		if err != nil {
			return nil, fmt.Errorf("read the passkey policy: %w", err)
		}
	}
	groups, err := c.o.PolicyGroups(body)
	if err != nil {
		return nil, err
	}
	if !have {
		if err := c.store.PutDocument(ctx, snapshot.DocumentPolicy, body); err != nil {
			return nil, err
		}
	}
	groups = slices.Clone(groups)
	for i := range groups {
		groups[i] = strings.ToLower(groups[i])
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

// do makes one request until it succeeds or fails for good, and counts.
func (c *collector) do(ctx context.Context, t *pace.Try, send func(context.Context) (pace.Report, error)) error {
	if t == nil {
		t = new(pace.Try)
	}
	return c.doIn(ctx, Directory, t, send)
}

// doIn is do for a request of any bucket.
func (c *collector) doIn(ctx context.Context, b pace.Bucket, t *pace.Try, send func(context.Context) (pace.Report, error)) error {
	return c.o.Pace.Do(ctx, b, t, func(ctx context.Context) (pace.Report, error) {
		r, err := send(ctx)
		c.effort.request(t.Attempts > 0, err)
		return r, err
	})
}

// list spools the users, from where the listing had come to.
func (c *collector) list(ctx context.Context, added func()) error {
	l, err := c.store.Listing(ctx)
	if err != nil || l.Done {
		return err
	}
	link, restarts := l.Next, 0
	trail := newTrail(link)
	spool := spool{c: c, added: added}
	for {
		var page audit.UserPage
		t := new(pace.Try)
		err := c.do(ctx, t, func(ctx context.Context) (pace.Report, error) {
			var err error
			page, err = c.src.Users(ctx, link)
			return pace.Report{Percentage: page.Load.Percentage}, err
		})
		if err == nil {
			err = trail.follow(page.Next, first(page.Users, func(u *audit.User) string { return u.ID }))
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case refused(err):
			return &RefusedError{What: "the users", Err: err}
		case err != nil && linkBroken(err) && restarts < maxRestarts:
			restarts++
			c.o.Log.Warn().Err(err).Int("restart", restarts).Msg("the listing of users begins anew")
			if err := errors.Join(spool.flush(ctx), c.store.RestartListing(ctx)); err != nil {
				return err
			}
			link, trail = "", newTrail("")
			continue
		case err != nil:
			c.o.Log.Warn().Err(err).Msg("the listing of users is incomplete")
			if err := spool.flush(ctx); err != nil {
				return err
			}
			return c.store.Fail(ctx, failureOf(audit.Failure{What: audit.WhatUsers, Attempts: t.Attempts}, err))
		}
		users, err := c.inScope(ctx, page.Users)
		if err != nil {
			return err
		}
		if err := spool.add(ctx, users, page.Next); err != nil {
			return err
		}
		if page.Next == "" {
			return c.store.Forget(ctx, audit.WhatUsers, "")
		}
		link = page.Next
	}
}

// inScope decides for each user of a page whether the passkeys are to be read.
func (c *collector) inScope(ctx context.Context, users []audit.User) ([]snapshot.ListedUser, error) {
	s := c.o.Scope
	var member map[string]bool
	if len(s.Groups) > 0 {
		ids := make([]string, len(users))
		for i := range users {
			ids[i] = users[i].ID
		}
		var err error
		if member, err = c.store.Members(ctx, s.Groups, ids); err != nil {
			return nil, err
		}
	}
	out := make([]snapshot.ListedUser, len(users))
	for i, u := range users {
		out[i] = snapshot.ListedUser{User: u, Outcome: audit.OutcomePending}
		if leftOut(s, u) || member != nil && !member[u.ID] {
			out[i].Outcome = audit.OutcomeOutOfScope
		}
	}
	return out, nil
}

// leftOut tells whether the scope's flags leave a user out. What is not known
// of a user leaves nobody out.
func leftOut(s snapshot.Scope, u audit.User) bool {
	if s.MembersOnly && strings.EqualFold(u.Type, "Guest") || s.EnabledOnly && u.Enabled == audit.No {
		return true
	}
	for _, glob := range s.ExcludeUPN {
		if Glob(glob, u.UPN) {
			return true
		}
	}
	return false
}
