package snapshot_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/snapshot"
)

func registration(id string, admin audit.Ternary, day int, methods ...string) audit.Registration {
	return audit.Registration{UserID: id, Admin: admin, Methods: methods, UpdatedAt: time.Date(2026, 10, day, 3, 16, 0, 0, time.UTC)}
}

func all(*audit.Registration) bool { return true }

// TestRegistrations keeps rows of the report before and after their users are
// listed, in the middle of which the process is replaced.
func TestRegistrations(t *testing.T) {
	s, path := create(t)
	ctx := t.Context()
	off := listed("off", "off@contoso.com")
	off.Enabled = audit.No
	_, err := s.AddPages(ctx, []snapshot.ListedUser{listed("u1", "u1@contoso.com"), listed("u2", "u2@contoso.com"), listed("u3", "u3@contoso.com")}, 1, "page2")
	must(t, err)
	must(t, s.AddRegistrations(ctx, snapshot.ReportEverybody, audit.RegistrationPage{Rows: []audit.Registration{
		registration("u3", audit.Yes, 5, "passKeySynced"), registration("u4", audit.Yes, 4, "fido2"), registration("u2", audit.No, 6, "email"),
		registration("u5", audit.No, 6), registration("skipped", audit.Yes, 9, "fido2"),
	}, Next: "more"}, func(r *audit.Registration) bool { return r.UserID != "skipped" }))
	must(t, s.Close())

	s, err = snapshot.Resume(ctx, path, "v", nil)
	must(t, err)
	got, err := s.Report(ctx, snapshot.ReportEverybody)
	must(t, err)
	at := func(day int) time.Time { return time.Date(2026, 10, day, 3, 16, 0, 0, time.UTC) }
	if d := cmp.Diff(snapshot.Report{Name: snapshot.ReportEverybody, State: snapshot.ReportReading, Next: "more", Pages: 1, Users: 5, Oldest: at(4), Newest: at(9)}, got); d != "" {
		t.Errorf("Report (-want +got):\n%s", d)
	}
	_, err = s.AddPages(ctx, []snapshot.ListedUser{listed("u4", "u4@contoso.com"), listed("u5", "u5@contoso.com"), off, listed("new", "new@contoso.com")}, 1, "")
	must(t, err)
	must(t, s.AddRegistrations(ctx, snapshot.ReportEverybody, audit.RegistrationPage{Rows: []audit.Registration{
		registration("u1", audit.Unknown, 7, "passKeyDeviceBound"), registration("u3", audit.Unknown, 7, "passKeySynced"),
	}}, all))

	likely, last, err := s.PendingLikely(ctx, 0, 2)
	must(t, err)
	var order []string
	for _, u := range likely {
		order = append(order, u.ID)
	}
	if d := cmp.Diff([]string{"u3", "u4"}, order); d != "" || last != 2 {
		t.Errorf("PendingLikely: up to %d (-want +got):\n%s", last, d)
	}
	likely, last, err = s.PendingLikely(ctx, last, 2)
	must(t, err)
	if len(likely) != 1 || likely[0].ID != "u1" || last != 3 || s.Likely() != 3 {
		t.Errorf("PendingLikely: %+v up to %d of %d; want u1 up to 3", likely, last, s.Likely())
	}

	n, err := s.LeaveOutUnlikely(ctx)
	must(t, err)
	again, err := s.LeaveOutUnlikely(ctx)
	must(t, err)
	if n != 2 || again != 0 {
		t.Errorf("LeaveOutUnlikely: %d, then %d; want 2 and none", n, again)
	}
	pending, err := s.Pending(ctx, 0, 10)
	must(t, err)
	var ids []string
	for _, u := range pending {
		ids = append(ids, u.ID)
	}
	if d := cmp.Diff([]string{"u1", "u3", "u4", "off", "new"}, ids); d != "" {
		t.Errorf("pending (-want +got):\n%s", d)
	}

	var results []snapshot.Result
	for _, u := range pending {
		r := snapshot.Result{Seq: u.Seq, Outcome: audit.OutcomeRead}
		if u.ID == "u1" {
			r.Passkeys = []audit.Passkey{{ID: "k"}}
		}
		results = append(results, r)
	}
	for i, want := range []int{2, 0} {
		must(t, s.Record(ctx, results))
		if n, err := s.Doubt(ctx); err != nil || n != want {
			t.Errorf("Doubt, time %d: %d, %v; want %d", i+1, n, err, want)
		}
	}
	must(t, s.Seal(ctx, time.Now()))
	r, err := snapshot.OpenReader(ctx, path)
	must(t, err)
	defer r.Close()
	reports, err := r.Reports(ctx)
	must(t, err)
	want := []snapshot.Report{{Name: snapshot.ReportEverybody, State: snapshot.ReportRead, Pages: 2, Users: 7, Oldest: at(4), Newest: at(9), LeftOut: 2}}
	if d := cmp.Diff(want, reports); d != "" {
		t.Errorf("Reports (-want +got):\n%s", d)
	}
	admins := map[string]audit.Ternary{}
	for rec, err := range r.Users(ctx) {
		must(t, err)
		admins[rec.ID] = rec.Admin
	}
	if d := cmp.Diff(map[string]audit.Ternary{"u1": 0, "u2": audit.No, "u3": audit.Yes, "u4": audit.Yes, "u5": audit.No, "off": 0, "new": 0}, admins); d != "" {
		t.Errorf("admins (-want +got):\n%s", d)
	}
}

func TestReportThatEndsEarly(t *testing.T) {
	s, path := create(t)
	ctx := t.Context()
	_, err := s.AddPages(ctx, []snapshot.ListedUser{listed("u1", "u1@contoso.com"), listed("u2", "u2@contoso.com")}, 1, "")
	must(t, err)
	must(t, s.AddRegistrations(ctx, snapshot.ReportEverybody, audit.RegistrationPage{Rows: []audit.Registration{
		registration("u1", audit.No, 1), registration("u2", audit.Yes, 1), registration("u3", audit.No, 1)}, Next: "more"}, all))
	must(t, s.RestartReport(ctx, snapshot.ReportEverybody))
	must(t, s.ForgetNonAdmins(ctx))
	_, err = s.AddPages(ctx, []snapshot.ListedUser{listed("u3", "u3@contoso.com")}, 1, "")
	must(t, err)
	f := audit.Failure{What: audit.WhatRegistration, Status: 403, Code: "accessDenied", Message: "no"}
	must(t, s.EndReport(ctx, snapshot.ReportEverybody, snapshot.ReportRefused, f))
	must(t, s.Close())
	r, err := snapshot.OpenReader(ctx, path)
	must(t, err)
	defer r.Close()
	reports, err := r.Reports(ctx)
	must(t, err)
	if d := cmp.Diff([]snapshot.Report{{Name: snapshot.ReportEverybody, State: snapshot.ReportRefused, Restarts: 1, Failure: f}}, reports); d != "" {
		t.Errorf("Reports (-want +got):\n%s", d)
	}
	for rec, err := range r.Users(ctx) {
		must(t, err)
		if want := audit.Unknown; rec.ID != "u2" && rec.Admin != want {
			t.Errorf("%s: admin %q, want it unknown", rec.ID, rec.Admin)
		}
	}
}
