//! A scenario through time.

mod actions;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use super::monitor::{Look, LookOutcome, Monitor, PollResult};
use super::origin::SimulatedIssuer;
use super::origin_settings::OriginSettings;
use super::tamper::Tampering;
use super::turn::{Answered, Outcome, Turn};
use super::{Authentication, KeyPool, Mint, Random, Scenario, Truth};
use crate::issuer::{Intervention, KeyStore, ReplicaNumber};
use anchorwatch_core::bundle::{SvidType, Validity};
use anchorwatch_core::time::Timestamp;
use anchorwatch_core::watch::{FailureReason, Policy, TrustOrigin};

pub(super) use actions::{Begins, FOR_EVER, WorldAction};

/// The address of a balancer, and the first of the servers': TEST-NET-1 (RFC 5737).
const NETWORK: [u8; 3] = [192, 0, 2];

/// A trust domain, what befalls it, and someone who polls it: an iterator of the polls.
#[derive(Clone, Debug)]
pub struct World {
    scenario: Scenario,
    ends: Timestamp,
    random: Random,
    /// The servers of the domain; then those that appear behind its name without being of it.
    origins: Vec<SimulatedIssuer>,
    /// Which of them answer at the domain's address.
    behind: Vec<usize>,
    /// What will be done, by time and then in the order in which it was planned.
    agenda: BTreeMap<(Timestamp, u64), WorldAction>,
    planned: u64,
    tampering: Vec<Tampering>,
    /// Until when the endpoint does not answer.
    down_until: Option<Timestamp>,
    /// Until when nobody polls.
    away_until: Option<Timestamp>,
    monitor: Monitor,
    truth: Vec<Truth>,
    /// How many versions there were.
    numbers: u64,
    /// Whether no good answer was told yet.
    is_new: bool,
    /// A poll that failed, until it is known whether it did so alone.
    held: Option<(Timestamp, Vec<Look>)>,
    /// A turn that follows the last one at once.
    next: Option<Turn>,
}

impl World {
    /// The world of a scenario before anything befalls it. The catalogue plans its incidents.
    pub(super) fn without_incidents(scenario: &Scenario, seed: u64, pool: &KeyPool) -> Self {
        let mut random = Random::stream(seed, "world");
        let charter = OriginSettings {
            settings: scenario.issuer.clone(),
            x509_key: scenario.x509_key,
            jwt_key: scenario.jwt_key,
            x509_svid_ttl: scenario.x509_svid_ttl,
            refresh_hint: scenario.refresh_hint,
            clock_offset: scenario.clock_offset,
        };
        let keys = Random::stream(seed, "keys");
        let mint = Mint::pooled(&scenario.trust_domain, keys, pool);
        let mut origin = SimulatedIssuer::new(charter, mint, Random::stream(seed, "issuer"));
        let mut numbers = 0;
        start_servers(&mut origin, scenario, &mut random, scenario.begins);
        origin.advance(scenario.begins, &mut numbers);
        origin.open(scenario.begins, &mut numbers);
        let observer = scenario.observer.clone();
        let monitor = Monitor::new(observer, Random::stream(seed, "polls"), scenario.begins);
        Self {
            scenario: scenario.clone(),
            ends: scenario.begins.saturating_add(scenario.lasts),
            random,
            origins: vec![origin],
            behind: vec![0],
            agenda: BTreeMap::new(),
            planned: 0,
            tampering: Vec::new(),
            down_until: None,
            away_until: None,
            monitor,
            truth: Vec::new(),
            numbers,
            is_new: true,
            held: None,
            next: None,
        }
    }

    /// What happened up to the last turn, and what was there when the watch began; in the order of
    /// its happening, save that what a plan foresees stands where it was made.
    pub fn truth(&self) -> &[Truth] {
        &self.truth
    }

    /// What is simulated.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// An operator had the monitor trust whatever is served next: a `rebootstrap` after a lockout.
    pub fn trust_anew(&mut self) {
        self.monitor.trust_anew();
    }

    /// Brings everything but the monitor to `at`.
    fn bring_to(&mut self, at: Timestamp) {
        while let Some(entry) = self.agenda.first_entry()
            && entry.key().0 <= at
        {
            let ((then, _), action) = entry.remove_entry();
            self.advance(then);
            self.perform(then, action);
        }
        self.advance(at);
    }

