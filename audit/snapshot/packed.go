package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
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

// joined gives the SQL that joins values with a character between them, in half
// the time that pack takes. None may be null.
func joined(values []string) string {
	return fmt.Sprintf("concat_ws(char(%d), %s)", between, strings.Join(values, ", "))
}

// between stands between values that are joined: the unit separator, which is in
// no name that means well.
const between = '\x1f'

// repack adds the n values of a line as pack would have. It is false where there
// are more or fewer, since a value holds the character that stands between them.
func repack(to, line []byte, n int) ([]byte, bool) {
	for ; n > 1; n-- {
		i := bytes.IndexByte(line, between)
		if i < 0 {
			return to, false
		}
		to = appendPacked(to, line[:i])
		line = line[i+1:]
	}
	return appendPacked(to, line), bytes.IndexByte(line, between) < 0
}

// appendPacked adds a value as pack would have.
func appendPacked(to, value []byte) []byte {
	to = strconv.AppendInt(to, int64(len(value)), 10)
	return append(append(to, ':'), value...)
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
