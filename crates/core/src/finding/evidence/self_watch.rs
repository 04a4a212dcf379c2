//! Evidence about anchorwatch itself.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What is known of a fault of the daemon or of its store.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SelfWatchEvidence {
    /// The scheduler does not run.
    SchedulerStopped {
        /// When it ran last.
        since: Timestamp,
    },
    /// What a stopped scheduler means.
    NothingPolled,
    /// Every write to the store fails.
    WritesFail {
        /// The first write that failed.
        since: Timestamp,
        /// Why the last one failed.
        why: Box<str>,
    },
    /// What failing writes mean.
    WritesFailEffect,
    /// Events were lost, because too many waited for the store.
    EventsLost {
        /// The number of events since the process started.
        count: u64,
    },
    /// A fault of the store.
    StoreFault {
        /// When it was found.
        since: Timestamp,
        /// What is wrong.
        detail: Box<str>,
    },
    /// The store has more faults than are listed.
    MoreFaults {
        /// The number of the others.
        count: u64,
    },
    /// What a damaged entry means.
    StoreFaultEffect,
}
