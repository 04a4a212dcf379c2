//! Past its daily budget a trust domain is recorded in reduced form, and judged all the same.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::bundle::{Irregularity, IrregularityKind, SvidType, Validity};
use anchorwatch_core::finding::{Finding, FindingKind, Severity};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{
    Budget, Event, Facts, Failure, FailureReason, Policy, PollInterval, Presented,
    PresentedCertificate, Reserve,
};

use crate::findings::found_at;
use crate::timeline::{Timeline, x509};

/// New keys at every poll, of both uses, for more than half a day.
fn flooded(polls: u64) -> Timeline {
    let daily_budget = Budget { events: 100, bytes: u64::MAX };
    let poll_interval = PollInterval::Every(Duration::from_secs(15));
    let policy = Policy { daily_budget, poll_interval, ..Policy::default() };
    // Nine minutes after midnight, UTC.
    let mut story = Timeline::start().skip(Duration::from_mins(9 + 16 * 60));
    story = story.under(policy).publishes(1, &["x:a"]);
    for round in 0..polls {
        let names: Vec<String> = (0..10)
            .flat_map(|key| [format!("j:{round}-{key}"), format!("x:{round}-{key}")])
            .collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.push("x:a");
        story = story.publishes(round + 2, &names);
    }
    story
}

#[test]
fn past_the_daily_budget_recording_is_reduced_and_bounded() {
    let story = flooded(3_000);
    let told = |name: &str| story.events().iter().filter(|event| event.name() == name).count();
    assert_eq!(told("budget_exceeded"), 1);
    // The budget with one poll's surplus, both reserves, each authority's removal, and a change a
    // minute that only counts.
    let most = 100 + 64 + 2 * (512 + 256) + 512 + 3_000 / 4;
    assert!(story.events().len() <= most, "{} of {most}", story.events().len());
    assert_eq!(story.state().poll_state.last_success, Some(story.now()), "the polls still count");
    assert!(
        20_000 < story.state().poll_state.unrecorded,
        "{}",
        story.state().poll_state.unrecorded
    );
    // X.509 authorities come out of a reserve that JWT keys do not touch.
    let introduced = |svid_type: SvidType| {
        let of = story.events().iter().filter(|event| {
            matches!(event, Event::AuthorityIntroduced { authority, .. } if authority.id.svid_type == svid_type)
        });
        of.count()
    };
    assert!(512 <= introduced(SvidType::X509), "{}", introduced(SvidType::X509));
    assert!(256 <= introduced(SvidType::Jwt), "{}", introduced(SvidType::Jwt));
    // What is not recorded is counted, each key once, and its document is not stored.
    let reduced = story.events().iter().filter_map(|event| {
        let Event::BundleChanged { unrecorded: Some(keys), .. } = event else { return None };
        Some((event.body(), keys.came()))
    });
    let (bodies, came): (Vec<_>, Vec<u32>) = reduced.unzip();
    assert!(bodies.iter().all(Option::is_none));
    let counted: u32 = came.iter().sum();
    let recorded = introduced(SvidType::X509) + introduced(SvidType::Jwt) - 1;
    let missing = 60_000 - recorded - usize::try_from(counted).unwrap();
    assert!(missing <= 20 * 4, "all but those of the last minute: {missing}");
    let left_out: u64 = story.facts().ledger.left_out.iter().map(|left| left.count).sum();
    assert_eq!(left_out, u64::from(counted), "new authorities are judged as a number");
    assert_eq!(&Facts::replay(story.journal()), &**story.facts());
}

#[test]
fn the_next_day_takes_in_what_was_passed_over() {
    let story = flooded(300);
    let late = story.facts().record(x509("299-3").id);
    assert!(late.is_none(), "its number was counted");
    assert!(story.facts().record(x509("a").id).is_some_and(|record| record.removed.is_none()));
    let before = story.now();
    let mut names: Vec<String> = (0..10).map(|key| format!("x:299-{key}")).collect();
    names.extend((0..10).map(|key| format!("j:299-{key}")));
    names.push("x:a".to_owned());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // The very same document.
    let story = story.after(Duration::from_hours(24)).forget_events().publishes(301, &names);
    let record = story.record(&x509("299-3"));
    let first = record.published.after.expect("it stood there before");
    assert!(first < before, "since some time of the day before: {first}");
    assert_eq!(story.facts().authorities.unrecorded, None);
    assert_eq!(&Facts::replay(story.journal()), &**story.facts());
    story.forget_events().publishes(301, &names).expect(&[]);
}

