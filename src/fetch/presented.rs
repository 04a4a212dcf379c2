//! What an endpoint presented: the certificates, read for evidence before anything is verified.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::Tag;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::limits::FetchLimits;
use anchorwatch_core::bundle::{Fingerprint, KeyId, Validity, key_type};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::watch::{Presented, PresentedCertificate};

/// The most URI names of one certificate that are kept.
const URI_SANS: usize = 4;
/// The most bytes of one URI name that are kept: as many as a SPIFFE ID may have.
const URI_LENGTH: usize = 2048;
/// The most bytes of a subject's or an issuer's name that are kept.
const NAME_LENGTH: usize = 256;

/// A presented chain, as its bytes and as what they say.
pub(super) struct PresentedChain<'a> {
    /// The leaf.
    pub(super) leaf: &'a CertificateDer<'a>,
    /// What the leaf says; `None` where it is no certificate.
    pub(super) leaf_parsed: Option<X509Certificate<'a>>,
    /// What came beside it.
    pub(super) intermediates: &'a [CertificateDer<'a>],
    /// Those of them that are certificates.
    pub(super) intermediates_parsed: Vec<(&'a CertificateDer<'a>, X509Certificate<'a>)>,
}

impl<'a> PresentedChain<'a> {
    pub(super) fn read(
        leaf: &'a CertificateDer<'a>,
        intermediates: &'a [CertificateDer<'a>],
    ) -> Self {
        let parsed = intermediates.iter().filter_map(|der| Some((der, certificate(der)?)));
        Self {
            leaf,
            leaf_parsed: certificate(leaf),
            intermediates,
            intermediates_parsed: parsed.collect(),
        }
    }

    /// What is kept of it; nothing where the leaf is no certificate.
    pub(super) fn evidence(&self) -> Option<Presented> {
        let chain = self.intermediates_parsed.iter().take(FetchLimits::CHAIN);
        Some(Presented {
            leaf: evidence(self.leaf, self.leaf_parsed.as_ref()?),
            chain: chain.map(|(der, parsed)| evidence(der, parsed)).collect(),
            anchor: None,
            path: Arc::default(),
        })
    }

    /// The keys that signed the certificates of the chain, where they name them.
    pub(super) fn authority_key_ids(&self) -> Vec<KeyId> {
        let intermediates = self.intermediates_parsed.iter().map(|(_, parsed)| parsed);
        self.leaf_parsed.iter().chain(intermediates).filter_map(authority_key_id).collect()
    }

    /// The time in which every certificate of the chain is valid. It may be upside down, and then
    /// contains no moment.
    pub(super) fn validity(&self) -> Option<Validity> {
        let all = self.leaf_parsed.iter().chain(self.intermediates_parsed.iter().map(|(_, c)| c));
        all.map(validity).reduce(|a, b| Validity {
            not_before: a.not_before.max(b.not_before),
            not_after: a.not_after.min(b.not_after),
        })
    }
}

/// Reads a certificate to its last byte.
pub(super) fn certificate(der: &[u8]) -> Option<X509Certificate<'_>> {
    let (rest, parsed) = X509Certificate::from_der(der).ok()?;
    rest.is_empty().then_some(parsed)
}

/// From when until when a certificate is valid.
pub(super) fn validity(parsed: &X509Certificate<'_>) -> Validity {
    let validity = parsed.validity();
    Validity {
        not_before: Timestamp::from_unix(validity.not_before.timestamp()),
        not_after: Timestamp::from_unix(validity.not_after.timestamp()),
    }
}

/// Whether the certificate limits the URI names below it, which webpki cannot evaluate. A name that
/// is no text may be a URI's.
pub(super) fn constrains_uris(parsed: &X509Certificate<'_>) -> bool {
    let Ok(Some(constraints)) = parsed.name_constraints() else { return false };
    let permitted = constraints.value.permitted_subtrees.iter().flatten();
    let excluded = constraints.value.excluded_subtrees.iter().flatten();
    let mut subtrees = permitted.chain(excluded);
    subtrees.any(|tree| matches!(tree.base, GeneralName::URI(_) | GeneralName::Invalid(..)))
}

fn evidence(der: &[u8], parsed: &X509Certificate<'_>) -> PresentedCertificate {
    PresentedCertificate {
        fingerprint: Some(Fingerprint::of(der)),
        authority_key_id: authority_key_id(parsed),
        validity: validity(parsed),
        key_type: Some(key_type(parsed.public_key())),
        subject: Some(UntrustedText::new(&parsed.subject().to_string(), NAME_LENGTH)),
        issuer: Some(UntrustedText::new(&parsed.issuer().to_string(), NAME_LENGTH)),
        uri_sans: uri_sans(parsed),
    }
}

fn uri_sans(parsed: &X509Certificate<'_>) -> Vec<UntrustedText> {
    // Evidence, so an extension that appears twice, or a name that is no text, is shown too.
    let mut uris = Vec::new();
    for extension in parsed.iter_extensions() {
        let ParsedExtension::SubjectAlternativeName(names) = extension.parsed_extension() else {
            continue;
        };
        for name in &names.general_names {
            if let GeneralName::URI(uri) = name {
                uris.push(UntrustedText::new(uri, URI_LENGTH));
            } else if let GeneralName::Invalid(Tag(6), bytes) = name {
                uris.push(UntrustedText::new(&String::from_utf8_lossy(bytes), URI_LENGTH));
            }
            if uris.len() == URI_SANS {
                return uris;
            }
        }
    }
    uris
}

fn authority_key_id(parsed: &X509Certificate<'_>) -> Option<KeyId> {
    parsed.iter_extensions().find_map(|extension| {
        let ParsedExtension::AuthorityKeyIdentifier(id) = extension.parsed_extension() else {
            return None;
        };
        id.key_identifier.as_ref().map(|id| KeyId::new(id.0))
    })
}
