//! The boards are in order, and each of their questions has an answer from the daemon.

#![cfg(test)]

#[path = "dashboards/board.rs"]
mod board;
#[path = "dashboards/catalogue.rs"]
mod catalogue;
#[path = "dashboards/lint.rs"]
mod lint;
#[cfg(feature = "demo")]
#[path = "dashboards/live.rs"]
mod live;
#[cfg(feature = "demo")]
#[path = "support/process.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod process;
#[cfg(feature = "demo")]
#[path = "dashboards/prometheus.rs"]
mod prometheus;
#[path = "dashboards/promql.rs"]
mod promql;

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use board::{Board, array, boards, text};
use serde_json::{Value, json};

#[test]
fn the_boards_are_in_order() {
    let faults: Vec<String> = boards().iter().flat_map(lint::faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn both_boards_have_the_variables_of_the_alerts_links() {
    for alert in anchorwatch::alerts::alerts() {
        let (path, query) = alert.dashboard.split_once('?').unwrap_or((&alert.dashboard, ""));
        let boards = boards();
        let board = boards.iter().find(|one| path.ends_with(text(&one.json["uid"]))).unwrap();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let variable = pair.strip_prefix("var-").unwrap().split('=').next().unwrap();
            let has = board.variables().iter().any(|one| one["name"] == variable);
            assert!(has, "{}: {}", alert.name, alert.dashboard);
        }
    }
}

/// An expression with Grafana's variables filled in.
fn filled(expr: &str) -> String {
    let variables = [("$__rate_interval", "1m"), ("$__range", "1h")];
    variables.into_iter().fold(expr.to_owned(), |expr, (name, value)| expr.replace(name, value))
}

/// Asks Prometheus' own parser, through rules that no one loads.
fn parses(exprs: &[String]) -> Result<(), String> {
    let mut rules = String::from("groups:\n- name: boards\n  rules:\n");
    for (place, expr) in exprs.iter().enumerate() {
        let _ = writeln!(rules, "  - record: board:{place}:ratio\n    expr: {}", json!(expr));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, rules).unwrap();
    let said = Command::new("promtool").args(["check", "rules"]).arg(&file).output();
    let said = said.expect("`make packages` installs what the tests call");
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    if said.status.success() { Ok(()) } else { Err(text.into_owned()) }
}

#[test]
fn prometheus_can_parse_every_question() {
    let boards = boards();
    let queries = boards.iter().flat_map(Board::queries);
    let exprs: Vec<String> = queries.map(|query| filled(&query.expr)).collect();
    parses(&exprs).unwrap();
    let broken = exprs[0].replacen('(', "((", 1);
    assert!(parses(&[broken]).is_err());
}

/// What may befall a board, and a word of the fault that must be found.
fn mutations() -> Vec<(&'static str, fn(&mut Value), &'static str)> {
    vec![
        ("a misspelt key of the board", |b| b["refesh"] = "5s".into(), "unknown key refesh"),
        ("editable", |b| b["editable"] = true.into(), "can be edited"),
        ("another schema", |b| b["schemaVersion"] = 42.into(), "schemaVersion"),
        ("another uid", |b| b["uid"] = "mine".into(), "no alert links"),
        ("inputs", |b| b["__inputs"] = json!([]), "__inputs"),
        (
            "no link to the page",
            |b| drop(b["links"].as_array_mut().unwrap().remove(1)),
            "status page",
        ),
        (
            "a data source written down in a panel of any type",
            |b| b["panels"][0]["datasource"]["uid"] = "P1809F7CD0C75ACF3".into(),
            "/panels/0/datasource",
        ),
        (
            "a data source written down in a target",
            |b| b["panels"][1]["targets"][0]["datasource"]["uid"] = "x".into(),
            "/panels/1/targets/0/datasource",
        ),
        (
            "a data source written down in an annotation",
            |b| b["annotations"]["list"][0]["datasource"] = "Prometheus".into(),
            "/annotations/list/0/datasource",
        ),
        ("no data source", |b| b["panels"][0]["datasource"] = Value::Null, "no data source"),
        ("an id twice", |b| b["panels"][1]["id"] = b["panels"][0]["id"].clone(), "its id"),
        ("an unknown type", |b| b["panels"][0]["type"] = "stats".into(), "a type"),
        ("no description", |b| b["panels"][0]["description"] = "".into(), "no description"),
        ("no title", |b| b["panels"][0]["title"] = "".into(), "its title"),
        ("no unit", |b| b["panels"][0]["fieldConfig"]["defaults"]["unit"] = "".into(), "no unit"),
        (
            "an odd unit",
            |b| b["panels"][0]["fieldConfig"]["defaults"]["unit"] = "sec".into(),
            "unit",
        ),
        ("a misspelt key of a panel", |b| b["panels"][0]["desciption"] = "x.".into(), "desciption"),
        ("no question", |b| b["panels"][0]["targets"] = json!([]), "asks nothing"),
        ("over another", |b| b["panels"][1]["gridPos"]["x"] = 2.into(), "lies over"),
        ("too wide", |b| b["panels"][0]["gridPos"]["w"] = 30.into(), "lies outside"),
        ("no legend", |b| series(b)["targets"][0]["legendFormat"] = "".into(), "no legend"),
        (
            "a legend of nothing",
            |b| series(b)["targets"][0]["legendFormat"] = "{{pod}}".into(),
            "the legend shows pod",
        ),
        ("another threshold", |b| threshold(b, 2), "the threshold is"),
        ("variables not refreshed", |b| variable(b)["refresh"] = 1.into(), "not asked anew"),
        ("another all", |b| variable(b)["allValue"] = ".*".into(), "is not .+"),
        ("another job", |b| variable(b)["current"]["value"] = json!(["spire"]), "the job"),
        ("an unknown metric", |b| replace(b, "finding_open", "findings_open"), "is not exported"),
        ("an unknown label", |b| replace(b, "severity=", "urgency="), "no label urgency"),
        ("an unknown value", |b| replace(b, "\"critical\"", "\"page\""), "is never page"),
        ("an unknown grouping", |b| replace(b, "(trust_domain, kind,", "(domain, kind,"), "domain"),
        ("a label written down", |b| replace(b, "$job", "anchorwatch"), "does not choose"),
        ("broken", |b| replace(b, "count(", "count((("), "stays open"),
        ("held otherwise", |b| replace(b, "[24h]", "[1h]"), "held otherwise"),
        (
            "a counter as it is, with matchers",
            |b| {
                expr(
                    b,
                    "anchorwatch_source_polls_total{job=~\"$job\", instance=~\"$instance\", trust_domain=~\"$trust_domain\"}",
                )
            },
            "is read by",
        ),
        (
            "a rate of a gauge",
            |b| {
                expr(
                    b,
                    "rate(anchorwatch_source_up{job=~\"$job\", instance=~\"$instance\", trust_domain=~\"$trust_domain\"}[5m])",
                )
            },
            "is read by",
        ),
    ]
}

fn series(board: &mut Value) -> &mut Value {
    let panels = board["panels"].as_array_mut().unwrap();
    panels.iter_mut().find(|panel| panel["type"] == "timeseries").unwrap()
}

fn variable(board: &mut Value) -> &mut Value {
    &mut board["templating"]["list"][1]
}

fn threshold(board: &mut Value, number: u32) {
    board["panels"][0]["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] =
        number.into();
}

fn replace(board: &mut Value, from: &str, to: &str) {
    let changed = text(&board["panels"][0]["targets"][0]["expr"]).replace(from, to);
    expr(board, &changed);
}

fn expr(board: &mut Value, expr: &str) {
    board["panels"][0]["targets"][0]["expr"] = expr.into();
}

#[test]
fn whatever_befalls_a_board_is_found() {
    for board in boards() {
        for (what, befall, word) in mutations() {
            let mut broken = board.clone();
            befall(&mut broken.json);
            assert_ne!(broken.json, board.json, "{what}");
            let faults = lint::faults(&broken);
            let found = faults.iter().any(|fault| fault.contains(word));
            assert!(found, "{}: {what}: {faults:?}", board.file);
        }
    }
}

#[test]
fn the_first_screen_has_no_row_and_a_board_is_no_wall() {
    for board in boards() {
        let first = board.everything().iter().take_while(|panel| panel["type"] != "row");
        let lowest = first.map(|one| one["gridPos"]["y"].as_u64().unwrap()).max().unwrap();
        assert!((8..=20).contains(&lowest), "{}: {lowest}", board.file);
        assert!(board.panels().count() <= 26, "{}", board.file);
        let asked = board.panels().map(|panel| array(&panel["targets"]).len()).sum::<usize>();
        assert!(asked <= 60, "{}: {asked} questions at every refresh", board.file);
    }
}

#[test]
fn the_provisioning_names_what_is_packaged() {
    let provider = fs::read_to_string("dashboards/provisioning/dashboards.yaml").unwrap();
    let path = provider.lines().find_map(|line| line.trim().strip_prefix("path: ")).unwrap();
    let packaged = fs::read_to_string("Cargo.toml").unwrap();
    assert!(packaged.contains(&format!("\"{}/\"", path.trim_start_matches('/'))), "{path}");
    let source = fs::read_to_string("dashboards/provisioning/datasources.yaml").unwrap();
    for line in ["apiVersion: 1", "type: prometheus"] {
        assert!(source.contains(line), "{line}");
    }
}
