//! One authority's life on the time line: what was seen of it, and what is expected.

use anchorwatch_core::bundle::AuthorityId;
use anchorwatch_core::time::{Bracket, Timestamp, Window};
use anchorwatch_core::view::DomainView;
use anchorwatch_core::watch::{AuthorityRecord, Standing};

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
        let case = domain.case();
        let expected = case.expected(record);
        let successor = record.successor.and_then(|id| facts.record(id));
        let leaving = match (record.removed, expected.removal) {
            (Some(removed), _) => Leaving::Seen(removed),
            (None, Some(window)) => Leaving::Expected(window),
            (None, None) => Leaving::Unknown,
        };
        let overlap = successor.and_then(|successor| overlap(successor, leaving));
        let standing = record.standing.as_ref();
        Self {
            id: record.id(),
            standing: standing.map_or("", Standing::label),
            explained: standing.is_none_or(Standing::is_explained),
            state: case.phase(record, now).label(),
            published: record.published,
            activated: case.activated(record),
            retired: case.retired(record),
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

fn overlap(successor: &AuthorityRecord, leaving: Leaving) -> Option<Window> {
    let until = match leaving {
        Leaving::Seen(removed) => removed.until,
        Leaving::Expected(window) => window.until,
        Leaving::Unknown => return None,
    };
    let from = successor.published.until;
    (from < until).then(|| Window::new(from, until))
}
