//! How the store fares.

use std::sync::Arc;

use anchorwatch_core::journal::Chain;
use anchorwatch_core::time::Timestamp;

/// How the store fares: what readiness, metrics and the hourly log line are made of.
#[derive(Clone, Debug)]
pub struct StoreStatus {
    /// Whether the last write succeeded.
    pub writable: bool,
    /// Why the last write failed, where it did.
    pub failure: Option<Arc<str>>,
    /// Since when writes fail, where they do.
    pub failing_since: Option<Timestamp>,
    /// When all that had happened was last known to be durable.
    pub last_persist_success: Option<Timestamp>,
    /// How many writes failed since the process started.
    pub write_failures: u64,
    /// What waits to be written.
    pub backlog: Backlogged,
    /// What was lost since the process started, because too much waited.
    pub dropped: LostEvents,
    /// The size of the database in bytes, its log not counted.
    pub journal_size_bytes: u64,
    /// The journal's head: with it, `store verify --head` finds a tail that was cut.
    pub head: Chain,
    /// When the store was created.
    pub created: Timestamp,
}

impl StoreStatus {
    /// What it is once everything was written at `now`.
    pub(super) fn written(&self, now: Timestamp) -> Self {
        if !self.writable {
            tracing::warn!("the store can be written again: nothing waits any more");
        }
        Self {
            writable: true,
            failure: None,
            failing_since: None,
            last_persist_success: Some(now),
            ..self.clone()
        }
    }

    /// What it is once a write failed at `now`.
    pub(super) fn failed(&self, why: &dyn std::fmt::Display, now: Timestamp) -> Self {
        if self.writable {
            tracing::error!(error = %why, "cannot write the store: what happens is unrecorded");
        }
        Self {
            writable: false,
            failure: Some(why.to_string().into()),
            failing_since: Some(self.failing_since.unwrap_or(now)),
            write_failures: self.write_failures.saturating_add(1),
            ..self.clone()
        }
    }
}

/// Batches that wait, or may wait at most.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Backlogged {
    /// How many.
    pub batches: usize,
    /// About how many bytes of memory they take.
    pub bytes: usize,
}

/// What a store that could not be written lost. A trust domain of which something was dropped has
/// no more checkpoints, and its last success is not renewed, until the next start: that start goes
/// on from what is recorded, and sees what changed since as a change.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LostEvents {
    /// Batches.
    pub batches: u64,
    /// The events in them.
    pub events: u64,
    /// Bodies, of batches that are kept.
    pub bodies: u64,
}
