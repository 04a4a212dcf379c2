//! The connections for reading that a running store keeps beside the writer's.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::StoreReader;

/// How long the writer waits between two looks whether a reader is done.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A place for a connection: empty until somebody reads, and after the database was opened again.
pub(super) type Slot<M> = Arc<M>;

/// One whose users wait for it in the order in which they came.
pub(super) type WaitingSlot = Slot<Mutex<Option<StoreReader>>>;

/// The places of those who read.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    /// Whoever asks over the web.
    pub(super) web: WaitingSlot,
    /// Operators' decisions: anybody may ask over the web, and must not keep an operator waiting.
    pub(super) operations: WaitingSlot,
    /// The background check.
    pub(super) check: Slot<std::sync::Mutex<Option<StoreReader>>>,
    /// Whether the check is to let go of its connection now.
    interrupted: Arc<AtomicBool>,
}

/// Nobody reads for as long as this lives.
#[expect(dead_code, reason = "what counts is that they are held")]
pub(super) struct Emptied<'a> {
    waiting: [OwnedMutexGuard<Option<StoreReader>>; 2],
    check: MutexGuard<'a, Option<StoreReader>>,
}

impl Slots {
    /// Closes the connections, and keeps them closed while the answer lives; `None` where somebody
    /// reads for longer than `limit`.
    pub(super) fn empty(&self, limit: Duration) -> Option<Emptied<'_>> {
        let deadline = Instant::now() + limit;
        let mut waiting =
            [acquire_slot(&self.web, deadline)?, acquire_slot(&self.operations, deadline)?];
        self.interrupted.store(true, Ordering::Relaxed);
        let mut check = self.check.lock().unwrap_or_else(PoisonError::into_inner);
        self.interrupted.store(false, Ordering::Relaxed);
        for slot in &mut waiting {
            **slot = None;
        }
        *check = None;
        Some(Emptied { waiting, check })
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

/// Takes a slot in the turn of whoever asks; `None` where that does not come before the deadline. The
/// caller is a thread, and no task.
fn acquire_slot(
    slot: &WaitingSlot,
    deadline: Instant,
) -> Option<OwnedMutexGuard<Option<StoreReader>>> {
    // Polled, it stands in the queue: whoever asks whether the slot is free meets it free never, as
    // long as somebody else waits.
    let mut turn = pin!(Arc::clone(slot).lock_owned());
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match turn.as_mut().poll(&mut context) {
            Poll::Ready(taken) => return Some(taken),
            Poll::Pending if Instant::now() < deadline => std::thread::sleep(LOOK_AGAIN),
            Poll::Pending => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn readers_who_come_one_after_the_other_do_not_keep_the_writer_out() {
        let slots = Slots::default();
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let slot = Arc::clone(&slots.web);
                tokio::spawn(async move {
                    loop {
                        let _reads = Arc::clone(&slot).lock_owned().await;
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let emptied = {
            let slots = slots.clone();
            let empty = move || slots.empty(Duration::from_secs(1)).is_some();
            tokio::task::spawn_blocking(empty).await.unwrap()
        };
        assert!(emptied, "somebody always waits to read");
        readers.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[test]
    fn whoever_still_reads_keeps_the_database_open() {
        let slots = Slots::default();
        let limit = Duration::from_millis(1);
        for slot in [&slots.web, &slots.operations] {
            let reads = Arc::clone(slot).try_lock_owned().unwrap();
            assert!(slots.empty(limit).is_none());
            drop(reads);
            let emptied = slots.empty(limit).unwrap();
            assert!(slot.try_lock().is_err(), "nobody begins to read meanwhile");
            drop(emptied);
        }
    }
}
