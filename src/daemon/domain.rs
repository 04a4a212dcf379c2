//! One trust domain as its owner has it: what a poll brought is stepped, judged, recorded and
//! published.

mod addresses;
mod carried;
mod decided;
mod judged;
mod recorded;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::body::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::poll::{PollOrder, Polled};
use super::poll_context::PollContext;
use super::view_registry::ViewSlot;
use super::{jitter, log};
use crate::config::Relationship;
use crate::fetch::{Fetched, Target};
use anchorwatch_core::bundle::{Authority, AuthorityId, Digest};
use anchorwatch_core::decision::Decision;
use anchorwatch_core::judge::{JudgedPoll, SharedKeys};
use anchorwatch_core::spiffe::{BundleEndpoint, TrustDomain};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::view::{DomainView, Ended, PollCounts};
use anchorwatch_core::watch::{
    self, DomainState, Event, Facts, Failure, FailureReason, Observation, Policy, Poll, Trust,
};

pub(super) use judged::ended;
pub(super) use recorded::Sighted;

/// A relationship, and what its files hold.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) relationship: Arc<Relationship>,
    /// What is polled.
    pub(super) target: Target,
    /// The authorities of the bootstrap file, or why it cannot be used.
    pub(super) bootstrap: Result<Vec<Arc<Authority>>, Arc<str>>,
}

/// One trust domain under watch.
#[derive(Debug)]
pub(super) struct WatchedDomain {
    relationship: Arc<Relationship>,
    // What every view shares.
    endpoint: Arc<BundleEndpoint>,
    policy: Arc<Policy>,
    target: Arc<Target>,
    /// Counted up when the target is another place, or proves who it is by other roots.
    generation: u64,
    /// Ends the poll under way.
    polling: Option<CancellationToken>,
    /// The authorities of the bootstrap file, or why it cannot be used.
    bootstrap: Result<Vec<Arc<Authority>>, Arc<str>>,
    state: DomainState,
    /// The keys of several trust domains that this one is to report.
    shared_keys: Option<SharedKeys>,
    counts: PollCounts,
    /// Why it is not watched any more: a panic in its step.
    quarantined: Option<Arc<str>>,
    unrecorded: bool,
    /// Denials of other trust domains that it missed, and keys that were denied before anyone had
    /// seen them, until they are journaled.
    carried: Vec<Decision>,
    /// Whether decisions of the configuration wait to be recorded.
    pending: bool,
    /// Whether anything was published of it yet.
    shown: bool,
    /// What the process before this one showed, until this one has judged it.
    pending_resolution: Vec<Ended>,
    slot: ViewSlot,
}

impl WatchedDomain {
    /// A trust domain with what is on record of it.
    pub(super) fn new(relation: Relation, state: DomainState) -> Self {
        let Relation { relationship, target, bootstrap } = relation;
        let counts = PollCounts::default();
        let pending_resolution = state.poll_state.reported.clone();
        let endpoint = Arc::new(relationship.endpoint.clone());
        let policy = Arc::new(relationship.settings.policy.clone());
        let view = DomainView {
            endpoint: Arc::clone(&endpoint),
            policy: Arc::clone(&policy),
            state: state.clone(),
            findings: Arc::new([]),
            dropped: Arc::new([]),
            ended: Arc::new([]),
            counts: Arc::new(counts.clone()),
            stopped: None,
            unrecorded: false,
        };
        let slot = Arc::new(ArcSwap::from_pointee(view));
        Self {
            relationship,
            endpoint,
            policy,
            target: Arc::new(target),
            generation: 0,
            polling: None,
            bootstrap,
            state,
            shared_keys: None,
            counts,
            quarantined: None,
            unrecorded: false,
            carried: Vec::new(),
            pending: false,
            shown: false,
            pending_resolution,
            slot,
        }
    }

    pub(super) fn trust_domain(&self) -> &TrustDomain {
        &self.relationship.endpoint.trust_domain
    }

    pub(super) fn slot(&self) -> ViewSlot {
        Arc::clone(&self.slot)
    }

    pub(super) fn state(&self) -> &DomainState {
        &self.state
    }

