package policy

import (
	"strings"

	"passkey-audit/audit"
)

// configType is the @odata.type of the Passkey (FIDO2) configuration.
const configType = "#microsoft.graph.fido2AuthenticationMethodConfiguration"

// An opt is a property that a body may give or leave out.
type opt[T any] struct {
	set   bool
	at    int
	value T
}

// A body holds what a configuration body gives, each with its place.
type body struct {
	root           node
	state          opt[string]
	selfService    opt[audit.Ternary]
	attestation    opt[audit.Ternary]
	restrictions   opt[restrictions]
	defaultProfile opt[string]
	profiles       opt[[]profile]
	include        opt[[]target]
	exclude        opt[[]target]
}

type restrictions struct {
	null     bool
	enforced opt[audit.Ternary]
	kind     opt[string]
	aaguids  opt[[]string]
}

type profile struct {
	at           int
	id           opt[string]
	name         opt[string]
	types        opt[[]audit.PasskeyType]
	attestation  opt[string]
	restrictions opt[restrictions]
}

type target struct {
	at           int
	kind, id     opt[string]
	profiles     opt[[]string]
	profileAt    []int
	registration opt[audit.Ternary]
}

// A field reads the value of one property; path names it in messages.
type field func(n node, path string) error

// fields reads an object's properties by their exact names, as Graph does, and
// notes the ones it does not know. It returns how many it knew.
func (d *document) fields(n node, path string, known map[string]field) (int, error) {
	found := 0
	for _, m := range n.members {
		if strings.Contains(m.name, "@") {
			continue // OData and Graph annotations
		}
		read, ok := known[m.name]
		if !ok {
			d.unknownProperty(m, path, known)
			continue
		}
		found++
		if err := read(m.value, join(path, m.name)); err != nil {
			return found, err
		}
	}
	return found, nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// unknownProperty notes a property, with a hint where the name is near to a
// known one.
func (d *document) unknownProperty(m member, path string, known map[string]field) {
	best, distance := "", 3
	for name := range known {
		switch n := editDistance(strings.ToLower(m.name), strings.ToLower(name)); {
		case n < distance, n == distance && best != "" && name < best:
			best, distance = name, n
		}
	}
	if best != "" {
		d.note(m.at, "property %q is not known and was left aside; did you mean %q?", join(path, shorten(m.name)), best)
		return
	}
	d.note(m.at, "property %q is not known and was left aside", join(path, shorten(m.name)))
}

// editDistance is Levenshtein's, or 99 for names of very different length.
func editDistance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 99
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// shorten bounds text of a body that a message quotes.
func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

func (d *document) mismatch(n node, path, want string) error {
	return d.errorAt(n.at, "%s must be %s, not %s", path, want, n.kind)
}

func (d *document) ternary(to *opt[audit.Ternary]) field {
	return func(n node, path string) error {
		switch n.kind {
		case kindBool:
			*to = opt[audit.Ternary]{true, n.at, audit.TernaryOf(n.truth)}
		case kindNull:
			*to = opt[audit.Ternary]{true, n.at, audit.Unknown}
		default:
			return d.mismatch(n, path, "true, false or null")
		}
		return nil
	}
}

// str reads text; null counts as empty.
func (d *document) str(to *opt[string]) field {
	return func(n node, path string) error {
		if n.kind != kindText && n.kind != kindNull {
			return d.mismatch(n, path, "text")
		}
		*to = opt[string]{true, n.at, n.text}
		return nil
	}
}

// enum reads text that must be one of values, in any letter case. Null, which
// counts as empty, is refused or noted like an unknown value unless nullable.
func (d *document) enum(to *opt[string], nullable bool, values ...string) field {
	return func(n node, path string) error {
		if n.kind != kindText && n.kind != kindNull {
			return d.mismatch(n, path, "text: "+words(values))
		}
		*to = opt[string]{true, n.at, n.text}
		if n.kind == kindNull && nullable {
			return nil
		}
		return d.checkEnum(n, path, n.text, values)
	}
}

func (d *document) checkEnum(n node, path, value string, values []string) error {
	for _, v := range values {
		if strings.EqualFold(v, value) {
			return nil
		}
	}
	shown := "null"
	if n.kind != kindNull {
		shown = `"` + shorten(value) + `"`
	}
	if d.proposal() && !d.early && !d.live[enumKey(path, value)] {
		return d.errorAt(n.at, "%s is %s: %s is expected", path, shown, words(values))
	}
	d.note(n.at, "%s is %s, a value that is not known", path, shown)
	return nil
}

// enumKey names a value of an enumeration, whatever object holds it.
func enumKey(path, value string) string {
	return path[strings.LastIndexByte(path, '.')+1:] + "=" + strings.ToLower(value)
}

// words joins values as `"a" or "b"`.
func words(values []string) string {
	return `"` + strings.Join(values, `" or "`) + `"`
}

// each reads a list's items; null counts as an empty list.
func (d *document) each(n node, path string, item func(node, string, int) error) error {
	if n.kind == kindNull {
		return nil
	}
	if n.kind != kindArray {
		return d.mismatch(n, path, "a list")
	}
	for i, it := range n.items {
		if err := item(it, path, i); err != nil {
			return err
		}
	}
	return nil
}
