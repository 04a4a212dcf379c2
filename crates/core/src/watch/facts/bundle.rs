//! What the bundle says: the state that polls agree on, those before it, and the answers that
//! differ from it.

use serde::{Deserialize, Serialize};

use super::push_bounded;
use super::sequence::{Regression, SequenceAnomaly, SequenceAnomalyKind};
use crate::bundle::{Digest, StatedNumber};
use crate::time::{Bracket, Timestamp};
use crate::watch::{AddressView, Event, PastState, StepBack};

/// The state of a bundle that polls agree on.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Confirmed {
    /// The digest of the key set.
    pub content: Digest,
    /// The digest of the document as stored.
    pub body: Digest,
    /// The sequence number that it states.
    pub sequence: StatedNumber,
    /// The refresh hint that it states, in seconds.
    pub refresh_hint: StatedNumber,
    /// When it became so.
    pub since: Bracket,
}

/// What the bundle says, and what it said before.
///
/// Invariants: `high_water` moves down only by a decision. `history` holds states of this epoch
/// alone, so that a state is never compared with one of another epoch. Each list is bounded.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct BundleState {
    /// The state that the last good polls agree on.
    pub confirmed: Option<Confirmed>,
    /// The states of this epoch before the confirmed one, newest last.
    pub history: Vec<PastState>,
    /// The highest sequence number of any confirmed state.
    pub high_water: Option<u64>,
    /// How many steps back were confirmed.
    pub epoch: u32,
    /// Steps back that were seen since the last change.
    pub step_backs: Vec<StepBack>,
    /// Answers of other addresses that differ from the state, since the last change.
    pub address_views: Vec<AddressView>,
    /// What the sequence numbers say that the key sets do not, newest last.
    pub sequence_anomalies: Vec<SequenceAnomaly>,
    /// Steps back that were confirmed, newest last.
    pub regressions: Vec<Regression>,
    /// The refresh hint before the present one, where that was raised.
    pub hint_before: Option<u64>,
    /// Since when the refresh hint is what it is.
    pub hint_since: Option<Timestamp>,
}

impl BundleState {
    /// How many past states are kept: SPIRE makes six a day, so ten days of it.
    const HISTORY: usize = 64;
    /// How many answers beside the state are kept, of each kind.
    const VIEWS: usize = 64;
    /// How many sequence anomalies and regressions are kept.
    const ANOMALIES: usize = 32;

    /// Takes in an event. `last_gap` is the last gap in the polling.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a new event is none of the bundle's")]
    pub(super) fn apply(&mut self, at: Timestamp, event: &Event, last_gap: Option<Bracket>) {
        match event {
            Event::BundleChanged { content, body, sequence, refresh_hint, after, .. } => {
                self.compare_change(at, event, last_gap);
                self.change(Confirmed {
                    content: *content,
                    body: *body,
                    sequence: sequence.clone(),
                    refresh_hint: refresh_hint.clone(),
                    since: Bracket::new(*after, at),
                });
            }
            Event::SteppedBack { content, sequence, .. } => {
                self.compare_past(at, *content, sequence.given());
                let step_back = StepBack { content: *content, sequence: sequence.clone(), at };
                push_bounded(&mut self.step_backs, step_back, Self::VIEWS);
            }
            Event::StepBackConfirmed { content, sequence, since } => {
                self.regress(at, *content, sequence.given(), *since);
            }
            Event::AddressDiffers { address, content, sequence } => {
                self.compare(at, *content, sequence.given());
                let (address, content, sequence) = (*address, *content, sequence.clone());
                let view = AddressView { address, content, sequence, at };
                push_bounded(&mut self.address_views, view, Self::VIEWS);
            }
            _ => (),
        }
    }

    /// An operator acknowledged a rollback: what is confirmed is the highest number from now on.
    pub(super) fn accept_rollback(&mut self) {
        self.high_water = self.confirmed.as_ref().and_then(|c| c.sequence.given());
    }

    /// The refresh hint of the confirmed state.
    pub fn refresh_hint(&self) -> &StatedNumber {
        self.confirmed.as_ref().map_or(&StatedNumber::Absent, |confirmed| &confirmed.refresh_hint)
    }

