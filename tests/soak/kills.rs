//! SIGKILL at random instants, under rotation and decisions: no event that was ever shown and no
//! decision that was ever acknowledged may be missing afterwards, the chain verifies, and
//! `https_spiffe` still authenticates.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::decisions::{Acknowledged, Operator};
use crate::issuer::Issuer;
use crate::process::{Process, anchorwatch, configure};
use crate::repetitions;

const DOMAINS: usize = 4;
/// How often a domain publishes: several times within each life of the daemon.
const ROTATE_EVERY: Duration = Duration::from_millis(150);
/// The longest that the daemon lives once it is ready, in milliseconds.
const LONGEST_LIFE: u64 = 500;
/// How many entries one answer of the API holds at most.
const PAGE: usize = 1000;

/// Everything that was shown and must never be missing.
#[derive(Default)]
struct Shown {
    /// Entries of the journal by number, with their hash: those of the lives since the last check,
    /// and the newest one before. A hash covers all entries before its own.
    entries: BTreeMap<u64, String>,
    /// How many different entries were shown, and the number of the newest.
    count: usize,
    newest: u64,
    /// The entry from which the last check read. What was acknowledged in its last instant is
    /// checked by the next one.
    read_from: Option<u64>,
    /// Sequence numbers that a scrape showed.
    sequences: BTreeSet<(String, u64)>,
    /// Sequence numbers that are on record.
    recorded: BTreeSet<(String, u64)>,
    acknowledged: Acknowledged,
    decisions: usize,
    /// Where each issuer learns what the daemon holds.
    held: BTreeMap<String, Arc<AtomicU64>>,
}

impl Shown {
    fn look(&mut self, daemon: &Process) {
        // A metric first: its event must be on the disk already.
        for sequence in sequences(daemon) {
            if let Some(held) = self.held.get(&sequence.0) {
                held.fetch_max(sequence.1, Ordering::Relaxed);
            }
            self.sequences.insert(sequence);
        }
        for entry in events(daemon, "limit=300").unwrap_or_default() {
            let (number, hash) = named(&entry);
            if self.newest < number {
                (self.newest, self.count) = (number, self.count + 1);
            }
            self.entries.insert(number, hash);
        }
    }

    /// Everything that was shown or acknowledged since the last check is still there.
    fn check(&mut self, daemon: &Process) {
        let Some(oldest) = self.entries.keys().next().copied() else { return };
        let read_from = self.read_from.replace(oldest).unwrap_or(oldest);
        let journal = journal_since(daemon, read_from);
        let known: BTreeMap<u64, String> = journal.iter().map(named).collect();
        for (number, hash) in &self.entries {
            assert_eq!(known.get(number), Some(hash), "entry {number} was shown");
        }
        self.recorded.extend(journal.iter().filter_map(published));
        for sequence in std::mem::take(&mut self.sequences) {
            assert!(self.recorded.contains(&sequence), "{sequence:?} was scraped, and is lost");
        }
        let decided: BTreeSet<(&str, &str)> = journal.iter().filter_map(decision).collect();
        for (reason, domains) in std::mem::take(&mut self.acknowledged) {
            for domain in domains {
                let decision = (domain.as_str(), reason.as_str());
                assert!(decided.contains(&decision), "{decision:?} was acknowledged");
                self.decisions += 1;
            }
        }
        let newest = self.entries.pop_last();
        self.entries.clear();
        self.entries.extend(newest);
    }
}

fn named(entry: &Value) -> (u64, String) {
    (entry["number"].as_u64().unwrap(), entry["hash"].as_str().unwrap().to_owned())
}

/// The trust domain and the sequence number that an entry says was published.
fn published(entry: &Value) -> Option<(String, u64)> {
    let sequence = entry["sequence"]["given"].as_u64()?;
    (entry["event"] == "bundle_changed")
        .then(|| (entry["trust_domain"].as_str().unwrap().to_owned(), sequence))
}

/// The trust domain and the reason of a decision.
fn decision(entry: &Value) -> Option<(&str, &str)> {
    (entry["event"] == "decided").then_some(())?;
    Some((entry["trust_domain"].as_str()?, entry["reason"].as_str()?))
}

fn events(daemon: &Process, query: &str) -> Option<Vec<Value>> {
    let answer = daemon.try_text(&format!("/api/v1/events?{query}"))?;
    serde_json::from_str(&answer).ok()
}

/// The entries of the journal from this number on.
fn journal_since(daemon: &Process, oldest: u64) -> Vec<Value> {
    let mut journal: Vec<Value> = Vec::new();
    let mut before = String::new();
    loop {
        let page = events(daemon, &format!("limit={PAGE}{before}"));
        let page = page.expect("the journal can be read after a restart");
        let Some(first) = page.first().map(|entry| named(entry).0) else { return journal };
        before = format!("&before={first}");
        journal.extend(page);
        if first <= oldest {
            return journal;
        }
    }
}

