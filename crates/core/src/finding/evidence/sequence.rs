//! Evidence about sequence numbers: rollback, equivocation and hidden changes.

use serde::{Deserialize, Serialize};

use crate::bundle::Digest;
use crate::time::{Bracket, Timestamp};

/// What is known of the sequence number and of the key sets under it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SequenceEvidence {
    /// Two key sets were served under one sequence number.
    TwoKeySets {
        /// The sequence number.
        sequence: u64,
        /// The digest of one key set.
        one: Digest,
        /// The digest of the other.
        other: Digest,
    },
    /// What two key sets under one number may come from.
    EquivocationCauses,
    /// The sequence number changed by more than the changes that were seen.
    HiddenChanges {
        /// The number before.
        from: u64,
        /// The number after.
        to: u64,
        /// How many changes were seen.
        seen: u64,
    },
    /// What a hidden change may come from.
    HiddenChangeCauses,
    /// Between which polls something happened.
    BetweenPolls {
        /// The polls.
        polls: Bracket,
    },
    /// The sequence number decreased.
    SequenceDecreased {
        /// The number before, where there was one.
        from: Option<u64>,
        /// The number after, where there is one.
        to: Option<u64>,
        /// The first poll that showed it.
        since: Timestamp,
        /// A later poll that confirmed it.
        confirmed: Timestamp,
    },
    /// Whether the key set was the state before.
    KeySetAfterDecrease {
        /// Whether it was.
        known: bool,
    },
    /// The highest sequence number that was confirmed.
    HighWaterMark {
        /// The number; absent where none is known.
        mark: Option<u64>,
    },
}
