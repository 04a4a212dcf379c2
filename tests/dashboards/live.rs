//! A real Prometheus scrapes the real daemon while three trust domains rotate, and answers every
//! question of every board.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anchorwatch::daemon::SystemClock;
use anchorwatch::demo::{Character, Scene};
use anchorwatch_core::alerts::JOB;
use anchorwatch_core::time::{Clock as _, Timestamp};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::board::{Asks, Board, Query, array, boards, legend_labels, text};
use super::process::{Partner, Process, anchorwatch};
use super::prometheus::Prometheus;

/// Twice what the story takes.
const PATIENCE: Duration = Duration::from_mins(3);
/// A trust domain whose endpoint is not there.
const GONE: &str = "gone.example";

/// The panels that another trust domain fills than the one whose story is told.
const OF_ANOTHER: &[(&str, &str, &str)] =
    &[("Failed polls by reason", GONE, "the endpoints of the three answer each poll")];
/// The panels that are empty again once what they show has ended.
const ENDS: &[(&str, &str)] = &[("At risk until", "the last token expires 16 s after the removal")];

/// What is watched, and who watches.
struct Stage {
    began: Timestamp,
    until: CancellationToken,
    folder: TempDir,
    daemon: Process,
    prometheus: Prometheus,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.until.cancel();
    }
}

impl Stage {
    /// Three trust domains that rotate in seconds, one that is not there, and an Alertmanager that
    /// is not there either.
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let began = SystemClock.now();
        let mut scene = Scene::start(Arc::new(SystemClock)).await.unwrap();
        let gone = Partner::start(GONE).await.relationship(folder.path());
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = folder.path().join("anchorwatch.yaml");
        let text = scene.configuration();
        std::fs::write(
            &config,
            format!("alertmanagers: [{{url: 'http://{nobody}'}}]\n{text}{gone}"),
        )
        .unwrap();
        let until = CancellationToken::new();
        let end = until.clone();
        tokio::spawn(async move { scene.run(end).await.unwrap() });
        let daemon = Process::start(&config);
        let prometheus = Prometheus::start(folder.path(), &daemon.address);
        Self { began, until, folder, daemon, prometheus }
    }

    /// Waits for something, asking again and again.
    #[track_caller]
    fn wait<T>(&self, what: &str, holds: impl Fn(&Self) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = holds(self) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "never {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A question with the variables filled in as Grafana does.
    fn filled(&self, expr: &str, trust_domain: &str) -> String {
        let run = SystemClock.now().since(self.began).unwrap_or_default().as_secs();
        let variables = [
            // Four scrapes, as Grafana reckons.
            ("$__rate_interval", "4s".to_owned()),
            ("$__range", format!("{run}s")),
            ("$job", JOB.to_owned()),
            ("$instance", ".+".to_owned()),
            ("$trust_domain", trust_domain.to_owned()),
        ];
        let filled = variables
            .into_iter()
            .fold(expr.to_owned(), |expr, (name, value)| expr.replace(name, &value));
        assert!(!filled.contains('$'), "{filled}");
        filled
    }

    /// The series that answer a question, those without a number left out.
    #[track_caller]
    fn answer(&self, query: &Query, trust_domain: &str) -> Vec<Value> {
        let expr = self.filled(&query.expr, trust_domain);
        let (start, end) = (self.began, SystemClock.now());
        let [start, end] = [start, end].map(|at| format!("{:.3}", at.as_unix_seconds()));
        let data = if query.asks == Asks::Now {
            self.prometheus.ask("query", &[("query", &expr), ("time", &end)])
        } else {
            let range = [("query", expr.as_str()), ("start", &start), ("end", &end), ("step", "1")];
            self.prometheus.ask("query_range", &range)
        };
        let data = data.unwrap_or_else(|why| panic!("{}: {why}\n{expr}", query.whence));
        let series = array(&data["result"]).iter();
        series.filter(|one| numbers(one).next().is_some()).cloned().collect()
    }
}

/// The values of a series.
fn numbers(series: &Value) -> impl Iterator<Item = f64> {
    let samples = array(&series["values"]).iter().chain([&series["value"]]);
    samples
        .filter_map(|sample| sample[1].as_str()?.parse().ok())
        .filter(|value: &f64| !value.is_nan())
}

/// A question, and about which trust domain it is asked.
fn asked(board: &Board) -> Vec<(Query, String)> {
    let all =
        board.variables().iter().any(|one| one["name"] == "trust_domain" && one["multi"] == true);
    let careless = Character::Careless.trust_domain();
    let about = |query: Query| {
        let another = OF_ANOTHER.iter().find(|(title, ..)| query.panel["title"] == *title);
        let name = another.map_or(careless, |(_, name, _)| name);
        let value = if all { ".+".to_owned() } else { name.replace('.', "\\\\.") };
        (query, value)
    };
    board.queries().into_iter().map(about).collect()
}

