package graphsim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// batchLimit is how many requests a $batch can hold.
const batchLimit = 20

// An itemBody is a request in a $batch as it was sent.
type itemBody struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	DependsOn []string          `json:"dependsOn"`
}

// A batchItem is a request in a $batch, and what became of it.
type batchItem struct {
	*itemBody
	request request
	route   route
	reply   reply
	routed  bool
}

// batch answers a $batch: each item on its own, in an order of the server's.
func (s *Server) batch(q *request, p *reply) {
	s.stats.batches.Add(1)
	s.stats.path(OnBatch).Add(1)
	if q.method != http.MethodPost {
		p.fail(http.StatusMethodNotAllowed, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
		return
	}
	var envelope struct {
		Requests []itemBody `json:"requests"`
	}
	envelope.Requests = make([]itemBody, 0, batchLimit+1)
	if q.bodyErr != nil || json.Unmarshal(q.body, &envelope) != nil {
		p.fail(http.StatusBadRequest, "BadRequest", "Invalid batch payload format.")
		return
	}
	if wrong := checkBatch(envelope.Requests); wrong != "" {
		p.fail(http.StatusBadRequest, "BadRequest", wrong)
		return
	}
	items := make([]batchItem, len(envelope.Requests))
	s.stats.items.Add(int64(len(items)))
	// One allocation for all answers of the usual size.
	const usual = 768
	slab := make([]byte, usual*len(items))
	for i := range items {
		items[i].itemBody = &envelope.Requests[i]
		items[i].reply.body = slab[i*usual : i*usual : (i+1)*usual]
		s.openItem(q, &items[i])
	}
	f := s.planner.decideBatch(items)
	if f.Kind != FaultNone {
		s.stats.faults.Add(1)
		if s.failEarly(q, &route{on: OnBatch}, p, f) {
			return
		}
	}
	p.contentType = typeError
	if f.Kind == FaultNoValue {
		p.body = append(p.body[:0], "{}"...)
		return
	}
	for i := range items {
		it := &items[i]
		switch {
		case it.waitsForFailure(items[:i]):
			it.reply.fail(http.StatusFailedDependency, "FailedDependency", "The request failed because it depended on another request that failed.")
		case it.routed:
			s.answer(&it.request, &it.route, &it.reply)
		}
		if end := it.reply.end; end != endWell && end != endMissing {
			p.end = end
			return
		}
	}
	s.joinItems(items, p)
	p.failLate(f)
}

// checkBatch says what is wrong with the batch as a whole.
func checkBatch(items []itemBody) string {
	if len(items) == 0 {
		return "Invalid batch payload format."
	}
	if len(items) > batchLimit {
		return "Number of batch request steps exceeds the maximum value of 20."
	}
	for i := range items {
		it := &items[i]
		if it.ID == "" || it.Method == "" || it.URL == "" {
			return "Invalid batch payload format: id, method and url are required."
		}
		for j := range items[:i] {
			if strings.EqualFold(items[j].ID, it.ID) {
				return "Request Id must be unique in a batch."
			}
		}
		for _, on := range it.DependsOn {
			if !containsID(items, on) {
				return "Invalid dependsOn: no such request id."
			}
		}
	}
	return ""
}

func containsID(items []itemBody, id string) bool {
	for i := range items {
		if strings.EqualFold(items[i].ID, id) {
			return true
		}
	}
	return false
}

// openItem makes an item into a request of its own.
func (s *Server) openItem(q *request, it *batchItem) {
	r := &it.request
	*r = request{
		ctx: q.ctx, method: strings.ToUpper(it.Method), origin: q.origin, version: q.version,
		clientID: q.clientID, accept: "application/json", item: true,
	}
	for name, value := range it.Headers {
		if strings.EqualFold(name, "ConsistencyLevel") {
			r.eventual = strings.EqualFold(value, "eventual")
		}
	}
	s.newReply(&it.reply, r)
	if strings.Contains(it.URL, "://") {
		it.route.user, it.route.group = -1, -1
		it.reply.fail(http.StatusBadRequest, "BadRequest", "The url of a request in a batch must be relative.")
		return
	}
	r.path, r.rawQuery, _ = strings.Cut(strings.TrimPrefix(it.URL, "/"), "?")
	r.split()
	it.routed = s.route(r, &it.route, &it.reply)
}

// waitsForFailure reports whether the item depends on one that failed, or that
// does not come before it.
func (it *batchItem) waitsForFailure(before []batchItem) bool {
	for _, on := range it.DependsOn {
		found := false
		for i := range before {
			if strings.EqualFold(before[i].ID, on) {
				found = before[i].reply.status < 300 && before[i].reply.end == endWell
			}
		}
		if !found {
			return true
		}
	}
	return false
}

// joinItems writes the answers, in an order that is not the order of the
// requests: observed of Graph, and the documentation promises none.
func (s *Server) joinItems(items []batchItem, p *reply) {
	var order [batchLimit]int
	for i := range items {
		order[i] = i
	}
	roll := mix(p.requestID.hi)
	for i := len(items) - 1; i > 0; i-- {
		j := int(roll % uint64(i+1))
		roll = mix(roll)
		order[i], order[j] = order[j], order[i]
	}
	size := 32
	for i := range items {
		size += len(items[i].reply.body) + 256
	}
	b := append(slices.Grow(p.body[:0], size), `{"responses":[`...)
	first := true
	for _, i := range order[:len(items)] {
		it := &items[i]
		if it.reply.end == endMissing {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = s.appendItem(b, it.ID, &it.reply)
	}
	p.body = append(b, "]}"...)
}
