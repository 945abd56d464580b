package snapshot_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/snapshot"
)

var contoso = snapshot.Meta{
	ToolVersion: "v1.2.3",
	Tenant:      audit.Tenant{ID: "84841066-274d-4ec0-a5c1-276be684bdd3", Name: "Contoso", Domain: "contoso.com"},
	Cloud:       "global", GraphRoot: "https://graph.microsoft.com",
	Scope:     snapshot.Scope{Users: "all", MembersOnly: true, ExcludeUPN: []string{"svc-*"}},
	StartedAt: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC),
	MaskKey:   "a key",
}

func create(t *testing.T) (*snapshot.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot.db")
	s, err := snapshot.Create(t.Context(), path, contoso)
	if err != nil {
		t.Fatal(err)
	}
	return s, path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func listed(id, upn string) snapshot.ListedUser {
	return snapshot.ListedUser{User: audit.User{ID: id, UPN: upn, DisplayName: "Name of " + upn, Type: "Member", Enabled: audit.Yes}, Outcome: audit.OutcomePending}
}

// fill makes a snapshot that holds one of everything.
func fill(t *testing.T, s *snapshot.Store) []audit.Passkey {
	t.Helper()
	ctx := t.Context()
	must(t, s.PutDocument(ctx, snapshot.DocumentPolicy, []byte(`{"id":"Fido2"}`)))
	guest := listed("u3", "Guest_Fabrikam.com#EXT#@contoso.com")
	guest.Type, guest.Enabled, guest.Outcome = "Guest", audit.Unknown, audit.OutcomeOutOfScope
	if n, err := s.AddPages(ctx, []snapshot.ListedUser{listed("u2", "megan@contoso.com"), listed("u1", "Alex@contoso.com"), guest}, 1, "page2"); err != nil || n != 3 {
		t.Fatalf("AddPage: %d, %v", n, err)
	}
	if n, err := s.AddPages(ctx, []snapshot.ListedUser{listed("u2", "megan@contoso.com"), listed("u4", "lee@contoso.com"), listed("u5", "lynne@contoso.com")}, 1, ""); err != nil || n != 2 {
		t.Fatalf("AddPage again: %d, %v; want only the two new users counted", n, err)
	}
	pending, err := s.Pending(ctx, 0, 10)
	must(t, err)
	seq := map[string]int64{}
	for _, u := range pending {
		seq[u.ID] = u.Seq
	}
	keys := []audit.Passkey{
		{ID: "k2", Name: "tab\tnul\x00=HYPERLINK(\"http://x\",\"y\")", AAGUID: "DE1E552D-DB1D-4423-A619-566B625CDC84", Model: "m", Type: audit.DeviceBound,
			Attestation: audit.Attested, CreatedAt: time.Date(2024, 5, 6, 7, 8, 9, 1234567*100, time.UTC)},
		{ID: "k1", Name: strings.Repeat("long ", 8000), Type: "unknownFutureValue", CreatedAt: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
			LastUsedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	must(t, s.Record(ctx, []snapshot.Result{
		{Seq: seq["u1"], Outcome: audit.OutcomeRead, Passkeys: keys},
		{Seq: seq["u2"], Outcome: audit.OutcomeRead},
		{Seq: seq["u4"], Outcome: audit.OutcomeRefused, Failure: &audit.Failure{What: audit.WhatUser, UPN: "lee@contoso.com", ID: "u4", Status: 403, Code: "accessDenied", Message: "no", RequestID: "r", Attempts: 1}},
		{Seq: seq["u5"], Outcome: audit.OutcomeGone, Failure: &audit.Failure{What: audit.WhatUserGone, UPN: "lynne@contoso.com", ID: "u5", Status: 404, Code: "notFound", Attempts: 2}},
	}))
	must(t, s.PutGroup(ctx, audit.Group{ID: "G1", Name: "Pilots", Outcome: audit.OutcomePending}))
	must(t, s.AddMembers(ctx, "G1", []string{"u1", "u9"}, "more"))
	must(t, s.AddMembers(ctx, "g1", []string{"u1", "u2"}, ""))
	must(t, s.PutGroup(ctx, audit.Group{ID: "g2", Outcome: audit.OutcomeGone, Failure: &audit.Failure{What: audit.WhatGroup, ID: "g2", Status: 404, Code: "Request_ResourceNotFound", Attempts: 1}}))
	must(t, s.NoteEffort(ctx, snapshot.Effort{Requests: 7, Batches: 1, Throttled: 2, WaitedMS: 1500, ActiveMS: 9000}, ""))
	return keys
}

func TestRoundTrip(t *testing.T) {
	s, path := create(t)
	keys := fill(t, s)
	ctx := t.Context()
	finished := contoso.StartedAt.Add(time.Hour)
	must(t, s.Seal(ctx, finished))
	r, err := snapshot.OpenReader(ctx, path)
	must(t, err)
	defer r.Close()

	want := contoso
	want.FinishedAt = finished
	if d := cmp.Diff(want, r.Meta()); d != "" {
		t.Errorf("Meta (-want +got):\n%s", d)
	}
	type user struct {
		ID, Type       string
		Enabled        audit.Ternary
		Outcome        audit.Outcome
		Passkeys       []audit.Passkey
		MemberOf       []audit.Membership
		TenantID, Name string
	}
	var got []user
	for rec, err := range r.Users(ctx) {
		must(t, err)
		u := user{rec.ID, rec.Type, rec.Enabled, rec.Outcome, append([]audit.Passkey(nil), rec.Passkeys...), append([]audit.Membership(nil), rec.MemberOf...), rec.TenantID, rec.DisplayName}
		got = append(got, u)
	}
	id := contoso.Tenant.ID
	wantUsers := []user{
		{"u1", "Member", audit.Yes, audit.OutcomeRead, keys, memberships("g1"), id, "Name of Alex@contoso.com"},
		{"u3", "Guest", audit.Unknown, audit.OutcomeOutOfScope, nil, nil, id, "Name of Guest_Fabrikam.com#EXT#@contoso.com"},
		{"u4", "Member", audit.Yes, audit.OutcomeRefused, nil, nil, id, "Name of lee@contoso.com"},
		{"u5", "Member", audit.Yes, audit.OutcomeGone, nil, nil, id, "Name of lynne@contoso.com"},
		{"u2", "Member", audit.Yes, audit.OutcomeRead, nil, memberships("g1"), id, "Name of megan@contoso.com"},
	}
	if d := cmp.Diff(wantUsers, got); d != "" {
		t.Errorf("Users (-want +got):\n%s", d)
	}
	cov, err := r.Coverage(ctx)
	must(t, err)
	wantCov := audit.Coverage{ListingComplete: true, Listed: 5, Read: 2, Unread: 1, Gone: 1, OutOfScope: 1, WithPasskey: 1, WithoutPasskey: 1, OtherUnread: 1}
	if d := cmp.Diff(wantCov, cov); d != "" {
		t.Errorf("Coverage (-want +got):\n%s", d)
	}
	if !cov.Balanced() || cov.Complete() {
		t.Errorf("coverage %+v: want balanced, and not complete", cov)
	}
	groups, err := r.Groups(ctx)
	must(t, err)
	wantGroups := []audit.Group{
		{ID: "g1", Name: "Pilots", Outcome: audit.OutcomeRead, Members: 3},
		{ID: "g2", Outcome: audit.OutcomeGone, Failure: &audit.Failure{TenantID: id, What: audit.WhatGroup, ID: "g2", Status: 404, Code: "Request_ResourceNotFound", Attempts: 1}},
	}
	if d := cmp.Diff(wantGroups, groups); d != "" {
		t.Errorf("Groups (-want +got):\n%s", d)
	}
	var whats []string
	for f, err := range r.Failures(ctx) {
		must(t, err)
		whats = append(whats, f.What+" "+f.ID)
	}
	if d := cmp.Diff([]string{"group g2", "user u4", "user gone u5"}, whats); d != "" {
		t.Errorf("Failures (-want +got):\n%s", d)
	}
	uses, err := r.AAGUIDs(ctx)
	must(t, err)
	if d := cmp.Diff([]snapshot.Use{{"", 1, 1}, {"de1e552d-db1d-4423-a619-566b625cdc84", 1, 1}}, uses); d != "" {
		t.Errorf("AAGUIDs (-want +got):\n%s", d)
	}
	e, runs, err := r.Effort(ctx)
	must(t, err)
	if runs != 1 || e.Requests != 7 || e.WaitedMS != 1500 {
		t.Errorf("Effort: %+v in %d runs", e, runs)
	}
	if m, err := filepath.Glob(path + "*"); err != nil || len(m) != 1 {
		t.Errorf("files left beside the sealed snapshot: %v %v", m, err)
	}
}

func TestResume(t *testing.T) {
	s, path := create(t)
	ctx := t.Context()
	_, err := s.AddPages(ctx, []snapshot.ListedUser{listed("u1", "a@contoso.com"), listed("u2", "b@contoso.com")}, 1, "page2")
	must(t, err)

	if _, err := snapshot.Resume(ctx, path, "v1.2.3", nil); !errors.Is(err, snapshot.ErrInUse) {
		t.Errorf("Resume beside a writer: %v, want ErrInUse", err)
	}
	must(t, s.Close())

	wrong := errors.New("another tenant")
	if _, err := snapshot.Resume(ctx, path, "v1.2.3", func(m snapshot.Meta) error {
		if m.Tenant != contoso.Tenant {
			t.Errorf("check was given %+v", m)
		}
		return wrong
	}); !errors.Is(err, wrong) {
		t.Errorf("Resume with a check that fails: %v", err)
	}

	s, err = snapshot.Resume(ctx, path, "v1.2.3", nil)
	must(t, err)
	l, err := s.Listing(ctx)
	must(t, err)
	if d := cmp.Diff(snapshot.Listing{Next: "page2", Pages: 1}, l); d != "" {
		t.Errorf("Listing (-want +got):\n%s", d)
	}
	must(t, s.RestartListing(ctx))
	_, err = s.AddPages(ctx, []snapshot.ListedUser{listed("u2", "b@contoso.com"), listed("u3", "c@contoso.com")}, 1, "")
	must(t, err)
	p, err := s.Pending(ctx, 0, 10)
	must(t, err)
	if len(p) != 3 {
		t.Errorf("%d users pending after the listing began anew, want 3: %+v", len(p), p)
	}
	for _, u := range p {
		must(t, s.Record(ctx, []snapshot.Result{{Seq: u.Seq, Outcome: audit.OutcomeRead}}))
	}
	must(t, s.Seal(ctx, time.Now()))
	before, err := os.ReadFile(path)
	must(t, err)
	if _, err := snapshot.Resume(ctx, path, "v1.2.3", nil); !errors.Is(err, snapshot.ErrSealed) {
		t.Errorf("Resume of a finished scan: %v, want ErrSealed", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("a refused resume changed the file (%v)", err)
	}
	if _, err := snapshot.Create(ctx, path, contoso); !errors.Is(err, snapshot.ErrExists) {
		t.Errorf("Create over a snapshot: %v, want ErrExists", err)
	}
}

// TestReopen goes on with a finished scan that lacks something.
func TestReopen(t *testing.T) {
	s, path := create(t)
	ctx := t.Context()
	fill(t, s)
	must(t, s.Seal(ctx, time.Now()))
	s, err := snapshot.Resume(ctx, path, "v1.2.4", nil)
	must(t, err)
	p, err := s.Pending(ctx, 0, 10)
	must(t, err)
	if len(p) != 1 || p[0].ID != "u4" {
		t.Fatalf("pending %+v, want the one user who was refused", p)
	}
	if g, err := s.GroupListing(ctx, "g2"); err != nil || g.Outcome != audit.OutcomePending {
		t.Errorf("the unread group is %+v, %v; want pending", g, err)
	}
	must(t, s.Record(ctx, []snapshot.Result{{Seq: p[0].Seq, Outcome: audit.OutcomeRead}}))
	must(t, s.PutGroup(ctx, audit.Group{ID: "g2", Outcome: audit.OutcomePending}))
	must(t, s.AddMembers(ctx, "g2", nil, ""))
	must(t, s.Seal(ctx, time.Now()))
	r, err := snapshot.OpenReader(ctx, path)
	must(t, err)
	defer r.Close()
	c, err := r.Coverage(ctx)
	must(t, err)
	if !c.Complete() || c.Read != 3 || c.Gone != 1 {
		t.Errorf("coverage %+v, want complete", c)
	}
}

// TestRefusedFiles opens what is no snapshot and checks that it stays as it is.
func TestRefusedFiles(t *testing.T) {
	s, path := create(t)
	must(t, s.Close())
	good, err := os.ReadFile(path)
	must(t, err)
	newer := append([]byte(nil), good...)
	newer[63] = 99 // the last byte of user_version
	foreign := append([]byte(nil), good...)
	foreign[68] = 1 // of application_id
	damaged := append([]byte(nil), good...)
	for i := 100; i < len(damaged); i++ {
		damaged[i] = 0xa5
	}
	for _, tt := range []struct {
		name string
		body []byte
		want error
	}{
		{"newer", newer, snapshot.ErrNewer},
		{"another program's database", foreign, snapshot.ErrNoSnapshot},
		{"damaged", damaged, snapshot.ErrNoSnapshot},
		{"cut short", good[:200], snapshot.ErrNoSnapshot},
		{"empty", nil, snapshot.ErrNoSnapshot},
		{"text", []byte("user_principal_name,aaguid\r\n"), snapshot.ErrNoSnapshot},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := filepath.Join(t.TempDir(), "snapshot.db")
			must(t, os.WriteFile(p, tt.body, 0o600))
			if _, err := snapshot.Resume(context.Background(), p, "v", nil); !errors.Is(err, tt.want) {
				t.Errorf("Resume: %v, want %v", err, tt.want)
			}
			if _, err := snapshot.OpenReader(context.Background(), p); !errors.Is(err, tt.want) {
				t.Errorf("OpenReader: %v, want %v", err, tt.want)
			}
			after, err := os.ReadFile(p)
			must(t, err)
			if string(after) != string(tt.body) {
				t.Error("the file was changed")
			}
		})
	}
	if _, err := snapshot.OpenReader(t.Context(), filepath.Join(t.TempDir(), "none.db")); !errors.Is(err, snapshot.ErrNoSnapshot) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestKilled goes on from the files as a killed process leaves them.
func TestKilled(t *testing.T) {
	s, path := create(t)
	ctx := t.Context()
	fill(t, s)
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "snapshot.db"+suffix), b, 0o600))
	}
	must(t, s.Close())
	again, err := snapshot.Resume(ctx, filepath.Join(dir, "snapshot.db"), "v1.2.3", nil)
	must(t, err)
	defer again.Close()
	got, err := again.Counts(ctx)
	must(t, err)
	// Who was refused is asked for again: a role may have lapsed.
	want := map[audit.Outcome]int{audit.OutcomeRead: 2, audit.OutcomePending: 1, audit.OutcomeGone: 1, audit.OutcomeOutOfScope: 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Counts (-want +got):\n%s", d)
	}
}

