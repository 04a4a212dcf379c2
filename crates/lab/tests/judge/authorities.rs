//! New authorities: rotation, restart, rogue key.

use anchorwatch_core::bundle::Validity;
use anchorwatch_core::finding::{FindingKind as F, Severity::*};
use anchorwatch_core::watch::{JudgementPolicy, Policy, foreign_uri};
use anchorwatch_lab::simulate::KeyAlgorithm;
use serde_json::{Value, json};

use crate::story::{DAY, HOUR, LIFE, MINUTE, POLL, SOON, Story, UNTIL_DUE, policy};

/// A1, twin: a rotation on its date is the benign form of every new authority.
#[test]
fn a_key_on_its_date_is_explained() {
    let mut story = Story::calm();
    story.go(3 * DAY);
    story.said_only(&[]);
    story.without(F::UnexpectedAuthority);
    assert_eq!(story.verdicts("jwt-svid"), ["safe"; 5]);
}

/// A1: a root that fits no date, made at once and published at once.
#[test]
fn a_lone_root_off_every_date_pages_at_its_first_poll() {
    let mut story = Story::calm();
    let planted = story.x509(story.now.saturating_add(SOON), LIFE);
    story.publish([planted.clone()]);
    story.next();
    let found = story.raises(F::UnexpectedAuthority, Critical);
    assert_eq!(found.subject, planted.short);
    assert!(found.evidence.iter().any(|line| line.contains("before the next expected rotation")));
    assert!(found.evidence.iter().any(|line| line.contains(&planted.fingerprint)));
}

/// A1, twin: a restart with lost keys brings a pair, and is told with that reading.
#[test]
fn a_pair_off_every_date_reads_like_a_restart() {
    let mut story = Story::calm();
    let made = story.now.saturating_add(SOON);
    let pair = [story.x509(made, LIFE), story.jwt(made)];
    story.publish([pair[0].clone()]);
    story.publish([pair[1].clone()]);
    story.next();
    assert_eq!(story.opened(F::UnexpectedAuthority).len(), 2);
    let found = story.raises(F::UnexpectedAuthority, Critical);
    assert!(found.evidence.iter().any(|line| line.contains("restarted without its keys")));
}

/// A2: made long before it was published: not what SPIRE does with its own roots.
#[test]
fn a_root_made_before_the_last_good_poll_is_contradicted() {
    let mut story = Story::calm();
    let old = story.x509(story.now.saturating_sub(2 * HOUR), LIFE);
    story.publish([old]);
    story.next();
    let found = story.raises(F::UnexpectedAuthority, Critical);
    assert!(found.evidence.iter().any(|line| line.contains("was issued")), "{:#?}", found.evidence);
}

/// A2, twin: a clock that is fifty seconds behind backdates within what clocks may differ.
#[test]
fn a_root_backdated_within_the_skew_is_no_contradiction() {
    let mut story = Story::new(policy());
    story.behind = 50 * (MINUTE / 60);
    let published = story.keys[0].published;
    let mut first = story.x509(published.saturating_sub(story.behind), LIFE);
    first.published = published;
    story.keys[0] = first;
    story.go(3 * DAY);
    story.without(F::UnexpectedAuthority);
    story.said_only(&[]);
}

/// A3: ten years among siblings of a day.
#[test]
fn a_root_that_lives_ten_years_is_contradicted_even_on_its_date() {
    let mut story = Story::calm();
    story.rotates_x509 = false;
    story.go(UNTIL_DUE);
    let root = story.x509(story.now.saturating_add(POLL), 3650 * DAY);
    story.publish([root]);
    story.next();
    let found = story.raises(F::UnexpectedAuthority, Critical);
    assert!(
        found.evidence.iter().any(|line| line.contains("Certificate lifetime is")),
        "{:#?}",
        found.evidence
    );
}

/// A3, twin: a `ca_ttl` that is doubled is a change of the issuer, and no page.
#[test]
fn a_lifetime_doubled_on_its_date_is_a_warning_that_the_issuer_changed() {
    let mut story = Story::calm();
    story.rotates_x509 = false;
    story.go(UNTIL_DUE);
    let root = story.x509(story.now.saturating_add(POLL), 2 * LIFE);
    story.publish([root]);
    story.next();
    story.raises(F::IssuerChanged, Warning);
    story.without(F::UnexpectedAuthority);
    story.acks();
    story.without(F::IssuerChanged);
}

