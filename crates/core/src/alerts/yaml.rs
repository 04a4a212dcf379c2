//! The alerts as the files that Prometheus and its operator read.

use std::fmt::Write as _;

use super::{Alert, alerts, runbook_url};

const HEADER: &str = "# Generated from crates/core/src/alerts. UPDATE_EXPECT=1 cargo test --test alerts rewrites it.\n";
/// The widest line of a folded text.
const WIDTH: usize = 100;

/// The file of rules.
pub fn rules() -> String {
    format!("{HEADER}{}", groups(""))
}

/// The same rules as an object of the Prometheus operator.
pub fn operator_object() -> String {
    format!(
        "{HEADER}apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: anchorwatch\n  labels:\n    app.kubernetes.io/name: anchorwatch\nspec:\n{}",
        groups("  ")
    )
}

fn groups(margin: &str) -> String {
    let (of_findings, of_daemon): (Vec<Alert>, Vec<Alert>) =
        alerts().into_iter().partition(|alert| alert.labels.is_empty());
    let mut out = format!("{margin}groups:\n");
    for (name, alerts) in [("anchorwatch-findings", of_findings), ("anchorwatch", of_daemon)] {
        let _ = write!(out, "{margin}  - name: {name}\n{margin}    rules:\n");
        for alert in &alerts {
            rule(&mut out, &format!("{margin}      "), alert);
        }
    }
    out
}

fn rule(out: &mut String, margin: &str, alert: &Alert) {
    let _ = writeln!(out, "{margin}- alert: {}", alert.name);
    let _ = writeln!(out, "{margin}  expr: |-");
    for line in alert.expr.lines() {
        let _ = writeln!(out, "{margin}    {line}");
    }
    if let Some(hold) = alert.hold {
        let _ = writeln!(out, "{margin}  for: {hold}");
    }
    if !alert.labels.is_empty() {
        let _ = writeln!(out, "{margin}  labels:");
        for (label, value) in &alert.labels {
            let _ = writeln!(out, "{margin}    {label}: {value}");
        }
    }
    let _ = writeln!(out, "{margin}  annotations:");
    folded(out, margin, "summary", alert.summary);
    folded(out, margin, "description", &alert.description);
    let _ = writeln!(out, "{margin}    runbook_url: {}", runbook_url(&alert.name));
    let _ = writeln!(out, "{margin}    dashboard_url: \"{}\"", alert.dashboard);
}

/// A text in lines, which YAML joins by a space.
fn folded(out: &mut String, margin: &str, key: &str, text: &str) {
    let _ = writeln!(out, "{margin}    {key}: >-");
    let mut width = 0;
    for word in text.split(' ') {
        if width == 0 {
            let _ = write!(out, "{margin}      {word}");
        } else if WIDTH < width + 1 + word.len() {
            let _ = write!(out, "\n{margin}      {word}");
            width = 0;
        } else {
            let _ = write!(out, " {word}");
        }
        width += 1 + word.len();
    }
    out.push('\n');
}
