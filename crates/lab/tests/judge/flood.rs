//! A flood hides nothing else: what finds room, what is left out, and what stands for it.

use std::time::Duration;

use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::finding::{Finding, FindingKind as F, Room, Severity::*};
use anchorwatch_core::watch::{Budget, JudgementPolicy, Policy, Reserve};
use anchorwatch_lab::issuer::IssuerSettings;
use anchorwatch_lab::simulate::{Incident, Scenario, Skip, World};
use serde_json::json;

use crate::properties::{KEYS, Watched};
use crate::story::{DAY, HOUR, Key, MINUTE, Open, Story, policy};

const TEN_YEARS: Duration = Duration::from_hours(10 * 365 * 24);

fn flood(story: &mut Story, count: usize) {
    for _ in 0..count {
        let key = story.jwt(story.now);
        story.publish([key]);
    }
    story.next();
}

fn rogue(story: &mut Story) -> Key {
    let rogue = story.x509(story.now, TEN_YEARS);
    story.publish([rogue.clone()]);
    story.next();
    rogue
}

fn is_told(story: &Story, key: &Key) -> bool {
    story.opened(F::UnexpectedAuthority).iter().any(|open| open.subject == key.short)
}

#[test]
fn junk_hides_no_other_kind_and_no_authority() {
    let mut story = Story::calm();
    flood(&mut story, 100);
    let mut leaked = story.jwt(story.now);
    leaked.element["d"] = json!("c2VjcmV0LXNjYWxhci1vZi10aGUta2V5LW9mLWItZXhh");
    story.publish([leaked]);
    story.next();
    story.raises(F::PrivateKeyPublished, Critical);
    flood(&mut story, 400);
    let first = rogue(&mut story);
    assert!(is_told(&story, &first), "after the flood");
    story.withdraw(|key| key.element["use"] == "jwt-svid");
    story.next();
    let second = rogue(&mut story);
    assert!(is_told(&story, &first) && is_told(&story, &second), "once the flood is over");
    story.raises(F::FindingsFlood, Critical);
}

#[test]
fn a_rogue_authority_in_the_middle_of_the_flood_is_told() {
    let mut story = Story::calm();
    flood(&mut story, 200);
    let rogue = story.x509(story.now, TEN_YEARS);
    story.publish([rogue.clone()]);
    flood(&mut story, 200);
    assert!(is_told(&story, &rogue));
}

/// Replicas that rotate under `pinned` are findings that nobody looked at. Whoever adds a key of his
/// own must not hide among them.
#[test]
fn under_pinned_five_replicas_that_rotate_hide_no_rogue_authority() {
    let life = IssuerSettings::spire(DAY);
    let mut scenario = Scenario::clean("b.example".parse().unwrap(), 5, life);
    scenario.lasts = 9 * DAY;
    scenario.observer.auto = false;
    scenario.observer.interval = 2 * MINUTE;
    scenario.observer.skip = Some(Skip { sparse: HOUR, lone_failures: false });
    let scenario = scenario.with(8 * DAY, Incident::InjectedRoot);
    let mut watched = Watched::new(&scenario);
    watched.policy.judgement = JudgementPolicy::Pinned;
    let mut last = scenario.begins;
    for turn in World::with_keys(&scenario, 3, &KEYS) {
        watched.sees(&turn, turn.at);
        last = turn.at;
    }
    let told = watched.of(F::UnexpectedAuthority, last);
    let says = |one: &&Finding, what: &str| one.sentences().iter().any(|line| line.contains(what));
    let pinned = told.iter().filter(|one| says(one, "policy `pinned`")).count();
    assert!(100 < pinned, "each rotation is one: {pinned}");
    let rogue = told.iter().filter(|one| says(one, "lifetime is 9 years"));
    let rogue: Vec<&Finding> = rogue.collect();
    assert_eq!(rogue.len(), 1, "the rogue authority is told");
    assert_eq!((rogue[0].svid_type, rogue[0].severity), (Some(SvidType::X509), Critical));
    assert_eq!(watched.of(F::FindingsFlood, last).len(), 1, "some rotations are counted only");
}

/// What had no room is raised when there is some, as long as it still stands.
#[test]
fn what_stands_is_told_once_there_is_room() {
    let mut story = Story::calm();
    story.due = None;
    flood(&mut story, 150);
    let told = story.opened(F::UnexpectedAuthority).len();
    assert!(told < 150);
    let subjects: Vec<String> =
        story.opened(F::UnexpectedAuthority).iter().map(|open| open.subject.clone()).collect();
    // Those that are listed go, and nobody decides on them.
    story.withdraw(|key| subjects.contains(&key.short));
    story.next();
    let stands = story.keys.iter().filter(|key| is_told(&story, key)).count();
    assert_eq!(stands, told, "those that stand come before those that are gone");
}

