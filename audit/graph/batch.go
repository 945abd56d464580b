package graph

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"passkey-audit/audit"
)

// An itemReply is what a $batch answers to one of its items.
type itemReply struct {
	ID      string           `json:"id"`
	Status  int              `json:"status"`
	Headers itemHeaders      `json:"headers"`
	Body    page[methodJSON] `json:"body"`

	// raw is a body that is no list: an error's text, or base64 of something
	// that is no JSON. broken says why the item could not be read at all.
	raw    []byte
	broken string
}

// itemHeaders are the headers of an item that matter. encoding/json finds them
// in any letter case, as headers want it.
type itemHeaders struct {
	RetryAfter  string `json:"Retry-After"`
	RequestID   string `json:"request-id"`
	Date        string `json:"Date"`
	Units       string `json:"x-ms-resource-unit"`
	Percentage  string `json:"x-ms-throttle-limit-percentage"`
	Scope       string `json:"x-ms-throttle-scope"`
	Information string `json:"x-ms-throttle-information"`
	Challenge   string `json:"WWW-Authenticate"`
}

// get gives a header by its name as http.Header.Get does.
func (h *itemHeaders) get(name string) string {
	switch strings.ToLower(name) {
	case "retry-after":
		return h.RetryAfter
	case "request-id":
		return h.RequestID
	case "date":
		return h.Date
	case "x-ms-resource-unit":
		return h.Units
	case "x-ms-throttle-limit-percentage":
		return h.Percentage
	case "x-ms-throttle-scope":
		return h.Scope
	case "x-ms-throttle-information":
		return h.Information
	case "www-authenticate":
		return h.Challenge
	}
	return ""
}

func (r *itemReply) load() audit.Load { return loadOf(r.Headers.Units, r.Headers.Percentage) }

// failure is the error of an item whose status is no success.
func (r *itemReply) failure() *Error {
	if r.raw != nil {
		return decodeError(r.Status, r.raw)
	}
	if present(r.Body.Error) {
		return errorFromObject(r.Status, r.Body.Error)
	}
	return &Error{Status: r.Status}
}

// decodeBatch reads the answer to a $batch, in the order in which it came. The
// usual answer is decoded in one go; where a property has another type than
// expected, each item is decoded on its own, so that one odd item costs one
// user and not twenty.
func decodeBatch(k *call) ([]itemReply, error) {
	if replies, ok := plainBatch(k.answer, k.parsers); ok {
		return replies, nil
	}
	var whole struct {
		Responses *[]itemReply    `json:"responses"`
		Error     json.RawMessage `json:"error"`
	}
	err := json.Unmarshal(k.answer, &whole)
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typed):
		return decodeItems(k)
	case err != nil:
		return nil, k.complete(malformed(k.status, "the answer is none to a batch: %s", jsonReason(err)))
	case present(whole.Error):
		return nil, k.complete(errorFromObject(k.status, whole.Error))
	case whole.Responses == nil:
		return nil, k.complete(malformed(k.status, "the answer is none to a batch: it has no responses"))
	}
	return *whole.Responses, nil
}

// decodeItems decodes each item on its own and makes the best of odd ones.
func decodeItems(k *call) ([]itemReply, error) {
	var whole struct {
		Responses *[]json.RawMessage `json:"responses"`
		Error     json.RawMessage    `json:"error"`
	}
	if err := json.Unmarshal(k.answer, &whole); err != nil {
		return nil, k.complete(malformed(k.status, "the answer is none to a batch: %s", jsonReason(err)))
	}
	if present(whole.Error) {
		return nil, k.complete(errorFromObject(k.status, whole.Error))
	}
	if whole.Responses == nil {
		return nil, k.complete(malformed(k.status, "the answer is none to a batch: it has no responses"))
	}
	replies := make([]itemReply, 0, len(*whole.Responses))
	for _, raw := range *whole.Responses {
		var r itemReply
		if err := json.Unmarshal(raw, &r); err != nil {
			r = decodeOddItem(raw)
		}
		replies = append(replies, r)
	}
	return replies, nil
}

// decodeOddItem reads an item of which some property has an unexpected type.
// What cannot be read for certain leaves the item broken, or without an id if
// not even that is there.
func decodeOddItem(raw json.RawMessage) itemReply {
	var parts struct {
		ID      json.RawMessage            `json:"id"`
		Status  json.RawMessage            `json:"status"`
		Headers map[string]json.RawMessage `json:"headers"`
		Body    json.RawMessage            `json:"body"`
	}
	err := json.Unmarshal(raw, &parts)
	r := itemReply{ID: text(parts.ID)}
	var typed *json.UnmarshalTypeError
	if err != nil && !errors.As(err, &typed) {
		r.broken = "the item is no JSON object"
		return r
	}
	var headers = make(map[string]string, len(parts.Headers))
	for name, value := range parts.Headers {
		headers[name] = text(value)
	}
	if b, err := json.Marshal(headers); err == nil {
		_ = json.Unmarshal(b, &r.Headers)
	}
	status, err := strconv.Atoi(text(parts.Status))
	if err != nil || status < 100 || status > 999 {
		r.broken = "the item has no status"
		return r
	}
	r.Status = status
	body := []byte(parts.Body)
	// A body that is no JSON comes as base64; one that is may too.
	if s := text(parts.Body); len(body) > 0 && body[0] == '"' {
		body = []byte(s)
		if decoded, err := base64.StdEncoding.DecodeString(s); err == nil {
			body = decoded
		}
	}
	if err := json.Unmarshal(body, &r.Body); err != nil {
		r.Body, r.raw = page[methodJSON]{}, body
		if status >= 200 && status < 300 {
			r.broken = "the answer is no list of passkeys: " + jsonReason(err)
		}
	}
	return r
}

// text gives a JSON string's text, or a number or the like as written.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// matchReplies sorts replies by the place of the user that they are about; nil
// where there is none. Replies of unknown ids are dropped. Two replies to one
// item contradict each other, or else one of them is another user's: neither
// is believed.
func matchReplies(replies []itemReply, n int) []*itemReply {
	matched := make([]*itemReply, n)
	for i := range replies {
		r := &replies[i]
		place, err := strconv.Atoi(r.ID)
		if err != nil || place < 0 || place >= n || strconv.Itoa(place) != r.ID {
			continue
		}
		if matched[place] != nil {
			r.broken = "the answer to the batch answers this user twice"
		}
		matched[place] = r
	}
	return matched
}
