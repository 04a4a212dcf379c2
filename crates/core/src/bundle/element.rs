//! One element of `keys`: an authority, or why there is none.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::irregularity::{ElementKey, IrregularityKind as Kind};
use super::json::{Members, elements, string};
use super::jwk::{self, PRIVATE};
use super::{Authority, AuthorityId, Certificate, KeyType, SvidType};
use crate::untrusted::UntrustedText;

/// The longest key ID that is kept, in bytes. SPIRE's have 32.
const LONGEST_KID: usize = 256;
/// How many certificates of one element are counted.
const MOST_CERTIFICATES: usize = 64;
/// The members that the bundle and SVID standards define for a JWK (Bundle, 4.2; X509-SVID, 6.1).
const DEFINED: [&str; 9] = ["kty", "use", "kid", "x5c", "crv", "x", "y", "n", "e"];

/// What an element says.
#[derive(Clone, Debug, Default)]
pub(super) struct Element {
    pub(super) authority: Option<Arc<Authority>>,
    pub(super) departures: Vec<Kind>,
    /// Whether something in it must be redacted, or may have to be.
    pub(super) secret: bool,
}

/// Reads one element as the standard asks: what is odd is told, and what must be ignored is.
pub(super) fn element(raw: &str) -> Element {
    let mut read = Element::default();
    let Ok(members) = serde_json::from_str::<Members<'_>>(raw) else {
        read.departures.push(Kind::NotAnObject);
        read.secret = raw.contains(['{', '"']);
        return read;
    };
    if let Some(name) = members.doubled() {
        read.departures.push(Kind::DuplicateMember { name: UntrustedText::new(name, 64) });
    }
    secrets(&members, &mut read);
    let svid_type = match members.text("use") {
        // Bundle, 4.2.2: an element whose use is missing or unknown MUST be ignored.
        None => {
            read.departures.push(Kind::MissingUse);
            return read;
        }
        Some(name) => match SvidType::from_label(&name) {
            None => {
                read.departures.push(Kind::UnknownUse { name: UntrustedText::new(&name, 64) });
                return read;
            }
            Some(svid_type) => svid_type,
        },
    };
    undefined(&members, &mut read);
    read.authority = match svid_type {
        SvidType::X509 => x509(&members, &mut read),
        SvidType::Jwt | SvidType::Wit => signing_key(svid_type, &members, &mut read),
    };
    let authority = read.authority.as_ref().map(|authority| authority.id);
    for departure in &mut read.departures {
        if let Kind::PrivateMembers { key, .. } = departure {
            *key = ElementKey(authority);
        }
    }
    read
}

/// Private members, and keys that are secret as a whole.
fn secrets(members: &Members<'_>, read: &mut Element) {
    let private = private_names(members);
    // What nests may hide more; the redaction looks into it.
    read.secret = private.is_some() || members.hides(&[]);
    read.departures.extend(private);
}

/// The private members of an object, where it has any.
pub(super) fn private_names(members: &Members<'_>) -> Option<Kind> {
    let names: Vec<&str> = members.names().filter(|name| PRIVATE.contains(name)).collect();
    (!names.is_empty()).then(|| Kind::PrivateMembers {
        names: UntrustedText::new(&names.join(", "), 64),
        key: ElementKey::default(),
    })
}

/// Bundle, 4.2: members defined neither there nor by the SVID standards SHOULD NOT be added.
fn undefined(members: &Members<'_>, read: &mut Element) {
    // A key type that is unknown has members of its own.
    if !matches!(members.text("kty").as_deref(), None | Some("EC" | "RSA" | "OKP" | "oct")) {
        return;
    }
    let known = |name: &&str| !DEFINED.contains(name) && !PRIVATE.contains(name);
    let names: Vec<&str> = members.names().filter(known).collect();
    if !names.is_empty() {
        read.departures
            .push(Kind::UndefinedMembers { names: UntrustedText::new(&names.join(", "), 64) });
    }
}

/// The key ID, where there is one: an empty one names nothing.
fn kid(members: &Members<'_>) -> Option<UntrustedText> {
    let kid = members.text("kid").filter(|kid| !kid.is_empty())?;
    Some(UntrustedText::new(&kid, LONGEST_KID))
}

/// JWT-SVID, 6.1, and WIT-SVID, 6.1.
fn signing_key(
    svid_type: SvidType,
    members: &Members<'_>,
    read: &mut Element,
) -> Option<Arc<Authority>> {
    let kid = kid(members);
    if kid.is_none() {
        read.departures.push(Kind::MissingKeyId);
    }
    match jwk::key(members) {
        Err(departure) => {
            read.departures.push(departure);
            None
        }
        Ok(jwk::Key { kind: key_type, fingerprint, spki: public_key, departures }) => {
            read.departures.extend(departures);
            Some(Arc::new(Authority {
                id: AuthorityId { svid_type, fingerprint },
                public_key,
                key_type,
                kid,
                certificate: None,
            }))
        }
    }
}

