package json

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passkey-audit/audit"
	"passkey-audit/report"
	"passkey-audit/report/testdata/fixture"
)

// check holds a value against the part of JSON Schema that
// summary.schema.json uses; a keyword that it does not know is an error.
func check(schema map[string]any, v any, at string) []string {
	var found []string
	say := func(format string, args ...any) { found = append(found, at+": "+fmt.Sprintf(format, args...)) }
	for keyword, arg := range schema {
		switch keyword {
		case "$schema", "title", "description", "format":
		case "const":
			if !reflect.DeepEqual(arg, v) {
				say("is %v, not %v", v, arg)
			}
		case "type":
			types, ok := arg.([]any)
			if !ok {
				types = []any{arg}
			}
			fits := false
			for _, t := range types {
				fits = fits || t == typeOf(v) || t == "number" && typeOf(v) == "integer"
			}
			if !fits {
				say("is a %s, not %v", typeOf(v), arg)
			}
		case "enum":
			if !slices.Contains(arg.([]any), v) {
				say("is %v, none of %v", v, arg)
			}
		case "minimum":
			if n, ok := v.(float64); ok && n < arg.(float64) {
				say("%v is too small", n)
			}
		case "items":
			if list, ok := v.([]any); ok {
				for i, e := range list {
					found = append(found, check(arg.(map[string]any), e, fmt.Sprintf("%s[%d]", at, i))...)
				}
			}
		case "required":
			if object, ok := v.(map[string]any); ok {
				for _, k := range arg.([]any) {
					if _, ok := object[k.(string)]; !ok {
						say("lacks %v", k)
					}
				}
			}
		case "properties":
			if object, ok := v.(map[string]any); ok {
				for k, s := range arg.(map[string]any) {
					if e, ok := object[k]; ok {
						found = append(found, check(s.(map[string]any), e, at+"."+k)...)
					}
				}
			}
		case "additionalProperties":
			if object, ok := v.(map[string]any); ok {
				for k := range object {
					if _, ok := schema["properties"].(map[string]any)[k]; !ok {
						say("%s is not in the schema", k)
					}
				}
			}
		default:
			say("unknown keyword %s", keyword)
		}
	}
	return found
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	}
	return "object"
}

func TestSummary(t *testing.T) {
	raw, err := os.ReadFile("summary.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]report.Input{
		"summary.json": fixture.Input(t.TempDir()), "summary-empty.json": fixture.Empty(t.TempDir()), "summary-tenants.json": fixture.Fleet(t.TempDir()),
		"summary-nothing.json": {Source: report.Source{Users: fixture.Each(nil)}, TempDir: t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := WriteSummary(&b, fixture.Build(t, in)); err != nil {
				t.Fatal(err)
			}
			var v any
			if err := json.Unmarshal(b.Bytes(), &v); err != nil {
				t.Fatal(err)
			}
			for _, problem := range check(schema, v, "summary") {
				t.Error(problem)
			}
			fixture.Golden(t, name, b.Bytes())
			var s report.Summary
			if err := json.Unmarshal(b.Bytes(), &s); err != nil {
				t.Fatal(err)
			}
			u := s.Users
			if balanced := u.Listed == u.Read+u.Unread+u.Gone+u.OutOfScope; !balanced && s.Complete {
				t.Error("complete, but the counts do not add up")
			}
			if p := s.Passkeys; p.Total != p.Breaks+p.AlreadyBlocked+p.Restored+p.Unaffected+p.Undecided {
				t.Errorf("passkeys do not add up: %+v", p)
			}
		})
	}
}

