package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// fileWith writes a file for a test and gives its path.
func fileWith(t *testing.T, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// shown runs config show and gives value and origin of each flag.
func shown(t *testing.T, env map[string]string, args ...string) map[string][2]string {
	t.Helper()
	r := runProgram(t, env, nil, append([]string{"config", "show"}, args...)...)
	if r.status != exitDone || r.stderr != "" {
		t.Fatalf("config show %v: exit %d: %s", args, r.status, r.stderr)
	}
	out := map[string][2]string{}
	columns := regexp.MustCompile(` {2,}`)
	for _, l := range strings.Split(strings.TrimSpace(r.stdout), "\n") {
		c := columns.Split(l, 3)
		if len(c) == 2 {
			c = []string{c[0], "", c[1]}
		}
		out[c[0]] = [2]string{c[1], c[2]}
	}
	return out
}

// TestPrecedence: the command line, then the environment, then the file's
// section, then its common keys, then the default.
func TestPrecedence(t *testing.T) {
	file := fileWith(t, "audit.yaml", `# ours
tenant: contoso.com
max-rps: 3
concurrency: 2
users: registered
format: [csv, json]
last-used: true
scan:
  concurrency: 4
  timeout: 90s
  group:
    - 7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02
evaluate:
  out: what-if
`)
	env := map[string]string{
		"PASSKEY_AUDIT_CONFIG": file, "PASSKEY_AUDIT_MAX_RPS": "7.5", "PASSKEY_AUDIT_CONCURRENCY": "8",
		"PASSKEY_AUDIT_EXCLUDE_UPN": "svc-*, admin-*", "PASSKEY_AUDIT_ALLOW": "Keys, Inc\nYubico\n", "PASSKEY_AUDIT_FORCE": "true",
		"AZURE_CLIENT_ID": "11111111-2222-3333-4444-555555555555", "AZURE_CLIENT_SECRET": "SECRET", "PASSKEY_AUDIT_ACCESS_TOKEN": "SECRET",
	}
	got := shown(t, env, "scan", "--max-rps", "9")
	for name, want := range map[string][2]string{
		"config":                     {file, "environment variable PASSKEY_AUDIT_CONFIG"},
		"max-rps":                    {"9", "flag"},
		"concurrency":                {"8", "environment variable PASSKEY_AUDIT_CONCURRENCY"},
		"exclude-upn":                {"svc-*, admin-*", "environment variable PASSKEY_AUDIT_EXCLUDE_UPN"},
		"allow":                      {"Keys, Inc, Yubico", "environment variable PASSKEY_AUDIT_ALLOW"},
		"force":                      {"true", "environment variable PASSKEY_AUDIT_FORCE"},
		"tenant":                     {"contoso.com", file + ":2:1"},
		"users":                      {"registered", file + ":5:1"},
		"format":                     {"csv, json", file + ":6:1"},
		"last-used":                  {"true", file + ":7:1"},
		"timeout":                    {"1m30s", file + ":10:3"},
		"group":                      {"7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", file + ":11:3"},
		"client-id":                  {"11111111-2222-3333-4444-555555555555", "environment variable AZURE_CLIENT_ID"},
		"out":                        {"", "default"},
		"cloud":                      {"global", "default"},
		"AZURE_CLIENT_SECRET":        {"(set, not shown)", "environment"},
		"PASSKEY_AUDIT_ACCESS_TOKEN": {"(set, not shown)", "environment"},
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	delete(env, "PASSKEY_AUDIT_CONCURRENCY")
	if got := shown(t, env)["concurrency"]; got != [2]string{"4", file + ":9:3"} {
		t.Errorf("the section of scan does not win over the common key: %q", got)
	}
	if got := shown(t, env, "evaluate")["out"]; got != [2]string{"what-if", file + ":14:3"} {
		t.Errorf("evaluate: out is %q", got)
	}
	if got := shown(t, map[string]string{"PASSKEY_AUDIT_OUT": "/reports/x"}, "suggest")["out"]; got[1] != "default" {
		t.Errorf("suggest writes its file to the folder of scan: %q", got)
	}
	if got := shown(t, map[string]string{"PASSKEY_AUDIT_OUT": "/reports/x"}, "--resume", "x")["out"]; got[1] != "default" {
		t.Errorf("--resume goes to the folder of another scan: %q", got)
	}
}

// TestConfigRuns: a run takes the values, and not only config show.
func TestConfigRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	file := fileWith(t, "audit.yaml", "size: 30\nformat: csv\ndemo:\n  out: "+dir+"\n")
	r := runProgram(t, map[string]string{"PASSKEY_AUDIT_SEED": "4", "PASSKEY_AUDIT_FORMAT": "json,csv"}, nil, "demo", "--config", file, "--format", "json")
	if r.status != exitDone {
		t.Fatalf("exit %d: %s", r.status, r.stderr)
	}
	if d := cmp.Diff([]string{fileManifest, filePasskeys, fileSnapshot, fileSuggested, fileSummary}, entries(t, dir)); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
}

// TestConfigRefuses: one line with file, line and column, before anything else
// is done, and never the secret.
func TestConfigRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, says string }{
		{"unknown key", "tenant: contoso.com\nconcurency: 3\n", `audit.yaml:2:1: unknown key "concurency"`},
		{"underscore", "client_id: x\n", "is it client-id?"},
		{"unknown key of a section", "scan:\n  size: 3\n", `audit.yaml:2:3: unknown key "size": the command scan has no such flag`},
		{"flag of another command", "evaluate:\n  tenant: contoso.com\n", "audit.yaml:2:3"},
		{"section that is none", "scann:\n  users: all\n", `unknown key "scann"`},
		{"section without keys", "scan: all\n", "scan is a command"},
		{"number for a text", "tenant: 12\n", "audit.yaml:1:9: tenant takes a text"},
		{"text for a number", "concurrency: many\n", "audit.yaml:1:14: concurrency takes a whole number"},
		{"text of digits for a number", "concurrency: \"3\"\n", "a whole number"},
		{"fraction for a number", "concurrency: 1.5\n", "a whole number"},
		{"word for yes", "last-used: yes\n", "audit.yaml:1:12: last-used takes true or false"},
		{"number for a time", "timeout: 90\n", "timeout takes a time such as 90s"},
		{"time that is none", "timeout: soon\n", "audit.yaml:1:10: timeout: \"soon\" is no time"},
		{"wrong type in a section of another command", "demo:\n  size: big\n", "audit.yaml:2:9: size takes a whole number"},
		{"number too large", "concurrency: 99999999999999999999\n", "audit.yaml:1:14"},
		{"list for a text", "tenant: [a, b]\n", "tenant takes one value"},
		{"numbers in a list", "group: [1]\n", "audit.yaml:1:9: group takes a text"},
		{"mapping for a text", "tenant:\n  id: x\n", "tenant takes a text"},
		{"no value", "tenant:\n", "tenant takes a text"},
		{"twice", "tenant: a\nusers: all\ntenant: b\n", "audit.yaml:3:1"},
		{"no mapping", "- tenant\n", "audit.yaml:1:1"},
		{"no YAML", "tenant: [a\n", "audit.yaml:"},
		{"alias", "tenant: &a x\nclient-id: *a\n", "audit.yaml:1:"},
		{"two documents", "tenant: a\n---\ntenant: b\n", "a second document"},
		{"a file for the file", "config: other.yaml\n", "unknown key"},
		{"client secret", "client-secret: MINE\n", "AZURE_CLIENT_SECRET"},
		{"password", "scan:\n  certificate-password: MINE\n", "AZURE_CLIENT_CERTIFICATE_PASSWORD"},
		{"token", "access_token: MINE\n", "PASSKEY_AUDIT_ACCESS_TOKEN"},
		{"storage", "sas-token: MINE\n", "AZURE_STORAGE_SAS_TOKEN"},
		{"AWS", "AWS_SECRET_ACCESS_KEY: MINE\n", "AWS_ACCESS_KEY_ID"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(filepath.Dir(fileWith(t, "audit.yaml", tt.text)))
			r := runProgram(t, nil, nil, "demo", "--size", "5", "--config", "audit.yaml")
			if r.status != exitUsage || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, tt.says) || strings.Contains(r.stderr, "MINE") {
				t.Errorf("exit %d, stdout %q, stderr %q; want 2 and %q", r.status, r.stdout, r.stderr, tt.says)
			}
			if len(entries(t, ".")) != 1 {
				t.Errorf("left behind: %v", entries(t, "."))
			}
		})
	}
	for name, env := range map[string]map[string]string{
		"PASSKEY_AUDIT_SIZE: size":      {"PASSKEY_AUDIT_SIZE": "big"},
		"--config: open":                {"PASSKEY_AUDIT_CONFIG": filepath.Join(t.TempDir(), "none.yaml")},
		"PASSKEY_AUDIT_LAST_USED: last": {"PASSKEY_AUDIT_LAST_USED": "perhaps"},
	} {
		if r := runProgram(t, env, nil, "demo"); r.status != exitUsage || !strings.Contains(r.stderr, name) {
			t.Errorf("%v: exit %d, %q", env, r.status, r.stderr)
		}
	}
}

