package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Names of the flags that pick one tenant of a list.
const (
	flagTenants = "tenants"
	flagIndex   = "index"
)

// tenantsOptions pick the tenant of one run out of a list, so that a scheduler
// which numbers its jobs can scan them all. The values of the entry get into
// the other flags before the command runs: see configure.
type tenantsOptions struct {
	tenants string
	index   int
}

// AddFlags binds the flags.
func (o *tenantsOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.tenants, flagTenants, "", "scan one tenant of the list in this `FILE` (CSV, or YAML by its name): the one that --index names")
	f.IntVar(&o.index, flagIndex, -1, "with --tenants: scan entry `N`; the first is 0, comments and blank lines do not count")
}

// A tenantEntry is one tenant of a list with the flags that are its own.
type tenantEntry struct {
	where    string // file and line
	settings map[string]setting
}

func (e tenantEntry) tenant() string { return e.settings["tenant"].values[0] }

// tenantLayer gives what the entry says that a command's --tenants and --index
// name; nil if they name none.
func tenantLayer(cmd *cobra.Command) (layer, error) {
	list, index := cmd.Flags().Lookup(flagTenants), cmd.Flags().Lookup(flagIndex)
	if list == nil || index == nil {
		return nil, nil
	}
	path := list.Value.String()
	n, err := cmd.Flags().GetInt(flagIndex)
	switch {
	case err != nil:
		return nil, err
	case path == "" && n != -1:
		return nil, usagef("--%s goes with --%s FILE", flagIndex, flagTenants)
	case path == "":
		return nil, nil
	case cmd.Flags().Changed("tenant"):
		return nil, usagef("--tenant and --%s exclude each other: the list names the tenant", flagTenants)
	}
	entries, err := readTenants(path, cmd)
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= len(entries) {
		return nil, usagef("--%s %d: %s lists %d tenants: choose a number from 0 to %d", flagIndex, n, quote(path), len(entries), len(entries)-1)
	}
	e := entries[n]
	return func(f *pflag.Flag) (setting, bool) {
		s, ok := e.settings[f.Name]
		return s, ok
	}, nil
}

// readTenants reads and checks a list. An entry's keys are flags of cmd.
func readTenants(path string, cmd *cobra.Command) ([]tenantEntry, error) {
	var entries []tenantEntry
	var err error
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		entries, err = readTenantsYAML(path, cmd)
	default:
		entries, err = readTenantsCSV(path, cmd)
	}
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, usagef("--%s: %s lists no tenant", flagTenants, quote(path))
	}
	first := map[string]string{}
	for _, e := range entries {
		t := strings.ToLower(e.tenant())
		if at, twice := first[t]; twice {
			return nil, usagef("%s: tenant %s is there already: %s", e.where, quote(e.tenant()), at)
		}
		first[t] = e.where
	}
	return entries, nil
}

// tenantFlag gives the flag that a column or key of a list stands for.
func tenantFlag(cmd *cobra.Command, name string) *pflag.Flag {
	if name == flagTenants || name == flagIndex {
		return nil
	}
	return configurableFlag(cmd, name)
}

// refuseColumn says why a name is no column of a list.
func refuseColumn(where, name string) error {
	if home := secretHome(name); home != "" {
		return usagef("%s: %s: secrets do not belong in a list of tenants, but in %s", where, quote(name), home)
	}
	return usagef("%s: %s is no flag that an entry can have", where, quote(name))
}

func readTenantsCSV(path string, cmd *cobra.Command) ([]tenantEntry, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, usagef("--%s: %v", flagTenants, err)
	}
	return parseTenantsCSV(path, string(text), cmd)
}

func parseTenantsCSV(path, text string, cmd *cobra.Command) ([]tenantEntry, error) {
	body := strings.TrimPrefix(text, "\uFEFF")
	r := csv.NewReader(strings.NewReader(body))
	r.Comment, r.TrimLeadingSpace, r.FieldsPerRecord = '#', true, -1
	// Excel writes semicolons where commas stand in numbers.
	if !strings.Contains(body, ",") && strings.Contains(body, ";") {
		r.Comma = ';'
	}
	var columns []string
	var entries []tenantEntry
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return nil, usagef("%s:%d:%d: %v", path, bad.Line, bad.Column, bad.Err)
		}
		if err != nil {
			return nil, usagef("--%s: %v", flagTenants, err)
		}
		line, _ := r.FieldPos(0)
		where := fmt.Sprintf("%s:%d", path, line)
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		if strings.Join(row, "") == "" {
			continue // a row that a spreadsheet left empty
		}
		if columns == nil {
			found, header, err := tenantColumns(row, where, cmd)
			if err != nil {
				return nil, err
			}
			if columns = found; header {
				continue
			}
		}
		e, err := csvEntry(row, columns, where, cmd)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
}