/// Whoever floods a domain with private keys' worth of nonsense must not hide a private key.
#[test]
fn a_private_key_is_recorded_whatever_else_is_wrong_and_spent() {
    let mut kinds = vec![IrregularityKind::TrailingBytes; 100];
    kinds.push(IrregularityKind::SymmetricKey);
    let story = flooded(300).irregular(&kinds).publishes(1_000, &["x:a"]);
    let secret = |one: &Irregularity| one.kind == IrregularityKind::SymmetricKey;
    assert!(story.facts().document.irregularities.iter().any(secret));
}

/// How many JWT keys change their key ID to spend what is kept back for such changes.
const RELABELLED: usize = 2_100;

/// A domain that spent its budget, and then all that is kept back for keys that change their key ID.
/// The clock stands at noon, UTC.
fn spent() -> Timeline {
    static SPENT: LazyLock<Timeline> = LazyLock::new(spend);
    SPENT.clone()
}

fn spend() -> Timeline {
    let relabelled = |kid: &str| -> Vec<String> {
        let keys = (0..RELABELLED).map(|key| format!("j:{key}={kid}-{key}"));
        keys.chain(["x:a".to_owned()]).collect()
    };
    let daily_budget = Budget { events: 100, bytes: u64::MAX };
    let poll_interval = PollInterval::Every(Duration::from_secs(15));
    let policy = Policy { daily_budget, poll_interval, ..Policy::default() };
    let mut story = Timeline::start().under(policy).skip(Duration::from_hours(4));
    for (sequence, kid) in (1..).zip(["first", "second"]) {
        let names = relabelled(kid);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        story = story.publishes(sequence, &names);
    }
    let other = story.facts().spent.other.events;
    assert!(Reserve::OTHER.events <= other, "{other} events of the reserve are spent");
    // The bundle is small from here on, and nothing was recorded for a while.
    story
        .publishes(3, &["x:a"])
        .after(Reserve::COUNTED_EVERY)
        .publishes(3, &["x:a"])
        .forget_events()
}

#[track_caller]
fn finding(story: &Timeline, kind: FindingKind) -> Finding {
    let found = found_at(story, story.now());
    let found: Vec<Finding> = found.into_iter().filter(|one| one.kind == kind).collect();
    assert_eq!(found.len(), 1, "{kind:?} is open once: {:#?}", story.events());
    assert_eq!(&Facts::replay(story.journal()), &**story.facts());
    found.into_iter().next().unwrap()
}

#[test]
fn past_a_spent_reserve_an_endpoint_that_goes_dark_is_a_finding() {
    let story = spent().fails(FailureReason::Timeout).fails(FailureReason::Timeout);
    let mut story = story.fails(FailureReason::Timeout).fails(FailureReason::Timeout);
    finding(&story, FindingKind::SourceStale);
    for _ in 0..500 {
        story = story.fails(FailureReason::Timeout);
    }
    let blind = finding(&story, FindingKind::TrustDomainBlind);
    assert!(blind.sentences().iter().any(|line| line.contains("timeout")), "{:?}", blind.evidence);
}

#[test]
fn past_a_spent_reserve_an_endpoint_that_cannot_prove_who_it_is_is_a_finding() {
    let story = spent().fails(FailureReason::UntrustedChain).fails(FailureReason::UntrustedChain);
    let found = finding(&story, FindingKind::EndpointUnauthenticated);
    assert_eq!(found.severity, Severity::Critical);
}

#[test]
fn past_a_spent_reserve_a_trust_that_is_all_denied_is_a_finding() {
    let story = spent().denies(&x509("a")).fails(FailureReason::TrustDenied);
    let found = finding(&story, FindingKind::EndpointUnauthenticated);
    assert!(found.first_sentence().contains("denied"), "{:?}", found.evidence);
}

#[test]
fn past_a_spent_reserve_a_step_back_is_confirmed() {
    let story = spent().publishes(1, &["x:a"]).after(Duration::from_secs(90));
    let story = story.publishes(1, &["x:a"]);
    finding(&story, FindingKind::Rollback);
    let confirmed = story.facts().bundle.confirmed.as_ref().unwrap();
    assert_eq!(confirmed.sequence.given(), Some(1));
}

/// The key set that steps back stands under the number of another one.
#[test]
fn past_a_spent_reserve_two_key_sets_under_one_number_are_a_finding() {
    let story = spent().publishes(1, &["x:a"]);
    finding(&story, FindingKind::Equivocation);
    let stored = story.events().iter().filter_map(Event::body);
    assert_eq!(stored.count(), 0, "documents are not stored");
}

