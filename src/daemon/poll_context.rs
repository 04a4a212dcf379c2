//! What every poll uses.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::heartbeat::Heartbeat;
use super::view_registry::ViewRegistry;
use crate::fetch::Fetcher;
use crate::metrics::Registered;
use crate::store::Store;
use anchorwatch_core::decision::SharedAuthority;
use anchorwatch_core::journal::Entry;
use anchorwatch_core::judge::{
    JudgedPoll, KeySetChange, PublicKeyIndex, SharedKeys, SharedKeysFor,
};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::{Clock, Timestamp};
use anchorwatch_core::watch::{DomainState, Event, Facts, Ledger, Policy, Poll};

/// The function that decides, [`judge::judge_poll`](anchorwatch_core::judge::judge_poll). A parameter, so that
/// a test can hand in one that panics.
pub type JudgePollFn =
    fn(DomainState, Poll, Timestamp, &Policy, f64, &mut SharedKeysFor<'_>) -> JudgedPoll;

/// Something that happened, and is recorded.
#[derive(Clone, Debug)]
pub struct RecordedEvent(pub Arc<Entry>);

/// What every poll uses, and counts into.
pub(super) struct PollContext {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) fetcher: Fetcher,
    pub(super) store: Store,
    pub(super) views: ViewRegistry,
    pub(super) judge_poll: JudgePollFn,
    pub(super) happened: broadcast::Sender<RecordedEvent>,
    pub(super) registered: Registered,
    /// Findings began or ended.
    pub(super) changed: watch::Sender<()>,
    /// Which key is published by which trust domains.
    keys: Mutex<PublicKeyIndex>,
    /// The trust domains of which decisions of the configuration wait to be recorded.
    pending: Mutex<BTreeSet<TrustDomain>>,
    /// The owners, and what else must come to its end before the store is closed.
    pub(super) tasks: TaskTracker,
    /// Cancelled when the daemon stops: what is under way is brought to its end, and nothing is
    /// begun any more.
    pub(super) stopping: CancellationToken,
    /// The public key of a denied authority was journaled, which other trust domains may not know.
    pub(super) denied_key_known: Notify,
    /// The scheduler's.
    pub(super) heartbeat: Heartbeat,
}

impl PollContext {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        fetcher: Fetcher,
        store: Store,
        judge_poll: JudgePollFn,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            registered: Registered::new()?,
            keys: Mutex::default(),
            pending: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            heartbeat: Heartbeat::new(Instant::now()),
            changed: watch::Sender::new(()),
            denied_key_known: Notify::new(),
            clock,
            fetcher,
            store,
            views: ViewRegistry::default(),
            judge_poll,
            happened: broadcast::Sender::new(super::EVENT_CHANNEL_CAPACITY),
        })
    }

    /// Tells whoever listens.
    pub(super) fn tell(&self, at: Timestamp, trust_domain: &TrustDomain, events: Vec<Event>) {
        if self.happened.receiver_count() == 0 {
            return;
        }
        for event in events {
            let entry = Entry { at, trust_domain: trust_domain.clone(), event };
            drop(self.happened.send(RecordedEvent(Arc::new(entry))));
        }
    }

    /// Declares which authorities are shared on purpose.
    pub(super) fn declare_shared(&self, shared: &[SharedAuthority]) {
        self.keys().declare(shared);
    }

    /// Takes in what is on record of a trust domain: its keys, and the shared keys that it reports.
    pub(super) fn load_keys(&self, trust_domain: &TrustDomain, facts: &Facts) {
        let mut keys = self.keys();
        keys.update(trust_domain, facts);
        keys.take_reports(trust_domain, &facts.ledger);
    }

    /// A trust domain is not watched, or no longer.
    pub(super) fn remove_keys(&self, trust_domain: &TrustDomain, facts: &Facts) {
        self.keys().remove(trust_domain, &facts.ledger);
    }

    /// Which keys of several trust domains this one is to report.
    pub(super) fn shared_keys(
        &self,
        trust_domain: &TrustDomain,
        facts: &Facts,
        change: KeySetChange,
    ) -> SharedKeys {
        self.keys().answer(trust_domain, facts, change)
    }

    /// Takes in which shared keys a trust domain reports, once it was judged.
    pub(super) fn take_reports(&self, trust_domain: &TrustDomain, ledger: &Ledger) {
        self.keys().take_reports(trust_domain, ledger);
    }

    /// Nothing is left half done in it: a panic elsewhere while it was held is no reason to stop.
    fn keys(&self) -> MutexGuard<'_, PublicKeyIndex> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down that decisions of the configuration wait to be recorded.
    pub(super) fn note_pending(&self, trust_domain: &TrustDomain) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.insert(trust_domain.clone());
    }

    /// Takes down that no decision of the configuration waits to be recorded any more.
    pub(super) fn clear_pending(&self, trust_domain: &TrustDomain) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.remove(trust_domain);
    }

    /// The trust domains of which decisions wait to be recorded.
    pub(super) fn waiting(&self) -> Vec<TrustDomain> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.iter().cloned().collect()
    }

    /// How many trust domains have decisions of the configuration that wait to be recorded.
    pub(super) fn pending(&self) -> usize {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// When the scheduler turned last, as the wall clock shows it now.
    pub(super) fn last_tick(&self) -> Timestamp {
        self.clock.now().saturating_sub(self.heartbeat.silence(Instant::now()))
    }
}

impl std::fmt::Debug for PollContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PollContext").finish_non_exhaustive()
    }
}
