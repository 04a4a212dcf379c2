//! The constants that an issuer rotates by.

use std::sync::Arc;
use std::time::Duration;

use super::{IssuedKey, ReplicaNumber};
use anchorwatch_core::bundle::SvidType;
use anchorwatch_core::time::Timestamp;

/// How far SPIRE backdates the certificates that it signs (`credtemplate/builder.go`).
pub const NOT_BEFORE_CUSHION: Duration = Duration::from_secs(10);

/// SPIRE prepares the next key at half of the current one's life, at most 30 days before its end
/// (`ca/manager/slot.go`).
const LONGEST_PREPARATION: Duration = Duration::from_hours(30 * 24);
/// SPIRE activates the next key at a sixth of the current one's life before its end, at most 7
/// days (`ca/manager/slot.go`).
const LONGEST_ACTIVATION: Duration = Duration::from_hours(7 * 24);
/// How far apart in [`IssuerSettings::delays`] replicas begin: a prime, so that no two agree.
const STRIDE: u64 = 1327;
/// A tick of nothing would never end.
const SHORTEST_TICK: Duration = Duration::from_millis(1);

/// What signs X.509 authorities, and which servers have some.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Topology {
    /// Each server signs its own, and publishes it.
    #[default]
    SelfSigned,
    /// An upstream authority signs them as intermediates. The bundle has its root, which a server
    /// publishes with the first intermediate under it.
    Upstream {
        /// How long a root lives from its publication on.
        root_life: Duration,
    },
    /// The servers below this number are as in [`SelfSigned`](Self::SelfSigned). Those from it on
    /// are nested below them: they publish JWT keys alone, since their intermediates are seen
    /// neither in this bundle nor at its endpoint.
    Nested {
        /// How many servers are not nested.
        top: u16,
    },
}

impl Topology {
    /// How old a root of an upstream authority is when it is published.
    pub(super) const ROOT_AGE: Duration = Duration::from_hours(100 * 24);

    /// Whether a server has a chain of this type.
    pub fn has(self, replica: ReplicaNumber, svid_type: SvidType) -> bool {
        match (self, svid_type) {
            (_, SvidType::Wit) => false,
            (Self::Nested { top }, SvidType::X509) => replica.0 < top,
            (Self::SelfSigned | Self::Upstream { .. } | Self::Nested { .. }, _) => true,
        }
    }
}

/// What an issuer rotates by. All replicas of one trust domain share it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuerSettings {
    /// What signs X.509 authorities.
    pub topology: Topology,
    /// L: how long each key lives, X.509 and JWT alike (`ca_ttl`).
    pub ca_ttl: Duration,
    /// P: how long before the end of the current key the next one is prepared; `None` for SPIRE's
    /// rule, min(L/2, 30 d).
    pub preparation: Option<Duration>,
    /// A: how long before the end of the current key the next one is activated; `None` for SPIRE's
    /// rule, min(L/6, 7 d).
    pub activation: Option<Duration>,
    /// How often a replica looks whether a key is due. It acts at the first look after the date.
    pub rotator_tick: Duration,
    /// How often a replica prunes, counted from its start, without one at the start.
    pub prune_tick: Duration,
    /// How long a key stays published after its end.
    pub prune_safety: Duration,
    /// How long a preparation takes. The JWT key that is due in the same tick as an X.509
    /// authority comes that much later, in a transaction of its own.
    pub append: Duration,
    /// How long after its tick a look happens, one delay a tick and taken in turn, each shorter
    /// than a tick; empty for none. Each replica begins at another place. A JWT key lives to the microsecond, so a look that comes no
    /// later in its tick than the look that made the current key finds it not due yet: the chain
    /// slips a tick. X.509 authorities end on a whole second, earlier than that, and do not slip,
    /// unless their chain began on a whole second.
    pub delays: Arc<[Duration]>,
}

impl IssuerSettings {
    /// SPIRE's defaults under this `ca_ttl`.
    pub fn spire(ca_ttl: Duration) -> Self {
        Self {
            topology: Topology::SelfSigned,
            ca_ttl,
            preparation: None,
            activation: None,
            rotator_tick: Duration::from_secs(10),
            prune_tick: Duration::from_hours(6),
            prune_safety: Duration::from_hours(24),
            append: Duration::from_millis(10),
            delays: Arc::from([]),
        }
    }

