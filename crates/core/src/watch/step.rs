//! One poll: what was known and what came in, what is known and what happened.

use std::sync::Arc;
use std::time::Duration;

use super::change::bundle_changed;
use super::reduced::is_secret;
use super::schedule::next_poll;
use super::shape::KeysOfPoll;
use super::stepper::Stepper;
use super::{
    Answer, AuthorityRecord, Event, Facts, Failure, Observation, Policy, Poll, PollState,
    TrustOrigin, UnrecordedKeys,
};
use crate::bundle::{BundleDiff, Digest, Irregularity, StatedNumber};
use crate::time::{Bracket, Timestamp};

/// What is known of a trust domain: the facts, and what the last polls saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DomainState {
    /// The fold of the events. Shared with every reader: an unchanged poll copies nothing.
    pub facts: Arc<Facts>,
    /// What each poll renews.
    pub poll_state: PollState,
}

/// What follows from one poll.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is known now.
    pub state: DomainState,
    /// What happened, in order. Empty for an unchanged poll.
    pub events: Vec<Event>,
    /// How long to wait before the next poll. A duration, so that a wall clock that is stepped
    /// does not hold up the watch.
    pub next_poll: Duration,
}

/// How many polls' time may pass before the monitor counts as having been away.
const GAP_INTERVALS: u32 = 3;
/// A wall clock this much behind the last poll was stepped, not slewed.
const CLOCK_STEP: Duration = Duration::from_secs(5);
/// How many irregularities are recorded.
const IRREGULARITIES: usize = 64;

/// Moves one trust domain forward by one poll.
///
/// `jitter` lies in [0, 1) and spreads the next poll. Pure: journal, metrics and log are all
/// written from what this returns.
pub fn step(state: DomainState, poll: Poll, at: Timestamp, policy: &Policy, jitter: f64) -> Step {
    let DomainState { facts, poll_state } = state;
    let last_good = poll_state.last_success;
    let (events, reduced, is_shift_deferred) = (Vec::new(), false, false);
    let mut stepper =
        Stepper { facts, poll_state, events, at, policy, last_good, reduced, is_shift_deferred };
    stepper.apply_policy();
    stepper.clock();
    stepper.look_at_the_budget();
    let Poll { answers, recalled } = poll;
    let answers: Vec<Answer> =
        answers.into_iter().map(|answer| stepper.facts.refuse_denied(answer)).collect();
    stepper.note_denied_signers(&answers);
    stepper.compare_answers(answers, &recalled);
    stepper.pass_dates();
    stepper.poll_state.last_poll = Some(at);
    let base = stepper.base_interval();
    stepper.poll_state.interval = base;
    let next_poll = next_poll(&stepper.facts, &stepper.poll_state, at, policy, jitter);
    let Stepper { facts, poll_state, events, .. } = stepper;
    Step { state: DomainState { facts, poll_state }, events, next_poll }
}

/// Brings facts forward by events that no poll brought: a configuration's, an operator's.
pub fn record(state: &mut DomainState, at: Timestamp, event: &Event) {
    Arc::make_mut(&mut state.facts).apply(at, event);
}

/// How an answer relates to the state.
enum Relation {
    Same,
    Forward,
    Back,
}

