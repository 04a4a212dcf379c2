//! The embedded store: one SQLite database, one writer.
//!
//! [`Store::append`] returns when what happened is durable, or says that it is not: nobody sees a
//! state before. [`Store::open`] gives back what was known: each trust domain's checkpoint, and
//! the events after it. [`StoreReader`] looks into a store beside a daemon or without one, and
//! verifies it.
//!
//! Invariant: what is stored are facts. The table of authorities and the checkpoints are derived
//! from the events and can be made anew from them; the events are never edited.

mod backlog;
mod batch;
mod check;
mod checkpoint;
mod column;
mod command;
mod directory;
mod error;
mod fault;
mod files;
mod health;
mod index;
mod load;
mod loaded_domain;
mod medium;
mod opening;
mod options;
mod poll_state;
mod progress;
mod prune;
mod query;
mod reader;
mod retained;
mod row;
mod salvage;
mod schema;
mod seal;
mod slots;
mod status;
mod transaction;
mod verify;
mod writer;

pub use batch::Batch;
pub use error::{LockHolder, StoreError};
pub use fault::{VerifyFault, VerifyFaults};
pub use health::{FaultKind, StoreFault, StoreHealth};
pub use options::StoreOptions;
pub use query::{AuthorityPart, AuthorityQuery, EntryRange, EventQuery, Presence, StoredEntry};
pub use reader::StoreReader;
pub use status::{Backlogged, LostEvents, StoreStatus};
pub use verify::Verified;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, oneshot};

use anchorwatch_core::bundle::{AuthorityId, Fingerprint, PublicKeyId};
use anchorwatch_core::journal::{AuthorityEntry, RecordedEntry};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{AuthorityRecord, DomainState, PollState};
use command::{Append, AuthorityLookup, Together, WriterCommand};
use health::Health;
use opening::Opening;
use slots::{Slots, WaitingSlot};

/// How many commands may wait for the writer: as many as there may be polls at once.
const WAITING: usize = 1_024;
/// How many notes of poll states may wait: one is a minute's, and the next one holds the same.
const NOTES: usize = 4;
/// How long a close may take before it is given up: a stop has 2 s.
const CLOSING: Duration = Duration::from_secs(2);
/// How long one look into the store may take.
const READING: Duration = Duration::from_secs(10);

/// Whether what happened is on the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// It survives a crash from now on.
    Durable,
    /// It is in the journal and holds, but the files that it was written to do not stand under their
    /// paths now. It is written again from memory once the store can be opened anew, and is lost where
    /// the process ends before.
    Committed,
    /// The store cannot be written. What happened waits in memory, and is written first once it
    /// can be.
    Unrecorded,
}

impl Durability {
    /// Whether it is in the journal, and must be acted on for that reason.
    pub fn is_committed(self) -> bool {
        match self {
            Self::Durable | Self::Committed => true,
            Self::Unrecorded => false,
        }
    }
}

/// What a store held when it was opened.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is known of every trust domain that was ever watched.
    pub domains: BTreeMap<TrustDomain, DomainState>,
    /// When the store was created.
    pub created: Timestamp,
    /// Whether that was just now: nothing is known, and every first bundle is a baseline.
    pub fresh: bool,
    /// The head of the journal.
    pub head: anchorwatch_core::journal::Chain,
}

/// A handle to the store. Clones share one writer; it ends when all of them are gone, or by
/// [`Store::close`].
#[derive(Clone, Debug)]
pub struct Store {
    commands: mpsc::Sender<WriterCommand>,
    places: Arc<Semaphore>,
    notes: Arc<Semaphore>,
    status: Arc<ArcSwap<StoreStatus>>,
    health: Health,
    slots: Slots,
    directory: PathBuf,
}

