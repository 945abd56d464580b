package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newConfigCommand makes the command that shows what a run would go by. It is
// configured by the flags of the command that it shows, and has none.
func newConfigCommand(w world) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration with the origin of each value, or an example file",
		Long: `Every flag can also be given in the environment, as PASSKEY_AUDIT_ and the
flag's name in capitals with _ for - (PASSKEY_AUDIT_MAX_RPS), and in a YAML file
that --config or PASSKEY_AUDIT_CONFIG names. A flag wins over the environment,
and that over the file. In the environment, the items of a list stand between
commas, or each in a line of its own.

A key in the file is the name of a flag, for all commands that have it; below
the name of a command stand keys for that command alone, which win. Secrets are
refused in the file: they come from the environment.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "show [COMMAND] [flags of COMMAND]",
			Short: "Print each value with its origin, as COMMAND (scan if none is named) would take it",
			Example: `  passkey-audit config show
  passkey-audit config show evaluate --config audit.yaml
  passkey-audit config show scan --tenants customers.csv --index 3`,
			DisableFlagParsing: true, // they are those of another command
			RunE: func(cmd *cobra.Command, args []string) error {
				for _, a := range args {
					if a == "-h" || a == "--help" {
						return cmd.Help()
					}
				}
				return runConfigShow(w, args)
			},
		},
		&cobra.Command{
			Use:     "example",
			Short:   "Print an example file with every key, its meaning and its default",
			Example: `  passkey-audit config example`,
			Args:    noArguments,
			RunE:    func(*cobra.Command, []string) error { return writeConfigExample(w.stdout) },
		},
	)
	return cmd
}

// secretVariables hold secrets, wherever the program or its libraries look.
func secretVariables() []string {
	return []string{
		"PASSKEY_AUDIT_ACCESS_TOKEN", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD",
		"AZURE_STORAGE_SAS_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	}
}

// usualVariable names the variable of Azure's own tools that serves where a
// flag has no value.
func usualVariable(flag string) string {
	switch flag {
	case "tenant":
		return "AZURE_TENANT_ID"
	case "client-id":
		return "AZURE_CLIENT_ID"
	case "certificate":
		return "AZURE_CLIENT_CERTIFICATE_PATH"
	}
	return ""
}

func runConfigShow(w world, args []string) error {
	name := "scan"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	cmd := configurableCommand(newRootCommand(w, &ui{}), name)
	if cmd == nil {
		return usagef("config show: there is no command %s that can be configured", quote(name))
	}
	if err := cmd.ParseFlags(args); err != nil {
		return usagef("%v: see passkey-audit %s --help", err, name)
	}
	from, err := configure(cmd, w)
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	line := func(name, value, origin string) {
		fmt.Fprintf(out, "%s\t%s\t%s\n", name, harmless(value), harmless(origin))
	}
	show := func(f *pflag.Flag) {
		value, origin := valueWords(f), from[f.Name]
		if origin == "" {
			origin = "default"
			if v := usualVariable(f.Name); v != "" && f.Value.String() == "" && w.getenv(v) != "" {
				value, origin = w.getenv(v), "environment variable "+v
			}
		}
		line(f.Name, value, origin)
	}
	show(cmd.Flags().Lookup(flagConfig))
	for _, f := range configurableFlags(cmd) {
		show(f)
	}
	for _, v := range secretVariables() {
		if w.getenv(v) != "" {
			line(v, "(set, not shown)", "environment")
		}
	}
	return out.Flush()
}

// valueWords gives a value for people. One that holds credentials against all
// rules is not shown either.
func valueWords(f *pflag.Flag) string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return strings.Join(list.GetSlice(), ", ")
	}
	v := f.Value.String()
	if strings.Contains(v, "sig=") || strings.Contains(v, "://") && strings.Contains(v, "@") {
		return "(hidden: it holds credentials)"
	}
	return v
}

// exampleHead begins the example file.
const exampleHead = `# Configuration of passkey-audit: passkey-audit scan --config FILE
#
# Every key is the name of a flag, and every line below shows a key with its
# default. Take the # away from what you change. A flag on the command line wins
# over the environment (PASSKEY_AUDIT_TENANT, and so on), and that over this file.
# passkey-audit config show tells where each value comes from.
#
# Secrets are refused here. They come from the environment: AZURE_CLIENT_SECRET,
# AZURE_CLIENT_CERTIFICATE_PASSWORD, PASSKEY_AUDIT_ACCESS_TOKEN; for uploads
# AZURE_STORAGE_SAS_TOKEN, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

`

// writeConfigExample writes the example file, made of the flags themselves: the
// keys of scan, which other commands take too, then the keys that only others
// have, in sections.
func writeConfigExample(w io.Writer) error {
	var b strings.Builder
	b.WriteString(exampleHead)
	root := newRootCommand(world{}, &ui{})
	written := map[string]bool{}
	section := func(cmd *cobra.Command, indent string) {
		begun := indent == ""
		for _, f := range configurableFlags(cmd) {
			if written[f.Name] && !ownMeaning(cmd.Name(), f.Name) {
				continue
			}
			if !begun {
				fmt.Fprintf(&b, "# Flags of %s\n#%s:\n", cmd.Name(), cmd.Name())
				begun = true
			}
			written[f.Name] = written[f.Name] || indent == ""
			_, usage := pflag.UnquoteUsage(f)
			fmt.Fprintf(&b, "%s# %s\n#%s%s: %s\n\n", indent, usage, indent, f.Name, yamlDefault(f))
		}
	}
	section(configurableCommand(root, "scan"), "")
	for _, cmd := range configurableCommands(root) {
		if cmd.Name() != "scan" {
			section(cmd, "  ")
		}
	}
	_, err := io.WriteString(w, strings.TrimSuffix(b.String(), "\n"))
	return err
}

// yamlDefault writes a flag's default as YAML has it.
func yamlDefault(f *pflag.Flag) string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return "[" + strings.Join(list.GetSlice(), ", ") + "]"
	}
	switch f.Value.Type() {
	case "bool", "int", "uint64", "float64", "duration":
		return f.DefValue
	}
	return strconv.Quote(f.DefValue)
}
