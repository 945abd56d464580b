package upload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const (
	secretKey = "SECRET-key-of-the-test"
	secretSAS = "sv=2026-01-01&sig=SECRET-signature-of-the-test"
)

// kinds are the two kinds of store, each with the address of its fake.
func kinds(server *httptest.Server) map[string]string {
	return map[string]string{
		"s3":    "s3://bucket/reports?endpoint=" + server.URL,
		"azure": server.URL + "/account/container/reports",
	}
}

func getenv(name string) string {
	return map[string]string{
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": secretKey, "AZURE_STORAGE_SAS_TOKEN": "?" + secretSAS,
	}[name]
}

func open(t interface{ Fatal(...any) }, server *httptest.Server, address string, replace bool) *Place {
	target, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(target, Options{Getenv: getenv, Transport: server.Client().Transport, Replace: replace})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// folder makes files; the mark is the one named manifest.json.
func folder(t interface{ Fatal(...any) }, dir string, files map[string]string) Folder {
	f := Folder{Name: "report of November", Stale: []string{"a.csv", "b.csv", "c.csv", "snapshot.db"}}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(text))
		file := File{Name: name, Path: path, Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
		if name == "manifest.json" {
			f.Mark = file
		} else {
			f.Files = append(f.Files, file)
		}
	}
	slices.SortFunc(f.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return f
}

func key(name string) string { return "reports/report of November/" + name }

func TestPut(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 2<<20) + "!" // three parts
	for kind := range kinds(httptest.NewUnstartedServer(nil)) {
		t.Run(kind, func(t *testing.T) {
			store, server := newFake(t)
			address := kinds(server)[kind]
			files := map[string]string{"a.csv": "a,b\r\n", "b.csv": "", "snapshot.db": large, "manifest.json": "{}"}
			f := folder(t, t.TempDir(), files)
			p := open(t, server, address, false)
			if err := p.Reach(t.Context()); err != nil {
				t.Fatal(err)
			}
			r, err := p.Put(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			if r.Sent != 4 || r.Kept != 0 || r.Bytes != int64(len(large)+7) || !strings.HasSuffix(r.Where, "/reports/report of November") {
				t.Errorf("got %+v", r)
			}
			for name, text := range files {
				got := store.objects[key(name)]
				sum := sha256.Sum256([]byte(text))
				if string(got.body) != text || got.sha256 != hex.EncodeToString(sum[:]) {
					t.Errorf("%s: %d bytes, digest %q", name, len(got.body), got.sha256)
				}
			}
			if got := store.objects[key("a.csv")].kind; got != "text/csv; charset=utf-8" {
				t.Errorf("a.csv is of type %q", got)
			}
			if d := cmp.Diff([]string{"put " + key("a.csv"), "put " + key("b.csv"), "put " + key("snapshot.db"), "put " + key("manifest.json")}, store.log); d != "" {
				t.Errorf("order (-want +got):\n%s", d)
			}
			// Once more: nothing is sent.
			r, err = open(t, server, address, false).Put(t.Context(), f)
			if err != nil || r.Sent != 0 || r.Kept != 4 || len(store.log) != 4 {
				t.Errorf("again: %+v, %v, %v", r, err, store.log)
			}
			// A file is gone from the published folder: it is sent, and nothing else.
			delete(store.objects, key("a.csv"))
			if r, err = p.Put(t.Context(), f); err != nil || r.Sent != 1 || r.Kept != 3 {
				t.Errorf("with a file missing: %+v, %v", r, err)
			}
		})
	}
}

// TestReplace: another folder of the same name is refused, or replaced, and
// then it is not there while it is neither the old nor the new one.
func TestReplace(t *testing.T) {
	for kind := range kinds(httptest.NewUnstartedServer(nil)) {
		t.Run(kind, func(t *testing.T) {
			store, server := newFake(t)
			address := kinds(server)[kind]
			old := folder(t, t.TempDir(), map[string]string{"a.csv": "old", "b.csv": "same", "c.csv": "old", "manifest.json": `{"old":1}`})
			if _, err := open(t, server, address, false).Put(t.Context(), old); err != nil {
				t.Fatal(err)
			}
			store.log = nil
			next := folder(t, t.TempDir(), map[string]string{"a.csv": "new", "b.csv": "same", "manifest.json": `{"new":1}`})
			if _, err := open(t, server, address, false).Put(t.Context(), next); !errors.Is(err, ErrTaken) || len(store.log) != 0 {
				t.Errorf("got %v and %v, want ErrTaken and nothing done", err, store.log)
			}
			r, err := open(t, server, address, true).Put(t.Context(), next)
			if err != nil || r.Sent != 2 || r.Kept != 1 {
				t.Errorf("got %+v, %v", r, err)
			}
			want := []string{"remove " + key("manifest.json"), "remove " + key("c.csv"), "put " + key("a.csv"), "put " + key("manifest.json")}
			if d := cmp.Diff(want, store.log); d != "" {
				t.Errorf("order (-want +got):\n%s", d)
			}
		})
	}
}

// TestInterrupted cuts an upload off at any request: what is marked is whole,
// and another run completes it.
func TestInterrupted(t *testing.T) {
	for kind := range kinds(httptest.NewUnstartedServer(nil)) {
		t.Run(kind, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				store, server := newFake(t)
				defer server.Close()
				address := kinds(server)[kind]
				dir := t.TempDir()
				f := folder(rt, dir, map[string]string{"a.csv": "a", "b.csv": "b", "c.csv": "c", "snapshot.db": "d", "manifest.json": "{}"})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				left := rapid.IntRange(0, 16).Draw(rt, "requests")
				lost := rapid.Bool().Draw(rt, "effect")
				store.refuse = func(*http.Request) int {
					if left--; left < 0 {
						cancel() // the process is gone
						if lost {
							return -1
						}
					}
					return 0
				}
				_, err := open(rt, server, address, false).Put(ctx, f)
				store.mu.Lock()
				store.refuse = nil
				store.mu.Unlock()
				if err != nil && !errors.Is(err, context.Canceled) {
					rt.Fatal(err)
				}
				keys := store.keys()
				if slices.Contains(keys, key("manifest.json")) && len(keys) != 5 {
					rt.Fatalf("the folder is marked, and holds %v", keys)
				}
				before := len(keys)
				r, err := open(rt, server, address, false).Put(t.Context(), f)
				if err != nil || r.Kept != before || len(store.keys()) != 5 {
					rt.Fatalf("another run after %d files: %+v, %v, %v", before, r, err, store.keys())
				}
			})
		})
	}
}

// TestRace: the mark appears while we upload.
func TestRace(t *testing.T) {
	for kind := range kinds(httptest.NewUnstartedServer(nil)) {
		for _, tt := range []struct {
			name, theirs string
			want         error
		}{{"same folder", "{}", nil}, {"another folder", `{"x":1}`, ErrTaken}} {
			t.Run(kind+" "+tt.name, func(t *testing.T) {
				store, server := newFake(t)
				f := folder(t, t.TempDir(), map[string]string{"a.csv": "a", "manifest.json": "{}"})
				sum := sha256.Sum256([]byte(tt.theirs))
				store.refuse = func(r *http.Request) int {
					if r.Method == "PUT" && strings.HasSuffix(r.URL.Path, "manifest.json") {
						store.objects[key("manifest.json")] = stored{body: []byte(tt.theirs), sha256: hex.EncodeToString(sum[:])}
					}
					return 0
				}
				if _, err := open(t, server, kinds(server)[kind], false).Put(t.Context(), f); !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if got := string(store.objects[key("manifest.json")].body); got != tt.theirs {
					t.Errorf("the other run's mark was overwritten: %q", got)
				}
			})
		}
	}
}

func TestServerWithoutConditions(t *testing.T) {
	store, server := newFake(t)
	store.noCond = true
	f := folder(t, t.TempDir(), map[string]string{"a.csv": "a", "manifest.json": "{}"})
	if r, err := open(t, server, kinds(server)["s3"], false).Put(t.Context(), f); err != nil || r.Sent != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestRefused: one line that says what to do, and no credentials in it.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name, address string
		refuse        func(*http.Request) int
		says, hint    string
	}{
		{"S3 refuses", "s3://bucket/reports?endpoint=%s", func(*http.Request) int { return 403 }, "403", "s3:PutObject"},
		{"Azure refuses", "%s/account/container/reports", func(*http.Request) int { return 403 }, "403 Refused", "Storage Blob Data Contributor"},
		{"no bucket", "s3://none/reports?endpoint=%s", nil, "NoSuchBucket", "make the bucket"},
		{"no container", "%s/account/missing/reports", nil, "ContainerNotFound", "make the container"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, server := newFake(t)
			store.refuse = tt.refuse
			err := open(t, server, fmt.Sprintf(tt.address, server.URL), false).Reach(t.Context())
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(e.Hint(), tt.hint) || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v; want %q, and the hint %q", err, tt.says, tt.hint)
			}
		})
	}
}

// TestSilence: the libraries' errors name the address, with the signature in it.
func TestSilence(t *testing.T) {
	for name, address := range map[string]string{"s3": "s3://bucket?endpoint=https://127.0.0.1:1", "azure": "https://127.0.0.1:1/account/container"} {
		target, err := Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		refused := roundTripper(func(r *http.Request) (*http.Response, error) { return nil, fmt.Errorf("dial %s: no route", r.URL) })
		p, err := Open(target, Options{Getenv: getenv, Transport: refused})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Reach(ctx); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", name, err)
		}
		got := unanswered("look", fmt.Errorf("x: %w", &urlErrorOf{}), secretSAS).Error()
		if strings.Contains(got, "SECRET") || !strings.Contains(got, "REDACTED") {
			t.Errorf("%s: %v", name, got)
		}
	}
}

type urlErrorOf struct{}

func (*urlErrorOf) Error() string { return "get https://127.0.0.1:1/?" + secretSAS }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestFileThatChanged(t *testing.T) {
	_, server := newFake(t)
	f := folder(t, t.TempDir(), map[string]string{"a.csv": "a", "manifest.json": "{}"})
	f.Files[0].Size = 7
	if _, err := open(t, server, kinds(server)["s3"], false).Put(t.Context(), f); err == nil || !strings.Contains(err.Error(), "a.csv has changed") {
		t.Errorf("got %v", err)
	}
}
