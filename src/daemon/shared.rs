//! What every poll uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::broadcast;

use super::board::Board;
use crate::fetch::Fetcher;
use crate::journal::Entry;
use crate::metrics::Registered;
use crate::spiffe::TrustDomain;
use crate::store::Store;
use crate::time::{Clock, Timestamp};
use crate::watch::{DomainState, Event, Policy, Poll, Step};

/// The function that decides. A parameter, so that a test can hand in one that panics.
pub type StepFn = fn(DomainState, Poll, Timestamp, &Policy, f64) -> Step;

/// Something that happened, and is recorded.
#[derive(Clone, Debug)]
pub struct Happened(pub Arc<Entry>);

/// What every poll uses, and counts into.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) fetcher: Fetcher,
    pub(super) store: Store,
    pub(super) board: Board,
    pub(super) step: StepFn,
    pub(super) happened: broadcast::Sender<Happened>,
    pub(super) registered: Registered,
    last_tick: AtomicI64,
}

impl Shared {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        fetcher: Fetcher,
        store: Store,
        step: StepFn,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            registered: Registered::new()?,
            last_tick: AtomicI64::new(clock.now().as_unix_micros()),
            clock,
            fetcher,
            store,
            board: Board::default(),
            step,
            happened: broadcast::Sender::new(super::HEARD),
        })
    }

    /// Tells whoever listens.
    pub(super) fn tell(&self, at: Timestamp, trust_domain: &TrustDomain, events: Vec<Event>) {
        if self.happened.receiver_count() == 0 {
            return;
        }
        for event in events {
            let entry = Entry { at, trust_domain: trust_domain.clone(), event };
            drop(self.happened.send(Happened(Arc::new(entry))));
        }
    }

    /// The scheduler turns.
    pub(super) fn ticked(&self) {
        self.last_tick.store(self.clock.now().as_unix_micros(), Ordering::Relaxed);
    }

    pub(super) fn last_tick(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.last_tick.load(Ordering::Relaxed))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
