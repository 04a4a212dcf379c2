//! What a board must hold. Each rule gives the faults that it finds, so that a board which was
//! broken on purpose shows that it does.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_core::alerts::{self, JOB, alerts};
use anchorwatch_core::finding::FindingKind;
use serde_json::Value;

use super::board::{Asks, Board, Query, array, legend_labels, text};
use super::catalogue::{Known, known, values};
use super::promql::{Names, names};

/// What a board may have at its top: a misspelt key is ignored by Grafana, silently.
const BOARD_KEYS: &[&str] = &[
    "annotations",
    "description",
    "editable",
    "fiscalYearStartMonth",
    "graphTooltip",
    "links",
    "liveNow",
    "panels",
    "refresh",
    "schemaVersion",
    "tags",
    "templating",
    "time",
    "timepicker",
    "timezone",
    "title",
    "uid",
    "version",
    "weekStart",
];
/// What a panel may have.
const PANEL_KEYS: &[&str] = &[
    "datasource",
    "description",
    "fieldConfig",
    "gridPos",
    "id",
    "options",
    "targets",
    "title",
    "transformations",
    "type",
];
const TARGET_KEYS: &[&str] =
    &["datasource", "editorMode", "expr", "format", "instant", "legendFormat", "range", "refId"];
const PANEL_TYPES: &[&str] = &["bargauge", "stat", "state-timeline", "table", "timeseries"];
const UNITS: &[&str] = &["bytes", "cpm", "dateTimeFromNow", "none", "percentunit", "s", "short"];
const VARIABLES: &[&str] = &["datasource", "job", "instance", "trust_domain", "status_page"];
/// The functions that read a counter.
const RATES: &[&str] = &["increase", "rate"];
/// Those that look back at something else.
const LOOKS_BACK: &[&str] = &["changes", "last_over_time"];

/// All that is wrong with a board.
pub(crate) fn faults(board: &Board) -> Vec<String> {
    let mut faults = Vec::new();
    head(board, &mut faults);
    datasources("", &board.json, &mut faults);
    panels(board, &mut faults);
    places(board, &mut faults);
    variables(board, &mut faults);
    let known = known();
    for query in board.queries() {
        let mut say = |what: String| faults.push(format!("{}: {what}", query.whence));
        match names(&query.expr) {
            Ok(names) => expression(&query, &names, &known, &mut say),
            Err(why) => say(why),
        }
    }
    thresholds(board, &mut faults);
    faults
}

fn unknown_keys(whence: &str, object: &Value, allowed: &[&str], faults: &mut Vec<String>) {
    let keys = object.as_object().into_iter().flat_map(serde_json::Map::keys);
    for key in keys.filter(|key| !allowed.contains(&key.as_str())) {
        faults.push(format!("{whence}: unknown key {key}"));
    }
}

fn head(board: &Board, faults: &mut Vec<String>) {
    let json = &board.json;
    unknown_keys(board.file, json, BOARD_KEYS, faults);
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            faults.push(format!("{}: {what}", board.file));
        }
    };
    demand(json["schemaVersion"] == 39, "schemaVersion is not 39");
    demand(json["editable"] == false, "it can be edited, and provisioning would undo that");
    demand(json["graphTooltip"] == 1, "the crosshair is not shared");
    demand(json["timezone"] == "utc", "times are not UTC, as in every log");
    demand(["30s", "1m"].contains(&text(&json["refresh"])), "refresh");
    demand(!text(&json["title"]).is_empty(), "no title");
    demand(text(&json["description"]).ends_with(['.', '?']), "no description");
    // The alerts link to it.
    let uid = text(&json["uid"]);
    let linked = alerts().into_iter().any(|alert| {
        let path = alert.dashboard.trim_start_matches(alerts::GRAFANA);
        path.split('?').next() == Some(&format!("/d/{uid}"))
    });
    demand(linked, "no alert links to this uid");
    let links = array(&json["links"]);
    let to_others = |link: &&Value| {
        link["type"] == "dashboards"
            && array(&link["tags"]).iter().all(|tag| array(&json["tags"]).contains(tag))
            && link["keepTime"] == true
            && link["includeVars"] == true
    };
    demand(links.iter().any(|link| to_others(&link)), "no link to the other board");
    let to_page = |link: &Value| text(&link["url"]).starts_with("${status_page}");
    demand(links.iter().any(to_page), "no link to the status page");
}