/// A4: an authority that names another trust domain.
#[test]
fn a_root_of_another_trust_domain_pages_as_foreign() {
    let mut story = Story::calm();
    let mut other = Story::named("evil.example", policy(), 9);
    let foreign = other.x509(story.now.saturating_add(SOON), LIFE);
    story.publish([foreign.clone()]);
    story.next();
    let found = story.raises(F::ForeignAuthority, Critical);
    assert_eq!(found.subject, foreign.short);
    story.decides("approve", &[("fingerprint", json!(foreign.fingerprint))]);
    story.without(F::ForeignAuthority);
}

/// A4: scheme and trust domain have no case (SPIFFE-ID, 2.1).
#[test]
fn a_trust_domain_in_capitals_is_the_same_one() {
    let mut story = Story::calm();
    let (from, until) = (story.now, story.now.saturating_add(LIFE));
    let validity = Validity { not_before: from, not_after: until };
    let minted = story.mint.x509(KeyAlgorithm::EcP256, validity).unwrap();
    for (name, foreign) in [
        ("spiffe://b.example", false),
        ("SPIFFE://B.Example/ca", false),
        ("SPIFFE://evil.example", true),
        ("spiffe://b.example.evil.example", true),
        ("https://evil.example", false),
    ] {
        let mut authority = (*minted.authority).clone();
        authority.certificate.as_mut().unwrap().uri_sans = [name.into()].into();
        assert_eq!(foreign_uri(&authority, &story.name), foreign.then_some(name));
    }
}

/// A4, twin: a corporate root without a SPIFFE ID is allowed, and not foreign.
#[test]
fn a_corporate_root_is_unexpected_and_not_foreign() {
    let mut story = Story::calm();
    let root = story.root(story.now, 3650 * DAY);
    story.publish([root]);
    story.next();
    story.without(F::ForeignAuthority);
    story.raises(F::UnexpectedAuthority, Critical);
}

/// A5: a JWT key that fits no date, the most valuable target of all.
#[test]
fn a_lone_jwt_key_off_every_date_pages_at_its_first_poll() {
    let mut story = Story::calm();
    let planted = story.jwt(story.now);
    story.publish([planted.clone()]);
    story.next();
    let found = story.raises(F::UnexpectedAuthority, Critical);
    assert_eq!(found.subject, planted.short);
    assert!(found.evidence.iter().any(|line| line.contains("a forced rotation")));
}

/// A5, twin: a nested server's JWT key reaches the root bundle without an X.509 authority, and
/// is learned.
#[test]
fn the_jwt_keys_of_nested_servers_are_learned_and_no_page_each() {
    let nested = Policy {
        issuer: anchorwatch_core::watch::IssuerModel::Spire {
            ca_ttl: Some(LIFE),
            mode: Some(anchorwatch_core::watch::IssuerMode::Nested),
            lead: None,
        },
        ..policy()
    };
    let mut story = Story::new(nested);
    for _ in 0..4 {
        let key = story.jwt(story.now.saturating_sub(3 * HOUR));
        story.keys.push(key);
    }
    story.go(HOUR);
    let another = story.jwt(story.now);
    story.publish([another]);
    story.next();
    story.without(F::UnexpectedAuthority);
}

/// A key of another kind on a date is off profile.
#[test]
fn a_key_of_another_type_is_contradicted_on_its_date_unless_it_was_announced() {
    for announced in [false, true] {
        let mut story = Story::calm();
        story.rotates_jwt = false;
        story.go(9 * HOUR);
        if announced {
            let until = story.now.saturating_add(2 * HOUR);
            story.decides(
                "announce",
                &[
                    ("use", json!("jwt-svid")),
                    ("count", json!(1)),
                    ("key_type", json!("rsa-2048")),
                    ("not_before", json!(story.now)),
                    ("not_after", json!(until)),
                ],
            );
        }
        story.go(11 * POLL);
        let key = story.jwt_of(KeyAlgorithm::Rsa2048, "abcdefghijklmnopqrstuvwxyz012345");
        story.publish([key]);
        story.next();
        assert_eq!(story.opened(F::UnexpectedAuthority).is_empty(), announced, "{announced}");
    }
}

