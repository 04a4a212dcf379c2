//! What an endpoint that has proved who it is may still answer.

use std::io::Write as _;

use anchorwatch::demo::endpoint::ServedAnswer;
use anchorwatch::fetch::Target;
use anchorwatch_core::watch::FailureReason;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, HeaderValue};
use tokio::io::AsyncWriteExt as _;

use crate::support::{World, assert_reason, hostile};

#[tokio::test]
async fn only_200_carries_a_document() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    for status in [201, 204, 206, 304, 400, 401, 403, 404, 405, 429, 500, 503] {
        let mut answer = ServedAnswer::document(world.document());
        answer.status = StatusCode::from_u16(status).unwrap();
        endpoint.answer(answer);
        let failure = world.failure(world.target(&endpoint.url())).await;
        assert_reason(&failure, FailureReason::Status);
        assert!(failure.detail.as_received().contains(&status.to_string()), "{}", failure.detail);
        assert!(failure.presented.unwrap().anchor.is_some());
    }
}

#[tokio::test]
async fn a_document_is_json_with_an_array_of_keys() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    for (body, reason) in [
        (&b""[..], FailureReason::NotJson),
        (b"<!doctype html><title>It works</title>", FailureReason::NotJson),
        (b"\x00\xff\x13\x37", FailureReason::NotJson),
        (b"{\"keys\":[", FailureReason::NotJson),
        (b"{\"error\":\"x\"}", FailureReason::NotABundle),
        (b"{\"keys\":null}", FailureReason::NotABundle),
        (b"[]", FailureReason::NotABundle),
        (b"null", FailureReason::NotABundle),
    ] {
        endpoint.serve(body);
        assert_reason(&world.failure(world.target(&endpoint.url())).await, reason);
    }
}

#[tokio::test]
async fn a_bundle_without_keys_is_a_bundle() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    endpoint.serve(&b"{\"keys\":[]}"[..]);
    let observation = world.success(world.target(&endpoint.url())).await;
    assert!(observation.bundle.authorities().is_empty());
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read_to_its_end() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    endpoint.serve(vec![b' '; 10 << 20]);
    let failure = world.failure(world.target(&endpoint.url())).await;
    assert_reason(&failure, FailureReason::TooLarge);
    let claimed = "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n";
    let claiming = hostile::answering(&world.svid(), claimed).await;
    let endless = hostile::http(&world.svid(), |mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        loop {
            stream.write_all(&[b' '; 8_192]).await?;
        }
    })
    .await;
    for address in [claiming, endless] {
        let failure = world.failure(world.target(&format!("https://{address}/"))).await;
        assert_reason(&failure, FailureReason::TooLarge);
    }
}

#[tokio::test]
async fn the_last_byte_within_the_limit_still_counts() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let document = world.document();
    let bounded = |body| {
        let mut target = world.target(&endpoint.url());
        target.limits.body = body;
        target
    };
    let length = document.len();
    endpoint.serve(document.clone());
    world.success(bounded(length)).await;
    let failure = world.failure(bounded(length - 1)).await;
    assert_reason(&failure, FailureReason::TooLarge);
    // The same without a length to go by.
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let address = hostile::answering(&world.svid(), [head, document].concat()).await;
    let at = |target: Target| {
        let mut target = target;
        target.endpoint.url = format!("https://{address}/").parse().unwrap();
        target
    };
    world.success(at(bounded(length))).await;
    let failure = world.failure(at(bounded(length - 1))).await;
    assert_reason(&failure, FailureReason::TooLarge);
}

#[tokio::test]
async fn a_gzip_bomb_is_not_opened() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(b"{\"keys\":[").unwrap();
    for _ in 0..2_048 {
        bomb.write_all(&[b' '; 8_192]).unwrap();
    }
    bomb.write_all(b"]}").unwrap();
    let bomb = bomb.finish().unwrap();
    for encoding in ["gzip", "br", "x-unheard-of", "identity, gzip", ""] {
        let encoding = HeaderValue::from_static(encoding);
        endpoint.answer(ServedAnswer::document(bomb.clone()).with(CONTENT_ENCODING, encoding));
        let failure = world.failure(world.target(&endpoint.url())).await;
        assert_reason(&failure, FailureReason::Encoding);
    }
    let identity = HeaderValue::from_static("Identity");
    endpoint.answer(ServedAnswer::document(world.document()).with(CONTENT_ENCODING, identity));
    world.success(world.target(&endpoint.url())).await;
}

#[tokio::test]
async fn nesting_and_keys_are_bounded() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let deep = |depth: usize| {
        format!("{{\"keys\":[],\"x\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1))
    };
    let many = |count: usize| {
        let keys: Vec<String> =
            (0..count).map(|place| format!("{{\"use\":\"x\",\"n\":{place}}}")).collect();
        format!("{{\"keys\":[{}]}}", keys.join(","))
    };
    for within in [deep(32), many(4096)] {
        endpoint.serve(within);
        world.success(world.target(&endpoint.url())).await;
    }
    for beyond in [deep(33), deep(100_000), many(4097), many(100_000)] {
        endpoint.serve(beyond);
        let failure = world.failure(world.target(&endpoint.url())).await;
        assert_reason(&failure, FailureReason::TooLarge);
    }
}

#[tokio::test]
async fn consumers_are_judged_within_the_limits_of_the_target() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let keys: Vec<String> = (0..4097).map(|place| format!("{{\"n\":{place}}}")).collect();
    endpoint.serve(format!("{{\"keys\":[{}]}}", keys.join(",")));
    let mut target = world.target(&endpoint.url());
    target.limits.keys = 10_000;
    let refusals = world.success(target).await.refusals.unwrap();
    assert!(!refusals.is_empty(), "no key has a kty");
    for refusal in refusals {
        assert!(refusal.why.starts_with("keys[0]: "), "{refusal:?}");
    }
}
