//! What the API answers, as JSON: times in RFC 3339, fingerprints in full.
//!
//! These shapes are a contract: fields are added, never renamed.

mod cursor;
mod finding;
mod rotation;

pub use cursor::{Cursor, CursorError};
pub use finding::{OpenFinding, ReportedFinding};
pub use rotation::{ConsumerReport, HandOverReport, JudgedReport, LineageReport, RotationReport};

use serde::{Deserialize, Serialize};

use anchorwatch_core::bundle::{Fingerprint, KeyType, PublicKeyId, StatedNumber, SvidType};
use anchorwatch_core::finding::{Dropped, Severity};
use anchorwatch_core::journal::AuthorityEntry;
use anchorwatch_core::spiffe::{EndpointProfile, TrustDomain};
use anchorwatch_core::time::{Bracket, Timestamp};
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::view::{DomainView, StaleAddresses, View};
use anchorwatch_core::watch::{FailureReason, Leaf};

/// All trust domains at a moment, and how they fare.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FederationReport {
    /// The moment.
    pub at: Timestamp,
    /// The most urgent severity of all findings; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<Severity>,
    /// What is wrong with anchorwatch itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<ReportedFinding>,
    /// The trust domains, sorted by name; last, since a report of many is written piece by piece.
    pub trust_domains: Vec<DomainReport>,
}

/// One trust domain at a moment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DomainReport {
    /// Its name.
    pub trust_domain: TrustDomain,
    /// Where its bundle is served.
    pub url: String,
    /// How the endpoint proves who it is.
    pub profile: EndpointProfile,
    /// Whether the last poll gave an authenticated bundle.
    pub up: bool,
    /// The last poll.
    pub last_poll: Option<Timestamp>,
    /// The last poll that gave an authenticated bundle.
    pub last_success: Option<Timestamp>,
    /// Failed polls in a row.
    pub failures: u32,
    /// Why the last poll failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReport>,
    /// Set while polls use addresses of an earlier name look-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_addresses: Option<StaleAddresses>,
    /// Why the trust domain is not watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Whether the store could not take down the last events yet.
    pub unrecorded: bool,
    /// The sequence number of the newest bundle.
    pub sequence: Option<u64>,
    /// The refresh hint of the newest bundle, in seconds.
    pub refresh_hint: Option<u64>,
    /// When the newest bundle was first seen.
    pub changed: Option<Bracket>,
    /// The digest of its key set.
    pub digest: Option<String>,
    /// Its X.509 authorities.
    pub x509_authorities: usize,
    /// Its JWT authorities.
    pub jwt_authorities: usize,
    /// Its WIT authorities.
    pub wit_authorities: usize,
    /// Where the document departs from the standard, in words.
    pub irregularities: Vec<String>,
    /// What is to be said.
    pub findings: Vec<ReportedFinding>,
    /// How many findings are not listed there one by one, by kind and use.
    #[serde(default)]
    pub dropped: Vec<Dropped>,
    /// Its rotation, where the trust domain was asked for alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationReport>,
}

/// Why polls fail.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FailureReport {
    /// The reason.
    pub reason: FailureReason,
    /// What went wrong.
    pub detail: UntrustedText,
    /// The poll that failed first.
    pub since: Timestamp,
}

impl FederationReport {
    /// What follows the last trust domain of a report in JSON.
    pub(super) const AFTER: &str = "]}";

    /// What precedes the first trust domain of a report in JSON: a report of many is written piece
    /// by piece.
    pub(super) fn before(view: &View) -> Vec<u8> {
        let watch: Vec<_> = view.watch.findings.iter().map(ReportedFinding::from).collect();
        let findings = view.domains.iter().flat_map(|domain| domain.findings.iter());
        let severities = findings.map(|finding| finding.severity);
        let worst = severities.chain(watch.iter().map(|finding| finding.severity)).max();
        let empty = Self { at: view.at, worst, watch, trust_domains: Vec::new() };
        let mut text = serde_json::to_vec(&empty).unwrap_or_default();
        text.truncate(text.len().saturating_sub(Self::AFTER.len()));
        text
    }

    /// What is to be said of this view.
    pub fn new(view: &View) -> Self {
        let trust_domains: Vec<_> = view.domains.iter().map(|d| DomainReport::new(d)).collect();
        let watch: Vec<_> = view.watch.findings.iter().map(ReportedFinding::from).collect();
        let findings = trust_domains.iter().flat_map(|domain| &domain.findings);
        let worst = findings.chain(&watch).map(|finding| finding.severity).max();
        Self { at: view.at, worst, watch, trust_domains }
    }
}

