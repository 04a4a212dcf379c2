//! A certificate that rests on a denied key authenticates nothing, and is told from others.

use anchorwatch::demo::endpoint::LoopbackEndpoint;
use anchorwatch::demo::mint::{DemoKeyAlgorithm, Svid, X509Ca, ca_params, svid_params};
use anchorwatch_core::bundle::{Certificate, Fingerprint, PublicKeyId};
use anchorwatch_core::decision::{Decision, DecisionAction, DecisionSource, Decisions, Denials};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{Failure, FailureReason, Observation, Trust};
use rcgen::KeyPair;

use crate::support::{HOUR, NOW, World, assert_reason, ca, current, trust, validity};

/// The denial of these certificates, each with its key.
fn denials(denied: &[(Fingerprint, Option<PublicKeyId>)]) -> Denials {
    let mut decisions = Decisions::default();
    for (fingerprint, public_key) in denied {
        let (fingerprint, public_key) = (*fingerprint, *public_key);
        let action =
            DecisionAction::Deny { fingerprint, public_key, everywhere: false, denied_at: None };
        let (by, reason) = ("j.doe".into(), "INC-1".into());
        let decision = Decision { action, by, reason, uid: None, source: DecisionSource::Operator };
        decisions.apply(Timestamp::from_unix(NOW), &decision);
    }
    decisions.denials()
}

fn key_of(ca: &X509Ca) -> (Fingerprint, Option<PublicKeyId>) {
    let certificate = Certificate::parse(ca.certificate()).unwrap();
    (certificate.fingerprint(), Some(certificate.public_key))
}

/// Trust in these authorities, of which the latter are denied.
fn trust_but(world: &World, trusted: &[&X509Ca], denied: &[&X509Ca]) -> Trust {
    let all: Vec<&X509Ca> = trusted.iter().chain(denied).copied().collect();
    let keys: Vec<_> = denied.iter().map(|ca| key_of(ca)).collect();
    trust(&world.trust_domain, &all).without(denials(&keys))
}

impl World {
    /// Polls an endpoint that presents this; a refused one is asked for nothing.
    async fn answer_to(&self, svid: &Svid, trust: &Trust) -> Result<Observation, Failure> {
        let endpoint = LoopbackEndpoint::start(svid, self.document()).await.unwrap();
        let answer = self.poll(&self.target(&endpoint.url()), Some(trust)).await.answers.remove(0);
        assert_eq!(endpoint.requests(), u64::from(answer.is_ok()), "{answer:?}");
        answer
    }

    async fn refuses(&self, svid: &Svid, trust: &Trust, denied: Fingerprint) -> Failure {
        let failure = self.answer_to(svid, trust).await.unwrap_err();
        assert_reason(&failure, FailureReason::DeniedSigner);
        assert_eq!(failure.denied, [denied], "{failure:?}");
        assert_eq!(failure.presented.as_ref().unwrap().anchor, None);
        failure
    }
}

fn twin(key: &KeyPair) -> KeyPair {
    KeyPair::try_from(key.serialize_der()).unwrap()
}

fn new_key() -> KeyPair {
    DemoKeyAlgorithm::EcP256.generate().unwrap()
}

#[tokio::test]
async fn what_a_denied_authority_signed_is_refused_by_name() {
    let world = World::new();
    let rogue = ca(&world.trust_domain);
    let trust = trust_but(&world, &[&world.ca], &[&rogue]);
    let svid = rogue.svid(&world.id, current()).unwrap();
    let failure = world.refuses(&svid, &trust, key_of(&rogue).0).await;
    assert!(failure.detail.as_received().contains(&key_of(&rogue).0.to_string()), "{failure:?}");
    let leaf = failure.presented.unwrap().leaf;
    assert!(leaf.subject.unwrap().as_received().contains("O=SPIRE"));
    assert!(leaf.issuer.unwrap().as_received().contains("O=SPIFFE"));
    world.answer_to(&world.svid(), &trust).await.unwrap();
    // What nobody knows is no denied signer.
    let unknown = ca(&world.trust_domain).svid(&world.id, current()).unwrap();
    let failure = world.answer_to(&unknown, &trust).await.unwrap_err();
    assert_reason(&failure, FailureReason::UntrustedChain);
}

