//! What Alertmanagers are told, and what became of it.

use std::sync::{Arc, MutexGuard, PoisonError, Weak};

use super::{Inner, targets};
use crate::metrics::DeliveryFacts;
use crate::notify::{AlertContext, Notifier, ViewSource};
use anchorwatch_core::view::View;

/// The views, as the notifier sees it. It holds no daemon alive.
struct RegistryViewSource(Weak<Inner>);

impl ViewSource for RegistryViewSource {
    fn picture(&self) -> Option<(View, AlertContext)> {
        let inner = self.0.upgrade()?;
        let shared = &inner.shared;
        let head = shared.store.status().head;
        let context = AlertContext {
            external_url: inner.options.external_url.clone(),
            journal_head: format!("{} {}", head.number, head.head),
        };
        Some((shared.views.capture(shared.clock.now()), context))
    }
}

impl Inner {
    /// Begins to tell the Alertmanagers that the configuration names.
    pub(super) fn start_notifier(self: &Arc<Self>) {
        let picture = Arc::new(RegistryViewSource(Arc::downgrade(self)));
        let (changes, clock) = (self.shared.changed.subscribe(), Arc::clone(&self.shared.clock));
        let lookups = self.shared.fetcher.lookups().clone();
        *self.notifier() = Some(Notifier::new(picture, changes, clock, lookups));
        self.push_to_alertmanagers();
    }

    /// From now on, tells those that the configuration names.
    pub(super) fn push_to_alertmanagers(&self) {
        if let Some(notifier) = self.notifier().as_mut() {
            notifier.arrange(targets::recipients(&self.config.load()));
        }
    }

    /// Tells nobody any more. What was told ends by itself, unless a restart tells it again.
    pub(super) fn stop_notifier(&self) {
        *self.notifier() = None;
    }

    /// What became of the alerts, an Alertmanager each.
    pub(super) fn deliveries(&self) -> Vec<DeliveryFacts> {
        let deliveries = self.notifier().as_ref().map(Notifier::deliveries).unwrap_or_default();
        let facts = deliveries.into_iter().map(|one| DeliveryFacts {
            alertmanager: one.alertmanager,
            sent: one.sent,
            failed: one.failed,
            dropped: one.dropped,
            waiting: one.waiting,
        });
        facts.collect()
    }

    fn notifier(&self) -> MutexGuard<'_, Option<Notifier>> {
        self.notifier.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
