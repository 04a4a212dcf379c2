//! One trust domain as the daemon runs it: fetch, step, record, publish.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::body::Bytes;
use tracing::error;

use super::board::Slot;
use super::shared::Shared;
use super::{chance, log};
use crate::bundle::{Authority, AuthorityId, Digest};
use crate::config::Relationship;
use crate::fetch::{Fetched, Target};
use crate::finding::{self, Case, Finding, FindingKind, Severity};
use crate::spiffe::{BundleEndpoint, TrustDomain};
use crate::store::{Batch, Durability};
use crate::time::Timestamp;
use crate::view::{DomainView, Ended, PollCounts};
use crate::watch::{
    self, DomainState, Event, FailureReason, Observation, Policy, Poll, Step, Trust,
};

/// One trust domain under watch.
#[derive(Debug)]
pub(super) struct Domain {
    relationship: Arc<Relationship>,
    // What every view shares.
    endpoint: Arc<BundleEndpoint>,
    policy: Arc<Policy>,
    target: Target,
    /// The authorities of the bootstrap file, or why it cannot be used.
    bootstrap: Result<Vec<Arc<Authority>>, Arc<str>>,
    state: DomainState,
    counts: PollCounts,
    /// Why it is not watched any more: a panic in its step.
    quarantined: Option<Arc<str>>,
    unrecorded: bool,
    slot: Slot,
}

/// What came of a poll, for the scheduler.
#[derive(Clone, Copy, Debug)]
pub(super) struct Polled {
    /// How long to wait before the next; `None` where there is none.
    pub(super) next: Option<Duration>,
    /// Whether it ran into its deadline: such an endpoint waits in the slow lane.
    pub(super) timed_out: bool,
}

impl Domain {
    /// A trust domain with what is on record of it.
    pub(super) fn new(
        relationship: Arc<Relationship>,
        target: Target,
        bootstrap: Result<Vec<Arc<Authority>>, Arc<str>>,
        state: DomainState,
    ) -> Self {
        let counts = PollCounts::default();
        let endpoint = Arc::new(relationship.endpoint.clone());
        let policy = Arc::new(relationship.policy.clone());
        let view = DomainView {
            endpoint: Arc::clone(&endpoint),
            policy: Arc::clone(&policy),
            state: state.clone(),
            findings: Arc::new([]),
            ended: Arc::new([]),
            counts: Arc::new(counts.clone()),
            stopped: None,
            unrecorded: false,
        };
        let slot = Arc::new(ArcSwap::from_pointee(view));
        let (quarantined, unrecorded) = (None, false);
        Self {
            relationship,
            endpoint,
            policy,
            target,
            bootstrap,
            state,
            counts,
            quarantined,
            unrecorded,
            slot,
        }
    }

    pub(super) fn trust_domain(&self) -> &TrustDomain {
        &self.relationship.endpoint.trust_domain
    }

    pub(super) fn slot(&self) -> Slot {
        Arc::clone(&self.slot)
    }

    pub(super) fn state(&self) -> &DomainState {
        &self.state
    }

    /// From now on the relationship is this. Trust and records stay; a quarantine ends.
    pub(super) fn reconfigure(
        &mut self,
        relationship: Arc<Relationship>,
        target: Target,
        bootstrap: Result<Vec<Arc<Authority>>, Arc<str>>,
    ) {
        self.endpoint = Arc::new(relationship.endpoint.clone());
        self.policy = Arc::new(relationship.policy.clone());
        self.relationship = relationship;
        self.target = target;
        self.bootstrap = bootstrap;
        self.quarantined = None;
    }

