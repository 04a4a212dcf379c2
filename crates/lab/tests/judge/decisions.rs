//! What operators decide, and what never matters to the judgement.

use anchorwatch_core::finding::{FindingKind as F, Severity::*};
use anchorwatch_core::replay::ReplayReport;
use anchorwatch_lab::issuer::IssuerSettings;
use anchorwatch_lab::simulate::{Authentication, Incident, ObservationLines, Scenario, World};
use serde_json::{Value, json};

use crate::properties::KEYS;
use crate::story::{DAY, HOUR, Key, LIFE, MINUTE, POLL, SOON, Story, UNTIL_DUE, policy};

/// A restart's pair, made just before the next poll.
fn pair(story: &mut Story) -> [Key; 2] {
    let made = story.now.saturating_add(SOON);
    [story.x509(made, LIFE), story.jwt(made)]
}

#[test]
fn an_announcement_explains_as_many_keys_as_it_says_and_no_more() {
    let mut story = Story::calm();
    let until = story.now.saturating_add(HOUR);
    story.decides(
        "announce",
        &[
            ("use", json!("jwt-svid")),
            ("count", json!(1)),
            ("not_before", json!(story.now)),
            ("not_after", json!(until)),
        ],
    );
    let one = story.jwt(story.now);
    story.publish([one]);
    story.next();
    story.without(F::UnexpectedAuthority);
    let other = story.jwt(story.now);
    story.publish([other.clone()]);
    story.next();
    assert_eq!(story.raises(F::UnexpectedAuthority, Critical).subject, other.short);
}

#[test]
fn an_announcement_that_has_passed_explains_nothing() {
    let mut story = Story::calm();
    let until = story.now.saturating_add(MINUTE);
    story.decides(
        "announce",
        &[
            ("use", json!("jwt-svid")),
            ("count", json!(1)),
            ("not_before", json!(story.now)),
            ("not_after", json!(until)),
        ],
    );
    story.go(2 * POLL);
    let late = story.jwt(story.now);
    story.publish([late]);
    story.next();
    story.raises(F::UnexpectedAuthority, Critical);
}

#[test]
fn a_rotation_on_its_date_consumes_no_announcement() {
    let mut story = Story::calm();
    let until = story.now.saturating_add(DAY);
    story.decides(
        "announce",
        &[
            ("use", json!("jwt-svid")),
            ("count", json!(1)),
            ("not_before", json!(story.now)),
            ("not_after", json!(until)),
        ],
    );
    story.go(11 * HOUR);
    let announced = story.jwt(story.now);
    story.publish([announced]);
    story.next();
    story.without(F::UnexpectedAuthority);
}

#[test]
fn what_was_approved_before_it_came_is_explained_when_it_comes() {
    let mut story = Story::calm();
    let pair = pair(&mut story);
    for key in &pair {
        story.decides("approve", &[("fingerprint", json!(key.fingerprint))]);
    }
    story.publish(pair);
    story.count(1);
    story.next();
    story.without(F::UnexpectedAuthority);
}

/// A denial binds the public key, for ever: its finding can be acknowledged once the key is gone,
/// and returns with it.
#[test]
fn a_denied_key_is_done_with_once_it_is_gone_and_returns_with_it() {
    let mut story = Story::calm();
    let rogue = story.jwt(story.now);
    story.publish([rogue.clone()]);
    story.next();
    story.decides("deny", &[("fingerprint", json!(rogue.fingerprint))]);
    story.acks();
    story.raises(F::UnexpectedAuthority, Critical);
    story.withdraw(|key| key.short == rogue.short);
    story.next();
    story.acks();
    story.without(F::UnexpectedAuthority);
    story.publish([rogue.clone()]);
    story.next();
    story.raises(F::UnexpectedAuthority, Critical);
    story.decides("approve", &[("fingerprint", json!(rogue.fingerprint))]);
    story.without(F::UnexpectedAuthority);
}

/// The removal of a key that was never explained is no early removal: its finding says it is gone.
#[test]
fn the_removal_of_an_unexplained_key_raises_nothing_of_its_own() {
    let mut story = Story::calm();
    let rogue = story.jwt(story.now);
    story.publish([rogue.clone()]);
    story.next();
    story.withdraw(|key| key.short == rogue.short);
    story.next();
    story.without(F::EarlyRemoval);
    story.without(F::InFlightRisk);
    story.raises(F::UnexpectedAuthority, Critical);
}

