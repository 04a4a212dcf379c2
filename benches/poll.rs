//! What one poll costs, beside a bare TLS handshake and beside go-spiffe, in one run.
//!
//! `make bench` builds the Go programs and calls this. The server is go-spiffe's own federation
//! handler in another process, on the other core where there is one. CPU is this thread's own, user
//! and system, as the kernel counts it; each figure is the median of the rounds, and the rounds
//! take turns, since the machine is shared.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a measurement, not the product"
)]

use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anchorwatch::daemon::SystemClock;
use anchorwatch::fetch::{Fetcher, Target};
use anchorwatch_core::bundle::{ParseLimits, SvidType, parse};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile, TrustDomain};
use anchorwatch_core::time::Clock as _;
use anchorwatch_core::watch::{DomainState, Policy, Poll, Trust, TrustOrigin, step};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const ROUNDS: usize = 5;
const POLLS: usize = 600;
const SUSTAINED: Duration = Duration::from_secs(4);
const IN_FLIGHT: usize = 16;

fn main() {
    // `cargo test --all-targets` builds this to see that it does, and runs it without the peer.
    let Some(bin) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        println!("poll: needs the folder of the Go programs; `make bench` gives it");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!(
        "One https_spiffe poll of 8 unchanged authorities, CPU of the client, median of {ROUNDS} rounds:"
    );
    println!(
        "{:<10} {:>12} {:>12} {:>12} {:>8} {:>10}",
        "key", "handshake", "anchorwatch", "go-spiffe", "ratio", "of Go's"
    );
    for key_type in ["ec-p256", "rsa-2048"] {
        let server = Server::start(Path::new(&bin), key_type);
        runtime.block_on(compare(&server, Path::new(&bin), key_type));
    }
    let server = Server::start(Path::new(&bin), "ec-p256");
    let rate = runtime.block_on(sustained(&server));
    println!(
        "\nSustained, P-256, {IN_FLIGHT} in flight, one thread: {rate:.0} polls/s (target 2,000)"
    );
}

