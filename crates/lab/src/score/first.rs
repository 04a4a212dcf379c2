//! The first period after a baseline: what is made of a planted JWT key, and of the issuer's own.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::time::Duration;

use super::{WorldRun, play};
use crate::issuer::IssuerSettings;
use crate::simulate::{Incident, KeyPool, PublicationCause, Random, Scenario, Skip, WorldEvent};
use anchorwatch_core::bundle::{AuthorityId, SvidType};
use anchorwatch_core::finding::{FindingKind, Severity};
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::Standing;

/// One kind of trust domain whose first period is watched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FirstPeriod {
    /// How many servers it has.
    pub replicas: u16,
    /// Whether each JWT chain is behind its X.509 chain, by up to a quarter of a period.
    pub drifts: bool,
    /// Whether the servers started minutes ago.
    pub is_new: bool,
}

/// What was made of keys that an attacker published in the first period.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PlantedRow {
    /// How many keys were planted.
    pub planted: usize,
    /// `unexpected_authority`, critical, from the first poll that showed the key.
    pub critical: usize,
    /// The same as a warning.
    pub warned: usize,
    /// Explained, so that nothing is raised.
    pub silent: usize,
    /// Of the two above: critical once the issuer's own keys had come.
    pub critical_later: usize,
}

/// What was said of first periods in which nothing happened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct QuietRow {
    /// How many lineages of JWT keys there were.
    pub lineages: usize,
    /// Findings that were ever critical.
    pub critical: usize,
    /// `unexpected_authority` of the issuer's own keys.
    pub warned: usize,
    /// Of these: open two periods after the baseline, when each lineage has gone on.
    pub lasting: usize,
}

/// A `ca_ttl` of a day, and its period.
const CA_TTL: Duration = Duration::from_hours(24);
const PERIOD: Duration = Duration::from_hours(12);
/// How long ago the servers of a new trust domain started at most.
const NEW: Duration = Duration::from_mins(10);

/// The kinds of the table.
pub fn first_periods() -> Vec<FirstPeriod> {
    let mut kinds = vec![FirstPeriod { replicas: 1, drifts: false, is_new: true }];
    for drifts in [false, true] {
        for replicas in [1, 3, 5, 8] {
            kinds.push(FirstPeriod { replicas, drifts, is_new: false });
        }
    }
    kinds
}

impl FirstPeriod {
    /// The scenario of it: two periods, in which each lineage publishes twice, and an hour.
    fn scenario(self, name: &TrustDomain) -> Scenario {
        let mut scenario =
            Scenario::clean(name.clone(), self.replicas, IssuerSettings::spire(CA_TTL));
        scenario.lasts = PERIOD * 2 + Duration::from_hours(1);
        scenario.observer.skip = Some(Skip { sparse: PERIOD / 24, lone_failures: true });
        scenario.servers_age = self.is_new.then_some(NEW);
        if self.drifts {
            scenario.longest_drift = PERIOD / 4;
        }
        scenario
    }

    /// Which share of planted keys may be explained: what the 15 minutes around the
    /// dates of each server allow (docs/rotation-model.md#baseline).
    pub fn silent_share(self) -> f64 {
        0.02 + 0.02 * f64::from(self.replicas)
    }

    /// Plants a JWT key at a moment of the first period that chance says.
    pub fn plant(self, name: &TrustDomain, seed: u64, keys: &KeyPool) -> PlantedRow {
        let after = Random::stream(seed, "first period").duration(PERIOD);
        let scenario = self.scenario(name).with(after, Incident::InjectedJwtUntimed);
        let world_run = play(&scenario, seed, &scenario.policy(), keys);
        let mut row = PlantedRow::default();
        for planted in published(&world_run, PublicationCause::Attack) {
            row.planted += 1;
            let standing = world_run.standings.iter().find(|(of, _)| *of == planted);
            let at_once = standing.and_then(|(_, standing)| severity(standing));
            match at_once {
                Some(Severity::Critical) => row.critical += 1,
                Some(Severity::Warning | Severity::Info) => row.warned += 1,
                None => row.silent += 1,
            }
            let later = at_once != Some(Severity::Critical)
                && unexpected(&world_run, planted) == Some(Severity::Critical);
            row.critical_later += usize::from(later);
        }
        row
    }

