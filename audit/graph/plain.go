package graph

import (
	"unicode/utf8"

	"github.com/valyala/fastjson"
)

// Answers with thousands of users and passkeys are read by fastjson, in a third
// of the time that encoding/json takes, where they are as Graph usually sends
// them: see plain. Whatever is odd about an answer, down to a property in an
// unusual letter case, is left to encoding/json, which decides what it means
// and words what is wrong. So both read the same, or only one of them reads;
// but for a malformed number in a property that nobody wants.

// plain reports whether a text holds nothing that the two could read
// differently: no escapes, no control characters, no invalid UTF-8.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == '\\' {
			return false
		}
	}
	return utf8.Valid(b)
}

// A plainReader walks over a parsed answer. Its odd tells that encoding/json has
// to read it.
type plainReader struct {
	odd bool
	// seen has a bit for each property of the object under the walk.
	seen uint32

	reply  *itemReply
	method *methodJSON
	user   *userJSON

	// The visitors, made once: a method value is an allocation.
	visitHeader, visitMethods, visitMethod func(key []byte, v *fastjson.Value)
}

// readPlain parses an answer and walks over it; false where it is odd.
func readPlain(answer []byte, pool *fastjson.ParserPool, walk func(r *plainReader, root *fastjson.Object)) bool {
	if !plain(answer) {
		return false
	}
	p := new(fastjson.Parser)
	if pool != nil {
		p = pool.Get()
		defer pool.Put(p)
	}
	v, err := p.ParseBytes(answer)
	if err != nil {
		return false
	}
	root, err := v.Object()
	if err != nil {
		return false
	}
	var r plainReader
	walk(&r, root)
	return !r.odd
}

// each visits the properties of an object, those of objects within it too.
func (r *plainReader) each(o *fastjson.Object, visit func(key []byte, v *fastjson.Value)) {
	seen := r.seen
	r.seen = 0
	o.Visit(visit)
	r.seen = seen
}

// is reports whether key is the property with this number and exact name. A
// name in another letter case, and one that comes twice, is odd.
func (r *plainReader) is(key []byte, number uint, name string) bool {
	if string(key) != name {
		return false
	}
	r.once(number)
	return true
}

func (r *plainReader) once(number uint) {
	if r.seen&(1<<number) != 0 {
		r.odd = true
	}
	r.seen |= 1 << number
}

