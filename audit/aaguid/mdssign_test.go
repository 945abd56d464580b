package aaguid

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// signing says how a test's signer differs from a good one.
type signing struct {
	rsa      bool
	dns      string
	from, to time.Time
}

// testSigner signs as the FIDO Alliance does: a leaf under an intermediate
// under a root.
type testSigner struct {
	key   crypto.Signer
	chain []*x509.Certificate // leaf first, without the root
	roots *x509.CertPool
}

func newSigner(t testing.TB, o signing) *testSigner {
	t.Helper()
	if o.dns == "" {
		o.dns = mdsHost
	}
	if o.from.IsZero() {
		o.from = mdsNow.AddDate(0, -1, 0)
	}
	if o.to.IsZero() {
		o.to = mdsNow.AddDate(0, 6, 0)
	}
	newKey := func(ofRSA bool) crypto.Signer {
		var key crypto.Signer
		var err error
		if ofRSA {
			key, err = rsa.GenerateKey(rand.Reader, 2048)
		} else {
			key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	serial := int64(0)
	certificate := func(c, above *x509.Certificate, key, aboveKey crypto.Signer) *x509.Certificate {
		serial++
		c.SerialNumber = big.NewInt(serial)
		if above == nil {
			above = c
		}
		der, err := x509.CreateCertificate(rand.Reader, c, above, key.Public(), aboveKey)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	authority := func(name string) *x509.Certificate {
		return &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, NotBefore: mdsNow.AddDate(-5, 0, 0), NotAfter: mdsNow.AddDate(5, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
	}
	rootKey, betweenKey, s := newKey(false), newKey(false), &testSigner{key: newKey(o.rsa), roots: x509.NewCertPool()}
	root := certificate(authority("Test Root"), nil, rootKey, rootKey)
	between := certificate(authority("Test CA"), root, betweenKey, rootKey)
	leaf := certificate(&x509.Certificate{
		Subject: pkix.Name{CommonName: o.dns}, DNSNames: []string{o.dns}, NotBefore: o.from, NotAfter: o.to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, between, s.key, betweenKey)
	s.roots.AddCert(root)
	s.chain = []*x509.Certificate{leaf, between}
	return s
}

// header gives the JOSE header, with changes laid over.
func (s *testSigner) header(changes map[string]any) map[string]any {
	var x5c []string
	for _, c := range s.chain {
		x5c = append(x5c, base64.StdEncoding.EncodeToString(c.Raw))
	}
	h := map[string]any{"alg": "ES256", "typ": "JWT", "x5c": x5c}
	if _, ok := s.key.(*rsa.PrivateKey); ok {
		h["alg"] = "RS256"
	}
	for k, v := range changes {
		h[k] = v
	}
	return h
}

// sign gives the compact serialisation.
func (s *testSigner) sign(t testing.TB, header map[string]any, body string) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString([]byte(body))
	digest := sha256.Sum256([]byte(text))
	var signature []byte
	switch key := s.key.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	case *ecdsa.PrivateKey:
		var r, v *big.Int
		r, v, err = ecdsa.Sign(rand.Reader, key, digest[:])
		if err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (s *testSigner) blob(t testing.TB, body string) string {
	t.Helper()
	return s.sign(t, s.header(nil), body)
}

func TestReadMDSSigned(t *testing.T) {
	good := newSigner(t, signing{})
	ofRSA := newSigner(t, signing{rsa: true})
	other := newSigner(t, signing{dns: "contoso.com"})
	old := newSigner(t, signing{from: mdsNow.AddDate(-2, 0, 0), to: mdsNow.AddDate(-1, 0, 0)})
	young := newSigner(t, signing{from: mdsNow.AddDate(0, 1, 0)})
	blob := good.blob(t, payload)
	tests := []struct {
		name, in string
		roots    *x509.CertPool
		want     string // Signature
		verified bool
	}{
		{"ES256", blob, good.roots, "verified: signed by mds.fidoalliance.org, up to Test Root", true},
		{"RS256", ofRSA.blob(t, payload), ofRSA.roots, "verified: signed by mds.fidoalliance.org, up to Test Root", true},
		{"line ends and a byte order mark", "\ufeff " + blob[:1000] + "\r\n" + blob[1000:] + "\r\n", good.roots, "verified: signed by mds.fidoalliance.org, up to Test Root", true},
		{"another's root", blob, ofRSA.roots, "not verified: the signature fits, but the certificate of mds.fidoalliance.org leads to no known root", false},
		{"the usual roots", blob, nil, "not verified: the signature fits, but the certificate of mds.fidoalliance.org leads to no known root", false},
		{"another's name", other.blob(t, payload), other.roots, "not verified: the signature fits, but it is by contoso.com, not by mds.fidoalliance.org", false},
		{"expired", old.blob(t, payload), old.roots, "not verified: the signature fits, but the certificates of mds.fidoalliance.org ended on 2025-11-22; a newer file is at https://mds3.fidoalliance.org/", false},
		{"expired and another's root", old.blob(t, payload), good.roots, "not verified: the signature fits, but the certificate of mds.fidoalliance.org is not valid: x509: certificate has expired", false},
		{"not yet valid", young.blob(t, payload), young.roots, "not verified: the signature fits, but the certificates of mds.fidoalliance.org begin on 2026-12-22, after the time of this run", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ReadMDS(iotest.HalfReader(strings.NewReader(tt.in)), MDSOptions{Now: mdsNow, Roots: tt.roots})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(m.Signature, tt.want) || m.Verified != tt.verified {
				t.Errorf("Signature = %q, %v; want %q, %v", m.Signature, m.Verified, tt.want, tt.verified)
			}
			if m.Len() != 4 || m.Serial != 285 {
				t.Errorf("%d entries of number %d", m.Len(), m.Serial)
			}
			if warned := len(m.Warnings()) == 2; warned == tt.verified {
				t.Errorf("warnings: %q", m.Warnings())
			}
		})
	}
}

func TestReadMDSRefusesSignature(t *testing.T) {
	good, another := newSigner(t, signing{}), newSigner(t, signing{})
	ofRSA := newSigner(t, signing{rsa: true})
	blob := good.blob(t, payload)
	parts := strings.Split(blob, ".")
	altered := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(payload, "REVOKED", "RETIRED", 1)))
	short := base64.RawURLEncoding.EncodeToString(make([]byte, 63))
	with := func(changes map[string]any) string { return good.sign(t, good.header(changes), payload) }
	huge := newSigner(t, signing{}).chain[0].Raw
	tests := []struct{ name, in, want string }{
		{"altered payload", parts[0] + "." + altered + "." + parts[2], "the signature does not fit"},
		{"another header", strings.Split(another.blob(t, payload), ".")[0] + "." + parts[1] + "." + parts[2], "the signature does not fit"},
		{"another key", another.sign(t, good.header(nil), payload), "the signature does not fit"},
		{"no signature", parts[0] + "." + parts[1] + ".", "the signature does not fit"},
		{"short signature", parts[0] + "." + parts[1] + "." + short, "the signature does not fit"},
		{"algorithm of another key", ofRSA.sign(t, ofRSA.header(map[string]any{"alg": "ES256"}), payload), "the signature does not fit"},
		{"algorithm of another key, the other way", with(map[string]any{"alg": "RS256"}), "the signature does not fit"},
		{"signature is no base64url", parts[0] + "." + parts[1] + ".+++", "the signature is not base64url"},
		{"payload is no base64url", parts[0] + ".e30+." + parts[2], "base64url"},
		{"algorithm none", with(map[string]any{"alg": "none"}), `its algorithm is "none"`},
		{"shared secret", with(map[string]any{"alg": "HS256"}), `its algorithm is "HS256"`},
		{"no certificate", with(map[string]any{"x5c": nil, "x5u": "https://contoso.com/a.pem"}), "has no certificate (x5c)"},
		{"certificate is no base64", with(map[string]any{"x5c": []string{"?"}}), "certificate 1 is not base64"},
		{"certificate is none", with(map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(huge), "AAAA"}}), "read certificate 2"},
		{"too many certificates", with(map[string]any{"x5c": make([]string, maxCertificates+1)}), "more than 8 certificates"},
		{"critical extensions", with(map[string]any{"crit": []string{"b64"}, "b64": false}), "critical extensions"},
		{"cut in the header", blob[:100], "neither a metadata BLOB"},
		{"cut in the payload", parts[0] + "." + parts[1][:len(parts[1])/2], "the file ends too early"},
		{"cut before the signature", parts[0] + "." + parts[1], "the file ends too early"},
		{"cut in the signature", blob[:len(blob)-4], "the signature does not fit"},
		{"four parts", blob + "." + parts[2], "neither a metadata BLOB"},
		{"huge signature", blob + strings.Repeat("A", maxSignature), "neither a metadata BLOB"},
		{"payload without entries", good.blob(t, "{}"), "the list names no authenticator"},
		{"payload is no object", good.blob(t, "[]"), "neither a metadata BLOB"},
		{"payload is no JSON", good.blob(t, "hello"), "invalid character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ReadMDS(strings.NewReader(tt.in), MDSOptions{Now: mdsNow, Roots: good.roots})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ReadMDS: %v, want an error with %q", err, tt.want)
			}
			if m != nil {
				t.Error("metadata beside an error")
			}
		})
	}
}

