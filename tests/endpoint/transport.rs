//! What can go wrong between a connection and a document.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch::demo::endpoint::LoopbackEndpoint;
use anchorwatch::demo::mint::X509Ca;
use anchorwatch::fetch::Target;
use anchorwatch_core::watch::FailureReason;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{World, assert_reason, hostile};

/// Long enough for a handshake on a busy machine, short for a test.
const SHORT: Duration = Duration::from_millis(400);

fn hurried(mut target: Target) -> Target {
    target.limits.timeout = SHORT;
    target
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_no_connection() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = world.failure(world.target(&format!("https://{address}/"))).await;
    assert_reason(&failure, FailureReason::Connect);
    assert_eq!(failure.address, Some(address.ip()));
    assert!(failure.detail.as_received().contains(&address.to_string()), "{}", failure.detail);
}

#[tokio::test]
async fn a_handshake_that_is_never_answered_ends_by_the_deadline() {
    let world = World::new();
    let address =
        hostile::tcp(
            |mut stream| async move { stream.read_to_end(&mut Vec::new()).await.map(drop) },
        )
        .await;
    let url = format!("https://{address}/");
    let failure = world.failure(hurried(world.target(&url))).await;
    assert_reason(&failure, FailureReason::Timeout);
    // The connect deadline covers the handshake, too.
    let mut target = world.target(&url);
    target.limits.connect_timeout = SHORT;
    assert_reason(&world.failure(target).await, FailureReason::Timeout);
}

#[tokio::test]
async fn tls_1_1_is_too_old() {
    let world = World::new();
    let address = hostile::tcp(|mut stream| async move {
        read_record(&mut stream).await?;
        // A ServerHello of TLS 1.1: version, random, no session, ECDHE-RSA-AES128-SHA, no compression.
        let mut hello = vec![0x03, 0x02];
        hello.extend_from_slice(&[0x5a; 32]);
        hello.extend_from_slice(&[0, 0xc0, 0x13, 0]);
        let mut record = vec![0x16, 0x03, 0x02, 0, 42, 0x02, 0, 0, 38];
        record.extend_from_slice(&hello);
        stream.write_all(&record).await?;
        stream.read_to_end(&mut Vec::new()).await.map(drop)
    })
    .await;
    let failure = world.failure(world.target(&format!("https://{address}/"))).await;
    assert_reason(&failure, FailureReason::Tls);
}

#[tokio::test]
async fn what_is_not_tls_is_a_failed_handshake() {
    let world = World::new();
    for garbage in ["HTTP/1.1 400 Bad Request\r\n\r\n", "\0\0\0\0\0\0\0\0\0\0", ""] {
        let address = hostile::tcp(move |mut stream| async move {
            read_record(&mut stream).await?;
            stream.write_all(garbage.as_bytes()).await?;
            stream.shutdown().await
        })
        .await;
        let failure = world.failure(world.target(&format!("https://{address}/"))).await;
        assert_reason(&failure, FailureReason::Tls);
    }
}

#[tokio::test]
async fn a_reset_is_told_by_its_phase() {
    let world = World::new();
    let at_once = hostile::tcp(|stream| async move { hostile::reset(&stream) }).await;
    let failure = world.failure(world.target(&format!("https://{at_once}/"))).await;
    // A reset may overtake the end of the connect.
    assert!(matches!(failure.reason, FailureReason::Tls | FailureReason::Connect), "{failure:?}");
    let in_handshake = hostile::tcp(|mut stream| async move {
        read_record(&mut stream).await?;
        hostile::reset(&stream)
    })
    .await;
    let failure = world.failure(world.target(&format!("https://{in_handshake}/"))).await;
    assert_reason(&failure, FailureReason::Tls);
    for part in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\":[]}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"key",
    ] {
        let address = hostile::http(&world.svid(), move |mut stream| async move {
            stream.write_all(part.as_bytes()).await?;
            stream.flush().await?;
            hostile::reset(stream.get_ref().0)
        })
        .await;
        let failure = world.failure(world.target(&format!("https://{address}/"))).await;
        assert_reason(&failure, FailureReason::Transfer);
        assert!(failure.presented.unwrap().anchor.is_some(), "it had proved who it is");
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_short_is_never_taken_for_a_whole_one() {
    let world = World::new();
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\":[]}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{\"keys\":[]}\r\n",
    ] {
        let address = hostile::answering(&world.svid(), cut).await;
        let failure = world.failure(world.target(&format!("https://{address}/"))).await;
        assert_reason(&failure, FailureReason::Transfer);
    }
    // Without a length the end of the connection ends the body. Where TLS does not say that the
    // server closed it, anyone may have cut it, and only what cannot be a part counts as whole.
    for part in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n{\"keys\":[]",
        "HTTP/1.1 200 OK\r\n\r\n1",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\":[]}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{\"keys\":[]}\r\n",
    ] {
        let address = without_close_notify(&world, part).await;
        let failure = world.failure(world.target(&format!("https://{address}/"))).await;
        assert_reason(&failure, FailureReason::Transfer);
        let said = failure.detail.as_received();
        assert!(said.ends_with("the connection ended before the end of the answer"), "{said}");
    }
}

