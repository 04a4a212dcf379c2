//! What can still be known of a trust domain where something stored is not as it was written.
//!
//! A damaged store must not end the watch: what verifies is used, what does not is left out, and each
//! part that is left out is a fault that is reported and pages. In this order:
//!
//! 1. The checkpoint, where its digest is right and the journal has, or had, the entry that it reaches
//!    to. One that is damaged, or that belongs to another journal, is left out.
//! 2. Every event after it, or all of them, that verifies. An event whose own hash was damaged and
//!    whose content was not is told by the entry after it, and is used.
//! 3. What the last polls saw, where its digest is right. Without it, the next change has no last poll
//!    before it.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::checkpoint::{self, Checkpoint};
use super::column::number;
use super::loaded_domain::{CheckpointPlan, LoadedDomain};
use super::row::{COLUMNS, StoredRow, is_authentic};
use super::{StoreError, VerifyFault, poll_state};
use anchorwatch_core::journal::Chain;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::{DomainState, Facts, PollState};

/// What can still be known, where `first` is what the straight way met.
pub(super) fn domain(
    connection: &Connection,
    name: &TrustDomain,
    first: VerifyFault,
) -> LoadedDomain {
    let mut salvage = Salvage { name, faults: Vec::new(), last: Chain::genesis(), tail: 0 };
    let mut facts = Facts::default();
    let mut plan = CheckpointPlan::Keep;
    match checkpoint::read(connection, name) {
        Ok(Some(found)) if belongs(connection, name, &found) => {
            salvage.last = Chain { number: found.number, head: found.head };
            facts = found.facts;
        }
        Ok(Some(Checkpoint { number, .. })) => {
            plan = CheckpointPlan::Rewrite;
            salvage.faults.push(VerifyFault::Unbound { trust_domain: name.clone(), number });
        }
        Ok(None) => (),
        Err(fault) => {
            plan = CheckpointPlan::Rewrite;
            salvage.faults.push(fault);
        }
    }
    let known = salvage.faults.len();
    if let Err(fault) = salvage.events(connection, &mut facts) {
        salvage.faults.push(fault);
    }
    if salvage.faults.len() != known {
        plan = CheckpointPlan::Withhold;
    }
    let poll_state = poll_state::read(connection, name).unwrap_or_else(|fault| {
        salvage.faults.push(fault);
        PollState::default()
    });
    let Salvage { mut faults, last, tail, .. } = salvage;
    if faults.is_empty() {
        faults.push(first);
    }
    let state = DomainState { facts: Arc::new(facts), poll_state };
    LoadedDomain { state, last, tail, checkpoint: plan, faults }
}

/// Whether the journal has, or had, the entry that a checkpoint reaches to: where the entry's hash was
/// damaged, its content still gives the hash that the checkpoint knows.
fn belongs(connection: &Connection, name: &TrustDomain, found: &Checkpoint) -> bool {
    let computed = || -> Option<bool> {
        let select = format!("SELECT {COLUMNS} FROM events e WHERE number = ?1");
        let mut statement = connection.prepare_cached(&select).ok()?;
        let mut rows = statement.query([number(found.number)]).ok()?;
        let row = StoredRow::read(rows.next().ok()??).ok()?;
        Some(row.computed(name) == Some(found.head))
    };
    found.is_bound() || computed().unwrap_or(false)
}

struct Salvage<'a> {
    name: &'a TrustDomain,
    faults: Vec<VerifyFault>,
    last: Chain,
    tail: usize,
}

impl Salvage<'_> {
    /// Applies the events after the checkpoint that verify. The table itself is read, since an index
    /// may be what is damaged.
    fn events(&mut self, connection: &Connection, facts: &mut Facts) -> Result<(), VerifyFault> {
        let select = format!(
            "SELECT {COLUMNS} FROM events e NOT INDEXED
             WHERE trust_domain = ?1 AND ?2 < number ORDER BY number"
        );
        let failed = || StoreError::database("read the journal");
        let mut statement = connection.prepare(&select).map_err(failed())?;
        let key = params![self.name.as_str(), number(self.last.number)];
        let mut rows = statement.query(key).map_err(failed())?;
        while let Some(row) = rows.next().map_err(failed())? {
            let row = match StoredRow::read(row) {
                Ok(row) => row,
                Err(fault) => {
                    self.faults.push(fault);
                    continue;
                }
            };
            self.last = Chain { number: row.number, head: row.hash };
            self.tail = self.tail.saturating_add(1);
            if let Err(fault) = row.verify(self.name) {
                self.faults.push(fault);
                if !is_authentic(connection, self.name, &row) {
                    continue;
                }
            }
            match row.event() {
                Ok(event) => facts.apply(row.at, &event),
                Err(fault) => self.faults.push(fault),
            }
        }
        Ok(())
    }
}
