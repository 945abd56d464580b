package graphsim

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"passkey-audit/audit"
)

// A Shape says in which of its two shapes the tenant's passkey policy is.
type Shape int

// The shapes of the policy.
const (
	// ShapeProfiles is a tenant with passkey profiles.
	ShapeProfiles Shape = iota
	// ShapeLegacy has tenant-wide restrictions alone.
	ShapeLegacy
)

// Options say what the simulated tenant and service are like. The zero value is
// a tenant without users that answers everybody, at once and without faults.
type Options struct {
	// Users is the number of users, at most 1<<30; Seed selects the tenant.
	Users int
	Seed  uint64
	Shape Shape
	// Policy replaces the body of the passkey policy, if not nil.
	Policy []byte
	// WithoutPremium makes the registration report and Conditional Access answer
	// that the tenant has no licence for them.
	WithoutPremium bool
	// Granted are the permissions that the token holds, such as User.Read.All; what
	// needs another one is answered with 403. Nil: all but Member.Read.Hidden.
	Granted []string
	// NotOffered are the kinds of requests that the cloud does not know.
	NotOffered On
	// WithoutCast makes Graph refuse to list a group's members by type.
	WithoutCast bool

	// Latency passes before each answer; for a $batch once.
	Latency time.Duration
	Quota   Quota
	Faults  Plan
	// Token is the bearer token that is accepted; anything else is answered with
	// 401. Empty: nothing is checked.
	Token string
	// MaxPage makes pages smaller than was asked for, if positive.
	MaxPage int
	// MethodsPage splits a user's passkeys into pages of so many, if positive. The
	// documentation knows no such pages, but does not rule them out.
	MethodsPage int
}

// A Server is the simulated service. It is an http.Handler and safe for
// concurrent use; what it holds in memory does not grow with the tenant.
type Server struct {
	options       Options
	tenant        *tenant
	quotas        quotas
	planner       *planner
	policy        string
	throttleScope string
	tokenKey      [32]byte
	buffers       sync.Pool
	stats         counters
	groups        [groupsTotal]group

	userProperties         []property[account]
	groupProperties        []property[int]
	registrationProperties []property[registration]
}

var _ http.Handler = (*Server)(nil)

// New makes a server. It panics for a number of users outside of 0..1<<30, which
// only a mistake in the calling program can give.
func New(o Options) *Server {
	if o.Users < 0 || o.Users > 1<<30 {
		panic("graphsim: number of users out of range")
	}
	s := &Server{
		options: o, tenant: newTenant(o.Seed, o.Users),
		quotas: newQuotas(o.Quota), planner: newPlanner(o.Faults, o.Seed),
		groups: groups(), userProperties: userProperties(), groupProperties: groupProperties(),
		registrationProperties: registrationProperties(),
	}
	s.policy = s.defaultPolicy(o.Shape)
	if o.Policy != nil {
		s.policy = string(o.Policy)
	}
	// The key is the seed's, so that a link stays good when the program that
	// serves the tenant is started again, as Graph's do.
	key := binary.BigEndian.AppendUint64([]byte("graphsim page token"), o.Seed)
	s.tokenKey = sha256.Sum256(binary.BigEndian.AppendUint64(key, uint64(o.Users)))
	app := s.tenant.ids.seal(kindOther, 1)
	s.throttleScope = "Tenant_Application/ReadWrite/" + app.String() + "/" + s.tenant.tenantID.String()
	s.buffers.New = func() any { return new([]byte) }
	return s
}

// Tenant gives the organisation.
func (s *Server) Tenant() audit.Tenant {
	return audit.Tenant{ID: s.tenant.tenantID.String(), Name: tenantName, Domain: domain}
}

// Users gives the number of users.
func (s *Server) Users() int { return s.tenant.users }

// User gives what a perfect reader would know of user i, which must be in
// 0..Users()-1. Users are listed in this order.
func (s *Server) User(i int) audit.User { return s.tenant.user(i) }

// Find gives the index of the user with this object id or user principal name.
func (s *Server) Find(key string) (int, bool) { return s.tenant.find(key) }