/// X509-SVID, 6.1 and 6.2.
fn x509(members: &Members<'_>, read: &mut Element) -> Option<Arc<Authority>> {
    if members.raw("kid").is_some() {
        read.departures.push(Kind::UnwantedKeyId);
    }
    let certificate = first_certificate(members, read)?;
    // RFC 7517, 4.7: the certificate's key is the element's key.
    match jwk::key(members) {
        Ok(jwk::Key { spki: Some(key), .. }) if key != certificate.public_key => {
            read.departures.push(Kind::KeyMismatch);
        }
        Ok(jwk::Key { kind, .. }) if kind.is_known() != certificate.key_type.is_known() => {
            read.departures.push(Kind::KeyMismatch);
        }
        // What else there is to say of the key, the certificate's own says.
        Ok(jwk::Key { departures, .. }) => {
            let own = departures.into_iter().filter(|kind| *kind == Kind::OddKeyEncoding);
            read.departures.extend(own);
        }
        Err(Kind::SymmetricKey) => read.departures.push(Kind::SymmetricKey),
        Err(_) => read.departures.push(Kind::MissingKeyParameters),
    }
    conformance(&certificate, read);
    Some(Arc::new(Authority {
        id: AuthorityId { svid_type: SvidType::X509, fingerprint: certificate.fingerprint() },
        public_key: Some(certificate.public_key),
        key_type: certificate.key_type.clone(),
        kid: kid(members),
        certificate: Some(certificate),
    }))
}

fn first_certificate(members: &Members<'_>, read: &mut Element) -> Option<Certificate> {
    let listed = members.raw("x5c").and_then(|raw| elements(raw, MOST_CERTIFICATES).ok());
    let (listed, count) = match listed {
        Some(Some(listed)) => (listed.first().map(|first| first.get()), listed.len()),
        Some(None) => (None, MOST_CERTIFICATES),
        None => (None, 0),
    };
    // X509-SVID, 6.2: an entry without a certificate is ignored, and all but the first are.
    let Some(text) = listed.and_then(string) else {
        read.departures.push(Kind::MissingCertificate);
        return None;
    };
    if 1 < count {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        read.departures.push(Kind::ExtraCertificates { count });
    }
    let Some(der) = decode(&text, read) else {
        let detail = "not base64".into();
        read.departures.push(Kind::UnreadableCertificate { detail });
        return None;
    };
    match Certificate::parse(&der) {
        Ok(certificate) => Some(certificate),
        Err(fault) => {
            let detail = UntrustedText::new(fault.detail.as_received(), 64);
            read.departures.push(Kind::UnreadableCertificate { detail });
            None
        }
    }
}

/// RFC 7517, 4.7: base64 of the standard alphabet. Go takes line breaks, and so do we.
fn decode(text: &str, read: &mut Element) -> Option<Vec<u8>> {
    if let Ok(der) = STANDARD.decode(text) {
        return Some(der);
    }
    read.departures.push(Kind::OddCertificateEncoding);
    let folded: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let padding = "=".repeat((4 - folded.len() % 4) % 4);
    let padded = format!("{folded}{padding}");
    STANDARD.decode(&padded).or_else(|_| URL_SAFE.decode(&padded)).ok()
}

/// What a signing certificate must be (X509-SVID, 2, 3.2, 4 and 6.1). The signature of an anchor
/// is none of it: nobody verifies it, so any algorithm will do (RFC 8446, 4.4.2.2).
fn conformance(certificate: &Certificate, read: &mut Element) {
    let departures = &mut read.departures;
    if !certificate.is_ca {
        departures.push(Kind::NotACa);
    }
    if !certificate.has_key_usage {
        departures.push(Kind::MissingKeyUsage);
    } else if !certificate.may_sign_certificates {
        departures.push(Kind::MayNotSign);
    }
    if !certificate.self_issued {
        departures.push(Kind::NotSelfSigned);
    }
    if certificate.constrains_uris {
        departures.push(Kind::UriNameConstraints);
    }
    if certificate.has_weak_key {
        departures.push(Kind::WeakKey { key_type: certificate.key_type.to_string().into() });
    }
    if let KeyType::Unknown(name) = &certificate.key_type {
        departures.push(Kind::UnknownKeyType { name: name.clone() });
    }
    if 1 < certificate.uri_sans.len() {
        departures.push(Kind::ExtraUriNames);
    }
    let path = |id: &&str| id.strip_prefix("spiffe://").is_some_and(|rest| rest.contains('/'));
    let mut names = certificate.uri_sans.iter().map(UntrustedText::as_received);
    if let Some(id) = names.find(path) {
        departures.push(Kind::PathInSan { id: UntrustedText::new(id, 64) });
    }
}
