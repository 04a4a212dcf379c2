//! Removals: what was signed and is still alive.

use anchorwatch_core::finding::{FindingKind as F, Severity::*};
use anchorwatch_core::replay::{Change, ReplayReport};
use anchorwatch_core::watch::{IssuerModel, Policy};

use crate::story::{DAY, HOUR, LIFE, MINUTE, POLL, Story, UNTIL_DUE, policy};

/// The key that signs is removed five minutes after its successor was published: less than T + σ.
fn withdraw_the_signing_key(story: &mut Story) {
    // The newest one is not active yet: the one before it signs.
    let signing = story.of("jwt-svid").iter().rev().nth(1).unwrap().clone();
    let newest = story.newest_jwt();
    story.withdraw(|key| key.short == newest.short);
    story.next();
    story.acks();
    story.publish([newest]);
    story.next();
    story.acks();
    story.withdraw(|key| key.short == signing.short);
    story.next();
}

/// A8: the key that signs goes while its tokens live.
#[test]
fn a_signing_key_withdrawn_pages_until_its_last_token_has_expired() {
    let mut story = Story::calm();
    withdraw_the_signing_key(&mut story);
    story.raises(F::EarlyRemoval, Warning);
    let risk = story.raises(F::InFlightRisk, story.opened(F::InFlightRisk)[0].severity);
    assert!(risk.evidence.iter().any(|line| line.contains("rejected")));
    // T is 5 minutes, σ two: it is over by itself, and what happened stays until someone looks.
    story.go(15 * MINUTE);
    story.without(F::InFlightRisk);
    story.raises(F::EarlyRemoval, Warning);
    story.acks();
    story.without(F::EarlyRemoval);
}

/// A8: the only key of its use goes, and with it all that it had signed.
#[test]
fn the_only_key_withdrawn_is_in_flight_risk_for_all_of_its_tokens() {
    let mut story = Story::new(policy());
    story.go(HOUR);
    let only = story.newest_jwt();
    story.withdraw(|key| key.short == only.short);
    story.next();
    let risk = story.raises(F::InFlightRisk, Critical);
    assert!(risk.evidence[0].contains("100 %"), "{:?}", risk.evidence);
    story.raises(F::SvidTypeVanished, Critical);
}

/// A8, twin: a key that was pruned a day after its end takes nothing with it.
#[test]
fn pruning_takes_no_live_token_with_it() {
    let mut story = Story::calm();
    story.go(4 * DAY);
    story.without(F::InFlightRisk);
    story.without(F::EarlyRemoval);
    story.said_only(&[]);
}

/// A8, twin: what was revoked after T and σ had passed kills nothing either.
#[test]
fn a_revocation_long_after_retirement_kills_nothing() {
    let mut story = Story::calm();
    // Twelve hours after the next one came, eight after it signs.
    let retired = story.of("jwt-svid")[0].clone();
    story.go(9 * HOUR);
    story.withdraw(|key| key.short == retired.short);
    story.next();
    story.without(F::InFlightRisk);
    story.without(F::EarlyRemoval);
}

/// With an assumed lifetime nothing is certain, and nothing pages.
#[test]
fn a_lifetime_that_nobody_declared_is_a_warning_and_says_so() {
    let mut story = Story::calm_under(Policy { max_jwt_svid_ttl: None, ..policy() });
    withdraw_the_signing_key(&mut story);
    let risk = story.raises(F::InFlightRisk, Warning);
    assert!(risk.evidence.iter().any(|line| line.contains("assumed")), "{:?}", risk.evidence);
}

/// What signed until it went took all that lived with it, however long that lives.
#[test]
fn the_removal_of_a_signing_key_without_a_successor_is_critical_whatever_is_declared() {
    for declared in [None, Some(5 * MINUTE)] {
        let mut story = Story::calm_under(Policy { max_jwt_svid_ttl: declared, ..policy() });
        story.rotates_jwt = false;
        // Its turn has come, and nothing was published after it.
        story.go(9 * HOUR);
        let signing = story.newest_jwt();
        story.withdraw(|key| key.short == signing.short);
        story.next();
        let risk = story.raises(F::InFlightRisk, Critical);
        assert!(risk.evidence[0].contains("100 %"), "{:?}", risk.evidence);
    }
}

/// A verdict needs no lineage: one key before and one after leave no doubt which followed.
#[test]
fn every_hand_over_of_a_declared_issuer_has_a_verdict() {
    let verdicts = |lead, after| {
        let issuer = IssuerModel::Declared { interval: DAY, lead };
        let mut story = Story::new(Policy { issuer, max_jwt_svid_ttl: Some(HOUR), ..policy() });
        story.rotates_x509 = false;
        story.rotates_jwt = false;
        story.go(HOUR);
        let first = story.newest_jwt();
        let second = story.jwt(story.now);
        story.publish([second]);
        story.go(after);
        story.withdraw(|key| key.short == first.short);
        story.next();
        story.verdicts("jwt-svid")
    };
    // Its tokens live an hour.
    assert_eq!(verdicts(None, 30 * MINUTE), ["violated"]);
    assert_eq!(verdicts(None, 3 * HOUR), ["undecidable"]);
    assert_eq!(verdicts(Some(HOUR), 3 * HOUR), ["safe"]);
}

