//! Whether the store still says what was written into it.
//!
//! The chain of hashes shows every edit, gap and reordering among the entries. It cannot show that
//! its own end was cut: that takes a head that was noted elsewhere.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::column::{from_number, trust_domain};
use super::load::each_event;
use super::{StoreError, StoreReader, checkpoint, index};
use crate::bundle::{AuthorityId, Digest};
use crate::journal::{Chain, record_after};
use crate::spiffe::TrustDomain;
use crate::time::Timestamp;
use crate::watch::{Event, Facts};

/// What was looked at and found in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    /// The journal's head: its last entry's number and hash.
    pub head: Chain,
    /// How many trust domains the entries are about.
    pub trust_domains: usize,
    /// How many checkpoints equal a replay.
    pub checkpoints: u64,
    /// How many authorities' records equal a replay.
    pub authorities: u64,
    /// How many documents have the digest that they are stored under. Those that retention has
    /// removed are not missed.
    pub bodies: u64,
    /// The number of the entry whose hash is the head that was asked for; all after it came
    /// later.
    pub noted: Option<u64>,
}

impl Verified {
    /// How many entries follow the one whose hash was asked for.
    pub fn followed_by(&self) -> Option<u64> {
        self.noted.map(|noted| self.head.number.saturating_sub(noted))
    }
}

