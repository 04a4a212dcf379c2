//! A flood hides nothing else: neither another kind of finding, nor a key of another use.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anchorwatch::daemon::SystemClock;
use anchorwatch::demo::mint::{DemoKeyAlgorithm, JwtAuthority, X509Ca, ca_params};
use anchorwatch_core::bundle::Validity;
use anchorwatch_core::time::Clock as _;
use axum::Router;
use axum::body::Bytes;
use rcgen::SerialNumber;
use serde_json::{Value, json};

use crate::process::{Partner, Process, anchorwatch, configure, day, hour, id, json as printed};

const NAME: &str = "b.example";

/// The alerts that were pushed, by name, use and subject.
type Pushed = Arc<Mutex<Vec<Value>>>;

/// An Alertmanager on loopback that keeps the labels of what it is sent.
async fn alertmanager() -> (String, Pushed) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let pushed = Pushed::default();
    let kept = Arc::clone(&pushed);
    let answer = move |body: Bytes| async move {
        let alerts: Vec<Value> = serde_json::from_slice(&body).unwrap_or_default();
        kept.lock().unwrap().extend(alerts.into_iter().map(|alert| alert["labels"].clone()));
    };
    let router = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, pushed)
}

/// A trust domain whose document is written by hand, and a daemon that watches it.
struct Scene {
    folder: tempfile::TempDir,
    config: PathBuf,
    partner: Partner,
    daemon: Process,
    sequence: u64,
    pushed: Pushed,
}

