//! Operators' decisions over every interface, and what relying parties report: against the daemon
//! as a process.

#![cfg(test)]
#![cfg(feature = "demo")]

#[path = "support/process.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod process;
#[path = "support/scene.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod scene;

use std::path::Path;
use std::time::Duration;

use anchorwatch::daemon::SystemClock;
use anchorwatch::demo::mint::{DemoKeyAlgorithm, JwtAuthority};
use anchorwatch_core::time::Clock as _;
use process::{Process, anchorwatch, configure, json, report_sightings};
use scene::{Scene, WHO, said};
use serde_json::Value;

impl Scene {
    /// A new JWT key beside the one that is there, out of turn.
    fn surprise(&self, partner: usize) -> (JwtAuthority, Value) {
        let key = JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap();
        self.publish(partner, &[&self.partners[partner].key, &key], 2);
        let found = self.found(&self.partners[partner].name, "unexpected_authority");
        (key, found)
    }

    /// Waits for a finding.
    #[track_caller]
    fn found(&self, name: &str, kind: &str) -> Value {
        self.daemon.until(kind, |daemon| find(daemon, name, kind).is_some());
        find(&self.daemon, name, kind).unwrap()
    }

    /// The metric of a finding.
    fn series(&self, name: &str, kind: &str) -> Vec<String> {
        let metrics = self.daemon.text("/metrics");
        let of = |line: &&str| {
            line.starts_with("anchorwatch_finding_open")
                && line.contains(&format!("trust_domain=\"{name}\""))
                && line.contains(&format!("kind=\"{kind}\""))
        };
        metrics.lines().filter(of).map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
    }

    fn restart_and_poll(&mut self) {
        self.restart();
        self.until_all_are_up();
    }
}

fn find(daemon: &Process, name: &str, kind: &str) -> Option<Value> {
    let mut findings = daemon.findings().into_iter();
    findings.find(|one| one["trust_domain"] == name && one["kind"] == kind)
}

