package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newDocsCommand makes the hidden command that writes what a release ships
// beside the program. All of it comes from the commands themselves, so it
// cannot tell of a flag that is not there.
func newDocsCommand(w world) *cobra.Command {
	docs := &cobra.Command{
		Use:    "docs",
		Short:  "Write man pages, Markdown pages or shell completions into a folder",
		Hidden: true,
		Args:   noArguments,
		RunE:   func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	add := func(name, short string, write func(root *cobra.Command, dir string) error) {
		docs.AddCommand(&cobra.Command{
			Use:   name + " DIR",
			Short: short,
			Args: func(cmd *cobra.Command, args []string) error {
				if len(args) != 1 {
					return usagef("%s takes one folder to write into: see %s --help", cmd.CommandPath(), cmd.CommandPath())
				}
				return nil
			},
			RunE: func(cmd *cobra.Command, args []string) error {
				if err := os.MkdirAll(args[0], 0o755); err != nil {
					return fmt.Errorf("make folder: %w", err)
				}
				return write(cmd.Root(), args[0])
			},
		})
	}
	add("man", "Write a man page for each command", func(root *cobra.Command, dir string) error {
		date, err := docsDate(w)
		if err != nil {
			return err
		}
		return writePages(root, dir, ".1", func(out io.Writer, cmd *cobra.Command) { manPage(out, cmd, date) })
	})
	add("markdown", "Write a Markdown page for each command", func(root *cobra.Command, dir string) error {
		return writePages(root, dir, ".md", markdownPage)
	})
	add("completions", "Write the completions of each shell", writeCompletions)
	return docs
}

// docsDate gives the day that man pages show, so that the same source always
// makes the same pages: SOURCE_DATE_EPOCH, else the commit's; zero where
// neither is known.
func docsDate(w world) (time.Time, error) {
	const name = "SOURCE_DATE_EPOCH"
	if s := w.getenv(name); s != "" {
		seconds, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return time.Time{}, usagef("%s=%s: give seconds since 1970", name, quote(s))
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	_, at := toolCommit()
	if at == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the commit's time: %w", err)
	}
	return t.UTC(), nil
}

// documented lists a command and all below it that help would show, topics
// included.
func documented(cmd *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		if !c.Hidden && c.Deprecated == "" {
			out = append(out, documented(c)...)
		}
	}
	return out
}

// pageName gives the name of a command's page: passkey-audit-scan.
func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// writePages writes one page for each command. The pages are public: their
// mode is that of a manual, not that of a report.
func writePages(root *cobra.Command, dir, extension string, page func(io.Writer, *cobra.Command)) error {
	for _, cmd := range documented(root) {
		cmd.InitDefaultHelpFlag()
		var b bytes.Buffer
		page(&b, cmd)
		if err := os.WriteFile(filepath.Join(dir, pageName(cmd)+extension), b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write page: %w", err)
		}
	}
	return nil
}

// writeCompletions writes the completions under the names by which each shell
// looks for them.
func writeCompletions(root *cobra.Command, dir string) error {
	for name, generate := range map[string]func(io.Writer) error{
		"passkey-audit.bash": func(out io.Writer) error { return root.GenBashCompletionV2(out, true) },
		"_passkey-audit":     root.GenZshCompletion,
		"passkey-audit.fish": func(out io.Writer) error { return root.GenFishCompletion(out, true) },
		"passkey-audit.ps1":  root.GenPowerShellCompletionWithDesc,
	} {
		var b bytes.Buffer
		err := generate(&b)
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644)); err != nil {
			return fmt.Errorf("write completions: %w", err)
		}
	}
	return nil
}

// aboutText gives a command's description.
func aboutText(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

// subcommands lists the commands below one that have pages.
func subcommands(cmd *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, c := range documented(cmd)[1:] {
		if c.Parent() == cmd {
			out = append(out, c)
		}
	}
	return out
}

// eachFlag calls f for each flag that help shows, in help's order.
func eachFlag(cmd *cobra.Command, f func(head, usage string)) {
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden || flag.Deprecated != "" {
			return
		}
		value, usage := pflag.UnquoteUsage(flag)
		head := "--" + flag.Name
		if flag.Shorthand != "" {
			head = "-" + flag.Shorthand + ", " + head
		}
		if value != "" {
			head += " " + value
		}
		switch flag.DefValue {
		case "", "0", "0s", "false", "[]":
		default:
			usage += " (default " + flag.DefValue + ")"
		}
		f(head, usage)
	})
}