/// The first thing that is not as it was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyFault {
    /// A number is missing.
    #[error("entry {expected} of the journal is missing: entry {found} comes next")]
    Gap {
        /// The number that should come.
        expected: u64,
        /// The number that comes.
        found: u64,
    },
    /// An entry's hash does not follow from the entry and the hash before.
    #[error(
        "entry {number} of the journal was changed, moved, or is the first after a change: \
         {expected} follows from what stands there, and its hash is {found}"
    )]
    Hash {
        /// The entry's number.
        number: u64,
        /// The hash that follows from its time, trust domain and payload.
        expected: Digest,
        /// The hash that stands there.
        found: Digest,
    },
    /// An entry cannot be understood.
    #[error("entry {number} of the journal cannot be read: {detail}")]
    Entry {
        /// The entry's number.
        number: u64,
        /// Why.
        detail: Box<str>,
    },
    /// A column that is searched by says something else than the payload.
    #[error(
        "entry {number} of the journal was changed: its {column} is {found}, and its payload \
         says {expected}"
    )]
    Column {
        /// The entry's number.
        number: u64,
        /// The column.
        column: &'static str,
        /// What the payload says.
        expected: Box<str>,
        /// What stands in the column.
        found: Box<str>,
    },
    /// A checkpoint is not what its events give.
    #[error("the checkpoint of {trust_domain} at entry {number} is not what the journal gives")]
    Checkpoint {
        /// The trust domain.
        trust_domain: TrustDomain,
        /// The entry that it reaches to.
        number: u64,
    },
    /// A record in the table of authorities is not what its events give.
    #[error("the record of {authority} of {trust_domain} is not what the journal gives")]
    Authority {
        /// The trust domain.
        trust_domain: TrustDomain,
        /// The authority.
        authority: AuthorityId,
    },
    /// An authority of the journal has no record, or a record has no entry.
    #[error("the table of authorities and the journal differ at entry {number}")]
    Unindexed {
        /// The entry that has no record, or that a record has and the journal has not.
        number: u64,
    },
    /// A stored document has another digest than it is stored under.
    #[error("the document stored under {expected} was changed: its digest is {found}")]
    Body {
        /// The digest that it is stored under.
        expected: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// The head that was noted is none of the journal's.
    #[error(
        "the journal was cut or rewritten: none of its {} entries has the hash {noted}, and the \
         last one has {}",
        head.number,
        head.head
    )]
    Cut {
        /// The head that was noted elsewhere.
        noted: Digest,
        /// The head that the journal has.
        head: Chain,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StoreReader {
    /// Looks for any edit, gap or reordering in the journal, for documents whose digest is wrong,
    /// and for checkpoints and records that a replay does not give. `noted` is a head of earlier
    /// days: where no entry has it, the journal was cut or rewritten.
    ///
    /// `progress` is told now and then how many entries were read, and how many there are.
    pub fn verify(
        &self,
        noted: Option<Digest>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Verified, VerifyFault> {
        // One picture of the store, whatever a daemon writes meanwhile.
        let snapshot = self
            .connection
            .unchecked_transaction()
            .map_err(StoreError::database("read the store"))?;
        let mut walk = Walk::new(checkpoints(&snapshot)?, noted);
        let last = super::load::head(&snapshot)?.number;
        walk.entries(&snapshot, &mut |number| progress(number, last))?;
        if let Some((name, number)) = walk.due.first_key_value() {
            return Err(VerifyFault::Checkpoint { trust_domain: name.clone(), number: *number });
        }
        let head = walk.chain;
        if let (Some(noted), None) = (noted, walk.noted_at) {
            return Err(VerifyFault::Cut { noted, head });
        }
        Ok(Verified {
            head,
            trust_domains: walk.facts.len(),
            checkpoints: walk.checkpoints,
            authorities: authorities(&snapshot)?,
            bodies: bodies(&snapshot)?,
            noted: walk.noted_at,
        })
    }
}

/// Walks the journal from its first entry.
struct Walk {
    chain: Chain,
    noted: Option<Digest>,
    noted_at: Option<u64>,
    facts: BTreeMap<TrustDomain, Facts>,
    /// The checkpoints that were not reached yet, with the entries that they reach to.
    due: BTreeMap<TrustDomain, u64>,
    checkpoints: u64,
}

impl Walk {
    fn new(due: BTreeMap<TrustDomain, u64>, noted: Option<Digest>) -> Self {
        let chain = Chain::genesis();
        // Before the first entry, there was a head too.
        let noted_at = noted.filter(|noted| *noted == chain.head).map(|_| 0);
        Self { chain, noted, noted_at, facts: BTreeMap::new(), due, checkpoints: 0 }
    }

    fn entries(
        &mut self,
        connection: &Connection,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), VerifyFault> {
        /// Between two tellings lies a fraction of a second.
        const TELL: u64 = 4_096;
        let failed = || StoreError::database("read the journal");
        let all = "SELECT number, at, trust_domain, kind, authority, hash, payload
            FROM events ORDER BY number";
        let mut statement = connection.prepare(all).map_err(failed())?;
        let mut rows = statement.query([]).map_err(failed())?;
        while let Some(row) = rows.next().map_err(failed())? {
            let number = from_number(row.get(0).map_err(failed())?);
            self.entry(connection, number, row)?;
            if number.is_multiple_of(TELL) {
                progress(number);
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        connection: &Connection,
        number: u64,
        row: &Row<'_>,
    ) -> Result<(), VerifyFault> {
        let expected = self.chain.number.saturating_add(1);
        if number != expected {
            return Err(VerifyFault::Gap { expected, found: number });
        }
        let odd = |error: &dyn std::fmt::Display| VerifyFault::Entry {
            number,
            detail: error.to_string().into(),
        };
        let read = Stored::read(row).map_err(|error| odd(&error))?;
        let name = trust_domain(row, 2).map_err(|error| odd(&error))?;
        self.chain = self.chain.next(read.at, &name, &read.payload);
        if self.chain.head != read.hash {
            let (expected, found) = (self.chain.head, read.hash);
            return Err(VerifyFault::Hash { number, expected, found });
        }
        let event: Event = serde_json::from_str(&read.payload).map_err(|error| odd(&error))?;
        read.columns_say(number, &event)?;
        if self.noted == Some(read.hash) {
            self.noted_at = Some(number);
        }
        let facts = self.facts.entry(name.clone()).or_default();
        facts.apply(read.at, &event);
        if self.due.get(&name) == Some(&number) {
            self.due.remove(&name);
            self.checkpoints = self.checkpoints.saturating_add(1);
            if checkpoint::read(connection, &name)?.is_none_or(|(_, stored)| stored != *facts) {
                return Err(VerifyFault::Checkpoint { trust_domain: name, number });
            }
        }
        Ok(())
    }
}

/// An entry as it stands in its row.
struct Stored {
    at: Timestamp,
    kind: String,
    authority: Option<Vec<u8>>,
    hash: Digest,
    payload: String,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            at: Timestamp::from_unix_micros(row.get(1)?),
            kind: row.get(3)?,
            authority: row.get(4)?,
            hash: Digest::from_bytes(row.get(5)?),
            payload: row.get(6)?,
        })
    }

    /// The hash is over the payload: what is searched by must say the same.
    fn columns_say(&self, number: u64, event: &Event) -> Result<(), VerifyFault> {
        let differs = |column, expected: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
            let expected = format!("{expected:?}").into();
            VerifyFault::Column { number, column, expected, found: format!("{found:?}").into() }
        };
        if self.kind != event.name() {
            return Err(differs("kind", &event.name(), &self.kind));
        }
        let authority = event.authority().map(|id| id.fingerprint);
        if self.authority.as_deref() != authority.as_ref().map(|id| id.as_bytes().as_slice()) {
            return Err(differs("authority", &authority, &self.authority));
        }
        Ok(())
    }
}

