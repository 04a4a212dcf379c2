//! One trust domain of a replay.

use std::sync::Arc;

use super::report::{ReplayReport, Totals};
use super::reported::Reported;
use super::{RecordedLineError, RecordedRebootstrap, Rules, Seen};
use crate::decision::Decision;
use crate::judge::{self, Case, JudgedPoll, PublicKeyIndex, SharedKeys};
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::watch::{self, DomainState, Event, Facts, Observation, Poll, Recall};

/// One trust domain of a replay.
pub(super) struct Watched {
    rules: Rules,
    state: DomainState,
    last: Option<Observation>,
    recall: Recall,
    shared: Option<SharedKeys>,
    reported: Reported,
    /// What was assessed last: facts that did not change, within a tick, say nothing new.
    stale: bool,
}

impl Watched {
    pub(super) fn new(rules: Rules, at: Timestamp) -> Self {
        let mut state = DomainState::default();
        let endpoint = rules.endpoint.clone();
        let configured = Event::EndpointConfigured { endpoint, previous: None };
        judge::record(&mut state, at, configured, &rules.policy);
        for decision in &rules.decisions {
            let event = Event::Decided { decision: decision.clone() };
            judge::record(&mut state, at, event, &rules.policy);
        }
        Self {
            rules,
            state,
            last: None,
            recall: Recall::default(),
            shared: None,
            reported: Reported::of_polls(),
            stale: true,
        }
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.state.facts
    }

    pub(super) fn poll(
        &mut self,
        at: Timestamp,
        seen: Seen,
        keys: &mut PublicKeyIndex,
    ) -> Result<(), RecordedLineError> {
        let answer = match seen {
            Seen::Document(observation) => {
                self.last = Some((*observation).clone());
                Ok(*observation)
            }
            Seen::Unchanged(source) => {
                let last = self.last.as_mut().ok_or(RecordedLineError::NothingBefore)?;
                // A line that says nothing of the endpoint's certificate says that it is the same.
                if source.presented.is_some() {
                    last.source.presented = source.presented;
                }
                last.source.address = source.address.or(last.source.address);
                last.source.resolved = source.resolved;
                Ok(last.clone())
            }
            Seen::Failure(failure) => Err(*failure),
            Seen::Decision(_) | Seen::Rebootstrap(_) => return Ok(()),
        };
        self.reported.polled();
        let policy = Arc::clone(&self.rules.policy);
        let state = std::mem::take(&mut self.state);
        let mut poll = Poll::of(answer);
        self.recall.bring_back(&mut poll, &state.facts);
        let name = &self.rules.endpoint.trust_domain;
        let mut shared = |facts: &Facts, change| keys.answer(name, facts, change);
        let JudgedPoll { state, shared_keys, .. } =
            judge::judge_poll(state, poll, at, &policy, 0.5, &mut shared);
        self.recall.note(&state.facts);
        (self.state, self.shared, self.stale) = (state, Some(shared_keys), true);
        Ok(())
    }

    pub(super) fn decide(&mut self, at: Timestamp, decision: &Decision) {
        let event = Event::Decided { decision: decision.clone() };
        let policy = Arc::clone(&self.rules.policy);
        judge::record(&mut self.state, at, event, &policy);
        self.stale = true;
    }

    /// As the daemon journals it: what authenticates from now on, then an approval each.
    pub(super) fn rebootstrap(&mut self, at: Timestamp, rebootstrap: RecordedRebootstrap) {
        let RecordedRebootstrap { authorities, by, reason } = rebootstrap;
        let planned = watch::Rebootstrap::plan(&self.state.facts, authorities, &by, &reason, None);
        // The daemon refuses a file that lists denied authorities alone.
        let Ok(watch::Rebootstrap { events, .. }) = planned else { return };
        for event in events {
            judge::record(&mut self.state, at, event, &self.rules.policy);
        }
        self.stale = true;
    }

    /// Asks which keys of several trust domains this one is to report, and reports them.
    pub(super) fn compare(&mut self, keys: &mut PublicKeyIndex, name: &TrustDomain, at: Timestamp) {
        let shared = Some(keys.ask(name, &self.state.facts));
        if shared != self.shared {
            self.shared = shared;
            self.review(at);
        }
        keys.take_reports(name, &self.state.facts.ledger);
    }

    /// Time alone raises findings too.
    pub(super) fn review(&mut self, at: Timestamp) {
        let policy = Arc::clone(&self.rules.policy);
        judge::review_state(&mut self.state, &policy, self.shared.as_ref(), at);
        self.stale = true;
    }

    fn case(&self) -> Case<'_> {
        Case {
            endpoint: &self.rules.endpoint,
            state: &self.state,
            policy: &self.rules.policy,
            bootstrap_fault: None,
            shared: self.shared.as_ref(),
        }
    }

    /// Tells what is to be said now and was not before.
    pub(super) fn report(
        &mut self,
        name: &TrustDomain,
        at: Timestamp,
        reports: &mut Vec<ReplayReport>,
    ) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let mut reported = std::mem::take(&mut self.reported);
        reported.tell(&self.case(), name, at, reports);
        self.reported = reported;
    }

    pub(super) fn totals(self) -> Totals {
        self.reported.totals()
    }
}