// TestConfigExample: the example names every flag that can be configured, and
// is, with the # of every key taken away, a file that changes nothing.
func TestConfigExample(t *testing.T) {
	r := runProgram(t, nil, nil, "config", "example")
	if r.status != exitDone {
		t.Fatalf("exit %d: %s", r.status, r.stderr)
	}
	text := regexp.MustCompile(`(?m)^#((?:  )?[a-z][a-z-]*:)`).ReplaceAllString(r.stdout, "$1")
	file := fileWith(t, "example.yaml", text)
	root := newRootCommand(world{}, &ui{})
	c, err := readConfig(file, root)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	for _, cmd := range configurableCommands(newRootCommand(world{}, &ui{})) {
		for _, f := range configurableFlags(cmd) {
			s, ok := c.layer(cmd.Name())(f)
			if !ok {
				t.Errorf("the example does not tell of --%s of %s", f.Name, cmd.Name())
				continue
			}
			before := f.Value.String()
			if err := s.apply(f); err != nil || f.Value.String() != before {
				t.Errorf("%s: --%s is %s by the example, and %s by default (%v)", cmd.Name(), f.Name, f.Value, before, err)
			}
		}
	}
	if commented := runProgram(t, nil, nil, "config", "show", "--config", fileWith(t, "as-is.yaml", r.stdout)); strings.Contains(commented.stdout, "as-is.yaml:") {
		t.Errorf("the example as it is changes something:\n%s", commented.stdout)
	}
}

