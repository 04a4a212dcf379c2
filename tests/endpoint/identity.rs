//! Who may answer as `https_spiffe` endpoint: the leaf (Federation, 5.2.2; X509-SVID, 2 to 5).

use anchorwatch::demo::endpoint::LoopbackEndpoint;
use anchorwatch::demo::mint::{DemoKeyAlgorithm, Svid, ca_params};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch_core::watch::{FailureReason, TrustOrigin};
use rcgen::{
    BasicConstraints, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType,
};

use crate::support::{
    DNS, HOUR, URI, World, assert_reason, ca, current, raw_names, trust, validity,
};

const ID: &[u8] = b"spiffe://example.org/spire/server";

#[tokio::test]
async fn a_good_endpoint_gives_its_bundle_and_the_evidence_of_who_served_it() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let observation = world.success(world.target(&endpoint.url())).await;
    assert_eq!(observation.bundle.authorities().len(), 2);
    assert_eq!(observation.bundle.sequence.given(), Some(1));
    assert_eq!(observation.source.address, Some([127, 0, 0, 1].into()));
    assert_eq!(observation.source.redirected_to, None);
    assert_eq!(observation.source.authenticated_by, Some(TrustOrigin::Latest));
    assert!(observation.source.bootstrap.is_empty());
    let presented = observation.source.presented.unwrap();
    let trust = world.trust();
    let authority = trust.authorities.first().unwrap();
    assert_eq!(presented.anchor, Some(authority.id.fingerprint));
    let key = authority.certificate.as_ref().unwrap().subject_key_id.as_ref();
    assert_eq!(presented.top_authority_key_id(), key);
    assert_eq!(presented.leaf.validity, current());
    assert_eq!(presented.leaf.uri_sans, [world.id.as_str()]);
    assert_eq!(presented.leaf.key_type.unwrap().to_string(), "ec-p256");
    endpoint.stop().await;
}

#[tokio::test]
async fn the_document_is_kept_once_as_it_may_be_stored() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let fetched = world.poll(&world.target(&endpoint.url()), Some(&world.trust())).await;
    let observation = fetched.answers.first().unwrap().as_ref().unwrap();
    let [(digest, body)] = fetched.bodies.as_slice() else { panic!("{:?}", fetched.bodies) };
    assert_eq!(observation.body, *digest);
    assert_eq!(usize::try_from(observation.length).unwrap(), body.len());
}

#[tokio::test]
async fn the_authorities_of_a_bootstrap_file_are_named_where_they_authenticate() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let mut trust = world.trust();
    trust.origin = TrustOrigin::Bootstrap;
    let mut fetched = world.poll(&world.target(&endpoint.url()), Some(&trust)).await;
    let source = fetched.answers.remove(0).unwrap().source;
    assert_eq!(source.bootstrap, [trust.authorities.first().unwrap().id]);
}

#[tokio::test]
async fn without_trust_nothing_is_asked_of_the_network() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let target = world.target(&endpoint.url());
    let foreign = trust(&"example.com".parse().unwrap(), &[&world.ca]);
    let empty = trust(&world.trust_domain, &[]);
    for trust in [None, Some(&foreign), Some(&empty)] {
        let mut fetched = world.poll(&target, trust).await;
        assert_reason(&fetched.answers.remove(0).unwrap_err(), FailureReason::NoTrust);
    }
    assert_eq!(endpoint.connections(), 0);
}

#[tokio::test]
async fn another_trust_domain_may_serve_where_it_is_configured_to() {
    let world = World::new();
    let serving = "example.com".parse().unwrap();
    let (ca, id) = (ca(&serving), "spiffe://example.com/bundles".parse().unwrap());
    let svid = ca.svid(&id, current()).unwrap();
    let endpoint = LoopbackEndpoint::start(&svid, world.document()).await.unwrap();
    let mut target = world.target(&endpoint.url());
    target.endpoint = BundleEndpoint {
        profile: EndpointProfile::HttpsSpiffe { endpoint_spiffe_id: id },
        ..target.endpoint
    };
    let fetched = world.poll(&target, Some(&trust(&serving, &[&ca]))).await;
    assert!(fetched.answers.first().unwrap().is_ok());
    // The served domain's own keys authenticate nobody else.
    let mut fetched = world.poll(&target, Some(&world.trust())).await;
    assert_reason(&fetched.answers.remove(0).unwrap_err(), FailureReason::NoTrust);
}

