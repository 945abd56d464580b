package graphsim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxBody is the largest body of a request: Graph's own limit for a $batch.
const maxBody = 4 << 20

// A request is what is asked for, on its own or as an item of a $batch.
type request struct {
	ctx    context.Context
	method string
	// origin is scheme and host; links in answers begin with it.
	origin  string
	version string
	// path is the path behind the version, still escaped.
	path string
	// segments are its first count segments, unescaped; count is more than the
	// array holds where the path is longer than any that is known.
	segments [8]string
	count    int
	rawQuery string
	eventual bool
	accept   string
	clientID string
	item     bool
	body     []byte
	bodyErr  error
}

func newRequest(r *http.Request) *request {
	q := &request{
		ctx: r.Context(), method: r.Method, rawQuery: r.URL.RawQuery,
		eventual: strings.EqualFold(r.Header.Get("ConsistencyLevel"), "eventual"),
		accept:   r.Header.Get("Accept"), clientID: r.Header.Get("Client-Request-Id"),
	}
	scheme := "http"
	if r.TLS != nil || r.URL.Scheme == "https" {
		scheme = "https"
	}
	q.origin = scheme + "://" + orElse(r.Host, r.URL.Host)
	q.version, q.path, _ = strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	q.split()
	return q
}

// readBody reads the body; an error is for the $batch to report.
func (q *request) readBody(body io.Reader) {
	if body == nil {
		return
	}
	q.body, q.bodyErr = io.ReadAll(io.LimitReader(body, maxBody+1))
	if q.bodyErr == nil && len(q.body) > maxBody {
		q.bodyErr = errors.New("request body is too large")
	}
}

// split fills segments from path.
func (q *request) split() {
	rest := strings.Trim(q.path, "/")
	for more := true; more && q.count <= len(q.segments); {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if strings.IndexByte(segment, '%') >= 0 {
			if plain, err := url.PathUnescape(segment); err == nil {
				segment = plain
			}
		}
		if q.count < len(q.segments) {
			q.segments[q.count] = segment
		}
		q.count++
	}
}

// is reports whether the n-th segment is the given one, in any letter case.
func (q *request) is(n int, segment string) bool {
	return n < q.count && strings.EqualFold(q.segments[n], segment)
}

// options are the OData query options that a path takes.
type options uint8

const (
	takesSelect options = 1 << iota
	takesTop
	takesFilter
	takesCount
	takesToken
	takesRoleFilter
	takesExpand
)

// An expand is what a role assignment tells of its principal.
type expand uint8

const (
	expandNone expand = iota
	expandID
	expandWhole
)

// A query holds the query options of a request.
type query struct {
	selected []string
	top      int
	filter   filter
	count    bool
	token    string
	expand   expand
	// carry is the query without the page token, for the link to the next page.
	carry string
}

// A badQuery is a query that Graph refuses with 400.
type badQuery struct{ code, message string }

// parseQuery reads the query options; all but those of takes are refused.
func (q *request) parseQuery(takes options, out *query) *badQuery {
	if q.rawQuery == "" {
		return nil
	}
	values, err := url.ParseQuery(q.rawQuery)
	if err != nil {
		return &badQuery{"BadRequest", "The query string is malformed."}
	}
	for key, list := range values {
		if len(list) > 1 {
			return &badQuery{"BadRequest", "Query option '" + key + "' was specified more than once, but it must be specified at most once."}
		}
		if bad := out.option(key, list[0], takes); bad != nil {
			return bad
		}
	}
	values.Del("$skiptoken")
	// Encode sorts. It escapes $ and the comma, which Graph does not.
	out.carry = strings.NewReplacer("%24", "$", "%2C", ",").Replace(values.Encode())
	return nil
}

func (out *query) option(key, value string, takes options) *badQuery {
	needs := options(0)
	switch key {
	case "$select":
		needs = takesSelect
		out.selected = strings.Split(value, ",")
		for i := range out.selected {
			out.selected[i] = strings.TrimSpace(out.selected[i])
		}
	case "$top":
		needs = takesTop
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > pageLimit {
			return &badQuery{"Request_UnsupportedQuery", "Invalid page size specified: '" + value + "'. Must be between 1 and 999 inclusive."}
		}
		out.top = n
	case "$filter":
		needs = takesFilter | takesRoleFilter
		if takes&takesRoleFilter != 0 {
			if value != "isAdmin eq true" && value != "isAdmin eq false" {
				return &badQuery{"BadRequest", "The filter clause is not supported."}
			}
			yes := value == "isAdmin eq true"
			out.filter.admin = &yes
			break
		}
		f, ok := parseFilter(value)
		if !ok && takes&takesFilter != 0 {
			return &badQuery{"Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified for property of resource 'User'."}
		}
		out.filter = f
	case "$count":
		needs = takesCount
		switch value {
		case "true":
			out.count = true
		case "false":
		default:
			return &badQuery{"BadRequest", "Invalid value '" + value + "' for $count query option found."}
		}
	case "$expand":
		needs = takesExpand
		switch value {
		case "principal":
			out.expand = expandWhole
		case "principal($select=id)":
			out.expand = expandID
		default:
			return &badQuery{"BadRequest", "Parsing OData Select and Expand failed: '" + value + "'."}
		}
	case "$skiptoken":
		needs = takesToken
		out.token = value
	}
	switch {
	case needs&takes != 0:
		return nil
	case key == "$skip":
		return &badQuery{"Request_BadRequest", "'$skip' is not supported by the service."}
	}
	return &badQuery{"BadRequest", "The query parameter '" + key + "' is not supported."}
}

// A filter is what $filter of the user listing can ask for, and that of the
// registration report (admin); nil means any.
type filter struct {
	enabled *bool
	guest   *bool
	admin   *bool
}

// parseFilter reads comparisons of accountEnabled and userType joined with "and".
func parseFilter(s string) (filter, bool) {
	var f filter
	for _, term := range strings.Split(s, " and ") {
		words := strings.Fields(strings.Trim(strings.TrimSpace(term), "()"))
		if len(words) != 3 || words[1] != "eq" {
			return f, false
		}
		var yes bool
		switch words[0] + " " + words[2] {
		case "accountEnabled true":
			yes = true
			f.enabled = &yes
		case "accountEnabled false":
			f.enabled = &yes
		case "userType 'Guest'":
			yes = true
			f.guest = &yes
		case "userType 'Member'":
			f.guest = &yes
		default:
			return f, false
		}
	}
	return f, true
}

func (f filter) fits(t *tenant, i int) bool {
	if f.enabled == nil && f.guest == nil {
		return true
	}
	kind, enabled, _ := t.standing(i)
	return (f.enabled == nil || *f.enabled == enabled) &&
		(f.guest == nil || *f.guest == (kind == accountGuest))
}
