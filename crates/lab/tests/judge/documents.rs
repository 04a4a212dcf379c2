//! What is not right with a document, whoever made it.

use std::collections::BTreeSet;

use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::finding::{FindingId, FindingKind as F, Severity::*};
use anchorwatch_core::replay::RecordedLineError;
use anchorwatch_core::watch::{BaselinePolicy, Budget, Policy};
use serde_json::{Value, json};

use crate::story::{DAY, HOUR, MINUTE, POLL, Story, UNTIL_DUE, policy};

/// A14: no key at all: everything is revoked.
#[test]
fn an_empty_bundle_pages_and_ends_when_keys_are_back() {
    let mut story = Story::calm();
    let keys = story.keys.clone();
    story.withdraw(|_| true);
    story.next();
    story.raises(F::BundleEmpty, Critical);
    story.publish(keys);
    story.next();
    story.without(F::BundleEmpty);
}

/// A14, twin: a poll that fails says nothing of the bundle.
#[test]
fn a_document_that_is_none_empties_nothing() {
    let mut story = Story::calm();
    story.fail("not_a_bundle");
    story.without(F::BundleEmpty);
    story.without(F::SvidTypeVanished);
}

/// A15: keys of kinds that nobody knows: empty to whoever reads it.
#[test]
fn a_bundle_of_unknown_keys_is_as_good_as_empty() {
    let mut story = Story::calm();
    story.keys.clear();
    story.count(1);
    story.more = vec![(
        "keys".to_owned(),
        json!([{"kty": "AKP", "alg": "ML-DSA-44", "use": "jwt-svid", "kid": "k", "pub": "AAAA"}]),
    )];
    story.next();
    story.raises(F::BundleEmpty, Critical);
}

/// A15, twin: one unknown key beside known ones is told, and hides none of them.
#[test]
fn an_unknown_key_beside_known_ones_empties_nothing() {
    let mut story = Story::calm();
    let mut keys: Vec<Value> = story.keys.iter().map(|key| key.element.clone()).collect();
    keys.push(
        json!({"kty": "AKP", "alg": "ML-DSA-44", "use": "jwt-svid", "kid": "k", "pub": "AAAA"}),
    );
    story.more = vec![("keys".to_owned(), json!(keys))];
    story.count(1);
    story.next();
    story.without(F::BundleEmpty);
    story.without(F::SvidTypeVanished);
}

/// A16: a use is gone altogether.
#[test]
fn a_use_that_vanishes_pages_and_ends_when_it_is_back() {
    let mut story = Story::calm();
    let jwt = story.of("jwt-svid");
    story.withdraw(|key| key.element["use"] == "jwt-svid");
    story.next();
    story.raises(F::SvidTypeVanished, Critical);
    story.publish(jwt);
    story.next();
    story.without(F::SvidTypeVanished);
}

/// A16, twin: a trust domain that never had JWT keys lacks none.
#[test]
fn a_use_that_was_never_there_does_not_vanish() {
    let mut story = Story::new(policy());
    story.rotates_jwt = false;
    story.keys.retain(|key| key.element["use"] == "x509-svid");
    story.go(DAY);
    story.without(F::SvidTypeVanished);
}

/// A17: another trust domain's whole bundle is served here.
#[test]
fn the_bundle_of_another_trust_domain_pages_as_foreign() {
    let mut story = Story::calm();
    let mut other = Story::named("c.example", policy(), 5);
    other.poll();
    let line = json!({"at": story.now, "trust_domain": "c.example", "bundle": other.document()});
    story.judge_line(&line.to_string());
    story.keys = other.keys;
    story.count(1);
    story.next();
    story.raises(F::ForeignAuthority, Critical);
}

/// A17, twin: a server that was moved serves its own keys from another place.
#[test]
fn the_own_bundle_under_another_address_is_not_foreign() {
    let mut story = Story::calm();
    story.source = vec![("address", json!("192.0.2.7"))];
    story.go(HOUR);
    story.without(F::ForeignAuthority);
}

/// A25: hints that keep a revocation from consumers.
#[test]
fn a_hint_that_is_missing_unusable_too_long_or_raised_a_lot_is_told() {
    for hint in [json!(null), json!("soon"), json!(0), json!(86_401), json!(4_800)] {
        let mut story = Story::calm();
        story.hint = hint.clone();
        story.next();
        story.raises(F::RefreshHint, Warning);
        story.hint = json!(1200);
        story.next();
        story.without(F::RefreshHint);
    }
}

