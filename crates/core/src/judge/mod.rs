//! What follows from the facts: findings, each with its evidence.
//!
//! Each theme has a file, and each of its functions looks at one [`Case`] at one moment. What an
//! event finding says is journaled when it is raised ([`review`]) and stays until a decision or an
//! explanation; what a condition says is derived anew every time ([`assess`]).
//!
//! Invariant: pure. Nothing here is stored but through an event, and nothing asks what time it is.

mod across;
mod authentication;
mod case;
mod continuity;
mod draft;
mod endpoint;
mod expected;
mod explain;
mod flood;
mod hygiene;
mod key_index;
mod lead;
mod ledger;
mod lockout;
mod removal;
mod rhythm;
mod self_watch;
mod sequence;
mod sighting;
mod triage;
mod unexpected;
mod verdict;

pub use case::Case;
pub use expected::Expected;
pub use key_index::{
    KeySetChange, KeySetTwin, PublicKeyIndex, SharedKey, SharedKeys, SharedKeysFor, TwoUses,
};
pub use lockout::Lockout;
pub use removal::{InFlight, in_flight};
pub use self_watch::{KnownFault, UNWRITABLE_FOR, Unwritable, WatchFacts, assess_watch};
pub use verdict::{Measure, Ttl, Verdict, VerdictKind, verdict};

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

use crate::finding::{Dropped, Finding, FindingKind, Nature};
use crate::time::Timestamp;
use crate::watch::{self, DomainState, Event, Policy, Poll, Step};
use draft::Draft;
use flood::Shown;
use triage::Triage;

/// The findings of a trust domain.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Assessment {
    /// The findings, most urgent first and oldest first among those: as many of each kind as its
    /// [`Room`](crate::finding::Room) holds.
    pub findings: Vec<Finding>,
    /// How many findings are not listed, by kind and use.
    pub dropped: Vec<Dropped>,
}

/// The findings of a trust domain at `at`: its open event findings, and the conditions that are true
/// now, each with the severity that the operator chose for its kind.
pub fn assess(case: &Case<'_>, at: Timestamp) -> Assessment {
    let Shown { conditions, left_out } = flood::shown(case, at);
    let mut findings = case.facts().ledger.open.clone();
    findings.extend(conditions);
    unexpected::refresh(case, at, &mut findings);
    across::refresh(case, &mut findings);
    flood::refresh(case, &mut findings, &left_out);
    // At last, so that the operator's choice holds whatever was computed before.
    for finding in &mut findings {
        finding.severity = case.policy.severity.of(finding.kind).unwrap_or(finding.severity);
    }
    findings.sort_by(|a, b| {
        let key = |one: &Finding| (Reverse(one.severity), one.since, one.kind, one.svid_type);
        key(a).cmp(&key(b)).then_with(|| a.subject.cmp(&b.subject))
    });
    Assessment { findings, dropped: flood::dropped(case, &left_out) }
}

fn conditions(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    removal::conditions(case, at, drafts);
    rhythm::conditions(case, at, drafts);
    lead::conditions(case, at, drafts);
    lockout::conditions(case, at, drafts);
    continuity::conditions(case, at, drafts);
    authentication::conditions(case, at, drafts);
    hygiene::conditions(case, at, drafts);
}

fn happenings(case: &Case<'_>, at: Timestamp, drafts: &mut Vec<Draft>) {
    unexpected::events(case, drafts);
    across::events(case, drafts);
    sequence::events(case, drafts);
    removal::events(case, drafts);
    rhythm::events(case, drafts);
    endpoint::events(case, at, drafts);
    hygiene::events(case, at, drafts);
    sighting::events(case, at, drafts);
}

