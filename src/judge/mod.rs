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
mod unexpected;
mod verdict;
mod words;

pub use case::Case;
pub use expected::Expected;
pub use key_index::{
    KeySetTwin, NO_SHARED_KEYS, NameSample, PublicKeyIndex, SharedKey, SharedKeys, TwoUses,
};
pub use lockout::Lockout;
pub use removal::{InFlight, in_flight};
pub use self_watch::{KnownFault, UNWRITABLE_FOR, Unwritable, WatchFacts, assess_watch};
pub use unexpected::Reading;
pub use verdict::{Law, Measure, Ttl, TtlSource, Verdict, VerdictKind, verdict};

use std::borrow::Cow;
use std::cmp::Reverse;

use crate::finding::{Finding, Nature};
use crate::time::Timestamp;
use crate::watch::{self, DomainState, Event, Policy, Poll, Step};
use draft::Draft;

/// How many findings of a domain are shown and exported: what a person can look through.
pub const MOST: usize = 64;

/// What is to be said of a trust domain.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Assessment {
    /// The findings, most urgent first and oldest first among those.
    pub findings: Vec<Finding>,
    /// How many more there are than are shown.
    pub dropped: usize,
}

/// What is to be said of a trust domain at `at`: its open event findings, and the conditions that
/// are true now.
pub fn assess(case: &Case<'_>, at: Timestamp) -> Assessment {
    let ledger = &case.state.facts.ledger;
    let mut drafts = Vec::new();
    conditions(case, at, &mut drafts);
    let finished = drafts.into_iter().map(|draft| draft.finish(case));
    let unacked = |one: &Finding| !case.state.facts.decisions.acks.contains(&one.id);
    let conditions = finished.filter(unacked).map(Cow::Owned);
    let all = ledger.open.iter().map(Cow::Borrowed).chain(conditions).collect();
    let mut assessment = cap(case, all);
    unexpected::refresh(case, at, &mut assessment.findings);
    across::refresh(case, &mut assessment.findings);
    assessment
}

/// Keeps the most urgent: the lowest severity is dropped first, then the newest, and never what
/// says that someone else's key is trusted.
fn cap(case: &Case<'_>, mut findings: Vec<Cow<'_, Finding>>) -> Assessment {
    let severity = |one: &Finding| case.policy.severity.of(one.kind).unwrap_or(one.severity);
    let dropped = findings.len().saturating_sub(MOST);
    if 0 < dropped {
        let subjects = ledger::Subjects::of(case, findings.iter().map(Cow::as_ref));
        findings.sort_by_cached_key(|one| {
            let never = ledger::is_never_dropped(one, &subjects);
            (Reverse(never), Reverse(severity(one)), one.since, one.kind, one.id)
        });
        findings.truncate(MOST);
    }
    let mut findings: Vec<Finding> = findings.into_iter().map(Cow::into_owned).collect();
    for finding in &mut findings {
        finding.severity = severity(finding);
    }
    findings.sort_by(|a, b| {
        let key = |one: &Finding| (Reverse(one.severity), one.since, one.kind);
        key(a).cmp(&key(b)).then_with(|| a.subject.cmp(&b.subject))
    });
    Assessment { findings, dropped }
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
    let ledger = &case.state.facts.ledger;
    let mut drafts = Vec::new();
    happenings(case, at, &mut drafts);
    let mut events: Vec<Event> = Vec::new();
    for draft in drafts {
        let finding = draft.finish(case);
        let raised = |event: &Event| matches!(event, Event::FindingRaised { finding: other } if other.id == finding.id);
        debug_assert_eq!(finding.kind.nature(), Nature::Event, "{}", finding.kind);
        // A full ledger takes none: it would be raised again by every poll.
        let room = case.facts().has_room(&finding, events.len());
        let known = ledger.knows(finding.id) || ledger.settles(&finding);
        if room && !known && !events.iter().any(raised) {
            events.push(Event::FindingRaised { finding });
        }
    }
    events.extend(ledger::endings(case, at));
    events
}

/// One poll, watched and judged: [`watch::step`], and the findings that follow from it.
pub fn step(state: DomainState, poll: Poll, at: Timestamp, policy: &Policy, jitter: f64) -> Step {
    let known = std::sync::Arc::clone(&state.facts);
    let mut step = watch::step(state, poll, at, policy, jitter);
    if std::sync::Arc::ptr_eq(&known, &step.state.facts) {
        return step;
    }
    drop(known);
    let events = review_state(&mut step.state, policy, &NO_SHARED_KEYS, at);
    step.events.extend(events);
    step
}

/// Brings facts forward by an event that no poll brought, and by the findings that begin and end
/// with it. Returns all of them, in order.
pub fn record(state: &mut DomainState, at: Timestamp, event: Event, policy: &Policy) -> Vec<Event> {
    watch::record(state, at, &event);
    let mut events = vec![event];
    events.extend(review_state(state, policy, &NO_SHARED_KEYS, at));
    events
}

/// Reviews a state, and brings its facts forward by what comes of it.
pub fn review_state(
    state: &mut DomainState,
    policy: &Policy,
    shared: &SharedKeys,
    at: Timestamp,
) -> Vec<Event> {
    let Some(endpoint) = state.facts.endpoint.clone() else { return Vec::new() };
    let case = Case { endpoint: &endpoint, state, policy, bootstrap_fault: None, shared };
    let events = review(&case, at);
    for event in &events {
        watch::record(state, at, event);
    }
    events
}