#[test]
fn the_finding_that_stands_for_a_flood_is_one_and_counts() {
    let mut story = Story::calm();
    story.due = None;
    flood(&mut story, 100);
    story.raises(F::FindingsFlood, Critical);
    let id = |story: &Story| {
        let of = story.open.iter().filter(|(_, open)| open.kind == F::FindingsFlood);
        of.map(|(id, _)| *id).collect::<Vec<_>>()
    };
    let first = id(&story);
    assert_eq!(first.len(), 1);
    for _ in 0..3 {
        flood(&mut story, 50);
        assert_eq!(id(&story), first);
    }
    // Someone has looked. It is told again when there is more.
    story.decides("ack", &[("finding", json!(first[0]))]);
    story.without(F::FindingsFlood);
    story.next();
    story.without(F::FindingsFlood);
    flood(&mut story, 10);
    story.raises(F::FindingsFlood, Critical);
    assert_ne!(id(&story), first);
}

/// A budget that is spent ends no judgement.
#[test]
fn past_its_budget_a_rogue_authority_is_judged() {
    let daily_budget = Budget { events: 200, ..Policy::default().daily_budget };
    let mut story = Story::new(Policy { daily_budget, ..policy() });
    story.go(HOUR);
    story.due = None;
    for _ in 0..3 {
        flood(&mut story, 150);
    }
    story.raises(F::Churn, Critical);
    let rogue = rogue(&mut story);
    assert!(is_told(&story, &rogue));
}

/// What is kept back for keys past the budget can be spent too: the first bundle has so many keys that
/// their key IDs alone do it. What begins after that is told all the same.
#[test]
fn past_its_budget_an_outage_and_an_impostor_are_told() {
    let daily_budget = Budget { events: 200, ..Policy::default().daily_budget };
    let mut story = Story::new(Policy { daily_budget, ..policy() });
    let keys: Vec<Key> = (0..Reserve::OTHER.events).map(|_| story.jwt(story.now)).collect();
    story.keys.extend(keys);
    story.due = None;
    story.go(HOUR);
    for turn in ["first", "second"] {
        for (place, key) in story.keys.iter_mut().enumerate().skip(2) {
            key.element["kid"] = json!(format!("{turn}-{place}"));
        }
        story.count(1);
        story.next();
    }
    story.raises(F::Churn, Critical);
    story.fails(5 * MINUTE, "timeout");
    story.without(F::EndpointUnauthenticated);
    story.fails(15 * MINUTE, "timeout");
    story.raises(F::SourceStale, Warning);
    story.fails(10 * MINUTE, "untrusted_chain");
    story.raises(F::EndpointUnauthenticated, Critical);
    story.next();
    story.without(F::SourceStale);
    story.without(F::EndpointUnauthenticated);
}

/// How many X.509 authorities an endpoint lists that is out to keep its monitor busy. How much work
/// that makes is counted in the core, `watch/work.rs`.
const MANY: usize = 1_000;

/// Whoever has an endpoint chooses its first bundle too: all later keys are compared with that. All of
/// it is replaced by `others` in one poll, and an authority that lives ten years beside them.
fn replaced(daily_budget: Budget, others: fn(&mut Story) -> Key) -> (Story, Key) {
    let mut story = Story::new(Policy { daily_budget, ..policy() });
    story.due = None;
    let published = story.now.saturating_sub(6 * HOUR);
    let first: Vec<Key> = (0..MANY).map(|_| story.x509(published, DAY)).collect();
    story.keys.extend(first);
    story.poll();
    assert!(story.open.is_empty(), "{:#?}", story.open);
    story.withdraw(|key| key.element["use"] == "x509-svid");
    let others: Vec<Key> = (0..MANY).map(|_| others(&mut story)).collect();
    story.publish(others);
    let rogue = story.x509(story.now, TEN_YEARS);
    story.publish([rogue.clone()]);
    (story, rogue)
}

/// A day's budget that the first bundle has spent already.
fn spent() -> Budget {
    Budget { events: 200, ..Budget::DEFAULT }
}

#[test]
fn a_first_bundle_of_many_that_is_replaced_by_its_like_hides_no_rogue_authority() {
    for daily_budget in [Budget::DEFAULT, spent()] {
        let (mut story, rogue) = replaced(daily_budget, |story| story.x509(story.now, DAY));
        story.next();
        assert!(is_told(&story, &rogue), "{daily_budget:?}");
        story.raises(F::FindingsFlood, Critical);
    }
}

/// Each of the others contradicts the first bundle as much as the rogue authority does. A decision
/// tells it from them.
#[test]
fn a_first_bundle_of_many_that_is_replaced_by_others_hides_no_denied_authority() {
    for daily_budget in [Budget::DEFAULT, spent()] {
        let (mut story, rogue) = replaced(daily_budget, |story| story.root(story.now, DAY));
        story.decides("deny", &[("fingerprint", json!(rogue.fingerprint))]);
        story.next();
        assert!(is_told(&story, &rogue), "{daily_budget:?}");
        let told = story.opened(F::UnexpectedAuthority);
        let profile = |open: &&Open| open.evidence.iter().any(|line| line.contains("URI names"));
        assert_eq!(told.iter().filter(|open| profile(open)).count(), Room::PLACES);
        story.raises(F::FindingsFlood, Critical);
        // The next poll is judged as well, and so is the one after it.
        story.fail("timeout");
        story.withdraw(|key| key.fingerprint == rogue.fingerprint);
        story.next();
        assert!(is_told(&story, &rogue), "nobody has looked at it");
    }
}
