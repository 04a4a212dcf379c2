//! Whether a chain is the X509-SVID that an `https_spiffe` endpoint must present (Federation,
//! 5.2.2.4; X509-SVID, 5).

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, TrustAnchor};
use webpki::{EndEntityCert, anchor_from_trusted_cert};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::constraints::{self, Issued, Issuers};
use super::denied;
use super::limits::FetchLimits;
use super::path::{self, Algorithms, Anchor, AnyPurpose, Found};
use super::presented::{self, PresentedChain};
use super::refusal::PollRefusal;
use anchorwatch_core::bundle::{Authority, Certificate, Fingerprint, Validity};
use anchorwatch_core::spiffe::SpiffeId;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{FailureReason, PathKey, Policy, Trust};

/// A chain that verified.
#[derive(Clone, Debug)]
pub(super) struct VerifiedSvid {
    /// The authority that it ends in.
    pub(super) anchor: Fingerprint,
    /// The keys that it rests on, from the leaf's own to the authority's.
    pub(super) path: Arc<[PathKey]>,
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
/// the SVID of `id`. The path comes first: names of an unverified leaf are anyone's claim. No
/// certificate of the path may carry a denied key; where only a denied authority can have signed
/// what was presented, the refusal names it.
pub(super) fn verify(
    chain: &PresentedChain<'_>,
    trust: &Trust,
    id: &SpiffeId,
    algorithms: Algorithms,
    now: Timestamp,
) -> Result<VerifiedSvid, PollRefusal> {
    let leaf = EndEntityCert::try_from(chain.leaf)
        .map_err(|error| not_svid(format!("the endpoint's certificate cannot be read: {error}")))?;
    let Some(parsed) = &chain.leaf_parsed else {
        return Err(not_svid("the endpoint's certificate cannot be read"));
    };
    let own = denied::key_of(chain.leaf, parsed);
    if let Some(denial) = trust.denial(own.fingerprint, Some(own.public_key)) {
        return Err(denied::refusal(denial.fingerprint));
    }
    let now = forgiving(now, chain.validity());
    let candidates: Vec<Candidate<'_>> = trust.authorities.iter().filter_map(candidate).collect();
    let search = Search { chain, leaf: &leaf, trust, algorithms, now };
    let usable: Vec<&Candidate<'_>> =
        candidates.iter().filter(|candidate| fault(candidate, now).is_none()).collect();
    let found = search.among(&usable, PathLength::Bounded);
    let (anchor, between) = found.map_err(|error| search.explain(&error, &candidates))?;
    check_leaf(parsed, id)?;
    let Candidate { authority, certificate, .. } = anchor;
    let fingerprint = authority.id.fingerprint;
    let root = PathKey { fingerprint, public_key: certificate.public_key };
    let on_path = search.read_of(&between).map(presented::validity);
    let ends = on_path.chain([certificate.validity]);
    let validity = ends.fold(presented::validity(parsed), |whole, one| Validity {
        not_before: whole.not_before.max(one.not_before),
        not_after: whole.not_after.min(one.not_after),
    });
    let path = [own].into_iter().chain(between).chain([root]).collect();
    Ok(VerifiedSvid { anchor: fingerprint, path, validity })
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

fn candidate(authority: &Arc<Authority>) -> Option<Candidate<'_>> {
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

/// Where a path ends that webpki found.
struct Top<'c> {
    candidate: &'c Candidate<'c>,
    /// The intermediates above the one that webpki took as an anchor, and that one itself, from
    /// below; none where the authority was the anchor.
    through: Vec<PathKey>,
}

/// What webpki makes of an anchor, without constraints on URI names: each path is held to those
/// afterwards.
fn anchor<'a>(der: &'a CertificateDer<'a>) -> Option<TrustAnchor<'a>> {
    let mut anchor = anchor_from_trusted_cert(der).ok()?;
    if presented::certificate(der).is_some_and(|parsed| presented::constrains_uris(&parsed)) {
        let content = anchor.name_constraints.as_deref();
        let others = content.and_then(constraints::without_uris)?;
        anchor.name_constraints = (!others.is_empty()).then(|| others.into());
    }
    Some(anchor)
}

/// Whether an authority's path length constraint holds (RFC 5280, 4.2.1.9).
#[derive(Clone, Copy, Debug)]
enum PathLength {
    Bounded,
    /// To tell why no path was found.
    Unbounded,
}

/// The search for a path.
struct Search<'a> {
    chain: &'a PresentedChain<'a>,
    leaf: &'a EndEntityCert<'a>,
    trust: &'a Trust,
    algorithms: Algorithms,
    now: Timestamp,
}

