package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
)

// oneItem is the answer to a batch of one.
func oneItem(item string) string { return `{"responses":[` + item + `]}` }

func TestMethodsRequest(t *testing.T) {
	var r record
	c := testClient(t, r.wrap(always(200, `{"responses":[]}`)), nil)
	if _, err := c.Methods(context.Background(), []string{alexID, "a\"/b?c", "", ".."}); err != nil {
		t.Fatal(err)
	}
	if len(r.requests) != 1 {
		t.Fatalf("%d requests, want 1", len(r.requests))
	}
	got := r.requests[0]
	if got.Method != "POST" || got.URL.String() != testRoot+"/v1.0/$batch" {
		t.Errorf("got %s %s", got.Method, got.URL)
	}
	if got.Header.Get("Content-Type") != "application/json" || got.ContentLength != int64(len(r.bodies[0])) || got.GetBody == nil {
		t.Errorf("content type %q, length %d of %d", got.Header.Get("Content-Type"), got.ContentLength, len(r.bodies[0]))
	}
	type item struct {
		ID, Method, URL string
		Headers         map[string]string
	}
	var body struct{ Requests []item }
	if err := json.Unmarshal([]byte(r.bodies[0]), &body); err != nil {
		t.Fatalf("%v in %s", err, r.bodies[0])
	}
	headers := map[string]string{"Accept": "application/json", "x-ms-throttle-priority": "Low"}
	want := []item{
		{"0", "GET", "/users/" + alexID + "/authentication/fido2Methods", headers},
		{"1", "GET", "/users/a%22%2Fb%3Fc/authentication/fido2Methods", headers},
	}
	if diff := cmp.Diff(want, body.Requests); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

func TestMethodsBounds(t *testing.T) {
	var r record
	c := testClient(t, r.wrap(always(200, `{"responses":[]}`)), nil)
	if got, err := c.Methods(context.Background(), nil); err != nil || len(got.Answers) != 0 {
		t.Errorf("no users: got %v, %v", got, err)
	}
	if _, err := c.Methods(context.Background(), make([]string, MaxBatch+1)); err == nil {
		t.Error("21 users: no error")
	}
	got, err := c.Methods(context.Background(), []string{""})
	var e *Error
	if err != nil || len(got.Answers) != 1 || !errors.As(got.Answers[0].Err, &e) || e.Code != CodeBadID || e.Temporary() {
		t.Errorf("an empty id: got %+v, %v", got, err)
	}
	if len(r.requests) != 0 {
		t.Errorf("%d requests were sent", len(r.requests))
	}
}

// TestMethodsWire reads the recorded batch item by item; its ids are 1 to 5,
// and so there is no answer to the first user.
func TestMethodsWire(t *testing.T) {
	c := testClient(t, always(200, wire(t, "batch-response.json"), "request-id", "aaaaaaaa-0000-4000-8000-000000000001",
		"x-ms-resource-unit", "2", "x-ms-throttle-limit-percentage", "0.8"), nil)
	got, err := c.Methods(context.Background(), []string{"u0", "u1", "u2", "u3", "u4", "u5"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(audit.Load{Units: 3, Percentage: 0.8}, got.Load); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
	type seen struct {
		Passkeys             int
		Failure              audit.Failure
		Wait                 time.Duration
		Waits, Temp, Thr, NF bool
	}
	const envelope = "aaaaaaaa-0000-4000-8000-000000000001"
	want := []seen{
		{Failure: audit.Failure{Code: CodeUnanswered, Message: "the answer to the batch leaves this user out", RequestID: envelope}, Temp: true},
		{},
		{Failure: audit.Failure{Status: 404, Code: "resourceNotFound", Message: "User not found.", RequestID: "0d3f4a5c-0000-4000-8000-000000000002"}, NF: true},
		{Failure: audit.Failure{Status: 429, Code: "TooManyRequests", Message: "Too many requests.", RequestID: "0d3f4a5c-0000-4000-8000-000000000003"},
			Wait: 7 * time.Second, Waits: true, Temp: true, Thr: true},
		{Failure: audit.Failure{Status: 503, RequestID: envelope}, Temp: true},
		{Failure: audit.Failure{Status: 403, RequestID: envelope}},
	}
	var all []seen
	for _, a := range got.Answers {
		s := seen{Passkeys: len(a.Passkeys)}
		var e *Error
		if errors.As(a.Err, &e) {
			s.Failure = e.Failure()
			s.Wait, s.Waits = e.RetryAfter()
			s.Temp, s.Thr, s.NF = e.Temporary(), e.Throttled(), errors.Is(e, ErrNotFound)
		}
		all = append(all, s)
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestMethodsWirePasskeys(t *testing.T) {
	c := testClient(t, always(200, oneItem(`{"id":"0","status":200,"body":`+wire(t, "fido2Methods.json")+`}`)), nil)
	got, err := c.Methods(context.Background(), []string{alexID})
	if err != nil || got.Answers[0].Err != nil {
		t.Fatalf("got %v, %v", err, got.Answers[0].Err)
	}
	want := []audit.Passkey{
		{ID: "-2_GRUg2-HYz6_1YG4YRAQ2", Name: "Red key", AAGUID: "2fc0579f-8113-47ea-b116-555a8db9202a", Model: "NFC key",
			Type: audit.DeviceBound, Attestation: audit.Attested, CreatedAt: time.Date(2020, 8, 10, 6, 44, 9, 0, time.UTC)},
		{ID: "_jpuR-TGZgk6aQCLF3BQjA2", Name: "Blue key", AAGUID: "c5ef55ff-ad9a-4b9f-b580-ababafe026d0", Model: "USB key",
			Attestation: audit.Attested, CreatedAt: time.Date(2020, 8, 10, 6, 25, 38, 0, time.UTC)},
	}
	if diff := cmp.Diff(want, got.Answers[0].Passkeys); diff != "" {
		t.Errorf("passkeys (-want +got):\n%s", diff)
	}
}

func TestPasskeyValues(t *testing.T) {
	created := time.Date(2026, 3, 13, 19, 15, 41, 619583300, time.UTC)
	tests := []struct {
		name, body string
		want       audit.Passkey
	}{
		{"AAGUID null", `"aaGuid":null`, audit.Passkey{}},
		{"AAGUID left out", `"model":null`, audit.Passkey{}},
		{"AAGUID empty", `"aaGuid":""`, audit.Passkey{}},
		{"AAGUID in capitals and braces", `"aaGuid":"{DE1E552D-DB1D-4423-A619-566B625CDC84}"`, audit.Passkey{AAGUID: "{DE1E552D-DB1D-4423-A619-566B625CDC84}"}},
		{"AAGUID another text", `"aaGuid":"none known"`, audit.Passkey{AAGUID: "none known"}},
		{"types of a later version", `"passkeyType":"orbital","attestationLevel":"unknownFutureValue"`, audit.Passkey{Type: "orbital", Attestation: "unknownFutureValue"}},
		{"time with seven digits", `"createdDateTime":"2026-03-13T19:15:41.6195833Z"`, audit.Passkey{CreatedAt: created}},
		{"time with twelve digits", `"createdDateTime":"2026-03-13T19:15:41.619583300999Z"`, audit.Passkey{CreatedAt: created}},
		{"time with an offset", `"createdDateTime":"2026-03-13T20:15:41.6195833+01:00"`, audit.Passkey{CreatedAt: created}},
		{"time that is none", `"createdDateTime":"yesterday"`, audit.Passkey{}},
		{"time null", `"createdDateTime":null,"lastUsedDateTime":null`, audit.Passkey{}},
		{"last use", `"lastUsedDateTime":"2026-03-13T19:15:41.6195833Z"`, audit.Passkey{LastUsedAt: created}},
		{"hostile name", `"displayName":"=HYPERLINK(\"http://x\",\"y\")\r\n\u0000"`, audit.Passkey{Name: "=HYPERLINK(\"http://x\",\"y\")\r\n\x00"}},
		{"notes of OData", `"@odata.type":"#microsoft.graph.fido2AuthenticationMethod","@x":{"y":[1]}`, audit.Passkey{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testClient(t, always(200, oneItem(`{"id":"0","status":200,"body":{"value":[{"id":"k",`+tt.body+`}]}}`)), nil)
			got, err := c.Methods(context.Background(), []string{alexID})
			if err != nil || got.Answers[0].Err != nil {
				t.Fatalf("got %v, %v", err, got.Answers[0].Err)
			}
			tt.want.ID = "k"
			if diff := cmp.Diff([]audit.Passkey{tt.want}, got.Answers[0].Passkeys); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOddItems has three users. The first and the last are answered properly
// in every case: an odd item must cost one user alone.
func TestOddItems(t *testing.T) {
	tests := []struct {
		name, item string
		status     int
		code       string
		passkeys   int // with no code
		temporary  bool
	}{
		{"proper", `{"id":"1","status":200,"body":{"value":[{"id":"k"}]}}`, 200, "", 1, false},
		{"none", `{"id":"1","status":200,"body":{"value":[]}}`, 200, "", 0, false},
		{"base64 of JSON", `{"id":"1","status":200,"body":"eyJ2YWx1ZSI6W3siaWQiOiJrIn1dfQ=="}`, 200, "", 1, false},
		{"id a number", `{"id":1,"status":200,"body":{"value":[{"id":"k"}]}}`, 200, "", 1, false},
		{"status a text", `{"id":"1","status":"200","body":{"value":[{"id":"k"}]}}`, 200, "", 1, false},
		{"header a number", `{"id":"1","status":200,"headers":{"Retry-After":7},"body":{"value":[{"id":"k"}]}}`, 200, "", 1, false},
		{"headers a list", `{"id":"1","status":200,"headers":[],"body":{"value":[{"id":"k"}]}}`, 200, "", 1, false},
		{"unanswered", `{"id":"7","status":200,"body":{"value":[]}}`, 0, CodeUnanswered, 0, true},
		{"id with a zero before", `{"id":"01","status":200,"body":{"value":[]}}`, 0, CodeUnanswered, 0, true},
		{"id left out", `{"status":200,"body":{"value":[]}}`, 0, CodeUnanswered, 0, true},
		{"null", `null`, 0, CodeUnanswered, 0, true},
		{"a text", `"x"`, 0, CodeUnanswered, 0, true},
		{"status left out", `{"id":"1","body":{"value":[]}}`, 0, CodeMalformed, 0, true},
		{"status null", `{"id":"1","status":null,"body":{"value":[]}}`, 0, CodeMalformed, 0, true},
		{"status no number", `{"id":"1","status":"fine","body":{"value":[]}}`, 0, CodeMalformed, 0, true},
		{"status a fraction", `{"id":"1","status":200.5,"body":{"value":[]}}`, 0, CodeMalformed, 0, true},
		{"body null", `{"id":"1","status":200,"body":null}`, 200, CodeMalformed, 0, true},
		{"body left out", `{"id":"1","status":200}`, 200, CodeMalformed, 0, true},
		{"body without value", `{"id":"1","status":200,"body":{}}`, 200, CodeMalformed, 0, true},
		{"value null", `{"id":"1","status":200,"body":{"value":null}}`, 200, CodeMalformed, 0, true},
		{"value an object", `{"id":"1","status":200,"body":{"value":{}}}`, 200, CodeMalformed, 0, true},
		{"body a list", `{"id":"1","status":200,"body":[]}`, 200, CodeMalformed, 0, true},
		{"body a text", `{"id":"1","status":200,"body":"!"}`, 200, CodeMalformed, 0, true},
		{"body empty base64", `{"id":"1","status":200,"body":""}`, 200, CodeMalformed, 0, true},
		{"passkey without an id", `{"id":"1","status":200,"body":{"value":[{"id":"k"},{}]}}`, 200, CodeMalformed, 0, true},
		{"passkey null", `{"id":"1","status":200,"body":{"value":[null]}}`, 200, CodeMalformed, 0, true},
		{"passkey with a number for a name", `{"id":"1","status":200,"body":{"value":[{"id":"k","displayName":5}]}}`, 200, CodeMalformed, 0, true},
		{"error body with 200", `{"id":"1","status":200,"body":{"error":{"code":"UnknownError","message":"x"}}}`, 200, "UnknownError", 0, true},
		{"error beside a list", `{"id":"1","status":200,"body":{"value":[],"error":{"code":"UnknownError"}}}`, 200, "UnknownError", 0, true},
		{"redirect", `{"id":"1","status":302,"headers":{"Location":"https://evil.example"},"body":null}`, 302, "", 0, false},
		{"list with an error status", `{"id":"1","status":500,"body":{"value":[{"id":"k"}]}}`, 500, "", 0, true},
		{"base64 of a gateway's page", `{"id":"1","status":502,"body":"PGh0bWw+YmFkPC9odG1sPg=="}`, 502, "", 0, true},
		{"base64 of an error", `{"id":"1","status":403,"body":"eyJlcnJvciI6eyJjb2RlIjoiYWNjZXNzRGVuaWVkIn19"}`, 403, "accessDenied", 0, false},
		{"throttled with Retry-After a number", `{"id":"1","status":429,"headers":{"retry-after":7},"body":null}`, 429, "", 0, true},
		{"dependency", `{"id":"1","status":424,"body":null}`, 424, "", 0, true},
		{"answered twice", `{"id":"1","status":200,"body":{"value":[]}},{"id":"1","status":200,"body":{"value":[{"id":"k"}]}}`, 200, CodeMalformed, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := oneItem(`{"id":"2","status":200,"headers":{"X-MS-RESOURCE-UNIT":"1"},"body":{"value":[{"id":"c"}]}},` + tt.item + `,{"id":"0","status":200,"body":{"value":[{"id":"a"}]}}`)
			got, err := testClient(t, always(200, body), nil).Methods(context.Background(), []string{"a", "b", "c"})
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range []int{0, 2} {
				if a := got.Answers[i]; a.Err != nil || len(a.Passkeys) != 1 || a.Passkeys[0].ID != string(rune('a'+i)) {
					t.Errorf("user %d: got %+v, want its passkey", i, a)
				}
			}
			if got.Load.Units != 1 {
				t.Errorf("Load = %+v, want 1 unit", got.Load)
			}
			a := got.Answers[1]
			var e *Error
			if !errors.As(a.Err, &e) {
				if a.Err != nil || tt.code != "" || tt.status != 200 || len(a.Passkeys) != tt.passkeys {
					t.Errorf("got %d passkeys, %v; want %d, %q", len(a.Passkeys), a.Err, tt.passkeys, tt.code)
				}
				return
			}
			if e.Status != tt.status || e.Code != tt.code || e.Temporary() != tt.temporary || len(a.Passkeys) != 0 {
				t.Errorf("got %d %q, temporary %v, %d passkeys; want %d %q %v (%v)", e.Status, e.Code, e.Temporary(), len(a.Passkeys), tt.status, tt.code, tt.temporary, e)
			}
			if tt.status == 429 {
				if d, ok := e.RetryAfter(); !ok || d != 7*time.Second {
					t.Errorf("RetryAfter = %v, %v; want 7s", d, ok)
				}
			}
		})
	}
}

func TestBatchAsAWhole(t *testing.T) {
	tests := []struct {
		name      string
		transport handler
		status    int
		temporary bool
	}{
		{"throttled", always(429, "", "Retry-After", "2"), 429, true},
		{"dependency", always(424, ""), 424, true},
		{"refused", always(403, graphError("Authorization_RequestDenied", "x")), 403, false},
		{"bad request", always(400, graphError("BadRequest", "x")), 400, false},
		{"error body", always(200, graphError("x", "y")), 200, true},
		{"no responses", always(200, `{}`), 200, true},
		{"responses null", always(200, `{"responses":null}`), 200, true},
		{"responses an object", always(200, `{"responses":{}}`), 200, true},
		{"a list", always(200, `[]`), 200, true},
		{"null", always(200, `null`), 200, true},
		{"cut", always(200, `{"responses":[{"id":"0","status":200,"body":{"value":[`), 200, true},
		{"empty", always(200, ``), 200, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := testClient(t, tt.transport, nil).Methods(context.Background(), []string{"a", "b"})
			var e *Error
			if !errors.As(err, &e) || e.Status != tt.status || e.Temporary() != tt.temporary {
				t.Errorf("got %v, want an *Error of status %d", err, tt.status)
			}
			if len(got.Answers) != 0 {
				t.Errorf("%d answers with an error", len(got.Answers))
			}
		})
	}
}

func TestMethodsFollowsLinks(t *testing.T) {
	link := func(n string) string { return testRoot + "/v1.0/users/a/authentication/fido2Methods?$skiptoken=" + n }
	pages := func(answers map[string]string, first string) handler {
		return func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost {
				return answer(200, oneItem(`{"id":"0","status":200,"body":{"value":[{"id":"k1"}],"@odata.nextLink":"`+first+`"}},{"id":"1","status":200,"body":{"value":[]}}`)), nil
			}
			body, ok := answers[r.URL.String()]
			if !ok {
				return answer(404, ""), nil
			}
			return answer(200, body, "x-ms-resource-unit", "1"), nil
		}
	}
	tests := []struct {
		name    string
		answers map[string]string
		first   string
		want    []string
		err     error
	}{
		{"two more", map[string]string{
			link("2"): `{"value":[{"id":"k2"}],"@odata.nextLink":"` + link("3") + `"}`, link("3"): `{"value":[{"id":"k3"}]}`,
		}, link("2"), []string{"k1", "k2", "k3"}, nil},
		{"an empty one", map[string]string{link("2"): `{"value":[]}`}, link("2"), []string{"k1"}, nil},
		{"to itself", map[string]string{link("2"): `{"value":[],"@odata.nextLink":"` + link("2") + `"}`}, link("2"), nil, ErrMalformed},
		{"in a circle", map[string]string{
			link("2"): `{"value":[],"@odata.nextLink":"` + link("3") + `"}`, link("3"): `{"value":[],"@odata.nextLink":"` + link("2") + `"}`,
		}, link("2"), nil, ErrMalformed},
		{"refused", nil, link("2"), nil, ErrNotFound},
		{"malformed", map[string]string{link("2"): `{}`}, link("2"), nil, ErrMalformed},
		{"passkey without an id", map[string]string{link("2"): `{"value":[{}]}`}, link("2"), nil, ErrMalformed},
		{"foreign", nil, "https://evil.example/v1.0/x", nil, ErrForeignLink},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r record
			got, err := testClient(t, r.wrap(pages(tt.answers, tt.first)), nil).Methods(context.Background(), []string{"a", "b"})
			if err != nil || got.Answers[1].Err != nil {
				t.Fatalf("got %v, %v; want no error for the other user", err, got.Answers[1].Err)
			}
			if !errors.Is(got.Answers[0].Err, tt.err) {
				t.Errorf("got %v, want %v", got.Answers[0].Err, tt.err)
			}
			var ids []string
			for _, p := range got.Answers[0].Passkeys {
				ids = append(ids, p.ID)
			}
			if diff := cmp.Diff(tt.want, ids); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, request := range r.requests {
				if request.URL.Host != "graph.example.com" {
					t.Errorf("a request went to %s", request.URL.Host)
				}
			}
		})
	}
}

func TestMethodsEndsWithoutEnd(t *testing.T) {
	n := 0
	c := testClient(t, handler(func(r *http.Request) (*http.Response, error) {
		n++
		next := fmt.Sprintf(`"@odata.nextLink":"%s/v1.0/x?$skiptoken=%d"`, testRoot, n)
		if r.Method == http.MethodPost {
			return answer(200, oneItem(`{"id":"0","status":200,"body":{"value":[],`+next+`}}`)), nil
		}
		return answer(200, `{"value":[],`+next+`}`), nil
	}), nil)
	got, err := c.Methods(context.Background(), []string{"a"})
	if err != nil || !errors.Is(got.Answers[0].Err, ErrMalformed) || n > maxMethodPages+2 {
		t.Errorf("after %d requests: %v, %v; want ErrMalformed", n, err, got.Answers[0].Err)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	for _, s := range []string{
		wire(f, "batch-response.json"), oneItem(`{"id":"0","status":200,"body":{"value":[]}}`), oneItem(`{"id":0,"status":"200","body":"e30="}`),
		oneItem(`null`), `{"responses":null}`, `{"error":{"code":"x"}}`, `[]`, ``, oneItem(`{"id":"0","status":200,"body":{}}`),
		oneItem(`{"id":"0","status":404,"headers":{"Retry-After":["1"]},"body":[]}`),
	} {
		f.Add([]byte(s))
	}
	c := testClient(f, handler(func(*http.Request) (*http.Response, error) { return nil, errors.New("no network in here") }), nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		k := &call{status: 200, answer: body}
		replies, err := decodeBatch(k)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || !e.Temporary() {
				t.Fatalf("got %v, want a temporary *Error", err)
			}
			return
		}
		for _, r := range matchReplies(replies, 3) {
			var load audit.Load
			a := c.answer(context.Background(), k, r, &load)
			if a.Err != nil {
				if len(a.Passkeys) != 0 {
					t.Fatalf("passkeys with %v", a.Err)
				}
				continue
			}
			// Read, perhaps with nothing in it: then there was a list.
			if r == nil || r.Body.Value == nil || r.Status/100 != 2 {
				t.Fatalf("%q: %+v counts as read", body, r)
			}
			if strings.Count(string(body), "{") < 1 {
				t.Fatalf("%q counts as read", body)
			}
		}
	})
}
