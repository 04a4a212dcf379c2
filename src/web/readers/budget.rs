//! A bound of bytes over many answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore};

use super::PRESS;

/// How many bytes may wait for their readers.
///
/// How long a piece becomes is known once it is made, so the budget gives room while it is not
/// used up: it is exceeded by what is made at that moment, and then nobody gets room until that
/// much is read. (A semaphore cannot hold less than nothing.)
#[derive(Debug)]
pub(super) struct ReaderBudget {
    limit: usize,
    held: AtomicUsize,
    /// Who waits for room waits in a queue, and one at a time waits for [`Self::freed`].
    turn: Semaphore,
    freed: Notify,
}

impl ReaderBudget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let (held, turn) = (AtomicUsize::new(0), Semaphore::new(1));
        Arc::new(Self { limit, held, turn, freed: Notify::new() })
    }

    /// Counts these bytes, whether there is room or not: they are there already.
    pub(super) fn charge(self: &Arc<Self>, bytes: usize) -> Charge {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Charge { budget: Arc::clone(self), bytes }
    }

    /// Room for these bytes, where there is some and nobody waits for it.
    pub(super) fn try_reserve(self: &Arc<Self>, bytes: usize) -> Option<Charge> {
        let _turn = self.turn.try_acquire().ok()?;
        self.has_room().then(|| self.charge(bytes))
    }

    /// Room for these bytes, once there is some. While there is none, `press` is called again and
    /// again.
    pub(super) async fn reserve(self: Arc<Self>, bytes: usize, press: impl Fn() + Send) -> Charge {
        // It is never closed.
        let _turn = self.turn.acquire().await;
        loop {
            let freed = self.freed.notified();
            if self.has_room() {
                return self.charge(bytes);
            }
            press();
            drop(tokio::time::timeout(PRESS, freed).await);
        }
    }

    fn has_room(&self) -> bool {
        self.held.load(Ordering::Relaxed) < self.limit
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<ReaderBudget>,
    bytes: usize,
}

impl Charge {
    /// It turned out to be so many.
    pub(super) fn set(&mut self, bytes: usize) {
        self.budget.held.fetch_add(bytes, Ordering::Relaxed);
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
        self.budget.freed.notify_one();
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.budget.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_gets_room_in_order_and_what_is_there_is_counted() {
        let budget = ReaderBudget::new(100);
        let mut first = budget.try_reserve(60).unwrap();
        let second = budget.try_reserve(60).expect("it is not used up yet");
        assert!(budget.try_reserve(1).is_none());
        let waiting = tokio::spawn(Arc::clone(&budget).reserve(60, || ()));
        tokio::task::yield_now().await;
        drop(second);
        let third = waiting.await.unwrap();
        first.set(10);
        assert_eq!(budget.held.load(Ordering::Relaxed), 70);
        drop((first, third));
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn who_waits_presses_those_who_hold() {
        let budget = ReaderBudget::new(1);
        let held = std::sync::Mutex::new(Some(budget.charge(1)));
        let room = Arc::clone(&budget).reserve(1, || drop(held.lock().unwrap().take()));
        drop(room.await);
    }
}
