// Platforms checks that all packages of the module, their tests included, are
// sound Go on every platform that is released, and free of what go vet finds.
//
//	go run -C .ci/platforms . "$PWD"
//
// It reads types from source and compiles nothing: to compile the Graph SDK
// takes minutes of two processors for each platform, to read it without the
// bodies of its functions takes seconds. What it cannot find is what a compiler
// finds after the types are right; the release builds for all platforms find
// that. Files for one platform alone, and calls that only one platform has, are
// what fails in practice, and those are seen here.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/analysis/passes/appends"
	"golang.org/x/tools/go/analysis/passes/asmdecl"
	"golang.org/x/tools/go/analysis/passes/assign"
	"golang.org/x/tools/go/analysis/passes/atomic"
	"golang.org/x/tools/go/analysis/passes/bools"
	"golang.org/x/tools/go/analysis/passes/buildtag"
	"golang.org/x/tools/go/analysis/passes/composite"
	"golang.org/x/tools/go/analysis/passes/copylock"
	"golang.org/x/tools/go/analysis/passes/defers"
	"golang.org/x/tools/go/analysis/passes/directive"
	"golang.org/x/tools/go/analysis/passes/errorsas"
	"golang.org/x/tools/go/analysis/passes/httpresponse"
	"golang.org/x/tools/go/analysis/passes/ifaceassert"
	"golang.org/x/tools/go/analysis/passes/loopclosure"
	"golang.org/x/tools/go/analysis/passes/lostcancel"
	"golang.org/x/tools/go/analysis/passes/nilfunc"
	"golang.org/x/tools/go/analysis/passes/printf"
	"golang.org/x/tools/go/analysis/passes/shift"
	"golang.org/x/tools/go/analysis/passes/sigchanyzer"
	"golang.org/x/tools/go/analysis/passes/stdmethods"
	"golang.org/x/tools/go/analysis/passes/stdversion"
	"golang.org/x/tools/go/analysis/passes/stringintconv"
	"golang.org/x/tools/go/analysis/passes/structtag"
	"golang.org/x/tools/go/analysis/passes/testinggoroutine"
	"golang.org/x/tools/go/analysis/passes/tests"
	"golang.org/x/tools/go/analysis/passes/timeformat"
	"golang.org/x/tools/go/analysis/passes/unmarshal"
	"golang.org/x/tools/go/analysis/passes/unreachable"
	"golang.org/x/tools/go/analysis/passes/unsafeptr"
	"golang.org/x/tools/go/analysis/passes/unusedresult"
	"golang.org/x/tools/go/packages"
)

// analyzers are those of go vet, less those for cgo and for the Go runtime.
func analyzers() []*analysis.Analyzer {
	return []*analysis.Analyzer{
		appends.Analyzer, asmdecl.Analyzer, assign.Analyzer, atomic.Analyzer, bools.Analyzer, buildtag.Analyzer,
		composite.Analyzer, copylock.Analyzer, defers.Analyzer, directive.Analyzer, errorsas.Analyzer,
		httpresponse.Analyzer, ifaceassert.Analyzer, loopclosure.Analyzer, lostcancel.Analyzer, nilfunc.Analyzer,
		printf.Analyzer, shift.Analyzer, sigchanyzer.Analyzer, stdmethods.Analyzer, stdversion.Analyzer,
		stringintconv.Analyzer, structtag.Analyzer, testinggoroutine.Analyzer, tests.Analyzer, timeformat.Analyzer,
		unmarshal.Analyzer, unreachable.Analyzer, unsafeptr.Analyzer, unusedresult.Analyzer,
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "platforms takes one argument: the module's folder")
		os.Exit(2)
	}
	module := os.Args[1]
	problems := 0
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"} {
		begin := time.Now()
		count, found, err := check(module, platform)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", platform, err)
			os.Exit(1)
		}
		for _, f := range found {
			fmt.Fprintf(os.Stderr, "%s: %s\n", platform, f)
		}
		problems += len(found)
		fmt.Printf("%-14s %d packages of ours, %d problems, %.0f s\n", platform, count, len(found), time.Since(begin).Seconds())
	}
	if problems > 0 {
		os.Exit(1)
	}
}

// check loads all packages of the module for a platform and vets them. It gives
// how many there are and what is wrong with them.
func check(module, platform string) (int, []string, error) {
	goos, goarch, _ := strings.Cut(platform, "/")
	fset := token.NewFileSet()
	pkgs, err := packages.Load(&packages.Config{
		Mode: packages.LoadAllSyntax | packages.NeedModule, Dir: module, Fset: fset, Tests: true,
		Env: append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
		ParseFile: func(fset *token.FileSet, name string, source []byte) (*ast.File, error) {
			if strings.HasPrefix(name, module+string(filepath.Separator)) {
				return parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
			}
			f, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
			if f != nil {
				dropBodies(f)
			}
			return f, err
		},
	}, "./...")
	if err != nil {
		return 0, nil, fmt.Errorf("load packages: %w", err)
	}
	// The loader makes a main package for each package's tests. It is the go
	// command's own, and its file lies in the build cache.
	pkgs = slices.DeleteFunc(pkgs, func(p *packages.Package) bool { return strings.HasSuffix(p.ID, ".test") })
	var found []string
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		ours := p.Module != nil && p.Module.Main
		for _, e := range p.Errors {
			if ours || !ofDroppedBody(e) {
				found = append(found, e.Error())
			}
		}
		// Without bodies a package is not whole, yet its users can be vetted.
		p.IllTyped = false
	})
	if len(found) > 0 {
		return len(pkgs), found, nil
	}
	graph, err := checker.Analyze(analyzers(), pkgs, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("analyze packages: %w", err)
	}
	seen := map[string]bool{}
	for _, a := range graph.Roots {
		if a.Err != nil {
			return 0, nil, fmt.Errorf("analyze %s: %w", a.Package.PkgPath, a.Err)
		}
		for _, d := range a.Diagnostics {
			// A package and its variant for tests tell the same thing twice.
			text := fmt.Sprintf("%s: %s: %s", fset.Position(d.Pos), a.Analyzer.Name, d.Message)
			if !seen[text] {
				seen[text] = true
				found = append(found, text)
			}
		}
	}
	return len(pkgs), found, nil
}

// dropBodies leaves of a file what its users see.
func dropBodies(f *ast.File) {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			fn.Body = nil
		}
	}
}

// ofDroppedBody reports whether an error comes of a function without a body:
// imports that only bodies used, and bodies that the language asks for.
func ofDroppedBody(e packages.Error) bool {
	return e.Kind == packages.TypeError &&
		(strings.HasSuffix(e.Msg, "imported and not used") || strings.Contains(e.Msg, " imported as ") && strings.HasSuffix(e.Msg, "and not used") ||
			strings.HasSuffix(e.Msg, "must have a body") || strings.HasSuffix(e.Msg, "missing function body"))
}
