package strength

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// A Strength is an authentication strength, as far as passkeys are concerned.
type Strength struct {
	// ID is in lower case; Name is hostile text, like all names.
	ID, Name string
	// Custom tells a strength of the tenant's own from one of Microsoft's.
	Custom bool
	// Lists are the AAGUIDs that it accepts, one list for each configuration that
	// limits passkeys; each is sorted and without duplicates. Graph is not known to
	// give more than one. Without a list, and not Unclear, every passkey will do.
	Lists [][]audit.AAGUID
	// Unclear tells that it limits AAGUIDs and that it is not known to which: a
	// list is missing, or empty, which Microsoft does not explain.
	Unclear bool
	// Told tells whether configurations were sent at all, be it none.
	Told bool
}

// Limited reports whether the strength accepts some passkeys and not others.
func (s *Strength) Limited() bool { return len(s.Lists) > 0 || s.Unclear }

// Accepts tells whether the strength accepts the passkeys of an AAGUID. It is
// Unknown where the limit is unclear, and where several lists disagree.
func (s *Strength) Accepts(a audit.AAGUID) audit.Ternary {
	in := 0
	for _, list := range s.Lists {
		if _, ok := slices.BinarySearchFunc(list, a, compare); ok {
			in++
		}
	}
	switch {
	case s.Unclear:
		return audit.Unknown
	case in == len(s.Lists):
		return audit.Yes
	case in == 0:
		return audit.No
	}
	return audit.Unknown
}

func compare(a, b audit.AAGUID) int { return bytes.Compare(a[:], b[:]) }

// A Note says in a sentence what was met that could not be judged, or was judged
// in a way that Microsoft does not document.
type Note struct {
	Text string
	// Open tells that findings may be missing for it.
	Open bool
}

// The combination that passkeys are, in the words of allowedCombinations.
const passkeys = "fido2"

// strengthJSON is an authenticationStrengthPolicy. encoding/json does not look
// at letter case, which Graph itself has in two ways: allowedAAGUIDs here,
// aaGuids in the methods policy.
type strengthJSON struct {
	ID             string               `json:"id"`
	Name           string               `json:"displayName"`
	Type           string               `json:"policyType"`
	Combinations   *[]string            `json:"allowedCombinations"`
	Configurations *[]configurationJSON `json:"combinationConfigurations"`
}

type configurationJSON struct {
	Type    string    `json:"@odata.type"`
	Applies *[]string `json:"appliesToCombinations"`
	AAGUIDs *[]string `json:"allowedAAGUIDs"`
}

// Parse reads authentication strengths as Graph lists them, one JSON object each,
// in their order. A strength that is there twice is given once. An object that
// cannot be read is an error that tells its place, counted from 1: judging by
// the others alone could hide what it limits.
func Parse(items [][]byte) ([]Strength, []Note, error) {
	var list []Strength
	var notes []Note
	place := map[string]int{}
	for i, item := range items {
		var raw strengthJSON
		if err := decode(item, &raw); err != nil {
			return nil, nil, fmt.Errorf("read authentication strength %d: %w", i+1, err)
		}
		if raw.ID == "" {
			return nil, nil, fmt.Errorf("read authentication strength %d: %w", i+1, errNoID)
		}
		s, more := raw.strength()
		at, twice := place[s.ID]
		switch {
		case !twice:
			place[s.ID] = len(list)
			list, notes = append(list, s), append(notes, more...)
		case !reflect.DeepEqual(list[at], s):
			// Changed while it was listed, perhaps.
			list[at].Unclear = true
			notes = append(notes, Note{Text: "Authentication strength " + quote(s.Name) + " was listed twice, in different forms: what it accepts is not known.", Open: true})
		}
	}
	return list, notes, nil
}

var (
	errNoID     = errors.New("it has no id")
	errNoObject = errors.New("it is no JSON object")
)

// decode reads one JSON object.
func decode(item []byte, v any) error {
	if !bytes.HasPrefix(bytes.TrimLeft(item, " \t\r\n"), []byte("{")) {
		return errNoObject
	}
	err := json.Unmarshal(item, v)
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) {
		kind, _, _ := strings.Cut(typed.Value, " ")
		return fmt.Errorf("%s is a JSON %s", typed.Field, kind)
	}
	return err
}

// strength takes what matters, and says what it could not make sense of.
func (raw *strengthJSON) strength() (Strength, []Note) {
	s := Strength{ID: strings.ToLower(raw.ID), Name: raw.Name, Custom: strings.EqualFold(raw.Type, "custom"), Told: raw.Configurations != nil}
	var notes []Note
	say := func(open bool, format string, args ...any) {
		notes = append(notes, Note{Text: "Authentication strength " + quote(s.label()) + fmt.Sprintf(format, args...), Open: open})
	}
	if raw.Configurations == nil {
		return s, nil
	}
	for _, c := range *raw.Configurations {
		kind := strings.ToLower(strings.TrimPrefix(c.Type, "#microsoft.graph."))
		switch {
		case kind == "x509certificatecombinationconfiguration":
			continue
		case kind != "fido2combinationconfiguration" && (kind != "" || c.AAGUIDs == nil):
			say(c.concernsPasskeys(), " has a configuration of a kind that is not known (%s): it is not judged.", quote(c.Type))
			continue
		case !c.concernsPasskeys():
			say(false, " has a list of AAGUIDs that is for other methods than passkeys: it is not judged.")
			continue
		case c.AAGUIDs == nil:
			s.Unclear = true
			say(false, " limits AAGUIDs, and its list was not told: what it accepts is not known.")
			continue
		case len(*c.AAGUIDs) == 0:
			s.Unclear = true
			say(false, " has an empty list of AAGUIDs, and Microsoft does not document what that means: what it accepts is not known.")
			continue
		}
		accepted, bad := parseList(*c.AAGUIDs)
		if bad > 0 {
			say(false, " has %d entries among its AAGUIDs that are none: they accept nothing.", bad)
		}
		s.Lists = append(s.Lists, accepted)
	}
	if len(s.Lists) > 1 {
		say(false, " has several lists of AAGUIDs: of a passkey that is not in all of them it is not known whether it is accepted.")
	}
	if s.Limited() && raw.Combinations != nil && !contains(*raw.Combinations, passkeys) {
		s.Lists, s.Unclear = nil, false
		say(false, " has a list of AAGUIDs and permits no passkeys at all: it is not judged.")
	}
	return s, notes
}

// concernsPasskeys reports whether the configuration applies to passkeys; one
// that does not say what it applies to may.
func (c *configurationJSON) concernsPasskeys() bool {
	return c.Applies == nil || len(*c.Applies) == 0 || contains(*c.Applies, passkeys)
}

func contains(list []string, want string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), want) })
}

// parseList gives the AAGUIDs of a list in order, and counts what is none.
func parseList(texts []string) (list []audit.AAGUID, bad int) {
	list = make([]audit.AAGUID, 0, len(texts))
	for _, text := range texts {
		a, err := audit.ParseAAGUID(text)
		if err != nil {
			bad++
			continue
		}
		list = append(list, a)
	}
	slices.SortFunc(list, compare)
	return slices.Compact(list), bad
}

// label is the name, or the id where there is none.
func (s *Strength) label() string {
	if printable(s.Name) == "" {
		return s.ID
	}
	return s.Name
}
