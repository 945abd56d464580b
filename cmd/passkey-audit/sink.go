package main

import (
	"crypto/sha256"
	"io"

	reportjson "passkey-audit/report/json"
)

// A sink writes a file in a goroutine of its own, since for a large report that
// takes as long as to make what is written. It takes size and digest in the
// caller's.
type sink struct {
	w io.Writer
	m *measure
	// chunk is what is being filled; full and free pass chunks to and fro.
	chunk      []byte
	full, free chan []byte
	// failed is closed after err is set, done when the goroutine has ended.
	failed, done chan struct{}
	err          error
}

// Sizes of a sink: so many chunks of so many bytes.
const (
	chunkSize = 256 << 10
	chunks    = 3
)

// newSink starts to write to w. The caller closes the sink, in every case.
func newSink(w io.Writer) *sink {
	s := &sink{
		w: w, m: &measure{sum: sha256.New()}, chunk: make([]byte, 0, chunkSize),
		full: make(chan []byte, chunks), free: make(chan []byte, chunks), failed: make(chan struct{}), done: make(chan struct{}),
	}
	for range chunks - 1 {
		s.free <- make([]byte, 0, chunkSize)
	}
	go s.run()
	return s
}

func (s *sink) run() {
	defer close(s.done)
	for c := range s.full {
		if s.err == nil {
			if _, err := s.w.Write(c); err != nil {
				s.err = err
				close(s.failed)
			}
		}
		s.free <- c[:0] // there is room for all chunks
	}
}

// Write takes a copy of p. An error is that of an earlier chunk.
func (s *sink) Write(p []byte) (int, error) {
	if s.chunk == nil { // it has failed before
		return 0, s.err
	}
	n := len(p)
	for len(p) > 0 {
		if len(s.chunk) == cap(s.chunk) {
			s.send()
			select {
			case s.chunk = <-s.free:
			case <-s.failed:
				s.chunk = nil
				return 0, s.err
			}
		}
		took := copy(s.chunk[len(s.chunk):cap(s.chunk)], p)
		s.chunk, p = s.chunk[:len(s.chunk)+took], p[took:]
	}
	return n, nil
}

// close waits until all is written. It gives the first error of any write.
func (s *sink) close() error {
	if s.chunk != nil {
		s.send()
	}
	close(s.full)
	<-s.done
	return s.err
}

// send hands the chunk over.
func (s *sink) send() {
	_, _ = s.m.Write(s.chunk) // never fails
	s.full <- s.chunk         // there is room for all chunks
}

// file describes what was written, once the sink is closed.
func (s *sink) file(name string) reportjson.File { return s.m.file(name) }