// tenantColumns finds the columns in the first row. A list of tenants and
// nothing else needs no header; header tells whether the row is one.
func tenantColumns(row []string, where string, cmd *cobra.Command) (columns []string, header bool, err error) {
	found := false
	for _, c := range row {
		c = strings.ToLower(c)
		found = found || c == "tenant"
		columns = append(columns, c)
	}
	switch {
	case !found && len(row) == 1:
		return []string{"tenant"}, false, nil
	case !found:
		return nil, false, usagef("%s: the first line names the columns, and one of them is tenant", where)
	}
	for i, c := range columns {
		if tenantFlag(cmd, c) == nil {
			return nil, false, refuseColumn(where, row[i])
		}
		for _, other := range columns[:i] {
			if other == c {
				return nil, false, usagef("%s: two columns %s", where, quote(c))
			}
		}
	}
	return columns, true, nil
}

func csvEntry(row, columns []string, where string, cmd *cobra.Command) (tenantEntry, error) {
	e := tenantEntry{where: where, settings: map[string]setting{}}
	if len(row) != len(columns) {
		return e, usagef("%s: %d fields, and there are %d columns", where, len(row), len(columns))
	}
	for i, v := range row {
		if v != "" {
			e.settings[columns[i]] = textSetting(tenantFlag(cmd, columns[i]), v, where)
		}
	}
	return e, e.check()
}

func (e tenantEntry) check() error {
	if s, ok := e.settings["tenant"]; !ok || s.values[0] == "" {
		return usagef("%s: the tenant is missing", e.where)
	}
	return nil
}

func readTenantsYAML(path string, cmd *cobra.Command) ([]tenantEntry, error) {
	f, body, err := readYAML(flagTenants, path)
	if err != nil || body == nil {
		return nil, err
	}
	return f.tenants(body, cmd)
}

func (f yamlFile) tenants(body ast.Node, cmd *cobra.Command) ([]tenantEntry, error) {
	list, ok := body.(*ast.SequenceNode)
	if !ok {
		return nil, f.refuse(body.GetToken(), "give a list: lines such as - contoso.com, or - tenant: contoso.com")
	}
	var entries []tenantEntry
	for _, item := range list.Values {
		e := tenantEntry{where: f.at(item.GetToken()), settings: map[string]setting{}}
		if s, ok := item.(*ast.StringNode); ok {
			e.settings["tenant"] = setting{[]string{s.Value}, e.where}
		} else if err := f.tenant(&e, item, cmd); err != nil {
			return nil, err
		}
		if err := e.check(); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// tenant reads an entry with flags of its own.
func (f yamlFile) tenant(e *tenantEntry, item ast.Node, cmd *cobra.Command) error {
	pairs, err := f.pairs(item)
	if err != nil {
		return err
	}
	for _, v := range pairs {
		key, err := f.key(v)
		if err != nil {
			return err
		}
		flag := tenantFlag(cmd, key)
		if flag == nil {
			return refuseColumn(f.at(v.Key.GetToken()), key)
		}
		if e.settings[key], err = f.setting(key, v.Value, v.Key.GetToken(), flag); err != nil {
			return err
		}
	}
	if len(pairs) > 0 {
		e.where = f.at(pairs[0].Key.GetToken())
	}
	return nil
}

// newTenantsCommand makes the command that numbers the tenants of a list.
func newTenantsCommand(w world) *cobra.Command {
	return &cobra.Command{
		Use:   "tenants FILE",
		Short: "Check a list of tenants for scan --tenants, and number its entries",
		Long: `Checks a list of tenants, and prints the number of each entry, as scan --index
takes it, its line, and the tenant.`,
		Example: `  passkey-audit tenants customers.csv`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("%s takes one file, and %d were given", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			entries, err := readTenants(args[0], configurableCommand(cmd.Root(), "scan"))
			if err != nil {
				return err
			}
			for i, e := range entries {
				if _, err := fmt.Fprintf(w.stdout, "%d\t%s\t%s\n", i, harmless(e.where), harmless(e.tenant())); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