    /// From now on the relationship is this. Trust and records stay; a quarantine ends. A poll that
    /// is under way goes on where it asks the same place.
    pub(super) fn reconfigure(&mut self, relation: Relation) {
        let Relation { relationship, target, bootstrap } = relation;
        self.endpoint = Arc::new(relationship.endpoint.clone());
        self.policy = Arc::new(relationship.settings.policy.clone());
        self.relationship = relationship;
        if !target.asks_the_same(&self.target) {
            self.generation = self.generation.wrapping_add(1);
            self.void_poll();
        }
        self.target = Arc::new(target);
        self.bootstrap = bootstrap;
        self.quarantined = None;
    }

    /// Ends the poll under way: its answer would not count.
    fn void_poll(&mut self) {
        if let Some(polling) = self.polling.take() {
            polling.cancel();
        }
    }

    /// Polls once, for whoever has the domain alone.
    pub(super) async fn poll(&mut self, shared: &PollContext) -> Polled {
        let Some(order) = self.begin_poll(shared) else { return Polled::default() };
        let Some(fetched) = order.fetch(shared).await else { return Polled::void() };
        let polled = self.finish_poll(shared, &order, fetched).await;
        self.catch_up_with_configuration(shared).await;
        polled
    }

    /// What is to be asked now; `None` after a panic.
    pub(super) fn begin_poll(&mut self, shared: &PollContext) -> Option<PollOrder> {
        if self.quarantined.is_some() {
            return None;
        }
        let outdated = CancellationToken::new();
        self.polling = Some(outdated.clone());
        let (target, trust) = (Arc::clone(&self.target), self.trust(shared));
        Some(PollOrder { target, trust, generation: self.generation, outdated })
    }

    /// Takes in what a poll brought, and publishes what came of it. An answer counts only where
    /// what it was asked for, and what authenticated it, would be so now: a key that was denied
    /// while it was on its way changes nothing any more.
    pub(super) async fn finish_poll(
        &mut self,
        shared: &PollContext,
        order: &PollOrder,
        fetched: Fetched,
    ) -> Polled {
        self.polling = None;
        if self.quarantined.is_some() {
            return Polled::default();
        }
        let Fetched { answers, bodies, took, stale } = fetched;
        let holds = order.generation == self.generation
            && order.holds_under(self.trust(shared).as_ref(), &answers);
        if !holds {
            let trust_domain = self.trust_domain().as_str();
            info!(
                trust_domain,
                "answer discarded: what authenticates the endpoint changed meanwhile"
            );
            return Polled::void();
        }
        let facts = self.binding_facts(shared);
        let answers: Vec<watch::Answer> =
            answers.into_iter().map(|answer| facts.refuse_denied(answer)).collect();
        self.note_stale_addresses(stale);
        let polled = self.take_in(shared, answers, bodies, took).await;
        Polled { slow: order.is_slow(took), ..polled }
    }

    /// Takes in that a bug ended the poll under way: a failed poll, for no endpoint may end the
    /// watch over itself.
    pub(super) async fn fail_poll(&mut self, shared: &PollContext) -> Polled {
        self.polling = None;
        if self.quarantined.is_some() {
            return Polled::default();
        }
        let failure = Failure::new(FailureReason::Internal, "a bug ended the poll: see the log");
        self.take_in(shared, vec![Err(failure)], Vec::new(), Duration::ZERO).await
    }

    /// Judges what was answered, records and publishes it.
    async fn take_in(
        &mut self,
        shared: &PollContext,
        answers: Vec<watch::Answer>,
        bodies: Vec<(Digest, Bytes)>,
        took: Duration,
    ) -> Polled {
        let recalled = self.recall(shared, &answers).await;
        let at = shared.clock.now();
        self.count(&answers, took, shared);
        let poll = Poll { answers, recalled };
        let Some(judged) = self.judge_poll(shared, poll, at) else {
            self.publish(shared, at);
            return Polled::default();
        };
        let JudgedPoll { state, events, next_poll, shared_keys } = judged;
        self.shared_keys = Some(shared_keys);
        log::events(self.trust_domain(), &events);
        self.record(shared, at, state, events, bodies).await;
        self.publish(shared, at);
        Polled { next: Some(next_poll), ..Polled::default() }
    }