    fn advance(&mut self, at: Timestamp) {
        for (place, origin) in self.origins.iter_mut().enumerate() {
            origin.advance(at, &mut self.numbers);
            if origin.truth.is_empty() {
                continue;
            }
            // What happens in another domain is none of this one's.
            if place == 0 || self.behind.contains(&place) {
                self.truth.append(&mut origin.truth);
            } else {
                origin.truth.clear();
            }
        }
    }

    /// The servers that answer: which issuer's, and which of them.
    fn servers(&self) -> impl Iterator<Item = (usize, ReplicaNumber)> {
        self.behind.iter().flat_map(|place| {
            let origin = self.origins.get(*place);
            let replicas = origin.into_iter().flat_map(|origin| {
                let issuer = &origin.issuer;
                let serves = |replica: &ReplicaNumber| {
                    issuer.settings().topology.has(*replica, SvidType::X509)
                };
                issuer.running_replicas().filter(serves)
            });
            replicas.map(|replica| (*place, replica))
        })
    }

    /// What a poll at `at` brings.
    fn look(&mut self, at: Timestamp) -> Vec<Look> {
        let unlucky = self.monitor.is_unlucky();
        if unlucky || self.down_until.is_some_and(|until| at < until) {
            return vec![unanswered(FailureReason::Timeout, "no answer within the deadline")];
        }
        let count = self.servers().count();
        if count == 0 {
            return vec![unanswered(FailureReason::Connect, "connection refused")];
        }
        if self.scenario.observer.probes_all_addresses {
            let servers: Vec<_> = self.servers().collect();
            let looks = servers.into_iter().map(|(origin, replica)| {
                let host = u64::from(replica.0).saturating_add(1);
                let host = u8::try_from(host).unwrap_or(u8::MAX);
                let host = host.saturating_add(if origin == 0 { 0 } else { 100 });
                self.ask(at, origin, replica, address(host))
            });
            return looks.collect();
        }
        let chosen = self.monitor.choose(count);
        let server = self.servers().nth(chosen);
        server
            .map(|(origin, replica)| self.ask(at, origin, replica, address(1)))
            .into_iter()
            .collect()
    }

    /// What one server answers.
    fn ask(
        &mut self,
        at: Timestamp,
        place: usize,
        replica: ReplicaNumber,
        address: IpAddr,
    ) -> Look {
        let failed = |presentation, reason, detail| {
            let outcome = LookOutcome::Failed(reason, detail);
            Look { address, origin: place, presentation, outcome }
        };
        let authentication = self.scenario.observer.authentication;
        let Some(origin) = self.origins.get_mut(place) else {
            return failed(None, FailureReason::Connect, "connection refused");
        };
        let presentation = match authentication {
            Authentication::Web => None,
            Authentication::Spiffe | Authentication::Recorded => origin.presents(replica, at),
        };
        if authentication == Authentication::Spiffe {
            let now = self.monitor.clock(at);
            let fault = match &presentation {
                None => Some((FailureReason::Tls, "the endpoint presents no certificate")),
                Some(shown) if !self.monitor.trusts(&shown.anchor) => {
                    Some((FailureReason::UntrustedChain, "the chain ends in no known authority"))
                }
                Some(shown) if !is_valid(shown.svid.validity, now) => {
                    Some((FailureReason::Expired, "the certificate is not valid now"))
                }
                Some(_) => None,
            };
            if let Some((reason, detail)) = fault {
                return failed(presentation, reason, detail);
            }
        }
        let Some(mut version) = origin.latest().map(Arc::clone) else {
            return failed(presentation, FailureReason::Status, "the endpoint answered 404");
        };
        for tampering in &mut self.tampering {
            version = tampering.serve(at, replica, origin, version, &mut self.numbers);
        }
        Look { address, origin: place, presentation, outcome: LookOutcome::Served(version) }
    }

    /// Has the monitor observe a poll. Returns the turn that it makes of it, where it is news.
    fn observe(&mut self, at: Timestamp, looks: Vec<Look>) -> Option<Turn> {
        self.monitor.observe(at, &looks).then(|| self.turn(at, looks))
    }