// other is for a property that is not wanted: it must not be a wanted one in
// another letter case, which encoding/json would take.
func (r *plainReader) other(key []byte, wanted ...string) {
	if !ascii(key) {
		r.odd = true // some letters fold to letters within ASCII
		return
	}
	for _, name := range wanted {
		r.odd = r.odd || folds(key, name)
	}
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// folds reports whether two texts of ASCII are the same but for letter case.
func folds(key []byte, name string) bool {
	if len(key) != len(name) {
		return false
	}
	for i, c := range key {
		if n := name[i]; c != n && (c|0x20 != n|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

func (r *plainReader) text(v *fastjson.Value, to *string) {
	switch v.Type() {
	case fastjson.TypeString:
		b, _ := v.StringBytes()
		switch string(b) { // most passkeys are one of these: no copies
		case "deviceBound":
			*to = "deviceBound"
		case "synced":
			*to = "synced"
		case "attested":
			*to = "attested"
		case "notAttested":
			*to = "notAttested"
		case "Member":
			*to = "Member"
		default:
			*to = string(b)
		}
	case fastjson.TypeNull:
	default:
		r.odd = true
	}
}

// objects calls visit for the properties of each object of an array, after next
// has made room for it.
func (r *plainReader) objects(v *fastjson.Value, next func(n int), visit func(key []byte, v *fastjson.Value)) {
	all, err := v.Array()
	if err != nil {
		r.odd = true
		return
	}
	for i, e := range all {
		o, err := e.Object()
		if err != nil {
			r.odd = true
			return
		}
		next(i)
		r.each(o, visit)
	}
}

// plainBatch reads the answer to a $batch; false where it is odd.
func plainBatch(answer []byte, pool *fastjson.ParserPool) (replies []itemReply, ok bool) {
	ok = readPlain(answer, pool, func(r *plainReader, root *fastjson.Object) {
		found := false
		item := r.item
		r.visitHeader, r.visitMethods, r.visitMethod = r.header, r.methods, r.oneMethod
		r.each(root, func(key []byte, v *fastjson.Value) {
			if !r.is(key, 0, "responses") {
				r.other(key, "responses", "error")
				return
			}
			found = true
			all, _ := v.Array()
			replies = make([]itemReply, len(all))
			r.objects(v, func(i int) { r.reply = &replies[i] }, item)
		})
		r.odd = r.odd || !found
	})
	return replies, ok
}

func (r *plainReader) item(key []byte, v *fastjson.Value) {
	switch {
	case r.is(key, 0, "id"):
		r.text(v, &r.reply.ID)
	case r.is(key, 1, "status"):
		n, err := v.Int()
		r.reply.Status, r.odd = n, r.odd || err != nil
	case r.is(key, 2, "headers"):
		o, err := v.Object()
		if err != nil {
			r.odd = true
			return
		}
		r.each(o, r.visitHeader)
	case r.is(key, 3, "body"):
		o, err := v.Object()
		if err != nil {
			r.odd = true
			return
		}
		r.each(o, r.visitMethods)
	default:
		r.other(key, "id", "status", "headers", "body")
	}
}

func (r *plainReader) header(key []byte, v *fastjson.Value) {
	if !ascii(key) {
		r.odd = true
		return
	}
	h := &r.reply.Headers
	switch {
	case folds(key, "Retry-After"):
		r.headerText(0, v, &h.RetryAfter)
	case folds(key, "request-id"):
		r.headerText(1, v, &h.RequestID)
	case folds(key, "Date"):
		r.headerText(2, v, &h.Date)
	case folds(key, "x-ms-resource-unit"):
		r.headerText(3, v, &h.Units)
	case folds(key, "x-ms-throttle-limit-percentage"):
		r.headerText(4, v, &h.Percentage)
	case folds(key, "x-ms-throttle-scope"):
		r.headerText(5, v, &h.Scope)
	case folds(key, "x-ms-throttle-information"):
		r.headerText(6, v, &h.Information)
	case folds(key, "WWW-Authenticate"):
		r.headerText(7, v, &h.Challenge)
	}
}

func (r *plainReader) headerText(number uint, v *fastjson.Value, to *string) {
	r.once(number)
	r.text(v, to)
}

func (r *plainReader) methods(key []byte, v *fastjson.Value) {
	plainPage(r, &r.reply.Body, key, v, func(m *methodJSON) { r.method = m }, r.visitMethod)
}

// plainPage reads a property of a page into p. Before visit is called for the
// properties of an element, at is told where they go.
func plainPage[T any](r *plainReader, p *page[T], key []byte, v *fastjson.Value, at func(*T), visit func(key []byte, v *fastjson.Value)) {
	switch {
	case r.is(key, 0, "value"):
		all, err := v.Array()
		if err != nil {
			r.odd = true
			return
		}
		list := make([]T, len(all))
		p.Value = &list
		r.objects(v, func(i int) { at(&list[i]) }, visit)
	case r.is(key, 1, "@odata.nextLink"):
		r.text(v, &p.Next)
	default:
		r.other(key, "value", "@odata.nextLink", "error")
	}
}

func (r *plainReader) oneMethod(key []byte, v *fastjson.Value) {
	m := r.method
	switch {
	case r.is(key, 0, "id"):
		r.text(v, &m.ID)
	case r.is(key, 1, "displayName"):
		r.text(v, &m.Name)
	case r.is(key, 2, "aaGuid"):
		r.text(v, &m.AAGUID)
	case r.is(key, 3, "model"):
		r.text(v, &m.Model)
	case r.is(key, 4, "passkeyType"):
		r.text(v, &m.Type)
	case r.is(key, 5, "attestationLevel"):
		r.text(v, &m.Attestation)
	case r.is(key, 6, "createdDateTime"):
		r.text(v, &m.Created)
	case r.is(key, 7, "lastUsedDateTime"):
		r.text(v, &m.LastUsed)
	default:
		r.other(key, "id", "displayName", "aaGuid", "model", "passkeyType", "attestationLevel", "createdDateTime", "lastUsedDateTime")
	}
}

// plainUsers reads a page of users; false where it is odd.
func plainUsers(answer []byte, pool *fastjson.ParserPool) (p page[userJSON], ok bool) {
	ok = readPlain(answer, pool, func(r *plainReader, root *fastjson.Object) {
		one := r.oneUser
		r.each(root, func(key []byte, v *fastjson.Value) {
			plainPage(r, &p, key, v, func(u *userJSON) { r.user = u }, one)
		})
	})
	return p, ok
}

func (r *plainReader) oneUser(key []byte, v *fastjson.Value) {
	u := r.user
	switch {
	case r.is(key, 0, "id"):
		r.text(v, &u.ID)
	case r.is(key, 1, "userPrincipalName"):
		r.text(v, &u.UPN)
	case r.is(key, 2, "displayName"):
		r.text(v, &u.DisplayName)
	case r.is(key, 3, "userType"):
		r.text(v, &u.Type)
	case r.is(key, 4, "accountEnabled"):
		r.enabled(v, &u.Enabled)
	default:
		r.other(key, "id", "userPrincipalName", "displayName", "userType", "accountEnabled")
	}
}

// enabled reads a yes or no; the two that there are serve everybody.
func (r *plainReader) enabled(v *fastjson.Value, to **bool) {
	switch v.Type() {
	case fastjson.TypeTrue, fastjson.TypeFalse:
		b := v.Type() == fastjson.TypeTrue
		*to = &b
	case fastjson.TypeNull:
	default:
		r.odd = true
	}
}
