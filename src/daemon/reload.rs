//! Reading the configuration anew, and arranging the watch by it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::domain::{Relation, WatchedDomain, ended};
use super::owner::{DomainHandle, Work};
use super::scheduler::{Domains, SchedulerCommand};
use super::{Inner, targets};
use crate::config::Config;
use crate::web::BackendError;
use anchorwatch_core::decision::{Decision, Denial, denials_to_carry};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::view::Departed;
use anchorwatch_core::watch::DomainState;

/// How the last reload went.
#[derive(Debug)]
pub(super) struct Reloads {
    successful: AtomicBool,
    last_success: AtomicI64,
}

impl Reloads {
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            successful: AtomicBool::new(true),
            last_success: AtomicI64::new(at.as_unix_micros()),
        }
    }

    pub(super) fn successful(&self) -> bool {
        self.successful.load(Ordering::Relaxed)
    }

    pub(super) fn last_success(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.last_success.load(Ordering::Relaxed))
    }
}

/// A configuration, and what the files that it names hold.
struct Prepared {
    config: Config,
    relations: Vec<Relation>,
}

impl Prepared {
    /// Reads files, and blocks meanwhile.
    fn of(config: Config) -> Self {
        let relation = |relationship| targets::relation(relationship, &config);
        let relations = config.relationships.iter().map(relation).collect();
        Self { config, relations }
    }
}

impl Inner {
    /// Reads the configuration and the web configuration anew. Of each, the old one stays where
    /// the new one is bad. [`BackendError::NotRecorded`] says that both are taken, and that what the
    /// configuration decides waits for the journal.
    pub(super) async fn reload_all(&self) -> Result<(), BackendError> {
        let web = match &self.web_file {
            Some(file) => file.reload().await.map_err(BackendError::Refused),
            None => Ok(()),
        };
        let reloaded = match (self.reload_watch().await, web) {
            (Err(BackendError::NotRecorded(_)), Err(web)) => Err(web),
            (watch, web) => watch.and(web),
        };
        // What waits for the journal was taken all the same.
        let taken = matches!(reloaded, Ok(()) | Err(BackendError::NotRecorded(_)));
        self.reloads.successful.store(taken, Ordering::Relaxed);
        if taken {
            let at = self.shared.clock.now().as_unix_micros();
            self.reloads.last_success.store(at, Ordering::Relaxed);
        }
        reloaded
    }

    async fn reload_watch(&self) -> Result<(), BackendError> {
        let path = self.config.load().path.clone();
        let load = move || Config::load(&path).map(Prepared::of);
        let loaded = tokio::task::spawn_blocking(load).await.map_err(|why| {
            error!(%why, "reading the configuration ended unexpectedly");
            BackendError::Unavailable("the configuration could not be read: see the log".to_owned())
        })?;
        let Prepared { config, relations } = loaded.map_err(|why| {
            let text = why.to_string();
            for fault in text.lines() {
                error!(fault, "configuration refused, the old one stays");
            }
            BackendError::Refused(text)
        })?;
        for change in config.changes_since(&self.config.load()) {
            if change.needs_restart() {
                warn!(%change, "configuration changed");
            } else {
                info!(%change, "configuration changed");
            }
        }
        self.config.store(Arc::new(config));
        let waiting = self.arrange(relations).await;
        self.push_to_alertmanagers();
        if waiting == 0 {
            return Ok(());
        }
        Err(BackendError::NotRecorded(format!(
            "the configuration was taken, but the journal cannot be written: its decisions on {waiting} trust domains have no effect yet, and are tried again"
        )))
    }

    /// Begins to watch what the configuration says.
    pub(super) async fn arrange_first(&self) {
        let config = Config::clone(&self.config.load());
        // A panic here is one of the start.
        if let Ok(prepared) = tokio::task::spawn_blocking(|| Prepared::of(config)).await {
            self.arrange(prepared.relations).await;
        }
    }

    /// Makes the watch what the configuration says. Trust and records are kept, whatever changes.
    /// Returns of how many trust domains the configuration's decisions could not be recorded.
    ///
    /// Until all of it is done, everybody sees the domains as they were, but for those that go: no
    /// name that was watched is ever without its state, here or in the archive.
    async fn arrange(&self, relations: Vec<Relation>) -> usize {
        self.shared.declare_shared(&self.config.load().shared_authorities);
        let before = self.domains.load_full();
        let names = |relation: &Relation| relation.relationship.trust_domain().clone();
        let watched: BTreeSet<TrustDomain> = relations.iter().map(names).collect();
        let departed = self.retire(&before, &watched).await;
        let (mut domains, mut slots) = (Domains::new(), BTreeMap::new());
        let (mut joined, mut stayed) = (Vec::new(), Vec::new());
        for relation in relations {
            let name = relation.relationship.trust_domain().clone();
            let domain = before.get(&name).filter(|domain| !domain.is_gone());
            let domain = if let Some(domain) = domain {
                stayed.push((Arc::clone(domain), relation));
                Arc::clone(domain)
            } else {
                let state = self.on_record(&name, &before);
                self.shared.load_keys(&name, &state.facts);
                let domain = DomainHandle::start(WatchedDomain::new(relation, state), &self.shared);
                joined.push(Arc::clone(&domain));
                domain
            };
            slots.insert(name.clone(), Arc::clone(domain.slot()));
            domains.insert(name, domain);
        }
        // What was settled while they were watched stays so.
        for (name, state) in self.archive().iter().filter(|(name, _)| !watched.contains(*name)) {
            self.shared.remove_keys(name, &state.facts);
        }
        let denials = self.denials(&domains);
        // At once: what they record then shares the store's transactions.
        let mut configuring = JoinSet::new();
        for (domain, relation) in stayed {
            configuring.spawn(async move {
                configure(&domain, Some(Box::new(relation)), Vec::new()).await
            });
        }
        for domain in joined {
            let missed = domain.state().facts.decisions.missed(&denials);
            configuring.spawn(async move { configure(&domain, None, missed).await });
        }
        let mut waiting: usize = 0;
        while let Some(recorded) = configuring.join_next().await {
            waiting = waiting.saturating_add(usize::from(!recorded.unwrap_or(true)));
        }
        let domains = Arc::new(domains);
        let trust_domain = self.config.load().trust_domain.clone();
        self.domains.store(Arc::clone(&domains));
        self.shared.views.arrange(trust_domain, slots);
        self.shared.views.depart(departed, &watched, self.shared.clock.now());
        self.archive().retain(|name, _| !watched.contains(name));
        // Gone only when the daemon stops.
        drop(self.commands.send(SchedulerCommand::Replace(domains)).await);
        waiting
    }