/// Dates, names and what else the chain says do not hide who signed it.
#[tokio::test]
async fn a_denied_signer_is_told_whatever_else_is_wrong() {
    let world = World::new();
    let key = new_key();
    let params = ca_params("spiffe://example.org", current()).unwrap();
    let rogue = X509Ca::from_params(params, twin(&key)).unwrap();
    let trust = trust_but(&world, &[&world.ca], &[&rogue]);
    let denied = key_of(&rogue).0;
    let expired = rogue.svid(&world.id, validity(-HOUR, -1)).unwrap();
    world.refuses(&expired, &trust, denied).await;
    let other = rogue.svid(&"spiffe://example.org/other".parse().unwrap(), current()).unwrap();
    world.refuses(&other, &trust, denied).await;
    // The same key under another certificate, with another name and other dates.
    let params = ca_params("spiffe://example.com", validity(-HOUR, 9 * HOUR)).unwrap();
    let renamed = X509Ca::from_params(params, twin(&key)).unwrap();
    let svid = renamed.svid(&world.id, current()).unwrap();
    world.refuses(&svid, &trust, denied).await;
    // An intermediate below it, that nobody has seen.
    let below = rogue.intermediate(&world.trust_domain, current()).unwrap();
    let svid = below.svid(&world.id, current()).unwrap().with(below.certificate().clone());
    world.refuses(&svid, &trust, denied).await;
}

#[tokio::test]
async fn no_path_goes_through_a_denied_intermediate() {
    let world = World::new();
    let key = new_key();
    let params = ca_params("spiffe://example.org", current()).unwrap();
    let intermediate = world.ca.sign_ca(params, twin(&key)).unwrap();
    let svid = intermediate.svid(&world.id, current()).unwrap();
    let svid = svid.with(intermediate.certificate().clone());
    world.answer_to(&svid, &world.trust()).await.unwrap();
    // By its key, under whatever certificate.
    let (_, public_key) = key_of(&intermediate);
    let elsewhere = Fingerprint::of(b"another certificate");
    let trust = world.trust().without(denials(&[(elsewhere, public_key)]));
    world.refuses(&svid, &trust, elsewhere).await;
    // By its fingerprint, where its key was never seen.
    let (fingerprint, _) = key_of(&intermediate);
    let trust = world.trust().without(denials(&[(fingerprint, None)]));
    world.refuses(&svid, &trust, fingerprint).await;
}

#[tokio::test]
async fn a_leaf_whose_own_key_is_denied_authenticates_nothing() {
    let world = World::new();
    let key = new_key();
    let leaf = world.ca.sign(&svid_params(&world.id, current()).unwrap(), &key).unwrap();
    let elsewhere = Fingerprint::of(b"another certificate");
    let public_key = Certificate::parse(&leaf.chain()[0]).unwrap().public_key;
    let trust = world.trust().without(denials(&[(elsewhere, Some(public_key))]));
    world.refuses(&leaf, &trust, elsewhere).await;
}

/// One intermediate, certified by a denied authority and by one that is not.
#[tokio::test]
async fn a_cross_signed_chain_counts_by_its_undenied_path_alone() {
    let world = World::new();
    let rogue = ca(&world.trust_domain);
    let key = new_key();
    let params = ca_params("spiffe://example.org", current()).unwrap();
    let by_rogue = rogue.sign_ca(params.clone(), twin(&key)).unwrap();
    let by_genuine = world.ca.sign_ca(params, twin(&key)).unwrap();
    let leaf = by_rogue.svid(&world.id, current()).unwrap();
    let trust = trust_but(&world, &[&world.ca], &[&rogue]);
    let both =
        leaf.clone().with(by_rogue.certificate().clone()).with(by_genuine.certificate().clone());
    let observation = world.answer_to(&both, &trust).await.unwrap();
    let presented = observation.source.presented.unwrap();
    assert_eq!(presented.anchor, Some(key_of(&world.ca).0));
    let path: Vec<_> = presented.path.iter().map(|key| key.fingerprint).collect();
    assert_eq!(path[1..], [key_of(&by_genuine).0, key_of(&world.ca).0]);
    let one = leaf.with(by_rogue.certificate().clone());
    world.refuses(&one, &trust, key_of(&rogue).0).await;
}

