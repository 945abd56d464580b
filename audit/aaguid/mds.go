package aaguid

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"passkey-audit/audit"
)

// maxMDS bounds the size of a metadata BLOB. As indented JSON, number 278 of 2026
// has 8.5 million characters, most of them icons.
const maxMDS = 64 << 20

// maxMDSName bounds a name from the metadata, in characters.
const maxMDSName = 200

// mdsSource is audit.Authenticator.Source of a name that the metadata gives.
const mdsSource = "fido-mds"

// MDSOptions say how to read FIDO metadata.
type MDSOptions struct {
	// Now is the time at which the certificates of the signer must be valid,
	// and at which statuses count as in force. It must be given.
	Now time.Time
	// Roots are those that the signer's certificates must lead to. Nil means
	// the roots of GlobalSign that the FIDO Alliance is known to use.
	Roots *x509.CertPool
}

// An MDS is what the FIDO Metadata Service says of authenticators, as read from
// its BLOB: names and statuses, nothing else. It never changes once read, so any
// number of goroutines may use it at the same time.
type MDS struct {
	// Serial is the number of the BLOB, which grows by one with each.
	Serial int64
	// NextUpdate is the day by which a newer BLOB was announced, as sent,
	// mostly yyyy-mm-dd; empty where there is none.
	NextUpdate string
	// LegalHeader is the BLOB's own word on its terms.
	LegalHeader string
	// Verified says that the FIDO Alliance signed the BLOB, as far as that can
	// be told without the network.
	Verified bool
	// Signature says in words who signed, or why Verified is false.
	Signature string
	// Others counts entries without an AAGUID: authenticators of the older
	// protocols UAF and U2F, which cannot hold passkeys.
	Others int
	// Unreadable counts entries whose AAGUID is not one. They are left out.
	Unreadable int

	overdue bool
	now     string // the day of MDSOptions.Now, yyyy-mm-dd
	entries map[audit.AAGUID]mdsEntry
}

// mdsEntry is what is kept of an authenticator.
type mdsEntry struct {
	name   string // may be empty
	status Status
}

// ReadMDS reads a BLOB of the FIDO Metadata Service, version 3 ("MDS3"): either
// as https://mds3.fidoalliance.org/ serves it, signed, or its payload as JSON.
// It reads up to 64 MiB and keeps no more than one entry of it in memory at a
// time.
//
// A signature that does not fit is an error, as is one that cannot be checked
// at all. A signature that fits, by a signer who cannot be traced to the FIDO
// Alliance, gives an MDS that is not Verified, since a stored file outlives the
// certificate; Signature says why. So does a payload without signature.
//
// Entries that share an AAGUID are taken together, with the first one's name.
// What the format adds in time is passed over; a status that is not known here
// is kept and shown as sent. See
// https://fidoalliance.org/specs/mds/fido-metadata-service-v3.1-ps-20250521.html
func ReadMDS(r io.Reader, o MDSOptions) (*MDS, error) { return readMDS(r, o, maxMDS) }

func readMDS(r io.Reader, o MDSOptions, most int64) (*MDS, error) {
	if o.Now.IsZero() {
		return nil, errors.New("read FIDO metadata: no time is given to check it at")
	}
	m := &MDS{now: o.Now.UTC().Format(time.DateOnly), entries: map[audit.AAGUID]mdsEntry{}}
	src := bufio.NewReaderSize(&sizeLimit{src: r, most: most, left: most}, 64<<10)
	plain, err := isJSON(src)
	switch {
	case err != nil:
	case plain:
		m.Signature = "not verified: the file is the payload alone, without signature"
		err = m.readPayload(src)
	default:
		err = m.readSigned(src, o)
	}
	if err == nil && len(m.entries) == 0 {
		err = ErrEmpty
	}
	if err != nil {
		return nil, fmt.Errorf("read FIDO metadata: %w", err)
	}
	for id, e := range m.entries {
		e.status = newStatus(e.status.Reports, m.now)
		m.entries[id] = e
	}
	m.overdue = isDay(m.NextUpdate) && m.NextUpdate < m.now
	return m, nil
}

// Len counts the AAGUIDs that the metadata tells of.
func (m *MDS) Len() int { return len(m.entries) }

// Status gives what the metadata says of an AAGUID, and whether it knows it.
func (m *MDS) Status(id audit.AAGUID) (Status, bool) {
	e, ok := m.entries[id]
	return e.status, ok
}

// Warnings says, one sentence each, what people should know before they rely on
// the metadata: that it is not verified, that a newer one was due, that entries
// could not be read. Nil means nothing.
func (m *MDS) Warnings() []string {
	var all []string
	if !m.Verified {
		all = append(all, "FIDO metadata "+m.Signature)
	}
	if m.overdue {
		all = append(all, fmt.Sprintf("FIDO metadata number %d is old: a newer one was due by %s, which may revoke more", m.Serial, m.NextUpdate))
	}
	if m.Unreadable > 0 {
		all = append(all, fmt.Sprintf("FIDO metadata number %d has entries whose AAGUID cannot be read: %d", m.Serial, m.Unreadable))
	}
	return all
}

