//! Which authority may vouch for an endpoint: the path, and how long it is believed (X509-SVID, 4
//! and 5.1; RFC 5280, 6).

use anchorwatch::demo::endpoint::LoopbackEndpoint;
use anchorwatch::demo::mint::{DemoKeyAlgorithm, Svid, X509Ca, ca_params, svid_params};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{Failure, FailureReason, Observation, Trust};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, GeneralSubtree, IsCa, KeyIdMethod,
    KeyUsagePurpose, NameConstraints, SanType,
};

use crate::support::{HOUR, NOW, World, assert_reason, ca, current, odd_ca, trust, validity};

impl World {
    async fn poll_with(&self, svid: &Svid, trust: &Trust) -> Result<Observation, Failure> {
        let endpoint = LoopbackEndpoint::start(svid, self.document()).await.unwrap();
        self.poll(&self.target(&endpoint.url()), Some(trust)).await.answers.remove(0)
    }

    /// A poll of an endpoint whose SVID is in order and signed by `ca`, which alone is trusted.
    async fn poll_signed_by(&self, ca: &X509Ca) -> Result<Observation, Failure> {
        let svid = ca.svid(&self.id, current()).unwrap();
        self.poll_with(&svid, &trust(&self.trust_domain, &[ca])).await
    }
}

#[tokio::test]
async fn another_domains_authority_vouches_for_nobody_here() {
    let world = World::new();
    let foreign = ca(&"example.com".parse().unwrap());
    let failure = world.refusal_of(foreign.svid(&world.id, current()).unwrap()).await;
    assert_reason(&failure, FailureReason::UntrustedChain);
    assert_eq!(failure.presented.unwrap().anchor, None);
}

#[tokio::test]
async fn a_forged_authority_of_the_same_name_and_key_identifier_vouches_for_nobody() {
    let world = World::new();
    let named = KeyIdMethod::PreSpecified(vec![1; 20]);
    let params = ca_params("spiffe://example.org", current()).unwrap();
    let twin = || {
        let mut params = params.clone();
        params.key_identifier_method = named.clone();
        X509Ca::from_params(params, DemoKeyAlgorithm::EcP256.generate().unwrap()).unwrap()
    };
    let (real, forged) = (twin(), twin());
    let svid = forged.svid(&world.id, current()).unwrap();
    let outcome = world.poll_with(&svid, &trust(&world.trust_domain, &[&real])).await;
    assert_reason(&outcome.unwrap_err(), FailureReason::UntrustedChain);
    // Both are named by the leaf, and one of them signed it.
    let both = trust(&world.trust_domain, &[&real, &forged]);
    let presented = world.poll_with(&svid, &both).await.unwrap().source.presented.unwrap();
    assert_eq!(presented.anchor, both.authorities.last().map(|authority| authority.id.fingerprint));
}

#[tokio::test]
async fn a_self_signed_svid_vouches_for_nothing_even_where_it_is_listed() {
    let world = World::new();
    let key = DemoKeyAlgorithm::EcP256.generate().unwrap();
    let params = svid_params(&world.id, current()).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let svid = Svid::new(vec![certificate], &key).unwrap();
    assert_reason(&world.refusal_of(svid.clone()).await, FailureReason::UntrustedChain);
    let listed = X509Ca::from_params(params, key).unwrap();
    let key = listed.sign(
        &svid_params(&world.id, current()).unwrap(),
        &DemoKeyAlgorithm::EcP256.generate().unwrap(),
    );
    let outcome = world.poll_with(&key.unwrap(), &trust(&world.trust_domain, &[&listed])).await;
    assert_reason(&outcome.unwrap_err(), FailureReason::UntrustedChain);
}

#[tokio::test]
async fn an_authority_vouches_only_while_it_is_valid_itself() {
    let world = World::new();
    for (from, until) in [(-HOUR, -1), (1, HOUR)] {
        let ca = X509Ca::mint(&world.trust_domain, validity(from, until), DemoKeyAlgorithm::EcP256);
        let failure = world.poll_signed_by(&ca.unwrap()).await.unwrap_err();
        assert_reason(&failure, FailureReason::Expired);
    }
}

