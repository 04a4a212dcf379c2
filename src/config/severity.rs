//! Severities that differ from the findings' own: a mapping from kinds to severities.

use super::choice;
use super::fault::Report;
use super::place::quoted;
use super::reader::Value;
use super::schema::Key;
use super::setting::Setting;
use super::suggest;
use super::tree::Tree;
use anchorwatch_core::finding::{FindingKind, Severities};

impl Setting for Severities {
    fn decode(value: &Value<'_>, key: &'static Key, report: &mut Report) -> Option<Self> {
        let entries = value.entries("kind", &key.kind.example(), report)?;
        let mut severities = Self::default();
        for (entry, value) in entries {
            let Some(kind) = FindingKind::from_label(&entry.key) else {
                let hint = match suggest::nearest(&entry.key, FindingKind::LABELS) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "docs/configuration.md lists them".to_owned(),
                };
                let message = format!("{} is no kind of finding", quoted(&entry.key));
                report.fault(entry.place, &value.path, message, hint);
                continue;
            };
            if kind.is_about_the_watch() {
                let message = format!("{kind} is about anchorwatch itself: it is always critical");
                let hint = "leave it out; a route of Alertmanager can change the receiver";
                report.fault(entry.place, &value.path, message, hint);
                continue;
            }
            if let Some(severity) = choice::severity(&value, report) {
                severities.set(kind, severity);
            }
        }
        Some(severities)
    }

    fn show(&self, _: &Key) -> Option<Tree> {
        let entry = |(kind, severity): (FindingKind, _)| {
            (kind.label(), Some(Tree::text(anchorwatch_core::finding::Severity::label(severity))))
        };
        Some(Tree::mapping(self.iter().map(entry)))
    }

    /// Kind by kind: those that are not named keep what held before.
    fn merge(&mut self, value: &Value<'_>, key: &'static Key, report: &mut Report) {
        if let Some(written) = Self::decode(value, key, report) {
            *self = written.or(self);
        }
    }
}