/// The entries that the checkpoints reach to.
fn checkpoints(connection: &Connection) -> Result<BTreeMap<TrustDomain, u64>, StoreError> {
    let failed = || StoreError::database("list the checkpoints");
    // One of another form is not read by anyone here.
    let all = "SELECT trust_domain, number FROM checkpoints WHERE form = ?1";
    let mut statement = connection.prepare(all).map_err(failed())?;
    let mut rows = statement.query([checkpoint::FORM]).map_err(failed())?;
    let mut checkpoints = BTreeMap::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let number = from_number(row.get(1).map_err(failed())?);
        checkpoints.insert(trust_domain(row, 0)?, number);
    }
    Ok(checkpoints)
}

/// Compares each authority's record with a replay of its events.
fn authorities(connection: &Connection) -> Result<u64, VerifyFault> {
    let failed = || StoreError::database("read the authorities");
    let missing = "
        SELECT min(number) FROM events e WHERE kind = 'authority_introduced' AND NOT EXISTS (
            SELECT 1 FROM authorities a
            WHERE a.trust_domain = e.trust_domain AND a.fingerprint = e.authority)
        UNION ALL
        SELECT min(source) FROM authorities a WHERE NOT EXISTS (
            SELECT 1 FROM events e WHERE e.number = a.source)";
    let mut statement = connection.prepare(missing).map_err(failed())?;
    let mut rows = statement.query([]).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        if let Some(number) = row.get::<_, Option<i64>>(0).map_err(failed())? {
            return Err(VerifyFault::Unindexed { number: from_number(number) });
        }
    }
    let mut statement = connection.prepare(index::SELECT).map_err(failed())?;
    let mut rows = statement.query([]).map_err(failed())?;
    let mut count: u64 = 0;
    while let Some(row) = rows.next().map_err(failed())? {
        let index::Indexed { entry, id, public_key } = index::indexed(row)?;
        let (name, record) = (entry.trust_domain, entry.record);
        let replayed = replay(connection, &name, id)?;
        let key = record.authority.public_key.map(|key| key.as_bytes().to_vec());
        if record.id() != id || key != public_key || replayed.as_ref() != Some(&record) {
            return Err(VerifyFault::Authority { trust_domain: name, authority: id });
        }
        count = count.saturating_add(1);
    }
    Ok(count)
}

fn replay(
    connection: &Connection,
    name: &TrustDomain,
    id: AuthorityId,
) -> Result<Option<crate::watch::AuthorityRecord>, StoreError> {
    // The plus keeps SQLite from walking all events of the trust domain.
    let of_it = "SELECT number, at, payload FROM events
        WHERE authority = ?1 AND +trust_domain = ?2 ORDER BY number";
    let key = params![id.fingerprint.as_bytes(), name.as_str()];
    let mut events = Vec::new();
    each_event(connection, of_it, key, |_, at, event| events.push((at, event)))?;
    Ok(record_after(None, id, events.iter().map(|(at, event)| (*at, event))))
}

/// Compares each document with its digest.
fn bodies(connection: &Connection) -> Result<u64, VerifyFault> {
    let failed = || StoreError::database("read the documents");
    let mut statement = connection.prepare("SELECT digest, body FROM bodies").map_err(failed())?;
    let mut rows = statement.query([]).map_err(failed())?;
    let mut count: u64 = 0;
    while let Some(row) = rows.next().map_err(failed())? {
        let expected = Digest::from_bytes(row.get(0).map_err(failed())?);
        let body: Vec<u8> = row.get(1).map_err(failed())?;
        let found = Digest::of(&body);
        if found != expected {
            return Err(VerifyFault::Body { expected, found });
        }
        count = count.saturating_add(1);
    }
    Ok(count)
}
