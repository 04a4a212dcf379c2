//! Names with several addresses, and names with none.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anchorwatch::demo::endpoint::LoopbackEndpoint;
use anchorwatch::demo::mint::IssuedDocument;
use anchorwatch::fetch::{Fetcher, Resolve, Resolving, Target};
use anchorwatch_core::spiffe::Probe;
use anchorwatch_core::watch::FailureReason;

use crate::support::{World, assert_reason};

/// A zone that a test writes.
struct Zone {
    names: HashMap<&'static str, Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Resolve for Zone {
    fn resolve(&self, host: &str) -> Resolving {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let found = self.names.get(host).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

fn zone(addresses: &[[u8; 4]]) -> Arc<Zone> {
    let addresses = addresses.iter().copied().map(IpAddr::from).collect();
    Arc::new(Zone { names: [("b.test", addresses)].into(), asked: AtomicUsize::new(0) })
}

fn world(zone: &Arc<Zone>) -> World {
    let mut world = World::new();
    world.fetcher = Fetcher::with_resolver(world.clock.clone(), zone.clone());
    world
}

/// Endpoints at these addresses of loopback, all at one port.
async fn replicas<const N: usize>(world: &World, addresses: [[u8; 4]; N]) -> [LoopbackEndpoint; N] {
    // Another process may hold the port at one of the addresses; then another port will do.
    'port: loop {
        let mut port = 0;
        let mut endpoints = Vec::new();
        for (place, address) in addresses.iter().enumerate() {
            let sequence = u64::try_from(place).unwrap() + 1;
            let document = IssuedDocument {
                keys: vec![world.ca.jwk().clone()],
                sequence: Some(sequence),
                refresh_hint: None,
            };
            let at = SocketAddr::from((*address, port));
            match LoopbackEndpoint::start_at(at, &world.svid(), document.to_bytes()).await {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(_) => continue 'port,
            }
            port = endpoints[0].address().port();
        }
        return endpoints.try_into().unwrap();
    }
}

fn target(world: &World, endpoint: &LoopbackEndpoint, probe: Probe) -> Target {
    let url = format!("https://b.test:{}/", endpoint.address().port());
    Target { probe, ..world.target(&url) }
}

#[tokio::test]
async fn the_first_address_that_takes_the_connection_answers() {
    let zone = zone(&[[127, 0, 0, 3], [127, 0, 0, 2], [127, 0, 0, 1]]);
    let world = world(&zone);
    // Nobody listens at the first.
    let [one, two] = replicas(&world, [[127, 0, 0, 1], [127, 0, 0, 2]]).await;
    let observation = world.success(target(&world, &one, Probe::OneAddress)).await;
    assert_eq!(observation.source.address, Some([127, 0, 0, 2].into()));
    assert_eq!((one.connections(), two.connections()), (0, 1));
}

#[tokio::test]
async fn an_endpoint_that_took_the_connection_is_the_answer_even_when_it_fails() {
    let zone = zone(&[[127, 0, 0, 2], [127, 0, 0, 1]]);
    let world = world(&zone);
    let [one, two] = replicas(&world, [[127, 0, 0, 1], [127, 0, 0, 2]]).await;
    two.serve("no");
    let failure = world.failure(target(&world, &one, Probe::OneAddress)).await;
    assert_reason(&failure, FailureReason::NotJson);
    assert_eq!(one.connections(), 0, "no other replica hides the failure of the first");
}

#[tokio::test]
async fn each_address_is_asked_where_all_are_wanted() {
    let zone = zone(&[[127, 0, 0, 1], [127, 0, 0, 2], [127, 0, 0, 2], [127, 0, 0, 3]]);
    let world = world(&zone);
    let [one, two] = replicas(&world, [[127, 0, 0, 1], [127, 0, 0, 2]]).await;
    let target = target(&world, &one, Probe::AllAddresses);
    let fetched = world.poll(&target, Some(&world.trust())).await;
    let seen = |place: usize| {
        let observation = fetched.answers[place].as_ref().unwrap();
        (observation.source.address, observation.bundle.sequence.given())
    };
    assert_eq!(fetched.answers.len(), 3, "each once");
    assert_eq!(seen(0), (Some([127, 0, 0, 1].into()), Some(1)));
    assert_eq!(seen(1), (Some([127, 0, 0, 2].into()), Some(2)));
    let refused = fetched.answers[2].as_ref().unwrap_err();
    assert_reason(refused, FailureReason::Connect);
    assert_eq!(refused.address, Some([127, 0, 0, 3].into()));
    assert_eq!(fetched.bodies.len(), 2);
    assert_eq!((one.requests(), two.requests()), (1, 1));
    assert_eq!(zone.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_redirect_to_the_same_place_stays_with_its_replica() {
    use anchorwatch::demo::endpoint::ServedAnswer;
    use hyper::StatusCode;
    use hyper::header::{HeaderValue, LOCATION};

    let zone = zone(&[[127, 0, 0, 1], [127, 0, 0, 2]]);
    let world = world(&zone);
    let [one, two] = replicas(&world, [[127, 0, 0, 1], [127, 0, 0, 2]]).await;
    for endpoint in [&one, &two] {
        let document = world.document();
        endpoint.route(move |path| match path {
            "/" => ServedAnswer::status(StatusCode::FOUND)
                .with(LOCATION, HeaderValue::from_static("/bundle")),
            _ => ServedAnswer::document(document.clone()),
        });
    }
    let target = target(&world, &one, Probe::AllAddresses);
    let fetched = world.poll(&target, Some(&world.trust())).await;
    assert!(fetched.answers.iter().all(Result::is_ok));
    assert_eq!((one.requests(), two.requests()), (2, 2));
}

#[tokio::test]
async fn at_most_as_many_addresses_are_asked_as_the_limit_says() {
    let zone = zone(&[[127, 0, 0, 1], [127, 0, 0, 2], [127, 0, 0, 3]]);
    let world = world(&zone);
    let [one] = replicas(&world, [[127, 0, 0, 1]]).await;
    let mut target = target(&world, &one, Probe::AllAddresses);
    target.limits.addresses = 2;
    assert_eq!(world.poll(&target, Some(&world.trust())).await.answers.len(), 2);
}

#[tokio::test]
async fn a_name_without_an_address_is_told_from_a_place_without_an_endpoint() {
    let world = world(&zone(&[]));
    for host in ["b.test", "nowhere.test"] {
        let failure = world.failure(world.target(&format!("https://{host}/"))).await;
        assert_reason(&failure, FailureReason::Dns);
        assert_eq!(failure.address, None);
    }
}
