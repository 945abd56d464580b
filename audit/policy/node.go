package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A SyntaxError says what is wrong with a body, and where.
type SyntaxError struct {
	// Source is the file's name; empty where there is none.
	Source string
	// Line and Column count from 1, Column in characters.
	Line, Column int
	// Msg is lower case and without a full stop.
	Msg string
}

// Error gives SOURCE:LINE:COLUMN: MSG, or names line and column in words where
// there is no source.
func (e *SyntaxError) Error() string {
	if e.Source == "" {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Source, e.Line, e.Column, e.Msg)
}

// A kind is a kind of JSON value, in the words of error messages.
type kind string

const (
	kindObject kind = "an object"
	kindArray  kind = "a list"
	kindText   kind = "text"
	kindNumber kind = "a number"
	kindBool   kind = "true or false"
	kindNull   kind = "null"
)

// A node is a JSON value that knows its place: encoding/json's own decoding
// forgets it, and a proposal that is refused must say where.
type node struct {
	kind    kind
	at      int // offset of its first byte
	text    string
	truth   bool
	members []member
	items   []node
}

type member struct {
	name  string
	at    int
	value node
}

// Bounds of what is read. A policy has at most 20 KB; the rest is room for
// white space. Notes beyond the bound are summed up in one.
const (
	maxBody  = 1 << 20
	maxNotes = 100
)

// A document is a body under examination. Its notes tell what was found odd
// and is no error.
type document struct {
	source string
	text   []byte
	// live is nil when Graph's own answer is read: then unknown values of
	// enumerations and broken AAGUIDs are kept and noted. For a proposal it
	// holds the values that the live policy has, which are accepted although
	// unknown; any other unknown value is an error.
	live map[string]bool
	// early is true before the live policy is known: a value of an enumeration
	// may turn out to be one that it has.
	early bool
	notes []string
}

func (d *document) proposal() bool { return d.live != nil }

func (d *document) errorAt(at int, format string, args ...any) error {
	line, column := place(d.text, at)
	return &SyntaxError{Source: d.source, Line: line, Column: column, Msg: fmt.Sprintf(format, args...)}
}

// note records an oddity; those of a proposal carry their place.
func (d *document) note(at int, format string, args ...any) {
	if len(d.notes) > maxNotes {
		return
	}
	msg := fmt.Sprintf(format, args...)
	if len(d.notes) == maxNotes {
		msg = "further oddities from here on are not listed"
	}
	if d.proposal() {
		line, column := place(d.text, at)
		msg = fmt.Sprintf("%s:%d:%d: %s", d.source, line, column, msg)
	}
	d.notes = append(d.notes, msg)
}

// place turns a byte offset into line and column, both from 1.
func place(text []byte, at int) (line, column int) {
	at = min(max(at, 0), len(text))
	before := text[:at]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[start:]) + 1
}

// root checks the text as a whole and gives its top-level object.
func (d *document) root() (node, error) {
	switch {
	case len(d.text) > maxBody:
		return node{}, d.errorAt(0, "the text has more than %d bytes; a policy has at most 20 KB", maxBody)
	case bytes.HasPrefix(d.text, []byte{0xff, 0xfe}), bytes.HasPrefix(d.text, []byte{0xfe, 0xff}),
		bytes.IndexByte(d.text[:min(len(d.text), 4)], 0) >= 0:
		return node{}, d.errorAt(0, "the text is UTF-16: save it as UTF-8, in PowerShell with Out-File -Encoding utf8")
	}
	d.text = bytes.TrimPrefix(d.text, []byte("\ufeff"))
	if !utf8.Valid(d.text) {
		return node{}, d.errorAt(firstInvalid(d.text), "the text is not valid UTF-8")
	}
	if len(bytes.TrimSpace(d.text)) == 0 {
		return node{}, d.errorAt(0, "the text is empty: a JSON object is expected")
	}
	var raw json.RawMessage
	if err := json.Unmarshal(d.text, &raw); err != nil {
		var syntax *json.SyntaxError
		if !errors.As(err, &syntax) {
			return node{}, d.errorAt(0, "read JSON: %v", err)
		}
		at := int(syntax.Offset) - 1 // Offset counts the offending byte too
		if strings.Contains(syntax.Error(), "unexpected end") {
			at = len(d.text)
		}
		return node{}, d.errorAt(at, "no valid JSON: %v", syntax)
	}
	dec := json.NewDecoder(bytes.NewReader(d.text))
	dec.UseNumber() // keeps 1e999 from being an error without a place
	n, err := d.value(dec)
	if err != nil {
		return node{}, err
	}
	if n.kind != kindObject {
		return node{}, d.errorAt(n.at, "a JSON object is expected, not %s", n.kind)
	}
	return n, nil
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

// value reads one value. The text is known to be valid JSON; encoding/json
// bounds its depth at 10,000.
func (d *document) value(dec *json.Decoder) (node, error) {
	at, token, err := d.token(dec)
	if err != nil {
		return node{}, err
	}
	switch t := token.(type) {
	case string:
		return node{kind: kindText, at: at, text: t}, nil
	case bool:
		return node{kind: kindBool, at: at, truth: t}, nil
	case json.Number:
		return node{kind: kindNumber, at: at, text: t.String()}, nil
	case json.Delim:
		if t == '[' {
			return d.list(dec, at)
		}
		return d.object(dec, at)
	}
	return node{kind: kindNull, at: at}, nil
}

func (d *document) list(dec *json.Decoder, at int) (node, error) {
	n := node{kind: kindArray, at: at}
	for dec.More() {
		item, err := d.value(dec)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, item)
	}
	_, _, err := d.token(dec)
	return n, err
}

func (d *document) object(dec *json.Decoder, at int) (node, error) {
	n := node{kind: kindObject, at: at}
	seen := map[string]int{}
	for dec.More() {
		nameAt, token, err := d.token(dec)
		if err != nil {
			return node{}, err
		}
		name, _ := token.(string)
		value, err := d.value(dec)
		if err != nil {
			return node{}, err
		}
		i, twice := seen[name]
		switch {
		case twice && d.proposal():
			return node{}, d.errorAt(nameAt, "%q is given twice", name)
		case twice:
			d.note(nameAt, "%q is given twice; the last one is followed", name)
			n.members[i] = member{name, nameAt, value}
		default:
			seen[name] = len(n.members)
			n.members = append(n.members, member{name, nameAt, value})
		}
	}
	_, _, err := d.token(dec)
	return n, err
}

// token reads a token and tells where it begins.
func (d *document) token(dec *json.Decoder) (int, json.Token, error) {
	at := int(dec.InputOffset())
	for at < len(d.text) && strings.IndexByte(" \t\r\n,:", d.text[at]) >= 0 {
		at++
	}
	token, err := dec.Token()
	if err != nil {
		return at, nil, d.errorAt(at, "read JSON: %v", err)
	}
	return at, token, nil
}
