package graph

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	// A JSON Web Token, signed or not; the first part always begins so, since
	// it is the base64 of {".
	jwtPattern = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}(\.[A-Za-z0-9_-]*){1,4}`)
	// Credentials inside an address.
	userinfoPattern = regexp.MustCompile(`(://)[^/@\s"']+@`)
	// The opaque tokens of links.
	skipTokenPattern = regexp.MustCompile(`(?i)(skiptoken=)[^&\s"']+`)
	// What secrets are called in requests for tokens, and in headers.
	secretPattern = regexp.MustCompile(`(?i)((?:client_secret|client_assertion|password)(?:=|%3d)|bearer\s+)[^&\s"',;]+`)
)

// clean makes text of others fit for an error: one line without control or
// format characters, at most max runes, without tokens, credentials in
// addresses and page tokens.
func clean(s string, max int) string {
	if s == "" {
		return ""
	}
	// Bound the work first: a body may be megabytes.
	if limit := 16 * max; len(s) > limit {
		s = s[:limit]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	s = jwtPattern.ReplaceAllString(s, "[token]")
	s = userinfoPattern.ReplaceAllString(s, "$1[credentials]@")
	s = skipTokenPattern.ReplaceAllString(s, "$1[hidden]")
	s = secretPattern.ReplaceAllString(s, "$1[hidden]")
	if runes := []rune(s); len(runes) > max {
		s = string(runes[:max-1]) + "…"
	}
	return s
}
