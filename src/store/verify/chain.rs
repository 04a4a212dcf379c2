//! The chain of hashes over all entries.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::store::column::{from_number, number};
use crate::store::{StoreError, VerifyFault, VerifyFaults};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::journal::{Chain, GENESIS};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;

/// How many entries are looked at in a portion: a few milliseconds' work.
const PORTION: u64 = 1_024;

const ENTRIES: &str = "SELECT number, at, trust_domain, hash, payload FROM events
    WHERE ?1 < number ORDER BY number LIMIT ?2";

/// A walk over the entries, in the order of their numbers.
#[derive(Debug)]
pub(super) struct ChainWalk {
    /// The last entry that was looked at, with the hash that stands there: one that is damaged is
    /// reported by itself, and not by all that follow it.
    chain: Chain,
}

impl ChainWalk {
    /// A walk that begins after the entry of this number.
    pub(super) fn after(connection: &Connection, place: u64) -> Result<Self, StoreError> {
        let head = hash(connection, place)?.unwrap_or(Digest::from_bytes(GENESIS));
        Ok(Self { chain: Chain { number: place, head } })
    }

    /// The last entry that was looked at.
    pub(super) fn chain(&self) -> Chain {
        self.chain
    }

    /// Where it stands, as the first of what it walks over.
    pub(super) fn digests(&self) -> Vec<Chain> {
        vec![self.chain]
    }

    /// Looks at the next entries, and hands over each with the hash that stands there. Returns whether
    /// there are none after them.
    pub(super) fn portion(
        &mut self,
        connection: &Connection,
        faults: &mut VerifyFaults,
        take: &mut dyn FnMut(Chain),
    ) -> Result<bool, StoreError> {
        let failed = || StoreError::database("read the journal");
        let mut statement = connection.prepare_cached(ENTRIES).map_err(failed())?;
        let key = params![number(self.chain.number), number(PORTION)];
        let mut rows = statement.query(key).map_err(failed())?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(failed())? {
            count += 1;
            let found = from_number(row.get(0).map_err(failed())?);
            match self.entry(row, found) {
                Ok(hash) => self.chain = Chain { number: found, head: hash },
                Err((fault, hash)) => {
                    faults.push(fault);
                    let head = hash.unwrap_or(self.chain.head);
                    self.chain = Chain { number: found, head };
                }
            }
            take(self.chain);
        }
        Ok(count < PORTION)
    }

    /// Looks at one entry. Gives the hash that stands there, with what is wrong.
    fn entry(&self, row: &Row<'_>, place: u64) -> Result<Digest, (VerifyFault, Option<Digest>)> {
        let expected = self.chain.number.saturating_add(1);
        let unreadable = |error: &dyn std::fmt::Display, hash: Option<Digest>| {
            (VerifyFault::Entry { number: place, detail: error.to_string().into() }, hash)
        };
        let found: [u8; 32] = row.get(3).map_err(|error| unreadable(&error, None))?;
        let found = Digest::from_bytes(found);
        if place != expected {
            return Err((VerifyFault::Gap { expected, found: place }, Some(found)));
        }
        let at = row.get(1).map_err(|error| unreadable(&error, Some(found)))?;
        let at = Timestamp::from_unix_micros(at);
        let name: String = row.get(2).map_err(|error| unreadable(&error, Some(found)))?;
        let name: TrustDomain = name.parse().map_err(|error| unreadable(&error, Some(found)))?;
        let payload = row.get_ref(4).map_err(|error| unreadable(&error, Some(found)))?;
        let payload = payload.as_str().map_err(|error| unreadable(&error, Some(found)))?;
        let expected = self.chain.next(at, &name, payload).head;
        if expected != found {
            return Err((VerifyFault::Hash { number: place, expected, found }, Some(found)));
        }
        Ok(found)
    }
}

/// The hash of the entry of this number; `None` where there is none.
pub(super) fn hash(connection: &Connection, place: u64) -> Result<Option<Digest>, StoreError> {
    let hash = "SELECT hash FROM events WHERE number = ?1";
    let mut statement =
        connection.prepare_cached(hash).map_err(StoreError::database("read the journal"))?;
    let found = statement.query_row([number(place)], |row| row.get(0)).optional();
    Ok(found.map_err(StoreError::database("read the journal"))?.map(Digest::from_bytes))
}
