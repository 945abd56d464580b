package snapshot

import (
	"errors"
	"strings"

	"passkey-audit/audit"
)

// errDamaged says that a row is not what the query asked for.
var errDamaged = errors.New("a row does not decode")

// pack gives the SQL that joins values to one text: before each stands its
// length in bytes and a colon, so that the values may hold anything
// (https://cr.yp.to/proto/netstrings.txt). None may be null.
func pack(values ...string) string {
	var list []string
	for _, v := range values {
		list = append(list, "octet_length("+v+") || ':' || "+v)
	}
	return strings.Join(list, " || ")
}

// A packed takes apart what pack joined. It turns bad at what pack does not
// write, and gives nothing from then on.
type packed struct {
	rest string
	bad  bool
}

// more tells whether there is another value.
func (p *packed) more() bool { return p.rest != "" && !p.bad }

// text gives the next value.
func (p *packed) text() string {
	var s string
	var ok bool
	if s, p.rest, ok = cutPacked(p.rest); !ok || p.bad {
		p.bad = true
		return ""
	}
	return s
}

// cutPacked cuts the first value off. Where it is not ok, rest is all.
func cutPacked[T string | []byte](b T) (value, rest T, ok bool) {
	n, i := 0, 0
	for ; i < len(b) && b[i] != ':' && n <= len(b); i++ {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		n = 10*n + int(c)
	}
	if i == 0 || i == len(b) || b[i] != ':' || n > len(b)-i-1 {
		return value, b, false
	}
	return b[i+1:][:n], b[i+1+n:], true
}

// ternary gives the next value, which is 1, 0 or empty.
func (p *packed) ternary() audit.Ternary {
	switch p.text() {
	case "":
		return audit.Unknown
	case "0":
		return audit.No
	case "1":
		return audit.Yes
	}
	p.bad = true
	return audit.Unknown
}
