//! The key that a JWK states: its type, its RFC 7638 fingerprint and its public key.

use std::borrow::Cow;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};

use super::json::Members;
use super::{Fingerprint, IrregularityKind, KeyType, PublicKeyId, spki};
use crate::untrusted::UntrustedText;

/// Members that say nothing of the key itself (RFC 7517, 4).
const METADATA: [&str; 8] = ["use", "key_ops", "alg", "kid", "x5u", "x5c", "x5t", "x5t#S256"];
/// Members that are private for some key type (RFC 7518, 6.2.2, 6.3.2 and 6.4; the AKP drafts).
pub(super) const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
/// The longest parameter that is decoded, in characters: RSA with 16,384 bits has 2,731.
const LONGEST_PARAMETER: usize = 4096;

/// base64url as lenient as any consumer takes it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key, as far as it can be told.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) kind: KeyType,
    pub(super) fingerprint: Fingerprint,
    pub(super) spki: Option<PublicKeyId>,
    pub(super) departures: Vec<IrregularityKind>,
}

/// Reads the key of an element, or says why there is none.
pub(super) fn key(members: &Members<'_>) -> Result<Key, IrregularityKind> {
    let kty = members.text("kty").ok_or(IrregularityKind::MissingKeyType)?;
    match &*kty {
        "EC" => elliptic(members),
        "RSA" => rsa(members),
        "OKP" if members.text("crv").as_deref() == Some("Ed25519") => ed25519(members),
        "oct" => Err(IrregularityKind::SymmetricKey),
        other => Ok(unknown(members, other)),
    }
}

fn elliptic(members: &Members<'_>) -> Result<Key, IrregularityKind> {
    let crv = members.text("crv").ok_or(IrregularityKind::InvalidKey)?;
    let (key_type, length) = match &*crv {
        "P-256" => (KeyType::EcP256, 32),
        "P-384" => (KeyType::EcP384, 48),
        "P-521" => (KeyType::EcP521, 66),
        other => return Ok(unknown(members, other)),
    };
    let mut odd = false;
    // SEC 1, 2.3.3: an uncompressed point.
    let mut point = Vec::with_capacity(1 + 2 * length);
    point.push(4);
    for name in ["x", "y"] {
        let coordinate = parameter(members, name, &mut odd)?;
        let significant = strip_leading_zeros(&coordinate);
        // RFC 7518, 6.2.1.2: the coordinate has the full length of the field.
        odd |= coordinate.len() != length;
        let padding = length.checked_sub(significant.len()).ok_or(IrregularityKind::InvalidKey)?;
        point.resize(point.len() + padding, 0);
        point.extend_from_slice(significant);
    }
    let on_curve = match key_type {
        KeyType::EcP256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &point).is_ok(),
        KeyType::EcP384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, &point).is_ok(),
        KeyType::EcP521 => ParsedPublicKey::new(&ECDSA_P521_SHA512_ASN1, &point).is_ok(),
        KeyType::Ed25519 | KeyType::Rsa { .. } | KeyType::Unknown(_) => false,
    };
    if !on_curve {
        return Err(IrregularityKind::InvalidKey);
    }
    let mut coordinates = point.get(1..).unwrap_or_default().chunks(length);
    let mut text = || URL_SAFE_NO_PAD.encode(coordinates.next().unwrap_or_default());
    let (x, y) = (text(), text());
    // RFC 7638, 3.2: the required members, in the order of their names, and nothing else.
    let canonical = format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#);
    let spki = spki::of_point(&key_type, &point);
    Ok(Key {
        kind: key_type,
        fingerprint: Fingerprint::of(canonical.as_bytes()),
        spki,
        departures: odd.then_some(IrregularityKind::OddKeyEncoding).into_iter().collect(),
    })
}

