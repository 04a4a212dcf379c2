//! Each trust domain's entries: what they say, and whether its checkpoint is what they give.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::store::column::number;
use crate::store::row::{COLUMNS, StoredRow};
use crate::store::{StoreError, VerifyFault, VerifyFaults, checkpoint, load};
use anchorwatch_core::bundle::AuthorityId;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::{Event, Facts};

/// How many entries are looked at in a portion: a few milliseconds' work.
const PORTION: u64 = 256;

/// A walk over the entries of one trust domain after another, by the index that a start uses.
#[derive(Debug)]
pub(super) struct DomainWalk {
    names: std::vec::IntoIter<TrustDomain>,
    current: Option<Current>,
    /// How many entries the journal had, and how many of them were found.
    all: u64,
    found: u64,
    trust_domains: usize,
    checkpoints: u64,
}

#[derive(Debug)]
struct Current {
    name: TrustDomain,
    facts: Facts,
    /// The last entry that was looked at.
    last: u64,
    /// The entry that the checkpoint reaches to, while it is not reached.
    due: Option<u64>,
    /// Whether an entry could not be applied: the facts are none then.
    broken: bool,
}

impl DomainWalk {
    /// One over the trust domains of a journal with so many entries.
    pub(super) fn new(
        connection: &Connection,
        all: u64,
        faults: &mut VerifyFaults,
    ) -> Result<Self, StoreError> {
        let (names, wrong) = load::names(connection)?;
        for fault in wrong {
            faults.push(fault);
        }
        let names = names.into_iter();
        Ok(Self { names, current: None, all, found: 0, trust_domains: 0, checkpoints: 0 })
    }

    pub(super) fn trust_domains(&self) -> usize {
        self.trust_domains
    }

    pub(super) fn checkpoints(&self) -> u64 {
        self.checkpoints
    }

    /// Looks at the next entries. Returns whether there are none after them.
    pub(super) fn portion(
        &mut self,
        connection: &Connection,
        faults: &mut VerifyFaults,
    ) -> Result<bool, StoreError> {
        let mut current = if let Some(current) = self.current.take() {
            current
        } else {
            let Some(name) = self.names.next() else {
                if self.found != self.all {
                    faults.push(VerifyFault::Unlisted { all: self.all, found: self.found });
                }
                return Ok(true);
            };
            let due = checkpoint::reach(connection, &name)?;
            Current { name, facts: Facts::default(), last: 0, due, broken: false }
        };
        let count = self.entries(connection, &mut current, faults)?;
        if count < PORTION {
            self.end(connection, &current, faults)?;
        } else {
            self.current = Some(current);
        }
        Ok(false)
    }

    fn entries(
        &mut self,
        connection: &Connection,
        current: &mut Current,
        faults: &mut VerifyFaults,
    ) -> Result<u64, StoreError> {
        let select = format!(
            "SELECT {COLUMNS}, e.kind, e.authority FROM events e
             WHERE trust_domain = ?1 AND ?2 < number ORDER BY number LIMIT ?3"
        );
        let failed = || StoreError::database("read the journal");
        let mut statement = connection.prepare_cached(&select).map_err(failed())?;
        let key = params![current.name.as_str(), number(current.last), number(PORTION)];
        let mut rows = statement.query(key).map_err(failed())?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(failed())? {
            count += 1;
            let place = row.get(0).map(crate::store::column::from_number).map_err(failed())?;
            current.last = place;
            if place <= self.all {
                self.found = self.found.saturating_add(1);
            }
            // The walk over the chain has said what is wrong with its hash.
            let event = StoredRow::read(row).and_then(|stored| Ok((stored.at, stored.event()?)));
            let Ok((at, event)) = event else {
                current.broken = true;
                if let Err(fault @ VerifyFault::Entry { .. }) = event {
                    faults.push(fault);
                }
                continue;
            };
            let kind: String = row.get(5).map_err(failed())?;
            let authority: Option<Vec<u8>> = row.get(6).map_err(failed())?;
            columns_say(place, &event, &kind, authority.as_deref())
                .unwrap_or_else(|fault| faults.push(fault));
            if let Event::AuthorityIntroduced { authority, .. } = &event
                && !is_indexed(connection, &current.name, authority.id)?
            {
                faults.push(VerifyFault::Unindexed { number: place });
            }
            current.facts.apply(at, &event);
            if current.due == Some(place) {
                self.checkpoint(connection, current, faults)?;
            }
        }
        Ok(count)
    }

    /// The walk has reached the entry that the checkpoint reached to when it was last looked at.
    fn checkpoint(
        &mut self,
        connection: &Connection,
        current: &mut Current,
        faults: &mut VerifyFaults,
    ) -> Result<(), StoreError> {
        let (name, place) = (&current.name, current.last);
        let differs = || VerifyFault::Checkpoint { trust_domain: name.clone(), number: place };
        match checkpoint::read(connection, name) {
            // A daemon has written it anew meanwhile.
            Ok(Some(found)) if place < found.number => {
                current.due = Some(found.number);
                return Ok(());
            }
            Ok(Some(found)) => {
                if !found.is_bound() {
                    let trust_domain = name.clone();
                    faults.push(VerifyFault::Unbound { trust_domain, number: place });
                }
                if found.facts != current.facts {
                    // Where an entry cannot be read, the checkpoint may be what is right.
                    if !current.broken {
                        faults.push(differs());
                    }
                } else if found.number == place {
                    self.checkpoints = self.checkpoints.saturating_add(1);
                }
            }
            Ok(None) => faults.push(differs()),
            Err(VerifyFault::Store(error)) => return Err(error),
            Err(fault) => faults.push(fault),
        }
        current.due = None;
        Ok(())
    }

    fn end(
        &mut self,
        connection: &Connection,
        current: &Current,
        faults: &mut VerifyFaults,
    ) -> Result<(), StoreError> {
        if 0 < current.last {
            self.trust_domains = self.trust_domains.saturating_add(1);
        }
        // In the same picture as the last of its entries: a daemon writes no checkpoint that reaches
        // further than they do.
        if current.due.is_some()
            && let Some(reach) = checkpoint::reach(connection, &current.name)?
        {
            let (trust_domain, number) = (current.name.clone(), reach);
            faults.push(VerifyFault::Checkpoint { trust_domain, number });
        }
        Ok(())
    }
}

/// The hash is over the payload: what is searched by must say the same.
fn columns_say(
    number: u64,
    event: &Event,
    kind: &str,
    authority: Option<&[u8]>,
) -> Result<(), VerifyFault> {
    let differs = |column, expected: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
        let expected = format!("{expected:?}").into();
        VerifyFault::Column { number, column, expected, found: format!("{found:?}").into() }
    };
    if kind != event.name() {
        return Err(differs("kind", &event.name(), &kind));
    }
    let expected = event.authority().map(|id| id.fingerprint);
    if authority != expected.as_ref().map(|id| id.as_bytes().as_slice()) {
        return Err(differs("authority", &expected, &authority));
    }
    Ok(())
}

fn is_indexed(
    connection: &Connection,
    name: &TrustDomain,
    id: AuthorityId,
) -> Result<bool, StoreError> {
    let record = "SELECT 1 FROM authorities
        WHERE trust_domain = ?1 AND svid_type = ?2 AND fingerprint = ?3";
    let failed = || StoreError::database("read the authorities");
    let mut statement = connection.prepare_cached(record).map_err(failed())?;
    let key = params![name.as_str(), id.svid_type.label(), id.fingerprint.as_bytes()];
    let found = statement.query_row(key, |_| Ok(())).optional().map_err(failed())?;
    Ok(found.is_some())
}
