package upload

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// A Target says where folders go: a container or bucket, and a prefix in it.
// It holds nothing secret.
type Target struct {
	s3     bool
	plain  bool   // without TLS
	host   string // with port; for S3 empty where it is Amazon's
	path   string // of the container in the account, where the host does not name the account
	bucket string // or container
	prefix string // without slashes at its ends
	region string
}

// ErrURL says that a text is no address of a store.
var ErrURL = errors.New("no address of a store")

func urlError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrURL}, args...)...)
}

// Parse reads the address of a place in a store:
//
//	https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX
//	s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION
//
// Blob Storage of other clouds has other hosts, all with .blob. in the name;
// an emulator at a loopback address takes http and has the account as the first
// part of the path. Credentials in an address are refused, and never repeated.
func Parse(raw string) (Target, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return Target{}, urlError("it cannot be read") // the error repeats the text
	case u.User != nil:
		return Target{}, urlError("credentials do not belong in it, but in the environment")
	case u.Fragment != "":
		return Target{}, urlError("a # has no meaning in it")
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	for i, p := range parts {
		if p == "." || p == ".." || p == "" && i > 0 || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }) {
			return Target{}, urlError("the path has a part that no folder can have")
		}
	}
	switch u.Scheme {
	case "s3":
		return parseS3(u)
	case "https", "http":
		return parseAzure(u, parts)
	}
	return Target{}, urlError("it begins with https:// (Azure Blob Storage) or s3://")
}

func parseAzure(u *url.URL, parts []string) (Target, error) {
	if u.RawQuery != "" {
		return Target{}, urlError("what follows the ? does not belong in it: a shared access signature goes into the environment variable AZURE_STORAGE_SAS_TOKEN")
	}
	t := Target{host: u.Host, plain: u.Scheme == "http"}
	switch host := u.Hostname(); {
	case loopback(host):
		t.path, parts = parts[0], parts[1:]
	case t.plain:
		return Target{}, urlError("use https: the reports name people")
	case !strings.Contains(host, ".blob."):
		return Target{}, urlError("a host of Azure Blob Storage is ACCOUNT.blob.core.windows.net; for another store use s3://BUCKET?endpoint=URL")
	}
	if len(parts) == 0 || parts[0] == "" {
		return Target{}, urlError("the name of the container is missing")
	}
	t.bucket, t.prefix = parts[0], strings.Join(parts[1:], "/")
	return t, nil
}

func parseS3(u *url.URL) (Target, error) {
	t := Target{s3: true, bucket: u.Host, prefix: strings.Trim(u.Path, "/")}
	if t.bucket == "" {
		return t, urlError("the name of the bucket is missing")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return t, urlError("what follows the ? cannot be read")
	}
	for name, values := range q {
		if !slices.Contains([]string{"endpoint", "region"}, name) || len(values) != 1 {
			return t, urlError("after the ? it takes endpoint and region, each once; credentials belong in the environment")
		}
	}
	t.region = q.Get("region")
	return t.at(q.Get("endpoint"))
}

// at sets the server of a bucket, unless the address is empty.
func (t Target) at(endpoint string) (Target, error) {
	if endpoint == "" {
		return t, nil
	}
	e, err := url.Parse(endpoint)
	switch {
	case err != nil, e.Scheme != "https" && e.Scheme != "http", e.Host == "", strings.Trim(e.Path, "/") != "", e.RawQuery != "", e.Fragment != "", e.User != nil:
		return t, urlError("the endpoint is https://HOST or https://HOST:PORT")
	}
	t.host, t.plain = e.Host, e.Scheme == "http"
	return t, nil
}

// Plain says that the address has no TLS and is not on this machine: whoever is
// on the way can read the reports.
func (t Target) Plain() bool {
	host, _, err := net.SplitHostPort(t.host)
	if err != nil {
		host = t.host
	}
	return t.plain && !loopback(host)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Join gives the address of a folder in the target, for people.
func (t Target) Join(name string) string {
	var parts []string
	for _, p := range []string{t.path, t.bucket, t.prefix, name} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	path := strings.Join(parts, "/")
	if t.s3 {
		return "s3://" + path
	}
	return t.scheme() + "://" + t.host + "/" + path
}

// String gives the address, for people.
func (t Target) String() string { return t.Join("") }

func (t Target) scheme() string {
	if t.plain {
		return "http"
	}
	return "https"
}
