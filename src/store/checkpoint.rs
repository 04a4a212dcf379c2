//! Checkpoints: so that a start need not replay years.
//!
//! Invariant: a checkpoint says nothing that the events do not. It carries a digest, which is bound to
//! the journal by the hash of the entry that it reaches to. One whose digest is wrong, or whose entry
//! is another one, is left aside, reported, and made anew from the events.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::column::{from_number, number};
use super::{StoreError, VerifyFault, seal};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::journal::Chain;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::Facts;

/// The form of the facts and of their fold. Whoever changes either in such a way that an old
/// checkpoint differs from a replay counts this up, and the next start replays.
pub(super) const FORM: i64 = 13;

const WRITE: &str = "INSERT INTO checkpoints (trust_domain, number, form, head, facts, digest)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (trust_domain) DO UPDATE SET number = ?2, form = ?3, head = ?4, facts = ?5,
        digest = ?6";
const READ: &str = "SELECT number, form, head, facts, digest,
        (SELECT hash FROM events WHERE events.number = checkpoints.number)
    FROM checkpoints WHERE trust_domain = ?1";

/// A checkpoint whose digest is right.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// The number of the event that it reaches to.
    pub(super) number: u64,
    /// The hash that this event had.
    pub(super) head: Digest,
    /// The hash of the event that has this number now; `None` where there is none.
    pub(super) stored: Option<Digest>,
    /// What was known after that event.
    pub(super) facts: Facts,
}

impl Checkpoint {
    /// Whether it belongs to this journal.
    pub(super) fn is_bound(&self) -> bool {
        self.stored == Some(self.head)
    }
}

/// Writes the facts of a trust domain after its event `last`.
pub(super) fn write(
    connection: &Connection,
    trust_domain: &TrustDomain,
    last: Chain,
    facts: &Facts,
) -> rusqlite::Result<()> {
    match serde_json::to_string(facts) {
        Ok(text) => {
            let digest = seal::checkpoint(trust_domain, last.number, FORM, last.head, &text);
            let (name, last, head) =
                (trust_domain.as_str(), number(last.number), last.head.as_bytes());
            connection
                .prepare_cached(WRITE)?
                .execute(params![name, last, FORM, head, text, digest.as_bytes()])
                .map(drop)
        }
        Err(error) => {
            tracing::error!(%trust_domain, %error, "cannot write a checkpoint out");
            Ok(())
        }
    }
}

/// The checkpoint of a trust domain; `None` where there is none of this form.
pub(super) fn read(
    connection: &Connection,
    trust_domain: &TrustDomain,
) -> Result<Option<Checkpoint>, VerifyFault> {
    let failed = || StoreError::database("read a checkpoint");
    let mut statement = connection.prepare_cached(READ).map_err(failed())?;
    let mut rows = statement.query([trust_domain.as_str()]).map_err(failed())?;
    let Some(row) = rows.next().map_err(failed())? else { return Ok(None) };
    let number = from_number(row.get(0).map_err(failed())?);
    let form: i64 = row.get(1).map_err(failed())?;
    let head = Digest::from_bytes(row.get(2).map_err(failed())?);
    let digest = Digest::from_bytes(row.get(4).map_err(failed())?);
    let stored: Option<[u8; 32]> = row.get(5).map_err(failed())?;
    let differs = || VerifyFault::Checkpoint { trust_domain: trust_domain.clone(), number };
    let facts = row.get_ref(3).map_err(failed())?.as_str().map_err(|_| differs())?;
    if seal::checkpoint(trust_domain, number, form, head, facts) != digest {
        return Err(differs());
    }
    if form != FORM {
        return Ok(None);
    }
    let facts = serde_json::from_str(facts).map_err(|_| differs())?;
    Ok(Some(Checkpoint { number, head, stored: stored.map(Digest::from_bytes), facts }))
}

/// The number that a trust domain's checkpoint reaches to; `None` where there is none of this form.
pub(super) fn reach(
    connection: &Connection,
    trust_domain: &TrustDomain,
) -> Result<Option<u64>, StoreError> {
    let reach = "SELECT number FROM checkpoints WHERE trust_domain = ?1 AND form = ?2";
    let mut statement =
        connection.prepare_cached(reach).map_err(StoreError::database("read a checkpoint"))?;
    let number = statement.query_row(params![trust_domain.as_str(), FORM], |row| row.get(0));
    let number = number.optional().map_err(StoreError::database("read a checkpoint"))?;
    Ok(number.map(from_number))
}
