//! The thread that writes.
//!
//! Invariant: whoever is told that a batch is durable is told after the commit that holds it, and
//! batches are written in the order in which they came.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::backlog::Backlog;
use super::batch::Prepared;
use super::directory::{Identity, Lock};
use super::index;
use super::progress::Progress;
use super::prune::Pruner;
use super::transaction::{self, WriteError, Written};
use super::{Durability, StoreError, StoreOptions, StoreStatus};
use crate::bundle::AuthorityId;
use crate::journal::{Chain, record_after};
use crate::spiffe::TrustDomain;
use crate::watch::{AuthorityRecord, Sight};

/// How long the checkpoints of a close may take: a stop has 2 s in all.
const LAST_CHECKPOINTS: Duration = Duration::from_secs(1);
/// The pause between two portions of retention's work.
const BREATH: Duration = Duration::from_millis(10);
/// How many commands are taken at once: more than can wait.
const AT_ONCE: usize = 4_096;
/// How much may wait for the store to be tried again at each batch. What is more is tried at
/// intervals: a full disk must not be written to over and over.
const QUICK_RETRY: usize = 1 << 20;

/// What the writer is asked to do. The permit bounds how much may be asked.
#[derive(Debug)]
pub(super) enum Command {
    Append(Box<Append>),
    Together(Box<Together>),
    Sights {
        sights: Vec<(TrustDomain, Sight)>,
        permit: Permit,
    },
    Recall {
        recall: Recall,
        permit: Permit,
    },
    Close {
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    #[cfg(test)]
    Execute {
        sql: &'static str,
        reply: oneshot::Sender<()>,
    },
}

/// The place that a command takes among those that wait.
pub(super) type Permit = OwnedSemaphorePermit;

/// A batch to write.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) batch: Prepared,
    pub(super) sight: Sight,
    pub(super) reply: oneshot::Sender<Durability>,
    pub(super) permit: Permit,
}

/// Batches that are written in one transaction, or not at all.
#[derive(Debug)]
pub(super) struct Together {
    pub(super) batches: Vec<(Prepared, Sight)>,
    pub(super) reply: oneshot::Sender<Durability>,
    pub(super) permit: Permit,
}

/// Authorities to look up.
#[derive(Debug)]
pub(super) struct Recall {
    pub(super) trust_domain: TrustDomain,
    pub(super) ids: Vec<AuthorityId>,
    pub(super) reply: oneshot::Sender<Vec<AuthorityRecord>>,
}

/// The writer, and all that it knows.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) database: PathBuf,
    pub(super) identity: Identity,
    pub(super) lock: Lock,
    pub(super) options: StoreOptions,
    pub(super) chain: Chain,
    pub(super) progress: Progress,
    pub(super) backlog: Backlog,
    /// What is written together or refused. It never waits for a later attempt.
    pub(super) together: Vec<Together>,
    pub(super) sights: BTreeMap<TrustDomain, Sight>,
    pub(super) pruner: Pruner,
    pub(super) failed_at: Option<Instant>,
    pub(super) status: Arc<ArcSwap<StoreStatus>>,
}