/// The event findings that begin and end at `at`, to be journaled before anyone sees them.
pub fn review(case: &Case<'_>, at: Timestamp) -> Vec<Event> {
    let mut triage = Triage::new(case);
    let mut drafts = unexpected::arrived(case, &mut triage);
    let mut events: Vec<Event> = Vec::new();
    let raised = |draft: Draft| Event::FindingRaised { finding: draft.finish(case) };
    events.extend(drafts.drain(..).map(raised));
    happenings(case, at, &mut drafts);
    events.extend(admitted(case, &mut triage, drafts));
    flood::count_conditions(case, at, &mut triage);
    let (left_out, flooded) = triage.finish();
    events.extend(left_out);
    if flooded && !case.is_open(FindingKind::FindingsFlood) {
        let finding = flood::raised(case, at, &events);
        events.push(Event::FindingRaised { finding });
    }
    events.extend(ledger::endings(case, at));
    events
}

/// Those of these that are news and find room, in their own order.
fn admitted(case: &Case<'_>, triage: &mut Triage<'_>, drafts: Vec<Draft>) -> Vec<Event> {
    let facts = case.facts();
    let mut findings: Vec<Finding> = Vec::new();
    let mut seen = HashSet::new();
    for draft in drafts {
        let finding = draft.finish(case);
        debug_assert_eq!(finding.kind.nature(), Nature::Event, "{}", finding.kind);
        let known = triage.knows(finding.id) || facts.ledger.settles(&finding);
        if !known && seen.insert(finding.id) {
            findings.push(finding);
        }
    }
    let mut admitted = vec![false; findings.len()];
    for place in triage::by_worth(facts, &findings) {
        let (Some(finding), Some(admitted)) = (findings.get(place), admitted.get_mut(place)) else {
            continue;
        };
        let (room, rank) = (facts.room(finding), facts.rank(finding));
        *admitted = triage.admits(finding.id, room, rank, (finding.since, finding.severity));
    }
    let admitted = findings.into_iter().zip(admitted).filter(|(_, admitted)| *admitted);
    admitted.map(|(finding, _)| Event::FindingRaised { finding }).collect()
}

/// What follows from one poll, judged.
#[derive(Clone, Debug)]
pub struct JudgedPoll {
    /// What is known now.
    pub state: DomainState,
    /// What happened, in order: first what the poll showed, then the findings that began and ended.
    pub events: Vec<Event>,
    /// How long to wait before the next poll.
    pub next_poll: Duration,
    /// The keys of several trust domains that this one is to report.
    pub shared_keys: SharedKeys,
}

/// One poll, watched and judged: [`watch::step`], then one review of the facts that it made.
///
/// `shared_keys` is asked once, for the keys of the new facts that other trust domains publish too.
/// A poll that changed nothing is reviewed as well, since time alone raises and ends findings.
pub fn judge_poll(
    state: DomainState,
    poll: Poll,
    at: Timestamp,
    policy: &Policy,
    jitter: f64,
    shared_keys: &mut SharedKeysFor<'_>,
) -> JudgedPoll {
    let Step { mut state, mut events, next_poll } = watch::step(state, poll, at, policy, jitter);
    let shared_keys = shared_keys(&state.facts, KeySetChange::of(&events));
    events.extend(review_state(&mut state, policy, Some(&shared_keys), at));
    JudgedPoll { state, events, next_poll, shared_keys }
}

/// Brings facts forward by an event that no poll brought, and by the findings that begin and end
/// with it. Returns all of them, in order.
pub fn record(state: &mut DomainState, at: Timestamp, event: Event, policy: &Policy) -> Vec<Event> {
    record_all(state, at, vec![event], policy)
}

/// The same for several events, which are judged together.
pub fn record_all(
    state: &mut DomainState,
    at: Timestamp,
    mut events: Vec<Event>,
    policy: &Policy,
) -> Vec<Event> {
    for event in &events {
        watch::record(state, at, event);
    }
    events.extend(review_state(state, policy, None, at));
    events
}

/// Reviews a state, and brings its facts forward by what comes of it.
pub fn review_state(
    state: &mut DomainState,
    policy: &Policy,
    shared: Option<&SharedKeys>,
    at: Timestamp,
) -> Vec<Event> {
    let Some(endpoint) = state.facts.endpoint.configured.clone() else { return Vec::new() };
    let case = Case { endpoint: &endpoint, state, policy, bootstrap_fault: None, shared };
    let events = review(&case, at);
    for event in &events {
        watch::record(state, at, event);
    }
    events
}