    /// Polls once, and publishes what came of it.
    pub(super) async fn poll(&mut self, shared: &Shared) -> Polled {
        if self.quarantined.is_some() {
            return Polled { next: None, timed_out: false };
        }
        let trust = self.trust(shared);
        let Fetched { answers, bodies, took } =
            shared.fetcher.poll(&self.target, trust.as_ref()).await;
        let recalled = self.recall(shared, &answers).await;
        let at = shared.clock.now();
        self.count(&answers, took, shared);
        let timed_out =
            matches!(answers.first(), Some(Err(why)) if why.reason == FailureReason::Timeout);
        let poll = Poll { answers, recalled };
        let Some(step) = self.step(shared, poll, at) else {
            return Polled { next: None, timed_out };
        };
        let Step { state, events, next_poll } = step;
        log::events(self.trust_domain(), &events);
        self.record(shared, at, state, events, bodies).await;
        self.publish(at);
        Polled { next: Some(next_poll), timed_out }
    }

    /// Records an event that no poll brought: the configuration's, or an operator's.
    pub(super) async fn note(&mut self, shared: &Shared, event: Event) {
        let at = shared.clock.now();
        let mut state = self.state.clone();
        watch::record(&mut state, at, &event);
        let events = vec![event];
        log::events(self.trust_domain(), &events);
        self.record(shared, at, state, events, Vec::new()).await;
        self.publish(at);
    }

    /// Puts what is on record into this relationship's words: a first watch, or a changed one.
    pub(super) async fn configure(&mut self, shared: &Shared) {
        let endpoint = &self.relationship.endpoint;
        let previous = self.state.facts.endpoint.clone();
        if previous.as_ref() != Some(endpoint) {
            let endpoint = endpoint.clone();
            self.note(shared, Event::EndpointConfigured { endpoint, previous }).await;
        }
        self.publish(shared.clock.now());
    }

    /// Judges anew, since time alone changes what is to be said, and publishes what differs.
    pub(super) fn judge(&mut self, at: Timestamp) {
        let known = self.slot.load_full();
        let forgotten = known.ended.iter().any(|ended| !ended.is_shown(at));
        if forgotten || *finding::assess(&self.case(), at) != *known.findings {
            self.publish(at);
        }
    }

    fn publish(&mut self, at: Timestamp) {
        let findings = finding::assess(&self.case(), at);
        let before = self.slot.load_full();
        log::findings(self.trust_domain(), &before.findings, &findings);
        let ended = ended(&before, &findings, at);
        self.slot.store(Arc::new(DomainView {
            endpoint: Arc::clone(&self.endpoint),
            policy: Arc::clone(&self.policy),
            state: self.state.clone(),
            findings: findings.into(),
            ended,
            counts: Arc::new(self.counts.clone()),
            stopped: self.stopped(),
            unrecorded: self.unrecorded,
        }));
    }

