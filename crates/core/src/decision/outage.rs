//! An endpoint that is to be away.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::untrusted::UntrustedText;

/// When an endpoint is to be away.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Outage {
    /// From then on.
    pub not_before: Timestamp,
    /// Until then.
    pub not_after: Timestamp,
}

impl Outage {
    /// The longest that can be announced: nobody learns of a revocation meanwhile.
    pub const LONGEST: Duration = Duration::from_hours(30 * 24);

    /// Whether it lasts at `at`, or ended less than `grace` before.
    pub fn lasts(&self, at: Timestamp, grace: Duration) -> bool {
        self.not_before <= at && at <= self.not_after.saturating_add(grace)
    }
}

/// An outage that someone announced.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AnnouncedOutage {
    /// When.
    #[serde(flatten)]
    pub outage: Outage,
    /// Who and why, in words.
    pub words: UntrustedText,
}
