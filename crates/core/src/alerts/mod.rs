//! The alerts: one a kind of finding, and those over the daemon itself.
//!
//! The files under `alerts/` are rendered from here and checked in. A finding that is pushed to
//! Alertmanager carries the same name and the same words, so that its twin from a rule is known.
//!
//! Invariant: what an alert is known by does not change while it is true. No value, no time and no
//! instance stands in the labels of a finding's alert.

mod daemon;
mod finding;
mod yaml;

pub use finding::{About, description, name, summary};
pub use yaml::{operator_object, rules};

use crate::finding::FindingKind;

/// The scrape job that every rule and dashboard selects.
pub const JOB: &str = "anchorwatch";

/// Where dashboards are: everyone replaces it by their own Grafana.
pub const GRAFANA: &str = "https://grafana.example";

/// One alerting rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alert {
    /// `Anchorwatch` and a noun in camel case.
    pub name: String,
    /// The expression that is asked, in lines.
    pub expr: String,
    /// How long it must be true before it fires; `None` fires at once.
    pub hold: Option<&'static str>,
    /// Labels that the rule sets: the severity of an alert over the daemon; a finding's alert
    /// carries that of its series.
    pub labels: Vec<(&'static str, &'static str)>,
    /// A sentence that is the same for all alerts of this name.
    pub summary: &'static str,
    /// What one alert says, as a template over its labels.
    pub description: String,
    /// The page of the dashboards that shows it, as a template over its labels.
    pub dashboard: String,
}

/// All alerts: those of the findings in the order of their catalogue, then those over the daemon.
pub fn alerts() -> Vec<Alert> {
    let of_domains = FindingKind::ALL.iter().filter(|kind| !kind.is_about_the_watch());
    let findings = of_domains.map(|kind| finding::alert(*kind));
    findings.chain(daemon::alerts()).collect()
}

/// The section of the runbook about an alert.
pub fn runbook_url(name: &str) -> String {
    let anchor = name.to_ascii_lowercase();
    format!("{}/blob/main/docs/runbook.md#{anchor}", env!("CARGO_PKG_REPOSITORY"))
}
