//! Each finding: raised, not raised just below its threshold, ended.

use std::time::Duration;

use anchorwatch_core::bundle::{ElementKey, IrregularityKind};
use anchorwatch_core::decision::{Decision, DecisionAction, DecisionSource, Outage};
use anchorwatch_core::finding::{Finding, FindingKind, Severity};
use anchorwatch_core::judge::{Case, assess, review};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{
    BaselinePolicy, Budget, DomainState, Event, FailureReason, Policy, Sighting, record,
};

use crate::timeline::{Timeline, jwt, trust_domain};

fn endpoint() -> BundleEndpoint {
    BundleEndpoint {
        trust_domain: trust_domain(),
        url: "https://story.example:8443".parse().unwrap(),
        profile: EndpointProfile::HttpsSpiffe {
            endpoint_spiffe_id: "spiffe://story.example/spire/server".parse().unwrap(),
        },
    }
}

pub(crate) fn found_at(story: &Timeline, at: Timestamp) -> Vec<Finding> {
    let endpoint = endpoint();
    let policy = Policy { baseline: BaselinePolicy::TrustOnFirstUse, ..story.policy().clone() };
    let case = |state| Case {
        endpoint: &endpoint,
        state,
        policy: &policy,
        bootstrap_fault: None,
        shared: None,
    };
    let mut state = story.state().clone();
    for event in review(&case(story.state()), at) {
        record(&mut state, at, &event);
    }
    assess(&case(&state), at).findings
}

#[track_caller]
fn expect(story: &Timeline, kinds: &[(FindingKind, Severity)]) {
    expect_at(story, story.now(), kinds);
}

#[track_caller]
fn expect_at(story: &Timeline, at: Timestamp, kinds: &[(FindingKind, Severity)]) {
    let found = found_at(story, at);
    let seen: Vec<_> = found.iter().map(|finding| (finding.kind, finding.severity)).collect();
    assert_eq!(seen, kinds, "{found:#?}");
    assert!(
        found.iter().all(|finding| !finding.evidence.is_empty()),
        "no finding without evidence"
    );
}

#[test]
fn a_healthy_domain_has_no_finding() {
    let story = Timeline::start().publishes(1, &["x:a", "j:b"]);
    expect(&story, &[]);
    // Silence of the daemon itself is no fault of the source.
    expect_at(&story, story.now().saturating_add(Duration::from_hours(9)), &[]);
}

#[test]
fn a_source_is_stale_after_three_intervals_without_a_good_poll() {
    let story = Timeline::start().publishes(1, &["x:a"]).fails(FailureReason::Connect);
    let last_good = story.state().poll_state.last_success.unwrap();
    let limit = last_good.saturating_add(story.interval() * 3);
    expect_at(&story, limit, &[]);
    let over = limit.saturating_add(Duration::from_secs(1));
    expect_at(&story, over, &[(FindingKind::SourceStale, Severity::Warning)]);
    let story = story.publishes(1, &["x:a"]);
    expect(&story, &[]);
}

#[test]
fn an_announced_outage_holds_staleness_until_three_intervals_after_its_end() {
    let story = Timeline::start().publishes(1, &["x:a"]).fails(FailureReason::Connect);
    let (from, hours) = (story.now(), |hours| Duration::from_hours(hours));
    let outage = Outage { not_before: from, not_after: from.saturating_add(hours(6)) };
    let decide = |state: &mut DomainState, action| {
        let (by, reason, source) = ("j.doe".into(), "CHG-1".into(), DecisionSource::Operator);
        let decision = Decision { action, by, reason, uid: None, source };
        record(state, from, &Event::Decided { decision });
    };
    let (endpoint, policy) = (endpoint(), story.policy().clone());
    let found = |state: &DomainState, at| -> Vec<FindingKind> {
        let endpoint = &endpoint;
        let case = Case { endpoint, state, policy: &policy, bootstrap_fault: None, shared: None };
        let findings = assess(&case, at).findings.into_iter().map(|finding| finding.kind);
        findings.filter(|kind| *kind != FindingKind::BaselineMissing).collect()
    };
    let both = [FindingKind::TrustDomainBlind, FindingKind::SourceStale];
    let mut state = story.state().clone();
    assert_eq!(found(&state, from.saturating_add(hours(5))), both);
    decide(&mut state, DecisionAction::AnnounceOutage { outage });
    assert_eq!(found(&state, from.saturating_add(hours(5))), []);
    let held = outage.not_after.saturating_add(state.poll_state.interval * 3);
    assert_eq!(found(&state, held), []);
    assert_eq!(found(&state, held.saturating_add(Duration::from_secs(1))), both);
    decide(&mut state, DecisionAction::WithdrawOutage { outage });
    assert_eq!(found(&state, from.saturating_add(hours(5))), both);
}

#[test]
fn an_endpoint_that_cannot_prove_who_it_is_twice_running_is_critical() {
    let story = Timeline::start().publishes(1, &["x:a"]).fails(FailureReason::UntrustedChain);
    expect(&story, &[]);
    let story = story.fails(FailureReason::UntrustedChain);
    expect(&story, &[(FindingKind::EndpointUnauthenticated, Severity::Critical)]);
    // An outage is no failure to authenticate.
    let outage = Timeline::start()
        .publishes(1, &["x:a"])
        .fails(FailureReason::Connect)
        .fails(FailureReason::Connect);
    expect(&outage, &[]);
    // Nor does it count as one, when the endpoint comes back and cannot prove who it is.
    let back = Timeline::start()
        .publishes(1, &["x:a"])
        .fails(FailureReason::Connect)
        .fails(FailureReason::UntrustedChain);
    expect(&back, &[]);
    expect(&story.publishes(1, &["x:a"]), &[]);
}