/// Every data source is the variable, wherever it stands, and no uid but the board's own is there.
fn datasources(path: &str, value: &Value, faults: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                let path = format!("{path}/{key}");
                if key == "datasource" && !inner.is_null() {
                    if inner["type"] != "prometheus" || inner["uid"] != "${datasource}" {
                        faults.push(format!("{path} is {inner}"));
                    }
                    continue;
                }
                if (key == "uid" && path != "/uid") || key.starts_with("__") {
                    faults.push(format!("{path} is {inner}"));
                }
                datasources(&path, inner, faults);
            }
        }
        Value::Array(array) => {
            for (place, inner) in array.iter().enumerate() {
                datasources(&format!("{path}/{place}"), inner, faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

fn panels(board: &Board, faults: &mut Vec<String>) {
    let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
    for panel in board.everything() {
        let whence = format!("{}: {}", board.file, text(&panel["title"]));
        if panel["id"].as_u64().is_none_or(|id| !ids.insert(id)) {
            faults.push(format!("{whence}: its id {} is none, or another's", panel["id"]));
        }
        if text(&panel["title"]).is_empty() || !titles.insert(text(&panel["title"])) {
            faults.push(format!("{whence}: its title is empty, or another's"));
        }
    }
    for panel in board.panels() {
        let whence = format!("{}: {}", board.file, text(&panel["title"]));
        unknown_keys(&whence, panel, PANEL_KEYS, faults);
        let mut demand = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!("{whence}: {what}"));
            }
        };
        let defaults = &panel["fieldConfig"]["defaults"];
        demand(PANEL_TYPES.contains(&text(&panel["type"])), "a type that is not known");
        demand(text(&panel["description"]).ends_with('.'), "no description");
        demand(panel["datasource"].is_object(), "no data source");
        demand(UNITS.contains(&text(&defaults["unit"])), "no unit, or an unknown one");
        demand(!text(&defaults["noValue"]).is_empty(), "it does not say what no data means");
        for property in array(&panel["fieldConfig"]["overrides"])
            .iter()
            .flat_map(|one| array(&one["properties"]))
            .filter(|property| property["id"] == "unit")
        {
            demand(UNITS.contains(&text(&property["value"])), "an unknown unit in an override");
        }
        let targets = array(&panel["targets"]);
        demand(!targets.is_empty(), "it asks nothing");
        let refs: BTreeSet<&str> = targets.iter().map(|target| text(&target["refId"])).collect();
        demand(refs.len() == targets.len() && !refs.contains(""), "a refId twice, or none");
        for target in targets {
            let is_table = panel["type"] == "table";
            demand(target["datasource"].is_object(), "a target without a data source");
            demand((target["format"] == "table") == is_table, "a table asks for tables, only it");
            demand(target["instant"] != target["range"], "neither about now nor about a range");
            let over_time = ["timeseries", "state-timeline"].contains(&text(&panel["type"]));
            demand((target["range"] == true) == over_time, "what has an axis of time asks a range");
            demand(!over_time || !text(&target["legendFormat"]).is_empty(), "no legend");
        }
        for target in targets {
            unknown_keys(&whence, target, TARGET_KEYS, faults);
        }
    }
}

/// Panels lie in 24 columns, beside each other.
fn places(board: &Board, faults: &mut Vec<String>) {
    let mut taken: BTreeMap<(u64, u64), &str> = BTreeMap::new();
    for panel in board.everything() {
        let title = text(&panel["title"]);
        let side = |key: &str| panel["gridPos"][key].as_u64().unwrap_or(u64::MAX / 4);
        let (x, y, w, h) = (side("x"), side("y"), side("w"), side("h"));
        if w == 0 || h == 0 || 24 < x + w || 50 < h || 1_000 < y {
            faults.push(format!("{}: {title} lies outside", board.file));
            continue;
        }
        for place in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
            if let Some(other) = taken.insert(place, title).filter(|other| *other != title) {
                faults.push(format!("{}: {title} lies over {other}", board.file));
                break;
            }
        }
    }
}

