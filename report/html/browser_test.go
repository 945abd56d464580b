//go:build browser

package html

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// The tests of this file open the page in Chromium, from a file and without a
// network. They are behind a build tag since they need a browser; where there
// is none they fail and say what to install.

// mustFind gives the path of the first of these programs that there is.
func mustFind(t *testing.T, install string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("none of %s is there; on Debian: apt-get install %s", strings.Join(names, ", "), install)
	return ""
}

// browser starts Chromium; every tab is opened with its own context.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := mustFind(t, "chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		// In a container the user is root, whom the sandbox refuses; the page is
		// this package's own.
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true),
		// Text must have the same size everywhere.
		chromedp.Flag("force-device-scale-factor", "1"), chromedp.Flag("font-render-hinting", "none"),
	)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// A tab is a page in the browser, and what it complained of.
type tab struct {
	context.Context
	t    *testing.T
	url  string
	mu   sync.Mutex
	said []string
	// bad tells that the test makes the page do what it must not.
	bad bool
}

func (b *tab) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, fmt.Sprintf(format, args...))
}

// open writes the page of a report to a file and opens it. When the test ends,
// any error on the console, any request and any dialog fails it.
func open(t *testing.T, browser context.Context, d *report.Document, limit, width, height int, before ...chromedp.Action[chromedp.Void]) *tab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(written(t, d, limit)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	b := &tab{Context: ctx, t: t, url: "file://" + path}
	t.Cleanup(func() {
		for _, s := range b.notes() {
			if !b.bad {
				t.Error(s)
			}
		}
	})
	if err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *log.EventEntryAdded:
			b.note("console: %s %s", e.Entry.Level, e.Entry.Text)
		case *runtime.EventConsoleAPICalled:
			b.note("console.%s", e.Type)
		case *runtime.EventExceptionThrown:
			b.note("exception: %s", e.ExceptionDetails.Text)
		case *cdppage.EventJavascriptDialogOpening:
			b.note("dialog: %s", e.Message)
		case *network.EventRequestWillBeSent:
			if e.Request.URL != b.url {
				b.note("request to %s", e.Request.URL)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	b.run(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
		return err
	}), chromedp.EmulateViewport(int64(width), int64(height)))
	b.run(append(before, chromedp.Navigate(b.url), chromedp.WaitReady(chromedp.CSS("footer")))...)
	return b
}

// notes gives what the page complained of until now, and forgets it.
func (b *tab) notes() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	said := b.said
	b.said = nil
	return said
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// run gives the value of an action.
func run[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	v, err := chromedp.Run(b, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// eval gives the value of a JavaScript expression.
func eval[T any](b *tab, script string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	return run(b, chromedp.Evaluate[T](script, options...))
}

// wait waits until an expression is true.
func (b *tab) wait(script string) {
	b.t.Helper()
	if _, err := chromedp.Run(b, chromedp.Poll[chromedp.Void](script, chromedp.WithPollingTimeout(10*time.Second))); err != nil {
		b.t.Fatalf("wait for %s: %v", script, err)
	}
}

// column gives the shown cells of a column of a table.
func (b *tab) column(table, key string) []string {
	b.t.Helper()
	return eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll("#%s tbody td.k-%s")].map((e) => e.textContent)`, table, key))
}

func (b *tab) status(table string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector("#%s [role=status]").textContent`, table))
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.run(chromedp.Click(chromedp.CSS(selector)))
}

// TestBrowser opens one browser for everything.
func TestBrowser(t *testing.T) {
	ctx := browser(t)
	for name, test := range map[string]func(*testing.T, context.Context){
		"notices": testNotices, "loads": testLoads, "filters": testFilters, "sorts": testSorts, "pages": testPages, "keyboard": testKeyboard, "links": testLinks,
		"prints": testPrints, "accessible": testAccessible, "fits": testFits, "full": testFull,
	} {
		t.Run(name, func(t *testing.T) { test(t, ctx) })
	}
}

// testNotices: what the other tests hold the page to, they would notice.
func testNotices(t *testing.T, ctx context.Context) {
	for script, want := range map[string]string{
		`console.error("x")`:                                                            "console.error",
		`setTimeout(() => { throw new Error("x") })`:                                    "exception",
		`new Image().src = "https://entra.microsoft.com/x.png"`:                         "console: error",
		`fetch("https://entra.microsoft.com/").catch(() => {})`:                         "console: error",
		`document.body.insertAdjacentHTML("beforeend", "<img onerror=alert(1) src=x>")`: "console: error",
		`location.href = "http://127.0.0.1:9/"`:                                         "request to http://127.0.0.1:9/",
	} {
		b := open(t, ctx, fixture.Build(t, fixture.Empty(t.TempDir())), rowLimit, 1440, 900)
		b.bad = true
		b.run(chromedp.Evaluate[chromedp.Void]("void (" + script + ")"))
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if said := strings.Join(b.notes(), "\n"); strings.Contains(said, want) {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("%s: nothing is noticed", script)
				break
			}
		}
	}
}

