package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// jobTypes is the part of Microsoft.App/jobs, version 2025-01-01, that the Bicep
// file uses: for each type its properties and their types, as
// https://learn.microsoft.com/azure/templates/microsoft.app/2025-01-01/jobs has
// them. "!" marks what is required, "[]" a list, "{}" an object with any keys.
// The Bicep compiler is on none of the registries that the checks can reach;
// this stands in for it.
var jobTypes = map[string]map[string]string{
	"Job":              {"name": "string!", "location": "string!", "identity": "Identity", "properties": "JobProperties", "tags": "{}"},
	"Identity":         {"type": "string!", "userAssignedIdentities": "{}"},
	"JobProperties":    {"environmentId": "string", "workloadProfileName": "string", "configuration": "JobConfiguration", "template": "JobTemplate"},
	"JobConfiguration": {"triggerType": "string!", "replicaTimeout": "int!", "replicaRetryLimit": "int", "scheduleTriggerConfig": "Schedule", "registries": "Registry[]", "secrets": "Secret[]"},
	"Schedule":         {"cronExpression": "string!", "parallelism": "int", "replicaCompletionCount": "int"},
	"Registry":         {"identity": "string", "passwordSecretRef": "string", "server": "string", "username": "string"},
	"Secret":           {"identity": "string", "keyVaultUrl": "string", "name": "string", "value": "string"},
	"JobTemplate":      {"containers": "Container[]", "volumes": "Volume[]"},
	"Container":        {"name": "string", "image": "string", "args": "string[]", "command": "string[]", "env": "Variable[]", "resources": "Resources", "volumeMounts": "Mount[]"},
	"Variable":         {"name": "string", "value": "string", "secretRef": "string"},
	"Resources":        {"cpu": "number", "memory": "string"},
	"Mount":            {"mountPath": "string", "subPath": "string", "volumeName": "string"},
	"Volume":           {"name": "string", "storageType": "string", "storageName": "string", "mountOptions": "string"},
}

// jobValues lists the values that the documentation allows.
var jobValues = map[string][]string{
	"triggerType": {"Event", "Manual", "Schedule"},
	"storageType": {"AzureFile", "EmptyDir", "NfsAzureFile", "Secret"},
	"type":        {"None", "SystemAssigned", "SystemAssigned,UserAssigned", "UserAssigned"},
}

// TestContainerAppsJob holds the Bicep file to the documented properties of a
// job, to its own parameters, and to our command line.
func TestContainerAppsJob(t *testing.T) {
	b := parseBicep(t, read(t, deployFolder, "containerapp-job.bicep"))
	checkBicep(t, "Job", b.resource, "job")
	properties := b.resource["properties"].(map[string]any)
	template := properties["template"].(map[string]any)
	container := template["containers"].([]any)[0].(map[string]any)
	var args []string
	for _, a := range container["args"].([]any) {
		args = append(args, b.fill(t, a.(string)))
	}
	flags := checkScan(t, args)
	if flags["auth"] != "managed-identity" || flags["client-id"] == "" || flags["upload"] == "" {
		t.Errorf("arguments %q: want a managed identity, and an upload, for a replica's disk ends with it", args)
	}
	mount := container["volumeMounts"].([]any)[0].(map[string]any)
	volume := template["volumes"].([]any)[0].(map[string]any)
	if mount["volumeName"] != volume["name"] || mount["mountPath"] != "/data" || volume["storageType"] != "EmptyDir" {
		t.Errorf("mount %v of volume %v, want an EmptyDir at the image's working folder", mount, volume)
	}
	for p := range b.params {
		if !b.used[p] {
			t.Errorf("param %s is not used", p)
		}
	}
	for p := range b.used {
		if _, ok := b.params[p]; !ok {
			t.Errorf("param %s is not declared", p)
		}
	}
}

// TestBicepCatches: the check finds what it is for.
func TestBicepCatches(t *testing.T) {
	text := read(t, deployFolder, "containerapp-job.bicep")
	for _, tt := range []struct{ name, old, new string }{
		{"a property that is none", "replicaTimeout:", "replicaTimeouts:"},
		{"a type", "replicaTimeout: 86400", "replicaTimeout: '86400'"},
		{"a value", "'Schedule'", "'Monthly'"},
		{"a list", "args: [", "command: {\n}\nargs: ["},
	} {
		changed := strings.Replace(text, tt.old, tt.new, 1)
		if changed == text {
			t.Fatalf("%s: nothing was changed", tt.name)
		}
		if found := bicepProblems("Job", parseBicep(t, changed).resource, "job"); len(found) == 0 {
			t.Errorf("%s: not found", tt.name)
		}
	}
}

func checkBicep(t *testing.T, typ string, value any, at string) {
	t.Helper()
	for _, p := range bicepProblems(typ, value, at) {
		t.Error(p)
	}
}

// bicepProblems compares a value with its documented type.
func bicepProblems(typ string, value any, at string) []string {
	typ = strings.TrimSuffix(typ, "!")
	if of, ok := strings.CutSuffix(typ, "[]"); ok {
		list, ok := value.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s is no list", at)}
		}
		var found []string
		for i, v := range list {
			found = append(found, bicepProblems(of, v, fmt.Sprintf("%s[%d]", at, i))...)
		}
		return found
	}
	var ok bool
	switch typ {
	case "string":
		// An expression may be of any type: what it names is checked elsewhere.
		_, literal := value.(string)
		_, other := value.(expression)
		ok = literal || other
	case "int":
		_, ok = value.(int)
	case "number":
		ok = value == expression("json('0.5')")
	case "{}":
		_, ok = value.(map[string]any)
	default:
		return objectProblems(jobTypes[typ], value, at)
	}
	if !ok {
		return []string{fmt.Sprintf("%s is %v, want %s", at, value, typ)}
	}
	return nil
}

