//! What the web asks of whoever runs the watch.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hyper::body::Bytes;

use super::api::{Cursor, Decided, SightingsTaken};
use crate::metrics::{AuthoritySeries, Registered, SelfFacts};
use anchorwatch_core::bundle::{AuthorityId, Digest, Fingerprint};
use anchorwatch_core::decision::Decision;
use anchorwatch_core::journal::{AuthorityEntry, RecordedEntry};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::view::View;

/// An answer that takes its time.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, BackendError>> + Send + 'a>>;

/// Why an answer cannot be given.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BackendError {
    /// What was asked for does not exist.
    #[error("{0}")]
    NotFound(String),
    /// What was asked is wrong.
    #[error("{0}")]
    Refused(String),
    /// It cannot be looked up now.
    #[error("{0}")]
    Unavailable(String),
    /// What was decided could not be written to the journal, and so has no effect.
    #[error("{0}")]
    NotRecorded(String),
}

/// Which entries of the journal are asked for.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of this trust domain.
    pub trust_domain: Option<TrustDomain>,
    /// Of this kind.
    pub kind: Option<Box<str>>,
    /// About this authority.
    pub authority: Option<Fingerprint>,
    /// At this moment or later.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Before the entry with this number.
    pub before: Option<u64>,
    /// The latest so many.
    pub limit: usize,
}

/// Which authorities are asked for, by trust domain, use and publication.
#[derive(Clone, Debug, Default)]
pub struct AuthorityFilter {
    /// Of this trust domain.
    pub trust_domain: Option<TrustDomain>,
    /// Those that follow this place in the list.
    pub after: Option<Cursor>,
    /// The first so many.
    pub limit: usize,
}

/// What replaces what authenticates an endpoint.
#[derive(Clone, Debug)]
pub struct RebootstrapOrder {
    /// Of this trust domain.
    pub trust_domain: TrustDomain,
    /// The content of the file: a SPIFFE bundle, or certificates in PEM.
    pub bundle: String,
    /// Who decides, by their own word.
    pub by: UntrustedText,
    /// Why.
    pub reason: UntrustedText,
    /// The user ID of the process that asks, by the kernel's word.
    pub uid: Option<u32>,
}

/// What a rebootstrap came to.
#[derive(Clone, Debug)]
pub struct Rebootstrapped {
    /// How many X.509 authorities of the file authenticate from now on.
    pub authorities: usize,
    /// The authorities of the file that are denied: they are neither approved nor trusted.
    pub denied: Vec<AuthorityId>,
    /// Why it may not outlast the process, where it may not.
    pub at_risk: Option<String>,
}

/// What an operator decides.
#[derive(Clone, Debug)]
pub struct Decide {
    /// Of this trust domain, where the decision is about one.
    pub trust_domain: Option<TrustDomain>,
    /// What, who and why, and the user ID of the process that asks, by the kernel's word. All of
    /// them hold or none.
    pub decisions: Vec<Decision>,
    /// Whether only what it would do is asked.
    pub preview: bool,
}

/// What a scrape is rendered from.
#[derive(Clone, Debug)]
pub struct ScrapeFacts {
    /// The trust domains.
    pub view: View,
    /// The daemon itself.
    pub facts: SelfFacts,
    /// What was counted.
    pub registered: Registered,
    /// Whether the families with a series for each authority are rendered.
    pub authority_series: AuthoritySeries,
}

/// Which configuration runs, and which journal is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The digest of the configuration file.
    pub config_digest: Digest,
    /// The digest of the journal's last entry.
    pub journal_head: Digest,
}

/// Whoever runs the watch.
pub trait Backend: Send + Sync + 'static {
    /// The picture of all trust domains now.
    fn view(&self) -> View;
    /// What a scrape is rendered from.
    fn scrape(&self) -> ScrapeFacts;
    /// Which configuration runs, and which journal is written.
    fn identity(&self) -> Identity;
    /// Why the watch is not ready; empty where it is.
    fn unready(&self) -> Vec<String>;
    /// Why the watch is not well; `None` where it is.
    fn stalled(&self) -> Option<String>;
    /// Entries of the journal, the newest last.
    fn events(&self, filter: EventFilter) -> Asked<'_, Vec<RecordedEntry>>;
    /// Authorities on record. Fewer than the limit are the end of the list.
    fn authorities(&self, filter: AuthorityFilter) -> Asked<'_, Vec<AuthorityEntry>>;
    /// What every trust domain has on record of one authority.
    fn authority(&self, fingerprint: Fingerprint) -> Asked<'_, Vec<AuthorityEntry>>;
    /// Reads the configuration anew; the faults are the error.
    fn reload(&self) -> Asked<'_, ()>;
    /// Polls these trust domains now, or all, and gives the picture after it.
    fn check(&self, trust_domain: Option<TrustDomain>) -> Asked<'_, View>;
    /// Replaces what authenticates an endpoint.
    fn rebootstrap(&self, decision: RebootstrapOrder) -> Asked<'_, Rebootstrapped>;
    /// Takes in what relying parties saw of tokens, a line each, reported by a process of this user.
    fn take_sightings(&self, lines: Bytes, uid: Option<u32>) -> Asked<'_, SightingsTaken>;
    /// Does what an operator decided, or says what it would do.
    fn decide(&self, decide: Decide) -> Asked<'_, Decided>;
}

/// A backend that many requests share.
pub(super) type SharedBackend = Arc<dyn Backend>;
