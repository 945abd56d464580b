package csv

import (
	"bytes"
	"context"
	"testing"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// TestChanges: the comparison's rows, in both forms; the values of settings are
// guarded like all text of a tenant.
func TestChanges(t *testing.T) {
	c := fixture.BuildChanges(t, fixture.ChangesInput(t.TempDir()))
	table, ok := c.Table(report.FileChanges)
	if !ok {
		t.Fatal("no changes.csv")
	}
	for name, o := range map[string]Options{"changes.csv": {}, "changes-raw.csv": {Raw: true}} {
		var b bytes.Buffer
		if err := Write(context.Background(), &b, table, o); err != nil {
			t.Fatal(err)
		}
		fixture.Golden(t, name, b.Bytes())
		if guarded := bytes.Contains(b.Bytes(), []byte("'+excluded targets")); guarded == o.Raw {
			t.Errorf("%s: a formula is guarded: %v", name, guarded)
		}
	}
}
