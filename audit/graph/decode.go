package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A page is a collection as Graph answers it. Value tells a missing or null
// collection (nil) from an empty one: only the latter means that there is
// nothing.
type page[T any] struct {
	Value *[]T            `json:"value"`
	Next  string          `json:"@odata.nextLink"`
	Error json.RawMessage `json:"error"`
}

// check gives the error of a page that is no proper list, nil for one that is;
// what names it in errors.
func (p *page[T]) check(status int, what string) *Error {
	switch {
	case present(p.Error):
		return errorFromObject(status, p.Error)
	case p.Value == nil:
		return malformed(status, "the answer is no list of %s: it has no value", what)
	}
	return nil
}

// decodePage reads a page of the answer to k, which was asked for at link
// (empty for a first page). Anything but a proper list is an *Error.
func decodePage[T any](k *call, link, what string) (page[T], error) {
	var p page[T]
	if err := json.Unmarshal(k.answer, &p); err != nil {
		return page[T]{}, k.complete(malformed(k.status, "the answer is no list of %s: %s", what, jsonReason(err)))
	}
	return checkPage(k, p, link, what)
}

// checkPage refuses a page that is no proper list, or that leads to itself.
func checkPage[T any](k *call, p page[T], link, what string) (page[T], error) {
	if err := p.check(k.status, what); err != nil {
		return page[T]{}, k.complete(err)
	}
	if link != "" && p.Next == link {
		return page[T]{}, k.complete(malformed(k.status, "the link to the next page of %s leads to the same page again", what))
	}
	return p, nil
}

// decodeObject reads a single object of the answer to k into v.
func decodeObject(k *call, v any, what string) error {
	var envelope struct {
		Error json.RawMessage `json:"error"`
	}
	err := json.Unmarshal(k.answer, &envelope)
	if err == nil && present(envelope.Error) {
		return k.complete(errorFromObject(k.status, envelope.Error))
	}
	if err == nil {
		err = json.Unmarshal(k.answer, v)
	}
	if err != nil {
		return k.complete(malformed(k.status, "the answer is no %s: %s", what, jsonReason(err)))
	}
	return nil
}

// complete adds to an error that was found in a body what the headers of the
// answer said.
func (k *call) complete(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	if id := cleanID(k.header.Get("request-id")); id != "" {
		e.RequestID = id
	}
	e.ClientRequestID, e.load = k.id, k.load
	return e
}

// present reports whether a property was sent and is not null.
func present(raw json.RawMessage) bool {
	return len(raw) > 0 && !bytes.Equal(raw, []byte("null"))
}

// jsonReason puts an error of encoding/json into words without Go's types.
func jsonReason(err error) string {
	var typed *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &typed) && typed.Field == "":
		return "it is a " + kind(typed.Value)
	case errors.As(err, &typed):
		return fmt.Sprintf("%s is a %s", typed.Field, kind(typed.Value))
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is no JSON: %s at byte %d", syntax.Error(), syntax.Offset)
	}
	return err.Error()
}

// kind drops the value itself, which encoding/json puts behind "number".
func kind(value string) string {
	word, _, _ := strings.Cut(value, " ")
	return word
}

// decodeError makes the error of an answer that is no success, from whatever
// body there is: Graph's, another's, or none.
func decodeError(status int, body []byte) *Error {
	var envelope struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"error_description"`
	}
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) == 0 || bytes.Equal(trimmed, []byte("null")) {
		return &Error{Status: status}
	}
	if err := json.Unmarshal(trimmed, &envelope); err != nil && !present(envelope.Error) {
		return &Error{Status: status, Message: "no error body of Graph: " + clean(string(trimmed), 150)}
	}
	e := errorFromObject(status, envelope.Error)
	if e.Message == "" {
		e.Message = clean(envelope.Description, maxMessage)
	}
	return e
}

// errorFromObject reads the value of "error". What has another type than
// documented is left empty; the status alone then tells.
func errorFromObject(status int, raw json.RawMessage) *Error {
	e := &Error{Status: status}
	if status >= 200 && status < 300 {
		e.cause = ErrMalformed
	}
	var object struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		// Both spellings are met: encoding/json does not look at letter case.
		Inner struct {
			Code            string `json:"code"`
			Message         string `json:"message"`
			Date            string `json:"date"`
			RequestID       string `json:"request-id"`
			ClientRequestID string `json:"client-request-id"`
		} `json:"innerError"`
	}
	var code string
	if json.Unmarshal(raw, &code) == nil {
		// OAuth's shape, as gateways send it.
		e.Code = clean(code, maxCode)
		return e
	}
	var typed *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, &object); err != nil && !errors.As(err, &typed) {
		return e
	}
	e.Code = clean(object.Code, maxCode)
	e.Message = clean(object.Message, maxMessage)
	if e.Message == "" {
		e.Message = clean(object.Inner.Message, maxMessage)
	}
	if e.Code == "" {
		e.Code = clean(object.Inner.Code, maxCode)
	}
	e.RequestID = cleanID(object.Inner.RequestID)
	e.ClientRequestID = cleanID(object.Inner.ClientRequestID)
	e.Date = parseTime(object.Inner.Date)
	return e
}

// parseTime reads Graph's times, with any fraction of a second; those of
// errors come without a zone and mean UTC. Anything else is the zero time.
func parseTime(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC()
	}
	if t, err := time.Parse("2006-01-02T15:04:05", s); err == nil {
		return t
	}
	return time.Time{}
}

// lowerGUID brings a GUID to the form that reports use; other text stays as
// it is, cleaned.
func lowerGUID(s string) string { return strings.ToLower(clean(s, maxCode)) }
