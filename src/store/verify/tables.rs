//! What stands beside the journal: the table of authorities, documents, checkpoints, and the file.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row, params};

use crate::store::column::trust_domain;
use crate::store::load::each_event;
use crate::store::{
    StoreError, VerifyFault, VerifyFaults, checkpoint, index, poll_state, schema, seal,
};
use anchorwatch_core::bundle::{AuthorityId, Digest};
use anchorwatch_core::journal::record_after;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::AuthorityRecord;

/// How many rows are looked at in a portion: a few milliseconds' work.
const PORTION: usize = 64;

/// A walk over the tables beside the journal.
#[derive(Debug, Default)]
pub(super) struct Tables {
    table: Table,
    /// The last row that was looked at.
    last: i64,
    pub(super) authorities: u64,
    pub(super) bodies: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum Table {
    #[default]
    Authorities,
    Bodies,
    Checkpoints,
    PollStates,
    Meta,
}

impl Tables {
    /// One that begins with the first.
    pub(super) fn new() -> Self {
        Self { last: i64::MIN, ..Self::default() }
    }

    /// The same from the next table on; `None` after the last.
    pub(super) fn skip(self) -> Option<Self> {
        let table = match self.table {
            Table::Authorities => Table::Bodies,
            Table::Bodies => Table::Checkpoints,
            Table::Checkpoints => Table::PollStates,
            Table::PollStates => Table::Meta,
            Table::Meta => return None,
        };
        Some(Self { table, last: i64::MIN, ..self })
    }

    /// Looks at the next rows. Returns whether there are none after them.
    pub(super) fn portion(
        &mut self,
        connection: &Connection,
        faults: &mut VerifyFaults,
    ) -> Result<bool, StoreError> {
        let count = match self.table {
            Table::Authorities => self.authorities(connection, faults)?,
            Table::Bodies => self.bodies(connection, faults)?,
            Table::Checkpoints => self.checkpoints(connection, faults)?,
            Table::PollStates => self.poll_states(connection, faults)?,
            Table::Meta => {
                meta(connection, faults)?;
                return Ok(true);
            }
        };
        if count < PORTION
            && let Some(next) = std::mem::take(self).skip()
        {
            *self = next;
        }
        Ok(false)
    }

    /// Hands over the next rows that `select` gives, each with its row ID first.
    fn rows(
        &mut self,
        connection: &Connection,
        select: &str,
        mut look: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        let failed = || StoreError::database("read the store's tables");
        let mut statement = connection.prepare_cached(select).map_err(failed())?;
        let limit = i64::try_from(PORTION).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![self.last, limit]).map_err(failed())?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(failed())? {
            count += 1;
            self.last = row.get(0).map_err(failed())?;
            look(row)?;
        }
        Ok(count)
    }

