//! A finding that is not true any more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Finding, FindingId, FindingKind, Severity};
use crate::bundle::SvidType;
use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// A finding that ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ended {
    /// What it was known by.
    pub id: FindingId,
    /// What it was about.
    pub kind: FindingKind,
    /// The use that it was about, where it was about one.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub svid_type: Option<SvidType>,
    /// What exactly it was about, as in [`Finding::subject`].
    #[serde(default, skip_serializing_if = "UntrustedText::is_empty")]
    pub subject: UntrustedText,
    /// How urgent it was.
    pub severity: Severity,
    /// When it ended.
    pub at: Timestamp,
}

impl Ended {
    /// What became of a finding at `at`.
    pub fn new(finding: &Finding, at: Timestamp) -> Self {
        let Finding { id, kind, severity, svid_type, subject, .. } = finding;
        let (id, kind, severity, svid_type) = (*id, *kind, *severity, *svid_type);
        Self { id, kind, svid_type, subject: subject.clone(), severity, at }
    }

    /// What tells one series of findings from another.
    pub fn key(&self) -> (FindingKind, Option<SvidType>, &UntrustedText, Severity) {
        (self.kind, self.svid_type, &self.subject, self.severity)
    }

    /// How long an ended finding is still shown: longer than the day for which a rule holds the
    /// last word of a daemon that went away.
    pub const SHOWN_FOR: Duration = Duration::from_hours(25);

    /// Whether it is still shown at `at`.
    pub fn is_shown(&self, at: Timestamp) -> bool {
        at.since(self.at).is_none_or(|age| age < Self::SHOWN_FOR)
    }
}
