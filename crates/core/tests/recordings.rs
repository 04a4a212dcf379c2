//! Recordings of real SPIRE servers, polled every 3 s: what the parser reads of them, and what
//! the watch makes of them.

#![cfg(test)]
#![allow(clippy::disallowed_methods, reason = "a test reads its data")]

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anchorwatch_core::bundle::{
    Bundle, Digest, KeyId, ParseLimits, SvidType, Validity, diff, parse,
};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::untrusted::UntrustedText;
use anchorwatch_core::watch::{
    AuthorityRecord, DomainState, Event, Facts, Observation, Policy, Poll, PollInterval, Presented,
    PresentedCertificate, Source, step,
};
use serde_json::Value;

struct Recording {
    polls: Vec<(Timestamp, Observation)>,
}

struct Told {
    state: DomainState,
    events: Vec<(Timestamp, Event)>,
}

impl Told {
    fn named(&self, name: &str) -> Vec<&(Timestamp, Event)> {
        self.events.iter().filter(|(_, event)| event.name() == name).collect()
    }

    /// When authorities of this use came, after the first poll, in seconds from it.
    fn publications(&self, svid_type: SvidType) -> Vec<i64> {
        let start = self.events.first().unwrap().0;
        self.named("authority_introduced")
            .into_iter()
            .filter(|(_, event)| event.authority().unwrap().svid_type == svid_type)
            .map(|(at, _)| at.micros_since(start) / 1_000_000)
            .filter(|seconds| 0 < *seconds)
            .collect()
    }
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn presented(svid: &Value) -> Presented {
    let key_id: KeyId = serde_json::from_value(svid["authority_key_id"].clone()).unwrap();
    let validity =
        Validity { not_before: time(&svid["not_before"]), not_after: time(&svid["not_after"]) };
    Presented {
        leaf: PresentedCertificate {
            fingerprint: None,
            authority_key_id: Some(key_id),
            validity,
            key_type: None,
            subject: None,
            issuer: None,
            uri_sans: Vec::new(),
        },
        chain: Vec::new(),
        anchor: None,
        path: std::sync::Arc::default(),
    }
}

fn recording(name: &str) -> Recording {
    let text =
        fs::read_to_string(format!("../../tests/data/spire/{name}.observations.jsonl")).unwrap();
    let mut polls = Vec::new();
    let mut last: Option<Observation> = None;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line.get("failure").is_some() {
            continue;
        }
        if let Some(document) = line.get("bundle") {
            let body = serde_json::to_vec(document).unwrap();
            let parsed = parse(&body, &ParseLimits::default()).unwrap();
            assert!(parsed.irregularities.is_empty(), "{name}: {:?}", parsed.irregularities);
            assert!(parsed.redacted.is_none());
            last = Some(Observation {
                bundle: parsed.bundle,
                irregularities: parsed.irregularities,
                body: Digest::of(&body),
                length: u64::try_from(body.len()).unwrap(),
                refusals: None,
                source: Source::default(),
            });
        }
        let observation = last.as_mut().unwrap();
        if let Some(svid) = line.get("endpoint_svid") {
            observation.source.presented = Some(presented(svid));
        }
        polls.push((time(&line["at"]), observation.clone()));
    }
    Recording { polls }
}

fn policy() -> Policy {
    Policy {
        poll_interval: PollInterval::Every(Duration::from_secs(3)),
        clock_skew: Duration::from_secs(5),
        replica_lag: Duration::from_secs(10),
        ..Policy::default()
    }
}

fn told(recording: &Recording) -> Told {
    let mut state = DomainState::default();
    let mut events = Vec::new();
    for (at, observation) in &recording.polls {
        let step = step(state, Poll::of(Ok(observation.clone())), *at, &policy(), 0.5);
        state = step.state;
        events.extend(step.events.into_iter().map(|event| (*at, event)));
    }
    let replayed = Facts::replay(events.iter().map(|(at, event)| (*at, event)));
    assert_eq!(replayed, *state.facts, "the journal gives the facts");
    Told { state, events }
}

/// The events of a story against the sets themselves: nothing is invented, and nothing missed.
fn check_against_the_sets(recording: &Recording, told: &Told) {
    let (mut introduced, mut removed) = (0, 0);
    let mut before = Bundle::default();
    for (_, observation) in &recording.polls {
        let difference = diff(&before, &observation.bundle);
        introduced += difference.introduced.len();
        removed += difference.removed.len();
        before = observation.bundle.clone();
    }
    assert_eq!(told.named("authority_introduced").len(), introduced);
    assert_eq!(told.named("authority_removed").len(), removed);
    let published: BTreeSet<_> = told.state.facts.published().map(AuthorityRecord::id).collect();
    let served: BTreeSet<_> = before.authorities().iter().map(|authority| authority.id).collect();
    assert_eq!(published, served);
}

