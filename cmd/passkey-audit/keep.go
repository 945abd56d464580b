package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"passkey-audit/audit"
	reportjson "passkey-audit/report/json"
)

// Report folders that name themselves after tenant and time, and the removal of
// old ones.

// defaultOutTemplate names the folder of a report where the user names none.
const defaultOutTemplate = "passkey-audit_{tenant}_{time}"

// Forms of the times in a folder's name.
const (
	timeForm = "20060102T150405Z"
	dateForm = "2006-01-02"
)

// placeholder finds what stands between braces.
var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// expand fills the placeholders of --out and --upload in. Text that comes from
// the tenant cannot make a folder of its own.
func expand(template string, t audit.Tenant, at time.Time) string {
	return strings.NewReplacer(
		"{tenant}", folderName(t), "{time}", at.UTC().Format(timeForm), "{date}", at.UTC().Format(dateForm),
	).Replace(template)
}

// checkTemplate refuses placeholders that there are not.
func checkTemplate(flag, template string) error {
	rest := template
	for _, m := range placeholder.FindAllStringSubmatch(template, -1) {
		switch m[1] {
		case "tenant", "time", "date":
		default:
			return usagef("--%s: unknown placeholder %s: there are {tenant}, {time} and {date}", flag, quote(m[0]))
		}
		rest = strings.Replace(rest, m[0], "", 1)
	}
	if strings.ContainsAny(rest, "{}") {
		return usagef("--%s: a brace without its partner: placeholders are {tenant}, {time} and {date}", flag)
	}
	return nil
}

// fixedPart gives the part of a template's path that is the same for every
// tenant and time.
func fixedPart(template string) string {
	for placeholder.MatchString(template) {
		template = filepath.Dir(template)
	}
	return template
}

// siblings gives the pattern of the names that the template's last part gives
// the folders of one tenant, at any time; nil where its name is fixed.
func siblings(template string, t audit.Tenant) *regexp.Regexp {
	if template == "" {
		template = defaultOutTemplate
	}
	name := filepath.Base(template)
	if !strings.Contains(name, "{time}") && !strings.Contains(name, "{date}") {
		return nil
	}
	p := regexp.QuoteMeta(name)
	for mark, means := range map[string]string{
		"{tenant}": regexp.QuoteMeta(folderName(t)), "{time}": `\d{8}T\d{6}Z`, "{date}": `\d{4}-\d{2}-\d{2}`,
	} {
		p = strings.ReplaceAll(p, regexp.QuoteMeta(mark), means)
	}
	return regexp.MustCompile("^" + p + "$")
}

func checkKeep(keep int, template string) error {
	switch {
	case keep < 0:
		return usagef("--keep %d: choose how many report folders stay, or 0 to remove none", keep)
	case keep > 0 && siblings(template, audit.Tenant{}) == nil:
		return usagef("--keep goes with an --out whose last part holds {time} or {date}, for the names of older folders are known by it")
	}
	return nil
}

// An old is a report folder that may be removed.
type old struct {
	path string
	read time.Time // when its tenant was read
}

// prune removes report folders of a tenant beside the new one, all but the
// newest keep, and gives the names of those removed. It touches no folder whose
// name the template would not have given, that holds no whole and complete
// report of a scan of this very tenant, that holds anything else, that is in
// use, or that is the new one.
func prune(u *ui, template string, t audit.Tenant, current string, keep int) (removed []string, err error) {
	current, err = filepath.Abs(current)
	if err != nil {
		return nil, err
	}
	pattern := siblings(template, t)
	if pattern == nil || !pattern.MatchString(filepath.Base(current)) {
		u.warn("--keep: the folder %s is not named as --out says, so no older ones are looked for", quote(current))
		return nil, nil
	}
	found, err := os.ReadDir(filepath.Dir(current))
	if err != nil {
		return nil, fmt.Errorf("look for older reports: %w", err)
	}
	var reports []old
	for _, e := range found {
		path := filepath.Join(filepath.Dir(current), e.Name())
		// A link is no folder of ours, wherever it leads.
		if !e.IsDir() || !pattern.MatchString(e.Name()) {
			continue
		}
		if read, ok := completeScan(path, t); ok {
			reports = append(reports, old{path, read})
		}
	}
	slices.SortFunc(reports, func(a, b old) int {
		if c := b.read.Compare(a.read); c != 0 {
			return c
		}
		return strings.Compare(b.path, a.path)
	})
	for _, r := range reports[min(keep, len(reports)):] {
		if r.path == current {
			continue
		}
		switch kept, rerr := removeReport(r.path); {
		case rerr != nil:
			err = errors.Join(err, fmt.Errorf("remove the older report %s: %w", quote(r.path), rerr))
		case kept != "":
			u.warn("--keep: the older report %s stays: %s", quote(r.path), kept)
		default:
			removed = append(removed, r.path)
			u.say("removed the older report %s", quote(r.path))
		}
	}
	return removed, err
}

// completeScan tells when the tenant of a report folder was read; false if it
// is no whole and complete report of a scan of this tenant.
func completeScan(dir string, t audit.Tenant) (time.Time, bool) {
	text, err := readSmall(filepath.Join(dir, fileManifest))
	if err != nil {
		return time.Time{}, false
	}
	m, err := reportjson.ReadManifest(strings.NewReader(string(text)))
	if err != nil || m.Tool.Name != "passkey-audit" || !m.Complete || m.CreatedAt == nil || len(m.Tenants) != 1 || m.Tenants[0].ID != t.ID {
		return time.Time{}, false
	}
	scanned := slices.ContainsFunc(m.Files, func(f reportjson.File) bool { return f.Name == fileSnapshot })
	return *m.CreatedAt, scanned
}

// removeReport removes a report folder, its manifest last, so that one that is
// half removed is found again. It removes nothing where something else lies in
// the folder, or somebody is at work in it, and then says so.
func removeReport(dir string) (kept string, err error) {
	lock, err := lockOut(dir)
	if err != nil {
		return "it is in use", nil
	}
	defer lock.release()
	found, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var names []string
	for _, e := range found {
		switch {
		case e.Name() == fileLock, e.Name() == fileManifest:
		case e.Type().IsRegular() && slices.Contains(ownFiles(), e.Name()), leftover(e):
			names = append(names, e.Name())
		default:
			return quote(e.Name()) + " in it is not of the report", nil
		}
	}
	for _, name := range append(names, fileManifest) {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	lock.release()
	return "", os.Remove(dir)
}

// ownFiles lists the files that a scan puts into its folder.
func ownFiles() []string {
	return append(reportFiles(), fileSnapshot, fileSnapshot+"-wal", fileSnapshot+"-shm", fileSnapshot+"-journal")
}

// tenantOf gives the one tenant of a manifest; false if there are several.
func tenantOf(m reportjson.Manifest) (audit.Tenant, bool) {
	if len(m.Tenants) != 1 {
		return audit.Tenant{}, false
	}
	t := m.Tenants[0]
	return audit.Tenant{ID: t.ID, Name: t.Name, Domain: t.Domain}, true
}
