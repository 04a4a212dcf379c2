//! What one scrape is rendered from.

use std::sync::Arc;

use super::registered::Registered;
use super::self_facts::SelfFacts;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::view::{Departed, DomainView, View};

/// Whether the families with a series for each authority are rendered (`metrics.per_authority`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AuthoritySeries {
    /// They are.
    Rendered,
    /// They are left out.
    LeftOut,
}

/// What one scrape is rendered from.
///
/// A family sees the trust domains of one piece alone (`domains`), so that its series can
/// be written in several pieces.
#[derive(Clone, Copy, Debug)]
pub struct Scrape<'a> {
    view: &'a View,
    domains: &'a [Arc<DomainView>],
    departed: &'a [Departed],
    is_last: bool,
    pub(super) facts: &'a SelfFacts,
    pub(super) registered: &'a Registered,
    pub(super) authority_series: AuthoritySeries,
}

impl<'a> Scrape<'a> {
    /// A scrape of all trust domains, of the daemon itself, and of what was counted.
    pub fn new(
        view: &'a View,
        facts: &'a SelfFacts,
        registered: &'a Registered,
        authority_series: AuthoritySeries,
    ) -> Self {
        let (domains, departed) = (&view.domains[..], &view.departed[..]);
        Self { view, domains, departed, is_last: true, facts, registered, authority_series }
    }

    /// The moment that the scrape shows.
    pub(super) fn at(&self) -> Timestamp {
        self.view.at
    }

    /// Who is watching, where the configuration says.
    pub(super) fn trust_domain(&self) -> Option<&'a TrustDomain> {
        self.view.trust_domain.as_ref()
    }

    /// Any trust domain, whether it belongs to this piece or not.
    pub(super) fn domain(&self, name: &TrustDomain) -> Option<&'a Arc<DomainView>> {
        self.view.domain(name)
    }

    /// The trust domains whose series belong to this piece.
    pub(super) fn domains(&self) -> &'a [Arc<DomainView>] {
        self.domains
    }

    /// The trust domains that are not watched any more and whose series belong to this piece.
    pub(super) fn departed(&self) -> &'a [Departed] {
        self.departed
    }

    /// The whole picture, in the last piece of a family: for series of all trust domains together.
    pub(super) fn whole(&self) -> Option<&'a View> {
        self.is_last.then_some(self.view)
    }

    /// The same scrape, for the trust domain at this place alone; those that are gone follow the
    /// last one.
    pub(super) fn of(&self, place: usize) -> Self {
        let domains = self.domains.get(place..=place).unwrap_or_default();
        let is_last = self.domains.len() <= place.saturating_add(1);
        let departed = if is_last { self.departed } else { &[] };
        Self { domains, departed, is_last, ..*self }
    }
}
