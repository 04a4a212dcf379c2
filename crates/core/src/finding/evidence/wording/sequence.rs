//! Sentences about sequence numbers.

use std::fmt;

use super::{between, or_none};
use crate::finding::evidence::SequenceEvidence;
use crate::time::span;

impl fmt::Display for SequenceEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoKeySets { sequence, one, other } => write!(
                f,
                "Two key sets were served under sequence number {sequence}: {one} and {other}."
            ),
            Self::EquivocationCauses => f.write_str(
                "Possible causes are two servers that share a name but no datastore, a publisher that never increases the number, or an endpoint that answers some clients differently.",
            ),
            Self::HiddenChanges { from, to, seen } => write!(
                f,
                "The sequence number changed from {from} to {to}; the changes that were seen account for {seen} of it, and {} unseen ones remain.",
                to.saturating_sub(*from).saturating_sub(*seen)
            ),
            Self::HiddenChangeCauses => f.write_str(
                "Possible causes are a key that was tainted in SPIRE (taint), or one that was added and removed between two polls.",
            ),
            Self::BetweenPolls { polls } => match polls.after {
                Some(after) => write!(
                    f,
                    "It happened between the polls of {after} and {}, which are {} apart.",
                    polls.until,
                    span(polls.until.since(after).unwrap_or_default())
                ),
                None => write!(f, "It happened {}.", between(*polls)),
            },
            Self::SequenceDecreased { from, to, since, confirmed } => write!(
                f,
                "The sequence number decreased from {} to {}, first at {since}; a poll at {confirmed} confirms it.",
                or_none(*from),
                or_none(*to)
            ),
            Self::KeySetAfterDecrease { known: true } => f.write_str(
                "The key set was the state before. Possible causes are a stale replica, a restored datastore, or an attacker who serves an old answer.",
            ),
            Self::KeySetAfterDecrease { known: false } => f.write_str(
                "The key set was never the state before. Possible causes are a restored or new datastore, or an attacker's own key set.",
            ),
            Self::HighWaterMark { mark: Some(mark) } => {
                write!(f, "The high-water mark is {mark} until this finding is acknowledged.")
            }
            Self::HighWaterMark { mark: None } => f.write_str("No high-water mark is known."),
        }
    }
}
