//! What a restart may rely on: the events replayed give the facts, and what is stored of the
//! facts gives them back.

use std::time::Duration;

use crate::timeline::Timeline;
use anchorwatch_core::watch::{Budget, DomainState, Event, Facts, FailureReason, Policy};
use proptest::prelude::*;

/// One poll of a story that nobody wrote.
#[derive(Clone, Debug)]
enum Turn {
    Publishes { sequence: Option<u64>, keys: Vec<u8> },
    Fails(FailureReason),
    Signs { key: u8, not_before: i64 },
    Waits(u64),
    StepsBack(u64),
    Rebootstraps(u8),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        8 => (proptest::option::weighted(0.9, 0..12_u64), proptest::collection::vec(0..24_u8, 0..8))
            .prop_map(|(sequence, keys)| Turn::Publishes { sequence, keys }),
        2 => proptest::sample::select(&FailureReason::ALL[..]).prop_map(Turn::Fails),
        1 => (0..24_u8, 0..100_i64).prop_map(|(key, not_before)| Turn::Signs { key, not_before }),
        1 => (0..200_000_u64).prop_map(Turn::Waits),
        1 => (0..10_000_u64).prop_map(Turn::StepsBack),
        1 => (0..24_u8).prop_map(Turn::Rebootstraps),
    ];
    proptest::collection::vec(turn, 0..60)
}

/// Even keys are X.509 authorities, odd ones JWT authorities.
fn names(keys: &[u8]) -> Vec<String> {
    keys.iter().map(|key| format!("{}:{key}", if key % 2 == 0 { "x" } else { "j" })).collect()
}

fn told(turns: &[Turn], policy: Policy) -> Timeline {
    let mut story = Timeline::start().under(policy);
    for turn in turns {
        story = match turn {
            Turn::Publishes { sequence, keys } => {
                let names = names(keys);
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                match sequence {
                    Some(sequence) => story.publishes(*sequence, &names),
                    None => story.publishes_unnumbered(&names),
                }
            }
            Turn::Fails(reason) => story.fails(*reason),
            Turn::Signs { key, not_before } => story.signed_by(&key.to_string(), *not_before),
            Turn::Waits(seconds) => story.after(Duration::from_secs(*seconds)),
            Turn::StepsBack(seconds) => story.back(Duration::from_secs(*seconds)),
            Turn::Rebootstraps(key) => story.rebootstraps(&[&format!("x:{key}")]),
        };
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn all_events_replayed_give_the_facts(turns in turns()) {
        let story = told(&turns, Policy::default());
        prop_assert_eq!(&Facts::replay(story.journal()), &**story.facts());
    }

    #[test]
    fn a_checkpoint_and_its_tail_give_the_facts(turns in turns(), cut in 0.0..1.0_f64) {
        let story = told(&turns, Policy::default());
        let journal: Vec<_> = story.journal().collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            clippy::as_conversions, reason = "a place in a short list")]
        let place = (journal.len() as f64 * cut) as usize;
        let checkpoint = Facts::replay(journal[..place].iter().copied());
        let stored = serde_json::to_string(&checkpoint).unwrap();
        let mut facts: Facts = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&facts, &checkpoint);
        for (at, event) in &journal[place..] {
            let stored = serde_json::to_string(event).unwrap();
            let event: Event = serde_json::from_str(&stored).unwrap();
            facts.apply(*at, &event);
        }
        prop_assert_eq!(&facts, &**story.facts());
    }

    #[test]
    fn many_unchanged_polls_are_one(turns in turns(), times in 1..20_usize) {
        let story = told(&turns, Policy::default()).publishes(100, &["x:1", "j:2"]);
        let one = story.clone().forget_events();
        let mut many = one.clone();
        for _ in 0..times {
            many = many.publishes(100, &["j:2", "x:1"]);
        }
        many.expect(&[]);
        prop_assert_eq!(one.facts(), many.facts());
    }

    #[test]
    fn past_a_spent_budget_the_journal_gives_the_facts_too(turns in turns()) {
        let daily_budget = Budget { events: 20, bytes: u64::MAX };
        let story = told(&turns, Policy { daily_budget, ..Policy::default() });
        let mut days = std::collections::BTreeMap::<i64, u64>::new();
        for (at, event) in story.journal() {
            if !matches!(event, Event::Rebootstrapped { .. }) {
                *days.entry(at.as_unix().div_euclid(86_400)).or_default() += 1;
            }
        }
        // A clock that is stepped back over midnight may begin a day anew. Past the budget the
        // reserves pay for the few keys that there are.
        let steps = turns.iter().filter(|turn| matches!(turn, Turn::StepsBack(_))).count();
        let surplus = 22 + 40 * u64::try_from(turns.len()).unwrap();
        let most = surplus * (u64::try_from(steps).unwrap() + 1);
        prop_assert!(days.values().all(|count| *count <= most), "{days:?}");
        let DomainState { facts, .. } = story.state();
        prop_assert_eq!(&Facts::replay(story.journal()), &**facts);
    }
}
