//! What is judged: one trust domain, with everything that bears on it.

use crate::judge::Shared;
use crate::spiffe::BundleEndpoint;
use crate::watch::{DomainState, Facts, Policy, Sight};

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
    /// Its keys that stand in other trust domains too.
    pub shared: &'a [Shared],
}

impl<'a> Case<'a> {
    pub(super) fn facts(&self) -> &'a Facts {
        &self.state.facts
    }

    pub(super) fn sight(&self) -> &'a Sight {
        &self.state.sight
    }
}
