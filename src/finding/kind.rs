//! The findings' catalogue.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How urgent a finding is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Someone should look in working hours.
    Warning,
    /// Someone must act now.
    Critical,
}

impl Severity {
    /// The label in metrics and output.
    pub fn label(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What a finding is about. Each kind is true now or ends by itself.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// There is nothing to authenticate the endpoint with.
    BootstrapUnusable,
    /// The bundle has no usable authority (Bundle, 4.1.3).
    BundleEmpty,
    /// The daily budget is spent, and changes are counted instead of recorded.
    Churn,
    /// In two polls running, the endpoint could not prove who it is.
    EndpointUnauthenticated,
    /// The document departs from the standard.
    IrregularDocument,
    /// A private key stands in the document.
    PrivateKeyPublished,
    /// No good poll for three intervals.
    SourceStale,
}

impl FindingKind {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::BootstrapUnusable,
        Self::BundleEmpty,
        Self::Churn,
        Self::EndpointUnauthenticated,
        Self::IrregularDocument,
        Self::PrivateKeyPublished,
        Self::SourceStale,
    ];

    /// The label in metrics and output.
    pub fn label(self) -> &'static str {
        match self {
            Self::BootstrapUnusable => "bootstrap_unusable",
            Self::BundleEmpty => "bundle_empty",
            Self::Churn => "churn",
            Self::EndpointUnauthenticated => "endpoint_unauthenticated",
            Self::IrregularDocument => "irregular_document",
            Self::PrivateKeyPublished => "private_key_published",
            Self::SourceStale => "source_stale",
        }
    }
}

/// A judgement for the operator.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// How urgent it is.
    pub severity: Severity,
    /// Since when it has been true.
    pub since: Timestamp,
    /// What it rests on, in sentences that can be read at 03:00. Foreign text in them is escaped.
    pub evidence: Vec<String>,
}
