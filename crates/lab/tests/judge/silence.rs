//! Endpoints that do not answer, or cannot prove who they are.

use anchorwatch_core::finding::{FindingKind as F, Severity::*};
use serde_json::json;

use crate::story::{DAY, HOUR, MINUTE, POLL, Story};

#[test]
fn silence_is_stale_after_three_intervals_blind_after_hours_and_ends_with_a_good_poll() {
    let mut story = Story::calm();
    story.fails(3 * POLL, "timeout");
    story.without(F::SourceStale);
    story.fails(2 * POLL, "timeout");
    story.raises(F::SourceStale, Warning);
    story.without(F::TrustDomainBlind);
    story.fails(8 * HOUR, "timeout");
    story.raises(F::TrustDomainBlind, Critical);
    story.next();
    story.without(F::SourceStale);
    story.without(F::TrustDomainBlind);
}

#[test]
fn an_announced_outage_holds_both_and_not_the_lockout() {
    let mut story = Story::calm();
    let until = story.now.saturating_add(DAY);
    story.decides(
        "announce-outage",
        &[("not_before", json!(story.now)), ("not_after", json!(until))],
    );
    story.fails(17 * HOUR, "connect");
    story.without(F::SourceStale);
    story.without(F::TrustDomainBlind);
    story.raises(F::LockoutImminent, Critical);
}

#[test]
fn the_lockout_is_told_before_it_comes_and_not_hours_too_soon() {
    let mut story = Story::calm();
    // The next one comes in 10 h and signs 8 h after that: who holds nothing newer is out then.
    story.fails(10 * HOUR, "connect");
    story.without(F::LockoutImminent);
    story.fails(7 * HOUR, "connect");
    story.raises(F::LockoutImminent, Critical);
    story.next();
    story.without(F::LockoutImminent);
}

fn told(story: &Story, kind: F) -> String {
    story.opened(kind).iter().flat_map(|open| open.evidence.clone()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_lockout_that_passed_pages_until_a_poll_that_authenticates() {
    let mut story = Story::calm();
    story.fails(17 * HOUR, "connect");
    story.without(F::LockedOut);
    story.fails(2 * HOUR, "connect");
    story.raises(F::LockedOut, Critical);
    story.without(F::LockoutImminent);
    let said = told(&story, F::LockedOut);
    for word in ["every consumer", "anchorwatch rebootstrap", "spire-server bundle show"] {
        assert!(said.contains(word), "{said}");
    }
    story.fails(6 * HOUR, "untrusted_chain");
    story.raises(F::LockedOut, Critical);
    story.next();
    story.without(F::LockedOut);
}

/// Nothing is decided while somebody's new file waits for its first good poll.
#[test]
fn a_lockout_ends_with_a_rebootstrap() {
    let mut story = Story::calm();
    story.fails(19 * HOUR, "connect");
    story.raises(F::LockedOut, Critical);
    let file = story.of("x509-svid");
    let elements: Vec<_> = file.iter().map(|key| key.element.clone()).collect();
    story.decides("rebootstrap", &[("bundle", json!({ "keys": elements }))]);
    story.without(F::LockedOut);
    story.without(F::LockoutImminent);
}

/// A18: the endpoint's certificate does not chain to what is held.
#[test]
fn an_endpoint_that_fails_to_prove_itself_twice_pages() {
    let mut story = Story::calm();
    story.fail("untrusted_chain");
    story.without(F::EndpointUnauthenticated);
    story.fail("untrusted_chain");
    story.raises(F::EndpointUnauthenticated, Critical);
    story.next();
    story.without(F::EndpointUnauthenticated);
}

/// A18, twin: a poller that was away past the lockout cannot tell, and is not paged at 03:00.
#[test]
fn after_the_lockout_it_is_a_warning() {
    let mut story = Story::calm();
    story.away(19 * HOUR);
    story.fail("untrusted_chain");
    story.fail("untrusted_chain");
    story.raises(F::EndpointUnauthenticated, Warning);
}

/// A18, twin: one replica that just started is met once.
#[test]
fn one_unproven_answer_is_none() {
    let mut story = Story::calm();
    story.fail("untrusted_chain");
    story.next();
    story.fail("untrusted_chain");
    story.next();
    story.without(F::EndpointUnauthenticated);
}

/// A27: the endpoint answers with a page of somebody's portal: no bundle, and not unproven either.
#[test]
fn a_portal_in_the_way_is_silence_and_keeps_what_is_known() {
    let mut story = Story::calm();
    story.fails(5 * POLL, "not_json");
    story.raises(F::SourceStale, Warning);
    story.without(F::EndpointUnauthenticated);
    story.without(F::BundleEmpty);
}

/// A27, twin: a status that is gone at the next poll is nothing.
#[test]
fn a_server_error_now_and_then_is_nothing() {
    let mut story = Story::calm();
    for _ in 0..6 {
        story.fail("status");
        story.next();
        story.go(15 * MINUTE);
    }
    story.said_only(&[]);
}
