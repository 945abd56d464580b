package graphsim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// ErrNotLoopback says that an address is not one of this machine's own.
var ErrNotLoopback = errors.New("not a loopback address: the simulated tenant is served on 127.0.0.1, ::1 or localhost only")

// Transport gives a http.RoundTripper that answers in the caller's goroutine,
// without a network: for tests, also on testing/synctest's clock. Waits hear the
// request's context. It answers for every host; a client that must not leave
// Graph's is tested with it too.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Server }

// RoundTrip answers r.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	p := &reply{}
	t.s.handle(r, p)
	if r.Body != nil {
		// The body is memory of the caller's; an error in closing it means nothing.
		_ = r.Body.Close()
	}
	switch p.end {
	case endCancelled:
		return nil, context.Cause(r.Context())
	case endReset:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	h := t.s.header(p)
	h["Content-Length"] = []string{strconv.Itoa(len(p.body))}
	var body io.ReadCloser = io.NopCloser(bytes.NewReader(p.body))
	if p.end == endBreak {
		body = io.NopCloser(io.MultiReader(bytes.NewReader(p.body[:len(p.body)/2]), brokenReader{}))
	}
	return &http.Response{
		Status:     strconv.Itoa(p.status) + " " + http.StatusText(p.status),
		StatusCode: p.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: body, ContentLength: int64(len(p.body)), Request: r,
	}, nil
}

// A brokenReader is where a connection ended too early.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Serve serves the tenant over HTTP on a loopback address such as "127.0.0.1:0"
// and gives the root URL, without a version and without a slash at its end. Other
// addresses are refused with ErrNotLoopback. The returned function ends the
// server and every request that still waits, and returns when it has ended; so
// does the end of ctx for the requests, but not for the server.
func (s *Server) Serve(ctx context.Context, addr string) (root string, stop func() error, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", nil, fmt.Errorf("read address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", nil, fmt.Errorf("serve on %q: %w", addr, ErrNotLoopback)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("listen: %w", err)
	}
	// A hosts file can make localhost mean anything.
	if local, ok := listener.Addr().(*net.TCPAddr); !ok || !local.IP.IsLoopback() {
		return "", nil, errors.Join(fmt.Errorf("serve on %q: %w", addr, ErrNotLoopback), listener.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	stop = sync.OnceValue(func() error {
		cancel()
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	return "http://" + listener.Addr().String(), stop, nil
}