#[test]
fn past_a_spent_reserve_a_consumer_that_refuses_the_document_is_a_finding() {
    // The document is read once, and what it says of consumers waits for its minute.
    let story = spent().refused_by(&[Consumer::Istio]).publishes(3, &["x:a"]);
    let first = finding(&story, FindingKind::ConsumerRejects);
    assert!(first.first_sentence().contains("istio"), "{:?}", first.evidence);
    let story = story.refused_by(&[Consumer::Spire]).publishes(3, &["x:a"]);
    let story = story.after(Reserve::COUNTED_EVERY).publishes(3, &["x:a"]);
    let second = finding(&story, FindingKind::ConsumerRejects);
    assert!(second.first_sentence().contains("spire"), "{:?}", second.evidence);
}

/// What a document says of consumers counts once its step back is confirmed, though it was read
/// before that.
#[test]
fn a_step_back_that_a_consumer_refuses_is_a_finding() {
    let story = Timeline::start().publishes(2, &["x:a"]);
    let story = story.refused_by(&[Consumer::Istio]).publishes(1, &["x:a"]);
    let story = story.publishes(1, &["x:a"]);
    finding(&story, FindingKind::Rollback);
    finding(&story, FindingKind::ConsumerRejects);
}

#[test]
fn past_a_spent_reserve_an_address_of_another_network_is_a_finding() {
    let here: IpAddr = "192.0.2.1".parse().unwrap();
    let there: IpAddr = "198.51.100.1".parse().unwrap();
    let elsewhere: IpAddr = "203.0.113.1".parse().unwrap();
    let bundles: [&[&str]; 4] =
        [&["x:a"], &["x:a", "x:b"], &["x:a", "x:b", "x:c"], &["x:a", "x:b", "x:c", "x:d"]];
    let story = spent().answers(&[(here, 3, bundles[0])]).answers(&[(there, 4, bundles[1])]);
    let found = finding(&story, FindingKind::EndpointChanged);
    assert!(found.first_sentence().contains("198.51.100.0/24"), "{:?}", found.evidence);
    // Another one in the same minute is told with the next keys.
    let story = story.answers(&[(elsewhere, 5, bundles[2])]);
    assert_eq!(story.facts().endpoint.shifts.len(), 1);
    let story = story.after(Reserve::COUNTED_EVERY).answers(&[(elsewhere, 6, bundles[3])]);
    assert_eq!(story.facts().endpoint.shifts.len(), 2);
}

/// Neither a flood of failures nor one of relabelled keys costs the other its place.
#[test]
fn past_the_budget_what_polls_fail_with_is_recorded_once_a_minute() {
    let mut story = spent();
    let second = Duration::from_secs(1);
    for round in 0..600 {
        let reason = FailureReason::ALL[round % 7];
        story = story.after(second).fails(reason).after(second).publishes(3, &["x:a"]);
    }
    let began = story.events().iter().filter(|event| event.name() == "failure_began").count();
    assert!((15..=21).contains(&began), "{began} in 20 minutes");
    assert!(story.facts().endpoint.failure.is_none());
    // A run of failures that lasts is told within a minute.
    for _ in 0..5 {
        story = story.fails(FailureReason::Timeout);
    }
    finding(&story, FindingKind::SourceStale);
    assert_eq!(&Facts::replay(story.journal()), &**story.facts());
}

/// What an endpoint presents can be long: past the budget its first name is kept, and the rest of the
/// chain is not.
#[test]
fn past_the_budget_what_a_failed_poll_presented_is_kept_in_brief() {
    let certificate = presented("spiffe://story.example/spire/server");
    let presented = Presented {
        leaf: certificate.clone(),
        chain: vec![certificate; 8],
        anchor: None,
        path: [].into(),
    };
    let failure = Failure {
        presented: Some(presented),
        ..Failure::new(FailureReason::UntrustedChain, "as the story has it")
    };
    let story = spent().fails_with(failure);
    let Some(Event::FailureBegan { presented: Some(kept), .. }) = story.events().last() else {
        panic!("{:#?}", story.events())
    };
    assert_eq!(kept.leaf.uri_sans, ["spiffe://story.example/spire/server"]);
    assert!(kept.chain.is_empty());
}

fn presented(name: &str) -> PresentedCertificate {
    let now = Timestamp::from_unix(1_800_000_000);
    PresentedCertificate {
        fingerprint: None,
        authority_key_id: None,
        validity: Validity { not_before: now, not_after: now },
        key_type: None,
        subject: None,
        issuer: None,
        uri_sans: vec![name.into(), name.into()],
    }
}