struct Server {
    child: Child,
    ready: Value,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(bin: &Path, key_type: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let serve = bin.join("serve");
        let mut command = on_core("1", &serve);
        let mut child = command
            .args(["--dir", folder.path().to_str().unwrap(), "--key-type", key_type])
            .args(["--authorities", "8"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap(), _folder: folder }
    }

    fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    fn endpoint(&self) -> BundleEndpoint {
        let endpoint_spiffe_id = self.text("endpoint_spiffe_id").parse().unwrap();
        BundleEndpoint {
            trust_domain: self.trust_domain(),
            url: self.text("https_spiffe_url").parse().unwrap(),
            profile: EndpointProfile::HttpsSpiffe { endpoint_spiffe_id },
        }
    }

    fn trust_domain(&self) -> TrustDomain {
        self.text("trust_domain").parse().unwrap()
    }

    fn bootstrap(&self) -> PathBuf {
        self.text("bootstrap").into()
    }

    fn trust(&self) -> Trust {
        let document = std::fs::read(self.bootstrap()).unwrap();
        let bundle = parse(&document, &ParseLimits::default()).unwrap().bundle;
        let x509 = bundle.authorities().iter().filter(|one| one.id.svid_type == SvidType::X509);
        let authorities = x509.cloned().collect();
        Trust::new(self.trust_domain(), TrustOrigin::Latest, authorities)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A command that runs on this core, where cores can be chosen.
fn on_core(core: &str, program: &Path) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if cores < 2 || Command::new("taskset").arg("--version").output().is_err() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// What this thread has spent on the CPU so far, in seconds.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

async fn compare(server: &Server, bin: &Path, key_type: &str) {
    let (mut bare, mut ours, mut go) = (Vec::new(), Vec::new(), Vec::new());
    let mut watch = Watch::new(server);
    watch.poll().await;
    let handshake = Handshake::new(server);
    handshake.once().await;
    for _ in 0..ROUNDS {
        let before = cpu();
        for _ in 0..POLLS {
            handshake.once().await;
        }
        bare.push((cpu() - before) / POLLS as f64);
        let before = cpu();
        for _ in 0..POLLS {
            watch.poll().await;
        }
        ours.push((cpu() - before) / POLLS as f64);
        go.push(go_spiffe(server, bin));
    }
    let (bare, ours, go) = (median(bare), median(ours), median(go));
    println!(
        "{key_type:<10} {:>9.0} us {:>9.0} us {:>9.0} us {:>8.2} {:>9.0} %",
        bare * 1e6,
        ours * 1e6,
        go * 1e6,
        ours / bare,
        100.0 * ours / go
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The whole of a poll: connect, handshake, fetch, parse, step.
struct Watch {
    fetcher: Fetcher,
    target: Target,
    trust: Trust,
    state: DomainState,
    policy: Policy,
}

impl Watch {
    fn new(server: &Server) -> Self {
        Self {
            fetcher: Fetcher::new(Arc::new(SystemClock)),
            target: Target::new(server.endpoint()),
            trust: server.trust(),
            state: DomainState::default(),
            policy: Policy::default(),
        }
    }

    async fn poll(&mut self) {
        let fetched = self.fetcher.poll(&self.target, Some(&self.trust)).await;
        let poll = Poll { answers: fetched.answers, recalled: Vec::new() };
        let state = std::mem::take(&mut self.state);
        let step = step(state, poll, SystemClock.now(), &self.policy, 0.5);
        assert_eq!(step.state.poll_state.failures, 0, "{:?}", step.events);
        self.state = black_box(step.state);
    }
}

/// A handshake over a socket with the same provider, and nothing else.
struct Handshake {
    connector: TlsConnector,
    address: String,
}

impl Handshake {
    fn new(server: &Server) -> Self {
        let mut roots = RootCertStore::empty();
        for authority in server.trust().authorities.iter() {
            let der = authority.certificate.as_ref().unwrap().der().to_vec();
            roots.add(CertificateDer::from(der)).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Arc::new(ChainOnly { roots, provider: Arc::clone(&provider) });
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        let url = server.endpoint().url;
        let address = format!("{}:{}", url.host(), url.port());
        Self { connector: TlsConnector::from(Arc::new(config)), address }
    }

    async fn once(&self) {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        black_box(self.connector.connect(name, stream).await.unwrap());
    }
}

#[derive(Debug)]
struct ChainOnly {
    roots: RootCertStore,
    provider: Arc<rustls::crypto::CryptoProvider>,
}

impl ServerCertVerifier for ChainOnly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let leaf = rustls::server::ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        rustls::client::verify_server_cert_signed_by_trust_anchor(
            &leaf,
            &self.roots,
            intermediates,
            now,
            algorithms,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// CPU of one `FetchBundle` of go-spiffe, by its own process's account.
fn go_spiffe(server: &Server, bin: &Path) -> f64 {
    let output = on_core("0", &bin.join("poll"))
        .args(["--trust-domain", server.text("trust_domain"), "--profile", "https_spiffe"])
        .args(["--url", server.text("https_spiffe_url")])
        .args(["--endpoint-id", server.text("endpoint_spiffe_id")])
        .args(["--bootstrap", server.text("bootstrap")])
        .args(["--repeat", &POLLS.to_string()])
        .output()
        .unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    let line = report.lines().last().unwrap();
    let report: Value = serde_json::from_str(line).unwrap();
    report["cpu_seconds"].as_f64().unwrap() / report["polls"].as_f64().unwrap()
}

async fn sustained(server: &Server) -> f64 {
    let began = tokio::time::Instant::now();
    let watchers = (0..IN_FLIGHT).map(|_| async {
        let mut watch = Watch::new(server);
        let mut polls = 0_u32;
        while began.elapsed() < SUSTAINED {
            watch.poll().await;
            polls += 1;
        }
        polls
    });
    // All on this thread: one process with one core.
    let polls = all(watchers.map(Box::pin).collect()).await;
    f64::from(polls) / began.elapsed().as_secs_f64()
}

async fn all<F: Future<Output = u32>>(mut futures: Vec<std::pin::Pin<Box<F>>>) -> u32 {
    let mut total = 0;
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(polls) => {
                total += polls;
                false
            }
            std::task::Poll::Pending => true,
        });
        if futures.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    total
}
