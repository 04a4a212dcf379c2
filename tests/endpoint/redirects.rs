//! Redirects (Federation, 5.2.1.4 and 5.2.2.4): followed by hand, and never remembered.

use anchorwatch::demo::endpoint::{LoopbackEndpoint, ServedAnswer};
use anchorwatch_core::watch::FailureReason;
use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};

use crate::support::{World, assert_reason, current};

fn to(status: u16, url: &str) -> ServedAnswer {
    let location = HeaderValue::from_str(url).unwrap();
    ServedAnswer::status(StatusCode::from_u16(status).unwrap()).with(LOCATION, location)
}

/// An endpoint that is in order and sends its clients elsewhere.
async fn redirecting(world: &World, url: &str) -> LoopbackEndpoint {
    let endpoint = world.endpoint().await;
    endpoint.answer(to(302, url));
    endpoint
}

#[tokio::test]
async fn a_redirect_to_another_endpoint_of_the_same_id_is_followed() {
    let world = World::new();
    let last = world.endpoint().await;
    for status in [301, 302, 303, 307, 308] {
        let first = world.endpoint().await;
        first.answer(to(status, &last.url()));
        let observation = world.success(world.target(&first.url())).await;
        assert_eq!(observation.source.redirected_to, Some(last.url().parse().unwrap()));
        // Federation, 7.5.1: not even a permanent one is remembered.
        world.success(world.target(&first.url())).await;
        assert_eq!(first.requests(), 2, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_may_be_relative() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let document = world.document();
    endpoint.route(move |path| match path {
        "/" => to(302, "bundle.json"),
        _ => ServedAnswer::document(document.clone()),
    });
    let observation = world.success(world.target(&endpoint.url())).await;
    let url = format!("{}bundle.json", endpoint.url());
    assert_eq!(observation.source.redirected_to, Some(url.parse().unwrap()));
}

#[tokio::test]
async fn a_redirect_leads_nowhere_but_to_an_endpoint_url() {
    let world = World::new();
    let other = world.endpoint().await;
    let address = other.address();
    for url in [
        format!("http://{address}/"),
        format!("https://user:secret@{address}/"),
        "file:///etc/passwd".to_owned(),
        "https://".to_owned(),
    ] {
        let endpoint = redirecting(&world, &url).await;
        let failure = world.failure(world.target(&endpoint.url())).await;
        assert_reason(&failure, FailureReason::Redirect);
        assert!(!failure.detail.as_received().contains("secret"), "{}", failure.detail);
    }
    assert_eq!(other.connections(), 0);
    let endpoint = world.endpoint().await;
    endpoint.answer(ServedAnswer::status(StatusCode::FOUND));
    let failure = world.failure(world.target(&endpoint.url())).await;
    assert_reason(&failure, FailureReason::Redirect);
}

#[tokio::test]
async fn whoever_a_redirect_leads_to_must_have_the_same_id() {
    let world = World::new();
    let id = "spiffe://example.org/other".parse().unwrap();
    let svid = world.ca.svid(&id, current()).unwrap();
    let other = LoopbackEndpoint::start(&svid, world.document()).await.unwrap();
    let endpoint = redirecting(&world, &other.url()).await;
    let failure = world.failure(world.target(&endpoint.url())).await;
    assert_reason(&failure, FailureReason::WrongSpiffeId);
    let presented = failure.presented.unwrap();
    assert_eq!(presented.leaf.uri_sans, [id.as_str()], "the last one's evidence");
    assert_eq!(other.requests(), 0);
}

#[tokio::test]
async fn redirects_end_after_three() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let document = world.document();
    endpoint.route(move |path| match path {
        "/" => to(302, "/1"),
        "/1" => to(302, "/2"),
        "/2" => to(302, "/3"),
        "/3" => ServedAnswer::document(document.clone()),
        _ => ServedAnswer::status(StatusCode::NOT_FOUND),
    });
    world.success(world.target(&endpoint.url())).await;
    let mut target = world.target(&endpoint.url());
    target.limits.redirects = 2;
    assert_reason(&world.failure(target).await, FailureReason::Redirect);
    assert_eq!(endpoint.requests(), 4 + 3);
}

#[tokio::test]
async fn a_loop_is_left_at_once() {
    let world = World::new();
    let itself = world.endpoint().await;
    itself.answer(to(302, "/"));
    let failure = world.failure(world.target(&itself.url())).await;
    assert_reason(&failure, FailureReason::Redirect);
    assert_eq!(itself.requests(), 1);
    let first = world.endpoint().await;
    let second = redirecting(&world, &first.url()).await;
    first.answer(to(302, &second.url()));
    let failure = world.failure(world.target(&first.url())).await;
    assert_reason(&failure, FailureReason::Redirect);
    assert_eq!((first.requests(), second.requests()), (1, 1));
}

#[tokio::test]
async fn redirects_can_be_switched_off() {
    let world = World::new();
    let last = world.endpoint().await;
    let endpoint = redirecting(&world, &last.url()).await;
    let mut target = world.target(&endpoint.url());
    target.limits.redirects = 0;
    assert_reason(&world.failure(target).await, FailureReason::Redirect);
    assert_eq!(last.connections(), 0);
}
