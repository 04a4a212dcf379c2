//! One upstream root under hundreds of trust domains: normal in a large organisation, and its cost
//! is linear.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anchorwatch::demo::endpoint::{LoopbackEndpoint, ServedAnswer};
use anchorwatch::demo::mint::{DemoKeyAlgorithm, JwtAuthority, X509Ca, ca_params};
use anchorwatch_core::spiffe::TrustDomain;
use hyper::StatusCode;
use rcgen::KeyPair;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Process, anchorwatch, day, document, hour, id};

const HUB: &str = "hub.example";
const WHO: [&str; 3] = ["--by=j.doe", "--reason=CHG-1", "--yes"];

/// A root as a corporate PKI makes it: its certificate names no trust domain.
fn corporate_root() -> X509Ca {
    let mut params = ca_params("spiffe://nobody.example", day()).unwrap();
    params.subject_alt_names = Vec::new();
    X509Ca::from_params(params, KeyPair::generate().unwrap()).unwrap()
}

/// Trust domains whose bundles one endpoint serves: each has the same two roots, and a JWT key of
/// its own.
struct Fleet {
    folder: TempDir,
    endpoint: LoopbackEndpoint,
    hub: X509Ca,
}

impl Fleet {
    async fn start(largest: usize) -> Self {
        let hub =
            X509Ca::mint(&HUB.parse::<TrustDomain>().unwrap(), day(), DemoKeyAlgorithm::EcP256)
                .unwrap();
        let key = JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap();
        let svid = hub.svid(&id(HUB), hour()).unwrap();
        let own = document(&[&hub], &[&key], 1);
        let endpoint = LoopbackEndpoint::start(&svid, own.clone()).await.unwrap();
        let roots = [corporate_root(), corporate_root()];
        let mut served: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        served.insert("/".to_owned(), own);
        for place in 0..largest {
            let key = JwtAuthority::mint(DemoKeyAlgorithm::EcP256).unwrap();
            served.insert(path(place), document(&[&roots[0], &roots[1]], &[&key], 1));
        }
        endpoint.route(move |path| match served.get(path) {
            Some(document) => ServedAnswer::document(document.clone()),
            None => ServedAnswer::status(StatusCode::NOT_FOUND),
        });
        Self { folder: tempfile::tempdir().unwrap(), endpoint, hub }
    }

    /// Writes the configuration that watches the first so many of them.
    fn configure(&self, count: usize, more: &str) -> PathBuf {
        let folder = self.folder.path();
        let bootstrap = folder.join("hub.pem");
        std::fs::write(&bootstrap, self.hub.pem()).unwrap();
        let base = self.endpoint.url();
        let profile = format!("{{https_spiffe: {{endpoint_spiffe_id: {}}}}}", id(HUB));
        let mut text = format!(
            "store: {{path: {}}}\n{more}defaults: {{poll_interval: 4s, timeout: 3s, baseline: trust_on_first_use}}\nfederates_with:\n",
            folder.join("store").display()
        );
        let mut relationship = |name: &str, path: &str, more: &str| {
            let url = format!("{}{path}", base.trim_end_matches('/'));
            let _ = writeln!(
                text,
                "  {name}:\n    bundle_endpoint_url: {url}\n    bundle_endpoint_profile: {profile}{more}"
            );
        };
        let file = format!("\n    bootstrap_bundle_path: {}", bootstrap.display());
        relationship(HUB, "/", &file);
        for place in 0..count {
            relationship(&name(place), &path(place), "");
        }
        let config = folder.join("anchorwatch.yaml");
        std::fs::write(&config, text).unwrap();
        config
    }
}

fn name(place: usize) -> String {
    format!("d{place:03}.example")
}

fn path(place: usize) -> String {
    format!("/d{place:03}")
}

/// The samples of a family whose lines hold all of these, with their values.
fn series(daemon: &Process, family: &str, holds: &[&str]) -> Vec<(String, String)> {
    let text = daemon.text("/metrics");
    let family = format!("{family}{{");
    let lines = text.lines().filter(|line| line.starts_with(&family));
    let lines = lines.filter(|line| holds.iter().all(|one| line.contains(one)));
    let split = |line: &str| line.rsplit_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
    lines.filter_map(split).collect()
}

fn up(daemon: &Process) -> usize {
    series(daemon, "anchorwatch_source_up", &[]).iter().filter(|(_, value)| value == "1").count()
}

/// The series of shared keys that are open.
fn shared(daemon: &Process) -> Vec<String> {
    let all = series(daemon, "anchorwatch_finding_open", &["kind=\"authority_shared\""]);
    all.into_iter().filter(|(_, value)| value == "1").map(|(series, _)| series).collect()
}

fn listed(daemon: &Process, kind: &str) -> Vec<Value> {
    daemon.findings().into_iter().filter(|one| one["kind"] == kind).collect()
}