// TestConfigHidesSecrets: no flag takes a secret, so nothing that is shown is one.
func TestConfigHidesSecrets(t *testing.T) {
	for _, cmd := range configurableCommands(newRootCommand(world{}, &ui{})) {
		for _, f := range configurableFlags(cmd) {
			if home := secretHome(f.Name); home != "" && !strings.HasSuffix(f.Name, "-file") {
				t.Errorf("%s: --%s sounds like a secret (%s)", cmd.Name(), f.Name, home)
			}
		}
	}
	got := shown(t, nil, "--graph-endpoint", "https://id:SECRET@contoso.com")
	if !strings.HasPrefix(got["graph-endpoint"][0], "(hidden") {
		t.Errorf("shown: %q", got["graph-endpoint"])
	}
}

// FuzzConfig: whatever the file holds, it is taken or refused in one line that
// begins with its name.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{"tenant: a\nscan:\n  group: [b]\n", "tenant: |\n  a\n", "? a\n: b\n", "a: *b\n", "<<: {a: b}\n", "{tenant: a}", "%YAML 1.2\n---\n", "tenant: !!str 3\n", "\t", "- ", "tenant: \"\\x\"\n"} {
		f.Add(s)
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.String("tenant", "", "")
	root := newRootCommand(world{}, &ui{})
	f.Fuzz(func(t *testing.T, text string) {
		y := yamlFile("audit.yaml")
		body, err := y.parse([]byte(text))
		if err == nil {
			_, err = y.config(body, root)
		}
		if err != nil && (statusOf(err) != exitUsage || !strings.HasPrefix(err.Error(), "audit.yaml")) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