/// A6: another key under a known key ID.
#[test]
fn another_key_under_a_known_key_id_pages() {
    let mut story = Story::calm();
    let victim = story.newest_jwt();
    let kid = victim.element["kid"].as_str().unwrap().to_owned();
    let usurper = story.jwt_of(KeyAlgorithm::EcP256, &kid);
    story.keys.retain(|key| key.short != victim.short);
    story.publish([usurper.clone()]);
    story.next();
    let found = story.raises(F::KeyRebound, Critical);
    assert_eq!(found.subject, usurper.short);
    story.acks();
    story.without(F::KeyRebound);
}

/// A6, twin: the same key again under its own key ID is nothing new.
#[test]
fn the_same_key_in_other_words_is_the_same_key() {
    let mut story = Story::calm();
    for key in &mut story.keys {
        let members = key.element.as_object_mut().unwrap();
        let turned: Vec<_> = members.iter().rev().map(|(k, v)| (k.clone(), v.clone())).collect();
        *members = turned.into_iter().collect();
    }
    story.keys.reverse();
    story.go(HOUR);
    story.without(F::KeyRebound);
    story.said_only(&[]);
}

/// A7: one key ID twice in one document.
#[test]
fn one_key_id_twice_in_a_document_pages() {
    let mut story = Story::calm();
    let one = story.jwt_of(KeyAlgorithm::EcP256, "twice");
    let other = story.jwt_of(KeyAlgorithm::EcP256, "twice");
    story.publish([one, other]);
    story.next();
    story.raises(F::KeyRebound, Critical);
}

/// A7, twin: two keys without key ID are two keys.
#[test]
fn the_same_element_twice_is_told_as_irregular_and_not_as_rebound() {
    let mut story = Story::calm();
    let again = story.newest_jwt();
    story.publish([again]);
    story.next();
    story.without(F::KeyRebound);
    story.raises(F::IrregularDocument, Info);
    story.keys.pop();
    story.count(1);
    story.next();
    story.without(F::IrregularDocument);
}

/// A9: a removed key comes back.
#[test]
fn a_key_that_was_revoked_and_returns_pages() {
    let mut story = Story::calm();
    let victim = story.newest_jwt();
    story.withdraw(|key| key.short == victim.short);
    story.go(2 * HOUR);
    story.acks();
    story.publish([victim.clone()]);
    story.next();
    let found = story.raises(F::AuthorityResurrected, Critical);
    assert_eq!(found.subject, victim.short);
    // One that comes and goes is one thing to decide on, until it was decided on.
    let returns = |story: &mut Story| {
        story.withdraw(|key| key.short == victim.short);
        story.next();
        story.publish([victim.clone()]);
        story.next();
    };
    returns(&mut story);
    returns(&mut story);
    assert_eq!(story.opened(F::AuthorityResurrected).len(), 1);
    story.acks();
    story.without(F::AuthorityResurrected);
    returns(&mut story);
    story.raises(F::AuthorityResurrected, Critical);
    story.decides("approve", &[("fingerprint", json!(victim.fingerprint))]);
    story.without(F::AuthorityResurrected);
}

/// A9, twin: a replica that lags brings an old state for seconds, and nothing is resurrected.
#[test]
fn a_lagging_answer_resurrects_nothing() {
    let mut story = Story::calm();
    story.due = None;
    let (keys, sequence) = (story.keys.clone(), story.sequence.clone());
    let pair = story.jwt(story.now);
    story.publish([pair]);
    story.next();
    let (newer, number) = (story.keys.clone(), story.sequence.clone());
    (story.keys, story.sequence) = (keys, sequence);
    story.now = story.now.saturating_add(MINUTE / 6);
    story.poll();
    (story.keys, story.sequence) = (newer, number);
    story.now = story.now.saturating_add(MINUTE / 6);
    story.poll();
    story.go(HOUR);
    story.without(F::AuthorityResurrected);
    story.without(F::Rollback);
}

