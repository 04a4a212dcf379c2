//! What an issuer, a cache or a balancer does in the ordinary way, and nobody is to be told of.

use std::time::Duration;

use anchorwatch_core::finding::{FindingKind as F, Severity::*};
use anchorwatch_core::watch::{IssuerMode, IssuerModel, Policy, PollInterval};
use serde_json::json;

use crate::endpoint::{key_id, svid};
use crate::story::{DAY, HOUR, Key, MINUTE, Story, policy};

/// How often a bundle is polled that rotates twice a year.
const QUARTER: Duration = Duration::from_hours(6);

/// A server with a `ca_ttl` of 180 days, which was published three hours ago and is not due for 150
/// days: SPIRE prepares an authority 30 days before the end of the one that signs.
fn half_yearly() -> Story {
    let mut story = Story::new(Policy { poll_interval: PollInterval::Every(QUARTER), ..policy() });
    let published = story.now.saturating_sub(3 * HOUR);
    story.keys = vec![story.x509(published, 180 * DAY), story.jwt(published)];
    story.due = None;
    story.poll();
    story
}

/// Time passes, polled four times a day.
fn pass(story: &mut Story, long: Duration) {
    let until = story.now.saturating_add(long);
    while story.now.saturating_add(QUARTER) <= until {
        story.now = story.now.saturating_add(QUARTER);
        story.poll();
    }
}

/// Its successor comes six hours after the date, which is within the tolerance of 36 hours: until
/// then less than 30 days are left, and nothing is wrong.
#[test]
fn an_authority_with_30_days_left_is_in_order_while_its_successor_is_on_time() {
    let mut story = half_yearly();
    pass(&mut story, 150 * DAY);
    story.without(F::AuthorityLifetime);
    let next = [story.x509(story.now, 180 * DAY), story.jwt(story.now)];
    story.publish(next);
    pass(&mut story, 2 * DAY);
    story.said_only(&[]);
}

#[test]
fn an_authority_whose_successor_is_late_is_said_to_run_out() {
    let mut story = half_yearly();
    pass(&mut story, 151 * DAY);
    story.without(F::AuthorityLifetime);
    pass(&mut story, DAY);
    story.raises(F::AuthorityLifetime, Warning);
    let next = [story.x509(story.now, 180 * DAY), story.jwt(story.now)];
    story.publish(next);
    pass(&mut story, DAY);
    story.without(F::AuthorityLifetime);
}

/// An authority that nobody explained yet may be the next one: to approve or deny it is what helps.
#[test]
fn an_authority_that_runs_out_beside_a_newer_one_names_that() {
    let mut story = Story::calm();
    story.due = None;
    let newer = story.x509(story.now, DAY);
    story.publish([newer.clone()]);
    story.go(17 * HOUR);
    let evidence = story.raises(F::AuthorityLifetime, Warning).evidence.join(" ");
    assert!(evidence.contains(&newer.short), "{evidence}");
    assert!(!evidence.contains("no X509-SVID"), "{evidence}");
}

/// A balancer has an address in each of several zones, and a CDN in many.
#[test]
fn an_endpoint_that_answers_from_several_networks_is_in_order() {
    let mut story = Story::new(policy());
    for round in 0..300 {
        let address = format!("192.0.{}.10", round % 3);
        story.source = vec![("address", json!(address))];
        story.next();
    }
    story.said_only(&[]);
}

/// A name that leads elsewhere in the poll that shows a new key: it may have been taken over. An
/// address that the name had before, whether or not it was asked, is the endpoint's own.
#[test]
fn a_new_network_is_told_together_with_a_change_of_keys_unless_the_name_led_there_before() {
    for (known, told) in [("203.0.113.9", false), ("192.0.2.11", true)] {
        let mut story = Story::calm();
        let addresses = json!(["192.0.2.10", known]);
        story.source = vec![("address", json!("192.0.2.10")), ("resolved", addresses)];
        story.next();
        story.source = vec![("address", json!("203.0.113.10"))];
        let key = story.jwt(story.now);
        story.publish([key]);
        story.next();
        if told {
            let opened = story.raises(F::EndpointChanged, Warning);
            assert!(opened.evidence.concat().contains("203.0.113.0/24"), "{opened:#?}");
        } else {
            story.without(F::EndpointChanged);
        }
    }
}

/// A trust domain below an upstream authority whose root lives ten years and was made 100 days ago.
fn below_a_root() -> (Story, Key) {
    let issuer =
        IssuerModel::Spire { ca_ttl: Some(30 * DAY), mode: Some(IssuerMode::Upstream), lead: None };
    let mut story = Story::new(Policy { issuer, ..policy() });
    story.due = None;
    let root = story.root(story.now.saturating_sub(100 * DAY), 3_650 * DAY);
    let jwt = story.jwt(story.now);
    story.keys = vec![root.clone(), jwt];
    story.go(HOUR);
    (story, root)
}

/// The upstream's new root, which was approved.
fn publish_next_root(story: &mut Story) -> Key {
    let next = story.root(story.now, 3_650 * DAY);
    story.decides("approve", &[("fingerprint", json!(next.fingerprint))]);
    story.publish([next.clone()]);
    story.next();
    next
}

/// T is an hour and sigma two minutes. A root has no schedule by which it signed until its end.
#[test]
fn an_upstream_root_that_goes_long_after_the_next_came_was_not_removed_early() {
    let (mut story, root) = below_a_root();
    publish_next_root(&mut story);
    story.go(2 * HOUR);
    story.quiet();
    story.withdraw(|key| key.short == root.short);
    story.next();
    story.without(F::EarlyRemoval);
    story.without(F::RotationViolated);
    story.go(2 * HOUR);
    story.said_only(&[F::InFlightRisk]);
}

#[test]
fn an_upstream_root_that_goes_within_the_hour_was_removed_early() {
    let (mut story, root) = below_a_root();
    publish_next_root(&mut story);
    story.go(40 * MINUTE);
    story.withdraw(|key| key.short == root.short);
    story.next();
    let opened = story.raises(F::EarlyRemoval, Warning);
    assert!(opened.evidence.concat().contains("successor"), "{opened:#?}");
    story.raises(F::RotationViolated, Warning);
}

/// What the endpoint itself presents still rests on the root that goes.
#[test]
fn an_upstream_root_that_the_endpoint_rests_on_was_removed_early() {
    let (mut story, root) = below_a_root();
    publish_next_root(&mut story);
    let mut presented = svid(&root, story.now);
    presented["chain"] = json!([presented.clone()]);
    story.source = vec![("endpoint_svid", presented)];
    story.go(45 * MINUTE);
    let mut presented = svid(&root, story.now);
    presented["chain"] = json!([presented.clone()]);
    story.source = vec![("endpoint_svid", presented)];
    story.go(45 * MINUTE);
    story.quiet();
    story.withdraw(|key| key.short == root.short);
    story.source.clear();
    story.next();
    let opened = story.raises(F::EarlyRemoval, Warning);
    assert!(opened.evidence.concat().contains("own certificate"), "{opened:#?}");
}

/// Each replica has an intermediate of its own, and of a certificate alone nobody can say which
/// authority that rests on.
#[test]
fn an_endpoint_below_an_upstream_that_shows_no_chain_is_in_order() {
    let (mut story, root) = below_a_root();
    let replicas = [story.x509(story.now, DAY), story.x509(story.now, DAY)];
    assert_ne!(key_id(&replicas[0]), key_id(&root));
    for round in 0..24 {
        story.source = vec![("endpoint_svid", svid(&replicas[round % 2], story.now))];
        story.next();
    }
    story.said_only(&[]);
}
