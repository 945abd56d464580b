package upload

import (
	"cmp"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A fake is an object store that speaks just enough of S3 (at /bucket/...) and
// of Azure Blob Storage (at /account/container/...). What is in parts shows
// when the parts are joined, as in the real ones.
type fake struct {
	mu      sync.Mutex
	objects map[string]stored
	parts   map[string][]byte
	log     []string // "put KEY", "remove KEY", in the order in which they took effect
	refuse  func(r *http.Request) int
	noCond  bool   // answers 501 to conditions
	auth    string // the last Authorization header
	query   string // the last query
}

type stored struct {
	body   []byte
	sha256 string
	kind   string
}

func newFake(t *testing.T) (*fake, *httptest.Server) {
	f := &fake{objects: map[string]stored{}, parts: map[string][]byte{}}
	server := httptest.NewTLSServer(f)
	t.Cleanup(server.Close)
	return f, server
}

// ServeHTTP answers one request at a time.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.auth, f.query = r.Header.Get("Authorization"), r.URL.RawQuery
	if f.refuse != nil {
		switch status := f.refuse(r); status {
		case 0:
		case -1:
			panic(http.ErrAbortHandler) // the connection ends without an answer
		default:
			f.fail(w, r, status, "Refused")
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s3 := strings.HasPrefix(r.URL.Path, "/bucket")
	key := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/bucket/"), "/account/container/")
	if !s3 && !strings.HasPrefix(r.URL.Path, "/account/container/") {
		f.fail(w, r, 404, map[bool]string{true: "NoSuchBucket", false: "ContainerNotFound"}[strings.HasPrefix(r.URL.Path, "/none")])
		return
	}
	have, ok := f.objects[key]
	q := r.URL.Query()
	switch {
	case r.Method == "GET" && q.Has("uploads"): // unfinished uploads, which there are none
		fmt.Fprint(w, `<ListMultipartUploadsResult></ListMultipartUploadsResult>`)
	case r.Method == "GET" || r.Method == "HEAD":
		if !ok {
			f.fail(w, r, 404, map[bool]string{true: "NoSuchKey", false: "BlobNotFound"}[s3])
			return
		}
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("Last-Modified", "Sun, 01 Nov 2026 08:00:00 GMT")
		w.Header().Set("Content-Type", have.kind)
		w.Header().Set("X-Amz-Meta-Sha256", have.sha256)
		w.Header().Set("X-Ms-Meta-Sha256", have.sha256)
		w.Header().Set("Content-Length", fmt.Sprint(len(have.body)))
		if r.Method == "GET" {
			_, _ = w.Write(have.body)
		}
	case r.Method == "DELETE":
		f.log = append(f.log, "remove "+key)
		delete(f.objects, key)
		w.WriteHeader(map[bool]int{true: 204, false: 202}[s3])
	case q.Has("uploads"):
		f.parts[key+"?meta"] = []byte(r.Header.Get("X-Amz-Meta-Sha256"))
		fmt.Fprint(w, `<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>`)
	case q.Has("partNumber"):
		f.parts[key+"?"+fmt.Sprintf("%05s", q.Get("partNumber"))] = body
		w.Header().Set("ETag", `"p"`)
	case q.Get("comp") == "block":
		f.parts[key+"?"+q.Get("blockid")] = body
		w.WriteHeader(201)
	case q.Has("uploadId"), q.Get("comp") == "blocklist":
		f.join(w, r, key, body)
	case r.Method == "PUT":
		f.put(w, r, key, ok, stored{body, r.Header.Get("X-Amz-Meta-Sha256") + r.Header.Get("X-Ms-Meta-Sha256"), cmp.Or(r.Header.Get("X-Ms-Blob-Content-Type"), r.Header.Get("Content-Type"))})
	default:
		f.fail(w, r, 400, "BadRequest")
	}
}

func (f *fake) put(w http.ResponseWriter, r *http.Request, key string, ok bool, s stored) {
	if want := r.Header.Get("Content-Md5"); want != "" {
		if sum := md5.Sum(s.body); base64.StdEncoding.EncodeToString(sum[:]) != want {
			f.fail(w, r, 400, "BadDigest")
			return
		}
	}
	if cond := r.Header.Get("If-None-Match"); cond != "" {
		switch {
		case f.noCond:
			f.fail(w, r, 501, "NotImplemented")
			return
		case ok:
			f.fail(w, r, 412, "PreconditionFailed")
			return
		}
	}
	f.objects[key] = s
	f.log = append(f.log, "put "+key)
	w.Header().Set("ETag", `"e"`)
	if strings.HasPrefix(r.URL.Path, "/account") {
		w.WriteHeader(201)
	}
}

// join makes an object of its parts.
func (f *fake) join(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	var list struct {
		Part []struct {
			PartNumber int
		}
		Latest []string
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		f.fail(w, r, 400, "MalformedXML")
		return
	}
	s := stored{sha256: string(f.parts[key+"?meta"]) + r.Header.Get("X-Ms-Meta-Sha256")}
	for _, p := range list.Part {
		s.body = append(s.body, f.parts[key+"?"+fmt.Sprintf("%05d", p.PartNumber)]...)
	}
	for _, id := range list.Latest {
		s.body = append(s.body, f.parts[key+"?"+id]...)
	}
	f.objects[key] = s
	f.log = append(f.log, "put "+key)
	if r.Method == "POST" {
		fmt.Fprint(w, `<CompleteMultipartUploadResult><Bucket>bucket</Bucket><ETag>"e"</ETag></CompleteMultipartUploadResult>`)
		return
	}
	w.WriteHeader(201)
}

func (f *fake) fail(w http.ResponseWriter, r *http.Request, status int, code string) {
	w.Header().Set("X-Ms-Error-Code", code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != "HEAD" {
		fmt.Fprintf(w, `<Error><Code>%s</Code><Message>no</Message></Error>`, code)
	}
}

func (f *fake) keys() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for k := range f.objects {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
