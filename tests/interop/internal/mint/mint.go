// Package mint makes keys and certificates in the shape that SPIRE gives them.
package mint

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// NotBeforeCushion is how far SPIRE dates a certificate back.
const NotBeforeCushion = 10 * time.Second

// KeyType is a kind of key, in SPIRE's words.
type KeyType string

// The key types that SPIRE offers, less rsa-4096.
const (
	ECP256  KeyType = "ec-p256"
	ECP384  KeyType = "ec-p384"
	RSA2048 KeyType = "rsa-2048"
)

// NewKey makes a key of the given type.
func NewKey(t KeyType) (crypto.Signer, error) {
	switch t {
	case ECP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ECP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	default:
		return nil, fmt.Errorf("unknown key type %q", t)
	}
}

// NewKeyID makes a JWT key ID as SPIRE does: 32 letters and digits.
func NewKeyID() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	id := make([]byte, 32)
	for i := range id {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // crypto/rand does not fail
		}
		id[i] = alphabet[n.Int64()]
	}
	return string(id)
}

// CA is a self-signed authority that can sign.
type CA struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// NewCA makes a self-signed CA of a trust domain, signed at the given time.
func NewCA(td spiffeid.TrustDomain, key crypto.Signer, signedAt time.Time, ttl time.Duration) (*CA, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	return newCA(x509.Certificate{
		SerialNumber: serial,
		Subject: pkix.Name{
			Country:      []string{"US"},
			Organization: []string{"SPIFFE"},
			SerialNumber: serial.String(),
		},
		URIs: []*url.URL{td.ID().URL()},
	}, key, signedAt, ttl)
}

// NewWebCA makes a self-signed CA of no trust domain, for the https_web profile.
func NewWebCA(key crypto.Signer, ttl time.Duration) (*CA, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	return newCA(x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "anchorwatch interop web CA"},
	}, key, time.Now(), ttl)
}

func newCA(tmpl x509.Certificate, key crypto.Signer, signedAt time.Time, ttl time.Duration) (*CA, error) {
	tmpl.IsCA = true
	tmpl.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	cert, err := create(tmpl, &CA{Key: key}, key.Public(), signedAt, ttl)
	if err != nil {
		return nil, err
	}
	return &CA{Cert: cert, Key: key}, nil
}

// Sign issues an end-entity certificate with the key usages of an X509-SVID.
// The template says whose it is: its subject and its subject alternative names.
func (ca *CA) Sign(tmpl x509.Certificate, public crypto.PublicKey, ttl time.Duration) (*x509.Certificate, error) {
	var err error
	if tmpl.SerialNumber, err = newSerial(); err != nil {
		return nil, err
	}
	tmpl.KeyUsage = x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement | x509.KeyUsageDigitalSignature
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return create(tmpl, ca, public, time.Now(), ttl)
}

// PEM encodes certificates one after another.
func PEM(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, cert := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
	}
	return out
}

// create signs the template; a signer without a certificate signs for itself.
func create(tmpl x509.Certificate, signer *CA, public crypto.PublicKey, signedAt time.Time, ttl time.Duration) (*x509.Certificate, error) {
	keyID, err := subjectKeyID(public)
	if err != nil {
		return nil, err
	}
	tmpl.SubjectKeyId = keyID
	tmpl.BasicConstraintsValid = true
	tmpl.NotBefore = signedAt.Add(-NotBeforeCushion)
	tmpl.NotAfter = signedAt.Add(ttl)

	parent := signer.Cert
	if parent == nil {
		parent = &tmpl
	}
	der, err := x509.CreateCertificate(rand.Reader, &tmpl, parent, public, signer.Key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

// subjectKeyID is method 1 of RFC 5280 section 4.2.1.2, as SPIRE has it; Go's
// own default became a truncated SHA-256.
func subjectKeyID(public crypto.PublicKey) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, err
	}
	digest := sha1.Sum(info.PublicKey.Bytes)
	return digest[:], nil
}