    /// Ends the watch over trust domains that are not in the configuration any more. What is on
    /// record of them is kept.
    async fn retire(&self, before: &Domains, watched: &BTreeSet<TrustDomain>) -> Vec<Departed> {
        let at = self.shared.clock.now();
        let mut departed = Vec::new();
        for (name, domain) in before.iter().filter(|(name, _)| !watched.contains(*name)) {
            // An owner that a bug ended gives nothing back, and what was published is recorded.
            let state = domain.ask(Work::Retire).await.unwrap_or_else(|| domain.state());
            self.shared.remove_keys(name, &state.facts);
            let ended = ended(&domain.slot().load(), &state.poll_state.reported, &[], at);
            departed.push(Departed { trust_domain: name.clone(), ended });
            self.archive().insert(name.clone(), state);
        }
        departed
    }

    /// What is on record of a trust domain that nobody owns now.
    fn on_record(&self, name: &TrustDomain, before: &Domains) -> DomainState {
        let known = before.get(name).map(|domain| domain.state());
        known.or_else(|| self.archive().get(name).cloned()).unwrap_or_default()
    }

    /// The denials that each of these trust domains must have: their own, and those of the ones that
    /// are not watched any more.
    fn denials(&self, domains: &Domains) -> Vec<Denial> {
        let watched: Vec<_> = domains.values().map(|domain| domain.slot().load_full()).collect();
        let watched = watched.iter().map(|view| &view.state.facts.decisions);
        let archive = self.archive();
        let archived = archive.iter().filter(|(name, _)| !domains.contains_key(*name));
        denials_to_carry(watched, archived.map(|(_, state)| &state.facts.decisions))
    }

    /// Journals denials, and the public keys that they bind, in each trust domain where they are
    /// missing: one that was denied before anyone had seen it binds only where its key is known.
    pub(super) async fn carry_denials(&self) {
        let domains = self.domains.load_full();
        let denials = self.denials(&domains);
        let mut carrying = JoinSet::new();
        for domain in domains.values() {
            let missed = domain.slot().load().state.facts.decisions.missed(&denials);
            if !missed.is_empty() {
                let domain = Arc::clone(domain);
                carrying.spawn(async move { configure(&domain, None, missed).await });
            }
        }
        while carrying.join_next().await.is_some() {}
    }

    /// Journals what waits to be journaled, before anything else is decided: an approval must find
    /// the denial that it overrides. Where the journal does not take it, nothing is decided either.
    pub(super) async fn record_what_waits(&self) -> Result<(), BackendError> {
        let waiting = self.shared.waiting();
        if waiting.is_empty() {
            return Ok(());
        }
        let domains = self.domains.load_full();
        let mut recording = JoinSet::new();
        for domain in waiting.iter().filter_map(|name| domains.get(name)) {
            let domain = Arc::clone(domain);
            recording.spawn(async move { configure(&domain, None, Vec::new()).await });
        }
        let mut recorded = true;
        while let Some(done) = recording.join_next().await {
            recorded &= done.unwrap_or(true);
        }
        // A domain that a bug stopped keeps waiting, and keeps nobody from deciding.
        let is_settled = recorded || self.shared.store.status().writable;
        if is_settled { Ok(()) } else { Err(self.not_recorded()) }
    }

    /// What was to be said of trust domains that went out of the configuration while the daemon was
    /// away ended too.
    pub(super) fn depart_archived(&self) {
        let gone = self.archive();
        let gone = gone.iter().filter(|(_, state)| !state.poll_state.reported.is_empty());
        let depart = |(name, state): (&TrustDomain, &DomainState)| Departed {
            trust_domain: name.clone(),
            ended: state.poll_state.reported.clone().into(),
        };
        let gone = gone.map(depart).collect();
        self.shared.views.depart(gone, &BTreeSet::new(), self.shared.clock.now());
    }
}

async fn configure(
    domain: &DomainHandle,
    relation: Option<Box<Relation>>,
    missed: Vec<Decision>,
) -> bool {
    let configured = domain.ask(|reply| Work::Configure(relation, missed, reply)).await;
    // Where the owner is gone, its end was told already.
    configured.unwrap_or(true)
}
