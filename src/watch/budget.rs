//! What a trust domain may record in a day: a flood of keys must not fill the disk.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A count of events and of the bytes that they and their bodies take in the store.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Budget {
    /// Events.
    pub events: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Budget {
    /// Eight replicas with the shortest sane `ca_ttl` of 10 minutes make about 14,000 events a
    /// day, and a body of 300 KiB at each change of such a bundle would be 1 GiB: neither is a
    /// flood, and both would still stop one within minutes.
    pub const DEFAULT: Self = Self { events: 20_000, bytes: 1 << 30 };

    /// Both sums.
    pub fn plus(self, other: Self) -> Self {
        Self {
            events: self.events.saturating_add(other.events),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// Whether either count is over `limit`.
    pub fn exceeds(self, limit: Self) -> bool {
        limit.events < self.events || limit.bytes < self.bytes
    }
}

/// What was recorded on one day.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct DaySpent {
    /// The day, in days since the epoch, UTC.
    pub day: i64,
    /// What was recorded.
    pub spent: Budget,
    /// Whether the budget was found to be exceeded.
    pub exceeded: bool,
}

impl DaySpent {
    const SECONDS_PER_DAY: i64 = 86_400;

    /// What was recorded on the day of `at`.
    pub fn on(&self, at: Timestamp) -> Self {
        let day = at.as_unix().div_euclid(Self::SECONDS_PER_DAY);
        if day == self.day { *self } else { Self { day, ..Self::default() } }
    }
}
