package aaguid

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed" // roots.pem
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"
)

// mdsHost is the name that the certificate of the FIDO metadata's signer has.
const mdsHost = "mds.fidoalliance.org"

// Bounds on what stands around the payload. Three certificates take less than
// 10 KiB, and the largest key among them, Root R46's, has 4,096 bits. Without them a made-up file
// could keep the processor busy for minutes.
const (
	maxHeader       = 64 << 10
	maxSignature    = 4 << 10
	maxCertificates = 8
	maxKeyBits      = 8192
)

//go:embed roots.pem
var embeddedRoots string

// mdsRoots gives the roots to which the metadata's signer led so far: the FIDO
// Alliance went from Root CA - R3 to Root R46 on 2026-08-21.
var mdsRoots = sync.OnceValue(func() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(embeddedRoots))
	return pool
})

var (
	errNotBLOB = errors.New("the file is neither a metadata BLOB as https://mds3.fidoalliance.org/ serves it (three parts with dots between) nor its payload as JSON")
	errCut     = errors.New("the file ends too early")
)

// readSigned reads a JWS in compact serialisation (RFC 7515): header, payload
// and signature in base64url, with dots between. White space is left out, since
// editors add line ends and the serialisation has none. The payload goes
// through the digest on its way to the JSON decoder, so it is never in memory
// as a whole; what was read of it counts only once the signature fits.
func (m *MDS) readSigned(src *bufio.Reader, o MDSOptions) error {
	sum := sha256.New()
	part := &partReader{src: src, sum: sum}
	encoded, err := io.ReadAll(io.LimitReader(part, maxHeader+1))
	switch {
	case err != nil:
		return err
	case len(encoded) > maxHeader || !part.dot:
		return errNotBLOB
	}
	signer, err := readSigner(encoded)
	if err != nil {
		return err
	}
	sum.Write([]byte{'.'})
	part = &partReader{src: src, sum: sum}
	err = m.readPayload(base64.NewDecoder(base64.RawURLEncoding, part))
	if part.done && !part.dot {
		return errCut // whatever the decoders made of the half
	}
	if err != nil {
		if corrupt, ok := errors.AsType[base64.CorruptInputError](err); ok {
			return fmt.Errorf("the payload is not base64url: %w", corrupt)
		}
		return err
	}
	part = &partReader{src: src}
	encoded, err = io.ReadAll(io.LimitReader(part, maxSignature+1))
	switch {
	case err != nil:
		return err
	case len(encoded) > maxSignature || part.dot:
		return errNotBLOB
	}
	signature := make([]byte, base64.RawURLEncoding.DecodedLen(len(encoded)))
	if _, err := base64.RawURLEncoding.Decode(signature, encoded); err != nil {
		return fmt.Errorf("the signature is not base64url: %w", err)
	}
	if !signer.signed(sum.Sum(nil), signature) {
		return errors.New("the signature does not fit: the file was altered or is damaged")
	}
	m.Verified, m.Signature = signer.trust(o)
	return nil
}

// A partReader reads a JWS up to the next dot, which it takes away, or up to
// the end. It leaves white space out and writes what it gives to sum, if any.
type partReader struct {
	src  *bufio.Reader
	sum  hash.Hash
	rest []byte // read from src and not given yet
	done bool
	dot  bool // the part ended with a dot
}

func (p *partReader) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.done {
			return 0, io.EOF
		}
		chunk, err := p.src.ReadSlice('.')
		switch {
		case err == nil:
			p.done, p.dot = true, true
			chunk = chunk[:len(chunk)-1]
		case errors.Is(err, io.EOF):
			p.done = true
		case !errors.Is(err, bufio.ErrBufferFull):
			return 0, err
		}
		// The slice is the buffer of src, which nothing else reads before rest
		// is used up: white space can be taken out in place.
		kept := chunk[:0]
		for _, c := range chunk {
			if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
				kept = append(kept, c)
			}
		}
		p.rest = kept
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	if p.sum != nil {
		p.sum.Write(b[:n])
	}
	return n, nil
}

// A signer is the certificate that the header of a BLOB names for the key of
// its signature, with the chain above it.
type signer struct {
	alg   string
	leaf  *x509.Certificate
	above []*x509.Certificate
}

