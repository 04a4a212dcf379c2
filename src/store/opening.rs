//! A start: the store is locked, opened, loaded and verified as far as it is used.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rusqlite::{Connection, OptionalExtension as _};

use super::backlog::Backlog;
use super::check::{Checker, Wake};
use super::directory::{self, Claimed, DatabaseFile, Lock};
use super::files::Files;
use super::health::{FaultKind, Health};
use super::load::LoadedAll;
use super::loaded_domain::{CheckpointPlan, LoadedDomain};
use super::medium::{self, Medium};
use super::progress::CheckpointProgress;
use super::prune::Pruner;
use super::retained::Retained;
use super::slots::Slots;
use super::writer::Writer;
use super::{
    Backlogged, Loaded, LostEvents, StoreError, StoreOptions, StoreStatus, VerifyFault, checkpoint,
    load, schema, transaction, verify,
};
use anchorwatch_core::journal::Chain;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;

/// What a start gives.
pub(super) struct Opening {
    pub(super) writer: Writer,
    pub(super) checker: Option<Checker>,
    pub(super) loaded: Loaded,
}

impl Opening {
    pub(super) fn new(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let Claimed { directory, mut lock, database } = directory::claim(path)?;
        let now = options.clock.now();
        let (connection, unwritable) = open(&directory, database)?;
        let health = Health::default();
        let note = |fault: &VerifyFault| {
            // What a start meets is damage, or it could not have gone on.
            health.note(FaultKind::Content, &fault.to_string(), now);
        };
        let head = load::head(&connection)?;
        let noted = lock.as_ref().and_then(Lock::noted);
        verify::tail(&connection, head, noted)?.listed.iter().for_each(note);
        let (domains, faults) = all(&directory, &connection, database)?;
        faults.iter().for_each(note);
        let Begun { created, fresh, opened } = begin(&connection, head, now, unwritable.as_ref());
        if !fresh && created.is_none() {
            note(&VerifyFault::Meta { name: "created" });
        }
        let created = created.unwrap_or(now);
        let (mut progress, mut known) = (CheckpointProgress::default(), BTreeMap::new());
        for (name, domain) in domains {
            domain.faults.iter().for_each(note);
            progress.loaded(&name, &domain);
            if opened.is_ok() {
                mend(&connection, &name, &domain);
            }
            known.insert(name, domain.state);
        }
        if let Some(lock) = lock.as_mut().filter(|_| opened.is_ok()) {
            lock.note(head);
        }
        let slots = Slots::default();
        let checker = options.check_every.map(|every| Checker {
            directory: directory.clone(),
            health: health.clone(),
            slots: slots.clone(),
            clock: Arc::clone(&options.clock),
            every,
        });
        let status =
            Arc::new(ArcSwap::from_pointee(status(&connection, head, created, &opened, now)));
        let medium = Medium {
            files: opened.is_ok().then(|| Files::of(&directory)),
            directory,
            connection,
            lock,
            created,
            retained: Retained::new(head),
            health,
            slots,
            wake: Wake::nobody(),
        };
        let writer = Writer {
            medium,
            chain: head,
            progress,
            backlog: Backlog::new(options.backlog),
            together: Vec::new(),
            poll_states: BTreeMap::new(),
            pruner: Pruner::new(),
            failed_at: None,
            status,
            options,
        };
        Ok(Self { writer, checker, loaded: Loaded { domains: known, created, fresh, head } })
    }
}

/// How the store fares as it was opened, or as it could not be.
fn status(
    connection: &Connection,
    head: Chain,
    created: Timestamp,
    opened: &Result<(), String>,
    now: Timestamp,
) -> StoreStatus {
    let begun = StoreStatus {
        writable: true,
        failure: None,
        failing_since: None,
        last_persist_success: None,
        write_failures: 0,
        backlog: Backlogged::default(),
        dropped: LostEvents::default(),
        journal_size_bytes: transaction::size(connection).unwrap_or(0),
        head,
        created,
    };
    match opened {
        Ok(()) => begun.written(now),
        Err(why) => begun.failed(why, now),
    }
}

