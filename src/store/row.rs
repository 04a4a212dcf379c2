//! An entry of the journal as it stands in its row, and whether its hash follows from it.

use rusqlite::{Connection, Row, params};

use super::column::{from_number, number};
use super::{StoreError, VerifyFault};
use anchorwatch_core::bundle::Digest;
use anchorwatch_core::journal::{Chain, GENESIS};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::Event;

/// The columns that [`StoredRow::read`] reads. The hash of the entry before stands last.
pub(super) const COLUMNS: &str = "e.number, e.at, e.hash, e.payload,
    (SELECT p.hash FROM events p WHERE p.number = e.number - 1)";

/// An entry of one trust domain as it stands in its row.
#[derive(Debug)]
pub(super) struct StoredRow<'a> {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) hash: Digest,
    pub(super) payload: &'a str,
    /// The hash of the entry before; `None` where that entry is missing.
    before: Option<Digest>,
}

impl<'a> StoredRow<'a> {
    pub(super) fn read(row: &'a Row<'_>) -> Result<Self, VerifyFault> {
        let failed = || StoreError::database("read the journal");
        let number = from_number(row.get(0).map_err(failed())?);
        let unreadable = |error: &dyn std::fmt::Display| VerifyFault::Entry {
            number,
            detail: error.to_string().into(),
        };
        let at = row.get(1).map_err(|error| unreadable(&error))?;
        let hash = row.get(2).map_err(|error| unreadable(&error))?;
        let payload = row.get_ref(3).map_err(|error| unreadable(&error))?.as_str();
        let before: Option<[u8; 32]> = row.get(4).map_err(|error| unreadable(&error))?;
        Ok(Self {
            number,
            at: Timestamp::from_unix_micros(at),
            hash: Digest::from_bytes(hash),
            payload: payload.map_err(|error| unreadable(&error))?,
            before: match number {
                1 => Some(Digest::from_bytes(GENESIS)),
                _ => before.map(Digest::from_bytes),
            },
        })
    }

    /// The hash that follows from the entry and the hash before it.
    pub(super) fn computed(&self, trust_domain: &TrustDomain) -> Option<Digest> {
        let before = Chain { number: self.number.saturating_sub(1), head: self.before? };
        Some(before.next(self.at, trust_domain, self.payload).head)
    }

    /// Whether the entry's hash follows from the entry and the hash before it.
    pub(super) fn verify(&self, trust_domain: &TrustDomain) -> Result<(), VerifyFault> {
        let number = self.number;
        let Some(expected) = self.computed(trust_domain) else {
            return Err(VerifyFault::Gap { expected: number.saturating_sub(1), found: number });
        };
        if expected != self.hash {
            return Err(VerifyFault::Hash { number, expected, found: self.hash });
        }
        Ok(())
    }

    /// What happened.
    pub(super) fn event(&self) -> Result<Event, VerifyFault> {
        let number = self.number;
        serde_json::from_str(self.payload)
            .map_err(|error| VerifyFault::Entry { number, detail: error.to_string().into() })
    }
}

/// An entry of any trust domain, with what chains it.
struct Link {
    at: Timestamp,
    trust_domain: TrustDomain,
    payload: String,
    hash: Digest,
}

impl Link {
    fn read(connection: &Connection, place: u64) -> Option<Self> {
        let entry = "SELECT at, trust_domain, payload, hash FROM events WHERE number = ?1";
        let mut statement = connection.prepare_cached(entry).ok()?;
        let mut rows = statement.query(params![number(place)]).ok()?;
        let row = rows.next().ok()??;
        Some(Self {
            at: Timestamp::from_unix_micros(row.get(0).ok()?),
            trust_domain: row.get::<_, String>(1).ok()?.parse().ok()?,
            payload: row.get(2).ok()?,
            hash: Digest::from_bytes(row.get(3).ok()?),
        })
    }

    fn after(&self, before: Chain) -> Chain {
        before.next(self.at, &self.trust_domain, &self.payload)
    }
}

/// Whether an entry says what was written, although its hash does not follow from the hash before it:
/// one of the two hashes is what was damaged, which the entry after it or the one before it shows.
pub(super) fn is_authentic(
    connection: &Connection,
    trust_domain: &TrustDomain,
    row: &StoredRow<'_>,
) -> bool {
    let own_hash_damaged = || {
        let chain = Chain { number: row.number, head: row.computed(trust_domain)? };
        let next = Link::read(connection, row.number.checked_add(1)?)?;
        Some(next.after(chain).head == next.hash)
    };
    let hash_before_damaged = || {
        let before = row.number.checked_sub(1).filter(|before| 0 < *before)?;
        let two_before = match before.checked_sub(1)? {
            0 => Chain::genesis(),
            place => Chain { number: place, head: Link::read(connection, place)?.hash },
        };
        let chain = Link::read(connection, before)?.after(two_before);
        Some(chain.next(row.at, trust_domain, row.payload).head == row.hash)
    };
    own_hash_damaged().unwrap_or(false) || hash_before_damaged().unwrap_or(false)
}
