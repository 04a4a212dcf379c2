//! What ten thousand trust domains cost: memory, CPU while nothing changes, a scrape, a restart.
//!
//! The real daemon, built for release, watches 10,000 trust domains of 8 authorities each: once with
//! keys of their own, once with one key set for all, as under one upstream root. They are all served
//! by one endpoint: each poll is a full handshake and a full document all the same.
//!
//! `FLEET_DOMAINS=200` watches fewer, and `FLEET_INTERVAL=15` polls each of them every 15 s. Whatever
//! does not come in time ends the run with a message.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a measurement, not the product"
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anchorwatch::daemon::SystemClock;
use anchorwatch::demo::endpoint::{LoopbackEndpoint, ServedAnswer};
use anchorwatch::demo::mint::{
    DemoKeyAlgorithm, IssuedDocument, IssuedJwk, JwtAuthority, X509Ca, ca_params,
};
use anchorwatch_core::bundle::Validity;
use anchorwatch_core::spiffe::{SpiffeId, TrustDomain};
use anchorwatch_core::time::Clock as _;
use hyper::StatusCode;
use rcgen::KeyPair;
use serde_json::Value;

const DOMAINS: usize = 10_000;
const INTERVAL: u64 = 75;
/// The same where it is run as a test, to see that it still does.
const FEW: (usize, u64) = (50, 3);
/// Authorities of each trust domain: half of them X.509, half JWT.
const AUTHORITIES: usize = 8;
/// How many scrapes are timed.
const SCRAPES: usize = 5;
/// The kernel counts a process's CPU in hundredths of a second.
const TICKS: f64 = 100.0;
/// The longest that an answer, or the beginning of one, is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// Who serves all bundles, and proves it by its own.
const HUB: &str = "hub.example";

/// How much is measured.
#[derive(Clone, Copy)]
struct Size {
    domains: usize,
    interval: Duration,
}

impl Size {
    fn from_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
        let is_bench = std::env::args().any(|argument| argument == "--bench");
        let (many, interval) = if is_bench { (DOMAINS, INTERVAL) } else { FEW };
        let domains =
            number("FLEET_DOMAINS").map_or(many, |domains| usize::try_from(domains).unwrap());
        let interval = Duration::from_secs(number("FLEET_INTERVAL").unwrap_or(interval));
        Self { domains, interval }
    }

    /// How long a first round of polls may take: at most 500 begin in a second.
    fn first_round(self) -> Duration {
        3 * self.interval + PATIENCE + Duration::from_secs(self.domains as u64 / 100)
    }
}

/// Whose keys the trust domains publish.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Keys {
    Own,
    Shared,
}

fn main() {
    let size = Size::from_environment();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for keys in [Keys::Own, Keys::Shared] {
        let folder = tempfile::tempdir().unwrap();
        let fleet = runtime.block_on(Fleet::start(size, keys));
        fleet.measure(folder.path());
    }
}

/// The endpoint that serves all bundles.
struct Fleet {
    size: Size,
    keys: Keys,
    hub: X509Ca,
    endpoint: LoopbackEndpoint,
}

impl Fleet {
    async fn start(size: Size, keys: Keys) -> Self {
        let name: TrustDomain = HUB.parse().unwrap();
        let hub = X509Ca::mint(&name, validity(), DemoKeyAlgorithm::EcP256).unwrap();
        let svid = hub.svid(&hub_id(), validity()).unwrap();
        let own = document(vec![hub.jwk().clone(), jwt()]);
        let endpoint = LoopbackEndpoint::start(&svid, own.clone()).await.unwrap();
        let shared = document(key_set());
        let mut documents = HashMap::from([("/".to_owned(), own)]);
        for place in 0..size.domains {
            let document = match keys {
                Keys::Own => document(key_set()),
                Keys::Shared => shared.clone(),
            };
            documents.insert(format!("/{place}"), document);
        }
        endpoint.route(move |path| match documents.get(path) {
            Some(document) => ServedAnswer::document(document.clone()),
            None => ServedAnswer::status(StatusCode::NOT_FOUND),
        });
        Self { size, keys, hub, endpoint }
    }

    fn measure(&self, folder: &Path) {
        let Size { domains, interval } = self.size;
        let whose = match self.keys {
            Keys::Own => "of their own",
            Keys::Shared => "that all of them share",
        };
        println!(
            "{domains} trust domains of {AUTHORITIES} authorities {whose}, one poll each {} s:",
            interval.as_secs()
        );
        self.configure(folder, true);
        let daemon = Daemon::start(folder);
        println!("  ready on an empty store after       {:>8.2} s", daemon.ready_after);
        daemon.wait_until_all_are_up(self.size);
        println!(
            "  memory once all were polled         {:>8} MiB (target 120 for {DOMAINS})",
            daemon.memory()
        );
        let (before, began) = (daemon.cpu(), Instant::now());
        std::thread::sleep(interval);
        let share = (daemon.cpu() - before) / began.elapsed().as_secs_f64();
        println!(
            "  CPU over one interval, unchanged    {:>8.1} % of one core (target 5 for {DOMAINS} each {INTERVAL} s)",
            100.0 * share
        );
        println!("  memory after it                     {:>8} MiB", daemon.memory());
        scrape(&daemon, "with per-authority families");
        let shared = daemon.get("/metrics");
        let shared = shared.lines().filter(|line| {
            line.starts_with("anchorwatch_finding_open{")
                && line.contains("authority_shared")
                && line.ends_with(" 1")
        });
        println!("  findings about shared keys          {:>8}", shared.count());
        drop(daemon);

        self.configure(folder, false);
        let daemon = Daemon::start(folder);
        println!("  ready again after SIGKILL           {:>8.2} s (target 1)", daemon.ready_after);
        scrape(&daemon, "without them");
    }

