//! The unit tests of the rules over findings: the same for each kind, so they are generated.

use std::fmt::Write as _;

use anchorwatch_core::alerts::{About, description, name, runbook_url, summary};
use anchorwatch_core::finding::{FindingKind, FindingScope, Severity};

/// What the findings of a test are about: trust domain, use, subject.
type Subject = (&'static str, &'static str, &'static str);
const KEY: Subject = ("domain-b.example", "jwt-svid", "3f9c1a2b4d5e6f70");
const DOMAIN: Subject = ("domain-c.example", "", "");

/// A file for `promtool test rules`: all kinds in one test, since the rules are evaluated once then.
///
/// Each finding is open from minute 4; the daemon, or Prometheus, is away from minute 15 to 35; it
/// is open again until minute 41, and ended from minute 42. One that was never open stands beside.
pub(crate) fn findings() -> String {
    let mut out = String::from(
        "# Generated from tests/alerts/units.rs. UPDATE_EXPECT=1 cargo test --test alerts rewrites it.\n\
         # Each kind of finding: it fires, it holds while the daemon or Prometheus is away, it ends.\n\
         rule_files:\n  - anchorwatch.rules.yaml\n\nevaluation_interval: 1m\n\ntests:\n",
    );
    out.push_str("  - name: every kind of finding\n    interval: 1m\n    input_series:\n");
    series(&mut out, "up{job=\"anchorwatch\", instance=\"a:10464\"}", "1x60");
    for kind in of_domains() {
        // The daemon restarts, and every scrape fails; or Prometheus does, and there is none.
        for ((about, severity), away) in open(*kind).into_iter().zip(["stale _x20", "_x21"]) {
            let values = format!("_x4 1x10 {away} 1x5 0x20");
            series(&mut out, &finding_open(*kind, about, severity), &values);
        }
        let quiet = ("domain-d.example", "x509-svid", "0");
        series(&mut out, &finding_open(*kind, quiet, Severity::Critical), "0x60");
    }
    out.push_str("    alert_rule_test:\n");
    for kind in of_domains() {
        let name = name(*kind);
        let _ = writeln!(out, "      - {{eval_time: 3m, alertname: {name}, exp_alerts: []}}");
        let _ =
            writeln!(out, "      - eval_time: 4m\n        alertname: {name}\n        exp_alerts:");
        for (about, severity) in open(*kind) {
            alert(&mut out, *kind, about, severity);
        }
        let _ = writeln!(out, "      - {{eval_time: 42m, alertname: {name}, exp_alerts: []}}");
    }
    out.push_str("    promql_expr_test:\n");
    for (minute, fire) in
        [(3, false), (14, true), (16, true), (34, true), (41, true), (42, false), (60, false)]
    {
        firing(&mut out, minute, fire);
    }
    out
}

/// The kinds that are about a trust domain: those about the watch itself have rules of another form.
fn of_domains() -> impl Iterator<Item = &'static FindingKind> {
    FindingKind::ALL.iter().filter(|kind| !kind.is_about_the_watch())
}

/// Any kind may be critical: by itself, or since the configuration says so.
fn open(kind: FindingKind) -> [(Subject, Severity); 2] {
    [(KEY, kind.severity()), (DOMAIN, Severity::Critical)]
}

/// These alerts fire in this minute, and no other does.
fn firing(out: &mut String, minute: u32, fire: bool) {
    let _ = writeln!(out, "      - expr: ALERTS\n        eval_time: {minute}m");
    if !fire {
        out.push_str("        exp_samples: []\n");
        return;
    }
    out.push_str("        exp_samples:\n");
    for kind in of_domains() {
        for (about, severity) in open(*kind) {
            let labels = labels(*kind, about, severity);
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
            let _ = writeln!(
                out,
                "          - {{value: 1, labels: 'ALERTS{{alertname=\"{}\", alertstate=\"firing\", {}}}'}}",
                name(*kind),
                labels.join(", ")
            );
        }
    }
}

fn series(out: &mut String, series: &str, values: &str) {
    let _ = writeln!(out, "      - {{series: '{series}', values: '{values}'}}");
}

fn finding_open(
    kind: FindingKind,
    (trust_domain, svid_type, subject): Subject,
    severity: Severity,
) -> String {
    format!(
        "anchorwatch_finding_open{{job=\"anchorwatch\", instance=\"a:10464\", \
         trust_domain=\"{trust_domain}\", kind=\"{kind}\", use=\"{svid_type}\", \
         subject=\"{subject}\", severity=\"{severity}\"}}"
    )
}

/// The labels of an alert: those that are empty are none.
fn labels(
    kind: FindingKind,
    (trust_domain, svid_type, subject): Subject,
    severity: Severity,
) -> Vec<(&'static str, &'static str)> {
    let labels = [
        ("job", "anchorwatch"),
        ("trust_domain", trust_domain),
        ("kind", kind.label()),
        ("use", svid_type),
        ("subject", subject),
        ("severity", severity.label()),
    ];
    labels.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn alert(out: &mut String, kind: FindingKind, about: Subject, severity: Severity) {
    let labels: Vec<String> = labels(kind, about, severity)
        .iter()
        .map(|(name, value)| format!("{name}: \"{value}\""))
        .collect();
    let _ = writeln!(out, "          - exp_labels: {{{}}}", labels.join(", "));
    let (trust_domain, svid_type, subject) = about;
    let annotations = [
        ("summary", summary(kind).to_owned()),
        ("description", description(kind, About::Values { trust_domain, svid_type, subject })),
        ("runbook_url", runbook_url(&name(kind))),
        (
            "dashboard_url",
            match kind.scope() {
                FindingScope::TrustDomain => format!(
                    "https://grafana.example/d/anchorwatch-trust-domain?var-trust_domain={trust_domain}"
                ),
                FindingScope::Federation | FindingScope::Watch => {
                    "https://grafana.example/d/anchorwatch-overview".to_owned()
                }
            },
        ),
    ];
    out.push_str("            exp_annotations:\n");
    for (name, text) in annotations {
        let _ = writeln!(out, "              {name}: {}", serde_json::to_string(&text).unwrap());
    }
}
