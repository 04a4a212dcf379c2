//! All of it together: partners, the daemon, Prometheus, two Alertmanagers and who is paged.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Partner, Process, anchorwatch};
use crate::programs::{self, Program};
use crate::webhook::{Alert, Message, Webhook};

/// Nothing here takes this long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// A trust domain to be watched: its name, and what the configuration says of it beside.
pub(crate) type Domain<'a> = (&'a str, &'a str);

pub(crate) struct Stack {
    pub(crate) daemon: Option<Process>,
    pub(crate) prometheus: Program,
    pub(crate) alertmanagers: [Program; 2],
    pub(crate) partners: Vec<Partner>,
    pub(crate) webhook: Webhook,
    config: PathBuf,
    listens: SocketAddr,
    began: Instant,
    /// Last, so that it goes when all have ended that write into it.
    _folder: TempDir,
}

impl Stack {
    /// Starts everything, and waits until a page would come through.
    pub(crate) async fn start(domains: &[Domain<'_>], push: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let listens = programs::free();
        let webhook = Webhook::start(listens).await;
        let alertmanagers = programs::alertmanagers(path, webhook.address);
        let prometheus = programs::prometheus(path, listens, webhook.address, &alertmanagers);
        let mut partners = Vec::new();
        let mut text = format!(
            "store: {{path: {}}}\n\
             defaults: {{poll_interval: 1s, timeout: 1s, clock_skew: 1s, validator_leeway: 0s, replica_lag: 2s}}\n\
             alertmanagers:{}\n",
            path.join("store").display(),
            if push { "" } else { " []" },
        );
        for one in alertmanagers.iter().filter(|_| push) {
            let _ = writeln!(text, "  - {{url: \"http://{}\", resolve_after: 10s}}", one.address);
        }
        text.push_str("federates_with:\n");
        for (name, more) in domains {
            let partner = Partner::start(name).await;
            text.push_str(&partner.relationship(path));
            let _ = writeln!(text, "    {more}");
            partners.push(partner);
        }
        let config = path.join("anchorwatch.yaml");
        fs::write(&config, text).unwrap();
        let daemon = Some(Process::start_at(&config, &listens.to_string()));
        let began = Instant::now();
        let stack = Self {
            daemon,
            prometheus,
            alertmanagers,
            partners,
            webhook,
            config,
            listens,
            began,
            _folder: folder,
        };
        stack.until("all is up", Self::is_up);
        stack
    }

    pub(crate) fn start_daemon(&mut self) {
        self.daemon = Some(Process::start_at(&self.config, &self.listens.to_string()));
    }

    /// Whether the cluster has two members that are ready, Prometheus scrapes, and each partner
    /// was read.
    pub(crate) fn is_up(&self) -> bool {
        let ready = self.alertmanagers.iter().all(|one| {
            one.json("/api/v2/status").is_some_and(|said| {
                let cluster = &said["cluster"];
                cluster["status"] == "ready"
                    && cluster["peers"].as_array().is_some_and(|peers| peers.len() == 2)
            })
        });
        let scraped =
            self.series("up").len() == 2 && self.query("sum(up)").is_some_and(|sum| sum == "2");
        let daemon = self.daemon.as_ref();
        let read = |partner: &Partner| {
            daemon.is_some_and(|daemon| daemon.domain(&partner.name)["up"] == true)
        };
        ready && scraped && self.partners.iter().all(read)
    }

    /// Waits until this holds.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(
                began.elapsed() < PATIENCE,
                "never: {what}\nreceived:\n{}findings: {:#?}\nPrometheus: {:#?}\nAlertmanagers: {:#?}",
                self.webhook.summary(self.began),
                self.daemon.as_ref().map(Process::findings),
                self.prometheus.json("/api/v1/alerts"),
                self.alertmanagers.each_ref().map(|one| one.json("/api/v2/alerts")),
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the first message that says so of this alert.
    #[track_caller]
    pub(crate) fn told(&self, of: &Alert, status: &str) -> Message {
        self.until(&format!("{of:?} {status}"), |all| !all.webhook.told(of, status).is_empty());
        self.webhook.told(of, status).remove(0)
    }

    /// One message said that it fires, and no other did.
    #[track_caller]
    pub(crate) fn paged_once(&self, of: &Alert) {
        let count = self.webhook.told(of, "firing").len();
        assert_eq!(count, 1, "{of:?}\n{}", self.webhook.summary(self.began));
    }

    /// What an Alertmanager holds under this name, and whether it is muted.
    pub(crate) fn held(&self, place: usize, of: &Alert) -> Vec<(Value, bool)> {
        let path = "/api/v2/alerts";
        let alerts = self.alertmanagers[place].json(path).unwrap_or_default();
        let alerts = alerts.as_array().cloned().unwrap_or_default().into_iter();
        let ours = alerts.filter(|one| {
            let labels = &one["labels"];
            labels["alertname"] == of.name && labels["trust_domain"] == of.trust_domain
        });
        let muted =
            |one: &Value| one["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty());
        ours.map(|one| (one["labels"].clone(), muted(&one))).collect()
    }

    /// Whether both Alertmanagers hold the pushed alert, and the rule's, which it mutes.
    pub(crate) fn twin_is_muted(&self, of: &Alert) -> bool {
        [0, 1].into_iter().all(|place| {
            let held = self.held(place, of);
            let pushed = |(labels, muted): &(Value, bool)| labels["source"] == "push" && !muted;
            let twin = |(labels, muted): &(Value, bool)| labels["source"].is_null() && *muted;
            held.len() == 2 && held.iter().any(pushed) && held.iter().any(twin)
        })
    }

    /// Whether nobody says that it fires: neither the rule nor an Alertmanager.
    pub(crate) fn is_over(&self, of: &Alert) -> bool {
        let rule = self.query(&format!(
            "count(ALERTS{{alertname=\"{}\",trust_domain=\"{}\"}})",
            of.name, of.trust_domain
        ));
        rule.is_none() && [0, 1].into_iter().all(|place| self.held(place, of).is_empty())
    }

    pub(crate) fn finding(&self, of: &Alert, kind: &str) -> Option<Value> {
        let mut findings = self.daemon.as_ref()?.findings().into_iter();
        findings.find(|one| one["trust_domain"] == of.trust_domain && one["kind"] == kind)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        anchorwatch(&self.config, arguments).output().unwrap()
    }

    /// The value of an instant query, where it has one.
    pub(crate) fn query(&self, query: &str) -> Option<String> {
        let path = format!("/api/v1/query?query={}", encoded(query));
        let answer = self.prometheus.json(&path)?;
        Some(answer["data"]["result"][0]["value"][1].as_str()?.to_owned())
    }

    /// The series that are stored now, without the label `instance`.
    pub(crate) fn series(&self, selector: &str) -> BTreeSet<String> {
        let path = format!("/api/v1/query?query={}", encoded(selector));
        let answer = self.prometheus.json(&path).unwrap_or_default();
        let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let name = |one: Value| {
            let mut labels = one["metric"].clone();
            labels.as_object_mut().unwrap().remove("instance");
            labels.to_string()
        };
        series.into_iter().map(name).collect()
    }
}

fn encoded(query: &str) -> String {
    url::form_urlencoded::byte_serialize(query.as_bytes()).collect()
}
