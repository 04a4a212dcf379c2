//! One relationship: whose bundle is watched, where, and by what rules.

use std::path::PathBuf;

use super::intent::{AnnouncementEntry, ApprovalEntry, OutageEntry};
use super::proxy::Proxy;
use anchorwatch_core::decision::Decision;
use anchorwatch_core::spiffe::{BundleEndpoint, Probe, TrustDomain};
use anchorwatch_core::watch::Policy;

/// The most redirects that a poll may follow: SPIRE's and go-spiffe's clients follow ten, and no
/// endpoint in the field needs more than one (Federation, 7.5.1).
pub const MAX_REDIRECTS: u8 = 3;

/// One relationship as the daemon runs with it: every value checked, every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Relationship {
    /// The trust domain, its endpoint, and how that authenticates.
    pub endpoint: BundleEndpoint,
    /// The trust domain's bundle, received out of band.
    pub bootstrap_bundle_path: Option<PathBuf>,
    /// Its settings, with those of `defaults` for what it does not set itself.
    pub settings: Settings,
    /// Authorities that are explained.
    pub approved: Vec<ApprovalEntry>,
    /// Authorities that will be published.
    pub announced: Vec<AnnouncementEntry>,
    /// When the endpoint will be out of service.
    pub outages: Vec<OutageEntry>,
}

/// What `defaults` and every relationship may set.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What the core watches by.
    pub policy: Policy,
    /// Whether a poll asks one address of the name, or all.
    pub probe: Probe,
    /// The most redirects that a poll follows, at most [`MAX_REDIRECTS`].
    pub redirects: u8,
    /// The proxy through which the endpoint is reached.
    pub proxy: Option<Proxy>,
    /// The roots of an `https_web` endpoint; `None` for the platform's.
    pub ca_file: Option<PathBuf>,
}

impl Relationship {
    /// The trust domain whose bundle is watched.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.endpoint.trust_domain
    }

    /// The decisions that the configuration contains.
    pub fn decisions(&self) -> Vec<Decision> {
        let approved = self.approved.iter().map(ApprovalEntry::decision);
        let announced = self.announced.iter().map(AnnouncementEntry::decision);
        approved.chain(announced).chain(self.outages.iter().map(OutageEntry::decision)).collect()
    }
}