fn rsa(members: &Members<'_>) -> Result<Key, IrregularityKind> {
    let mut odd = false;
    let modulus = parameter(members, "n", &mut odd)?;
    let exponent = parameter(members, "e", &mut odd)?;
    // RFC 7518, 6.3.1: without leading zeros.
    let (n, e) = (strip_leading_zeros(&modulus), strip_leading_zeros(&exponent));
    odd |= n.len() != modulus.len() || e.len() != exponent.len();
    let (Some(first), Some(last), Some(odd_exponent)) = (n.first(), n.last(), e.last()) else {
        return Err(IrregularityKind::InvalidKey);
    };
    // An even modulus or exponent is no RSA key.
    if last & 1 == 0 || odd_exponent & 1 == 0 {
        return Err(IrregularityKind::InvalidKey);
    }
    let bits = u32::try_from(n.len()).unwrap_or(u32::MAX).saturating_mul(8);
    let key_type = KeyType::Rsa { bits: bits.saturating_sub(first.leading_zeros()) };
    let weak = key_type.is_weak() || refused_exponent(e);
    let weak = weak.then(|| IrregularityKind::WeakKey { key_type: key_type.to_string().into() });
    let odd = odd.then_some(IrregularityKind::OddKeyEncoding);
    let (n_text, e_text) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
    let canonical = format!(r#"{{"e":"{e_text}","kty":"RSA","n":"{n_text}"}}"#);
    Ok(Key {
        kind: key_type,
        fingerprint: Fingerprint::of(canonical.as_bytes()),
        spki: Some(spki::of_rsa(n, e)),
        departures: weak.into_iter().chain(odd).collect(),
    })
}

/// RFC 8037, 2. Nobody looks into the 32 bytes: not every one of them is a point.
fn ed25519(members: &Members<'_>) -> Result<Key, IrregularityKind> {
    let mut odd = false;
    let key = parameter(members, "x", &mut odd)?;
    if key.len() != 32 {
        return Err(IrregularityKind::InvalidKey);
    }
    let x = URL_SAFE_NO_PAD.encode(&key);
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    Ok(Key {
        kind: KeyType::Ed25519,
        fingerprint: Fingerprint::of(canonical.as_bytes()),
        spki: Some(spki::of_ed25519(&key)),
        departures: odd.then_some(IrregularityKind::OddKeyEncoding).into_iter().collect(),
    })
}

/// A key of a kind that we do not know is remembered all the same: by the members that RFC
/// 7638, RFC 8037 and the AKP drafts require, or by all public ones.
fn unknown(members: &Members<'_>, name: &str) -> Key {
    let kty = members.text("kty").unwrap_or_default();
    let required: Option<&[&str]> = match &*kty {
        "EC" => Some(&["crv", "kty", "x", "y"]),
        "OKP" => Some(&["crv", "kty", "x"]),
        "AKP" => Some(&["alg", "kty", "pub"]),
        _ => None,
    };
    let counts = |member: &str| match required {
        Some(required) => required.contains(&member),
        None => !METADATA.contains(&member) && !PRIVATE.contains(&member),
    };
    let mut texts: Vec<(Cow<'_, str>, Cow<'_, str>)> = members
        .names()
        .filter(|member| counts(member))
        .filter_map(|member| Some((Cow::Owned(member.to_owned()), members.text(member)?)))
        .collect();
    texts.sort_unstable();
    texts.dedup();
    // RFC 7638, 3: no escapes but those that JSON needs, so that the fingerprint is everyone's.
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let pairs = texts.iter().map(|(name, value)| format!("{}:{}", quoted(name), quoted(value)));
    let canonical = format!("{{{}}}", pairs.collect::<Vec<_>>().join(","));
    let name = UntrustedText::new(name, 64);
    Key {
        kind: KeyType::Unknown(name.clone()),
        fingerprint: Fingerprint::of(canonical.as_bytes()),
        spki: None,
        departures: vec![IrregularityKind::UnknownKeyType { name }],
    }
}

/// A parameter's bytes, however it is written; `odd` is set where it is not as it must be.
fn parameter(
    members: &Members<'_>,
    name: &str,
    odd: &mut bool,
) -> Result<Vec<u8>, IrregularityKind> {
    let text = members.text(name).ok_or(IrregularityKind::InvalidKey)?;
    if LONGEST_PARAMETER < text.len() {
        return Err(IrregularityKind::InvalidKey);
    }
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(&*text) {
        return Ok(bytes);
    }
    *odd = true;
    let folded: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let folded = folded.replace('+', "-").replace('/', "_");
    LENIENT.decode(folded).map_err(|_| IrregularityKind::InvalidKey)
}

/// Whether consumers refuse an RSA key for its exponent, which is without leading zeros: 1 signs
/// nothing, an even one has no inverse (RFC 8017, 3.1), and Go takes none above 2³¹ − 1.
pub(super) fn refused_exponent(exponent: &[u8]) -> bool {
    match exponent {
        [] | [1] => true,
        [.., last] if last & 1 == 0 => true,
        [first, _, _, _] => 0x80 <= *first,
        exponent => 4 < exponent.len(),
    }
}

/// A number without its leading zeros.
pub fn strip_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(text: &str) -> Result<Key, IrregularityKind> {
        key(&serde_json::from_str::<Members<'_>>(text).unwrap())
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        // RFC 7638, 3.1, example.
        let text = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
        let key = key_of(text).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(key.fingerprint.as_bytes());
        assert_eq!(thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(key.kind, KeyType::Rsa { bits: 2048 });
        assert!(key.departures.is_empty());
    }

    #[test]
    fn a_point_that_is_not_on_its_curve_makes_no_key() {
        let text = r#"{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}"#;
        assert_eq!(key_of(text).unwrap_err(), IrregularityKind::InvalidKey);
    }

    #[test]
    fn an_rsa_key_of_1024_bits_is_weak() {
        let modulus = "_".repeat(170) + "8";
        let key = key_of(&format!(r#"{{"kty":"RSA","e":"AQAB","n":"{modulus}"}}"#)).unwrap();
        assert_eq!(key.kind, KeyType::Rsa { bits: 1024 });
        assert!(matches!(key.departures[..], [IrregularityKind::WeakKey { .. }]));
    }

    #[test]
    fn an_exponent_that_signs_nothing_or_that_go_refuses_is_weak() {
        let modulus = "_".repeat(341) + "w";
        let departures = |e: &str| {
            let text = format!(r#"{{"kty":"RSA","e":"{e}","n":"{modulus}"}}"#);
            let departures = key_of(&text).unwrap().departures;
            departures.iter().map(IrregularityKind::label).collect::<Vec<_>>()
        };
        for taken in ["Aw", "AQAB", "f____w"] {
            assert!(departures(taken).is_empty(), "{taken}");
        }
        for refused in ["AQ", "gAAAAQ", "AQAAAAE", modulus.as_str()] {
            assert_eq!(departures(refused), ["weak_key"], "{refused}");
        }
        // One departure does not hide the other.
        assert_eq!(departures("AAE"), ["weak_key", "odd_key_encoding"]);
    }

    #[test]
    fn a_symmetric_key_gives_nothing_not_even_a_hash() {
        let fault = key_of(r#"{"kty":"oct","k":"c2VjcmV0"}"#).unwrap_err();
        assert_eq!(fault, IrregularityKind::SymmetricKey);
    }

    #[test]
    fn an_ed25519_key_is_known_and_has_its_length() {
        // RFC 8037, A.2 and A.3.
        let text =
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let key = key_of(text).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(key.fingerprint.as_bytes());
        assert_eq!(thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!((key.kind, key.departures), (KeyType::Ed25519, Vec::new()));
        let short = r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#;
        assert_eq!(key_of(short).unwrap_err(), IrregularityKind::InvalidKey);
        let other = key_of(r#"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#).unwrap();
        assert_eq!(other.kind, KeyType::Unknown("OKP".into()));
    }

    #[test]
    fn an_unknown_key_is_known_by_its_public_members_alone() {
        let one = key_of(r#"{"kty":"AKP","alg":"ML-DSA-65","pub":"AA","kid":"a"}"#).unwrap();
        let same =
            key_of(r#"{"pub":"AA","alg":"ML-DSA-65","kty":"AKP","kid":"b","priv":"x"}"#).unwrap();
        let other = key_of(r#"{"kty":"AKP","alg":"ML-DSA-65","pub":"AB","kid":"a"}"#).unwrap();
        assert_eq!(one.fingerprint, same.fingerprint);
        assert_ne!(one.fingerprint, other.fingerprint);
        assert_eq!(one.kind, KeyType::Unknown("AKP".into()));
    }

    #[test]
    fn the_canonical_form_of_an_unknown_key_has_no_escapes_but_those_of_json() {
        let text = r#"{"kty":"Z","a":"e\u0301\u200b'","b":"\"\\","kid":"a"}"#;
        let canonical =
            ["{\"a\":\"e\u{301}\u{200b}'\"", r#""b":"\"\\""#, r#""kty":"Z"}"#].join(",");
        let fingerprint = key_of(text).unwrap().fingerprint;
        assert_eq!(fingerprint, Fingerprint::of(canonical.as_bytes()));
    }
}
