//! The facts of an X.509 authority's certificate.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_SIG_ED25519,
};
use x509_parser::prelude::{
    FromDer, GeneralName, NameConstraints, ParsedExtension, SubjectPublicKeyInfo, X509Certificate,
};
use x509_parser::public_key::PublicKey;

use super::jwk::{refused_exponent, strip_leading_zeros};
use super::{Fingerprint, KeyId, KeyType, PublicKeyId};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// The longest name that is kept, in bytes.
const LONGEST_NAME: usize = 256;
/// The longest serial number that is written in decimal digits, in bytes (RFC 5280, 4.1.2.2).
const LONGEST_SERIAL: usize = 20;
/// How many bytes of a longer one are kept.
const SERIAL_PREFIX: usize = 31;
/// The longest URI name that is kept, in bytes (SPIFFE-ID, 2.3).
const LONGEST_SAN: usize = 2048;
/// How many URI names are kept.
const MOST_SANS: usize = 8;

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Validity {
    /// `notBefore`.
    pub not_before: Timestamp,
    /// `notAfter`.
    pub not_after: Timestamp,
}

impl Validity {
    /// Whether a certificate with this validity is within it at `now`.
    pub fn contains(&self, now: Timestamp) -> bool {
        // RFC 5280, 4.1.2.5: both ends are inclusive.
        self.not_before <= now && now <= self.not_after
    }
}

/// A certificate as it was published, with the facts that judgements rest on. It is stored as its
/// DER alone, so that the facts are read anew by whatever version loads it.
#[derive(Clone, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "what a certificate says yes or no to")]
pub struct Certificate {
    der: Arc<[u8]>,
    /// From when until when it is valid.
    pub validity: Validity,
    /// The subject as RFC 4514 text, cut to 256 bytes.
    pub subject: UntrustedText,
    /// The serial number in decimal digits, as SPIRE puts it into the subject; where it has more
    /// than the 20 bytes that RFC 5280 allows, `0x` and the hex digits of its first 31.
    pub serial: Box<str>,
    /// Whether issuer and subject are one name, as in a self-signed certificate.
    pub self_issued: bool,
    /// The key that it certifies.
    pub subject_key_id: Option<KeyId>,
    /// The key that signed it.
    pub authority_key_id: Option<KeyId>,
    /// The URI names of its subject, each cut to 2,048 bytes, at most 8.
    pub uri_sans: Box<[UntrustedText]>,
    /// Whether basic constraints say that it is a CA.
    pub is_ca: bool,
    /// How many CAs may follow below it.
    pub path_length: Option<u32>,
    /// Whether its key usage, where it has one, allows signing certificates.
    pub may_sign_certificates: bool,
    /// Whether it has a key usage at all.
    pub has_key_usage: bool,
    /// Whether its name constraints speak of URIs, which some verifiers refuse.
    pub constrains_uris: bool,
    /// What its key is made of.
    pub key_type: KeyType,
    /// Whether its key is an RSA key that consumers refuse for its modulus or exponent.
    pub has_weak_key: bool,
    /// Its public key.
    pub public_key: PublicKeyId,
}

/// Why a certificate cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an X.509 certificate: {detail}")]
pub struct CertificateError {
    /// What is wrong with it.
    pub detail: UntrustedText,
}

impl Certificate {
    /// Reads a certificate from its DER, to the last byte.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|why| refuse(&why))?;
        if !rest.is_empty() {
            return Err(CertificateError { detail: "bytes follow it".into() });
        }
        let extensions = Extensions::read(&certificate)?;
        let validity = certificate.validity();
        let not_before = Timestamp::from_unix(validity.not_before.timestamp());
        let not_after = Timestamp::from_unix(validity.not_after.timestamp());
        let key = certificate.public_key();
        Ok(Self {
            der: der.into(),
            validity: Validity { not_before, not_after },
            subject: UntrustedText::new(&certificate.subject().to_string(), LONGEST_NAME),
            serial: serial(&certificate),
            self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            subject_key_id: extensions.subject_key_id,
            authority_key_id: extensions.authority_key_id,
            uri_sans: extensions.uri_sans.into(),
            is_ca: extensions.is_ca,
            path_length: extensions.path_length,
            // RFC 5280, 4.2.1.3: without a key usage, a key may do everything.
            may_sign_certificates: extensions.key_usage_signs.unwrap_or(true),
            has_key_usage: extensions.key_usage_signs.is_some(),
            constrains_uris: extensions.constrains_uris,
            has_weak_key: has_weak_key(key),
            key_type: key_type(key),
            public_key: PublicKeyId::of(key.raw),
        })
    }

    /// The bytes that were published.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-256 of the DER.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.der)
    }
}