impl Scene {
    async fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let partner = Partner::start(NAME).await;
        let config = configure(folder.path(), &[partner.relationship(folder.path())]);
        let (url, pushed) = alertmanager().await;
        let text = std::fs::read_to_string(&config).unwrap();
        let head = format!("alertmanagers: [{{url: '{url}'}}]\n{more}");
        std::fs::write(&config, head + &text).unwrap();
        let daemon = Process::start(&config);
        daemon.until("up", |daemon| daemon.domain(NAME)["up"] == true);
        Self { folder, config, partner, daemon, sequence: 1, pushed }
    }

    /// Serves the genuine keys and these, and waits until they were polled.
    fn serve(&mut self, more: &[Value]) {
        self.sequence += 1;
        let own = [json!(self.partner.authority.jwk()), json!(self.partner.key.jwk())];
        let keys: Vec<&Value> = own.iter().chain(more).collect();
        let document =
            json!({"keys": keys, "spiffe_sequence": self.sequence, "spiffe_refresh_hint": 60});
        self.partner.endpoint.serve(document.to_string());
        // A poll that began before may end after. Past the budget the sequence tells nothing for a
        // minute.
        for _ in 0..2 {
            let last = self.daemon.domain(NAME)["last_success"].clone();
            self.daemon.until("polled", |daemon| daemon.domain(NAME)["last_success"] != last);
        }
    }

    fn finding(&self, kind: &str, fingerprint: Option<&str>) -> Option<Value> {
        let findings = self.daemon.findings();
        let is = |one: &Value| {
            one["kind"] == kind
                && fingerprint.is_none_or(|wanted| one["fingerprint"].as_str() == Some(wanted))
        };
        findings.into_iter().find(is)
    }

    fn is_pushed(&self, kind: &str, svid_type: &str) -> bool {
        let pushed = self.pushed.lock().unwrap();
        pushed.iter().any(|labels| {
            labels["kind"] == kind && labels["use"].as_str().unwrap_or_default() == svid_type
        })
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = anchorwatch(&self.config, arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is open shows in the metrics, over the API, on the page, on the command line and in the
    /// push.
    #[track_caller]
    fn is_shown_everywhere(&self, kind: &str, svid_type: &str, subject: &str) {
        let metrics = self.daemon.get("/metrics");
        let series = format!(
            "anchorwatch_finding_open{{trust_domain=\"{NAME}\",kind=\"{kind}\",use=\"{svid_type}\",subject=\"{subject}\""
        );
        assert!(metrics.contains(&series), "{series} is in no metric");
        assert!(self.daemon.findings().iter().any(
            |one| one["kind"] == kind && one["subject"].as_str().unwrap_or_default() == subject
        ));
        let page = self.daemon.get(&format!("/trust-domain/{NAME}"));
        assert!(page.contains(&kind.replace('_', " ")), "{kind} is not on the page");
        assert!(page.contains(subject), "{subject} is not on the page");
        for command in ["findings", "check"] {
            let printed = self.run(&[command]);
            assert!(printed.contains(kind), "{command} lacks {kind}");
            assert!(printed.contains(subject), "{command} lacks {subject}");
        }
        self.daemon.until("pushed", |_| self.is_pushed(kind, svid_type));
    }
}

fn junk(count: usize) -> Vec<Value> {
    let mint = || json!(JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap().jwk());
    (0..count).map(|_| mint()).collect()
}

/// An X.509 authority that lives ten years, as an element and by its fingerprint.
fn rogue() -> (Value, String) {
    let now = SystemClock.now();
    let validity = Validity {
        not_before: now.saturating_sub(Duration::from_secs(10)),
        not_after: now.saturating_add(Duration::from_hours(10 * 365 * 24)),
    };
    let rogue = X509Ca::mint(&NAME.parse().unwrap(), validity, DemoKeyAlgorithm::EcP256).unwrap();
    let fingerprint = anchorwatch_core::bundle::Fingerprint::of(rogue.certificate());
    (json!(rogue.jwk()), fingerprint.to_string())
}

fn short(fingerprint: &str) -> &str {
    &fingerprint["sha256:".len()..][..16]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_junk_keys_hides_neither_a_leaked_key_nor_a_rogue_authority() {
    let mut scene = Scene::start("").await;
    let mut keys = junk(100);
    let mut leaked = junk(1).remove(0);
    leaked["d"] = json!("c2VjcmV0LXNjYWxhci1vZi10aGUta2V5LW9mLWItZXhh");
    keys.push(leaked);
    scene.serve(&keys);
    scene.is_shown_everywhere("private_key_published", "", "");
    let flood = scene.finding("findings_flood", None).expect("a finding for the flood");
    assert_eq!(flood["severity"], "critical", "{flood}");

    // The flood goes on, and then the rogue authority comes.
    keys.extend(junk(2_000));
    scene.serve(&keys);
    let (authority, first) = rogue();
    keys.push(authority);
    scene.serve(&keys);
    assert!(scene.finding("unexpected_authority", Some(&first)).is_some(), "{first}");
    scene.is_shown_everywhere("unexpected_authority", "x509-svid", short(&first));
    scene.is_shown_everywhere("private_key_published", "", "");
    scene.is_shown_everywhere("findings_flood", "", "");

    // What is left out is counted by kind, in every view, and is one finding still.
    let listed = |scene: &Scene| {
        let of = |one: &&Value| one["kind"] == "unexpected_authority" && one["use"] == "jwt-svid";
        scene.daemon.findings().iter().filter(of).count()
    };
    let left_out = 2_101 - listed(&scene);
    let metrics = scene.daemon.get("/metrics");
    let series = format!(
        "anchorwatch_findings_dropped{{trust_domain=\"{NAME}\",kind=\"unexpected_authority\",use=\"jwt-svid\"}} {left_out}"
    );
    assert!(metrics.contains(&series), "no {series}");
    let domain = scene.daemon.domain(NAME);
    let counted = json!([{"kind": "unexpected_authority", "use": "jwt-svid", "count": left_out}]);
    assert_eq!(domain["dropped"], counted);
    let mut words = left_out.to_string();
    words.insert(1, ',');
    let page = scene.daemon.get(&format!("/trust-domain/{NAME}"));
    for text in [page, scene.run(&["findings"]), scene.run(&["check"])] {
        assert!(text.contains(&words), "no {words}");
    }
    let same = scene.finding("findings_flood", None).unwrap();
    assert_eq!(same["id"], flood["id"]);
    assert!(same["evidence"].to_string().contains(&words), "{same}");

    // The flood is over, and another one comes.
    scene.serve(&[]);
    let (authority, second) = rogue();
    scene.serve(&[authority]);
    assert!(scene.finding("unexpected_authority", Some(&second)).is_some(), "{second}");
    scene.is_shown_everywhere("unexpected_authority", "x509-svid", short(&second));
}

/// What the admin socket answers to these lines.
fn report(folder: &Path, lines: &str) -> Value {
    let mut stream = UnixStream::connect(folder.join("store/admin.sock")).unwrap();
    let length = lines.len();
    let head = "POST /admin/v1/sightings HTTP/1.0\r\nHost: a\r\nContent-Type: application/x-ndjson";
    write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{lines}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_key_ids_do_not_spend_the_budget_of_the_polls() {
    let mut scene = Scene::start("").await;
    let iat = SystemClock.now().as_unix() - 60;
    let mut lines = String::new();
    for number in 0..25_000 {
        let exp = iat + 300;
        writeln!(
            lines,
            "{{\"trust_domain\":\"{NAME}\",\"kid\":\"invented-{number}\",\"iat\":{iat},\"exp\":{exp}}}"
        )
        .unwrap();
    }
    let taken = report(scene.folder.path(), &lines);
    assert!(0 < taken["recorded"].as_u64().unwrap(), "{taken}");
    assert!(0 < taken["refused"].as_u64().unwrap(), "the reporter's own budget is spent: {taken}");
    let (authority, fingerprint) = rogue();
    scene.serve(&[authority]);
    assert!(scene.finding("unexpected_authority", Some(&fingerprint)).is_some());
    assert!(scene.finding("churn", None).is_none(), "no poll brought that many events");
    // It is on record, after a restart too.
    let shown = printed(
        &anchorwatch(&scene.config, &["show", &fingerprint, "--output=json"]).output().unwrap(),
    );
    assert_eq!(shown["authorities"][0]["fingerprint"], fingerprint.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_keeps_no_new_authority_from_being_judged_and_recorded() {
    let mut scene = Scene::start("limits: {daily_events: 1000}\n").await;
    let mut keys = Vec::new();
    for _ in 0..4 {
        keys.extend(junk(400));
        scene.serve(&keys);
    }
    scene.daemon.until("told", |_| scene.finding("churn", None).is_some());
    let (authority, fingerprint) = rogue();
    keys.push(authority);
    keys.extend(junk(400));
    scene.serve(&keys);
    assert!(scene.finding("unexpected_authority", Some(&fingerprint)).is_some());
    scene.is_shown_everywhere("unexpected_authority", "x509-svid", short(&fingerprint));
    scene.is_shown_everywhere("churn", "", "");
    scene.is_shown_everywhere("findings_flood", "", "");
    // What was acknowledged as seen is durable: the store alone says the same.
    let Scene { daemon, config, folder: _folder, partner: _partner, .. } = scene;
    drop(daemon);
    let output = anchorwatch(&config, &["findings", "--output=json"]).output().unwrap();
    let findings = printed(&output);
    let known = findings.as_array().unwrap().iter();
    assert!(known.clone().any(|one| one["fingerprint"] == fingerprint.as_str()), "{findings}");
    let output = anchorwatch(&config, &["store", "verify"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

/// What is kept back for keys past the budget is spent, too, by keys that change their key IDs.
#[tokio::test(flavor = "multi_thread")]
async fn past_a_spent_budget_an_impostor_and_an_outage_are_found() {
    let mut scene = Scene::start("limits: {daily_events: 1000}\n").await;
    let mut keys = junk(1_200);
    scene.serve(&keys);
    for turn in ["first", "second"] {
        for (place, key) in keys.iter_mut().enumerate() {
            key["kid"] = json!(format!("{turn}-{place}"));
        }
        scene.serve(&keys);
    }
    assert!(scene.finding("churn", None).is_some());
    let metrics = scene.daemon.get("/metrics");
    let unrecorded = format!("anchorwatch_bundle_unrecorded_changes{{trust_domain=\"{NAME}\"}} ");
    let unrecorded = metrics.lines().find_map(|line| line.strip_prefix(&unrecorded)).unwrap();
    assert!(0 < unrecorded.parse::<u64>().unwrap(), "the reserve is spent");

    let impostor = X509Ca::mint(&NAME.parse().unwrap(), day(), DemoKeyAlgorithm::EcP256).unwrap();
    scene.partner.endpoint.present(&impostor.svid(&id(NAME), hour()).unwrap());
    let found = |kind| scene.finding(kind, None).is_some();
    scene.daemon.until("unauthenticated", |_| found("endpoint_unauthenticated"));
    scene.is_shown_everywhere("endpoint_unauthenticated", "", "");
    scene.daemon.until("stale", |_| found("source_stale"));
}

/// An X.509 authority whose certificate takes a mebibyte, as an element.
fn large() -> Value {
    let mut params = ca_params(&format!("spiffe://{NAME}"), day()).unwrap();
    params.serial_number = Some(SerialNumber::from_slice(&vec![0x7f; 1 << 20]));
    let key = DemoKeyAlgorithm::EcP256.generate().unwrap();
    json!(X509Ca::from_params(params, key).unwrap().jwk())
}

#[tokio::test(flavor = "multi_thread")]
async fn large_certificates_that_came_and_went_leave_a_small_checkpoint() {
    let mut scene = Scene::start("").await;
    for _ in 0..12 {
        scene.serve(&[large()]);
    }
    scene.serve(&[]);
    let Scene { mut daemon, folder, .. } = scene;
    daemon.signal("-TERM");
    assert!(daemon.child.wait().unwrap().success());
    let store = rusqlite::Connection::open(folder.path().join("store/anchorwatch.sqlite")).unwrap();
    let length = "SELECT length(facts) FROM checkpoints";
    let length: i64 = store.query_row(length, [], |row| row.get(0)).unwrap();
    assert!((1 << 20..6 << 20).contains(&length), "{length} bytes, a few large ones among them");
}
