//! How long a start takes with a store of some size, and what recording costs.
//!
//! `cargo bench --bench store` prints both stores of the targets; `-- 1000 100` another one:
//! so many trust domains, so many events each.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, or stops")]

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anchorwatch::store::{Batch, Store, StoreOptions};
use anchorwatch_core::bundle::{
    Authority, AuthorityId, Bundle, Certificate, Digest, Fingerprint, KeyType, PublicKeyId,
    StatedNumber, SvidType,
};
use anchorwatch_core::time::{Clock, Timestamp};
use anchorwatch_core::watch::{DomainState, Observation, Policy, Poll, Source, step};

/// When the story begins, in seconds since the epoch.
const START: i64 = 1_780_000_000;
/// Two replicas that rotate both uses every twelve hours.
const BETWEEN: Duration = Duration::from_hours(3);
/// Keys of each use in a bundle: two replicas, two each.
const KEYS: u64 = 4;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(START)
    }
}

/// One certificate for all: what counts is that it is stored, and read at a start.
static CERTIFICATE: LazyLock<Option<Certificate>> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let name = rcgen::string::Ia5String::try_from("spiffe://domain.example").unwrap();
    params.subject_alt_names = vec![rcgen::SanType::URI(name)];
    Certificate::parse(params.self_signed(&key).unwrap().der()).ok()
});

fn authority(domain: usize, svid_type: SvidType, number: u64) -> Arc<Authority> {
    let name = format!("{domain} {} {number}", svid_type.label());
    let certificate = if svid_type == SvidType::X509 { CERTIFICATE.clone() } else { None };
    Arc::new(Authority {
        id: AuthorityId { svid_type, fingerprint: Fingerprint::of(name.as_bytes()) },
        public_key: Some(PublicKeyId::of(name.as_bytes())),
        key_type: KeyType::EcP256,
        kid: Some(name.into()),
        certificate,
    })
}

/// The bundle after so many rotations: one key comes and one goes each time.
fn bundle(domain: usize, rotation: u64) -> Bundle {
    let keys = |svid_type, newest: u64| {
        (newest..newest + KEYS).map(move |number| authority(domain, svid_type, number))
    };
    let x509 = keys(SvidType::X509, rotation.div_ceil(2));
    let jwt = keys(SvidType::Jwt, rotation / 2);
    Bundle::new(x509.chain(jwt).collect(), StatedNumber::Given(rotation), StatedNumber::Given(300))
}

/// Records the story of one trust domain until it has this many events.
async fn record(store: Store, domain: usize, events: u64) -> u64 {
    let trust_domain = format!("domain-{domain}.example").parse().unwrap();
    let (mut state, policy) = (DomainState::default(), Policy::default());
    let (mut recorded, mut rotation) = (0, 0);
    let mut at = Timestamp::from_unix(START);
    while recorded < events {
        let bundle = bundle(domain, rotation);
        let (body, length) = (Digest::of(&rotation.to_be_bytes()), 6_000);
        let irregularities = Vec::new();
        let source = Source::default();
        let refusals = None;
        let observation = Observation { bundle, irregularities, body, length, refusals, source };
        state.poll_state.last_poll = Some(at);
        let step = step(state, Poll::of(Ok(observation)), at, &policy, 0.5);
        state = step.state;
        recorded += u64::try_from(step.events.len()).unwrap();
        let (facts, poll_state) = (Arc::clone(&state.facts), state.poll_state.clone());
        let (trust_domain, bodies) = (Clone::clone(&trust_domain), Vec::new());
        store
            .append(Batch { trust_domain, at, events: step.events, bodies, facts, poll_state })
            .await;
        rotation += 1;
        at = at.saturating_add(BETWEEN);
    }
    recorded
}

fn open(path: &Path) -> (Store, usize, Duration) {
    let began = Instant::now();
    let (store, loaded) = Store::open(path, StoreOptions::new(Arc::new(Still))).unwrap();
    (store, loaded.domains.len(), began.elapsed())
}

/// A copy as a crash would leave it: the log not moved into the database, no last checkpoints.
fn crashed(path: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir_in(path.parent().unwrap()).unwrap();
    for file in ["anchorwatch.sqlite", "anchorwatch.sqlite-wal"] {
        std::fs::copy(path.join(file), copy.path().join(file)).unwrap();
    }
    copy
}

fn measure(runtime: &tokio::runtime::Runtime, domains: usize, events: u64) {
    let directory = tempfile::tempdir_in("target").unwrap();
    let path = directory.path().join("store");
    let (store, _, _) = open(&path);
    let began = Instant::now();
    let recorded: u64 = runtime.block_on(async {
        let mut stories = tokio::task::JoinSet::new();
        for domain in 0..domains {
            stories.spawn(record(store.clone(), domain, events));
        }
        stories.join_all().await.into_iter().sum()
    });
    let took = began.elapsed();
    let rate = u128::from(recorded) * 1_000 / took.as_millis().max(1);
    let megabytes = store.status().journal_size_bytes >> 20;
    println!("{domains} trust domains, {recorded} events, {megabytes} MiB");
    println!("  recorded in      {took:>8.2?}, {rate} events/s");
    let copy = crashed(&path);
    let began = Instant::now();
    runtime.block_on(store.close()).unwrap();
    println!("  close            {:>8.2?}", began.elapsed());
    for start in ["start after crash", "start after close"] {
        let path = if start.ends_with("close") { &path } else { copy.path() };
        let (store, known, took) = open(path);
        assert_eq!(known, domains);
        println!("  {start} {took:>8.2?}");
        runtime.block_on(store.close()).unwrap();
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sizes: Vec<u64> = std::env::args().filter_map(|size| size.parse().ok()).collect();
    if !std::env::args().any(|argument| argument == "--bench") {
        // `cargo test --all-targets` builds this to see that it does, and runs it in small.
        measure(&runtime, 10, 20);
    } else if let [domains, events] = sizes[..] {
        measure(&runtime, usize::try_from(domains).unwrap(), events);
    } else {
        measure(&runtime, 10_000, 100);
        measure(&runtime, 1_000, 5_840);
    }
}
