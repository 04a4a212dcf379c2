//! The first period after a baseline, in which nobody knows when JWT keys are due.

use std::time::Duration;

use anchorwatch_core::finding::{FindingKind as F, Severity::*};

use crate::story::{HOUR, LIFE, MINUTE, POLL, Story, policy};

/// What a story begins or goes on with: an X.509 authority or a JWT key.
#[derive(Clone, Copy)]
enum Use {
    X509,
    Jwt,
}

/// A story whose first bundle has keys of these ages, and whose issuer does nothing by itself.
fn begins(ages: &[(Use, Duration)]) -> Story {
    let mut story = Story::new(policy());
    story.due = None;
    story.keys.clear();
    for (of, age) in ages {
        let made = story.now.saturating_sub(*age);
        let key = match of {
            Use::X509 => story.x509(made, LIFE),
            Use::Jwt => story.jwt(made),
        };
        story.keys.push(key);
    }
    story.poll();
    story
}

/// A key is published now and polled five minutes later. Returns its name.
fn publishes(story: &mut Story, of: Use) -> String {
    let key = match of {
        Use::X509 => story.x509(story.now, LIFE),
        Use::Jwt => story.jwt(story.now),
    };
    let short = key.short.clone();
    story.publish([key]);
    story.next();
    short
}

/// One server, whose pair is this old, and the pair before it.
fn one_server(age: Duration) -> Story {
    let older = age + LIFE / 2;
    begins(&[(Use::X509, older), (Use::Jwt, older), (Use::X509, age), (Use::Jwt, age)])
}

/// The first bundle has as many JWT keys as X.509 authorities: the sibling of the last one is there.
#[test]
fn a_key_soon_after_a_baseline_whose_jwt_keys_have_all_come_is_unexpected() {
    let mut story = one_server(HOUR);
    let planted = publishes(&mut story, Use::Jwt);
    assert_eq!(story.raises(F::UnexpectedAuthority, Critical).subject, planted);
}

/// A server that has just started has one pair, which every key after it is compared with.
#[test]
fn a_key_in_the_first_hours_of_a_server_is_unexpected() {
    let mut story = begins(&[(Use::X509, MINUTE), (Use::Jwt, MINUTE)]);
    story.go(5 * MINUTE);
    let planted = publishes(&mut story, Use::Jwt);
    assert_eq!(story.raises(F::UnexpectedAuthority, Critical).subject, planted);
}

/// The first bundle lacks the JWT key of an X.509 authority: the server has drifted.
#[test]
fn a_key_that_the_first_bundle_lacked_is_a_warning_until_its_lineage_goes_on() {
    let mut story = begins(&[(Use::X509, 13 * HOUR), (Use::Jwt, 10 * HOUR), (Use::X509, HOUR)]);
    story.go(HOUR);
    let drifted = publishes(&mut story, Use::Jwt);
    let open = story.raises(F::UnexpectedAuthority, Warning);
    assert_eq!(open.subject, drifted);
    assert!(open.evidence[0].contains("2 h 5 min after an X.509 authority was due"), "{open:?}");
    assert!(open.evidence[0].contains("cannot be determined yet"), "{open:?}");
    story.go(119 * POLL);
    publishes(&mut story, Use::X509);
    story.raises(F::UnexpectedAuthority, Warning);
    story.go(23 * POLL);
    publishes(&mut story, Use::Jwt);
    story.without(F::UnexpectedAuthority);
    story.without(F::RotationOverdue);
}

/// A key that drift cannot explain goes on no lineage, and stays a finding.
#[test]
fn a_warning_of_the_first_period_does_not_end_while_no_key_follows() {
    let mut story = one_server(HOUR);
    story.go(11 * HOUR);
    publishes(&mut story, Use::X509);
    story.go(HOUR);
    publishes(&mut story, Use::Jwt);
    story.raises(F::UnexpectedAuthority, Warning);
    story.go(20 * HOUR);
    story.raises(F::UnexpectedAuthority, Warning);
}

/// The drift of weeks is minutes.
#[test]
fn a_key_minutes_after_its_sibling_is_explained_and_one_an_hour_after_it_is_a_warning() {
    for (polls, explained) in [(0, true), (10, false)] {
        let mut story = one_server(HOUR);
        story.go(11 * HOUR);
        publishes(&mut story, Use::X509);
        story.go(polls * POLL);
        publishes(&mut story, Use::Jwt);
        if explained {
            story.without(F::UnexpectedAuthority);
        } else {
            story.raises(F::UnexpectedAuthority, Warning);
        }
    }
}

/// Nobody can say which of two keys is the one that was due.
#[test]
fn two_keys_for_one_due_date_are_both_critical() {
    for polls in [0, 11] {
        let mut story = one_server(3 * HOUR);
        story.go(9 * HOUR);
        publishes(&mut story, Use::X509);
        story.go(polls * POLL);
        let one = publishes(&mut story, Use::Jwt);
        assert!(story.opened(F::UnexpectedAuthority).iter().all(|open| open.severity == Warning));
        story.go(HOUR);
        let other = publishes(&mut story, Use::Jwt);
        let open = story.opened(F::UnexpectedAuthority);
        assert_eq!(open.len(), 2, "{open:#?}");
        for (named, rival) in [(&one, &other), (&other, &one)] {
            let about = open.iter().find(|open| open.subject == *named).unwrap();
            assert_eq!(about.severity, Critical, "{about:#?}");
            assert!(about.evidence[0].contains(rival.as_str()), "{about:#?}");
        }
    }
}

/// A pair that fits no date is one, whatever is due then.
#[test]
fn a_restarted_pair_in_an_open_window_is_unexpected() {
    let mut story = one_server(HOUR);
    story.go(11 * HOUR);
    publishes(&mut story, Use::X509);
    story.go(HOUR);
    let pair = [story.x509(story.now, LIFE), story.jwt(story.now)];
    story.publish(pair);
    story.next();
    let open = story.opened(F::UnexpectedAuthority);
    assert_eq!(open.len(), 2);
    assert!(open.iter().all(|open| open.severity == Critical), "{open:#?}");
}

/// The windows of two servers lie side by side, and the bracket of a key over both: its own is as wide
/// as the polls that failed, and what it is due after is as wide.
#[test]
fn a_key_whose_bracket_meets_another_servers_window_is_due_when_its_own_bracket_says() {
    // One server drifted by nearly two hours, and its JWT key is five minutes ahead of another's date.
    let mut story = begins(&[
        (Use::X509, 23 * HOUR),
        (Use::Jwt, 23 * HOUR),
        (Use::X509, 13 * HOUR),
        (Use::X509, 11 * HOUR),
        (Use::Jwt, 11 * HOUR + 5 * MINUTE),
        (Use::Jwt, 11 * HOUR),
        (Use::X509, HOUR),
    ]);
    story.go(50 * MINUTE);
    let drifted = story.jwt(story.now);
    story.publish([drifted]);
    story.fails(15 * MINUTE, "timeout");
    let pair = [story.x509(story.now.saturating_sub(5 * MINUTE), LIFE), story.jwt(story.now)];
    story.publish(pair);
    story.next();
    story.without(F::UnexpectedAuthority);
    story.go(9 * HOUR + 50 * MINUTE);
    publishes(&mut story, Use::X509);
    // Twelve hours after the key of the drifted server.
    story.go(HOUR + 45 * MINUTE);
    publishes(&mut story, Use::Jwt);
    story.without(F::UnexpectedAuthority);
}
