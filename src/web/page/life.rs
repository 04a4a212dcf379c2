//! One authority's life on the time line: what was seen of it, and what is expected.

use anchorwatch_core::bundle::AuthorityId;
use anchorwatch_core::time::{Bracket, Timestamp, Window};
use anchorwatch_core::view::DomainView;
use anchorwatch_core::watch::{AuthorityRecord, Phase, Standing, spire};

/// When an authority leaves the bundle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Leaving {
    /// It left, between two polls.
    Seen(Bracket),
    /// Its issuer's rhythm says when.
    Expected(Window),
    /// Nothing says it.
    Unknown,
}

/// The life of one authority.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) id: AuthorityId,
    /// What explains it, in a word; empty where nothing was judged.
    pub(super) standing: &'static str,
    /// Whether nobody need look at it.
    pub(super) explained: bool,
    /// Its state at the moment of the picture, in a word.
    pub(super) state: &'static str,
    pub(super) published: Bracket,
    pub(super) activated: Option<Window>,
    pub(super) retired: Option<Window>,
    pub(super) expires: Option<Timestamp>,
    pub(super) leaving: Leaving,
    /// From when until when its successor was, or will be, published beside it.
    pub(super) overlap: Option<Window>,
}

impl Life {
    /// The life of this authority, as the picture of its trust domain shows it.
    pub(super) fn new(record: &AuthorityRecord, domain: &DomainView, now: Timestamp) -> Self {
        let facts = &domain.state.facts;
        let expected = domain.case().expected(record);
        let successor = record.successor.and_then(|id| facts.record(id));
        let retired = expected.retirement.or_else(|| activation(successor?, domain));
        let leaving = match (record.removed, expected.removal) {
            (Some(removed), _) => Leaving::Seen(removed),
            (None, Some(window)) => Leaving::Expected(window),
            (None, None) => Leaving::Unknown,
        };
        let activated = activation(record, domain);
        let overlap = successor.and_then(|successor| overlap(successor, leaving));
        let standing = record.standing.as_ref();
        Self {
            id: record.id(),
            standing: standing.map_or("", Standing::label),
            explained: standing.is_none_or(Standing::is_explained),
            state: state(record, activated, retired, now),
            published: record.published,
            activated,
            retired,
            expires: record.authority.certificate.as_ref().map(|one| one.validity.not_after),
            leaving,
            overlap,
        }
    }

    /// The first moment at which it is known to be published.
    pub(super) fn begins(&self) -> Timestamp {
        self.published.until
    }

    /// The last moment at which it was seen, or is expected.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        match self.leaving {
            Leaving::Seen(removed) => Some(removed.until),
            Leaving::Expected(window) => Some(window.until),
            Leaving::Unknown => None,
        }
    }
}

/// When an authority signed for the first time, or is expected to: by the endpoint's own SVID,
/// whose `notBefore` SPIRE puts before the signing, else by the rhythm.
fn activation(record: &AuthorityRecord, domain: &DomainView) -> Option<Window> {
    if let Some(leaf) = record.signed {
        let signed = leaf.validity.not_before.saturating_add(spire::NOT_BEFORE_CUSHION);
        return Some(Window::point(signed.min(leaf.seen_at)));
    }
    let expected = domain.case().expected(record).activation;
    expected.or_else(|| {
        let explained = record.is_explained() && record.removed.is_some();
        explained.then(|| domain.state.facts.activation(record, &domain.policy))?
    })
}

fn overlap(successor: &AuthorityRecord, leaving: Leaving) -> Option<Window> {
    let until = match leaving {
        Leaving::Seen(removed) => removed.until,
        Leaving::Expected(window) => window.until,
        Leaving::Unknown => return None,
    };
    let from = successor.published.until;
    (from < until).then(|| Window::new(from, until))
}

/// The state in a word: as `/metrics` has it, and `active` also where only the rhythm says so.
fn state(
    record: &AuthorityRecord,
    activated: Option<Window>,
    retired: Option<Window>,
    now: Timestamp,
) -> &'static str {
    let past = |window: Option<Window>| window.is_some_and(|window| window.until <= now);
    match record.phase(now) {
        Phase::Removed => "removed",
        Phase::Expired => "expired",
        Phase::Published | Phase::Active if past(retired) => "retired",
        Phase::Published if past(activated) => "active",
        Phase::Published => "published",
        Phase::Active => "active",
    }
}
