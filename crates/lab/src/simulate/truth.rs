//! What really happened: what no judge may see, and every judge is scored by.

use serde::Serialize;

use super::Incident;
use anchorwatch_core::bundle::{AuthorityId, SvidType};
use anchorwatch_core::time::Timestamp;

/// Something that happened, in true time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Truth {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: WorldEvent,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum WorldEvent {
    /// A key was published.
    Publication {
        /// Which.
        #[serde(flatten)]
        authority: AuthorityId,
        /// Why.
        kind: PublicationCause,
        /// By which server; `None` where none made it.
        #[serde(skip_serializing_if = "Option::is_none")]
        replica: Option<u16>,
    },
    /// A key is published again.
    Return {
        /// Which.
        #[serde(flatten)]
        authority: AuthorityId,
    },
    /// A key signs from now on.
    Activation {
        /// Which.
        #[serde(flatten)]
        authority: AuthorityId,
    },
    /// A key has signed for the last time.
    Retirement {
        /// Which.
        #[serde(flatten)]
        authority: AuthorityId,
    },
    /// A key that was prepared will never sign.
    Orphaned {
        /// Which.
        #[serde(flatten)]
        authority: AuthorityId,
    },
    /// A key is distrusted within its own trust domain.
    Taint {
        /// Which.
        #[serde(flatten)]
        authority: AuthorityId,
    },
    /// A key is no longer published.
    Removal {
        /// Which.
        #[serde(flatten)]
        authority: AuthorityId,
        /// By what.
        why: RemovalKind,
    },
    /// A chain publishes nothing from now on.
    Stall {
        /// What it signs.
        #[serde(rename = "use")]
        svid_type: SvidType,
        /// The server.
        replica: u16,
        /// The first date that it misses.
        due: Timestamp,
    },
    /// The monitor's clock was stepped.
    ClockStep {
        /// By how many microseconds, forward.
        micros: i64,
    },
    /// An incident begins.
    Began {
        /// Which.
        incident: Incident,
    },
    /// Nothing more is done in an incident; what it left behind may still be seen.
    Ended {
        /// Which.
        incident: Incident,
    },
}

/// Why a key was published.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PublicationCause {
    /// It was there when the watch began.
    Baseline,
    /// Its lineage's date had come.
    Scheduled,
    /// A server started again without its keys.
    Restart,
    /// A server is new.
    ScaleOut,
    /// A key of its chain is not in the datastore that came back.
    Restore,
    /// A server on another datastore has it, which answers under the same name.
    OtherStore,
    /// An operator prepared it out of turn.
    Forced,
    /// A root of the upstream authority.
    Root,
    /// An operator appended it, in good faith.
    Appended,
    /// An attacker published it.
    Attack,
}

/// What took a key out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalKind {
    /// The issuer itself, long after its end.
    Pruned,
    /// An operator.
    Revoked,
    /// An older state of the datastore.
    Restored,
    /// An attacker.
    Attack,
}
