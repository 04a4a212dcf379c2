//! Dead names hold up nobody: not their siblings, not the store, and neither do a full port or a
//! large document.

use std::fmt::Write as _;
use std::io;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anchorwatch::config::Config;
use anchorwatch::daemon::{Daemon, Options, SystemClock};
use anchorwatch::fetch::{FetchLimits, Fetcher, Resolve, Resolving};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::view::DomainView;
use serde_json::Value;

use crate::process::http::Request;
use crate::process::{PATIENCE, Partner, Process, anchorwatch, configure};
use crate::support::World;

/// Name servers that a test has fail. A healthy name is answered at once.
#[derive(Default)]
struct NameServers {
    /// Whether names under `dead.test` are answered late or never, and no longer at once.
    sick: AtomicBool,
    /// Look-ups of dead names that run.
    running: AtomicUsize,
}

struct Zones(Arc<NameServers>);

impl Resolve for Zones {
    fn resolve(&self, host: &str) -> Resolving {
        let servers = Arc::clone(&self.0);
        let host = host.to_owned();
        Box::pin(async move {
            if host.ends_with(".dead.test") {
                servers.running.fetch_add(1, Ordering::Relaxed);
                if servers.sick.load(Ordering::Relaxed) {
                    if host.starts_with("never") {
                        std::future::pending::<()>().await;
                    }
                    tokio::time::sleep(Duration::from_millis(1_500)).await;
                }
                servers.running.fetch_sub(1, Ordering::Relaxed);
                return Err(io::Error::other("server failure"));
            }
            Ok(vec![[127, 0, 0, 1].into()])
        })
    }
}

/// The relationship with an endpoint that is found by a name.
fn named(partner: &Partner, host: &str, folder: &std::path::Path) -> String {
    let url = format!("https://{host}:{}/", partner.endpoint.address().port());
    let written = partner.relationship(folder);
    written.replace(&partner.endpoint.url(), &url)
}

