//! SIGKILL at random instants, two hundred times, under rotation: no event that was ever shown may
//! be missing afterwards, the chain verifies, and `https_spiffe` still authenticates.

#![cfg(test)]
#![cfg(feature = "demo")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anchorwatch::bundle::Validity;
use anchorwatch::daemon::SystemClock;
use anchorwatch::demo::endpoint::Endpoint;
use anchorwatch::demo::mint::{Document, JwtAuthority, KeyAlgorithm, X509Ca};
use anchorwatch::spiffe::{SpiffeId, TrustDomain};
use anchorwatch::time::Clock as _;
use serde_json::Value;

/// What the issue asks for.
const RESTARTS: usize = 200;
const DOMAINS: usize = 4;
/// How often a domain publishes: several times within each life of the daemon.
const ROTATE_EVERY: Duration = Duration::from_millis(150);
/// The longest that the daemon lives once it is ready, in milliseconds.
const LONGEST_LIFE: u64 = 500;
/// How many JWT and X.509 authorities a bundle lists.
const LISTED: usize = 4;

/// A trust domain whose keys come and go.
struct Issuer {
    name: TrustDomain,
    endpoint: Endpoint,
    authorities: Vec<X509Ca>,
    keys: Vec<JwtAuthority>,
    sequence: u64,
    /// The sequence number that came with the newest X.509 authority.
    introduced: u64,
    /// The newest sequence number that the daemon has shown, so that it is on its disk.
    held: Arc<AtomicU64>,
}

impl Issuer {
    async fn start(place: usize) -> Self {
        let name: TrustDomain = format!("kill{place}.example").parse().unwrap();
        let authorities = vec![X509Ca::mint(&name, hour(), KeyAlgorithm::EcP256).unwrap()];
        let keys = vec![JwtAuthority::mint(KeyAlgorithm::EcP256).unwrap()];
        let svid = authorities[0].svid(&id(&name), hour()).unwrap();
        let endpoint = Endpoint::start(&svid, document(&authorities, &keys, 1)).await.unwrap();
        let held = Arc::default();
        Self { name, endpoint, authorities, keys, sequence: 1, introduced: 1, held }
    }

    /// One transaction: a JWT key each time, an X.509 authority each tenth, which signs the
    /// endpoint's SVID from the next one on. As a good issuer would, it signs with none before the
    /// daemon holds it: however slow the machine, who is locked out was not so by the issuer.
    fn rotate(&mut self) {
        self.sequence += 1;
        let held = self.introduced <= self.held.load(Ordering::Relaxed);
        if held && self.introduced + 10 <= self.sequence {
            self.introduced = self.sequence;
            let signing = self.authorities.last().unwrap();
            self.endpoint.present(&signing.svid(&id(&self.name), hour()).unwrap());
            self.authorities.push(X509Ca::mint(&self.name, hour(), KeyAlgorithm::EcP256).unwrap());
        } else {
            self.keys.push(JwtAuthority::mint(KeyAlgorithm::EcP256).unwrap());
        }
        let old = self.authorities.len().saturating_sub(LISTED);
        self.authorities.drain(..old);
        let old = self.keys.len().saturating_sub(LISTED);
        self.keys.drain(..old);
        self.endpoint.serve(document(&self.authorities, &self.keys, self.sequence));
    }
}

fn hour() -> Validity {
    let now = SystemClock.now();
    Validity {
        not_before: now.saturating_sub(Duration::from_mins(1)),
        not_after: now.saturating_add(Duration::from_hours(1)),
    }
}

fn id(name: &TrustDomain) -> SpiffeId {
    format!("spiffe://{name}/spire/server").parse().unwrap()
}

fn document(authorities: &[X509Ca], keys: &[JwtAuthority], sequence: u64) -> Vec<u8> {
    let x509 = authorities.iter().map(|authority| authority.jwk().clone());
    let keys = x509.chain(keys.iter().map(|key| key.jwk().clone())).collect();
    Document { keys, sequence: Some(sequence), refresh_hint: Some(60) }.to_bytes()
}

fn configure(folder: &Path, issuers: &[Issuer]) {
    let mut yaml = format!(
        "store: {{path: {}}}\ndefaults: {{poll_interval: 1s, timeout: 2s}}\nfederates_with:\n",
        folder.join("store").display()
    );
    for issuer in issuers {
        let bootstrap = folder.join(format!("{}.pem", issuer.name));
        std::fs::write(&bootstrap, issuer.authorities[0].pem()).unwrap();
        let (name, url) = (&issuer.name, issuer.endpoint.url());
        let _ = write!(
            yaml,
            "  {name}:\n    bundle_endpoint_url: {url}\n    \
             bundle_endpoint_profile: {{https_spiffe: {{endpoint_spiffe_id: {}}}}}\n    \
             bootstrap_bundle_path: {}\n",
            id(name),
            bootstrap.display()
        );
    }
    std::fs::write(folder.join("anchorwatch.yaml"), yaml).unwrap();
}

/// The daemon, and what it has shown.
struct Daemon {
    child: Child,
    address: String,
}