impl Stepper<'_> {
    /// The rules that the facts are made by are facts too.
    fn apply_policy(&mut self) {
        if self.facts.policy.as_deref() != Some(self.policy) {
            self.emit(Event::PolicyChanged { policy: Box::new(self.policy.clone()) });
        }
    }

    /// A good poll that shows no publication makes the dates before it missed ones.
    fn pass_dates(&mut self) {
        let good =
            self.poll_state.last_success == Some(self.at) && self.poll_state.pending.is_none();
        if good && self.facts.rotation.wakes.is_some_and(|wakes| wakes < self.at) {
            self.emit(Event::DatesPassed { good: self.at });
        }
    }

    /// What the clock says of the watch itself.
    fn clock(&mut self) {
        let Some(after) = self.poll_state.last_poll else {
            return;
        };
        match self.at.since(after) {
            Some(away) => {
                let longest =
                    (self.base_interval() * GAP_INTERVALS).saturating_add(self.policy.timeout);
                if longest < away {
                    self.emit(Event::WatchGap { after, away });
                }
            }
            None if CLOCK_STEP < after.since(self.at).unwrap_or_default() => {
                self.emit(Event::ClockSteppedBack { from: after });
            }
            None => (),
        }
    }

    fn compare_answers(&mut self, answers: Vec<Answer>, recalled: &[AuthorityRecord]) {
        let asked = answers.len();
        let mut views = Vec::with_capacity(answers.len());
        let mut failure = None;
        for answer in answers {
            match answer {
                Ok(observation) => views.push(observation),
                Err(why) => failure = failure.or(Some(why)),
            }
        }
        match (highest(&views, &self.facts), failure) {
            (Some(place), _) => {
                let primary = views.swap_remove(place);
                self.observed(&primary, recalled);
                let all = std::iter::once(&primary).chain(&views);
                self.networks(all.map(|view| &view.source));
                let mut differs = false;
                for view in &views {
                    differs |= self.compared(view, &primary, recalled);
                }
                // Where only one of several answered well, nothing can be said.
                if differs {
                    self.poll_state.differs_since.get_or_insert(self.at);
                } else if asked < 2 || !views.is_empty() {
                    self.poll_state.differs_since = None;
                }
            }
            (None, Some(failure)) => self.failed(failure),
            (None, None) => (),
        }
    }

    fn failed(&mut self, failure: Failure) {
        self.poll_state.failures = self.poll_state.failures.saturating_add(1);
        let Failure { reason, detail, address, presented, denied } = failure;
        self.poll_state.unauthenticated = if reason.is_authentication() {
            self.poll_state.unauthenticated.saturating_add(1)
        } else {
            0
        };
        // A failure is a state and not a change: only its beginning, and another reason, are news.
        let known = self.facts.endpoint.failure.as_ref().map(|run| (run.reason, &run.denied));
        if known != Some((reason, &denied)) {
            self.emit_if_due(Event::FailureBegan { reason, detail, address, presented, denied });
        }
    }

    fn observed(&mut self, observation: &Observation, recalled: &[AuthorityRecord]) {
        if let Some(since) = self.facts.endpoint.failure.as_ref().map(|run| run.since) {
            self.emit(Event::Recovered { failures: self.poll_state.failures.max(1), since });
        }
        self.poll_state.failures = 0;
        self.poll_state.unauthenticated = 0;
        if self.facts.endpoint.first_contact.is_none() {
            self.first_contact(observation);
        }
        let content = observation.bundle.content();
        self.intermediate(observation);
        let before = self.events.len();
        match self.relation(content, &observation.bundle.sequence) {
            Relation::Same => {
                if !self.facts.endpoint.rebootstrap.is_empty() {
                    self.emit(Event::Recovered { failures: 0, since: self.at });
                }
                self.came_back();
                match self.facts.authorities.unrecorded {
                    // Another day's budget pays for what was passed over.
                    Some((_, after)) if !self.reduced => {
                        let when = Bracket::new(after, self.at);
                        self.change(observation, content, when, recalled);
                    }
                    Some(_) | None => self.hint(observation, content),
                }
            }
            Relation::Forward => {
                self.came_back();
                let when = Bracket::new(self.last_good, self.at);
                self.change(observation, content, when, recalled);
            }
            Relation::Back => self.stepped_back(observation, content, recalled),
        }
        let changes = self.events.get(before..).unwrap_or_default();
        let with_keys = changes.iter().any(|event| event.authority().is_some());
        let keys = if with_keys { KeysOfPoll::Changed } else { KeysOfPoll::Unchanged };
        self.poll_state.last_success = Some(self.at);
        self.shape(observation, keys);
        self.poll_state.address = observation.source.address;
        self.poll_state.length = observation.length;
        let presented = observation.source.presented.as_ref();
        self.poll_state.tls_not_after =
            presented.map(|presented| presented.leaf.validity.not_after);
        if let Some(refusals) = &observation.refusals {
            self.poll_state.refusals = Some(refusals.clone());
        }
        if self.poll_state.pending.is_none() {
            self.irregularities(&observation.irregularities);
            self.consumers();
        }
        self.signed(observation);
    }

    /// What consumers make of the last document, which it says only once.
    fn consumers(&mut self) {
        if let Some(refusals) = self.poll_state.refusals.take()
            && refusals != self.facts.document.refusals
            && !self.emit_if_due(Event::ConsumersChanged { refusals: refusals.clone() })
        {
            self.poll_state.refusals = Some(refusals);
        }
    }

    fn first_contact(&mut self, observation: &Observation) {
        let authenticated_by = observation.source.authenticated_by;
        let bootstrap = match authenticated_by {
            Some(TrustOrigin::Bootstrap) => observation.source.bootstrap.clone(),
            Some(TrustOrigin::Latest | TrustOrigin::LastConfirmed | TrustOrigin::Rebootstrap)
            | None => Vec::new(),
        };
        self.emit(Event::FirstContact { authenticated_by, bootstrap });
    }

    fn relation(&self, content: Digest, sequence: &StatedNumber) -> Relation {
        let Some(confirmed) = &self.facts.bundle.confirmed else {
            return Relation::Forward;
        };
        if content == confirmed.content && *sequence == confirmed.sequence {
            return Relation::Same;
        }
        match (confirmed.sequence.given(), sequence.given()) {
            (Some(known), Some(next)) if next < known => Relation::Back,
            // An absent sequence is never a contradiction in itself.
            (_, None)
                if content != confirmed.content
                    && self.facts.bundle.history.iter().any(|past| past.content == content) =>
            {
                Relation::Back
            }
            (Some(_) | None, Some(_) | None) => Relation::Forward,
        }
    }

    /// The same keys under the same sequence, but perhaps with another hint.
    fn hint(&mut self, observation: &Observation, content: Digest) {
        let known = self.facts.bundle.confirmed.as_ref().map(|confirmed| &confirmed.refresh_hint);
        if known == Some(&observation.bundle.refresh_hint) {
            return;
        }
        let unrecorded = self.facts.authorities.unrecorded.map(|(keys, _)| keys.without_news());
        if self.reduced && !self.counts_again() {
            return self.pass_over(1);
        }
        let unrecorded = unrecorded.or_else(|| self.reduced.then(UnrecordedKeys::default));
        let (when, none) = (Bracket::new(self.last_good, self.at), BundleDiff::default());
        self.emit(bundle_changed(observation, content, when, &none, unrecorded));
    }

    fn irregularities(&mut self, irregularities: &[Irregularity]) {
        // A private key must not stand behind so much else that is wrong.
        let (secrets, others): (Vec<_>, Vec<_>) =
            irregularities.iter().cloned().partition(is_secret);
        let seen: Vec<_> = secrets.into_iter().chain(others).take(IRREGULARITIES).collect();
        // SPIRE shuffles its keys, and with them the entries' numbers.
        let kinds = |list: &[Irregularity]| {
            let mut kinds: Vec<_> = list.iter().map(|one| one.kind.clone()).collect();
            kinds.sort_unstable();
            kinds
        };
        if self.facts.document.irregularities.is_empty() && seen.is_empty() {
            return;
        }
        if kinds(&self.facts.document.irregularities) != kinds(&seen) {
            self.irregularities_within_budget(seen);
        }
    }
}

/// The answer that is the state: the highest authenticated sequence, and among equals one that is
/// the state already, so that a lagging replica does not look like a change.
fn highest(views: &[Observation], facts: &Facts) -> Option<usize> {
    if views.len() < 2 {
        return (!views.is_empty()).then_some(0);
    }
    let confirmed = facts.bundle.confirmed.as_ref().map(|confirmed| confirmed.content);
    let rank = |view: &Observation| {
        (view.bundle.sequence.given(), Some(view.bundle.content()) == confirmed)
    };
    let best = views.iter().map(rank).max()?;
    views.iter().position(|view| rank(view) == best)
}