/// An event stays until someone looks, whatever comes after it.
#[test]
fn an_event_finding_stays_through_rotations_until_it_is_decided_on() {
    let mut story = Story::calm();
    let rogue = story.jwt(story.now);
    story.publish([rogue]);
    story.next();
    story.go(5 * DAY);
    story.raises(F::UnexpectedAuthority, Critical);
    story.acks();
    story.without(F::UnexpectedAuthority);
}

/// A warning that nobody looks at ends after thirty days; what is critical does not.
#[test]
fn a_warning_ends_unreviewed_after_thirty_days_and_a_page_does_not() {
    let mut story = Story::calm();
    story.count(1);
    let rogue = story.jwt(story.now);
    story.publish([rogue]);
    story.next();
    story.raises(F::HiddenChange, Warning);
    story.go(31 * DAY);
    story.without(F::HiddenChange);
    story.raises(F::UnexpectedAuthority, Critical);
}

/// The lines of a simulated domain to which this happens.
fn lines(incident: Incident, seed: u64) -> Vec<Value> {
    let name: anchorwatch_core::spiffe::TrustDomain = "b.example".parse().unwrap();
    let mut scenario = Scenario::clean(name.clone(), 2, IssuerSettings::spire(6 * HOUR));
    scenario.lasts = 9 * HOUR;
    scenario.observer.auto = false;
    scenario.observer.interval = 2 * MINUTE;
    // An endpoint that fails is silent since its last good poll: another second there is news.
    scenario.observer.authentication = Authentication::Recorded;
    let scenario = scenario.with(4 * HOUR, incident);
    let mut lines = ObservationLines::new(name);
    let world = World::with_keys(&scenario, seed, &KEYS);
    world.map(|turn| serde_json::from_str(&lines.of(&turn)).unwrap()).collect()
}

/// What is said of these lines.
fn said(lines: &[Value]) -> Vec<String> {
    let mut story = Story::new(policy());
    for line in lines {
        story.judge_line(&line.to_string());
    }
    story.said.iter().map(|report| serde_json::to_string(report).unwrap()).collect()
}

const INCIDENTS: [Incident; 6] = [
    Incident::RestartKeysLost,
    Incident::InjectedJwtMatched,
    Incident::EarlyRevoke,
    Incident::Rollback,
    Incident::StallOfOne,
    Incident::MissedPolls,
];

#[test]
fn the_order_of_keys_in_a_document_never_matters() {
    for (seed, incident) in (1..).zip(INCIDENTS) {
        let lines = lines(incident, seed);
        let mut turned = lines.clone();
        for (place, line) in turned.iter_mut().enumerate() {
            let keys = line.get_mut("bundle").and_then(|bundle| bundle["keys"].as_array_mut());
            let Some(keys) = keys else { continue };
            keys.reverse();
            let by = place % keys.len().max(1);
            keys.rotate_left(by);
        }
        let told = said(&lines);
        assert_eq!(told, said(&turned), "{incident}");
        assert!(incident == Incident::MissedPolls || !told.is_empty(), "{incident} says nothing");
    }
}

/// After a lockout: what the operator brought is approved by that, and nothing else.
#[test]
fn a_rebootstrap_approves_what_stands_in_its_file() {
    let mut story = Story::calm();
    let [root, key] = pair(&mut story);
    let planted = story.jwt(story.now);
    let file = json!({"keys": [root.element.clone(), key.element.clone()]});
    story.decides("rebootstrap", &[("bundle", file)]);
    story.publish([root, key, planted.clone()]);
    story.next();
    let subjects: Vec<&str> =
        story.opened(F::UnexpectedAuthority).iter().map(|open| open.subject.as_str()).collect();
    assert_eq!(subjects, [planted.short.as_str()]);
}

