//! The daemon as a process, and in process where a fault must be injected.

#![cfg(test)]
#![cfg(feature = "demo")]

#[path = "support/clock.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod clock;
#[path = "support/process.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod process;

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anchorwatch::config::Config;
use anchorwatch::daemon::{Daemon, Options, SystemClock};
use anchorwatch::demo::mint::{DemoKeyAlgorithm, X509Ca};
use anchorwatch::fetch::Fetcher;
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::finding::FindingKind;
use anchorwatch_core::judge::{self, JudgedPoll, SharedKeysFor};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::{Clock, Timestamp};
use anchorwatch_core::watch::{DomainState, Event, Policy, Poll};
use clock::TakesAway;
use process::{
    PATIENCE, Partner, Process, anchorwatch, configure, document, hour, id, json, relationship,
};

/// An endpoint that takes connections and never answers.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Whether whoever asks still waits for an answer.
fn hangs(asked: &mut TcpStream) -> bool {
    let mut piece = [0; 4096];
    loop {
        match asked.read(&mut piece) {
            Ok(0) => return false,
            Ok(_) => (),
            Err(why) => return why.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_watches_becomes_ready_and_stops_within_two_seconds_whatever_an_endpoint_does() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("good.example").await;
    let (listener, url) = silent();
    let good = partner.relationship(folder.path());
    let name = "silent.example";
    let authority = X509Ca::mint(&name.parse().unwrap(), hour(), DemoKeyAlgorithm::EcP256).unwrap();
    let file = folder.path().join("silent.example.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    // Its poll takes far longer than the test: it does not end by itself.
    let dead = relationship(name, &url, &id(name), Some(&file)) + "    timeout: 5m\n";
    let config = configure(folder.path(), &[good, dead]);
    let mut daemon = Process::start(&config);
    let (mut polled, _) = listener.accept().unwrap();
    daemon.until("ready", |daemon| daemon.get("/-/ready").status == 200);
    daemon.until("up", |daemon| daemon.domain("good.example")["up"] == true);
    // In a container there is nothing else that could ask.
    let healthy = |more: &[&str]| anchorwatch(&config, &[&["healthy"], more].concat()).output();
    for more in [&[][..], &["--ready"]] {
        assert_eq!(healthy(more).unwrap().status.code(), Some(0));
    }
    // A probe that names the socket needs no configuration.
    let socket = format!("--admin-socket={}", folder.path().join("store/admin.sock").display());
    let named = anchorwatch(&folder.path().join("none.yaml"), &["healthy", &socket]).output();
    assert_eq!(named.unwrap().status.code(), Some(0));
    polled.set_nonblocking(true).unwrap();
    assert!(hangs(&mut polled), "the poll ended before the daemon");
    let status = daemon.stops_in_time();
    assert_eq!(status.code(), Some(0));
    assert!(!hangs(&mut polled));
    assert_eq!(healthy(&[]).unwrap().status.code(), Some(3), "nobody answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_configuration_is_refused_and_a_good_one_taken_on_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Partner::start("one.example").await, Partner::start("two.example").await);
    let (first, second) = (one.relationship(folder.path()), two.relationship(folder.path()));
    let config = configure(folder.path(), std::slice::from_ref(&first));
    let daemon = Process::start(&config);
    daemon.until("up", |daemon| daemon.domain("one.example")["up"] == true);

    std::fs::write(&config, "federates_with: {x: {}}").unwrap();
    daemon.signal("-HUP");
    let refused = "anchorwatch_config_last_reload_successful 0";
    daemon.until("refused", |daemon| daemon.text("/metrics").contains(refused));
    assert_eq!(daemon.domain("one.example")["up"], true, "the old one stays");

    configure(folder.path(), &[first, second.clone()]);
    daemon.signal("-HUP");
    daemon.until("watched", |daemon| daemon.domain("two.example")["up"] == true);

    // A removed domain keeps its history and comes back with it.
    let known = daemon.domain("one.example")["changed"].clone();
    configure(folder.path(), &[second]);
    daemon.signal("-HUP");
    daemon.until("gone", |daemon| daemon.get("/api/v1/trust-domains/one.example").status == 404);
    let first = one.relationship(folder.path());
    configure(folder.path(), &[first]);
    daemon.signal("-HUP");
    daemon.until("back", |daemon| daemon.domain("one.example")["up"] == true);
    assert_eq!(daemon.domain("one.example")["changed"], known);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_say_the_same_beside_a_daemon_and_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("good.example").await;
    let config = configure(folder.path(), &[partner.relationship(folder.path())]);
    let run = |arguments: &[&str]| anchorwatch(&config, arguments).output().unwrap();

    let checked = run(&["check", "--output", "json"]);
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));
    let without = ["authorities", "events"].map(|what| json(&run(&[what, "--output", "json"])));
    assert_eq!(without[0].as_array().unwrap().len(), 2);

    let daemon = Process::start(&config);
    daemon.until("up", |daemon| daemon.domain("good.example")["up"] == true);
    let beside = ["authorities", "events"].map(|what| json(&run(&[what, "--output", "json"])));
    assert_eq!(without, beside);
    assert_eq!(run(&["check"]).status.code(), Some(0));
    let fingerprint = beside[0][0]["fingerprint"].as_str().unwrap().to_owned();
    let shown = json(&run(&["show", &fingerprint, "--output", "json"]));
    assert_eq!(shown["authorities"][0]["fingerprint"], fingerprint);

    // One store, one daemon.
    let second = run(&["run", "--web.listen-address=127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(3));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains(&daemon.child.id().to_string()), "{said}");

    assert_eq!(run(&["check", "--no-such-flag"]).status.code(), Some(64));
    let missing = anchorwatch(&folder.path().join("no.yaml"), &["check"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(78));
    drop(partner);
    let failed = run(&["check"]);
    assert!(matches!(failed.status.code(), Some(1 | 2)), "{:?}", failed.status);
    drop(daemon);
    let verified = run(&["store", "verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_file_that_cannot_be_used_stops_that_domain_alone() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("good.example").await;
    let url = partner.endpoint.url();
    let lost = relationship(
        "lost.example",
        &url,
        &id("lost.example"),
        Some(&folder.path().join("no.pem")),
    );
    let foreign = folder.path().join("good.example.pem");
    let wrong = relationship("wrong.example", &url, &id("wrong.example"), Some(&foreign));
    let config = configure(folder.path(), &[partner.relationship(folder.path()), lost, wrong]);
    let daemon = Process::start(&config);
    daemon.until("up", |daemon| daemon.domain("good.example")["up"] == true);
    for name in ["lost.example", "wrong.example"] {
        daemon.until("said", |daemon| {
            daemon.domain(name)["findings"][0]["kind"] == "bootstrap_unusable"
        });
        assert_eq!(daemon.domain(name)["findings"][0]["severity"], "critical");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lockout_an_operators_file_lets_it_back_in_and_records_stay() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("good.example").await;
    let config = configure(folder.path(), &[partner.relationship(folder.path())]);
    let daemon = Process::start(&config);
    daemon.until("up", |daemon| daemon.domain("good.example")["up"] == true);

    // The server lost its keys: a new authority signs at once.
    let domain: TrustDomain = "good.example".parse().unwrap();
    let fresh = X509Ca::mint(&domain, hour(), DemoKeyAlgorithm::EcP256).unwrap();
    partner.endpoint.present(&fresh.svid(&id("good.example"), hour()).unwrap());
    partner.endpoint.serve(document(&[&fresh], &[&partner.key], 2));
    daemon.until("locked out", |daemon| {
        daemon.domain("good.example")["findings"][0]["kind"] == "endpoint_unauthenticated"
    });
    let file = folder.path().join("fresh.pem");
    std::fs::write(&file, fresh.pem()).unwrap();
    let words = ["--by", "j.doe", "--reason", "CHG-1", "--yes"];
    let decide = |file: &Path| {
        let arguments = ["rebootstrap", "good.example", file.to_str().unwrap()];
        anchorwatch(&config, &arguments).args(words).output().unwrap()
    };
    // The old file would lock it out again, and one of nobody is refused.
    std::fs::write(folder.path().join("empty.pem"), "").unwrap();
    assert_eq!(decide(&folder.path().join("empty.pem")).status.code(), Some(1));
    // Where nobody can be asked, only --yes decides.
    let unasked = anchorwatch(&config, &["rebootstrap", "good.example", file.to_str().unwrap()])
        .args(words.iter().filter(|word| **word != "--yes"))
        .output()
        .unwrap();
    assert_eq!(unasked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unasked.stderr).contains("--yes"), "{unasked:?}");
    assert_eq!(daemon.domain("good.example")["up"], false);
    assert_eq!(decide(&file).status.code(), Some(0));
    daemon.until("up again", |daemon| daemon.domain("good.example")["up"] == true);

    let events = anchorwatch(&config, &["events", "--output", "json"]).output().unwrap();
    let events = json(&events);
    let decided =
        events.as_array().unwrap().iter().find(|e| e["event"] == "rebootstrapped").unwrap();
    assert_eq!((&decided["by"], &decided["reason"]), (&"j.doe".into(), &"CHG-1".into()));
    assert!(decided["uid"].is_u64(), "the kernel's word: {decided}");
    let all = anchorwatch(&config, &["authorities", "--output", "json"]).output().unwrap();
    assert_eq!(json(&all).as_array().unwrap().len(), 3, "the old authority is on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_another_domain_serves_is_read_soon_after_that_domain() {
    let folder = tempfile::tempdir().unwrap();
    let (host, served) =
        (Partner::start("server.example").await, Partner::start("served.example").await);
    // served.example's document, behind server.example's identity.
    served.endpoint.present(&host.authority.svid(&id("server.example"), hour()).unwrap());
    let other = relationship("served.example", &served.endpoint.url(), &id("server.example"), None);
    let slowly = other + "    poll_interval: 1h\n";
    let config = configure(folder.path(), &[slowly, host.relationship(folder.path())]);
    let daemon = Process::start(&config);
    daemon.until("up", |daemon| daemon.domain("served.example")["up"] == true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_findings_of_a_removed_domain_are_exported_as_ended() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("good.example").await;
    let url = partner.endpoint.url();
    let file = folder.path().join("no.pem");
    let lost = relationship("lost.example", &url, &id("lost.example"), Some(&file));
    let config = configure(folder.path(), &[partner.relationship(folder.path()), lost]);
    let daemon = Process::start(&config);
    let open = "anchorwatch_finding_open{trust_domain=\"lost.example\",kind=\"bootstrap_unusable\",use=\"\",subject=\"\",severity=\"critical\"} ";
    daemon.until("open", |daemon| daemon.text("/metrics").contains(&format!("{open}1")));
    configure(folder.path(), &[partner.relationship(folder.path())]);
    daemon.signal("-HUP");
    daemon.until("ended", |daemon| daemon.text("/metrics").contains(&format!("{open}0")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_while_the_daemon_was_away_is_exported_as_ended() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("good.example").await;
    let url = partner.endpoint.url();
    let file = folder.path().join("no.pem");
    let lost = |name: &str, url: &str| relationship(name, url, &id(name), Some(&file));
    let (gone, mended) = (lost("gone.example", &url), lost("good.example", &url));
    let slow = lost("slow.example", &url);
    let config = configure(folder.path(), &[gone, mended, slow]);
    let open = |name: &str| {
        format!(
            "anchorwatch_finding_open{{trust_domain=\"{name}\",kind=\"bootstrap_unusable\",use=\"\",subject=\"\",severity=\"critical\"}} "
        )
    };
    let daemon = Process::start(&config);
    for name in ["gone.example", "good.example", "slow.example"] {
        let open = format!("{}1", open(name));
        daemon.until("open", |daemon| daemon.text("/metrics").contains(&open));
    }
    stop(daemon);

    // One is watched no more, one is mended, and one never answers.
    let (_listener, never) = silent();
    let good = partner.relationship(folder.path());
    Partner::start("slow.example").await.relationship(folder.path());
    let bootstrap = folder.path().join("slow.example.pem");
    let waits = relationship("slow.example", &never, &id("slow.example"), Some(&bootstrap));
    let config = configure(folder.path(), &[good, waits + "    timeout: 5m\n"]);
    for _ in 0..2 {
        let daemon = Process::start(&config);
        for name in ["gone.example", "good.example"] {
            let ended = format!("{}0", open(name));
            daemon.until("ended", |daemon| daemon.text("/metrics").contains(&ended));
        }
        // Nothing is known of it yet, so what was said last is held.
        assert!(!daemon.text("/metrics").contains(&open("slow.example")));
        stop(daemon);
    }
}

/// Stops it in order: what was seen within the last minute is taken down then.
fn stop(mut daemon: Process) {
    daemon.signal("-TERM");
    assert!(daemon.child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn partners_that_never_answer_do_not_slow_one_that_does() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("good.example").await;
    let mut relationships = vec![partner.relationship(folder.path())];
    let mut listeners = Vec::new();
    for place in 0..40 {
        let name = format!("silent{place}.example");
        let (listener, url) = silent();
        let file = folder.path().join(format!("{name}.pem"));
        let authority =
            X509Ca::mint(&name.parse().unwrap(), hour(), DemoKeyAlgorithm::EcP256).unwrap();
        std::fs::write(&file, authority.pem()).unwrap();
        relationships.push(relationship(&name, &url, &id(&name), Some(&file)));
        listeners.push(listener);
    }
    let config = configure(folder.path(), &relationships);
    // Far fewer places than endpoints that hang: the slow lane must not take them all.
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("concurrency: 8\n{text}")).unwrap();
    let daemon = Process::start(&config);
    daemon.until("up", |daemon| daemon.domain("good.example")["up"] == true);
    // Once all are known to be slow, the good one has its places to itself.
    daemon.until("slow", |daemon| {
        (0..40).all(|place| {
            1 < daemon.domain(&format!("silent{place}.example"))["failures"].as_u64().unwrap_or(0)
        })
    });
    let before = partner.endpoint.requests();
    let began = Instant::now();
    while partner.endpoint.requests() < before + 5 {
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "five polls at 1 s took {:?}",
            began.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn panics_for_bad_example(
    state: DomainState,
    poll: Poll,
    at: Timestamp,
    policy: &Policy,
    jitter: f64,
    shared_keys: &mut SharedKeysFor<'_>,
) -> JudgedPoll {
    assert_ne!(
        state.facts.endpoint.configured.as_ref().unwrap().trust_domain.as_str(),
        "bad.example"
    );
    judge::judge_poll(state, poll, at, policy, jitter, shared_keys)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_one_domains_step_quarantines_that_domain_alone_until_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (Partner::start("good.example").await, Partner::start("bad.example").await);
    let path = configure(
        folder.path(),
        &[good.relationship(folder.path()), bad.relationship(folder.path())],
    );
    let config = Config::load(&path).unwrap();
    let step = panics_for_bad_example;
    let options = Options { listen: Vec::new(), judge_poll: step, ..Options::default() };
    let daemon = Daemon::start(config, options).await.unwrap();
    let name = |name: &str| name.parse::<TrustDomain>().unwrap();
    until("quarantined", || daemon.view().domain(&name("bad.example")).unwrap().stopped.is_some())
        .await;
    let polled = bad.endpoint.requests();
    let before = good.endpoint.requests();
    until("polled on", || before + 2 < good.endpoint.requests()).await;
    assert_eq!(bad.endpoint.requests(), polled, "it is not polled any more");
    daemon.reload().await.unwrap();
    until("released", || polled < bad.endpoint.requests()).await;
    daemon.stop().await.unwrap();
}

/// The system's clock, with a step that a test makes.
#[derive(Debug, Default)]
struct Stepped(AtomicI64);

impl Clock for Stepped {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now().as_unix_micros();
        Timestamp::from_unix_micros(now + self.0.load(Ordering::Relaxed) * 1_000_000)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_clock_that_is_stepped_by_an_hour_invents_no_change_and_stops_no_poll() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("good.example").await;
    let path = configure(folder.path(), &[partner.relationship(folder.path())]);
    let stepped = Arc::new(Stepped::default());
    let clock: Arc<dyn Clock> = stepped.clone();
    let fetcher = Fetcher::new(Arc::clone(&clock));
    let options = Options { listen: Vec::new(), ..Options::default() };
    let config = Config::load(&path).unwrap();
    let daemon = Daemon::start_with(config, options, Arc::clone(&clock), fetcher).await.unwrap();
    let name: TrustDomain = "good.example".parse().unwrap();
    until("up", || daemon.view().domain(&name).unwrap().state.poll_state.last_success.is_some())
        .await;
    let mut heard = daemon.listen();
    for step in [3600, 0, -3600] {
        stepped.0.store(step, Ordering::Relaxed);
        // Whether the scheduler turns is nothing that a wall clock knows.
        assert!(daemon.is_alive(), "stepped by {step} s");
        let before = partner.endpoint.requests();
        until("polled", || before + 2 < partner.endpoint.requests()).await;
    }
    let view = daemon.view();
    let domain = view.domain(&name).unwrap();
    assert!(domain.findings.iter().all(|finding| finding.kind != FindingKind::SourceStale));
    assert_eq!(domain.state.facts.published().count(), 2);
    daemon.stop().await.unwrap();
    while let Ok(happened) = heard.try_recv() {
        let event = &happened.0.event;
        assert!(
            matches!(
                event,
                Event::WatchGap { .. }
                    | Event::ClockSteppedBack { .. }
                    | Event::DatesPassed { .. }
                    | Event::FindingRaised { .. }
            ),
            "an invented change: {event:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_was_committed_holds_and_says_that_its_files_were_touched() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Partner::start("good.example").await;
    let path = configure(folder.path(), &[partner.relationship(folder.path())]);
    let fault = Arc::new(TakesAway::new(folder.path().join("store"), SystemClock));
    let clock: Arc<dyn Clock> = fault.clone();
    let fetcher = Fetcher::new(Arc::clone(&clock));
    let options = Options { listen: Vec::new(), ..Options::default() };
    let config = Config::load(&path).unwrap();
    let daemon = Daemon::start_with(config, options, clock, fetcher).await.unwrap();
    let name: TrustDomain = "good.example".parse().unwrap();
    until("up", || daemon.view().domain(&name).unwrap().state.poll_state.last_success.is_some())
        .await;
    let run = async |arguments: &[&str]| {
        let mut command = anchorwatch(&path, arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = [output.stdout.clone(), output.stderr.clone()].concat();
        (output, String::from_utf8(text).unwrap())
    };
    let denied = |key: &str| {
        let decisions = daemon.view().domain(&name).unwrap().state.facts.decisions.clone();
        decisions.denials.iter().any(|denial| denial.fingerprint.to_string() == key)
    };
    let words = ["--by=j.doe", "--reason=CHG-1", "--yes"];
    let [first, second] = ["1", "2"].map(|key| Fingerprint::of(key.as_bytes()).to_string());

    fault.at_the_next_entry();
    let (output, said) = run(&[&["deny", &first][..], &words].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("not safe on disk yet") && said.contains("was removed"), "{said}");
    assert!(!said.contains("journaled"), "{said}");
    assert!(denied(&first), "it is in the journal");
    // The next one finds the store as it is, and is refused.
    let (output, said) = run(&[&["deny", &second][..], &words].concat()).await;
    assert_eq!(output.status.code(), Some(74), "{said}");
    assert!(!denied(&second));

    fault.brings_back();
    let (output, said) = run(&[&["deny", &second][..], &words].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("decided, and journaled"), "{said}");
    daemon.stop().await.unwrap();
    let (output, _) = run(&["events", "--kind=decided", "--output=json"]).await;
    let journaled: Vec<_> = json(&output).as_array().unwrap().clone();
    let journaled: Vec<_> =
        journaled.iter().map(|one| one["fingerprint"].as_str().unwrap()).collect();
    assert_eq!(journaled, [first, second]);
}
