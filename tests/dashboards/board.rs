//! A board as it stands in its file, and what it asks Prometheus.

use std::fs;

use serde_json::Value;

/// The boards, by file.
pub(crate) const FILES: [&str; 2] = ["dashboards/overview.json", "dashboards/trust-domain.json"];

/// A board.
#[derive(Clone)]
pub(crate) struct Board {
    pub(crate) file: &'static str,
    pub(crate) json: Value,
}

/// What asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asks {
    /// A panel, about the time range.
    Range,
    /// A panel, about now.
    Now,
    /// Marks over all panels.
    Annotation,
}

/// One question of a board.
pub(crate) struct Query {
    /// The board, the panel and the target, for a message.
    pub(crate) whence: String,
    pub(crate) panel: Value,
    pub(crate) asks: Asks,
    pub(crate) expr: String,
    pub(crate) legend: String,
}

pub(crate) fn boards() -> Vec<Board> {
    let read = |file| Board {
        file,
        json: serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap(),
    };
    FILES.into_iter().map(read).collect()
}

pub(crate) fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Board {
    /// All panels, rows among them.
    pub(crate) fn everything(&self) -> &[Value] {
        array(&self.json["panels"])
    }

    /// The panels that show something.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Value> {
        self.everything().iter().filter(|panel| panel["type"] != "row")
    }

    pub(crate) fn variables(&self) -> &[Value] {
        array(&self.json["templating"]["list"])
    }

    /// What the panels and the annotations ask.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let mut queries = Vec::new();
        for panel in self.panels() {
            for target in array(&panel["targets"]) {
                let (title, id) = (text(&panel["title"]), text(&target["refId"]));
                queries.push(Query {
                    whence: format!("{}: {title}, {id}", self.file),
                    panel: panel.clone(),
                    asks: if target["instant"] == true { Asks::Now } else { Asks::Range },
                    expr: text(&target["expr"]).to_owned(),
                    legend: text(&target["legendFormat"]).to_owned(),
                });
            }
        }
        for annotation in array(&self.json["annotations"]["list"]) {
            queries.push(Query {
                whence: format!("{}: annotation {}", self.file, text(&annotation["name"])),
                panel: Value::Null,
                asks: Asks::Annotation,
                expr: text(&annotation["expr"]).to_owned(),
                legend: format!(
                    "{} {}",
                    text(&annotation["titleFormat"]),
                    text(&annotation["textFormat"])
                ),
            });
        }
        queries
    }
}

/// The labels that a legend names as `{{label}}`.
pub(crate) fn legend_labels(legend: &str) -> Vec<&str> {
    legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).collect()
}
