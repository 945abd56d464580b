//go:build integration && unix

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	reportjson "passkey-audit/report/json"
)

// These tests upload to real servers, which are programs of their own:
//
//	VERSITYGW=FILE AZURITE=FILE go test -tags integration -run Integration ./cmd/passkey-audit
//
// VERSITYGW is the S3 gateway github.com/versity/versitygw/cmd/versitygw,
// AZURITE is azurite-blob of the npm package azurite.

// A realStore is a server with an empty bucket or container.
type realStore struct {
	address string
	env     []string // credentials for the program
	// list gives the objects with their sizes, read gives one.
	list func() map[string]int64
	read func(name string) io.ReadCloser
}

// startServer runs a server until the test's end, and waits until it listens.
func startServer(t *testing.T, variable, address string, env []string, args ...string) {
	t.Helper()
	program := os.Getenv(variable)
	if program == "" {
		t.Fatalf("the environment variable %s names no program", variable)
	}
	var said safeBuffer
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	for range 600 {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s does not listen on %s:\n%s", program, address, said.String())
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// secret makes a key that was never used before.
func secret(t *testing.T) string {
	t.Helper()
	b := make([]byte, 64)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func startS3(t *testing.T) *realStore {
	address, key, dir := freeAddress(t), secret(t), t.TempDir()
	for _, d := range []string{"data/audits", "meta"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	startServer(t, "VERSITYGW", address, []string{"ROOT_ACCESS_KEY=audit", "ROOT_SECRET_KEY=" + key},
		"--port", address, "--quiet", "posix", "--sidecar", filepath.Join(dir, "meta"), filepath.Join(dir, "data"))
	client, err := minio.New(address, &minio.Options{Creds: credentials.NewStaticV4("audit", key, ""), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	return &realStore{
		address: "s3://audits/reports?endpoint=http://" + address,
		env:     []string{"AWS_ACCESS_KEY_ID=audit", "AWS_SECRET_ACCESS_KEY=" + key},
		list: func() map[string]int64 {
			out := map[string]int64{}
			for o := range client.ListObjectsIter(t.Context(), "audits", minio.ListObjectsOptions{Recursive: true}) {
				if o.Err != nil {
					t.Fatal(o.Err)
				}
				out[o.Key] = o.Size
			}
			return out
		},
		read: func(name string) io.ReadCloser {
			o, err := client.GetObject(t.Context(), "audits", name, minio.GetObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return o
		},
	}
}

func startAzure(t *testing.T) *realStore {
	address, key := freeAddress(t), secret(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	startServer(t, "AZURITE", address, []string{"AZURITE_ACCOUNTS=contoso:" + key},
		"--blobHost", host, "--blobPort", port, "--location", t.TempDir(), "--silent", "--skipApiVersionCheck", "--disableTelemetry")
	shared, err := service.NewSharedKeyCredential("contoso", key)
	if err != nil {
		t.Fatal(err)
	}
	root := "http://" + address + "/contoso"
	client, err := container.NewClientWithSharedKeyCredential(root+"/audits", shared, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	signed, err := client.GetSASURL(sas.ContainerPermissions{Read: true, Create: true, Write: true, Delete: true}, time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(signed, "?")
	return &realStore{
		address: root + "/audits/reports",
		env:     []string{"AZURE_STORAGE_SAS_TOKEN=" + token},
		list: func() map[string]int64 {
			out := map[string]int64{}
			for pages := client.NewListBlobsFlatPager(nil); pages.More(); {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range page.Segment.BlobItems {
					out[*b.Name] = *b.Properties.ContentLength
				}
			}
			return out
		},
		read: func(name string) io.ReadCloser {
			r, err := client.NewBlobClient(name).DownloadStream(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return r.Body
		},
	}
}

// largeReport makes a report folder with a snapshot of several parts, and gives
// the size and digest of each file.
func largeReport(t *testing.T, dir string) (sizes map[string]int64, digests map[string]string) {
	t.Helper()
	if r := runProgram(t, nil, nil, "demo", "--size", "200", "--out", dir); r.status != exitDone {
		t.Fatalf("demo: exit %d: %s", r.status, r.stderr)
	}
	m, err := reportjson.ReadManifest(strings.NewReader(read(t, dir, fileManifest)))
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 150<<20)
	_, _ = mathrand.NewChaCha8([32]byte{1}).Read(noise) // it never fails
	if err := os.WriteFile(filepath.Join(dir, fileSnapshot), noise, 0o600); err != nil {
		t.Fatal(err)
	}
	sizes, digests = map[string]int64{}, map[string]string{}
	for i, f := range m.Files {
		if f.Name == fileSnapshot {
			if f, err = digest(filepath.Join(dir, f.Name)); err != nil {
				t.Fatal(err)
			}
			m.Files[i] = f
		}
		sizes[f.Name], digests[f.Name] = f.Size, f.SHA256
	}
	var b bytes.Buffer
	if err := reportjson.WriteManifest(&b, m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fileManifest), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	sizes[fileManifest], digests[fileManifest] = int64(b.Len()), hex.EncodeToString(sum[:])
	return sizes, digests
}

// program prepares a run of the program as a process of its own.
func (s *realStore) program(t *testing.T, ctx context.Context, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append([]string{asProgram + "=1", "TMPDIR=" + os.TempDir()}, s.env...)
	return cmd
}

// testUpload kills uploads at many moments. Whenever one is killed, what can be
// seen is whole and the folder is not there; another run completes it.
func testUpload(t *testing.T, s *realStore) {
	dir := filepath.Join(t.TempDir(), "november")
	sizes, digests := largeReport(t, dir)
	killed := 0
	for try := 1; ; try++ {
		if try > 200 {
			t.Fatal("the upload never ends")
		}
		var said bytes.Buffer
		cmd := s.program(t, t.Context(), "upload", dir, s.address)
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Each try lives somewhat longer, so that at last one comes to the end.
		timer := time.AfterFunc(time.Duration(try*60+try*try*8)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		seen := s.list()
		for name, size := range seen {
			if base := strings.TrimPrefix(name, "reports/november/"); sizes[base] != size {
				t.Fatalf("try %d: %s is seen with %d bytes, and has %d", try, name, size, sizes[base])
			}
		}
		_, there := seen["reports/november/"+fileManifest]
		if there && len(seen) != len(sizes) {
			t.Fatalf("try %d: the folder is there, with %d of %d files", try, len(seen), len(sizes))
		}
		if err == nil {
			if !there {
				t.Fatalf("try %d ended well, and the folder is not there", try)
			}
			t.Logf("%d runs were killed before one came to its end", killed)
			break
		}
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !ok || !status.Signaled() {
			t.Fatalf("try %d: %v\n%s", try, err, said.String())
		}
		killed++
	}
	if killed < 5 {
		t.Errorf("only %d runs were killed: that proves little", killed)
	}
	want := map[string]string{}
	for name, sum := range digests {
		want["reports/november/"+name] = sum
	}
	got := map[string]string{}
	for name := range s.list() {
		r := s.read(name)
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			t.Fatal(err)
		}
		_ = r.Close() // only read
		got[name] = hex.EncodeToString(sum.Sum(nil))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("digests (-folder +store):\n%s", d)
	}
	// Once more: nothing is sent. Another report of that name is refused, and
	// replaces the first one when asked to.
	again := func(args ...string) (string, int) {
		t.Helper()
		cmd := s.program(t, t.Context(), append([]string{"upload", dir, s.address}, args...)...)
		said, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		for _, e := range s.env {
			if _, value, _ := strings.Cut(e, "="); len(value) > 20 && strings.Contains(string(said), value) {
				t.Error("the output holds a secret")
			}
		}
		return string(said), cmd.ProcessState.ExitCode()
	}
	if said, status := again(); status != exitDone || !strings.Contains(said, "0 files") {
		t.Errorf("once more: exit %d: %s", status, said)
	}
	if r := runProgram(t, nil, nil, "demo", "--size", "50", "--out", dir, "--force", "--format", "json"); r.status != exitDone {
		t.Fatalf("demo: exit %d: %s", r.status, r.stderr)
	}
	if said, status := again(); status != exitFailed || !strings.Contains(said, "--force") {
		t.Errorf("another report: exit %d: %s", status, said)
	}
	if said, status := again("--force"); status != exitDone {
		t.Errorf("another report, with --force: exit %d: %s", status, said)
	}
	left := map[string]int64{}
	for _, name := range entries(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		left["reports/november/"+name] = info.Size()
	}
	if got := s.list(); !maps.Equal(left, got) {
		t.Errorf("after --force: %v, want %v", got, left)
	}
}

func TestIntegrationS3(t *testing.T) { testUpload(t, startS3(t)) }

func TestIntegrationAzure(t *testing.T) { testUpload(t, startAzure(t)) }

// TestIntegrationRefusals: what goes wrong with real servers is told in a line
// and a hint.
func TestIntegrationRefusals(t *testing.T) {
	s3, azure := startS3(t), startAzure(t)
	dir := filepath.Join(t.TempDir(), "november")
	if r := runProgram(t, nil, nil, "demo", "--size", "20", "--out", dir, "--format", "json"); r.status != exitDone {
		t.Fatalf("demo: exit %d: %s", r.status, r.stderr)
	}
	wrongSAS := strings.Replace(azure.env[0], "sig=", "sig=AAAA", 1)
	for _, tt := range []struct {
		name, address string
		env           []string
		says, hint    string
	}{
		{"S3, wrong key", s3.address, []string{"AWS_ACCESS_KEY_ID=audit", "AWS_SECRET_ACCESS_KEY=wrong"}, "403", "s3:PutObject"},
		{"S3, no bucket", strings.Replace(s3.address, "audits", "missing", 1), s3.env, "NoSuchBucket", "make the bucket"},
		{"Azure, wrong signature", azure.address, []string{wrongSAS}, "403", "Storage Blob Data Contributor"},
		{"Azure, no container", strings.Replace(azure.address, "audits", "missing", 1), azure.env, "", "hint"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &realStore{env: tt.env}
			cmd := s.program(t, t.Context(), "upload", dir, tt.address)
			said, err := cmd.CombinedOutput()
			if err == nil || cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(string(said), tt.says) || !strings.Contains(string(said), tt.hint) || strings.Count(string(said), "\n") != 2 {
				t.Errorf("%v\n%s", err, said)
			}
			if strings.Contains(string(said), "sig=") {
				t.Errorf("the signature shows: %s", said)
			}
		})
	}
	// A store that is not there.
	s := &realStore{env: s3.env}
	cmd := s.program(t, t.Context(), "upload", dir, "s3://audits?endpoint=http://"+freeAddress(t))
	if said, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(said), "refused") {
		t.Errorf("%v\n%s", err, said)
	}
}
