package main

import (
	"archive/zip"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
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

// contractHeaders are the columns of the outside contract, on which schedulers
// and spreadsheets rely.
var contractHeaders = map[string]string{
	report.FilePasskeys:  "impact,reason_code,reason,user_principal_name,display_name,user_type,account_enabled,is_admin,passkey_name,passkey_type,authenticator,aaguid,model,attestation_level,registrable,created_at,last_used_at,current,proposed,decided_by,usable_passkeys_left,tenant_id,user_id,passkey_id",
	report.FileBreaking:  "impact,reason_code,reason,user_principal_name,display_name,user_type,account_enabled,is_admin,passkey_name,passkey_type,authenticator,aaguid,model,attestation_level,registrable,created_at,last_used_at,current,proposed,decided_by,usable_passkeys_left,tenant_id,user_id,passkey_id",
	report.FileUsers:     "risk,user_principal_name,display_name,user_type,account_enabled,is_admin,passkeys,usable_now,usable_after,breaking,undecided,tenant_id,user_id",
	report.FileAAGUIDs:   "aaguid,authenticator,vendor,name_source,passkeys,users,breaking,in_current_list,in_proposed_list,suggested",
	report.FileUnread:    "what,user_principal_name,id,status,code,message,request_id,attempts",
	report.FileStrengths: "strength,strength_id,conditional_access_policy,policy_state,user_principal_name,display_name,is_admin,passkey_name,authenticator,aaguid,tenant_id,user_id,passkey_id",
}

func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	r := runProgram(t, nil, nil, "demo", "--out", dir)
	if r.status != exitDone {
		t.Fatalf("exit %d, want 0; stderr:\n%s", r.status, r.stderr)
	}
	want := append(reportFiles(), fileSnapshot)
	slices.Sort(want)
	if d := cmp.Diff(want, entries(t, dir)); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	for _, f := range want {
		if info, err := os.Stat(filepath.Join(dir, f)); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v: want a file of mode 0600 that is not empty", f, info, err)
		}
	}
	for f, header := range contractHeaders {
		if got, _, _ := strings.Cut(strings.TrimPrefix(read(t, dir, f), "\uFEFF"), "\r\n"); got != header {
			t.Errorf("%s has the columns\n%s\nwant\n%s", f, got, header)
		}
	}
	for _, l := range strings.Split(r.stdout, "\n") {
		if len([]rune(l)) > 80 {
			t.Errorf("the summary is wider than 80 columns: %q", l)
		}
	}
	if !strings.Contains(r.stdout, dir) || !strings.Contains(r.stdout, "Breaks") {
		t.Errorf("summary:\n%s", r.stdout)
	}
	again := runProgram(t, nil, nil, "demo", "--out", dir)
	if again.status != exitUsage || again.stdout != "" {
		t.Errorf("over an existing report: exit %d, stdout %q; want 2 and nothing", again.status, again.stdout)
	}
}

// TestUnknownIsNeverNone lets reads fail for good, each in another way, and
// looks for the users in every file.
func TestUnknownIsNeverNone(t *testing.T) {
	const (
		refused, broken, missing, absent, gone = 40, 41, 42, 43, 44
	)
	status := func(s int) graphsim.Fault { return graphsim.Fault{Kind: graphsim.FaultStatus, Status: s} }
	sim, root := serve(t, graphsim.Options{Users: 120, Seed: 3, Faults: graphsim.Plan{Rules: []graphsim.Rule{
		{On: graphsim.OnMethods, Users: []int{refused}, Fault: status(403)},
		{On: graphsim.OnMethods, Users: []int{broken}, Fault: status(500)},
		{On: graphsim.OnMethods, Users: []int{missing}, Fault: graphsim.Fault{Kind: graphsim.FaultMissing}},
		{On: graphsim.OnMethods, Users: []int{absent}, Fault: status(404)},
		{On: graphsim.OnMethods | graphsim.OnUser, Users: []int{gone}, Fault: status(404)},
	}}})
	r, dir := scanTenant(t, root, nil, "--max-attempts", "3")
	if r.status != exitPartial {
		t.Fatalf("exit %d, want 4; stderr:\n%s", r.status, r.stderr)
	}
	unread := map[string]map[string]string{}
	for _, row := range table(t, dir, report.FileUnread) {
		unread[row["id"]] = row
	}
	for i, want := range map[int][2]string{refused: {"user", "403"}, broken: {"user", "500"}, missing: {"user", "0"}, absent: {"user", "404"}, gone: {"user gone", "404"}} {
		u := sim.User(i)
		row := unread[u.ID]
		if row["what"] != want[0] || row["status"] != want[1] && !(want[1] == "0" && row["status"] == "") || row["user_principal_name"] != u.UPN || row["code"] == "" || row["attempts"] == "0" {
			t.Errorf("user %d in unread.csv: %v, want %v", i, row, want)
		}
		for _, line := range strings.Split(read(t, dir, fileAAGUIDs), "\n") {
			if strings.Contains(line, u.ID) && strings.Contains(line, "has no Passkey") {
				t.Errorf("user %d: %q", i, line)
			}
		}
	}
	if len(unread) != 5 {
		t.Errorf("%d rows in unread.csv, want 5: %v", len(unread), unread)
	}
	risks := map[string]string{}
	for _, row := range table(t, dir, report.FileUsers) {
		risks[row["user_id"]] = row["risk"]
	}
	for _, i := range []int{refused, broken, missing, absent} {
		if got := risks[sim.User(i).ID]; got != "unread" {
			t.Errorf("user %d: risk %q, want unread", i, got)
		}
	}
	var s report.Summary
	if err := json.Unmarshal([]byte(read(t, dir, fileSummary)), &s); err != nil {
		t.Fatal(err)
	}
	if s.Complete || s.Users.Unread != 4 || s.Users.Gone != 1 || s.Users.Listed != s.Users.Read+s.Users.Unread+s.Users.Gone+s.Users.OutOfScope {
		t.Errorf("summary.json: complete %v, users %+v", s.Complete, s.Users)
	}
	if !strings.Contains(r.stdout, "INCOMPLETE") || !strings.Contains(strings.Join(strings.Fields(r.stdout), " "), "4 users") {
		t.Errorf("the summary hides what was not read:\n%s", r.stdout)
	}
}

