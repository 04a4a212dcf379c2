//! A flood hides nothing else: neither another kind of finding, nor a key of another use.

use std::fmt::Write as _;
use std::time::Duration;

use anchorwatch::daemon::SystemClock;
use anchorwatch::demo::mint::{DemoKeyAlgorithm, JwtAuthority, X509Ca, ca_params};
use anchorwatch_core::bundle::Validity;
use anchorwatch_core::time::Clock as _;
use rcgen::SerialNumber;
use serde_json::{Value, json};

use crate::alertmanager::Alertmanager;
use crate::process::{
    Partner, Process, anchorwatch, day, hour, id, json as printed, report_sightings,
};
use crate::scene::Scene;

const NAME: &str = "b.example";

/// A trust domain whose document is written by hand, and a daemon that watches it.
struct Flooded {
    scene: Scene,
    alertmanager: Alertmanager,
    sequence: u64,
}

impl Flooded {
    async fn start(more: &str) -> Self {
        let alertmanager = Alertmanager::start().await;
        let head = format!("alertmanagers: [{{url: '{}'}}]\n{more}", alertmanager.url);
        let scene = Scene::with(&[NAME], &head).await;
        Self { scene, alertmanager, sequence: 1 }
    }

    fn partner(&self) -> &Partner {
        &self.scene.partners[0]
    }

    fn daemon(&self) -> &Process {
        &self.scene.daemon
    }

    /// Serves the genuine keys and these, and waits until they were polled.
    fn serve(&mut self, more: &[Value]) {
        self.sequence += 1;
        let own = [json!(self.partner().authority.jwk()), json!(self.partner().key.jwk())];
        let keys: Vec<&Value> = own.iter().chain(more).collect();
        let document =
            json!({"keys": keys, "spiffe_sequence": self.sequence, "spiffe_refresh_hint": 60});
        self.partner().endpoint.serve(document.to_string());
        // A poll that began before may end after. Past the budget the sequence tells nothing for a
        // minute.
        for _ in 0..2 {
            let last = self.daemon().domain(NAME)["last_success"].clone();
            self.daemon().until("polled", |daemon| daemon.domain(NAME)["last_success"] != last);
        }
    }

    fn finding(&self, kind: &str, fingerprint: Option<&str>) -> Option<Value> {
        let findings = self.daemon().findings();
        let is = |one: &Value| {
            one["kind"] == kind
                && fingerprint.is_none_or(|wanted| one["fingerprint"].as_str() == Some(wanted))
        };
        findings.into_iter().find(is)
    }

    fn is_pushed(&self, kind: &str, svid_type: &str) -> bool {
        self.alertmanager.alerts().iter().any(|alert| {
            let labels = &alert["labels"];
            labels["kind"] == kind && labels["use"].as_str().unwrap_or_default() == svid_type
        })
    }

