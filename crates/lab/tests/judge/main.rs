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
mod flood;
mod properties;
mod recordings;
mod removals;
mod rotation;
mod sequence;
mod silence;
mod story;
mod thresholds;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anchorwatch_core::finding::FindingKind;

/// The stories as they are written.
fn stories() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// Each anomaly of docs/judgement.md#anomalies has a story, and so has each of its twins: their
/// comments begin
/// with `A7:` and `A7, twin:`.
#[test]
fn every_anomaly_and_its_twin_have_a_story() {
    let text = stories();
    let comments: BTreeSet<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("/// A")).collect();
    for number in 1..=30 {
        let told = |mark: String| comments.iter().any(|comment| comment.starts_with(&mark));
        assert!(told(format!("{number}:")), "A{number} has no story");
        // A28 has no benign twin: a private key is never to be published.
        assert!(number == 28 || told(format!("{number}, twin:")), "A{number} has no twin");
    }
}

/// Each kind of finding about a trust domain is named in the stories, where it is raised and where it is
/// not.
#[test]
fn every_kind_of_finding_has_a_story() {
    let text = stories();
    for kind in FindingKind::ALL.iter().filter(|kind| !kind.is_about_the_watch()) {
        let name = format!("F::{kind:?}");
        let raised = text.matches(&format!("raises({name}")).count();
        let not = text.matches(&format!("without({name}")).count();
        assert!(0 < raised, "{name} is raised in no story");
        assert!(0 < not, "{name} is in no story that it has no place in, or ends in none");
    }
}
