//! A report as SARIF 2.1.0, for code scanning.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::place::LintPlace;
use super::report::{Level, LintReport};

/// The schema that a log names, and keeps to.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Whether all that was to be examined was (SARIF, 3.20.14).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Execution {
    Successful,
    Failed,
}

/// One log with one run (SARIF, 3.13 and 3.14).
pub(super) fn log(reports: &[LintReport], execution: Execution) -> Value {
    let mut run = Run::default();
    for report in reports {
        run.add(report);
    }
    let rules: Vec<Value> = run.rules.iter().map(|(id, rule)| rule.described(id)).collect();
    let places: BTreeMap<&String, usize> =
        run.rules.keys().enumerate().map(|(place, id)| (id, place)).collect();
    let mut results = run.results;
    for result in &mut results {
        let id = result.get("ruleId").and_then(Value::as_str).map(str::to_owned);
        if let (Some(place), Some(members)) =
            (id.and_then(|id| places.get(&id).copied()), result.as_object_mut())
        {
            members.insert("ruleIndex".to_owned(), place.into());
        }
    }
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "anchorwatch",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{"executionSuccessful": execution == Execution::Successful}],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A kind of result.
struct Rule {
    level: Level,
    clause: &'static str,
    text: String,
}

impl Rule {
    fn described(&self, id: &str) -> Value {
        json!({
            "id": id,
            "shortDescription": {"text": self.text},
            "defaultConfiguration": {"level": self.level.label()},
            "properties": {"clause": self.clause},
        })
    }
}

#[derive(Default)]
struct Run {
    rules: BTreeMap<String, Rule>,
    results: Vec<Value>,
}

impl Run {
    fn add(&mut self, report: &LintReport) {
        for departure in &report.departures {
            let id = departure.rule.to_owned();
            let text = format!("The document departs from {}.", departure.clause);
            let rule = Rule { level: departure.level, clause: departure.clause, text };
            let entry = departure.entry.map(|entry| format!("keys[{entry}]: "));
            let message = format!("{}{}", entry.unwrap_or_default(), departure.message);
            let message = format!("{message} ({})", departure.clause);
            self.push(id, rule, &message, &located(report, Some(departure.place)));
        }
        for answer in &report.consumers {
            let Some(refusal) = answer.reading.refusal() else { continue };
            let consumer = answer.consumer.to_string();
            let family = consumer.split(['@', ':']).next().unwrap_or_default();
            let (reason, clause) = (refusal.reason.label(), refusal.reason.clause());
            let id = format!("refused/{family}/{reason}");
            let text = format!("{family} refuses the document: {reason}.");
            let rule = Rule { level: Level::Error, clause, text };
            let message = format!("{consumer} refuses the document: {refusal}");
            self.push(id, rule, &message, &located(report, answer.place));
        }
    }

    fn push(&mut self, id: String, rule: Rule, message: &str, location: &Value) {
        self.results.push(json!({
            "ruleId": id,
            "level": rule.level.label(),
            "message": {"text": message},
            "locations": [location],
        }));
        self.rules.entry(id).or_insert(rule);
    }
}

fn located(report: &LintReport, place: Option<LintPlace>) -> Value {
    let region = match place {
        Some(LintPlace { line, column, end_line, end_column }) => json!({
            "startLine": line,
            "startColumn": column,
            "endLine": end_line,
            "endColumn": end_column,
        }),
        None => json!({"startLine": 1}),
    };
    json!({"physicalLocation": {
        "artifactLocation": {"uri": reference(&report.document)},
        "region": region,
    }})
}

/// A document's name as a URI reference (RFC 3986, 4.1): a URL stays as it is.
fn reference(document: &str) -> String {
    match document {
        "-" => "stdin".to_owned(),
        url if url.starts_with("https://") => url.to_owned(),
        path => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
            let escaped = path.bytes().map(|byte| match byte {
                byte if plain(byte) => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            });
            escaped.collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_uri_reference() {
        assert_eq!(reference("a/b.json"), "a/b.json");
        assert_eq!(reference("a b#1:\u{e9}.json"), "a%20b%231%3A%C3%A9.json");
        assert_eq!(reference("https://a.example/?x"), "https://a.example/?x");
        assert_eq!(reference("-"), "stdin");
    }
}
