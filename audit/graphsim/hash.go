package graphsim

import (
	"encoding/binary"
	"encoding/hex"
)

// mix spreads the bits of x (the finalizer of SplitMix64). It is a bijection.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// An objectKind is the type of directory object that an id stands for.
type objectKind uint64

const (
	kindUser objectKind = iota + 1
	kindGroup
	kindDevice
	kindOther
	// kindPrincipal is a service principal.
	kindPrincipal
)

// A guid is the two halves of a GUID in the order of its text.
type guid struct{ hi, lo uint64 }

// append appends the GUID's text in lower case.
func (g guid) append(b []byte) []byte {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], g.hi)
	binary.BigEndian.PutUint64(raw[8:], g.lo)
	var text [36]byte
	hex.Encode(text[0:8], raw[0:4])
	text[8] = '-'
	hex.Encode(text[9:13], raw[4:6])
	text[13] = '-'
	hex.Encode(text[14:18], raw[6:8])
	text[18] = '-'
	hex.Encode(text[19:23], raw[8:10])
	text[23] = '-'
	hex.Encode(text[24:36], raw[10:16])
	return append(b, text[:]...)
}

func (g guid) String() string { return string(g.append(nil)) }

// parseGUID reads what append writes, in any letter case.
func parseGUID(s string) (guid, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return guid{}, false
	}
	var digits [32]byte
	n := copy(digits[:], s[0:8])
	n += copy(digits[n:], s[9:13])
	n += copy(digits[n:], s[14:18])
	n += copy(digits[n:], s[19:23])
	copy(digits[n:], s[24:36])
	var raw [16]byte
	if _, err := hex.Decode(raw[:], digits[:]); err != nil {
		return guid{}, false
	}
	return guid{binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])}, true
}

// ids turns (kind, index) into a GUID that looks like a random one of version 4,
// and back: 60 of its bits are kind and index through a Feistel network, the
// other 62 depend on those. So no table of ids has to be kept.
type ids struct {
	keys [4]uint64
	tail uint64
}

const halfMask = 1<<30 - 1

func newIDs(seed uint64) ids {
	c := ids{tail: mix(seed ^ 0x7461696c)}
	for i := range c.keys {
		c.keys[i] = mix(seed + uint64(i)*0x6b657973)
	}
	return c
}

// seal gives the id; index must be below 1<<30.
func (c *ids) seal(kind objectKind, index int) guid {
	l, r := uint64(kind), uint64(index)&halfMask
	for _, k := range c.keys {
		l, r = r, l^mix(r^k)&halfMask
	}
	v := l<<30 | r
	return guid{
		hi: v>>12<<16 | 0x4000 | v&0xfff,
		lo: 1<<63 | mix(v^c.tail)>>2,
	}
}

// open reports false for a GUID that seal did not make.
func (c *ids) open(g guid) (objectKind, int, bool) {
	if g.hi&0xf000 != 0x4000 {
		return 0, 0, false
	}
	v := g.hi>>16<<12 | g.hi&0xfff
	if g.lo != 1<<63|mix(v^c.tail)>>2 {
		return 0, 0, false
	}
	l, r := v>>30, v&halfMask
	for i := len(c.keys) - 1; i >= 0; i-- {
		l, r = r^mix(l^c.keys[i])&halfMask, l
	}
	return objectKind(l), int(r), l <= uint64(kindOther)
}

// A permutation is a keyed bijection of 0..n-1: a Feistel network over the next
// even power of two, walked until it comes back into the range.
type permutation struct {
	n, mask uint64
	half    uint
	keys    [4]uint64
}

func newPermutation(n int, seed uint64) permutation {
	p := permutation{n: uint64(n), half: 1}
	for uint64(1)<<(2*p.half) < p.n {
		p.half++
	}
	p.mask = 1<<p.half - 1
	for i := range p.keys {
		p.keys[i] = mix(seed ^ uint64(i+1)*0x7065726d)
	}
	return p
}

func (p *permutation) forth(x int) int {
	v := uint64(x)
	for {
		l, r := v>>p.half, v&p.mask
		for _, k := range p.keys {
			l, r = r, l^mix(r^k)&p.mask
		}
		if v = l<<p.half | r; v < p.n {
			return int(v)
		}
	}
}

func (p *permutation) back(x int) int {
	v := uint64(x)
	for {
		l, r := v>>p.half, v&p.mask
		for i := len(p.keys) - 1; i >= 0; i-- {
			l, r = r^mix(l^p.keys[i])&p.mask, l
		}
		if v = l<<p.half | r; v < p.n {
			return int(v)
		}
	}
}
