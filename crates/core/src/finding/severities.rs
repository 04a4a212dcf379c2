//! Severities that an operator chose for kinds of findings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FindingKind, Severity};

/// Severities that an operator chose in place of the findings' own.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Severities(BTreeMap<FindingKind, Severity>);

impl Severities {
    /// The severity that was chosen for this kind; `None` where the finding's own holds.
    pub fn of(&self, kind: FindingKind) -> Option<Severity> {
        self.0.get(&kind).copied()
    }

    /// Chooses a severity.
    pub fn set(&mut self, kind: FindingKind, severity: Severity) {
        self.0.insert(kind, severity);
    }

    /// These, and those of `defaults` for the kinds that are not named here.
    #[must_use]
    pub fn or(mut self, defaults: &Self) -> Self {
        for (kind, severity) in &defaults.0 {
            self.0.entry(*kind).or_insert(*severity);
        }
        self
    }

    /// Kinds and their severities, in the order of the catalogue.
    pub fn iter(&self) -> impl Iterator<Item = (FindingKind, Severity)> {
        self.0.iter().map(|(kind, severity)| (*kind, *severity))
    }

    /// Whether every finding keeps its own.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
