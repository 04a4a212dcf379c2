//! Evidence about what is counted and not listed.

use serde::{Deserialize, Serialize};

use crate::bundle::SvidType;
use crate::finding::FindingKind;
use crate::time::Timestamp;

/// What is known of findings and keys that are counted and not listed one by one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FloodEvidence {
    /// Findings of one kind are not listed.
    NotListed {
        /// Their kind.
        kind: FindingKind,
        /// The number of findings.
        count: u64,
        /// How many of them are about which use.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by_use: Vec<UseCount>,
        /// Since when some are not listed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
    },
    /// Keys of the bundle are not recorded one by one.
    KeysNotRecorded {
        /// The number of X.509 authorities.
        x509: u64,
        /// The number of JWT keys.
        jwt: u64,
        /// The number of WIT keys.
        wit: u64,
    },
    /// How many findings are listed, and which first.
    ListingRule {
        /// The most findings of one kind, use and cause.
        most: u64,
    },
}

/// How many findings are about one use.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct UseCount {
    /// The use.
    #[serde(rename = "use")]
    pub svid_type: SvidType,
    /// The number of findings.
    pub count: u64,
}