impl Daemon {
    fn start(folder: &Path) -> Self {
        let mut child = anchorwatch(folder, &["run", "--web.listen-address=127.0.0.1:0"])
            .arg("--log.format=json")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the daemon says where it listens").unwrap();
            let line: Value = serde_json::from_str(&line).expect(&line);
            if let Some(address) = line["http"].as_str() {
                break address.to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: test\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.contains(" 200 ").then(|| body.to_owned())
    }

    /// The whole journal, a domain at a time: one answer holds 10,000 entries at most.
    fn journal(&self) -> Option<Vec<(u64, String, Value)>> {
        let mut journal = Vec::new();
        for place in 0..DOMAINS {
            let query = format!("limit=10000&trust_domain=kill{place}.example");
            let entries = self.events(&query)?;
            assert!(entries.len() < 10_000, "the story is too long for one answer");
            journal.extend(entries);
        }
        Some(journal)
    }

    /// Entries of the journal: number and hash of each.
    fn events(&self, query: &str) -> Option<Vec<(u64, String, Value)>> {
        let text = self.get(&format!("/api/v1/events?{query}"))?;
        let entries: Vec<Value> = serde_json::from_str(&text).ok()?;
        let entry = |entry: Value| {
            let number = entry["number"].as_u64().unwrap();
            (number, entry["hash"].as_str().unwrap().to_owned(), entry)
        };
        Some(entries.into_iter().map(entry).collect())
    }

    /// The sequence numbers that a scrape shows.
    fn sequences(&self) -> Option<Vec<(String, u64)>> {
        let text = self.get("/metrics")?;
        let lines = text.lines().filter_map(|line| {
            let rest = line.strip_prefix("anchorwatch_bundle_sequence{trust_domain=\"")?;
            let (name, _) = rest.split_once('"')?;
            Some((name.to_owned(), line.rsplit_once(' ')?.1.parse().ok()?))
        });
        Some(lines.collect())
    }

    fn kill(self) {
        drop(self);
    }
}

impl Drop for Daemon {
    /// SIGKILL: also where the test ends by a panic.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn anchorwatch(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
    let config = folder.join("anchorwatch.yaml");
    command.args(arguments).arg(format!("--config.file={}", config.display()));
    command
}

/// What was shown and must never be missing.
#[derive(Default)]
struct Shown {
    events: BTreeMap<u64, String>,
    sequences: BTreeSet<(String, u64)>,
    /// Where each issuer learns what the daemon holds.
    held: BTreeMap<String, Arc<AtomicU64>>,
}

impl Shown {
    fn look(&mut self, daemon: &Daemon) {
        // A metric first: its event must be on the disk already.
        for sequence in daemon.sequences().unwrap_or_default() {
            if let Some(held) = self.held.get(&sequence.0) {
                held.fetch_max(sequence.1, Ordering::Relaxed);
            }
            self.sequences.insert(sequence);
        }
        for (number, hash, _) in daemon.events("limit=300").unwrap_or_default() {
            self.events.insert(number, hash);
        }
    }

    /// Everything that was ever shown is still there.
    fn check(&self, daemon: &Daemon) {
        let journal = daemon.journal().expect("the journal can be read after a restart");
        let hashes: BTreeMap<u64, &str> =
            journal.iter().map(|(number, hash, _)| (*number, hash.as_str())).collect();
        for (number, hash) in &self.events {
            assert_eq!(hashes.get(number), Some(&hash.as_str()), "entry {number} was shown");
        }
        let recorded: BTreeSet<(String, u64)> = journal
            .iter()
            .filter(|(_, _, entry)| entry["event"] == "bundle_changed")
            .filter_map(|(_, _, entry)| {
                let sequence = entry["sequence"]["given"].as_u64()?;
                Some((entry["trust_domain"].as_str()?.to_owned(), sequence))
            })
            .collect();
        for sequence in &self.sequences {
            assert!(recorded.contains(sequence), "{sequence:?} was scraped and is not on record");
        }
    }
}

#[test]
fn no_event_that_was_shown_is_lost_by_two_hundred_kills() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut issuers: Vec<Issuer> = Vec::new();
    for place in 0..DOMAINS {
        issuers.push(runtime.block_on(Issuer::start(place)));
    }
    configure(folder.path(), &issuers);
    let held = issuers.iter().map(|issuer| (issuer.name.to_string(), Arc::clone(&issuer.held)));
    let mut shown = Shown { held: held.collect(), ..Shown::default() };
    let ended = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&ended);
    let rotating = std::thread::spawn(move || {
        while !until.load(Ordering::Relaxed) {
            issuers.iter_mut().for_each(Issuer::rotate);
            std::thread::sleep(ROTATE_EVERY);
        }
        issuers
    });

    for restart in 0..RESTARTS {
        let daemon = Daemon::start(folder.path());
        shown.check(&daemon);
        let life = RandomState::new().build_hasher().finish() % LONGEST_LIFE;
        let (life, began) = (Duration::from_millis(life), Instant::now());
        while began.elapsed() < life {
            shown.look(&daemon);
        }
        daemon.kill();
        if restart % 20 == 19 {
            println!("{} kills, {} entries shown", restart + 1, shown.events.len());
        }
    }
    ended.store(true, Ordering::Relaxed);
    let issuers = rotating.join().unwrap();

    let daemon = Daemon::start(folder.path());
    shown.check(&daemon);
    let check = anchorwatch(folder.path(), &["check", "--output", "json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&check.stdout).unwrap();
    for domain in report["trust_domains"].as_array().unwrap() {
        assert_eq!(domain["up"], true, "https_spiffe still authenticates: {domain:#}");
    }
    daemon.kill();
    let verify = anchorwatch(folder.path(), &["store", "verify"]).output().unwrap();
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
    assert!(RESTARTS < shown.events.len(), "the daemon hardly saw anything");
    println!(
        "{RESTARTS} kills, {} entries and {} scraped sequences shown, none lost; {}",
        shown.events.len(),
        shown.sequences.len(),
        String::from_utf8_lossy(&verify.stdout).lines().next().unwrap_or_default()
    );
    drop(issuers);
    drop(runtime);
}
