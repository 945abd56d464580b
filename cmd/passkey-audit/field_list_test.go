package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Folders of the tests that fieldList names.
const (
	inCmd     = "cmd/passkey-audit"
	inCollect = "audit/collect"
	inGraph   = "audit/graph"
	inPolicy  = "audit/policy"
	inAAGUID  = "audit/aaguid"
	inXLSX    = "report/xlsx"
	inCSV     = "report/csv"
	inReport  = "report"
	inAudit   = "audit"
)

// A proof is a test that proves something: its folder, its function, and the
// cases of its table, or the names of its files, that matter.
type proof struct {
	dir, test string
	cases     []string
}

// fieldList says for each way in which tools for Microsoft Graph are known to
// have failed on real tenants, which tests prove that this one does not.
var fieldList = []struct {
	failure string
	proofs  []proof
}{
	{"a 429 inside a batch, with and without Retry-After, in seconds and as a date", []proof{
		{inCmd, "TestField", []string{"inner 429 without Retry-After", "inner 429 with seconds", "inner 429 with a date"}},
		{inGraph, "TestParseRetryAfter", nil}}},
	{"a batch that leaves an item unanswered", []proof{
		{inCmd, "TestField", []string{"item left unanswered", "item left unanswered for good"}}, {inGraph, "TestOddItems", nil}}},
	{"429 for ten minutes and more", []proof{
		{inCmd, "TestField", []string{"throttled for an hour, without Retry-After", "throttled for an hour, with seconds", "throttled for an hour, with a date", "a user who is throttled for hours"}},
		{inCollect, "TestHourOfThrottling", nil}}},
	{"a link that repeats", []proof{
		{inCmd, "TestField", []string{"link that repeats, once", "link that repeats, for good"}}, {inCollect, "TestLinks", []string{"circle"}}, {inGraph, "TestMethodsEndsWithoutEnd", nil}}},
	{"a link to another host", []proof{
		{inCmd, "TestForeignLinks", nil}, {inCmd, "TestField", []string{"link to another host, for good"}}, {inGraph, "TestForeignLinkSendsNothing", nil}}},
	{"a page token that expires", []proof{
		{inCmd, "TestField", []string{"page token expired", "page token expired four times", "page token that always expires"}}}},
	{"200 with the body of an error", []proof{
		{inCmd, "TestField", []string{"200 with an error body", "200 with an error body for good"}}}},
	{"a page without value", []proof{
		{inCmd, "TestField", []string{"page without value", "passkeys without value for good", "users without value for good"}}}},
	{"an empty page with a link", []proof{
		{inCmd, "TestField", []string{"empty pages with links", "empty pages with new links for ever", "empty page of passkeys"}}}},
	{"a token that expires in mid-run", []proof{
		{inCmd, "TestTokenExpires", nil}, {inCmd, "TestField", []string{"token refused once", "token refused for good"}}, {inGraph, "TestTokensAreKeptAndRenewed", nil}}},
	{"a role that lapses in mid-run", []proof{
		{inCmd, "TestField", []string{"role lapses while users are listed", "role lapses while passkeys are read", "role lapses, whole batches"}}, {inCollect, "TestLosingThePermission", nil}}},
	{"a user who is deleted between listing and reading", []proof{
		{inCmd, "TestUnknownIsNeverNone", nil}, {inCollect, "TestEachFailure", []string{"not found, and gone"}}}},
	{"a target group that is gone or cannot be read", []proof{
		{inCmd, "TestGroupUnreadable", nil}, {inPolicy, "TestScenarios", []string{"excluded-group-gone", "excluded-group-unread", "included-group-unread"}}}},
	{"a user in two profiles, one for and one against", []proof{
		{inPolicy, "TestScenarios", []string{"profiles-any-allows", "profiles-both-block"}}}},
	{"a user both included and excluded", []proof{
		{inPolicy, "TestScenarios", []string{"excluded-user", "excluded-group"}}}},
	{"profiles beside stale tenant-wide fields", []proof{
		{inPolicy, "TestScenarios", []string{"profiles-govern"}}}},
	{"an AAGUID that is null, all zero, in upper case or in braces", []proof{
		{inPolicy, "TestScenarios", []string{"aaguid-unknown", "aaguid-zero", "aaguid-forms"}}}},
	{"values of an enum that are not known yet", []proof{
		{inPolicy, "TestScenarios", []string{"types-unknown-value", "type-unknown", "attestation-unknown", "target-type-unknown", "state-unknown"}}, {inGraph, "TestPasskeyValues", nil}}},
	{"names that begin with = + - @, a tab or a carriage return", []proof{
		{inCSV, "TestGuard", []string{"equals", "plus", "minus", "at", "tab", "return"}}, {inCmd, "TestHostileNames", nil}}},
	{"a cell of more than 32,767 characters", []proof{{inXLSX, "TestText", []string{"at the limit", "over the limit"}}}},
	{"more than 1,048,576 rows", []proof{{inXLSX, "TestManySheets", nil}}},
	{"a tenant that is larger than the memory", []proof{{inCmd, "TestMemory", nil}, {inReport, "TestSpool", nil}}},
	{"an empty catalogue of names", []proof{{inAAGUID, "TestParseRefuses", []string{"nothing", "no entries"}}}},
	{"kill -9, resume, and another report", []proof{{inCmd, "TestKilled", nil}, {inCmd, "TestAnyDisturbance", nil}}},
	{"an interrupted run that leaves a file that looks whole", []proof{{inCmd, "TestInterrupted", nil}, {inCmd, "TestKilled", nil}, {inCmd, "TestDiskFull", nil}}},
	{"an unknown flag that exits 0", []proof{{inCmd, "TestBadInput", []string{"unknown flag"}}}},
	{"notices of retries among the data on standard output", []proof{{inCmd, "TestStdoutIsClean", nil}}},
	{"a wait that does not hear Ctrl-C", []proof{
		{inCmd, "TestField", []string{"Ctrl-C while sign-in is throttled", "Ctrl-C while the policy is throttled", "Ctrl-C while the listing is throttled", "Ctrl-C while reading is throttled", "Ctrl-C while a server error is waited out"}},
		{inCmd, "TestSignals", []string{"interrupt while throttled for an hour"}}}},
	{"an error in one place that ends everything", []proof{{inCmd, "TestUnknownIsNeverNone", nil}, {inAudit, "TestHabits", nil}}},
	{"a failed read that is told as no passkey", []proof{{inCmd, "TestUnknownIsNeverNone", nil}, {inReport, "TestIncomplete", nil}}},
}

