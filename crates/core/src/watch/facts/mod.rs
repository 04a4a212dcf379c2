//! What is known of one trust domain: the fold of its events.
//!
//! Each state has one owner, in a file of its own, and its own `apply`: the bundle, its document,
//! the endpoint, the authorities, what was sighted of tokens, the ledger of findings, the day's
//! budget. The rotation model and the decisions are moved here, since what they make of an event
//! depends on the other states: `rotation.rs`, `handover.rs` and `decided.rs` say how.
//!
//! Invariant: [`Facts::apply`] is the only way in which facts change, in the daemon as in a replay.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod activation;
mod authorities;
mod bundle;
mod decided;
mod document;
mod endpoint;
mod handover;
mod ledger;
mod lifetimes;
mod removed;
mod room;
mod rotation;
mod sequence;
mod sightings;
mod trust;

pub use authorities::Authorities;
pub use bundle::{BundleState, Confirmed};
pub use document::DocumentState;
pub use endpoint::{DeniedSigner, EndpointShift, EndpointState, FailureRun};
pub use ledger::{Ledger, Settled};
pub use room::{Rank, Subject};
pub use sequence::{Regression, SequenceAnomaly, SequenceAnomalyKind};
pub use sightings::Sightings;

use super::{AuthorityRecord, DaySpent, Event, Policy, RotationModel, Sighting};
use crate::bundle::{AuthorityId, AuthorityPool, Bundle, StatedNumber};
use crate::decision::Decisions;
use crate::time::{Bracket, Timestamp};
use crate::untrusted::UntrustedText;

/// What is known of one trust domain.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Facts {
    /// By what rules the domain was watched and judged; `None` before its first poll.
    pub policy: Option<Arc<Policy>>,
    /// The endpoint, and how it answers.
    pub endpoint: EndpointState,
    /// What the bundle says, and what it said before.
    pub bundle: BundleState,
    /// How the document departs from the standard, and who refuses it.
    pub document: DocumentState,
    /// The authorities on record.
    pub authorities: Authorities,
    /// The rotation: which chain each authority belongs to.
    pub rotation: RotationModel,
    /// What was sighted of tokens.
    pub sightings: Sightings,
    /// The decisions that hold.
    pub decisions: Decisions,
    /// The event findings.
    pub ledger: Ledger,
    /// What was recorded on the day of the last event.
    pub spent: DaySpent,
}

impl Facts {
    /// The facts that follow from these events.
    pub fn replay<'a>(events: impl IntoIterator<Item = (Timestamp, &'a Event)>) -> Self {
        let mut facts = Self::default();
        for (at, event) in events {
            facts.apply(at, event);
        }
        facts
    }

    /// The record of an authority, published or removed of late.
    pub fn record(&self, id: AuthorityId) -> Option<&AuthorityRecord> {
        self.authorities.record(id)
    }

    /// The records of the authorities that are published.
    pub fn published(&self) -> impl Iterator<Item = &AuthorityRecord> {
        self.authorities.published()
    }

    /// What was sighted under a key ID.
    pub fn token_sighting(&self, kid: Option<&UntrustedText>) -> Option<&Sighting> {
        self.sightings.of(kid)
    }

    /// Whether the watch was away within this bracket.
    pub fn was_away(&self, when: Bracket) -> bool {
        self.endpoint.was_away(when)
    }

    /// Holds no authority once more that is held elsewhere.
    pub fn intern(&mut self, pool: &AuthorityPool) {
        self.authorities.intern(pool);
    }

    /// The confirmed key set, with its sequence and hint.
    pub fn bundle(&self) -> Bundle {
        let authorities = self.published().map(|record| Arc::clone(&record.authority)).collect();
        let confirmed = self.bundle.confirmed.as_ref();
        let sequence = confirmed.map_or(StatedNumber::Absent, |known| known.sequence.clone());
        Bundle::new(authorities, sequence, self.bundle.refresh_hint().clone())
    }

    /// Takes in what happened at `at`.
    pub fn apply(&mut self, at: Timestamp, event: &Event) {
        self.spent.apply(at, event);
        self.authorities.drop_derived(event);
        // Before the state changes: dates that passed count by the interval until now, and the
        // sequence number is compared with the one before.
        let unchanged_sequence = self.bundle.unchanged_sequence(event);
        self.pass_dates(event);
        self.endpoint.apply(at, event);
        self.bundle.apply(at, event, self.endpoint.last_gap);
        self.document.apply(at, event);
        self.authorities.apply(event);
        self.sightings.apply(event, || self.authorities.carried_kids());
        self.ledger.apply(at, event);
        self.take_in(at, event, unchanged_sequence);
        self.authorities.drop_derived(event);
    }

    /// What an event means to several states at once.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other events are of one state each")]
    fn take_in(&mut self, at: Timestamp, event: &Event, unchanged_sequence: Option<u64>) {
        match event {
            Event::PolicyChanged { policy } => self.apply_policy(at, policy),
            Event::BundleChanged {
                after, first_shown, introduced, removed, unrecorded, ..
            } => {
                self.pass_over(at, *unrecorded, *after);
                self.settle(at, introduced, unchanged_sequence);
                self.remove(at, removed, Bracket::new(*after, *first_shown));
                self.note_alone();
            }
            Event::AuthorityIntroduced { authority, .. } => self.decisions.recognize(authority),
            Event::UnconfirmedAuthoritySeen { authority, seen } => {
                self.decisions.recognize(authority);
                self.unconfirmed_authority(at, authority, *seen);
            }
            Event::Decided { decision } => self.decide(at, decision),
            Event::FindingRaised { finding } => self.raise(at, finding),
            // What a publication was found to be follows from the publications themselves.
            _ => (),
        }
    }
}

fn push_bounded<T>(list: &mut Vec<T>, item: T, most: usize) {
    if most <= list.len() {
        list.remove(0);
    }
    list.push(item);
}
