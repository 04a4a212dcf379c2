//! When an authority signs for the first time (docs/rotation-model.md#lead).
//!
//! SPIRE prepares and activates a key by the lifetime of the key that signs: its successor signs from
//! A before that one's end on, whenever it was published (`ca/rotator/rotator.go`).

use std::time::Duration;

use super::Facts;
use crate::time::{Timestamp, Window};
use crate::watch::rotation::published;
use crate::watch::{AuthorityRecord, IssuerModel, Lead, Policy, Predecessor, Standing, spire};

impl Facts {
    /// From an authority's publication to its first signature, where that is known.
    pub fn lead(&self, record: &AuthorityRecord, policy: &Policy) -> Option<Lead> {
        match (policy.issuer.lead(), policy.issuer) {
            (Some(lead), _) => Some(Lead::Declared(lead)),
            (None, IssuerModel::Spire { .. }) => self.modelled_lead(record),
            (None, IssuerModel::Declared { .. } | IssuerModel::Learned) => None,
        }
    }

    /// SPIRE's lead, of an authority that was published on its lineage's date.
    fn modelled_lead(&self, record: &AuthorityRecord) -> Option<Lead> {
        let scheduled = record.standing.as_ref().is_some_and(Standing::is_scheduled);
        if !scheduled || record.lineage.is_none_or(|lineage| lineage == 0) {
            return None;
        }
        let published = published(&record.authority, record.published);
        let Some(end) = record.predecessor.and_then(Predecessor::end_of_turn) else {
            // Nothing is known of the key before it: it lived as the others do, if all live alike.
            let lead = spire::lead(self.only_lifetime(record)?);
            return Some(Lead::Modelled { least: lead, most: lead, likely: lead });
        };
        let least = end.from.since(published.until).unwrap_or_default();
        let most = end.until.since(published.from).unwrap_or_default();
        let lifetime = record.predecessor.and_then(|before| before.lifetime);
        let likely = lifetime.map_or(least, |(_, longest)| spire::lead(longest));
        Some(Lead::Modelled { least, most, likely: likely.clamp(least, most) })
    }

    /// The lifetime of the authorities of the trust domain, where they have but one.
    fn only_lifetime(&self, record: &AuthorityRecord) -> Option<Duration> {
        let own = record.lifetime.map(|(least, most)| [least, most]);
        let known = self.rotation.possible_lifetimes.iter().copied();
        let mut all = known.chain(own.into_iter().flatten());
        let first = all.next()?;
        all.all(|lifetime| lifetime == first).then_some(first)
    }

    /// When an authority is expected to sign for the first time.
    pub fn activation(&self, record: &AuthorityRecord, policy: &Policy) -> Option<Window> {
        let lead = self.lead(record, policy)?;
        let published = published(&record.authority, record.published);
        match (lead, record.predecessor.and_then(Predecessor::end_of_turn)) {
            (Lead::Modelled { .. }, Some(end)) => Some(end.latest(Window::point(published.from))),
            (lead, _) => Some(published.later(lead.least())),
        }
    }

    /// The latest moment at which an authority signs for the first time, if it ever does.
    pub(super) fn activated_at_latest(
        &self,
        record: &AuthorityRecord,
        policy: &Policy,
    ) -> Option<Timestamp> {
        let published = published(&record.authority, record.published).until;
        let lead = match (policy.issuer.lead(), policy.issuer) {
            (Some(lead), _) => lead,
            (None, IssuerModel::Spire { .. }) => {
                if let Some(end) = record.predecessor.and_then(Predecessor::end_of_turn) {
                    return Some(end.until.max(published));
                }
                let own = record.lifetime.map(|(_, longest)| longest);
                spire::lead(own.max(self.rotation.possible_lifetimes.last().copied())?)
            }
            (None, IssuerModel::Declared { .. } | IssuerModel::Learned) => return None,
        };
        Some(published.saturating_add(lead))
    }
}

impl Predecessor {
    /// When it signs for the last time: A before its end.
    fn end_of_turn(self) -> Option<Window> {
        let (shortest, longest) = self.lifetime?;
        let turn = |lifetime: Duration| lifetime.saturating_sub(spire::activation(lifetime));
        let since = self.published.from.saturating_add(turn(shortest));
        // What was there before the watch began has a first moment that says nothing.
        let known = self.published.from != Timestamp::default();
        known.then(|| Window::new(since, self.published.until.saturating_add(turn(longest))))
    }
}