// TestFieldList wants each test that fieldList names to be there.
func TestFieldList(t *testing.T) {
	known := map[string]map[string]map[string]bool{}
	for _, f := range fieldList {
		if len(f.proofs) == 0 {
			t.Errorf("nothing proves: %s", f.failure)
		}
		for _, p := range f.proofs {
			if known[p.dir] == nil {
				known[p.dir] = testsIn(t, filepath.Join("..", "..", filepath.FromSlash(p.dir)))
			}
			cases, ok := known[p.dir][p.test]
			if !ok {
				t.Errorf("%s: there is no %s in %s", f.failure, p.test, p.dir)
			}
			for _, c := range p.cases {
				if !cases[c] && !known[p.dir][""][c] {
					t.Errorf("%s: %s in %s has no case %q", f.failure, p.test, p.dir, c)
				}
			}
		}
	}
}

// testsIn gives the test functions of a folder, each with the texts in it, which
// the names of its cases are among. Texts outside of tests, and the names of
// files in testdata, stand under the empty name.
func testsIn(t *testing.T, dir string) map[string]map[string]bool {
	t.Helper()
	out := map[string]map[string]bool{"": {}}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	for _, file := range files {
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range syntax.Decls {
			name := ""
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				name = f.Name.Name
				out[name] = map[string]bool{}
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if s, err := strconv.Unquote(l.Value); err == nil {
						out[name][s] = true
					}
				}
				return true
			})
		}
	}
	data, err := filepath.Glob(filepath.Join(dir, "testdata", "*", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range data {
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			out[""][strings.TrimSuffix(filepath.Base(file), ".txtar")] = true
		}
	}
	return out
}