// TestHugeKey holds that a made-up key cannot keep the processor busy.
func TestHugeKey(t *testing.T) {
	s := newSigner(t, signing{})
	modulus := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), maxKeyBits+8), big.NewInt(1))
	der, err := x509.CreateCertificate(rand.Reader, s.chain[0], s.chain[0], &rsa.PublicKey{N: modulus, E: 65537}, s.key)
	if err != nil {
		t.Fatal(err)
	}
	in := s.sign(t, s.header(map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(der)}}), payload)
	if _, err := ReadMDS(strings.NewReader(in), MDSOptions{Now: mdsNow}); err == nil || !strings.Contains(err.Error(), "has more than 8192 bits") {
		t.Errorf("ReadMDS: %v", err)
	}
}

// TestRoots holds the roots to their published SHA-256 fingerprints.
func TestRoots(t *testing.T) {
	want := map[string]string{
		"GlobalSign Root R46":     "4fa3126d8d3a11d1c4855a4f807cbad6cf919d3a5a88b03bea2c6372d93c40c9",
		"GlobalSign Root CA - R3": "cbb522d7b7f127ad6a0113865bdf1cd4102e7d0759af635a7cf4720dc963c53b",
	}
	got := map[string]string{}
	pool := x509.NewCertPool()
	for rest := []byte(embeddedRoots); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(c.Raw)
		got[nameOf(c)] = hex.EncodeToString(sum[:])
		pool.AddCert(c)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !mdsRoots().Equal(pool) {
		t.Error("the pool does not hold the embedded roots alone")
	}
}

// TestPartReader holds that parts come out the same however small the buffers
// are.
func TestPartReader(t *testing.T) {
	in := strings.Repeat("ab \n", 100) + "." + strings.Repeat("c", 50) + "."
	want := []string{strings.Repeat("ab", 100), strings.Repeat("c", 50), ""}
	src := bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(in)), 16)
	for i, w := range want {
		p := &partReader{src: src, sum: sha256.New()}
		got, err := io.ReadAll(iotest.OneByteReader(p))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != w || p.dot != (i < 2) {
			t.Errorf("part %d: %q, %v", i, got, p.dot)
		}
		if sum := sha256.Sum256([]byte(w)); string(p.sum.Sum(nil)) != string(sum[:]) {
			t.Errorf("part %d has another digest", i)
		}
	}
}