/// A29: one key in two trust domains. The one whose poll made it shared reports it.
#[test]
fn a_key_of_two_trust_domains_is_told() {
    let mut story = Story::calm();
    let mut other = Story::named("c.example", policy(), 11);
    let document = |keys: &[&Value], sequence: u64| json!({"keys": keys, "spiffe_sequence": sequence, "spiffe_refresh_hint": 1200});
    let own = other.jwt(story.now);
    let line = |at, keys: &[&Value], sequence| {
        json!({"at": at, "trust_domain": "c.example", "bundle": document(keys, sequence)})
            .to_string()
    };
    story.judge_line(&line(story.now, &[&own.element], 1));
    let stolen = own.clone();
    story.publish([stolen]);
    story.next();
    let finding = story.raises(F::AuthorityShared, Warning);
    assert!(finding.evidence[0].contains("by 2 trust domains: c.example, b.example."));
    story.acks();
    story.without(F::AuthorityShared);
    // Its next rotation is the other's, and says nothing new of this key.
    let next = other.jwt(story.now);
    story.judge_line(&line(story.now, &[&own.element, &next.element], 2));
    story.next();
    story.without(F::AuthorityShared);
}

/// A29, twin: two trust domains with keys of their own share nothing.
#[test]
fn trust_domains_with_keys_of_their_own_share_nothing() {
    let mut story = Story::calm();
    let mut other = Story::named("c.example", policy(), 11);
    let own = other.jwt(story.now);
    let line = json!({
        "at": story.now, "trust_domain": "c.example",
        "bundle": {"keys": [own.element], "spiffe_sequence": 1, "spiffe_refresh_hint": 1200},
    });
    story.judge_line(&line.to_string());
    story.next();
    story.without(F::AuthorityShared);
}

/// A23: a storm of keys is told key by key, up to what a person can look through.
#[test]
fn a_flood_of_keys_is_capped_and_the_denied_one_is_kept() {
    let mut story = Story::calm();
    let denied = story.jwt(story.now);
    story.publish([denied.clone()]);
    story.next();
    story.decides("deny", &[("fingerprint", json!(denied.fingerprint))]);
    for _ in 0..100 {
        let key = story.jwt(story.now);
        story.publish([key]);
    }
    story.next();
    // Of those that nobody decided on; the denied one has room of its own, and one stands for the rest.
    assert_eq!(story.open.len(), 64 + 1 + 1, "{:#?}", story.open.keys());
    let kept = story.opened(F::UnexpectedAuthority);
    assert!(kept.iter().any(|open| open.subject == denied.short), "the denied one was dropped");
    story.raises(F::UnexpectedAuthority, Critical);
    story.raises(F::FindingsFlood, Critical);
}

/// A23, twin: a bundle of many keys that rotate on their dates is only large.
#[test]
fn many_keys_at_the_baseline_are_no_storm() {
    let mut story = Story::new(policy());
    for _ in 0..40 {
        let key = story.jwt(story.now.saturating_sub(HOUR));
        story.keys.push(key);
    }
    story.go(2 * HOUR);
    story.without(F::UnexpectedAuthority);
}

#[test]
fn what_a_policy_makes_of_an_unscheduled_key() {
    let rows = [
        (JudgementPolicy::Pinned, Some(Critical)),
        (JudgementPolicy::Scheduled, Some(Critical)),
        (JudgementPolicy::Lenient, Some(Warning)),
        (JudgementPolicy::Observe, None),
    ];
    for (judgement, severity) in rows {
        let mut story = Story::new(Policy { judgement, ..policy() });
        story.go(HOUR);
        story.acks();
        let made = story.now.saturating_add(SOON);
        let pair = [story.x509(made, LIFE), story.jwt(made)];
        story.publish([pair[0].clone()]);
        story.publish([pair[1].clone()]);
        story.next();
        let opened = story.opened(F::UnexpectedAuthority);
        assert_eq!(opened.first().map(|open| open.severity), severity, "{judgement:?}");
    }
}

#[test]
fn pinned_takes_no_key_for_its_date_alone() {
    let mut story = Story::new(Policy { judgement: JudgementPolicy::Pinned, ..policy() });
    story.go(5 * HOUR);
    story.without(F::UnexpectedAuthority);
    story.go(2 * HOUR);
    story.raises(F::UnexpectedAuthority, Critical);
}
