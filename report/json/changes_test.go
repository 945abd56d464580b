package json

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// TestChanges: the file is one JSON value that its schema describes, and has
// every change and everybody who could not be compared.
func TestChanges(t *testing.T) {
	raw, err := os.ReadFile("changes.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]report.ChangesInput{"changes.json": fixture.ChangesInput(t.TempDir()), "changes-none.json": fixture.NothingChanged(t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			c := fixture.BuildChanges(t, in)
			var b bytes.Buffer
			if err := WriteChanges(context.Background(), &b, c); err != nil {
				t.Fatal(err)
			}
			fixture.Golden(t, name, b.Bytes())
			var v any
			if err := json.Unmarshal(b.Bytes(), &v); err != nil {
				t.Fatal(err)
			}
			for _, problem := range check(schema, v, "changes") {
				t.Error(problem)
			}
			var got struct {
				Comparison
				Changes     []Change
				NotCompared []Person `json:"not_compared"`
			}
			if err := json.Unmarshal(b.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			n := got.Counts
			sum := n.PolicyChanged + n.NewlyBlocked + n.NewlyAllowed + n.NewlyUndecided + n.PasskeyAdded + n.PasskeyRemoved + n.UserAdded + n.UserRemoved
			if len(got.Changes) != sum || len(got.NotCompared) != n.NotCompared || n.NotCompared != c.Figures.NotCompared {
				t.Errorf("%d changes and %d not compared; the counts say %+v", len(got.Changes), len(got.NotCompared), n)
			}
			for _, s := range got.Snapshots {
				if p := s.Passkeys; p.Total != p.Allowed+p.Blocked+p.Undecided {
					t.Errorf("passkeys do not add up: %+v", p)
				}
			}
		})
	}
}

func TestChangesFail(t *testing.T) {
	c := fixture.BuildChanges(t, fixture.ChangesInput(t.TempDir()))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := WriteChanges(ctx, &bytes.Buffer{}, c); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if err := WriteChanges(context.Background(), full{}, c); !errors.Is(err, os.ErrClosed) {
		t.Errorf("disk full: got %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }
