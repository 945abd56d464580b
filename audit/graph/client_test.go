package graph

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"passkey-audit/audit"
)

// serve answers on loopback over real HTTP, and gives the root.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return "http://" + l.Addr().String()
}

// loopbackClient is a client with its own transport, for a server on loopback.
func loopbackClient(t *testing.T, root string, change func(*Options)) *Client {
	t.Helper()
	cloud, err := CustomCloud(root, "")
	if err != nil {
		t.Fatal(err)
	}
	return testClient(t, nil, func(o *Options) {
		o.Cloud = cloud
		if change != nil {
			change(o)
		}
	})
}

func TestOverHTTP(t *testing.T) {
	packed := func(w http.ResponseWriter, write func(io.Writer)) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		write(z)
		_ = z.Close()
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		users   int
		status  int
		code    string
	}{
		{"plain", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"value":[{"id":"a"}]}`) }, 1, 200, ""},
		{"compressed", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				w.WriteHeader(http.StatusNotAcceptable)
				return
			}
			packed(w, func(z io.Writer) { fmt.Fprint(z, `{"value":[{"id":"a"},{"id":"b"}]}`) })
		}, 2, 200, ""},
		{"compressed bomb", func(w http.ResponseWriter, _ *http.Request) {
			packed(w, func(z io.Writer) {
				blank := bytes.Repeat([]byte(" "), 1<<20)
				for range maxBody>>20 + 2 {
					if _, err := z.Write(blank); err != nil {
						return
					}
				}
			})
		}, 0, 200, CodeMalformed},
		{"compressed error", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(http.StatusForbidden)
			z := gzip.NewWriter(w)
			fmt.Fprint(z, graphError("accessDenied", "x"))
			_ = z.Close()
		}, 0, 403, "accessDenied"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"value":[{"id":"a"}`)
		}, 0, 200, CodeNetwork},
		{"hung up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, 0, CodeNetwork},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/v1.0/users?again", http.StatusTemporaryRedirect)
		}, 0, 307, CodeRedirect},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			calls := 0
			c := loopbackClient(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				calls++
				mu.Unlock()
				tt.handler(w, r)
			}), nil)
			page, err := c.Users(context.Background(), "", UserQuery{})
			if tt.code == "" {
				if err != nil || len(page.Users) != tt.users {
					t.Fatalf("got %d users, %v; want %d", len(page.Users), err, tt.users)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Status != tt.status || e.Code != tt.code || len(page.Users) != 0 {
				t.Fatalf("got %v, want %d %s", err, tt.status, tt.code)
			}
			mu.Lock()
			defer mu.Unlock()
			if calls != 1 {
				t.Errorf("%d requests, want 1: nothing is retried here", calls)
			}
		})
	}
}

func TestUntrustedCertificate(t *testing.T) {
	e := listError(t, handler(func(*http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("dial: %w", &tls.CertificateVerificationError{Err: errors.New("signed by unknown authority")})
	}))
	if e.Code != CodeCertificate || e.Temporary() {
		t.Errorf("got %v, temporary %v; want a lasting error", e, e.Temporary())
	}
}

// hanging never answers, as a transport that hears its context.
func hanging(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// hangingBody answers and then goes silent.
func hangingBody(r *http.Request) (*http.Response, error) {
	response := answer(200, "")
	response.ContentLength = -1
	response.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
		<-r.Context().Done()
		return 0, r.Context().Err()
	}))
	return response, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestTimeoutsAndCancellation(t *testing.T) {
	for name, transport := range map[string]handler{"no answer": hanging, "no end": hangingBody} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := testClient(t, transport, func(o *Options) { o.Timeout = 20 * time.Second })
				start := time.Now()
				_, err := c.Users(context.Background(), "", UserQuery{})
				var e *Error
				if !errors.As(err, &e) || e.Code != CodeTimeout || !e.Temporary() {
					t.Errorf("got %v, want a temporary timeout", err)
				}
				if d := time.Since(start); d != 20*time.Second {
					t.Errorf("after %v, want 20s", d)
				}

				ctx, cancel := context.WithCancel(context.Background())
				time.AfterFunc(time.Second, cancel)
				if _, err := c.Users(ctx, "", UserQuery{}); !errors.Is(err, context.Canceled) || errors.As(err, &e) {
					t.Errorf("canceled: got %v, want context.Canceled and no *Error", err)
				}
				ctx, cancel = context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				if _, err := c.Methods(ctx, []string{"a"}); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) {
					t.Errorf("the caller's time limit: got %v, want context.DeadlineExceeded and no *Error", err)
				}
			})
		})
	}
}

func TestObserve(t *testing.T) {
	var seen []Exchange
	c := testClient(t, handler(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/v1.0/$batch" {
			return answer(429, graphError("TooManyRequests", "x"), "request-id", "0d3f4a5c-0001", "x-ms-resource-unit", "2"), nil
		}
		if strings.Contains(r.URL.Path, "/users/") {
			return nil, errors.New("connection reset")
		}
		return answer(200, `{"value":[]}`), nil
	}), func(o *Options) { o.Observe = func(x Exchange) { seen = append(seen, x) } })
	ctx := context.Background()
	_, _ = c.Users(ctx, testRoot+"/v1.0/users?$skiptoken=abc", UserQuery{})
	_, _ = c.Methods(ctx, []string{alexID})
	_, _ = c.UserExists(ctx, alexID)
	_, _ = c.Users(ctx, "https://evil.example/v1.0/users", UserQuery{})
	id := "c1c1c1c1-0000-4000-8000-000000000001"
	want := []Exchange{
		{Method: "GET", Path: "/v1.0/users", Status: 200, Protocol: "HTTP/1.1", Received: 12, ClientRequestID: id, Started: testNow},
		{Method: "POST", Path: "/v1.0/$batch", Status: 429, Code: "TooManyRequests", Protocol: "HTTP/1.1", RequestID: "0d3f4a5c-0001",
			ClientRequestID: id, Load: audit.Load{Units: 2}, Started: testNow},
		{Method: "GET", Path: "/v1.0/users/{id}", Code: CodeNetwork, ClientRequestID: id, Started: testNow},
	}
	sizes := cmpopts.IgnoreFields(Exchange{}, "Sent")
	if diff := cmp.Diff(want[:1], seen[:1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, seen, sizes, cmpopts.IgnoreFields(Exchange{}, "Received")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if seen[1].Sent == 0 || seen[1].Received == 0 {
		t.Errorf("the batch's sizes are %d and %d", seen[1].Sent, seen[1].Received)
	}
}

// TestNoSecretGetsOut lets everything fail in ways that echo the request, and
// searches whatever comes out for the token, page tokens and names.
func TestNoSecretGetsOut(t *testing.T) {
	token := testToken(`{"tid":"` + tenantID + `"}`)
	for _, secret := range []string{testSecret, token} {
		echo := func(r *http.Request) string {
			b, _ := json.Marshal("echo " + r.Header.Get("Authorization") + " " + strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + " of " + r.URL.String())
			return string(b)
		}
		transports := map[string]handler{
			"error body": func(r *http.Request) (*http.Response, error) {
				return answer(403, `{"error":{"code":"x","message":`+echo(r)+`}}`), nil
			},
			"success with an error body": func(r *http.Request) (*http.Response, error) {
				return answer(200, `{"error":{"code":"x","message":`+echo(r)+`}}`), nil
			},
			"code": func(r *http.Request) (*http.Response, error) {
				return answer(500, `{"error":{"code":`+echo(r)+`}}`), nil
			},
			"OAuth": func(r *http.Request) (*http.Response, error) {
				return answer(401, `{"error":"x","error_description":`+echo(r)+`}`), nil
			},
			"no JSON": func(r *http.Request) (*http.Response, error) { return answer(502, echo(r)+"<html>"), nil },
			"request id": func(r *http.Request) (*http.Response, error) {
				return answer(502, "", "request-id", r.Header.Get("Authorization")), nil
			},
			"item": func(r *http.Request) (*http.Response, error) {
				return answer(200, oneItem(`{"id":"0","status":403,"body":{"error":{"code":"x","message":`+echo(r)+`}}}`)), nil
			},
			"malformed item": func(r *http.Request) (*http.Response, error) {
				return answer(200, oneItem(`{"id":"0","status":200,"body":`+echo(r)+`}`)), nil
			},
			"network": func(r *http.Request) (*http.Response, error) {
				return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: errors.New(r.Header.Get("Authorization"))}
			},
			"redirect": func(r *http.Request) (*http.Response, error) {
				return answer(302, "", "Location", "https://evil.example/?t="+url.QueryEscape(r.Header.Get("Authorization"))), nil
			},
		}
		for name, transport := range transports {
			t.Run(name, func(t *testing.T) {
				var out []string
				c := testClient(t, transport, func(o *Options) {
					o.Credential = goodFor(secret)
					o.Observe = func(x Exchange) { out = append(out, fmt.Sprintf("%+v", x)) }
				})
				ctx := context.Background()
				note := func(err error) {
					var e *Error
					if errors.As(err, &e) {
						out = append(out, fmt.Sprintf("%+v", e.Failure()), fmt.Sprintf("%#v", e))
					}
					out = append(out, fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err))
				}
				_, err := c.Users(ctx, testRoot+"/v1.0/users?$skiptoken=pagetoken", UserQuery{})
				note(err)
				batch, err := c.Methods(ctx, []string{"alexw@contoso.com"})
				note(err)
				for _, a := range batch.Answers {
					note(a.Err)
				}
				_, err = c.Policy(ctx)
				note(err)
				for _, text := range out {
					for _, hidden := range []string{secret, "pagetoken"} {
						if strings.Contains(text, hidden) {
							t.Errorf("%q holds %q", text, hidden)
						}
					}
				}
			})
		}
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name string
		o    Options
	}{
		{"no credential", Options{Cloud: Cloud{Root: testRoot}}},
		{"no root", Options{Credential: goodFor("x")}},
		{"root with a version", Options{Credential: goodFor("x"), Cloud: Cloud{Root: testRoot + "/v1.0"}}},
		{"root without https", Options{Credential: goodFor("x"), Cloud: Cloud{Root: "http://graph.example.com"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if c, err := New(tt.o); err == nil || c != nil {
				t.Errorf("got %v, %v; want an error", c, err)
			}
		})
	}
}

func TestConcurrentUse(t *testing.T) {
	c := testClient(t, handler(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			return answer(200, oneItem(`{"id":"0","status":200,"body":{"value":[{"id":"k"}]}}`)), nil
		}
		return answer(200, `{"value":[{"id":"a"}]}`), nil
	}), nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if p, err := c.Users(context.Background(), "", UserQuery{}); err != nil || len(p.Users) != 1 {
					t.Errorf("Users: %v", err)
				}
				if b, err := c.Methods(context.Background(), []string{"a"}); err != nil || len(b.Answers[0].Passkeys) != 1 {
					t.Errorf("Methods: %v", err)
				}
			}
		})
	}
	wg.Wait()
}
