//! One trust domain of a journal, judged again.
//!
//! A journal tells of changes. What lies between two of them is known all the same: polls came once
//! an interval, and brought what the last change said, a bundle or a failure. What polls saw and no
//! event speaks of, [`PollState`], is made anew from that as far as it can be.

use std::sync::Arc;
use std::time::Duration;

use super::Rules;
use super::report::{ReplayReport, Totals};
use super::reported::Reported;
use crate::finding::FindingKind;
use crate::judge::{self, Case, KeySetChange, PublicKeyIndex, SharedKeys};
use crate::spiffe::{BundleEndpoint, TrustDomain};
use crate::time::Timestamp;
use crate::watch::{self, DomainState, Event, Facts, Policy};

/// How exactly the moment is found at which time alone changes what is to be said: as often as the
/// daemon looks.
const TICK: Duration = Duration::from_mins(1);
/// How far apart two looks are at most: half of the shortest notice that a condition gives which
/// time alone may end again, that of a lockout.
const LONGEST_STRIDE: Duration = Duration::from_hours(3);
/// How far apart they are where no lifetime is known.
const STRIDE: Duration = Duration::from_hours(1);
/// A notice of a lockout is a quarter of L − A, an eighth of L, at the shortest.
const STRIDES_PER_LIFE: u32 = 16;

/// What happened to one trust domain at one moment, as the journal has it.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) events: Vec<Event>,
}

impl Moment {
    fn find<T>(&self, of: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.events.iter().find_map(of)
    }

    /// Whether a poll brought any of it.
    fn is_poll(&self) -> bool {
        !self.events.iter().all(|event| {
            matches!(
                event,
                Event::EndpointConfigured { .. }
                    | Event::Rebootstrapped { .. }
                    | Event::KidSighted { .. }
                    | Event::Decided { .. }
                    | Event::FindingRaised { .. }
                    | Event::FindingEnded { .. }
                    | Event::FindingsLeftOut { .. }
            )
        })
    }

    /// Whether its answer steps back and waits for a second one.
    fn is_pending(&self) -> bool {
        self.find(|event| matches!(event, Event::SteppedBack { .. }).then_some(())).is_some()
    }
}

/// Whether what operators decided counts when a journal is judged again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecordedDecisions {
    /// It does.
    Keep,
    /// The journal is judged as if nobody had decided anything.
    LeaveOut,
}

/// One trust domain of a journal.
pub(super) struct Chronicle {
    name: TrustDomain,
    policy: Arc<Policy>,
    endpoint: Option<BundleEndpoint>,
    decisions: RecordedDecisions,
    state: DomainState,
    shared: Option<SharedKeys>,
    /// The last look.
    at: Timestamp,
    /// The last poll that the journal tells of, good or bad.
    polled: Timestamp,
    reported: Reported,
}

impl Chronicle {
    /// A trust domain whose journal begins at `at`.
    pub(super) fn new(
        name: TrustDomain,
        rules: Rules,
        decisions: RecordedDecisions,
        at: Timestamp,
    ) -> Self {
        let mut chronicle = Self {
            name,
            policy: rules.policy,
            endpoint: None,
            decisions,
            state: DomainState::default(),
            shared: None,
            at,
            polled: at,
            reported: Reported::default(),
        };
        chronicle.apply_policy(at);
        for decision in rules.decisions {
            chronicle.record(at, &Event::Decided { decision });
        }
        chronicle
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.state.facts
    }