    /// Compares each authority's record with a replay of its events.
    fn authorities(
        &mut self,
        connection: &Connection,
        faults: &mut VerifyFaults,
    ) -> Result<usize, StoreError> {
        let failed = || StoreError::database("read the authorities");
        let mut rows = Vec::new();
        let select =
            "SELECT rowid, source FROM authorities WHERE ?1 < rowid ORDER BY rowid LIMIT ?2";
        let count = self.rows(connection, select, |row| {
            rows.push((row.get::<_, i64>(0).map_err(failed())?, row.get(1).map_err(failed())?));
            Ok(())
        })?;
        let select = format!("{} WHERE a.rowid = ?1", index::SELECT);
        for (row, source) in rows {
            let mut statement = connection.prepare_cached(&select).map_err(failed())?;
            let mut found = statement.query([row]).map_err(failed())?;
            let Some(found) = found.next().map_err(failed())? else {
                let number = crate::store::column::from_number(source);
                faults.push(VerifyFault::Unindexed { number });
                continue;
            };
            let index::Indexed { entry, id, public_key } = match index::indexed(found) {
                Ok(indexed) => indexed,
                Err(error) if error.is_damage() => {
                    faults.push(error.into());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (name, record) = (entry.trust_domain, entry.record);
            let replayed = match replay(connection, &name, id) {
                Ok(replayed) => replayed,
                // The entry itself was reported.
                Err(error) if error.is_damage() => None,
                Err(error) => return Err(error),
            };
            let key = record.authority.public_key.map(|key| key.as_bytes().to_vec());
            if record.id() != id || key != public_key || replayed.as_ref() != Some(&record) {
                faults.push(VerifyFault::Authority { trust_domain: name, authority: id });
            } else {
                self.authorities = self.authorities.saturating_add(1);
            }
        }
        Ok(count)
    }

    /// Compares each document with its digest.
    fn bodies(
        &mut self,
        connection: &Connection,
        faults: &mut VerifyFaults,
    ) -> Result<usize, StoreError> {
        let failed = || StoreError::database("read the documents");
        let select =
            "SELECT rowid, digest, body FROM bodies WHERE ?1 < rowid ORDER BY rowid LIMIT ?2";
        let mut whole: u64 = 0;
        let count = self.rows(connection, select, |row| {
            let expected: Vec<u8> = row.get(1).map_err(failed())?;
            let body = row.get_ref(2).map_err(failed())?;
            let found = Digest::of(body.as_bytes().unwrap_or_default());
            if found.as_bytes().as_slice() == expected {
                whole = whole.saturating_add(1);
            } else {
                let expected = Digest::from_bytes(expected.try_into().unwrap_or_default());
                faults.push(VerifyFault::Body { expected, found });
            }
            Ok(())
        })?;
        self.bodies = self.bodies.saturating_add(whole);
        Ok(count)
    }

    /// Compares each checkpoint with its digest. That it is what its events give was looked at with them.
    fn checkpoints(
        &mut self,
        connection: &Connection,
        faults: &mut VerifyFaults,
    ) -> Result<usize, StoreError> {
        let select = "SELECT rowid, trust_domain FROM checkpoints
            WHERE ?1 < rowid ORDER BY rowid LIMIT ?2";
        self.rows(connection, select, |row| {
            // By the index too: a start finds it so.
            let found =
                trust_domain(row, 1).and_then(|name| match checkpoint::read(connection, &name) {
                    Ok(_) => Ok(None),
                    Err(VerifyFault::Store(error)) => Err(error),
                    Err(fault) => Ok(Some(fault)),
                });
            match found {
                Ok(None) => (),
                Ok(Some(fault)) => {
                    // Most were reported with the events.
                    let text = fault.to_string();
                    if !faults.listed.iter().any(|known| known.to_string() == text) {
                        faults.push(fault);
                    }
                }
                Err(error) if error.is_damage() => {
                    faults.push(error.into());
                }
                Err(error) => return Err(error),
            }
            Ok(())
        })
    }

    fn poll_states(
        &mut self,
        connection: &Connection,
        faults: &mut VerifyFaults,
    ) -> Result<usize, StoreError> {
        let select =
            "SELECT rowid, trust_domain FROM poll_states WHERE ?1 < rowid ORDER BY rowid LIMIT ?2";
        self.rows(connection, select, |row| {
            let looked = trust_domain(row, 1)
                .map_err(VerifyFault::from)
                .and_then(|name| poll_state::read(connection, &name).map(drop));
            match looked {
                Ok(()) => Ok(()),
                Err(VerifyFault::Store(error)) if !error.is_damage() => Err(error),
                Err(fault) => {
                    faults.push(fault);
                    Ok(())
                }
            }
        })
    }
}

fn replay(
    connection: &Connection,
    name: &TrustDomain,
    id: AuthorityId,
) -> Result<Option<AuthorityRecord>, StoreError> {
    // The plus keeps SQLite from walking all events of the trust domain.
    let of_it = "SELECT number, at, payload FROM events
        WHERE authority = ?1 AND +trust_domain = ?2 ORDER BY number";
    let key = params![id.fingerprint.as_bytes(), name.as_str()];
    let mut events = Vec::new();
    each_event(connection, of_it, key, |_, at, event| events.push((at, event)))?;
    Ok(record_after(None, id, events.iter().map(|(at, event)| (*at, event))))
}

fn meta(connection: &Connection, faults: &mut VerifyFaults) -> Result<(), StoreError> {
    let failed = || StoreError::database("read the store's own record");
    let all = "SELECT name, value, digest FROM meta";
    let mut statement = connection.prepare_cached(all).map_err(failed())?;
    let mut rows = statement.query([]).map_err(failed())?;
    let mut missing = BTreeSet::from(["created", "opened"]);
    while let Some(row) = rows.next().map_err(failed())? {
        let name: String = row.get(0).map_err(failed())?;
        let value = Timestamp::from_unix_micros(row.get(1).map_err(failed())?);
        let digest: Vec<u8> = row.get(2).map_err(failed())?;
        if seal::meta(&name, value).as_bytes().as_slice() == digest {
            missing.remove(&*name);
        }
    }
    for name in missing {
        faults.push(VerifyFault::Meta { name });
    }
    Ok(())
}

/// Compares the schema with the one that this version makes.
pub(super) fn schema(connection: &Connection, faults: &mut VerifyFaults) -> Result<(), StoreError> {
    let failed = || StoreError::database("read the store's schema");
    let made = schema::declared(&schema::open_in_memory()?).map_err(failed())?;
    let there = schema::declared(connection).map_err(failed())?;
    let odd = made.iter().filter(|one| !there.contains(one));
    let odd = odd.chain(there.iter().filter(|one| !made.contains(one)));
    let names: BTreeSet<&str> = odd.filter_map(|[_, name, ..]| name.as_deref()).collect();
    for name in names {
        // Foreign text, where somebody wrote into the file.
        let plain: String = name.chars().filter(char::is_ascii_graphic).take(64).collect();
        faults.push(VerifyFault::Schema { object: plain.into() });
    }
    Ok(())
}

/// Lets SQLite look at every page of the file, and at every index beside its table.
pub(super) fn pages(connection: &Connection, faults: &mut VerifyFaults) -> Result<(), StoreError> {
    let failed = || StoreError::database("check the pages of the store");
    let mut statement = connection.prepare("PRAGMA integrity_check(32)").map_err(failed())?;
    let mut rows = statement.query([]).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        let detail: String = row.get(0).map_err(failed())?;
        if detail != "ok" {
            let plain: String =
                detail.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            faults.push(VerifyFault::Pages { detail: plain.into() });
        }
    }
    Ok(())
}
