package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// TestRelease holds the release's configuration to the tree: the platforms are
// those that are checked, the linker sets variables that there are, and what an
// archive takes is there. That goreleaser itself accepts it takes goreleaser,
// which the step release of .ci/run builds.
func TestRelease(t *testing.T) {
	var c struct {
		Before struct {
			Hooks []string `json:"hooks"`
		} `json:"before"`
		Builds []struct {
			GOOS    []string `json:"goos"`
			GOARCH  []string `json:"goarch"`
			LDFlags []string `json:"ldflags"`
		} `json:"builds"`
		Archives []struct {
			Files []struct {
				Source string `json:"src"`
			} `json:"files"`
		} `json:"archives"`
	}
	if err := yaml.Unmarshal([]byte(read(t, projectRoot, ".goreleaser.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Builds) != 1 || len(c.Archives) != 1 {
		t.Fatalf("%d builds and %d archives, want one of each", len(c.Builds), len(c.Archives))
	}
	var platforms []string
	for _, os := range c.Builds[0].GOOS {
		for _, arch := range c.Builds[0].GOARCH {
			platforms = append(platforms, os+"/"+arch)
		}
	}
	checked := regexp.MustCompile(`"((?:linux|darwin|windows)/\w+)"`).FindAllStringSubmatch(read(t, projectRoot, ".ci/platforms/main.go"), -1)
	var want []string
	for _, m := range checked {
		want = append(want, m[1])
	}
	if d := cmp.Diff(want, platforms); d != "" {
		t.Errorf("platforms that are released, against those that are checked (-want +got):\n%s", d)
	}

	declared := regexp.MustCompile(`(?m)^var ([\w, ]+) string$`).FindStringSubmatch(read(t, "version.go"))
	if declared == nil {
		t.Fatal("version.go declares no variables for the linker")
	}
	for where, text := range map[string]string{".goreleaser.yaml": strings.Join(c.Builds[0].LDFlags, " "), "Dockerfile": read(t, projectRoot, "Dockerfile")} {
		var set []string
		for _, m := range regexp.MustCompile(`-X main\.(\w+)=`).FindAllStringSubmatch(text, -1) {
			set = append(set, m[1])
		}
		if d := cmp.Diff(strings.Split(declared[1], ", "), set); d != "" {
			t.Errorf("what the linker sets in %s (-want +got):\n%s", where, d)
		}
	}

	var sources []string
	for _, f := range c.Archives[0].Files {
		sources = append(sources, f.Source)
		if strings.HasPrefix(f.Source, ".build/") {
			continue // the hooks make it
		}
		if found, err := filepath.Glob(filepath.Join(projectRoot, f.Source)); err != nil || len(found) == 0 {
			t.Errorf("%s: nothing is there (%v)", f.Source, err)
		}
	}
	for _, s := range []string{"README.md", "CHANGELOG.md", "LICENSE", "audit/aaguid/NOTICE", ".build/THIRD-PARTY-NOTICES", ".build/man/*.1", ".build/completions/*"} {
		if !slices.Contains(sources, s) {
			t.Errorf("the archives lack %s", s)
		}
	}
	for _, h := range c.Before.Hooks {
		if _, line, ok := strings.Cut(h, " ./cmd/passkey-audit "); ok {
			if _, err := parseCommand(strings.Fields(line)); err != nil {
				t.Errorf("%s: %v", h, err)
			}
		}
	}
	if len(c.Before.Hooks) != 4 {
		t.Errorf("%d hooks, want 4: %q", len(c.Before.Hooks), c.Before.Hooks)
	}
}

// TestChangelog: the form is that of https://keepachangelog.com, and the newest
// part stands first.
func TestChangelog(t *testing.T) {
	text := read(t, projectRoot, "CHANGELOG.md")
	heads := regexp.MustCompile(`(?m)^## .*$`).FindAllString(text, -1)
	if !strings.HasPrefix(text, "# Changelog\n") || len(heads) == 0 || heads[0] != "## [Unreleased]" {
		t.Errorf("headings %q, want Unreleased first", heads)
	}
	kinds := regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(text, -1)
	for _, k := range kinds {
		if !slices.Contains([]string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}, k[1]) {
			t.Errorf("%q is no kind of change", k[1])
		}
	}
	if len(kinds) == 0 {
		t.Error("no change is told")
	}
	root := newRootCommand(world{}, &ui{})
	for _, m := range regexp.MustCompile("`passkey-audit ([a-z]+)").FindAllStringSubmatch(text, -1) {
		if cmd, _, err := root.Find([]string{m[1]}); err != nil || cmd == root {
			t.Errorf("CHANGELOG.md tells of passkey-audit %s: %v", m[1], err)
		}
	}
}
