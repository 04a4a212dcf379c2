//! What the endpoint shows beside its bundle, what relying parties saw of tokens, and bootstrap
//! files.

use std::time::Duration;

use anchorwatch_core::bundle::{Certificate, Validity};
use anchorwatch_core::finding::{Finding, FindingKind, FindingKind as F, Severity, Severity::*};
use anchorwatch_core::judge::{self, Case, SharedKeys};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{DomainState, Event, Failure, FailureReason, Poll, Sighting};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::story::{DAY, HOUR, Key, MINUTE, POLL, Story, policy};

/// The identifier of an authority's key, as its certificates name it.
pub(crate) fn key_id(key: &Key) -> String {
    let x5c = key.element["x5c"][0].as_str().unwrap();
    let der = base64::engine::general_purpose::STANDARD.decode(x5c).unwrap();
    let certificate = Certificate::parse(&der).unwrap();
    serde_json::to_value(certificate.subject_key_id.unwrap()).unwrap().as_str().unwrap().to_owned()
}

/// An endpoint's certificate that this authority signed then, for an hour.
pub(crate) fn svid(key: &Key, made: Timestamp) -> Value {
    json!({
        "authority_key_id": key_id(key),
        "not_before": made,
        "not_after": made.saturating_add(HOUR),
    })
}

/// A19: the endpoint proves itself with an authority that its own bundle does not list.
#[test]
fn an_endpoint_whose_authority_its_bundle_lacks_is_told_after_the_lag() {
    let mut story = Story::calm();
    let now = story.now;
    let unlisted = story.x509(now, DAY);
    story.source = vec![("endpoint_svid", svid(&unlisted, now))];
    story.next();
    story.without(F::EndpointBundleMismatch);
    story.next();
    story.raises(F::EndpointBundleMismatch, Warning);
    story.acks();
    story.source = vec![("endpoint_svid", svid(&story.of("x509-svid")[1], story.now))];
    story.next();
    story.without(F::EndpointBundleMismatch);
}

/// A19, twin: a server that just rotated signs with an authority of the bundle.
#[test]
fn an_endpoint_that_signs_with_a_listed_authority_is_in_order() {
    let mut story = Story::calm();
    for _ in 0..30 {
        story.source = vec![("endpoint_svid", svid(&story.of("x509-svid")[1], story.now))];
        story.next();
    }
    story.without(F::EndpointBundleMismatch);
}

/// A20: an old certificate is in use again.
#[test]
fn a_certificate_older_than_the_last_by_half_its_life_is_told() {
    let mut story = Story::calm();
    let signer = story.of("x509-svid")[1].clone();
    let first = story.now;
    story.source = vec![("endpoint_svid", svid(&signer, first))];
    story.go(40 * MINUTE);
    story.source = vec![("endpoint_svid", svid(&signer, story.now))];
    story.next();
    story.source = vec![("endpoint_svid", svid(&signer, first))];
    story.next();
    story.next();
    story.raises(F::EndpointBundleMismatch, Warning);
}

/// A20, twin: two replicas renew a few minutes apart.
#[test]
fn two_replicas_that_renew_minutes_apart_are_in_order() {
    let mut story = Story::calm();
    let signer = story.of("x509-svid")[1].clone();
    for _ in 0..6 {
        let made = [story.now, story.now.saturating_sub(10 * MINUTE)];
        for made in made {
            story.source = vec![("endpoint_svid", svid(&signer, made))];
            story.next();
        }
    }
    story.without(F::EndpointBundleMismatch);
}

/// A redirect that leads elsewhere, with new keys at once.
#[test]
fn a_redirect_that_changes_together_with_keys_is_told() {
    for with_keys in [false, true] {
        let mut story = Story::new(policy());
        story.source = vec![("final_url", json!("https://one.example/"))];
        story.go(HOUR);
        story.source = vec![("final_url", json!("https://taken-over.example/"))];
        if with_keys {
            let key = story.jwt(story.now);
            story.publish([key]);
        }
        story.next();
        if with_keys {
            story.raises(F::EndpointChanged, Warning);
            story.acks();
        }
        story.without(F::EndpointChanged);
    }
}

