//! What is published: a slot for each trust domain, swapped whole after each poll.
//!
//! Nobody waits for anybody: a poll swaps its own slot, and a scrape of ten thousand domains takes
//! as many pointers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;

use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::view::{Departed, DomainView, View, WatchView};
use anchorwatch_core::watch::PollState;

/// Where one trust domain's picture hangs.
pub(super) type ViewSlot = Arc<ArcSwap<DomainView>>;

/// The slots of all trust domains.
#[derive(Debug, Default)]
pub(super) struct ViewRegistry {
    slots: ArcSwap<BTreeMap<TrustDomain, ViewSlot>>,
    trust_domain: ArcSwap<Option<TrustDomain>>,
    departed: ArcSwap<Vec<Departed>>,
    watch: ArcSwap<WatchView>,
}

impl ViewRegistry {
    /// Hangs up these slots, and takes down all others.
    pub(super) fn arrange(
        &self,
        trust_domain: Option<TrustDomain>,
        slots: BTreeMap<TrustDomain, ViewSlot>,
    ) {
        self.trust_domain.store(Arc::new(trust_domain));
        self.slots.store(Arc::new(slots));
    }

    /// What is published of one trust domain.
    pub(super) fn domain(&self, trust_domain: &TrustDomain) -> Option<Arc<DomainView>> {
        self.slots.load().get(trust_domain).map(|slot| slot.load_full())
    }

    /// What the last polls saw of each trust domain.
    pub(super) fn poll_states(&self) -> Vec<(TrustDomain, PollState)> {
        let poll_state = |slot: &ViewSlot| slot.load().state.poll_state.clone();
        self.slots.load().iter().map(|(name, slot)| (name.clone(), poll_state(slot))).collect()
    }

    /// The picture of all trust domains at this moment.
    pub(super) fn capture(&self, at: Timestamp) -> View {
        let domains = self.slots.load().values().map(|slot| slot.load_full()).collect();
        let shown = |gone: &&Departed| gone.ended.iter().any(|ended| ended.is_shown(at));
        let departed = self.departed.load().iter().filter(shown).cloned().collect();
        let (trust_domain, watch) = (self.trust_domain.load().as_ref().clone(), self.watch());
        View { at, trust_domain, domains, departed, watch }
    }

    /// What is published of anchorwatch itself.
    pub(super) fn watch(&self) -> Arc<WatchView> {
        self.watch.load_full()
    }

    /// Publishes what is to be said of anchorwatch itself.
    pub(super) fn show_watch(&self, watch: WatchView) {
        self.watch.store(Arc::new(watch));
    }

    /// What was to be said of these trust domains ended, since they are watched no more. What is
    /// watched again is not among them.
    pub(super) fn depart(
        &self,
        gone: Vec<Departed>,
        watched: &BTreeSet<TrustDomain>,
        at: Timestamp,
    ) {
        let shown = |gone: &&Departed| gone.ended.iter().any(|ended| ended.is_shown(at));
        let known = self.departed.load_full();
        let all = known.iter().filter(shown).cloned().chain(gone);
        let all = all.filter(|gone| !watched.contains(&gone.trust_domain)).collect();
        self.departed.store(Arc::new(all));
    }
}