// readSigner reads the header. It refuses whatever leaves the signature
// unchecked: no algorithm, one that is not known here, no certificate (an
// address to load it from, x5u, is not followed), or extensions that it says
// must be understood.
func readSigner(encoded []byte) (*signer, error) {
	data := make([]byte, base64.RawURLEncoding.DecodedLen(len(encoded)))
	if _, err := base64.RawURLEncoding.Decode(data, encoded); err != nil {
		return nil, errNotBLOB
	}
	var header struct {
		Alg      string          `json:"alg"`
		X5C      []string        `json:"x5c"`
		Critical json.RawMessage `json:"crit"`
	}
	if err := json.Unmarshal(data, &header); err != nil {
		return nil, errNotBLOB
	}
	switch {
	case header.Alg != "RS256" && header.Alg != "ES256":
		return nil, fmt.Errorf("the signature cannot be checked: its algorithm is %q, and RS256 or ES256 is expected", bounded(visible(header.Alg)))
	case header.Critical != nil:
		return nil, errors.New("the signature cannot be checked: its header has critical extensions")
	case len(header.X5C) == 0:
		return nil, errors.New("the signature cannot be checked: its header has no certificate (x5c)")
	case len(header.X5C) > maxCertificates:
		return nil, fmt.Errorf("the signature cannot be checked: its header has more than %d certificates", maxCertificates)
	}
	s := &signer{alg: header.Alg}
	for i, text := range header.X5C {
		der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("the signature cannot be checked: certificate %d is not base64: %w", i+1, err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("the signature cannot be checked: read certificate %d: %w", i+1, err)
		}
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxKeyBits {
			return nil, fmt.Errorf("the signature cannot be checked: the key of certificate %d has more than %d bits", i+1, maxKeyBits)
		}
		if i == 0 {
			s.leaf = c
		} else {
			s.above = append(s.above, c)
		}
	}
	return s, nil
}

// signed reports whether signature is the leaf's over what has the SHA-256
// digest. The key must be of the algorithm's kind.
func (s *signer) signed(digest, signature []byte) bool {
	switch key := s.leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		return s.alg == "RS256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, signature) == nil
	case *ecdsa.PublicKey:
		// RFC 7518, 3.4: R and S in 32 bytes each.
		if s.alg != "ES256" || key.Curve != elliptic.P256() || len(signature) != 64 {
			return false
		}
		r, t := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(key, digest, r, t)
	}
	return false
}

// trust reports whether the signer is the FIDO Alliance: its chain leads to one
// of the roots at the time of o, and its certificate has the right name. The
// words say who signed, or why that is not sure. Revocation of certificates is
// not looked at, which would take the network.
func (s *signer) trust(o MDSOptions) (verified bool, words string) {
	roots := o.Roots
	if roots == nil {
		roots = mdsRoots()
	}
	between := x509.NewCertPool()
	for _, c := range s.above {
		between.AddCert(c)
	}
	verify := func(at time.Time) ([][]*x509.Certificate, error) {
		return s.leaf.Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: between, CurrentTime: at,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
	}
	chains, err := verify(o.Now)
	if err == nil {
		if s.leaf.VerifyHostname(mdsHost) != nil {
			return false, fmt.Sprintf("not verified: the signature fits, but it is by %s, not by %s", nameOf(s.leaf), mdsHost)
		}
		// A root may also stand in the header, signed by an older one.
		chain := slices.MinFunc(chains, func(a, b []*x509.Certificate) int { return cmp.Compare(len(a), len(b)) })
		return true, fmt.Sprintf("verified: signed by %s, up to %s", mdsHost, nameOf(chain[len(chain)-1]))
	}
	// Files grow old: a chain that was good on the day of its beginning is told
	// from one that never was.
	if chains, past := verify(s.leaf.NotBefore); past == nil {
		begin, end := validity(chains[0])
		if o.Now.After(end) {
			return false, fmt.Sprintf("not verified: the signature fits, but the certificates of %s ended on %s; a newer file is at https://mds3.fidoalliance.org/", nameOf(s.leaf), end.UTC().Format(time.DateOnly))
		}
		return false, fmt.Sprintf("not verified: the signature fits, but the certificates of %s begin on %s, after the time of this run", nameOf(s.leaf), begin.UTC().Format(time.DateOnly))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return false, fmt.Sprintf("not verified: the signature fits, but the certificate of %s leads to no known root", nameOf(s.leaf))
	}
	return false, fmt.Sprintf("not verified: the signature fits, but the certificate of %s is not valid: %s", nameOf(s.leaf), cutTo(visible(err.Error()), 200))
}

// validity gives the time in which all of a chain is valid.
func validity(chain []*x509.Certificate) (begin, end time.Time) {
	begin, end = chain[0].NotBefore, chain[0].NotAfter
	for _, c := range chain[1:] {
		if c.NotBefore.After(begin) {
			begin = c.NotBefore
		}
		if c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return begin, end
}

// nameOf gives the name by which people know a certificate. GlobalSign's R3
// says which root it is in the organisational unit alone.
func nameOf(c *x509.Certificate) string {
	for _, name := range append(append([]string{}, c.DNSNames...), append(c.Subject.OrganizationalUnit, c.Subject.CommonName)...) {
		if name = bounded(visible(name)); name != "" {
			return name
		}
	}
	return "an unnamed signer"
}

// isJSON reports whether the file begins like a JSON object, and moves src past
// a byte order mark and white space.
func isJSON(src *bufio.Reader) (bool, error) {
	if mark, err := src.Peek(len(utf8BOM)); err == nil && bytes.Equal(mark, utf8BOM) {
		if _, err := src.Discard(len(utf8BOM)); err != nil {
			return false, err
		}
	}
	for {
		c, err := src.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return false, ErrEmpty
		case err != nil:
			return false, err
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			continue
		}
		return c == '{', src.UnreadByte()
	}
}
