//! What an issuer does by itself.

use std::sync::Arc;

use super::*;

#[test]
fn three_days_of_rotation_are_the_worked_table() {
    let story = Story::starts(IssuerSettings::spire(hours(24))).until(hours(80));
    let tick = seconds(10);
    let x509 = story.published(SvidType::X509);
    for (key, [published, activated, retired, not_after, removed]) in
        x509.iter().zip([[0, 0, 20, 24, 48], [12, 20, 32, 36, 60], [24, 32, 44, 48, 72]])
    {
        came(Some(story.after(key.issued_at)), hours(published), tick);
        came(story.activated(key), hours(activated), tick);
        came(story.retired(key), hours(retired), tick);
        let ends = story.after(key.validity.not_after.saturating_add(seconds(1)));
        came(Some(ends), hours(not_after), tick);
        came(story.removed(key), hours(removed), Duration::ZERO);
    }
    // Each JWT key but the first slipped by a tick or more, and so missed the prune of its
    // sibling.
    let jwt = story.published(SvidType::Jwt);
    for (key, [published, activated, retired, removed]) in
        jwt.iter().zip([[0, 0, 20, 48], [12, 20, 32, 66], [24, 32, 44, 78]])
    {
        let late = 4 * tick;
        came(Some(story.after(key.issued_at)), hours(published), late);
        came(story.activated(key), hours(activated), late);
        came(story.retired(key), hours(retired), late);
        came(story.removed(key), hours(removed), Duration::ZERO);
    }
}

#[test]
fn an_x509_chain_keeps_its_period_and_its_jwt_sibling_drifts_away() {
    // Looks come a few milliseconds after their ticks, never twice the same.
    let delays: Vec<_> = (0..997).map(|n| Duration::from_micros(n * 7919 % 4001)).collect();
    let settings = IssuerSettings { delays: Arc::from(delays), ..recorded() };
    let story = Story::starts(settings).until(seconds(45 * 60 - 1));
    let (x509, jwt) = (story.publications(SvidType::X509), story.publications(SvidType::Jwt));
    assert_eq!((x509.len(), jwt.len()), (15, 15));
    let mut slips = 0;
    for (number, (x509, jwt)) in (0_u32..).zip(x509.iter().zip(&jwt)) {
        came(Some(*x509), seconds(180) * number, Duration::from_millis(5));
        let behind = jwt.checked_sub(*x509).unwrap_or_default().as_millis() / 990;
        assert!((slips..=slips + 1).contains(&behind), "a slip is one tick, and is never undone");
        slips = behind;
    }
    assert!((4..=14).contains(&slips), "some generations slip, and some do not: {slips}");
}

#[test]
fn a_chain_that_began_on_a_whole_second_slips_as_a_jwt_chain_does() {
    let mut story = Story::of(recorded());
    story.began = story.began.saturating_sub(FRACTION);
    let start = Intervention::Start { replica: A, keys: KeyStore::Kept };
    let story = story.at(seconds(0), start).until(seconds(200));
    assert_eq!(story.publications(SvidType::X509), [seconds(0), seconds(181)]);
}

#[test]
fn a_birth_of_both_uses_is_two_transactions_and_a_poll_may_fall_between() {
    let mut story = Story::starts(IssuerSettings::spire(hours(24)));
    assert_eq!((story.on_the_wire(), story.sequence()), (1, 0));
    let jwt_at = story.issuer.wakes_at().unwrap();
    assert_eq!(story.after(jwt_at), Duration::from_millis(10));
    story.issuer.advance(jwt_at);
    // So it stands in the first poll of every recording.
    assert_eq!((story.on_the_wire(), story.sequence()), (2, 1));
}

#[test]
fn activation_and_retirement_leave_no_trace_on_the_wire() {
    let story = Story::starts(recorded()).until(seconds(301));
    let before = Story::starts(recorded()).until(seconds(299));
    assert_ne!(
        before.issuer.signing(A, SvidType::X509),
        story.issuer.signing(A, SvidType::X509),
        "the second key signs from L - A on"
    );
    assert_eq!(before.issuer.bundle(), story.issuer.bundle());
}

#[test]
fn the_sequence_moves_once_a_preparation_and_once_a_prune() {
    let story = Story::starts(recorded()).until(seconds(45 * 60 - 1));
    let publications =
        story.publications(SvidType::X509).len() + story.publications(SvidType::Jwt).len();
    let mut prunes: Vec<_> = story
        .events
        .iter()
        .filter(|event| matches!(event.action, IssuerAction::Removed { .. }))
        .map(|event| event.at)
        .collect();
    prunes.dedup();
    assert!(10 < prunes.len());
    // The first transaction makes the row and leaves it at 0.
    assert_eq!(story.sequence(), u64::try_from(publications + prunes.len() - 1).unwrap());
}

#[test]
fn replicas_share_a_bundle_and_each_signs_with_its_own_keys() {
    let start = |replica| Intervention::Start { replica, keys: KeyStore::Kept };
    let story = Story::of(recorded())
        .at(seconds(0), start(A))
        .at(seconds(7), start(B))
        .at(seconds(31), start(C))
        .until(seconds(40 * 60));
    // Measured: 24 keys on the wire of three servers.
    assert!((24..=27).contains(&story.on_the_wire()), "{}", story.on_the_wire());
    let signers = [A, B, C].map(|replica| story.issuer.signing(replica, SvidType::X509).unwrap());
    assert!(signers[0] != signers[1] && signers[1] != signers[2] && signers[0] != signers[2]);
}

#[test]
fn how_time_is_cut_into_steps_changes_nothing() {
    let delays: Vec<_> = (0..61).map(|n| Duration::from_micros(n * 337 % 911)).collect();
    let settings = IssuerSettings { delays: Arc::from(delays), ..recorded() };
    let start = Intervention::Start { replica: A, keys: KeyStore::Kept };
    let mut whole = Story::of(settings.clone()).at(seconds(0), start);
    let end = whole.began.saturating_add(hours(2));
    let at_once = whole.issuer.advance(end);
    let in_steps = Story::of(settings).at(seconds(0), start).until(hours(2));
    assert_eq!(at_once, in_steps.events);
    assert_eq!(whole.issuer.bundle(), in_steps.issuer.bundle());
    assert_eq!(whole.issuer.advance(Timestamp::default()), [], "time does not run back");
}
