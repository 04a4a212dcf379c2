//! Verdicts on the hand-overs of whole worlds, against what their servers really did.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{WorldRun, play};
use crate::issuer::IssuerSettings;
use crate::simulate::{Incident, KeyPool, Random, Scenario, Skip, Truth, WorldEvent};
use anchorwatch_core::bundle::AuthorityId;
use anchorwatch_core::bundle::consumer::Consumer;
use anchorwatch_core::judge::{Case, Ttl, VerdictKind};
use anchorwatch_core::spiffe::{BundleEndpoint, TrustDomain};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{HandOver, Policy};

/// What the verdicts on the hand-overs of such domains came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DisturbedRow {
    /// Hand-overs whose truth is known.
    pub handovers: usize,
    /// `safe`, and both laws were kept.
    pub safe: usize,
    /// `safe`, and a law was broken.
    pub wrong_safe: usize,
    /// `violated`, and a law was broken.
    pub violated: usize,
    /// `violated`, and both laws were kept.
    pub wrong_violated: usize,
    /// `undecidable`, or no verdict.
    pub undecided: usize,
}

anchorwatch_core::closed_set! {
    /// What disturbs the domain.
    pub enum Disturbance {
        /// `ca_ttl` is halved at a random moment.
        CaTtlHalved => "ca_ttl halved",
        /// `ca_ttl` is doubled at a random moment.
        CaTtlDoubled => "ca_ttl doubled",
        /// Servers start again without their keys.
        Restarts => "restarts",
    }
}

impl Disturbance {
    fn incident(self) -> Incident {
        match self {
            Self::CaTtlHalved => Incident::CaTtlHalved,
            Self::CaTtlDoubled => Incident::CaTtlDoubled,
            Self::Restarts => Incident::RestartKeysLost,
        }
    }
}

const DAY: Duration = Duration::from_hours(24);
/// As long as the hand-overs that are kept reach back, of three servers.
const LASTS: Duration = Duration::from_hours(24 * 10);
/// Between the leads before and after a change: 4, 8 and 16 h of 12, 24 and 48 h. A restarted server
/// has a lead of none.
const DELAYS: [Duration; 3] =
    [Duration::from_hours(3), Duration::from_hours(6), Duration::from_hours(12)];

/// Watches such a domain, whose slowest consumer takes a random one of three times.
pub fn disturbed_row(
    name: &TrustDomain,
    disturbance: Disturbance,
    replicas: u16,
    seed: u64,
    keys: &KeyPool,
) -> DisturbedRow {
    let mut random = Random::stream(seed, "disturbed");
    let mut scenario = Scenario::clean(name.clone(), replicas, IssuerSettings::spire(DAY));
    scenario.lasts = LASTS;
    scenario.observer.skip = Some(Skip { sparse: DAY / 48, lone_failures: true });
    scenario.observer.authentication = crate::simulate::Authentication::Recorded;
    let incidents = if disturbance == Disturbance::Restarts { 3 } else { 1 };
    for _ in 0..incidents {
        let at = DAY.saturating_add(Duration::from_secs(random.below((DAY * 6).as_secs())));
        scenario = scenario.with(at, disturbance.incident());
    }
    let place = usize::try_from(random.below(3)).unwrap_or(0);
    let delay = DELAYS.get(place).copied().unwrap_or(DAY);
    let policy = Policy { consumers: vec![Consumer::Cache(delay)], ..scenario.policy() };
    let run = play(&scenario, seed, &policy, keys);
    let truth = Signers::of(&run.truth);
    let mut row = DisturbedRow::default();
    let Some(endpoint) = run.state.facts.endpoint.configured.clone() else { return row };
    for handover in &run.state.facts.rotation.handovers {
        let Some(laws) = truth.laws(handover, &policy, delay) else { continue };
        row.count(verdict(&run, &endpoint, &policy, handover), laws);
    }
    row
}

