package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passkey-audit/audit/graphsim"
)

// TestBadInput gives the program what it must refuse: in one line that says
// what to do, with nothing written and nothing on standard output.
func TestBadInput(t *testing.T) {
	_, root := serve(t, graphsim.Options{Users: 20})
	_, locked := serve(t, graphsim.Options{Users: 20, Faults: graphsim.Plan{Rules: []graphsim.Rule{{On: graphsim.OnPolicy, Fault: graphsim.Fault{Kind: graphsim.FaultStatus, Status: 403}}}}})
	files := t.TempDir()
	file := func(name, text string) string {
		p := filepath.Join(files, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	noJSON := file("no.json", "{\n  \"state\": enabled\n}")
	noAAGUID := file("aaguid.json", `{"keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["YubiKey 5"]}}`)
	list := file("list.json", `[]`)
	text := file("snapshot.db", "not a database")
	existing := t.TempDir()
	if err := os.WriteFile(filepath.Join(existing, "report.xlsx"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	tenant := []string{"scan", "--cloud", "custom", "--graph-endpoint", root}
	scan := func(args ...string) []string { return append(tenant[:len(tenant):len(tenant)], args...) }
	token := map[string]string{"PASSKEY_AUDIT_ACCESS_TOKEN": testToken}
	for _, tt := range []struct {
		name   string
		env    map[string]string
		args   []string
		status int
		says   string
	}{
		{"unknown flag", token, scan("--proposal", "live"), exitUsage, "--proposal"},
		{"unknown command", nil, []string{"audit"}, exitUsage, `unknown command "audit"`},
		{"argument for nothing", token, scan("contoso.com"), exitUsage, "contoso.com"},
		{"unknown cloud", token, []string{"scan", "--cloud", "moon"}, exitUsage, "usgov"},
		{"custom without endpoint", token, []string{"scan", "--cloud", "custom"}, exitUsage, "--graph-endpoint"},
		{"endpoint without custom", token, []string{"scan", "--graph-endpoint", root}, exitUsage, "--cloud custom"},
		{"endpoint without TLS", token, []string{"scan", "--cloud", "custom", "--graph-endpoint", "http://graph.contoso.com"}, exitUsage, "https"},
		{"unknown sign-in", token, scan("--auth", "password"), exitUsage, "password"},
		{"no credentials", nil, scan(), exitRefused, "credentials"},
		{"half of the credentials", map[string]string{"AZURE_CLIENT_SECRET": "s"}, []string{"scan"}, exitRefused, "tenant"},
		{"wrong token", map[string]string{"PASSKEY_AUDIT_ACCESS_TOKEN": "other"}, scan(), exitRefused, "401"},
		{"policy refused", token, []string{"scan", "--cloud", "custom", "--graph-endpoint", locked}, exitRefused, "403"},
		{"no token file", nil, scan("--access-token-file", filepath.Join(files, "none")), exitUsage, "--access-token-file"},
		{"proposal that is no file", token, scan("--proposed", "everything"), exitUsage, "authenticator-only"},
		{"proposal that is no JSON", token, scan("--proposed", noJSON), exitUsage, "no.json:2:12"},
		{"proposal that is a list", token, scan("--proposed", list), exitUsage, "list.json:1:1"},
		{"AAGUID that is none, in a proposal", token, scan("--proposed", noAAGUID), exitUsage, "aaguid.json:1:76"},
		{"AAGUID that is none, in a flag", token, scan("--allow", "0123"), exitUsage, "--allow"},
		{"unknown format", token, scan("--format", "pdf"), exitUsage, "xlsx"},
		{"long delimiter", token, scan("--csv-delimiter", ";;"), exitUsage, "--csv-delimiter"},
		{"unknown finding", token, scan("--fail-on", "all"), exitUsage, "breaking"},
		{"no concurrency", token, scan("--concurrency", "0"), exitUsage, "--concurrency"},
		{"negative concurrency", token, scan("--concurrency", "-5"), exitUsage, "--concurrency"},
		{"absurd rate", token, scan("--max-rps", "-1"), exitUsage, "--max-rps"},
		{"rate that is no number", token, scan("--max-rps", "NaN"), exitUsage, "--max-rps"},
		{"no attempts", token, scan("--max-attempts", "0"), exitUsage, "--max-attempts"},
		{"no timeout", token, scan("--timeout", "0s"), exitUsage, "--timeout"},
		{"absurd timeout", token, scan("--timeout", "24h"), exitUsage, "--timeout"},
		{"negative wait", token, scan("--max-wait", "-1s"), exitUsage, "--max-wait"},
		{"group that is no id", token, scan("--group", "Pilots"), exitUsage, "--group"},
		{"group that is not there", token, scan("--group", "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02"), exitFailed, "7a1d6c0e"},
		{"log level", token, scan("--log-level", "loud"), exitUsage, "debug"},
		{"log format", token, scan("--log-format", "xml"), exitUsage, "json"},
		{"names that are no file", token, scan("--aaguid-file", filepath.Join(files, "none")), exitUsage, "--aaguid-file"},
		{"existing files", token, scan("--out", existing), exitUsage, "--force"},
		{"out is a file", token, scan("--out", noJSON), exitUsage, "--out"},
		{"out below a file", token, scan("--out", filepath.Join(noJSON, "x")), exitUsage, "--out"},
		{"out and resume", token, scan("--out", "x", "--resume", files), exitUsage, "--resume"},
		{"resume of what is none", token, scan("--resume", filepath.Join(files, "none")), exitUsage, "--resume"},
		{"resume of a text", token, scan("--resume", files), exitUsage, "not a snapshot"},
		{"evaluate nothing", nil, []string{"evaluate"}, exitUsage, "snapshot"},
		{"evaluate what is none", nil, []string{"evaluate", filepath.Join(files, "none")}, exitUsage, "no such snapshot"},
		{"evaluate a text", nil, []string{"evaluate", text}, exitUsage, "not a snapshot"},
		{"size", nil, []string{"demo", "--size", "-1"}, exitUsage, "--size"},
		{"quota", nil, []string{"demo", "--quota", "huge"}, exitUsage, "directory"},
		{"faults", nil, []string{"demo", "--faults", "all"}, exitUsage, "many"},
		{"latency", nil, []string{"demo", "--latency", "-1s"}, exitUsage, "--latency"},
		{"serve on the network", nil, []string{"demo", "--serve", "0.0.0.0:0"}, exitUsage, "loopback"},
		{"authenticator nobody knows", nil, []string{"aaguids", "nothing like it"}, exitFailed, "nothing like it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			r := runProgram(t, tt.env, nil, tt.args...)
			if r.status != tt.status || r.stdout != "" {
				t.Errorf("exit %d, want %d; stdout %q, want nothing", r.status, tt.status, r.stdout)
			}
			lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
			if len(lines) > 2 || len(lines) == 2 && !strings.HasPrefix(lines[1], "passkey-audit: hint: ") {
				t.Errorf("%d lines, want one and perhaps a hint:\n%s", len(lines), r.stderr)
			}
			if !strings.HasPrefix(r.stderr, "passkey-audit: ") || !strings.Contains(r.stderr, tt.says) || strings.Contains(r.stderr, "goroutine") {
				t.Errorf("stderr %q, want it to say %q", r.stderr, tt.says)
			}
			if tt.status == exitUsage || tt.name == "no credentials" || tt.name == "wrong token" {
				if left := entries(t, "."); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			}
		})
	}
	if got := read(t, existing, "report.xlsx"); got != "mine" || len(entries(t, existing)) != 1 {
		t.Errorf("the existing folder was changed: %v", entries(t, existing))
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"scan", "--help"}, {"demo", "--help"}, {"evaluate", "--help"}, {"aaguids", "--help"}} {
		r := runProgram(t, nil, nil, args...)
		if r.status != exitDone || r.stderr != "" || !strings.Contains(r.stdout, "passkey-audit") {
			t.Errorf("%v: exit %d, stderr %q", args, r.status, r.stderr)
		}
		if len(args) > 0 && args[0] != "aaguids" && !strings.Contains(r.stdout, "130  interrupted") {
			t.Errorf("%v: the help does not tell the exit statuses", args)
		}
	}
}

func TestAAGUIDs(t *testing.T) {
	r := runProgram(t, nil, nil, "aaguids", "DE1E552D-DB1D-4423-A619-566B625CDC84")
	if r.status != exitDone || !strings.HasPrefix(r.stdout, "de1e552d-db1d-4423-a619-566b625cdc84  Microsoft Authenticator") || strings.Count(r.stdout, "\n") != 1 {
		t.Errorf("exit %d:\n%s%s", r.status, r.stdout, r.stderr)
	}
	own := filepath.Join(t.TempDir(), "own.csv")
	if err := os.WriteFile(own, []byte("aaguid,name\n11111111-2222-3333-4444-555555555555,House key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = runProgram(t, nil, nil, "aaguids", "house", "--aaguid-file", own)
	if r.status != exitDone || !strings.Contains(r.stdout, "11111111-2222-3333-4444-555555555555  House key") {
		t.Errorf("exit %d:\n%s%s", r.status, r.stdout, r.stderr)
	}
}

func TestVersion(t *testing.T) {
	if r := runProgram(t, nil, nil, "version"); r.status != exitDone || !strings.HasPrefix(r.stdout, "passkey-audit ") {
		t.Errorf("exit %d: %q", r.status, r.stdout)
	}
}