    /// P of a whole life.
    pub fn preparation_threshold(&self) -> Duration {
        self.preparation_of(self.ca_ttl)
    }

    /// A of a whole life.
    pub fn activation_threshold(&self) -> Duration {
        self.activation_of(self.ca_ttl)
    }

    /// P − A: how long a key is published before it signs.
    pub fn lead(&self) -> Duration {
        self.preparation_threshold().saturating_sub(self.activation_threshold())
    }

    /// L − P: how far apart the publications of a chain are.
    pub fn period(&self) -> Duration {
        self.ca_ttl.saturating_sub(self.preparation_threshold())
    }

    /// When the successor of this key is due to be prepared: at the first look after it.
    pub(super) fn prepares_after(&self, current: &IssuedKey) -> Timestamp {
        current.validity.not_after.saturating_sub(self.preparation_of(life(current)))
    }

    /// When the successor of this key is due to be activated: at the first look after it.
    pub(super) fn activates_after(&self, current: &IssuedKey) -> Timestamp {
        current.validity.not_after.saturating_sub(self.activation_of(life(current)))
    }

    pub(super) fn rotator_tick(&self) -> Duration {
        self.rotator_tick.max(SHORTEST_TICK)
    }

    pub(super) fn prune_tick(&self) -> Duration {
        self.prune_tick.max(SHORTEST_TICK)
    }

    /// The delay of a replica's look number `tick`.
    pub(super) fn delay(&self, replica: ReplicaNumber, tick: u64) -> Duration {
        let count = u64::try_from(self.delays.len()).unwrap_or(u64::MAX);
        let place = tick
            .saturating_add(STRIDE * u64::from(replica.0))
            .checked_rem(count)
            .and_then(|place| usize::try_from(place).ok());
        let delay = place.and_then(|place| self.delays.get(place)).copied().unwrap_or_default();
        // Looks stay in the order of their ticks.
        delay.min(self.rotator_tick().saturating_sub(Duration::from_micros(1)))
    }

    fn preparation_of(&self, life: Duration) -> Duration {
        self.preparation.unwrap_or_else(|| LONGEST_PREPARATION.min(life / 2))
    }

    fn activation_of(&self, life: Duration) -> Duration {
        self.activation.unwrap_or_else(|| LONGEST_ACTIVATION.min(life / 6))
    }
}

/// How long a key lives, counted from its making and not from its backdated `notBefore`.
fn life(key: &IssuedKey) -> Duration {
    key.validity.not_after.since(key.issued_at).unwrap_or_default()
}

/// `count` times `duration`.
pub(super) fn times(duration: Duration, count: u64) -> Duration {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(micros.saturating_mul(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_those_of_the_table_of_spire() {
        let hours = |n: u64| Duration::from_hours(n);
        for (ca_ttl, lead, period) in [
            (hours(1), Duration::from_mins(20), Duration::from_mins(30)),
            (hours(24), hours(8), hours(12)),
            (hours(7 * 24), hours(56), hours(84)),
            (hours(30 * 24), hours(240), hours(360)),
            (hours(90 * 24), hours(23 * 24), hours(60 * 24)),
            (hours(365 * 24), hours(23 * 24), hours(335 * 24)),
        ] {
            let settings = IssuerSettings::spire(ca_ttl);
            assert_eq!((settings.lead(), settings.period()), (lead, period), "{ca_ttl:?}");
        }
    }

    #[test]
    fn delays_are_taken_in_turn_and_stay_within_their_tick() {
        let delays = [Duration::from_millis(3), Duration::from_mins(1)];
        let settings = IssuerSettings {
            delays: Arc::from(delays),
            ..IssuerSettings::spire(Duration::from_hours(1))
        };
        let first = ReplicaNumber(0);
        assert_eq!(settings.delay(first, 2), Duration::from_millis(3));
        assert!(settings.delay(first, 3) < settings.rotator_tick());
        let none = IssuerSettings::spire(Duration::from_hours(1));
        assert_eq!(none.delay(first, 7), Duration::ZERO);
    }
}
