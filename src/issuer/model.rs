//! The issuer in virtual time.

use std::collections::BTreeMap;

use super::chain::{Due, HandOver};
use super::replica::Replica;
use super::{
    BundleRow, Intervention, IssuedKey, IssuerDeed, IssuerEvent, IssuerSettings, KeyNumber,
    NOT_BEFORE_CUSHION, Refusal, Removal, ReplicaNumber,
};
use crate::bundle::{SvidType, Validity};
use crate::time::Timestamp;

/// The servers of one trust domain and the bundle that they share.
#[derive(Clone, Debug)]
pub struct Issuer {
    settings: IssuerSettings,
    row: BundleRow,
    replicas: BTreeMap<ReplicaNumber, Replica>,
    /// What will be done from outside, by time and then in the order in which it was planned.
    planned: BTreeMap<(Timestamp, u64), Intervention>,
    planned_so_far: u64,
    keys_so_far: u64,
    now: Timestamp,
    events: Vec<IssuerEvent>,
}

/// What is next. The order decides where two fall on one moment.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Task {
    Intervene(u64),
    Look { svid_type: SvidType, replica: ReplicaNumber, tick: u64 },
    Prune { replica: ReplicaNumber },
}

impl Issuer {
    /// An issuer without servers: plan their [starts](Intervention::Start).
    pub fn new(settings: IssuerSettings) -> Self {
        Self {
            settings,
            row: BundleRow::default(),
            replicas: BTreeMap::new(),
            planned: BTreeMap::new(),
            planned_so_far: 0,
            keys_so_far: 0,
            now: Timestamp::from_unix_micros(i64::MIN),
            events: Vec::new(),
        }
    }

    /// What it rotates by.
    pub fn settings(&self) -> &IssuerSettings {
        &self.settings
    }

    /// What is published now.
    pub fn bundle(&self) -> &BundleRow {
        &self.row
    }

    /// The key that a server signs with now; `None` before its first and while it does not run.
    pub fn signing(&self, replica: ReplicaNumber, svid_type: SvidType) -> Option<&IssuedKey> {
        let replica = self.replicas.get(&replica).filter(|replica| replica.running)?;
        replica.chain(svid_type)?.current.as_ref()
    }

    /// Plans what is done from outside at `at`, or at once where that has passed.
    pub fn plan(&mut self, at: Timestamp, intervention: Intervention) {
        self.planned.insert((at, self.planned_so_far), intervention);
        self.planned_so_far = self.planned_so_far.saturating_add(1);
    }

    /// When [`advance`](Self::advance) has something to do next: never later than the next event.
    pub fn wakes_at(&self) -> Option<Timestamp> {
        self.next_task().map(|(at, _)| at)
    }

    /// Moves time forward to `to`, inclusively, and says what happened, in order. A time that has
    /// passed moves nothing.
    pub fn advance(&mut self, to: Timestamp) -> Vec<IssuerEvent> {
        while let Some((at, task)) = self.next_task()
            && at <= to
        {
            self.now = self.now.max(at);
            match task {
                Task::Intervene(number) => {
                    if let Some(intervention) = self.planned.remove(&(at, number)) {
                        self.intervene(intervention);
                    }
                }
                Task::Look { svid_type, replica, tick } => self.look(replica, svid_type, tick),
                Task::Prune { replica } => self.prune(replica),
            }
        }
        self.now = self.now.max(to);
        std::mem::take(&mut self.events)
    }

    fn next_task(&self) -> Option<(Timestamp, Task)> {
        let planned =
            self.planned.keys().next().map(|(at, number)| (*at, Task::Intervene(*number)));
        let running = self.replicas.iter().filter(|(_, replica)| replica.running);
        let own = running.flat_map(|(number, replica)| {
            let prune = (replica.next_prune(&self.settings), Task::Prune { replica: *number });
            let looks = SvidType::ALL.into_iter().filter_map(|svid_type| {
                let (tick, at) = replica.next_look(replica.chain(svid_type)?, &self.settings)?;
                Some((at, Task::Look { svid_type, replica: *number, tick }))
            });
            looks.chain([prune])
        });
        planned.into_iter().chain(own).min()
    }

    fn emit(&mut self, deed: IssuerDeed) {
        self.events.push(IssuerEvent { at: self.now, deed });
    }

    /// Ends a transaction.
    fn write(&mut self) {
        let sequence = self.row.write();
        self.emit(IssuerDeed::SequenceMoved { sequence });
    }

    /// A look of the rotator that finds something due (`rotator.go`).
    fn look(&mut self, number: ReplicaNumber, svid_type: SvidType, tick: u64) {
        let due = |issuer: &Self| {
            let chain = issuer.replicas.get(&number)?.chain(svid_type)?;
            let due = chain.due(&issuer.settings);
            due.after().is_none_or(|after| after < issuer.now).then_some(due)
        };
        if let Some(chain) = self.chain_mut(number, svid_type) {
            chain.next_tick = tick.saturating_add(1);
        }
        if let Some(Due::First | Due::Preparation { .. }) = due(self) {
            self.prepare(number, svid_type);
            if let (SvidType::X509, Some(replica)) = (svid_type, self.replicas.get_mut(&number)) {
                replica.prepared_x509_in(tick);
            }
        }
        // A server that was away past both dates does both in one tick.
        if let Some(Due::Activation { .. }) = due(self) {
            // Without a prepared key nothing is due.
            let _ = self.activate(number, svid_type);
        }
    }

