//! What may befall a trust domain, by name and theme. What happens then is in the catalogue.

use std::fmt;

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

macro_rules! incidents {
    ($($(#[$doc:meta])* $variant:ident => $label:literal, $theme:ident;)*) => {
        anchorwatch_core::closed_set! {
            /// What may befall a trust domain.
            pub enum Incident {
                $($(#[$doc])* $variant => $label,)*
            }
        }

        impl Incident {
            /// What it is about.
            pub fn theme(self) -> IncidentTheme {
                match self {
                    $(Self::$variant => IncidentTheme::$theme,)*
                }
            }
        }
    };
}

incidents! {
    /// A server starts again with its keys.
    RestartKeysKept => "restart_keys_kept", Servers;
    /// A server starts again without its keys.
    RestartKeysLost => "restart_keys_lost", Servers;
    /// A server that was away past its dates comes back with its keys.
    LongAbsence => "long_absence", Servers;
    /// A new server joins.
    ScaleOut => "scale_out", Servers;
    /// A server leaves for good. Its dates pass empty, as in a stall.
    ScaleIn => "scale_in", Servers;
    /// One server prepares no key any more, of either use.
    StallOfOne => "stall_of_one", Servers;
    /// No server prepares a key any more.
    StallOfAll => "stall_of_all", Servers;
    /// One server prepares no X.509 authority any more; its JWT chain goes on alone.
    StallOfX509 => "stall_of_x509", Servers;
    /// One server prepares no JWT key any more; its X.509 chain goes on alone.
    StallOfJwt => "stall_of_jwt", Servers;
    /// A preparation fails a few times and succeeds minutes late.
    PreparationRetried => "preparation_retried", Servers;

    /// `localauthority jwt`: prepare, activate, taint, and revoke once its tokens have expired.
    ForcedRotation => "forced_rotation", Rotation;
    /// `localauthority x509`: the same for an X.509 authority.
    ForcedRotationX509 => "forced_rotation_x509", Rotation;
    /// A JWT key that was replaced on its date is tainted, and stays.
    Taint => "taint", Rotation;
    /// A JWT key that was replaced on its date is tainted and revoked, after its tokens' end.
    RevokeAfterExpiry => "revoke_after_expiry", Rotation;
    /// A JWT key is replaced in haste and revoked while its tokens live.
    EarlyRevoke => "early_revoke", Rotation;
    /// No server prunes for a day or two.
    LatePrune => "late_prune", Rotation;

    /// The datastore comes back as it was a day or two before: every server makes new keys.
    DatabaseRestore => "database_restore", Datastore;
    /// The datastore comes back as it was shortly before: a key is gone, and its server makes
    /// another.
    DatabaseRestoreRecent => "database_restore_recent", Datastore;
    /// Servers on another datastore answer under the same name, one poll in two.
    SplitBrain => "split_brain", Datastore;
    /// The datastore forks, and one server goes on with its own copy.
    ForkedDatabase => "forked_database", Datastore;
    /// The bundle has no keys any more.
    EmptiedBundle => "emptied_bundle", Datastore;
    /// The sequence number stands still, whatever is published.
    ConstantSequence => "constant_sequence", Datastore;
    /// A key that was pruned is appended again.
    ReAppend => "re_append", Datastore;
    /// A new JWT key carries the key ID of one that was pruned.
    ReusedKid => "reused_kid", Datastore;
    /// The endpoint serves the bundle of another trust domain for two hours.
    SwappedUrl => "swapped_url", Datastore;
    /// The upstream authority signs under a new root that nobody announced.
    RootChange => "root_change", Datastore;

    /// The next keys live half as long.
    CaTtlHalved => "ca_ttl_halved", Settings;
    /// The next keys live twice as long.
    CaTtlDoubled => "ca_ttl_doubled", Settings;
    /// The next keys live four times as long.
    CaTtlFourfold => "ca_ttl_fourfold", Settings;
    /// The next keys live ten times as long.
    CaTtlTenfold => "ca_ttl_tenfold", Settings;
    /// The domain's X.509 authorities are intermediates of an upstream authority. From the
    /// beginning on.
    Upstream => "upstream", Settings;
    /// Eight servers are nested below the domain's. From the beginning on.
    Nested => "nested", Settings;
    /// The issuer's clock is 50 s ahead. From the beginning on.
    IssuerClockAhead => "issuer_clock_ahead", Settings;
    /// The issuer's clock is 50 s behind. From the beginning on.
    IssuerClockBehind => "issuer_clock_behind", Settings;

    /// One server answers from a view that is older by less than `replica_lag`, for a day.
    LagWithin => "lag_within", Reception;
    /// One server answers from a view that is minutes old, for a day.
    LagBeyond => "lag_beyond", Reception;
    /// All answers come through a cache that is three minutes behind, for a day.
    CdnLag => "cdn_lag", Reception;
    /// Two to four polls in a row fail.
    MissedPolls => "missed_polls", Reception;
    /// The endpoint does not answer, for less than L − A.
    EndpointOutage => "endpoint_outage", Reception;
    /// The monitor does not run, for less than L − A.
    MonitorOutage => "monitor_outage", Reception;
    /// The endpoint does not answer, for longer than L.
    LongEndpointOutage => "long_endpoint_outage", Reception;
    /// The monitor does not run, for longer than L.
    LongMonitorOutage => "long_monitor_outage", Reception;
    /// The monitor's clock jumps ten minutes ahead, and back after an hour.
    ClockStepAhead => "clock_step_ahead", Reception;
    /// The monitor's clock jumps ten minutes back, and ahead after an hour.
    ClockStepBack => "clock_step_back", Reception;

    /// A JWT key that looks like no other one of the domain.
    InjectedJwtNaive => "injected_jwt_naive", Injection;
    /// A JWT key with the profile of the domain's, away from every date.
    InjectedJwtMatched => "injected_jwt_matched", Injection;
    /// A JWT key and an X.509 authority at once, both with the domain's profile.
    InjectedPair => "injected_pair", Injection;
    /// A JWT key with the domain's profile, seconds before one is due.
    InjectedJwtTimed => "injected_jwt_timed", Injection;
    /// A JWT key with the domain's profile, at once, whatever is due.
    InjectedJwtUntimed => "injected_jwt_untimed", Injection;
    /// An X.509 root with the domain's subject that lives ten years.
    InjectedRoot => "injected_root", Injection;
    /// Another key under the key ID of one that signs.
    ReboundKid => "rebound_kid", Injection;
    /// An X.509 authority of another trust domain.
    ForeignKey => "foreign_key", Injection;
    /// A JWT key that lives and dies between two polls.
    ShortLivedKey => "short_lived_key", Injection;
    /// Three hundred JWT keys, one a second.
    KeyFlood => "key_flood", Injection;

    /// An old state is served again, and stays.
    Rollback => "rollback", Deception;
    /// What is served stands still, while the issuer goes on.
    Freeze => "freeze", Deception;
    /// One address serves a key more under the same sequence number.
    Equivocation => "equivocation", Deception;
    /// The state and removed keys together, under the state's sequence number.
    MixAndMatch => "mix_and_match", Deception;
    /// The JWT key that signs is taken out.
    EarlyRevokeByAttacker => "early_revoke_by_attacker", Deception;
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
