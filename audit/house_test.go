package audit_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The house tests hold what reviewers miss: which package may import which,
// who alone owns a heavy dependency, and the habits that can be seen in the
// syntax. They read source files and compile nothing, so they take no time.
// They walk whatever packages there are.

const module = "passkey-audit"

// everything stands for all packages of ours in the table of arrows.
const everything = "*"

// arrows says for each package which packages of ours it may import. Test
// files are freer: see testArrow. A package that is not here fails the test,
// so a new package starts with a line in this table, and one in design terms:
// what it may know.
var arrows = map[string][]string{
	"audit":          {},
	"audit/pace":     {},
	"audit/aaguid":   {"audit"},
	"audit/policy":   {"audit", "audit/aaguid"},
	"audit/strength": {"audit"},
	"audit/graph":    {"audit"},
	"audit/snapshot": {"audit"},
	"audit/collect":  {"audit", "audit/pace", "audit/snapshot"},
	// Never graph, collect or the SDK: a bug that the simulated Graph shared
	// with its reader would be hidden.
	"audit/graphsim": {"audit", "audit/aaguid"},
	"report":         {"audit"},
	"report/xlsx":    {"audit", "report"},
	"report/csv":     {"audit", "report"},
	"report/json":    {"audit", "report"},
	"report/text":    {"audit", "report"},
	"report/html":    {"audit", "report"},
	// It puts any folder into an object store and knows nothing of ours.
	"report/upload":     {},
	"cmd/passkey-audit": {everything},
}

// owners says which package alone may import what begins with the prefix: one
// heavy dependency, one package, so that the others compile and test in no
// time and a library can be changed in one place.
var owners = map[string]string{
	"github.com/microsoftgraph/":      "audit/graph",
	"github.com/microsoft/":           "audit/graph",
	"github.com/Azure/":               "audit/graph",
	"github.com/AzureAD/":             "audit/graph",
	"github.com/valyala/":             "audit/graph",
	"software.sslmate.com/":           "audit/graph",
	"github.com/pkg/browser":          "audit/graph",
	"database/sql":                    "audit/snapshot",
	"modernc.org/":                    "audit/snapshot",
	"golang.org/x/sync/errgroup":      "audit/collect",
	"github.com/xuri/":                "report/xlsx",
	"github.com/chromedp/":            "report/html",
	"github.com/minio/":               "report/upload",
	"github.com/spf13/":               "cmd/passkey-audit",
	"github.com/goccy/go-yaml":        "cmd/passkey-audit",
	"golang.org/x/term":               "cmd/passkey-audit",
	"github.com/rogpeppe/go-internal": "cmd/passkey-audit",
}

// guests may import what begins with a prefix beside its owner: the library
// for Azure's storage comes with what signs in to it, SQLite sorts in one
// goroutine a connection, and the program writes several files at a time.
var guests = map[string][]string{"github.com/Azure/": {"report/upload"}, "golang.org/x/sync/errgroup": {"audit/snapshot", program}}

// never lists what a package must not know of the standard library, by prefix.
// What judges is pure, and what schedules knows no HTTP.
var never = map[string][]string{
	"audit":        {"os", "net", "database/", "io/fs"},
	"audit/pace":   {"os", "net", "database/"},
	"audit/aaguid": {"os", "net", "database/"},
	"audit/policy": {"os", "net", "database/"},
	"report":       {"net", "database/"}, // it spools rows to files of its own
}

// heavy is slow to compile: only its own tests and those of the whole program
// may depend on it.
const heavy, program = "audit/graph", "cmd/passkey-audit"

// A goFile is one parsed source file of the tree.
type goFile struct {
	dir, name string // slash-separated, relative to the module's root
	lines     int
	fset      *token.FileSet
	syntax    *ast.File
}