// TestSchemaCatches shows that the check sees what is wrong.
func TestSchemaCatches(t *testing.T) {
	raw, err := os.ReadFile("summary.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteSummary(&b, fixture.Build(t, fixture.Input(t.TempDir()))); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]any){
		"missing": func(m map[string]any) { delete(m, "users") },
		"added":   func(m map[string]any) { m["new"] = 1 },
		"type":    func(m map[string]any) { m["complete"] = "true" },
		"version": func(m map[string]any) { m["schema"] = 2.0 },
		"range":   func(m map[string]any) { m["passkeys"].(map[string]any)["breaks"] = -1.0 },
		"enum":    func(m map[string]any) { m["users"].(map[string]any)["roles_known"] = "many" },
		"list":    func(m map[string]any) { m["assumptions"] = []any{1.0} },
	} {
		t.Run(name, func(t *testing.T) {
			var m map[string]any
			if err := json.Unmarshal(b.Bytes(), &m); err != nil {
				t.Fatal(err)
			}
			change(m)
			if len(check(schema, m, "summary")) == 0 {
				t.Error("not seen")
			}
		})
	}
}

// TestPasskeys: every passkey on its line, in the table's order and with the
// table's values, and nothing lost of what Microsoft Graph sent.
func TestPasskeys(t *testing.T) {
	d := fixture.Build(t, fixture.Input(t.TempDir()))
	var b bytes.Buffer
	if err := WritePasskeys(context.Background(), &b, d); err != nil {
		t.Fatal(err)
	}
	fixture.Golden(t, "passkeys.jsonl", b.Bytes())
	table, _ := d.Table(report.FilePasskeys)
	rows := fixture.Rows(t, table)
	want := map[string]string{}
	for _, u := range fixture.Users() {
		for _, k := range u.Passkeys {
			want[k.ID] = k.Name + "\n" + k.AAGUID + "\n" + k.Model + "\n" + string(k.Type) + "\n" + string(k.Attestation) + "\n" + k.Current.Reason + "\n" + k.Proposed.Reason
		}
	}
	got := map[string]string{}
	scanner := bufio.NewReader(&b)
	for i := 0; ; i++ {
		line, err := scanner.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if i != len(rows) {
				t.Errorf("%d lines, %d rows", i, len(rows))
			}
			break
		}
		var p Passkey
		if err != nil || json.Unmarshal(line, &p) != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		got[p.PasskeyID] = p.Name + "\n" + p.AAGUIDSent + "\n" + p.Model + "\n" + p.Type + "\n" + p.Attestation + "\n" + p.Current.Reason + "\n" + p.Proposed.Reason
		line1 := []string{string(p.Impact), string(p.Proposed.Code), p.UPN, p.Name, string(p.Current.Decision), string(p.Proposed.Decision), p.UserID, p.PasskeyID}
		r := rows[i]
		if diff := cmp.Diff([]string{r[0], r[1], r[3], r[8], r[17], r[18], r[22], r[23]}, line1); diff != "" {
			t.Errorf("line %d (-row +line):\n%s", i, diff)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("passkeys (-want +got):\n%s", diff)
	}
}

// TestStrengthsNotRead: the empty strengths.csv is no finding.
func TestStrengthsNotRead(t *testing.T) {
	for _, read := range []bool{false, true} {
		in := fixture.Empty(t.TempDir())
		if read {
			in.Strengths.Of = func(*audit.JudgedUser) []report.StrengthFinding { return nil }
		}
		d := fixture.Build(t, in)
		var b, c bytes.Buffer
		if err := errors.Join(WriteManifest(&b, NewManifest(d)), WriteSummary(&c, d)); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"manifest": b.String(), "summary": c.String()} {
			if want := fmt.Sprintf("\"strengths_read\": %v,", read); !strings.Contains(text, want) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
	}
}

func TestManifest(t *testing.T) {
	m := NewManifest(fixture.Build(t, fixture.Input(t.TempDir())))
	m.PolicySHA256, m.ProposedSHA256, m.CSV = "aa", "bb", CSVForm{Form: "excel", Delimiter: ","}
	m.Files = append(m.Files, File{Name: "users.csv", Size: 3, SHA256: "cc"})
	var b bytes.Buffer
	if err := WriteManifest(&b, m); err != nil {
		t.Fatal(err)
	}
	fixture.Golden(t, "manifest.json", b.Bytes())
	got, err := ReadManifest(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "[]", "{}", `{"schema":2}`, "no"} {
		if _, err := ReadManifest(strings.NewReader(bad)); !errors.Is(err, ErrManifest) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}