/// A domain that is judged without lines: for what no line can say.
struct Bare {
    state: DomainState,
    endpoint: BundleEndpoint,
    at: Timestamp,
    fault: Option<&'static str>,
}

impl Bare {
    fn new() -> Self {
        let endpoint_spiffe_id = "spiffe://b.example/spire/server".parse().unwrap();
        let endpoint = BundleEndpoint {
            trust_domain: "b.example".parse().unwrap(),
            url: "https://b.example".parse().unwrap(),
            profile: EndpointProfile::HttpsSpiffe { endpoint_spiffe_id },
        };
        let at = Timestamp::from_unix(1_800_000_000);
        let mut bare = Self { state: DomainState::default(), endpoint, at, fault: None };
        let endpoint = bare.endpoint.clone();
        bare.record(Event::EndpointConfigured { endpoint, previous: None });
        bare
    }

    fn record(&mut self, event: Event) {
        judge::record(&mut self.state, self.at, event, &policy());
    }

    /// Time passes, and what time alone brings is journaled.
    fn waits(&mut self, long: Duration) {
        self.at = self.at.saturating_add(long);
        judge::review_state(&mut self.state, &policy(), None, self.at);
    }

    fn findings(&self) -> Vec<Finding> {
        let policy = policy();
        let (endpoint, state, bootstrap_fault) = (&self.endpoint, &self.state, self.fault);
        let case = Case { endpoint, state, policy: &policy, bootstrap_fault, shared: None };
        judge::assess(&case, self.at).findings
    }

    fn raises(&self, kind: FindingKind, severity: Severity) {
        let findings = self.findings();
        let found = findings.iter().find(|finding| finding.kind == kind);
        assert_eq!(found.map(|finding| finding.severity), Some(severity), "{findings:#?}");
    }

    fn without(&self, kind: FindingKind) {
        let findings = self.findings();
        assert!(findings.iter().all(|finding| finding.kind != kind), "{findings:#?}");
    }

    fn report_sighting(&mut self, kid: &str, lives: Duration) {
        let sighting = Sighting::of_token(kid, self.at, self.at, self.at.saturating_add(lives));
        self.record(Event::KidSighted { sighting, reporter: "file".into() });
    }
}

/// A5: a token under a key that no bundle lists.
#[test]
fn a_token_whose_key_no_bundle_lists_in_time_pages() {
    let mut bare = Bare::new();
    bare.report_sighting("nobody-lists-me", 5 * MINUTE);
    // T and σ: a consumer may see a token before the watch sees its key.
    bare.waits(6 * MINUTE);
    bare.without(F::UnlistedSigner);
    bare.waits(2 * MINUTE);
    bare.raises(F::UnlistedSigner, Critical);
}

#[test]
fn a_token_that_lives_longer_than_declared_is_told() {
    let mut bare = Bare::new();
    bare.report_sighting("short", 5 * MINUTE);
    bare.waits(MINUTE);
    bare.without(F::TokenLifetime);
    bare.report_sighting("long", 6 * MINUTE);
    bare.waits(MINUTE);
    bare.raises(F::TokenLifetime, Warning);
}

#[test]
fn a_bootstrap_file_that_cannot_be_used_pages_while_it_cannot() {
    let mut bare = Bare::new();
    bare.without(F::BootstrapUnusable);
    let failure = Failure::new(FailureReason::NoTrust, "no file".to_owned());
    let step = judge::judge_poll(
        std::mem::take(&mut bare.state),
        Poll::of(Err(failure)),
        bare.at,
        &policy(),
        0.5,
        &mut |_, _| SharedKeys::default(),
    );
    bare.state = step.state;
    bare.fault = Some("b.pem: no such file");
    bare.raises(F::BootstrapUnusable, Critical);
    bare.fault = None;
    bare.without(F::BootstrapUnusable);
}

#[test]
fn the_hour_and_the_poll_are_what_the_stories_take_them_for() {
    assert_eq!((HOUR, POLL), (60 * MINUTE, 5 * MINUTE));
    let validity =
        Validity { not_before: Timestamp::from_unix(0), not_after: Timestamp::from_unix(3600) };
    assert_eq!(validity.not_after.since(validity.not_before), Some(HOUR));
}
