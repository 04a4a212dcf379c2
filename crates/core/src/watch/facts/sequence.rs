//! What sequence numbers say that key sets do not.

use serde::{Deserialize, Serialize};

use super::{Facts, push_bounded};
use crate::bundle::Digest;
use crate::time::{Bracket, Timestamp};
use crate::watch::Event;

/// A sequence number that does not fit what was seen.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct SequenceAnomaly {
    /// Between which polls.
    pub when: Bracket,
    /// In which way.
    #[serde(flatten)]
    pub kind: SequenceAnomalyKind,
}

/// In which way a sequence number does not fit.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "leap", rename_all = "snake_case")]
pub enum SequenceAnomalyKind {
    /// It moved further than what was seen accounts for.
    Hidden {
        /// From which number.
        from: u64,
        /// To which.
        to: u64,
        /// For how many moves what was seen accounts.
        seen: u32,
    },
    /// Two key sets stand under it.
    Equivocal {
        /// The number.
        sequence: u64,
        /// One key set.
        one: Digest,
        /// The other.
        other: Digest,
    },
}

/// A step back that was confirmed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Regression {
    /// The poll that confirmed it.
    pub at: Timestamp,
    /// The poll that showed it first.
    pub since: Timestamp,
    /// The sequence number before.
    pub from: Option<u64>,
    /// The sequence number from then on.
    pub to: Option<u64>,
    /// Whether the key set is one that was the state before.
    pub was_there: bool,
}

impl Facts {
    /// How many leaps and regressions are kept.
    const LEAPS: usize = 32;

    /// Compares the sequence of a change with what it shows. Returns the number where it is the same
    /// as before the change, and the key set is not.
    pub(super) fn compare_change(&mut self, at: Timestamp, event: &Event) -> Option<u64> {
        let Event::BundleChanged {
            content, sequence, after, introduced, removed, unrecorded, ..
        } = event
        else {
            return None;
        };
        let confirmed = self.confirmed.as_ref()?;
        let (from, to) = confirmed.sequence.given().zip(sequence.given())?;
        let when = Bracket::new(*after, at);
        let changed = *content != confirmed.content;
        let seen = introduced.len().saturating_add(removed.len());
        let seen = u32::try_from(seen).unwrap_or(u32::MAX);
        let seen = seen.saturating_add(unrecorded.map_or(0, |keys| keys.came()));
        if from == to {
            if changed {
                let kind = SequenceAnomalyKind::Equivocal {
                    sequence: to,
                    one: confirmed.content,
                    other: *content,
                };
                self.leap(SequenceAnomaly { when, kind });
            }
            return changed.then_some(to);
        }
        let past = self.history.iter().find(|past| past.sequence.given() == Some(to));
        if let Some(past) = past.filter(|past| past.content != *content) {
            let kind =
                SequenceAnomalyKind::Equivocal { sequence: to, one: past.content, other: *content };
            self.leap(SequenceAnomaly { when, kind });
        }
        // The watch itself was away: what it missed is no wonder
        // (docs/rotation-model.md#learned-intervals).
        if !self.was_away(when) && u64::from(seen) < to.saturating_sub(from) {
            self.leap(SequenceAnomaly {
                when,
                kind: SequenceAnomalyKind::Hidden { from, to, seen },
            });
        }
        None
    }

    /// Whether the watch was away within this bracket. It ends with a good poll, and the first poll
    /// after an absence may fail.
    pub fn was_away(&self, when: Bracket) -> bool {
        self.last_gap.is_some_and(|gap| when.after <= gap.after && gap.until <= when.until)
    }

    pub(super) fn leap(&mut self, leap: SequenceAnomaly) {
        push_bounded(&mut self.leaps, leap, Self::LEAPS);
    }

    /// A step back was confirmed.
    pub(super) fn regress(&mut self, at: Timestamp, event: &Event) {
        let Event::StepBackConfirmed { content, sequence, since } = event else { return };
        let from = self.confirmed.as_ref().and_then(|confirmed| confirmed.sequence.given());
        let was_there = self.history.iter().any(|past| past.content == *content);
        let regression = Regression { at, since: *since, from, to: sequence.given(), was_there };
        push_bounded(&mut self.regressions, regression, Self::LEAPS);
    }

    /// Another answer beside the state, under the state's own sequence.
    pub(super) fn compare(&mut self, at: Timestamp, content: Digest, sequence: Option<u64>) {
        let Some(confirmed) = &self.confirmed else { return };
        let (Some(sequence), Some(known)) = (sequence, confirmed.sequence.given()) else { return };
        if sequence == known && content != confirmed.content {
            let kind =
                SequenceAnomalyKind::Equivocal { sequence, one: confirmed.content, other: content };
            self.leap(SequenceAnomaly { when: Bracket::new(None, at), kind });
        }
    }

    /// The same for an answer that steps back: compared with the states before, within the epoch.
    pub(super) fn compare_past(&mut self, at: Timestamp, content: Digest, sequence: Option<u64>) {
        let Some(sequence) = sequence else { return };
        let past = self.history.iter().find(|past| past.sequence.given() == Some(sequence));
        if let Some(past) = past.filter(|past| past.content != content) {
            let kind =
                SequenceAnomalyKind::Equivocal { sequence, one: past.content, other: content };
            self.leap(SequenceAnomaly { when: Bracket::new(None, at), kind });
        }
    }
}
