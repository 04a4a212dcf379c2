//! Sentences about anchorwatch itself.

use std::fmt;

use super::count;
use crate::finding::evidence::SelfWatchEvidence;

impl fmt::Display for SelfWatchEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SchedulerStopped { since } => {
                write!(f, "The scheduler was last active at {since}; it should run every second.")
            }
            Self::NothingPolled => {
                f.write_str("No trust domain is polled, so no new key is seen.")
            }
            Self::WritesFail { since, why } => {
                write!(f, "Every write to the store has failed since {since}: {why}.")
            }
            Self::WritesFailEffect => f.write_str(
                "Polls, findings and pushes continue and are not recorded; a restart loses what waits in memory, and decisions are refused.",
            ),
            Self::EventsLost { count: number } => write!(
                f,
                "{} lost since the process started, because too many waited for the store.",
                match number {
                    1 => "1 event was".to_owned(),
                    number => format!("{} were", count(*number, "event")),
                }
            ),
            Self::StoreFault { since, detail } => write!(f, "A fault was found at {since}: {detail}."),
            Self::MoreFaults { count } => write!(
                f,
                "{count} more are not listed; `anchorwatch store verify` lists them."
            ),
            Self::StoreFaultEffect => f.write_str(
                "Entries that verify are used, and the others are left out: a key or a decision that only a damaged entry recorded is judged as if it were new.",
            ),
        }
    }
}
