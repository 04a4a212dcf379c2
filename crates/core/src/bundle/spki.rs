//! The SubjectPublicKeyInfo of a JWK's key, so that one key is found whatever carries it.

use super::{KeyType, PublicKeyId};

/// `id-ecPublicKey` (RFC 5480, 2.1.1).
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const SECP256R1: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const SECP384R1: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const SECP521R1: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];
/// `rsaEncryption` with its NULL (RFC 3279, 2.3.1).
const RSA_ENCRYPTION: &[u8] =
    &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// `id-Ed25519` (RFC 8410, 3).
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// The public key of a point on a curve: `point` is the uncompressed form. `None` where the key
/// type is no curve.
pub(super) fn of_point(key_type: &KeyType, point: &[u8]) -> Option<PublicKeyId> {
    let curve = match key_type {
        KeyType::EcP256 => SECP256R1,
        KeyType::EcP384 => SECP384R1,
        KeyType::EcP521 => SECP521R1,
        KeyType::Ed25519 | KeyType::Rsa { .. } | KeyType::Unknown(_) => return None,
    };
    let algorithm = element(SEQUENCE, &[EC_PUBLIC_KEY, curve]);
    let key = element(BIT_STRING, &[&[0], point]);
    Some(PublicKeyId::of(&element(SEQUENCE, &[&algorithm, &key])))
}

/// The public key of a modulus and an exponent, both without leading zeros.
pub(super) fn of_rsa(modulus: &[u8], exponent: &[u8]) -> PublicKeyId {
    let numbers = element(SEQUENCE, &[&integer(modulus), &integer(exponent)]);
    let algorithm = element(SEQUENCE, &[RSA_ENCRYPTION]);
    let key = element(BIT_STRING, &[&[0], &numbers]);
    PublicKeyId::of(&element(SEQUENCE, &[&algorithm, &key]))
}

/// The public key of these 32 bytes (RFC 8410, 4).
pub(super) fn of_ed25519(key: &[u8]) -> PublicKeyId {
    let algorithm = element(SEQUENCE, &[ED25519]);
    let key = element(BIT_STRING, &[&[0], key]);
    PublicKeyId::of(&element(SEQUENCE, &[&algorithm, &key]))
}

fn integer(number: &[u8]) -> Vec<u8> {
    // A leading bit would make it negative.
    let negative = number.first().is_none_or(|first| 0x80 <= *first);
    let sign: &[u8] = if negative { &[0] } else { &[] };
    element(INTEGER, &[sign, number])
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let significant: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut der = Vec::with_capacity(length + 2 + significant.len());
    der.push(tag);
    match significant.as_slice() {
        [] => der.push(0),
        [short] if *short < 0x80 => der.push(*short),
        long => {
            der.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            der.extend_from_slice(long);
        }
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::bundle::json::{Members, elements, string};
    use crate::bundle::{Certificate, jwk};

    #[test]
    fn a_key_is_the_same_in_a_jwk_and_in_a_certificate() {
        let text = include_str!(
            "../../../../tests/data/bundles/every_key_type_of_the_standard_is_read.json"
        );
        let document: Members<'_> = serde_json::from_str(text).unwrap();
        let keys = elements(document.raw("keys").unwrap(), 16).unwrap().unwrap();
        let mut key_types = BTreeSet::new();
        for key in keys {
            let members: Members<'_> = serde_json::from_str(key.get()).unwrap();
            let Some(listed) = members.raw("x5c") else { continue };
            let listed = elements(listed, 1).unwrap().unwrap();
            let der = base64::Engine::decode(
                &base64::engine::general_purpose::STANDARD,
                &*string(listed[0].get()).unwrap(),
            );
            let certificate = Certificate::parse(&der.unwrap()).unwrap();
            let key = jwk::key(&members).unwrap();
            assert_eq!(key.spki, Some(certificate.public_key), "{}", certificate.key_type);
            assert_eq!(key.kind, certificate.key_type);
            key_types.insert(key.kind);
        }
        assert_eq!(key_types.len(), 4, "{key_types:?}");
    }
}
