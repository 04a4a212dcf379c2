//! What is judged: one trust domain, with everything that bears on it.

use crate::bundle::SvidType;
use crate::finding::{Finding, FindingKind};
use crate::judge::SharedKeys;
use crate::spiffe::BundleEndpoint;
use crate::watch::{DomainState, Facts, Policy, PollState};

/// A trust domain as it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Where its bundle is served.
    pub endpoint: &'a BundleEndpoint,
    /// What is known.
    pub state: &'a DomainState,
    /// What it is judged by.
    pub policy: &'a Policy,
    /// Why the bootstrap file cannot be used, where it is needed and cannot.
    pub bootstrap_fault: Option<&'a str>,
    /// The keys of several trust domains that this one is to report.
    pub shared: &'a SharedKeys,
}

impl<'a> Case<'a> {
    /// Whether this waits for someone already: what comes and goes, or is written anew, is one thing
    /// to decide on.
    pub(super) fn is_open(
        &self,
        kind: FindingKind,
        svid_type: Option<SvidType>,
        subject: &str,
    ) -> bool {
        self.opened(kind, svid_type, subject).is_some()
    }

    /// What waits for someone already.
    pub(super) fn opened(
        &self,
        kind: FindingKind,
        svid_type: Option<SvidType>,
        subject: &str,
    ) -> Option<&'a Finding> {
        let about = |open: &&Finding| {
            open.kind == kind && open.svid_type == svid_type && open.subject == *subject
        };
        self.facts().ledger.open.iter().find(about)
    }

    pub(super) fn facts(&self) -> &'a Facts {
        &self.state.facts
    }

    pub(super) fn poll_state(&self) -> &'a PollState {
        &self.state.poll_state
    }
}