/// The sequence numbers that a scrape shows.
fn sequences(daemon: &Process) -> Vec<(String, u64)> {
    let text = daemon.try_text("/metrics").unwrap_or_default();
    let lines = text.lines().filter_map(|line| {
        let rest = line.strip_prefix("anchorwatch_bundle_sequence{trust_domain=\"")?;
        let (name, _) = rest.split_once('"')?;
        Some((name.to_owned(), line.rsplit_once(' ')?.1.parse().ok()?))
    });
    lines.collect()
}

/// Rotates all issuers until `ended`, and gives them back.
fn rotate(mut issuers: Vec<Issuer>, ended: &AtomicBool) -> Vec<Issuer> {
    while !ended.load(Ordering::Relaxed) {
        issuers.iter_mut().for_each(Issuer::rotate);
        std::thread::sleep(ROTATE_EVERY);
    }
    issuers
}

/// How often every trust domain is polled at the end, until each has answered.
const CHECKS: usize = 10;

fn finish(folder: &Path, kills: usize, shown: &Shown) {
    let config = folder.join("anchorwatch.yaml");
    // A poll may time out where the machine is busy; what was lost stays lost.
    let reports = (0..CHECKS).map(|_| -> Value {
        let check = anchorwatch(&config, &["check", "--output", "json"]).output().unwrap();
        serde_json::from_slice(&check.stdout).unwrap()
    });
    let mut last = Value::Null;
    for report in reports {
        last = report;
        if last["trust_domains"].as_array().unwrap().iter().all(|domain| domain["up"] == true) {
            break;
        }
    }
    let domains = last["trust_domains"].as_array().unwrap();
    assert_eq!(domains.len(), DOMAINS);
    for domain in domains {
        assert_eq!(domain["up"], true, "https_spiffe still authenticates: {domain:#}");
    }
    let verify = anchorwatch(&config, &["store", "verify"]).output().unwrap();
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
    println!(
        "{kills} kills, {} entries and {} acknowledged decisions shown, none lost; {}",
        shown.count,
        shown.decisions,
        String::from_utf8_lossy(&verify.stdout).lines().next().unwrap_or_default()
    );
}

#[test]
fn no_event_that_was_shown_and_no_decision_that_was_acknowledged_is_lost_by_kills() {
    let kills = repetitions(1000, 60);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let issuers: Vec<Issuer> = (0..DOMAINS)
        .map(|place| runtime.block_on(Issuer::start(&format!("kill{place}.example"))))
        .collect();
    let names: Vec<String> = issuers.iter().map(|issuer| issuer.name.clone()).collect();
    let relationships: Vec<String> =
        issuers.iter().map(|issuer| issuer.relationship(folder.path())).collect();
    let config = configure(folder.path(), &relationships);
    let held = issuers.iter().map(|issuer| (issuer.name.clone(), Arc::clone(&issuer.shown)));
    let mut shown = Shown { held: held.collect(), ..Shown::default() };
    let ended = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&ended);
    let rotating = std::thread::spawn(move || rotate(issuers, &until));
    let operator = Operator::start(folder.path(), names);
    let (mut scraped, mut rotated) = (0, BTreeMap::<String, u64>::new());

    for kill in 1..=kills {
        let daemon = Process::start(&config);
        shown.check(&daemon);
        let life = RandomState::new().build_hasher().finish() % LONGEST_LIFE;
        let (life, began) = (Duration::from_millis(life), Instant::now());
        while began.elapsed() < life {
            shown.look(&daemon);
        }
        // The drop ends it by SIGKILL, with polls, decisions and answers under way.
        drop(daemon);
        shown.acknowledged.extend(operator.take());
        scraped += shown.sequences.len();
        for (name, sequence) in &shown.sequences {
            let newest = rotated.entry(name.clone()).or_default();
            *newest = (*newest).max(*sequence);
        }
        if kill % 20 == 0 {
            println!("{kill} kills, {} entries, {} decisions", shown.count, shown.decisions);
        }
    }
    ended.store(true, Ordering::Relaxed);
    let issuers = rotating.join().unwrap();
    operator.stop();

    let daemon = Process::start(&config);
    shown.check(&daemon);
    drop(daemon);
    finish(folder.path(), kills, &shown);
    // What was never seen could not be lost: the test saw each kind of thing.
    assert!(kills < shown.count, "the daemon hardly saw anything");
    assert!(kills / 2 < shown.decisions, "hardly a decision was acknowledged: {}", shown.decisions);
    assert!(0 < scraped, "no scrape showed a sequence number");
    for issuer in &issuers {
        let newest = rotated.get(&issuer.name).copied().unwrap_or_default();
        assert!(issuer.replaced_x509() && 10 < newest, "{} never rotated: {newest}", issuer.name);
    }
    drop(runtime);
}