/// Rewrites what is derived from the journal, and removes the rest that cannot be read.
fn mend(connection: &Connection, name: &TrustDomain, domain: &LoadedDomain) {
    if domain.checkpoint == CheckpointPlan::Rewrite {
        match checkpoint::write(connection, name, domain.last, &domain.state.facts) {
            Ok(()) => {
                tracing::warn!(trust_domain = %name, "checkpoint written again from the journal");
            }
            Err(error) => tracing::warn!(%error, "cannot write the checkpoint again"),
        }
    }
    if domain.faults.iter().any(|one| matches!(one, VerifyFault::PollState { .. })) {
        // Nothing of it is used: what the next poll sees takes its place.
        let forget = "DELETE FROM poll_states WHERE trust_domain = ?1";
        if let Err(error) = connection.execute(forget, [name.as_str()]) {
            tracing::warn!(%error, "cannot remove what cannot be read");
        }
    }
}

/// Opens the database for writing, or as far as that is possible: for reading where the medium cannot
/// be written, in memory where there is no database on it and no room for one. Says why.
fn open(
    directory: &Path,
    database: DatabaseFile,
) -> Result<(Connection, Option<StoreError>), StoreError> {
    let why = match schema::open_writer(directory) {
        Ok(connection) => return Ok((connection, None)),
        Err(why) if why.is_unwritable() => why,
        Err(why) => return Err(why),
    };
    match schema::open_reader(directory) {
        Ok(connection) => Ok((connection, Some(why))),
        Err(StoreError::Missing { .. }) => Ok((schema::open_in_memory()?, Some(why))),
        Err(_) if database == DatabaseFile::Absent || directory::is_empty(directory) => {
            Ok((schema::open_in_memory()?, Some(why)))
        }
        // What is there cannot even be read: the first reason says more.
        Err(_) => Err(why),
    }
}

/// What is known of all trust domains: nothing, where there is no database yet.
fn all(
    directory: &Path,
    connection: &Connection,
    database: DatabaseFile,
) -> Result<LoadedAll, StoreError> {
    match load::all(directory) {
        Err(StoreError::Missing { .. }) => Ok(LoadedAll::default()),
        Err(_) if database == DatabaseFile::Absent => Ok(LoadedAll::default()),
        // Only this connection could be opened, with the log as it was found.
        Err(error) if error.is_unwritable() => {
            let (names, faults) = load::names(connection)?;
            let load = |name: TrustDomain| {
                let domain = load::domain(connection, &name);
                (name, domain)
            };
            Ok((names.into_iter().map(load).collect(), faults))
        }
        loaded => loaded,
    }
}

/// What is known of a store once it was tried.
struct Begun {
    /// When the store was created, where that is known.
    created: Option<Timestamp>,
    /// Whether it was now.
    fresh: bool,
    /// Why nothing can be written, where nothing can.
    opened: Result<(), String>,
}

/// Takes down that the store was opened, before anything depends on it. That it cannot be is no reason
/// not to watch.
fn begin(
    connection: &Connection,
    head: Chain,
    now: Timestamp,
    unwritable: Option<&StoreError>,
) -> Begun {
    let known = connection
        .query_row("SELECT value FROM meta WHERE name = 'created'", [], |row| row.get(0))
        .optional()
        .ok()
        .flatten();
    let created = known.map(Timestamp::from_unix_micros);
    let fresh = created.is_none() && head == Chain::genesis();
    let chained = |why: &StoreError| match std::error::Error::source(why) {
        Some(cause) => format!("{why}: {cause}"),
        None => why.to_string(),
    };
    let opened = match unwritable {
        Some(why) => Err(chained(why)),
        None => medium::created(connection, now)
            .and_then(|_| medium::opened(connection, now))
            .map_err(|why| why.to_string()),
    };
    Begun { created, fresh, opened }
}
