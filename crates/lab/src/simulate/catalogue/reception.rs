//! What reaches the monitor, and when.

use std::time::Duration;

use crate::simulate::tamper::{TamperedAnswer, Whom};
use crate::simulate::world::WorldAction;
use crate::simulate::{Incident, World};
use anchorwatch_core::time::Timestamp;

const DAY: Duration = Duration::from_hours(24);
const CDN_LAG: Duration = Duration::from_mins(3);
const CLOCK_STEP_MICROS: i64 = 600_000_000;
const CLOCK_STEP_LASTS: Duration = Duration::from_hours(1);

pub(super) fn lag_within(world: &mut World, at: Timestamp) {
    let most = world.scenario().observer.replica_lag;
    let by = world.random().between(most / 4, most);
    lag(world, at, by, Incident::LagWithin);
}

pub(super) fn lag_beyond(world: &mut World, at: Timestamp) {
    let by = world.random().between(Duration::from_mins(3), Duration::from_mins(10));
    lag(world, at, by, Incident::LagBeyond);
}

fn lag(world: &mut World, at: Timestamp, by: Duration, incident: Incident) {
    if let Some(replica) = world.a_server() {
        world.tamper(at, DAY, Whom::Replica(replica), TamperedAnswer::Lag(by));
        world.plan(at.saturating_add(DAY), WorldAction::End(incident));
    }
}

pub(super) fn cdn_lag(world: &mut World, at: Timestamp) {
    world.tamper(at, DAY, Whom::All, TamperedAnswer::Lag(CDN_LAG));
    world.plan(at.saturating_add(DAY), WorldAction::End(Incident::CdnLag));
}

pub(super) fn missed_polls(world: &mut World, at: Timestamp) {
    let interval = world.scenario().observer.interval;
    let lasting = world.random().between(interval * 2, interval * 4);
    down(world, at, lasting, Incident::MissedPolls);
}

pub(super) fn endpoint_outage(world: &mut World, at: Timestamp) {
    let lasting = short_of_lockout(world);
    down(world, at, lasting, Incident::EndpointOutage);
}

pub(super) fn long_endpoint_outage(world: &mut World, at: Timestamp) {
    let lasting = past_lockout(world);
    down(world, at, lasting, Incident::LongEndpointOutage);
}

fn down(world: &mut World, at: Timestamp, lasting: Duration, incident: Incident) {
    world.go_down(at, lasting);
    world.plan(at.saturating_add(lasting), WorldAction::End(incident));
}

pub(super) fn monitor_outage(world: &mut World, at: Timestamp) {
    let lasting = short_of_lockout(world);
    away(world, at, lasting, Incident::MonitorOutage);
}

pub(super) fn long_monitor_outage(world: &mut World, at: Timestamp) {
    let lasting = past_lockout(world);
    away(world, at, lasting, Incident::LongMonitorOutage);
}

fn away(world: &mut World, at: Timestamp, lasting: Duration, incident: Incident) {
    world.go_away(at, lasting);
    world.plan(at.saturating_add(lasting), WorldAction::End(incident));
}

/// A time below L − A.
fn short_of_lockout(world: &mut World) -> Duration {
    let settings = world.settings();
    let most = settings.ca_ttl.saturating_sub(settings.activation_threshold());
    world.random().between(most / 40, most)
}

/// A time above L.
fn past_lockout(world: &mut World) -> Duration {
    let life = world.settings().ca_ttl;
    world.random().between(life + life / 10, life * 2)
}

pub(super) fn clock_step_ahead(world: &mut World, at: Timestamp) {
    set_clock(world, at, CLOCK_STEP_MICROS, Incident::ClockStepAhead);
}

pub(super) fn clock_step_back(world: &mut World, at: Timestamp) {
    set_clock(world, at, -CLOCK_STEP_MICROS, Incident::ClockStepBack);
}

fn set_clock(world: &mut World, at: Timestamp, micros: i64, incident: Incident) {
    world.perform(at, WorldAction::StepClock { micros });
    let then = at.saturating_add(CLOCK_STEP_LASTS);
    world.plan(then, WorldAction::StepClock { micros: micros.saturating_neg() });
    world.plan(then, WorldAction::End(incident));
}