func (f *goFile) test() bool   { return strings.HasSuffix(f.name, "_test.go") }
func (f *goFile) main() bool   { return path.Dir(f.dir) == "cmd" && f.name == "main.go" }
func (f *goFile) path() string { return path.Join(f.dir, f.name) }

func (f *goFile) at(n ast.Node, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", f.path(), f.fset.Position(n.Pos()).Line, fmt.Sprintf(format, args...))
}

func parseFile(name string, source []byte) (*goFile, error) {
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	lines := strings.Count(string(source), "\n")
	return &goFile{dir: path.Dir(name), name: path.Base(name), lines: lines, fset: fset, syntax: syntax}, nil
}

// tree parses every Go file of the module, testdata and hidden folders left
// out.
func tree(t *testing.T) []*goFile {
	t.Helper()
	var files []*goFile
	err := filepath.WalkDir("..", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); p != ".." && (n == "testdata" || n[0] == '.' || n[0] == '_') {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		source, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel("..", p)
		if err != nil {
			return err
		}
		f, err := parseFile(filepath.ToSlash(rel), source)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(files, func(f *goFile) bool { return f.path() == "audit/house_test.go" }) {
		t.Fatal("the walk did not come by this file: it looks at the wrong tree")
	}
	return files
}

// under reports whether an import path is the prefix, lies below it, or, where
// the prefix ends in a slash, begins with it.
func under(imported, prefix string) bool {
	if strings.HasSuffix(prefix, "/") {
		return strings.HasPrefix(imported, prefix)
	}
	return imported == prefix || strings.HasPrefix(imported, prefix+"/")
}

// checkImports holds one file against the tables above.
func checkImports(f *goFile) []string {
	may, ok := arrows[f.dir]
	if !ok {
		return []string{f.at(f.syntax.Name, "package %s is not in the table of arrows", f.dir)}
	}
	var found []string
	for _, spec := range f.syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return append(found, f.at(spec, "import %s: %v", spec.Path.Value, err))
		}
		var why string
		if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
			why = ownArrow(f, ours, may)
		} else {
			why = foreignArrow(f, imported)
		}
		if why != "" {
			found = append(found, f.at(spec, "%s may not import %s: %s", f.dir, imported, why))
		}
	}
	return found
}

// ownArrow gives the reason against an import of ours, or nothing. Test files
// may import any package of ours, for they are where the parts meet, with two
// exceptions: the package that is slow to compile, and, in graphsim, what
// reads it.
func ownArrow(f *goFile, ours string, may []string) string {
	switch {
	case ours == f.dir && f.test(), slices.Contains(may, everything), slices.Contains(may, ours):
		return ""
	case !f.test():
		return "there is no such arrow"
	case ours == heavy:
		return "it compiles for minutes; only tests of the whole program may"
	case f.dir == "audit/graphsim" && ours == "audit/collect":
		return "a bug that both share would be hidden"
	}
	return ""
}

// foreignArrow gives the reason against an import that is not ours, or
// nothing. Tests of the whole program may look into every file it writes.
func foreignArrow(f *goFile, imported string) string {
	for prefix, owner := range owners {
		if under(imported, prefix) && f.dir != owner && !slices.Contains(guests[prefix], f.dir) && !(f.test() && f.dir == program) {
			return owner + " alone may"
		}
	}
	if f.test() {
		return ""
	}
	for _, prefix := range never[f.dir] {
		if under(imported, prefix) {
			return "this package must not know it"
		}
	}
	if first, _, _ := strings.Cut(imported, "/"); f.dir == "audit" && strings.Contains(first, ".") {
		return "the vocabulary takes the standard library alone"
	}
	return ""
}

func TestArrows(t *testing.T) {
	for _, f := range tree(t) {
		for _, problem := range checkImports(f) {
			t.Error(problem)
		}
	}
}

