//! Checkpoint and tail, a replay of all events, and the state that went on: one and the same.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::bundle::{Authority, Bundle, StatedNumber, SvidType, Validity};
use anchorwatch_core::journal::record_after;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{
    Event, Facts, FailureReason, Observation, Poll, Presented, PresentedCertificate, Source, record,
};
use proptest::prelude::*;

use crate::story::{Story, observed, open, relabelled, verify};

const KEYS: [&str; 8] = ["x1", "x2", "x3", "x4", "j1", "j2", "j3", "j4"];

/// What may happen to the watch over a trust domain.
#[derive(Clone, Debug)]
enum DecisionAction {
    Answers { one: Answer, other: Option<Answer>, signer: Option<usize> },
    Fails(usize),
    Waits(Duration),
    ClockStepsBack(Duration),
    Rebootstraps,
    Restarts { cleanly: bool },
}

#[derive(Clone, Debug)]
struct Answer {
    sequence: Option<u64>,
    keys: BTreeSet<usize>,
    /// Those that carry another key ID than their own.
    relabelled: BTreeSet<usize>,
    hint: u64,
}

impl Answer {
    fn bundle(&self) -> Bundle {
        let key = |key: &usize| -> Arc<Authority> {
            let name = KEYS[*key];
            relabelled(name, if self.relabelled.contains(key) { "renamed" } else { name })
        };
        let sequence = self.sequence.map_or(StatedNumber::Absent, StatedNumber::Given);
        Bundle::new(self.keys.iter().map(key).collect(), sequence, StatedNumber::Given(self.hint))
    }
}

fn answers() -> impl Strategy<Value = Answer> {
    let keys = || proptest::collection::btree_set(0..KEYS.len(), 0..5);
    let sequence = proptest::option::weighted(0.9, 0..6_u64);
    let hint = prop_oneof![Just(300_u64), Just(60)];
    (sequence, keys(), keys(), hint).prop_map(|(sequence, keys, relabelled, hint)| Answer {
        sequence,
        keys,
        relabelled,
        hint,
    })
}

fn deeds() -> impl Strategy<Value = DecisionAction> {
    let signer = proptest::option::of(0..4_usize);
    prop_oneof![
        12 => (answers(), proptest::option::weighted(0.2, answers()), signer)
            .prop_map(|(one, other, signer)| DecisionAction::Answers { one, other, signer }),
        3 => (0..FailureReason::COUNT).prop_map(DecisionAction::Fails),
        3 => (1..200_u64).prop_map(|hours| DecisionAction::Waits(Duration::from_hours(hours))),
        1 => (1..7_200_u64).prop_map(|back| DecisionAction::ClockStepsBack(Duration::from_secs(back))),
        1 => Just(DecisionAction::Rebootstraps),
        3 => any::<bool>().prop_map(|cleanly| DecisionAction::Restarts { cleanly }),
    ]
}

/// An endpoint SVID that this key signed.
fn presented(signer: usize, now: Timestamp) -> Presented {
    let validity = Validity {
        not_before: now.saturating_sub(Duration::from_secs(10)),
        not_after: now.saturating_add(Duration::from_hours(1)),
    };
    let leaf = PresentedCertificate {
        fingerprint: None,
        authority_key_id: None,
        validity,
        key_type: None,
        subject: None,
        issuer: None,
        uri_sans: Vec::new(),
    };
    let anchor = Some(relabelled(KEYS[signer], "").id.fingerprint);
    Presented { leaf, chain: Vec::new(), anchor, path: Arc::default() }
}

async fn answer(story: &mut Story, views: Vec<(Bundle, Option<Presented>)>) {
    let (mut answers, mut bodies, mut unknown) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (place, (bundle, presented)) in views.into_iter().enumerate() {
        let ids = bundle.authorities().iter().map(|authority| authority.id);
        unknown.extend(ids.filter(|id| story.state.facts.record(*id).is_none()));
        let address: IpAddr = [127, 0, 0, u8::try_from(place).unwrap() + 1].into();
        let source = Source { presented, address: Some(address), ..Source::default() };
        let (observation, body): (Observation, _) = observed(bundle, source);
        answers.push(Ok(observation));
        bodies.push(body);
    }
    let recalled = story.store.recall(&story.name, unknown.into_iter().collect()).await;
    story.poll(Poll { answers, recalled }, bodies).await;
}

