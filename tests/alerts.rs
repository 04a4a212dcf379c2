//! The alerts fire, hold, end and are routed as they should, by the programs that will do it.

#![cfg(test)]

#[path = "alerts/units.rs"]
mod units;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anchorwatch::metrics::{Registered, catalogue};
use anchorwatch_core::alerts::{Alert, alerts, name, operator_object, rules, runbook_url};
use anchorwatch_core::finding::FindingKind;
use serde_json::{Value, json};

const RULES: &str = "alerts/anchorwatch.rules.yaml";
const OBJECT: &str = "alerts/prometheusrule.yaml";
/// Generated: what all rules over findings have in common.
const COMMON: &str = "alerts/findings.test.yaml";
/// Written by hand: the rules over the daemon, and what findings have beside.
const OWN: &str = "alerts/anchorwatch.test.yaml";
/// What takes hours.
const HOURS: &str = "alerts/hours.test.yaml";
const MIXIN: &str = "alerts/mixin/rules.json";
const ROUTES: &str = "alerts/alertmanager.example.yaml";
const RUNBOOK: &str = "docs/runbook.md";

/// Compares with a file that is checked in, or writes it.
#[track_caller]
fn expect_file(path: &str, text: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, text).unwrap();
    }
    let there = fs::read_to_string(path).unwrap_or_default();
    assert!(there == text, "{path} is not up to date (UPDATE_EXPECT=1 rewrites it)");
}

fn output(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|why| {
        panic!("cannot start {program} ({why}): `make packages` installs what the tests call")
    })
}

/// Runs a program that must find nothing to complain of, and gives what it said.
#[track_caller]
fn run(program: &str, arguments: &[&str]) -> String {
    let output = output(program, arguments);
    let said = [&output.stdout, &output.stderr].map(|out| String::from_utf8_lossy(out));
    let said = said.concat();
    assert!(output.status.success(), "{program} {arguments:?}\n{said}");
    said
}

/// The rules as JSON: what the mixin imports.
fn json() -> String {
    let (findings, daemon): (Vec<_>, Vec<_>) =
        alerts().into_iter().partition(|alert| alert.labels.is_empty());
    let group = |name: &str, alerts: Vec<Alert>| json!({"name": name, "rules": alerts.iter().map(rule).collect::<Vec<_>>()});
    let groups = json!({
        "groups": [group("anchorwatch-findings", findings), group("anchorwatch", daemon)]
    });
    format!("{groups:#}\n")
}

fn rule(alert: &Alert) -> Value {
    let mut rule = json!({
        "alert": alert.name,
        "expr": alert.expr,
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": runbook_url(&alert.name),
            "dashboard_url": alert.dashboard,
        },
    });
    if let Some(hold) = alert.hold {
        rule["for"] = hold.into();
    }
    for (label, value) in &alert.labels {
        rule["labels"][label] = (*value).into();
    }
    rule
}

#[test]
fn the_files_are_up_to_date() {
    expect_file(RULES, &rules());
    expect_file(OBJECT, &operator_object());
    expect_file(COMMON, &units::findings());
    expect_file(MIXIN, &json());
}

#[test]
fn every_kind_of_finding_has_one_rule_and_no_name_stands_twice() {
    let alerts = alerts();
    let names: BTreeSet<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(names.len(), alerts.len());
    let of_domains = || FindingKind::ALL.iter().filter(|kind| !kind.is_about_the_watch());
    for kind in of_domains() {
        let name = name(*kind);
        let rule = alerts.iter().find(|alert| alert.name == name).unwrap();
        let selected = rule.expr.matches(&format!("kind=\"{kind}\"")).count();
        assert_eq!(selected, rule.expr.matches("anchorwatch_finding_open{").count(), "{name}");
        // Its series says how urgent it is, and it waits for nothing.
        assert!(rule.labels.is_empty() && rule.hold.is_none(), "{name}");
    }
    let over_the_daemon = alerts.len() - of_domains().count();
    assert_eq!(over_the_daemon, 9);
    // What is pushed about the watch itself has the labels of its rule, but for where it comes from.
    for kind in FindingKind::ALL.iter().filter(|kind| kind.is_about_the_watch()) {
        let rule = alerts.iter().find(|alert| alert.name == name(*kind)).unwrap();
        let labels = [("severity", kind.severity().label()), ("kind", kind.label())];
        assert_eq!(rule.labels, labels);
        assert!(rule.hold.is_none(), "{}", rule.name);
    }
}

#[test]
fn promtool_finds_nothing_in_the_rules_to_complain_of() {
    run("promtool", &["check", "rules", "--lint=all", "--lint-fatal", RULES]);
}

#[test]
fn vmalert_takes_the_same_rules() {
    run("vmalert", &["-dryRun", &format!("-rule={RULES}")]);
    // It would have said so.
    let broken = tempfile::tempdir().unwrap();
    let file = broken.path().join("broken.yaml");
    fs::write(&file, rules().replace("unless on", "unless upon")).unwrap();
    let said = output("vmalert", &["-dryRun", &format!("-rule={}", file.display())]);
    assert!(!said.status.success());
}

