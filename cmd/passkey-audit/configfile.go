package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A setting is what one place says of a flag.
type setting struct {
	values []string
	where  string // such as "the environment variable X" or "audit.yaml:3:1"
}

// A configFile is a file of --config that has been checked: every key in it is
// a flag that there is, with a value that the flag takes.
type configFile struct {
	common   map[string]setting
	sections map[string]map[string]setting // by command
}

// A yamlFile gives positions in a file for messages.
type yamlFile string

func (f yamlFile) at(t *token.Token) string {
	if t == nil || t.Position == nil {
		return string(f)
	}
	return fmt.Sprintf("%s:%d:%d", string(f), t.Position.Line, t.Position.Column)
}

func (f yamlFile) refuse(t *token.Token, format string, args ...any) error {
	return usagef("%s: %s", f.at(t), fmt.Sprintf(format, args...))
}

// readYAML reads the one document of a file; nil if it is empty.
func readYAML(flag, path string) (yamlFile, ast.Node, error) {
	text, err := readSmall(path)
	if err != nil {
		return "", nil, usagef("--%s: %v", flag, err)
	}
	f := yamlFile(path)
	body, err := f.parse(text)
	return f, body, err
}

func (f yamlFile) parse(text []byte) (ast.Node, error) {
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		var known yaml.Error
		if errors.As(err, &known) {
			return nil, f.refuse(known.GetToken(), "%s", known.GetMessage())
		}
		return nil, usagef("%s: no YAML: %s", f, oneLine(err))
	}
	var body ast.Node
	for _, d := range parsed.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			return nil, f.refuse(d.Body.GetToken(), "a second document; the file takes one")
		}
		body = d.Body
	}
	return body, nil
}

// pairs gives the keys and values of a mapping.
func (f yamlFile) pairs(n ast.Node) ([]*ast.MappingValueNode, error) {
	switch n := n.(type) {
	case nil:
		return nil, nil
	case *ast.MappingNode:
		return n.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, nil
	}
	return nil, f.refuse(n.GetToken(), "give keys with values, such as tenant: contoso.com")
}

// key gives a key's text.
func (f yamlFile) key(v *ast.MappingValueNode) (string, error) {
	if s, ok := v.Key.(*ast.StringNode); ok && s.Value != "" {
		return s.Value, nil
	}
	return "", f.refuse(v.Key.GetToken(), "a key is the name of a flag, without the dashes")
}

// setting reads the value of a flag.
func (f yamlFile) setting(key string, n ast.Node, at *token.Token, flag *pflag.Flag) (setting, error) {
	s := setting{where: f.at(at)}
	if list, ok := n.(*ast.SequenceNode); ok {
		if _, takes := flag.Value.(pflag.SliceValue); !takes {
			return s, f.refuse(n.GetToken(), "%s takes one value, no list", key)
		}
		for _, item := range list.Values {
			v, err := f.scalar(key, item, flag)
			if err != nil {
				return s, err
			}
			s.values = append(s.values, v)
		}
		return s, nil
	}
	v, err := f.scalar(key, n, flag)
	s.values = []string{v}
	return s, err
}

// scalar reads one value, which has to be written as the flag's type is.
func (f yamlFile) scalar(key string, n ast.Node, flag *pflag.Flag) (string, error) {
	got := ""
	switch n := n.(type) {
	case *ast.StringNode:
		got = n.Value
	case *ast.LiteralNode:
		got = n.Value.Value
	}
	ok, want := false, ""
	switch flag.Value.Type() {
	case "bool":
		_, ok = n.(*ast.BoolNode)
		want = "true or false"
	case "int", "uint64":
		_, ok = n.(*ast.IntegerNode)
		want = "a whole number"
	case "float64":
		_, whole := n.(*ast.IntegerNode)
		_, broken := n.(*ast.FloatNode)
		ok, want = whole || broken, "a number"
	case "duration":
		_, ok = n.(*ast.StringNode)
		want = "a time such as 90s or 2h"
	default:
		switch n.(type) {
		case *ast.StringNode, *ast.LiteralNode:
			ok = true
		}
		want = `a text; put what YAML takes for something else between quotes, "such as this"`
	}
	if !ok {
		return "", f.refuse(n.GetToken(), "%s takes %s", key, want)
	}
	if got == "" && n.GetToken() != nil {
		switch n.(type) {
		case *ast.StringNode, *ast.LiteralNode:
		default:
			got = n.GetToken().Value
		}
	}
	return got, nil
}

