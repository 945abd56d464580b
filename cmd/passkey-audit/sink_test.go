package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
)

// TestSink: what goes in comes out, with its digest, whatever the sizes.
func TestSink(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, most := range []int{1, 1000, chunkSize, 3 * chunkSize} {
		var out, want bytes.Buffer
		s := newSink(&out)
		for want.Len() < 8*min(most, chunkSize) {
			p := make([]byte, random.IntN(most)+1)
			for i := range p {
				p[i] = byte(random.Uint32())
			}
			want.Write(p)
			if n, err := s.Write(p); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
			clear(p) // it is the caller's again
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(want.Bytes())
		f := s.file("name")
		if !bytes.Equal(out.Bytes(), want.Bytes()) || f.Size != int64(want.Len()) || f.SHA256 != hex.EncodeToString(sum[:]) || f.Name != "name" {
			t.Errorf("writes of up to %d bytes: %d bytes became %d, described as %+v", most, want.Len(), out.Len(), f)
		}
	}
}

var errNoRoom = errors.New("no room")

// A smallDisk takes so many bytes.
type smallDisk struct{ room int }

func (d *smallDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errNoRoom
	}
	return len(p), nil
}

// TestSinkFails: the error of a write reaches whoever goes on writing, and in
// any case whoever closes.
func TestSinkFails(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := newSink(&smallDisk{room: 2 * chunkSize})
	var err error
	for range 100 {
		if _, err = s.Write(make([]byte, chunkSize)); err != nil {
			break
		}
	}
	if !errors.Is(err, errNoRoom) {
		t.Errorf("Write gave %v", err)
	}
	if _, err := s.Write([]byte("more")); !errors.Is(err, errNoRoom) {
		t.Errorf("Write after that gave %v", err)
	}
	if err := s.close(); !errors.Is(err, errNoRoom) {
		t.Errorf("close gave %v", err)
	}
	s = newSink(&smallDisk{})
	if _, err := s.Write([]byte("a few bytes")); err != nil {
		t.Errorf("Write of what is not sent yet gave %v", err)
	}
	if err := s.close(); !errors.Is(err, errNoRoom) {
		t.Errorf("close gave %v", err)
	}
}
