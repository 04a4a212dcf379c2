//! One element of `keys` as go-jose reads it. Its JSON reader is stricter than Go's: names count
//! as they are written, and none may stand twice.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use crate::bytes::Raw;
use crate::certificate::GoCertificate;
use crate::key::{Curve, PublicKey};
use crate::reading::RefusalReason as Reason;
use crate::text::unquoted;
use crate::{base64, uri};
use anchorwatch_core::bundle::strip_leading_zeros;
use anchorwatch_core::untrusted::UntrustedText;

/// Which go-jose a consumer is built with, where it makes a difference.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Jose {
    /// 4.1.4, in SPIRE up to 1.15.3: an Ed25519 key is cut or padded to its length.
    V4_1_4,
    /// 4.1.5, with which go-spiffe is compared: an Ed25519 key has its length and is none of the
    /// low-order points, and a private one fits its public one.
    V4_1_5,
}

/// An element that was taken.
#[derive(Debug)]
pub(crate) struct Jwk<'a> {
    pub(crate) key_use: Cow<'a, str>,
    pub(crate) kid: Cow<'a, str>,
    pub(crate) key: ElementKey,
    pub(crate) certificates: Vec<GoCertificate>,
}

/// The key of an element.
#[derive(Debug)]
pub(crate) enum ElementKey {
    Public(PublicKey),
    /// A private key, as its public half.
    Private(PublicKey),
    /// Bytes, none of which is kept.
    Symmetric,
}

impl ElementKey {
    pub(crate) fn public(&self) -> Option<&PublicKey> {
        match self {
            Self::Public(key) | Self::Private(key) => Some(key),
            Self::Symmetric => None,
        }
    }
}

/// The members that go-jose reads.
#[derive(Default)]
struct Fields<'a> {
    texts: Vec<(&'static str, Cow<'a, str>)>,
    bytes: Vec<(&'static str, Vec<u8>)>,
    x5c: Vec<Cow<'a, str>>,
}

const TEXTS: [&str; 8] = ["use", "kty", "kid", "crv", "alg", "x5u", "x5t", "x5t#S256"];
const BYTES: [&str; 11] = ["k", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi"];

impl<'a> Fields<'a> {
    fn read(element: Raw<'a>) -> Result<Self, Reason> {
        let mut fields = Self::default();
        match element.kind() {
            b'{' => (),
            // Nothing is read of a null, and a key type is missed then.
            b'n' => return Ok(fields),
            _ => return Err(wrong_type("the element")),
        }
        let mut names: BTreeSet<Cow<'a, str>> = BTreeSet::new();
        for (name, value) in element.members() {
            let name = unquoted(name.bytes);
            fields.insert(&name, value)?;
            if let Some(name) = names.replace(name) {
                return Err(Reason::DuplicateMember { name: UntrustedText::new(&name, 64) });
            }
        }
        Ok(fields)
    }

    fn insert(&mut self, name: &str, value: Raw<'a>) -> Result<(), Reason> {
        let is_null = value.kind() == b'n';
        if let Some(name) = TEXTS.into_iter().find(|known| *known == name) {
            if !is_null {
                self.texts.push((name, string(name, value)?));
            }
        } else if let Some(name) = BYTES.into_iter().find(|known| *known == name) {
            if !is_null {
                let text = string(name, value)?;
                let bytes = base64::url(&text).ok_or_else(|| invalid_encoding(name))?;
                self.bytes.push((name, bytes));
            }
        } else if name == "x5c" && !is_null {
            if value.kind() != b'[' {
                return Err(wrong_type("x5c"));
            }
            for element in value.elements() {
                self.x5c.push(match element.kind() {
                    b'n' => Cow::Borrowed(""),
                    _ => string("x5c", element)?,
                });
            }
        }
        Ok(())
    }

    fn text(&self, name: &str) -> &str {
        self.texts.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text)
    }

    fn take_text(&mut self, name: &str) -> Cow<'a, str> {
        let found = self.texts.iter_mut().find(|(known, _)| *known == name);
        found.map(|(_, text)| std::mem::take(text)).unwrap_or_default()
    }

    fn optional(&self, name: &str) -> Option<&[u8]> {
        self.bytes.iter().find(|(known, _)| *known == name).map(|(_, bytes)| bytes.as_slice())
    }

    fn bytes(&self, name: &'static str) -> Result<&[u8], Reason> {
        self.optional(name).ok_or_else(|| invalid_key(&format!("{name} is missing")))
    }
}

fn string<'a>(name: &str, value: Raw<'a>) -> Result<Cow<'a, str>, Reason> {
    if value.kind() == b'"' { Ok(unquoted(value.bytes)) } else { Err(wrong_type(name)) }
}

pub(crate) fn wrong_type(member: &str) -> Reason {
    Reason::WrongType { member: member.into() }
}

fn invalid_key(detail: &str) -> Reason {
    Reason::InvalidKey { detail: detail.into() }
}

fn invalid_encoding(member: &str) -> Reason {
    Reason::InvalidEncoding { member: member.into() }
}