// readConfig reads and checks a file of --config. Root is a tree of commands of
// its own: values are tried on its flags.
func readConfig(path string, root *cobra.Command) (*configFile, error) {
	f, body, err := readYAML(flagConfig, path)
	if err != nil {
		return nil, err
	}
	return f.config(body, root)
}

func (f yamlFile) config(body ast.Node, root *cobra.Command) (*configFile, error) {
	c := &configFile{common: map[string]setting{}, sections: map[string]map[string]setting{}}
	top, err := f.pairs(body)
	if err != nil {
		return nil, err
	}
	for _, v := range top {
		key, err := f.key(v)
		if err != nil {
			return nil, err
		}
		cmd := configurableCommand(root, key)
		if cmd != nil && isMapping(v.Value) {
			if c.sections[key], err = f.section(cmd, v.Value); err != nil {
				return nil, err
			}
			continue
		}
		var takers []*pflag.Flag
		for _, cmd := range configurableCommands(root) {
			if flag := configurableFlag(cmd, key); flag != nil && !ownMeaning(cmd.Name(), key) {
				takers = append(takers, flag)
			}
		}
		if len(takers) == 0 {
			if cmd != nil {
				return nil, f.refuse(v.Value.GetToken(), "%s is a command: below it stand its flags, indented", key)
			}
			return nil, f.unknown(v, key, "no command has such a flag")
		}
		for _, flag := range takers {
			if c.common[key], err = f.try(v, key, flag); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

func isMapping(n ast.Node) bool {
	t := n.Type()
	return t == ast.MappingType || t == ast.MappingValueType || t == ast.NullType
}

// section reads what stands below the name of a command.
func (f yamlFile) section(cmd *cobra.Command, n ast.Node) (map[string]setting, error) {
	out := map[string]setting{}
	if n.Type() == ast.NullType {
		return out, nil
	}
	pairs, err := f.pairs(n)
	if err != nil {
		return nil, err
	}
	for _, v := range pairs {
		key, err := f.key(v)
		if err != nil {
			return nil, err
		}
		flag := configurableFlag(cmd, key)
		if flag == nil {
			return nil, f.unknown(v, key, "the command "+cmd.Name()+" has no such flag")
		}
		if out[key], err = f.try(v, key, flag); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// try reads a value and lets a flag that serves for nothing else take it.
func (f yamlFile) try(v *ast.MappingValueNode, key string, flag *pflag.Flag) (setting, error) {
	s, err := f.setting(key, v.Value, v.Key.GetToken(), flag)
	if err != nil {
		return s, err
	}
	if err := s.apply(flag); err != nil {
		return s, f.refuse(v.Value.GetToken(), "%s: %v", key, err)
	}
	return s, nil
}

// unknown refuses a key that is none, and says what to do instead where it can.
func (f yamlFile) unknown(v *ast.MappingValueNode, key, why string) error {
	if home := secretHome(key); home != "" {
		return f.refuse(v.Key.GetToken(), "%s: secrets do not belong in this file, but in %s", quote(key), home)
	}
	if other := strings.ToLower(strings.ReplaceAll(key, "_", "-")); other != key {
		why += "; is it " + other + "?"
	}
	return f.refuse(v.Key.GetToken(), "unknown key %s: %s", quote(key), why)
}

// secretHome says where a secret belongs that somebody would write into a file;
// it is empty for a name that is no secret's.
func secretHome(key string) string {
	key = strings.ReplaceAll(strings.ToLower(key), "_", "-")
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(key, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("sas", "storage-key", "account-key"):
		return "the environment variable AZURE_STORAGE_SAS_TOKEN"
	case has("aws", "secret-access-key", "access-key"):
		return "the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	case has("password", "passphrase"):
		return "the environment variable AZURE_CLIENT_CERTIFICATE_PASSWORD"
	case has("token", "bearer"):
		return "the environment variable PASSKEY_AUDIT_ACCESS_TOKEN, or in a file that access-token-file names"
	case has("secret"):
		return "the environment variable AZURE_CLIENT_SECRET"
	}
	return ""
}
