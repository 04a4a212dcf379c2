//! The demonstration's trust domains, watched over real TLS by the fetcher and the step of the
//! daemon, under a clock that the test winds.

#![cfg(test)]
#![cfg(feature = "demo")]

#[path = "support/clock.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod clock;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anchorwatch::config::Config;
use anchorwatch::demo::{Character, Scene};
use anchorwatch::fetch::{Fetcher, Target};
use anchorwatch_core::bundle::{Authority, AuthorityId, ParseLimits, SvidType, parse};
use anchorwatch_core::finding::FindingKind;
use anchorwatch_core::judge::{self, Case, SharedKeys};
use anchorwatch_core::spiffe::{BundleEndpoint, TrustDomain};
use anchorwatch_core::time::{Clock, Timestamp};
use anchorwatch_core::watch::{DomainState, Event, LatestAnswer, Policy, Poll};
use clock::ManualClock;
use tokio_util::sync::CancellationToken;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)))
}

/// The three domains as a daemon sees them, second by second.
struct Watch {
    clock: Arc<ManualClock>,
    began: Timestamp,
    scene: Scene,
    fetcher: Fetcher,
    /// As the demo's own configuration says.
    policy: Policy,
    found: BTreeSet<(TrustDomain, FindingKind)>,
    domains: BTreeMap<TrustDomain, (Target, DomainState, Vec<Arc<Authority>>)>,
    events: Vec<(Duration, TrustDomain, Event)>,
}

impl Watch {
    async fn start() -> Self {
        let began = Timestamp::from_unix_micros(1_800_000_000_250_000);
        let clock = Arc::new(ManualClock::at(began));
        let scene = Scene::start(clock.clone()).await.unwrap();
        let directory = scene.configuration_path().parent().unwrap().to_owned();
        let domain = |endpoint: &BundleEndpoint| {
            let trust_domain = endpoint.trust_domain.clone();
            let file = std::fs::read(directory.join(format!("{trust_domain}.json"))).unwrap();
            let parsed = parse(&file, &ParseLimits::default()).unwrap();
            assert_eq!(parsed.irregularities, []);
            let x509 = |authority: &&Arc<Authority>| authority.id.svid_type == SvidType::X509;
            let bootstrap = parsed.bundle.authorities().iter().filter(x509).cloned().collect();
            let mut state = DomainState::default();
            let configured =
                Event::EndpointConfigured { endpoint: endpoint.clone(), previous: None };
            judge::record(&mut state, began, configured, &Policy::default());
            (trust_domain, (Target::new(endpoint.clone()), state, bootstrap))
        };
        let domains = scene.endpoints().iter().map(domain).collect();
        let config = Config::load(&scene.configuration_path()).unwrap();
        let policy = config.relationships[0].settings.policy.clone();
        let fetcher = Fetcher::new(clock.clone());
        let (events, found) = (Vec::new(), BTreeSet::new());
        Self { clock, began, scene, fetcher, policy, found, domains, events }
    }

    /// Plays for this long, with a poll a second.
    async fn plays(mut self, lasting: Duration) -> Self {
        let end = self.began.saturating_add(lasting);
        let mut next_poll = self.clock.now();
        while self.clock.now() <= end {
            let pause = self.scene.advance().unwrap();
            if next_poll <= self.clock.now() {
                self.poll().await;
                next_poll = next_poll.saturating_add(Duration::from_secs(1));
            }
            self.clock.set(self.clock.now().saturating_add(pause));
        }
        self
    }

    async fn poll(&mut self) {
        let at = self.clock.now();
        for (trust_domain, (target, state, bootstrap)) in &mut self.domains {
            let trust =
                state.facts.trust(trust_domain, LatestAnswer::Confirmed, bootstrap).unwrap();
            let mut fetched = self.fetcher.poll(target, Some(&trust)).await;
            let answer = fetched.answers.remove(0);
            let observation =
                answer.unwrap_or_else(|failure| panic!("{trust_domain}: {failure:?}"));
            let poll = Poll::of(Ok(observation));
            let step = judge::judge_poll(
                std::mem::take(state),
                poll,
                at,
                &self.policy,
                0.5,
                &mut |_, _| SharedKeys::default(),
            );
            *state = step.state;
            let endpoint = state.facts.endpoint.configured.clone().unwrap();
            let (policy, shared) = (&self.policy, None);
            let case = Case { endpoint: &endpoint, state, policy, bootstrap_fault: None, shared };
            let findings = judge::assess(&case, at).findings;
            self.found.extend(findings.iter().map(|one| (trust_domain.clone(), one.kind)));
            let after = at.since(self.began).unwrap();
            self.events.extend(step.events.into_iter().map(|e| (after, trust_domain.clone(), e)));
        }
    }

    /// When each authority of a use was first seen, after the first poll.
    fn introduced(&self, of: Character, svid_type: SvidType) -> Vec<(Duration, AuthorityId)> {
        self.told(of, |event| {
            let Event::AuthorityIntroduced { authority, published, .. } = event else {
                return None;
            };
            published.after.is_some().then_some(authority.id)
        })
        .filter(|(_, id)| id.svid_type == svid_type)
        .collect()
    }

    fn removed(&self, of: Character, svid_type: SvidType) -> Vec<(Duration, AuthorityId)> {
        self.told(of, |event| {
            let Event::AuthorityRemoved { authority, .. } = event else {
                return None;
            };
            Some(*authority)
        })
        .filter(|(_, id)| id.svid_type == svid_type)
        .collect()
    }