/// What the extensions say. Doubled or malformed ones make the certificate unreadable.
#[derive(Default)]
struct Extensions {
    subject_key_id: Option<KeyId>,
    authority_key_id: Option<KeyId>,
    uri_sans: Vec<UntrustedText>,
    is_ca: bool,
    path_length: Option<u32>,
    /// Whether the key usage allows signing certificates; `None` where there is none.
    key_usage_signs: Option<bool>,
    constrains_uris: bool,
}

impl Extensions {
    fn read(certificate: &X509Certificate<'_>) -> Result<Self, CertificateError> {
        let mut read = Self::default();
        if let Some(constraints) = certificate.basic_constraints().map_err(|why| refuse(&why))? {
            read.is_ca = constraints.value.ca;
            read.path_length = constraints.value.path_len_constraint;
        }
        if let Some(usage) = certificate.key_usage().map_err(|why| refuse(&why))? {
            read.key_usage_signs = Some(usage.value.key_cert_sign());
        }
        if let Some(constraints) = certificate.name_constraints().map_err(|why| refuse(&why))? {
            let NameConstraints { permitted_subtrees, excluded_subtrees } = constraints.value;
            let mut subtrees = permitted_subtrees.iter().chain(excluded_subtrees).flatten();
            read.constrains_uris = subtrees.any(|tree| matches!(tree.base, GeneralName::URI(_)));
        }
        if let Some(names) = certificate.subject_alternative_name().map_err(|why| refuse(&why))? {
            for name in &names.value.general_names {
                if let GeneralName::URI(uri) = name
                    && read.uri_sans.len() < MOST_SANS
                {
                    read.uri_sans.push(UntrustedText::new(uri, LONGEST_SAN));
                }
            }
        }
        for extension in certificate.extensions() {
            #[expect(clippy::wildcard_enum_match_arm, reason = "x509-parser's list is open")]
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => {
                    read.subject_key_id = Some(KeyId::new(id.0));
                }
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    let id = id.key_identifier.as_ref();
                    read.authority_key_id = id.map(|id| KeyId::new(id.0));
                }
                _ => (),
            }
        }
        Ok(read)
    }
}

fn serial(certificate: &X509Certificate<'_>) -> Box<str> {
    let number = strip_leading_zeros(certificate.raw_serial());
    match number.get(..SERIAL_PREFIX) {
        None if number.len() <= LONGEST_SERIAL => certificate.serial.to_string().into(),
        prefix => {
            // Decimal digits take time by the square of the length, and the length is the peer's.
            let prefix = prefix.unwrap_or(number);
            let digits = prefix.iter().map(|byte| format!("{byte:02x}"));
            format!("0x{}", digits.collect::<String>()).into()
        }
    }
}

fn has_weak_key(key: &SubjectPublicKeyInfo<'_>) -> bool {
    if key_type(key).is_weak() {
        return true;
    }
    let Ok(PublicKey::RSA(rsa)) = key.parsed() else { return false };
    refused_exponent(strip_leading_zeros(rsa.exponent))
}

/// What a public key is made of.
pub fn key_type(key: &SubjectPublicKeyInfo<'_>) -> KeyType {
    let curve = || key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    if key.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
        return match curve() {
            Some(oid) if oid == OID_EC_P256 => KeyType::EcP256,
            Some(oid) if oid == OID_NIST_EC_P384 => KeyType::EcP384,
            Some(oid) if oid == OID_NIST_EC_P521 => KeyType::EcP521,
            Some(oid) => KeyType::Unknown(UntrustedText::new(&oid.to_id_string(), 64)),
            None => KeyType::Unknown("EC".into()),
        };
    }
    if key.algorithm.algorithm == OID_SIG_ED25519 {
        return KeyType::Ed25519;
    }
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            let modulus = rsa.modulus;
            let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
            let significant = modulus.get(zeros..).unwrap_or_default();
            let leading = significant.first().map_or(0, |byte| byte.leading_zeros());
            let bits = u32::try_from(significant.len()).unwrap_or(u32::MAX).saturating_mul(8);
            KeyType::Rsa { bits: bits.saturating_sub(leading) }
        }
        Ok(_) | Err(_) => {
            KeyType::Unknown(UntrustedText::new(&key.algorithm.algorithm.to_id_string(), 64))
        }
    }
}

