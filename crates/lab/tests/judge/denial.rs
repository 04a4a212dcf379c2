//! What is said of a denied key that goes on being used.

use anchorwatch_core::bundle::Certificate;
use anchorwatch_core::finding::{FindingKind as F, Severity::*};
use anchorwatch_core::watch::{JudgementPolicy, Policy};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::story::{DAY, HOUR, Key, Story, policy};

/// The endpoint's certificate as this authority signs it now.
fn svid(key: &Key, story: &Story) -> Value {
    let x5c = key.element["x5c"][0].as_str().unwrap();
    let der = base64::engine::general_purpose::STANDARD.decode(x5c).unwrap();
    let key_id = Certificate::parse(&der).unwrap().subject_key_id.unwrap();
    json!({
        "authority_key_id": key_id,
        "not_before": story.now,
        "not_after": story.now.saturating_add(HOUR),
    })
}

/// The genuine bundle with a rogue authority in it.
fn planted(policy: Policy) -> (Story, Key) {
    let mut story = Story::new(policy);
    // Nothing is calm under `pinned`.
    story.go(20 * HOUR);
    let rogue = story.x509(story.now, 3650 * DAY);
    story.publish([rogue.clone()]);
    story.next();
    (story, rogue)
}

fn deny(story: &mut Story, key: &Key) {
    story.decides("deny", &[("fingerprint", json!(key.fingerprint))]);
}

fn told(story: &Story, kind: F) -> String {
    story.opened(kind).iter().flat_map(|open| open.evidence.clone()).collect::<Vec<_>>().join("\n")
}

/// Recorded polls that an impostor with the denied key answered are none that count, from the first
/// one on, under every policy.
#[test]
fn a_recorded_answer_that_rests_on_a_denied_key_is_a_failed_poll() {
    for judgement in [
        JudgementPolicy::Observe,
        JudgementPolicy::Lenient,
        JudgementPolicy::Scheduled,
        JudgementPolicy::Pinned,
    ] {
        let (mut story, rogue) = planted(Policy { judgement, ..policy() });
        deny(&mut story, &rogue);
        let genuine = (story.keys.clone(), story.sequence.clone());
        story.keys = vec![rogue.clone(), story.jwt(story.now)];
        story.count(5);
        story.source = vec![("endpoint_svid", svid(&rogue, &story))];
        story.without(F::EndpointUnauthenticated);
        story.next();
        let open = story.raises(F::EndpointUnauthenticated, Critical);
        assert_eq!(open.subject, rogue.short);
        let text = told(&story, F::EndpointUnauthenticated);
        for part in [&*rogue.fingerprint, "j.doe", "CHG-1"] {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
        story.without(F::EarlyRemoval);
        // The genuine endpoint returns, and the denied key is not seen for a while.
        (story.keys, story.sequence) = genuine;
        let own = story.of("x509-svid")[1].clone();
        story.source = vec![("endpoint_svid", svid(&own, &story))];
        story.go(HOUR);
        story.without(F::EndpointUnauthenticated);
        story.without(F::Rollback);
    }
}

/// A recorded failure says of itself that a denied key signed, from the first poll on.
#[test]
fn a_recorded_refusal_of_a_denied_signer_pages_at_once() {
    let (mut story, rogue) = planted(policy());
    deny(&mut story, &rogue);
    story.fail("untrusted_chain");
    story.without(F::EndpointUnauthenticated);
    let mut other = planted(policy()).0;
    other.fail("denied_signer: as the watch told it");
    other.raises(F::EndpointUnauthenticated, Critical);
}

#[test]
fn a_trust_that_is_denied_whole_pages_with_the_way_out() {
    let (mut story, rogue) = planted(policy());
    deny(&mut story, &rogue);
    story.fail("trust_denied: all of it");
    story.raises(F::EndpointUnauthenticated, Critical);
    let text = told(&story, F::EndpointUnauthenticated);
    assert!(text.contains("anchorwatch rebootstrap b.example"), "{text}");
    assert!(text.contains("Every X.509 authority of b.example"), "{text}");
    story.without(F::BootstrapUnusable);
}

/// A file that was written before the denial overrides nothing.
#[test]
fn a_recorded_rebootstrap_approves_no_denied_key() {
    let (mut story, rogue) = planted(policy());
    deny(&mut story, &rogue);
    story.raises(F::UnexpectedAuthority, Critical);
    let bundle = story.document();
    story.decides("rebootstrap", &[("bundle", bundle)]);
    let open = story.raises(F::UnexpectedAuthority, Critical);
    assert_eq!(open.subject, rogue.short);
    let only = json!({"keys": [rogue.element]});
    story.decides("rebootstrap", &[("bundle", only)]);
    story.next();
    story.raises(F::UnexpectedAuthority, Critical);
}

/// An authority that nobody decided on authenticates, as it does at every consumer, and its finding
/// says so: also where it departs from its siblings.
#[test]
fn what_is_undecided_authenticates_and_its_finding_says_so() {
    let mut story = Story::calm();
    let rogue = story.x509(story.now, 3650 * DAY);
    story.publish([rogue.clone()]);
    story.source = vec![("endpoint_svid", svid(&rogue, &story))];
    story.next();
    story.raises(F::UnexpectedAuthority, Critical);
    let text = told(&story, F::UnexpectedAuthority);
    assert!(
        text.contains("By its `notBefore`") || text.contains("Certificate lifetime is"),
        "contradicted: {text}"
    );
    assert!(
        text.contains("The endpoint presents a certificate that this authority signed, since"),
        "{text}"
    );
    story.next();
    story.without(F::EndpointUnauthenticated);
}