#[test]
fn a_hand_over_shorter_than_the_laws_is_told_once_and_stays() {
    let mut story = Story::calm_under(Policy { max_jwt_svid_ttl: Some(HOUR), ..policy() });
    let before = story.newest_jwt();
    story.go(10 * HOUR + 2 * POLL);
    story.quiet();
    story.withdraw(|key| key.short == before.short);
    story.next();
    story.raises(F::RotationViolated, Warning);
    assert!(story.verdicts("jwt-svid").contains(&"violated"));
    story.go(DAY / 4);
    story.raises(F::RotationViolated, Warning);
    story.acks();
    story.without(F::RotationViolated);
}

/// A24: a lead that is shorter than what consumers need.
#[test]
fn a_declared_lead_under_the_consumers_delay_warns_before_the_key_signs() {
    let short = IssuerModel::Spire { ca_ttl: None, mode: None, lead: Some(2 * MINUTE) };
    let mut story = Story::new(Policy { issuer: short, ..policy() });
    story.go(6 * HOUR + POLL);
    let found = story.opened(F::LeadTooShort);
    let told = story
        .said
        .iter()
        .any(|report| serde_json::to_value(report).unwrap()["finding"] == "lead_too_short");
    assert!(told || !found.is_empty(), "{:#?}", story.open);
    story.go(HOUR);
    story.without(F::LeadTooShort);
}

/// A24: a lead that even a consumer that misses no poll cannot keep up with.
#[test]
fn a_lead_of_minutes_pages_while_the_key_does_not_sign_yet() {
    let short = IssuerModel::Spire { ca_ttl: None, mode: None, lead: Some(7 * MINUTE) };
    let slow = anchorwatch_core::bundle::consumer::Consumer::Cache(HOUR);
    let mut story = Story::new(Policy { issuer: short, consumers: vec![slow], ..policy() });
    story.go(6 * HOUR);
    story.raises(F::LeadTooShort, Critical);
    story.go(HOUR);
    story.without(F::LeadTooShort);
}

/// A24, twin: SPIRE's own lead is hours.
#[test]
fn the_lead_of_spire_is_long_enough() {
    let mut story = Story::new(policy());
    story.go(DAY);
    story.without(F::LeadTooShort);
    story.said_only(&[]);
    assert_eq!(LIFE, DAY);
}

/// Of the keys of a first bundle, an old root that ran out says nothing of the key that signs now.
#[test]
fn a_revocation_on_the_first_day_is_no_old_key_that_was_pruned() {
    let mut story = Story::new(policy());
    for age in [30, 18] {
        let published = story.now.saturating_sub(age * HOUR);
        let pair = [story.x509(published, LIFE), story.jwt(published)];
        story.keys.extend(pair);
    }
    story.go(HOUR);
    story.quiet();
    let active = story.of("jwt-svid")[1].short.clone();
    story.withdraw(|key| key.short == active);
    story.next();
    assert_eq!(story.raises(F::InFlightRisk, Warning).subject, active);
    // The oldest one goes when its root has been out of date for a day.
    story.go(DAY);
    story.without(F::InFlightRisk);
    let said = story.said.iter().filter(|report| {
        matches!(
            report,
            ReplayReport::Finding { finding: F::InFlightRisk, change: Change::Raised, .. }
        )
    });
    assert_eq!(said.count(), 1);
}

/// Where another publication could have met the date of the successor, nobody knows which of them signed.
#[test]
fn a_successor_whose_date_another_key_met_too_proves_nothing() {
    let verdicts = |contested: bool| {
        let mut story = Story::calm();
        let known = story.verdicts("jwt-svid").len();
        story.go(UNTIL_DUE + 2 * POLL);
        if contested {
            let other = story.jwt(story.now);
            story.publish([other.clone()]);
            story.next();
            story.raises(F::UnexpectedAuthority, Critical);
            story.withdraw(|key| key.short == other.short);
            story.next();
        }
        story.go(3 * DAY);
        story.verdicts("jwt-svid").split_off(known)
    };
    let clean = verdicts(false);
    assert!(clean.iter().all(|verdict| *verdict == "safe"), "{clean:?}");
    let contested = verdicts(true);
    let undecided = contested.iter().filter(|verdict| **verdict == "undecidable").count();
    assert_eq!(undecided, 1, "{contested:?}");
}

/// A certificate's own end bounds what it can have signed, whenever it was published last: a restore
/// brought it back, and the next prune takes it.
#[test]
fn a_root_that_had_ended_is_not_removed_early() {
    let mut story = Story::calm();
    story.prunes = false;
    let old = story.of("x509-svid")[0].clone();
    story.go(2 * DAY);
    story.withdraw(|key| key.short == old.short);
    story.next();
    story.publish([old.clone()]);
    story.next();
    story.acks();
    // Long enough to have come to its activation, were it new.
    story.go(9 * HOUR);
    story.withdraw(|key| key.short == old.short);
    story.next();
    story.without(F::EarlyRemoval);
}
