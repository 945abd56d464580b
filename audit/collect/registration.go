package collect

import (
	"context"
	"errors"
	"net/http"

	"passkey-audit/audit"
	"passkey-audit/audit/pace"
	"passkey-audit/audit/snapshot"
)

// Reports is the bucket of the registration report, and ReportsRate its
// documented quota in requests a second: 5 in 10 s for each app and tenant
// (Microsoft Graph throttling limits, "Identity and access reports").
const (
	Reports     pace.Bucket = "reports"
	ReportsRate             = 0.5
)

// wholeReport is up to how many pages the registration report is read to its
// end where everybody is read anyway: as much as its quota gives at once. To
// wait for more could take longer than all else. Of a longer report, only the
// administrators are waited for, and the rest serves as long as there is time.
const wholeReport = 5

// registered reports whether only likely holders are to be read.
func (c *collector) registered() bool { return c.o.Scope.Users == snapshot.UsersRegistered }

// registrations reads the registration report, and calls enough once what the
// run waits for is there: all of it, or as much as wholeReport says. What comes
// after that is read until rest ends. With an error the run ends, and enough is
// not called.
func (c *collector) registrations(ctx, rest context.Context, enough func()) error {
	if c.registered() {
		if err := c.likelyHolders(ctx); err != nil {
			return err
		}
		enough()
		return nil
	}
	// What a killed run has read of it may hold a page twice, and pages count.
	at, err := c.store.Report(ctx, snapshot.ReportEverybody)
	if err == nil && at.State == snapshot.ReportReading && at.Pages > 0 && at.Pages < wholeReport {
		err = c.store.RestartReport(ctx, snapshot.ReportEverybody)
	}
	if err != nil {
		return err
	}
	if at, err = c.report(ctx, snapshot.ReportEverybody, wholeReport); err != nil {
		return err
	}
	if at.Pages < wholeReport || at.State == snapshot.ReportRead && at.Pages == wholeReport {
		if at.State != snapshot.ReportRead {
			c.o.Log.Warn().Int("status", at.Failure.Status).Str("code", at.Failure.Code).
				Msg("the registration report cannot be read: who is an administrator is not known")
		}
		enough()
		return nil
	}
	// Who is no administrator would be known of some and not of others, by
	// chance.
	if err := c.store.ForgetNonAdmins(ctx); err != nil {
		return err
	}
	if _, err := c.report(ctx, snapshot.ReportAdministrators, 0); err != nil {
		return err
	}
	enough()
	_, err = c.report(rest, snapshot.ReportEverybody, 0)
	if rest.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

// likelyHolders reads the whole report, to read only those of whom it does not
// say that they hold no passkey. Where there is no such report, everybody is
// read, which is more than was asked for and never less.
func (c *collector) likelyHolders(ctx context.Context) error {
	c.o.Progress.waiting(true)
	at, err := c.report(ctx, snapshot.ReportEverybody, 0)
	if err != nil {
		return err
	}
	switch at.State {
	case snapshot.ReportRead:
		c.narrow = true
	case snapshot.ReportRefused:
		return &RefusedError{What: "the registration report, which tells the likely holders (permission AuditLog.Read.All)", Err: failureError{at.Failure}}
	case snapshot.ReportUnlicensed:
		c.notice("the tenant has no Entra ID P1 licence, so there is no registration report: all users are read")
	default:
		c.notice("the registration report cannot be read (" + failureError{at.Failure}.Error() + "): all users are read")
	}
	return nil
}

// notice tells the user of something that departs from what was asked for.
func (c *collector) notice(text string) {
	c.o.Log.Warn().Msg(text)
	if c.o.Notice != nil {
		c.o.Notice(text)
	}
}

// report reads a report from where it had come to: to its end, or until most
// pages of it are read, if that is not 0. That it cannot be read is kept in the
// report's state and no error.
func (c *collector) report(ctx context.Context, name string, most int) (snapshot.Report, error) {
	at, err := c.store.Report(ctx, name)
	if err != nil || at.State == snapshot.ReportRead || at.State == snapshot.ReportUnlicensed {
		return at, err
	}
	whole := name == snapshot.ReportEverybody && (most > 0 || c.registered())
	trail := newTrail(at.Next)
	for restarts := 0; most == 0 || at.Pages < most; {
		var page audit.RegistrationPage
		t := new(pace.Try)
		err := c.doIn(ctx, Reports, t, func(ctx context.Context) (pace.Report, error) {
			var err error
			page, err = c.src.Registration(ctx, name == snapshot.ReportAdministrators, at.Next)
			return pace.Report{Percentage: page.Load.Percentage}, err
		})
		if err == nil {
			err = trail.follow(page.Next, first(page.Rows, func(r *audit.Registration) string { return r.UserID }))
		}
		switch {
		case ctx.Err() != nil:
			return at, ctx.Err()
		case status(err) == http.StatusUnauthorized:
			return at, &RefusedError{What: "the registration report", Err: err}
		case err != nil && linkBroken(err) && restarts < maxRestarts:
			restarts++
			c.o.Log.Warn().Err(err).Int("restart", restarts).Msg("the registration report begins anew")
			err = c.store.RestartReport(ctx, name)
			trail = newTrail("")
		case err != nil:
			err = c.store.EndReport(ctx, name, reportState(err), failureOf(audit.Failure{Attempts: t.Attempts}, err))
		default:
			err = c.addRegistrations(ctx, name, whole, page)
		}
		if err == nil {
			at, err = c.store.Report(ctx, name)
		}
		if err != nil || at.State != snapshot.ReportReading {
			return at, err
		}
	}
	return at, nil
}

// addRegistrations keeps a page of a report. Where the report is not sure to be
// read whole, only rows that say yes serve: that somebody is an administrator,
// or holds a passkey.
func (c *collector) addRegistrations(ctx context.Context, name string, whole bool, page audit.RegistrationPage) error {
	for i := range page.Rows {
		if r := &page.Rows[i]; !whole && r.Admin == audit.No {
			r.Admin = audit.Unknown
		}
	}
	err := c.store.AddRegistrations(ctx, name, page, func(r *audit.Registration) bool {
		return whole || r.Admin == audit.Yes || audit.NamesPasskey(r.Methods)
	})
	if err == nil && name == snapshot.ReportEverybody {
		c.o.Progress.reported(len(page.Rows))
	}
	return err
}

// reportState tells what an error means for the report as a whole.
func reportState(err error) snapshot.ReportState {
	var u interface{ Unlicensed() bool }
	switch {
	case errors.As(err, &u) && u.Unlicensed():
		return snapshot.ReportUnlicensed
	case refused(err):
		return snapshot.ReportRefused
	}
	return snapshot.ReportFailed
}

// A lookout finds the pending users in the order in which they are read: likely
// holders first, so that an interrupted run is useful. It gives nobody twice,
// though what it gave may still be pending, and whoever it gave may become a
// likely holder: one cursor goes over the users and one over the likely holders,
// and each leaves out whom the other has passed.
type lookout struct {
	store  *snapshot.Store
	after  int64 // the last Seq that was given
	likely int64 // the last number of a likely holder that was given
}

// next gives some pending users; none if there are no more at the moment.
func (l *lookout) next(ctx context.Context) ([]snapshot.PendingUser, error) {
	for l.store.Likely() > l.likely {
		users, last, err := l.store.PendingLikely(ctx, l.likely, readAhead)
		if err != nil {
			return nil, err
		}
		l.likely = last
		users = without(users, func(u *snapshot.PendingUser) bool { return u.Seq <= l.after })
		if len(users) > 0 {
			return users, nil
		}
	}
	for {
		users, err := l.store.Pending(ctx, l.after, readAhead)
		if err != nil || len(users) == 0 {
			return nil, err
		}
		l.after = users[len(users)-1].Seq
		users = without(users, func(u *snapshot.PendingUser) bool { return u.Likely > 0 && u.Likely <= l.likely })
		if len(users) > 0 {
			return users, nil
		}
	}
}

func without(users []snapshot.PendingUser, drop func(*snapshot.PendingUser) bool) []snapshot.PendingUser {
	out := users[:0]
	for i := range users {
		if !drop(&users[i]) {
			out = append(out, users[i])
		}
	}
	return out
}

// passkeys reads everybody's passkeys. Where only likely holders are to be
// read, it waits until it is known who they are.
func (c *collector) passkeys(ctx, soft context.Context, m *methods, known <-chan struct{}) error {
	if c.registered() {
		select {
		case <-known:
		case <-soft.Done():
			return ctx.Err()
		}
		c.o.Progress.waiting(false)
		if c.narrow {
			n, err := c.store.LeaveOutUnlikely(ctx)
			if err != nil {
				return err
			}
			c.o.Progress.leftOut(n)
		}
	}
	for {
		if err := m.run(ctx); err != nil {
			return err
		}
		// Whom the report calls a holder and who seems to hold nothing is read
		// once more: one of the two is behind, and the second answer counts.
		n, err := c.store.Doubt(ctx)
		if err != nil || n == 0 {
			return err
		}
		c.o.Progress.doubted(n)
		m = newMethods(c)
		m.listingEnded()
	}
}