fn variables(board: &Board, faults: &mut Vec<String>) {
    let mut say = |what: &str| faults.push(format!("{}: {what}", board.file));
    let named: Vec<&str> = board.variables().iter().map(|one| text(&one["name"])).collect();
    if named != VARIABLES {
        say(&format!("the variables are {named:?}"));
    }
    let mut users = board.json.clone();
    users["templating"] = Value::Null;
    // A variable is of use to a question, a link or another variable.
    let definitions = board.variables().iter().map(|one| text(&one["definition"]));
    let users = users.to_string() + &definitions.collect::<String>();
    for variable in board.variables() {
        let name = text(&variable["name"]);
        if ![format!("${name}"), format!("${{{name}")].iter().any(|use_| users.contains(use_)) {
            say(&format!("nobody uses ${name}"));
        }
        if text(&variable["label"]).is_empty() {
            say(&format!("${name} has no label"));
        }
        if name == "datasource" && variable["query"] != "prometheus" {
            say("the data source is not Prometheus's");
        }
        if variable["type"] != "query" {
            continue;
        }
        if variable["refresh"] != 2 {
            say(&format!("${name} is not asked anew with the time range"));
        }
        if variable["query"]["query"] != variable["definition"] {
            say(&format!("${name} is asked for otherwise than it is shown"));
        }
        if variable["includeAll"] == true && variable["allValue"] != ".+" {
            say(&format!("all of ${name} is not .+"));
        }
        if name == "job" && variable["current"]["value"] != serde_json::json!([JOB]) {
            say("the job is not the alerts'");
        }
    }
}

/// Metrics and labels are in the catalogue, counters are read as rates, and the variables choose.
fn expression(
    query: &Query,
    names: &Names,
    known: &BTreeMap<String, Known>,
    say: &mut impl FnMut(String),
) {
    if names.selectors.is_empty() {
        say("it asks for no metric".to_owned());
    }
    let mut labels: BTreeSet<&str> = BTreeSet::new();
    for selector in &names.selectors {
        let metric = &selector.metric;
        let Some(family) = known.get(metric) else {
            say(format!("{metric} is not exported"));
            continue;
        };
        labels.extend(family.labels.iter().map(String::as_str));
        for (label, operator, value) in &selector.matchers {
            if !family.labels.contains(label) {
                say(format!("{metric} has no label {label}"));
            }
            let alternatives = value.split('|').filter(|_| !value.starts_with('$'));
            if let Some(values) = values(metric, label) {
                for one in alternatives.filter(|one| !values.contains(one)) {
                    say(format!("{label} of {metric} is never {one}"));
                }
            } else if !value.starts_with('$') {
                say(format!("{label} of {metric} is written down: {operator} {value}"));
            }
        }
        for variable in ["job", "instance", "trust_domain"] {
            let has = family.labels.iter().any(|label| label == variable);
            if has && selector.matcher(variable) != Some(("=~", &format!("${variable}"))) {
                say(format!("${variable} does not choose {metric}"));
            }
        }
        let functions = if family.is_counter { RATES } else { LOOKS_BACK };
        let in_range = functions.contains(&selector.within.as_str());
        // Whether a counter is above zero is a question about the process.
        let as_it_is = query.expr.contains("process_start_time_seconds");
        if selector.range.is_some() != in_range || family.is_counter && !in_range && !as_it_is {
            say(format!("{metric} is read by {:?} over {:?}", selector.within, selector.range));
        }
        if let Some(range) = &selector.range
            && selector.within == "rate"
            && query.asks == Asks::Range
            && range != "$__rate_interval"
        {
            say(format!("a rate over {range}, whatever the zoom"));
        }
    }
    for label in &names.labels {
        if !labels.contains(label.as_str()) {
            say(format!("no metric here has the label {label}"));
        }
    }
    for label in legend_labels(&query.legend) {
        let kept = if names.labels.is_empty() {
            labels.contains(label)
        } else {
            names.labels.iter().any(|one| one == label)
        };
        if !kept {
            say(format!("the legend shows {label}, and nothing keeps it"));
        }
    }
}

