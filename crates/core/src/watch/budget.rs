//! What a trust domain may record in a day: a flood of keys must not fill the disk, and must not end
//! the judgement either.
//!
//! A day has accounts that do not touch each other: polls, what is recorded of polls once their budget
//! is spent, and what relying parties report of tokens. Once the budget is spent, keys have a
//! reserve, and a state (the polls fail, a consumer refuses the document) is recorded once in a
//! minute: a reserve of states could be spent, and what began after that would be no finding.
//! Findings and decisions are always recorded: a finding needs an event that was paid for, and its
//! room is bounded.

use serde::{Deserialize, Serialize};

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

/// What may be recorded of polls on a day whose budget is spent. Each limit counts events and bytes
/// of its account from the moment on which the budget was found to be exceeded.
#[derive(Clone, Copy, Debug)]
pub struct Reserve;

impl Reserve {
    /// New X.509 authorities whose keys an operator decided on.
    pub const DECIDED_X509: Budget = Budget { events: 1_536, bytes: 24 << 20 };
    /// New X.509 authorities that contradict what is known.
    pub const CONTRADICTED_X509: Budget = Budget { events: 1_024, bytes: 16 << 20 };
    /// New X.509 authorities that are consistent: they leave half of the account to the others.
    pub const CONSISTENT_X509: Budget = Budget { events: 512, bytes: 8 << 20 };
    /// New JWT and WIT keys, and keys that carry another key ID than before.
    pub const OTHER: Budget = Budget { events: 2_048, bytes: 16 << 20 };
    /// New JWT and WIT keys that are consistent: they leave most of that account to the others.
    pub const KEYS: Budget = Budget { events: 256, bytes: 2 << 20 };
    /// A change that brings nothing but keys beyond the reserve is recorded once in this time, and so
    /// is each kind of state.
    pub const COUNTED_EVERY: std::time::Duration = std::time::Duration::from_mins(1);
}

/// How many sightings of tokens may be recorded in a day, by reporter and in all. A relying party
/// that sees five keys in use records 7,200 moves of their bounds.
#[derive(Clone, Copy, Debug)]
pub struct SightingBudget;

impl SightingBudget {
    /// By one reporter.
    pub const REPORTER: u64 = 8_000;
    /// By all of them.
    pub const DOMAIN: u64 = 16_000;
    /// How many reporters are told apart; those after them share what is left to the last one.
    pub(super) const REPORTERS: usize = 16;
    /// The longest name of a reporter, in characters.
    pub(super) const NAME: usize = 32;
}
