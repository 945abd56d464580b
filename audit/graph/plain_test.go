package graph

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sameBatch reports how the two readings of an answer to a batch differ; ok
// tells whether fastjson read it.
func sameBatch(t *testing.T, answer []byte) (ok bool) {
	t.Helper()
	got, ok := plainBatch(answer, nil)
	if !ok {
		return false
	}
	var whole struct {
		Responses *[]itemReply    `json:"responses"`
		Error     json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(answer, &whole); err != nil || whole.Responses == nil || present(whole.Error) {
		t.Fatalf("%s\nwas read, and encoding/json says %v", answer, err)
	}
	if d := cmp.Diff(*whole.Responses, got, cmp.AllowUnexported(itemReply{}), cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s\n(-encoding/json +fastjson):\n%s", answer, d)
	}
	return true
}

func sameUsers(t *testing.T, answer []byte) (ok bool) {
	t.Helper()
	got, ok := plainUsers(answer, nil)
	if !ok {
		return false
	}
	var want page[userJSON]
	if err := json.Unmarshal(answer, &want); err != nil || present(want.Error) {
		t.Fatalf("%s\nwas read, and encoding/json says %v", answer, err)
	}
	if (want.Value == nil) != (got.Value == nil) {
		t.Fatalf("%s\nvalue is %v with encoding/json, %v with fastjson", answer, want.Value, got.Value)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s\n(-encoding/json +fastjson):\n%s", answer, d)
	}
	return true
}

// TestPlain: what is usual is read by fastjson, and what is odd is left to
// encoding/json.
func TestPlain(t *testing.T) {
	const method = `{"id":"k","displayName":"Red key","aaGuid":null,"attestationCertificates":["a"],"@odata.type":"x"}`
	item := func(body string) string {
		return `{"responses":[{"id":"0","status":200,"headers":{"Content-Type":"application/json"},"body":` + body + `}]}`
	}
	for _, tt := range []struct {
		name, answer string
		plain        bool
	}{
		{"usual", item(`{"@odata.context":"c","value":[` + method + `]}`), true},
		{"nobody's passkeys", item(`{"value":[]}`), true},
		{"next link", item(`{"value":[],"@odata.nextLink":"https://x/y"}`), true},
		{"throttled", `{"responses":[{"id":"1","status":429,"headers":{"retry-AFTER":"3","x-ms-resource-unit":"2"},"body":{"error":{"code":"x"}}}]}`, false},
		{"header in another letter case", `{"responses":[{"id":"1","status":200,"headers":{"RETRY-after":"3"},"body":{"value":[]}}]}`, true},
		{"header twice", `{"responses":[{"id":"1","headers":{"Date":"a","date":"b"}}]}`, false},
		{"no responses", `{"other":1}`, false},
		{"responses null", `{"responses":null}`, false},
		{"none", `{"responses":[]}`, true},
		{"item null", `{"responses":[null]}`, false},
		{"status a text", `{"responses":[{"id":"1","status":"200"}]}`, false},
		{"status with a fraction", `{"responses":[{"id":"1","status":200.0}]}`, false},
		{"body a text", item(`"dGV4dA=="`), false},
		{"body null", item(`null`), false},
		{"value null", item(`{"value":null}`), false},
		{"value an object", item(`{"value":{}}`), false},
		{"property in another letter case", item(`{"value":[{"ID":"k"}]}`), false},
		{"property twice", item(`{"value":[{"id":"k","id":"l"}]}`), false},
		{"name a number", item(`{"value":[{"id":"k","displayName":7}]}`), false},
		{"folded letter", item("{\"value\":[{\"a\u017ffoo\":1,\"id\":\"k\"}]}"), false},
		{"escape", item(`{"value":[{"id":"k","displayName":"\u00fc"}]}`), false},
		{"control character", item("{\"value\":[{\"id\":\"a\tb\"}]}"), false},
		{"invalid UTF-8", item("{\"value\":[{\"id\":\"\xff\"}]}"), false},
		{"cut off", `{"responses":[{"id":"1","status":200`, false},
		{"something behind", `{"responses":[]} x`, false},
		{"array", `[]`, false},
		{"empty", ``, false},
		{"deep", `{"responses":[],"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := sameBatch(t, []byte(tt.answer)); got != tt.plain {
				t.Errorf("read by fastjson: %v, want %v", got, tt.plain)
			}
		})
	}
	if !sameBatch(t, []byte(benchBatch())) || !sameUsers(t, []byte(benchUsers())) {
		t.Error("a usual answer is left to encoding/json")
	}
}

// TestPlainWire holds the bodies that Graph sends to both readings.
func TestPlainWire(t *testing.T) {
	files, err := filepath.Glob("../../../shared/wire/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sameBatch(t, b)
		sameUsers(t, b)
	}
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{
		benchBatch(), `{"value":[{"id":"u","accountEnabled":true,"userType":null},{"id":"v","accountEnabled":null}],"@odata.nextLink":"n"}`,
		`{"responses":[{"id":"0","status":200,"headers":{"Retry-After":"1"},"body":{"value":[{"id":"k","model":null}],"error":null}}]}`,
		`{"Responses":[],"responses":[{"ID":"x"}]}`, `{"responses":[{"status":1e2}]}`, `{"value":[{"id":"a","Id":"b"}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if json.Valid(b) {
			sameBatch(t, b)
			sameUsers(t, b)
		} else {
			plainBatch(b, nil)
			plainUsers(b, nil)
		}
	})
}
