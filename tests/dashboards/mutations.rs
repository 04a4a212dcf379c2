//! What may befall a board. Those that a common linter or the schema of dashboards miss are among
//! them.

use serde_json::{Value, json};

use super::board::text;

/// What it is, how it happens, and a word of the fault that must be found.
pub(crate) type Mutation = (&'static str, fn(&mut Value), &'static str);

pub(crate) const MUTATIONS: &[Mutation] = &[
    ("a misspelt key of the board", |b| b["refesh"] = "5s".into(), "unknown key refesh"),
    ("editable", |b| b["editable"] = true.into(), "can be edited"),
    ("another schema", |b| b["schemaVersion"] = 42.into(), "schemaVersion"),
    ("another uid", |b| b["uid"] = "mine".into(), "no alert links"),
    ("inputs", |b| b["__inputs"] = json!([]), "__inputs"),
    ("no link to the page", |b| drop(b["links"].as_array_mut().unwrap().remove(1)), "status page"),
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
    ("an odd unit", |b| b["panels"][0]["fieldConfig"]["defaults"]["unit"] = "sec".into(), "unit"),
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
        |b| expr(b, "anchorwatch_source_polls_total{CHOSEN}"),
        "is read by",
    ),
    ("a rate of a gauge", |b| expr(b, "rate(anchorwatch_source_up{CHOSEN}[5m])"), "is read by"),
];

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

/// Asks this instead; `{CHOSEN}` is what every selector must have.
fn expr(board: &mut Value, expr: &str) {
    let chosen = r#"{job=~"$job", instance=~"$instance", trust_domain=~"$trust_domain"}"#;
    let expr = expr.replace("{CHOSEN}", chosen);
    board["panels"][0]["targets"][0]["expr"] = expr.into();
}
