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
#[path = "dashboards/mutations.rs"]
mod mutations;
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
use serde_json::json;

#[test]
fn the_boards_are_in_order() {
    let faults: Vec<String> = boards().iter().flat_map(lint::faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn both_boards_have_the_variables_of_the_alerts_links() {
    for alert in anchorwatch_core::alerts::alerts() {
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

#[test]
fn whatever_befalls_a_board_is_found() {
    for board in boards() {
        for (what, befall, word) in mutations::MUTATIONS {
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
