package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// replacement stands for a character that may not reach a terminal.
const replacement = '\uFFFD'

// Line makes a tenant's text safe to print: control characters, line ends,
// terminal sequences' introducers and the characters that turn the direction
// of writing are replaced visibly, so that a text stays on its line and looks
// like what it is.
func Line(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unsafeRune(r) {
			return replacement
		}
		return r
	}, s)
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// unsafeRune reports whether r is a control character, a line or paragraph
// separator, a character of bidirectional control or of no width, or no
// character at all.
func unsafeRune(r rune) bool {
	switch {
	case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
		return true
	case r == '\u2028', r == '\u2029', r >= 0xE0000 && r <= 0xE0FFF:
		return true
	case r == '\u200B', r == '\u180E', r == '\uFEFF', r == '\u00AD', r >= '\u2060' && r <= '\u206F', r >= '\uFFF9' && r <= '\uFFFB':
		return true
	}
	return false
}

// Width tells how many columns s takes in a terminal: two for the wide
// characters of East Asian scripts and for pictographs, none for marks that
// join the character before.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Cut makes s safe and cuts it to at most n columns, with … where it was cut.
func Cut(s string, n int) string {
	s = Line(s)
	if Width(s) <= n {
		return s
	}
	used := 0
	for i, r := range s {
		w := runeWidth(r)
		if used+w > n-1 {
			return s[:i] + "…"
		}
		used += w
	}
	return s
}

// Pad gives s, cut and filled with blanks to exactly n columns.
func Pad(s string, n int) string {
	s = Cut(s, n)
	return s + strings.Repeat(" ", max(0, n-Width(s)))
}

// Wrap breaks a text of words into lines of at most n columns, each after the
// first with indent in front. Words that are longer than a line are cut apart.
func Wrap(s string, n int, indent string) string {
	var lines []string
	line, used := "", 0
	end := func() {
		lines = append(lines, line)
		line, used = indent, len(indent)
	}
	for _, word := range strings.Fields(Line(s)) {
		if used > 0 && line != indent {
			if used+1+Width(word) <= n {
				line += " "
				used++
			} else {
				end()
			}
		}
		for used+Width(word) > n {
			head := headOf(word, n-used)
			line += head
			word = word[len(head):]
			end()
		}
		line += word
		used += Width(word)
	}
	return strings.Join(append(lines, line), "\n")
}

// headOf gives the longest start of s that takes at most n columns, and at
// least one character.
func headOf(s string, n int) string {
	used := 0
	for i, r := range s {
		used += runeWidth(r)
		if used > n && i > 0 {
			return s[:i]
		}
	}
	return s
}