#[tokio::test]
async fn only_a_ca_that_may_sign_certificates_vouches() {
    let world = World::new();
    let no_ca = odd_ca(|params| params.is_ca = IsCa::ExplicitNoCa);
    let no_signer = odd_ca(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    for authority in [no_ca, no_signer] {
        let failure = world.poll_signed_by(&authority).await.unwrap_err();
        assert_reason(&failure, FailureReason::UntrustedChain);
    }
    // RFC 5280, 4.2.1.3: a key usage that is missing forbids nothing.
    world.poll_signed_by(&odd_ca(|params| params.key_usages.clear())).await.unwrap();
}

#[tokio::test]
async fn an_intermediate_comes_with_the_chain() {
    let world = World::new();
    let intermediate = world.ca.intermediate(&world.trust_domain, current()).unwrap();
    let svid = intermediate.svid(&world.id, current()).unwrap();
    let whole = svid.clone().with(intermediate.certificate().clone());
    let presented =
        world.poll_with(&whole, &world.trust()).await.unwrap().source.presented.unwrap();
    assert_eq!(presented.chain.len(), 1);
    let trust = world.trust();
    let authority = trust.authorities.first().unwrap();
    assert_eq!(presented.anchor, Some(authority.id.fingerprint));
    let key = authority.certificate.as_ref().unwrap().subject_key_id.as_ref();
    assert_eq!(presented.top_authority_key_id(), key);
    assert_reason(&world.refusal_of(svid).await, FailureReason::UntrustedChain);
}

#[tokio::test]
async fn an_intermediate_must_be_a_ca_and_valid() {
    let world = World::new();
    let expired = world.ca.intermediate(&world.trust_domain, validity(-HOUR, -1)).unwrap();
    let svid = expired.svid(&world.id, current()).unwrap();
    let failure = world.refusal_of(svid.with(expired.certificate().clone())).await;
    assert_reason(&failure, FailureReason::Expired);
    let mut params = svid_params(&world.id, current()).unwrap();
    params.distinguished_name =
        ca_params("spiffe://example.org", current()).unwrap().distinguished_name;
    let workload = world.ca.sign_ca(params, DemoKeyAlgorithm::EcP256.generate().unwrap()).unwrap();
    let svid = workload.svid(&world.id, current()).unwrap();
    let failure = world.refusal_of(svid.with(workload.certificate().clone())).await;
    assert_reason(&failure, FailureReason::UntrustedChain);
}

#[tokio::test]
async fn an_authority_limits_how_many_follow_below_it() {
    let world = World::new();
    let none = odd_ca(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let intermediate = none.intermediate(&world.trust_domain, current()).unwrap();
    let svid = intermediate.svid(&world.id, current()).unwrap();
    let svid = svid.with(intermediate.certificate().clone());
    let outcome = world.poll_with(&svid, &trust(&world.trust_domain, &[&none])).await;
    assert_reason(&outcome.unwrap_err(), FailureReason::UntrustedChain);
    world.poll_signed_by(&none).await.unwrap();
}

#[tokio::test]
async fn two_authorities_may_have_one_subject() {
    let world = World::new();
    let twin = |_| odd_ca(|params| params.distinguished_name = rcgen::DistinguishedName::new());
    // webpki gives up after 100 signatures, and SPIRE's authorities once all had one subject.
    let twins: Vec<X509Ca> = (0..120).map(twin).collect();
    let all: Vec<&X509Ca> = twins.iter().collect();
    let svid = twins.last().unwrap().svid(&world.id, current()).unwrap();
    world.poll_with(&svid, &trust(&world.trust_domain, &all)).await.unwrap();
}

#[tokio::test]
async fn a_key_identifier_that_misleads_does_not_lock_out() {
    let world = World::new();
    let params = ca_params("spiffe://example.org", current()).unwrap();
    let key = DemoKeyAlgorithm::EcP256.generate().unwrap();
    let mut signing = params.clone();
    signing.key_identifier_method = KeyIdMethod::PreSpecified(vec![7; 20]);
    // The leaf names key 07…, which another authority carries.
    let decoy =
        odd_ca(|params| params.key_identifier_method = KeyIdMethod::PreSpecified(vec![7; 20]));
    let copy = rcgen::KeyPair::try_from(key.serialize_der()).unwrap();
    let real = X509Ca::from_params(params, key).unwrap();
    let signer = X509Ca::from_params(signing, copy).unwrap();
    let svid = signer.svid(&world.id, current()).unwrap();
    world.poll_with(&svid, &trust(&world.trust_domain, &[&decoy, &real])).await.unwrap();
}

/// The tags of permitted and of excluded subtrees (RFC 5280, 4.2.1.10).
const PERMITTED: u8 = 0xa0;
const EXCLUDED: u8 = 0xa1;

/// A critical name constraints extension with one URI subtree.
fn uri_constraint(subtrees: u8, domain: &str) -> CustomExtension {
    let length = u8::try_from(domain.len()).unwrap();
    let mut content = vec![0x30, length + 6, subtrees, length + 4, 0x30, length + 2, 0x86, length];
    content.extend_from_slice(domain.as_bytes());
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 30], content);
    extension.set_criticality(true);
    extension
}