    /// Makes and publishes a key: in its own transaction, before it signs.
    fn prepare(&mut self, replica: ReplicaNumber, svid_type: SvidType) {
        let key = self.publish(svid_type, Some(replica), self.validity(svid_type));
        let Some(chain) = self.chain_mut(replica, svid_type) else {
            return;
        };
        if chain.current.is_none() {
            chain.begin(key);
            self.emit(IssuerDeed::Activated { key: key.number });
        } else if let Some(orphan) = chain.prepare(key) {
            self.emit(IssuerDeed::Orphaned { key: orphan });
        }
    }

    fn validity(&self, svid_type: SvidType) -> Validity {
        let not_after = self.now.saturating_add(self.settings.ca_ttl);
        match svid_type {
            SvidType::X509 => Validity {
                not_before: whole(self.now.saturating_sub(NOT_BEFORE_CUSHION)),
                not_after: whole(not_after),
            },
            SvidType::Jwt | SvidType::Wit => Validity { not_before: self.now, not_after },
        }
    }

    fn publish(
        &mut self,
        svid_type: SvidType,
        replica: Option<ReplicaNumber>,
        validity: Validity,
    ) -> IssuedKey {
        self.keys_so_far = self.keys_so_far.saturating_add(1);
        let number = KeyNumber(self.keys_so_far);
        let key = IssuedKey { number, svid_type, replica, issued_at: self.now, validity };
        self.row.insert(key);
        self.emit(IssuerDeed::Published { key });
        self.write();
        key
    }

    fn activate(&mut self, replica: ReplicaNumber, svid_type: SvidType) -> Result<(), Refusal> {
        let chain = self.chain_mut(replica, svid_type).ok_or(Refusal::NoSuchChain)?;
        let HandOver { retired, activated } = chain.activate()?;
        self.emit(IssuerDeed::Retired { key: retired });
        self.emit(IssuerDeed::Activated { key: activated });
        Ok(())
    }

    /// Any server's prune cleans everyone's keys.
    fn prune(&mut self, number: ReplicaNumber) {
        if let Some(replica) = self.replicas.get_mut(&number) {
            replica.prunes = replica.prunes.saturating_add(1);
        }
        let expiration = self.now.saturating_sub(self.settings.prune_safety);
        let pruned = self.row.prunable(expiration);
        for key in &pruned {
            self.row.remove(*key);
            self.emit(IssuerDeed::Removed { key: *key, by: Removal::Pruned });
        }
        if !pruned.is_empty() {
            self.write();
        }
    }

    fn chain_mut(
        &mut self,
        replica: ReplicaNumber,
        svid_type: SvidType,
    ) -> Option<&mut super::chain::Chain> {
        self.replicas.get_mut(&replica)?.chain_mut(svid_type)
    }

    fn intervene(&mut self, intervention: Intervention) {
        if let Err(refusal) = self.try_to(intervention) {
            self.emit(IssuerDeed::Refused { intervention, refusal });
        }
    }

    fn try_to(&mut self, intervention: Intervention) -> Result<(), Refusal> {
        match intervention {
            Intervention::Start { replica, keys } => {
                let (now, row) = (self.now, &self.row);
                let server = self.replicas.entry(replica).or_insert_with(Replica::new);
                if server.running {
                    return Err(Refusal::Running);
                }
                server.start(now, keys, |key| {
                    now <= key.validity.not_after && row.key(key.number).is_some()
                });
                self.emit(IssuerDeed::Started { replica });
            }
            Intervention::Stop { replica } => {
                self.running(replica)?.running = false;
                self.emit(IssuerDeed::Stopped { replica });
            }
            Intervention::Prepare { replica, svid_type } => {
                let chain = self.running(replica)?.chain(svid_type).ok_or(Refusal::NoSuchChain)?;
                // The command wants a key that signs.
                chain.current.ok_or(Refusal::NoSuchKey)?;
                self.prepare(replica, svid_type);
            }
            Intervention::Activate { replica, svid_type } => {
                self.running(replica)?;
                self.activate(replica, svid_type)?;
            }
            Intervention::Taint { replica, svid_type } => {
                let server = self.running(replica)?;
                let key = server.chain_mut(svid_type).ok_or(Refusal::NoSuchChain)?.taint()?;
                self.emit(IssuerDeed::Tainted { key });
                self.write();
            }
            Intervention::Revoke { replica, svid_type } => {
                let server = self.running(replica)?;
                let key = server.chain_mut(svid_type).ok_or(Refusal::NoSuchChain)?.revoke()?;
                self.take_out(key, Removal::Revoked)?;
            }
            Intervention::Append { svid_type, validity } => {
                self.publish(svid_type, None, validity);
            }
            Intervention::Withdraw { key } => self.take_out(key, Removal::Withdrawn)?,
            Intervention::FailPreparations { replica, svid_type, lasting } => {
                let until = self.now.saturating_add(lasting);
                let server = self.running(replica)?;
                server.chain_mut(svid_type).ok_or(Refusal::NoSuchChain)?.fail_until(until);
            }
        }
        Ok(())
    }

    fn running(&mut self, replica: ReplicaNumber) -> Result<&mut Replica, Refusal> {
        let server = self.replicas.get_mut(&replica).filter(|replica| replica.running);
        server.ok_or(Refusal::NotRunning)
    }

    fn take_out(&mut self, key: KeyNumber, by: Removal) -> Result<(), Refusal> {
        self.row.remove(key).ok_or(Refusal::NotPublished)?;
        self.emit(IssuerDeed::Removed { key, by });
        self.write();
        Ok(())
    }
}

/// The moment cut to whole seconds, as a certificate has it.
fn whole(moment: Timestamp) -> Timestamp {
    Timestamp::from_unix(moment.as_unix())
}

#[cfg(test)]
mod tests;