#[tokio::test]
async fn a_whole_document_needs_no_close_notify() {
    let world = World::new();
    let open_ended = "HTTP/1.1 200 OK\r\n\r\n{\"keys\":[]}";
    let address = hostile::answering(&world.svid(), open_ended).await;
    world.success(world.target(&format!("https://{address}/"))).await;
    for whole in [
        open_ended,
        "HTTP/1.1 200 OK\r\n\r\n {\"keys\":[]} \n",
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{\"keys\":[]}\r\n0\r\n\r\n",
    ] {
        let address = without_close_notify(&world, whole).await;
        world.success(world.target(&format!("https://{address}/"))).await;
    }
}

/// Answers with these bytes, and ends the connection without a TLS `close_notify` alert.
async fn without_close_notify(world: &World, answer: &'static str) -> SocketAddr {
    hostile::http(&world.svid(), move |mut stream| async move {
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
        stream.into_inner().0.shutdown().await
    })
    .await
}

#[tokio::test]
async fn what_is_not_http_is_a_failed_transfer() {
    let world = World::new();
    for garbage in ["SSH-2.0-OpenSSH_9.9\r\n", "\0\u{1}\u{2}\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n"] {
        let address = hostile::answering(&world.svid(), garbage).await;
        let failure = world.failure(world.target(&format!("https://{address}/"))).await;
        assert_reason(&failure, FailureReason::Transfer);
    }
}

#[tokio::test]
async fn a_flood_of_headers_is_bounded() {
    let world = World::new();
    let endless = hostile::http(&world.svid(), |mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-Flood: ").await?;
        loop {
            stream.write_all(&[b'x'; 4096]).await?;
        }
    })
    .await;
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Flood: x\r\n".repeat(65));
    let many = hostile::answering(&world.svid(), many).await;
    for address in [endless, many] {
        let failure = world.failure(world.target(&format!("https://{address}/"))).await;
        assert_reason(&failure, FailureReason::TooLarge);
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_or_drips_ends_by_the_deadline() {
    let world = World::new();
    let silent = hostile::http(&world.svid(), |mut stream| async move {
        stream.read_to_end(&mut Vec::new()).await.map(drop)
    })
    .await;
    let svid = world.svid();
    let drip = |head: &'static str| {
        hostile::http(&svid, move |mut stream| async move {
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(b" ").await?;
                stream.flush().await?;
                tokio::time::sleep(SHORT / 40).await;
            }
        })
    };
    let dripping_head = drip("HTTP/1.1 200 OK\r\nX-Drip: ").await;
    let dripping_body = drip("HTTP/1.1 200 OK\r\n\r\n").await;
    for address in [silent, dripping_head, dripping_body] {
        let target = hurried(world.target(&format!("https://{address}/")));
        let failure = world.failure(target).await;
        assert_reason(&failure, FailureReason::Timeout);
        assert!(failure.presented.is_some(), "evidence outlives the deadline");
        assert_eq!(failure.address, Some(address.ip()));
    }
}

#[tokio::test]
async fn a_poll_that_gave_up_leaves_no_connection_behind() {
    let world = World::new();
    let (sender, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let told = sender.clone();
    let in_handshake = hostile::tcp(move |mut stream| {
        let told = told.clone();
        async move {
            let _ = stream.read_to_end(&mut Vec::new()).await;
            told.send(()).map_err(io::Error::other)
        }
    })
    .await;
    let mut addresses = vec![in_handshake];
    let svid = world.svid();
    for part in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"] {
        let told = sender.clone();
        let address = hostile::http(&svid, move |mut stream| {
            let told = told.clone();
            async move {
                stream.write_all(part.as_bytes()).await?;
                stream.flush().await?;
                let _ = stream.read_to_end(&mut Vec::new()).await;
                told.send(()).map_err(io::Error::other)
            }
        });
        addresses.push(address.await);
    }
    for address in addresses {
        let target = hurried(world.target(&format!("https://{address}/")));
        assert_reason(&world.failure(target).await, FailureReason::Timeout);
        ended.recv().await.expect("the endpoint sees the end of the connection");
    }
}

/// A server that knows only one version of TLS and asks for a client certificate.
fn asking(
    world: &World,
    endpoint: &LoopbackEndpoint,
    version: &'static SupportedProtocolVersion,
    insists: bool,
) -> ServerConfig {
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(X509Ca::certificate(&world.ca).clone()).unwrap();
    let asker = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let asker = if insists { asker } else { asker.allow_unauthenticated() };
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(asker.build().unwrap())
        .with_cert_resolver(endpoint.resolver())
}

