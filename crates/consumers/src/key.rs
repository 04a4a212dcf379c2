//! Public keys as Go compares them, whatever carries them: a JWK or a certificate.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::der::{Der, SEQUENCE};
use anchorwatch_core::bundle::Fingerprint;

/// A curve of a JWK (RFC 7518, 6.2.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| curve.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// The length of a coordinate in bytes.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn holds(self, point: &[u8]) -> bool {
        let algorithm = match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1,
            Self::P384 => &ECDSA_P384_SHA384_ASN1,
            Self::P521 => &ECDSA_P521_SHA512_ASN1,
        };
        ParsedPublicKey::new(algorithm, point).is_ok()
    }
}

/// A public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum PublicKey {
    /// A point on its curve, uncompressed (SEC 1, 2.3.3).
    Elliptic(Curve, Vec<u8>),
    /// A modulus without leading zeros, and an exponent.
    Rsa(Vec<u8>, i64),
    /// 32 bytes, which nobody looks into.
    Ed25519(Vec<u8>),
    /// A key that Go reads in a certificate and go-jose in no JWK.
    Foreign,
}

impl PublicKey {
    /// The point of two coordinates, where it lies on the curve. Both have their full length.
    /// Where it is the key that a certificate carries, it is known to lie there.
    pub(crate) fn of_coordinates(
        curve: Curve,
        x: &[u8],
        y: &[u8],
        certified: Option<&Self>,
    ) -> Option<Self> {
        let point = [&[4], x, y].concat();
        match certified {
            Some(Self::Elliptic(known, on_it)) if *known == curve && *on_it == point => {
                Some(Self::Elliptic(curve, point))
            }
            Some(_) | None => Self::of_point(curve, point),
        }
    }

    fn of_point(curve: Curve, point: Vec<u8>) -> Option<Self> {
        let whole = point.len() == 1 + 2 * curve.length() && point.first() == Some(&4);
        (whole && curve.holds(&point)).then_some(Self::Elliptic(curve, point))
    }

    /// What the key is known by: the SHA-256 thumbprint (RFC 7638, 3; RFC 8037, 2) that go-jose
    /// computes.
    pub(crate) fn thumbprint(&self) -> Option<Fingerprint> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let canonical = match self {
            Self::Elliptic(curve, point) => {
                let (x, y) = point.get(1..)?.split_at_checked(curve.length())?;
                let (crv, x, y) = (curve.name(), text(x), text(y));
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            // go-jose itself falls over an exponent of 0.
            Self::Rsa(modulus, exponent) if *exponent != 0 => {
                let exponent = exponent.to_be_bytes();
                let (e, n) =
                    (text(anchorwatch_core::bundle::strip_leading_zeros(&exponent)), text(modulus));
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
            Self::Ed25519(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(x)),
            Self::Rsa(..) | Self::Foreign => return None,
        };
        Some(Fingerprint::of(canonical.as_bytes()))
    }
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
const ELLIPTIC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const P224: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x21];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const NULL: &[u8] = &[5, 0];

/// The key of a certificate.
#[derive(Debug)]
pub(crate) enum Certified {
    Key(PublicKey),
    /// Go does not know its algorithm, and lets it pass.
    Unknown,
}

/// The key of a SubjectPublicKeyInfo, where Go takes it.
pub(crate) fn of_certificate(spki: &[u8]) -> Option<Certified> {
    let mut spki = Der(spki).read(SEQUENCE)?;
    let mut algorithm = spki.read(SEQUENCE)?;
    let name = algorithm.oid()?;
    let parameters: &[u8] =
        if algorithm.is_empty() { &[] } else { algorithm.any().map(|(_, _, whole)| whole)? };
    let bits = spki.bits()?;
    let key = match name {
        RSA => rsa(parameters, &bits)?,
        ELLIPTIC => elliptic(parameters, bits)?,
        // No JWK has such a key, so that a certificate of one fits none.
        DSA => return None,
        ED25519 => {
            (parameters.is_empty() && bits.len() == 32).then_some(PublicKey::Ed25519(bits))?
        }
        X25519 => (parameters.is_empty() && bits.len() == 32).then_some(PublicKey::Foreign)?,
        _ => return Some(Certified::Unknown),
    };
    Some(Certified::Key(key))
}

fn is_positive(number: &[u8]) -> bool {
    number.first().is_some_and(|first| first & 0x80 == 0) && number != [0]
}

fn rsa(parameters: &[u8], bits: &[u8]) -> Option<PublicKey> {
    // RFC 3279, 2.3.1.
    (parameters == NULL).then_some(())?;
    let mut numbers = Der(bits).read(SEQUENCE)?;
    let (modulus, exponent) = (numbers.integer()?, numbers.integer()?);
    (is_positive(modulus) && is_positive(exponent) && exponent.len() <= 8).then_some(())?;
    let exponent = exponent.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte));
    Some(PublicKey::Rsa(anchorwatch_core::bundle::strip_leading_zeros(modulus).to_vec(), exponent))
}

fn elliptic(parameters: &[u8], bits: Vec<u8>) -> Option<PublicKey> {
    match Der(parameters).oid()? {
        P256 => PublicKey::of_point(Curve::P256, bits),
        P384 => PublicKey::of_point(Curve::P384, bits),
        P521 => PublicKey::of_point(Curve::P521, bits),
        // No JWK has this curve, so that whatever goes with such a certificate is refused for
        // that already: whether the point lies on it is not looked at.
        P224 => (bits.len() == 57 && bits.first() == Some(&4)).then_some(PublicKey::Foreign),
        _ => None,
    }
}