// A block is a part of a text: a paragraph to fill, or lines to keep as they
// are.
type block struct {
	text string
	keep bool
}

// blocks divides a help text: indented lines are kept, all others are filled.
func blocks(text string) []block {
	var out []block
	end := true
	for _, l := range strings.Split(strings.Trim(text, "\n"), "\n") {
		if strings.TrimSpace(l) == "" {
			end = true
			continue
		}
		keep := strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t")
		last := len(out) - 1
		switch {
		case end && keep && last >= 0 && out[last].keep:
			out[last].text += "\n\n" + l
		case end || out[last].keep != keep:
			out = append(out, block{l, keep})
		default:
			out[last].text += "\n" + l
		}
		end = false
	}
	return out
}

// manPage writes a command's page in the language of man(7). It is made here,
// and not by way of Markdown as cobra's own generator does it, which takes
// <tenant> for HTML and drops it, and runs the table of exit statuses together.
func manPage(out io.Writer, cmd *cobra.Command, date time.Time) {
	day := ""
	if !date.IsZero() {
		day = date.Format(time.DateOnly)
	}
	p := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	p(`.TH "%s" "1" "%s" "passkey\-audit %s" "passkey\-audit manual"`, roff(strings.ToUpper(pageName(cmd))), day, roff(toolVersion()))
	p(".nh\n.ad l")
	p(".SH NAME\n%s \\- %s", roff(pageName(cmd)), roff(cmd.Short))
	if cmd.Runnable() {
		p(".SH SYNOPSIS\n.B %s", roff(cmd.UseLine()))
	}
	p(".SH DESCRIPTION")
	manBlocks(p, aboutText(cmd))
	if children := subcommands(cmd); len(children) > 0 {
		p(".SH COMMANDS")
		for _, c := range children {
			p(".TP\n.BR %s (1)\n%s", roff(pageName(c)), roff(c.Short))
		}
	}
	if cmd.LocalFlags().HasAvailableFlags() {
		p(".SH OPTIONS")
		eachFlag(cmd, func(head, usage string) { p(".TP\n.B %s\n%s", roff(head), roff(usage)) })
	}
	if cmd.Example != "" {
		p(".SH EXAMPLES")
		manBlocks(p, cmd.Example)
	}
	if cmd.HasParent() {
		p(".SH SEE ALSO\n.BR %s (1)", roff(pageName(cmd.Parent())))
	}
}

func manBlocks(p func(format string, args ...any), text string) {
	for i, b := range blocks(text) {
		if i > 0 {
			p(".PP")
		}
		if b.keep {
			p(".nf\n%s\n.fi", roff(b.text))
		} else {
			p("%s", roff(b.text))
		}
	}
}

// roff guards a text: nothing in it is a request or an escape, and a hyphen is
// one that can be copied to a command line. Tabs would go to tab stops.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`, "\t", "        ").Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// markdownPage writes a command's page in Markdown.
func markdownPage(out io.Writer, cmd *cobra.Command) {
	p := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	p("# %s\n\n%s", cmd.CommandPath(), markdown(cmd.Short))
	if cmd.Runnable() {
		p("\n```text\n%s\n```", cmd.UseLine())
	}
	for _, b := range blocks(cmd.Long) {
		if b.keep {
			p("\n```text\n%s\n```", b.text)
		} else {
			p("\n%s", markdown(b.text))
		}
	}
	if children := subcommands(cmd); len(children) > 0 {
		p("\n## Commands\n\n| command | does |\n|---|---|")
		for _, c := range children {
			p("| [%s](%s.md) | %s |", c.CommandPath(), pageName(c), markdown(c.Short))
		}
	}
	if cmd.LocalFlags().HasAvailableFlags() {
		p("\n## Flags\n\n| flag | means |\n|---|---|")
		eachFlag(cmd, func(head, usage string) { p("| `%s` | %s |", strings.ReplaceAll(head, "|", `\|`), markdown(usage)) })
	}
	if cmd.Example != "" {
		p("\n## Examples\n\n```sh\n%s\n```", strings.TrimRight(cmd.Example, "\n"))
	}
	if cmd.HasParent() {
		p("\nSee also [%s](%s.md).", cmd.Parent().CommandPath(), pageName(cmd.Parent()))
	}
}

// markdown guards a text: nothing in it is markup.
func markdown(text string) string {
	return strings.NewReplacer(`\`, `\\`, "<", `\<`, ">", `\>`, "*", `\*`, "_", `\_`, "|", `\|`, "`", "\\`", "[", `\[`, "]", `\]`, "#", `\#`).Replace(text)
}
