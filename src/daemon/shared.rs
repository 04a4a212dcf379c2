//! What every poll uses.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};

use super::board::Board;
use crate::fetch::Fetcher;
use crate::journal::Entry;
use crate::judge::{self, Commons};
use crate::metrics::Registered;
use crate::spiffe::TrustDomain;
use crate::store::Store;
use crate::time::{Clock, Timestamp};
use crate::watch::{DomainState, Event, Facts, Policy, Poll, Step};

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
    /// Findings began or ended.
    pub(super) changed: watch::Sender<()>,
    /// Which key stands in which trust domains.
    commons: Mutex<Commons>,
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
            commons: Mutex::default(),
            last_tick: AtomicI64::new(clock.now().as_unix_micros()),
            changed: watch::Sender::new(()),
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

    /// Takes in the keys that a trust domain has now: those of them that stand in others too, and
    /// the trust domains that must be looked at again.
    pub(super) fn hold(
        &self,
        trust_domain: &TrustDomain,
        facts: &Facts,
    ) -> (Vec<judge::Shared>, BTreeSet<TrustDomain>) {
        let mut commons = self.commons();
        let concerned = commons.update(trust_domain, facts);
        (commons.shared(trust_domain, facts), concerned)
    }

    /// The keys of a trust domain that stand in others too.
    pub(super) fn held(&self, trust_domain: &TrustDomain, facts: &Facts) -> Vec<judge::Shared> {
        self.commons().shared(trust_domain, facts)
    }

    /// Nothing is left half done in it: a panic elsewhere while it was held is no reason to stop.
    fn commons(&self) -> MutexGuard<'_, Commons> {
        self.commons.lock().unwrap_or_else(PoisonError::into_inner)
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