/// A25, twin: a hint that is lowered, or raised a little, is a setting.
#[test]
fn a_hint_that_is_lowered_or_raised_a_little_is_none() {
    for hint in [json!(300), json!(3_600), json!(4_799)] {
        let mut story = Story::calm();
        story.hint = hint.clone();
        story.next();
        story.without(F::RefreshHint);
    }
}

/// A28: a private key in the document.
#[test]
fn a_private_key_pages_is_shown_nowhere_and_is_done_with_by_a_decision() {
    let mut story = Story::calm();
    let mut leaked = story.jwt(story.now);
    let secret = "c2VjcmV0LXNjYWxhci1vZi10aGUta2V5LW9mLWItZXhh";
    leaked.element["d"] = json!(secret);
    story.publish([leaked.clone()]);
    story.next();
    let found = story.raises(F::PrivateKeyPublished, Critical);
    // By its use and public part, so that whoever has the key can find it.
    let named = format!("authority jwt-svid {}", leaked.fingerprint);
    assert!(found.evidence[0].contains(&named), "{:?}", found.evidence);
    let said = serde_json::to_string(&story.said).unwrap();
    assert!(!said.contains(secret), "the private key is told");
    story.withdraw(|key| key.short == leaked.short);
    story.next();
    story.acks();
    story.without(F::PrivateKeyPublished);
}

#[test]
fn public_members_alone_are_no_private_key() {
    let story = Story::calm();
    story.without(F::PrivateKeyPublished);
}

