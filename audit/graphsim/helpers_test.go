package graphsim

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

const origin = "https://graph.microsoft.com"

// An answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error
}

// send sends a request to the server in process. headers are names and values in
// turn.
func send(t *testing.T, s *Server, method, address, body string, headers ...string) answer {
	t.Helper()
	if !strings.Contains(address, "://") {
		address = origin + address
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.Transport().RoundTrip(r)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, b, err}
}

func get(t *testing.T, s *Server, address string, headers ...string) answer {
	t.Helper()
	return send(t, s, http.MethodGet, address, "", headers...)
}

// object reads an answer with status 200 as JSON.
func (a answer) object(t *testing.T) map[string]any {
	t.Helper()
	if a.err != nil || a.status != http.StatusOK {
		t.Fatalf("got status %d, error %v, body %.300s; want 200", a.status, a.err, a.body)
	}
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("answer is no JSON object: %v: %.300s", err, a.body)
	}
	return v
}

// code gives the error code of an answer.
func (a answer) code(t *testing.T) string {
	t.Helper()
	var v struct {
		Error *struct {
			Code, Message string
			InnerError    map[string]string
		}
	}
	if err := json.Unmarshal(a.body, &v); err != nil || v.Error == nil {
		t.Fatalf("answer is no error of Graph: %v: %.300s", err, a.body)
	}
	for _, key := range []string{"date", "request-id", "client-request-id"} {
		if v.Error.InnerError[key] == "" {
			t.Errorf("error without innerError.%s: %s", key, a.body)
		}
	}
	return v.Error.Code
}

// walk reads all pages from address on and gives their values.
func walk(t *testing.T, s *Server, address string, headers ...string) (values []map[string]any, pages int) {
	t.Helper()
	for address != "" {
		page := get(t, s, address, headers...).object(t)
		pages++
		list, ok := page["value"].([]any)
		if !ok {
			t.Fatalf("page without value: %v", page)
		}
		for _, v := range list {
			values = append(values, v.(map[string]any))
		}
		address, _ = page["@odata.nextLink"].(string)
		if pages > 100_000 {
			t.Fatal("endless listing")
		}
	}
	return values, pages
}

// A batchAnswer is one answer in a $batch.
type batchAnswer struct {
	ID      string
	Status  int
	Headers map[string]string
	Body    json.RawMessage
}

// batchOf sends GETs of the addresses in one $batch, with ids "0", "1" and so on.
func batchOf(t *testing.T, s *Server, addresses ...string) (answer, map[string]batchAnswer, []string) {
	t.Helper()
	type item struct {
		ID     string `json:"id"`
		Method string `json:"method"`
		URL    string `json:"url"`
	}
	var v struct {
		Requests []item `json:"requests"`
	}
	for i, address := range addresses {
		v.Requests = append(v.Requests, item{string(appendInt(nil, i)), "GET", address})
	}
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	a := send(t, s, http.MethodPost, "/v1.0/$batch", string(body), "Content-Type", "application/json")
	var got struct{ Responses []batchAnswer }
	if a.status == http.StatusOK && a.err == nil {
		if err := json.Unmarshal(a.body, &got); err != nil {
			t.Logf("batch answer is no JSON: %v", err)
		}
	}
	byID := make(map[string]batchAnswer)
	var order []string
	for _, r := range got.Responses {
		byID[r.ID] = r
		order = append(order, r.ID)
	}
	return a, byID, order
}
