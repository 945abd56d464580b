package graph

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"software.sslmate.com/src/go-pkcs12"
)

func (o AuthOptions) certificateCredential() (azcore.TokenCredential, error) {
	refuse := func(why, hint string) (azcore.TokenCredential, error) {
		return nil, refuseFile(AuthCertificate, o.CertificateFile, why, hint)
	}
	data, err := os.ReadFile(o.CertificateFile)
	if err != nil {
		return refuse(unreadable(err), "")
	}
	certificates, key, err := parseCertificates(data, o.CertificatePassword)
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return refuse("the password does not open the file", "the password of a PFX file goes into AZURE_CLIENT_CERTIFICATE_PASSWORD")
	}
	if err != nil {
		return refuse(clean(err.Error(), 200),
			"a PEM or PFX file with the certificate and its private key is needed, and the password of a PFX file")
	}
	switch own := ownCertificate(certificates, key); {
	case own == nil:
		return refuse("the private key belongs to none of the certificates in the file", "")
	case o.Now().After(own.NotAfter):
		return refuse("the certificate expired on "+own.NotAfter.UTC().Format(time.DateOnly),
			"make a new one and upload it to the app registration")
	case o.Now().Before(own.NotBefore):
		return refuse("the certificate is valid from "+own.NotBefore.UTC().Format(time.DateOnly)+" on", "check this machine's clock")
	}
	return azidentity.NewClientCertificateCredential(o.TenantID, o.ClientID, certificates, key,
		&azidentity.ClientCertificateCredentialOptions{
			ClientOptions:            o.clientOptions(),
			DisableInstanceDiscovery: o.DisableInstanceDiscovery,
		})
}

// parseCertificates reads certificates and private key of a PEM or PFX file.
//
// azidentity's own parser takes a PEM file for PFX once there is a password, and
// does not know the encryption that OpenSSL 3 and newer versions of Windows give
// PFX files.
func parseCertificates(data []byte, password string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		if bytes.Contains(data, []byte("ENCRYPTED")) {
			return nil, nil, errors.New("the private key is encrypted, which only PFX files may be: convert it, or keep it in the clear in a file that you alone can read")
		}
		return azidentity.ParseCertificates(data, nil)
	}
	key, certificate, chain, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		return nil, nil, err
	}
	return append([]*x509.Certificate{certificate}, chain...), key, nil
}

// ownCertificate gives the certificate that a private key belongs to; nil for
// none. The order of those in a file means nothing.
func ownCertificate(certificates []*x509.Certificate, key crypto.PrivateKey) *x509.Certificate {
	private, ok := key.(interface{ Public() crypto.PublicKey })
	if !ok {
		return nil
	}
	public, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil
	}
	for _, c := range certificates {
		if public.Equal(c.PublicKey) {
			return c
		}
	}
	return nil
}
