package report

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// TestFoldASCII: where it answers, it answers as the folding of any text does.
func TestFoldASCII(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.RuneFrom([]rune(" \t\n\v\f\rab.~!\x00\x1b\x7fä\u2028"))).Draw(t, "text")
		got, ok := foldASCII(s)
		if clean := !strings.ContainsFunc(s, func(r rune) bool { return r > '~' || !unicode.IsPrint(r) && !unicode.IsSpace(r) }); ok != clean {
			t.Fatalf("%q: answered %v", s, ok)
		}
		if want := strings.Join(strings.Fields(s), " "); ok && got != want {
			t.Fatalf("%q became %q, want %q", s, got, want)
		}
	})
}