/// Reads an element, or says why the whole document is refused for it.
pub(crate) fn read(element: Raw<'_>, jose: Jose) -> Result<Jwk<'_>, Reason> {
    let mut fields = Fields::read(element)?;
    let mut certificates = Vec::with_capacity(fields.x5c.len().min(4));
    for text in std::mem::take(&mut fields.x5c) {
        let der = base64::standard(&text).ok_or_else(|| invalid_encoding("x5c"))?;
        let certificate = GoCertificate::parse(der)
            .map_err(|detail| Reason::UnreadableCertificate { detail: detail.into() })?;
        certificates.push(certificate);
    }
    let certified = certificates.first().and_then(|certificate| certificate.key.as_ref());
    let key = match fields.text("kty") {
        "EC" => elliptic(&fields, certified)?,
        "RSA" => of_rsa(&fields)?,
        "OKP" if fields.text("crv") == "Ed25519" => ed25519(&fields, jose)?,
        "oct" if certified.is_some() => {
            return Err(invalid_key("a symmetric key with a certificate"));
        }
        "oct" => fields.bytes("k").map(|_| ElementKey::Symmetric)?,
        "" => return Err(Reason::MissingKeyType),
        other => return Err(Reason::UnsupportedKeyType { name: UntrustedText::new(other, 64) }),
    };
    if let (Some(certified), Some(own)) = (certified, key.public())
        && certified != own
    {
        return Err(Reason::KeyMismatch);
    }
    let url = fields.text("x5u");
    if !url.is_empty() && uri::host(url).is_none() {
        return Err(Reason::InvalidUrl);
    }
    let leaf = certificates.first().map(|certificate| certificate.der.as_slice());
    thumbprints(&fields, leaf)?;
    Ok(Jwk { key_use: fields.take_text("use"), kid: fields.take_text("kid"), key, certificates })
}

fn elliptic(fields: &Fields<'_>, certified: Option<&PublicKey>) -> Result<ElementKey, Reason> {
    let crv = fields.text("crv");
    let curve = Curve::named(crv)
        .ok_or_else(|| Reason::UnsupportedCurve { name: UntrustedText::new(crv, 64) })?;
    let (x, y) = (fields.bytes("x")?, fields.bytes("y")?);
    // RFC 7518, 6.2.1.2: the full length.
    if [x, y].iter().any(|coordinate| coordinate.len() != curve.length()) {
        return Err(invalid_key("x or y has not the length of its curve"));
    }
    let private = fields.optional("d");
    if private.is_some_and(|private| private.len() != curve.length()) {
        return Err(invalid_key("d has not the length of its curve"));
    }
    let key = PublicKey::of_coordinates(curve, x, y, certified)
        .ok_or_else(|| invalid_key("x and y are not on the curve"))?;
    // Nobody looks whether a private key fits its point.
    Ok(if private.is_some() { ElementKey::Private(key) } else { ElementKey::Public(key) })
}

fn of_rsa(fields: &Fields<'_>) -> Result<ElementKey, Reason> {
    let modulus = strip_leading_zeros(fields.bytes("n")?);
    // Go takes the low 64 bits.
    let low = fields.bytes("e")?.rchunks(8).next().unwrap_or_default();
    let exponent = low.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte));
    if fields.optional("d").is_some() {
        // Go computes whether the numbers of a private key belong together, and takes them then. That
        // decides nothing here: its publication is a critical finding, whatever consumers do.
        return Err(invalid_key("a private RSA key, which is not looked into"));
    }
    Ok(ElementKey::Public(PublicKey::Rsa(modulus.to_vec(), exponent)))
}

fn ed25519(fields: &Fields<'_>, jose: Jose) -> Result<ElementKey, Reason> {
    let (x, private) = (fields.bytes("x")?, fields.optional("d"));
    if jose == Jose::V4_1_4 {
        let mut x = x.to_vec();
        x.resize(32, 0);
        let key = PublicKey::Ed25519(x);
        return Ok(if private.is_some() {
            ElementKey::Private(key)
        } else {
            ElementKey::Public(key)
        });
    }
    if x.len() != 32 {
        return Err(invalid_key("x has not 32 bytes"));
    }
    if is_low_order(x) {
        return Err(invalid_key("x is a point of low order"));
    }
    let key = PublicKey::Ed25519(x.to_vec());
    let Some(seed) = private else { return Ok(ElementKey::Public(key)) };
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok().filter(|_| seed.len() == 32);
    match pair {
        None => Err(invalid_key("d has not 32 bytes")),
        Some(pair) if pair.public_key().as_ref() != x => Err(invalid_key("x does not fit d")),
        Some(_) => Ok(ElementKey::Private(key)),
    }
}

/// Whether an encoded point is one of the few of low order, which go-jose lists: 0 and 1, the
/// two of order 8, and -1, 0 and 1 again as the modulus makes them, each with either sign.
fn is_low_order(x: &[u8]) -> bool {
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let Some((last, rest)) = x.split_last() else { return false };
    let plain = [rest, &[last & 0x7f]].concat();
    let small = |number: &[u8]| match number {
        [0 | 1, rest @ ..] => rest.iter().all(|byte| *byte == 0),
        [0xec..=0xee, middle @ .., 0x7f] => middle.iter().all(|byte| *byte == 0xff),
        _ => false,
    };
    small(&plain) || ORDER_8.iter().any(|point| plain == point)
}

/// RFC 7517, 4.8 and 4.9, in base64 of bytes or of hex digits.
fn thumbprints(fields: &Fields<'_>, leaf: Option<&[u8]>) -> Result<(), Reason> {
    for (member, algorithm, length) in
        [("x5t", &SHA1_FOR_LEGACY_USE_ONLY, 20), ("x5t#S256", &SHA256, 32)]
    {
        let wrong = || Reason::WrongThumbprint { member: member.into() };
        let stated = base64::url(fields.text(member)).ok_or_else(|| invalid_encoding(member))?;
        let stated =
            if stated.len() == 2 * length { unhex(&stated).ok_or_else(wrong)? } else { stated };
        if stated.is_empty() {
            continue;
        }
        let fits = |leaf: &[u8]| digest(algorithm, leaf).as_ref() == stated;
        if stated.len() != length || !leaf.is_none_or(fits) {
            return Err(wrong());
        }
    }
    Ok(())
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let (pairs, _) = digits.as_chunks::<2>();
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