#[tokio::test]
async fn an_svid_of_another_id_is_refused_and_kept_as_evidence() {
    let world = World::new();
    let id = "spiffe://example.org/workload".parse().unwrap();
    let failure = world.refusal_of(world.ca.svid(&id, current()).unwrap()).await;
    assert_reason(&failure, FailureReason::WrongSpiffeId);
    assert_eq!(failure.address, Some([127, 0, 0, 1].into()));
    let presented = failure.presented.unwrap();
    assert_eq!(presented.leaf.uri_sans, [id.as_str()]);
    assert_eq!(presented.anchor, None);
}

#[tokio::test]
async fn a_leaf_is_taken_only_while_it_is_valid() {
    let world = World::new();
    for (from, until) in [(-HOUR, -1), (61, HOUR)] {
        let svid = world.ca.svid(&world.id, validity(from, until)).unwrap();
        assert_reason(&world.refusal_of(svid).await, FailureReason::Expired);
    }
    // RFC 5280, 4.1.2.5: both ends are inclusive.
    // And what an issuer whose clock is ahead by less than a minute makes is taken.
    for (from, until) in [(-HOUR, 0), (0, HOUR), (60, HOUR)] {
        let svid = world.ca.svid(&world.id, validity(from, until)).unwrap();
        let endpoint = LoopbackEndpoint::start(&svid, world.document()).await.unwrap();
        world.success(world.target(&endpoint.url())).await;
    }
}

#[tokio::test]
async fn a_leaf_has_exactly_one_uri_name() {
    let world = World::new();
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let second =
        world.odd_svid(|params| params.subject_alt_names.push(uri("spiffe://example.org/b")));
    assert_reason(&world.refusal_of(second).await, FailureReason::NotX509Svid);
    let same_twice = world.odd_svid(|params| params.subject_alt_names.push(uri(world.id.as_str())));
    assert_reason(&world.refusal_of(same_twice).await, FailureReason::NotX509Svid);
    let none = world.odd_svid(|params| params.subject_alt_names.clear());
    assert_reason(&world.refusal_of(none).await, FailureReason::NotX509Svid);
}

#[tokio::test]
async fn a_name_that_cannot_be_read_hides_nothing() {
    let world = World::new();
    for names in [
        &[(URI, ID), (URI, b"".as_slice())][..],
        &[(URI, b"".as_slice()), (URI, ID)],
        &[(URI, ID), (URI, b"spiffe://example.org/\xff")],
        &[(URI, b"\xff\xfe"), (URI, ID)],
        &[(URI, ID), (URI, "spiffe://example.org/é".as_bytes())],
        &[(URI, ID), (DNS, b"\xff")],
        &[(URI, b"")],
        &[(URI, b"\xff")],
    ] {
        let svid = world.odd_svid(|params| {
            params.subject_alt_names.clear();
            params.custom_extensions.push(raw_names(names));
        });
        assert_reason(&world.refusal_of(svid).await, FailureReason::NotX509Svid);
    }
}

#[tokio::test]
async fn names_that_stand_in_two_extensions_are_refused() {
    let world = World::new();
    let svid = world.odd_svid(|params| {
        params.custom_extensions.push(raw_names(&[(URI, b"spiffe://example.org/b")]));
    });
    assert_reason(&world.refusal_of(svid).await, FailureReason::NotX509Svid);
}