// testLoads: whatever the tenant's people wrote, the page shows it as text.
func testLoads(t *testing.T, ctx context.Context) {
	for name, in := range map[string]report.Input{
		"hostile": fixture.Hostile(t.TempDir()), "fixture": fixture.Input(t.TempDir()), "empty": fixture.Empty(t.TempDir()), "sample": fixture.Sample(t.TempDir(), false),
		"hostile tenants": fixture.HostileFleet(t.TempDir()), "tenants": fixture.LargeFleet(t.TempDir(), 200),
	} {
		t.Run(name, func(t *testing.T) {
			d := fixture.Build(t, in)
			b := open(t, ctx, d, rowLimit, 1440, 900)
			if got := eval[string](b, `document.querySelector(".verdict").textContent`); got != d.Verdict() {
				t.Errorf("verdict %q", got)
			}
			if n := eval[int](b, `document.querySelectorAll("img, iframe, object, embed, link, svg svg, [onclick], [onerror], [onload], script[src]").length`); n > 0 {
				t.Errorf("%d elements that are not the page's own", n)
			}
			for _, table := range d.Tables() {
				if table.Title == "" || table.Count == 0 {
					continue
				}
				rows := fixture.Rows(t, table)
				column, ok := fixture.Column(table, "user_principal_name")
				if !ok {
					continue
				}
				if got := b.column(anchor(table.Title), "user_principal_name"); len(got) != min(len(rows), 50) || got[0] != cutRunes(rows[0][column], textLimit) {
					t.Errorf("%s shows %d rows, %.80q", table.Title, len(got), got[:min(len(got), 1)])
				}
			}
		})
	}
}

func testFilters(t *testing.T, ctx context.Context) {
	b := open(t, ctx, fixture.Build(t, fixture.Sample(t.TempDir(), true)), rowLimit, 1440, 900)
	const table = "t-users-at-risk"
	b.run(chromedp.SendKeys(chromedp.CSS("#"+table+" input"), "VANCE"))
	b.wait(`document.querySelectorAll("#t-users-at-risk tbody tr").length === 1`)
	if got := b.column(table, "user_principal_name"); got[0] != "adele.vance@contoso.com" {
		t.Errorf("found %q", got)
	}
	if got := b.status(table); got != "Rows 1 to 1 of 1" {
		t.Errorf("status %q", got)
	}
	b.run(chromedp.SendKeys(chromedp.CSS("#"+table+" input"), " nobody"))
	b.wait(`document.querySelector("#t-users-at-risk [role=status]").textContent === "No row matches"`)
	const empty = `(() => { const i = document.querySelector("#t-users-at-risk input"); i.value = ""; i.dispatchEvent(new Event("input")); })()`
	b.run(chromedp.Evaluate[chromedp.Void](empty))
	b.wait(`document.querySelectorAll("#t-users-at-risk tbody tr").length === 50`)
	// A text must not be found that only begins in one cell and ends in the next.
	b.run(chromedp.SendKeys(chromedp.CSS("#"+table+" input"), "unaffected person"))
	b.wait(`document.querySelector("#t-users-at-risk [role=status]").textContent === "No row matches"`)
}

func testSorts(t *testing.T, ctx context.Context) {
	b := open(t, ctx, fixture.Build(t, fixture.Sample(t.TempDir(), true)), rowLimit, 1440, 900)
	const table, head = "t-aaguids", "#t-aaguids th.k-passkeys"
	for _, want := range []struct{ sort, first, last string }{{"ascending", "16", "1,392"}, {"descending", "1,392", "16"}} {
		b.click(head + " button")
		got := b.column(table, "passkeys")
		if got[0] != want.first || got[len(got)-1] != want.last {
			t.Errorf("%s: %q", want.sort, got)
		}
		if got := eval[string](b, `document.querySelector("`+head+`").ariaSort`); got != want.sort {
			t.Errorf("aria-sort %q, want %q", got, want.sort)
		}
	}
	// Empty cells come last whichever way.
	for range 2 {
		b.click("#" + table + " th.k-vendor button")
		if got := b.column(table, "vendor"); got[len(got)-1] != "" || got[0] == "" {
			t.Errorf("vendors %q", got)
		}
	}
	if n := eval[int](b, `document.querySelectorAll("#t-aaguids [aria-sort]").length`); n != 1 {
		t.Errorf("%d columns are called sorted", n)
	}
}

