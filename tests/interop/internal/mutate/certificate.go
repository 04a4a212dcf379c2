package mutate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// smith makes elements that no publisher of good bundles makes.
type smith struct {
	signer    *ecdsa.PrivateKey
	keys      []crypto.Signer
	symmetric []byte
}

func newSmith() (*smith, error) {
	s := &smith{symmetric: []byte("not a secret")}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521(), elliptic.P224()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	s.signer = s.keys[0].(*ecdsa.PrivateKey)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	for _, bits := range []int{1024, 2048} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	s.keys = append(s.keys, ed)
	return s, nil
}

// element makes a JWK of some key: with a certificate for it, or of a
// private or symmetric one.
func (s *smith) element(r *mathrand.Rand) (*node, error) {
	key := s.keys[r.IntN(len(s.keys))]
	use := []string{"x509-svid", "x509-svid", "x509-svid", "jwt-svid", "wit-svid", "sig"}[r.IntN(6)]
	jwk := jose.JSONWebKey{Key: key.Public(), Use: use}
	if use != "x509-svid" {
		jwk.KeyID = fmt.Sprintf("kid-%d", r.IntN(4))
		switch r.IntN(4) {
		case 0:
			// anchorwatch does not look into private RSA keys, so none is left whole here.
			if _, isRSA := key.(*rsa.PrivateKey); !isRSA {
				jwk.Key = key
			}
		case 1:
			jwk.Key = s.symmetric
		}
	}
	if use == "x509-svid" || r.IntN(8) == 0 {
		certificate, err := s.certificate(r, key.Public())
		if err != nil {
			return nil, err
		}
		jwk.Certificates = []*x509.Certificate{{Raw: certificate}}
	}
	return toNode(jwk)
}

// toNode writes a key as go-jose does, and the keys and certificates that it
// does not write by hand.
func toNode(jwk jose.JSONWebKey) (*node, error) {
	certificates := jwk.Certificates
	jwk.Certificates = nil
	document, err := json.Marshal(jwk)
	if key, p224 := jwk.Key.(*ecdsa.PublicKey); err != nil && p224 {
		document, err = json.Marshal(map[string]string{
			"kty": "EC", "crv": key.Params().Name, "use": jwk.Use, "kid": jwk.KeyID,
			"x": base64.RawURLEncoding.EncodeToString(key.X.Bytes()),
			"y": base64.RawURLEncoding.EncodeToString(key.Y.Bytes()),
		})
	} else if err != nil {
		document, err = json.Marshal(map[string]string{"kty": "EC", "crv": "P-224", "use": jwk.Use})
	}
	if err != nil {
		return nil, err
	}
	element, err := parse(document)
	if err != nil {
		return nil, err
	}
	if len(certificates) > 0 {
		list := &node{kind: array}
		for _, certificate := range certificates {
			list.members = append(list.members, quoted(base64.StdEncoding.EncodeToString(certificate.Raw)))
		}
		element.set("x5c", list)
	}
	return element, nil
}

// certificate makes a CA certificate with extensions that are seldom seen.
func (s *smith) certificate(r *mathrand.Rand, public crypto.PublicKey) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(r.Int64()),
		Subject:               subject(r),
		NotBefore:             time.Unix(1_795_000_000, 0),
		NotAfter:              time.Unix(1_795_000_000+r.Int64N(4_000_000_000), 0),
		IsCA:                  r.IntN(8) > 0,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	for range r.IntN(4) {
		template.ExtraExtensions = append(template.ExtraExtensions, extension(r))
	}
	// Twice the same extension is an error of its own: seldom enough.
	if r.IntN(10) > 0 {
		seen := map[string]bool{}
		var once []pkix.Extension
		for _, e := range template.ExtraExtensions {
			if !seen[e.Id.String()] {
				once = append(once, e)
			}
			seen[e.Id.String()] = true
		}
		template.ExtraExtensions = once
	}
	parent := *template
	parent.ExtraExtensions = nil
	if r.IntN(2) == 0 {
		parent.Subject = subject(r)
	}
	return x509.CreateCertificate(rand.Reader, template, &parent, public, s.signer)
}

