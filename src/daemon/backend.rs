//! What the web asks, answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::sync::oneshot;

use super::Inner;
use super::operations::{self, Operation};
use super::scheduler::SchedulerCommand;
use crate::metrics::{AuthoritySeries, SelfFacts};
use crate::store::{AuthorityPart, AuthorityQuery, EventQuery, StoreError};
use crate::web::api::{Cursor, Decided, SightingsTaken};
use crate::web::{
    Asked, AuthorityFilter, Backend, BackendError, Decide, EventFilter, Identity, RebootstrapOrder,
    Rebootstrapped, ScrapeFacts,
};
use anchorwatch_core::bundle::Fingerprint;
use anchorwatch_core::journal::{AuthorityEntry, RecordedEntry};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::view::View;

/// The scheduler turns every second; this long without is a fault.
const STALLED: Duration = Duration::from_secs(15);
/// How long a check waits for its polls beyond their own deadline.
const CHECKING: Duration = Duration::from_secs(30);

/// The daemon, as the web sees it.
#[derive(Debug)]
pub(super) struct DaemonBackend {
    inner: Arc<Inner>,
}

impl DaemonBackend {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }
}

impl Inner {
    /// Why the scheduler does not turn; `None` where it does.
    pub(super) fn stalled(&self) -> Option<String> {
        let silent = self.shared.heartbeat.silence(Instant::now());
        (STALLED < silent)
            .then(|| format!("the scheduler has not turned for {} s", silent.as_secs()))
    }

    /// Why the daemon is not ready; empty where it is. A foreign endpoint that is down never makes
    /// it unready.
    pub(super) fn unready(&self) -> Vec<String> {
        let status = self.shared.store.status();
        let mut why: Vec<String> = self.stalled().into_iter().collect();
        if !status.writable {
            let failure = status.failure.as_deref().unwrap_or("the last write failed");
            why.push(format!("the store cannot be written: {failure}"));
        }
        let waiting = self.shared.pending();
        if 0 < waiting {
            why.push(format!(
                "decisions of the configuration on {waiting} trust domains are not journaled yet"
            ));
        }
        if let Some(fault) = self.shared.store.health().unsettled(Instant::now()) {
            why.push(format!(
                "the store's files are not safe: {} (last seen at {})",
                fault.detail, fault.seen
            ));
        }
        why
    }

    fn self_facts(&self) -> SelfFacts {
        let status = self.shared.store.status();
        let digest = self.config.load().digest;
        let [a, b, c, d, ..] = *digest.as_bytes();
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        SelfFacts {
            config_reload_successful: self.reloads.successful(),
            config_reloaded_at: self.reloads.last_success(),
            config_hash: u32::from_be_bytes([a, b, c, d]),
            store_created_at: status.created,
            last_persisted_at: status.last_persist_success,
            write_failures: status.write_failures,
            backlog: count(status.backlog.batches),
            events_lost: status.dropped.events,
            store_faults: self.shared.store.health().count(),
            store_verified_at: self.shared.store.health().verified_at,
            journal_size: status.journal_size_bytes,
            journal_entries: status.head.number,
            ticked_at: self.shared.last_tick(),
            deliveries: self.deliveries(),
        }
    }

    pub(super) async fn poll_now(
        &self,
        trust_domain: Option<TrustDomain>,
    ) -> Result<(), BackendError> {
        let names: Vec<TrustDomain> = match trust_domain {
            Some(name) => vec![name],
            None => self.domains.load().keys().cloned().collect(),
        };
        let mut waiting = Vec::with_capacity(names.len());
        for name in names {
            let (done, polled) = oneshot::channel();
            let sent = self.commands.send(SchedulerCommand::PollNow(name, done)).await;
            sent.map_err(|_| operations::stopping())?;
            waiting.push(polled);
        }
        let all = async {
            for polled in waiting {
                // A quarantined domain is not polled, and its sender goes.
                drop(polled.await);
            }
        };
        // What was not polled by then is reported as it was.
        drop(tokio::time::timeout(CHECKING, all).await);
        Ok(())
    }

    /// Authorities in the order of the list. What waits to be written shows in the view before the
    /// store has it, and the view is right where both have something.
    async fn authorities(
        &self,
        filter: AuthorityFilter,
    ) -> Result<Vec<AuthorityEntry>, BackendError> {
        let AuthorityFilter { trust_domain, mut after, limit } = filter;
        let view = self.shared.views.capture(self.shared.clock.now());
        let mut entries = Vec::new();
        while entries.len() < limit {
            let part = match after.as_ref().map(Cursor::parts) {
                None => AuthorityPart::First,
                Some((name, svid_type, published, fingerprint)) => {
                    AuthorityPart::After(name.clone(), svid_type, published, fingerprint)
                }
            };
            let query = AuthorityQuery {
                trust_domain: trust_domain.clone(),
                part,
                limit,
                ..AuthorityQuery::default()
            };
            let stored = self.shared.store.authorities(query).await.map_err(unavailable)?;
            // What follows the last of a full answer is known by the next one.
            let until = stored.last().filter(|_| limit <= stored.len()).map(Cursor::from);
            let known = |entry: &AuthorityEntry| {
                let domain = view.domain(&entry.trust_domain);
                domain.is_some_and(|one| one.state.facts.record(entry.record.id()).is_some())
            };
            let stored = stored.into_iter().filter(|entry| !known(entry));
            let range =
                Range { of: trust_domain.as_ref(), after: after.as_ref(), until: until.as_ref() };
            let mut found: Vec<_> = stored.chain(range.shown(&view)).collect();
            found.sort_by_cached_key(|entry| Cursor::from(entry));
            entries.append(&mut found);
            match until {
                None => break,
                Some(until) => after = Some(until),
            }
        }
        entries.truncate(limit);
        Ok(entries)
    }
}

