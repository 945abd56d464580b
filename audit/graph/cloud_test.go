package graph

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestCloudByName(t *testing.T) {
	tests := []struct{ name, root, authority string }{
		{"global", "https://graph.microsoft.com", "https://login.microsoftonline.com"},
		{"usgov", "https://graph.microsoft.us", "https://login.microsoftonline.us"},
		{"dod", "https://dod-graph.microsoft.us", "https://login.microsoftonline.us"},
		{"china", "https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"},
		{"bleu", "https://graph.svc.sovcloud.fr", "https://login.sovcloud-identity.fr"},
		{"delos", "https://graph.svc.sovcloud.de", "https://login.sovcloud-identity.de"},
		{"govsg", "https://graph.svc.sovcloud.sg", "https://login.sovcloud-identity.sg"},
		{"GLOBAL", "https://graph.microsoft.com", "https://login.microsoftonline.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := CloudByName(tt.name)
			if err != nil {
				t.Fatal(err)
			}
			if c.Root != tt.root || c.Authority != tt.authority {
				t.Errorf("got %s and %s, want %s and %s", c.Root, c.Authority, tt.root, tt.authority)
			}
			if want := tt.root + "/.default"; c.Scope() != want {
				t.Errorf("Scope = %s, want %s", c.Scope(), want)
			}
		})
	}
	_, err := CloudByName("mars")
	var option *OptionError
	if !errors.As(err, &option) {
		t.Fatalf("got %v, want an *OptionError", err)
	}
	for _, c := range Clouds() {
		if !strings.Contains(err.Error(), c.Name) {
			t.Errorf("%q does not name %s", err, c.Name)
		}
	}
}

func TestCustomCloud(t *testing.T) {
	tests := []struct {
		name, endpoint, authority string
		want                      string // the root, or a part of the error
		ok                        bool
	}{
		{"https", "https://graph.example.com", "https://login.example.com", "https://graph.example.com", true},
		{"slash at the end", "https://Graph.Example.com/", "", "https://graph.example.com", true},
		{"port", "https://graph.example.com:8443", "", "https://graph.example.com:8443", true},
		{"http on loopback by name", "http://localhost:8080", "", "http://localhost:8080", true},
		{"http on loopback by IPv4", "http://127.0.0.2:8080", "", "http://127.0.0.2:8080", true},
		{"http on loopback by IPv6", "http://[::1]:8080", "", "http://[::1]:8080", true},
		{"http elsewhere", "http://graph.example.com", "", "needs https", false},
		{"http on what looks like loopback", "http://127.0.0.1.example.com", "", "needs https", false},
		{"http on a name that begins so", "http://localhost.example.com", "", "needs https", false},
		{"version", "https://graph.example.com/v1.0", "", "no version", false},
		{"query", "https://graph.example.com?a=b", "", "query", false},
		{"empty query", "https://graph.example.com?", "", "query", false},
		{"fragment", "https://graph.example.com#x", "", "query or a fragment", false},
		{"user name", "https://user:" + testSecret + "@graph.example.com", "", "user name", false},
		{"no scheme", "graph.example.com", "", "no address", false},
		{"other scheme", "ftp://graph.example.com", "", "needs https", false},
		{"opaque", "https:graph.example.com", "", "no address", false},
		{"missing", "", "", "missing", false},
		{"no host", "https://", "", "no address", false},
		{"no host but a port", "https://:443", "", "no address", false},
		{"authority without https", "https://graph.example.com", "http://127.0.0.1:1", "authority host: the address needs https", false},
		{"authority with a path", "https://graph.example.com", "https://login.example.com/common", "authority host", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := CustomCloud(tt.endpoint, tt.authority)
			if tt.ok {
				if err != nil || c.Root != tt.want {
					t.Errorf("got %q, %v; want %q", c.Root, err, tt.want)
				}
				return
			}
			var option *OptionError
			if !errors.As(err, &option) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want an *OptionError with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), testSecret) {
				t.Errorf("%q shows a password", err)
			}
		})
	}
}

func TestCheckLink(t *testing.T) {
	c := testClient(t, always(200, ""), nil)
	tests := []struct {
		name, link string
		ok         bool
	}{
		{"v1.0", testRoot + "/v1.0/users?$skiptoken=abc", true},
		{"beta", testRoot + "/beta/users?$skiptoken=abc", true},
		{"port spelled out", testRoot + ":443/v1.0/users", true},
		{"host in capitals", "https://GRAPH.example.com/v1.0/users", true},
		{"scheme in capitals", "HTTPS://graph.example.com/v1.0/users", true},
		{"other host", "https://graph.evil.example/v1.0/users", false},
		{"root as user name", testRoot + "@evil.example/v1.0/users", false},
		{"root as user name and password", "https://graph.example.com:443@evil.example/v1.0/users", false},
		{"user name at the right host", "https://user@graph.example.com/v1.0/users", false},
		{"root as prefix of a host", testRoot + ".evil.example/v1.0/users", false},
		{"backslash", `https://graph.example.com\@evil.example/v1.0/users`, false},
		{"dot at the end of the host", "https://graph.example.com./v1.0/users", false},
		{"subdomain", "https://a.graph.example.com/v1.0/users", false},
		{"other port", testRoot + ":8443/v1.0/users", false},
		{"scheme downgrade", "http://graph.example.com/v1.0/users", false},
		{"scheme downgrade at the same port", "http://graph.example.com:443/v1.0/users", false},
		{"without scheme", "//graph.example.com/v1.0/users", false},
		{"relative", "/v1.0/users?$skiptoken=abc", false},
		{"no version", testRoot + "/users", false},
		{"other version", testRoot + "/v2.0/users", false},
		{"dots out of the version", testRoot + "/v1.0/../other", false},
		{"version alone", testRoot + "/v1.0", false},
		{"control character", testRoot + "/v1.0/users\n", false},
		{"opaque", "https:graph.example.com/v1.0/users", false},
		{"script", "javascript:alert(1)", false},
		{"blank", " ", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := c.checkLink(tt.link)
			if !tt.ok {
				if !errors.Is(err, ErrForeignLink) {
					t.Errorf("got %v, %v; want ErrForeignLink", u, err)
				}
				if err != nil && strings.Contains(err.Error(), "abc") {
					t.Errorf("%q shows the query", err)
				}
				return
			}
			if err != nil || u == nil {
				t.Errorf("got %v, %v; want no error", u, err)
			}
		})
	}
}

func FuzzCheckLink(f *testing.F) {
	for _, s := range []string{
		testRoot + "/v1.0/users?$skiptoken=x", testRoot + "@evil.example/v1.0/", `https://graph.example.com\@e/v1.0/`,
		"https://graph.example.com:443/beta/a", "http://graph.example.com/v1.0/a", "",
	} {
		f.Add(s)
	}
	c := testClient(f, always(200, ""), nil)
	f.Fuzz(func(t *testing.T, link string) {
		u, err := c.checkLink(link)
		if err != nil {
			return
		}
		// What is let through must lead to the root by net/url's own reading
		// of the address that will be sent.
		again, err := url.Parse(u.String())
		if err != nil {
			t.Fatalf("%q was let through and cannot be parsed again: %v", link, err)
		}
		if again.Scheme != "https" || !strings.EqualFold(again.Hostname(), "graph.example.com") ||
			(again.Port() != "" && again.Port() != "443") || again.User != nil {
			t.Fatalf("%q was let through and leads to %s", link, again.Host)
		}
	})
}