func objectProblems(properties map[string]string, value any, at string) []string {
	object, ok := value.(map[string]any)
	if !ok || properties == nil {
		return []string{fmt.Sprintf("%s is no object", at)}
	}
	var found []string
	for name, v := range object {
		typ, ok := properties[name]
		if !ok {
			found = append(found, fmt.Sprintf("%s has no property %s", at, name))
			continue
		}
		found = append(found, bicepProblems(typ, v, at+"."+name)...)
		if text, literal := v.(string); literal && jobValues[name] != nil && !slices.Contains(jobValues[name], text) {
			found = append(found, fmt.Sprintf("%s.%s is %s, want one of %v", at, name, text, jobValues[name]))
		}
	}
	for name, typ := range properties {
		if _, ok := object[name]; strings.HasSuffix(typ, "!") && !ok {
			found = append(found, fmt.Sprintf("%s lacks %s", at, name))
		}
	}
	return found
}

// An expression is what a Bicep file computes: a parameter or a call.
type expression string

// A bicepFile is the part of the language that ours uses: parameters and one
// resource, of objects, lists, strings, whole numbers and expressions, each
// property and element on a line of its own.
type bicepFile struct {
	params   map[string]string // name to default, or nothing
	used     map[string]bool
	resource map[string]any
}

var (
	bicepParam    = regexp.MustCompile(`^param (\w+) string(?: = (.+))?$`)
	bicepResource = regexp.MustCompile(`^resource \w+ 'Microsoft\.App/jobs@2025-01-01' = \{$`)
	bicepProperty = regexp.MustCompile(`^('[^']+'|\w+): (.+)$`)
	bicepInside   = regexp.MustCompile(`\$\{(\w+)\}`)
)

func parseBicep(t *testing.T, text string) *bicepFile {
	t.Helper()
	b := &bicepFile{params: map[string]string{}, used: map[string]bool{}}
	var lines []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "//") && !strings.HasPrefix(l, "@description('") {
			lines = append(lines, l)
		}
	}
	for len(lines) > 0 {
		l := lines[0]
		lines = lines[1:]
		if m := bicepParam.FindStringSubmatch(l); m != nil {
			b.params[m[1]] = m[2]
		} else if bicepResource.MatchString(l) && b.resource == nil {
			b.resource = b.object(t, &lines)
		} else {
			t.Fatalf("Bicep: %s is not understood", l)
		}
	}
	if b.resource == nil {
		t.Fatal("Bicep: there is no resource")
	}
	return b
}

func (b *bicepFile) object(t *testing.T, lines *[]string) map[string]any {
	t.Helper()
	object := map[string]any{}
	for {
		l := next(t, lines)
		if l == "}" {
			return object
		}
		m := bicepProperty.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("Bicep: %s is no property", l)
		}
		b.note(m[1])
		if _, twice := object[m[1]]; twice {
			t.Errorf("Bicep: %s stands twice", m[1])
		}
		object[m[1]] = b.value(t, m[2], lines)
	}
}

func (b *bicepFile) value(t *testing.T, text string, lines *[]string) any {
	t.Helper()
	var number int
	switch {
	case text == "{":
		return b.object(t, lines)
	case text == "{}":
		return map[string]any{}
	case text == "[":
		var list []any
		for {
			l := next(t, lines)
			if l == "]" {
				return list
			}
			list = append(list, b.value(t, l, lines))
		}
	case strings.HasPrefix(text, "'") && strings.HasSuffix(text, "'"):
		b.note(text)
		return strings.Trim(text, "'")
	case regexp.MustCompile(`^\d+$`).MatchString(text):
		if _, err := fmt.Sscan(text, &number); err != nil {
			t.Fatal(err)
		}
		return number
	case regexp.MustCompile(`^\w+$`).MatchString(text):
		b.used[text] = true
		return expression(text)
	case text == "json('0.5')":
		// Bicep has no fractions; this is how the documentation writes them.
		return expression(text)
	}
	t.Fatalf("Bicep: %s is not understood", text)
	return nil
}

// note remembers the parameters that a string names.
func (b *bicepFile) note(text string) {
	for _, m := range bicepInside.FindAllStringSubmatch(text, -1) {
		b.used[m[1]] = true
	}
}

// fill gives a string with a sample in place of each parameter.
func (b *bicepFile) fill(t *testing.T, text string) string {
	t.Helper()
	samples := map[string]string{
		"identityClientId": "11111111-2222-3333-4444-555555555555", "tenant": "contoso.com",
		"uploadUrl": "https://contosoreports.blob.core.windows.net/passkey-audit",
	}
	return bicepInside.ReplaceAllStringFunc(text, func(v string) string {
		s, ok := samples[v[2:len(v)-1]]
		if !ok {
			t.Errorf("%s: there is no sample of %s", text, v)
		}
		return s
	})
}

func next(t *testing.T, lines *[]string) string {
	t.Helper()
	if len(*lines) == 0 {
		t.Fatal("Bicep: the file ends inside an object or list")
	}
	l := (*lines)[0]
	*lines = (*lines)[1:]
	return l
}
