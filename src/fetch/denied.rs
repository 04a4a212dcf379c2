//! Which denied key a presented chain rests on.

use x509_parser::prelude::X509Certificate;

use super::path::{self, Algorithms};
use super::presented::{self, PresentedChain};
use super::refusal::PollRefusal;
use anchorwatch_core::bundle::{Authority, Fingerprint, PublicKeyId};
use anchorwatch_core::decision::Denials;
use anchorwatch_core::watch::{Failure, FailureReason, PathKey, Trust};

/// The most signatures that are checked to tell who signed: as many as webpki checks for a path.
const SIGNATURES: usize = 100;

/// The denied authority on whose key the chain rests, as it was denied: its leaf, or a certificate
/// above it, carries the key or was signed by it. For a chain that did not verify: its names,
/// dates and constraints are not looked at, only keys and signatures.
pub(super) fn signer(
    chain: &PresentedChain<'_>,
    trust: &Trust,
    algorithms: Algorithms,
) -> Option<Fingerprint> {
    if trust.denials.iter().all(Denials::is_empty) {
        return None;
    }
    let mut left = SIGNATURES;
    let mut has_signed = |issuer: &X509Certificate<'_>, signed: &X509Certificate<'_>| {
        path::has_signed(issuer, signed, algorithms, &mut left)
    };
    let mut above: Vec<_> = chain.intermediates_parsed.iter().collect();
    let mut open = vec![(&chain.leaf[..], chain.leaf_parsed.as_ref()?)];
    while let Some((der, certificate)) = open.pop() {
        let key = key_of(der, certificate);
        if let Some(denial) = trust.denial(key.fingerprint, Some(key.public_key)) {
            return Some(denial.fingerprint);
        }
        let signed_by = |authority: &&std::sync::Arc<Authority>| {
            let ca = authority.certificate.as_ref().and_then(|ca| presented::certificate(ca.der()));
            ca.is_some_and(|ca| has_signed(&ca, certificate))
        };
        if let Some(authority) = trust.denied.iter().find(signed_by) {
            let denial = trust.denial(authority.id.fingerprint, authority.public_key);
            return Some(denial.map_or(authority.id.fingerprint, |denial| denial.fingerprint));
        }
        let named = |(_, issuer): &&(_, X509Certificate<'_>)| {
            issuer.subject().as_raw() == certificate.issuer().as_raw()
                && has_signed(issuer, certificate)
        };
        // Each is looked at once, so that a chain that goes in a circle ends.
        let (issuers, others): (Vec<_>, Vec<_>) = above.into_iter().partition(named);
        above = others;
        open.extend(issuers.into_iter().map(|(der, issuer)| (&der[..], issuer)));
    }
    None
}

/// The refusal of a chain that rests on the key of this denied authority.
pub(super) fn refusal(denied: Fingerprint) -> PollRefusal {
    let detail = format!("the certificate that it presents rests on the denied key of {denied}");
    PollRefusal { denied: vec![denied], ..PollRefusal::new(FailureReason::DeniedSigner, detail) }
}

/// Nothing is left to authenticate an endpoint with. It is not asked: whatever it presented, nobody
/// could verify it.
pub(super) fn of_everything(trust: &Trust) -> PollRefusal {
    let mut denied: Vec<Fingerprint> = Vec::new();
    for authority in trust.denied.iter() {
        let denial = trust.denial(authority.id.fingerprint, authority.public_key);
        let named = denial.map_or(authority.id.fingerprint, |denial| denial.fingerprint);
        if !denied.contains(&named) && denied.len() < Failure::DENIED {
            denied.push(named);
        }
    }
    let Trust { trust_domain, origin, .. } = trust;
    let detail = format!(
        "every X.509 authority of {trust_domain} that could authenticate it is denied ({origin})"
    );
    PollRefusal { denied, ..PollRefusal::new(FailureReason::TrustDenied, detail) }
}

/// The key of a certificate, and how a decision names it.
pub(super) fn key_of(der: &[u8], certificate: &X509Certificate<'_>) -> PathKey {
    PathKey {
        fingerprint: Fingerprint::of(der),
        public_key: PublicKeyId::of(certificate.public_key().raw),
    }
}