/// A part of the list of authorities.
struct Range<'a> {
    of: Option<&'a TrustDomain>,
    after: Option<&'a Cursor>,
    until: Option<&'a Cursor>,
}

impl Range<'_> {
    /// What a view shows of it.
    fn shown(&self, view: &View) -> Vec<AuthorityEntry> {
        let is_of = |name: &TrustDomain| {
            self.of.is_none_or(|of| of == name)
                && self.after.is_none_or(|after| after.parts().0 <= name)
                && self.until.is_none_or(|until| name <= until.parts().0)
        };
        let mut entries = Vec::new();
        for domain in view.domains.iter().filter(|domain| is_of(&domain.endpoint.trust_domain)) {
            for record in &domain.state.facts.authorities.records {
                let trust_domain = domain.endpoint.trust_domain.clone();
                let entry = AuthorityEntry { trust_domain, record: record.clone() };
                let place = Cursor::from(&entry);
                if self.after.is_none_or(|after| *after < place)
                    && self.until.is_none_or(|until| place <= *until)
                {
                    entries.push(entry);
                }
            }
        }
        entries
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn unavailable(why: StoreError) -> BackendError {
    BackendError::Unavailable(format!("cannot read the store: {why}"))
}

impl Backend for DaemonBackend {
    fn view(&self) -> View {
        self.inner.shared.views.capture(self.inner.shared.clock.now())
    }

    fn scrape(&self) -> ScrapeFacts {
        ScrapeFacts {
            view: self.view(),
            facts: self.inner.self_facts(),
            registered: self.inner.shared.registered.clone(),
            authority_series: if self.inner.config.load().metrics.per_authority {
                AuthoritySeries::Rendered
            } else {
                AuthoritySeries::LeftOut
            },
        }
    }

    fn identity(&self) -> Identity {
        Identity {
            config_digest: self.inner.config.load().digest,
            journal_head: self.inner.shared.store.status().head.head,
        }
    }

    fn unready(&self) -> Vec<String> {
        self.inner.unready()
    }

    fn stalled(&self) -> Option<String> {
        self.inner.stalled()
    }

    fn events(&self, filter: EventFilter) -> Asked<'_, Vec<RecordedEntry>> {
        let EventFilter { trust_domain, kind, authority, since, until, before, limit } = filter;
        let after = None;
        let query =
            EventQuery { trust_domain, since, until, kind, authority, after, before, limit };
        Box::pin(async move { self.inner.shared.store.events(query).await.map_err(unavailable) })
    }

    fn authorities(&self, filter: AuthorityFilter) -> Asked<'_, Vec<AuthorityEntry>> {
        Box::pin(self.inner.authorities(filter))
    }

    fn authority(&self, fingerprint: Fingerprint) -> Asked<'_, Vec<AuthorityEntry>> {
        Box::pin(async move {
            let mut entries =
                self.inner.shared.store.authority(fingerprint).await.map_err(unavailable)?;
            // The facts hold what was made of it, for as long as they hold it.
            let view = self.view();
            for entry in &mut entries {
                let domain = view.domain(&entry.trust_domain);
                let known = domain.and_then(|domain| domain.state.facts.record(entry.record.id()));
                if let Some(record) = known {
                    entry.record = record.clone();
                }
            }
            Ok(entries)
        })
    }

    fn reload(&self) -> Asked<'_, ()> {
        Box::pin(self.inner.request(Operation::Reload))
    }

    fn check(&self, trust_domain: Option<TrustDomain>) -> Asked<'_, View> {
        Box::pin(async move {
            self.inner.poll_now(trust_domain).await?;
            Ok(self.view())
        })
    }

    fn rebootstrap(&self, asked: RebootstrapOrder) -> Asked<'_, Rebootstrapped> {
        Box::pin(async move {
            let name = asked.trust_domain.clone();
            let taken = self.inner.request(|reply| Operation::Rebootstrap(asked, reply)).await?;
            // The poll that it began, or the next.
            self.inner.poll_now(Some(name)).await?;
            Ok(taken)
        })
    }

    fn take_sightings(&self, lines: Bytes, uid: Option<u32>) -> Asked<'_, SightingsTaken> {
        Box::pin(async move {
            let inner = Arc::clone(&self.inner);
            // In a task of its own: all lines are taken in, whether or not whoever sent them waits.
            let taken = tokio::spawn(async move { inner.take_sightings(&lines, uid).await });
            taken.await.map_err(|_| operations::stopping())
        })
    }

    fn decide(&self, asked: Decide) -> Asked<'_, Decided> {
        Box::pin(async move {
            if asked.preview {
                return self.inner.preview(asked).await;
            }
            self.inner.request(|reply| Operation::Decide(asked, reply)).await
        })
    }
}