    /// Makes a turn of what was seen.
    fn turn(&mut self, at: Timestamp, looks: Vec<Look>) -> Turn {
        let verifies = self.scenario.observer.authentication == Authentication::Spiffe;
        let mut answers = Vec::with_capacity(looks.len());
        let mut is_good = false;
        for Look { address, origin, presentation, outcome } in looks {
            let origin = self.origins.get(origin);
            let mut presented =
                presentation.as_ref().and_then(|shown| origin?.certificates(shown.svid));
            let outcome = match outcome {
                LookOutcome::Failed(reason, detail) => Outcome::Failed { reason, detail },
                LookOutcome::Served(version) => {
                    is_good = true;
                    if let (true, Some(presented), Some(shown)) =
                        (verifies, &mut presented, &presentation)
                    {
                        presented.anchor = Some(shown.anchor);
                    }
                    let authenticated_by = verifies.then_some(if self.is_new {
                        TrustOrigin::Bootstrap
                    } else {
                        TrustOrigin::Latest
                    });
                    Outcome::Served { version, authenticated_by }
                }
            };
            answers.push(Answered { address, presented, outcome });
        }
        self.is_new &= !is_good;
        Turn { at: self.monitor.clock(at), skipped: self.monitor.take_skipped(), answers }
    }
}

impl Iterator for World {
    type Item = Turn;

    fn next(&mut self) -> Option<Turn> {
        if let Some(turn) = self.next.take() {
            return Some(turn);
        }
        loop {
            let at = self.monitor.next_at;
            if self.ends < at {
                return None;
            }
            self.bring_to(at);
            if let Some(until) = self.away_until.filter(|until| at < *until) {
                self.monitor.next_at = until;
                continue;
            }
            let looks = self.look(at);
            if self.held.is_none() && self.monitor.may_be_alone(&looks) {
                self.held = Some((at, looks));
                self.monitor.schedule(at, PollResult::Failed);
                continue;
            }
            let held = self.held.take().filter(|_| !self.monitor.is_as_ever(at, &looks));
            let before = held.and_then(|(then, held)| self.observe(then, held));
            let failed = looks.iter().all(Look::is_failure);
            let result = if failed { PollResult::Failed } else { PollResult::Answered };
            let turn = self.observe(at, looks);
            self.monitor.schedule(at, result);
            if before.is_some() {
                self.next = turn;
                return before;
            }
            if turn.is_some() {
                return turn;
            }
        }
    }
}

/// Has the servers begin so long ago that they prune as much as they publish, unless the scenario says
/// otherwise, each at a moment of its own.
fn start_servers(
    origin: &mut SimulatedIssuer,
    scenario: &Scenario,
    random: &mut Random,
    begins: Timestamp,
) {
    let settings = &scenario.issuer;
    let history = [settings.ca_ttl, settings.prune_safety, settings.prune_tick, settings.period()]
        .into_iter()
        .fold(Duration::ZERO, Duration::saturating_add);
    let history = history.saturating_add(settings.period());
    let (age, spread) = match scenario.servers_age {
        Some(age) => (age, age),
        None => (history, settings.period()),
    };
    let first = begins.saturating_sub(age);
    for replica in (0..scenario.replicas).map(ReplicaNumber) {
        let at = first.saturating_add(random.duration(spread));
        let start = Intervention::Start { replica, keys: KeyStore::Kept };
        origin.issuer.plan(origin.own_time(at), start);
        if scenario.longest_drift.is_zero() {
            continue;
        }
        // A preparation that fails for a while puts off that key and every one after it.
        let lasting =
            (settings.period() / 2).saturating_add(random.duration(scenario.longest_drift));
        let before = at.saturating_add(settings.period() / 2);
        let svid_type = SvidType::Jwt;
        let fails = Intervention::FailPreparations { replica, svid_type, lasting };
        origin.issuer.plan(origin.own_time(before), fails);
    }
}

fn unanswered(reason: FailureReason, detail: &'static str) -> Look {
    let outcome = LookOutcome::Failed(reason, detail);
    Look { address: address(1), origin: 0, presentation: None, outcome }
}

fn address(host: u8) -> IpAddr {
    let [a, b, c] = NETWORK;
    Ipv4Addr::new(a, b, c, host).into()
}

/// Whether an SVID may be presented at `now`: one that a clock made which is up to a minute ahead
/// is, as for the live client.
fn is_valid(validity: Validity, now: Timestamp) -> bool {
    validity.contains(now) || validity.contains(now.saturating_add(Policy::CLOCK_SKEW))
}

#[cfg(test)]
mod tests;
