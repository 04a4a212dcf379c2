//! How far each trust domain's checkpoint lags behind its events.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;

use super::batch::Prepared;
use super::checkpoint;
use super::loaded_domain::{CheckpointPlan, LoadedDomain};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::journal::Chain;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::Facts;

/// The tail of one trust domain.
#[derive(Clone, Debug)]
struct Tail {
    /// How many events the checkpoint lacks.
    events: usize,
    /// The last event: its number and hash.
    last: Chain,
    /// The facts after it, while the checkpoint lacks any.
    facts: Option<Arc<Facts>>,
    /// The document of the confirmed state.
    body: Option<Digest>,
}

impl Default for Tail {
    fn default() -> Self {
        Self { events: 0, last: Chain::genesis(), facts: None, body: None }
    }
}

impl Tail {
    fn take_in(&mut self, events: usize, last: Chain, facts: Option<&Arc<Facts>>) {
        if 0 < events {
            self.events = self.events.saturating_add(events);
            self.last = last;
        }
        self.facts = facts.filter(|_| 0 < self.events).cloned();
        if let Some(facts) = facts {
            self.body = facts.bundle.confirmed.as_ref().map(|confirmed| confirmed.body);
        }
    }

    fn checkpoint(&mut self, connection: &Connection, name: &TrustDomain) -> rusqlite::Result<()> {
        if let Some(facts) = self.facts.take() {
            checkpoint::write(connection, name, self.last, &facts)?;
            self.events = 0;
        }
        Ok(())
    }
}

/// The tails of all trust domains.
#[derive(Debug, Default)]
pub(super) struct CheckpointProgress {
    tails: HashMap<TrustDomain, Tail>,
    /// Those of which events were dropped: what is known of them is no longer what a replay of
    /// their events gives.
    diverged: HashSet<TrustDomain>,
    /// Those with an entry that did not verify at the start ([`CheckpointPlan::Withhold`]).
    withheld: HashSet<TrustDomain>,
}

/// The tails that a transaction moved: they count once it is durable.
#[derive(Debug, Default)]
pub(super) struct Moved(BTreeMap<TrustDomain, Tail>);

impl CheckpointProgress {
    pub(super) fn loaded(&mut self, name: &TrustDomain, domain: &LoadedDomain) {
        let mut tail = Tail { last: domain.last, ..Tail::default() };
        tail.take_in(domain.tail, domain.last, Some(&domain.state.facts));
        self.tails.insert(name.clone(), tail);
        if domain.checkpoint == CheckpointPlan::Withhold {
            self.withheld.insert(name.clone());
        }
    }

    pub(super) fn diverges(&mut self, name: TrustDomain) {
        self.diverged.insert(name);
    }

    pub(super) fn has_diverged(&self, name: &TrustDomain) -> bool {
        self.diverged.contains(name)
    }

    /// Takes in a batch that the open transaction wrote; `chain` is the head after it.
    pub(super) fn wrote(&self, moved: &mut Moved, batch: &Prepared, chain: Chain) {
        let name = &batch.trust_domain;
        let known = || self.tails.get(name).cloned().unwrap_or_default();
        let tail = moved.0.entry(name.clone()).or_insert_with(known);
        tail.take_in(batch.events.len(), chain, batch.facts.as_ref());
    }

    /// Writes the checkpoints that are due into the open transaction.
    pub(super) fn checkpoint_due(
        &self,
        moved: &mut Moved,
        connection: &Connection,
        every: usize,
    ) -> rusqlite::Result<()> {
        for (name, tail) in &mut moved.0 {
            let excluded = self.diverged.contains(name) || self.withheld.contains(name);
            if every <= tail.events && !excluded {
                tail.checkpoint(connection, name)?;
            }
        }
        Ok(())
    }

    /// The transaction is durable.
    pub(super) fn advance(&mut self, Moved(moved): Moved) {
        self.tails.extend(moved);
    }

    /// Writes what checkpoints lack, the longest tails first, until `deadline`: what is left costs
    /// the next start some replay, and no more.
    pub(super) fn checkpoint_all(
        &mut self,
        connection: &mut Connection,
        deadline: Instant,
    ) -> rusqlite::Result<()> {
        /// How many are written in a transaction.
        const PORTION: usize = 256;
        let Self { tails, diverged, withheld } = self;
        let lacking = tails.iter_mut().filter(|(name, tail)| {
            let excluded = diverged.contains(*name) || withheld.contains(*name);
            tail.facts.is_some() && 0 < tail.events && !excluded
        });
        let mut lacking: Vec<_> = lacking.collect();
        lacking.sort_unstable_by_key(|(_, tail)| std::cmp::Reverse(tail.events));
        for portion in lacking.chunks_mut(PORTION) {
            if deadline <= Instant::now() {
                break;
            }
            let transaction = connection.transaction()?;
            for (name, tail) in portion {
                tail.checkpoint(&transaction, name)?;
            }
            transaction.commit()?;
        }
        Ok(())
    }

    /// The documents of the confirmed states.
    pub(super) fn confirmed_bodies(&self) -> HashSet<Digest> {
        self.tails.values().filter_map(|tail| tail.body).collect()
    }
}
