//! Rotation out of turn, and what is taken out.

use std::time::Duration;

use crate::issuer::{Intervention, ReplicaNumber};
use crate::simulate::world::WorldAction;
use crate::simulate::{Incident, World};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::time::Timestamp;

/// What clocks and validators add to a lifetime: σ of the defaults.
const SLACK: Duration = Duration::from_mins(2);

/// The moments of a rotation by command, after its first.
struct Plan {
    activates: Duration,
    taints: Duration,
    revokes: Duration,
}

pub(super) fn forced_jwt(world: &mut World, at: Timestamp) {
    let ttl = world.scenario().jwt_svid_ttl;
    if let Some(replica) = world.a_server() {
        let plan = patient(world, ttl);
        forced(world, at, replica, SvidType::Jwt, &plan, Incident::ForcedRotation);
    }
}

pub(super) fn forced_x509(world: &mut World, at: Timestamp) {
    let ttl = world.scenario().workload_svid_ttl;
    if let Some(replica) = world.a_server() {
        let plan = patient(world, ttl);
        forced(world, at, replica, SvidType::X509, &plan, Incident::ForcedRotationX509);
    }
}

/// An operator who waits for consumers before the key signs, and for what it signed to expire.
fn patient(world: &mut World, ttl: Duration) -> Plan {
    let activates = world.random().between(Duration::from_mins(20), Duration::from_mins(40));
    let taints = activates + Duration::from_mins(1);
    let waits = world.random().between(Duration::from_mins(5), Duration::from_mins(20));
    Plan { activates, taints, revokes: taints + ttl + SLACK + waits }
}

pub(super) fn early_revoke(world: &mut World, at: Timestamp) {
    let Some(replica) = world.a_server() else { return };
    let activates = world.random().between(Duration::from_secs(30), Duration::from_mins(1));
    let taints = activates + Duration::from_secs(10);
    let ttl = world.scenario().jwt_svid_ttl;
    let revokes = taints + world.random().between(ttl / 10, ttl / 2);
    let plan = Plan { activates, taints, revokes };
    forced(world, at, replica, SvidType::Jwt, &plan, Incident::EarlyRevoke);
}

fn forced(
    world: &mut World,
    at: Timestamp,
    replica: ReplicaNumber,
    svid_type: SvidType,
    plan: &Plan,
    incident: Incident,
) {
    let Plan { activates, taints, revokes } = plan;
    for (after, intervention) in [
        (Duration::ZERO, Intervention::Prepare { replica, svid_type }),
        (*activates, Intervention::Activate { replica, svid_type }),
        (*taints, Intervention::Taint { replica, svid_type }),
        (*revokes, Intervention::Revoke { replica, svid_type }),
    ] {
        world.plan(at.saturating_add(after), WorldAction::Intervene(intervention));
    }
    world.plan(at.saturating_add(*revokes), WorldAction::End(incident));
}

pub(super) fn taint(world: &mut World, at: Timestamp) {
    let svid_type = SvidType::Jwt;
    if let Some((replica, when)) = before_a_date(world, at) {
        world.plan(when, WorldAction::Intervene(Intervention::Taint { replica, svid_type }));
        world.plan(when, WorldAction::End(Incident::Taint));
    }
}

pub(super) fn revoke_after_expiry(world: &mut World, at: Timestamp) {
    let svid_type = SvidType::Jwt;
    if let Some((replica, when)) = before_a_date(world, at) {
        let then = when.saturating_add(Duration::from_mins(1));
        world.plan(when, WorldAction::Intervene(Intervention::Taint { replica, svid_type }));
        world.plan(then, WorldAction::Intervene(Intervention::Revoke { replica, svid_type }));
        world.plan(then, WorldAction::End(Incident::RevokeAfterExpiry));
    }
}

/// A server, and a moment shortly before its next JWT key is due: the one before the current key
/// has then not signed for as long as may be, and can be tainted still.
fn before_a_date(world: &mut World, at: Timestamp) -> Option<(ReplicaNumber, Timestamp)> {
    let replica = world.a_server()?;
    let mut date = world.date(replica, SvidType::Jwt)?;
    let period = world.settings().period().max(Duration::from_mins(1));
    let early = period / 24;
    while date.saturating_sub(early) < at {
        date = date.saturating_add(period);
    }
    Some((replica, date.saturating_sub(early)))
}

pub(super) fn late_prune(world: &mut World, at: Timestamp) {
    let lasting = world.random().between(Duration::from_hours(12), Duration::from_hours(48));
    world.perform(at, WorldAction::Intervene(Intervention::HoldPrunes { lasting }));
    world.plan(at.saturating_add(lasting), WorldAction::End(Incident::LatePrune));
}
