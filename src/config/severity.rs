//! Severities that differ from the findings' own.

use std::collections::BTreeMap;

use super::fault::{Report, quoted};
use super::reader::Value;
use super::schema::Key;
use super::{scalar, suggest};
use crate::finding::{FindingKind, Severity};

/// Every kind of finding, in the order of the catalogue. Most are raised from the next release on.
pub const FINDINGS: &[&str] = &[
    "unexpected_authority",
    "key_rebound",
    "equivocation",
    "rollback",
    "authority_resurrected",
    "private_key_published",
    "foreign_authority",
    "authority_shared",
    "early_removal",
    "rotation_violated",
    "hidden_change",
    "endpoint_changed",
    "unlisted_signer",
    "churn",
    "endpoint_bundle_mismatch",
    "issuer_changed",
    "issuer_unlearned",
    "observation_gap",
    "in_flight_risk",
    "rotation_overdue",
    "authority_lifetime",
    "lead_too_short",
    "lockout_imminent",
    "source_stale",
    "trust_domain_blind",
    "endpoint_unauthenticated",
    "bootstrap_unusable",
    "baseline_missing",
    "bundle_empty",
    "svid_type_vanished",
    "replicas_disagree",
    "consumer_rejects",
    "refresh_hint",
    "pruning_stalled",
    "weak_authority",
    "irregular_document",
    "clock_skew",
];

/// Severities by kind of finding.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Severities(BTreeMap<&'static str, Severity>);

impl Severities {
    /// The severity that the configuration gives to this kind; `None` where the finding's own
    /// holds.
    pub fn of(&self, kind: FindingKind) -> Option<Severity> {
        self.0.get(kind.label()).copied()
    }

    /// Kinds and their severities, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Severity)> {
        self.0.iter().map(|(kind, severity)| (*kind, *severity))
    }

    /// Whether every finding keeps its own.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These, and those of `others` for kinds that are not among them.
    pub(super) fn or(mut self, others: &Self) -> Self {
        for (kind, severity) in &others.0 {
            self.0.entry(kind).or_insert(*severity);
        }
        self
    }
}

/// A mapping from kinds to severities.
pub(super) fn severities(
    value: &Value<'_>,
    key: &'static Key,
    report: &mut Report,
) -> Option<Severities> {
    let entries = value.entries("kind", &key.kind.example(), report)?;
    let mut severities = BTreeMap::new();
    for (entry, value) in entries {
        let Some(kind) = FINDINGS.iter().find(|kind| **kind == &*entry.key) else {
            let hint = match suggest::nearest(&entry.key, FINDINGS) {
                Some(near) => format!("did you mean {near}?"),
                None => "docs/configuration.md lists them".to_owned(),
            };
            let message = format!("{} is no kind of finding", quoted(&entry.key));
            report.fault(entry.place, &value.path, message, hint);
            continue;
        };
        let hint = "write info, warning or critical";
        if let Some(written) = value.text("a severity", hint, report)
            && let Some(severity) = scalar::word(&value, written, report)
        {
            severities.insert(*kind, severity);
        }
    }
    Some(Severities(severities))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_is_raised_can_be_overridden() {
        for kind in FindingKind::ALL {
            assert!(FINDINGS.contains(&kind.label()), "{}", kind.label());
        }
    }
}
