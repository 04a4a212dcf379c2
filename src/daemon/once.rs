//! One poll of everything, without a daemon: what `check` does where none runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::domain::WatchedDomain;
use super::error::StartError;
use super::poll_context::PollContext;
use super::{SystemClock, self_watch, targets};
use crate::config::Config;
use crate::fetch::Fetcher;
use crate::store::{Store, StoreOptions};
use anchorwatch_core::decision::denials_to_carry;
use anchorwatch_core::judge;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Clock;
use anchorwatch_core::view::View;

/// Polls each relationship once, in the order in which they serve each other, records what was
/// seen, and gives the picture. With `only`, that trust domain alone is polled.
pub async fn check_once(config: Config, only: Option<&TrustDomain>) -> Result<View, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let path = config.store.path.clone();
    let options = StoreOptions::new(Arc::clone(&clock));
    let opened = tokio::task::spawn_blocking(move || Store::open(&path, options));
    let (store, mut loaded) = opened.await.map_err(|_| StartError::Interrupted)??;
    let fetcher = Fetcher::new(Arc::clone(&clock));
    let shared = Arc::new(PollContext::new(clock, fetcher, store, judge::judge_poll)?);
    shared.declare_shared(&config.shared_authorities);
    let is_watched =
        |name: &TrustDomain| config.relationships.iter().any(|one| one.trust_domain() == name);
    let (watched, archived): (Vec<_>, Vec<_>) =
        loaded.domains.iter().partition(|(name, _)| is_watched(name));
    let denials = denials_to_carry(
        watched.iter().map(|(_, state)| &state.facts.decisions),
        archived.iter().map(|(_, state)| &state.facts.decisions),
    );
    let mut slots = BTreeMap::new();
    let mut rounds = Vec::new();
    for round in config.polling_order() {
        let mut domains = Vec::new();
        for relationship in round {
            let state = loaded.domains.remove(relationship.trust_domain()).unwrap_or_default();
            let relation = targets::relation(relationship, &config);
            shared.load_keys(relationship.trust_domain(), &state.facts);
            let domain = WatchedDomain::new(relation, state);
            slots.insert(relationship.trust_domain().clone(), domain.slot());
            if only.is_none_or(|only| only == relationship.trust_domain()) {
                domains.push(domain);
            }
        }
        rounds.push(domains);
    }
    // What was settled while they were watched stays so.
    for (name, state) in &loaded.domains {
        shared.remove_keys(name, &state.facts);
    }
    shared.views.arrange(config.trust_domain.clone(), slots);
    let permits = Arc::new(Semaphore::new(config.concurrency));
    for round in rounds {
        let mut polls = JoinSet::new();
        for mut domain in round {
            let (shared, permits) = (Arc::clone(&shared), Arc::clone(&permits));
            let carried = domain.state().facts.decisions.missed(&denials);
            polls.spawn(async move {
                let _permit = permits.acquire_owned().await.ok();
                domain.configure(&shared, carried).await;
                domain.poll(&shared).await;
            });
        }
        // A key of two trust domains is reported by the one that is read later.
        while polls.join_next().await.is_some() {}
    }
    shared.store.record_poll_states(shared.views.poll_states());
    self_watch::publish(&shared, &self_watch::facts(&shared.store, None));
    let view = shared.views.capture(shared.clock.now());
    shared.store.clone().close().await?;
    Ok(view)
}
