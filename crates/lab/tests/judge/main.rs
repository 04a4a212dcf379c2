//! Stories that a good judge tells apart: what an anomaly raises and its benign twin does not, what
//! lies just below a threshold, and what ends a finding.

#![cfg(test)]
#![allow(clippy::disallowed_methods, reason = "a test reads its data")]

mod authorities;
mod cap;
mod decisions;
mod denial;
mod documents;
mod endpoint;
mod first_period;
mod flood;
mod properties;
mod quiet;
mod recordings;
mod removals;
mod rotation;
mod sequence;
mod silence;
mod story;
mod thresholds;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anchorwatch_core::finding::FindingKind;

/// A story as it is written: the anomalies that its comment says it is of, and the code of its test.
#[derive(Debug)]
struct Written {
    comment: String,
    code: String,
}

impl Written {
    /// The kinds that its code names in calls of this form: `raises(F::Churn`.
    fn kinds(&self, call: &str) -> BTreeSet<&str> {
        let code = self.code.split(call).skip(1).filter_map(|rest| rest.strip_prefix("(F::"));
        code.map(|rest| rest.split(|one: char| !one.is_alphanumeric()).next().unwrap()).collect()
    }

    /// Whether it ends, or passes, with nothing open or said.
    fn is_quiet(&self) -> bool {
        self.code.contains("said_only(&[])") || self.code.contains(".quiet()")
    }
}

/// The tests of this folder, with the comments before them and without those within.
fn stories() -> Vec<Written> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text: String = files
        .filter(|path| !path.ends_with("main.rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut found = Vec::new();
    let mut comment = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("/// ") {
            comment = comment + rest + "\n";
        } else if line == "#[test]" {
            let code = lines.by_ref().take_while(|line| *line != "}");
            let code = code.map(|line| line.split("//").next().unwrap()).collect();
            found.push(Written { comment: std::mem::take(&mut comment), code });
        } else {
            comment.clear();
        }
    }
    assert!(100 < found.len(), "{}", found.len());
    found
}

/// Each anomaly of docs/judgement.md#anomalies has a story that raises a finding, and a twin that
/// raises none of these: their comments begin with `A7:` and `A7, twin:`.
#[test]
fn every_anomaly_raises_what_its_twin_does_not() {
    let stories = stories();
    let of = |mark: &str| {
        let mark = mark.to_owned();
        stories.iter().filter(move |story| story.comment.starts_with(&mark)).collect::<Vec<_>>()
    };
    let mut wrong = BTreeMap::new();
    for number in 1..=30 {
        let raised: BTreeSet<&str> =
            of(&format!("A{number}:")).iter().flat_map(|story| story.kinds("raises")).collect();
        let absent =
            |story: &&Written| story.is_quiet() || !story.kinds("without").is_disjoint(&raised);
        // A28 has no benign twin: a private key is never to be published.
        let twins = of(&format!("A{number}, twin:"));
        if raised.is_empty() || number != 28 && !twins.iter().any(absent) {
            wrong.insert(number, (raised, twins));
        }
    }
    assert!(
        wrong.is_empty(),
        "what these anomalies raise, and the twins that do not deny it: {wrong:#?}"
    );
}

/// Each kind of finding about a trust domain is raised in a story, and absent from another or ended.
#[test]
fn every_kind_of_finding_has_a_story() {
    let stories = stories();
    let all = |call| stories.iter().flat_map(|story| story.kinds(call)).collect::<BTreeSet<_>>();
    let (raised, absent) = (all("raises"), all("without"));
    for kind in FindingKind::ALL.iter().filter(|kind| !kind.is_about_the_watch()) {
        let name = format!("{kind:?}");
        assert!(raised.contains(&*name), "{name} is raised in no story");
        assert!(
            absent.contains(&*name),
            "{name} is in no story that it has no place in, or ends in none"
        );
    }
}
