//! Path validation (RFC 5280, 6.1) by webpki, and what it leaves open.
//!
//! webpki takes an anchor as a name and a key: the anchor's validity, its CA flag and its path
//! length are not looked at, nor is any key usage. The callers filter their anchors, and this
//! checks the path length.

use std::cell::Cell;

use rustls::pki_types::{
    SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime,
};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, RawPublicKeyEntity};
use x509_parser::prelude::X509Certificate;

use super::presented::PresentedChain;
use super::refusal::PollRefusal;
use anchorwatch_core::bundle::{Fingerprint, PublicKeyId};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{FailureReason, PathKey};

/// Which algorithms may have signed a certificate.
pub(super) type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

/// Takes whatever a certificate says that its key is for, or that it says nothing: go-spiffe does
/// not look, and X509-SVID, 4.4 asks only that both server and client are named where one is.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        for purpose in purposes {
            purpose?;
        }
        Ok(())
    }
}

/// An anchor of a path.
#[derive(Clone, Debug)]
pub(super) struct Anchor<'a> {
    /// What webpki makes of it.
    pub(super) anchor: TrustAnchor<'a>,
    /// The most certificates that may stand between it and the leaf.
    pub(super) path_length: Option<u32>,
}

/// A path that verified.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The place of its anchor among those that were given.
    pub(super) place: usize,
    /// The certificates between the leaf and the anchor.
    pub(super) between: Vec<PathKey>,
}

/// Verifies that the chain ends in one of `anchors`, and says in which. `accepts` may refuse a path
/// for its anchor and the certificates between: another one may do.
pub(super) fn verify(
    chain: &PresentedChain<'_>,
    leaf: &EndEntityCert<'_>,
    anchors: &[Anchor<'_>],
    algorithms: Algorithms,
    now: Timestamp,
    purpose: impl ExtendedKeyUsageValidator,
    accepts: impl Fn(usize, &[PathKey]) -> Result<(), webpki::Error>,
) -> Result<Found, webpki::Error> {
    let plain: Vec<TrustAnchor<'_>> = anchors.iter().map(|anchor| anchor.anchor.clone()).collect();
    let found = Cell::new(None);
    let check = |path: &webpki::VerifiedPath<'_>| {
        let place = plain.iter().position(|anchor| std::ptr::eq(anchor, path.anchor()));
        let place = place.ok_or(webpki::Error::UnknownIssuer)?;
        let between: Vec<PathKey> = path.intermediate_certificates().map(key_of).collect();
        let most = anchors.get(place).and_then(|anchor| anchor.path_length);
        let length = u32::try_from(between.len()).unwrap_or(u32::MAX);
        if most.is_some_and(|most| most < length) {
            return Err(webpki::Error::PathLenConstraintViolated);
        }
        accepts(place, &between)?;
        found.set(Some(Found { place, between }));
        Ok(())
    };
    let now = unix_time(now);
    leaf.verify_for_usage(
        algorithms,
        &plain,
        chain.intermediates,
        now,
        purpose,
        None,
        Some(&check),
    )?;
    found.take().ok_or(webpki::Error::UnknownIssuer)
}

fn key_of(certificate: &webpki::Cert<'_>) -> PathKey {
    PathKey {
        fingerprint: Fingerprint::of(&certificate.der()),
        public_key: PublicKeyId::of(&certificate.subject_public_key_info()),
    }
}

/// Whether this is an algorithm of the object identifier whose bytes these are.
fn is_named(algorithm: &dyn SignatureVerificationAlgorithm, identifier: &[u8]) -> bool {
    // The identifier comes first, as an element of its own.
    let id = algorithm.signature_alg_id();
    let element = id.as_ref().strip_prefix(&[0x06]);
    let named = element.and_then(|element| {
        let (length, rest) = element.split_first()?;
        rest.get(..usize::from(*length))
    });
    named == Some(identifier)
}

/// Whether the key of one certificate signed another, by no more than `left` checks.
pub(super) fn has_signed(
    issuer: &X509Certificate<'_>,
    signed: &X509Certificate<'_>,
    algorithms: Algorithms,
    left: &mut usize,
) -> bool {
    let spki = SubjectPublicKeyInfoDer::from(issuer.public_key().raw);
    let Ok(key) = RawPublicKeyEntity::try_from(&spki) else { return false };
    let named = signed.signature_algorithm.algorithm.as_bytes();
    for algorithm in algorithms.iter().filter(|one| is_named(**one, named)) {
        let Some(fewer) = left.checked_sub(1) else { return false };
        *left = fewer;
        let (message, signature) = (signed.tbs_certificate.as_ref(), &signed.signature_value);
        if key.verify_signature(*algorithm, message, &signature.data).is_ok() {
            return true;
        }
    }
    false
}

/// Whether nothing but the lack of an anchor ended the search: another set may do better.
pub(super) fn wants_anchor(error: &webpki::Error) -> bool {
    matches!(
        error,
        webpki::Error::UnknownIssuer
            | webpki::Error::InvalidSignatureForPublicKey
            | webpki::Error::PathLenConstraintViolated
            | webpki::Error::CertDistrusted
    )
}

/// The reason and the sentence for a path that did not verify; `otherwise` is the reason where a
/// certificate is not what the profile wants.
pub(super) fn refusal(error: &webpki::Error, otherwise: FailureReason) -> PollRefusal {
    use webpki::Error as E;
    let new = |reason, detail: String| PollRefusal::new(reason, detail);
    if let E::CertExpired { not_after, .. } = error {
        let detail = format!("a certificate of the chain expired at {}", moment(*not_after));
        return new(FailureReason::Expired, detail);
    }
    if let E::CertNotValidYet { not_before, .. } = error {
        let from = moment(*not_before);
        let detail = format!("a certificate of the chain is not valid before {from}");
        return new(FailureReason::Expired, detail);
    }
    if matches!(error, E::CaUsedAsEndEntity) {
        let detail = "it presents the certificate of a CA as its own";
        return new(otherwise, detail.to_owned());
    }
    if is_malformed(error) {
        return new(otherwise, format!("a certificate of the chain is malformed: {error}"));
    }
    if matches!(error, E::NameConstraintViolation) {
        let detail = "a name in the certificate is outside the name constraints of its issuers";
        return new(FailureReason::UntrustedChain, detail.to_owned());
    }
    new(FailureReason::UntrustedChain, format!("the chain does not verify: {error}"))
}

/// Whether a certificate is not what RFC 5280, 4 describes, or holds a critical extension that
/// nobody here knows.
fn is_malformed(error: &webpki::Error) -> bool {
    use webpki::Error as E;
    matches!(
        error,
        E::BadDer
            | E::BadDerTime
            | E::EmptyEkuExtension
            | E::ExtensionValueInvalid
            | E::InvalidCertValidity
            | E::InvalidSerialNumber
            | E::MalformedExtensions
            | E::TrailingData(_)
            | E::UnsupportedCertVersion
            | E::UnsupportedCriticalExtension
    )
}

fn moment(time: UnixTime) -> Timestamp {
    Timestamp::from_unix(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

fn unix_time(at: Timestamp) -> UnixTime {
    let seconds = u64::try_from(at.as_unix()).unwrap_or(0);
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
}
