package graphsim

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"
)

// The content types of answers.
const (
	typeJSON  = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
	typeError = "application/json"
	typeHTML  = "text/html"
	typeText  = "text/plain"
)

// An ending says how an answer's connection ends.
type ending uint8

const (
	endWell ending = iota
	// endReset ends it before the answer, endBreak in the middle of the body.
	endReset
	endBreak
	// endCancelled: the caller has gone while it waited.
	endCancelled
	// endMissing leaves an item out of a batch.
	endMissing
)

// A reply is an answer before it is written to a connection or into a $batch.
type reply struct {
	status      int
	contentType string
	body        []byte
	requestID   guid
	clientID    string
	retryAfter  string
	unit        int
	percent     float64
	throttled   bool
	// cut: the body was JSON and is no more.
	cut bool
	end ending
}

// raw reports whether the body is no JSON value, and goes as text in a $batch.
func (p *reply) raw() bool {
	return len(p.body) > 0 && (p.cut || p.contentType == typeHTML || p.contentType == typeText)
}

// fail makes p the answer that Graph gives for an error.
func (p *reply) fail(status int, code, message string) {
	p.failAs("innerError", status, code, message)
}

// failAs is fail for backends that spell the inner error in their own way.
func (p *reply) failAs(inner string, status int, code, message string) {
	p.status, p.contentType = status, typeError
	b := append(p.body[:0], `{"error":{"code":`...)
	b = appendString(b, code)
	b = append(b, `,"message":`...)
	b = appendString(b, message)
	b = append(append(append(b, `,"`...), inner...), `":{`...)
	if inner == "innererror" {
		b = appendString(append(b, `"message":`...), message)
		b = append(b, ',')
	}
	b = time.Now().UTC().AppendFormat(b, `"date":"2006-01-02T15:04:05","request-id":"`)
	b = p.requestID.append(b)
	b = append(b, `","client-request-id":`...)
	if p.clientID == "" {
		b = append(p.requestID.append(append(b, '"')), '"')
	} else {
		b = appendString(b, p.clientID)
	}
	p.body = append(b, "}}}"...)
}

// header gives the answer's HTTP header, but for Content-Length.
func (s *Server) header(p *reply) http.Header {
	id := p.requestID.String()
	client := p.clientID
	if client == "" {
		client = id
	}
	h := http.Header{
		"Cache-Control":     {"no-cache"},
		"Odata-Version":     {"4.0"},
		"Request-Id":        {id},
		"Client-Request-Id": {client},
	}
	if p.contentType != "" && len(p.body) > 0 {
		h["Content-Type"] = []string{p.contentType}
	}
	if p.retryAfter != "" {
		h["Retry-After"] = []string{p.retryAfter}
	}
	if p.unit > 0 {
		h["X-Ms-Resource-Unit"] = []string{strconv.Itoa(p.unit)}
	}
	if p.percent > 0 {
		h["X-Ms-Throttle-Limit-Percentage"] = []string{strconv.FormatFloat(p.percent, 'f', 2, 64)}
	}
	if p.throttled {
		h["X-Ms-Throttle-Scope"] = []string{s.throttleScope}
		h["X-Ms-Throttle-Information"] = []string{"ResourceUnitLimitExceeded"}
	}
	return h
}

// appendItem appends the answer as an item of a $batch.
func (s *Server) appendItem(b []byte, id string, p *reply) []byte {
	b = appendString(append(b, `{"id":`...), id)
	b = appendInt(append(b, `,"status":`...), p.status)
	b = append(b, `,"headers":{`...)
	comma := len(b)
	field := func(name, value string) {
		if len(b) > comma {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name...), `":`...)
		b = appendString(b, value)
	}
	if len(p.body) > 0 {
		field("Cache-Control", "no-cache")
		field("Content-Type", p.contentType)
	}
	if p.retryAfter != "" {
		field("Retry-After", p.retryAfter)
	}
	if p.unit > 0 {
		field("x-ms-resource-unit", strconv.Itoa(p.unit))
	}
	if p.percent > 0 {
		field("x-ms-throttle-limit-percentage", strconv.FormatFloat(p.percent, 'f', 2, 64))
	}
	if p.throttled {
		field("x-ms-throttle-scope", s.throttleScope)
		field("x-ms-throttle-information", "ResourceUnitLimitExceeded")
	}
	b = append(b, `},"body":`...)
	switch {
	case len(p.body) == 0:
		b = append(b, "null"...)
	case p.raw():
		b = append(base64.StdEncoding.AppendEncode(append(b, '"'), p.body), '"')
	default:
		b = append(b, p.body...)
	}
	return append(b, '}')
}

// throttle makes p a 429 that asks to wait, in the given form.
func (s *Server) throttle(q *request, rt *route, p *reply, form RetryForm, wait time.Duration) {
	p.throttled = true
	p.retry(form, wait)
	s.stats.throttled.Add(1)
	if rt.on == OnReport {
		// The reporting service's words: github.com/JBines/Remove-StaleGuests/issues/3.
		p.fail(http.StatusTooManyRequests, "UnknownError", "This request is throttled. Please try again after the value specified in the Retry-After header.")
		return
	}
	p.fail(http.StatusTooManyRequests, "TooManyRequests", "Too many requests.")
}

func (p *reply) retry(form RetryForm, wait time.Duration) {
	switch form {
	case RetrySeconds:
		p.retryAfter = strconv.Itoa(max(1, int((wait+time.Second-1)/time.Second)))
	case RetryDate:
		until := time.Now().Add(wait + time.Second - 1).UTC()
		p.retryAfter = until.Format(http.TimeFormat)
	}
}

// pause waits for d, and reports false if the caller went away first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
