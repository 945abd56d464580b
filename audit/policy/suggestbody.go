package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"passkey-audit/audit"
)

// An object is a JSON object whose members are kept as they were written, and
// in their order.
type object []objectMember

type objectMember struct {
	name  string
	value json.RawMessage
}

// readObject reads an object; of two members with one name the last counts, as
// in Parse. Annotations go, but for types: they describe an answer, and have no
// place in a request.
func readObject(text []byte) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("a JSON object is expected")
	}
	var o object
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if name, _ := token.(string); !strings.Contains(name, "@") || name == "@odata.type" {
			o = o.with(name, value)
		}
	}
	return o, nil
}

// with sets a member in its place, or behind the others.
func (o object) with(name string, value json.RawMessage) object {
	for i := range o {
		if o[i].name == name {
			o[i].value = value
			return o
		}
	}
	return append(o, objectMember{name, value})
}

// text finds a member that is text.
func (o object) text(name string) string {
	var s string
	if err := json.Unmarshal(o.get(name), &s); err != nil {
		return ""
	}
	return s
}

func (o object) get(name string) json.RawMessage {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// encode writes the object. Names with & and < stay readable.
func (o object) encode() (json.RawMessage, error) {
	b := bytes.NewBufferString("{")
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := value(m.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		if err := json.Compact(b, m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// value writes a JSON value without escapes for HTML.
func value(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// The parts of a PATCH body, in Graph's names and in the order of its
// reference, for where the live body is not at hand.
type (
	patchRestrictions struct {
		Enforced *bool    `json:"isEnforced"`
		Type     *string  `json:"enforcementType"`
		AAGUIDs  []string `json:"aaGuids"`
	}
	patchProfile struct {
		ID           string            `json:"id"`
		Name         string            `json:"name,omitempty"`
		Types        string            `json:"passkeyTypes,omitempty"`
		Attestation  string            `json:"attestationEnforcement,omitempty"`
		Restrictions patchRestrictions `json:"keyRestrictions"`
	}
)

func patchOf(k audit.KeyRestrictions) patchRestrictions {
	r := patchRestrictions{Enforced: k.Enforced.Pointer(), AAGUIDs: k.AAGUIDs}
	if k.Type != "" {
		r.Type = &k.Type
	}
	if r.AAGUIDs == nil {
		r.AAGUIDs = []string{}
	}
	return r
}

func patchProfileOf(q audit.Profile) patchProfile {
	types := make([]string, len(q.Types))
	for i, t := range q.Types {
		types[i] = string(t)
	}
	return patchProfile{
		ID: q.ID, Name: q.Name, Types: strings.Join(types, ","),
		Attestation: q.Attestation, Restrictions: patchOf(q.KeyRestrictions),
	}
}

// encode writes the body. Every profile is in it with all that the live body
// says of it, since Graph replaces the collection whole.
func (b *builder) encode(next audit.Policy) error {
	var live object
	if len(b.o.Live) > 0 {
		var err error
		if live, err = readObject(bytes.TrimPrefix(b.o.Live, []byte("\ufeff"))); err != nil {
			return fmt.Errorf("read the live body: %w", err)
		}
	}
	kind, err := value(configType)
	if err != nil {
		return err
	}
	body := object{{"@odata.type", kind}}
	if !next.HasProfiles() {
		r, err := restricted(live, next.KeyRestrictions)
		if err != nil {
			return err
		}
		body = body.with("keyRestrictions", r)
	} else {
		all, err := b.profiles(live, next)
		if err != nil {
			return err
		}
		body = body.with("passkeyProfiles", all)
	}
	compact, err := body.encode()
	if err != nil {
		return err
	}
	b.s.Size = len(compact)
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact, "", "  "); err != nil {
		return err
	}
	indented.WriteByte('\n')
	b.s.Body = indented.Bytes()
	return nil
}

// restricted gives the keyRestrictions of a configuration or of a profile, with
// another list.
func restricted(of object, k audit.KeyRestrictions) (json.RawMessage, error) {
	old, err := readObject(of.get("keyRestrictions"))
	if err != nil {
		old = nil // null, or left out
	}
	r := patchOf(k)
	for _, m := range []struct {
		name  string
		value any
	}{{"isEnforced", r.Enforced}, {"enforcementType", r.Type}, {"aaGuids", r.AAGUIDs}} {
		v, err := value(m.value)
		if err != nil {
			return nil, err
		}
		old = old.with(m.name, v)
	}
	return old.encode()
}

// profiles writes the collection of profiles.
func (b *builder) profiles(live object, next audit.Policy) (json.RawMessage, error) {
	raw := map[string]object{}
	if live != nil {
		var items []json.RawMessage
		if err := json.Unmarshal(live.get("passkeyProfiles"), &items); err != nil {
			return nil, fmt.Errorf("read the profiles of the live body: %w", err)
		}
		for _, item := range slices.Backward(items) { // of two with one id the first counts
			o, err := readObject(item)
			if err != nil {
				return nil, fmt.Errorf("read a profile of the live body: %w", err)
			}
			raw[strings.ToLower(o.text("id"))] = o
		}
	}
	all := bytes.NewBufferString("[")
	for i, q := range next.Profiles {
		o, ok := raw[strings.ToLower(q.ID)]
		switch {
		case live == nil:
			v, err := value(patchProfileOf(q))
			if err != nil {
				return nil, err
			}
			if o, err = readObject(v); err != nil {
				return nil, err
			}
		case !ok:
			return nil, fmt.Errorf("the live body does not hold %s", profileLabel(q))
		}
		if b.mask&(1<<i) != 0 {
			r, err := restricted(o, q.KeyRestrictions)
			if err != nil {
				return nil, err
			}
			o = o.with("keyRestrictions", r)
		}
		v, err := o.encode()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			all.WriteByte(',')
		}
		all.Write(v)
	}
	all.WriteByte(']')
	return all.Bytes(), nil
}

// measure compares the size with Microsoft's limit: the body, and what the
// policy would come to by the sizes that Microsoft gives (1.44 KB, 0.23 KB a
// target, 0.4 KB a profile, about 0.3 KB for ten AAGUIDs; 40 bytes an AAGUID is
// what the body holds, and more than that).
func (b *builder) measure(p audit.Policy) {
	size := 1475 + 236*(len(p.Include)+len(p.Exclude)) + 410*len(p.Profiles)
	for _, l := range (&draft{Proposal: Proposal{Policy: p}}).lists() {
		size += 40 * len(l.AAGUIDs)
	}
	b.s.PolicySize = size
	switch larger := max(b.s.Size, size); {
	case larger > policyLimit:
		b.s.Fit = FitOver
	case larger >= policyLimit*8/10:
		b.s.Fit = FitNear
	}
}

func (b *builder) note(format string, args ...any) {
	b.s.Notes = append(b.s.Notes, fmt.Sprintf(format, args...))
}

// remark fills Notes.
func (b *builder) remark(next audit.Policy) {
	s := &b.s
	if strings.EqualFold(b.live.State, "disabled") {
		b.note("the method is disabled, so no passkey works today and none needs a place on a list")
	}
	if n := b.o.Unread; n > 0 {
		b.note("the passkeys of %s could not be read; what they hold may be missing from the list", plural(n, "person", "people"))
	}
	if n := len(s.LeftOut); n > 0 {
		people := 0
		for _, u := range s.LeftOut {
			people += u.Users
		}
		b.note("%s left out, being held by fewer than %s; passkeys of up to %s break",
			plural(n, "AAGUID in use is", "AAGUIDs in use are"), plural(b.o.MinUsers, "person", "people"), plural(people, "person", "people"))
	}
	if u := s.Unlisted; u.Passkeys > 0 {
		b.note("%s of %s no AAGUID, which no allow list can name: allowed today, under this list it is undecided whether they work",
			plural(u.Passkeys, "passkey", "passkeys"), plural(u.Users, "person has", "people have"))
	}
	if n := s.Unlisted.Undecided; n > 0 {
		b.note("%s undecided today, and would stay undecided", plural(n, "passkey without an AAGUID is", "passkeys without an AAGUID are"))
	}
	doubtful := map[audit.AAGUID]bool{}
	for _, l := range s.Lists {
		for _, e := range l.Entries {
			if e.Doubtful {
				doubtful[e.AAGUID] = true
			}
		}
	}
	if n := len(doubtful); n > 0 {
		b.note("%s on a list for passkeys alone of which it is undecided whether they work today", plural(n, "AAGUID is", "AAGUIDs are"))
	}
	if slices.ContainsFunc(s.AAGUIDs, audit.AAGUID.IsZero) {
		b.note("the list holds the all-zero AAGUID, which every authenticator sends that does not disclose its model")
	}
	b.remarkLists(next)
	switch s.Fit {
	case FitOver:
		b.note("the body has %d bytes and the policy would have about %d: over Microsoft's limit of 20 KB; Graph will refuse it", s.Size, s.PolicySize)
	case FitNear:
		b.note("the body has %d bytes and the policy would have about %d: near Microsoft's limit of 20 KB", s.Size, s.PolicySize)
	}
}

// remarkLists tells what becomes of the live lists.
func (b *builder) remarkLists(next audit.Policy) {
	before, after := draft{Proposal: Proposal{Policy: b.live}}, draft{Proposal: Proposal{Policy: next}}
	now := after.lists()
	for i, l := range before.lists() {
		switch kind := kindOf(*l.KeyRestrictions); {
		case equalLists(*l.KeyRestrictions, *now[i].KeyRestrictions), len(l.AAGUIDs) == 0:
		case kind == listBlock:
			b.note("%s: the allow list takes the place of a block list of %s", l.where, plural(len(l.AAGUIDs), "entry", "entries"))
		default:
			if gone := missing(l.AAGUIDs, now[i].AAGUIDs); len(gone) > 0 {
				b.note("%s: %s not taken over, since %s", l.where,
					plural(len(gone), "entry of the present list is", "entries of the present list are"), b.why())
			}
		}
	}
}

// why says why an entry of a live list is not on the new one.
func (b *builder) why() string {
	if b.o.MinUsers > 1 {
		return "too few people need them there"
	}
	return "nobody needs them there"
}