    fn configure(&self, folder: &Path, per_authority: bool) {
        let bootstrap = folder.join("hub.pem");
        std::fs::write(&bootstrap, self.hub.pem()).unwrap();
        let url = self.endpoint.url();
        let url = url.trim_end_matches('/');
        let profile = format!("{{https_spiffe: {{endpoint_spiffe_id: {}}}}}", hub_id());
        let mut yaml = format!(
            "store: {{path: {0}/store}}\nmetrics: {{per_authority: {per_authority}}}\n\
             defaults: {{poll_interval: {1}s, baseline: trust_on_first_use}}\nfederates_with:\n\
             \x20 {HUB}:\n    bundle_endpoint_url: {url}/\n    bundle_endpoint_profile: {profile}\n\
             \x20   bootstrap_bundle_path: {2}\n",
            folder.display(),
            self.size.interval.as_secs(),
            bootstrap.display(),
        );
        for place in 0..self.size.domains {
            let _ = writeln!(yaml, "  d{place}.example:\n    bundle_endpoint_url: {url}/{place}");
            let _ = writeln!(yaml, "    bundle_endpoint_profile: {profile}");
        }
        std::fs::write(folder.join("anchorwatch.yaml"), yaml).unwrap();
    }
}

fn hub_id() -> SpiffeId {
    format!("spiffe://{HUB}/spire/server").parse().unwrap()
}

/// A day from now: nothing is due while it is measured.
fn validity() -> Validity {
    let now = SystemClock.now();
    Validity {
        not_before: now.saturating_sub(Duration::from_hours(5)),
        not_after: now.saturating_add(Duration::from_hours(19)),
    }
}

/// An X.509 authority whose certificate names no trust domain, so that many may have it.
fn x509() -> IssuedJwk {
    let mut params = ca_params(&format!("spiffe://{HUB}"), validity()).unwrap();
    params.subject_alt_names = Vec::new();
    X509Ca::from_params(params, KeyPair::generate().unwrap()).unwrap().jwk().clone()
}

fn jwt() -> IssuedJwk {
    JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap().jwk().clone()
}

fn key_set() -> Vec<IssuedJwk> {
    (0..AUTHORITIES).map(|place| if place.is_multiple_of(2) { x509() } else { jwt() }).collect()
}

fn document(keys: Vec<IssuedJwk>) -> Vec<u8> {
    IssuedDocument { keys, sequence: Some(1), refresh_hint: Some(300) }.to_bytes()
}

fn scrape(daemon: &Daemon, which: &str) {
    let mut best = f64::MAX;
    let mut series = 0;
    let memory = daemon.memory();
    let before = daemon.cpu();
    for _ in 0..SCRAPES {
        let began = Instant::now();
        let text = daemon.get("/metrics");
        best = best.min(began.elapsed().as_secs_f64());
        series = text.lines().filter(|line| !line.starts_with('#')).count();
    }
    let cpu = (daemon.cpu() - before) / SCRAPES as f64;
    println!(
        "  scrape {which:<28} {:>8.0} ms wall, {:.0} ms CPU, {series} series: {:.0} ms CPU for 250,000 (target 50); {:+} MiB",
        best * 1e3,
        cpu * 1e3,
        cpu * 1e3 * 250_000.0 / series as f64,
        daemon.memory() - memory,
    );
}

struct Daemon {
    child: Child,
    address: String,
    ready_after: f64,
}

impl Daemon {
    fn start(folder: &Path) -> Self {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_anchorwatch"))
            .args(["run", "--web.listen-address=127.0.0.1:0", "--log.format=json"])
            .arg(format!("--config.file={}", folder.join("anchorwatch.yaml").display()))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (told, listens) = mpsc::channel();
        // Whoever writes a log that nobody reads stops.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(address) = line["http"].as_str() {
                    drop(told.send(address.to_owned()));
                }
            }
        });
        let mut daemon = Self { child, address: String::new(), ready_after: 0.0 };
        let address = listens.recv_timeout(PATIENCE);
        daemon.address = address.expect("the daemon does not say in time where it listens");
        while !daemon.get("/-/ready").contains("is ready") {
            assert!(began.elapsed() < PATIENCE, "the daemon is not ready in time");
            std::thread::sleep(Duration::from_millis(10));
        }
        daemon.ready_after = began.elapsed().as_secs_f64();
        daemon
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: bench\r\n\r\n").unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        read.unwrap_or_else(|why| panic!("no answer to {path} in time: {why}"));
        answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned()
    }

    fn wait_until_all_are_up(&self, size: Size) {
        let began = Instant::now();
        loop {
            let text = self.get("/metrics");
            let up =
                |line: &&str| line.starts_with("anchorwatch_source_up{") && line.ends_with(" 1");
            let up = text.lines().filter(up).count();
            if size.domains < up {
                return;
            }
            assert!(
                began.elapsed() < size.first_round(),
                "only {up} of {} trust domains were polled in time",
                size.domains
            );
            std::thread::sleep(Duration::from_secs(2));
        }
    }

    /// Resident memory in MiB.
    fn memory(&self) -> i64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap() / 1024
    }

    /// CPU so far in seconds, user and system.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place).unwrap().parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / TICKS
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