// Passkeys gives the passkeys of user i in the order in which Graph gives them.
// LastUsedAt is set wherever beta tells it.
func (s *Server) Passkeys(i int) []audit.Passkey {
	list := s.tenant.passkeys(nil, i)
	public := make([]audit.Passkey, len(list))
	for n := range list {
		public[n] = list[n].public()
	}
	return public
}

// Stats are counts since the server was made.
type Stats struct {
	// Requests counts HTTP requests, a $batch as one; Batches those that were a
	// $batch, and Items what stood in them.
	Requests, Batches, Items int
	// Throttled counts answers and items with status 429 that a quota or an
	// outage gave; Faults those that met a fault of the plan.
	Throttled, Faults int
	// Paths counts requests and items by kind.
	Paths map[On]int
}

type counters struct {
	serial, requests, batches, items, throttled, faults atomic.Int64
	paths                                               [16]atomic.Int64
}

func (c *counters) path(on On) *atomic.Int64 {
	n := 0
	for on > 1 {
		on >>= 1
		n++
	}
	return &c.paths[n]
}

// Stats gives the counts.
func (s *Server) Stats() Stats {
	c := &s.stats
	st := Stats{
		Requests: int(c.requests.Load()), Batches: int(c.batches.Load()), Items: int(c.items.Load()),
		Throttled: int(c.throttled.Load()), Faults: int(c.faults.Load()), Paths: make(map[On]int),
	}
	for on := On(1); on < OnAny; on <<= 1 {
		if n := c.path(on).Load(); n > 0 {
			st.Paths[on] = int(n)
		}
	}
	return st
}

