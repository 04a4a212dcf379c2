//! The immutable picture that every reader gets: metrics, pages and commands.
//!
//! Invariant: nothing stands in a view that is not recorded, unless it says so
//! ([`DomainView::unrecorded`]).

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bundle::SvidType;
use crate::decision::DecisionAction;
pub use crate::finding::Ended;
use crate::finding::{Dropped, Finding, FindingKind};
use crate::judge::{Case, VerdictKind};
use crate::spiffe::{BundleEndpoint, TrustDomain};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;
use crate::watch::{DomainState, FailureReason, Policy};

/// All trust domains at one moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The moment.
    pub at: Timestamp,
    /// Who is watching, where the configuration says.
    pub trust_domain: Option<TrustDomain>,
    /// The trust domains, sorted by name.
    pub domains: Vec<Arc<DomainView>>,
    /// What was to be said of trust domains that are watched no more: all of it ended then.
    pub departed: Vec<Departed>,
    /// What is to be said of anchorwatch itself.
    pub watch: Arc<WatchView>,
}

/// What is to be said of anchorwatch itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WatchView {
    /// What is wrong, the most urgent first.
    pub findings: Arc<[Finding]>,
    /// What was wrong within the last 25 hours and is not any more.
    pub ended: Arc<[Ended]>,
    /// Whether the store cannot be written now: what is said meanwhile is not journaled.
    pub unrecorded: bool,
}

impl Default for WatchView {
    fn default() -> Self {
        Self { findings: Arc::new([]), ended: Arc::new([]), unrecorded: false }
    }
}

/// A trust domain that a reload removed within the last 25 hours.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Departed {
    /// Its name.
    pub trust_domain: TrustDomain,
    /// What was to be said of it.
    pub ended: Arc<[Ended]>,
}

impl View {
    /// The picture of one trust domain.
    pub fn domain(&self, trust_domain: &TrustDomain) -> Option<&Arc<DomainView>> {
        let order = |domain: &Arc<DomainView>| domain.endpoint.trust_domain.cmp(trust_domain);
        let place = self.domains.binary_search_by(order).ok()?;
        self.domains.get(place)
    }
}

/// One trust domain at one moment.
#[derive(Clone, Debug)]
pub struct DomainView {
    /// Where its bundle is served.
    pub endpoint: Arc<BundleEndpoint>,
    /// What it is watched and judged by.
    pub policy: Arc<Policy>,
    /// What is known.
    pub state: DomainState,
    /// What is to be said.
    pub findings: Arc<[Finding]>,
    /// How many findings are not listed one by one, by kind and use: each kind has room of its own.
    pub dropped: Arc<[Dropped]>,
    /// What was to be said within the last 25 hours and is not true any more.
    pub ended: Arc<[Ended]>,
    /// What was counted since the process started.
    pub counts: Arc<PollCounts>,
    /// Why the domain is not watched, where it is not: a panic in its step, or a bootstrap file
    /// that cannot be used.
    pub stopped: Option<Arc<str>>,
    /// Whether the store could not take down the last events yet.
    pub unrecorded: bool,
}

impl DomainView {
    /// The trust domain as it is judged, for what is read off a picture: dates, bounds, verdicts.
    pub fn case(&self) -> Case<'_> {
        Case {
            endpoint: &self.endpoint,
            state: &self.state,
            policy: &self.policy,
            bootstrap_fault: None,
            shared: None,
        }
    }
}

/// What the daemon counts of one trust domain, since the process started.
#[derive(Clone, Debug, Default)]
pub struct PollCounts {
    /// Polls made.
    pub polls: u64,
    /// Polls that failed, by reason, in the order of [`FailureReason::ALL`].
    pub failures: [u64; FailureReason::COUNT],
    /// Events recorded, by kind, in the order of [`crate::watch::Event::NAMES`].
    pub events: [u64; crate::watch::Event::NAMES.len()],
    /// Findings that opened.
    pub findings: KindCounts,
    /// Decisions, in the order of [`DecisionAction::NAMES`].
    pub decisions: [u64; DecisionAction::NAMES.len()],
    /// Hand-overs that finished: by use, in the order of [`PollCounts::USES`], and by verdict, in
    /// the order of [`VerdictKind::LABELS`].
    pub rotations: [[u64; VerdictKind::LABELS.len()]; PollCounts::USES.len()],
    /// How long the last poll took.
    pub last_duration: Duration,
    /// Set while polls use addresses of an earlier name look-up.
    pub stale_addresses: Option<StaleAddresses>,
}

/// Addresses of an earlier name look-up that polls use, since the new look-up is slow or fails.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StaleAddresses {
    /// When they were looked up: at most an hour ago.
    pub looked_up_at: Timestamp,
    /// Why they are used, in words.
    pub why: UntrustedText,
}

impl PollCounts {
    /// The uses whose hand-overs are judged.
    pub const USES: [SvidType; 2] = [SvidType::X509, SvidType::Jwt];
}

/// A count for each kind of finding.
#[derive(Clone, Debug)]
pub struct KindCounts([u64; FindingKind::ALL.len()]);

impl Default for KindCounts {
    fn default() -> Self {
        Self([0; FindingKind::ALL.len()])
    }
}

impl KindCounts {
    /// One more of this kind.
    pub fn add(&mut self, kind: FindingKind) {
        let place = FindingKind::ALL.iter().position(|one| *one == kind);
        if let Some(count) = place.and_then(|place| self.0.get_mut(place)) {
            *count = count.saturating_add(1);
        }
    }

    /// The kinds and their counts, in the order of the catalogue.
    pub fn iter(&self) -> impl Iterator<Item = (FindingKind, u64)> {
        FindingKind::ALL.iter().copied().zip(self.0.iter().copied())
    }
}
