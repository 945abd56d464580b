//go:build !browser

package html

import "testing"

// TestBrowser says aloud what was not looked at.
func TestBrowser(t *testing.T) {
	t.Log("NOT RUN: the tests of the page in Chromium. Run: go test -tags browser ./report/html (they need chromium and pdftotext)")
}