func subject(r *mathrand.Rand) pkix.Name {
	name := pkix.Name{Country: []string{"US"}, Organization: []string{"SPIFFE"}}
	if r.IntN(3) == 0 {
		tags := []int{asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagT61String, asn1.TagNumericString, asn1.TagBMPString, asn1.TagGeneralString, asn1.TagInteger}
		values := []string{"", "a", "a b", "a_b", "12", "\xe9", "é", "\x00a", "\xd8\x00", "a*&", "\x00a\x00\x00"}
		name.ExtraNames = []pkix.AttributeTypeAndValue{{
			Type:  asn1.ObjectIdentifier{2, 5, 4, 3},
			Value: asn1.RawValue{Tag: tags[r.IntN(len(tags))], Bytes: []byte(values[r.IntN(len(values))])},
		}}
	}
	return name
}

// names are texts for subject alternative names and name constraints: hosts,
// mailboxes and URIs, good and bad.
var names = []string{
	"", "example.org", ".example.org", "example.org.", "a..b", "a b", "*.example.org", "1.2.3.4", "::1", "a@b.c", "@b.c",
	"a@", "\"a b\"@c", "a.@c", ".a@c", "a\\@b@c", "é", "\x7f", "spiffe://example.org", "spiffe://example.org/a%20b",
	"spiffe://example.org/%zz", "spiffe://exa mple.org", "spiffe://example.org?%zz#%41", "spiffe://example.org#%4", "spiffe:",
	"spiffe:opaque", "//example.org", "///example.org", "a:b", "1a:b", ":a", "https://a:b:c/", "https://a:1:2/", "x://a:b:1", "x://u:p@h",
	"x://u p@h", "x://u%zz@h", "x://[::1]:1", "x://[::1", "x://[1.2.3.4]", "x://[fe80::1%25en0]", "x://[fe80::1%25]", "x://%41", "x://%e9",
	"x://a_b", "x://a|b", "x://a\"b", "x://h:8a", "x://h:", "x://.h", "x://h.", "*", "a/b:c", "x://[::ffff:1.2.3.4]", "x://[::1]a", "x://a[b", "x://h/\n",
	"SPIFFE://EXAMPLE.ORG", "+a://h", "x://@h", "x://h@", "x://h%25", "x://[::1%25%41]", "x://[::1%25%20]", "x://[::1%25%00]",
}

func wrap(tag int, class int, compound bool, parts ...[]byte) []byte {
	var content []byte
	for _, part := range parts {
		content = append(content, part...)
	}
	der, err := asn1.Marshal(asn1.RawValue{Tag: tag, Class: class, IsCompound: compound, Bytes: content})
	if err != nil {
		panic(err) // The tags are low and the classes known.
	}
	return der
}

func sequence(parts ...[]byte) []byte {
	return wrap(asn1.TagSequence, asn1.ClassUniversal, true, parts...)
}

func octets(r *mathrand.Rand, length int) []byte {
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = []byte{0, 1, 0x7f, 0x80, 0xff, 0xf0, 0xfe, byte(r.IntN(256))}[r.IntN(8)]
	}
	return bytes
}

func generalName(r *mathrand.Rand) []byte {
	tag := []int{0, 1, 2, 4, 6, 6, 6, 7, 8}[r.IntN(9)]
	if tag == 7 {
		return wrap(tag, asn1.ClassContextSpecific, false, octets(r, []int{0, 4, 8, 16, 32, 5}[r.IntN(6)]))
	}
	text := names[r.IntN(len(names))]
	// anchorwatch does not look into mailboxes, so no broken one is put in.
	for tag == 1 && strings.Contains(text, "@") {
		text = names[r.IntN(len(names))]
	}
	return wrap(tag, asn1.ClassContextSpecific, false, []byte(text))
}

