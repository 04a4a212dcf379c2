// Package authority names the keys of a bundle as anchorwatch does, from
// go-spiffe's reading of it: two independent readings meet in the fingerprint.
package authority

import (
	"cmp"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
)

// The uses of a key in a bundle.
const (
	X509SVID = "x509-svid"
	JWTSVID  = "jwt-svid"
	WITSVID  = "wit-svid"
)

// Authority is one key of a bundle with its use.
type Authority struct {
	Use         string `json:"use"`
	Fingerprint string `json:"fingerprint"`
	KeyID       string `json:"kid,omitempty"`
}

// FromX509 names an X.509 authority by the SHA-256 of its DER.
func FromX509(cert *x509.Certificate) Authority {
	digest := sha256.Sum256(cert.Raw)
	return Authority{Use: X509SVID, Fingerprint: fingerprint(digest[:])}
}

// FromKey names a JWT or WIT authority by its RFC 7638 thumbprint.
func FromKey(use, keyID string, key crypto.PublicKey) (Authority, error) {
	jwk := jose.JSONWebKey{Key: key}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return Authority{}, fmt.Errorf("%s key %q: %w", use, keyID, err)
	}
	return Authority{Use: use, Fingerprint: fingerprint(thumbprint), KeyID: keyID}, nil
}

// List names every authority of a bundle, sorted by use, fingerprint and key ID.
func List(bundle *spiffebundle.Bundle) ([]Authority, error) {
	list := []Authority{}
	for _, cert := range bundle.X509Authorities() {
		list = append(list, FromX509(cert))
	}
	for use, keys := range map[string]map[string]crypto.PublicKey{
		JWTSVID: bundle.JWTAuthorities(),
		WITSVID: bundle.WITAuthorities(),
	} {
		for keyID, key := range keys {
			a, err := FromKey(use, keyID, key)
			if err != nil {
				return nil, err
			}
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b Authority) int {
		return cmp.Or(
			cmp.Compare(a.Use, b.Use),
			cmp.Compare(a.Fingerprint, b.Fingerprint),
			cmp.Compare(a.KeyID, b.KeyID),
		)
	})
	return list, nil
}

func fingerprint(digest []byte) string {
	return "sha256:" + hex.EncodeToString(digest)
}