async fn rebootstrap(story: &mut Story) {
    let authorities = vec![relabelled("x9", "x9")];
    let (by, uid, reason) = ("someone".into(), Some(0), "a lockout".into());
    let event = Event::Rebootstrapped { by, uid, reason, authorities };
    record(&mut story.state, story.now, &event);
    let batch = anchorwatch::store::Batch {
        trust_domain: story.name.clone(),
        at: story.now,
        events: vec![event.clone()],
        bodies: Vec::new(),
        facts: Arc::clone(&story.state.facts),
        poll_state: story.state.poll_state.clone(),
    };
    story.events.push((story.now, event));
    story.store.append(batch).await;
}

async fn told(deeds: Vec<DecisionAction>) {
    let directory = tempfile::tempdir().unwrap();
    let (opened, loaded) = open(directory.path());
    let mut story = Story::of("a.example", &opened, &loaded);
    let mut bystander = Story::of("b.example", &opened, &loaded);
    drop(opened);
    for action in deeds {
        let now = story.now;
        match action {
            DecisionAction::Answers { one, other, signer } => {
                let signed = signer.map(|signer| presented(signer, now));
                let mut views = vec![(one.bundle(), signed)];
                views.extend(other.map(|other| (other.bundle(), None)));
                answer(&mut story, views).await;
            }
            DecisionAction::Fails(reason) => {
                story.fails(FailureReason::ALL[reason]).await;
            }
            DecisionAction::Waits(long) => story.now = now.saturating_add(long),
            DecisionAction::ClockStepsBack(back) => story.now = now.saturating_sub(back),
            DecisionAction::Rebootstraps => rebootstrap(&mut story).await,
            DecisionAction::Restarts { cleanly } => {
                bystander.publishes(1, &["x1"]).await;
                let head = story.store.status().head;
                if cleanly {
                    story.store.clone().close().await.unwrap();
                } else {
                    // No last checkpoint: what was appended is all there is.
                    let copy = tempfile::tempdir().unwrap();
                    for file in ["anchorwatch.sqlite", "anchorwatch.sqlite-wal"] {
                        let from = directory.path().join(file);
                        std::fs::copy(from, copy.path().join(file)).unwrap();
                    }
                    let (copied, loaded) = open(copy.path());
                    assert_eq!(
                        loaded.domains.get(&story.name).cloned().unwrap_or_default(),
                        story.state
                    );
                    copied.close().await.unwrap();
                    story.store.clone().close().await.unwrap();
                }
                let (opened, loaded) = open(directory.path());
                assert_eq!(loaded.head, head);
                assert_eq!(loaded.domains[&bystander.name], bystander.state);
                let known = loaded.domains.get(&story.name).cloned().unwrap_or_default();
                assert_eq!(known, story.state);
                (story.state, story.store) = (known, opened.clone());
                bystander.store = opened;
            }
        }
        let events = || story.events.iter().map(|(at, event)| (*at, event));
        assert_eq!(Facts::replay(events()), *story.state.facts);
    }
    for key in KEYS {
        let id = relabelled(key, key).id;
        let events = story.events.iter().map(|(at, event)| (*at, event));
        let recorded = story.store.recall(&story.name, vec![id]).await;
        assert_eq!(recorded.first(), record_after(None, id, events).as_ref());
        if let Some(known) = story.state.facts.record(id) {
            assert_eq!(recorded.first().map(|record| record.published), Some(known.published));
            assert_eq!(id.svid_type == SvidType::X509, key.starts_with('x'));
        }
    }
    story.store.clone().close().await.unwrap();
    verify(directory.path(), None).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn checkpoint_and_tail_are_the_replay_and_the_state(
        deeds in proptest::collection::vec(deeds(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(told(deeds));
    }
}
