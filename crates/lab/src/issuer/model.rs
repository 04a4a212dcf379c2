//! The issuer in virtual time.

mod intervene;

use std::collections::BTreeMap;
use std::time::Duration;

use super::chain::{Due, SigningHandOver};
use super::replica::Replica;
use super::{
    BundleRow, Intervention, InterventionRefused, IssuedKey, IssuerAction, IssuerEvent,
    IssuerSettings, KeyCreationCause, KeyNumber, NOT_BEFORE_CUSHION, RemovalCause, ReplicaNumber,
    Topology,
};
use anchorwatch_core::bundle::{SvidType, Validity};
use anchorwatch_core::time::Timestamp;

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
    /// The upstream authority's root that signs now, once a server has published it.
    root: Option<IssuedKey>,
    /// The last copy of the datastore.
    backup: Option<BundleRow>,
    /// Until when nobody prunes.
    prunes_held_until: Option<Timestamp>,
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
            root: None,
            backup: None,
            prunes_held_until: None,
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

    /// The servers that run, in the order of their numbers.
    pub fn running_replicas(&self) -> impl Iterator<Item = ReplicaNumber> {
        self.replicas.iter().filter(|(_, replica)| replica.running).map(|(number, _)| *number)
    }

    /// When a chain is due to publish its next key, at the first look after it; `None` before its
    /// first.
    pub fn publishes_after(
        &self,
        replica: ReplicaNumber,
        svid_type: SvidType,
    ) -> Option<Timestamp> {
        self.replicas.get(&replica)?.chain(svid_type)?.publishes_after(&self.settings)
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
        let topology = self.settings.topology;
        let own = running.flat_map(|(number, replica)| {
            let prune = (replica.next_prune(&self.settings), Task::Prune { replica: *number });
            let has = |svid_type: &SvidType| topology.has(*number, *svid_type);
            let looks = SvidType::ALL.into_iter().filter(has).filter_map(|svid_type| {
                let (tick, at) = replica.next_look(replica.chain(svid_type)?, &self.settings)?;
                Some((at, Task::Look { svid_type, replica: *number, tick }))
            });
            looks.chain([prune])
        });
        planned.into_iter().chain(own).min()
    }

    fn emit(&mut self, action: IssuerAction) {
        self.events.push(IssuerEvent { at: self.now, action });
    }

    /// Ends a transaction.
    fn write(&mut self) {
        let sequence = self.row.write();
        self.emit(IssuerAction::SequenceMoved { sequence });
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
            self.prepare(number, svid_type, KeyCreationCause::Due);
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
    fn prepare(&mut self, replica: ReplicaNumber, svid_type: SvidType, occasion: KeyCreationCause) {
        let Some(chain) = self.replicas.get(&replica).and_then(|server| server.chain(svid_type))
        else {
            return;
        };
        let occasion = if chain.current.is_none() { KeyCreationCause::First } else { occasion };
        let key = match (self.settings.topology, svid_type) {
            (Topology::Upstream { root_life }, SvidType::X509) => {
                self.certify(replica, root_life, occasion)
            }
            _ => self.publish(svid_type, Some(replica), self.validity(svid_type), occasion),
        };
        let Some(chain) = self.chain_mut(replica, svid_type) else {
            return;
        };
        if chain.current.is_none() {
            chain.begin(key);
            self.emit(IssuerAction::Activated { key: key.number });
        } else if let Some(orphan) = chain.prepare(key) {
            self.emit(IssuerAction::Orphaned { key: orphan });
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

    /// Has an intermediate signed, and publishes the root that signed it where it is new
    /// (`manager.go`: roots are only ever appended).
    fn certify(
        &mut self,
        replica: ReplicaNumber,
        root_life: Duration,
        occasion: KeyCreationCause,
    ) -> IssuedKey {
        let root = self.root.unwrap_or_else(|| self.publish_root(root_life));
        let mut key =
            self.make(SvidType::X509, Some(replica), self.validity(SvidType::X509), occasion);
        key.parent = Some(root.number);
        self.emit(IssuerAction::Certified { key });
        key
    }

    fn publish_root(&mut self, root_life: Duration) -> IssuedKey {
        let validity = Validity {
            not_before: whole(self.now.saturating_sub(Topology::ROOT_AGE)),
            not_after: whole(self.now.saturating_add(root_life)),
        };
        let root = self.publish(SvidType::X509, None, validity, KeyCreationCause::Root);
        *self.root.insert(root)
    }

    fn make(
        &mut self,
        svid_type: SvidType,
        replica: Option<ReplicaNumber>,
        validity: Validity,
        occasion: KeyCreationCause,
    ) -> IssuedKey {
        self.keys_so_far = self.keys_so_far.saturating_add(1);
        let number = KeyNumber(self.keys_so_far);
        let (issued_at, parent) = (self.now, None);
        IssuedKey { number, svid_type, replica, occasion, parent, issued_at, validity }
    }

    fn publish(
        &mut self,
        svid_type: SvidType,
        replica: Option<ReplicaNumber>,
        validity: Validity,
        occasion: KeyCreationCause,
    ) -> IssuedKey {
        let key = self.make(svid_type, replica, validity, occasion);
        self.row.insert(key);
        self.emit(IssuerAction::Published { key });
        self.write();
        key
    }

    fn activate(
        &mut self,
        replica: ReplicaNumber,
        svid_type: SvidType,
    ) -> Result<(), InterventionRefused> {
        let chain = self.chain_mut(replica, svid_type).ok_or(InterventionRefused::NoSuchChain)?;
        let SigningHandOver { retired, activated } = chain.activate()?;
        self.emit(IssuerAction::Retired { key: retired });
        self.emit(IssuerAction::Activated { key: activated });
        Ok(())
    }

    /// Any server's prune cleans everyone's keys.
    fn prune(&mut self, number: ReplicaNumber) {
        if let Some(replica) = self.replicas.get_mut(&number) {
            replica.prunes = replica.prunes.saturating_add(1);
        }
        if self.prunes_held_until.is_some_and(|until| self.now < until) {
            return;
        }
        let expiration = self.now.saturating_sub(self.settings.prune_safety);
        let pruned = self.row.prunable(expiration);
        for key in &pruned {
            self.row.remove(*key);
            self.emit(IssuerAction::Removed { key: *key, by: RemovalCause::Pruned });
        }
        if !pruned.is_empty() {
            self.write();
        }
    }

    fn chain_mut(
        &mut self,
        replica: ReplicaNumber,
        svid_type: SvidType,
    ) -> Option<&mut super::chain::IssuerChain> {
        self.replicas.get_mut(&replica)?.chain_mut(svid_type)
    }
}

/// The moment cut to whole seconds, as a certificate has it.
fn whole(moment: Timestamp) -> Timestamp {
    Timestamp::from_unix(moment.as_unix())
}

#[cfg(test)]
mod tests;