/// A30: odd JSON is told with its clauses, and judged as what it says.
#[test]
fn odd_json_is_irregular_and_its_keys_are_the_same() {
    let mut story = Story::calm();
    let text = story.document().to_string();
    let twice = text.replacen('{', r#"{"spiffe_sequence":1,"#, 1);
    story.serves(&twice);
    story.raises(F::IrregularDocument, Info);
    story.without(F::UnexpectedAuthority);
    story.serves(&text);
    story.without(F::IrregularDocument);
}

/// A30, twin: other white space and other order are the same document.
#[test]
fn white_space_and_order_are_nothing() {
    let mut story = Story::calm();
    let pretty = serde_json::to_string_pretty(&story.document()).unwrap();
    story.serves(&pretty);
    story.without(F::IrregularDocument);
    story.said_only(&[]);
}

#[test]
fn a_document_that_a_declared_consumer_refuses_pages_and_ends_with_it() {
    for (consumers, severity) in [(vec![Consumer::Spire], Critical), (vec![Consumer::Istio], Info)]
    {
        let mut story = Story::calm_under(Policy { consumers, ..policy() });
        story.without(F::ConsumerRejects);
        let mut keys: Vec<Value> = story.keys.iter().map(|key| key.element.clone()).collect();
        // SPIRE wants a key ID of each JWT key; our own parser can do without.
        for key in &mut keys {
            if key["use"] == "jwt-svid" {
                key.as_object_mut().unwrap().remove("kid");
            }
        }
        story.more = vec![("keys".to_owned(), json!(keys))];
        story.count(1);
        story.next();
        story.raises(F::ConsumerRejects, severity);
        story.more.clear();
        story.count(1);
        story.next();
        story.without(F::ConsumerRejects);
    }
}

#[test]
fn a_weak_key_is_told_while_it_stands() {
    let mut story = Story::calm();
    let mut weak = story.jwt(story.now);
    weak.element = json!({
        "use": "jwt-svid", "kty": "RSA", "kid": "weakweakweakweakweakweakweakweak", "e": "AQAB",
        // 1,024 bits.
        "n": "s".repeat(170) + "E",
    });
    story.publish([weak.clone()]);
    story.next();
    story.raises(F::WeakAuthority, Warning);
    story.keys.pop();
    story.count(1);
    story.next();
    story.without(F::WeakAuthority);
}

#[test]
fn a_clock_that_is_ahead_of_the_poll_by_more_than_the_skew_is_told() {
    for (ahead, told) in [(50 * (MINUTE / 60), false), (5 * MINUTE, true)] {
        let mut story = Story::calm();
        story.rotates_x509 = false;
        story.go(UNTIL_DUE);
        let made = story.now.saturating_add(POLL).saturating_add(ahead);
        let key = story.x509(made, DAY);
        story.publish([key]);
        story.next();
        if told {
            story.raises(F::ClockSkew, Warning);
        } else {
            story.without(F::ClockSkew);
        }
    }
}

#[test]
fn a_first_bundle_that_nobody_vouches_for_is_told_until_someone_does() {
    let mut story = Story::new(Policy { baseline: BaselinePolicy::Explicit, ..policy() });
    story.go(HOUR);
    let found = story.raises(F::BaselineMissing, Warning);
    let fingerprint = &story.keys[0].fingerprint;
    assert!(found.evidence.iter().any(|line| line.contains(fingerprint)));
    story.decides("baseline", &[]);
    story.without(F::BaselineMissing);
}

#[test]
fn a_domain_that_spends_its_daily_budget_is_told_and_not_recorded_further() {
    let daily_budget = Budget { events: 40, ..Policy::default().daily_budget };
    let mut story = Story::new(Policy { daily_budget, ..policy() });
    story.go(HOUR);
    story.without(F::Churn);
    for _ in 0..30 {
        let key = story.jwt(story.now);
        story.publish([key]);
        story.next();
    }
    story.raises(F::Churn, Critical);
}

/// A finding that goes on keeps its name through rotations: an `ack` of it holds.
#[test]
fn what_stays_wrong_with_the_document_is_one_finding_however_often_it_rotates() {
    let mut story = Story::calm();
    story.hint = json!(null);
    let mut leaked = story.jwt(story.now);
    leaked.element["d"] = json!("c2VjcmV0LXNjYWxhci1vZi10aGUta2V5LW9mLWItZXhh");
    let mut weak = story.jwt(story.now);
    weak.element["kid"] = json!("");
    story.publish([leaked, weak]);
    story.next();
    let lasting = |story: &Story| -> Vec<(FindingId, F)> {
        let kinds =
            [F::PrivateKeyPublished, F::RefreshHint, F::IrregularDocument, F::ConsumerRejects];
        let of = story.open.iter().filter(|(_, open)| kinds.contains(&open.kind));
        of.map(|(id, open)| (*id, open.kind)).collect()
    };
    let first = lasting(&story);
    let kinds: BTreeSet<&str> = first.iter().map(|(_, kind)| kind.label()).collect();
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    let keys = story.keys.len();
    story.go(DAY / 2);
    assert_ne!(story.keys.len(), keys, "it rotated");
    assert_eq!(lasting(&story), first);
}

/// The page is the same one while the sequence number goes on.
#[test]
fn a_bundle_that_stays_empty_is_one_page() {
    let mut story = Story::calm();
    story.due = None;
    story.keys.clear();
    story.count(1);
    story.next();
    let pages = |story: &Story| -> Vec<FindingId> {
        let of = story.open.iter().filter(|(_, open)| open.kind == F::BundleEmpty);
        of.map(|(id, _)| *id).collect()
    };
    let first = pages(&story);
    assert_eq!(first.len(), 1);
    story.count(1);
    story.next();
    assert_eq!(pages(&story), first);
}

/// As the daemon takes it: the poll failed, and the watch goes on.
#[test]
fn a_body_that_is_no_bundle_is_a_poll_that_failed() {
    let mut story = Story::calm();
    story.go(HOUR);
    let deep = format!("{{\"keys\":{}{}}}", "[".repeat(100), "]".repeat(100));
    for body in ["<html>maintenance</html>", "{}", &deep] {
        for _ in 0..5 {
            story.now = story.now.saturating_add(POLL);
            let line = json!({"at": story.now, "trust_domain": "b.example", "body": body});
            story.judge_line(&line.to_string());
        }
        story.raises(F::SourceStale, Warning);
        story.next();
        story.quiet();
    }
}

/// Each minute between two lines is looked at: no line may cost hours.
#[test]
fn a_line_that_is_ten_years_late_is_refused() {
    let at = |year: u32| {
        let at = format!("{year:04}-01-01T00:00:00Z");
        json!({"at": at, "trust_domain": "b.example", "failure": "timeout"}).to_string()
    };
    let story = Story::new(policy());
    let mut replay = story.replay;
    replay.judge_line(&at(2026)).unwrap();
    let refused = replay.judge_line(&at(2037)).unwrap_err();
    assert!(matches!(refused, RecordedLineError::TooLate), "{refused}");
    replay.judge_line(&at(2027)).unwrap();
}