impl Store {
    /// Opens the store in this directory, makes it where there is none, and locks it. Blocks until
    /// everything is loaded.
    ///
    /// What cannot be written is opened for reading, and tried again until it can be: the status says
    /// so. What is damaged is left out, and [`Self::health`] says so.
    pub fn open(path: &Path, options: StoreOptions) -> Result<(Self, Loaded), StoreError> {
        let Opening { writer, checker, loaded } = Opening::new(path, options)?;
        let (status, health) = (Arc::clone(&writer.status), writer.medium.health.clone());
        let (slots, directory) = (writer.medium.slots.clone(), writer.medium.directory.clone());
        let (commands, received) = mpsc::channel();
        let failed = |source| StoreError::File { path: path.into(), source };
        let mut writer = writer;
        if let Some(checker) = checker {
            writer.medium.wake = checker.start().map_err(failed)?;
        }
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(&received))
            .map_err(failed)?;
        let store = Self {
            commands,
            places: Arc::new(Semaphore::new(WAITING)),
            notes: Arc::new(Semaphore::new(NOTES)),
            status,
            health,
            slots,
            directory,
        };
        Ok((store, loaded))
    }

    /// Records what happened, and returns when it is durable, or is known not to be. All batches
    /// that wait share one transaction. The batch is kept even if nobody awaits the answer.
    pub async fn append(&self, batch: Batch) -> Durability {
        let (batch, poll_state) = match batch::Prepared::new(batch) {
            Ok(prepared) => prepared,
            Err(error) => {
                tracing::error!(%error, "cannot write an event out: it is lost");
                return Durability::Unrecorded;
            }
        };
        let (reply, answer) = oneshot::channel();
        let Ok(permit) = Arc::clone(&self.places).acquire_owned().await else {
            return Durability::Unrecorded;
        };
        let append = Append { batch, poll_state, reply, permit };
        if self.commands.send(WriterCommand::Append(Box::new(append))).is_err() {
            tracing::error!("the store is closed already: an event is lost");
            return Durability::Unrecorded;
        }
        answer.await.unwrap_or(Durability::Unrecorded)
    }

    /// Records what happened to several trust domains in one transaction, or nothing of it: where
    /// the answer is [`Durability::Unrecorded`], nothing of it is in the journal or waits to be written
    /// later. What waits from before is written first, since the journal keeps the order. At most one batch a trust domain.
    pub async fn append_together(&self, batches: Vec<Batch>) -> Durability {
        if batches.is_empty() {
            return Durability::Durable;
        }
        let prepared: Result<_, _> = batches.into_iter().map(batch::Prepared::new).collect();
        let batches = match prepared {
            Ok(batches) => batches,
            Err(error) => {
                tracing::error!(%error, "cannot write an event out: nothing of it is recorded");
                return Durability::Unrecorded;
            }
        };
        let Ok(permit) = Arc::clone(&self.places).acquire_owned().await else {
            return Durability::Unrecorded;
        };
        let (reply, answer) = oneshot::channel();
        let together = Together { batches, reply, permit };
        if self.commands.send(WriterCommand::Together(Box::new(together))).is_err() {
            return Durability::Unrecorded;
        }
        answer.await.unwrap_or(Durability::Unrecorded)
    }

    /// Takes down what the last polls saw, in one transaction, soon. Where the writer is far
    /// behind, the note is left out: the next one, a minute later, says the same and more.
    pub fn record_poll_states(&self, poll_states: Vec<(TrustDomain, PollState)>) {
        let Ok(permit) = Arc::clone(&self.notes).try_acquire_owned() else {
            tracing::warn!("the store is far behind: what the last polls saw is not taken down");
            return;
        };
        // Where the store is closed already, so is the watch.
        let _closed = self.commands.send(WriterCommand::PollStates { poll_states, permit });
    }

    /// What is on record of these authorities, those that the facts have laid aside among them,
    /// in what waits as in what is durable. Unknown ones are left out.
    pub async fn recall(
        &self,
        trust_domain: &TrustDomain,
        ids: Vec<AuthorityId>,
    ) -> Vec<AuthorityRecord> {
        if ids.is_empty() {
            return Vec::new();
        }
        let (reply, answer) = oneshot::channel();
        let recall = AuthorityLookup { trust_domain: trust_domain.clone(), ids, reply };
        let Ok(permit) = Arc::clone(&self.places).acquire_owned().await else {
            return Vec::new();
        };
        if self.commands.send(WriterCommand::Recall { recall, permit }).is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// How the store fares. Cheap, and never waits.
    pub fn status(&self) -> Arc<StoreStatus> {
        self.status.load_full()
    }

    /// What is known to be wrong with what is stored. Cheap, and never waits.
    pub fn health(&self) -> Arc<StoreHealth> {
        self.health.load()
    }

    /// The entries of the journal that match, the newest last. Only what is durable.
    pub async fn events(&self, query: EventQuery) -> Result<Vec<RecordedEntry>, StoreError> {
        self.read(&self.slots.web, move |reader| reader.events(&query)).await
    }

    /// The authorities that match, by trust domain, use and publication. Only what is durable.
    pub async fn authorities(
        &self,
        query: AuthorityQuery,
    ) -> Result<Vec<AuthorityEntry>, StoreError> {
        self.read(&self.slots.web, move |reader| reader.authorities(&query)).await
    }

    /// What every trust domain has on record of the authority with this fingerprint.
    pub async fn authority(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Vec<AuthorityEntry>, StoreError> {
        self.read(&self.slots.web, move |reader| reader.authority(fingerprint)).await
    }

    /// The public key of the authority with this fingerprint, where any trust domain has it on record.
    /// For operations alone: those who read over the web are not waited for.
    pub async fn public_key(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Option<PublicKeyId>, StoreError> {
        let known = self.read(&self.slots.operations, move |reader| reader.authority(fingerprint));
        Ok(known.await?.iter().find_map(|entry| entry.record.authority.public_key))
    }

    /// One look at a time in each slot, and none longer than [`READING`]: readers must not take the threads
    /// that others need.
    async fn read<T: Send + 'static>(
        &self,
        slot: &WaitingSlot,
        look: impl FnOnce(&StoreReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let limit = READING;
        let late = |_| StoreError::Deadline { limit };
        let slot = Arc::clone(slot).lock_owned();
        let mut slot = tokio::time::timeout(limit, slot).await.map_err(late)?;
        let reader = if let Some(reader) = slot.take() {
            reader
        } else {
            let directory = self.directory.clone();
            let opened = tokio::task::spawn_blocking(move || StoreReader::open(&directory));
            opened.await.map_err(|_| StoreError::Closed)??
        };
        let interrupt = reader.connection.get_interrupt_handle();
        let look = tokio::task::spawn_blocking(move || {
            let found = look(&reader);
            *slot = Some(reader);
            found
        });
        match tokio::time::timeout(limit, look).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(elapsed) => {
                interrupt.interrupt();
                Err(late(elapsed))
            }
        }
    }

    /// Writes what waits and the checkpoints, and gives the lock back, within 2 s. What is
    /// appended to other handles afterwards is lost.
    pub async fn close(self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(WriterCommand::Close { reply }).is_err() {
            return Err(StoreError::Closed);
        }
        match tokio::time::timeout(CLOSING, answer).await {
            Ok(Ok(closed)) => closed,
            Ok(Err(_)) | Err(_) => Err(StoreError::Closed),
        }
    }
}

#[cfg(test)]
impl Store {
    /// Runs this on the writer's own connection: faults are made so.
    async fn execute(&self, sql: &'static str) {
        let (reply, answer) = oneshot::channel();
        self.commands.send(WriterCommand::Execute { sql, reply }).unwrap();
        answer.await.unwrap();
    }
}

#[cfg(test)]
mod tests;