impl Search<'_> {
    /// The candidate that the chain ends in. Those whose key the chain names come first: webpki
    /// gives up after 100 signature checks, and SPIRE's authorities all have one subject.
    fn among<'c>(
        &self,
        candidates: &[&'c Candidate<'c>],
        path_length: PathLength,
    ) -> Result<(&'c Candidate<'c>, Vec<PathKey>), webpki::Error> {
        let signers = self.chain.authority_key_ids();
        let named = |candidate: &&&Candidate<'_>| {
            let key = candidate.certificate.subject_key_id.as_ref();
            key.is_some_and(|key| signers.contains(key))
        };
        let named: Vec<&Candidate<'_>> = candidates.iter().filter(named).copied().collect();
        if !named.is_empty() && named.len() < candidates.len() {
            match self.verify(&named, path_length) {
                // Key identifiers are hints and may mislead.
                Err(error) if path::wants_anchor(&error) => {}
                done => return done,
            }
        }
        self.verify(candidates, path_length)
    }

    fn verify<'c>(
        &self,
        candidates: &[&'c Candidate<'c>],
        path_length: PathLength,
    ) -> Result<(&'c Candidate<'c>, Vec<PathKey>), webpki::Error> {
        // A certificate that webpki cannot read was never going to sign anything here.
        let readable = candidates.iter().filter_map(|candidate| {
            let anchor = anchor(&candidate.der)?;
            let path_length = match path_length {
                PathLength::Bounded => candidate.certificate.path_length,
                PathLength::Unbounded => None,
            };
            let top = Top { candidate, through: Vec::new() };
            Some((top, Anchor { anchor, path_length }))
        });
        let all = readable.chain(self.constrained(candidates, path_length));
        let (tops, anchors): (Vec<Top<'_>>, Vec<Anchor<'_>>) = all.unzip();
        let Search { chain, leaf, algorithms, now, .. } = *self;
        let accepts = |place: usize, between: &[PathKey]| {
            let top = tops.get(place).ok_or(webpki::Error::UnknownIssuer)?;
            self.accepts(top, between)
        };
        let found = path::verify(chain, leaf, &anchors, algorithms, now, AnyPurpose, accepts)?;
        let Found { place, mut between } = found;
        let top = tops.into_iter().nth(place).ok_or(webpki::Error::UnknownIssuer)?;
        between.extend(top.through);
        Ok((top.candidate, between))
    }

    /// The intermediates that constrain URI names, which webpki takes as anchors: below each way in
    /// which one was issued.
    fn constrained<'c>(
        &self,
        candidates: &[&'c Candidate<'c>],
        path_length: PathLength,
    ) -> Vec<(Top<'c>, Anchor<'_>)> {
        let read = || self.chain.intermediates_parsed.iter().take(FetchLimits::CHAIN);
        let intermediates: Vec<&X509Certificate<'_>> = read().map(|(_, parsed)| parsed).collect();
        if !intermediates.iter().any(|parsed| presented::constrains_uris(parsed)) {
            return Vec::new();
        }
        let anchors = candidates.iter().filter_map(|candidate| {
            Some((*candidate, presented::certificate(candidate.certificate.der())?))
        });
        let (readable, anchors): (Vec<&Candidate<'_>>, Vec<X509Certificate<'_>>) = anchors.unzip();
        let mut issuers = Issuers {
            intermediates: &intermediates,
            anchors: &anchors,
            algorithms: self.algorithms,
            now: self.now,
            signatures: constraints::SIGNATURES,
        };
        let keys: Vec<PathKey> = read().map(|(der, parsed)| denied::key_of(der, parsed)).collect();
        let mut found = Vec::new();
        for (place, (der, parsed)) in read().enumerate() {
            if !presented::constrains_uris(parsed) {
                continue;
            }
            for issued in constraints::above(place, &mut issuers, &[]) {
                let Issued { anchor: top, between, path_length: most } = issued;
                let (Some(candidate), Some(anchor)) = (readable.get(top), anchor(der)) else {
                    continue;
                };
                let through = std::iter::once(place).chain(between);
                let through = through.filter_map(|place| keys.get(place).copied()).collect();
                let path_length = match path_length {
                    PathLength::Bounded => most,
                    PathLength::Unbounded => None,
                };
                found.push((Top { candidate, through }, Anchor { anchor, path_length }));
            }
        }
        found
    }

    /// Whether a path may go through these intermediates to this end.
    fn accepts(&self, top: &Top<'_>, between: &[PathKey]) -> Result<(), webpki::Error> {
        let between = [between, &top.through].concat();
        let denied =
            |key: &PathKey| self.trust.denial(key.fingerprint, Some(key.public_key)).is_some();
        if between.iter().any(denied) {
            return Err(webpki::Error::CertDistrusted);
        }
        // The memory of a path ends with the first of its certificates, so each must be read, as
        // go-spiffe does. webpki alone reads less of one.
        let read: Vec<&X509Certificate<'_>> = self.read_of(&between).collect();
        let anchor = presented::certificate(top.candidate.certificate.der());
        let (Some(anchor), true) = (&anchor, read.len() == between.len()) else {
            return Err(webpki::Error::BadDer);
        };
        let path = self.chain.leaf_parsed.iter().chain(read).chain([anchor]);
        if constraints::hold(&path.collect::<Vec<_>>()) {
            Ok(())
        } else {
            Err(webpki::Error::NameConstraintViolation)
        }
    }

    /// Those of these intermediates that are read.
    fn read_of(&self, between: &[PathKey]) -> impl Iterator<Item = &X509Certificate<'_>> {
        let read = self.chain.intermediates_parsed.iter();
        between.iter().filter_map(move |key| {
            let mut read = read.clone();
            read.find(|(der, _)| Fingerprint::of(der) == key.fingerprint).map(|(_, parsed)| parsed)
        })
    }

    /// Why no usable authority anchors the chain: perhaps one does that may not.
    fn explain(&self, error: &webpki::Error, candidates: &[Candidate<'_>]) -> PollRefusal {
        let Search { chain, trust, .. } = *self;
        let all: Vec<&Candidate<'_>> = candidates.iter().collect();
        let faulty = path::wants_anchor(error)
            .then(|| self.among(&all, PathLength::Unbounded).ok())
            .flatten();
        if faulty.is_none()
            && let Some(denied) = denied::signer(chain, trust, self.algorithms)
        {
            return denied::refusal(denied);
        }
        if matches!(error, webpki::Error::NameConstraintViolation)
            && self.has_uri_constraints(candidates)
        {
            return PollRefusal::new(
                FailureReason::NameConstraints,
                "a URI name of the chain is outside the name constraints of an authority above it \
                 (X509-SVID, 4.2)",
            );
        }
        if !path::wants_anchor(error) {
            return path::refusal(error, FailureReason::NotX509Svid);
        }
        if let Some((signer, _)) = faulty {
            let name = signer.authority.id.fingerprint.short();
            let (reason, what) = fault(signer, self.now).unwrap_or_else(|| {
                let what = "allows fewer certificates below it than the chain has";
                (FailureReason::UntrustedChain, what.to_owned())
            });
            return PollRefusal::new(reason, format!("the authority {name} that signed it {what}"));
        }
        let signer = chain.authority_key_ids().pop();
        let signer = signer.map_or_else(|| "an unnamed key".to_owned(), |key| format!("key {key}"));
        PollRefusal::new(
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
fn check_leaf(leaf: &X509Certificate<'_>, id: &SpiffeId) -> Result<(), PollRefusal> {
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
        .map_err(|error| not_svid(format!("its URI name {uri} is no SPIFFE ID: {error}")))?;
    if presented.path().is_empty() {
        // X509-SVID, 5.2: a leaf names a workload, and a trust domain is none.
        return Err(not_svid(format!("its SPIFFE ID {presented} has no path (X509-SVID, 5.2)")));
    }
    if presented != *id {
        return Err(PollRefusal::new(
            FailureReason::WrongSpiffeId,
            format!("it presents the SVID of {presented}, and {id} is wanted"),
        ));
    }
    Ok(())
}

fn not_svid(detail: impl Into<String>) -> PollRefusal {
    PollRefusal::new(FailureReason::NotX509Svid, detail)
}

fn unreadable(what: &str) -> PollRefusal {
    not_svid(format!("its {what} cannot be read, or occur twice"))
}

#[cfg(test)]
#[cfg(feature = "demo")]
mod tests {
    use super::*;
    use crate::demo::mint::{DemoKeyAlgorithm, X509Ca};
    use anchorwatch_core::bundle::{AuthorityId, SvidType};
    use anchorwatch_core::watch::TrustOrigin;

    /// The memory of a path must end with the first of its certificates. One whose end is not known
    /// takes part in no path, whatever webpki alone can read of it.
    #[test]
    fn an_intermediate_that_only_webpki_reads_takes_part_in_no_path() {
        const HOUR: i64 = 3_600;
        let now = Timestamp::from_unix(1_795_000_000);
        let until = |seconds: i64| Validity {
            not_before: Timestamp::from_unix(now.as_unix() - 10),
            not_after: Timestamp::from_unix(now.as_unix() + seconds),
        };
        let id: SpiffeId = "spiffe://example.org/spire/server".parse().unwrap();
        let trust_domain = id.trust_domain();
        let root = X509Ca::mint(trust_domain, until(HOUR), DemoKeyAlgorithm::EcP256).unwrap();
        let below = root.intermediate(trust_domain, until(60)).unwrap();
        let svid = below.svid(&id, until(HOUR)).unwrap();
        let certificate = Certificate::parse(root.certificate()).unwrap();
        let authority = Authority {
            id: AuthorityId { svid_type: SvidType::X509, fingerprint: certificate.fingerprint() },
            public_key: Some(certificate.public_key),
            key_type: certificate.key_type.clone(),
            kid: None,
            certificate: Some(certificate),
        };
        let authorities = [Arc::new(authority)].into();
        let trust = Trust::new(trust_domain.clone(), TrustOrigin::Latest, authorities);
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let algorithms = provider.signature_verification_algorithms.all;
        let above = [below.certificate().clone()];
        let mut chain = PresentedChain::read(&svid.chain()[0], &above);
        let verified = verify(&chain, &trust, &id, algorithms, now).unwrap();
        assert_eq!(verified.validity, until(60), "the first of them to end");
        chain.intermediates_parsed.clear();
        let refused = verify(&chain, &trust, &id, algorithms, now);
        assert_eq!(refused.unwrap_err().reason, FailureReason::NotX509Svid);
    }
}
