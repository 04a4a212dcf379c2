//! The watch over the watch: what anchorwatch says of itself.
//!
//! These findings are conditions, about no trust domain. They follow from plain facts of the daemon,
//! which are gathered by a task of their own: a scheduler that has stopped cannot say so itself.

use std::time::Duration;

use crate::finding::evidence::SelfWatchEvidence;
use crate::finding::{Finding, FindingId, FindingKind, IncidentId};
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// Writes have failed for so long before it is a finding: a store is tried again every 3 s, and one write
/// that failed between two that succeeded is no reason to wake anyone.
pub const UNWRITABLE_FOR: Duration = Duration::from_secs(5);
/// How many faults of the store are listed in the evidence.
const LISTED: usize = 8;

/// What the daemon knows of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WatchFacts {
    /// That the store cannot be written, where it cannot.
    pub unwritable: Option<Unwritable>,
    /// Events that were lost since the process started, because too much waited for the store.
    pub events_lost: u64,
    /// What is known to be wrong with the store, oldest first.
    pub faults: Vec<KnownFault>,
    /// How many faults there are beside those.
    pub more_faults: u64,
    /// Since when the scheduler has not turned, where it does not.
    pub stalled_since: Option<Timestamp>,
}

/// A store that cannot be written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unwritable {
    /// The first write that failed.
    pub since: Timestamp,
    /// Why the last one failed.
    pub why: Box<str>,
}

/// A fault of the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownFault {
    /// When it was first seen.
    pub since: Timestamp,
    /// What is wrong, as a sentence without its full stop.
    pub detail: Box<str>,
}

/// What is wrong with the watch itself at `at`, the most urgent first.
pub fn assess_watch(facts: &WatchFacts, at: Timestamp) -> Vec<Finding> {
    let findings = [stalled(facts), unwritable(facts, at), damaged(facts)];
    findings.into_iter().flatten().collect()
}

fn stalled(facts: &WatchFacts) -> Option<Finding> {
    let since = facts.stalled_since?;
    let evidence =
        vec![SelfWatchEvidence::SchedulerStopped { since }, SelfWatchEvidence::NothingPolled];
    Some(finding(FindingKind::SchedulerStalled, since, evidence))
}

fn unwritable(facts: &WatchFacts, at: Timestamp) -> Option<Finding> {
    let Unwritable { since, why } = facts.unwritable.as_ref()?;
    if at.since(*since).is_some_and(|age| age < UNWRITABLE_FOR) {
        return None;
    }
    let mut evidence = vec![
        SelfWatchEvidence::WritesFail { since: *since, why: why.clone() },
        SelfWatchEvidence::WritesFailEffect,
    ];
    if 0 < facts.events_lost {
        evidence.push(SelfWatchEvidence::EventsLost { count: facts.events_lost });
    }
    Some(finding(FindingKind::StateNotPersisted, *since, evidence))
}

fn damaged(facts: &WatchFacts) -> Option<Finding> {
    let since = facts.faults.iter().map(|fault| fault.since).min()?;
    let listed = facts.faults.iter().take(LISTED);
    let fault = |fault: &KnownFault| SelfWatchEvidence::StoreFault {
        since: fault.since,
        detail: fault.detail.clone(),
    };
    let mut evidence: Vec<_> = listed.map(fault).collect();
    let unlisted = u64::try_from(facts.faults.len().saturating_sub(LISTED)).unwrap_or(u64::MAX);
    match unlisted.saturating_add(facts.more_faults) {
        0 => (),
        count => evidence.push(SelfWatchEvidence::MoreFaults { count }),
    }
    evidence.push(SelfWatchEvidence::StoreFaultEffect);
    Some(finding(FindingKind::StoreDamaged, since, evidence))
}

fn finding(kind: FindingKind, since: Timestamp, evidence: Vec<SelfWatchEvidence>) -> Finding {
    Finding {
        id: FindingId::new(None, kind, None, "", since),
        incident: IncidentId::new(None, since),
        kind,
        severity: kind.severity(),
        svid_type: None,
        subject: UntrustedText::default(),
        subject_id: None,
        since,
        evidence: evidence.into_iter().map(Into::into).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000).saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn a_watch_in_order_says_nothing() {
        assert_eq!(assess_watch(&WatchFacts::default(), at(0)), []);
    }

    #[test]
    fn a_store_that_is_written_again_at_once_wakes_nobody() {
        let unwritable = Some(Unwritable { since: at(0), why: "disk full".into() });
        let facts = WatchFacts { unwritable, ..WatchFacts::default() };
        assert_eq!(assess_watch(&facts, at(4)), []);
        let [finding] = &*assess_watch(&facts, at(5)) else { panic!() };
        assert_eq!(finding.kind, FindingKind::StateNotPersisted);
        assert!(finding.first_sentence().contains("disk full"), "{finding:?}");
        assert_eq!(*finding, assess_watch(&facts, at(500))[0], "it does not change while it lasts");
    }

    #[test]
    fn the_evidence_is_bounded_and_says_what_it_leaves_out() {
        let fault = |number: u64| KnownFault {
            since: at(number),
            detail: format!("entry {number} was changed").into(),
        };
        let faults = (1..=32).map(fault).collect();
        let facts = WatchFacts { faults, more_faults: 10, ..WatchFacts::default() };
        let [finding] = &*assess_watch(&facts, at(50)) else { panic!() };
        assert_eq!((finding.kind, finding.since), (FindingKind::StoreDamaged, at(1)));
        assert_eq!(finding.evidence.len(), LISTED + 2);
        assert!(finding.evidence[LISTED].to_string().starts_with("34 more"), "{finding:?}");
    }

    #[test]
    fn a_scheduler_that_stands_still_comes_first() {
        let faults = vec![KnownFault { since: at(0), detail: "a fault".into() }];
        let stalled_since = Some(at(9));
        let facts = WatchFacts { faults, stalled_since, ..WatchFacts::default() };
        let kinds: Vec<_> = assess_watch(&facts, at(30)).iter().map(|one| one.kind).collect();
        assert_eq!(kinds, [FindingKind::SchedulerStalled, FindingKind::StoreDamaged]);
    }
}