#[tokio::test]
async fn an_id_is_compared_byte_by_byte() {
    let world = World::new();
    for (id, reason) in [
        (&b"spiffe://example.org/spire/server\0"[..], FailureReason::NotX509Svid),
        (b"spiffe://example.org/spire\0/server", FailureReason::NotX509Svid),
        (b"spiffe://EXAMPLE.ORG/spire/server", FailureReason::NotX509Svid),
        (b"SPIFFE://example.org/spire/server", FailureReason::NotX509Svid),
        (b"spiffe://example.org/Spire/Server", FailureReason::WrongSpiffeId),
        (b"spiffe://example.org/spire/server/", FailureReason::NotX509Svid),
        (b"spiffe://example.org/spire/server?x", FailureReason::NotX509Svid),
        (b"spiffe://example.org:8443/spire/server", FailureReason::NotX509Svid),
        (b"spiffe://example.com/spire/server", FailureReason::WrongSpiffeId),
        // X509-SVID, 5.2: a leaf has a path.
        (b"spiffe://example.org", FailureReason::NotX509Svid),
        (b"https://example.org/spire/server", FailureReason::NotX509Svid),
    ] {
        let svid = world.odd_svid(|params| {
            params.subject_alt_names.clear();
            params.custom_extensions.push(raw_names(&[(URI, id)]));
        });
        let failure = world.refusal_of(svid).await;
        assert_reason(&failure, reason);
        assert!(!failure.detail.to_string().contains('\0'), "foreign text is escaped");
    }
}

#[tokio::test]
async fn a_ca_may_not_serve() {
    let world = World::new();
    let flagged = world.odd_svid(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_reason(&world.refusal_of(flagged).await, FailureReason::NotX509Svid);
    for usage in [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign] {
        let svid = world.odd_svid(|params| params.key_usages.push(usage));
        assert_reason(&world.refusal_of(svid).await, FailureReason::NotX509Svid);
    }
    // An authority that presents its own certificate, under which the handshake does verify.
    let key = DemoKeyAlgorithm::EcP256.generate().unwrap();
    let params = ca_params("spiffe://example.org", current()).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let failure = world.refusal_of(Svid::new(vec![certificate], &key).unwrap()).await;
    assert_reason(&failure, FailureReason::NotX509Svid);
}

#[tokio::test]
async fn what_go_spiffe_takes_is_no_refusal() {
    let world = World::new();
    let taken = [
        world.odd_svid(|params| {
            let name = SanType::DnsName("bundles.example.org".try_into().unwrap());
            params.subject_alt_names.push(name);
        }),
        world.odd_svid(|params| params.key_usages.clear()),
        world.odd_svid(|params| params.extended_key_usages.clear()),
        world.odd_svid(|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }),
        world.odd_svid(|params| params.is_ca = IsCa::ExplicitNoCa),
        world.odd_svid(|params| params.use_authority_key_identifier_extension = false),
    ];
    for svid in taken {
        let endpoint = LoopbackEndpoint::start(&svid, world.document()).await.unwrap();
        world.success(world.target(&endpoint.url())).await;
    }
}

#[tokio::test]
async fn an_extension_that_must_be_understood_and_is_not_is_refused() {
    let world = World::new();
    let svid = world.odd_svid(|params| {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 1], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    });
    assert_reason(&world.refusal_of(svid).await, FailureReason::NotX509Svid);
}

#[tokio::test]
async fn what_is_no_certificate_is_no_svid() {
    let world = World::new();
    let key = DemoKeyAlgorithm::EcP256.generate().unwrap();
    for der in [&b"\x30\x03\x02\x01\x05"[..], b"certificate"] {
        let svid = Svid::new(vec![der.to_vec().into()], &key).unwrap();
        let failure = world.refusal_of(svid).await;
        assert_reason(&failure, FailureReason::NotX509Svid);
        assert_eq!(failure.presented, None);
    }
}

#[tokio::test]
async fn whoever_presents_an_svid_must_hold_its_key() {
    let world = World::new();
    let stolen = world.svid().chain().to_vec();
    let key = DemoKeyAlgorithm::EcP256.generate().unwrap();
    let failure = world.refusal_of(Svid::new(stolen, &key).unwrap()).await;
    assert_reason(&failure, FailureReason::Tls);
    assert_eq!(failure.presented.unwrap().anchor, None, "nothing was proved");
}

#[tokio::test]
async fn a_key_that_was_remembered_with_its_path_must_still_be_held() {
    let world = World::new();
    let svid = world.svid();
    let endpoint = LoopbackEndpoint::start(&svid, world.document()).await.unwrap();
    world.success(world.target(&endpoint.url())).await;
    let key = DemoKeyAlgorithm::EcP256.generate().unwrap();
    endpoint.present(&Svid::new(svid.chain().to_vec(), &key).unwrap());
    let failure = world.failure(world.target(&endpoint.url())).await;
    assert_reason(&failure, FailureReason::Tls);
}