fn refuse(why: &dyn fmt::Display) -> CertificateError {
    CertificateError { detail: UntrustedText::new(&why.to_string(), 128) }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("fingerprint", &self.fingerprint())
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

impl Serialize for Certificate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.der))
    }
}

impl<'de> Deserialize<'de> for Certificate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let der = STANDARD.decode(&*text).map_err(serde::de::Error::custom)?;
        Self::parse(&der).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair,
        KeyUsagePurpose, SanType, SerialNumber,
    };

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "US");
        params.distinguished_name.push(DnType::OrganizationName, "SPIFFE");
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Certificate::parse(params.self_signed(&key).unwrap().der()).unwrap()
    }

    fn with_serial(bytes: &[u8]) -> String {
        let serial = SerialNumber::from_slice(bytes);
        certificate(|params| params.serial_number = Some(serial)).serial.into()
    }

    #[test]
    fn a_certificate_tells_what_spire_puts_into_it() {
        let id = "spiffe://example.org".try_into().unwrap();
        let read = certificate(|params| {
            params.subject_alt_names = vec![SanType::URI(id)];
            params.not_before = rcgen::date_time_ymd(2026, 1, 2);
            params.not_after = rcgen::date_time_ymd(2026, 1, 3);
        });
        assert_eq!(read.subject, "C=US, O=SPIFFE");
        assert_eq!(*read.uri_sans, ["spiffe://example.org"]);
        assert!(read.is_ca && read.has_key_usage && read.may_sign_certificates && read.self_issued);
        assert!(!read.constrains_uris && !read.has_weak_key);
        assert_eq!(read.path_length, None);
        assert_eq!(read.key_type, KeyType::EcP256);
        assert!(read.subject_key_id.is_some());
        let Validity { not_before, not_after } = read.validity;
        assert_eq!(not_before, "2026-01-02T00:00:00Z".parse().unwrap());
        assert!(read.validity.contains(not_before) && read.validity.contains(not_after));
    }

    #[test]
    fn without_a_key_usage_a_key_may_sign_and_with_another_it_may_not() {
        let none = certificate(|params| params.key_usages.clear());
        assert!(!none.has_key_usage && none.may_sign_certificates);
        let other = certificate(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
        assert!(other.has_key_usage && !other.may_sign_certificates);
    }

    #[test]
    fn a_serial_number_is_decimal_up_to_20_bytes_and_cut_beyond() {
        assert_eq!(with_serial(&[0x01, 0x00]), "256");
        let longest = with_serial(&[0x7f; 20]);
        assert!(longest.len() <= 49 && longest.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(with_serial(&[0x7f; 21]), format!("0x{}", "7f".repeat(21)));
        // In decimal digits this one would take seconds.
        assert_eq!(with_serial(&vec![0x7f; 3 << 20]), format!("0x{}", "7f".repeat(31)));
    }

    #[test]
    fn an_ed25519_key_is_known_and_the_same_in_a_jwk() {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let der = CertificateParams::default().self_signed(&key).unwrap().der().clone();
        let read = Certificate::parse(&der).unwrap();
        assert_eq!(read.key_type, KeyType::Ed25519);
        let raw = key.public_key_raw();
        assert_eq!(crate::bundle::spki::of_ed25519(raw), read.public_key);
    }

    #[test]
    fn a_certificate_is_read_to_its_last_byte_and_stored_as_its_der() {
        let read = certificate(|_| ());
        let longer = [read.der(), &[0]].concat();
        assert_eq!(Certificate::parse(&longer).unwrap_err().detail, "bytes follow it");
        let shorter = read.der().split_last().unwrap().1;
        assert!(Certificate::parse(shorter).is_err());
        let stored = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<Certificate>(&stored).unwrap(), read);
    }
}
