//! What is known beforehand of how a trust domain's issuer rotates, and how strictly it is judged.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is known of an issuer's rhythm beforehand.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerModel {
    /// A SPIRE server.
    Spire {
        /// Its `ca_ttl`; `None` where it is read from its certificates.
        ca_ttl: Option<Duration>,
        /// Where its X.509 authorities come from; `None` where that is guessed.
        mode: Option<IssuerMode>,
        /// From publication to first signature; `None` where SPIRE's own rule holds.
        lead: Option<Duration>,
    },
    /// An issuer that publishes a key in each interval.
    Declared {
        /// The time from one publication to the next.
        interval: Duration,
        /// From publication to first signature; `None` where nobody said.
        lead: Option<Duration>,
    },
    /// Learned from what is seen.
    Learned,
}

impl Default for IssuerModel {
    /// The server that `https_spiffe` federation is nearly always with.
    fn default() -> Self {
        Self::Spire { ca_ttl: None, mode: None, lead: None }
    }
}

impl IssuerModel {
    /// The declared time from publication to first signature.
    pub fn lead(self) -> Option<Duration> {
        match self {
            Self::Spire { lead, .. } | Self::Declared { lead, .. } => lead,
            Self::Learned => None,
        }
    }
}

closed_set! {
    /// Where a SPIRE server's X.509 authorities come from.
    #[derive(Default)]
    pub enum IssuerMode {
        /// It signs them itself.
        #[default]
        SelfSigned => "self_signed",
        /// An upstream authority signs them.
        Upstream => "upstream",
        /// Other SPIRE servers below it publish their JWT keys through it.
        Nested => "nested",
    }
}

closed_set! {
    /// What an unexplained authority is.
    #[derive(Default)]
    pub enum JudgementPolicy {
        /// Unexpected, unless it is approved or announced.
        Pinned => "pinned",
        /// Unexpected, unless it also claims a lineage's date.
        #[default]
        Scheduled => "scheduled",
        /// A warning, where it is consistent.
        Lenient => "lenient",
        /// Recorded.
        Observe => "observe",
    }
}

/// SPIRE's constants of a lifetime (`ca/manager/slot.go`).
pub mod spire {
    use std::time::Duration;

    /// A certificate's `notBefore` lies this long before its signing (`credtemplate/builder.go`).
    pub const NOT_BEFORE_CUSHION: Duration = Duration::from_secs(10);
    /// SPIRE prunes a key this long after its end (`ca/manager/manager.go`).
    pub const PRUNE_SAFETY: Duration = Duration::from_hours(24);
    /// How often SPIRE prunes (`ca/rotator/rotator.go`).
    pub const PRUNE_TICK: Duration = Duration::from_hours(6);
    const LONGEST_PREPARATION: Duration = Duration::from_hours(30 * 24);
    const LONGEST_ACTIVATION: Duration = Duration::from_hours(7 * 24);

    /// P: how long before a key's end its successor is prepared.
    pub fn preparation(lifetime: Duration) -> Duration {
        LONGEST_PREPARATION.min(lifetime / 2)
    }

    /// A: how long before a key's end its successor is activated.
    pub fn activation(lifetime: Duration) -> Duration {
        LONGEST_ACTIVATION.min(lifetime / 6)
    }

    /// L − P: how far apart the publications of a lineage are.
    pub fn period(lifetime: Duration) -> Duration {
        lifetime.saturating_sub(preparation(lifetime))
    }

    /// P − A: how long a key is published before it signs.
    pub fn lead(lifetime: Duration) -> Duration {
        preparation(lifetime).saturating_sub(activation(lifetime))
    }
}
