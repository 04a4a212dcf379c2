//! `https_web` (Federation, 5.2.1): a Web PKI certificate for the host of the URL.

use std::net::IpAddr;
use std::sync::Arc;

use anchorwatch::demo::endpoint::LoopbackEndpoint;
use anchorwatch::demo::mint::{Svid, X509Ca};
use anchorwatch::fetch::{Fetcher, Resolve, Resolving, Target, WebRoots, WebRootsError};
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::watch::FailureReason;
use rcgen::{ExtendedKeyUsagePurpose, SanType};

use crate::support::{HOUR, World, assert_reason, ca, validity};

/// Every name is loopback.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _host: &str) -> Resolving {
        Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
    }
}

fn world() -> World {
    let mut world = World::new();
    world.fetcher = Fetcher::with_resolver(world.clock.clone(), Arc::new(Loopback));
    world
}

fn certificate(world: &World, name: &str) -> Svid {
    world.odd_svid(|params| {
        params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
    })
}

fn target(world: &World, endpoint: &LoopbackEndpoint, authority: &X509Ca) -> Target {
    let url = format!("https://bundles.example.test:{}/", endpoint.address().port());
    let roots = WebRoots::from_pem(authority.pem().as_bytes()).unwrap();
    Target { roots: Some(Arc::new(roots)), ..world.web_target(&url) }
}

#[tokio::test]
async fn a_certificate_for_the_host_under_the_ca_file_is_taken() {
    let world = world();
    for name in ["bundles.example.test", "*.example.test"] {
        let svid = certificate(&world, name);
        let endpoint = LoopbackEndpoint::start(&svid, world.document()).await.unwrap();
        let target = target(&world, &endpoint, &world.ca);
        // Whatever is trusted under the other profile has no part in it.
        let mut fetched = world.poll(&target, None).await;
        let observation = fetched.answers.remove(0).unwrap();
        assert_eq!(observation.source.authenticated_by, None);
        let anchor = observation.source.presented.unwrap().anchor;
        assert_eq!(anchor, Some(Fingerprint::of(world.ca.certificate())));
    }
}

#[tokio::test]
async fn the_certificate_must_be_for_the_host() {
    let world = world();
    let address = world.odd_svid(|params| {
        params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    });
    // An SVID without a DNS name is for no host.
    for svid in [certificate(&world, "other.test"), world.svid(), address.clone()] {
        let endpoint = LoopbackEndpoint::start(&svid, world.document()).await.unwrap();
        let failure = world.failure(target(&world, &endpoint, &world.ca)).await;
        assert_reason(&failure, FailureReason::WrongHost);
        assert_eq!(failure.presented.unwrap().anchor, None);
    }
    let endpoint = LoopbackEndpoint::start(&address, world.document()).await.unwrap();
    let mut target = target(&world, &endpoint, &world.ca);
    target.endpoint.url = endpoint.url().parse().unwrap();
    world.success(target).await;
}

#[tokio::test]
async fn an_unknown_authority_vouches_for_no_host() {
    let world = world();
    let svid = certificate(&world, "bundles.example.test");
    let endpoint = LoopbackEndpoint::start(&svid, world.document()).await.unwrap();
    let failure = world.failure(target(&world, &endpoint, &ca(&world.trust_domain))).await;
    assert_reason(&failure, FailureReason::UntrustedChain);
    // Nor do the platform's roots know it, if there are any.
    let mut platform = target(&world, &endpoint, &world.ca);
    platform.roots = None;
    assert_reason(&world.failure(platform).await, FailureReason::UntrustedChain);
}

#[tokio::test]
async fn a_certificate_of_the_web_is_valid_and_for_servers() {
    let world = world();
    let expired = world.odd_svid(|params| {
        params.subject_alt_names =
            vec![SanType::DnsName("bundles.example.test".try_into().unwrap())];
        let past = validity(-HOUR, -1);
        params.not_before = time(past.not_before.as_unix());
        params.not_after = time(past.not_after.as_unix());
    });
    let client = world.odd_svid(|params| {
        params.subject_alt_names =
            vec![SanType::DnsName("bundles.example.test".try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    for (svid, reason) in
        [(expired, FailureReason::Expired), (client, FailureReason::UntrustedChain)]
    {
        let endpoint = LoopbackEndpoint::start(&svid, world.document()).await.unwrap();
        let failure = world.failure(target(&world, &endpoint, &world.ca)).await;
        assert_reason(&failure, reason);
    }
}

#[tokio::test]
async fn the_name_is_sent_so_that_gateways_can_route() {
    let world = world();
    let endpoint = world.endpoint().await;
    let seen = Arc::new(std::sync::Mutex::new(None));
    let config = {
        let (seen, key) = (seen.clone(), endpoint.resolver());
        rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Names { seen, key }))
    };
    endpoint.configure(config);
    // Under `https_spiffe` too, where no host name is verified.
    let url = format!("https://bundles.example.test:{}/", endpoint.address().port());
    world.success(world.target(&url)).await;
    assert_eq!(seen.lock().unwrap().as_deref(), Some("bundles.example.test"));
}

#[derive(Debug)]
struct Names {
    seen: Arc<std::sync::Mutex<Option<String>>>,
    key: Arc<dyn rustls::server::ResolvesServerCert>,
}

impl rustls::server::ResolvesServerCert for Names {
    fn resolve(
        &self,
        hello: rustls::server::ClientHello<'_>,
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        *self.seen.lock().unwrap() = hello.server_name().map(str::to_owned);
        self.key.resolve(hello)
    }
}

#[test]
fn a_ca_file_says_which_of_its_certificates_is_bad() {
    let world = World::new();
    let good = world.ca.pem();
    let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let count = |pem: &str| WebRoots::from_pem(pem.as_bytes()).map(|roots| roots.len());
    assert_eq!(count(&good), Ok(1));
    assert_eq!(count(&format!("{good}{good}")), Ok(2));
    assert_eq!(count(""), Err(WebRootsError::Empty));
    assert_eq!(count("no PEM at all"), Err(WebRootsError::Empty));
    assert_eq!(count(&format!("{good}{broken}")), Err(WebRootsError::Certificate(2)));
}

fn time(unix: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(unix).unwrap()
}