    /// The sequence number of a change, where it is the same as before and the key set is not.
    pub(super) fn unchanged_sequence(&self, event: &Event) -> Option<u64> {
        let Event::BundleChanged { content, sequence, .. } = event else { return None };
        let confirmed = self.confirmed.as_ref()?;
        let same = confirmed.sequence.given() == sequence.given() && *content != confirmed.content;
        sequence.given().filter(|_| same)
    }

    fn change(&mut self, next: Confirmed) {
        self.high_water = self.high_water.max(next.sequence.given());
        self.raise_hint(&next);
        if let Some(previous) = self.confirmed.replace(next) {
            let Confirmed { content, sequence, since, .. } = previous;
            push_bounded(&mut self.history, PastState { content, sequence, since }, Self::HISTORY);
        }
        self.step_backs.clear();
        self.address_views.clear();
    }

    /// A hint that was raised a lot may hide a revocation from those who follow it.
    fn raise_hint(&mut self, next: &Confirmed) {
        if self.confirmed.as_ref().is_none_or(|known| known.refresh_hint != next.refresh_hint) {
            self.hint_since = Some(next.since.until);
        }
        let before = self.confirmed.as_ref().and_then(|known| known.refresh_hint.given());
        // A hint of 0 is none: nobody followed it.
        let before = before.filter(|before| 0 < *before);
        match (before, next.refresh_hint.given(), self.hint_before) {
            (Some(before), Some(now), None) if before < now => self.hint_before = Some(before),
            (_, Some(now), Some(usual)) if now <= usual => self.hint_before = None,
            _ => (),
        }
    }

    /// Compares the sequence of a change with what it shows.
    fn compare_change(&mut self, at: Timestamp, event: &Event, last_gap: Option<Bracket>) {
        let Event::BundleChanged {
            content, sequence, after, introduced, removed, unrecorded, ..
        } = event
        else {
            return;
        };
        let Some(confirmed) = &self.confirmed else { return };
        let Some((from, to)) = confirmed.sequence.given().zip(sequence.given()) else { return };
        let when = Bracket::new(*after, at);
        let equivocal =
            |sequence, one| SequenceAnomalyKind::Equivocal { sequence, one, other: *content };
        if from == to {
            if *content != confirmed.content {
                let kind = equivocal(to, confirmed.content);
                self.note_anomaly(SequenceAnomaly { when, kind });
            }
            return;
        }
        let past = self.history.iter().find(|past| past.sequence.given() == Some(to));
        if let Some(past) = past.filter(|past| past.content != *content) {
            let kind = equivocal(to, past.content);
            self.note_anomaly(SequenceAnomaly { when, kind });
        }
        let seen = introduced.len().saturating_add(removed.len());
        let seen = u32::try_from(seen).unwrap_or(u32::MAX);
        let seen = seen.saturating_add(unrecorded.map_or(0, |keys| keys.came()));
        // The watch itself was away: what it missed is no wonder
        // (docs/rotation-model.md#learned-intervals).
        if !was_away(last_gap, when) && u64::from(seen) < to.saturating_sub(from) {
            let kind = SequenceAnomalyKind::Hidden { from, to, seen };
            self.note_anomaly(SequenceAnomaly { when, kind });
        }
    }

    fn note_anomaly(&mut self, anomaly: SequenceAnomaly) {
        push_bounded(&mut self.sequence_anomalies, anomaly, Self::ANOMALIES);
    }

    /// A step back was confirmed: a new epoch begins.
    fn regress(&mut self, at: Timestamp, content: Digest, to: Option<u64>, since: Timestamp) {
        let from = self.confirmed.as_ref().and_then(|confirmed| confirmed.sequence.given());
        let was_there = self.history.iter().any(|past| past.content == content);
        let regression = Regression { at, since, from, to, was_there };
        push_bounded(&mut self.regressions, regression, Self::ANOMALIES);
        // States are compared within an epoch only.
        self.epoch = self.epoch.saturating_add(1);
        self.history.clear();
        self.confirmed = None;
    }

