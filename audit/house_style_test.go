package audit_test

import (
	"go/ast"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	maxFileLines = 500
	maxFuncLines = 80
)

var (
	sentenceEnd = regexp.MustCompile(`[.!?]["')]*(\s|$)`)
	// limits are the words in which a package comment says what the package
	// must not know or do.
	limits = regexp.MustCompile(`(?i)\b(must\s+(not|never)|knows?\s+(no|nothing)|does\s+not\s+know|and\s+nothing\s+else)\b`)
	// reason introduces why a function is long.
	reason = regexp.MustCompile(`(?i)\blong,?\s+(because|since|for)\b`)
)

// A call is a function of the standard library that only some places may use.
type call struct {
	pkg   string // import path
	names []string
	// where reports whether a file may use it.
	where func(*goFile) bool
	why   string
}

func inMain(f *goFile) bool    { return f.main() }
func inTests(f *goFile) bool   { return f.test() }
func inProgram(f *goFile) bool { return f.test() || path.Dir(f.dir) == "cmd" }

// calls is the table of such functions. It holds package-level names alone.
var calls = []call{
	{"os", []string{"Exit"}, func(f *goFile) bool { return f.main() || f.test() }, "only main ends the process"},
	{"log", []string{"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln"}, inMain, "errors are returned"},
	{"time", []string{"Sleep"}, inTests, "wait on a timer and the context, so that Ctrl-C works"},
	{"context", []string{"Background", "TODO"}, inProgram, "the context is the caller's"},
	{"fmt", []string{"Print", "Printf", "Println"}, inProgram, "only the program prints"},
	{"os", []string{"Stdin", "Stdout", "Stderr"}, inProgram, "streams come in as parameters"},
	{"os", []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, inProgram, "settings come in as parameters"},
}

// goroutines names the packages that may start them.
var goroutines = map[string]bool{"audit/collect": true, "audit/pace": true, "audit/graphsim": true, "cmd/passkey-audit": true}

// checkFile gives what one file does against the habits of the house.
func checkFile(f *goFile) []string {
	var found []string
	say := func(n ast.Node, format string, args ...any) { found = append(found, f.at(n, format, args...)) }
	if f.lines >= maxFileLines && !ast.IsGenerated(f.syntax) {
		say(f.syntax.Name, "%d lines; a file has one topic and fewer than %d", f.lines, maxFileLines)
	}
	imported := importNames(f.syntax)
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				say(n, "init function; the order of start-up must stay readable")
			}
			lines := f.fset.Position(n.End()).Line - f.fset.Position(n.Pos()).Line + 1
			if lines > maxFuncLines && !f.test() && !reason.MatchString(n.Doc.Text()) {
				say(n, "%s has %d lines; over %d its comment says \"long because\" and why", n.Name.Name, lines, maxFuncLines)
			}
		case *ast.GoStmt:
			if !f.test() && !goroutines[f.dir] {
				say(n, "goroutine; they start in audit/collect, audit/pace, the simulated server and the program alone")
			}
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok {
				return true
			}
			if f.test() && len(x.Name) <= 2 && strings.HasPrefix(n.Sel.Name, "Skip") {
				say(n, "a skipped test proves nothing")
			}
			for _, c := range calls {
				if imported[x.Name] != c.pkg || c.where(f) {
					continue
				}
				for _, name := range c.names {
					if n.Sel.Name == name {
						say(n, "%s.%s: %s", c.pkg, name, c.why)
					}
				}
			}
		}
		return true
	})
	return found
}

// importNames gives the import path for each name under which a file knows a
// package; for imports without a name, the last element, which holds for the
// standard library.
func importNames(syntax *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}

// checkPackageComment gives what is wrong with a package's comment: it has at
// least two sentences, and says what the package must not know.
func checkPackageComment(dir, text string) string {
	switch {
	case text == "":
		return "package " + dir + " has no package comment"
	case len(sentenceEnd.FindAllString(text, 2)) < 2:
		return "the comment of package " + dir + " has fewer than two sentences"
	case !limits.MatchString(text):
		return "the comment of package " + dir + " does not say what it must not know"
	}
	return ""
}