fn verdict(
    run: &WorldRun,
    endpoint: &BundleEndpoint,
    policy: &Policy,
    handover: &HandOver,
) -> VerdictKind {
    let case = Case { endpoint, state: &run.state, policy, bootstrap_fault: None, shared: None };
    case.verdict(handover).map_or(VerdictKind::Undecidable, |verdict| verdict.kind)
}

/// Whether a hand-over really kept both laws.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Laws {
    Kept,
    Broken,
}

/// Who signed when.
struct Signers {
    publications: BTreeMap<AuthorityId, (Timestamp, Option<u16>)>,
    activations: Vec<(Timestamp, AuthorityId)>,
    retirements: BTreeMap<AuthorityId, Timestamp>,
    removals: BTreeMap<AuthorityId, Timestamp>,
}

impl Signers {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other events sign and publish nothing")]
    fn of(truth: &[Truth]) -> Self {
        let (publications, activations, retirements, removals) = Default::default();
        let mut signers = Self { publications, activations, retirements, removals };
        for Truth { at, what } in truth {
            match *what {
                WorldEvent::Publication { authority, replica, .. } => {
                    signers.publications.insert(authority, (*at, replica));
                }
                WorldEvent::Activation { authority } => signers.activations.push((*at, authority)),
                WorldEvent::Retirement { authority } => {
                    signers.retirements.insert(authority, *at);
                }
                WorldEvent::Removal { authority, .. } => {
                    signers.removals.insert(authority, *at);
                }
                _ => (),
            }
        }
        signers
    }

    /// Whether the server that signed with the removed authority kept both laws; `None` where it never
    /// signed, or nothing of it is known.
    fn laws(&self, handover: &HandOver, policy: &Policy, delay: Duration) -> Option<Laws> {
        let old = AuthorityId { svid_type: handover.svid_type, fingerprint: handover.old };
        let (_, replica) = *self.publications.get(&old)?;
        let retired = *self.retirements.get(&old)?;
        let removed = *self.removals.get(&old)?;
        let followed = self.activations.iter().find(|(at, next)| {
            let same = self.publications.get(next).is_some_and(|(_, by)| *by == replica);
            retired <= *at && same && next.svid_type == old.svid_type && *next != old
        });
        let (activated, next) = followed?;
        let (published, _) = *self.publications.get(next)?;
        let ttl = Ttl::of(old.svid_type, policy, &[]).longest;
        let retained = retired.saturating_add(ttl).saturating_add(policy.sigma()) <= removed;
        let kept = published.saturating_add(delay) <= *activated && retained;
        Some(if kept { Laws::Kept } else { Laws::Broken })
    }
}

impl DisturbedRow {
    fn count(&mut self, kind: VerdictKind, laws: Laws) {
        self.handovers += 1;
        match (kind, laws) {
            (VerdictKind::Safe, Laws::Kept) => self.safe += 1,
            (VerdictKind::Safe, Laws::Broken) => self.wrong_safe += 1,
            (VerdictKind::Violated(_), Laws::Broken) => self.violated += 1,
            (VerdictKind::Violated(_), Laws::Kept) => self.wrong_violated += 1,
            (VerdictKind::Undecidable, _) => self.undecided += 1,
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            handovers: self.handovers + other.handovers,
            safe: self.safe + other.safe,
            wrong_safe: self.wrong_safe + other.wrong_safe,
            violated: self.violated + other.violated,
            wrong_violated: self.wrong_violated + other.wrong_violated,
            undecided: self.undecided + other.undecided,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_verdict_is_wrong_where_ca_ttl_changes_or_servers_lose_their_keys() {
        let name: TrustDomain = "disturbed.example".parse().unwrap();
        let keys = KeyPool::new(512, 1);
        for disturbance in Disturbance::ALL {
            let mut row = DisturbedRow::default();
            for seed in 0..6 {
                let replicas = if seed % 2 == 0 { 1 } else { 3 };
                row = row.plus(disturbed_row(&name, disturbance, replicas, seed, &keys));
            }
            assert_eq!((row.wrong_safe, row.wrong_violated), (0, 0), "{disturbance:?}: {row:?}");
            assert!(0 < row.safe, "{disturbance:?}: {row:?}");
        }
    }
}
