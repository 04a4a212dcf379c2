//! Sequence numbers: rollback, equivocation, hidden changes.

use anchorwatch_core::finding::{FindingKind as F, Severity::*};
use serde_json::{Value, json};

use crate::story::{HOUR, MINUTE, POLL, Story, UNTIL_DUE};

/// A10: an old state is served again, and stays.
#[test]
fn a_state_that_steps_back_for_longer_than_replicas_lag_is_a_rollback() {
    let mut story = Story::calm();
    let (keys, sequence) = (story.keys.clone(), story.sequence.clone());
    story.go(11 * HOUR);
    story.due = None;
    (story.keys, story.sequence) = (keys, sequence);
    story.next();
    story.without(F::Rollback);
    story.next();
    story.raises(F::Rollback, Critical);
    story.acks();
    story.without(F::Rollback);
}

/// A10, twin: a replica that lags for seconds.
#[test]
fn a_replica_that_lags_for_seconds_is_no_rollback() {
    let mut story = Story::calm();
    let (keys, sequence) = (story.keys.clone(), story.sequence.clone());
    story.go(10 * HOUR);
    let (newer, number) = (story.keys.clone(), story.sequence.clone());
    for _ in 0..2 {
        (story.keys, story.sequence) = (keys.clone(), sequence.clone());
        story.now = story.now.saturating_add(MINUTE / 6);
        story.poll();
        (story.keys, story.sequence) = (newer.clone(), number.clone());
        story.now = story.now.saturating_add(MINUTE / 12);
        story.poll();
    }
    story.go(HOUR);
    story.without(F::Rollback);
    story.without(F::ReplicasDisagree);
}

/// A11: two key sets under one number.
#[test]
fn two_key_sets_under_one_number_are_equivocation_at_once() {
    let mut story = Story::calm();
    let key = story.jwt(story.now);
    story.keys.push(key);
    story.next();
    story.raises(F::Equivocation, Critical);
    story.acks();
    story.without(F::Equivocation);
}

/// What the number hid once says nothing of a later publication under a number of its own.
#[test]
fn keys_that_went_under_an_old_number_do_not_accuse_the_next_birth() {
    let mut story = Story::calm();
    let oldest = story.of("jwt-svid")[0].short.clone();
    story.keys.retain(|key| key.short != oldest);
    story.next();
    story.raises(F::Equivocation, Critical);
    story.acks();
    story.go(11 * HOUR);
    story.without(F::UnexpectedAuthority);
    story.without(F::Equivocation);
}

/// A11, twin: another refresh hint under the same number is no other key set.
#[test]
fn a_hint_that_changes_alone_is_no_equivocation() {
    let mut story = Story::calm();
    story.hint = json!(900);
    story.go(HOUR);
    story.without(F::Equivocation);
    story.said_only(&[]);
}

/// A12: the number moves, and nothing else does.
#[test]
fn a_number_that_moves_alone_is_a_hidden_change() {
    let mut story = Story::calm();
    story.count(1);
    story.next();
    let found = story.raises(F::HiddenChange, Warning);
    assert!(found.evidence.iter().any(|line| line.contains("taint")));
    story.acks();
    story.without(F::HiddenChange);
}

/// A12, twin: a rotation counts two, for its two transactions.
#[test]
fn the_two_transactions_of_a_rotation_are_no_hidden_change() {
    let mut story = Story::calm();
    story.go(11 * HOUR);
    story.without(F::HiddenChange);
}

/// A13: the number jumps further than what was seen.
#[test]
fn a_jump_beyond_what_was_seen_says_by_how_much() {
    let mut story = Story::calm();
    story.go(UNTIL_DUE);
    story.count(3);
    story.next();
    let found = story.raises(F::HiddenChange, Warning);
    assert!(found.evidence[0].contains("3 unseen"), "{:?}", found.evidence);
}

/// A13, twin: what happened while the monitor was away is not hidden.
#[test]
fn a_jump_over_a_gap_of_the_monitor_is_a_gap_and_nothing_hidden() {
    let mut story = Story::calm();
    story.away(11 * HOUR);
    story.count(2);
    story.next();
    story.raises(F::ObservationGap, Info);
    story.without(F::HiddenChange);
    story.without(F::UnexpectedAuthority);
    story.acks();
    story.without(F::ObservationGap);
}

/// The first poll after it may fail, as where the network comes up last.
#[test]
fn a_gap_whose_first_poll_fails_hides_nothing_either() {
    let mut story = Story::calm();
    let oldest = story.of("jwt-svid")[0].short.clone();
    story.away(11 * HOUR);
    let newest = story.newest_jwt().short;
    story.withdraw(|key| {
        key.element["use"] == "jwt-svid" && ![&oldest, &newest].contains(&&key.short)
    });
    story.count(2);
    story.fail("timeout");
    story.next();
    story.raises(F::ObservationGap, Info);
    story.without(F::HiddenChange);
    let severities: Vec<_> =
        story.opened(F::InFlightRisk).iter().map(|found| found.severity).collect();
    assert_eq!(severities, [Warning]);
}

/// A poll that was late by less than three intervals is none.
#[test]
fn two_polls_that_were_not_made_are_no_gap() {
    let mut story = Story::calm();
    story.away(2 * POLL);
    story.next();
    story.without(F::ObservationGap);
}

/// A26: the answers alternate.
#[test]
fn answers_that_alternate_for_longer_than_the_lag_disagree() {
    let mut story = Story::calm();
    let (keys, sequence) = (story.keys.clone(), story.sequence.clone());
    story.go(11 * HOUR);
    let (newer, number) = (story.keys.clone(), story.sequence.clone());
    story.due = None;
    for _ in 0..4 {
        (story.keys, story.sequence) = (keys.clone(), sequence.clone());
        story.next();
        (story.keys, story.sequence) = (newer.clone(), number.clone());
        story.next();
    }
    story.raises(F::ReplicasDisagree, Warning);
    story.go(2 * HOUR);
    story.without(F::ReplicasDisagree);
}

/// A26, twin: one old answer from a cache is none.
#[test]
fn one_old_answer_is_no_disagreement() {
    let mut story = Story::calm();
    let (keys, sequence) = (story.keys.clone(), story.sequence.clone());
    story.go(11 * HOUR);
    let (newer, number) = (story.keys.clone(), story.sequence.clone());
    (story.keys, story.sequence) = (keys, sequence);
    story.now = story.now.saturating_add(MINUTE / 6);
    story.poll();
    (story.keys, story.sequence) = (newer, number);
    story.go(HOUR);
    story.without(F::ReplicasDisagree);
    story.without(F::Rollback);
}

/// A publisher without numbers is never contradicted by their absence.
#[test]
fn an_absent_number_is_no_contradiction() {
    let mut story = Story::calm();
    story.sequence = Value::Null;
    story.next();
    story.without(F::Rollback);
    story.without(F::Equivocation);
}