    /// Time passes, and then this happens.
    pub(super) fn apply_moment(
        &mut self,
        moment: Moment,
        keys: &mut PublicKeyIndex,
        reports: &mut Vec<ReplayReport>,
    ) {
        let Moment { at, .. } = moment;
        let change = KeySetChange::of(&moment.events);
        let interval = self.interval();
        let failing = self.state.facts.endpoint.failure.is_some();
        // The last good poll before a change is on record; before a failure there was one an
        // interval earlier.
        let good = moment.find(|event| match event {
            Event::BundleChanged { after, .. } => *after,
            Event::FailureBegan { .. } if !failing => Some(at.saturating_sub(interval)),
            _ => None,
        });
        // Nobody looked while the monitor was away.
        let away = moment.find(|event| match event {
            Event::WatchGap { after, .. } => Some(*after),
            _ => None,
        });
        let until = away.unwrap_or(at);
        self.pass(good.unwrap_or(until).min(until), until, reports);
        self.see(good.unwrap_or(until).min(until));
        let (is_poll, is_pending) = (moment.is_poll(), moment.is_pending());
        for event in moment.events {
            self.happen(at, event);
        }
        if is_poll {
            self.polled = at;
            match &self.state.facts.endpoint.failure {
                Some(_) if failing => self.state.poll_state.failures += 1,
                Some(_) => self.state.poll_state.failures = 1,
                None => {
                    self.state.poll_state.failures = 0;
                    self.state.poll_state.last_success = Some(at);
                    if !is_pending {
                        self.pass_dates(at);
                    }
                }
            }
            self.state.poll_state.last_poll = Some(at);
        }
        self.shared = Some(keys.answer(&self.name, &self.state.facts, change));
        self.look(at, reports);
    }

    /// An event as far as it is a fact: judgements are made anew.
    fn happen(&mut self, at: Timestamp, event: Event) {
        match event {
            // How often was polled is what it was; the other rules are the new ones.
            Event::PolicyChanged { policy } => {
                let Policy { poll_interval, timeout, .. } = *policy;
                if (poll_interval, timeout) != (self.policy.poll_interval, self.policy.timeout) {
                    let policy = Policy { poll_interval, timeout, ..(*self.policy).clone() };
                    self.policy = Arc::new(policy);
                    self.apply_policy(at);
                }
            }
            // It rests on what polls saw and no event tells.
            Event::FindingRaised { finding }
                if finding.kind == FindingKind::EndpointBundleMismatch =>
            {
                self.record(at, &Event::FindingRaised { finding });
            }
            Event::AuthorityJudged { .. }
            | Event::FindingRaised { .. }
            | Event::FindingEnded { .. } => (),
            Event::Decided { .. } if self.decisions == RecordedDecisions::LeaveOut => (),
            Event::DatesPassed { good } => self.pass_dates(good),
            event => {
                if let Event::EndpointConfigured { endpoint, .. } = &event {
                    self.endpoint = Some(endpoint.clone());
                }
                self.record(at, &event);
            }
        }
    }

    fn apply_policy(&mut self, at: Timestamp) {
        let policy = Box::new((*self.policy).clone());
        self.record(at, &Event::PolicyChanged { policy });
    }

    fn record(&mut self, at: Timestamp, event: &Event) {
        watch::record(&mut self.state, at, event);
    }

    /// A good poll without a publication makes the dates before it missed ones.
    fn pass_dates(&mut self, good: Timestamp) {
        if self.state.facts.rotation.wakes.is_some_and(|wakes| wakes < good) {
            self.record(good, &Event::DatesPassed { good });
        }
    }

    fn interval(&self) -> Duration {
        self.state.facts.interval(&self.policy).max(Duration::from_secs(1))
    }

    /// What the last poll before `at` must have seen, where no event tells otherwise.
    fn see(&mut self, at: Timestamp) {
        let interval = self.interval();
        let facts = &self.state.facts;
        let poll_state = &mut self.state.poll_state;
        poll_state.interval = interval;
        let Some(passed) = at.since(self.polled) else { return };
        if facts.endpoint.first_contact.is_none() && facts.endpoint.failure.is_none() {
            return;
        }
        let polls = passed.as_micros().checked_div(interval.as_micros()).unwrap_or_default();
        let polls = u32::try_from(polls).unwrap_or(u32::MAX);
        let last = self.polled.saturating_add(interval.saturating_mul(polls));
        poll_state.last_poll = Some(last);
        if facts.endpoint.failure.is_none() {
            poll_state.last_success = Some(last);
        } else {
            poll_state.failures = poll_state.failures.saturating_add(polls);
            // The next look counts from here.
            self.polled = last;
        }
    }