func BenchmarkRecord(b *testing.B) {
	path := filepath.Join(b.TempDir(), "snapshot.db")
	s, err := snapshot.Create(b.Context(), path, contoso)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	users := make([]snapshot.ListedUser, b.N)
	for i := range users {
		id := strings.Repeat("0", 20) + time.Duration(i).String()
		users[i] = listed(id, id+"@contoso.com")
	}
	if _, err := s.AddPages(b.Context(), users, 1, ""); err != nil {
		b.Fatal(err)
	}
	key := []audit.Passkey{{ID: "k", Name: "Red key", AAGUID: "de1e552d-db1d-4423-a619-566b625cdc84", Model: "Microsoft Authenticator", Type: audit.DeviceBound, Attestation: audit.Attested, CreatedAt: time.Now()}}
	b.ResetTimer()
	b.ReportAllocs()
	for i := 0; i < b.N; i += 20 {
		var rs []snapshot.Result
		for j := i; j < min(i+20, b.N); j++ {
			rs = append(rs, snapshot.Result{Seq: int64(j + 1), Outcome: audit.OutcomeRead, Passkeys: key})
		}
		if err := s.Record(b.Context(), rs); err != nil {
			b.Fatal(err)
		}
	}
}

// memberships are those of groups whose direct members were not read.
func memberships(ids ...string) []audit.Membership {
	var out []audit.Membership
	for _, id := range ids {
		out = append(out, audit.Membership{GroupID: id})
	}
	return out
}