/// Where a number on a board has its threshold from.
enum From {
    /// The number of findings that are open: one is one.
    Findings,
    /// The alert of this name compares with it.
    Alert(&'static str),
    /// An alert that is above it, of a whole number: the first that fires.
    AlertAbove(&'static str),
    /// The finding that is raised when so many intervals have passed.
    Intervals,
    /// The two laws: below 0 one is broken.
    Laws,
}

/// The panels with thresholds, and whence they are.
const THRESHOLDS: &[(&str, f64, From)] = &[
    ("Critical", 1.0, From::Findings),
    ("Warnings", 1.0, From::Findings),
    ("Not read", 1.0, From::Findings),
    ("Scheduler's last run", 60.0, From::Alert("AnchorwatchSchedulerStalled")),
    ("Hand-overs", 0.0, From::Laws),
    ("Slack", 0.0, From::Laws),
    ("Lead less the consumers' delay", 0.0, From::Laws),
    ("Each endpoint", 3.0, From::Intervals),
    ("Intervals since a good poll", 3.0, From::Intervals),
    ("Last write to the store", 900.0, From::Alert("AnchorwatchStateNotPersisted")),
    ("Age of the store", 3600.0, From::Alert("AnchorwatchStoreCreated")),
    ("Pushes that failed", 0.01, From::Alert("AnchorwatchNotificationsFailing")),
    ("Restarts", 5.0, From::AlertAbove("AnchorwatchCrashLooping")),
    ("Findings not shown", 1.0, From::Alert("AnchorwatchFindingsDropped")),
];

fn thresholds(board: &Board, faults: &mut Vec<String>) {
    for panel in board.panels() {
        let title = text(&panel["title"]);
        let mut say = |what: String| faults.push(format!("{}: {title}: {what}", board.file));
        let field = &panel["fieldConfig"];
        let overrides = array(&field["overrides"]).iter().flat_map(|one| array(&one["properties"]));
        let all = overrides
            .filter(|property| property["id"] == "thresholds")
            .map(|property| &property["value"])
            .chain([&field["defaults"]["thresholds"]]);
        let numbers: Vec<f64> = all
            .flat_map(|thresholds| array(&thresholds["steps"]))
            .filter_map(|step| step["value"].as_f64())
            .collect();
        let entry = THRESHOLDS.iter().find(|(of, ..)| *of == title);
        let Some((_, number, from)) = entry else {
            if !numbers.is_empty() {
                say(format!("thresholds {numbers:?} from nowhere"));
            }
            continue;
        };
        if numbers != [*number] {
            say(format!("the threshold is {numbers:?} and not {number}"));
        }
        let exprs: String = array(&panel["targets"]).iter().map(|one| text(&one["expr"])).collect();
        let holds = match from {
            From::Findings => {
                held_as_by_the_rules(&exprs) && exprs.contains("anchorwatch_finding_open")
            }
            From::Alert(name) => compares(name, *number),
            From::AlertAbove(name) => compares(name, number - 1.0),
            From::Intervals => FindingKind::SourceStale.raised().contains("three poll intervals"),
            From::Laws => true,
        };
        if !holds {
            say(format!("{number} is not what the alert compares with"));
        }
        if let From::Alert(name) | From::AlertAbove(name) = from
            && !array(&field["defaults"]["thresholds"]["steps"])
                .iter()
                .any(|step| step["color"] == colour_of(name))
        {
            say(format!("it is not {} where the alert is", colour_of(name)));
        }
    }
    // What is held must be held as long as by the rules.
    for query in board.queries().iter().filter(|query| query.expr.contains("last_over_time")) {
        if !held_as_by_the_rules(&query.expr) {
            faults.push(format!("{}: held otherwise than by the rules", query.whence));
        }
    }
}

/// The colour of an alert over the daemon.
fn colour_of(alert: &str) -> &'static str {
    let alerts = alerts();
    let labels = alerts.iter().filter(|one| one.name == alert).flat_map(|one| &one.labels);
    if labels.clone().any(|label| *label == ("severity", "critical")) { "red" } else { "orange" }
}

/// Whether an alert compares with this number; a count of what is above zero begins at one.
fn compares(alert: &str, number: f64) -> bool {
    let alerts = alerts();
    let Some(alert) = alerts.iter().find(|one| one.name == alert) else { return false };
    let numbers = alert.expr.split(['<', '>']).skip(1).filter_map(|behind| {
        behind.trim_start_matches('=').split_whitespace().next()?.parse::<f64>().ok()
    });
    let is = |a: f64, b: f64| (a - b).abs() < f64::EPSILON;
    let numbers: Vec<f64> = numbers.collect();
    numbers.iter().any(|one| is(*one, number) || is(*one, 0.0) && is(number, 1.0))
}

fn held_as_by_the_rules(expr: &str) -> bool {
    let windows = |expr: &str| -> BTreeSet<String> {
        let Ok(names) = names(expr) else { return BTreeSet::new() };
        let held = names.selectors.into_iter().filter(|one| one.within == "last_over_time");
        held.filter_map(|one| one.range).collect()
    };
    let of_rules = alerts().into_iter().filter(|alert| alert.labels.is_empty());
    let of_rules: BTreeSet<String> = of_rules.flat_map(|alert| windows(&alert.expr)).collect();
    windows(expr) == of_rules
}
