//! Readers cost a bounded amount, whoever they are: those who ask and do not read, those who never
//! finish asking, and those who guess passwords.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anchorwatch::demo::endpoint::LoopbackEndpoint;
use anchorwatch::demo::mint::{DemoKeyAlgorithm, IssuedDocument, JwtAuthority, X509Ca};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::process::http::{Answer, Request};
use crate::process::{PATIENCE, Process, anchorwatch, day, hour, id, json, relationship};

/// The keys of each trust domain of the large watch: as many as a document may hold, nearly.
const KEYS: usize = 4_000;
/// What readers may cost beyond what the daemon holds by itself, in KiB: 64 MiB of answers, 256
/// connections, and what an allocator keeps.
const MOST_KIB: u64 = 150 << 10;
/// Whoever sends a whole request must not wait for those who never finish theirs: the server waits
/// ten seconds for a head, and five for a handshake.
const BEFORE_A_HEAD_ENDS: Duration = Duration::from_secs(9);
const BEFORE_A_HANDSHAKE_ENDS: Duration = Duration::from_secs(4);

/// How many wrong passwords are tried at once.
const STORM: usize = 200;

/// A daemon that watches two trust domains whose answers have several megabytes.
struct Large {
    process: Process,
    address: SocketAddr,
    config: PathBuf,
    _endpoints: Vec<LoopbackEndpoint>,
    _folder: tempfile::TempDir,
}

impl Large {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut endpoints, mut relationships) = (Vec::new(), String::new());
        for name in ["one.example", "two.example"] {
            let authority = X509Ca::mint(&name.parse().unwrap(), day(), DemoKeyAlgorithm::EcP256);
            let authority = authority.unwrap();
            // Quotes take two bytes in JSON, and in a label.
            let kid = |n: usize| format!("{n}{}", "\"".repeat(200));
            let mint = |n| JwtAuthority::with_kid(DemoKeyAlgorithm::EcP256, kid(n)).unwrap();
            let keys = (0..KEYS).map(|n| mint(n).jwk().clone());
            let keys = std::iter::once(authority.jwk().clone()).chain(keys).collect();
            let document = IssuedDocument { keys, sequence: Some(1), refresh_hint: Some(3_600) };
            let svid = authority.svid(&id(name), hour()).unwrap();
            let endpoint = LoopbackEndpoint::start(&svid, document.to_bytes()).await.unwrap();
            let file = folder.path().join(format!("{name}.pem"));
            std::fs::write(&file, authority.pem()).unwrap();
            relationships += &relationship(name, &endpoint.url(), &id(name), Some(&file));
            endpoints.push(endpoint);
        }
        let config = folder.path().join("anchorwatch.yaml");
        let store = folder.path().join("store");
        let text = format!(
            "store: {{path: {}}}\ndefaults: {{poll_interval: 5m, timeout: 1m}}\nfederates_with:\n",
            store.display()
        );
        std::fs::write(&config, text + &relationships).unwrap();
        let process = Process::start(&config);
        for name in ["one.example", "two.example"] {
            // A build without optimization reads so many keys for a while.
            let began = Instant::now();
            while process.domain(name)["jwt_authorities"] != KEYS {
                assert!(began.elapsed() < 5 * PATIENCE, "{name} is not seen");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        let address = process.address.parse().unwrap();
        Self { process, address, config, _endpoints: endpoints, _folder: folder }
    }
}

/// A small daemon, with these arguments.
fn small(folder: &Path, arguments: &[String]) -> (Process, SocketAddr) {
    let config = folder.join("anchorwatch.yaml");
    let store = folder.join("store");
    std::fs::write(
        &config,
        format!("store: {{path: {}}}\nfederates_with: {{}}\n", store.display()),
    )
    .unwrap();
    let all: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let process = Process::start_with(&config, &all);
    let address = process.address.parse().unwrap();
    (process, address)
}

/// A connection whose kernel takes hardly anything that is not read.
async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(address).await.unwrap()
}

/// Asks and reads all of the answer.
async fn ask(address: SocketAddr, target: &str) -> Answer {
    ask_with(address, target, &[]).await
}

async fn ask_with(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    Request { headers, ..Request::get(target) }.send_async(stream).await.unwrap()
}