#[test]
fn every_kind_of_finding_pages_holds_and_ends() {
    run("promtool", &["test", "rules", COMMON]);
}

#[test]
fn the_daemon_is_watched_and_no_finding_pages_twice() {
    run("promtool", &["test", "rules", OWN, HOURS]);
}

#[test]
fn each_alert_is_tested_to_fire_and_not_to_fire() {
    let tests = [COMMON, OWN, HOURS].map(|file| fs::read_to_string(file).unwrap()).concat();
    for alert in alerts() {
        let of = format!("alertname: {}", alert.name);
        let cases: Vec<&str> = tests.split(&of).skip(1).collect();
        let silent =
            |case: &&&str| case.trim_start_matches([',', ' ', '\n']).starts_with("exp_alerts: []");
        let silences = cases.iter().filter(silent).count();
        // Before and after, and between them.
        assert!(
            2 <= silences && silences < cases.len(),
            "{}: {silences} of {}",
            alert.name,
            cases.len()
        );
    }
}

#[test]
fn the_object_of_the_operator_holds_the_same_rules() {
    let (head, spec) =
        operator_object().split_once("spec:\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert!(head.contains("kind: PrometheusRule\n"));
    let spec: Vec<&str> =
        spec.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    assert_eq!(spec, rules().lines().skip(1).collect::<Vec<_>>());
}

#[test]
fn the_mixin_renders_the_same_rules_for_another_job() {
    let mixin = "(import 'alerts/mixin/mixin.libsonnet') + {_config+:: {job: 'watch', grafanaUrl: 'https://g.example'}}";
    let said = run("jsonnet", &["-e", &format!("({mixin}).prometheusAlerts")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rendered.json");
    fs::write(&file, &said).unwrap();
    run("promtool", &["check", "rules", file.to_str().unwrap()]);
    assert_eq!(said.matches("\"alert\": ").count(), alerts().len());
    assert!(said.contains("job=\\\"watch\\\"") && !said.contains("job=\\\"anchorwatch\\\""));
    assert!(said.contains("https://g.example/d/") && !said.contains("grafana.example"));
}

/// The metrics that the rules name, without those that Prometheus makes itself.
fn named_metrics() -> BTreeSet<String> {
    let text: String = alerts().into_iter().map(|alert| alert.expr).collect();
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let words = text
        .split(word)
        .filter(|word| word.starts_with("anchorwatch_") || word.starts_with("process_"));
    words.map(str::to_owned).collect()
}

#[test]
fn every_metric_of_a_rule_is_in_the_catalogue() {
    let mut known: BTreeSet<String> = catalogue().map(|family| family.name.to_owned()).collect();
    known.extend(Registered::new().unwrap().described().into_iter().map(|one| one.name));
    let named = named_metrics();
    // The rules on findings name one metric, those on the daemon one or more each.
    assert!(10 < named.len(), "{named:?}");
    let unknown: Vec<&String> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_example_routes_each_urgency_to_its_receiver() {
    run("amtool", &["check-config", ROUTES]);
    let cases: &[(&str, &[&str])] = &[
        (
            "pager",
            &[
                "alertname=AnchorwatchUnexpectedAuthority",
                "severity=critical",
                "trust_domain=b.example",
            ],
        ),
        (
            "pager",
            &["alertname=AnchorwatchUnexpectedAuthority", "severity=critical", "source=push"],
        ),
        ("pager", &["alertname=AnchorwatchDown", "severity=critical", "job=anchorwatch"]),
        (
            "tickets",
            &["alertname=AnchorwatchEarlyRemoval", "severity=warning", "trust_domain=b.example"],
        ),
        ("tickets", &["alertname=AnchorwatchConfigReloadFailed", "severity=warning"]),
        ("nobody", &["alertname=AnchorwatchObservationGap", "severity=info"]),
        ("everything-else", &["alertname=NodeDown", "severity=critical"]),
    ];
    for (receiver, labels) in cases {
        let verify = format!("--verify.receivers={receiver}");
        let config = format!("--config.file={ROUTES}");
        let mut arguments = vec!["config", "routes", "test", &config, &verify];
        arguments.extend(*labels);
        run("amtool", &arguments);
    }
}

#[test]
fn every_alert_has_its_section_in_the_runbook() {
    let runbook = fs::read_to_string(RUNBOOK).unwrap();
    let sections: Vec<&str> =
        runbook.lines().filter_map(|line| line.strip_prefix("## Anchorwatch")).collect();
    let names: Vec<String> = alerts().into_iter().map(|alert| alert.name).collect();
    let listed: Vec<String> = sections.iter().map(|rest| format!("Anchorwatch{rest}")).collect();
    assert_eq!(listed, names, "in the catalogue's order");
    assert!(Path::new(RUNBOOK).exists());
    for url in rules().lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")) {
        let (page, anchor) = url.rsplit_once('#').unwrap();
        assert!(page.ends_with(RUNBOOK), "{url}");
        let there = names.iter().any(|name| name.to_ascii_lowercase() == anchor);
        assert!(there, "{url}");
    }
}