    fn told<T>(
        &self,
        of: Character,
        what: impl Fn(&Event) -> Option<T>,
    ) -> impl Iterator<Item = (Duration, T)> {
        let mine =
            self.events.iter().filter(move |(_, name, _)| name.as_str() == of.trust_domain());
        mine.filter_map(move |(after, _, event)| Some((*after, what(event)?)))
    }
}

fn whole_seconds(seen: &[(Duration, AuthorityId)]) -> Vec<u64> {
    seen.iter().map(|(after, _)| after.as_secs()).collect()
}

/// Every poll of the hand-wound two minutes authenticates against the bundle of the poll before:
/// the watch panics where one does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_minutes_show_a_rotation_an_early_removal_and_a_key_from_nowhere() {
    let watch = Watch::start().await.plays(Duration::from_mins(2)).await;

    let (healthy, careless, attacked) =
        (Character::Healthy, Character::Careless, Character::Attacked);
    for (character, publications) in
        [(healthy, [17, 62, 107]), (careless, [7, 52, 97]), (attacked, [27, 72, 117])]
    {
        let x509 = watch.introduced(character, SvidType::X509);
        assert_eq!(whole_seconds(&x509), publications, "{character:?}");
        // Prunes come soon after expiry, and none comes early.
        for (after, id) in watch.removed(character, SvidType::X509) {
            let introduced = x509.iter().find(|(_, other)| *other == id);
            let lived = introduced.map(|(introduced, _)| after.saturating_sub(*introduced));
            assert!(lived.is_none_or(|lived| Duration::from_secs(100) < lived));
        }
        assert!(watch.removed(character, SvidType::X509).len() >= 2);
    }

    let overlap = |character| {
        let published = watch.introduced(character, SvidType::Jwt);
        let gone = watch.removed(character, SvidType::Jwt);
        let removed = gone.iter().find(|(_, id)| *id == published[0].1);
        removed.map(|(removed, _)| removed.saturating_sub(published[1].0))
    };
    assert_eq!(watch.introduced(healthy, SvidType::Jwt).len(), 3);
    assert_eq!(overlap(healthy), None, "still there after two minutes");
    let early = overlap(careless).unwrap();
    assert!(early <= Duration::from_secs(4), "tokens of 15 s are alive: {early:?}");

    let jwt = whole_seconds(&watch.introduced(attacked, SvidType::Jwt));
    let [scheduled, rogue, next] = jwt[..3] else { panic!("{jwt:?}") };
    assert_eq!(rogue, 34, "between the publication at {scheduled} and the one at {next}");
    let moved = watch.told(attacked, |event| {
        let Event::BundleChanged { sequence, introduced, removed, .. } = event else {
            return None;
        };
        Some((sequence.given().unwrap(), introduced.len(), removed.len()))
    });
    let moved: Vec<_> = moved.collect();
    let at = moved.iter().position(|(after, _)| after.as_secs() == rogue).unwrap();
    assert_eq!(moved[at].1.1, 1);
    assert!(moved[at - 1].1.0 < moved[at].1.0, "the sequence moved");
}

/// What the demonstration promises, judged under the configuration that it prints.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_healthy_domain_has_no_finding_and_the_others_have_theirs() {
    let watch = Watch::start().await.plays(Duration::from_mins(2)).await;
    let of = |character: Character| -> Vec<FindingKind> {
        let name = character.trust_domain();
        let found = watch.found.iter().filter(|(of, _)| of.as_str() == name);
        found.map(|(_, kind)| *kind).collect()
    };
    assert_eq!(of(Character::Healthy), []);
    let careless = of(Character::Careless);
    assert!(careless.contains(&FindingKind::EarlyRemoval), "{careless:?}");
    assert!(careless.contains(&FindingKind::InFlightRisk), "{careless:?}");
    assert!(!careless.contains(&FindingKind::UnexpectedAuthority), "{careless:?}");
    let attacked = of(Character::Attacked);
    assert!(attacked.contains(&FindingKind::UnexpectedAuthority), "{attacked:?}");
    assert!(!attacked.contains(&FindingKind::EarlyRemoval), "{attacked:?}");
}

#[tokio::test]
async fn the_active_authority_is_seen_through_the_endpoints_own_svid() {
    let watch = Watch::start().await.plays(Duration::from_secs(52)).await;
    let signed = |event: &Event| {
        let Event::AuthoritySigned { authority, .. } = event else {
            return None;
        };
        Some(*authority)
    };
    let signed: Vec<_> = watch.told(Character::Healthy, signed).collect();
    let (published, newest) = watch.introduced(Character::Healthy, SvidType::X509)[0];
    let (after, _) = signed.iter().find(|(_, id)| *id == newest).unwrap();
    // P - A is 30 s, and the SVID is renewed within 2.5 s.
    let lead = after.saturating_sub(published);
    assert!((29..=34).contains(&lead.as_secs()), "{lead:?}");
}

#[tokio::test]
async fn a_scene_leaves_nothing_behind() {
    let scene = Scene::start(clock()).await.unwrap();
    let path = scene.configuration_path();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), scene.configuration());
    assert_eq!(scene.endpoints().len(), 3);
    assert!(scene.endpoints().iter().all(BundleEndpoint::is_self_serving));
    drop(scene);
    assert!(!path.parent().unwrap().exists());
}

#[tokio::test]
async fn a_scene_ends_when_it_is_told() {
    let mut scene = Scene::start(clock()).await.unwrap();
    let until = CancellationToken::new();
    until.cancel();
    scene.run(until).await.unwrap();
}
