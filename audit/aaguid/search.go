package aaguid

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"passkey-audit/audit"
)

// minPrefix is the least number of characters that Search takes for the
// beginning of an AAGUID: fewer are more likely a word, such as "5".
const minPrefix = 4

// Search gives the authenticators that a person may mean, sorted by name and
// then by AAGUID. It finds
//
//   - the one AAGUID, where the query is one;
//   - AAGUIDs that begin with the query, where it has 4 characters or more;
//   - with a "*", which stands for any text, names, vendors or AAGUIDs that
//     fit the query from end to end;
//   - else entries whose name and vendor together hold each of the query's
//     words, anywhere.
//
// Letter case does not matter. The empty query finds everything. Nothing found
// is a nil slice. To pick authenticators for a policy, use Match: Search finds
// Windows Hello for "Microsoft Authenticator", since Microsoft makes it.
func (c *Catalogue) Search(query string) []audit.Authenticator {
	if id, err := audit.ParseAAGUID(query); err == nil {
		return c.one(id)
	}
	query = fold(query)
	words := strings.Fields(query)
	wild := strings.Contains(query, "*")
	prefix := strings.TrimPrefix(query, "{")
	return c.filter(func(e *indexed) bool {
		if wild {
			return glob(query, e.name) || glob(query, e.vendor) || glob(query, e.text)
		}
		if len(prefix) >= minPrefix && strings.HasPrefix(e.text, prefix) {
			return true
		}
		for _, w := range words {
			if !strings.Contains(e.name, w) && !strings.Contains(e.vendor, w) {
				return false
			}
		}
		return true
	})
}

// Match gives the authenticators that a name stands for where a choice hangs
// on it, such as a change to a policy, in the order of Search. It is narrower
// than Search. It gives
//
//   - the one AAGUID, where the query is one that the catalogue holds;
//   - with a "*", which stands for any text, names or vendors that fit the
//     query from end to end;
//   - the entries whose whole name or vendor is the query, if there are any;
//   - else entries whose name or vendor holds the query as whole words in a
//     row, as "Microsoft Authenticator" stands in "Microsoft Authenticator for
//     iOS".
//
// Letter case does not matter. The empty query, and one of nothing but "*",
// match nothing. Several models may share one name: show the AAGUIDs.
func (c *Catalogue) Match(query string) []audit.Authenticator {
	if id, err := audit.ParseAAGUID(query); err == nil {
		return c.one(id)
	}
	query = fold(query)
	if strings.Trim(query, "* ") == "" {
		return nil
	}
	if strings.Contains(query, "*") {
		return c.filter(func(e *indexed) bool { return glob(query, e.name) || glob(query, e.vendor) })
	}
	if found := c.filter(func(e *indexed) bool { return e.name == query || e.vendor == query }); found != nil {
		return found
	}
	return c.filter(func(e *indexed) bool { return holdsWords(e.name, query) || holdsWords(e.vendor, query) })
}

func (c *Catalogue) one(id audit.AAGUID) []audit.Authenticator {
	if a, ok := c.byID[id]; ok {
		return []audit.Authenticator{a}
	}
	return nil
}

func (c *Catalogue) filter(fits func(*indexed) bool) []audit.Authenticator {
	var found []audit.Authenticator
	for i := range c.sorted {
		if fits(&c.sorted[i]) {
			found = append(found, c.sorted[i].Authenticator)
		}
	}
	return found
}

// fold brings a query into the form that the index has: lower case, one space
// between words.
func fold(query string) string {
	return strings.ToLower(strings.Join(strings.Fields(query), " "))
}

// glob reports whether text fits pattern from end to end, "*" standing for any
// text, the empty one included. It takes time in proportion to the product of
// the lengths at worst.
func glob(pattern, text string) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// holdsWords reports whether phrase stands in text with no letter or digit
// right before or after it.
func holdsWords(text, phrase string) bool {
	for from := 0; ; {
		at := strings.Index(text[from:], phrase)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, size := utf8.DecodeRuneInString(text[at+len(phrase):])
		if (at == 0 || !wordRune(before)) && (size == 0 || !wordRune(after)) {
			return true
		}
		from = at + 1
	}
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
