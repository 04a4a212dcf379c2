//! A start: each trust domain's checkpoint, and the tail of events after it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::StoreError;
use super::checkpoint;
use super::column::{from_number, number, trust_domain};
use super::schema::open_reader;
use crate::bundle::Digest;
use crate::journal::Chain;
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::watch::{DomainState, Event, Facts, Sight};

/// How many trust domains are worth a thread of their own: a few milliseconds' work.
const SHARE: usize = 64;
/// How many threads load at most: beyond that the disk is what they wait for.
const THREADS: usize = 4;

const TAIL: &str = "SELECT number, at, payload FROM events
    WHERE trust_domain = ?1 AND ?2 < number ORDER BY number";

/// What is known of one trust domain, and how much of it the checkpoint lacks.
#[derive(Debug)]
pub(super) struct LoadedDomain {
    pub(super) state: DomainState,
    /// The number of its last event; 0 where there is none.
    pub(super) last: u64,
    /// How many events came after the checkpoint.
    pub(super) tail: usize,
}

/// The last entry of the journal.
pub(super) fn head(connection: &Connection) -> Result<Chain, StoreError> {
    let failed = StoreError::database("read the journal's head");
    let last = "SELECT number, hash FROM events ORDER BY number DESC LIMIT 1";
    let last = connection.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let chain =
        |(number, head)| Chain { number: from_number(number), head: Digest::from_bytes(head) };
    Ok(last.optional().map_err(failed)?.map_or_else(Chain::genesis, chain))
}

/// The trust domains that anything is known of, sorted.
pub(super) fn names(connection: &Connection) -> Result<Vec<TrustDomain>, StoreError> {
    let failed = || StoreError::database("list the trust domains");
    // Steps from name to name through the index, whatever the number of events.
    let names = "
        WITH RECURSIVE names (name) AS (
            SELECT min(trust_domain) FROM events
            UNION ALL
            SELECT (SELECT min(trust_domain) FROM events WHERE name < trust_domain)
            FROM names WHERE name IS NOT NULL)
        SELECT name FROM names WHERE name IS NOT NULL
        UNION SELECT trust_domain FROM sights ORDER BY 1";
    let mut statement = connection.prepare(names).map_err(failed())?;
    let mut rows = statement.query([]).map_err(failed())?;
    let mut names = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        names.push(trust_domain(row, 0)?);
    }
    Ok(names)
}

/// Loads every trust domain, on a few threads with a connection each. Nobody may write meanwhile.
pub(super) fn all(directory: &Path) -> Result<BTreeMap<TrustDomain, LoadedDomain>, StoreError> {
    let names = names(&open_reader(directory)?)?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = threads.min(THREADS).min(names.len().div_ceil(SHARE)).max(1);
    let share = names.len().div_ceil(threads).max(1);
    let parts = std::thread::scope(|scope| {
        let load = |names: &[TrustDomain]| -> Result<Vec<_>, StoreError> {
            let connection = open_reader(directory)?;
            let load = |name: &TrustDomain| Ok((name.clone(), domain(&connection, name)?));
            names.iter().map(load).collect()
        };
        let parts: Vec<_> =
            names.chunks(share).map(|names| scope.spawn(move || load(names))).collect();
        let joined = parts.into_iter().map(|part| match part.join() {
            Ok(part) => part,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect::<Result<Vec<_>, _>>()
    })?;
    Ok(parts.into_iter().flatten().collect())
}

/// Loads one trust domain.
pub(super) fn domain(
    connection: &Connection,
    name: &TrustDomain,
) -> Result<LoadedDomain, StoreError> {
    let (mut last, mut facts) =
        checkpoint::read(connection, name)?.unwrap_or_else(|| (0, Facts::default()));
    let mut tail = 0;
    let key = params![name.as_str(), number(last)];
    each_event(connection, TAIL, key, |number, at, event| {
        facts.apply(at, &event);
        last = number;
        tail += 1;
    })?;
    let state = DomainState { facts: Arc::new(facts), sight: sight(connection, name)? };
    Ok(LoadedDomain { state, last, tail })
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

/// What the last polls of a trust domain saw, as far as it was taken down.
pub(super) fn sight(connection: &Connection, name: &TrustDomain) -> Result<Sight, StoreError> {
    let failed = || StoreError::database("read what the last polls saw");
    let sight = "SELECT sight FROM sights WHERE trust_domain = ?1";
    let mut statement = connection.prepare_cached(sight).map_err(failed())?;
    let text: Option<String> =
        statement.query_row([name.as_str()], |row| row.get(0)).optional().map_err(failed())?;
    let Some(text) = text else { return Ok(Sight::default()) };
    Ok(serde_json::from_str(&text).unwrap_or_else(|error| {
        // Nothing of it is evidence: without it, the next change has no last poll before it.
        tracing::warn!(trust_domain = %name, %error, "cannot read what the last polls saw");
        Sight::default()
    }))
}
