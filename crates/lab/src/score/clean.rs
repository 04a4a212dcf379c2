//! Rotation as it should be: nothing is to be said of it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new variant is none of those that are named here"
)]

use std::time::Duration;

use super::play;
use crate::issuer::{IssuerSettings, Topology};
use crate::simulate::{KeyPool, Scenario, Skip};
use anchorwatch_core::finding::{FindingKind, Severity};
use anchorwatch_core::spiffe::TrustDomain;

/// One kind of clean domain.
#[derive(Clone, Copy, Debug)]
pub struct Clean {
    /// How many servers it has.
    pub replicas: u16,
    /// How long its keys live.
    pub ca_ttl: Duration,
    /// Whether its roots are an upstream authority's.
    pub upstream: bool,
}

/// What was said of clean domains of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct CleanRow {
    /// How long they were watched in all.
    pub watched: Duration,
    /// Findings that were ever critical.
    pub critical: usize,
    /// `rotation_overdue`, however urgent.
    pub overdue: usize,
    /// `unexpected_authority`, however urgent.
    pub unexpected: usize,
    /// Anything else.
    pub other: usize,
}

const DAY: Duration = Duration::from_hours(24);

/// Replicas, lifetimes and topologies of the table.
pub fn clean_rows() -> Vec<Clean> {
    let mut rows = Vec::new();
    for upstream in [false, true] {
        for ca_ttl in [DAY, DAY * 7, DAY * 90] {
            for replicas in [1, 3, 5, 8] {
                rows.push(Clean { replicas, ca_ttl, upstream });
            }
        }
    }
    rows
}

impl Clean {
    /// The scenario of it.
    pub fn scenario(&self, name: &TrustDomain, lasts: Duration) -> Scenario {
        let mut issuer = IssuerSettings::spire(self.ca_ttl);
        if self.upstream {
            issuer.topology = Topology::Upstream { root_life: DAY * 3650 };
        }
        let mut scenario = Scenario::clean(name.clone(), self.replicas, issuer);
        scenario.lasts = lasts;
        scenario.observer.skip = Some(Skip { sparse: DAY / 4, lone_failures: true });
        scenario
    }

    /// Watches such a domain for so long.
    pub fn play(&self, name: &TrustDomain, lasts: Duration, seed: u64, keys: &KeyPool) -> CleanRow {
        let scenario = self.scenario(name, lasts);
        let world_run = play(&scenario, seed, &scenario.policy(), keys);
        let mut row = CleanRow { watched: lasts, ..CleanRow::default() };
        for raised in &world_run.raised {
            row.critical += usize::from(raised.finding.severity == Severity::Critical);
            match raised.finding.kind {
                FindingKind::RotationOverdue => row.overdue += 1,
                FindingKind::UnexpectedAuthority => row.unexpected += 1,
                // Said of every such domain, once, until its rhythm is learned.
                FindingKind::IssuerUnlearned => (),
                _ => row.other += 1,
            }
        }
        row
    }
}

impl CleanRow {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            watched: self.watched.saturating_add(other.watched),
            critical: self.critical + other.critical,
            overdue: self.overdue + other.overdue,
            unexpected: self.unexpected + other.unexpected,
            other: self.other + other.other,
        }
    }
}
