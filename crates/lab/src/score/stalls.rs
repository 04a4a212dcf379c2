//! Rotation that stops: it is to be found after its date.

use std::time::Duration;

use super::play;
use crate::issuer::IssuerSettings;
use crate::simulate::{Incident, KeyPool, Scenario, Skip, WorldEvent};
use anchorwatch_core::finding::FindingKind;
use anchorwatch_core::spiffe::TrustDomain;

/// What was said of stalls.
#[derive(Clone, Debug, Default)]
pub struct StallRow {
    /// Chains that stalled.
    pub stalled: usize,
    /// Of these: found.
    pub found: usize,
    /// How long after the missed date each was found.
    pub delays: Vec<Duration>,
}

const DAY: Duration = Duration::from_hours(24);

/// Whether something hides that a server stalls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StallMask {
    /// Nothing does.
    None,
    /// Another server restarts without its keys right after.
    RestartOfAnother,
}

/// Watches a domain one of whose servers stalls.
pub fn stall_row(
    name: &TrustDomain,
    replicas: u16,
    mask: StallMask,
    seed: u64,
    keys: &KeyPool,
) -> StallRow {
    let mut scenario = Scenario::clean(name.clone(), replicas, IssuerSettings::spire(DAY));
    scenario.lasts = DAY * 8;
    scenario.observer.skip = Some(Skip { sparse: DAY / 96, lone_failures: true });
    scenario.observer.authentication = crate::simulate::Authentication::Recorded;
    let begins = DAY * 3 + Duration::from_secs(seed.wrapping_mul(7919) % 43_200);
    scenario = scenario.with(begins, Incident::StallOfOne);
    if mask == StallMask::RestartOfAnother {
        let shortly = begins.saturating_add(Duration::from_mins(10));
        scenario = scenario.with(shortly, Incident::RestartKeysLost);
    }
    let rotation = play(&scenario, seed, &scenario.policy(), keys);
    let mut row = StallRow::default();
    for truth in &rotation.truth {
        let WorldEvent::Stall { svid_type, due, .. } = truth.what else { continue };
        row.stalled += 1;
        let found = rotation
            .of(FindingKind::RotationOverdue)
            .filter(|raised| raised.finding.svid_type == Some(svid_type))
            .filter_map(|raised| raised.at.since(due))
            .min();
        row.found += usize::from(found.is_some());
        row.delays.extend(found);
    }
    row
}

impl StallRow {
    /// Takes the other in.
    pub fn add(&mut self, other: Self) {
        self.stalled += other.stalled;
        self.found += other.found;
        self.delays.extend(other.delays);
    }

    /// The median delay after the missed date.
    pub fn median(&self) -> Option<Duration> {
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        delays.get(delays.len() / 2).copied()
    }
}