    /// Time passes. Polls were good until `good` at the latest, where they did not fail.
    pub(super) fn pass(
        &mut self,
        good: Timestamp,
        until: Timestamp,
        reports: &mut Vec<ReplayReport>,
    ) {
        while let Some(date) = self.next_date(good) {
            self.wait(date, reports);
            self.see(date);
            self.pass_dates(date);
            self.look(date, reports);
        }
        self.wait(until, reports);
    }

    /// The good poll that makes the next date a missed one.
    fn next_date(&self, good: Timestamp) -> Option<Timestamp> {
        let wakes = self.state.facts.rotation.wakes?;
        let spacing = self.interval().saturating_mul(2);
        let date = wakes.max(self.at).saturating_add(spacing);
        (self.state.facts.endpoint.failure.is_none() && date <= good).then_some(date)
    }

    /// Time passes, and no date does. Looks in strides, and where the last one shows something
    /// new, for the minute in which it began.
    fn wait(&mut self, until: Timestamp, reports: &mut Vec<ReplayReport>) {
        let from = self.at;
        let Some(left) = until.since(from) else { return };
        // The moment itself is looked at when what happens then has happened.
        let whole = left.saturating_sub(Duration::from_micros(1)).as_secs() / TICK.as_secs();
        let tick = |number: u64| from.saturating_add(TICK.saturating_mul(clamp(number)));
        let stride = self.stride();
        let mut seen = 0;
        while seen < whole {
            let mut next = seen.saturating_add(stride).min(whole);
            if self.is_new(tick(next)) {
                let mut quiet = seen;
                while quiet.saturating_add(1) < next {
                    let middle = quiet.midpoint(next);
                    if self.is_new(tick(middle)) { next = middle } else { quiet = middle }
                }
                self.see(tick(next));
                self.look(tick(next), reports);
            }
            seen = next;
        }
    }

    /// How many ticks lie between two looks.
    fn stride(&self) -> u64 {
        let lifetime = self.state.facts.rotation.possible_lifetimes.iter().min();
        let stride =
            lifetime.map_or(STRIDE, |lifetime| (*lifetime / STRIDES_PER_LIFE).min(LONGEST_STRIDE));
        (stride.as_secs() / TICK.as_secs()).max(1)
    }

    /// Whether there is something new to say then.
    fn is_new(&mut self, at: Timestamp) -> bool {
        let (polled, poll_state) = (self.polled, self.state.poll_state.clone());
        self.see(at);
        let new = self.case().is_some_and(|case| {
            !judge::review(&case, at).is_empty()
                || self.reported.differs_from(&judge::assess(&case, at).findings)
        });
        (self.polled, self.state.poll_state) = (polled, poll_state);
        new
    }

    fn case(&self) -> Option<Case<'_>> {
        Some(Case {
            endpoint: self.endpoint.as_ref()?,
            state: &self.state,
            policy: &self.policy,
            bootstrap_fault: None,
            shared: self.shared.as_ref(),
        })
    }

    /// Tells what is new, and brings the facts forward by it.
    fn look(&mut self, at: Timestamp, reports: &mut Vec<ReplayReport>) {
        self.at = at;
        judge::review_state(&mut self.state, &self.policy, self.shared.as_ref(), at);
        let mut reported = std::mem::take(&mut self.reported);
        if let Some(case) = self.case() {
            reported.tell(&case, &self.name, at, reports);
        }
        self.reported = reported;
    }

    pub(super) fn totals(self) -> Totals {
        self.reported.totals()
    }
}

fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
