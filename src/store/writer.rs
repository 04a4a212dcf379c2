//! The thread that writes.
//!
//! Invariant: whoever is told that a batch is durable is told after the commit that holds it, when the
//! files that hold it stood under their paths; whoever is told that batches are refused is told of no
//! commit that holds them; and batches are written in the order in which they came.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use super::backlog::Backlog;
use super::batch::Prepared;
use super::command::{Append, Permit, Together, WriterCommand};
use super::index;
use super::medium::{Medium, WriteError};
use super::progress::CheckpointProgress;
use super::prune::Pruner;
use super::transaction::{self, WrittenBatches};
use super::{Durability, StoreError, StoreOptions, StoreStatus};
use anchorwatch_core::bundle::AuthorityId;
use anchorwatch_core::journal::{Chain, record_after};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::{AuthorityRecord, PollState};

/// How long the checkpoints of a close may take: a stop has 2 s in all.
const LAST_CHECKPOINTS: Duration = Duration::from_secs(1);
/// The pause between two portions of retention's work.
const PRUNE_PAUSE: Duration = Duration::from_millis(10);
/// How many commands are taken at once: more than can wait.
const AT_ONCE: usize = 4_096;
/// How often the files are looked at where nothing is written.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How much may wait for the store to be tried again at each batch. What is more is tried at
/// intervals: a full disk must not be written to over and over.
const QUICK_RETRY: usize = 1 << 20;

/// The writer, and all that it knows.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) medium: Medium,
    pub(super) options: StoreOptions,
    pub(super) chain: Chain,
    pub(super) progress: CheckpointProgress,
    pub(super) backlog: Backlog,
    /// What is written together or refused. It never waits for a later attempt.
    pub(super) together: Vec<Together>,
    pub(super) poll_states: BTreeMap<TrustDomain, PollState>,
    pub(super) pruner: Pruner,
    pub(super) failed_at: Option<Instant>,
    pub(super) status: Arc<ArcSwap<StoreStatus>>,
}

/// When what waits is written after a write that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Urgency {
    /// Once the next attempt is due.
    WhenDue,
    /// Now: something waits for it.
    AtOnce,
}

impl Writer {
    /// Writes until the store is closed, or nobody can ask for anything any more.
    pub(super) fn run(mut self, commands: &Receiver<WriterCommand>) {
        let mut unsynced = false;
        loop {
            let pause = if self.prunes() { PRUNE_PAUSE } else { LOOK_EVERY };
            let first = match commands.recv_timeout(pause) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let idle = first.is_none();
            let more = std::iter::from_fn(|| commands.try_recv().ok());
            for command in first.into_iter().chain(more).take(AT_ONCE) {
                if let Some(reply) = self.handle_command(command) {
                    let _gone = reply.send(self.close());
                    return;
                }
            }
            // A full disk must not be written to over and over.
            if !idle || !self.rests() {
                unsynced |= self.flush();
            }
            if idle {
                self.look_after_the_files();
                self.rest();
                if unsynced {
                    self.medium.move_the_log_into_the_database();
                    unsynced = false;
                }
                self.prune();
            }
        }
        if let Err(error) = self.close() {
            tracing::error!(%error, "the store was not closed well");
        }
    }

    /// Handles a command. Returns who waits for the end, where that was the command.
    fn handle_command(
        &mut self,
        command: WriterCommand,
    ) -> Option<oneshot::Sender<Result<(), StoreError>>> {
        match command {
            WriterCommand::Append(append) => {
                let Append { batch, poll_state, reply, permit } = *append;
                self.poll_states.insert(batch.trust_domain.clone(), poll_state);
                self.backlog.push(batch, reply);
                drop(permit);
            }
            WriterCommand::Together(together) => self.together.push(*together),
            WriterCommand::PollStates { poll_states, permit } => {
                self.poll_states.extend(poll_states);
                drop(permit);
            }
            WriterCommand::Recall { recall, permit } => {
                let records = self.recall(&recall.trust_domain, &recall.ids);
                let _gone = recall.reply.send(records);
                drop(permit);
            }
            WriterCommand::Close { reply } => return Some(reply),
            #[cfg(test)]
            WriterCommand::Execute { sql, reply } => {
                self.medium.connection.execute_batch(sql).unwrap();
                reply.send(()).unwrap();
            }
        }
        None
    }

