package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"passkey-audit/audit/graphsim"
)

// A tunnel is a proxy that leads names of example.com to hosts of the test.
type tunnel struct {
	listener net.Listener
	to       map[string]string // by name and port

	mu   sync.Mutex
	seen []string
	wait sync.WaitGroup
}

func newTunnel(t *testing.T, to map[string]string) *tunnel {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tunnel{listener: l, to: to}
	p.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wait.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.wait.Wait()
	})
	return p
}

// serve leads one connection.
func (p *tunnel) serve(c net.Conn) {
	defer c.Close()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil || r.Method != http.MethodConnect {
		return
	}
	p.mu.Lock()
	p.seen = append(p.seen, r.Host)
	p.mu.Unlock()
	out, err := net.Dial("tcp", p.to[r.Host])
	if err != nil {
		return
	}
	defer out.Close()
	if _, err := io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(c, out)
		_ = c.Close()
	})
	_, _ = io.Copy(out, c)
	_ = out.Close()
	back.Wait()
}

// TestProxyAndPrivateAuthority scans as a process of its own, through a proxy
// that HTTPS_PROXY names and with an authority that SSL_CERT_FILE or
// SSL_CERT_DIR makes trusted; without it sign-in fails.
func TestProxyAndPrivateAuthority(t *testing.T) {
	e := newEntra(t, graphsim.Options{Users: 60, Seed: 7})
	p := newTunnel(t, map[string]string{"example.com:443": e.login.Listener.Addr().String(), "example.com:8443": e.graph.Listener.Addr().String()})
	ca := certificateOf(t, e.login)
	none := filepath.Join(t.TempDir(), "none")
	for _, tt := range []struct {
		name   string
		env    []string
		status int
	}{
		{"file", []string{"SSL_CERT_FILE=" + ca}, exitDone},
		{"folder", []string{"SSL_CERT_FILE=" + none, "SSL_CERT_DIR=" + filepath.Dir(ca)}, exitDone},
		{"neither", []string{"SSL_CERT_FILE=" + none, "SSL_CERT_DIR=" + none}, exitRefused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			flags := e.flags()
			flags[3], flags[5] = "https://example.com:8443", "https://example.com"
			cmd := exec.Command(self, append([]string{"scan", "--no-progress", "--out", filepath.Join(t.TempDir(), "out")}, flags...)...)
			cmd.Env = append([]string{asProgram + "=1", "TMPDIR=" + os.TempDir(), "AZURE_CLIENT_SECRET=" + testSecretOfApp, "HTTPS_PROXY=http://" + p.listener.Addr().String()}, tt.env...)
			out, err := cmd.CombinedOutput()
			if status := cmd.ProcessState.ExitCode(); status != tt.status {
				t.Fatalf("exit %d, want %d: %v\n%s", status, tt.status, err, out)
			}
			if tt.status == exitRefused && (!strings.Contains(string(out), "SSL_CERT_FILE") || strings.Contains(string(out), testSecretOfApp)) {
				t.Errorf("got %s", out)
			}
		})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	led := strings.Join(p.seen, " ")
	if !strings.Contains(led, "example.com:443") || !strings.Contains(led, "example.com:8443") {
		t.Errorf("the proxy led to %v alone", p.seen)
	}
}
