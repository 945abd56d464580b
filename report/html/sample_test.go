package html

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passkey-audit/report/testdata/fixture"
)

var keep = flag.String("keep", "", "folder for the sample pages, of which pictures are made")

// TestSample: the page of a tenant as there are some. With -keep it leaves the
// page for pictures.
func TestSample(t *testing.T) {
	s := written(t, fixture.Build(t, fixture.Sample(t.TempDir(), true)), rowLimit)
	if want := "37 of 4,210 people with a passkey lose their last working passkey if this policy is saved; 2 of them are administrators."; !strings.Contains(s, want) {
		t.Errorf("the page lacks %q", want)
	}
	if *keep == "" {
		return
	}
	for name, s := range map[string]string{"report.html": s, "tenants.html": written(t, fixture.Build(t, fixture.LargeFleet(t.TempDir(), 1000)), rowLimit)} {
		if err := os.WriteFile(filepath.Join(*keep, name), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