#[test]
fn a_clean_server_rotates_every_three_minutes_and_nothing_else_happens() {
    let recording = recording("clean1");
    let told = told(&recording);
    check_against_the_sets(&recording, &told);
    // docs/rotation-model.md#measured-behaviour: X.509 publications every 180 s exactly, JWT publications
    // drift away from them.
    let publications = told.publications(SvidType::X509);
    assert!(13 <= publications.len(), "{publications:?}");
    assert!(
        publications.windows(2).all(|pair| (177..=183).contains(&(pair[1] - pair[0]))),
        "{publications:?}"
    );
    let (x509, jwt) =
        (publications.last().unwrap(), *told.publications(SvidType::Jwt).last().unwrap());
    assert!(3 <= jwt - x509, "the JWT chain has slipped: {x509} {jwt}");
    for name in
        ["stepped_back", "failure_began", "clock_stepped_back", "watch_gap", "address_differs"]
    {
        assert!(told.named(name).is_empty(), "{name}");
    }
    // Each X.509 authority was seen to sign within its life, one after the other.
    assert!(12 <= told.named("authority_signed").len());
}

#[test]
fn three_replicas_on_one_database_never_step_back_and_sign_in_turn() {
    let recording = recording("clean3");
    let told = told(&recording);
    check_against_the_sets(&recording, &told);
    assert!(told.named("stepped_back").is_empty());
    assert!(3 <= told.state.poll_state.leaves.len(), "three issuers alternate");
    let last = recording.polls.last().unwrap().0;
    let recent = |seen: &&anchorwatch_core::watch::SeenLeaf| {
        last.since(seen.leaf.seen_at).is_some_and(|age| age < Duration::from_mins(1))
    };
    // One of the three may have gone over to its next authority within that minute.
    let signing = told.state.poll_state.leaves.iter().filter(recent).count();
    assert!((3..=6).contains(&signing), "{signing}");
}

#[test]
fn a_forced_rotation_shows_a_hidden_step_of_the_sequence_and_an_early_removal() {
    let recording = recording("forced");
    let told = told(&recording);
    check_against_the_sets(&recording, &told);
    // The taint: the sequence moves and no key does.
    let alone = told.named("bundle_changed").into_iter().filter(|(_, event)| {
        matches!(event, Event::BundleChanged { introduced, removed, .. }
            if introduced.is_empty() && removed.is_empty())
    });
    assert_eq!(alone.count(), 1);
}

#[test]
fn an_appended_key_and_root_are_introduced_when_they_were_appended() {
    let recording = recording("rogue");
    let told = told(&recording);
    check_against_the_sets(&recording, &told);
    let truth = fs::read_to_string("../../tests/data/spire/rogue.truth.jsonl").unwrap();
    let appended: Vec<Value> = truth
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["what"] == "append_bundle")
        .collect();
    assert_eq!(appended.len(), 2);
    let planted = told.named("authority_introduced").into_iter().find(|(_, event)| {
        let Event::AuthorityIntroduced { authority, .. } = event else { return false };
        authority.kid.as_ref().map(UntrustedText::as_received) == appended[0]["kid"].as_str()
    });
    let (seen, Event::AuthorityIntroduced { published, .. }) = planted.unwrap() else { panic!() };
    let done = time(&appended[0]["at"]);
    assert!(published.after.unwrap() <= done && done <= *seen, "the bracket holds the truth");

    let ten_years = told.state.facts.published().find(|record| {
        record.authority.certificate.as_ref().is_some_and(|certificate| {
            let Validity { not_before, not_after } = certificate.validity;
            Duration::from_hours(24 * 365 * 9) < not_after.since(not_before).unwrap()
        })
    });
    let published = ten_years.unwrap().published;
    let done = time(&appended[1]["at"]);
    assert!(published.after.unwrap() <= done && done <= published.until);
}

#[test]
fn lost_keys_show_a_new_pair_that_signs_at_once() {
    let recording = recording("lost_keys");
    let told = told(&recording);
    check_against_the_sets(&recording, &told);
    let restarts = [8 * 60 + 5, 15 * 60 + 10];
    let start = told.events.first().unwrap().0;
    for restart in restarts {
        let near = |seconds: i64| (restart - 5..restart + 20).contains(&seconds);
        let x509 = told.publications(SvidType::X509).into_iter().filter(|s| near(*s)).count();
        let jwt = told.publications(SvidType::Jwt).into_iter().filter(|s| near(*s)).count();
        assert_eq!((x509, jwt), (1, 1), "{restart}: {:?}", told.publications(SvidType::X509));
        let signed = told.named("authority_signed").into_iter();
        let signed = signed.filter(|(at, _)| near(at.micros_since(start) / 1_000_000));
        assert_eq!(signed.count(), 1, "it signs at once");
    }
}
