package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/audit/graphsim"
	"passkey-audit/report"
)

// The simulated tenant's passkey profiles.
const (
	simDefaultProfile = "00000000-0000-0000-0000-000000000001"
	simPilotsProfile  = "e47a833c-5dfa-45f1-9471-bb0cf0eb425b"
	simPilotsName     = "Synced passkeys for pilots"
)

// enforcedPolicy is a policy with profiles whose lists are enforced: one allows,
// one blocks.
func enforcedPolicy(t *testing.T, o graphsim.Options) []byte {
	t.Helper()
	sim := simulate(o)
	_, pilots := groupNamed(t, sim, "Passkey pilots")
	_, emergency := groupNamed(t, sim, "Break-glass accounts")
	return fmt.Appendf(nil, `{"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration","id":"Fido2","state":"enabled","defaultPasskeyProfile":%[1]q,
		"excludeTargets":[{"id":%[4]q,"targetType":"group"}],
		"includeTargets":[{"targetType":"group","id":"all_users","allowedPasskeyProfiles":[%[1]q]},{"targetType":"group","id":%[3]q,"allowedPasskeyProfiles":[%[1]q,%[2]q]}],
		"passkeyProfiles":[
			{"id":%[1]q,"name":"Default passkey profile","passkeyTypes":"deviceBound,synced","attestationEnforcement":"disabled","keyRestrictions":{"isEnforced":true,"enforcementType":"allow",
				"aaGuids":["90a3ccdf-635c-4729-a248-9b709135078f","de1e552d-db1d-4423-a619-566b625cdc84","fa2b99dc-9e39-4257-8f92-4a30d23c4118"]}},
			{"id":%[2]q,"name":%[5]q,"passkeyTypes":"deviceBound,synced","attestationEnforcement":"disabled","keyRestrictions":{"isEnforced":true,"enforcementType":"block",
				"aaGuids":["fbfc3007-154e-4ecc-8c0b-6e020557d7bd"]}}]}`,
		simDefaultProfile, simPilotsProfile, pilots, emergency, simPilotsName)
}

// suggestTenants are tenants of all shapes.
func suggestTenants(t *testing.T) map[string]graphsim.Options {
	t.Helper()
	o := graphsim.Options{Users: 500, Seed: 7}
	enforced := o
	enforced.Policy = enforcedPolicy(t, o)
	legacy := o
	legacy.Shape = graphsim.ShapeLegacy
	return map[string]graphsim.Options{"profiles": o, "lists in force": enforced, "legacy": legacy}
}

// A price is a line of the table on standard error.
type price struct{ minUsers, aaguids, passkeys, people, last, undecided int }

var priceLine = regexp.MustCompile(`(?m)^ +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)(  <- this list)?$`)

