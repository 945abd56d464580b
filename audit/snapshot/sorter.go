package snapshot

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
)

// SortFile is in the name of a file that Users sorts in: a dot, this, a dot and
// digits. Where the system can't take away the name of a file that is in use,
// one may be left when the program is ended by force.
const SortFile = "users-sorted"

// A sorter puts users in the order of their names and ids, whatever their
// number: what does not fit into its arena goes to a file, sorted run after
// sorted run, and the runs are merged when they are read. Through SQLite's own
// sorter the same users took half as much processor's time again, and more
// memory.
type sorter struct {
	// dir is the first place to try for the file.
	dir   string
	room  int
	arena []byte
	rows  []row
	file  *os.File
	runs  []run
	size  int64
}

// A row is where a user lies in the arena.
type row struct {
	at, key, id, rest int
	// prefix is how the key begins, as a number: it decides most comparisons.
	prefix uint64
}

// A run is a sorted part of the file.
type run struct{ from, to int64 }

// Sizes of sorting: how much a sorter keeps in memory, and the buffer of each
// run that is merged. A million users make some 175 runs.
const (
	arenaSize = 2 << 20
	runBuffer = 16 << 10
)

// maxRow is SQLite's bound for a text
// (https://www.sqlite.org/limits.html#max_length).
const maxRow = 1_000_000_000

func newSorter(dir string, room int) *sorter { return &sorter{dir: dir, room: room} }

// addPacked takes a copy of a user whose first two packed values are what to
// sort by and the id, with the packed passkeys.
func (s *sorter) addPacked(user, passkeys []byte) error {
	key, rest, ok := cutPacked(user)
	id, rest, too := cutPacked(rest)
	if !ok || !too {
		return errDamaged
	}
	return s.add(key, id, rest, passkeys)
}

// add takes a copy of a user: what to sort by, and all else.
func (s *sorter) add(key, id, rest, more []byte) error {
	r := row{at: len(s.arena), key: len(key), id: len(id), rest: len(rest) + len(more)}
	if r.at > 0 && r.at+r.key+r.id+r.rest > s.room {
		if err := s.spill(); err != nil {
			return err
		}
		r.at = 0
	}
	var head [8]byte
	copy(head[:], key)
	r.prefix = binary.BigEndian.Uint64(head[:])
	for _, b := range [...][]byte{key, id, rest, more} {
		s.arena = append(s.arena, b...)
	}
	s.rows = append(s.rows, r)
	return nil
}

func (s *sorter) compare(a, b row) int {
	if a.prefix != b.prefix {
		return cmp.Compare(a.prefix, b.prefix)
	}
	return cmp.Or(bytes.Compare(s.arena[a.at:][:a.key], s.arena[b.at:][:b.key]),
		bytes.Compare(s.arena[a.at+a.key:][:a.id], s.arena[b.at+b.key:][:b.id]))
}

// sort puts in order what is in memory.
func (s *sorter) sort() { slices.SortFunc(s.rows, s.compare) }

// spill writes what is in memory to the file.
func (s *sorter) spill() error {
	if s.file == nil {
		f, err := tempFile(s.dir)
		if err != nil {
			return fmt.Errorf("sort users: %w", err)
		}
		s.file = f
	}
	s.sort()
	from := s.size
	w := bufio.NewWriterSize(s.file, 256<<10)
	var head []byte
	for _, r := range s.rows {
		head = binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(head[:0], uint64(r.key)), uint64(r.id)), uint64(r.rest))
		body := s.arena[r.at:][:r.key+r.id+r.rest]
		// Errors of a buffered writer stay.
		_, _ = w.Write(head)
		_, _ = w.Write(body)
		s.size += int64(len(head) + len(body))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sort users: %w", err)
	}
	s.runs = append(s.runs, run{from, s.size})
	s.arena, s.rows = s.arena[:0], s.rows[:0]
	return nil
}

// tempFile makes a file beside the snapshot, where there should be room and
// nobody else may look, or else where temporary files go. It has no name where
// the system allows that, so that nothing is left of it in any case.
func tempFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "."+SortFile+".*")
	if err != nil {
		if f, err = os.CreateTemp("", "."+SortFile+".*"); err != nil {
			return nil, err
		}
	}
	_ = os.Remove(f.Name()) // Windows refuses; there close does it
	return f, nil
}

// close gives back the memory and the file.
func (s *sorter) close() {
	s.arena, s.rows = nil, nil
	if s.file != nil {
		_ = s.file.Close() // nothing more is wanted of it
		_ = os.Remove(s.file.Name())
	}
}

// sources gives what a sorter holds, as sequences that are each in order.
func (s *sorter) sources() []*source {
	var list []*source
	for _, r := range s.runs {
		list = append(list, &source{file: bufio.NewReaderSize(io.NewSectionReader(s.file, r.from, r.to-r.from), runBuffer)})
	}
	if len(s.rows) > 0 {
		s.sort()
		list = append(list, &source{memory: s})
	}
	return list
}

// A source gives users in order, from a run or from memory.
type source struct {
	file   *bufio.Reader
	memory *sorter
	at     int

	key, id, rest []byte
	buf           []byte
}

// next moves to the next user; io.EOF at the end.
func (s *source) next() error {
	if m := s.memory; m != nil {
		if s.at == len(m.rows) {
			return io.EOF
		}
		r := m.rows[s.at]
		s.at++
		s.take(m.arena[r.at:][:r.key+r.id+r.rest], r.key, r.id)
		return nil
	}
	var sizes [3]int
	for i := range sizes {
		n, err := binary.ReadUvarint(s.file)
		if err != nil {
			if err == io.EOF && i > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if n > maxRow {
			return errDamaged
		}
		sizes[i] = int(n)
	}
	n := sizes[0] + sizes[1] + sizes[2]
	s.buf = slices.Grow(s.buf[:0], n)[:n]
	if _, err := io.ReadFull(s.file, s.buf); err != nil {
		return err
	}
	s.take(s.buf, sizes[0], sizes[1])
	return nil
}

func (s *source) take(b []byte, key, id int) {
	s.key, s.id, s.rest = b[:key], b[key:][:id], b[key+id:]
}

// sources are sequences of users, as a heap.
type sources []*source

func (h sources) Len() int      { return len(h) }
func (h sources) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h sources) Less(i, j int) bool {
	return cmp.Or(bytes.Compare(h[i].key, h[j].key), bytes.Compare(h[i].id, h[j].id)) < 0
}
func (h *sources) Push(x any) { *h = append(*h, x.(*source)) }
func (h *sources) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// inOrder gives what the sorters hold until yield wants no more. Its bytes are
// valid until the next user.
func inOrder(ctx context.Context, sorters []*sorter, yield func(id, rest []byte) bool) error {
	var h sources
	for _, s := range sorters {
		for _, src := range s.sources() {
			if err := src.next(); err != nil {
				return fmt.Errorf("sort users: %w", err)
			}
			h = append(h, src)
		}
	}
	heap.Init(&h)
	for n := 0; len(h) > 0; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !yield(h[0].id, h[0].rest) {
			return nil
		}
		switch err := h[0].next(); {
		case err == io.EOF:
			heap.Pop(&h)
		case err != nil:
			return fmt.Errorf("sort users: %w", err)
		default:
			heap.Fix(&h, 0)
		}
	}
	return nil
}
