//! What is done to an issuer from outside.

use super::super::replica::Replica;
use super::super::{
    BundleRow, Intervention, InterventionRefused, IssuedKey, IssuerAction, KeyCreationCause,
    KeyNumber, RemovalCause,
};
use super::Issuer;
use crate::issuer::ReplicaNumber;

impl Issuer {
    pub(super) fn intervene(&mut self, intervention: Intervention) {
        if let Err(refusal) = self.try_to(intervention) {
            self.emit(IssuerAction::Refused { intervention, refusal });
        }
    }

    fn try_to(&mut self, intervention: Intervention) -> Result<(), InterventionRefused> {
        match intervention {
            Intervention::Start { replica, keys } => {
                let (now, row) = (self.now, &self.row);
                let server = self.replicas.entry(replica).or_insert_with(|| Replica::new(replica));
                if server.running {
                    return Err(InterventionRefused::Running);
                }
                server
                    .start(now, keys, |key| now <= key.validity.not_after && is_anchored(row, key));
                self.emit(IssuerAction::Started { replica });
            }
            Intervention::Stop { replica } => {
                self.running(replica)?.running = false;
                self.emit(IssuerAction::Stopped { replica });
            }
            Intervention::Prepare { replica, svid_type } => {
                let chain = self
                    .running(replica)?
                    .chain(svid_type)
                    .ok_or(InterventionRefused::NoSuchChain)?;
                // The command wants a key that signs.
                chain.current.ok_or(InterventionRefused::NoSuchKey)?;
                self.prepare(replica, svid_type, KeyCreationCause::Command);
            }
            Intervention::Activate { replica, svid_type } => {
                self.running(replica)?;
                self.activate(replica, svid_type)?;
            }
            Intervention::Taint { replica, svid_type } => {
                let server = self.running(replica)?;
                let key =
                    server.chain_mut(svid_type).ok_or(InterventionRefused::NoSuchChain)?.taint()?;
                self.emit(IssuerAction::Tainted { key });
                self.write();
            }
            Intervention::Revoke { replica, svid_type } => {
                let server = self.running(replica)?;
                let key = server
                    .chain_mut(svid_type)
                    .ok_or(InterventionRefused::NoSuchChain)?
                    .revoke()?;
                self.take_out(key, RemovalCause::Revoked)?;
            }
            Intervention::Append { svid_type, validity } => {
                self.publish(svid_type, None, validity, KeyCreationCause::Appended);
            }
            Intervention::Withdraw { key } => self.take_out(key, RemovalCause::Withdrawn)?,
            Intervention::FailPreparations { replica, svid_type, lasting } => {
                let until = self.now.saturating_add(lasting);
                let server = self.running(replica)?;
                server
                    .chain_mut(svid_type)
                    .ok_or(InterventionRefused::NoSuchChain)?
                    .fail_until(until);
            }
            Intervention::HoldPrunes { lasting } => {
                self.prunes_held_until = Some(self.now.saturating_add(lasting));
            }
            Intervention::ChangeCaTtl { ca_ttl } => self.settings.ca_ttl = ca_ttl,
            Intervention::RotateRoot => {
                self.root.take().ok_or(InterventionRefused::NoUpstream)?;
            }
            Intervention::Backup => self.backup = Some(self.row.clone()),
            Intervention::Restore => {
                let backup = self.backup.clone().ok_or(InterventionRefused::NoBackup)?;
                self.restore(backup);
            }
        }
        Ok(())
    }

    fn running(&mut self, replica: ReplicaNumber) -> Result<&mut Replica, InterventionRefused> {
        let server = self.replicas.get_mut(&replica).filter(|replica| replica.running);
        server.ok_or(InterventionRefused::NotRunning)
    }

    fn take_out(&mut self, key: KeyNumber, by: RemovalCause) -> Result<(), InterventionRefused> {
        self.row.remove(key).ok_or(InterventionRefused::NotPublished)?;
        self.emit(IssuerAction::Removed { key, by });
        self.write();
        Ok(())
    }

    /// Replaces the row by an older one.
    fn restore(&mut self, backup: BundleRow) {
        let before = std::mem::replace(&mut self.row, backup);
        let gone = before.keys().filter(|key| self.row.key(key.number).is_none());
        let gone: Vec<_> = gone.map(|key| key.number).collect();
        let back = self.row.keys().filter(|key| before.key(key.number).is_none());
        let back: Vec<_> = back.copied().collect();
        for key in gone {
            self.emit(IssuerAction::Removed { key, by: RemovalCause::Restored });
        }
        for key in back {
            self.emit(IssuerAction::Returned { key });
        }
        let sequence = self.row.sequence();
        self.emit(IssuerAction::SequenceMoved { sequence });
        self.root = self.root.filter(|root| self.row.key(root.number).is_some());
        for server in self.replicas.values_mut() {
            server.forget(self.now, &self.settings, |key| is_anchored(&self.row, key));
        }
    }
}

/// Whether the bundle has a key, or the root above it.
fn is_anchored(row: &BundleRow, key: &IssuedKey) -> bool {
    row.key(key.parent.unwrap_or(key.number)).is_some()
}