// TestArrowTableIsSound: every name in the tables is a package of the table,
// and the arrows of the libraries go round in no circle.
func TestArrowTableIsSound(t *testing.T) {
	for from, to := range arrows {
		for _, p := range to {
			if _, ok := arrows[p]; !ok && p != everything {
				t.Errorf("%s points at %s, which is not in the table", from, p)
			}
			if slices.Contains(arrows[p], from) {
				t.Errorf("%s and %s point at each other", from, p)
			}
		}
	}
	for _, p := range slices.Concat(slices.Collect(maps.Values(owners)), slices.Collect(maps.Keys(never))) {
		if _, ok := arrows[p]; !ok {
			t.Errorf("%s is not in the table", p)
		}
	}
}

// TestArrowsCatch shows that each kind of wrong import is seen.
func TestArrowsCatch(t *testing.T) {
	tests := []struct{ name, file, imports, want string }{
		{"allowed", "audit/policy/a.go", "passkey-audit/audit/aaguid", ""},
		{"no such arrow", "audit/policy/a.go", "passkey-audit/audit/graph", "there is no such arrow"},
		{"vocabulary imports nothing of ours", "audit/a.go", "passkey-audit/report", "there is no such arrow"},
		{"vocabulary takes the standard library", "audit/a.go", "github.com/rs/zerolog", "standard library alone"},
		{"simulated Graph and its reader", "audit/graphsim/a_test.go", "passkey-audit/audit/collect", "would be hidden"},
		{"simulated Graph and the client", "audit/graphsim/a_test.go", "passkey-audit/audit/graph", "compiles for minutes"},
		{"tests are freer", "audit/collect/a_test.go", "passkey-audit/audit/graphsim", ""},
		{"formats do not meet", "report/csv/a.go", "passkey-audit/report/xlsx", "there is no such arrow"},
		{"SDK", "audit/collect/a.go", "github.com/microsoftgraph/msgraph-sdk-go/users", "audit/graph alone may"},
		{"SDK in tests", "audit/graphsim/a_test.go", "github.com/microsoft/kiota-abstractions-go", "audit/graph alone may"},
		{"SQLite", "report/a.go", "modernc.org/sqlite", "audit/snapshot alone may"},
		{"SQL", "audit/collect/a.go", "database/sql", "audit/snapshot alone may"},
		{"errgroup", "audit/pace/a.go", "golang.org/x/sync/errgroup", "audit/collect alone may"},
		{"excelize", "cmd/passkey-audit/a.go", "github.com/xuri/excelize/v2", "report/xlsx alone may"},
		{"object store", "cmd/passkey-audit/a.go", "github.com/minio/minio-go/v7", "report/upload alone may"},
		{"Azure's storage", "report/upload/a.go", "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob", ""},
		{"upload knows nothing of ours", "report/upload/a.go", "passkey-audit/report", "there is no such arrow"},
		{"excelize in tests of the program", "cmd/passkey-audit/a_test.go", "github.com/xuri/excelize/v2", ""},
		{"cobra", "report/text/a.go", "github.com/spf13/cobra", "cmd/passkey-audit alone may"},
		{"pace knows no HTTP", "audit/pace/a.go", "net/http", "must not know"},
		{"policy reads no files", "audit/policy/a.go", "os", "must not know"},
		{"its tests do", "audit/policy/a_test.go", "os", ""},
		{"package not in the table", "audit/util/a.go", "fmt", "not in the table"},
		{"internal package not in the table", "audit/graph/internal/x/a.go", "fmt", "not in the table"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := parseFile(tt.file, []byte("package p\nimport _ "+strconv.Quote(tt.imports)+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(checkImports(f), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestLinterMirrorsArrows: the linter's rules name every owned dependency, so
// that an editor shows what this test would.
func TestLinterMirrorsArrows(t *testing.T) {
	config, err := os.ReadFile("../.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	for prefix := range owners {
		if !strings.Contains(string(config), "pkg: "+strings.TrimSuffix(prefix, "/")+"\n") {
			t.Errorf(".golangci.yml has no depguard entry for %s", prefix)
		}
	}
}