func TestHabits(t *testing.T) {
	for _, f := range tree(t) {
		for _, problem := range checkFile(f) {
			t.Error(problem)
		}
	}
}

func TestPackageComments(t *testing.T) {
	comments := map[string]string{}
	for _, f := range tree(t) {
		if !f.test() {
			comments[f.dir] += f.syntax.Doc.Text()
		}
	}
	for dir, text := range comments {
		if problem := checkPackageComment(dir, text); problem != "" {
			t.Error(problem)
		}
	}
}

// TestHabitsCatch shows that each habit is really looked at.
func TestHabitsCatch(t *testing.T) {
	long := "func f() {\n" + strings.Repeat("\t_ = 0\n", maxFuncLines) + "}\n"
	tests := []struct{ name, file, source, want string }{
		{"plain", "audit/a.go", "func f() {}\n", ""},
		{"init", "audit/a.go", "func init() {}\n", "init function"},
		{"init in a test", "audit/a_test.go", "func init() {}\n", "init function"},
		{"a method may be called init", "audit/a.go", "type t int\nfunc (t) init() {}\n", ""},
		{"exit", "audit/a.go", "import \"os\"\nfunc f() { os.Exit(1) }\n", "os.Exit"},
		{"exit in the program, not in main.go", "cmd/passkey-audit/scan.go", "import \"os\"\nfunc f() { os.Exit(1) }\n", "os.Exit"},
		{"exit in main.go", "cmd/passkey-audit/main.go", "import \"os\"\nfunc f() { os.Exit(1) }\n", ""},
		{"fatal", "cmd/passkey-audit/scan.go", "import \"log\"\nfunc f() { log.Fatalf(\"\") }\n", "log.Fatalf"},
		{"sleep", "audit/pace/a.go", "import \"time\"\nfunc f() { time.Sleep(1) }\n", "time.Sleep"},
		{"sleep under another name", "audit/pace/a.go", "import clock \"time\"\nfunc f() { clock.Sleep(1) }\n", "time.Sleep"},
		{"sleep handed on", "audit/pace/a.go", "import \"time\"\nvar f = time.Sleep\n", "time.Sleep"},
		{"sleep in a test's bubble", "audit/pace/a_test.go", "import \"time\"\nfunc f() { time.Sleep(1) }\n", ""},
		{"sleep of another package", "audit/pace/a.go", "import \"x.org/y/time2\"\nfunc f() { time2.Sleep(1) }\n", ""},
		{"background context", "audit/graph/a.go", "import \"context\"\nvar c = context.Background()\n", "context.Background"},
		{"printing", "report/a.go", "import \"fmt\"\nfunc f() { fmt.Println() }\n", "fmt.Println"},
		{"standard error", "report/a.go", "import \"os\"\nvar w = os.Stderr\n", "os.Stderr"},
		{"environment", "audit/graph/a.go", "import \"os\"\nvar e = os.Getenv(\"A\")\n", "os.Getenv"},
		{"goroutine", "audit/graph/a.go", "func f() { go f() }\n", "goroutine"},
		{"goroutine in collect", "audit/collect/a.go", "func f() { go f() }\n", ""},
		{"skipped test", "audit/a_test.go", "import \"testing\"\nfunc TestA(t *testing.T) { t.Skip() }\n", "skipped test"},
		{"long function", "audit/a.go", long, "f has 82 lines"},
		{"long function with a reason", "audit/a.go", "// f is long because it is a table.\n" + long, ""},
		{"long function in a test", "audit/a_test.go", long, ""},
		{"long file", "audit/a.go", strings.Repeat("\n", maxFileLines), "501 lines"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := parseFile(tt.file, []byte("package p\n"+tt.source))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(checkFile(f), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPackageCommentsCatch(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"good", "Package p is a thing. It must not know HTTP.", ""},
		{"one sentence and a heading", "Package p is a thing.\n\nIt must not", "fewer than two sentences"},
		{"good over lines", "Package p is a thing. It knows\nno HTTP.", ""},
		{"none", "", "no package comment"},
		{"one sentence", "Package p must not know HTTP", "fewer than two sentences"},
		{"no limits", "Package p is a thing. It is good.", "does not say what it must not know"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := checkPackageComment("p", tt.text)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
