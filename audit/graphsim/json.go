package graphsim

import (
	"strconv"
	"time"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Only what JSON demands is escaped,
// so that hostile text reaches the reader as it is.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		start = i + 1
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendStringOrNull appends null for the empty string.
func appendStringOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendString(b, s)
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

// A moment is a time of the tenant with the fraction that Graph would write:
// ticks of 100 ns, and no fraction at all for zero. The zero moment is null.
type moment struct {
	unix  int64
	ticks int
}

func (m moment) time() time.Time {
	if m == (moment{}) {
		return time.Time{}
	}
	return time.Unix(m.unix, int64(m.ticks)*100).UTC()
}

// append appends the moment as a JSON string in Graph's form, with seven
// fractional digits or none.
func (m moment) append(b []byte) []byte {
	switch {
	case m == (moment{}):
		return append(b, "null"...)
	case m.ticks == 0:
		return m.time().AppendFormat(b, `"2006-01-02T15:04:05Z"`)
	}
	return m.time().AppendFormat(b, `"2006-01-02T15:04:05.0000000Z"`)
}

func appendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }

func appendInt(b []byte, v int) []byte { return strconv.AppendInt(b, int64(v), 10) }
