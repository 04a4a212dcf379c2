//! Public keys that nobody holds the private half of.

use aws_lc_rs::agreement::{Algorithm, ECDH_P256, ECDH_P384, PrivateKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Random;
use super::der::{BIT_STRING, OBJECT_IDENTIFIER, SEQUENCE, element, integer};
use anchorwatch_core::bundle::{Fingerprint, KeyType, PublicKeyId};

/// `id-ecPublicKey` (RFC 5480, 2.1.1) and two curves.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// `rsaEncryption` (RFC 3279, 2.3.1) and its NULL.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const NULL: &[u8] = &[0x05, 0x00];
const EXPONENT: &[u8] = &[0x01, 0x00, 0x01];

/// What a simulated key is made of.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeyAlgorithm {
    /// ECDSA over P-256, SPIRE's default.
    #[default]
    EcP256,
    /// ECDSA over P-384.
    EcP384,
    /// RSA with a modulus of 2,048 bits. No one knows its factors, and no one checks them.
    Rsa2048,
}

impl KeyAlgorithm {
    /// The type of its keys.
    pub fn key_type(self) -> KeyType {
        match self {
            Self::EcP256 => KeyType::EcP256,
            Self::EcP384 => KeyType::EcP384,
            Self::Rsa2048 => KeyType::Rsa { bits: 2048 },
        }
    }
}

/// A public key: what stands in a JWK and in a certificate.
#[derive(Clone, Debug)]
pub(super) enum SimulatedKey {
    /// A point on a curve, uncompressed (SEC 1, 2.3.3).
    Point { key_type: KeyType, curve: &'static str, point: Box<[u8]> },
    /// A modulus; the exponent is 65,537.
    Modulus(Box<[u8; 256]>),
}

impl SimulatedKey {
    /// The public key that these random bytes give.
    pub(super) fn generate(algorithm: KeyAlgorithm, random: &mut Random) -> Self {
        match algorithm {
            KeyAlgorithm::EcP256 => {
                Self::point(KeyType::EcP256, "P-256", &ECDH_P256, &mut || random.bytes::<32>())
            }
            KeyAlgorithm::EcP384 => {
                Self::point(KeyType::EcP384, "P-384", &ECDH_P384, &mut || random.bytes::<48>())
            }
            KeyAlgorithm::Rsa2048 => {
                let mut modulus = random.bytes::<256>();
                let [first, .., last] = &mut modulus;
                *first |= 0x80;
                *last |= 1;
                Self::Modulus(Box::new(modulus))
            }
        }
    }

    /// A point, so that whoever checks that it lies on its curve is content.
    fn point<const N: usize>(
        key_type: KeyType,
        curve: &'static str,
        algorithm: &'static Algorithm,
        scalar: &mut dyn FnMut() -> [u8; N],
    ) -> Self {
        loop {
            // Of 2³² scalars one lies outside the order of the curve.
            let public = PrivateKey::from_private_key(algorithm, &scalar())
                .ok()
                .and_then(|key| key.compute_public_key().ok());
            if let Some(public) = public {
                return Self::Point { key_type, curve, point: public.as_ref().into() };
            }
        }
    }

    pub(super) fn key_type(&self) -> KeyType {
        match self {
            Self::Point { key_type, .. } => key_type.clone(),
            Self::Modulus(_) => KeyType::Rsa { bits: 2048 },
        }
    }

    /// The bytes that SPIRE hashes to a key identifier.
    pub(super) fn bits(&self) -> Vec<u8> {
        match self {
            Self::Point { point, .. } => point.to_vec(),
            Self::Modulus(modulus) => {
                element(SEQUENCE, &[&integer(modulus.as_slice()), &integer(EXPONENT)])
            }
        }
    }

    /// The SubjectPublicKeyInfo.
    pub(super) fn spki(&self) -> Vec<u8> {
        let oid = |bytes| element(OBJECT_IDENTIFIER, &[bytes]);
        let algorithm = match self {
            Self::Point { key_type: KeyType::EcP384, .. } => {
                element(SEQUENCE, &[&oid(EC_PUBLIC_KEY), &oid(SECP384R1)])
            }
            Self::Point { .. } => element(SEQUENCE, &[&oid(EC_PUBLIC_KEY), &oid(SECP256R1)]),
            Self::Modulus(_) => element(SEQUENCE, &[&oid(RSA_ENCRYPTION), NULL]),
        };
        let key = element(BIT_STRING, &[&[0], &self.bits()]);
        element(SEQUENCE, &[&algorithm, &key])
    }

    pub(super) fn id(&self) -> PublicKeyId {
        PublicKeyId::of(&self.spki())
    }

    /// The members of a JWK that say which key it is, in SPIRE's order and without braces. They are
    /// in the order of their names, too, so that braces make them the canonical form of RFC 7638.
    pub(super) fn members(&self, kid: Option<&str>) -> String {
        let kid = kid.map_or(String::new(), |kid| format!(r#""kid":{},"#, quoted(kid)));
        match self {
            Self::Point { curve, point, .. } => {
                let (x, y) = coordinates(point);
                format!(r#""kty":"EC",{kid}"crv":"{curve}","x":"{x}","y":"{y}""#)
            }
            Self::Modulus(modulus) => {
                let n = URL_SAFE_NO_PAD.encode(modulus.as_slice());
                format!(r#""kty":"RSA",{kid}"n":"{n}","e":"AQAB""#)
            }
        }
    }

    /// The SHA-256 of the canonical form (RFC 7638, 3.2).
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let canonical = match self {
            Self::Point { curve, point, .. } => {
                let (x, y) = coordinates(point);
                format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Self::Modulus(modulus) => {
                let n = URL_SAFE_NO_PAD.encode(modulus.as_slice());
                format!(r#"{{"e":"AQAB","kty":"RSA","n":"{n}"}}"#)
            }
        };
        Fingerprint::of(canonical.as_bytes())
    }
}

fn coordinates(point: &[u8]) -> (String, String) {
    let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
