package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// allCommands gives every command of the program, those that cobra adds too.
func allCommands(t *testing.T) []*cobra.Command {
	t.Helper()
	root := newRootCommand(world{}, &ui{})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var all []*cobra.Command
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		all = append(all, c)
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(root)
	if len(all) < 15 {
		t.Fatalf("only %d commands were found", len(all))
	}
	return all
}

// TestHelpIsThere: every command and every flag tells what it does, in one
// voice: no full stop at the end, commands with a capital, flags without.
func TestHelpIsThere(t *testing.T) {
	for _, cmd := range allCommands(t) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || strings.ToUpper(cmd.Short[:1]) != cmd.Short[:1] {
			t.Errorf("%s: Short is %q", cmd.CommandPath(), cmd.Short)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || strings.HasSuffix(f.Usage, ".") {
				t.Errorf("%s --%s: usage is %q", cmd.CommandPath(), f.Name, f.Usage)
			}
		})
	}
}

// TestCompletion: the command shows in help, and each shell's script is
// written; the program itself answers what the scripts ask it.
func TestCompletion(t *testing.T) {
	if r := runProgram(t, nil, nil, "--help"); !strings.Contains(r.stdout, "\n  completion ") || strings.Contains(r.stdout, "\n  docs ") {
		t.Errorf("help should list completion, and not docs:\n%s", r.stdout)
	}
	for shell, holds := range map[string]string{
		"bash": "complete -o default", "zsh": "#compdef passkey-audit", "fish": "complete -c passkey-audit", "powershell": "Register-ArgumentCompleter",
	} {
		r := runProgram(t, nil, nil, "completion", shell)
		if r.status != exitDone || r.stderr != "" || !strings.Contains(r.stdout, holds) {
			t.Errorf("completion %s: exit %d, %d bytes without %q; stderr %q", shell, r.status, len(r.stdout), holds, r.stderr)
		}
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"sc"}, "scan\tRead a tenant"},
		{[]string{"scan", "--prop"}, "--proposed\t"},
		{[]string{"completion", ""}, "fish\t"},
	} {
		r := runProgram(t, nil, nil, append([]string{cobra.ShellCompRequestCmd}, tt.args...)...)
		if r.status != exitDone || !strings.HasPrefix(r.stdout, tt.want) && !strings.Contains(r.stdout, "\n"+tt.want) {
			t.Errorf("%q: exit %d, completes %q, want %q among it", tt.args, r.status, r.stdout, tt.want)
		}
	}
}

// TestDocs writes all that a release ships, twice: it is the same, and names
// every command and every flag that help shows.
func TestDocs(t *testing.T) {
	env := map[string]string{"SOURCE_DATE_EPOCH": "1793520000"}
	for _, tt := range []struct{ kind, extension string }{{"man", ".1"}, {"markdown", ".md"}} {
		first, second := filepath.Join(t.TempDir(), "new", tt.kind), t.TempDir()
		for _, dir := range []string{first, second} {
			if r := runProgram(t, env, nil, "docs", tt.kind, dir); r.status != exitDone || r.stdout+r.stderr != "" {
				t.Fatalf("docs %s: exit %d: %s%s", tt.kind, r.status, r.stdout, r.stderr)
			}
		}
		var want []string
		for _, cmd := range allCommands(t) {
			if cmd.Hidden || cmd.HasParent() && cmd.Parent().Hidden {
				continue
			}
			name := pageName(cmd) + tt.extension
			want = append(want, name)
			page := read(t, first, name)
			if page != read(t, second, name) {
				t.Errorf("%s is another one the second time", name)
			}
			cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
				flag := "--" + f.Name
				if tt.kind == "man" {
					flag = strings.ReplaceAll(flag, "-", `\-`)
				}
				if !f.Hidden && !strings.Contains(page, flag) {
					t.Errorf("%s does not name %s", name, flag)
				}
			})
			if tt.kind == "man" && (!strings.HasPrefix(page, ".TH ") || !strings.Contains(page, `"2026-11-01"`) || !strings.Contains(page, "\n.SH NAME\n")) {
				t.Errorf("%s: no title with the date that was given, or no name:\n%.200s", name, page)
			}
		}
		if d := cmp.Diff(slices.Sorted(slices.Values(want)), entries(t, first)); d != "" {
			t.Errorf("pages of docs %s (-want +got):\n%s", tt.kind, d)
		}
	}
	dir := t.TempDir()
	if r := runProgram(t, nil, nil, "docs", "completions", dir); r.status != exitDone {
		t.Fatalf("docs completions: exit %d: %s", r.status, r.stderr)
	}
	if d := cmp.Diff([]string{"_passkey-audit", "passkey-audit.bash", "passkey-audit.fish", "passkey-audit.ps1"}, entries(t, dir)); d != "" {
		t.Errorf("completions (-want +got):\n%s", d)
	}
	for _, name := range entries(t, dir) {
		if len(read(t, dir, name)) < 1000 {
			t.Errorf("%s is too short to be one", name)
		}
	}
}

// TestDocsRefuses: a date that is none and a missing folder are told in a line.
func TestDocsRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		env    map[string]string
		args   []string
		status int
		says   string
	}{
		{"no folder", nil, []string{"docs", "man"}, exitUsage, "one folder"},
		{"two folders", nil, []string{"docs", "markdown", dir, dir}, exitUsage, "one folder"},
		{"date", map[string]string{"SOURCE_DATE_EPOCH": "yesterday"}, []string{"docs", "man", dir}, exitUsage, "SOURCE_DATE_EPOCH"},
		{"a file in the way", nil, []string{"docs", "completions", file}, exitFailed, "make folder"},
		{"unknown kind", nil, []string{"docs", "pdf"}, exitUsage, "pdf"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := runProgram(t, tt.env, nil, tt.args...)
			if r.status != tt.status || r.stdout != "" || !strings.Contains(r.stderr, tt.says) {
				t.Errorf("exit %d, want %d; stdout %q, stderr %q, want %q", r.status, tt.status, r.stdout, r.stderr, tt.says)
			}
		})
	}
}

// TestManGuards: a page shows each text as it stands.
func TestManGuards(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a request at a line's start", ".so /etc/passwd\n'x", "\\&.so /etc/passwd\n\\(aqx"},
		{"an escape", `C:\n`, `C:\en`},
		{"what Markdown would take for HTML", "passkey-audit_<tenant>", `passkey\-audit_<tenant>`},
		{"a flag", "--out", `\-\-out`},
	} {
		if got := roff(tt.text); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	want := []block{{"Exit status:", false}, {"  0  done\n\n  1  failed", true}, {"Then\ntext.", false}}
	if d := cmp.Diff(want, blocks("Exit status:\n  0  done\n\n  1  failed\n\nThen\ntext.\n"), cmp.AllowUnexported(block{})); d != "" {
		t.Errorf("blocks (-want +got):\n%s", d)
	}
}
