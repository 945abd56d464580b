package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"passkey-audit/audit"
)

var update = flag.Bool("update", false, "renew the excerpt of the demo's summary in README.md, and the files in testdata")

// projectRoot is the project's folder as seen from this one.
const projectRoot = "../.."

// demoFolder is the folder name that the excerpt shows.
const demoFolder = "passkey-audit_contoso.com_20261122T141138Z"

var demoFolderNow = regexp.MustCompile(`passkey-audit_contoso\.com_\d{8}T\d{6}Z`)

// TestReadmeExcerpt holds the README's excerpt to the demo's real summary.
func TestReadmeExcerpt(t *testing.T) {
	readme := read(t, projectRoot, "README.md")
	// The excerpt is that of the demo without flags; the folder is this test's.
	path, err := filepath.Abs(filepath.Join(projectRoot, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	r := runProgram(t, nil, nil, "demo")
	if r.status != exitDone {
		t.Fatalf("demo: exit %d: %s", r.status, r.stderr)
	}
	const from, to = "\nWhat the proposal changes\n", "\nFiles\n"
	begin, end := strings.Index(r.stdout, from), strings.Index(r.stdout, to)
	if begin < 0 || end < begin {
		t.Fatalf("the summary has no %q before %q:\n%s", from, to, r.stdout)
	}
	want := demoFolderNow.ReplaceAllString(r.stdout[:begin]+"\n[...]\n"+r.stdout[end:], demoFolder)
	got := blockAfter(t, readme, "<!-- excerpt -->")
	if *update && got != want {
		if err := os.WriteFile(path, []byte(strings.Replace(readme, "```text\n"+got+"```", "```text\n"+want+"```", 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the excerpt in README.md is not what demo prints; renew it with -update (-want +got):\n%s", d)
	}
}

// TestReadmeCommands parses every command line of the README with the
// program's own commands and flags.
func TestReadmeCommands(t *testing.T) {
	found := map[string]int{}
	for _, line := range commandLines(read(t, projectRoot, "README.md")) {
		args, ok, err := programArguments(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if !ok {
			continue
		}
		cmd, err := parseCommand(args)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		found[cmd.Name()]++
	}
	// Were the blocks not found, nothing would have been checked.
	for _, name := range []string{"demo", "scan", "evaluate", "aaguids"} {
		if found[name] == 0 {
			t.Errorf("README.md shows no use of the command %s", name)
		}
	}
}

// TestReadmeFlags looks up the flags that the README's text and tables name.
func TestReadmeFlags(t *testing.T) {
	root := newRootCommand(world{}, &ui{})
	known := func(name string) bool {
		return slices.ContainsFunc(root.Commands(), func(cmd *cobra.Command) bool { return cmd.Flags().Lookup(name) != nil })
	}
	spans := regexp.MustCompile("`(--[^`]*)`").FindAllStringSubmatch(read(t, projectRoot, "README.md"), -1)
	if len(spans) == 0 {
		t.Fatal("README.md names no flag")
	}
	for _, s := range spans {
		for _, w := range strings.Fields(s[1]) {
			if name, ok := strings.CutPrefix(w, "--"); ok && !known(name) {
				t.Errorf("README.md names --%s, which no command has", name)
			}
		}
	}
}

// TestReadmeExitStatus holds the table of exit statuses to exit.go.
func TestReadmeExitStatus(t *testing.T) {
	want := [][2]string{}
	for _, l := range strings.Split(exitHelp, "\n")[1:] {
		status, means, _ := strings.Cut(strings.TrimSpace(l), " ")
		want = append(want, [2]string{status, strings.TrimSpace(means)})
	}
	var got [][2]string
	for _, row := range tableAfter(t, read(t, projectRoot, "README.md"), "## Exit status") {
		got = append(got, [2]string{row[0], row[1]})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("exit statuses in README.md, against those of --help (-want +got):\n%s", d)
	}
	var numbers []string
	for _, row := range got {
		numbers = append(numbers, row[0])
	}
	var constants []string
	for _, c := range []int{exitDone, exitFailed, exitUsage, exitFinding, exitPartial, exitRefused, exitInterrupted} {
		constants = append(constants, fmt.Sprint(c))
	}
	if d := cmp.Diff(constants, numbers); d != "" {
		t.Errorf("exit statuses in README.md, against the constants (-want +got):\n%s", d)
	}
}

// TestReadmeOutputs holds the table of files to the files that are written.
func TestReadmeOutputs(t *testing.T) {
	var got []string
	for _, row := range tableAfter(t, read(t, projectRoot, "README.md"), "## Outputs") {
		got = append(got, strings.Trim(row[0], "`"))
	}
	want := append(anyFiles(), fileSnapshot)
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("files in README.md (-want +got):\n%s", d)
	}
}

// TestReadmeVerdicts holds the tables of impacts and risks to the values that
// there are.
func TestReadmeVerdicts(t *testing.T) {
	readme := read(t, projectRoot, "README.md")
	for column, want := range map[string][]string{
		"impact": {
			string(audit.ImpactBreaks), string(audit.ImpactUndecided), string(audit.ImpactAlreadyBlocked),
			string(audit.ImpactRestored), string(audit.ImpactUnaffected),
		},
		"risk": {
			string(audit.RiskUnread), string(audit.RiskLosesLastPasskey), string(audit.RiskLosesSome),
			string(audit.RiskUndecided), string(audit.RiskBlockedAlready), string(audit.RiskUnaffected),
		},
	} {
		var got []string
		for _, row := range tableAfter(t, readme, "| `"+column+"` of ") {
			got = append(got, strings.Trim(row[0], "`"))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("values of %s in README.md (-want +got):\n%s", column, d)
		}
	}
}

// TestReadmeProposal judges the demo by the README's example of a proposal.
func TestReadmeProposal(t *testing.T) {
	body := blockAfter(t, read(t, projectRoot, "README.md"), "<!-- proposal.json -->")
	dir := t.TempDir()
	file := filepath.Join(dir, "proposal.json")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	r := runProgram(t, nil, nil, "demo", "--out", filepath.Join(dir, "out"), "--proposed", file, "--format", "json")
	if r.status != exitDone || !strings.Contains(r.stdout, `profile "Default passkey profile"`) {
		t.Errorf("exit %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}

// TestReadmePaths looks for the files and folders that the README sends to.
func TestReadmePaths(t *testing.T) {
	readme := read(t, projectRoot, "README.md")
	paths := regexp.MustCompile("`((?:audit|report|cmd)/[^` ]*)`").FindAllStringSubmatch(readme, -1)
	links := regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(readme, -1)
	if len(paths) == 0 || len(links) == 0 {
		t.Fatalf("README.md names %d paths and %d links", len(paths), len(links))
	}
	for _, p := range append(paths, links...) {
		if _, err := os.Stat(filepath.Join(projectRoot, p[1])); err != nil {
			t.Errorf("README.md: %v", err)
		}
	}
}

// blockAfter gives the text of the code block that follows a marker.
func blockAfter(t *testing.T, readme, marker string) string {
	t.Helper()
	_, rest, ok := strings.Cut(readme, "\n"+marker+"\n```")
	_, rest, ok2 := strings.Cut(rest, "\n")
	text, _, ok3 := strings.Cut("\n"+rest, "\n```")
	if !ok || !ok2 || !ok3 {
		t.Fatalf("README.md has no code block after %s", marker)
	}
	return strings.TrimPrefix(text+"\n", "\n")
}

// tableAfter gives the rows of the first table after a marker, or of the table
// whose first line the marker begins; without head and rule.
func tableAfter(t *testing.T, readme, marker string) [][]string {
	t.Helper()
	_, rest, ok := strings.Cut(readme, "\n"+marker)
	if !ok {
		t.Fatalf("README.md has no %q", marker)
	}
	_, rest, ok = strings.Cut(rest, "\n|---")
	if !ok {
		t.Fatalf("README.md has no table after %q", marker)
	}
	var rows [][]string
	for _, l := range strings.Split(rest, "\n")[1:] {
		if !strings.HasPrefix(l, "|") {
			break
		}
		var row []string
		for _, c := range strings.Split(strings.Trim(l, "|"), "|") {
			row = append(row, strings.TrimSpace(c))
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("README.md has an empty table after %q", marker)
	}
	return rows
}

// commandLines gives the lines of the README's sh blocks, those that end in \
// joined with the next.
func commandLines(readme string) []string {
	var out []string
	for _, block := range strings.Split(readme, "\n```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "\n```")
		for _, l := range strings.Split(strings.ReplaceAll(block, "\\\n", " "), "\n") {
			if l = strings.TrimSpace(l); l != "" {
				out = append(out, l)
			}
		}
	}
	return out
}

// programArguments finds the program's arguments in a command line; false
// means that the line runs another program, one of those listed here.
func programArguments(line string) ([]string, bool, error) {
	words, err := shellWords(line)
	if err != nil {
		return nil, false, err
	}
	begins := func(with ...string) bool { return len(words) >= len(with) && slices.Equal(words[:len(with)], with) }
	switch {
	case begins("passkey-audit"):
		return words[1:], true, nil
	case begins("go", "run", "./cmd/passkey-audit"):
		return words[3:], true, nil
	case begins("docker", "run"):
		// The image has the program's name.
		i := slices.Index(words, "passkey-audit")
		if i < 0 {
			return nil, false, fmt.Errorf("no image passkey-audit")
		}
		return words[i+1:], true, nil
	case begins("go", "test"), begins("go", "build"), begins("docker", "build"), begins("export"), begins("mkdir"):
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("the test does not know the program %s", words[0])
}

// shellWords splits a line at spaces outside double quotes, which it drops.
func shellWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quoted, begun := false, false
	for _, r := range line {
		switch {
		case r == '"':
			quoted, begun = !quoted, true
		case r == ' ' && !quoted:
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		case strings.ContainsRune(`'|;<>&#\`, r) && !quoted:
			return nil, fmt.Errorf("the test does not understand %q in a command line", r)
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// parseCommand parses arguments as the program would, up to running it.
func parseCommand(args []string) (*cobra.Command, error) {
	cmd, rest, err := newRootCommand(world{}, &ui{}).Find(args)
	if err != nil {
		return nil, err
	}
	if !cmd.HasParent() {
		return nil, fmt.Errorf("no command in %q", args)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return nil, err
	}
	return cmd, cmd.ValidateArgs(cmd.Flags().Args())
}
