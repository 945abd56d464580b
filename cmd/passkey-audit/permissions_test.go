package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit/graphsim"
	"passkey-audit/report"
)

// tokenWith is an access token as Microsoft Entra makes them, for a simulated
// tenant. The signature is none.
func tokenWith(tenant string, claims map[string]any) string {
	all := map[string]any{"tid": tenant, "appid": "11111111-2222-3333-4444-555555555555"}
	maps.Copy(all, claims)
	b, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"typ":"JWT","alg":"RS256"}`)) + "." + part(b) + "." + part([]byte("SECRET signature"))
}

// allNames are the names of all permissions but those left out.
func allNames(without ...string) []string {
	out := []string{}
	for _, p := range permissions() {
		if !slices.Contains(without, p.Name) {
			out = append(out, p.Name)
		}
	}
	return out
}

// runWith runs a command on a simulated tenant with a token of these claims.
func runWith(t *testing.T, o graphsim.Options, claims map[string]any, args ...string) result {
	t.Helper()
	o.Token = tokenWith(graphsim.New(o).Tenant().ID, claims)
	sim := graphsim.New(o)
	var out, errs safeBuffer
	env := map[string]string{"PASSKEY_AUDIT_ACCESS_TOKEN": o.Token}
	status := run(t.Context(), world{
		args: append([]string{args[0], "--auth", "token", "--cloud", "custom", "--graph-endpoint", simulatedRoot}, args[1:]...), stdin: strings.NewReader(""),
		stdout: &out, stderr: &errs, getenv: func(name string) string { return env[name] }, now: time.Now, transport: sim.Transport(),
	})
	r := result{status, out.String(), errs.String()}
	if strings.Contains(r.stdout+r.stderr, o.Token) {
		t.Errorf("the token shows:\n%s%s", r.stdout, r.stderr)
	}
	return r
}

// TestPermissionsTakenAway takes every permission away, one by one. Required
// ones stop a scan at once and are named; optional ones cost their own columns
// alone, and something says why.
func TestPermissionsTakenAway(t *testing.T) {
	tenant := graphsim.Options{Users: 400, Seed: 7}
	scan := func(t *testing.T, missing ...string) (result, string) {
		o := tenant
		o.Granted = allNames(missing...)
		if slices.Contains(missing, permPolicy) {
			o.Granted = allNames(permPolicy, permAccess) // which is the wider one
		}
		dir := filepath.Join(t.TempDir(), "out")
		return runWith(t, o, map[string]any{"roles": o.Granted, "idtyp": "app"}, "scan", "--no-progress", "--log-level", "trace", "--log-file", filepath.Join(t.TempDir(), "log"), "--out", dir), dir
	}
	full, fullDir := scan(t)
	if full.status != exitDone || full.stderr != "" {
		t.Fatalf("with all permissions: exit %d:\n%s", full.status, full.stderr)
	}
	all := table(t, fullDir, report.FilePasskeys)
	if len(all) == 0 || len(table(t, fullDir, report.FileStrengths)) == 0 {
		t.Fatal("the tenant shows nothing")
	}
	for _, tt := range []struct {
		missing string
		status  int
		columns []string // of passkeys.csv that may differ
		says    string   // somewhere in the summary, on standard error or in the page
	}{
		{permPasskeys, exitRefused, nil, permPasskeys},
		{permUsers, exitRefused, nil, permUsers},
		{permPolicy, exitRefused, nil, permPolicy},
		{permGroups, exitPartial, []string{"is_admin", "impact", "reason_code", "reason", "current", "proposed", "decided_by", "registrable", "usable_passkeys_left"}, "group"},
		{permRoles, exitDone, []string{"is_admin"}, "from the registration report"},
		{permReport, exitDone, nil, ""},
		{permAccess, exitDone, nil, "Conditional Access"},
		{permOrganization, exitDone, nil, permOrganization},
		{permHidden, exitDone, nil, ""},
	} {
		t.Run(tt.missing, func(t *testing.T) {
			begun := time.Now()
			r, dir := scan(t, tt.missing)
			if r.status != tt.status {
				t.Fatalf("exit %d, want %d:\n%s", r.status, tt.status, r.stderr)
			}
			said := r.stdout + r.stderr
			if tt.status != exitRefused {
				said += read(t, dir, filePage)
			}
			if !strings.Contains(oneSpace(said), tt.says) {
				t.Errorf("nothing says %q:\n%s%s", tt.says, r.stdout, r.stderr)
			}
			if tt.status == exitRefused {
				lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
				if len(lines) != 2 || !strings.HasPrefix(lines[0], "passkey-audit: the permission "+tt.missing+" is missing: ") ||
					!strings.Contains(lines[0], "403") || !strings.Contains(lines[1], "adminconsent?client_id=11111111-2222-3333-4444-555555555555") {
					t.Errorf("got\n%s", r.stderr)
				}
				if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || r.stdout != "" {
					t.Errorf("something was written: %v, %q", err, r.stdout)
				}
				if took := time.Since(begun); took > 10*time.Second {
					t.Errorf("it took %v", took)
				}
				return
			}
			got := table(t, dir, report.FilePasskeys)
			if len(got) != len(all) {
				t.Fatalf("%d passkeys, want %d", len(got), len(all))
			}
			byID := map[string]map[string]string{}
			for _, row := range got {
				byID[row["passkey_id"]] = row
			}
			for _, want := range all {
				for column, value := range want {
					if is := byID[want["passkey_id"]][column]; is != value && !slices.Contains(tt.columns, column) {
						t.Errorf("%s of %s is %q, and was %q", column, want["passkey_name"], is, value)
					}
				}
			}
			rows, unread := len(table(t, dir, report.FileStrengths)), table(t, dir, report.FileUnread)
			// Whom a strength is asked of may hang on a group.
			if rows == 0 && tt.missing != permAccess && tt.missing != permGroups || rows > 0 && tt.missing == permAccess {
				t.Errorf("%d rows in strengths.csv", rows)
			}
			if s := summaryOf(t, dir); rows == 0 && len(s.Strengths.Notes) == 0 {
				t.Errorf("nothing says why strengths.csv is empty: %+v", s.Strengths)
			}
			if (len(unread) > 0) != (tt.missing == permGroups) {
				t.Errorf("unread.csv: %v", unread)
			}
		})
	}
}

// TestNobodyKnowsAdmins takes away both permissions that tell administrators:
// the column is empty, and the summary says why.
func TestNobodyKnowsAdmins(t *testing.T) {
	o := graphsim.Options{Users: 60, Seed: 7, Granted: allNames(permRoles, permReport)}
	dir := filepath.Join(t.TempDir(), "out")
	r := runWith(t, o, map[string]any{"roles": o.Granted}, "scan", "--no-progress", "--out", dir)
	if r.status != exitDone || !strings.Contains(oneSpace(r.stdout), permReport) || !strings.Contains(oneSpace(r.stdout), permRoles) {
		t.Errorf("exit %d; the summary does not name both permissions:\n%s%s", r.status, r.stdout, r.stderr)
	}
	for _, row := range table(t, dir, report.FilePasskeys) {
		if row["is_admin"] != "" {
			t.Errorf("is_admin is %q of %s", row["is_admin"], row["user_principal_name"])
		}
	}
}

// TestSomebodyIsRefused refuses the passkeys of the first user alone, as those
// of an administrator are to some roles: that is no missing permission.
func TestSomebodyIsRefused(t *testing.T) {
	o := graphsim.Options{Users: 60, Seed: 7}
	o.Faults.Rules = []graphsim.Rule{{On: graphsim.OnMethods, Users: []int{0}, Fault: status(403)}}
	dir := filepath.Join(t.TempDir(), "out")
	r := runWith(t, o, map[string]any{"scp": strings.Join(allNames(), " ")}, "scan", "--no-progress", "--out", dir)
	if r.status != exitPartial || len(table(t, dir, report.FileUnread)) != 1 {
		t.Errorf("exit %d, want 4 and one user unread:\n%s", r.status, r.stderr)
	}
}

// TestRefusedHints words what to do by what the token says of itself.
func TestRefusedHints(t *testing.T) {
	for _, tt := range []struct {
		name    string
		granted []string
		claims  map[string]any
		args    []string
		want    string
	}{
		{"app without any", []string{}, map[string]any{"idtyp": "app"}, nil, "the permissions Policy.Read.AuthenticationMethod, User.Read.All are missing"},
		{"person without the scope", allNames(permPasskeys), map[string]any{"scp": "User.Read.All"}, nil, "as a delegated permission with admin consent"},
		{"person without the role", allNames(permPasskeys), map[string]any{"scp": strings.Join(allNames(), " ")}, nil, "needs the directory role Global Reader"},
		{"app that holds it", allNames(permPasskeys), map[string]any{"roles": allNames()}, nil, "the token has it, and Graph refuses all the same"},
		{"group of --group", allNames(permGroups), map[string]any{"roles": allNames(permGroups)}, []string{"--group", "7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02"}, "the permission GroupMember.Read.All is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := runWith(t, graphsim.Options{Users: 30, Granted: tt.granted}, tt.claims, append([]string{"scan", "--out", filepath.Join(t.TempDir(), "out")}, tt.args...)...)
			if r.status != exitRefused || !strings.Contains(r.stderr, tt.want) || strings.Count(r.stderr, "\n") > 3 {
				t.Errorf("exit %d, want 5 and %q:\n%s", r.status, tt.want, r.stderr)
			}
		})
	}
}

// TestScanWarnsOfWriting names what a token could change.
func TestScanWarnsOfWriting(t *testing.T) {
	roles := append(allNames(), "User.ReadWrite.All", "Mail.Send", "Directory.AccessAsUser.All")
	r := runWith(t, graphsim.Options{Users: 30}, map[string]any{"roles": roles}, "scan", "--no-progress", "--out", filepath.Join(t.TempDir(), "out"))
	if want := "passkey-audit: warning: the token can do more than read: Directory.AccessAsUser.All, Mail.Send, User.ReadWrite.All;"; r.status != exitDone || !strings.HasPrefix(r.stderr, want) {
		t.Errorf("exit %d, want %q:\n%s", r.status, want, r.stderr)
	}
}

// TestForeignTenant refuses a token of another tenant, told by id or by domain.
func TestForeignTenant(t *testing.T) {
	o := graphsim.Options{Users: 30}
	own := graphsim.New(o).Tenant()
	for _, tt := range []struct {
		tenant string
		ok     bool
	}{
		{own.ID, true}, {strings.ToUpper(own.ID), true}, {own.Domain, true}, {"Contoso.com", true},
		{"7a1d6c0e-24f7-4f0f-8f5c-0f2f5b6f4a02", false}, {"fabrikam.com", false},
	} {
		r := runWith(t, o, map[string]any{"roles": allNames()}, "scan", "--no-progress", "--out", filepath.Join(t.TempDir(), "out"), "--tenant", tt.tenant)
		if (r.status == exitDone) != tt.ok || !tt.ok && (r.status != exitRefused || !strings.Contains(r.stderr, tt.tenant)) {
			t.Errorf("%s: exit %d:\n%s", tt.tenant, r.status, r.stderr)
		}
	}
}

// TestCloudWithoutPasskeys ends in one line where the cloud does not offer what
// a scan is about, whether that was known before or not.
func TestCloudWithoutPasskeys(t *testing.T) {
	for name, on := range map[string]graphsim.On{"policy": graphsim.OnPolicy, "passkeys": graphsim.OnMethods, "both": graphsim.OnPolicy | graphsim.OnMethods} {
		dir := filepath.Join(t.TempDir(), "out")
		r := runWith(t, graphsim.Options{Users: 30, NotOffered: on}, map[string]any{"roles": allNames()}, "scan", "--out", dir)
		lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
		if r.status != exitFailed || len(lines) != 2 || !strings.HasPrefix(lines[0], "passkey-audit: not offered in this cloud (custom): ") || !strings.HasPrefix(lines[1], "passkey-audit: hint: ") {
			t.Errorf("%s: exit %d:\n%s", name, r.status, r.stderr)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: something was written: %v", name, err)
		}
	}
	r := runProgram(t, nil, nil, "permissions", "--cloud", "govsg")
	if r.status != exitDone || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "cloud govsg: ") || !strings.Contains(r.stdout, "https://login.sovcloud-identity.sg/TENANT/adminconsent") {
		t.Errorf("exit %d:\n%s", r.status, r.stderr)
	}
}

// TestPermissionsTable holds the table to itself, and each form of the command
// to the table.
func TestPermissionsTable(t *testing.T) {
	ids := map[string]bool{}
	for _, p := range permissions() {
		if !isGUID(p.AppRoleID) || ids[p.AppRoleID] || p.Why == "" || p.Without == "" {
			t.Errorf("%+v", p)
		}
		if len(writing([]string{p.Name})) > 0 || len(writing(p.Wider)) > 0 {
			t.Errorf("%s or what is wider writes", p.Name)
		}
		ids[p.AppRoleID] = true
	}
	text := runs(t, exitDone, "permissions", "--tenant", "contoso.com", "--client-id", "11111111-2222-3333-4444-555555555555")
	markdown := runs(t, exitDone, "permissions", "--format", "markdown", "--with", "all")
	least := runs(t, exitDone, "permissions", "--with", "required", "--delegated", "--cloud", "usgov")
	var r permissionsReport
	if err := json.Unmarshal([]byte(runs(t, exitDone, "permissions", "--format", "json").stdout), &r); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(permissions(), r.Permissions); d != "" || r.Check != nil {
		t.Errorf("json (-want +got):\n%s", d)
	}
	for _, p := range permissions() {
		for form, out := range map[string]string{"text": text.stdout, "markdown": markdown.stdout} {
			if !strings.Contains(out, p.Name) || !strings.Contains(out, p.AppRoleID) {
				t.Errorf("%s does not tell %s and its id", form, p.Name)
			}
		}
		loop := between(t, least.stdout, "for NAME in ", ";")
		if slices.Contains(strings.Fields(loop), p.Name) != (p.Need == needRequired) {
			t.Errorf("the least that is needed is %q, and %s is %s", loop, p.Name, p.Need)
		}
		if got := strings.Contains(r.Commands["powershell"], "'"+p.Name+"'"); got != (p.Need != needSpecial) {
			t.Errorf("the recommended ones hold %s: %v", p.Name, got)
		}
	}
	for out, want := range map[string][]string{
		text.stdout:  {"/contoso.com/adminconsent?client_id=11111111-2222-3333-4444-555555555555", "appRoles[?value=='$NAME'].id", "New-MgServicePrincipalAppRoleAssignment"},
		least.stdout: {"oauth2PermissionScopes[?value=='$NAME'].id", "AzureUSGovernment", "-Environment USGov ", "New-MgOauth2PermissionGrant", "https://login.microsoftonline.us/"},
	} {
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%q is not in\n%s", w, out)
			}
		}
	}
	for _, l := range strings.Split(text.stdout[:strings.Index(text.stdout, "Admin consent")], "\n") {
		if len([]rune(l)) > textWidth {
			t.Errorf("wider than %d columns: %q", textWidth, l)
		}
	}
	for _, args := range [][]string{{"--format", "csv"}, {"--with", "some"}, {"--tenant", "contoso.com; rm -rf /"}, {"--timeout", "0s"}, {"contoso.com"}} {
		if r := runProgram(t, nil, nil, append([]string{"permissions"}, args...)...); r.status != exitUsage || r.stdout != "" {
			t.Errorf("%v: exit %d:\n%s", args, r.status, r.stderr)
		}
	}
}

func between(t *testing.T, s, before, after string) string {
	t.Helper()
	_, s, ok := strings.Cut(s, before)
	s, _, ok2 := strings.Cut(s, after)
	if !ok || !ok2 {
		t.Fatalf("nothing between %q and %q", before, after)
	}
	return s
}

// TestReadmePermissions holds the README's table, once it is marked as such, to
// that of the command.
func TestReadmePermissions(t *testing.T) {
	readme := read(t, projectRoot, "README.md")
	if _, rest, marked := strings.Cut(readme, "<!-- permissions -->\n"); marked && !strings.HasPrefix(strings.TrimLeft(rest, "\n"), markdownTable()) {
		t.Errorf("the table of permissions in README.md is not that of passkey-audit permissions --format markdown, which is\n%s", markdownTable())
	}
	for _, p := range permissions() {
		if p.Need == needRequired && !strings.Contains(readme, "`"+p.Name+"`") {
			t.Errorf("README.md does not name %s", p.Name)
		}
	}
}

// TestPermissionsCheck tries what sign-ins of several kinds can do.
func TestPermissionsCheck(t *testing.T) {
	const globalReader, authAdmin = roleGlobalReader, roleAuthenticationOnly
	for _, tt := range []struct {
		name    string
		o       graphsim.Options
		claims  map[string]any
		status  int
		missing []string
		results map[string]string // by permission, where it is not ok
		says    string
	}{
		{"app with all", graphsim.Options{Granted: allNames()}, map[string]any{"roles": allNames(), "idtyp": "app"}, exitDone, []string{}, map[string]string{permHidden: trialNotNeeded}, "Nothing that was tried is missing."},
		{"app without a required one", graphsim.Options{Granted: allNames(permPasskeys)}, map[string]any{"roles": allNames(permPasskeys)}, exitRefused, []string{permPasskeys},
			map[string]string{permHidden: trialNotNeeded, permPasskeys: trialRefused}, "no scan is possible without: " + permPasskeys},
		{"app without optional ones", graphsim.Options{Granted: allNames(permReport, permGroups)}, map[string]any{"roles": allNames(permReport, permGroups)}, exitDone, []string{permGroups, permReport},
			map[string]string{permHidden: trialNotNeeded, permReport: trialRefused, permGroups: trialRefused}, "a scan goes without: " + permGroups + ", " + permReport},
		{"no licence", graphsim.Options{WithoutPremium: true}, map[string]any{"roles": allNames()}, exitDone, []string{},
			map[string]string{permHidden: trialNotNeeded, permReport: trialUnlicensed, permAccess: trialUnlicensed}, "licence"},
		{"person with the right role", graphsim.Options{}, map[string]any{"scp": strings.Join(allNames(), " "), "wids": []string{globalReader}}, exitDone, []string{}, map[string]string{permHidden: trialNotNeeded}, "as a person"},
		{"person with too little a role", graphsim.Options{}, map[string]any{"scp": strings.Join(allNames(), " "), "wids": []string{authAdmin}}, exitDone, []string{}, map[string]string{permHidden: trialNotNeeded}, "may be refused the passkeys of administrators: Global Reader"},
		{"can write", graphsim.Options{}, map[string]any{"roles": []string{"Application.ReadWrite.All"}}, exitDone, []string{}, map[string]string{permHidden: trialNotNeeded}, "Warning: the token can do more than read: Application.ReadWrite.All"},
		{"cloud without passkeys", graphsim.Options{NotOffered: graphsim.OnMethods}, map[string]any{"roles": allNames()}, exitDone, []string{}, map[string]string{permHidden: trialNotNeeded, permPasskeys: trialNotOffered}, "not offered in this cloud"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Users, tt.o.Seed = 60, 7
			r := runWith(t, tt.o, tt.claims, "permissions", "--format", "json")
			var got permissionsReport
			if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.status != tt.status || got.Check == nil {
				t.Fatalf("exit %d, want %d: %v\n%s", r.status, tt.status, err, r.stderr)
			}
			results := map[string]string{}
			for _, tr := range got.Check.Trials {
				if tr.Result != trialOK {
					results[tr.Permission] = tr.Result
				}
				if tr.Result == trialRefused && (tr.Status != 403 || tr.Code == "") {
					t.Errorf("%+v", tr)
				}
			}
			if d := cmp.Diff(tt.results, results); d != "" {
				t.Errorf("trials (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.missing, got.Check.Missing); d != "" {
				t.Errorf("missing (-want +got):\n%s", d)
			}
			for _, format := range []string{"text", "markdown"} {
				r := runWith(t, tt.o, tt.claims, "permissions", "--format", format)
				if r.status != tt.status || !strings.Contains(oneSpace(r.stdout), tt.says) {
					t.Errorf("%s: exit %d, want %q:\n%s", format, r.status, tt.says, r.stdout)
				}
			}
		})
	}
}

// TestPermissionsCheckRefused has a token that Graph does not accept.
func TestPermissionsCheckRefused(t *testing.T) {
	sim := graphsim.New(graphsim.Options{Users: 10, Token: "another"})
	var out, errs safeBuffer
	got := run(t.Context(), world{
		args: []string{"permissions", "--check", "--cloud", "custom", "--graph-endpoint", simulatedRoot}, stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
		getenv: func(name string) string {
			return map[string]string{"PASSKEY_AUDIT_ACCESS_TOKEN": testToken}[name]
		}, now: time.Now, transport: sim.Transport(),
	})
	if got != exitRefused || out.String() != "" || !strings.Contains(errs.String(), "401") || strings.Contains(errs.String(), testToken) {
		t.Errorf("exit %d: %s", got, fmt.Sprint(out.String(), errs.String()))
	}
}
