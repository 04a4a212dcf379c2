//! What may befall a trust domain: faults, an operator's actions, and attacks. One file a theme.
//!
//! Each begins at a moment, and what is done in it is told in the truth: its beginning and end, and
//! each key that it publishes or takes out. A file's functions act on the world at that moment and
//! plan what follows.

mod datastore;
mod deception;
mod injection;
mod reception;
mod rotation;
mod servers;
mod settings;

use std::time::Duration;

use super::KeyPool;
use super::incident::Incident;
use super::scenario::Scenario;
use super::world::{Begins, World, WorldAction};
use anchorwatch_core::time::Timestamp;

/// What changes a scenario before it begins.
type SetUp = fn(&mut Scenario);

/// What incidents need of a scenario from the beginning on.
const SET_UP: &[(Incident, SetUp)] = &[
    (Incident::DatabaseRestore, datastore::recorded),
    (Incident::SplitBrain, datastore::recorded),
    (Incident::ForkedDatabase, settings::three_replicas),
    (Incident::LagWithin, settings::three_replicas),
    (Incident::LagBeyond, settings::three_replicas),
    (Incident::RootChange, settings::upstream),
    (Incident::Upstream, settings::upstream),
    (Incident::Nested, settings::nested),
    (Incident::IssuerClockAhead, settings::clock_ahead),
    (Incident::IssuerClockBehind, settings::clock_behind),
    (Incident::Equivocation, deception::all_addresses),
];

impl Scenario {
    /// The same, and something befalls it. What an incident needs of the scenario, it gets: a
    /// nested deployment is one from the beginning.
    pub fn with(mut self, after: Duration, incident: Incident) -> Self {
        for (of, set_up) in SET_UP {
            if *of == incident {
                set_up(&mut self);
            }
        }
        self.incidents.push((after, incident));
        self
    }
}

impl World {
    /// The world of a scenario under a seed, at the moment of its first poll.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        Self::with_keys(scenario, seed, &KeyPool::default())
    }

    /// The same, with the domain's P-256 keys out of a pool: for those who play many worlds.
    pub fn with_keys(scenario: &Scenario, seed: u64, pool: &KeyPool) -> Self {
        let mut world = Self::without_incidents(scenario, seed, pool);
        for (after, incident) in &scenario.incidents {
            let action = WorldAction::Begin(*incident, begins(*incident));
            world.plan(scenario.begins.saturating_add(*after), action);
        }
        world
    }
}

/// What happens when an incident begins.
fn begins(incident: Incident) -> Begins {
    match incident {
        Incident::RestartKeysKept => servers::restart_keys_kept,
        Incident::RestartKeysLost => servers::restart_keys_lost,
        Incident::LongAbsence => servers::long_absence,
        Incident::ScaleOut => servers::scale_out,
        Incident::ScaleIn => servers::scale_in,
        Incident::StallOfOne => servers::stall_of_one,
        Incident::StallOfAll => servers::stall_of_all,
        Incident::StallOfX509 => servers::stall_of_x509,
        Incident::StallOfJwt => servers::stall_of_jwt,
        Incident::PreparationRetried => servers::preparation_retried,
        Incident::ForcedRotation => rotation::forced_jwt,
        Incident::ForcedRotationX509 => rotation::forced_x509,
        Incident::Taint => rotation::taint,
        Incident::RevokeAfterExpiry => rotation::revoke_after_expiry,
        Incident::EarlyRevoke => rotation::early_revoke,
        Incident::LatePrune => rotation::late_prune,
        Incident::DatabaseRestore => datastore::restore,
        Incident::DatabaseRestoreRecent => datastore::restore_recent,
        Incident::SplitBrain => datastore::split_brain,
        Incident::ForkedDatabase => datastore::forked_database,
        Incident::EmptiedBundle => datastore::emptied,
        Incident::ConstantSequence => datastore::constant_sequence,
        Incident::ReAppend => datastore::re_append,
        Incident::ReusedKid => datastore::reused_kid,
        Incident::SwappedUrl => datastore::swapped_url,
        Incident::RootChange => datastore::root_change,
        Incident::CaTtlHalved => settings::ca_ttl_halved,
        Incident::CaTtlDoubled => settings::ca_ttl_doubled,
        Incident::CaTtlFourfold => settings::ca_ttl_fourfold,
        Incident::CaTtlTenfold => settings::ca_ttl_tenfold,
        Incident::LagWithin => reception::lag_within,
        Incident::LagBeyond => reception::lag_beyond,
        Incident::CdnLag => reception::cdn_lag,
        Incident::MissedPolls => reception::missed_polls,
        Incident::EndpointOutage => reception::endpoint_outage,
        Incident::MonitorOutage => reception::monitor_outage,
        Incident::LongEndpointOutage => reception::long_endpoint_outage,
        Incident::LongMonitorOutage => reception::long_monitor_outage,
        Incident::ClockStepAhead => reception::clock_step_ahead,
        Incident::ClockStepBack => reception::clock_step_back,
        Incident::InjectedJwtNaive => injection::jwt_naive,
        Incident::InjectedJwtMatched => injection::jwt_matched,
        Incident::InjectedJwtUntimed => injection::jwt_untimed,
        Incident::InjectedPair => injection::pair,
        Incident::InjectedJwtTimed => injection::jwt_timed,
        Incident::InjectedRoot => injection::long_lived_root,
        Incident::ReboundKid => injection::rebound_kid,
        Incident::ForeignKey => injection::foreign_key,
        Incident::ShortLivedKey => injection::short_lived,
        Incident::KeyFlood => injection::flood,
        Incident::Rollback => deception::rollback,
        Incident::Freeze => deception::freeze,
        Incident::Equivocation => deception::equivocation,
        Incident::MixAndMatch => deception::mix_and_match,
        Incident::EarlyRevokeByAttacker => deception::early_revoke,
        // In effect from the beginning on.
        Incident::Upstream
        | Incident::Nested
        | Incident::IssuerClockAhead
        | Incident::IssuerClockBehind => no_action,
    }
}

fn no_action(_: &mut World, _: Timestamp) {}
