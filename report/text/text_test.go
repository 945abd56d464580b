package text

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

func TestAAGUIDs(t *testing.T) {
	var b bytes.Buffer
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	if err := WriteAAGUIDs(context.Background(), &b, d); err != nil {
		t.Fatal(err)
	}
	fixture.Golden(t, "AAGUIDs.txt", b.Bytes())
	if n := strings.Count(b.String(), "has no Passkey"); n != 1 {
		t.Errorf("%d users have no passkey; 1 was read and has none", n)
	}
	if !strings.HasPrefix(b.String(), "---\n") || !strings.HasSuffix(b.String(), "===\n") || strings.Contains(b.String(), "\r") {
		t.Error("not the form of the script")
	}
	if err := WriteAAGUIDs(context.Background(), full{}, d); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

// checkTerminal holds what every summary must keep to.
func checkTerminal(t *testing.T, s string) {
	t.Helper()
	for line := range strings.Lines(s) {
		if w := Width(strings.TrimSuffix(line, "\n")); w > columns {
			t.Errorf("%d columns: %q", w, line)
		}
		for _, r := range line {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Errorf("%U in %q", r, line)
			}
		}
	}
}

func TestTerminal(t *testing.T) {
	inputs := map[string]report.Input{
		"terminal.txt":              fixture.Input(t.TempDir()),
		"terminal-empty.txt":        fixture.Empty(t.TempDir()),
		"terminal-tenants.txt":      fixture.Fleet(t.TempDir()),
		"terminal-many-tenants.txt": fixture.LargeFleet(t.TempDir(), 1200),
		"terminal-large.txt":        fixture.Large(t.TempDir(), 2000),
	}
	hostile := fixture.Users()
	for _, u := range hostile {
		u.UPN = "\x1b[2J\u202E田中" + strings.Repeat("田", 60) + u.UPN
	}
	in := fixture.Input(t.TempDir())
	in.Users, in.Tenant.Name, in.Proposal.Name = fixture.Each(hostile), "\x1b]0;x\x07"+strings.Repeat("long ", 40), strings.Repeat("/very", 40)
	inputs["terminal-hostile.txt"] = in
	for name, in := range inputs {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			err := WriteTerminal(&b, fixture.Build(t, in), Output{Dir: "passkey-audit_contoso.com_20260801T120320Z",
				Files: []string{"report.xlsx", "breaking.csv", "passkeys.csv", "users.csv", "aaguids.csv", "unread.csv", "strengths.csv", "outreach.csv", "summary.json"}})
			if err != nil {
				t.Fatal(err)
			}
			checkTerminal(t, b.String())
			fixture.Golden(t, name, b.Bytes())
		})
	}
}

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "田中": 4, "é": 1, "e\u0301": 1, "😀": 2, "ﾊ": 1} {
		if got := Width(s); got != want {
			t.Errorf("%q: got %d, want %d", s, got, want)
		}
	}
}

func TestSafe(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "Alex Wilber", "Alex Wilber"},
		{"escape", "\x1b[31mred", "\uFFFD[31mred"},
		{"C1", "a\u009b31m", "a\uFFFD31m"},
		{"line end", "a\r\nb", "a\uFFFD\uFFFDb"},
		{"override", "a\u202Eb", "a\uFFFDb"},
		{"isolate", "a\u2066b", "a\uFFFDb"},
		{"Arabic letter mark", "a\u061Cb", "a\uFFFDb"},
		{"annotation", "a\uFFF9b", "a\uFFFDb"},
		{"deprecated format", "a\u206Eb", "a\uFFFDb"},
		{"separator", "a\u2028b", "a\uFFFDb"},
		{"joiner stays", "👩\u200D💻", "👩\u200D💻"},
		{"bad UTF-8", "a\xffb", "a\uFFFDb"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Line(test.in); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestCutAndWrap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		n := rapid.IntRange(4, 90).Draw(t, "n")
		if got := Cut(s, n); Width(got) > n {
			t.Fatalf("Cut gives %d columns: %q", Width(got), got)
		}
		if got := Pad(s, n); Width(got) != n {
			t.Fatalf("Pad gives %d columns: %q", Width(got), got)
		}
		wrapped := Wrap(s, n, "  ")
		for line := range strings.SplitSeq(wrapped, "\n") {
			if Width(line) > n {
				t.Fatalf("Wrap gives %d columns: %q", Width(line), line)
			}
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if squeeze(wrapped) != squeeze(Line(s)) {
			t.Fatalf("Wrap lost text: %q of %q", wrapped, s)
		}
	})
}
