package collect

import (
	"context"
	"net/http"

	"passkey-audit/audit"
	"passkey-audit/audit/pace"
)

// A need says what it means that a group cannot be read.
type need bool

const (
	// required: verdicts hang on it, so that it is a failure of the scan.
	required need = true
	// helpful: something else stays unknown, which the report then says.
	helpful need = false
)

// group reads a group's name and members, unless they were read before. That a
// group cannot be read is no error; what is required is kept as a failure.
func (c *collector) group(ctx context.Context, id string, n need) error {
	at, err := c.store.GroupListing(ctx, id)
	if err != nil || at.Outcome == audit.OutcomeRead {
		return err
	}
	var g audit.Group
	t := new(pace.Try)
	err = c.do(ctx, t, func(ctx context.Context) (pace.Report, error) {
		var err error
		g, err = c.src.Group(ctx, id)
		return pace.Report{}, err
	})
	if err == nil {
		g.ID, g.Outcome, g.Failure = id, audit.OutcomePending, nil
		if err := c.store.PutGroup(ctx, g); err != nil {
			return err
		}
		err = c.members(ctx, id, at.Next, &t)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case status(err) == http.StatusUnauthorized:
		return &RefusedError{What: "a group", Err: err}
	case err == nil:
		return nil
	}
	if isStore(err) {
		return err
	}
	g.ID, g.Outcome = id, outcomeOf(err)
	f := failureOf(audit.Failure{What: audit.WhatGroup, ID: id, Attempts: t.Attempts}, err)
	if n == required {
		g.Failure = &f
		c.o.Log.Warn().Err(err).Str("group", id).Msg("a group cannot be read: verdicts that depend on it stay undecided")
	}
	return c.store.PutGroup(ctx, g)
}

// members reads a group's members page by page. Each page has tries of its own;
// t becomes those of the last one.
func (c *collector) members(ctx context.Context, id, link string, t **pace.Try) error {
	trail := newTrail(link)
	for restarts := 0; ; {
		var page audit.MemberPage
		*t = new(pace.Try)
		err := c.do(ctx, *t, func(ctx context.Context) (pace.Report, error) {
			var err error
			page, err = c.src.GroupMembers(ctx, id, link)
			return pace.Report{Percentage: page.Load.Percentage}, err
		})
		if err == nil {
			err = trail.follow(page.Next, first(page.UserIDs, func(id *string) string { return *id }))
		}
		if err != nil && linkBroken(err) && restarts < maxRestarts {
			restarts++
			if err := c.store.RestartGroup(ctx, id); err != nil {
				return storeError{err}
			}
			link, trail = "", newTrail("")
			continue
		}
		if err != nil {
			return err
		}
		if err := c.store.AddMembers(ctx, id, page.UserIDs, page.Next); err != nil {
			return storeError{err}
		}
		if page.Next == "" {
			return nil
		}
		link = page.Next
	}
}

// directMembers finds out who is in a group through another one alone: Microsoft
// does not document whether those count. Without it, that stays unknown of all
// its members.
func (c *collector) directMembers(ctx context.Context, id string) error {
	at, err := c.store.GroupListing(ctx, id)
	if err != nil || at.Outcome != audit.OutcomeRead || at.Direct == audit.OutcomeRead {
		return err
	}
	link, trail := "", newTrail("")
	for restarts := 0; ; {
		var page audit.MemberPage
		err := c.do(ctx, nil, func(ctx context.Context) (pace.Report, error) {
			var err error
			page, err = c.src.DirectMembers(ctx, id, link)
			return pace.Report{Percentage: page.Load.Percentage}, err
		})
		if err == nil {
			err = trail.follow(page.Next, first(page.UserIDs, func(id *string) string { return *id }))
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case status(err) == http.StatusUnauthorized:
			return &RefusedError{What: "a group", Err: err}
		case err != nil && linkBroken(err) && restarts < maxRestarts:
			restarts++
			link, trail = "", newTrail("")
			continue
		case err != nil:
			c.o.Log.Warn().Err(err).Str("group", id).Msg("the direct members of a group cannot be read: who is in it through another group is not known")
			return c.store.NoDirectMembers(ctx, id, outcomeOf(err))
		}
		if err := c.store.AddDirectMembers(ctx, id, page.UserIDs, page.Next == ""); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		link = page.Next
	}
}
