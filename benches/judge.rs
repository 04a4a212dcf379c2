//! What judging a poll costs: step, review and assessment together, in simulated domains that have
//! rotated for a while, so that lineages, hand-overs and removed authorities are on record.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement, not the product")]

use std::hint::black_box;
use std::time::Duration;

use anchorwatch_core::judge::{self, Assessment, Case, KeySetChange, SharedKeys};
use anchorwatch_core::spiffe::{BundleEndpoint, EndpointProfile};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{DomainState, Event, Facts, Policy, Poll};
use anchorwatch_lab::issuer::IssuerSettings;
use anchorwatch_lab::simulate::{Scenario, Skip, Turn, World};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// Half-way through [0, 1): no jitter.
const NO_JITTER: f64 = 0.5;
const HOUR: Duration = Duration::from_hours(1);

/// No other trust domain publishes any key.
fn alone(_: &Facts, _: KeySetChange) -> SharedKeys {
    SharedKeys::default()
}

/// A domain just before a poll that changes its bundle, and that poll.
struct Scene {
    state: DomainState,
    endpoint: BundleEndpoint,
    policy: Policy,
    change: Turn,
}

impl Scene {
    /// Plays a clean domain until, after `warm` of watching, a poll changes a bundle of about this
    /// many authorities or a few more.
    fn of(replicas: u16, ca_ttl: Duration, warm: Duration, authorities: usize) -> Self {
        let name: anchorwatch_core::spiffe::TrustDomain = "bench.example".parse().unwrap();
        let mut scenario = Scenario::clean(name.clone(), replicas, IssuerSettings::spire(ca_ttl));
        scenario.lasts = warm * 4;
        scenario.observer.skip = Some(Skip { sparse: ca_ttl / 4, lone_failures: true });
        let policy = scenario.policy();
        let id = "spiffe://bench.example/spire/server".parse().unwrap();
        let profile = EndpointProfile::HttpsSpiffe { endpoint_spiffe_id: id };
        let url = "https://bench.example".parse().unwrap();
        let endpoint = BundleEndpoint { trust_domain: name, url, profile };

        let mut state = DomainState::default();
        let configured = Event::EndpointConfigured { endpoint: endpoint.clone(), previous: None };
        judge::record(&mut state, scenario.begins, configured, &policy);
        let warmed = scenario.begins.saturating_add(warm);
        for turn in World::new(&scenario, 20_261_123) {
            turn.catch_up(&mut state);
            let count = state.facts.published().count();
            let before = state.clone();
            let (poll, at) = (turn.poll(), turn.at);
            let next = judge::judge_poll(state, poll, at, &policy, NO_JITTER, &mut alone).state;
            let published = next.facts.published().count();
            if warmed < turn.at && authorities <= count && count < published {
                return Self { state: before, endpoint, policy, change: turn };
            }
            state = next;
        }
        panic!("no bundle with {authorities} authorities or more was added to");
    }

    fn poll(&self, state: DomainState, poll: Poll, at: Timestamp) -> (DomainState, Assessment) {
        let state = judge::judge_poll(state, poll, at, &self.policy, NO_JITTER, &mut alone).state;
        let case = Case {
            endpoint: &self.endpoint,
            state: &state,
            policy: &self.policy,
            bootstrap_fault: None,
            shared: None,
        };
        let assessment = judge::assess(&case, at);
        (state, assessment)
    }

    fn bench(&self, criterion: &mut Criterion, what: &str) {
        let at = self.change.at;
        let change = self.change.poll();
        criterion.bench_function(&format!("judge a change: {what}"), |bench| {
            bench.iter_batched(
                || (self.state.clone(), change.clone()),
                |(state, poll)| black_box(self.poll(state, poll, at)),
                BatchSize::SmallInput,
            );
        });
        let (after, _) = self.poll(self.state.clone(), change.clone(), at);
        let later = at.saturating_add(Duration::from_secs(75));
        criterion.bench_function(&format!("judge an unchanged poll: {what}"), |bench| {
            bench.iter_batched(
                || (after.clone(), change.clone()),
                |(state, poll)| black_box(self.poll(state, poll, later)),
                BatchSize::SmallInput,
            );
        });
    }
}

fn judging(criterion: &mut Criterion) {
    Scene::of(1, 24 * HOUR, 24 * HOUR * 20, 8).bench(criterion, "8 authorities");
    // Keys of ten minutes stay for a day after they have ended: SPIRE prunes no earlier.
    let scene = Scene::of(1, HOUR / 6, 12 * HOUR, 400);
    scene.bench(criterion, "400 authorities, ca_ttl of 10 minutes");
}

criterion_group!(benches, judging);
criterion_main!(benches);
