//! Settings and topologies.

use std::time::Duration;

use crate::issuer::{Intervention, Topology};
use crate::simulate::world::WorldAction;
use crate::simulate::{Incident, Scenario, World};
use anchorwatch_core::time::Timestamp;

/// How long an upstream authority's root lives.
const ROOT_LIFE: Duration = Duration::from_hours(24 * 365 * 10);
/// How many servers are nested.
const NESTED: u16 = 8;
/// Within the σ of the defaults.
const CLOCK_OFFSET_MICROS: i64 = 50_000_000;

pub(super) fn upstream(scenario: &mut Scenario) {
    scenario.issuer.topology = Topology::Upstream { root_life: ROOT_LIFE };
}

pub(super) fn nested(scenario: &mut Scenario) {
    let top = scenario.replicas.clamp(1, 2);
    scenario.issuer.topology = Topology::Nested { top };
    scenario.replicas = top.saturating_add(NESTED);
}

pub(super) fn clock_ahead(scenario: &mut Scenario) {
    scenario.clock_offset = CLOCK_OFFSET_MICROS;
}

pub(super) fn clock_behind(scenario: &mut Scenario) {
    scenario.clock_offset = -CLOCK_OFFSET_MICROS;
}

/// For what only shows between servers.
pub(super) fn three_replicas(scenario: &mut Scenario) {
    scenario.replicas = scenario.replicas.max(3);
}

pub(super) fn ca_ttl_halved(world: &mut World, at: Timestamp) {
    let ca_ttl = world.settings().ca_ttl / 2;
    change(world, at, ca_ttl, Incident::CaTtlHalved);
}

pub(super) fn ca_ttl_doubled(world: &mut World, at: Timestamp) {
    let ca_ttl = world.settings().ca_ttl * 2;
    change(world, at, ca_ttl, Incident::CaTtlDoubled);
}

pub(super) fn ca_ttl_fourfold(world: &mut World, at: Timestamp) {
    let ca_ttl = world.settings().ca_ttl * 4;
    change(world, at, ca_ttl, Incident::CaTtlFourfold);
}

pub(super) fn ca_ttl_tenfold(world: &mut World, at: Timestamp) {
    let ca_ttl = world.settings().ca_ttl * 10;
    change(world, at, ca_ttl, Incident::CaTtlTenfold);
}

fn change(world: &mut World, at: Timestamp, ca_ttl: Duration, incident: Incident) {
    world.perform(at, WorldAction::Intervene(Intervention::ChangeCaTtl { ca_ttl }));
    world.perform(at, WorldAction::End(incident));
}
