package report

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"passkey-audit/audit"
)

// A spool keeps the rows of a report in files of a private folder, one file
// for each bucket, so that rows which arrive in the order of the users can be
// read back bucket after bucket without a sort.
//
// The files hold names and user principal names: the folder is 0700, the files
// 0600, and close removes both.
type spool struct {
	dir     string
	buckets map[string]*bucket
	dict    dict
}

// A bucket is one file of records, each with its length in front.
type bucket struct {
	file  *os.File
	w     *bufio.Writer
	count int
	size  int64
}

// Sizes of the buffers: there are up to 50 buckets while a report is built.
const (
	writeBuffer = 64 << 10
	readBuffer  = 256 << 10
)

// maxRecord bounds the length of a record that is read back, against a spool
// that was damaged meanwhile.
const maxRecord = 1 << 30

func newSpool(parent string) (*spool, error) {
	dir, err := os.MkdirTemp(parent, "passkey-audit-*")
	if err != nil {
		return nil, fmt.Errorf("make spool folder: %w", err)
	}
	return &spool{dir: dir, buckets: map[string]*bucket{}, dict: dict{ids: map[string]uint64{}, verdictIDs: map[audit.Verdict]uint64{}}}, nil
}

// append adds a record to a bucket, which it makes if need be.
func (s *spool) append(name string, record []byte) error {
	b := s.buckets[name]
	if b == nil {
		f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("make spool file: %w", err)
		}
		b = &bucket{file: f, w: bufio.NewWriterSize(f, writeBuffer)}
		s.buckets[name] = b
	}
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(len(record)))
	if _, err := b.w.Write(head[:n]); err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	if _, err := b.w.Write(record); err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	b.count++
	b.size += int64(n + len(record))
	return nil
}

// flush ends the writing. After it, buckets may be read, also by several
// readers at a time.
func (s *spool) flush() error {
	for _, b := range s.buckets {
		if err := b.w.Flush(); err != nil {
			return fmt.Errorf("write spool: %w", err)
		}
		b.w = nil
	}
	return nil
}

// count tells how many records the buckets have together.
func (s *spool) count(names ...string) int {
	n := 0
	for _, name := range names {
		if b := s.buckets[name]; b != nil {
			n += b.count
		}
	}
	return n
}

// read gives the records of the buckets, one bucket after the other, each as a
// text that stays valid. It ends after the first error, also with ctx's.
func (s *spool) read(ctx context.Context, names ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range names {
			b := s.buckets[name]
			if b == nil {
				continue
			}
			r := records{r: io.NewSectionReader(b.file, 0, b.size)}
			for i := range b.count {
				if i%1024 == 0 && ctx.Err() != nil {
					yield("", ctx.Err())
					return
				}
				rec, err := r.next()
				if err != nil {
					err = fmt.Errorf("read spool: %w", err)
				}
				if !yield(rec, err) || err != nil {
					return
				}
			}
		}
	}
}

// records are the records of a file, which is read in large texts of which each
// record is a part: a text for each would cost more than to read them.
type records struct {
	r    io.Reader
	text string
	buf  []byte
}

func (r *records) next() (string, error) {
	for {
		n, rest, state := cutLength(r.text)
		switch {
		case state == lengthBad || n > maxRecord:
			return "", errDamaged
		case state == lengthWhole && n <= uint64(len(rest)):
			r.text = rest[n:]
			return rest[:n], nil
		}
		// More is needed: as much as the record still lacks, at the least.
		lacks := 1
		if state == lengthWhole {
			lacks = int(n) - len(rest)
		}
		if size := len(r.text) + max(lacks, readBuffer-len(r.text)); cap(r.buf) < size {
			r.buf = make([]byte, size)
		}
		r.buf = r.buf[:cap(r.buf)]
		have := copy(r.buf, r.text)
		got, err := io.ReadAtLeast(r.r, r.buf[have:], lacks)
		if err != nil {
			if err == io.EOF { // there is to be one more
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		r.text = string(r.buf[:have+got])
	}
}

// What a text begins with.
const (
	lengthCut = iota
	lengthWhole
	lengthBad
)

// cutLength cuts off the length that stands before a record.
func cutLength(s string) (n uint64, rest string, state int) {
	for i := range min(len(s), binary.MaxVarintLen64) {
		n |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return n, s[i+1:], lengthWhole
		}
	}
	if len(s) >= binary.MaxVarintLen64 {
		return 0, s, lengthBad
	}
	return 0, s, lengthCut
}

// close removes the spool.
func (s *spool) close() error {
	var errs []error
	for _, b := range s.buckets {
		errs = append(errs, b.file.Close())
	}
	s.buckets = nil
	errs = append(errs, os.RemoveAll(s.dir))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove spool: %w", err)
	}
	return nil
}