// prices reads the table, and the one line that is marked as this list.
func prices(t *testing.T, stderr string) (all []price, mine price) {
	t.Helper()
	marked := 0
	for _, m := range priceLine.FindAllStringSubmatch(stderr, -1) {
		var n [6]int
		for i := range n {
			var err error
			if n[i], err = strconv.Atoi(m[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		p := price{n[0], n[1], n[2], n[3], n[4], n[5]}
		all = append(all, p)
		if m[7] != "" {
			marked, mine = marked+1, p
		}
	}
	if len(all) < 3 || marked != 1 {
		t.Fatalf("%d prices, %d of them this list's:\n%s", len(all), marked, stderr)
	}
	return all, mine
}

// TestSuggest takes the suggested body from standard output, where nothing else
// may be, and judges the snapshot by it: nothing breaks.
func TestSuggest(t *testing.T) {
	for name, o := range suggestTenants(t) {
		t.Run(name, func(t *testing.T) {
			_, dir := scanned(t, o, "--format", "csv")
			r := runs(t, exitDone, "suggest", dir)
			var body map[string]any
			if err := json.Unmarshal([]byte(r.stdout), &body); err != nil || !strings.HasSuffix(r.stdout, "}\n") || strings.HasSuffix(r.stdout, "\n\n") {
				t.Fatalf("%v: standard output is not a body alone:\n%s", err, r.stdout)
			}
			if again := runs(t, exitDone, "suggest", filepath.Join(dir, fileSnapshot), "--quiet"); again.stdout != r.stdout || again.stderr != "" {
				t.Errorf("quiet and again: stderr %q, the same body: %v", again.stderr, again.stdout == r.stdout)
			}
			out := filepath.Join(t.TempDir(), "allow.json")
			if w := runs(t, exitDone, "suggest", dir, "--out", out); w.stdout != "" || w.stderr != r.stderr || read(t, out) != r.stdout {
				t.Errorf("with --out: stdout %q; the same messages %v, the same body %v", w.stdout, w.stderr == r.stderr, read(t, out) == r.stdout)
			}
			_, mine := prices(t, r.stderr)
			_, judged := evaluated(t, exitDone, dir, "--proposed", out, "--fail-on", "breaking", "--format", "csv,json")
			s := summaryOf(t, judged)
			if s.Passkeys.Breaks+s.Users.Breaking+mine.passkeys+mine.people != 0 || mine.minUsers != 1 {
				t.Errorf("under the suggestion %d passkeys of %d people break; its price %+v", s.Passkeys.Breaks, s.Users.Breaking, mine)
			}
			// Nobody but those whose only passkey no list can name, and of whom it
			// is undecided.
			if s.Users.LosingLast != s.Users.LosingLastUndecided || s.Users.LosingLast != mine.last {
				t.Errorf("%d people lose the last passkey, for %d of them that is undecided; the table says %d", s.Users.LosingLast, s.Users.LosingLastUndecided, mine.last)
			}
			rows := passkeyRows(t, judged)
			enforcedNow := 0
			for _, row := range rows {
				if row["current"] == "allowed" && row["proposed"] != "allowed" && len(row["aaguid"]) == 36 {
					t.Errorf("%s, now allowed, is %s (%s)", row["aaguid"], row["proposed"], row["reason_code"])
				}
				if row["current"] == "blocked" && row["proposed"] == "allowed" && row["aaguid"] != audit.AuthenticatorAndroid.String() && row["aaguid"] != audit.AuthenticatorIOS.String() {
					t.Errorf("%s is blocked now, and the suggestion lets it in", row["aaguid"])
				}
				if row["current"] == "blocked" && row["reason_code"] != "user_excluded" {
					enforcedNow++
				}
			}
			if len(rows) < 100 || (name == "lists in force") != (enforcedNow > 0) {
				t.Errorf("%d passkeys, %d of them blocked by a list: the test shows little", len(rows), enforcedNow)
			}
			// No shorter list would do: whatever entry is taken off, something
			// breaks or becomes undecided, unless it is there for its own sake.
			if name == "legacy" {
				shorterBreaks(t, dir, body)
			}
		})
	}
}

// shorterBreaks takes each entry off a tenant-wide list.
func shorterBreaks(t *testing.T, dir string, body map[string]any) {
	t.Helper()
	restrictions, _ := body["keyRestrictions"].(map[string]any)
	list, _ := restrictions["aaGuids"].([]any)
	if len(list) < 5 {
		t.Fatalf("a list of %d", len(list))
	}
	for _, entry := range list {
		text := fmt.Sprint(entry)
		if text == audit.AuthenticatorAndroid.String() || text == audit.AuthenticatorIOS.String() {
			continue
		}
		r, _ := evaluated(t, exitFinding, dir, "--proposed", file(t, "allow.json", mustJSON(t, body)), "--block", text, "--fail-on", "breaking", "--format", "json")
		if r.stdout == "" {
			t.Errorf("without %s: no summary", text)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestSuggestPrices holds the table of what shorter lists cost, and the file of
// who breaks, to what evaluate then finds.
func TestSuggestPrices(t *testing.T) {
	for name, o := range suggestTenants(t) {
		t.Run(name, func(t *testing.T) {
			_, dir := scanned(t, o, "--format", "csv")
			all, _ := prices(t, runs(t, exitDone, "suggest", dir).stderr)
			lost := 0
			for _, want := range append(slices.Clone(all), price{minUsers: 4}) {
				if want.minUsers < 2 {
					continue
				}
				out, people := filepath.Join(t.TempDir(), "allow.json"), filepath.Join(t.TempDir(), "breaks.csv")
				r := runs(t, exitDone, "suggest", dir, "--min-users", strconv.Itoa(want.minUsers), "--out", out, "--people", people)
				rows, mine := prices(t, r.stderr)
				if want.minUsers != 4 && mine != want {
					t.Errorf("the table of the whole list says %+v, that of this list %+v", want, mine)
				}
				for _, p := range all {
					if !slices.Contains(rows, p) {
						t.Errorf("--min-users %d: the table lacks %+v", want.minUsers, p)
					}
				}
				_, judged := evaluated(t, exitDone, dir, "--proposed", out, "--format", "csv,json")
				s := summaryOf(t, judged)
				undecided := 0
				for _, row := range passkeyRows(t, judged) {
					if row["current"] == "allowed" && row["proposed"] == "undecided" {
						undecided++
					}
				}
				got := price{mine.minUsers, mine.aaguids, s.Passkeys.Breaks, s.Users.Breaking, s.Users.LosingLast, undecided}
				if got != mine {
					t.Errorf("the table says %+v, and evaluate finds %+v", mine, got)
				}
				lost += got.last
				peopleAgree(t, table(t, people), table(t, judged, report.FileUsers), mine)
				if n := len(namedIn(t, read(t, out))); n != mine.aaguids {
					t.Errorf("--min-users %d: the body names %d AAGUIDs, the table says %d", mine.minUsers, n, mine.aaguids)
				}
			}
			if lost == 0 {
				t.Error("nobody loses anything: the test shows nothing")
			}
		})
	}
}

// peopleAgree holds the file of who breaks to the report's users.
func peopleAgree(t *testing.T, people, users []map[string]string, want price) {
	t.Helper()
	risk := map[string]map[string]string{}
	for _, u := range users {
		risk[u["user_id"]] = u
	}
	var got price
	for _, p := range people {
		u := risk[p["user_id"]]
		if u == nil || u["breaking"] != p["breaking"] || u["user_principal_name"] != p["user_principal_name"] || (u["risk"] == "loses_last_passkey") != (p["loses_last_passkey"] == "true") {
			t.Errorf("%v, and the report says %v", p, u)
		}
		n, err := strconv.Atoi(p["breaking"])
		if err != nil {
			t.Fatal(err)
		}
		got.passkeys += n
		if n > 0 {
			got.people++
		}
		if p["loses_last_passkey"] == "true" {
			got.last++
		}
	}
	if got.passkeys != want.passkeys || got.people != want.people || got.last != want.last {
		t.Errorf("the file of people says %+v, the table %+v", got, want)
	}
}

// namedIn gives the AAGUIDs that a body names in any list, each once.
func namedIn(t *testing.T, body string) map[string]bool {
	t.Helper()
	type list struct {
		Restrictions struct {
			AAGUIDs []string `json:"aaGuids"`
		} `json:"keyRestrictions"`
	}
	var b struct {
		list
		Profiles []list `json:"passkeyProfiles"`
	}
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, l := range append(b.Profiles, b.list) {
		for _, a := range l.Restrictions.AAGUIDs {
			out[a] = true
		}
	}
	return out
}

// TestSuggestForProfile puts the list into one profile, found by id and by name,
// and leaves the other one as it is.
func TestSuggestForProfile(t *testing.T) {
	_, dir := scanned(t, graphsim.Options{Users: 500, Seed: 7}, "--format", "csv")
	for _, tt := range []struct{ id, name, other string }{
		{simDefaultProfile, "Default passkey profile", simPilotsName},
		{simPilotsProfile, simPilotsName, "Default passkey profile"},
	} {
		byID, byName := runs(t, exitDone, "suggest", dir, "--profile", tt.id), runs(t, exitDone, "suggest", dir, "--profile", tt.name)
		if byID.stdout != byName.stdout {
			t.Errorf("by id\n%s\nand by name\n%s", byID.stdout, byName.stdout)
		}
		_, judged := evaluated(t, exitDone, dir, "--proposed", file(t, "allow.json", byID.stdout), "--fail-on", "breaking", "--format", "json")
		changes := strings.Join(summaryOf(t, judged).ProposalChanges, "\n")
		if !strings.Contains(changes, tt.name) || strings.Contains(changes, tt.other) {
			t.Errorf("the body for %s changes:\n%s", tt.name, changes)
		}
	}
	r := runs(t, exitDone, "suggest", dir, "--allow", "Yubico", "--allow", "0f0e0d0c-0b0a-4908-8706-0504030201ff")
	if named := namedIn(t, r.stdout); !named["0f0e0d0c-0b0a-4908-8706-0504030201ff"] || !named["ee882879-721c-4913-9775-3dfcce97072a"] || !strings.Contains(r.stderr, `--allow "Yubico": ee882879-`) {
		t.Errorf("--allow: the list lacks what was asked for; stderr:\n%s", r.stderr)
	}
}

func TestSuggestRefuses(t *testing.T) {
	_, dir := scanned(t, graphsim.Options{Users: 80, Seed: 7}, "--format", "csv")
	_, legacy := scanned(t, graphsim.Options{Users: 20, Seed: 7, Shape: graphsim.ShapeLegacy}, "--format", "csv")
	there := file(t, "allow.json", "mine")
	fresh := filepath.Join(t.TempDir(), "fresh")
	for _, tt := range []struct {
		name string
		args []string
		says string
	}{
		{"no snapshot", []string{}, "takes one snapshot"},
		{"two snapshots", []string{dir, legacy}, "takes one snapshot"},
		{"none there", []string{fresh}, "no such snapshot"},
		{"unknown profile", []string{dir, "--profile", "Pilots"}, `"Pilots"`},
		{"profile where there are none", []string{legacy, "--profile", simDefaultProfile}, "no passkey profiles"},
		{"negative", []string{dir, "--min-users", "-1"}, "--min-users"},
		{"people without a shorter list", []string{dir, "--people", fresh}, "--min-users"},
		{"people with the whole list", []string{dir, "--people", fresh, "--min-users", "1"}, "--min-users"},
		{"out is there", []string{dir, "--out", there}, "--force"},
		{"people is there", []string{dir, "--people", there, "--min-users", "2"}, "--force"},
		{"one file for both", []string{dir, "--people", fresh, "--min-users", "2", "--out", filepath.Dir(fresh) + "/./fresh"}, "--people"},
		{"one file for both, by force", []string{dir, "--people", there, "--min-users", "2", "--out", there, "--force"}, "--people"},
		{"out is a folder", []string{dir, "--out", dir}, "it is a folder"},
		{"out is a folder, by force", []string{dir, "--out", dir, "--force"}, "it is a folder"},
		{"out below nothing", []string{dir, "--out", filepath.Join(fresh, "allow.json")}, "--out"},
		{"people below a file", []string{dir, "--people", filepath.Join(there, "breaks.csv"), "--min-users", "2"}, "--people"},
		{"a key that nobody makes", []string{dir, "--allow", "a key that nobody makes"}, "--allow"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := runs(t, exitUsage, append([]string{"suggest"}, tt.args...)...)
			if r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, tt.says) {
				t.Errorf("stdout %q, stderr %q; want one line that says %q", r.stdout, r.stderr, tt.says)
			}
			if _, err := os.Stat(fresh); err == nil || read(t, there) != "mine" {
				t.Error("a file was written")
			}
		})
	}
	runs(t, exitDone, "suggest", dir, "--out", there, "--force")
	if d := cmp.Diff(runs(t, exitDone, "suggest", dir).stdout, read(t, there)); d != "" {
		t.Errorf("with --force (-stdout +file):\n%s", d)
	}
}

// TestSuggestPartial makes a list of a snapshot that lacks somebody, and wants
// it said.
func TestSuggestPartial(t *testing.T) {
	_, _, dir := scannedAs(t, exitPartial, explainTenant(), "--format", "csv")
	r := runs(t, exitPartial, "suggest", dir)
	if !json.Valid([]byte(r.stdout)) || !strings.Contains(r.stderr, "warning: the snapshot is partial") {
		t.Errorf("stdout %s\nstderr %s", r.stdout, r.stderr)
	}
	if r := runs(t, exitPartial, "suggest", dir, "--quiet"); strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "warning: the snapshot is partial") {
		t.Errorf("quiet: %q", r.stderr)
	}
}
