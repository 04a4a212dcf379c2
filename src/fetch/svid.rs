//! Whether a chain is the X509-SVID that an `https_spiffe` endpoint must present (Federation,
//! 5.2.2.4; X509-SVID, 5).

use rustls::pki_types::CertificateDer;
use webpki::{EndEntityCert, anchor_from_trusted_cert};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::path::{self, Algorithms, Anchor, AnyPurpose};
use super::presented::{self, Chain};
use super::refusal::Refusal;
use crate::bundle::{Authority, Certificate, Fingerprint, Validity};
use crate::spiffe::SpiffeId;
use crate::time::Timestamp;
use crate::watch::{FailureReason, Policy, Trust};

/// A chain that verified.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verified {
    /// The authority that it ends in.
    pub(super) anchor: Fingerprint,
    /// How long it verifies: within it every certificate of the chain and the authority are valid.
    pub(super) validity: Validity,
}

/// An authority of the trusted bundle, ready for a path.
struct Candidate<'a> {
    authority: &'a Authority,
    certificate: &'a Certificate,
    der: CertificateDer<'a>,
}

/// Verifies the chain against the bundle of the endpoint ID's own trust domain, and its leaf as
/// the SVID of `id`. The path comes first: names of an unverified leaf are anyone's claim.
pub(super) fn verify(
    chain: &Chain<'_>,
    trust: &Trust,
    id: &SpiffeId,
    algorithms: Algorithms,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let leaf = EndEntityCert::try_from(chain.leaf)
        .map_err(|error| not_svid(format!("the endpoint's certificate cannot be read: {error}")))?;
    let Some(parsed) = &chain.leaf_parsed else {
        return Err(not_svid("the endpoint's certificate cannot be read"));
    };
    let now = forgiving(now, chain.validity());
    let candidates: Vec<Candidate<'_>> = trust.authorities.iter().filter_map(candidate).collect();
    let search = Search { chain, leaf: &leaf, algorithms, now };
    let usable: Vec<&Candidate<'_>> =
        candidates.iter().filter(|candidate| fault(candidate, now).is_none()).collect();
    let found = search.among(&usable, true);
    let anchor = found.map_err(|error| search.explain(&error, &candidates, trust))?;
    check_leaf(parsed, id)?;
    let own = chain.validity().unwrap_or(anchor.certificate.validity);
    let authority = anchor.certificate.validity;
    Ok(Verified {
        anchor: anchor.authority.id.fingerprint,
        validity: Validity {
            not_before: own.not_before.max(authority.not_before),
            not_after: own.not_after.min(authority.not_after),
        },
    })
}

/// The moment to verify at. SPIRE backdates by 10 s, so an issuer whose clock is ahead by more makes
/// SVIDs that are not valid yet: one that clocks explain ([`Policy::CLOCK_SKEW`]) is no fault.
fn forgiving(now: Timestamp, own: Option<Validity>) -> Timestamp {
    let begins = own.map_or(now, |own| own.not_before);
    match begins.since(now) {
        Some(ahead) if ahead <= Policy::CLOCK_SKEW => begins,
        Some(_) | None => now,
    }
}

fn candidate(authority: &std::sync::Arc<Authority>) -> Option<Candidate<'_>> {
    let certificate = authority.certificate.as_ref()?;
    Some(Candidate { authority, certificate, der: CertificateDer::from(certificate.der()) })
}

/// Why an authority may not anchor a path, which webpki would not ask.
fn fault(candidate: &Candidate<'_>, now: Timestamp) -> Option<(FailureReason, String)> {
    let Validity { not_before, not_after } = candidate.certificate.validity;
    let untrusted = |what: &str| Some((FailureReason::UntrustedChain, what.to_owned()));
    // SPIRE leaves an expired authority in its bundle for a day; Go's verifier refuses it, too.
    if not_after < now {
        return Some((FailureReason::Expired, format!("expired at {not_after}")));
    }
    if now < not_before {
        return Some((FailureReason::Expired, format!("is not valid before {not_before}")));
    }
    if !candidate.certificate.is_ca {
        return untrusted("is not a CA");
    }
    if !candidate.certificate.may_sign_certificates {
        return untrusted("may not sign certificates");
    }
    None
}

/// The search for a path.
struct Search<'a> {
    chain: &'a Chain<'a>,
    leaf: &'a EndEntityCert<'a>,
    algorithms: Algorithms,
    now: Timestamp,
}