fn decide(config: &Path, arguments: &[&str]) -> String {
    let output = anchorwatch(config, &[arguments, &WHO].concat()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_under_two_hundred_trust_domains_is_one_finding() {
    const COUNT: usize = 200;
    let fleet = Fleet::start(COUNT + 1).await;
    let config = fleet.configure(COUNT, "");
    let daemon = Process::start(&config);
    daemon.until("up", |daemon| up(daemon) == COUNT + 1);

    let open = shared(&daemon);
    assert_eq!(open.len(), 2, "one a key, whatever the number of its holders: {open:#?}");
    assert!(open.iter().all(|series| series.contains("trust_domain=\"\"")), "{open:#?}");
    let foreign = series(&daemon, "anchorwatch_finding_open", &["kind=\"foreign_authority\""]);
    assert!(foreign.is_empty(), "a corporate root is nobody's key set: {foreign:#?}");

    let findings = listed(&daemon, "authority_shared");
    assert_eq!(findings.len(), 2);
    for finding in &findings {
        let text = finding["evidence"].to_string();
        assert!(text.len() < 2_000, "the evidence lists no more than a few: {text}");
        assert!(finding["trust_domain"].is_null(), "{finding}");
        // What the finding is known by opens everything else.
        let id = finding["id"].as_str().unwrap();
        assert!(daemon.get(&format!("/finding/{id}")).status == 200, "the page");
        let subject = finding["subject"].as_str().unwrap();
        let shown = anchorwatch(&config, &["show", subject, "--output", "json"]).output().unwrap();
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        assert_eq!(shown["authorities"].as_array().unwrap().len(), COUNT, "all that hold it");
        assert_eq!(shown["findings"][0]["id"], id);
        let preview = decide(&config, &["ack", id]);
        assert!(preview.contains("authority_shared"), "{preview}");
    }
    daemon.until("acknowledged", |daemon| shared(daemon).is_empty());
    drop(daemon);

    let daemon = Process::start(&config);
    daemon.until("up again", |daemon| up(daemon) == COUNT + 1);
    assert!(shared(&daemon).is_empty(), "an acknowledgement holds over a restart");

    fleet.configure(COUNT + 1, "");
    daemon.signal("-HUP");
    daemon.until("one more", |daemon| up(daemon) == COUNT + 2);
    // The newcomer is judged by the poll that brought its keys.
    assert!(shared(&daemon).is_empty(), "another holder raises nothing new");
}

/// What has the key's finding in its journal may go out of the configuration.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_stays_reported_when_its_reporter_is_no_longer_watched() {
    let fleet = Fleet::start(4).await;
    let config = fleet.configure(4, "");
    let daemon = Process::start(&config);
    daemon.until("up", |daemon| up(daemon) == 5);
    let before = listed(&daemon, "authority_shared");
    assert_eq!(before.len(), 2, "{before:#?}");
    let home = |finding: &Value| finding["recorded_by"].as_str().unwrap().to_owned();
    let gone = home(&before[0]);
    // The configuration without the one that reported the first key.
    let text = std::fs::read_to_string(&config).unwrap();
    let begins = text.find(&format!("  {gone}:")).unwrap();
    let ends = text[begins + 3..].find("\n  d").map_or(text.len(), |end| begins + 3 + end + 1);
    std::fs::write(&config, format!("{}{}", &text[..begins], &text[ends..])).unwrap();
    daemon.signal("-HUP");
    daemon.until("gone", |daemon| daemon.domain(&gone).get("up").is_none());
    daemon.until("reported by another", |daemon| {
        let now = listed(daemon, "authority_shared");
        now.len() == 2 && now.iter().all(|finding| home(finding) != gone)
    });
    let open = shared(&daemon);
    assert_eq!(open.len(), 2, "{open:#?}");
}

/// An upstream root that several trust domains of one operator share is declared once.
#[tokio::test(flavor = "multi_thread")]
async fn a_declared_root_is_worth_knowing_and_a_stranger_that_holds_it_is_a_warning() {
    let fleet = Fleet::start(4).await;
    let config = fleet.configure(3, "");
    let daemon = Process::start(&config);
    daemon.until("up", |daemon| up(daemon) == 4);
    let roots: Vec<String> = listed(&daemon, "authority_shared")
        .iter()
        .map(|finding| finding["fingerprint"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(roots.len(), 2);
    let mut declared = "shared_authorities:\n".to_owned();
    let names = [0, 1, 2].map(name).join(", ");
    for root in &roots {
        let _ = writeln!(
            declared,
            "  - {{fingerprint: \"{root}\", trust_domains: [{names}], reason: corporate root, by: j.doe}}"
        );
    }
    fleet.configure(3, &declared);
    let shown = anchorwatch(&config, &["config", "show"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("shared_authorities") && shown.contains("corporate root"), "{shown}");
    daemon.signal("-HUP");
    let severities = |daemon: &Process| {
        let mut all: Vec<String> = listed(daemon, "authority_shared")
            .iter()
            .map(|one| one["severity"].as_str().unwrap().to_owned())
            .collect();
        all.sort_unstable();
        all
    };
    daemon.until("declared", |daemon| severities(daemon) == ["info", "info"]);

    fleet.configure(4, &declared);
    daemon.signal("-HUP");
    daemon.until("a stranger", |daemon| severities(daemon) == ["warning", "warning"]);
    let findings = listed(&daemon, "authority_shared");
    assert!(findings.iter().all(|one| one["evidence"].to_string().contains(&name(3))));
}