impl Writer {
    /// Writes until the store is closed, or nobody can ask for anything any more.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let mut unsynced = false;
        loop {
            let pause = if self.prunes() { BREATH } else { self.options.retry_interval };
            let first = match commands.recv_timeout(pause) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let idle = first.is_none();
            let more = std::iter::from_fn(|| commands.try_recv().ok());
            for command in first.into_iter().chain(more).take(AT_ONCE) {
                if let Some(reply) = self.take(command) {
                    let _gone = reply.send(self.close());
                    return;
                }
            }
            unsynced |= self.flush();
            if idle {
                self.rest();
                if unsynced {
                    self.move_the_log_into_the_database();
                    unsynced = false;
                }
                self.prune();
            }
        }
        if let Err(error) = self.close() {
            tracing::error!(%error, "the store was not closed well");
        }
    }

    /// Takes a command in. Returns who waits for the end, where that was the command.
    fn take(&mut self, command: Command) -> Option<oneshot::Sender<Result<(), StoreError>>> {
        match command {
            Command::Append(append) => {
                let Append { batch, sight, reply, permit } = *append;
                self.sights.insert(batch.trust_domain.clone(), sight);
                self.backlog.push(batch, reply);
                drop(permit);
            }
            Command::Together(together) => self.together.push(*together),
            Command::Sights { sights, permit } => {
                self.sights.extend(sights);
                drop(permit);
            }
            Command::Recall { recall, permit } => {
                let records = self.recall(&recall.trust_domain, &recall.ids);
                let _gone = recall.reply.send(records);
                drop(permit);
            }
            Command::Close { reply } => return Some(reply),
            #[cfg(test)]
            Command::Execute { sql, reply } => {
                self.connection.execute_batch(sql).unwrap();
                reply.send(()).unwrap();
            }
        }
        None
    }

    /// Nothing waits, and the last write succeeded: all that happened is durable, as where no trust
    /// domain is watched.
    fn rest(&self) {
        let before = self.status.load_full();
        if before.writable && self.backlog.is_empty() && self.sights.is_empty() {
            let last_persist_success = Some(self.options.clock.now());
            let status = StoreStatus { last_persist_success, ..StoreStatus::clone(&before) };
            self.status.store(Arc::new(status));
        }
    }

    /// Writes all that waits, and then what is written together or refused: the journal's order is
    /// the order in which things happened. Returns whether it wrote anything.
    fn flush(&mut self) -> bool {
        let together = std::mem::take(&mut self.together);
        if self.backlog.is_empty() && self.sights.is_empty() {
            return !together.is_empty() && self.write_together(together);
        }
        // An operator who decides is reason enough to try a store that failed a moment ago.
        let wrote = self.write_what_waits(!together.is_empty());
        if together.is_empty() {
            return wrote;
        }
        if wrote {
            self.write_together(together);
        } else {
            answer_all(together, Durability::Unrecorded);
        }
        wrote
    }

    /// Writes all that waits in one transaction. Returns whether it did.
    fn write_what_waits(&mut self, at_once: bool) -> bool {
        let interval = self.options.retry_interval;
        let rests = self.failed_at.is_some_and(|failed_at| failed_at.elapsed() < interval);
        if rests && !at_once && QUICK_RETRY < self.backlog.size().bytes {
            let status = StoreStatus::clone(&self.status.load());
            self.settle(false, status);
            return false;
        }
        let (chain, progress, every) = (self.chain, &self.progress, self.options.checkpoint_every);
        let written = self.is_there().and_then(|()| {
            let (waiting, sights) = (self.backlog.batches(), &self.sights);
            transaction::write(&mut self.connection, chain, progress, every, waiting, sights)
        });
        let (wrote, status) = self.take_in(written);
        if wrote {
            self.sights.clear();
        }
        self.settle(wrote, status);
        wrote
    }

    /// Writes these in one transaction of their own. Where that fails nothing of them is kept, so
    /// that none of them takes effect later. Returns whether it wrote.
    fn write_together(&mut self, together: Vec<Together>) -> bool {
        let all = || together.iter().flat_map(|one| &one.batches);
        let sights: BTreeMap<TrustDomain, Sight> =
            all().map(|(batch, sight)| (batch.trust_domain.clone(), sight.clone())).collect();
        let (chain, progress, every) = (self.chain, &self.progress, self.options.checkpoint_every);
        let written = self.is_there().and_then(|()| {
            let batches = all().map(|(batch, _)| batch);
            transaction::write(&mut self.connection, chain, progress, every, batches, &sights)
        });
        let (wrote, status) = self.take_in(written);
        self.status.store(Arc::new(status));
        let durability = if wrote { Durability::Durable } else { Durability::Unrecorded };
        answer_all(together, durability);
        wrote
    }

    /// Takes in how a transaction ended. Returns whether it is durable, and how the store fares.
    fn take_in(&mut self, written: Result<Written, WriteError>) -> (bool, StoreStatus) {
        let before = self.status.load_full();
        let mut status = StoreStatus::clone(&before);
        let wrote = written.is_ok();
        self.failed_at = (!wrote).then(Instant::now);
        match written {
            Ok(Written { chain, moved, size }) => {
                self.chain = chain;
                self.progress.advance(moved);
                if !before.writable {
                    tracing::warn!("the store can be written again: nothing waits any more");
                }
                status.writable = true;
                status.failure = None;
                status.last_persist_success = Some(self.options.clock.now());
                status.journal_size_bytes = size;
            }
            Err(error) => {
                let failure = error.to_string();
                if before.writable {
                    tracing::error!(%error, "cannot write the store: what happens is unrecorded");
                }
                status.writable = false;
                status.failure = Some(failure.into());
                status.write_failures = status.write_failures.saturating_add(1);
            }
        }
        status.head = self.chain;
        (wrote, status)
    }

    /// Publishes the status, and then tells those who wait: what they read next is the new one.
    fn settle(&mut self, wrote: bool, mut status: StoreStatus) {
        if wrote {
            status.backlog = super::Backlogged::default();
            self.status.store(Arc::new(status));
            self.backlog.written();
            return;
        }
        for trust_domain in self.backlog.shed() {
            if !self.progress.has_diverged(&trust_domain) {
                tracing::error!(%trust_domain, "too much waits for the store: events are lost");
            }
            self.progress.diverges(trust_domain);
        }
        status.backlog = self.backlog.size();
        status.dropped = self.backlog.dropped();
        self.status.store(Arc::new(status));
        self.backlog.unwritten();
    }

    /// The kernel would let us write on, into a file that nobody can open any more.
    fn is_there(&self) -> Result<(), WriteError> {
        if Identity::of(&self.database).ok() != Some(self.identity) {
            return Err(WriteError::Gone { path: self.database.clone() });
        }
        Ok(())
    }

    /// What is on record of these authorities, in the database and in what waits.
    fn recall(&self, trust_domain: &TrustDomain, ids: &[AuthorityId]) -> Vec<AuthorityRecord> {
        let batches = self.backlog.batches().filter(|batch| batch.trust_domain == *trust_domain);
        let waiting: Vec<_> = batches
            .flat_map(|batch| batch.events.iter().map(|(event, _)| (batch.at, event)))
            .filter(|(_, event)| event.authority().is_some())
            .collect();
        let record = |id: &AuthorityId| {
            let recorded = index::record(&self.connection, trust_domain, *id);
            let recorded = recorded.unwrap_or_else(|error| {
                tracing::error!(%trust_domain, authority = %id, %error, "cannot recall");
                None
            });
            record_after(recorded, *id, waiting.iter().copied())
        };
        ids.iter().filter_map(record).collect()
    }

    fn move_the_log_into_the_database(&self) {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "cannot move the store's log into its database");
        }
    }

    fn prunes(&self) -> bool {
        self.pruner.is_due() && self.status.load().writable
    }

    fn prune(&mut self) {
        if !self.prunes() {
            return;
        }
        let before = self.options.clock.now().saturating_sub(self.options.body_retention);
        let confirmed = || self.progress.confirmed_bodies();
        if let Err(error) = self.pruner.portion(&mut self.connection, before, confirmed) {
            tracing::warn!(%error, "cannot remove old bodies from the store");
        }
    }

    fn close(mut self) -> Result<(), StoreError> {
        self.flush();
        let batches = self.backlog.size().batches;
        let deadline = Instant::now() + LAST_CHECKPOINTS;
        let mut result = if batches == 0 {
            let written = self.progress.checkpoint_all(&mut self.connection, deadline);
            written.map_err(StoreError::database("write the last checkpoints"))
        } else {
            Err(StoreError::Unrecorded { batches })
        };
        // Readers may still be there, and then closing alone does not move the log.
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "cannot move the store's log into its database");
        }
        let closed = self.connection.close().map_err(|(_, error)| error);
        result = result.and(closed.map_err(StoreError::database("close the store")));
        // Only now may another process have it.
        drop(self.lock);
        result
    }
}

/// Tells those who wait what became of theirs. The permits end here: who is told may ask again.
fn answer_all(together: Vec<Together>, durability: Durability) {
    for Together { reply, permit, .. } in together {
        drop(permit);
        // Whoever asked may be gone.
        let _gone = reply.send(durability);
    }
}
