//! Servers that start, stop and stall.

use std::time::Duration;

use crate::issuer::{Intervention, KeyStore, ReplicaNumber};
use crate::simulate::truth::WorldEvent;
use crate::simulate::world::{FOR_EVER, WorldAction};
use crate::simulate::{Incident, World};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::time::Timestamp;

const BOTH: [SvidType; 2] = [SvidType::X509, SvidType::Jwt];

pub(super) fn restart_keys_kept(world: &mut World, at: Timestamp) {
    let away = world.random().between(Duration::from_secs(2), Duration::from_mins(2));
    restart(world, at, away, KeyStore::Kept, Incident::RestartKeysKept);
}

pub(super) fn restart_keys_lost(world: &mut World, at: Timestamp) {
    let away = world.random().between(Duration::from_secs(2), Duration::from_mins(2));
    restart(world, at, away, KeyStore::Lost, Incident::RestartKeysLost);
}

pub(super) fn long_absence(world: &mut World, at: Timestamp) {
    let life = world.settings().ca_ttl;
    let away = world.random().between(life + life / 10, life + life / 2);
    restart(world, at, away, KeyStore::Kept, Incident::LongAbsence);
}

fn restart(world: &mut World, at: Timestamp, away: Duration, keys: KeyStore, incident: Incident) {
    let Some(replica) = world.a_server() else { return };
    world.perform(at, WorldAction::Intervene(Intervention::Stop { replica }));
    let back = at.saturating_add(away);
    world.plan(back, WorldAction::Intervene(Intervention::Start { replica, keys }));
    world.plan(back, WorldAction::End(incident));
}

pub(super) fn scale_out(world: &mut World, at: Timestamp) {
    let newest = world.all_servers().last().map_or(0, |replica| replica.0.saturating_add(1));
    let (replica, keys) = (ReplicaNumber(newest), KeyStore::Lost);
    world.perform(at, WorldAction::Intervene(Intervention::Start { replica, keys }));
    world.perform(at, WorldAction::End(Incident::ScaleOut));
}

pub(super) fn scale_in(world: &mut World, at: Timestamp) {
    let Some(replica) = world.a_server() else { return };
    for svid_type in BOTH {
        tell_stall(world, at, replica, svid_type);
    }
    world.perform(at, WorldAction::Intervene(Intervention::Stop { replica }));
    world.perform(at, WorldAction::End(Incident::ScaleIn));
}

pub(super) fn stall_of_one(world: &mut World, at: Timestamp) {
    let Some(replica) = world.a_server() else { return };
    for svid_type in BOTH {
        stall(world, at, replica, svid_type);
    }
}

pub(super) fn stall_of_all(world: &mut World, at: Timestamp) {
    for replica in world.all_servers() {
        for svid_type in BOTH {
            stall(world, at, replica, svid_type);
        }
    }
}

pub(super) fn stall_of_x509(world: &mut World, at: Timestamp) {
    if let Some(replica) = world.a_server() {
        stall(world, at, replica, SvidType::X509);
    }
}

pub(super) fn stall_of_jwt(world: &mut World, at: Timestamp) {
    if let Some(replica) = world.a_server() {
        stall(world, at, replica, SvidType::Jwt);
    }
}

/// From here on every preparation of a chain fails.
fn stall(world: &mut World, at: Timestamp, replica: ReplicaNumber, svid_type: SvidType) {
    tell_stall(world, at, replica, svid_type);
    let fails = Intervention::FailPreparations { replica, svid_type, lasting: FOR_EVER };
    world.perform(at, WorldAction::Intervene(fails));
}

fn tell_stall(world: &mut World, at: Timestamp, replica: ReplicaNumber, svid_type: SvidType) {
    if let Some(due) = world.date(replica, svid_type) {
        world.tell(at, WorldEvent::Stall { svid_type, replica: replica.0, due });
    }
}

pub(super) fn preparation_retried(world: &mut World, at: Timestamp) {
    let Some(replica) = world.a_server() else { return };
    let svid_type = SvidType::Jwt;
    let Some(date) = world.date(replica, svid_type) else { return };
    let late = world.random().between(Duration::from_mins(1), Duration::from_mins(4));
    let lasting = date.saturating_add(late).since(at).unwrap_or_default();
    let fails = Intervention::FailPreparations { replica, svid_type, lasting };
    world.perform(at, WorldAction::Intervene(fails));
    world.plan(at.saturating_add(lasting), WorldAction::End(Incident::PreparationRetried));
}
