package snapshot

import (
	"net/url"
	"testing"
)

// TestFileURI: SQLite takes what follows two slashes for a host, and refuses
// any but localhost.
func TestFileURI(t *testing.T) {
	for _, tt := range []struct{ name, path, want string }{
		{"Unix", "/data/contoso/snapshot.db", "file:///data/contoso/snapshot.db?mode=ro"},
		{"a drive", "C:/Audits/2026/snapshot.db", "file:///C:/Audits/2026/snapshot.db?mode=ro"},
		{"a share", "//contoso/reports/snapshot.db", "file:////contoso/reports/snapshot.db?mode=ro"},
		{"signs that mean something in a URI", "/a b/50%?#/snapshot.db", "file:///a%20b/50%25%3F%23/snapshot.db?mode=ro"},
	} {
		if got := fileURI(tt.path, url.Values{"mode": {"ro"}}); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