    /// Puts what is on record into this relationship's words: a first watch, a changed one, lines
    /// that came into the configuration and lines that went, and denials that it missed. Returns
    /// whether all that was decided is on record.
    pub(super) async fn configure(&mut self, shared: &PollContext, carried: Vec<Decision>) -> bool {
        let endpoint = &self.relationship.endpoint;
        let previous = self.state.facts.endpoint.configured.clone();
        if previous.as_ref() != Some(endpoint) {
            let endpoint = endpoint.clone();
            self.note(shared, vec![Event::EndpointConfigured { endpoint, previous }]).await;
        }
        self.carried.extend(carried);
        let recorded = self.decide_by_configuration(shared).await;
        let at = shared.clock.now();
        self.review(shared, at).await;
        self.publish(shared, at);
        recorded
    }

    /// Why the bootstrap file cannot be used, where nothing else could authenticate.
    fn bootstrap_fault(&self) -> Option<&str> {
        let needed = self.relationship.endpoint.is_self_serving()
            && self.state.facts.endpoint.first_contact.is_none()
            && self.state.facts.endpoint.rebootstrap.is_empty();
        self.bootstrap.as_ref().err().filter(|_| needed).map(AsRef::as_ref)
    }

    fn stopped(&self) -> Option<Arc<str>> {
        self.quarantined.clone().or_else(|| self.bootstrap_fault().map(Into::into))
    }

    /// What authenticates the endpoint: the latest bundle of the endpoint ID's own trust domain
    /// (Federation, 5.2.2.4), which may be another one's.
    fn trust(&self, shared: &PollContext) -> Option<Trust> {
        let served_by = self.relationship.endpoint.served_by()?;
        let facts = self.binding_facts(shared);
        if served_by == self.trust_domain() {
            let bootstrap = self.bootstrap.as_deref().unwrap_or_default();
            let answer = self.state.poll_state.latest_answer();
            return facts.trust(served_by, answer, bootstrap);
        }
        let server = shared.views.domain(served_by)?;
        let answer = server.state.poll_state.latest_answer();
        let trust = server.state.facts.trust(served_by, answer, &[])?;
        // A denial binds everywhere, also while the other trust domain has not heard of it.
        Some(trust.without(facts.decisions.denials()))
    }

    async fn recall(
        &self,
        shared: &PollContext,
        answers: &[watch::Answer],
    ) -> Vec<watch::AuthorityRecord> {
        if self.state.facts.endpoint.first_contact.is_none() {
            return Vec::new();
        }
        let unknown: Vec<AuthorityId> = answers
            .iter()
            .flatten()
            .flat_map(|Observation { bundle, .. }| bundle.authorities())
            .map(|authority| authority.id)
            .filter(|id| self.state.facts.record(*id).is_none())
            .collect();
        if unknown.is_empty() {
            return Vec::new();
        }
        shared.store.recall(self.trust_domain(), unknown).await
    }

    fn count(&mut self, answers: &[watch::Answer], took: Duration, shared: &PollContext) {
        self.counts.polls = self.counts.polls.saturating_add(1);
        self.counts.last_duration = took;
        if !answers.iter().any(Result::is_ok)
            && let Some(Err(failure)) = answers.first()
        {
            self.count_failure(failure.reason);
        }
        shared.registered.polled(self.relationship.endpoint.profile.name(), took);
    }

    fn count_failure(&mut self, reason: FailureReason) {
        let place = FailureReason::ALL.iter().position(|one| *one == reason);
        if let Some(count) = place.and_then(|place| self.counts.failures.get_mut(place)) {
            *count = count.saturating_add(1);
        }
    }

    /// A panic is a bug of ours. It ends the watch over this domain alone, loudly.
    fn judge_poll(
        &mut self,
        shared: &PollContext,
        poll: Poll,
        at: Timestamp,
    ) -> Option<JudgedPoll> {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let (policy, name) = (&self.relationship.settings.policy, self.trust_domain());
            let mut keys = |facts: &Facts, change| shared.shared_keys(name, facts, change);
            (shared.judge_poll)(self.state.clone(), poll, at, policy, jitter::fraction(), &mut keys)
        }));
        if outcome.is_err() {
            self.quarantine(shared, "step");
        }
        outcome.ok()
    }
}
