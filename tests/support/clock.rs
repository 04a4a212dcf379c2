//! The clock of the tests.
//!
//! A clock that is a step ahead of the system's stands beside the one test that needs it.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anchorwatch_core::time::{Clock, Timestamp};

/// A clock that shows what a test sets.
#[derive(Debug)]
pub(crate) struct ManualClock {
    /// In microseconds, as in a [`Timestamp`].
    now: AtomicI64,
    /// By how much each look moves it on.
    step: i64,
}

impl ManualClock {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self { now: AtomicI64::new(now.as_unix_micros()), step: 0 }
    }

    /// Each look moves it on.
    pub(crate) fn ticking(from: Timestamp, step: Duration) -> Self {
        let step = i64::try_from(step.as_micros()).unwrap();
        Self { step, ..Self::at(from) }
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.now.store(now.as_unix_micros(), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.now.fetch_add(self.step, Ordering::Relaxed))
    }
}

/// A clock that takes the database of a store away as soon as the journal has so many entries:
/// after a commit, and before the writer looks whether its files still stand under their paths.
pub(crate) struct TakesAway {
    directory: PathBuf,
    at_entry: Mutex<Option<i64>>,
    clock: Box<dyn Clock>,
}

impl TakesAway {
    pub(crate) fn new(directory: PathBuf, clock: impl Clock + 'static) -> Self {
        Self { directory, at_entry: Mutex::default(), clock: Box::new(clock) }
    }

    fn database(&self) -> PathBuf {
        self.directory.join("anchorwatch.sqlite")
    }

    fn aside(&self) -> PathBuf {
        self.directory.join("aside")
    }

    fn entries(&self) -> i64 {
        let store = rusqlite::Connection::open(self.database()).unwrap();
        store.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap()
    }

    pub(crate) fn at_entry(&self, number: i64) {
        *self.at_entry.lock().unwrap() = Some(number);
    }

    pub(crate) fn at_the_next_entry(&self) {
        self.at_entry(self.entries() + 1);
    }

    pub(crate) fn brings_back(&self) {
        std::fs::rename(self.aside(), self.database()).unwrap();
    }
}

impl Clock for TakesAway {
    fn now(&self) -> Timestamp {
        let mut at_entry = self.at_entry.lock().unwrap();
        if at_entry.is_some_and(|at_entry| at_entry <= self.entries()) {
            *at_entry = None;
            std::fs::rename(self.database(), self.aside()).unwrap();
        }
        self.clock.now()
    }
}
