package xlsx

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

func writtenChanges(t *testing.T, c *report.Changes) []byte {
	t.Helper()
	dir := t.TempDir()
	var b bytes.Buffer
	if err := WriteChanges(context.Background(), &b, c, Options{TempDir: dir}); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	return b.Bytes()
}

// TestChanges: the workbook of a comparison, with the trend where there is one;
// no text of a tenant is a formula.
func TestChanges(t *testing.T) {
	for name, in := range map[string]report.ChangesInput{"compare.txt": fixture.ChangesInput(t.TempDir()), "compare-none.txt": fixture.NothingChanged(t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			c := fixture.BuildChanges(t, in)
			b := writtenChanges(t, c)
			list := parts(t, b)
			checkParts(t, list)
			f := open(t, b)
			checkRows(t, f, c, maxRows)
			fixture.Golden(t, name, dump(t, f))
			trend := len(c.Snapshots()) > 2
			if chart := list["xl/charts/chart1.xml"]; (chart != nil) != trend || trend && !bytes.Contains(chart, []byte("lineChart")) {
				t.Errorf("a line chart: %v, want %v", chart != nil, trend)
			}
			if trend && !bytes.Contains(list["xl/charts/chart1.xml"], []byte(`<auto val="0">`)) {
				t.Error("the axis of the trend is one of dates")
			}
			if i, err := f.GetSheetIndex(report.TitleTrend); err != nil || (i >= 0) != trend {
				t.Errorf("sheet Trend: %d, %v", i, err)
			}
			if incomplete := strings.Contains(string(list["xl/worksheets/sheet2.xml"]), "INCOMPLETE"); incomplete == c.Complete() {
				t.Errorf("marked as incomplete: %v", incomplete)
			}
		})
	}
}

func TestChangesTwice(t *testing.T) {
	c := fixture.BuildChanges(t, fixture.ChangesInput(t.TempDir()))
	first, second := parts(t, writtenChanges(t, c)), parts(t, writtenChanges(t, c))
	for name, p := range first {
		if !bytes.Equal(p, second[name]) {
			t.Errorf("%s differs", name)
		}
	}
}