#[test]
fn unchanged_polls_between_two_change_nothing_that_is_said() {
    for (seed, incident) in (11..).zip(INCIDENTS) {
        let lines = lines(incident, seed);
        // Each poll twice: the second one a second later, and unchanged.
        let mut doubled = Vec::new();
        for line in &lines {
            doubled.push(line.clone());
            if line.get("bundle").is_some() || line.get("unchanged").is_some() {
                let at: anchorwatch_core::time::Timestamp =
                    line["at"].as_str().unwrap().parse().unwrap();
                let mut again = json!({"unchanged": true, "trust_domain": line["trust_domain"]});
                again["at"] = json!(at.saturating_add(MINUTE / 60));
                doubled.push(again);
            }
        }
        // When it is said may differ by that second, and evidence names it.
        let kinds = |said: Vec<String>| -> Vec<(Value, Value, Value, Value)> {
            let told = said.iter().map(|text| serde_json::from_str::<Value>(text).unwrap());
            let findings = told.filter(|report| report["type"] == "finding");
            let key = |one: Value| {
                let field = |name: &str| one[name].clone();
                (field("finding"), field("subject"), field("severity"), field("change"))
            };
            findings.map(key).collect()
        };
        assert_eq!(kinds(said(&lines)), kinds(said(&doubled)), "{incident}");
    }
}

/// A key that an answer beside the state shows: a replica that lags behind in its number.
fn unconfirmed_authority(story: &mut Story, keys: &[Key]) {
    let (state, sequence) = (story.keys.clone(), story.sequence.clone());
    story.keys.extend(keys.iter().cloned());
    story.sequence = json!(sequence.as_u64().unwrap() - 1);
    story.now = story.now.saturating_add(POLL);
    story.poll();
    (story.keys, story.sequence) = (state, sequence);
    story.now = story.now.saturating_add(MINUTE / 6);
    story.poll();
}

#[test]
fn a_denied_key_beside_the_state_excuses_no_missed_date() {
    for denied in [false, true] {
        let mut story = Story::calm();
        let key = story.jwt(story.now);
        unconfirmed_authority(&mut story, std::slice::from_ref(&key));
        story.raises(F::UnexpectedAuthority, Critical);
        if denied {
            story.decides("deny", &[("fingerprint", json!(key.fingerprint))]);
        }
        story.rotates_jwt = false;
        story.go(11 * HOUR);
        assert_eq!(story.opened(F::RotationOverdue).is_empty(), !denied, "{denied}");
    }
}

#[test]
fn an_approval_ends_the_finding_of_a_key_beside_the_state() {
    let mut story = Story::calm();
    let key = story.jwt(story.now);
    unconfirmed_authority(&mut story, std::slice::from_ref(&key));
    story.raises(F::UnexpectedAuthority, Critical);
    story.decides("approve", &[("fingerprint", json!(key.fingerprint))]);
    story.quiet();
}

/// A replica that lags in its number shows a rotation first: it is the same rotation.
#[test]
fn a_rotation_that_was_unconfirmed_first_is_one_hand_over() {
    let mut story = Story::calm();
    story.go(UNTIL_DUE);
    let before = ["x509-svid", "jwt-svid"].map(|one| story.of(one).pop().unwrap().short);
    story.away(POLL);
    let sequence = story.sequence.clone();
    story.sequence = json!(sequence.as_u64().unwrap() - 3);
    story.poll();
    story.sequence = sequence;
    story.now = story.now.saturating_add(MINUTE / 6);
    story.poll();
    story.go(4 * DAY);
    for key in before {
        let verdict = story.said.iter().find_map(|report| match report {
            ReplayReport::Verdict { old, verdict, .. } if old.short() == key => Some(*verdict),
            ReplayReport::Verdict { .. } | ReplayReport::Finding { .. } => None,
        });
        assert_eq!(verdict, Some("safe"), "{key}");
    }
    story.said_only(&[]);
}

#[test]
fn an_approval_ends_the_finding_of_a_key_that_went_long_ago() {
    let mut story = Story::calm();
    let key = story.jwt(story.now);
    for key in std::iter::once(key.clone())
        .chain((0..10).map(|_| story.jwt(story.now)))
        .collect::<Vec<_>>()
    {
        story.publish([key.clone()]);
        story.next();
        story.withdraw(|one| one.short == key.short);
        story.next();
    }
    story.go(3 * DAY);
    let open = |story: &Story| {
        story.opened(F::UnexpectedAuthority).iter().any(|open| open.subject == key.short)
    };
    assert!(open(&story));
    story.decides("approve", &[("fingerprint", json!(key.fingerprint))]);
    story.next();
    assert!(!open(&story));
}

