package graphsim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
)

// The sizes of pages, as documented for users.
const (
	pageDefault = 100
	pageLimit   = 999
)

// foreignOrigin is where FaultForeignLink leads; the name can never exist
// (RFC 2606).
const foreignOrigin = "https://graph.microsoft.com.example"

// A position says where in a listing a page begins.
type position struct {
	// at is the index of the first thing that may stand on the page.
	at int
	// number counts the pages of one listing from 0.
	number int
	// listing counts how often a listing of this kind was begun.
	listing uint32
}

const (
	positionSize = 8 + 4 + 4
	tagSize      = 16
)

// token gives the opaque $skiptoken for a position: the position, and a tag that
// binds it to the path and to all other query options, so that a token which was
// changed or moved to another request is refused.
func (s *Server) token(q *request, rt *route, at position) string {
	b := make([]byte, 0, positionSize+tagSize)
	b = binary.BigEndian.AppendUint64(b, uint64(at.at))
	b = binary.BigEndian.AppendUint32(b, uint32(at.number))
	b = binary.BigEndian.AppendUint32(b, at.listing)
	b = append(b, s.tag(q, rt, b)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

func (s *Server) tag(q *request, rt *route, position []byte) []byte {
	mac := hmac.New(sha256.New, s.tokenKey[:])
	// A hash's Write returns no error.
	_, _ = mac.Write(position)
	_, _ = mac.Write([]byte(q.version + "/" + q.path + "?" + rt.query.carry))
	return mac.Sum(nil)[:tagSize]
}

// openPage reads the page token. Where it is not good it writes the error and
// reports false.
func (s *Server) openPage(q *request, rt *route, p *reply) bool {
	if rt.query.token == "" {
		rt.page.listing = s.planner.begin(rt.on)
		return true
	}
	b, err := base64.RawURLEncoding.DecodeString(rt.query.token)
	if err != nil || len(b) != positionSize+tagSize || !hmac.Equal(b[positionSize:], s.tag(q, rt, b[:positionSize])) {
		p.fail(http.StatusBadRequest, "Request_BadRequest", "Skip token is not valid.")
		return false
	}
	rt.page = position{
		at:      int(binary.BigEndian.Uint64(b)),
		number:  int(binary.BigEndian.Uint32(b[8:])),
		listing: binary.BigEndian.Uint32(b[12:]),
	}
	if s.planner.hasExpired(rt.on, rt.page.listing) {
		p.failExpired()
		return false
	}
	return true
}

func (p *reply) failExpired() {
	p.fail(http.StatusBadRequest, "Directory_ExpiredPageToken", "The specified page token value has expired and can no longer be included in your request.")
}

// pageSize is how many things the page asked for can hold.
func (s *Server) pageSize(rt *route) int {
	n := pageDefault
	if rt.query.top > 0 {
		n = rt.query.top
	}
	if s.options.MaxPage > 0 {
		n = min(n, s.options.MaxPage)
	}
	return n
}

// A list writes the things of one page: those from index at on, at most limit of
// them, with a comma before each but the first. next is the index of the first
// one that did not fit, and negative where none is left.
type list func(b []byte, at, limit int) (body []byte, next int)

// writePage writes a page, with the faults that a page can have. context is the
// part of @odata.context behind the #. A count below 0 is not written.
func (s *Server) writePage(q *request, rt *route, p *reply, context string, count, limit int, things list) {
	b := append(p.body, `{"@odata.context":`...)
	b = appendString(b, q.origin+"/"+q.version+"/$metadata#"+context)
	if count >= 0 && rt.page.number == 0 {
		b = appendInt(append(b, `,"@odata.count":`...), count)
	}
	if rt.fault == FaultNoValue {
		p.body = append(b, '}')
		return
	}
	// Graph writes the link before the values.
	link := len(b)
	b = append(b, `,"value":[`...)
	next := rt.page.at
	if rt.fault != FaultEmptyPage {
		b, next = things(b, rt.page.at, limit)
	}
	p.body = append(b, "]}"...)
	to := position{next, rt.page.number + 1, rt.page.listing}
	if rt.fault == FaultRepeatLink {
		to = rt.page
	} else if next < 0 {
		return
	}
	origin := q.origin
	if rt.fault == FaultForeignLink {
		origin = foreignOrigin
	}
	address := origin + "/" + q.version + "/" + q.path + "?"
	if rt.query.carry != "" {
		address += rt.query.carry + "&"
	}
	address += "$skiptoken=" + s.token(q, rt, to)
	field := appendString([]byte(`,"@odata.nextLink":`), address)
	p.body = append(p.body, field...)
	copy(p.body[link+len(field):], p.body[link:len(p.body)-len(field)])
	copy(p.body[link:], field)
}
