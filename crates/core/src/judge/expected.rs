//! What is to come of an authority, by its issuer's rhythm.

use super::Case;
use crate::bundle::SvidType;
use crate::time::{Timestamp, Window};
use crate::watch::{
    AuthorityRecord, IssuerMode, IssuerModel, Phase, Standing, spire, spire_lifetime,
};

/// When the steps of an authority's life are expected. Each is absent where nothing says it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Expected {
    /// Its first signature.
    pub activation: Option<Window>,
    /// Its last.
    pub retirement: Option<Window>,
    /// When it leaves the bundle.
    pub removal: Option<Window>,
}

impl Case<'_> {
    /// What is to come of a published authority. Nothing is said of one that nothing explains: it
    /// belongs to no rhythm.
    pub fn expected(&self, record: &AuthorityRecord) -> Expected {
        if !record.is_explained() || record.removed.is_some() || !self.rotates(record) {
            return Expected::default();
        }
        let known = self.facts().activation(record, self.policy);
        let Some(published) = published(record) else {
            return Expected { activation: known, ..Expected::default() };
        };
        let IssuerModel::Spire { .. } = self.policy.issuer else {
            return Expected { activation: known, ..Expected::default() };
        };
        let Some(lifetime) = self.facts().lifetime_of(record) else {
            return Expected { activation: known, ..Expected::default() };
        };
        // The next key signs once this one has come to its threshold, and a day after its end a tick
        // prunes it (`ca/rotator/rotator.go`, `ca/manager/manager.go`).
        let retired = published.later(lifetime.saturating_sub(spire::activation(lifetime)));
        let pruned = published.later(lifetime.saturating_add(spire::PRUNE_SAFETY));
        Expected {
            activation: known.or_else(|| modelled(record, published)),
            retirement: Some(retired),
            removal: Some(pruned.widened(std::time::Duration::ZERO, spire::PRUNE_TICK)),
        }
    }

    /// When an authority signed for the first time, or is expected to: by the endpoint's own SVID,
    /// whose `notBefore` SPIRE puts before the signing, else by the schedule.
    pub fn activated(&self, record: &AuthorityRecord) -> Option<Window> {
        if let Some(leaf) = record.signed {
            let signed = leaf.validity.not_before.saturating_add(spire::NOT_BEFORE_CUSHION);
            return Some(Window::point(signed.min(leaf.seen_at)));
        }
        self.expected(record).activation.or_else(|| {
            let is_past = record.is_explained() && record.removed.is_some();
            is_past.then(|| self.facts().activation(record, self.policy))?
        })
    }

    /// When an authority signed for the last time, or is expected to: by the schedule, else by the first
    /// signature of its successor.
    pub fn retired(&self, record: &AuthorityRecord) -> Option<Window> {
        let successor = || self.facts().record(record.successor?);
        self.expected(record).retirement.or_else(|| self.activated(successor()?))
    }

    /// The state of an authority at `now`.
    pub fn phase(&self, record: &AuthorityRecord, now: Timestamp) -> Phase {
        let past = |window: Option<Window>| window.is_some_and(|window| window.until <= now);
        match record.seen_phase(now) {
            Phase::Published | Phase::Active if past(self.retired(record)) => Phase::Retired,
            Phase::Published if past(self.activated(record)) => Phase::Active,
            seen @ (Phase::Published
            | Phase::Active
            | Phase::Retired
            | Phase::Expired
            | Phase::Removed) => seen,
        }
    }

    /// Whether authorities of this use come and go by a rhythm: the roots of an upstream do not.
    fn rotates(&self, record: &AuthorityRecord) -> bool {
        let mode = match self.policy.issuer {
            IssuerModel::Spire { mode, .. } => mode.unwrap_or(self.facts().rotation.mode),
            IssuerModel::Declared { .. } | IssuerModel::Learned => IssuerMode::SelfSigned,
        };
        record.id().svid_type != SvidType::X509
            || mode != IssuerMode::Upstream
            || spire_lifetime(record).is_some()
    }
}

/// Of an authority of the baseline, its certificate says when it was made.
fn modelled(record: &AuthorityRecord, published: Window) -> Option<Window> {
    let baseline = record.standing == Some(Standing::Baseline);
    let lifetime = spire_lifetime(record).filter(|_| baseline)?;
    Some(published.later(spire::lead(lifetime)))
}

/// When an authority was published; `None` where it was there before the watch began, and nothing
/// says since when.
fn published(record: &AuthorityRecord) -> Option<Window> {
    if spire_lifetime(record).is_some()
        && let Some(certificate) = &record.authority.certificate
    {
        let made = certificate.validity.not_before.saturating_add(spire::NOT_BEFORE_CUSHION);
        return Some(Window::point(made));
    }
    let after = record.published.after?;
    Some(Window::new(after, record.published.until))
}
