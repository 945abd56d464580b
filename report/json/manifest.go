package json

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"passkey-audit/report"
)

// ManifestSchema is the version of manifest.json.
const ManifestSchema = 1

// A Manifest says what a report folder holds, so that it can be proved later
// that nothing was changed or lost.
type Manifest struct {
	Schema  int                `json:"schema"`
	Tool    report.SummaryTool `json:"tool"`
	Tenants []ManifestTenant   `json:"tenants"`
	// CreatedAt is when the tenant was read to its end, not when the report
	// was written: the same snapshot gives the same manifest.
	CreatedAt *time.Time `json:"created_at"`
	Complete  bool       `json:"complete"`
	// StrengthsRead is false where authentication strengths were not judged, or not
	// in all tenants: that strengths.csv has no rows then says nothing.
	StrengthsRead bool   `json:"strengths_read"`
	Proposal      string `json:"proposal"`
	// PolicySHA256 and ProposedSHA256 are digests of the two policies in
	// canonical form; empty in a report of several tenants, of which each has its
	// own.
	PolicySHA256   string `json:"policy_sha256"`
	ProposedSHA256 string `json:"proposed_policy_sha256"`
	// CSV says in which form the CSV files are.
	CSV   CSVForm `json:"csv"`
	Files []File  `json:"files"`
}

// A ManifestTenant is a tenant, in a report of several with the digests of its
// policies.
type ManifestTenant struct {
	report.SummaryTenant
	PolicySHA256   string `json:"policy_sha256,omitempty"`
	ProposedSHA256 string `json:"proposed_policy_sha256,omitempty"`
}

// A CSVForm says in which form the CSV files are: "excel" (byte order mark,
// a ' before text that could be a formula) or "raw" (RFC 4180).
type CSVForm struct {
	Form      string `json:"form"`
	Delimiter string `json:"delimiter"`
}

// A File is one file of a report folder.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// NewManifest starts the manifest of a document; the caller adds the digests,
// the form of the CSV files and the files, sorted by name.
func NewManifest(d *report.Document) Manifest {
	s := d.Summary()
	m := Manifest{
		Schema: ManifestSchema, Tool: s.Tool, CreatedAt: s.FinishedAt,
		Complete: s.Complete, StrengthsRead: s.StrengthsRead, Proposal: s.Proposal, Files: []File{},
	}
	for _, t := range d.Tenants() {
		m.Tenants = append(m.Tenants, ManifestTenant{report.SummaryTenant(t.Tenant), t.LiveDigest, t.ProposedDigest})
	}
	return m
}

// WriteManifest writes manifest.json.
func WriteManifest(w io.Writer, m Manifest) error {
	if m.Files == nil {
		m.Files = []File{}
	}
	if err := writeIndented(w, m); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// ErrManifest says that a manifest is none that this version can read.
var ErrManifest = errors.New("no manifest that this version can read")

// ReadManifest reads manifest.json.
func ReadManifest(r io.Reader) (Manifest, error) {
	var m Manifest
	if err := json.NewDecoder(r).Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w: %w", ErrManifest, err)
	}
	if m.Schema != ManifestSchema {
		return Manifest{}, fmt.Errorf("read manifest: %w: schema %d", ErrManifest, m.Schema)
	}
	return m, nil
}