func generalNames(r *mathrand.Rand) [][]byte {
	var list [][]byte
	for range r.IntN(4) {
		list = append(list, generalName(r))
	}
	return list
}

func subtrees(r *mathrand.Rand, number int) []byte {
	if r.IntN(3) == 0 {
		return nil
	}
	var trees [][]byte
	for range r.IntN(3) {
		trees = append(trees, sequence(generalName(r)))
	}
	return wrap(number, asn1.ClassContextSpecific, true, trees...)
}

func identifier(r *mathrand.Rand) []byte {
	odd := [][]byte{{}, {0x2a}, {0x80, 1}, {0x2a, 0x80}, {0x2a, 0x87, 0xff, 0xff, 0xff, 0x7f}, {0x2a, 0x88, 0x80, 0x80, 0x80, 0}, {0x55, 0x1d, 0x20, 0}}
	return wrap(asn1.TagOID, asn1.ClassUniversal, false, odd[r.IntN(len(odd))])
}

func integer(r *mathrand.Rand, tag int, class int) []byte {
	return wrap(tag, class, false, octets(r, r.IntN(11)))
}

// extension makes an extension that Go knows, in a form that it may not know.
func extension(r *mathrand.Rand) pkix.Extension {
	const universal, context = asn1.ClassUniversal, asn1.ClassContextSpecific
	id := asn1.ObjectIdentifier{2, 5, 29, 0}
	known := []int{14, 15, 17, 17, 17, 19, 30, 30, 30, 31, 32, 33, 35, 36, 37, 54, 99, -1}
	id[3] = known[r.IntN(len(known))]
	var value []byte
	switch id[3] {
	case 14:
		value = wrap(asn1.TagOctetString, universal, false, octets(r, 20))
	case 15:
		value = wrap(asn1.TagBitString, universal, false, octets(r, r.IntN(4)))
	case 17:
		value = sequence(generalNames(r)...)
	case 19:
		value = sequence(wrap(asn1.TagBoolean, universal, false, octets(r, 1)), integer(r, asn1.TagInteger, universal))
	case 30:
		value = sequence(subtrees(r, 0), subtrees(r, 1))
	case 31:
		name := wrap(0, context, true, generalNames(r)...)
		value = sequence(sequence(wrap(0, context, true, name)), sequence())
	case 32:
		value = sequence(sequence(identifier(r)), sequence(identifier(r)))
	case 33:
		value = sequence(sequence(identifier(r), identifier(r)))
	case 35:
		value = sequence(wrap(r.IntN(2), context, false, octets(r, 20)))
	case 36:
		value = sequence(integer(r, 0, context), integer(r, 1, context))
	case 37:
		value = sequence(identifier(r), identifier(r))
	case 54:
		value = integer(r, asn1.TagInteger, universal)
	case -1:
		id = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}
		value = sequence(sequence(identifier(r), generalName(r)))
	default:
		value = octets(r, r.IntN(8))
	}
	if r.IntN(8) == 0 {
		value = flip(r, value)
	}
	return pkix.Extension{Id: id, Critical: r.IntN(4) == 0, Value: value}
}

// flip changes one byte, takes one away or puts one in.
func flip(r *mathrand.Rand, bytes []byte) []byte {
	if len(bytes) == 0 {
		return []byte{byte(r.IntN(256))}
	}
	bytes = append([]byte(nil), bytes...)
	at := r.IntN(len(bytes))
	switch r.IntN(8) {
	case 0:
		return append(bytes[:at], bytes[at+1:]...)
	case 1:
		return append(bytes[:at], append([]byte{byte(r.IntN(256))}, bytes[at:]...)...)
	case 2, 3:
		bytes[at] ^= 1 << r.IntN(8)
	case 4:
		bytes[at]++
	default:
		bytes[at] = byte(r.IntN(256))
	}
	return bytes
}
