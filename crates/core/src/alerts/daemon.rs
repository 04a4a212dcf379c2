//! The alerts over the daemon itself: who watches the watch.

use super::finding::{self, About};
use super::{Alert, GRAFANA, JOB};
use crate::finding::FindingKind;

/// One of them as it is written down here: `{}` in its expression is the selector of the job.
struct Rule {
    name: &'static str,
    expr: &'static str,
    hold: Option<&'static str>,
    severity: &'static str,
    summary: &'static str,
    description: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        name: "AnchorwatchDown",
        // Both "the target is gone" and "all are down".
        expr: "absent(up{} == 1)",
        hold: Some("5m"),
        severity: "critical",
        summary: "No anchorwatch is up: no trust domain is polled.",
        description: "No target of the job answers. Alerts that were open stay open for 24 hours, and no new ones are raised. Restart the daemon: its store survives.",
    },
    Rule {
        name: "AnchorwatchStoreCreated",
        // A restart within that hour does not end it.
        expr: "time() - last_over_time(anchorwatch_store_created_timestamp_seconds{}[1h]) < 3600",
        hold: None,
        severity: "critical",
        summary: "The store is new: all earlier records are lost, and the bundles that are served now become the baseline.",
        description: "The store of {{ $labels.instance }} was created {{ $value | humanizeDuration }} ago. Unless this is its first start, find out what happened to the old one: a key that an attacker added in the meantime is now part of the baseline.",
    },
    Rule {
        name: "AnchorwatchConfigReloadFailed",
        expr: "max_over_time(anchorwatch_config_last_reload_successful{}[5m]) == 0",
        hold: Some("10m"),
        severity: "warning",
        summary: "The configuration was refused: the previous one stays in force.",
        description: "{{ $labels.instance }} refused its configuration at the last reload and runs with the previous one. `anchorwatch config check` lists every fault.",
    },
    Rule {
        name: "AnchorwatchNotificationsFailing",
        // One burst of drops is told too: the window outlasts the wait.
        expr: "(\n    rate(anchorwatch_notifications_errors_total{}[15m])\n  /\n    rate(anchorwatch_notifications_total{}[15m])\n) > 0.01\nor\n  increase(anchorwatch_notifications_dropped_total{}[1h]) > 0",
        hold: Some("15m"),
        severity: "warning",
        summary: "Pushed alerts do not reach an Alertmanager.",
        description: "{{ $labels.instance }} fails to push to {{ $labels.alertmanager }}. The rules still page, one scrape and one evaluation later. Check the address, the certificate and the password.",
    },
    Rule {
        name: "AnchorwatchFindingsDropped",
        // A scrape that fails ends nothing.
        expr: "max by (job, trust_domain, kind, use) (last_over_time(anchorwatch_findings_dropped{}[15m])) > 0",
        hold: None,
        severity: "warning",
        summary: "A trust domain has more findings of one kind than are listed.",
        description: "{{ $labels.trust_domain }}: {{ $value }} findings of the kind {{ $labels.kind }} raise no alert of their own. `AnchorwatchFindingsFlood` pages in their place. A flood of findings may hide a single one.",
    },
    Rule {
        name: "AnchorwatchCrashLooping",
        expr: "changes(process_start_time_seconds{}[1h]) > 4",
        hold: None,
        severity: "warning",
        summary: "The daemon restarts repeatedly.",
        description: "{{ $labels.instance }} started {{ $value }} times within an hour. Its log has the reason.",
    },
];

/// A finding about the watch itself, which is pushed too: its rule carries the name and the kind of the
/// pushed alert, so that Alertmanager takes them for one.
struct WatchRule {
    kind: FindingKind,
    /// What the metrics alone say, should the task that finds it be dead: a value for each series that
    /// is wrong, whatever the value.
    expr: &'static str,
}

const WATCH_RULES: &[WatchRule] = &[
    WatchRule {
        kind: FindingKind::SchedulerStalled,
        expr: "time() - anchorwatch_scheduler_last_tick_timestamp_seconds{} > 60",
    },
    WatchRule {
        kind: FindingKind::StateNotPersisted,
        expr: "time() - anchorwatch_state_last_persist_success_timestamp_seconds{} > 900\n    or\n      increase(anchorwatch_state_events_lost_total{}[1h]) > 0",
    },
    WatchRule {
        kind: FindingKind::StoreDamaged,
        // A restart within that time does not end it: what is damaged is found again soon after.
        expr: "max_over_time(anchorwatch_store_damaged{}[15m]) > 0",
    },
];

fn selector(expr: &str) -> String {
    expr.replace("{}", &format!("{{job=\"{JOB}\"}}"))
}

impl WatchRule {
    fn alert(&self) -> Alert {
        let Self { kind, expr } = self;
        let expr = format!(
            "max by (job, instance) (anchorwatch_finding_open{{job=\"{JOB}\", kind=\"{kind}\"}}) == 1\nor\n  max by (job, instance) (\n      {}\n  )",
            selector(expr)
        );
        Alert {
            name: finding::name(*kind),
            expr,
            hold: None,
            labels: vec![("severity", kind.severity().label()), ("kind", kind.label())],
            summary: finding::summary(*kind),
            description: finding::description(*kind, About::Labels),
            dashboard: format!("{GRAFANA}/d/anchorwatch-overview"),
        }
    }
}

pub(super) fn alerts() -> impl Iterator<Item = Alert> {
    RULES.iter().map(Rule::alert).chain(WATCH_RULES.iter().map(WatchRule::alert))
}

impl Rule {
    fn alert(&self) -> Alert {
        let rule = self;
        let mut labels = vec![("severity", rule.severity)];
        // absent() of anything but a plain selector carries no labels, and an inhibition that
        // demands an equal job would never match.
        if rule.expr.starts_with("absent") {
            labels.insert(0, ("job", JOB));
        }
        Alert {
            name: rule.name.to_owned(),
            expr: selector(rule.expr),
            hold: rule.hold,
            labels,
            summary: rule.summary,
            description: rule.description.to_owned(),
            dashboard: format!("{GRAFANA}/d/anchorwatch-overview"),
        }
    }
}
