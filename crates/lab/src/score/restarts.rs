//! Servers that come back without their keys: each publication is reported as what it is.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use super::play;
use crate::issuer::IssuerSettings;
use crate::simulate::{Incident, KeyPool, PublicationCause, Random, Scenario, Skip, WorldEvent};
use anchorwatch_core::bundle::AuthorityId;
use anchorwatch_core::finding::FindingKind;
use anchorwatch_core::spiffe::TrustDomain;
use anchorwatch_core::watch::Standing;

/// The findings about domains whose servers lose their keys now and then.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestartRow {
    /// How long they were watched in all.
    pub watched: Duration,
    /// Keys that a server published since a restart lost its keys.
    pub publications: usize,
    /// Of these: reported as unexpected.
    pub raised: usize,
    /// Of these: taken for the late next key of another lineage.
    pub taken_as_late: usize,
    /// Of these: taken for one that came on its date.
    pub taken_as_on_time: usize,
    /// Dates that were called overdue, and no lineage had stalled.
    pub overdue: usize,
    /// Keys that came on their date, and were called unexpected.
    pub unexpected: usize,
}

const DAY: Duration = Duration::from_hours(24);

/// Watches such a domain: every replica restarts without its keys every 20 days.
pub fn restart_row(
    name: &TrustDomain,
    replicas: u16,
    lasts: Duration,
    seed: u64,
    keys: &KeyPool,
) -> RestartRow {
    let mut scenario = Scenario::clean(name.clone(), replicas, IssuerSettings::spire(DAY));
    scenario.lasts = lasts;
    scenario.observer.skip = Some(Skip { sparse: DAY / 48, lone_failures: true });
    // A lone server that lost its keys locks every poller out; the operator bootstraps it again.
    scenario.observer.authentication = crate::simulate::Authentication::Recorded;
    let mut random = Random::stream(seed, "restarts");
    let apart = (DAY * 20).as_secs() / u64::from(replicas.max(1));
    let mut at = Duration::from_secs(random.below(apart)).saturating_add(DAY);
    while at < lasts {
        scenario = scenario.with(at, Incident::RestartKeysLost);
        // Poisson restarts would fall together now and then; so do these.
        at = at.saturating_add(Duration::from_secs(apart / 2 + random.below(apart)));
    }
    let world_run = play(&scenario, seed, &scenario.policy(), keys);
    let of = |kind: PublicationCause| -> BTreeSet<AuthorityId> {
        let publications = world_run.truth.iter().filter_map(|truth| match truth.what {
            WorldEvent::Publication { authority, kind: cause, .. } if cause == kind => {
                Some(authority)
            }
            _ => None,
        });
        publications.collect()
    };
    let restarted = of(PublicationCause::Restart);
    let scheduled = of(PublicationCause::Scheduled);
    let mut row =
        RestartRow { watched: lasts, publications: restarted.len(), ..RestartRow::default() };
    for (authority, standing) in &world_run.standings {
        let unexpected = !standing.is_explained();
        if restarted.contains(authority) {
            match standing {
                Standing::Late { .. } => row.taken_as_late += 1,
                Standing::OnTime { .. } => row.taken_as_on_time += 1,
                _ => row.raised += usize::from(unexpected),
            }
        } else if scheduled.contains(authority) {
            row.unexpected += usize::from(unexpected);
        }
    }
    row.overdue = world_run.of(FindingKind::RotationOverdue).count();
    row
}

impl RestartRow {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            watched: self.watched.saturating_add(other.watched),
            publications: self.publications + other.publications,
            raised: self.raised + other.raised,
            taken_as_late: self.taken_as_late + other.taken_as_late,
            taken_as_on_time: self.taken_as_on_time + other.taken_as_on_time,
            overdue: self.overdue + other.overdue,
            unexpected: self.unexpected + other.unexpected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::World;
    use anchorwatch_core::time::Timestamp;

    fn scenario(name: &TrustDomain) -> Scenario {
        let mut scenario = Scenario::clean(name.clone(), 1, IssuerSettings::spire(DAY));
        scenario.lasts = DAY * 4;
        scenario.observer.skip = Some(Skip { sparse: DAY / 48, lone_failures: true });
        scenario.observer.authentication = crate::simulate::Authentication::Recorded;
        scenario
    }

    /// The branch's own date then comes with the poll that finds the old one's tolerance passed.
    #[test]
    fn a_restart_minutes_after_a_rotation_leaves_no_lineage_behind() {
        let name: TrustDomain = "restarted.example".parse().unwrap();
        let keys = KeyPool::new(256, 1);
        let clean = scenario(&name);
        let mut world = World::with_keys(&clean, 1, &keys);
        world.by_ref().for_each(drop);
        let day_two = clean.begins.saturating_add(DAY * 2);
        let rotation: Timestamp = world
            .truth()
            .iter()
            .filter(|truth| day_two < truth.at)
            .find(|truth| matches!(truth.what, WorldEvent::Publication { replica: Some(0), .. }))
            .map(|truth| truth.at)
            .unwrap();
        let after = rotation.since(clean.begins).unwrap();
        for seconds in (300..600).step_by(10) {
            let restarted = scenario(&name)
                .with(after + Duration::from_secs(seconds), Incident::RestartKeysLost);
            let world_run = play(&restarted, 1, &restarted.policy(), &keys);
            let overdue: Vec<_> = world_run.of(FindingKind::RotationOverdue).collect();
            assert!(overdue.is_empty(), "{seconds} s after it: {overdue:#?}");
        }
    }
}