impl DomainReport {
    /// What is to be said of this trust domain.
    pub fn new(domain: &DomainView) -> Self {
        let (facts, poll_state) = (&domain.state.facts, &domain.state.poll_state);
        let confirmed = facts.bundle.confirmed.as_ref();
        let of = |svid_type: SvidType| {
            facts.published().filter(|record| record.id().svid_type == svid_type).count()
        };
        Self {
            trust_domain: domain.endpoint.trust_domain.clone(),
            url: domain.endpoint.url.to_string(),
            profile: domain.endpoint.profile.clone(),
            up: poll_state.failures == 0
                && poll_state.last_success.is_some()
                && domain.stopped.is_none(),
            last_poll: poll_state.last_poll,
            last_success: poll_state.last_success,
            failures: poll_state.failures,
            failure: facts.endpoint.failure.as_ref().map(|run| FailureReport {
                reason: run.reason,
                detail: run.detail.clone(),
                since: run.since,
            }),
            stale_addresses: domain.counts.stale_addresses.clone(),
            stopped: domain.stopped.as_deref().map(str::to_owned),
            unrecorded: domain.unrecorded,
            sequence: confirmed.and_then(|confirmed| confirmed.sequence.given()),
            refresh_hint: confirmed.map(|c| &c.refresh_hint).and_then(StatedNumber::given),
            changed: confirmed.map(|confirmed| confirmed.since),
            digest: confirmed.map(|confirmed| confirmed.content.to_string()),
            x509_authorities: of(SvidType::X509),
            jwt_authorities: of(SvidType::Jwt),
            wit_authorities: of(SvidType::Wit),
            irregularities: facts.document.irregularities.iter().map(ToString::to_string).collect(),
            findings: domain.findings.iter().map(ReportedFinding::from).collect(),
            dropped: domain.dropped.to_vec(),
            rotation: None,
        }
    }

    /// The same, with its rotation.
    pub fn whole(domain: &DomainView) -> Self {
        Self { rotation: Some(RotationReport::new(domain)), ..Self::new(domain) }
    }
}

/// One authority on record.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct AuthorityReport {
    /// The trust domain that published it.
    pub trust_domain: TrustDomain,
    /// What it signs.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// What it is known by.
    pub fingerprint: Fingerprint,
    /// The SHA-256 of its SubjectPublicKeyInfo.
    pub public_key: Option<PublicKeyId>,
    /// What its key is made of.
    pub key_type: KeyType,
    /// The key ID that the document gives it.
    pub kid: Option<UntrustedText>,
    /// `published`, `active`, `expired` or `removed`.
    pub state: String,
    /// When it was published.
    pub published: Bracket,
    /// When it was removed.
    pub removed: Option<Bracket>,
    /// When it had been removed before it came back.
    pub returned_after: Option<Bracket>,
    /// The first endpoint SVID that it was seen to have signed.
    pub signed: Option<Leaf>,
    /// The certificate of an X.509 authority.
    pub certificate: Option<CertificateReport>,
    /// What is made of it; absent where it was removed long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<JudgedReport>,
}

/// The facts of a certificate.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CertificateReport {
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// Its subject.
    pub subject: UntrustedText,
    /// Its serial number in decimal digits.
    pub serial: String,
    /// The key that it certifies: what SPIRE calls the authority ID.
    pub subject_key_id: Option<String>,
    /// The URI names of its subject.
    pub uri_sans: Vec<UntrustedText>,
    /// Whether it is a CA's.
    pub is_ca: bool,
}

impl AuthorityReport {
    /// What is to be said of this authority at `now`, with what its trust domain's rhythm says.
    pub fn new(entry: &AuthorityEntry, now: Timestamp, domain: Option<&DomainView>) -> Self {
        let AuthorityEntry { trust_domain, record } = entry;
        let authority = &record.authority;
        Self {
            trust_domain: trust_domain.clone(),
            svid_type: authority.id.svid_type,
            fingerprint: authority.id.fingerprint,
            public_key: authority.public_key,
            key_type: authority.key_type.clone(),
            kid: authority.kid.clone(),
            state: domain
                .map_or_else(|| record.seen_phase(now), |domain| domain.case().phase(record, now))
                .label()
                .to_owned(),
            published: record.published,
            removed: record.removed,
            returned_after: record.returned_after,
            signed: record.signed,
            certificate: authority.certificate.as_ref().map(|certificate| CertificateReport {
                not_before: certificate.validity.not_before,
                not_after: certificate.validity.not_after,
                subject: certificate.subject.clone(),
                serial: certificate.serial.to_string(),
                subject_key_id: certificate.subject_key_id.as_ref().map(ToString::to_string),
                uri_sans: certificate.uri_sans.to_vec(),
                is_ca: certificate.is_ca,
            }),
            judged: JudgedReport::new(record, domain),
        }
    }
}

/// A decision that was taken.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Decided {
    /// What it did, in words.
    pub effect: String,
    /// Why it may not outlast the process, where it may not: the files of the store were touched
    /// just as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_risk: Option<String>,
}

/// Why something was not done.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ApiFault {
    /// In words.
    pub error: String,
    /// For programs, where a kind of fault is worth telling from the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Box<str>>,
}

impl ApiFault {
    /// A decision that could not be written to the journal, and has no effect: status 507.
    pub const NOT_RECORDED: &'static str = "not_recorded";
}

/// What became of lines that tell of sighted tokens.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SightingsTaken {
    /// Lines that were taken.
    pub taken: u64,
    /// How many of them were news.
    pub recorded: u64,
    /// Lines that were refused. Nothing of them is kept.
    pub refused: u64,
    /// Why the first was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