// errDamaged says that a record does not decode.
var errDamaged = errors.New("record is damaged")

// A dict gives short numbers to texts that come again and again, such as
// reasons and models. It stops to grow at dictLimit, after which new texts are
// written out: a tenant may hold any number of different ones.
type dict struct {
	ids  map[string]uint64
	list []string
	// The same for whole verdicts.
	verdictIDs map[audit.Verdict]uint64
	verdicts   []audit.Verdict
}

const (
	dictLimit    = 1 << 14
	verdictLimit = 1 << 12
	// dictText is the longest text that is worth remembering.
	dictText = 512
)

// verdict gives a verdict's number, or 0 if it gets none.
func (d *dict) verdict(v *audit.Verdict) uint64 {
	if id, ok := d.verdictIDs[*v]; ok {
		return id
	}
	if len(d.verdicts) == verdictLimit || len(v.Reason) > dictText || len(v.DecidedBy) > dictText || len(v.Decision)+len(v.Code) > dictText {
		return 0
	}
	key := audit.Verdict{
		Decision: audit.Decision(strings.Clone(string(v.Decision))), Code: audit.ReasonCode(strings.Clone(string(v.Code))),
		Reason: strings.Clone(v.Reason), DecidedBy: strings.Clone(v.DecidedBy), Assumes: v.Assumes,
	}
	valid := key
	valid.Decision, valid.Code = audit.Decision(strings.ToValidUTF8(string(key.Decision), "\uFFFD")), audit.ReasonCode(strings.ToValidUTF8(string(key.Code), "\uFFFD"))
	valid.Reason, valid.DecidedBy = strings.ToValidUTF8(key.Reason, "\uFFFD"), strings.ToValidUTF8(key.DecidedBy, "\uFFFD")
	d.verdicts = append(d.verdicts, valid)
	d.verdictIDs[key] = uint64(len(d.verdicts))
	return uint64(len(d.verdicts))
}

// put encodes s as its number, or as 0 and the text.
func (d *dict) put(b []byte, s string) []byte {
	id, ok := d.ids[s]
	if !ok && len(d.list) < dictLimit && len(s) <= dictText {
		s = strings.Clone(s)
		d.list = append(d.list, strings.ToValidUTF8(s, "\uFFFD"))
		id, ok = uint64(len(d.list)), true
		d.ids[s] = id
	}
	if ok {
		return binary.AppendUvarint(b, id)
	}
	return putText(append(b, 0), s)
}

// putText encodes s, made valid UTF-8 so that all formats agree on it.
func putText(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// A decoder takes a record apart. The first failure stays in bad; what is
// taken after it is zero.
type decoder struct {
	rest string
	dict *dict
	bad  bool
	// failed is what else went wrong with the record.
	failed error
}

func (d *decoder) uint() uint64 {
	var v uint64
	for i, shift := 0, 0; i < len(d.rest) && shift < 64; i, shift = i+1, shift+7 {
		c := d.rest[i]
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			return v
		}
	}
	d.rest, d.bad = "", true
	return 0
}

func (d *decoder) int() int64 {
	v := d.uint()
	return int64(v>>1) ^ -int64(v&1)
}

func (d *decoder) text() string {
	n := d.uint()
	if n > uint64(len(d.rest)) {
		d.rest, d.bad = "", true
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

// known takes what dict.put encoded.
func (d *decoder) known() string {
	id := d.uint()
	switch {
	case id == 0:
		return d.text()
	case id <= uint64(len(d.dict.list)):
		return d.dict.list[id-1]
	}
	d.bad = true
	return ""
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.bad = true
		return 0
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c
}