// TestTruth compares the report with what the simulated tenant really holds.
func TestTruth(t *testing.T) {
	sim, root := serve(t, graphsim.Options{Users: 400, Seed: 7})
	r, dir := scanTenant(t, root, nil)
	if r.status != exitDone {
		t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
	}
	want := map[string]int{}
	total := 0
	for i := range sim.Users() {
		for range sim.Passkeys(i) {
			want[sim.User(i).ID]++
			total++
		}
	}
	got := map[string]int{}
	for _, row := range table(t, dir, report.FilePasskeys) {
		got[row["user_id"]]++
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("passkeys of each user (-want +got):\n%s", d)
	}
	if lines := strings.Count(read(t, dir, filePasskeys), "\n"); lines != total {
		t.Errorf("passkeys.jsonl has %d lines, want %d", lines, total)
	}
}

// TestFaultsLoseNothing wants the same report from a tenant where every tenth
// answer fails as from one where none does.
func TestFaultsLoseNothing(t *testing.T) {
	_, calm := serve(t, graphsim.Options{Users: 300, Seed: 5})
	r, dir := scanTenant(t, calm, nil)
	if r.status != exitDone {
		t.Fatalf("calm: exit %d; stderr:\n%s", r.status, r.stderr)
	}
	_, rough := serve(t, graphsim.Options{Users: 300, Seed: 5, Faults: graphsim.FaultsMany()})
	r2, dir2 := scanTenant(t, rough, nil)
	if r2.status != exitDone {
		t.Fatalf("rough: exit %d; stderr:\n%s", r2.status, r2.stderr)
	}
	if d := cmp.Diff(reportsOf(t, dir), reportsOf(t, dir2)); d != "" {
		t.Errorf("reports differ (-calm +rough):\n%s", d)
	}
}

// TestHostileNames checks workbook, CSV and summary against a tenant whose
// users give their passkeys names that attack the reader.
func TestHostileNames(t *testing.T) {
	_, root := serve(t, graphsim.Options{Users: 60, Seed: 1})
	r, dir := scanTenant(t, root, nil)
	if r.status != exitDone {
		t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
	}
	var formulas, control int
	for _, row := range table(t, dir, report.FilePasskeys) {
		name := row["passkey_name"]
		if strings.HasPrefix(name, `'=`) || strings.HasPrefix(name, "'+") || strings.HasPrefix(name, "'@") {
			formulas++
		}
		if name != "" && strings.ContainsAny(name[:1], "=+-@\t\r\n") {
			t.Errorf("passkeys.csv gives a spreadsheet the formula %q", name)
		}
		if strings.ContainsAny(name, "\t\r\n\x00") {
			control++
		}
	}
	if formulas == 0 || control == 0 {
		t.Errorf("%d names that look like formulas and %d with control characters: the tenant is not hostile", formulas, control)
	}
	z, err := zip.OpenReader(filepath.Join(dir, fileWorkbook))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		checkPart(t, f)
	}
	for _, c := range r.stdout {
		if c < ' ' && c != '\n' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == '\u202e' {
			t.Errorf("the summary holds the control character %q", c)
		}
	}
}

