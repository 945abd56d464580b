package main

import (
	"path/filepath"
	"strings"
	"testing"

	"passkey-audit/audit/graphsim"
)

func TestTenants(t *testing.T) {
	csv := fileWith(t, "tenants.csv", "\uFEFF# our customers\r\ntenant,client-id,group,out,max-rps\r\n\r\ncontoso.com,,,,\r\n# gone: fabrikam.net\r\nfabrikam.com,11111111-2222-3333-4444-555555555555,\"a,b\",reports/fabrikam,5\r\n")
	plain := fileWith(t, "tenants.txt", "# ours\ncontoso.com\n\nfabrikam.com\n")
	semicolons := fileWith(t, "excel.csv", "tenant;cloud\ncontoso.com;\nfabrikam.com;usgov\n")
	yaml := fileWith(t, "tenants.yaml", "# ours\n- contoso.com\n\n- tenant: fabrikam.com\n  max-rps: 5\n  group: [a, b]\n")
	for _, tt := range []struct {
		name string
		file string
		args []string
		want map[string][2]string
	}{
		{"first", csv, []string{"--index", "0"}, map[string][2]string{"tenant": {"contoso.com", csv + ":4"}, "max-rps": {"3", "environment variable PASSKEY_AUDIT_MAX_RPS"}}},
		{"second", csv, []string{"--index", "1"}, map[string][2]string{
			"tenant": {"fabrikam.com", csv + ":6"}, "client-id": {"11111111-2222-3333-4444-555555555555", csv + ":6"},
			"group": {"a, b", csv + ":6"}, "out": {"reports/fabrikam", csv + ":6"}, "max-rps": {"5", csv + ":6"},
		}},
		{"the command line wins", csv, []string{"--index", "1", "--max-rps", "9"}, map[string][2]string{"max-rps": {"9", "flag"}}},
		{"no header", plain, []string{"--index", "1"}, map[string][2]string{"tenant": {"fabrikam.com", plain + ":4"}}},
		{"semicolons", semicolons, []string{"--index", "1"}, map[string][2]string{"cloud": {"usgov", semicolons + ":3"}}},
		{"YAML, text", yaml, []string{"--index", "0"}, map[string][2]string{"tenant": {"contoso.com", yaml + ":2:3"}}},
		{"YAML", yaml, []string{"--index", "1"}, map[string][2]string{"tenant": {"fabrikam.com", yaml + ":4:3"}, "max-rps": {"5", yaml + ":5:3"}, "group": {"a, b", yaml + ":6:3"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{"PASSKEY_AUDIT_MAX_RPS": "3", "PASSKEY_AUDIT_TENANT": "other.com", "AZURE_TENANT_ID": "home.com"}
			got := shown(t, env, append([]string{"scan", "--tenants", tt.file}, tt.args...)...)
			for name, want := range tt.want {
				if got[name] != want {
					t.Errorf("%s: %q, want %q", name, got[name], want)
				}
			}
		})
	}
	r := runProgram(t, nil, nil, "tenants", csv)
	if want := "0\t" + csv + ":4\tcontoso.com\n1\t" + csv + ":6\tfabrikam.com\n"; r.status != exitDone || r.stdout != want {
		t.Errorf("exit %d: %q, want %q (%s)", r.status, r.stdout, want, r.stderr)
	}
}

func TestTenantsRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, file, text string
		args             []string
		says             string
	}{
		{"no index", "t.csv", "contoso.com\nfabrikam.com\n", nil, "lists 2 tenants: choose a number from 0 to 1"},
		{"past the end", "t.csv", "contoso.com\n", []string{"--index", "1"}, "from 0 to 0"},
		{"negative", "t.csv", "contoso.com\n", []string{"--index", "-3"}, "--index -3"},
		{"no entry", "t.csv", "# none\n\n", []string{"--index", "0"}, "lists no tenant"},
		{"header alone", "t.csv", "tenant,out\n", []string{"--index", "0"}, "lists no tenant"},
		{"no tenant", "t.csv", "tenant,out\ncontoso.com,a\n,b\n", []string{"--index", "0"}, "t.csv:3: the tenant is missing"},
		{"field too many", "t.csv", "tenant,out\n# x\ncontoso.com,a,b\n", []string{"--index", "0"}, "t.csv:3: 3 fields"},
		{"quote", "t.csv", "tenant,out\ncontoso.com,\"a\n", []string{"--index", "0"}, "t.csv:2:"},
		{"columns without header", "t.csv", "contoso.com,a\n", []string{"--index", "0"}, "t.csv:1: the first line names the columns"},
		{"unknown column", "t.csv", "tenant,color\ncontoso.com,a\n", []string{"--index", "0"}, `t.csv:1: "color"`},
		{"column twice", "t.csv", "tenant,out,Out\ncontoso.com,a,b\n", []string{"--index", "0"}, "two columns"},
		{"secret", "t.csv", "tenant,client-secret\ncontoso.com,MINE\n", []string{"--index", "0"}, "AZURE_CLIENT_SECRET"},
		{"index in the list", "t.csv", "tenant,index\ncontoso.com,1\n", []string{"--index", "0"}, "no flag that an entry can have"},
		{"twice", "t.csv", "contoso.com\n\nContoso.com\n", []string{"--index", "0"}, "t.csv:3: tenant \"Contoso.com\" is there already"},
		{"bad value", "t.csv", "tenant,concurrency\ncontoso.com,many\n", []string{"--index", "0"}, "t.csv:2: concurrency: \"many\""},
		{"YAML mapping", "t.yaml", "tenant: contoso.com\n", []string{"--index", "0"}, "t.yaml:1:"},
		{"YAML unknown", "t.yaml", "- contoso.com\n- tenant: fabrikam.com\n  color: x\n", []string{"--index", "0"}, "t.yaml:3:3"},
		{"YAML type", "t.yaml", "- tenant: 3\n", []string{"--index", "0"}, "t.yaml:1:11"},
		{"tenant as well", "t.csv", "contoso.com\n", []string{"--index", "0", "--tenant", "fabrikam.com"}, "exclude each other"},
		{"resume as well", "t.csv", "contoso.com\n", []string{"--index", "x"}, "--index"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(filepath.Dir(fileWith(t, tt.file, tt.text)))
			r := runProgram(t, nil, nil, append([]string{"scan", "--tenants", tt.file}, tt.args...)...)
			if r.status != exitUsage || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, tt.says) || strings.Contains(r.stderr, "MINE") {
				t.Errorf("exit %d, stderr %q; want 2 and %q", r.status, r.stderr, tt.says)
			}
		})
	}
	if r := runProgram(t, nil, nil, "scan", "--index", "0"); r.status != exitUsage || !strings.Contains(r.stderr, "--index goes with --tenants") {
		t.Errorf("exit %d: %s", r.status, r.stderr)
	}
}

