//! Rotation that is late, and what only looks so.

use anchorwatch_core::finding::{FindingKind as F, Severity::*};
use anchorwatch_core::watch::{IssuerModel, Policy};
use serde_json::json;

use crate::story::{DAY, HOUR, LIFE, MINUTE, POLL, Story, policy};

/// A21: the issuer prepares no key any more.
#[test]
fn a_stall_is_told_once_its_tolerance_has_passed() {
    let mut story = Story::calm();
    story.due = None;
    story.go(10 * HOUR);
    story.without(F::RotationOverdue);
    // The tolerance is two polls and half a minute.
    story.go(3 * POLL);
    // No lineage is on time, and the newest key is past its activation: nothing comes after it.
    story.raises(F::RotationOverdue, Critical);
}

/// A21: the JWT chain alone stands still.
#[test]
fn a_jwt_chain_that_stalls_alone_is_told_as_such() {
    let mut story = Story::calm();
    story.rotates_jwt = false;
    story.go(11 * HOUR);
    let all = story.opened(F::RotationOverdue);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert!(all[0].evidence.iter().any(|line| line.contains("was due")));
}

/// A21, twin: a rotation that is minutes late is on time.
#[test]
fn a_rotation_within_its_tolerance_is_on_time() {
    let mut story = Story::calm();
    story.due = story.due.map(|due| due.saturating_add(8 * MINUTE));
    story.go(DAY);
    story.without(F::RotationOverdue);
    story.said_only(&[]);
}

/// A21, twin: a late pair claims its date, and nothing is rogue.
#[test]
fn a_late_pair_ends_the_stall_and_is_explained() {
    let mut story = Story::calm();
    story.due = story.due.map(|due| due.saturating_add(HOUR));
    story.go(10 * HOUR + 4 * POLL);
    story.raises(F::RotationOverdue, Critical);
    story.go(HOUR);
    story.without(F::RotationOverdue);
    story.without(F::UnexpectedAuthority);
}

/// A22: expired authorities stay.
#[test]
fn authorities_that_are_not_pruned_are_told_once_they_should_have_gone() {
    let mut story = Story::calm();
    story.prunes = false;
    story.go(2 * DAY);
    story.raises(F::PruningStalled, Info);
    story.prunes = true;
    story.go(HOUR);
    story.without(F::PruningStalled);
}

/// A22, twin: a prune that is some hours late is within SPIRE's own six-hourly look.
#[test]
fn a_prune_some_hours_late_is_none() {
    let mut story = Story::calm();
    story.prunes = false;
    // The first keys were made 26 hours ago and end in their 24th hour; they go a day later.
    story.go(28 * HOUR);
    story.without(F::PruningStalled);
}

#[test]
fn a_newest_authority_that_runs_out_warns_and_then_pages() {
    let mut story = Story::calm();
    story.due = None;
    // It has 22 hours left.
    story.go(15 * HOUR);
    story.without(F::AuthorityLifetime);
    story.go(2 * HOUR);
    story.raises(F::AuthorityLifetime, Warning);
    story.go(3 * HOUR);
    story.raises(F::AuthorityLifetime, Critical);
    let now = story.now;
    let fresh = story.x509(now, LIFE);
    story.publish([fresh.clone()]);
    story.next();
    story.decides("approve", &[("fingerprint", json!(fresh.fingerprint))]);
    story.next();
    story.without(F::AuthorityLifetime);
    // Without its JWT key it is no late rotation, and it is approved all the same.
    story.without(F::UnexpectedAuthority);
}

#[test]
fn an_issuer_whose_rhythm_is_not_known_is_learned_under_one_finding() {
    let mut story = Story::new(Policy { issuer: IssuerModel::Learned, ..policy() });
    story.go(5 * HOUR);
    story.without(F::IssuerUnlearned);
    story.go(DAY);
    story.raises(F::IssuerUnlearned, Warning);
    assert_eq!(story.opened(F::IssuerUnlearned).len(), 1);
    story.without(F::UnexpectedAuthority);
    story.go(4 * DAY);
    story.without(F::IssuerUnlearned);
}

#[test]
fn a_lineage_that_was_retired_is_not_waited_for() {
    let mut story = Story::calm();
    story.rotates_jwt = false;
    story.go(11 * HOUR);
    let overdue = story.raises(F::RotationOverdue, story.opened(F::RotationOverdue)[0].severity);
    let number: u32 = overdue.subject.trim_start_matches("lineage ").parse().unwrap();
    story.decides("retire-lineage", &[("lineage", json!(number))]);
    story.next();
    story.without(F::RotationOverdue);
}