func testPages(t *testing.T, ctx context.Context) {
	b := open(t, ctx, fixture.Build(t, fixture.Sample(t.TempDir(), true)), rowLimit, 1440, 900)
	const table = "t-would-break"
	first := b.column(table, "user_principal_name")[0]
	b.click("#" + table + " .tools button:last-of-type")
	if got := b.status(table); got != "Rows 51 to 100 of 160" {
		t.Errorf("status %q", got)
	}
	if got := b.column(table, "user_principal_name"); len(got) != 50 || got[0] == first {
		t.Errorf("page 2 has %d rows and begins with %q", len(got), got[0])
	}
	for range 2 {
		b.click("#" + table + " .tools button:last-of-type")
	}
	if got := b.status(table); got != "Rows 151 to 160 of 160" {
		t.Errorf("status %q", got)
	}
	if !eval[bool](b, `document.querySelector("#t-would-break .tools button:last-of-type").disabled`) {
		t.Error("there is a page after the last one")
	}
	b.click("#" + table + " .tools button:first-of-type")
	if got := b.status(table); got != "Rows 101 to 150 of 160" {
		t.Errorf("status %q", got)
	}
}

// testKeyboard: everything can be reached and used without a mouse.
func testKeyboard(t *testing.T, ctx context.Context) {
	b := open(t, ctx, fixture.Build(t, fixture.Sample(t.TempDir(), true)), rowLimit, 1440, 900)
	press := func(keys string) {
		t.Helper()
		b.run(chromedp.KeyEvent(keys))
	}
	press("\t")
	if got := eval[string](b, `document.activeElement.className`); got != "skip" {
		t.Errorf("the first stop is %q", got)
	}
	press("\r")
	var stops []string
	for range 12 {
		press("\t")
		stops = append(stops, eval[string](b, `(() => { const e = document.activeElement; return e.tagName + " " + (e.ariaLabel || e.type || e.getAttribute("role") || ""); })()`))
	}
	if want := "INPUT search,BUTTON Next page of Would break,DIV Rows of Would break,BUTTON button"; !strings.HasPrefix(strings.Join(stops, ","), want) {
		t.Errorf("stops %q, want %s", stops, want)
	}
	// The column under the focus is sorted by the space bar.
	b.run(chromedp.Focus(chromedp.CSS("#t-would-break th.k-user_principal_name button")))
	press(" ")
	press(" ")
	if got := b.column("t-would-break", "user_principal_name")[0]; got != "raul.razo@contoso.com" {
		t.Errorf("sorted from the keyboard, the first is %q", got)
	}
	if got := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); got != "solid" {
		t.Errorf("the focus is not seen: %q", got)
	}
}

// testLinks: people lead to their page, with nothing of ours going along.
func testLinks(t *testing.T, ctx context.Context) {
	b := open(t, ctx, fixture.Build(t, fixture.Hostile(t.TempDir())), rowLimit, 1440, 900)
	type link struct{ Href, Rel, Target string }
	links := eval[[]link](b, `[...document.querySelectorAll("main td a")].map((a) => ({Href: a.href, Rel: a.rel, Target: a.target}))`)
	if len(links) == 0 {
		t.Error("no links")
	}
	for _, l := range links {
		id, ok := strings.CutPrefix(l.Href, report.EntraPortal.UserPrefix())
		if !ok || report.EntraPortal.User(id) != l.Href || l.Rel != "noopener noreferrer" || l.Target != "_blank" {
			t.Errorf("link %+v", l)
		}
	}
}

// testFull: with as many rows as the page takes it is still quick.
func testFull(t *testing.T, ctx context.Context) {
	d := fixture.Build(t, fixture.Large(t.TempDir(), rowLimit))
	begin := time.Now()
	b := open(t, ctx, d, rowLimit, 1440, 900)
	opened := time.Since(begin)
	begin = time.Now()
	b.run(chromedp.SendKeys(chromedp.CSS("#t-all-passkeys input"), "person0049999"))
	b.wait(`document.querySelectorAll("#t-all-passkeys tbody tr").length === 1`)
	filtered := time.Since(begin)
	t.Logf("%d rows: opened in %v, filtered in %v", rowLimit, opened.Round(time.Millisecond), filtered.Round(time.Millisecond))
	if got := b.column("t-all-passkeys", "user_principal_name"); got[0] != "person0049999@contoso.com" {
		t.Errorf("found %q", got)
	}
	if opened > 30*time.Second || filtered > 10*time.Second {
		t.Errorf("opened in %v, filtered in %v", opened, filtered)
	}
}

// pdftotext gives the text of each page of a PDF.
func pdftotext(t *testing.T, pdf []byte) []string {
	t.Helper()
	path := mustFind(t, "poppler-utils", "pdftotext")
	cmd := exec.CommandContext(t.Context(), path, "-layout", "-", "-")
	cmd.Stdin = strings.NewReader(string(pdf))
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("pdftotext: %v: %s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
}
