package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Values of flags that are not on the command line come from the environment
// and from a file. Here flags are looked up by name, which nothing else does:
// their values still go into the commands' own fields.

// flagConfig names the flag of the configuration file, which every command has
// that can be configured.
const flagConfig = "config"

// envPrefix begins the environment variables that stand for flags.
const envPrefix = "PASSKEY_AUDIT_"

// envName gives the environment variable of a flag.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// addConfig lets all commands of the tree take their flags from the environment
// and a file. It comes after the last command.
func addConfig(root *cobra.Command, w world) {
	root.AddCommand(newConfigCommand(w))
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "config", "docs", "version", "help", "completion":
			continue
		}
		cmd.Flags().String(flagConfig, "", "take flags that are not given from this YAML `FILE` (see passkey-audit config example)")
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		_, err := configure(cmd, w)
		return err
	}
}

// configurableCommands lists the commands that can be configured, by name.
func configurableCommands(root *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(root.Commands()), func(c *cobra.Command) bool { return c.Flags().Lookup(flagConfig) == nil })
}

func configurableCommand(root *cobra.Command, name string) *cobra.Command {
	for _, c := range configurableCommands(root) {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// configurableFlag gives a command's flag, unless it can stand on the command
// line alone.
func configurableFlag(cmd *cobra.Command, name string) *pflag.Flag {
	if name == flagConfig || name == "help" {
		return nil
	}
	f := cmd.Flags().Lookup(name)
	if f != nil && f.Value.Type() == "func" {
		return nil // a question, asked once
	}
	return f
}

func configurableFlags(cmd *cobra.Command) []*pflag.Flag {
	var out []*pflag.Flag
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if configurableFlag(cmd, f.Name) != nil {
			out = append(out, f)
		}
	})
	return out
}

// ownMeaning tells whether a flag of a command means another thing than the
// flag of that name does elsewhere, or does what a command must not do because
// of a setting made for another one. It then takes nothing from the environment
// and from common keys.
func ownMeaning(command, flag string) bool {
	switch command {
	case "suggest":
		return flag == "out" // a file, not a folder
	case "compare", "permissions":
		return flag == "format" // of other files, of one text
	case "demo":
		return flag == "upload" || flag == "keep" // a simulated tenant among the real ones
	}
	return false
}

// apply gives a flag its value. It does not make it a flag of the command line.
func (s setting) apply(f *pflag.Flag) error {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.Replace(s.values)
	}
	if err := f.Value.Set(s.values[0]); err != nil {
		return fmt.Errorf("%s is no %s", quote(s.values[0]), typeWords(f))
	}
	return nil
}

func typeWords(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "int", "uint64":
		return "whole number"
	case "duration":
		return "time such as 90s or 2h"
	case "float64":
		return "number"
	}
	return f.Value.Type()
}

// textSetting makes a setting of one text. Items of a list stand in lines of
// their own, or, where there is one line, between commas.
func textSetting(f *pflag.Flag, text, where string) setting {
	s := setting{values: []string{text}, where: where}
	if _, list := f.Value.(pflag.SliceValue); !list {
		return s
	}
	by := ","
	if strings.Contains(text, "\n") {
		by = "\n"
	}
	s.values = nil
	for _, v := range strings.Split(text, by) {
		if v = strings.TrimSpace(v); v != "" {
			s.values = append(s.values, v)
		}
	}
	return s
}

// A layer gives what one source says of a command's flag; false if it says
// nothing.
type layer func(f *pflag.Flag) (setting, bool)

// Origins say where the values of a command's flags come from. A flag that is
// not among them has its default.
type origins map[string]string

const fromFlag = "flag"

// configure gives the flags that are not on the command line the values that
// they have elsewhere: in the line of a list of tenants, in the environment, in
// the configuration file, whichever comes first.
func configure(cmd *cobra.Command, w world) (origins, error) {
	o := origins{}
	at := cmd.Flags().Lookup(flagConfig)
	if at == nil {
		return o, nil
	}
	layers := []layer{func(f *pflag.Flag) (setting, bool) {
		if ownMeaning(cmd.Name(), f.Name) {
			return setting{}, false
		}
		name := envName(f.Name)
		text := w.getenv(name)
		return textSetting(f, text, "environment variable "+name), text != ""
	}}
	if s, ok := layers[0](at); ok && !at.Changed {
		if err := s.apply(at); err != nil {
			return nil, err
		}
		o[flagConfig] = s.where
	} else if at.Changed {
		o[flagConfig] = fromFlag
	}
	if path := at.Value.String(); path != "" {
		// A fresh tree, for values are tried on its flags.
		c, err := readConfig(path, newRootCommand(world{}, &ui{}))
		if err != nil {
			return nil, err
		}
		layers = append(layers, c.layer(cmd.Name()))
	}
	if err := o.apply(cmd, layers, flagTenants, flagIndex); err != nil {
		return nil, err
	}
	entry, err := tenantLayer(cmd)
	if err != nil {
		return nil, err
	}
	if entry != nil {
		layers = slices.Insert(layers, 0, entry)
	}
	return o, o.apply(cmd, layers)
}

// layer gives what the file says for a command: its section, then common keys.
func (c *configFile) layer(command string) layer {
	return func(f *pflag.Flag) (setting, bool) {
		if s, ok := c.sections[command][f.Name]; ok {
			return s, true
		}
		s, ok := c.common[f.Name]
		return s, ok && !ownMeaning(command, f.Name)
	}
}

// apply gives flags what the first layer says of them; without names, all those
// that have no value yet.
func (o origins) apply(cmd *cobra.Command, layers []layer, only ...string) error {
	for _, f := range configurableFlags(cmd) {
		if len(only) > 0 && !slices.Contains(only, f.Name) || o[f.Name] != "" {
			continue
		}
		if f.Changed {
			o[f.Name] = fromFlag
			continue
		}
		if f.Name == "out" && cmd.Flags().Changed("resume") {
			continue // the folder is the one of the scan that goes on
		}
		for _, l := range layers {
			s, ok := l(f)
			if !ok {
				continue
			}
			if err := s.apply(f); err != nil {
				return usagef("%s: %s: %v", s.where, f.Name, err)
			}
			o[f.Name] = s.where
			break
		}
	}
	return nil
}
