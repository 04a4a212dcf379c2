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

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Scenario, World};
use anchorwatch_core::time::Timestamp;

/// What an incident is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum IncidentTheme {
    /// Servers that start, stop and stall.
    Servers,
    /// Rotation out of turn, and what is taken out.
    Rotation,
    /// What becomes of the datastore.
    Datastore,
    /// Settings and topologies.
    Settings,
    /// What reaches the monitor, and when.
    Reception,
    /// Keys that an attacker publishes.
    Injection,
    /// What an attacker serves or takes away.
    Deception,
}

impl IncidentTheme {
    /// Whether it is what attackers do.
    pub fn is_attack(self) -> bool {
        matches!(self, Self::Injection | Self::Deception)
    }
}

/// What an incident begins with.
type Begins = fn(&mut World, Timestamp);
/// What it needs of a scenario.
type Sets = fn(&mut Scenario);

macro_rules! incidents {
    ($($(#[$doc:meta])* $variant:ident => $label:literal, $theme:ident, $begins:expr, $sets:expr;)*) => {
        /// What may befall a trust domain.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Incident {
            $($(#[$doc])* $variant,)*
        }

        impl Incident {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in tables and in the truth.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }

            /// What it is about.
            pub fn theme(self) -> IncidentTheme {
                match self {
                    $(Self::$variant => IncidentTheme::$theme,)*
                }
            }

            /// What happens when it begins.
            pub(super) fn begins(self) -> Begins {
                match self {
                    $(Self::$variant => $begins,)*
                }
            }

            /// What it needs of a scenario from the beginning on.
            pub(super) fn sets(self, scenario: &mut Scenario) {
                let sets: Sets = match self {
                    $(Self::$variant => $sets,)*
                };
                sets(scenario);
            }
        }
    };
}

incidents! {
    /// A server starts again with its keys.
    RestartKeysKept => "restart_keys_kept", Servers, servers::restart_keys_kept, nothing;
    /// A server starts again without its keys.
    RestartKeysLost => "restart_keys_lost", Servers, servers::restart_keys_lost, nothing;
    /// A server that was away past its dates comes back with its keys.
    LongAbsence => "long_absence", Servers, servers::long_absence, nothing;
    /// A new server joins.
    ScaleOut => "scale_out", Servers, servers::scale_out, nothing;
    /// A server leaves for good. Its dates pass empty, as in a stall.
    ScaleIn => "scale_in", Servers, servers::scale_in, nothing;
    /// One server prepares no key any more, of either use.
    StallOfOne => "stall_of_one", Servers, servers::stall_of_one, nothing;
    /// No server prepares a key any more.
    StallOfAll => "stall_of_all", Servers, servers::stall_of_all, nothing;
    /// One server prepares no X.509 authority any more; its JWT chain goes on alone.
    StallOfX509 => "stall_of_x509", Servers, servers::stall_of_x509, nothing;
    /// One server prepares no JWT key any more; its X.509 chain goes on alone.
    StallOfJwt => "stall_of_jwt", Servers, servers::stall_of_jwt, nothing;
    /// A preparation fails a few times and succeeds minutes late.
    PreparationRetried => "preparation_retried", Servers, servers::preparation_retried, nothing;

    /// `localauthority jwt`: prepare, activate, taint, and revoke once its tokens have expired.
    ForcedRotation => "forced_rotation", Rotation, rotation::forced_jwt, nothing;
    /// `localauthority x509`: the same for an X.509 authority.
    ForcedRotationX509 => "forced_rotation_x509", Rotation, rotation::forced_x509, nothing;
    /// A JWT key that was replaced on its date is tainted, and stays.
    Taint => "taint", Rotation, rotation::taint, nothing;
    /// A JWT key that was replaced on its date is tainted and revoked, after its tokens' end.
    RevokeAfterExpiry => "revoke_after_expiry", Rotation, rotation::revoke_after_expiry, nothing;
    /// A JWT key is replaced in haste and revoked while its tokens live.
    EarlyRevoke => "early_revoke", Rotation, rotation::early_revoke, nothing;
    /// No server prunes for a day or two.
    LatePrune => "late_prune", Rotation, rotation::late_prune, nothing;

    /// The datastore comes back as it was a day or two before: every server makes new keys.
    DatabaseRestore => "database_restore", Datastore, datastore::restore, datastore::recorded;
    /// The datastore comes back as it was shortly before: a key is gone, and its server makes
    /// another.
    DatabaseRestoreRecent => "database_restore_recent", Datastore, datastore::restore_recent, nothing;
    /// Servers on another datastore answer under the same name, one poll in two.
    SplitBrain => "split_brain", Datastore, datastore::split_brain, datastore::recorded;
    /// The datastore forks, and one server goes on with its own copy.
    ForkedDatabase => "forked_database", Datastore, datastore::forked_database, settings::three_replicas;
    /// The bundle has no keys any more.
    EmptiedBundle => "emptied_bundle", Datastore, datastore::emptied, nothing;
    /// The sequence number stands still, whatever is published.
    ConstantSequence => "constant_sequence", Datastore, datastore::constant_sequence, nothing;
    /// A key that was pruned is appended again.
    ReAppend => "re_append", Datastore, datastore::re_append, nothing;
    /// A new JWT key carries the key ID of one that was pruned.
    ReusedKid => "reused_kid", Datastore, datastore::reused_kid, nothing;
    /// The endpoint serves the bundle of another trust domain for two hours.
    SwappedUrl => "swapped_url", Datastore, datastore::swapped_url, nothing;
    /// The upstream authority signs under a new root that nobody announced.
    RootChange => "root_change", Datastore, datastore::root_change, settings::upstream;

    /// The next keys live half as long.
    CaTtlHalved => "ca_ttl_halved", Settings, settings::ca_ttl_halved, nothing;
    /// The next keys live twice as long.
    CaTtlDoubled => "ca_ttl_doubled", Settings, settings::ca_ttl_doubled, nothing;
    /// The next keys live four times as long.
    CaTtlFourfold => "ca_ttl_fourfold", Settings, settings::ca_ttl_fourfold, nothing;
    /// The next keys live ten times as long.
    CaTtlTenfold => "ca_ttl_tenfold", Settings, settings::ca_ttl_tenfold, nothing;
    /// The domain's X.509 authorities are intermediates of an upstream authority. From the
    /// beginning on.
    Upstream => "upstream", Settings, no_action, settings::upstream;
    /// Eight servers are nested below the domain's. From the beginning on.
    Nested => "nested", Settings, no_action, settings::nested;
    /// The issuer's clock is 50 s ahead. From the beginning on.
    IssuerClockAhead => "issuer_clock_ahead", Settings, no_action, settings::clock_ahead;
    /// The issuer's clock is 50 s behind. From the beginning on.
    IssuerClockBehind => "issuer_clock_behind", Settings, no_action, settings::clock_behind;

    /// One server answers from a view that is older by less than `replica_lag`, for a day.
    LagWithin => "lag_within", Reception, reception::lag_within, settings::three_replicas;
    /// One server answers from a view that is minutes old, for a day.
    LagBeyond => "lag_beyond", Reception, reception::lag_beyond, settings::three_replicas;
    /// All answers come through a cache that is three minutes behind, for a day.
    CdnLag => "cdn_lag", Reception, reception::cdn_lag, nothing;
    /// Two to four polls in a row fail.
    MissedPolls => "missed_polls", Reception, reception::missed_polls, nothing;
    /// The endpoint does not answer, for less than L − A.
    EndpointOutage => "endpoint_outage", Reception, reception::endpoint_outage, nothing;
    /// The monitor does not run, for less than L − A.
    MonitorOutage => "monitor_outage", Reception, reception::monitor_outage, nothing;
    /// The endpoint does not answer, for longer than L.
    LongEndpointOutage => "long_endpoint_outage", Reception, reception::long_endpoint_outage, nothing;
    /// The monitor does not run, for longer than L.
    LongMonitorOutage => "long_monitor_outage", Reception, reception::long_monitor_outage, nothing;
    /// The monitor's clock jumps ten minutes ahead, and back after an hour.
    ClockStepAhead => "clock_step_ahead", Reception, reception::clock_step_ahead, nothing;
    /// The monitor's clock jumps ten minutes back, and ahead after an hour.
    ClockStepBack => "clock_step_back", Reception, reception::clock_step_back, nothing;

    /// A JWT key that looks like no other one of the domain.
    InjectedJwtNaive => "injected_jwt_naive", Injection, injection::jwt_naive, nothing;
    /// A JWT key with the profile of the domain's, away from every date.
    InjectedJwtMatched => "injected_jwt_matched", Injection, injection::jwt_matched, nothing;
    /// A JWT key and an X.509 authority at once, both with the domain's profile.
    InjectedPair => "injected_pair", Injection, injection::pair, nothing;
    /// A JWT key with the domain's profile, seconds before one is due.
    InjectedJwtTimed => "injected_jwt_timed", Injection, injection::jwt_timed, nothing;
    /// An X.509 root with the domain's subject that lives ten years.
    InjectedRoot => "injected_root", Injection, injection::long_lived_root, nothing;
    /// Another key under the key ID of one that signs.
    ReboundKid => "rebound_kid", Injection, injection::rebound_kid, nothing;
    /// An X.509 authority of another trust domain.
    ForeignKey => "foreign_key", Injection, injection::foreign_key, nothing;
    /// A JWT key that lives and dies between two polls.
    ShortLivedKey => "short_lived_key", Injection, injection::short_lived, nothing;
    /// Three hundred JWT keys, one a second.
    KeyFlood => "key_flood", Injection, injection::flood, nothing;

    /// An old state is served again, and stays.
    Rollback => "rollback", Deception, deception::rollback, nothing;
    /// What is served stands still, while the issuer goes on.
    Freeze => "freeze", Deception, deception::freeze, nothing;
    /// One address serves a key more under the same sequence number.
    Equivocation => "equivocation", Deception, deception::equivocation, deception::all_addresses;
    /// The state and removed keys together, under the state's sequence number.
    MixAndMatch => "mix_and_match", Deception, deception::mix_and_match, nothing;
    /// The JWT key that signs is taken out.
    EarlyRevokeByAttacker => "early_revoke_by_attacker", Deception, deception::early_revoke, nothing;
}

impl Incident {
    /// The incident of this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|incident| incident.label() == label)
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl Serialize for Incident {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label())
    }
}

fn nothing(_: &mut Scenario) {}

fn no_action(_: &mut World, _: Timestamp) {}
