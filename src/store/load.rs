//! A start: each trust domain's checkpoint, and the tail of events after it.
//!
//! Whatever is used is verified: a checkpoint by its digest and the entry that it is bound to, each
//! event by the hash that chains it to the one before. Where one of them is not as it was written,
//! [`super::salvage`] says what can still be known, loudly.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::column::{from_number, number};
use super::loaded_domain::{CheckpointPlan, LoadedDomain};
use super::row::{COLUMNS, StoredRow};
use super::schema::open_reader;
use super::{StoreError, VerifyFault, checkpoint, poll_state, salvage};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::journal::Chain;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{DomainState, Event, Facts};

/// How many trust domains are worth a thread of their own: a few milliseconds' work.
const SHARE: usize = 64;
/// How many threads load at most: beyond that the disk is what they wait for.
const THREADS: usize = 4;

/// The last entry of the journal.
pub(super) fn head(connection: &Connection) -> Result<Chain, StoreError> {
    let failed = StoreError::database("read the journal's head");
    let last = "SELECT number, hash FROM events ORDER BY number DESC LIMIT 1";
    let last = connection.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let chain =
        |(number, head)| Chain { number: from_number(number), head: Digest::from_bytes(head) };
    Ok(last.optional().map_err(failed)?.map_or_else(Chain::genesis, chain))
}

/// The trust domains that anything is known of, sorted. A name that is none is a fault.
pub(super) fn names(
    connection: &Connection,
) -> Result<(Vec<TrustDomain>, Vec<VerifyFault>), StoreError> {
    // Steps from name to name through the index, whatever the number of events.
    let stepping = "
        WITH RECURSIVE names (name) AS (
            SELECT min(trust_domain) FROM events
            UNION ALL
            SELECT (SELECT min(trust_domain) FROM events WHERE name < trust_domain)
            FROM names WHERE name IS NOT NULL)
        SELECT name FROM names WHERE name IS NOT NULL
        UNION SELECT trust_domain FROM poll_states ORDER BY 1";
    let scanning = "SELECT DISTINCT trust_domain FROM events NOT INDEXED
        UNION SELECT trust_domain FROM poll_states NOT INDEXED ORDER BY 1";
    match listed(connection, stepping) {
        Err(error) if error.is_damage() => {
            let (names, mut faults) = listed(connection, scanning)?;
            faults.push(error.into());
            Ok((names, faults))
        }
        listed => listed,
    }
}

fn listed(
    connection: &Connection,
    select: &str,
) -> Result<(Vec<TrustDomain>, Vec<VerifyFault>), StoreError> {
    let failed = || StoreError::database("list the trust domains");
    let mut statement = connection.prepare(select).map_err(failed())?;
    let mut rows = statement.query([]).map_err(failed())?;
    let (mut names, mut faults) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next().map_err(failed())? {
        match super::column::trust_domain(row, 0) {
            Ok(name) => names.push(name),
            Err(error) => faults.push(error.into()),
        }
    }
    Ok((names, faults))
}

/// What is known of all trust domains, and what is not as it was written beside what is theirs.
pub(super) type LoadedAll = (BTreeMap<TrustDomain, LoadedDomain>, Vec<VerifyFault>);

/// Loads every trust domain, on a few threads with a connection each. Nobody may write meanwhile.
pub(super) fn all(directory: &Path) -> Result<LoadedAll, StoreError> {
    let (names, faults) = names(&open_reader(directory)?)?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = threads.min(THREADS).min(names.len().div_ceil(SHARE)).max(1);
    let share = names.len().div_ceil(threads).max(1);
    let parts = std::thread::scope(|scope| {
        let load = |names: &[TrustDomain]| -> Result<Vec<_>, StoreError> {
            let connection = open_reader(directory)?;
            let load = |name: &TrustDomain| (name.clone(), domain(&connection, name));
            Ok(names.iter().map(load).collect())
        };
        let parts: Vec<_> =
            names.chunks(share).map(|names| scope.spawn(move || load(names))).collect();
        let joined = parts.into_iter().map(|part| match part.join() {
            Ok(part) => part,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect::<Result<Vec<_>, _>>()
    })?;
    Ok((parts.into_iter().flatten().collect(), faults))
}

/// Loads one trust domain: what verifies, and what does not.
pub(super) fn domain(connection: &Connection, name: &TrustDomain) -> LoadedDomain {
    verified(connection, name).unwrap_or_else(|fault| salvage::domain(connection, name, fault))
}

fn verified(connection: &Connection, name: &TrustDomain) -> Result<LoadedDomain, VerifyFault> {
    let (mut last, mut facts) = match checkpoint::read(connection, name)? {
        Some(found) if found.is_bound() => {
            (Chain { number: found.number, head: found.head }, found.facts)
        }
        Some(found) => {
            let (trust_domain, number) = (name.clone(), found.number);
            return Err(VerifyFault::Unbound { trust_domain, number });
        }
        None => (Chain::genesis(), Facts::default()),
    };
    let mut tail = 0;
    let select = format!(
        "SELECT {COLUMNS} FROM events e WHERE trust_domain = ?1 AND ?2 < number ORDER BY number"
    );
    let failed = || StoreError::database("read the journal");
    let mut statement = connection.prepare_cached(&select).map_err(failed())?;
    let key = params![name.as_str(), number(last.number)];
    let mut rows = statement.query(key).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        let row = StoredRow::read(row)?;
        row.verify(name)?;
        facts.apply(row.at, &row.event()?);
        last = Chain { number: row.number, head: row.hash };
        tail += 1;
    }
    let state =
        DomainState { facts: Arc::new(facts), poll_state: poll_state::read(connection, name)? };
    let checkpoint = CheckpointPlan::Keep;
    Ok(LoadedDomain { state, last, tail, checkpoint, faults: Vec::new() })
}

/// Hands over the events that `select` finds: their numbers, times and payloads.
pub(super) fn each_event(
    connection: &Connection,
    select: &str,
    key: impl rusqlite::Params,
    mut take: impl FnMut(u64, Timestamp, Event),
) -> Result<(), StoreError> {
    let failed = || StoreError::database("read the journal");
    let mut statement = connection.prepare_cached(select).map_err(failed())?;
    let mut rows = statement.query(key).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        let number = from_number(row.get(0).map_err(failed())?);
        let at = Timestamp::from_unix_micros(row.get(1).map_err(failed())?);
        let damaged = |error: &dyn std::fmt::Display| {
            StoreError::damaged(format!("entry {number} of the journal"), error)
        };
        let payload = row.get_ref(2).map_err(failed())?.as_str();
        let payload = payload.map_err(|error| damaged(&error))?;
        let event = serde_json::from_str(payload).map_err(|error| damaged(&error))?;
        take(number, at, event);
    }
    Ok(())
}
