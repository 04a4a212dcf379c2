use std::collections::BTreeMap;
use std::time::Duration;

use super::super::*;
use crate::issuer::IssuerSettings;
use anchorwatch_core::bundle::{AuthorityId, SvidType};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{BaselinePolicy, Budget, DomainState, Event, Policy};

mod clean;
mod fidelity;
mod incidents;

const DAY: Duration = Duration::from_hours(24);

fn hours(hours: u64) -> Duration {
    Duration::from_hours(hours)
}

/// A clean domain of so many servers, polled without chance failures.
fn clean(replicas: u16, ca_ttl: Duration, days: u32) -> Scenario {
    let issuer = IssuerSettings::spire(ca_ttl);
    let mut scenario = Scenario::clean("world.example".parse().unwrap(), replicas, issuer);
    scenario.lasts = DAY * days;
    scenario.observer.failures_per_million = 0;
    scenario.observer.skip = Some(SKIP);
    scenario
}

const SKIP: Skip = Skip { sparse: Duration::from_hours(1), lone_failures: false };

/// What a watch made of a world.
struct Watched {
    world: World,
    state: DomainState,
    events: Vec<(Timestamp, Event)>,
    turns: usize,
}

impl Watched {
    fn new(scenario: &Scenario, seed: u64) -> Self {
        let mut world = World::new(scenario, seed);
        let policy = policy(scenario);
        let (mut state, mut events, mut turns) = (DomainState::default(), Vec::new(), 0);
        for turn in world.by_ref() {
            turns += 1;
            let step = turn.apply_to(state, &policy, 0.5);
            state = step.state;
            events.extend(step.events.into_iter().map(|event| (turn.at, event)));
        }
        Self { world, state, events, turns }
    }

    fn named(&self, name: &str) -> Vec<&(Timestamp, Event)> {
        self.events.iter().filter(|(_, event)| event.name() == name).collect()
    }

    fn began(&self, wanted: Incident) -> Option<Timestamp> {
        let began = |truth: &&Truth| truth.what == WorldEvent::Began { incident: wanted };
        self.world.truth().iter().find(began).map(|truth| truth.at)
    }

    fn publications(&self, wanted: PublicationCause) -> Vec<(Timestamp, AuthorityId, Option<u16>)> {
        let mut publications = Vec::new();
        for truth in self.world.truth() {
            if let WorldEvent::Publication { authority, kind, replica } = truth.what
                && kind == wanted
            {
                publications.push((truth.at, authority, replica));
            }
        }
        publications
    }
}

fn policy(scenario: &Scenario) -> Policy {
    Policy {
        baseline: BaselinePolicy::TrustOnFirstUse,
        // A budget that is spent takes back what a poll brought, and no world knows of it.
        daily_budget: Budget { events: u64::MAX, bytes: u64::MAX },
        ..scenario.policy()
    }
}
