package html

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

func written(t *testing.T, d *report.Document, limit int) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(context.Background(), &b, d, limit); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for name, in := range map[string]report.Input{"report.html": fixture.Input(t.TempDir()), "report-empty.html": fixture.Empty(t.TempDir()),
		"report-tenants.html": fixture.Fleet(t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			fixture.Golden(t, name, []byte(written(t, fixture.Build(t, in), rowLimit)))
		})
	}
}

// TestPolicy: the policy admits exactly the page's own style and script, and
// nothing in the page asks for anything from elsewhere.
func TestPolicy(t *testing.T) {
	s := written(t, fixture.Build(t, fixture.Input(t.TempDir())), rowLimit)
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(s)
	if policy == nil || !strings.HasPrefix(policy[1], "default-src 'none'; ") || strings.Contains(policy[1], "unsafe") {
		t.Fatalf("policy %q", policy)
	}
	for _, tag := range []string{"style", "script"} {
		found := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(s, -1)
		if len(found) != 1 {
			t.Fatalf("%d blocks of %s", len(found), tag)
		}
		h := sha256.Sum256([]byte(found[0][1]))
		if want := tag + "-src 'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"; !strings.Contains(html.UnescapeString(policy[1]), want) {
			t.Errorf("policy %q lacks %s", policy[1], want)
		}
	}
	for _, pattern := range []string{`<link`, `<img`, `<iframe`, `\ssrc=`, `@import`, `url\(`, `\son[a-z]+=`, `\sstyle=`, `innerHTML`, `insertAdjacent`, `document\.write`, `eval\(`, `fetch\(`, `XMLHttp`} {
		if at := regexp.MustCompile(pattern).FindString(s); at != "" {
			t.Errorf("the page has %q", at)
		}
	}
}

var dataBlock = regexp.MustCompile(`(?s)<script type="application/json" id="data-([a-z-]+)">(.*?)</script>`)

// TestRows: the blocks hold the tables' rows as data, however hostile.
func TestRows(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	s := written(t, d, rowLimit)
	if n := strings.Count(s, "<script"); n != 9 {
		t.Errorf("%d script elements; 8 blocks of data and 1 script are the page's own", n)
	}
	found := dataBlock.FindAllStringSubmatch(s, -1)
	if len(found) != 8 {
		t.Fatalf("%d blocks", len(found))
	}
	for _, block := range found {
		var data struct {
			Columns []head
			Link    string
			Rows    [][]any
		}
		if err := json.Unmarshal([]byte(block[2]), &data); err != nil {
			t.Fatalf("%s: %v", block[1], err)
		}
		for _, table := range d.Tables() {
			if anchor(table.Title) != block[1] {
				continue
			}
			if len(data.Rows) != table.Count {
				t.Errorf("%s: %d rows, want %d", block[1], len(data.Rows), table.Count)
			}
			rows := fixture.Rows(t, table)
			for i, row := range data.Rows {
				if data.Link != "" {
					id := row[len(row)-1]
					if column, ok := fixture.Column(table, "user_id"); !ok || id != rows[i][column] || data.Link != report.EntraPortal.UserPrefix() {
						t.Errorf("%s: row %d leads to %s%v", block[1], i, data.Link, id)
					}
					row = row[:len(row)-1]
				}
				if len(row) != len(data.Columns) {
					t.Fatalf("%s: %d cells under %d columns", block[1], len(row), len(data.Columns))
				}
				at := 0
				for _, c := range pageOrder(table) {
					if data.Columns[at].Key != table.Columns[c].Key {
						t.Fatalf("%s: column %d is %s, want %s", block[1], at, data.Columns[at].Key, table.Columns[c].Key)
					}
					if text, ok := row[at].(string); ok && text != cutRunes(rows[i][c], limitOf(table.Columns[c].Key)) {
						t.Errorf("%s: got %q, want %q", block[1], text, rows[i][c])
					}
					if (row[at] == nil) != (rows[i][c] == "") {
						t.Errorf("%s: got %v, want %q", block[1], row[at], rows[i][c])
					}
					at++
				}
				if at < len(row) && data.Columns[at].Key == "remarks" {
					at++
				}
				if at != len(row) {
					t.Fatalf("%s: %d of %d cells are accounted for", block[1], at, len(row))
				}
			}
		}
	}
}

// TestReadable: whose passkey breaks, which and why come first; the reason has
// room, its AAGUID is not cut off, and an AAGUID never goes over two lines.
func TestReadable(t *testing.T) {
	in, users := fixture.Input(t.TempDir()), fixture.Users()
	reason := strings.Repeat("a long sentence ", 12) + fixture.YubiKey
	users[0].Passkeys[0].Proposed.Reason = reason
	in.Users = fixture.Each(users)
	s := written(t, fixture.Build(t, in), rowLimit)
	if !strings.Contains(s, reason) {
		t.Error("the reason is cut")
	}
	if strings.Contains(s, strings.Repeat("界", textLimit+1)) {
		t.Error("the name of a passkey is not cut")
	}
	var keys []string
	for _, m := range regexp.MustCompile(`"k":"(\w+)"`).FindAllStringSubmatch(s, 7) {
		keys = append(keys, m[1])
	}
	want := "impact user_principal_name passkey_name authenticator aaguid reason display_name"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	for _, rule := range []string{`td\.k-reason\{min-width:2\drem`, `td\.k-authenticator[^{]*\{min-width:1\drem`, `td\.guid\{[^}]*white-space:nowrap`, `\.scroll\{overflow-x:auto`} {
		if !regexp.MustCompile(rule).MatchString(styleText) {
			t.Errorf("the style lacks %s", rule)
		}
	}
	if !strings.Contains(scriptText, `"k-" + columns[i].k`) {
		t.Error("the script gives no cell its column's class")
	}
}

// TestLimit: of tables that are too long for the page it holds what matters, and
// says where the rest is.
func TestLimit(t *testing.T) {
	tests := []struct {
		limit int
		rows  map[string]int
		want  []string
	}{
		{200, map[string]int{"t-would-break": 20, "t-users-at-risk": 200, "t-all-passkeys": 200}, nil},
		{50, map[string]int{"t-would-break": 20, "t-users-at-risk": 20, "t-all-passkeys": 0}, []string{
			"This page holds the 20 people at risk, and leaves out who is unaffected. All 200 rows are in report.xlsx and users.csv.",
			"This page holds those that the proposal blocks, above. All 200 rows are in report.xlsx and passkeys.csv.",
		}},
		{15, map[string]int{"t-would-break": 15, "t-users-at-risk": 15, "t-all-passkeys": 0}, []string{
			"This page holds the first 15 of 20 rows, the most serious first. All 20 rows are in report.xlsx and breaking.csv.",
			"This page holds the first 15 of 20 rows, administrators first, then by risk. All 200 rows are in report.xlsx and users.csv.",
		}},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.limit), func(t *testing.T) {
			s := written(t, fixture.Build(t, fixture.Large(t.TempDir(), 200)), test.limit)
			for _, want := range test.want {
				if !strings.Contains(s, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
			if len(test.want) == 0 && strings.Contains(s, "This page holds") {
				t.Error("the page says that something is left out")
			}
			got := map[string]int{}
			for _, block := range dataBlock.FindAllStringSubmatch(s, -1) {
				if _, ok := test.rows[block[1]]; ok {
					got[block[1]] = strings.Count(block[2], "\n[")
				}
			}
			if diff := cmp.Diff(test.rows, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteFails(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	if err := Write(context.Background(), full{}, d); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Write(ctx, &bytes.Buffer{}, d); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
