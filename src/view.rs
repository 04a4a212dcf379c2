//! The immutable picture that every reader gets: metrics, pages and commands.
//!
//! Invariant: nothing stands in a view that is not recorded, unless it says so
//! ([`DomainView::unrecorded`]).

use std::sync::Arc;
use std::time::Duration;

use crate::finding::{Finding, FindingKind, Severity};
use crate::spiffe::{BundleEndpoint, TrustDomain};
use crate::time::Timestamp;
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

/// A finding that ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ended {
    /// What it was about.
    pub kind: FindingKind,
    /// How urgent it was.
    pub severity: Severity,
    /// When it ended.
    pub at: Timestamp,
}

impl Ended {
    /// How long an ended finding is still shown: longer than the day for which a rule holds the
    /// last word of a daemon that went away.
    pub const SHOWN_FOR: Duration = Duration::from_hours(25);

    /// Whether it is still shown at `at`.
    pub fn is_shown(&self, at: Timestamp) -> bool {
        at.since(self.at).is_none_or(|age| age < Self::SHOWN_FOR)
    }
}

/// What the daemon counts about its own polling of one endpoint, since the process started.
#[derive(Clone, Debug, Default)]
pub struct PollCounts {
    /// Polls made.
    pub polls: u64,
    /// Polls that failed, by reason, in the order of [`FailureReason::ALL`].
    pub failures: [u64; FailureReason::COUNT],
    /// Events recorded, by kind, in the order of [`crate::watch::Event::NAMES`].
    pub events: [u64; crate::watch::Event::NAMES.len()],
    /// How long the last poll took.
    pub last_duration: Duration,
}
