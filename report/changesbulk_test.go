package report_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/json"
	"passkey-audit/report/testdata/fixture"
)

// manyChanges is a comparison of n people, each with a passkey that is new.
func manyChanges(dir string, n int) report.ChangesInput {
	in := fixture.NothingChanged(dir)
	in.Changes = func(yield func(*report.Change, error) bool) {
		var list []report.Change
		u := judged("", audit.No, audit.Yes, "aa")
		none := &audit.JudgedUser{Outcome: audit.OutcomeRead}
		for i := range n {
			u.User = audit.User{TenantID: fixture.Tenant.ID, ID: fmt.Sprintf("user-%d", i), UPN: fmt.Sprintf("person%d@contoso.com", i)}
			none.User, u.Passkeys[0].ID, u.Passkeys[0].Name = u.User, fmt.Sprintf("key-%d", i), fmt.Sprintf("Key of person %d", i)
			list = report.CompareUser(list[:0], none, u, in.Snapshots[0], in.Snapshots[1])
			for j := range list {
				if !yield(&list[j], nil) {
					return
				}
			}
		}
	}
	return in
}

// TestManyChanges: memory does not grow with the changes, and each is written.
func TestManyChanges(t *testing.T) {
	const n = 100_000
	in := manyChanges(t.TempDir(), n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c := fixture.BuildChanges(t, in)
	if err := json.WriteChanges(context.Background(), io.Discard, c); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("%d changes keep %d bytes", n, grown)
	}
	if c.Figures.PasskeysAdded != n {
		t.Errorf("got %+v", c.Figures)
	}
	table, _ := c.Table(report.FileChanges)
	rows := 0
	for _, err := range table.Rows(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	if rows != n || table.Count != n {
		t.Errorf("%d rows, %d said", rows, table.Count)
	}
	runtime.KeepAlive(c)
}

// BenchmarkProposals is Build with two further proposals beside its own.
func BenchmarkProposals(b *testing.B) {
	for b.Loop() {
		in := fixture.Large(b.TempDir(), 1_000_000)
		users := in.Users
		in.Alternatives = []*report.Counter{report.NewCounter(report.Proposal{Name: "a"}), report.NewCounter(report.Proposal{Name: "b"})}
		in.Users = func(yield func(*audit.JudgedUser, error) bool) {
			for u, err := range users {
				for _, c := range in.Alternatives {
					c.Add(u)
				}
				if !yield(u, err) {
					return
				}
			}
		}
		d, err := report.Build(context.Background(), in)
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
