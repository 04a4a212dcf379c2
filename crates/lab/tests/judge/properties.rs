//! What holds in every world, whoever made it and whatever befalls it.

#![expect(clippy::wildcard_enum_match_arm, reason = "of all events, two are about findings")]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anchorwatch_core::finding::evidence::{AuthorityEvidence, Evidence, ScheduleEvidence};
use anchorwatch_core::finding::{Finding, FindingId, FindingKind as F, Nature, Severity};
use anchorwatch_core::judge::{self, Case, JudgedPoll, SharedKeys};
use anchorwatch_core::replay::{Change, ReplayReport};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{
    BaselinePolicy, DomainState, Event, Facts, IssuerMode, IssuerModel, Policy,
};
use anchorwatch_lab::issuer::IssuerSettings;
use anchorwatch_lab::score::{Raised, play};
use anchorwatch_lab::simulate::{Incident, KeyPool, ObservationLines, Scenario, Skip, Turn, World};
use proptest::prelude::*;

use crate::story::{HOUR, MINUTE, Story};

/// Keys are what worlds cost.
pub(crate) static KEYS: LazyLock<KeyPool> = LazyLock::new(|| KeyPool::new(400, 1));

/// A domain whose keys live six hours, watched for 18, to which this happens.
fn scenario(incident: Incident, after: Duration) -> Scenario {
    let life = IssuerSettings::spire(6 * HOUR);
    let mut scenario = Scenario::clean("b.example".parse().unwrap(), 2, life);
    scenario.lasts = 18 * HOUR;
    scenario.observer.auto = false;
    scenario.observer.interval = 2 * MINUTE;
    scenario.with(after, incident)
}

/// The same where polls that show nothing new are left out.
fn sparse(incident: Incident, after: Duration) -> Scenario {
    let mut scenario = scenario(incident, after);
    scenario.observer.skip = Some(Skip { sparse: HOUR, lone_failures: false });
    scenario
}

/// One that is watched, and its journal.
#[derive(Clone)]
pub(crate) struct Watched {
    endpoint: BundleEndpoint,
    pub(crate) policy: Policy,
    state: DomainState,
    journal: Vec<(Timestamp, Event)>,
}

impl Watched {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let name = &scenario.trust_domain;
        let endpoint_spiffe_id = format!("spiffe://{name}/spire/server").parse().unwrap();
        let endpoint = BundleEndpoint {
            trust_domain: name.clone(),
            url: format!("https://{name}").parse().unwrap(),
            profile: EndpointProfile::HttpsSpiffe { endpoint_spiffe_id },
        };
        let policy = Policy { baseline: BaselinePolicy::TrustOnFirstUse, ..scenario.policy() };
        let mut state = DomainState::default();
        let configured = Event::EndpointConfigured { endpoint: endpoint.clone(), previous: None };
        let at = scenario.begins;
        let events = judge::record(&mut state, at, configured, &policy);
        let journal = events.into_iter().map(|event| (at, event)).collect();
        Self { endpoint, policy, state, journal }
    }

    /// A poll, and what time alone brings until it. Returns the events of the poll.
    pub(crate) fn sees(&mut self, turn: &Turn, at: Timestamp) -> Vec<Event> {
        turn.catch_up(&mut self.state);
        let state = std::mem::take(&mut self.state);
        let mut alone = |_: &Facts, _| SharedKeys::default();
        let JudgedPoll { state, events, .. } =
            judge::judge_poll(state, turn.poll(), at, &self.policy, 0.5, &mut alone);
        self.state = state;
        self.journal.extend(events.iter().map(|event| (at, event.clone())));
        events
    }

    fn findings(&self, at: Timestamp) -> Vec<Finding> {
        let (endpoint, state, policy) = (&self.endpoint, &self.state, &self.policy);
        let case = Case { endpoint, state, policy, bootstrap_fault: None, shared: None };
        judge::assess(&case, at).findings
    }

    pub(crate) fn of(&self, kind: F, at: Timestamp) -> Vec<Finding> {
        self.findings(at).into_iter().filter(|finding| finding.kind == kind).collect()
    }
}