// ServeHTTP answers one request. As net/http asks of a handler that wants to end
// a connection, it panics with http.ErrAbortHandler where a fault of the plan
// does that.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	buf, _ := s.buffers.Get().(*[]byte)
	p := &reply{body: (*buf)[:0]}
	s.handle(r, p)
	defer func() {
		*buf = p.body
		s.buffers.Put(buf)
	}()
	if p.end == endReset || p.end == endCancelled {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	for name, values := range s.header(p) {
		h[name] = values
	}
	h["Content-Length"] = []string{strconv.Itoa(len(p.body))}
	w.WriteHeader(p.status)
	if p.end == endBreak {
		// The caller is about to see a broken body; errors here change nothing.
		_, _ = w.Write(p.body[:len(p.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	// A caller that went away cannot be told of it.
	_, _ = w.Write(p.body)
}

// handle answers r in p.
func (s *Server) handle(r *http.Request, p *reply) {
	s.stats.requests.Add(1)
	q := newRequest(r)
	s.newReply(p, q)
	if q.method == http.MethodPost {
		q.readBody(r.Body)
	}
	if !pause(q.ctx, s.options.Latency) {
		p.end = endCancelled
		return
	}
	if s.options.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.options.Token {
		p.fail(http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token is empty or invalid.")
		return
	}
	if f, left := s.planner.outage(time.Now()); left > 0 {
		if f.Wait > 0 {
			left = f.Wait
		}
		s.throttle(q, &route{}, p, f.Retry, left)
		return
	}
	if q.version != "v1.0" && q.version != "beta" {
		p.fail(http.StatusBadRequest, "BadRequest", "Invalid version: "+q.version)
		return
	}
	if q.segments[0] == "$batch" && q.count == 1 {
		s.batch(q, p)
		return
	}
	s.single(q, p)
}

// newReply makes p an empty answer with ids of its own.
func (s *Server) newReply(p *reply, q *request) {
	n := uint64(s.stats.serial.Add(1))
	*p = reply{
		status: http.StatusOK, contentType: typeJSON, body: p.body[:0], clientID: q.clientID,
		requestID: guid{mix(s.tenant.seed+n)&^0xf000 | 0x4000, 1<<63 | mix(s.tenant.seed^n)>>2},
	}
}

// single answers a request on its own, or an item of a $batch.
func (s *Server) single(q *request, p *reply) {
	var rt route
	if !s.route(q, &rt, p) {
		return
	}
	s.answer(q, &rt, p)
}

// answer answers what was routed, faults and quotas included.
func (s *Server) answer(q *request, rt *route, p *reply) {
	s.stats.path(rt.on).Add(1)
	f := s.planner.decide(rt, q.item)
	if f.Kind != FaultNone {
		s.stats.faults.Add(1)
		if s.failEarly(q, rt, p, f) {
			return
		}
	}
	rt.fault = f.Kind
	if !s.charge(q, rt, p) || !s.permitted(rt.on, p) {
		return
	}
	rt.endpoint(s, q, rt, p)
	p.failLate(f)
}

// failEarly carries out faults that take the place of the answer. It reports
// false for the others.
func (s *Server) failEarly(q *request, rt *route, p *reply, f Fault) bool {
	switch f.Kind {
	case FaultStatus:
		s.failStatus(rt, p, f)
	case FaultOutage:
		s.planner.close(f, time.Now().Add(f.For))
		wait := f.For
		if f.Wait > 0 {
			wait = f.Wait
		}
		s.throttle(q, rt, p, f.Retry, wait)
	case FaultMissing:
		p.end = endReset
		if q.item {
			p.end = endMissing
		}
	case FaultErrorBody:
		p.fail(http.StatusOK, orElse(f.Code, "UnknownError"), f.Message)
	case FaultEmptyBody:
		p.body = p.body[:0]
	case FaultReset:
		p.end = endReset
	case FaultHang:
		<-q.ctx.Done()
		p.end = endCancelled
	case FaultSlow:
		if pause(q.ctx, f.For) {
			return false
		}
		p.end = endCancelled
	case FaultExpired:
		if !rt.paged() || rt.page.number == 0 {
			return false
		}
		s.planner.expire(rt.on, rt.page.listing)
		p.failExpired()
	default:
		return false
	}
	return true
}

// failStatus answers with an error status.
func (s *Server) failStatus(rt *route, p *reply, f Fault) {
	code, message := errorText(rt, f.Status)
	code, message = orElse(f.Code, code), orElse(f.Message, message)
	switch f.Body {
	case BodyNone:
		p.status, p.body = f.Status, p.body[:0]
	case BodyHTML:
		p.status, p.contentType = f.Status, typeHTML
		p.body = append(p.body[:0], "<html>\r\n<head><title>"...)
		p.body = append(appendInt(p.body, f.Status), " "+http.StatusText(f.Status)+"</title></head>\r\n<body>\r\n<center><h1>Microsoft-Azure-Application-Gateway/v2</h1></center>\r\n</body>\r\n</html>\r\n"...)
	default:
		inner := "innerError"
		if rt.on == OnMethods {
			inner = "innererror"
		}
		p.failAs(inner, f.Status, code, message)
	}
	p.throttled = f.Status == http.StatusTooManyRequests
	p.retry(f.Retry, f.Wait)
}

// failLate carries out faults that spoil a good answer.
func (p *reply) failLate(f Fault) {
	switch f.Kind {
	case FaultCut:
		p.body = p.body[:len(p.body)/2]
		p.cut = true
	case FaultBreak:
		p.end = endBreak
	}
}

// errorText gives the code and message that Graph uses for a status. The backend
// of the authentication methods has words of its own.
func errorText(rt *route, status int) (code, message string) {
	methods := rt.on == OnMethods
	switch status {
	case http.StatusUnauthorized:
		return "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."
	case http.StatusForbidden:
		if methods {
			return "accessDenied", "Request Authorization failed"
		}
		return "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
	case http.StatusNotFound:
		if methods {
			return "resourceNotFound", "User not found."
		}
		return "Request_ResourceNotFound", "Resource does not exist or one of its queried reference-property objects are not present."
	case http.StatusFailedDependency:
		return "FailedDependency", "The request failed because it depended on another request that failed."
	case http.StatusTooManyRequests:
		return "TooManyRequests", "Too many requests."
	case http.StatusServiceUnavailable:
		return "serviceNotAvailable", "Service unavailable."
	case http.StatusGatewayTimeout:
		return "UnknownError", ""
	case http.StatusInternalServerError:
		return "generalException", "An internal server error occurred."
	}
	return "UnknownError", http.StatusText(status)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
