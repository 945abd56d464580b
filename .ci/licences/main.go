// Licences writes the licences and notices of all modules that are built into
// the program to one file, which their terms ask a release to carry.
//
//	go run ./.ci/licences FILE
//
// It reads the modules' own files and fails where a module has none. The modules
// are those of all platforms that are released: some serve one of them alone.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const program = "./cmd/passkey-audit"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "licences takes one argument: the file to write")
		os.Exit(2)
	}
	count, err := write(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("licences of Go and of %d modules in %s\n", count, os.Args[1])
}

func write(file string) (int, error) {
	var modules []string
	for _, goos := range []string{"linux", "darwin", "windows"} {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", program)
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			return 0, fmt.Errorf("list modules: %w: %s", err, stderr.Bytes())
		}
		modules = append(modules, strings.Split(strings.TrimSpace(stdout.String()), "\n")...)
	}
	slices.Sort(modules)
	modules = slices.Compact(modules)

	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return 0, fmt.Errorf("find Go: %w", err)
	}
	var out bytes.Buffer
	out.WriteString("passkey-audit is built with the Go standard library and the modules below.\nTheir licences and notices follow.\n")
	for _, m := range append([]string{"Go " + runtime.Version() + "\t" + strings.TrimSpace(string(goroot))}, modules...) {
		name, dir, _ := strings.Cut(m, "\t")
		if err := add(&out, name, dir); err != nil {
			return 0, err
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return 0, fmt.Errorf("make folder: %w", err)
	}
	return len(modules), os.WriteFile(file, out.Bytes(), 0o644)
}

// add adds the licence and notice files at the top of a module.
func add(out *bytes.Buffer, name, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("licence of %s: %w", name, err)
	}
	licensed := false
	for _, e := range entries {
		upper := strings.ToUpper(e.Name())
		licence := strings.HasPrefix(upper, "LICENSE") || strings.HasPrefix(upper, "LICENCE") || strings.HasPrefix(upper, "COPYING")
		if e.IsDir() || filepath.Ext(upper) == ".GO" || !licence && !strings.HasPrefix(upper, "NOTICE") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("licence of %s: %w", name, err)
		}
		rule := strings.Repeat("=", 78)
		fmt.Fprintf(out, "\n%s\n%s: %s\n%s\n\n%s\n", rule, name, e.Name(), rule, bytes.TrimSpace(text))
		licensed = licensed || licence
	}
	if !licensed {
		return errors.New("licence of " + name + ": there is none")
	}
	return nil
}