fn incidents() -> impl Strategy<Value = Incident> {
    // Three hundred keys tell no more than one here, and cost as much as all the others.
    let some = Incident::ALL.iter().copied().filter(|one| *one != Incident::KeyFlood);
    proptest::sample::select(some.collect::<Vec<_>>())
}

/// When it happens: after at least one rotation.
fn moments() -> impl Strategy<Value = Duration> {
    (4 * 3600..9 * 3600_u64).prop_map(Duration::from_secs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    /// What a restart would rely on.
    #[test]
    fn the_journal_of_a_judged_world_gives_its_facts(
        incident in incidents(), after in moments(), seed in 0..1_000_u64,
    ) {
        let scenario = sparse(incident, after);
        let mut watched = Watched::new(&scenario);
        for turn in World::with_keys(&scenario, seed, &KEYS) {
            watched.sees(&turn, turn.at);
        }
        let journal = watched.journal.iter().map(|(at, event)| (*at, event));
        prop_assert_eq!(&Facts::replay(journal), &*watched.state.facts);
    }

    /// An event finding is open from when it was raised until the journal says that it ended; and
    /// where nobody decides, it ends by an explanation that arrived, or unreviewed.
    #[test]
    fn an_event_finding_stays_until_the_journal_says_how_it_ended(
        incident in incidents(), after in moments(), seed in 0..1_000_u64,
    ) {
        let scenario = sparse(incident, after);
        let mut watched = Watched::new(&scenario);
        let mut open = BTreeSet::new();
        for turn in World::with_keys(&scenario, seed, &KEYS) {
            for event in watched.sees(&turn, turn.at) {
                match event {
                    Event::FindingRaised { finding } => {
                        prop_assert_eq!(finding.kind.nature(), Nature::Event);
                        prop_assert!(open.insert(finding.id), "{} twice", finding.kind);
                    }
                    Event::FindingEnded { finding, kind, .. } => {
                        prop_assert!(open.remove(&finding), "{kind} ended and was not open");
                        prop_assert!(
                            matches!(kind, F::UnexpectedAuthority | F::IssuerUnlearned),
                            "{kind} ended, and nobody decided"
                        );
                    }
                    _ => (),
                }
            }
            let ledger = watched.state.facts.ledger.open.iter();
            let ledger: BTreeSet<FindingId> = ledger.map(|finding| finding.id).collect();
            prop_assert_eq!(&ledger, &open);
            let shown = watched.findings(turn.at);
            let events = shown.iter().filter(|finding| finding.kind.nature() == Nature::Event);
            prop_assert_eq!(events.count(), open.len());
        }
    }

    /// The same answer again, at the same moment, is no event and changes no finding.
    #[test]
    fn many_unchanged_polls_are_one(
        incident in incidents(), after in moments(), seed in 0..1_000_u64, times in 1..4_usize,
    ) {
        let scenario = sparse(incident, after);
        let mut watched = Watched::new(&scenario);
        let (mut repeated, mut failed) = (0, 0);
        for turn in World::with_keys(&scenario, seed, &KEYS) {
            watched.sees(&turn, turn.at);
            let mut many = watched.clone();
            // Two failures running are more than one.
            if watched.state.poll_state.last_success != Some(turn.at) {
                failed += 1;
                continue;
            }
            repeated += 1;
            for _ in 0..times {
                let mut again = turn.clone();
                again.skipped = None;
                let events = many.sees(&again, turn.at);
                prop_assert!(events.is_empty(), "{events:?}");
            }
            prop_assert!(Arc::ptr_eq(&many.state.facts, &watched.state.facts));
            prop_assert_eq!(many.findings(turn.at), watched.findings(turn.at));
        }
        prop_assert!(10 < repeated, "{repeated} good polls, {failed} failed ones");
    }

    /// Without another poll, time ends no lateness and no silence, and makes none less urgent.
    #[test]
    fn time_alone_excuses_nothing(
        incident in proptest::sample::select(vec![
            Incident::StallOfOne, Incident::StallOfAll, Incident::StallOfX509,
            Incident::StallOfJwt, Incident::Freeze, Incident::EndpointOutage,
        ]),
        after in moments(), seed in 0..1_000_u64, later in 1..3_600_u64,
    ) {
        let scenario = sparse(incident, after);
        let mut watched = Watched::new(&scenario);
        let mut compared = 0;
        for turn in World::with_keys(&scenario, seed, &KEYS) {
            watched.sees(&turn, turn.at);
            let at = turn.at.saturating_add(Duration::from_secs(later));
            for kind in [F::RotationOverdue, F::SourceStale, F::TrustDomainBlind] {
                let now = watched.of(kind, turn.at);
                let then = watched.of(kind, at);
                for finding in now {
                    compared += 1;
                    let same = then.iter().find(|one| one.id == finding.id);
                    // A lineage ends with its last authority: there is nothing left to rotate.
                    let ended = finding.evidence.iter().any(|one| match one {
                        Evidence::Schedule(ScheduleEvidence::NewestExpires { at: end }) => {
                            *end < at
                        }
                        _ => false,
                    });
                    prop_assert!(ended || same.is_some(), "{finding:?}");
                    if let Some(same) = same {
                        prop_assert!(finding.severity <= same.severity, "{same:?}");
                    }
                }
                // A date is missed only by a good poll that lacks the publication.
                if kind == F::RotationOverdue {
                    let known: Vec<_> = watched.of(kind, turn.at).iter().map(|f| f.id).collect();
                    prop_assert!(then.iter().all(|one| known.contains(&one.id)), "{then:?}");
                }
            }
        }
        // An outage may end before it is a finding.
        let brief = incident == Incident::EndpointOutage;
        prop_assert!(brief || 0 < compared, "no finding was open at any poll");
    }
}

/// What is said of a world when its polls are all that is known of it: written as lines, which have
/// no word of the truth, and read again.
fn said_of_lines(scenario: &Scenario, seed: u64) -> BTreeSet<(F, String)> {
    let mut story =
        Story::new(Policy { baseline: BaselinePolicy::TrustOnFirstUse, ..scenario.policy() });
    let mut lines = ObservationLines::new(scenario.trust_domain.clone());
    for turn in World::with_keys(scenario, seed, &KEYS) {
        for line in lines.of(&turn).lines() {
            story.judge_line(line);
        }
    }
    let said = story.said.iter().filter_map(|report| match report {
        ReplayReport::Finding { finding, subject, change: Change::Raised, .. } => {
            Some((*finding, subject.to_string()))
        }
        ReplayReport::Finding { .. } | ReplayReport::Verdict { .. } => None,
    });
    said.collect()
}

/// The simulator knows what is an attack and what a restart; its labels do not reach the judge.
#[test]
fn the_judge_says_the_same_of_a_world_and_of_its_bare_polls() {
    for (seed, incident) in (1..).zip([
        Incident::RestartKeysLost,
        Incident::InjectedPair,
        Incident::EarlyRevoke,
        Incident::EarlyRevokeByAttacker,
    ]) {
        let scenario = scenario(incident, 6 * HOUR);
        let mut watched = Watched::new(&scenario);
        let mut said = BTreeSet::new();
        for turn in World::with_keys(&scenario, seed, &KEYS) {
            watched.sees(&turn, turn.at);
            let findings = watched.findings(turn.at).into_iter();
            said.extend(findings.map(|finding| (finding.kind, finding.subject.to_string())));
        }
        assert!(!said.is_empty(), "{incident} says nothing");
        assert_eq!(said, said_of_lines(&scenario, seed), "{incident}");
    }
}

/// Which JWT key is whose cannot be told while `ca_ttl` changes: in each of these worlds a publication met
/// two lineages' dates, went on the wrong one, and left the next without its own.
#[test]
fn a_ca_ttl_that_is_halved_pages_nobody_whatever_lineage_a_publication_is_mistaken_for() {
    for (seed, replicas) in [(20, 3), (66, 5), (67, 8)] {
        let life = IssuerSettings::spire(24 * HOUR);
        let mut scenario = Scenario::clean("simulated.example".parse().unwrap(), replicas, life);
        scenario.lasts = 6 * 24 * HOUR;
        scenario.observer.skip = Some(Skip { sparse: 6 * HOUR, lone_failures: true });
        let scenario = scenario.with(3 * 24 * HOUR, Incident::CaTtlHalved);
        let rotation = play(&scenario, seed, &scenario.policy(), &KEYS);
        let pages = |one: &&Raised| one.finding.severity == Severity::Critical;
        let pages: Vec<&Raised> = rotation.raised.iter().filter(pages).collect();
        assert!(pages.is_empty(), "{seed}: {pages:#?}");
    }
}

/// What another model of the issuer waited for is not waited for, and its rhythm is read anew.
#[test]
fn another_model_of_the_issuer_begins_anew() {
    let spire = IssuerModel::default();
    let upstream =
        IssuerModel::Spire { ca_ttl: None, mode: Some(IssuerMode::Upstream), lead: None };
    let declared = IssuerModel::Declared { interval: 3 * HOUR, lead: None };
    let learned = IssuerModel::Learned;
    for (before, after) in [
        (spire, learned),
        (spire, declared),
        (spire, upstream),
        (learned, spire),
        (learned, declared),
        (declared, spire),
    ] {
        let mut scenario =
            Scenario::clean("b.example".parse().unwrap(), 1, IssuerSettings::spire(6 * HOUR));
        scenario.lasts = 60 * HOUR;
        scenario.observer.skip = Some(Skip { sparse: HOUR, lone_failures: false });
        let changes = scenario.begins.saturating_add(30 * HOUR);
        let mut watched = Watched::new(&scenario);
        watched.policy.issuer = before;
        for turn in World::with_keys(&scenario, 1, &KEYS) {
            if changes <= turn.at {
                watched.policy.issuer = after;
            }
            watched.sees(&turn, turn.at);
            let overdue = watched.of(F::RotationOverdue, turn.at);
            assert!(overdue.is_empty(), "{before:?}, {after:?}: {overdue:#?}");
            // The roots of an upstream authority do not come by dates.
            if after != upstream {
                let odd = watched.of(F::UnexpectedAuthority, turn.at);
                assert!(odd.is_empty(), "{before:?}, {after:?}, {}: {odd:#?}", turn.at);
            }
        }
        let journal = watched.journal.iter().map(|(at, event)| (*at, event));
        assert_eq!(&Facts::replay(journal), &*watched.state.facts);
    }
}

/// What was seen of a publication does not change with what comes after it.
#[test]
fn the_evidence_of_a_publication_stays_what_it_was() {
    let scenario = sparse(Incident::InjectedJwtMatched, 5 * HOUR);
    let mut watched = Watched::new(&scenario);
    let mut told: Option<Finding> = None;
    let mut later = 0;
    for turn in World::with_keys(&scenario, 1, &KEYS) {
        watched.sees(&turn, turn.at);
        let Some(found) = watched.of(F::UnexpectedAuthority, turn.at).into_iter().next() else {
            continue;
        };
        let first = told.get_or_insert_with(|| found.clone());
        later += usize::from(first.since.saturating_add(6 * HOUR) < turn.at);
        for sentence in &first.evidence {
            assert!(found.evidence.contains(sentence), "{sentence:?}: {:#?}", found.evidence);
        }
    }
    let told = told.unwrap();
    assert!(0 < later, "{told:#?}");
    assert!(told.evidence.iter().any(|one| {
        matches!(one, Evidence::Authority(AuthorityEvidence::SequenceChanged { .. }))
    }));
}