async fn until(daemon: &Daemon, name: &str, what: &str, holds: impl Fn(&DomainView) -> bool) {
    let name: TrustDomain = name.parse().unwrap();
    let began = Instant::now();
    loop {
        let view = daemon.view();
        let domain = view.domain(&name).unwrap();
        if holds(domain) {
            return;
        }
        let failures = domain.counts.failures;
        let polls = domain.counts.polls;
        assert!(began.elapsed() < PATIENCE, "never {what}: {polls} polls, failures {failures:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn quiet() -> Options {
    Options { listen: Vec::new(), ..Options::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_names_whose_look_up_fails_slowly_or_never_ends_cost_a_sibling_no_poll() {
    let folder = tempfile::tempdir().unwrap();
    let healthy = Partner::start("b.example").await;
    let mut relationships = vec![named(&healthy, "b.good.test", folder.path())];
    for place in 0..200 {
        let kind = if place % 4 == 0 { "never" } else { "late" };
        let mut text = String::new();
        let _ = write!(
            text,
            "  d{place}.example:\n    bundle_endpoint_url: https://{kind}{place}.dead.test/\n    \
             bundle_endpoint_profile: {{https_web: {{}}}}\n"
        );
        relationships.push(text);
    }
    let config = configure(folder.path(), &relationships);
    let servers = Arc::new(NameServers::default());
    let clock = Arc::new(SystemClock);
    let fetcher = Fetcher::with_resolver(clock.clone(), Arc::new(Zones(Arc::clone(&servers))));
    let daemon = Daemon::start_with(Config::load(&config).unwrap(), quiet(), clock, fetcher);
    let daemon = daemon.await.unwrap();
    until(&daemon, "b.example", "polled", |domain| 0 < domain.counts.polls).await;
    // Every name was looked up well once. Then the name servers of a zone go bad.
    until(&daemon, "d199.example", "polled", |domain| 0 < domain.counts.polls).await;
    servers.sick.store(true, Ordering::Relaxed);
    let waiting = async {
        while servers.running.load(Ordering::Relaxed) < 48 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    let before = daemon.view().domain(&"b.example".parse().unwrap()).unwrap().counts.polls;
    until(&daemon, "b.example", "polled ten times more", |domain| {
        before + 10 <= domain.counts.polls
    })
    .await;
    let view = daemon.view();
    let domain = view.domain(&"b.example".parse().unwrap()).unwrap();
    assert_eq!(domain.counts.failures.iter().sum::<u64>(), 0, "{:?}", domain.counts.failures);
    drop(daemon.stop().await);
}

/// Starts the daemon with so few open files.
fn start_with_open_files(
    config: &std::path::Path,
    files: u32,
) -> (Process, Arc<Mutex<Vec<Value>>>) {
    let run = anchorwatch(config, &["run", "--log.format=json"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")])
        .arg(run.get_program())
        .args(run.get_args())
        .arg("--web.listen-address=127.0.0.1:0");
    let said = Arc::<Mutex<Vec<Value>>>::default();
    let heard = Arc::clone(&said);
    let hear = move |line: &Value| heard.lock().unwrap().push(line.clone());
    (Process::try_spawn_heard(command, hear).expect("the daemon says where it listens"), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_port_under_few_open_files_costs_no_poll_and_the_limit_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("b.example").await;
    let config = configure(folder.path(), &[partner.relationship(folder.path())]);
    let (process, said) = start_with_open_files(&config, 64);
    let address = process.address.clone();
    // More than the limit, and fewer than the kernel queues.
    let fill: Vec<TcpStream> = (0..100).filter_map(|_| TcpStream::connect(&address).ok()).collect();
    let before = partner.endpoint.requests();
    let began = Instant::now();
    while partner.endpoint.requests() < before + 6 {
        assert!(began.elapsed() < PATIENCE, "{} polls", partner.endpoint.requests() - before);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let failed = said.lock().unwrap().iter().any(|line| line["event"] == "failure_began");
    assert!(!failed, "{:?}", said.lock().unwrap());
    // The port was full all the time, and whoever sends a whole request is answered all the same.
    assert!(process.get("/-/healthy").status == 200);
    drop(fill);
    let reported = said.lock().unwrap().iter().any(|line| {
        let text = line.to_string();
        line["level"] == "WARN" && text.contains("64") && text.contains("LimitNOFILE")
    });
    assert!(reported, "{:?}", said.lock().unwrap());
}

/// A name that is found, then hangs, then is found late, as a test says.
#[derive(Default)]
struct Fickle(Arc<AtomicUsize>);

impl Resolve for Fickle {
    fn resolve(&self, _host: &str) -> Resolving {
        let state = self.0.load(Ordering::Relaxed);
        Box::pin(async move {
            match state {
                0 => Ok(vec![[127, 0, 0, 1].into()]),
                1 => std::future::pending().await,
                _ => Err(io::Error::other("server failure")),
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_go_on_at_the_last_good_addresses_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("b.example").await;
    let config = configure(folder.path(), &[named(&partner, "b.good.test", folder.path())]);
    let state = Arc::new(AtomicUsize::new(0));
    let clock = Arc::new(SystemClock);
    let fetcher = Fetcher::with_resolver(clock.clone(), Arc::new(Fickle(Arc::clone(&state))));
    let listen = vec!["127.0.0.1:0".parse().unwrap()];
    let options = Options { listen, ..Options::default() };
    let daemon = Daemon::start_with(Config::load(&config).unwrap(), options, clock, fetcher);
    let daemon = daemon.await.unwrap();
    until(&daemon, "b.example", "polled", |domain| 1 < domain.counts.polls).await;
    let address = daemon.addresses()[0];
    let text = |path: &str| Request::get(path).send_to(address).unwrap().text().to_owned();
    assert!(text("/metrics").contains("anchorwatch_source_stale_addresses{"));
    for (bad, why) in [(2, "the look-up fails: server failure"), (1, "the look-up is slow")] {
        state.store(bad, Ordering::Relaxed);
        until(&daemon, "b.example", why, |domain| {
            domain.counts.stale_addresses.as_ref().is_some_and(|stale| stale.why == *why)
        })
        .await;
        let polls = daemon.view().domain(&"b.example".parse().unwrap()).unwrap().counts.polls;
        until(&daemon, "b.example", "polled on", |domain| polls + 2 <= domain.counts.polls).await;
        let metrics = text("/metrics");
        let line = metrics.lines().find(|line| line.starts_with("anchorwatch_source_stale_add"));
        assert!(line.unwrap().ends_with(" 1"), "{line:?}");
        let said = text("/api/v1/trust-domains/b.example");
        assert!(said.contains(why) && said.contains("looked_up_at"), "{said}");
    }
    let view = daemon.view();
    let domain = view.domain(&"b.example".parse().unwrap()).unwrap();
    assert_eq!(domain.counts.failures.iter().sum::<u64>(), 0, "{:?}", domain.counts.failures);
    drop(daemon.stop().await);
}

#[test]
fn a_large_document_is_read_beside_the_threads_that_poll() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = Arc::new(World::new());
        let (large, small) = (world.endpoint().await, world.endpoint().await);
        let padded = |bytes: usize| {
            let document = String::from_utf8(world.document()).unwrap();
            let pad = "x".repeat(bytes);
            document.replacen('{', &format!("{{\"pad\":\"{pad}\","), 1)
        };
        large.serve(padded(FetchLimits::LARGE));
        small.serve(padded(FetchLimits::LARGE / 2));
        // The one thread that is not for polls is taken.
        let (free, taken) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || taken.recv());
        let target = world.target(&large.url());
        let polling = Arc::clone(&world);
        let poll = tokio::spawn(async move { polling.success(target).await });
        let served = async {
            while large.requests() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, served).await.unwrap();
        for _ in 0..5 {
            world.success(world.target(&small.url())).await;
        }
        assert!(!poll.is_finished(), "the large document was read by a thread that polls");
        free.send(()).unwrap();
        assert_eq!(poll.await.unwrap().bundle.authorities().len(), 2);
    });
}