#[tokio::test]
async fn uri_name_constraints_hold_as_go_spiffe_verifies_them() {
    let world = World::new();
    for (subtrees, domain, holds) in [
        (PERMITTED, "example.org", true),
        (PERMITTED, "EXAMPLE.ORG", true),
        (PERMITTED, "org", true),
        (PERMITTED, "", true),
        (PERMITTED, ".example.org", false),
        (PERMITTED, "a.example.org", false),
        (PERMITTED, "example.com", false),
        (PERMITTED, "10.0.0.1", false),
        (EXCLUDED, "example.com", true),
        (EXCLUDED, "example.org", false),
        (EXCLUDED, "org", false),
    ] {
        let constrain = |params: &mut CertificateParams| {
            params.custom_extensions.push(uri_constraint(subtrees, domain));
        };
        // In the authority, and in an intermediate right below it or one further down.
        let root = ca(&world.trust_domain);
        let limited = odd_ca(constrain);
        let mut params = ca_params("spiffe://example.org", current()).unwrap();
        constrain(&mut params);
        let below = |ca: &X509Ca| ca.intermediate(&world.trust_domain, current()).unwrap();
        let made = |ca: &X509Ca| {
            ca.sign_ca(params.clone(), DemoKeyAlgorithm::EcP256.generate().unwrap()).unwrap()
        };
        let (under_root, plain) = (made(&root), below(&root));
        let under_plain = made(&plain);
        let last = below(&under_plain);
        let chains: [(&X509Ca, &X509Ca, &[&X509Ca]); 4] = [
            (&limited, &limited, &[]),
            (&root, &under_root, &[&under_root]),
            (&root, &under_plain, &[&under_plain, &plain]),
            (&root, &last, &[&last, &under_plain, &plain]),
        ];
        for (place, (anchor, issuer, sent)) in chains.into_iter().enumerate() {
            let svid = issuer.svid(&world.id, current()).unwrap();
            let svid = sent.iter().fold(svid, |svid, ca| svid.with(ca.certificate().clone()));
            let outcome = world.poll_with(&svid, &trust(&world.trust_domain, &[anchor])).await;
            let shown = format!("{subtrees:x} {domain} {place}");
            match outcome {
                Ok(observation) => {
                    assert!(holds, "{shown}");
                    let path = observation.source.presented.unwrap().path;
                    assert_eq!(path.len(), sent.len() + 2, "{shown}");
                }
                Err(failure) => {
                    assert!(!holds, "{shown}: {failure:?}");
                    assert_reason(&failure, FailureReason::NameConstraints);
                }
            }
        }
    }
}

#[tokio::test]
async fn an_intermediate_with_uri_constraints_needs_an_issuer_that_may_issue_it() {
    let world = World::new();
    let mint = |ca: &X509Ca, change: &dyn Fn(&mut CertificateParams)| {
        let mut params = ca_params("spiffe://example.org", current()).unwrap();
        params.custom_extensions.push(uri_constraint(PERMITTED, "example.org"));
        change(&mut params);
        ca.sign_ca(params, DemoKeyAlgorithm::EcP256.generate().unwrap()).unwrap()
    };
    let (root, other) = (ca(&world.trust_domain), ca(&world.trust_domain));
    let short = odd_ca(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let unknown = |params: &mut CertificateParams| {
        let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 99], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    };
    let expired = |params: &mut CertificateParams| {
        let at = |unix| time::OffsetDateTime::from_unix_timestamp(unix).unwrap();
        (params.not_before, params.not_after) = (at(NOW - 2 * HOUR), at(NOW - HOUR));
    };
    for (named, anchor, intermediate) in [
        ("another authority signed it", &root, mint(&other, &|_| ())),
        ("the authority allows none below", &short, mint(&short, &|_| ())),
        ("it has expired", &root, mint(&root, &expired)),
        ("a critical extension is unknown", &root, mint(&root, &unknown)),
        (
            "it may not sign",
            &root,
            mint(&root, &|params| {
                params.key_usages = vec![KeyUsagePurpose::CrlSign];
            }),
        ),
        ("it is no CA", &root, mint(&root, &|params| params.is_ca = IsCa::ExplicitNoCa)),
    ] {
        let svid = intermediate.svid(&world.id, current()).unwrap();
        let svid = svid.with(intermediate.certificate().clone());
        let outcome = world.poll_with(&svid, &trust(&world.trust_domain, &[anchor])).await;
        assert!(outcome.is_err(), "{named}");
    }
}

