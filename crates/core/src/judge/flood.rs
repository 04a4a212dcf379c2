//! What there is no room for: the finding that stands for it, and the counts by kind.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::draft::Draft;
use super::triage::Triage;
use super::{Case, conditions};
use crate::finding::evidence::{FloodEvidence, UseCount};
use crate::finding::{Dropped, Finding, FindingKind, Grade, LeftOut, Nature, Room, Severity};
use crate::time::Timestamp;
use crate::watch::{self, Event};

/// Conditions by room, those that are shown and how many are not.
pub(super) struct Shown {
    pub(super) conditions: Vec<Finding>,
    pub(super) left_out: Vec<LeftOut>,
}

/// The conditions that are true at `at`, as many as their rooms hold: the most urgent ones, and of
/// those the oldest.
pub(super) fn shown(case: &Case<'_>, at: Timestamp) -> Shown {
    let mut drafts = Vec::new();
    conditions(case, at, &mut drafts);
    let finished = drafts.into_iter().map(|draft| draft.finish(case));
    let mut all: Vec<Finding> =
        finished.filter(|one| !case.facts().decisions.acks.contains(&one.id)).collect();
    if all.len() <= Room::PLACES {
        return Shown { conditions: all, left_out: Vec::new() };
    }
    all.sort_by_key(|one| (Reverse(one.severity), one.since, one.id));
    let mut taken: BTreeMap<Room, usize> = BTreeMap::new();
    let (mut conditions, mut left_out) = (Vec::new(), BTreeMap::<Room, LeftOut>::new());
    for finding in all {
        let room = finding.room(Grade::default());
        let taken = taken.entry(room).or_default();
        *taken += 1;
        if *taken <= room.places() {
            conditions.push(finding);
            continue;
        }
        let Finding { severity, since, .. } = finding;
        let none = LeftOut { room, count: 0, waiting: 0, severity, since, counted: None };
        let left = left_out.entry(room).or_insert(none);
        left.waiting = left.waiting.saturating_add(1);
        left.since = left.since.max(since);
    }
    Shown { conditions, left_out: left_out.into_values().collect() }
}

/// Counts the conditions that find no room. A domain with few keys and lineages has few conditions.
pub(super) fn count_conditions(case: &Case<'_>, at: Timestamp, triage: &mut Triage<'_>) {
    let facts = case.facts();
    let few = |count: usize| count <= Room::PLACES;
    if few(facts.authorities.records.len()) && few(facts.rotation.lineages.len()) {
        return;
    }
    for left in shown(case, at).left_out {
        for _ in 0..left.waiting {
            triage.count(left.room, left.since, left.severity);
        }
    }
}

/// The finding that stands for all that is left out after these events.
pub(super) fn raised(case: &Case<'_>, at: Timestamp, events: &[Event]) -> Finding {
    let mut state = case.state.clone();
    for event in events {
        watch::record(&mut state, at, event);
    }
    let after = Case { state: &state, ..*case };
    let left_out: Vec<&LeftOut> = state.facts.ledger.left_out.iter().collect();
    let draft = Draft::new(FindingKind::FindingsFlood, severity(&after, &left_out), at);
    draft.because_all(evidence(&after, &left_out)).finish(case)
}

/// Whether all that was left out is listed by now.
pub(super) fn is_over(case: &Case<'_>) -> bool {
    case.facts().ledger.left_out.iter().all(|left| left.unlisted() == 0)
}

/// What is left out now: of events by the ledger's word, of conditions by what is true.
fn left_out<'a>(case: &Case<'a>, conditions: &'a [LeftOut]) -> Vec<&'a LeftOut> {
    let ledger = case.facts().ledger.left_out.iter();
    let counted = ledger.filter(|left| {
        let event = left.room.kind.nature() == Nature::Event;
        event || !conditions.iter().any(|one| one.room == left.room)
    });
    counted.chain(conditions).filter(|left| 0 < left.unlisted()).collect()
}

/// Brings the finding up to date: its count grows while it is open.
pub(super) fn refresh(case: &Case<'_>, findings: &mut [Finding], conditions: &[LeftOut]) {
    let mut about = findings.iter_mut().filter(|one| one.kind == FindingKind::FindingsFlood);
    let Some(finding) = about.next() else { return };
    let left_out = left_out(case, conditions);
    if !left_out.is_empty() {
        finding.severity = severity(case, &left_out);
        finding.evidence = evidence(case, &left_out).into_iter().map(Into::into).collect();
    }
}

/// How many findings are not listed, by kind and use.
pub(super) fn dropped(case: &Case<'_>, conditions: &[LeftOut]) -> Vec<Dropped> {
    let events = case.facts().ledger.left_out.iter();
    let events = events.filter(|left| left.room.kind.nature() == Nature::Event);
    Dropped::by_kind(events.chain(conditions).map(|left| (left.room, left.unlisted())))
}

/// It is as urgent as the most urgent finding that it stands for, and a page where that is more than
/// worth knowing: whoever floods may be hiding something.
fn severity(case: &Case<'_>, left_out: &[&LeftOut]) -> Severity {
    let of = |left: &&LeftOut| {
        let chosen = case.policy.severity.of(left.room.kind);
        match chosen.unwrap_or(left.severity) {
            Severity::Info => Severity::Info,
            Severity::Warning | Severity::Critical => Severity::Critical,
        }
    };
    left_out.iter().filter(|left| 0 < left.unlisted()).map(of).max().unwrap_or(Severity::Info)
}

fn evidence(case: &Case<'_>, left_out: &[&LeftOut]) -> Vec<FloodEvidence> {
    let mut evidence = Vec::new();
    let since = |kind: FindingKind| {
        left_out.iter().filter(|left| left.room.kind == kind).map(|left| left.since).min()
    };
    let counts = Dropped::by_kind(left_out.iter().map(|left| (left.room, left.unlisted())));
    let mut kinds: Vec<FindingKind> = counts.iter().map(|one| one.kind).collect();
    kinds.dedup();
    for kind in kinds {
        let of = || counts.iter().filter(|one| one.kind == kind);
        let by_use = of().filter_map(|one| {
            let svid_type = one.svid_type?;
            Some(UseCount { svid_type, count: one.count })
        });
        evidence.push(FloodEvidence::NotListed {
            kind,
            count: of().map(|one| one.count).sum(),
            by_use: by_use.collect(),
            since: since(kind),
        });
    }
    if let Some((keys, _)) = case.facts().authorities.unrecorded {
        evidence.push(FloodEvidence::KeysNotRecorded {
            x509: keys.x509.listed.into(),
            jwt: keys.jwt.listed.into(),
            wit: keys.wit.listed.into(),
        });
    }
    let most = u64::try_from(Room::PLACES).unwrap_or(u64::MAX);
    evidence.push(FloodEvidence::ListingRule { most });
    evidence
}
