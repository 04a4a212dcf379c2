//! What an attacker serves, or takes away.

use std::sync::Arc;
use std::time::Duration;

use crate::issuer::ReplicaNumber;
use crate::simulate::tamper::{TamperedAnswer, Whom};
use crate::simulate::truth::RemovalKind;
use crate::simulate::version::BundleVersion;
use crate::simulate::world::{FOR_EVER, WorldAction};
use crate::simulate::{Incident, Minted, Scenario, World};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::time::Timestamp;

pub(super) fn all_addresses(scenario: &mut Scenario) {
    scenario.observer.probes_all_addresses = true;
    scenario.replicas = scenario.replicas.max(2);
}

pub(super) fn rollback(world: &mut World, at: Timestamp) {
    let period = world.settings().period();
    let age = world.random().between(period, period * 3);
    if let Some(old) = version_before(world, at, age) {
        world.tamper(at, FOR_EVER, Whom::All, TamperedAnswer::Serve(old));
    }
}

pub(super) fn freeze(world: &mut World, at: Timestamp) {
    let latest = world.origin().and_then(|origin| origin.latest()).map(Arc::clone);
    if let Some(latest) = latest {
        world.tamper(at, FOR_EVER, Whom::All, TamperedAnswer::Serve(latest));
    }
}

pub(super) fn equivocation(world: &mut World, at: Timestamp) {
    let Some(planted) = world.plant_jwt(at) else { return };
    let last = world.all_servers().last().copied().unwrap_or(ReplicaNumber(0));
    world.tamper(at, FOR_EVER, Whom::Replica(last), TamperedAnswer::Plant(vec![planted]));
}

pub(super) fn mix_and_match(world: &mut World, at: Timestamp) {
    const LASTING: Duration = Duration::from_hours(6);
    let removed = world.origin().map(|origin| origin.removed().cloned().collect::<Vec<Minted>>());
    let removed = removed.unwrap_or_default();
    if removed.is_empty() {
        let then = at.saturating_add(world.settings().prune_tick);
        world.plan(then, WorldAction::Then(mix_and_match));
        return;
    }
    world.tamper(at, LASTING, Whom::All, TamperedAnswer::Plant(removed));
    world.plan(at.saturating_add(LASTING), WorldAction::End(Incident::MixAndMatch));
}

pub(super) fn early_revoke(world: &mut World, at: Timestamp) {
    let server = world.a_server();
    let key = server.and_then(|server| {
        world.origin()?.issuer.signing(server, SvidType::Jwt).map(|key| key.number)
    });
    if let Some(key) = key {
        world.perform(at, WorldAction::Withdraw { key, why: RemovalKind::Attack });
        world.perform(at, WorldAction::End(Incident::EarlyRevokeByAttacker));
    }
}

/// A state of this long ago, or the oldest that is known, where it is not the present one.
fn version_before(world: &World, at: Timestamp, age: Duration) -> Option<Arc<BundleVersion>> {
    let origin = world.origin()?;
    let old = origin.version_at(at.saturating_sub(age))?;
    origin.latest().filter(|latest| latest.number != old.number).map(|_| Arc::clone(old))
}