    /// Nothing waits, and the last write succeeded: all that happened is durable, as where no trust
    /// domain is watched.
    fn rest(&self) {
        let before = self.status.load_full();
        if before.writable && self.backlog.is_empty() && self.poll_states.is_empty() {
            let last_persist_success = Some(self.options.clock.now());
            let status = StoreStatus { last_persist_success, ..StoreStatus::clone(&before) };
            self.status.store(Arc::new(status));
        }
    }

    /// Whether a write failed so lately that none is tried by itself.
    fn rests(&self) -> bool {
        let interval = self.options.retry_interval;
        self.failed_at.is_some_and(|failed_at| failed_at.elapsed() < interval)
    }

    /// Looks at the files where nothing is written: what befell them is known within a second.
    fn look_after_the_files(&mut self) {
        let before = self.status.load_full();
        let waits = !self.backlog.is_empty() || !self.poll_states.is_empty();
        if waits || (!before.writable && self.rests()) {
            // The next write looks.
            return;
        }
        let now = self.options.clock.now();
        match self.medium.restore(self.chain, now) {
            Ok(()) if before.writable => (),
            Ok(()) => {
                self.failed_at = None;
                self.medium.note(self.chain);
                self.status.store(Arc::new(before.written(now)));
            }
            Err(error) => {
                self.failed_at = Some(Instant::now());
                self.status.store(Arc::new(before.failed(&error, now)));
            }
        }
    }

    /// Writes all that waits, and then what is written together or refused: the journal's order is
    /// the order in which things happened. Returns whether it wrote anything.
    fn flush(&mut self) -> bool {
        let together = std::mem::take(&mut self.together);
        if self.backlog.is_empty() && self.poll_states.is_empty() {
            return !together.is_empty() && self.write_together(together);
        }
        // An operator who decides is reason enough to try a store that failed a moment ago.
        let urgency = if together.is_empty() { Urgency::WhenDue } else { Urgency::AtOnce };
        let wrote = self.write_what_waits(urgency);
        if together.is_empty() {
            return wrote;
        }
        if wrote {
            self.write_together(together);
        } else {
            answer_refused(together);
        }
        wrote
    }

    /// Writes all that waits in one transaction. Returns whether it did.
    fn write_what_waits(&mut self, urgency: Urgency) -> bool {
        if self.rests() && urgency == Urgency::WhenDue && QUICK_RETRY < self.backlog.size().bytes {
            let status = StoreStatus::clone(&self.status.load());
            self.unwritten(status);
            return false;
        }
        let (chain, progress, every) = (self.chain, &self.progress, self.options.checkpoint_every);
        let written = self.medium.restore(chain, self.options.clock.now()).and_then(|()| {
            let (waiting, poll_states) = (self.backlog.batches(), &self.poll_states);
            let connection = &mut self.medium.connection;
            transaction::write(connection, chain, progress, every, waiting, poll_states)
        });
        match self.take_in(written) {
            Ok((status, after)) => {
                self.poll_states.clear();
                let (batches, answers) = self.backlog.take_written();
                let backlog = super::Backlogged::default();
                let durability = self.secure(batches, after, StoreStatus { backlog, ..status });
                answers.answer(durability);
                true
            }
            Err(status) => {
                self.unwritten(status);
                false
            }
        }
    }

    /// Writes these in one transaction of their own. Where that fails nothing of them is kept, so
    /// that none of them takes effect later. Returns whether it wrote.
    fn write_together(&mut self, together: Vec<Together>) -> bool {
        let all = || together.iter().flat_map(|one| &one.batches);
        let poll_states: BTreeMap<TrustDomain, PollState> = all()
            .map(|(batch, poll_state)| (batch.trust_domain.clone(), poll_state.clone()))
            .collect();
        let (chain, progress, every) = (self.chain, &self.progress, self.options.checkpoint_every);
        let written = self.medium.restore(chain, self.options.clock.now()).and_then(|()| {
            let batches = all().map(|(batch, _)| batch);
            let connection = &mut self.medium.connection;
            transaction::write(connection, chain, progress, every, batches, &poll_states)
        });
        match self.take_in(written) {
            Ok((status, after)) => {
                let (mut batches, mut waiting) = (Vec::new(), Vec::new());
                for Together { batches: some, reply, permit } in together {
                    batches.extend(some.into_iter().map(|(batch, _)| batch));
                    waiting.push((reply, permit));
                }
                let durability = self.secure(batches, after, status);
                answer_all(waiting.into_iter(), durability);
                true
            }
            Err(status) => {
                self.status.store(Arc::new(status));
                answer_refused(together);
                false
            }
        }
    }