/// Many who ask for this, wait for the first byte of the answer, or its refusal, and read no more.
async fn slow_readers(address: SocketAddr, target: &str, count: usize) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..count {
        let mut stream = narrow(address).await;
        stream.write_all(&Request::get(target).bytes()).await.unwrap();
        held.push(stream);
    }
    for stream in &held {
        let mut first = [0];
        let came = tokio::time::timeout(PATIENCE, stream.peek(&mut first));
        drop(came.await.expect("an answer, or the end of the connection"));
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_cost_a_bounded_amount_of_memory() {
    const ALL: &str = "/api/v1/authorities?limit=10000";
    let large = Large::start().await;
    // What answers and threads need at all is there before it is measured. An answer ends early,
    // and all of the list is had all the same.
    let answer = ask(large.address, ALL).await;
    assert!(answer.status == 200 && answer.body.len() < 2 << 20, "{} bytes", answer.body.len());
    let next = answer.header("link").unwrap();
    assert!(next.starts_with("</api/v1/authorities?limit=10000&after="), "{next}");
    let listed =
        json(&anchorwatch(&large.config, &["authorities", "--output=json"]).output().unwrap());
    let listed: BTreeSet<_> = listed.as_array().unwrap().iter().map(Value::to_string).collect();
    assert_eq!(listed.len(), 2 * (KEYS + 1));
    let before = large.process.resident_kib();
    let mut held = slow_readers(large.address, ALL, 200).await;
    held.extend(slow_readers(large.address, "/api/v1/events?limit=10000", 40).await);
    let grown = large.process.resident_kib().saturating_sub(before);
    assert!(grown < MOST_KIB, "240 slow readers cost {} MiB", grown >> 10);
    for target in ["/-/healthy", "/-/ready", "/metrics", "/"] {
        assert_eq!(ask(large.address, target).await.status, 200, "{target} beside slow readers");
    }
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_scrapes_turn_nobody_away() {
    let large = Large::start().await;
    let before = large.process.resident_kib();
    let mut held = Vec::new();
    for more in [4, 36, 60] {
        held.extend(slow_readers(large.address, "/metrics", more).await);
        let answer = ask(large.address, "/metrics").await;
        assert_eq!(answer.status, 200, "after {} slow scrapes", held.len());
    }
    let grown = large.process.resident_kib().saturating_sub(before);
    assert!(grown < MOST_KIB, "100 slow scrapes cost {} MiB", grown >> 10);
}

/// Opens this many connections that send this and no more, and replaces each that the server ends,
/// as whoever means it would, for as long as the result is held.
async fn besiege(
    address: SocketAddr,
    count: usize,
    sends: &'static [u8],
) -> tokio::task::JoinSet<()> {
    let open = Arc::new(AtomicUsize::new(0));
    let mut siege = tokio::task::JoinSet::new();
    for _ in 0..count {
        let open = Arc::clone(&open);
        siege.spawn(async move {
            let mut first = true;
            loop {
                if let Ok(mut stream) = TcpStream::connect(address).await
                    && stream.write_all(sends).await.is_ok()
                {
                    if std::mem::take(&mut first) {
                        open.fetch_add(1, Ordering::Relaxed);
                    }
                    drop(stream.read(&mut [0; 512]).await);
                }
                // The server may be full, and this machine is to have other work too.
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
    }
    while open.load(Ordering::Relaxed) < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    siege
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_half_sent_heads_hold_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (_process, address) = small(folder.path(), &[]);
    let siege = besiege(address, 1_000, b"GET /metrics HTTP/1.1\r\nhost:").await;
    for target in ["/metrics", "/-/healthy", "/"] {
        let asked = tokio::time::timeout(BEFORE_A_HEAD_ENDS, ask(address, target));
        let answer = asked.await.unwrap_or_else(|_| panic!("{target} waits for half heads"));
        assert_eq!(answer.status, 200, "{target}");
    }
    drop(siege);
}

/// A web configuration in this folder, and the argument that names it.
fn web_config(folder: &Path, text: &str) -> (PathBuf, Vec<String>) {
    let path = folder.join("web.yml");
    std::fs::write(&path, text).unwrap();
    let argument = format!("--web.config.file={}", path.display());
    (path, vec![argument])
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_hold_up_no_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("server.crt"), key.cert.pem()).unwrap();
    std::fs::write(folder.path().join("server.key"), key.signing_key.serialize_pem()).unwrap();
    let tls = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n";
    let (_, arguments) = web_config(folder.path(), tls);
    let (_process, address) = small(folder.path(), &arguments);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(key.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    // A record's beginning, or nothing at all.
    let mut silent = Vec::new();
    for n in 0..300 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(if n % 2 == 0 { &[22, 3, 1] } else { &[] }).await.unwrap();
        silent.push(stream);
    }
    let asked = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        Request::get("/metrics").send_async(stream).await.unwrap()
    };
    let answer = tokio::time::timeout(BEFORE_A_HANDSHAKE_ENDS, asked).await;
    let answer = answer.expect("a handshake waits for those who are silent");
    assert_eq!(answer.status, 200);
    drop(silent);
}

fn basic(user: &str, password: &str) -> String {
    let both = BASE64_STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {both}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_wrong_passwords_turns_no_right_one_away() {
    let folder = tempfile::tempdir().unwrap();
    let hash = bcrypt::hash("right", 10).unwrap();
    let (_, arguments) =
        web_config(folder.path(), &format!("basic_auth_users: {{prometheus: {hash}}}\n"));
    let (_process, address) = small(folder.path(), &arguments);
    let (refused, checked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut storm = tokio::task::JoinSet::new();
    for n in 0..STORM {
        let (refused, checked) = (Arc::clone(&refused), Arc::clone(&checked));
        storm.spawn(async move {
            let wrong = basic("prometheus", &format!("wrong {n}"));
            match ask_with(address, "/metrics", &[("authorization", &wrong)]).await.status {
                401 => checked.fetch_add(1, Ordering::Relaxed),
                503 => 0,
                status => panic!("a wrong password was answered with {status}"),
            };
            refused.fetch_add(1, Ordering::Relaxed);
        });
    }
    // All have come: those beyond the few who may wait are turned away at once.
    while refused.load(Ordering::Relaxed) < STORM - 70 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let right = basic("prometheus", "right");
    let right = [("authorization", right.as_str())];
    let answer = ask_with(address, "/metrics", &right).await;
    assert_eq!(answer.status, 200, "the first right log-in in a storm");
    let checked = checked.load(Ordering::Relaxed);
    assert!(checked < STORM / 4, "the right log-in waited for {checked} wrong ones");
    // Whoever logged in before costs no bcrypt, and waits for none.
    assert_eq!(ask_with(address, "/metrics", &right).await.status, 200);
    while let Some(ended) = storm.join_next().await {
        ended.unwrap();
    }
}