    /// Watches such a domain, to which nothing happens.
    pub fn watch(self, name: &TrustDomain, seed: u64, keys: &KeyPool) -> QuietRow {
        let scenario = self.scenario(name);
        let world_run = play(&scenario, seed, &scenario.policy(), keys);
        let own = published(&world_run, PublicationCause::Scheduled);
        let open = &world_run.state.facts.ledger.open;
        let lasting = |id: &&AuthorityId| {
            open.iter()
                .any(|one| one.kind == FindingKind::UnexpectedAuthority && one.is_about(**id))
        };
        QuietRow {
            lineages: usize::from(self.replicas),
            critical: world_run.pages(),
            warned: own.iter().filter(|id| unexpected(&world_run, **id).is_some()).count(),
            lasting: own.iter().filter(lasting).count(),
        }
    }
}

/// The JWT keys that were published for this reason.
fn published(world_run: &WorldRun, cause: PublicationCause) -> Vec<AuthorityId> {
    let of = world_run.truth.iter().filter_map(|truth| match truth.what {
        WorldEvent::Publication { authority, kind, .. }
            if kind == cause && authority.svid_type == SvidType::Jwt =>
        {
            Some(authority)
        }
        _ => None,
    });
    of.collect()
}

/// How urgent `unexpected_authority` about this authority ever was.
fn unexpected(world_run: &WorldRun, authority: AuthorityId) -> Option<Severity> {
    let of = world_run.of(FindingKind::UnexpectedAuthority);
    of.filter(|raised| raised.finding.is_about(authority))
        .map(|raised| raised.finding.severity)
        .max()
}

/// How urgent `unexpected_authority` is by what an authority was found to be when it came.
fn severity(standing: &Standing) -> Option<Severity> {
    match standing {
        Standing::Unscheduled { first, .. } if first.is_undecided() => Some(Severity::Warning),
        standing if standing.is_explained() => None,
        _ => Some(Severity::Critical),
    }
}

impl PlantedRow {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            planted: self.planted + other.planted,
            critical: self.critical + other.critical,
            warned: self.warned + other.warned,
            silent: self.silent + other.silent,
            critical_later: self.critical_later + other.critical_later,
        }
    }

    /// Whether enough were critical at once: 35 % over all kinds.
    pub fn is_critical_enough(self) -> bool {
        self.planted * 35 <= self.critical * 100
    }

    /// Whether no more were silent than this share, but for what chance makes of so few worlds.
    pub fn is_silent_within(self, share: f64) -> bool {
        let number = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
        let expected = number(self.planted) * share;
        number(self.silent) <= expected + 3.0 * (expected * (1.0 - share)).sqrt()
    }
}

impl QuietRow {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            lineages: self.lineages + other.lineages,
            critical: self.critical + other.critical,
            warned: self.warned + other.warned,
            lasting: self.lasting + other.lasting,
        }
    }

    /// Whether nothing was critical, and there was a warning a lineage at most, which ended.
    pub fn is_kept(self) -> bool {
        self.critical == 0 && self.warned <= self.lineages && self.lasting == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few worlds of each kind here; `make score` plays many.
    #[test]
    fn a_planted_key_is_raised_and_the_issuers_own_are_not_critical() {
        let name: TrustDomain = "first.example".parse().unwrap();
        let keys = KeyPool::new(1024, 1);
        let mut all = PlantedRow::default();
        for kind in first_periods().into_iter().filter(|kind| kind.replicas <= 3) {
            let mut planted = PlantedRow::default();
            for seed in 0..8 {
                planted = planted.plus(kind.plant(&name, seed, &keys));
                let quiet = kind.watch(&name, seed, &keys);
                assert!(quiet.is_kept(), "{kind:?} {seed}: {quiet:?}");
            }
            assert!(planted.is_silent_within(kind.silent_share()), "{kind:?}: {planted:?}");
            all = all.plus(planted);
        }
        assert!(all.is_critical_enough(), "{all:?}");
    }
}