    /// Takes in how a transaction ended. Returns how the store fares, and the head after each batch
    /// where it was committed.
    fn take_in(
        &mut self,
        written: Result<WrittenBatches, WriteError>,
    ) -> Result<(StoreStatus, Vec<Chain>), StoreStatus> {
        let (before, now) = (self.status.load_full(), self.options.clock.now());
        match written {
            Ok(WrittenBatches { chain, moved, size, after }) => {
                self.failed_at = None;
                self.chain = chain;
                self.progress.advance(moved);
                let status = before.written(now);
                Ok((StoreStatus { journal_size_bytes: size, head: chain, ..status }, after))
            }
            Err(error) => {
                self.failed_at = Some(Instant::now());
                Err(before.failed(&error, now))
            }
        }
    }

    /// What was committed is kept until it stands in the database itself, and counts as durable where
    /// its files still stand under their paths, or do again. Publishes the status before anyone is
    /// told: what they read next is the new one.
    fn secure(
        &mut self,
        batches: Vec<Prepared>,
        after: Vec<Chain>,
        mut status: StoreStatus,
    ) -> Durability {
        for (batch, after) in batches.into_iter().zip(after) {
            self.medium.retain(batch, after);
        }
        let now = self.options.clock.now();
        let durability = match self.medium.restore(self.chain, now) {
            Ok(()) => {
                self.medium.note(self.chain);
                Durability::Durable
            }
            Err(error) => {
                self.failed_at = Some(Instant::now());
                status = status.failed(&error, now);
                Durability::Committed
            }
        };
        self.status.store(Arc::new(status));
        durability
    }

    /// Nothing could be written: publishes the status, and then tells those who wait.
    fn unwritten(&mut self, mut status: StoreStatus) {
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

    /// What is on record of these authorities, in the database and in what waits.
    fn recall(&self, trust_domain: &TrustDomain, ids: &[AuthorityId]) -> Vec<AuthorityRecord> {
        let batches = self.backlog.batches().filter(|batch| batch.trust_domain == *trust_domain);
        let waiting: Vec<_> = batches
            .flat_map(|batch| batch.events.iter().map(|(event, _)| (batch.at, event)))
            .filter(|(_, event)| event.authority().is_some())
            .collect();
        let record = |id: &AuthorityId| {
            let recorded = index::record(&self.medium.connection, trust_domain, *id);
            let recorded = recorded.unwrap_or_else(|error| {
                tracing::error!(%trust_domain, authority = %id, %error, "cannot recall");
                None
            });
            record_after(recorded, *id, waiting.iter().copied())
        };
        ids.iter().filter_map(record).collect()
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
        if let Err(error) = self.pruner.portion(&mut self.medium.connection, before, confirmed) {
            tracing::warn!(%error, "cannot remove old bodies from the store");
        }
    }

    fn close(mut self) -> Result<(), StoreError> {
        self.flush();
        let batches = self.backlog.size().batches;
        let deadline = Instant::now() + LAST_CHECKPOINTS;
        let result = if batches == 0 && self.status.load().writable {
            let written = self.progress.checkpoint_all(&mut self.medium.connection, deadline);
            written.map_err(StoreError::database("write the last checkpoints"))
        } else if batches == 0 {
            Ok(())
        } else {
            Err(StoreError::Unrecorded { batches })
        };
        result.and(self.medium.close())
    }
}

/// Tells those who wait what became of theirs. The permits end here: who is told may ask again.
fn answer_all(
    waiting: impl Iterator<Item = (oneshot::Sender<Durability>, Permit)>,
    durability: Durability,
) {
    for (reply, permit) in waiting {
        drop(permit);
        // Whoever asked may be gone.
        let _gone = reply.send(durability);
    }
}

/// Tells those whose batches could not be written.
fn answer_refused(together: Vec<Together>) {
    let waiting = together.into_iter().map(|Together { reply, permit, .. }| (reply, permit));
    answer_all(waiting, Durability::Unrecorded);
}