    /// Another answer beside the state, under the state's own sequence.
    fn compare(&mut self, at: Timestamp, content: Digest, sequence: Option<u64>) {
        let Some(confirmed) = &self.confirmed else { return };
        let (Some(sequence), Some(known)) = (sequence, confirmed.sequence.given()) else { return };
        if sequence == known && content != confirmed.content {
            let kind =
                SequenceAnomalyKind::Equivocal { sequence, one: confirmed.content, other: content };
            self.note_anomaly(SequenceAnomaly { when: Bracket::new(None, at), kind });
        }
    }

    /// The same for an answer that steps back: compared with the states before, within the epoch.
    fn compare_past(&mut self, at: Timestamp, content: Digest, sequence: Option<u64>) {
        let Some(sequence) = sequence else { return };
        let past = self.history.iter().find(|past| past.sequence.given() == Some(sequence));
        if let Some(past) = past.filter(|past| past.content != content) {
            let kind =
                SequenceAnomalyKind::Equivocal { sequence, one: past.content, other: content };
            self.note_anomaly(SequenceAnomaly { when: Bracket::new(None, at), kind });
        }
    }
}

/// Whether the watch was away within this bracket. It ends with a good poll, and the first poll
/// after an absence may fail.
pub(super) fn was_away(last_gap: Option<Bracket>, when: Bracket) -> bool {
    last_gap.is_some_and(|gap| when.after <= gap.after && gap.until <= when.until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + seconds)
    }

    fn changed(content: &[u8], sequence: u64, hint: u64) -> Event {
        Event::BundleChanged {
            content: Digest::of(content),
            body: Digest::of(content),
            length: 1,
            sequence: StatedNumber::Given(sequence),
            refresh_hint: StatedNumber::Given(hint),
            after: None,
            address: None,
            first_shown: at(0),
            introduced: Vec::new(),
            removed: Vec::new(),
            unrecorded: None,
        }
    }

    fn after(events: &[Event]) -> BundleState {
        let mut state = BundleState::default();
        for (seconds, event) in (0..).zip(events) {
            state.apply(at(seconds), event, None);
        }
        state
    }

    #[test]
    fn the_high_water_mark_falls_by_a_decision_alone() {
        let back = Event::StepBackConfirmed {
            content: Digest::of(b"a"),
            sequence: StatedNumber::Given(3),
            since: at(1),
        };
        let mut state = after(&[changed(b"a", 8, 300), back, changed(b"a", 3, 300)]);
        assert_eq!((state.high_water, state.epoch), (Some(8), 1));
        assert!(state.history.is_empty(), "the states of another epoch are not compared");
        assert_eq!(state.regressions.len(), 1);
        state.accept_rollback();
        assert_eq!(state.high_water, Some(3));
    }

    #[test]
    fn a_number_under_two_key_sets_is_an_anomaly_and_one_that_moves_alone_too() {
        let next = changed(b"b", 8, 300);
        let state = after(&[changed(b"a", 8, 300)]);
        assert_eq!(state.unchanged_sequence(&next), Some(8));
        assert_eq!(state.unchanged_sequence(&changed(b"b", 9, 300)), None);
        let anomalies = after(&[changed(b"a", 8, 300), next]).sequence_anomalies;
        assert!(matches!(anomalies[0].kind, SequenceAnomalyKind::Equivocal { sequence: 8, .. }));
        let anomalies = after(&[changed(b"a", 8, 300), changed(b"a", 10, 300)]).sequence_anomalies;
        let hidden = SequenceAnomalyKind::Hidden { from: 8, to: 10, seen: 0 };
        assert_eq!(anomalies[0].kind, hidden);
    }

    #[test]
    fn a_raised_hint_is_remembered_until_it_is_lowered_again() {
        let raised = [changed(b"a", 1, 300), changed(b"b", 2, 3_000), changed(b"c", 3, 4_000)];
        assert_eq!(after(&raised).hint_before, Some(300));
        let [one, two, three] = raised;
        assert_eq!(after(&[one, two, three, changed(b"d", 4, 300)]).hint_before, None);
    }

    #[test]
    fn the_history_is_bounded() {
        let many: Vec<Event> = (0..200).map(|n| changed(&[n], u64::from(n), 300)).collect();
        let state = after(&many);
        assert_eq!(state.history.len(), BundleState::HISTORY);
        assert_eq!(state.history.last().unwrap().content, Digest::of(&[198]));
    }
}
