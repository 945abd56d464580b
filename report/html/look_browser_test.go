//go:build browser

package html

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

var pictures = flag.String("pictures", "", "folder for pictures of the sample page")

//go:embed testdata/axe/axe.min.js
var axe string

func dark(b bool) chromedp.Action[chromedp.Void] {
	scheme := "light"
	if b {
		scheme = "dark"
	}
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia,
			emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	})
}

// testPrints: on paper every row of the tables that are printed is there up to
// the limit, each page of a table has its head, and the limit is said.
func testPrints(t *testing.T, ctx context.Context) {
	b := open(t, ctx, fixture.Build(t, fixture.Sample(t.TempDir(), true)), rowLimit, 1440, 900)
	pdf := run(b, chromedp.PrintToPDF(chromedp.PDFPrintBackground(), chromedp.PDFPreferCSSPageSize()))
	if *pictures != "" {
		if err := os.WriteFile(filepath.Join(*pictures, "page.pdf"), pdf, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pages := pdftotext(t, pdf)
	whole := strings.Join(pages, "\n")
	for _, want := range []string{"37 of 4,210 people", "person0160@contoso.com", "On paper: the first 500 of 4,210 rows."} {
		if !strings.Contains(whole, want) {
			t.Errorf("the print lacks %q", want)
		}
	}
	if strings.Contains(whole, "Rows 1 to 50") {
		t.Error("the print has what only a screen needs")
	}
	tables := 0
	for n, p := range pages {
		if n > 0 && strings.Contains(p, "breaks") && strings.Contains(p, "person00") || strings.Contains(p, "unaffected") && strings.Contains(p, "person1") {
			tables++
			if !strings.Contains(p, "User principal name") || !strings.Contains(p, "Administrator") {
				t.Errorf("page %d has rows without a head:\n%.600s", n+1, p)
			}
		}
	}
	if tables < 3 {
		t.Errorf("%d of %d pages have rows", tables, len(pages))
	}
	if len(pages) > 60 {
		t.Errorf("%d pages", len(pages))
	}
}

// testAccessible runs axe-core on the page, light and dark, and holds it to have
// no finding that is serious or worse.
func testAccessible(t *testing.T, ctx context.Context) {
	type finding struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML, FailureSummary string }
	}
	one, several := fixture.Input, fixture.Fleet // of the second, a table has more than one page
	for _, in := range []struct {
		name  string
		dark  bool
		wide  int
		input func(dir string) report.Input
	}{
		{"light", false, 1440, one}, {"dark", true, 1440, one}, {"narrow", false, 390, one},
		{"tenants, light", false, 1440, several}, {"tenants, dark", true, 1440, several}, {"tenants, narrow", false, 390, several},
	} {
		t.Run(in.name, func(t *testing.T) {
			b := open(t, ctx, fixture.Build(t, in.input(t.TempDir())), rowLimit, in.wide, 900, dark(in.dark))
			b.run(chromedp.Evaluate[chromedp.Void](axe))
			found := eval[[]finding](b, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.map((v) => (
				{ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.slice(0, 3).map((n) => ({HTML: n.html, FailureSummary: n.failureSummary}))})))`, chromedp.EvalAwaitPromise)
			for _, f := range found {
				t.Logf("%s (%s): %s\n%.700s", f.ID, f.Impact, f.Help, fmt.Sprint(f.Nodes))
				if f.Impact == "serious" || f.Impact == "critical" {
					t.Errorf("%s finding: %s", f.Impact, f.ID)
				}
			}
		})
	}
}

// testFits: at no usual width does the page itself scroll sideways or cut a text
// off; with -pictures it leaves pictures.
func testFits(t *testing.T, ctx context.Context) {
	for _, in := range []struct {
		wide    int
		dark    bool
		tenants int
	}{{1440, false, 1}, {1440, true, 1}, {390, false, 1}, {390, true, 1}, {768, false, 1}, {1440, false, 1000}, {390, true, 1000}} {
		name, sample := fmt.Sprintf("page-%d-%s", in.wide, map[bool]string{false: "light", true: "dark"}[in.dark]), fixture.Sample(t.TempDir(), true)
		if in.tenants > 1 {
			name, sample = name+"-tenants", fixture.LargeFleet(t.TempDir(), in.tenants)
		}
		t.Run(name, func(t *testing.T) {
			b := open(t, ctx, fixture.Build(t, sample), rowLimit, in.wide, 1000, dark(in.dark))
			if wide := eval[int](b, `document.documentElement.scrollWidth`); wide > in.wide {
				t.Errorf("the page is %d pixels wide in a window of %d", wide, in.wide)
			}
			cut := eval[[]string](b, `[...document.querySelectorAll("svg text")].filter((e) => {
				const a = e.getBoundingClientRect(), b = e.ownerSVGElement.getBoundingClientRect();
				return a.right > b.right + 1 || a.bottom > b.bottom + 1; }).map((e) => e.textContent)`)
			cut = append(cut, eval[[]string](b, `[...document.querySelectorAll(".tile span, .tile a, .tile strong, h1, h2, .verdict, .tenant")]
				.filter((e) => !e.classList.contains("quiet") && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map((e) => e.textContent)`)...)
			for _, s := range cut {
				t.Errorf("cut off: %q", s)
			}
			if *pictures == "" {
				return
			}
			b.run(chromedp.EmulateViewport(int64(in.wide), int64(map[int]int{1440: 2100, 768: 2000, 390: 2800}[in.wide])))
			png := run(b, chromedp.CaptureScreenshot())
			if err := os.WriteFile(filepath.Join(*pictures, name+".png"), png, 0o600); err != nil {
				t.Fatal(err)
			}
			b.run(chromedp.EmulateViewport(int64(in.wide), 1000), chromedp.Evaluate[chromedp.Void](`document.querySelector("#t-would-break").scrollIntoView()`))
			png = run(b, chromedp.CaptureScreenshot())
			if err := os.WriteFile(filepath.Join(*pictures, strings.Replace(name, "page", "table", 1)+".png"), png, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}