#[tokio::test]
async fn an_endpoint_that_insists_on_a_client_certificate_is_told() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        endpoint.configure(asking(&world, &endpoint, version, true));
        let failure = world.failure(world.target(&endpoint.url())).await;
        assert_reason(&failure, FailureReason::ClientCertificateDemanded);
        assert!(failure.presented.is_some());
        // To ask is not to insist.
        endpoint.configure(asking(&world, &endpoint, version, false));
        world.success(world.target(&endpoint.url())).await;
    }
}

#[tokio::test]
async fn an_endpoint_that_closes_for_want_of_a_client_certificate_is_told() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let acceptor = asking(&world, &endpoint, &rustls::version::TLS13, false);
    let acceptor = TlsAcceptor::from(Arc::new(acceptor));
    let address = hostile::tcp(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await?;
            hostile::head(&mut stream).await?;
            hostile::reset(stream.get_ref().0)
        }
    })
    .await;
    let failure = world.failure(world.target(&format!("https://{address}/"))).await;
    assert_reason(&failure, FailureReason::ClientCertificateDemanded);
}

#[tokio::test]
async fn tls_1_2_is_still_spoken() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(endpoint.resolver());
    endpoint.configure(config);
    world.success(world.target(&endpoint.url())).await;
}

#[tokio::test]
async fn the_request_is_a_plain_get_that_asks_for_the_end_of_the_connection() {
    let world = World::new();
    let (sender, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let acceptor = TlsAcceptor::from(Arc::new(hostile::config(&world.svid())));
    let address = hostile::tcp(move |stream| {
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        async move {
            let mut stream = acceptor.accept(stream).await?;
            let name = stream.get_ref().1.server_name().map(str::to_owned);
            let head = hostile::head(&mut stream).await?;
            sender.send((name, head)).map_err(io::Error::other)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"keys\":[]}").await?;
            stream.shutdown().await
        }
    })
    .await;
    world.success(world.target(&format!("https://{address}/a?b=c"))).await;
    let (name, head) = heads.recv().await.unwrap();
    assert_eq!(name, None, "an address is no name to send");
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("get /a?b=c http/1.1\r\n"), "{head}");
    for field in ["connection: close", "accept-encoding: identity", "accept: application/json"] {
        assert!(head.contains(&format!("\r\n{field}\r\n")), "{field} in {head}");
    }
}

/// A proxy that answers every `CONNECT` by a connection to `to`, whatever was asked for.
async fn proxy(to: SocketAddr) -> (SocketAddr, Arc<std::sync::Mutex<Vec<u8>>>) {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heads = seen.clone();
    let address = hostile::tcp(move |mut stream| {
        let heads = heads.clone();
        async move {
            let head = hostile::head(&mut stream).await?;
            heads.lock().unwrap().extend(head);
            let mut upstream = TcpStream::connect(to).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            tokio::io::copy_bidirectional(&mut stream, &mut upstream).await.map(drop)
        }
    })
    .await;
    (address, seen)
}

#[tokio::test]
async fn a_configured_proxy_is_used_and_looks_the_name_up_itself() {
    let world = World::new();
    let endpoint = world.endpoint().await;
    let (proxy, seen) = proxy(endpoint.address()).await;
    let mut target = world.target("https://bundles.invalid/");
    target.proxy = Some(format!("http://{proxy}").parse().unwrap());
    let observation = world.success(target.clone()).await;
    assert_eq!(observation.source.address, None, "the proxy's address is not the endpoint's");
    let seen = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
    assert!(seen.starts_with("CONNECT bundles.invalid:443 HTTP/1.1\r\n"), "{seen}");
    let refusing = hostile::tcp(|mut stream| async move {
        hostile::head(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await
    })
    .await;
    target.proxy = Some(format!("http://{refusing}").parse().unwrap());
    assert_reason(&world.failure(target).await, FailureReason::Connect);
}

#[test]
fn a_proxy_of_the_environment_is_not_used() {
    // The environment is the process's, so another process of this same test is asked.
    let one = "identity::a_good_endpoint_gives_its_bundle_and_the_evidence_of_who_served_it";
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    {
        command.env(name, "http://127.0.0.1:1");
    }
    let output = command.env_remove("NO_PROXY").env_remove("no_proxy").args(["--exact", one]);
    let output = output.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Reads one TLS record.
async fn read_record(stream: &mut TcpStream) -> io::Result<()> {
    let mut header = [0; 5];
    stream.read_exact(&mut header).await?;
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    stream.read_exact(&mut vec![0; length]).await.map(drop)
}