// WithMDS gives a new catalogue that knows also what the metadata says: names
// for AAGUIDs that c does not know, with the Source "fido-mds", and for all the
// Certification and Problem. A name that c has stays, and so do own names, no
// matter whether they are laid over before or after. Metadata given earlier is
// replaced, but for its names. Nil gives c itself.
func (c *Catalogue) WithMDS(m *MDS) *Catalogue {
	if m == nil {
		return c
	}
	byID := maps.Clone(c.byID)
	for id, e := range m.entries {
		if _, ok := byID[id]; !ok && e.name != "" {
			byID[id] = audit.Authenticator{AAGUID: id, Name: e.name, Source: mdsSource}
		}
	}
	for id, a := range byID {
		status := m.entries[id].status
		a.Certification, a.Problem = status.Certification, status.Problem
		byID[id] = a
	}
	sources := slices.DeleteFunc(slices.Clone(c.sources), func(s Source) bool { return s.ID == mdsSource })
	about := fmt.Sprintf("FIDO Metadata Service, number %d", m.Serial)
	if m.NextUpdate != "" {
		about += ", next update due by " + m.NextUpdate
	}
	sources = append(sources, Source{ID: mdsSource, Description: about + "; " + m.Signature})
	return newCatalogue(c.date, sources, byID, m)
}

// Metadata gives the metadata of WithMDS, or nil.
func (c *Catalogue) Metadata() *MDS { return c.mds }

// Status gives what the metadata of WithMDS says of an AAGUID, and whether it
// knows it. Without metadata it knows nothing. Lookup gives the same words.
func (c *Catalogue) Status(id audit.AAGUID) (Status, bool) {
	if c.mds == nil {
		return Status{}, false
	}
	return c.mds.Status(id)
}

// mdsJSON is an entry of the BLOB: of some 40 fields those that are used here.
type mdsJSON struct {
	AAGUID    string `json:"aaguid"`
	Statement struct {
		Description   string            `json:"description"`
		FriendlyNames map[string]string `json:"friendlyNames"`
	} `json:"metadataStatement"`
	StatusReports []reportJSON `json:"statusReports"`
}

// readPayload walks the payload's tokens, so that no more than one entry is in
// memory; the icons in them make up most of a BLOB.
func (m *MDS) readPayload(r io.Reader) error {
	d := json.NewDecoder(r)
	if open, err := d.Token(); err != nil {
		return payloadError(err)
	} else if open != json.Delim('{') {
		return errNotBLOB
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return payloadError(err)
		}
		switch key {
		case "no":
			err = d.Decode(&m.Serial)
		case "nextUpdate":
			err = d.Decode(&m.NextUpdate)
			m.NextUpdate = day(m.NextUpdate)
		case "legalHeader":
			err = d.Decode(&m.LegalHeader)
			m.LegalHeader = visible(m.LegalHeader)
		case "entries":
			err = m.readEntries(d)
		default:
			err = skipValue(d)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", bounded(visible(fmt.Sprint(key))), payloadError(err))
		}
	}
	if _, err := d.Token(); err != nil {
		return payloadError(err)
	}
	if _, err := d.Token(); err == nil {
		return errors.New("there is more text after the JSON")
	} else if !errors.Is(err, io.EOF) {
		return payloadError(err)
	}
	return nil
}

// readEntries reads the array of entries.
func (m *MDS) readEntries(d *json.Decoder) error {
	open, err := d.Token()
	if err != nil {
		return err
	}
	if open != json.Delim('[') {
		return errors.New("an array is expected")
	}
	for number := 1; d.More(); number++ {
		var e mdsJSON
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("entry %d: %w", number, payloadError(err))
		}
		m.add(&e)
	}
	_, err = d.Token()
	return err
}

// add takes an entry over.
func (m *MDS) add(e *mdsJSON) {
	if strings.TrimSpace(e.AAGUID) == "" {
		m.Others++
		return
	}
	id, err := audit.ParseAAGUID(e.AAGUID)
	if err != nil {
		m.Unreadable++
		return
	}
	kept := m.entries[id]
	for _, name := range []string{e.Statement.Description, e.Statement.FriendlyNames["en-US"]} {
		if kept.name == "" {
			kept.name = cutTo(visible(name), maxMDSName)
		}
	}
	for _, r := range e.StatusReports {
		kept.status.Reports = append(kept.status.Reports, r.report())
	}
	m.entries[id] = kept
}

// skipValue passes over the next value, whatever its size.
func skipValue(d *json.Decoder) error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// payloadError puts what the JSON decoder says into words for people.
func payloadError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("a JSON %s stands where another kind of value is expected (%s)", kind.Value, bounded(visible(kind.Field)))
	}
	return err
}

// visible makes foreign text fit for terminals and reports: white space and
// what is not visible become one space.
func visible(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// cutTo cuts s to so many characters, with an ellipsis for what is left out.
func cutTo(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// A sizeLimit is a reader that fails once more than most bytes come.
type sizeLimit struct {
	src        io.Reader
	most, left int64
}

func (l *sizeLimit) Read(b []byte) (int, error) {
	// One byte over the limit tells a file that is too large from one that
	// just fits.
	b = b[:min(int64(len(b)), l.left+1)]
	n, err := l.src.Read(b)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("the file is larger than %d MiB", l.most>>20)
	}
	return n, err
}