impl Search<'_> {
    /// The candidate that the chain ends in. Those whose key the chain names come first: webpki
    /// gives up after 100 signature checks, and SPIRE's authorities all have one subject.
    fn among<'c>(
        &self,
        candidates: &[&'c Candidate<'c>],
        bounded: bool,
    ) -> Result<&'c Candidate<'c>, webpki::Error> {
        let signers = self.chain.authority_key_ids();
        let named = |candidate: &&&Candidate<'_>| {
            let key = candidate.certificate.subject_key_id.as_ref();
            key.is_some_and(|key| signers.contains(key))
        };
        let named: Vec<&Candidate<'_>> = candidates.iter().filter(named).copied().collect();
        if !named.is_empty() && named.len() < candidates.len() {
            match self.verify(&named, bounded) {
                // Key identifiers are hints and may mislead.
                Err(error) if path::wants_anchor(&error) => {}
                done => return done,
            }
        }
        self.verify(candidates, bounded)
    }

    fn verify<'c>(
        &self,
        candidates: &[&'c Candidate<'c>],
        bounded: bool,
    ) -> Result<&'c Candidate<'c>, webpki::Error> {
        // A certificate that webpki cannot read was never going to sign anything here.
        let readable = candidates.iter().filter_map(|candidate| {
            let anchor = anchor_from_trusted_cert(&candidate.der).ok()?;
            let path_length = candidate.certificate.path_length.filter(|_| bounded);
            Some((*candidate, Anchor { anchor, path_length }))
        });
        let (readable, anchors): (Vec<&Candidate<'_>>, Vec<Anchor<'_>>) = readable.unzip();
        let place =
            path::verify(self.chain, self.leaf, &anchors, self.algorithms, self.now, AnyPurpose)?;
        readable.get(place).copied().ok_or(webpki::Error::UnknownIssuer)
    }

    /// Why no usable authority anchors the chain: perhaps one does that may not.
    fn explain(
        &self,
        error: &webpki::Error,
        candidates: &[Candidate<'_>],
        trust: &Trust,
    ) -> Refusal {
        if matches!(error, webpki::Error::NameConstraintViolation)
            && self.has_uri_constraints(candidates)
        {
            return Refusal::new(
                FailureReason::NameConstraints,
                "an authority of the chain constrains URI names, which cannot be verified here",
            );
        }
        if !path::wants_anchor(error) {
            return path::refusal(error, FailureReason::NotX509Svid);
        }
        let all: Vec<&Candidate<'_>> = candidates.iter().collect();
        if let Ok(signer) = self.among(&all, false) {
            let name = signer.authority.id.fingerprint.short();
            let (reason, what) = fault(signer, self.now).unwrap_or_else(|| {
                let what = "allows fewer certificates below it than the chain has";
                (FailureReason::UntrustedChain, what.to_owned())
            });
            return Refusal::new(reason, format!("the authority {name} that signed it {what}"));
        }
        let signer = self.chain.authority_key_ids().pop();
        let signer = signer.map_or_else(|| "an unnamed key".to_owned(), |key| format!("key {key}"));
        Refusal::new(
            FailureReason::UntrustedChain,
            format!(
                "signed by {signer}, and by none of the {} X.509 authorities of {} ({})",
                candidates.len(),
                trust.trust_domain,
                trust.origin
            ),
        )
    }

    fn has_uri_constraints(&self, candidates: &[Candidate<'_>]) -> bool {
        let mut intermediates = self.chain.intermediates_parsed.iter();
        intermediates.any(|(_, certificate)| presented::constrains_uris(certificate))
            || candidates.iter().any(|candidate| candidate.certificate.constrains_uris)
    }
}

/// Whether a leaf whose path verified is the X509-SVID of `id`.
fn check_leaf(leaf: &X509Certificate<'_>, id: &SpiffeId) -> Result<(), Refusal> {
    // A duplicate of an extension is an error of these, as it is to Go.
    let constraints = leaf.basic_constraints().map_err(|_| unreadable("basic constraints"))?;
    if constraints.is_some_and(|constraints| constraints.value.ca) {
        return Err(not_svid("its basic constraints make it a CA (X509-SVID, 5.2)"));
    }
    let usage = leaf.key_usage().map_err(|_| unreadable("key usage"))?;
    if let Some(usage) = usage {
        // webpki ignores key usage. That it is missing is no refusal: go-spiffe takes it.
        if usage.value.key_cert_sign() || usage.value.crl_sign() {
            return Err(not_svid("its key may sign certificates or CRLs (X509-SVID, 5.2)"));
        }
    }
    let names = leaf.subject_alternative_name().map_err(|_| unreadable("names"))?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let mut uris = Vec::with_capacity(1);
    for name in names {
        match name {
            GeneralName::URI(uri) if uri.is_ascii() => uris.push(*uri),
            // RFC 5280, 4.2.1.6: these are IA5 strings. x509-parser takes any UTF-8.
            GeneralName::DNSName(text) | GeneralName::RFC822Name(text) if text.is_ascii() => {}
            GeneralName::URI(_) | GeneralName::DNSName(_) | GeneralName::RFC822Name(_)
            // A second URI that is no text hides from whoever counts the readable ones.
            | GeneralName::Invalid(..) => {
                return Err(not_svid("one of its names cannot be read (X509-SVID, 2)"));
            }
            GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::IPAddress(_)
            | GeneralName::OtherName(..)
            | GeneralName::RegisteredID(_)
            | GeneralName::X400Address(_) => {}
        }
    }
    let [uri] = uris.as_slice() else {
        let count = uris.len();
        return Err(not_svid(format!(
            "it has {count} URI names where one is wanted (X509-SVID, 2)"
        )));
    };
    let presented: SpiffeId = uri
        .parse()
        .map_err(|error| not_svid(format!("its URI name {uri:?} is no SPIFFE ID: {error}")))?;
    if presented.path().is_empty() {
        // X509-SVID, 5.2: a leaf names a workload, and a trust domain is none.
        return Err(not_svid(format!("its SPIFFE ID {presented} has no path (X509-SVID, 5.2)")));
    }
    if presented != *id {
        return Err(Refusal::new(
            FailureReason::WrongSpiffeId,
            format!("it presents the SVID of {presented}, and {id} is wanted"),
        ));
    }
    Ok(())
}

fn not_svid(detail: impl Into<String>) -> Refusal {
    Refusal::new(FailureReason::NotX509Svid, detail)
}

fn unreadable(what: &str) -> Refusal {
    not_svid(format!("its {what} cannot be read, or stand there twice"))
}
