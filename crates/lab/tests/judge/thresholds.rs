//! Just below a threshold and just above it: each of these moves by a poll or a second.

use std::time::Duration;

use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::finding::{FindingKind as F, Severity::*};
use anchorwatch_core::watch::{Budget, Policy};
use anchorwatch_lab::simulate::KeyAlgorithm;
use serde_json::json;

use crate::story::{DAY, HOUR, LIFE, MINUTE, POLL, Story, policy};

const SECOND: Duration = Duration::from_secs(1);

/// T is 60 min, σ 2 and D 10. What is seen of an overlap may be longer than it was by a poll at
/// each end, so 13 polls prove less than 72 min, and 14 do not.
#[test]
fn an_overlap_a_poll_short_of_both_laws_is_violated_and_one_of_their_length_is_not() {
    for (polls, violated) in [(13, true), (14, false)] {
        let consumers = vec![Consumer::Cache(10 * MINUTE)];
        let max_jwt_svid_ttl = Some(HOUR);
        let mut story = Story::calm_under(Policy { consumers, max_jwt_svid_ttl, ..policy() });
        let before = story.newest_jwt();
        story.go(10 * HOUR + (polls - 1) * POLL);
        story.quiet();
        story.withdraw(|key| key.short == before.short);
        story.next();
        if violated {
            story.raises(F::RotationViolated, Warning);
        } else {
            story.without(F::RotationViolated);
        }
    }
}

/// It signs for L − A = 20 h, and what it signed lives 5 min and σ.
#[test]
fn a_removal_is_early_until_what_it_signed_last_has_expired() {
    for (hours, early) in [(19 * HOUR + 10 * POLL, true), (20 * HOUR + 2 * POLL, false)] {
        let mut story = Story::calm();
        let key = story.of("jwt-svid")[1].clone();
        let old = story.now.since(key.published).unwrap();
        story.go(hours.saturating_sub(old));
        story.withdraw(|one| one.short == key.short);
        story.next();
        if early {
            story.raises(F::EarlyRemoval, Warning);
        } else {
            story.without(F::EarlyRemoval);
        }
    }
}

/// What was not seen for over three intervals.
#[test]
fn a_gap_is_one_once_it_is_longer_than_three_intervals() {
    for (missed, gap) in [(2, false), (3, true)] {
        let mut story = Story::calm();
        story.away(missed * POLL);
        story.next();
        assert_eq!(story.opened(F::ObservationGap).len(), usize::from(gap), "{missed}");
    }
}

/// The lockout comes 18 h after the last good poll: the next key is due in 10 h and signs 8 h
/// later. A quarter of that is 4 h 30 min.
#[test]
fn a_trust_domain_is_blind_after_a_quarter_of_the_way_to_the_lockout() {
    let mut story = Story::calm();
    story.fails(4 * HOUR + 5 * POLL, "timeout");
    story.without(F::TrustDomainBlind);
    story.fails(2 * POLL, "timeout");
    story.raises(F::TrustDomainBlind, Critical);
}

/// A quarter of L − A is 5 h: 13 h after the last good poll.
#[test]
fn a_lockout_is_imminent_five_hours_before_it() {
    let mut story = Story::calm();
    story.fails(12 * HOUR + 10 * POLL, "timeout");
    story.without(F::LockoutImminent);
    story.fails(3 * POLL, "timeout");
    story.raises(F::LockoutImminent, Critical);
}

/// SPIRE prunes a day after the end, at a look in six hours: a second look and an hour more.
#[test]
fn pruning_has_stalled_37_hours_after_an_authority_ended() {
    let mut story = Story::calm();
    story.prunes = false;
    let published = story.of("x509-svid")[0].published;
    let old = story.now.since(published).unwrap();
    let limit = (LIFE + 37 * HOUR).saturating_sub(old);
    story.go(limit.saturating_sub(POLL));
    story.without(F::PruningStalled);
    story.go(2 * POLL);
    story.raises(F::PruningStalled, Info);
}

#[test]
fn a_clock_is_off_from_a_second_beyond_the_skew_until_the_next_authority() {
    for (ahead, off) in [(MINUTE, false), (MINUTE + SECOND, true)] {
        let mut story = Story::calm();
        story.rotates_x509 = false;
        story.go((10 * HOUR).saturating_sub(POLL));
        let shown = story.now.saturating_add(POLL);
        let mut key = story.x509(shown.saturating_add(ahead), LIFE);
        key.published = shown;
        story.publish([key]);
        story.rotates_jwt = true;
        story.next();
        assert_eq!(story.opened(F::ClockSkew).len(), usize::from(off), "{ahead:?}");
        story.rotates_x509 = true;
        story.go(LIFE / 2 + 2 * POLL);
        story.without(F::ClockSkew);
    }
}

/// Certificates end on whole seconds, so lives that differ by some are one.
#[test]
fn an_issuer_has_changed_when_lives_differ_by_more_than_rounding() {
    for (longer, changed) in [(15 * SECOND, false), (16 * SECOND, true)] {
        let mut story = Story::calm();
        story.rotates_x509 = false;
        story.go((10 * HOUR).saturating_sub(POLL));
        let root = story.x509(story.now.saturating_add(POLL), LIFE + longer);
        story.publish([root]);
        story.next();
        assert_eq!(story.opened(F::IssuerChanged).len(), usize::from(changed), "{longer:?}");
        story.without(F::UnexpectedAuthority);
    }
}

/// 2,048 bits are what consumers take, and RSA is not weak in itself.
#[test]
fn an_rsa_key_of_2048_bits_is_not_weak() {
    let mut story = Story::calm();
    let key = story.jwt_of(KeyAlgorithm::Rsa2048, "abcdefghijklmnopqrstuvwxyz012345");
    story.publish([key]);
    story.next();
    story.without(F::WeakAuthority);
}

#[test]
fn a_first_bundle_that_may_be_trusted_on_first_use_lacks_no_baseline() {
    let mut story = Story::new(policy());
    story.go(HOUR);
    story.without(F::BaselineMissing);
}

/// An operator who has looked is not told again on the same day, and is on the next.
#[test]
fn churn_is_told_once_a_day() {
    let daily_budget = Budget { events: 40, ..Policy::default().daily_budget };
    let mut story = Story::new(Policy { daily_budget, ..policy() });
    story.due = None;
    story.go(HOUR);
    let flood = |story: &mut Story| {
        for _ in 0..30 {
            let key = story.jwt(story.now);
            story.publish([key]);
            story.next();
        }
    };
    flood(&mut story);
    story.raises(F::Churn, Critical);
    story.acks();
    story.without(F::Churn);
    flood(&mut story);
    story.without(F::Churn);
    story.go(DAY);
    flood(&mut story);
    story.raises(F::Churn, Critical);
}

/// A redirect that changes is told until someone has looked, and not again while it stands.
#[test]
fn a_shift_of_the_endpoint_is_told_once() {
    let mut story = Story::new(policy());
    story.source = vec![("final_url", json!("https://one.example/"))];
    story.go(HOUR);
    story.source = vec![("final_url", json!("https://other.example/"))];
    let key = story.jwt(story.now);
    story.publish([key]);
    story.next();
    story.raises(F::EndpointChanged, Warning);
    story.go(HOUR);
    assert_eq!(story.opened(F::EndpointChanged).len(), 1);
    story.acks();
    story.go(HOUR);
    story.without(F::EndpointChanged);
}