#[test]
fn an_empty_bundle_is_critical_until_it_lists_a_key() {
    let story = Timeline::start().publishes(1, &["x:a"]).publishes(2, &[]);
    // Nobody said how long an SVID lives, but the only key signed until it went.
    let alive = (FindingKind::InFlightRisk, Severity::Critical);
    let early = (FindingKind::EarlyRemoval, Severity::Warning);
    let violated = (FindingKind::RotationViolated, Severity::Warning);
    expect(&story, &[alive, (FindingKind::BundleEmpty, Severity::Critical), early, violated]);
    let back = (FindingKind::AuthorityResurrected, Severity::Critical);
    expect(&story.publishes(3, &["x:a"]), &[back, early, violated]);
}

#[test]
fn a_spent_budget_is_critical_until_the_day_ends() {
    let daily_budget = Budget { events: 4, bytes: u64::MAX };
    let story = Timeline::start()
        .under(Policy { daily_budget, ..Policy::default() })
        .publishes(1, &["x:a", "j:b"]);
    expect(&story, &[]);
    // A fifth event, and the poll after it finds the budget spent.
    let story = story.fails(FailureReason::Timeout).publishes(1, &["x:a", "j:b"]);
    expect(&story, &[(FindingKind::Churn, Severity::Critical)]);
    expect_at(&story, story.now().saturating_add(Duration::from_hours(24)), &[]);
}

#[test]
fn a_bootstrap_file_that_is_needed_and_unusable_is_critical() {
    let story = Timeline::start();
    let (endpoint, policy) = (endpoint(), Policy::default());
    let bootstrap_fault = Some("the file is empty");
    let state = story.state();
    let case = Case { endpoint: &endpoint, state, policy: &policy, bootstrap_fault, shared: None };
    let found = assess(&case, story.now()).findings;
    assert_eq!(found[0].kind, FindingKind::BootstrapUnusable);
    assert_eq!(found[0].severity, Severity::Critical);
    assert!(found[0].sentences().iter().any(|line| line.contains("empty")));
}

#[test]
fn a_private_key_in_the_document_is_critical_until_it_is_gone_and_another_oddity_is_not() {
    let story = Timeline::start().publishes(1, &["x:a"]).strays(&[IrregularityKind::UnwantedKeyId]);
    expect(&story, &[(FindingKind::IrregularDocument, Severity::Info)]);
    for secret in [
        IrregularityKind::PrivateMembers { names: "d".into(), key: ElementKey::default() },
        IrregularityKind::SymmetricKey,
    ] {
        let story = story.clone().strays(&[secret]);
        let both = [
            (FindingKind::PrivateKeyPublished, Severity::Critical),
            (FindingKind::IrregularDocument, Severity::Info),
        ];
        expect(&story, &both);
        expect(&story.publishes(1, &["x:a"]), &[]);
    }
}

fn kinds(story: &Timeline) -> Vec<FindingKind> {
    found_at(story, story.now()).into_iter().map(|finding| finding.kind).collect()
}

/// What a token's key was is not forgotten with the key.
#[test]
fn a_token_of_a_key_that_was_listed_is_none_of_an_unlisted_signer_years_later() {
    let story = Timeline::start().publishes(1, &["x:a", "j:old"]);
    let (now, lives) = (story.now(), Duration::from_mins(5));
    let sighting = Sighting::of_token("old", now, now, now.saturating_add(lives));
    let mut story = story.records(Event::KidSighted { sighting, reporter: "file".into() });
    for turn in 2..14 {
        story = story.publishes(turn, &["x:a", &format!("j:{turn}")]);
    }
    let mut story = story.after(Duration::from_hours(30)).publishes(20, &["x:a", "j:later"]);
    story = story.publishes(21, &["x:a", "j:last"]);
    assert!(story.facts().record(jwt("old").id).is_none(), "it was laid aside");
    assert!(!kinds(&story).contains(&FindingKind::UnlistedSigner));
    // One that was issued after the key had gone is another matter.
    let now = story.now();
    let sighting = Sighting::of_token("old", now, now, now.saturating_add(lives));
    let story = story.records(Event::KidSighted { sighting, reporter: "file".into() });
    let later = now.saturating_add(Duration::from_hours(2));
    let found = found_at(&story, later);
    let found = found.iter().find(|one| one.kind == FindingKind::UnlistedSigner).unwrap();
    assert!(found.first_sentence().contains("lists it no more since"), "{:?}", found.evidence);
}

/// A26: the addresses of one name, asked in one poll.
#[test]
fn addresses_that_answer_differently_for_longer_than_the_lag_disagree() {
    let here = "127.0.0.1".parse().unwrap();
    let there = "127.0.0.2".parse().unwrap();
    let old: &[&str] = &["x:a"];
    let new: &[&str] = &["x:a", "j:b"];
    let story = Timeline::start().answers(&[(here, 1, old), (there, 1, old)]);
    let story = story.answers(&[(here, 1, old), (there, 2, new)]);
    assert!(!kinds(&story).contains(&FindingKind::ReplicasDisagree), "a replica may lag");
    let story = story.after(Duration::from_mins(1));
    let story = story.answers(&[(here, 1, old), (there, 2, new)]);
    assert!(kinds(&story).contains(&FindingKind::ReplicasDisagree));
    let story = story.answers(&[(here, 2, new), (there, 2, new)]);
    assert!(!kinds(&story).contains(&FindingKind::ReplicasDisagree));
}
