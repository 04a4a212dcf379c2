//! What sequence numbers say that key sets do not.

use serde::{Deserialize, Serialize};

use crate::bundle::Digest;
use crate::time::{Bracket, Timestamp};

/// A sequence number that does not fit what was seen.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct SequenceAnomaly {
    /// Between which polls.
    pub when: Bracket,
    /// In which way.
    #[serde(flatten)]
    pub kind: SequenceAnomalyKind,
}

/// In which way a sequence number does not fit.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "anomaly", rename_all = "snake_case")]
pub enum SequenceAnomalyKind {
    /// It moved further than what was seen accounts for.
    Hidden {
        /// From which number.
        from: u64,
        /// To which.
        to: u64,
        /// For how many moves what was seen accounts.
        seen: u32,
    },
    /// Two key sets stand under it.
    Equivocal {
        /// The number.
        sequence: u64,
        /// One key set.
        one: Digest,
        /// The other.
        other: Digest,
    },
}

/// A step back that was confirmed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Regression {
    /// The poll that confirmed it.
    pub at: Timestamp,
    /// The poll that showed it first.
    pub since: Timestamp,
    /// The sequence number before.
    pub from: Option<u64>,
    /// The sequence number from then on.
    pub to: Option<u64>,
    /// Whether the key set is one that was the state before.
    pub was_there: bool,
}