/// What explains itself keeps its place in the rotation, whoever approves of it.
#[test]
fn an_approved_key_of_the_baseline_gives_a_planted_one_no_date() {
    let mut story = Story::new(policy());
    story.poll();
    let first = story.newest_jwt();
    story.decides("approve", &[("fingerprint", json!(first.fingerprint))]);
    let began = story.now;
    story.go(11 * HOUR);
    story.quiet();
    // The last poll before the date that the approved key's own next one would have.
    let left = (LIFE / 2).checked_sub(story.now.since(began).unwrap()).unwrap();
    story.go(left.checked_sub(POLL).unwrap());
    let planted = story.jwt(story.now);
    story.publish([planted.clone()]);
    story.next();
    assert_eq!(story.raises(F::UnexpectedAuthority, Critical).subject, planted.short);
}

#[test]
fn a_denial_holds_for_a_domain_that_is_heard_of_later() {
    let mut story = Story::calm();
    let key = story.jwt(story.now);
    story.publish([key.clone()]);
    story.next();
    story.decides("deny", &[("fingerprint", json!(key.fingerprint))]);
    let mut other = Story::named("other.example", policy(), 9);
    std::mem::swap(&mut other.replay, &mut story.replay);
    other.now = story.now;
    other.publish([key.clone()]);
    other.poll();
    let found = other.raises(F::UnexpectedAuthority, Critical);
    assert_eq!(found.subject, key.short, "in the first bundle already");
    assert!(found.evidence[0].contains("denied"), "{:?}", found.evidence);
}

/// Two servers that share a name answer in turn: each key of theirs comes and goes, and is one
/// thing to decide on.
#[test]
fn what_comes_and_goes_is_one_finding_and_an_acknowledgement_covers_what_had_happened() {
    let mut story = Story::calm();
    let planted = story.jwt(story.now);
    let victim = story.of("jwt-svid")[0].clone();
    let flip = |story: &mut Story| {
        for there in [true, false] {
            story.keys.retain(|key| ![&planted.short, &victim.short].contains(&&key.short));
            story.keys.push(if there { planted.clone() } else { victim.clone() });
            story.count(2);
            story.next();
        }
    };
    for _ in 0..3 {
        flip(&mut story);
    }
    for kind in [F::UnexpectedAuthority, F::AuthorityResurrected, F::EarlyRemoval] {
        let mut subjects: Vec<String> =
            story.opened(kind).iter().map(|open| open.subject.clone()).collect();
        let all = subjects.len();
        subjects.sort_unstable();
        subjects.dedup();
        assert_eq!(subjects.len(), all, "{kind}");
    }
    assert_eq!(story.opened(F::UnexpectedAuthority).len(), 1);
    let resurrected = story.opened(F::AuthorityResurrected).len();
    assert_eq!(resurrected, 2);
    let ids = story.open.iter().filter(|(_, open)| open.kind == F::AuthorityResurrected);
    let ids: Vec<_> = ids.map(|(id, _)| *id).collect();
    for id in ids {
        story.decides("ack", &[("finding", json!(id))]);
    }
    story.go(HOUR);
    story.without(F::AuthorityResurrected);
    flip(&mut story);
    assert_eq!(story.opened(F::AuthorityResurrected).len(), resurrected, "it happened again");
}

#[test]
fn an_acknowledgement_covers_every_number_that_equivocated_by_then() {
    let mut story = Story::calm();
    for _ in 0..2 {
        let key = story.jwt(story.now);
        story.keys.push(key);
        story.next();
        story.count(1);
        story.next();
    }
    assert_eq!(story.opened(F::Equivocation).len(), 1);
    let id = story.open.iter().find(|(_, open)| open.kind == F::Equivocation).map(|(id, _)| *id);
    story.decides("ack", &[("finding", json!(id))]);
    story.go(HOUR);
    story.without(F::Equivocation);
    let key = story.jwt(story.now);
    story.keys.push(key);
    story.next();
    story.raises(F::Equivocation, Critical);
}