/// Every question has an answer while the story goes on, and, but for what ended, at its end.
fn every_question_has_an_answer(stage: &Stage) {
    let all: Vec<_> = boards().iter().flat_map(asked).collect();
    let mut waiting: Vec<usize> = (0..all.len()).collect();
    let began = Instant::now();
    loop {
        waiting.retain(|place| stage.answer(&all[*place].0, &all[*place].1).is_empty());
        if waiting.is_empty() {
            break;
        }
        let missing: Vec<&str> = waiting.iter().map(|place| &*all[*place].0.whence).collect();
        assert!(began.elapsed() < PATIENCE, "never any data for {missing:#?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    for (query, trust_domain) in &all {
        let series = stage.answer(query, trust_domain);
        let ends = ENDS.iter().any(|(title, _)| query.panel["title"] == *title);
        assert!(ends || !series.is_empty(), "{}: empty at the end", query.whence);
        if !series.is_empty() {
            fits_its_panel(query, &series);
        }
    }
    eprintln!("{} questions answered", all.len());
}

/// What a legend and a mapping name is there.
fn fits_its_panel(query: &Query, series: &[Value]) {
    let labels: BTreeSet<&str> = series
        .iter()
        .filter_map(|one| one["metric"].as_object())
        .flat_map(|metric| metric.keys().map(String::as_str))
        .collect();
    for label in legend_labels(&query.legend) {
        assert!(labels.contains(label), "{}: no {label} in {labels:?}", query.whence);
    }
    if query.panel["type"] != "state-timeline" {
        return;
    }
    let mappings = array(&query.panel["fieldConfig"]["defaults"]["mappings"]);
    let named: BTreeSet<&str> = mappings
        .iter()
        .filter_map(|one| one["options"].as_object())
        .flat_map(|options| options.keys().map(String::as_str))
        .collect();
    for value in series.iter().flat_map(numbers).map(|value| value.to_string()) {
        assert!(named.contains(value.as_str()), "{}: {value} has no name", query.whence);
    }
}

/// The columns of a table are labels of what it asks, or values.
fn every_column_is_there(stage: &Stage) {
    for board in boards() {
        let all = asked(&board);
        for panel in board.panels().filter(|panel| panel["type"] == "table") {
            let title = text(&panel["title"]);
            if ENDS.iter().any(|(ends, _)| *ends == title) {
                continue;
            }
            let of_panel = all.iter().filter(|(query, _)| query.panel["id"] == panel["id"]);
            let rows: Vec<Value> =
                of_panel.flat_map(|(query, about)| stage.answer(query, about)).collect();
            let organize = array(&panel["transformations"]).last().unwrap();
            for column in organize["options"]["indexByName"].as_object().unwrap().keys() {
                let is_there = column.starts_with("Value")
                    || rows.iter().any(|row| row["metric"][column].is_string());
                assert!(is_there, "{title}: no {column}");
            }
        }
    }
}

/// Each variable that is asked for has something to choose from.
fn every_variable_has_values(stage: &Stage) {
    for variable in boards().iter().flat_map(|board| board.variables().to_vec()) {
        let Some(inner) = text(&variable["definition"]).strip_prefix("label_values(") else {
            assert_ne!(variable["type"], "query", "{variable}");
            continue;
        };
        let (series, label) = inner.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
        let series = stage.filled(series, ".+");
        let path = format!("label/{label}/values");
        let values = stage.prometheus.ask(&path, &[("match[]", &series)]).unwrap();
        let least = if label == "trust_domain" { 4 } else { 1 };
        assert_eq!(array(&values).len(), least, "{label}: {values}");
    }
}

/// The question of a panel of the overview.
fn of_overview(title: &str) -> Query {
    let mut queries = boards()[0].queries().into_iter();
    queries.find(|query| query.panel["title"] == title).unwrap()
}

/// How urgent a finding is in the table of those that are open.
fn urgency(stage: &Stage, of: Character, kind: &str) -> Option<u8> {
    let rows = stage.answer(&of_overview("Open findings"), ".+");
    let name = of.trust_domain();
    let mut rows = rows
        .iter()
        .filter(|row| row["metric"]["trust_domain"] == name && row["metric"]["kind"] == kind);
    rows.next().and_then(|row| row["value"][1].as_str()?.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_question_of_every_board_is_answered() {
    let mut stage = Stage::set().await;
    let careless = Character::Careless.trust_domain();
    // A key goes while tokens that it signed are alive, and someone looks at it.
    let id = stage.wait("an early removal", |stage| {
        let findings = stage.daemon.findings();
        let early = findings
            .iter()
            .find(|one| one["trust_domain"] == careless && one["kind"] == "early_removal")?;
        Some(text(&early["id"]).to_owned())
    });
    stage.wait("an early removal in the table", |stage| {
        urgency(stage, Character::Careless, "early_removal").filter(|urgency| *urgency == 2)
    });
    let decided = anchorwatch(&stage.folder.path().join("anchorwatch.yaml"), &["ack", &id])
        .args(["--by=j.doe", "--reason=CHG-1", "--yes"])
        .output()
        .unwrap();
    assert!(decided.status.success(), "{}", String::from_utf8_lossy(&decided.stderr));

    every_question_has_an_answer(&stage);
    every_column_is_there(&stage);
    every_variable_has_values(&stage);

    let acked = |stage: &Stage| urgency(stage, Character::Careless, "early_removal").is_none();
    stage.wait("no early removal", |stage| acked(stage).then_some(()));
    let urgency_of_rogue =
        |stage: &Stage| urgency(stage, Character::Attacked, "unexpected_authority");
    assert_eq!(urgency_of_rogue(&stage), Some(3));

    // The daemon goes away: nothing that was open seems to be over.
    stage.daemon.child.kill().unwrap();
    stage.daemon.child.wait().unwrap();
    let turn = of_overview("Scheduler's last run");
    stage.wait("no daemon", |stage| stage.answer(&turn, ".+").is_empty().then_some(()));
    assert_eq!(urgency_of_rogue(&stage), Some(3));
    let critical = stage.answer(&of_overview("Critical"), ".+");
    assert!(numbers(&critical[0]).next() >= Some(1.0), "{critical:?}");
}
