//! Severities that differ from the findings' own.

use super::fault::{Report, quoted};
use super::reader::Value;
use super::schema::Key;
use super::{scalar, suggest};
use anchorwatch_core::finding::{FindingKind, Severities};

/// A mapping from kinds to severities.
pub(super) fn severities(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<Severities> {
    let entries = value.entries("kind", &key.kind.example(), report)?;
    let mut severities = Severities::default();
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
            let hint = "leave it out; a route of Alertmanager can change who is told";
            report.fault(entry.place, &value.path, message, hint.to_owned());
            continue;
        }
        let hint = "write info, warning or critical";
        if let Some(written) = value.text("a severity", hint, report)
            && let Some(severity) = scalar::word(&value, written, report)
        {
            severities.set(kind, severity);
        }
    }
    Some(severities)
}