fn fingerprint(finding: &Value) -> String {
    finding["fingerprint"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_ends_the_finding_at_once_and_over_a_restart() {
    let mut scene = Scene::of(&["b.example"]).await;
    let (_, finding) = scene.surprise(0);
    assert_eq!((&finding["use"], &finding["severity"]), (&"jwt-svid".into(), &"critical".into()));
    assert_eq!(scene.series("b.example", "unexpected_authority"), ["1"]);
    let key = fingerprint(&finding);
    let shown = said(&scene.run(&["show", &key]), 0);
    assert!(shown.contains("standing          unscheduled"), "{shown}");

    // The beginning of a fingerprint decides nothing, a reason is wanted, and an ack is no approval.
    let short = said(&scene.decide(&["approve", finding["subject"].as_str().unwrap()]), 64);
    assert!(short.contains(&key), "{short}");
    said(&scene.run(&["approve", &key, "--by=j.doe", "--yes"]), 64);
    let id = finding["id"].as_str().unwrap();
    let refused = said(&scene.decide(&["ack", id]), 1);
    assert!(refused.contains("whole fingerprint"), "{refused}");
    assert!(scene.events("decided").is_empty());

    let incident = finding["incident"].as_str().unwrap();
    let effect = said(&scene.decide(&["approve", "--incident", incident]), 0);
    assert!(effect.contains(&key), "{effect}");
    assert!(effect.contains(&format!("ends unexpected_authority {id}")), "{effect}");
    assert_eq!(scene.series("b.example", "unexpected_authority"), ["0"]);
    let [decided] = &scene.events("decided")[..] else { panic!("{:?}", scene.events("decided")) };
    assert_eq!((&decided["decision"], &decided["by"]), (&"approve".into(), &"j.doe".into()));
    assert!(decided["uid"].is_u64(), "the kernel's word: {decided}");
    let counted =
        "anchorwatch_finding_decisions_total{trust_domain=\"b.example\",decision=\"approve\"} 1";
    assert!(scene.daemon.text("/metrics").contains(counted));

    scene.restart_and_poll();
    assert!(find(&scene.daemon, "b.example", "unexpected_authority").is_none());
    let shown = said(&scene.run(&["show", &key]), 0);
    assert!(shown.contains("standing          approved"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_binds_the_key_everywhere_and_spares_who_shows_it_rightly() {
    let scene = Scene::of(&["a.example", "b.example"]).await;
    // b publishes a's key.
    let stolen = &scene.partners[0].key;
    scene.publish(1, &[&scene.partners[1].key, stolen], 2);
    let finding = scene.found("b.example", "unexpected_authority");
    // A key of two trust domains is one finding, of neither, in the journal of the later one.
    let is_shared = |one: &Value| one["kind"] == "authority_shared";
    let reported = |daemon: &Process| daemon.findings().into_iter().find(is_shared);
    scene.daemon.until("shared", |daemon| reported(daemon).is_some());
    let shared = reported(&scene.daemon).unwrap();
    assert_eq!(
        (&shared["recorded_by"], &shared["trust_domain"]),
        (&"b.example".into(), &Value::Null)
    );
    assert_eq!(shared["fingerprint"], finding["fingerprint"]);
    let key = fingerprint(&finding);
    let refused = said(&scene.decide(&["deny", &key, "--trust-domain=b.example"]), 1);
    assert!(refused.contains("--everywhere") && refused.contains("a.example"), "{refused}");
    assert!(scene.events("decided").is_empty());

    let deny = ["deny", &key, "--trust-domain=b.example", "--everywhere"];
    let effect = said(&scene.decide(&deny), 0);
    assert!(effect.contains("all 2 watched trust domains"), "{effect}");
    let domains: Vec<_> = scene
        .events("decided")
        .iter()
        .map(|one| one["trust_domain"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(domains.len(), 2, "{domains:?}");
    scene.found("a.example", "unexpected_authority");
    let denied = scene.found("b.example", "unexpected_authority");
    // A denied key that stands is not done with.
    said(&scene.decide(&["ack", denied["id"].as_str().unwrap()]), 1);
    scene.publish(1, &[&scene.partners[1].key], 3);
    scene.daemon.until("gone", |daemon| daemon.domain("b.example")["sequence"] == 3);
    said(&scene.decide(&["ack", denied["id"].as_str().unwrap()]), 0);
    assert!(find(&scene.daemon, "b.example", "unexpected_authority").is_none());

    // Any other finding is acknowledged by its id, and an unknown one lists what is open.
    let unknown = said(&scene.decide(&["ack", "000000000000"]), 1);
    assert!(unknown.contains(shared["id"].as_str().unwrap()), "{unknown}");
    said(&scene.decide(&["ack", shared["id"].as_str().unwrap()]), 0);
    assert_eq!(scene.series("", "authority_shared"), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_configuration_decides_once_and_is_withdrawn_when_it_goes() {
    let mut scene = Scene::of(&["b.example"]).await;
    let (_, finding) = scene.surprise(0);
    let key = fingerprint(&finding);
    let bare = scene.partners[0].relationship(scene.folder.path());
    let line = format!("    approved: [{{fingerprint: \"{key}\", reason: reviewed}}]\n");
    let with = bare.clone() + &line;
    configure(scene.folder.path(), std::slice::from_ref(&with));
    scene.daemon.signal("-HUP");
    scene
        .daemon
        .until("approved", |daemon| find(daemon, "b.example", "unexpected_authority").is_none());
    scene.restart_and_poll();
    assert_eq!(scene.events("decided").len(), 1, "once, over a restart");

    // What an operator decides after it holds, whatever still stands in the file.
    said(&scene.decide(&["deny", &key]), 0);
    scene.found("b.example", "unexpected_authority");
    scene.restart_and_poll();
    scene.found("b.example", "unexpected_authority");
    assert_eq!(scene.events("decided").len(), 2);
    said(&scene.decide(&["approve", &key]), 0);

    configure(scene.folder.path(), &[bare]);
    scene.daemon.signal("-HUP");
    let withdrawn = |scene: &Scene| {
        scene.events("decided").last().is_some_and(|one| one["decision"] == "withdraw-approval")
    };
    scene.daemon.until("withdrawn", |_| withdrawn(&scene));
    scene.restart_and_poll();
    assert!(find(&scene.daemon, "b.example", "unexpected_authority").is_none(), "stays closed");
    assert_eq!(scene.events("decided").len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_announced_is_no_surprise() {
    let scene = Scene::of(&["b.example"]).await;
    let window = ["--not-before=2020-01-01T00:00:00Z", "--not-after=2020-01-02T00:00:00Z"];
    let announce = ["announce", "--trust-domain=b.example", "--use=jwt-svid"];
    said(
        &scene.decide(&[&announce[..], &[window[1], "--not-before=2020-01-03T00:00:00Z"]].concat()),
        64,
    );
    let long = ["--not-before=2026-01-01T00:00:00Z", "--not-after=2096-01-01T00:00:00Z"];
    said(&scene.decide(&[&announce[..], &long].concat()), 1);
    let now = SystemClock.now();
    let from = format!("--not-before={now}");
    let until = format!("--not-after={}", now.saturating_add(Duration::from_hours(24)));
    let effect = said(&scene.decide(&[&announce[..], &[&from, &until]].concat()), 0);
    assert!(effect.contains("1 jwt-svid"), "{effect}");
    let key = JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap();
    scene.publish(0, &[&scene.partners[0].key, &key], 2);
    scene.daemon.until("taken", |daemon| daemon.domain("b.example")["jwt_authorities"] == 2);
    assert!(find(&scene.daemon, "b.example", "unexpected_authority").is_none());
    let listed = json(&scene.run(&["authorities", "--use=jwt-svid", "--output=json"]));
    let standings: Vec<_> =
        listed.as_array().unwrap().iter().map(|one| one["judged"]["standing"].clone()).collect();
    assert!(standings.contains(&"announced".into()), "{standings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_announced_for_a_while_and_journaled() {
    let scene = Scene::of(&["b.example"]).await;
    let announce = ["announce", "--trust-domain=b.example", "--outage"];
    let (from, until) = ("--not-before=2026-12-01T00:00:00Z", "--not-after=2026-12-31T00:00:00Z");
    let effect = said(&scene.decide(&[&announce[..], &[from, until]].concat()), 0);
    assert!(effect.contains("source_stale and trust_domain_blind of b.example"), "{effect}");
    let long = "--not-after=2026-12-31T00:00:01Z";
    let refused = said(&scene.decide(&[&announce[..], &[from, long]].concat()), 1);
    assert!(refused.contains("30 days"), "{refused}");
    // An outage has no keys.
    said(&scene.decide(&[&announce[..], &[from, until, "--use=jwt-svid"]].concat()), 64);
    let journal = scene.events("decided");
    let decided: Vec<_> = journal.iter().map(|one| one["decision"].clone()).collect();
    assert_eq!(decided, ["announce-outage"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_and_the_end_of_a_lineage_are_decided_by_name() {
    let scene = Scene::of(&["b.example"]).await;
    let effect = said(&scene.decide(&["baseline", "b.example"]), 0);
    assert!(effect.matches("sha256:").count() == 2, "{effect}");
    let unknown = said(&scene.decide(&["retire-lineage", "b.example", "99"]), 1);
    assert!(unknown.contains("1 (x509-svid)"), "{unknown}");
    said(&scene.decide(&["retire-lineage", "b.example", "1"]), 0);
    let lineages = scene.daemon.domain("b.example")["rotation"]["lineages"].clone();
    let numbers: Vec<_> =
        lineages.as_array().unwrap().iter().map(|one| one["lineage"].clone()).collect();
    assert!(!numbers.contains(&1.into()), "{lineages}");
    said(&scene.decide(&["baseline", "other.example"]), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_needs_a_daemon_and_says_so() {
    let scene = Scene::of(&["b.example"]).await;
    let Scene { folder: _folder, config, daemon, .. } = scene;
    drop(daemon);
    let key = format!("sha256:{}", "0".repeat(64));
    for decision in [vec!["approve", &key], vec!["deny", &key], vec!["baseline", "b.example"]] {
        let output = anchorwatch(&config, &[&decision[..], &WHO].concat()).output().unwrap();
        let text = said(&output, 3);
        assert!(text.contains("no daemon answers"), "{text}");
    }
}

/// What the admin socket answers to these lines.
fn tell(folder: &Path, lines: &str) -> (u16, Value) {
    let answer = report_sightings(folder, lines);
    (answer.status, answer.json())
}

fn sighted(kid: &str, ago: i64, life: i64) -> String {
    let iat = SystemClock.now().as_unix() - ago;
    let exp = iat + life;
    format!("{{\"trust_domain\":\"b.example\",\"kid\":\"{kid}\",\"iat\":{iat},\"exp\":{exp}}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relying_party_tells_of_key_ids_and_never_of_a_token() {
    const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzcGlmZmU6Ly9hL2IifQ.c2lnbmF0dXJl";
    let mut scene = Scene::of(&["b.example"]).await;
    let folder = scene.folder.path().to_owned();
    let (status, taken) = tell(&folder, &sighted("k1", 60, 300));
    assert_eq!((status, &taken["recorded"]), (200, &1.into()), "{taken}");
    // The same again is no news.
    let (_, taken) = tell(&folder, &(sighted("k1", 60, 300) + &sighted("k1", 59, 300)));
    assert_eq!((&taken["taken"], &taken["recorded"]), (&2.into(), &0.into()), "{taken}");
    for line in [TOKEN.to_owned(), sighted(TOKEN, 60, 300), sighted(&"k".repeat(300), 1, 2)] {
        let (status, refused) = tell(&folder, &line);
        assert_eq!((status, &refused["refused"]), (400, &1.into()), "{refused}");
        assert!(refused["error"].as_str().unwrap().contains("looks like a token"), "{refused}");
    }
    let elsewhere = sighted("k1", 60, 300).replace("b.example", "other.example");
    assert_eq!(tell(&folder, &elsewhere).0, 400);

    // The same from a file, over its rotation and a reload.
    let log = folder.join("seen.jsonl");
    let with = format!("sightings: {}\n", log.display());
    let config = std::fs::read_to_string(&scene.config).unwrap();
    std::fs::write(&scene.config, with + &config).unwrap();
    scene.daemon.signal("-HUP");
    std::fs::write(&log, sighted("k2", 60, 300) + TOKEN + "\n").unwrap();
    let seen = |scene: &Scene, kid: &str| {
        scene.events("kid_sighted").iter().filter(|one| one["kid"] == kid).count()
    };
    scene.daemon.until("read", |_| seen(&scene, "k2") == 1);
    std::fs::rename(&log, folder.join("seen.1")).unwrap();
    std::fs::write(&log, sighted("k3", 60, 300)).unwrap();
    scene.daemon.until("rotated", |_| seen(&scene, "k3") == 1);
    let metrics = scene.daemon.text("/metrics");
    assert!(
        metrics.contains("anchorwatch_sightings_total{outcome=\"refused_token\"} 4"),
        "{metrics}"
    );
    scene.restart_and_poll();
    scene.daemon.until("followed again", |_| seen(&scene, "k3") == 1);
    assert_eq!(seen(&scene, "k2"), 1);
    scene.daemon.signal("-TERM");
    scene.daemon.child.wait().unwrap();
    let signature = TOKEN.rsplit('.').next().unwrap().as_bytes();
    for file in std::fs::read_dir(folder.join("store")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        let holds = bytes.windows(signature.len()).any(|window| window == signature);
        assert!(!holds, "a token is in the store");
    }
}