// checkPart parses a part of a workbook to its end and looks for formulas.
func checkPart(t *testing.T, f *zip.File) {
	t.Helper()
	rc, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if !strings.HasSuffix(f.Name, ".xml") && !strings.HasSuffix(f.Name, ".rels") {
		return
	}
	d := xml.NewDecoder(rc)
	inCell := false
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
			return
		}
		if e, ok := tok.(xml.StartElement); ok && strings.HasPrefix(f.Name, "xl/worksheets/sheet") {
			switch e.Name.Local {
			case "c":
				inCell = true
			case "f":
				if inCell {
					var text string
					if err := d.DecodeElement(&text, &e); err != nil || !strings.HasPrefix(text, "HYPERLINK(\"https://") && !strings.HasPrefix(text, "HYPERLINK(\"#") {
						t.Errorf("%s holds the formula %q (%v)", f.Name, text, err)
					}
				}
			}
		}
	}
}

// TestSecretsStaySecret looks for the token in everything that a scan leaves.
func TestSecretsStaySecret(t *testing.T) {
	_, root := serve(t, graphsim.Options{Users: 60, Seed: 1, Faults: graphsim.Plan{Rules: []graphsim.Rule{
		{On: graphsim.OnBatch, Times: 1, Fault: graphsim.Fault{Kind: graphsim.FaultStatus, Status: 503}},
		{On: graphsim.OnUsers, Times: 1, Fault: graphsim.Fault{Kind: graphsim.FaultCut}},
		{On: graphsim.OnMethods, Users: []int{3}, Fault: graphsim.Fault{Kind: graphsim.FaultStatus, Status: 400, Message: "your token " + testToken + " is odd"}},
	}}})
	log := filepath.Join(t.TempDir(), "log.json")
	r, dir := scanTenant(t, root, nil, "--log-level", "trace", "--log-format", "json", "--log-file", log)
	if r.status != exitPartial {
		t.Fatalf("exit %d, want 4; stderr:\n%s", r.status, r.stderr)
	}
	texts := map[string]string{"stdout": r.stdout, "stderr": r.stderr, "log": read(t, log)}
	if !strings.Contains(texts["log"], `"path":"/v1.0/$batch"`) {
		t.Errorf("the log tells no requests:\n%.500s", texts["log"])
	}
	for _, f := range entries(t, dir) {
		texts[f] = read(t, dir, f)
	}
	_, root = serve(t, graphsim.Options{Users: 60, Faults: graphsim.Plan{Rules: []graphsim.Rule{{Fault: graphsim.Fault{Kind: graphsim.FaultStatus, Status: 401}}}}})
	bad, _ := scanTenant(t, root, nil, "--log-level", "trace")
	texts["stderr of a refused run"] = bad.stderr
	for name, text := range texts {
		for _, secret := range []string{testToken, "Bearer", "Authorization"} {
			if strings.Contains(text, secret) && !(secret == "Authorization" && strings.Contains(text, "Authorization_")) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
	}
}

// TestInterrupted stops a scan gently and goes on with it, and wants the report
// of an undisturbed one.
func TestInterrupted(t *testing.T) {
	_, calm := serve(t, graphsim.Options{Users: 400, Seed: 9})
	r, want := scanTenant(t, calm, nil)
	if r.status != exitDone {
		t.Fatalf("undisturbed: exit %d; stderr:\n%s", r.status, r.stderr)
	}
	_, slow := serve(t, graphsim.Options{Users: 400, Seed: 9, Latency: 40 * time.Millisecond})
	stop := make(chan struct{})
	time.AfterFunc(250*time.Millisecond, func() { close(stop) })
	r, dir := scanTenant(t, slow, stop)
	if r.status != exitInterrupted || r.stdout != "" {
		t.Fatalf("interrupted: exit %d, stdout %q, want 130 and nothing; stderr:\n%s", r.status, r.stdout, r.stderr)
	}
	if !strings.Contains(r.stderr, "--resume") || !strings.Contains(r.stderr, dir) {
		t.Errorf("stderr does not say how to go on:\n%s", r.stderr)
	}
	if d := cmp.Diff([]string{fileSnapshot}, entries(t, dir)); d != "" {
		t.Errorf("files of an interrupted scan (-want +got):\n%s", d)
	}
	if r := scanInto(t, slow, nil, "--resume", dir); r.status != exitDone {
		t.Fatalf("resumed: exit %d; stderr:\n%s", r.status, r.stderr)
	}
	if d := cmp.Diff(reportsOf(t, want), reportsOf(t, dir)); d != "" {
		t.Errorf("reports differ (-undisturbed +resumed):\n%s", d)
	}
	if r := scanInto(t, slow, nil, "--resume", dir); r.status != exitUsage || !strings.Contains(r.stderr, "finished") {
		t.Errorf("resume of a finished scan: exit %d: %s", r.status, r.stderr)
	}
}

// TestProposals scans the documented policies under the documented PATCH body.
func TestProposals(t *testing.T) {
	legacy := `{"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration","id":"Fido2","state":"enabled","isSelfServiceRegistrationAllowed":true,
		"isAttestationEnforced":false,"keyRestrictions":{"isEnforced":false,"enforcementType":"block","aaGuids":[]},
		"includeTargets":[{"targetType":"group","id":"all_users","isRegistrationRequired":false}],"excludeTargets":[]}`
	patch := filepath.Join(t.TempDir(), "patch-authenticator.json")
	if err := os.WriteFile(patch, []byte(`{"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration","isAttestationEnforced":true,
		"keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["90a3ccdf-635c-4729-a248-9b709135078f","de1e552d-db1d-4423-a619-566b625cdc84"]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, root := serve(t, graphsim.Options{Users: 200, Seed: 2, Policy: []byte(legacy)})
	r, dir := scanTenant(t, root, nil, "--proposed", patch)
	if r.status != exitDone {
		t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
	}
	authenticator := map[string]bool{"90a3ccdf-635c-4729-a248-9b709135078f": true, "de1e552d-db1d-4423-a619-566b625cdc84": true}
	breaks := 0
	for _, row := range table(t, dir, report.FilePasskeys) {
		want := "breaks"
		switch {
		case authenticator[row["aaguid"]]:
			want = "unaffected"
		case len(row["aaguid"]) != 36:
			want = "undecided"
		}
		if row["impact"] != want {
			t.Errorf("%s with %q: %s, want %s", row["passkey_id"], row["aaguid"], row["impact"], want)
		}
		if want == "breaks" {
			breaks++
		}
	}
	if breaks == 0 {
		t.Error("nothing breaks: the test shows nothing")
	}
	// The same from the snapshot, offline, and with other flags the other way.
	same := filepath.Join(t.TempDir(), "same")
	if r := runProgram(t, nil, nil, "evaluate", dir, "--proposed", patch, "--out", same); r.status != exitDone {
		t.Fatalf("evaluate: exit %d: %s", r.status, r.stderr)
	}
	if d := cmp.Diff(reportsOf(t, dir), reportsOf(t, same)); d != "" {
		t.Errorf("evaluate differs from scan (-scan +evaluate):\n%s", d)
	}
	live := filepath.Join(t.TempDir(), "live")
	if r := runProgram(t, nil, nil, "evaluate", dir, "--proposed", "live", "--out", live, "--fail-on", "breaking"); r.status != exitDone {
		t.Errorf("evaluate live: exit %d, want 0: nothing breaks under the policy as it is; stderr %s", r.status, r.stderr)
	}
	only := filepath.Join(t.TempDir(), "only")
	if r := runProgram(t, nil, nil, "evaluate", filepath.Join(dir, fileSnapshot), "--proposed", "authenticator-only", "--out", only, "--fail-on", "breaking", "--format", "csv,json"); r.status != exitFinding {
		t.Errorf("evaluate authenticator-only --fail-on breaking: exit %d, want 3; stderr %s", r.status, r.stderr)
	}
	if got := entries(t, only); slices.Contains(got, fileWorkbook) || !slices.Contains(got, report.FileBreaking) {
		t.Errorf("--format csv,json wrote %v", got)
	}
}

func TestGroupUnreadable(t *testing.T) {
	sim, root := serve(t, graphsim.Options{Users: 80, Seed: 1, Faults: graphsim.Plan{Rules: []graphsim.Rule{
		{On: graphsim.OnGroup, Groups: []int{2}, Fault: graphsim.Fault{Kind: graphsim.FaultStatus, Status: 404}}}}})
	r, dir := scanTenant(t, root, nil)
	if r.status != exitPartial {
		t.Fatalf("exit %d, want 4; stderr:\n%s", r.status, r.stderr)
	}
	rows := table(t, dir, report.FileUnread)
	if len(rows) != 1 || rows[0]["what"] != "group" || rows[0]["id"] != sim.Groups()[2].ID {
		t.Errorf("unread.csv: %v", rows)
	}
	for _, row := range table(t, dir, report.FilePasskeys) {
		if row["proposed"] == "allowed" {
			t.Errorf("%s is allowed, though nobody knows who is excluded", row["passkey_id"])
		}
	}
}

// TestResumeWhatFailed scans with reads that fail for good, and goes on after
// they are mended: what could not be read is read, and the report is whole.
func TestResumeWhatFailed(t *testing.T) {
	_, calm := serve(t, graphsim.Options{Users: 150, Seed: 4})
	r, want := scanTenant(t, calm, nil)
	if r.status != exitDone {
		t.Fatalf("undisturbed: exit %d; stderr:\n%s", r.status, r.stderr)
	}
	sim, rough := serve(t, graphsim.Options{Users: 150, Seed: 4, Faults: graphsim.Plan{Rules: []graphsim.Rule{
		{On: graphsim.OnMethods, Users: []int{31, 32}, Times: 2, Fault: graphsim.Fault{Kind: graphsim.FaultStatus, Status: 403}},
		{On: graphsim.OnGroup, Groups: []int{2}, Times: 1, Fault: graphsim.Fault{Kind: graphsim.FaultStatus, Status: 403}},
	}}})
	r, dir := scanTenant(t, rough, nil)
	if r.status != exitPartial || !strings.Contains(r.stderr, "scan --resume") {
		t.Fatalf("exit %d, want 4 and how to go on; stderr:\n%s", r.status, r.stderr)
	}
	before := sim.Stats().Items
	if r := scanInto(t, rough, nil, "--resume", dir); r.status != exitDone {
		t.Fatalf("resumed: exit %d; stderr:\n%s\n%s", r.status, r.stderr, read(t, dir, report.FileUnread))
	}
	if n := sim.Stats().Items - before; n > 10 {
		t.Errorf("%d reads to mend two users", n)
	}
	if d := cmp.Diff(reportsOf(t, want), reportsOf(t, dir)); d != "" {
		t.Errorf("reports differ (-undisturbed +mended):\n%s", d)
	}
}

// TestResumeBeforeReports goes on with a scan that ended when all was read and
// the reports were not yet written.
func TestResumeBeforeReports(t *testing.T) {
	sim, root := serve(t, graphsim.Options{Users: 150, Seed: 4})
	r, dir := scanTenant(t, root, nil)
	if r.status != exitDone {
		t.Fatalf("exit %d; stderr:\n%s", r.status, r.stderr)
	}
	want := reportsOf(t, dir)
	for _, f := range []string{fileManifest, fileSummary, report.FileUsers} {
		if err := os.Remove(filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	before := sim.Stats().Items
	if r := scanInto(t, root, nil, "--resume", dir); r.status != exitDone || sim.Stats().Items != before {
		t.Fatalf("resumed: exit %d after %d reads, want 0 and none; stderr:\n%s", r.status, sim.Stats().Items-before, r.stderr)
	}
	if d := cmp.Diff(want, reportsOf(t, dir)); d != "" {
		t.Errorf("reports differ (-first +again):\n%s", d)
	}
}

// TestNamelessTenant scans without the permission for the organization: only
// with a token that tells its tenant does anybody know which one it is.
func TestNamelessTenant(t *testing.T) {
	plan := graphsim.Plan{Rules: []graphsim.Rule{{On: graphsim.OnOrganization, Fault: graphsim.Fault{Kind: graphsim.FaultStatus, Status: 403}}}}
	_, root := serve(t, graphsim.Options{Users: 20, Faults: plan})
	if r, _ := scanTenant(t, root, nil); r.status != exitRefused || !strings.Contains(r.stderr, "Organization.Read.All") {
		t.Errorf("opaque token: exit %d: %s", r.status, r.stderr)
	}
	// A token of three parts whose second one is {"tid":"84841066-..."}.
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"tid":"84841066-274d-4ec0-a5c1-276be684bdd3"}`)) + ".c2ln"
	sim := graphsim.New(graphsim.Options{Users: 20, Faults: plan, Token: token})
	dir := filepath.Join(t.TempDir(), "out")
	var out, errs safeBuffer
	status := run(t.Context(), world{
		args:  []string{"scan", "--auth", "token", "--cloud", "custom", "--graph-endpoint", "https://graph.example.com", "--out", dir},
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs, now: time.Now, transport: sim.Transport(),
		getenv: func(name string) string { return map[string]string{"PASSKEY_AUDIT_ACCESS_TOKEN": token}[name] },
	})
	if status != exitDone || !strings.Contains(errs.String(), "Organization.Read.All") || !strings.Contains(read(t, dir, fileSummary), "84841066-274d-4ec0-a5c1-276be684bdd3") {
		t.Errorf("token that tells: exit %d: %s", status, errs.String())
	}
}