    fn case(&self) -> Case<'_> {
        Case {
            endpoint: &self.relationship.endpoint,
            state: &self.state,
            policy: &self.relationship.policy,
            bootstrap_fault: self.bootstrap_fault(),
        }
    }

    /// Why the bootstrap file cannot be used, where nothing else could authenticate.
    fn bootstrap_fault(&self) -> Option<&str> {
        let needed = self.relationship.endpoint.is_self_serving()
            && self.state.facts.first_contact.is_none()
            && self.state.facts.rebootstrap.is_empty();
        self.bootstrap.as_ref().err().filter(|_| needed).map(AsRef::as_ref)
    }

    fn stopped(&self) -> Option<Arc<str>> {
        self.quarantined.clone().or_else(|| self.bootstrap_fault().map(Into::into))
    }

    /// What authenticates the endpoint: the latest bundle of the endpoint ID's own trust domain
    /// (Federation, 5.2.2.4), which may be another one's.
    fn trust(&self, shared: &Shared) -> Option<Trust> {
        let served_by = self.relationship.endpoint.served_by()?;
        if served_by == self.trust_domain() {
            let bootstrap = self.bootstrap.as_deref().unwrap_or_default();
            let pending = self.state.sight.pending.is_some();
            return self.state.facts.trust(served_by, pending, bootstrap);
        }
        let server = shared.board.domain(served_by)?;
        server.state.facts.trust(served_by, server.state.sight.pending.is_some(), &[])
    }

    async fn recall(
        &self,
        shared: &Shared,
        answers: &[watch::Answer],
    ) -> Vec<watch::AuthorityRecord> {
        if self.state.facts.first_contact.is_none() {
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

    fn count(&mut self, answers: &[watch::Answer], took: Duration, shared: &Shared) {
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
    fn step(&mut self, shared: &Shared, poll: Poll, at: Timestamp) -> Option<Step> {
        let policy = &self.relationship.policy;
        let state = self.state.clone();
        let jitter = chance::unit();
        let outcome =
            catch_unwind(AssertUnwindSafe(|| (shared.step)(state, poll, at, policy, jitter)));
        if let Ok(step) = outcome {
            return Some(step);
        }
        let reason = "a panic in its step: the domain is not watched until a restart or a reload";
        error!(trust_domain = self.trust_domain().as_str(), "domain quarantined after a panic");
        self.quarantined = Some(reason.into());
        self.count_failure(FailureReason::Internal);
        shared.registered.panicked();
        self.publish(at);
        None
    }

    /// Durable before visible: the events are in the store before anyone sees the state.
    async fn record(
        &mut self,
        shared: &Shared,
        at: Timestamp,
        state: DomainState,
        events: Vec<Event>,
        bodies: Vec<(Digest, Bytes)>,
    ) {
        for event in &events {
            let place = Event::NAMES.iter().position(|name| *name == event.name());
            if let Some(count) = place.and_then(|place| self.counts.events.get_mut(place)) {
                *count = count.saturating_add(1);
            }
        }
        if !events.is_empty() {
            let trust_domain = self.trust_domain().clone();
            let (facts, sight) = (Arc::clone(&state.facts), state.sight.clone());
            let bodies = named(&events, bodies);
            let batch = Batch { trust_domain, at, events, bodies, facts, sight };
            let happened = (batch.trust_domain.clone(), batch.events.clone());
            self.unrecorded = match shared.store.append(batch).await {
                Durability::Durable => false,
                Durability::Unrecorded => true,
            };
            let (trust_domain, events) = happened;
            shared.tell(at, &trust_domain, events);
        }
        self.state = state;
    }
}

/// The documents that these events name: an unchanged one is not stored again.
fn named(events: &[Event], bodies: Vec<(Digest, Bytes)>) -> Vec<(Digest, Arc<[u8]>)> {
    let names = |digest: &Digest| {
        events.iter().any(|event| match event {
            Event::BundleChanged { body, .. } | Event::SteppedBack { body, .. } => body == digest,
            Event::EndpointConfigured { .. }
            | Event::FirstContact { .. }
            | Event::AuthorityIntroduced { .. }
            | Event::AuthorityRemoved { .. }
            | Event::AuthorityRelabelled { .. }
            | Event::AuthorityGlimpsed { .. }
            | Event::AuthoritySigned { .. }
            | Event::StepBackConfirmed { .. }
            | Event::AddressDiffers { .. }
            | Event::FailureBegan { .. }
            | Event::Recovered { .. }
            | Event::WatchGap { .. }
            | Event::ClockSteppedBack { .. }
            | Event::IrregularitiesChanged { .. }
            | Event::Rebootstrapped { .. }
            | Event::BudgetExceeded { .. } => false,
        })
    };
    let kept = bodies.into_iter().filter(|(digest, _)| names(digest));
    kept.map(|(digest, body)| (digest, Arc::from(&body[..]))).collect()
}

/// The findings that ended within the last 25 hours.
pub(super) fn ended(before: &DomainView, now: &[Finding], at: Timestamp) -> Arc<[Ended]> {
    let same = |kind: FindingKind, severity: Severity, list: &[Finding]| {
        list.iter().any(|finding| finding.kind == kind && finding.severity == severity)
    };
    let just = before.findings.iter().map(|f| Ended { kind: f.kind, severity: f.severity, at });
    let earlier = before.ended.iter().copied();
    let earlier = earlier.filter(|ended| ended.is_shown(at));
    let mut ended: Vec<Ended> = Vec::new();
    for one in just.chain(earlier) {
        let known = ended.iter().any(|e| e.kind == one.kind && e.severity == one.severity);
        if !known && !same(one.kind, one.severity, now) {
            ended.push(one);
        }
    }
    ended.into()
}
