package xlsx

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passkey-audit/report/testdata/fixture"
)

var keep = flag.String("keep", "", "folder for the sample workbooks, of which pictures are made")

// TestSample: the report of a tenant as there are some says in its first line
// what a reader asks. With -keep it leaves its workbooks for pictures.
func TestSample(t *testing.T) {
	d := fixture.Build(t, fixture.Sample(t.TempDir(), true))
	want := "37 of 4,210 people with a passkey lose their last working passkey if this policy is saved; 2 of them are administrators."
	if got := d.Verdict(); !strings.HasPrefix(got, want) {
		t.Errorf("verdict %q, want %q", got, want)
	}
	b := written(t, d)
	checkParts(t, parts(t, b))
	checkRows(t, open(t, b), d, maxRows)
	var changes bytes.Buffer
	if err := WriteChanges(context.Background(), &changes, fixture.BuildChanges(t, fixture.SampleChanges(t.TempDir())), Options{TempDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	if *keep == "" {
		return
	}
	fleet := written(t, fixture.Build(t, fixture.LargeFleet(t.TempDir(), 1000)))
	for name, b := range map[string][]byte{"report.xlsx": b, "compare.xlsx": changes.Bytes(), "tenants.xlsx": fleet} {
		if err := os.WriteFile(filepath.Join(*keep, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