// TestTenantsScan scans the tenant of a line.
func TestTenantsScan(t *testing.T) {
	_, root := serve(t, graphsim.Options{Users: 20})
	dir := filepath.Join(t.TempDir(), "second")
	list := fileWith(t, "tenants.csv", "tenant,out,format\nfabrikam.com,,\ncontoso.com,"+dir+",csv\n")
	r := scanInto(t, root, nil, "--tenants", list, "--index", "1")
	if r.status != exitDone || !strings.Contains(r.stdout, dir) {
		t.Fatalf("exit %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}

// FuzzTenants: whatever the list holds, it is taken, each entry with a tenant,
// or refused in one line that names the file.
func FuzzTenants(f *testing.F) {
	for _, s := range []string{"contoso.com\n", "tenant,out\ncontoso.com,a\n", "# x\n\ntenant;group\ncontoso.com;a\n", "\uFEFFtenant\n\"a\nb\"\n", "tenant,tenant\n", ",\n", "\"", "- contoso.com\n", "- tenant: a\n  group: [b]\n", "- - a\n", "tenant\n\"\"\n"} {
		f.Add(s)
	}
	cmd := configurableCommand(newRootCommand(world{}, &ui{}), "scan")
	f.Fuzz(func(t *testing.T, text string) {
		fromCSV, err := parseTenantsCSV("t.csv", text, cmd)
		if err != nil && (statusOf(err) != exitUsage || !strings.HasPrefix(err.Error(), "t.csv")) {
			t.Errorf("%q: %v", text, err)
		}
		y := yamlFile("t.yaml")
		var fromYAML []tenantEntry
		body, err := y.parse([]byte(text))
		if err == nil && body != nil {
			fromYAML, err = y.tenants(body, cmd)
		}
		if err != nil && (statusOf(err) != exitUsage || !strings.HasPrefix(err.Error(), "t.yaml")) {
			t.Errorf("%q: %v", text, err)
		}
		for _, e := range append(fromCSV, fromYAML...) {
			if e.tenant() == "" {
				t.Errorf("%q: an entry without a tenant: %+v", text, e)
			}
		}
	})
}
