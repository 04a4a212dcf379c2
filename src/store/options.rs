//! How the store is kept.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Backlogged;
use anchorwatch_core::time::Clock;

/// How the store is kept.
#[derive(Clone)]
pub struct StoreOptions {
    /// What says when something became durable, and how old a body is.
    pub clock: Arc<dyn Clock>,
    /// How long raw bodies are kept. Those of confirmed states stay longer.
    pub body_retention: Duration,
    /// What may wait in memory while the store cannot be written.
    pub backlog: Backlogged,
    /// How often a store that could not be written is tried again.
    pub retry_interval: Duration,
    /// After how many events a trust domain gets a new checkpoint.
    pub checkpoint_every: usize,
    /// How often the whole store is checked in the background, first at the start; `None` for never.
    pub check_every: Option<Duration>,
}

impl StoreOptions {
    /// A year and a month: whoever looks into a yearly rotation has the one before.
    pub const BODY_RETENTION: Duration = Duration::from_hours(400 * 24);
    /// A day of a thousand trust domains that rotate every twelve hours takes a tenth of it.
    pub const BACKLOG: Backlogged = Backlogged { batches: 65_536, bytes: 64 << 20 };
    /// Short beside the time in which someone frees a disk.
    pub const RETRY_INTERVAL: Duration = Duration::from_secs(3);
    /// A checkpoint costs about as much as this many events, to write as to read.
    pub const CHECKPOINT_EVERY: usize = 32;

    /// What flipped on a disk is found within a day.
    pub const CHECK_EVERY: Duration = Duration::from_hours(24);

    /// The defaults.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            body_retention: Self::BODY_RETENTION,
            backlog: Self::BACKLOG,
            retry_interval: Self::RETRY_INTERVAL,
            checkpoint_every: Self::CHECKPOINT_EVERY,
            check_every: Some(Self::CHECK_EVERY),
        }
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("body_retention", &self.body_retention)
            .field("backlog", &self.backlog)
            .field("retry_interval", &self.retry_interval)
            .field("checkpoint_every", &self.checkpoint_every)
            .field("check_every", &self.check_every)
            .finish_non_exhaustive()
    }
}