#[tokio::test]
async fn a_remembered_path_does_not_outlive_a_denial() {
    let world = World::new();
    let rogue = ca(&world.trust_domain);
    let intermediate = world.ca.intermediate(&world.trust_domain, current()).unwrap();
    let through = intermediate.svid(&world.id, current()).unwrap();
    let through = through.with(intermediate.certificate().clone());
    let signed = rogue.svid(&world.id, current()).unwrap();
    let trusted = trust(&world.trust_domain, &[&world.ca, &rogue]);
    for (svid, denied) in [(&signed, &rogue), (&through, &intermediate)] {
        let endpoint = LoopbackEndpoint::start(svid, world.document()).await.unwrap();
        let target = world.target(&endpoint.url());
        for _ in 0..2 {
            let fetched = world.poll(&target, Some(&trusted)).await;
            assert!(fetched.answers[0].is_ok(), "remembered: {fetched:?}");
        }
        let denial = denials(&[key_of(denied)]);
        let mut fetched = world.poll(&target, Some(&trusted.clone().without(denial))).await;
        let failure = fetched.answers.remove(0).unwrap_err();
        assert_reason(&failure, FailureReason::DeniedSigner);
        // And it is not remembered as refused, should the denial be overridden.
        assert!(world.poll(&target, Some(&trusted)).await.answers[0].is_ok());
    }
}

#[tokio::test]
async fn an_approval_of_the_very_certificate_overrides_a_denial_on_the_path() {
    let world = World::new();
    let intermediate = world.ca.intermediate(&world.trust_domain, current()).unwrap();
    let svid = intermediate.svid(&world.id, current()).unwrap();
    let svid = svid.with(intermediate.certificate().clone());
    let (fingerprint, public_key) = key_of(&intermediate);
    let mut decisions = Decisions::default();
    let elsewhere = Fingerprint::of(b"another certificate");
    let deny = DecisionAction::Deny {
        fingerprint: elsewhere,
        public_key,
        everywhere: false,
        denied_at: None,
    };
    for (second, action) in [(0, deny), (1, DecisionAction::Approve { fingerprint })] {
        let (by, reason) = ("j.doe".into(), "INC-1".into());
        let decision = Decision { action, by, reason, uid: None, source: DecisionSource::Operator };
        decisions.apply(Timestamp::from_unix(NOW + second), &decision);
    }
    let trust = world.trust().without(decisions.denials());
    world.answer_to(&svid, &trust).await.unwrap();
}

#[tokio::test]
async fn where_all_is_denied_the_endpoint_is_not_asked() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let trust = trust_but(&world, &[], &[&world.ca]);
    let mut fetched = world.poll(&world.target(&endpoint.url()), Some(&trust)).await;
    let failure = fetched.answers.remove(0).unwrap_err();
    assert_reason(&failure, FailureReason::TrustDenied);
    assert_eq!(failure.denied, [key_of(&world.ca).0]);
    assert_eq!(endpoint.connections(), 0);
}

#[tokio::test]
async fn a_hostile_chain_costs_a_bounded_search() {
    let world = World::new();
    let rogue = ca(&world.trust_domain);
    let trust = trust_but(&world, &[&world.ca], &[&rogue]);
    // Authorities of one name that certify each other in a circle, and sign nothing of use.
    let params = ca_params("spiffe://example.org", current()).unwrap();
    let circle: Vec<X509Ca> =
        (0..40).map(|_| X509Ca::from_params(params.clone(), new_key()).unwrap()).collect();
    let mut svid = circle[0].svid(&world.id, current()).unwrap();
    for one in &circle {
        svid = svid.with(one.certificate().clone());
    }
    let failure = world.answer_to(&svid, &trust).await.unwrap_err();
    assert_reason(&failure, FailureReason::UntrustedChain);
}