    fn run(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.scene.run(arguments).stdout).unwrap()
    }

    /// What is open shows in the metrics, over the API, on the page, on the command line and in the
    /// push.
    #[track_caller]
    fn is_shown_everywhere(&self, kind: &str, svid_type: &str, subject: &str) {
        let metrics = self.daemon().text("/metrics");
        let series = format!(
            "anchorwatch_finding_open{{trust_domain=\"{NAME}\",kind=\"{kind}\",use=\"{svid_type}\",subject=\"{subject}\""
        );
        assert!(metrics.contains(&series), "{series} is in no metric");
        assert!(self.daemon().findings().iter().any(
            |one| one["kind"] == kind && one["subject"].as_str().unwrap_or_default() == subject
        ));
        let page = self.daemon().text(&format!("/trust-domain/{NAME}"));
        assert!(page.contains(&kind.replace('_', " ")), "{kind} is not on the page");
        assert!(page.contains(subject), "{subject} is not on the page");
        for command in ["findings", "check"] {
            let printed = self.run(&[command]);
            assert!(printed.contains(kind), "{command} lacks {kind}");
            assert!(printed.contains(subject), "{command} lacks {subject}");
        }
        self.daemon().until("pushed", |_| self.is_pushed(kind, svid_type));
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
    let mut flooded = Flooded::start("").await;
    let mut keys = junk(100);
    let mut leaked = junk(1).remove(0);
    leaked["d"] = json!("c2VjcmV0LXNjYWxhci1vZi10aGUta2V5LW9mLWItZXhh");
    keys.push(leaked);
    flooded.serve(&keys);
    flooded.is_shown_everywhere("private_key_published", "", "");
    let flood = flooded.finding("findings_flood", None).expect("a finding for the flood");
    assert_eq!(flood["severity"], "critical", "{flood}");

    // The flood goes on, and then the rogue authority comes.
    keys.extend(junk(2_000));
    flooded.serve(&keys);
    let (authority, first) = rogue();
    keys.push(authority);
    flooded.serve(&keys);
    assert!(flooded.finding("unexpected_authority", Some(&first)).is_some(), "{first}");
    flooded.is_shown_everywhere("unexpected_authority", "x509-svid", short(&first));
    flooded.is_shown_everywhere("private_key_published", "", "");
    flooded.is_shown_everywhere("findings_flood", "", "");

    // What is left out is counted by kind, in every view, and is one finding still.
    let listed = |flooded: &Flooded| {
        let of = |one: &&Value| one["kind"] == "unexpected_authority" && one["use"] == "jwt-svid";
        flooded.daemon().findings().iter().filter(of).count()
    };
    let left_out = 2_101 - listed(&flooded);
    let metrics = flooded.daemon().text("/metrics");
    let series = format!(
        "anchorwatch_findings_dropped{{trust_domain=\"{NAME}\",kind=\"unexpected_authority\",use=\"jwt-svid\"}} {left_out}"
    );
    assert!(metrics.contains(&series), "no {series}");
    let domain = flooded.daemon().domain(NAME);
    let counted = json!([{"kind": "unexpected_authority", "use": "jwt-svid", "count": left_out}]);
    assert_eq!(domain["dropped"], counted);
    let mut words = left_out.to_string();
    words.insert(1, ',');
    let page = flooded.daemon().text(&format!("/trust-domain/{NAME}"));
    for text in [page, flooded.run(&["findings"]), flooded.run(&["check"])] {
        assert!(text.contains(&words), "no {words}");
    }
    let same = flooded.finding("findings_flood", None).unwrap();
    assert_eq!(same["id"], flood["id"]);
    assert!(same["evidence"].to_string().contains(&words), "{same}");

    // The flood is over, and another one comes.
    flooded.serve(&[]);
    let (authority, second) = rogue();
    flooded.serve(&[authority]);
    assert!(flooded.finding("unexpected_authority", Some(&second)).is_some(), "{second}");
    flooded.is_shown_everywhere("unexpected_authority", "x509-svid", short(&second));
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_key_ids_do_not_spend_the_budget_of_the_polls() {
    let mut flooded = Flooded::start("").await;
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
    let taken = report_sightings(flooded.scene.folder.path(), &lines).json();
    assert!(0 < taken["recorded"].as_u64().unwrap(), "{taken}");
    assert!(0 < taken["refused"].as_u64().unwrap(), "the reporter's own budget is spent: {taken}");
    let (authority, fingerprint) = rogue();
    flooded.serve(&[authority]);
    assert!(flooded.finding("unexpected_authority", Some(&fingerprint)).is_some());
    assert!(flooded.finding("churn", None).is_none(), "no poll brought that many events");
    // It is on record, after a restart too.
    let shown = printed(&flooded.scene.run(&["show", &fingerprint, "--output=json"]));
    assert_eq!(shown["authorities"][0]["fingerprint"], fingerprint.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_keeps_no_new_authority_from_being_judged_and_recorded() {
    let mut flooded = Flooded::start("limits: {daily_events: 1000}\n").await;
    let mut keys = Vec::new();
    for _ in 0..4 {
        keys.extend(junk(400));
        flooded.serve(&keys);
    }
    flooded.daemon().until("told", |_| flooded.finding("churn", None).is_some());
    let (authority, fingerprint) = rogue();
    keys.push(authority);
    keys.extend(junk(400));
    flooded.serve(&keys);
    assert!(flooded.finding("unexpected_authority", Some(&fingerprint)).is_some());
    flooded.is_shown_everywhere("unexpected_authority", "x509-svid", short(&fingerprint));
    flooded.is_shown_everywhere("churn", "", "");
    flooded.is_shown_everywhere("findings_flood", "", "");
    // What was acknowledged as seen is durable: the store alone says the same.
    let Scene { daemon, config, folder: _folder, partners: _partners } = flooded.scene;
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
    let mut flooded = Flooded::start("limits: {daily_events: 1000}\n").await;
    let mut keys = junk(1_200);
    flooded.serve(&keys);
    for turn in ["first", "second"] {
        for (place, key) in keys.iter_mut().enumerate() {
            key["kid"] = json!(format!("{turn}-{place}"));
        }
        flooded.serve(&keys);
    }
    assert!(flooded.finding("churn", None).is_some());
    let metrics = flooded.daemon().text("/metrics");
    let unrecorded = format!("anchorwatch_bundle_unrecorded_changes{{trust_domain=\"{NAME}\"}} ");
    let unrecorded = metrics.lines().find_map(|line| line.strip_prefix(&unrecorded)).unwrap();
    assert!(0 < unrecorded.parse::<u64>().unwrap(), "the reserve is spent");

    let impostor = X509Ca::mint(&NAME.parse().unwrap(), day(), DemoKeyAlgorithm::EcP256).unwrap();
    flooded.partner().endpoint.present(&impostor.svid(&id(NAME), hour()).unwrap());
    let found = |kind| flooded.finding(kind, None).is_some();
    flooded.daemon().until("unauthenticated", |_| found("endpoint_unauthenticated"));
    flooded.is_shown_everywhere("endpoint_unauthenticated", "", "");
    flooded.daemon().until("stale", |_| found("source_stale"));
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
    let mut flooded = Flooded::start("").await;
    for _ in 0..12 {
        flooded.serve(&[large()]);
    }
    flooded.serve(&[]);
    let Scene { mut daemon, folder, .. } = flooded.scene;
    daemon.signal("-TERM");
    assert!(daemon.child.wait().unwrap().success());
    let store = rusqlite::Connection::open(folder.path().join("store/anchorwatch.sqlite")).unwrap();
    let length = "SELECT length(facts) FROM checkpoints";
    let length: i64 = store.query_row(length, [], |row| row.get(0)).unwrap();
    assert!((1 << 20..6 << 20).contains(&length), "{length} bytes, a few large ones among them");
}
