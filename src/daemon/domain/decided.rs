//! Decisions: in the journal before they have any effect, and refused where they cannot be.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::{info, warn};

use super::WatchedDomain;
use super::carried::names_denied_keys;
use super::recorded::report_change;
use crate::daemon::decision_part::DecisionPart;
use crate::daemon::log;
use crate::daemon::poll_context::PollContext;
use crate::store::{Batch, Durability};
use anchorwatch_core::bundle::Authority;
use anchorwatch_core::judge;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{DomainState, Event};

/// What a decision comes to, before anything of it holds.
struct Draft {
    at: Timestamp,
    state: DomainState,
    events: Vec<Event>,
    /// What authenticated the endpoint before it.
    trusted: Option<Arc<[Arc<Authority>]>>,
}

impl WatchedDomain {
    /// Works out what a decision comes to, gives that away to be recorded with the parts of others,
    /// and takes it over only where all of it was committed.
    pub(in crate::daemon) async fn take_part(&mut self, shared: &PollContext, part: DecisionPart) {
        let DecisionPart { events, batch, verdict, applied, mut released } = part;
        let Some(draft) = self.draft(shared, events) else { return };
        if batch.send(self.batch(&draft)).is_ok()
            && let Ok(durability) = verdict.await
        {
            self.adopt_committed(shared, draft, durability);
        }
        drop(applied);
        // Its end is the message.
        while released.changed().await.is_ok() {}
    }

    /// Records the decisions of the configuration that are not on record yet. What cannot be
    /// recorded has no effect, and is tried again. Returns whether all of it is on record.
    pub(super) async fn decide_by_configuration(&mut self, shared: &PollContext) -> bool {
        let decisions = self.relationship.decisions();
        let decisions = self.state.facts.decisions.catch_up(&decisions);
        let in_files = self.denied_keys_in_files(&self.state.facts);
        let decisions = self.carried.iter().cloned().chain(in_files).chain(decisions);
        let events: Vec<_> = decisions.map(|decision| Event::Decided { decision }).collect();
        let recorded = events.is_empty() || self.decide(shared, events).await;
        if recorded {
            self.carried.clear();
        }
        let trust_domain = self.trust_domain().as_str();
        match (self.pending, recorded) {
            (false, false) => warn!(
                trust_domain,
                "decisions of the configuration cannot be journaled: denials of other trust domains bind already, all else has no effect yet, and is tried again"
            ),
            (true, true) => info!(trust_domain, "decisions of the configuration are journaled now"),
            (true, false) | (false, true) => (),
        }
        self.pending = !recorded;
        if self.pending {
            shared.note_pending(self.trust_domain());
        } else {
            shared.clear_pending(self.trust_domain());
        }
        recorded
    }

    /// Records what waits: what could not be recorded of the configuration, once the store can be
    /// written, and the keys that a poll brought of what is denied.
    pub(in crate::daemon) async fn catch_up_with_configuration(&mut self, shared: &PollContext) {
        let waits = self.pending || !self.carried.is_empty();
        if waits && shared.store.status().writable {
            self.decide_by_configuration(shared).await;
        }
    }

    /// Records a decision that concerns this trust domain alone. Returns whether it holds.
    async fn decide(&mut self, shared: &PollContext, events: Vec<Event>) -> bool {
        let Some(draft) = self.draft(shared, events) else { return false };
        let durability = shared.store.append_together(vec![self.batch(&draft)]).await;
        self.adopt_committed(shared, draft, durability);
        durability.is_committed()
    }

    /// `None` after a panic of the judgement, which ends the watch over this domain.
    fn draft(&mut self, shared: &PollContext, events: Vec<Event>) -> Option<Draft> {
        let at = shared.clock.now();
        let drafted = catch_unwind(AssertUnwindSafe(|| {
            let trusted = self.trust(shared).map(|trust| trust.authorities);
            let (mut state, policy) = (self.state.clone(), &self.relationship.settings.policy);
            let record = |event| judge::record(&mut state, at, event, policy);
            let mut events: Vec<Event> = events.into_iter().flat_map(record).collect();
            for decision in self.denied_keys_in_files(&state.facts) {
                events.extend(judge::record(&mut state, at, Event::Decided { decision }, policy));
            }
            Draft { at, state, events, trusted }
        }));
        if drafted.is_err() {
            self.quarantine(shared, "decision");
            self.publish(shared, at);
        }
        drafted.ok()
    }

    fn batch(&self, draft: &Draft) -> Batch {
        Batch {
            trust_domain: self.trust_domain().clone(),
            at: draft.at,
            events: draft.events.clone(),
            bodies: Vec::new(),
            facts: Arc::clone(&draft.state.facts),
            poll_state: draft.state.poll_state.clone(),
        }
    }

    /// From now on it holds where the journal has it, and only there.
    fn adopt_committed(&mut self, shared: &PollContext, draft: Draft, durability: Durability) {
        if !durability.is_committed() {
            return;
        }
        let Draft { at, state, events, trusted } = draft;
        let finished = self.state.facts.rotation.finished;
        // Before anything that may panic: the journal has it, see [`Self::lose`].
        self.state = state;
        // What waited before was written with it.
        self.unrecorded = durability != Durability::Durable;
        log::events(self.trust_domain(), &events);
        self.count_events(&events);
        self.count_rotations(finished);
        self.settle_reports(shared, report_change(&events));
        let names_denied_keys = names_denied_keys(&events);
        shared.tell(at, self.trust_domain(), events);
        // A denial of a key that is no anchor voids no poll: an answer whose path passes through
        // that key is refused when it comes.
        if self.trust(shared).map(|trust| trust.authorities) != trusted {
            self.void_poll();
        }
        self.publish(shared, at);
        if names_denied_keys {
            shared.denied_key_known.notify_one();
        }
    }
}
