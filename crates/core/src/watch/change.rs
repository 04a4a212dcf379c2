//! What an answer changes: the state itself, or only what is known of another view.

use std::sync::Arc;
use std::time::Duration;

use super::reduced::RecordedChange;
use super::stepper::Stepper;
use super::{
    AddressView, AuthorityRecord, Event, Flips, Observation, Pending, SkippedKeys, Standing,
    StepBack, UnrecordedKeys,
};
use crate::bundle::{Authority, AuthorityId, BundleDiff, Digest, diff};
use crate::time::Bracket;

/// Answers that did not alternate for so long alternate anew.
const CALM: Duration = Duration::from_hours(1);

impl Stepper<'_> {
    /// Makes the answer the state.
    pub(super) fn change(
        &mut self,
        observation: &Observation,
        content: Digest,
        when: Bracket,
        recalled: &[AuthorityRecord],
    ) {
        let difference = diff(&self.facts.bundle(), &observation.bundle);
        let Some(RecordedChange { difference, unrecorded }) = self.within_budget(difference, when)
        else {
            return;
        };
        let brackets = difference.introduced.iter().map(|new| self.published(new.id, when));
        let brackets: Vec<_> = brackets.collect();
        let changed = bundle_changed(observation, content, when, &difference, unrecorded);
        let introduced: Vec<_> = difference.introduced.iter().map(|new| new.id).collect();
        // The change itself comes after them: it finds its keys on record.
        for (authority, when) in difference.introduced.into_iter().zip(brackets) {
            let published = self.unconfirmed_authority_of(authority.id).unwrap_or(when);
            let known = self.facts.record(authority.id);
            let known = known.or_else(|| recalled.iter().find(|past| past.id() == authority.id));
            let returned_after = known.and_then(|record| record.removed);
            self.emit(Event::AuthorityIntroduced { authority, published, returned_after });
        }
        self.emit(changed);
        for (old, authority) in difference.relabelled {
            let previous = old.kid.clone();
            self.emit(Event::AuthorityRelabelled { authority, previous });
        }
        for authority in difference.removed {
            self.emit(Event::AuthorityRemoved { authority: authority.id, removed: when });
        }
        self.tell_standings(&introduced);
        if unrecorded.is_none() {
            self.poll_state.passing = SkippedKeys::default();
        }
    }

    /// What the publications of this poll were found to be is told beside them.
    fn tell_standings(&mut self, introduced: &[AuthorityId]) {
        for id in introduced {
            let standing = self.facts.record(*id).and_then(|record| record.standing.clone());
            if let Some(standing) = standing.filter(|standing| *standing != Standing::Baseline) {
                self.emit(Event::AuthorityJudged { authority: *id, standing });
            }
        }
    }

    /// The state is back: what stepped back was another replica's answer, or a cache's.
    pub(super) fn came_back(&mut self) {
        if self.poll_state.pending.take().is_none() {
            return;
        }
        let at = self.at;
        let flips = self.poll_state.flips.get_or_insert(Flips { count: 0, first: at, last: at });
        if at.since(flips.last).is_some_and(|calm| CALM < calm) {
            *flips = Flips { count: 0, first: at, last: at };
        }
        flips.count = flips.count.saturating_add(1);
        flips.last = at;
    }

    fn unconfirmed_authority_of(&self, id: AuthorityId) -> Option<Bracket> {
        let unconfirmed_authority = self
            .facts
            .authorities
            .unconfirmed
            .iter()
            .find(|unconfirmed_authority| unconfirmed_authority.authority.id == id);
        unconfirmed_authority.map(|unconfirmed_authority| unconfirmed_authority.seen)
    }

    /// Holds an answer that steps back until a second poll agrees.
    pub(super) fn stepped_back(
        &mut self,
        observation: &Observation,
        content: Digest,
        recalled: &[AuthorityRecord],
    ) {
        let sequence = &observation.bundle.sequence;
        let waiting = self.poll_state.pending.take();
        let waiting = waiting.filter(|p| p.content == content && p.sequence == *sequence);
        self.report_step_back(observation, content, recalled);
        let Some(pending) = waiting else {
            let (since, after) = (self.at, self.last_good);
            self.poll_state.pending =
                Some(Pending { content, sequence: sequence.clone(), since, after });
            return;
        };
        let Some(waited) = self.at.since(pending.since) else {
            // The clock was stepped back: the wait begins anew.
            self.poll_state.pending = Some(Pending { since: self.at, ..pending });
            return;
        };
        if waited < self.policy.replica_lag {
            self.poll_state.pending = Some(pending);
            return;
        }
        let Pending { sequence, since, after, .. } = pending.clone();
        if !self.emit_if_due(Event::StepBackConfirmed { content, sequence, since }) {
            self.poll_state.pending = Some(pending);
            return;
        }
        self.change(observation, content, Bracket::new(after, since), recalled);
    }

    /// Journals a step back at once, but each key set and sequence only once: two states that
    /// alternate must not fill the journal.
    fn report_step_back(
        &mut self,
        observation: &Observation,
        content: Digest,
        recalled: &[AuthorityRecord],
    ) {
        let bundle = &observation.bundle;
        let known = |past: &StepBack| past.content == content && past.sequence == bundle.sequence;
        if self.facts.bundle.step_backs.iter().any(known) {
            return;
        }
        let difference = diff(&self.facts.bundle(), bundle);
        self.emit_if_due(Event::SteppedBack {
            content,
            body: observation.body,
            length: observation.length,
            unstored: false,
            sequence: bundle.sequence.clone(),
            address: observation.source.address,
            lacks: count(difference.removed.len()),
            adds: count(difference.introduced.len()),
        });
        self.unconfirmed_authority(&difference.introduced, recalled);
    }

    /// A key never seen before is news at once, even where its answer is not the state yet.
    fn unconfirmed_authority(
        &mut self,
        introduced: &[Arc<Authority>],
        recalled: &[AuthorityRecord],
    ) {
        let seen = Bracket::new(self.last_good, self.at);
        let is_new = |authority: &&Arc<Authority>| {
            let id = authority.id;
            let known =
                self.facts.record(id).is_some() || recalled.iter().any(|past| past.id() == id);
            !known && self.unconfirmed_authority_of(id).is_none()
        };
        let new = introduced.iter().filter(is_new).cloned().collect();
        for authority in self.unconfirmed_within_budget(new, seen) {
            self.emit(Event::UnconfirmedAuthoritySeen { authority, seen });
        }
    }

    /// What another address answered in the same poll. Whether that differs.
    pub(super) fn compared(
        &mut self,
        view: &Observation,
        primary: &Observation,
        recalled: &[AuthorityRecord],
    ) -> bool {
        let Some(address) = view.source.address else {
            return false;
        };
        let (content, sequence) = (view.bundle.content(), &view.bundle.sequence);
        if content == primary.bundle.content() && *sequence == primary.bundle.sequence {
            return false;
        }
        let known = |past: &AddressView| {
            past.address == address && past.content == content && past.sequence == *sequence
        };
        if !self.facts.bundle.address_views.iter().any(known) {
            self.emit_if_due(Event::AddressDiffers {
                address,
                content,
                sequence: sequence.clone(),
            });
            let difference = diff(&self.facts.bundle(), &view.bundle);
            self.unconfirmed_authority(&difference.introduced, recalled);
        }
        true
    }
}

pub(super) fn bundle_changed(
    observation: &Observation,
    content: Digest,
    when: Bracket,
    difference: &BundleDiff,
    unrecorded: Option<UnrecordedKeys>,
) -> Event {
    Event::BundleChanged {
        content,
        body: observation.body,
        length: observation.length,
        sequence: observation.bundle.sequence.clone(),
        refresh_hint: observation.bundle.refresh_hint.clone(),
        after: when.after,
        address: observation.source.address,
        first_shown: when.until,
        introduced: difference.introduced.iter().map(|new| new.id).collect(),
        removed: difference.removed.iter().map(|gone| gone.id).collect(),
        unrecorded,
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
