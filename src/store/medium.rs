//! What the writer writes into: the open database, its files, its lock, and how they are restored.
//!
//! Three things may be wrong with them. The medium cannot be written, from the start or from some
//! moment on: it is opened again until it can be. SQLite's log or shared memory was removed, replaced
//! or truncated under the daemon: the log that the kernel still holds is moved into the database, the
//! database is opened again, and what it then lacks is appended again from memory. The database itself
//! was removed or replaced: nothing can be written until the file is back, or the daemon is restarted.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::batch::{self, Prepared};
use super::check::Wake;
use super::column::moment;
use super::directory::{self, Lock};
use super::files::{Files, How, Touched};
use super::health::{FaultKind, Health};
use super::retained::Retained;
use super::slots::Slots;
use super::{StoreError, load, schema, seal};
use anchorwatch_core::journal::Chain;
use anchorwatch_core::time::Timestamp;

/// How long readers may hold up that the database is opened again.
const READERS_END: Duration = Duration::from_secs(1);

/// Why nothing can be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// A file is no longer the one that was opened.
    #[error("{0}: after a restart, anchorwatch uses the files that are there")]
    Gone(Touched),
    /// What is under the path now is not this store.
    #[error("the database under the store's path is not the one that was open")]
    Another,
    /// A reader held the database for too long.
    #[error("the store must be opened again, and a reader still holds it")]
    Held,
    /// The database could only be opened for reading.
    #[error("the store cannot be written: its files, or the file system, are read-only")]
    ReadOnly,
    /// It could not be opened again.
    #[error("{}", chained(.0))]
    Open(#[from] StoreError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

/// An error with what caused it, since nobody walks the chain of one that is a status.
fn chained(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(why) = cause {
        text = format!("{text}: {why}");
        cause = why.source();
    }
    text
}

/// What the writer writes into.
#[derive(Debug)]
pub(super) struct Medium {
    /// The directory, without links in its path.
    pub(super) directory: PathBuf,
    pub(super) connection: Connection,
    /// `None` while the medium cannot be written.
    pub(super) files: Option<Files>,
    pub(super) lock: Option<Lock>,
    pub(super) created: Timestamp,
    pub(super) retained: Retained,
    pub(super) health: Health,
    pub(super) slots: Slots,
    pub(super) wake: Wake,
}

impl Medium {
    /// Keeps a batch that was committed until it stands in the database itself.
    pub(super) fn retain(&mut self, batch: Prepared, after: Chain) {
        self.retained.push(batch, after);
        if self.retained.is_full() {
            self.move_the_log_into_the_database();
            self.retained.shed();
        }
    }

    /// Notes the head of the journal, which is durable.
    pub(super) fn note(&mut self, head: Chain) {
        if let Some(lock) = &mut self.lock {
            lock.note(head);
        }
    }

    /// Says whether what is committed now stands in files that their paths name, and makes it so where
    /// that can be. `chain` is the head of all that was committed.
    pub(super) fn restore(&mut self, chain: Chain, now: Timestamp) -> Result<(), WriteError> {
        let touched = self.files.as_mut().map(Files::touched);
        match touched {
            None => self.open_again(None, now)?,
            Some(None) => (),
            Some(Some(touched)) => {
                self.health.note(FaultKind::File, &touched.to_string(), now);
                self.wake.now();
                if touched.is_database {
                    return Err(WriteError::Gone(touched));
                }
                self.open_again(Some(touched.how), now)?;
                tracing::warn!(
                    entries = chain.number,
                    "the store was opened again, and has all that was recorded"
                );
            }
        }
        self.restore_the_lock(chain, now)
    }

    fn restore_the_lock(&mut self, chain: Chain, now: Timestamp) -> Result<(), WriteError> {
        if self.lock.as_ref().is_some_and(Lock::is_linked) {
            return Ok(());
        }
        if self.lock.is_some() {
            let fault = "the lock file was removed or replaced while the store was open";
            self.health.note(FaultKind::File, fault, now);
        }
        if let Some(mut lock) = Lock::acquire(&self.directory)? {
            lock.note(chain);
            self.lock = Some(lock);
        }
        Ok(())
    }

    /// Opens the database again. `how` is what befell a file beside it.
    fn open_again(&mut self, how: Option<How>, now: Timestamp) -> Result<(), WriteError> {
        let slots = self.slots.clone();
        // Connections of one process share what they know of the log: all of them must go.
        let Some(_nobody_reads) = slots.empty(READERS_END) else { return Err(WriteError::Held) };
        match how {
            // The kernel still holds the log that has no name any more.
            Some(How::Removed | How::Replaced) if !self.move_the_log_into_the_database() => {
                return Err(WriteError::Held);
            }
            // What is left of it must not be taken for the log.
            Some(How::Truncated) => {
                self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            }
            Some(How::Removed | How::Replaced) | None => (),
        }
        self.files = None;
        let closed = std::mem::replace(&mut self.connection, schema::open_in_memory()?);
        if let Err((_, error)) = closed.close() {
            tracing::warn!(%error, "cannot close the store that is opened again");
        }
        directory::refuse_links(&self.directory)?;
        let mut connection = schema::open_writer(&self.directory)?;
        if connection.is_readonly("main")? {
            return Err(WriteError::ReadOnly);
        }
        let head = load::head(&connection)?;
        let lacking = self.retained.lacking(head).ok_or(WriteError::Another)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        created(&transaction, self.created)?;
        opened(&transaction, now)?;
        let mut chain = head;
        for (batch, after) in lacking {
            chain = batch::write(&transaction, chain, batch)?;
            debug_assert_eq!(chain, *after, "the same entries give the same hashes");
        }
        transaction.commit()?;
        self.connection = connection;
        self.files = Some(Files::of(&self.directory));
        Ok(())
    }

    /// Moves SQLite's log into the database. Returns whether all of it was.
    pub(super) fn move_the_log_into_the_database(&mut self) -> bool {
        let counts = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        match self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], counts) {
            Ok((all, moved)) => {
                if all == moved {
                    self.retained.clear();
                }
                all == moved
            }
            Err(error) => {
                tracing::warn!(%error, "cannot move the store's log into its database");
                false
            }
        }
    }

    pub(super) fn close(self) -> Result<(), StoreError> {
        let Self { connection, lock, files, wake, slots, .. } = self;
        wake.end();
        slots.interrupt();
        // Readers may still be there, and then closing alone does not move the log.
        if files.is_some() {
            let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            if let Err(error) = moved {
                tracing::warn!(%error, "cannot move the store's log into its database");
            }
        }
        let closed = connection.close().map_err(|(_, error)| error);
        let closed = closed.map_err(StoreError::database("close the store"));
        // Only now may another process have it.
        drop(lock);
        closed
    }
}

/// Takes down when the store was created, where nothing says so yet. Returns when that was, and
/// whether it was now.
pub(super) fn created(
    connection: &Connection,
    now: Timestamp,
) -> rusqlite::Result<(Timestamp, bool)> {
    let known = connection
        .query_row("SELECT value FROM meta WHERE name = 'created'", [], |row| row.get(0))
        .optional()?;
    if let Some(created) = known {
        return Ok((Timestamp::from_unix_micros(created), false));
    }
    let create = "INSERT INTO meta (name, value, digest) VALUES ('created', ?1, ?2)";
    let digest = seal::meta("created", now);
    connection.execute(create, rusqlite::params![moment(now), digest.as_bytes()])?;
    Ok((now, true))
}

/// Takes down that the store was opened: that this can be written shows that the rest can.
pub(super) fn opened(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let open = "INSERT INTO meta (name, value, digest) VALUES ('opened', ?1, ?2)
        ON CONFLICT (name) DO UPDATE SET value = ?1, digest = ?2";
    let digest = seal::meta("opened", now);
    connection.execute(open, rusqlite::params![moment(now), digest.as_bytes()]).map(drop)
}