#[tokio::test]
async fn dns_name_constraints_bind_dns_names_alone() {
    let world = World::new();
    let constrained = odd_ca(|params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("example.org".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    });
    world.poll_signed_by(&constrained).await.unwrap();
    let mut params = svid_params(&world.id, current()).unwrap();
    params.subject_alt_names.push(SanType::DnsName("example.com".try_into().unwrap()));
    let svid = constrained.sign(&params, &DemoKeyAlgorithm::EcP256.generate().unwrap()).unwrap();
    let outcome = world.poll_with(&svid, &trust(&world.trust_domain, &[&constrained])).await;
    assert_reason(&outcome.unwrap_err(), FailureReason::UntrustedChain);
}

#[tokio::test]
async fn keys_of_every_common_kind_authenticate() {
    let world = World::new();
    for algorithm in [DemoKeyAlgorithm::EcP384, DemoKeyAlgorithm::Rsa2048] {
        let ca = X509Ca::mint(&world.trust_domain, current(), algorithm).unwrap();
        let params = svid_params(&world.id, current()).unwrap();
        let svid = ca.sign(&params, &algorithm.generate().unwrap()).unwrap();
        let trust = trust(&world.trust_domain, &[&ca]);
        let source = world.poll_with(&svid, &trust).await.unwrap().source;
        let expected = match algorithm {
            DemoKeyAlgorithm::EcP256 => "ec-p256",
            DemoKeyAlgorithm::EcP384 => "ec-p384",
            DemoKeyAlgorithm::Rsa2048 => "rsa-2048",
        };
        assert_eq!(source.presented.unwrap().leaf.key_type.unwrap().to_string(), expected);
    }
}

#[tokio::test]
async fn a_change_of_trust_counts_from_the_next_poll() {
    let world = World::new();
    // The server keeps sessions and offers tickets, as SPIRE's does.
    let endpoint = world.endpoint().await;
    let target = world.target(&endpoint.url());
    assert!(world.poll(&target, Some(&world.trust())).await.answers.remove(0).is_ok());
    let other = trust(&world.trust_domain, &[&ca(&world.trust_domain)]);
    let failure = world.poll(&target, Some(&other)).await.answers.remove(0).unwrap_err();
    assert_reason(&failure, FailureReason::UntrustedChain);
    assert!(failure.presented.is_some(), "no session was resumed");
    assert_eq!(endpoint.connections(), 2, "no connection was kept");
    assert_eq!(endpoint.requests(), 1);
}

#[tokio::test]
async fn every_poll_is_a_new_connection_and_sees_the_current_svid() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    for seconds in [HOUR, 2 * HOUR] {
        let svid = world.ca.svid(&world.id, validity(-10, seconds)).unwrap();
        endpoint.present(&svid);
        let observation = world.success(world.target(&endpoint.url())).await;
        let leaf = observation.source.presented.unwrap().leaf;
        assert_eq!(leaf.validity, validity(-10, seconds));
    }
    assert_eq!(endpoint.connections(), 2);
}

#[tokio::test]
async fn a_path_that_verified_is_not_believed_past_its_time() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    // A minute is what clocks may differ by: the SVID begins 10 s before 0.
    for (at, valid) in
        [(0, true), (HOUR, true), (HOUR + 1, false), (-70, true), (-71, false), (0, true)]
    {
        world.clock.set(Timestamp::from_unix(NOW + at));
        let mut fetched = world.poll(&world.target(&endpoint.url()), Some(&world.trust())).await;
        let reason = fetched.answers.remove(0).err().map(|failure| failure.reason);
        assert_eq!(reason, (!valid).then_some(FailureReason::Expired), "{at} s");
    }
}

#[tokio::test]
async fn a_path_that_verified_for_one_id_says_nothing_of_another() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    world.success(world.target(&endpoint.url())).await;
    let mut target = world.target(&endpoint.url());
    target.endpoint.profile = anchorwatch_core::spiffe::EndpointProfile::HttpsSpiffe {
        endpoint_spiffe_id: "spiffe://example.org/other".parse().unwrap(),
    };
    assert_reason(&world.failure(target).await, FailureReason::WrongSpiffeId);
}
