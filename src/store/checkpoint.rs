//! Checkpoints: so that a start need not replay years.
//!
//! Invariant: a checkpoint says nothing that the events do not. One that cannot be read is left
//! aside, and the events are replayed.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::StoreError;
use super::column::{from_number, number};
use crate::spiffe::TrustDomain;
use crate::watch::Facts;

/// The form of the facts and of their fold. Whoever changes either in such a way that an old
/// checkpoint differs from a replay counts this up, and the next start replays.
pub(super) const FORM: i64 = 6;

const WRITE: &str = "INSERT INTO checkpoints (trust_domain, number, form, facts)
    VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (trust_domain) DO UPDATE SET number = ?2, form = ?3, facts = ?4";
const READ: &str = "SELECT number, facts FROM checkpoints WHERE trust_domain = ?1 AND form = ?2";

/// Writes the facts of a trust domain after its event `last`.
pub(super) fn write(
    connection: &Connection,
    trust_domain: &TrustDomain,
    last: u64,
    facts: &Facts,
) -> rusqlite::Result<()> {
    match serde_json::to_string(facts) {
        Ok(text) => connection
            .prepare_cached(WRITE)?
            .execute(params![trust_domain.as_str(), number(last), FORM, text])
            .map(drop),
        Err(error) => {
            tracing::error!(%trust_domain, %error, "cannot write a checkpoint out");
            Ok(())
        }
    }
}

/// The facts of a trust domain, and the number of the event that they reach to.
pub(super) fn read(
    connection: &Connection,
    trust_domain: &TrustDomain,
) -> Result<Option<(u64, Facts)>, StoreError> {
    let failed = || StoreError::database("read a checkpoint");
    let mut statement = connection.prepare_cached(READ).map_err(failed())?;
    let key = params![trust_domain.as_str(), FORM];
    let parse = |row: &rusqlite::Row<'_>| {
        let facts = row.get_ref(1)?.as_str()?;
        Ok((from_number(row.get(0)?), serde_json::from_str(facts)))
    };
    match statement.query_row(key, parse).optional().map_err(failed())? {
        None => Ok(None),
        Some((last, Ok(facts))) => Ok(Some((last, facts))),
        Some((_, Err(error))) => {
            tracing::warn!(%trust_domain, %error, "cannot read a checkpoint: replaying the events");
            Ok(None)
        }
    }
}
