package report

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// TestFold: in one pass it does what these say in three.
func TestFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(
			rapid.StringOf(rapid.RuneFrom([]rune(" \t\n\v\f\r\u0085\u00a0ab.~!\x00\x1b\x7fä界\u2028\u202e\ufffd"))),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		).Draw(t, "text")
		plain := strings.Map(func(r rune) rune {
			switch {
			case unicode.IsSpace(r):
				return ' '
			case !unicode.IsPrint(r):
				return '\uFFFD'
			}
			return r
		}, s)
		if got, want := fold(s), strings.Join(strings.Fields(plain), " "); got != want {
			t.Fatalf("%q became %q, want %q", s, got, want)
		}
	})
}
