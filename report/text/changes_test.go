package text

import (
	"bytes"
	"strings"
	"testing"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

func TestChanges(t *testing.T) {
	for name, in := range map[string]report.ChangesInput{"changes.txt": fixture.ChangesInput(t.TempDir()), "changes-none.txt": fixture.NothingChanged(t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			c := fixture.BuildChanges(t, in)
			var b bytes.Buffer
			if err := WriteChanges(&b, c, Output{Dir: "out", Files: []string{"changes.csv", "changes.json", "compare.xlsx"}}); err != nil {
				t.Fatal(err)
			}
			fixture.Golden(t, name, b.Bytes())
			for l := range strings.Lines(b.String()) {
				if l = strings.TrimSuffix(l, "\n"); Width(l) > columns {
					t.Errorf("%d columns: %q", Width(l), l)
				}
				if strings.ContainsFunc(strings.ReplaceAll(l, "\uFFFD", ""), unsafeRune) {
					t.Errorf("control characters: %q", l)
				}
			}
			if flat := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(flat, c.Verdict()) || !strings.Contains(flat, c.Completeness()) {
				t.Error("the verdict or the completeness is not there")
			}
		})
	}
}
