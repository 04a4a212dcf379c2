//! Reading the configuration anew, and arranging the watch by it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::domain::{Domain, ended};
use super::scheduler::{Command, SharedDomain};
use super::{Inner, carry, targets};
use crate::config::{Config, Relationship};
use crate::decision::Denial;
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::view::Departed;
use crate::watch::{DomainState, Facts};

/// How the last reload went.
#[derive(Debug)]
pub(super) struct Reloads {
    successful: AtomicBool,
    last_success: AtomicI64,
    one_at_a_time: Mutex<()>,
}

impl Reloads {
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            successful: AtomicBool::new(true),
            last_success: AtomicI64::new(at.as_unix_micros()),
            one_at_a_time: Mutex::default(),
        }
    }

    pub(super) fn successful(&self) -> bool {
        self.successful.load(Ordering::Relaxed)
    }

    pub(super) fn last_success(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.last_success.load(Ordering::Relaxed))
    }
}

impl Inner {
    /// Reads the configuration and the web configuration anew. Of each, the old one stays where
    /// the new one is bad.
    pub(super) async fn reload(&self) -> Result<(), String> {
        let _turn = self.reloads.one_at_a_time.lock().await;
        let web = match &self.web_file {
            Some(file) => file.reload().await,
            None => Ok(()),
        };
        let taken = self.reload_watch().await.and(web);
        self.reloads.successful.store(taken.is_ok(), Ordering::Relaxed);
        if taken.is_ok() {
            let at = self.shared.clock.now().as_unix_micros();
            self.reloads.last_success.store(at, Ordering::Relaxed);
        }
        taken
    }

    async fn reload_watch(&self) -> Result<(), String> {
        let path = self.config.load().path.clone();
        let next = match Config::load(&path) {
            Ok(next) => next,
            Err(why) => {
                let text = why.to_string();
                for fault in text.lines() {
                    error!(fault, "configuration refused, the old one stays");
                }
                return Err(text);
            }
        };
        for change in next.changes_since(&self.config.load()) {
            if change.needs_restart() {
                warn!(%change, "configuration changed");
            } else {
                info!(%change, "configuration changed");
            }
        }
        self.config.store(Arc::new(next));
        self.arrange().await;
        self.tell_alertmanagers();
        Ok(())
    }

    /// Makes the watch what the configuration says. Trust and records are kept, whatever changes.
    pub(super) async fn arrange(&self) {
        let config = self.config.load_full();
        let mut archive = self.archive.lock().await;
        let mut before = std::mem::take(&mut *self.domains.lock().await);
        let (mut domains, mut joined) = (BTreeMap::new(), BTreeSet::new());
        let mut slots = BTreeMap::new();
        for relationship in &config.relationships {
            let name = relationship.endpoint.trust_domain.clone();
            let domain = if let Some(known) = before.remove(&name) {
                self.reconfigure(&known, relationship).await;
                known
            } else {
                let state = archive.remove(&name).unwrap_or_default();
                joined.insert(name.clone());
                self.shared.hold(&name, &state.facts);
                Arc::new(Mutex::new(self.domain(relationship, state)))
            };
            slots.insert(name.clone(), domain.lock().await.slot());
            domains.insert(name, domain);
        }
        self.lay_aside(before, &mut archive).await;
        // At once: what they record then shares the store's transactions.
        let mut configuring = JoinSet::new();
        let mut states: Vec<DomainState> = archive.values().cloned().collect();
        for domain in domains.values() {
            states.push(domain.lock().await.state().clone());
        }
        let denials: Arc<[Denial]> = carry::denials(&states).into();
        for (name, domain) in &domains {
            let (domain, shared) = (Arc::clone(domain), Arc::clone(&self.shared));
            let carried = if joined.contains(name) { Arc::clone(&denials) } else { Arc::default() };
            configuring.spawn(async move {
                let mut domain = domain.lock().await;
                let carried = carry::missed(&carried, domain.state());
                domain.configure(&shared, carried).await;
            });
        }
        while configuring.join_next().await.is_some() {}
        self.shared.board.arrange(config.trust_domain.clone(), slots);
        self.domains.lock().await.clone_from(&domains);
        if let Some(commands) = self.commands.load().as_ref() {
            // Gone only when the daemon stops.
            drop(commands.send(Command::Replace(domains)).await);
        }
    }

    /// What was to be said of trust domains that went out of the configuration while the daemon was
    /// away ended too.
    pub(super) async fn depart_archived(&self) {
        let gone = self.archive.lock().await;
        let gone = gone.iter().filter(|(_, state)| !state.sight.told.is_empty());
        let depart = |(name, state): (&TrustDomain, &DomainState)| Departed {
            trust_domain: name.clone(),
            ended: state.sight.told.clone().into(),
        };
        let gone = gone.map(depart).collect();
        self.shared.board.depart(gone, &BTreeSet::new(), self.shared.clock.now());
    }

    fn domain(&self, relationship: &Arc<Relationship>, state: DomainState) -> Domain {
        let target = targets::target(relationship, &self.config.load());
        let bootstrap = targets::bootstrap(relationship);
        Domain::new(Arc::clone(relationship), target, bootstrap, state)
    }

    async fn reconfigure(&self, known: &Mutex<Domain>, relationship: &Arc<Relationship>) {
        let target = targets::target(relationship, &self.config.load());
        let bootstrap = targets::bootstrap(relationship);
        known.lock().await.reconfigure(Arc::clone(relationship), target, bootstrap);
    }

    /// A trust domain that is watched no more keeps what is on record of it.
    async fn lay_aside(
        &self,
        gone: BTreeMap<TrustDomain, SharedDomain>,
        archive: &mut BTreeMap<TrustDomain, DomainState>,
    ) {
        let at = self.shared.clock.now();
        let mut departed = Vec::new();
        for (name, domain) in gone {
            let domain = domain.lock().await;
            self.shared.hold(&name, &Facts::default());
            archive.insert(name.clone(), domain.state().clone());
            let ended = ended(&domain.slot().load(), &domain.state().sight.told, &[], at);
            departed.push(Departed { trust_domain: name, ended });
        }
        let config = self.config.load();
        let watched = config.relationships.iter();
        let watched = watched.map(|relationship| relationship.trust_domain().clone()).collect();
        self.shared.board.depart(departed, &watched, at);
    }
}
