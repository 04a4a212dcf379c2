//! What is judged: one trust domain, with everything that bears on it.

use crate::bundle::AuthorityId;
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
    /// The keys of several trust domains that this one is to report. `None` where nobody asked: what
    /// other trust domains publish is then neither reported nor taken back.
    pub shared: Option<&'a SharedKeys>,
}

impl<'a> Case<'a> {
    /// Whether a finding about the domain itself waits for someone already: what comes and goes, or is
    /// written anew, is one thing to decide on.
    pub(super) fn is_open(&self, kind: FindingKind) -> bool {
        let mut open = self.facts().ledger.open.iter();
        open.any(|open| open.kind == kind && open.svid_type.is_none() && open.subject.is_empty())
    }

    /// What waits for someone already that is about this authority.
    pub(super) fn opened(&self, kind: FindingKind, id: AuthorityId) -> Option<&'a Finding> {
        let mut open = self.facts().ledger.open.iter();
        open.find(|open| open.kind == kind && open.is_about(id))
    }

    pub(super) fn facts(&self) -> &'a Facts {
        &self.state.facts
    }

    pub(super) fn poll_state(&self) -> &'a PollState {
        &self.state.poll_state
    }
}
