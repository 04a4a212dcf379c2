//! The connections for reading that a running store keeps beside the writer's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::StoreReader;

/// How long the writer waits between two looks whether a reader is done.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A place for a connection: empty until somebody reads, and after the database was opened again.
pub(super) type Slot<M> = Arc<M>;

/// The places of those who read.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    /// Whoever asks over the web.
    pub(super) web: Slot<Mutex<Option<StoreReader>>>,
    /// The background check.
    pub(super) check: Slot<std::sync::Mutex<Option<StoreReader>>>,
    /// Whether the check is to let go of its connection now.
    interrupted: Arc<AtomicBool>,
}

/// Nobody reads for as long as this lives.
#[expect(dead_code, reason = "what counts is that they are held")]
pub(super) struct Emptied<'a> {
    web: OwnedMutexGuard<Option<StoreReader>>,
    check: MutexGuard<'a, Option<StoreReader>>,
}

impl Slots {
    /// Closes the connections, and keeps them closed while the answer lives; `None` where somebody
    /// reads for longer than `limit`.
    pub(super) fn empty(&self, limit: Duration) -> Option<Emptied<'_>> {
        let began = Instant::now();
        let mut web = loop {
            match Arc::clone(&self.web).try_lock_owned() {
                Ok(web) => break web,
                Err(_) if began.elapsed() < limit => std::thread::sleep(LOOK_AGAIN),
                Err(_) => return None,
            }
        };
        self.interrupted.store(true, Ordering::Relaxed);
        let mut check = self.check.lock().unwrap_or_else(PoisonError::into_inner);
        self.interrupted.store(false, Ordering::Relaxed);
        (*web, *check) = (None, None);
        Some(Emptied { web, check })
    }

    /// Lets the check end now.
    pub(super) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// What says whether the check is to let go of its connection.
    pub(super) fn interruption(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupted)
    }
}
